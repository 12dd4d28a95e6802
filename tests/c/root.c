/* The digest of the root from a loader or its user; the root is loaded once. */

#include "source.h"

#define EMPTY_INDEX "{\"schemaVersion\":2,\"manifests\":[]}"
#define EMPTY_INDEX_SHA256 "sha256:bc5857ac9458293d5111ab85c952172cd7f56bceb4e3014ddc4cafac8927b313"
#define EMPTY_INDEX_SHA512                                                                         \
    "sha512:"                                                                                      \
    "61749b92a980b26f40507f22a7635e7203b283f8bec1b1f2ff03291d568113e2a7e281482cf65a1c902ed8974abb" \
    "613672ed6c1392e4f3802a97133e202f383c"
#define MD5 "md5:d41d8cd98f00b204e9800998ecf8427e"
#define ZEROS "sha256:0000000000000000000000000000000000000000000000000000000000000000"

struct knowledge {
    const char *what;
    const char *loader; /* what root_digest writes; NULL writes nothing */
    const char *option;
    int status;
    const char *digest; /* of the index; NULL where it is not verified */
};

static const struct knowledge rows[] = {
    {"nothing", NULL, NULL, OCIIMG_STATUS_OK, NULL},
    {"empty texts", "", "", OCIIMG_STATUS_OK, NULL},
    {"right", EMPTY_INDEX_SHA256, NULL, OCIIMG_STATUS_OK, EMPTY_INDEX_SHA256},
    {"right, sha512", EMPTY_INDEX_SHA512, NULL, OCIIMG_STATUS_OK, EMPTY_INDEX_SHA512},
    {"wrong", ZEROS, NULL, OCIIMG_STATUS_DIGEST_MISMATCH, NULL},
    {"no digest", "latest", NULL, OCIIMG_STATUS_MALFORMED, NULL},
    {"too short", "sha256:00", NULL, OCIIMG_STATUS_MALFORMED, NULL},
    {"of another algorithm's length", "sha512:00000000", NULL, OCIIMG_STATUS_MALFORMED, NULL},
    {"a path", "sha256:../../../etc/passwd", NULL, OCIIMG_STATUS_MALFORMED, NULL},
    {"unknown algorithm", MD5, NULL, OCIIMG_STATUS_UNSUPPORTED, NULL},
    {"not UTF-8", "sha256:\xff", NULL, OCIIMG_STATUS_CALLBACK_CONTRACT, NULL},
    {"required", NULL, EMPTY_INDEX_SHA256, OCIIMG_STATUS_OK, EMPTY_INDEX_SHA256},
    {"required, sha512", NULL, EMPTY_INDEX_SHA512, OCIIMG_STATUS_OK, EMPTY_INDEX_SHA512},
    {"required, whatever the loader knows", MD5, EMPTY_INDEX_SHA256, OCIIMG_STATUS_OK,
     EMPTY_INDEX_SHA256},
    {"required and wrong", EMPTY_INDEX_SHA256, ZEROS, OCIIMG_STATUS_DIGEST_MISMATCH, NULL},
    {"required, no digest", EMPTY_INDEX_SHA256, "latest", OCIIMG_STATUS_INVALID_ARGUMENT, NULL},
    {"required, not UTF-8", EMPTY_INDEX_SHA256, "sha256:\xff", OCIIMG_STATUS_INVALID_ARGUMENT,
     NULL},
    {"required, unknown algorithm", EMPTY_INDEX_SHA256, MD5, OCIIMG_STATUS_UNSUPPORTED, NULL}};

static void knows(const struct knowledge *k)
{
    struct source *s = source_new();
    s->root = put_text(s, EMPTY_INDEX);
    s->root_digest = k->loader;
    ociimg_loader *loader = source_loader(s);
    ociimg_load_options opts = {.struct_size = sizeof opts, .root_digest = k->option};
    ociimg_index *index = (ociimg_index *)s;
    ociimg_error *err;
    CHECK_STATUS(ociimg_index_load(loader, &opts, NULL, &index, &err), k->status);
    CHECK(!index == (k->status != OCIIMG_STATUS_OK));
    if (index) {
        CHECK_EQUAL(ociimg_index_root_is_verified(index), k->digest != NULL);
        CHECK_TEXT(ociimg_index_root_digest(index), k->digest ? k->digest : EMPTY_INDEX_SHA256);
        size_t len;
        const uint8_t *json = ociimg_index_root_json(index, &len);
        CHECK(len == strlen(EMPTY_INDEX) && memcmp(json, EMPTY_INDEX, len) == 0);
    }
    bool opened = k->status == OCIIMG_STATUS_OK || k->status == OCIIMG_STATUS_DIGEST_MISMATCH;
    CHECK_EQUAL(s->calls[OPEN_ROOT_MANIFEST], opened);
    ociimg_index_free(index);
    ociimg_loader_free(loader);
    source_free(s);
}

