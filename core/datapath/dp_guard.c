/* dp_guard.c - the filters by name, and what one session is held to.
 *
 * Knows:  which filter has which name, what of it a session has, the queue to a
 *         client that is limited.
 * Leaves: rules to dp_filter, arithmetic to dp_rate, cutting and sending to dp.c.
 */
#include "datapath/dp_int.h"
#include <stdio.h>
#include <stdlib.h>
#include "log/log.h"
#include "loop/loop.h"

ADIT_EVENT(ev_filtered, "datapath.filtered", ADIT_LOG_INFO,
    "A packet was dropped by a filter of its session; rule 0: by the filter's default.",
    "session filter direction rule protocol source destination port");

/* From the client: what TCP loses to a full bucket it sends again a round trip later,
 * at worst after its smallest timeout of 200 ms. What flowed in meanwhile must fit. */
#define POLICE_MS    250u
#define POLICE_BYTES 65536u
/* To the client: packets wait instead, so the bucket holds only what late timers miss. */
#define SHAPE_MS     20u
#define SHAPE_BYTES  3000u
#define QUEUE_MS     100u
#define QUEUE_FRAMES 24u        /* of the MTU; for slow rates */

struct named {
    struct adit_node node;
    char name[64];
    struct dp_filter *filter;
    uint32_t users;
    bool listed;
};

static struct adit_node names = { &names, &names };

struct dp_guard {
    struct named *named[2];
    struct dp_filter *own[2];
    struct dp_rate rate[2];
    struct dp_wait *first, *last;
    uint64_t bytes;             /* that wait, with what keeping them takes */
    struct loop_timer *timer;   /* of what waits */
    struct dp_port *port;       /* where it is in place */
    void (*due)(struct dp_port *p);
};

/* ---- names ------------------------------------------------------------------------------ */

static struct named *find(const char *name)
{
    ADIT_LIST_EACH(n, &names) {
        struct named *f = ADIT_OF(n, struct named, node);
        if (strcmp(f->name, name) == 0)
            return f;
    }
    return NULL;
}

static void bury(struct named *f)
{
    if (f->users || f->listed)
        return;
    adit_list_del(&f->node);
    dp_filter_unref(f->filter);
    free(f);
}

/* A name that nobody lists yet. */
static struct named *name_new(const struct dp_named *d)
{
    struct named *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    snprintf(f->name, sizeof f->name, "%s", d->name);
    f->filter = dp_filter_ref(d->filter);
    adit_list_add(&names, &f->node);
    return f;
}

int dp_filters_set(const struct dp_named *list, uint32_t count)
{
    int rc = 0;
    for (uint32_t i = 0; i < count && !rc; i++)
        if (!find(list[i].name) && !name_new(&list[i]))
            rc = ADIT_ENOMEM;
    if (!rc)                    /* from here on nothing can fail */
        ADIT_LIST_EACH(n, &names)
            ADIT_OF(n, struct named, node)->listed = false;
    for (uint32_t i = 0; i < count && !rc; i++) {
        struct named *f = find(list[i].name);
        f->listed = true;
        if (dp_filter_same(f->filter, list[i].filter))
            continue;
        dp_filter_unref(f->filter);
        f->filter = dp_filter_ref(list[i].filter);
    }
    ADIT_LIST_EACH(n, &names)
        bury(ADIT_OF(n, struct named, node));
    return rc;
}

bool dp_filter_known(const char *name)
{
    const struct named *f = find(name);
    return f && f->listed;
}

bool dp_filter_nth(uint32_t nth, struct dp_named_info *out)
{
    ADIT_LIST_EACH(n, &names) {
        const struct named *f = ADIT_OF(n, struct named, node);
        if (nth-- == 0) {
            *out = (struct dp_named_info){ f->name, f->filter, f->listed };
            return true;
        }
    }
    return false;
}

/* ---- a guard ------------------------------------------------------------------------------ */

static void drop_names(struct dp_guard *g)
{
    for (int k = 0; k < 2; k++) {
        dp_filter_unref(g->own[k]);
        g->own[k] = NULL;
        if (g->named[k]) {
            g->named[k]->users--;
            bury(g->named[k]);
        }
        g->named[k] = NULL;
    }
}

