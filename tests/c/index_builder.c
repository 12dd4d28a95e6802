/* Indexes that are made of images from several sources. */

#include "source.h"

struct base {
    struct source *source;
    ociimg_index *index;
    ociimg_image *image;
};

static struct base base_of(struct source *s)
{
    struct base base = {s, NULL, NULL};
    ociimg_loader *loader = source_loader(s);
    ociimg_error *err;
    CHECK_OK(ociimg_index_load(loader, NULL, NULL, &base.index, &err));
    if (ociimg_index_entry_kind(base.index, 0) == OCIIMG_ENTRY_KIND_IMAGE) {
        CHECK_OK(ociimg_index_image(base.index, 0, NULL, &base.image, &err));
    }
    ociimg_loader_free(loader);
    return base;
}

/* A single manifest. */
static struct base base_new(const char *architecture)
{
    struct source *s = source_new();
    s->root = put_image(s, architecture);
    return base_of(s);
}

/* An index of an image, its attestation, unknown content and an unreadable descriptor. */
static struct base base_with_attestation(void)
{
    struct source *s = source_new();
    const struct blob *image = put_image(s, "amd64");
    const struct blob *other = put_text(s, "{}");
    char more[400];
    snprintf(more, sizeof more,
             ",\"annotations\":{\"vnd.docker.reference.type\":\"attestation-manifest\","
             "\"vnd.docker.reference.digest\":\"%s\"}",
             image->digest);
    s->root =
        put_text(s, "{\"schemaVersion\":2, \"x\":1.0,\"manifests\":[%s,%s,%s,7]}",
                 describe(MANIFEST, image, ",\"y\":2,\"annotations\":{\"a\":\"b\"}" AMD64).text,
                 describe(MANIFEST, other, more).text, describe("x/y", other, "").text);
    return base_of(s);
}

static void base_free(struct base base)
{
    ociimg_image_free(base.image);
    ociimg_index_free(base.index);
    source_free(base.source);
}

static void verify_layers(const ociimg_index *index, size_t i)
{
    ociimg_image *image;
    ociimg_error *err;
    CHECK_OK(ociimg_index_image(index, i, NULL, &image, &err));
    for (size_t l = 0; l < ociimg_image_layer_count(image); l++) {
        ociimg_layer *layer = ociimg_image_layer(image, l);
        ociimg_reader *reader;
        CHECK_OK(
            ociimg_layer_open(layer, OCIIMG_READ_MODE_UNCOMPRESSED, NULL, NULL, &reader, &err));
        CHECK_OK(ociimg_reader_finish(reader, &err));
        ociimg_reader_free(reader);
        ociimg_layer_free(layer);
    }
    ociimg_image_free(image);
}

static void check_platform(const ociimg_index *index, size_t i, const char *expected)
{
    ociimg_platform *platform = ociimg_index_entry_platform(index, i);
    CHECK_TEXT(ociimg_platform_format(platform), expected);
    ociimg_platform_free(platform);
}

