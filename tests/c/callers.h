/* Shared code of the programs of bad callers: checks of failures, and one handle of each kind. */
#ifndef CALLERS_H
#define CALLERS_H

#include "source.h"

/* The value of a pointer before a call that must clear it. */
#define STALE(type) ((type *)(void *)row)

#define BAD_TEXT "linux\xff"
#define DIGEST "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* A call that makes a `type` in *out fails as expected, with and without room for the error. */
#define FAILS(expected, type, call)                                                                \
    do {                                                                                           \
        type *made = STALE(type), **out = &made;                                                   \
        ociimg_error *err = STALE(ociimg_error), **e = &err;                                       \
        ociimg_status status_ = (call);                                                            \
        check_failure(status_, expected, err, __FILE__, __LINE__, #call);                          \
        CHECK(made == NULL);                                                                       \
        ociimg_error_free(err);                                                                    \
        made = STALE(type);                                                                        \
        e = NULL;                                                                                  \
        CHECK_EQUAL((call), expected);                                                             \
        CHECK(made == NULL);                                                                       \
        (void)out;                                                                                 \
    } while (0)

/* A call without a handle to make fails as expected, with and without room for the error. */
#define FAILS_ONLY(expected, call)                                                                 \
    do {                                                                                           \
        ociimg_error *err = STALE(ociimg_error), **e = &err;                                       \
        ociimg_status status_ = (call);                                                            \
        check_failure(status_, expected, err, __FILE__, __LINE__, #call);                          \
        ociimg_error_free(err);                                                                    \
        e = NULL;                                                                                  \
        CHECK_EQUAL((call), expected);                                                             \
    } while (0)

#define REFUSED(call) FAILS_ONLY(OCIIMG_STATUS_INVALID_ARGUMENT, call)

#define REFUSES(type, call) FAILS(OCIIMG_STATUS_INVALID_ARGUMENT, type, call)

static struct source *source;
static ociimg_loader *loader;
static ociimg_index *loaded;
static ociimg_image *amd64;
static ociimg_layer *layer;
static ociimg_descriptor *descriptor;
static ociimg_platform *platform;
static ociimg_matcher *matcher;

/* Outputs of getters. */
static const char *key, *value;
static size_t len;

static inline void setup(void)
{
    (void)key, (void)value, (void)len;
    ociimg_error *err;
    source = source_new();
    put_index(source);
    loader = source_loader(source);
    CHECK_OK(ociimg_index_load(loader, NULL, NULL, &loaded, &err));
    CHECK_OK(ociimg_index_image(loaded, ENTRY_AMD64, NULL, &amd64, &err));
    layer = ociimg_image_layer(amd64, 0);
    descriptor = ociimg_layer_descriptor(layer);
    platform = ociimg_image_platform(amd64);
    matcher = ociimg_matcher_all();
    CHECK(layer && descriptor && platform && matcher);
}

static inline void teardown(void)
{
    ociimg_loader_free(loader);
    ociimg_index_free(loaded);
    ociimg_image_free(amd64);
    ociimg_layer_free(layer);
    ociimg_descriptor_free(descriptor);
    ociimg_platform_free(platform);
    ociimg_matcher_free(matcher);
    source_free(source);
}

/* A call that returns nothing, with the outputs that it must clear. */
#define CLEARS(call)                                                                               \
    do {                                                                                           \
        key = value = STALE(const char);                                                           \
        len = 5;                                                                                   \
        CHECK(!(call));                                                                            \
    } while (0)

#endif
