/* Images that are made and changed, then read back through a loader of the program. */

#include "source.h"
#include "tar.h"

/* A source with an image of two layers, and the image. */
struct base {
    struct source *source;
    ociimg_image *image;
};

static struct base base_new(const char *architecture)
{
    struct base base = {source_new(), NULL};
    base.source->root = put_image(base.source, architecture);
    ociimg_loader *loader = source_loader(base.source);
    ociimg_index *index;
    ociimg_error *err;
    CHECK_OK(ociimg_index_load(loader, NULL, NULL, &index, &err));
    CHECK_OK(ociimg_index_image(index, 0, NULL, &base.image, &err));
    ociimg_loader_free(loader);
    ociimg_index_free(index);
    return base;
}

static void base_free(struct base base)
{
    ociimg_image_free(base.image);
    source_free(base.source);
}

static ociimg_platform *platform(const char *os, const char *architecture, const char *variant)
{
    ociimg_platform *p;
    ociimg_error *err;
    CHECK_OK(ociimg_platform_new(os, architecture, variant, NULL, NULL, 0, &p, &err));
    return p;
}

static void put_layer(struct source *s, const ociimg_layer *layer)
{
    if (find_blob(s, ociimg_layer_digest(layer))) {
        return;
    }
    ociimg_reader *reader;
    ociimg_error *err;
    CHECK_OK(ociimg_layer_open(layer, OCIIMG_READ_MODE_STORED, NULL, NULL, &reader, &err));
    static uint8_t bytes[1 << 16];
    size_t size = 0, n = 1;
    while (n > 0) {
        CHECK_OK(ociimg_reader_read(reader, bytes + size, sizeof bytes - size, &n, &err));
        size += n;
    }
    ociimg_reader_free(reader);
    CHECK_TEXT(put(s, bytes, size)->digest, ociimg_layer_digest(layer));
}

static void verify_layer(const ociimg_image *image, size_t i)
{
    ociimg_layer *layer = ociimg_image_layer(image, i);
    ociimg_reader *reader;
    ociimg_error *err;
    CHECK_OK(ociimg_layer_open(layer, OCIIMG_READ_MODE_UNCOMPRESSED, NULL, NULL, &reader, &err));
    CHECK_OK(ociimg_reader_finish(reader, &err));
    CHECK(ociimg_reader_is_verified(reader));
    ociimg_reader_free(reader);
    ociimg_layer_free(layer);
}

/* What was made, read through callbacks of this program's own. */
static ociimg_image *read_back(const ociimg_image *image, struct source *s)
{
    size_t len;
    const uint8_t *json = ociimg_image_config_json(image, &len);
    CHECK_TEXT(put(s, json, len)->digest, ociimg_image_config_digest(image));
    json = ociimg_image_manifest_json(image, &len);
    s->root = put(s, json, len);
    s->root_digest = ociimg_image_manifest_digest(image);
    for (size_t i = 0; i < ociimg_image_layer_count(image); i++) {
        ociimg_layer *layer = ociimg_image_layer(image, i);
        put_layer(s, layer);
        ociimg_layer_free(layer);
    }
    ociimg_loader *loader = source_loader(s);
    ociimg_index *index;
    ociimg_image *again;
    ociimg_error *err;
    CHECK_OK(ociimg_index_load(loader, NULL, NULL, &index, &err));
    CHECK(ociimg_index_root_is_verified(index));
    CHECK_OK(ociimg_index_image(index, 0, NULL, &again, &err));
    CHECK_TEXT(ociimg_image_manifest_digest(again), ociimg_image_manifest_digest(image));
    CHECK_EQUAL(ociimg_image_layer_count(again), ociimg_image_layer_count(image));
    for (size_t i = 0; i < ociimg_image_layer_count(again); i++) {
        ociimg_layer *one = ociimg_image_layer(image, i), *other = ociimg_image_layer(again, i);
        CHECK_TEXT(ociimg_layer_chain_id(other), ociimg_layer_chain_id(one));
        ociimg_layer_free(one);
        ociimg_layer_free(other);
        verify_layer(again, i);
    }
    s->root_digest = NULL;
    ociimg_loader_free(loader);
    ociimg_index_free(index);
    return again;
}

