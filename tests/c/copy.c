/* Copying to a sink whose callbacks fail, cancel, ask for a restart, return false values, call the
 * library and free its handles, at every call. */

#define _XOPEN_SOURCE 700 /* barriers */

#include "sink.h"

enum { THREADS = 8, BLOBS = 4 /* two configs, two layers that both images have */ };

static ociimg_error *err;

/* An index over two images that share their layers, the second one nested. */
static struct source *two_images(void)
{
    struct source *s = source_new();
    const struct blob *first = put_image(s, "amd64");
    const struct blob *nested = put_text(
        s, "{\"schemaVersion\":2,\"mediaType\":\"" INDEX "\",\"manifests\":[%s,%s]}",
        describe(MANIFEST, put_image(s, "arm64"), "").text, describe(MANIFEST, first, "").text);
    s->root = put_text(s, "{\"schemaVersion\":2,\"manifests\":[%s,%s]}",
                       describe(MANIFEST, first, AMD64).text, describe(INDEX, nested, "").text);
    s->root_digest = s->root->digest;
    return s;
}

/* Everything that belongs to a copy. */
struct job {
    struct source *source;
    struct sink *into;
    ociimg_loader *loader;
    ociimg_index *index;
    ociimg_sink *sink;
    ociimg_context *ctx;
    ociimg_copy *copy;
    /* The event to inject, and the call. */
    int at;
    int32_t status;
    bool cancel;
    enum sink_callback hit;
    ociimg_copy_progress last;
    atomic_int reports, reporting;
};

static void check_progress(void *user_data, const ociimg_copy_progress *p)
{
    struct job *job = user_data;
    ociimg_copy_progress *last = &job->last;
    CHECK_EQUAL(job->reporting++, 0); /* one at a time */
    CHECK_EQUAL(p->struct_size, sizeof *p);
    CHECK(p->event >= OCIIMG_COPY_BLOB && p->event <= OCIIMG_COPY_ROOT);
    CHECK(ociimg_descriptor_digest(p->descriptor) != NULL);
    CHECK(p->blob_bytes <= ociimg_descriptor_size(p->descriptor));
    CHECK(p->event == OCIIMG_COPY_RESTARTED || p->bytes_done >= last->bytes_done);
    CHECK(p->event == OCIIMG_COPY_RESTARTED || p->bytes_skipped >= last->bytes_skipped);
    CHECK(p->bytes_total >= last->bytes_total && p->blobs_total >= last->blobs_total);
    CHECK(p->blobs_done >= last->blobs_done && p->blobs_skipped >= last->blobs_skipped);
    CHECK(p->bytes_done + p->bytes_skipped <= p->bytes_total);
    *last = *p;
    job->reports++;
    job->reporting--;
}

static const char *const two_names[] = {"v1", "v2"};

static void start_with(struct job *job, struct source *source, uint32_t max_streams)
{
    *job = (struct job){.source = source, .into = sink_new(), .at = -1};
    job->into->test = job;
    job->loader = source_loader(source);
    job->ctx = ociimg_context_new(job, NULL);
    CHECK_OK(ociimg_index_load(job->loader, NULL, job->ctx, &job->index, &err));
    job->sink = sink_handle(job->into, max_streams);
    const ociimg_copy_options opts = {
        .struct_size = sizeof opts,
        .names = two_names,
        .name_count = 2,
        .progress = check_progress,
        .user_data = job,
    };
    CHECK_OK(ociimg_copy_new(job->index, job->sink, &opts, &job->copy, &err));
}

static void free_handles(struct job *job)
{
    ociimg_index_free(job->index);
    ociimg_loader_free(job->loader);
    ociimg_sink_free(job->sink);
    ociimg_context_free(job->ctx);
    ociimg_copy_free(job->copy);
    job->index = NULL;
    job->loader = NULL;
    job->sink = NULL;
    job->ctx = NULL;
    job->copy = NULL;
}

