/* Bad callers of editing functions: images, layer writers and index builders. */

#include "callers.h"

static const uint8_t *bytes(const char *text)
{
    return (const uint8_t *)text;
}

/* Every edit with NULL as image, and with bad texts, which must leave the image unchanged. */
static void edits(void)
{
    static const char *const words[] = {"a", BAD_TEXT}, *const null[] = {"a", NULL};
    ociimg_append_options step = {.struct_size = sizeof step, .created_by = BAD_TEXT};
    char before[200];
    snprintf(before, sizeof before, "%s", ociimg_image_manifest_digest(amd64));

    REFUSED(ociimg_image_append_layer(NULL, layer, NULL, e));
    REFUSED(ociimg_image_append_layer(amd64, NULL, NULL, e));
    REFUSED(ociimg_image_append_layer(amd64, layer, &step, e));
    REFUSED(ociimg_image_replace_layer(NULL, 0, layer, e));
    REFUSED(ociimg_image_replace_layer(amd64, 0, NULL, e));
    REFUSED(ociimg_image_replace_layer(amd64, ociimg_image_layer_count(amd64), layer, e));
    REFUSED(ociimg_image_replace_layer(amd64, SIZE_MAX, layer, e));
    REFUSED(ociimg_image_remove_layer(NULL, 0, e));
    REFUSED(ociimg_image_remove_layer(amd64, ociimg_image_layer_count(amd64), e));
    REFUSED(ociimg_image_remove_layer(amd64, SIZE_MAX, e));
    REFUSED(ociimg_image_add_history(NULL, &step, e));
    REFUSED(ociimg_image_add_history(amd64, &step, e));
    step = (ociimg_append_options){.struct_size = sizeof step, .created = "yesterday"};
    REFUSED(ociimg_image_add_history(amd64, &step, e));
    step = (ociimg_append_options){.struct_size = sizeof step, .history = 3};
    REFUSED(ociimg_image_append_layer(amd64, layer, &step, e));
    step = (ociimg_append_options){.struct_size = sizeof step, .reserved = 1};
    FAILS_ONLY(OCIIMG_STATUS_UNSUPPORTED, ociimg_image_append_layer(amd64, layer, &step, e));
    FAILS_ONLY(OCIIMG_STATUS_UNSUPPORTED, ociimg_image_add_history(amd64, &step, e));
    REFUSED(ociimg_image_set_platform(NULL, platform, e));
    REFUSED(ociimg_image_set_platform(amd64, NULL, e));
    REFUSED(ociimg_image_convert(NULL, OCIIMG_FORMAT_OCI, e));
    REFUSED(ociimg_image_convert(amd64, 0, e));
    REFUSED(ociimg_image_convert(amd64, 3, e));

    REFUSED(ociimg_image_set_created(NULL, NULL, e));
    REFUSED(ociimg_image_set_created(amd64, "yesterday", e));
    REFUSED(ociimg_image_set_author(NULL, NULL, e));
    REFUSED(ociimg_image_set_author(amd64, BAD_TEXT, e));
    REFUSED(ociimg_image_set_user(NULL, NULL, e));
    REFUSED(ociimg_image_set_user(amd64, BAD_TEXT, e));
    REFUSED(ociimg_image_set_working_dir(NULL, NULL, e));
    REFUSED(ociimg_image_set_working_dir(amd64, BAD_TEXT, e));
    REFUSED(ociimg_image_set_stop_signal(NULL, NULL, e));
    REFUSED(ociimg_image_set_stop_signal(amd64, BAD_TEXT, e));
    REFUSED(ociimg_image_set_entrypoint(NULL, NULL, 0, e));
    REFUSED(ociimg_image_set_entrypoint(amd64, NULL, 1, e));
    REFUSED(ociimg_image_set_entrypoint(amd64, words, 2, e));
    REFUSED(ociimg_image_set_entrypoint(amd64, null, 2, e));
    REFUSED(ociimg_image_set_cmd(NULL, NULL, 0, e));
    REFUSED(ociimg_image_set_cmd(amd64, NULL, 1, e));
    REFUSED(ociimg_image_set_cmd(amd64, words, 2, e));
    REFUSED(ociimg_image_set_cmd(amd64, null, 2, e));
    REFUSED(ociimg_image_set_env(NULL, "A", "1", e));
    REFUSED(ociimg_image_set_env(amd64, NULL, "1", e));
    REFUSED(ociimg_image_set_env(amd64, "", "1", e));
    REFUSED(ociimg_image_set_env(amd64, "A=B", "1", e));
    REFUSED(ociimg_image_set_env(amd64, "A", BAD_TEXT, e));
    REFUSED(ociimg_image_set_label(NULL, "key", "value", e));
    REFUSED(ociimg_image_set_label(amd64, NULL, "value", e));
    REFUSED(ociimg_image_set_label(amd64, "key", BAD_TEXT, e));
    REFUSED(ociimg_image_set_annotation(NULL, "key", "value", e));
    REFUSED(ociimg_image_set_annotation(amd64, NULL, "value", e));
    REFUSED(ociimg_image_set_annotation(amd64, BAD_TEXT, "value", e));
    REFUSED(ociimg_image_set_exposed_port(NULL, "80/tcp", 1, e));
    REFUSED(ociimg_image_set_exposed_port(amd64, NULL, 1, e));
    REFUSED(ociimg_image_set_exposed_port(amd64, BAD_TEXT, 0, e));
    REFUSED(ociimg_image_set_volume(NULL, "/data", 1, e));
    REFUSED(ociimg_image_set_volume(amd64, NULL, 1, e));
    REFUSED(ociimg_image_set_volume(amd64, "", 0, e));
    REFUSED(ociimg_image_set_config_member(NULL, "Healthcheck", NULL, 0, e));
    REFUSED(ociimg_image_set_config_member(amd64, NULL, bytes("{}"), 2, e));
    REFUSED(ociimg_image_set_config_member(amd64, BAD_TEXT, bytes("{}"), 2, e));
    FAILS_ONLY(OCIIMG_STATUS_MALFORMED,
               ociimg_image_set_config_member(amd64, "Healthcheck", bytes("{"), 1, e));
    REFUSED(ociimg_image_set_config_json(NULL, bytes("{}"), 2, e));
    REFUSED(ociimg_image_set_config_json(amd64, NULL, 2, e));
    FAILS_ONLY(OCIIMG_STATUS_MALFORMED, ociimg_image_set_config_json(amd64, bytes("{"), 1, e));

    CHECK_TEXT(ociimg_image_manifest_digest(amd64), before);
}

