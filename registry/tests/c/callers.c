/* Every function with bad arguments: a status and an error, and no crash. */
#include <assert.h>
#include <ociimg_registry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#undef assert
#define assert(what)                                                                               \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what);                             \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static ociimg_error *err;

/* The status is this one, there is an error that says so, and the output is cleared. */
static void failed(ociimg_status status, ociimg_status expected, const void *out)
{
    assert(status == expected);
    assert(out == NULL);
    assert(ociimg_error_status(err) == expected);
    assert(strlen(ociimg_error_message(err)) > 0);
    ociimg_error_free(err);
    err = (ociimg_error *)&err;
}

/* The call comes first: arguments are evaluated in any order. */
#define FAILS(call, expected, out)                                                                 \
    do {                                                                                           \
        ociimg_status status = call;                                                               \
        failed(status, expected, out);                                                             \
    } while (0)

static int32_t visit(void *state, const char *tag)
{
    (void)state;
    (void)tag;
    return 0;
}

int main(void)
{
    const ociimg_status invalid = OCIIMG_STATUS_INVALID_ARGUMENT;
    assert(strlen(ociimg_registry_version()) > 0);
    ociimg_registry_free(NULL);

    ociimg_registry *registry = (ociimg_registry *)&err;
    err = (ociimg_error *)&err;
    FAILS(ociimg_registry_new(NULL, NULL, &err), invalid, NULL);

    struct {
        ociimg_registry_options known;
        uint64_t unknown;
    } options;
    const size_t sizes[] = {0, 1, sizeof options.known - 1, 4097, SIZE_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        memset(&options, 0, sizeof options);
        options.known.struct_size = sizes[i];
        registry = (ociimg_registry *)&err;
        FAILS(ociimg_registry_new(&options.known, &registry, &err), invalid, registry);
    }
    memset(&options, 0, sizeof options);
    options.known.struct_size = sizeof options;
    options.unknown = 1;
    FAILS(ociimg_registry_new(&options.known, &registry, &err), OCIIMG_STATUS_UNSUPPORTED,
          registry);
    options.unknown = 0;
    options.known.flags = 32;
    FAILS(ociimg_registry_new(&options.known, &registry, &err), OCIIMG_STATUS_UNSUPPORTED,
          registry);
    options.known.flags = 0;
    options.known.mirror_count = 1;
    FAILS(ociimg_registry_new(&options.known, &registry, &err), invalid, registry);
    const char *mirrors[] = {"http://mirror"};
    options.known.mirrors = mirrors;
    FAILS(ociimg_registry_new(&options.known, &registry, &err), invalid, registry);
    mirrors[0] = NULL;
    FAILS(ociimg_registry_new(&options.known, &registry, &err), invalid, registry);
    options.known.mirror_count = 0;
    options.known.username = "\xff";
    FAILS(ociimg_registry_new(&options.known, &registry, &err), invalid, registry);
    options.known.username = NULL;
    options.known.token = "a\r\nb";
    FAILS(ociimg_registry_new(&options.known, &registry, &err), invalid, registry);
    options.known.token = NULL;
    options.known.client_key = "key";
    FAILS(ociimg_registry_new(&options.known, &registry, &err), invalid, registry);
    options.known.client_key = "";

    /* A longer struct, whose rest is zero, and texts that are empty: all defaults. */
    err = (ociimg_error *)&err;
    assert(ociimg_registry_new(&options.known, &registry, &err) == OCIIMG_STATUS_OK);
    assert(registry != NULL && err == NULL);
    /* Without anybody who wants to know the error. */
    assert(ociimg_registry_loader(registry, "", NULL, NULL, NULL) == invalid);

    ociimg_loader *loader = (ociimg_loader *)&err;
    err = (ociimg_error *)&err;
    FAILS(ociimg_registry_loader(NULL, "a", NULL, &loader, &err), invalid, loader);
    FAILS(ociimg_registry_loader(registry, "a", NULL, NULL, &err), invalid, NULL);
    const char *names[] = {NULL, "", "A", "a b", "a:", "http://a/b", "a@sha256:1", "\xff"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        loader = (ociimg_loader *)&err;
        FAILS(ociimg_registry_loader(registry, names[i], NULL, &loader, &err), invalid, loader);
        ociimg_sink *sink = (ociimg_sink *)&err;
        FAILS(ociimg_registry_sink(registry, names[i], &sink, &err), invalid, sink);
        FAILS(ociimg_registry_list_tags(registry, names[i], visit, NULL, NULL, &err), invalid,
              NULL);
    }
    ociimg_sink *sink = (ociimg_sink *)&err;
    FAILS(ociimg_registry_sink(NULL, "a", &sink, &err), invalid, sink);
    FAILS(ociimg_registry_sink(registry, "a", NULL, &err), invalid, NULL);
    FAILS(ociimg_registry_sink(registry, "a:tag", &sink, &err), invalid, sink);
    FAILS(ociimg_registry_list_tags(NULL, "a", visit, NULL, NULL, &err), invalid, NULL);
    FAILS(ociimg_registry_list_tags(registry, "a", NULL, NULL, NULL, &err), invalid, NULL);

    /* Cancelled before it begins: nobody is asked. */
    ociimg_context *ctx = ociimg_context_new(NULL, NULL);
    ociimg_context_cancel(ctx);
    loader = (ociimg_loader *)&err;
    FAILS(ociimg_registry_loader(registry, "registry.invalid/a", ctx, &loader, &err),
          OCIIMG_STATUS_CANCELLED, loader);
    ociimg_context_free(ctx);

    /* By digest nobody is asked either. The handle may go first. */
    err = (ociimg_error *)&err;
    assert(
        ociimg_registry_loader(registry,
                               "registry.invalid/a@sha256:"
                               "0000000000000000000000000000000000000000000000000000000000000000",
                               NULL, &loader, &err) == OCIIMG_STATUS_OK);
    assert(loader != NULL && err == NULL);
    assert(ociimg_registry_sink(registry, "registry.invalid/a", &sink, &err) == OCIIMG_STATUS_OK);
    ociimg_registry_free(registry);
    ociimg_loader_free(loader);
    ociimg_sink_free(sink);
    return 0;
}
