#pragma once

/*
 * Options of a program
 *
 * One table says all: what may be given, by which flag and environment variable, its default, limits and one sentence.
 * Parsing, --help and checks are made from it. A flag wins over the environment, that over the default; an environment
 * variable that is set but empty counts as not set. Forms: --name VALUE, --name=VALUE, --flag (which takes no value),
 * -h; `--` ends the flags; what is left is positional.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/fault.h"

enum option_kind {
        OPTION_TEXT,
        OPTION_FLAG,   /* true or false; in the environment 1, true, yes, on or 0, false, no, off */
        OPTION_INT,    /* within min … max, unless both are 0 */
        OPTION_CHOICE, /* one of the words in choices, which are separated by '|' */
        OPTION_SECRET, /* text that is never printed, neither as default nor in a complaint */
};

struct option_row {
        const char *name;        /* without dashes; NULL: by environment only */
        const char *environment; /* NULL: by flag only */
        const char *otherwise;   /* default as text; NULL: none */
        enum option_kind kind;
        double min, max;
        const char *choices;
        const char *value_name; /* what --help shows for the value, such as "DIR"; NULL: by kind */
        const char *sentence;   /* without a full stop */
};

struct option_table {
        const char *program;  /* as typed: "convoy-trainer", "convoy train" */
        const char *summary;  /* one sentence */
        const char *operands; /* synopsis of the positional arguments: "FILE", "[RUN]"; NULL: none */
        size_t n_operands_min, n_operands_max;
        const struct option_row *rows;
        size_t n_rows;
        const char *sections; /* more text for --help, printed as it is; NULL: none */
};

enum {
        OPTIONS_E_HELP = FAULT_E_INPUT + 1, /* --help was given: print options_help() and exit 0 */
        OPTIONS_E_VERSION,                  /* --version was given: print options_version() and exit 0 */
};

struct options;

/* Reads argv[1 …] and the environment. 0, FAULT_E_INPUT (OPTION_UNKNOWN, OPTION_VALUE, OPTION_OPERANDS),
 * OPTIONS_E_HELP, OPTIONS_E_VERSION or -ENOMEM. The table and argv are borrowed until options_destroy(). Every option
 * is checked, so later getters cannot fail. */
int options_parse(const struct option_table *table, int argc, char *const *argv, struct fault *fault,
                  struct options **ret_options);
struct options *options_destroy(struct options *options);
void options_destroy_pointer(struct options **options);

/* By name of the flag, or of the environment variable where there is no flag. A name that the table lacks, or of
 * another kind, is a bug. Text (also of choice and secret) is NULL when there is neither value nor default; numbers are
 * then 0, flags false. Borrowed. */
const char *options_text(const struct options *options, const char *name);
int64_t options_int(const struct options *options, const char *name);
bool options_flag(const struct options *options, const char *name);

/* True when the value came from a flag or the environment. */
bool options_is_given(const struct options *options, const char *name);

const char *options_operand(const struct options *options, size_t index);

/* Append the text of --help and of --version. 0 or -ENOMEM. */
int options_help(const struct option_table *table, struct buffer *text);
int options_version(const struct option_table *table, struct buffer *text);
