/* ses_lock.c - lock-out: who failed too often must wait, and who calls too fast.
 *
 * Knows:  failures by account and by address, for how long they count and lock,
 *         calls per second.
 * Leaves: what a failure is to ses_auth.c, the refusal to ses.c.
 *
 * Names that nobody has are counted like those of accounts, so that a lock-out
 * does not tell which is which; an account is locked in every domain, for whoever
 * tries chooses the domain. Of IPv6, the network of 64 bits is one address: its
 * owner has them all.
 */
#include "session/ses_int.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/addr.h"
#include "crypto/crypto.h"
#include "diagnose/cause.h"
#include "log/log.h"

#define MOST 32768u             /* accounts, and addresses, that are remembered */
#define LOOK 64u                /* entries that are looked at for one to forget */

ADIT_EVENT(ev_failed, "session.auth-failed", ADIT_LOG_NOTICE,
           "Somebody's name and password were refused, or locked out; for fail2ban.",
           "peer code tunnel user");
ADIT_EVENT(ev_locked, "session.locked-out", ADIT_LOG_WARN,
           "An account or an address failed too often and is locked out.",
           "what name peer failures for_ms remedy");
ADIT_EVENT(ev_unlocked, "session.unlocked", ADIT_LOG_NOTICE,
           "An operator unlocked an account or an address.", "what name");

/* Failures of one account or address. The oldest touched is forgotten first. */
struct entry {
    struct adit_entry node;
    struct adit_node order;
    uint32_t failures;
    uint64_t first_ms, first_wall;      /* of the failures that count */
    uint64_t until_ms;          /* locked; 0: not */
    uint64_t milli, filled_ms;  /* thousandths of calls that it still may make, as of then */
    struct adit_addr peer;      /* an address's */
    uint32_t len;
    char key[];
};

static struct keeper {
    const char *what;
    uint32_t count;
    struct adit_table table;
    struct adit_node order;     /* the one touched last is the last */
} accounts = { .what = "account", .order = { &accounts.order, &accounts.order } },
  addresses = { .what = "address", .order = { &addresses.order, &addresses.order } };

static uint64_t all_milli, all_filled_ms;

static uint64_t seed(void)
{
    static uint64_t s;
    if (!s)
        crypto_random(&s, sizeof s);
    return s;
}

struct key {
    char bytes[SES_NAME];
    uint32_t len;
};

static struct key key_of_account(const char *account)
{
    struct key k = { .len = 0 };
    for (; account[k.len] && k.len < sizeof k.bytes; k.len++)
        k.bytes[k.len] = (char)tolower((unsigned char)account[k.len]);
    return k;
}

static struct key key_of_address(const struct adit_addr *a)
{
    struct key k = { .len = a->family == ADIT_AF_IPV6 ? 9 : 5 };
    k.bytes[0] = (char)a->family;
    memcpy(k.bytes + 1, a->ip, k.len - 1);
    return k;
}

static bool locked(const struct entry *e) { return e && e->until_ms > loop_now(); }

static struct entry *find(struct keeper *k, const struct key *key)
{
    uint32_t hash = adit_hash_of(key->bytes, key->len, seed());
    for (struct adit_entry *n = adit_table_first(&k->table, hash); n; n = adit_table_next(&k->table, n)) {
        struct entry *e = ADIT_OF(n, struct entry, node);
        if (e->len == key->len && !memcmp(e->key, key->bytes, key->len))
            return e;
    }
    return NULL;
}

static void forget(struct keeper *k, struct entry *e)
{
    adit_table_del(&k->table, &e->node);
    adit_list_del(&e->order);
    k->count--;
    free(e);
}

/* Makes room: an old one that is not locked, if there is one near. */
static void forget_one(struct keeper *k)
{
    uint32_t looked = 0;
    ADIT_LIST_EACH(n, &k->order) {
        struct entry *e = ADIT_OF(n, struct entry, order);
        if (!locked(e)) {
            forget(k, e);
            return;
        }
        if (++looked == LOOK)
            break;
    }
    forget(k, ADIT_OF(k->order.next, struct entry, order));
}

