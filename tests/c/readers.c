/* Readers: reads of any size give the same bytes, and content that differs from its descriptor
 * is reported before its end. */

#include "source.h"

#include <dirent.h>
#include <poll.h>
#include <pthread.h>

enum { SIZE = 300000 }; /* some of the pieces that a stream is asked for, and worth a worker */

static uint8_t content[SIZE], packed[SIZE + 1000], out[SIZE + 1000];

/* RFC 8878, in blocks that are not compressed. */
static size_t zstd(uint8_t *to, const uint8_t *bytes, size_t size)
{
    static const uint8_t magic[5] = {0x28, 0xB5, 0x2F, 0xFD,
                                     0xA0}; /* one segment, size in 4 bytes */
    size_t at = sizeof magic;
    memcpy(to, magic, at);
    for (int i = 0; i < 4; i++) {
        to[at++] = (uint8_t)(size >> 8 * i);
    }
    for (size_t done = 0; done < size;) {
        size_t block = size - done < 50000 ? size - done : 50000;
        uint32_t header = (uint32_t)block << 3 | (done + block == size);
        for (int i = 0; i < 3; i++) {
            to[at++] = (uint8_t)(header >> 8 * i);
        }
        memcpy(to + at, bytes + done, block);
        at += block;
        done += block;
    }
    return at;
}

struct opened {
    struct source *source;
    ociimg_loader *loader;
    ociimg_index *index;
};

/* A source with an empty index, which opens any blob. */
static struct opened opened(void)
{
    struct opened o = {.source = source_new()};
    ociimg_error *err;
    o.source->root = put_text(o.source, "{\"schemaVersion\":2,\"manifests\":[]}");
    o.loader = source_loader(o.source);
    CHECK_OK(ociimg_index_load(o.loader, NULL, NULL, &o.index, &err));
    return o;
}

static void closed(struct opened o)
{
    ociimg_index_free(o.index);
    ociimg_loader_free(o.loader);
    source_free(o.source);
}

static ociimg_reader *reader(struct opened o, const struct blob *blob, ociimg_read_mode mode,
                             const ociimg_reader_options *opts)
{
    ociimg_descriptor *d;
    ociimg_reader *made;
    ociimg_error *err;
    CHECK_OK(ociimg_descriptor_new("text/plain", blob->digest, blob->size, &d, &err));
    CHECK_OK(ociimg_index_open_blob(o.index, d, mode, opts, NULL, &made, &err));
    ociimg_descriptor_free(d);
    return made;
}

/* Reads `size` bytes at once until the end, or the failure that is expected; how many came. */
static size_t drain(ociimg_reader *reader, size_t size, int expected)
{
    size_t total = 0, n;
    ociimg_error *err;
    for (;;) {
        size_t room = sizeof out - total < size ? sizeof out - total : size;
        n = 5;
        ociimg_status status = ociimg_reader_read(reader, out + total, room, &n, &err);
        if (status != OCIIMG_STATUS_OK || n == 0) {
            check_failure(status, expected, err, __FILE__, __LINE__, "the end");
            CHECK_EQUAL(n, 0);
            ociimg_error_free(err);
            break;
        }
        CHECK(n <= room && !ociimg_reader_is_verified(reader));
        total += n;
    }
    CHECK_EQUAL(ociimg_reader_is_verified(reader), expected == OCIIMG_STATUS_OK);
    for (int again = 0; again < 2; again++) { /* either stays */
        CHECK_STATUS(ociimg_reader_read(reader, out + total, 1, &n, &err), expected);
        CHECK_EQUAL(n, 0);
    }
    return total;
}

static void any_size(void)
{
    struct opened o = opened();
    const struct blob *blobs[] = {put(o.source, content, SIZE),
                                  put(o.source, packed, gzip(packed, content, SIZE)),
                                  put(o.source, packed, zstd(packed, content, SIZE))};
    const size_t sizes[] = {1 << 20, 4096, 64, 3, 1};
    const size_t pieces[] = {0, 1000};
    for (int i = 0; i < 3; i++) {
        for (int mode = 0; mode < 2; mode++) {
            for (uint32_t workers = 0; workers < 2; workers++) {
                const ociimg_reader_options opts = {.struct_size = sizeof opts, .workers = workers};
                for (int p = 0; p < 2; p++) {
                    /* The smallest reads once for each kind of blob: they take their time. */
                    int rows = p == 0 && workers == 0 && mode == (i > 0) ? 5 : 3;
                    for (int s = 0; s < rows; s++) {
                        snprintf(row, sizeof row,
                                 "blob %d, mode %d, %u workers, %zu bytes of %zu at once", i, mode,
                                 (unsigned)workers, sizes[s], pieces[p]);
                        o.source->piece = pieces[p];
                        memset(out, 0, sizeof out);
                        ociimg_reader *r = reader(o, blobs[i], mode, &opts);
                        const struct blob *expected =
                            mode == OCIIMG_READ_MODE_STORED ? blobs[i] : blobs[0];
                        CHECK_EQUAL(drain(r, sizes[s], OCIIMG_STATUS_OK), expected->size);
                        CHECK(memcmp(out, expected->bytes, expected->size) == 0);
                        CHECK_EQUAL(ociimg_reader_stored_read(r), blobs[i]->size);
                        CHECK_EQUAL(o.source->open, 0);
                        ociimg_reader_free(r);
                    }
                }
            }
        }
    }
    closed(o);
}

