// Throws out of the callback of a sink that the first argument names. The library must not go
// on from there: neither other callbacks nor main may say anything after "throws".

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

static bool is_thrower(const char *callback)
{
    return std::strcmp(callback, thrower) == 0;
}

static int32_t called(const char *callback)
{
    if (thrown) {
        say(callback, "runs on");
    }
    if (is_thrower(callback)) {
        thrown = true;
        say(callback, "throws");
        throw std::runtime_error("out of a callback");
    }
    return 0;
}

// An index that embeds a manifest, which embeds its config: one blob, and nothing to open.
static const char root[] =
    "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":"
    "\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"sha256:"
    "50c6dfca72117f70bd39166377d52c266eadf5aa5bc40d66332d8efb49c11985\",\"size\":173,\"data\":\""
    "eyJzY2hlbWFWZXJzaW9uIjoyLCJjb25maWciOnsibWVkaWFUeXBlIjoidGV4dC9wbGFpbiIsImRpZ2VzdCI6InNoYTI1"
    "NjoyZDcxMTY0MmI3MjZiMDQ0MDE2MjdjYTlmYmFjMzJmNWM4NTMwZmIxOTAzY2M0ZGIwMjI1ODcxNzkyMWE0ODgxIiwi"
    "c2l6ZSI6MSwiZGF0YSI6ImVBPT0ifSwibGF5ZXJzIjpbXX0=\"}]}";

static int32_t open_root(void *, void **stream, ociimg_call *)
{
    *stream = new size_t(0);
    return 0;
}

static int32_t open_other(void *, const char *, void **, ociimg_call *)
{
    return OCIIMG_STATUS_NOT_FOUND;
}

static int32_t read(void *, void *stream, uint8_t *buf, size_t cap, size_t *n, ociimg_call *)
{
    size_t *at = static_cast<size_t *>(stream);
    size_t left = sizeof root - 1 - *at;
    *n = cap < left ? cap : left;
    std::memcpy(buf, root + *at, *n);
    *at += *n;
    return 0;
}

static void close(void *, void *stream)
{
    delete static_cast<size_t *>(stream);
}

static int32_t has_blob(void *, const ociimg_descriptor *, ociimg_bool *, ociimg_call *)
{
    return called("has_blob");
}

static int32_t begin_blob(void *, const ociimg_descriptor *, void **stream, uint64_t *,
                          ociimg_call *)
{
    *stream = &thrown;
    return called("begin_blob");
}

static int32_t write_blob(void *, void *, const uint8_t *, size_t, ociimg_call *)
{
    // Only a failure leads to abort_blob.
    return is_thrower("abort_blob") ? OCIIMG_STATUS_CALLBACK : called("write");
}

static int32_t commit_blob(void *, void *, ociimg_call *)
{
    return called("commit_blob");
}

static void abort_blob(void *, void *)
{
    called("abort_blob");
}

static int32_t put_manifest(void *, const ociimg_descriptor *, const uint8_t *, size_t,
                            ociimg_call *)
{
    return called("put_manifest");
}

static int32_t put_root(void *, const ociimg_descriptor *, const uint8_t *, size_t, const char *,
                        ociimg_call *)
{
    return called("put_root");
}

static int32_t finish(void *, ociimg_call *)
{
    return called("finish");
}

static void destroy(void *)
{
    called("destroy");
}

static void progress(void *, const ociimg_copy_progress *)
{
    called("progress");
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        return 2;
    }
    thrower = argv[1];
    ociimg_loader_vtable source = {sizeof source, nullptr, open_root, open_other,
                                   open_other,    read,    close,     nullptr};
    ociimg_sink_vtable target = {sizeof target, 0,          0,           has_blob,
                                 begin_blob,    write_blob, commit_blob, abort_blob,
                                 put_manifest,  put_root,   finish,      destroy};
    ociimg_copy_options options = {};
    options.struct_size = sizeof options;
    options.progress = progress;
    ociimg_loader *loader = nullptr;
    ociimg_index *index = nullptr;
    ociimg_sink *sink = nullptr;
    ociimg_copy *copy = nullptr;
    if (ociimg_loader_new(&source, nullptr, &loader, nullptr) != OCIIMG_STATUS_OK ||
        ociimg_index_load(loader, nullptr, nullptr, &index, nullptr) != OCIIMG_STATUS_OK ||
        ociimg_sink_new(&target, nullptr, &sink, nullptr) != OCIIMG_STATUS_OK ||
        ociimg_copy_new(index, sink, &options, &copy, nullptr) != OCIIMG_STATUS_OK ||
        ociimg_copy_run(copy, nullptr, nullptr) != OCIIMG_STATUS_OK ||
        ociimg_sink_finish(sink, nullptr, nullptr) != OCIIMG_STATUS_OK) {
        say("main", "runs on");
        return 1;
    }
    ociimg_copy_free(copy);
    ociimg_sink_free(sink);
    ociimg_index_free(index);
    ociimg_loader_free(loader);
    if (thrown) {
        say("main", "runs on");
    }
    return 0;
}
