/* Command: options and exit codes. */

#include "cli/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/base/json_builder.h"
#include "common/base/log.h"

enum { SENTENCE_BYTES = 2048 };

static char reason[SENTENCE_BYTES];

static void keep_reason(const char *sentence) {
        snprintf(reason, sizeof(reason), "%s", sentence);
}

static void log_reason(const char *sentence) {
        log_error("%s", sentence);
}

void command_keep_reasons(void) {
        error_listen(keep_reason);
}

void command_log_reasons(void) {
        error_listen(log_reason);
}

const char *command_reason(void) {
        return reason;
}

static int print(int (*write_text)(const struct option_table *table, struct buffer *text),
                 const struct option_table *table) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;

        if (write_text(table, &text))
                return COMMAND_FAILED;
        fputs(buffer_text(&text), stdout);
        return COMMAND_DONE;
}

/* An empty path is no folder; most often a variable of the shell was not set. */
static int check_home(const struct option_table *table, const struct options *options, struct fault *fault) {
        for (size_t i = 0; i < table->n_rows; i++)
                if (table->rows[i].name && !strcmp(table->rows[i].name, "home") && !*options_text(options, "home"))
                        return fault_set(fault, "OPTION_VALUE", "--home is empty; name a folder, or leave it out");
        return 0;
}

bool command_options(const struct option_table *table, int argc, char **argv, struct options **ret_options,
                     int *ret_exit) {
        _cleanup_(options_destroy_pointer) struct options *options = NULL;
        struct fault fault = FAULT_NULL;
        int r;

        r = options_parse(table, argc, argv, &fault, &options);
        if (!r)
                r = check_home(table, options, &fault);
        if (r == OPTIONS_E_HELP)
                *ret_exit = print(options_help, table);
        else if (r == OPTIONS_E_VERSION)
                *ret_exit = print(options_version, table);
        else
                *ret_exit = command_end(r, &fault, COMMAND_MISCONFIGURED);
        if (!r)
                *ret_options = steal(options);
        return !r;
}

int command_fail(const char *format, ...) {
        char sentence[SENTENCE_BYTES];
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(sentence, sizeof(sentence), format, arguments);
        va_end(arguments);
        fflush(stdout);
        fprintf(stderr, "convoy: %s\n", sentence);
        return COMMAND_FAILED;
}

int command_end(int result, const struct fault *fault, enum command_exit refused) {
        char text[FAULT_TEXT_BYTES];

        if (!result)
                return COMMAND_DONE;
        if (result == FAULT_E_INPUT) {
                command_fail("%s", fault_format(fault, text, sizeof(text)));
                return refused;
        }
        if (*command_reason())
                return command_fail("failed: %s", command_reason());
        return command_fail("failed: %s", result < 0 ? strerror(-result) : "the log above says why");
}

int command_print_json(const struct json_value *value) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct json_builder json = json_begin(&text, JSON_PRETTY);

        json_put_value(&json, value);
        if (json_end(&json))
                return command_fail("out of memory");
        fputs(buffer_text(&text), stdout);
        return COMMAND_DONE;
}

bool command_is_on_terminal(void) {
        return isatty(STDOUT_FILENO);
}
