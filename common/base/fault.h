#pragma once

/*
 * Fault
 *
 * Why an input was refused: a stable code for programs, the place, and a sentence for a person that names the value
 * at fault and, where there is one, the fix. A function that reads outside input returns FAULT_E_INPUT and fills the
 * caller's fault; a negative errno stays what it is everywhere else, a failure of the machine. A function that succeeds
 * leaves the fault as it was, place included: what fails next would show it.
 */

#include <stdint.h>

#include "common/base/cleanup.h"

enum {
        _FAULT_E_SUCCESS,
        FAULT_E_INPUT, /* the input is at fault; the fault says where and why */
};

/* Room for any fault as fault_format() writes it. */
#define FAULT_TEXT_BYTES 2048

struct fault {
        char code[64];      /* SCREAMING_SNAKE, such as ENUM_TYPE_UNEXPECTED_STRING_VALUES */
        char file[256];     /* path or source as the user wrote it; "" when none */
        int64_t line;       /* 1-based; 0 when unknown */
        int64_t position;   /* 1-based column within the line; 0 when unknown */
        int64_t row;        /* 0-based row of the data; -1 when unknown */
        char column[128];   /* column, key or field; "" when none */
        char message[1024]; /* one sentence without a full stop */
};

#define FAULT_NULL \
        { .row = -1 }

/* Fills code and message, leaves the place as it is, and returns FAULT_E_INPUT. */
#define fault_set(fault, code, ...) fault_as_input(fault_write((fault), (code), __VA_ARGS__))

int fault_write(struct fault *fault, const char *code, const char *format, ...) _printf_(3, 4);

/* Tells compilers and analyzers what fault_set() returns. */
static inline int fault_as_input(int code) {
        if (code != FAULT_E_INPUT)
                __builtin_unreachable();
        return code;
}

/* Name the place. Text that is too long is cut. */
void fault_at(struct fault *fault, const char *file, int64_t line, int64_t position);
void fault_in(struct fault *fault, const char *column, int64_t row);

/* "file:line:position: column: message", leaving out what is unknown. Cut at n_bytes; returns ret_text. */
char *fault_format(const struct fault *fault, char *ret_text, size_t n_bytes);
