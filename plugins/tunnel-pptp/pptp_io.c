/* pptp_io.c - PPTP between its state machines and the host's services.
 *
 * Knows:  streams, listeners, timers, limits, links; who frees what and when.
 * Leaves: which message means what to pptp_ctl and pptp_call, packets to pptp_data.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "pptp.h"

#define EVENTS_A_MINUTE 30u     /* of one kind that a stranger can cause */
#define STARTS_A_MINUTE 600u    /* connections that are told of; a stranger can begin many, too */
#define STATUS_MOST     50u     /* connections in status(); the verb has all */

/* ---- small words ----------------------------------------------------------------- */

static struct pptp_line *line_of(struct pptp_call *call)
{
    return ADIT_OF(call, struct pptp_line, call);
}

static bool allow(struct pptp *p, const struct adit_event *ev)
{
    return p->host->log->allow(p->self, ev, EVENTS_A_MINUTE) != 0;
}

/* A message, to the log and to those who watch the peer. `at`: where in the stream. */
static void tell_message(struct pptp_conn *c, uint32_t how, const struct pptp_msg *m,
                         const uint8_t *bytes, uint32_t len, uint64_t at)
{
    char text[768];
    struct adit_self *self = c->p->self;

    if (m->type == PPTP_ECHORQ || m->type == PPTP_ECHORP)
        how |= ADIT_TRACE_ROUTINE;
    uint32_t wants = adit_trace_wants(self, &c->peer, how);
    pptp_msg_print(text, sizeof text, m);
    adit_event(self, &pptp_ev_message, ADIT_KV_ADDR("peer", &c->peer),
               ADIT_KV_S("direction", how & ADIT_TRACE_TX ? "out" : "in"),
               ADIT_KV_S("message", text));
    if (wants & ADIT_TRACE_LINES)
        c->p->host->trace->line(self, &c->peer, how, "PPTP", text);
    if (wants & ADIT_TRACE_PACKETS)
        c->p->host->trace->packet(self, how, 6, &c->our, &c->peer, at, bytes, len);
}

static void tell_trouble(struct pptp_conn *c, const char *text)
{
    if (adit_trace_wants(c->p->self, &c->peer, ADIT_TRACE_NOTE) & ADIT_TRACE_LINES)
        c->p->host->trace->line(c->p->self, &c->peer, ADIT_TRACE_NOTE, "PPTP", text);
}

/* ---- limits: connections of an address ----------------------------------------------- */

static struct pptp_peer *peer_find(struct pptp *p, const struct adit_addr *a, bool make)
{
    uint32_t hash = adit_hash_of(a->ip, 4, p->peer_seed);

    ADIT_LIST_EACH(n, adit_hash_chain(&p->peers, hash)) {
        struct pptp_peer *peer = ADIT_OF(n, struct pptp_peer, node);
        if (memcmp(peer->ip, a->ip, 4) == 0)
            return peer;
    }
    struct pptp_peer *peer = make ? calloc(1, sizeof *peer) : NULL;
    if (peer) {
        memcpy(peer->ip, a->ip, 4);
        adit_hash_add(&p->peers, hash, &peer->node);
    }
    return peer;
}

static void peer_drop(struct pptp *p, struct pptp_peer *peer)
{
    if (!peer || --peer->conns > 0)
        return;
    adit_hash_del(&p->peers, &peer->node);
    free(peer);
}

/* ---- the graveyard: freed when nobody can be inside ------------------------------------- */

static void conn_free(struct pptp_conn *c)
{
    c->p->host->loop->timer_free(c->timer);
    free(c->host_name);
    free(c->number);
    free(c);
}

static void line_free(struct pptp_line *l)
{
    free(l->number);
    free(l->calling);
    free(l);
}

static void reap(void *u)
{
    struct pptp *p = u;

    ADIT_LIST_EACH(n, &p->dead_lines) {
        adit_list_del(n);
        line_free(ADIT_OF(n, struct pptp_line, node));
    }
    ADIT_LIST_EACH(n, &p->dead_conns) {
        adit_list_del(n);
        conn_free(ADIT_OF(n, struct pptp_conn, node));
    }
}

