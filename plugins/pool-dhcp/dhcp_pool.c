/* dhcp_pool.c - the face of a DHCP pool: requests in, leases and reports out.
 *
 * Knows:  who gets which client identifier, what the host wants to hear, whether
 *         servers answer.
 * Leaves: the states of a lease to dhcp_lease, the network and the clock to dhcp_io.
 */
#include "dhcp_pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define STATUS_LEASES 1000u     /* leases that status() lists */
#define SESSIONS_MOST 255u      /* of one user at once, with identifiers of their own */
#define RELEASE_APART 20u       /* ms between leases that nobody came for */
#define PROBE_MS 1000u

static void settle(struct dhcp_own *o);

/* ---- finding ------------------------------------------------------------------------ */

static uint32_t hash_u32(const struct dhcp_pool *p, uint32_t v)
{
    return adit_hash_of(&v, sizeof v, p->seed);
}

static uint32_t hash_u64(const struct dhcp_pool *p, uint64_t v)
{
    return adit_hash_of(&v, sizeof v, p->seed);
}

static struct dhcp_own *by_xid(struct dhcp_pool *p, uint32_t xid)
{
    for (struct adit_entry *e = adit_table_first(&p->by_xid, hash_u32(p, xid)); e;
         e = adit_table_next(&p->by_xid, e))
        if (ADIT_OF(e, struct dhcp_own, by_xid)->m.xid == xid)
            return ADIT_OF(e, struct dhcp_own, by_xid);
    return NULL;
}

static struct dhcp_own *by_id(struct dhcp_pool *p, uint64_t id)
{
    for (struct adit_entry *e = adit_table_first(&p->by_id, hash_u64(p, id)); e;
         e = adit_table_next(&p->by_id, e))
        if (ADIT_OF(e, struct dhcp_own, by_id)->id == id)
            return ADIT_OF(e, struct dhcp_own, by_id);
    return NULL;
}

/* One that is about to go is nobody's: who is refused may ask again at once. */
static struct dhcp_own *by_key(struct dhcp_pool *p, const uint8_t *id, uint8_t len)
{
    for (struct adit_entry *e = adit_table_first(&p->by_key, adit_hash_of(id, len, p->seed)); e;
         e = adit_table_next(&p->by_key, e)) {
        struct dhcp_own *o = ADIT_OF(e, struct dhcp_own, by_key);
        if (!o->dead && o->client_id_len == len && memcmp(o->client_id, id, len) == 0)
            return o;
    }
    return NULL;
}

/* Who has an address; leases that are used, or wait for their user. */
static struct dhcp_own *by_address(struct dhcp_pool *p, uint32_t address)
{
    for (struct adit_entry *e = adit_table_first(&p->by_address, hash_u32(p, address)); e;
         e = adit_table_next(&p->by_address, e))
        if (ADIT_OF(e, struct dhcp_own, by_address)->m.facts.address == address)
            return ADIT_OF(e, struct dhcp_own, by_address);
    return NULL;
}

/* ---- names ----------------------------------------------------------------------------- */

/* Printable ASCII of a name, lower case: Windows does not tell Anna from anna. */
static void plain(const char *s, char *out, size_t size)
{
    size_t n = 0;
    for (; s && *s && n + 1 < size; s++) {
        char c = *s >= 'A' && *s <= 'Z' ? (char)(*s + ('a' - 'A')) : *s;
        out[n++] = c > ' ' && c < 0x7f ? c : '?';
    }
    out[n] = '\0';
}

/* Type 0 and "HOST/POOL/ACCOUNT@DOMAIN", with "#2" for a second session at the same time
 * (RFC 2132 section 9.14: opaque; people may write it into a reservation). Names that
 * lose something on the way to it are told apart by a digest. */
static uint8_t make_id(struct dhcp_own *o, const char *account, const char *domain, uint32_t nth)
{
    struct dhcp_pool *p = o->pool;
    uint8_t digest[32];
    char name[DHCP_ACCOUNT], at[DHCP_ACCOUNT], text[3 * DHCP_ACCOUNT + 32];
    const struct adit_chunk whole[] = { { account, strlen(account) }, { "@", 1 },
                                        { domain, strlen(domain) } };
    plain(account, name, sizeof name);
    plain(domain, at, sizeof at);
    snprintf(o->account, sizeof o->account, "%s", name);
    int n = snprintf(text, sizeof text, "%s/%s%s%s", p->prefix, name, at[0] ? "@" : "", at);
    bool cut = n > 96 || strlen(account) >= sizeof name || strlen(domain) >= sizeof at;
    for (const char *s = account; *s && !cut; s++)
        cut = (uint8_t)*s <= ' ' || (uint8_t)*s >= 0x7f;
    for (const char *s = domain; *s && !cut; s++)
        cut = (uint8_t)*s <= ' ' || (uint8_t)*s >= 0x7f;
    if (cut && p->self->host->crypto->digest(ADIT_SHA256, whole, 3, digest) == 0)
        n = snprintf(text, sizeof text, "%s/%.24s~%02x%02x%02x%02x%02x%02x", p->prefix, name,
                     digest[0], digest[1], digest[2], digest[3], digest[4], digest[5]);
    if (nth > 1)
        n += snprintf(text + n, sizeof text - (size_t)n, "#%u", nth);
    if (n > DHCP_ID - 1)
        n = DHCP_ID - 1;
    o->client_id[0] = 0;
    memcpy(o->client_id + 1, text, (size_t)n);
    return (uint8_t)(n + 1);
}

