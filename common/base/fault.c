/* Fault: what was wrong with an input, and where. */

#include "common/base/fault.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

int fault_write(struct fault *fault, const char *code, const char *format, ...) {
        va_list arguments;

        snprintf(fault->code, sizeof(fault->code), "%s", code);
        va_start(arguments, format);
        vsnprintf(fault->message, sizeof(fault->message), format, arguments);
        va_end(arguments);
        return FAULT_E_INPUT;
}

void fault_at(struct fault *fault, const char *file, int64_t line, int64_t position) {
        snprintf(fault->file, sizeof(fault->file), "%s", file);
        fault->line = line;
        fault->position = position;
}

void fault_in(struct fault *fault, const char *column, int64_t row) {
        snprintf(fault->column, sizeof(fault->column), "%s", column);
        fault->row = row;
}

char *fault_format(const struct fault *fault, char *ret_text, size_t n_bytes) {
        char line[32] = "", position[32] = "";

        if (fault->line > 0)
                snprintf(line, sizeof(line), "%s%" PRId64, fault->file[0] ? ":" : "line ", fault->line);
        if (fault->line > 0 && fault->position > 0)
                snprintf(position, sizeof(position), ":%" PRId64, fault->position);
        snprintf(ret_text, n_bytes, "%s%s%s%s%s%s%s", fault->file, line, position,
                 fault->file[0] || fault->line > 0 ? ": " : "", fault->column, fault->column[0] ? ": " : "",
                 fault->message);
        return ret_text;
}
