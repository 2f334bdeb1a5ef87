#pragma once

/*
 * Listen
 *
 * Listening sockets of several threads on one port (SO_REUSEPORT: the kernel deals connections out). The first of them
 * listens without SO_REUSEPORT and gets it afterwards, since two gateways would otherwise share the port silently.
 */

#include <stdbool.h>

#include "common/base/fault.h"

/* Whether a numeric address is in 127.0.0.0/8 or is ::1. */
bool listen_is_loopback(const char *address);

/* Fills n descriptors, each non-blocking and listening; address is a numeric IPv4 or IPv6 address, port 0 any that is
 * free, which is then written to it. 0, FAULT_E_INPUT (ADDRESS_INVALID, ADDRESS_UNAVAILABLE, PORT_TAKEN), or a negative
 * errno. The caller closes what was filled in, also after a failure. */
int listen_open(const char *address, int *port, int n, int *fds, struct fault *fault);
