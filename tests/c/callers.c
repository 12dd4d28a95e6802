/* Bad callers: NULL for every pointer of every function, indexes beyond the end, modes and
 * structs that are none, texts that are not UTF-8. */

#include "callers.h"

/* ---- NULL handles of functions that give something --------------------------------------- */

static void getters_of_nothing(void)
{
    CHECK(ociimg_error_status(NULL) == OCIIMG_STATUS_OK);
    CHECK_TEXT(ociimg_error_message(NULL), "");
    CHECK(!ociimg_error_digest(NULL));
    CHECK(ociimg_error_callback_code(NULL) == 0);
    CHECK(ociimg_error_errno(NULL) == 0);
    CHECK_TEXT(ociimg_supported_index_media_type_at(0), "application/vnd.oci.image.index.v1+json");
    CHECK_TEXT(ociimg_supported_index_media_type_at(1),
               "application/vnd.docker.distribution.manifest.list.v2+json");
    CHECK(!ociimg_supported_index_media_type_at(2));
    CHECK_TEXT(ociimg_supported_manifest_media_type_at(0),
               "application/vnd.oci.image.manifest.v1+json");
    CHECK_TEXT(ociimg_supported_manifest_media_type_at(1),
               "application/vnd.docker.distribution.manifest.v2+json");
    CHECK(!ociimg_supported_manifest_media_type_at(SIZE_MAX));
    CHECK(!ociimg_error_new(OCIIMG_STATUS_OK, 1, NULL));

    CHECK(!ociimg_context_clone(NULL));
    ociimg_context_cancel(NULL);
    CHECK(!ociimg_context_is_cancelled(NULL));

    CHECK_EQUAL(ociimg_call_fail(NULL, 0, 1, "text"), OCIIMG_STATUS_CALLBACK);
    CHECK_EQUAL(ociimg_call_fail(NULL, 77, 1, NULL), 77);
    CHECK(!ociimg_call_is_cancelled(NULL));
    CHECK(!ociimg_call_user_data(NULL));

    CHECK(!ociimg_platform_normalize(NULL));
    CHECK(!ociimg_platform_os(NULL));
    CHECK(!ociimg_platform_architecture(NULL));
    CHECK(!ociimg_platform_variant(NULL));
    CHECK(!ociimg_platform_os_version(NULL));
    CHECK(ociimg_platform_os_feature_count(NULL) == 0);
    CHECK(!ociimg_platform_os_feature_at(NULL, 0));
    CHECK(!ociimg_platform_format(NULL));
    CHECK(!ociimg_platform_format_all(NULL));

    CHECK(!ociimg_matcher_only(NULL));
    CHECK(!ociimg_matcher_only_strict(NULL));
    CHECK(!ociimg_matcher_only_os(NULL));
    CHECK(!ociimg_matcher_ordered(NULL, 1));
    CHECK(!ociimg_matcher_any(NULL, 1));
    ociimg_platform *with_null[] = {platform, NULL};
    CHECK(!ociimg_matcher_ordered(with_null, 2));
    CHECK(!ociimg_matcher_any(with_null, 2));
    ociimg_matcher *all = ociimg_matcher_all();
    CHECK(all && !ociimg_matcher_match(all, NULL));
    ociimg_matcher_free(all);
    CHECK(!ociimg_matcher_match(NULL, platform));
    CHECK(!ociimg_matcher_match(matcher, NULL));
    CHECK(!ociimg_matcher_less(NULL, platform, platform));
    CHECK(!ociimg_matcher_less(matcher, NULL, platform));
    CHECK(!ociimg_matcher_less(matcher, platform, NULL));

    CHECK(!ociimg_descriptor_media_type(NULL));
    CHECK(!ociimg_descriptor_digest(NULL));
    CHECK(ociimg_descriptor_size(NULL) == 0);
    CHECK(!ociimg_descriptor_artifact_type(NULL));
    CHECK(!ociimg_descriptor_platform(NULL));
    CHECK(ociimg_descriptor_url_count(NULL) == 0);
    CHECK(!ociimg_descriptor_url_at(NULL, 0));
    CHECK(ociimg_descriptor_annotation_count(NULL) == 0);
    CLEARS(ociimg_descriptor_annotation_at(NULL, 0, &key, &value) || key || value);
    CHECK(!ociimg_descriptor_annotation_at(NULL, 0, NULL, NULL));
    CHECK(!ociimg_descriptor_annotation(NULL, "key"));
    CHECK(!ociimg_descriptor_annotation(descriptor, NULL));
    CHECK(!ociimg_descriptor_annotation(descriptor, BAD_TEXT));
    CLEARS(ociimg_descriptor_data(NULL, &len) || len);
    CHECK(!ociimg_descriptor_data(NULL, NULL));

    CHECK(ociimg_index_entry_count(NULL) == 0);
    CHECK(ociimg_index_entry_kind(NULL, 0) == OCIIMG_ENTRY_KIND_NONE);
    CHECK(!ociimg_index_entry_platform(NULL, 0));
    CHECK(!ociimg_index_entry_descriptor(NULL, 0));
    CHECK(!ociimg_index_entry_error(NULL, 0));
    CHECK(!ociimg_index_root_digest(NULL));
    CHECK(!ociimg_index_root_is_verified(NULL));
    CLEARS(ociimg_index_root_json(NULL, &len) || len);
    CHECK(!ociimg_index_root_json(NULL, NULL));

    CHECK(!ociimg_image_clone(NULL));
    CHECK(!ociimg_image_platform(NULL));
    CHECK(ociimg_image_layer_count(NULL) == 0);
    CHECK(!ociimg_image_layer(NULL, 0));
    CHECK(ociimg_image_annotation_count(NULL) == 0);
    CLEARS(ociimg_image_annotation_at(NULL, 0, &key, &value) || key || value);
    CHECK(!ociimg_image_annotation_at(NULL, 0, NULL, NULL));
    CHECK(!ociimg_image_annotation(NULL, "key"));
    CHECK(!ociimg_image_annotation(amd64, NULL));
    CHECK(!ociimg_image_annotation(amd64, BAD_TEXT));
    CLEARS(ociimg_image_manifest_json(NULL, &len) || len);
    CHECK(!ociimg_image_manifest_json(NULL, NULL));
    CLEARS(ociimg_image_config_json(NULL, &len) || len);
    CHECK(!ociimg_image_config_json(NULL, NULL));
    CHECK(!ociimg_image_manifest_digest(NULL));
    CHECK(!ociimg_image_config_digest(NULL));
    CHECK(!ociimg_image_config(NULL));

    CHECK(!ociimg_config_created(NULL));
    CHECK(!ociimg_config_author(NULL));
    CHECK(!ociimg_config_user(NULL));
    CHECK(!ociimg_config_working_dir(NULL));
    CHECK(!ociimg_config_stop_signal(NULL));
    CHECK(ociimg_config_env_count(NULL) == 0);
    CHECK(!ociimg_config_env_at(NULL, 0));
    CHECK(ociimg_config_entrypoint_count(NULL) == 0);
    CHECK(!ociimg_config_entrypoint_at(NULL, 0));
    CHECK(ociimg_config_cmd_count(NULL) == 0);
    CHECK(!ociimg_config_cmd_at(NULL, 0));
    CHECK(ociimg_config_exposed_port_count(NULL) == 0);
    CHECK(!ociimg_config_exposed_port_at(NULL, 0));
    CHECK(ociimg_config_volume_count(NULL) == 0);
    CHECK(!ociimg_config_volume_at(NULL, 0));
    CHECK(ociimg_config_label_count(NULL) == 0);
    CLEARS(ociimg_config_label_at(NULL, 0, &key, &value) || key || value);
    CHECK(!ociimg_config_label_at(NULL, 0, NULL, NULL));
    CHECK(!ociimg_config_label(NULL, "key"));
    CHECK(ociimg_config_history_count(NULL) == 0);
    CHECK(!ociimg_config_history_created_by(NULL, 0));
    CHECK(!ociimg_config_history_author(NULL, 0));
    CHECK(!ociimg_config_history_created(NULL, 0));
    CHECK(!ociimg_config_history_comment(NULL, 0));
    CHECK(!ociimg_config_history_empty_layer(NULL, 0));

    CHECK(!ociimg_layer_descriptor(NULL));
    CHECK(!ociimg_layer_oci_media_type(NULL));
    CHECK(!ociimg_layer_digest(NULL));
    CHECK(ociimg_layer_size(NULL) == 0);
    CHECK(!ociimg_layer_diff_id(NULL));

    CHECK(!ociimg_reader_is_verified(NULL));
    CHECK(ociimg_reader_stored_read(NULL) == 0);
}

