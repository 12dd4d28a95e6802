package image

/*
#cgo noescape goociimg_read
#cgo noescape goociimg_read_builtin
#cgo nocallback goociimg_read_builtin
#include <stdlib.h>
#include "shim.h"
*/
import "C"

import (
	"io"
	"runtime"
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
	handles *readerHandles
	scope   scope
	builtin bool
	cleanup runtime.Cleanup
}

// readerHandles are what a reader owns in C.
type readerHandles struct {
	reader *C.ociimg_reader
	result *C.goociimg_result
}

func (h *readerHandles) free() {
	C.ociimg_reader_free(h.reader)
	C.free(unsafe.Pointer(h.result))
}

func newReader(scope scope, builtin bool, out *C.ociimg_reader, status C.ociimg_status, err *C.ociimg_error) (*Reader, error) {
	if e := scope.call.take(status, err); e != nil {
		scope.end()
		return nil, e
	}
	handles := &readerHandles{out, (*C.goociimg_result)(C.calloc(1, C.sizeof_goociimg_result))}
	r := &Reader{handles: handles, scope: scope, builtin: builtin}
	r.cleanup = runtime.AddCleanup(r, func(owned readerOwned) { owned.free() }, readerOwned{handles, scope})
	return r, nil
}

type readerOwned struct {
	handles *readerHandles
	scope   scope
}

func (o readerOwned) free() {
	o.handles.free()
	o.scope.end()
}

// Read reads up to len(p) bytes. io.EOF says that all that was read is verified.
func (r *Reader) Read(p []byte) (int, error) {
	if r.handles == nil {
		return 0, io.ErrClosedPipe
	}
	if len(p) == 0 {
		return 0, nil
	}
	defer runtime.KeepAlive(r)
	result := r.handles.result
	var status C.ociimg_status
	if r.builtin {
		status = C.goociimg_read_builtin(r.handles.reader, cBytes(p), C.size_t(len(p)), result)
	} else {
		status = C.goociimg_read(r.handles.reader, cBytes(p), C.size_t(len(p)), result)
	}
	if status != C.OCIIMG_STATUS_OK {
		err := result.err
		result.err = nil
		return 0, r.scope.call.take(status, err)
	}
	if result.n == 0 {
		return 0, io.EOF
	}
	return int(result.n), nil
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
	if r.handles == nil {
		return io.ErrClosedPipe
	}
	defer runtime.KeepAlive(r)
	var err *C.ociimg_error
	status := C.ociimg_reader_finish(r.handles.reader, &err)
	return r.scope.call.take(status, err)
}

// Verified reports whether the verified end was reached.
func (r *Reader) Verified() bool {
	if r.handles == nil {
		return false
	}
	defer runtime.KeepAlive(r)
	return toBool(C.ociimg_reader_is_verified(r.handles.reader))
}

// StoredRead returns the bytes of the stored blob that were read so far.
func (r *Reader) StoredRead() uint64 {
	if r.handles == nil {
		return 0
	}
	defer runtime.KeepAlive(r)
	return uint64(C.ociimg_reader_stored_read(r.handles.reader))
}

// Close frees the reader. It returns ErrNotVerified if the verified end was not reached.
func (r *Reader) Close() error {
	if r.handles == nil {
		return nil
	}
	verified := r.Verified()
	r.cleanup.Stop()
	readerOwned{r.handles, r.scope}.free()
	r.handles = nil
	if !verified {
		return ErrNotVerified
	}
	return nil
}
