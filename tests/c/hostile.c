/* The whole path from a loader to verified layers, with one fault: every kind of fault, at every
 * single callback. The call with the fault must fail as the header says and can be repeated,
 * streams are closed, and destroy runs once. */

#include "source.h"

enum mode {
    NOTHING,
    RETURNS_77,
    FAILS_NEGATIVE,
    FAILS_WITH_TEXT,
    FAILS_WITHOUT_TEXT,
    FAILS_WITH_OUTPUT, /* and the output must not be touched */
    NOT_FOUND,
    SAYS_CANCELLED,
    RECORDS_BUT_RETURNS_OK,
    LEAVES_OUTPUT,
    CLAIMS_TOO_MUCH,
    NEVER_ENDS,
    BREAKS_OFF,
    FLIPS_A_BIT,
    CANCELS,
    FREES_ALL,
    CALLS_BACK,
    MODES
};

static const char *const mode_names[MODES] = {"nothing goes wrong",
                                              "returns 77",
                                              "fails with a negative number",
                                              "fails with a text",
                                              "fails without a text",
                                              "fails with an output",
                                              "not found",
                                              "says cancelled",
                                              "records a failure, but returns OK",
                                              "leaves the output",
                                              "claims too much",
                                              "never ends",
                                              "breaks off",
                                              "flips a bit",
                                              "cancels",
                                              "frees all",
                                              "calls back"};

enum { LOADER, CONTEXT, INDEX_, SELECTED, IMAGE, LAYER_, DESCRIPTOR, PLATFORM, READER, HANDLES };

/* More callbacks than the way has, unless it is gone in the smallest steps. */
enum { MOST = 100 };

struct job {
    struct source *source;
    enum mode mode;
    int at; /* the callback that goes wrong, of those that run so far: */
    int count;
    enum callback order[MOST];
    bool inside; /* a callback that calls the library */

    /* Once it has gone wrong: */
    bool struck;
    bool harmless; /* nothing must fail because of it */
    bool judged;
    enum callback callback;
    const struct blob *blob;
    struct stream *endless;
    int served;

    bool loading;   /* within ociimg_index_load */
    bool unpacking; /* within a read of unpacked content */
    int contexts, contexts_destroyed;

    ociimg_loader *loader;
    ociimg_context *ctx;
    ociimg_index *index, *selected;
    ociimg_image *image;
    ociimg_layer *layer;
    ociimg_descriptor *descriptor;
    ociimg_platform *platform;
    ociimg_reader *reader;
};

static void free_handle(struct job *job, int handle)
{
#define FREE(type, field)                                                                          \
    ociimg_##type##_free(job->field);                                                              \
    job->field = NULL;                                                                             \
    break
    switch (handle) {
    case LOADER:
        FREE(loader, loader);
    case CONTEXT:
        FREE(context, ctx);
    case INDEX_:
        FREE(index, index);
    case SELECTED:
        FREE(index, selected);
    case IMAGE:
        FREE(image, image);
    case LAYER_:
        FREE(layer, layer);
    case DESCRIPTOR:
        FREE(descriptor, descriptor);
    case PLATFORM:
        FREE(platform, platform);
    case READER:
        FREE(reader, reader);
    }
#undef FREE
}

/* In the order of making, the other way round, or neither. */
static void free_all(struct job *job, int order)
{
    for (int i = 0; i < HANDLES; i++) {
        if (job->loader || job->index || job->selected || job->image || job->layer) {
            CHECK_EQUAL(job->source->calls[DESTROY], 0);
        }
        free_handle(job, order == 0 ? i : order == 1 ? HANDLES - 1 - i : (4 * i + 1) % HANDLES);
    }
}

static void context_destroyed(void *user_data)
{
    ((struct job *)user_data)->contexts_destroyed++;
}

static void renew_context(struct job *job)
{
    ociimg_context_free(job->ctx);
    job->ctx = ociimg_context_new(job, context_destroyed);
    job->contexts++;
}

/* ---- faults ------------------------------------------------------------------------------ */

