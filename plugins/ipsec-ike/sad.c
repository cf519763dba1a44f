/* sad.c - the associations: who is protected by which pairs of SAs.
 *
 * Knows:  SPIs, which pair sends, limits of use, where the peer is now, the UDP
 *         header inside.
 * Leaves: packets' bytes to esp, negotiation to ike, sockets to ike_io.
 *
 * What is told (soft, gone ...) may end anything, this very association too, and
 * may come from inside the data path. So whatever ends is unlinked at once and
 * said to be gone once, and its memory stays until the outermost call returns.
 */
#include "sad.h"

#include <adit/bytes.h>
#include <adit/table.h>
#include <openssl/rand.h>
#include <stdlib.h>

#define BITS      12u           /* of the SPI table */
#define UDP_HEAD  8u
#define SEQ_SOFT  0xc0000000u   /* a quarter of the numbers is left */
#define TICK_MOST 5000u

enum {
#define SAD_X(NAME, name, text) N_##NAME,
    SAD_COUNTER_MAP(SAD_X)
#undef SAD_X
};

/* A number that is taken: reserved, or a pair's. */
struct spi {
    struct adit_node node;      /* in its bucket */
    uint32_t spi;
    struct sad_pair *pair;      /* NULL: reserved */
};

struct sad_pair {
    struct adit_node node;      /* in assoc->pairs, oldest first; then in the graveyard */
    struct sad_assoc *assoc;
    struct spi *spi;
    struct esp_suite suite;
    struct esp_in in;
    struct esp_out out;
    uint64_t since, soft_at, hard_at, end_at;   /* at: 0 never */
    uint64_t soft_bytes, hard_bytes;
    uint64_t owner;
    uint32_t why;               /* ending */
    uint8_t *kept;              /* key material, in then out; NULL: not kept */
    bool sends, ending, initiator, soft_said, dead;
};

struct sad_assoc {
    struct adit_node node;      /* in sad->assocs; then in the graveyard */
    struct adit_entry of_owner;
    struct sad *sad;
    struct sad_who who;
    char *identity;
    struct adit_path *outer;    /* held */
    struct adit_node pairs;
    struct sad_pair *out;       /* the one that sends; NULL: none */
    const char *transform;
    uint32_t overhead;
    uint64_t since, empty_since, heard, sent, pairs_made;
    uint64_t bytes_in, bytes_out, packets_in, packets_out;      /* of pairs that ended */
    void *user;
    bool dead;
};

struct sad {
    const struct sad_ops *ops;
    void *u;
    OSSL_LIB_CTX *lib;
    uint64_t *counters;
    uint64_t grace_ms;
    bool keep_keys;
    struct adit_hash spis;
    struct adit_node buckets[1u << BITS];
    struct adit_node assocs;
    struct adit_table owners;   /* the same, by who.owner */
    struct adit_node *cursor;   /* the next that sad_tick() looks at */
    uint32_t depth;             /* calls under way */
    struct adit_node dead_pairs, dead_assocs;
};

static uint64_t now_of(const struct sad *s) { return s->ops->now(s->u); }

static void count(struct sad *s, uint32_t which, uint32_t n) { s->counters[which] += n; }

/* ---- the graveyard ----------------------------------------------------------------- */

static void pair_free(struct sad_pair *p)
{
    esp_in_fini(&p->in);
    esp_out_fini(&p->out);
    if (p->kept)
        bytes_wipe(p->kept, 2 * (size_t)esp_keymat_len(&p->suite));
    free(p->kept);
    free(p);
}

static void assoc_free(struct sad_assoc *a)
{
    free(a->identity);
    free(a);
}

static void enter(struct sad *s) { s->depth++; }

static void leave(struct sad *s)
{
    if (--s->depth)
        return;
    ADIT_LIST_EACH(n, &s->dead_pairs)
        pair_free(ADIT_OF(n, struct sad_pair, node));
    ADIT_LIST_EACH(n, &s->dead_assocs)
        assoc_free(ADIT_OF(n, struct sad_assoc, node));
    adit_list_init(&s->dead_pairs);
    adit_list_init(&s->dead_assocs);
}

