/* Check programs: each is executed with --check. */

#include "cli/check_programs.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/place.h"
#include "proto/stages.h"

enum {
        CHECK_SECONDS = 20, /* that a daemon's --check may take */
        EXIT_NOT_STARTED = 127,
};

/* The exit code of `program --check`, its output discarded; -1 when it was killed or took too long. */
static int run_check(const char *program) {
        const char *const argv[] = { program, "--check", NULL };
        pid_t pid = fork();
        int status;

        if (!pid) {
                /* survives exec, so a program that hangs is ended */
                alarm(CHECK_SECONDS);
                if (!freopen("/dev/null", "w", stderr) || !freopen("/dev/null", "w", stdout))
                        _exit(EXIT_NOT_STARTED);
                execv(program, (char *const *)(uintptr_t)argv);
                _exit(EXIT_NOT_STARTED);
        }
        if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
                return -1;
        return WEXITSTATUS(status);
}

void check_programs(struct findings *findings, const struct options *options, const struct pipeline *pipeline) {
        char path[PLACE_BYTES], folder[PLACE_BYTES];
        struct fault fault = FAULT_NULL;
        int r, n_well = 0;

        if (pipeline)
                setenv("CONVOY_PIPELINE", pipeline->folder, 1);
        if (!place_absolute(options_text(options, "home"), folder))
                setenv("CONVOY_HOME", folder, 1);
        for (int i = 0; i < STAGE_N; i++) {
                r = place_daemon((enum stage)i, path, &fault);
                if (r) {
                        findings_note_result(findings, "programs", r, &fault);
                        continue;
                }
                r = run_check(path);
                if (r)
                        findings_note(findings, "programs", WRONG, "%s --check ends with %d; run it to see why", path,
                                      r);
                else
                        n_well++;
        }
        if (n_well == STAGE_N)
                findings_note(findings, "programs", WELL, "all %d are there and accept the configuration", n_well);
}
