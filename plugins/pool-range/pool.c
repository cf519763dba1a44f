/* pool.c - the face of a range pool: options in, leases and reports out.
 *
 * Knows:  attributes, requests, what the host wants to hear.
 * Leaves: which address is free to range.c, which IPv6 network to nets.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include "nets.h"
#include "pool.h"

#define STATUS_LEASES 1000u     /* leases that status() lists */

ADIT_EVENT(ev_exhausted, "pool.exhausted", ADIT_LOG_WARN,
           "A client wanted an address and every address of the pool is leased.",
           "account size remedy");
ADIT_EVENT(ev_taken, "pool.taken", ADIT_LOG_WARN,
           "An account has a fixed address that another session holds.",
           "account address holder");

const struct adit_event *const pool_events[] = { &ev_exhausted, &ev_taken, NULL };

#define OF_NETS (1ull << 63)    /* in a lease's name: it is of `nets` */

struct pool {
    struct range_pool *range;       /* NULL: no addresses */
    struct nets *nets;              /* NULL: no IPv6 networks */
    struct adit_attrs *attrs;       /* what each lease carries */
    bool serving;
};

static struct adit_addr ipv4_of(uint32_t addr)
{
    struct adit_addr a = { .family = ADIT_AF_IPV4, .prefix = 32 };
    struct wr w = wr_of(a.ip, 4);
    wr_u32(&w, addr);
    return a;
}

static const char *text_of(const struct adit_addr *a, char out[16])
{
    snprintf(out, 16, "%u.%u.%u.%u", a->ip[0], a->ip[1], a->ip[2], a->ip[3]);
    return out;
}

/* ---- the attributes of a lease ------------------------------------------------ */

static int32_t attrs_add(struct adit_self *self, struct adit_attrs *attrs, uint32_t id,
                         const char *option, const struct adit_array *list)
{
    if (list->count > 2)
        return adit_fail(self, ADIT_ECONF, "%s: %u servers are given, PPP carries two (RFC 1877); "
                         "leave the others out", option, list->count);
    for (uint32_t i = 0; i < list->count; i++) {
        struct adit_addr a;
        memcpy(&a, (const char *)list->items + (size_t)i * list->stride, sizeof a);
        if (a.family != ADIT_AF_IPV4)
            return adit_fail(self, ADIT_ECONF, "%s: item %u is not an IPv4 address", option, i + 1);
        if (adit_attr_put_addr(self->host, attrs, id, &a) != 0)
            return adit_fail(self, ADIT_ENOMEM, "out of memory");
    }
    return 0;
}

static int32_t attrs_new(struct adit_self *self, const struct pool_conf *c, uint32_t server,
                         struct adit_attrs **out)
{
    const struct adit_host *h = self->host;
    struct adit_addr our = ipv4_of(server);
    struct adit_attrs *a = h->attr->make();
    if (!a)
        return adit_fail(self, ADIT_ENOMEM, "out of memory");
    int32_t rc = attrs_add(self, a, ADIT_ATTR_DNS, "dns", &c->dns);
    if (rc == 0)
        rc = attrs_add(self, a, ADIT_ATTR_WINS, "wins", &c->wins);
    if (rc == 0 && c->dns_domain && c->dns_domain[0])
        rc = adit_attr_put_str(h, a, ADIT_ATTR_DNS_DOMAIN, c->dns_domain);
    if (rc == 0 && server)
        rc = adit_attr_put_addr(h, a, ADIT_ATTR_SERVER_ADDRESS, &our);
    if (rc != 0) {
        h->attr->free(a);
        return rc;
    }
    *out = a;
    return 0;
}

static struct range_spec spec_of(const struct pool_conf *c)
{
    return (struct range_spec){ .ranges = c->ranges, .exclude = c->exclude,
                                .server = c->server, .remember = c->remember };
}

/* ---- life ---------------------------------------------------------------------- */

static void destroy(struct adit_self *self)
{
    struct pool *p = self->instance;
    if (!p)
        return;
    range_free(p->range);
    nets_free(p->nets);
    if (p->attrs)
        self->host->attr->free(p->attrs);
    free(p);
    self->instance = NULL;
}

