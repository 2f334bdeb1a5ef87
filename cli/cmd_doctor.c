/* convoy doctor: checks each part, and says what to do about each trouble. */

#include <stdlib.h>

#include "cli/check_apart.h"
#include "cli/check_credentials.h"
#include "cli/check_gateway.h"
#include "cli/check_home.h"
#include "cli/check_programs.h"
#include "cli/check_source.h"
#include "cli/check_store.h"
#include "cli/command.h"
#include "cli/exec_daemon.h"
#include "cli/findings.h"
#include "cli/place.h"
#include "common/base/log.h"
#include "proto/pipeline_check.h"

/* So that a run takes no longer than some 18 seconds with everything away: source, credentials and gateway are looked
 * at together, and what lies in S3 once there are keys for it. */
enum {
        FIRST_MS = 9000,
        GATEWAY_MS = 12000, /* two answers */
        SECOND_MS = 9000,
        FAR_MS = 5500, /* of SECOND_MS, to look; the rest is to clear up */
};

static const struct option_row OPTIONS[] = {
        COMMAND_OPTIONS_GATEWAY,
        COMMAND_OPTION_HOME,
        COMMAND_OPTION_PIPELINE,
        { "rebuild", NULL, NULL, OPTION_FLAG, 0, 0, NULL, NULL,
          "make the gateway's list of runs anew from the manifests in the store, setting a damaged one aside; the "
          "gateway "
          "must not run" },
        COMMAND_OPTION_JSON("the findings"),
};

static const struct option_table TABLE = {
        .program = "convoy doctor",
        .summary = "Looks at pipeline, programs, home, source, credentials, store, registry, gateway and stages, and "
                   "says what to do",
        .rows = OPTIONS,
        .n_rows = N_ELEMENTS(OPTIONS),
        .sections = "Exit codes: 0 all is well, 1 something is not.\n",
};

struct doctor {
        const struct options *options;
        const char *home;
        struct pipeline *pipeline; /* NULL when it cannot be read */
        struct findings findings;
};

static void doctor_finish(struct doctor *doctor) {
        free(doctor->pipeline);
}

static void check_pipeline(struct doctor *doctor) {
        struct fault fault = FAULT_NULL;
        int r;

        r = place_load_pipeline(doctor->options, &doctor->pipeline, &fault);
        if (!r)
                r = pipeline_check(doctor->pipeline, NULL, &fault);
        if (r)
                findings_note_result(&doctor->findings, "pipeline", r, &fault);
        else
                findings_note(&doctor->findings, "pipeline", WELL, "%s in %s", doctor->pipeline->parameters.name,
                              doctor->pipeline->folder);
}

static void source(struct findings *findings, const void *context) {
        const struct doctor *doctor = context;

        check_source(findings, doctor->pipeline);
}

static void credentials(struct findings *findings, const void *context _unused_) {
        check_credentials(findings, NULL);
}

static void store(struct findings *findings, const void *context) {
        const struct doctor *doctor = context;

        check_store(findings, doctor->home, doctor->pipeline, FAR_MS);
}

static void registry(struct findings *findings, const void *context) {
        const struct doctor *doctor = context;

        check_registry(findings, doctor->home, doctor->pipeline, FAR_MS);
}

static void gateway(struct findings *findings, const void *context) {
        const struct doctor *doctor = context;

        check_gateway(findings, doctor->options, doctor->pipeline);
}

/* Store or registry; without keys one that lies in S3 need not be asked. */
static void start_store(struct check_apart *apart, const char *name, check_function *check, struct doctor *doctor,
                        const char *uri, bool has_keys) {
        if (has_keys || !check_store_is_far(uri))
                check_apart_start(apart, name, check, doctor, SECOND_MS);
}

/* What may have to be waited for. */
static void check_others(struct doctor *doctor) {
        struct check_apart of_source = CHECK_APART_NULL, of_credentials = CHECK_APART_NULL,
                           of_gateway = CHECK_APART_NULL, of_store = CHECK_APART_NULL, of_registry = CHECK_APART_NULL;
        const struct pipeline *pipeline = doctor->pipeline;
        bool has_keys;

        check_apart_start(&of_gateway, "gateway", gateway, doctor, GATEWAY_MS);
        if (pipeline) {
                check_apart_start(&of_source, "source", source, doctor, FIRST_MS);
                if (check_store_is_far(pipeline->store_uri) || check_store_is_far(pipeline->registry_uri))
                        check_apart_start(&of_credentials, "credentials", credentials, doctor, FIRST_MS);
                check_apart_finish(&of_source, &doctor->findings);
                has_keys = check_apart_finish(&of_credentials, &doctor->findings);
                start_store(&of_store, "store", store, doctor, pipeline->store_uri, has_keys);
                start_store(&of_registry, "registry", registry, doctor, pipeline->registry_uri, has_keys);
                check_apart_finish(&of_store, &doctor->findings);
                check_apart_finish(&of_registry, &doctor->findings);
        }
        check_apart_finish(&of_gateway, &doctor->findings);
}

/* The gateway alone knows its ledger. */
static int rebuild(const struct options *options) {
        static const char *const arguments[] = { "--rebuild", NULL };

        return exec_daemon(STAGE_GATEWAY, arguments, options);
}

int cmd_doctor(int argc, char **argv) {
        _cleanup_(options_destroy_pointer) struct options *options = NULL;
        _cleanup_(doctor_finish) struct doctor doctor = { 0 };
        int exit_code;

        if (!command_options(&TABLE, argc, argv, &options, &exit_code))
                return exit_code;
        if (options_flag(options, "rebuild"))
                return rebuild(options);
        /* what is tried again is told by the findings */
        log_open("convoy", LOG_LEVEL_ERROR);
        doctor.options = options;
        doctor.home = options_text(options, "home");
        check_pipeline(&doctor);
        check_programs(&doctor.findings, options, doctor.pipeline);
        check_home(&doctor.findings, doctor.home);
        check_spools(&doctor.findings, doctor.home);
        check_others(&doctor);
        return findings_print(&doctor.findings, options_flag(options, "json"));
}
