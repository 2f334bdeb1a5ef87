/* Progress: bars, lines and the outcome. */

#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/error.h"
#include "common/base/json_builder.h"
#include "common/base/utf8.h"

enum {
        NAME_COLUMNS = 11,
};

static const char *text_of(const struct json_value *object, const char *name) {
        const char *text = json_text(json_get(object, name));

        return text ? text : "";
}

int progress_put_number(int64_t number, struct buffer *text) {
        char digits[32];
        size_t n;
        int r = 0;

        snprintf(digits, sizeof(digits), "%" PRId64, number);
        n = strlen(digits);
        for (size_t i = 0; i < n && !r; i++) {
                if (i && (n - i) % 3 == 0 && digits[i - 1] != '-')
                        r = buffer_append(text, ",", 1);
                if (!r)
                        r = buffer_append(text, &digits[i], 1);
        }
        return error_trace(r);
}

/* "45,000 of 100,000 rows" or "45,000 rows"; nothing without progress. */
static int put_counts(const struct json_value *stage, const char *before, struct buffer *text) {
        const struct json_value *progress = json_get(stage, "progress");
        const char *unit = text_of(progress, "unit");
        size_t n_unit = strlen(unit);
        int64_t done, total = -1;
        int r;

        if (!json_as_int64(json_get(progress, "done"), &done))
                return 0;
        r = buffer_append_text(text, before);
        if (!r)
                r = progress_put_number(done, text);
        if (!r && json_as_int64(json_get(progress, "total"), &total) && total != done) {
                r = buffer_append_text(text, " of ");
                if (!r)
                        r = progress_put_number(total, text);
        }
        /* units are plurals: "1 row", "0 rows" */
        if ((total < 0 ? done : total) == 1 && n_unit && unit[n_unit - 1] == 's')
                n_unit--;
        return error_trace(r ? r : buffer_printf(text, " %.*s", (int)n_unit, unit));
}

/* " (Age 0.31, Region_Code 0.12, …)": as many as there is room for in a message, and how far each has moved. */
static int put_drifted(const struct json_value *stage, int64_t n_drifted, struct buffer *text) {
        struct json_array_iterator iterator = json_iterate_array(json_get(stage, "drifted"));
        const struct json_value *drifted;
        double distance;
        int64_t n = 0;
        int r = 0;

        while (!r && json_next_element(&iterator, &drifted)) {
                r = buffer_printf(text, "%s%s", n++ ? ", " : " (", text_of(drifted, "column"));
                if (!r && json_as_double(json_get(drifted, "distance"), &distance))
                        r = buffer_printf(text, " %.3g", distance);
        }
        if (r || !n)
                return error_trace(r);
        return error_trace(buffer_append_text(text, n < n_drifted ? ", …)" : ")"));
}

/* What was counted that nobody should overlook: ", 1 row set aside, 2 warnings, 1 column drifted (Age 0.31)". */
static int put_notable(const struct json_value *stage, struct buffer *text) {
        static const struct {
                const char *name, *one, *more;
        } notables[] = {
                { "n_bad_rows", "row set aside", "rows set aside" },
                { "n_warnings", "warning", "warnings" },
                { "n_drifted", "column drifted", "columns drifted" },
        };
        const struct json_value *counts = json_get(stage, "counts");
        int64_t number;
        int r = 0;

        for (size_t i = 0; i < N_ELEMENTS(notables) && !r; i++) {
                if (!json_as_int64(json_get(counts, notables[i].name), &number) || number <= 0)
                        continue;
                r = buffer_append_text(text, ", ");
                if (!r)
                        r = progress_put_number(number, text);
                if (!r)
                        r = buffer_printf(text, " %s", number == 1 ? notables[i].one : notables[i].more);
                if (!r && !strcmp(notables[i].name, "n_drifted"))
                        r = put_drifted(stage, number, text);
        }
        return error_trace(r);
}

static int put_time(const struct json_value *stage, const char *before, struct buffer *text) {
        int64_t ms;

        if (!json_as_int64(json_get(stage, "ms"), &ms))
                return 0;
        return error_trace(buffer_printf(text, "%s%.2f s", before, (double)ms / 1000));
}

