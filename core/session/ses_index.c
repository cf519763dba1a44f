/* ses_index.c - counting and finding sessions without walking through them.
 *
 * Knows:  how many calls wait to authenticate, in all and of an address; how
 *         many sessions a user has; who has an inner address.
 * Leaves: when a session belongs to what.
 */
#include "session/ses_int.h"

#include <ctype.h>
#include <stdlib.h>
#include "base/addr.h"
#include "crypto/crypto.h"

/* Sessions that have something in common, as a number. */
struct ses_group {
    struct adit_entry node;
    uint32_t count, len;
    char key[];
};

struct key {
    char bytes[sizeof ((struct ses *)0)->account + sizeof ((struct ses *)0)->domain];
    uint32_t len;
};

static struct adit_table waiting_of;         /* groups, by the peer's address */
static struct adit_table sessions_of;        /* groups, by account and domain */
static struct adit_table holders;            /* sessions, by inner address */
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
static struct key key_of_user(const struct ses *s)
{
    struct key k = { .len = 0 };
    for (const char *c = s->account; *c; c++)
        k.bytes[k.len++] = (char)tolower((unsigned char)*c);
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
