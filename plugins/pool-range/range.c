/* range.c - which IPv4 addresses of a set of ranges are leased, and to whom.
 *
 * Knows:  ranges, exclusions, leases, who had which address last.
 * Leaves: configuration, attributes, requests.
 *
 * The addresses of all ranges are numbered through, in the order in which the
 * ranges are written. A bit says that a number is not blank: it is blocked
 * (excluded, or ours) or it has an entry. An entry
 * is leased, or free and remembered for the account that had it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <adit/bytes.h>
#include <adit/list.h>
#include "range.h"

#define CHUNK_BITS  4096u
#define CHUNK_WORDS (CHUNK_BITS / 64u)

/* 4096 addresses. No bits: all are blank (used is 0) or none is. */
struct chunk {
    uint64_t *bits;
    uint32_t used;
};

struct span {
    uint32_t first, last;
    uint32_t index;             /* number of `first` */
};

/* What the configuration says. A reload makes a new one. */
struct layout {
    struct span span[RANGE_MAX_RANGES];
    struct span out[RANGE_MAX_RANGES];      /* exclude */
    uint32_t spans, outs;
    uint32_t total;             /* addresses in all spans */
    uint32_t blocked;           /* of them */
    uint32_t blank;             /* neither blocked nor with an entry */
    uint32_t server;
    uint32_t cursor;            /* where the search for a blank one goes on */
    struct chunk *chunk;
    uint32_t chunks;
};

struct entry {
    struct adit_node by_addr;
    struct adit_node by_account;    /* only when it is free and the account is known */
    struct adit_node order;         /* of pool.leased or pool.lru */
    uint32_t addr;
    uint32_t gen;                   /* of the lease; with the address it is the lease's id */
    bool leased;
    uint64_t since;
    char account[];
};

struct index {
    struct adit_hash hash;
    struct adit_node *buckets;
    uint32_t bits;
};

struct range_pool {
    struct layout *at;
    struct index addrs, accounts;
    struct adit_node leased;        /* oldest first */
    struct adit_node lru;           /* longest free first */
    uint32_t leased_count, lru_count, inside;   /* inside: leased and counted in `size` */
    uint32_t peak, remember, gen;
    uint64_t seed;
};

/* ---- the layout -------------------------------------------------------------- */

static const char *text_of(uint32_t addr, char out[16])
{
    snprintf(out, 16, "%u.%u.%u.%u", addr >> 24, addr >> 16 & 255, addr >> 8 & 255, addr & 255);
    return out;
}

static const char *span_text(const struct span *s, char out[40])
{
    char a[16], b[16];
    snprintf(out, 40, "%s-%s", text_of(s->first, a), text_of(s->last, b));
    return out;
}

static uint32_t addr_of(const struct adit_addr *a)
{
    struct rd r = rd_of(a->ip, 4);
    return rd_u32(&r);
}

static int32_t span_of(const struct adit_range *r, const char *option, struct span *out,
                       char err[RANGE_ERR])
{
    if (r->first.family != ADIT_AF_IPV4 || r->last.family != ADIT_AF_IPV4) {
        snprintf(err, RANGE_ERR, "%s: a pool of type range leases IPv4 addresses only", option);
        return ADIT_ECONF;
    }
    *out = (struct span){ .first = addr_of(&r->first), .last = addr_of(&r->last) };
    if (out->first > out->last) {
        char t[40];
        snprintf(err, RANGE_ERR, "%s: %s ends before it begins", option, span_text(out, t));
        return ADIT_ECONF;
    }
    return 0;
}

static const struct span *span_find(const struct span *s, uint32_t n, uint32_t addr)
{
    for (uint32_t i = 0; i < n; i++)
        if (addr >= s[i].first && addr <= s[i].last)
            return &s[i];
    return NULL;
}

static uint32_t addr_at(const struct layout *l, uint32_t index)
{
    uint32_t i = l->spans;
    while (--i > 0 && l->span[i].index > index)
        ;
    return l->span[i].first + (index - l->span[i].index);
}

