/* l2tp_io.c - an instance of L2TP: its ports, where each datagram goes, its life.
 *
 * Knows:  which path a message may come on, which tunnel and call it is for.
 * Leaves: what it means to the machines, what is known to l2tp_table, links
 *         and timers to l2tp_host.
 */
#include "l2tp_inst.h"

#include <adit/plugin.h>
#include <stdlib.h>
#include <unistd.h>

#define START_MAX 2048u         /* bytes of a message that may open a tunnel */

/* ---- refusals that leave no state -------------------------------------------------- */

static bool reply_allowed(struct inst *in)
{
    uint64_t now = in->self->host->loop->now();
    uint32_t rate = in->conf->replies_per_s;
    uint64_t gained = (now - in->reply_at) * rate / 1000;
    if (in->reply_tokens > rate)
        in->reply_tokens = rate;            /* the option was lowered */
    if (gained) {
        in->reply_tokens = gained >= rate - in->reply_tokens ? rate
                                                             : in->reply_tokens + (uint32_t)gained;
        in->reply_at = now;
    }
    if (!in->reply_tokens) {
        l2tp_count(&in->env, TX_REPLY_LIMIT);
        return false;
    }
    in->reply_tokens--;
    return true;
}

/* A StopCCN to an SCCRQ that was refused; the tunnel id in it belongs to nobody. */
static void reply_stop(struct inst *in, struct adit_path *path, uint16_t peer_id,
                       const struct l2tp_end *end)
{
    uint8_t buf[ADIT_ROOM + L2TP_HDR_LEN + 256 + ADIT_ROOM], body[256];
    struct l2tp_msg m = l2tp_msg_of(L2TP_StopCCN);
    char text[L2TP_END_TEXT];
    uint16_t id = 0;
    if (!reply_allowed(in))
        return;
    while (!id)
        in->env.crypto->random(&id, sizeof id);
    l2tp_set(&m, TUNNEL_ID, tunnel_id, id);
    l2tp_set(&m, RESULT, result,
             ((struct l2tp_result){ end->result, end->error, l2tp_end_text(end, text) }));
    size_t len = l2tp_msg_build(&m, body, sizeof body, NULL);
    if (!len)
        return;
    struct adit_frame f = adit_frame_of(buf, sizeof buf, ADIT_ROOM, L2TP_HDR_LEN + len), *v = &f;
    struct wr w = wr_of(f.data, f.len);
    wr_u16(&w, L2TP_F_CONTROL | L2TP_F_LENGTH | L2TP_F_SEQUENCE | 2u);
    wr_u16(&w, (uint16_t)f.len);
    wr_u16(&w, peer_id);
    wr_u16(&w, 0);
    wr_u16(&w, 0);              /* Ns */
    wr_u16(&w, 1);              /* Nr: the SCCRQ is acknowledged */
    wr_bytes(&w, body, len);
    l2tp_count(&in->env, TX_REPLY);
    l2tp_count(&in->env, TX_CONTROL);
    char line[512];
    (void)l2tp_msg_print(&m, line, sizeof line);
    inst_trace(in, path, ADIT_TRACE_TX, line);
    inst_trace_packet(in, path, ADIT_TRACE_TX, f.data, f.len);
    in->self->host->path->tx(path, &v, 1);
}

static void refuse(struct inst *in, struct adit_path *path, uint16_t peer_id,
                   const struct l2tp_end *end)
{
    l2tp_count(&in->env, TUNNELS_DENIED);
    inst_event_refused(in, path, end);
    reply_stop(in, path, peer_id, end);
}

/* ---- messages without a tunnel id ------------------------------------------------------ */

/* A message to tunnel 0, read before anything is known. */
struct start {
    struct l2tp_msg m;
    struct l2tp_fault f;
    const char *secret;
    uint8_t body[START_MAX];    /* m points into it */
};

static bool start_read(struct inst *in, const struct adit_path *path, struct start *s,
                       const uint8_t *body, size_t len)
{
    if (len > sizeof s->body)
        return false;
    memcpy(s->body, body, len);
    s->secret = inst_secret(in, &path->peer, l2tp_msg_host(body, len));
    struct l2tp_hide hide = { .crypto = in->env.crypto,
                              .secret = (const uint8_t *)s->secret,
                              .secret_len = (uint32_t)strlen(s->secret) };
    (void)l2tp_msg_parse(&s->m, s->body, len, &hide, &s->f);
    return s->m.has & L2TP_HAS(TYPE);
}

/* The tunnel from there by the id that the peer gave it: a duplicate SCCRQ has
 * no other mark (row K8), nor has a StopCCN before our id was heard. */
