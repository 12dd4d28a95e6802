/* A source of images in memory: documents and blobs are put into it, under the digests that
 * they have, and the callbacks of a loader hand them out. Every call is counted, and a test
 * can step in before each. */
#ifndef SOURCE_H
#define SOURCE_H

#include "check.h"
#include <stdarg.h>
#include <stdatomic.h>

/* ---- digests: of our own, so that the library's are not their own judge -------------- */

static inline uint32_t rotated(uint32_t x, int by)
{
    return x >> by | x << (32 - by);
}

/* FIPS 180-4, 6.2.2. */
static inline void sha256_block(uint32_t h[8], const uint8_t block[64])
{
    static const uint32_t k[64] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
        0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
        0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
        0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
        0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
        0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
        0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
        0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
        0xc67178f2};
    uint32_t w[64], v[8];
    for (int i = 0; i < 16; i++) {
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    }
    for (int i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + (rotated(a, 7) ^ rotated(a, 18) ^ a >> 3) + w[i - 7] +
               (rotated(b, 17) ^ rotated(b, 19) ^ b >> 10);
    }
    memcpy(v, h, sizeof v);
    for (int i = 0; i < 64; i++) {
        uint32_t e = v[4], a = v[0];
        uint32_t one = v[7] + (rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)) +
                       ((e & v[5]) ^ (~e & v[6])) + k[i] + w[i];
        uint32_t two = (rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)) +
                       ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof *v);
        v[4] += one;
        v[0] = one + two;
    }
    for (int i = 0; i < 8; i++) {
        h[i] += v[i];
    }
}

static inline void sha256(char digest[72], const uint8_t *bytes, size_t size)
{
    uint32_t h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                     0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    size_t whole = size / 64 * 64, rest = size - whole;
    for (size_t at = 0; at < whole; at += 64) {
        sha256_block(h, bytes + at);
    }
    uint8_t last[128] = {0};
    size_t padded = rest < 56 ? 64 : 128;
    memcpy(last, bytes + whole, rest);
    last[rest] = 0x80;
    for (int i = 0; i < 8; i++) {
        last[padded - 1 - i] = (uint8_t)((uint64_t)size * 8 >> 8 * i);
    }
    for (size_t at = 0; at < padded; at += 64) {
        sha256_block(h, last + at);
    }
    int written = sprintf(digest, "sha256:");
    for (int i = 0; i < 8; i++) {
        written += sprintf(digest + written, "%08x", (unsigned)h[i]);
    }
}

/* ---- the source ---------------------------------------------------------------------- */

enum callback {
    ROOT_DIGEST,
    OPEN_ROOT_MANIFEST,
    OPEN_MANIFEST,
    OPEN_BLOB,
    READ,
    CLOSE,
    DESTROY,
    CALLBACKS
};

static const char *const callback_names[CALLBACKS] = {
    "root_digest", "open_root_manifest", "open_manifest", "open_blob", "read", "close", "destroy"};

struct blob {
    char digest[72];
    uint8_t *bytes;
    size_t size;
};

struct stream {
    const struct blob *blob;
    size_t at;
};

/* A call of a callback: what it was given, as far as it was, and what it is to return. */
struct visit {
    enum callback callback;
    const struct blob *blob; /* that is opened or read; NULL where there is none */
    struct stream *stream;
    void **out;
    char *text;
    uint8_t *buf;
    size_t cap;
    size_t *n;
    ociimg_call *call;
    int32_t status;
};

struct source {
    struct blob *blobs[64];
    size_t count;
    const struct blob *root;
    const char *root_digest; /* what the callback writes; NULL writes nothing */
    size_t piece;            /* the most that a read gives; 0 gives what there is room for */
    atomic_int calls[CALLBACKS];
    atomic_int open; /* streams */
    /* Before a callback does its work; true where that is not to be done any more. */
    bool (*before)(struct source *, struct visit *);
    void *test;
};

