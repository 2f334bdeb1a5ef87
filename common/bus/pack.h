#pragma once

/*
 * Pack
 *
 * Writes MessagePack (the specification at msgpack.org, its 2013 revision) at the end of a buffer. The first failure
 * sticks: what follows it writes nothing, so a message is written in one run and asked once, with pack_end(), whether
 * all of it is there. Numbers take their shortest form; equal calls give equal bytes. cursor.h reads.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"

struct pack {
        struct buffer *buffer; /* borrowed */
        int error;
};

/* Begins to write at the end of buffer, which is borrowed until pack_end(). */
void pack_begin(struct pack *pack, struct buffer *buffer);

/* Returns 0 when everything was written, else the first failure; the buffer then holds a part. */
int pack_end(struct pack *pack);

/* Announce n_elements values, or n_pairs keys with a value each, which must follow. */
void pack_array(struct pack *pack, size_t n_elements);
void pack_map(struct pack *pack, size_t n_pairs);

/* text is UTF-8, ended by NUL; the caller answers for its validity. */
void pack_text(struct pack *pack, const char *text);
void pack_text_bytes(struct pack *pack, const char *text, size_t n_bytes);
void pack_int64(struct pack *pack, int64_t value);
void pack_double(struct pack *pack, double value);
void pack_bool(struct pack *pack, bool value);
void pack_nil(struct pack *pack);
