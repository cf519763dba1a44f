/* base64.c - bytes as text (RFC 4648 section 4).
 *
 * Knows:  the alphabet and the padding.
 * Leaves: what the bytes are.
 */
#include "base/base64.h"

#include <string.h>
#include <adit/bytes.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_write(const uint8_t *p, size_t len, char *out)
{
    struct rd r = rd_of(p, len);
    while (rd_left(&r)) {
        size_t n = rd_left(&r) < 3 ? rd_left(&r) : 3;
        uint32_t v = 0;
        for (size_t i = 0; i < 3; i++)
            v = v << 8 | (i < n ? rd_u8(&r) : 0u);
        for (size_t i = 0; i < 4; i++)
            *out++ = i <= n ? digits[v >> (18 - 6 * i) & 63] : '=';
    }
    *out = '\0';
}

long base64_read(const char *text, uint8_t *out, size_t size)
{
    struct wr w = wr_of(out, size);
    size_t len = strlen(text);
    if (len % 4)
        return -1;
    for (; *text; text += 4) {
        uint32_t v = 0, pad = 0;
        for (int i = 0; i < 4; i++) {
            const char *d = text[i] == '=' ? NULL : strchr(digits, text[i]);
            if (!d && (text[i] != '=' || i < 2 || text[4]))
                return -1;
            if (d && pad)
                return -1;
            pad += !d;
            v = v << 6 | (d ? (uint32_t)(d - digits) : 0u);
        }
        for (uint32_t i = 0; i < 3 - pad; i++)
            wr_u8(&w, (uint8_t)(v >> (16 - 8 * i)));
    }
    return wr_ok(&w) ? (long)wr_len(&w) : -1;
}
