/* Loads, edits and writes an image, and survives a loader that fails: IMAGE NEW-LAYOUT. */
#include <ociimg.h>

#include <stdio.h>
#include <string.h>

static int32_t fail(ociimg_call *call)
{
    return ociimg_call_fail(call, OCIIMG_STATUS_CALLBACK, 42, "the disk is on fire");
}

static int32_t open_root_manifest(void *state, void **stream, ociimg_call *call)
{
    (void)state;
    (void)stream;
    return fail(call);
}

static int32_t open_content(void *state, const char *digest, void **stream, ociimg_call *call)
{
    (void)digest;
    return open_root_manifest(state, stream, call);
}

static int32_t read_content(void *state, void *stream, uint8_t *buf, size_t cap, size_t *n,
                            ociimg_call *call)
{
    (void)state;
    (void)stream;
    (void)buf;
    (void)cap;
    (void)n;
    return fail(call);
}

static void close_content(void *state, void *stream)
{
    (void)state;
    (void)stream;
}

static int survives(void)
{
    const ociimg_loader_vtable callbacks = {
        .struct_size = sizeof callbacks,
        .open_root_manifest = open_root_manifest,
        .open_manifest = open_content,
        .open_blob = open_content,
        .read = read_content,
        .close = close_content,
    };
    ociimg_loader *loader = NULL;
    ociimg_index *index = NULL;
    ociimg_error *err = NULL;
    if (ociimg_loader_new(&callbacks, NULL, &loader, &err) != OCIIMG_STATUS_OK)
        return 0;
    ociimg_status status = ociimg_index_load(loader, NULL, NULL, &index, &err);
    int survived = status == OCIIMG_STATUS_CALLBACK && index == NULL &&
                   ociimg_error_callback_code(err) == 42 &&
                   strstr(ociimg_error_message(err), "the disk is on fire") != NULL;
    ociimg_error_free(err);
    ociimg_loader_free(loader);
    return survived;
}

static ociimg_status load(const char *path, ociimg_image **image, ociimg_error **err)
{
    ociimg_loader *loader = NULL;
    ociimg_index *index = NULL;
    ociimg_platform *platform = NULL;
    ociimg_status status = ociimg_loader_open(path, NULL, NULL, &loader, err);
    if (!status)
        status = ociimg_index_load(loader, NULL, NULL, &index, err);
    if (!status)
        status = ociimg_platform_parse("linux/arm64", NULL, &platform, err);
    if (!status)
        status = ociimg_index_image_for(index, platform, NULL, image, err);
    ociimg_platform_free(platform);
    ociimg_index_free(index);
    ociimg_loader_free(loader);
    return status;
}

static ociimg_status edit(ociimg_image *image, ociimg_error **err)
{
    static const uint8_t tar[1024] = {0}; /* an empty archive */
    ociimg_layer_writer *writer = NULL;
    ociimg_layer *layer = NULL;
    ociimg_status status = ociimg_layer_writer_new(NULL, NULL, &writer, err);
    if (!status)
        status = ociimg_layer_writer_write(writer, tar, sizeof tar, err);
    if (!status)
        status = ociimg_layer_writer_finish(writer, &layer, err);
    if (!status)
        status = ociimg_image_append_layer(image, layer, NULL, err);
    if (!status)
        status = ociimg_image_set_env(image, "OUTSIDE", "yes", err);
    ociimg_layer_free(layer);
    ociimg_layer_writer_free(writer);
    return status;
}

static ociimg_status write_image(const ociimg_image *image, const char *path, ociimg_error **err)
{
    ociimg_sink *sink = NULL;
    ociimg_status status = ociimg_sink_open_layout(path, NULL, &sink, err);
    if (!status)
        status = ociimg_image_write(image, sink, "v1", NULL, err);
    if (!status)
        status = ociimg_sink_finish(sink, NULL, err);
    ociimg_sink_free(sink);
    return status;
}

int main(int argc, char **argv)
{
    ociimg_image *image = NULL;
    ociimg_image *again = NULL;
    ociimg_error *err = NULL;
    int right = 0;
    if (argc != 3)
        return 2;
    if (load(argv[1], &image, &err) || edit(image, &err) || write_image(image, argv[2], &err) ||
        load(argv[2], &again, &err)) {
        fprintf(stderr, "%s\n", ociimg_error_message(err));
        ociimg_error_free(err);
    } else {
        right =
            strcmp(ociimg_image_manifest_digest(image), ociimg_image_manifest_digest(again)) == 0 &&
            survives();
    }
    ociimg_image_free(image);
    ociimg_image_free(again);
    puts(right ? "right" : "wrong");
    return !right;
}