static int32_t without_a_terminator(void *state, char *buf, size_t cap, ociimg_call *call)
{
    (void)state;
    (void)call;
    memset(buf, 'a', cap);
    memcpy(buf, EMPTY_INDEX_SHA256, strlen(EMPTY_INDEX_SHA256));
    return OCIIMG_STATUS_OK;
}

/* A table of one's own in place of root_digest. */
static void with(int32_t (*root_digest)(void *, char *, size_t, ociimg_call *), int status)
{
    struct source *s = source_new();
    s->root = put_text(s, EMPTY_INDEX);
    ociimg_loader_vtable table = source_vtable;
    table.root_digest = root_digest;
    ociimg_loader *loader;
    ociimg_index *index = (ociimg_index *)s;
    ociimg_error *err;
    CHECK_OK(ociimg_loader_new(&table, s, &loader, &err));
    CHECK_STATUS(ociimg_index_load(loader, NULL, NULL, &index, &err), status);
    CHECK(!index == (status != OCIIMG_STATUS_OK));
    CHECK(!ociimg_index_root_is_verified(index));
    ociimg_loader_free(loader);
    ociimg_index_free(index);
    source_free(s);
}

/* A single manifest is an index of one entry, and is not asked for again. */
static void alone(void)
{
    struct source *s = source_new();
    s->root = put_image(s, "amd64");
    ociimg_loader *loader = source_loader(s);
    ociimg_index *index;
    ociimg_error *err;
    CHECK_OK(ociimg_index_load(loader, NULL, NULL, &index, &err));
    CHECK_EQUAL(ociimg_index_entry_count(index), 1);
    CHECK_EQUAL(ociimg_index_entry_kind(index, 0), OCIIMG_ENTRY_KIND_IMAGE);
    CHECK(!ociimg_index_root_is_verified(index));
    ociimg_platform *platform = ociimg_index_entry_platform(index, 0);
    CHECK_TEXT(ociimg_platform_format(platform), "linux/amd64");
    ociimg_platform_free(platform);

    ociimg_image *image;
    CHECK_OK(ociimg_index_image(index, 0, NULL, &image, &err));
    CHECK_TEXT(ociimg_image_manifest_digest(image), s->root->digest);
    size_t len;
    CHECK(memcmp(ociimg_image_manifest_json(image, &len), s->root->bytes, s->root->size) == 0);
    CHECK_EQUAL(len, s->root->size);
    ociimg_image_free(image);

    ociimg_descriptor *d = ociimg_index_entry_descriptor(index, 0);
    CHECK_TEXT(ociimg_descriptor_media_type(d), MANIFEST);
    CHECK_TEXT(ociimg_descriptor_digest(d), s->root->digest);
    CHECK_EQUAL(ociimg_descriptor_size(d), s->root->size);
    ociimg_reader *reader;
    CHECK_OK(ociimg_index_open_blob(index, d, OCIIMG_READ_MODE_STORED, NULL, NULL, &reader, &err));
    uint8_t out[5000];
    size_t n;
    CHECK_OK(ociimg_reader_read(reader, out, sizeof out, &n, &err));
    CHECK(n == len && memcmp(out, s->root->bytes, n) == 0);
    CHECK_OK(ociimg_reader_read(reader, out, sizeof out, &n, &err));
    CHECK(n == 0 && ociimg_reader_is_verified(reader));
    ociimg_reader_free(reader);
    ociimg_descriptor_free(d);

    CHECK_EQUAL(s->calls[OPEN_ROOT_MANIFEST], 1);
    CHECK_EQUAL(s->calls[OPEN_MANIFEST], 0);
    ociimg_loader_free(loader);
    ociimg_index_free(index);
    source_free(s);
}

/* A limit far above what there is costs nothing, one below it is kept in the smallest steps. */
static void endless_in_small_pieces(void)
{
    static uint8_t bytes[2000];
    struct source *s = source_new();
    memset(bytes, ' ', sizeof bytes);
    s->root = put(s, bytes, sizeof bytes);
    s->piece = 1;
    ociimg_loader *loader = source_loader(s);
    ociimg_load_options opts = {.struct_size = sizeof opts, .max_document_size = 1000};
    ociimg_index *index = (ociimg_index *)s;
    ociimg_error *err;
    CHECK_STATUS(ociimg_index_load(loader, &opts, NULL, &index, &err),
                 OCIIMG_STATUS_LIMIT_EXCEEDED);
    CHECK(!index);
    CHECK_EQUAL(s->calls[READ], 1001);
    ociimg_loader_free(loader);
    source_free(s);
}

int main(void)
{
    bound();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(row, sizeof row, "%s", rows[i].what);
        knows(&rows[i]);
    }
    snprintf(row, sizeof row, "a callback of its own");
    with(NULL, OCIIMG_STATUS_OK);
    with(without_a_terminator, OCIIMG_STATUS_CALLBACK_CONTRACT);
    snprintf(row, sizeof row, "alone");
    alone();
    snprintf(row, sizeof row, "endless");
    endless_in_small_pieces();
    return 0;
}