/* ---- lines ------------------------------------------------------------------------------- */

/* The next of our call ids that is free, 0 when none is. They go round from a
 * random start, so that a late packet seldom finds another call; 0 is left out
 * because some routers take it for "none". */
static uint16_t call_id_take(struct pptp *p)
{
    for (uint32_t tries = 0; tries <= UINT16_MAX; tries++) {
        uint16_t id = p->next_call_id++;
        if (id != 0 && !p->line_of[id])
            return id;
    }
    return 0;
}

static struct pptp_line *line_new(struct pptp_conn *c)
{
    struct pptp *p = c->p;
    uint16_t id = call_id_take(p);
    struct pptp_line *l = id ? calloc(1, sizeof *l) : NULL;

    if (!l)
        return NULL;
    l->p = p;
    l->conn = c;
    l->our = c->our;
    l->peer = c->peer;
    l->call.call_id = id;
    pptp_gre_init(&l->gre, p->host->frame, pptp_conf(p)->reorder_window,
                  (uint32_t)pptp_conf(p)->reorder_timeout);
    l->gre.held = true;
    p->line_of[id] = l;
    p->line_count++;
    return l;
}

/* The line is over; the link was told. */
static void line_end(struct pptp_line *l)
{
    struct pptp *p = l->p;

    if (!l->conn)
        return;
    pptp_data_end(l);
    p->line_of[l->call.call_id] = NULL;
    p->line_count--;
    l->conn = NULL;
    adit_list_add(&p->dead_lines, &l->node);
    p->host->loop->timer_set(p->reap, 0);
}

static void line_down(struct pptp_line *l, uint32_t cause, const char *text)
{
    struct adit_link *link = l->link;

    if (!link)
        return;
    l->link = NULL;
    pptp_data_end(l);
    l->p->host->link->down(link, cause, text);
}

static void line_info(const struct pptp_line *l, struct adit_link_info *info)
{
    const struct pptp_conn *c = l->conn;

    *info = (struct adit_link_info){
        .size = sizeof *info,
        .role = c->ctl.role == PPTP_DIAL ? ADIT_ROLE_DIAL : ADIT_ROLE_ANSWER,
        .our = l->our, .peer = l->peer, .calling = l->calling, .called = l->number,
        .peer_host = c->ctl.peer_host[0] ? c->ctl.peer_host : NULL,
        .security = l->path ? l->path->security : NULL,
        .mtu = pptp_data_mtu(l), .speed_bps = l->call.speed_bps };
}

/* A number as the peer gave it, clean; NULL: none. */
static char *number_dup(const char *text)
{
    char clean[PPTP_TEXT + 1];

    pptp_text_clean(clean, sizeof clean, text);
    return clean[0] ? strdup(clean) : NULL;
}

/* ---- what the machines ask for ---------------------------------------------------------------- */

static uint64_t do_now(void *u)
{
    struct pptp_conn *c = u;
    return c->p->host->loop->now();
}

static const struct pptp_conf *do_conf(void *u)
{
    struct pptp_conn *c = u;
    return pptp_conf(c->p);
}

static const char *do_host_name(void *u)
{
    struct pptp_conn *c = u;
    return c->host_name ? c->host_name : c->p->host_name;
}

static void do_send(void *u, const struct pptp_msg *m)
{
    struct pptp_conn *c = u;
    uint8_t out[PPTP_MSG_MAX];
    size_t n = pptp_msg_build(out, sizeof out, m);

    if (!c->stream)
        return;
    tell_message(c, ADIT_TRACE_TX, m, out, (uint32_t)n, c->tx_at);
    c->tx_at += n;
    if (c->p->host->stream->tx(c->stream, out, (uint32_t)n) != 0)
        pptp_ctl_end(&c->ctl, ADIT_CAUSE_LOST_CARRIER, "the peer does not read what we send");
}

static void do_wake(void *u, uint64_t after_ms)
{
    struct pptp_conn *c = u;
    c->p->host->loop->timer_set(c->timer, after_ms);
}

