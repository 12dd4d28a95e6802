package image

/*
#include "shim.h"
*/
import "C"

import (
	"context"
	"errors"
	"io"
	"runtime"
	"unsafe"
)

// Loader is a source of images. Its methods are called on the goroutine that called the library,
// several at once if the program uses several goroutines. What it returns is verified, so it need
// not be trusted. A missing manifest or blob is an error that is fs.ErrNotExist or NotFound; a
// panic becomes a *PanicError. A method must not end its goroutine (runtime.Goexit, testing's
// FailNow): frames of the library are below it.
type Loader interface {
	// RootDigest returns the digest of the root manifest, or "" where it is not known.
	RootDigest(ctx context.Context) (string, error)
	// OpenRootManifest opens the index or manifest to start from.
	OpenRootManifest(ctx context.Context) (io.ReadCloser, error)
	// OpenManifest opens the manifest or index with this digest.
	OpenManifest(ctx context.Context, digest string) (io.ReadCloser, error)
	// OpenBlob opens the config, layer or other blob with this digest.
	OpenBlob(ctx context.Context, digest string) (io.ReadCloser, error)
}

// SourceOptions say how a layout or archive is opened. The zero value is the default.
type SourceOptions struct {
	RefName         string // only images of this name or tag
	MaxUnpackedSize uint64 // bytes that a compressed archive may unpack to; 0 is no limit
	MaxDocumentSize uint64 // bytes of one document read at open; 0 is 4 MiB
	FollowLinks     bool   // links of a layout may lead out of it
}

// Source is an opened layout, archive, or Loader.
type Source struct {
	ptr     *C.ociimg_loader
	cleanup runtime.Cleanup
	builtin bool // without callbacks in Go
}

func newSource(ptr *C.ociimg_loader, builtin bool) *Source {
	s := &Source{ptr: ptr, builtin: builtin}
	s.cleanup = runtime.AddCleanup(s, func(ptr *C.ociimg_loader) { C.ociimg_loader_free(ptr) }, ptr)
	return s
}

// Close frees the source. What was loaded from it stays usable.
func (s *Source) Close() error {
	if s.ptr != nil {
		s.cleanup.Stop()
		C.ociimg_loader_free(s.ptr)
		s.ptr = nil
	}
	return nil
}

// Open opens an OCI image layout or an archive, by the content of the path. options may be nil.
func Open(ctx context.Context, path string, options *SourceOptions) (*Source, error) {
	scope := enter(ctx, true)
	defer scope.end()
	var opts C.ociimg_source_options
	opts.struct_size = C.size_t(unsafe.Sizeof(opts))
	if options != nil {
		opts.ref_name = cString(options.RefName)
		defer freeString(opts.ref_name)
		opts.max_unpacked_size = C.uint64_t(options.MaxUnpackedSize)
		opts.max_document_size = C.uint64_t(options.MaxDocumentSize)
		if options.FollowLinks {
			opts.flags = C.OCIIMG_SOURCE_FOLLOW_LINKS
		}
	}
	name := C.CString(path)
	defer freeString(name)
	var out *C.ociimg_loader
	var err *C.ociimg_error
	status := C.ociimg_loader_open(name, &opts, scope.context, &out, &err)
	if e := scope.take(status, err); e != nil {
		return nil, e
	}
	return newSource(out, true), nil
}

// NewSource makes a source of a Loader. If the Loader is an io.Closer, it is closed when nothing
// uses it any more.
func NewSource(loader Loader) (*Source, error) {
	state := newState(loader)
	var out *C.ociimg_loader
	var err *C.ociimg_error
	status := C.goociimg_loader_new(state, &out, &err)
	if e := noScope.take(status, err); e != nil {
		goociimgRelease(state)
		return nil, e
	}
	return newSource(out, false), nil
}

func loaderOf(state C.uintptr_t) Loader { return stateOf(state).(Loader) }

//export goociimgRootDigest
func goociimgRootDigest(state, running C.uintptr_t, buf *C.char, size C.size_t, served *C.ociimg_call) C.int32_t {
	c := callOf(running)
	var digest string
	err := c.run(func() (err error) {
		digest, err = loaderOf(state).RootDigest(c.ctx)
		return err
	})
	if err != nil {
		return c.fail(err, served)
	}
	if len(digest) >= int(size) {
		return c.fail(errors.New("RootDigest: the digest is too long"), served)
	}
	copy(unsafe.Slice((*byte)(unsafe.Pointer(buf)), int(size)-1), digest)
	return C.OCIIMG_STATUS_OK
}

//export goociimgOpen
func goociimgOpen(state, running C.uintptr_t, what C.int, digest *C.char, stream *C.uintptr_t, served *C.ociimg_call) C.int32_t {
	c := callOf(running)
	var opened io.ReadCloser
	err := c.run(func() (err error) {
		loader := loaderOf(state)
		switch what {
		case 0:
			opened, err = loader.OpenRootManifest(c.ctx)
		case 1:
			opened, err = loader.OpenManifest(c.ctx, C.GoString(digest))
		default:
			opened, err = loader.OpenBlob(c.ctx, C.GoString(digest))
		}
		return err
	})
	if err == nil && opened == nil {
		err = errors.New("the Loader returned neither a stream nor an error")
	}
	if err != nil {
		return c.fail(err, served)
	}
	*stream = streams.add(opened)
	return C.OCIIMG_STATUS_OK
}

//export goociimgRead
func goociimgRead(stream, running C.uintptr_t, buf *C.uint8_t, size C.size_t, n *C.size_t, served *C.ociimg_call) C.int32_t {
	c := callOf(running)
	reader := streams.get(stream)
	into := unsafe.Slice((*byte)(unsafe.Pointer(buf)), int(size))
	read := 0
	err := c.run(func() (err error) {
		// Readers may give 0 bytes without an error; for the library that is the end.
		for tries := 0; read == 0 && err == nil; tries++ {
			if tries == 100 {
				return io.ErrNoProgress
			}
			read, err = reader.Read(into)
		}
		return err
	})
	if read < 0 || read > len(into) {
		return c.fail(errors.New("Read returned a number that is out of range"), served)
	}
	if err != nil && !(read > 0 || errors.Is(err, io.EOF)) {
		return c.fail(err, served)
	}
	// An error beside bytes comes again with the next read.
	*n = C.size_t(read)
	return C.OCIIMG_STATUS_OK
}

//export goociimgClose
func goociimgClose(stream C.uintptr_t) {
	reader := streams.remove(stream)
	// There is nobody to report a failure to: what was read is verified without it.
	_ = guarded(reader.Close)
}
