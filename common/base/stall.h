#pragma once

/*
 * Stall
 *
 * What this process's work is held up by at the moment: a door that tries something again and again says so here, and
 * whoever tells others about the process asks. There is one for the process, that of the last who said so. Thread-safe.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/cleanup.h"

/* what is kept of a sentence, its end included */
#define STALL_REASON_BYTES 512

/* owner names who is held up, until it calls stall_end(). The next try comes in that time. */
void stall_note(const void *owner, int64_t retry_in_ms, const char *format, ...) _printf_(3, 4);

/* It goes on, or has given up. Nothing when another has been noted since. */
void stall_end(const void *owner);

/* True while something is held up; retry_at is Unix time in milliseconds. */
bool stall_get(char ret_reason[STALL_REASON_BYTES], int64_t *ret_retry_at);
