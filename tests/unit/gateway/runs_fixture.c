/* The gateway's runs without its threads: a spool, a ledger and a store in one folder, and everything it tells kept. */

#include "tests/unit/gateway/runs_fixture.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "services/gateway/rebuild.h"

static bool find_champion(void *context, bool *ret_has_champion, struct champion *ret_champion) {
        struct fixture *fixture = context;

        if (!fixture->is_champion_known)
                return false;
        *ret_has_champion = fixture->has_champion;
        *ret_champion = fixture->champion;
        return true;
}

static void on_event(void *context, const char *run, const struct ledger_event *event, bool is_last) {
        struct fixture *fixture = context;
        struct fixture_event *kept = &fixture->events[fixture->n_events++];

        assert_true(fixture->n_events <= EVENTS_MAX);
        snprintf(kept->run, sizeof(kept->run), "%s", run);
        snprintf(kept->kind, sizeof(kept->kind), "%s", event->kind);
        kept->number = event->number;
        kept->is_last = is_last;
}

static void on_released(void *context, const char *run, const struct pusher_to_gateway *release) {
        struct fixture *fixture = context;

        assert_non_null(release);
        snprintf(fixture->released, sizeof(fixture->released), "%s", run);
        fixture->n_released++;
}

static const char schema_text[] = "schema: 1\n"
                                  "environments: [TRAINING, SERVING]\n"
                                  "columns:\n"
                                  "  - {name: size, type: int}\n"
                                  "  - {name: broken, role: label, type: bool}\n";

static void open_all(struct fixture *fixture) {
        struct runs_options options = { .pipeline = &fixture->pipeline,
                                        .hooks = { fixture, find_champion, on_event, on_released } };
        struct fault fault = FAULT_NULL;

        assert_int_equal(schema_parse("schema.yaml", schema_text, strlen(schema_text), &fault, &fixture->schema), 0);
        options.schema = fixture->schema;
        assert_int_equal(socket_context_create(&fixture->sockets), 0);
        assert_int_equal(spool_open("gateway.db", &fixture->spool), 0);
        assert_int_equal(ledger_create(spool_db(fixture->spool), &fixture->ledger), 0);
        assert_int_equal(store_open(&(struct store_options){ .uri = "file://store" }, &fixture->store, &fault), 0);
        assert_int_equal(registry_init(&fixture->registry, fixture->store, "toys"), 0);
        assert_int_equal(
                courier_create(&(struct courier_options){ .sockets = fixture->sockets, .spool = fixture->spool },
                               &fixture->courier),
                0);
        options.spool = fixture->spool;
        options.courier = fixture->courier;
        options.ledger = fixture->ledger;
        options.store = fixture->store;
        assert_int_equal(runs_create(&options, &fixture->runs, &fault), 0);
}

static void close_all(struct fixture *fixture) {
        fixture->runs = runs_destroy(fixture->runs);
        fixture->courier = courier_destroy(fixture->courier);
        fixture->ledger = ledger_destroy(fixture->ledger);
        fixture->spool = spool_destroy(fixture->spool);
        fixture->store = store_close(fixture->store);
        fixture->sockets = socket_context_destroy(fixture->sockets);
        fixture->schema = schema_destroy(fixture->schema);
}

static void write_file(const char *path, const char *text) {
        FILE *file = fopen(path, "w");

        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
}

int fixture_setup(void **state) {
        struct fixture *fixture = calloc(1, sizeof(*fixture));
        struct fault fault = FAULT_NULL;
        void *scratch = NULL;

        assert_non_null(fixture);
        assert_int_equal(scratch_setup(&scratch), 0);
        fixture->scratch = scratch;
        assert_int_equal(chdir(fixture->scratch->folder), 0);
        assert_int_equal(mkdir("run", 0700), 0);
        write_file("pipeline.yaml", "name: toys\nschema: schema.yaml\nsource: {uri: \"generate:rows=1,seed=1\"}\n");
        assert_int_equal(pipeline_load(".", &fixture->pipeline, &fault), 0);
        fixture->is_champion_known = true;
        open_all(fixture);
        *state = fixture;
        return 0;
}

int fixture_teardown(void **state) {
        struct fixture *fixture = *state;
        void *scratch = fixture->scratch;

        close_all(fixture);
        free(fixture);
        assert_int_equal(chdir("/"), 0);
        return scratch_teardown(&scratch);
}

void fixture_restart(struct fixture *fixture) {
        close_all(fixture);
        fixture->n_released = 0;
        fixture->n_events = 0;
        open_all(fixture);
        assert_int_equal(runs_resume(fixture->runs), 0);
        assert_int_equal(runs_begin(fixture->runs), 0);
}

void fixture_lose_spool(struct fixture *fixture) {
        struct rebuild_counts counts;

        close_all(fixture);
        assert_int_equal(unlink("gateway.db"), 0);
        unlink("gateway.db-wal");
        unlink("gateway.db-shm");
        open_all(fixture);
        assert_int_equal(rebuild_ledger(fixture->store, &fixture->registry, fixture->spool, fixture->ledger, &counts),
                         0);
        fixture_restart(fixture);
}

void fixture_accept(struct fixture *fixture, const char *body, const char *key, char ret_run[UUID_TEXT_BYTES]) {
        struct fault fault = FAULT_NULL;
        int condition = -1;

        assert_int_equal(runs_accept(fixture->runs, body, strlen(body), key, "", ret_run, &condition, &fault), 0);
        assert_int_equal(condition, 0);
        assert_int_equal(runs_begin(fixture->runs), 0);
}