/* Whether an address is given to whom comes: inside and not blocked. */
static bool is_leasable(const struct layout *l, uint32_t addr)
{
    const struct span *s = span_find(l->span, l->spans, addr);
    return s && addr != l->server && !span_find(l->out, l->outs, addr);
}

static bool bit_get(const struct layout *l, uint32_t index)
{
    const struct chunk *c = &l->chunk[index / CHUNK_BITS];
    uint32_t bit = index % CHUNK_BITS;
    return c->bits ? (c->bits[bit / 64] >> (bit % 64) & 1) != 0 : c->used != 0;
}

/* Sets a bit that is clear. */
static int32_t bit_set(struct layout *l, uint32_t index)
{
    struct chunk *c = &l->chunk[index / CHUNK_BITS];
    uint32_t bit = index % CHUNK_BITS;
    if (!c->bits) {
        c->bits = calloc(CHUNK_WORDS, sizeof *c->bits);
        if (!c->bits)
            return ADIT_ENOMEM;
    }
    c->bits[bit / 64] |= (uint64_t)1 << (bit % 64);
    if (++c->used == CHUNK_BITS) {
        free(c->bits);
        c->bits = NULL;
    }
    return 0;
}

/* Clears a bit that is set. */
static int32_t bit_clear(struct layout *l, uint32_t index)
{
    struct chunk *c = &l->chunk[index / CHUNK_BITS];
    uint32_t bit = index % CHUNK_BITS;
    if (!c->bits) {
        c->bits = malloc(CHUNK_WORDS * sizeof *c->bits);
        if (!c->bits)
            return ADIT_ENOMEM;
        memset(c->bits, 0xff, CHUNK_WORDS * sizeof *c->bits);
    }
    c->bits[bit / 64] &= ~((uint64_t)1 << (bit % 64));
    if (--c->used == 0) {
        free(c->bits);
        c->bits = NULL;
    }
    return 0;
}

/* Sets the bits of [from, to], whole chunks at a time where it can; returns in
 * *n how many were clear. */
static int32_t bits_block(struct layout *l, uint32_t from, uint32_t to, uint32_t *n)
{
    for (uint32_t i = from; i <= to;) {
        struct chunk *c = &l->chunk[i / CHUNK_BITS];
        if (i % CHUNK_BITS == 0 && to - i >= CHUNK_BITS - 1 && c->used == 0) {
            c->used = CHUNK_BITS;
            *n += CHUNK_BITS;
            i += CHUNK_BITS;
            continue;
        }
        if (c->used == CHUNK_BITS) {
            i += CHUNK_BITS - i % CHUNK_BITS;
            continue;
        }
        if (!bit_get(l, i)) {
            if (bit_set(l, i) != 0)
                return ADIT_ENOMEM;
            ++*n;
        }
        i++;
    }
    return 0;
}

/* The first blank number from `from` on in one chunk. */
static bool chunk_blank(const struct chunk *c, uint32_t from, uint32_t *bit)
{
    if (!c->bits) {
        *bit = from;
        return c->used == 0;
    }
    for (uint32_t w = from / 64; w < CHUNK_WORDS; w++) {
        uint64_t clear = ~c->bits[w];
        if (w == from / 64)
            clear &= ~(uint64_t)0 << (from % 64);
        if (clear) {
            *bit = w * 64 + (uint32_t)__builtin_ctzll(clear);
            return true;
        }
    }
    return false;
}

/* The next blank number from the cursor on, round and round. At most 64 words
 * and as many chunks as there are: some microseconds for the largest pool. */
static bool blank_find(const struct layout *l, uint32_t *index)
{
    if (l->blank == 0)
        return false;
    uint32_t at = l->cursor / CHUNK_BITS, from = l->cursor % CHUNK_BITS, bit;
    for (uint32_t i = 0; i <= l->chunks; i++) {
        if (chunk_blank(&l->chunk[at], from, &bit)) {
            *index = at * CHUNK_BITS + bit;
            return true;
        }
        at = at + 1 == l->chunks ? 0 : at + 1;
        from = 0;
    }
    return false;
}

static void layout_free(struct layout *l)
{
    if (!l)
        return;
    for (uint32_t i = 0; l->chunk && i < l->chunks; i++)
        free(l->chunk[i].bits);
    free(l->chunk);
    free(l);
}

