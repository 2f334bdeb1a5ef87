/* Pack: msgpack-c's packer, writing into a buffer. */

#include "common/bus/pack.h"

#include <errno.h>
#include <msgpack.h>
#include <string.h>

#include "common/base/error.h"

/* msgpack-c asks for a callback; it gives up at the first nonzero one. */
static int write_bytes(void *data, const char *bytes, size_t n_bytes) {
        struct pack *pack = data;

        if (!pack->error)
                pack->error = error_trace(buffer_append(pack->buffer, bytes, n_bytes));
        return pack->error;
}

static msgpack_packer packer_of(struct pack *pack) {
        msgpack_packer packer;

        msgpack_packer_init(&packer, pack, write_bytes);
        return packer;
}

/* The format's lengths have 32 bits. */
static bool fits(struct pack *pack, size_t n) {
        if (!pack->error && n > UINT32_MAX)
                pack->error = error_origin(-EMSGSIZE, "n=%zu packing what MessagePack cannot count", n);
        return !pack->error;
}

void pack_begin(struct pack *pack, struct buffer *buffer) {
        *pack = (struct pack){ .buffer = buffer };
}

int pack_end(struct pack *pack) {
        pack->buffer = NULL;
        return error_trace(pack->error);
}

void pack_array(struct pack *pack, size_t n_elements) {
        msgpack_packer packer = packer_of(pack);

        if (fits(pack, n_elements))
                msgpack_pack_array(&packer, n_elements);
}

void pack_map(struct pack *pack, size_t n_pairs) {
        msgpack_packer packer = packer_of(pack);

        if (fits(pack, n_pairs))
                msgpack_pack_map(&packer, n_pairs);
}

void pack_text(struct pack *pack, const char *text) {
        pack_text_bytes(pack, text, strlen(text));
}

void pack_text_bytes(struct pack *pack, const char *text, size_t n_bytes) {
        msgpack_packer packer = packer_of(pack);

        if (fits(pack, n_bytes))
                msgpack_pack_str_with_body(&packer, text, n_bytes);
}

void pack_int64(struct pack *pack, int64_t value) {
        msgpack_packer packer = packer_of(pack);

        msgpack_pack_int64(&packer, value);
}

void pack_double(struct pack *pack, double value) {
        msgpack_packer packer = packer_of(pack);

        msgpack_pack_double(&packer, value);
}

void pack_bool(struct pack *pack, bool value) {
        msgpack_packer packer = packer_of(pack);

        if (value)
                msgpack_pack_true(&packer);
        else
                msgpack_pack_false(&packer);
}

void pack_nil(struct pack *pack) {
        msgpack_packer packer = packer_of(pack);

        msgpack_pack_nil(&packer);
}