/* Everything of the source is in the sink, under both names. */
static void check_complete(struct job *job)
{
    for (size_t i = 0; i < job->source->count; i++) {
        CHECK(sink_holds(job->into, job->source->blobs[i]->digest));
    }
    CHECK_EQUAL(job->into->count, BLOBS + 4); /* two manifests, two indexes */
    CHECK_EQUAL(job->into->roots, 2);
    CHECK_TEXT(job->into->names[0], "v1");
    CHECK_TEXT(job->into->names[1], "v2");
    CHECK_EQUAL(job->last.bytes_done + job->last.bytes_skipped, job->last.bytes_total);
    CHECK_EQUAL(job->last.blobs_done + job->last.blobs_skipped, job->last.blobs_total);
}

static void end(struct job *job)
{
    free_handles(job);
    sink_discard(job->into);
    source_free(job->source);
}

/* The number of calls of the sink in a copy. */
static int plain(void)
{
    struct job job;
    start_with(&job, two_images(), 0);
    CHECK_OK(ociimg_copy_run(job.copy, job.ctx, &err));
    check_complete(&job);
    CHECK_EQUAL(job.last.event, OCIIMG_COPY_ROOT);
    CHECK_EQUAL(job.last.blobs_done, BLOBS);
    CHECK_EQUAL(job.into->calls[COMMIT_BLOB], BLOBS);
    CHECK_EQUAL(job.into->calls[ABORT_BLOB], 0);
    CHECK_EQUAL(job.into->calls[PUT_MANIFEST], 3);
    int calls = job.into->all;

    /* There is nothing left to do. */
    CHECK_OK(ociimg_copy_run(job.copy, job.ctx, &err));
    CHECK_EQUAL(job.into->all, calls);
    /* Another copy writes no blob. */
    CHECK_OK(ociimg_index_write(job.index, job.sink, "v3", NULL, &err));
    CHECK_EQUAL(job.into->calls[BEGIN_BLOB], BLOBS);
    ociimg_image *image;
    CHECK_OK(ociimg_index_image(job.index, 1, NULL, &image, &err));
    CHECK_OK(ociimg_image_write(image, job.sink, NULL, NULL, &err));
    CHECK_EQUAL(job.into->calls[BEGIN_BLOB], BLOBS);
    CHECK_TEXT(job.into->names[3], "-");

    CHECK_OK(ociimg_sink_finish(job.sink, NULL, &err));
    CHECK_STATUS(ociimg_sink_finish(job.sink, NULL, &err), OCIIMG_STATUS_INVALID_ARGUMENT);
    CHECK_STATUS(ociimg_copy_run(job.copy, NULL, &err), OCIIMG_STATUS_INVALID_ARGUMENT);
    CHECK_STATUS(ociimg_image_write(image, job.sink, NULL, NULL, &err),
                 OCIIMG_STATUS_INVALID_ARGUMENT);
    CHECK_EQUAL(job.into->calls[FINISH], 1);
    ociimg_image_free(image);
    end(&job);
    return calls;
}

/* ---- a failure at every call -------------------------------------------------------------- */

static bool at_its_turn(struct sink *s, struct sink_visit *v)
{
    struct job *job = s->test;
    if (v->callback == ABORT_BLOB || v->callback == SINK_DESTROY || s->all - 1 != job->at) {
        return false;
    }
    job->hit = v->callback;
    if (job->cancel) {
        ociimg_context_cancel(job->ctx);
        CHECK(ociimg_call_is_cancelled(v->call));
        return false; /* and does its work */
    }
    CHECK(ociimg_call_user_data(v->call) == job);
    v->status = ociimg_call_fail(v->call, job->status, 42, "not today\n");
    return true;
}