static const struct adit_range *range_item(const struct adit_array *a, uint32_t i)
{
    return (const struct adit_range *)(const void *)((const char *)a->items + (size_t)i * a->stride);
}

static int32_t layout_ranges(struct layout *l, const struct range_spec *s, char err[RANGE_ERR])
{
    char t[40], u[40];
    uint64_t total = 0;

    if (s->ranges.count == 0 || s->ranges.count > RANGE_MAX_RANGES ||
        s->exclude.count > RANGE_MAX_RANGES) {
        snprintf(err, RANGE_ERR, s->ranges.count ? "ranges and exclude hold at most %u each" :
                 "ranges is empty: give at least one, like 10.9.0.2-10.9.0.250 (at most %u)",
                 RANGE_MAX_RANGES);
        return ADIT_ECONF;
    }
    for (uint32_t i = 0; i < s->ranges.count; i++) {
        struct span *n = &l->span[i];
        if (span_of(range_item(&s->ranges, i), "ranges", n, err) != 0)
            return ADIT_ECONF;
        for (uint32_t k = 0; k < i; k++)
            if (n->first <= l->span[k].last && l->span[k].first <= n->last) {
                snprintf(err, RANGE_ERR, "ranges: %s and %s overlap; each address can be in one only",
                         span_text(&l->span[k], t), span_text(n, u));
                return ADIT_ECONF;
            }
        n->index = (uint32_t)total;
        total += (uint64_t)n->last - n->first + 1;
        if (total > RANGE_MAX_ADDRS) {
            snprintf(err, RANGE_ERR, "ranges: more than %u addresses with %s; make it smaller",
                     RANGE_MAX_ADDRS, span_text(n, t));
            return ADIT_ECONF;
        }
        l->spans = i + 1;
    }
    l->total = (uint32_t)total;
    for (uint32_t i = 0; i < s->exclude.count; i++) {
        const struct adit_range *r = range_item(&s->exclude, i);
        struct span *n = &l->out[i];
        if (span_of(r, "exclude", n, err) != 0)
            return ADIT_ECONF;
        /* A network is given as its hosts. Who excludes it means all of it. */
        if (r->first.prefix > 0 && r->first.prefix < 31) {
            n->first -= n->first > 0;
            n->last += n->last < UINT32_MAX;
        }
        l->outs = i + 1;
    }
    return 0;
}

static int32_t layout_block(struct layout *l, uint32_t first, uint32_t last)
{
    for (uint32_t i = 0; i < l->spans; i++) {
        const struct span *s = &l->span[i];
        uint32_t from = first > s->first ? first : s->first, to = last < s->last ? last : s->last;
        if (from > to)
            continue;
        if (bits_block(l, s->index + (from - s->first), s->index + (to - s->first),
                       &l->blocked) != 0)
            return ADIT_ENOMEM;
    }
    return 0;
}

static int32_t layout_blocks(struct layout *l, const struct range_spec *s, char err[RANGE_ERR])
{
    for (uint32_t i = 0; i < l->outs; i++)
        if (layout_block(l, l->out[i].first, l->out[i].last) != 0)
            return ADIT_ENOMEM;

    /* The bits behind the last address: never blank, not counted as blocked. */
    uint32_t tail = 0;
    if (l->total % CHUNK_BITS &&
        bits_block(l, l->total, l->chunks * CHUNK_BITS - 1, &tail) != 0)
        return ADIT_ENOMEM;

    l->blank = l->total - l->blocked;
    if (s->server.family == ADIT_AF_IPV4) {
        l->server = addr_of(&s->server);
    } else if (s->server.family != ADIT_AF_NONE) {
        snprintf(err, RANGE_ERR, "server-address: an IPv4 address is needed");
        return ADIT_ECONF;
    } else {
        uint32_t index;
        if (!blank_find(l, &index)) {
            snprintf(err, RANGE_ERR, "exclude leaves nothing of ranges: no address can be leased");
            return ADIT_ECONF;
        }
        l->server = addr_at(l, index);
    }
    if (layout_block(l, l->server, l->server) != 0)
        return ADIT_ENOMEM;
    l->blank = l->total - l->blocked;
    if (l->blank == 0) {
        char t[16];
        snprintf(err, RANGE_ERR, "no address is left to be leased: exclude and server-address %s "
                 "take all of ranges; make ranges larger or give a server-address outside of them",
                 text_of(l->server, t));
        return ADIT_ECONF;
    }
    return 0;
}

