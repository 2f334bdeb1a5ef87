/* convoy data: rows made, and rows put where a line reads them. */

#include <string.h>

#include "cli/command.h"
#include "cli/data_generate.h"
#include "cli/data_load.h"

static const struct {
        const char *name;
        command_function *run;
} actions[] = {
        { "generate", data_generate },
        { "load", data_load },
};

static const struct option_table TABLE = {
        .program = "convoy data",
        .summary = "Makes rows, or puts those of a file into a collection of MongoDB",
        .operands = "generate | load",
        .n_operands_min = 1,
        .n_operands_max = 1,
        .sections =
                "convoy data generate --rows N --seed S --out FILE   rows that look and train like the real ones\n"
                "convoy data load FILE mongodb://HOST/               a CSV, ndjson or Arrow file into a collection\n\n"
                "convoy data generate --help and convoy data load --help say more.\n",
};

int cmd_data(int argc, char **argv) {
        _cleanup_(options_destroy_pointer) struct options *options = NULL;
        int exit_code;

        for (int i = 1; i < argc; i++)
                for (size_t k = 0; k < N_ELEMENTS(actions); k++)
                        if (!strcmp(argv[i], actions[k].name)) {
                                /* options may stand before it */
                                memmove(&argv[1], &argv[0], (size_t)i * sizeof(*argv));
                                return actions[k].run(argc - 1, &argv[1]);
                        }
        if (argc > 1 && argv[1][0] != '-') {
                command_fail("%.64s is nothing that convoy data does; usage: convoy data generate --rows N --seed S "
                             "--out FILE, or convoy data load FILE mongodb://HOST/",
                             argv[1]);
                return COMMAND_MISCONFIGURED;
        }
        if (!command_options(&TABLE, argc, argv, &options, &exit_code))
                return exit_code;
        return COMMAND_MISCONFIGURED;
}
