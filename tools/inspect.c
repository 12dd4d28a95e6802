/*
 * inspect: shows what an OCI or Docker image contains, and reads its layers to their
 * verified end.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 *     cc -Iinclude tools/inspect.c -o inspect -Ltarget/release -lociimg
 *
 * Two habits to copy: a function that can fail passes the library's error to its caller,
 * and complain() is the one place that prints and frees it; a handle is freed in the
 * function that got it, on every path, since freeing NULL does nothing.
 *
 * Text from documents is written through put_text(): an image must not control the
 * terminal of the person who looks at it.
 */

#define _POSIX_C_SOURCE 200809L /* sigaction, isatty */

#include "ociimg.h"
#ifdef OCIIMG_WITH_REGISTRY
#include "ociimg_registry.h"
#endif

#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_BAD = 1, EXIT_USAGE = 2, EXIT_CANCELLED = 130 };

static const char USAGE[] =
    "usage: inspect [OPTION]... SOURCE\n"
    "\n"
    "Shows what an image contains, and reads and verifies its layers. SOURCE is an OCI image\n"
    "layout (a folder), an OCI archive or what docker save writes, compressed or not"
#ifdef OCIIMG_WITH_REGISTRY
    ",\n"
    "or a registry's image as docker://REFERENCE"
#endif
    ".\n"
    "\n"
    "  --platform P  the image for platform P (\"linux/arm64\"), not for this machine\n"
    "  --all         every image and artifact, for whichever platform\n"
    "  --verify      read all content of every entry, and show only whether it is right\n"
    "  --ref NAME    only what has this name or tag\n"
    "  --digest D    the root must have digest D\n"
    "  --stored      read layers as they are stored, without unpacking them\n"
    "  --json        write JSON\n"
    "  --help        write this text\n"
    "\n"
    "Exit status: 0 everything asked for is there and verified; 1 it is not; 2 wrong usage;\n"
    "130 interrupted.\n";

struct options {
    const char *source, *platform, *ref, *digest;
    bool all, verify, stored, json;
    bool progress; /* a person watches */
};

/* ---- text --------------------------------------------------------------------- */

/* Returns the character at *text and advances *text. The library's texts are UTF-8; bytes of the
 * command line that are not become U+FFFD. */
static uint32_t next_char(const char **text)
{
    const unsigned char *s = (const unsigned char *)*text;
    unsigned more = s[0] >= 0xf0 ? 3 : s[0] >= 0xe0 ? 2 : s[0] >= 0xc0 ? 1 : 0;
    uint32_t c = more > 0 ? s[0] & (0x3fu >> more) : s[0] < 0x80 ? s[0] : 0xfffd;
    for (unsigned i = 1; i <= more; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            more = 0;
            c = 0xfffd;
            break;
        }
        c = c << 6 | (s[i] & 0x3f);
    }
    *text += 1 + more;
    return c;
}

/* Characters that a terminal obeys instead of showing: controls, invisible ones, and those that
 * change the direction of writing. */
static bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
           c == 0xfffd;
}

/* Writes text with its controls as \uXXXX, in quotes as a JSON string; gives how many
 * characters that takes. Without a file it only counts. */
static size_t put_text(FILE *out, const char *text, bool quoted)
{
    size_t width = 0;
    char piece[8];
    if (quoted && out != NULL)
        fputc('"', out);
    while (*text != '\0') {
        const char *start = text;
        uint32_t c = next_char(&text);
        int length;
        if (is_control(c))
            length = snprintf(piece, sizeof piece, "\\u%04x", (unsigned)c);
        else
            length =
                snprintf(piece, sizeof piece, "%s%.*s",
                         quoted && (c == '"' || c == '\\') ? "\\" : "", (int)(text - start), start);
        width += is_control(c) ? (size_t)length : 1;
        if (out != NULL)
            fputs(piece, out);
    }
    if (quoted && out != NULL)
        fputc('"', out);
    return width;
}

/* Writes "os(version)/architecture/variant", or "-" for none, and frees the platform. */
static size_t put_platform(FILE *out, ociimg_platform *platform)
{
    const char *text = ociimg_platform_format_all(platform);
    size_t width = put_text(out, text != NULL ? text : "-", false);
    ociimg_platform_free(platform);
    return width;
}

static const char *kind_name(ociimg_entry_kind kind)
{
    switch (kind) {
    case OCIIMG_ENTRY_KIND_IMAGE:
        return "image";
    case OCIIMG_ENTRY_KIND_ATTESTATION:
        return "attestation";
    case OCIIMG_ENTRY_KIND_ARTIFACT:
        return "artifact";
    case OCIIMG_ENTRY_KIND_BROKEN:
        return "broken";
    default:
        return "unknown";
    }
}

