/*
 * What cgo needs between Go and ociimg.h. Go values are never handed to C as pointers: they are
 * cgo.Handles, integers, which cross as uintptr_t (an integer in a void * fails Go's checkptr).
 */
#ifndef OCIIMG_GO_SHIM_H
#define OCIIMG_GO_SHIM_H

#include <ociimg.h>

#include <stdint.h>

/* A reader with the outputs of its calls, in memory of C: a read allocates nothing in Go. */
typedef struct goociimg_reader {
    ociimg_reader *reader;
    ociimg_status status; /* of opening it */
    size_t n;
    ociimg_error *err;
} goociimg_reader;

ociimg_context *goociimg_context_new(uintptr_t call);

ociimg_status goociimg_loader_new(uintptr_t state, ociimg_loader **out, ociimg_error **err);

/* Never NULL; where opening failed, status and err say why. */
goociimg_reader *goociimg_layer_open(const ociimg_layer *layer, ociimg_read_mode mode,
                                     ociimg_reader_options opts, const ociimg_context *ctx);
goociimg_reader *goociimg_index_open_blob(const ociimg_index *index,
                                          const ociimg_descriptor *descriptor,
                                          ociimg_read_mode mode, ociimg_reader_options opts,
                                          const ociimg_context *ctx);
/* Does not free err. */
void goociimg_reader_free(goociimg_reader *reader);

ociimg_status goociimg_read(goociimg_reader *reader, uint8_t *buf, size_t cap);
/* The same for a source without callbacks in Go. */
ociimg_status goociimg_read_builtin(goociimg_reader *reader, uint8_t *buf, size_t cap);

ociimg_status goociimg_sink_new(uintptr_t state, uint32_t max_streams, ociimg_sink **out,
                                ociimg_error **err);
ociimg_status goociimg_archive_stream(uintptr_t state, const ociimg_sink_options *opts,
                                      ociimg_sink **out, ociimg_error **err);

ociimg_status goociimg_copy_new(const ociimg_index *index, const ociimg_image *image,
                                const ociimg_sink *sink, const ociimg_copy_options *opts,
                                uintptr_t progress, ociimg_copy **out, ociimg_error **err);

#endif