static struct inst_tunnel *by_peer_id(struct inst *in, const struct adit_path *path, uint16_t id)
{
    struct inst_host *h = inst_host_of(in, &path->peer);
    struct inst_tunnel *best = NULL;
    if (!h)
        return NULL;
    ADIT_LIST_EACH(n, &h->tunnels) {        /* the newest is the last */
        struct inst_tunnel *t = ADIT_OF(n, struct inst_tunnel, in_host);
        if (t->t.peer_id == id && t->t.state != L2TP_T_CLOSED &&
            t->path->peer.port == path->peer.port &&
            inst_same_security(t->path->security, path->security))
            best = t;
    }
    return best;
}

/* Row K3: whoever addresses us with tunnel id 0 means the one tunnel from there. */
static struct inst_tunnel *only_one(struct inst *in, const struct adit_path *path)
{
    struct inst_host *h = inst_host_of(in, &path->peer);
    struct inst_tunnel *one = NULL;
    if (!h)
        return NULL;
    ADIT_LIST_EACH(n, &h->tunnels) {
        struct inst_tunnel *t = ADIT_OF(n, struct inst_tunnel, in_host);
        if (t->path->peer.port != path->peer.port || t->t.state == L2TP_T_CLOSED ||
            !inst_same_security(t->path->security, path->security))
            continue;
        if (one)
            return NULL;
        one = t;
    }
    return one;
}

/* Section 4.4.3, Tie Breaker. Our own request to that peer, if there is one. */
static struct inst_tunnel *rival(struct inst *in, const struct adit_path *path)
{
    struct inst_host *h = inst_host_of(in, &path->peer);
    if (!h)
        return NULL;
    ADIT_LIST_EACH(n, &h->tunnels) {
        struct inst_tunnel *t = ADIT_OF(n, struct inst_tunnel, in_host);
        if (t->t.state == L2TP_T_WAIT_CTL_REPLY &&
            inst_same_security(t->path->security, path->security))
            return t;
    }
    return NULL;
}

/* Whether a challenge is one that we ourselves sent: the answer that our SCCRP
 * would give to it is the proof that we wait for from the server that we call. */
static bool is_ours(const struct inst *in, struct l2tp_bytes challenge)
{
    ADIT_LIST_EACH(n, &in->dialled) {
        const struct inst_tunnel *t = ADIT_OF(n, struct inst_tunnel, in_dialled);
        if (t->t.challenged && challenge.len == sizeof t->t.challenge &&
            bytes_equal(challenge.p, t->t.challenge, sizeof t->t.challenge))
            return true;
    }
    return false;
}

enum tie { TIE_NONE, TIE_OURS, TIE_THEIRS, TIE_EQUAL };

static enum tie tie_of(const struct inst_tunnel *ours, const struct l2tp_msg *m)
{
    if (!ours || (!ours->t.ties && !l2tp_has(m, TIE_BREAKER)))
        return TIE_NONE;                    /* two tunnels, then */
    if (!l2tp_has(m, TIE_BREAKER))
        return TIE_OURS;
    if (!ours->t.ties || m->tie_breaker < ours->t.tie_breaker)
        return TIE_THEIRS;
    return m->tie_breaker > ours->t.tie_breaker ? TIE_OURS : TIE_EQUAL;
}