static void nothing_is_freed(void)
{
    ociimg_error_free(NULL);
    ociimg_context_free(NULL);
    ociimg_loader_free(NULL);
    ociimg_platform_free(NULL);
    ociimg_matcher_free(NULL);
    ociimg_descriptor_free(NULL);
    ociimg_index_free(NULL);
    ociimg_image_free(NULL);
    ociimg_config_free(NULL);
    ociimg_layer_free(NULL);
    ociimg_reader_free(NULL);
}

static void beyond_the_end(void)
{
    const size_t places[] = {ENTRIES, ENTRIES + 1, SIZE_MAX / 2, SIZE_MAX};
    ociimg_config *config = ociimg_image_config(amd64);
    for (size_t p = 0; p < sizeof places / sizeof *places; p++) {
        size_t i = places[p];
        CHECK(!ociimg_platform_os_feature_at(platform, i));
        CHECK(!ociimg_descriptor_url_at(descriptor, i));
        CLEARS(ociimg_descriptor_annotation_at(descriptor, i, &key, &value) || key || value);
        CHECK(ociimg_index_entry_kind(loaded, i) == OCIIMG_ENTRY_KIND_NONE);
        CHECK(!ociimg_index_entry_platform(loaded, i));
        CHECK(!ociimg_index_entry_descriptor(loaded, i));
        CHECK(!ociimg_index_entry_error(loaded, i));
        CHECK(!ociimg_image_layer(amd64, i));
        CLEARS(ociimg_image_annotation_at(amd64, i, &key, &value) || key || value);
        CHECK(!ociimg_config_env_at(config, i));
        CHECK(!ociimg_config_entrypoint_at(config, i));
        CHECK(!ociimg_config_cmd_at(config, i));
        CHECK(!ociimg_config_exposed_port_at(config, i));
        CHECK(!ociimg_config_volume_at(config, i));
        CLEARS(ociimg_config_label_at(config, i, &key, &value) || key || value);
        CHECK(!ociimg_config_history_created_by(config, i));
        CHECK(!ociimg_config_history_author(config, i));
        CHECK(!ociimg_config_history_created(config, i));
        CHECK(!ociimg_config_history_comment(config, i));
        CHECK(!ociimg_config_history_empty_layer(config, i));
        REFUSES(ociimg_image, ociimg_index_image(loaded, i, NULL, out, e));
    }
    /* The last valid index works. */
    CHECK(ociimg_index_entry_kind(loaded, ENTRIES - 1) == OCIIMG_ENTRY_KIND_UNKNOWN);
    CHECK_TEXT(ociimg_config_env_at(config, 0), "A=1");
    CHECK(!ociimg_config_env_at(config, 1));
    CHECK(!ociimg_image_layer(amd64, 2));

    CLEARS(ociimg_descriptor_data(descriptor, &len) || len); /* absent, not out of range */
    ociimg_config_free(config);

    CHECK_TEXT(ociimg_status_name(OCIIMG_STATUS_INTERNAL), "INTERNAL");
    CHECK_TEXT(ociimg_status_name(20), "UNKNOWN");
    CHECK_TEXT(ociimg_status_name(-1), "UNKNOWN");
    CHECK_TEXT(ociimg_status_name(INT32_MAX), "UNKNOWN");
}

