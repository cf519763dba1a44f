/* log.c - declared events, and where they go.
 *
 * Knows:  the ring, the taps, how values become text that cannot be forged, the
 *         allowance of noisy events, which levels are wanted.
 * Leaves: the sinks' own formats to log_sink.c.
 *
 * Main loop only, as the host's log table says.
 */
#include "log/log_int.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/addr.h"

#define RING_SIZE  4096u        /* a power of two */
#define TAP_MAX    16u
#define VALUE_MAX  256u         /* bytes of one value that a line shows */
#define ALLOW_SIZE 1024u        /* declared events that may be limited; a power of two */

ADIT_EVENT(ev_failed, "log.failed", ADIT_LOG_ERROR,
           "Something could not be done; the text says what and why.", "code text");
ADIT_EVENT(ev_debug, "log.debug", ADIT_LOG_DEBUG, "A text for developers.", "text");
ADIT_EVENT(ev_suppressed, "log.suppressed", ADIT_LOG_NOTICE,
           "An event was not logged as often as it happened.", "event times");

static uint32_t wanted = ADIT_LOG_INFO;
static struct log_entry *ring;          /* RING_SIZE of them, once the first is written */
static uint64_t ring_seq;               /* of the newest; 0: none */

static struct tap {
    void (*fn)(void *u, const char *source, const struct adit_event *ev, const struct adit_kv *kv,
               uint32_t n, uint64_t wall_ms);
    void *u;
} taps[TAP_MAX];
static uint32_t tapping;                /* taps are running: what they cause is not tapped */

/* ---- text that cannot be forged ------------------------------------------------------ */

/* The length of the UTF-8 character at s (at most n bytes), its code in *c; 0:
 * not UTF-8. Overlong forms, surrogates and codes above 10FFFF are not. */
static size_t utf8_at(const uint8_t *s, size_t n, uint32_t *c)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    size_t len = s[0] < 0x80 ? 1 : (s[0] & 0xe0) == 0xc0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 :
                 (s[0] & 0xf8) == 0xf0 ? 4 : 0;
    if (!len || len > n)
        return 0;
    *c = len == 1 ? s[0] : s[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        *c = *c << 6 | (s[i] & 0x3fu);
    }
    return *c < least[len] || *c > 0x10ffff || (*c >= 0xd800 && *c < 0xe000) ? 0 : len;
}

/* Characters that change how a terminal or a log viewer shows the line:
 * controls of ISO 6429, line separators, direction marks and overrides. */
static bool utf8_hostile(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
           (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe007f);
}

static bool text_bare(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] <= ' ' || (unsigned char)s[i] >= 0x7f || strchr("\"'\\=`", s[i]))
            return false;
    return n != 0;
}