/* How many threads the program has, as Linux tells. */
static int threads(void)
{
    DIR *tasks = opendir("/proc/self/task");
    CHECK(tasks);
    int count = -2; /* without . and .. */
    while (readdir(tasks)) {
        count++;
    }
    closedir(tasks);
    return count;
}

/* Waits for this number of threads: the kernel lists a thread for a moment after it was joined. */
static void settle(int expected)
{
    for (int i = 0; i < 1000 && threads() != expected; i++) {
        poll(NULL, 0, 1);
    }
    CHECK_EQUAL(threads(), expected);
}

/* A worker comes when it is worth it, and goes before the call that ends the reader returns;
 * the loader goes with the last handle, and not before. */
static void what_a_reader_holds(int before)
{
    struct opened o = opened();
    const struct blob *zipped = put(o.source, packed, gzip(packed, content, SIZE));
    const ociimg_reader_options opts = {.struct_size = sizeof opts, .workers = 1};
    snprintf(row, sizeof row, "a worker");
    ociimg_reader *whole = reader(o, zipped, OCIIMG_READ_MODE_UNCOMPRESSED, &opts);
    ociimg_reader *half = reader(o, zipped, OCIIMG_READ_MODE_UNCOMPRESSED, &opts);
    ociimg_index_free(o.index);
    ociimg_loader_free(o.loader);
    settle(before);
    size_t n;
    ociimg_error *err;
    for (size_t total = 0; total < SIZE - 1000; total += n) {
        CHECK_OK(ociimg_reader_read(half, out, 1000, &n, &err));
    }
    settle(before + 1);
    CHECK_EQUAL(drain(whole, sizeof out, OCIIMG_STATUS_OK), SIZE);
    ociimg_reader_free(half);
    settle(before);
    CHECK_EQUAL(o.source->open, 0);
    CHECK_EQUAL(o.source->calls[DESTROY], 0);
    ociimg_reader_free(whole);
    source_free(o.source);
}

/* Content that is not as declared, in either mode. The descriptor says the first `declared`
 * bytes; the source has these and `excess`, or less, and with a bit flipped at the end. */
static void not_as_declared(size_t declared, int excess, bool flip, int status, size_t at_most)
{
    for (int mode = 0; mode < 2; mode++) {
        for (size_t size = 100; size <= 1 << 20; size += (1 << 20) - 100) {
            struct opened o = opened();
            struct blob *blob = (struct blob *)(uintptr_t)put(o.source, content, SIZE);
            snprintf(row, sizeof row, "%zu bytes and %d, mode %d", declared, excess, mode);
            struct blob wrong = *blob;
            wrong.size = declared;
            sha256(wrong.digest, content, declared);
            blob->size = declared + (size_t)excess;
            blob->bytes[declared - 1] ^= flip;
            memcpy(blob->digest, wrong.digest, sizeof wrong.digest);
            memset(out, 0xAA, sizeof out);
            ociimg_reader *r = reader(o, &wrong, mode, NULL);
            CHECK(drain(r, size, status) <= at_most);
            /* No byte of the excess was ever in the caller's memory. */
            CHECK(out[declared] == 0xAA && memcmp(out + declared, out + declared + 1, 900) == 0);
            CHECK_EQUAL(o.source->open, 0);
            ociimg_reader_free(r);
            closed(o);
        }
    }
}