static int32_t create(struct adit_self *self)
{
    const struct pool_conf *c = self->conf;
    struct range_spec spec = spec_of(c);
    char err[RANGE_ERR];
    uint64_t seed = 0;
    if (!c->ranges.count && !c->networks.count)
        return adit_fail(self, ADIT_ECONF, "ranges: the pool has neither addresses nor ipv6-networks");
    struct pool *p = calloc(1, sizeof *p);
    if (!p)
        return adit_fail(self, ADIT_ENOMEM, "out of memory");
    self->instance = p;
    /* Peers choose their names: without a random seed they could choose them
     * all for one chain of the hash. */
    self->host->crypto->random(&seed, sizeof seed);
    int32_t rc = 0;
    if (c->ranges.count)
        rc = range_new(&spec, seed, &p->range, err);
    if (!rc && c->networks.count)
        rc = nets_new(&c->networks, c->network_length, c->remember, seed, &p->nets, err);
    rc = rc != 0 ? adit_fail(self, rc, "%s", err)
                 : attrs_new(self, c, p->range ? range_server(p->range) : 0, &p->attrs);
    if (rc != 0)
        destroy(self);
    return rc;
}

static int32_t start(struct adit_self *self)
{
    struct pool *p = self->instance;
    p->serving = true;
    return 0;
}

static void stop(struct adit_self *self)
{
    struct pool *p = self->instance;
    p->serving = false;
}

static int32_t reload(struct adit_self *self, const void *conf)
{
    struct pool *p = self->instance;
    const struct pool_conf *c = conf;
    struct range_spec spec = spec_of(c);
    struct adit_attrs *attrs;
    char err[RANGE_ERR];

    /* First what can be refused without a change: the name servers. The
     * server's address is known only when the ranges are. */
    int32_t rc = attrs_new(self, c, 0, &attrs);
    if (rc != 0)
        return rc;
    uint64_t seed = 0;
    self->host->crypto->random(&seed, sizeof seed);
    if (!c->ranges.count && p->range) {
        snprintf(err, sizeof err, "ranges: they cannot all be taken away while the daemon runs");
        rc = ADIT_ERESTART;
    } else if (p->range) {
        rc = range_reload(p->range, &spec, err);
    } else if (c->ranges.count) {
        rc = range_new(&spec, seed, &p->range, err);
    }
    if (rc != 0) {
        self->host->attr->free(attrs);
        return adit_fail(self, rc, "%s", err);
    }
    if (p->range) {
        struct adit_addr our = ipv4_of(range_server(p->range));
        (void)adit_attr_put_addr(self->host, attrs, ADIT_ATTR_SERVER_ADDRESS, &our);
    }
    self->host->attr->free(p->attrs);
    p->attrs = attrs;
    return 0;
}

static void tell_nets(struct adit_self *self, struct adit_report *r)
{
    const struct adit_host *h = self->host;
    const struct pool *p = self->instance;
    const struct range_counts c = nets_counts(p->nets);
    const void *pos = NULL;
    struct range_lease l;
    struct adit_addr net;
    h->report->object(r, "ipv6-networks");
    adit_report_put_u(h, r, "size", c.size);
    adit_report_put_u(h, r, "leased", c.leased);
    adit_report_put_u(h, r, "free", c.free);
    h->report->array(r, "leases");
    for (uint32_t n = 0; n < STATUS_LEASES && nets_each(p->nets, &pos, &l, &net); n++) {
        h->report->object(r, NULL);
        adit_report_put_addr(h, r, "network", &net);
        adit_report_put_str(h, r, "account", l.account);
        adit_report_put_u(h, r, "since", l.since);
        h->report->end(r);
    }
    h->report->end(r);
    h->report->end(r);
}

