/* rad_client.c - asks: which server, how often, how long.
 *
 * Knows:  the order of servers, retransmission (RFC 5080 section 2.2.1), fail-over.
 * Leaves: whether a server lives and which ids are free to rad_server, bytes on their
 *         way to rad_udp and rad_tls.
 *
 * An ask is at a server (it has an id there), parked (no server can be asked now, one
 * is being looked at) or ending (done() comes from its timer).
 */
#include "rad_group.h"

#include <stdlib.h>

static void dispatch(struct rad_ask *a);

/* ---- chance ------------------------------------------------------------------------ */

static uint64_t chance(struct rad_group *g)
{
    g->random ^= g->random << 13;
    g->random ^= g->random >> 7;
    g->random ^= g->random << 17;
    return g->random;
}

uint64_t rad_jitter(struct rad_group *g, uint64_t v)
{
    uint64_t tenth = v / 10;
    return tenth ? v - tenth + chance(g) % (2 * tenth + 1) : v;
}

/* ---- ends --------------------------------------------------------------------------- */

/* It is at no server any more. */
static void leave(struct rad_ask *a, enum rad_use use)
{
    struct rad_server *s = a->id ? a->id->lane->server : NULL;
    adit_list_del(&a->at);
    a->group->parked_count -= a->parked;
    a->parked = false;
    if (!s)
        return;
    if (s->trying == a) {
        s->trying = NULL;
        if (s->state == RAD_PROBING) {          /* its end told nothing; the next may try */
            s->state = RAD_DEAD;
            s->trial = true;
        }
        rad_group_unpark(a->group);
    }
    rad_id_give(a->id, a->sent ? use : RAD_ID_FREE);
    a->id = NULL;
    free(a->packet);
    a->packet = NULL;
}

static void finish(struct rad_ask *a, enum rad_end end, const struct rad_in *in,
                   const struct rad_how *how)
{
    rad_done done = a->done;
    void *u = a->u;
    leave(a, RAD_ID_GIVEN_UP);
    adit_list_del(&a->node);
    a->group->ask_count--;
    a->group->self->host->loop->timer_free(a->timer);
    free(a);
    done(u, end, in, how);
}

/* From where done() would come too early. */
static void end_soon(struct rad_ask *a, enum rad_end end)
{
    leave(a, RAD_ID_GIVEN_UP);
    a->ending = true;
    a->end = end;
    a->group->self->host->loop->timer_set(a->timer, 0);
}

void rad_ask_cancel(struct rad_ask *a)
{
    leave(a, RAD_ID_GIVEN_UP);
    adit_list_del(&a->node);
    a->group->ask_count--;
    a->group->self->host->loop->timer_free(a->timer);
    free(a);
}

/* ---- which server ---------------------------------------------------------------------- */

static bool was_tried(const struct rad_ask *a, const struct rad_server *s)
{
    return a->tried & 1u << s->index;
}

/* May be asked: it lives, or this request is to find that out. */
static bool may_try(const struct rad_server *s)
{
    return s->trial && s->addr_count && !s->trying && !s->probe;
}

/* Turns by weight, spread evenly; a server of weight 0 is for when there is no other. */
static struct rad_server *by_weight(struct rad_group *g, const struct rad_ask *a, bool doubt)
{
    struct rad_server *best = NULL, *spare = NULL;
    int64_t total = 0;
    for (uint32_t i = 0; i < g->server_count; i++) {
        struct rad_server *s = g->servers[i];
        if (was_tried(a, s) || !rad_server_lives(s) || s->doubt != doubt)
            continue;
        if (!s->conf.weight) {
            spare = spare ? spare : s;
            continue;
        }
        s->credit += s->conf.weight;
        total += s->conf.weight;
        if (!best || s->credit > best->credit)
            best = s;
    }
    if (best)
        best->credit -= total;
    return best ? best : spare;
}

