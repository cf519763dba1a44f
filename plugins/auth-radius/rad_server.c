/* rad_server.c - one server: where it is, whether it lives, and the ids to ask it with.
 *
 * Knows:  its name looked up, its states, probing (Status-Server, RFC 5997, or an
 *         ordinary request), lanes and ids, which answers are its own.
 * Leaves: who is asked to rad_client, bytes on their way to rad_udp and rad_tls.
 *
 * A server is dead when a request went unanswered for all its tries and nothing else
 * came from it meanwhile. Then it is asked nothing but whether it lives: by
 * Status-Server, if it understands that (which is found out while it lives), else by
 * one ordinary request each time, which goes on to another server after one wait.
 */
#include "rad_group.h"

#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <unistd.h>
#include <netinet/in.h>

#define IDLE_MS    60000u       /* a lane that is one too many is closed after that */
#define WATCH_MS   20000u       /* a connection that is silent for so long is asked (RFC 3539 section 3.4.1) */
#define BACKOFF_MS 1000u        /* the first wait before a broken connection is tried again */
#define SECRET_MAX 256u
#define LATE_MOST  (8u << 20)   /* bytes of answers that wait for their turn */
#define TLS_PORT   2083u

#define SILENT_WHY "does not answer: is it running, is this host a client of it, and is the secret " \
                   "the same? Servers say nothing to a client with another one"
#define SECRET_WHY "its answers are signed with another secret: set the same one here and there"

#define EV(var, name_, level_, sentence_, keys_)                                               \
    const struct adit_event var = { sizeof(struct adit_event), (level_), (name_), (sentence_), (keys_) }

EV(rad_ev_up, "radius.server.up", ADIT_LOG_NOTICE, "A RADIUS server answers.", "server address");
EV(rad_ev_dead, "radius.server.dead", ADIT_LOG_WARN,
   "A RADIUS server does not answer; others are asked until it does.", "server address why");
EV(rad_ev_secret, "radius.server.secret", ADIT_LOG_ERROR,
   "Answers from a server's very address are not signed with our shared secret.", "server address remedy");
EV(rad_ev_unsigned, "radius.server.unsigned", ADIT_LOG_ERROR,
   "A server answers without Message-Authenticator; the answers are dropped.", "server address remedy");
EV(rad_ev_stray, "radius.stray", ADIT_LOG_NOTICE,
   "A datagram came that answers nothing: from elsewhere, or to no request.", "server peer why");
EV(rad_ev_lookup, "radius.server.lookup", ADIT_LOG_WARN, "A server's name cannot be looked up.",
   "server host error");

static const struct adit_loop_api *loop_of(const struct rad_server *s)
{
    return s->group->self->host->loop;
}

/* ---- secrets ----------------------------------------------------------------------- */

static uint8_t *file_secret(struct adit_self *self, const char *what, const char *file, size_t *len)
{
    struct stat st;
    uint8_t *p = NULL;
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);     /* also a FIFO that nobody writes to */
    if (fd < 0 || fstat(fd, &st)) {
        (void)adit_fail(self, ADIT_ECONF, "%s: secret-file: %s: %s", what, file, strerror(errno));
    } else if (!S_ISREG(st.st_mode) || st.st_size > (off_t)(SECRET_MAX + 2)) {
        (void)adit_fail(self, ADIT_ECONF, "%s: secret-file: %s is not a file with a secret of at most %u "
                        "bytes", what, file, SECRET_MAX);
    } else if (st.st_mode & (S_IRWXG | S_IRWXO)) {
        (void)adit_fail(self, ADIT_ECONF, "%s: secret-file: others than its owner may read %s; chmod 600 it",
                        what, file);
    } else if ((p = malloc((size_t)st.st_size + 1))) {
        ssize_t n = read(fd, p, (size_t)st.st_size);
        *len = n > 0 ? (size_t)n : 0;
        if (*len && p[*len - 1] == '\n')
            --*len;
        if (*len && p[*len - 1] == '\r')
            --*len;
    }
    if (fd >= 0)
        close(fd);
    return p;
}

uint8_t *rad_secret(struct adit_self *self, const char *what, const char *secret, const char *file,
                    uint32_t *len)
{
    size_t n = secret ? strlen(secret) : 0;
    uint8_t *p = NULL;
    if (!secret == !file) {
        (void)adit_fail(self, ADIT_ECONF, secret ? "%s: secret and secret-file are both set: one of them"
                                                 : "%s: there is no secret; set secret-file or secret", what);
        return NULL;
    }
    if (file) {
        p = file_secret(self, what, file, &n);
    } else if ((p = malloc(n + 1))) {
        memcpy(p, secret, n);
    }
    if (p && (!n || n > SECRET_MAX || memchr(p, '\n', n) || memchr(p, 0, n))) {
        (void)adit_fail(self, ADIT_ECONF, !n ? "%s: the secret is empty" :
                        n > SECRET_MAX ? "%s: the secret is too long" :
                        "%s: the secret has more than one line", what);
        bytes_wipe(p, n);
        free(p);
        p = NULL;
    }
    *len = (uint32_t)n;
    return p;
}

