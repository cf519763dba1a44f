/* ses_index.c - counting and finding sessions without walking through them.
 *
 * Knows:  how many calls wait to authenticate, in all and of an address; how
 *         many sessions a user has; who has an inner address or a lease; which
 *         sessions that are up have a number or an account.
 * Leaves: when a session belongs to what.
 */
#include "session/ses_int.h"

#include <ctype.h>
#include <stdlib.h>
#include "base/addr.h"
#include "crypto/crypto.h"

/* Sessions that have something in common: how many, and which where that is asked. */
struct ses_group {
    struct adit_entry node;
    struct adit_node members;
    uint32_t count, len;
    char key[];
};

struct key {
    char bytes[sizeof ((struct ses *)0)->account + sizeof ((struct ses *)0)->domain];
    uint32_t len;
};

static struct adit_table waiting_of;         /* groups, by the peer's address */
static struct adit_table sessions_of;        /* groups, by account and domain */
static struct adit_table accounts;           /* groups with members, by account */
static struct adit_table holders;            /* sessions, by inner address */
static struct adit_table numbers;            /* sessions, by number */
static struct adit_table lessees;            /* sessions, by pool and lease */
static uint32_t waiting;

/* Peers choose what is hashed. */
static uint64_t seed(void)
{
    static uint64_t s;
    if (!s)
        crypto_random(&s, sizeof s);
    return s;
}

static struct key key_of_peer(const struct adit_addr *a)
{
    struct key k = { .len = 1 + sizeof a->zone + sizeof a->ip };
    k.bytes[0] = (char)a->family;
    memcpy(k.bytes + 1, &a->zone, sizeof a->zone);
    memcpy(k.bytes + 1 + sizeof a->zone, a->ip, a->family == ADIT_AF_IPV6 ? 16 : 4);
    return k;
}

/* Names of accounts and domains are equal without regard to case. */
static struct key key_of_account(const char *account)
{
    struct key k = { .len = 0 };
    for (const char *c = account; *c && k.len < SES_NAME - 1; c++)
        k.bytes[k.len++] = (char)tolower((unsigned char)*c);
    return k;
}

static struct key key_of_user(const struct ses *s)
{
    struct key k = key_of_account(s->account);
    k.bytes[k.len++] = '\0';
    for (const char *c = s->domain; *c; c++)
        k.bytes[k.len++] = (char)tolower((unsigned char)*c);
    return k;
}

static struct ses_group *group_of(const struct adit_table *t, const struct key *k)
{
    uint32_t hash = adit_hash_of(k->bytes, k->len, seed());
    for (struct adit_entry *n = adit_table_first(t, hash); n; n = adit_table_next(t, n)) {
        struct ses_group *g = ADIT_OF(n, struct ses_group, node);
        if (g->len == k->len && !memcmp(g->key, k->bytes, k->len))
            return g;
    }
    return NULL;
}

/* Without memory a session is not counted: it is not refused for that. */
static void join(struct adit_table *t, const struct key *k, struct ses_group **mine)
{
    struct ses_group *g = group_of(t, k);
    if (!g) {
        g = calloc(1, sizeof *g + k->len);
        if (!g)
            return;
        adit_list_init(&g->members);
        g->len = k->len;
        memcpy(g->key, k->bytes, k->len);
        adit_table_add(t, adit_hash_of(k->bytes, k->len, seed()), &g->node);
    }
    g->count++;
    *mine = g;
}

static void part(struct adit_table *t, struct ses_group **mine)
{
    struct ses_group *g = *mine;
    *mine = NULL;
    if (!g || --g->count)
        return;
    adit_table_del(t, &g->node);
    free(g);
}

void ses_index_wait(struct ses *s, bool waits)
{
    if (s->waits == waits)
        return;
    s->waits = waits;
    if (waits) {
        struct key k = key_of_peer(&s->peer);
        waiting++;
        join(&waiting_of, &k, &s->of_peer);
    } else {
        waiting--;
        part(&waiting_of, &s->of_peer);
    }
}

