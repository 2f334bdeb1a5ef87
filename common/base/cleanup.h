#pragma once

/*
 * Cleanup attribute
 *
 * A local that owns something is declared with `_cleanup_(undo)`, where undo takes the address of the variable and
 * accepts a null or empty one. Success hands the thing over with `steal`, which leaves null behind.
 */

#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(function) __attribute__((__cleanup__(function)))
#define _printf_(format, first) __attribute__((__format__(__printf__, format, first)))
#define _unused_ __attribute__((__unused__))

#define steal(pointer) \
        __extension__({ \
                __typeof__(pointer) *steal_from = &(pointer); \
                __typeof__(pointer) steal_value = *steal_from; \
                *steal_from = NULL; \
                steal_value; \
        })

#define N_ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))

/* free(3) for `_cleanup_`: takes the address of any pointer to heap memory. */
static inline void free_pointer(void *address) {
        free(*(void **)address);
}

/* close(2) for `_cleanup_`: takes the address of a descriptor; a negative one is left alone. */
static inline void close_descriptor(int *fd) {
        if (*fd >= 0)
                close(*fd);
}

/* Hands a descriptor over and leaves -1 behind. */
static inline int steal_descriptor(int *fd) {
        int value = *fd;

        *fd = -1;
        return value;
}
