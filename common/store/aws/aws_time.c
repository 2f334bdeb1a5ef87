/* AWS time: instants to and from text. */

#include "common/store/aws/aws_time.h"

#include <string.h>
#include <time.h>

enum {
        MS_PER_SECOND = 1000,
        SECONDS_PER_MINUTE = 60,
};

void aws_time_format(int64_t time_ms, char ret_text[AWS_TIME_BYTES]) {
        time_t seconds = (time_t)(time_ms / MS_PER_SECOND);
        struct tm day;

        gmtime_r(&seconds, &day);
        strftime(ret_text, AWS_TIME_BYTES, "%Y%m%dT%H%M%SZ", &day);
}

/* timegm() takes the 31st of every month: only what comes back unchanged was a day. */
static bool to_time(struct tm *day, int64_t *ret_time_ms) {
        struct tm wanted = *day;
        time_t seconds = timegm(day);

        if (wanted.tm_mday != day->tm_mday || wanted.tm_mon != day->tm_mon || wanted.tm_hour != day->tm_hour ||
            wanted.tm_min != day->tm_min || wanted.tm_sec != day->tm_sec)
                return false;
        *ret_time_ms = (int64_t)seconds * MS_PER_SECOND;
        return true;
}

/* Exactly n digits, which are passed over. */
static bool read_digits(const char **at, int n, int *ret_value) {
        int value = 0;

        for (int i = 0; i < n; i++, (*at)++) {
                if (**at < '0' || **at > '9')
                        return false;
                value = value * 10 + (**at - '0');
        }
        *ret_value = value;
        return true;
}

static bool read_letter(const char **at, char letter) {
        return *(*at)++ == letter;
}

/* ".250", of any length, in whole milliseconds. */
static int64_t read_fraction(const char **at) {
        int64_t value = 0;
        int scale = MS_PER_SECOND;

        for (++*at; **at >= '0' && **at <= '9'; ++*at)
                value += (**at - '0') * (scale /= 10);
        return value;
}

/* "Z", "z", "+hh:mm" or "-hh:mm" */
static bool parse_offset(const char *text, int64_t *ret_seconds) {
        const char *at = text + 1;
        int hours, minutes;

        *ret_seconds = 0;
        if (!strcmp(text, "Z") || !strcmp(text, "z"))
                return true;
        if ((*text != '+' && *text != '-') || !read_digits(&at, 2, &hours) || !read_letter(&at, ':') ||
            !read_digits(&at, 2, &minutes) || *at)
                return false;
        *ret_seconds = (int64_t)(hours * 60 + minutes) * SECONDS_PER_MINUTE * (*text == '-' ? -1 : 1);
        return true;
}

bool aws_time_parse(const char *text, int64_t *ret_time_ms) {
        struct tm day = { 0 };
        int64_t time_ms, offset, fraction_ms = 0;
        const char *at;

        at = strptime(text, "%Y-%m-%dT%H:%M:%S", &day);
        if (!at)
                return false;
        if (*at == '.')
                fraction_ms = read_fraction(&at);
        if (!parse_offset(at, &offset) || !to_time(&day, &time_ms))
                return false;
        *ret_time_ms = time_ms + fraction_ms - offset * MS_PER_SECOND;
        return true;
}

bool aws_time_parse_date(const char *text, int64_t *ret_time_ms) {
        static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
        struct tm day = { .tm_mon = -1 };
        const char *at = text + strlen("Sun, "), *month;
        int year;

        /* not strptime(): its names of months depend on the locale */
        if (strlen(text) != strlen("Sun, 06 Nov 1994 08:49:37 GMT") || memcmp(text + 3, ", ", 2))
                return false;
        if (!read_digits(&at, 2, &day.tm_mday) || !read_letter(&at, ' '))
                return false;
        month = at;
        at += strlen("Nov");
        if (!read_letter(&at, ' ') || !read_digits(&at, 4, &year) || !read_letter(&at, ' ') ||
            !read_digits(&at, 2, &day.tm_hour) || !read_letter(&at, ':') || !read_digits(&at, 2, &day.tm_min) ||
            !read_letter(&at, ':') || !read_digits(&at, 2, &day.tm_sec) || strcmp(at, " GMT"))
                return false;
        for (int i = 0; i < 12; i++)
                if (!memcmp(month, months[i], strlen(months[i])))
                        day.tm_mon = i;
        if (day.tm_mon < 0)
                return false;
        day.tm_year = year - 1900;
        return to_time(&day, ret_time_ms);
}
