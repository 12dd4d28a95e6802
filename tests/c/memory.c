/* The memory that the library uses, at its peak and in the end.
 *
 *     memory count
 *     memory readers
 *     memory windows
 *     memory open ARCHIVE BYTES
 *
 * What was measured is written to stdout. */

#define _GNU_SOURCE /* for memalign */

#include "counted.h"
#include "source.h"

enum { KIB = 1 << 10, MIB = 1 << 20 };

/* Checks that every allocation function is counted. */
static void count(void)
{
    void *memory = NULL;
    size_t begun = begin();
    for (int way = 0; way < 7; way++) {
        snprintf(row, sizeof row, "way %d", way);
        switch (way) {
        case 0:
            memory = malloc(1000);
            break;
        case 1:
            memory = calloc(10, 100);
            break;
        case 2:
            memory = realloc(NULL, 1000);
            break;
        case 3:
            memory = memalign(64, 1000);
            break;
        case 4:
            memory = aligned_alloc(64, 1024);
            break;
        case 5:
            CHECK_EQUAL(posix_memalign(&memory, 64, 1000), 0);
            break;
        case 6:
            memory = strdup(callback_names[0]);
            break; /* libc's own */
        }
        CHECK(memory);
        size_t now = taken - begun;
        CHECK(way == 6 ? now > 0 : now >= 1000 && now < 1100);
        memory = realloc(memory, 10 * MIB);
        CHECK(memory && taken - begun >= 10 * MIB);
        free(memory);
        CHECK_EQUAL(taken, begun);
    }
    CHECK(peak(begun) >= 10 * MIB && peak(begun) < 11 * MIB);
}

/* ---- what is read ---------------------------------------------------------------------- */

/* RFC 1951: a fixed block of a zero and of matches, each of which is 258 zeros more. */
enum { MATCHES = 1 << 20, GZIP_SIZE = 1 + 258 * MATCHES };

/* RFC 8878: the largest blocks there are. */
enum { BLOCK = 128 * KIB, BOMB_BLOCKS = 80 * KIB, RAW_BLOCKS = 128 };

static const uint64_t bomb_size = (uint64_t)BOMB_BLOCKS * BLOCK; /* 10 GiB */

static uint8_t packed[RAW_BLOCKS * (BLOCK + 3) + 6], out[64 * KIB];

static size_t gzip_bomb(void)
{
    static const uint8_t header[10] = {0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF};
    static const uint64_t trailer = (uint64_t)GZIP_SIZE << 32 | 0x8E88A2BA; /* and the CRC */
    size_t at = sizeof header;
    memcpy(packed, header, at);
    uint64_t bits = 3 | 0x0C << 3; /* the last block, of fixed codes; the literal 0 */
    int have = 3 + 8;
    for (int i = 0; i <= MATCHES; i++) {
        /* Length 258 is 11000101 and distance 1 is 00000, both with their first bit lowest;
         * behind the last, 0000000 is the end. */
        bits |= (uint64_t)(i < MATCHES ? 0xA3 : 0) << have;
        have += i < MATCHES ? 8 + 5 : 7;
        for (; have >= (i < MATCHES ? 8 : 1); have -= 8, bits >>= 8) {
            packed[at++] = (uint8_t)bits;
        }
    }
    for (int i = 0; i < 8; i++) {
        packed[at++] = (uint8_t)(trailer >> 8 * i);
    }
    return at;
}

enum { RAW = 0, RLE = 1 }; /* block types: bytes as they are, and one byte repeated */

/* Writes a frame with a window of 2^log bytes and this number of blocks. Their content is the
 * bytes already in `packed`. */
static size_t zstd_frame(size_t at, int log, uint32_t blocks, uint32_t type)
{
    const uint8_t header[6] = {0x28, 0xB5, 0x2F, 0xFD, 0, (uint8_t)((log - 10) << 3)};
    memcpy(packed + at, header, sizeof header);
    at += sizeof header;
    for (uint32_t i = 0; i < blocks; i++) {
        uint32_t block = (uint32_t)BLOCK << 3 | type << 1 | (i + 1 == blocks);
        for (int byte = 0; byte < 3; byte++) {
            packed[at++] = (uint8_t)(block >> 8 * byte);
        }
        at += type == RAW ? BLOCK : 1;
    }
    return at;
}