/* ---- the configuration ----------------------------------------------------------------- */

static const size_t conf_strings[] = {
    offsetof(struct rad_server_conf, name), offsetof(struct rad_server_conf, host),
    offsetof(struct rad_server_conf, secret), offsetof(struct rad_server_conf, secret_file),
    offsetof(struct rad_server_conf, tls_name), offsetof(struct rad_server_conf, tls_ca),
    offsetof(struct rad_server_conf, tls_certificate), offsetof(struct rad_server_conf, tls_key),
};
#define STRINGS (sizeof conf_strings / sizeof conf_strings[0])

static const char **string_of(const struct rad_server_conf *c, size_t i)
{
    return (const char **)(void *)((char *)(uintptr_t)c + conf_strings[i]);
}

static bool conf_copy(struct rad_server_conf *to, const struct rad_server_conf *from)
{
    bool ok = true;
    *to = *from;
    for (size_t i = 0; i < STRINGS; i++) {
        const char *v = *string_of(from, i);
        *string_of(to, i) = v ? strdup(v) : NULL;
        ok = ok && (!v || *string_of(to, i));
    }
    return ok;
}

static void conf_free(struct rad_server_conf *c)
{
    for (size_t i = 0; i < STRINGS; i++) {
        char *v = (char *)(uintptr_t)*string_of(c, i);
        if (v)
            bytes_wipe(v, strlen(v));
        free(v);
    }
}

bool rad_server_same(const struct rad_server *s, const struct rad_server_conf *c)
{
    const struct rad_server_conf *mine = &s->conf;
    for (size_t i = 0; i < STRINGS; i++) {
        const char *a = *string_of(mine, i), *b = *string_of(c, i);
        if (!a != !b || (a && strcmp(a, b)))
            return false;
    }
    if (c->secret_file || c->tls_ca || c->tls_certificate || c->tls_key)
        return false;           /* what is in them may be new */
    return mine->auth_port == c->auth_port && mine->acct_port == c->acct_port &&
           mine->weight == c->weight && mine->transport == c->transport &&
           mine->message_authenticator == c->message_authenticator &&
           mine->timeout_ms == c->timeout_ms && mine->tries == c->tries &&
           adit_same_host(&mine->source, &c->source);
}

static uint16_t port_of(const struct rad_server_conf *c, uint32_t what)
{
    uint32_t port = what == RAD_AUTH ? c->auth_port : c->acct_port;
    if (c->transport == RAD_TLS && (port == 1812 || port == 1813))      /* what stands there by default */
        port = TLS_PORT;
    return (uint16_t)port;
}

/* ---- addresses ------------------------------------------------------------------------------ */

/* A name on its way to addresses; it outlives the server that asked. */
struct rad_lookup {
    struct rad_server *server;  /* NULL: gone */
    struct adit_work *work;
    char host[256];
    uint8_t family;             /* of our source address; NONE: any */
    uint16_t port;
    int error;
    struct adit_addr addrs[RAD_MOST_ADDRS];
    uint32_t count;
};

static bool addr_of(const struct addrinfo *ai, uint16_t port, struct adit_addr *out)
{
    *out = (struct adit_addr){ .port = port };
    if (ai->ai_family == AF_INET) {
        struct sockaddr_in sa;
        memcpy(&sa, ai->ai_addr, sizeof sa);
        out->family = ADIT_AF_IPV4;
        out->prefix = 32;
        memcpy(out->ip, &sa.sin_addr, 4);
    } else if (ai->ai_family == AF_INET6) {
        struct sockaddr_in6 sa;
        memcpy(&sa, ai->ai_addr, sizeof sa);
        out->family = ADIT_AF_IPV6;
        out->prefix = 128;
        out->zone = sa.sin6_scope_id;
        memcpy(out->ip, &sa.sin6_addr, 16);
    }
    return out->family != ADIT_AF_NONE;
}

/* ANY THREAD */
static void resolve(struct rad_lookup *l, int flags)
{
    struct addrinfo hints = { .ai_family = l->family == ADIT_AF_IPV4 ? AF_INET :
                                           l->family == ADIT_AF_IPV6 ? AF_INET6 : AF_UNSPEC,
                              .ai_socktype = SOCK_DGRAM, .ai_flags = flags };
    struct addrinfo *list = NULL;
    l->count = 0;
    l->error = getaddrinfo(l->host, NULL, &hints, &list);
    if (l->error)
        return;
    for (struct addrinfo *ai = list; ai && l->count < RAD_MOST_ADDRS; ai = ai->ai_next)
        if (addr_of(ai, l->port, &l->addrs[l->count]))
            l->count++;
    freeaddrinfo(list);
}

