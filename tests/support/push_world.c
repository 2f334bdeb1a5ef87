/*
 * push_world FOLDER [N]: publishes one or N versions of a model of the made-up world into a store there, as the pusher
 * does, for tests that look at a bundle with what its users have, and at a gateway that answers by it. Version 1 is
 * champion, the last challenger; each has learned longer than the one before.
 */

#include "tests/unit/pusher/push_support.h"

static const char *folder;
static long n_versions = 1;

static void publish_one(const char *run, const char *rounds) {
        const char *const pairs[] = { "num_boost_round", rounds, "max_depth", "4", NULL };
        static const struct features_choice choice = { "income", FEATURES_SCALING_STANDARD };
        _cleanup_(schema_destroy_pointer) struct schema *schema = world_schema(world_schema_text);
        _cleanup_(table_builder_destroy_pointer) struct table_builder *rows = world_rows(schema, 0, 5000);
        struct table table = table_builder_view(rows);
        struct pushing pushing = { 0 };
        struct pusher_to_gateway release;
        struct fault fault = FAULT_NULL;
        struct world_model model;
        struct bundle bundle;
        char uri[1024];

        snprintf(uri, sizeof(uri), "file://%s", folder);
        assert_int_equal(store_open(&(struct store_options){ .uri = uri }, &pushing.store, &fault), 0);
        assert_int_equal(registry_init(&pushing.registry, pushing.store, "toys"), 0);
        world_train(world_schema_text, &choice, 1, &table, pairs, -0.5F, &model);
        world_bundle(&model, &bundle);
        fill_message(&pushing, &model, &bundle, &table);
        assert_int_equal(push_as(&pushing, run, "build", 1767323045678, &pushing.registry, &release, &fault), 0);
        bundle_finish(&bundle);
        world_model_finish(&model);
        store_close(pushing.store);
}

static void publish(void **state _unused_) {
        char run[] = RUN, rounds[32];

        for (long i = 0; i < n_versions; i++) {
                run[0] = (char)('0' + i);
                snprintf(rounds, sizeof(rounds), "%ld", 30 + 10 * i);
                publish_one(run, rounds);
        }
}

int main(int argc, char **argv) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(publish) };

        if (argc != 2 && argc != 3)
                return 1;
        folder = argv[1];
        if (argc == 3)
                n_versions = strtol(argv[2], NULL, 10);
        if (n_versions < 1 || n_versions > 9)
                return 1;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
