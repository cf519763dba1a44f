/* dhcp_lease.c - the states of one lease (RFC 2131 section 4.4 and figure 5).
 *
 * Knows:  which answer is one in which state, when to say what again, when to renew.
 * Leaves: bytes to dhcp_msg, sockets, clocks and whose lease it is to dhcp_io.
 *
 * Departures from figure 5, for a client that holds leases on behalf of others: a lease
 * that ends goes to INIT and stays there, because the session that used it ends too.
 * States that wait for an answer have a limit (SILENT): somebody waits for a login.
 */
#include "dhcp_lease.h"

#define RESTARTS 3u             /* after NAK or conflict, until it is enough */
#define RESEND_MOST 64000u      /* section 4.1 */
#define RENEW_LEAST 60000u      /* section 4.4.5 */

static const char *const state_names[DHCP_STATES] = {
    [DHCP_INIT] = "init", [DHCP_SELECTING] = "selecting", [DHCP_REQUESTING] = "requesting",
    [DHCP_BOUND] = "bound", [DHCP_RENEWING] = "renewing", [DHCP_REBINDING] = "rebinding",
    [DHCP_INIT_REBOOT] = "init-reboot", [DHCP_REBOOTING] = "rebooting",
};
static const char *const event_names[DHCP_EVENTS] = {
    [DHCP_EV_BEGIN] = "begin", [DHCP_EV_OFFER] = "offer", [DHCP_EV_ACK] = "ack",
    [DHCP_EV_NAK] = "nak", [DHCP_EV_CHOSEN] = "chosen", [DHCP_EV_CONFLICT] = "conflict",
    [DHCP_EV_AGAIN] = "again", [DHCP_EV_SILENT] = "silent", [DHCP_EV_T1] = "t1",
    [DHCP_EV_T2] = "t2", [DHCP_EV_EXPIRED] = "expired",
};

const char *dhcp_state_name(enum dhcp_state s) { return state_names[s]; }
const char *dhcp_event_name(enum dhcp_event e) { return event_names[e]; }

/* What an event is about. */
struct on {
    enum dhcp_event event;
    uint64_t now;
    const struct dhcp_heard *m; /* OFFER, ACK, NAK, CONFLICT */
    uint32_t from, rank;
};

static void step(struct dhcp_lease *l, const struct on *on);

/* ---- times --------------------------------------------------------------------- */

static uint64_t sooner(uint64_t a, uint64_t b) { return a < b ? a : b; }

static uint64_t after(uint64_t from, uint32_t s)
{
    return s == DHCP_FOREVER ? DHCP_NEVER : from + (uint64_t)s * 1000;
}

/* Section 4.1: doubled each time, up to a minute, a quarter more or less. */
static uint64_t resend_at(const struct dhcp_lease *l, uint64_t now)
{
    uint64_t wait = l->times->retry_ms;
    for (uint8_t i = 1; i < l->tries && wait < RESEND_MOST; i++)
        wait *= 2;
    if (wait > RESEND_MOST)
        wait = RESEND_MOST;
    return now + wait - wait / 4 + l->ops->random(l->u) % (wait / 2 + 1);
}

/* Section 4.4.5: half of what is left, not less than a minute; but a lease of minutes
 * would get a single try that way. */
static uint64_t renew_again_at(const struct dhcp_lease *l, uint64_t until, uint64_t now)
{
    uint64_t half = until > now ? (until - now) / 2 : 0;
    uint64_t least = sooner(RENEW_LEAST, (uint64_t)l->facts.lease_s * 1000 / 16);
    if (least < 1000)
        least = 1000;
    return now + (half > least ? half : least);
}

/* When something is to be done next, by state. */
static void set_due(struct dhcp_lease *l)
{
    uint64_t due = DHCP_NEVER;
    switch (l->state) {
    case DHCP_SELECTING:
    case DHCP_REBOOTING:
        due = sooner(sooner(l->resend_ms, l->until_ms), l->deadline_ms);
        break;
    case DHCP_REQUESTING:
        due = sooner(l->resend_ms, l->deadline_ms);
        break;
    case DHCP_BOUND:
        due = l->t1_ms;
        break;
    case DHCP_RENEWING:
        due = sooner(l->resend_ms, l->t2_ms);
        break;
    case DHCP_REBINDING:
        due = sooner(l->resend_ms, l->expires_ms);
        break;
    default:
        break;
    }
    l->due_ms = due;
}