static void do_moved(void *u, const char *from, const char *to, const char *on)
{
    struct pptp_conn *c = u;
    adit_event(c->p->self, &pptp_ev_ctl_move, ADIT_KV_ADDR("peer", &c->peer),
               ADIT_KV_S("from", from), ADIT_KV_S("to", to), ADIT_KV_S("on", on));
}

static void tell_odd(struct pptp_conn *c, const char *message)
{
    if (allow(c->p, &pptp_ev_ctl_odd))
        adit_event(c->p->self, &pptp_ev_ctl_odd, ADIT_KV_ADDR("peer", &c->peer),
                   ADIT_KV_S("message", message),
                   ADIT_KV_S("state", pptp_ctl_state_name(c->ctl.state)));
}

static void do_unexpected(void *u, const struct pptp_msg *m)
{
    struct pptp_conn *c = u;
    adit_count(c->p->self, PPTP_N_UNEXPECTED);
    tell_odd(c, pptp_msg_name(m->type));
}

static void do_up(void *u)
{
    struct pptp_conn *c = u;
    struct pptp_line *l = c->line;

    c->was_up = true;
    c->told = c->p->host->log->allow(c->p->self, &pptp_ev_ctl_up, STARTS_A_MINUTE) != 0;
    if (c->told)
        adit_event(c->p->self, &pptp_ev_ctl_up, ADIT_KV_ADDR("peer", &c->peer),
                   ADIT_KV_S("role", c->ctl.role == PPTP_DIAL ? "dial" : "answer"),
                   ADIT_KV_S("host", c->ctl.peer_host), ADIT_KV_S("vendor", c->ctl.peer_vendor),
                   ADIT_KV_U("firmware", c->ctl.peer_firmware));
    if (l) {
        c->line = NULL;                         /* the machine's from here on */
        pptp_call_dial(&c->ctl, &l->call, c->number);
    }
}

static void do_echo_lost(void *u)
{
    struct pptp_conn *c = u;
    adit_count(c->p->self, PPTP_N_ECHO_LOST);
    adit_event(c->p->self, &pptp_ev_ctl_silent, ADIT_KV_ADDR("peer", &c->peer));
}

/* Whoever called does not speak PPTP: it is an attempt, though there was no call. */
static void tell_failed(const struct pptp_conn *c, uint32_t cause, const char *text)
{
    struct adit_self *self = c->p->self;
    struct adit_link_info i = { .size = sizeof i, .role = ADIT_ROLE_ANSWER, .peer = c->peer, .our = c->our };
    if (ADIT_HAS(self->host->link, failed))
        self->host->link->failed(self, &i, cause, text);
}

static void do_gone(void *u, uint32_t cause, const char *text)
{
    struct pptp_conn *c = u;
    struct pptp *p = c->p;
    const struct adit_event *ev = c->was_up ? &pptp_ev_ctl_down : &pptp_ev_ctl_failed;
    struct pptp_line *l = c->line;

    if (text || !c->was_up)
        tell_trouble(c, text ? text : adit_cause_code(cause));
    if (c->was_up ? c->told : allow(p, ev))
        adit_event(p->self, ev, ADIT_KV_ADDR("peer", &c->peer),
                   ADIT_KV_S("cause", adit_cause_code(cause)), ADIT_KV_S("text", text));
    if (!c->was_up && c->ctl.role == PPTP_ANSWER && cause == ADIT_CAUSE_PROTOCOL_ERROR)
        tell_failed(c, cause, text);
    c->line = NULL;
    if (l) {                                    /* dialled, and never got to the call */
        line_down(l, cause, text);
        line_end(l);
    }
    if (c->stream)
        p->host->stream->close(c->stream);
    c->stream = NULL;
    p->host->loop->timer_stop(c->timer);
    peer_drop(p, c->limit);
    c->limit = NULL;
    adit_list_del(&c->node);
    p->conn_count--;
    if (c->ctl.role == PPTP_ANSWER)
        p->answered--;
    adit_list_add(&p->dead_conns, &c->node);
    p->host->loop->timer_set(p->reap, 0);
}

