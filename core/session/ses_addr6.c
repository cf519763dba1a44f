/* ses_addr6.c - an IPv6 network for the client, beside its address.
 *
 * Knows:  the chain of pools that have networks, whose network it is when an account
 *         has one of its own, that a session goes without.
 * Leaves: leasing to the pools, telling the client to ses_net6.
 */
#include "session/ses_int.h"

#include <strings.h>
#include "log/log.h"

ADIT_EVENT(ev_none, "session.no-ipv6-network", ADIT_LOG_WARN,
           "A session has no IPv6 network: the pools with networks have none left, or the one that is named does not run.",
           "session user pool");

static void ask(struct ses *s, struct plug_inst *after);

static void without(struct ses *s)
{
    const char *named = ses_str(s, ADIT_ATTR_IPV6_POOL);
    if (log_allow(&ev_none, 6))
        LOG_EVENT("session", &ev_none, ADIT_KV_S("session", s->id), ADIT_KV_S("user", s->user),
                  ADIT_KV_S("pool", named ? named : ""));
    ses_addr_known(s);
}

static void done(void *u, int32_t status, const void *answer)
{
    struct ses *s = u;
    const struct adit_pool_answer *a = answer;
    if (!s->req)
        return;
    s->req = 0;
    if (status == ADIT_EEXIST && ses_address(s, ADIT_ATTR_IPV6_PREFIX, 0)) {
        plug_attr_api.del(s->attrs, ADIT_ATTR_IPV6_PREFIX);     /* somebody else has it: IPv4 will do */
        without(s);
        return;
    }
    if (status || !a || a->address.family != ADIT_AF_IPV6) {
        ask(s, s->asking);
        return;
    }
    s->lease6_from = s->asking;
    s->lease6 = a->lease;
    ses_put_addr(s, ADIT_ATTR_IPV6_PREFIX, &a->address);
    ses_addr_known(s);
}

static void ask(struct ses *s, struct plug_inst *after)
{
    const char *named = ses_str(s, ADIT_ATTR_IPV6_POOL);
    bool own = ses_address(s, ADIT_ATTR_IPV6_PREFIX, 0) != NULL, some = named || after;
    for (struct plug_inst *i = after; (i = plug_running_next(ADIT_KIND_POOL, i));) {
        const struct adit_pool *vt = plug_vtable(i);
        adit_request req;
        if (!vt->lease6 || (named && !own && strcmp(named, plug_self(i)->name) != 0))
            continue;
        some = true;
        s->asking = i;
        if (plug_ask(i, ses_conf_get()->answer_timeout_ms, done, s, &req))
            continue;
        s->req = req;
        struct adit_pool_query q = { .size = sizeof q, .attrs = s->attrs };
        PLUG_CALL(i, "lease6", vt->lease6(plug_self(i), req, &q));
        return;
    }
    if (some && !own)
        without(s);
    else
        ses_addr_known(s);      /* its own one is of no pool: it needs no lease */
}

struct rival {
    const struct ses *comes;
    struct ses *has;
};

static void look(struct ses *s, void *u)
{
    struct rival *r = u;
    const struct adit_addr *a = ses_address(r->comes, ADIT_ATTR_IPV6_PREFIX, 0), *b = ses_address(s, ADIT_ATTR_IPV6_PREFIX, 0);
    if (s != r->comes && !strcasecmp(s->domain, r->comes->domain) && b && a->prefix == b->prefix && adit_same_host(a, b))
        r->has = s;
}

void ses_addr6_enter(struct ses *s)
{
    if (!ses_conf_get()->ipv6 || ses_address(s, ADIT_ATTR_IPV6_ADDRESS, 0)) {
        ses_addr_known(s);      /* none is wanted */
        return;
    }
    if (ses_address(s, ADIT_ATTR_IPV6_PREFIX, 0)) {     /* M9, as with addresses */
        struct rival r = { .comes = s };
        ses_index_account(s->account, look, &r);
        if (r.has)
            ses_end(r.has, ADIT_CAUSE_LOST_CARRIER, "The same user connected again and took its IPv6 network.");
    }
    ask(s, NULL);
}

void ses_addr6_leave(struct ses *s)
{
    struct plug_inst *from = s->lease6_from;
    if (!from)
        return;
    const struct adit_pool *vt = plug_vtable(from);
    s->lease6_from = NULL;
    plug_attr_api.del(s->attrs, ADIT_ATTR_IPV6_PREFIX);
    vt->release(plug_self(from), s->lease6);
}