/* ---- sending ------------------------------------------------------------------------ */

/* The fields of RFC 2131 table 5 and section 4.3.6, by type and state. */
static void say(struct dhcp_lease *l, uint8_t type, enum dhcp_state state, uint64_t now)
{
    uint64_t secs = type == DHCP_RELEASE || now < l->began_ms ? 0 : (now - l->began_ms) / 1000;
    struct dhcp_say m = { .type = type, .xid = l->xid,
                          .secs = (uint16_t)(secs < 0xffff ? secs : 0xffff) };
    enum dhcp_to to = DHCP_TO_ALL;
    switch (type) {
    case DHCP_DISCOVER:
        m.requested = l->wanted;
        break;
    case DHCP_REQUEST:
        if (state == DHCP_REQUESTING) {
            m.requested = l->facts.address;
            m.server_id = l->facts.server_id;
        } else if (state == DHCP_REBOOTING) {
            m.requested = l->facts.address;
        } else {
            m.ciaddr = l->facts.address;
            to = state == DHCP_RENEWING ? DHCP_TO_ONE : DHCP_TO_ALL;
        }
        break;
    case DHCP_DECLINE:
        m.requested = l->facts.address;
        m.server_id = l->facts.server_id;
        break;
    default:                    /* DHCP_RELEASE */
        m.ciaddr = l->facts.address;
        m.server_id = l->facts.server_id;
        to = DHCP_TO_ONE;
        break;
    }
    l->ops->send(l->u, &m, to);
}

static void discover(struct dhcp_lease *l, uint64_t now)
{
    l->xid = l->ops->xid(l->u);
    l->rank = DHCP_NO_RANK;
    l->until_ms = DHCP_NEVER;
    l->tries = 1;
    l->resend_ms = resend_at(l, now);
    say(l, DHCP_DISCOVER, DHCP_SELECTING, now);
}

/* An exchange of its own: a renewal, or a question about a lease of before. */
static void request(struct dhcp_lease *l, enum dhcp_state state, uint64_t until, uint64_t now)
{
    l->xid = l->ops->xid(l->u);
    l->began_ms = l->sent_ms = now;
    l->tries = 1;
    l->resend_ms = until == DHCP_NEVER ? resend_at(l, now) : renew_again_at(l, until, now);
    say(l, DHCP_REQUEST, state, now);
}

/* ---- what moves do -------------------------------------------------------------------- */

static void begin(struct dhcp_lease *l, const struct on *on) { discover(l, on->now); }

static void reboot(struct dhcp_lease *l, const struct on *on)
{
    request(l, DHCP_REBOOTING, DHCP_NEVER, on->now);
    /* a third of the time; the rest is for a new lease */
    l->until_ms = on->now + (l->deadline_ms - on->now) / 3;
}

static void collect(struct dhcp_lease *l, const struct on *on)
{
    if (on->rank >= l->rank)
        return;
    l->facts = on->m->facts;
    l->expires_ms = 0;          /* what it was is forgotten */
    l->server_at = on->from;
    l->rank = on->rank;
    if (l->until_ms == DHCP_NEVER)
        l->until_ms = on->now + l->times->collect_ms;
}

static void take_offer(struct dhcp_lease *l, const struct on *on)
{
    l->tries = 1;
    l->sent_ms = on->now;
    if (l->deadline_ms < on->now + 1000)
        l->deadline_ms = on->now + 1000;        /* what was offered late is still wanted */
    l->resend_ms = resend_at(l, on->now);
    say(l, DHCP_REQUEST, DHCP_REQUESTING, on->now);
}

static void again(struct dhcp_lease *l, const struct on *on)
{
    if (l->tries < 255)
        l->tries++;
    switch (l->state) {
    case DHCP_SELECTING:
        l->resend_ms = resend_at(l, on->now);
        say(l, DHCP_DISCOVER, l->state, on->now);
        return;
    case DHCP_RENEWING:
        l->resend_ms = renew_again_at(l, l->t2_ms, on->now);
        break;
    case DHCP_REBINDING:
        l->resend_ms = renew_again_at(l, l->expires_ms, on->now);
        break;
    default:
        l->resend_ms = resend_at(l, on->now);
        break;
    }
    say(l, DHCP_REQUEST, l->state, on->now);
}

/* The times of section 4.4.5 count from the request; the renewals of leases that
 * began together are spread. An answer to an earlier copy of it counts as one to the
 * first: shorter is safe. */