static void of_images(void)
{
    struct base a = base_new("amd64"), b = base_new("riscv64");
    ociimg_index_builder *builder;
    ociimg_platform *p;
    ociimg_error *err;
    CHECK_OK(ociimg_platform_new("linux", "arm64", "v8", NULL, NULL, 0, &p, &err));
    CHECK_OK(ociimg_index_builder_new(OCIIMG_FORMAT_OCI, &builder, &err));
    CHECK_OK(ociimg_index_builder_add_image(builder, a.image, NULL, &err));
    CHECK_OK(ociimg_image_set_label(b.image, "a", "1", &err));
    char digest[100];
    snprintf(digest, sizeof digest, "%s", ociimg_image_manifest_digest(b.image));
    CHECK_OK(ociimg_index_builder_add_image(builder, b.image, p, &err));
    /* The image was taken as it was. */
    CHECK_OK(ociimg_image_set_label(b.image, "a", "2", &err));
    CHECK_OK(ociimg_index_builder_add_image(builder, a.image, NULL, &err));
    CHECK_EQUAL(ociimg_index_builder_count(builder), 3);
    ociimg_descriptor *d = ociimg_index_builder_descriptor(builder, 1);
    CHECK_TEXT(ociimg_descriptor_digest(d), digest);
    CHECK_TEXT(ociimg_descriptor_media_type(d), MANIFEST);
    ociimg_descriptor_free(d);
    CHECK(ociimg_index_builder_descriptor(builder, 3) == NULL);
    CHECK_OK(ociimg_index_builder_set_annotation(builder, "k", "v", &err));
    CHECK_OK(ociimg_index_builder_set_entry_annotation(builder, 2, "e", "", &err));

    int before = source_calls(a.source) + source_calls(b.source);
    ociimg_index *index;
    CHECK_OK(ociimg_index_builder_finish(builder, NULL, &index, &err));
    CHECK_EQUAL(source_calls(a.source) + source_calls(b.source), before);
    CHECK_EQUAL(ociimg_index_entry_count(index), 3);
    check_platform(index, 0, "linux/amd64");
    check_platform(index, 1, "linux/arm64/v8");
    d = ociimg_index_entry_descriptor(index, 2);
    CHECK_TEXT(ociimg_descriptor_annotation(d, "e"), "");
    ociimg_descriptor_free(d);
    for (size_t i = 0; i < 3; i++) {
        CHECK_EQUAL(ociimg_index_entry_kind(index, i), OCIIMG_ENTRY_KIND_IMAGE);
        verify_layers(index, i);
    }
    ociimg_index *selected;
    CHECK_OK(ociimg_index_select(index, p, &selected, &err));
    CHECK_EQUAL(ociimg_index_entry_count(selected), 1);
    verify_layers(selected, 0);
    ociimg_index_free(selected);

    /* An index of an index. */
    ociimg_index_builder *outer;
    ociimg_index *nesting;
    CHECK_OK(ociimg_index_builder_new(OCIIMG_FORMAT_OCI, &outer, &err));
    CHECK_OK(ociimg_index_builder_add_index(outer, index, &err));
    CHECK_OK(ociimg_index_builder_finish(outer, NULL, &nesting, &err));
    CHECK_EQUAL(ociimg_index_builder_count(outer), 1);
    CHECK_EQUAL(ociimg_index_entry_count(nesting), 3);
    verify_layers(nesting, 1);
    ociimg_index_free(index);
    ociimg_matcher *matcher = ociimg_matcher_only_strict(p);
    CHECK_OK(ociimg_index_builder_keep(builder, matcher, &err));
    CHECK_EQUAL(ociimg_index_builder_count(builder), 1);
    CHECK_OK(ociimg_index_builder_keep(outer, matcher, &err));
    CHECK_EQUAL(ociimg_index_builder_count(outer), 1);
    ociimg_matcher_free(matcher);

    ociimg_index_free(nesting);
    ociimg_index_builder_free(outer);
    ociimg_index_builder_free(builder);
    ociimg_platform_free(p);
    base_free(a);
    base_free(b);
}

static void from_an_index(void)
{
    struct base a = base_with_attestation(), b = base_new("riscv64");
    ociimg_index_builder *builder;
    ociimg_index *index;
    ociimg_error *err;
    CHECK_OK(ociimg_index_builder_from(a.index, &builder, &err));
    CHECK_EQUAL(ociimg_index_builder_count(builder), 4);
    CHECK(ociimg_index_builder_descriptor(builder, 3) == NULL);
    CHECK_STATUS(ociimg_index_builder_set_entry_annotation(builder, 3, "a", "b", &err),
                 OCIIMG_STATUS_INVALID_ARGUMENT);
    /* Nothing changed: the bytes are the same, and nothing is asked for again. */
    CHECK_OK(ociimg_index_builder_finish(builder, NULL, &index, &err));
    CHECK_TEXT(ociimg_index_root_digest(index), ociimg_index_root_digest(a.index));
    CHECK_EQUAL(ociimg_index_entry_kind(index, 1), OCIIMG_ENTRY_KIND_ATTESTATION);
    CHECK_EQUAL(ociimg_index_entry_kind(index, 2), OCIIMG_ENTRY_KIND_UNKNOWN);
    CHECK_EQUAL(ociimg_index_entry_kind(index, 3), OCIIMG_ENTRY_KIND_BROKEN);
    verify_layers(index, 0);
    ociimg_index_free(index);

    /* The attestation goes with its image, whose place, annotations and members stay. */
    CHECK_OK(ociimg_index_builder_replace_image(builder, 0, b.image, &err));
    CHECK_EQUAL(ociimg_index_builder_count(builder), 3);
    CHECK_OK(ociimg_index_builder_finish(builder, NULL, &index, &err));
    check_platform(index, 0, "linux/riscv64");
    ociimg_descriptor *d = ociimg_index_entry_descriptor(index, 0);
    CHECK_TEXT(ociimg_descriptor_annotation(d, "a"), "b");
    ociimg_descriptor_free(d);
    verify_layers(index, 0);
    size_t len;
    const uint8_t *json = ociimg_index_root_json(index, &len);
    char text[4000];
    CHECK(len < sizeof text);
    memcpy(text, json, len);
    text[len] = 0;
    CHECK(strstr(text, "\"y\":2") && strstr(text, "\"x\":1.0") && strstr(text, ",7]"));
    ociimg_index_free(index);
    CHECK_OK(ociimg_index_builder_remove(builder, 0, &err));
    CHECK_OK(ociimg_index_builder_remove(builder, 1, &err));
    CHECK_EQUAL(ociimg_index_builder_count(builder), 1);
    ociimg_index_builder_free(builder);

    /* While a copy of its image is listed, an attestation stays. */
    CHECK_OK(ociimg_index_builder_from(a.index, &builder, &err));
    CHECK_OK(ociimg_index_builder_add_image(builder, a.image, NULL, &err));
    CHECK_OK(ociimg_index_builder_remove(builder, 0, &err));
    CHECK_EQUAL(ociimg_index_builder_count(builder), 4);
    CHECK_OK(ociimg_index_builder_remove(builder, 3, &err));
    CHECK_EQUAL(ociimg_index_builder_count(builder), 2);
    ociimg_index_builder_free(builder);
    base_free(a);
    base_free(b);
}

