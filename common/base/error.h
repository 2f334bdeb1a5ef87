#pragma once

/*
 * Errors
 *
 * Three kinds, kept apart:
 *   - a bug is an assert;
 *   - a failure (no memory, no disk, no peer) is a negative errno. Whoever meets it first prints it once with
 *     error_origin() and the foreign library's own words; everybody above forwards it unchanged through error_trace(),
 *     which leaves a trail in the log at debug level;
 *   - a condition is a positive value named NOUN_E_REASON that the direct caller handles.
 * Bad input is none of these: it is a result, described by a `struct fault` (fault.h).
 */

#include "common/base/cleanup.h"

/* Logs the sentence with strerror(-code) at level error, and returns code. code is negative; compilers and analyzers
 * are told so, since else they see ways on which a failure leads to outputs that were never set. */
#define error_origin(code, ...) \
        __extension__({ \
                int error_origin_code = error_origin_at((code), __FILE__, __LINE__, __VA_ARGS__); \
                if (error_origin_code >= 0) \
                        __builtin_unreachable(); \
                error_origin_code; \
        })

/* Returns code unchanged; a negative one leaves a line at level debug that names this place. */
#define error_trace(code) \
        __extension__({ \
                int error_trace_code = (code); \
                error_trace_at(error_trace_code, __FILE__, __LINE__); \
                error_trace_code; \
        })

int error_origin_at(int code, const char *file, int line, const char *format, ...) _printf_(4, 5);
void error_trace_at(int code, const char *file, int line);
