/* Validation: the report, made and written. */

#include "common/data/validate/validate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/base/json_builder.h"
#include "common/base/nearest.h"
#include "common/data/validate/validate_internal.h"

struct validate_report *validate_report_destroy(struct validate_report *report) {
        if (!report)
                return NULL;
        for (size_t i = 0; report->sketches && i < report->schema->n_columns; i++)
                sketch_finish(&report->sketches[i]);
        free(report->sketches);
        free(report->findings);
        free(report->drifts);
        free(report);
        return NULL;
}

void validate_report_destroy_pointer(struct validate_report **report) {
        *report = validate_report_destroy(*report);
}

/* Errors first; otherwise the order stays. */
static int put_errors_first(struct validate_report *report) {
        struct validate_finding *sorted = malloc((report->n_findings + 1) * sizeof(*sorted));
        size_t n = 0;

        if (!sorted)
                return error_origin(-ENOMEM, "reporting anomalies");
        for (enum severity severity = SEVERITY_ERROR; severity > SEVERITY_IGNORE; severity--)
                for (size_t i = 0; i < report->n_findings; i++)
                        if (report->findings[i].severity == severity)
                                sorted[n++] = report->findings[i];
        free(report->findings);
        report->findings = sorted;
        report->n_findings = n;
        return 0;
}

int validate_dataset(const struct validate_options *options, const struct table *tables, size_t n_tables,
                     struct validate_report **ret_report) {
        _cleanup_(validate_report_destroy_pointer) struct validate_report *report = calloc(1, sizeof(*report));
        _cleanup_(free_pointer) struct validate_deviations *deviations = NULL;
        const struct schema *schema = options->schema;
        int r;

        if (!report)
                return error_origin(-ENOMEM, "validating");
        report->schema = schema;
        report->environment = options->environment;
        report->sketches = calloc(schema->n_columns, sizeof(*report->sketches));
        report->drifts = calloc(schema->n_features, sizeof(*report->drifts));
        deviations = calloc(schema->n_columns, sizeof(*deviations));
        if (!report->sketches || !report->drifts || !deviations)
                return error_origin(-ENOMEM, "validating");
        for (size_t i = 0; i < n_tables; i++)
                report->n_rows += tables[i].n_rows;
        for (size_t i = 0; i < schema->n_columns; i++)
                sketch_init(&report->sketches[i], schema->columns[i].type, UINT64_MAX);
        r = validate_gather(options, tables, n_tables, report->sketches, deviations);
        if (!r)
                r = validate_conclude(options, tables, n_tables, deviations, report);
        if (!r)
                r = put_errors_first(report);
        if (r)
                return error_trace(r);
        *ret_report = steal(report);
        return 0;
}

const struct validate_finding *validate_first_error(const struct validate_report *report) {
        return report->n_findings && report->findings[0].severity == SEVERITY_ERROR ? &report->findings[0] : NULL;
}

int validate_fault(const struct validate_finding *finding, struct fault *fault) {
        fault_in(fault, finding->column, finding->n_examples ? (int64_t)finding->examples[0].row : -1);
        return fault_set(fault, anomaly_name(finding->code), "%s", finding->message);
}

char *validate_describe_missing(const char *column, const char *environment, const char *const *names, size_t n_names,
                                char *ret_text, size_t n_bytes) {
        const char *nearest = nearest_find(column, names, n_names);
        char quote[VALUE_QUOTE_BYTES];
        int n;

        n = snprintf(ret_text, n_bytes, "there is no such column, and %s requires it", environment);
        if (nearest && n >= 0 && (size_t)n < n_bytes)
                snprintf(ret_text + n, n_bytes - (size_t)n, "; there is a column %s (is it meant?)",
                         value_quote(nearest, strlen(nearest), quote));
        return ret_text;
}

static void put_finding(const struct validate_report *report, const struct validate_finding *finding,
                        struct json_builder *json) {
        json_begin_object(json);
        if (*finding->column)
                json_key_text(json, "column", finding->column);
        json_key_text(json, "code", anomaly_name(finding->code));
        json_key_text(json, "severity", severity_name(finding->severity));
        if (finding->n_rows) {
                json_key_uint64(json, "rows", finding->n_rows);
                json_key_double(json, "fraction", (double)finding->n_rows / (double)report->n_rows);
        }
        json_key_text(json, "message", finding->message);
        if (finding->n_examples) {
                json_key(json, "examples");
                json_begin_array(json);
                for (size_t i = 0; i < finding->n_examples; i++) {
                        json_begin_object(json);
                        json_key_uint64(json, "row", finding->examples[i].row);
                        json_key_text(json, "value", finding->examples[i].value);
                        json_end_object(json);
                }
                json_end_array(json);
        }
        json_end_object(json);
}

static void put_drift(const struct validate_report *report, const struct drift *drift, struct json_builder *json) {
        json_begin_object(json);
        json_key_text(json, "column", report->schema->columns[drift->column].name);
        json_key_text(json, "measure", drift_measure_name(drift->measure));
        json_key_double(json, "distance", drift->distance);
        json_key_double(json, "threshold", drift->threshold);
        if (drift->has_null)
                json_key_double(json, "null_quantile", drift->null_quantile);
        json_key_bool(json, "alarm", drift->is_alarm);
        json_end_object(json);
}

void validate_put_json(const struct validate_report *report, struct json_builder *json) {
        json_begin_object(json);
        json_key_text(json, "environment", report->schema->environments[report->environment]);
        json_key_uint64(json, "rows", report->n_rows);
        json_key_bool(json, "valid", !validate_first_error(report));
        json_key(json, "anomalies");
        json_begin_array(json);
        for (size_t i = 0; i < report->n_findings; i++)
                put_finding(report, &report->findings[i], json);
        json_end_array(json);
        json_key(json, "drift");
        json_begin_array(json);
        for (size_t i = 0; i < report->n_drifts; i++)
                put_drift(report, &report->drifts[i], json);
        json_end_array(json);
        json_end_object(json);
}

int validate_put_statistics(const struct validate_report *report, struct json_builder *json) {
        int r = 0;

        json_begin_object(json);
        json_key_uint64(json, "rows", report->n_rows);
        json_key(json, "columns");
        json_begin_array(json);
        for (size_t i = 0; i < report->schema->n_columns && !r; i++) {
                json_begin_object(json);
                json_key_text(json, "name", report->schema->columns[i].name);
                json_key(json, "statistics");
                r = sketch_put_json(&report->sketches[i], json);
                json_end_object(json);
        }
        json_end_array(json);
        json_end_object(json);
        return error_trace(r);
}