/* Prints the error on stderr, and frees it. Returns false, for the caller to return. */
static bool complain(ociimg_error *err)
{
    const char *message = ociimg_error_message(err);
    const char *digest = ociimg_error_digest(err);
    fflush(stdout);
    fprintf(stderr, "inspect: %s: %s", ociimg_status_name(ociimg_error_status(err)), message);
    if (digest != NULL && strstr(message, digest) == NULL)
        fprintf(stderr, " (%s)", digest);
    fputc('\n', stderr);
    ociimg_error_free(err);
    return false;
}

/* ---- JSON --------------------------------------------------------------------- */

/* Writes on stdout; keys are NULL inside lists. */
struct json {
    bool first; /* in its list or object, so that no comma comes before */
};

static void json_key(struct json *json, const char *key)
{
    if (!json->first)
        fputc(',', stdout);
    json->first = false;
    if (key != NULL) {
        put_text(stdout, key, true);
        fputc(':', stdout);
    }
}

static void json_open(struct json *json, const char *key, char bracket)
{
    json_key(json, key);
    fputc(bracket, stdout);
    json->first = true;
}

static void json_close(struct json *json, char bracket)
{
    fputc(bracket, stdout);
    json->first = false;
}

static void json_text(struct json *json, const char *key, const char *text)
{
    json_key(json, key);
    if (text != NULL)
        put_text(stdout, text, true);
    else
        fputs("null", stdout);
}

static void json_number(struct json *json, const char *key, uint64_t number)
{
    json_key(json, key);
    printf("%" PRIu64, number);
}

static void json_bool(struct json *json, const char *key, bool value)
{
    json_key(json, key);
    fputs(value ? "true" : "false", stdout);
}

static void json_error(struct json *json, const ociimg_error *err)
{
    if (err == NULL) {
        json_text(json, "error", NULL);
        return;
    }
    json_open(json, "error", '{');
    json_text(json, "status", ociimg_status_name(ociimg_error_status(err)));
    json_text(json, "message", ociimg_error_message(err));
    json_text(json, "digest", ociimg_error_digest(err));
    json_close(json, '}');
}

/* Frees the platform. */
static void json_platform(struct json *json, ociimg_platform *platform)
{
    if (platform == NULL) {
        json_text(json, "platform", NULL);
        return;
    }
    json_open(json, "platform", '{');
    json_text(json, "os", ociimg_platform_os(platform));
    json_text(json, "architecture", ociimg_platform_architecture(platform));
    json_text(json, "variant", ociimg_platform_variant(platform));
    json_text(json, "os_version", ociimg_platform_os_version(platform));
    json_open(json, "os_features", '[');
    for (size_t i = 0; i < ociimg_platform_os_feature_count(platform); i++)
        json_text(json, NULL, ociimg_platform_os_feature_at(platform, i));
    json_close(json, ']');
    json_close(json, '}');
    ociimg_platform_free(platform);
}

/* Frees the descriptor. */
static void json_descriptor(struct json *json, ociimg_descriptor *descriptor)
{
    const char *key, *value;
    size_t embedded;
    if (descriptor == NULL) {
        json_text(json, "descriptor", NULL);
        return;
    }
    json_open(json, "descriptor", '{');
    json_text(json, "media_type", ociimg_descriptor_media_type(descriptor));
    json_text(json, "digest", ociimg_descriptor_digest(descriptor));
    json_number(json, "size", ociimg_descriptor_size(descriptor));
    json_text(json, "artifact_type", ociimg_descriptor_artifact_type(descriptor));
    json_platform(json, ociimg_descriptor_platform(descriptor));
    json_open(json, "urls", '[');
    for (size_t i = 0; i < ociimg_descriptor_url_count(descriptor); i++)
        json_text(json, NULL, ociimg_descriptor_url_at(descriptor, i));
    json_close(json, ']');
    json_open(json, "annotations", '{');
    for (size_t i = 0; ociimg_descriptor_annotation_at(descriptor, i, &key, &value); i++)
        json_text(json, key, value);
    json_close(json, '}');
    json_bool(json, "embedded", ociimg_descriptor_data(descriptor, &embedded) != NULL);
    json_close(json, '}');
    ociimg_descriptor_free(descriptor);
}

/* ---- the index ----------------------------------------------------------------- */

static void json_index(struct json *json, const ociimg_index *index)
{
    size_t size;
    ociimg_index_root_json(index, &size);
    json_open(json, "root", '{');
    json_text(json, "digest", ociimg_index_root_digest(index));
    json_number(json, "size", size);
    json_bool(json, "verified", ociimg_index_root_is_verified(index));
    json_close(json, '}');

    json_open(json, "entries", '[');
    for (size_t i = 0; i < ociimg_index_entry_count(index); i++) {
        ociimg_error *err = ociimg_index_entry_error(index, i);
        json_open(json, NULL, '{');
        json_text(json, "kind", kind_name(ociimg_index_entry_kind(index, i)));
        json_text(json, "name", ociimg_index_entry_name(index, i));
        json_platform(json, ociimg_index_entry_platform(index, i));
        json_descriptor(json, ociimg_index_entry_descriptor(index, i));
        json_error(json, err);
        json_close(json, '}');
        ociimg_error_free(err);
    }
    json_close(json, ']');
}

