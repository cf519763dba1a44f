/* l2tp_rig.h - two ends of L2TP on a wire of our own, in virtual time.
 *
 *     struct rig r;
 *     rig_init(&r, &(struct rig_setup){ .secret = { "s", "s" } });
 *     r.wire = my_wire;                       // may drop, double or delay each datagram
 *     struct rig_call *c = rig_dial(&r);      // end 0 calls end 1
 *     rig_run(&r, 5000);
 *     ck_assert(c->up == 1);
 *     rig_fini(&r);
 */
#ifndef L2TP_RIG_H
#define L2TP_RIG_H

#include "../../plugins/tunnel-l2tp/l2tp_call.h"
#include "../../plugins/tunnel-l2tp/l2tp_data.h"
#include "crypto/crypto.h"
#include "unit.h"

#define RIG_CALLS 64u

struct rig;

struct rig_call {
    struct l2tp_call c;
    bool used, freed;
    uint32_t up, down, cause;
    uint64_t timer_at;
    uint32_t speed;
    bool sequenced;
};

struct rig_end {
    struct rig *rig;
    uint32_t n;                 /* 0 dials, 1 answers */
    struct l2tp_env env;
    uint64_t counters[L2TP_N_COUNT];
    struct l2tp_tunnel t;
    bool alive, accepted;
    uint64_t timer_at[L2TP_TIMER_COUNT];
    struct rig_call call[RIG_CALLS];
    uint32_t up, closed, gone, cause;
    int32_t refuse;             /* what call_open() says */
    uint16_t next_id;
    uint32_t unacked_max;       /* most control messages ever on their way */
    uint16_t highest_ns;
    const char *secret;
};

struct rig_pkt {
    struct adit_node node;
    uint64_t at, turn;
    uint32_t to;
    size_t len;
    uint8_t p[];
};

/* How often a datagram arrives, and after how many ms each: at most 3 times. */
struct rig_fate {
    uint32_t copies;
    uint32_t delay[3];
};

struct rig {
    uint64_t now, turn;
    struct rig_end end[2];
    struct adit_node wire_q;
    struct rig_fate (*wire)(struct rig *r, uint32_t to, const uint8_t *p, size_t len, void *u);
    void *u;
    uint32_t sent;              /* datagrams, in order */
    uint64_t random;
};

struct rig_setup {
    const char *secret[2];
    uint16_t window[2];
    bool hide, sequencing;
    uint32_t hello_ms, idle_ms;
};

static inline uint32_t rig_random(struct rig *r)
{
    r->random = r->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(r->random >> 33);
}

static inline struct rig_end *end_of(struct l2tp_tunnel *t)
{
    return ADIT_OF(t, struct rig_end, t);
}

static inline uint16_t be16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }

static inline uint64_t rig_now(struct l2tp_tunnel *t) { return end_of(t)->rig->now; }

static inline void rig_put(struct rig *r, uint32_t to, const uint8_t *p, size_t len, uint32_t delay)
{
    struct rig_pkt *k = malloc(sizeof *k + len);
    *k = (struct rig_pkt){ .at = r->now + delay, .turn = ++r->turn, .to = to, .len = len };
    memcpy(k->p, p, len);
    adit_list_add(&r->wire_q, &k->node);
}

static inline void rig_tx(struct l2tp_tunnel *t, const uint8_t *p, size_t len)
{
    struct rig_end *e = end_of(t);
    struct rig *r = e->rig;
    struct rig_fate f = { 1, { 10 } };
    if (len > 12) {
        uint16_t flying = (uint16_t)(t->rel.max - t->rel.una);
        if (flying > e->unacked_max)
            e->unacked_max = flying;
        /* row A3: the newest Nr in every message */
        ck_assert_uint_eq(be16(p + 10), t->rel.nr);
    }
    ck_assert_uint_eq(be16(p), 0xc802);
    ck_assert_uint_eq(be16(p + 2), len);
    r->sent++;
    if (r->wire)
        f = r->wire(r, !e->n, p, len, r->u);
    for (uint32_t i = 0; i < f.copies; i++)
        rig_put(r, !e->n, p, len, f.delay[i]);
}