/* A callback may use all handles except the reader that it serves. */
static void call_back(struct job *job)
{
    ociimg_error *err;
    job->inside = true;
    if (job->reader) {
        uint8_t byte;
        size_t n = 5;
        CHECK_STATUS(ociimg_reader_read(job->reader, &byte, 1, &n, &err), OCIIMG_STATUS_BUSY);
        CHECK_EQUAL(n, 0);
        CHECK(!ociimg_reader_is_verified(job->reader));
        CHECK(ociimg_reader_stored_read(job->reader) <= LAYER_SIZE + 100);
    }
    if (job->layer) {
        ociimg_reader *reader;
        uint8_t byte;
        size_t n;
        CHECK_OK(
            ociimg_layer_open(job->layer, OCIIMG_READ_MODE_STORED, NULL, job->ctx, &reader, &err));
        CHECK_OK(ociimg_reader_read(reader, &byte, 1, &n, &err));
        CHECK_EQUAL(n, 1);
        ociimg_reader_free(reader);
    }
    if (job->index) {
        ociimg_image *image;
        CHECK_OK(ociimg_index_image(job->index, ENTRY_AMD64, job->ctx, &image, &err));
        CHECK_EQUAL(ociimg_image_layer_count(image), 2);
        ociimg_image_free(image);
    } else {
        ociimg_index *index;
        CHECK_OK(ociimg_index_load(job->loader, NULL, job->ctx, &index, &err));
        CHECK_EQUAL(ociimg_index_entry_count(index), ENTRIES);
        ociimg_index_free(index);
    }
    job->inside = false;
}

static const char two_lines[] = "line one\nline two\r\t\x1b[31m \xe2\x80\xa8 \xff\xc3 \xe9\xaa";

/* Whether a callback can have this fault. */
static bool can(enum callback callback, enum mode mode)
{
    switch (mode) {
    case CANCELS:
    case FREES_ALL:
    case CALLS_BACK:
        return true;
    case CLAIMS_TOO_MUCH:
    case NEVER_ENDS:
    case BREAKS_OFF:
    case FLIPS_A_BIT:
        return callback == READ;
    default:
        return callback != CLOSE; /* which returns nothing */
    }
}

/* Whether the callback must skip its work. */
static bool strike(struct job *job, struct visit *v)
{
    bool reads = v->callback == READ, opens = !reads && v->out;
    static struct stream never_opened;
    job->harmless = false;
    switch (job->mode) {
    case NOTHING:
    case MODES:
        break;
    case RETURNS_77:
        v->status = 77;
        return true;
    case FAILS_NEGATIVE:
        v->status = ociimg_call_fail(v->call, INT32_MIN, INT64_MIN, "");
        CHECK_EQUAL(v->status, INT32_MIN);
        return true;
    case FAILS_WITH_TEXT:
        ociimg_call_fail(v->call, OCIIMG_STATUS_NOT_FOUND, 1, "not the last record");
        v->status = ociimg_call_fail(v->call, OCIIMG_STATUS_OK, 4711, two_lines);
        CHECK_EQUAL(v->status, OCIIMG_STATUS_CALLBACK);
        return true;
    case FAILS_WITHOUT_TEXT:
        v->status = ociimg_call_fail(v->call, OCIIMG_STATUS_DIGEST_MISMATCH, -5, NULL);
        CHECK_EQUAL(v->status, OCIIMG_STATUS_DIGEST_MISMATCH);
        return true;
    case FAILS_WITH_OUTPUT:
        if (opens) {
            *v->out = &never_opened;
        } else if (reads) {
            *v->n = 1;
        } else {
            strcpy(v->text, v->blob ? v->blob->digest : "sha256:");
        }
        v->status = OCIIMG_STATUS_CALLBACK;
        return true;
    case NOT_FOUND:
        v->status = ociimg_call_fail(v->call, OCIIMG_STATUS_NOT_FOUND, 404, "no such thing");
        return true;
    case SAYS_CANCELLED:
        v->status = OCIIMG_STATUS_CANCELLED;
        return true;
    case RECORDS_BUT_RETURNS_OK:
        ociimg_call_fail(v->call, OCIIMG_STATUS_CALLBACK, 1, "never mind");
        job->harmless = true;
        return false;
    case LEAVES_OUTPUT:
        job->harmless = v->callback == ROOT_DIGEST;
        return true;
    case CLAIMS_TOO_MUCH:
        *v->n = job->at % 2 ? v->cap + 1 : SIZE_MAX / 2;
        return true;
    case NEVER_ENDS:
        job->endless = v->stream;
        memset(v->buf, 'x', v->cap);
        *v->n = v->cap;
        return true;
    case BREAKS_OFF:
        job->harmless = v->stream->at == v->blob->size;
        *v->n = 0;
        return true;
    case FLIPS_A_BIT:
        job->harmless = v->stream->at == v->blob->size;
        if (!job->harmless) {
            serve(job->source, v);
            v->buf[*v->n - 1] ^= 1;
        }
        return !job->harmless;
    case CANCELS:
        CHECK(v->callback == CLOSE || !ociimg_call_is_cancelled(v->call));
        ociimg_context_cancel(job->ctx);
        CHECK(v->callback == CLOSE || ociimg_call_is_cancelled(v->call));
        return false;
    case FREES_ALL:
        free_all(job, job->at % 3);
        job->harmless = true;
        return false;
    case CALLS_BACK:
        call_back(job);
        job->harmless = true;
        return false;
    }
    return false;
}

