package image

/*
#include "shim.h"
*/
import "C"

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"unsafe"
)

// Sink is where images go. Its methods run on the goroutines that copy, concurrently if there are
// several. An error that is a Status keeps that status; one that is fs.ErrNotExist or
// fs.ErrPermission becomes NotFound or Denied, any other CallbackFailed. All of them come back as
// themselves through errors.Is and errors.As.
type Sink interface {
	// HasBlob reports whether the complete blob is there: then its source is not read.
	HasBlob(ctx context.Context, d Descriptor) (bool, error)
	// BeginBlob begins a blob. offset is the number of its bytes that are there from an earlier
	// attempt, which are not written again. An error that is Exists: the blob is there.
	BeginBlob(ctx context.Context, d Descriptor) (w BlobWriter, offset uint64, err error)
	// PutManifest stores a manifest or index below a root, complete and verified, after all that
	// it names.
	PutManifest(ctx context.Context, d Descriptor, content []byte) error
	// PutRoot stores a root, after everything else: once for each name, or once with the name "".
	// It replaces what has the name.
	PutRoot(ctx context.Context, d Descriptor, content []byte, name string) error
	// Finish is called once, by Target.Finish.
	Finish(ctx context.Context) error
}

// BlobWriter receives one blob. Exactly one of Commit and Abort is called, and nothing after it. An
// error of Write is followed by Abort. An error that is Restart, from Write or Commit, asks for the
// blob again, from its BeginBlob on.
type BlobWriter interface {
	// Writer's slices are valid until Write returns.
	io.Writer
	// Commit makes the blob visible; its size and digest were right. An error that is Exists
	// (another writer was faster) counts as success.
	Commit(ctx context.Context) error
	// Abort ends the blob without making anything visible.
	Abort()
}

// Target is an opened sink. Several copies may write to one at once.
type Target struct {
	ptr     *C.ociimg_sink
	cleanup runtime.Cleanup
}

func newTarget(ptr *C.ociimg_sink) *Target {
	t := &Target{ptr: ptr}
	t.cleanup = runtime.AddCleanup(t, func(ptr *C.ociimg_sink) { C.ociimg_sink_free(ptr) }, ptr)
	return t
}

// SinkOptions say how a layout or archive is written. The zero value is the default.
type SinkOptions struct {
	MustBeNew      bool        // Exists where something is there
	VerifyExisting bool        // layouts: hash layers that are there, instead of comparing sizes
	NoSync         bool        // do not wait until content is on the disk
	Docker         bool        // archives: write manifest.json too, for docker load
	Compression    Compression // of an archive as a whole; the default is none
	Level          int32       // of the compression; 0 is 6 for gzip, 3 for zstd
}

func (o *SinkOptions) handle() C.ociimg_sink_options {
	var opts C.ociimg_sink_options
	opts.struct_size = C.size_t(unsafe.Sizeof(opts))
	if o == nil {
		return opts
	}
	for _, flag := range []struct {
		set bool
		bit C.uint32_t
	}{
		{o.MustBeNew, C.OCIIMG_SINK_MUST_BE_NEW},
		{o.VerifyExisting, C.OCIIMG_SINK_VERIFY_EXISTING},
		{o.NoSync, C.OCIIMG_SINK_NO_SYNC},
		{o.Docker, C.OCIIMG_SINK_DOCKER},
	} {
		if flag.set {
			opts.flags |= flag.bit
		}
	}
	opts.compression = C.ociimg_compression(o.Compression)
	opts.level = C.int32_t(o.Level)
	return opts
}

// NewLayout opens a layout folder to write to, created if absent. options may be nil.
func NewLayout(path string, options *SinkOptions) (*Target, error) {
	name := C.CString(path)
	defer freeString(name)
	opts := options.handle()
	var out *C.ociimg_sink
	var err *C.ociimg_error
	status := C.ociimg_sink_open_layout(name, &opts, &out, &err)
	if e := noScope.take(status, err); e != nil {
		return nil, e
	}
	return newTarget(out), nil
}

// NewArchive opens an archive file to write to, which appears when Finish succeeds. options may be
// nil.
func NewArchive(path string, options *SinkOptions) (*Target, error) {
	name := C.CString(path)
	defer freeString(name)
	opts := options.handle()
	var out *C.ociimg_sink
	var err *C.ociimg_error
	status := C.ociimg_sink_open_archive(name, &opts, &out, &err)
	if e := noScope.take(status, err); e != nil {
		return nil, e
	}
	return newTarget(out), nil
}

// NewArchiveStream writes an archive to a Writer. options may be nil.
func NewArchiveStream(w io.Writer, options *SinkOptions) (*Target, error) {
	opts := options.handle()
	state := newState(w)
	var out *C.ociimg_sink
	var err *C.ociimg_error
	status := C.goociimg_archive_stream(state, &opts, &out, &err)
	if e := noScope.take(status, err); e != nil {
		goociimgRelease(state)
		return nil, e
	}
	return newTarget(out), nil
}