static void accept_tunnel(struct inst_port *p, struct adit_path *path, const struct l2tp_hdr *h,
                          uint8_t *body, size_t len, const struct start *s)
{
    static const struct l2tp_end reflected = { L2TP_STOP_DENIED, 0, ADIT_CAUSE_TUNNEL_AUTH,
                                               "the challenge is our own" };
    static const struct l2tp_end stopping = { L2TP_STOP_SHUTDOWN, 0, ADIT_CAUSE_SHUTDOWN,
                                              "the server is stopping" };
    struct inst *in = p->inst;
    const char *limit = inst_limit(in, &path->peer);
    if (!p->serves) {                       /* a port that we dialled from */
        l2tp_count(&in->env, RX_UNEXPECTED);
        return;
    }
    if (in->stopping) {
        refuse(in, path, s->m.tunnel_id, &stopping);
        return;
    }
    if (limit) {                            /* silence: an answer would help a flood */
        l2tp_count(&in->env, HALF_OPEN_LIMIT);
        inst_event_limit(in, path, limit);
        return;
    }
    if (l2tp_has(&s->m, CHALLENGE) && is_ours(in, s->m.challenge)) {
        l2tp_count(&in->env, TUNNELS_AUTH);
        refuse(in, path, s->m.tunnel_id, &reflected);
        return;
    }
    struct inst_tunnel *ours = rival(in, path);
    enum tie tie = tie_of(ours, &s->m);
    if (tie == TIE_OURS)
        return;                             /* the peer discards it, too */
    if (tie == TIE_EQUAL) {
        l2tp_tunnel_lost(&ours->t, ADIT_CAUSE_REFUSED, "both ends called with the same tie breaker");
        return;
    }
    struct inst_tunnel *t = inst_tunnel_new(in, p, path, s->secret);
    struct l2tp_end why = { L2TP_STOP_ERROR, L2TP_ERR_RESOURCES, ADIT_CAUSE_RESOURCE,
                            "insufficient resources" };
    if (!t) {
        refuse(in, path, s->m.tunnel_id, &why);
        return;
    }
    if (!l2tp_tunnel_accept(&t->t, h->ns, h->nr, body, len, &why)) {
        if (why.result)
            refuse(in, path, t->t.peer_id, &why);
        inst_tunnel_gone(t);
        return;
    }
    if (t->t.state == L2TP_T_WAIT_CTL_CONN)
        inst_tunnel_half_open(t, true);
    if (tie == TIE_THEIRS)
        l2tp_tunnel_lose(&ours->t, &t->t);
}

static void rx_start(struct inst_port *p, struct adit_path *path, const struct l2tp_hdr *h,
                     uint8_t *body, size_t len)
{
    struct inst *in = p->inst;
    struct inst_tunnel *t = NULL;
    struct start s;
    if (in->env.zero_id && (len == 0 || !start_read(in, path, &s, body, len) ||
                            s.m.type != L2TP_SCCRQ))
        t = only_one(in, path);
    if (t) {
        l2tp_tunnel_rx(&t->t, h->ns, h->nr, h->session, body, len);
        return;
    }
    if (len == 0) {
        l2tp_count(&in->env, RX_NO_TUNNEL);
        return;
    }
    if (!start_read(in, path, &s, body, len)) {
        l2tp_count(&in->env, RX_MALFORMED);
        return;
    }
    if (l2tp_has(&s.m, TUNNEL_ID) && (s.m.type == L2TP_SCCRQ || s.m.type == L2TP_StopCCN))
        t = by_peer_id(in, path, s.m.tunnel_id);
    /* The same request, again; long after, it is a client that began anew. */
    if (t && s.m.type == L2TP_SCCRQ && t->t.state == L2TP_T_ESTABLISHED &&
        in->self->host->loop->now() - t->t.since_ms > l2tp_cycle_ms(&in->env))
        t = NULL;
    if (t)
        l2tp_tunnel_rx(&t->t, h->ns, h->nr, h->session, body, len);
    else if (s.m.type == L2TP_SCCRQ)
        accept_tunnel(p, path, h, body, len, &s);
    else
        l2tp_count(&in->env, RX_NO_TUNNEL);
}

/* ---- datagrams --------------------------------------------------------------------------- */

/* What is clear although security is required: dropped, and an SCCRQ is told. */
static void rx_clear(struct inst *in, struct adit_path *path, struct adit_frame *f)
{
    static const struct l2tp_end clear = { L2TP_STOP_DENIED, 0, ADIT_CAUSE_CLEAR_REFUSED,
                                           "IPsec is required" };
    struct rd r = rd_of(f->data, f->len);
    struct l2tp_hdr h;
    struct start s;
    l2tp_count(&in->env, RX_CLEAR);
    inst_event_clear(in, path);
    if (l2tp_hdr_read(&r, &h) != L2TP_HDR_OK || !(h.flags & L2TP_F_CONTROL) || h.tunnel)
        return;
    size_t len;
    const uint8_t *body = rd_rest(&r, &len);
    if (len && start_read(in, path, &s, body, len) && s.m.type == L2TP_SCCRQ)
        refuse(in, path, s.m.tunnel_id, &clear);
}

/* Whether a datagram is of the tunnel's peer: the same address through the same
 * security association. The port may differ for data; control must prove it. */
static bool from_peer(const struct inst_tunnel *t, const struct adit_path *path)
{
    return path == t->path || (adit_same_host(&path->peer, &t->path->peer) &&
                               inst_same_security(path->security, t->path->security));
}

/* Row M8, and clients whose NAT gave them another address: the next message in
 * line proves who it is. */