static bool before(struct source *source, struct visit *v)
{
    struct job *job = source->test;
    if (v->callback == DESTROY) {
        return false;
    }
    CHECK(v->callback == CLOSE || job->mode == FREES_ALL || ociimg_call_user_data(v->call) == job);
    if (job->inside) {
        return false;
    }
    if (job->mode == CANCELS && job->struck && !job->judged) {
        /* No callback runs any more, except to close open streams. */
        CHECK(v->callback == CLOSE);
    }
    if (job->endless && v->stream == job->endless) {
        if (v->callback == CLOSE) {
            job->endless = NULL;
        } else {
            /* The root's limit is 4 MiB, a reader asks for 64 KiB and more. */
            CHECK(++job->served < 70);
            memset(v->buf, 'x', v->cap);
            *v->n = v->cap;
            return true;
        }
    }
    if (job->count < MOST) {
        job->order[job->count] = v->callback;
    }
    if (job->count++ != job->at) {
        return false;
    }
    job->struck = true;
    job->callback = v->callback;
    job->blob = v->blob;
    return strike(job, v);
}

/* ---- expected outcomes ------------------------------------------------------------------- */

#define ONE(status) (1u << OCIIMG_STATUS_##status)

/* The statuses that the call may end with in which it went wrong. */
static unsigned expected(const struct job *job)
{
    bool root = job->blob == job->source->root;
    if (job->harmless) {
        return ONE(OK);
    }
    switch (job->mode) {
    case NOTHING:
    case RECORDS_BUT_RETURNS_OK:
    case FREES_ALL:
    case CALLS_BACK:
    case MODES:
        return ONE(OK);
    case RETURNS_77:
    case FAILS_NEGATIVE:
    case FAILS_WITH_TEXT:
    case FAILS_WITHOUT_TEXT:
    case FAILS_WITH_OUTPUT:
        return ONE(CALLBACK);
    case NOT_FOUND:
        return ONE(NOT_FOUND);
    case SAYS_CANCELLED:
        return ONE(CANCELLED);
    case LEAVES_OUTPUT:
    case CLAIMS_TOO_MUCH:
        return ONE(CALLBACK_CONTRACT);
    case NEVER_ENDS:
        if (root) {
            return ONE(LIMIT_EXCEEDED);
        }
        return ONE(SIZE_MISMATCH) | (job->unpacking ? ONE(MALFORMED) : 0);
    case BREAKS_OFF:
        return root ? ONE(DIGEST_MISMATCH) : ONE(SIZE_MISMATCH);
    case FLIPS_A_BIT:
        return ONE(DIGEST_MISMATCH) | (job->unpacking ? ONE(MALFORMED) : 0);
    case CANCELS:
        /* In the last callback of a call it comes too late for that call. */
        return ONE(CANCELLED) | (job->callback == CLOSE || job->callback == READ ? ONE(OK) : 0);
    }
    return 0;
}

