/* fuzz_filter.c - rules as a RADIUS server sends them, one a line, and behind an empty
 * line a packet: what is read is written and read again the same; a packet is judged
 * without a look behind its end, and by both readings alike.
 */
#include <stdlib.h>
#include <string.h>
#include "datapath/dp_filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { MOST = 64 };

static void must(bool ok)
{
    if (!ok)
        abort();
}

static bool has(const void *u, const uint8_t *ip, unsigned version)
{
    (void)u;
    return version == 4 ? ip[0] == 10 : ip[0] == 0xfd;
}

/* The rules of a filter as text, read again. */
static struct dp_filter *again(const struct dp_filter *f, const char *dir, bool out)
{
    static char text[MOST][DP_FILTER_TEXT];
    const char *line[MOST];
    struct dp_filter *r[2];
    char why[256];
    uint32_t n = dp_filter_count(f);
    for (uint32_t i = 0; i < n; i++) {
        line[i] = dp_filter_rule(f, i, dir, text[i]);
        if (strlen(line[i]) >= DP_FILTER_TEXT - 4)
            return NULL;        /* it was cut */
    }
    must(dp_filter_read(line, n, &r[0], &r[1], why, sizeof why) == 0);
    dp_filter_unref(r[!out]);
    must(r[out] != NULL && dp_filter_same(f, r[out]));
    return r[out];
}

static void judge(struct dp_filter *f, struct dp_filter *same, const uint8_t *p, size_t len)
{
    static const struct dp_who who = { has, NULL };
    struct dp_hdr h;
    struct dp_look l;
    if (!dp_parse(p, len, &h))
        return;
    if (!dp_look(p, &h, &l)) {
        dp_filter_unreadable(f);
        return;
    }
    must(l.l4 <= l.len && l.len <= len);
    bool pass = dp_filter_pass(f, &l, &who);
    must(!same || dp_filter_pass(same, &l, &who) == pass);
    must(dp_filter_last(f) <= dp_filter_count(f));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *text = malloc(len + 1), *at = text;
    const char *line[MOST];
    struct dp_filter *f[2];
    char why[256];
    uint32_t n = 0;
    if (!text)
        return 0;
    memcpy(text, data, len);
    text[len] = '\0';
    while (n < MOST && *at && *at != '\n') {
        char *end = strchr(at, '\n');
        line[n++] = at;
        if (!end) {
            at += strlen(at);
            break;
        }
        *end = '\0';
        at = end + 1;
    }
    size_t left = len - (size_t)(at - text);
    const uint8_t *packet = (const uint8_t *)at + (left ? 1 : 0);
    left -= left ? 1 : 0;
    if (dp_filter_read(line, n, &f[0], &f[1], why, sizeof why) == 0) {
        for (int k = 0; k < 2; k++) {
            struct dp_filter *same = f[k] ? again(f[k], k ? "out" : "in", k) : NULL;
            uint8_t *p = malloc(left ? left : 1);
            if (f[k] && p) {
                memcpy(p, packet, left);
                judge(f[k], same, p, left);
            }
            free(p);
            dp_filter_unref(same);
            dp_filter_unref(f[k]);
        }
    }
    free(text);
    return 0;
}
