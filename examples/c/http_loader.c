/*
 * http_loader: verifies the layers of an image that a web server has as the files of a layout
 * folder, with a loader over libcurl.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 *     cc -Iinclude examples/c/http_loader.c -o http_loader -Ltarget/release -lociimg -lcurl
 *     python3 -m http.server --directory examples/sample 8000 & http_loader http://localhost:8000
 */

#include <ociimg.h>

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Ends the download when the call is cancelled. */
static int watch(void *call, curl_off_t total, curl_off_t now, curl_off_t up, curl_off_t sent)
{
    (void)total, (void)now, (void)up, (void)sent;
    return ociimg_call_is_cancelled(call);
}

/* Downloads into a temporary file, which is the stream. */
static int32_t open_path(const char *server, const char *path, void **stream, ociimg_call *call)
{
    char url[2048];
    long code = 0;
    FILE *file = tmpfile();
    if (file == NULL)
        return ociimg_call_fail(call, 0, errno, "tmpfile");
    snprintf(url, sizeof url, "%s/%s", server, path);
    CURL *easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, file);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, watch);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, call);
    CURLcode result = curl_easy_perform(easy);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &code);
    curl_easy_cleanup(easy);
    if (result == CURLE_OK) {
        rewind(file);
        *stream = file;
        return OCIIMG_STATUS_OK;
    }
    fclose(file);
    return ociimg_call_fail(call,
                            result == CURLE_ABORTED_BY_CALLBACK ? OCIIMG_STATUS_CANCELLED
                            : code == 404                       ? OCIIMG_STATUS_NOT_FOUND
                                                                : OCIIMG_STATUS_UNAVAILABLE,
                            code, curl_easy_strerror(result));
}

static int32_t open_root(void *server, void **stream, ociimg_call *call)
{
    return open_path(server, "index.json", stream, call);
}

static int32_t open_digest(void *server, const char *digest, void **stream, ociimg_call *call)
{
    char path[512];
    snprintf(path, sizeof path, "blobs/%s", digest);
    *strchr(path, ':') = '/';
    return open_path(server, path, stream, call);
}

static int32_t read_file(void *server, void *file, uint8_t *buf, size_t cap, size_t *n,
                         ociimg_call *call)
{
    (void)server;
    *n = fread(buf, 1, cap, file);
    return ferror((FILE *)file) ? ociimg_call_fail(call, 0, errno, "read") : OCIIMG_STATUS_OK;
}

static void close_file(void *server, void *file)
{
    (void)server;
    fclose(file);
}

int main(int argc, char **argv)
{
    const ociimg_loader_vtable callbacks = {.struct_size = sizeof callbacks,
                                            .open_root_manifest = open_root,
                                            .open_manifest = open_digest,
                                            .open_blob = open_digest,
                                            .read = read_file,
                                            .close = close_file};
    ociimg_loader *loader = NULL;
    ociimg_index *index = NULL;
    ociimg_image *image = NULL;
    ociimg_error *err = NULL;
    if (argc != 2)
        return 2;
    if (ociimg_loader_new(&callbacks, argv[1], &loader, &err) == OCIIMG_STATUS_OK &&
        ociimg_index_load(loader, NULL, NULL, &index, &err) == OCIIMG_STATUS_OK)
        (void)!ociimg_index_image(index, 0, NULL, &image, &err);
    for (size_t i = 0; err == NULL && i < ociimg_image_layer_count(image); i++) {
        ociimg_layer *layer = ociimg_image_layer(image, i);
        ociimg_reader *reader = NULL;
        if (ociimg_layer_open(layer, OCIIMG_READ_MODE_UNCOMPRESSED, NULL, NULL, &reader, &err) ==
                OCIIMG_STATUS_OK &&
            ociimg_reader_finish(reader, &err) == OCIIMG_STATUS_OK)
            puts(ociimg_layer_diff_id(layer));
        ociimg_reader_free(reader);
        ociimg_layer_free(layer);
    }
    if (err != NULL)
        fprintf(stderr, "%s\n", ociimg_error_message(err));
    int status = err != NULL;
    ociimg_error_free(err);
    ociimg_image_free(image);
    ociimg_index_free(index);
    ociimg_loader_free(loader);
    return status;
}
