/* The built-in sinks as a C program uses them: options, ownership, failing callbacks. */
#define _DEFAULT_SOURCE
#include "check.h"
#include <sys/stat.h>

static char folder[] = "/tmp/ociimg-sinks-XXXXXX";

static const char *at(const char *name)
{
    static char paths[4][300];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static ociimg_sink_options defaults(void)
{
    ociimg_sink_options opts;
    memset(&opts, 0, sizeof opts);
    opts.struct_size = sizeof opts;
    return opts;
}

/* Bytes that came out of an archive, and what its callback does. */
struct stream {
    size_t bytes, calls;
    int destroyed;
    size_t fail_at; /* the call that fails, from 1 on */
    ociimg_status status;
    ociimg_sink *sink;
};

static int32_t take(void *state, const uint8_t *buf, size_t len, ociimg_call *call)
{
    struct stream *stream = state;
    ociimg_error *err = NULL;
    CHECK(buf && len > 0 && call);
    stream->calls++;
    if (stream->sink) {
        CHECK_STATUS(ociimg_sink_finish(stream->sink, NULL, &err), OCIIMG_STATUS_INVALID_ARGUMENT);
        ociimg_sink_free(stream->sink);
        stream->sink = NULL;
    }
    if (stream->calls == stream->fail_at) {
        return ociimg_call_fail(call, stream->status, 42, "no room");
    }
    stream->bytes += len;
    return 0;
}

static void destroy(void *state)
{
    struct stream *stream = state;
    stream->destroyed++;
}

typedef ociimg_status open_file(const char *, const ociimg_sink_options *, ociimg_sink **,
                                ociimg_error **);

static void check_options(const char *name, open_file *open)
{
    ociimg_error *err = NULL;
    ociimg_sink *sink;
    ociimg_sink_options opts;
    snprintf(row, sizeof row, "%s", name);

    CHECK_STATUS(open(NULL, NULL, &sink, &err), OCIIMG_STATUS_INVALID_ARGUMENT);
    CHECK(!sink);
    CHECK_STATUS(open("", NULL, &sink, &err), OCIIMG_STATUS_INVALID_ARGUMENT);
    CHECK_STATUS(open(at("x"), NULL, NULL, &err), OCIIMG_STATUS_INVALID_ARGUMENT);
    opts = defaults();
    opts.struct_size = sizeof opts - 1;
    CHECK_STATUS(open(at("x"), &opts, &sink, &err), OCIIMG_STATUS_INVALID_ARGUMENT);
    opts.struct_size = 4097;
    CHECK_STATUS(open(at("x"), &opts, &sink, &err), OCIIMG_STATUS_INVALID_ARGUMENT);
    opts = defaults();
    opts.flags = 16;
    CHECK_STATUS(open(at("x"), &opts, &sink, &err), OCIIMG_STATUS_UNSUPPORTED);
    opts = defaults();
    opts.reserved = 1;
    CHECK_STATUS(open(at("x"), &opts, &sink, &err), OCIIMG_STATUS_UNSUPPORTED);
    opts = defaults();
    opts.compression = 4;
    CHECK_STATUS(open(at("x"), &opts, &sink, &err), OCIIMG_STATUS_INVALID_ARGUMENT);
    opts.compression = -1;
    CHECK_STATUS(open(at("x"), &opts, &sink, &err), OCIIMG_STATUS_INVALID_ARGUMENT);
    struct {
        ociimg_sink_options opts;
        uint64_t later;
    } longer = {defaults(), 0};
    longer.opts.struct_size = sizeof longer;
    longer.later = 1;
    CHECK_STATUS(open(at("x"), &longer.opts, &sink, &err), OCIIMG_STATUS_UNSUPPORTED);
    CHECK(!sink);

    struct stat stat_;
    CHECK(stat(at("x"), &stat_) != 0);
    longer.later = 0;
    CHECK_OK(open(at("x"), &longer.opts, &sink, &err));
    CHECK_OK(ociimg_sink_finish(sink, NULL, &err));
    CHECK_STATUS(ociimg_sink_finish(sink, NULL, &err), OCIIMG_STATUS_INVALID_ARGUMENT);
    ociimg_sink_free(sink);
    CHECK(stat(at("x"), &stat_) == 0);

    opts = defaults();
    opts.flags = OCIIMG_SINK_MUST_BE_NEW;
    CHECK_STATUS(open(at("x"), &opts, &sink, &err), OCIIMG_STATUS_EXISTS);
    row[0] = 0;
}

static void check_stream(void)
{
    ociimg_error *err = NULL;
    ociimg_sink *sink;
    struct stream stream;
    ociimg_sink_options opts = defaults();
    memset(&stream, 0, sizeof stream);

    /* After a failed open the caller still owns the state. */
    CHECK_STATUS(ociimg_sink_open_archive_stream(NULL, destroy, &stream, NULL, &sink, &err),
                 OCIIMG_STATUS_INVALID_ARGUMENT);
    CHECK_STATUS(ociimg_sink_open_archive_stream(take, destroy, &stream, NULL, NULL, &err),
                 OCIIMG_STATUS_INVALID_ARGUMENT);
    opts.compression = OCIIMG_COMPRESSION_GZIP;
    opts.level = 10;
    CHECK_STATUS(ociimg_sink_open_archive_stream(take, destroy, &stream, &opts, &sink, &err),
                 OCIIMG_STATUS_INVALID_ARGUMENT);
    CHECK_EQUAL(stream.destroyed, 0);

    /* oci-layout and index.json, each with a header, the folder blobs, and the end. */
    CHECK_OK(ociimg_sink_open_archive_stream(take, destroy, &stream, NULL, &sink, &err));
    CHECK_EQUAL(stream.calls, 0);
    stream.sink = sink; /* freed by its own callback */
    CHECK_OK(ociimg_sink_finish(sink, NULL, &err));
    CHECK_EQUAL(stream.bytes, 5 * 512 + 1024);
    CHECK_EQUAL(stream.destroyed, 1);

    /* After a failure every call fails, and the callback is not called again. */
    memset(&stream, 0, sizeof stream);
    stream.fail_at = 1;
    stream.status = OCIIMG_STATUS_LIMIT_EXCEEDED;
    CHECK_OK(ociimg_sink_open_archive_stream(take, destroy, &stream, NULL, &sink, &err));
    CHECK_EQUAL(ociimg_sink_finish(sink, NULL, &err), OCIIMG_STATUS_LIMIT_EXCEEDED);
    CHECK_EQUAL(ociimg_error_callback_code(err), 42);
    CHECK(strstr(ociimg_error_message(err), "no room"));
    ociimg_error_free(err);
    CHECK(ociimg_sink_finish(sink, NULL, NULL) != OCIIMG_STATUS_OK);
    ociimg_sink_free(sink);
    CHECK_EQUAL(stream.calls, 1);
    CHECK_EQUAL(stream.destroyed, 1);

    /* An archive cannot be given again. */
    memset(&stream, 0, sizeof stream);
    stream.fail_at = 1;
    stream.status = OCIIMG_STATUS_RESTART;
    CHECK_OK(ociimg_sink_open_archive_stream(take, destroy, &stream, NULL, &sink, &err));
    CHECK_STATUS(ociimg_sink_finish(sink, NULL, &err), OCIIMG_STATUS_CALLBACK_CONTRACT);
    ociimg_sink_free(sink);

    /* No callback runs if the archive is not finished. */
    memset(&stream, 0, sizeof stream);
    CHECK_OK(ociimg_sink_open_archive_stream(take, destroy, &stream, NULL, &sink, &err));
    ociimg_sink_free(sink);
    CHECK_EQUAL(stream.calls, 0);
    CHECK_EQUAL(stream.destroyed, 1);
    CHECK_OK(ociimg_sink_open_archive_stream(take, NULL, NULL, NULL, &sink, &err));
    ociimg_sink_free(sink);

    /* A cancelled context changes nothing. */
    memset(&stream, 0, sizeof stream);
    ociimg_context *ctx = ociimg_context_new(NULL, NULL);
    ociimg_context_cancel(ctx);
    CHECK_OK(ociimg_sink_open_archive_stream(take, destroy, &stream, NULL, &sink, &err));
    CHECK_STATUS(ociimg_sink_finish(sink, ctx, &err), OCIIMG_STATUS_CANCELLED);
    CHECK_EQUAL(stream.calls, 0);
    CHECK_OK(ociimg_sink_finish(sink, NULL, &err));
    ociimg_sink_free(sink);
    ociimg_context_free(ctx);
}

/* An index from one form to the next: each can be loaded again. */
static void check_round(void)
{
    ociimg_error *err = NULL;
    const char *forms[] = {"x", "from.tar", "from.tar.gz", "layout"};
    ociimg_sink_options opts = defaults();
    for (size_t i = 0; i + 1 < sizeof forms / sizeof *forms; i++) {
        snprintf(row, sizeof row, "%s to %s", forms[i], forms[i + 1]);
        ociimg_loader *loader;
        ociimg_index *index;
        ociimg_sink *sink;
        CHECK_OK(ociimg_loader_open(at(forms[i]), NULL, NULL, &loader, &err));
        CHECK_OK(ociimg_index_load(loader, NULL, NULL, &index, &err));
        opts.compression = i == 1 ? OCIIMG_COMPRESSION_GZIP : OCIIMG_COMPRESSION_DEFAULT;
        open_file *open = i == 2 ? ociimg_sink_open_layout : ociimg_sink_open_archive;
        CHECK_OK(open(at(forms[i + 1]), &opts, &sink, &err));
        CHECK_OK(ociimg_index_write(index, sink, NULL, NULL, &err));
        CHECK_OK(ociimg_sink_finish(sink, NULL, &err));
        ociimg_sink_free(sink);
        ociimg_index_free(index);
        ociimg_loader_free(loader);
    }
    row[0] = 0;
}

int main(void)
{
    bound();
    CHECK(mkdtemp(folder));
    check_options("layout", ociimg_sink_open_layout);
    check_stream();
    check_round();
    char command[400];
    snprintf(command, sizeof command, "rm -r %s/*", folder);
    CHECK(system(command) == 0);
    check_options("archive", ociimg_sink_open_archive);
    ociimg_error *err = NULL;
    ociimg_sink *sink;
    CHECK_STATUS(ociimg_sink_open_archive("/dev/null", NULL, &sink, &err),
                 OCIIMG_STATUS_INVALID_ARGUMENT);
    ociimg_sink_free(NULL);
    snprintf(command, sizeof command, "rm -r %s", folder);
    CHECK(system(command) == 0);
    return 0;
}