static void lookup_run(void *u)
{
    resolve(u, 0);
}

static void probe(struct rad_server *s);

static void lookup_done(void *u, int32_t status)
{
    struct rad_lookup *l = u;
    struct rad_server *s = l->server;
    if (s) {
        s->lookup = NULL;
        if (!status && l->count) {
            bool same = s->addr_count == l->count &&
                        !memcmp(s->addrs, l->addrs, l->count * sizeof l->addrs[0]);
            if (!same) {
                memcpy(s->addrs, l->addrs, l->count * sizeof l->addrs[0]);
                s->addr_count = l->count;
                s->addr_at = 0;
                s->status = RAD_STATUS_UNKNOWN;
            }
        } else {
            const char *error = status ? "cancelled" : gai_strerror(l->error);
            adit_event(s->group->self, &rad_ev_lookup, ADIT_KV_S("server", s->name),
                       ADIT_KV_S("host", l->host), ADIT_KV_S("error", error));
        }
        if (s->addr_count) {
            probe(s);
        } else {
            char why[sizeof s->why];
            snprintf(why, sizeof why, "its name %.80s cannot be looked up (%s): set host to its address, or "
                     "mend the name service", l->host, status ? "cancelled" : gai_strerror(l->error));
            rad_server_dead(s, why);
        }
        rad_group_unpark(s->group);
    }
    free(l);
}

static bool lookup_begin(struct rad_server *s)
{
    struct rad_lookup *l = calloc(1, sizeof *l);
    if (!l)
        return false;
    snprintf(l->host, sizeof l->host, "%s", s->conf.host);
    l->family = s->conf.source.family;
    l->port = s->port;
    l->server = s;
    s->lookup = l;
    if (loop_of(s)->work(s->group->self, lookup_run, lookup_done, l, &l->work)) {
        s->lookup = NULL;
        free(l);
        return false;
    }
    return true;
}

/* ---- lanes and ids -------------------------------------------------------------------------------- */

/* An answer that waits for its turn. */
struct late {
    struct adit_node node;
    struct rad_lane *lane;
    uint32_t len;
    uint8_t bytes[];
};

static void late_free(struct rad_group *g, struct late *x)
{
    adit_list_del(&x->node);
    g->late_bytes -= x->len;
    free(x);
}

static void lane_forget(struct rad_lane *l)
{
    struct rad_group *g = l->server->group;
    ADIT_LIST_EACH(n, &g->late)
        if (ADIT_OF(n, struct late, node)->lane == l)
            late_free(g, ADIT_OF(n, struct late, node));
    for (uint32_t i = 0; i < 256; i++)
        adit_list_del(&l->id[i].node);
    adit_list_del(&l->ready);
    adit_list_del(&l->node);
    l->server->lane_count--;
    free(l);
}

static void lane_close(struct rad_lane *l)
{
    l->server->transport->close(l);
    lane_forget(l);
}

static struct rad_lane *lane_open(struct rad_server *s)
{
    struct rad_lane *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->server = s;
    l->used_ms = rad_now(s->group);
    l->peer = *rad_server_addr(s);
    adit_list_init(&l->spare);
    for (uint32_t i = 0; i < 256; i++) {
        l->id[i].lane = l;
        l->id[i].number = (uint8_t)i;
        adit_list_add(&l->spare, &l->id[i].node);
    }
    adit_list_add(&s->lanes, &l->node);
    adit_list_add(&s->ready, &l->ready);
    s->lane_count++;
    const char *why = s->transport->open(l);
    if (why) {
        lane_forget(l);
        rad_server_dead(s, why);
        return NULL;
    }
    return l;
}

/* It takes no more requests, not even with ids that were given up. */
static void lane_retire(struct rad_lane *l)
{
    l->old = true;
    adit_list_del(&l->ready);
    for (uint32_t i = 0; i < 256; i++)
        if (l->id[i].use == RAD_ID_GIVEN_UP)
            adit_list_del(&l->id[i].node);
}

/* The server may be elsewhere now, or the way to it another: what is open stays only as
 * long as it is needed. */
static void lanes_renew(struct rad_server *s)
{
    ADIT_LIST_EACH(n, &s->lanes) {
        struct rad_lane *l = ADIT_OF(n, struct rad_lane, node);
        if (l->busy)
            lane_retire(l);
        else
            lane_close(l);
    }
}

/* Of several lanes, those that nobody needed for a while are closed. */
static void on_idle(void *u)
{
    struct rad_server *s = u;
    uint64_t now = rad_now(s->group);
    uint32_t left = 0;
    s->idle_set = false;
    ADIT_LIST_EACH(n, &s->lanes) {
        struct rad_lane *l = ADIT_OF(n, struct rad_lane, node);
        bool over = !l->busy && now - l->used_ms >= (l->old ? RAD_HOLD_MS : IDLE_MS);
        if (over && (l->old || s->lane_count > 1))
            lane_close(l);
        else
            left += 1 + l->old;
    }
    if (left > 1) {
        s->idle_set = true;
        loop_of(s)->timer_set(s->idle, IDLE_MS / 2);
    }
}

