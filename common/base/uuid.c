/* UUID version 7: 48 bits of milliseconds, 12 of their fraction, 62 random bits. */

#include "common/base/uuid.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "common/base/clock.h"
#include "common/base/error.h"

#define NS_PER_MS 1000000U

int uuid_make_v7(char ret_text[UUID_TEXT_BYTES]) {
        uint64_t now_ns = (uint64_t)clock_realtime_ns(), now_ms = now_ns / NS_PER_MS, random;

        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
                return error_origin(-errno, "asking the kernel for random bytes");
        snprintf(ret_text, UUID_TEXT_BYTES, "%08" PRIx64 "-%04" PRIx64 "-7%03" PRIx64 "-%04" PRIx64 "-%012" PRIx64,
                 now_ms >> 16 & 0xffffffff, now_ms & 0xffff, now_ns % NS_PER_MS * 4096 / NS_PER_MS,
                 0x8000 | (random >> 48 & 0x3fff), random & 0xffffffffffff);
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
