/* Examine: two reports in one, and a baseline. */

#include "services/validator/examine.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/error.h"
#include "common/base/json_builder.h"

enum { TRAIN, TEST, N_PARTS };

enum { WARNINGS_SHOWN = 3 };

/* One of the two datasets. */
struct part {
        const char *name; /* in the report */
        const char *file; /* as faults call it */
        const struct table *tables;
        size_t n_tables;
        uint64_t n_rows;
        struct validate_report *report;
};

static void parts_finish(struct part (*parts)[N_PARTS]) {
        for (size_t i = 0; i < N_PARTS; i++)
                validate_report_destroy((*parts)[i].report);
}

static uint64_t count_rows(const struct table *tables, size_t n_tables) {
        uint64_t n_rows = 0;

        for (size_t i = 0; i < n_tables; i++)
                n_rows += tables[i].n_rows;
        return n_rows;
}

static int validate_parts(const struct examine_input *input, struct part parts[N_PARTS]) {
        struct validate_options options = { .schema = input->schema,
                                            .environment = SCHEMA_TRAINING,
                                            .columns = input->columns };
        int64_t n_done = 0, n_total = (int64_t)(parts[TRAIN].n_rows + parts[TEST].n_rows);
        int r;

        for (size_t i = 0; i < N_PARTS; i++) {
                if (input->on_rows && input->on_rows(input->context, n_done, n_total))
                        return EXAMINE_E_CANCELED;
                options.is_holdout = i == TEST;
                options.baseline = i == TRAIN ? input->baseline : NULL;
                /* where all rows fell to test there is nothing to learn from, however many they are */
                options.n_rows_beside = parts[i].n_rows ? parts[1 - i].n_rows : 0;
                r = validate_dataset(&options, parts[i].tables, parts[i].n_tables, &parts[i].report);
                if (r)
                        return error_trace(r);
                n_done += (int64_t)parts[i].n_rows;
        }
        return input->on_rows && input->on_rows(input->context, n_done, n_total) ? EXAMINE_E_CANCELED : 0;
}

static void count_findings(const struct part *part, struct examination *examination) {
        for (size_t i = 0; i < part->report->n_findings; i++) {
                if (part->report->findings[i].severity == SEVERITY_ERROR)
                        examination->n_errors++;
                else
                        examination->n_warnings++;
        }
}

/* Puts one in its place among the farthest; of equal ones the first in the schema's order stands first. */
static void name_drifted(struct examination *examination, const char *column, double distance) {
        struct drifted_column *farthest = examination->farthest;
        size_t at = examination->n_farthest;

        while (at && farthest[at - 1].distance < distance)
                at--;
        if (at == N_ELEMENTS(examination->farthest))
                return;
        if (examination->n_farthest < N_ELEMENTS(examination->farthest))
                examination->n_farthest++;
        memmove(&farthest[at + 1], &farthest[at], (examination->n_farthest - 1 - at) * sizeof(*farthest));
        snprintf(farthest[at].column, sizeof(farthest[at].column), "%s", column);
        farthest[at].distance = distance < 1 ? distance : 1; /* whatever rounding has added */
}

static void find_drifted(const struct examine_input *input, const struct validate_report *report,
                         struct examination *examination) {
        for (size_t i = 0; i < report->n_drifts; i++) {
                const struct drift *drift = &report->drifts[i];

                if (!drift->is_alarm)
                        continue;
                examination->n_drifted++;
                name_drifted(examination, input->schema->columns[drift->column].name, drift->distance);
        }
}

/* Row numbers are those of the dataset, which nobody has at hand; the key is what finds the row in the source. */
static void name_key(const struct examine_input *input, const struct part *part, struct fault *fault) {
        const struct schema_column *key = input->schema->key == SCHEMA_NO_VALUE
                                                  ? NULL
                                                  : &input->schema->columns[input->schema->key];
        char scratch[VALUE_SCRATCH_BYTES], quote[VALUE_QUOTE_BYTES];
        struct value value = VALUE_NULL;
        uint64_t row = (uint64_t)fault->row;
        const struct column *keys;
        const char *text;
        size_t table = 0, n_bytes, n_message = strlen(fault->message);

        if (!key || fault->row < 0 || !strcmp(fault->column, key->name))
                return;
        while (table < part->n_tables && row >= part->tables[table].n_rows)
                row -= part->tables[table++].n_rows;
        keys = table < part->n_tables ? table_find(&part->tables[table], key->name) : NULL;
        if (!keys || value_from_column(key->type, keys, (size_t)row, scratch, &value) || value.kind == VALUE_MISSING)
                return;
        if (value.kind == VALUE_TEXT) {
                text = value_quote(value.text, value.n_bytes, quote);
        } else {
                char number[VALUE_SCRATCH_BYTES];

                text = value_format(&value, number, &n_bytes);
                text = memcpy(quote, text, n_bytes);
                quote[n_bytes] = '\0';
        }
        snprintf(fault->message + n_message, sizeof(fault->message) - n_message, "; its first row has %s %s", key->name,
                 text);
}

/* About the columns that the source had, whatever the datasets have. */
static bool is_of_source(const struct validate_finding *finding) {
        return finding->code == ANOMALY_SCHEMA_MISSING_COLUMN || finding->code == ANOMALY_SCHEMA_NEW_COLUMN;
}

