/* Version rows: a table indexed by the version, modulo its size. */

#include "services/gateway/version_rows.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/json_builder.h"

void version_rows_finish(struct version_rows *rows) {
        for (size_t i = 0; i < VERSION_ROWS_MAX; i++)
                buffer_finish(&rows->rows[i].json);
}

void version_rows_forget(struct version_rows *rows) {
        version_rows_finish(rows);
        for (size_t i = 0; i < VERSION_ROWS_MAX; i++)
                rows->rows[i].version = 0;
}

void version_rows_follow(struct version_rows *rows, const struct aliases *aliases) {
        /* a version is retired once, so that any one of them tells one list from another */
        int64_t retired = aliases->n_retired ? aliases->retired[0] : 0;

        if (retired == rows->retired)
                return;
        version_rows_forget(rows);
        rows->retired = retired;
}

static void put_row(const struct manifest *manifest, struct json_builder *json) {
        _cleanup_(json_destroy_pointer) struct json *document = NULL;
        const struct json_value *metrics = NULL;
        struct fault fault = FAULT_NULL;
        char at[CLOCK_RFC3339_BYTES];

        clock_format_rfc3339(manifest->created_at_ms, at);
        json_begin_object(json);
        json_key_int64(json, "version", manifest->version);
        json_key_text(json, "run_id", manifest->run);
        json_key_text(json, "created_at", at);
        if (!json_parse(buffer_text(&manifest->text), manifest->text.n_bytes, &fault, &document))
                metrics = json_get(json_root(document), "metrics");
        if (metrics) {
                json_key(json, "metrics");
                json_put_value(json, metrics);
        }
        json_end_object(json);
}

static int write_row(const struct manifest *manifest, struct buffer *text) {
        struct json_builder json = json_begin(text, JSON_COMPACT);

        put_row(manifest, &json);
        return error_trace(json_end(&json));
}

int version_row_put(struct registry *registry, int64_t version, struct json_builder *json) {
        _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;
        int r;

        r = registry_read_manifest(registry, version, &manifest);
        if (r < 0)
                return error_trace(r);
        if (!r)
                put_row(&manifest, json);
        return 0;
}

int version_rows_get(struct version_rows *rows, int64_t version, const struct buffer **ret_json) {
        struct version_row *row = &rows->rows[version % VERSION_ROWS_MAX];
        _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;
        int r;

        if (row->version != version) {
                r = registry_read_manifest(rows->registry, version, &manifest);
                if (r)
                        return r < 0 ? error_trace(r) : r;
                row->version = 0;
                buffer_clear(&row->json);
                r = write_row(&manifest, &row->json);
                if (r)
                        return error_trace(r);
                row->version = version;
        }
        *ret_json = &row->json;
        return 0;
}
