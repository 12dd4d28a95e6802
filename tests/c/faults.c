/* A file that fails while it is read: `faults reads PATH` lets every read in turn fail, find
 * the end, give one byte, and be interrupted; `faults cuts PATH STEP HARMLESS` cuts the file
 * at each multiple of STEP, of which HARMLESS cuts leave all of the content.
 *
 * Everything readable is read each time. Either it equals the content of the whole file, or a
 * call fails with the reason. A fault that has passed when the call is repeated has no effect. */

#define _DEFAULT_SOURCE /* syscall */

#include "check.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* ---- reads, in the place of those of the C library ------------------------------- */

enum fault { NONE, FAILURE, END, ONE_BYTE, INTERRUPTION, FAULTS };

static const char *const names[] = {"no fault", "a failure", "an end", "one byte",
                                    "an interruption"};

enum { MOST_READS = 1000 };

static struct {
    bool are_watched;
    enum fault fault;
    int faulty; /* which one */
    int count;
    bool find_end[MOST_READS]; /* by themselves */
} reads;

static ssize_t read_by(long call, int file, void *to, size_t size, off_t at)
{
    if (!reads.are_watched) {
        return syscall(call, file, to, size, at);
    }
    CHECK(reads.count < MOST_READS);
    int this = reads.count++;
    switch (this == reads.faulty ? reads.fault : NONE) {
    case FAILURE:
        errno = EIO;
        return -1;
    case INTERRUPTION:
        errno = EINTR;
        return -1;
    case END:
        return 0;
    case ONE_BYTE:
        size = size > 1 ? 1 : size;
        break;
    default:
        break;
    }
    ssize_t n = syscall(call, file, to, size, at);
    if (reads.fault == NONE) {
        reads.find_end[this] = n == 0;
    }
    return n;
}

/* The C library declares it only where it is asked for another off_t. */
ssize_t pread64(int file, void *to, size_t size, off_t at);

ssize_t pread64(int file, void *to, size_t size, off_t at)
{
    return read_by(SYS_pread64, file, to, size, at);
}

ssize_t pread(int file, void *to, size_t size, off_t at)
{
    return read_by(SYS_pread64, file, to, size, at);
}

ssize_t read(int file, void *to, size_t size)
{
    return read_by(SYS_read, file, to, size, 0);
}

/* ---- what comes out of a file ---------------------------------------------------- */

/* FNV-1a. */
static void add(uint64_t *sum, const void *bytes, size_t size)
{
    for (const uint8_t *p = bytes; size > 0; p++, size--) {
        *sum = (*sum ^ *p) * 0x100000001B3;
    }
}

/* With the NUL that ends it: no two texts run into each other. */
static void add_text(uint64_t *sum, const char *text)
{
    CHECK(text != NULL);
    add(sum, text, strlen(text) + 1);
}

static struct {
    int count;
    ociimg_status first;
} failures;

/* Whether a call succeeded; counts failures. */
static bool well(ociimg_status status, ociimg_error **err)
{
    check_failure(status, status, *err, __FILE__, __LINE__, "a call");
    ociimg_error_free(*err);
    if (status != OCIIMG_STATUS_OK && failures.count++ == 0) {
        failures.first = status;
    }
    return status == OCIIMG_STATUS_OK;
}

/* A fault occurs only once. */
#define AGAIN(call) ((call) || (call))

static bool open_loader(const char *path, ociimg_loader **loader)
{
    ociimg_error *err;
    ociimg_status status = ociimg_loader_open(path, NULL, NULL, loader, &err);
    return well(status, &err);
}

/* An index with a broken entry counts as a failure. */
static bool load(const ociimg_loader *loader, ociimg_index **index)
{
    ociimg_error *err;
    ociimg_status status = ociimg_index_load(loader, NULL, NULL, index, &err);
    bool good = well(status, &err);
    for (size_t i = 0; i < ociimg_index_entry_count(*index); i++) {
        if (ociimg_index_entry_kind(*index, i) == OCIIMG_ENTRY_KIND_BROKEN) {
            err = ociimg_index_entry_error(*index, i);
            CHECK(err != NULL);
            good = well(ociimg_error_status(err), &err);
        }
    }
    if (!good) {
        ociimg_index_free(*index);
        *index = NULL;
    }
    return good;
}

