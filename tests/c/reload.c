/* A program that loads and unloads the library again and again, as a host of plug-ins does,
 * and unpacks a blob with it on a thread that ends before: `reload LIBRARY LAYOUT DIGEST
 * SIZE`. It is not linked to the library, which would keep it loaded. */

#include <dlfcn.h>
#include <ociimg.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 1500 }; /* a process has 1024 keys for data of threads */

static const char *layout, *digest;
static uint64_t size;

static void must(int holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "%s\n", what);
        exit(1);
    }
}

#define FUNCTION(library, name)                                                                    \
    __extension__ __typeof__(&name) use_##name = (__typeof__(&name))dlsym(library, #name);         \
    must(use_##name != NULL, #name)

static void *use(void *library)
{
    FUNCTION(library, ociimg_loader_open);
    FUNCTION(library, ociimg_loader_free);
    FUNCTION(library, ociimg_index_load);
    FUNCTION(library, ociimg_index_free);
    FUNCTION(library, ociimg_descriptor_new);
    FUNCTION(library, ociimg_descriptor_free);
    FUNCTION(library, ociimg_index_open_blob);
    FUNCTION(library, ociimg_reader_read);
    FUNCTION(library, ociimg_reader_free);
    const ociimg_reader_options opts = {.struct_size = sizeof opts, .workers = 1};
    ociimg_loader *loader;
    ociimg_index *index;
    ociimg_descriptor *d;
    ociimg_reader *reader;
    static uint8_t buf[1 << 16];
    size_t n;
    must(use_ociimg_loader_open(layout, NULL, NULL, &loader, NULL) == 0, "loader_open");
    must(use_ociimg_index_load(loader, NULL, NULL, &index, NULL) == 0, "index_load");
    must(use_ociimg_descriptor_new("text/plain", digest, size, &d, NULL) == 0, "descriptor_new");
    must(use_ociimg_index_open_blob(index, d, OCIIMG_READ_MODE_UNCOMPRESSED, &opts, NULL, &reader,
                                    NULL) == 0,
         "open_blob");
    do {
        must(use_ociimg_reader_read(reader, buf, sizeof buf, &n, NULL) == 0, "reader_read");
    } while (n > 0);
    use_ociimg_reader_free(reader);
    use_ociimg_descriptor_free(d);
    use_ociimg_index_free(index);
    use_ociimg_loader_free(loader);
    return NULL;
}

int main(int argc, char **argv)
{
    must(argc == 5, "usage: reload LIBRARY LAYOUT DIGEST SIZE");
    layout = argv[2];
    digest = argv[3];
    size = strtoull(argv[4], NULL, 10);
    for (int i = 0; i < ROUNDS; i++) {
        void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
        must(library != NULL, "dlopen");
        pthread_t thread;
        must(pthread_create(&thread, NULL, use, library) == 0, "pthread_create");
        must(pthread_join(thread, NULL) == 0, "pthread_join");
        must(dlclose(library) == 0, "dlclose");
    }
    return 0;
}