static void from_nothing(ociimg_format format)
{
    struct base base = base_new("amd64");
    ociimg_platform *p = platform("linux", "arm64", "v8");
    ociimg_image *image;
    ociimg_error *err;
    CHECK_OK(ociimg_image_new(format, p, &image, &err));
    CHECK_EQUAL(ociimg_image_layer_count(image), 0);
    ociimg_append_options step = {
        .struct_size = sizeof step, .created = "2006-01-02T15:04:05Z", .created_by = "COPY . /"};
    for (size_t i = 0; i < 2; i++) {
        ociimg_layer *layer = ociimg_image_layer(base.image, i);
        CHECK_OK(ociimg_image_append_layer(image, layer, &step, &err));
        CHECK_OK(ociimg_image_append_layer(image, layer, NULL, &err));
        ociimg_layer_free(layer);
    }
    CHECK_OK(ociimg_image_add_history(image, &step, &err));
    const char *const entrypoint[] = {"/bin/sh", "-c", ""};
    CHECK_OK(ociimg_image_set_entrypoint(image, entrypoint, 3, &err));
    CHECK_OK(ociimg_image_set_cmd(image, entrypoint, 0, &err));
    CHECK_OK(ociimg_image_set_env(image, "PATH", "/bin", &err));
    CHECK_OK(ociimg_image_set_env(image, "EMPTY", "", &err));
    CHECK_OK(ociimg_image_set_label(image, "a", "1", &err));
    CHECK_OK(ociimg_image_set_user(image, "1000", &err));
    CHECK_OK(ociimg_image_set_working_dir(image, "/w", &err));
    CHECK_OK(ociimg_image_set_stop_signal(image, "SIGINT", &err));
    CHECK_OK(ociimg_image_set_author(image, "me", &err));
    CHECK_OK(ociimg_image_set_created(image, "2006-01-02T15:04:05Z", &err));
    CHECK_OK(ociimg_image_set_exposed_port(image, "80/tcp", 2, &err));
    CHECK_OK(ociimg_image_set_volume(image, "/v", 1, &err));
    const char *health = "{\"Test\":[\"NONE\"]}";
    CHECK_OK(ociimg_image_set_config_member(image, "Healthcheck", (const uint8_t *)health,
                                            strlen(health), &err));
    CHECK_STATUS(ociimg_image_set_annotation(image, "k", "v", &err),
                 format == OCIIMG_FORMAT_OCI ? OCIIMG_STATUS_OK : OCIIMG_STATUS_UNSUPPORTED);

    struct source *s = source_new();
    ociimg_image *again = read_back(image, s);
    ociimg_config *config = ociimg_image_config(again);
    CHECK_EQUAL(ociimg_config_entrypoint_count(config), 3);
    CHECK_TEXT(ociimg_config_entrypoint_at(config, 2), "");
    CHECK_EQUAL(ociimg_config_cmd_count(config), 0);
    CHECK_EQUAL(ociimg_config_env_count(config), 2);
    CHECK_TEXT(ociimg_config_env_at(config, 1), "EMPTY=");
    CHECK_TEXT(ociimg_config_label(config, "a"), "1");
    CHECK_TEXT(ociimg_config_user(config), "1000");
    CHECK_TEXT(ociimg_config_working_dir(config), "/w");
    CHECK_TEXT(ociimg_config_stop_signal(config), "SIGINT");
    CHECK_TEXT(ociimg_config_author(config), "me");
    CHECK_TEXT(ociimg_config_created(config), "2006-01-02T15:04:05Z");
    CHECK_TEXT(ociimg_config_exposed_port_at(config, 0), "80/tcp");
    CHECK_TEXT(ociimg_config_volume_at(config, 0), "/v");
    CHECK_EQUAL(ociimg_config_history_count(config), 5);
    CHECK_TEXT(ociimg_config_history_created_by(config, 0), "COPY . /");
    CHECK(ociimg_config_history_created_by(config, 1) == NULL);
    CHECK(ociimg_config_history_empty_layer(config, 4));
    ociimg_platform *found = ociimg_image_platform(again);
    CHECK_TEXT(ociimg_platform_format(found), "linux/arm64/v8");
    CHECK_EQUAL(ociimg_image_annotation_count(again), format == OCIIMG_FORMAT_OCI);

    ociimg_platform_free(found);
    ociimg_config_free(config);
    ociimg_image_free(again);
    ociimg_image_free(image);
    ociimg_platform_free(p);
    source_free(s);
    base_free(base);
}

