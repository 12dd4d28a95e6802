/* Layers of the program's own. */
#define _XOPEN_SOURCE 700 /* mkdtemp */
#include "check.h"
#include "tar.h"

enum { FILE_SIZE = 9 << 17, TAR_SIZE = TAR_BLOCK + FILE_SIZE + 2 * TAR_BLOCK };

static unsigned char tar[TAR_SIZE];
static ociimg_error *err;

static void make_tar(void)
{
    tar_header(tar, "file", FILE_SIZE);
    unsigned state = 1;
    for (int i = 0; i < FILE_SIZE; i++) {
        state = state * 1664525u + 1013904223u;
        tar[TAR_BLOCK + i] = state >> 30 ? (unsigned char)"layer by layer"[(state >> 16) % 14]
                                         : (unsigned char)(state >> 20);
    }
}

static ociimg_layer *write_layer(const ociimg_layer_options *opts, size_t piece)
{
    ociimg_layer_writer *writer;
    CHECK_OK(ociimg_layer_writer_new(opts, NULL, &writer, &err));
    for (size_t at = 0; at < TAR_SIZE; at += piece) {
        size_t n = TAR_SIZE - at < piece ? TAR_SIZE - at : piece;
        CHECK_OK(ociimg_layer_writer_write(writer, tar + at, n, &err));
    }
    CHECK_OK(ociimg_layer_writer_write(writer, NULL, 0, &err));
    ociimg_layer *layer;
    CHECK_OK(ociimg_layer_writer_finish(writer, &layer, &err));

    /* Once. */
    ociimg_layer *again = layer;
    CHECK_STATUS(ociimg_layer_writer_finish(writer, &again, &err), OCIIMG_STATUS_INVALID_ARGUMENT);
    CHECK(again == NULL);
    CHECK_STATUS(ociimg_layer_writer_write(writer, tar, 1, &err), OCIIMG_STATUS_INVALID_ARGUMENT);
    ociimg_layer_writer_free(writer);
    return layer;
}

/* What a layer unpacks to is the archive. */
static void check_layer(const ociimg_layer *layer)
{
    for (int twice = 0; twice < 2; twice++) {
        ociimg_reader *reader;
        CHECK_OK(
            ociimg_layer_open(layer, OCIIMG_READ_MODE_UNCOMPRESSED, NULL, NULL, &reader, &err));
        static unsigned char buf[100000];
        size_t at = 0, n;
        do {
            CHECK_OK(ociimg_reader_read(reader, buf, sizeof buf, &n, &err));
            CHECK(at + n <= TAR_SIZE && memcmp(buf, tar + at, n) == 0);
            at += n;
        } while (n > 0);
        CHECK_EQUAL(at, TAR_SIZE);
        CHECK(ociimg_reader_is_verified(reader));
        ociimg_reader_free(reader);
    }
}

static void layers(void)
{
    static const char *const types[] = {"application/vnd.oci.image.layer.v1.tar+gzip",
                                        "application/vnd.oci.image.layer.v1.tar",
                                        "application/vnd.oci.image.layer.v1.tar+gzip",
                                        "application/vnd.oci.image.layer.v1.tar+zstd"};
    for (int compression = 0; compression < 4; compression++) {
        snprintf(row, sizeof row, "compression %d", compression);
        ociimg_layer_options opts = {.struct_size = sizeof opts, .compression = compression};
        ociimg_layer *first = write_layer(&opts, TAR_SIZE);
        CHECK_TEXT(ociimg_layer_oci_media_type(first), types[compression]);
        CHECK_TEXT(ociimg_layer_chain_id(first), ociimg_layer_diff_id(first));
        check_layer(first);

        /* Neither pieces, nor workers, nor a file instead of memory change the bytes. */
        opts.workers = 3;
        opts.max_memory = 1;
        ociimg_layer *second = write_layer(&opts, 12345);
        CHECK_TEXT(ociimg_layer_digest(second), ociimg_layer_digest(first));
        check_layer(second);
        ociimg_layer_free(first);
        ociimg_layer_free(second);
    }
    *row = 0;
    ociimg_layer *layer = write_layer(NULL, 1 << 20);
    check_layer(layer);

    /* The same layer from a descriptor alone, and from a loader that has it: the writer's
       layer is no loader, so another source is missing it. */
    ociimg_descriptor *d = ociimg_layer_descriptor(layer);
    ociimg_layer *none;
    CHECK_STATUS(ociimg_layer_new(d, NULL, NULL, &none, &err), OCIIMG_STATUS_INVALID_ARGUMENT);
    CHECK_STATUS(ociimg_layer_new(NULL, NULL, NULL, &none, &err), OCIIMG_STATUS_INVALID_ARGUMENT);
    ociimg_descriptor_free(d);
    ociimg_layer_free(layer);
}

