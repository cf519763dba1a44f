/* l2tp_table.c - the tunnels and calls of an instance: ids, addresses, limits, secrets.
 *
 * Knows:  how each is found and counted, who may open one more.
 * Leaves: what they do to the machines, datagrams to l2tp_io.
 */
#include "l2tp_inst.h"

#include <stdlib.h>

#define IDS_MAX 60000u          /* beyond that a free id is hard to find */

bool inst_same_security(const struct adit_security_info *a, const struct adit_security_info *b)
{
    return a == b || (a && b && a->handle && a->handle == b->handle);
}

static uint32_t hash_of(const struct inst *in, const struct adit_addr *addr)
{
    return adit_hash_of(addr->ip, adit_addr_len(addr->family), in->seed);
}

struct inst_host *inst_host_of(struct inst *in, const struct adit_addr *addr)
{
    ADIT_LIST_EACH(n, adit_hash_chain(&in->hosts, hash_of(in, addr))) {
        struct inst_host *h = ADIT_OF(n, struct inst_host, node);
        if (adit_same_host(&h->addr, addr))
            return h;
    }
    return NULL;
}

static struct inst_host *host_get(struct inst *in, const struct adit_addr *addr)
{
    struct inst_host *h = inst_host_of(in, addr);
    if (h || !(h = calloc(1, sizeof *h)))
        return h;
    h->addr = *addr;
    h->addr.port = 0;
    adit_list_init(&h->tunnels);
    adit_hash_add(&in->hosts, hash_of(in, addr), &h->node);
    return h;
}

static void host_put(struct inst *in, struct inst_host *h)
{
    if (h->count)
        return;
    adit_hash_del(&in->hosts, &h->node);
    free(h);
}

const char *inst_limit(struct inst *in, const struct adit_addr *from)
{
    const struct l2tp_conf *c = in->conf;
    const struct inst_host *h = inst_host_of(in, from);
    if (in->tunnels >= c->max_tunnels || in->tunnels >= IDS_MAX)
        return "max-tunnels";
    if (in->half_open >= c->max_half_open)
        return "max-half-open";
    if (h && h->count >= c->max_per_address)
        return "max-tunnels-per-address";
    if (h && h->half_open >= c->max_half_open_per_address)
        return "max-half-open-per-address";
    return NULL;
}

const char *inst_secret(const struct inst *in, const struct adit_addr *addr,
                        struct l2tp_bytes host_name)
{
    const struct adit_array *peers = &in->conf->peers;
    for (uint32_t i = 0; i < peers->count; i++) {
        const struct l2tp_peer *p =
            (const void *)((const char *)peers->items + (size_t)i * peers->stride);
        if (p->address.family && !adit_in_network(&p->address, addr))
            continue;
        if (p->host_name && (strlen(p->host_name) != host_name.len ||
                             memcmp(p->host_name, host_name.p, host_name.len) != 0))
            continue;
        return p->secret ? p->secret : "";
    }
    return in->conf->secret ? in->conf->secret : "";
}

/* Ids are random, so that nobody guesses a session, and never 0. */
static uint16_t id_tunnel(struct inst *in)
{
    uint16_t id = 0;
    while (!id || in->tunnel[id])
        in->env.crypto->random(&id, sizeof id);
    return id;
}

static uint16_t id_call(struct inst *in)
{
    uint16_t id = 0;
    while (!id || in->call[id])
        in->env.crypto->random(&id, sizeof id);
    return id;
}

static void fire_rel(void *u)
{
    struct inst_tunnel *t = u;
    l2tp_tunnel_tick(&t->t, L2TP_TIMER_REL);
}

static void fire_house(void *u)
{
    struct inst_tunnel *t = u;
    l2tp_tunnel_tick(&t->t, L2TP_TIMER_HOUSE);
}

static void fire_call(void *u)
{
    struct inst_call *c = u;
    l2tp_call_tick(&c->c);
}

static void timers_free(struct inst_tunnel *t)
{
    for (uint32_t i = 0; i < L2TP_TIMER_COUNT; i++) {
        t->inst->self->host->loop->timer_free(t->timer[i]);
        t->timer[i] = NULL;
    }
}

