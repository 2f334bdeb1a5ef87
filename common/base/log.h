#pragma once

/*
 * Log
 *
 * One line to standard error per event: RFC 3339 time, level, program, `key=value` fields, then the sentence. A line
 * is written with one write(2), so lines of several threads and processes do not mix. Control characters in it are
 * replaced by '?', so that no input can forge a line. Thread-safe after log_open().
 */

#include <stdbool.h>

#include "common/base/cleanup.h"

enum log_level {
        LOG_LEVEL_ERROR,
        LOG_LEVEL_WARN,
        LOG_LEVEL_INFO,
        LOG_LEVEL_DEBUG,
};

/* the longest line, its end included; what is longer is cut */
#define LOG_LINE_BYTES 4096

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* Names the program in every line (borrowed for the life of the process) and sets the least urgent level shown. */
void log_open(const char *program, enum log_level level);

/* True, and the level stored, when name is one of "error", "warn", "info", "debug". */
bool log_level_parse(const char *name, enum log_level *ret_level);

/* Whether this thread's lines of that level are written. */
bool log_level_is_shown(enum log_level level);

/* Until it is called with false, this thread's lines count as debug: for what is tried again and again, and whose
 * failure has been told. */
void log_hush(bool is_hushed);

void log_write(enum log_level level, const char *format, ...) _printf_(2, 3);
