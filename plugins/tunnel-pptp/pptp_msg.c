/* pptp_msg.c - the control messages of PPTP (RFC 2637 section 2).
 *
 * Knows:  which field stands where, and what its values are called.
 * Leaves: what a message means to the states, the stream to the framer.
 */
#include <adit/bytes.h>
#include <stdarg.h>
#include <stdio.h>
#include "pptp_msg.h"

/* ---- values ---------------------------------------------------------------- */

static const char *const start_words[] = {
    NULL, "ok", "general-error", "channel-exists", "not-authorised", "version", NULL };
static const char *const reason_words[] = { NULL, "none", "protocol", "shutdown", NULL };
static const char *const result_words[] = { NULL, "ok", "general-error", NULL };
static const char *const out_words[] = {
    NULL, "connected", "general-error", "no-carrier", "busy", "no-dial-tone", "time-out",
    "not-accepted", NULL };
static const char *const in_words[] = { NULL, "connect", "general-error", "not-accepted", NULL };
static const char *const cdn_words[] = {
    NULL, "lost-carrier", "general-error", "admin-shutdown", "request", NULL };
static const char *const error_words[] = {
    "none", "not-connected", "bad-format", "bad-value", "no-resource", "bad-call-id",
    "pac-error", NULL };

/* Lists end with a NULL; the NULL at 0 says that there is no value 0. */
static const char *word_of(const char *const *words, uint32_t value)
{
    for (uint32_t i = 0; i == 0 || words[i]; i++)
        if (i == value)
            return words[i];
    return NULL;
}

static const char *word_or(const char *const *words, uint8_t value)
{
    const char *w = word_of(words, value);
    return w ? w : "?";
}

const char *pptp_word_start(uint8_t result) { return word_or(start_words, result); }
const char *pptp_word_out(uint8_t result)   { return word_or(out_words, result); }
const char *pptp_word_cdn(uint8_t result)   { return word_or(cdn_words, result); }
const char *pptp_word_error(uint8_t error)  { return word_or(error_words, error); }

/* ---- the tables: one row is one field of the RFC, in its order ---------------- */

// clang-format off
#define F(s, m)     { #m, offsetof(struct s, m), sizeof(((struct s *)0)->m), PPTP_F_NUMBER, NULL }
#define FW(s, m, w) { #m, offsetof(struct s, m), sizeof(((struct s *)0)->m), PPTP_F_NUMBER, w }
#define FT(s, m)    { #m, offsetof(struct s, m), sizeof(((struct s *)0)->m) - 1, PPTP_F_TEXT, NULL }
#define RESERVED(n) { NULL, 0, n, PPTP_F_RESERVED, NULL }