/* " waits: No space left on device; tries again at 03:04:05 UTC": of an RFC 3339 time the part of the day. */
static int put_wait(const struct json_value *stage, struct buffer *text) {
        const struct json_value *wait = json_get(stage, "waiting");
        const char *retry_at = text_of(wait, "retry_at"), *time = strchr(retry_at, 'T');
        int r;

        r = buffer_printf(text, " waits: %s", text_of(wait, "reason"));
        if (!r && time)
                r = buffer_printf(text, "; tries again at %.8s UTC", time + 1);
        return error_trace(r);
}

/* How much of the bar is full. An unknown total fills half: it is at work, and nobody knows how far. */
static int bar_of(const struct json_value *stage) {
        const struct json_value *progress = json_get(stage, "progress");
        const char *state = text_of(stage, "state");
        int64_t done = 0, total = 0;

        if (!strcmp(state, "SUCCEEDED") || !strcmp(state, "SKIPPED"))
                return PROGRESS_BAR_COLUMNS;
        if (!json_as_int64(json_get(progress, "done"), &done) || done < 0)
                return 0;
        if (!json_as_int64(json_get(progress, "total"), &total) || total <= 0)
                return PROGRESS_BAR_COLUMNS / 2;
        if (done > total)
                done = total;
        return (int)((double)done / (double)total * PROGRESS_BAR_COLUMNS);
}

/* Cuts what was appended since `from` to so many characters. */
static void cut_line(struct buffer *text, size_t from, size_t n_columns) {
        size_t at = from, n;

        for (size_t i = 0; i < n_columns && at < text->n_bytes; i++) {
                n = utf8_character_bytes(text->data + at, text->n_bytes - at);
                at += n ? n : 1;
        }
        if (at >= text->n_bytes)
                return;
        text->n_bytes = at;
        text->data[at] = 0;
}

static int put_bar(const struct json_value *stage, size_t n_columns, struct buffer *text) {
        const char *state = text_of(stage, "state");
        int n_full = bar_of(stage), r;
        size_t from = text->n_bytes;

        r = buffer_printf(text, "%-*s [", NAME_COLUMNS, text_of(stage, "name"));
        for (int i = 0; i < PROGRESS_BAR_COLUMNS && !r; i++)
                r = buffer_append(text, i < n_full ? "=" : " ", 1);
        if (!r)
                r = buffer_append_text(text, "]");
        if (!r && strcmp(state, "RUNNING") && strcmp(state, "SUCCEEDED") && strcmp(state, "PENDING"))
                r = buffer_printf(text, " %s", state);
        if (!r)
                r = put_time(stage, " ", text);
        /* the bar shows how far it is; why it does not go on matters more than the numbers */
        if (!r && json_get(stage, "waiting"))
                r = put_wait(stage, text);
        else if (!r)
                r = put_counts(stage, json_get(stage, "ms") ? ", " : " ", text);
        if (!r)
                r = put_notable(stage, text);
        if (r)
                return error_trace(r);
        cut_line(text, from, n_columns);
        return error_trace(buffer_append(text, "\n", 1));
}

int progress_put_bars(const struct json_value *run, size_t n_columns, struct buffer *text) {
        struct json_array_iterator iterator = json_iterate_array(json_get(run, "stages"));
        const struct json_value *stage;
        int r = 0;

        while (!r && json_next_element(&iterator, &stage))
                r = put_bar(stage, n_columns, text);
        return error_trace(r);
}

static int put_change(const struct json_value *stage, const char *state, struct buffer *text) {
        int r;

        r = buffer_printf(text, "%-*s ", NAME_COLUMNS, text_of(stage, "name"));
        for (const char *at = state; *at && !r; at++) {
                char lower = *at >= 'A' && *at <= 'Z' ? (char)(*at - 'A' + 'a') : *at;

                r = buffer_append(text, &lower, 1);
        }
        if (!r)
                r = put_time(stage, " in ", text);
        if (!r && strcmp(state, "RUNNING"))
                r = put_counts(stage, ", ", text);
        if (!r)
                r = put_notable(stage, text);
        return error_trace(r ? r : buffer_append(text, "\n", 1));
}

static int tell_state(const struct json_value *stage, struct progress_told *told, struct buffer *text) {
        const char *state = text_of(stage, "state");

        if (!strcmp(state, told->state))
                return 0;
        snprintf(told->state, sizeof(told->state), "%s", state);
        told->waits_for[0] = 0;
        return *state && strcmp(state, "PENDING") != 0 ? error_trace(put_change(stage, state, text)) : 0;
}

