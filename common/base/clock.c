/* Clock: the kernel's clocks and RFC 3339. */

#include "common/base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t read_clock_ns(clockid_t id) {
        struct timespec now;

        clock_gettime(id, &now);
        return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t clock_realtime_ms(void) {
        return read_clock_ns(CLOCK_REALTIME) / 1000000;
}

int64_t clock_realtime_ns(void) {
        return read_clock_ns(CLOCK_REALTIME);
}

int64_t clock_monotonic_ms(void) {
        return read_clock_ns(CLOCK_MONOTONIC) / 1000000;
}

int64_t clock_monotonic_ns(void) {
        return read_clock_ns(CLOCK_MONOTONIC);
}

void clock_format_rfc3339(int64_t time_ms, char ret_text[CLOCK_RFC3339_BYTES]) {
        time_t seconds = (time_t)(time_ms / 1000);
        struct tm parts;
        size_t n;

        gmtime_r(&seconds, &parts);
        n = strftime(ret_text, CLOCK_RFC3339_BYTES, "%Y-%m-%dT%H:%M:%S", &parts);
        snprintf(ret_text + n, CLOCK_RFC3339_BYTES - n, ".%03uZ", (unsigned)(time_ms % 1000) % 1000U);
}

bool clock_parse_rfc3339(const char *text, int64_t *ret_time_ms) {
        char again[CLOCK_RFC3339_BYTES];
        unsigned milliseconds;
        struct tm parts = { 0 };
        int64_t time_ms;
        char end;

        /* NOLINTNEXTLINE(cert-err34-c): the widths bound the numbers, and the text is made again and compared */
        if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3u%c", &parts.tm_year, &parts.tm_mon, &parts.tm_mday, &parts.tm_hour,
                   &parts.tm_min, &parts.tm_sec, &milliseconds, &end) != 8)
                return false;
        parts.tm_year -= 1900;
        parts.tm_mon -= 1;
        time_ms = (int64_t)timegm(&parts) * 1000 + milliseconds;
        if (time_ms < 0)
                return false;
        clock_format_rfc3339(time_ms, again);
        if (strcmp(again, text))
                return false;
        *ret_time_ms = time_ms;
        return true;
}
