/*
 * libarchive: lists the files of an image's layers, as libarchive reads them.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 *     cc -Iinclude examples/c/libarchive.c -o list -Ltarget/release -lociimg -larchive
 *     ./list image.tar
 *
 * A tar reader stops at the blocks of zeros that end an archive. More may follow in the blob,
 * and only at its end are size, digest and diff ID compared. So a program that uses one calls
 * ociimg_reader_finish afterwards: without it, an altered layer passes unnoticed.
 */

#include "ociimg.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>

/* The source that libarchive reads. */
struct source {
    ociimg_reader *reader;
    ociimg_error *err; /* why a read failed */
    uint8_t buf[64 * 1024];
};

static la_ssize_t read_layer(struct archive *a, void *data, const void **buf)
{
    struct source *source = data;
    size_t n;
    if (ociimg_reader_read(source->reader, source->buf, sizeof source->buf, &n, &source->err)) {
        archive_set_error(a, EIO, "%s", ociimg_error_message(source->err));
        return ARCHIVE_FATAL;
    }
    *buf = source->buf;
    return (la_ssize_t)n;
}

/* Lists one layer; 0 if all of it was read and verified. */
static int list(const ociimg_layer *layer)
{
    static struct source source;
    source.err = NULL;
    if (ociimg_layer_open(layer, OCIIMG_READ_MODE_UNCOMPRESSED, NULL, NULL, &source.reader,
                          &source.err)) {
        fprintf(stderr, "%s\n", ociimg_error_message(source.err));
        ociimg_error_free(source.err);
        return 1;
    }
    struct archive *a = archive_read_new();
    struct archive_entry *entry;
    archive_read_support_format_tar(a);
    archive_read_support_format_empty(a);
    int result = archive_read_open(a, &source, NULL, read_layer, NULL);
    while (result == ARCHIVE_OK || result == ARCHIVE_WARN) {
        result = archive_read_next_header(a, &entry);
        if (result == ARCHIVE_OK || result == ARCHIVE_WARN) {
            printf("%10lld %s\n", (long long)archive_entry_size(entry),
                   archive_entry_pathname(entry));
        }
    }
    int failed = result != ARCHIVE_EOF;
    if (failed)
        fprintf(stderr, "%s\n", archive_error_string(a));
    archive_read_free(a);

    /* The end of the archive is not the end of the layer. */
    if (!failed && ociimg_reader_finish(source.reader, &source.err)) {
        fprintf(stderr, "do not trust these files: %s\n", ociimg_error_message(source.err));
        failed = 1;
    }
    ociimg_error_free(source.err);
    ociimg_reader_free(source.reader);
    return failed;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: list LAYOUT|ARCHIVE\n");
        return 2;
    }
    ociimg_error *err = NULL;
    ociimg_loader *loader = NULL;
    ociimg_index *index = NULL, *selected = NULL;
    ociimg_platform *host = ociimg_platform_host();
    ociimg_image *image = NULL;
    int failed = 1;
    if (!ociimg_loader_open(argv[1], NULL, NULL, &loader, &err) &&
        !ociimg_index_load(loader, NULL, NULL, &index, &err) &&
        !ociimg_index_select(index, host, &selected, &err) &&
        !ociimg_index_image(selected, 0, NULL, &image, &err)) {
        failed = 0;
        for (size_t i = 0; i < ociimg_image_layer_count(image); i++) {
            ociimg_layer *layer = ociimg_image_layer(image, i);
            printf("%s\n", ociimg_layer_digest(layer));
            failed |= list(layer);
            ociimg_layer_free(layer);
        }
    } else {
        fprintf(stderr, "%s\n", ociimg_error_message(err));
    }
    ociimg_error_free(err);
    ociimg_image_free(image);
    ociimg_index_free(selected);
    ociimg_index_free(index);
    ociimg_loader_free(loader);
    ociimg_platform_free(host);
    return failed;
}
