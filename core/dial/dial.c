/* dial.c - the dialler: connections that we make, from the first step to the last.
 *
 * Knows:  the order of a dial, what is tried next, when it is tried again, which
 *         connection runs over which.
 * Leaves: names, sessions, children, clocks, addresses and routes to the world.
 *
 * One timer of each connection leads from step to step, so nothing happens inside
 * somebody else's call, and a watcher may do what it likes.
 */
#include "dial/dial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/addr.h"
#include "diagnose/cause.h"
#include "log/log.h"

ADIT_EVENT(ev_begun, "dial.begun", ADIT_LOG_INFO, "An entry of the phone book is dialled.",
           "handle entry type uid");
ADIT_EVENT(ev_tried, "dial.tried", ADIT_LOG_INFO,
           "One type and address of a server did not do; the next one is tried, if there is one.",
           "handle entry type server cause text");
ADIT_EVENT(ev_connected, "dial.connected", ADIT_LOG_NOTICE, "A connection that we dialled is up.",
           "handle entry type server user interface address over redials");
ADIT_EVENT(ev_dropped, "dial.dropped", ADIT_LOG_WARN,
           "A connection that was up is lost; it is dialled again.", "handle entry cause text pause-ms");
ADIT_EVENT(ev_again, "dial.again", ADIT_LOG_INFO,
           "A dial failed and is repeated after a pause.", "handle entry attempt cause text pause-ms");
ADIT_EVENT(ev_ended, "dial.ended", ADIT_LOG_NOTICE, "A connection that we dialled, or the attempt, is over.",
           "handle entry cause ras text duration-ms");

#define STAYED_MS 60000u        /* up for so long: the next pause is a short one again */
#define CONNECTIONS_MAX 256u
#define USERS_MAX 32u           /* of one user: the others are not kept out */

static const struct dial_world *world;
static struct book_entry *(*find_entry)(const char *name);
static struct adit_node all = { &all, &all };
static uint64_t handles;
static uint32_t live;

static const char *const state_names[] = {
    [DIAL_PREPARING] = "preparing", [DIAL_RESOLVING] = "resolving", [DIAL_CONNECTING] = "connecting",
    [DIAL_AUTHENTICATING] = "authenticating", [DIAL_PROJECTED] = "projected", [DIAL_CONNECTED] = "connected",
    [DIAL_WAITING] = "waiting", [DIAL_REDIALLING] = "redialling", [DIAL_DISCONNECTED] = "disconnected",
};

const char *dial_state_name(enum dial_state s) { return state_names[s]; }

bool dial_is_final(uint32_t cause)
{
    switch (cause) {
    case ADIT_CAUSE_AUTH_FAILED: case ADIT_CAUSE_UNKNOWN_USER: case ADIT_CAUSE_NO_PERMISSION:
    case ADIT_CAUSE_POLICY_DENIED: case ADIT_CAUSE_NO_POLICY: case ADIT_CAUSE_DISABLED:
    case ADIT_CAUSE_EXPIRED: case ADIT_CAUSE_PASSWORD_EXPIRED: case ADIT_CAUSE_HOURS:
    case ADIT_CAUSE_SESSION_LIMIT: case ADIT_CAUSE_LOCKED_OUT: case ADIT_CAUSE_NO_CREDENTIALS:
        return true;
    default:
        return false;
    }
}

/* After a drop the server may still hold the old session against us, or the hours
 * pass: only what repeating makes worse, a wrong password, ends it. */
static bool hopeless(const struct dial *d)
{
    switch (d->cause) {
    case ADIT_CAUSE_NO_PERMISSION: case ADIT_CAUSE_SESSION_LIMIT: case ADIT_CAUSE_HOURS:
        return !d->redials;
    default:
        return dial_is_final(d->cause);
    }
}

/* ---- telling ------------------------------------------------------------------------ */

static void uppers_continue(struct dial *lower);