static bool may_follow(const struct inst_tunnel *t, const struct adit_path *path,
                       const struct l2tp_hdr *h, size_t len)
{
    if (!len || t->t.state == L2TP_T_CLOSED || !l2tp_rel_next_in_line(&t->t.rel, h->ns, h->nr) ||
        !inst_same_security(path->security, t->path->security))
        return false;
    if (adit_same_host(&path->peer, &t->path->peer))
        return true;
    return t->inst->conf->follow == L2TP_FOLLOW_ALWAYS ||
           (t->inst->conf->follow == L2TP_FOLLOW_SECURED && path->security);
}

static bool same_end(const struct adit_path *a, const struct adit_path *b)
{
    return a == b || (a->peer.port == b->peer.port && adit_same_host(&a->peer, &b->peer) &&
                      adit_same_host(&a->our, &b->our) &&
                      inst_same_security(a->security, b->security));
}

static void rx_control(struct inst_port *p, struct adit_path *path, const struct l2tp_hdr *h,
                       uint8_t *body, size_t len)
{
    struct inst *in = p->inst;
    struct inst_tunnel *t = in->tunnel[h->tunnel];
    l2tp_count(&in->env, RX_CONTROL);
    if (!h->tunnel) {
        rx_start(p, path, h, body, len);
        return;
    }
    if (!t) {
        l2tp_count(&in->env, RX_NO_TUNNEL);     /* section 3.1 wants no answer */
        return;
    }
    if (!same_end(path, t->path)) {
        struct adit_path *old = t->path;
        if (!may_follow(t, path, h, len)) {
            l2tp_count(&in->env, RX_WRONG_PATH);
            return;
        }
        in->self->host->path->hold(old);        /* for the event */
        inst_tunnel_move(t, path);
        l2tp_count(&in->env, MOVED);
        inst_event_moved(t, old);
        in->self->host->path->drop(old);
    }
    l2tp_tunnel_rx(&t->t, h->ns, h->nr, h->session, body, len);
}

/* Frames of one call, in the order of the vector. */
struct run {
    struct inst_call *call;     /* NULL: none */
    uint16_t tunnel, session;
    uint32_t n;
    bool ordered;               /* frames went through call->seq */
    struct adit_frame *v[ADIT_VECTOR];
};

/* Hands the run up. The call may end in that: it is looked up again after. */
static void run_end(struct run *r, uint64_t now)
{
    struct inst_call *c = r->call;
    uint32_t n = r->n;
    r->call = NULL;
    r->n = 0;
    if (!c)
        return;
    l2tp_tunnel_heard(c->c.t, now);
    if (r->ordered) {
        struct l2tp_seq *q = c->seq;
        r->ordered = false;
        l2tp_seq_flush(q);
    } else if (n) {
        c->rx_frames += n;
        l2tp_count_n(&c->inst->env, RX_DATA, n);
        c->inst->self->host->link->rx(c->link, r->v, n);
    }
}

static struct inst_call *run_begin(struct inst *in, struct run *r, const struct adit_path *path,
                                   const struct l2tp_hdr *h)
{
    struct inst_call *c = in->call[h->session];
    if (!c || c->c.t->our_id != h->tunnel || c->c.state != L2TP_C_ESTABLISHED) {
        l2tp_count(&in->env, RX_NO_SESSION);
        return NULL;
    }
    if (!from_peer(L2TP_TUNNEL_OF(c->c.t), path)) {
        l2tp_count(&in->env, RX_WRONG_PATH);
        return NULL;
    }
    r->call = c;
    r->tunnel = h->tunnel;
    r->session = h->session;
    return c;
}

/* Section 5.4: sequenced data is put into order; a LAC does as the LNS does. */
static bool rx_ordered(struct inst_call *c, const struct l2tp_hdr *h, struct adit_frame *f)
{
    const struct l2tp_conf *conf = c->inst->conf;
    if (!c->seq) {
        c->seq = calloc(1, sizeof *c->seq);
        if (!c->seq)
            return false;
        l2tp_seq_init(c->seq, &inst_seq_ops, c->inst->self->host->frame, c,
                      (uint16_t)conf->reorder_queue, (uint32_t)conf->reorder_ms);
    }
    struct l2tp_seq *q = c->seq;
    uint64_t late = q->late, lost = q->lost, reordered = q->reordered;
    c->rx_frames++;
    l2tp_count(&c->inst->env, RX_DATA);
    l2tp_seq_rx(q, h->ns, f);
    l2tp_count_n(&c->inst->env, SEQ_LATE, q->late - late);
    l2tp_count_n(&c->inst->env, SEQ_LOST, q->lost - lost);
    l2tp_count_n(&c->inst->env, SEQ_REORDERED, q->reordered - reordered);
    return true;
}

