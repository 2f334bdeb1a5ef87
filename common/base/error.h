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

/* what error_reason() remembers of a sentence, its end included */
#define ERROR_REASON_BYTES 1024

/* Logs the sentence with strerror(-code) at level error, and returns code. code is negative. */
#define error_origin(code, ...) error_as_failure(error_origin_at((code), __FILE__, __LINE__, __VA_ARGS__))

/* The same for a sentence that says it all, as those of a server do: strerror() is not added. */
#define error_origin_in_full(code, ...) \
        error_as_failure(error_origin_in_full_at((code), __FILE__, __LINE__, __VA_ARGS__))

/* Returns code unchanged; a negative one leaves a line at level debug that names this place. */
#define error_trace(code) error_trace_at((code), __FILE__, __LINE__)

/* Called with the sentence of every failure, strerror() included, where it arises; not by several threads at once. */
typedef void error_listener(const char *sentence);

/* For a program whose user reads no log: from now on the sentence goes to the listener, and neither place nor errno is
 * told. NULL: to the log again. */
void error_listen(error_listener *listener);

/* What a failure of this code said where it arose, if it was one of this thread's last; else strerror(-code). Borrowed
 * until the thread's next failure. */
const char *error_reason(int code);

/* Before work whose reasons shall not be those of earlier work. */
void error_forget(void);

/* Makes a failure that was another thread's this thread's own, as far as error_reason() is concerned. */
void error_adopt(int code, const char *reason);

int error_origin_at(int code, const char *file, int line, const char *format, ...) _printf_(4, 5);
int error_origin_in_full_at(int code, const char *file, int line, const char *format, ...) _printf_(4, 5);
void error_trace_write(int code, const char *file, int line);

/* Tells compilers and analyzers that code is negative; else they assume paths on which a failure leaves outputs unset
 * and unnoticed. */
static inline int error_as_failure(int code) {
        if (code >= 0)
                __builtin_unreachable();
        return code;
}

static inline int error_trace_at(int code, const char *file, int line) {
        if (code < 0)
                error_trace_write(code, file, line);
        return code;
}
