#include "shim.h"

#include "_cgo_export.h"

#include <stdlib.h>

static uintptr_t handle(const void *value)
{
    return (uintptr_t)value;
}

static void *pointer(uintptr_t value)
{
    return (void *)value;
}

/* The call that runs: user_data of its context. */
static uintptr_t running(const ociimg_call *call)
{
    return handle(ociimg_call_user_data(call));
}

static void release(void *value)
{
    goociimgRelease(handle(value));
}

static void release_call(void *value)
{
    goociimgReleaseCall(handle(value));
}

ociimg_context *goociimg_context_new(uintptr_t call)
{
    return ociimg_context_new(pointer(call), call == 0 ? NULL : release_call);
}

/* ---- the loader ---- */

static int32_t root_digest(void *state, char *buf, size_t cap, ociimg_call *call)
{
    return goociimgRootDigest(handle(state), running(call), buf, cap, call);
}

static int32_t opened(int32_t status, uintptr_t value, void **stream)
{
    if (status == OCIIMG_STATUS_OK)
        *stream = pointer(value);
    return status;
}

static int32_t open_root_manifest(void *state, void **stream, ociimg_call *call)
{
    uintptr_t value = 0;
    int32_t status = goociimgOpen(handle(state), running(call), 0, NULL, &value, call);
    return opened(status, value, stream);
}

static int32_t open_manifest(void *state, const char *digest, void **stream, ociimg_call *call)
{
    uintptr_t value = 0;
    int32_t status = goociimgOpen(handle(state), running(call), 1, (char *)digest, &value, call);
    return opened(status, value, stream);
}

static int32_t open_blob(void *state, const char *digest, void **stream, ociimg_call *call)
{
    uintptr_t value = 0;
    int32_t status = goociimgOpen(handle(state), running(call), 2, (char *)digest, &value, call);
    return opened(status, value, stream);
}

static int32_t read_stream(void *state, void *stream, uint8_t *buf, size_t cap, size_t *n,
                           ociimg_call *call)
{
    (void)state;
    return goociimgRead(handle(stream), running(call), buf, cap, n, call);
}

static void close_stream(void *state, void *stream)
{
    (void)state;
    goociimgClose(handle(stream));
}

ociimg_status goociimg_loader_new(uintptr_t state, ociimg_loader **out, ociimg_error **err)
{
    static const ociimg_loader_vtable callbacks = {
        .struct_size = sizeof callbacks,
        .root_digest = root_digest,
        .open_root_manifest = open_root_manifest,
        .open_manifest = open_manifest,
        .open_blob = open_blob,
        .read = read_stream,
        .close = close_stream,
        .destroy = release,
    };
    return ociimg_loader_new(&callbacks, pointer(state), out, err);
}

/* ---- the reader ---- */

static goociimg_reader *new_reader(void)
{
    goociimg_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        abort(); /* as Go does without memory */
    return reader;
}

goociimg_reader *goociimg_layer_open(const ociimg_layer *layer, ociimg_read_mode mode,
                                     ociimg_reader_options opts, const ociimg_context *ctx)
{
    goociimg_reader *reader = new_reader();
    reader->status = ociimg_layer_open(layer, mode, &opts, ctx, &reader->reader, &reader->err);
    return reader;
}

goociimg_reader *goociimg_index_open_blob(const ociimg_index *index,
                                          const ociimg_descriptor *descriptor,
                                          ociimg_read_mode mode, ociimg_reader_options opts,
                                          const ociimg_context *ctx)
{
    goociimg_reader *reader = new_reader();
    reader->status = ociimg_index_open_blob(index, descriptor, mode, &opts, ctx, &reader->reader,
                                            &reader->err);
    return reader;
}

void goociimg_reader_free(goociimg_reader *reader)
{
    ociimg_reader_free(reader->reader);
    free(reader);
}

ociimg_status goociimg_read(goociimg_reader *reader, uint8_t *buf, size_t cap)
{
    return ociimg_reader_read(reader->reader, buf, cap, &reader->n, &reader->err);
}