static struct rad_server *by_order(struct rad_group *g, const struct rad_ask *a, bool doubt)
{
    for (uint32_t i = 0; i < g->server_count; i++) {
        struct rad_server *s = g->servers[i];
        if (!was_tried(a, s) && rad_server_lives(s) && s->doubt == doubt)
            return s;
    }
    return NULL;
}

/* A server that an ordinary request may find alive again: any, or, where the order
 * counts, one before those that live. */
static struct rad_server *to_try(struct rad_group *g, const struct rad_ask *a)
{
    for (uint32_t i = 0; i < g->server_count; i++) {
        struct rad_server *s = g->servers[i];
        if (was_tried(a, s))
            continue;
        if (may_try(s))
            return s;
        if (g->order == RAD_ORDER && rad_server_lives(s) && !s->doubt)
            return NULL;
    }
    return NULL;
}

static struct rad_server *choose(struct rad_ask *a)
{
    struct rad_group *g = a->group;
    struct rad_server *s;
    if (a->only)
        return was_tried(a, a->only) || !a->only->addr_count ? NULL : a->only;
    if ((s = to_try(g, a)))
        return s;
    for (int doubt = 0; doubt < 2 && !s; doubt++)
        s = g->order == RAD_WEIGHTS ? by_weight(g, a, doubt) : by_order(g, a, doubt);
    return s;
}

/* Others that could be asked. */
static uint32_t others(const struct rad_ask *a, const struct rad_server *than)
{
    const struct rad_group *g = a->group;
    uint32_t n = 0;
    for (uint32_t i = 0; i < g->server_count && !a->only; i++)
        n += g->servers[i] != than && !was_tried(a, g->servers[i]) && rad_server_lives(g->servers[i]);
    return n;
}

/* ---- at a server --------------------------------------------------------------------------- */

static void set_timer(struct rad_ask *a, uint64_t after_ms)
{
    uint64_t now = rad_now(a->group), until = a->id ? a->leave_ms : a->until_ms;
    uint64_t left = until > now ? until - now : 0;
    a->group->self->host->loop->timer_set(a->timer, after_ms < left ? after_ms : left);
}

static void transmit(struct rad_ask *a)
{
    struct rad_server *s = a->id->lane->server;
    rad_count(s, a->probing ? RAD_N_PROBES : a->tries ? RAD_N_AGAIN : RAD_N_REQUESTS);
    a->sent = true;
    s->transport->tx(a->id->lane, a->packet, a->packet_len);
}

void rad_ask_send(struct rad_ask *a)
{
    static struct rad_out out;
    struct rad_id *id = a->id;
    struct rad_server *s = id->lane->server;
    rad_begin(&out, &s->key, a->code);
    out.our = id->lane->our;
    if (a->write)
        a->write(a->u, &out);
    uint32_t len = rad_finish(&out, id->number);
    if (!len) {
        end_soon(a, RAD_TOO_LONG);
        return;
    }
    a->packet = malloc(len);
    if (!a->packet) {
        end_soon(a, RAD_NO_SERVER);
        return;
    }
    memcpy(a->packet, out.bytes, len);
    a->packet_len = len;
    memcpy(id->authenticator, out.bytes + 4, sizeof id->authenticator);
    transmit(a);
}

static bool send_to(struct rad_ask *a, struct rad_server *s)
{
    struct rad_group *g = a->group;
    bool trial = may_try(s) && !a->probing;
    struct rad_id *id = rad_id_take(s, a);
    if (!id)
        return false;
    if (trial) {
        s->trying = a;
        s->trial = false;
        if (s->state == RAD_DEAD)
            s->state = RAD_PROBING;
    }
    a->id = id;
    a->sent_ms = rad_now(g);
    a->sent = a->forged = false;
    uint32_t more = others(a, s);
    if (!a->probing)
        a->most = trial && more ? 1 : s->conf.tries;
    /* each of those that may yet be asked has its share of what time is left */
    a->leave_ms = more ? a->sent_ms + (a->until_ms - a->sent_ms) / (1 + more) : a->until_ms;
    a->tries = 0;
    if (a->tries_all && !a->moved && !a->probing)
        rad_count(s, RAD_N_FAILOVERS);
    adit_list_add(&s->asks, &a->at);
    a->wait_ms = rad_jitter(g, s->conf.timeout_ms);
    set_timer(a, a->wait_ms);
    if (id->lane->up)
        rad_ask_send(a);
    if (!a->ending) {
        a->tries++;
        a->tries_all++;
    }
    return true;
}

