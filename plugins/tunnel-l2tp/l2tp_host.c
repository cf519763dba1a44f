/* l2tp_host.c - what the machines want of the host: links, timers, datagrams, events.
 *
 * Knows:  how a call looks to the host, how causes and result codes correspond.
 * Leaves: states to l2tp_tunnel and l2tp_call, tables to l2tp_table.
 */
#include "l2tp_inst.h"

#include <adit/auth.h>
#include <stdio.h>
#include <stdlib.h>

ADIT_EVENT(ev_up, "l2tp.tunnel.up", ADIT_LOG_INFO, "A tunnel was established.",
           "peer host vendor tunnel peer-tunnel secured");
ADIT_EVENT(ev_down, "l2tp.tunnel.down", ADIT_LOG_INFO, "A tunnel ended.",
           "peer host tunnel cause reason");
ADIT_EVENT(ev_refused, "l2tp.tunnel.refused", ADIT_LOG_NOTICE, "A tunnel request was refused.",
           "peer result error reason");
ADIT_EVENT(ev_moved, "l2tp.tunnel.moved", ADIT_LOG_INFO,
           "The peer of a tunnel was followed to another address or port.", "tunnel from to");
ADIT_EVENT(ev_clear, "l2tp.clear", ADIT_LOG_NOTICE,
           "A datagram came without the required security and was dropped.", "peer our");
ADIT_EVENT(ev_limit, "l2tp.limit", ADIT_LOG_WARN,
           "A tunnel request was dropped: the limit of that option is reached.", "peer limit");
ADIT_EVENT(ev_tunnel, "l2tp.tunnel.move", ADIT_LOG_DEBUG, "A tunnel changed its state.",
           "peer tunnel from on to");
ADIT_EVENT(ev_call, "l2tp.call.move", ADIT_LOG_DEBUG, "A call changed its state.",
           "peer tunnel session from on to");
ADIT_EVENT(ev_call_down, "l2tp.call.down", ADIT_LOG_DEBUG, "A call ended.",
           "peer tunnel session cause reason");
ADIT_EVENT(ev_message, "l2tp.message", ADIT_LOG_DEBUG, "A control message was sent or received.",
           "peer tunnel sent message");

const struct adit_event *const l2tp_events[] = { &ev_up,    &ev_down,   &ev_refused,   &ev_moved,
                                                 &ev_clear, &ev_limit,  &ev_tunnel,    &ev_call,
                                                 &ev_call_down, &ev_message, NULL };

struct l2tp_end inst_cdn_of(uint32_t cause)
{
    struct l2tp_end end = { L2TP_CDN_ADMIN, 0, cause, adit_cause_told(cause) };
    switch (cause) {
    case ADIT_CAUSE_PEER_HANGUP:
    case ADIT_CAUSE_LOST_CARRIER:
    case ADIT_CAUSE_ECHO_TIMEOUT:
        end.result = L2TP_CDN_CARRIER;
        break;
    case ADIT_CAUSE_PORTS_EXHAUSTED:
    case ADIT_CAUSE_POOL_EXHAUSTED:
    case ADIT_CAUSE_NO_POOL:
        end.result = L2TP_CDN_BUSY;
        break;
    case ADIT_CAUSE_PROTOCOL_OFF:
        end.result = L2TP_CDN_NEVER;
        break;
    case ADIT_CAUSE_LCP_TIMEOUT:
    case ADIT_CAUSE_LCP_FAILED:
    case ADIT_CAUSE_LOOPED:
        end.result = L2TP_CDN_FRAMING;
        break;
    case ADIT_CAUSE_RESOURCE:
    case ADIT_CAUSE_INTERNAL:
        end.result = L2TP_CDN_ERROR;
        end.error = L2TP_ERR_RESOURCES;
        break;
    case ADIT_CAUSE_NO_ANSWER:
        end.result = L2TP_CDN_TIME;
        break;
    default:
        break;
    }
    return end;
}