static void say(struct dial *d)
{
    ADIT_LIST_EACH(n, &d->watchers) {
        struct dial_watch *w = ADIT_OF(n, struct dial_watch, node);
        w->changed(w->u, d);
    }
}

static void enter(struct dial *d, enum dial_state s)
{
    if (d->state == s && s != DIAL_CONNECTED)
        return;
    d->state = s;
    say(d);
}

static void because(struct dial *d, uint32_t cause, const char *text)
{
    char copy[DIAL_TEXT];       /* the text may be our own */
    snprintf(copy, sizeof copy, "%s", text && *text ? text : cause_text(cause));
    d->cause = cause;
    memcpy(d->text, copy, sizeof copy);
}

static void fired(void *u)
{
    struct dial *d = u;
    void (*next)(struct dial *) = d->next;
    d->next = NULL;
    if (next)
        next(d);
}

static void later(struct dial *d, uint64_t ms, void (*next)(struct dial *d))
{
    d->next = next;
    world->timer_set(d->timer, ms);
}

static void stop_waiting(struct dial *d)
{
    d->next = NULL;
    world->timer_stop(d->timer);
    if (d->lookup)
        world->resolve_cancel(d->lookup);
    if (d->command)
        world->run_cancel(d->command);
    d->lookup = d->command = NULL;
}

/* ---- the end ------------------------------------------------------------------------- */

static void reap(struct dial *d)
{
    world->timer_free(d->timer);
    book_entry_unref(d->entry);
    explicit_bzero(d, sizeof *d);
    free(d);
}

static void upper_lost(struct dial *x, const struct dial *lower)
{
    char text[DIAL_TEXT];
    snprintf(text, sizeof text, "The connection '%s', over which it ran, ended: %.120s", lower->entry->name, lower->text);
    if (x->session)
        world->drop(x->session, ADIT_CAUSE_LOST_CARRIER, text);
}

/* It has no session yet that could be told that the line is gone. */
static bool waits_for_lower(const struct dial *x)
{
    return !x->ending && !x->session && (x->state == DIAL_PREPARING || x->state == DIAL_RESOLVING);
}

static void round_failed(struct dial *d);

static void finish(struct dial *d)
{
    stop_waiting(d);
    adit_list_del(&d->node);
    live--;
    if (d->host)
        world->host_free(d->host);
    d->host = NULL;
    d->state = DIAL_DISCONNECTED;
    ADIT_LIST_EACH(n, &all) {
        struct dial *x = ADIT_OF(n, struct dial, node);
        if (x->over != d)
            continue;
        x->over = NULL;
        if (waits_for_lower(x)) {
            char text[DIAL_TEXT];
            snprintf(text, sizeof text, "'%s', which is dialled first: %.140s", d->entry->name, d->text);
            stop_waiting(x);    /* its command, or a name that is asked for through it */
            because(x, d->cause, text);
            later(x, 0, round_failed);
        } else {
            upper_lost(x, d);
        }
    }
    LOG_EVENT("dial", &ev_ended, ADIT_KV_U("handle", d->handle), ADIT_KV_S("entry", d->entry->name),
              ADIT_KV_S("cause", cause_code(d->cause)), ADIT_KV_U("ras", cause_ras(d->cause)),
              ADIT_KV_S("text", d->text),
              ADIT_KV_U("duration-ms", d->since_ms ? world->now() - d->since_ms : 0));
    say(d);
    while (!adit_list_empty(&d->watchers))
        adit_list_del(d->watchers.next);
    later(d, 0, reap);
}

