// Package image loads, changes and writes OCI and Docker container images with libociimg.
//
// Load reads an index through a Loader, which is an interface of four methods: implement it for a
// source of your own, or open a layout folder or archive with Open. An Index selects images by
// platform; an Image has layers, a config, a platform and annotations; a Layer opens as a Reader,
// an io.ReadCloser whose Close fails unless everything was verified.
//
// Errors are *Error values with a status; errors.Is(err, image.NotFound) tests for one. An error
// that a Loader or Sink returned comes back as itself through errors.Is and errors.As.
//
// Handles of the library are freed by Close or, if that is forgotten, some time after the value is
// unreachable. An Index, Layer, Matcher or IndexBuilder result may be used by several goroutines at
// once; an Image that is being changed, a Reader, a LayerWriter and an IndexBuilder by one.
package image

/*
#cgo pkg-config: ociimg
#include "shim.h"
*/
import "C"

// Version returns the version of the library in use.
func Version() string { return C.GoString(C.ociimg_version()) }
