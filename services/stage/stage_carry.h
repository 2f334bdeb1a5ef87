#pragma once

/*
 * Stage, carried on: what a stage's two messages have in common. A map field of the same name and the same record in
 * both is carried on unchanged (order, ingestion, …); the other fields of the emitted message are the stage's own.
 */

#include <stdbool.h>

#include "proto/record.h"

/* Copies the common fields; all others of target stay as they are. */
void stage_carry(const struct record *from, const void *source, const struct record *to, void *target);

/* Calls each with the SHA-256 of every blob and dataset that the fields of `to` name which it has not in common with
 * `from`; stops at its first nonzero and returns that. */
int stage_carry_own_blobs(const struct record *from, const struct record *to, const void *value,
                          int (*each)(void *context, const char *sha256), void *context);