/* ---- numbers ------------------------------------------------------------------------- */

/* Ours are random, so their low bits spread them well enough. */
static struct spi *spi_of(const struct sad *s, uint32_t spi)
{
    ADIT_LIST_EACH(n, adit_hash_chain(&s->spis, spi))
        if (ADIT_OF(n, struct spi, node)->spi == spi)
            return ADIT_OF(n, struct spi, node);
    return NULL;
}

static struct spi *spi_take(struct sad *s, uint32_t spi)
{
    struct spi *x = calloc(1, sizeof *x);
    if (!x)
        return NULL;
    x->spi = spi;
    adit_hash_add(&s->spis, spi, &x->node);
    return x;
}

static void spi_free(struct sad *s, struct spi *x)
{
    adit_hash_del(&s->spis, &x->node);
    free(x);
}

uint32_t sad_spi_new(struct sad *s)
{
    for (int tries = 0; tries < 64; tries++) {
        uint32_t spi;
        if (RAND_bytes_ex(s->lib, (uint8_t *)&spi, sizeof spi, 0) != 1)
            return 0;
        if (spi > 255 && !spi_of(s, spi))               /* RFC 4303 section 2.1 */
            return spi_take(s, spi) ? spi : 0;
    }
    return 0;
}

void sad_spi_drop(struct sad *s, uint32_t spi)
{
    struct spi *x = spi_of(s, spi);
    if (x && !x->pair)
        spi_free(s, x);
}

struct sad_pair *sad_pair_in(struct sad *s, uint32_t spi_in)
{
    struct spi *x = spi_of(s, spi_in);
    return x ? x->pair : NULL;
}

/* ---- which pair sends ------------------------------------------------------------------ */

/* The newest that the peer is known to have. When there is none any more, but
 * there was one, the newest at all: a peer that deletes the old one has the new
 * one, even if its last message of the negotiation was lost or late. */
static void choose(struct sad_assoc *a)
{
    struct sad_pair *proven = NULL, *any = NULL;
    ADIT_LIST_EACH(n, &a->pairs) {
        struct sad_pair *p = ADIT_OF(n, struct sad_pair, node);
        if (p->ending)
            continue;
        any = p;
        if (p->sends)
            proven = p;
    }
    a->out = proven || a->pairs_made < 2 ? proven : any;
    if (a->out || any) {
        const struct esp_suite *s = &(a->out ? a->out : any)->suite;
        a->transform = esp_suite_name(s);
        a->overhead = (a->who.encap ? UDP_HEAD : 0) + esp_overhead(s);
    }
}

/* ---- ends -------------------------------------------------------------------------------- */

static void pair_remove(struct sad_pair *p, uint32_t why)
{
    struct sad_assoc *a = p->assoc;
    struct sad *s = a->sad;
    if (p->dead)
        return;
    p->dead = true;
    enter(s);
    a->bytes_in += p->in.bytes;
    a->bytes_out += p->out.bytes;
    a->packets_in += p->in.packets;
    a->packets_out += p->out.packets;
    spi_free(s, p->spi);
    adit_list_del(&p->node);
    adit_list_add(&s->dead_pairs, &p->node);
    if (adit_list_empty(&a->pairs))
        a->empty_since = now_of(s);
    choose(a);
    s->ops->pair_gone(s->u, p, why);
    leave(s);
}

void sad_assoc_end(struct sad_assoc *a, uint32_t why)
{
    struct sad *s = a->sad;
    if (a->dead)
        return;
    a->dead = true;
    enter(s);
    while (!adit_list_empty(&a->pairs))
        pair_remove(ADIT_OF(a->pairs.next, struct sad_pair, node), why);
    s->ops->gone(s->u, a);
    if (s->cursor == &a->node)
        s->cursor = a->node.next;
    adit_list_del(&a->node);
    adit_table_del(&s->owners, &a->of_owner);
    adit_list_add(&s->dead_assocs, &a->node);
    s->ops->drop(s->u, a->outer);
    a->outer = NULL;
    leave(s);
}