/* ---- arguments of functions that can fail ------------------------------------------------- */

static void loaders(void)
{
    int calls = source_calls(source);
    REFUSES(ociimg_loader, ociimg_loader_new(NULL, source, out, e));
    CHECK_EQUAL(ociimg_loader_new(&source_vtable, source, NULL, NULL),
                OCIIMG_STATUS_INVALID_ARGUMENT);
    for (int missing = 0; missing < 5; missing++) {
        ociimg_loader_vtable table = source_vtable;
        switch (missing) {
        case 0:
            table.open_root_manifest = NULL;
            break;
        case 1:
            table.open_manifest = NULL;
            break;
        case 2:
            table.open_blob = NULL;
            break;
        case 3:
            table.read = NULL;
            break;
        case 4:
            table.close = NULL;
            break;
        }
        REFUSES(ociimg_loader, ociimg_loader_new(&table, source, out, e));
    }
    /* A refused state is not owned. */
    CHECK_EQUAL(source_calls(source), calls);

    /* root_digest and destroy may be missing, and state and streams are never dereferenced. */
    ociimg_loader_vtable table = source_vtable;
    table.root_digest = NULL;
    table.destroy = NULL;
    ociimg_loader *made;
    ociimg_error *err;
    CHECK_OK(ociimg_loader_new(&table, NULL, &made, &err));
    ociimg_loader_free(made);
    CHECK_OK(ociimg_loader_new(&table, (void *)(intptr_t)-1, &made, &err));
    ociimg_loader_free(made);

    const ociimg_source_options bad_name = {.struct_size = sizeof bad_name, .ref_name = BAD_TEXT};
    REFUSES(ociimg_loader, ociimg_loader_open(NULL, NULL, NULL, out, e));
    REFUSES(ociimg_loader, ociimg_loader_open("", NULL, NULL, out, e));
    REFUSES(ociimg_loader, ociimg_loader_open(".", &bad_name, NULL, out, e));
    REFUSES(ociimg_loader, ociimg_loader_open_layout(NULL, NULL, NULL, out, e));
    REFUSES(ociimg_loader, ociimg_loader_open_layout("", NULL, NULL, out, e));
    REFUSES(ociimg_loader, ociimg_loader_open_layout(".", &bad_name, NULL, out, e));
    REFUSES(ociimg_loader, ociimg_loader_open_archive(NULL, NULL, NULL, out, e));
    REFUSES(ociimg_loader, ociimg_loader_open_archive("", NULL, NULL, out, e));
    ociimg_source_options unknown = {.struct_size = sizeof unknown, .flags = 2};
    FAILS(OCIIMG_STATUS_UNSUPPORTED, ociimg_loader,
          ociimg_loader_open(".", &unknown, NULL, out, e));
    unknown.flags = OCIIMG_SOURCE_FOLLOW_LINKS;
    unknown.reserved = 1;
    FAILS(OCIIMG_STATUS_UNSUPPORTED, ociimg_loader,
          ociimg_loader_open(".", &unknown, NULL, out, e));
    ociimg_context *cancelled = ociimg_context_new(NULL, NULL);
    ociimg_context_cancel(cancelled);
    FAILS(OCIIMG_STATUS_CANCELLED, ociimg_loader, ociimg_loader_open(".", NULL, cancelled, out, e));
    ociimg_context_free(cancelled);
    REFUSES(ociimg_loader, ociimg_loader_open_archive(".", &bad_name, NULL, out, e));
    CHECK_EQUAL(ociimg_loader_open(".", NULL, NULL, NULL, NULL), OCIIMG_STATUS_INVALID_ARGUMENT);
    CHECK_EQUAL(ociimg_loader_open_layout(".", NULL, NULL, NULL, NULL),
                OCIIMG_STATUS_INVALID_ARGUMENT);
    CHECK_EQUAL(ociimg_loader_open_archive(".", NULL, NULL, NULL, NULL),
                OCIIMG_STATUS_INVALID_ARGUMENT);
    /* Paths are bytes: they need not be UTF-8. */
    FAILS(OCIIMG_STATUS_NOT_FOUND, ociimg_loader,
          ociimg_loader_open("/\xff\xfe", NULL, NULL, out, e));
}

