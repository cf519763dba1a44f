/* ses_addr.c - the rung ADDRESS: an address for the client.
 *
 * Knows:  the chain of pools, fixed addresses, what the client is told.
 * Leaves: leasing to the pools.
 */
#include "session/ses_int.h"

#include <stdio.h>
#include "base/addr.h"
#include "base/attr.h"

static void ask_pool(struct ses *s, struct plug_inst *after);

static bool has_value(const struct adit_attrs *a, uint32_t id, const struct adit_value *v)
{
    const struct adit_value *one;
    for (uint32_t nth = 0; (one = plug_attr_api.get(a, id, nth)); nth++)
        if (attr_equal(one, v))
            return true;
    return false;
}

/* The first two IPv4 addresses of: the session's own (account, profile, pool), then the server's. */
static void two_of(struct ses *s, uint32_t id, const struct adit_array *server,
                   struct adit_addr out[2])
{
    uint32_t n = 0;
    const struct adit_addr *a;
    memset(out, 0, 2 * sizeof out[0]);
    for (uint32_t i = 0; n < 2 && (a = ses_address(s, id, i)); i++)
        if (a->family == ADIT_AF_IPV4)
            out[n++] = *a;
    for (uint32_t i = 0; n < 2 && i < server->count; i++) {
        const struct adit_addr *of_server = (const struct adit_addr *)
            (const void *)((const char *)server->items + i * server->stride);
        if (of_server->family == ADIT_AF_IPV4 && (n == 0 || !adit_same_host(&out[0], of_server)))
            out[n++] = *of_server;
    }
}

static void servers_for(struct ses *s)
{
    const struct ses_conf *c = ses_conf_get();
    two_of(s, ADIT_ATTR_DNS, &c->dns, s->dns);
    two_of(s, ADIT_ATTR_WINS, &c->wins, s->wins);
}

/* What came with the lease is taken out again; the list stays the same one, which
 * somebody may be looking at. */
static void drop_leased(struct ses *s)
{
    struct adit_addr own[64];
    const struct adit_value *v;
    uint32_t pos = 0, id, n = 0;
    if (!s->leased)
        return;
    for (uint32_t nth = 0; n < 64 && (v = plug_attr_api.get(s->attrs, ADIT_ATTR_PUSH_ROUTE, nth)); nth++)
        if (!has_value(s->leased, ADIT_ATTR_PUSH_ROUTE, v))
            own[n++] = v->v.addr;
    while (plug_attr_api.next(s->leased, &pos, &id, &v))
        plug_attr_api.del(s->attrs, id);
    plug_attr_api.del(s->attrs, ADIT_ATTR_PUSH_ROUTE);
    for (uint32_t i = 0; i < n; i++)
        plug_attr_api.put(s->attrs, ADIT_ATTR_PUSH_ROUTE,
                          &(struct adit_value){ ADIT_TYPE_ADDR, 0, { .addr = own[i] } });
    plug_attr_api.free(s->leased);
    s->leased = NULL;
}

/* Whether a pool may say it: not who it is, nor what the session itself knows. */
static bool may_lease(const struct ses *s, uint32_t id, const struct adit_value *v)
{
    if (id == ADIT_ATTR_PUSH_ROUTE)     /* all count, once */
        return !has_value(s->attrs, id, v);
    return id > ADIT_ATTR_DIALIN && id != ADIT_ATTR_ADDRESS && id != ADIT_ATTR_LEASE_POOL &&
           !plug_attr_api.get(s->attrs, id, 0);
}

/* What comes with the lease, in place of what came with it before. What account and
 * profile say goes before it. */
static void take_leased(struct ses *s, const struct adit_attrs *attrs)
{
    uint32_t pos = 0, id;
    const struct adit_value *v;
    drop_leased(s);
    s->leased = plug_attr_api.make();
    while (attrs && s->leased && plug_attr_api.next(attrs, &pos, &id, &v))
        if (may_lease(s, id, v))
            plug_attr_api.put(s->leased, id, v);
    if (s->leased)
        attr_append(s->attrs, s->leased);
}

static void take_address(struct ses *s, const struct adit_addr *address)
{
    s->address = *address;
    s->address.prefix = 32;
    s->address.port = 0;
    ses_index_address(s, true);
    ses_addr6_enter(s);
}

void ses_addr_known(struct ses *s)
{
    const struct ses_conf *c = ses_conf_get();
    const struct adit_addr *ours = ses_address(s, ADIT_ATTR_SERVER_ADDRESS, 0);
    s->server_address = ours ? *ours : c->server_address;
    if (!s->server_address.family)
        s->server_address = s->our;     /* better an outer address than none */
    ses_put_addr(s, ADIT_ATTR_ADDRESS, &s->address);
    trace_talk_inner(s->talk, &s->address);
    servers_for(s);
    struct ppp_net net = {
        .encryption = s->encryption, .stateful = c->stateful, .ipv4 = 1, .ipv6 = c->ipv6,
        .our = s->server_address, .peer = s->address,
        .dns = { s->dns[0], s->dns[1] }, .wins = { s->wins[0], s->wins[1] },
        .peer_ifid = ses_u(s, ADIT_ATTR_INTERFACE_ID),
    };
    ppp_net_start(s->ppp, &net);
}

/* M9: the user is back before we noticed that it was gone. Its old session makes
 * room; somebody else's does not. */
