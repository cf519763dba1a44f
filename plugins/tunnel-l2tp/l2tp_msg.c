/* l2tp_msg.c - control messages of L2TP (RFC 2661 sections 4 and 6).
 *
 * Knows:  the AVPs, their sizes and flags, hiding, which ones a message must have.
 * Leaves: the header and its numbers to l2tp_rel, what a message means to
 *         l2tp_tunnel and l2tp_call.
 */
#include "l2tp_msg.h"

#include <stdarg.h>
#include <stdio.h>

#define AVP_MANDATORY 0x8000u
#define AVP_HIDDEN    0x4000u
#define AVP_RESERVED  0x3c00u
#define AVP_LENGTH    0x03ffu
#define AVP_HDR       6u
#define MD5_LEN       16u

enum kind { U16, U32, U64, BYTES, RESULT, FLAG };
enum { AF_M = 1, AF_H = 2, AF_S = 4 };

struct avp {
    const char *name;           /* NULL: unknown */
    uint16_t min, max, at;
    uint8_t kind, flags;
};

static const struct avp avps[] = {
#define L2TP_X(code, NAME, text, kind, min, max, flags, member) \
    [code] = { text, min, max, offsetof(struct l2tp_msg, member), kind, flags },
    L2TP_AVP_MAP(L2TP_X)
#undef L2TP_X
};
#define AVP_COUNT (sizeof avps / sizeof avps[0])

static const struct {
    const char *name;
    uint64_t required;
    bool session;
} msgs[] = {
#define L2TP_X(number, NAME, session, required) [number] = { #NAME, required, session },
    L2TP_MSG_MAP(L2TP_X)
#undef L2TP_X
};
#define MSG_COUNT (sizeof msgs / sizeof msgs[0])

bool l2tp_msg_known(uint16_t type)
{
    return type < MSG_COUNT && msgs[type].name;
}

const char *l2tp_msg_name(uint16_t type)
{
    return l2tp_msg_known(type) ? msgs[type].name : "?";
}

bool l2tp_msg_of_session(uint16_t type)
{
    return l2tp_msg_known(type) && msgs[type].session;
}

static const struct avp *avp_of(uint16_t vendor, uint16_t code)
{
    return vendor == 0 && code < AVP_COUNT && avps[code].name ? &avps[code] : NULL;
}

const char *l2tp_avp_name(uint16_t code)
{
    const struct avp *a = avp_of(0, code);
    return a ? a->name : "?";
}

/* Section 4.3: b1 = MD5(attribute | secret | vector), b(i) = MD5(secret | c(i-1));
 * c(i) = p(i) xor b(i). */
bool l2tp_hide_value(const struct l2tp_hide *h, uint16_t code, struct l2tp_bytes vector,
                     uint8_t *p, size_t len, bool cover)
{
    uint8_t number[2] = { (uint8_t)(code >> 8), (uint8_t)code };
    uint8_t pad[MD5_LEN], last[MD5_LEN];
    const struct adit_chunk first[] = { { number, 2 }, { h->secret, h->secret_len },
                                        { vector.p, vector.len } };
    const struct adit_chunk next[] = { { h->secret, h->secret_len }, { last, MD5_LEN } };
    bool ok = true;
    struct wr w = wr_of(p, len);
    for (size_t left = len; left > 0;) {
        size_t n = left < MD5_LEN ? left : MD5_LEN;
        uint8_t *b = wr_room(&w, n);
        ok = (left == len ? h->crypto->digest(ADIT_MD5, first, 3, pad)
                          : h->crypto->digest(ADIT_MD5, next, 2, pad)) == 0;
        if (!ok || !b)
            break;
        if (!cover)
            memcpy(last, b, n);             /* the cipher text of this block keys the next */
        for (size_t i = 0; i < n; i++)
            b[i] ^= pad[i];
        if (cover)
            memcpy(last, b, n);
        left -= n;
    }
    bytes_wipe(pad, sizeof pad);
    return ok;
}

static void *member(struct l2tp_msg *m, const struct avp *a)
{
    return (char *)m + a->at;
}

static const void *member_of(const struct l2tp_msg *m, const struct avp *a)
{
    return (const char *)m + a->at;
}

/* macOS and iOS send the numbers of the Result Code in the wrong byte order
 * (row M1): the result, a small number, is in the high byte. */
