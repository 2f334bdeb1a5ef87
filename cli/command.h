#pragma once

/*
 * Command
 *
 * What all verbs have in common: reading options, answering --help, and turning what went wrong into one sentence on
 * standard error and an exit code. Every verb is one function that takes its own argv, argv[0] being the verb, and
 * returns the exit code.
 */

#include <stdbool.h>

#include "common/base/cleanup.h"
#include "common/base/fault.h"
#include "common/base/options.h"

enum command_exit {
        COMMAND_DONE = 0,
        COMMAND_FAILED = 1,
        COMMAND_MISCONFIGURED = 2,
};

struct json_value;

typedef int command_function(int argc, char **argv);

#define COMMAND(verb, sentence) command_function cmd_##verb;
#include "cli/commands.def"
#undef COMMAND

/* Rows of option tables that several verbs share. */
#define COMMAND_OPTION_URL \
        { \
                "url", "CONVOY_URL", NULL, OPTION_TEXT, 0, 0, NULL, "URL", \
                        "address of the gateway; else 127.0.0.1 at CONVOY_PORT, 5080 unless set" \
        }
#define COMMAND_OPTION_TOKEN \
        { NULL, "CONVOY_TOKEN", NULL, OPTION_SECRET, 0, 0, NULL, NULL, "bearer token, sent when set" }
#define COMMAND_OPTION_PORT \
        { NULL, "CONVOY_PORT", "5080", OPTION_INT, 1, 65535, NULL, NULL, "port of the gateway on this machine" }
#define COMMAND_OPTIONS_GATEWAY COMMAND_OPTION_URL, COMMAND_OPTION_TOKEN, COMMAND_OPTION_PORT
#define COMMAND_OPTION_HOME \
        { "home", "CONVOY_HOME", ".convoy", OPTION_TEXT, 0, 0, NULL, "DIR", "folder of spool, store and sockets" }
#define COMMAND_OPTION_PIPELINE \
        { \
                "pipeline", "CONVOY_PIPELINE", NULL, OPTION_TEXT, 0, 0, NULL, "DIR", \
                        "folder of pipeline.yaml; else the only one in pipelines/" \
        }
#define COMMAND_OPTION_JSON(what) \
        { "json", NULL, NULL, OPTION_FLAG, 0, 0, NULL, NULL, "print " what " as JSON" }

/* Reads the options. True with ret_options; false when the command ends here (help, or a complaint) with *ret_exit. */
bool command_options(const struct option_table *table, int argc, char **argv, struct options **ret_options,
                     int *ret_exit);

/* Prints "convoy: sentence" to standard error. Returns COMMAND_FAILED. */
int command_fail(const char *format, ...) _printf_(1, 2);

/* From now on failures of the machine print nothing where they arise: command_end() tells the last. `up`, whose log is
 * read, asks for lines in it instead. */
void command_keep_reasons(void);
void command_log_reasons(void);

/* Why the last failure came, in the words of where it arose; "" when none is known. Borrowed until the next. */
const char *command_reason(void);

/* The exit code of a result: 0 is COMMAND_DONE; FAULT_E_INPUT prints the fault and is `refused`, which says whether a
 * bad input is a failure or a misconfiguration; a negative errno, told with its reason, is COMMAND_FAILED. */
int command_end(int result, const struct fault *fault, enum command_exit refused);

/* Prints the value, pretty. The exit code. */
int command_print_json(const struct json_value *value);

/* True when standard output is a terminal. */
bool command_is_on_terminal(void);