/* Whether the fault is in content, and breaks an entry instead of the load. */
static bool breaks_entry(const struct job *job)
{
    const unsigned of_content = ONE(NOT_FOUND) | ONE(SIZE_MISMATCH) | ONE(DIGEST_MISMATCH);
    return job->loading && job->callback != ROOT_DIGEST && job->blob != job->source->root &&
           (expected(job) & of_content);
}

static void check_error(const struct job *job, const ociimg_error *err)
{
    const char *message = ociimg_error_message(err);
    int64_t code = ociimg_error_callback_code(err);
    switch (job->mode) {
    case RETURNS_77:
        CHECK(strstr(message, "77"));
        CHECK_EQUAL(code, 0);
        break;
    case FAILS_NEGATIVE:
        /* "" is no message: the number is reported instead. */
        CHECK(strstr(message, "-2147483648"));
        CHECK_EQUAL(code, INT64_MIN);
        break;
    case FAILS_WITH_TEXT:
        CHECK(strstr(message, "line one\\nline two\\r\\t\\u{1b}[31m"));
        CHECK_EQUAL(code, 4711);
        break;
    case FAILS_WITHOUT_TEXT:
        CHECK_EQUAL(code, -5);
        break;
    case NOT_FOUND:
        CHECK(strstr(message, "no such thing"));
        CHECK_EQUAL(code, 404);
        break;
    default:
        CHECK_EQUAL(code, 0);
        break;
    }
    if (job->mode <= SAYS_CANCELLED) {
        CHECK(strstr(message, callback_names[job->callback]));
    }
    if (job->blob && job->mode != CANCELS) {
        CHECK_TEXT(ociimg_error_digest(err), job->blob->digest);
    }
}

/* Judges how a call ended: it fails only of what went wrong, as expected and once, and leaves
 * its output empty then. With `more` to come what went wrong may yet show. Whether the call
 * succeeded. */
static bool judge(struct job *job, ociimg_status status, bool has_output, ociimg_error *err,
                  bool more)
{
    CHECK(has_output == (status == OCIIMG_STATUS_OK));
    CHECK(!err == (status == OCIIMG_STATUS_OK));
    CHECK_EQUAL(ociimg_error_status(err), status);
    bool now = job->struck && !job->judged;
    if (err) {
        check_line(ociimg_error_message(err), __FILE__, __LINE__);
        if (!now || !(expected(job) & 1u << status)) {
            fail(__FILE__, __LINE__, ociimg_error_message(err));
        }
        check_error(job, err);
        ociimg_error_free(err);
    } else if (more || breaks_entry(job)) {
        return true;
    } else if (now) {
        CHECK(expected(job) & ONE(OK));
    }
    if (now) {
        job->judged = true;
        if (job->mode == CANCELS) {
            CHECK(ociimg_context_is_cancelled(job->ctx));
            renew_context(job);
        }
    }
    return status == OCIIMG_STATUS_OK;
}

/* ---- the way -------------------------------------------------------------------------------- */

/* Whether what went wrong has broken an entry, which it may only once. */
static bool broken(struct job *job)
{
    int found = 0;
    size_t entries = ociimg_index_entry_count(job->index);
    for (size_t i = 0; i < entries; i++) {
        ociimg_error *err = ociimg_index_entry_error(job->index, i);
        CHECK(!err == (ociimg_index_entry_kind(job->index, i) != OCIIMG_ENTRY_KIND_BROKEN));
        if (err) {
            CHECK(job->struck && !job->judged && breaks_entry(job));
            CHECK(expected(job) & 1u << ociimg_error_status(err));
            check_error(job, err);
            ociimg_error_free(err);

            ociimg_image *image = (ociimg_image *)job;
            CHECK(expected(job) & 1u << ociimg_index_image(job->index, i, job->ctx, &image, NULL));
            CHECK(!image);
            found++;
        }
    }
    if (job->struck && !job->judged) {
        CHECK_EQUAL(found, 1);
        job->judged = true;
    }
    return found > 0;
}

