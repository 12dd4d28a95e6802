// Throws out of the callback that the first argument names. The library must not go on
// from there: neither other callbacks nor main may say anything after "throws".

#include "ociimg.h"
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <unistd.h>

static const char *thrower;
static bool thrown;

static void say(const char *what, const char *does)
{
    char line[100];
    int length = std::snprintf(line, sizeof line, "%s %s\n", what, does);
    if (write(STDOUT_FILENO, line, static_cast<size_t>(length)) != length) {
        _exit(3);
    }
}

static void called(const char *callback)
{
    if (thrown) {
        say(callback, "runs on");
    }
    if (std::strcmp(callback, thrower) == 0) {
        thrown = true;
        say(callback, "throws");
        throw std::runtime_error("out of a callback");
    }
}

// No child's content is ever right here, but it is asked for.
#define DIGEST "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
// No entry has this digest, so its content is asked of open_blob.
#define BLOB "sha256:6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
static const char root[] =
    "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":"
    "\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"" DIGEST "\",\"size\":1}]}";

static int32_t root_digest(void *, char *, size_t, ociimg_call *)
{
    called("root_digest");
    return 0;
}

static int32_t open_root_manifest(void *, void **stream, ociimg_call *)
{
    called("open_root_manifest");
    *stream = new size_t(0);
    return 0;
}

static int32_t open_manifest(void *, const char *, void **stream, ociimg_call *)
{
    called("open_manifest");
    *stream = new size_t(0);
    return 0;
}

static int32_t open_blob(void *, const char *, void **stream, ociimg_call *)
{
    called("open_blob");
    *stream = new size_t(0);
    return 0;
}

static int32_t read(void *, void *stream, uint8_t *buf, size_t cap, size_t *n, ociimg_call *)
{
    called("read");
    size_t *at = static_cast<size_t *>(stream);
    size_t left = sizeof root - 1 - *at;
    *n = cap < left ? cap : left;
    std::memcpy(buf, root + *at, *n);
    *at += *n;
    return 0;
}

static void close(void *, void *stream)
{
    called("close");
    delete static_cast<size_t *>(stream);
}

static void destroy(void *)
{
    called("destroy");
}

static void destroy_context(void *)
{
    called("destroy of a context");
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        return 2;
    }
    thrower = argv[1];
    ociimg_loader_vtable table = {sizeof table,  root_digest, open_root_manifest,
                                  open_manifest, open_blob,   read,
                                  close,         destroy};
    ociimg_loader *loader = nullptr;
    ociimg_index *index = nullptr;
    ociimg_descriptor *blob = nullptr;
    ociimg_reader *reader = nullptr;
    ociimg_context *ctx = ociimg_context_new(nullptr, destroy_context);
    if (ociimg_loader_new(&table, nullptr, &loader, nullptr) != OCIIMG_STATUS_OK ||
        ociimg_index_load(loader, nullptr, ctx, &index, nullptr) != OCIIMG_STATUS_OK ||
        ociimg_descriptor_new("text/plain", BLOB, 1, &blob, nullptr) != OCIIMG_STATUS_OK ||
        ociimg_index_open_blob(index, blob, OCIIMG_READ_MODE_STORED, nullptr, ctx, &reader,
                               nullptr) != OCIIMG_STATUS_OK) {
        say("main", "runs on");
        return 1;
    }
    ociimg_context_free(ctx);
    ociimg_loader_free(loader);
    ociimg_index_free(index);
    ociimg_descriptor_free(blob);
    ociimg_reader_free(reader);
    if (thrown) {
        say("main", "runs on");
    }
    return 0;
}
