/* Handles that are for one thread alone, used on two at once: OCIIMG_STATUS_BUSY, and the
 * other thread's work comes out as if nothing had been. */

#define _XOPEN_SOURCE 700

#include "source.h"
#include "tar.h"
#include <pthread.h>

static atomic_int begun, done;

/* ---- a layer writer ---------------------------------------------------------------------------
 */

enum { FILE_SIZE = 2 << 20, TAR_SIZE = TAR_BLOCK + FILE_SIZE + 2 * TAR_BLOCK };

static uint8_t tar[TAR_SIZE];

static ociimg_layer_writer *writer_new(void)
{
    ociimg_layer_options opts = {.struct_size = sizeof opts, .level = 9};
    ociimg_layer_writer *writer;
    ociimg_error *err;
    CHECK_OK(ociimg_layer_writer_new(&opts, NULL, &writer, &err));
    return writer;
}

/* In one long call, which one of no bytes by the other thread may precede. */
static void *write_all(void *writer)
{
    begun = 1;
    for (;;) {
        ociimg_error *err;
        ociimg_status status = ociimg_layer_writer_write(writer, tar, TAR_SIZE, &err);
        if (status == OCIIMG_STATUS_OK) {
            break;
        }
        check_failure(status, OCIIMG_STATUS_BUSY, err, __FILE__, __LINE__, "the write");
        ociimg_error_free(err);
    }
    done = 1;
    return NULL;
}

/* Whether the writer was found busy twice in a row: by a write, and by what would have ended
 * the layer. */
static bool disturb(ociimg_layer_writer *writer, ociimg_layer **layer)
{
    ociimg_error *err = NULL;
    ociimg_status status = OCIIMG_STATUS_OK;
    while (!begun) {
    }
    while (status == OCIIMG_STATUS_OK && !done) {
        /* Of nothing: it may come before the other thread's. */
        status = ociimg_layer_writer_write(writer, NULL, 0, &err);
    }
    if (status == OCIIMG_STATUS_OK) {
        return false;
    }
    check_failure(status, OCIIMG_STATUS_BUSY, err, __FILE__, __LINE__, "the write");
    ociimg_error_free(err);
    *layer = (ociimg_layer *)&err;
    status = ociimg_layer_writer_finish(writer, layer, &err);
    if (status == OCIIMG_STATUS_OK) {
        return false; /* The other thread was quicker. */
    }
    check_failure(status, OCIIMG_STATUS_BUSY, err, __FILE__, __LINE__, "finish");
    ociimg_error_free(err);
    CHECK(*layer == NULL);
    return true;
}

static void a_layer_writer(void)
{
    tar_header(tar, "file", FILE_SIZE);
    noise(tar + TAR_BLOCK, FILE_SIZE / 2, 1);
    ociimg_layer_writer *writer = writer_new();
    ociimg_layer *expected, *layer;
    ociimg_error *err;
    write_all(writer);
    CHECK_OK(ociimg_layer_writer_finish(writer, &expected, &err));
    ociimg_layer_writer_free(writer);

    bool was_busy = false;
    for (int i = 0; i < 50 && !was_busy; i++) {
        pthread_t thread;
        begun = done = 0;
        layer = NULL;
        writer = writer_new();
        CHECK(pthread_create(&thread, NULL, write_all, writer) == 0);
        was_busy = disturb(writer, &layer);
        CHECK(pthread_join(thread, NULL) == 0);
        if (!layer) {
            CHECK_OK(ociimg_layer_writer_finish(writer, &layer, &err));
        }
        CHECK_TEXT(ociimg_layer_digest(layer), ociimg_layer_digest(expected));
        ociimg_layer_free(layer);
        ociimg_layer_writer_free(writer);
    }
    CHECK(was_busy);
    ociimg_layer_free(expected);
}

/* ---- an image ---------------------------------------------------------------------------------
 */