/* A layer of one file, by a layer writer. */
static ociimg_layer *made_layer(ociimg_compression compression)
{
    enum { SIZE = 20000, TAR_SIZE = TAR_BLOCK + 40 * TAR_BLOCK + 2 * TAR_BLOCK };
    static uint8_t tar[TAR_SIZE];
    tar_header(tar, "file", SIZE);
    noise(tar + TAR_BLOCK, SIZE / 2, (uint32_t)compression);
    const ociimg_layer_options opts = {.struct_size = sizeof opts, .compression = compression};
    ociimg_layer_writer *writer;
    ociimg_layer *layer;
    ociimg_error *err;
    CHECK_OK(ociimg_layer_writer_new(&opts, NULL, &writer, &err));
    CHECK_OK(ociimg_layer_writer_write(writer, tar, TAR_SIZE, &err));
    CHECK_OK(ociimg_layer_writer_finish(writer, &layer, &err));
    ociimg_layer_writer_free(writer);
    return layer;
}

/* Layers of the program's own in an image from nothing, and on top of a base. */
static void with_made_layers(void)
{
    struct base base = base_new("amd64");
    ociimg_platform *p = platform("linux", "amd64", NULL);
    ociimg_image *nothing;
    ociimg_error *err;
    CHECK_OK(ociimg_image_new(OCIIMG_FORMAT_OCI, p, &nothing, &err));
    ociimg_image *images[] = {nothing, base.image};
    for (size_t i = 0; i < 2; i++) {
        size_t before = ociimg_image_layer_count(images[i]);
        for (int compression = 1; compression <= 3; compression++) {
            ociimg_layer *layer = made_layer(compression);
            CHECK_OK(ociimg_image_append_layer(images[i], layer, NULL, &err));
            ociimg_layer_free(layer);
        }
        struct source *s = source_new();
        ociimg_image *again = read_back(images[i], s);
        CHECK_EQUAL(ociimg_image_layer_count(again), before + 3);
        ociimg_layer *last = ociimg_image_layer(again, before + 2);
        CHECK_TEXT(ociimg_layer_oci_media_type(last),
                   "application/vnd.oci.image.layer.v1.tar+zstd");
        ociimg_layer_free(last);
        ociimg_image_free(again);
        source_free(s);
    }
    ociimg_image_free(nothing);
    ociimg_platform_free(p);
    base_free(base);
}

static void from_a_base(void)
{
    struct base base = base_new("amd64"), other = base_new("riscv64");
    ociimg_image *clone = ociimg_image_clone(base.image);
    char digest[100];
    snprintf(digest, sizeof digest, "%s", ociimg_image_manifest_digest(base.image));
    ociimg_layer *layer = ociimg_image_layer(other.image, 1);
    ociimg_error *err;
    CHECK_OK(ociimg_image_append_layer(base.image, layer, NULL, &err));
    CHECK_OK(ociimg_image_replace_layer(base.image, 0, layer, &err));
    CHECK_OK(ociimg_image_remove_layer(base.image, 1, &err));
    CHECK_EQUAL(ociimg_image_layer_count(base.image), 2);
    ociimg_platform *p = platform("windows", "arm64", NULL);
    CHECK_OK(ociimg_image_set_platform(base.image, p, &err));
    CHECK_OK(ociimg_image_convert(base.image, OCIIMG_FORMAT_DOCKER, &err));
    CHECK(strcmp(ociimg_image_manifest_digest(base.image), digest) != 0);
    /* The clone is unchanged, and so is a member that is set and reset. */
    CHECK_TEXT(ociimg_image_manifest_digest(clone), digest);
    CHECK_OK(ociimg_image_set_label(clone, "a", "1", &err));
    CHECK(strcmp(ociimg_image_manifest_digest(clone), digest) != 0);
    CHECK_OK(ociimg_image_set_config_member(clone, "Labels", NULL, 0, &err));
    CHECK_TEXT(ociimg_image_manifest_digest(clone), digest);

    struct source *s = source_new();
    ociimg_image *again = read_back(base.image, s);
    ociimg_platform *found = ociimg_image_platform(again);
    CHECK_TEXT(ociimg_platform_format(found), "windows/arm64");

    /* A whole config, which must have the diff IDs of the layers. */
    size_t len;
    const uint8_t *json = ociimg_image_config_json(again, &len);
    CHECK_STATUS(ociimg_image_set_config_json(clone, json, len, &err),
                 OCIIMG_STATUS_INVALID_ARGUMENT);
    CHECK_OK(ociimg_image_set_config_json(base.image, json, len, &err));
    CHECK_TEXT(ociimg_image_manifest_digest(base.image), ociimg_image_manifest_digest(again));

    ociimg_platform_free(found);
    ociimg_platform_free(p);
    ociimg_layer_free(layer);
    ociimg_image_free(again);
    ociimg_image_free(clone);
    source_free(s);
    base_free(base);
    base_free(other);
}