static void bad_options(void)
{
    ociimg_layer_writer *writer;
    const ociimg_layer_options good = {.struct_size = sizeof good};
    struct {
        ociimg_layer_options opts;
        int status;
    } rows[] = {
        {good, OCIIMG_STATUS_OK},
        {good, OCIIMG_STATUS_INVALID_ARGUMENT},
        {good, OCIIMG_STATUS_INVALID_ARGUMENT},
        {good, OCIIMG_STATUS_INVALID_ARGUMENT},
        {good, OCIIMG_STATUS_INVALID_ARGUMENT},
        {good, OCIIMG_STATUS_UNSUPPORTED},
        {good, OCIIMG_STATUS_UNSUPPORTED},
        {good, OCIIMG_STATUS_INVALID_ARGUMENT},
    };
    rows[1].opts.struct_size = 8;
    rows[2].opts.compression = 4;
    rows[3].opts.level = 10;
    rows[4].opts.compression = OCIIMG_COMPRESSION_ZSTD;
    rows[4].opts.level = 100;
    rows[5].opts.flags = 2;
    rows[6].opts.digest_algorithm = "md5";
    rows[7].opts.digest_algorithm = "\xff";
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(row, sizeof row, "options %zu", i);
        writer = (ociimg_layer_writer *)&writer;
        CHECK_STATUS(ociimg_layer_writer_new(&rows[i].opts, NULL, &writer, &err), rows[i].status);
        CHECK((writer != NULL) == (rows[i].status == OCIIMG_STATUS_OK));
        ociimg_layer_writer_free(writer);
    }
    *row = 0;
    CHECK_STATUS(ociimg_layer_writer_new(NULL, NULL, NULL, &err), OCIIMG_STATUS_INVALID_ARGUMENT);
    CHECK_STATUS(ociimg_layer_writer_write(NULL, tar, 1, &err), OCIIMG_STATUS_INVALID_ARGUMENT);
    ociimg_layer *layer;
    CHECK_STATUS(ociimg_layer_writer_finish(NULL, &layer, &err), OCIIMG_STATUS_INVALID_ARGUMENT);
    ociimg_layer_writer_free(NULL);

    CHECK_OK(ociimg_layer_writer_new(NULL, NULL, &writer, &err));
    CHECK_STATUS(ociimg_layer_writer_write(writer, NULL, 1, &err), OCIIMG_STATUS_INVALID_ARGUMENT);
    /* This did not use the writer. */
    CHECK_OK(ociimg_layer_writer_write(writer, tar, TAR_BLOCK, &err));
    ociimg_layer_writer_free(writer);
}

static void failures_are_final(void)
{
    ociimg_layer_options opts = {.struct_size = sizeof opts, .max_size = TAR_SIZE - 1};
    ociimg_layer_writer *writer;
    ociimg_layer *layer;
    CHECK_OK(ociimg_layer_writer_new(&opts, NULL, &writer, &err));
    for (int i = 0; i < 2; i++) {
        CHECK_STATUS(ociimg_layer_writer_write(writer, tar, TAR_SIZE, &err),
                     OCIIMG_STATUS_LIMIT_EXCEEDED);
        CHECK_STATUS(ociimg_layer_writer_finish(writer, &layer, &err),
                     OCIIMG_STATUS_LIMIT_EXCEEDED);
    }
    ociimg_layer_writer_free(writer);

    ociimg_context *ctx = ociimg_context_new(NULL, NULL);
    opts.max_size = 0;
    opts.workers = 2;
    CHECK_OK(ociimg_layer_writer_new(&opts, ctx, &writer, &err));
    CHECK_OK(ociimg_layer_writer_write(writer, tar, TAR_SIZE, &err));
    ociimg_context_cancel(ctx);
    CHECK_STATUS(ociimg_layer_writer_finish(writer, &layer, &err), OCIIMG_STATUS_CANCELLED);
    ociimg_layer_writer_free(writer);
    ociimg_context_free(ctx);

    opts.workers = 0;
    opts.max_memory = 1000;
    opts.temp_dir = "/no/such/folder";
    CHECK_OK(ociimg_layer_writer_new(&opts, NULL, &writer, &err));
    err = NULL;
    CHECK_EQUAL(ociimg_layer_writer_write(writer, tar, TAR_SIZE, &err), OCIIMG_STATUS_IO);
    CHECK(strstr(ociimg_error_message(err), "/no/such/folder"));
    CHECK(ociimg_error_errno(err) != 0);
    ociimg_error_free(err);
    ociimg_layer_writer_free(writer);

    /* Not an archive. */
    CHECK_OK(ociimg_layer_writer_new(NULL, NULL, &writer, &err));
    CHECK_STATUS(ociimg_layer_writer_write(writer, tar + TAR_BLOCK, TAR_BLOCK, &err),
                 OCIIMG_STATUS_MALFORMED);
    ociimg_layer_writer_free(writer);
}

static void files(const char *folder)
{
    char path[4000];
    snprintf(path, sizeof path, "%s/layer.tar", folder);
    FILE *file = fopen(path, "wb");
    CHECK(file && fwrite(tar, 1, TAR_SIZE, file) == TAR_SIZE && fclose(file) == 0);
    ociimg_layer *layer, *written = write_layer(NULL, 999);
    CHECK_OK(ociimg_layer_from_file(path, NULL, NULL, &layer, &err));
    CHECK_TEXT(ociimg_layer_digest(layer), ociimg_layer_digest(written));
    check_layer(layer);
    ociimg_layer_free(layer);
    ociimg_layer_free(written);

    CHECK_STATUS(ociimg_layer_from_file("", NULL, NULL, &layer, &err),
                 OCIIMG_STATUS_INVALID_ARGUMENT);
    CHECK_STATUS(ociimg_layer_from_file(NULL, NULL, NULL, &layer, &err),
                 OCIIMG_STATUS_INVALID_ARGUMENT);
    CHECK_STATUS(ociimg_layer_from_file("/dev/null", NULL, NULL, &layer, &err),
                 OCIIMG_STATUS_MALFORMED);
    CHECK(remove(path) == 0);
    CHECK_STATUS(ociimg_layer_from_file(path, NULL, NULL, &layer, &err), OCIIMG_STATUS_NOT_FOUND);
}

int main(void)
{
    bound();
    make_tar();
    layers();
    bad_options();
    failures_are_final();
    char folder[] = "/tmp/ociimg-layer-XXXXXX";
    CHECK(mkdtemp(folder));
    files(folder);
    CHECK(rmdir(folder) == 0);
    return 0;
}
