/* Several threads: one index used by all at once, handles made, used and freed on different
 * ones, and cancelling from another thread and from a signal handler. */

#define _XOPEN_SOURCE 700 /* nanosleep, barriers */

#include "source.h"
#include <pthread.h>
#include <signal.h>
#include <time.h>

enum { THREADS = 8 };

static pthread_t start(void *(*run)(void *), void *argument)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, run, argument) == 0);
    return thread;
}

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static size_t drain(ociimg_reader *reader, uint8_t *out, size_t size)
{
    size_t total = 0, n;
    ociimg_error *err;
    do {
        CHECK_OK(ociimg_reader_read(reader, out + total, size - total, &n, &err));
        total += n;
    } while (n > 0);
    CHECK(ociimg_reader_is_verified(reader));
    return total;
}

/* ---- one index, many threads ---------------------------------------------------------------- */

static ociimg_loader *loader;
static ociimg_index *shared;
static ociimg_context *ctx;
static pthread_barrier_t together;
/* Handles that a thread leaves for another one to free. */
static struct left {
    ociimg_index *index;
    ociimg_image *image;
    ociimg_layer *layer;
    ociimg_reader *reader;
    ociimg_error *error;
    ociimg_platform *platform;
} left[THREADS];

static void *ask_all(void *argument)
{
    struct left *mine = argument;
    static const char *const architectures[] = {"amd64", "arm64"};
    uint8_t out[LAYER_SIZE + 100], content[LAYER_SIZE];
    ociimg_error *err;
    pthread_barrier_wait(&together);
    CHECK_OK(ociimg_index_load(loader, NULL, ctx, &mine->index, &err));
    CHECK_EQUAL(ociimg_index_entry_count(mine->index), ENTRIES);
    for (size_t i = 0; i < ENTRIES; i++) {
        ociimg_image *image;
        CHECK_EQUAL(ociimg_index_entry_kind(shared, i), entry_kinds[i]);
        if (entry_kinds[i] != OCIIMG_ENTRY_KIND_IMAGE) {
            ociimg_error_free(mine->error);
            CHECK_EQUAL(ociimg_index_image(shared, i, ctx, &image, &mine->error),
                        OCIIMG_STATUS_NOT_AN_IMAGE);
            continue;
        }
        CHECK_OK(ociimg_index_image(shared, i, ctx, &image, &err));
        CHECK_EQUAL(ociimg_image_layer_count(image), 2);
        for (uint32_t l = 0; l < 2; l++) {
            for (uint32_t workers = 0; workers < 2; workers++) {
                const ociimg_reader_options opts = {.struct_size = sizeof opts, .workers = workers};
                ociimg_layer *layer = ociimg_image_layer(image, l);
                ociimg_reader *reader;
                CHECK_OK(ociimg_layer_open(layer, OCIIMG_READ_MODE_UNCOMPRESSED, &opts, ctx,
                                           &reader, &err));
                CHECK_EQUAL(drain(reader, out, sizeof out), LAYER_SIZE);
                layer_content(content, architectures[i], l);
                CHECK(memcmp(out, content, LAYER_SIZE) == 0);
                ociimg_reader_free(reader);
                ociimg_layer_free(layer);
            }
        }
        ociimg_image_free(mine->image);
        mine->image = image;
    }
    mine->platform = ociimg_image_platform(mine->image);
    mine->layer = ociimg_image_layer(mine->image, 1);
    CHECK_OK(
        ociimg_layer_open(mine->layer, OCIIMG_READ_MODE_STORED, NULL, ctx, &mine->reader, &err));
    size_t n;
    CHECK_OK(ociimg_reader_read(mine->reader, out, 10, &n, &err));
    CHECK_EQUAL(n, 10);

    /* Another thread's is read on here, and freed. */
    pthread_barrier_wait(&together);
    struct left *other = &left[(mine - left + 1) % THREADS];
    CHECK_TEXT(ociimg_platform_format_all(mine->platform), "linux/arm64");
    CHECK_TEXT(ociimg_platform_format_all(other->platform), "linux/arm64"); /* by two at once */
    CHECK(ociimg_error_digest(other->error) != NULL);
    CHECK_EQUAL(drain(other->reader, out, sizeof out) + 10, ociimg_layer_size(other->layer));
    pthread_barrier_wait(&together);
    ociimg_index_free(other->index);
    ociimg_image_free(other->image);
    ociimg_layer_free(other->layer);
    ociimg_reader_free(other->reader);
    ociimg_error_free(other->error);
    ociimg_platform_free(other->platform);
    return NULL;
}

static atomic_int contexts_destroyed;

static void context_destroyed(void *user_data)
{
    CHECK(user_data == &contexts_destroyed);
    contexts_destroyed++;
}

