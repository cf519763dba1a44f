/* hex.h - bytes from text, for golden vectors.
 *
 *     uint8_t key[16];
 *     hex_get(key, sizeof key, "8B 7C DC 14 9B 99 3A 1B A1 18 CB 15 3F 56 DC CB");
 *     hex_eq(out, 4, "01020304");
 */
#ifndef HEX_H
#define HEX_H

#include <check.h>
#include <ctype.h>
#include <stdint.h>
#include <string.h>

/* Bytes written, at most `size`. */
static inline size_t hex_get(uint8_t *out, size_t size, const char *text)
{
    size_t n = 0;
    int half = -1;
    for (; *text; text++) {
        if (!isxdigit((unsigned char)*text))
            continue;
        int v = isdigit((unsigned char)*text) ? *text - '0' : tolower((unsigned char)*text) - 'a' + 10;
        if (half < 0) {
            half = v;
            continue;
        }
        if (n < size)
            out[n++] = (uint8_t)(half << 4 | v);
        half = -1;
    }
    return n;
}

#define hex_eq(data_, len_, text_)                                      \
    do {                                                                \
        uint8_t want_[2048];                                            \
        size_t n_ = hex_get(want_, sizeof want_, (text_));              \
        ck_assert_uint_eq((len_), n_);                                  \
        ck_assert_mem_eq((data_), want_, n_);                           \
    } while (0)

#endif