/* The status that a run has when a callback returned `status`. */
static int outcome(enum sink_callback callback, int32_t status)
{
    bool transfers = callback == WRITE || callback == COMMIT_BLOB;
    bool begins_or_ends = callback == BEGIN_BLOB || callback == COMMIT_BLOB;
    switch (status) {
    case OCIIMG_STATUS_RESTART:
        return transfers ? OCIIMG_STATUS_OK : OCIIMG_STATUS_CALLBACK_CONTRACT;
    case OCIIMG_STATUS_EXISTS:
        return begins_or_ends ? OCIIMG_STATUS_OK : status;
    case OCIIMG_STATUS_NOT_FOUND:
    case OCIIMG_STATUS_CANCELLED:
    case OCIIMG_STATUS_DENIED:
    case OCIIMG_STATUS_UNAVAILABLE:
    case OCIIMG_STATUS_INVALID_ARGUMENT:
    case OCIIMG_STATUS_LIMIT_EXCEEDED:
    case OCIIMG_STATUS_CONFLICT:
        return status;
    default:
        return OCIIMG_STATUS_CALLBACK;
    }
}

static void fails_at_every_call(int calls)
{
    static const int32_t statuses[] = {
        -1,
        OCIIMG_STATUS_INVALID_ARGUMENT,
        OCIIMG_STATUS_NOT_FOUND,
        OCIIMG_STATUS_DIGEST_MISMATCH,
        OCIIMG_STATUS_LIMIT_EXCEEDED,
        OCIIMG_STATUS_CANCELLED,
        OCIIMG_STATUS_EXISTS,
        OCIIMG_STATUS_RESTART,
        OCIIMG_STATUS_CONFLICT,
        OCIIMG_STATUS_DENIED,
        OCIIMG_STATUS_UNAVAILABLE,
    };
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        int32_t status = statuses[i];
        for (int at = 0; at < calls; at++) {
            struct job job;
            snprintf(row, sizeof row, "%s at call %d", ociimg_status_name(status), at);
            start_with(&job, two_images(), at % 2);
            job.into->before = at_its_turn;
            job.at = at;
            job.status = status;
            ociimg_status found = ociimg_copy_run(job.copy, job.ctx, &err);
            int expected = outcome(job.hit, status);
            check_failure(found, expected, err, __FILE__, __LINE__, sink_names[job.hit]);
            bool restarted = status == OCIIMG_STATUS_RESTART && expected == OCIIMG_STATUS_OK;
            if (expected != OCIIMG_STATUS_OK) {
                CHECK_EQUAL(ociimg_error_callback_code(err), 42);
                if (expected != OCIIMG_STATUS_CALLBACK_CONTRACT) {
                    CHECK(strstr(ociimg_error_message(err), "not today\\n") != NULL);
                }
                /* A failed write is aborted, a failed commit ended the stream by itself. */
                CHECK_EQUAL(job.into->calls[ABORT_BLOB], job.hit == WRITE);
                CHECK_EQUAL(job.into->roots, job.hit == PUT_ROOT && at == calls - 1);
                ociimg_error_free(err);
                err = NULL;
                CHECK_OK(ociimg_copy_run(job.copy, job.ctx, &err));
            } else {
                CHECK_EQUAL(job.into->calls[ABORT_BLOB], restarted && job.hit == WRITE);
            }
            if (status != OCIIMG_STATUS_EXISTS) {
                check_complete(&job);
            }
            end(&job);
        }
    }
    for (int at = 0; at < calls; at++) {
        struct job job;
        snprintf(row, sizeof row, "cancelled at call %d", at);
        start_with(&job, two_images(), at % 2);
        job.into->before = at_its_turn;
        job.at = at;
        job.cancel = true;
        /* The root of the last call is there, and only the end is left to be cancelled. */
        CHECK_STATUS(ociimg_copy_run(job.copy, job.ctx, &err), OCIIMG_STATUS_CANCELLED);
        CHECK_EQUAL(job.into->all, at + 1);
        CHECK_EQUAL(job.into->calls[ABORT_BLOB], job.hit == BEGIN_BLOB || job.hit == WRITE);
        CHECK_STATUS(ociimg_copy_run(job.copy, job.ctx, &err), OCIIMG_STATUS_CANCELLED);
        CHECK_OK(ociimg_copy_run(job.copy, NULL, &err));
        check_complete(&job);
        end(&job);
    }
}

/* Always asks for a restart. */
static bool asks_again(struct sink *s, struct sink_visit *v)
{
    struct job *job = s->test;
    v->status = ociimg_call_fail(v->call, OCIIMG_STATUS_RESTART, 7, "lost it");
    return v->callback == job->hit;
}