static void rx_data(struct inst *in, struct run *r, const struct adit_path *path,
                    const struct l2tp_hdr *h, struct adit_frame *f, uint64_t now)
{
    bool sequenced = h->flags & L2TP_F_SEQUENCE;
    if (!r->call || r->tunnel != h->tunnel || r->session != h->session ||
        (r->n && sequenced) || (r->ordered && !sequenced)) {
        run_end(r, now);
        if (!run_begin(in, r, path, h))
            return;
    }
    struct inst_call *c = r->call;
    if (c->c.lac && !c->c.sequenced)
        c->tx.sequence = sequenced;
    if (!sequenced) {
        if (c->c.sequenced)
            l2tp_count(&in->env, SEQ_MISSING);
        r->v[r->n++] = f;
        return;
    }
    r->ordered = true;
    if (!rx_ordered(c, h, f) || c->c.state != L2TP_C_ESTABLISHED) {
        r->call = NULL;                     /* the call ended when a full batch went up */
        r->ordered = false;
    }
}

static void rx(void *u, struct adit_path *path, struct adit_frame **v, uint32_t n)
{
    struct inst_port *p = u;
    struct inst *in = p->inst;
    struct run run = { .call = NULL };
    uint64_t now = in->self->host->loop->now();
    static const uint32_t bad[] = { [L2TP_HDR_SHORT] = L2TP_N_RX_SHORT,
                                    [L2TP_HDR_VERSION] = L2TP_N_RX_VERSION,
                                    [L2TP_HDR_LENGTH] = L2TP_N_RX_BAD_LENGTH,
                                    [L2TP_HDR_CONTROL] = L2TP_N_RX_BAD_HEADER };
    for (uint32_t i = 0; i < n; i++) {
        struct rd r = rd_of(v[i]->data, v[i]->len);
        struct l2tp_hdr h;
        if (p->secure && !path->security) {
            rx_clear(in, path, v[i]);
            continue;
        }
        int wrong = l2tp_hdr_read(&r, &h);
        if (wrong) {                        /* row K7: L2TPv3 and L2F get no answer */
            in->env.counters[bad[wrong]]++;
            continue;
        }
        uint32_t len = (uint32_t)rd_left(&r);
        if (h.flags & L2TP_F_CONTROL) {
            run_end(&run, now);
            inst_trace_packet(in, path, ADIT_TRACE_RX, v[i]->data, v[i]->len);
            rx_control(p, path, &h, (uint8_t *)(uintptr_t)rd_bytes(&r, len), len);
            continue;
        }
        (void)adit_frame_pull(v[i], (uint32_t)(r.p - v[i]->data));
        v[i]->len = len;                    /* what follows the length field's end is padding */
        if (len)
            rx_data(in, &run, path, &h, v[i], now);
    }
    run_end(&run, now);
}

static void path_gone(void *u, struct adit_path *path)
{
    struct inst_port *p = u;
    struct inst_host *h = inst_host_of(p->inst, &path->peer);
    for (bool again = h != NULL; again;) {
        again = false;
        ADIT_LIST_EACH(n, &h->tunnels) {
            struct inst_tunnel *t = ADIT_OF(n, struct inst_tunnel, in_host);
            if (t->path != path)
                continue;
            again = h->count > 1;           /* with its last tunnel, h is gone, too */
            l2tp_tunnel_lost(&t->t,
                             t->t.state == L2TP_T_WAIT_CTL_REPLY ? ADIT_CAUSE_NO_ANSWER
                                                                 : ADIT_CAUSE_LOST_CARRIER,
                             path->security ? "the IPsec association is gone"
                                            : "the peer is unreachable");
            break;
        }
    }
}

static const struct adit_path_ops path_ops = { sizeof path_ops, rx, path_gone };

/* ---- the host's calls ---------------------------------------------------------------------- */

static void tunnel_tx(void *call, struct adit_frame **v, uint32_t n)
{
    struct inst_call *c = call;
    struct inst *in = c->inst;
    if (c->c.state != L2TP_C_ESTABLISHED)
        return;
    uint32_t out = l2tp_data_push(&c->tx, v, n);
    l2tp_count_n(&in->env, TX_NO_ROOM, n - out);
    l2tp_count_n(&in->env, TX_DATA, out);
    c->tx_frames += out;
    if (out)
        in->self->host->path->tx(L2TP_TUNNEL_OF(c->c.t)->path, v, out);
}