void dial_hangup(struct dial *d, uint32_t cause, const char *text)
{
    if (d->ending || d->state == DIAL_DISCONNECTED)
        return;
    d->ending = true;
    stop_waiting(d);
    because(d, cause, text);
    for (struct dial *x = dial_next(NULL); x; x = dial_next(x))
        if (x->over == d) {
            char why[DIAL_TEXT];
            snprintf(why, sizeof why, "The connection '%s', over which it runs, was hung up.", d->entry->name);
            dial_hangup(x, ADIT_CAUSE_LOST_CARRIER, why);
        }
    /* what was dialled only for this, and is not there yet */
    if (d->over && d->started_first && d->over->state != DIAL_CONNECTED && !d->over->ending) {
        struct dial *lower = d->over;
        bool wanted = false;
        for (struct dial *x = dial_next(NULL); x; x = dial_next(x))
            wanted |= x != d && x->over == lower;
        d->over = NULL;
        if (!wanted)
            dial_hangup(lower, cause, text);
    }
    if (d->session)
        world->drop(d->session, cause, d->text);
    else
        later(d, 0, finish);
}

static void prepare(struct dial *d);

static void again(struct dial *d)
{
    d->tried_count = 0;
    enter(d, DIAL_REDIALLING);
    prepare(d);
}

/* The pause grows each time; a little chance keeps many that lost one server apart. */
static uint64_t pause_of(struct dial *d)
{
    uint64_t ms = d->pause_ms, most = d->entry->c.redial_pause_max_ms;
    d->pause_ms = ms * 2 < most ? ms * 2 : most;
    return ms + world->chance((uint32_t)(ms / 4) + 1);
}

static void wait_again(struct dial *d, const struct adit_event *ev, const char *key, uint64_t number)
{
    uint64_t ms = pause_of(d);
    if (ev == &ev_again)
        LOG_EVENT("dial", ev, ADIT_KV_U("handle", d->handle), ADIT_KV_S("entry", d->entry->name),
                  ADIT_KV_U(key, number), ADIT_KV_S("cause", cause_code(d->cause)), ADIT_KV_S("text", d->text),
                  ADIT_KV_U("pause-ms", ms));
    else
        LOG_EVENT("dial", ev, ADIT_KV_U("handle", d->handle), ADIT_KV_S("entry", d->entry->name),
                  ADIT_KV_S("cause", cause_code(d->cause)), ADIT_KV_S("text", d->text), ADIT_KV_U("pause-ms", ms));
    later(d, ms, again);
    enter(d, DIAL_WAITING);
}

/* The whole list was tried, or what comes before it failed: d->cause says why. */
static void round_failed(struct dial *d)
{
    const struct book_conf *c = &d->entry->c;
    bool endless = d->redials && (c->redial_on_drop || c->persistent);
    if (hopeless(d) || (!endless && !(c->persistent && d->demanded) && d->attempts >= c->redial_attempts)) {
        finish(d);
        return;
    }
    d->attempts++;
    wait_again(d, &ev_again, "attempt", d->attempts);
}

/* ---- one try -------------------------------------------------------------------------- */

static const uint32_t automatic[] = { BOOK_L2TP_IPSEC, BOOK_PPTP };

/* How far it got: what is told is the failure of the one that got furthest. */
static uint32_t reach(uint32_t cause)
{
    switch (cause) {
    case ADIT_CAUSE_PROTOCOL_OFF: case ADIT_CAUSE_PORTS_EXHAUSTED: case ADIT_CAUSE_RESOURCE: return 1;
    case ADIT_CAUSE_NO_ANSWER:    return 2;
    case ADIT_CAUSE_REFUSED:      return 3;
    case ADIT_CAUSE_TUNNEL_AUTH: case ADIT_CAUSE_CLEAR_REFUSED: case ADIT_CAUSE_CERTIFICATE: return 4;
    case ADIT_CAUSE_GRE_BLOCKED: case ADIT_CAUSE_LCP_TIMEOUT: return 5;
    default:                      return dial_is_final(cause) ? 8 : 6;
    }
}