static struct entry *touch(struct keeper *k, const struct key *key)
{
    struct entry *e = find(k, key);
    if (!e) {
        if (k->count >= MOST)
            forget_one(k);
        if (!(e = calloc(1, sizeof *e + key->len)))
            return NULL;
        e->len = key->len;
        memcpy(e->key, key->bytes, key->len);
        e->milli = UINT64_MAX;          /* a full second's worth */
        adit_table_add(&k->table, adit_hash_of(key->bytes, key->len, seed()), &e->node);
        k->count++;
    }
    adit_list_del(&e->order);
    adit_list_add(&k->order, &e->order);
    return e;
}

static void name_of(const struct keeper *k, const struct entry *e, char out[SES_NAME])
{
    struct adit_addr a = e->peer;
    if (k == &accounts) {
        snprintf(out, SES_NAME, "%.*s", (int)e->len, e->key);
        return;
    }
    char text[ADDR_TEXT];
    if (a.family == ADIT_AF_IPV6) {
        memset(a.ip + 8, 0, 8);
        a.prefix = 64;
        a.port = 0;
        snprintf(out, SES_NAME, "%s", addr_text(&a, text));
    } else {
        snprintf(out, SES_NAME, "%s", addr_text_host(&a, text));
    }
}

/* ---- calls per second ------------------------------------------------------------- */

/* A bucket that holds a second's worth and fills with time. */
static bool take_one(uint64_t *milli, uint64_t *filled_ms, uint32_t per_second)
{
    uint64_t now = loop_now(), most = (uint64_t)per_second * 1000,
             gained = (now - *filled_ms) * per_second;
    *milli = *milli >= most || gained >= most - *milli ? most : *milli + gained;
    *filled_ms = now;
    if (*milli < 1000)
        return false;
    *milli -= 1000;
    return true;
}

const char *ses_lock_call(const struct adit_addr *peer, uint32_t *cause, const char **setting)
{
    const struct ses_conf *c = ses_conf_get();
    struct key key = key_of_address(peer);
    struct entry *e = c->calls_per_address ? touch(&addresses, &key) : find(&addresses, &key);
    if (c->lockout.per & SES_LOCK_ADDRESS && locked(e)) {
        *cause = ADIT_CAUSE_LOCKED_OUT;
        return "The address is locked out after too many failures (ppp.lockout).";
    }
    *cause = ADIT_CAUSE_RESOURCE;
    if (e && c->calls_per_address) {
        e->peer = *peer;
        *setting = "ppp.calls-per-second-per-address";
        if (!take_one(&e->milli, &e->filled_ms, c->calls_per_address))
            return "This address calls too often (ppp.calls-per-second-per-address).";
    }
    *setting = "ppp.calls-per-second";
    if (c->calls && !take_one(&all_milli, &all_filled_ms, c->calls))
        return "Too many calls in a second (ppp.calls-per-second).";
    *cause = ADIT_CAUSE_NONE;
    *setting = NULL;
    return NULL;
}

/* ---- failures ------------------------------------------------------------------------ */

static void tell_failed(const struct ses *s, uint32_t cause)
{
    char peer[ADDR_TEXT];
    if (log_allow(&ev_failed, 6000))    /* the address goes first: nobody else writes before it */
        LOG_EVENT("session", &ev_failed, ADIT_KV_S("peer", addr_text_host(&s->peer, peer)),
                  ADIT_KV_S("code", cause_code(cause)), ADIT_KV_S("tunnel", s->self->name),
                  ADIT_KV_S("user", s->user));
}

bool ses_lock_is(struct ses *s)
{
    uint32_t per = ses_conf_get()->lockout.per;
    struct key account = key_of_account(s->account), address = key_of_address(&s->peer);
    bool yes = (per & SES_LOCK_ACCOUNT && locked(find(&accounts, &account))) ||
               (per & SES_LOCK_ADDRESS && locked(find(&addresses, &address)));
    if (yes)
        tell_failed(s, ADIT_CAUSE_LOCKED_OUT);
    return yes;
}

