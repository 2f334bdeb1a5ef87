#pragma once

/*
 * Base64
 *
 * As S3 writes its checksums (RFC 4648 section 4): with padding, without line ends.
 */

#include <stdbool.h>
#include <stddef.h>

/* room for n bytes and the end of the text */
#define S3_BASE64_BYTES(n) (((n) + 2) / 3 * 4 + 1)

/* ret_text has room for S3_BASE64_BYTES(n_bytes). */
void s3_base64_format(const void *bytes, size_t n_bytes, char *ret_text);

/* True when the text is the one that s3_base64_format() makes of n_bytes; ret_bytes is undefined else. */
bool s3_base64_parse(const char *text, size_t n_bytes, void *ret_bytes);