static const struct pptp_field sccrq[] = {              /* 2.1 */
    F(pptp_sccrq, version), RESERVED(2), F(pptp_sccrq, framing), F(pptp_sccrq, bearer),
    F(pptp_sccrq, max_channels), F(pptp_sccrq, firmware),
    FT(pptp_sccrq, host_name), FT(pptp_sccrq, vendor),
};
static const struct pptp_field sccrp[] = {              /* 2.2 */
    F(pptp_sccrp, version), FW(pptp_sccrp, result, start_words), FW(pptp_sccrp, error, error_words),
    F(pptp_sccrp, framing), F(pptp_sccrp, bearer),
    F(pptp_sccrp, max_channels), F(pptp_sccrp, firmware),
    FT(pptp_sccrp, host_name), FT(pptp_sccrp, vendor),
};
static const struct pptp_field stoprq[] = {             /* 2.3 */
    FW(pptp_stoprq, reason, reason_words), RESERVED(1), RESERVED(2),
};
static const struct pptp_field stoprp[] = {             /* 2.4 */
    FW(pptp_stoprp, result, result_words), FW(pptp_stoprp, error, error_words), RESERVED(2),
};
static const struct pptp_field echorq[] = {             /* 2.5 */
    F(pptp_echorq, identifier),
};
static const struct pptp_field echorp[] = {             /* 2.6 */
    F(pptp_echorp, identifier),
    FW(pptp_echorp, result, result_words), FW(pptp_echorp, error, error_words), RESERVED(2),
};
static const struct pptp_field ocrq[] = {               /* 2.7 */
    F(pptp_ocrq, call_id), F(pptp_ocrq, serial), F(pptp_ocrq, min_bps), F(pptp_ocrq, max_bps),
    F(pptp_ocrq, bearer), F(pptp_ocrq, framing), F(pptp_ocrq, window), F(pptp_ocrq, delay),
    F(pptp_ocrq, phone_len), RESERVED(2), FT(pptp_ocrq, phone), FT(pptp_ocrq, subaddress),
};
static const struct pptp_field ocrp[] = {               /* 2.8 */
    F(pptp_ocrp, call_id), F(pptp_ocrp, peer_call_id),
    FW(pptp_ocrp, result, out_words), FW(pptp_ocrp, error, error_words), F(pptp_ocrp, cause),
    F(pptp_ocrp, speed), F(pptp_ocrp, window), F(pptp_ocrp, delay), F(pptp_ocrp, channel),
};
static const struct pptp_field icrq[] = {               /* 2.9 */
    F(pptp_icrq, call_id), F(pptp_icrq, serial), F(pptp_icrq, bearer), F(pptp_icrq, channel),
    F(pptp_icrq, dialed_len), F(pptp_icrq, dialing_len),
    FT(pptp_icrq, dialed), FT(pptp_icrq, dialing), FT(pptp_icrq, subaddress),
};
static const struct pptp_field icrp[] = {               /* 2.10 */
    F(pptp_icrp, call_id), F(pptp_icrp, peer_call_id),
    FW(pptp_icrp, result, in_words), FW(pptp_icrp, error, error_words),
    F(pptp_icrp, window), F(pptp_icrp, delay), RESERVED(2),
};
static const struct pptp_field iccn[] = {               /* 2.11 */
    F(pptp_iccn, peer_call_id), RESERVED(2), F(pptp_iccn, speed),
    F(pptp_iccn, window), F(pptp_iccn, delay), F(pptp_iccn, framing),
};
static const struct pptp_field ccrq[] = {               /* 2.12 */
    F(pptp_ccrq, call_id), RESERVED(2),
};
static const struct pptp_field cdn[] = {                /* 2.13 */
    F(pptp_cdn, call_id), FW(pptp_cdn, result, cdn_words), FW(pptp_cdn, error, error_words),
    F(pptp_cdn, cause), RESERVED(2), FT(pptp_cdn, statistics),
};
static const struct pptp_field wen[] = {                /* 2.14 */
    F(pptp_wen, peer_call_id), RESERVED(2), F(pptp_wen, crc), F(pptp_wen, framing),
    F(pptp_wen, hardware), F(pptp_wen, buffer), F(pptp_wen, timeouts), F(pptp_wen, alignment),
};
static const struct pptp_field sli[] = {                /* 2.15 */
    F(pptp_sli, peer_call_id), RESERVED(2), F(pptp_sli, send_accm), F(pptp_sli, recv_accm),
};