static void print_entry(const ociimg_index *index, size_t i, size_t column)
{
    ociimg_descriptor *descriptor = ociimg_index_entry_descriptor(index, i);
    ociimg_error *err = ociimg_index_entry_error(index, i);
    const char *name = ociimg_index_entry_name(index, i);
    printf("%-12s", kind_name(ociimg_index_entry_kind(index, i)));
    size_t width = put_platform(stdout, ociimg_index_entry_platform(index, i));
    if (descriptor != NULL)
        printf("%*s %10" PRIu64 "  %s\n", (int)(column - width), "",
               ociimg_descriptor_size(descriptor), ociimg_descriptor_digest(descriptor));
    else
        printf("%*s %10s  -\n", (int)(column - width), "", "-");
    if (name != NULL) {
        fputs("            name ", stdout);
        put_text(stdout, name, false);
        fputc('\n', stdout);
    }
    if (err != NULL)
        printf("            %s: %s\n", ociimg_status_name(ociimg_error_status(err)),
               ociimg_error_message(err));
    ociimg_error_free(err);
    ociimg_descriptor_free(descriptor);
}

static void print_index(const ociimg_index *index)
{
    size_t count = ociimg_index_entry_count(index);
    size_t column = strlen("PLATFORM");
    for (size_t i = 0; i < count; i++) {
        size_t width = put_platform(NULL, ociimg_index_entry_platform(index, i));
        column = width > column ? width : column;
    }
    printf("root %s, %s\n\n", ociimg_index_root_digest(index),
           ociimg_index_root_is_verified(index) ? "verified"
                                                : "not verified: the source knows no digest of it");
    printf("%-12s%-*s %10s  %s\n", "KIND", (int)column, "PLATFORM", "SIZE", "DIGEST");
    for (size_t i = 0; i < count; i++)
        print_entry(index, i, column);
}

/* ---- the config ---------------------------------------------------------------- */

static const struct {
    const char *name;
    const char *(*get)(const ociimg_config *);
} TEXTS[] = {
    {"created", ociimg_config_created},
    {"author", ociimg_config_author},
    {"user", ociimg_config_user},
    {"working_dir", ociimg_config_working_dir},
    {"stop_signal", ociimg_config_stop_signal},
};