static void load(struct job *job)
{
    ociimg_error *err;
    do {
        free_handle(job, INDEX_);
        ociimg_status status;
        job->loading = true;
        int asked = job->source->calls[OPEN_ROOT_MANIFEST];
        do {
            job->index = NULL;
            ociimg_index *index = (ociimg_index *)job;
            asked = job->source->calls[OPEN_ROOT_MANIFEST];
            status = ociimg_index_load(job->loader, NULL, job->ctx, &index, &err);
            job->index = index;
        } while (!judge(job, status, job->index, err, false));
        if (job->mode != CALLS_BACK) {
            CHECK_EQUAL(job->source->calls[OPEN_ROOT_MANIFEST] - asked, 1);
        }
    } while (broken(job));
    job->loading = false;

    CHECK_EQUAL(ociimg_index_entry_count(job->index), ENTRIES);
    for (int i = 0; i < ENTRIES; i++) {
        CHECK_EQUAL(ociimg_index_entry_kind(job->index, (size_t)i), entry_kinds[i]);
    }
    CHECK_TEXT(ociimg_index_root_digest(job->index), job->source->root->digest);
    bool expected = !(job->mode == LEAVES_OUTPUT && job->callback == ROOT_DIGEST && job->struck);
    CHECK_EQUAL(ociimg_index_root_is_verified(job->index), expected);
}

static ociimg_image *image(struct job *job, ociimg_index *const *index, size_t i)
{
    ociimg_error *err;
    ociimg_status status;
    ociimg_image *image;
    do {
        image = (ociimg_image *)job;
        status = ociimg_index_image(*index, i, job->ctx, &image, &err);
    } while (!judge(job, status, image, err, false));
    CHECK_EQUAL(ociimg_image_layer_count(image), 2);
    if (*index) {
        /* What was loaded is at hand. */
        int calls = source_calls(job->source);
        ociimg_image *again;
        CHECK_OK(ociimg_index_image(*index, i, NULL, &again, &err));
        CHECK_EQUAL(source_calls(job->source), calls);
        CHECK_TEXT(ociimg_image_manifest_digest(again), ociimg_image_manifest_digest(image));
        ociimg_image_free(again);
    }
    return image;
}

/* Opens, and reads to the end; after a failure from the start. */
static void read_all(struct job *job, const uint8_t *content, size_t size, ociimg_read_mode mode)
{
    static uint8_t out[LAYER_SIZE + 100];
    ociimg_error *err;
    ociimg_status status;
    for (;;) {
        do {
            ociimg_reader *reader = (ociimg_reader *)job;
            if (job->layer) {
                status = ociimg_layer_open(job->layer, mode, NULL, job->ctx, &reader, &err);
            } else if (job->index) {
                status = ociimg_index_open_blob(job->index, job->descriptor, mode, NULL, job->ctx,
                                                &reader, &err);
            } else {
                return; /* All were freed. */
            }
            job->reader = reader;
        } while (!judge(job, status, job->reader, err, true));

        size_t total = 0, n;
        job->unpacking = mode == OCIIMG_READ_MODE_UNCOMPRESSED;
        do {
            n = 5;
            /* The last piece has room for one byte more than there is, for all that comes. */
            size_t room = sizeof out - total < 4096 ? sizeof out - total : 4096;
            status = ociimg_reader_read(job->reader, out + total, room, &n, &err);
            CHECK(status == OCIIMG_STATUS_OK || n == 0);
            CHECK(n <= size - total);
            judge(job, status, status == OCIIMG_STATUS_OK, err, n > 0 && job->reader);
            CHECK_EQUAL(ociimg_reader_is_verified(job->reader), n == 0 && !status && job->reader);
            total += n;
        } while (n > 0 && job->reader);
        job->unpacking = false;
        if (status == OCIIMG_STATUS_OK) {
            CHECK(memcmp(out, content, total) == 0);
            CHECK(total == size || !job->reader);
        } else {
            /* It keeps failing, and calls nothing. */
            int calls = source_calls(job->source);
            CHECK_STATUS(ociimg_reader_read(job->reader, out, sizeof out, &n, &err), status);
            CHECK_EQUAL(n, 0);
            CHECK(!ociimg_reader_is_verified(job->reader));
            CHECK_EQUAL(source_calls(job->source), calls);
        }
        CHECK(job->source->open == 0); /* at the end as after a failure */
        free_handle(job, READER);
        if (status == OCIIMG_STATUS_OK) {
            return;
        }
    }
}

