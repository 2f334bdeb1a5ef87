/*
 * push_world FOLDER: publishes one version of a model of the made-up world into a store there, as the pusher does, for
 * tests that look at a bundle with what its users have.
 */

#include "tests/unit/pusher/push_support.h"

static const char *folder;

static void publish(void **state _unused_) {
        static const char *const pairs[] = { "num_boost_round", "30", "max_depth", "4", NULL };
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
        assert_int_equal(store_open(uri, &pushing.store, &fault), 0);
        assert_int_equal(registry_init(&pushing.registry, pushing.store, "toys"), 0);
        world_train(world_schema_text, &choice, 1, &table, pairs, -0.5F, &model);
        world_bundle(&model, &bundle);
        fill_message(&pushing, &model, &bundle, &table);
        assert_int_equal(push_as(&pushing, RUN, "build", 1767323045678, &pushing.registry, &release, &fault), 0);
        bundle_finish(&bundle);
        world_model_finish(&model);
        store_close(pushing.store);
}

int main(int argc, char **argv) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(publish) };

        if (argc != 2)
                return 1;
        folder = argv[1];
        return cmocka_run_group_tests(tests, NULL, NULL);
}
