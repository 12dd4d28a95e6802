package image

/*
#include "shim.h"
*/
import "C"

import (
	"context"
	"io"
	"runtime"
	"unsafe"
)

// Layer is a layer of an image, or one that was made. Several goroutines may use one.
type Layer struct {
	ptr     *C.ociimg_layer
	builtin bool
}

func newLayer(ptr *C.ociimg_layer, builtin bool) *Layer {
	l := &Layer{ptr: ptr, builtin: builtin}
	runtime.AddCleanup(l, func(ptr *C.ociimg_layer) { C.ociimg_layer_free(ptr) }, ptr)
	return l
}

// Descriptor returns the layer's descriptor.
func (l *Layer) Descriptor() Descriptor {
	defer runtime.KeepAlive(l)
	return *takeDescriptor(C.ociimg_layer_descriptor(l.ptr))
}

// Digest returns the digest of the stored blob.
func (l *Layer) Digest() string {
	defer runtime.KeepAlive(l)
	return goString(C.ociimg_layer_digest(l.ptr))
}

// Size returns the size of the stored blob in bytes.
func (l *Layer) Size() uint64 {
	defer runtime.KeepAlive(l)
	return uint64(C.ociimg_layer_size(l.ptr))
}

// DiffID returns the digest of the uncompressed content, or "" where the config has none.
func (l *Layer) DiffID() string {
	defer runtime.KeepAlive(l)
	return goString(C.ociimg_layer_diff_id(l.ptr))
}

// ChainID returns the chain ID of the layer and all below it, or "".
func (l *Layer) ChainID() string {
	defer runtime.KeepAlive(l)
	return goString(C.ociimg_layer_chain_id(l.ptr))
}

// OCIMediaType returns the OCI name of the media type, also of a Docker layer.
func (l *Layer) OCIMediaType() string {
	defer runtime.KeepAlive(l)
	return goString(C.ociimg_layer_oci_media_type(l.ptr))
}

// Open opens the layer. options may be nil. The reader stops with ctx.
func (l *Layer) Open(ctx context.Context, options *ReaderOptions) (*Reader, error) {
	defer runtime.KeepAlive(l)
	opts, mode := options.handle()
	return newReader(ctx, l.builtin, func(ctx *C.ociimg_context) *C.goociimg_reader {
		return C.goociimg_layer_open(l.ptr, mode, opts, ctx)
	})
}

// Compression is that of a new layer or archive.
type Compression int32

// The compressions. DefaultCompression is gzip for layers, and none for archives.
const (
	DefaultCompression Compression = C.OCIIMG_COMPRESSION_DEFAULT
	NoCompression      Compression = C.OCIIMG_COMPRESSION_NONE
	Gzip               Compression = C.OCIIMG_COMPRESSION_GZIP
	Zstd               Compression = C.OCIIMG_COMPRESSION_ZSTD
)

// LayerOptions say how a layer is made. The zero value is the default, and so is nil.
type LayerOptions struct {
	Compression     Compression
	Level           int32  // 0: gzip 6, zstd 3
	DigestAlgorithm string // "" is sha256
	TempDir         string // "" is TMPDIR, else /tmp
	MaxMemory       uint64 // bytes kept in memory before a file is used; 0 is 1 MiB
	MaxSize         uint64 // bytes that may come in; 0 is no limit
	Workers         uint32 // threads that compress
	IsCompressed    bool   // what comes in is compressed already, and kept as it is
}

func (o *LayerOptions) handle() (*C.ociimg_layer_options, func()) {
	opts := new(C.ociimg_layer_options)
	opts.struct_size = C.size_t(unsafe.Sizeof(*opts))
	if o == nil {
		return opts, func() {}
	}
	opts.compression = C.ociimg_compression(o.Compression)
	opts.level = C.int32_t(o.Level)
	opts.digest_algorithm = cString(o.DigestAlgorithm)
	opts.temp_dir = cString(o.TempDir)
	opts.max_memory = C.uint64_t(o.MaxMemory)
	opts.max_size = C.uint64_t(o.MaxSize)
	opts.workers = C.uint32_t(o.Workers)
	if o.IsCompressed {
		opts.flags = C.OCIIMG_LAYER_IS_COMPRESSED
	}
	return opts, func() {
		freeString(opts.digest_algorithm)
		freeString(opts.temp_dir)
	}
}