/* A hardware address of its own for each identifier: locally administered. */
static void make_chaddr(struct dhcp_own *o)
{
    const struct adit_chunk id = { o->client_id, o->client_id_len };
    uint8_t digest[32] = { 0 };
    (void)o->pool->self->host->crypto->digest(ADIT_SHA256, &id, 1, digest);
    memcpy(o->chaddr, digest, sizeof o->chaddr);
    o->chaddr[0] = (uint8_t)((o->chaddr[0] & 0xfc) | 0x02);
}

/* Letters, digits and hyphens: servers put it into DNS. */
static void make_host(const char *s, char out[DHCP_HOST])
{
    size_t n = 0;
    for (; s && *s && *s != '.' && *s != '@' && n + 1 < DHCP_HOST; s++) {
        bool alnum = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
                     (*s >= '0' && *s <= '9');
        if (alnum)
            out[n++] = *s;
        else if (n)
            out[n++] = '-';
    }
    while (n && out[n - 1] == '-')
        n--;
    out[n] = '\0';
}

static void make_prefix(struct dhcp_pool *p, const struct dhcp_conf *c)
{
    char host[DHCP_ACCOUNT] = "", given[DHCP_ACCOUNT];
    if (c->client_id && c->client_id[0]) {
        plain(c->client_id, p->prefix, sizeof p->prefix);
        return;
    }
    (void)gethostname(host, sizeof host - 1);
    host[strcspn(host, ".")] = '\0';
    plain(host[0] ? host : "adit", given, 32);
    size_t n = strlen(given);
    memcpy(p->prefix, given, n);
    p->prefix[n++] = '/';
    plain(p->self->name, p->prefix + n, sizeof p->prefix - n);
}

/* ---- an own's life ----------------------------------------------------------------------- */

static const struct dhcp_lease_ops ops;

static struct dhcp_own *own_new(struct dhcp_pool *p)
{
    struct dhcp_own *o = dhcp_io_room(p, p->count + 1) ? calloc(1, sizeof *o) : NULL;
    if (!o)
        return NULL;
    o->pool = p;
    o->due_ms = DHCP_NEVER;
    o->id = ++p->last_id;
    dhcp_lease_init(&o->m, &p->times, &ops, o);
    return o;
}

static void own_add(struct dhcp_own *o)
{
    struct dhcp_pool *p = o->pool;
    make_chaddr(o);
    adit_list_add(&p->all, &o->node);
    adit_table_add(&p->by_key, adit_hash_of(o->client_id, o->client_id_len, p->seed), &o->by_key);
    adit_table_add(&p->by_id, hash_u64(p, o->id), &o->by_id);
    p->count++;
}

static void unused(struct dhcp_own *o)
{
    if (!o->used)
        return;
    o->used = false;
    o->pool->used--;
}

static void own_free(struct dhcp_own *o)
{
    struct dhcp_pool *p = o->pool;
    unused(o);
    dhcp_io_due(o, DHCP_NEVER);
    adit_table_del(&p->by_xid, &o->by_xid);
    adit_table_del(&p->by_key, &o->by_key);
    adit_table_del(&p->by_address, &o->by_address);
    adit_table_del(&p->by_id, &o->by_id);
    adit_table_del(&p->by_req, &o->by_req);
    adit_list_del(&o->node);
    p->count--;
    free(o);
}

/* The lease is known, or not any more: who asks for its address finds it. */
static void index_address(struct dhcp_own *o, bool on)
{
    struct dhcp_pool *p = o->pool;
    adit_table_del(&p->by_address, &o->by_address);
    if (on)
        adit_table_add(&p->by_address, hash_u32(p, o->m.facts.address), &o->by_address);
}

static void enter(struct dhcp_own *o) { o->busy++; }

/* After the machine ran: it goes, or its next time is noted. What is only looked for,
 * and for nobody, goes. */
static void settle(struct dhcp_own *o)
{
    if (--o->busy)
        return;
    if (o->dead || (o->m.state == DHCP_SELECTING && !o->req)) {
        own_free(o);
        return;
    }
    uint64_t due = o->m.due_ms;
    if (o->stored && !o->req && o->keep_until_ms < due)
        due = o->keep_until_ms;
    dhcp_io_due(o, due);
}

