/* Record: single values from YAML. */

#include <assert.h>
#include <string.h>

#include "common/base/config.h"
#include "common/base/nearest.h"
#include "proto/record.h"

static int get_text(const struct record_field *field, const struct config_node *node, char *ret_text,
                    struct fault *fault) {
        const char *text;
        int r;

        r = config_as_text(node, fault, &text);
        if (r)
                return r;
        if (strlen(text) >= field->n_room)
                return config_fault(node, fault, "CONFIG_OUT_OF_RANGE", "the text is longer than %zu bytes",
                                    field->n_room - 1);
        if (!*text && !field->may_be_absent)
                return config_fault(node, fault, "CONFIG_OUT_OF_RANGE", "the text is empty");
        if (*text && !record_form_holds(field->form, text))
                return config_fault(node, fault, "CONFIG_OUT_OF_RANGE", "\"%s\" is not written as it must be%s", text,
                                    field->form == RECORD_FORM_NAME ? ": a-z, 0-9, _ and - only" : "");
        strcpy(ret_text, text);
        return 0;
}

static int get_choice(const struct record_field *field, const struct config_node *node, unsigned *ret_value,
                      struct fault *fault) {
        char hint[512] = "";
        const char *text;
        int r;

        r = config_as_text(node, fault, &text);
        if (r)
                return r;
        for (size_t i = 0; i < field->n_words; i++)
                if (!strcmp(field->words[i], text)) {
                        *ret_value = (unsigned)i;
                        return 0;
                }
        nearest_explain(text, field->words, field->n_words, hint, sizeof(hint));
        return config_fault(node, fault, "CONFIG_OUT_OF_RANGE", "\"%s\" is none of the words that may stand here%s",
                            text, hint);
}

int record_get_config(const struct record_field *field, const struct config_node *node, void *value,
                      struct fault *fault) {
        void *member = record_member(value, field->offset);

        switch (field->kind) {
        case RECORD_KIND_BOOL:
                return config_as_bool(node, fault, member);
        case RECORD_KIND_INT:
                return config_as_int(node, field->low, field->high, fault, member);
        case RECORD_KIND_DOUBLE:
                return config_as_float(node, field->double_low, field->double_high, fault, member);
        case RECORD_KIND_TEXT:
                return get_text(field, node, member, fault);
        case RECORD_KIND_CHOICE:
                return get_choice(field, node, member, fault);
        default:
                assert(!"a kind that YAML does not hold");
                return FAULT_E_INPUT;
        }
}
