#pragma once

/*
 * CRC-32C
 *
 * The checksum that goes with each part of an upload: 0x1EDC6F41 with its bits turned round, as iSCSI has it (RFC 3720
 * section 12.1). Quick enough beside a network to be had for nothing, where the processor has an instruction for it.
 */

#include <stddef.h>
#include <stdint.h>

/* "AAAAAA==" and its end */
#define S3_CRC32C_BYTES 9

/* The checksum of what had the given one (0: of nothing) with these bytes behind it. */
uint32_t s3_crc32c(uint32_t before, const void *bytes, size_t n_bytes);

/* The same for processors without the instruction. */
uint32_t s3_crc32c_by_table(uint32_t before, const void *bytes, size_t n_bytes);

/* As x-amz-checksum-crc32c has it: base64 of its four bytes, the highest first. */
void s3_crc32c_format(uint32_t checksum, char ret_text[S3_CRC32C_BYTES]);
