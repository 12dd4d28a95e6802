/* Bad callers of writing functions: sinks and copies. */

#include "callers.h"
#include "sink.h"

static int32_t write_nothing(void *state, const uint8_t *buf, size_t len, ociimg_call *call)
{
    (void)state, (void)buf, (void)len, (void)call;
    return 0;
}

static void sinks(struct sink *state)
{
    REFUSES(ociimg_sink, ociimg_sink_new(NULL, state, out, e));
    CHECK_EQUAL(ociimg_sink_new(&sink_vtable, state, NULL, NULL), OCIIMG_STATUS_INVALID_ARGUMENT);
    for (int missing = 0; missing < 7; missing++) {
        ociimg_sink_vtable table = sink_vtable;
        switch (missing) {
        case 0:
            table.begin_blob = NULL;
            break;
        case 1:
            table.write = NULL;
            break;
        case 2:
            table.commit_blob = NULL;
            break;
        case 3:
            table.abort_blob = NULL;
            break;
        case 4:
            table.put_manifest = NULL;
            break;
        case 5:
            table.put_root = NULL;
            break;
        case 6:
            table.struct_size = 1;
            break;
        }
        REFUSES(ociimg_sink, ociimg_sink_new(&table, state, out, e));
    }
    ociimg_sink_vtable reserved = sink_vtable;
    reserved.reserved = 1;
    FAILS(OCIIMG_STATUS_UNSUPPORTED, ociimg_sink, ociimg_sink_new(&reserved, state, out, e));

    REFUSES(ociimg_sink, ociimg_sink_open_layout(NULL, NULL, out, e));
    REFUSES(ociimg_sink, ociimg_sink_open_layout("", NULL, out, e));
    CHECK_EQUAL(ociimg_sink_open_layout("/does/not/exist/a", NULL, NULL, NULL),
                OCIIMG_STATUS_INVALID_ARGUMENT);
    REFUSES(ociimg_sink, ociimg_sink_open_archive(NULL, NULL, out, e));
    REFUSES(ociimg_sink, ociimg_sink_open_archive("", NULL, out, e));
    CHECK_EQUAL(ociimg_sink_open_archive("/does/not/exist/a", NULL, NULL, NULL),
                OCIIMG_STATUS_INVALID_ARGUMENT);
    REFUSES(ociimg_sink, ociimg_sink_open_archive_stream(NULL, NULL, NULL, NULL, out, e));
    CHECK_EQUAL(ociimg_sink_open_archive_stream(write_nothing, NULL, NULL, NULL, NULL, NULL),
                OCIIMG_STATUS_INVALID_ARGUMENT);
    ociimg_sink_options opts = {.struct_size = sizeof opts, .flags = 1 << 20};
    FAILS(OCIIMG_STATUS_UNSUPPORTED, ociimg_sink,
          ociimg_sink_open_layout("/does/not/exist/a", &opts, out, e));
    opts = (ociimg_sink_options){.struct_size = sizeof opts, .compression = 9};
    REFUSES(ociimg_sink, ociimg_sink_open_archive("/does/not/exist/a", &opts, out, e));
    opts = (ociimg_sink_options){.struct_size = 1};
    REFUSES(ociimg_sink, ociimg_sink_open_archive_stream(write_nothing, NULL, NULL, &opts, out, e));

    REFUSED(ociimg_sink_finish(NULL, NULL, e));
    ociimg_sink_free(NULL);
}

static void copies(const ociimg_sink *sink)
{
    const char *bad[] = {BAD_TEXT};
    ociimg_copy_options names = {.struct_size = sizeof names, .name_count = 1};
    REFUSES(ociimg_copy, ociimg_copy_new(NULL, sink, NULL, out, e));
    REFUSES(ociimg_copy, ociimg_copy_new(loaded, NULL, NULL, out, e));
    REFUSES(ociimg_copy, ociimg_copy_new(loaded, sink, &names, out, e));
    names.names = bad;
    REFUSES(ociimg_copy, ociimg_copy_new(loaded, sink, &names, out, e));
    names = (ociimg_copy_options){.struct_size = sizeof names, .flags = 1 << 20};
    FAILS(OCIIMG_STATUS_UNSUPPORTED, ociimg_copy, ociimg_copy_new(loaded, sink, &names, out, e));
    CHECK_EQUAL(ociimg_copy_new(loaded, sink, NULL, NULL, NULL), OCIIMG_STATUS_INVALID_ARGUMENT);
    REFUSES(ociimg_copy, ociimg_copy_new_image(NULL, sink, NULL, out, e));
    REFUSES(ociimg_copy, ociimg_copy_new_image(amd64, NULL, NULL, out, e));
    CHECK_EQUAL(ociimg_copy_new_image(amd64, sink, NULL, NULL, NULL),
                OCIIMG_STATUS_INVALID_ARGUMENT);
    REFUSED(ociimg_copy_run(NULL, NULL, e));
    ociimg_copy_free(NULL);

    REFUSED(ociimg_index_write(NULL, sink, NULL, NULL, e));
    REFUSED(ociimg_index_write(loaded, NULL, NULL, NULL, e));
    REFUSED(ociimg_index_write(loaded, sink, BAD_TEXT, NULL, e));
    REFUSED(ociimg_image_write(NULL, sink, NULL, NULL, e));
    REFUSED(ociimg_image_write(amd64, NULL, NULL, NULL, e));
    REFUSED(ociimg_image_write(amd64, sink, BAD_TEXT, NULL, e));
}

int main(void)
{
    bound();
    setup();
    struct sink *state = sink_new();
    sinks(state);
    ociimg_sink *sink = sink_handle(state, 0);
    copies(sink);
    for (int i = 0; i < SINK_CALLBACKS; i++) {
        CHECK_EQUAL(state->calls[i], 0);
    }
    ociimg_sink_free(sink);
    sink_discard(state);
    teardown();
    return 0;
}
