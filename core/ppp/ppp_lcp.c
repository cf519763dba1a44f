/* ppp_lcp.c - the Link Control Protocol (RFC 1661 sections 5 and 6, RFC 1570).
 *
 * Knows:  its options, echoes, loops, Protocol-Reject, which method of
 *         authentication is asked for next.
 * Leaves: the authentication itself to ppp_auth, phases to ppp.c.
 */
#include <stdio.h>
#include <string.h>

#include "ppp/ppp_link.h"

#define MRU_DEFAULT  1500
#define MRU_LEAST    128        /* a peer that asks for less is told this */
#define LOOPS_MAX    20

/* The order in which we demand, and in which we name what we would rather do. */
#define AUTH_EAP (ADIT_AUTH_EAP_MD5 | ADIT_AUTH_EAP_MSCHAPV2 | ADIT_AUTH_EAP_TLS | ADIT_AUTH_EAP_RELAY)
static const struct method {
    uint32_t mask;
    uint16_t proto;
    uint8_t algorithm;          /* CHAP's; 0: none */
} methods[] = {
    { ADIT_AUTH_MSCHAPV2, PPP_CHAP, 0x81 },
    { AUTH_EAP,           PPP_EAP,  0 },
    { ADIT_AUTH_MSCHAPV1, PPP_CHAP, 0x80 },
    { ADIT_AUTH_CHAP,     PPP_CHAP, 0x05 },
    { ADIT_AUTH_PAP,      PPP_PAP,  0 },
};
#define METHODS (sizeof methods / sizeof methods[0])

uint32_t lcp_auth_first(uint32_t mask)
{
    for (size_t i = 0; i < METHODS; i++) {
        if (mask & methods[i].mask)
            return mask & methods[i].mask;
    }
    return 0;
}

static void method_write(struct wr *w, uint32_t choice)
{
    for (size_t i = 0; i < METHODS; i++) {
        if (!(choice & methods[i].mask))
            continue;
        wr_u16(w, methods[i].proto);
        if (methods[i].algorithm)
            wr_u8(w, methods[i].algorithm);
        return;
    }
}

/* The mask of what a value of the option names; 0: something unknown. */
static uint32_t method_read(struct rd *v)
{
    uint16_t proto = rd_u16(v);
    uint8_t algorithm = rd_left(v) == 1 ? rd_u8(v) : 0;
    if (!rd_done(v))
        return 0;
    for (size_t i = 0; i < METHODS; i++) {
        if (methods[i].proto == proto && methods[i].algorithm == algorithm)
            return methods[i].mask;
    }
    return 0;
}

static struct lcp *lcp_of(struct cp *c) { return &c->p->lcp; }

static uint32_t magic_new(struct ppp *p)
{
    uint32_t m = 0;
    for (int i = 0; i < 4 && m == 0; i++)
        ppp_random(p, &m, sizeof m);
    return m ? m : 1;           /* zero would mean none */
}

/* ---- MRU -------------------------------------------------------------------------- */

static enum cp_verdict judge_mru(struct cp *c, struct rd *v, struct wr *nak)
{
    uint16_t mru = v ? rd_u16(v) : 0;
    if (!v || mru < MRU_LEAST) {
        wr_u16(nak, v ? MRU_LEAST : MRU_DEFAULT);
        return CP_NAK;
    }
    lcp_of(c)->cand.mru = mru;
    return CP_ACK;
}

static bool ask_mru(struct cp *c, struct wr *w)
{
    struct lcp *l = lcp_of(c);
    if (l->mru_off || l->our.mru == MRU_DEFAULT)
        return false;
    wr_u16(w, l->our.mru);
    return true;
}

static void nak_mru(struct cp *c, struct rd *v)
{
    struct lcp *l = lcp_of(c);
    uint16_t mru = v ? rd_u16(v) : 0;
    if (!cp_asked(c, 0))
        return;                 /* the default stays */
    if (mru >= MRU_LEAST && mru <= c->p->cfg.mru)
        l->our.mru = mru;
    else
        l->mru_off = true;
}

/* ---- asynchronous control characters: nothing to us, and accepted (M3) ------------- */

static enum cp_verdict judge_accm(struct cp *c, struct rd *v, struct wr *nak)
{
    (void)c;
    if (v)
        return CP_ACK;
    wr_u32(nak, 0);
    return CP_NAK;
}

/* ---- authentication ------------------------------------------------------------------ */

