/* Courier header: fixed places, then the key. */

#include "common/bus/courier_header.h"

#include <assert.h>
#include <string.h>

#define AT_VERSION 4
#define AT_KIND 5
#define AT_ID 6
#define AT_KEY_LENGTH 42
#define AT_KEY 43
#define ID_BYTES (UUID_TEXT_BYTES - 1)

static const uint8_t magic[4] = { 0x43, 0x56, 0x4f, 0x59 };

static bool key_bytes_are_valid(const uint8_t *bytes, size_t n_bytes) {
        if (n_bytes >= COURIER_KEY_BYTES)
                return false;
        for (size_t i = 0; i < n_bytes; i++)
                if (bytes[i] <= ' ' || bytes[i] > '~')
                        return false;
        return true;
}

bool courier_key_is_valid(const char *key) {
        return key_bytes_are_valid((const uint8_t *)key, strlen(key));
}

size_t courier_header_pack(const struct courier_header *header, uint8_t ret_bytes[COURIER_HEADER_BYTES_MAX]) {
        size_t n_key = strlen(header->key);

        assert(uuid_is_valid(header->id) && courier_key_is_valid(header->key));
        memcpy(ret_bytes, magic, sizeof(magic));
        ret_bytes[AT_VERSION] = COURIER_VERSION;
        ret_bytes[AT_KIND] = (uint8_t)header->kind;
        memcpy(ret_bytes + AT_ID, header->id, ID_BYTES);
        ret_bytes[AT_KEY_LENGTH] = (uint8_t)n_key;
        memcpy(ret_bytes + AT_KEY, header->key, n_key);
        return AT_KEY + n_key;
}

bool courier_header_find_id(const void *bytes, size_t n_bytes, char ret_id[UUID_TEXT_BYTES]) {
        char id[UUID_TEXT_BYTES] = { 0 };

        if (n_bytes < AT_KEY_LENGTH || memcmp(bytes, magic, sizeof(magic)) != 0)
                return false;
        memcpy(id, (const uint8_t *)bytes + AT_ID, ID_BYTES);
        if (!uuid_is_valid(id))
                return false;
        memcpy(ret_id, id, sizeof(id));
        return true;
}

int courier_header_unpack(const void *bytes, size_t n_bytes, struct courier_header *ret_header, struct fault *fault) {
        struct courier_header header = COURIER_HEADER_NULL;
        const uint8_t *at = bytes;
        size_t n_key;

        if (n_bytes && memcmp(at, magic, n_bytes < sizeof(magic) ? n_bytes : sizeof(magic)) != 0)
                return fault_set(fault, "HEADER_MAGIC", "the first frame is no courier header");
        if (n_bytes > AT_VERSION && at[AT_VERSION] != COURIER_VERSION)
                return fault_set(fault, "HEADER_VERSION", "the header has version %u, this program reads %d",
                                 (unsigned)at[AT_VERSION], COURIER_VERSION);
        if (n_bytes < AT_KEY || n_bytes < (size_t)AT_KEY + at[AT_KEY_LENGTH])
                return fault_set(fault, "HEADER_TRUNCATED", "the header ends after %zu bytes", n_bytes);
        if (at[AT_KIND] < COURIER_KIND_DATA || at[AT_KIND] > COURIER_KIND_LOSSY)
                return fault_set(fault, "HEADER_KIND", "%u is no kind of message", (unsigned)at[AT_KIND]);
        if (!courier_header_find_id(bytes, n_bytes, header.id))
                return fault_set(fault, "HEADER_ID", "the message id is no UUID");
        n_key = at[AT_KEY_LENGTH];
        if (!key_bytes_are_valid(at + AT_KEY, n_key))
                return fault_set(fault, "HEADER_KEY", "the key is too long or not printable");
        if (n_bytes > AT_KEY + n_key)
                return fault_set(fault, "HEADER_TRAILING_BYTES", "%zu bytes follow the header",
                                 n_bytes - AT_KEY - n_key);
        header.kind = at[AT_KIND];
        memcpy(header.key, at + AT_KEY, n_key);
        *ret_header = header;
        return 0;
}