void fixture_handle_inbox(struct fixture *fixture) {
        struct spool_message message = SPOOL_MESSAGE_NULL;

        while (!spool_inbox_next(fixture->spool, 0, &message))
                assert_int_equal(runs_handle(fixture->runs, &message), 0);
        spool_message_finish(&message);
        assert_int_equal(runs_begin(fixture->runs), 0);
}

/* Puts a frame into the inbox as the courier does, and has it handled as the line does. */
void fixture_deliver(struct fixture *fixture, const char *run, const struct buffer *frame) {
        char id[UUID_TEXT_BYTES];
        int64_t n_rows;

        assert_int_equal(uuid_make_v7(id), 0);
        assert_int_equal(spool_begin(fixture->spool), 0);
        assert_int_equal(spool_inbox_put(fixture->spool, id, run, frame->data, frame->n_bytes), 0);
        assert_int_equal(spool_commit(fixture->spool), 0);
        fixture_handle_inbox(fixture);
        assert_int_equal(spool_inbox_count(fixture->spool, &n_rows), 0);
        assert_int_equal(n_rows, 0);
}

void fixture_tell(struct fixture *fixture, const char *run, int64_t attempt, const struct stage_to_gateway *end) {
        _cleanup_(buffer_finish) struct buffer frame = BUFFER_NULL;
        struct envelope envelope;

        envelope_init(&envelope, run, attempt, 1, "");
        assert_int_equal(stage_to_gateway_pack(end, &envelope, &frame), 0);
        fixture_deliver(fixture, run, &frame);
}

void fixture_tell_state(struct fixture *fixture, const char *run, int64_t attempt, enum stage stage,
                        enum run_state state) {
        static struct stage_to_gateway end;

        end = (struct stage_to_gateway){ .stage = stage,
                                         .state = state,
                                         .started_at = 1767323045000 + stage * 1000,
                                         .finished_at = 1767323045500 + stage * 1000,
                                         .booster_ms = stage == STAGE_TRAINER ? 250 : 0,
                                         .n_counts = 1,
                                         .counts = { { "n_rows", 40 + stage } } };
        if (state == RUN_STATE_FAILED) {
                end.has_error = true;
                end.error = (struct run_error){ .code = "TOYS_BROKEN", .message = "the toys are broken", .row = -1 };
        }
        fixture_tell(fixture, run, attempt, &end);
}

struct pusher_to_gateway fixture_release(int64_t version) {
        struct pusher_to_gateway release = { .model = "toys", .accepted = true, .promoted = true, .version = version };

        memset(release.manifest, 'b', sizeof(release.manifest) - 1);
        release.candidate = (struct scores){ .n_rows = 10, .n_positives = 3, .f1 = 0.5, .auc = 0.75, .pr_auc = 0.5 };
        return release;
}

void fixture_tell_release(struct fixture *fixture, const char *run, int64_t attempt,
                          const struct pusher_to_gateway *release) {
        _cleanup_(buffer_finish) struct buffer frame = BUFFER_NULL;
        struct envelope envelope;

        envelope_init(&envelope, run, attempt, 1, "");
        assert_int_equal(pusher_to_gateway_pack(release, &envelope, &frame), 0);
        fixture_deliver(fixture, run, &frame);
}

const struct run_view *fixture_view(struct fixture *fixture, const char *run) {
        assert_int_equal(runs_view(fixture->runs, run, &fixture->view), 0);
        return &fixture->view;
}

enum run_state fixture_state(struct fixture *fixture, const char *run) {
        return fixture_view(fixture, run)->state;
}

int fixture_letters(struct fixture *fixture, enum stage stage, enum message_type type, struct envelope *ret_envelope,
                    void *ret_message) {
        struct spool_letter letter = SPOOL_LETTER_NULL;
        struct fault fault = FAULT_NULL;
        struct envelope envelope;
        int64_t after = 0;
        int n = 0;

        while (!spool_outbox_next(fixture->spool, stage_name(stage), after, &letter)) {
                after = letter.number;
                assert_int_equal(envelope_unpack(letter.body.data, letter.body.n_bytes, &envelope, &fault), 0);
                if (envelope.type != type)
                        continue;
                n++;
                if (ret_message)
                        assert_int_equal(
                                envelope_unpack_body(&envelope, type, message_record(type), ret_message, &fault), 0);
                if (ret_envelope)
                        *ret_envelope = envelope;
        }
        spool_letter_finish(&letter);
        return n;
}

void fixture_say(struct fixture *fixture, const char *run, int64_t attempt, int word) {
        struct pusher_to_gateway release = fixture_release(7);

        if (word == WORD_RELEASE)
                fixture_tell_release(fixture, run, attempt, &release);
        else
                fixture_tell_state(fixture, run, attempt, (enum stage)word, RUN_STATE_SUCCEEDED);
}

void fixture_succeed(struct fixture *fixture, const char *run, int64_t attempt) {
        for (int i = 0; i < N_WORDS; i++)
                fixture_say(fixture, run, attempt, i);
        assert_string_equal(fixture->released, run);
        assert_int_equal(runs_finish(fixture->runs, run), 0);
        assert_int_equal(runs_begin(fixture->runs), 0);
}

void fixture_check_ends(struct fixture *fixture, const char *run, const char *want) {
        static const char letters[] = {
                [RUN_STATE_PENDING] = 'P', [RUN_STATE_RUNNING] = 'R', [RUN_STATE_SUCCEEDED] = 'S',
                [RUN_STATE_SKIPPED] = 'K', [RUN_STATE_FAILED] = 'F',  [RUN_STATE_CANCELING] = 'G',
                [RUN_STATE_CANCELED] = 'C'
        };
        char got[N_WORKERS + 1] = "";

        fixture_view(fixture, run);
        for (int i = 0; i < N_WORKERS; i++)
                got[i] = letters[fixture->view.stages[i].state];
        assert_string_equal(got, want);
}