static void set_times(struct dhcp_lease *l, uint64_t now)
{
    const struct dhcp_facts *f = &l->facts;
    l->expires_ms = after(l->sent_ms, f->lease_s);
    l->t2_ms = after(l->sent_ms, f->t2_s);
    l->t1_ms = after(l->sent_ms, f->t1_s);
    if (l->t1_ms == DHCP_NEVER)
        return;
    l->t1_ms -= (uint64_t)l->ops->random(l->u) % ((uint64_t)f->t1_s * 50 + 1);
    if (l->t1_ms < now + 1000)
        l->t1_ms = now + 1000;
}

static void bind_first(struct dhcp_lease *l, const struct on *on)
{
    l->facts = on->m->facts;
    l->server_at = on->from;
    set_times(l, on->now);
    l->ops->bound(l->u, true, true);
}

static void bind_again(struct dhcp_lease *l, const struct on *on)
{
    struct dhcp_facts f = on->m->facts;
    if (!f.server_id)
        f.server_id = l->facts.server_id;
    bool changed = !dhcp_facts_equal(&l->facts, &f);
    l->facts = f;
    l->server_at = on->from;
    set_times(l, on->now);
    l->ops->bound(l->u, false, changed);
}

static void renew(struct dhcp_lease *l, const struct on *on)
{
    request(l, DHCP_RENEWING, l->t2_ms, on->now);
}

static void rebind(struct dhcp_lease *l, const struct on *on)
{
    request(l, DHCP_REBINDING, l->expires_ms, on->now);
}

static void halt(struct dhcp_lease *l, const struct on *on)
{
    l->ops->ended(l->u, on->event == DHCP_EV_NAK ? DHCP_END_NAK : DHCP_END_EXPIRED,
                  on->m ? on->m->text : "");
}

/* From the beginning, as long as there is time and it is not for ever. */
static void restart(struct dhcp_lease *l, const struct on *on)
{
    bool conflict = on->event == DHCP_EV_CONFLICT;
    l->refused = false;         /* what comes to the next question counts */
    if (on->event != DHCP_EV_SILENT) {
        l->expires_ms = 0;      /* the lease that was stored is none any more */
    } else if (!l->wanted) {
        l->wanted = l->facts.address;
    }
    if (l->restarts++ < RESTARTS && on->now < l->deadline_ms && !(conflict && l->only_wanted)) {
        if (conflict)
            l->wanted = 0;
        step(l, &(struct on){ .event = DHCP_EV_BEGIN, .now = on->now });
    } else {
        l->ops->ended(l->u, conflict ? DHCP_END_CONFLICT : on->m ? DHCP_END_REFUSED :
                      DHCP_END_SILENT, on->m ? on->m->text : "");
    }
}

/* Section 3.1 number 5: the server must not offer it for a while. */
static void decline(struct dhcp_lease *l, const struct on *on)
{
    l->facts = on->m->facts;
    say(l, DHCP_DECLINE, DHCP_REQUESTING, on->now);
    restart(l, on);
}

static void silent(struct dhcp_lease *l, const struct on *on)
{
    (void)on;
    l->ops->ended(l->u, l->refused ? DHCP_END_REFUSED : DHCP_END_SILENT, "");
}

/* The answer may be what was lost. */
static void give_up(struct dhcp_lease *l, const struct on *on)
{
    say(l, DHCP_RELEASE, DHCP_REQUESTING, on->now);
    silent(l, on);
}

static void discard(struct dhcp_lease *l, const struct on *on)
{
    (void)l;
    (void)on;
}

/* ---- the table ---------------------------------------------------------------------------- */

struct move {
    void (*act)(struct dhcp_lease *l, const struct on *on);
    const char *name;
    enum dhcp_state next;
};
#define GO(act, next) { act, #act, DHCP_##next }