/* ---- on to a server, or the end ------------------------------------------------------------ */

/* A server that was not asked and may yet be: its name is being looked up, or it is
 * being found out whether it lives. */
static bool may_come(struct rad_ask *a)
{
    struct rad_group *g = a->group;
    bool some = false;
    for (uint32_t i = 0; i < g->server_count; i++) {
        struct rad_server *s = g->servers[i];
        if (!was_tried(a, s) && (!a->only || a->only == s))
            some = rad_server_hurry(s) || some;
    }
    return some;
}

static void park(struct rad_ask *a)
{
    a->parked = true;
    a->group->parked_count++;
    adit_list_add(&a->group->parked, &a->at);
    set_timer(a, UINT64_MAX);
}

static void dispatch(struct rad_ask *a)
{
    struct rad_server *s;
    uint32_t tried = a->tried;
    bool full = false, hurried = false;
    for (;;) {
        while ((s = choose(a))) {
            if (send_to(a, s))
                return;
            full = full || rad_server_lives(s);         /* no id: not its fault */
            a->tried |= 1u << s->index;
        }
        if (hurried || full || a->probing || !may_come(a))
            break;
        hurried = true;                                 /* it may be this very request that tries one */
    }
    if (full)
        a->tried = tried;
    if ((full && !a->probing) || hurried) {
        a->group->crowded |= full;
        park(a);
    } else {
        end_soon(a, a->tries_all ? RAD_SILENT : RAD_NO_SERVER);
    }
}

/* Those that wait have another look, in their order, until one finds no id. */
static void look(void *u)
{
    struct rad_group *g = u;
    g->crowded = false;
    for (uint32_t n = 0; n < RAD_PER_MS && g->look_left && g->parked_count && !g->crowded; n++) {
        struct rad_ask *a = ADIT_OF(g->parked.next, struct rad_ask, at);
        g->look_left--;
        leave(a, RAD_ID_FREE);
        dispatch(a);
    }
    if (g->look_left && g->parked_count && !g->crowded)
        g->self->host->loop->timer_set(g->look, 1);
}

void rad_group_unpark(struct rad_group *g)
{
    g->look_left = g->parked_count;
    if (g->parked_count)
        g->self->host->loop->timer_set(g->look, 0);
}

void rad_ask_leave(struct rad_ask *a, uint64_t after_ms)
{
    a->leave_ms = rad_now(a->group) + after_ms;
    set_timer(a, after_ms);
}

bool rad_ask_has_other(const struct rad_ask *a)
{
    return others(a, a->id->lane->server) > 0;
}

void rad_ask_move(struct rad_ask *a, bool same_again)
{
    struct rad_server *s = a->id->lane->server;
    bool again = same_again && !a->moved;
    leave(a, RAD_ID_GIVEN_UP);
    a->moved = again;
    if (!again)
        a->tried |= 1u << s->index;
    dispatch(a);
}

/* ---- time -------------------------------------------------------------------------------------- */

/* Every try with this server went unanswered, or there is no time for more. */
static void give_up(struct rad_ask *a)
{
    struct rad_server *s = a->id->lane->server;
    bool waited = rad_now(a->group) - a->sent_ms >= s->conf.timeout_ms * 9 / 10;
    a->tried |= 1u << s->index;
    leave(a, RAD_ID_GIVEN_UP);                  /* first: others that wait there may move on now */
    if (waited && !a->probing) {
        rad_count(s, RAD_N_SILENT);
        rad_server_silent(s, a);
    }
    a->moved = 0;
}

