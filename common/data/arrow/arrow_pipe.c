/* Arrow pipe: unpacks a buffer piece by piece. */

#include "common/data/arrow/arrow_pipe.h"

#include <errno.h>
#include <lz4frame.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "common/base/error.h"

enum {
        SKIP_BYTES = 64 * 1024,
        /* the least that is worth a call */
        FORGET_BYTES = 256 * 1024,
        /* 8 MiB, which RFC 8878 (3.1.1.1.2) asks of decoders; only the levels from 20 on go beyond it */
        ZSTD_WINDOW_LOG_MAX = 23,
};

static void drop_decoder(struct arrow_pipe *pipe) {
        if (pipe->codec == ARROW_CODEC_LZ4_FRAME)
                LZ4F_freeDecompressionContext(pipe->decoder);
        else if (pipe->codec == ARROW_CODEC_ZSTD)
                ZSTD_freeDStream(pipe->decoder);
        pipe->decoder = NULL;
}

void arrow_pipe_finish(struct arrow_pipe *pipe) {
        drop_decoder(pipe);
        buffer_finish(&pipe->piece);
        *pipe = (struct arrow_pipe)ARROW_PIPE_NULL;
}

static int start_decoder(struct arrow_pipe *pipe) {
        LZ4F_dctx *context = NULL;

        if (pipe->codec == ARROW_CODEC_LZ4_FRAME) {
                if (pipe->decoder) {
                        LZ4F_resetDecompressionContext(pipe->decoder);
                        return 0;
                }
                if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION)))
                        return error_origin(-ENOMEM, "starting to unpack LZ4");
                pipe->decoder = context;
                return 0;
        }
        if (!pipe->decoder)
                pipe->decoder = ZSTD_createDStream();
        if (!pipe->decoder || ZSTD_isError(ZSTD_initDStream(pipe->decoder)) ||
            ZSTD_isError(ZSTD_DCtx_setParameter(pipe->decoder, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX)))
                return error_origin(-ENOMEM, "starting to unpack ZSTD");
        return 0;
}

void arrow_forget(const uint8_t *from, const uint8_t *to) {
        uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), first = (uintptr_t)from & -page;

        madvise((void *)first, (uintptr_t)to - first, MADV_DONTNEED);
}

int arrow_pipe_start(struct arrow_pipe *pipe, struct arrow_bytes bytes, enum arrow_codec codec, struct fault *fault) {
        int64_t n_unpacked;

        pipe->kept = bytes.data;
        if (codec == ARROW_CODEC_NONE || !bytes.n_bytes) {
                drop_decoder(pipe);
                pipe->codec = ARROW_CODEC_NONE;
                pipe->packed = bytes;
                pipe->n_left = bytes.n_bytes;
                return 0;
        }
        if (bytes.n_bytes < sizeof(n_unpacked))
                return arrow_damaged(fault, "a compressed buffer is cut off");
        memcpy(&n_unpacked, bytes.data, sizeof(n_unpacked));
        bytes.data += sizeof(n_unpacked);
        bytes.n_bytes -= sizeof(n_unpacked);
        if (n_unpacked == -1)
                return arrow_pipe_start(pipe, bytes, ARROW_CODEC_NONE, fault);
        if (n_unpacked < 0)
                return arrow_damaged(fault, "a compressed buffer has a length below zero");
        if (pipe->codec != codec)
                drop_decoder(pipe);
        pipe->codec = codec;
        pipe->packed = bytes;
        pipe->n_left = (uint64_t)n_unpacked;
        return error_trace(start_decoder(pipe));
}

/* Unpacks exactly n_bytes into the piece, which has room. */
static int unpack(struct arrow_pipe *pipe, size_t n_bytes, struct fault *fault) {
        size_t n_done = 0;

        while (n_done < n_bytes) {
                uint8_t *to = pipe->piece.data + n_done;
                size_t n_to = n_bytes - n_done, n_from = pipe->packed.n_bytes, code;

                if (pipe->codec == ARROW_CODEC_LZ4_FRAME) {
                        code = LZ4F_decompress(pipe->decoder, to, &n_to, pipe->packed.data, &n_from, NULL);
                        if (LZ4F_isError(code))
                                return fault_set(fault, "ARROW_MALFORMED", "the Arrow file is damaged: LZ4 says %s",
                                                 LZ4F_getErrorName(code));
                } else {
                        ZSTD_outBuffer out = { to, n_to, 0 };
                        ZSTD_inBuffer in = { pipe->packed.data, n_from, 0 };

                        code = ZSTD_decompressStream(pipe->decoder, &out, &in);
                        if (ZSTD_getErrorCode(code) == ZSTD_error_frameParameter_windowTooLarge)
                                return fault_set(fault, "ARROW_UNSUPPORTED",
                                                 "its ZSTD needs more than %d MiB at once; write it with a level "
                                                 "below 20",
                                                 1 << (ZSTD_WINDOW_LOG_MAX - 20));
                        if (ZSTD_isError(code))
                                return fault_set(fault, "ARROW_MALFORMED", "the Arrow file is damaged: ZSTD says %s",
                                                 ZSTD_getErrorName(code));
                        n_to = out.pos;
                        n_from = in.pos;
                }
                if (!n_to && !n_from)
                        return arrow_damaged(fault, "a compressed buffer is shorter than it says");
                n_done += n_to;
                pipe->packed.data += n_from;
                pipe->packed.n_bytes -= n_from;
        }
        return 0;
}

int arrow_pipe_read(struct arrow_pipe *pipe, size_t n_bytes, const uint8_t **ret_data, struct fault *fault) {
        static const uint8_t nothing[8];
        int r;

        if (n_bytes > pipe->n_left)
                return arrow_damaged(fault, "a column is shorter than its batch");
        if (!n_bytes) {
                *ret_data = nothing;
                return 0;
        }
        if (pipe->packed.data - pipe->kept >= FORGET_BYTES) {
                arrow_forget(pipe->kept, pipe->packed.data);
                pipe->kept = pipe->packed.data;
        }
        pipe->n_left -= n_bytes;
        if (pipe->codec == ARROW_CODEC_NONE) {
                *ret_data = pipe->packed.data;
                pipe->packed.data += n_bytes;
                pipe->packed.n_bytes -= n_bytes;
                return 0;
        }
        buffer_clear(&pipe->piece);
        r = buffer_reserve(&pipe->piece, n_bytes);
        if (!r)
                r = unpack(pipe, n_bytes, fault);
        if (r)
                return error_trace(r);
        *ret_data = pipe->piece.data;
        return 0;
}

int arrow_pipe_skip(struct arrow_pipe *pipe, uint64_t n_bytes, struct fault *fault) {
        const uint8_t *data;
        int r = 0;

        if (n_bytes > pipe->n_left)
                return arrow_damaged(fault, "a column is shorter than its batch");
        for (; n_bytes && !r; n_bytes -= n_bytes < SKIP_BYTES ? n_bytes : SKIP_BYTES)
                r = arrow_pipe_read(pipe, n_bytes < SKIP_BYTES ? (size_t)n_bytes : SKIP_BYTES, &data, fault);
        return error_trace(r);
}