// clang-format off
static const struct move table[DHCP_STATES][DHCP_EVENTS] = {
[DHCP_INIT_REBOOT] = {
    [DHCP_EV_BEGIN]    = GO(reboot, REBOOTING) },
[DHCP_REBOOTING] = {
    [DHCP_EV_ACK]      = GO(bind_first, BOUND),
    [DHCP_EV_NAK]      = GO(restart, INIT),
    [DHCP_EV_CONFLICT] = GO(decline, INIT),
    [DHCP_EV_AGAIN]    = GO(again, REBOOTING),
    [DHCP_EV_SILENT]   = GO(restart, INIT) },
[DHCP_INIT] = {
    [DHCP_EV_BEGIN]    = GO(begin, SELECTING) },
[DHCP_SELECTING] = {
    [DHCP_EV_OFFER]    = GO(collect, SELECTING),
    [DHCP_EV_CHOSEN]   = GO(take_offer, REQUESTING),
    [DHCP_EV_AGAIN]    = GO(again, SELECTING),
    [DHCP_EV_SILENT]   = GO(silent, INIT) },
[DHCP_REQUESTING] = {
    [DHCP_EV_OFFER]    = GO(discard, REQUESTING),
    [DHCP_EV_ACK]      = GO(bind_first, BOUND),
    [DHCP_EV_NAK]      = GO(restart, INIT),
    [DHCP_EV_CONFLICT] = GO(decline, INIT),
    [DHCP_EV_AGAIN]    = GO(again, REQUESTING),
    [DHCP_EV_SILENT]   = GO(give_up, INIT) },
[DHCP_BOUND] = {
    [DHCP_EV_OFFER]    = GO(discard, BOUND),
    [DHCP_EV_ACK]      = GO(discard, BOUND),
    [DHCP_EV_NAK]      = GO(discard, BOUND),
    [DHCP_EV_T1]       = GO(renew, RENEWING) },
[DHCP_RENEWING] = {
    [DHCP_EV_ACK]      = GO(bind_again, BOUND),
    [DHCP_EV_NAK]      = GO(halt, INIT),
    [DHCP_EV_AGAIN]    = GO(again, RENEWING),
    [DHCP_EV_T2]       = GO(rebind, REBINDING) },
[DHCP_REBINDING] = {
    [DHCP_EV_ACK]      = GO(bind_again, BOUND),
    [DHCP_EV_NAK]      = GO(halt, INIT),
    [DHCP_EV_AGAIN]    = GO(again, REBINDING),
    [DHCP_EV_EXPIRED]  = GO(halt, INIT) },
};
// clang-format on

void dhcp_lease_table(void (*cell)(void *u, const char *state, const char *event,
                                   const char *action, const char *next), void *u)
{
    for (unsigned s = 0; s < DHCP_STATES; s++)
        for (unsigned e = 0; e < DHCP_EVENTS; e++)
            if (table[s][e].act)
                cell(u, state_names[s], event_names[e], table[s][e].name,
                     state_names[table[s][e].next]);
}

/* The state is the next one while the action runs, but for what is said again: only
 * that depends on where it stands, and it stays there. */
static void step(struct dhcp_lease *l, const struct on *on)
{
    const struct move *go = &table[l->state][on->event];
    enum dhcp_state from = l->state;
    if (!go->act)
        return;
    l->state = go->next;
    if (from != go->next)
        l->ops->moved(l->u, from, on->event, go->next);
    go->act(l, on);
    set_due(l);
}

/* ---- from outside --------------------------------------------------------------------------- */

void dhcp_lease_init(struct dhcp_lease *l, const struct dhcp_times *t,
                     const struct dhcp_lease_ops *ops, void *u)
{
    memset(l, 0, sizeof *l);
    l->times = t;
    l->ops = ops;
    l->u = u;
    l->due_ms = l->resend_ms = l->until_ms = DHCP_NEVER;
}

void dhcp_lease_stored(struct dhcp_lease *l, const struct dhcp_facts *f, uint32_t server_at,
                       uint64_t t1_ms, uint64_t t2_ms, uint64_t expires_ms)
{
    l->state = DHCP_INIT_REBOOT;
    l->facts = *f;
    l->server_at = server_at;
    l->t1_ms = t1_ms;
    l->t2_ms = t2_ms;
    l->expires_ms = expires_ms;
    l->due_ms = expires_ms;     /* nobody has to know of it any more */
}

void dhcp_lease_begin(struct dhcp_lease *l, uint64_t quick_ms, uint64_t now)
{
    l->began_ms = now;
    l->deadline_ms = now + (quick_ms ? quick_ms : l->times->timeout_ms);
    l->restarts = 0;
    l->refused = false;
    step(l, &(struct on){ .event = DHCP_EV_BEGIN, .now = now });
}

/* An ACK of the address that was asked for; in REQUESTING, of the server that was. */
static bool fits(const struct dhcp_lease *l, const struct dhcp_facts *f)
{
    if (f->address != l->facts.address || !f->lease_s)
        return false;
    return l->state != DHCP_REQUESTING || f->server_id == l->facts.server_id;
}