// LayerWriter makes a layer from a tar stream that is written to it. One goroutine uses it.
type LayerWriter struct {
	ptr     *C.ociimg_layer_writer
	scope   scope
	cleanup runtime.Cleanup
}

type writerOwned struct {
	ptr   *C.ociimg_layer_writer
	scope scope
}

func (o writerOwned) free() {
	C.ociimg_layer_writer_free(o.ptr)
	o.scope.end()
}

// NewLayerWriter makes a writer. options may be nil.
func NewLayerWriter(ctx context.Context, options *LayerOptions) (*LayerWriter, error) {
	scope := enter(ctx, true)
	opts, free := options.handle()
	defer free()
	var out *C.ociimg_layer_writer
	var err *C.ociimg_error
	status := C.ociimg_layer_writer_new(opts, scope.context, &out, &err)
	if e := scope.take(status, err); e != nil {
		scope.end()
		return nil, e
	}
	w := &LayerWriter{ptr: out, scope: scope}
	w.cleanup = runtime.AddCleanup(w, func(o writerOwned) { o.free() }, writerOwned{out, scope})
	return w, nil
}

// Write takes all bytes or fails; a failure is final.
func (w *LayerWriter) Write(p []byte) (int, error) {
	if w.ptr == nil {
		return 0, io.ErrClosedPipe
	}
	if len(p) == 0 {
		return 0, nil
	}
	defer runtime.KeepAlive(w)
	w.scope.cancelNow()
	var err *C.ociimg_error
	status := C.ociimg_layer_writer_write(w.ptr, cBytes(p), C.size_t(len(p)), &err)
	if e := w.scope.take(status, err); e != nil {
		return 0, e
	}
	return len(p), nil
}

// Finish ends the stream and returns the layer. It works once.
func (w *LayerWriter) Finish() (*Layer, error) {
	if w.ptr == nil {
		return nil, io.ErrClosedPipe
	}
	defer runtime.KeepAlive(w)
	var out *C.ociimg_layer
	var err *C.ociimg_error
	status := C.ociimg_layer_writer_finish(w.ptr, &out, &err)
	if e := w.scope.take(status, err); e != nil {
		return nil, e
	}
	return newLayer(out, true), nil
}

// Close frees the writer. A layer that it made stays usable.
func (w *LayerWriter) Close() error {
	if w.ptr != nil {
		w.cleanup.Stop()
		writerOwned{w.ptr, w.scope}.free()
		w.ptr = nil
	}
	return nil
}

// LayerFromFile makes a layer from a file. A tar archive is compressed; a compressed file is not
// copied, and must stay unchanged while the layer is used.
func LayerFromFile(ctx context.Context, path string, options *LayerOptions) (*Layer, error) {
	scope := enter(ctx, true)
	defer scope.end()
	opts, free := options.handle()
	defer free()
	name := C.CString(path)
	defer freeString(name)
	var out *C.ociimg_layer
	var err *C.ociimg_error
	status := C.ociimg_layer_from_file(name, opts, scope.context, &out, &err)
	if e := scope.take(status, err); e != nil {
		return nil, e
	}
	return newLayer(out, true), nil
}

// NewLayer makes a layer with a known descriptor and diff ID, to be read from a source. It reads
// nothing. Without a diff ID ("") a reader checks size and digest alone.
func NewLayer(d Descriptor, diffID string, from *Source) (*Layer, error) {
	descriptor, e := d.handle()
	if e != nil {
		return nil, e
	}
	defer C.ociimg_descriptor_free(descriptor)
	text := cString(diffID)
	defer freeString(text)
	defer runtime.KeepAlive(from)
	var out *C.ociimg_layer
	var err *C.ociimg_error
	status := C.ociimg_layer_new(descriptor, text, from.ptr, &out, &err)
	if e := noScope.take(status, err); e != nil {
		return nil, e
	}
	return newLayer(out, from.builtin), nil
}