static void references(void)
{
    REFUSES(ociimg_reference, ociimg_reference_parse(NULL, out, e));
    REFUSES(ociimg_reference, ociimg_reference_parse("", out, e));
    REFUSES(ociimg_reference, ociimg_reference_parse(BAD_TEXT, out, e));
    REFUSES(ociimg_reference, ociimg_reference_parse("Busybox", out, e));
    CHECK_EQUAL(ociimg_reference_parse("busybox", NULL, NULL), OCIIMG_STATUS_INVALID_ARGUMENT);

    ociimg_reference *reference;
    ociimg_error *err;
    CHECK_OK(ociimg_reference_parse("busybox:1", &reference, &err));
    CHECK_TEXT(ociimg_reference_registry(reference), "docker.io");
    CHECK_TEXT(ociimg_reference_repository(reference), "library/busybox");
    CHECK_TEXT(ociimg_reference_tag(reference), "1");
    CHECK(ociimg_reference_digest(reference) == NULL);
    CHECK_TEXT(ociimg_reference_format(reference), "docker.io/library/busybox:1");
    CHECK_TEXT(ociimg_reference_familiar(reference), "busybox:1");
    ociimg_reference_free(reference);

    CHECK_OK(ociimg_reference_parse("my_host.local/a", &reference, &err));
    CHECK(ociimg_reference_registry(reference) == NULL && ociimg_reference_tag(reference) == NULL);
    ociimg_reference_free(reference);

    CHECK(ociimg_reference_registry(NULL) == NULL && ociimg_reference_repository(NULL) == NULL);
    CHECK(ociimg_reference_tag(NULL) == NULL && ociimg_reference_digest(NULL) == NULL);
    CHECK(ociimg_reference_format(NULL) == NULL && ociimg_reference_familiar(NULL) == NULL);
    ociimg_reference_free(NULL);
}

