#pragma once

/*
 * Signature version 4
 *
 * How a request to AWS is signed: in its headers, in its query (presigned), or in chunks, where each part of the body
 * carries a signature that builds on the one before. All pure: no clock, no environment, no network.
 *
 * Every request that Convoy sends is signed in its headers (s3_call.c, aws_sts.c). The query and the chunked form are
 * for presigned addresses and for bodies that are hashed as they are sent; nothing in Convoy makes such requests, only
 * the tests do, which hold all three forms to AWS's published cases.
 *
 * Format: AWS "Signature Version 4 signing process" (IAM user guide, "Create a signed AWS API request"), and for S3 and
 * its chunks "Authenticating requests" (S3 API reference, sigv4-streaming and sigv4-streaming-trailers).
 *
 *      struct aws_request request = { .method = "PUT", .host = "bucket.s3.eu-central-1.amazonaws.com",
 *                                     .path = "/a key", .payload = hex, .flags = AWS_SIGN_S3 };
 *      struct aws_scope scope = { .service = "s3", .region = "eu-central-1", .time_ms = aws_clock_now_ms(clock) };
 *      _cleanup_(aws_signed_finish) struct aws_signed signed_ = AWS_SIGNED_NULL;
 *
 *      r = aws_sign_headers(&request, &scope, &keys, &signed_);
 *      url = "https://" host signed_.target; send the request's headers and those of signed_
 */

#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/digest.h"
#include "common/store/aws/aws_keys.h"
#include "common/store/aws/aws_time.h"

/* The digest of no body. */
#define AWS_PAYLOAD_EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* What stands for the digest of a body that is not hashed before. */
#define AWS_PAYLOAD_UNSIGNED "UNSIGNED-PAYLOAD"
#define AWS_PAYLOAD_CHUNKED "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
#define AWS_PAYLOAD_CHUNKED_TRAILER "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
#define AWS_PAYLOAD_UNSIGNED_TRAILER "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

enum aws_sign_flag {
        AWS_SIGN_NORMALIZE_PATH = 1, /* "." and ".." and empty segments are taken out: all services but S3 */
        AWS_SIGN_ENCODE_TWICE = 2,   /* the encoded path is encoded once more before it is signed: the same */
        AWS_SIGN_PAYLOAD_HEADER = 4, /* x-amz-content-sha256 is sent and signed: S3 */
        AWS_SIGN_TOKEN_UNSIGNED = 8, /* the session token is sent but not signed; no service of ours wants it */
        AWS_SIGN_S3 = AWS_SIGN_PAYLOAD_HEADER,
        AWS_SIGN_OTHER = AWS_SIGN_NORMALIZE_PATH | AWS_SIGN_ENCODE_TWICE,
};

/* A parameter of the query, or a header. Not encoded; value NULL is "". */
struct aws_pair {
        const char *name;
        const char *value;
};

/* All borrowed for the call. */
struct aws_request {
        const char *method;
        const char *host; /* as the Host header will say it, with the port unless that is the scheme's own */
        const char *path; /* not encoded; starts with '/' */
        const struct aws_pair *query;
        size_t n_query;
        const struct aws_pair *headers; /* all are signed, in addition to host; of one name in their order */
        size_t n_headers;
        const char *payload; /* SHA-256 of the body in hex, or AWS_PAYLOAD_…; NULL: of no body */
        unsigned flags;      /* of enum aws_sign_flag */
};

struct aws_scope {
        const char *service; /* "s3", "sts" */
        const char *region;
        int64_t time_ms; /* since 1970, corrected by what the service's clock says (aws_clock.h) */
};

/* x-amz-date, x-amz-content-sha256, x-amz-security-token, authorization */
#define AWS_SIGNED_HEADERS_MAX 4

struct aws_signed {
        struct buffer target; /* path and query, encoded as they must be sent: "/a%20key?list-type=2" */
        char *headers[AWS_SIGNED_HEADERS_MAX]; /* "name: value", to be sent beside the request's own */
        size_t n_headers;
        char signature[DIGEST_SHA256_BYTES];
        struct buffer canonical; /* the canonical request and the string to sign, for whoever looks for a difference; */
        struct buffer to_sign;   /* the canonical request may hold the session token, so it is never logged */
};

#define AWS_SIGNED_NULL \
        { 0 }

/* Wipes what is held, since headers and target may hold a session token. */
void aws_signed_finish(struct aws_signed *result);

/* All of 0 or a negative errno (no memory, OpenSSL); ret_signed holds nothing before, and nothing after a failure. */
int aws_sign_headers(const struct aws_request *request, const struct aws_scope *scope, const struct aws_keys *keys,
                     struct aws_signed *ret_signed);

/* Signs in the query, valid for n_seconds from the scope's time (S3: at most 604800). No header needs to be added. For
 * S3 the payload is AWS_PAYLOAD_UNSIGNED. */
int aws_sign_query(const struct aws_request *request, const struct aws_scope *scope, const struct aws_keys *keys,
                   int64_t n_seconds, struct aws_signed *ret_signed);

/*
 * The chunked form. The request is signed with payload AWS_PAYLOAD_CHUNKED and the headers "content-encoding:
 * aws-chunked" and "x-amz-decoded-content-length: N"; its content-length is aws_chunks_length(). Then each chunk is
 * sent as head, bytes, "\r\n"; the last one has no bytes. S3 wants at least 8 KiB in every chunk but the last with
 * bytes.
 *
 * With a trailer (AWS_PAYLOAD_CHUNKED_TRAILER, header "x-amz-trailer: NAME") the last chunk is its head alone, followed
 * by aws_chunks_trailer().
 */
#define AWS_CHUNK_HEAD_BYTES 128

struct aws_chunks {
        uint8_t key[DIGEST_MAC_BYTES];
        char *scope; /* "20130524/us-east-1/s3/aws4_request" */
        char date[AWS_TIME_BYTES];
        char previous[DIGEST_SHA256_BYTES];
};

#define AWS_CHUNKS_NULL \
        { 0 }

/* seed is the request's signature; scope and keys are those it was signed with. */
int aws_chunks_init(struct aws_chunks *ret_chunks, const char *seed, const struct aws_scope *scope,
                    const struct aws_keys *keys);
void aws_chunks_finish(struct aws_chunks *chunks);

/* The line before the next chunk, its "\r\n" included. */
int aws_chunks_head(struct aws_chunks *chunks, const void *bytes, size_t n_bytes, char ret_head[AWS_CHUNK_HEAD_BYTES]);

/* Appends the trailing header (its name in lower case), its signature and the end of the body. */
int aws_chunks_trailer(struct aws_chunks *chunks, const char *name, const char *value, struct buffer *text);

/* The length of a body of n_bytes in chunks of n_chunk, without trailer. */
uint64_t aws_chunks_length(uint64_t n_bytes, uint64_t n_chunk);