static int32_t layout_new(const struct range_spec *s, struct layout **out, char err[RANGE_ERR])
{
    struct layout *l = calloc(1, sizeof *l);
    int32_t rc = ADIT_ENOMEM;

    snprintf(err, RANGE_ERR, "out of memory");
    if (l && (rc = layout_ranges(l, s, err)) == 0) {
        l->chunks = (l->total + CHUNK_BITS - 1) / CHUNK_BITS;
        l->chunk = calloc(l->chunks, sizeof *l->chunk);
        rc = l->chunk ? layout_blocks(l, s, err) : ADIT_ENOMEM;
    }
    if (rc != 0) {
        layout_free(l);
        return rc;
    }
    *out = l;
    return 0;
}

/* ---- indexes of the entries --------------------------------------------------- */

static uint32_t addr_hash(const struct range_pool *p, uint32_t addr)
{
    return adit_hash_of(&addr, sizeof addr, p->seed);
}

static uint32_t account_hash(const struct range_pool *p, const char *account)
{
    return adit_hash_of(account, strlen(account), p->seed);
}

static bool index_init(struct index *x, uint32_t bits)
{
    x->buckets = malloc(sizeof *x->buckets << bits);
    if (!x->buckets)
        return false;
    x->bits = bits;
    adit_hash_init(&x->hash, x->buckets, bits);
    return true;
}

/* Twice the buckets when there are more than two entries to each. Without the
 * memory for it the chains just get longer. */
static bool index_wants(struct index *x, struct index *bigger)
{
    return x->hash.count > 2u << x->bits && x->bits < 22 && index_init(bigger, x->bits + 2);
}

static void index_move(struct range_pool *p, struct index *x, struct index *bigger,
                       struct adit_node *list, bool by_account)
{
    ADIT_LIST_EACH(n, list) {
        struct entry *e = ADIT_OF(n, struct entry, order);
        struct adit_node *node = by_account ? &e->by_account : &e->by_addr;
        if (!node->next)
            continue;
        adit_hash_del(&x->hash, node);
        adit_hash_add(&bigger->hash,
                      by_account ? account_hash(p, e->account) : addr_hash(p, e->addr), node);
    }
}

static void indexes_grow(struct range_pool *p)
{
    struct index bigger;
    if (index_wants(&p->addrs, &bigger)) {
        index_move(p, &p->addrs, &bigger, &p->leased, false);
        index_move(p, &p->addrs, &bigger, &p->lru, false);
        free(p->addrs.buckets);
        p->addrs = bigger;
    }
    if (index_wants(&p->accounts, &bigger)) {
        index_move(p, &p->accounts, &bigger, &p->lru, true);
        free(p->accounts.buckets);
        p->accounts = bigger;
    }
}

static struct entry *entry_find(const struct range_pool *p, uint32_t addr)
{
    ADIT_LIST_EACH(n, adit_hash_chain(&p->addrs.hash, addr_hash(p, addr))) {
        struct entry *e = ADIT_OF(n, struct entry, by_addr);
        if (e->addr == addr)
            return e;
    }
    return NULL;
}

/* The free address that an account gave back last. */
static struct entry *entry_last(const struct range_pool *p, const char *account)
{
    struct adit_node *chain = adit_hash_chain(&p->accounts.hash, account_hash(p, account));
    for (struct adit_node *n = chain->prev; n != chain; n = n->prev) {
        struct entry *e = ADIT_OF(n, struct entry, by_account);
        if (strcmp(e->account, account) == 0)
            return e;
    }
    return NULL;
}

/* Takes an entry out of everything but the bits. */
static void entry_unlink(struct range_pool *p, struct entry *e)
{
    adit_hash_del(&p->addrs.hash, &e->by_addr);
    adit_hash_del(&p->accounts.hash, &e->by_account);
    if (e->leased)
        p->leased_count--;
    else if (e->order.next)
        p->lru_count--;
    adit_list_del(&e->order);
}