static struct rad_id *id_use(struct rad_id *id, struct rad_ask *a)
{
    struct rad_lane *l = id->lane;
    struct rad_server *s = l->server;
    adit_list_del(&id->node);
    id->use = RAD_ID_BUSY;
    id->ask = a;
    id->code = (uint8_t)a->code;
    l->busy++;
    s->busy++;
    if (adit_list_empty(&l->spare))
        adit_list_del(&l->ready);
    if (s->lane_count > 1 && !s->idle_set) {
        s->idle_set = true;
        loop_of(s)->timer_set(s->idle, IDLE_MS);
    }
    return id;
}

/* An id that has been given up is not used again at once, so that a late answer still
 * meets its request; unless there is no other. */
struct rad_id *rad_id_take(struct rad_server *s, struct rad_ask *a)
{
    struct rad_id *held = adit_list_empty(&s->held) ? NULL : ADIT_OF(s->held.next, struct rad_id, node);
    if (held && held->held_until <= rad_now(s->group))
        return id_use(held, a);
    if (adit_list_empty(&s->ready) && s->lane_count < s->transport->lanes && !lane_open(s))
        return NULL;
    if (!adit_list_empty(&s->ready))
        return id_use(ADIT_OF(ADIT_OF(s->ready.next, struct rad_lane, ready)->spare.next, struct rad_id,
                              node), a);
    return held ? id_use(held, a) : NULL;
}

void rad_id_give(struct rad_id *id, enum rad_use use)
{
    struct rad_lane *l = id->lane;
    struct rad_server *s = l->server;
    uint64_t now = rad_now(s->group);
    id->use = (uint8_t)use;
    id->ask = NULL;
    l->busy--;
    s->busy--;
    l->used_ms = now;
    if (l->old) {
        if (!s->idle_set) {
            s->idle_set = true;
            loop_of(s)->timer_set(s->idle, RAD_HOLD_MS);
        }
    } else if (use == RAD_ID_GIVEN_UP) {
        id->held_until = now + RAD_HOLD_MS;
        adit_list_add(&s->held, &id->node);
    } else {
        adit_list_add(&l->spare, &id->node);
        if (!l->ready.next)     /* at the front: those behind may become idle */
            adit_list_add(s->ready.next, &l->ready);
    }
    if (s->group->crowded)
        rad_group_unpark(s->group);
}

/* ---- probing ------------------------------------------------------------------------------------------ */

static void probe_failed(struct rad_server *s, bool something_else_came)
{
    bool lane_up = false;
    ADIT_LIST_EACH(n, &s->lanes)
        lane_up = lane_up || ADIT_OF(n, struct rad_lane, node)->up;
    if (s->state == RAD_DEAD)
        ;                       /* its connection told already */
    else if (s->state == RAD_UP && (something_else_came || s->status != RAD_STATUS_YES)) {
        if (s->status != RAD_STATUS_YES)
            s->status = RAD_STATUS_NO;
    } else if (s->transport->reliable && lane_up && s->status != RAD_STATUS_YES) {
        s->status = RAD_STATUS_NO;      /* the connection is proof enough */
        rad_server_heard(s, false);
    } else if (s->state == RAD_UNKNOWN && !s->transport->reliable) {
        s->trial = s->doubt = true;     /* perhaps it is only that it does not understand */
        loop_of(s)->timer_set(s->timer, rad_jitter(s->group, s->group->dead_ms));
    } else {
        bool trial = !s->transport->reliable && s->status != RAD_STATUS_YES;
        rad_server_dead(s, *s->why ? s->why : SILENT_WHY);
        s->trial = trial;
    }
    rad_group_unpark(s->group);
}

static void probe_done(void *u, enum rad_end end, const struct rad_in *in, const struct rad_how *how)
{
    struct rad_server *s = u;
    uint64_t since = s->probed_ms;
    (void)in;
    (void)how;
    s->probe = NULL;
    s->probed_ms = rad_now(s->group);
    if (end != RAD_ANSWERED && end != RAD_GONE)
        probe_failed(s, s->heard && s->heard_ms > since);
}

static bool asks_status(const struct rad_server *s)
{
    return s->group->probe && s->status != RAD_STATUS_NO;
}