void dhcp_lease_rx(struct dhcp_lease *l, const struct dhcp_heard *m, uint32_t from, uint32_t rank,
                   uint64_t now)
{
    struct on on = { .now = now, .m = m, .from = from, .rank = rank };
    const struct dhcp_facts *f = &m->facts;
    switch (m->type) {
    case DHCP_OFFER:
        on.event = DHCP_EV_OFFER;
        if (l->state == DHCP_SELECTING && (!f->server_id || f->lease_s < l->times->least_s ||
                                           rank == DHCP_NO_RANK)) {
            /* it was no silence; a better one would come now, or does not */
            l->refused = true;
            if (l->until_ms == DHCP_NEVER)
                l->until_ms = now + l->times->collect_ms;
            set_due(l);
            return;
        }
        break;
    case DHCP_ACK:
        on.event = DHCP_EV_ACK;
        if (l->state == DHCP_BOUND)
            break;              /* the second answer to something that was said twice */
        if (!fits(l, f))
            return;
        if (!dhcp_lease_held(l) && !l->ops->is_free(l->u, f->address))
            on.event = DHCP_EV_CONFLICT;
        break;
    case DHCP_NAK:
        on.event = DHCP_EV_NAK;
        if (l->state == DHCP_REQUESTING && f->server_id != l->facts.server_id)
            return;
        break;
    default:
        return;
    }
    step(l, &on);
    if (l->state == DHCP_SELECTING && l->rank == 0)
        step(l, &(struct on){ .event = DHCP_EV_CHOSEN, .now = now });
}

/* What is due now, the most final first. */
static bool due_event(const struct dhcp_lease *l, uint64_t now, enum dhcp_event *e)
{
    switch (l->state) {
    case DHCP_SELECTING:
        *e = l->rank == DHCP_NO_RANK ? DHCP_EV_SILENT : DHCP_EV_CHOSEN;
        if (now >= l->until_ms || now >= l->deadline_ms)
            return true;
        if (now >= l->resend_ms && l->tries > 1 && l->rank == DHCP_NO_RANK &&
            l->ops->hopeless(l->u))
            return true;
        break;
    case DHCP_REBOOTING:
        if (now >= l->until_ms)
            return *e = DHCP_EV_SILENT, true;
        /* fall through */
    case DHCP_REQUESTING:
        if (now >= l->deadline_ms)
            return *e = DHCP_EV_SILENT, true;
        break;
    case DHCP_BOUND:
        if (now >= l->t1_ms)
            return *e = DHCP_EV_T1, true;
        return false;
    case DHCP_RENEWING:
        if (now >= l->t2_ms)
            return *e = DHCP_EV_T2, true;
        break;
    case DHCP_REBINDING:
        if (now >= l->expires_ms)
            return *e = DHCP_EV_EXPIRED, true;
        break;
    default:
        return false;
    }
    *e = DHCP_EV_AGAIN;
    return now >= l->resend_ms;
}

void dhcp_lease_tick(struct dhcp_lease *l, uint64_t now)
{
    enum dhcp_event e;
    /* BOUND to the end in one go, when the clock stood still for long */
    for (int i = 0; i < 4 && due_event(l, now, &e); i++)
        step(l, &(struct on){ .event = e, .now = now });
}

void dhcp_lease_resume(struct dhcp_lease *l, uint64_t now)
{
    enum dhcp_state from = l->state;
    l->state = DHCP_BOUND;
    l->ops->moved(l->u, from, DHCP_EV_SILENT, DHCP_BOUND);
    if (l->t1_ms < now + 1000)
        l->t1_ms = now + 1000;
    set_due(l);
    l->ops->bound(l->u, true, true);
}

void dhcp_lease_nudge(struct dhcp_lease *l, uint64_t now)
{
    if (dhcp_lease_held(l))
        step(l, &(struct on){ .event = l->state == DHCP_BOUND ? DHCP_EV_T1 : DHCP_EV_AGAIN,
                              .now = now });
}

void dhcp_lease_release(struct dhcp_lease *l)
{
    if (dhcp_lease_held(l) || l->state == DHCP_REQUESTING || l->state == DHCP_INIT_REBOOT ||
        l->state == DHCP_REBOOTING) {
        if (!l->xid)
            l->xid = l->ops->xid(l->u);
        say(l, DHCP_RELEASE, l->state, 0);
    }
    l->state = DHCP_INIT;
    set_due(l);
}
