/* Overrides: found by walking the sections' tables, and XGBoost's settings by name. */

#include "proto/overrides.h"

#include <string.h>

/* Where the members of a section go, which opens with the first. */
struct section {
        const char *name;
        struct json_builder *json;
        bool is_open;
};

static void open_section(struct section *section) {
        if (section->is_open)
                return;
        json_key(section->json, section->name);
        json_begin_object(section->json);
        section->is_open = true;
}

static void close_section(const struct section *section) {
        if (section->is_open)
                json_end_object(section->json);
}

static void put_fields(struct section *section, const struct record *record, const void *of_run,
                       const void *of_pipeline) {
        for (size_t i = 0; i < record->n_fields; i++) {
                const struct record_field *field = &record->fields[i];

                if (field->kind == RECORD_KIND_LIST || record_field_is_equal(field, of_run, of_pipeline))
                        continue;
                open_section(section);
                json_key(section->json, field->name);
                /* of these the threshold alone may be absent */
                if (record_field_is_absent(field, of_run))
                        json_put_text(section->json, "expected_f1");
                else
                        record_put_field_json(field, of_run, section->json);
        }
}

static void put_settings(struct section *section, const struct parameters *of_run,
                         const struct parameters *of_pipeline) {
        for (size_t i = 0; i < of_run->train.n_settings; i++) {
                const struct setting *setting = &of_run->train.settings[i];
                const char *other = parameters_setting(of_pipeline, setting->name);

                if (other && !strcmp(setting->value, other))
                        continue;
                open_section(section);
                json_key_text(section->json, setting->name, setting->value);
        }
}

void overrides_put_json(const struct parameters *of_run, const struct parameters *of_pipeline,
                        struct json_builder *json) {
        struct section train = { .name = "train", .json = json }, evaluate = { .name = "evaluate", .json = json };

        json_begin_object(json);
        put_fields(&train, &train_parameters_record, &of_run->train, &of_pipeline->train);
        put_settings(&train, of_run, of_pipeline);
        close_section(&train);
        put_fields(&evaluate, record_find_field(&parameters_record, "evaluate")->record, &of_run->evaluate,
                   &of_pipeline->evaluate);
        close_section(&evaluate);
        json_end_object(json);
}
