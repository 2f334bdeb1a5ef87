#pragma once

/*
 * Reasons
 *
 * Why a candidate was not accepted, or not promoted: stable codes for programs, such as F1_NOT_IMPROVED.
 */

#include <stddef.h>

#include "common/base/cleanup.h"
#include "proto/record.h"

#define REASONS_MAX 16
#define REASON_CODE_BYTES 64

struct reason {
        char code[REASON_CODE_BYTES];
        char message[256]; /* one sentence without a full stop, with the numbers */
};

extern const struct record reason_record;

/* Adds one to a list of REASONS_MAX, or nothing when that is full. A sentence that is too long is cut. */
void reason_add(struct reason *reasons, size_t *n_reasons, const char *code, const char *format, ...) _printf_(4, 5);
