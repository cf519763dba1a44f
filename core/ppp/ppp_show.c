/* ppp_show.c - control packets of PPP in one line, for people.
 *
 * Knows:  what each packet's fields are called, and which of them are secret.
 * Leaves: options to the protocols' tables, who reads the line.
 */
#include "ppp/ppp_show.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "ppp/ppp_auth_in.h"
#include "ppp/ppp_link.h"

struct text {
    char *at;
    size_t left;                /* with the NUL */
};

__attribute__((format(printf, 2, 3))) static void say(struct text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(t->at, t->left, fmt, ap);
    va_end(ap);
    size_t used = n < 0 ? 0 : (size_t)n < t->left ? (size_t)n : t->left - 1;
    t->at += used;
    t->left -= used;
}

/* The same without a format: each control packet of a negotiation is printed. */
static void word(struct text *t, const char *s)
{
    while (*s && t->left > 1) {
        *t->at++ = *s++;
        t->left--;
    }
    *t->at = '\0';
}

static void number(struct text *t, uint64_t v)
{
    char digits[21], *d = digits + sizeof digits - 1;
    *d = '\0';
    do
        *--d = (char)('0' + v % 10);
    while (v /= 10);
    word(t, d);
}

static void hex(struct text *t, struct rd *v)
{
    static const char digits[] = "0123456789abcdef";
    word(t, "0x");
    while (rd_left(v)) {
        uint8_t b = rd_u8(v);
        word(t, (const char[]){ digits[b >> 4], digits[b & 15], '\0' });
    }
}

static void say_text(struct text *t, const char *name, const uint8_t *p, size_t len)
{
    char clean[256];
    cp_text(p, len, clean, sizeof clean);
    for (char *c = clean; *c; c++)
        if (*c == '"')
            *c = '\'';
    say(t, " %s=\"%s\"", name, clean);
}

static void say_rest(struct text *t, const char *name, struct rd *r)
{
    size_t len;
    const uint8_t *p = rd_rest(r, &len);
    if (len)
        say_text(t, name, p, len);
}

static void say_count(struct text *t, const char *name, struct rd *r)
{
    say(t, " %s=%zu bytes", name, rd_left(r));
    rd_skip(r, rd_left(r));
}

/* ---- options -------------------------------------------------------------------- */

static const char *chap_algorithm(uint8_t a)
{
    return a == 0x05 ? "MD5" : a == 0x80 ? "MS-CHAP" : a == 0x81 ? "MS-CHAPv2" : NULL;
}

static void say_auth(struct text *t, struct rd *v)
{
    uint16_t proto = rd_u16(v);
    bool algorithm = proto == PPP_CHAP && rd_left(v) == 1;
    uint8_t a = algorithm ? rd_u8(v) : 0;
    if (algorithm && chap_algorithm(a))
        say(t, "%s", a == 0x05 ? "CHAP-MD5" : chap_algorithm(a));
    else if (algorithm)
        say(t, "CHAP-0x%02x", a);
    else if (proto == PPP_PAP || proto == PPP_CHAP || proto == PPP_EAP)
        say(t, "%s", ppp_show_protocol(proto));
    else
        say(t, "0x%04x", proto);
}

static void say_mppe(struct text *t, uint32_t bits)
{
    static const struct {
        uint32_t bit;
        const char *name;
    } names[] = { { MPPE_S, "128" }, { MPPE_M, "56" }, { MPPE_L, "40" }, { MPPE_H, "stateless" },
                  { MPPE_C, "mppc" } };
    const char *sep = "";
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!(bits & names[i].bit))
            continue;
        say(t, "%s%s", sep, names[i].name);
        bits &= ~names[i].bit;
        sep = ",";
    }
    if (bits)
        say(t, "%s0x%08x", sep, bits);
    else if (!*sep)
        say(t, "none");
}