static void limits(void)
{
    struct opened o = opened();
    const struct blob *plain = put(o.source, content, SIZE);
    const struct blob *zipped = put(o.source, packed, gzip(packed, content, SIZE));
    const struct blob *zstandard = put(o.source, packed, zstd(packed, content, SIZE));
    const struct {
        const char *what;
        const struct blob *blob;
        ociimg_read_mode mode;
        uint64_t size, window;
        int status;
    } rows[] = {{"as large as the limit", zipped, 1, SIZE, 0, OCIIMG_STATUS_OK},
                {"larger", zipped, 1, SIZE - 1, 0, OCIIMG_STATUS_LIMIT_EXCEEDED},
                {"plain and larger", plain, 1, SIZE - 1, 0, OCIIMG_STATUS_LIMIT_EXCEEDED},
                {"not unpacked", zipped, 0, 1, 1, OCIIMG_STATUS_OK},
                {"a window as large as the limit", zstandard, 1, 0, SIZE, OCIIMG_STATUS_OK},
                {"a larger window", zstandard, 1, 0, SIZE - 1, OCIIMG_STATUS_LIMIT_EXCEEDED},
                {"the largest limits", zstandard, 1, UINT64_MAX, UINT64_MAX, OCIIMG_STATUS_OK}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(row, sizeof row, "%s", rows[i].what);
        const ociimg_reader_options opts = {.struct_size = sizeof opts,
                                            .max_uncompressed_size = rows[i].size,
                                            .max_window_size = rows[i].window};
        ociimg_reader *r = reader(o, rows[i].blob, rows[i].mode, &opts);
        size_t read = drain(r, 4096, rows[i].status);
        CHECK(rows[i].status == OCIIMG_STATUS_OK || read < SIZE);
        ociimg_reader_free(r);
    }
    closed(o);
}

/* The diff ID is checked where it is unpacked, and only there. */
static void diff_id(void)
{
    struct source *s = source_new();
    const struct blob *blob = put(s, packed, gzip(packed, content, 1000));
    const struct blob *config = put_text(s,
                                         "{\"os\":\"linux\",\"architecture\":\"amd64\","
                                         "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"%s\"]}}",
                                         blob->digest);
    s->root = put_text(s, "{\"schemaVersion\":2,\"config\":%s,\"layers\":[%s]}",
                       describe(CONFIG, config, "").text, describe(LAYER "+gzip", blob, "").text);
    ociimg_loader *loader = source_loader(s);
    ociimg_index *index;
    ociimg_image *image;
    ociimg_error *err;
    CHECK_OK(ociimg_index_load(loader, NULL, NULL, &index, &err));
    CHECK_OK(ociimg_index_image(index, 0, NULL, &image, &err));
    ociimg_layer *layer = ociimg_image_layer(image, 0);
    CHECK_TEXT(ociimg_layer_diff_id(layer), blob->digest);
    for (int mode = 0; mode < 2; mode++) {
        snprintf(row, sizeof row, "a wrong diff ID, mode %d", mode);
        ociimg_reader *r;
        CHECK_OK(ociimg_layer_open(layer, mode, NULL, NULL, &r, &err));
        size_t read = drain(r, 300, mode ? OCIIMG_STATUS_DIGEST_MISMATCH : OCIIMG_STATUS_OK);
        CHECK_EQUAL(read, mode ? 1000 : blob->size);
        ociimg_reader_free(r);
    }
    ociimg_layer_free(layer);
    ociimg_image_free(image);
    ociimg_index_free(index);
    ociimg_loader_free(loader);
    source_free(s);
}

static void *nothing(void *arg)
{
    return arg;
}

int main(void)
{
    /* With a program's first thread the runtime of a sanitizer starts one of its own, which stays.
     */
    pthread_t first;
    CHECK(pthread_create(&first, NULL, nothing, NULL) == 0 && pthread_join(first, NULL) == 0);
    poll(NULL, 0, 10); /* until the kernel no longer lists it */
    const int before = threads();
    bound();
    noise(content, SIZE, 1);
    any_size();
    not_as_declared(1000, 1, false, OCIIMG_STATUS_SIZE_MISMATCH, 1000);
    not_as_declared(1000, 1000, false, OCIIMG_STATUS_SIZE_MISMATCH, 1000);
    not_as_declared(66000, 1, false, OCIIMG_STATUS_SIZE_MISMATCH, 66000);
    not_as_declared(1000, -1, false, OCIIMG_STATUS_SIZE_MISMATCH, 999);
    not_as_declared(66000, -1, false, OCIIMG_STATUS_SIZE_MISMATCH, 65999);
    not_as_declared(1000, 0, true, OCIIMG_STATUS_DIGEST_MISMATCH, 1000);
    not_as_declared(66000, 0, true, OCIIMG_STATUS_DIGEST_MISMATCH, 66000);
    what_a_reader_holds(before);
    limits();
    diff_id();
    return 0;
}