static void tried(struct dial *d, uint32_t cause, const char *text)
{
    struct dial_tried *t = &d->tried[d->tried_count < DIAL_TRIED ? d->tried_count++ : DIAL_TRIED - 1];
    *t = (struct dial_tried){ .type = d->type, .server = d->server, .cause = cause };
    snprintf(t->text, sizeof t->text, "%s", text && *text ? text : cause_text(cause));
    LOG_EVENT("dial", &ev_tried, ADIT_KV_U("handle", d->handle), ADIT_KV_S("entry", d->entry->name),
              ADIT_KV_S("type", book_type_name(d->type)), ADIT_KV_ADDR("server", &d->server),
              ADIT_KV_S("cause", cause_code(cause)), ADIT_KV_S("text", t->text));
    if (d->tried_count == 1 || reach(cause) >= d->best) {
        d->best = reach(cause);
        because(d, cause, t->text);
    }
}

static void connected(void *u)
{
    struct dial *d = u;
    if (!d->session || d->ending)
        return;
    if (d->state != DIAL_CONNECTED) {
        d->since_ms = world->now();
        d->since_wall = world->wall();
        d->attempts = 0;
        d->cause = ADIT_CAUSE_NONE;
        d->text[0] = '\0';
        LOG_EVENT("dial", &ev_connected, ADIT_KV_U("handle", d->handle), ADIT_KV_S("entry", d->entry->name),
                  ADIT_KV_S("type", book_type_name(d->type)), ADIT_KV_ADDR("server", &d->server),
                  ADIT_KV_S("user", d->user), ADIT_KV_S("interface", dial_interface(d)),
                  ADIT_KV_ADDR("address", &d->is.our), ADIT_KV_U("over", d->over ? d->over->handle : 0),
                  ADIT_KV_U("redials", d->redials));
    }
    enter(d, DIAL_CONNECTED);
    uppers_continue(d);
}

static void on_rung(void *u, const char *name)
{
    struct dial *d = u;
    if (d->ending || d->state == DIAL_CONNECTED)
        return;
    if (!strcmp(name, "authenticate"))
        enter(d, DIAL_AUTHENTICATING);
    else if (!strcmp(name, "address"))
        enter(d, DIAL_PROJECTED);
}

static void on_up(void *u, const struct ses_dialled *is)
{
    struct dial *d = u;
    if (d->ending)
        return;
    d->is = *is;
    snprintf(d->method, sizeof d->method, "%s", is->method ? is->method : "");
    d->is.method = d->method;
    if (d->state != DIAL_CONNECTED) {
        stop_waiting(d);        /* it has connected in time */
        enter(d, DIAL_PROJECTED);
    }
    if (!d->ending)
        world->host_up(d->host, &d->is, connected, d);
}

static bool redials(const struct dial *d, uint32_t cause)
{
    switch (cause) {
    case ADIT_CAUSE_IDLE_TIMEOUT: case ADIT_CAUSE_ADMIN: case ADIT_CAUSE_HANGUP: case ADIT_CAUSE_SHUTDOWN:
        return d->entry->c.persistent && cause == ADIT_CAUSE_IDLE_TIMEOUT;
    default:
        return d->entry->c.redial_on_drop || d->entry->c.persistent;
    }
}

static void dropped(struct dial *d, uint32_t cause, const char *text)
{
    const struct book_conf *c = &d->entry->c;
    bool more = redials(d, cause);
    because(d, cause, text);
    world->host_down(d->host, more && c->keep_routes);
    if (!more) {
        finish(d);
        return;
    }
    if (world->now() - d->since_ms >= STAYED_MS)
        d->pause_ms = c->redial_pause_ms;
    d->redials++;
    d->since_ms = d->since_wall = 0;
    for (struct dial *x = dial_next(NULL); x; x = dial_next(x))
        if (x->over == d && waits_for_lower(x)) {
            stop_waiting(x);
            later(x, 0, prepare);       /* it waits until this one is back */
        } else if (x->over == d) {
            upper_lost(x, d);
        }
    wait_again(d, &ev_dropped, NULL, 0);
}

