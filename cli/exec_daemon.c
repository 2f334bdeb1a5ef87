/* Exec daemon: the daemon's argument list, with absolute paths, since a daemon changes into its home. */

#include "cli/exec_daemon.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/place.h"

int exec_daemon(enum stage stage, const char *const *arguments, const struct options *options) {
        char program[PLACE_BYTES], pipeline[PLACE_BYTES], home[PLACE_BYTES];
        const char *argv[EXEC_ARGUMENTS_MAX + 6] = { program, "--home", home, "--pipeline", pipeline };
        struct fault fault = FAULT_NULL;
        size_t n = 5;
        int r;

        for (; *arguments; arguments++) {
                assert(n < EXEC_ARGUMENTS_MAX + 5);
                argv[n++] = *arguments;
        }
        r = place_daemon(stage, program, &fault);
        if (!r)
                r = place_pipeline(options_text(options, "pipeline"), pipeline, &fault);
        if (!r)
                r = place_absolute(options_text(options, "home"), home);
        if (r)
                return command_end(r, &fault, COMMAND_MISCONFIGURED);
        execv(program, (char *const *)(uintptr_t)argv);
        return command_fail("%s cannot be started: %s", program, strerror(errno));
}