#define SHAPE(name, octets, rows) { name, #rows, octets, sizeof(rows) / sizeof((rows)[0]), rows }
static const struct pptp_shape shapes[PPTP_TYPES] = {
    [PPTP_SCCRQ]  = SHAPE("Start-Control-Connection-Request", 156, sccrq),
    [PPTP_SCCRP]  = SHAPE("Start-Control-Connection-Reply",   156, sccrp),
    [PPTP_STOPRQ] = SHAPE("Stop-Control-Connection-Request",   16, stoprq),
    [PPTP_STOPRP] = SHAPE("Stop-Control-Connection-Reply",     16, stoprp),
    [PPTP_ECHORQ] = SHAPE("Echo-Request",                      16, echorq),
    [PPTP_ECHORP] = SHAPE("Echo-Reply",                        20, echorp),
    [PPTP_OCRQ]   = SHAPE("Outgoing-Call-Request",            168, ocrq),
    [PPTP_OCRP]   = SHAPE("Outgoing-Call-Reply",               32, ocrp),
    [PPTP_ICRQ]   = SHAPE("Incoming-Call-Request",            220, icrq),
    [PPTP_ICRP]   = SHAPE("Incoming-Call-Reply",               24, icrp),
    [PPTP_ICCN]   = SHAPE("Incoming-Call-Connected",           28, iccn),
    [PPTP_CCRQ]   = SHAPE("Call-Clear-Request",                16, ccrq),
    [PPTP_CDN]    = SHAPE("Call-Disconnect-Notify",           148, cdn),
    [PPTP_WEN]    = SHAPE("WAN-Error-Notify",                  40, wen),
    [PPTP_SLI]    = SHAPE("Set-Link-Info",                     24, sli),
};
// clang-format on

const struct pptp_shape *pptp_msg_shape(uint16_t type)
{
    return type > 0 && type < PPTP_TYPES ? &shapes[type] : NULL;
}

const char *pptp_msg_name(uint16_t type)
{
    const struct pptp_shape *s = pptp_msg_shape(type);
    return s ? s->name : "?";
}

/* ---- bytes -> struct ----------------------------------------------------------- */

int32_t pptp_msg_measure(const uint8_t *p, uint32_t have)
{
    struct rd r = rd_of(p, have);
    uint16_t len = rd_u16(&r);
    (void)rd_u16(&r);                           /* PPTP message type: the parser's */
    uint32_t cookie = rd_u32(&r);

    if (!rd_ok(&r))
        return 0;
    if (len < PPTP_MSG_MIN || cookie != PPTP_COOKIE)
        return PPTP_PARSE_COOKIE;               /* out of step: section 1.4 wants it closed */
    return len;
}

/* The union's members all begin where it begins. */
static void *member(struct pptp_msg *m, const struct pptp_field *f)
{
    return (char *)&m->u + f->offset;
}

static const void *member_const(const struct pptp_msg *m, const struct pptp_field *f)
{
    return (const char *)&m->u + f->offset;
}

static void field_read(struct rd *r, struct pptp_msg *m, const struct pptp_field *f)
{
    if (f->kind == PPTP_F_RESERVED) {
        rd_skip(r, f->octets);
    } else if (f->kind == PPTP_F_TEXT) {
        rd_copy(r, member(m, f), f->octets);    /* the NUL behind it is the struct's */
    } else if (f->octets == 1) {
        uint8_t v = rd_u8(r);
        memcpy(member(m, f), &v, sizeof v);
    } else if (f->octets == 2) {
        uint16_t v = rd_u16(r);
        memcpy(member(m, f), &v, sizeof v);
    } else {
        uint32_t v = rd_u32(r);
        memcpy(member(m, f), &v, sizeof v);
    }
}

int pptp_msg_parse(struct pptp_msg *m, const uint8_t *data, size_t len)
{
    memset(m, 0, sizeof *m);
    struct rd r = rd_of(data, len);
    uint16_t length = rd_u16(&r);
    uint16_t message_type = rd_u16(&r);
    uint32_t cookie = rd_u32(&r);
    uint16_t type = rd_u16(&r);
    rd_skip(&r, 2);
    if (!rd_ok(&r))
        return PPTP_PARSE_SHORT;
    if (cookie != PPTP_COOKIE)
        return PPTP_PARSE_COOKIE;
    const struct pptp_shape *s = pptp_msg_shape(type);
    m->type = type;
    if (message_type != 1 || !s)                /* 2: management, never defined */
        return PPTP_PARSE_TYPE;
    if (length < s->octets)
        return PPTP_PARSE_SHORT;
    for (uint32_t i = 0; i < s->count; i++)
        field_read(&r, m, &s->fields[i]);
    return rd_ok(&r) ? PPTP_PARSE_OK : PPTP_PARSE_SHORT;
}