static bool find_image(const ociimg_index *index, size_t i, ociimg_image **image)
{
    ociimg_error *err;
    ociimg_status status = ociimg_index_image(index, i, NULL, image, &err);
    return well(status, &err);
}

/* A sum that has the layer in it, or the one that it was. */
static bool read_layer(const ociimg_layer *layer, ociimg_read_mode mode, uint64_t *sum)
{
    const ociimg_reader_options options = {.struct_size = sizeof options, .workers = 1};
    static uint8_t piece[64 << 10];
    ociimg_reader *reader;
    ociimg_error *err;
    uint64_t with = *sum;
    size_t n;
    ociimg_status status = ociimg_layer_open(layer, mode, &options, NULL, &reader, &err);
    if (!well(status, &err)) {
        return false;
    }
    do {
        status = ociimg_reader_read(reader, piece, sizeof piece, &n, &err);
        add(&with, piece, n);
    } while (status == OCIIMG_STATUS_OK && n > 0);
    CHECK_EQUAL(ociimg_reader_is_verified(reader), status == OCIIMG_STATUS_OK);
    if (well(status, &err)) {
        *sum = with;
    } else {
        /* It keeps failing, whatever the file contains now. */
        CHECK_STATUS(ociimg_reader_read(reader, piece, sizeof piece, &n, &err), status);
        CHECK_EQUAL(n, 0);
    }
    ociimg_reader_free(reader);
    return status == OCIIMG_STATUS_OK;
}

static bool read_layers(const ociimg_image *image, uint64_t *sum)
{
    bool good = true;
    for (size_t i = 0; good && i < ociimg_image_layer_count(image); i++) {
        ociimg_layer *layer = ociimg_image_layer(image, i);
        add_text(sum, ociimg_layer_digest(layer));
        add_text(sum, ociimg_layer_diff_id(layer));
        good = AGAIN(read_layer(layer, OCIIMG_READ_MODE_STORED, sum)) &&
               AGAIN(read_layer(layer, OCIIMG_READ_MODE_UNCOMPRESSED, sum));
        ociimg_layer_free(layer);
    }
    return good;
}

static bool read_image(const ociimg_index *index, size_t i, uint64_t *sum)
{
    ociimg_image *image;
    const uint8_t *json;
    size_t size;
    if (!AGAIN(find_image(index, i, &image))) {
        return false;
    }
    add_text(sum, ociimg_image_manifest_digest(image));
    json = ociimg_image_manifest_json(image, &size);
    add(sum, json, size);
    add_text(sum, ociimg_image_config_digest(image));
    json = ociimg_image_config_json(image, &size);
    add(sum, json, size);
    bool good = read_layers(image, sum);
    ociimg_image_free(image);
    return good;
}

static bool read_index(const ociimg_index *index, uint64_t *sum)
{
    bool good = true;
    add_text(sum, ociimg_index_root_digest(index));
    for (size_t i = 0; good && i < ociimg_index_entry_count(index); i++) {
        ociimg_entry_kind kind = ociimg_index_entry_kind(index, i);
        ociimg_descriptor *d = ociimg_index_entry_descriptor(index, i);
        CHECK_EQUAL(kind, OCIIMG_ENTRY_KIND_IMAGE);
        add(sum, &kind, sizeof kind);
        add_text(sum, ociimg_descriptor_digest(d));
        ociimg_descriptor_free(d);
        good = read_image(index, i, sum);
    }
    return good;
}

