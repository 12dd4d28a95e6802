/* Writes what is at a path to a layout or archive: write SOURCE layout|archive TARGET NAME.
   Ends with the status of the first call that fails. */
#include "ociimg.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(ociimg_status status, ociimg_error *err)
{
    if (status != OCIIMG_STATUS_OK) {
        fprintf(stderr, "%s (errno %d)\n", ociimg_error_message(err), (int)ociimg_error_errno(err));
        exit(status);
    }
}

int main(int argc, char **argv)
{
    ociimg_error *err = NULL;
    ociimg_loader *loader;
    ociimg_index *index;
    ociimg_sink *sink;
    if (argc != 5) {
        return 127;
    }
    ociimg_status status = ociimg_loader_open(argv[1], NULL, NULL, &loader, &err);
    check(status, err);
    status = ociimg_index_load(loader, NULL, NULL, &index, &err);
    check(status, err);
    if (strcmp(argv[2], "layout") == 0) {
        status = ociimg_sink_open_layout(argv[3], NULL, &sink, &err);
    } else {
        status = ociimg_sink_open_archive(argv[3], NULL, &sink, &err);
    }
    check(status, err);
    status = ociimg_index_write(index, sink, argv[4], NULL, &err);
    check(status, err);
    status = ociimg_sink_finish(sink, NULL, &err);
    check(status, err);
    ociimg_sink_free(sink);
    ociimg_index_free(index);
    ociimg_loader_free(loader);
    return 0;
}