static int32_t do_call_open(void *u, const struct pptp_msg *rq, struct pptp_call **out)
{
    struct pptp_conn *c = u;
    struct pptp *p = c->p;
    struct pptp_line *l = line_new(c);
    struct adit_link_info info;

    if (!l)
        return ADIT_ENOMEM;
    if (rq->type == PPTP_OCRQ) {
        l->number = number_dup(rq->u.ocrq.phone);
        l->call.speed_bps = rq->u.ocrq.max_bps;
    } else {
        l->number = number_dup(rq->u.icrq.dialed);
        l->calling = number_dup(rq->u.icrq.dialing);
    }
    int32_t code = pptp_data_open(l);
    if (code == 0) {
        line_info(l, &info);
        code = p->host->link->open(p->self, &info, l, &l->link);
    }
    if (code != 0) {
        l->link = NULL;
        line_end(l);
        return code;
    }
    *out = &l->call;
    return 0;
}

static void do_call_refused(void *u, const struct pptp_msg *rq, uint8_t result, const char *why)
{
    struct pptp_conn *c = u;

    adit_count(c->p->self, PPTP_N_CALLS_REFUSED);
    if (allow(c->p, &pptp_ev_refused))
        adit_event(c->p->self, &pptp_ev_refused, ADIT_KV_ADDR("peer", &c->peer),
                   ADIT_KV_S("message", pptp_msg_name(rq->type)), ADIT_KV_U("result", result),
                   ADIT_KV_S("why", why));
}

static void do_call_moved(void *u, struct pptp_call *call, const char *from, const char *to,
                          const char *on)
{
    struct pptp_conn *c = u;
    adit_event(c->p->self, &pptp_ev_call_move, ADIT_KV_ADDR("peer", &c->peer),
               ADIT_KV_U("call", call->call_id), ADIT_KV_U("peer-call", call->peer_call_id),
               ADIT_KV_S("from", from), ADIT_KV_S("to", to), ADIT_KV_S("on", on));
}

static void do_call_up(void *u, struct pptp_call *call)
{
    struct pptp_conn *c = u;
    struct pptp_line *l = line_of(call);
    struct adit_link_info info;

    if (!l->link)
        return;
    adit_count(c->p->self, PPTP_N_CALLS);
    line_info(l, &info);
    c->p->host->link->up(l->link, &info);
    if (l->link)
        pptp_data_begin(l);
}

static void do_call_down(void *u, struct pptp_call *call, uint32_t cause, const char *text)
{
    struct pptp_conn *c = u;

    if (cause == ADIT_CAUSE_GRE_BLOCKED) {
        adit_count(c->p->self, PPTP_N_GRE_BLOCKED);
        adit_event(c->p->self, &pptp_ev_gre_blocked, ADIT_KV_ADDR("peer", &c->peer),
                   ADIT_KV_U("call", call->call_id));
    }
    line_down(line_of(call), cause, text);
}

static void do_call_gone(void *u, struct pptp_call *call)
{
    (void)u;
    line_end(line_of(call));
}

static const struct pptp_ctl_ops ctl_ops = {
    .now = do_now, .conf = do_conf, .host_name = do_host_name, .send = do_send, .wake = do_wake,
    .moved = do_moved, .unexpected = do_unexpected, .up = do_up, .echo_lost = do_echo_lost,
    .gone = do_gone, .call_open = do_call_open, .call_refused = do_call_refused,
    .call_moved = do_call_moved, .call_up = do_call_up, .call_down = do_call_down,
    .call_gone = do_call_gone,
};

/* ---- streams ---------------------------------------------------------------------------------- */