static inline void rig_timer(struct l2tp_tunnel *t, uint32_t which, uint32_t ms)
{
    end_of(t)->timer_at[which] = ms ? rig_now(t) + ms : 0;
}

static inline void rig_call_timer(struct l2tp_call *c, uint32_t ms)
{
    ADIT_OF(c, struct rig_call, c)->timer_at = ms ? rig_now(c->t) + ms : 0;
}

static inline void rig_moved(struct l2tp_tunnel *t, struct l2tp_call *c, const char *from,
                             const char *on, const char *to)
{
    (void)t, (void)c, (void)from, (void)on, (void)to;
}

static inline void rig_trace(struct l2tp_tunnel *t, bool sent, const struct l2tp_msg *m)
{
    char line[256];
    (void)t, (void)sent;
    (void)l2tp_msg_print(m, line, sizeof line);
}

static inline void rig_up(struct l2tp_tunnel *t) { end_of(t)->up++; }

static inline struct rig_call *rig_call_make(struct rig_end *e)
{
    for (uint32_t i = 0; i < RIG_CALLS; i++)
        if (!e->call[i].used) {
            e->call[i].used = true;
            l2tp_call_init(&e->call[i].c, &e->t, ++e->next_id);
            return &e->call[i];
        }
    return NULL;
}

static inline struct l2tp_call *rig_call_new(struct l2tp_tunnel *t)
{
    struct rig_call *c = rig_call_make(end_of(t));
    return c ? &c->c : NULL;
}

static inline struct l2tp_call *rig_call_at(struct l2tp_tunnel *t, uint16_t id)
{
    struct rig_end *e = end_of(t);
    for (uint32_t i = 0; i < RIG_CALLS; i++)
        if (e->call[i].used && !e->call[i].freed && e->call[i].c.our_id == id)
            return &e->call[i].c;
    return NULL;
}

static inline int32_t rig_call_open(struct l2tp_call *c) { return end_of(c->t)->refuse; }

static inline void rig_call_up(struct l2tp_call *c, const struct l2tp_msg *m)
{
    struct rig_call *k = ADIT_OF(c, struct rig_call, c);
    (void)m;
    k->up++;
    k->speed = c->tx_bps;
    k->sequenced = c->sequenced;
}

static inline void rig_call_down(struct l2tp_call *c, uint32_t cause, const char *text)
{
    struct rig_call *k = ADIT_OF(c, struct rig_call, c);
    (void)text;
    ck_assert_uint_eq(k->down, 0);
    k->down++;
    k->cause = cause;
}

static inline void rig_call_free(struct l2tp_call *c)
{
    struct rig_call *k = ADIT_OF(c, struct rig_call, c);
    ck_assert(!k->freed);
    k->freed = true;
    k->timer_at = 0;
}

static inline void rig_closed(struct l2tp_tunnel *t, uint32_t cause, const char *text)
{
    (void)text;
    end_of(t)->closed++;
    end_of(t)->cause = cause;
    ck_assert(adit_list_empty(&t->calls));
}

static inline void rig_gone(struct l2tp_tunnel *t)
{
    struct rig_end *e = end_of(t);
    ck_assert_uint_eq(e->gone, 0);
    e->gone++;
    e->alive = false;
}

static const struct l2tp_ops rig_ops = {
    .now = rig_now, .tx = rig_tx, .timer = rig_timer, .call_timer = rig_call_timer,
    .moved = rig_moved, .trace = rig_trace, .up = rig_up, .call_new = rig_call_new,
    .call_at = rig_call_at, .call_open = rig_call_open, .call_up = rig_call_up,
    .call_down = rig_call_down, .call_free = rig_call_free, .closed = rig_closed,
    .gone = rig_gone,
};