static void count(struct keeper *k, const struct key *key, const struct ses *s)
{
    const struct ses_lock_conf *c = &ses_conf_get()->lockout;
    struct entry *e = touch(k, key);
    uint64_t now = loop_now();
    if (!e || locked(e))
        return;
    e->peer = s->peer;
    if (e->until_ms || !e->failures || now - e->first_ms >= c->within_ms) {
        e->until_ms = 0;
        e->failures = 0;
        e->first_ms = now;
        e->first_wall = loop_wall();
    }
    if (++e->failures < c->failures)
        return;
    char name[SES_NAME], peer[ADDR_TEXT];
    e->until_ms = now + c->for_ms;
    name_of(k, e, name);
    if (log_allow(&ev_locked, 600))
        LOG_EVENT("session", &ev_locked, ADIT_KV_S("what", k->what), ADIT_KV_S("name", name),
                  ADIT_KV_S("peer", addr_text_host(&s->peer, peer)),
                  ADIT_KV_U("failures", e->failures), ADIT_KV_U("for_ms", c->for_ms),
                  ADIT_KV_S("remedy", cause_remedy(ADIT_CAUSE_LOCKED_OUT)));
}

void ses_lock_failed(struct ses *s, uint32_t cause)
{
    const struct ses_lock_conf *c = &ses_conf_get()->lockout;
    if (cause != ADIT_CAUSE_AUTH_FAILED && cause != ADIT_CAUSE_UNKNOWN_USER)
        return;                 /* the password was not the reason */
    tell_failed(s, cause);
    if (!c->failures)
        return;
    struct key account = key_of_account(s->account), address = key_of_address(&s->peer);
    if (c->per & SES_LOCK_ACCOUNT)
        count(&accounts, &account, s);
    if (c->per & SES_LOCK_ADDRESS)
        count(&addresses, &address, s);
}

/* The right password: the account's failures are forgotten. Those of the address
 * are not, or whoever has one account could try all others. */
void ses_lock_passed(struct ses *s)
{
    struct key account = key_of_account(s->account);
    struct entry *e = find(&accounts, &account);
    if (e)
        forget(&accounts, e);
}

/* ---- looking, unlocking ---------------------------------------------------------------- */

static void each_of(struct keeper *k, void (*each)(void *u, const struct ses_lockout *l), void *u)
{
    uint64_t now = loop_now();
    ADIT_LIST_EACH(n, &k->order) {
        const struct entry *e = ADIT_OF(n, struct entry, order);
        char name[SES_NAME];
        bool counts = e->failures && now - e->first_ms < ses_conf_get()->lockout.within_ms;
        if (!locked(e) && (e->until_ms || !counts))
            continue;
        name_of(k, e, name);
        each(u, &(struct ses_lockout){ .what = k->what, .name = name, .peer = e->peer,
                                       .failures = e->failures, .since_wall = e->first_wall,
                                       .left_ms = locked(e) ? e->until_ms - now : 0 });
    }
}

void ses_lockouts(void (*each)(void *u, const struct ses_lockout *l), void *u)
{
    each_of(&accounts, each, u);
    each_of(&addresses, each, u);
}

static uint32_t unlock(struct keeper *k, const struct key *key)
{
    struct entry *e = find(k, key);
    char name[SES_NAME];
    if (!e || !e->failures)
        return 0;
    name_of(k, e, name);
    LOG_EVENT("session", &ev_unlocked, ADIT_KV_S("what", k->what), ADIT_KV_S("name", name));
    forget(k, e);
    return 1;
}

uint32_t ses_unlock(const char *name)
{
    char account[SES_NAME], domain[SES_DOMAIN];
    struct adit_addr a;
    ses_user_split(name, account, domain);
    struct key key = key_of_account(account);
    uint32_t n = unlock(&accounts, &key);
    if (!addr_parse(name, &a) && a.family) {
        key = key_of_address(&a);
        n += unlock(&addresses, &key);
    }
    return n;
}

static void clear(struct keeper *k)
{
    while (!adit_list_empty(&k->order))
        forget(k, ADIT_OF(k->order.next, struct entry, order));
}

void ses_lock_conf(const struct ses_conf *c)
{
    if (!c->lockout.failures || !(c->lockout.per & SES_LOCK_ACCOUNT))
        clear(&accounts);
    if (!c->lockout.failures || !(c->lockout.per & SES_LOCK_ADDRESS))
        clear(&addresses);
    if (!c->calls)
        all_milli = UINT64_MAX;
}