static void stream_rx(void *u, const uint8_t *data, uint32_t len)
{
    struct pptp_conn *c = u;
    struct pptp *p = c->p;
    const uint8_t *at = NULL;
    int32_t n;

    while (c->ctl.state != PPTP_CTL_GONE &&
           (n = adit_framer_next(&c->framer, &data, &len, &at)) != 0) {
        struct pptp_msg m;
        uint64_t rx_at = c->rx_at;
        c->rx_at += n < 0 ? 0 : (uint32_t)n;
        int code = n < 0 ? PPTP_PARSE_COOKIE : pptp_msg_parse(&m, at, (size_t)n);
        if (code == PPTP_PARSE_COOKIE) {
            adit_count(p->self, PPTP_N_GARBAGE);
            if (allow(p, &pptp_ev_ctl_garbage))
                adit_event(p->self, &pptp_ev_ctl_garbage, ADIT_KV_ADDR("peer", &c->peer));
            pptp_ctl_end(&c->ctl, ADIT_CAUSE_PROTOCOL_ERROR, "what came is not PPTP");
        } else if (code != PPTP_PARSE_OK) {
            adit_count(p->self, PPTP_N_BAD_MESSAGE);
            tell_odd(c, code == PPTP_PARSE_SHORT ? "too short" : "unknown type");
            if (!c->was_up)                     /* who is up may know newer types */
                pptp_ctl_end(&c->ctl, ADIT_CAUSE_PROTOCOL_ERROR, "a malformed message");
        } else {
            tell_message(c, ADIT_TRACE_RX, &m, at, (uint32_t)n, rx_at);
            pptp_ctl_rx(&c->ctl, &m);
        }
    }
}

/* The peer closed, or the network did. Android closes without a word (quirk A8). */
static void stream_gone(void *u, int32_t code)
{
    struct pptp_conn *c = u;
    uint32_t cause = code == 0 ? ADIT_CAUSE_PEER_HANGUP : ADIT_CAUSE_LOST_CARRIER;
    const char *text = code == 0 ? "the peer closed the control connection" :
                                   "the control connection was lost";

    c->stream = NULL;
    if (c->ctl.role == PPTP_DIAL && !c->was_up) {
        cause = code == 0 ? ADIT_CAUSE_REFUSED : ADIT_CAUSE_NO_ANSWER;
        if (c->ctl.state == PPTP_CTL_IDLE)
            text = "the control connection could not be made";
    }
    pptp_ctl_end(&c->ctl, cause, text);
}

static void stream_up(void *u)
{
    struct pptp_conn *c = u;
    struct pptp_line *l = c->line;

    c->p->host->stream->addrs(c->stream, &c->our, &c->peer);
    l->our = c->our;
    l->peer = c->peer;
    if (pptp_data_open(l) != 0)
        pptp_ctl_end(&c->ctl, ADIT_CAUSE_NO_ANSWER, "no path for GRE to the peer");
    else
        pptp_ctl_start(&c->ctl);
}

static const struct adit_stream_ops stream_ops = {
    .size = sizeof stream_ops, .up = stream_up, .rx = stream_rx, .gone = stream_gone };

static void conn_tick(void *u)
{
    struct pptp_conn *c = u;
    uint64_t due = c->ctl.due[PPTP_T_START];

    if (due && due <= c->p->host->loop->now())
        adit_count(c->p->self, PPTP_N_START_TIMEOUT);
    pptp_ctl_tick(&c->ctl);
}

static struct pptp_conn *conn_new(struct pptp *p, enum pptp_role role)
{
    struct pptp_conn *c = calloc(1, sizeof *c);

    if (!c || !(c->timer = p->host->loop->timer_new(p->self, conn_tick, c))) {
        free(c);
        return NULL;
    }
    c->p = p;
    adit_framer_init(&c->framer, c->cut, sizeof c->cut, pptp_msg_measure);
    pptp_ctl_init(&c->ctl, &ctl_ops, c, role);
    adit_list_add(&p->conns, &c->node);
    p->conn_count++;
    if (role == PPTP_ANSWER)
        p->answered++;
    return c;
}

static void refuse(struct pptp *p, const struct adit_addr *peer, const char *limit, uint32_t value)
{
    adit_count(p->self, PPTP_N_REFUSED);
    if (allow(p, &pptp_ev_ctl_refused))
        adit_event(p->self, &pptp_ev_ctl_refused, ADIT_KV_ADDR("peer", peer),
                   ADIT_KV_S("limit", limit), ADIT_KV_U("value", value));
}