static enum cp_verdict judge_auth(struct cp *c, struct rd *v, struct wr *nak)
{
    struct lcp *l = lcp_of(c);
    uint32_t allow = c->p->cfg.auth_allow;
    uint32_t asked = v ? method_read(v) & allow : 0;
    if (asked) {
        l->cand.auth = asked;
        l->unmet = false;
        return CP_ACK;
    }
    uint32_t rather = lcp_auth_first(allow);
    l->unmet = true;
    if (!rather)
        return CP_REJ;
    method_write(nak, rather);
    return CP_NAK;
}

static bool ask_auth(struct cp *c, struct wr *w)
{
    struct lcp *l = lcp_of(c);
    if (!l->our.auth)
        return false;
    method_write(w, l->our.auth);
    return true;
}

static void no_method(struct cp *c)
{
    ppp_end(c->p, ADIT_CAUSE_NO_COMMON_METHOD, NULL);
}

static void nak_auth(struct cp *c, struct rd *v)
{
    struct lcp *l = lcp_of(c);
    uint32_t rather = v ? method_read(v) : 0;
    if (!l->our.auth)
        return;                 /* it would like to authenticate itself; we do not ask */
    l->refused |= l->our.auth;
    uint32_t left = c->p->cfg.auth_demand & ~l->refused;
    uint32_t next = left & rather ? left & rather : lcp_auth_first(left);
    if (next)
        l->our.auth = next;
    else
        no_method(c);
}

static void rej_auth(struct cp *c)
{
    no_method(c);
}

/* ---- magic number ---------------------------------------------------------------------- */

static void looped(struct cp *c)
{
    if (++lcp_of(c)->loops >= LOOPS_MAX)
        ppp_end(c->p, ADIT_CAUSE_LOOPED, NULL);
}

static enum cp_verdict judge_magic(struct cp *c, struct rd *v, struct wr *nak)
{
    struct lcp *l = lcp_of(c);
    uint32_t magic = v ? rd_u32(v) : 0;
    if (magic != 0 && magic != l->our.magic) {
        l->cand.magic = magic;
        return CP_ACK;
    }
    if (magic != 0)
        looped(c);              /* RFC 1661 section 6.4 */
    wr_u32(nak, magic_new(c->p));
    return CP_NAK;
}

static bool ask_magic(struct cp *c, struct wr *w)
{
    struct lcp *l = lcp_of(c);
    if (!l->our.magic)
        l->our.magic = magic_new(c->p);
    wr_u32(w, l->our.magic);
    return true;
}

static void nak_magic(struct cp *c, struct rd *v)
{
    (void)v;
    lcp_of(c)->our.magic = magic_new(c->p);
}

static void rej_magic(struct cp *c)
{
    lcp_of(c)->our.magic = 0;
}

/* ---- protocol field, address and control field compression ------------------------------ */

static enum cp_verdict judge_pfc(struct cp *c, struct rd *v, struct wr *nak)
{
    (void)nak;                  /* there is nothing to write into a Nak of a boolean */
    lcp_of(c)->cand.pfc = v != NULL;
    return v ? CP_ACK : CP_NAK;
}

static bool ask_pfc(struct cp *c, struct wr *w)
{
    (void)w;
    return lcp_of(c)->our.pfc;
}

/* K6: some test gear naks booleans, which makes no sense; do without. */
static void nak_pfc(struct cp *c, struct rd *v)
{
    (void)v;
    lcp_of(c)->our.pfc = false;
}

static enum cp_verdict judge_acfc(struct cp *c, struct rd *v, struct wr *nak)
{
    (void)nak;
    lcp_of(c)->cand.acfc = v != NULL;
    return v ? CP_ACK : CP_NAK;
}

static bool ask_acfc(struct cp *c, struct wr *w)
{
    (void)w;
    return lcp_of(c)->our.acfc;
}

static void nak_acfc(struct cp *c, struct rd *v)
{
    (void)v;
    lcp_of(c)->our.acfc = false;
}

/* The rows that we know but will not have stand here for their names; a code
 * that is in no row is rejected in the same way (W12, K2). */