static void tunnel_hangup(void *call, uint32_t cause)
{
    struct inst_call *c = call;
    struct l2tp_end end = inst_cdn_of(cause);
    if (c->c.state == L2TP_C_ESTABLISHED)
        c->c.ppp = inst_ppp_cause_of(cause);
    if (c->c.state != L2TP_C_CLOSED)
        l2tp_call_close(&c->c, &end);
}

static struct inst_port *port_new(struct inst *in, const struct adit_addr *at, bool secure,
                                  bool serves, int32_t *code)
{
    struct inst_port *p = calloc(1, sizeof *p);
    if (!p) {
        *code = ADIT_ENOMEM;
        return NULL;
    }
    p->inst = in;
    p->secure = secure;
    p->serves = serves;
    *code = in->self->host->path->bind(in->self, ADIT_PROTO_UDP, at, secure ? ADIT_PATH_SECURE : 0,
                                       &path_ops, p, &p->port);
    if (*code) {
        free(p);
        return NULL;
    }
    return p;
}

static void port_free(struct inst *in, struct inst_port *p)
{
    in->self->host->path->unbind(p->port);
    free(p);
}

static int32_t dial_on(struct inst *in, struct inst_port *p, struct adit_path *path,
                       struct adit_link *link, const struct adit_dial *d, void **call)
{
    static const struct l2tp_bytes unnamed = { NULL, 0 };
    const char *secret = d->secret ? d->secret : inst_secret(in, &path->peer, unnamed);
    struct inst_tunnel *t = inst_tunnel_new(in, p, path, secret);
    if (!t)
        return ADIT_ENOMEM;
    t->owns_port = true;
    adit_list_add(&in->dialled, &t->in_dialled);
    struct inst_call *c = inst_call_new(in, t);
    if (!c) {
        inst_tunnel_gone(t);    /* with its port */
        return 1;
    }
    if (d->host_name && *d->host_name)
        l2tp_text(t->t.our_host, sizeof t->t.our_host,
                  (struct l2tp_bytes){ (const uint8_t *)d->host_name,
                                       (uint16_t)strnlen(d->host_name, L2TP_TEXT) });
    if (in->conf->tie_breaker) {
        t->t.ties = true;
        in->env.crypto->random(&t->t.tie_breaker, sizeof t->t.tie_breaker);
    }
    if (d->called)
        l2tp_text(c->c.called, sizeof c->c.called,
                  (struct l2tp_bytes){ (const uint8_t *)d->called,
                                       (uint16_t)strnlen(d->called, L2TP_TEXT) });
    c->link = link;
    c->c.serial = ++in->serial;
    c->c.tx_bps = 100000000;
    *call = c;
    l2tp_call_open(&c->c);
    l2tp_tunnel_open(&t->t);
    return 0;
}

static bool too_long(const char *secret)
{
    return secret && strlen(secret) > L2TP_SECRET_MAX;
}

static int32_t tunnel_dial(struct adit_self *self, struct adit_link *link,
                           const struct adit_dial *d, void **call)
{
    struct inst *in = self->instance;
    struct adit_addr at = d->from, to = d->to;
    struct adit_path *path = NULL;
    int32_t code;
    if (!to.family)
        return adit_fail(self, ADIT_EINVAL, "no address to dial");
    if (too_long(d->secret))            /* cut short it would be another one */
        return adit_fail(self, ADIT_EINVAL, "the tunnel secret is longer than %u bytes",
                         L2TP_SECRET_MAX);
    if (!at.family)
        at = (struct adit_addr){ .family = to.family, .port = d->from.port };
    if (!to.port)
        to.port = L2TP_PORT;
    struct inst_port *p = port_new(in, &at, d->require_security, false, &code);
    if (!p)
        return adit_fail(self, code, "no local port to dial from could be bound");
    code = self->host->path->open(p->port, &to, &path);
    if (code) {
        port_free(in, p);
        return adit_fail(self, code, "the path to the peer could not be opened");
    }
    code = dial_on(in, p, path, link, d, call);
    self->host->path->drop(path);
    if (code < 0)
        port_free(in, p);
    return code ? adit_fail(self, ADIT_ENOMEM, "no memory for one more tunnel") : 0;
}

const struct adit_tunnel l2tp_tunnel_vtable = {
    .size = sizeof l2tp_tunnel_vtable,
    .protocol = "l2tp",
    .tx = tunnel_tx,
    .hangup = tunnel_hangup,
    .dial = tunnel_dial,
    .overhead = 20 + 8 + 12,    /* IPv4, UDP, the longest of our headers */
};

/* ---- life ------------------------------------------------------------------------------------ */

