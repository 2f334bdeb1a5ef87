/* Push: what is published, what is not, and that doing it again changes nothing. */

#include "tests/unit/pusher/push_support.h"

#include "common/base/json.h"
#include "proto/lineage.h"

static struct pusher_to_gateway need(struct pushing *pushing, const char *run) {
        struct pusher_to_gateway release;
        char path[RECORD_PATH_BYTES] = "";
        struct fault fault;
        int r;

        r = push_as(pushing, run, "build-1", 1767323045678, &pushing->registry, &release, &fault);
        if (r)
                print_error("%s: %s: %s\n", fault.file, fault.code, fault.message);
        assert_int_equal(r, 0);
        record_is_valid(&pusher_to_gateway_record, &release, path);
        assert_string_equal(path, "");
        return release;
}

static void test_a_first_version_becomes_champion(void **state) {
        struct pushing *pushing = *state;
        struct pusher_to_gateway release = need(pushing, RUN);
        _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;
        char digest[DIGEST_SHA256_BYTES];
        struct aliases aliases;
        struct alias_move move;

        assert_true(release.accepted && release.promoted);
        assert_int_equal(release.version, 1);
        assert_int_equal(release.n_reasons, 0);
        assert_string_equal(release.model, "toys");
        assert_int_equal(registry_read_aliases(&pushing->registry, &aliases), 0);
        assert_int_equal(aliases_find(&aliases, ALIASES_CHAMPION), 1);
        assert_int_equal(release.alias_sequence, aliases.sequence);
        assert_int_equal(registry_read_manifest(&pushing->registry, 1, &manifest), 0);
        assert_int_equal(digest_sha256(manifest.text.data, manifest.text.n_bytes, digest), 0);
        assert_string_equal(digest, release.manifest);
        assert_string_equal(manifest.run, RUN);
        assert_int_equal(registry_read_move(&pushing->registry, 1, &move), 0);
        assert_string_equal(move.actor, "pusher");
        assert_string_equal(move.run, RUN);
        assert_string_equal(move.reason, "accepted with F1 0.500000");
}

static void test_the_bundle_is_whole(void **state) {
        static const char *const names[] = { "MLmodel",        "model.ubj",     "transform.json", "schema.yaml",
                                             "threshold.json", "baseline.json", "golden.arrow",   "metrics.json" };
        struct pushing *pushing = *state;
        _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;
        _cleanup_(bundle_finish) struct bundle bundle = BUNDLE_NULL;
        struct file_map maps[N_ELEMENTS(names)];
        char path[STORE_PATH_BYTES];
        struct fault fault = FAULT_NULL;

        need(pushing, RUN);
        assert_int_equal(registry_read_manifest(&pushing->registry, 1, &manifest), 0);
        assert_int_equal(manifest.n_files, N_ELEMENTS(names));
        for (size_t i = 0; i < N_ELEMENTS(names); i++) {
                assert_int_equal(registry_fetch_file(&pushing->registry, &manifest, names[i], path), 0);
                assert_int_equal(file_map(path, &maps[i]), 0);
        }
        assert_int_equal(bundle_load(&(struct bundle_parts){ .schema = { maps[3].data, maps[3].n_bytes },
                                                             .transform = { maps[2].data, maps[2].n_bytes },
                                                             .model = { maps[1].data, maps[1].n_bytes },
                                                             .threshold = { maps[4].data, maps[4].n_bytes } },
                                     &bundle, &fault),
                         0);
        assert_int_equal(registry_fetch_file(&pushing->registry, &manifest, "golden.arrow", path), 0);
        assert_int_equal(golden_verify(&bundle, path, &fault), 0);
        for (size_t i = 0; i < N_ELEMENTS(names); i++)
                file_unmap(&maps[i]);
}