// clang-format off
static const struct cp_opt lcp_opts[] = {
    {  1, 2, 2,   "mru",            judge_mru,   ask_mru,   nak_mru,   NULL,      0, CP_SHOW_NUMBER },
    {  2, 4, 4,   "async-map",      judge_accm,  NULL,      NULL,      NULL,      0, CP_SHOW_HEX },
    {  3, 2, 255, "auth",           judge_auth,  ask_auth,  nak_auth,  rej_auth,  0, CP_SHOW_AUTH },
    {  4, 2, 255, "quality",        NULL,        NULL,      NULL,      NULL,      0, CP_SHOW_BYTES },
    {  5, 4, 4,   "magic",          judge_magic, ask_magic, nak_magic, rej_magic, CP_OPT_INSIST, CP_SHOW_HEX },
    {  7, 0, 0,   "pfc",            judge_pfc,   ask_pfc,   nak_pfc,   NULL,      0, CP_SHOW_NUMBER },
    {  8, 0, 0,   "acfc",           judge_acfc,  ask_acfc,  nak_acfc,  NULL,      0, CP_SHOW_NUMBER },
    { 13, 0, 255, "callback",       NULL,        NULL,      NULL,      NULL,      0, CP_SHOW_NUMBER },
    { 17, 2, 2,   "mrru",           NULL,        NULL,      NULL,      NULL,      0, CP_SHOW_NUMBER },
    { 18, 0, 0,   "short-sequence", NULL,        NULL,      NULL,      NULL,      0, CP_SHOW_NUMBER },
    { 19, 1, 255, "endpoint",       NULL,        NULL,      NULL,      NULL,      0, CP_SHOW_BYTES },
};
// clang-format on

/* ---- the protocol -------------------------------------------------------------------------- */

static void reset(struct cp *c)
{
    struct ppp *p = c->p;
    struct lcp *l = &p->lcp;
    uint32_t prefer = p->cfg.auth_demand;
    l->our.mru = p->cfg.mru;
    l->our.magic = 0;
    l->our.auth = lcp_auth_first(prefer);
    l->our.pfc = !p->cfg.no_pfc;
    l->our.acfc = !p->cfg.no_acfc;
    l->refused = 0;
    l->mru_off = l->unmet = false;
}

static void judge_begin(struct cp *c)
{
    lcp_of(c)->cand = (struct lcp_opts){ .mru = MRU_DEFAULT };
}

static void agreed(struct cp *c)
{
    lcp_of(c)->peer = lcp_of(c)->cand;
}

static void up(struct cp *c)
{
    struct ppp *p = c->p;
    struct lcp *l = &p->lcp;
    l->loops = 0;
    l->echo_open = 0;
    l->echo_off = false;
    l->echo_at = p->cfg.echo_ms ? ppp_now(p) + p->cfg.echo_ms : PPP_NEVER;
    ppp_lcp_up(p);
}

static void down(struct cp *c)
{
    c->p->lcp.echo_at = PPP_NEVER;
    ppp_lcp_down(c->p);
}

static void finished(struct cp *c)
{
    ppp_finish(c->p);
}

/* ---- packets of its own ----------------------------------------------------------------------- */

static void rx_proto_rej(struct ppp *p, struct rd *body)
{
    uint16_t proto = rd_u16(body);
    if (!rd_ok(body))
        ppp_bad(p);
    else if (cp_opened(&p->lcp.cp))
        ppp_proto_rejected(p, proto);
}

static void rx_echo(struct ppp *p, uint8_t id, struct rd *body)
{
    struct lcp *l = &p->lcp;
    uint32_t magic = rd_u32(body);
    if (!rd_ok(body)) {
        ppp_bad(p);
        return;
    }
    if (!cp_opened(&l->cp)) {
        fsm_step(&l->cp.f, FSM_RXR);
        return;
    }
    if (magic != 0 && magic == l->our.magic) {
        ppp_end(p, ADIT_CAUSE_LOOPED, NULL);
        return;
    }
    /* K9: the reply fits the peer's MRU; what does not fit is left out */
    size_t len, room = ppp_room(p);
    const uint8_t *data = rd_rest(body, &len);
    if (len > room - 8)
        len = room - 8;
    uint8_t out[CP_MAX];
    struct wr w = wr_of(out, sizeof out);
    wr_u8(&w, LCP_ECHO_REP);
    wr_u8(&w, id);
    struct wr_mark m = wr_open16(&w, -2);
    wr_u32(&w, l->our.magic);
    wr_bytes(&w, data, len);
    wr_close16(&w, m);
    if (!wr_ok(&w))
        return;
    ppp_send(p, PPP_LCP, out, wr_len(&w));
    p->stat.lcp_echo_answered++;
}

