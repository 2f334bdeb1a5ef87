/* Options: every value is read and checked once, in options_parse(); the getters only look up. */

#include "common/base/options.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/error.h"
#include "common/base/nearest.h"
#include "common/base/options_help.h"

struct value {
        char *text; /* NULL: neither given nor a default */
        int64_t integer;
        bool truth;
        bool is_given;
};

struct options {
        const struct option_table *table;
        struct value *values; /* one per row */
        const char **operands;
        size_t n_operands;
};

static bool parse_truth(const char *text, bool *ret_truth) {
        static const char *const YES[] = { "1", "true", "yes", "on" }, *const NO[] = { "0", "false", "no", "off" };

        for (size_t i = 0; i < N_ELEMENTS(YES); i++) {
                if (!strcmp(text, YES[i]) || !strcmp(text, NO[i])) {
                        *ret_truth = !strcmp(text, YES[i]);
                        return true;
                }
        }
        return false;
}

static bool is_choice(const char *text, const char *choices) {
        size_t n = strlen(text);

        if (strchr(text, '|'))
                return false;
        for (const char *at = choices; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
                if (!strncmp(at, text, n) && (at[n] == '|' || !at[n]))
                        return true;
        return false;
}

static bool is_in_range(const struct option_row *row, double number) {
        bool is_bounded = row->min < row->max || row->min > row->max || row->min < 0 || row->min > 0;

        return !is_bounded || (number >= row->min && number <= row->max);
}

/* Fills value from text; false when text is no such value. */
static bool parse_value(const struct option_row *row, const char *text, struct value *value) {
        char *end;

        switch (row->kind) {
        case OPTION_FLAG:
                return parse_truth(text, &value->truth);
        case OPTION_INT:
                errno = 0;
                value->integer = strtoll(text, &end, 10);
                return end != text && !*end && !errno && *text != ' ' && is_in_range(row, (double)value->integer);
        case OPTION_CHOICE:
                return is_choice(text, row->choices);
        case OPTION_TEXT:
        case OPTION_SECRET:
                return true;
        }
        return false;
}

static int refuse_value(const struct option_row *row, const char *source, const char *text, struct fault *fault) {
        char expected[256] = "a text";

        if (row->kind == OPTION_FLAG)
                snprintf(expected, sizeof(expected), "true or false");
        else if (row->kind == OPTION_CHOICE)
                snprintf(expected, sizeof(expected), "one of %s", row->choices);
        else if (row->kind == OPTION_INT)
                snprintf(expected, sizeof(expected), "an integer");
        if (row->kind == OPTION_INT && !is_in_range(row, NAN))
                snprintf(expected + strlen(expected), sizeof(expected) - strlen(expected), " from %.15g to %.15g",
                         row->min, row->max);
        fault_in(fault, source, -1);
        return fault_set(fault, "OPTION_VALUE", "expected %s, got \"%.64s\"", expected, text);
}

static int set_value(struct options *options, size_t index, const char *source, const char *text, bool is_given,
                     struct fault *fault) {
        const struct option_row *row = &options->table->rows[index];
        struct value value = { .is_given = is_given };

        if (!parse_value(row, text, &value))
                return refuse_value(row, source, text, fault);
        value.text = strdup(text);
        if (!value.text)
                return error_origin(-ENOMEM, "reading option %s", source);
        free(options->values[index].text);
        options->values[index] = value;
        return 0;
}

/* What the environment says, else the default, where no flag was given. */
static int read_environment(struct options *options, struct fault *fault) {
        const struct option_table *table = options->table;
        int r;

        for (size_t i = 0; i < table->n_rows; i++) {
                const struct option_row *row = &table->rows[i];
                const char *value = row->environment ? getenv(row->environment) : NULL;

                r = 0;
                if (options->values[i].is_given)
                        continue;
                if (value && *value)
                        r = set_value(options, i, row->environment, value, true, fault);
                else if (row->otherwise)
                        r = set_value(options, i, row->name ? row->name : row->environment, row->otherwise, false,
                                      fault);
                if (r)
                        return error_trace(r);
        }
        return 0;
}

static int refuse_unknown(const struct options *options, const char *name, size_t n_name, struct fault *fault) {
        const struct option_table *table = options->table;
        _cleanup_(free_pointer) const char **names = calloc(table->n_rows + 2, sizeof(char *));
        char unknown[64];
        const char *nearest;

        if (!names)
                return error_origin(-ENOMEM, "looking for the nearest option");
        for (size_t i = 0; i < table->n_rows; i++)
                names[i] = table->rows[i].name;
        names[table->n_rows] = "help";
        names[table->n_rows + 1] = "version";
        snprintf(unknown, sizeof(unknown), "%.*s", (int)n_name, name);
        nearest = nearest_find(unknown, names, table->n_rows + 2);
        if (nearest)
                return fault_set(fault, "OPTION_UNKNOWN", "unknown option --%s; did you mean --%s?", unknown, nearest);
        return fault_set(fault, "OPTION_UNKNOWN", "unknown option --%s; %s --help lists all", unknown, table->program);
}

/* Reads the flag argv[*index] with its value, and moves *index to the last argument it used. */
static int read_flag(struct options *options, int argc, char *const *argv, int *index, struct fault *fault) {
        const char *name = argv[*index] + 2, *value = strchr(name, '=');
        size_t n_name = value ? (size_t)(value - name) : strlen(name);
        char source[64];

        for (size_t i = 0; i < options->table->n_rows; i++) {
                const struct option_row *row = &options->table->rows[i];

                if (!row->name || strlen(row->name) != n_name || strncmp(row->name, name, n_name))
                        continue;
                snprintf(source, sizeof(source), "--%s", row->name);
                if (value && row->kind == OPTION_FLAG) {
                        fault_in(fault, source, -1);
                        return fault_set(fault, "OPTION_VALUE", "takes no value, got \"%.64s\"; leave %s out for no",
                                         value + 1, source);
                }
                if (value)
                        return set_value(options, i, source, value + 1, true, fault);
                if (row->kind == OPTION_FLAG)
                        return set_value(options, i, source, "true", true, fault);
                if (*index + 1 == argc) {
                        fault_in(fault, source, -1);
                        return fault_set(fault, "OPTION_VALUE", "a value is missing: %s %s", source,
                                         options_value_name(row));
                }
                return set_value(options, i, source, argv[++*index], true, fault);
        }
        return refuse_unknown(options, name, n_name, fault);
}

static int read_arguments(struct options *options, int argc, char *const *argv, struct fault *fault) {
        bool is_ended = false;
        int r;

        for (int i = 1; i < argc; i++) {
                const char *argument = argv[i];

                if (is_ended || argument[0] != '-' || !argument[1]) {
                        options->operands[options->n_operands++] = argument;
                } else if (!strcmp(argument, "--")) {
                        is_ended = true;
                } else if (!strcmp(argument, "--help") || !strcmp(argument, "-h")) {
                        return OPTIONS_E_HELP;
                } else if (!strcmp(argument, "--version")) {
                        return OPTIONS_E_VERSION;
                } else if (argument[1] != '-') {
                        return fault_set(fault, "OPTION_UNKNOWN", "unknown option %.64s; %s --help lists all", argument,
                                         options->table->program);
                } else {
                        r = read_flag(options, argc, argv, &i, fault);
                        if (r)
                                return error_trace(r);
                }
        }
        return 0;
}

static int check_operands(const struct options *options, struct fault *fault) {
        const struct option_table *table = options->table;

        if (options->n_operands < table->n_operands_min)
                return fault_set(fault, "OPTION_OPERANDS", "an argument is missing; usage: %s %s", table->program,
                                 table->operands ? table->operands : "");
        if (options->n_operands > table->n_operands_max)
                return fault_set(fault, "OPTION_OPERANDS", "unexpected argument \"%.64s\"; %s --help shows the usage",
                                 options->operands[table->n_operands_max], table->program);
        return 0;
}

int options_parse(const struct option_table *table, int argc, char *const *argv, struct fault *fault,
                  struct options **ret_options) {
        _cleanup_(options_destroy_pointer) struct options *options = calloc(1, sizeof(*options));
        int r;

        if (!options)
                return error_origin(-ENOMEM, "reading the options");
        options->table = table;
        options->values = calloc(table->n_rows + 1, sizeof(*options->values));
        options->operands = calloc((size_t)argc + 1, sizeof(*options->operands));
        if (!options->values || !options->operands)
                return error_origin(-ENOMEM, "reading the options");
        /* flags are looked at first, so that --help answers whatever the environment holds */
        r = read_arguments(options, argc, argv, fault);
        if (r)
                return error_trace(r);
        r = read_environment(options, fault);
        if (r)
                return error_trace(r);
        r = check_operands(options, fault);
        if (r)
                return error_trace(r);
        *ret_options = steal(options);
        return 0;
}

struct options *options_destroy(struct options *options) {
        if (!options)
                return NULL;
        for (size_t i = 0; options->values && i < options->table->n_rows; i++)
                free(options->values[i].text);
        free(options->values);
        free(options->operands);
        free(options);
        return NULL;
}

void options_destroy_pointer(struct options **options) {
        *options = options_destroy(*options);
}

static const struct value *find(const struct options *options, const char *name, enum option_kind kind) {
        for (size_t i = 0; i < options->table->n_rows; i++) {
                const struct option_row *row = &options->table->rows[i];
                const char *row_name = row->name ? row->name : row->environment;
                bool is_text = row->kind == OPTION_CHOICE || row->kind == OPTION_SECRET;

                if (strcmp(row_name, name))
                        continue;
                assert(row->kind == kind || (kind == OPTION_TEXT && is_text));
                return &options->values[i];
        }
        assert(!"a name that the table of options lacks");
        return NULL;
}

const char *options_text(const struct options *options, const char *name) {
        return find(options, name, OPTION_TEXT)->text;
}

int64_t options_int(const struct options *options, const char *name) {
        return find(options, name, OPTION_INT)->integer;
}

bool options_flag(const struct options *options, const char *name) {
        return find(options, name, OPTION_FLAG)->truth;
}

bool options_is_given(const struct options *options, const char *name) {
        for (size_t i = 0; i < options->table->n_rows; i++) {
                const struct option_row *row = &options->table->rows[i];

                if (!strcmp(row->name ? row->name : row->environment, name))
                        return options->values[i].is_given;
        }
        assert(!"a name that the table of options lacks");
        return false;
}

const char *options_operand(const struct options *options, size_t index) {
        return index < options->n_operands ? options->operands[index] : NULL;
}