/* Whether two sentences say the same but for their numbers, such as how long it took. */
static bool says_the_same(const char *a, const char *b) {
        static const char digits[] = "0123456789";

        for (;; a++, b++) {
                a += strspn(a, digits);
                b += strspn(b, digits);
                if (*a != *b || !*a)
                        return *a == *b;
        }
}

/* Once for each reason: a try in between that comes to the same is no news. */
static int tell_wait(const struct json_value *stage, struct progress_told *told, struct buffer *text) {
        const char *reason = text_of(json_get(stage, "waiting"), "reason");
        int r;

        if (!*reason || says_the_same(reason, told->waits_for))
                return 0;
        snprintf(told->waits_for, sizeof(told->waits_for), "%s", reason);
        r = buffer_printf(text, "%-*s", NAME_COLUMNS, text_of(stage, "name"));
        if (!r)
                r = put_wait(stage, text);
        return error_trace(r ? r : buffer_append(text, "\n", 1));
}

int progress_put_changes(const struct json_value *run, struct progress_told *told, size_t n_told, struct buffer *text) {
        struct json_array_iterator iterator = json_iterate_array(json_get(run, "stages"));
        const struct json_value *stage;
        int r = 0;

        for (size_t i = 0; i < n_told && !r && json_next_element(&iterator, &stage); i++) {
                r = tell_state(stage, &told[i], text);
                if (!r)
                        r = tell_wait(stage, &told[i], text);
        }
        return error_trace(r);
}

static int put_metric(const char *name, const struct json_value *candidate, const struct json_value *champion,
                      struct buffer *text) {
        double number;
        int r;

        if (!json_as_double(json_get(candidate, name), &number))
                return 0;
        r = buffer_printf(text, "  %-10s %9.4f", name, number);
        if (!r && json_as_double(json_get(champion, name), &number))
                r = buffer_printf(text, " %9.4f", number);
        return error_trace(r ? r : buffer_append(text, "\n", 1));
}

static int put_metrics(const struct json_value *run, struct buffer *text) {
        static const char *const names[] = { "f1",     "precision", "recall", "auc",
                                             "pr_auc", "log_loss",  "brier",  "threshold" };
        const struct json_value *metrics = json_get(run, "metrics"), *candidate = json_get(metrics, "candidate");
        const struct json_value *champion = json_get(metrics, "champion");
        int64_t n_rows;
        int r;

        if (!candidate)
                return 0;
        r = buffer_printf(text, "  %-10s %9s%s", "", "candidate", champion ? "  champion" : "");
        if (!r && json_as_int64(json_get(candidate, "n_rows"), &n_rows)) {
                r = buffer_append_text(text, "   on ");
                if (!r)
                        r = progress_put_number(n_rows, text);
                if (!r)
                        r = buffer_append_text(text, " test rows");
        }
        if (!r)
                r = buffer_append(text, "\n", 1);
        for (size_t i = 0; i < N_ELEMENTS(names) && !r; i++)
                r = put_metric(names[i], candidate, champion, text);
        return error_trace(r);
}

static int put_reasons(const struct json_value *run, struct buffer *text) {
        struct json_array_iterator iterator = json_iterate_array(json_get(run, "reasons"));
        const struct json_value *reason;
        int r = 0;

        while (!r && json_next_element(&iterator, &reason)) {
                const char *message = text_of(reason, "message");

                r = buffer_printf(text, "  %s%s%s\n", text_of(reason, "code"), *message ? ": " : "", message);
        }
        return error_trace(r);
}

static int put_verdict(const struct json_value *run, struct buffer *text) {
        bool is_accepted = false, is_promoted = false;
        int64_t version = 0;

        if (!json_as_bool(json_get(run, "accepted"), &is_accepted))
                return 0;
        json_as_bool(json_get(run, "promoted"), &is_promoted);
        json_as_int64(json_get(run, "version"), &version);
        if (!is_accepted && json_get(json_get(run, "metrics"), "champion"))
                return error_trace(
                        buffer_append_text(text, "not accepted: no version was published, the champion goes on\n"));
        if (!is_accepted)
                return error_trace(buffer_append_text(text, "not accepted: no version was published\n"));
        return error_trace(buffer_printf(text,
                                         is_promoted ? "accepted: version %" PRId64 " is the champion and answers\n"
                                                     : "accepted: version %" PRId64
                                                       " is published as challenger, the champion stays\n",
                                         version));
}