static uint32_t index_of(const struct layout *l, uint32_t addr)
{
    const struct span *s = span_find(l->span, l->spans, addr);
    return s->index + (addr - s->first);
}

/* Makes a leasable address blank. */
static int32_t blank_make(struct layout *l, uint32_t addr)
{
    if (bit_clear(l, index_of(l, addr)) != 0)
        return ADIT_ENOMEM;
    l->blank++;
    return 0;
}

static int32_t blank_take(struct layout *l, uint32_t index)
{
    if (bit_set(l, index) != 0)
        return ADIT_ENOMEM;
    l->blank--;
    return 0;
}

/* Forgets who had the longest free addresses until the memory fits. */
static void lru_trim(struct range_pool *p)
{
    while (p->lru_count > p->remember) {
        struct entry *e = ADIT_OF(p->lru.next, struct entry, order);
        if (blank_make(p->at, e->addr) != 0)
            return;                 /* it stays known: the address must not get lost */
        entry_unlink(p, e);
        free(e);
    }
}

/* ---- the pool ----------------------------------------------------------------- */

int32_t range_new(const struct range_spec *s, uint64_t seed, struct range_pool **out,
                  char err[RANGE_ERR])
{
    struct range_pool *p = calloc(1, sizeof *p);
    if (!p || !index_init(&p->addrs, 8) || !index_init(&p->accounts, 8)) {
        snprintf(err, RANGE_ERR, "out of memory");
        if (p)
            free(p->addrs.buckets);
        free(p);
        return ADIT_ENOMEM;
    }
    p->seed = seed;
    p->remember = s->remember;
    adit_list_init(&p->leased);
    adit_list_init(&p->lru);
    int32_t rc = layout_new(s, &p->at, err);
    if (rc != 0) {
        range_free(p);
        return rc;
    }
    *out = p;
    return 0;
}

void range_free(struct range_pool *p)
{
    if (!p)
        return;
    struct adit_node *const lists[] = { &p->leased, &p->lru };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        ADIT_LIST_EACH(n, lists[i])
            free(ADIT_OF(n, struct entry, order));
    layout_free(p->at);
    free(p->addrs.buckets);
    free(p->accounts.buckets);
    free(p);
}

int32_t range_reload(struct range_pool *p, const struct range_spec *s, char err[RANGE_ERR])
{
    struct layout *l;
    int32_t rc = layout_new(s, &l, err);
    if (rc != 0)
        return rc;

    struct entry *e = entry_find(p, l->server);
    if (e && e->leased) {
        char t[16];
        snprintf(err, RANGE_ERR, "server-address %s is leased to '%s'; end that session first, or "
                 "choose another address", text_of(l->server, t), e->account);
        layout_free(l);
        return ADIT_EADDRINUSE;
    }

    /* First every bit, so that a failure leaves the pool as it was. */
    struct adit_node *const lists[] = { &p->leased, &p->lru };
    uint32_t inside = 0;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        ADIT_LIST_EACH(n, lists[i]) {
            struct entry *x = ADIT_OF(n, struct entry, order);
            if (!is_leasable(l, x->addr))
                continue;
            inside += x->leased;
            if (blank_take(l, index_of(l, x->addr)) != 0) {
                snprintf(err, RANGE_ERR, "out of memory");
                layout_free(l);
                return ADIT_ENOMEM;
            }
        }

    ADIT_LIST_EACH(n, &p->lru) {
        struct entry *x = ADIT_OF(n, struct entry, order);
        if (is_leasable(l, x->addr))
            continue;
        entry_unlink(p, x);
        free(x);
    }
    layout_free(p->at);
    p->at = l;
    p->inside = inside;
    p->remember = s->remember;
    lru_trim(p);
    return 0;
}

static int32_t wanted_check(const struct range_pool *p, uint32_t addr, const struct entry *e)
{
    if (!span_find(p->at->span, p->at->spans, addr))
        return ADIT_ENOENT;
    return addr == p->at->server || (e && e->leased) ? ADIT_EEXIST : 0;
}