/* A member that takes some time to set, in two versions. */
enum { MEMBER_SIZE = 1 << 18 };
static char member[2][MEMBER_SIZE + 1];
static int last_set = -1;

static void *set_member(void *image)
{
    for (int i = 0; !done; i ^= 1) {
        ociimg_error *err = NULL;
        begun = 1;
        ociimg_status status = ociimg_image_set_config_member(
            image, "Member", (const uint8_t *)member[i], MEMBER_SIZE, &err);
        if (status == OCIIMG_STATUS_OK) {
            last_set = i;
        } else {
            check_failure(status, OCIIMG_STATUS_BUSY, err, __FILE__, __LINE__, "the edit");
            ociimg_error_free(err);
        }
    }
    return NULL;
}

static void an_image(void)
{
    for (int i = 0; i < 2; i++) {
        memset(member[i], 'a' + i, MEMBER_SIZE);
        member[i][0] = member[i][MEMBER_SIZE - 1] = '"';
    }
    struct source *s = source_new();
    s->root = put_image(s, "amd64");
    ociimg_loader *loader = source_loader(s);
    ociimg_index *index;
    ociimg_image *image;
    ociimg_error *err = NULL;
    CHECK_OK(ociimg_index_load(loader, NULL, NULL, &index, &err));
    CHECK_OK(ociimg_index_image(index, 0, NULL, &image, &err));
    ociimg_layer *layer = ociimg_image_layer(image, 0);

    begun = done = 0;
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, set_member, image) == 0);
    while (!begun) {
    }
    size_t layers = 2;
    char label[20] = "none";
    int busy = 0, absent = 0, other_busy = 0;
    for (int i = 0; busy < 20 || !absent || !other_busy; i++) {
        char value[20];
        snprintf(value, sizeof value, "%d", i);
        ociimg_status status = ociimg_image_set_label(image, "label", value, &err);
        if (status == OCIIMG_STATUS_OK) {
            memcpy(label, value, sizeof label);
        } else {
            check_failure(status, OCIIMG_STATUS_BUSY, err, __FILE__, __LINE__, "the label");
            ociimg_error_free(err);
            busy++;
        }
        if (layers < 5) {
            status = ociimg_image_append_layer(image, layer, NULL, &err);
            layers += status == OCIIMG_STATUS_OK;
        } else {
            status = ociimg_image_convert(image, OCIIMG_FORMAT_OCI, &err);
        }
        if (status != OCIIMG_STATUS_OK) {
            check_failure(status, OCIIMG_STATUS_BUSY, err, __FILE__, __LINE__, "another edit");
            ociimg_error_free(err);
            other_busy++;
        }
        err = NULL;
        /* What is read is the image or nothing, never a half of it. */
        size_t count = ociimg_image_layer_count(image);
        CHECK(count == 0 || count == layers);
        ociimg_image *clone = ociimg_image_clone(image);
        absent += !clone;
        CHECK(!clone || ociimg_image_layer_count(clone) == layers);
        ociimg_image_free(clone);
    }
    done = 1;
    CHECK(pthread_join(thread, NULL) == 0);

    ociimg_config *config = ociimg_image_config(image);
    if (strcmp(label, "none") != 0) {
        CHECK_TEXT(ociimg_config_label(config, "label"), label);
    }
    CHECK(last_set >= 0);
    size_t len;
    const uint8_t *json = ociimg_config_json_at(config, "/config/Member", &len);
    CHECK(json && len == MEMBER_SIZE && memcmp(json, member[last_set], len) == 0);
    CHECK_EQUAL(ociimg_image_layer_count(image), layers);
    ociimg_config_free(config);
    ociimg_layer_free(layer);
    ociimg_image_free(image);
    ociimg_index_free(index);
    ociimg_loader_free(loader);
    source_free(s);
}

int main(void)
{
    bound();
    a_layer_writer();
    an_image();
    return 0;
}
