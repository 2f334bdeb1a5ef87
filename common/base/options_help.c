/* Help: two columns, the right one wrapped. */

#include "common/base/options_help.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/error.h"
#include "common/base/version.h"

enum { LINE_COLUMNS = 100, LEFT_COLUMNS_MAX = 30, LEFT_BYTES = 160 };

const char *options_value_name(const struct option_row *row) {
        if (row->value_name)
                return row->value_name;
        switch (row->kind) {
        case OPTION_FLAG:
                return "";
        case OPTION_INT:
                return "N";
        case OPTION_CHOICE:
                return row->choices;
        case OPTION_SECRET:
                return "SECRET";
        case OPTION_TEXT:
                break;
        }
        return "TEXT";
}

static void format_left(const struct option_row *row, char left[LEFT_BYTES]) {
        const char *value = options_value_name(row);

        snprintf(left, LEFT_BYTES, "%s%s%s%s", row->name ? "--" : "", row->name ? row->name : row->environment,
                 row->kind == OPTION_FLAG ? ""
                 : row->name              ? " "
                                          : "=",
                 value);
}

/* Appends words to a line that stands at column; begins new lines, indented, where they do not fit. */
static int append_wrapped(struct buffer *text, size_t indent, const char *words) {
        size_t column = indent;
        int r = 0;

        while (*words && !r) {
                size_t n = strcspn(words, " ");

                if (column > indent && column + 1 + n > LINE_COLUMNS) {
                        r = buffer_printf(text, "\n%*s", (int)indent, "");
                        column = indent;
                } else if (column > indent) {
                        r = buffer_append(text, " ", 1);
                        column++;
                }
                if (!r)
                        r = buffer_append(text, words, n);
                column += n;
                words += n;
                words += strspn(words, " ");
        }
        return r ? error_trace(r) : error_trace(buffer_append(text, "\n", 1));
}

static int append_line(struct buffer *text, size_t n_left, const char *left, const char *right) {
        size_t indent = 2 + n_left + 2;
        int r;

        if (strlen(left) > n_left)
                r = buffer_printf(text, "  %s\n%*s", left, (int)indent, "");
        else
                r = buffer_printf(text, "  %-*s  ", (int)n_left, left);
        return r ? error_trace(r) : error_trace(append_wrapped(text, indent, right));
}

static int append_row(struct buffer *text, size_t n_left, const struct option_row *row) {
        _cleanup_(buffer_finish) struct buffer right = BUFFER_NULL;
        char left[LEFT_BYTES];
        int r;

        format_left(row, left);
        r = buffer_append_text(&right, row->sentence);
        if (!r && row->otherwise && *row->otherwise && row->kind != OPTION_SECRET && row->kind != OPTION_FLAG)
                r = buffer_printf(&right, " (default %s)", row->otherwise);
        if (!r && row->name && row->environment)
                r = buffer_printf(&right, " [%s]", row->environment);
        return r ? error_trace(r) : error_trace(append_line(text, n_left, left, buffer_text(&right)));
}

static int append_rows(const struct option_table *table, bool is_flag, const char *title, size_t n_left,
                       struct buffer *text) {
        bool is_begun = false;
        int r = 0;

        for (size_t i = 0; i < table->n_rows && !r; i++) {
                if ((table->rows[i].name != NULL) != is_flag)
                        continue;
                if (!is_begun)
                        r = buffer_printf(text, "\n%s:\n", title);
                is_begun = true;
                if (!r)
                        r = append_row(text, n_left, &table->rows[i]);
        }
        if (r || !is_flag)
                return error_trace(r);
        if (!is_begun)
                r = buffer_printf(text, "\n%s:\n", title);
        if (!r)
                r = append_line(text, n_left, "--help", "print this and exit");
        if (!r)
                r = append_line(text, n_left, "--version", "print the version and exit");
        return error_trace(r);
}

int options_help(const struct option_table *table, struct buffer *text) {
        size_t n_left = strlen("--version"), n;
        char left[LEFT_BYTES];
        int r;

        for (size_t i = 0; i < table->n_rows; i++) {
                format_left(&table->rows[i], left);
                n = strlen(left);
                if (n > n_left && n <= LEFT_COLUMNS_MAX)
                        n_left = n;
        }
        r = buffer_printf(text, "Usage: %s [OPTION]...%s%s\n", table->program, table->operands ? " " : "",
                          table->operands ? table->operands : "");
        if (!r)
                r = append_wrapped(text, 0, table->summary);
        if (!r)
                r = append_rows(table, true, "Options", n_left, text);
        if (!r)
                r = append_rows(table, false, "Environment", n_left, text);
        if (!r && table->sections)
                r = buffer_printf(text, "\n%s", table->sections);
        return error_trace(r);
}

int options_version(const struct option_table *table, struct buffer *text) {
        return error_trace(buffer_printf(text, "%s %s\n", table->program, version_text()));
}