static void tell_addresses(struct adit_self *self, struct adit_report *r)
{
    const struct adit_host *h = self->host;
    const struct pool *p = self->instance;
    const struct range_counts c = range_counts(p->range);
    const struct adit_addr our = ipv4_of(range_server(p->range));
    const void *pos = NULL;
    struct range_lease l;
    uint32_t n = 0;
    char text[40];

    h->report->array(r, "ranges");
    for (uint32_t i = 0; range_text(p->range, i, text); i++)
        adit_report_put_str(h, r, NULL, text);
    h->report->end(r);
    adit_report_put_u(h, r, "size", c.size);
    adit_report_put_u(h, r, "leased", c.leased);
    adit_report_put_u(h, r, "free", c.free);
    adit_report_put_u(h, r, "peak", c.peak);
    adit_report_put_u(h, r, "excluded", c.excluded);
    adit_report_put_u(h, r, "outside", c.outside);
    adit_report_put_u(h, r, "remembered", c.remembered);
    adit_report_put_addr(h, r, "server-address", &our);
    h->report->array(r, "leases");
    for (; n < STATUS_LEASES && range_each(p->range, &pos, &l); n++) {
        const struct adit_addr a = ipv4_of(l.addr);
        h->report->object(r, NULL);
        adit_report_put_addr(h, r, "address", &a);
        adit_report_put_str(h, r, "account", l.account);
        adit_report_put_u(h, r, "since", l.since);
        h->report->end(r);
    }
    h->report->end(r);
    adit_report_put_bool(h, r, "leases-complete", n == c.leased);
}

static void status(struct adit_self *self, struct adit_report *r)
{
    const struct pool *p = self->instance;
    if (p->range)
        tell_addresses(self, r);
    if (p->nets)
        tell_nets(self, r);
}

const struct adit_life pool_life = {
    .size = sizeof pool_life, .create = create, .start = start, .reload = reload, .stop = stop,
    .destroy = destroy, .status = status,
};

/* ---- leases -------------------------------------------------------------------- */

/* Whom an address is remembered for. Windows does not tell Anna from anna. */
static void account_of(const struct adit_host *h, const struct adit_attrs *attrs, char out[256])
{
    const char *name = adit_attr_str(h, attrs, ADIT_ATTR_ACCOUNT);
    size_t i = 0;
    if (!name)
        name = adit_attr_str(h, attrs, ADIT_ATTR_USER);
    for (; name && name[i] && i < 255; i++)
        out[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + ('a' - 'A') : name[i]);
    out[i] = '\0';
}

static void refuse(struct adit_self *self, adit_request req, int32_t status, uint32_t cause)
{
    const struct adit_pool_answer a = { .size = sizeof a, .cause = cause };
    self->host->request->done(self, req, status, &a);
}

static void tell_exhausted(struct adit_self *self, const char *account, uint32_t size, const char *option)
{
    char remedy[160];
    snprintf(remedy, sizeof remedy, "make %s of the pool larger, add another pool, or end idle sessions with "
             "idle-timeout in the policy", option);
    adit_count(self, POOL_EXHAUSTED);
    if (self->host->log->allow(self, &ev_exhausted, 6))
        adit_event(self, &ev_exhausted, ADIT_KV_S("account", account),
                   ADIT_KV_U("size", size), ADIT_KV_S("remedy", remedy));
}

static void tell_taken(struct adit_self *self, const char *account, uint32_t addr)
{
    const struct pool *p = self->instance;
    const struct adit_addr a = ipv4_of(addr);
    const char *holder = addr == range_server(p->range) ? "this server" : "";
    const void *pos = NULL;
    struct range_lease l;

    adit_count(self, POOL_TAKEN);
    if (!self->host->log->allow(self, &ev_taken, 6))
        return;
    while (range_each(p->range, &pos, &l))
        if (l.addr == addr)
            holder = l.account;
    adit_event(self, &ev_taken, ADIT_KV_S("account", account), ADIT_KV_ADDR("address", &a),
               ADIT_KV_S("holder", holder));
}