/* Finds out whether it lives. */
static void probe(struct rad_server *s)
{
    bool dead = s->state == RAD_DEAD;
    if (s->probe || s->trying || !s->addr_count)
        return;
    s->probed_ms = rad_now(s->group);
    if (dead)
        lanes_renew(s);
    if (asks_status(s)) {
        if (dead)
            s->state = RAD_PROBING;
        s->trial = false;
        s->probe = rad_ask_status(s, dead ? 1 : s->conf.tries, probe_done);
        if (!s->probe)
            probe_failed(s, false);
    } else if (s->transport->reliable) {
        if (dead)
            s->state = RAD_PROBING;
        /* While old connections are still busy none is opened, and their end may tell nothing. */
        loop_of(s)->timer_set(s->timer, rad_jitter(s->group, s->group->dead_ms));
        if (adit_list_empty(&s->lanes))
            (void)lane_open(s);                 /* rad_lane_up() or rad_lane_gone() tells */
    } else if (dead) {
        s->trial = true;
        rad_group_unpark(s->group);
    }
}

static void on_timer(void *u)
{
    struct rad_server *s = u;
    if (s->state == RAD_DEAD && s->is_name && !s->lookup && lookup_begin(s))
        return;                 /* it may have moved */
    if (s->state != RAD_UP) {
        probe(s);
        return;
    }
    bool quiet = adit_list_empty(&s->lanes) || rad_now(s->group) - s->heard_ms >= WATCH_MS / 2;
    if (s->status == RAD_STATUS_UNKNOWN || (s->transport->reliable && quiet && asks_status(s)))
        probe(s);
    if (s->transport->reliable)
        loop_of(s)->timer_set(s->timer, rad_jitter(s->group, WATCH_MS));
}

bool rad_server_hurry(struct rad_server *s)
{
    if (s->lookup || s->probe || s->trying || s->state == RAD_PROBING)
        return true;
    if (s->state != RAD_DEAD || rad_now(s->group) - s->probed_ms < RAD_HURRY_MS)
        return false;
    on_timer(s);
    return s->state != RAD_DEAD || s->lookup || s->trial;
}

/* ---- states ---------------------------------------------------------------------------------------------- */

bool rad_server_lives(const struct rad_server *s)
{
    return s->addr_count && (s->state == RAD_UP || s->state == RAD_UNKNOWN);
}

void rad_server_heard(struct rad_server *s, bool status)
{
    s->heard = true;
    s->heard_ms = rad_now(s->group);
    s->doubt = s->trial = false;
    if (status)
        s->status = RAD_STATUS_YES;
    if (s->state == RAD_UP)
        return;
    s->state = RAD_UP;
    s->since_ms = s->heard_ms;
    s->why[0] = '\0';
    s->backoff_ms = 0;
    s->told_secret = s->told_unsigned = false;
    adit_event(s->group->self, &rad_ev_up, ADIT_KV_S("server", s->name),
               ADIT_KV_ADDR("address", rad_server_addr(s)));
    loop_of(s)->timer_stop(s->timer);
    if (s->transport->reliable)
        loop_of(s)->timer_set(s->timer, rad_jitter(s->group, WATCH_MS));
    else if (s->status == RAD_STATUS_UNKNOWN && asks_status(s))
        loop_of(s)->timer_set(s->timer, s->conf.timeout_ms);    /* does it understand Status-Server? */
    rad_group_unpark(s->group);
}

void rad_server_dead(struct rad_server *s, const char *why)
{
    struct rad_group *g = s->group;
    bool news = s->state == RAD_UP || s->state == RAD_UNKNOWN;
    s->state = RAD_DEAD;
    s->trial = s->doubt = false;
    s->probed_ms = rad_now(g);
    if (why != s->why) {
        news = news || strcmp(s->why, why);
        snprintf(s->why, sizeof s->why, "%s", why);
    }
    if (news) {
        struct adit_addr none = { 0 };
        s->since_ms = s->probed_ms;
        adit_event(g->self, &rad_ev_dead, ADIT_KV_S("server", s->name),
                   ADIT_KV_ADDR("address", s->addr_count ? rad_server_addr(s) : &none),
                   ADIT_KV_S("why", s->why));
        (void)adit_fail(g->self, ADIT_ETIMEDOUT, "server %s: %s", s->name, s->why);
    }
    uint64_t wait = g->dead_ms;
    if (s->transport->reliable) {       /* what is refused costs nobody anything: it is tried sooner */
        s->backoff_ms = s->backoff_ms ? s->backoff_ms * 2 : BACKOFF_MS;
        if (s->backoff_ms < wait)
            wait = s->backoff_ms;
    }
    loop_of(s)->timer_set(s->timer, rad_jitter(g, wait));
    if (s->addr_count > 1)
        s->addr_at = (s->addr_at + 1) % s->addr_count;
    uint32_t n_th = 0;
    ADIT_LIST_EACH(n, &s->asks) {
        struct rad_ask *a = ADIT_OF(n, struct rad_ask, at);
        if (!a->probing && rad_ask_has_other(a))
            rad_ask_leave(a, n_th++ / RAD_PER_MS);
    }
    rad_group_unpark(g);
}

