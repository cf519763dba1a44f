/* ppp_cp.c - a control protocol (RFC 1661 sections 5 and 6).
 *
 * Knows:  the packets, identifiers, which options are acked, nakked, rejected.
 * Leaves: values to the option tables, moves to ppp_fsm.
 */
#include "ppp/ppp.h"
#include "ppp/ppp_cp.h"

#include <string.h>

static void send_request(struct cp *c);

static void packet(struct cp *c, uint8_t code, uint8_t id, const void *body, size_t len)
{
    uint8_t out[CP_MAX + 4];
    struct wr w = wr_of(out, sizeof out);
    wr_u8(&w, code);
    wr_u8(&w, id);
    struct wr_mark m = wr_open16(&w, -2);
    wr_bytes(&w, body, len);
    wr_close16(&w, m);
    if (wr_ok(&w))
        ppp_send(c->p, c->proto->number, out, wr_len(&w));
}

uint8_t cp_tx(struct cp *c, uint8_t code, const void *body, size_t len)
{
    packet(c, code, ++c->id, body, len);
    return c->id;
}

/* ---- what the automaton orders --------------------------------------------- */

static uint64_t now(struct fsm *f)
{
    struct cp *c = (struct cp *)f;
    return ppp_now(c->p);
}

static void act(struct fsm *f, uint32_t action)
{
    struct cp *c = (struct cp *)f;
    switch (action) {
    case FSM_SCR:
        send_request(c);
        break;
    case FSM_SCA:
        /* in the order of the actions: a link that was open went down by now */
        if (c->proto->agreed)
            c->proto->agreed(c);
        packet(c, c->reply_code, c->reply_id, c->reply, c->reply_len);
        break;
    case FSM_SCN:
        packet(c, c->reply_code, c->reply_id, c->reply, c->reply_len);
        break;
    case FSM_SCJ:
        if (ppp_may_reject(c->p))
            cp_tx(c, CP_CODE_REJ, c->reply, c->reply_len);
        break;
    case FSM_STA:               /* answers what should not have come, too */
        packet(c, CP_TERM_ACK, c->reply_id, NULL, 0);
        break;
    case FSM_STR: {
        uint8_t data[320];
        size_t len = 0;
        const char *text = c->proto->number == PPP_LCP ? ppp_close_text(c->p, data, sizeof data, &len) : "";
        if (text)
            cp_tx(c, CP_TERM_REQ, text, strlen(text));
        else
            cp_tx(c, CP_TERM_REQ, data, len);
        break;
    }
    case FSM_TLU:
        c->rounds = 0;
        c->failed = false;
        if (c->proto->up)
            c->proto->up(c);
        break;
    case FSM_TLD:
        c->rounds = 0;
        c->naks = 0;
        c->off = 0;
        c->answered = true;     /* what is asked next is a new request */
        if (c->proto->reset)
            c->proto->reset(c);
        if (c->proto->down)
            c->proto->down(c);
        break;
    case FSM_TLF:
        if (c->started) {
            c->failed = true;
            if (c->proto->finished)
                c->proto->finished(c);
        }
        break;
    default:                    /* TLS: the link below is always there; SER: lcp's extra() */
        break;
    }
}

static const struct fsm_ops ops = { now, act };

void cp_init(struct cp *c, struct ppp *p, const struct cp_proto *proto)
{
    c->p = p;
    c->proto = proto;
    fsm_init(&c->f, &ops);
}

void cp_start(struct cp *c)
{
    if (c->started)
        return;
    c->started = true;
    c->failed = c->heard = false;
    c->naks = c->rounds = 0;
    c->off = 0;
    c->answered = true;
    if (c->proto->reset)
        c->proto->reset(c);
    fsm_step(&c->f, FSM_OPEN);
    fsm_step(&c->f, FSM_UP);
}

