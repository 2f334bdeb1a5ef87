#pragma once

/*
 * Findings
 *
 * What doctor has looked at, in order, each with a sentence that says what to do where something is wrong.
 */

#include <stdbool.h>
#include <stddef.h>

#include "common/base/fault.h"

enum {
        FINDINGS_MAX = 48,
        FINDINGS_SENTENCE_BYTES = 1024,
};

enum outcome {
        WELL,
        DOUBTFUL,
        WRONG,
};

struct finding {
        const char *name; /* of what was looked at; a literal */
        enum outcome outcome;
        char sentence[FINDINGS_SENTENCE_BYTES];
};

struct findings {
        struct finding items[FINDINGS_MAX]; /* more are not kept */
        size_t n_items;
};

void findings_note(struct findings *findings, const char *name, enum outcome outcome, const char *format, ...)
        _printf_(4, 5);

/* Notes as WRONG what a function returned: FAULT_E_INPUT with its fault, or a negative errno. */
void findings_note_result(struct findings *findings, const char *name, int result, const struct fault *fault);

/* Appends those of others. */
void findings_append(struct findings *findings, const struct findings *others);

/* Prints them all. The exit code: COMMAND_FAILED when one is WRONG. */
int findings_print(const struct findings *findings, bool is_json);