/* The datasets have names of their own in a fault, but nobody has these files at hand. */
static bool is_dataset(const char *file) {
        return !strcmp(file, "train.arrow") || !strcmp(file, "test.arrow");
}

/* "row 7 of the train rows: " */
static int put_row(const char *file, int64_t row, struct buffer *text) {
        if (!is_dataset(file))
                return buffer_printf(text, "row %" PRId64 ": ", row + 1);
        return buffer_printf(text, "row %" PRId64 " of the %.*s rows: ", row + 1, (int)strcspn(file, "."), file);
}

/* "the validator failed: CODE: column: message" */
static int put_error(const struct json_value *run, struct buffer *text) {
        const struct json_value *error = json_get(run, "error");
        const char *column = text_of(error, "column"), *file = text_of(error, "file");
        int64_t number;
        bool has_row = false;
        int r;

        if (!error)
                return 0;
        r = buffer_printf(text, "the %s failed: %s: ", text_of(error, "stage"), text_of(error, "code"));
        if (!r && *file && !is_dataset(file))
                r = buffer_printf(text, "%s: ", file);
        if (!r && json_as_int64(json_get(error, "line"), &number) && number > 0) {
                r = buffer_printf(text, "line %" PRId64 ": ", number);
        } else if (!r && json_as_int64(json_get(error, "row"), &number) && number >= 0) {
                r = put_row(file, number, text);
                has_row = true;
        } else if (!r && is_dataset(file)) {
                r = buffer_printf(text, "in the %.*s rows: ", (int)strcspn(file, "."), file);
        }
        if (!r && *column)
                r = buffer_printf(text, "%s: ", column);
        if (!r)
                r = buffer_append_text(text, text_of(error, "message"));
        if (!r && has_row && is_dataset(file))
                r = buffer_printf(text, "; `convoy export %s --out DIR` writes these rows", text_of(run, "run_id"));
        return error_trace(r ? r : buffer_append_text(text, "\n"));
}

int progress_put_outcome(const struct json_value *run, struct buffer *text) {
        int r;

        r = buffer_printf(text, "run %s %s\n", text_of(run, "run_id"), text_of(run, "state"));
        if (!r)
                r = put_metrics(run, text);
        if (!r)
                r = put_verdict(run, text);
        if (!r)
                r = put_reasons(run, text);
        if (!r)
                r = put_error(run, text);
        return error_trace(r);
}

/* Texts as they are, numbers as JSON writes them. */
static int put_setting(const char *section, const char *name, size_t n_name, const struct json_value *value,
                       struct buffer *text) {
        _cleanup_(buffer_finish) struct buffer number = BUFFER_NULL;
        struct json_builder json;
        int r = 0;

        if (!json_text(value)) {
                json = json_begin(&number, JSON_COMPACT);
                json_put_value(&json, value);
                r = json_end(&json);
        }
        if (r)
                return error_trace(r);
        return error_trace(buffer_printf(text, "  %s.%.*s=%s\n", section, (int)n_name, name,
                                         json_text(value) ? json_text(value) : buffer_text(&number)));
}

int progress_put_overrides(const struct json_value *run, struct buffer *text) {
        static const char *const sections[] = { "train", "evaluate" };
        const struct json_value *value;
        bool is_begun = false;
        const char *name;
        size_t n_name;
        int r = 0;

        for (size_t i = 0; i < N_ELEMENTS(sections); i++) {
                const struct json_value *section = json_get(json_get(run, "overrides"), sections[i]);
                struct json_object_iterator iterator = json_iterate_object(section);

                while (!r && json_next_member(&iterator, &name, &n_name, &value)) {
                        if (!is_begun)
                                r = buffer_append_text(text,
                                                       "parameters that differ from pipeline.yaml as it is now:\n");
                        is_begun = true;
                        if (!r)
                                r = put_setting(sections[i], name, n_name, value, text);
                }
        }
        return error_trace(r);
}