int32_t range_lease(struct range_pool *p, const char *account, const uint32_t *wanted,
                    uint64_t now, struct range_lease *out)
{
    struct layout *l = p->at;
    struct entry *old = NULL;
    uint32_t addr, index = 0;
    bool blank = false;

    if (wanted) {
        addr = *wanted;
        old = entry_find(p, addr);
        int32_t rc = wanted_check(p, addr, old);
        if (rc != 0)
            return rc;
        index = index_of(l, addr);
        blank = !bit_get(l, index);
    } else if (account[0] && (old = entry_last(p, account)) != NULL) {
        addr = old->addr;
    } else if (blank_find(l, &index)) {
        addr = addr_at(l, index);
        blank = true;
    } else if (!adit_list_empty(&p->lru)) {
        old = ADIT_OF(p->lru.next, struct entry, order);
        addr = old->addr;
    } else {
        return ADIT_ENOSPC;
    }

    struct entry *e = calloc(1, sizeof *e + strlen(account) + 1);
    if (!e)
        return ADIT_ENOMEM;
    if (blank && blank_take(l, index) != 0) {
        free(e);
        return ADIT_ENOMEM;
    }
    if (blank && !wanted)
        l->cursor = index + 1 == l->total ? 0 : index + 1;

    memcpy(e->account, account, strlen(account) + 1);
    e->addr = addr;
    e->since = now;
    e->leased = true;
    if (++p->gen >> 31)         /* ids below 2^63 */
        p->gen = 1;
    e->gen = p->gen;
    *out = (struct range_lease){ .id = (uint64_t)e->gen << 32 | addr, .addr = addr, .since = now,
                                 .account = e->account,
                                 .again = old && account[0] &&
                                          strcmp(old->account, account) == 0 };
    if (old) {
        entry_unlink(p, old);
        free(old);
    }
    adit_hash_add(&p->addrs.hash, addr_hash(p, addr), &e->by_addr);
    adit_list_add(&p->leased, &e->order);
    p->inside += is_leasable(l, addr);
    if (++p->leased_count > p->peak)
        p->peak = p->leased_count;
    indexes_grow(p);
    return 0;
}

bool range_release(struct range_pool *p, uint64_t id)
{
    struct entry *e = entry_find(p, (uint32_t)id);
    if (!e || !e->leased || e->gen != (uint32_t)(id >> 32))
        return false;
    if (!is_leasable(p->at, e->addr)) {
        /* It was asked for by name, or a reload took its range away. */
        entry_unlink(p, e);
        free(e);
        return true;
    }
    p->leased_count--;
    p->inside--;
    adit_list_del(&e->order);
    e->leased = false;
    adit_list_add(&p->lru, &e->order);
    p->lru_count++;
    if (e->account[0])
        adit_hash_add(&p->accounts.hash, account_hash(p, e->account), &e->by_account);
    lru_trim(p);
    indexes_grow(p);
    return true;
}

uint32_t range_server(const struct range_pool *p)
{
    return p->at->server;
}

bool range_text(const struct range_pool *p, uint32_t i, char out[40])
{
    if (i >= p->at->spans)
        return false;
    span_text(&p->at->span[i], out);
    return true;
}

struct range_counts range_counts(const struct range_pool *p)
{
    const struct layout *l = p->at;
    struct range_counts c = { .size = l->total - l->blocked, .excluded = l->blocked,
                              .leased = p->leased_count, .outside = p->leased_count - p->inside,
                              .peak = p->peak, .remembered = p->lru_count };
    c.free = c.size - p->inside;
    return c;
}

bool range_each(const struct range_pool *p, const void **pos, struct range_lease *out)
{
    const struct adit_node *n = *pos ? *pos : &p->leased;
    if (n->next == &p->leased)
        return false;
    const struct entry *e = ADIT_OF(n->next, struct entry, order);
    *pos = &e->order;
    *out = (struct range_lease){ .id = (uint64_t)e->gen << 32 | e->addr, .addr = e->addr,
                                 .since = e->since, .account = e->account };
    return true;
}