void log_escape(struct log_text *t, const char *s, size_t n, size_t left, bool quotes)
{
    char piece[16];
    for (size_t i = 0; i < n;) {
        uint32_t c;
        size_t len = utf8_at((const uint8_t *)s + i, n - i, &c);
        if (!len) {
            snprintf(piece, sizeof piece, "\\x%02x", (unsigned char)s[i]);
            len = 1;
        } else if (quotes && (c == '"' || c == '\\')) {
            snprintf(piece, sizeof piece, "\\%c", (int)c);
        } else if (c == '\n' || c == '\r' || c == '\t') {
            snprintf(piece, sizeof piece, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
        } else if (utf8_hostile(c)) {
            snprintf(piece, sizeof piece, c < 0x100 ? "\\x%02x" : "\\u{%x}", c);
        } else {
            memcpy(piece, s + i, len);
            piece[len] = '\0';
        }
        size_t k = strlen(piece);
        if (k > left) {
            log_put(t, "...", 3);
            return;
        }
        log_put(t, piece, k);
        left -= k;
        i += len;
    }
}

void log_put(struct log_text *t, const char *s, size_t n)
{
    if (n > t->size - t->len) {         /* whole pieces only: no half escape, no half character */
        t->full = true;
        return;
    }
    if (t->full)
        return;
    memcpy(t->out + t->len, s, n);
    t->len += n;
}

static void put_value(struct log_text *t, const struct adit_value *v)
{
    char s[ADDR_TEXT > 32 ? ADDR_TEXT : 32];
    const char *p = v->v.p ? v->v.p : "";
    size_t n = v->v.p ? v->len : 0;
    switch (v->type) {
    case ADIT_TYPE_U64:
        log_put(t, s, (size_t)snprintf(s, sizeof s, "%llu", (unsigned long long)v->v.u));
        break;
    case ADIT_TYPE_I64:
        log_put(t, s, (size_t)snprintf(s, sizeof s, "%lld", (long long)v->v.i));
        break;
    case ADIT_TYPE_BOOL:
        log_put(t, v->v.u ? "yes" : "no", v->v.u ? 3 : 2);
        break;
    case ADIT_TYPE_ADDR:
        addr_text(&v->v.addr, s);
        log_put(t, s, strlen(s));
        break;
    case ADIT_TYPE_BYTES:
        for (size_t i = 0; i < n && i < VALUE_MAX / 2; i++)
            log_put(t, s, (size_t)snprintf(s, sizeof s, "%02x", ((const uint8_t *)p)[i]));
        if (n > VALUE_MAX / 2)
            log_put(t, "...", 3);
        break;
    case ADIT_TYPE_STR:
        if (text_bare(p, n) && n <= VALUE_MAX) {
            log_put(t, p, n);
            break;
        }
        if (t->full || t->size - t->len < 2) {
            t->full = true;
            break;
        }
        /* the closing quote always has its place */
        t->out[t->len++] = '"';
        t->size--;
        log_escape(t, p, n, VALUE_MAX, true);
        t->size++;
        t->out[t->len++] = '"';
        break;
    default:
        log_put(t, "?", 1);
    }
}

void log_pairs(struct log_text *t, const struct adit_kv *kv, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (!kv[i].key)
            continue;
        if (t->len)
            log_put(t, " ", 1);
        log_put(t, kv[i].key, strlen(kv[i].key));
        log_put(t, "=", 1);
        put_value(t, &kv[i].value);
    }
}

struct log_text log_text_of(char *out, size_t size)
{
    /* room for the mark that something is missing, and the NUL */
    return (struct log_text){ out, size > 4 ? size - 4 : 0, 0, false };
}

size_t log_text_end(struct log_text *t, size_t size)
{
    if (t->full && size > 4) {
        memcpy(t->out + t->len, "...", 3);
        t->len += 3;
    }
    if (size)
        t->out[t->len] = '\0';
    return t->len;
}

size_t log_format(const struct adit_event *ev, const struct adit_kv *kv, uint32_t n,
                  char *out, size_t size)
{
    struct log_text t = log_text_of(out, size);
    log_put(&t, ev->name, strlen(ev->name));
    log_pairs(&t, kv, n);
    return log_text_end(&t, size);
}

/* ---- events ----------------------------------------------------------------------------- */

void log_level(uint32_t level)
{
    wanted = level;
}

static uint64_t wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

static void copy_plain(char *out, size_t size, const char *s)
{
    size_t i = 0;
    for (; s && s[i] && i + 1 < size; i++)      /* our own words; but a name may come from a file */
        out[i] = isgraph((unsigned char)s[i]) ? s[i] : '_';
    out[i] = '\0';
}

static void ring_add(const struct log_record *r)
{
    if (!ring && !(ring = calloc(RING_SIZE, sizeof *ring)))
        return;
    struct log_entry *e = &ring[ring_seq & (RING_SIZE - 1)];
    e->seq = ++ring_seq;
    e->wall_ms = r->wall_ms;
    e->level = r->level;
    memcpy(e->source, r->source, sizeof e->source);
    copy_plain(e->name, sizeof e->name, r->name);
    struct log_text t = log_text_of(e->line, sizeof e->line);
    log_pairs(&t, r->kv, r->n);
    log_text_end(&t, sizeof e->line);
}

