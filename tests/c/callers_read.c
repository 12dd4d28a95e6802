/* Bad callers of reading functions: entries, manifests, configs, layers and readers. */

#include "callers.h"

static void entries(void)
{
    const size_t places[] = {ENTRIES, ENTRIES + 1, SIZE_MAX / 2, SIZE_MAX};
    CHECK(!ociimg_index_entry_name(NULL, 0));
    for (size_t p = 0; p < sizeof places / sizeof *places; p++) {
        CHECK(!ociimg_index_entry_name(loaded, places[p]));
        REFUSES(ociimg_manifest, ociimg_index_manifest(loaded, places[p], NULL, out, e));
    }
    CHECK_TEXT(ociimg_entry_kind_name(OCIIMG_ENTRY_KIND_BROKEN), "BROKEN");
    CHECK_TEXT(ociimg_entry_kind_name(-1), ociimg_entry_kind_name(6));
    CHECK_TEXT(ociimg_entry_kind_name(INT32_MAX), ociimg_entry_kind_name(INT32_MIN));

    int calls = source_calls(source);
    REFUSES(ociimg_image, ociimg_index_image_for(NULL, platform, NULL, out, e));
    REFUSES(ociimg_manifest, ociimg_index_manifest(NULL, 0, NULL, out, e));
    CHECK_EQUAL(ociimg_index_image_for(loaded, platform, NULL, NULL, NULL),
                OCIIMG_STATUS_INVALID_ARGUMENT);
    CHECK_EQUAL(ociimg_index_manifest(loaded, 0, NULL, NULL, NULL), OCIIMG_STATUS_INVALID_ARGUMENT);
    CHECK_EQUAL(source_calls(source), calls);
}

static void manifests_of_nothing(void)
{
    CHECK(!ociimg_image_manifest(NULL));
    CHECK(!ociimg_manifest_digest(NULL));
    CHECK(!ociimg_manifest_media_type(NULL));
    CHECK(!ociimg_manifest_artifact_type(NULL));
    CHECK(!ociimg_manifest_config(NULL));
    CHECK(!ociimg_manifest_subject(NULL));
    CHECK(ociimg_manifest_layer_count(NULL) == 0);
    CHECK(!ociimg_manifest_layer(NULL, 0));
    CHECK(ociimg_manifest_annotation_count(NULL) == 0);
    CLEARS(ociimg_manifest_annotation_at(NULL, 0, &key, &value) || key || value);
    CHECK(!ociimg_manifest_annotation_at(NULL, 0, NULL, NULL));
    CHECK(!ociimg_manifest_annotation(NULL, "key"));
    CLEARS(ociimg_manifest_json(NULL, &len) || len);
    CHECK(!ociimg_manifest_json(NULL, NULL));
    ociimg_manifest_free(NULL);
}

static void manifests(void)
{
    ociimg_manifest *manifest = ociimg_image_manifest(amd64);
    CHECK_TEXT(ociimg_manifest_digest(manifest), ociimg_image_manifest_digest(amd64));
    CHECK(!ociimg_manifest_annotation(manifest, NULL));
    CHECK(!ociimg_manifest_annotation(manifest, BAD_TEXT));
    const size_t places[] = {ociimg_manifest_layer_count(manifest), SIZE_MAX / 2, SIZE_MAX};
    for (size_t p = 0; p < sizeof places / sizeof *places; p++) {
        CHECK(!ociimg_manifest_layer(manifest, places[p]));
        CLEARS(ociimg_manifest_annotation_at(manifest, places[p], &key, &value) || key || value);
    }
    CHECK(ociimg_manifest_json(manifest, NULL));
    ociimg_manifest_free(manifest);
}

static void configs(void)
{
    CHECK(!ociimg_config_platform(NULL));
    CLEARS(ociimg_config_history_layer(NULL, 0, &len) || len);
    CLEARS(ociimg_config_json_at(NULL, "/config", &len) || len);
    ociimg_config *config = ociimg_image_config(amd64);
    const size_t places[] = {ociimg_config_history_count(config), SIZE_MAX};
    for (size_t p = 0; p < sizeof places / sizeof *places; p++) {
        CLEARS(ociimg_config_history_layer(config, places[p], &len) || len);
        CHECK(!ociimg_config_history_layer(config, places[p], NULL));
    }
    CLEARS(ociimg_config_json_at(config, NULL, &len) || len);
    CLEARS(ociimg_config_json_at(config, BAD_TEXT, &len) || len);
    CLEARS(ociimg_config_json_at(config, "no pointer", &len) || len);
    CHECK(ociimg_config_json_at(config, "", NULL)); /* the whole document */
    CHECK(!ociimg_config_json_at(NULL, NULL, NULL));
    ociimg_config_free(config);
}

static void layers(void)
{
    CHECK(!ociimg_layer_chain_id(NULL));
    REFUSES(ociimg_layer, ociimg_layer_new(NULL, NULL, loader, out, e));
    REFUSES(ociimg_layer, ociimg_layer_new(descriptor, "sha256:", loader, out, e));
    REFUSES(ociimg_layer, ociimg_layer_new(descriptor, BAD_TEXT, loader, out, e));
    CHECK_EQUAL(ociimg_layer_new(descriptor, NULL, loader, NULL, NULL),
                OCIIMG_STATUS_INVALID_ARGUMENT);
}

static void readers(void)
{
    REFUSED(ociimg_reader_finish(NULL, e));
    ociimg_reader *reader;
    ociimg_error *err;
    CHECK_OK(ociimg_layer_open(layer, OCIIMG_READ_MODE_STORED, NULL, NULL, &reader, &err));
    CHECK_OK(ociimg_reader_finish(reader, &err));
    CHECK_OK(ociimg_reader_finish(reader, &err)); /* again, at the end */
    CHECK(ociimg_reader_is_verified(reader));
    ociimg_reader_free(reader);
}

int main(void)
{
    bound();
    setup();
    entries();
    manifests_of_nothing();
    manifests();
    configs();
    layers();
    readers();
    teardown();
    return 0;
}
