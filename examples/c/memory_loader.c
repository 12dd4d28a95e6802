/*
 * memory_loader: an image in a program's own memory, through callbacks. Writes the one
 * layer, a tar stream, to stdout: `memory_loader | tar -xO` prints the file in it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 *     cc -Iinclude examples/c/memory_loader.c -o memory_loader -Ltarget/release -lociimg
 */

#include "ociimg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the image: a manifest, a config and a layer, each named by its sha256 ---------- */

#define MANIFEST "sha256:ba9f80eaa77f0ddafc0a1935eeae236fdf6a3d207a4af981c3971174b6ed8fb0"
#define CONFIG "sha256:05eba9cef4a6eec25065c4b8244300c8a9d24c1c803fcdd34edd5babec86d505"
#define LAYER "sha256:998d6f17999195bf23fbc62963e4181d28a5add1d906bac0e27d3898672336de"

/* The layer is a tar archive of one file. */
static const struct {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100];
    char magic[8], rest[247];
    char content[512];
    char end[1024];
} layer = {
    .name = "hello.txt",
    .mode = "0000644",
    .uid = "0000000",
    .gid = "0000000",
    .size = "00000000022",
    .mtime = "00000000000",
    .checksum = "007603\0 ",
    .type = '0',
    .magic = "ustar\0"
             "00",
    .content = "Hello from memory\n",
};

static const char config[] =
    "{\"os\":\"linux\",\"architecture\":\"amd64\",\"config\":{\"Env\":[\"GREETING=Hello\"]},"
    "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" LAYER "\"]}}";

static const char manifest[] =
    "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
    "\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\","
    "\"digest\":\"" CONFIG "\",\"size\":187},"
    "\"layers\":[{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\","
    "\"digest\":\"" LAYER "\",\"size\":2048}]}";

static const struct blob {
    const char *digest;
    const void *bytes;
    size_t size;
} blobs[] = {
    {MANIFEST, manifest, sizeof manifest - 1},
    {CONFIG, config, sizeof config - 1},
    {LAYER, &layer, sizeof layer},
};

/* ---- the loader --------------------------------------------------------------------- */

struct stream {
    const unsigned char *next;
    size_t left;
};

static int32_t open_blob(void *state, const char *digest, void **stream, ociimg_call *call)
{
    (void)state;
    for (size_t i = 0; i < sizeof blobs / sizeof *blobs; i++) {
        if (strcmp(blobs[i].digest, digest) != 0)
            continue;
        struct stream *s = malloc(sizeof *s);
        if (s == NULL)
            return ociimg_call_fail(call, OCIIMG_STATUS_CALLBACK, 0, "out of memory");
        *s = (struct stream){blobs[i].bytes, blobs[i].size};
        *stream = s;
        return OCIIMG_STATUS_OK;
    }
    return ociimg_call_fail(call, OCIIMG_STATUS_NOT_FOUND, 0, "no such blob");
}

static int32_t open_root(void *state, void **stream, ociimg_call *call)
{
    return open_blob(state, MANIFEST, stream, call);
}

static int32_t read_stream(void *state, void *stream, uint8_t *buf, size_t cap, size_t *n,
                           ociimg_call *call)
{
    struct stream *s = stream;
    (void)state, (void)call;
    *n = s->left < cap ? s->left : cap;
    memcpy(buf, s->next, *n);
    s->next += *n;
    s->left -= *n;
    return OCIIMG_STATUS_OK;
}

static void close_stream(void *state, void *stream)
{
    (void)state;
    free(stream);
}

static const ociimg_loader_vtable vtable = {
    .struct_size = sizeof vtable,
    .open_root_manifest = open_root,
    .open_manifest = open_blob,
    .open_blob = open_blob,
    .read = read_stream,
    .close = close_stream,
};

/* ---- the program -------------------------------------------------------------------- */

/* Ends the program where a call failed. err is a pointer since C may look at one argument
 * before it makes the call that is the other. */
static void must(ociimg_status status, ociimg_error **err)
{
    if (status == OCIIMG_STATUS_OK)
        return;
    fprintf(stderr, "memory_loader: %s\n", ociimg_error_message(*err));
    ociimg_error_free(*err);
    exit(EXIT_FAILURE);
}

int main(void)
{
    ociimg_error *err;
    ociimg_loader *loader;
    ociimg_index *index, *chosen;
    ociimg_platform *platform;
    ociimg_image *image;
    ociimg_reader *reader;
    uint8_t buffer[4096];
    size_t n;

    must(ociimg_loader_new(&vtable, NULL, &loader, &err), &err);
    must(ociimg_index_load(loader, NULL, NULL, &index, &err), &err);
    must(ociimg_platform_parse("linux/amd64", NULL, &platform, &err), &err);
    must(ociimg_index_select(index, platform, &chosen, &err), &err);
    must(ociimg_index_image(chosen, 0, NULL, &image, &err), &err);
    ociimg_layer *first = ociimg_image_layer(image, 0);
    must(ociimg_layer_open(first, OCIIMG_READ_MODE_UNCOMPRESSED, NULL, NULL, &reader, &err), &err);
    do {
        must(ociimg_reader_read(reader, buffer, sizeof buffer, &n, &err), &err);
        fwrite(buffer, 1, n, stdout);
    } while (n > 0);

    ociimg_reader_free(reader);
    ociimg_layer_free(first);
    ociimg_image_free(image);
    ociimg_index_free(chosen);
    ociimg_platform_free(platform);
    ociimg_index_free(index);
    ociimg_loader_free(loader);
    return ferror(stdout) || fflush(stdout) != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