static void again(struct rad_ask *a)
{
    struct rad_group *g = a->group;
    struct rad_lane *l = a->id->lane;
    bool silent = !l->server->heard || l->server->heard_ms < a->sent_ms;
    if (silent && (!a->probing || l->server->state == RAD_UNKNOWN))     /* who lives may not know Status-Server */
        l->server->doubt = true;
    uint64_t tenth = a->wait_ms / 10;
    uint64_t wait = a->wait_ms * 2 - tenth + (tenth ? chance(g) % (2 * tenth + 1) : 0);
    a->wait_ms = wait > RAD_MRT_MS ? rad_jitter(g, RAD_MRT_MS) : wait;
    set_timer(a, a->wait_ms);
    if (l->up && !a->sent) {
        rad_ask_send(a);
        if (a->ending)
            return;
    } else if (l->up && !l->server->transport->reliable) {
        transmit(a);
    }
    a->tries++;
    a->tries_all++;
}

static void on_timer(void *u)
{
    struct rad_ask *a = u;
    uint64_t now = rad_now(a->group);
    bool late = now >= a->until_ms;
    if (a->ending) {
        finish(a, a->end, NULL, NULL);
    } else if (!a->id) {
        finish(a, a->tries_all ? RAD_SILENT : RAD_NO_SERVER, NULL, NULL);
    } else if (now < a->leave_ms && a->tries < a->most) {
        again(a);
    } else {
        give_up(a);
        if (late || a->probing)
            finish(a, RAD_SILENT, NULL, NULL);
        else
            dispatch(a);
    }
}

void rad_ask_answered(struct rad_ask *a, const struct rad_in *in)
{
    struct rad_server *s = a->id->lane->server;
    uint64_t now = rad_now(a->group), took = now - a->sent_ms;
    uint8_t authenticator[16];
    memcpy(authenticator, a->id->authenticator, sizeof authenticator);
    struct rad_how how = { &s->key, authenticator, s->name, a->tries_all, now - a->begun_ms };
    if (a->tries == 1 && !a->moved)     /* which one was answered is known then */
        s->rtt_ms8 = s->rtt_ms8 ? s->rtt_ms8 - s->rtt_ms8 / 8 + took : took * 8;
    if (!a->probing)
        rad_count(s, RAD_N_ANSWERS);
    leave(a, RAD_ID_ANSWERED);
    finish(a, RAD_ANSWERED, in, &how);
}

/* ---- asks ---------------------------------------------------------------------------------------- */

static struct rad_ask *ask_new(struct rad_group *g, uint32_t code, uint64_t limit_ms, rad_write write,
                               rad_done done, void *u)
{
    struct rad_ask *a = g->running && g->ask_count < RAD_MOST_ASKS ? calloc(1, sizeof *a) : NULL;
    if (!a)
        return NULL;
    a->timer = g->self->host->loop->timer_new(g->self, on_timer, a);
    if (!a->timer) {
        free(a);
        return NULL;
    }
    a->group = g;
    a->code = code;
    a->begun_ms = rad_now(g);
    a->until_ms = limit_ms > UINT64_MAX - a->begun_ms ? UINT64_MAX : a->begun_ms + limit_ms;
    a->write = write;
    a->done = done;
    a->u = u;
    adit_list_add(&g->asks, &a->node);
    g->ask_count++;
    return a;
}

static struct rad_server *server_of(const struct rad_group *g, const char *name)
{
    for (uint32_t i = 0; i < g->server_count; i++)
        if (!strcmp(g->servers[i]->name, name))
            return g->servers[i];
    return NULL;
}

bool rad_group_has(const struct rad_group *g, const char *server)
{
    return server_of(g, server) != NULL;
}