void rad_server_silent(struct rad_server *s, const struct rad_ask *a)
{
    if (s->heard && s->heard_ms >= a->sent_ms)
        return;                 /* it lives; this request only was not to its liking */
    if (s->state == RAD_DEAD && !s->trial)
        return;
    rad_server_dead(s, a->forged ? SECRET_WHY : SILENT_WHY);
}

/* ---- what lanes hear ------------------------------------------------------------------------------------------ */

void rad_lane_up(struct rad_lane *l)
{
    struct rad_server *s = l->server;
    l->up = true;
    l->used_ms = rad_now(s->group);
    if (!asks_status(s))
        rad_server_heard(s, false);     /* a connection is all the proof that there is */
    for (uint32_t i = 0; i < 256; i++)
        if (l->id[i].use == RAD_ID_BUSY && !l->id[i].ask->sent)
            rad_ask_send(l->id[i].ask);
}

void rad_lane_gone(struct rad_lane *l, bool fault, const char *why)
{
    struct rad_server *s = l->server;
    bool other = false;
    l->up = false;
    lane_retire(l);
    adit_list_del(&l->node);    /* what moves on may have a dead server probed, and its idle lanes closed */
    ADIT_LIST_EACH(n, &s->lanes)
        other = other || ADIT_OF(n, struct rad_lane, node)->up;
    if (fault && !other)
        rad_server_dead(s, why);
    else if (!other && s->state == RAD_UP && s->transport->reliable && asks_status(s))
        loop_of(s)->timer_set(s->timer, rad_jitter(s->group, BACKOFF_MS));  /* is it still there? */
    for (uint32_t i = 0; i < 256; i++)
        if (l->id[i].use == RAD_ID_BUSY)
            rad_ask_move(l->id[i].ask, !fault);
    lane_forget(l);
}

void rad_lane_stray(struct rad_lane *l, const struct adit_addr *peer)
{
    struct adit_self *self = l->server->group->self;
    rad_count(l->server, RAD_N_STRAY);
    if (self->host->log->allow(self, &rad_ev_stray, 10))
        adit_event(self, &rad_ev_stray, ADIT_KV_S("server", l->server->name), ADIT_KV_ADDR("peer", peer),
                   ADIT_KV_S("why", "it is not from the server's address and port"));
}

static void stray(struct rad_lane *l, const char *why)
{
    struct adit_self *self = l->server->group->self;
    rad_count(l->server, RAD_N_STRAY);
    if (self->host->log->allow(self, &rad_ev_stray, 10))
        adit_event(self, &rad_ev_stray, ADIT_KV_S("server", l->server->name),
                   ADIT_KV_ADDR("peer", &l->peer), ADIT_KV_S("why", why));
}

static bool code_fits(uint32_t request, uint32_t answer)
{
    switch (request) {
    case RAD_ACCESS_REQUEST:
        return answer == RAD_ACCESS_ACCEPT || answer == RAD_ACCESS_REJECT || answer == RAD_ACCESS_CHALLENGE;
    case RAD_ACCOUNTING_REQUEST:
        return answer == RAD_ACCOUNTING_RESPONSE;
    default:                    /* RFC 5997 section 3: as the port answers; a refusal is life, too */
        return answer == RAD_ACCESS_ACCEPT || answer == RAD_ACCESS_REJECT || answer == RAD_ACCOUNTING_RESPONSE;
    }
}

/* Where an answer without Message-Authenticator is dropped: to Access-Request over UDP,
 * unless the server is known to be like that. */
static uint32_t demands(const struct rad_server *s, const struct rad_id *id)
{
    return id->code == RAD_ACCESS_REQUEST && s->conf.message_authenticator == RAD_REQUIRE &&
           !s->transport->reliable ? RAD_MA_REQUIRED : 0;
}

static void forged(struct rad_server *s, struct rad_id *id)
{
    static const char remedy[] = "set the same secret here and in the server's entry for this host";
    struct adit_self *self = s->group->self;
    rad_count(s, RAD_N_FORGED);
    if (id->ask)
        id->ask->forged = true;
    if (s->told_secret || !self->host->log->allow(self, &rad_ev_secret, 2))
        return;
    s->told_secret = true;
    adit_event(self, &rad_ev_secret, ADIT_KV_S("server", s->name), ADIT_KV_ADDR("address", rad_server_addr(s)),
               ADIT_KV_S("remedy", remedy));
    (void)adit_fail(self, ADIT_EAUTH, "server %s: " SECRET_WHY, s->name);
}

static void without_authenticator(struct rad_server *s)
{
    static const char remedy[] = "let the server sign its answers (update it), or set message-authenticator: "
                                 "auto for it";
    struct adit_self *self = s->group->self;
    rad_count(s, RAD_N_UNSIGNED);
    if (s->told_unsigned || !self->host->log->allow(self, &rad_ev_unsigned, 2))
        return;
    s->told_unsigned = true;
    adit_event(self, &rad_ev_unsigned, ADIT_KV_S("server", s->name),
               ADIT_KV_ADDR("address", rad_server_addr(s)), ADIT_KV_S("remedy", remedy));
    (void)adit_fail(self, ADIT_EAUTH, "server %s answers without Message-Authenticator, so anybody on the way "
                    "could have written that: %s", s->name, remedy);
}

