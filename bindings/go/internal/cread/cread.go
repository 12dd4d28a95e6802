// Package cread reads a layer in C, for benchmarks to compare with.
package cread

/*
#cgo pkg-config: ociimg
#include <ociimg.h>
#include <stdlib.h>

// Reads the first layer of the first image to its end. Returns how many bytes, or
// -1.
static int64_t cread(const char *path, size_t cap)
{
	ociimg_loader *loader = NULL;
	ociimg_index *index = NULL;
	ociimg_image *image = NULL;
	ociimg_layer *layer = NULL;
	ociimg_reader *reader = NULL;
	uint8_t *buf = malloc(cap);
	int64_t total = 0;
	size_t n = 1;
	int failed = buf == NULL || ociimg_loader_open(path, NULL, NULL, &loader, NULL) ||
		ociimg_index_load(loader, NULL, NULL, &index, NULL) ||
		ociimg_index_image(index, 0, NULL, &image, NULL);
	if (!failed) {
		layer = ociimg_image_layer(image, 0);
		failed = ociimg_layer_open(layer, OCIIMG_READ_MODE_UNCOMPRESSED, NULL, NULL, &reader, NULL);
	}
	while (!failed && n > 0) {
		failed = ociimg_reader_read(reader, buf, cap, &n, NULL);
		total += (int64_t)n;
	}
	ociimg_reader_free(reader);
	ociimg_layer_free(layer);
	ociimg_image_free(image);
	ociimg_index_free(index);
	ociimg_loader_free(loader);
	free(buf);
	return failed ? -1 : total;
}
*/
import "C"

import "unsafe"

// Layer reads the first layer of a layout, with a buffer of this size.
func Layer(path string, buffer int) int64 {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	return int64(C.cread(name, C.size_t(buffer)))
}