struct inst_tunnel *inst_tunnel_new(struct inst *in, struct inst_port *port,
                                    struct adit_path *path, const char *secret)
{
    const struct adit_host *h = in->self->host;
    struct inst_tunnel *t = in->tunnels < IDS_MAX ? calloc(1, sizeof *t) : NULL;
    struct inst_host *host = t ? host_get(in, &path->peer) : NULL;
    if (!host) {
        free(t);
        return NULL;
    }
    t->inst = in;
    t->timer[L2TP_TIMER_REL] = h->loop->timer_new(in->self, fire_rel, t);
    t->timer[L2TP_TIMER_HOUSE] = h->loop->timer_new(in->self, fire_house, t);
    if (!t->timer[0] || !t->timer[1]) {
        timers_free(t);
        host_put(in, host);
        free(t);
        return NULL;
    }
    l2tp_tunnel_init(&t->t, &in->env, id_tunnel(in), secret, strlen(secret));
    t->port = port;
    t->path = h->path->hold(path);
    t->host = host;
    host->count++;
    adit_list_add(&host->tunnels, &t->in_host);
    in->tunnel[t->t.our_id] = t;
    in->tunnels++;
    return t;
}

void inst_tunnel_half_open(struct inst_tunnel *t, bool yes)
{
    if (t->half_open == yes)
        return;
    t->half_open = yes;
    if (yes) {
        t->host->half_open++;
        t->inst->half_open++;
    } else {
        t->host->half_open--;
        t->inst->half_open--;
    }
}

static void leave_host(struct inst_tunnel *t)
{
    inst_tunnel_half_open(t, false);
    adit_list_del(&t->in_host);
    t->host->count--;
    host_put(t->inst, t->host);
    t->host = NULL;
}

void inst_tunnel_move(struct inst_tunnel *t, struct adit_path *path)
{
    const struct adit_path_api *api = t->inst->self->host->path;
    if (!adit_same_host(&t->path->peer, &path->peer)) {
        struct inst_host *host = host_get(t->inst, &path->peer);
        if (!host)
            return;
        host->count++;          /* first: it may be the old one's last */
        leave_host(t);
        t->host = host;
        adit_list_add(&host->tunnels, &t->in_host);
    }
    struct adit_path *old = t->path;
    t->path = api->hold(path);
    api->drop(old);
}

void inst_tunnel_gone(struct inst_tunnel *t)
{
    struct inst *in = t->inst;
    const struct adit_host *h = in->self->host;
    in->tunnel[t->t.our_id] = NULL;
    in->tunnels--;
    adit_list_del(&t->in_dialled);
    leave_host(t);
    timers_free(t);
    h->path->drop(t->path);
    t->path = NULL;
    adit_list_add(&in->dead_tunnels, &t->in_host);
    h->loop->timer_set(in->reaper, 0);
}

struct inst_call *inst_call_new(struct inst *in, struct inst_tunnel *t)
{
    struct inst_call *c = in->calls < IDS_MAX ? calloc(1, sizeof *c) : NULL;
    if (!c)
        return NULL;
    c->timer = in->self->host->loop->timer_new(in->self, fire_call, c);
    if (!c->timer) {
        free(c);
        return NULL;
    }
    c->inst = in;
    l2tp_call_init(&c->c, &t->t, id_call(in));
    in->call[c->c.our_id] = c;
    in->calls++;
    return c;
}

void inst_call_gone(struct inst_call *c)
{
    struct inst *in = c->inst;
    const struct adit_loop_api *loop = in->self->host->loop;
    in->call[c->c.our_id] = NULL;
    in->calls--;
    c->c.state = L2TP_C_CLOSED;
    if (c->seq)
        l2tp_seq_fini(c->seq);
    loop->timer_free(c->timer);
    loop->timer_free(c->seq_timer);
    c->timer = c->seq_timer = NULL;
    adit_list_add(&in->dead_calls, &c->dead);
    loop->timer_set(in->reaper, 0);
}

void inst_reap(void *u)
{
    struct inst *in = u;
    ADIT_LIST_EACH(n, &in->dead_calls) {
        struct inst_call *c = ADIT_OF(n, struct inst_call, dead);
        adit_list_del(n);
        free(c->seq);
        free(c);
    }
    ADIT_LIST_EACH(m, &in->dead_tunnels) {
        struct inst_tunnel *t = ADIT_OF(m, struct inst_tunnel, in_host);
        adit_list_del(m);
        l2tp_tunnel_fini(&t->t);
        if (t->owns_port) {
            in->self->host->path->unbind(t->port->port);
            free(t->port);
        }
        free(t);
    }
}
