/* ike_guard.c - who may begin before anything is proven: first messages per
 * second and source, half-open SAs per source and in all, answers in clear.
 *
 * A half-open SA that has not shown our cookie yet costs a few hundred bytes and
 * gives way to a newer one: invented sources push out each other, and a client
 * that is there shows the cookie within a round trip, or asks again.
 *
 * Knows:  sources, counts, ages.
 * Leaves: messages to ike_main.
 */
#include "ike_int.h"

#include <stdio.h>

#define HALF_BITS 10u
#define RATE_SETS 256u
#define RATE_WAYS 4u
#define REPLIES_PER_S 10u       /* errors in clear, to all the world */

struct rate {
    struct adit_addr who;
    uint64_t at_ms;             /* of the last look */
    uint32_t tokens;            /* thousandths of a message */
};

struct ike_guard {
    struct ike *k;
    struct adit_hash halves;    /* by source */
    struct adit_node *buckets;
    struct adit_node oldest;    /* unproven ones, in the order of their coming */
    uint32_t count;
    uint64_t seed, said_at;
    struct rate rates[RATE_SETS][RATE_WAYS];
    struct rate replies;
};

/* A source: an IPv4 host, or the /64 that an IPv6 host may choose from. */
static struct adit_addr source_of(const struct adit_addr *a)
{
    struct adit_addr s = { .family = a->family };
    memcpy(s.ip, a->ip, a->family == ADIT_AF_IPV6 ? 8 : 4);
    return s;
}

static bool same_source(const struct adit_addr *a, const struct adit_addr *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

struct ike_guard *ike_guard_new(struct ike *k)
{
    struct ike_guard *g = calloc(1, sizeof *g);
    if (!g)
        return NULL;
    g->buckets = calloc(1u << HALF_BITS, sizeof *g->buckets);
    if (!g->buckets) {
        free(g);
        return NULL;
    }
    g->k = k;
    adit_list_init(&g->oldest);
    adit_hash_init(&g->halves, g->buckets, HALF_BITS);
    k->ops->random((uint8_t *)&g->seed, sizeof g->seed);
    return g;
}

void ike_guard_free(struct ike_guard *g)
{
    if (g)
        free(g->buckets);
    free(g);
}

static bool take(struct rate *r, uint64_t now, uint32_t per_s)
{
    uint64_t full = (uint64_t)per_s * 1000, have = r->tokens + (now - r->at_ms) * per_s;
    have = have < full ? have : full;
    r->at_ms = now;
    r->tokens = (uint32_t)(have < 1000 ? have : have - 1000);
    return have >= 1000;
}

static bool rate_ok(struct ike_guard *g, const struct adit_addr *s, uint64_t now)
{
    uint32_t per_s = g->k->conf.starts_per_s_per_address;
    struct rate *set = g->rates[adit_hash_of(s, sizeof *s, g->seed) % RATE_SETS], *r = set;
    if (per_s == 0)
        return true;
    for (uint32_t i = 0; i < RATE_WAYS; i++) {
        if (same_source(&set[i].who, s))
            return take(&set[i], now, per_s);
        if (set[i].at_ms < r->at_ms)
            r = &set[i];
    }
    *r = (struct rate){ *s, now, per_s * 1000 };
    return take(r, now, per_s);
}

static void limited(struct ike *k, const struct adit_addr *peer, const char *what)
{
    struct ike_guard *g = k->guard;
    uint64_t now = ike_now(k);
    IKE_COUNT(k, LIMITED);
    if (g->said_at && now - g->said_at < 1000)
        return;
    g->said_at = now;
    k->ops->say(k->u, IKE_SAY_LIMIT, NULL, peer, what);
}

bool ike_guard_rate(struct ike *k, const struct adit_addr *peer)
{
    struct adit_addr s = source_of(peer);
    if (rate_ok(k->guard, &s, ike_now(k)))
        return true;
    limited(k, peer, "too many first messages of one address in a second");
    return false;
}

bool ike_guard_admit(struct ike *k, const struct adit_addr *peer)
{
    struct ike_guard *g = k->guard;
    struct adit_addr s = source_of(peer);
    uint32_t here = 0;
    struct adit_node *chain = adit_hash_chain(&g->halves, adit_hash_of(&s, sizeof s, g->seed));
    ADIT_LIST_EACH(n, chain) {
        struct ike_sa *sa = ADIT_OF(n, struct ike_sa, half_node);
        struct adit_addr o = source_of(&sa->path->peer);
        here += same_source(&o, &s);
    }
    if (k->conf.max_half_open_per_address && here >= k->conf.max_half_open_per_address) {
        limited(k, peer, "too many half-open SAs of one address");
        return false;
    }
    bool full = k->conf.max_half_open && g->count >= k->conf.max_half_open;
    if (!full && k->sa_count < k->conf.max_sas)
        return true;
    if (adit_list_empty(&g->oldest)) {
        limited(k, peer, full ? "too many half-open SAs" : "too many ISAKMP SAs");
        return false;
    }
    IKE_COUNT(k, LIMITED);
    ike_sa_end(ADIT_OF(g->oldest.next, struct ike_sa, peer_node), ADIT_EBUSY, "half-open too long");
    return true;
}

/* peer_node is free until the SA has a peer: it queues by age. */
void ike_guard_add(struct ike_sa *sa)
{
    struct ike_guard *g = sa->k->guard;
    struct adit_addr s = source_of(&sa->path->peer);
    sa->half = true;
    g->count++;
    adit_list_add(&g->oldest, &sa->peer_node);
    adit_hash_add(&g->halves, adit_hash_of(&s, sizeof s, g->seed), &sa->half_node);
}

void ike_guard_proven(struct ike_sa *sa)
{
    if (sa->half)
        adit_list_del(&sa->peer_node);
}

void ike_guard_del(struct ike_sa *sa)
{
    if (!sa->half)
        return;
    sa->half = false;
    sa->k->guard->count--;
    adit_list_del(&sa->peer_node);
    adit_hash_del(&sa->k->guard->halves, &sa->half_node);
}

struct ike_sa *ike_guard_find(struct ike *k, const struct adit_addr *peer, const uint8_t *cookie_i)
{
    struct ike_guard *g = k->guard;
    struct adit_addr s = source_of(peer);
    struct adit_node *chain = adit_hash_chain(&g->halves, adit_hash_of(&s, sizeof s, g->seed));
    ADIT_LIST_EACH(n, chain) {
        struct ike_sa *sa = ADIT_OF(n, struct ike_sa, half_node);
        if (memcmp(sa->cookie_i, cookie_i, 8) == 0 && sa->path->peer.port == peer->port &&
            memcmp(sa->path->peer.ip, peer->ip, sizeof peer->ip) == 0)
            return sa;
    }
    return NULL;
}

bool ike_guard_reply(struct ike *k)
{
    return take(&k->guard->replies, ike_now(k), REPLIES_PER_S);
}

uint32_t ike_guard_half_open(const struct ike *k) { return k->guard->count; }
