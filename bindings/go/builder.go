package image

/*
#include "shim.h"
*/
import "C"

import (
	"context"
	"runtime"
)

// IndexBuilder makes an index of images and other indexes. One goroutine uses it. A change that
// fails leaves it as it was.
type IndexBuilder struct {
	ptr     *C.ociimg_index_builder
	loading []*call // have the errors of broken entries
}

func newBuilder(ptr *C.ociimg_index_builder) *IndexBuilder {
	b := &IndexBuilder{ptr: ptr}
	runtime.AddCleanup(b, func(ptr *C.ociimg_index_builder) { C.ociimg_index_builder_free(ptr) }, ptr)
	return b
}

// NewIndexBuilder makes a builder of an index without entries.
func NewIndexBuilder(format Format) (*IndexBuilder, error) {
	var out *C.ociimg_index_builder
	var err *C.ociimg_error
	status := C.ociimg_index_builder_new(C.ociimg_format(format), &out, &err)
	if e := noScope.take(status, err); e != nil {
		return nil, e
	}
	return newBuilder(out), nil
}

// Builder makes a builder with the entries of the index's root, as they are written: of a
// selection too those that were not selected, which Keep removes.
func (x *Index) Builder() (*IndexBuilder, error) {
	defer runtime.KeepAlive(x)
	var out *C.ociimg_index_builder
	var err *C.ociimg_error
	status := C.ociimg_index_builder_from(x.ptr, &out, &err)
	if e := noScope.take(status, err); e != nil {
		return nil, e
	}
	b := newBuilder(out)
	b.loading = x.loading
	return b, nil
}

func (b *IndexBuilder) edit(change func(b *C.ociimg_index_builder, err **C.ociimg_error) C.ociimg_status) error {
	defer runtime.KeepAlive(b)
	var err *C.ociimg_error
	status := change(b.ptr, &err)
	return noScope.take(status, err)
}

// Descriptors returns the descriptors of the entries; nil for one that cannot be read.
func (b *IndexBuilder) Descriptors() []*Descriptor {
	defer runtime.KeepAlive(b)
	var descriptors []*Descriptor
	for i := C.size_t(0); i < C.ociimg_index_builder_count(b.ptr); i++ {
		descriptors = append(descriptors, takeDescriptor(C.ociimg_index_builder_descriptor(b.ptr, i)))
	}
	return descriptors
}

// AddImage adds an image as it is now, as the last entry. A nil platform is the image's own.
func (b *IndexBuilder) AddImage(m *Image, platform *Platform) error {
	var p *C.ociimg_platform
	if platform != nil {
		var err error
		if p, err = platform.handle(); err != nil {
			return err
		}
		defer C.ociimg_platform_free(p)
	}
	defer runtime.KeepAlive(m)
	return b.edit(func(b *C.ociimg_index_builder, err **C.ociimg_error) C.ociimg_status {
		return C.ociimg_index_builder_add_image(b, m.ptr, p, err)
	})
}

// AddIndex adds an index, nested in this one, as the last entry.
func (b *IndexBuilder) AddIndex(nested *Index) error {
	b.loading = append(b.loading[:len(b.loading):len(b.loading)], nested.loading...)
	defer runtime.KeepAlive(nested)
	return b.edit(func(b *C.ociimg_index_builder, err **C.ociimg_error) C.ociimg_status {
		return C.ociimg_index_builder_add_index(b, nested.ptr, err)
	})
}

// ReplaceImage replaces the entry at a place with an image as it is now. The entry's annotations
// stay; attestations of the old image are removed.
func (b *IndexBuilder) ReplaceImage(i int, m *Image) error {
	defer runtime.KeepAlive(m)
	return b.edit(func(b *C.ociimg_index_builder, err **C.ociimg_error) C.ociimg_status {
		return C.ociimg_index_builder_replace_image(b, C.size_t(i), m.ptr, err)
	})
}

// Remove removes the entry at a place, and its attestations.
func (b *IndexBuilder) Remove(i int) error {
	return b.edit(func(b *C.ociimg_index_builder, err **C.ociimg_error) C.ociimg_status {
		return C.ociimg_index_builder_remove(b, C.size_t(i), err)
	})
}

// Keep removes the images that the matcher does not match, and their attestations.
func (b *IndexBuilder) Keep(m *Matcher) error {
	defer runtime.KeepAlive(m)
	return b.edit(func(b *C.ociimg_index_builder, err **C.ociimg_error) C.ociimg_status {
		return C.ociimg_index_builder_keep(b, m.ptr, err)
	})
}

// SetAnnotation sets an annotation of the index; a nil value removes it.
func (b *IndexBuilder) SetAnnotation(key string, value *string) error {
	name, text, free := pair(key, value)
	defer free()
	return b.edit(func(b *C.ociimg_index_builder, err **C.ociimg_error) C.ociimg_status {
		return C.ociimg_index_builder_set_annotation(b, name, text, err)
	})
}

// SetEntryAnnotation sets an annotation of an entry; a nil value removes it.
func (b *IndexBuilder) SetEntryAnnotation(i int, key string, value *string) error {
	name, text, free := pair(key, value)
	defer free()
	return b.edit(func(b *C.ociimg_index_builder, err **C.ociimg_error) C.ociimg_status {
		return C.ociimg_index_builder_set_entry_annotation(b, C.size_t(i), name, text, err)
	})
}

func pair(key string, value *string) (*C.char, *C.char, func()) {
	name := C.CString(key)
	var text *C.char
	if value != nil {
		text = C.CString(*value)
	}
	return name, text, func() {
		freeString(name)
		freeString(text)
	}
}

// Finish makes an index, like a loaded one. It may call Loaders, for entries whose kind or platform
// is not known yet. The builder can still be used.
func (b *IndexBuilder) Finish(ctx context.Context) (*Index, error) {
	scope := enter(ctx, false)
	defer scope.end()
	defer runtime.KeepAlive(b)
	var out *C.ociimg_index
	var err *C.ociimg_error
	status := C.ociimg_index_builder_finish(b.ptr, scope.context, &out, &err)
	if e := scope.take(status, err, b.loading...); e != nil {
		return nil, e
	}
	return newIndex(out, false, loadedBy(scope.call, b.loading...)), nil
}
