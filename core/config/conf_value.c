/* conf_value.c - single values: text to number, time, size, address; and back.
 *
 * Knows:  how a person writes each kind.
 * Leaves: which option wants which kind to conf_fill.c.
 */
#include "config/conf_int.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/addr.h"

/* Decimal digits up to the first other character. False: none, or too many. */
static bool digits(const char **s, uint64_t *out)
{
    const char *p = *s;
    uint64_t n = 0;
    if (!isdigit((unsigned char)*p))
        return false;
    for (; isdigit((unsigned char)*p); p++) {
        uint64_t d = (uint64_t)(*p - '0');
        if (n > (UINT64_MAX - d) / 10)
            return false;
        n = n * 10 + d;
    }
    *s = p;
    *out = n;
    return true;
}

bool conf_parse_u64(const char *text, uint64_t *out)
{
    return digits(&text, out) && !*text;
}

bool conf_parse_bool(const char *text, uint32_t *out)
{
    static const char *const words[] = { "no", "yes", "false", "true", "off", "on" };
    for (uint32_t i = 0; i < 6; i++)
        if (!strcasecmp(text, words[i])) {
            *out = i & 1;
            return true;
        }
    return false;
}

bool conf_parse_size(const char *text, uint64_t *out)
{
    static const char units[] = "kmgt";
    if (!digits(&text, out))
        return false;
    if (!*text)
        return true;
    const char *u = strchr(units, tolower((unsigned char)*text));
    if (!u || text[1])
        return false;
    unsigned shift = 10u * (unsigned)(u - units + 1);
    if (*out > UINT64_MAX >> shift)
        return false;
    *out <<= shift;
    return true;
}

/* "200ms", "1h30m"; a bare number only when it is 0: 30 of what? */
int32_t conf_parse_msec(const char *text, uint64_t *out)
{
    static const struct { const char *unit; uint64_t ms; } units[] = {
        { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 },
        { "w", 604800000 },
    };
    uint64_t sum = 0;
    *out = 0;
    if (!text || !*text)
        return ADIT_EINVAL;
    if (!strcmp(text, "0"))
        return 0;
    while (*text) {
        uint64_t n;
        size_t i, len = 0;
        if (!digits(&text, &n))
            return ADIT_EINVAL;
        while (isalpha((unsigned char)text[len]))
            len++;
        for (i = 0; i < sizeof units / sizeof units[0]; i++)
            if (strlen(units[i].unit) == len && !strncmp(text, units[i].unit, len))
                break;
        if (i == sizeof units / sizeof units[0] || n > (UINT64_MAX - sum) / units[i].ms)
            return ADIT_EINVAL;
        sum += n * units[i].ms;
        text += len;
    }
    *out = sum;
    return 0;
}

int32_t conf_parse_addr(const char *text, struct adit_addr *out)
{
    if (!text || strchr(text, '/')) {
        memset(out, 0, sizeof *out);
        return ADIT_EINVAL;
    }
    return addr_parse(text, out);
}

static void mask(const struct adit_addr *a, uint8_t lowest, struct adit_addr *out)
{
    *out = *a;
    for (unsigned i = a->prefix; i < (a->family == ADIT_AF_IPV4 ? 32u : 128u); i++) {
        uint8_t bit = (uint8_t)(0x80u >> (i % 8));
        if (lowest)
            out->ip[i / 8] = (uint8_t)(out->ip[i / 8] & ~bit);
        else
            out->ip[i / 8] |= bit;
    }
}

/* A network; bits of a host in it are more likely a slip than a wish. */
int32_t conf_parse_prefix(const char *text, struct adit_addr *out)
{
    struct adit_addr a, net;
    memset(out, 0, sizeof *out);
    if (addr_parse(text, &a) < 0 || a.family == ADIT_AF_NONE || a.port)
        return ADIT_EINVAL;
    mask(&a, 1, &net);
    if (memcmp(net.ip, a.ip, sizeof a.ip) != 0)
        return ADIT_EINVAL;
    *out = a;
    return 0;
}

