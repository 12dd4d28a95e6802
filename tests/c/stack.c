/* The stack that the library uses.
 *
 *     stack BYTES FOLDER PATH...
 *
 * On a thread whose stack is painted: opens and loads each image, reads, changes and copies it to a
 * layout and an archive in FOLDER, whether that goes well or fails. At most BYTES of the paint may
 * be gone. */

#define _GNU_SOURCE /* MAP_ANONYMOUS */

#include "check.h"
#include <pthread.h>
#include <sys/mman.h>

enum { STACK = 1 << 20, PAINT = 0xA5 };

/* A call that may succeed or fail. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        ociimg_status status_ = (call);                                                            \
        (void)status_;                                                                             \
    } while (0)

static char **paths;
static const char *folder;
static int verified, copied; /* that more than failures was measured */
static uint8_t out[64 << 10];

static void read_layers(const ociimg_image *image)
{
    for (size_t i = 0; i < ociimg_image_layer_count(image) && i < 8; i++) {
        for (ociimg_read_mode mode = OCIIMG_READ_MODE_STORED; mode <= OCIIMG_READ_MODE_UNCOMPRESSED;
             mode++) {
            const ociimg_reader_options opts = {.struct_size = sizeof opts, .workers = i % 2};
            ociimg_layer *layer = ociimg_image_layer(image, i);
            ociimg_reader *reader;
            size_t n = 1;
            ociimg_status status = ociimg_layer_open(layer, mode, &opts, NULL, &reader, NULL);
            while (status == OCIIMG_STATUS_OK && n > 0) {
                status = ociimg_reader_read(reader, out, sizeof out, &n, NULL);
            }
            verified += ociimg_reader_is_verified(reader) != 0;
            ociimg_reader_free(reader);
            ociimg_layer_free(layer);
        }
    }
}

static void change(ociimg_image *image)
{
    ociimg_layer_writer *writer;
    ociimg_layer *layer = NULL;
    memset(out, 0, sizeof out);
    TRY(ociimg_image_set_label(image, "name", "value", NULL));
    TRY(ociimg_image_set_env(image, "NAME", "value", NULL));
    if (ociimg_layer_writer_new(NULL, NULL, &writer, NULL) == OCIIMG_STATUS_OK) {
        TRY(ociimg_layer_writer_write(writer, out, sizeof out, NULL));
        TRY(ociimg_layer_writer_finish(writer, &layer, NULL));
        ociimg_layer_writer_free(writer);
    }
    TRY(ociimg_image_append_layer(image, layer, NULL, NULL));
    TRY(ociimg_image_convert(image, OCIIMG_FORMAT_DOCKER, NULL));
    ociimg_image_manifest_digest(image);
    ociimg_layer_free(layer);
}

static void copy(const ociimg_index *index)
{
    char path[4096];
    ociimg_sink *sink;
    for (int archive = 0; archive < 2; archive++) {
        snprintf(path, sizeof path, "%s/%s", folder, archive ? "archive.tar" : "layout");
        ociimg_status status = archive ? ociimg_sink_open_archive(path, NULL, &sink, NULL)
                                       : ociimg_sink_open_layout(path, NULL, &sink, NULL);
        CHECK_EQUAL(status, OCIIMG_STATUS_OK);
        copied += ociimg_index_write(index, sink, NULL, NULL, NULL) == OCIIMG_STATUS_OK;
        ociimg_sink_free(sink);
    }
}

static void one(const char *path)
{
    ociimg_loader *loader;
    ociimg_index *index = NULL;
    ociimg_error *err = NULL;
    if (ociimg_loader_open(path, NULL, NULL, &loader, &err) == OCIIMG_STATUS_OK) {
        TRY(ociimg_index_load(loader, NULL, NULL, &index, &err));
    }
    ociimg_error_free(err);
    for (size_t i = 0; index && i < ociimg_index_entry_count(index) && i < 8; i++) {
        ociimg_image *image;
        if (ociimg_index_image(index, i, NULL, &image, NULL) == OCIIMG_STATUS_OK) {
            read_layers(image);
            change(image);
            ociimg_image_free(image);
        }
    }
    ociimg_platform *platform;
    if (index && ociimg_platform_parse("linux/arm/v7", NULL, &platform, NULL) == OCIIMG_STATUS_OK) {
        ociimg_image *image = NULL;
        TRY(ociimg_index_image_for(index, platform, NULL, &image, NULL));
        ociimg_image_free(image);
        ociimg_platform_free(platform);
    }
    if (index) {
        copy(index);
    }
    ociimg_index_free(index);
    ociimg_loader_free(loader);
}

static void *run(void *argument)
{
    (void)argument;
    for (char **path = paths; *path; path++) {
        one(*path);
    }
    return NULL;
}

/* An idle thread takes some of its stack too: for its variables, and what libc puts there. */
static void *idle(void *argument)
{
    return argument;
}

static size_t measure(void *(*what)(void *))
{
    pthread_attr_t attributes;
    pthread_t thread;
    uint8_t *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(stack != MAP_FAILED);
    memset(stack, PAINT, STACK);
    CHECK(pthread_attr_init(&attributes) == 0);
    CHECK(pthread_attr_setstack(&attributes, stack, STACK) == 0);
    CHECK(pthread_create(&thread, &attributes, what, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    size_t untouched = 0;
    while (untouched < STACK && stack[untouched] == PAINT) {
        untouched++;
    }
    pthread_attr_destroy(&attributes);
    CHECK(munmap(stack, STACK) == 0);
    return STACK - untouched;
}

int main(int argc, char **argv)
{
    bound();
    CHECK(argc >= 4);
    folder = argv[2];
    paths = argv + 3;
    size_t alone = measure(idle), used = measure(run) - alone;
    printf("%zu bytes of stack, expected at most %s\n", used, argv[1]);
    CHECK(verified >= 10 && copied >= 2);
    CHECK(used > 1000 && used <= strtoull(argv[1], NULL, 10));
    return 0;
}