/* Gives the address back and forgets it. */
static void give_back(struct dhcp_own *o)
{
    enter(o);
    if (dhcp_lease_held(&o->m))
        adit_count(o->pool->self, DHCP_RELEASED);
    index_address(o, false);
    dhcp_store_del(o);
    unused(o);
    dhcp_lease_release(&o->m);
    o->dead = true;
    settle(o);
}

struct dhcp_own *dhcp_pool_stored(struct dhcp_pool *p, const uint8_t *client_id, uint8_t len)
{
    const struct dhcp_conf *c = p->self->conf;
    struct dhcp_own *o = by_key(p, client_id, len) ? NULL : own_new(p);
    if (!o)
        return NULL;
    memcpy(o->client_id, client_id, len);
    o->client_id_len = len;
    snprintf(o->account, sizeof o->account, "%.*s", len - 1, (const char *)client_id + 1);
    o->stored = true;
    own_add(o);
    /* nobody comes for the lease of a session that is over */
    o->keep_until_ms = p->self->host->loop->now() + (uint64_t)p->count * RELEASE_APART +
                       (c->identity == DHCP_BY_USER ? c->keep_ms : 0);
    return o;
}

void dhcp_pool_forget(struct dhcp_pool *p, const uint8_t *client_id, uint8_t len)
{
    struct dhcp_own *o = by_key(p, client_id, len);
    if (o && o->stored && !o->req)
        own_free(o);
}

void dhcp_pool_loaded(struct dhcp_pool *p)
{
    ADIT_LIST_EACH(n, &p->all) {
        struct dhcp_own *o = ADIT_OF(n, struct dhcp_own, node);
        enter(o);
        index_address(o, true);
        settle(o);
    }
}

/* ---- answers to the host ---------------------------------------------------------------------- */

static void refuse(struct dhcp_pool *p, adit_request req, int32_t status, uint32_t cause)
{
    const struct adit_pool_answer a = { .size = sizeof a, .cause = cause };
    p->self->host->request->done(p->self, req, status, &a);
}

/* Who waits, and that nobody does any more. */
static void waits(struct dhcp_own *o, adit_request req)
{
    struct dhcp_pool *p = o->pool;
    adit_table_del(&p->by_req, &o->by_req);
    o->req = req;
    if (req)
        adit_table_add(&p->by_req, hash_u64(p, req), &o->by_req);
}

static void answer_no(struct dhcp_own *o, int32_t status, uint32_t cause)
{
    adit_request req = o->req;
    waits(o, 0);
    if (req)
        refuse(o->pool, req, status, cause);
}

static int32_t put_addr(const struct adit_host *h, struct adit_attrs *a, uint32_t id, uint32_t v,
                        uint8_t prefix)
{
    struct adit_addr at = dhcp_addr(v);
    at.prefix = prefix;
    return v ? adit_attr_put_addr(h, a, id, &at) : 0;
}

/* What the client is told with its address; NULL without memory. */
static struct adit_attrs *attrs_of(const struct dhcp_own *o)
{
    const struct dhcp_pool *p = o->pool;
    const struct adit_host *h = p->self->host;
    const struct dhcp_conf *c = p->self->conf;
    const struct dhcp_facts *f = &o->m.facts;
    uint32_t server = dhcp_number(&c->server_address);
    struct adit_attrs *a = h->attr->make();
    if (!a)
        return NULL;
    int32_t rc = put_addr(h, a, ADIT_ATTR_SERVER_ADDRESS, server ? server : p->giaddr, 32);
    rc |= put_addr(h, a, ADIT_ATTR_NETMASK, f->mask, 32);
    for (uint8_t i = 0; i < f->dns_count; i++)
        rc |= put_addr(h, a, ADIT_ATTR_DNS, f->dns[i], 32);
    for (uint8_t i = 0; i < f->wins_count; i++)
        rc |= put_addr(h, a, ADIT_ATTR_WINS, f->wins[i], 32);
    for (uint8_t i = 0; i < f->route_count; i++)
        rc |= put_addr(h, a, ADIT_ATTR_PUSH_ROUTE, f->routes[i].net, f->routes[i].prefix);
    if (f->domain[0])
        rc |= adit_attr_put_str(h, a, ADIT_ATTR_DNS_DOMAIN, f->domain);
    if (rc) {
        h->attr->free(a);
        return NULL;
    }
    return a;
}

/* ---- whether servers answer --------------------------------------------------------------------- */

static const char *servers_text(const struct dhcp_pool *p, char *out, size_t size)
{
    size_t n = 0;
    if (!p->server_count)
        snprintf(out, size, "anybody on the LAN");
    for (uint32_t i = 0; i < p->server_count && n + 20 < size; i++) {
        const struct adit_addr a = dhcp_addr(p->servers[i]);
        n += (size_t)snprintf(out + n, size - n, "%s%u.%u.%u.%u", i ? " " : "", a.ip[0], a.ip[1],
                              a.ip[2], a.ip[3]);
    }
    return out;
}