void cp_stop(struct cp *c)
{
    if (!c->started)
        return;
    c->started = false;
    fsm_step(&c->f, FSM_DOWN);
    fsm_step(&c->f, FSM_CLOSE);
}

void cp_restart(struct cp *c)
{
    fsm_step(&c->f, FSM_DOWN);
    fsm_step(&c->f, FSM_UP);
}

/* ---- our request and its answers -------------------------------------------- */

static void send_request(struct cp *c)
{
    uint8_t req[CP_REQ_MAX];
    struct wr w = wr_of(req, sizeof req);
    c->asked = 0;
    for (uint32_t i = 0; i < c->proto->opt_count; i++) {
        const struct cp_opt *o = &c->proto->opts[i];
        if (!o->ask || c->off >> i & 1)
            continue;
        struct wr back = w;
        wr_u8(&w, o->code);
        struct wr_mark m = wr_open8(&w, -1);
        if (!o->ask(c, &w)) {
            w = back;
            continue;
        }
        wr_close8(&w, m);
        c->asked |= 1u << i;
    }
    /* A repetition keeps its identifier, so that a late Ack still counts. */
    size_t len = wr_len(&w);
    if (c->answered || len != c->req_len || memcmp(req, c->req, len) != 0)
        c->req_id = ++c->id;
    memcpy(c->req, req, len);
    c->req_len = (uint32_t)len;
    c->answered = false;
    packet(c, CP_CONF_REQ, c->req_id, c->req, c->req_len);
}

/* An answer counts once, and for our last request only: the network may
 * repeat it, and a second Ack would take an open link down. */
static bool answers(struct cp *c, uint8_t id)
{
    if (id != c->req_id || c->answered || c->f.state < FSM_REQ_SENT)
        return false;
    return true;
}

static uint32_t row_of(const struct cp *c, uint8_t code)
{
    uint32_t i = 0;
    while (i < c->proto->opt_count && c->proto->opts[i].code != code)
        i++;
    return i;
}

/* The next option of a list, its value in `v`; false at the end or when the
 * list is broken (then `*r` is bad). */
static bool next_opt(struct rd *r, uint8_t *code, struct rd *v, const uint8_t **start)
{
    if (rd_left(r) == 0)
        return false;
    *start = r->p;
    *code = rd_u8(r);
    uint8_t len = rd_u8(r);
    if (len < 2) {
        r->bad = true;
        return false;
    }
    *v = rd_sub(r, len - 2u);
    return rd_ok(v);
}

static bool well_formed(struct rd r)
{
    uint8_t code;
    struct rd v;
    const uint8_t *start;
    while (next_opt(&r, &code, &v, &start))
        ;
    return rd_done(&r);
}

static void rx_ack(struct cp *c, uint8_t id, struct rd *body)
{
    size_t len;
    if (!answers(c, id))
        return;
    const uint8_t *b = rd_rest(body, &len);
    /* RFC 1661 section 5.2: it must repeat ours exactly */
    if (len != c->req_len || (len && memcmp(b, c->req, len) != 0)) {
        ppp_bad(c->p);
        return;
    }
    c->answered = true;
    fsm_step(&c->f, FSM_RCA);
}

static void rx_nak_rej(struct cp *c, uint8_t code, uint8_t id, struct rd body)
{
    if (!answers(c, id) || !well_formed(body)) {
        if (answers(c, id))
            ppp_bad(c->p);
        return;
    }
    struct rd r = body;
    uint8_t type;
    struct rd v;
    const uint8_t *start;
    while (code == CP_CONF_REJ && next_opt(&r, &type, &v, &start)) {
        uint32_t row = row_of(c, type);
        if (row == c->proto->opt_count || !cp_asked(c, row)) {
            ppp_bad(c->p);          /* we never asked for that */
            return;
        }
    }
    if (++c->rounds > CP_ROUNDS) {  /* it would go on for ever */
        c->answered = true;
        fsm_step(&c->f, FSM_RXJ_MINUS);
        return;
    }
    c->answered = true;
    r = body;
    uint32_t moves = c->f.moves;
    while (next_opt(&r, &type, &v, &start)) {
        uint32_t row = row_of(c, type);
        if (row == c->proto->opt_count)
            continue;
        const struct cp_opt *o = &c->proto->opts[row];
        size_t len = rd_left(&v);
        if (code == CP_CONF_REJ) {
            c->off |= 1u << row;
            if (o->rej)
                o->rej(c);
        } else if (o->nak) {
            o->nak(c, len < o->min || len > o->max ? NULL : &v);
        }
        if (c->f.moves != moves)
            return;                 /* an option closed the link */
    }
    fsm_step(&c->f, FSM_RCN);
}

