/* Errors: printed once where they arise, followed upward at level debug. */

#include "common/base/error.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"

int error_origin_at(int code, const char *file, int line, const char *format, ...) {
        char sentence[LOG_LINE_BYTES];
        va_list arguments;

        assert(code < 0);
        va_start(arguments, format);
        vsnprintf(sentence, sizeof(sentence), format, arguments);
        va_end(arguments);
        log_write(LOG_LEVEL_ERROR, "errno=%d at=%s:%d %s: %s", -code, file, line, sentence, strerror(-code));
        return code;
}

void error_trace_write(int code, const char *file, int line) {
        log_write(LOG_LEVEL_DEBUG, "errno=%d at=%s:%d passing on", -code, file, line);
}
