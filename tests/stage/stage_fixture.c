/* A stage's binary between two neighbours of the test. */

#include "tests/stage/stage_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/file.h"
#include "proto/gateway_to_stage.h"

#define ENVIRONMENT_MAX 256
#define PIPELINE \
        "name: flowers\nschema: schema.yaml\nsource: {uri: 'file://rows.csv'}\n" \
        "store: {uri: '${FIXTURE_STORE:-file://store}'}\n"
#define SCHEMA \
        "schema: 1\nenvironments: [TRAINING, SERVING]\ncolumns:\n" \
        "  - {name: petals, type: int}\n  - {name: red, role: label, type: bool}\n"

static void on_lossy(void *context, const char *key, const uint8_t *body, size_t n_bytes) {
        struct envelope envelope = ENVELOPE_NULL;
        struct fixture *fixture = context;
        struct fault fault = FAULT_NULL;

        assert_int_equal(envelope_unpack(body, n_bytes, &envelope, &fault), 0);
        assert_string_equal(key, envelope.run);
        if (envelope.type == MESSAGE_HEARTBEAT) {
                assert_int_equal(heartbeat_unpack(&envelope, &fixture->heartbeat, &fault), 0);
                memcpy(fixture->beats_about, envelope.run, sizeof(fixture->beats_about));
                fixture->n_heartbeats++;
        } else {
                assert_int_equal(progress_unpack(&envelope, &fixture->progress, &fault), 0);
                fixture->about = envelope;
                fixture->n_progress++;
        }
}

int fixture_setup(void **state) {
        struct fixture *fixture = calloc(1, sizeof(*fixture));
        void *scratch = NULL;

        assert_non_null(fixture);
        assert_int_equal(scratch_setup(&scratch), 0);
        fixture->scratch = scratch;
        fixture->binary = getenv("FAKE_STAGE");
        fixture->stage = STAGE_VALIDATOR;
        snprintf(fixture->home, sizeof(fixture->home), "%s/home", fixture->scratch->folder);
        snprintf(fixture->log, sizeof(fixture->log), "%s/log", fixture->scratch->folder);
        snprintf(fixture->endpoint, sizeof(fixture->endpoint), "ipc://%.100s/stage", fixture->scratch->folder);
        assert_int_equal(file_replace(scratch_path(fixture->scratch, "pipeline.yaml"), PIPELINE, strlen(PIPELINE)), 0);
        assert_int_equal(file_replace(scratch_path(fixture->scratch, "schema.yaml"), SCHEMA, strlen(SCHEMA)), 0);
        assert_int_equal(file_make_folders(fixture->home), 0);
        station_name(&fixture->gateway, fixture->scratch, "gateway");
        station_name(&fixture->next, fixture->scratch, "next");
        fixture->gateway.hooks = (struct courier_hooks){ .context = fixture, .on_lossy = on_lossy };
        station_open(&fixture->gateway);
        station_open(&fixture->next);
        *state = fixture;
        return 0;
}

int fixture_setup_stage(void **state, enum stage stage, const char *variable) {
        struct fixture *fixture;

        assert_int_equal(fixture_setup(state), 0);
        fixture = *state;
        fixture->binary = getenv(variable);
        fixture->stage = stage;
        return 0;
}

int fixture_teardown(void **state) {
        struct fixture *fixture = *state;
        void *scratch = fixture->scratch;
        int r;

        if (fixture->pid > 0) {
                kill(fixture->pid, SIGKILL);
                waitpid(fixture->pid, NULL, 0);
        }
        station_close(&fixture->gateway);
        station_close(&fixture->next);
        umount2(fixture->home, MNT_DETACH); /* where a test has mounted something and failed */
        r = scratch_teardown(&scratch);
        free(fixture);
        return r;
}

void fixture_environment(struct fixture *fixture, ...) {
        va_list pairs;
        const char *name;

        fixture->n_variables = 0;
        va_start(pairs, fixture);
        while ((name = va_arg(pairs, const char *))) {
                assert_true(fixture->n_variables < FIXTURE_VARIABLES_MAX);
                fixture->variables[fixture->n_variables][0] = name;
                fixture->variables[fixture->n_variables++][1] = va_arg(pairs, const char *);
        }
        va_end(pairs);
}

