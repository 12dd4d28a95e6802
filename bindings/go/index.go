package image

/*
#include "shim.h"
*/
import "C"

import (
	"context"
	"iter"
	"runtime"
	"unsafe"
)

// Kind says what an entry of an index is.
type Kind int32

// The kinds of entries.
const (
	KindImage       Kind = C.OCIIMG_ENTRY_KIND_IMAGE
	KindAttestation Kind = C.OCIIMG_ENTRY_KIND_ATTESTATION
	KindArtifact    Kind = C.OCIIMG_ENTRY_KIND_ARTIFACT
	KindUnknown     Kind = C.OCIIMG_ENTRY_KIND_UNKNOWN
	KindBroken      Kind = C.OCIIMG_ENTRY_KIND_BROKEN
)

// String returns the name of the kind, for example "IMAGE".
func (k Kind) String() string { return C.GoString(C.ociimg_entry_kind_name(C.ociimg_entry_kind(k))) }

// Entry is a manifest that an index names.
type Entry struct {
	Kind       Kind
	Name       string      // under which the source offers it, or ""
	Platform   *Platform   // nil where it has none
	Descriptor *Descriptor // nil where it could not be read
	Err        error       // why a broken entry is broken
}

// Option changes how Load works.
type Option func(*loadOptions)

type loadOptions struct {
	c          C.ociimg_load_options
	rootDigest string
}

// WithRootDigest requires a digest of the root.
func WithRootDigest(digest string) Option {
	return func(o *loadOptions) { o.rootDigest = digest }
}

// WithMaxDocumentSize limits the bytes of one index, manifest or config (4 MiB).
func WithMaxDocumentSize(bytes uint64) Option {
	return func(o *loadOptions) { o.c.max_document_size = C.uint64_t(bytes) }
}

// WithMaxTotalSize limits the bytes of all documents (32 MiB).
func WithMaxTotalSize(bytes uint64) Option {
	return func(o *loadOptions) { o.c.max_total_size = C.uint64_t(bytes) }
}

// WithMaxIndexDepth limits nested indexes below the root (8).
func WithMaxIndexDepth(depth uint32) Option {
	return func(o *loadOptions) { o.c.max_index_depth = C.uint32_t(depth) }
}

// WithMaxEntries limits the descriptors in the whole tree (16384).
func WithMaxEntries(entries uint32) Option {
	return func(o *loadOptions) { o.c.max_entries = C.uint32_t(entries) }
}

// Index is a list of images and other manifests. Several goroutines may use one.
type Index struct {
	ptr     *C.ociimg_index
	cleanup runtime.Cleanup
	builtin bool
	loading []*call // have the errors of broken entries
}

func newIndex(ptr *C.ociimg_index, builtin bool, loading []*call) *Index {
	i := &Index{ptr: ptr, builtin: builtin, loading: loading}
	i.cleanup = runtime.AddCleanup(i, func(ptr *C.ociimg_index) { C.ociimg_index_free(ptr) }, ptr)
	return i
}

func loadedBy(loading *call, earlier ...*call) []*call {
	if loading == nil {
		return earlier
	}
	return append(earlier[:len(earlier):len(earlier)], loading)
}

// Load loads the index of a Loader.
func Load(ctx context.Context, loader Loader, options ...Option) (*Index, error) {
	source, err := NewSource(loader)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	return source.Load(ctx, options...)
}

// Load loads the index of a source.
func (s *Source) Load(ctx context.Context, options ...Option) (*Index, error) {
	var o loadOptions
	o.c.struct_size = C.size_t(unsafe.Sizeof(o.c))
	for _, option := range options {
		option(&o)
	}
	opts := o.c
	opts.root_digest = cString(o.rootDigest)
	defer freeString(opts.root_digest)
	scope := enter(ctx, s.builtin)
	defer scope.end()
	var out *C.ociimg_index
	var err *C.ociimg_error
	status := C.ociimg_index_load(s.ptr, &opts, scope.context, &out, &err)
	runtime.KeepAlive(s)
	if e := scope.take(status, err); e != nil {
		return nil, e
	}
	return newIndex(out, s.builtin, loadedBy(scope.call)), nil
}

// Close frees the index. Images and readers from it stay usable.
func (x *Index) Close() error {
	if x.ptr != nil {
		x.cleanup.Stop()
		C.ociimg_index_free(x.ptr)
		x.ptr = nil
	}
	return nil
}

// Len returns the number of entries.
func (x *Index) Len() int {
	defer runtime.KeepAlive(x)
	return int(C.ociimg_index_entry_count(x.ptr))
}

// Entry returns the entry at a place; its Kind is 0 beyond the end.
func (x *Index) Entry(i int) Entry {
	defer runtime.KeepAlive(x)
	at := C.size_t(i)
	entry := Entry{
		Kind:       Kind(C.ociimg_index_entry_kind(x.ptr, at)),
		Name:       goString(C.ociimg_index_entry_name(x.ptr, at)),
		Platform:   takePlatform(C.ociimg_index_entry_platform(x.ptr, at)),
		Descriptor: takeDescriptor(C.ociimg_index_entry_descriptor(x.ptr, at)),
	}
	if err := C.ociimg_index_entry_error(x.ptr, at); err != nil {
		entry.Err = noScope.errorOf(Status(C.ociimg_error_status(err)), err, x.loading...)
		C.ociimg_error_free(err)
	}
	return entry
}

// Entries iterates over all entries and their places.
func (x *Index) Entries() iter.Seq2[int, Entry] {
	return func(yield func(int, Entry) bool) {
		for i := 0; i < x.Len(); i++ {
			if !yield(i, x.Entry(i)) {
				return
			}
		}
	}
}