/* The first error in the order of the report: train, then test. */
static void find_fault(const struct examine_input *input, const struct part parts[N_PARTS],
                       struct examination *examination) {
        for (size_t i = 0; i < N_PARTS; i++) {
                const struct validate_finding *finding = validate_first_error(parts[i].report);

                if (!finding)
                        continue;
                fault_at(&examination->fault, is_of_source(finding) ? "" : parts[i].file, 0, 0);
                (void)validate_fault(finding, &examination->fault);
                name_key(input, &parts[i], &examination->fault);
                return;
        }
        examination->is_valid = true;
}

static int write_report(const struct examine_input *input, const struct part parts[N_PARTS],
                        struct examination *examination) {
        struct json_builder json = json_begin(&examination->report, JSON_PRETTY);
        int r = 0;

        json_begin_object(&json);
        json_key_int64(&json, "report", 1);
        json_key_text(&json, "schema", input->schema->digest);
        json_key_bool(&json, "valid", examination->is_valid);
        json_key_int64(&json, "errors", examination->n_errors);
        json_key_int64(&json, "warnings", examination->n_warnings);
        if (input->baseline_digest)
                json_key_text(&json, "baseline", input->baseline_digest);
        for (size_t i = 0; i < N_PARTS && !r; i++) {
                json_key(&json, parts[i].name);
                json_begin_object(&json);
                json_key(&json, "validation");
                validate_put_json(parts[i].report, &json);
                json_key(&json, "statistics");
                r = validate_put_statistics(parts[i].report, &json);
                json_end_object(&json);
        }
        if (r)
                return error_trace(r);
        json_end_object(&json);
        return error_trace(json_end(&json));
}

static int write_anomalies(const struct part parts[N_PARTS], struct examination *examination) {
        struct json_builder json = json_begin(&examination->anomalies, JSON_COMPACT);

        json_begin_array(&json);
        for (size_t i = 0; i < N_PARTS; i++)
                for (size_t k = 0; k < parts[i].report->n_findings; k++) {
                        const struct validate_finding *finding = &parts[i].report->findings[k];

                        json_begin_object(&json);
                        json_key_text(&json, "dataset", parts[i].name);
                        if (*finding->column)
                                json_key_text(&json, "column", finding->column);
                        json_key_text(&json, "code", anomaly_name(finding->code));
                        json_key_text(&json, "severity", severity_name(finding->severity));
                        if (finding->n_rows)
                                json_key_uint64(&json, "rows", finding->n_rows);
                        json_key_text(&json, "message", finding->message);
                        json_end_object(&json);
                }
        json_end_array(&json);
        return error_trace(json_end(&json));
}

/* Enough for a line of the log; the report has them all. */
static int write_warnings(const struct part parts[N_PARTS], struct examination *examination) {
        int64_t n = 0;
        int r = 0;

        for (size_t i = 0; i < N_PARTS; i++)
                for (size_t k = 0; k < parts[i].report->n_findings && n < WARNINGS_SHOWN && !r; k++) {
                        const struct validate_finding *finding = &parts[i].report->findings[k];

                        if (finding->severity == SEVERITY_ERROR)
                                continue;
                        r = buffer_printf(&examination->warnings, "%s%s%s%s: %s", n ? "; " : "", parts[i].name,
                                          *finding->column ? " " : "", finding->column, finding->message);
                        n++;
                }
        if (!r && examination->n_warnings > n)
                r = buffer_printf(&examination->warnings, "; and %" PRId64 " more", examination->n_warnings - n);
        return error_trace(r);
}

static int write_baseline(const struct examine_input *input, const struct part *train,
                          struct examination *examination) {
        _cleanup_(baseline_destroy_pointer) struct baseline *baseline = NULL;
        struct json_builder json;
        int r;

        r = baseline_create(input->schema, train->report->sketches, train->tables, train->n_tables, &baseline);
        if (r)
                return error_trace(r);
        json = json_begin(&examination->baseline, JSON_COMPACT);
        baseline_put_json(baseline, &json);
        return error_trace(json_end(&json));
}

int examine(const struct examine_input *input, struct examination *ret_examination) {
        _cleanup_(examination_finish) struct examination examination = EXAMINATION_NULL;
        _cleanup_(parts_finish) struct part parts[N_PARTS] = {
                [TRAIN] = { "train", "train.arrow", input->train, input->n_train,
                            count_rows(input->train, input->n_train), NULL },
                [TEST] = { "test", "test.arrow", input->test, input->n_test, count_rows(input->test, input->n_test),
                           NULL },
        };
        int r;

        r = validate_parts(input, parts);
        if (r)
                return error_trace(r);
        for (size_t i = 0; i < N_PARTS; i++)
                count_findings(&parts[i], &examination);
        find_drifted(input, parts[TRAIN].report, &examination);
        find_fault(input, parts, &examination);
        r = write_report(input, parts, &examination);
        if (!r)
                r = write_anomalies(parts, &examination);
        if (!r)
                r = write_warnings(parts, &examination);
        if (!r)
                r = write_baseline(input, &parts[TRAIN], &examination);
        if (r)
                return error_trace(r);
        *ret_examination = examination;
        examination = (struct examination)EXAMINATION_NULL;
        return 0;
}

void examination_finish(struct examination *examination) {
        buffer_finish(&examination->report);
        buffer_finish(&examination->anomalies);
        buffer_finish(&examination->warnings);
        buffer_finish(&examination->baseline);
        *examination = (struct examination)EXAMINATION_NULL;
}