static void platforms(void)
{
    REFUSES(ociimg_platform, ociimg_platform_parse(NULL, NULL, out, e));
    REFUSES(ociimg_platform, ociimg_platform_parse("", NULL, out, e));
    REFUSES(ociimg_platform, ociimg_platform_parse(BAD_TEXT, NULL, out, e));
    REFUSES(ociimg_platform, ociimg_platform_parse("a/b/c/d", platform, out, e));
    CHECK_EQUAL(ociimg_platform_parse("linux", NULL, NULL, NULL), OCIIMG_STATUS_INVALID_ARGUMENT);

    const char *features[] = {"", BAD_TEXT}, *null[] = {"", NULL};
    REFUSES(ociimg_platform, ociimg_platform_new(BAD_TEXT, NULL, NULL, NULL, NULL, 0, out, e));
    REFUSES(ociimg_platform, ociimg_platform_new(NULL, BAD_TEXT, NULL, NULL, NULL, 0, out, e));
    REFUSES(ociimg_platform, ociimg_platform_new(NULL, NULL, BAD_TEXT, NULL, NULL, 0, out, e));
    REFUSES(ociimg_platform, ociimg_platform_new(NULL, NULL, NULL, BAD_TEXT, NULL, 0, out, e));
    REFUSES(ociimg_platform, ociimg_platform_new(NULL, NULL, NULL, NULL, NULL, 1, out, e));
    REFUSES(ociimg_platform, ociimg_platform_new(NULL, NULL, NULL, NULL, features, 2, out, e));
    REFUSES(ociimg_platform, ociimg_platform_new(NULL, NULL, NULL, NULL, null, 2, out, e));
    CHECK_EQUAL(ociimg_platform_new(NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL),
                OCIIMG_STATUS_INVALID_ARGUMENT);

    /* A platform may be empty, and "" counts as absent. */
    ociimg_platform *p;
    ociimg_error *err;
    CHECK_OK(ociimg_platform_new(NULL, "", "", "", features, 1, &p, &err));
    CHECK(!ociimg_platform_os(p) && !ociimg_platform_architecture(p) &&
          !ociimg_platform_variant(p));
    CHECK(!ociimg_platform_os_version(p));
    CHECK_EQUAL(ociimg_platform_os_feature_count(p), 1);
    CHECK_TEXT(ociimg_platform_os_feature_at(p, 0), "");
    CHECK(ociimg_platform_format(p) && ociimg_platform_format_all(p));

    /* The functions that take NULL for this machine, or an array of none. */
    ociimg_matcher *none = ociimg_matcher_ordered(NULL, 0), *any = ociimg_matcher_any(NULL, 0);
    ociimg_matcher *here = ociimg_matcher_default(NULL);
    ociimg_platform *host = ociimg_platform_host();
    CHECK(none && any && here && host);
    CHECK(!ociimg_matcher_match(none, host) && !ociimg_matcher_match(any, host));
    CHECK(ociimg_matcher_match(here, host));
    ociimg_matcher_free(none);
    ociimg_matcher_free(any);
    ociimg_matcher_free(here);
    ociimg_platform_free(host);
    ociimg_platform_free(p);
}