static void try_next(struct dial *d);

static void on_total(void *u, const struct ses_info *i)
{
    struct dial *d = u;
    d->before.bytes_in += i->bytes_in;
    d->before.bytes_out += i->bytes_out;
    d->before.packets_in += i->packets_in;
    d->before.packets_out += i->packets_out;
}

static void on_down(void *u, uint32_t cause, const char *text)
{
    struct dial *d = u;
    bool up = d->state == DIAL_CONNECTED;
    if (d->state == DIAL_DISCONNECTED) {        /* the daemon did not wait for it */
        reap(d);
        return;
    }
    d->session = NULL;
    stop_waiting(d);
    if (d->ending) {
        world->host_down(d->host, false);
        finish(d);
    } else if (up) {
        dropped(d, cause, text);
    } else {
        world->host_down(d->host, d->redials && d->entry->c.keep_routes);
        tried(d, cause, text);
        d->at++;
        later(d, 0, dial_is_final(cause) ? round_failed : try_next);
    }
}

static const struct ses_dial_ops session_ops = { .rung = on_rung, .up = on_up, .total = on_total, .down = on_down };

static void too_long(struct dial *d)
{
    char text[DIAL_TEXT];
    snprintf(text, sizeof text, "It was not connected within %u s.", (unsigned)(d->entry->c.timeout_ms / 1000));
    if (d->session)             /* on_down() follows */
        world->drop(d->session, d->state == DIAL_CONNECTING ? ADIT_CAUSE_NO_ANSWER : ADIT_CAUSE_LCP_TIMEOUT, text);
}

/* The connection that leads to the server, when nobody said which: the one whose
 * address we would send from. */
static void runs_over(struct dial *d, const struct adit_addr *from)
{
    if (d->over && d->entry->c.dial_first)
        return;
    d->over = NULL;             /* another address may lie elsewhere */
    for (struct dial *x = dial_next(NULL); x; x = dial_next(x))
        if (x != d && x->state == DIAL_CONNECTED && from->family &&
            (adit_same_host(from, &x->is.our) || adit_same_host(from, &x->is.our6)))
            d->over = x;
}

static uint32_t mtu_of(const struct dial *d, const struct dial_way *way)
{
    uint32_t over = world->overhead(d->type), mtu = d->entry->c.mtu;
    uint32_t fits = way->mtu > over + 576 ? way->mtu - over : way->mtu ? 576 : 0;
    return !mtu ? fits : !fits || mtu < fits ? mtu : fits;
}

/* 0, or why this type and address does not do. */
static uint32_t call(struct dial *d, char *why, size_t size)
{
    struct dial_way way = { .mtu = 0 };
    if (d->type == BOOK_PPTP && d->server.family != ADIT_AF_IPV4) {
        snprintf(why, size, "PPTP goes over IPv4 only.");
        return ADIT_CAUSE_PROTOCOL_OFF;
    }
    if (!d->host && world->host_new(d->entry, d->standing, &d->host, why, size))
        return ADIT_CAUSE_RESOURCE;
    if (world->host_way(d->host, &d->server, &way)) {
        snprintf(why, size, "No route leads to it.");
        return ADIT_CAUSE_NO_ANSWER;
    }
    runs_over(d, &way.from);
    struct dial_try t = { d->entry, d->type, d->server, d->user, d->password, d->psk,
                          world->host_iface(d->host), mtu_of(d, &way) };
    int32_t rc = world->call(&t, &session_ops, d, &d->session, why, size);
    switch (rc) {
    case 0:            return ADIT_CAUSE_NONE;
    case ADIT_EBUSY:   return ADIT_CAUSE_PORTS_EXHAUSTED;
    case ADIT_ENOSYS:  return ADIT_CAUSE_PROTOCOL_OFF;
    case ADIT_EUNREACH: return ADIT_CAUSE_NO_ANSWER;
    case ADIT_EAUTH:   return ADIT_CAUSE_CERTIFICATE;
    default:           return ADIT_CAUSE_RESOURCE;
    }
}

