#pragma once

/*
 * Cursor
 *
 * Reads MessagePack that comes from outside. cursor_open() walks the whole frame first, without allocating and without
 * recursion, and refuses it unless
 *   - it is no longer than CURSOR_BYTES_MAX and holds exactly one value, no byte after it;
 *   - arrays and maps lie at most CURSOR_DEPTH_MAX deep;
 *   - the elements still owed, summed over the whole nest, never exceed the bytes left (each takes one at least; a
 *     check per level would let 73 kB ask for 1.4 GB);
 *   - no declared length reaches beyond its end, and neither the reserved byte c1 nor an extension type occurs.
 * Then typed getters take the values in order, straight from the bytes of the walked frame: nothing is allocated,
 * whatever the frame says. msgpack-c writes (pack.h) but does not read here, since its unpacker trusts declared lengths
 * (the five bytes dd ff 00 00 00 make it ask for 96 GB) and a walked frame needs no tree of objects.
 *
 * Each getter names the field for the fault, checks type and limit, and leaves its output untouched on failure. The
 * first fault sticks: every later getter returns it again, so a caller may read a whole message and ask once, with
 * cursor_end(). Outputs must then be initialised before (a count of 0 ends a loop). Decode everything, then act.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/fault.h"

/* the longest frame, in bytes; the courier allows less */
#define CURSOR_BYTES_MAX (1024 * 1024)
#define CURSOR_DEPTH_MAX 16

struct cursor {
        const uint8_t *at, *end; /* borrowed: what is left of the frame */
        struct fault *fault;     /* borrowed */
        int error;
};

/* Walks the frame and stands before its only value. bytes and fault are borrowed while the cursor is used. All return
 * 0, or FAULT_E_INPUT with fault filled: code FRAME_* for the frame as a whole, FIELD_* with the field's name. */
int cursor_open(struct cursor *cursor, const void *bytes, size_t n_bytes, struct fault *fault);

/* Fails unless the end was reached exactly and no getter failed. */
int cursor_end(struct cursor *cursor);

/* Sets a fault of the caller's own about a field, unless an earlier one stands; for checks across fields. */
int cursor_fail(struct cursor *cursor, const char *field, const char *code, const char *reason);

/* The number of elements that follow. */
int cursor_array(struct cursor *cursor, const char *field, size_t n_max, size_t *ret_n_elements);

/* Takes a map of so many pairs, whose number is part of the format. */
int cursor_map_of(struct cursor *cursor, const char *field, size_t n_pairs);

/* Takes a map's key, which must be exactly this text. */
int cursor_key(struct cursor *cursor, const char *key);

/* Copies valid UTF-8 without NUL, shorter than n_room bytes, and ends it with NUL. */
int cursor_text(struct cursor *cursor, const char *field, size_t n_room, char *ret_text);

/* The same of at most n_max bytes, borrowed from the frame and not ended by NUL. */
int cursor_text_view(struct cursor *cursor, const char *field, size_t n_max, const char **ret_text,
                     size_t *ret_n_bytes);

/* An integer in whatever form it was written, from least to most. */
int cursor_int64(struct cursor *cursor, const char *field, int64_t least, int64_t most, int64_t *ret_value);

/* A float of 32 or 64 bits (no integer stands for one). cursor_double() refuses NaN and infinities. */
int cursor_double(struct cursor *cursor, const char *field, double *ret_value);
int cursor_double_any(struct cursor *cursor, const char *field, double *ret_value);
int cursor_bool(struct cursor *cursor, const char *field, bool *ret_value);

/* Takes a nil and says true, or leaves another value where it is and says false: how optional fields are read. */
bool cursor_take_nil(struct cursor *cursor);
