#pragma once

/*
 * Grammar
 *
 * A record's table of fields as proto/README.md writes it, so that a test can hold the one against the other.
 */

#include "common/base/buffer.h"
#include "proto/record.h"

/* Appends "name = {", one line per field and "}". 0 or -ENOMEM. */
int grammar_write(const struct record *record, struct buffer *text);