// SelectByPlatform returns the images that a machine of the platform runs, best first.
func (x *Index) SelectByPlatform(p Platform) (*Index, error) {
	m, err := MatchOnly(p)
	if err != nil {
		return nil, err
	}
	return x.Select(m)
}

// Select returns the images that a matcher takes, best first.
func (x *Index) Select(m *Matcher) (*Index, error) {
	defer runtime.KeepAlive(x)
	defer runtime.KeepAlive(m)
	var out *C.ociimg_index
	var err *C.ociimg_error
	status := C.ociimg_index_select_with(x.ptr, m.ptr, &out, &err)
	if e := noScope.take(status, err); e != nil {
		return nil, e
	}
	return newIndex(out, x.builtin, x.loading), nil
}

// Image returns the image at a place.
func (x *Index) Image(ctx context.Context, i int) (*Image, error) {
	scope := enter(ctx, x.builtin)
	defer scope.end()
	defer runtime.KeepAlive(x)
	if i < 0 {
		i = int(^uint(0) >> 1)
	}
	var out *C.ociimg_image
	var err *C.ociimg_error
	status := C.ociimg_index_image(x.ptr, C.size_t(i), scope.context, &out, &err)
	if e := scope.take(status, err, x.loading...); e != nil {
		return nil, e
	}
	return newImage(out, x.builtin), nil
}

// ImageFor returns the image that a machine of the platform runs; nil is this machine.
func (x *Index) ImageFor(ctx context.Context, p *Platform) (*Image, error) {
	var platform *C.ociimg_platform
	if p != nil {
		var err error
		if platform, err = p.handle(); err != nil {
			return nil, err
		}
		defer C.ociimg_platform_free(platform)
	}
	scope := enter(ctx, x.builtin)
	defer scope.end()
	defer runtime.KeepAlive(x)
	var out *C.ociimg_image
	var err *C.ociimg_error
	status := C.ociimg_index_image_for(x.ptr, platform, scope.context, &out, &err)
	if e := scope.take(status, err, x.loading...); e != nil {
		return nil, e
	}
	return newImage(out, x.builtin), nil
}

// RootDigest returns the digest of the root as it was read.
func (x *Index) RootDigest() string {
	defer runtime.KeepAlive(x)
	return goString(C.ociimg_index_root_digest(x.ptr))
}

// RootIsVerified reports whether the digest of the root was known before it was read.
func (x *Index) RootIsVerified() bool {
	defer runtime.KeepAlive(x)
	return toBool(C.ociimg_index_root_is_verified(x.ptr))
}

// RootJSON returns the bytes of the root.
func (x *Index) RootJSON() []byte {
	defer runtime.KeepAlive(x)
	var length C.size_t
	bytes := C.ociimg_index_root_json(x.ptr, &length)
	return goBytes(bytes, length)
}

// OpenBlob opens any content of the same source by its descriptor: artifact layers, configs.
func (x *Index) OpenBlob(ctx context.Context, d Descriptor, options *ReaderOptions) (*Reader, error) {
	descriptor, e := d.handle()
	if e != nil {
		return nil, e
	}
	defer C.ociimg_descriptor_free(descriptor)
	defer runtime.KeepAlive(x)
	opts, mode := options.handle()
	return newReader(ctx, x.builtin, func(ctx *C.ociimg_context) *C.goociimg_reader {
		return C.goociimg_index_open_blob(x.ptr, descriptor, mode, opts, ctx)
	}, x.loading...)
}

// Manifest is any manifest as it is: of an image, artifact or attestation.
type Manifest struct {
	Digest       string
	MediaType    string
	ArtifactType string
	Config       Descriptor
	Subject      *Descriptor
	Layers       []Descriptor
	Annotations  []KeyValue
	JSON         []byte
}

// Manifest returns the manifest at a place.
func (x *Index) Manifest(ctx context.Context, i int) (*Manifest, error) {
	scope := enter(ctx, x.builtin)
	defer scope.end()
	defer runtime.KeepAlive(x)
	if i < 0 {
		i = int(^uint(0) >> 1)
	}
	var out *C.ociimg_manifest
	var err *C.ociimg_error
	status := C.ociimg_index_manifest(x.ptr, C.size_t(i), scope.context, &out, &err)
	if e := scope.take(status, err, x.loading...); e != nil {
		return nil, e
	}
	return takeManifest(out), nil
}

func takeManifest(c *C.ociimg_manifest) *Manifest {
	defer C.ociimg_manifest_free(c)
	m := &Manifest{
		Digest:       goString(C.ociimg_manifest_digest(c)),
		MediaType:    goString(C.ociimg_manifest_media_type(c)),
		ArtifactType: goString(C.ociimg_manifest_artifact_type(c)),
		Subject:      takeDescriptor(C.ociimg_manifest_subject(c)),
	}
	if config := takeDescriptor(C.ociimg_manifest_config(c)); config != nil {
		m.Config = *config
	}
	for i := C.size_t(0); i < C.ociimg_manifest_layer_count(c); i++ {
		m.Layers = append(m.Layers, *takeDescriptor(C.ociimg_manifest_layer(c, i)))
	}
	m.Annotations = pairs(func(i C.size_t, key, value **C.char) C.ociimg_bool {
		return C.ociimg_manifest_annotation_at(c, i, key, value)
	})
	var length C.size_t
	bytes := C.ociimg_manifest_json(c, &length)
	m.JSON = goBytes(bytes, length)
	return m
}
