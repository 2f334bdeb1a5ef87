/* UUID version 7: 48 bits of milliseconds, 74 random bits. */

#include "common/base/uuid.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "common/base/clock.h"
#include "common/base/error.h"

int uuid_make_v7(char ret_text[UUID_TEXT_BYTES]) {
        uint64_t now = (uint64_t)clock_realtime_ms(), tail;
        uint8_t bytes[10];

        if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
                return error_origin(-errno, "asking the kernel for random bytes");
        memcpy(&tail, bytes + 2, sizeof(tail));
        snprintf(ret_text, UUID_TEXT_BYTES, "%08x-%04x-7%03x-%04x-%012llx", (unsigned)(now >> 16) & 0xffffffffU,
                 (unsigned)(now & 0xffff), ((unsigned)bytes[0] << 8 | bytes[1]) & 0xfffU,
                 (unsigned)(0x8000 | (tail >> 48 & 0x3fff)), (tail & 0xffffffffffffULL));
        return 0;
}

bool uuid_is_valid(const char *text) {
        if (strlen(text) != UUID_TEXT_BYTES - 1)
                return false;
        for (int i = 0; i < UUID_TEXT_BYTES - 1; i++) {
                if (i == 8 || i == 13 || i == 18 || i == 23) {
                        if (text[i] != '-')
                                return false;
                } else if (!strchr("0123456789abcdef", text[i])) {
                        return false;
                }
        }
        return true;
}