static inline const struct blob *put(struct source *s, const void *bytes, size_t size)
{
    struct blob *blob = malloc(sizeof *blob);
    CHECK(blob && s->count < sizeof s->blobs / sizeof *s->blobs);
    blob->bytes = malloc(size + 1);
    CHECK(blob->bytes);
    memcpy(blob->bytes, bytes, size);
    blob->size = size;
    sha256(blob->digest, blob->bytes, size);
    s->blobs[s->count++] = blob;
    return blob;
}

static inline const struct blob *put_text(struct source *s, const char *format, ...)
{
    char text[4000];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    CHECK(size >= 0 && (size_t)size < sizeof text);
    return put(s, text, (size_t)size);
}

static inline const struct blob *find_blob(const struct source *s, const char *digest)
{
    for (size_t i = 0; i < s->count; i++) {
        if (strcmp(s->blobs[i]->digest, digest) == 0) {
            return s->blobs[i];
        }
    }
    return NULL;
}

/* What read does when it does its work. */
static inline void serve(struct source *s, struct visit *v)
{
    size_t n = v->stream->blob->size - v->stream->at;
    n = n < v->cap ? n : v->cap;
    n = s->piece && s->piece < n ? s->piece : n;
    memcpy(v->buf, v->stream->blob->bytes + v->stream->at, n);
    v->stream->at += n;
    *v->n = n;
}

static inline int32_t visited(struct source *s, struct visit *v)
{
    s->calls[v->callback]++;
    if (s->before && s->before(s, v)) {
        return v->status;
    }
    switch (v->callback) {
    case ROOT_DIGEST:
        if (s->root_digest) {
            snprintf(v->text, v->cap, "%s", s->root_digest);
        }
        return OCIIMG_STATUS_OK;
    case READ:
        serve(s, v);
        return OCIIMG_STATUS_OK;
    default:
        break;
    }
    if (!v->blob) {
        return ociimg_call_fail(v->call, OCIIMG_STATUS_NOT_FOUND, 404, "no such content");
    }
    struct stream *stream = malloc(sizeof *stream);
    CHECK(stream);
    *stream = (struct stream){v->blob, 0};
    *v->out = stream;
    s->open++;
    return OCIIMG_STATUS_OK;
}

static inline int32_t source_root_digest(void *state, char *buf, size_t cap, ociimg_call *call)
{
    CHECK(cap >= 256);
    for (size_t i = 0; i < cap; i++) {
        CHECK(buf[i] == 0);
    }
    struct visit v = {.callback = ROOT_DIGEST, .text = buf, .cap = cap, .call = call};
    return visited(state, &v);
}

static inline int32_t source_open(struct source *s, enum callback callback, const char *digest,
                                  void **stream, ociimg_call *call)
{
    CHECK(*stream == NULL);
    const struct blob *blob = digest ? find_blob(s, digest) : s->root;
    struct visit v = {.callback = callback, .blob = blob, .out = stream, .call = call};
    return visited(s, &v);
}

static inline int32_t source_open_root(void *state, void **stream, ociimg_call *call)
{
    return source_open(state, OPEN_ROOT_MANIFEST, NULL, stream, call);
}

static inline int32_t source_open_manifest(void *state, const char *digest, void **stream,
                                           ociimg_call *call)
{
    return source_open(state, OPEN_MANIFEST, digest, stream, call);
}

static inline int32_t source_open_blob(void *state, const char *digest, void **stream,
                                       ociimg_call *call)
{
    return source_open(state, OPEN_BLOB, digest, stream, call);
}

static inline int32_t source_read(void *state, void *stream, uint8_t *buf, size_t cap, size_t *n,
                                  ociimg_call *call)
{
    CHECK(cap > 0);
    CHECK(*n == SIZE_MAX);
    struct visit v = {
        .callback = READ, .stream = stream, .buf = buf, .cap = cap, .n = n, .call = call};
    v.blob = v.stream->blob;
    return visited(state, &v);
}