/* A layer that an edit removes frees its loader, whose destroy uses the library. */
static ociimg_image *edited;
static int destroyed;

static bool asks_back(struct source *s, struct visit *v)
{
    (void)s;
    if (v->callback == DESTROY) {
        ociimg_error *err;
        CHECK_EQUAL(ociimg_image_layer_count(edited), 2);
        CHECK_OK(ociimg_image_set_label(edited, "from", "destroy", &err));
        destroyed++;
    }
    return false;
}

static void the_last_layer_of_a_loader_goes(void)
{
    struct base base = base_new("amd64"), other = base_new("riscv64");
    ociimg_error *err;
    ociimg_layer *layer = ociimg_image_layer(other.image, 0);
    CHECK_OK(ociimg_image_append_layer(base.image, layer, NULL, &err));
    ociimg_layer_free(layer);
    ociimg_image_free(other.image);
    CHECK_EQUAL(other.source->calls[DESTROY], 0);
    edited = base.image;
    other.source->before = asks_back;
    CHECK_OK(ociimg_image_remove_layer(base.image, 2, &err));
    CHECK_EQUAL(destroyed, 1);
    ociimg_config *config = ociimg_image_config(base.image);
    CHECK_TEXT(ociimg_config_label(config, "from"), "destroy");
    ociimg_config_free(config);
    source_free(other.source);
    base_free(base);
}

