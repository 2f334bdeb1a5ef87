/* Reference: the champion's baseline, or a clear no. */

#include "services/validator/reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "common/base/json_builder.h"
#include "common/store/registry.h"
#include "tests/support/scratch.h"

static const char BASELINE[] = "{\"baseline\":1,\"rows\":4,\"columns\":[{\"name\":\"ripe\",\"type\":\"bool\","
                               "\"values\":[\"0\",\"1\"],\"counts\":[1,3,0,0]}]}";

struct library {
        void *scratch;
        struct store *store;
        struct registry registry;
        struct order order;
        struct fault fault;
        struct baseline *baseline;
        char digest[DIGEST_SHA256_BYTES];
};

static int setup(void **state) {
        struct library *library = calloc(1, sizeof(*library));
        char uri[1100];

        assert_non_null(library);
        assert_int_equal(scratch_setup(&library->scratch), 0);
        library->fault = (struct fault)FAULT_NULL;
        snprintf(uri, sizeof(uri), "file://%s", scratch_path(library->scratch, "registry"));
        assert_int_equal(store_open(&(struct store_options){ .uri = uri }, &library->store, &library->fault), 0);
        assert_int_equal(registry_init(&library->registry, library->store, "fruit"), 0);
        parameters_init(&library->order.parameters, "fruit");
        *state = library;
        return 0;
}

static int teardown(void **state) {
        struct library *library = *state;
        int r;

        baseline_destroy(library->baseline);
        store_close(library->store);
        r = scratch_teardown(&library->scratch);
        free(library);
        return r;
}

/* Publishes version 1 with one file, and makes it the order's champion. */
static void publish(struct library *library, const char *name, const char *content) {
        struct manifest manifest = MANIFEST_NULL;
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct store_item file = { name, content, strlen(content) };
        struct json_builder json = json_begin(&text, JSON_PRETTY);
        struct registry_claim claim;

        assert_int_equal(registry_claim(&library->registry, "run-1", &claim), 0);
        snprintf(manifest.model, sizeof(manifest.model), "fruit");
        snprintf(manifest.run, sizeof(manifest.run), "run-1");
        manifest.version = claim.version;
        manifest.created_at_ms = claim.created_at_ms;
        assert_int_equal(manifest_add_file(&manifest, name, content, strlen(content)), 0);
        assert_int_equal(registry_put_files(&library->registry, &claim, &file, 1), 0);
        json_begin_object(&json);
        manifest_build(&manifest, &json);
        json_end_object(&json);
        assert_int_equal(json_end(&json), 0);
        assert_int_equal(manifest_seal(&text), 0);
        assert_int_equal(registry_publish(&library->registry, &claim, &text), 0);
        library->order.has_champion = true;
        library->order.champion.version = claim.version;
        assert_int_equal(digest_sha256(text.data, text.n_bytes, library->order.champion.manifest), 0);
}

static int read_it(struct library *library) {
        return reference_read(library->store, &library->order, &library->baseline, library->digest, &library->fault);
}

static void check_unreadable(struct library *library, const char *in_message) {
        assert_int_equal(read_it(library), FAULT_E_INPUT);
        assert_null(library->baseline);
        assert_string_equal(library->fault.code, "CHAMPION_UNREADABLE");
        if (!strstr(library->fault.message, in_message))
                fail_msg("\"%s\" is not in: %s", in_message, library->fault.message);
}

static void test_no_champion(void **state) {
        struct library *library = *state;
        bool has = true;

        assert_int_equal(read_it(library), 0);
        assert_null(library->baseline);
        assert_string_equal(library->digest, "");
        assert_int_equal(reference_find(library->store, &library->order, &has, library->digest, &library->fault), 0);
        assert_false(has);
}

static void test_the_champions_baseline(void **state) {
        struct library *library = *state;
        char want[DIGEST_SHA256_BYTES], found[DIGEST_SHA256_BYTES];
        bool has = false;

        publish(library, "baseline.json", BASELINE);
        assert_int_equal(read_it(library), 0);
        assert_non_null(library->baseline);
        assert_int_equal(library->baseline->n_rows, 4);
        assert_int_equal(digest_sha256(BASELINE, strlen(BASELINE), want), 0);
        assert_string_equal(library->digest, want);
        assert_int_equal(reference_find(library->store, &library->order, &has, found, &library->fault), 0);
        assert_true(has);
        assert_string_equal(found, want);
}

static void test_a_champion_without_a_baseline(void **state) {
        struct library *library = *state;

        publish(library, "model.ubj", "x");
        assert_int_equal(read_it(library), 0);
        assert_null(library->baseline);
        assert_string_equal(library->digest, "");
}

static void test_a_champion_that_is_not_there(void **state) {
        struct library *library = *state;
        bool has;

        publish(library, "baseline.json", BASELINE);
        library->order.champion.version = 2;
        check_unreadable(library, "version 2 of fruit");
        assert_int_equal(reference_find(library->store, &library->order, &has, library->digest, &library->fault),
                         FAULT_E_INPUT);
}

static void test_a_manifest_that_the_order_does_not_name(void **state) {
        struct library *library = *state;

        publish(library, "baseline.json", BASELINE);
        library->order.champion.manifest[5] = library->order.champion.manifest[5] == 'a' ? 'b' : 'a';
        check_unreadable(library, "is not what was put there");
}

static void test_a_flipped_byte_in_the_baseline(void **state) {
        struct library *library = *state;
        const char *path;
        FILE *file;

        publish(library, "baseline.json", BASELINE);
        path = scratch_path(library->scratch, "registry/fruit/versions/1/baseline.json");
        assert_int_equal(chmod(path, 0600), 0);
        file = fopen(path, "r+");
        assert_non_null(file);
        assert_int_equal(fseek(file, 12, SEEK_SET), 0);
        assert_int_equal(fputc('2', file), '2');
        assert_int_equal(fclose(file), 0);
        check_unreadable(library, "baseline.json of version 1");
}

static void test_a_baseline_that_is_none(void **state) {
        struct library *library = *state;

        publish(library, "baseline.json", "{}");
        check_unreadable(library, "baseline.json of version 1");
}

#define test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                test(test_no_champion),
                test(test_the_champions_baseline),
                test(test_a_champion_without_a_baseline),
                test(test_a_champion_that_is_not_there),
                test(test_a_manifest_that_the_order_does_not_name),
                test(test_a_flipped_byte_in_the_baseline),
                test(test_a_baseline_that_is_none),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