static bool is_swapped(uint16_t result)
{
    return result > 0xff && (result & 0xff) == 0;
}

static uint16_t swapped(uint16_t v)
{
    return (uint16_t)(v >> 8 | v << 8);
}

static void read_value(struct l2tp_msg *m, const struct avp *a, struct rd *v)
{
    void *to = member(m, a);
    switch (a->kind) {
    case U16:
        *(uint16_t *)to = rd_u16(v);
        break;
    case U32:
        *(uint32_t *)to = rd_u32(v);
        break;
    case U64:
        *(uint64_t *)to = rd_u64(v);
        break;
    case FLAG:
        *(uint8_t *)to = 1;
        break;
    case BYTES: {
        struct l2tp_bytes *b = to;
        size_t len = rd_left(v) < a->max ? rd_left(v) : a->max;
        b->len = (uint16_t)len;
        b->p = rd_bytes(v, len);
        break;
    }
    case RESULT: {
        /* The error code and the text may be missing: mtpd sends 2 bytes (row A6). */
        struct l2tp_result *r = to;
        size_t len;
        r->code = rd_u16(v);
        r->error = rd_left(v) >= 2 ? rd_u16(v) : 0;
        if (is_swapped(r->code)) {
            r->code = swapped(r->code);
            r->error = swapped(r->error);
        }
        r->text.p = rd_rest(v, &len);
        r->text.len = (uint16_t)len;
        break;
    }
    }
}

static void fault(struct l2tp_fault *f, uint16_t error, uint16_t avp, const char *what)
{
    if (f->error)
        return;                 /* the first one is told */
    f->error = error;
    f->avp = avp;
    f->what = what;
}

/* Uncovers a hidden value; what it then says of its length is checked by the
 * reader that is returned. */
static struct rd uncover(const struct l2tp_hide *hide, const struct l2tp_msg *m, uint16_t code,
                         uint8_t *p, size_t len)
{
    struct rd none = { NULL, NULL, true };
    if (!hide || !hide->secret_len || !m->random_vector.len || len < 2 ||
        !l2tp_hide_value(hide, code, m->random_vector, p, len, false))
        return none;
    struct rd r = rd_of(p, len);
    uint16_t n = rd_u16(&r);
    return rd_sub(&r, n);
}

bool l2tp_msg_parse(struct l2tp_msg *m, void *body, size_t len, const struct l2tp_hide *hide,
                    struct l2tp_fault *f)
{
    struct rd r = rd_of(body, len);
    *m = (struct l2tp_msg){ .has = 0 };
    *f = (struct l2tp_fault){ 0, 0, NULL };
    while (rd_left(&r) > 0) {
        uint16_t flags = rd_u16(&r);
        uint16_t vendor = rd_u16(&r);
        uint16_t code = rd_u16(&r);
        uint16_t size = flags & AVP_LENGTH;
        bool mandatory = flags & AVP_MANDATORY;
        struct rd v = rd_sub(&r, size < AVP_HDR ? SIZE_MAX : (size_t)size - AVP_HDR);
        if (!rd_ok(&v)) {
            fault(f, L2TP_ERR_LENGTH, code, "an AVP's length does not fit the message");
            break;
        }
        if (!m->has && (vendor || code != L2TP_AVP_TYPE || (flags & AVP_HIDDEN))) {
            fault(f, L2TP_ERR_RANGE, code, "the first AVP is not the Message Type");
            break;
        }
        const struct avp *a = flags & AVP_RESERVED ? NULL : avp_of(vendor, code);
        if (!a) {               /* section 4.1: reserved bits make it unknown, too */
            if (mandatory)
                fault(f, L2TP_ERR_MANDATORY, code, "an unknown AVP is mandatory");
            m->ignored++;
            continue;
        }
        if (flags & AVP_HIDDEN) {
            size_t n;
            uint8_t *p = (uint8_t *)(uintptr_t)rd_rest(&v, &n);     /* in body, which is ours */
            v = a->flags & AF_H ? uncover(hide, m, code, p, n) : (struct rd){ NULL, NULL, true };
            if (!rd_ok(&v)) {
                if (mandatory)
                    fault(f, L2TP_ERR_MANDATORY, code, "a hidden AVP cannot be read");
                m->ignored++;
                continue;
            }
        }
        if (rd_left(&v) < a->min) {
            if (mandatory)
                fault(f, L2TP_ERR_LENGTH, code, "an AVP is too short");
            m->ignored++;
            if (!m->has)
                break;          /* a Message Type without a value */
            continue;
        }
        uint64_t bit = 1ull << code;
        if ((m->has & bit) && code != L2TP_AVP_RANDOM_VECTOR)
            continue;           /* the first one counts; each Random Vector replaces the last */
        read_value(m, a, &v);
        m->has |= bit;
        if (code == L2TP_AVP_TYPE && !l2tp_msg_known(m->type)) {
            fault(f, mandatory ? L2TP_ERR_MANDATORY : L2TP_ERR_NONE, code,
                  "the message type is unknown");
            break;
        }
    }
    if (!m->has)
        fault(f, L2TP_ERR_LENGTH, L2TP_AVP_TYPE, "there is no Message Type");
    if (l2tp_msg_known(m->type)) {
        uint64_t missing = msgs[m->type].required & ~m->has;
        if (missing)
            fault(f, L2TP_ERR_RANGE, (uint16_t)__builtin_ctzll(missing), "an AVP is missing");
    }
    return f->error == L2TP_ERR_NONE;
}

