/* Tar archives for tests. */
#ifndef TAR_H
#define TAR_H

#include <stdio.h>
#include <string.h>

enum { TAR_BLOCK = 512 };

/* Writes the header of a regular file. */
static inline void tar_header(unsigned char *block, const char *name, size_t size)
{
    memset(block, 0, TAR_BLOCK);
    snprintf((char *)block, 100, "%s", name);
    memcpy(block + 100, "0000644", 8);
    memcpy(block + 108, "0000000", 8);
    memcpy(block + 116, "0000000", 8);
    snprintf((char *)block + 124, 12, "%011zo", size);
    memcpy(block + 136, "00000000000", 12); /* mtime */
    memset(block + 148, ' ', 8);
    block[156] = '0';
    memcpy(block + 257, "ustar\00000", 8);
    unsigned sum = 0;
    for (int i = 0; i < TAR_BLOCK; i++) {
        sum += block[i];
    }
    snprintf((char *)block + 148, 8, "%06o", sum);
}

#endif