static void try_next(struct dial *d)
{
    const struct book_conf *c = &d->entry->c;
    uint32_t types = c->type == BOOK_AUTOMATIC ? 2 : 1, cause;
    for (; d->at < types * d->addr_count; d->at++) {
        char why[DIAL_TEXT] = "";
        uint32_t nth = d->at / d->addr_count;
        d->type = c->type == BOOK_AUTOMATIC ? automatic[nth] : c->type;
        d->server = d->addrs[d->at % d->addr_count];
        enter(d, DIAL_CONNECTING);
        if (d->ending)          /* who was told hung up */
            return;
        cause = call(d, why, sizeof why);
        if (!cause) {
            later(d, c->timeout_ms, too_long);
            return;
        }
        d->session = NULL;
        tried(d, cause, why);
    }
    round_failed(d);
}

/* ---- what comes before ------------------------------------------------------------------ */

static void resolve_next(struct dial *d);

static void add_address(struct dial *d, const struct adit_addr *a)
{
    for (uint32_t i = 0; i < d->addr_count; i++)
        if (adit_same_host(&d->addrs[i], a))
            return;
    if (d->addr_count < DIAL_ADDRESSES)
        d->addrs[d->addr_count++] = *a;
}

static void resolved(void *u, int32_t rc, const struct adit_addr *list, uint32_t n, const char *why)
{
    struct dial *d = u;
    d->lookup = NULL;
    for (uint32_t i = 0; !rc && i < n; i++)
        add_address(d, &list[i]);
    if (rc) {
        char text[DIAL_TEXT];
        snprintf(text, sizeof text, "'%.100s': %.100s", book_word(&d->entry->c.servers, d->server_next), why);
        because(d, ADIT_CAUSE_NAME_UNKNOWN, text);
    }
    d->server_next++;
    resolve_next(d);
}

static void resolve_next(struct dial *d)
{
    const struct adit_array *s = &d->entry->c.servers;
    struct adit_addr a;
    for (; d->server_next < s->count; d->server_next++) {
        if (conf_parse_addr(book_word(s, d->server_next), &a) == 0) {
            add_address(d, &a);
            continue;
        }
        d->lookup = world->resolve(book_word(s, d->server_next), resolved, d);
        if (d->lookup)
            return;
        because(d, ADIT_CAUSE_RESOURCE, NULL);
    }
    if (!d->addr_count) {
        round_failed(d);
        return;
    }
    d->at = 0;
    d->best = 0;
    try_next(d);
}

static void resolve(struct dial *d)
{
    enter(d, DIAL_RESOLVING);
    if (d->ending)
        return;
    /* where names would be asked through the connection that is lost, the addresses of
     * before have to do */
    if (!(d->redials && d->entry->c.keep_routes && d->addr_count)) {
        d->addr_count = 0;
        d->server_next = 0;
    }
    resolve_next(d);
}

static void command_done(void *u, int32_t rc, const char *why)
{
    struct dial *d = u;
    char text[DIAL_TEXT];
    d->command = NULL;
    if (!rc) {
        resolve(d);
        return;
    }
    snprintf(text, sizeof text, "The command %.80s failed: %.120s", book_word(&d->entry->c.before, 0), why);
    because(d, ADIT_CAUSE_LINE_FAILED, text);
    round_failed(d);
}

static void command(struct dial *d)
{
    if (!d->entry->c.before.count) {
        resolve(d);
        return;
    }
    d->command = world->run(&d->entry->c.before, command_done, d);
    if (!d->command)
        command_done(d, ADIT_EIO, "it could not be started");
}