struct l2tp_bytes l2tp_msg_host(const void *body, size_t len)
{
    struct rd r = rd_of(body, len);
    while (rd_left(&r) > 0) {
        uint16_t flags = rd_u16(&r);
        uint16_t vendor = rd_u16(&r);
        uint16_t code = rd_u16(&r);
        uint16_t size = flags & AVP_LENGTH;
        struct rd v = rd_sub(&r, size < AVP_HDR ? SIZE_MAX : (size_t)size - AVP_HDR);
        if (!rd_ok(&v))
            break;
        if (vendor == 0 && code == L2TP_AVP_HOST_NAME && !(flags & (AVP_HIDDEN | AVP_RESERVED))) {
            size_t n;
            const uint8_t *p = rd_rest(&v, &n);
            return (struct l2tp_bytes){ p, (uint16_t)n };
        }
    }
    return (struct l2tp_bytes){ NULL, 0 };
}

static void write_value(struct wr *w, const struct l2tp_msg *m, const struct avp *a)
{
    const void *from = member_of(m, a);
    switch (a->kind) {
    case U16:
        wr_u16(w, *(const uint16_t *)from);
        break;
    case U32:
        wr_u32(w, *(const uint32_t *)from);
        break;
    case U64:
        wr_u64(w, *(const uint64_t *)from);
        break;
    case FLAG:
        break;
    case BYTES: {
        const struct l2tp_bytes *b = from;
        wr_bytes(w, b->p, b->len);
        break;
    }
    case RESULT: {
        const struct l2tp_result *r = from;
        wr_u16(w, r->code);
        if (r->error || r->text.len)
            wr_u16(w, r->error);
        wr_bytes(w, r->text.p, r->text.len);
        break;
    }
    }
}

static void write_avp(struct wr *w, const struct l2tp_msg *m, uint16_t code)
{
    const struct avp *a = &avps[code];
    uint8_t *start = w->p;
    wr_u16(w, 0);
    wr_u16(w, 0);
    wr_u16(w, code);
    write_value(w, m, a);
    size_t size = (size_t)(w->p - start);
    if (size > AVP_LENGTH)
        w->bad = true;
    if (!wr_ok(w))
        return;
    struct wr head = wr_of(start, 2);
    wr_u16(&head, (uint16_t)((a->flags & AF_M ? AVP_MANDATORY : 0u) | size));
}