/* ---- the peer's request ------------------------------------------------------ */

static void rx_request(struct cp *c, uint8_t id, struct rd body)
{
    c->reply_id = id;
    c->reply = NULL;
    c->reply_len = 0;
    if (c->f.state < FSM_STOPPED || c->f.state == FSM_CLOSING || c->f.state == FSM_STOPPING) {
        fsm_step(&c->f, FSM_RCR_PLUS);      /* closed: the contents do not matter */
        return;
    }
    if (!well_formed(body)) {
        ppp_bad(c->p);
        return;
    }
    c->heard = true;

    uint8_t rej_buf[CP_MAX], nak_buf[CP_MAX], orig_buf[CP_MAX];
    struct wr rej = wr_of(rej_buf, sizeof rej_buf);
    struct wr nak = wr_of(nak_buf, sizeof nak_buf);
    struct wr orig = wr_of(orig_buf, sizeof orig_buf);  /* what was nakked, as asked */
    uint8_t seen[32] = { 0 };
    bool insist = false;
    bool patient = c->naks < c->max_failure;

    if (c->proto->judge_begin)
        c->proto->judge_begin(c);
    struct rd r = body;
    uint8_t type;
    struct rd v;
    const uint8_t *start;
    while (next_opt(&r, &type, &v, &start)) {
        size_t whole = rd_left(&v) + 2;
        uint32_t row = row_of(c, type);
        const struct cp_opt *o = row < c->proto->opt_count ? &c->proto->opts[row] : NULL;
        enum cp_verdict verdict = CP_REJ;
        struct wr back = nak;
        bool twice = seen[type >> 3] >> (type & 7) & 1;     /* RFC 1661 section 6: at most once */
        seen[type >> 3] = (uint8_t)(seen[type >> 3] | 1u << (type & 7));
        if (o && o->judge && !twice) {
            size_t len = rd_left(&v);
            wr_u8(&nak, type);
            struct wr_mark m = wr_open8(&nak, -1);
            verdict = o->judge(c, len < o->min || len > o->max ? NULL : &v, &nak);
            wr_close8(&nak, m);
        }
        if (verdict != CP_NAK)
            nak = back;
        if (verdict == CP_NAK && o->flags & CP_OPT_INSIST)
            insist = true;
        if (verdict == CP_REJ)
            wr_bytes(&rej, start, whole);
        else if (verdict == CP_NAK)
            wr_bytes(&orig, start, whole);
    }
    if (wr_len(&rej) == 0 && patient && c->proto->judge_end)
        c->proto->judge_end(c, &nak);

    size_t len;
    if (wr_len(&rej) > 0) {
        c->reply_code = CP_CONF_REJ;
        c->reply = rej_buf;
        c->reply_len = wr_len(&rej);
    } else if (wr_len(&nak) > 0 && (patient || insist)) {
        c->naks = (uint8_t)(c->naks + (c->naks < UINT8_MAX));
        c->reply_code = CP_CONF_NAK;
        c->reply = nak_buf;
        c->reply_len = wr_len(&nak);
    } else if (wr_len(&orig) > 0) {
        /* Max-Failure (RFC 1661 section 4.6): it does not converge; without it, then */
        c->reply_code = CP_CONF_REJ;
        c->reply = orig_buf;
        c->reply_len = wr_len(&orig);
    } else {
        c->naks = 0;
        c->reply_code = CP_CONF_ACK;
        c->reply = rd_rest(&body, &len);
        c->reply_len = len;
        fsm_step(&c->f, FSM_RCR_PLUS);
        return;
    }
    fsm_step(&c->f, FSM_RCR_MINUS);
}

