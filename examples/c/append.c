/*
 * append: puts a layer on an image. Reads a tar stream from standard input, and writes the
 * image with it as an OCI archive:
 *
 *     tar -c app | append BASE OUT.tar /app/run --serve
 *
 * BASE is an image layout, an OCI archive or a docker-save archive. The words after OUT.tar
 * become the entrypoint. Prints the digests of the new manifest and config.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 *     cc -Iinclude examples/c/append.c -o append -Ltarget/release -lociimg
 */

#include "ociimg.h"

#include <stdio.h>
#include <stdlib.h>

/* Every function here passes the library's error on; main reports it. */

/* The image of this machine's platform. */
static ociimg_status load_base(const char *path, ociimg_image **image, ociimg_error **err)
{
    ociimg_loader *loader = NULL;
    ociimg_index *index = NULL;
    ociimg_status status = ociimg_loader_open(path, NULL, NULL, &loader, err);
    if (!status) {
        status = ociimg_index_load(loader, NULL, NULL, &index, err);
    }
    if (!status) {
        status = ociimg_index_image_for(index, NULL, NULL, image, err);
    }
    /* The image keeps alive what it depends on. */
    ociimg_index_free(index);
    ociimg_loader_free(loader);
    return status;
}

/* Standard input as a layer, compressed with gzip. */
static ociimg_status read_layer(ociimg_layer **layer, ociimg_error **err)
{
    static uint8_t buf[1 << 16];
    ociimg_layer_writer *writer = NULL;
    size_t n;
    ociimg_status status = ociimg_layer_writer_new(NULL, NULL, &writer, err);
    while (!status && (n = fread(buf, 1, sizeof buf, stdin)) > 0) {
        status = ociimg_layer_writer_write(writer, buf, n, err);
    }
    if (!status && ferror(stdin)) {
        status = OCIIMG_STATUS_IO;
        *err = ociimg_error_new(status, 0, "standard input could not be read");
    }
    if (!status) {
        status = ociimg_layer_writer_finish(writer, layer, err);
    }
    ociimg_layer_writer_free(writer);
    return status;
}

static ociimg_status write_archive(const ociimg_image *image, const char *path, ociimg_error **err)
{
    ociimg_sink *sink = NULL;
    ociimg_status status = ociimg_sink_open_archive(path, NULL, &sink, err);
    if (!status) {
        status = ociimg_image_write(image, sink, NULL, NULL, err);
    }
    /* The archive appears when this succeeds. */
    if (!status) {
        status = ociimg_sink_finish(sink, NULL, err);
    }
    ociimg_sink_free(sink);
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: %s BASE OUT.tar [ENTRYPOINT...] < LAYER.tar\n", argv[0]);
        return 2;
    }
    ociimg_image *image = NULL;
    ociimg_layer *layer = NULL;
    ociimg_error *err = NULL;
    ociimg_append_options step = {.struct_size = sizeof step, .created_by = "append"};

    ociimg_status status = load_base(argv[1], &image, &err);
    if (!status) {
        status = read_layer(&layer, &err);
    }
    if (!status) {
        status = ociimg_image_append_layer(image, layer, &step, &err);
    }
    if (!status && argc > 3) {
        const char *const *words = (const char *const *)&argv[3];
        status = ociimg_image_set_entrypoint(image, words, (size_t)argc - 3, &err);
    }
    if (!status) {
        status = write_archive(image, argv[2], &err);
    }
    if (status) {
        fprintf(stderr, "%s: %s\n", argv[0], ociimg_error_message(err));
    } else {
        printf("manifest %s\nconfig %s\n", ociimg_image_manifest_digest(image),
               ociimg_image_config_digest(image));
    }
    ociimg_error_free(err);
    ociimg_layer_free(layer);
    ociimg_image_free(image);
    return status ? EXIT_FAILURE : EXIT_SUCCESS;
}