static void uppers_continue(struct dial *lower)
{
    ADIT_LIST_EACH(n, &all) {
        struct dial *x = ADIT_OF(n, struct dial, node);
        if (x->over == lower && x->state == DIAL_PREPARING && !x->ending && !x->next && !x->command)
            later(x, 0, command);
    }
}

static void prepare(struct dial *d)
{
    const char *first = d->entry->c.dial_first;
    char why[DIAL_TEXT] = "";
    uint32_t cause = ADIT_CAUSE_LINE_FAILED;
    if (d->ending)
        return;
    d->over = NULL;
    d->started_first = false;   /* this time somebody else may have dialled it */
    if (!first && !d->entry->c.before.count) {
        resolve(d);
        return;
    }
    enter(d, DIAL_PREPARING);
    if (d->ending)
        return;
    struct book_entry *e = first ? find_entry(first) : NULL;
    struct dial *lower = e ? dial_of(e) : NULL;
    if (first && !lower) {
        struct dial_ask ask = { .entry = e, .owner = d->owner };
        if (!e)
            snprintf(why, sizeof why, "'%.60s', which is dialled first, is not in the phone book", first);
        if (!e || dial_begin(&ask, &lower, &cause, why, sizeof why)) {
            because(d, cause, why);
            round_failed(d);
            return;
        }
        d->started_first = true;
    }
    for (struct dial *x = lower; x; x = x->over)
        if (x == d) {           /* the book changed meanwhile */
            because(d, ADIT_CAUSE_LINE_FAILED, "dial-first leads back to the entry itself");
            round_failed(d);
            return;
        }
    d->over = lower;
    if (!lower || (lower->state == DIAL_CONNECTED && !lower->ending))
        command(d);
}

/* ---- beginning ---------------------------------------------------------------------------- */

void dial_open(const struct dial_world *w, struct book_entry *(*find)(const char *name))
{
    world = w;
    find_entry = find;
}

void dial_close(void)
{
    while (!adit_list_empty(&all)) {
        struct dial *d = ADIT_OF(all.next, struct dial, node);
        bool orphan = d->session != NULL;       /* its end is still to be told: on_down() frees it */
        d->ending = true;
        if (!d->cause)
            because(d, ADIT_CAUSE_SHUTDOWN, NULL);
        finish(d);
        if (!orphan)
            reap(d);
    }
}

static int32_t credentials(struct dial *d, const struct dial_ask *ask, uint32_t *cause, char *why, size_t size)
{
    const struct book_conf *c = &d->entry->c;
    const char *user = ask->user ? ask->user : c->user ? c->user : "";
    int32_t rc = 0;
    *cause = ADIT_CAUSE_NO_CREDENTIALS;
    bool domain = c->domain && *user && !strpbrk(user, "\\@");
    if (snprintf(d->user, sizeof d->user, "%s%s%s", domain ? c->domain : "", domain ? "\\" : "", user) >=
        (int)sizeof d->user) {
        snprintf(why, size, "'%s': the user's name is longer than %zu bytes", d->entry->name, sizeof d->user - 1);
        return ADIT_EINVAL;
    }
    if (ask->password)
        snprintf(d->password, sizeof d->password, "%s", ask->password);
    else if (c->password_file)
        rc = world->secret(c->password_file, d->password, why, size);
    if (!rc && ask->psk)
        snprintf(d->psk, sizeof d->psk, "%s", ask->psk);
    else if (!rc && c->psk_file)
        rc = world->secret(c->psk_file, d->psk, why, size);
    if (rc)
        return rc;
    bool certificate = c->certificate && c->methods & ADIT_AUTH_EAP_TLS;
    if (!*d->user || (!certificate && !ask->password && !c->password_file)) {
        snprintf(why, size, "'%s': %s is not given, neither with the dial nor in the entry (%s)", d->entry->name,
                 *d->user ? "the password" : "the user's name", *d->user ? "password-file" : "user");
        return ADIT_ENOENT;
    }
    return 0;
}

