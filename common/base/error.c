/* Errors: printed once where they arise, followed upward at level debug. */

#include "common/base/error.h"

#include <assert.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static error_listener *error_heard_by; /* under the lock */

void error_listen(error_listener *listener) {
        pthread_mutex_lock(&lock);
        error_heard_by = listener;
        pthread_mutex_unlock(&lock);
}

/* False when nobody listens. */
static bool tell_listener(const char *sentence, int code) {
        char whole[LOG_LINE_BYTES];
        bool is_heard;

        snprintf(whole, sizeof(whole), "%.*s: %s", LOG_LINE_BYTES / 2, sentence, strerror(-code));
        pthread_mutex_lock(&lock);
        is_heard = error_heard_by;
        if (is_heard)
                error_heard_by(whole);
        pthread_mutex_unlock(&lock);
        return is_heard;
}

int error_origin_at(int code, const char *file, int line, const char *format, ...) {
        char sentence[LOG_LINE_BYTES];
        va_list arguments;

        assert(code < 0);
        va_start(arguments, format);
        vsnprintf(sentence, sizeof(sentence), format, arguments);
        va_end(arguments);
        if (!tell_listener(sentence, code))
                log_write(LOG_LEVEL_ERROR, "errno=%d at=%s:%d %s: %s", -code, file, line, sentence, strerror(-code));
        return code;
}

void error_trace_write(int code, const char *file, int line) {
        log_write(LOG_LEVEL_DEBUG, "errno=%d at=%s:%d passing on", -code, file, line);
}
