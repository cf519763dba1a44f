/* pptp_data.c - the packets of PPTP between the path service and the links.
 *
 * Knows:  which packet is of which line, the path to the peer, when to acknowledge.
 * Leaves: header and order to pptp_gre, calls to pptp_io, frames' insides to nobody.
 *
 * All calls share one port: the key of a packet is our call id, unique among the
 * calls of the instance; the address it comes from must be the one of the
 * control connection. Two clients behind one NAT have one address and two ids.
 *
 * A line is touched by its packets, by this timer and by the main loop: with
 * one worker they are one thread.
 */
#include <string.h>
#include "pptp.h"

#define ACK_AFTER    80u        /* ms that an acknowledgement waits for data to ride on */
#define ACK_SLACK    20u        /* ms more, so that one timer serves many lines */
#define REOPEN_AFTER 1000u      /* ms between attempts to get a path again */

/* ---- paths ----------------------------------------------------------------------- */

int32_t pptp_data_open(struct pptp_line *l)
{
    const struct adit_path_api *path = l->p->host->path;

    l->reopen_at = l->p->host->loop->now() + REOPEN_AFTER;
    /* The peer's firewall knows the address that it called. */
    if (ADIT_HAS(path, open_from) && l->our.family != ADIT_AF_NONE) {
        struct adit_addr our = l->our, peer = l->peer;
        our.port = peer.port = 0;
        return path->open_from(l->p->gre, &our, &peer, &l->path);
    }
    struct adit_addr peer = l->peer;
    peer.port = 0;
    return path->open(l->p->gre, &peer, &l->path);
}

static void path_forget(struct pptp_line *l)
{
    struct adit_path *old = l->path;

    l->path = NULL;
    l->learned = false;
    if (old)
        l->p->host->path->drop(old);
}

/* Packets come on this path: so do ours leave. */
static void path_learn(struct pptp_line *l, struct adit_path *path)
{
    if (l->path != path) {
        struct adit_path *held = l->p->host->path->hold(path);
        path_forget(l);
        l->path = held;
    }
    l->learned = true;
}

static bool path_ready(struct pptp_line *l)
{
    if (!l->path && l->p->gre && l->p->host->loop->now() >= l->reopen_at)
        (void)pptp_data_open(l);                /* again in a while, if it fails */
    return l->path != NULL;
}

/* A protected call whose protection is gone must end. For a clear one it was a
 * hint about the way to the peer: the control connection will know. */
static void path_gone(void *u, struct adit_path *path)
{
    struct pptp *p = u;

    for (uint32_t id = 0; id <= UINT16_MAX; id++) {
        struct pptp_line *l = p->line_of[id];
        if (!l || l->path != path)
            continue;
        bool secure = path->security != NULL;
        path_forget(l);
        if (secure)
            pptp_hangup(l, ADIT_CAUSE_LOST_CARRIER);
    }
}

uint32_t pptp_data_mtu(const struct pptp_line *l)
{
    /* address, control and protocol field; and MPPE's header, which Windows XP
     * does not count as a part of what an MRU bounds (quirk W24) */
    const uint32_t around = PPTP_GRE_MAX + 4 + 4;
    uint32_t mtu = pptp_conf(l->p)->mtu;

    if (l->path && l->path->mtu > around && l->path->mtu - around < mtu)
        mtu = l->path->mtu - around;
    return mtu;
}

/* ---- the timer of acknowledgements and holes ------------------------------------------ */

static void timer_for(struct pptp *p, uint64_t at)
{
    if (p->data_at && p->data_at <= at)
        return;
    uint64_t now = p->host->loop->now();
    p->data_at = at;
    p->host->loop->timer_set(p->data, at > now ? at - now : 0);
}

static void ack_schedule(struct pptp_line *l, uint64_t now)
{
    if (l->ack_node.next)
        return;
    l->ack_due = now + ACK_AFTER;               /* the same for all: they stay sorted */
    adit_list_add(&l->p->acks, &l->ack_node);
    timer_for(l->p, l->ack_due + ACK_SLACK);
}

static void gap_schedule(struct pptp_line *l)
{
    uint64_t due = pptp_gre_due(&l->gre);

    if (l->gap_node.next && l->gap_due == due)
        return;
    adit_list_del(&l->gap_node);
    if (due == UINT64_MAX)
        return;
    struct adit_node *at = l->p->gaps.prev;     /* nearly always the last */
    while (at != &l->p->gaps && ADIT_OF(at, struct pptp_line, gap_node)->gap_due > due)
        at = at->prev;
    l->gap_due = due;
    adit_list_add(at->next, &l->gap_node);      /* before the next one */
    timer_for(l->p, due);
}