/* An offer, or an ACK to somebody who had none. */
static void now_answering(struct dhcp_pool *p, uint32_t from)
{
    const struct adit_addr a = dhcp_addr(from);
    if (p->mood == DHCP_ANSWERING)
        return;
    p->mood = DHCP_ANSWERING;
    adit_event(p->self, &dhcp_ev_answering, ADIT_KV_ADDR("server", &a));
}

/* Servers say nothing where they have no address (RFC 2131 section 4.3.1), and nothing
 * when they are dead. Who has a lease renews it: that is answered by a live one. */
static void probe(struct dhcp_pool *p, uint64_t now)
{
    if (p->probe_ms && now - p->probe_ms < PROBE_MS)
        return;
    struct dhcp_own *o = by_id(p, p->probe_id);
    if (!o || !dhcp_lease_held(&o->m)) {
        uint32_t looked = 0;
        o = NULL;
        ADIT_LIST_EACH(n, &p->all) {
            struct dhcp_own *x = ADIT_OF(n, struct dhcp_own, node);
            if (dhcp_lease_held(&x->m))
                o = x;
            if (o || ++looked == 64)
                break;
        }
    }
    if (!o || o->busy)
        return;
    p->probe_id = o->id;
    p->probe_ms = now;
    enter(o);
    dhcp_lease_nudge(&o->m, now);
    settle(o);
}

static void is_unanswered(struct dhcp_own *o)
{
    static const char remedy[] = "see whether the servers run, whether the address that they are "
        "asked from is reachable for them, and whether they serve its network and have a free "
        "address there";
    struct dhcp_pool *p = o->pool;
    char text[200];
    /* a short wait shares the last one's probe */
    uint64_t grace = p->mood == DHCP_ANSWERING ? 0 : PROBE_MS;
    bool heard = p->heard_ms && p->heard_ms + grace > o->m.began_ms;
    p->late[p->late_next++ % DHCP_LATE] = o->m.xid;
    adit_count(p->self, heard ? DHCP_EXHAUSTED : DHCP_UNANSWERED);
    if (heard) {
        if (p->mood != DHCP_FULL || p->self->host->log->allow(p->self, &dhcp_ev_exhausted, 1))
            adit_event(p->self, &dhcp_ev_exhausted, ADIT_KV_S("account", o->account),
                       ADIT_KV_S("remedy", "make the range of the DHCP server larger or its leases "
                                 "shorter, or add another pool"));
        p->mood = DHCP_FULL;
        answer_no(o, ADIT_ENOSPC, ADIT_CAUSE_POOL_EXHAUSTED);
        return;
    }
    if (p->mood != DHCP_SILENT || p->self->host->log->allow(p->self, &dhcp_ev_silent, 1))
        adit_event(p->self, &dhcp_ev_silent,
                   ADIT_KV_S("servers", servers_text(p, text, sizeof text)),
                   ADIT_KV_S("remedy", remedy));
    p->mood = DHCP_SILENT;
    answer_no(o, ADIT_ETIMEDOUT, ADIT_CAUSE_DHCP_SILENT);
}

/* ---- what the machine says ------------------------------------------------------------------------ */

static void op_send(void *u, struct dhcp_say *m, enum dhcp_to to) { dhcp_io_send(u, m, to); }

static uint32_t op_random(void *u)
{
    const struct dhcp_own *o = u;
    uint32_t v;
    o->pool->self->host->crypto->random(&v, sizeof v);
    return v;
}

static uint32_t op_xid(void *u)
{
    struct dhcp_own *o = u;
    struct dhcp_pool *p = o->pool;
    uint32_t xid;
    do
        xid = op_random(o);
    while (!xid || by_xid(p, xid));
    adit_table_del(&p->by_xid, &o->by_xid);
    o->m.xid = xid;             /* it is found by it from now on */
    adit_table_add(&p->by_xid, hash_u32(p, xid), &o->by_xid);
    return xid;
}

/* Another lease of ours, another session, or this host itself. */
static bool op_is_free(void *u, uint32_t address)
{
    struct dhcp_own *o = u;
    struct dhcp_pool *p = o->pool;
    const struct adit_host *h = p->self->host;
    struct dhcp_own *other = by_address(p, address);
    const struct adit_addr at = dhcp_addr(address);
    uint64_t session;
    bool taken = other && other != o && other->used;
    if (!taken)
        taken = dhcp_io_is_ours(address);
    if (!taken && ADIT_HAS(h, session) && ADIT_HAS(h->session, find)) {
        struct adit_attrs *which = h->attr->make();
        if (which && adit_attr_put_addr(h, which, ADIT_ATTR_ADDRESS, &at) == 0)
            taken = h->session->find(p->self, which, &session, 1) != 0;
        if (which)
            h->attr->free(which);
    }
    if (taken) {
        const struct adit_addr server = dhcp_addr(o->m.facts.server_id);
        adit_count(p->self, DHCP_TAKEN);
        if (h->log->allow(p->self, &dhcp_ev_declined, 6))
            adit_event(p->self, &dhcp_ev_declined, ADIT_KV_S("account", o->account),
                       ADIT_KV_ADDR("address", &at), ADIT_KV_ADDR("server", &server));
    } else if (other && other != o && other->req) {
        index_address(other, false);    /* its user is back and asks for it: the server says no */
    } else if (other && other != o) {
        give_back(other);       /* of before; the server gave it to somebody else */
    }
    return !taken;
}

