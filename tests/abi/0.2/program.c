/*
 * A program of release 0.2, compiled with its header. It must run with every later library of the
 * same SONAME.
 */
#include "ociimg.h"

#include <stdio.h>
#include <string.h>

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                                \
            return 1;                                                                              \
        }                                                                                          \
    } while (0)
#define OK(call)                                                                                   \
    do {                                                                                           \
        if ((call) != OCIIMG_STATUS_OK) {                                                          \
            fprintf(stderr, "line %d: %s\n", __LINE__, ociimg_error_message(err));                 \
            return 1;                                                                              \
        }                                                                                          \
    } while (0)

static int32_t no_root(void *state, void **stream, ociimg_call *call)
{
    (void)state, (void)stream;
    return ociimg_call_fail(call, OCIIMG_STATUS_NOT_FOUND, 7, "none");
}

static int32_t no_content(void *state, const char *digest, void **stream, ociimg_call *call)
{
    (void)digest;
    return no_root(state, stream, call);
}

static int32_t no_read(void *state, void *stream, uint8_t *buf, size_t cap, size_t *n,
                       ociimg_call *call)
{
    (void)state, (void)stream, (void)buf, (void)cap, (void)n, (void)call;
    return OCIIMG_STATUS_CALLBACK;
}

static void no_close(void *state, void *stream)
{
    (void)state, (void)stream;
}

static void mark(void *state)
{
    *(int *)state = 1;
}

static int callbacks(void)
{
    int destroyed = 0;
    ociimg_loader_vtable table = {0};
    ociimg_loader *loader = NULL;
    ociimg_index *index = NULL;
    ociimg_error *err = NULL;
    table.struct_size = sizeof table;
    table.open_root_manifest = no_root;
    table.open_manifest = no_content;
    table.open_blob = no_content;
    table.read = no_read;
    table.close = no_close;
    table.destroy = mark;
    OK(ociimg_loader_new(&table, &destroyed, &loader, &err));
    CHECK(ociimg_index_load(loader, NULL, NULL, &index, &err) == OCIIMG_STATUS_NOT_FOUND);
    CHECK(ociimg_error_callback_code(err) == 7 && index == NULL);
    ociimg_error_free(err);
    ociimg_loader_free(loader);
    CHECK(destroyed == 1);
    return 0;
}

int main(int argc, char **argv)
{
    ociimg_source_options source = {0};
    ociimg_load_options load = {0};
    ociimg_reader_options read = {0};
    ociimg_append_options append = {0};
    ociimg_layer_options compress = {0};
    ociimg_sink_options sink_options = {0};
    ociimg_error *err = NULL;
    ociimg_loader *loader = NULL;
    ociimg_index *index = NULL;
    ociimg_platform *platform = NULL;
    ociimg_image *image = NULL;
    ociimg_layer_writer *writer = NULL;
    ociimg_layer *layer = NULL;
    ociimg_reader *reader = NULL;
    ociimg_sink *sink = NULL;
    static const uint8_t zeros[1024];
    static uint8_t buf[65536];
    size_t n = 0;

    CHECK(argc == 3);
    CHECK(callbacks() == 0);
    CHECK(ociimg_version_number() >= OCIIMG_VERSION_NUMBER);
    source.struct_size = sizeof source;
    load.struct_size = sizeof load;
    read.struct_size = sizeof read;
    append.struct_size = sizeof append;
    compress.struct_size = sizeof compress;
    sink_options.struct_size = sizeof sink_options;

    OK(ociimg_loader_open(argv[1], &source, NULL, &loader, &err));
    OK(ociimg_index_load(loader, &load, NULL, &index, &err));
    OK(ociimg_platform_parse("linux/arm64", NULL, &platform, &err));
    OK(ociimg_index_image_for(index, platform, NULL, &image, &err));
    size_t layers = ociimg_image_layer_count(image);
    CHECK(layers > 0);
    layer = ociimg_image_layer(image, 0);
    read.workers = 1;
    OK(ociimg_layer_open(layer, OCIIMG_READ_MODE_UNCOMPRESSED, &read, NULL, &reader, &err));
    do
        OK(ociimg_reader_read(reader, buf, sizeof buf, &n, &err));
    while (n > 0);
    CHECK(ociimg_reader_is_verified(reader));
    ociimg_reader_free(reader);
    ociimg_layer_free(layer);

    compress.compression = OCIIMG_COMPRESSION_GZIP;
    OK(ociimg_layer_writer_new(&compress, NULL, &writer, &err));
    OK(ociimg_layer_writer_write(writer, zeros, sizeof zeros, &err));
    OK(ociimg_layer_writer_finish(writer, &layer, &err));
    append.created_by = "abi test";
    OK(ociimg_image_append_layer(image, layer, &append, &err));
    OK(ociimg_image_set_env(image, "ABI", "0.2", &err));
    CHECK(ociimg_image_layer_count(image) == layers + 1);
    sink_options.flags = OCIIMG_SINK_NO_SYNC;
    OK(ociimg_sink_open_layout(argv[2], &sink_options, &sink, &err));
    OK(ociimg_image_write(image, sink, "abi", NULL, &err));
    OK(ociimg_sink_finish(sink, NULL, &err));

    ociimg_sink_free(sink);
    ociimg_layer_free(layer);
    ociimg_layer_writer_free(writer);
    ociimg_image_free(image);
    ociimg_platform_free(platform);
    ociimg_index_free(index);
    ociimg_loader_free(loader);
    puts("ok");
    return 0;
}
