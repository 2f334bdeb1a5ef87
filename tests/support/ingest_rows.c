/*
 * ingest_rows SCHEMA URI STORE [MAX_BAD_FRACTION [DATABASE COLLECTION]]: deals the rows of a source to train and test
 * with the salt 7 and a share of 0.25, as the ingestor does, and prints what it made as JSON. Exit 1 and the fault on
 * standard error when it refuses.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/json_builder.h"
#include "common/base/log.h"
#include "services/ingestor/ingest.h"

static int print(const struct ingestion *ingestion) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct json_builder json = json_begin(&text, JSON_PRETTY);
        int r;

        record_put_json(&ingestion_record, ingestion, &json);
        r = json_end(&json);
        if (!r)
                fputs(buffer_text(&text), stdout);
        return r;
}

int main(int argc, char **argv) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = NULL;
        _cleanup_(store_close_pointer) struct store *store = NULL;
        static struct parameters parameters;
        struct ingestion ingestion = { 0 };
        char text[FAULT_TEXT_BYTES];
        struct fault fault = FAULT_NULL;
        int r;

        if (argc < 4)
                return 2;
        log_open("ingest_rows", LOG_LEVEL_DEBUG);
        parameters_init(&parameters, "rows");
        parameters.split = (struct split){ .salt = 7, .test_ten_thousandths = 2500 };
        parameters.max_bad_fraction = argc > 4 ? strtod(argv[4], NULL) : 0.0;
        r = schema_load(argv[1], &fault, &schema);
        if (!r)
                r = store_open(&(struct store_options){ .uri = argv[3] }, &store, &fault);
        if (!r) {
                const struct ingest_input input = { .parameters = &parameters,
                                                    .schema = schema,
                                                    .source_uri = argv[2],
                                                    .database = argc > 5 ? argv[5] : NULL,
                                                    .collection = argc > 6 ? argv[6] : NULL,
                                                    .pipeline_folder = ".",
                                                    .store = store };

                r = ingest(&input, &ingestion, &fault);
        }
        if (!r)
                r = print(&ingestion);
        if (r == FAULT_E_INPUT)
                fprintf(stderr, "%s: %s\n", fault.code, fault_format(&fault, text, sizeof(text)));
        if (r < 0)
                fprintf(stderr, "errno %s\n", strerrorname_np(-r));
        return r ? 1 : 0;
}