/* Bytes of a packet that only acknowledges, in a frame of our own. */
static void ack_send(struct pptp_line *l)
{
    uint8_t buf[ADIT_ROOM + PPTP_GRE_MAX + ADIT_ROOM];
    struct adit_frame f = adit_frame_of(buf, sizeof buf, ADIT_ROOM + PPTP_GRE_MAX, 0);
    struct adit_frame *v = &f;
    struct pptp_gre_head h;

    adit_list_del(&l->ack_node);
    if (!l->gre.unacked || !path_ready(l))
        return;
    pptp_gre_ack(&l->gre, l->call.peer_call_id, &h);
    if (pptp_gre_push(&f, &h) == 0) {
        l->p->host->path->tx(l->path, &v, 1);
        adit_count(l->p->self, PPTP_N_TX_ACKS);
    }
}

/* ---- in ------------------------------------------------------------------------------- */

/* Frames of one line on their way up. */
struct run {
    struct pptp_line *line;
    uint64_t now;
    uint32_t n, owned;
    struct adit_frame *v[ADIT_VECTOR];
    struct adit_frame *own[ADIT_VECTOR];        /* those that we must drop */
};

static void run_flush(struct run *r)
{
    struct pptp_line *l = r->line;
    uint32_t n = r->n;

    r->n = 0;
    if (n > 0 && l->link)
        l->p->host->link->rx(l->link, r->v, n);
    for (uint32_t i = 0; i < r->owned; i++)
        l->p->host->frame->drop(r->own[i]);
    r->owned = 0;
}

static void run_add(struct run *r, struct adit_frame *f, bool owned)
{
    if (owned)
        r->own[r->owned++] = f;
    r->v[r->n++] = f;
    if (r->n == ADIT_VECTOR)
        run_flush(r);
}

static void run_pop(struct run *r)
{
    struct adit_frame *f;

    while (r->line->link && (f = pptp_gre_pop(&r->line->gre, r->now)) != NULL)
        run_add(r, f, true);
}

static void count_up(struct pptp *p, enum pptp_count which, uint64_t now, uint64_t *told)
{
    if (now != *told)
        adit_count_n(p->self, which, now - *told);
    *told = now;
}

static void tell(struct pptp_line *l)
{
    const struct pptp_gre_stat *s = &l->gre.stat;
    struct pptp_gre_stat *t = &l->told;

    count_up(l->p, PPTP_N_RX_PACKETS, s->rx, &t->rx);
    count_up(l->p, PPTP_N_TX_PACKETS, s->tx, &t->tx);
    count_up(l->p, PPTP_N_RX_LOST, s->lost, &t->lost);
    count_up(l->p, PPTP_N_RX_REORDERED, s->reordered, &t->reordered);
    count_up(l->p, PPTP_N_RX_LATE, s->late, &t->late);
    count_up(l->p, PPTP_N_RX_RESTART, s->restarts, &t->restarts);
}

/* The round is over for this line: what is in order goes up, and the peer
 * learns of it with our next packet, or soon. */
static void run_end(struct run *r)
{
    struct pptp_line *l = r->line;

    if (!l)
        return;
    if (l->link && l->gre.kept > 0)
        run_pop(r);
    run_flush(r);
    r->line = NULL;
    if (!l->link)
        return;
    tell(l);
    if (l->gre.kept > 0 || l->gap_node.next)
        gap_schedule(l);
    if (!l->gre.unacked)
        return;
    if (l->gre.since_ack >= (pptp_conf(l->p)->receive_window + 1) / 2)
        ack_send(l);
    else
        ack_schedule(l, r->now);
}

static void data_rx(struct run *r, struct adit_frame *f, const struct pptp_gre_head *h)
{
    struct pptp_gre *g = &r->line->gre;
    enum pptp_verdict verdict;

    while ((verdict = pptp_gre_rx(g, h->seq, r->now)) == PPTP_DRAIN) {
        run_pop(r);
        if (!r->line->link)
            return;
    }
    if (verdict == PPTP_DELIVER)
        run_add(r, f, false);
    else if (verdict == PPTP_KEEP && pptp_gre_keep(g, h->seq, f, r->now) != 0)
        adit_count(r->line->p->self, PPTP_N_RX_NO_MEMORY);
    if (r->line->link && g->kept > 0)
        run_pop(r);
}

/* Whose packet is it? NULL: nobody's, and counted. */
static struct pptp_line *line_of(struct pptp *p, const struct adit_path *path, uint16_t call_id)
{
    struct pptp_line *l = p->line_of[call_id];

