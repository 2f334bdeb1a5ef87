#pragma once

/*
 * CSV scanner
 *
 * A file's bytes in memory, looked at 64 at a time: one bit for each byte that has a meaning outside quotes, so that a
 * field costs a few instructions whatever its length. Behind the data stand 64 zeros; the first of them stops every
 * scan.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CSV_BLOCK_BYTES 64

struct csv_scanner {
        int fd; /* borrowed */
        char *name;
        uint8_t *data; /* capacity + CSV_BLOCK_BYTES */
        size_t capacity, n_data;
        size_t at;    /* of the record in hand: what is before it may go */
        bool is_end;  /* nothing is left behind the data */
        bool is_wide; /* a byte above 127 in a block since this was last cleared */
        bool is_block_wide;
        int64_t n_read; /* bytes of the file so far */
        size_t block;   /* position of the block that mask describes */
        uint64_t mask;  /* its bits that have not been used yet */
};

/* 0 or -ENOMEM; name is copied. */
int csv_scanner_init(struct csv_scanner *scanner, int fd, const char *name);
void csv_scanner_finish(struct csv_scanner *scanner);

/* Reads more behind the data, after moving the record in hand to the front or growing the memory: positions change. 0
 * or a negative errno; is_end when there is no more. */
int csv_scanner_fill(struct csv_scanner *scanner);
void csv_scanner_load(struct csv_scanner *scanner, size_t at);

/* The first comma, quote, line end or NUL not before `at`; n_data at the latest. */
static inline size_t csv_scanner_next(struct csv_scanner *scanner, size_t at) {
        if (at - scanner->block < CSV_BLOCK_BYTES)
                scanner->mask &= UINT64_MAX << (at - scanner->block);
        else
                csv_scanner_load(scanner, at);
        while (!scanner->mask)
                csv_scanner_load(scanner, scanner->block + CSV_BLOCK_BYTES);
        return scanner->block + (size_t)__builtin_ctzll(scanner->mask);
}
