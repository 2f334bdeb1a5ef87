#pragma once

/*
 * Daemon
 *
 * What every process of the line does before and after its work: its home, its lock, its signals, its exit code. A
 * daemon changes into its home and uses relative paths from there, since the path of an ipc:// socket is limited to 107
 * bytes. It holds a lock on run/<name>.lock for life: a second bind on one ipc path would steal it silently.
 */

#include <stdbool.h>

#include "common/base/fault.h"

enum daemon_exit {
        DAEMON_EXIT_STOPPED = 0,
        DAEMON_EXIT_FAILED = 1,
        DAEMON_EXIT_MISCONFIGURED = 2,
};

/* Whether home and its folder run/ are folders, or are not there. 0, or FAULT_E_INPUT (HOME_NOT_WRITABLE). */
int daemon_check_home(const char *home, struct fault *fault);

/* Changes into home, made with mode 0700 when missing, with its folder run/. 0, FAULT_E_INPUT (HOME_NOT_WRITABLE naming
 * the path and the reason), or a negative errno. */
int daemon_enter_home(const char *home, struct fault *fault);

/* Takes run/<name>.lock of the current directory. 0 with the descriptor that holds the lock; FAULT_E_INPUT
 * (ALREADY_RUNNING naming the holder's process id), or a negative errno. */
int daemon_lock(const char *name, int *ret_fd, struct fault *fault);

/* Blocks SIGINT, SIGTERM and SIGHUP in the calling thread and all it starts, ignores SIGPIPE, and hands out a
 * descriptor from which the blocked ones are read. */
int daemon_open_signals(int *ret_fd);

/* True when a signal that asks to stop was read from the descriptor. Never blocks. */
bool daemon_is_asked_to_stop(int signal_fd);