/* RFC 3145 section 3. One number for all refusals of a user (section 5). */
struct l2tp_ppp_cause inst_ppp_cause_of(uint32_t cause)
{
    enum { LCP = 0xc021, CCP = 0x80fd, IPCP = 0x8021 };
    static const struct {
        uint32_t cause;
        struct l2tp_ppp_cause ppp;
    } rows[] = {
        { ADIT_CAUSE_ADMIN,            {  1, 0,    0 } },
        { ADIT_CAUSE_SHUTDOWN,         {  1, 0,    0 } },
        { ADIT_CAUSE_PEER_HANGUP,      {  3, LCP,  1 } },
        { ADIT_CAUSE_IDLE_TIMEOUT,     {  3, LCP,  2 } },
        { ADIT_CAUSE_SESSION_TIMEOUT,  {  3, LCP,  2 } },
        { ADIT_CAUSE_ENCRYPTION,       {  4, CCP,  1 } },
        { ADIT_CAUSE_LCP_FAILED,       {  5, LCP,  0 } },
        { ADIT_CAUSE_LCP_TIMEOUT,      {  6, LCP,  0 } },
        { ADIT_CAUSE_LOOPED,           {  7, LCP,  0 } },
        { ADIT_CAUSE_ECHO_TIMEOUT,     {  8, LCP,  0 } },
        { ADIT_CAUSE_AUTH_TIMEOUT,     { 13, 0,    0 } },
        { ADIT_CAUSE_NO_COMMON_METHOD, { 15, LCP,  1 } },
        { ADIT_CAUSE_AUTH_FAILED,      { 16, 0,    1 } },
        { ADIT_CAUSE_UNKNOWN_USER,     { 16, 0,    1 } },
        { ADIT_CAUSE_NO_SECRET,        { 16, 0,    1 } },
        { ADIT_CAUSE_NO_PERMISSION,    { 16, 0,    1 } },
        { ADIT_CAUSE_POLICY_DENIED,    { 16, 0,    1 } },
        { ADIT_CAUSE_NO_POLICY,        { 16, 0,    1 } },
        { ADIT_CAUSE_METHOD_REFUSED,   { 16, 0,    1 } },
        { ADIT_CAUSE_DISABLED,         { 16, 0,    1 } },
        { ADIT_CAUSE_EXPIRED,          { 16, 0,    1 } },
        { ADIT_CAUSE_PASSWORD_EXPIRED, { 16, 0,    1 } },
        { ADIT_CAUSE_HOURS,            { 16, 0,    1 } },
        { ADIT_CAUSE_SESSION_LIMIT,    { 16, 0,    1 } },
        { ADIT_CAUSE_CERTIFICATE,      { 16, 0,    1 } },
        { ADIT_CAUSE_NO_NETWORK,       { 18, IPCP, 0 } },
        { ADIT_CAUSE_IPCP_FAILED,      { 19, IPCP, 2 } },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].cause == cause)
            return rows[i].ppp;
    return (struct l2tp_ppp_cause){ 0, 0, 0 };
}

/* ---- for those who watch a peer --------------------------------------------------- */

void inst_trace(struct inst *in, const struct adit_path *path, uint32_t how, const char *line)
{
    if (adit_trace_wants(in->self, &path->peer, how) & ADIT_TRACE_LINES)
        in->self->host->trace->line(in->self, &path->peer, how, "L2TP", line);
}

/* What a LAC heard of the client's login (RFC 2661 section 4.4.5): with PAP it is the password. */
static void response_mask(uint8_t *p, size_t len)
{
    struct rd r = rd_of(p, len);
    struct l2tp_hdr h;
    if (l2tp_hdr_read(&r, &h))
        return;
    while (rd_left(&r)) {
        uint16_t size = rd_u16(&r) & 0x3ffu, vendor = rd_u16(&r), code = rd_u16(&r);
        size_t left = rd_left(&r), n = size > 6 ? size - 6u : 0;
        if (!rd_ok(&r))
            return;
        n = n < left ? n : left;
        if (!vendor && code == L2TP_AVP_PROXY_RESPONSE)
            memset(p + (r.p - p), '*', n);
        rd_skip(&r, n);
    }
}

void inst_trace_packet(struct inst *in, const struct adit_path *path, uint32_t how,
                       const uint8_t *p, size_t len)
{
    static uint8_t shown[65535];
    if (len > sizeof shown || !(adit_trace_wants(in->self, &path->peer, how) & ADIT_TRACE_PACKETS))
        return;
    memcpy(shown, p, len);
    response_mask(shown, len);
    in->self->host->trace->packet(in->self, how, ADIT_PROTO_UDP, &path->our, &path->peer, 0, shown,
                                  (uint32_t)len);
}

/* ---- events ---------------------------------------------------------------------- */

void inst_event_clear(struct inst *in, const struct adit_path *path)
{
    inst_trace(in, path, ADIT_TRACE_NOTE, "dropped: it came without the required security");
    if (in->self->host->log->allow(in->self, &ev_clear, 6))
        adit_event(in->self, &ev_clear, ADIT_KV_ADDR("peer", &path->peer),
                   ADIT_KV_ADDR("our", &path->our));
}