// NewTarget makes a target of a Sink, of which maxStreams blobs may be open at once; 0 is any
// number.
func NewTarget(sink Sink, maxStreams uint32) (*Target, error) {
	state := newState(sink)
	var out *C.ociimg_sink
	var err *C.ociimg_error
	status := C.goociimg_sink_new(state, C.uint32_t(maxStreams), &out, &err)
	if e := noScope.take(status, err); e != nil {
		goociimgRelease(state)
		return nil, e
	}
	return newTarget(out), nil
}

// Finish completes the target, once, after all copies: an archive appears when it succeeds.
func (t *Target) Finish(ctx context.Context) error {
	scope := enter(ctx, false)
	defer scope.end()
	defer runtime.KeepAlive(t)
	var err *C.ociimg_error
	status := C.ociimg_sink_finish(t.ptr, scope.context, &err)
	return scope.take(status, err)
}

// Close frees the target; without Finish before it, everything that is not visible is discarded.
func (t *Target) Close() error {
	if t.ptr != nil {
		t.cleanup.Stop()
		C.ociimg_sink_free(t.ptr)
		t.ptr = nil
	}
	return nil
}

func sinkOf(state C.uintptr_t) Sink { return stateOf(state).(Sink) }

// bytesOf returns memory of the library, which is valid until the callback returns.
func bytesOf(buf *C.uint8_t, size C.size_t) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(buf)), int(size))
}

// answer returns the status of a callback that ended with err.
func (c *call) answer(err error, served *C.ociimg_call) C.int32_t {
	if err != nil {
		return c.fail(err, served)
	}
	return C.OCIIMG_STATUS_OK
}

//export goociimgHasBlob
func goociimgHasBlob(state, running C.uintptr_t, d *C.ociimg_descriptor, present *C.ociimg_bool, served *C.ociimg_call) C.int32_t {
	c := callOf(running)
	return c.answer(c.run(func() error {
		has, err := sinkOf(state).HasBlob(c.ctx, *copyDescriptor(d))
		*present = cBool(has)
		return err
	}), served)
}

//export goociimgBeginBlob
func goociimgBeginBlob(state, running C.uintptr_t, d *C.ociimg_descriptor, stream *C.uintptr_t, offset *C.uint64_t, served *C.ociimg_call) C.int32_t {
	c := callOf(running)
	return c.answer(c.run(func() error {
		w, at, err := sinkOf(state).BeginBlob(c.ctx, *copyDescriptor(d))
		if err == nil && w == nil {
			err = errors.New("BeginBlob returned neither a writer nor an error")
		}
		if err != nil {
			return err
		}
		*offset = C.uint64_t(at)
		*stream = newState(w)
		return nil
	}), served)
}

//export goociimgWriteBlob
func goociimgWriteBlob(stream, running C.uintptr_t, buf *C.uint8_t, size C.size_t, served *C.ociimg_call) C.int32_t {
	return writeAll(stateOf(stream).(io.Writer), running, buf, size, served)
}

//export goociimgWriteArchive
func goociimgWriteArchive(state, running C.uintptr_t, buf *C.uint8_t, size C.size_t, served *C.ociimg_call) C.int32_t {
	return writeAll(stateOf(state).(io.Writer), running, buf, size, served)
}

func writeAll(w io.Writer, running C.uintptr_t, buf *C.uint8_t, size C.size_t, served *C.ociimg_call) C.int32_t {
	c := callOf(running)
	return c.answer(c.run(func() error {
		n, err := w.Write(bytesOf(buf, size))
		if err == nil && n != int(size) {
			err = io.ErrShortWrite
		}
		return err
	}), served)
}

//export goociimgCommitBlob
func goociimgCommitBlob(stream, running C.uintptr_t, served *C.ociimg_call) C.int32_t {
	c := callOf(running)
	w := stateOf(stream).(BlobWriter)
	goociimgRelease(stream)
	return c.answer(c.run(func() error { return w.Commit(c.ctx) }), served)
}

//export goociimgAbortBlob
func goociimgAbortBlob(stream C.uintptr_t) {
	w := stateOf(stream).(BlobWriter)
	goociimgRelease(stream)
	_ = guarded(func() error { w.Abort(); return nil })
}

//export goociimgPutManifest
func goociimgPutManifest(state, running C.uintptr_t, d *C.ociimg_descriptor, buf *C.uint8_t, size C.size_t, served *C.ociimg_call) C.int32_t {
	c := callOf(running)
	return c.answer(c.run(func() error {
		return sinkOf(state).PutManifest(c.ctx, *copyDescriptor(d), bytes.Clone(bytesOf(buf, size)))
	}), served)
}

//export goociimgPutRoot
func goociimgPutRoot(state, running C.uintptr_t, d *C.ociimg_descriptor, buf *C.uint8_t, size C.size_t, name *C.char, served *C.ociimg_call) C.int32_t {
	c := callOf(running)
	return c.answer(c.run(func() error {
		return sinkOf(state).PutRoot(c.ctx, *copyDescriptor(d), bytes.Clone(bytesOf(buf, size)), goString(name))
	}), served)
}

//export goociimgFinish
func goociimgFinish(state, running C.uintptr_t, served *C.ociimg_call) C.int32_t {
	c := callOf(running)
	return c.answer(c.run(func() error { return sinkOf(state).Finish(c.ctx) }), served)
}
