/* CRC-32C: by the processor's instruction, else by a table of eight bytes at a time. */

#include "common/store/s3/s3_crc32c.h"

#include <assert.h>
#include <endian.h>
#include <pthread.h>
#include <string.h>

#include "common/store/s3/s3_base64.h"

enum { N_TABLES = 8, N_ROWS = 256 };

#define POLYNOMIAL 0x82f63b78u

static_assert(S3_CRC32C_BYTES == S3_BASE64_BYTES(sizeof(uint32_t)), "four bytes and no more");

static uint32_t tables[N_TABLES][N_ROWS];
static pthread_once_t are_made = PTHREAD_ONCE_INIT;

/* tables[k][i]: the byte i with k bytes of zero behind it. */
static void make_tables(void) {
        for (uint32_t i = 0; i < N_ROWS; i++) {
                uint32_t row = i;

                for (int bit = 0; bit < 8; bit++)
                        row = row >> 1 ^ (row & 1 ? POLYNOMIAL : 0);
                tables[0][i] = row;
        }
        for (uint32_t i = 0; i < N_ROWS; i++)
                for (int k = 1; k < N_TABLES; k++)
                        tables[k][i] = tables[k - 1][i] >> 8 ^ tables[0][tables[k - 1][i] & 0xff];
}

static uint32_t by_table(uint32_t state, const uint8_t *at, size_t n_bytes) {
        pthread_once(&are_made, make_tables);
        for (; n_bytes >= 8; at += 8, n_bytes -= 8) {
                uint64_t word;

                memcpy(&word, at, sizeof(word));
                word = le64toh(word) ^ state;
                state = 0;
                for (int k = 0; k < N_TABLES; k++)
                        state ^= tables[N_TABLES - 1 - k][word >> 8 * k & 0xff];
        }
        while (n_bytes--)
                state = state >> 8 ^ tables[0][(state ^ *at++) & 0xff];
        return state;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t state, const uint8_t *at, size_t n_bytes) {
        uint64_t wide = state;

        for (; n_bytes >= 8; at += 8, n_bytes -= 8) {
                uint64_t word;

                memcpy(&word, at, sizeof(word));
                wide = __builtin_ia32_crc32di(wide, word);
        }
        state = (uint32_t)wide;
        while (n_bytes--)
                state = __builtin_ia32_crc32qi(state, *at++);
        return state;
}
#endif

uint32_t s3_crc32c_by_table(uint32_t before, const void *bytes, size_t n_bytes) {
        return ~by_table(~before, bytes, n_bytes);
}

uint32_t s3_crc32c(uint32_t before, const void *bytes, size_t n_bytes) {
#ifdef __x86_64__
        if (__builtin_cpu_supports("sse4.2"))
                return ~by_instruction(~before, bytes, n_bytes);
#endif
        return s3_crc32c_by_table(before, bytes, n_bytes);
}

void s3_crc32c_format(uint32_t checksum, char ret_text[S3_CRC32C_BYTES]) {
        uint32_t bytes = htobe32(checksum);

        s3_base64_format(&bytes, sizeof(bytes), ret_text);
}