static void test_the_manifest_tells_the_lineage(void **state) {
        struct pushing *pushing = *state;
        _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;
        _cleanup_(json_destroy_pointer) struct json *document = NULL;
        struct fault fault = FAULT_NULL;
        const struct json_value *root;
        struct scores scores = SCORES_NULL;
        struct parameters parameters;
        struct dataset train;
        struct split split;
        int64_t number = 0;

        pushing->message.order.parameters.split = (struct split){ .salt = 42, .test_ten_thousandths = 1234 };
        pushing->message.order.parameters.train.seed = 9;
        pushing->message.verdict.compared_version = 0;
        need(pushing, RUN);
        assert_int_equal(registry_read_manifest(&pushing->registry, 1, &manifest), 0);
        assert_int_equal(lineage_read_split(manifest.text.data, manifest.text.n_bytes, &split, &fault), 0);
        assert_int_equal(split.salt, 42);
        assert_int_equal(split.test_ten_thousandths, 1234);
        assert_int_equal(json_parse(buffer_text(&manifest.text), manifest.text.n_bytes, &fault, &document), 0);
        root = json_root(document);
        assert_string_equal(json_text(json_get(root, "build_id")), "build-1");
        assert_string_equal(json_text(json_get(root, "run_id")), RUN);
        assert_true(json_as_int64(json_get(root, "seed"), &number));
        assert_int_equal(number, 9);
        assert_int_equal(record_get_json(&scores_record, json_get(root, "metrics"), &scores, &fault), 0);
        assert_memory_equal(&scores, &pushing->message.verdict.candidate, sizeof(scores));
        assert_int_equal(
                record_get_json(&dataset_record, json_get(json_get(root, "datasets"), "train"), &train, &fault), 0);
        assert_string_equal(train.sha256, pushing->message.ingestion.train.sha256);
        parameters_init(&parameters, "x");
        assert_int_equal(record_get_json(&parameters_record, json_get(root, "parameters"), &parameters, &fault), 0);
        assert_string_equal(parameters.name, "toys");
        assert_null(json_get(root, "champion"));
}

static void test_again_is_the_same(void **state) {
        struct pushing *pushing = *state;
        struct pusher_to_gateway first = need(pushing, RUN), again;
        struct aliases before, after;
        struct fault fault;

        assert_int_equal(registry_read_aliases(&pushing->registry, &before), 0);
        /* later, and by another build */
        assert_int_equal(push_as(pushing, RUN, "build-2", 1767399999999, &pushing->registry, &again, &fault), 0);
        assert_memory_equal(&first, &again, sizeof(first));
        assert_int_equal(registry_read_aliases(&pushing->registry, &after), 0);
        assert_int_equal(before.sequence, after.sequence);
        assert_int_equal(count_versions(&pushing->registry), 1);
}

/* A redo after others have moved on does not move the alias back. */
static void test_again_after_another_run(void **state) {
        struct pushing *pushing = *state;
        struct pusher_to_gateway first = need(pushing, RUN), other, again;
        struct aliases aliases;

        pushing->message.verdict.compared_version = 1;
        other = need(pushing, OTHER_RUN);
        assert_int_equal(other.version, 2);
        assert_true(other.promoted);
        pushing->message.verdict.compared_version = 0;
        again = need(pushing, RUN);
        assert_memory_equal(&first, &again, sizeof(first));
        assert_int_equal(registry_read_aliases(&pushing->registry, &aliases), 0);
        assert_int_equal(aliases_find(&aliases, ALIASES_CHAMPION), 2);
}

static void test_a_rejected_candidate_publishes_nothing(void **state) {
        struct pushing *pushing = *state;
        struct verdict *verdict = &pushing->message.verdict;
        struct pusher_to_gateway release;
        struct store_page page = STORE_PAGE_NULL;
        struct aliases aliases;

        verdict->accepted = verdict->may_promote = false;
        verdict->n_reasons = 1;
        verdict->reasons[0] = (struct reason){ "F1_NOT_IMPROVED", "it is not better" };
        verdict->has_champion = true;
        fill_scores(&verdict->champion, 0.6);
        release = need(pushing, RUN);
        assert_false(release.accepted || release.promoted);
        assert_int_equal(release.version, 0);
        assert_string_equal(release.manifest, "");
        assert_string_equal(release.reasons[0].code, "F1_NOT_IMPROVED");
        assert_true(release.has_champion && release.champion.f1 > 0.59);
        assert_int_equal(store_list(pushing->store, "toys", NULL, 10, &page), 0);
        assert_int_equal(page.n_entries, 0);
        store_page_finish(&page);
        assert_int_equal(registry_read_aliases(&pushing->registry, &aliases), 0);
        assert_int_equal(aliases.sequence, 0);
}

static void check_challenger(struct pushing *pushing, const char *want_code) {
        struct pusher_to_gateway release = need(pushing, OTHER_RUN);
        struct aliases aliases;

        assert_true(release.accepted);
        assert_false(release.promoted);
        assert_int_equal(release.version, 2);
        assert_int_equal(release.n_reasons, 1);
        assert_string_equal(release.reasons[0].code, want_code);
        assert_int_equal(registry_read_aliases(&pushing->registry, &aliases), 0);
        assert_int_equal(aliases_find(&aliases, ALIASES_CHAMPION), 1);
        assert_int_equal(aliases_find(&aliases, ALIASES_CHALLENGER), 2);
}

static void test_a_champion_that_moved(void **state) {
        need(*state, RUN);
        check_challenger(*state, "CHAMPION_MOVED");
}