static void restarts_end(void)
{
    for (int commit = 0; commit < 2; commit++) {
        struct job job;
        snprintf(row, sizeof row, "restarts of %s", commit ? "commit_blob" : "write");
        start_with(&job, two_images(), 0);
        job.into->before = asks_again;
        job.hit = commit ? COMMIT_BLOB : WRITE;
        ociimg_status status = ociimg_copy_run(job.copy, job.ctx, &err);
        check_failure(status, OCIIMG_STATUS_UNAVAILABLE, err, __FILE__, __LINE__, row);
        CHECK(strstr(ociimg_error_message(err), "lost it") != NULL);
        CHECK_EQUAL(ociimg_error_callback_code(err), 7);
        ociimg_error_free(err);
        CHECK_EQUAL(job.into->calls[BEGIN_BLOB], 4);
        CHECK_EQUAL(job.into->calls[ABORT_BLOB], commit ? 0 : 4);
        job.into->before = NULL;
        CHECK_OK(ociimg_copy_run(job.copy, job.ctx, &err));
        check_complete(&job);
        end(&job);
    }
}

/* ---- a source that fails at every call ------------------------------------------------------ */

static int source_at, source_now;

static bool source_fails(struct source *s, struct visit *v)
{
    (void)s;
    if (v->callback == CLOSE || v->callback == DESTROY || source_now++ != source_at) {
        return false;
    }
    v->status = ociimg_call_fail(v->call, OCIIMG_STATUS_DENIED, 401, "log in");
    return true;
}

static void a_failing_source(void)
{
    bool failed = true;
    for (source_at = 0; failed; source_at++) {
        struct job job;
        snprintf(row, sizeof row, "the source fails at call %d", source_at);
        start_with(&job, two_images(), 0);
        source_now = 0;
        job.source->before = source_fails;
        ociimg_status status = ociimg_copy_run(job.copy, job.ctx, &err);
        failed = status != OCIIMG_STATUS_OK;
        if (failed) {
            check_failure(status, OCIIMG_STATUS_DENIED, err, __FILE__, __LINE__, row);
            ociimg_error_free(err);
            CHECK_EQUAL(job.into->roots, 0);
            CHECK_EQUAL(job.source->open, 0);
            CHECK_EQUAL(job.into->open, 0);
            CHECK_OK(ociimg_copy_run(job.copy, job.ctx, &err));
        }
        check_complete(&job);
        job.source->before = NULL;
        end(&job);
    }
    CHECK(source_at > 12);
}

/* ---- outputs that are invalid, or have a meaning -------------------------------------------
 */

enum lie { NO_STREAM, OFFSET, PRESENT, PART, LIES };

static bool lies(struct sink *s, struct sink_visit *v)
{
    struct job *job = s->test;
    if (v->callback == HAS_BLOB && job->at == PRESENT) {
        *v->present = -559038737;
        return true;
    }
    if (v->callback != BEGIN_BLOB) {
        return false;
    }
    uint64_t size = ociimg_descriptor_size(v->d);
    switch (job->at) {
    case NO_STREAM:
        return true;
    case OFFSET:
        *v->offset = size + 1;
        return false;
    case PART:
        /* The sink has all but the last byte. */
        *v->out = sink_stream_new(ociimg_descriptor_digest(v->d));
        s->open++;
        *v->offset = size - 1;
        const struct blob *blob = find_blob(job->source, ociimg_descriptor_digest(v->d));
        sink_append(*v->out, blob->bytes, size - 1);
        return true;
    default:
        return false;
    }
}