    if (!l || !l->link) {
        adit_count(p->self, PPTP_N_RX_UNKNOWN);
        return NULL;
    }
    /* both ends: another instance may have the same number for the same peer */
    if (!adit_same_host(&path->peer, &l->peer) ||
        (l->our.family != ADIT_AF_NONE && !adit_same_host(&path->our, &l->our)) ||
        (l->path && l->path->security && !path->security)) {   /* no way back to clear */
        adit_count(p->self, PPTP_N_RX_STRANGER);
        return NULL;
    }
    return l;
}

static void path_rx(void *u, struct adit_path *path, struct adit_frame **v, uint32_t n)
{
    struct pptp *p = u;
    struct run r = { .now = p->host->loop->now() };

    for (uint32_t i = 0; i < n; i++) {
        struct pptp_gre_head h;
        if (pptp_gre_pull(v[i], &h) != 0) {
            adit_count(p->self, PPTP_N_RX_BAD);
            continue;
        }
        /* the next of the same call on the same path is looked up no more */
        struct pptp_line *l = r.line && r.line->call.call_id == h.call_id && r.line->link ?
                              r.line : line_of(p, path, h.call_id);
        if (!l)
            continue;
        if (l != r.line) {
            run_end(&r);
            if (!l->link)                       /* it ended with the other one */
                continue;
            r.line = l;
            l->call.heard_at = r.now;
            if (!l->learned)
                path_learn(l, path);
            if (!l->call.heard)
                pptp_call_heard(&l->call);      /* may begin the call */
        }
        if (h.has_ack)
            pptp_gre_acked(&l->gre, h.ack);
        if (h.payload > 0 && l->link)
            data_rx(&r, v[i], &h);
    }
    run_end(&r);
}

const struct adit_path_ops pptp_path_ops = {
    .size = sizeof pptp_path_ops, .rx = path_rx, .gone = path_gone };

void pptp_data_begin(struct pptp_line *l)
{
    struct run r = { .line = l, .now = l->p->host->loop->now() };

    l->gre.held = false;
    run_end(&r);
}

void pptp_data_end(struct pptp_line *l)
{
    tell(l);
    adit_list_del(&l->ack_node);
    adit_list_del(&l->gap_node);
    pptp_gre_fini(&l->gre);
    path_forget(l);
}

void pptp_data_timer(void *u)
{
    struct pptp *p = u;
    uint64_t now = p->host->loop->now();

    p->data_at = 0;
    while (!adit_list_empty(&p->acks)) {
        struct pptp_line *l = ADIT_OF(p->acks.next, struct pptp_line, ack_node);
        if (l->ack_due > now)
            break;
        ack_send(l);
    }
    while (!adit_list_empty(&p->gaps)) {
        struct pptp_line *l = ADIT_OF(p->gaps.next, struct pptp_line, gap_node);
        if (l->gap_due > now)
            break;
        struct run r = { .line = l, .now = now };
        adit_list_del(&l->gap_node);
        run_end(&r);                            /* schedules the next hole */
    }
    if (!adit_list_empty(&p->acks))
        timer_for(p, ADIT_OF(p->acks.next, struct pptp_line, ack_node)->ack_due + ACK_SLACK);
    if (!adit_list_empty(&p->gaps))
        timer_for(p, ADIT_OF(p->gaps.next, struct pptp_line, gap_node)->gap_due);
}

/* ---- out ------------------------------------------------------------------------------- */

void pptp_tx(void *call, struct adit_frame **v, uint32_t n)
{
    struct pptp_line *l = call;
    struct pptp *p = l->p;
    uint32_t out = 0;

    if (!l->link || l->call.state != PPTP_CALL_UP || !path_ready(l)) {
        adit_count_n(p->self, PPTP_N_TX_DROPPED, n);
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        struct pptp_gre_head h;
        if (!pptp_gre_fits(v[i])) {
            adit_count(p->self, PPTP_N_TX_DROPPED);
            continue;
        }
        pptp_gre_next(&l->gre, l->call.peer_call_id, &h);
        (void)pptp_gre_push(v[i], &h);
        v[out++] = v[i];
    }
    if (out == 0)
        return;
    p->host->path->tx(l->path, v, out);
    adit_list_del(&l->ack_node);                /* the first one carried it */
    if (l->call.peer_window && pptp_gre_outstanding(&l->gre) > l->call.peer_window)
        adit_count_n(p->self, PPTP_N_TX_BEYOND, out);
    tell(l);
}
