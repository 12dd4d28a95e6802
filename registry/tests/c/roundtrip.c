/* roundtrip SOURCE TARGET: copies an image from one repository into another one, on two
 * threads, and lists the tags there. */
#include <ociimg_registry.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(ociimg_status status, ociimg_error **err, const char *what)
{
    if (status != OCIIMG_STATUS_OK) {
        fprintf(stderr, "%s: %s: %s\n", what, ociimg_status_name(status),
                ociimg_error_message(*err));
        exit(1);
    }
}

static void *run(void *copy)
{
    ociimg_error *err = NULL;
    check(ociimg_copy_run(copy, NULL, &err), &err, "copy");
    return NULL;
}

static int32_t visit(void *state, const char *tag)
{
    (void)state;
    puts(tag);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    ociimg_error *err = NULL;
    ociimg_registry *registry;
    ociimg_registry_options options;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.flags = OCIIMG_REGISTRY_NO_AUTH_FILES | OCIIMG_REGISTRY_NO_PROXY;
    check(ociimg_registry_new(&options, &registry, &err), &err, "registry");
    ociimg_loader *loader;
    check(ociimg_registry_loader(registry, argv[1], NULL, &loader, &err), &err, argv[1]);
    ociimg_index *index;
    check(ociimg_index_load(loader, NULL, NULL, &index, &err), &err, argv[1]);
    ociimg_sink *sink;
    check(ociimg_registry_sink(registry, argv[2], &sink, &err), &err, argv[2]);
    const char *names[] = {"one", "two"};
    ociimg_copy_options copy_options;
    memset(&copy_options, 0, sizeof copy_options);
    copy_options.struct_size = sizeof copy_options;
    copy_options.names = names;
    copy_options.name_count = 2;
    ociimg_copy *copy;
    check(ociimg_copy_new(index, sink, &copy_options, &copy, &err), &err, "copy");
    pthread_t other;
    if (pthread_create(&other, NULL, run, copy) != 0)
        return 3;
    run(copy);
    pthread_join(other, NULL);
    check(ociimg_sink_finish(sink, NULL, &err), &err, "finish");
    check(ociimg_registry_list_tags(registry, argv[2], visit, NULL, NULL, &err), &err, "tags");
    ociimg_registry_free(registry);
    ociimg_copy_free(copy);
    ociimg_sink_free(sink);
    ociimg_index_free(index);
    ociimg_loader_free(loader);
    return 0;
}