static void say_value(struct text *t, enum cp_show show, struct rd *v)
{
    size_t len = rd_left(v);
    const uint8_t *p;
    if (!len)
        return;
    word(t, "=");
    if (show == CP_SHOW_NUMBER && len <= 8) {
        uint64_t n = 0;
        while (rd_left(v))
            n = n << 8 | rd_u8(v);
        number(t, n);
    } else if (show == CP_SHOW_HEX && len <= 16) {
        hex(t, v);
    } else if (show == CP_SHOW_IPV4 && len % 4 == 0 && len <= 8) {
        for (const char *sep = ""; rd_left(v) && (p = rd_bytes(v, 4)); sep = ",") {
            for (int i = 0; i < 4; i++) {
                word(t, i ? "." : sep);
                number(t, p[i]);
            }
        }
    } else if (show == CP_SHOW_AUTH && len >= 2) {
        say_auth(t, v);
    } else if (show == CP_SHOW_MPPE && len == 4) {
        say_mppe(t, rd_u32(v));
    } else if (show == CP_SHOW_TEXT) {
        char clean[64];
        p = rd_rest(v, &len);
        cp_text(p, len, clean, sizeof clean);
        say(t, "\"%s\"", clean);
    } else {
        number(t, len);
        word(t, " bytes");
        rd_skip(v, len);
    }
    if (rd_left(v))
        say(t, "+%zu bytes", rd_left(v));
}

static bool say_options(struct text *t, const struct cp_proto *proto, struct rd *r)
{
    while (rd_left(r) > 0) {
        uint8_t code = rd_u8(r), len = rd_u8(r);
        struct rd v = rd_sub(r, len < 2 ? SIZE_MAX : len - 2u);
        if (!rd_ok(&v))
            return false;
        const struct cp_opt *o = NULL;
        for (uint32_t i = 0; i < proto->opt_count && !o; i++)
            if (proto->opts[i].code == code)
                o = &proto->opts[i];
        word(t, o ? " " : " option-");
        if (o)
            word(t, o->name);
        else
            number(t, code);
        say_value(t, o ? o->show : CP_SHOW_BYTES, &v);
    }
    return rd_ok(r);
}

/* ---- control protocols ------------------------------------------------------------ */

static const struct cp_proto *const protos[] = { &lcp_proto, &ccp_proto, &ipcp_proto, &ipv6cp_proto,
                                                 &ipxcp_proto };

static const struct cp_proto *proto_of(uint16_t number)
{
    for (size_t i = 0; i < sizeof protos / sizeof protos[0]; i++)
        if (protos[i]->number == number)
            return protos[i];
    return NULL;
}

static const char *cp_code(uint16_t proto, uint8_t code)
{
    static const char *const all[] = { NULL, "Configure-Request", "Configure-Ack", "Configure-Nak",
                                       "Configure-Reject", "Terminate-Request", "Terminate-Ack",
                                       "Code-Reject" };
    static const char *const lcp[] = { "Protocol-Reject", "Echo-Request", "Echo-Reply",
                                       "Discard-Request", "Identification", "Time-Remaining" };
    static const char *const ccp[] = { "Reset-Request", "Reset-Ack" };
    if (code < sizeof all / sizeof all[0])
        return all[code];
    if (proto == PPP_LCP && code - LCP_PROTO_REJ < (int)(sizeof lcp / sizeof lcp[0]))
        return lcp[code - LCP_PROTO_REJ];
    if (proto == PPP_CCP && (code == CCP_RESET_REQ || code == CCP_RESET_ACK))
        return ccp[code - CCP_RESET_REQ];
    return NULL;
}