/* Limits before anything is spent on a stranger; a stream not taken is closed. */
static void accept_stream(void *u, struct adit_stream *s)
{
    struct pptp *p = u;
    const struct pptp_conf *conf = pptp_conf(p);
    struct adit_addr our, peer;

    p->host->stream->addrs(s, &our, &peer);
    if (peer.family != ADIT_AF_IPV4)            /* section 4: GRE over IPv4 */
        return;
    if (p->answered >= conf->connections) {
        refuse(p, &peer, "connections", conf->connections);
        return;
    }
    struct pptp_peer *limit = peer_find(p, &peer, true);
    if (!limit)
        return;
    limit->conns++;
    if (limit->conns > conf->connections_per_address) {
        refuse(p, &peer, "connections-per-address", conf->connections_per_address);
        peer_drop(p, limit);
        return;
    }
    struct pptp_conn *c = conn_new(p, PPTP_ANSWER);
    if (!c) {
        peer_drop(p, limit);
        return;
    }
    adit_count(p->self, PPTP_N_CONNECTIONS);
    c->limit = limit;
    c->our = our;
    c->peer = peer;
    c->stream = s;
    p->host->stream->take(s, &stream_ops, c);
    pptp_ctl_start(&c->ctl);
}

/* ---- what the host asks for ----------------------------------------------------------------------- */

void pptp_hangup(void *call, uint32_t cause)
{
    struct pptp_line *l = call;
    struct pptp_conn *c = l->conn;

    if (!c || !l->link)
        return;
    if (c->line == l)                           /* dialling: not a call yet */
        pptp_ctl_end(&c->ctl, cause, NULL);
    else
        pptp_call_hangup(&l->call, cause);
}

int32_t pptp_dial(struct adit_self *self, struct adit_link *link, const struct adit_dial *d,
                  void **call)
{
    struct pptp *p = self->instance;
    struct adit_addr to = d->to;

    if (d->require_security)
        return adit_fail(self, ADIT_ENOSYS, "PPTP cannot require a security association; "
                         "its encryption is MPPE, which the profile demands");
    if (to.family != ADIT_AF_IPV4)
        return adit_fail(self, ADIT_EINVAL, "PPTP calls IPv4 addresses only");
    if (!p->gre)
        return adit_fail(self, ADIT_ESTATE, "tunnel '%s' is not started", self->name);
    if (!to.port)
        to.port = PPTP_PORT;

    struct pptp_conn *c = conn_new(p, PPTP_DIAL);
    struct pptp_line *l = c ? line_new(c) : NULL;
    if (c) {
        c->peer = to;
        c->host_name = d->host_name && d->host_name[0] ? number_dup(d->host_name) : NULL;
        c->number = d->called && d->called[0] ? number_dup(d->called) : NULL;
    }
    if (!l) {
        if (c)
            pptp_ctl_end(&c->ctl, ADIT_CAUSE_RESOURCE, NULL);
        return adit_fail(self, ADIT_ENOMEM, "no memory for a call");
    }
    l->peer = to;
    c->line = l;
    int32_t code = p->host->stream->connect(self, &d->from, &to, &stream_ops, c, &c->stream);
    if (code != 0) {
        c->stream = NULL;
        pptp_ctl_end(&c->ctl, ADIT_CAUSE_NO_ANSWER, NULL);      /* the line has no link yet */
        return code;
    }
    adit_count(self, PPTP_N_DIALLED);
    l->link = link;
    *call = l;
    pptp_ctl_connecting(&c->ctl);
    return 0;
}

/* ---- life --------------------------------------------------------------------------------------------- */

static void host_name(struct pptp *p)
{
    char name[PPTP_TEXT + 1] = "";
    const char *given = pptp_conf(p)->host_name;

    if (!given || !given[0]) {
        if (gethostname(name, sizeof name - 1) != 0)
            name[0] = '\0';
        name[sizeof name - 1] = '\0';
        given = name[0] ? name : "adit";
    }
    pptp_text_clean(p->host_name, sizeof p->host_name, given);
}

static void verbs(struct adit_self *self);

