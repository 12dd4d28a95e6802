/* Opens each file of the command line as an image, and reads all of its content. */

#include "check.h"

enum { MAX = 1 << 20 };

static uint8_t out[64 << 10];

static void read_layer(const ociimg_layer *layer, ociimg_read_mode mode, uint32_t workers)
{
    const ociimg_reader_options opts = {.struct_size = sizeof opts,
                                        .max_uncompressed_size = MAX,
                                        .max_window_size = 8 * MAX,
                                        .workers = workers};
    ociimg_reader *reader;
    size_t n = 1;
    ociimg_status status = ociimg_layer_open(layer, mode, &opts, NULL, &reader, NULL);
    while (status == OCIIMG_STATUS_OK && n > 0) {
        status = ociimg_reader_read(reader, out, sizeof out, &n, NULL);
    }
    ociimg_reader_free(reader);
}

static void read_index(const ociimg_index *index)
{
    for (size_t i = 0; i < ociimg_index_entry_count(index); i++) {
        ociimg_image *image;
        ociimg_error *err;
        if (ociimg_index_image(index, i, NULL, &image, &err) != OCIIMG_STATUS_OK) {
            check_line(ociimg_error_message(err), __FILE__, __LINE__);
            ociimg_error_free(err);
            continue;
        }
        for (size_t l = 0; l < ociimg_image_layer_count(image); l++) {
            ociimg_layer *layer = ociimg_image_layer(image, l);
            read_layer(layer, OCIIMG_READ_MODE_STORED, 0);
            read_layer(layer, OCIIMG_READ_MODE_UNCOMPRESSED, l % 2);
            ociimg_layer_free(layer);
        }
        ociimg_image_free(image);
    }
}

int main(int argc, char **argv)
{
    bound();
    for (int i = 1; i < argc; i++) {
        const ociimg_source_options opts = {.struct_size = sizeof opts,
                                            .max_unpacked_size = 4 * MAX};
        ociimg_loader *loader;
        ociimg_index *index = NULL;
        ociimg_error *err;
        ociimg_status status = ociimg_loader_open(argv[i], &opts, NULL, &loader, &err);
        if (status == OCIIMG_STATUS_OK) {
            status = ociimg_index_load(loader, NULL, NULL, &index, &err);
        }
        if (status == OCIIMG_STATUS_OK) {
            read_index(index);
        } else {
            check_line(ociimg_error_message(err), __FILE__, __LINE__);
        }
        CHECK(status != OCIIMG_STATUS_INTERNAL);
        ociimg_error_free(err);
        ociimg_index_free(index);
        ociimg_loader_free(loader);
    }
    return 0;
}
