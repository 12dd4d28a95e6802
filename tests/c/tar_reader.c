/* A tar reader stops at the blocks of zeros, before the end of a layer: ociimg_reader_finish
   refuses a layer that was altered, whatever comes behind. */
#define _XOPEN_SOURCE 700 /* mkstemp */
#include "check.h"
#include "tar.h"

/* Behind the two blocks of zeros, archives are padded to whole records. */
enum {
    CONTENT = 3 * TAR_BLOCK,
    PADDING = 1 << 20,
    SIZE = TAR_BLOCK + CONTENT + 2 * TAR_BLOCK + PADDING
};

static unsigned char tar[SIZE];
static ociimg_error *err;

static void read_block(ociimg_reader *reader, unsigned char *block)
{
    for (size_t have = 0, n; have < TAR_BLOCK; have += n) {
        CHECK_OK(ociimg_reader_read(reader, block + have, TAR_BLOCK - have, &n, &err));
        CHECK(n > 0);
    }
}

/* Counts the blocks before the zeros, as every tar reader does. */
static int blocks(ociimg_reader *reader)
{
    static const unsigned char zeros[TAR_BLOCK];
    unsigned char block[TAR_BLOCK];
    for (int count = 0;; count++) {
        read_block(reader, block);
        if (memcmp(block, zeros, TAR_BLOCK) == 0) {
            read_block(reader, block);
            CHECK(memcmp(block, zeros, TAR_BLOCK) == 0);
            return count;
        }
    }
}

static void write_file(const char *path)
{
    FILE *file = fopen(path, "wb");
    CHECK(file && fwrite(tar, 1, SIZE, file) == SIZE && fclose(file) == 0);
}

int main(void)
{
    bound();
    tar_header(tar, "file", CONTENT);
    memset(tar + TAR_BLOCK, 'x', CONTENT);
    char path[] = "/tmp/ociimg-tar-XXXXXX";
    int fd = mkstemp(path);
    CHECK(fd >= 0 && close(fd) == 0);
    write_file(path);
    /* The layer stays in this file, which is then altered. */
    ociimg_layer_options opts = {.struct_size = sizeof opts, .flags = OCIIMG_LAYER_IS_COMPRESSED};
    ociimg_layer *layer;
    CHECK_OK(ociimg_layer_from_file(path, &opts, NULL, &layer, &err));

    static const size_t altered[] = {SIZE, TAR_BLOCK + 7, SIZE - PADDING + 7, SIZE - 1};
    for (size_t i = 0; i < sizeof altered / sizeof *altered; i++) {
        snprintf(row, sizeof row, "byte %zu", altered[i]);
        int is_right = altered[i] == SIZE;
        if (!is_right) {
            tar[altered[i]] ^= 1;
            write_file(path);
        }
        ociimg_reader *reader;
        CHECK_OK(
            ociimg_layer_open(layer, OCIIMG_READ_MODE_UNCOMPRESSED, NULL, NULL, &reader, &err));
        /* The tar reader is content, whatever was altered. */
        CHECK_EQUAL(blocks(reader), 1 + CONTENT / TAR_BLOCK);
        CHECK(!ociimg_reader_is_verified(reader));
        for (int twice = 0; twice < 2; twice++) {
            CHECK_STATUS(ociimg_reader_finish(reader, &err),
                         is_right ? OCIIMG_STATUS_OK : OCIIMG_STATUS_DIGEST_MISMATCH);
            CHECK_EQUAL(ociimg_reader_is_verified(reader), is_right);
        }
        ociimg_reader_free(reader);
        if (!is_right) {
            tar[altered[i]] ^= 1;
        }
    }
    *row = 0;
    CHECK_STATUS(ociimg_reader_finish(NULL, &err), OCIIMG_STATUS_INVALID_ARGUMENT);
    ociimg_layer_free(layer);
    CHECK(remove(path) == 0);
    return 0;
}
