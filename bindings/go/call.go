package image

/*
#include <stdlib.h>
#include "shim.h"
*/
import "C"

import (
	"context"
	"runtime/cgo"
	"sync"
	"unsafe"
)

// call is what the library carries from a call to the callbacks that run in it: the Go context,
// and the errors of callbacks, so that they come back as themselves.
type call struct {
	ctx    context.Context
	mu     sync.Mutex
	errors []error
}

// remember returns the number under which causeOf finds the error. Numbers start at 1.
func (c *call) remember(err error) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	// A stream that fails again and again must not grow the list.
	if len(c.errors) == maxErrors {
		c.errors = c.errors[:maxErrors-1]
	}
	c.errors = append(c.errors, err)
	return int64(len(c.errors))
}

const maxErrors = 1 << 16

func (c *call) causeOf(number int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if number < 1 || number > int64(len(c.errors)) {
		return nil
	}
	return c.errors[number-1]
}

// scope is a call together with the library's context for it.
type scope struct {
	call    *call
	context *C.ociimg_context
	stop    func() bool
}

// enter makes the library's context for a Go context. end must be called.
func enter(ctx context.Context) scope {
	c := &call{ctx: ctx}
	s := scope{call: c, context: C.goociimg_context_new(C.uintptr_t(cgo.NewHandle(c)))}
	if ctx.Done() != nil {
		watched := C.ociimg_context_clone(s.context)
		var once sync.Once
		free := func() { once.Do(func() { C.ociimg_context_free(watched) }) }
		stop := context.AfterFunc(ctx, func() {
			C.ociimg_context_cancel(watched)
			free()
		})
		s.stop = func() bool {
			stopped := stop()
			if stopped {
				free()
			}
			return stopped
		}
	}
	return s
}

// end stops watching the Go context. What was opened under it goes on.
func (s scope) end() {
	if s.stop != nil {
		s.stop()
	}
	C.ociimg_context_free(s.context)
}

//export goociimgRelease
func goociimgRelease(handle C.uintptr_t) { cgo.Handle(handle).Delete() }

// callOf finds the running call; callbacks outside one (close, destroy) have none.
func callOf(running C.uintptr_t) *call {
	if running == 0 {
		return &call{ctx: context.Background()}
	}
	return cgo.Handle(running).Value().(*call)
}

func goString(text *C.char) string {
	if text == nil {
		return ""
	}
	return C.GoString(text)
}

// cString returns NULL for "". It is freed with freeString.
func cString(text string) *C.char {
	if text == "" {
		return nil
	}
	return C.CString(text)
}

func freeString(text *C.char) { C.free(unsafe.Pointer(text)) }

// cStrings returns the texts in memory of C, and what frees them.
func cStrings(texts []string) (**C.char, func()) {
	if len(texts) == 0 {
		return nil, func() {}
	}
	list := (**C.char)(C.calloc(C.size_t(len(texts)), C.size_t(unsafe.Sizeof((*C.char)(nil)))))
	items := unsafe.Slice(list, len(texts))
	for i, text := range texts {
		items[i] = C.CString(text)
	}
	return list, func() {
		for _, item := range items {
			C.free(unsafe.Pointer(item))
		}
		C.free(unsafe.Pointer(list))
	}
}

// goBytes copies bytes that the library lends.
func goBytes(bytes *C.uint8_t, length C.size_t) []byte {
	if bytes == nil {
		return nil
	}
	copied := make([]byte, int(length))
	copy(copied, unsafe.Slice((*byte)(unsafe.Pointer(bytes)), int(length)))
	return copied
}

// cBytes returns the start of a slice, for a call that does not keep it.
func cBytes(bytes []byte) *C.uint8_t {
	return (*C.uint8_t)(unsafe.Pointer(unsafe.SliceData(bytes)))
}

func toBool(value C.ociimg_bool) bool { return value != 0 }

func cBool(value bool) C.ociimg_bool {
	if value {
		return 1
	}
	return 0
}
