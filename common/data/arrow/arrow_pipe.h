#pragma once

/*
 * Arrow pipe
 *
 * One buffer of a record batch, read from its start to its end in pieces, so that a compressed batch of any length
 * needs the memory of one piece. What was read is given back to the kernel on the way: the bytes must lie in a file
 * that is mapped for reading. The door to LZ4 and ZSTD.
 *
 * A compressed buffer starts with its unpacked length (int64); -1 means that the rest is not compressed.
 */

#include "common/base/buffer.h"
#include "common/base/fault.h"
#include "common/data/arrow/arrow_message.h"

struct arrow_pipe {
        struct arrow_bytes packed; /* not yet read; borrowed */
        const uint8_t *kept;       /* what was read from here on is still in memory */
        enum arrow_codec codec;
        void *decoder;       /* LZ4F_dctx or ZSTD_DStream, kept from buffer to buffer */
        uint64_t n_left;     /* unpacked bytes still to come */
        struct buffer piece; /* unpacked */
};

#define ARROW_PIPE_NULL \
        { 0 }

void arrow_pipe_finish(struct arrow_pipe *pipe);

/* Starts reading another buffer; all buffers of one pipe have the same codec. The bytes stay until the next start. */
int arrow_pipe_start(struct arrow_pipe *pipe, struct arrow_bytes bytes, enum arrow_codec codec, struct fault *fault);

/* The next n_bytes, borrowed until the next call. FAULT_E_INPUT when there are fewer, or -ENOMEM. */
int arrow_pipe_read(struct arrow_pipe *pipe, size_t n_bytes, const uint8_t **ret_data, struct fault *fault);
int arrow_pipe_skip(struct arrow_pipe *pipe, uint64_t n_bytes, struct fault *fault);

/* Lets the kernel take back the memory of a run of bytes of a mapped file; they are read again if they are needed. */
void arrow_forget(const uint8_t *from, const uint8_t *to);