/* ---- readers --------------------------------------------------------------------------- */

static struct source *source;
static ociimg_index *list; /* empty, and opens any blob */

static void serve_blobs(void)
{
    ociimg_error *err;
    source = source_new();
    source->root = put_text(source, "{\"schemaVersion\":2,\"manifests\":[]}");
    ociimg_loader *loader = source_loader(source);
    CHECK_OK(ociimg_index_load(loader, NULL, NULL, &list, &err));
    ociimg_loader_free(loader);
}

static void discard_blobs(void)
{
    ociimg_index_free(list);
    source_free(source);
}

/* The first bytes of `packed` as a blob. */
static ociimg_descriptor *put_packed(size_t size)
{
    const struct blob *blob = put(source, packed, size);
    ociimg_descriptor *d;
    ociimg_error *err;
    CHECK_OK(ociimg_descriptor_new("text/plain", blob->digest, blob->size, &d, &err));
    return d;
}

/* Reads a blob to its end or the failure that is expected; the most that this took. Nothing of
 * it is left. */
static size_t drain(const ociimg_descriptor *d, ociimg_read_mode mode,
                    const ociimg_reader_options *opts, uint64_t size, int expected)
{
    ociimg_reader *reader;
    ociimg_error *err;
    ociimg_status status;
    uint64_t total = 0;
    size_t begun = begin(), n;
    CHECK_OK(ociimg_index_open_blob(list, d, mode, opts, NULL, &reader, &err));
    do {
        status = ociimg_reader_read(reader, out, sizeof out, &n, &err);
        total += n;
    } while (status == OCIIMG_STATUS_OK && n > 0);
    size_t took = peak(begun);
    check_failure(status, expected, err, __FILE__, __LINE__, "the end");
    CHECK_EQUAL(total, size);
    ociimg_error_free(err);
    ociimg_reader_free(reader);
    CHECK_EQUAL(taken, begun);
    return took;
}

/* 1 MiB beside the window, with a worker and without. */
static void unpack(const char *what, size_t packed_size, uint64_t size, size_t window)
{
    ociimg_descriptor *d = put_packed(packed_size);
    size_t alone = 0;
    for (uint32_t workers = 0; workers < 2; workers++) {
        const ociimg_reader_options opts = {.struct_size = sizeof opts, .workers = workers};
        snprintf(row, sizeof row, "%s, %u workers, beside the window", what, (unsigned)workers);
        size_t took = drain(d, OCIIMG_READ_MODE_UNCOMPRESSED, &opts, size, OCIIMG_STATUS_OK);
        /* The window was counted, and so were the chunks for the worker. */
        CHECK(took > window && took > alone);
        expect(took - window, MIB);
        alone = took;
    }
    ociimg_descriptor_free(d);
}

/* What is asked of a stream at once, which is read ahead of small reads, and little else. */
static void pass(const char *what, ociimg_read_mode mode)
{
    ociimg_descriptor *d = put_packed(sizeof packed);
    snprintf(row, sizeof row, "%s", what);
    size_t took = drain(d, mode, NULL, sizeof packed, OCIIMG_STATUS_OK);
    CHECK(took > 0);
    expect(took, 64 * KIB + 4 * KIB);
    ociimg_descriptor_free(d);
}