static char *join(const char *name, const char *value) {
        char *joined;

        assert_true(asprintf(&joined, "%s=%s", name, value) > 0);
        return joined;
}

/* The stage's environment, which ends in NULL; of two with one name the first counts. Gives how many strings at its
 * beginning the caller frees. */
static size_t make_environment(const struct fixture *fixture, char *ret_environment[ENVIRONMENT_MAX]) {
        const char *own[][2] = {
                { "CONVOY_HOME", fixture->home },
                { "CONVOY_PIPELINE", fixture->scratch->folder },
                { "CONVOY_LOG", "debug" },
                { stage_endpoint_variable(fixture->stage), fixture->endpoint },
                { stage_endpoint_variable(stage_next(fixture->stage)), fixture->next.endpoint },
                { stage_endpoint_variable(STAGE_GATEWAY), fixture->gateway.endpoint },
        };
        size_t n = 0, n_own;

        for (size_t i = 0; i < fixture->n_variables; i++)
                ret_environment[n++] = join(fixture->variables[i][0], fixture->variables[i][1]);
        for (size_t i = 0; i < N_ELEMENTS(own); i++)
                ret_environment[n++] = join(own[i][0], own[i][1]);
        n_own = n;
        for (char **inherited = environ; *inherited; inherited++) {
                assert_true(n < ENVIRONMENT_MAX - 1);
                ret_environment[n++] = *inherited;
        }
        ret_environment[n] = NULL;
        return n_own;
}

/* The neighbours have threads, and one of them may hold the allocator's lock at the fork, which nobody would ever give
 * back to the child: whatever allocates is done before. */
pid_t fixture_spawn(const struct fixture *fixture, char *arguments[], int output) {
        char *environment[ENVIRONMENT_MAX];
        size_t n_own = make_environment(fixture, environment);
        pid_t pid = fork();

        if (!pid) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                dup2(output, STDOUT_FILENO);
                dup2(output, STDERR_FILENO);
                execve(fixture->binary, arguments, environment);
                _exit(127);
        }
        for (size_t i = 0; i < n_own; i++)
                free(environment[i]);
        assert_true(pid > 0);
        return pid;
}