static uint64_t most_bytes(const struct sad_pair *p)
{
    return p->in.bytes > p->out.bytes ? p->in.bytes : p->out.bytes;
}

static bool is_used_up(const struct sad_pair *p, uint64_t now)
{
    return (p->hard_at && now >= p->hard_at) || (p->hard_bytes && most_bytes(p) >= p->hard_bytes) ||
           p->out.seq == UINT32_MAX || p->in.top == UINT32_MAX;
}

static bool is_worn(const struct sad_pair *p, uint64_t now)
{
    return (p->soft_at && now >= p->soft_at) || (p->soft_bytes && most_bytes(p) >= p->soft_bytes) ||
           p->out.seq >= SEQ_SOFT || p->in.top >= SEQ_SOFT;
}

/* Does what a pair's limits ask for; false when it is gone. Inside enter(). */
static bool look(struct sad_pair *p, uint64_t now)
{
    struct sad *s = p->assoc->sad;
    if (p->dead)
        return false;
    if (is_used_up(p, now) || (p->ending && now >= p->end_at)) {
        pair_remove(p, p->ending ? p->why : SAD_WHY_EXPIRED);
        return false;
    }
    if (!p->ending && !p->soft_said && is_worn(p, now)) {
        p->soft_said = true;
        s->ops->soft(s->u, p);
    }
    return !p->dead;
}

void sad_pair_end(struct sad_pair *p, uint32_t why, uint64_t linger_ms)
{
    struct sad *s = p->assoc->sad;
    uint64_t at = now_of(s) + linger_ms;
    if (p->dead)
        return;
    if (!linger_ms) {
        pair_remove(p, why);
        return;
    }
    if (!p->ending) {
        p->ending = true;
        p->why = why;
        p->end_at = at;
        p->sends = false;
        choose(p->assoc);
    } else if (at < p->end_at) {
        p->end_at = at;
    }
}

/* ---- beginnings ------------------------------------------------------------------------------ */

struct sad *sad_new(const struct sad_ops *ops, void *u, OSSL_LIB_CTX *lib, uint64_t *counters,
                    uint64_t grace_ms)
{
    struct sad *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->ops = ops;
    s->u = u;
    s->lib = lib;
    s->counters = counters;
    s->grace_ms = grace_ms;
    adit_hash_init(&s->spis, s->buckets, BITS);
    adit_list_init(&s->assocs);
    adit_list_init(&s->dead_pairs);
    adit_list_init(&s->dead_assocs);
    return s;
}

void sad_free(struct sad *s)
{
    if (!s)
        return;
    enter(s);
    while (!adit_list_empty(&s->assocs))
        sad_assoc_end(ADIT_OF(s->assocs.next, struct sad_assoc, node), SAD_WHY_DELETED);
    leave(s);
    for (uint32_t i = 0; i <= s->spis.mask; i++)
        while (!adit_list_empty(&s->buckets[i]))
            spi_free(s, ADIT_OF(s->buckets[i].next, struct spi, node));
    adit_table_fini(&s->owners);
    free(s);
}

static bool is_of(const struct sad_assoc *a, const struct sad_who *who)
{
    return a->who.owner == who->owner && a->who.encap == who->encap &&
           a->who.sel.protocol == who->sel.protocol && a->who.sel.our_port == who->sel.our_port &&
           a->who.sel.peer_port == who->sel.peer_port && adit_same_host(&a->who.our, &who->our);
}

static void leave_on(struct sad_assoc *a, struct adit_path *outer)
{
    struct sad *s = a->sad;
    struct adit_path *old = a->outer;
    if (old == outer)
        return;
    a->outer = s->ops->hold(s->u, outer);
    if (old)
        s->ops->drop(s->u, old);
}

