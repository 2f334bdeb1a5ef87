/* Log: one formatted line, one write. */

#include "common/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"

static const char *const LEVEL_NAMES[] = {
        [LOG_LEVEL_ERROR] = "error",
        [LOG_LEVEL_WARN] = "warn",
        [LOG_LEVEL_INFO] = "info",
        [LOG_LEVEL_DEBUG] = "debug",
};

static const char *log_program = "convoy";
static enum log_level log_level_shown = LOG_LEVEL_INFO;
static _Thread_local bool log_is_hushed;

void log_open(const char *program, enum log_level level) {
        log_program = program;
        log_level_shown = level;
}

bool log_level_parse(const char *name, enum log_level *ret_level) {
        for (size_t i = 0; i < N_ELEMENTS(LEVEL_NAMES); i++)
                if (!strcmp(name, LEVEL_NAMES[i])) {
                        *ret_level = (enum log_level)i;
                        return true;
                }
        return false;
}

static enum log_level weigh(enum log_level level) {
        return log_is_hushed ? LOG_LEVEL_DEBUG : level;
}

bool log_level_is_shown(enum log_level level) {
        return weigh(level) <= log_level_shown;
}

void log_hush(bool is_hushed) {
        log_is_hushed = is_hushed;
}

static size_t clamp_length(int written, size_t room) {
        if (written < 0)
                return 0;
        return (size_t)written < room ? (size_t)written : room - 1;
}

void log_write(enum log_level level, const char *format, ...) {
        char line[LOG_LINE_BYTES], now[CLOCK_RFC3339_BYTES];
        va_list arguments;
        size_t n, head;
        int saved = errno;

        if (!log_level_is_shown(level))
                return;
        clock_format_rfc3339(clock_realtime_ms(), now);
        n = head = clamp_length(snprintf(line, sizeof(line), "%s %s %s ", now, LEVEL_NAMES[weigh(level)], log_program),
                                sizeof(line));
        va_start(arguments, format);
        n += clamp_length(vsnprintf(line + n, sizeof(line) - n, format, arguments), sizeof(line) - n);
        va_end(arguments);
        for (size_t i = head; i < n; i++)
                if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
                        line[i] = '?';
        line[n++] = '\n';
        /* a failure to write the log cannot be reported anywhere */
        while (write(STDERR_FILENO, line, n) < 0 && errno == EINTR)
                continue;
        errno = saved;
}
