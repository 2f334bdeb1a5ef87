/* UTF-8: eight ASCII bytes at a time, else one character by the table of RFC 3629 section 4. */

#include "common/base/utf8.h"

#include <stdint.h>
#include <string.h>

size_t utf8_character_bytes(const void *character, size_t n_left) {
        const uint8_t *at = character;
        uint8_t head = at[0], least = 0x80, most = 0xbf;
        size_t n;

        if (head < 0x80)
                return 1;
        if (head < 0xc2 || head > 0xf4)
                return 0;
        n = head < 0xe0 ? 2 : head < 0xf0 ? 3 : 4;
        if (n > n_left)
                return 0;
        if (head == 0xe0)
                least = 0xa0;
        else if (head == 0xed)
                most = 0x9f;
        else if (head == 0xf0)
                least = 0x90;
        else if (head == 0xf4)
                most = 0x8f;
        if (at[1] < least || at[1] > most)
                return 0;
        for (size_t i = 2; i < n; i++)
                if ((at[i] & 0xc0) != 0x80)
                        return 0;
        return n;
}

bool utf8_is_valid(const void *bytes, size_t n_bytes) {
        const uint8_t *at = bytes;
        size_t n_left = n_bytes, n;
        uint64_t eight;

        while (n_left) {
                if (n_left >= sizeof(eight)) {
                        memcpy(&eight, at, sizeof(eight));
                        if (!(eight & 0x8080808080808080ULL)) {
                                at += sizeof(eight);
                                n_left -= sizeof(eight);
                                continue;
                        }
                }
                n = utf8_character_bytes(at, n_left);
                if (!n)
                        return false;
                at += n;
                n_left -= n;
        }
        return true;
}

void utf8_make_fit(char *text) {
        size_t n_left = strlen(text);

        for (char *at = text; n_left;) {
                size_t n = utf8_character_bytes(at, n_left);

                if (!n && (*at & 0xc0) == 0xc0 &&
                    n_left < ((*at & 0xf0) == 0xf0   ? 4U
                              : (*at & 0xe0) == 0xe0 ? 3U
                                                     : 2U)) {
                        /* the beginning of one */
                        *at = 0;
                        return;
                }
                if (!n || (unsigned char)*at < ' ' || *at == 0x7f) {
                        *at = '?';
                        n = 1;
                }
                at += n;
                n_left -= n;
        }
}