static void wrong_outputs(void)
{
    for (int lie = 0; lie < LIES; lie++) {
        struct job job;
        snprintf(row, sizeof row, "lie %d", lie);
        start_with(&job, two_images(), 0);
        job.into->before = lies;
        job.at = lie;
        if (lie == NO_STREAM || lie == OFFSET) {
            CHECK_STATUS(ociimg_copy_run(job.copy, job.ctx, &err), OCIIMG_STATUS_CALLBACK_CONTRACT);
            CHECK_EQUAL(job.into->calls[ABORT_BLOB], lie == OFFSET);
            CHECK_EQUAL(job.into->calls[WRITE], 0);
            job.into->before = NULL;
        }
        CHECK_OK(ociimg_copy_run(job.copy, job.ctx, &err));
        if (lie == PRESENT) {
            CHECK_EQUAL(job.into->calls[BEGIN_BLOB], 0);
            CHECK_EQUAL(job.last.blobs_skipped, BLOBS);
            CHECK_EQUAL(job.last.bytes_skipped, job.last.bytes_total);
        } else {
            check_complete(&job);
        }
        if (lie == PART) {
            CHECK_EQUAL(job.last.bytes_done, BLOBS);
            CHECK_EQUAL(job.into->calls[WRITE], BLOBS);
        }
        end(&job);
    }
}

/* ---- callbacks that call the library ------------------------------------------------------------
 */

static bool calls_back(struct sink *s, struct sink_visit *v)
{
    struct job *job = s->test;
    ociimg_error *inner = NULL;
    if (v->callback == SINK_DESTROY) {
        return false;
    }
    CHECK_EQUAL(ociimg_copy_run(job->copy, NULL, &inner), OCIIMG_STATUS_BUSY);
    CHECK_EQUAL(ociimg_error_status(inner), OCIIMG_STATUS_BUSY);
    ociimg_error_free(inner);
    CHECK_EQUAL(ociimg_sink_finish(job->sink, NULL, &inner), OCIIMG_STATUS_BUSY);
    ociimg_error_free(inner);
    if (v->callback == BEGIN_BLOB) {
        /* The lent descriptor works like any other. */
        ociimg_reader *reader;
        ociimg_status status = ociimg_index_open_blob(job->index, v->d, OCIIMG_READ_MODE_STORED,
                                                      NULL, NULL, &reader, NULL);
        CHECK_EQUAL(status, OCIIMG_STATUS_OK);
        CHECK_EQUAL(ociimg_reader_finish(reader, NULL), OCIIMG_STATUS_OK);
        ociimg_reader_free(reader);
    }
    return false;
}

static bool writes_another(struct sink *s, struct sink_visit *v)
{
    struct job *job = s->test;
    if (v->callback == PUT_MANIFEST && job->at < 0) {
        job->at = 1;
        CHECK_EQUAL(ociimg_index_write(job->index, job->sink, "inner", NULL, NULL),
                    OCIIMG_STATUS_OK);
    }
    return false;
}

static bool frees_all(struct sink *s, struct sink_visit *v)
{
    struct job *job = s->test;
    if (v->callback != SINK_DESTROY && s->all - 1 == job->at) {
        free_handles(job);
    }
    return false;
}

static void re_entry(int calls)
{
    struct job job;
    for (uint32_t max_streams = 0; max_streams < 2; max_streams++) {
        snprintf(row, sizeof row, "calls back, %u streams", (unsigned)max_streams);
        start_with(&job, two_images(), max_streams);
        job.into->before = calls_back;
        CHECK_OK(ociimg_copy_run(job.copy, job.ctx, &err));
        check_complete(&job);
        job.into->before = NULL;
        CHECK_OK(ociimg_sink_finish(job.sink, NULL, &err));
        end(&job);
    }

    snprintf(row, sizeof row, "writes another");
    start_with(&job, two_images(), 0);
    job.into->before = writes_another;
    CHECK_OK(ociimg_copy_run(job.copy, job.ctx, &err));
    CHECK_EQUAL(job.into->roots, 3);
    CHECK_TEXT(job.into->names[0], "inner");
    end(&job);

    for (int at = 0; at < calls; at++) {
        snprintf(row, sizeof row, "frees all at call %d", at);
        start_with(&job, two_images(), 0);
        job.into->before = frees_all;
        job.at = at;
        CHECK_OK(ociimg_copy_run(job.copy, job.ctx, &err));
        CHECK(job.copy == NULL);
        check_complete(&job);
        end(&job);
    }
}

/* ---- threads ----------------------------------------------------------------------------------
 */