int32_t conf_parse_range(const char *text, struct adit_range *out)
{
    struct adit_addr first, last;
    char left[ADDR_TEXT];
    memset(out, 0, sizeof *out);
    const char *dash = text ? strchr(text, '-') : NULL;
    if (!text)
        return ADIT_EINVAL;
    if (!dash) {
        if (conf_parse_prefix(text, &first) < 0)
            return ADIT_EINVAL;
        mask(&first, 0, &last);
        if (first.family == ADIT_AF_IPV4 && first.prefix < 31) {
            /* network and broadcast address are nobody's */
            first.ip[3]++;
            last.ip[3]--;
        }
    } else {
        size_t n = (size_t)(dash - text);
        while (n && text[n - 1] == ' ')
            n--;
        if (n >= sizeof left)
            return ADIT_EINVAL;
        memcpy(left, text, n);
        left[n] = '\0';
        for (dash++; *dash == ' '; dash++)
            ;
        if (conf_parse_addr(left, &first) < 0 || conf_parse_addr(dash, &last) < 0 ||
            first.family == ADIT_AF_NONE || first.family != last.family || first.port || last.port ||
            first.zone != last.zone || memcmp(first.ip, last.ip, sizeof first.ip) > 0)
            return ADIT_EINVAL;
        first.prefix = last.prefix = first.family == ADIT_AF_IPV4 ? 32 : 128;
    }
    out->first = first;
    out->last = last;
    return 0;
}

/* ---- did you mean ---------------------------------------------------------------------- */

#define WORD_MAX_LEN 48

/* Edits from a to b: insert, remove, replace, swap neighbours. */
static unsigned edits(const char *a, const char *b)
{
    unsigned row[3][WORD_MAX_LEN + 1];
    size_t n = strlen(a), m = strlen(b);
    if (n > WORD_MAX_LEN || m > WORD_MAX_LEN)
        return 1000;
    for (size_t j = 0; j <= m; j++)
        row[0][j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++) {
        unsigned *now = row[i % 3], *before = row[(i - 1) % 3], *older = row[(i + 1) % 3];
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            int same = tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);
            unsigned best = before[j - 1] + !same;
            if (before[j] + 1 < best)
                best = before[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                older[j - 2] + 1 < best)
                best = older[j - 2] + 1;
            now[j] = best;
        }
    }
    return row[n % 3][m];
}

const char *conf_nearest(const char *word, const char *const *known)
{
    const char *best = NULL;
    unsigned least = 1000;
    size_t n = word ? strlen(word) : 0;
    if (!n)
        return NULL;
    for (; *known; known++) {
        unsigned e = edits(word, *known);
        /* "mschap" for "mschapv2": a beginning is as near as a slip */
        size_t k = strlen(*known);
        if (n >= 3 && (!strncasecmp(word, *known, n) || (k >= 3 && !strncasecmp(word, *known, k))))
            e = e < 1 ? e : 1;
        if (e < least) {
            least = e;
            best = *known;
        }
    }
    return least <= (n < 4 ? 1u : n < 8 ? 2u : 3u) ? best : NULL;
}

/* ---- writing ----------------------------------------------------------------------------- */

static void quote_put(char *out, size_t size, size_t *at, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++, (*at)++)
        if (*at < size)
            out[*at] = s[i];
}

size_t conf_quote(const char *in, char *out, size_t size)
{
    size_t at = 0;
    char esc[12];
    quote_put(out, size, &at, "\"", 1);
    for (size_t i = 0, left = strlen(in); left;) {
        const uint8_t *s = (const uint8_t *)in + i;
        size_t len = s[0] < 0x80 ? 1 : (s[0] & 0xe0) == 0xc0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 :
                     (s[0] & 0xf8) == 0xf0 ? 4 : 0;
        uint32_t c = len == 1 ? s[0] : len ? s[0] & (0x7fu >> len) : 0;
        for (size_t k = 1; k < len && k < left; k++) {
            if ((s[k] & 0xc0) != 0x80)
                len = 0;
            c = c << 6 | (s[k] & 0x3fu);
        }
        if (!len || len > left || (len == 2 && c < 0x80) || (len == 3 && c < 0x800) ||
            (len == 4 && (c < 0x10000 || c > 0x10ffff)) || (c >= 0xd800 && c < 0xe000)) {
            if (size)
                out[0] = '\0';
            return 0;                   /* YAML has no way to write it */
        }
        if (c == '"' || c == '\\') {
            esc[0] = '\\';
            esc[1] = (char)c;
            quote_put(out, size, &at, esc, 2);
        } else if (c == '\n') {
            quote_put(out, size, &at, "\\n", 2);
        } else if (c == '\t') {
            quote_put(out, size, &at, "\\t", 2);
        } else if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 || c == 0xfeff) {
            int k = snprintf(esc, sizeof esc, c < 0x100 ? "\\x%02x" : "\\u%04x", c);
            quote_put(out, size, &at, esc, (size_t)k);
        } else {
            quote_put(out, size, &at, in + i, len);
        }
        i += len;
        left -= len;
    }
    quote_put(out, size, &at, "\"", 1);
    if (at >= size) {
        if (size)
            out[0] = '\0';
    } else {
        out[at] = '\0';
    }
    return at;
}