/* The request that it may answer; NULL: none, and that was told. */
static struct rad_id *request_of(struct rad_lane *l, const uint8_t *p, uint32_t len, struct rad_in *in)
{
    if (!rad_open(in, p, len)) {
        stray(l, "it is not RADIUS");
        return NULL;
    }
    struct rad_id *id = &l->id[in->id];
    if (id->use == RAD_ID_FREE || (id->use == RAD_ID_BUSY && !id->ask->sent)) {
        stray(l, "there is no such request");
        return NULL;
    }
    if (!code_fits(id->code, in->code)) {
        stray(l, "its code fits no request of that id");
        return NULL;
    }
    return id;
}

static void answer(struct rad_lane *l, const uint8_t *p, uint32_t len)
{
    struct rad_server *s = l->server;
    struct rad_in in;
    struct rad_id *id = request_of(l, p, len, &in);
    if (!id)
        return;
    switch (rad_verify(&in, &s->key, id->authenticator, demands(s, id))) {
    case RAD_OK:
        break;
    case RAD_NO_MESSAGE_AUTHENTICATOR:
        without_authenticator(s);
        return;
    default:
        forged(s, id);
        return;
    }
    rad_server_heard(s, id->code == RAD_STATUS_SERVER);
    if (id->use == RAD_ID_BUSY) {
        rad_ask_answered(id->ask, &in);
    } else if (id->use == RAD_ID_GIVEN_UP) {
        rad_count(s, RAD_N_LATE);
        id->use = RAD_ID_ANSWERED;
    } else {
        rad_count(s, RAD_N_DUPLICATE);
    }
}

/* Ten thousand answers at once are a quarter of a second's work: sessions' packets wait
 * for no more than a millisecond's. */
void rad_lane_rx(struct rad_lane *l, const uint8_t *p, uint32_t len)
{
    struct rad_group *g = l->server->group;
    struct rad_in in;
    if (!request_of(l, p, len, &in))
        return;                 /* what is none takes nobody's turn */
    if (!g->taken)
        g->self->host->loop->timer_set(g->drain, 1);
    if (g->taken < RAD_PER_MS) {
        g->taken++;
        answer(l, p, len);
        return;
    }
    struct late *x = g->late_bytes < LATE_MOST && len <= RAD_MAX ? malloc(sizeof *x + len) : NULL;
    if (!x) {
        rad_count(l->server, RAD_N_STRAY);      /* more than were ever asked */
        return;
    }
    *x = (struct late){ .lane = l, .len = len };
    memcpy(x->bytes, p, len);
    adit_list_add(&g->late, &x->node);
    g->late_bytes += len;
}

void rad_group_drain(void *u)
{
    struct rad_group *g = u;
    g->taken = 0;
    while (g->taken < RAD_PER_MS && !adit_list_empty(&g->late)) {
        struct late *x = ADIT_OF(g->late.next, struct late, node);
        struct rad_lane *l = x->lane;
        adit_list_del(&x->node);        /* its lane may go meanwhile, and not look for it here */
        g->late_bytes -= x->len;
        g->taken++;
        answer(l, x->bytes, x->len);
        free(x);
    }
    if (g->taken)
        g->self->host->loop->timer_set(g->drain, 1);
}

/* ---- life ------------------------------------------------------------------------------------------------------------ */

