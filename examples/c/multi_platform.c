/*
 * multi_platform: makes one index of images for several platforms, and writes it as an
 * image layout:
 *
 *     multi_platform OUT IMAGE linux/amd64 OTHER linux/arm64
 *
 * Each image is a layout or an archive, followed by the platform to take from it. Prints
 * what the index lists, and its digest.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 *     cc -Iinclude examples/c/multi_platform.c -o multi_platform -Ltarget/release -lociimg
 */

#include "ociimg.h"

#include <stdio.h>
#include <stdlib.h>

/* Every function here passes the library's error on; main reports it. */

static ociimg_status add(ociimg_index_builder *builder, const char *path, const char *specifier,
                         ociimg_error **err)
{
    ociimg_platform *platform = NULL;
    ociimg_loader *loader = NULL;
    ociimg_index *index = NULL;
    ociimg_image *image = NULL;
    ociimg_status status = ociimg_platform_parse(specifier, NULL, &platform, err);
    if (!status) {
        status = ociimg_loader_open(path, NULL, NULL, &loader, err);
    }
    if (!status) {
        status = ociimg_index_load(loader, NULL, NULL, &index, err);
    }
    if (!status) {
        status = ociimg_index_image_for(index, platform, NULL, &image, err);
    }
    if (!status) {
        /* NULL: the entry gets the image's own platform. */
        status = ociimg_index_builder_add_image(builder, image, NULL, err);
    }
    ociimg_image_free(image);
    ociimg_index_free(index);
    ociimg_loader_free(loader);
    ociimg_platform_free(platform);
    return status;
}

static void print(const ociimg_index *index)
{
    for (size_t i = 0; i < ociimg_index_entry_count(index); i++) {
        ociimg_platform *platform = ociimg_index_entry_platform(index, i);
        ociimg_descriptor *d = ociimg_index_entry_descriptor(index, i);
        const char *name = ociimg_platform_format(platform);
        printf("%s %s\n", name ? name : "unknown", ociimg_descriptor_digest(d));
        ociimg_descriptor_free(d);
        ociimg_platform_free(platform);
    }
    printf("index %s\n", ociimg_index_root_digest(index));
}

static ociimg_status write_layout(const ociimg_index *index, const char *path, ociimg_error **err)
{
    ociimg_sink *sink = NULL;
    ociimg_status status = ociimg_sink_open_layout(path, NULL, &sink, err);
    if (!status) {
        status = ociimg_index_write(index, sink, "latest", NULL, err);
    }
    if (!status) {
        status = ociimg_sink_finish(sink, NULL, err);
    }
    ociimg_sink_free(sink);
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 4 || argc % 2 != 0) {
        fprintf(stderr, "usage: %s OUT IMAGE PLATFORM [IMAGE PLATFORM]...\n", argv[0]);
        return 2;
    }
    ociimg_index_builder *builder = NULL;
    ociimg_index *index = NULL;
    ociimg_error *err = NULL;
    ociimg_status status = ociimg_index_builder_new(OCIIMG_FORMAT_OCI, &builder, &err);
    for (int i = 2; !status && i < argc; i += 2) {
        status = add(builder, argv[i], argv[i + 1], &err);
    }
    if (!status) {
        status = ociimg_index_builder_finish(builder, NULL, &index, &err);
    }
    if (!status) {
        status = write_layout(index, argv[1], &err);
    }
    if (status) {
        fprintf(stderr, "%s: %s\n", argv[0], ociimg_error_message(err));
    } else {
        print(index);
    }
    ociimg_error_free(err);
    ociimg_index_free(index);
    ociimg_index_builder_free(builder);
    return status ? EXIT_FAILURE : EXIT_SUCCESS;
}