static pthread_barrier_t together;

static void *run_one(void *argument)
{
    struct job *job = argument;
    ociimg_error *mine = NULL;
    pthread_barrier_wait(&together);
    ociimg_status status = ociimg_copy_run(job->copy, job->ctx, &mine);
    CHECK_EQUAL(ociimg_error_status(mine), status);
    ociimg_error_free(mine);
    return (void *)(intptr_t)status;
}

static void run_together(struct job *job, int allowed)
{
    pthread_t threads[THREADS];
    CHECK(pthread_barrier_init(&together, NULL, THREADS) == 0);
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, run_one, job) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *status;
        CHECK(pthread_join(threads[i], &status) == 0);
        CHECK((intptr_t)status == OCIIMG_STATUS_OK || (intptr_t)status == allowed);
    }
    pthread_barrier_destroy(&together);
}

static void several_threads(int calls)
{
    for (int at = -1; at < calls; at++) {
        struct job job;
        snprintf(row, sizeof row, "%d threads, failing at %d", THREADS, at);
        start_with(&job, two_images(), (uint32_t)(at + 1) % 4);
        job.into->before = at_its_turn;
        job.at = at;
        job.status = OCIIMG_STATUS_UNAVAILABLE;
        run_together(&job, at < 0 ? OCIIMG_STATUS_OK : OCIIMG_STATUS_UNAVAILABLE);
        run_together(&job, OCIIMG_STATUS_OK);
        check_complete(&job);
        end(&job);
    }
}

/* ---- bad callers --------------------------------------------------------------------------------
 */

