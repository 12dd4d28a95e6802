/* Commits the fault that the first argument names, to test that valgrind and the sanitizers find
 * it. */

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

/* Lets the library write to one place on two threads at once. */
static ociimg_platform *shared;

static void *parse(void *argument)
{
    for (int i = 0; i < 100; i++) {
        if (ociimg_platform_parse("linux/amd64", NULL, &shared, NULL) != OCIIMG_STATUS_OK) {
            exit(2);
        }
    }
    return argument;
}

static void race(void)
{
    pthread_t other;
    if (pthread_create(&other, NULL, parse, NULL) != 0) {
        exit(2);
    }
    parse(NULL);
    pthread_join(other, NULL);
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
        race();
    } else if (strcmp(guilt, "overflow") == 0) {
        largest = largest + 1;
    } else if (strcmp(guilt, "nothing") != 0) {
        return 2;
    }
    ociimg_platform_free(platform);
    return 0;
}
