/* Check source: opened as an ingestor opens it, with less patience, and read for one batch. */

#include "cli/check_source.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/error.h"
#include "common/data/validate/validate.h"
#include "common/source/source.h"
#include "common/source/source_generate.h"

#define NAME "source"

enum {
        LOOK_ROWS = 100,
        MISSING_BYTES = 512,
};

struct look {
        struct findings *findings;
        const struct pipeline *pipeline;
        struct schema *schema;
        struct source *source;
        struct table batch; /* the first; of the source */
        int64_t n_unreadable;
        char unreadable[FAULT_TEXT_BYTES]; /* the first such row */
        char place[SOURCE_PLACE_BYTES];
};

static void look_finish(struct look *look) {
        source_close(look->source);
        schema_destroy(look->schema);
}

/* What to do about a fault, as the end of a sentence. */
static const char *advise_fault(const char *code) {
        static const struct {
                const char *code, *advice;
        } rows[] = {
                { "SOURCE_HOST_UNKNOWN",
                  "; correct the host in MONGODB_URL (source.uri of pipeline.yaml), or see why this "
                  "machine cannot look it up" },
                { "SOURCE_TLS_FAILED", "; see tls and tlsCAFile of the URI, and that its host is the certificate's" },
                { "SOURCE_AUTHENTICATION_FAILED",
                  "; see user, password (percent-encoded) and authSource of the URI in MONGODB_URL" },
                { "SOURCE_NOT_AUTHORIZED",
                  "; grant that user the role `read` on the database, or name another user in MONGODB_URL" },
                { "SOURCE_DATABASE_UNKNOWN",
                  "; name the right one in source.database of pipeline.yaml, or fill it with "
                  "`convoy data load FILE URI`" },
                { "SOURCE_COLLECTION_UNKNOWN", "; name the right one in source.collection of pipeline.yaml, or fill it "
                                               "with `convoy data load FILE URI`" },
                { "SOURCE_SERVER_UNFIT", "; change the URI's options, or the server" },
                { "SOURCE_READ_REFUSED", "; the server's log may say more" },
                { "FILE_NOT_FOUND", "; name another in CONVOY_SOURCE (source.uri of pipeline.yaml)" },
                { "FILE_NOT_READABLE", "; let this user read it, with chmod" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++)
                if (!strcmp(code, rows[i].code))
                        return rows[i].advice;
        return "";
}

static const char *advise_failure(int result) {
        switch (result) {
        case -ECONNREFUSED:
                return "; is a server running there, and is the port right?";
        case -ETIMEDOUT:
                return "; is a firewall in between, does the list of addresses that the server lets in (Atlas: IP "
                       "access "
                       "list) hold this machine's, does the URI want TLS?";
        case -EHOSTUNREACH:
                return "; see why this machine cannot look the host up";
        case -ECONNRESET:
                return "; does the server want TLS (tls=true in the URI), or has it none? A slow one gets seconds "
                       "here, but half a minute from a run";
        case -EREMOTEIO:
                return "; wait until a primary is elected, or allow secondaries with readPreference in the URI";
        default:
                return "";
        }
}

static void note_trouble(struct look *look, int result, const struct fault *fault) {
        bool is_named = !strncmp(error_reason(result), look->place, strlen(look->place));
        bool is_mongo = source_shown(look->pipeline->source.uri) != look->pipeline->source.uri;
        struct fault unplaced = *fault;
        char text[FAULT_TEXT_BYTES];

        /* the place is told with the server */
        if (is_mongo)
                fault_at(&unplaced, "", 0, 0);
        if (result == FAULT_E_INPUT)
                findings_note(look->findings, NAME, WRONG, "%s: %s%s", look->place,
                              fault_format(&unplaced, text, sizeof(text)),
                              is_mongo && !strcmp(fault->code, "EMPTY_SOURCE")
                                      ? "; fill it with `convoy data load FILE URI`"
                                      : advise_fault(fault->code));
        else
                findings_note(look->findings, NAME, WRONG, "%s%s%s%s", is_named ? "" : look->place,
                              is_named ? "" : ": ", error_reason(result), advise_failure(result));
}

static int on_reject(void *context, const struct fault *fault, const char *row _unused_, size_t n_row _unused_) {
        struct look *look = context;

        if (!look->n_unreadable++)
                fault_format(fault, look->unreadable, sizeof(look->unreadable));
        return 0;
}

static int read_first(struct look *look, struct fault *fault) {
        const struct pipeline_source *place = &look->pipeline->source;
        struct source_options options = {
                .uri = place->uri,
                .pipeline_path = look->pipeline->folder,
                .database = place->database,
                .collection = place->collection,
                .schema = look->schema,
                .n_look = LOOK_ROWS,
                .on_reject = on_reject,
                .on_reject_context = look,
        };
        int r;

        source_place(&options, look->place);
        r = source_open(&options, &look->source, fault);
        return r ? r : source_read(look->source, &look->batch, fault);
}

/* Columns that training needs and the source has not. True when there is none. */
static bool check_columns(struct look *look) {
        const struct schema *schema = look->schema;
        const char *names[SOURCE_UNKNOWN_MAX];
        size_t n_names = source_n_unknown(look->source), n_missing = 0;
        char sentence[MISSING_BYTES];

        for (size_t i = 0; i < n_names; i++)
                names[i] = source_unknown(look->source, i);
        for (size_t i = 0; i < schema->n_columns; i++) {
                if (source_has_column(look->source, i) ||
                    !schema_column_is_required(&schema->columns[i], SCHEMA_TRAINING))
                        continue;
                n_missing++;
                findings_note(look->findings, NAME, WRONG, "%s: its first %zu rows have no column %s: %s", look->place,
                              look->batch.n_rows, schema->columns[i].name,
                              validate_describe_missing(schema->columns[i].name, "TRAINING", names, n_names, sentence,
                                                        sizeof(sentence)));
        }
        return !n_missing;
}

/* What a run would FAIL for among the first rows. True when there is nothing. */
static bool check_values(struct look *look) {
        _cleanup_(validate_report_destroy_pointer) struct validate_report *report = NULL;
        /* too few rows, or one class alone, say nothing of those that follow */
        const struct validate_options options = { .schema = look->schema,
                                                  .environment = SCHEMA_TRAINING,
                                                  .is_holdout = true };
        const struct validate_finding *error;
        int r;

        r = validate_dataset(&options, &look->batch, 1, &report);
        error = r ? NULL : validate_first_error(report);
        if (error)
                findings_note(
                        look->findings, NAME, WRONG,
                        "%s: among its first %zu rows, column %s breaks the schema: %s; correct the rows, or what "
                        "schema.yaml allows; `convoy validate` shows all of it",
                        look->place, look->batch.n_rows, error->column, error->message);
        return !error;
}

static void note_well(struct look *look) {
        int64_t n_rows = source_n_rows(look->source);

        if (!strncmp(look->pipeline->source.uri, SOURCE_GENERATE_SCHEME, sizeof(SOURCE_GENERATE_SCHEME) - 1))
                findings_note(look->findings, NAME, WELL, "%s: made up, from generator.yaml", look->place);
        else if (n_rows >= 0)
                findings_note(look->findings, NAME, WELL,
                              "%s: about %" PRId64 " rows; the first %zu are as schema.yaml says", look->place, n_rows,
                              look->batch.n_rows);
        else
                findings_note(look->findings, NAME, WELL, "%s: the first %zu rows are as schema.yaml says", look->place,
                              look->batch.n_rows);
}

static void check_rows(struct look *look) {
        double max_bad_fraction = look->pipeline->parameters.max_bad_fraction;

        if (look->n_unreadable && max_bad_fraction <= 0)
                findings_note(look->findings, NAME, WRONG,
                              "%s: %" PRId64 " of its first %" PRId64
                              " rows cannot be read, %s; correct it, or allow such rows with source.max_bad_fraction",
                              look->place, look->n_unreadable, look->n_unreadable + (int64_t)look->batch.n_rows,
                              look->unreadable);
        else if (look->n_unreadable)
                findings_note(look->findings, NAME, DOUBTFUL,
                              "%s: %" PRId64 " of its first %" PRId64
                              " rows cannot be read, %s; max_bad_fraction allows %g of all",
                              look->place, look->n_unreadable, look->n_unreadable + (int64_t)look->batch.n_rows,
                              look->unreadable, max_bad_fraction);
        else
                note_well(look);
}

void check_source(struct findings *findings, const struct pipeline *pipeline) {
        _cleanup_(look_finish) struct look look = { .findings = findings, .pipeline = pipeline };
        struct fault fault = FAULT_NULL;
        int r;

        r = schema_load(pipeline->schema, &fault, &look.schema);
        if (r) {
                findings_note_result(findings, NAME, r, &fault);
                return;
        }
        r = read_first(&look, &fault);
        if (r) {
                note_trouble(&look, r, &fault);
                return;
        }
        if (check_columns(&look) && check_values(&look))
                check_rows(&look);
}
