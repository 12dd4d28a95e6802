package image

/*
#include <stdlib.h>
#include "shim.h"
*/
import "C"

import (
	"context"
	"io"
	"runtime/cgo"
	"sync"
	"sync/atomic"
	"unsafe"
)

// call is what callbacks in Go find out about the call that they run in: its Go context, and a
// place for their errors, which come back as themselves.
type call struct {
	ctx      context.Context
	mu       sync.Mutex
	failures map[int64]error
	released atomic.Bool // C holds it no longer
}

// watch cancels a context of the library when a Go context is done. Its function is made once:
// watches are used again, so that opening a reader allocates less.
type watch struct {
	context *C.ociimg_context
	cancel  func()
}

var watches sync.Pool

// newWatch takes the context of the library.
func newWatch(context *C.ociimg_context) *watch {
	w, ok := watches.Get().(*watch)
	if !ok {
		w = new(watch)
		w.cancel = func() {
			C.ociimg_context_cancel(w.context)
			w.release()
		}
	}
	w.context = context
	return w
}

// release is called once, by whoever ends the watch.
func (w *watch) release() {
	C.ociimg_context_free(w.context)
	w.context = nil
	watches.Put(w)
}

// lastCode is the code of the latest failure of a callback. An error of the library may outlive
// its call (a broken entry keeps its own), so codes are unique in the process.
var lastCode atomic.Int64

// remember returns the code under which causeOf finds the error.
func (c *call) remember(err error) int64 {
	code := lastCode.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failures == nil {
		c.failures = map[int64]error{}
	}
	c.failures[code] = err
	return code
}

func (c *call) causeOf(code int64) error {
	if c == nil || code == 0 {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failures[code]
}

// table gives out integers for values that C holds. Unlike cgo.NewHandle it does not allocate for
// each, so it is for what is made again and again. 0 is no value.
type table[T any] struct {
	mu     sync.RWMutex
	values []T
	unused []C.uintptr_t
}

var (
	calls   table[*call]
	streams table[io.ReadCloser]
)

func (t *table[T]) add(value T) C.uintptr_t {
	t.mu.Lock()
	defer t.mu.Unlock()
	if last := len(t.unused) - 1; last >= 0 {
		handle := t.unused[last]
		t.unused = t.unused[:last]
		t.values[handle-1] = value
		return handle
	}
	t.values = append(t.values, value)
	return C.uintptr_t(len(t.values))
}

func (t *table[T]) get(handle C.uintptr_t) T {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.values[handle-1]
}

func (t *table[T]) remove(handle C.uintptr_t) T {
	t.mu.Lock()
	defer t.mu.Unlock()
	var none T
	value := t.values[handle-1]
	t.values[handle-1] = none
	t.unused = append(t.unused, handle)
	return value
}

// inUse returns the number of values that C holds.
func (t *table[T]) inUse() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.values) - len(t.unused)
}

// states counts the cgo.Handles that C holds: Loaders, Sinks and Writers.
var states atomic.Int64

func newState(value any) C.uintptr_t {
	states.Add(1)
	return C.uintptr_t(cgo.NewHandle(value))
}

func stateOf(handle C.uintptr_t) any { return cgo.Handle(handle).Value() }

// goociimgRelease is the destroy callback of Loaders, Sinks and Writers.
//
//export goociimgRelease
func goociimgRelease(handle C.uintptr_t) {
	cgo.Handle(handle).Delete()
	states.Add(-1)
}

// goociimgReleaseCall is the destroy callback of contexts.
//
//export goociimgReleaseCall
func goociimgReleaseCall(handle C.uintptr_t) { calls.remove(handle).released.Store(true) }

// scope is a call of the library under a Go context.
type scope struct {
	ctx     context.Context
	call    *call             // nil where nothing in Go is called back
	context *C.ociimg_context // NULL where, besides, nothing can cancel
	watched *watch
	stop    func() bool
}

// enter makes the library's context for a Go context. end must be called. With builtin, nothing in
// Go is called back under it.
func enter(ctx context.Context, builtin bool) scope {
	if builtin {
		return enterWith(ctx, nil)
	}
	return enterWith(ctx, new(call))
}

// enterWith is enter with the place of the call, which is nil where nothing in Go is called back.
func enterWith(ctx context.Context, own *call) scope {
	s := scope{ctx: ctx, call: own}
	if own == nil && ctx.Done() == nil {
		return s
	}
	var handle C.uintptr_t
	if own != nil {
		own.ctx = ctx
		handle = calls.add(own)
	}
	s.context = C.goociimg_context_new(handle)
	s.cancelNow()
	if ctx.Done() != nil {
		// A context of its own: end may free the other one while this is cancelled.
		s.watched = newWatch(C.ociimg_context_clone(s.context))
		s.stop = context.AfterFunc(ctx, s.watched.cancel)
	}
	return s
}

// cancelNow cancels without waiting for the goroutine of AfterFunc.
func (s *scope) cancelNow() {
	if s.context != nil && s.ctx.Err() != nil {
		C.ociimg_context_cancel(s.context)
	}
}

// end stops watching the Go context. What was opened under it stays usable.
func (s scope) end() {
	// Otherwise AfterFunc's function releases it.
	if s.stop != nil && s.stop() {
		s.watched.release()
	}
	if s.context != nil {
		C.ociimg_context_free(s.context)
	}
}

// callOf finds the running call; callbacks outside one (close, destroy) have none.
func callOf(running C.uintptr_t) *call {
	if running == 0 {
		return &call{ctx: context.Background()}
	}
	return calls.get(running)
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