static void settings(struct inst *in, const struct l2tp_conf *c)
{
    struct l2tp_env *e = &in->env;
    char host[256] = "";
    const char *name = c->host_name;
    if (!name || !*name) {
        if (gethostname(host, sizeof host - 1) != 0 || !host[0])
            memcpy(host, "adit", sizeof "adit");
        name = host;
    }
    l2tp_text(e->host_name, sizeof e->host_name,
              (struct l2tp_bytes){ (const uint8_t *)name, (uint16_t)strnlen(name, L2TP_TEXT) });
    e->rto_ms = (uint32_t)c->rto_ms;
    e->rto_max_ms = (uint32_t)c->rto_max_ms;
    e->tries = c->tries;
    e->hello_ms = (uint32_t)c->hello_ms;
    e->setup_ms = (uint32_t)c->setup_ms;
    e->idle_ms = (uint32_t)c->idle_ms;
    e->linger_ms = (uint32_t)c->linger_ms;
    e->window = (uint16_t)c->window;
    e->hide = c->hide;
    e->zero_id = c->zero_id;
    e->sequencing = c->sequencing;
    in->conf = c;
}

static int32_t checked(struct adit_self *self, const struct l2tp_conf *c)
{
    bool wrong = too_long(c->secret);
    for (uint32_t i = 0; i < c->peers.count; i++)
        wrong = wrong || too_long(((const struct l2tp_peer *)(const void *)(
                             (const char *)c->peers.items + (size_t)i * c->peers.stride))->secret);
    return wrong ? adit_fail(self, ADIT_ECONF, "a tunnel secret is longer than %u bytes",
                             L2TP_SECRET_MAX)
                 : 0;
}

static void instance_free(struct inst *in)
{
    if (!in)
        return;
    in->self->host->loop->timer_free(in->reaper);
    free(in->tunnel);
    free(in->call);
    free(in);
}

static int32_t create(struct adit_self *self)
{
    const struct l2tp_conf *conf = self->conf;
    int32_t code = checked(self, conf);
    if (code)
        return code;
    struct inst *in = calloc(1, sizeof *in);
    if (!in)
        return adit_fail(self, ADIT_ENOMEM, "no memory for the instance");
    in->self = self;
    in->tunnel = calloc(L2TP_IDS, sizeof *in->tunnel);
    in->call = calloc(L2TP_IDS, sizeof *in->call);
    in->reaper = self->host->loop->timer_new(self, inst_reap, in);
    if (!in->tunnel || !in->call || !in->reaper) {
        instance_free(in);
        return adit_fail(self, ADIT_ENOMEM, "no memory for the instance");
    }
    in->env.ops = &inst_ops;
    in->env.crypto = self->host->crypto;
    in->env.counters = self->counters;
    settings(in, conf);
    adit_list_init(&in->ports);
    adit_list_init(&in->dialled);
    adit_list_init(&in->dead_tunnels);
    adit_list_init(&in->dead_calls);
    adit_hash_init(&in->hosts, in->buckets, L2TP_HOST_BITS);
    in->env.crypto->random(&in->seed, sizeof in->seed);
    in->reply_at = self->host->loop->now();
    in->reply_tokens = conf->replies_per_s;
    self->instance = in;
    return 0;
}

static void unbind_all(struct inst *in)
{
    ADIT_LIST_EACH(n, &in->ports) {
        adit_list_del(n);
        port_free(in, ADIT_OF(n, struct inst_port, node));
    }
}

static int32_t bind_at(struct inst *in, struct adit_addr at)
{
    int32_t code;
    if (!at.port)
        at.port = L2TP_PORT;
    struct inst_port *p = port_new(in, &at, in->conf->require_security, true, &code);
    if (!p)
        return adit_fail(in->self, code,
                         "UDP port %u could not be bound (see listen; does another L2TP daemon "
                         "run?)", at.port);
    adit_list_add(&in->ports, &p->node);
    return 0;
}

static int32_t start(struct adit_self *self)
{
    struct inst *in = self->instance;
    const struct adit_array *listen = &in->conf->listen;
    int32_t code = 0;
    in->stopping = false;
    if (!adit_list_empty(&in->ports))
        return 0;               /* stop() left them bound, for what is up */
    if (!listen->count)
        code = bind_at(in, (struct adit_addr){ .family = ADIT_AF_NONE });
    for (uint32_t i = 0; i < listen->count && !code; i++)
        code = bind_at(in, *(const struct adit_addr *)(const void *)(
                               (const char *)listen->items + (size_t)i * listen->stride));
    if (code)
        unbind_all(in);
    return code;
}

