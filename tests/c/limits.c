/* The memory, time and descriptors that a hostile image costs.
 *
 *     limits PATH STAYS PEAK MILLISECONDS [no-openat2]
 *
 * Opens the image at PATH, loads it, asks for every image in it, and reads the layers of these.
 * STAYS and PEAK are bytes of memory beside a fixed 8 MiB, MILLISECONDS the time that the process
 * may compute. No more than DESCRIPTORS are open at a time. The outcome is written to stdout,
 * with the names of statuses. */

#define _GNU_SOURCE /* for memalign, and the numbers of system calls */

#include "counted.h"
#include <stddef.h>
#include <sys/resource.h>
#include <time.h>
#ifdef __linux__
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

enum { MIB = 1 << 20, FIXED = 8 * MIB, DESCRIPTORS = 12 };

/* An index keeps at most 32 MiB of documents. */
enum { KEPT = 32 * MIB };

/* Images that are held at the same time. */
enum { HELD = 4 };

static uint8_t out[64 << 10];

static void says(const char *what, ociimg_status status, ociimg_error *err)
{
    printf("%s: %s%s%s\n", what, ociimg_status_name(status), err ? ": " : "",
           err ? ociimg_error_message(err) : "");
    if (err) {
        check_line(ociimg_error_message(err), __FILE__, __LINE__);
    }
    ociimg_error_free(err);
}

/* Makes openat2 fail as on an old kernel. */
static void forget_openat2(void)
{
#if defined(__linux__) && defined(SYS_openat2)
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
    CHECK(syscall(SYS_openat2, -1, "", NULL, 0) == -1 && errno == ENOSYS);
#endif
}

static void read_layer(const ociimg_image *image, size_t i)
{
    ociimg_layer *layer = ociimg_image_layer(image, i);
    ociimg_reader *reader;
    ociimg_error *err;
    ociimg_status status =
        ociimg_layer_open(layer, OCIIMG_READ_MODE_UNCOMPRESSED, NULL, NULL, &reader, &err);
    uint64_t total = 0;
    size_t n = 1;
    while (status == OCIIMG_STATUS_OK && n > 0) {
        status = ociimg_reader_read(reader, out, sizeof out, &n, &err);
        total += n;
    }
    printf("%llu bytes, ", (unsigned long long)total);
    says("layer", status, err);
    ociimg_reader_free(reader);
    ociimg_layer_free(layer);
}

int main(int argc, char **argv)
{
    bound();
    CHECK(argc >= 5);
    const size_t stays = strtoull(argv[2], NULL, 10), most_taken = strtoull(argv[3], NULL, 10);
    const struct rlimit descriptors = {DESCRIPTORS, DESCRIPTORS};
    CHECK(setrlimit(RLIMIT_NOFILE, &descriptors) == 0);
    if (argc > 5) {
        forget_openat2();
    }
    printf("-\n"); /* stdout's buffer is none of the library's memory */
    fflush(stdout);

    ociimg_loader *loader;
    ociimg_index *index = NULL;
    ociimg_error *err;
    size_t begun = begin();
    ociimg_status status = ociimg_loader_open(argv[1], NULL, NULL, &loader, &err);
    says("open", status, err);
    if (status == OCIIMG_STATUS_OK) {
        status = ociimg_index_load(loader, NULL, NULL, &index, &err);
        says("load", status, err);
    }
    snprintf(row, sizeof row, "the load, at most");
    expect(peak(begun), FIXED + most_taken);
    snprintf(row, sizeof row, "the load, in the end");
    expect(taken - begun, FIXED + stays);

    const size_t entries = index ? ociimg_index_entry_count(index) : 0;
    ociimg_image *held[HELD] = {NULL};
    size_t images = 0, broken = 0, held_bytes = 0;
    for (size_t i = 0; i < entries; i++) {
        ociimg_image *image;
        status = ociimg_index_image(index, i, NULL, &image, &err);
        ociimg_error_free(err);
        broken += ociimg_index_entry_kind(index, i) == OCIIMG_ENTRY_KIND_BROKEN;
        if (status != OCIIMG_STATUS_OK) {
            continue;
        }
        ociimg_config *config = ociimg_image_config(image);
        ociimg_manifest *manifest = ociimg_image_manifest(image);
        if (images++ == 0) {
            for (size_t l = 0; l < ociimg_image_layer_count(image) && l < 4; l++) {
                read_layer(image, l);
            }
        }
        if (images <= HELD) {
            size_t len;
            held[images - 1] = image;
            ociimg_config_json_at(config, "", &len);
            held_bytes += len;
            ociimg_manifest_json(manifest, &len);
            held_bytes += len;
            image = NULL;
        }
        ociimg_config_free(config);
        ociimg_manifest_free(manifest);
        ociimg_image_free(image);
    }
    printf("%zu entries, %zu images, %zu broken\n", entries, images, broken);
    const size_t whole = 12 * 4 * MIB; /* of a manifest and a config of 4 MiB, one at a time */
    snprintf(row, sizeof row, "the images, at most");
    expect(peak(begun), FIXED + most_taken + KEPT + whole + 4 * held_bytes);
    const size_t with_held = taken - begun;
    for (size_t i = 0; i < HELD; i++) {
        ociimg_image_free(held[i]);
    }
    snprintf(row, sizeof row, "the images that were held");
    expect(with_held > taken - begun ? with_held - (taken - begun) : 0, FIXED / 8 + 4 * held_bytes);
    snprintf(row, sizeof row, "the images, in the end");
    expect(taken - begun, FIXED + stays + KEPT);

    ociimg_index_free(index);
    ociimg_loader_free(loader);
    snprintf(row, sizeof row, "left when all is freed");
    expect(taken > begun ? taken - begun : 0, 64 << 10);

    struct timespec computed;
    CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &computed) == 0);
    unsigned long long spent =
        (unsigned long long)computed.tv_sec * 1000 + (unsigned long long)computed.tv_nsec / 1000000;
    printf("%llu ms, expected at most %s\n", spent, argv[4]);
    CHECK(spent <= strtoull(argv[4], NULL, 10));
    return 0;
}