static void test_a_pinned_champion(void **state) {
        const struct alias_request request = { .actor = "ann", .at_ms = 1767323045678 };
        struct pushing *pushing = *state;

        need(pushing, RUN);
        assert_int_equal(registry_pin(&pushing->registry, &request, true, NULL), 0);
        pushing->message.verdict.compared_version = 1;
        check_challenger(pushing, "CHAMPION_PINNED");
}

static void test_a_pipeline_of_challengers(void **state) {
        struct pushing *pushing = *state;

        need(pushing, RUN);
        pushing->message.order.parameters.evaluate.on_accept = EVALUATE_ON_ACCEPT_CHALLENGER;
        pushing->message.verdict.compared_version = 1;
        check_challenger(pushing, "ON_ACCEPT_CHALLENGER");
}

static void test_an_incompatible_champion_stays(void **state) {
        struct pushing *pushing = *state;
        struct verdict *verdict = &pushing->message.verdict;

        need(pushing, RUN);
        verdict->may_promote = false;
        verdict->compared_version = 1;
        verdict->n_reasons = 1;
        verdict->reasons[0] = (struct reason){ "CHAMPION_INCOMPATIBLE", "promote by hand" };
        check_challenger(pushing, "CHAMPION_INCOMPATIBLE");
}

static void check_failure(struct pushing *pushing, const char *want_code, const char *want_file) {
        struct pusher_to_gateway release;
        struct fault fault;

        assert_int_equal(push_as(pushing, RUN, "build-1", 1767323045678, &pushing->registry, &release, &fault),
                         FAULT_E_INPUT);
        assert_string_equal(fault.code, want_code);
        assert_string_equal(fault.file, want_file);
        assert_int_equal(count_versions(&pushing->registry), 0);
}

static void test_other_margins_publish_nothing(void **state) {
        static const char *const pairs[] = { "num_boost_round", "5", "max_depth", "3", "eta", "0.2", NULL };
        struct pushing *pushing = *state;
        _cleanup_(schema_destroy_pointer) struct schema *schema = world_schema(world_schema_text);
        _cleanup_(table_builder_destroy_pointer) struct table_builder *rows = world_rows(schema, 0, 1000);
        struct table table = table_builder_view(rows);
        struct world_model model;

        world_train(world_schema_text, NULL, 0, &table, pairs, -0.5F, &model);
        pushing->message.candidate.model = put_blob(pushing->store, &model.model);
        world_model_finish(&model);
        check_failure(pushing, "GOLDEN_MISMATCH", "golden.arrow");
}

static void test_blobs_that_are_gone_or_broken(void **state) {
        struct pushing *pushing = *state;
        const struct evaluator_to_pusher kept = pushing->message;
        char path[STORE_PATH_BYTES], name[STORE_NAME_BYTES];

        if (store_is_far())
                skip(); /* there is no file to change */
        memset(pushing->message.validation.baseline.sha256, '1', 64);
        check_failure(pushing, "ARTIFACT_MISSING", "baseline.json");
        pushing->message = kept;
        pushing->message.candidate.model = kept.transformation.transform;
        check_failure(pushing, "MODEL_INVALID", "model.ubj");
        pushing->message = kept;
        store_blob_name(kept.verdict.metrics.sha256, name);
        snprintf(path, sizeof(path), "%s/%s", pushing->scratch->folder, name);
        assert_int_equal(file_replace(path, "{\"metrics\":2}", 13), 0);
        check_failure(pushing, "ARTIFACT_CORRUPT", "metrics.json");
}

/* A file of a finished version that changed under our feet is not overwritten but told. */
static void test_a_claim_with_another_manifest(void **state) {
        struct pushing *pushing = *state;
        struct pusher_to_gateway release;
        char path[STORE_PATH_BYTES];
        struct fault fault;

        if (store_is_far())
                skip(); /* there is no file to change */
        need(pushing, RUN);
        snprintf(path, sizeof(path), "%s/toys/versions/1/manifest.json", pushing->scratch->folder);
        assert_int_equal(file_replace(path, "{}", 2), 0);
        assert_int_equal(push_as(pushing, RUN, "build-1", 1767323045678, &pushing->registry, &release, &fault),
                         FAULT_E_INPUT);
        assert_string_equal(fault.code, "ARTIFACT_CORRUPT");
}

/* Cancels at the n-th time that it is asked; notes how the point of no return was passed. */
struct will {
        int n_left;
        bool refuses; /* at the point itself */
        int n_passed, n_passed_before;
};

static bool ask(void *context) {
        struct will *will = context;

        return will->n_left-- <= 0;
}

