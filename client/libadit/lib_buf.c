/* lib_buf.c - requests, which hold secrets.
 *
 * Knows:  JSON strings as text, wiping what was written.
 * Leaves: what is asked to libadit.c.
 *
 * Jansson frees its strings without wiping them, so secrets never become its own.
 */
#include "lib_int.h"

#include <stdlib.h>
#include <string.h>

static void put(struct lib_buf *b, const char *p, size_t n)
{
    if (b->error)
        return;
    if (n > LIB_REQUEST_MAX - b->len) {
        b->error = ADIT_RAS_INVALID_PARAMETER;
        return;
    }
    if (b->len + n > b->cap) {
        size_t cap = (b->len + n) * 2;
        char *grown = malloc(cap);
        if (!grown) {
            b->error = ADIT_RAS_NOT_ENOUGH_MEMORY;
            return;
        }
        if (b->p) {
            memcpy(grown, b->p, b->len);
            explicit_bzero(b->p, b->cap);
            free(b->p);
        }
        b->p = grown;
        b->cap = cap;
    }
    memcpy(b->p + b->len, p, n);
    b->len += n;
}

void lib_buf_text(struct lib_buf *b, const char *text) { put(b, text, strlen(text)); }

/* The bytes of one UTF-8 character; 0: it is none (RFC 3629 section 4). */
static size_t utf8_len(const unsigned char *s)
{
    size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return n;
}

void lib_buf_string(struct lib_buf *b, const char *s)
{
    static const char digits[] = "0123456789abcdef";
    put(b, "\"", 1);
    while (*s && !b->error) {
        const unsigned char *at = (const unsigned char *)s;
        size_t n = utf8_len(at);
        if (!n) {
            b->error = ADIT_RAS_INVALID_PARAMETER;
        } else if (*at < 0x20 || *at == '"' || *at == '\\') {
            char escape[6] = { '\\', 'u', '0', '0', digits[*at >> 4], digits[*at & 15] };
            put(b, escape, sizeof escape);
        } else {
            put(b, s, n);
        }
        s += n;
    }
    put(b, "\"", 1);
}

static int dumped(const char *p, size_t n, void *u)
{
    put(u, p, n);
    return 0;
}

void lib_buf_json(struct lib_buf *b, const json_t *o)
{
    if (json_dump_callback(o, dumped, b, JSON_COMPACT | JSON_ENCODE_ANY) && !b->error)
        b->error = ADIT_RAS_NOT_ENOUGH_MEMORY;
}

void lib_buf_free(struct lib_buf *b)
{
    if (b->p)
        explicit_bzero(b->p, b->cap);
    free(b->p);
    *b = (struct lib_buf){ .p = NULL };
}