static int32_t reload(struct adit_self *self, const void *conf)
{
    int32_t code = checked(self, conf);
    if (!code)
        settings(self->instance, conf);
    return code;
}

static void stop(struct adit_self *self)
{
    struct inst *in = self->instance;
    in->stopping = true;
}

static void destroy(struct adit_self *self)
{
    static const struct l2tp_end end = { L2TP_STOP_SHUTDOWN, 0, ADIT_CAUSE_SHUTDOWN,
                                         "the server is stopping" };
    struct inst *in = self->instance;
    if (!in)
        return;
    in->stopping = true;
    for (uint32_t i = 0; i < L2TP_IDS; i++) {
        struct inst_tunnel *t = in->tunnel[i];
        if (!t)
            continue;
        l2tp_tunnel_close(&t->t, &end);     /* one StopCCN, and no waiting */
        if (in->tunnel[i] == t)
            l2tp_tunnel_lost(&t->t, ADIT_CAUSE_SHUTDOWN, NULL);
    }
    inst_reap(in);
    unbind_all(in);
    instance_free(in);
    self->instance = NULL;
}

static void report_call(const struct adit_host *h, struct adit_report *r,
                        const struct inst_call *c)
{
    h->report->object(r, NULL);
    adit_report_put_u(h, r, "session", c->c.our_id);
    adit_report_put_u(h, r, "peer-session", c->c.peer_id);
    adit_report_put_str(h, r, "state", l2tp_call_state_name(c->c.state));
    adit_report_put_u(h, r, "rx", c->rx_frames);
    adit_report_put_u(h, r, "tx", c->tx_frames);
    adit_report_put_bool(h, r, "sequenced", c->tx.sequence);
    if (c->seq) {
        adit_report_put_u(h, r, "late", c->seq->late);
        adit_report_put_u(h, r, "lost", c->seq->lost);
        adit_report_put_u(h, r, "reordered", c->seq->reordered);
    }
    h->report->end(r);
}

static void report_tunnel(const struct adit_host *h, struct adit_report *r,
                          const struct inst_tunnel *t, uint64_t now)
{
    const struct l2tp_rel *rel = &t->t.rel;
    h->report->object(r, NULL);
    adit_report_put_addr(h, r, "peer", &t->path->peer);
    adit_report_put_addr(h, r, "our", &t->path->our);
    adit_report_put_str(h, r, "host", t->t.peer_host);
    adit_report_put_str(h, r, "vendor", t->t.peer_vendor);
    adit_report_put_u(h, r, "tunnel", t->t.our_id);
    adit_report_put_u(h, r, "peer-tunnel", t->t.peer_id);
    adit_report_put_str(h, r, "state", l2tp_tunnel_state_name(t->t.state));
    adit_report_put_bool(h, r, "dialled", t->t.dialled);
    adit_report_put_bool(h, r, "secured", t->path->security != NULL);
    adit_report_put_bool(h, r, "authenticated", t->t.challenged && t->was_up);
    adit_report_put_u(h, r, "silent-ms", now - t->t.heard_ms);
    adit_report_put_u(h, r, "window", rel->peer_window);
    adit_report_put_u(h, r, "congestion-window", rel->cwnd);
    adit_report_put_u(h, r, "waiting", (uint16_t)(rel->end - rel->una));
    adit_report_put_u(h, r, "sent", rel->stat.sent);
    adit_report_put_u(h, r, "received", rel->stat.received);
    adit_report_put_u(h, r, "retransmitted", rel->stat.again);
    adit_report_put_u(h, r, "duplicates", rel->stat.duplicates);
    adit_report_put_u(h, r, "out-of-order", rel->stat.early);
    h->report->array(r, "sessions");
    ADIT_LIST_EACH(n, &t->t.calls)
        report_call(h, r, L2TP_CALL_OF(ADIT_OF(n, struct l2tp_call, node)));
    h->report->end(r);
    h->report->end(r);
}

static void status(struct adit_self *self, struct adit_report *r)
{
    const struct inst *in = self->instance;
    const struct adit_host *h = self->host;
    if (!in)
        return;
    adit_report_put_u(h, r, "half-open", in->half_open);
    h->report->array(r, "tunnels");
    for (uint32_t i = 0; i < L2TP_IDS; i++)
        if (in->tunnel[i])
            report_tunnel(h, r, in->tunnel[i], h->loop->now());
    h->report->end(r);
}

const struct adit_life l2tp_life = {
    .size = sizeof l2tp_life,
    .create = create,
    .start = start,
    .reload = reload,
    .stop = stop,
    .destroy = destroy,
    .status = status,
};