static const struct {
    const char *name;
    size_t (*count)(const ociimg_config *);
    const char *(*at)(const ociimg_config *, size_t);
} LISTS[] = {
    {"entrypoint", ociimg_config_entrypoint_count, ociimg_config_entrypoint_at},
    {"cmd", ociimg_config_cmd_count, ociimg_config_cmd_at},
    {"env", ociimg_config_env_count, ociimg_config_env_at},
    {"exposed_ports", ociimg_config_exposed_port_count, ociimg_config_exposed_port_at},
    {"volumes", ociimg_config_volume_count, ociimg_config_volume_at},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void json_config(struct json *json, const ociimg_config *config)
{
    const char *key, *value;
    size_t layer;
    json_open(json, "config", '{');
    for (size_t i = 0; i < COUNT(TEXTS); i++)
        json_text(json, TEXTS[i].name, TEXTS[i].get(config));
    for (size_t i = 0; i < COUNT(LISTS); i++) {
        json_open(json, LISTS[i].name, '[');
        for (size_t n = 0; n < LISTS[i].count(config); n++)
            json_text(json, NULL, LISTS[i].at(config, n));
        json_close(json, ']');
    }
    json_open(json, "labels", '{');
    for (size_t i = 0; ociimg_config_label_at(config, i, &key, &value); i++)
        json_text(json, key, value);
    json_close(json, '}');
    json_open(json, "history", '[');
    for (size_t i = 0; i < ociimg_config_history_count(config); i++) {
        json_open(json, NULL, '{');
        json_text(json, "created", ociimg_config_history_created(config, i));
        json_text(json, "created_by", ociimg_config_history_created_by(config, i));
        json_text(json, "author", ociimg_config_history_author(config, i));
        json_text(json, "comment", ociimg_config_history_comment(config, i));
        json_bool(json, "empty_layer", ociimg_config_history_empty_layer(config, i));
        if (ociimg_config_history_layer(config, i, &layer))
            json_number(json, "layer", layer);
        json_close(json, '}');
    }
    json_close(json, ']');
    json_close(json, '}');
}

/* One line about the image. */
static void print_field(const char *name, const char *key, const char *value, bool quoted)
{
    printf("  %-14s", name);
    if (key != NULL) {
        put_text(stdout, key, false);
        fputc('=', stdout);
    }
    put_text(stdout, value, quoted);
    fputc('\n', stdout);
}

static void print_config(const ociimg_config *config)
{
    const char *key, *value;
    for (size_t i = 0; i < COUNT(TEXTS); i++)
        if (TEXTS[i].get(config) != NULL)
            print_field(TEXTS[i].name, NULL, TEXTS[i].get(config), false);
    for (size_t i = 0; i < COUNT(LISTS); i++)
        for (size_t n = 0; n < LISTS[i].count(config); n++)
            print_field(n == 0 ? LISTS[i].name : "", NULL, LISTS[i].at(config, n), true);
    for (size_t i = 0; ociimg_config_label_at(config, i, &key, &value); i++)
        print_field(i == 0 ? "labels" : "", key, value, false);
}

/* The steps of the history, each beside the layer that it made. */
static void print_history(const ociimg_image *image, const ociimg_config *config)
{
    for (size_t i = 0; i < ociimg_config_history_count(config); i++) {
        const char *step = ociimg_config_history_created_by(config, i);
        size_t place = 0;
        ociimg_layer *layer = NULL;
        if (ociimg_config_history_layer(config, i, &place))
            layer = ociimg_image_layer(image, place);
        printf("  %-14s", i == 0 ? "history" : "");
        if (layer != NULL)
            printf("layer %zu  ", place);
        else
            fputs("-        ", stdout);
        put_text(stdout, step != NULL ? step : "", false);
        fputc('\n', stdout);
        ociimg_layer_free(layer);
    }
}

/* ---- layers -------------------------------------------------------------------- */

/* Draws how much of the stored blob was read, when the figure changes. */
static void draw_progress(const ociimg_reader *reader, uint64_t size, int *drawn)
{
    uint64_t read = ociimg_reader_stored_read(reader);
    int percent = size > 0 ? (int)((double)read / (double)size * 100) : 100;
    if (percent == *drawn)
        return;
    *drawn = percent;
    fprintf(stderr, "\r  [%-50.*s] %3d %%", percent / 2,
            "##################################################", percent);
}

static void clear_progress(void)
{
    fprintf(stderr, "\r%60s\r", "");
}

/* Reads to the end and frees the reader; *bytes is what came out. The end is reached only
 * when size, digest and, of uncompressed content, diff ID are right. */
static bool read_all(const struct options *o, ociimg_reader *reader, uint64_t size, uint64_t *bytes,
                     ociimg_error **err)
{
    static uint8_t buffer[64 * 1024];
    size_t n = 0;
    int drawn = -1;
    *bytes = 0;
    while (ociimg_reader_read(reader, buffer, sizeof buffer, &n, err) == OCIIMG_STATUS_OK &&
           n > 0) {
        *bytes += n;
        if (o->progress)
            draw_progress(reader, size, &drawn);
    }
    bool verified = ociimg_reader_is_verified(reader);
    if (o->progress)
        clear_progress();
    ociimg_reader_free(reader);
    return verified;
}

static bool read_layer(const struct options *o, const ociimg_layer *layer, ociimg_read_mode mode,
                       const ociimg_context *ctx, uint64_t *bytes, ociimg_error **err)
{
    ociimg_reader_options options = {.struct_size = sizeof options, .workers = 1};
    ociimg_reader *reader;
    *bytes = 0;
    return ociimg_layer_open(layer, mode, &options, ctx, &reader, err) == OCIIMG_STATUS_OK &&
           read_all(o, reader, ociimg_layer_size(layer), bytes, err);
}

/* Reads what a descriptor of the index's source names, and frees the descriptor. */
static bool read_blob(const struct options *o, const ociimg_index *index,
                      ociimg_descriptor *descriptor, const ociimg_context *ctx, ociimg_error **err)
{
    ociimg_reader *reader;
    uint64_t bytes;
    bool verified = ociimg_index_open_blob(index, descriptor, OCIIMG_READ_MODE_STORED, NULL, ctx,
                                           &reader, err) == OCIIMG_STATUS_OK &&
                    read_all(o, reader, ociimg_descriptor_size(descriptor), &bytes, err);
    ociimg_descriptor_free(descriptor);
    return verified;
}

/* Uncompressed where the media type is that of a layer which the library unpacks; encrypted
 * layers and other content as stored. */
static ociimg_read_mode mode_for(const struct options *o, const ociimg_layer *layer)
{
    static const char *const TYPES[] = {"application/vnd.oci.image.layer.v1.tar",
                                        "application/vnd.oci.image.layer.nondistributable.v1.tar"};
    static const char *const ENDS[] = {"", "+gzip", "+zstd"};
    const char *type = ociimg_layer_oci_media_type(layer);
    for (size_t i = 0; i < COUNT(TYPES) && !o->stored; i++)
        for (size_t n = 0; n < COUNT(ENDS); n++)
            if (strncmp(type, TYPES[i], strlen(TYPES[i])) == 0 &&
                strcmp(type + strlen(TYPES[i]), ENDS[n]) == 0)
                return OCIIMG_READ_MODE_UNCOMPRESSED;
    return OCIIMG_READ_MODE_STORED;
}

/* A nondistributable layer may be kept elsewhere. */
static bool may_be_absent(const ociimg_layer *layer, const ociimg_error *err)
{
    return ociimg_error_status(err) == OCIIMG_STATUS_NOT_FOUND &&
           strstr(ociimg_layer_oci_media_type(layer), ".nondistributable.") != NULL;
}

static void json_layer(struct json *json, const ociimg_layer *layer, ociimg_read_mode mode,
                       uint64_t bytes, bool verified, const ociimg_error *err)
{
    json_open(json, NULL, '{');
    json_descriptor(json, ociimg_layer_descriptor(layer));
    json_text(json, "oci_media_type", ociimg_layer_oci_media_type(layer));
    json_text(json, "diff_id", ociimg_layer_diff_id(layer));
    json_bool(json, "uncompressed", mode == OCIIMG_READ_MODE_UNCOMPRESSED);
    json_number(json, "bytes_read", bytes);
    json_bool(json, "verified", verified);
    json_error(json, err);
    json_close(json, '}');
}

static void print_layer(const ociimg_layer *layer, ociimg_read_mode mode, uint64_t bytes,
                        bool verified, const ociimg_error *err)
{
    printf("  %s  %10" PRIu64 "  ", ociimg_layer_digest(layer), ociimg_layer_size(layer));
    if (!verified)
        printf("%s%s\n", ociimg_status_name(ociimg_error_status(err)),
               may_be_absent(layer, err) ? ", kept elsewhere" : "");
    else if (mode == OCIIMG_READ_MODE_UNCOMPRESSED)
        printf("verified, unpacks to %" PRIu64 "\n", bytes);
    else
        puts("verified as stored");
}

static bool show_layer(const struct options *o, struct json *json, const ociimg_layer *layer,
                       const ociimg_context *ctx)
{
    ociimg_error *err = NULL;
    uint64_t bytes;
    ociimg_read_mode mode = mode_for(o, layer);
    bool verified = read_layer(o, layer, mode, ctx, &bytes, &err);
    if (o->json)
        json_layer(json, layer, mode, bytes, verified, err);
    else
        print_layer(layer, mode, bytes, verified, err);
    if (verified || may_be_absent(layer, err)) {
        ociimg_error_free(err);
        return true;
    }
    return complain(err);
}

static bool show_layers(const struct options *o, struct json *json, const ociimg_image *image,
                        const ociimg_context *ctx)
{
    bool good = true;
    fflush(stdout); /* reading may take a while */
    for (size_t i = 0; i < ociimg_image_layer_count(image); i++) {
        ociimg_layer *layer = ociimg_image_layer(image, i);
        good &= show_layer(o, json, layer, ctx);
        ociimg_layer_free(layer);
        if (ociimg_context_is_cancelled(ctx))
            return false;
    }
    return good;
}

/* ---- the image ------------------------------------------------------------------ */

static bool json_image(const struct options *o, struct json *json, const ociimg_image *image,
                       const ociimg_context *ctx)
{
    const char *key, *value;
    ociimg_config *config = ociimg_image_config(image);
    json_text(json, "manifest_digest", ociimg_image_manifest_digest(image));
    json_text(json, "config_digest", ociimg_image_config_digest(image));
    json_platform(json, ociimg_image_platform(image));
    json_open(json, "annotations", '{');
    for (size_t i = 0; ociimg_image_annotation_at(image, i, &key, &value); i++)
        json_text(json, key, value);
    json_close(json, '}');
    json_config(json, config);
    ociimg_config_free(config);
    json_open(json, "layers", '[');
    bool good = show_layers(o, json, image, ctx);
    json_close(json, ']');
    return good;
}

static bool print_image(const struct options *o, const ociimg_image *image,
                        const ociimg_context *ctx)
{
    const char *key, *value;
    ociimg_config *config = ociimg_image_config(image);
    fputs("\nimage for ", stdout);
    put_platform(stdout, ociimg_image_platform(image));
    fputc('\n', stdout);
    print_field("manifest", NULL, ociimg_image_manifest_digest(image), false);
    print_field("config", NULL, ociimg_image_config_digest(image), false);
    print_config(config);
    print_history(image, config);
    ociimg_config_free(config);
    for (size_t i = 0; ociimg_image_annotation_at(image, i, &key, &value); i++)
        print_field(i == 0 ? "annotations" : "", key, value, false);
    printf("layers\n");
    return show_layers(o, NULL, image, ctx);
}

/* Shows an image, or the error instead, and frees both. */
static bool show_image(const struct options *o, struct json *json, ociimg_status status,
                       ociimg_image *image, ociimg_error *err, const ociimg_context *ctx)
{
    bool good = status == OCIIMG_STATUS_OK;
    if (o->json) {
        json_open(json, NULL, '{');
        good = good && json_image(o, json, image, ctx);
        json_error(json, err);
        json_close(json, '}');
    } else if (good) {
        good = print_image(o, image, ctx);
    }
    ociimg_image_free(image);
    return err != NULL ? complain(err) : good;
}

/* ---- artifacts ------------------------------------------------------------------ */

static void json_manifest(struct json *json, const ociimg_manifest *manifest)
{
    json_text(json, "manifest_digest", ociimg_manifest_digest(manifest));
    json_text(json, "media_type", ociimg_manifest_media_type(manifest));
    json_text(json, "artifact_type", ociimg_manifest_artifact_type(manifest));
    json_open(json, "layers", '[');
    for (size_t i = 0; i < ociimg_manifest_layer_count(manifest); i++) {
        json_open(json, NULL, '{');
        json_descriptor(json, ociimg_manifest_layer(manifest, i));
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void print_manifest(const ociimg_manifest *manifest)
{
    const char *key, *value;
    const char *type = ociimg_manifest_artifact_type(manifest);
    ociimg_descriptor *config = ociimg_manifest_config(manifest);
    ociimg_descriptor *subject = ociimg_manifest_subject(manifest);
    fputs("\nartifact ", stdout);
    put_text(stdout, type != NULL ? type : ociimg_descriptor_media_type(config), false);
    fputc('\n', stdout);
    print_field("manifest", NULL, ociimg_manifest_digest(manifest), false);
    print_field("config", NULL, ociimg_descriptor_digest(config), false);
    if (subject != NULL)
        print_field("subject", NULL, ociimg_descriptor_digest(subject), false);
    for (size_t i = 0; ociimg_manifest_annotation_at(manifest, i, &key, &value); i++)
        print_field(i == 0 ? "annotations" : "", key, value, false);
    puts("layers");
    for (size_t i = 0; i < ociimg_manifest_layer_count(manifest); i++) {
        ociimg_descriptor *layer = ociimg_manifest_layer(manifest, i);
        const char *title = ociimg_descriptor_annotation(layer, "org.opencontainers.image.title");
        printf("  %s  %10" PRIu64 "  ", ociimg_descriptor_digest(layer),
               ociimg_descriptor_size(layer));
        put_text(stdout, title != NULL ? title : ociimg_descriptor_media_type(layer), false);
        fputc('\n', stdout);
        ociimg_descriptor_free(layer);
    }
    ociimg_descriptor_free(subject);
    ociimg_descriptor_free(config);
}

static bool show_artifact(const struct options *o, struct json *json, const ociimg_index *index,
                          size_t i, const ociimg_context *ctx)
{
    ociimg_error *err = NULL;
    ociimg_manifest *manifest;
    bool good = ociimg_index_manifest(index, i, ctx, &manifest, &err) == OCIIMG_STATUS_OK;
    if (o->json) {
        json_open(json, NULL, '{');
        if (good)
            json_manifest(json, manifest);
        json_error(json, err);
        json_close(json, '}');
    } else if (good) {
        print_manifest(manifest);
    }
    ociimg_manifest_free(manifest);
    return good || complain(err);
}

/* ---- verification ----------------------------------------------------------------- */

/* Reads config and layers of an entry that is no image. */
static bool verify_manifest(const struct options *o, const ociimg_index *index, size_t i,
                            const ociimg_context *ctx, ociimg_error **err)
{
    ociimg_manifest *manifest;
    if (ociimg_index_manifest(index, i, ctx, &manifest, err) != OCIIMG_STATUS_OK)
        return false;
    bool good = read_blob(o, index, ociimg_manifest_config(manifest), ctx, err);
    for (size_t n = 0; good && n < ociimg_manifest_layer_count(manifest); n++)
        good = read_blob(o, index, ociimg_manifest_layer(manifest, n), ctx, err);
    ociimg_manifest_free(manifest);
    return good;
}

/* Counts the foreign layers that are absent. */
static bool verify_image(const struct options *o, const ociimg_index *index, size_t i,
                         const ociimg_context *ctx, size_t *absent, ociimg_error **err)
{
    ociimg_image *image;
    if (ociimg_index_image(index, i, ctx, &image, err) != OCIIMG_STATUS_OK)
        return false;
    bool good = true;
    for (size_t n = 0; good && n < ociimg_image_layer_count(image); n++) {
        ociimg_layer *layer = ociimg_image_layer(image, n);
        uint64_t bytes;
        good = read_layer(o, layer, mode_for(o, layer), ctx, &bytes, err);
        if (!good && may_be_absent(layer, *err)) {
            ociimg_error_free(*err);
            *err = NULL;
            good = true;
            ++*absent;
        }
        ociimg_layer_free(layer);
    }
    ociimg_image_free(image);
    return good;
}

/* Reads all content of every entry; false where some is missing or wrong. */
static bool verify_all(const struct options *o, struct json *json, const ociimg_index *index,
                       const ociimg_context *ctx)
{
    bool good = true;
    for (size_t i = 0; i < ociimg_index_entry_count(index) && !ociimg_context_is_cancelled(ctx);
         i++) {
        ociimg_error *err = NULL;
        bool verified = false;
        size_t absent = 0;
        switch (ociimg_index_entry_kind(index, i)) {
        case OCIIMG_ENTRY_KIND_BROKEN:
            err = ociimg_index_entry_error(index, i);
            break;
        case OCIIMG_ENTRY_KIND_IMAGE:
            verified = verify_image(o, index, i, ctx, &absent, &err);
            if (ociimg_error_status(err) != OCIIMG_STATUS_NOT_AN_IMAGE)
                break;
            ociimg_error_free(err);
            err = NULL;
            /* fall through */
        case OCIIMG_ENTRY_KIND_ATTESTATION:
        case OCIIMG_ENTRY_KIND_ARTIFACT:
            verified = verify_manifest(o, index, i, ctx, &err);
            break;
        default:
            verified = read_blob(o, index, ociimg_index_entry_descriptor(index, i), ctx, &err);
        }
        if (o->json) {
            json_open(json, NULL, '{');
            json_number(json, "entry", i);
            json_bool(json, "verified", verified);
            json_number(json, "absent_foreign_layers", absent);
            json_error(json, err);
            json_close(json, '}');
        } else {
            printf("entry %zu: %s", i,
                   verified ? "verified" : ociimg_status_name(ociimg_error_status(err)));
            if (verified && absent > 0)
                printf(", except %zu foreign %s that the source does not have", absent,
                       absent == 1 ? "layer" : "layers");
            putchar('\n');
        }
        good &= verified || complain(err);
    }
    return good;
}

/* ---- the whole ------------------------------------------------------------------ */

static ociimg_status open_source(const char *source, const ociimg_source_options *options,
                                 const ociimg_context *ctx, ociimg_loader **loader,
                                 ociimg_error **err)
{
#ifdef OCIIMG_WITH_REGISTRY
    if (strncmp(source, "docker://", 9) == 0) {
        ociimg_registry *registry;
        ociimg_status status = ociimg_registry_new(NULL, &registry, err);
        *loader = NULL;
        if (status == OCIIMG_STATUS_OK)
            status = ociimg_registry_loader(registry, source + 9, ctx, loader, err);
        ociimg_registry_free(registry); /* the loader keeps what it needs */
        return status;
    }
#endif
    return ociimg_loader_open(source, options, ctx, loader, err);
}

/* Returns NULL and sets *err on failure. The index keeps what it needs of the loader. */
static ociimg_index *load(const struct options *o, const ociimg_context *ctx, ociimg_error **err)
{
    ociimg_source_options source = {.struct_size = sizeof source, .ref_name = o->ref};
    ociimg_load_options options = {.struct_size = sizeof options, .root_digest = o->digest};
    ociimg_loader *loader;
    ociimg_index *index = NULL;
    bool good = open_source(o->source, &source, ctx, &loader, err) == OCIIMG_STATUS_OK &&
                ociimg_index_load(loader, &options, ctx, &index, err) == OCIIMG_STATUS_OK;
    ociimg_loader_free(loader);
    return good ? index : NULL;
}

/* The image that was asked for; false where there is none, or it is bad. */
static bool show_best(const struct options *o, struct json *json, const ociimg_index *index,
                      const ociimg_platform *platform, const ociimg_context *ctx)
{
    ociimg_error *err = NULL;
    ociimg_image *image;
    ociimg_status status = ociimg_index_image_for(index, platform, ctx, &image, &err);
    return show_image(o, json, status, image, err, ctx);
}

/* Every image and artifact; false where one is bad or BROKEN. */
static bool show_all(const struct options *o, struct json *json, const ociimg_index *index,
                     const ociimg_context *ctx)
{
    bool good = true;
    for (size_t i = 0; i < ociimg_index_entry_count(index) && !ociimg_context_is_cancelled(ctx);
         i++) {
        ociimg_error *err = NULL;
        ociimg_image *image;
        ociimg_status status;
        switch (ociimg_index_entry_kind(index, i)) {
        case OCIIMG_ENTRY_KIND_BROKEN:
            good = complain(ociimg_index_entry_error(index, i));
            break;
        case OCIIMG_ENTRY_KIND_IMAGE:
            status = ociimg_index_image(index, i, ctx, &image, &err);
            if (status != OCIIMG_STATUS_NOT_AN_IMAGE) {
                good &= show_image(o, json, status, image, err, ctx);
                break;
            }
            ociimg_error_free(err);
            /* fall through */
        case OCIIMG_ENTRY_KIND_ATTESTATION:
        case OCIIMG_ENTRY_KIND_ARTIFACT:
            good &= show_artifact(o, json, index, i, ctx);
            break;
        default:
            break;
        }
    }
    return good;
}

static bool inspect(const struct options *o, const ociimg_platform *platform,
                    const ociimg_context *ctx)
{
    ociimg_error *err = NULL;
    struct json json = {.first = true};
    ociimg_index *index = load(o, ctx, &err);
    bool good = false;
    if (o->json)
        json_open(&json, NULL, '{');
    if (index != NULL) {
        if (o->json) {
            json_index(&json, index);
            json_open(&json, o->verify ? "verified" : "images", '[');
        } else {
            print_index(index);
        }
        good = o->verify ? verify_all(o, &json, index, ctx)
               : o->all  ? show_all(o, &json, index, ctx)
                         : show_best(o, &json, index, platform, ctx);
        if (o->json)
            json_close(&json, ']');
    }
    if (o->json) {
        json_error(&json, err);
        json_close(&json, '}');
        fputc('\n', stdout);
    }
    ociimg_index_free(index);
    return err != NULL ? complain(err) : good;
}

/* ---- the command line ------------------------------------------------------------ */

static int usage(const char *what, const char *argument)
{
    fprintf(stderr, "inspect: %s", what);
    if (argument != NULL)
        put_text(stderr, argument, true);
    fprintf(stderr, "; inspect --help says what there is\n");
    return EXIT_USAGE;
}

/* 0, or the status to exit with. */
static int parse(int argc, char **argv, struct options *o)
{
    for (int i = 1; i < argc; i++) {
        const char *argument = argv[i];
        const char **value = strcmp(argument, "--platform") == 0 ? &o->platform
                             : strcmp(argument, "--ref") == 0    ? &o->ref
                             : strcmp(argument, "--digest") == 0 ? &o->digest
                                                                 : NULL;
        bool *flag = strcmp(argument, "--all") == 0      ? &o->all
                     : strcmp(argument, "--verify") == 0 ? &o->verify
                     : strcmp(argument, "--stored") == 0 ? &o->stored
                     : strcmp(argument, "--json") == 0   ? &o->json
                                                         : NULL;
        if (value != NULL && ++i == argc)
            return usage("a value is missing after ", argument);
        else if (value != NULL)
            *value = argv[i];
        else if (flag != NULL)
            *flag = true;
        else if (argument[0] == '-')
            return usage("unknown option ", argument);
        else if (o->source != NULL)
            return usage("one source at a time, not also ", argument);
        else
            o->source = argument;
    }
    if (o->source == NULL)
        return usage("no source is named", NULL);
    if ((o->all || o->verify) && o->platform != NULL)
        return usage("--platform excludes --all and --verify", NULL);
    return 0;
}

static ociimg_context *interrupted;

static void on_interrupt(int signal)
{
    (void)signal;
    ociimg_context_cancel(interrupted);
}

/* Ctrl-C cancels, so that the program ends as it always does; a second one kills. */
static void catch_interrupts(void)
{
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = SA_RESETHAND | SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
}

int main(int argc, char **argv)
{
    struct options o = {0};
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(USAGE, stdout);
        return EXIT_SUCCESS;
    }
    int status = parse(argc, argv, &o);
    if (status != 0)
        return status;
    o.progress = !o.json && isatty(STDOUT_FILENO) && isatty(STDERR_FILENO);

    ociimg_error *err = NULL;
    ociimg_platform *platform = NULL;
    if (o.platform != NULL &&
        ociimg_platform_parse(o.platform, NULL, &platform, &err) != OCIIMG_STATUS_OK) {
        complain(err);
        return EXIT_USAGE;
    }

    interrupted = ociimg_context_new(NULL, NULL);
    catch_interrupts();
    status = inspect(&o, platform, interrupted) ? EXIT_SUCCESS : EXIT_BAD;
    if (ociimg_context_is_cancelled(interrupted))
        status = EXIT_CANCELLED;
    signal(SIGINT, SIG_DFL);
    ociimg_context_free(interrupted);
    ociimg_platform_free(platform);

    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("inspect: writing");
        return EXIT_BAD;
    }
    return status;
}