void dp_guard_free(struct dp_guard *g)
{
    if (!g)
        return;
    drop_names(g);
    while (g->first) {
        struct dp_wait *w = g->first;
        g->first = w->next;
        free(w);
    }
    if (g->timer)
        loop_timer_free(g->timer);
    free(g);
}

static void fired(void *u)
{
    struct dp_guard *g = u;
    if (g->port)
        g->due(g->port);
}

static void set_rates(struct dp_guard *g, uint64_t in, uint64_t out)
{
    dp_rate_set(&g->rate[DP_IN], in, POLICE_MS, POLICE_BYTES, loop_now());
    dp_rate_set(&g->rate[DP_OUT], out, SHAPE_MS, SHAPE_BYTES, loop_now());
}

static int take_name(struct dp_guard *g, int k, const char *name, char *why, size_t size)
{
    if (!name || !*name)
        return 0;
    if (!dp_filter_known(name)) {
        snprintf(why, size, "there is no filter '%.63s'", name);
        return ADIT_ENOENT;
    }
    g->named[k] = find(name);
    g->named[k]->users++;
    return 0;
}

int dp_guard_new(const struct dp_guard_conf *c, struct dp_guard **out, char *why, size_t size)
{
    struct dp_guard *g = calloc(1, sizeof *g);
    int rc = g ? 0 : ADIT_ENOMEM;
    *out = NULL;
    snprintf(why, size, "out of memory");
    for (int k = 0; k < 2 && !rc; k++)
        rc = take_name(g, k, c->filter[k], why, size);
    if (!rc)
        rc = dp_filter_read(c->rules, c->rule_count, &g->own[DP_IN], &g->own[DP_OUT], why, size);
    if (!rc) {
        set_rates(g, c->kbps[DP_IN], c->kbps[DP_OUT]);
        g->timer = loop_timer_new(fired, g);
        rc = g->timer ? 0 : ADIT_ENOMEM;
    }
    bool empty = !rc && !g->named[0] && !g->named[1] && !g->own[0] && !g->own[1] && !g->rate[0].kbps &&
                 !g->rate[1].kbps;
    if (rc || empty) {
        dp_guard_free(g);
        return rc;
    }
    *out = g;
    return 0;
}

/* ---- in place -------------------------------------------------------------------------------- */

/* What waited goes on waiting, now for the new rate. */
static void inherit(struct dp_guard *g, struct dp_guard *old)
{
    uint64_t kbps[2] = { g->rate[DP_IN].kbps, g->rate[DP_OUT].kbps };
    for (int k = 0; k < 2; k++)
        if (kbps[k] && old->rate[k].kbps)
            g->rate[k] = old->rate[k];
    set_rates(g, kbps[DP_IN], kbps[DP_OUT]);
    if (!old->first)
        return;
    g->first = old->first;
    g->last = old->last;
    g->bytes = old->bytes;
    old->first = old->last = NULL;
    loop_timer_set(g->timer, 0);
}

struct dp_guard *dp_guard_place(struct dp_guard *g, struct dp_guard *old, struct dp_port *p,
                                void (*due)(struct dp_port *p))
{
    if (!g && old && old->first) {      /* nothing is limited now, but some wait */
        drop_names(old);
        set_rates(old, 0, 0);
        loop_timer_set(old->timer, 0);
        return old;
    }
    if (g) {
        g->port = p;
        g->due = due;
        if (old)
            inherit(g, old);
    }
    dp_guard_free(old);
    return g;
}

/* ---- DATA PATH -------------------------------------------------------------------------------- */

static void tell(const struct dp_port *p, const char *name, const struct dp_filter *f, int k,
                 const struct dp_look *l)
{
    uint8_t bytes = l->version == 4 ? 4 : 16;
    struct adit_addr src = { .family = l->version == 4 ? ADIT_AF_IPV4 : ADIT_AF_IPV6,
                             .prefix = (uint8_t)(bytes * 8) }, dst = src;
    if (!log_allow(&ev_filtered, 10))
        return;
    memcpy(src.ip, l->src, bytes);
    memcpy(dst.ip, l->dst, bytes);
    LOG_EVENT("datapath", &ev_filtered, ADIT_KV_S("session", p->who), ADIT_KV_S("filter", name),
              ADIT_KV_S("direction", k == DP_IN ? "in" : "out"), ADIT_KV_U("rule", dp_filter_last(f)),
              ADIT_KV_U("protocol", l->proto), ADIT_KV_ADDR("source", &src),
              ADIT_KV_ADDR("destination", &dst), ADIT_KV_U("port", l->dport));
}

