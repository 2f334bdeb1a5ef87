/*
 * NAME
 *      convoy - the operator's command
 *
 * SUMMARY
 *      convoy VERB [OPTION]... starts the line, starts and follows runs, asks for predictions, moves aliases, and looks
 *      into files and folders. `convoy --help` lists the verbs, `convoy VERB --help` explains one.
 *
 * TALKS TO
 *      the gateway over HTTP; score, export, models pull and doctor open store and registry themselves
 *
 * CONFIG
 *      CONVOY_URL or CONVOY_PORT: where the gateway is; CONVOY_TOKEN: sent with every call; CONVOY_HOME,
 * CONVOY_PIPELINE: as for the daemons; CONVOY_BIN: folder of the daemons when they are not beside this program
 *
 * DIAGNOSTICS
 *      Exit codes 0 done, 1 failed, 2 misconfigured, 130 Ctrl-C while following a run. Answers go to standard output,
 * sentences about trouble to standard error.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "common/base/log.h"
#include "common/base/nearest.h"
#include "common/base/version.h"

struct verb {
        const char *name;
        const char *sentence;
        command_function *run;
};

static const struct verb verbs[] = {
#define COMMAND(verb, sentence) { #verb, sentence, cmd_##verb },
#include "cli/commands.def"
#undef COMMAND
};

static void print_help(FILE *to) {
        fputs("Usage: convoy VERB [OPTION]...\nCarries a model from raw rows to live predictions.\n\nVerbs:\n", to);
        for (size_t i = 0; i < N_ELEMENTS(verbs); i++)
                fprintf(to, "  %-10s %s\n", verbs[i].name, verbs[i].sentence);
        fputs("\nconvoy VERB --help explains one. A first try:\n"
              "  convoy up &          start the line\n"
              "  convoy train         train a model and follow the run\n"
              "  convoy predict FILE  ask it for the rows of a JSON file\n",
              to);
}

static int refuse(const char *verb) {
        const char *names[N_ELEMENTS(verbs)];
        const char *nearest;

        for (size_t i = 0; i < N_ELEMENTS(verbs); i++)
                names[i] = verbs[i].name;
        nearest = nearest_find(verb, names, N_ELEMENTS(names));
        if (nearest)
                command_fail("unknown verb %.64s; did you mean %s?", verb, nearest);
        else
                command_fail("unknown verb %.64s; convoy --help lists all", verb);
        return COMMAND_MISCONFIGURED;
}

int main(int argc, char **argv) {
        static char help[] = "--help";
        int exit_code;

        log_open("convoy", LOG_LEVEL_WARN);
        command_keep_reasons();
        if (argc < 2) {
                print_help(stderr);
                return COMMAND_MISCONFIGURED;
        }
        if (!strcmp(argv[1], "help") && argc == 3) {
                /* as if --help had been asked of the verb */
                argv[1] = argv[2];
                argv[2] = help;
        }
        if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
                print_help(stdout);
                return COMMAND_DONE;
        }
        if (!strcmp(argv[1], "--version")) {
                printf("convoy %s\n", version_text());
                return COMMAND_DONE;
        }
        for (size_t i = 0; i < N_ELEMENTS(verbs); i++) {
                if (strcmp(argv[1], verbs[i].name))
                        continue;
                exit_code = verbs[i].run(argc - 1, argv + 1);
                /* what was printed must have arrived: a full disk is a failure, too */
                if ((fflush(stdout) || ferror(stdout)) && exit_code == COMMAND_DONE)
                        return command_fail("writing the answer: %s", strerror(errno));
                return exit_code;
        }
        return refuse(argv[1]);
}