/* Hidden: original length, value, and random padding to blur the length. */
static void write_hidden(struct wr *w, const struct l2tp_msg *m, uint16_t code,
                         const struct l2tp_hide *hide, struct l2tp_bytes vector)
{
    const struct avp *a = &avps[code];
    uint8_t *start = w->p;
    uint8_t pad[16];
    wr_u16(w, 0);
    wr_u16(w, 0);
    wr_u16(w, code);
    uint8_t *covered = w->p;
    struct wr_mark len = wr_open16(w, 2);
    write_value(w, m, a);
    wr_close16(w, len);
    hide->crypto->random(pad, sizeof pad);
    wr_bytes(w, pad, (size_t)(pad[15] & 15u));
    size_t size = (size_t)(w->p - start);
    if (size > AVP_LENGTH)
        w->bad = true;
    if (!wr_ok(w))
        return;
    struct wr head = wr_of(start, 2);
    wr_u16(&head,
           (uint16_t)((a->flags & AF_M ? AVP_MANDATORY : 0u) | AVP_HIDDEN | size));
    if (!l2tp_hide_value(hide, code, vector, covered, (size_t)(w->p - covered), true))
        w->bad = true;
}

size_t l2tp_msg_build(const struct l2tp_msg *m, void *out, size_t max,
                      const struct l2tp_hide *hide)
{
    struct wr w = wr_of(out, max);
    struct l2tp_msg v = { .has = 0 };
    uint8_t vector[16];
    bool cover = hide && hide->hide && hide->secret_len;
    write_avp(&w, m, L2TP_AVP_TYPE);
    for (uint16_t code = 1; code < AVP_COUNT; code++) {
        if (!(m->has & 1ull << code) || !avps[code].name)
            continue;
        if (!cover || !(avps[code].flags & AF_H)) {
            write_avp(&w, m, code);
            continue;
        }
        if (!v.random_vector.len) {         /* one, before the first hidden AVP */
            hide->crypto->random(vector, sizeof vector);
            v.random_vector = (struct l2tp_bytes){ vector, sizeof vector };
            write_avp(&w, &v, L2TP_AVP_RANDOM_VECTOR);
        }
        write_hidden(&w, m, code, hide, v.random_vector);
    }
    return wr_ok(&w) ? wr_len(&w) : 0;
}

void l2tp_text(char *out, size_t size, struct l2tp_bytes b)
{
    struct rd r = rd_of(b.p, b.len);
    size_t n = 0;
    while (n + 1 < size && rd_left(&r) > 0) {
        uint8_t c = rd_u8(&r);
        out[n++] = c >= 0x20 && c < 0x7f && c != '"' && c != '\\' ? (char)c : '?';
    }
    if (size)
        out[n] = '\0';
}

struct line {
    char *at;
    size_t left, len;
};

static void say(struct line *l, const char *fmt, ...) ADIT_PRINTF(2, 3);
static void say(struct line *l, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(l->at, l->left, fmt, ap);
    va_end(ap);
    if (n < 0 || l->left == 0)
        return;
    size_t wrote = (size_t)n < l->left ? (size_t)n : l->left - 1;
    l->at += wrote;
    l->left -= wrote;
    l->len += wrote;
}

static void say_bytes(struct line *l, const struct avp *a, const struct l2tp_bytes *b)
{
    char text[L2TP_TEXT];
    bool plain = b->len > 0;
    for (uint16_t i = 0; i < b->len; i++)
        plain = plain && b->p[i] >= 0x20 && b->p[i] < 0x7f;
    if (a->flags & AF_S || !plain) {
        say(l, " %u bytes", b->len);
        return;
    }
    l2tp_text(text, sizeof text, *b);
    say(l, " \"%s\"", text);
}

size_t l2tp_msg_print(const struct l2tp_msg *m, char *out, size_t size)
{
    struct line l = { out, size, 0 };
    say(&l, "%s", l2tp_msg_name(m->type));
    for (uint16_t code = 1; code < AVP_COUNT; code++) {
        const struct avp *a = &avps[code];
        if (!(m->has & 1ull << code) || !a->name)
            continue;
        const void *from = member_of(m, a);
        say(&l, " <%s", a->name);
        switch (a->kind) {
        case U16:
            say(&l, " %u", *(const uint16_t *)from);
            break;
        case U32:
            say(&l, " %u", *(const uint32_t *)from);
            break;
        case U64:
            say(&l, " %016llx", (unsigned long long)*(const uint64_t *)from);
            break;
        case FLAG:
            break;
        case BYTES:
            say_bytes(&l, a, from);
            break;
        case RESULT: {
            const struct l2tp_result *r = from;
            say(&l, " %u/%u", r->code, r->error);
            if (r->text.len)
                say_bytes(&l, a, &r->text);
            break;
        }
        }
        say(&l, ">");
    }
    return l.len;
}