void inst_event_limit(struct inst *in, const struct adit_path *path, const char *limit)
{
    char line[80];
    snprintf(line, sizeof line, "a tunnel request is dropped: %s", limit);
    inst_trace(in, path, ADIT_TRACE_NOTE, line);
    if (in->self->host->log->allow(in->self, &ev_limit, 6))
        adit_event(in->self, &ev_limit, ADIT_KV_ADDR("peer", &path->peer),
                   ADIT_KV_S("limit", limit));
}

void inst_event_refused(struct inst *in, const struct adit_path *path, const struct l2tp_end *end)
{
    char line[160];
    snprintf(line, sizeof line, "a tunnel request is refused: %.120s",
             end->text ? end->text : adit_cause_told(end->cause));
    inst_trace(in, path, ADIT_TRACE_NOTE, line);
    if (in->self->host->log->allow(in->self, &ev_refused, 60))
        adit_event(in->self, &ev_refused, ADIT_KV_ADDR("peer", &path->peer),
                   ADIT_KV_U("result", end->result), ADIT_KV_U("error", end->error),
                   ADIT_KV_S("reason", end->text ? end->text : ""));
    struct adit_link_info i = { .size = sizeof i, .role = ADIT_ROLE_ANSWER, .our = path->our,
                                .peer = path->peer, .security = path->security };
    if (end->cause != ADIT_CAUSE_SHUTDOWN && end->cause != ADIT_CAUSE_NONE &&
        ADIT_HAS(in->self->host->link, failed))
        in->self->host->link->failed(in->self, &i, end->cause, end->text);
}

void inst_event_moved(struct inst_tunnel *t, const struct adit_path *from)
{
    adit_event(t->inst->self, &ev_moved, ADIT_KV_U("tunnel", t->t.our_id),
               ADIT_KV_ADDR("from", &from->peer), ADIT_KV_ADDR("to", &t->path->peer));
}

static void op_moved(struct l2tp_tunnel *lt, struct l2tp_call *c, const char *from,
                     const char *on, const char *to)
{
    struct inst_tunnel *t = L2TP_TUNNEL_OF(lt);
    if (c)
        adit_event(t->inst->self, &ev_call, ADIT_KV_ADDR("peer", &t->path->peer),
                   ADIT_KV_U("tunnel", lt->our_id), ADIT_KV_U("session", c->our_id),
                   ADIT_KV_S("from", from), ADIT_KV_S("on", on), ADIT_KV_S("to", to));
    else
        adit_event(t->inst->self, &ev_tunnel, ADIT_KV_ADDR("peer", &t->path->peer),
                   ADIT_KV_U("tunnel", lt->our_id), ADIT_KV_S("from", from), ADIT_KV_S("on", on),
                   ADIT_KV_S("to", to));
}

static void op_trace(struct l2tp_tunnel *lt, bool sent, const struct l2tp_msg *m)
{
    struct inst_tunnel *t = L2TP_TUNNEL_OF(lt);
    char line[512];
    uint32_t how = (sent ? ADIT_TRACE_TX : ADIT_TRACE_RX) |
                   (m->type == L2TP_HELLO ? ADIT_TRACE_ROUTINE : 0);
    (void)l2tp_msg_print(m, line, sizeof line);
    inst_trace(t->inst, t->path, how, line);
    adit_event(t->inst->self, &ev_message, ADIT_KV_ADDR("peer", &t->path->peer),
               ADIT_KV_U("tunnel", lt->our_id), ADIT_KV_BOOL("sent", sent),
               ADIT_KV_S("message", line));
}

/* ---- tunnels ----------------------------------------------------------------------- */

static uint64_t op_now(struct l2tp_tunnel *lt)
{
    return L2TP_TUNNEL_OF(lt)->inst->self->host->loop->now();
}

static void op_tx(struct l2tp_tunnel *lt, const uint8_t *p, size_t len)
{
    struct inst_tunnel *t = L2TP_TUNNEL_OF(lt);
    uint8_t buf[ADIT_ROOM + L2TP_HDR_LEN + L2TP_BODY_MAX + ADIT_ROOM];
    if (len > L2TP_HDR_LEN + L2TP_BODY_MAX)
        return;
    inst_trace_packet(t->inst, t->path, ADIT_TRACE_TX, p, len);
    /* A copy: what is below may write over it, and it may have to be sent again. */
    struct adit_frame f = adit_frame_of(buf, sizeof buf, ADIT_ROOM, len), *v = &f;
    memcpy(f.data, p, len);
    t->inst->self->host->path->tx(t->path, &v, 1);
}