static void one_index(void)
{
    struct source *s = source_new();
    ociimg_error *err;
    pthread_t threads[THREADS];
    put_index(s);
    loader = source_loader(s);
    ctx = ociimg_context_new(&contexts_destroyed, context_destroyed);
    CHECK_OK(ociimg_index_load(loader, NULL, ctx, &shared, &err));
    CHECK(pthread_barrier_init(&together, NULL, THREADS) == 0);
    for (int i = 0; i < THREADS; i++) {
        threads[i] = start(ask_all, &left[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    pthread_barrier_destroy(&together);

    /* Asked by all at once, loaded at most by each, and once more by nobody. */
    int calls = source_calls(s);
    ociimg_image *image;
    CHECK_OK(ociimg_index_image(shared, ENTRY_AMD64, ctx, &image, &err));
    ociimg_image_free(image);
    CHECK_EQUAL(source_calls(s), calls);

    ociimg_loader_free(loader);
    ociimg_context_free(ctx);
    CHECK_EQUAL(contexts_destroyed, 1);
    CHECK_EQUAL(s->calls[DESTROY], 0);
    ociimg_index_free(shared);
    source_free(s);
}

/* ---- cancelling --------------------------------------------------------------------------------
 */

static atomic_int waiting;
static bool ignores; /* the slow callback ignores cancellation */

static bool slow(struct source *s, struct visit *v)
{
    if (v->callback != READ || s->calls[READ] < 6) {
        return false; /* the root, and some pieces of the blob */
    }
    waiting = 1;
    while (!ociimg_call_is_cancelled(v->call)) {
        nap();
    }
    if (ignores) {
        return false;
    }
    v->status = ociimg_call_fail(v->call, OCIIMG_STATUS_CANCELLED, 0, "asked to stop");
    return true;
}

static void *cancel_when_it_waits(void *argument)
{
    while (!waiting) {
        nap();
    }
    ociimg_context_cancel(argument);
    CHECK(ociimg_context_is_cancelled(argument));
    ociimg_context_cancel(argument); /* does nothing more */
    ociimg_context_free(argument);
    return NULL;
}

static ociimg_context *signalled;

static void on_signal(int number)
{
    (void)number;
    ociimg_context_cancel(signalled);
}

static void *signal_when_it_waits(void *reading)
{
    while (!waiting) {
        nap();
    }
    CHECK(pthread_kill(*(pthread_t *)reading, SIGUSR1) == 0);
    return NULL;
}

static void cancelled(bool by_signal, bool ignoring)
{
    static uint8_t content[20000], out[sizeof content];
    struct source *s = source_new();
    ociimg_error *err;
    snprintf(row, sizeof row, "cancelled by %s, %s", by_signal ? "a signal" : "a thread",
             ignoring ? "ignored" : "noticed");
    noise(content, sizeof content, 1);
    const struct blob *blob = put(s, content, sizeof content);
    s->root = put_text(s, "{\"schemaVersion\":2,\"manifests\":[]}");
    s->piece = 1000;
    s->before = slow;
    ignores = ignoring;
    waiting = 0;
    ociimg_loader *from = source_loader(s);
    ociimg_context *context = ociimg_context_new(NULL, NULL);
    ociimg_index *index;
    ociimg_descriptor *d;
    ociimg_reader *reader;
    CHECK_OK(ociimg_index_load(from, NULL, context, &index, &err));
    CHECK_OK(ociimg_descriptor_new("text/plain", blob->digest, blob->size, &d, &err));
    CHECK_OK(
        ociimg_index_open_blob(index, d, OCIIMG_READ_MODE_STORED, NULL, context, &reader, &err));

    pthread_t self = pthread_self(), other;
    if (by_signal) {
        signalled = context;
        CHECK(signal(SIGUSR1, on_signal) != SIG_ERR);
        other = start(signal_when_it_waits, &self);
    } else {
        other = start(cancel_when_it_waits, ociimg_context_clone(context));
    }
    size_t n, total = 0;
    ociimg_status status;
    for (;;) {
        status = ociimg_reader_read(reader, out, sizeof out, &n, &err);
        if (status != OCIIMG_STATUS_OK) {
            break;
        }
        CHECK(n > 0);
        total += n;
    }
    check_failure(status, OCIIMG_STATUS_CANCELLED, err, __FILE__, __LINE__, "the read");
    ociimg_error_free(err);
    CHECK(waiting && total < sizeof content);
    int calls = source_calls(s);
    CHECK_STATUS(ociimg_reader_read(reader, out, sizeof out, &n, &err), OCIIMG_STATUS_CANCELLED);
    ociimg_index *again = index;
    CHECK_STATUS(ociimg_index_load(from, NULL, context, &again, &err), OCIIMG_STATUS_CANCELLED);
    CHECK(!again);
    CHECK_EQUAL(source_calls(s), calls);
    CHECK_EQUAL(s->open, 0);

    CHECK(pthread_join(other, NULL) == 0);
    ociimg_context_free(context);
    ociimg_reader_free(reader);
    ociimg_descriptor_free(d);
    ociimg_index_free(index);
    ociimg_loader_free(from);
    source_free(s);
}

int main(void)
{
    bound();
    one_index();
    for (int i = 0; i < 4; i++) {
        cancelled(i & 1, i & 2);
    }
    return 0;
}