static void descriptors(void)
{
    const uint64_t largest = INT64_MAX;
    REFUSES(ociimg_descriptor, ociimg_descriptor_new(NULL, DIGEST, 0, out, e));
    REFUSES(ociimg_descriptor, ociimg_descriptor_new("", DIGEST, 0, out, e));
    REFUSES(ociimg_descriptor, ociimg_descriptor_new(BAD_TEXT, DIGEST, 0, out, e));
    REFUSES(ociimg_descriptor, ociimg_descriptor_new("a/b", NULL, 0, out, e));
    REFUSES(ociimg_descriptor, ociimg_descriptor_new("a/b", "", 0, out, e));
    REFUSES(ociimg_descriptor, ociimg_descriptor_new("a/b", BAD_TEXT, 0, out, e));
    REFUSES(ociimg_descriptor, ociimg_descriptor_new("a/b", "sha256:00", 0, out, e));
    REFUSES(ociimg_descriptor, ociimg_descriptor_new("a/b", "../../etc/passwd", 0, out, e));
    REFUSES(ociimg_descriptor, ociimg_descriptor_new("a/b", DIGEST, largest + 1, out, e));
    REFUSES(ociimg_descriptor, ociimg_descriptor_new("a/b", DIGEST, UINT64_MAX, out, e));
    CHECK_EQUAL(ociimg_descriptor_new("a/b", DIGEST, 0, NULL, NULL),
                OCIIMG_STATUS_INVALID_ARGUMENT);
    ociimg_descriptor *d;
    ociimg_error *err;
    CHECK_OK(ociimg_descriptor_new("a/b", DIGEST, largest, &d, &err));
    CHECK(ociimg_descriptor_size(d) == largest);
    ociimg_descriptor_free(d);
    CHECK_OK(ociimg_descriptor_new("a/b", "other:what-ever", 0, &d, &err));
    /* It is well formed; only its content cannot be read. */
    FAILS(OCIIMG_STATUS_UNSUPPORTED, ociimg_reader,
          ociimg_index_open_blob(loaded, d, OCIIMG_READ_MODE_STORED, NULL, NULL, out, e));
    ociimg_descriptor_free(d);
}

static void indexes(void)
{
    const ociimg_load_options bad_digest = {.struct_size = sizeof bad_digest,
                                            .root_digest = BAD_TEXT};
    int calls = source_calls(source);
    REFUSES(ociimg_index, ociimg_index_load(NULL, NULL, NULL, out, e));
    REFUSES(ociimg_index, ociimg_index_load(loader, &bad_digest, NULL, out, e));
    CHECK_EQUAL(ociimg_index_load(loader, NULL, NULL, NULL, NULL), OCIIMG_STATUS_INVALID_ARGUMENT);
    REFUSES(ociimg_index, ociimg_index_select(NULL, platform, out, e));
    REFUSES(ociimg_index, ociimg_index_select(loaded, NULL, out, e));
    CHECK_EQUAL(ociimg_index_select(loaded, platform, NULL, NULL), OCIIMG_STATUS_INVALID_ARGUMENT);
    REFUSES(ociimg_index, ociimg_index_select_with(NULL, matcher, out, e));
    REFUSES(ociimg_index, ociimg_index_select_with(loaded, NULL, out, e));
    CHECK_EQUAL(ociimg_index_select_with(loaded, matcher, NULL, NULL),
                OCIIMG_STATUS_INVALID_ARGUMENT);
    REFUSES(ociimg_image, ociimg_index_image(NULL, 0, NULL, out, e));
    CHECK_EQUAL(ociimg_index_image(loaded, 0, NULL, NULL, NULL), OCIIMG_STATUS_INVALID_ARGUMENT);
    for (size_t i = ENTRY_ATTESTATION; i < ENTRIES; i++) {
        FAILS(OCIIMG_STATUS_NOT_AN_IMAGE, ociimg_image,
              ociimg_index_image(loaded, i, NULL, out, e));
    }
    /* A bad call does not affect the loader. */
    CHECK_EQUAL(source_calls(source), calls);
}