ociimg_status goociimg_read_builtin(goociimg_reader *reader, uint8_t *buf, size_t cap)
{
    return goociimg_read(reader, buf, cap);
}

/* ---- the sink ---- */

static int32_t has_blob(void *state, const ociimg_descriptor *descriptor, ociimg_bool *present,
                        ociimg_call *call)
{
    return goociimgHasBlob(handle(state), running(call), (ociimg_descriptor *)descriptor, present,
                           call);
}

static int32_t begin_blob(void *state, const ociimg_descriptor *descriptor, void **stream,
                          uint64_t *offset, ociimg_call *call)
{
    uintptr_t value = 0;
    int32_t status = goociimgBeginBlob(handle(state), running(call),
                                       (ociimg_descriptor *)descriptor, &value, offset, call);
    return opened(status, value, stream);
}

static int32_t write_blob(void *state, void *stream, const uint8_t *buf, size_t len,
                          ociimg_call *call)
{
    (void)state;
    return goociimgWriteBlob(handle(stream), running(call), (uint8_t *)buf, len, call);
}

static int32_t commit_blob(void *state, void *stream, ociimg_call *call)
{
    (void)state;
    return goociimgCommitBlob(handle(stream), running(call), call);
}

static void abort_blob(void *state, void *stream)
{
    (void)state;
    goociimgAbortBlob(handle(stream));
}

static int32_t put_manifest(void *state, const ociimg_descriptor *descriptor, const uint8_t *buf,
                            size_t len, ociimg_call *call)
{
    return goociimgPutManifest(handle(state), running(call), (ociimg_descriptor *)descriptor,
                               (uint8_t *)buf, len, call);
}

static int32_t put_root(void *state, const ociimg_descriptor *descriptor, const uint8_t *buf,
                        size_t len, const char *name, ociimg_call *call)
{
    return goociimgPutRoot(handle(state), running(call), (ociimg_descriptor *)descriptor,
                           (uint8_t *)buf, len, (char *)name, call);
}

static int32_t finish(void *state, ociimg_call *call)
{
    return goociimgFinish(handle(state), running(call), call);
}

ociimg_status goociimg_sink_new(uintptr_t state, uint32_t max_streams, ociimg_sink **out,
                                ociimg_error **err)
{
    const ociimg_sink_vtable callbacks = {
        .struct_size = sizeof callbacks,
        .max_streams = max_streams,
        .has_blob = has_blob,
        .begin_blob = begin_blob,
        .write = write_blob,
        .commit_blob = commit_blob,
        .abort_blob = abort_blob,
        .put_manifest = put_manifest,
        .put_root = put_root,
        .finish = finish,
        .destroy = release,
    };
    return ociimg_sink_new(&callbacks, pointer(state), out, err);
}

static int32_t write_archive(void *state, const uint8_t *buf, size_t len, ociimg_call *call)
{
    return goociimgWriteArchive(handle(state), running(call), (uint8_t *)buf, len, call);
}

ociimg_status goociimg_archive_stream(uintptr_t state, const ociimg_sink_options *opts,
                                      ociimg_sink **out, ociimg_error **err)
{
    return ociimg_sink_open_archive_stream(write_archive, release, pointer(state), opts, out, err);
}

/* ---- copying ---- */

static void progress_of(void *user_data, const ociimg_copy_progress *progress)
{
    goociimgProgress(handle(user_data), (ociimg_copy_progress *)progress);
}

ociimg_status goociimg_copy_new(const ociimg_index *index, const ociimg_image *image,
                                const ociimg_sink *sink, const ociimg_copy_options *opts,
                                uintptr_t progress, ociimg_copy **out, ociimg_error **err)
{
    ociimg_copy_options options = *opts;
    options.struct_size = sizeof options;
    if (progress != 0) {
        options.progress = progress_of;
        options.user_data = pointer(progress);
    }
    if (image != NULL)
        return ociimg_copy_new_image(image, sink, &options, out, err);
    return ociimg_copy_new(index, sink, &options, out, err);
}
