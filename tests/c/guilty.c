/* Does what the first argument names, for a test that valgrind and the sanitizers find it. */

#include "check.h"
#include <pthread.h>

static ociimg_platform *parsed(void)
{
    ociimg_platform *platform = NULL;
    if (ociimg_platform_parse("linux/amd64", NULL, &platform, NULL) != OCIIMG_STATUS_OK) {
        exit(2);
    }
    return platform;
}

/* Changes an image, which is for one thread at a time. */
static void *change(void *image)
{
    char value[2] = "a";
    for (int i = 0; i < 100; i++) {
        value[0] = (char)('a' + i % 26);
        if (ociimg_image_set_label(image, "name", value, NULL) != OCIIMG_STATUS_OK) {
            break; /* Two threads at once may also break the image. */
        }
    }
    return NULL;
}

static void race(const ociimg_platform *platform)
{
    ociimg_image *image;
    pthread_t other;
    if (ociimg_image_new(OCIIMG_FORMAT_OCI, platform, &image, NULL) != OCIIMG_STATUS_OK ||
        pthread_create(&other, NULL, change, image) != 0) {
        exit(2);
    }
    change(image);
    pthread_join(other, NULL);
    ociimg_image_free(image);
}

int main(int argc, char **argv)
{
    const char *guilt = argc == 2 ? argv[1] : "";
    ociimg_platform *platform = parsed();
    volatile int largest = INT32_MAX;
    if (strcmp(guilt, "leak") == 0) {
        platform = parsed();
    } else if (strcmp(guilt, "use after free") == 0) {
        const char *text = ociimg_platform_format(platform);
        ociimg_platform_free(platform);
        return text[0] == 'l' ? 0 : 3;
    } else if (strcmp(guilt, "use after free in the library") == 0) {
        ociimg_platform_free(platform);
        return ociimg_platform_format(platform) ? 0 : 3;
    } else if (strcmp(guilt, "race in the library") == 0) {
        race(platform);
    } else if (strcmp(guilt, "overflow") == 0) {
        largest = largest + 1;
    } else if (strcmp(guilt, "nothing") != 0) {
        return 2;
    }
    ociimg_platform_free(platform);
    return 0;
}