static int32_t create(struct adit_self *self)
{
    const struct adit_host *host = self->host;
    struct pptp *p = calloc(1, sizeof *p);

    if (!p || !(p->line_of = calloc(UINT16_MAX + 1u, sizeof(struct pptp_line *)))) {
        free(p);
        return adit_fail(self, ADIT_ENOMEM, "no memory for the table of calls");
    }
    p->self = self;
    p->host = host;
    adit_list_init(&p->conns);
    adit_list_init(&p->dead_conns);
    adit_list_init(&p->dead_lines);
    adit_list_init(&p->acks);
    adit_list_init(&p->gaps);
    adit_hash_init(&p->peers, p->peer_bucket, PPTP_PEER_BITS);
    host->crypto->random(&p->peer_seed, sizeof p->peer_seed);
    host->crypto->random(&p->next_call_id, sizeof p->next_call_id);
    p->reap = host->loop->timer_new(self, reap, p);
    p->data = host->loop->timer_new(self, pptp_data_timer, p);
    if (!p->reap || !p->data) {
        host->loop->timer_free(p->reap);
        host->loop->timer_free(p->data);
        free(p->line_of);
        free(p);
        return adit_fail(self, ADIT_ENOMEM, "no memory for timers");
    }
    self->instance = p;
    host_name(p);
    verbs(self);
    return 0;
}

static void unlisten(struct pptp *p)
{
    for (uint32_t i = 0; i < p->listeners; i++)
        p->host->stream->listen_close(p->listener[i]);
    free(p->listener);
    p->listener = NULL;
    p->listeners = 0;
}

static int32_t listen_at(struct pptp *p, struct adit_addr at)
{
    if (at.family != ADIT_AF_IPV4)
        return adit_fail(p->self, ADIT_ECONF, "listen: PPTP is served on IPv4 addresses only");
    if (!at.port)
        at.port = PPTP_PORT;
    int32_t code = p->host->stream->listen(p->self, &at, accept_stream, p,
                                           &p->listener[p->listeners]);
    if (code != 0)
        return adit_fail(p->self, code, "listen: cannot listen on %u.%u.%u.%u port %u; "
                         "is another PPTP server running?", at.ip[0], at.ip[1], at.ip[2],
                         at.ip[3], at.port);
    p->listeners++;
    return 0;
}

static int32_t start(struct adit_self *self)
{
    struct pptp *p = self->instance;
    const struct adit_array *list = &pptp_conf(p)->listen;
    static const struct adit_addr any = { .family = ADIT_AF_IPV4, .prefix = 32 };
    uint32_t count = list->count ? list->count : 1;
    int32_t code = 0;

    if (!p->gre) {                              /* it outlives a stop: calls do too */
        static const struct adit_addr everywhere;
        code = self->host->path->bind(self, ADIT_PROTO_GRE, &everywhere, 0, &pptp_path_ops, p, &p->gre);
        if (code != 0) {
            p->gre = NULL;
            return adit_fail(self, code, "cannot receive GRE (protocol 47); the daemon needs "
                             "the capability to open raw sockets");
        }
    }
    p->listener = calloc(count, sizeof(struct adit_listener *));
    if (!p->listener)
        return adit_fail(self, ADIT_ENOMEM, "no memory for listeners");
    for (uint32_t i = 0; i < count && code == 0; i++) {
        const char *item = list->items;
        struct adit_addr at = any;
        if (list->count)
            memcpy(&at, item + (size_t)i * list->stride, sizeof at);
        code = listen_at(p, at);
    }
    if (code != 0)
        unlisten(p);
    return code;
}

/* Every option that may change is read when it is needed. */
static int32_t reload(struct adit_self *self, const void *conf)
{
    (void)self;
    (void)conf;
    return 0;
}

static void stop(struct adit_self *self)
{
    unlisten(self->instance);
}

