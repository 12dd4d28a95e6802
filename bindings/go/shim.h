/*
 * What cgo needs between Go and ociimg.h. Go values are never handed to C as pointers: they are
 * cgo.Handles, integers, which cross as uintptr_t (an integer in a void * fails Go's checkptr).
 */
#ifndef OCIIMG_GO_SHIM_H
#define OCIIMG_GO_SHIM_H

#include <ociimg.h>

#include <stdint.h>

/* The outputs of a read, in memory of C: a small read allocates nothing in Go. */
typedef struct goociimg_result {
    size_t n;
    ociimg_error *err;
} goociimg_result;

ociimg_context *goociimg_context_new(uintptr_t call);

ociimg_status goociimg_loader_new(uintptr_t state, ociimg_loader **out, ociimg_error **err);

ociimg_status goociimg_read(ociimg_reader *reader, uint8_t *buf, size_t cap,
                            goociimg_result *result);
/* The same for a source without callbacks in Go. */
ociimg_status goociimg_read_builtin(ociimg_reader *reader, uint8_t *buf, size_t cap,
                                    goociimg_result *result);

ociimg_status goociimg_sink_new(uintptr_t state, uint32_t max_streams, ociimg_sink **out,
                                ociimg_error **err);
ociimg_status goociimg_archive_stream(uintptr_t state, const ociimg_sink_options *opts,
                                      ociimg_sink **out, ociimg_error **err);

ociimg_status goociimg_copy_new(const ociimg_index *index, const ociimg_image *image,
                                const ociimg_sink *sink, const ociimg_copy_options *opts,
                                uintptr_t progress, ociimg_copy **out, ociimg_error **err);

#endif