static bool op_hopeless(void *u)
{
    const struct dhcp_own *o = u;
    return o->pool->heard_ms > o->m.began_ms;
}

static void op_bound(void *u, bool first, bool changed)
{
    struct dhcp_own *o = u;
    struct dhcp_pool *p = o->pool;
    const struct adit_host *h = p->self->host;
    struct adit_attrs *attrs;
    if (first && !o->req) {
        give_back(o);           /* whoever wanted it has gone */
        return;
    }
    if (!first) {
        adit_count(p->self, DHCP_RENEWED);
        dhcp_store_put(o);
        if (!changed || !ADIT_HAS(h, lease) || !ADIT_HAS(h->lease, changed) ||
            !(attrs = attrs_of(o)))
            return;
        h->lease->changed(p->self, o->id, attrs);
        h->attr->free(attrs);
        return;
    }
    adit_request req = o->req;
    attrs = attrs_of(o);
    if (!attrs) {
        answer_no(o, adit_fail(p->self, ADIT_ENOMEM, "out of memory"), ADIT_CAUSE_RESOURCE);
        give_back(o);
        return;
    }
    adit_count(p->self, DHCP_LEASED);
    if (o->stored)
        adit_count(p->self, DHCP_AGAIN);
    o->stored = false;
    waits(o, 0);
    o->used = true;
    o->since_ms = h->loop->wall();
    if (++p->used > p->peak)
        p->peak = p->used;
    index_address(o, true);
    dhcp_store_put(o);
    const struct adit_pool_answer a = { .size = sizeof a, .address = dhcp_addr(o->m.facts.address),
                                        .attrs = attrs, .lease = o->id };
    h->request->done(p->self, req, 0, &a);
    h->attr->free(attrs);
}

static void lost(struct dhcp_own *o, enum dhcp_end why, const char *text)
{
    struct dhcp_pool *p = o->pool;
    const struct adit_host *h = p->self->host;
    const struct adit_addr at = dhcp_addr(o->m.facts.address);
    const struct adit_addr server = dhcp_addr(o->m.facts.server_id);
    char sentence[160];
    if (why == DHCP_END_NAK)
        snprintf(sentence, sizeof sentence, "The DHCP server took the address back%s%s.",
                 text[0] ? ": " : "", text);
    else
        snprintf(sentence, sizeof sentence, "The lease of the address ended; no DHCP server "
                 "renewed it.");
    adit_count(p->self, DHCP_LOST);
    adit_event(p->self, &dhcp_ev_lost, ADIT_KV_S("account", o->account),
               ADIT_KV_ADDR("address", &at), ADIT_KV_ADDR("server", &server),
               ADIT_KV_S("reason", sentence));
    unused(o);
    if (ADIT_HAS(h, lease) && ADIT_HAS(h->lease, lost))
        h->lease->lost(p->self, o->id, ADIT_CAUSE_LEASE_LOST, sentence);
}

static void op_ended(void *u, enum dhcp_end why, const char *text)
{
    struct dhcp_own *o = u;
    struct dhcp_pool *p = o->pool;
    uint64_t now = p->self->host->loop->now();
    const struct adit_addr wanted = dhcp_addr(o->m.wanted);
    bool known = o->m.expires_ms > now + 5000;
    if (why == DHCP_END_SILENT && o->req && o->stored && known) {
        const struct adit_addr at = dhcp_addr(o->m.facts.address);
        adit_event(p->self, &dhcp_ev_resumed, ADIT_KV_S("account", o->account),
                   ADIT_KV_ADDR("address", &at));
        dhcp_lease_resume(&o->m, now);
        return;
    }
    o->dead = true;
    index_address(o, false);
    dhcp_store_del(o);
    if (o->used) {
        lost(o, why, text);
        return;
    }
    if (!o->req)
        return;
    switch (why) {
    case DHCP_END_SILENT:
        is_unanswered(o);
        return;
    case DHCP_END_CONFLICT:
        answer_no(o, ADIT_EEXIST, ADIT_CAUSE_ADDRESS_TAKEN);
        return;
    default:
        break;
    }
    if (o->m.only_wanted && o->elsewhere) {     /* not an address of these servers */
        answer_no(o, ADIT_ENOENT, ADIT_CAUSE_NO_POOL);
        return;
    }
    if (o->m.only_wanted)
        adit_count(p->self, DHCP_TAKEN);
    if (p->self->host->log->allow(p->self, &dhcp_ev_refused, 6))
        adit_event(p->self, &dhcp_ev_refused, ADIT_KV_S("account", o->account),
                   ADIT_KV_ADDR("wanted", &wanted), ADIT_KV_S("reason", text[0] ? text :
                   o->m.only_wanted ? "another address was offered than the account's" :
                   "the leases are shorter than shortest-lease, or the server refused its own "
                   "offers"), ADIT_KV_S("remedy", o->m.only_wanted ?
                   "reserve the address at the server for the client identifier that 'adit pools' "
                   "shows, or take it from the account" : "make the server's leases longer"));
    answer_no(o, o->m.only_wanted ? ADIT_EEXIST : ADIT_ENOSPC,
              o->m.only_wanted ? ADIT_CAUSE_ADDRESS_TAKEN : ADIT_CAUSE_POOL_EXHAUSTED);
}

