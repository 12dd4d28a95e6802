/*
 * own_loader: an image from a source of the program's own, through a table of callbacks. Here
 * it is a folder of files that are named by their digests, and the file `root`.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 *     cc -Iinclude examples/c/own_loader.c -o own_loader -Ltarget/release -lociimg
 *     own_loader FOLDER
 */

#include <ociimg.h>

#include <errno.h>
#include <stdio.h>

static int32_t open_digest(void *folder, const char *digest, void **stream, ociimg_call *call)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", (const char *)folder, digest);
    *stream = fopen(path, "rb");
    if (*stream != NULL)
        return OCIIMG_STATUS_OK;
    return ociimg_call_fail(
        call, errno == ENOENT ? OCIIMG_STATUS_NOT_FOUND : OCIIMG_STATUS_CALLBACK, errno, path);
}

static int32_t open_root(void *folder, void **stream, ociimg_call *call)
{
    return open_digest(folder, "root", stream, call);
}

static int32_t read_file(void *folder, void *file, uint8_t *buf, size_t cap, size_t *n,
                         ociimg_call *call)
{
    (void)folder;
    *n = fread(buf, 1, cap, file);
    return ferror((FILE *)file) ? ociimg_call_fail(call, OCIIMG_STATUS_CALLBACK, errno, "read") : 0;
}

static void close_file(void *folder, void *file)
{
    (void)folder;
    fclose(file);
}

int main(int argc, char **argv)
{
    const ociimg_loader_vtable callbacks = {
        .struct_size = sizeof callbacks,
        .open_root_manifest = open_root,
        .open_manifest = open_digest,
        .open_blob = open_digest,
        .read = read_file,
        .close = close_file,
    };
    ociimg_loader *loader = NULL;
    ociimg_index *index = NULL;
    ociimg_image *image = NULL;
    ociimg_error *err = NULL;
    int failed = 1;

    if (argc != 2) {
        fprintf(stderr, "usage: own_loader FOLDER\n");
        return 2;
    }
    if (ociimg_loader_new(&callbacks, argv[1], &loader, &err) == OCIIMG_STATUS_OK &&
        ociimg_index_load(loader, NULL, NULL, &index, &err) == OCIIMG_STATUS_OK &&
        ociimg_index_image(index, 0, NULL, &image, &err) == OCIIMG_STATUS_OK) {
        printf("%zu entries; the first has %zu layers\n", ociimg_index_entry_count(index),
               ociimg_image_layer_count(image));
        failed = 0;
    } else {
        fprintf(stderr, "%s\n", ociimg_error_message(err));
    }
    ociimg_error_free(err);
    ociimg_image_free(image);
    ociimg_index_free(index);
    ociimg_loader_free(loader);
    return failed;
}
