/* Errors: printed once where they arise, followed upward at level debug. */

#include "common/base/error.h"

#include <assert.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"

enum { N_LAST = 4 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static error_listener *error_heard_by; /* under the lock */

/* This thread's last failures, since clearing up after one may fail as well. */
static _Thread_local struct {
        int code; /* 0: none */
        char reason[ERROR_REASON_BYTES];
} last[N_LAST];
static _Thread_local size_t next_last;

void error_listen(error_listener *listener) {
        pthread_mutex_lock(&lock);
        error_heard_by = listener;
        pthread_mutex_unlock(&lock);
}

/* False when nobody listens. */
static bool tell_listener(const char *sentence) {
        bool is_heard;

        pthread_mutex_lock(&lock);
        is_heard = error_heard_by;
        if (is_heard)
                error_heard_by(sentence);
        pthread_mutex_unlock(&lock);
        return is_heard;
}

static void tell(int code, const char *file, int line, const char *sentence) {
        error_adopt(code, sentence);
        if (!tell_listener(sentence))
                log_write(LOG_LEVEL_ERROR, "errno=%d at=%s:%d %s", -code, file, line, sentence);
}

int error_origin_at(int code, const char *file, int line, const char *format, ...) {
        char sentence[LOG_LINE_BYTES], whole[LOG_LINE_BYTES];
        va_list arguments;

        assert(code < 0);
        va_start(arguments, format);
        vsnprintf(sentence, sizeof(sentence), format, arguments);
        va_end(arguments);
        snprintf(whole, sizeof(whole), "%.*s: %s", LOG_LINE_BYTES / 2, sentence, strerror(-code));
        tell(code, file, line, whole);
        return code;
}

int error_origin_in_full_at(int code, const char *file, int line, const char *format, ...) {
        char sentence[LOG_LINE_BYTES];
        va_list arguments;

        assert(code < 0);
        va_start(arguments, format);
        vsnprintf(sentence, sizeof(sentence), format, arguments);
        va_end(arguments);
        tell(code, file, line, sentence);
        return code;
}

const char *error_reason(int code) {
        for (size_t i = 1; i <= N_LAST; i++) {
                size_t at = (next_last + N_LAST - i) % N_LAST;

                if (last[at].code == code)
                        return last[at].reason;
        }
        return strerror(-code);
}

void error_adopt(int code, const char *reason) {
        last[next_last].code = code;
        snprintf(last[next_last].reason, ERROR_REASON_BYTES, "%s", reason);
        next_last = (next_last + 1) % N_LAST;
}

void error_forget(void) {
        for (size_t i = 0; i < N_LAST; i++)
                last[i].code = 0;
}

void error_trace_write(int code, const char *file, int line) {
        log_write(LOG_LEVEL_DEBUG, "errno=%d at=%s:%d passing on", -code, file, line);
}