/* Attestations go with the images that are not kept, also those of attestations, and images
 * whose digest is listed twice share theirs. */
static void kept(void)
{
    struct source *s = source_new();
    const struct blob *amd64 = put_image(s, "amd64"), *arm64 = put_image(s, "arm64");
    const struct blob *of_amd64 = put_text(s, "{}"), *of_arm64 = put_text(s, "{ }");
    const struct blob *of_attestation = put_text(s, "{  }");
    char about[3][400];
    const struct blob *subjects[] = {amd64, arm64, of_arm64};
    for (size_t i = 0; i < 3; i++) {
        snprintf(about[i], sizeof about[i],
                 ",\"annotations\":{\"vnd.docker.reference.type\":\"attestation-manifest\","
                 "\"vnd.docker.reference.digest\":\"%s\"},\"platform\":{\"os\":\"unknown\","
                 "\"architecture\":\"unknown\"}",
                 subjects[i]->digest);
    }
    const char *arm = ",\"platform\":{\"os\":\"linux\",\"architecture\":\"arm64\"}";
    s->root = put_text(
        s, "{\"schemaVersion\":2,\"manifests\":[%s,%s,%s,%s,%s,7.50,%s]}",
        describe(MANIFEST, of_attestation, about[2]).text, describe(MANIFEST, amd64, AMD64).text,
        describe(MANIFEST, arm64, arm).text, describe(MANIFEST, of_arm64, about[1]).text,
        describe(MANIFEST, of_amd64, about[0]).text, describe(MANIFEST, arm64, arm).text);
    struct base base = base_of(s);
    ociimg_index_builder *builder;
    ociimg_platform *p;
    ociimg_index *index;
    ociimg_error *err;
    CHECK_OK(ociimg_index_builder_from(base.index, &builder, &err));
    /* The second copy stays, and the attestations with it. */
    CHECK_OK(ociimg_index_builder_remove(builder, 2, &err));
    CHECK_EQUAL(ociimg_index_builder_count(builder), 6);
    CHECK_OK(ociimg_platform_new("linux", "amd64", NULL, NULL, NULL, 0, &p, &err));
    ociimg_matcher *matcher = ociimg_matcher_only_strict(p);
    CHECK_OK(ociimg_index_builder_keep(builder, matcher, &err));
    CHECK_EQUAL(ociimg_index_builder_count(builder), 3);
    CHECK_OK(ociimg_index_builder_finish(builder, NULL, &index, &err));
    static const int kinds[] = {OCIIMG_ENTRY_KIND_IMAGE, OCIIMG_ENTRY_KIND_ATTESTATION,
                                OCIIMG_ENTRY_KIND_BROKEN};
    for (size_t i = 0; i < 3; i++) {
        CHECK_EQUAL(ociimg_index_entry_kind(index, i), kinds[i]);
    }
    size_t len;
    const uint8_t *json = ociimg_index_root_json(index, &len);
    CHECK(len > 7 && memcmp(json + len - 7, ",7.50]}", 7) == 0);
    ociimg_index_free(index);
    ociimg_index_builder_free(builder);
    ociimg_matcher_free(matcher);
    ociimg_platform_free(p);
    base_free(base);
}

