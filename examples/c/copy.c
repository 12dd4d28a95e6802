/*
 * copy: copies an index with all that is in it, or the image of one platform, between image
 * layouts (folders) and archives (files); it reads docker-save archives too.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 *     cc -Iinclude examples/c/copy.c -o copy -Ltarget/release -lociimg
 *     copy SOURCE TARGET [--platform P] [--name N]
 *
 * A TARGET that ends in .tar, .tar.gz or .tar.zst is an archive, one that `docker load` reads
 * too with .docker before that; any other is a layout. With -DOCIIMG_WITH_REGISTRY and
 * -lociimg-registry, SOURCE may be docker://NAME[:TAG][@DIGEST], TARGET docker://NAME.
 */

#define _POSIX_C_SOURCE 200809L

#include "ociimg.h"
#ifdef OCIIMG_WITH_REGISTRY
#include "ociimg_registry.h"
#endif

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Everything to free; freeing NULL does nothing. */
static struct {
    ociimg_context *ctx;
    ociimg_loader *loader;
    ociimg_index *index;
    ociimg_platform *platform;
    ociimg_image *image;
    ociimg_sink *sink;
    ociimg_copy *copy;
} job;

/* Ctrl-C: cancelling is safe in a signal handler. Incomplete output is removed. */
static void interrupted(int signal)
{
    (void)signal;
    ociimg_context_cancel(job.ctx);
}

static void draw(void *user_data, const ociimg_copy_progress *p)
{
    static const char bar[] = "########################################";
    int *drawn = user_data;
    uint64_t done = p->bytes_done + p->bytes_skipped;
    int percent = p->bytes_total ? (int)(100.0 * (double)done / (double)p->bytes_total) : 100;
    if (percent == *drawn)
        return;
    *drawn = percent;
    fprintf(stderr, "\r[%-40.*s] %3d %%  %.1f of %.1f MB", percent * 40 / 100, bar, percent,
            (double)done / 1e6, (double)p->bytes_total / 1e6);
}

static int ends_in(const char *text, const char *end)
{
    size_t length = strlen(text), wanted = strlen(end);
    return length > wanted && strcmp(text + length - wanted, end) == 0;
}

#ifdef OCIIMG_WITH_REGISTRY
static ociimg_registry *registry;

/* Whether the text names a registry; if so, opens it, or sets *status on failure. */
static int in_registry(const char *text, ociimg_status *status, ociimg_error **err)
{
    if (strncmp(text, "docker://", 9) != 0)
        return 0;
    *status = registry ? OCIIMG_STATUS_OK : ociimg_registry_new(NULL, &registry, err);
    return 1;
}
#endif

static ociimg_status open_source(const char *source, ociimg_error **err)
{
#ifdef OCIIMG_WITH_REGISTRY
    ociimg_status status;
    if (in_registry(source, &status, err))
        return status ? status
                      : ociimg_registry_loader(registry, source + 9, job.ctx, &job.loader, err);
#endif
    return ociimg_loader_open(source, NULL, job.ctx, &job.loader, err);
}

static ociimg_status open_target(const char *target, ociimg_error **err)
{
#ifdef OCIIMG_WITH_REGISTRY
    ociimg_status status;
    if (in_registry(target, &status, err))
        return status ? status : ociimg_registry_sink(registry, target + 9, &job.sink, err);
#endif
    ociimg_sink_options opts = {.struct_size = sizeof opts};
    if (ends_in(target, ".tar.gz"))
        opts.compression = OCIIMG_COMPRESSION_GZIP;
    else if (ends_in(target, ".tar.zst"))
        opts.compression = OCIIMG_COMPRESSION_ZSTD;
    else if (!ends_in(target, ".tar"))
        return ociimg_sink_open_layout(target, &opts, &job.sink, err);
    if (strstr(target, ".docker.tar"))
        opts.flags = OCIIMG_SINK_DOCKER;
    return ociimg_sink_open_archive(target, &opts, &job.sink, err);
}

static ociimg_status copy(const char *source, const char *target, const char *platform,
                          const char *name, ociimg_error **err)
{
    int drawn = -1;
    ociimg_copy_options opts = {.struct_size = sizeof opts};
    opts.names = &name;
    opts.name_count = name != NULL;
    opts.progress = isatty(STDERR_FILENO) ? draw : NULL;
    opts.user_data = &drawn;
    ociimg_status status = open_source(source, err);
    if (!status)
        status = ociimg_index_load(job.loader, NULL, job.ctx, &job.index, err);
    if (!status && platform) {
        status = ociimg_platform_parse(platform, NULL, &job.platform, err);
        if (!status)
            status = ociimg_index_image_for(job.index, job.platform, job.ctx, &job.image, err);
    }
    if (!status)
        status = open_target(target, err);
    if (!status) {
        status = job.image ? ociimg_copy_new_image(job.image, job.sink, &opts, &job.copy, err)
                           : ociimg_copy_new(job.index, job.sink, &opts, &job.copy, err);
    }
    if (!status)
        status = ociimg_copy_run(job.copy, job.ctx, err);
    if (!status)
        status = ociimg_sink_finish(job.sink, job.ctx, err);
    if (drawn >= 0)
        fputc('\n', stderr);
    return status;
}

int main(int argc, char **argv)
{
    const char *platform = NULL, *name = NULL;
    int good = argc >= 3 && argc % 2 == 1;
    for (int i = 3; good && i < argc; i += 2) {
        if (strcmp(argv[i], "--platform") == 0)
            platform = argv[i + 1];
        else if (strcmp(argv[i], "--name") == 0)
            name = argv[i + 1];
        else
            good = 0;
    }
    if (!good)
        return fprintf(stderr, "usage: copy SOURCE TARGET [--platform P] [--name N]\n"), 2;
    ociimg_error *err = NULL;
    job.ctx = ociimg_context_new(NULL, NULL);
    sigaction(SIGINT, &(struct sigaction){.sa_handler = interrupted}, NULL);
    int failed = copy(argv[1], argv[2], platform, name, &err) != OCIIMG_STATUS_OK;
    if (failed)
        fprintf(stderr, "copy: %s\n", ociimg_error_message(err));
    ociimg_copy_free(job.copy);
    ociimg_sink_free(job.sink);
    ociimg_image_free(job.image);
    ociimg_platform_free(job.platform);
    ociimg_index_free(job.index);
    ociimg_loader_free(job.loader);
    ociimg_context_free(job.ctx);
    ociimg_error_free(err);
#ifdef OCIIMG_WITH_REGISTRY
    ociimg_registry_free(registry);
#endif
    return failed;
}
