/* A sink into memory: checks every call against the rules of ociimg_sink_vtable, counts it,
 * and lets a test step in before the sink does its work. */
#ifndef SINK_H
#define SINK_H

#include "source.h"
#include <pthread.h>

enum sink_callback {
    HAS_BLOB,
    BEGIN_BLOB,
    WRITE,
    COMMIT_BLOB,
    ABORT_BLOB,
    PUT_MANIFEST,
    PUT_ROOT,
    FINISH,
    SINK_DESTROY,
    SINK_CALLBACKS
};

static const char *const sink_names[SINK_CALLBACKS] = {"has_blob",    "begin_blob", "write",
                                                       "commit_blob", "abort_blob", "put_manifest",
                                                       "put_root",    "finish",     "destroy"};

struct sink_stream {
    char digest[72];
    uint8_t *bytes;
    size_t size, room;
};

/* A call of a callback: what it was given, and what it is to return. */
struct sink_visit {
    enum sink_callback callback;
    const ociimg_descriptor *d;
    struct sink_stream *stream;
    void **out;
    uint64_t *offset;
    ociimg_bool *present;
    const char *name;
    ociimg_call *call;
    int32_t status;
};

struct sink {
    pthread_mutex_t lock; /* of what is stored */
    struct sink_stream *stored[64];
    size_t count;
    char names[8][32]; /* "-" where there is none */
    size_t roots;
    atomic_int calls[SINK_CALLBACKS];
    atomic_int all; /* calls, but of abort_blob and destroy, which cannot fail */
    atomic_int open;
    bool (*before)(struct sink *, struct sink_visit *);
    void *test;
};

static inline struct sink *sink_new(void)
{
    struct sink *s = calloc(1, sizeof *s);
    CHECK(s);
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

static inline void sink_store(struct sink *s, struct sink_stream *stream)
{
    char found[72];
    sha256(found, stream->bytes, stream->size);
    CHECK_TEXT(found, stream->digest);
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->count; i++) {
        if (strcmp(s->stored[i]->digest, stream->digest) == 0) {
            free(s->stored[i]->bytes);
            free(s->stored[i]);
            s->stored[i] = s->stored[--s->count];
            break;
        }
    }
    CHECK(s->count < sizeof s->stored / sizeof *s->stored);
    s->stored[s->count++] = stream;
    pthread_mutex_unlock(&s->lock);
}

static inline bool sink_holds(struct sink *s, const char *digest)
{
    bool holds = false;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->count; i++) {
        holds |= strcmp(s->stored[i]->digest, digest) == 0;
    }
    pthread_mutex_unlock(&s->lock);
    return holds;
}

static inline struct sink_stream *sink_stream_new(const char *digest)
{
    struct sink_stream *stream = calloc(1, sizeof *stream);
    CHECK(stream);
    snprintf(stream->digest, sizeof stream->digest, "%s", digest);
    return stream;
}

static inline void sink_append(struct sink_stream *stream, const uint8_t *buf, size_t len)
{
    if (stream->room < stream->size + len) {
        stream->room = 2 * (stream->size + len);
        stream->bytes = realloc(stream->bytes, stream->room);
        CHECK(stream->bytes);
    }
    memcpy(stream->bytes + stream->size, buf, len);
    stream->size += len;
}

static inline bool sink_stepped_in(struct sink *s, struct sink_visit *v)
{
    s->calls[v->callback]++;
    if (v->callback != ABORT_BLOB && v->callback != SINK_DESTROY) {
        s->all++;
    }
    if (v->callback != SINK_DESTROY && v->callback != FINISH) {
        CHECK_EQUAL(s->calls[FINISH], 0);
    }
    return s->before && s->before(s, v);
}

static inline int32_t sink_has_blob(void *state, const ociimg_descriptor *d, ociimg_bool *present,
                                    ociimg_call *call)
{
    struct sink_visit v = {.callback = HAS_BLOB, .d = d, .present = present, .call = call};
    CHECK_EQUAL(*present, 0);
    if (sink_stepped_in(state, &v)) {
        return v.status;
    }
    *present = sink_holds(state, ociimg_descriptor_digest(d));
    return OCIIMG_STATUS_OK;
}

static inline int32_t sink_begin_blob(void *state, const ociimg_descriptor *d, void **stream,
                                      uint64_t *offset, ociimg_call *call)
{
    struct sink *s = state;
    struct sink_visit v = {
        .callback = BEGIN_BLOB, .d = d, .out = stream, .offset = offset, .call = call};
    CHECK(*stream == NULL && *offset == 0);
    if (sink_stepped_in(s, &v)) {
        return v.status;
    }
    *stream = sink_stream_new(ociimg_descriptor_digest(d));
    s->open++;
    return OCIIMG_STATUS_OK;
}

