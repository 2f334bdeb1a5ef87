/* proto/README.md says what the tables of fields say, of every record, word for word; and nothing of others. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/file.h"
#include "proto/envelope.h"
#include "tests/wire/grammar.h"

#define RECORDS_MAX 64

struct met {
        const struct record *records[RECORDS_MAX];
        size_t n_records;
};

static void meet(struct met *met, const struct record *record) {
        for (size_t i = 0; i < met->n_records; i++)
                if (met->records[i] == record)
                        return;
        assert_true(met->n_records < RECORDS_MAX);
        met->records[met->n_records++] = record;
        for (size_t i = 0; i < record->n_fields; i++)
                if (record->fields[i].record)
                        meet(met, record->fields[i].record);
}

static void readme_is_true(void **state) {
        _cleanup_(buffer_finish) struct buffer readme = BUFFER_NULL;
        struct met met = { 0 };
        size_t n_in_readme = 0;

        (void)state;
        assert_int_equal(file_read(SOURCE_ROOT "/proto/README.md", 1 << 20, &readme), 0);
        for (int type = 0; type < MESSAGE_N; type++)
                meet(&met, message_record((enum message_type)type));
        for (size_t i = 0; i < met.n_records; i++) {
                _cleanup_(buffer_finish) struct buffer want = BUFFER_NULL;

                assert_int_equal(grammar_write(met.records[i], &want), 0);
                if (!strstr(buffer_text(&readme), buffer_text(&want)))
                        fail_msg("proto/README.md lacks\n%s", buffer_text(&want));
        }
        for (const char *at = buffer_text(&readme); (at = strstr(at, " = {\n")); at++)
                n_in_readme++;
        assert_int_equal(n_in_readme, met.n_records);
}

static void readme_names_the_version(void **state) {
        _cleanup_(buffer_finish) struct buffer readme = BUFFER_NULL;
        char sentence[128];

        (void)state;
        snprintf(sentence, sizeof(sentence), "`version` is the schema version of all messages, %d, and",
                 ENVELOPE_VERSION);
        assert_int_equal(file_read(SOURCE_ROOT "/proto/README.md", 1 << 20, &readme), 0);
        assert_non_null(strstr(buffer_text(&readme), sentence));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(readme_is_true),
                cmocka_unit_test(readme_names_the_version),
        };

        return cmocka_run_group_tests_name("grammar", tests, NULL, NULL);
}