static int pass(void *context, bool is_passed) {
        struct will *will = context;

        will->n_passed++;
        will->n_passed_before += is_passed;
        return will->refuses && !is_passed;
}

static int push_willed(struct pushing *pushing, struct will *will) {
        struct push_input input = { .message = &pushing->message,
                                    .run = RUN,
                                    .build = "build-1",
                                    .now_ms = 1767323045678,
                                    .store = pushing->store,
                                    .registry = &pushing->registry,
                                    .is_canceled = ask,
                                    .pass_return = pass,
                                    .context = will };
        struct pusher_to_gateway release;
        struct fault fault = FAULT_NULL;

        return push(&input, &release, &fault);
}

static void check_nothing_is_seen(struct pushing *pushing) {
        struct aliases aliases;

        assert_int_equal(count_versions(&pushing->registry), 0);
        assert_int_equal(registry_read_aliases(&pushing->registry, &aliases), 0);
        assert_int_equal(aliases.sequence, 0);
}

static void test_a_cancel_between_the_steps_leaves_no_version(void **state) {
        struct pushing *pushing = *state;
        struct will will;
        int n = 0, r;

        for (;; n++) {
                will = (struct will){ .n_left = n };
                r = push_willed(pushing, &will);
                if (!r)
                        break;
                assert_int_equal(r, PUSH_E_CANCELED);
                assert_int_equal(will.n_passed, 0);
                check_nothing_is_seen(pushing);
        }
        /* before it begins, before the golden rows and after them */
        assert_int_equal(n, 3);
        assert_int_equal(will.n_passed, 1);
        assert_int_equal(will.n_passed_before, 0);
        assert_int_equal(need(pushing, RUN).version, 1);
}

static void test_a_cancel_after_the_files_leaves_no_version(void **state) {
        struct pushing *pushing = *state;
        _cleanup_(buffer_finish) struct buffer content = BUFFER_NULL;
        struct will will = { .n_left = 1000, .refuses = true };

        assert_int_equal(push_willed(pushing, &will), PUSH_E_CANCELED);
        assert_int_equal(will.n_passed, 1);
        assert_int_equal(store_get(pushing->store, "toys/versions/1/MLmodel", &content, NULL), 0);
        check_nothing_is_seen(pushing);
        assert_int_equal(need(pushing, RUN).version, 1);
}

static void test_a_cancel_is_late_when_the_version_is_there(void **state) {
        struct pushing *pushing = *state;
        struct will will = { .refuses = true };
        struct aliases aliases;

        /* as a push leaves it that dies right before the alias moves */
        need(pushing, RUN);
        assert_int_equal(store_remove(pushing->store, "toys/history/1.json"), 0);
        assert_int_equal(store_remove(pushing->store, "toys/aliases.json"), 0);
        assert_int_equal(push_willed(pushing, &will), 0);
        assert_int_equal(will.n_passed, 1);
        assert_int_equal(will.n_passed_before, 1);
        assert_int_equal(count_versions(&pushing->registry), 1);
        assert_int_equal(registry_read_aliases(&pushing->registry, &aliases), 0);
        assert_int_equal(aliases_find(&aliases, ALIASES_CHAMPION), 1);
}

static void test_a_canceled_run_whose_candidate_was_rejected(void **state) {
        struct pushing *pushing = *state;
        struct will will = { 0 };

        pushing->message.verdict.accepted = false;
        assert_int_equal(push_willed(pushing, &will), PUSH_E_CANCELED);
        will.n_left = 1000;
        assert_int_equal(push_willed(pushing, &will), 0);
        assert_int_equal(will.n_passed, 0);
        check_nothing_is_seen(pushing);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, pushing_setup, pushing_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_a_first_version_becomes_champion),
                TEST(test_the_bundle_is_whole),
                TEST(test_the_manifest_tells_the_lineage),
                TEST(test_again_is_the_same),
                TEST(test_again_after_another_run),
                TEST(test_a_rejected_candidate_publishes_nothing),
                TEST(test_a_champion_that_moved),
                TEST(test_a_pinned_champion),
                TEST(test_a_pipeline_of_challengers),
                TEST(test_an_incompatible_champion_stays),
                TEST(test_other_margins_publish_nothing),
                TEST(test_blobs_that_are_gone_or_broken),
                TEST(test_a_claim_with_another_manifest),
                TEST(test_a_cancel_between_the_steps_leaves_no_version),
                TEST(test_a_cancel_after_the_files_leaves_no_version),
                TEST(test_a_cancel_is_late_when_the_version_is_there),
                TEST(test_a_canceled_run_whose_candidate_was_rejected),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