static void new_images(void)
{
    REFUSES(ociimg_image, ociimg_image_new(OCIIMG_FORMAT_OCI, NULL, out, e));
    REFUSES(ociimg_image, ociimg_image_new(0, platform, out, e));
    REFUSES(ociimg_image, ociimg_image_new(INT32_MIN, platform, out, e));
    CHECK_EQUAL(ociimg_image_new(OCIIMG_FORMAT_OCI, platform, NULL, NULL),
                OCIIMG_STATUS_INVALID_ARGUMENT);
    ociimg_platform *empty;
    ociimg_error *err;
    CHECK_OK(ociimg_platform_new(NULL, NULL, NULL, NULL, NULL, 0, &empty, &err));
    REFUSES(ociimg_image, ociimg_image_new(OCIIMG_FORMAT_OCI, empty, out, e));
    REFUSED(ociimg_image_set_platform(amd64, empty, e));
    ociimg_platform_free(empty);
}

static void layer_writers(void)
{
    ociimg_layer_options opts = {.struct_size = sizeof opts, .compression = 9};
    REFUSES(ociimg_layer_writer, ociimg_layer_writer_new(&opts, NULL, out, e));
    REFUSES(ociimg_layer, ociimg_layer_from_file("/does/not/exist", &opts, NULL, out, e));
    opts = (ociimg_layer_options){.struct_size = sizeof opts, .level = 1000};
    REFUSES(ociimg_layer_writer, ociimg_layer_writer_new(&opts, NULL, out, e));
    opts = (ociimg_layer_options){.struct_size = sizeof opts, .digest_algorithm = BAD_TEXT};
    REFUSES(ociimg_layer_writer, ociimg_layer_writer_new(&opts, NULL, out, e));
    opts = (ociimg_layer_options){.struct_size = 1};
    REFUSES(ociimg_layer_writer, ociimg_layer_writer_new(&opts, NULL, out, e));
    opts = (ociimg_layer_options){.struct_size = sizeof opts, .flags = 2};
    FAILS(OCIIMG_STATUS_UNSUPPORTED, ociimg_layer_writer,
          ociimg_layer_writer_new(&opts, NULL, out, e));
    CHECK_EQUAL(ociimg_layer_writer_new(NULL, NULL, NULL, NULL), OCIIMG_STATUS_INVALID_ARGUMENT);
    REFUSES(ociimg_layer, ociimg_layer_from_file(NULL, NULL, NULL, out, e));
    REFUSES(ociimg_layer, ociimg_layer_from_file("", NULL, NULL, out, e));
    CHECK_EQUAL(ociimg_layer_from_file("/does/not/exist", NULL, NULL, NULL, NULL),
                OCIIMG_STATUS_INVALID_ARGUMENT);
    FAILS(OCIIMG_STATUS_NOT_FOUND, ociimg_layer,
          ociimg_layer_from_file("/does/not/exist", NULL, NULL, out, e));

    REFUSED(ociimg_layer_writer_write(NULL, bytes("a"), 1, e));
    REFUSES(ociimg_layer, ociimg_layer_writer_finish(NULL, out, e));
    ociimg_layer_writer *writer;
    ociimg_layer *made;
    ociimg_error *err;
    CHECK_OK(ociimg_layer_writer_new(NULL, NULL, &writer, &err));
    REFUSED(ociimg_layer_writer_write(writer, NULL, 1, e));
    CHECK_OK(ociimg_layer_writer_write(writer, NULL, 0, &err));
    static const uint8_t empty_tar[1024];
    CHECK_OK(ociimg_layer_writer_write(writer, empty_tar, sizeof empty_tar, &err));
    CHECK_OK(ociimg_layer_writer_finish(writer, &made, &err));
    REFUSED(ociimg_layer_writer_write(writer, bytes("a"), 1, e));
    ociimg_layer_free(made);
    ociimg_layer_writer_free(writer);
    ociimg_layer_writer_free(NULL);
}