static void op_timer(struct l2tp_tunnel *lt, uint32_t which, uint32_t ms)
{
    struct inst_tunnel *t = L2TP_TUNNEL_OF(lt);
    const struct adit_loop_api *loop = t->inst->self->host->loop;
    if (ms)
        loop->timer_set(t->timer[which], ms);
    else
        loop->timer_stop(t->timer[which]);
}

static void op_up(struct l2tp_tunnel *lt)
{
    struct inst_tunnel *t = L2TP_TUNNEL_OF(lt);
    inst_tunnel_half_open(t, false);
    t->was_up = true;
    adit_event(t->inst->self, &ev_up, ADIT_KV_ADDR("peer", &t->path->peer),
               ADIT_KV_S("host", lt->peer_host), ADIT_KV_S("vendor", lt->peer_vendor),
               ADIT_KV_U("tunnel", lt->our_id), ADIT_KV_U("peer-tunnel", lt->peer_id),
               ADIT_KV_BOOL("secured", t->path->security != NULL));
}

static void op_closed(struct l2tp_tunnel *lt, uint32_t cause, const char *text)
{
    struct inst_tunnel *t = L2TP_TUNNEL_OF(lt);
    if (!t->was_up && !lt->dialled) {
        l2tp_count(&t->inst->env, TUNNELS_DENIED);
        inst_event_refused(t->inst, t->path, &lt->end);
        return;
    }
    adit_event(t->inst->self, &ev_down, ADIT_KV_ADDR("peer", &t->path->peer),
               ADIT_KV_S("host", lt->peer_host), ADIT_KV_U("tunnel", lt->our_id),
               ADIT_KV_U("cause", cause), ADIT_KV_S("reason", text ? text : ""));
}

static void op_gone(struct l2tp_tunnel *lt)
{
    inst_tunnel_gone(L2TP_TUNNEL_OF(lt));
}

/* ---- calls ---------------------------------------------------------------------------- */

static struct l2tp_call *op_call_new(struct l2tp_tunnel *lt)
{
    struct inst_tunnel *t = L2TP_TUNNEL_OF(lt);
    struct inst_call *c = inst_call_new(t->inst, t);
    return c ? &c->c : NULL;
}

static struct l2tp_call *op_call_at(struct l2tp_tunnel *lt, uint16_t our_id)
{
    struct inst_call *c = L2TP_TUNNEL_OF(lt)->inst->call[our_id];
    return c && c->c.t == lt ? &c->c : NULL;
}

static void op_call_timer(struct l2tp_call *lc, uint32_t ms)
{
    struct inst_call *c = L2TP_CALL_OF(lc);
    if (ms)
        c->inst->self->host->loop->timer_set(c->timer, ms);
    else
        c->inst->self->host->loop->timer_stop(c->timer);
}

/* What PPP may send in one frame: the option, or what the path takes without
 * fragments behind our header, address and control field. */
static uint32_t mtu_of(const struct inst_call *c, const struct adit_path *path)
{
    struct l2tp_tx tx = { .sequence = true, .length = c->inst->conf->length_bit };
    uint32_t mtu = c->inst->conf->mtu, over = l2tp_data_overhead(&tx) + 4;
    if (path->mtu > over + 128 && path->mtu - over < mtu)
        mtu = path->mtu - over;
    return mtu;
}

/* Proxy Authen Type (section 4.4.5) as a method of ours. */
static uint32_t proxy_method(uint16_t type)
{
    switch (type) {
    case 2:
        return ADIT_AUTH_CHAP;
    case 3:
        return ADIT_AUTH_PAP;
    case 5:
        return ADIT_AUTH_MSCHAPV1;
    default:
        return 0;               /* textual, none, unknown */
    }
}