/* ---- the other packets -------------------------------------------------------- */

static void rx_code_rej(struct cp *c, struct rd *body)
{
    uint8_t code = rd_u8(body);
    if (!rd_ok(body)) {
        ppp_bad(c->p);
        return;
    }
    /* Who does not know Configure-Request cannot be talked to; anything else
     * can be left out. Codes that we never send are nonsense. */
    fsm_step(&c->f, code >= CP_CONF_REQ && code <= CP_CODE_REJ ? FSM_RXJ_MINUS : FSM_RXJ_PLUS);
}

void cp_rejected(struct cp *c)
{
    fsm_step(&c->f, FSM_RXJ_MINUS);
}

void cp_rx(struct cp *c, const uint8_t *data, size_t len)
{
    struct rd r = rd_of(data, len);
    uint8_t code = rd_u8(&r);
    uint8_t id = rd_u8(&r);
    uint16_t whole = rd_u16(&r);
    /* what is behind the length is padding (RFC 1661 section 5) */
    struct rd body = rd_sub(&r, whole < 4 ? len + 1 : whole - 4u);
    if (!rd_ok(&body) || whole > CP_MAX) {
        ppp_bad(c->p);
        return;
    }
    c->reply_id = id;
    bool first = !c->heard;
    switch (code) {
    case CP_CONF_REQ:
        rx_request(c, id, body);
        /* A peer that speaks for the first time was perhaps not there when we
         * asked (xl2tpd starts pppd after its last message): it is not kept
         * waiting for the whole Restart timer. Who was there answers sooner. */
        if (first && c->heard && !c->answered)
            fsm_hasten(&c->f, CP_FIRST_AGAIN_MS);
        break;
    case CP_CONF_ACK:
        if (c->f.state < FSM_REQ_SENT)
            fsm_step(&c->f, FSM_RCA);
        else
            rx_ack(c, id, &body);
        break;
    case CP_CONF_NAK:
    case CP_CONF_REJ:
        if (c->f.state < FSM_REQ_SENT)
            fsm_step(&c->f, FSM_RCN);
        else
            rx_nak_rej(c, code, id, body);
        break;
    case CP_TERM_REQ:
        if (c->proto->extra)
            c->proto->extra(c, code, id, &(struct rd){ body.p, body.end, body.bad });
        fsm_step(&c->f, FSM_RTR);
        break;
    case CP_TERM_ACK:
        fsm_step(&c->f, FSM_RTA);
        break;
    case CP_CODE_REJ:
        if (c->proto->extra)
            c->proto->extra(c, code, id, &(struct rd){ body.p, body.end, body.bad });
        rx_code_rej(c, &body);
        break;
    default:
        if (c->proto->extra && c->proto->extra(c, code, id, &body))
            break;
        {
            /* the whole packet comes back, cut to what the peer takes */
            size_t room = ppp_room(c->p);
            c->reply = data;
            c->reply_len = whole < room - 4 ? whole : room - 4;
            fsm_step(&c->f, FSM_RUC);
        }
        break;
    }
}

void cp_text(const uint8_t *s, size_t len, char *out, size_t size)
{
    size_t n = 0;
    while (len && s[len - 1] == 0)      /* some send the NUL, too */
        len--;
    for (size_t i = 0; i < len && n + 1 < size; i++)
        out[n++] = s[i] >= 0x20 && s[i] < 0x7f ? (char)s[i] : '.';
    if (size)
        out[n] = 0;
}