static bool say_cp(struct text *t, const struct cp_proto *proto, uint8_t code, struct rd *r)
{
    size_t len;
    const uint8_t *p;
    switch (code) {
    case CP_CONF_REQ:
    case CP_CONF_ACK:
    case CP_CONF_NAK:
    case CP_CONF_REJ:
        return say_options(t, proto, r);
    case CP_TERM_REQ:
    case CP_TERM_ACK:
        p = rd_rest(r, &len);
        if (lcp_ras_error(p, len))
            say(t, " RAS error %u", lcp_ras_error(p, len));
        else if (len)
            say_text(t, "text", p, len);
        return true;
    case CP_CODE_REJ: {
        uint8_t rejected = rd_u8(r);
        const char *name = cp_code(proto->number, rejected);
        if (name)
            say(t, " %s", name);
        else
            say(t, " code-%u", rejected);
        return rd_ok(r);
    }
    default:
        break;
    }
    if (proto->number == PPP_LCP && code == LCP_PROTO_REJ) {
        uint16_t rejected = rd_u16(r);
        say(t, " %s (0x%04x)", ppp_show_protocol(rejected), rejected);
    } else if (proto->number == PPP_LCP && code <= LCP_TIME_LEFT) {
        say(t, " magic=0x%08x", rd_u32(r));
        if (code == LCP_TIME_LEFT)
            say(t, " seconds=%u", rd_u32(r));
        if (code == LCP_IDENT || code == LCP_TIME_LEFT)
            say_rest(t, "text", r);
    } else if (rd_left(r)) {
        say(t, " %zu bytes", rd_left(r));
    }
    return rd_ok(r);
}

/* ---- authentication ------------------------------------------------------------------ */

static bool say_pap(struct text *t, uint8_t code, struct rd *r)
{
    struct rd name = rd_sub(r, rd_u8(r));
    if (code == PAP_REQUEST) {
        size_t len;
        const uint8_t *p = rd_rest(&name, &len);
        say_text(t, "name", p, len);
        say(t, " password not shown");
        rd_skip(r, rd_u8(r));
        return rd_ok(r);
    }
    say_rest(t, "message", &name);
    return true;                /* some leave the message's length out */
}

/* "E=691 R=1 C=... V=3 M=...": what is secret or random is counted. */
static void say_mschap_text(struct text *t, struct rd *r)
{
    char text[256];
    size_t len;
    const uint8_t *p = rd_rest(r, &len);
    cp_text(p, len, text, sizeof text);
    char *at = text, *end;
    while (at[0] && at[1] == '=' && at[0] != 'M') {
        end = at + strcspn(at, " ");
        if (strchr("ERV", at[0]))
            say(t, " %.*s", (int)(end - at), at);
        else
            say(t, " %c=%zu bytes", at[0], (size_t)(end - at - 2) / 2);
        at = end + strspn(end, " ");
    }
    if (at[0] == 'M' && at[1] == '=')
        at += 2;
    if (*at)
        say_text(t, "message", (const uint8_t *)at, strlen(at));
}

/* CHAP, and MS-CHAPv2 inside EAP, whose OpCodes are CHAP's codes. */
static bool say_chap(struct text *t, uint8_t code, struct rd *r)
{
    switch (code) {
    case CHAP_CHALLENGE:
    case CHAP_RESPONSE: {
        uint8_t len = rd_u8(r);
        rd_skip(r, len);
        say(t, " value=%u bytes", len);
        say_rest(t, "name", r);
        return rd_ok(r);
    }
    case CHAP_SUCCESS:
    case CHAP_FAILURE:
        say_mschap_text(t, r);
        return true;
    default:
        say_count(t, "value", r);
        return true;
    }
}

static const char *chap_code(uint8_t code)
{
    static const char *const names[] = { [CHAP_CHALLENGE] = "Challenge", [CHAP_RESPONSE] = "Response",
                                         [CHAP_SUCCESS] = "Success", [CHAP_FAILURE] = "Failure",
                                         [CHAP_CHANGE_V1] = "Change-Password",
                                         [CHAP_CHANGE] = "Change-Password" };
    return code < sizeof names / sizeof names[0] ? names[code] : NULL;
}

static const char *pap_code(uint8_t code)
{
    static const char *const names[] = { NULL, "Authenticate-Request", "Authenticate-Ack",
                                         "Authenticate-Nak" };
    return code < sizeof names / sizeof names[0] ? names[code] : NULL;
}

static const char *eap_type(uint8_t type)
{
    switch (type) {
    case EAP_IDENTITY:     return "Identity";
    case EAP_NOTIFICATION: return "Notification";
    case EAP_NAK:          return "Nak";
    case EAP_MD5:          return "MD5-Challenge";
    case EAP_TLS:          return "TLS";
    case EAP_MSCHAPV2:     return "MS-CHAPv2";
    case EAP_EXPANDED:     return "Expanded";
    default:               return NULL;
    }
}