/* The root of an index that was changed keeps the algorithm of its digest. */
static void other_algorithm(void)
{
    const char *digest = "sha512:9aae944bbf9b4ac0e315830fe8c71f9cb51d9d9f40551cc110542f30eccc8d24"
                         "d4a7dc45070ac288d5cbd766596fd852016cc45ac91a9ce61303c66197064913";
    struct source *s = source_new();
    s->root =
        put_text(s, "%s",
                 "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\","
                 "\"manifests\":[]}");
    s->root_digest = digest;
    ociimg_loader *loader = source_loader(s);
    ociimg_index *index, *made;
    ociimg_index_builder *b;
    ociimg_error *err;
    CHECK_OK(ociimg_index_load(loader, NULL, NULL, &index, &err));
    CHECK_OK(ociimg_index_builder_from(index, &b, &err));
    CHECK_OK(ociimg_index_builder_finish(b, NULL, &made, &err));
    CHECK_TEXT(ociimg_index_root_digest(made), digest);
    ociimg_index_free(made);
    CHECK_OK(ociimg_index_builder_set_annotation(b, "a", "b", &err));
    CHECK_OK(ociimg_index_builder_finish(b, NULL, &made, &err));
    CHECK(strncmp(ociimg_index_root_digest(made), digest, strlen("sha512:")) == 0);
    CHECK(strcmp(ociimg_index_root_digest(made), digest) != 0);
    ociimg_index_free(made);
    ociimg_index_builder_free(b);
    ociimg_index_free(index);
    ociimg_loader_free(loader);
    source_free(s);
}

static void bad_arguments(void)
{
    struct base a = base_new("amd64");
    ociimg_index_builder *builder, *out;
    ociimg_index *index;
    ociimg_error *err;
    const int invalid = OCIIMG_STATUS_INVALID_ARGUMENT, unsupported = OCIIMG_STATUS_UNSUPPORTED;
    CHECK_OK(ociimg_index_builder_new(OCIIMG_FORMAT_DOCKER, &builder, &err));
    CHECK_STATUS(ociimg_index_builder_new(0, &out, &err), invalid);
    CHECK_STATUS(ociimg_index_builder_from(a.index, &out, &err), invalid);
    CHECK_STATUS(ociimg_index_builder_from(NULL, &out, &err), invalid);
    CHECK_STATUS(ociimg_index_builder_add_image(builder, a.image, NULL, &err), unsupported);
    CHECK_STATUS(ociimg_index_builder_add_image(builder, NULL, NULL, &err), invalid);
    CHECK_STATUS(ociimg_index_builder_add_index(builder, a.index, &err), invalid);
    CHECK_STATUS(ociimg_index_builder_set_annotation(builder, "a", "b", &err), unsupported);
    CHECK_STATUS(ociimg_index_builder_set_annotation(builder, "", "b", &err), invalid);
    CHECK_STATUS(ociimg_index_builder_remove(builder, 0, &err), invalid);
    CHECK_STATUS(ociimg_index_builder_replace_image(builder, 0, a.image, &err), invalid);
    CHECK_STATUS(ociimg_index_builder_keep(builder, NULL, &err), invalid);
    CHECK_STATUS(ociimg_index_builder_finish(NULL, NULL, &index, &err), invalid);
    CHECK_EQUAL(ociimg_index_builder_count(NULL), 0);
    CHECK_OK(ociimg_image_convert(a.image, OCIIMG_FORMAT_DOCKER, &err));
    CHECK_OK(ociimg_index_builder_add_image(builder, a.image, NULL, &err));
    CHECK_OK(ociimg_index_builder_finish(builder, NULL, &index, &err));
    verify_layers(index, 0);
    ociimg_index_free(index);
    ociimg_index_builder_free(builder);
    ociimg_index_builder_free(NULL);
    base_free(a);
}

int main(void)
{
    bound();
    of_images();
    from_an_index();
    kept();
    other_algorithm();
    bad_arguments();
    return 0;
}