void fixture_start(struct fixture *fixture) {
        char *arguments[] = { (char *)(uintptr_t)fixture->binary, NULL };
        int log = open(fixture->log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

        assert_true(log >= 0);
        assert_int_equal(fixture->pid, 0);
        fixture->pid = fixture_spawn(fixture, arguments, log);
        close(log);
}

static bool has_ended(struct fixture *fixture, int *ret_status) {
        if (waitpid(fixture->pid, ret_status, WNOHANG) != fixture->pid)
                return false;
        fixture->pid = 0;
        return true;
}

int fixture_await_end(struct fixture *fixture) {
        int status = -1;

        FIXTURE_AWAIT(fixture, has_ended(fixture, &status));
        return status;
}

int fixture_end(struct fixture *fixture, int signal) {
        assert_int_equal(kill(fixture->pid, signal), 0);
        return fixture_await_end(fixture);
}

void fixture_post_bytes(struct fixture *fixture, const char *key, const void *bytes, size_t n_bytes) {
        struct station *station = &fixture->gateway;

        assert_int_equal(courier_connect(station->courier, stage_name(fixture->stage), fixture->endpoint), 0);
        assert_int_equal(spool_begin(station->spool), 0);
        assert_int_equal(courier_post(station->courier, stage_name(fixture->stage), key, bytes, n_bytes), 0);
        assert_int_equal(spool_commit(station->spool), 0);
        courier_flush(station->courier);
}

void fixture_post(struct fixture *fixture, enum message_type type, const char *run, int64_t attempt,
                  const void *message) {
        _cleanup_(buffer_finish) struct buffer frame = BUFFER_NULL;
        struct envelope envelope = ENVELOPE_NULL;

        envelope_init(&envelope, run, attempt, 5, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        assert_int_equal(envelope_pack(&envelope, type, message_record(type), message, &frame), 0);
        fixture_post_bytes(fixture, run, frame.data, frame.n_bytes);
}

void fixture_cancel(struct fixture *fixture, const char *run, int64_t attempt) {
        const struct gateway_to_stage cancel = { .command = STAGE_COMMAND_CANCEL };

        fixture_post(fixture, MESSAGE_GATEWAY_TO_STAGE, run, attempt, &cancel);
}

void fixture_read(struct station *station, int64_t index, enum message_type type, struct envelope *ret_envelope,
                  void *ret_message) {
        struct spool_message message = SPOOL_MESSAGE_NULL;
        struct fault fault = FAULT_NULL;

        for (int64_t i = 0; i <= index; i++)
                assert_int_equal(spool_inbox_next(station->spool, message.number, &message), 0);
        assert_int_equal(envelope_unpack(message.body.data, message.body.n_bytes, ret_envelope, &fault), 0);
        assert_int_equal(envelope_unpack_body(ret_envelope, type, message_record(type), ret_message, &fault), 0);
        assert_string_equal(message.key, ret_envelope->run);
        spool_message_finish(&message);
        ret_envelope->body = NULL;
}

void fixture_await_notice(struct fixture *fixture, int64_t n_notices, struct envelope *ret_envelope,
                          struct stage_to_gateway *ret_notice) {
        FIXTURE_AWAIT(fixture, station_n_inbox(&fixture->gateway) >= n_notices);
        assert_int_equal(station_n_inbox(&fixture->gateway), n_notices);
        fixture_read(&fixture->gateway, n_notices - 1, MESSAGE_STAGE_TO_GATEWAY, ret_envelope, ret_notice);
}

void fixture_await_state(struct fixture *fixture, const char *run, int64_t n_notices, enum run_state want_state,
                         struct envelope *ret_envelope, struct stage_to_gateway *ret_notice) {
        fixture_await_notice(fixture, n_notices, ret_envelope, ret_notice);
        assert_string_equal(ret_envelope->run, run);
        assert_int_equal(ret_notice->stage, fixture->stage);
        if (ret_notice->state != want_state)
                print_error("%s: %s: %s\n", ret_notice->error.code, ret_notice->error.column,
                            ret_notice->error.message);
        assert_int_equal(ret_notice->state, want_state);
}

void fixture_path(const struct fixture *fixture, const char *name, char ret_path[700]) {
        snprintf(ret_path, 700, "%.590s/%.100s", fixture->home, name);
}

int64_t fixture_n_bytes(const struct fixture *fixture, const char *name) {
        struct stat status;
        char path[700];

        fixture_path(fixture, name, path);
        return stat(path, &status) ? 0 : status.st_size;
}

void fixture_touch(const struct fixture *fixture, const char *name) {
        char path[700];

        fixture_path(fixture, name, path);
        assert_int_equal(file_replace(path, "", 0), 0);
}

void fixture_dangle(const struct fixture *fixture, const char *name) {
        char path[700];

        fixture_path(fixture, name, path);
        assert_int_equal(symlink("nowhere", path), 0);
}

static void open_spool(const struct fixture *fixture, struct station *ret_station) {
        char path[700];

        fixture_path(fixture, "spool/validator.db", path);
        assert_int_equal(spool_open(path, &ret_station->spool), 0);
}

int64_t fixture_query_spool(const struct fixture *fixture, const char *sql) {
        struct station station = { 0 };
        int64_t value;

        assert_int_equal(fixture->pid, 0);
        open_spool(fixture, &station);
        value = station_query(&station, sql);
        spool_destroy(station.spool);
        return value;
}

void fixture_change_spool(const struct fixture *fixture, const char *sql) {
        struct station station = { 0 };

        open_spool(fixture, &station);
        assert_int_equal(db_exec(spool_db(station.spool), sql), 0);
        spool_destroy(station.spool);
}

bool fixture_log_has(const struct fixture *fixture, const char *text) {
        _cleanup_(buffer_finish) struct buffer log = BUFFER_NULL;

        if (file_read(fixture->log, (size_t)16 << 20, &log))
                return false;
        return memmem(log.data, log.n_bytes, text, strlen(text));
}

void fixture_show_log(const struct fixture *fixture) {
        _cleanup_(buffer_finish) struct buffer log = BUFFER_NULL;

        if (file_read(fixture->log, (size_t)16 << 20, &log) || !log.n_bytes)
                print_error("the stage has logged nothing\n");
        else
                fwrite(log.data, log.n_bytes, 1, stderr);
}