/* ---- struct -> bytes ----------------------------------------------------------- */

static uint32_t field_value(const struct pptp_msg *m, const struct pptp_field *f)
{
    uint8_t v8;
    uint16_t v16;
    uint32_t v32;

    switch (f->octets) {
    case 1:
        memcpy(&v8, member_const(m, f), sizeof v8);
        return v8;
    case 2:
        memcpy(&v16, member_const(m, f), sizeof v16);
        return v16;
    default:
        memcpy(&v32, member_const(m, f), sizeof v32);
        return v32;
    }
}

static void field_write(struct wr *w, const struct pptp_msg *m, const struct pptp_field *f)
{
    if (f->kind == PPTP_F_RESERVED) {
        wr_zero(w, f->octets);
    } else if (f->kind == PPTP_F_TEXT) {
        const char *text = member_const(m, f);
        size_t n = strnlen(text, f->octets);
        wr_bytes(w, text, n);
        wr_zero(w, f->octets - n);
    } else if (f->octets == 1) {
        wr_u8(w, (uint8_t)field_value(m, f));
    } else if (f->octets == 2) {
        wr_u16(w, (uint16_t)field_value(m, f));
    } else {
        wr_u32(w, field_value(m, f));
    }
}

size_t pptp_msg_build(uint8_t *out, size_t size, const struct pptp_msg *m)
{
    const struct pptp_shape *s = pptp_msg_shape(m->type);
    struct wr w = wr_of(out, size);

    if (!s)
        return 0;
    struct wr_mark length = wr_open16(&w, 0);
    wr_u16(&w, 1);
    wr_u32(&w, PPTP_COOKIE);
    wr_u16(&w, m->type);
    wr_u16(&w, 0);
    for (uint32_t i = 0; i < s->count; i++)
        field_write(&w, m, &s->fields[i]);
    wr_close16(&w, length);
    return wr_ok(&w) ? wr_len(&w) : 0;
}

/* ---- struct -> a line ------------------------------------------------------------ */

struct line {
    char *at;
    size_t left;                /* with the NUL */
};

__attribute__((format(printf, 2, 3))) static void say(struct line *l, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(l->at, l->left, fmt, ap);
    va_end(ap);
    size_t used = n < 0 ? 0 : (size_t)n < l->left ? (size_t)n : l->left - 1;
    l->at += used;
    l->left -= used;
}

char *pptp_text_clean(char *out, size_t size, const char *text)
{
    size_t i = 0;

    for (; i + 1 < size && text[i]; i++)
        out[i] = text[i] >= 0x20 && text[i] < 0x7f && text[i] != '"' ? text[i] : '?';
    if (size)
        out[i] = '\0';
    return out;
}

char *pptp_msg_print(char *out, size_t size, const struct pptp_msg *m)
{
    const struct pptp_shape *s = pptp_msg_shape(m->type);
    struct line l = { out, size };

    if (size == 0)
        return out;
    if (!s) {
        say(&l, "type %u", m->type);
        return out;
    }
    say(&l, "%s", s->name);
    for (uint32_t i = 0; i < s->count; i++) {
        const struct pptp_field *f = &s->fields[i];
        if (f->kind == PPTP_F_RESERVED)
            continue;
        if (f->kind == PPTP_F_TEXT) {
            char clean[2 * PPTP_TEXT + 1];
            say(&l, " %s=\"%s\"", f->name, pptp_text_clean(clean, sizeof clean, member_const(m, f)));
            continue;
        }
        uint32_t v = field_value(m, f);
        const char *word = f->words ? word_of(f->words, v) : NULL;
        if (word)
            say(&l, " %s=%s", f->name, word);
        else
            say(&l, " %s=%u", f->name, v);
    }
    return out;
}
