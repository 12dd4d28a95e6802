package image

/*
// Without callbacks the stack cannot move while C writes to a buffer on it.
#cgo noescape goociimg_read_builtin
#cgo nocallback goociimg_read_builtin
#include "shim.h"
*/
import "C"

import (
	"context"
	"io"
	"runtime"
	"sync"
	"unsafe"
)

// ReaderOptions say how content is read. The zero value is the default, and so is nil.
type ReaderOptions struct {
	Stored              bool   // the blob as it is stored, not uncompressed
	MaxUncompressedSize uint64 // bytes that may come out; 0 is no limit
	MaxWindowSize       uint64 // of a zstd frame or xz stream; 0 is 128 MiB
	Workers             uint32 // threads that hash beside decompressing
}

func (o *ReaderOptions) handle() (C.ociimg_reader_options, C.ociimg_read_mode) {
	var opts C.ociimg_reader_options
	opts.struct_size = C.size_t(unsafe.Sizeof(opts))
	mode := C.ociimg_read_mode(C.OCIIMG_READ_MODE_UNCOMPRESSED)
	if o != nil {
		opts.max_uncompressed_size = C.uint64_t(o.MaxUncompressedSize)
		opts.max_window_size = C.uint64_t(o.MaxWindowSize)
		opts.workers = C.uint32_t(o.Workers)
		if o.Stored {
			mode = C.OCIIMG_READ_MODE_STORED
		}
	}
	return opts, mode
}

// Reader reads one blob. Bytes come out before the last of them was checked: only io.EOF says that
// size, digest and diff ID were right. A reader is used by one goroutine at a time.
type Reader struct {
	*readerOwned // nil when closed
	builtin      bool
	cleanup      runtime.Cleanup
	read         int // bytes since the last yield
}

// yieldAfter is how many bytes are read between two yields. Go's monitor takes the P from a
// goroutine that was not rescheduled for 10 ms in each call of C that it finds it in, and wakes
// another thread for it: a fifth of the time that reading takes.
const yieldAfter = 512 << 10

// readerOwned is what a reader owns, in one allocation, which is used again after Close.
type readerOwned struct {
	c     *C.goociimg_reader
	scope scope
	call  call
}

var closedReaders sync.Pool

// newReader takes what open returns for the context of the library.
func newReader(ctx context.Context, builtin bool, open func(*C.ociimg_context) *C.goociimg_reader, earlier ...*call) (*Reader, error) {
	owned, ok := closedReaders.Get().(*readerOwned)
	if !ok {
		owned = new(readerOwned)
	}
	if builtin {
		owned.scope = enterWith(ctx, nil)
	} else {
		owned.scope = enterWith(ctx, &owned.call)
	}
	owned.c = open(owned.scope.context)
	if owned.c.status != C.OCIIMG_STATUS_OK {
		err := owned.scope.take(owned.c.status, owned.c.err, earlier...)
		owned.free()
		return nil, err
	}
	r := &Reader{readerOwned: owned, builtin: builtin}
	r.cleanup = runtime.AddCleanup(r, (*readerOwned).free, owned)
	return r, nil
}

func (o *readerOwned) free() {
	C.goociimg_reader_free(o.c)
	o.scope.end()
}

// Read reads up to len(p) bytes. io.EOF says that all that was read is verified.
func (r *Reader) Read(p []byte) (int, error) {
	if r.readerOwned == nil {
		return 0, io.ErrClosedPipe
	}
	if len(p) == 0 {
		return 0, nil
	}
	defer runtime.KeepAlive(r)
	r.scope.cancelNow()
	var status C.ociimg_status
	if r.builtin {
		status = C.goociimg_read_builtin(r.c, cBytes(p), C.size_t(len(p)))
	} else {
		status = C.goociimg_read(r.c, cBytes(p), C.size_t(len(p)))
	}
	if status != C.OCIIMG_STATUS_OK {
		err := r.c.err
		r.c.err = nil
		return 0, r.scope.take(status, err)
	}
	if r.c.n == 0 {
		return 0, io.EOF
	}
	if r.read += int(r.c.n); r.read >= yieldAfter {
		r.read = 0
		runtime.Gosched()
	}
	return int(r.c.n), nil
}

// WriteTo writes everything to w, up to the verified end.
func (r *Reader) WriteTo(w io.Writer) (int64, error) {
	buffer := make([]byte, 64<<10)
	var written int64
	for {
		n, err := r.Read(buffer)
		if n > 0 {
			m, werr := w.Write(buffer[:n])
			written += int64(m)
			if werr != nil {
				return written, werr
			}
			if m < n {
				return written, io.ErrShortWrite
			}
		}
		if err == io.EOF {
			return written, nil
		}
		if err != nil {
			return written, err
		}
	}
}

// Finish reads the rest and verifies, for a consumer that stops before the end, as archive/tar
// does at the blocks of zeros.
func (r *Reader) Finish() error {
	if r.readerOwned == nil {
		return io.ErrClosedPipe
	}
	defer runtime.KeepAlive(r)
	r.scope.cancelNow()
	var err *C.ociimg_error
	status := C.ociimg_reader_finish(r.c.reader, &err)
	return r.scope.take(status, err)
}

// Verified reports whether the verified end was reached.
func (r *Reader) Verified() bool {
	if r.readerOwned == nil {
		return false
	}
	defer runtime.KeepAlive(r)
	return toBool(C.ociimg_reader_is_verified(r.c.reader))
}

// StoredRead returns the bytes of the stored blob that were read so far.
func (r *Reader) StoredRead() uint64 {
	if r.readerOwned == nil {
		return 0
	}
	defer runtime.KeepAlive(r)
	return uint64(C.ociimg_reader_stored_read(r.c.reader))
}

// Close frees the reader. It returns ErrNotVerified if the verified end was not reached.
func (r *Reader) Close() error {
	if r.readerOwned == nil {
		return nil
	}
	verified := r.Verified()
	r.cleanup.Stop()
	owned := r.readerOwned
	r.readerOwned = nil
	owned.free()
	if r.builtin || owned.call.released.Load() {
		*owned = readerOwned{}
		closedReaders.Put(owned)
	}
	if !verified {
		return ErrNotVerified
	}
	return nil
}