static void op_moved(void *u, enum dhcp_state from, enum dhcp_event on, enum dhcp_state to)
{
    const struct dhcp_own *o = u;
    adit_debug(o->pool->self, "lease of '%s': %s -> %s (%s)", o->account, dhcp_state_name(from),
               dhcp_state_name(to), dhcp_event_name(on));
}

static const struct dhcp_lease_ops ops = {
    .send = op_send, .xid = op_xid, .random = op_random, .is_free = op_is_free,
    .bound = op_bound, .ended = op_ended, .hopeless = op_hopeless, .moved = op_moved,
};

/* ---- from the network and the clock ---------------------------------------------------------------- */

void dhcp_pool_rx(struct dhcp_pool *p, const struct dhcp_heard *m, uint32_t from, uint32_t rank)
{
    static const enum dhcp_counter counter[DHCP_TYPES] = {
        [DHCP_OFFER] = DHCP_RX_OFFER, [DHCP_ACK] = DHCP_RX_ACK, [DHCP_NAK] = DHCP_RX_NAK,
    };
    struct dhcp_own *o = by_xid(p, m->xid);
    uint64_t now = p->self->host->loop->now();
    if (!o || memcmp(o->chaddr, m->chaddr, sizeof o->chaddr) != 0 || !counter[m->type]) {
        adit_count(p->self, DHCP_RX_UNKNOWN);
        /* servers that ping an address before they offer it need longer than
         * silent-timeout: the next client gets all the time again */
        for (unsigned i = 0; i < DHCP_LATE && m->type == DHCP_OFFER; i++)
            if (p->late[i] == m->xid && m->xid)
                now_answering(p, from);
        return;
    }
    adit_count(p->self, counter[m->type]);
    p->heard_ms = now;
    if (m->type == DHCP_OFFER || p->mood == DHCP_SILENT)
        now_answering(p, from);
    if (m->type == DHCP_OFFER) {
        if (o->m.only_wanted && m->facts.address != o->m.wanted) {
            rank = DHCP_NO_RANK;
            o->elsewhere = ((m->facts.address ^ o->m.wanted) & m->facts.mask) != 0;
        }
    }
    enter(o);
    dhcp_lease_rx(&o->m, m, from, rank, now);
    settle(o);
}

void dhcp_pool_due(struct dhcp_own *o, uint64_t now)
{
    if (o->stored && !o->req && (now >= o->keep_until_ms || now >= o->m.expires_ms)) {
        give_back(o);
        return;
    }
    enter(o);
    if (o->m.state == DHCP_SELECTING && o->m.rank == DHCP_NO_RANK && !o->m.refused)
        probe(o->pool, now);
    dhcp_lease_tick(&o->m, now);
    settle(o);
}

/* ---- leases ------------------------------------------------------------------------------------------- */

static void begin(struct dhcp_own *o, adit_request req, uint32_t wanted)
{
    struct dhcp_pool *p = o->pool;
    const struct dhcp_conf *c = p->self->conf;
    uint64_t now = p->self->host->loop->now();
    waits(o, req);
    enter(o);
    if (o->m.state == DHCP_INIT || o->m.state == DHCP_INIT_REBOOT) {
        o->m.wanted = wanted;
        o->m.only_wanted = wanted != 0;
        dhcp_lease_begin(&o->m, p->mood == DHCP_ANSWERING ? 0 : c->silent_ms, now);
        if (p->mood != DHCP_ANSWERING)
            probe(p, now);
    }
    settle(o);
}

/* The identifier of this session: of the user, the first that none of his other sessions
 * has; or of nobody else ever. An own of it that nobody uses is taken over. */