struct sad_assoc *sad_assoc_get(struct sad *s, const struct sad_who *who, struct adit_path *outer)
{
    uint32_t hash = adit_hash_of(&who->owner, sizeof who->owner, 0);
    for (struct adit_entry *e = adit_table_first(&s->owners, hash); e; e = adit_table_next(&s->owners, e)) {
        struct sad_assoc *a = ADIT_OF(e, struct sad_assoc, of_owner);
        if (!a->dead && is_of(a, who)) {
            leave_on(a, outer);
            return a;
        }
    }
    struct sad_assoc *a = calloc(1, sizeof *a);
    if (!a || !(a->identity = strdup(who->identity))) {
        free(a);
        return NULL;
    }
    a->sad = s;
    a->who = *who;
    a->who.identity = a->identity;
    a->since = a->empty_since = a->heard = a->sent = now_of(s);
    adit_list_init(&a->pairs);
    leave_on(a, outer);
    adit_list_add(&s->assocs, &a->node);
    adit_table_add(&s->owners, hash, &a->of_owner);
    return a;
}

void sad_keep_keys(struct sad *s, bool keep)
{
    s->keep_keys = keep;
}

static void keep_keys(struct sad_pair *p, const struct sad_pair_conf *c)
{
    size_t n = esp_keymat_len(&c->suite);
    p->kept = malloc(2 * n);
    if (!p->kept)
        return;
    memcpy(p->kept, c->keymat_in, n);
    memcpy(p->kept + n, c->keymat_out, n);
}

int32_t sad_pair_add(struct sad_assoc *a, const struct sad_pair_conf *c, bool sends,
                     struct sad_pair **out)
{
    struct sad *s = a->sad;
    struct spi *x = spi_of(s, c->spi_in);
    if (a->dead)
        return ADIT_ESTATE;
    if (x && x->pair)
        return ADIT_EEXIST;
    if (!x && !(x = spi_take(s, c->spi_in)))
        return ADIT_ENOMEM;
    struct sad_pair *p = calloc(1, sizeof *p);
    int32_t rc = p ? esp_in_init(&p->in, s->lib, &c->suite, c->spi_in, c->keymat_in, c->window)
                   : ADIT_ENOMEM;
    if (!rc)
        rc = esp_out_init(&p->out, s->lib, &c->suite, c->spi_out, c->keymat_out);
    if (rc) {
        if (p)
            pair_free(p);
        return rc;
    }
    x->pair = p;
    p->spi = x;
    p->assoc = a;
    p->suite = c->suite;
    p->since = now_of(s);
    p->soft_at = c->soft_ms ? p->since + c->soft_ms : 0;
    p->hard_at = c->hard_ms ? p->since + c->hard_ms : 0;
    p->soft_bytes = c->soft_bytes;
    p->hard_bytes = c->hard_bytes;
    p->owner = c->owner;
    p->initiator = c->initiator;
    p->sends = sends;
    if (s->keep_keys)
        keep_keys(p, c);
    a->pairs_made++;
    adit_list_add(&a->pairs, &p->node);
    choose(a);
    if (out)
        *out = p;
    return 0;
}

void sad_pair_sends(struct sad_pair *p)
{
    if (p->ending || p->sends)
        return;
    p->sends = true;
    choose(p->assoc);
}

struct sad_pair *sad_pair_out(struct sad_assoc *a, uint32_t spi_out)
{
    ADIT_LIST_EACH(n, &a->pairs)
        if (ADIT_OF(n, struct sad_pair, node)->out.spi == spi_out)
            return ADIT_OF(n, struct sad_pair, node);
    return NULL;
}

/* ---- the UDP header inside -------------------------------------------------------------------- */

/* Of the pseudo header and a datagram whose header is at p (RFC 768, RFC 8200
 * section 8.1): 0xffff when its checksum is right. */