static bool read_all(const char *path, uint64_t *sum)
{
    ociimg_loader *loader;
    ociimg_index *index;
    if (!AGAIN(open_loader(path, &loader))) {
        return false;
    }
    bool good = AGAIN(load(loader, &index)) && read_index(index, sum);
    ociimg_index_free(index);
    ociimg_loader_free(loader);
    return good;
}

static int open_files(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;
    CHECK(folder != NULL);
    while (readdir(folder)) {
        count++;
    }
    closedir(folder);
    return count;
}

/* Whether everything could be read in the end, and its sum. */
static bool run(const char *path, enum fault fault, int faulty, uint64_t *sum)
{
    int before = open_files();
    memset(&failures, 0, sizeof failures);
    *sum = 0xCBF29CE484222325;
    reads.fault = fault;
    reads.faulty = faulty;
    reads.count = 0;
    reads.are_watched = true;
    bool good = read_all(path, sum);
    reads.are_watched = false;
    CHECK_EQUAL(open_files(), before);
    return good;
}

/* ---- the tests ------------------------------------------------------------------- */

/* The sum of a sound file. */
static uint64_t read_whole(const char *path)
{
    uint64_t sum;
    CHECK(run(path, NONE, 0, &sum));
    CHECK_EQUAL(failures.count, 0);
    return sum;
}

static ociimg_status expected(enum fault fault, int at)
{
    switch (fault) {
    case FAILURE:
        return OCIIMG_STATUS_IO;
    case END:
        return reads.find_end[at] ? OCIIMG_STATUS_OK : OCIIMG_STATUS_SIZE_MISMATCH;
    default:
        return OCIIMG_STATUS_OK;
    }
}

static void test_reads(const char *path)
{
    uint64_t whole = read_whole(path), sum;
    int count = reads.count;
    /* Or it does not read by these functions. */
    CHECK(count > 20);
    for (enum fault fault = NONE + 1; fault < FAULTS; fault++) {
        for (int at = 0; at < count; at++) {
            snprintf(row, sizeof row, "%s at read %d of %d", names[fault], at, count);
            bool good = run(path, fault, at, &sum);
            CHECK_TEXT(ociimg_status_name(failures.first), ociimg_status_name(expected(fault, at)));
            CHECK_EQUAL(failures.count, failures.first != OCIIMG_STATUS_OK);
            CHECK(good && sum == whole);
        }
    }
}

static bool tells_a_cut(ociimg_status status)
{
    return status == OCIIMG_STATUS_MALFORMED    /* in the midst of something */
           || status == OCIIMG_STATUS_NOT_FOUND /* before some entry */
           || status == OCIIMG_STATUS_UNSUPPORTED /* before the format is known */;
}

static void test_cuts(const char *path, long step, long harmless)
{
    uint64_t whole = read_whole(path), sum;
    struct stat file;
    long found = 0;
    CHECK(stat(path, &file) == 0 && file.st_size > 0 && step > 0);
    for (long cut = file.st_size - 1; cut >= 0; cut = cut > 0 ? (cut - 1) / step * step : -1) {
        snprintf(row, sizeof row, "cut at %ld of %ld", cut, (long)file.st_size);
        CHECK_EQUAL(truncate(path, cut), 0);
        if (run(path, NONE, 0, &sum)) {
            CHECK_EQUAL(failures.count, 0);
            CHECK(sum == whole);
            found++;
        } else if (!tells_a_cut(failures.first)) {
            fail(__FILE__, __LINE__, ociimg_status_name(failures.first));
        }
    }
    CHECK_EQUAL(found, harmless);
}

int main(int argc, char **argv)
{
    bound();
    if (argc == 3 && strcmp(argv[1], "reads") == 0) {
        test_reads(argv[2]);
    } else if (argc == 5 && strcmp(argv[1], "cuts") == 0) {
        test_cuts(argv[2], atol(argv[3]), atol(argv[4]));
    } else {
        fail(__FILE__, __LINE__, "usage: faults reads PATH, or faults cuts PATH STEP HARMLESS");
    }
    return 0;
}