static struct dhcp_own *own_for(struct dhcp_pool *p, const struct adit_attrs *attrs, uint32_t wanted)
{
    const struct adit_host *h = p->self->host;
    const struct dhcp_conf *c = p->self->conf;
    bool by_user = c->identity == DHCP_BY_USER;
    const char *account = adit_attr_str(h, attrs, by_user ? ADIT_ATTR_ACCOUNT : ADIT_ATTR_SESSION);
    const char *domain = by_user ? adit_attr_str(h, attrs, ADIT_ATTR_DOMAIN) : NULL;
    struct dhcp_own *o = own_new(p), *had = NULL;
    if (!o)
        return NULL;
    if (by_user && !account)
        account = adit_attr_str(h, attrs, ADIT_ATTR_USER);
    for (uint32_t nth = 1; nth <= SESSIONS_MOST; nth++) {
        o->client_id_len = make_id(o, account ? account : "", domain ? domain : "", nth);
        had = by_key(p, o->client_id, o->client_id_len);
        if (!had || (!had->used && !had->req))
            break;
        had = NULL;
        if (nth == SESSIONS_MOST) {     /* one account for everybody */
            account = adit_attr_str(h, attrs, ADIT_ATTR_SESSION);
            domain = NULL;
            nth = 0;
            if (by_user)
                by_user = false;
            else
                break;
        }
    }
    if (!by_user)
        plain(adit_attr_str(h, attrs, ADIT_ATTR_ACCOUNT), o->account, sizeof o->account);
    const char *host = c->host_name == DHCP_HOST_NONE ? NULL :
                       adit_attr_str(h, attrs, c->host_name == DHCP_HOST_PEER ? ADIT_ATTR_PEER_HOST :
                                                                                ADIT_ATTR_ACCOUNT);
    make_host(host, o->host);
    if (had && wanted && had->m.facts.address != wanted) {
        give_back(had);
        had = NULL;
    }
    if (had) {
        memcpy(had->host, o->host, sizeof had->host);
        memcpy(had->account, o->account, sizeof had->account);
        free(o);
        return had;
    }
    own_add(o);
    return o;
}

static void lease(struct adit_self *self, uint64_t req, const struct adit_pool_query *q)
{
    const struct adit_host *h = self->host;
    struct dhcp_pool *p = self->instance;
    const char *pool = adit_attr_str(h, q->attrs, ADIT_ATTR_POOL);
    const struct adit_addr *address = adit_attr_addr(h, q->attrs, ADIT_ATTR_ADDRESS, 0);
    uint32_t wanted = address ? dhcp_number(address) : 0;

    if (!p->serving) {
        refuse(p, req, ADIT_ESTATE, ADIT_CAUSE_NO_POOL);
        return;
    }
    if ((pool && pool[0] && strcmp(pool, self->name) != 0) || (address && !wanted)) {
        refuse(p, req, ADIT_ENOENT, ADIT_CAUSE_NO_POOL);
        return;
    }
    if (!p->port) {
        adit_count(self, DHCP_UNANSWERED);
        refuse(p, req, ADIT_EUNREACH, ADIT_CAUSE_DHCP_SILENT);
        return;
    }
    /* the networks of a relay's servers are not known to us; a LAN's is */
    const struct dhcp_conf *c = self->conf;
    if (wanted && !c->subnet.family && !p->server_count && (wanted ^ p->giaddr) & p->mask) {
        refuse(p, req, ADIT_ENOENT, ADIT_CAUSE_NO_POOL);
        return;
    }
    struct dhcp_own *other = wanted ? by_address(p, wanted) : NULL;
    if (other && other->used) {
        adit_count(self, DHCP_TAKEN);
        refuse(p, req, ADIT_EEXIST, ADIT_CAUSE_ADDRESS_TAKEN);
        return;
    }
    struct dhcp_own *o = own_for(p, q->attrs, wanted);
    if (!o) {
        refuse(p, req, adit_fail(self, ADIT_ENOMEM, "out of memory"), ADIT_CAUSE_RESOURCE);
        return;
    }
    begin(o, req, wanted);
}

/* Nobody waits any more. What may be answered yet is waited for, so that it can be
 * given back. */
static void cancel(struct adit_self *self, uint64_t req)
{
    struct dhcp_pool *p = self->instance;
    for (struct adit_entry *e = adit_table_first(&p->by_req, hash_u64(p, req)); e;
         e = adit_table_next(&p->by_req, e)) {
        struct dhcp_own *o = ADIT_OF(e, struct dhcp_own, by_req);
        if (o->req != req)
            continue;
        enter(o);
        answer_no(o, ADIT_ECANCELED, ADIT_CAUSE_NONE);
        settle(o);
        return;
    }
}

static void release(struct adit_self *self, uint64_t id)
{
    struct dhcp_own *o = by_id(self->instance, id);
    if (o && o->used)
        give_back(o);
}

const struct adit_pool dhcp_vtable = {
    .size = sizeof dhcp_vtable, .lease = lease, .cancel = cancel, .release = release,
};

/* ---- life ------------------------------------------------------------------------------------------------ */

static void set_times(struct dhcp_pool *p, const struct dhcp_conf *c)
{
    p->times = (struct dhcp_times){ .retry_ms = c->retry_ms, .timeout_ms = c->timeout_ms,
                                    .collect_ms = c->offer_wait_ms,
                                    .least_s = (uint32_t)(c->shortest_ms / 1000) };
}