/* Whether what went wrong is over. What would come after that comes, at other callbacks, before
 * it too; only what goes on without the handles that were freed is worth its time. */
static bool over(const struct job *job)
{
    return job->judged && job->mode != FREES_ALL;
}

static void go(struct job *job)
{
    static uint8_t content[LAYER_SIZE];
    ociimg_error *err;
    renew_context(job);
    job->loader = source_loader(job->source);
    CHECK_OK(ociimg_platform_parse("linux/arm64", NULL, &job->platform, &err));
    load(job);
    if (over(job)) {
        return;
    }

    if (!job->platform) { /* All were freed. */
        CHECK_OK(ociimg_platform_parse("linux/arm64", NULL, &job->platform, &err));
    }
    CHECK_OK(ociimg_index_select(job->index, job->platform, &job->selected, &err));
    CHECK_EQUAL(ociimg_index_entry_count(job->selected), 1);
    ociimg_image *arm64 = image(job, &job->selected, 0);
    job->image = arm64;
    if (job->index && !over(job)) {
        arm64 = image(job, &job->index, ENTRY_AMD64);
        /* The descriptor and the image that are at hand now may be freed inside a callback. */
        free_handle(job, IMAGE);
        job->image = arm64;
        if (over(job)) {
            return;
        }
        job->descriptor = ociimg_index_entry_descriptor(job->index, ENTRY_TEXT);
        const char text[] = "just text";
        read_all(job, (const uint8_t *)text, sizeof text - 1, OCIIMG_READ_MODE_STORED);
    }
    for (uint32_t i = 0; i < 2 && job->image && !over(job); i++) {
        ociimg_platform *platform = ociimg_image_platform(job->image);
        layer_content(content, ociimg_platform_architecture(platform), i);
        ociimg_platform_free(platform);
        job->layer = ociimg_image_layer(job->image, i);
        read_all(job, content, sizeof content,
                 i == 0 ? OCIIMG_READ_MODE_STORED : OCIIMG_READ_MODE_UNCOMPRESSED);
        free_handle(job, LAYER_);
    }
}

static struct job run(struct source *source, enum mode mode, int at, size_t piece)
{
    struct job job = {.mode = mode, .at = at, .source = source};
    snprintf(row, sizeof row, "%s at callback %d", mode_names[mode], at);
    source->piece = piece;
    source->before = before;
    source->test = &job;
    go(&job);
    CHECK(job.judged == job.struck);
    CHECK(job.struck == (at >= 0));
    free_all(&job, (at + (int)mode) % 3);
    CHECK_EQUAL(job.contexts_destroyed, job.contexts);
    source_settled(source);
    return job;
}

/* What a read gives at most: layers come in several. */
enum { PIECE = 2000 };

int main(void)
{
    bound();
    struct source *source = source_new();
    put_index(source);
    struct job first = run(source, NOTHING, -1, PIECE);
    CHECK(first.count > 40 && first.count < MOST); /* else most of the way is missing */
    for (int mode = NOTHING + 1; mode < MODES; mode++) {
        for (int at = 0; at < first.count; at++) {
            if (can(first.order[at], (enum mode)mode)) {
                run(source, (enum mode)mode, at, PIECE);
            }
        }
    }
    /* Short reads are normal. */
    run(source, NOTHING, -1, 1);
    source_discard(source);
    return 0;
}
