/* Checks for test programs: the first that fails says where, and ends the program. */
#ifndef CHECK_H
#define CHECK_H

#include "ociimg.h"
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is being tested, for rows of a table and turns of a loop. */
static char row[200] = "";

static inline void fail(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: %s%s%s\n", file, line, row, *row ? ": " : "", what);
    /* Not exit: memory still in use is then not reported as a leak. */
    fflush(stderr);
    _exit(1);
}

#define CHECK(what) ((what) ? (void)0 : fail(__FILE__, __LINE__, #what))

static inline void check_equal(long long found, long long expected, const char *file, int line,
                               const char *what)
{
    if (found != expected) {
        char message[300];
        snprintf(message, sizeof message, "%s is %lld, expected %lld", what, found, expected);
        fail(file, line, message);
    }
}

#define CHECK_EQUAL(found, expected)                                                               \
    check_equal((long long)(found), (long long)(expected), __FILE__, __LINE__, #found)

static inline void check_text(const char *found, const char *expected, const char *file, int line,
                              const char *what)
{
    if (!found || strcmp(found, expected) != 0) {
        char message[600];
        snprintf(message, sizeof message, "%s is \"%s\", expected \"%s\"", what,
                 found ? found : "NULL", expected);
        fail(file, line, message);
    }
}

#define CHECK_TEXT(found, expected) check_text(found, expected, __FILE__, __LINE__, #found)

/* One line of printable UTF-8: no control characters, nothing that breaks off. */
static inline void check_line(const char *text, const char *file, int line)
{
    if (!text || !*text) {
        fail(file, line, "an error without a message");
    }
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        int more = *p < 0x80 ? 0 : *p >= 0xF0 ? 3 : *p >= 0xE0 ? 2 : *p >= 0xC2 ? 1 : -1;
        if (*p < 0x20 || *p == 0x7F || more < 0 || (*p == 0xC2 && p[1] < 0xA0) ||
            (*p == 0xE2 && p[1] == 0x80 && (p[2] == 0xA8 || p[2] == 0xA9))) {
            fail(file, line, text);
        }
        for (p++; more > 0; more--, p++) {
            if ((*p & 0xC0) != 0x80) {
                fail(file, line, text);
            }
        }
    }
}

/* Checks a failure: *err is set and has the returned status and a one-line message. */
static inline void check_failure(ociimg_status status, int expected, const ociimg_error *err,
                                 const char *file, int line, const char *what)
{
    if (status != expected) {
        char message[600];
        snprintf(message, sizeof message, "%s is %s (%s), expected %s", what,
                 ociimg_status_name(status), ociimg_error_message(err),
                 ociimg_status_name(expected));
        fail(file, line, message);
    }
    if (status == OCIIMG_STATUS_OK ? err != NULL : ociimg_error_status(err) != status) {
        fail(file, line, "*err does not fit the status");
    }
    if (err) {
        check_line(ociimg_error_message(err), file, line);
    }
}

/* Checks the status of a call, and frees its error. */
#define CHECK_STATUS(call, expected)                                                               \
    do {                                                                                           \
        err = (ociimg_error *)&err; /* The call must set it, whatever it was. */                   \
        ociimg_status status_ = (call);                                                            \
        check_failure(status_, expected, err, __FILE__, __LINE__, #call);                          \
        ociimg_error_free(err);                                                                    \
        err = NULL;                                                                                \
    } while (0)

#define CHECK_OK(call) CHECK_STATUS(call, OCIIMG_STATUS_OK)

/* A program that hangs is ended by a signal. */
static inline void bound(void)
{
    alarm(240);
}

#endif