int32_t dial_begin(const struct dial_ask *ask, struct dial **out, uint32_t *cause, char *why, size_t size)
{
    *cause = ADIT_CAUSE_RESOURCE;
    *out = NULL;
    ADIT_LIST_EACH(n, &all) {
        const struct dial *x = ADIT_OF(n, struct dial, node);
        if (x->entry->owner == ask->entry->owner && !strcmp(x->entry->name, ask->entry->name)) {
            *cause = ADIT_CAUSE_NONE;
            snprintf(why, size, "'%s' is %s already (connection %llu)", x->entry->name,
                     x->state == DIAL_CONNECTED ? "connected" : "being dialled", (unsigned long long)x->handle);
            return ADIT_EEXIST;
        }
    }
    uint32_t same = 0;
    ADIT_LIST_EACH(n, &all)
        same += ADIT_OF(n, struct dial, node)->owner == ask->owner;
    if (ask->owner && same >= USERS_MAX) {
        snprintf(why, size, "%u connections of one user are dialled at once, and no more", USERS_MAX);
        return ADIT_EBUSY;
    }
    struct dial *d = live < CONNECTIONS_MAX ? calloc(1, sizeof *d) : NULL;
    if (!d) {
        snprintf(why, size, "%u connections are dialled at once, and no more", CONNECTIONS_MAX);
        return ADIT_EBUSY;
    }
    d->entry = book_entry_ref(ask->entry);
    d->timer = world->timer_new(fired, d);
    int32_t rc = d->timer ? credentials(d, ask, cause, why, size) : ADIT_ENOMEM;
    if (rc) {
        if (d->timer)
            world->timer_free(d->timer);
        book_entry_unref(d->entry);
        explicit_bzero(d, sizeof *d);
        free(d);
        return rc;
    }
    adit_list_init(&d->watchers);
    d->handle = ++handles;
    d->owner = ask->owner;
    d->demanded = ask->demanded;
    d->standing = ask->standing;
    d->pause_ms = d->entry->c.redial_pause_ms;
    d->state = d->entry->c.dial_first || d->entry->c.before.count ? DIAL_PREPARING : DIAL_RESOLVING;
    adit_list_add(&all, &d->node);
    live++;
    LOG_EVENT("dial", &ev_begun, ADIT_KV_U("handle", d->handle), ADIT_KV_S("entry", d->entry->name),
              ADIT_KV_S("type", book_type_name(d->entry->c.type)), ADIT_KV_U("uid", d->owner));
    later(d, 0, prepare);
    *out = d;
    return 0;
}

void dial_watch(struct dial *d, struct dial_watch *w)
{
    adit_list_add(&d->watchers, &w->node);
}

void dial_unwatch(struct dial_watch *w) { adit_list_del(&w->node); }

struct dial *dial_next(struct dial *d)
{
    struct adit_node *n = d ? d->node.next : all.next;
    return n && n != &all ? ADIT_OF(n, struct dial, node) : NULL;
}

struct dial *dial_find(uint64_t handle)
{
    for (struct dial *d = dial_next(NULL); d; d = dial_next(d))
        if (d->handle == handle)
            return d;
    return NULL;
}

struct dial *dial_of(const struct book_entry *e)
{
    for (struct dial *d = dial_next(NULL); d; d = dial_next(d))
        if (d->entry->owner == e->owner && !strcmp(d->entry->name, e->name))
            return d;
    return NULL;
}

const char *dial_interface(const struct dial *d) { return d->host ? world->host_name(d->host) : ""; }

void dial_counted(const struct dial *d, struct dial_count *out)
{
    struct dial_count c = { 0 };
    if (d->session)
        world->count(d->session, &c);
    *out = (struct dial_count){ d->before.bytes_in + c.bytes_in, d->before.bytes_out + c.bytes_out,
                                d->before.packets_in + c.packets_in, d->before.packets_out + c.packets_out };
}