int32_t rad_server_new(struct rad_group *g, const struct rad_server_conf *conf, struct rad_server **out)
{
    struct adit_self *self = g->self;
    char what[100];
    struct rad_server *s = calloc(1, sizeof *s);
    if (!s)
        return adit_fail(self, ADIT_ENOMEM, "out of memory");
    adit_list_init(&s->lanes);
    adit_list_init(&s->ready);
    adit_list_init(&s->held);
    adit_list_init(&s->asks);
    s->group = g;
    s->transport = conf->transport == RAD_TLS ? &rad_tls : &rad_udp;
    s->timer = self->host->loop->timer_new(self, on_timer, s);
    s->idle = self->host->loop->timer_new(self, on_idle, s);
    if (!conf_copy(&s->conf, conf) || !s->timer || !s->idle) {
        rad_server_free(s);
        return adit_fail(self, ADIT_ENOMEM, "out of memory");
    }
    s->name = s->conf.name ? s->conf.name : s->conf.host;
    s->port = port_of(conf, g->what);
    int32_t code = 0;
    if (!conf->host)
        code = adit_fail(self, ADIT_ECONF, "servers: a row has no host");
    else if (strlen(conf->host) > 253)
        code = adit_fail(self, ADIT_ECONF, "servers: a host has at most 253 characters");
    snprintf(what, sizeof what, "server %.80s", s->name ? s->name : "");
    if (!code) {
        bool radsec = conf->transport == RAD_TLS && !conf->secret && !conf->secret_file;
        s->secret = rad_secret(self, what, radsec ? "radsec" : conf->secret, conf->secret_file,
                               &s->key.secret_len);
        code = s->secret ? 0 : ADIT_ECONF;
    }
    if (!code) {
        struct rad_lookup l = { .family = conf->source.family, .port = s->port };
        snprintf(l.host, sizeof l.host, "%s", conf->host);
        resolve(&l, AI_NUMERICHOST);
        s->is_name = l.error == EAI_NONAME;
        if (!s->is_name && !l.count)
            code = adit_fail(self, ADIT_ECONF, "%s: host and source are of different families: %s", what,
                             conf->host);
        memcpy(s->addrs, l.addrs, sizeof s->addrs);
        s->addr_count = l.count;
    }
    if (code) {
        rad_server_free(s);
        return code;
    }
    s->key.crypto = self->host->crypto;
    s->key.secret = s->secret;
    *out = s;
    return 0;
}

int32_t rad_server_start(struct rad_server *s)
{
    s->state = RAD_UNKNOWN;
    s->since_ms = rad_now(s->group);
    int32_t code = s->transport->prepare ? s->transport->prepare(s) : 0;
    if (code)
        return code;
    if (!s->is_name)
        probe(s);
    else if (!lookup_begin(s))
        return adit_fail(s->group->self, ADIT_ENOMEM, "out of memory");
    return 0;
}

void rad_server_stop(struct rad_server *s)
{
    if (s->probe)
        rad_ask_cancel(s->probe);
    s->probe = NULL;
    if (s->lookup) {
        s->lookup->server = NULL;
        loop_of(s)->work_cancel(s->lookup->work);
        s->lookup = NULL;
    }
    while (!adit_list_empty(&s->lanes))
        lane_close(ADIT_OF(s->lanes.next, struct rad_lane, node));
    if (s->timer)
        loop_of(s)->timer_stop(s->timer);
    if (s->idle)
        loop_of(s)->timer_stop(s->idle);
    s->idle_set = false;
    if (s->transport->fini)
        s->transport->fini(s);
}

void rad_server_free(struct rad_server *s)
{
    rad_server_stop(s);
    loop_of(s)->timer_free(s->timer);
    loop_of(s)->timer_free(s->idle);
    if (s->secret)
        bytes_wipe(s->secret, s->key.secret_len);
    free(s->secret);
    conf_free(&s->conf);
    free(s);
}

void rad_server_report(struct rad_server *s, struct adit_report *r)
{
    static const char *const states[] = { [RAD_UNKNOWN] = "unknown", [RAD_UP] = "up", [RAD_DEAD] = "dead",
                                          [RAD_PROBING] = "probing" };
    static const char *const yes_no[] = { [RAD_STATUS_UNKNOWN] = "unknown", [RAD_STATUS_YES] = "yes",
                                          [RAD_STATUS_NO] = "no" };
    static const char *const names[] = {
#define RAD_X(NAME, name, text) name,
        RAD_CLIENT_COUNTERS(RAD_X)
#undef RAD_X
    };
    const struct adit_host *h = s->group->self->host;
    h->report->object(r, NULL);
    adit_report_put_str(h, r, "name", s->name);
    adit_report_put_str(h, r, "host", s->conf.host);
    if (s->addr_count)
        adit_report_put_addr(h, r, "address", rad_server_addr(s));
    adit_report_put_str(h, r, "transport", s->transport->name);
    adit_report_put_str(h, r, "for", s->group->what == RAD_AUTH ? "authentication" : "accounting");
    adit_report_put_str(h, r, "state", states[s->state]);
    adit_report_put_u(h, r, "age_ms", rad_now(s->group) - s->since_ms);
    if (*s->why)
        adit_report_put_str(h, r, "why", s->why);
    if (s->rtt_ms8 || s->count[RAD_N_ANSWERS])
        adit_report_put_u(h, r, "rtt_ms", (s->rtt_ms8 + 4) / 8);
    adit_report_put_u(h, r, "in_flight", s->busy);
    adit_report_put_u(h, r, s->transport->reliable ? "connections" : "ports", s->lane_count);
    adit_report_put_str(h, r, "status_server", s->group->probe ? yes_no[s->status] : "off");
    for (uint32_t i = 0; i < RAD_N_CLIENT; i++) {
        char key[40];
        snprintf(key, sizeof key, "%s", names[i]);
        for (char *c = key; *c; c++)
            if (*c == '-')
                *c = '_';
        adit_report_put_u(h, r, key, s->count[i]);
    }
    h->report->end(r);
}