static inline void source_close(void *state, void *stream)
{
    struct source *s = state;
    struct visit v = {.callback = CLOSE, .stream = stream};
    v.blob = v.stream->blob;
    s->calls[CLOSE]++;
    s->open--;
    if (s->before) {
        s->before(s, &v);
    }
    free(stream);
}

static inline void source_destroy(void *state)
{
    struct source *s = state;
    struct visit v = {.callback = DESTROY};
    s->calls[DESTROY]++;
    CHECK_EQUAL(s->open, 0);
    if (s->before) {
        s->before(s, &v);
    }
}

static const ociimg_loader_vtable source_vtable = {sizeof(ociimg_loader_vtable),
                                                   source_root_digest,
                                                   source_open_root,
                                                   source_open_manifest,
                                                   source_open_blob,
                                                   source_read,
                                                   source_close,
                                                   source_destroy};

static inline ociimg_loader *source_loader(struct source *s)
{
    ociimg_loader *loader = NULL;
    ociimg_error *err;
    CHECK_OK(ociimg_loader_new(&source_vtable, s, &loader, &err));
    CHECK(loader);
    return loader;
}

static inline struct source *source_new(void)
{
    struct source *s = calloc(1, sizeof *s);
    CHECK(s);
    return s;
}

/* After all handles were freed: every stream is closed, and the loader destroyed once. The
 * source may serve another loader then. */
static inline void source_settled(struct source *s)
{
    CHECK_EQUAL(s->open, 0);
    CHECK_EQUAL(s->calls[DESTROY], 1);
    for (int i = 0; i < CALLBACKS; i++) {
        s->calls[i] = 0;
    }
}

static inline void source_discard(struct source *s)
{
    for (size_t i = 0; i < s->count; i++) {
        free(s->blobs[i]->bytes);
        free(s->blobs[i]);
    }
    free(s);
}

static inline void source_free(struct source *s)
{
    source_settled(s);
    source_discard(s);
}

static inline int source_calls(const struct source *s)
{
    int calls = 0;
    for (int i = 0; i < CALLBACKS; i++) {
        calls += s->calls[i];
    }
    return calls;
}

/* ---- what is put into it --------------------------------------------------------------- */

#define INDEX "application/vnd.oci.image.index.v1+json"
#define MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define CONFIG "application/vnd.oci.image.config.v1+json"
#define LAYER "application/vnd.oci.image.layer.v1.tar"
#define AMD64 ",\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"}"

struct json {
    char text[600];
};

/* A descriptor, with more fields behind a comma. */
static inline struct json describe(const char *media_type, const struct blob *blob,
                                   const char *more)
{
    struct json json;
    int size = snprintf(json.text, sizeof json.text,
                        "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu%s}", media_type,
                        blob->digest, blob->size, more);
    CHECK(size > 0 && (size_t)size < sizeof json.text);
    return json;
}

/* Bytes that don't repeat. */
static inline void noise(uint8_t *bytes, size_t size, uint32_t seed)
{
    for (size_t i = 0; i < size; i++) {
        seed = seed * 1664525 + 1013904223;
        bytes[i] = (uint8_t)(seed >> 24);
    }
}

/* RFC 1952 and 1951, in blocks that are not compressed. */
static inline size_t gzip(uint8_t *out, const uint8_t *bytes, size_t size)
{
    static const uint8_t header[10] = {0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF};
    size_t at = sizeof header;
    memcpy(out, header, at);
    uint32_t crc = ~UINT32_C(0);
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320 : 0);
        }
    }
    crc = ~crc;
    for (size_t done = 0;;) {
        size_t block = size - done < 0xFFFF ? size - done : 0xFFFF;
        out[at++] = done + block == size;
        out[at++] = (uint8_t)block;
        out[at++] = (uint8_t)(block >> 8);
        out[at++] = (uint8_t)~block;
        out[at++] = (uint8_t)(~block >> 8);
        memcpy(out + at, bytes + done, block);
        at += block;
        done += block;
        if (done == size) {
            break;
        }
    }
    for (int i = 0; i < 4; i++) {
        out[at++] = (uint8_t)(crc >> 8 * i);
    }
    for (int i = 0; i < 4; i++) {
        out[at++] = (uint8_t)(size >> 8 * i);
    }
    return at;
}