static inline int32_t sink_write(void *state, void *stream, const uint8_t *buf, size_t len,
                                 ociimg_call *call)
{
    struct sink_visit v = {.callback = WRITE, .stream = stream, .call = call};
    CHECK(len > 0);
    if (sink_stepped_in(state, &v)) {
        return v.status;
    }
    sink_append(stream, buf, len);
    return OCIIMG_STATUS_OK;
}

static inline void sink_stream_free(struct sink_stream *stream)
{
    free(stream->bytes);
    free(stream);
}

static inline int32_t sink_commit_blob(void *state, void *stream, ociimg_call *call)
{
    struct sink *s = state;
    struct sink_visit v = {.callback = COMMIT_BLOB, .stream = stream, .call = call};
    s->open--;
    if (sink_stepped_in(s, &v)) {
        sink_stream_free(stream);
        return v.status;
    }
    sink_store(s, stream);
    return OCIIMG_STATUS_OK;
}

static inline void sink_abort_blob(void *state, void *stream)
{
    struct sink *s = state;
    struct sink_visit v = {.callback = ABORT_BLOB, .stream = stream};
    s->open--;
    sink_stepped_in(s, &v);
    sink_stream_free(stream);
}

static inline void sink_document(struct sink *s, const ociimg_descriptor *d, const uint8_t *buf,
                                 size_t len)
{
    struct sink_stream *document = sink_stream_new(ociimg_descriptor_digest(d));
    CHECK_EQUAL(len, ociimg_descriptor_size(d));
    sink_append(document, buf, len);
    sink_store(s, document);
}

static inline int32_t sink_put_manifest(void *state, const ociimg_descriptor *d, const uint8_t *buf,
                                        size_t len, ociimg_call *call)
{
    struct sink_visit v = {.callback = PUT_MANIFEST, .d = d, .call = call};
    if (sink_stepped_in(state, &v)) {
        return v.status;
    }
    sink_document(state, d, buf, len);
    return OCIIMG_STATUS_OK;
}

static inline int32_t sink_put_root(void *state, const ociimg_descriptor *d, const uint8_t *buf,
                                    size_t len, const char *name, ociimg_call *call)
{
    struct sink *s = state;
    struct sink_visit v = {.callback = PUT_ROOT, .d = d, .name = name, .call = call};
    CHECK_EQUAL(s->open, 0);
    if (sink_stepped_in(s, &v)) {
        return v.status;
    }
    sink_document(s, d, buf, len);
    CHECK(s->roots < 8);
    snprintf(s->names[s->roots++], 32, "%s", name ? name : "-");
    return OCIIMG_STATUS_OK;
}

static inline int32_t sink_finish(void *state, ociimg_call *call)
{
    struct sink_visit v = {.callback = FINISH, .call = call};
    return sink_stepped_in(state, &v) ? v.status : OCIIMG_STATUS_OK;
}

static inline void sink_destroy(void *state)
{
    struct sink *s = state;
    struct sink_visit v = {.callback = SINK_DESTROY};
    CHECK_EQUAL(s->open, 0);
    sink_stepped_in(s, &v);
}

static const ociimg_sink_vtable sink_vtable = {sizeof(ociimg_sink_vtable),
                                               0,
                                               0,
                                               sink_has_blob,
                                               sink_begin_blob,
                                               sink_write,
                                               sink_commit_blob,
                                               sink_abort_blob,
                                               sink_put_manifest,
                                               sink_put_root,
                                               sink_finish,
                                               sink_destroy};

static inline ociimg_sink *sink_handle(struct sink *s, uint32_t max_streams)
{
    ociimg_sink_vtable table = sink_vtable;
    table.max_streams = max_streams;
    ociimg_sink *sink = NULL;
    ociimg_error *err;
    CHECK_OK(ociimg_sink_new(&table, s, &sink, &err));
    CHECK(sink);
    return sink;
}

/* After all handles were freed. */
static inline void sink_discard(struct sink *s)
{
    CHECK_EQUAL(s->open, 0);
    CHECK_EQUAL(s->calls[SINK_DESTROY], 1);
    for (size_t i = 0; i < s->count; i++) {
        sink_stream_free(s->stored[i]);
    }
    pthread_mutex_destroy(&s->lock);
    free(s);
}

#endif