/* Both must pass it: the session's own rules and the filter by name. */
static bool filters_pass(struct dp_port *p, int k, const uint8_t *d, const struct dp_hdr *h,
                         const struct dp_who *who)
{
    struct dp_guard *g = p->guard;
    struct dp_filter *f[2] = { g->own[k], g->named[k] ? g->named[k]->filter : NULL };
    struct dp_look l;
    if (!f[0] && !f[1])
        return true;
    bool readable = dp_look(d, h, &l);
    for (int i = 0; i < 2; i++) {
        if (!f[i])
            continue;
        if (!readable)
            dp_filter_unreadable(f[i]);
        else if (dp_filter_pass(f[i], &l, who))
            continue;
        tell(p, i ? g->named[k]->name : "session", f[i], k, &l);
        return false;
    }
    return true;
}

bool dp_guard_rx(struct dp_port *p, const uint8_t *d, const struct dp_hdr *h, const struct dp_who *who)
{
    if (!filters_pass(p, DP_IN, d, h, who)) {
        p->count.rx_filtered++;
        return false;
    }
    if (!dp_rate_take(&p->guard->rate[DP_IN], h->len, loop_now())) {
        p->count.rx_limited++;
        return false;
    }
    return true;
}

/* What a super-packet is to the client: a header for each segment. */
static uint64_t bytes_of(const struct dp_hdr *h, const struct virtio_net_hdr *vh)
{
    if (vh->gso_type == VIRTIO_NET_HDR_GSO_NONE || !vh->gso_size)
        return h->len;
    return h->len + (uint64_t)((h->len - h->l4) / vh->gso_size) * (h->l4 + 20u);
}

static bool keep(struct dp_port *p, uint64_t bytes, const struct virtio_net_hdr *vh, const uint8_t *d, size_t len)
{
    struct dp_guard *g = p->guard;
    uint64_t kbps = g->rate[DP_OUT].kbps, most = kbps ? kbps * QUEUE_MS / 8 : UINT64_MAX;
    if (most < QUEUE_FRAMES * p->mtu)
        most = QUEUE_FRAMES * p->mtu;
    /* an empty queue takes whatever comes: else no super-packet passed a slow one */
    if (g->first && g->bytes + len > most)
        return false;
    struct dp_wait *w = malloc(sizeof *w + len);
    if (!w)
        return false;
    *w = (struct dp_wait){ .vh = *vh, .len = (uint32_t)len, .bytes = bytes };
    memcpy(w->data, d, len);
    if (g->last)
        g->last->next = w;
    else
        g->first = w;
    g->last = w;
    g->bytes += len + sizeof *w;
    return true;
}

static void arm(struct dp_guard *g)
{
    if (g->first)
        loop_timer_set(g->timer, dp_rate_wait(&g->rate[DP_OUT]));
}

bool dp_guard_tx(struct dp_port *p, const uint8_t *d, size_t len, const struct dp_hdr *h,
                 const struct virtio_net_hdr *vh, const struct dp_who *who)
{
    struct dp_guard *g = p->guard;
    uint64_t bytes = bytes_of(h, vh);
    if (!filters_pass(p, DP_OUT, d, h, who)) {
        p->count.tx_filtered++;
        return false;
    }
    if (!g->first && dp_rate_take(&g->rate[DP_OUT], bytes, loop_now()))
        return true;
    bool first = g->first == NULL;
    if (!keep(p, bytes, vh, d, len))
        p->count.tx_limited++;
    else if (first)
        arm(g);
    return false;
}

struct dp_wait *dp_guard_next(struct dp_guard *g)
{
    struct dp_wait *w = g->first;
    if (!w || !dp_rate_take(&g->rate[DP_OUT], w->bytes, loop_now())) {
        arm(g);
        return NULL;
    }
    g->first = w->next;
    if (!g->first)
        g->last = NULL;
    g->bytes -= w->len + sizeof *w;
    return w;
}