static uint16_t udp_sum(const struct adit_addr *from, const struct adit_addr *to, const uint8_t *p,
                        uint32_t len)
{
    uint64_t sum = 17 + len;
    struct rd part[3] = { rd_of(from->ip, from->family == ADIT_AF_IPV4 ? 4 : 16),
                          rd_of(to->ip, to->family == ADIT_AF_IPV4 ? 4 : 16), rd_of(p, len) };
    for (int i = 0; i < 3; i++) {
        while (rd_left(&part[i]) >= 4)
            sum += rd_u32(&part[i]);
        if (rd_left(&part[i]) >= 2)
            sum += (uint32_t)rd_u16(&part[i]) << 16;
        if (rd_left(&part[i]))
            sum += (uint32_t)rd_u8(&part[i]) << 24;
    }
    /* halves of 32-bit words and the small numbers above fold alike */
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

enum udp { UDP_GOOD, UDP_BAD, UDP_OTHER };

/* Takes the header off; which ports it has. */
static enum udp udp_down(const struct sad_who *who, const struct adit_path *outer,
                         struct adit_frame *f, uint16_t *our_port, uint16_t *peer_port)
{
    struct rd r = rd_of(f->data, f->len);
    uint16_t from = rd_u16(&r), to = rd_u16(&r), len = rd_u16(&r), sum = rd_u16(&r);
    bool v4 = outer->our.family == ADIT_AF_IPV4;
    if (!rd_ok(&r) || len < UDP_HEAD || len > f->len)
        return UDP_BAD;
    if (to == 0 || from == 0 || (who->sel.our_port && to != who->sel.our_port) ||
        (who->sel.peer_port && from != who->sel.peer_port))
        return UDP_OTHER;
    f->len = len;               /* behind it: padding that hides the length (RFC 4303 section 2.7) */
    /* A NAT changed the addresses that the checksum covers and could not mend it
     * (row W9; RFC 3948 section 3.1.2); the ICV covers all of it anyway. */
    if (sum == 0 ? !v4 : !who->encap && udp_sum(&outer->peer, &outer->our, f->data, len) != 0xffff)
        return UDP_BAD;
    adit_frame_pull(f, UDP_HEAD);
    *our_port = to;
    *peer_port = from;
    return UDP_GOOD;
}

static bool udp_up(const struct adit_path *outer, const struct adit_path *inner, struct adit_frame *f)
{
    uint8_t *h = f->len <= 65535 - UDP_HEAD ? adit_frame_push(f, UDP_HEAD) : NULL;
    if (!h)
        return false;
    struct wr w = wr_of(h, UDP_HEAD);
    wr_u16(&w, inner->our.port);
    wr_u16(&w, inner->peer.port);
    wr_u16(&w, (uint16_t)f->len);
    wr_u16(&w, 0);              /* none, in IPv4 (RFC 3948 section 3.1.2, RFC 768) */
    if (outer->our.family == ADIT_AF_IPV6) {
        uint16_t sum = (uint16_t)~udp_sum(&outer->our, &outer->peer, f->data, f->len);
        w = wr_of(h + 6, 2);
        wr_u16(&w, sum ? sum : 0xffff);
    }
    return true;
}

/* ---- in ------------------------------------------------------------------------------------------ */

/* A packet of a pair that the peer does not send on any more is an old one. */
static bool was_replaced(const struct sad_assoc *a, const struct sad_pair *p)
{
    for (const struct adit_node *n = p->node.next; n != &a->pairs; n = n->next)
        if (ADIT_OF(n, const struct sad_pair, node)->in.packets)
            return true;
    return false;
}

/* The peer is where its newest packet came from, behind a NAT (RFC 3947 section 6,
 * RFC 3948 section 6.2): one that is authentic, no replay, and ahead of all others. */
static void follow(struct sad_assoc *a, const struct sad_pair *p, uint32_t top_before,
                   struct adit_path *outer)
{
    const struct adit_path *old = a->outer;
    if (outer == old || !a->who.encap || outer->protocol != old->protocol ||
        p->in.top <= top_before || was_replaced(a, p))
        return;
    if (adit_same_host(&outer->peer, &old->peer) && outer->peer.port == old->peer.port &&
        adit_same_host(&outer->our, &old->our))
        return;
    leave_on(a, outer);
    a->sad->ops->moved(a->sad->u, a, &outer->peer);
}

/* Hands on runs of datagrams from one port of the peer. */
static void deliver(struct sad_assoc *a, const struct adit_path *outer, struct adit_frame **v,
                    uint32_t n)
{
    struct sad *s = a->sad;
    struct adit_addr our = a->who.our, peer = a->who.peer;
    uint16_t our_port, peer_port;
    uint32_t from = 0, to = 0;
    for (uint32_t i = 0; i < n; i++) {
        enum udp how = udp_down(&a->who, outer, v[i], &our_port, &peer_port);
        if (how != UDP_GOOD) {
            count(s, how == UDP_BAD ? N_ESP_BAD : N_ESP_SELECTOR, 1);
            continue;
        }
        if (to > from && (peer_port != peer.port || our_port != our.port)) {
            s->ops->rx(s->u, a, &our, &peer, v + from, to - from);
            if (a->dead)
                return;
            from = to;
        }
        our.port = our_port;
        peer.port = peer_port;
        v[to++] = v[i];
        count(s, N_ESP_RX, 1);
    }
    if (to > from)
        s->ops->rx(s->u, a, &our, &peer, v + from, to - from);
}

static void rx_pair(struct sad_pair *p, struct adit_path *outer, struct adit_frame **v, uint32_t n)
{
    struct sad_assoc *a = p->assoc;
    struct sad *s = a->sad;
    struct esp_stat stat = { 0 };
    uint32_t top = p->in.top;
    uint64_t now = now_of(s);
    if (is_used_up(p, now)) {
        count(s, N_ESP_NO_SA, n);
        (void)look(p, now);
        return;
    }
    n = esp_open(&p->in, a->who.sel.protocol, v, n, &stat);
    count(s, N_ESP_REPLAY, stat.replayed);
    count(s, N_ESP_BAD_ICV, stat.bad_icv);
    count(s, N_ESP_BAD, stat.malformed);
    count(s, N_ESP_SELECTOR, stat.other);
    if (n) {
        a->heard = now;
        sad_pair_sends(p);      /* the peer uses it, so it has it */
        follow(a, p, top, outer);
        if (!a->dead)
            deliver(a, outer, v, n);
    }
    (void)look(p, now);
}

static uint32_t spi_at(const struct adit_frame *f)
{
    struct rd r = rd_of(f->data, f->len);
    return rd_u32(&r);          /* 0 when it is too short: nobody's */
}

void sad_rx(struct sad *s, struct adit_path *outer, struct adit_frame **v, uint32_t n)
{
    enter(s);
    for (uint32_t i = 0, k; i < n; i = k) {
        uint32_t spi = spi_at(v[i]);
        for (k = i + 1; k < n && spi_at(v[k]) == spi; k++)
            ;
        struct sad_pair *p = sad_pair_in(s, spi);
        if (p)
            rx_pair(p, outer, v + i, k - i);
        else
            count(s, spi ? N_ESP_NO_SA : N_ESP_BAD, k - i);
    }
    leave(s);
}

/* ---- out ------------------------------------------------------------------------------------------ */

void sad_tx(struct sad_assoc *a, const struct adit_path *inner, struct adit_frame **v, uint32_t n)
{
    struct sad *s = a->sad;
    struct sad_pair *p = a->out;
    const struct sad_selector *sel = &a->who.sel;
    uint64_t now = now_of(s);
    if (a->dead || !p || is_used_up(p, now) || n > ADIT_VECTOR ||
        (sel->our_port && sel->our_port != inner->our.port) ||
        (sel->peer_port && sel->peer_port != inner->peer.port)) {
        count(s, N_ESP_NO_PAIR, n);
        return;
    }
    uint32_t good = 0;
    for (uint32_t i = 0; i < n; i++)
        if (udp_up(a->outer, inner, v[i]))
            v[good++] = v[i];
    good = esp_seal(&p->out, sel->protocol, v, good);
    count(s, N_ESP_NO_ROOM, n - good);
    count(s, N_ESP_TX, good);
    enter(s);
    if (good) {
        a->sent = now;
        s->ops->tx(s->u, a->outer, v, good);
    }
    (void)look(p, now);
    leave(s);
}

/* ---- time ------------------------------------------------------------------------------------------ */

static void sooner(uint64_t *next, uint64_t at, uint64_t now)
{
    uint64_t ms = at > now ? at - now : 1;
    if (ms < *next)
        *next = ms;
}

/* Looks after one association's pairs; then when it is to be looked at again. */
static void tick(struct sad_assoc *a, uint64_t now, uint64_t *next)
{
    for (bool again = true; again && !a->dead;) {
        again = false;
        ADIT_LIST_EACH(n, &a->pairs) {
            struct sad_pair *p = ADIT_OF(n, struct sad_pair, node);
            bool said = p->soft_said;
            if (!look(p, now) || p->soft_said != said) {
                again = true;   /* the list may have changed under us */
                break;
            }
        }
    }
    if (!a->dead && adit_list_empty(&a->pairs)) {
        if (now >= a->empty_since + a->sad->grace_ms)
            sad_assoc_end(a, SAD_WHY_EXPIRED);
        else
            sooner(next, a->empty_since + a->sad->grace_ms, now);
    }
    if (a->dead)
        return;
    ADIT_LIST_EACH(n, &a->pairs) {
        const struct sad_pair *p = ADIT_OF(n, struct sad_pair, node);
        if (p->ending)
            sooner(next, p->end_at, now);
        if (p->hard_at)
            sooner(next, p->hard_at, now);
        if (p->soft_at && !p->soft_said && !p->ending)
            sooner(next, p->soft_at, now);
    }
}

uint64_t sad_tick(struct sad *s)
{
    uint64_t next = TICK_MOST, now = now_of(s);
    enter(s);
    for (s->cursor = s->assocs.next; s->cursor != &s->assocs;) {
        struct sad_assoc *a = ADIT_OF(s->cursor, struct sad_assoc, node);
        s->cursor = s->cursor->next;
        tick(a, now, &next);
    }
    s->cursor = NULL;
    bool any = !adit_list_empty(&s->assocs);
    leave(s);
    return any ? next : 0;
}

/* ---- views ------------------------------------------------------------------------------------------ */

void sad_assoc_view(const struct sad_assoc *a, struct sad_assoc_view *out)
{
    *out = (struct sad_assoc_view){
        .who = &a->who, .transform = a->transform ? a->transform : "", .overhead = a->overhead,
        .since_ms = a->since, .rekeys = a->pairs_made ? a->pairs_made - 1 : 0,
        .bytes_in = a->bytes_in, .bytes_out = a->bytes_out, .packets_in = a->packets_in,
        .packets_out = a->packets_out, .heard_ms = a->heard, .sent_ms = a->sent, .outer = a->outer,
    };
    ADIT_LIST_EACH(n, &a->pairs) {
        const struct sad_pair *p = ADIT_OF(n, struct sad_pair, node);
        out->pairs++;
        out->bytes_in += p->in.bytes;
        out->bytes_out += p->out.bytes;
        out->packets_in += p->in.packets;
        out->packets_out += p->out.packets;
    }
}

void sad_pair_view(const struct sad_pair *p, struct sad_pair_view *out)
{
    *out = (struct sad_pair_view){
        .assoc = p->assoc, .suite = p->suite, .spi_in = p->in.spi, .spi_out = p->out.spi,
        .since_ms = p->since, .soft_at_ms = p->soft_at, .hard_at_ms = p->hard_at,
        .bytes_in = p->in.bytes, .bytes_out = p->out.bytes, .owner = p->owner, .sends = p->sends,
        .ending = p->ending, .initiator = p->initiator, .keymat_in = p->kept,
        .keymat_out = p->kept ? p->kept + esp_keymat_len(&p->suite) : NULL,
    };
}

struct sad_assoc *sad_assoc_next(struct sad *s, struct sad_assoc *a)
{
    struct adit_node *n = a ? a->node.next : s->assocs.next;
    return n == &s->assocs ? NULL : ADIT_OF(n, struct sad_assoc, node);
}

struct sad_pair *sad_pair_next(struct sad_assoc *a, struct sad_pair *p)
{
    struct adit_node *n = p ? p->node.next : a->pairs.next;
    return n == &a->pairs ? NULL : ADIT_OF(n, struct sad_pair, node);
}

void *sad_assoc_user(struct sad_assoc *a) { return a->user; }
void sad_assoc_set_user(struct sad_assoc *a, void *user) { a->user = user; }