static void destroy(struct adit_self *self)
{
    struct pptp *p = self->instance;

    unlisten(p);
    while (!adit_list_empty(&p->conns)) {       /* the peers hear of it; nobody waits */
        struct pptp_conn *c = ADIT_OF(p->conns.next, struct pptp_conn, node);
        pptp_ctl_stop(&c->ctl, PPTP_STOP_SHUTDOWN, ADIT_CAUSE_SHUTDOWN);
        pptp_ctl_end(&c->ctl, ADIT_CAUSE_SHUTDOWN, NULL);
    }
    if (p->gre)
        self->host->path->unbind(p->gre);
    reap(p);
    self->host->loop->timer_free(p->reap);
    self->host->loop->timer_free(p->data);
    free(p->line_of);
    free(p);
    self->instance = NULL;
}

/* ---- status ---------------------------------------------------------------------------------------------- */

static void status_call(struct adit_report *r, const struct pptp_line *l)
{
    const struct adit_host *h = l->p->host;
    const struct pptp_gre_stat *s = &l->gre.stat;

    h->report->object(r, NULL);
    adit_report_put_u(h, r, "call-id", l->call.call_id);
    adit_report_put_u(h, r, "peer-call-id", l->call.peer_call_id);
    adit_report_put_str(h, r, "state", pptp_call_state_name(l->call.state));
    adit_report_put_u(h, r, "speed-bps", l->call.speed_bps);
    adit_report_put_u(h, r, "peer-window", l->call.peer_window);
    adit_report_put_u(h, r, "packets-in", s->rx);
    adit_report_put_u(h, r, "packets-out", s->tx);
    adit_report_put_u(h, r, "unacknowledged", pptp_gre_outstanding(&l->gre));
    adit_report_put_u(h, r, "lost", s->lost);
    adit_report_put_u(h, r, "reordered", s->reordered);
    adit_report_put_u(h, r, "late", s->late);
    adit_report_put_u(h, r, "wan-errors", l->call.wan_errors);
    adit_report_put_u(h, r, "send-accm", l->call.send_accm);
    adit_report_put_u(h, r, "receive-accm", l->call.recv_accm);
    h->report->end(r);
}

static void status_conn(struct adit_report *r, struct pptp_conn *c)
{
    const struct adit_host *h = c->p->host;

    h->report->object(r, NULL);
    adit_report_put_addr(h, r, "peer", &c->peer);
    adit_report_put_addr(h, r, "our", &c->our);
    adit_report_put_str(h, r, "role", c->ctl.role == PPTP_DIAL ? "dial" : "answer");
    adit_report_put_str(h, r, "state", pptp_ctl_state_name(c->ctl.state));
    adit_report_put_str(h, r, "host", c->ctl.peer_host);
    adit_report_put_str(h, r, "vendor", c->ctl.peer_vendor);
    h->report->array(r, "calls");
    ADIT_LIST_EACH(n, &c->ctl.calls)
        status_call(r, line_of(ADIT_OF(n, struct pptp_call, node)));
    h->report->end(r);
    h->report->end(r);
}

static void status_most(struct pptp *p, struct adit_report *r, uint32_t most)
{
    p->host->report->array(r, "control");
    ADIT_LIST_EACH(n, &p->conns) {
        if (most-- == 0)
            break;
        status_conn(r, ADIT_OF(n, struct pptp_conn, node));
    }
    p->host->report->end(r);
}

static void status(struct adit_self *self, struct adit_report *r)
{
    struct pptp *p = self->instance;

    adit_report_put_u(p->host, r, "connections", p->conn_count);
    adit_report_put_u(p->host, r, "calls", p->line_count);
    status_most(p, r, STATUS_MOST);
}

static int32_t verb_connections(struct adit_self *self, const struct adit_kv *args, uint32_t n,
                                struct adit_report *r)
{
    (void)args;
    (void)n;
    status_most(self->instance, r, UINT32_MAX);
    return 0;
}

static void verbs(struct adit_self *self)
{
    if (ADIT_HAS(self->host->control, verb))
        (void)self->host->control->verb(self, "connections",
                                        "All control connections and their calls.",
                                        verb_connections);
}

const struct adit_life pptp_life = {
    .size = sizeof pptp_life, .create = create, .start = start, .reload = reload, .stop = stop,
    .destroy = destroy, .status = status };