uint32_t ses_index_waiting(const struct adit_addr *peer)
{
    if (!peer)
        return waiting;
    struct key k = key_of_peer(peer);
    const struct ses_group *g = group_of(&waiting_of, &k);
    return g ? g->count : 0;
}

void ses_index_user(struct ses *s, bool in)
{
    part(&sessions_of, &s->of_user);
    if (in) {
        struct key k = key_of_user(s);
        join(&sessions_of, &k, &s->of_user);
    }
}

uint32_t ses_index_sessions(const struct ses *s)
{
    struct key k = key_of_user(s);
    const struct ses_group *g = group_of(&sessions_of, &k);
    return g ? g->count - (g == s->of_user) : 0;
}

static uint32_t hash_of(const struct adit_addr *a)
{
    struct adit_addr host = *a;
    host.port = 0;
    return addr_hash(&host, seed());
}

void ses_index_address(struct ses *s, bool has)
{
    adit_table_del(&holders, &s->holder);
    if (has)
        adit_table_add(&holders, hash_of(&s->address), &s->holder);
}

struct ses *ses_index_holder(const struct adit_addr *a)
{
    uint32_t hash = hash_of(a);
    for (struct adit_entry *n = adit_table_first(&holders, hash); n; n = adit_table_next(&holders, n)) {
        struct ses *s = ADIT_OF(n, struct ses, holder);
        if (!s->finished && adit_same_host(&s->address, a))
            return s;
    }
    return NULL;
}

static uint32_t hash_of_lease(const struct plug_inst *pool, uint64_t lease)
{
    uint64_t key[2] = { (uint64_t)(uintptr_t)pool, lease };
    return adit_hash_of(key, sizeof key, 0);
}

void ses_index_lease(struct ses *s, bool has)
{
    adit_table_del(&lessees, &s->lessee);
    if (has)
        adit_table_add(&lessees, hash_of_lease(s->lease_from, s->lease), &s->lessee);
}

struct ses *ses_index_lessee(const struct plug_inst *pool, uint64_t lease)
{
    uint32_t hash = hash_of_lease(pool, lease);
    for (struct adit_entry *n = adit_table_first(&lessees, hash); n; n = adit_table_next(&lessees, n)) {
        struct ses *s = ADIT_OF(n, struct ses, lessee);
        if (s->lease_from == pool && s->lease == lease)
            return s;
    }
    return NULL;
}

/* ---- those that are up ----------------------------------------------------------- */

static uint32_t hash_of_number(uint64_t number)
{
    return adit_hash_of(&number, sizeof number, 0);     /* ours: nobody chooses them */
}

bool ses_live(const struct ses *s) { return s->phase == PH_UP && !s->finished && !s->closing; }

void ses_index_up(struct ses *s, bool up)
{
    adit_table_del(&numbers, &s->numbered);
    adit_list_del(&s->in_account);
    part(&accounts, &s->of_account);
    if (!up)
        return;
    struct key k = key_of_account(s->account);
    adit_table_add(&numbers, hash_of_number(s->number), &s->numbered);
    join(&accounts, &k, &s->of_account);
    if (s->of_account)
        adit_list_add(&s->of_account->members, &s->in_account);
}

struct ses *ses_index_find(uint64_t number)
{
    uint32_t hash = hash_of_number(number);
    for (struct adit_entry *n = adit_table_first(&numbers, hash); n; n = adit_table_next(&numbers, n)) {
        struct ses *s = ADIT_OF(n, struct ses, numbered);
        if (s->number == number)
            return ses_live(s) ? s : NULL;
    }
    return NULL;
}

void ses_index_account(const char *account, void (*each)(struct ses *s, void *u), void *u)
{
    struct key k = key_of_account(account);
    struct ses_group *g = group_of(&accounts, &k);
    if (g)
        ADIT_LIST_EACH(n, &g->members)
            each(ADIT_OF(n, struct ses, in_account), u);
}