static void bad_arguments(void)
{
    struct base base = base_new("amd64");
    ociimg_image *image = base.image;
    ociimg_layer *layer = ociimg_image_layer(image, 0);
    ociimg_platform *no_os = platform(NULL, "amd64", NULL), *p = platform("linux", "amd64", NULL);
    const char *const words[] = {"a", NULL}, *const not_utf8[] = {"\xff"};
    const uint8_t *json = (const uint8_t *)"{}";
    char digest[100];
    snprintf(digest, sizeof digest, "%s", ociimg_image_manifest_digest(image));
    ociimg_image *out = image;
    ociimg_error *err;
    const int invalid = OCIIMG_STATUS_INVALID_ARGUMENT, malformed = OCIIMG_STATUS_MALFORMED;
    CHECK_STATUS(ociimg_image_new(0, p, &out, &err), invalid);
    CHECK(out == NULL);
    CHECK_STATUS(ociimg_image_new(OCIIMG_FORMAT_OCI, no_os, &out, &err), invalid);
    CHECK_STATUS(ociimg_image_new(OCIIMG_FORMAT_OCI, NULL, &out, &err), invalid);
    CHECK_STATUS(ociimg_image_new(OCIIMG_FORMAT_OCI, p, NULL, &err), invalid);
    CHECK_STATUS(ociimg_image_append_layer(NULL, layer, NULL, &err), invalid);
    CHECK_STATUS(ociimg_image_append_layer(image, NULL, NULL, &err), invalid);
    ociimg_append_options opts = {.struct_size = sizeof opts, .history = 3};
    CHECK_STATUS(ociimg_image_append_layer(image, layer, &opts, &err), invalid);
    opts = (ociimg_append_options){.struct_size = sizeof opts, .reserved = 1};
    CHECK_STATUS(ociimg_image_append_layer(image, layer, &opts, &err), OCIIMG_STATUS_UNSUPPORTED);
    opts = (ociimg_append_options){.struct_size = sizeof opts, .created = "now"};
    CHECK_STATUS(ociimg_image_append_layer(image, layer, &opts, &err), invalid);
    CHECK_STATUS(ociimg_image_add_history(image, &opts, &err), invalid);
    opts = (ociimg_append_options){.struct_size = sizeof opts, .comment = "\xff"};
    CHECK_STATUS(ociimg_image_append_layer(image, layer, &opts, &err), invalid);
    opts = (ociimg_append_options){.struct_size = 4};
    CHECK_STATUS(ociimg_image_append_layer(image, layer, &opts, &err), invalid);
    CHECK_STATUS(ociimg_image_replace_layer(image, 2, layer, &err), invalid);
    CHECK_STATUS(ociimg_image_remove_layer(image, SIZE_MAX, &err), invalid);
    CHECK_STATUS(ociimg_image_set_platform(image, no_os, &err), invalid);
    CHECK_STATUS(ociimg_image_set_platform(image, NULL, &err), invalid);
    CHECK_STATUS(ociimg_image_set_created(image, "2006-01-02", &err), invalid);
    CHECK_STATUS(ociimg_image_set_user(image, "\xff", &err), invalid);
    CHECK_STATUS(ociimg_image_set_user(NULL, "a", &err), invalid);
    CHECK_STATUS(ociimg_image_set_entrypoint(image, words, 2, &err), invalid);
    CHECK_STATUS(ociimg_image_set_entrypoint(image, NULL, 2, &err), invalid);
    CHECK_STATUS(ociimg_image_set_cmd(image, not_utf8, 1, &err), invalid);
    CHECK_STATUS(ociimg_image_set_env(image, "A=", "1", &err), invalid);
    CHECK_STATUS(ociimg_image_set_env(image, "", "1", &err), invalid);
    CHECK_STATUS(ociimg_image_set_env(image, NULL, "1", &err), invalid);
    CHECK_STATUS(ociimg_image_set_label(image, "a", "\xff", &err), invalid);
    CHECK_STATUS(ociimg_image_set_label(image, "", NULL, &err), invalid);
    CHECK_STATUS(ociimg_image_set_annotation(image, NULL, "a", &err), invalid);
    CHECK_STATUS(ociimg_image_set_exposed_port(image, "", 1, &err), invalid);
    CHECK_STATUS(ociimg_image_set_volume(image, NULL, 0, &err), invalid);
    CHECK_STATUS(ociimg_image_set_config_member(image, "", json, 2, &err), invalid);
    CHECK_STATUS(ociimg_image_set_config_member(image, "a", NULL, 2, &err), invalid);
    CHECK_STATUS(ociimg_image_set_config_member(image, "a", json, 1, &err), malformed);
    CHECK_STATUS(ociimg_image_set_config_member(image, "a", json, 0, &err), malformed);
    CHECK_STATUS(ociimg_image_set_config_member(image, "Env", json, 2, &err), malformed);
    CHECK_STATUS(ociimg_image_set_config_json(image, NULL, 0, &err), invalid);
    CHECK_STATUS(ociimg_image_set_config_json(image, json, 1, &err), malformed);
    CHECK_STATUS(ociimg_image_set_config_json(image, json, 2, &err), invalid);
    CHECK_STATUS(ociimg_image_convert(image, 3, &err), invalid);
    CHECK_TEXT(ociimg_image_manifest_digest(image), digest);
    CHECK_EQUAL(ociimg_image_layer_count(image), 2);
    ociimg_platform_free(no_os);
    ociimg_platform_free(p);
    ociimg_layer_free(layer);
    base_free(base);
}

int main(void)
{
    bound();
    from_nothing(OCIIMG_FORMAT_OCI);
    from_nothing(OCIIMG_FORMAT_DOCKER);
    with_made_layers();
    from_a_base();
    the_last_layer_of_a_loader_goes();
    bad_arguments();
    return 0;
}