static struct adit_link_info info_of(struct inst_call *c, const struct l2tp_msg *m, char *name,
                                     size_t name_size)
{
    struct inst_tunnel *t = L2TP_TUNNEL_OF(c->c.t);
    struct adit_link_info i = {
        .size = sizeof i,
        .role = c->c.lac ? ADIT_ROLE_DIAL : ADIT_ROLE_ANSWER,
        .our = t->path->our,
        .peer = t->path->peer,
        .calling = c->c.calling[0] ? c->c.calling : NULL,
        .called = c->c.called[0] ? c->c.called : NULL,
        .peer_host = c->c.t->peer_host[0] ? c->c.t->peer_host : NULL,
        .security = t->path->security,
        .mtu = mtu_of(c, t->path),
        .speed_bps = c->c.tx_bps,
    };
    if (!m || m->type != L2TP_ICCN)
        return i;
    i.proxy_lcp_sent = m->lcp_last_sent.p;
    i.proxy_lcp_sent_len = m->lcp_last_sent.len;
    i.proxy_lcp_rcvd = m->lcp_last_rcvd.p;
    i.proxy_lcp_rcvd_len = m->lcp_last_rcvd.len;
    i.proxy_auth = proxy_method(m->proxy_type);
    if (!i.proxy_auth)
        return i;
    l2tp_text(name, name_size, m->proxy_name);
    i.proxy_name = name;
    i.proxy_id = m->proxy_id & 0xffu;
    i.proxy_challenge = m->proxy_challenge.p;
    i.proxy_challenge_len = m->proxy_challenge.len;
    i.proxy_response = m->proxy_response.p;
    i.proxy_response_len = m->proxy_response.len;
    return i;
}

static int32_t op_call_open(struct l2tp_call *lc)
{
    struct inst_call *c = L2TP_CALL_OF(lc);
    struct adit_link_info i = info_of(c, NULL, NULL, 0);
    if (c->inst->stopping)
        return ADIT_EDENIED;
    return c->inst->self->host->link->open(c->inst->self, &i, c, &c->link);
}

static void op_call_up(struct l2tp_call *lc, const struct l2tp_msg *m)
{
    struct inst_call *c = L2TP_CALL_OF(lc);
    char name[256];
    struct adit_link_info i = info_of(c, m, name, sizeof name);
    c->tx = (struct l2tp_tx){ .tunnel = lc->t->peer_id,
                              .session = lc->peer_id,
                              .sequence = lc->sequenced,
                              .length = c->inst->conf->length_bit };
    c->inst->self->host->link->up(c->link, &i);
}

static void op_call_down(struct l2tp_call *lc, uint32_t cause, const char *text)
{
    struct inst_call *c = L2TP_CALL_OF(lc);
    struct inst_tunnel *t = L2TP_TUNNEL_OF(lc->t);
    struct adit_link *link = c->link;
    adit_event(c->inst->self, &ev_call_down, ADIT_KV_ADDR("peer", &t->path->peer),
               ADIT_KV_U("tunnel", lc->t->our_id), ADIT_KV_U("session", lc->our_id),
               ADIT_KV_U("cause", cause), ADIT_KV_S("reason", text ? text : ""));
    c->link = NULL;
    if (link)
        c->inst->self->host->link->down(link, cause, text);
}

static void op_call_free(struct l2tp_call *lc)
{
    inst_call_gone(L2TP_CALL_OF(lc));
}

const struct l2tp_ops inst_ops = {
    .now = op_now,           .tx = op_tx,           .timer = op_timer,
    .call_timer = op_call_timer, .moved = op_moved, .trace = op_trace,
    .up = op_up,             .call_new = op_call_new, .call_at = op_call_at,
    .call_open = op_call_open, .call_up = op_call_up, .call_down = op_call_down,
    .call_free = op_call_free, .closed = op_closed, .gone = op_gone,
};

/* ---- sequenced data --------------------------------------------------------------------- */

static void seq_fire(void *u)
{
    struct inst_call *c = u;
    struct l2tp_seq *q = c->seq;
    uint64_t lost = q->lost;
    l2tp_seq_tick(q);
    l2tp_count_n(&c->inst->env, SEQ_LOST, q->lost - lost);
}

static void seq_timer(void *u, uint32_t ms)
{
    struct inst_call *c = u;
    const struct adit_loop_api *loop = c->inst->self->host->loop;
    if (!c->seq_timer && ms)
        c->seq_timer = loop->timer_new(c->inst->self, seq_fire, c);
    if (!c->seq_timer)
        return;
    if (ms)
        loop->timer_set(c->seq_timer, ms);
    else
        loop->timer_stop(c->seq_timer);
}

static void seq_deliver(void *u, struct adit_frame **v, uint32_t n)
{
    struct inst_call *c = u;
    if (c->link)
        c->inst->self->host->link->rx(c->link, v, n);
}

const struct l2tp_seq_ops inst_seq_ops = { seq_deliver, seq_timer };
