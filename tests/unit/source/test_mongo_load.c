/* A load that is given up: whatever its thread has in hand or was just given, the caller gets away. */

#include "common/source/mongo/mongo_load.h"

#include <errno.h>

#include "common/base/cleanup.h"
#include "tests/unit/source/mongo_rows.h"

/* so often that the thread is met before, in and after its first steps */
enum { N_LOADS = 200 };

/* Counts down the looks until the caller gives up. */
static bool on_tick(void *context, const struct mongo_load_progress *progress) {
        int *n_left = context;

        (void)progress;
        return (*n_left)-- <= 0;
}

static int load(const struct schema *schema, int n_ticks) {
        _cleanup_(mongo_client_destroy_pointer) struct mongo_client *client = NULL;
        _cleanup_(mongo_load_destroy_pointer) struct mongo_load *load = NULL;
        const struct mongo_options place = { .uri = "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=50",
                                             .database = "orchard",
                                             .collection = "fruit" };
        const struct mongo_load_options options = {
                .schema = schema, .name = "rows.csv", .on_tick = on_tick, .context = &n_ticks
        };
        struct fault fault = FAULT_NULL;

        assert_int_equal(mongo_client_create(&place, &client, &fault), 0);
        return mongo_load_create(client, &options, &load, &fault);
}

static void a_load_given_up_at_once_ends(void **state) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = mongo_rows_schema();

        (void)state;
        for (int i = 0; i < N_LOADS; i++)
                assert_int_equal(load(schema, 0), -ECANCELED);
}

static void a_load_given_up_while_it_waits_ends(void **state) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = mongo_rows_schema();

        (void)state;
        assert_int_equal(load(schema, 3), -ECANCELED);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_load_given_up_at_once_ends),
                cmocka_unit_test(a_load_given_up_while_it_waits_ends),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
