/* Findings: gathered, then printed as lines or as JSON. */

#include "cli/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "common/base/buffer.h"
#include "common/base/json_builder.h"

static const char *const outcome_names[] = { "ok", "warning", "wrong" };

void findings_note(struct findings *findings, const char *name, enum outcome outcome, const char *format, ...) {
        struct finding *finding;
        va_list arguments;

        if (findings->n_items == FINDINGS_MAX)
                return;
        finding = &findings->items[findings->n_items++];
        finding->name = name;
        finding->outcome = outcome;
        va_start(arguments, format);
        vsnprintf(finding->sentence, sizeof(finding->sentence), format, arguments);
        va_end(arguments);
}

void findings_note_result(struct findings *findings, const char *name, int result, const struct fault *fault) {
        char text[FAULT_TEXT_BYTES];

        if (result == FAULT_E_INPUT)
                findings_note(findings, name, WRONG, "%s", fault_format(fault, text, sizeof(text)));
        else
                findings_note(findings, name, WRONG, "%s", *command_reason() ? command_reason() : strerror(-result));
}

void findings_append(struct findings *findings, const struct findings *others) {
        for (size_t i = 0; i < others->n_items && i < FINDINGS_MAX && findings->n_items < FINDINGS_MAX; i++)
                findings->items[findings->n_items++] = others->items[i];
}

int findings_print(const struct findings *findings, bool is_json) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct json_builder json = json_begin(&text, JSON_PRETTY);
        bool is_well = true;

        for (size_t i = 0; i < findings->n_items; i++)
                is_well &= findings->items[i].outcome != WRONG;
        json_begin_object(&json);
        json_key_bool(&json, "well", is_well);
        json_key(&json, "checks");
        json_begin_array(&json);
        for (size_t i = 0; i < findings->n_items; i++) {
                const struct finding *finding = &findings->items[i];

                json_begin_object(&json);
                json_key_text(&json, "name", finding->name);
                json_key_text(&json, "outcome", outcome_names[finding->outcome]);
                json_key_text(&json, "message", finding->sentence);
                json_end_object(&json);
                if (!is_json)
                        printf("%-8s %-11s %s\n", outcome_names[finding->outcome], finding->name, finding->sentence);
        }
        json_end_array(&json);
        json_end_object(&json);
        if (json_end(&json))
                return command_fail("out of memory");
        if (is_json)
                fputs(buffer_text(&text), stdout);
        return is_well ? COMMAND_DONE : COMMAND_FAILED;
}