static void destroy(struct adit_self *self)
{
    struct dhcp_pool *p = self->instance;
    if (!p)
        return;
    while (!adit_list_empty(&p->all)) {
        struct dhcp_own *o = ADIT_OF(p->all.next, struct dhcp_own, node);
        answer_no(o, ADIT_ECANCELED, ADIT_CAUSE_SHUTDOWN);
        if (o->stored)
            own_free(o);        /* its user may come after the next start */
        else
            give_back(o);
    }
    dhcp_store_close(p);
    dhcp_io_free(p);
    adit_table_fini(&p->by_xid);
    adit_table_fini(&p->by_key);
    adit_table_fini(&p->by_address);
    adit_table_fini(&p->by_id);
    adit_table_fini(&p->by_req);
    free(p);
    self->instance = NULL;
}

static int32_t create(struct adit_self *self)
{
    const struct dhcp_conf *c = self->conf;
    struct dhcp_pool *p = calloc(1, sizeof *p);
    if (!p)
        return adit_fail(self, ADIT_ENOMEM, "out of memory");
    self->instance = p;
    p->self = self;
    p->store_fd = -1;
    adit_list_init(&p->all);
    self->host->crypto->random(&p->seed, sizeof p->seed);
    make_prefix(p, c);
    set_times(p, c);
    int32_t rc = dhcp_io_conf(p, c);
    if (rc)
        destroy(self);
    return rc;
}

static int32_t start(struct adit_self *self)
{
    struct dhcp_pool *p = self->instance;
    int32_t rc = dhcp_io_start(p);
    if (rc)
        return rc;
    dhcp_store_open(p);
    p->serving = true;
    return 0;
}

/* Leases of running sessions are renewed on. */
static void stop(struct adit_self *self)
{
    struct dhcp_pool *p = self->instance;
    p->serving = false;
}

static int32_t reload(struct adit_self *self, const void *conf)
{
    struct dhcp_pool *p = self->instance;
    int32_t rc = dhcp_io_conf(p, conf);
    if (rc == 0)
        set_times(p, conf);
    return rc;
}

static void status(struct adit_self *self, struct adit_report *r)
{
    static const char *const moods[] = { [DHCP_ANSWERING] = "answering", [DHCP_SILENT] = "silent",
                                         [DHCP_FULL] = "exhausted" };
    const struct adit_host *h = self->host;
    const struct dhcp_pool *p = self->instance;
    const struct dhcp_conf *c = self->conf;
    const struct adit_addr giaddr = dhcp_addr(p->giaddr);
    uint64_t now = h->loop->now();
    uint32_t n = 0;
    char text[16 + DHCP_ID];

    adit_report_put_str(h, r, "interface", c->interface);
    if (p->giaddr)
        adit_report_put_addr(h, r, "relay-address", &giaddr);
    h->report->array(r, "servers");
    for (uint32_t i = 0; i < p->server_count; i++) {
        const struct adit_addr a = dhcp_addr(p->servers[i]);
        adit_report_put_addr(h, r, NULL, &a);
    }
    h->report->end(r);
    adit_report_put_str(h, r, "state", p->port ? moods[p->mood] : "waiting");
    if (p->heard_ms)
        adit_report_put_u(h, r, "heard-ms-ago", now - p->heard_ms);
    adit_report_put_u(h, r, "leased", p->used);
    adit_report_put_u(h, r, "peak", p->peak);
    adit_report_put_u(h, r, "waiting", p->count - p->used);
    h->report->array(r, "leases");
    for (struct adit_node *at = p->all.next; at != &p->all && n < STATUS_LEASES; at = at->next, n++) {
        const struct dhcp_own *o = ADIT_OF(at, struct dhcp_own, node);
        const struct adit_addr a = dhcp_addr(o->m.facts.address);
        const struct adit_addr server = dhcp_addr(o->m.server_at);
        h->report->object(r, NULL);
        if (o->m.facts.address)
            adit_report_put_addr(h, r, "address", &a);
        adit_report_put_str(h, r, "account", o->account);
        adit_report_put_str(h, r, "state", dhcp_state_name(o->m.state));
        adit_report_put_bool(h, r, "used", o->used);
        if (o->used)
            adit_report_put_u(h, r, "since", o->since_ms);
        if (o->m.server_at)
            adit_report_put_addr(h, r, "server", &server);
        if (o->m.expires_ms != DHCP_NEVER && o->m.expires_ms > now)
            adit_report_put_u(h, r, "expires-in-ms", o->m.expires_ms - now);
        snprintf(text, sizeof text, "%.*s", o->client_id_len - 1, (const char *)o->client_id + 1);
        adit_report_put_str(h, r, "client-id", text);
        snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", o->chaddr[0], o->chaddr[1],
                 o->chaddr[2], o->chaddr[3], o->chaddr[4], o->chaddr[5]);
        adit_report_put_str(h, r, "hardware-address", text);
        h->report->end(r);
    }
    h->report->end(r);
    adit_report_put_bool(h, r, "leases-complete", n == p->count);
}

const struct adit_life dhcp_life = {
    .size = sizeof dhcp_life, .create = create, .start = start, .reload = reload, .stop = stop,
    .destroy = destroy, .status = status,
};
