/*
 * layers: reads the layers of the image that fits a platform, uncompressed and verified.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 *     cc -Iinclude examples/c/layers.c -o layers -Ltarget/release -lociimg
 *     layers IMAGE [PLATFORM]
 */

#include <ociimg.h>

#include <stdio.h>
#include <stdlib.h>

static void must(ociimg_status status, ociimg_error **err)
{
    if (status == OCIIMG_STATUS_OK)
        return;
    fprintf(stderr, "%s: %s\n", ociimg_status_name(status), ociimg_error_message(*err));
    ociimg_error_free(*err);
    exit(1);
}

int main(int argc, char **argv)
{
    static uint8_t buffer[65536];
    ociimg_error *err = NULL;
    ociimg_loader *loader = NULL;
    ociimg_index *index = NULL;
    ociimg_platform *platform = NULL; /* NULL is this machine's */
    ociimg_image *image = NULL;
    ociimg_reader *reader = NULL;
    size_t n = 0;

    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: layers IMAGE [PLATFORM]\n");
        return 2;
    }
    must(ociimg_loader_open(argv[1], NULL, NULL, &loader, &err), &err);
    must(ociimg_index_load(loader, NULL, NULL, &index, &err), &err);
    if (argc == 3)
        must(ociimg_platform_parse(argv[2], NULL, &platform, &err), &err);
    must(ociimg_index_image_for(index, platform, NULL, &image, &err), &err);

    for (size_t i = 0; i < ociimg_image_layer_count(image); i++) {
        ociimg_layer *layer = ociimg_image_layer(image, i);
        uint64_t size = 0;
        must(ociimg_layer_open(layer, OCIIMG_READ_MODE_UNCOMPRESSED, NULL, NULL, &reader, &err),
             &err);
        do {
            must(ociimg_reader_read(reader, buffer, sizeof buffer, &n, &err), &err);
            size += n;   /* buffer holds the next n bytes of the tar stream */
        } while (n > 0); /* 0 is the end: all of it was verified */
        printf("%s: %llu bytes\n", ociimg_layer_diff_id(layer), (unsigned long long)size);
        ociimg_reader_free(reader);
        ociimg_layer_free(layer);
    }

    ociimg_image_free(image);
    ociimg_platform_free(platform);
    ociimg_index_free(index);
    ociimg_loader_free(loader);
    return 0;
}
