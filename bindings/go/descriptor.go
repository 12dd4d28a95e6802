package image

/*
#include "shim.h"
*/
import "C"

// KeyValue is an annotation or label, in the order of the document.
type KeyValue struct{ Key, Value string }

// Descriptor names a piece of content by its digest.
type Descriptor struct {
	MediaType    string
	Digest       string
	Size         uint64
	ArtifactType string
	Platform     *Platform
	URLs         []string
	Annotations  []KeyValue
	Data         []byte // the content itself, where the document embeds it
}

// Annotation returns the value of an annotation, or "".
func (d Descriptor) Annotation(key string) string { return valueOf(d.Annotations, key) }

func valueOf(list []KeyValue, key string) string {
	for _, pair := range list {
		if pair.Key == key {
			return pair.Value
		}
	}
	return ""
}

// takeDescriptor copies a descriptor of the library, and frees it; nil for none.
func takeDescriptor(c *C.ociimg_descriptor) *Descriptor {
	if c == nil {
		return nil
	}
	defer C.ociimg_descriptor_free(c)
	return copyDescriptor(c)
}

func copyDescriptor(c *C.ociimg_descriptor) *Descriptor {
	d := &Descriptor{
		MediaType:    goString(C.ociimg_descriptor_media_type(c)),
		Digest:       goString(C.ociimg_descriptor_digest(c)),
		Size:         uint64(C.ociimg_descriptor_size(c)),
		ArtifactType: goString(C.ociimg_descriptor_artifact_type(c)),
		Platform:     takePlatform(C.ociimg_descriptor_platform(c)),
	}
	for i := C.size_t(0); i < C.ociimg_descriptor_url_count(c); i++ {
		d.URLs = append(d.URLs, goString(C.ociimg_descriptor_url_at(c, i)))
	}
	d.Annotations = pairs(func(i C.size_t, key, value **C.char) C.ociimg_bool {
		return C.ociimg_descriptor_annotation_at(c, i, key, value)
	})
	var length C.size_t
	data := C.ociimg_descriptor_data(c, &length)
	d.Data = goBytes(data, length)
	return d
}

func pairs(at func(i C.size_t, key, value **C.char) C.ociimg_bool) []KeyValue {
	var list []KeyValue
	for i := C.size_t(0); ; i++ {
		var key, value *C.char
		if !toBool(at(i, &key, &value)) {
			return list
		}
		list = append(list, KeyValue{goString(key), goString(value)})
	}
}

// handle makes the library's descriptor of media type, digest and size. It is freed by the caller.
func (d Descriptor) handle() (*C.ociimg_descriptor, error) {
	mediaType, digest := C.CString(d.MediaType), C.CString(d.Digest)
	defer freeString(mediaType)
	defer freeString(digest)
	var out *C.ociimg_descriptor
	var err *C.ociimg_error
	status := C.ociimg_descriptor_new(mediaType, digest, C.uint64_t(d.Size), &out, &err)
	return out, noScope.take(status, err)
}
