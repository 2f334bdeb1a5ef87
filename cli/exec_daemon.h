#pragma once

/*
 * Exec daemon
 *
 * Hands this process over to the program of a daemon, for what that daemon alone knows how to do.
 */

#include "common/base/options.h"
#include "proto/stages.h"

#define EXEC_ARGUMENTS_MAX 8

/* Executes the stage's program with the arguments (NULL ends them), and --home and --pipeline as the options say.
 * Returns only when that fails, with the exit code; what went wrong is printed. */
int exec_daemon(enum stage stage, const char *const *arguments, const struct options *options);
