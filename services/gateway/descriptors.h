#pragma once

/*
 * Descriptors
 *
 * How many connections this process can hold open beside its files and sockets. A listener whose connections cannot be
 * accepted for want of descriptors, and a store that cannot open a file, would both fail at the hands of idle clients.
 */

#include <stddef.h>

#include "common/base/fault.h"

struct descriptors {
        size_t connections_max; /* served */
        size_t refusals_max;    /* above those, that are open for as long as it takes to answer 503 */
};

/* Raises the soft limit of open files to the hard one, and lowers what is given to what fits with n_loops event loops.
 * 0, FAULT_E_INPUT (OPEN_FILES_TOO_FEW), or a negative errno. */
int descriptors_fit(int n_loops, struct descriptors *descriptors, struct fault *fault);