struct rad_ask *rad_ask(struct rad_group *g, uint32_t code, uint64_t limit_ms, const char *only,
                        rad_write write, rad_done done, void *u)
{
    struct rad_ask *a = ask_new(g, code, limit_ms, write, done, u);
    if (!a)
        return NULL;
    if (only && !(a->only = server_of(g, only)))
        end_soon(a, RAD_NO_SERVER);
    else
        dispatch(a);
    return a;
}

struct rad_ask *rad_ask_status(struct rad_server *s, uint32_t tries, rad_done done)
{
    struct rad_ask *a = ask_new(s->group, RAD_STATUS_SERVER, UINT64_MAX, NULL, done, s);
    if (!a)
        return NULL;
    a->only = s;
    a->probing = true;
    a->most = tries;
    dispatch(a);
    return a;
}

/* ---- groups ---------------------------------------------------------------------------------------- */

static const struct rad_server_conf *row(const struct rad_servers_conf *conf, uint32_t i)
{
    return (const void *)((const char *)conf->servers.items + (size_t)i * conf->servers.stride);
}

static bool is_asked(const struct rad_group *g, const struct rad_server_conf *c)
{
    return (g->what == RAD_AUTH ? c->auth_port : c->acct_port) != 0;
}

/* The servers that `conf` names, into `out`: those of `g` whose rows are the same,
 * and new ones. 0, or ADIT_E* after adit_fail(), with nothing made. */
static int32_t servers_make(struct rad_group *g, const struct rad_servers_conf *conf,
                            struct rad_server *out[RAD_MOST_SERVERS], uint32_t *count)
{
    int32_t code = 0;
    uint32_t n = 0;
    for (uint32_t i = 0; i < conf->servers.count && !code; i++) {
        const struct rad_server_conf *c = row(conf, i);
        struct rad_server *s = NULL;
        if (!is_asked(g, c))
            continue;
        if (n == RAD_MOST_SERVERS) {
            code = adit_fail(g->self, ADIT_ECONF, "servers: at most %u", RAD_MOST_SERVERS);
            break;
        }
        for (uint32_t k = 0; k < g->server_count && !s; k++)
            if (rad_server_same(g->servers[k], c))
                s = g->servers[k];
        if (!s)
            code = rad_server_new(g, c, &s);
        for (uint32_t k = 0; k < n && !code; k++)
            if (!strcmp(out[k]->name, s->name))
                code = adit_fail(g->self, ADIT_ECONF, "servers: two are called %s; give one of them "
                                 "another name", s->name);
        if (s)
            out[n++] = s;
    }
    if (!code && !n)
        code = adit_fail(g->self, ADIT_ECONF, "servers: none is asked for %s; name one with a secret",
                         g->what == RAD_AUTH ? "authentication" : "accounting");
    *count = n;
    return code;
}

static bool among(struct rad_server *const *v, uint32_t n, const struct rad_server *s)
{
    for (uint32_t i = 0; i < n; i++)
        if (v[i] == s)
            return true;
    return false;
}

/* Frees those of `v` that are not in `but`. */
static void servers_drop(struct rad_server **v, uint32_t n, struct rad_server *const *but, uint32_t but_n)
{
    for (uint32_t i = 0; i < n; i++)
        if (!among(but, but_n, v[i]))
            rad_server_free(v[i]);
}

static void take_over(struct rad_group *g, const struct rad_servers_conf *conf,
                      struct rad_server *const *v, uint32_t n)
{
    memcpy(g->servers, v, n * sizeof *v);
    g->server_count = n;
    for (uint32_t i = 0; i < n; i++)
        v[i]->index = i;
    g->order = conf->order;
    g->probe = conf->probe;
    g->dead_ms = conf->dead_ms;
}