static inline void rig_init(struct rig *r, const struct rig_setup *s)
{
    memset(r, 0, sizeof *r);
    r->now = 1000;
    r->random = 1;
    adit_list_init(&r->wire_q);
    for (uint32_t i = 0; i < 2; i++) {
        struct rig_end *e = &r->end[i];
        e->rig = r;
        e->n = i;
        e->secret = s->secret[i] ? s->secret[i] : "";
        e->next_id = (uint16_t)(100 * (i + 1));
        e->env = (struct l2tp_env){
            .ops = &rig_ops, .crypto = &crypto_api, .counters = e->counters,
            .rto_ms = 1000, .rto_max_ms = 8000, .tries = 5, .setup_ms = 60000,
            .hello_ms = s->hello_ms, .idle_ms = s->idle_ms, .linger_ms = 5000,
            .window = s->window[i] ? s->window[i] : 16,
            .hide = s->hide, .sequencing = s->sequencing,
        };
        snprintf(e->env.host_name, sizeof e->env.host_name, "end%u", i);
    }
    l2tp_tunnel_init(&r->end[0].t, &r->end[0].env, 1111, r->end[0].secret, strlen(r->end[0].secret));
    r->end[0].alive = true;
}

static inline void rig_fini(struct rig *r)
{
    l2tp_tunnel_fini(&r->end[0].t);
    if (r->end[1].accepted)
        l2tp_tunnel_fini(&r->end[1].t);
    ADIT_LIST_EACH(n, &r->wire_q)
        free(ADIT_OF(n, struct rig_pkt, node));
}

static inline struct rig_call *rig_dial(struct rig *r)
{
    struct rig_end *e = &r->end[0];
    struct rig_call *c = rig_call_make(e);
    c->c.tx_bps = 1000000;
    l2tp_call_open(&c->c);
    if (e->t.state == L2TP_T_IDLE)
        l2tp_tunnel_open(&e->t);
    return c;
}

static inline void rig_arrive(struct rig *r, struct rig_pkt *k)
{
    struct rig_end *e = &r->end[k->to];
    uint8_t *body = malloc(k->len - 12 ? k->len - 12 : 1);
    memcpy(body, k->p + 12, k->len - 12);
    uint16_t tid = be16(k->p + 4), sid = be16(k->p + 6), ns = be16(k->p + 8), nr = be16(k->p + 10);
    struct l2tp_end why;
    if (tid == 0 && !e->accepted && e->n == 1) {
        l2tp_tunnel_init(&e->t, &e->env, 2222, e->secret, strlen(e->secret));
        e->accepted = e->alive = l2tp_tunnel_accept(&e->t, ns, nr, body, k->len - 12, &why);
        if (!e->accepted)
            l2tp_tunnel_fini(&e->t);
    } else if (e->alive && (tid == e->t.our_id || tid == 0)) {
        l2tp_tunnel_rx(&e->t, ns, nr, sid, body, k->len - 12);
    }
    free(body);
}

/* Everything that happens in the next ms. */
static inline void rig_run(struct rig *r, uint64_t ms)
{
    uint64_t until = r->now + ms;
    for (;;) {
        struct rig_pkt *first = NULL;
        uint64_t at = until;
        ADIT_LIST_EACH(n, &r->wire_q) {
            struct rig_pkt *k = ADIT_OF(n, struct rig_pkt, node);
            if (!first || k->at < first->at || (k->at == first->at && k->turn < first->turn))
                first = k;
        }
        if (first && first->at < at)
            at = first->at;
        for (uint32_t i = 0; i < 2; i++) {
            for (uint32_t w = 0; w < L2TP_TIMER_COUNT; w++)
                if (r->end[i].timer_at[w] && r->end[i].timer_at[w] < at)
                    at = r->end[i].timer_at[w];
            for (uint32_t c = 0; c < RIG_CALLS; c++)
                if (r->end[i].call[c].timer_at && r->end[i].call[c].timer_at < at)
                    at = r->end[i].call[c].timer_at;
        }
        if (at >= until)
            break;
        r->now = at;
        if (first && first->at == at) {
            adit_list_del(&first->node);
            rig_arrive(r, first);
            free(first);
            continue;
        }
        for (uint32_t i = 0; i < 2; i++) {
            struct rig_end *e = &r->end[i];
            for (uint32_t w = 0; w < L2TP_TIMER_COUNT; w++)
                if (e->timer_at[w] == at) {
                    e->timer_at[w] = 0;
                    l2tp_tunnel_tick(&e->t, w);
                }
            for (uint32_t c = 0; c < RIG_CALLS; c++)
                if (e->call[c].timer_at == at) {
                    e->call[c].timer_at = 0;
                    l2tp_call_tick(&e->call[c].c);
                }
        }
    }
    r->now = until;
}

#endif
