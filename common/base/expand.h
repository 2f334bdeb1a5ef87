#pragma once

/*
 * Variables in text
 *
 * ${NAME} becomes the value of the environment variable, ${NAME:-default} the default where NAME is not set or empty.
 * Defaults may hold variables and balanced braces. Values are not looked into again. $${ stands for ${; every other $
 * for itself. Names are [A-Za-z_][A-Za-z0-9_]*.
 */

#include "common/base/buffer.h"

enum {
        _EXPAND_E_SUCCESS,
        EXPAND_E_UNSET,     /* a variable without a default is not set */
        EXPAND_E_MALFORMED, /* a ${ that is no variable, has no end, or nests deeper than EXPAND_DEPTH_MAX */
        EXPAND_E_TOO_LONG,  /* more than n_max bytes */
};

#define EXPAND_DEPTH_MAX 16
#define EXPAND_NAME_BYTES 128

/* Appends the expanded text, at most n_max bytes in all. With EXPAND_E_UNSET and EXPAND_E_MALFORMED, ret_name holds
 * the variable's name or what stands in its place, cut to EXPAND_NAME_BYTES. -ENOMEM. */
int expand_text(const char *text, size_t n_max, struct buffer *expanded, char ret_name[EXPAND_NAME_BYTES]);