void log_event(const char *source, const struct adit_event *ev, const struct adit_kv *kv, uint32_t n)
{
    struct log_record r = { .wall_ms = wall_ms(), .level = ev->level, .name = ev->name,
                            .kv = kv, .n = n };
    if (n == 0)
        r.kv = NULL;
    copy_plain(r.source, sizeof r.source, source ? source : "adit");
    if (ev == &ev_failed && n == 2)
        r.sentence = kv[1].value.v.p;
    else if (ev == &ev_debug && n == 1)
        r.sentence = kv[0].value.v.p;
    if (ev->level <= wanted) {
        ring_add(&r);
        log_sink(&r);
    }
    if (tapping || ev == &ev_debug)
        return;
    tapping++;
    for (uint32_t i = 0; i < TAP_MAX; i++)
        if (taps[i].fn)
            taps[i].fn(taps[i].u, r.source, ev, r.kv, n, r.wall_ms);
    tapping--;
}

const char *log_code_name(int32_t code)
{
    switch (code) {
#define ADIT_X(name, number, text) case number: return #name;
        ADIT_ERROR_MAP(ADIT_X)
#undef ADIT_X
    default: return "0";
    }
}

int32_t log_fail(const char *source, int32_t code, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    LOG_EVENT(source, &ev_failed, ADIT_KV_S("code", log_code_name(code)), ADIT_KV_S("text", text));
    return code;
}

void log_debug(const char *source, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    if (wanted < ADIT_LOG_DEBUG)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    LOG_EVENT(source, &ev_debug, ADIT_KV_S("text", text));
}

/* ---- the ring and the taps ----------------------------------------------------------------- */

uint32_t log_ring(uint64_t after, struct log_entry *out, uint32_t max)
{
    uint32_t n = 0;
    uint64_t oldest = ring_seq > RING_SIZE ? ring_seq - RING_SIZE : 0;
    if (!ring)
        return 0;
    for (uint64_t seq = after > oldest ? after : oldest; seq < ring_seq && n < max; seq++)
        out[n++] = ring[seq & (RING_SIZE - 1)];
    return n;
}

int log_tap(void (*tap)(void *u, const char *source, const struct adit_event *ev,
                        const struct adit_kv *kv, uint32_t n, uint64_t wall_ms), void *u)
{
    for (uint32_t i = 0; i < TAP_MAX; i++)
        if (!taps[i].fn) {
            taps[i] = (struct tap){ tap, u };
            return 0;
        }
    return ADIT_ENOSPC;
}

void log_untap(void *u)
{
    for (uint32_t i = 0; i < TAP_MAX; i++)
        if (taps[i].fn && taps[i].u == u)
            taps[i] = (struct tap){ NULL, NULL };
}

/* ---- the allowance ---------------------------------------------------------------------------- */

static struct allow {
    const struct adit_event *ev;
    uint64_t since_ms;
    uint32_t given, refused;
} allows[ALLOW_SIZE];

static uint64_t mono_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

/* Events are static objects, so their addresses are the keys. Should there be
 * more than fit, the rest share one allowance. */
static struct allow *allow_of(const struct adit_event *ev)
{
    uint32_t at = (uint32_t)((uintptr_t)ev >> 3) * 2654435761u >> 8;
    for (uint32_t i = 0; i < 32; i++) {
        struct allow *a = &allows[(at + i) & (ALLOW_SIZE - 1)];
        if (!a->ev)
            a->ev = ev;
        if (a->ev == ev)
            return a;
    }
    return &allows[at & (ALLOW_SIZE - 1)];
}

uint32_t log_allow_at(const struct adit_event *ev, uint32_t per_minute, uint64_t now_ms)
{
    struct allow *a = allow_of(ev);
    if (!a->since_ms || now_ms - a->since_ms >= 60000) {
        uint32_t refused = a->refused;
        *a = (struct allow){ a->ev, now_ms ? now_ms : 1, 0, 0 };
        if (refused)
            LOG_EVENT("log", &ev_suppressed, ADIT_KV_S("event", a->ev->name),
                      ADIT_KV_U("times", refused));
    }
    if (a->given < per_minute) {
        a->given++;
        return 1;
    }
    a->refused++;
    return 0;
}

uint32_t log_allow(const struct adit_event *ev, uint32_t per_minute)
{
    return log_allow_at(ev, per_minute, mono_ms());
}