static bool replace(struct ses *s, const struct adit_addr *wanted)
{
    struct ses *old = ses_index_holder(wanted);
    if (!old || strcasecmp(old->account, s->account) || strcasecmp(old->domain, s->domain))
        return false;
    ses_end(old, ADIT_CAUSE_LOST_CARRIER, "The same user connected again and took its address.");
    return true;
}

static void pool_done(void *u, int32_t status, const void *answer)
{
    struct ses *s = u;
    const struct adit_pool_answer *a = answer;
    const struct adit_addr *wanted = ses_address(s, ADIT_ATTR_ADDRESS, 0);
    if (!s->req)
        return;
    s->req = 0;
    if (!status && a) {
        s->lease_from = s->asking;
        s->lease = a->lease;
        snprintf(s->pool, sizeof s->pool, "%s", plug_self(s->asking)->name);
        ses_index_lease(s, true);
        struct adit_addr address = a->address;
        take_leased(s, a->attrs);
        ses_put_str(s, ADIT_ATTR_LEASE_POOL, s->pool);
        take_address(s, &address);
        return;
    }
    if (status == ADIT_EEXIST && wanted && replace(s, wanted)) {
        ask_pool(s, NULL);
        return;
    }
    if (status == ADIT_EEXIST || status == ADIT_ENOSPC)
        s->chain_cause = a && a->cause ? a->cause :
                         status == ADIT_EEXIST ? ADIT_CAUSE_ADDRESS_TAKEN :
                                                 ADIT_CAUSE_POOL_EXHAUSTED;
    else if (status != ADIT_ENOENT && s->chain_cause == ADIT_CAUSE_NO_POOL)
        s->chain_cause = a && a->cause ? a->cause : ADIT_CAUSE_AUTH_UNAVAILABLE;
    ask_pool(s, s->asking);
}

static void ask_pool(struct ses *s, struct plug_inst *after)
{
    const char *named = ses_str(s, ADIT_ATTR_POOL);
    const struct adit_addr *wanted = ses_address(s, ADIT_ATTR_ADDRESS, 0);
    struct plug_inst *i = after;
    if (!after)
        s->chain_cause = ADIT_CAUSE_NO_POOL;
    while ((i = plug_running_next(ADIT_KIND_POOL, i))) {
        struct adit_self *self = plug_self(i);
        if (named && !wanted && strcmp(named, self->name) != 0)
            continue;
        const struct adit_pool *vt = plug_vtable(i);
        adit_request req;
        ses_asks(s, i);
        if (plug_ask(i, ses_conf_get()->answer_timeout_ms, pool_done, s, &req))
            continue;
        s->req = req;
        struct adit_pool_query q = { .size = sizeof q, .attrs = s->attrs };
        PLUG_CALL(i, "lease", vt->lease(self, req, &q));
        return;
    }
    /* A fixed address outside every pool needs no lease, only to be free. */
    if (wanted && s->chain_cause == ADIT_CAUSE_NO_POOL) {
        struct adit_addr address = *wanted;
        if (ses_index_holder(&address) && !replace(s, &address)) {
            char text[ADDR_TEXT], sentence[128];
            snprintf(sentence, sizeof sentence, "The account's address %s is in use by another session.",
                     addr_text_host(&address, text));
            ses_drop(s, ADIT_CAUSE_ADDRESS_TAKEN, sentence);
            return;
        }
        take_address(s, &address);
        return;
    }
    if (named && s->chain_cause == ADIT_CAUSE_NO_POOL) {
        char sentence[160];
        snprintf(sentence, sizeof sentence, "No running pool is named '%.64s'.", named);
        ses_fault(s, "policies[].profile.pool", "pools");
        ses_drop(s, ADIT_CAUSE_NO_POOL, sentence);
        return;
    }
    ses_drop(s, s->chain_cause, NULL);
}

void ses_addr_enter(struct ses *s) { ask_pool(s, NULL); }

void ses_addr_leave(struct ses *s)
{
    if (s->req) {
        adit_request req = s->req;
        s->req = 0;
        plug_ask_cancel(req);
    }
    if (s->lease_from) {
        struct plug_inst *from = s->lease_from;
        const struct adit_pool *vt = plug_vtable(from);
        ses_addr_forget(s);
        vt->release(plug_self(from), s->lease);
    }
    ses_addr6_leave(s);
    plug_attr_api.free(s->leased);
    s->leased = NULL;
    ses_index_address(s, false);
    s->address.family = ADIT_AF_NONE;
}

void ses_addr_forget(struct ses *s)
{
    ses_index_lease(s, false);
    s->lease_from = NULL;
}

/* ---- news of leases (adit_lease_api) ---------------------------------------------- */

static void api_changed(struct adit_self *self, uint64_t lease, const struct adit_attrs *attrs)
{
    struct ses *s = ses_index_lessee(plug_of(self), lease);
    if (!s || s->finished)
        return;
    take_leased(s, attrs);
    servers_for(s);
}

static void api_lost(struct adit_self *self, uint64_t lease, uint32_t cause, const char *text)
{
    struct ses *s = ses_index_lessee(plug_of(self), lease);
    if (!s)
        return;
    ses_addr_forget(s);         /* there is nothing to release */
    ses_drop(s, cause ? cause : (uint32_t)ADIT_CAUSE_LEASE_LOST, text);
}

const struct adit_lease_api ses_lease_api = {
    .size = sizeof ses_lease_api, .changed = api_changed, .lost = api_lost,
};