static void readers(void)
{
    serve_blobs();
    /* Not a reader's is what is made once: of a thread that ends, glibc keeps the stack and the
     * table of its variables for the next one. */
    const ociimg_reader_options opts = {.struct_size = sizeof opts, .workers = 1};
    snprintf(row, sizeof row, "the first");
    ociimg_descriptor *d = put_packed(zstd_frame(0, 20, 100, RLE));
    ociimg_reader *reader;
    ociimg_error *err;
    CHECK_OK(
        ociimg_index_open_blob(list, d, OCIIMG_READ_MODE_UNCOMPRESSED, &opts, NULL, &reader, &err));
    for (size_t n = 1; n > 0;) {
        CHECK_OK(ociimg_reader_read(reader, out, sizeof out, &n, &err));
    }
    ociimg_reader_free(reader);
    ociimg_descriptor_free(d);

    unpack("a gzip bomb", gzip_bomb(), GZIP_SIZE, 32 * KIB);
    memset(packed, 0, sizeof packed);
    unpack("a zstd bomb", zstd_frame(0, 23, BOMB_BLOCKS, RLE), bomb_size, 8 * MIB);
    size_t at = 0;
    for (int log = 17; log <= 23; log++) {
        at = zstd_frame(at, log, 100, RLE);
    }
    unpack("zstd frames with ever larger windows", at, 7 * 100 * BLOCK, 8 * MIB);

    noise(packed, sizeof packed, 1);
    pass("noise as it is stored", OCIIMG_READ_MODE_STORED);
    pass("noise that was not packed", OCIIMG_READ_MODE_UNCOMPRESSED);
    at = zstd_frame(0, 23, RAW_BLOCKS, RAW);
    CHECK_EQUAL(at, sizeof packed);
    unpack("noise in a zstd frame", at, RAW_BLOCKS * BLOCK, 8 * MIB);
    pass("a zstd frame as it is stored", OCIIMG_READ_MODE_STORED);
    discard_blobs();
}

/* ---- windows --------------------------------------------------------------------------- */

/* Frames that want more than the limit get nothing of it. */
static void windows(void)
{
    static const struct {
        const char *what;
        uint64_t limit;
        uint8_t header[9]; /* behind the magic */
    } rows[] = {{"1 GiB", 0, {0, 20 << 3}},
                {"an eighth above the default", 0, {0, 17 << 3 | 1}},
                {"2 TiB", 0, {0, 31 << 3}},
                {"an eighth above the limit", 8 * MIB, {0, 13 << 3 | 1}},
                {"a single segment of 1 GiB", 0, {0xA0, 0, 0, 0, 0x40}},
                {"a single segment of 2^56 bytes", 0, {0xE0, 0, 0, 0, 0, 0, 0, 0, 1}}};
    static const uint8_t magic[4] = {0x28, 0xB5, 0x2F, 0xFD};
    serve_blobs();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const ociimg_reader_options opts = {.struct_size = sizeof opts,
                                            .max_window_size = rows[i].limit};
        memset(packed, 0, 1000);
        memcpy(packed, magic, sizeof magic);
        memcpy(packed + sizeof magic, rows[i].header, sizeof rows[i].header);
        ociimg_descriptor *d = put_packed(1000);
        snprintf(row, sizeof row, "a window of %s", rows[i].what);
        expect(drain(d, OCIIMG_READ_MODE_UNCOMPRESSED, &opts, 0, OCIIMG_STATUS_LIMIT_EXCEEDED),
               MIB);
        ociimg_descriptor_free(d);
    }
    discard_blobs();
}

/* ---- archives -------------------------------------------------------------------------- */

/* Opening one takes at most this much, and freeing the loader releases all of it. */
static void open_archive(const char *path, size_t at_most)
{
    ociimg_loader *loader;
    ociimg_error *err;
    size_t begun = begin();
    CHECK_OK(ociimg_loader_open(path, NULL, NULL, &loader, &err));
    size_t took = peak(begun), kept = taken - begun;
    ociimg_loader_free(loader);
    size_t left = taken - begun;
    CHECK(took >= kept && kept > 0);
    snprintf(row, sizeof row, "taken at most");
    expect(took, at_most);
    snprintf(row, sizeof row, "kept");
    expect(kept, at_most);
    snprintf(row, sizeof row, "left when it is freed");
    expect(left, 0);
}

int main(int argc, char **argv)
{
    bound();
    const char *what = argc > 1 ? argv[1] : "";
    if (strcmp(what, "count") == 0) {
        count();
    } else if (strcmp(what, "readers") == 0) {
        readers();
    } else if (strcmp(what, "windows") == 0) {
        windows();
    } else {
        CHECK(strcmp(what, "open") == 0 && argc == 4);
        open_archive(argv[2], strtoull(argv[3], NULL, 10));
    }
    return 0;
}