/* The peer names itself (W13): "MSRASV5.20", "MSRAS-0-HOST". */
static void rx_ident(struct ppp *p, struct rd *body)
{
    size_t len;
    char text[128];
    rd_u32(body);
    const uint8_t *s = rd_rest(body, &len);
    if (!rd_ok(body) || len == 0)
        return;
    cp_text(s, len, text, sizeof text);
    size_t have = strlen(p->identification);
    if (!strstr(p->identification, text) && have + strlen(text) + 3 < sizeof p->identification)
        snprintf(p->identification + have, sizeof p->identification - have, "%s%s",
                 have ? "; " : "", text);
    if (ppp_may_reject(p))      /* the same bound: events are not for free */
        ppp_say(p, &(struct ppp_event){ .type = PPP_EV_PEER_INFO, .text = text });
}

static void rx_time_left(struct ppp *p, struct rd *body)
{
    size_t len;
    char text[160], message[100];
    rd_u32(body);
    uint32_t s = rd_u32(body);
    const uint8_t *m = rd_rest(body, &len);
    if (!rd_ok(body))
        return;
    cp_text(m, len, message, sizeof message);
    snprintf(text, sizeof text, "%u s remain%s%s", s, *message ? ": " : "", message);
    if (ppp_may_reject(p))
        ppp_say(p, &(struct ppp_event){ .type = PPP_EV_PEER_INFO, .text = text });
}

uint32_t lcp_ras_error(const uint8_t *data, size_t len)
{
    struct rd r = rd_of(data, len);
    rd_u32(&r);                 /* its magic number */
    bool marked = rd_u32(&r) == LCP_RAS_MARK;
    uint32_t error = rd_u32(&r);
    return marked && rd_done(&r) ? error : 0;
}

static void rx_terminate(struct ppp *p, struct rd body)
{
    size_t len;
    char text[128];
    const uint8_t *s = rd_rest(&body, &len);
    uint32_t cause = ADIT_CAUSE_PEER_HANGUP;
    uint32_t error = lcp_ras_error(s, len);
    if (error) {
        snprintf(text, sizeof text, "RAS error %u", error);
        if (error == 741 || error == 742)
            cause = ADIT_CAUSE_ENCRYPTION;
        else if (error == 734)
            cause = ADIT_CAUSE_NO_COMMON_METHOD;
        else if (error == 691)
            cause = ADIT_CAUSE_AUTH_FAILED;
    } else {
        cp_text(s, len, text, sizeof text);
    }
    bool opened = cp_opened(&p->lcp.cp);
    if (!opened && p->lcp.unmet && cause == ADIT_CAUSE_PEER_HANGUP)
        cause = ADIT_CAUSE_NO_COMMON_METHOD;    /* it left after we would not do its method */
    if (cause == ADIT_CAUSE_PEER_HANGUP)
        cause = ppp_refusal(p, cause);
    ppp_cause(p, cause, *text ? text : NULL);
    /* The automaton would go on asking somebody who has left already. */
    if (!opened && p->lcp.cp.f.state >= FSM_REQ_SENT)
        ppp_end(p, cause, NULL);
}

static bool extra(struct cp *c, uint8_t code, uint8_t id, struct rd *body)
{
    struct ppp *p = c->p;
    switch (code) {
    case CP_TERM_REQ:
        rx_terminate(p, *body);
        return true;
    case CP_CODE_REJ:
        if (rd_u8(body) == LCP_ECHO_REQ)
            p->lcp.echo_off = true;
        return true;
    case LCP_PROTO_REJ:
        rx_proto_rej(p, body);
        return true;
    case LCP_ECHO_REQ:
        rx_echo(p, id, body);
        return true;
    case LCP_ECHO_REP:          /* that something came is enough */
    case LCP_DISCARD:
        fsm_step(&c->f, FSM_RXR);
        return true;
    case LCP_IDENT:
        rx_ident(p, body);
        return true;
    case LCP_TIME_LEFT:
        rx_time_left(p, body);
        return true;
    default:
        return false;
    }
}

const struct cp_proto lcp_proto = {
    .number = PPP_LCP, .name = "LCP",
    .opts = lcp_opts, .opt_count = sizeof lcp_opts / sizeof lcp_opts[0],
    .reset = reset, .judge_begin = judge_begin, .agreed = agreed,
    .up = up, .down = down, .finished = finished, .extra = extra,
};

void lcp_init(struct ppp *p)
{
    p->lcp.peer.mru = p->lcp.cand.mru = MRU_DEFAULT;
    p->lcp.echo_at = PPP_NEVER;
    cp_init(&p->lcp.cp, p, &lcp_proto);
}