static void bad_callers(void)
{
    struct job job;
    snprintf(row, sizeof row, "bad callers");
    start_with(&job, two_images(), 0);
    ociimg_sink *sink = (void *)&job;
    const size_t required[] = {
        offsetof(ociimg_sink_vtable, begin_blob),   offsetof(ociimg_sink_vtable, write),
        offsetof(ociimg_sink_vtable, commit_blob),  offsetof(ociimg_sink_vtable, abort_blob),
        offsetof(ociimg_sink_vtable, put_manifest), offsetof(ociimg_sink_vtable, put_root)};
    for (size_t i = 0; i < sizeof required / sizeof *required; i++) {
        ociimg_sink_vtable table = sink_vtable;
        memset((char *)&table + required[i], 0, sizeof(void *));
        CHECK_STATUS(ociimg_sink_new(&table, job.into, &sink, &err),
                     OCIIMG_STATUS_INVALID_ARGUMENT);
        CHECK(sink == NULL);
    }
    ociimg_sink_vtable table = sink_vtable;
    table.reserved = 1;
    CHECK_STATUS(ociimg_sink_new(&table, job.into, &sink, &err), OCIIMG_STATUS_UNSUPPORTED);
    table = sink_vtable;
    table.struct_size -= 1;
    CHECK_STATUS(ociimg_sink_new(&table, job.into, &sink, &err), OCIIMG_STATUS_INVALID_ARGUMENT);
    CHECK_STATUS(ociimg_sink_new(NULL, job.into, &sink, &err), OCIIMG_STATUS_INVALID_ARGUMENT);
    CHECK_STATUS(ociimg_sink_new(&sink_vtable, job.into, NULL, &err),
                 OCIIMG_STATUS_INVALID_ARGUMENT);
    CHECK_EQUAL(job.into->calls[SINK_DESTROY], 0);
    struct {
        ociimg_sink_vtable known;
        void *unknown;
    } longer = {sink_vtable, NULL};
    longer.known.struct_size = sizeof longer;
    struct sink *other = sink_new();
    CHECK_OK(ociimg_sink_new(&longer.known, other, &sink, &err));
    ociimg_sink_free(sink);
    sink_discard(other);
    longer.unknown = &longer;
    CHECK_STATUS(ociimg_sink_new(&longer.known, job.into, &sink, &err), OCIIMG_STATUS_UNSUPPORTED);

    ociimg_copy *copy = (void *)&job;
    const char *const bad[] = {"good", NULL};
    const char *const empty[] = {""};
    const char *const latin[] = {"\xe9"};
    const struct {
        ociimg_copy_options opts;
        int status;
    } rows[] = {
        {{.flags = 16}, OCIIMG_STATUS_UNSUPPORTED},
        {{.name_count = 1}, OCIIMG_STATUS_INVALID_ARGUMENT},
        {{.names = bad, .name_count = 2}, OCIIMG_STATUS_INVALID_ARGUMENT},
        {{.names = empty, .name_count = 1}, OCIIMG_STATUS_INVALID_ARGUMENT},
        {{.names = latin, .name_count = 1}, OCIIMG_STATUS_INVALID_ARGUMENT},
        {{.flags = 15}, OCIIMG_STATUS_OK},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ociimg_copy_options opts = rows[i].opts;
        CHECK_STATUS(ociimg_copy_new(job.index, job.sink, &opts, &copy, &err),
                     OCIIMG_STATUS_INVALID_ARGUMENT); /* struct_size 0 */
        opts.struct_size = sizeof opts;
        CHECK_STATUS(ociimg_copy_new(job.index, job.sink, &opts, &copy, &err), rows[i].status);
        CHECK((copy != NULL) == (rows[i].status == OCIIMG_STATUS_OK));
        ociimg_copy_free(copy);
    }
    CHECK_STATUS(ociimg_copy_new(NULL, job.sink, NULL, &copy, &err),
                 OCIIMG_STATUS_INVALID_ARGUMENT);
    CHECK_STATUS(ociimg_copy_new(job.index, NULL, NULL, &copy, &err),
                 OCIIMG_STATUS_INVALID_ARGUMENT);
    CHECK_STATUS(ociimg_copy_new_image(NULL, job.sink, NULL, &copy, &err),
                 OCIIMG_STATUS_INVALID_ARGUMENT);
    CHECK_STATUS(ociimg_copy_new(job.index, job.sink, NULL, NULL, &err),
                 OCIIMG_STATUS_INVALID_ARGUMENT);
    CHECK_STATUS(ociimg_copy_run(NULL, NULL, &err), OCIIMG_STATUS_INVALID_ARGUMENT);
    CHECK_STATUS(ociimg_sink_finish(NULL, NULL, &err), OCIIMG_STATUS_INVALID_ARGUMENT);
    CHECK_STATUS(ociimg_index_write(NULL, job.sink, NULL, NULL, &err),
                 OCIIMG_STATUS_INVALID_ARGUMENT);
    CHECK_STATUS(ociimg_image_write(NULL, job.sink, NULL, NULL, &err),
                 OCIIMG_STATUS_INVALID_ARGUMENT);
    CHECK_EQUAL(ociimg_index_write(NULL, NULL, NULL, NULL, NULL), OCIIMG_STATUS_INVALID_ARGUMENT);
    ociimg_copy_free(NULL);
    ociimg_sink_free(NULL);

    ociimg_index *selected;
    ociimg_platform *platform;
    CHECK_OK(ociimg_platform_parse("linux/amd64", NULL, &platform, &err));
    CHECK_OK(ociimg_index_select(job.index, platform, &selected, &err));
    CHECK_STATUS(ociimg_index_write(selected, job.sink, NULL, NULL, &err),
                 OCIIMG_STATUS_INVALID_ARGUMENT);
    const ociimg_copy_options sparse = {.struct_size = sizeof sparse, .flags = OCIIMG_COPY_SPARSE};
    CHECK_OK(ociimg_copy_new(selected, job.sink, &sparse, &copy, &err));
    CHECK_OK(ociimg_copy_run(copy, NULL, &err));
    /* The root, the nested index that names the image too, and the image. */
    CHECK_EQUAL(job.into->count, 6);
    ociimg_copy_free(copy);
    ociimg_index_free(selected);
    ociimg_platform_free(platform);
    end(&job);
}

int main(void)
{
    bound();
    int calls = plain();
    fails_at_every_call(calls);
    restarts_end();
    a_failing_source();
    wrong_outputs();
    re_entry(calls);
    several_threads(calls);
    bad_callers();
    return 0;
}