static void readers(void)
{
    const ociimg_read_mode modes[] = {-1, 2, INT32_MIN, INT32_MAX};
    const ociimg_reader_options reserved = {.struct_size = sizeof reserved, .reserved = 1};
    const ociimg_read_mode stored = OCIIMG_READ_MODE_STORED;
    int calls = source_calls(source);
    REFUSES(ociimg_reader, ociimg_layer_open(NULL, stored, NULL, NULL, out, e));
    CHECK_EQUAL(ociimg_layer_open(layer, stored, NULL, NULL, NULL, NULL),
                OCIIMG_STATUS_INVALID_ARGUMENT);
    REFUSES(ociimg_reader, ociimg_index_open_blob(NULL, descriptor, stored, NULL, NULL, out, e));
    REFUSES(ociimg_reader, ociimg_index_open_blob(loaded, NULL, stored, NULL, NULL, out, e));
    CHECK_EQUAL(ociimg_index_open_blob(loaded, descriptor, stored, NULL, NULL, NULL, NULL),
                OCIIMG_STATUS_INVALID_ARGUMENT);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        REFUSES(ociimg_reader, ociimg_layer_open(layer, modes[i], NULL, NULL, out, e));
        REFUSES(ociimg_reader,
                ociimg_index_open_blob(loaded, descriptor, modes[i], NULL, NULL, out, e));
    }
    FAILS(OCIIMG_STATUS_UNSUPPORTED, ociimg_reader,
          ociimg_layer_open(layer, stored, &reserved, NULL, out, e));
    FAILS(OCIIMG_STATUS_UNSUPPORTED, ociimg_reader,
          ociimg_index_open_blob(loaded, descriptor, stored, &reserved, NULL, out, e));
    CHECK_EQUAL(source_calls(source), calls);

    uint8_t buf[LAYER_SIZE + 1];
    size_t n = 5, total = 0;
    ociimg_error *err;
    ociimg_reader *reader;
    CHECK_STATUS(ociimg_reader_read(NULL, buf, sizeof buf, &n, &err),
                 OCIIMG_STATUS_INVALID_ARGUMENT);
    CHECK_EQUAL(n, 0);
    CHECK_OK(ociimg_layer_open(layer, stored, NULL, NULL, &reader, &err));
    do { /* A bad call anywhere leaves the reader as it was. */
        calls = source_calls(source);
        uint64_t read = ociimg_reader_stored_read(reader);
        n = 5;
        CHECK_STATUS(ociimg_reader_read(reader, buf, 0, &n, &err), OCIIMG_STATUS_INVALID_ARGUMENT);
        CHECK_EQUAL(n, 0);
        n = 5;
        CHECK_STATUS(ociimg_reader_read(reader, NULL, 7, &n, &err), OCIIMG_STATUS_INVALID_ARGUMENT);
        CHECK_EQUAL(n, 0);
        CHECK_STATUS(ociimg_reader_read(reader, NULL, 0, &n, &err), OCIIMG_STATUS_INVALID_ARGUMENT);
        CHECK_STATUS(ociimg_reader_read(reader, buf, 7, NULL, &err),
                     OCIIMG_STATUS_INVALID_ARGUMENT);
        CHECK_EQUAL(ociimg_reader_read(reader, NULL, 0, NULL, NULL),
                    OCIIMG_STATUS_INVALID_ARGUMENT);
        CHECK_EQUAL(ociimg_reader_stored_read(reader), read);
        CHECK_EQUAL(source_calls(source), calls);
        CHECK_EQUAL(ociimg_reader_read(reader, buf + total, sizeof buf - total, &n, NULL),
                    OCIIMG_STATUS_OK);
        total += n;
    } while (n > 0);
    CHECK(ociimg_reader_is_verified(reader));
    CHECK_EQUAL(total, LAYER_SIZE);
    CHECK_EQUAL(ociimg_reader_stored_read(reader), LAYER_SIZE);
    ociimg_reader_free(reader);
}

/* ---- structs that say how large they are ----------------------------------------------------- */

static ociimg_status take_vtable(const void *table, ociimg_error **err)
{
    ociimg_loader *made;
    ociimg_status status = ociimg_loader_new(table, source, &made, err);
    if (made) { /* Its destroy is counted like that of the real loader. */
        ociimg_loader_free(made);
        source->calls[DESTROY]--;
    }
    return status;
}

static ociimg_status take_source_options(const void *opts, ociimg_error **err)
{
    ociimg_loader *made;
    ociimg_status status = ociimg_loader_open("/does/not/exist", opts, NULL, &made, err);
    CHECK(!made);
    if (status == OCIIMG_STATUS_NOT_FOUND) { /* The struct was accepted. */
        ociimg_error_free(*err);
        *err = NULL;
        return OCIIMG_STATUS_OK;
    }
    return status;
}