struct rad_group *rad_group_new(struct adit_self *self, const struct rad_servers_conf *conf, uint32_t what)
{
    struct rad_server *v[RAD_MOST_SERVERS];
    uint32_t n = 0;
    struct rad_group *g = calloc(1, sizeof *g);
    if (!g || !(g->look = self->host->loop->timer_new(self, look, g)) ||
        !(g->drain = self->host->loop->timer_new(self, rad_group_drain, g))) {
        if (g)
            self->host->loop->timer_free(g->look);
        free(g);
        (void)adit_fail(self, ADIT_ENOMEM, "out of memory");
        return NULL;
    }
    g->self = self;
    g->what = what;
    adit_list_init(&g->asks);
    adit_list_init(&g->parked);
    adit_list_init(&g->late);
    self->host->crypto->random(&g->random, sizeof g->random);
    g->random |= 1;
    if (servers_make(g, conf, v, &n)) {
        servers_drop(v, n, NULL, 0);
        rad_group_free(g);
        return NULL;
    }
    take_over(g, conf, v, n);
    return g;
}

int32_t rad_group_start(struct rad_group *g)
{
    int32_t code = 0;
    g->running = true;
    for (uint32_t i = 0; i < g->server_count && !code; i++)
        code = rad_server_start(g->servers[i]);
    return code;
}

/* Asks know servers by number and by pointer: both are about to change. */
static void asks_renumber(struct rad_group *g, struct rad_server *const *v, uint32_t n)
{
    ADIT_LIST_EACH(x, &g->asks) {
        struct rad_ask *a = ADIT_OF(x, struct rad_ask, node);
        uint32_t tried = 0;
        for (uint32_t i = 0; i < n; i++)
            if (among(g->servers, g->server_count, v[i]) && was_tried(a, v[i]))
                tried |= 1u << i;
        a->tried = tried;
    }
}

int32_t rad_group_reload(struct rad_group *g, const struct rad_servers_conf *conf)
{
    struct rad_server *v[RAD_MOST_SERVERS], *old[RAD_MOST_SERVERS];
    uint32_t n = 0, old_n = g->server_count;
    int32_t code = servers_make(g, conf, v, &n);
    for (uint32_t i = 0; i < n && !code && g->running; i++)
        if (!among(g->servers, g->server_count, v[i]))
            code = rad_server_start(v[i]);
    if (code) {
        servers_drop(v, n, g->servers, g->server_count);
        return code;
    }
    memcpy(old, g->servers, sizeof old);
    asks_renumber(g, v, n);
    take_over(g, conf, v, n);
    for (uint32_t i = 0; i < old_n; i++) {
        struct rad_server *s = old[i];
        if (among(v, n, s))
            continue;
        /* its number is another's now, or nobody's */
        ADIT_LIST_EACH(x, &g->asks) {
            struct rad_ask *a = ADIT_OF(x, struct rad_ask, node);
            bool there = a->id && a->id->lane->server == s;
            if (a->probing || (!there && a->only != s))
                continue;       /* its probe goes with it */
            leave(a, RAD_ID_GIVEN_UP);
            if (a->only == s) {
                a->only = NULL;
                end_soon(a, RAD_NO_SERVER);
            } else {
                dispatch(a);
            }
        }
        rad_server_free(s);
    }
    rad_group_unpark(g);
    return 0;
}

void rad_group_stop(struct rad_group *g)
{
    g->running = false;
    while (!adit_list_empty(&g->asks))
        finish(ADIT_OF(g->asks.next, struct rad_ask, node), RAD_GONE, NULL, NULL);
    for (uint32_t i = 0; i < g->server_count; i++)
        rad_server_stop(g->servers[i]);
    g->self->host->loop->timer_stop(g->look);
    g->self->host->loop->timer_stop(g->drain);
    g->taken = 0;
}

void rad_group_free(struct rad_group *g)
{
    if (!g)
        return;
    rad_group_stop(g);
    for (uint32_t i = 0; i < g->server_count; i++)
        rad_server_free(g->servers[i]);
    g->self->host->loop->timer_free(g->look);
    g->self->host->loop->timer_free(g->drain);
    free(g);
}

void rad_group_report(struct rad_group *g, struct adit_report *r)
{
    for (uint32_t i = 0; i < g->server_count; i++)
        rad_server_report(g->servers[i], r);
}