void lcp_protocol_reject(struct ppp *p, uint16_t proto, const uint8_t *data, size_t len)
{
    uint8_t out[CP_MAX];
    size_t room = ppp_room(p);
    p->stat.rx_rejected_proto++;
    if (!cp_opened(&p->lcp.cp) || !ppp_may_reject(p))
        return;
    struct wr w = wr_of(out, room - 4 < sizeof out ? room - 4 : sizeof out);
    wr_u16(&w, proto);
    size_t fits = (size_t)(w.end - w.p);
    wr_bytes(&w, data, len < fits ? len : fits);
    cp_tx(&p->lcp.cp, LCP_PROTO_REJ, out, wr_len(&w));
}

/* Lazy: the data path only writes down when it last heard anything. */
void lcp_echo(struct ppp *p)
{
    struct lcp *l = &p->lcp;
    uint64_t now = ppp_now(p);
    l->echo_at = PPP_NEVER;
    if (!cp_opened(&l->cp) || l->echo_off)
        return;
    if (now - p->heard_at < p->cfg.echo_ms) {
        l->echo_open = 0;
        l->echo_at = p->heard_at + p->cfg.echo_ms;
        return;
    }
    /* a near peer answers within the millisecond in which it was asked */
    if (p->heard_at >= l->echo_sent_at)
        l->echo_open = 0;
    if (l->echo_open >= p->cfg.echo_failures) {
        ppp_end(p, ADIT_CAUSE_ECHO_TIMEOUT, NULL);
        return;
    }
    l->echo_open++;
    l->echo_sent_at = now;
    l->echo_at = now + p->cfg.echo_ms;
    uint8_t out[4];
    struct wr w = wr_of(out, sizeof out);
    wr_u32(&w, l->our.magic);
    cp_tx(&l->cp, LCP_ECHO_REQ, out, sizeof out);
    p->stat.lcp_echo_sent++;
}

/* ---- proxy LCP ----------------------------------------------------------------------------------- */

/* Reads one side's options as the LAC saw them; false: something that we would
 * not have agreed to. */
static bool proxy_read(struct cp *c, const uint8_t *data, uint32_t len, struct lcp_opts *out,
                       bool judged)
{
    struct rd r = rd_of(data, len);
    struct lcp *l = &c->p->lcp;
    *out = (struct lcp_opts){ .mru = MRU_DEFAULT };
    l->cand = *out;
    while (rd_left(&r) > 0) {
        uint8_t nak[256];
        struct wr w = wr_of(nak, sizeof nak);
        uint8_t type = rd_u8(&r);
        uint8_t whole = rd_u8(&r);
        struct rd v = rd_sub(&r, whole < 2 ? SIZE_MAX : whole - 2u);
        if (!rd_ok(&r) || !rd_ok(&v))
            return false;
        const struct cp_opt *o = NULL;
        for (uint32_t i = 0; i < lcp_proto.opt_count && !o; i++) {
            if (lcp_opts[i].code == type)
                o = &lcp_opts[i];
        }
        size_t n = rd_left(&v);
        if (!o || !o->judge || n < o->min || n > o->max)
            return false;
        if (judged) {
            if (o->judge(c, &v, &w) != CP_ACK)
                return false;
        } else {                /* the LAC asked in our name */
            switch (type) {
            case 1: out->mru = rd_u16(&v); break;
            case 3: out->auth = method_read(&v); break;
            case 5: out->magic = rd_u32(&v); break;
            case 7: out->pfc = true; break;
            case 8: out->acfc = true; break;
            default: break;
            }
        }
    }
    if (judged)
        *out = l->cand;
    return true;
}

bool lcp_proxy(struct ppp *p)
{
    struct lcp *l = &p->lcp;
    struct lcp_opts our, peer;
    if (!p->cfg.proxy_sent_len || !p->cfg.proxy_rcvd_len)
        return false;
    l->our.magic = 0;
    if (!proxy_read(&l->cp, p->cfg.proxy_sent, p->cfg.proxy_sent_len, &our, false))
        return false;
    l->our.magic = our.magic;
    if (!proxy_read(&l->cp, p->cfg.proxy_rcvd, p->cfg.proxy_rcvd_len, &peer, true))
        return false;
    /* the peer expects exactly that: a challenge of that method, or none */
    if ((p->cfg.auth_demand != 0) != (our.auth != 0) || (our.auth && !(our.auth & p->cfg.auth_demand)))
        return false;
    our.auth &= p->cfg.auth_demand;
    l->our = our;
    l->peer = peer;
    return true;
}
