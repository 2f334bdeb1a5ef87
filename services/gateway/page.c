/* Page: head, answer, form. */

#include "services/gateway/page.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/error.h"
#include "services/gateway/form.h"

static const char HEAD[] =
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Convoy</title>\n<style>\n"
        "body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;color:#1c2430}\n"
        "h1{font-size:1.4rem}form{display:grid;grid-template-columns:repeat(auto-fit,minmax(17rem,1fr));gap:1rem}\n"
        "label{display:grid;gap:.25rem}input,select,button{font:inherit;padding:.5rem;border:1px solid #8a94a3;"
        "border-radius:.4rem}\nbutton{background:#123c69;color:#fff;cursor:pointer;grid-column:1/-1}\n"
        "output,.error{display:block;padding:1rem;border-radius:.4rem;margin:1rem 0;background:#e8f1ea}\n"
        ".error{background:#fbe9e7}small{color:#5a6573}\n</style>\n</head>\n<body>\n<main>\n";

static int put_escaped(struct buffer *html, const char *text) {
        return form_escape(html, text, strlen(text));
}

/* The first failure of several steps. */
static int first(int a, int b) {
        return a ? a : b;
}

static int put_option(struct buffer *html, const char *value, const char *title, h2o_iovec_t chosen) {
        bool is_chosen = chosen.base && chosen.len == strlen(value) && !memcmp(chosen.base, value, chosen.len);
        int r;

        r = buffer_append_text(html, "<option value=\"");
        r = first(r, put_escaped(html, value));
        r = first(r, buffer_append_text(html, is_chosen ? "\" selected>" : "\">"));
        r = first(r, put_escaped(html, title));
        return first(r, buffer_append_text(html, "</option>\n"));
}

/* The name, and the rest that all controls have. */
static int put_attributes(struct buffer *html, const struct schema_column *column, bool is_required, bool is_at_fault) {
        int r;

        r = buffer_append_text(html, " name=\"");
        r = first(r, put_escaped(html, column->name));
        return first(r, buffer_printf(html, "\"%s%s", is_required ? " required" : "",
                                      is_at_fault ? " aria-invalid=\"true\" aria-describedby=\"error\"" : ""));
}

static int put_choice(struct buffer *html, const struct schema_column *column, bool is_required, bool is_at_fault,
                      h2o_iovec_t chosen) {
        static const char *const bool_titles[] = { "No", "Yes" };
        int r;

        r = buffer_append_text(html, "<select");
        r = first(r, put_attributes(html, column, is_required, is_at_fault));
        r = first(r, buffer_append_text(html, ">\n<option value=\"\">choose</option>\n"));
        for (size_t i = 0; i < column->n_values; i++)
                r = first(r, put_option(html, column->values[i].text,
                                        column->type == VALUE_TYPE_BOOL ? bool_titles[i] : column->values[i].text,
                                        chosen));
        return first(r, buffer_append_text(html, "</select>"));
}

static int put_input(struct buffer *html, const struct schema_column *column, bool is_required, bool is_at_fault,
                     h2o_iovec_t given) {
        bool is_number = column->type == VALUE_TYPE_INT || column->type == VALUE_TYPE_FLOAT;
        int r;

        r = buffer_printf(html, "<input type=\"%s\"", is_number ? "number" : "text");
        r = first(r, put_attributes(html, column, is_required, is_at_fault));
        r = first(r, buffer_append_text(html, " value=\""));
        if (given.base)
                r = first(r, form_escape(html, given.base, given.len));
        r = first(r, buffer_append_text(html, "\""));
        if (is_number)
                r = first(r, buffer_printf(html, " step=\"%s\"", column->type == VALUE_TYPE_INT ? "1" : "any"));
        if (column->has_min)
                r = first(r, buffer_printf(html, " min=\"%.17g\"", column->min));
        if (column->has_max)
                r = first(r, buffer_printf(html, " max=\"%.17g\"", column->max));
        return first(r, buffer_append_text(html, ">"));
}

static int put_control(struct request *request, const struct schema_column *column, const struct fault *fault,
                       struct buffer *html) {
        bool is_at_fault = fault && !strcmp(fault->column, column->name);
        bool is_required = schema_column_is_required(column, SCHEMA_SERVING);
        h2o_iovec_t given = form_find(request, column->name);
        int r;

        r = buffer_append_text(html, "<label><span>");
        r = first(r, put_escaped(html, column->title));
        r = first(r, buffer_append_text(html, is_required ? "</span>\n" : " <small>(optional)</small></span>\n"));
        r = first(r, column->n_values ? put_choice(html, column, is_required, is_at_fault, given)
                                      : put_input(html, column, is_required, is_at_fault, given));
        return first(r, buffer_append_text(html, "</label>\n"));
}

/* The column as the page calls it, and its name where that is another. */
static int put_column(const struct schema *schema, const char *name, struct buffer *html) {
        const struct schema_column *column = schema_find(schema, name, strlen(name));
        int r = 0;

        if (column && strcmp(column->title, name)) {
                r = put_escaped(html, column->title);
                r = first(r, buffer_append_text(html, " ("));
        }
        r = first(r, put_escaped(html, name));
        return first(r, buffer_append_text(html, column && strcmp(column->title, name) ? "): " : ": "));
}

static int put_error(const struct schema *schema, const struct fault *fault, struct buffer *html) {
        int r;

        r = buffer_append_text(html, "<p class=\"error\" id=\"error\" role=\"alert\">");
        if (fault->column[0])
                r = first(r, put_column(schema, fault->column, html));
        r = first(r, put_escaped(html, fault->message));
        return first(r, buffer_append_text(html, "</p>\n"));
}

static int put_prediction(const struct schema_column *label, const struct page_answer *answer, struct buffer *html) {
        int r;

        r = buffer_append_text(html, "<output><strong>");
        if (label->names) {
                r = first(r, put_escaped(html, label->names[answer->prediction->outcome]));
        } else {
                r = first(r, put_escaped(html, label->title));
                r = first(r, buffer_printf(html, ": %d", answer->prediction->outcome));
        }
        return first(r, buffer_printf(html, "</strong>, probability %.4f, by version %" PRId64 "</output>\n",
                                      (double)answer->prediction->probability, answer->model->version));
}

static int put_answer(const struct schema *schema, const struct page_answer *answer, struct buffer *html) {
        int r;

        if (answer->fault)
                return put_error(schema, answer->fault, html);
        if (!answer->model) {
                r = buffer_append_text(html, "<p class=\"error\">");
                r = first(r, put_escaped(html, answer->absence));
                return first(r, buffer_append_text(html, "</p>\n"));
        }
        return answer->prediction ? put_prediction(&schema->columns[schema->label], answer, html) : 0;
}

int page_write(struct request *request, const struct schema *schema, const struct page_answer *answer,
               struct buffer *html) {
        int r;

        r = buffer_append_text(html, HEAD);
        r = first(r, buffer_append_text(html, "<h1>Prediction</h1>\n"));
        r = first(r, put_answer(schema, answer, html));
        r = first(r, buffer_append_text(html, "<form method=\"post\" action=\"/\">\n"));
        for (size_t i = 0; i < schema->n_columns; i++)
                if (schema->columns[i].role == SCHEMA_ROLE_FEATURE || schema->columns[i].role == SCHEMA_ROLE_KEY)
                        r = first(r, put_control(request, &schema->columns[i], answer->fault, html));
        r = first(r, buffer_append_text(html, "<button>Predict</button>\n</form>\n</main>\n</body>\n</html>\n"));
        return error_trace(r);
}