static ociimg_status take_load_options(const void *opts, ociimg_error **err)
{
    ociimg_index *made;
    ociimg_status status = ociimg_index_load(loader, opts, NULL, &made, err);
    ociimg_index_free(made);
    return status;
}

static ociimg_status take_reader_options(const void *opts, ociimg_error **err)
{
    ociimg_reader *made;
    ociimg_status status =
        ociimg_layer_open(layer, OCIIMG_READ_MODE_STORED, opts, NULL, &made, err);
    ociimg_reader_free(made);
    return status;
}

static void structs(void)
{
    static const ociimg_source_options source_options = {.struct_size = sizeof source_options};
    static const ociimg_load_options load_options = {.struct_size = sizeof load_options};
    static const ociimg_reader_options reader_options = {.struct_size = sizeof reader_options};
    static const struct {
        const char *name;
        const void *bytes;
        size_t size, published; /* published: as it first was, for good */
        ociimg_status (*take)(const void *, ociimg_error **);
    } taken[] = {
        {"vtable", &source_vtable, sizeof source_vtable, 64, take_vtable},
        {"source options", &source_options, sizeof source_options, 24, take_source_options},
        {"load options", &load_options, sizeof load_options, 40, take_load_options},
        {"reader options", &reader_options, sizeof reader_options, 32, take_reader_options}};
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        size_t size = taken[i].size, published = taken[i].published;
        const struct {
            size_t size;
            int last; /* the last byte, where it is beyond what is known */
            int status;
        } rows[] = {{0, 0, OCIIMG_STATUS_INVALID_ARGUMENT},
                    {1, 0, OCIIMG_STATUS_INVALID_ARGUMENT},
                    {sizeof(size_t), 0, OCIIMG_STATUS_INVALID_ARGUMENT},
                    {published - 1, 0, OCIIMG_STATUS_INVALID_ARGUMENT},
                    {published, 0, OCIIMG_STATUS_OK},
                    {size, 0, OCIIMG_STATUS_OK},
                    {size + 1, 0, OCIIMG_STATUS_OK},
                    {size + 8, 0, OCIIMG_STATUS_OK},
                    {size + 1, 1, OCIIMG_STATUS_UNSUPPORTED},
                    {size + 8, 1, OCIIMG_STATUS_UNSUPPORTED},
                    {4096, 0, OCIIMG_STATUS_OK},
                    {4096, 0x80, OCIIMG_STATUS_UNSUPPORTED},
                    {4097, 0, OCIIMG_STATUS_INVALID_ARGUMENT},
                    {SIZE_MAX, 0, OCIIMG_STATUS_INVALID_ARGUMENT}};
        for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
            snprintf(row, sizeof row, "%s of %zu bytes, the last one %d", taken[i].name,
                     rows[r].size, rows[r].last);
            /* The allocation ends with the struct, so that reading too far is detected. */
            size_t room = rows[r].size <= 4096 ? rows[r].size : 0;
            room = room < sizeof(size_t) ? sizeof(size_t) : room;
            uint8_t *bytes = calloc(1, room);
            CHECK(bytes);
            memcpy(bytes, taken[i].bytes, room < size ? room : size);
            if (rows[r].size > size) {
                bytes[room - 1] |= (uint8_t)rows[r].last;
            }
            memcpy(bytes, &rows[r].size, sizeof(size_t));
            ociimg_error *err;
            CHECK_STATUS(taken[i].take(bytes, &err), rows[r].status);
            free(bytes);
        }
    }
    *row = 0;
}

int main(void)
{
    bound();
    unsigned major, minor, patch;
    CHECK_EQUAL(sscanf(ociimg_version(), "%u.%u.%u", &major, &minor, &patch), 3);
    CHECK_EQUAL(ociimg_version_number(), major * 1000000 + minor * 1000 + patch);
    ociimg_context *ctx = ociimg_context_new(NULL, NULL);
    ociimg_context_free(ctx);
    setup();
    getters_of_nothing();
    nothing_is_freed();
    beyond_the_end();
    loaders();
    references();
    platforms();
    descriptors();
    indexes();
    readers();
    structs();
    teardown();
    return 0;
}