static void lease(struct adit_self *self, uint64_t req, const struct adit_pool_query *q)
{
    const struct adit_host *h = self->host;
    struct pool *p = self->instance;
    const char *pool = adit_attr_str(h, q->attrs, ADIT_ATTR_POOL);
    const struct adit_addr *wanted = adit_attr_addr(h, q->attrs, ADIT_ATTR_ADDRESS, 0);
    uint32_t addr = 0;
    char account[256], t[16];

    if (!p->serving) {
        refuse(self, req, ADIT_ESTATE, ADIT_CAUSE_NO_POOL);
        return;
    }
    if ((pool && pool[0] && strcmp(pool, self->name) != 0) ||
        (wanted && wanted->family != ADIT_AF_IPV4) || !p->range) {
        refuse(self, req, ADIT_ENOENT, ADIT_CAUSE_NO_POOL);
        return;
    }
    if (wanted) {
        struct rd r = rd_of(wanted->ip, 4);
        addr = rd_u32(&r);
    }
    account_of(h, q->attrs, account);

    struct range_lease l;
    int32_t rc = range_lease(p->range, account, wanted ? &addr : NULL, h->loop->wall(), &l);
    switch (rc) {
    case 0:
        break;
    case ADIT_ENOSPC:
        tell_exhausted(self, account, range_counts(p->range).size, "ranges");
        refuse(self, req, rc, ADIT_CAUSE_POOL_EXHAUSTED);
        return;
    case ADIT_EEXIST:
        tell_taken(self, account, addr);
        refuse(self, req, rc, ADIT_CAUSE_ADDRESS_TAKEN);
        return;
    case ADIT_ENOENT:
        refuse(self, req, rc, ADIT_CAUSE_NO_POOL);
        return;
    default:
        refuse(self, req, adit_fail(self, rc, "out of memory"), ADIT_CAUSE_RESOURCE);
        return;
    }
    adit_count(self, POOL_LEASED);
    if (l.again)
        adit_count(self, POOL_AGAIN);
    const struct adit_pool_answer a = { .size = sizeof a, .address = ipv4_of(l.addr),
                                        .attrs = p->attrs, .lease = l.id };
    adit_debug(self, "%s is leased to '%s'%s", text_of(&a.address, t), account,
               l.again ? " again" : "");
    h->request->done(self, req, 0, &a);
}

static void lease6(struct adit_self *self, uint64_t req, const struct adit_pool_query *q)
{
    const struct adit_host *h = self->host;
    struct pool *p = self->instance;
    const struct adit_addr *wanted = adit_attr_addr(h, q->attrs, ADIT_ATTR_IPV6_PREFIX, 0);
    struct adit_pool_answer a = { .size = sizeof a };
    char account[256];

    if (!p->serving || !p->nets) {
        refuse(self, req, p->serving ? ADIT_ENOENT : ADIT_ESTATE, ADIT_CAUSE_NO_POOL);
        return;
    }
    account_of(h, q->attrs, account);
    int32_t rc = nets_lease(p->nets, account, wanted, h->loop->wall(), &a.lease, &a.address);
    if (rc == ADIT_ENOSPC)
        tell_exhausted(self, account, nets_counts(p->nets).size, "ipv6-networks");
    if (rc) {
        refuse(self, req, rc, rc == ADIT_ENOSPC ? ADIT_CAUSE_POOL_EXHAUSTED : rc == ADIT_EEXIST ?
               ADIT_CAUSE_ADDRESS_TAKEN : rc == ADIT_ENOENT ? ADIT_CAUSE_NO_POOL : ADIT_CAUSE_RESOURCE);
        return;
    }
    adit_count(self, POOL_NETWORKS);
    a.lease |= OF_NETS;
    h->request->done(self, req, 0, &a);
}

static void release(struct adit_self *self, uint64_t id)
{
    struct pool *p = self->instance;
    if (id & OF_NETS ? nets_release(p->nets, id & ~OF_NETS) : range_release(p->range, id))
        adit_count(self, POOL_RELEASED);
}

/* lease() has always answered when it returns: there is nothing to cancel. */
const struct adit_pool pool_vtable = {
    .size = sizeof pool_vtable, .lease = lease, .release = release, .lease6 = lease6,
};