/* What the layers of put_image unpack to. */
enum { LAYER_SIZE = 5000 };

static inline void layer_content(uint8_t content[LAYER_SIZE], const char *architecture,
                                 uint32_t layer)
{
    noise(content, LAYER_SIZE, layer + (uint32_t)architecture[0] * 1000);
}

/* The manifest of an image with two layers of LAYER_SIZE bytes, the second one compressed. */
static inline const struct blob *put_image(struct source *s, const char *architecture)
{
    static uint8_t content[LAYER_SIZE], zipped[LAYER_SIZE + 100];
    layer_content(content, architecture, 0);
    const struct blob *plain = put(s, content, LAYER_SIZE);
    layer_content(content, architecture, 1);
    const struct blob *compressed = put(s, zipped, gzip(zipped, content, LAYER_SIZE));
    char diff_id[72];
    sha256(diff_id, content, LAYER_SIZE);
    const struct blob *config =
        put_text(s,
                 "{\"os\":\"linux\",\"architecture\":\"%s\",\"config\":{\"Env\":[\"A=1\"]},"
                 "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"%s\",\"%s\"]}}",
                 architecture, plain->digest, diff_id);
    return put_text(s, "{\"schemaVersion\":2,\"config\":%s,\"layers\":[%s,%s]}",
                    describe(CONFIG, config, "").text, describe(LAYER, plain, "").text,
                    describe(LAYER "+gzip", compressed, "").text);
}

/* The entries of put_index. */
enum {
    ENTRY_AMD64,       /* with its platform in the index */
    ENTRY_ARM64,       /* nested, with its platform in its config */
    ENTRY_ATTESTATION, /* nested */
    ENTRY_ARTIFACT,    /* which shows only in its manifest */
    ENTRY_TEXT,        /* neither manifest nor index */
    ENTRIES
};

static const ociimg_entry_kind entry_kinds[ENTRIES] = {
    OCIIMG_ENTRY_KIND_IMAGE, OCIIMG_ENTRY_KIND_IMAGE, OCIIMG_ENTRY_KIND_ATTESTATION,
    OCIIMG_ENTRY_KIND_ARTIFACT, OCIIMG_ENTRY_KIND_UNKNOWN};

/* One of each kind of entry, two of them in a nested index, as the root. */
static inline void put_index(struct source *s)
{
    const struct blob *text = put_text(s, "just text");
    const struct blob *artifact =
        put_text(s, "{\"schemaVersion\":2,\"config\":%s,\"layers\":[%s]}",
                 describe("application/vnd.example+json", put_text(s, "{}"), "").text,
                 describe("text/plain", text, "").text);
    const struct blob *nested = put_text(
        s, "{\"schemaVersion\":2,\"mediaType\":\"" INDEX "\",\"manifests\":[%s,%s]}",
        describe(MANIFEST, put_image(s, "arm64"), "").text,
        describe(MANIFEST, put_text(s, "never read"),
                 ",\"annotations\":{\"vnd.docker.reference.type\":\"attestation-manifest\"}")
            .text);
    s->root = put_text(s, "{\"schemaVersion\":2,\"manifests\":[%s,%s,%s,%s]}",
                       describe(MANIFEST, put_image(s, "amd64"), AMD64).text,
                       describe(INDEX, nested, "").text, describe(MANIFEST, artifact, "").text,
                       describe("text/plain", text, "").text);
    s->root_digest = s->root->digest;
}

#endif