static void say_eap_type(struct text *t, uint8_t type)
{
    const char *name = eap_type(type);
    if (name)
        say(t, " %s", name);
    else
        say(t, " type-%u", type);
}

static bool say_eap(struct text *t, uint8_t code, struct rd *r)
{
    if (code != EAP_REQUEST && code != EAP_RESPONSE)
        return true;
    uint8_t type = rd_u8(r);
    if (!rd_ok(r))
        return false;
    say_eap_type(t, type);
    switch (type) {
    case EAP_IDENTITY:
    case EAP_NOTIFICATION:
        say_rest(t, type == EAP_IDENTITY ? "name" : "text", r);
        return true;
    case EAP_NAK:
        for (int i = 0; rd_left(r) && i < 8; i++)
            say_eap_type(t, rd_u8(r));
        return true;
    case EAP_MD5:
        return say_chap(t, CHAP_CHALLENGE, r);
    case EAP_TLS:
        if (rd_left(r)) {
            uint8_t flags = rd_u8(r);
            say(t, "%s%s", flags & EAP_F_START ? " start" : "", flags & EAP_F_MORE ? " more" : "");
            if (flags & EAP_F_LENGTH)
                say(t, " of %u bytes", rd_u32(r));
        }
        say(t, " %zu bytes", rd_left(r));
        return rd_ok(r);
    case EAP_MSCHAPV2: {
        uint8_t op = rd_u8(r);
        const char *name = chap_code(op);
        say(t, " %s", name ? name : "?");
        if (!rd_left(r))
            return rd_ok(r);    /* Success and Failure are answered with the OpCode alone */
        rd_skip(r, 3);          /* MS-CHAPv2-ID, MS-Length */
        return rd_ok(r) && say_chap(t, op, r);
    }
    default:
        say(t, " %zu bytes", rd_left(r));
        return true;
    }
}

/* ---- any ------------------------------------------------------------------------------- */

const char *ppp_show_protocol(uint16_t proto)
{
    const struct cp_proto *cp = proto_of(proto);
    return cp ? cp->name : proto == PPP_PAP ? "PAP" : proto == PPP_CHAP ? "CHAP" :
           proto == PPP_EAP ? "EAP" : "PPP";
}

bool ppp_show_routine(uint16_t proto, const uint8_t *data, size_t len)
{
    return proto == PPP_LCP && len && data[0] >= LCP_ECHO_REQ && data[0] <= LCP_DISCARD;
}

void ppp_show(uint16_t proto, const uint8_t *data, size_t len, char *out, size_t size)
{
    static const char *const eap_codes[] = { NULL, "Request", "Response", "Success", "Failure" };
    struct text t = { out, size };
    struct rd r = rd_of(data, len);
    const struct cp_proto *cp = proto_of(proto);
    bool chap = proto == PPP_CHAP, pap = proto == PPP_PAP, eap = proto == PPP_EAP;
    if (!size)
        return;
    *out = '\0';
    if (!cp && !chap && !pap && !eap) {
        say(&t, "protocol 0x%04x, %zu bytes", proto, len);
        return;
    }
    uint8_t code = rd_u8(&r), id = rd_u8(&r);
    uint16_t whole = rd_u16(&r);
    struct rd body = rd_sub(&r, whole < 4 ? SIZE_MAX : whole - 4u);
    if (!rd_ok(&body)) {
        say(&t, "%zu bytes (malformed)", len);
        return;
    }
    const char *name = cp ? cp_code(proto, code) : chap ? chap_code(code) : pap ? pap_code(code)
                     : code < sizeof eap_codes / sizeof eap_codes[0] ? eap_codes[code] : NULL;
    if (!name) {
        say(&t, "code-%u id=%u %zu bytes", code, id, rd_left(&body));
        return;
    }
    word(&t, name);
    word(&t, " id=");
    number(&t, id);
    if (!(cp ? say_cp(&t, cp, code, &body) : chap ? say_chap(&t, code, &body)
          : pap ? say_pap(&t, code, &body) : say_eap(&t, code, &body)))
        say(&t, " (malformed)");
}