static void index_builders(void)
{
    REFUSES(ociimg_index_builder, ociimg_index_builder_new(0, out, e));
    CHECK_EQUAL(ociimg_index_builder_new(OCIIMG_FORMAT_OCI, NULL, NULL),
                OCIIMG_STATUS_INVALID_ARGUMENT);
    REFUSES(ociimg_index_builder, ociimg_index_builder_from(NULL, out, e));
    CHECK_EQUAL(ociimg_index_builder_from(loaded, NULL, NULL), OCIIMG_STATUS_INVALID_ARGUMENT);
    CHECK(ociimg_index_builder_count(NULL) == 0);
    CHECK(!ociimg_index_builder_descriptor(NULL, 0));
    REFUSED(ociimg_index_builder_add_image(NULL, amd64, NULL, e));
    REFUSED(ociimg_index_builder_add_index(NULL, loaded, e));
    REFUSED(ociimg_index_builder_replace_image(NULL, 0, amd64, e));
    REFUSED(ociimg_index_builder_remove(NULL, 0, e));
    REFUSED(ociimg_index_builder_keep(NULL, matcher, e));
    REFUSED(ociimg_index_builder_set_annotation(NULL, "key", "value", e));
    REFUSED(ociimg_index_builder_set_entry_annotation(NULL, 0, "key", "value", e));
    REFUSES(ociimg_index, ociimg_index_builder_finish(NULL, NULL, out, e));

    ociimg_index_builder *builder;
    ociimg_error *err;
    CHECK_OK(ociimg_index_builder_from(loaded, &builder, &err));
    size_t count = ociimg_index_builder_count(builder);
    CHECK(count > 0 && !ociimg_index_builder_descriptor(builder, count));
    CHECK(!ociimg_index_builder_descriptor(builder, SIZE_MAX));
    REFUSED(ociimg_index_builder_add_image(builder, NULL, NULL, e));
    REFUSED(ociimg_index_builder_add_index(builder, NULL, e));
    REFUSED(ociimg_index_builder_replace_image(builder, 0, NULL, e));
    REFUSED(ociimg_index_builder_replace_image(builder, count, amd64, e));
    REFUSED(ociimg_index_builder_remove(builder, count, e));
    REFUSED(ociimg_index_builder_remove(builder, SIZE_MAX, e));
    REFUSED(ociimg_index_builder_keep(builder, NULL, e));
    REFUSED(ociimg_index_builder_set_annotation(builder, NULL, "value", e));
    REFUSED(ociimg_index_builder_set_annotation(builder, "key", BAD_TEXT, e));
    REFUSED(ociimg_index_builder_set_entry_annotation(builder, 0, NULL, "value", e));
    REFUSED(ociimg_index_builder_set_entry_annotation(builder, count, "key", "value", e));
    CHECK_EQUAL(ociimg_index_builder_finish(builder, NULL, NULL, NULL),
                OCIIMG_STATUS_INVALID_ARGUMENT);
    CHECK_EQUAL(ociimg_index_builder_count(builder), count);
    ociimg_index_builder_free(builder);
    ociimg_index_builder_free(NULL);
}

int main(void)
{
    bound();
    setup();
    edits();
    new_images();
    layer_writers();
    index_builders();
    teardown();
    return 0;
}
