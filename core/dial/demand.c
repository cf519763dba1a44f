/* demand.c - demand-dial: interfaces that are there while nobody is connected.
 *
 * Knows:  which packets and hours dial, why an interface is unreachable, whose call is
 *         answered on which.
 * Leaves: dialling to dial, interfaces to the data path, answering to the session room.
 */
#include "dial/demand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include "base/addr.h"
#include "datapath/dp.h"
#include "datapath/dp_filter.h"
#include "datapath/dp_guard.h"
#include "dial/apply.h"
#include "diagnose/cause.h"
#include "log/log.h"
#include "loop/loop.h"

ADIT_EVENT(ev_wanted, "dial.demand.wanted", ADIT_LOG_INFO, "A packet wants through an interface that is down: it is dialled.",
           "interface entry protocol bytes");
ADIT_EVENT(ev_unreachable, "dial.demand.unreachable", ADIT_LOG_WARN,
           "A demand-dial interface cannot be connected; it is tried again for a packet that comes after the pause.",
           "interface entry cause text");
ADIT_EVENT(ev_answered, "dial.demand.answered", ADIT_LOG_NOTICE,
           "A router called that has the name of a demand-dial interface: its call is that interface's.",
           "interface entry address");
ADIT_EVENT(ev_hung_up, "dial.demand.hung-up", ADIT_LOG_NOTICE,
           "The call of a router on a demand-dial interface ended.", "interface entry");

struct demand {
    struct adit_node node;
    struct book_entry *entry;
    struct dp_iface *iface;
    struct dial *dial;
    struct dial_watch watch;
    struct ses *answered;
    struct adit_addr our;       /* of an answered call: what was set */
    enum demand_state state;
    uint32_t cause;
    char text[DIAL_TEXT];
    uint64_t again_at, pause_ms;        /* no packet dials before; 0: at once */
    uint64_t dialled, refused;
    struct loop_timer *persist; /* of one that is persistent */
    bool mark, leaving, armed;
};

static struct adit_node all = { &all, &all };
static struct adit_node leaving = { &leaving, &leaving };      /* out of the book; what runs on them is being ended */
static const struct book *current;
static bool stopping;

const char *demand_state_name(enum demand_state s)
{
    static const char *const names[] = { "disconnected", "connecting", "connected", "unreachable" };
    return names[s];
}

static struct demand *named(const char *entry)
{
    ADIT_LIST_EACH(n, &all) {
        struct demand *d = ADIT_OF(n, struct demand, node);
        if (!strcmp(d->entry->name, entry))
            return d;
    }
    return NULL;
}

static const char *interface_of(const struct book_entry *e) { return e->c.interface ? e->c.interface : e->name; }
static const char *caller_of(const struct book_entry *e) { return e->c.answer_as ? e->c.answer_as : interface_of(e); }

/* ---- dialling -------------------------------------------------------------------------- */

static void unreachable(struct demand *d, uint32_t cause, const char *text)
{
    d->state = DEMAND_UNREACHABLE;
    d->cause = cause;
    snprintf(d->text, sizeof d->text, "%s", text && *text ? text : cause_text(cause));
    LOG_EVENT("dial", &ev_unreachable, ADIT_KV_S("interface", dp_iface_name(d->iface)), ADIT_KV_S("entry", d->entry->name),
              ADIT_KV_S("cause", cause_code(cause)), ADIT_KV_S("text", d->text));
    d->again_at = loop_now() + d->pause_ms;
    d->pause_ms = d->pause_ms * 2 < d->entry->c.redial_pause_max_ms ? d->pause_ms * 2 : d->entry->c.redial_pause_max_ms;
}

static void reachable(struct demand *d, enum demand_state s)
{
    d->state = s;
    d->cause = ADIT_CAUSE_NONE;
    d->text[0] = '\0';
    if (s == DEMAND_CONNECTED) {
        d->again_at = 0;
        d->pause_ms = d->entry->c.redial_pause_ms;
    }
}

static void again(void *u);
static struct loop_idle at_round_end = { .run = again };

/* One that is leaving, and that nothing runs on any more. */
static bool gone(struct demand *d)
{
    if (!d->leaving || d->dial || d->answered)
        return d->leaving;
    adit_list_del(&d->node);
    loop_timer_free(d->persist);
    dp_iface_close(d->iface);
    book_entry_unref(d->entry);
    free(d);
    loop_at_round_end(&at_round_end);   /* another entry may wait for the interface's name */
    return true;
}

/* How it ended by intention. */
static bool intended(uint32_t cause)
{
    return cause == ADIT_CAUSE_HANGUP || cause == ADIT_CAUSE_ADMIN || cause == ADIT_CAUSE_IDLE_TIMEOUT ||
           cause == ADIT_CAUSE_SHUTDOWN || cause == ADIT_CAUSE_SESSION_TIMEOUT;
}

static void changed(void *u, struct dial *x)
{
    struct demand *d = u;
    bool was = d->state == DEMAND_CONNECTED;
    switch (x->state) {
    case DIAL_CONNECTED:
        reachable(d, DEMAND_CONNECTED);
        break;
    case DIAL_WAITING:
        unreachable(d, x->cause, x->text);
        break;
    case DIAL_DISCONNECTED:
        dial_unwatch(&d->watch);        /* gone() frees it */
        d->dial = NULL;
        if (d->answered || gone(d))
            break;
        if (intended(x->cause) || (was && x->cause == ADIT_CAUSE_PEER_HANGUP))
            reachable(d, DEMAND_DISCONNECTED);
        else
            unreachable(d, x->cause, x->text);
        break;
    default:
        if (d->state != DEMAND_UNREACHABLE)
            d->state = DEMAND_CONNECTING;
    }
}

static int32_t begin(struct demand *d, struct dial_ask *ask, struct dial **out, uint32_t *cause, char *why, size_t size)
{
    ask->demanded = true;
    ask->standing = d->iface;
    if (d->answered) {
        *cause = ADIT_CAUSE_NONE;
        snprintf(why, size, "'%s' is connected already: the other end called", d->entry->name);
        return ADIT_EEXIST;
    }
    int32_t rc = dial_begin(ask, out, cause, why, size);
    if (rc)
        return rc;
    d->dial = *out;
    d->watch = (struct dial_watch){ .changed = changed, .u = d };
    dial_watch(*out, &d->watch);
    d->state = DEMAND_CONNECTING;
    return 0;
}

int32_t demand_begin(struct dial_ask *ask, struct dial **out, uint32_t *cause, char *why, size_t size)
{
    struct demand *d = named(ask->entry->name);
    *cause = ADIT_CAUSE_RESOURCE;
    if (d)
        return begin(d, ask, out, cause, why, size);
    snprintf(why, size, "'%s' has no interface; see the log", ask->entry->name);
    return ADIT_ENOENT;
}

static void by_itself(struct demand *d)
{
    struct dial_ask ask = { .entry = d->entry };
    struct dial *x;
    uint32_t cause;
    char why[DIAL_TEXT] = "";
    if (d->dial || d->answered)
        return;
    if (begin(d, &ask, &x, &cause, why, sizeof why))
        unreachable(d, cause, why);
}

static bool within_hours(const struct demand *d)
{
    struct tm tm;
    time_t t = (time_t)(loop_wall() / 1000);
    return !localtime_r(&t, &tm) ||
           book_hours_now(&d->entry->c.dial_hours, (uint32_t)(tm.tm_wday + 6) % 7, (uint32_t)(tm.tm_hour * 60 + tm.tm_min));
}

static struct dp_filter *filter_of(const char *name)
{
    struct dp_named_info i;
    for (uint32_t n = 0; dp_filter_nth(n, &i); n++)
        if (i.listed && !strcmp(i.name, name))
            return (struct dp_filter *)(uintptr_t)i.filter;     /* its counters count */
    return NULL;
}

static bool nobody(const void *u, const uint8_t *ip, unsigned version)
{
    (void)u;
    (void)ip;
    (void)version;
    return false;
}

static bool admitted(const struct demand *d, const uint8_t *packet, size_t len)
{
    struct dp_filter *f = d->entry->c.dial_filter ? filter_of(d->entry->c.dial_filter) : NULL;
    struct dp_who who = { nobody, NULL };
    struct dp_hdr h;
    struct dp_look l;
    if (!d->entry->c.dial_filter)
        return true;
    return f && dp_parse(packet, (uint32_t)len, &h) && dp_look(packet, &h, &l) && dp_filter_pass(f, &l, &who);
}

/* What the kernel says for itself is nobody's wish: router solicitations, multicast
 * listeners. */
static bool own_chatter(uint16_t proto, const uint8_t *p, size_t len)
{
    return proto == 0x0057 && len >= 40 && p[24] == 0xff;
}

static void wanted(void *u, uint16_t proto, const uint8_t *packet, size_t len)
{
    struct demand *d = u;
    if (stopping || d->dial || d->answered || own_chatter(proto, packet, len))
        return;
    if (d->again_at > loop_now()) {
        d->refused++;
        return;
    }
    if (!admitted(d, packet, len)) {
        d->refused++;
        return;
    }
    if (!within_hours(d)) {
        d->refused++;
        unreachable(d, ADIT_CAUSE_HOURS, "Not within the hours at which it may be dialled (dial-hours).");
        d->again_at = loop_now() + 1000;        /* the hour may come any minute */
        d->pause_ms = d->entry->c.redial_pause_ms;
        return;
    }
    d->dialled++;
    LOG_EVENT("dial", &ev_wanted, ADIT_KV_S("interface", dp_iface_name(d->iface)), ADIT_KV_S("entry", d->entry->name),
              ADIT_KV_U("protocol", proto), ADIT_KV_U("bytes", len));
    by_itself(d);
}

static void persist(void *u)
{
    by_itself(u);
}

/* ---- the other end calls ------------------------------------------------------------------ */

/* A name with a domain is the same router. */
static bool same_name(const char *user, const char *caller)
{
    const char *back = strrchr(user, '\\');
    if (!strcasecmp(user, caller) || (back && !strcasecmp(back + 1, caller)))
        return true;
    const char *at = strchr(user, '@');
    size_t n = strlen(caller);
    return at && (size_t)(at - user) == n && strncasecmp(user, caller, n) == 0;
}

static struct dp_iface *iface_for(void *u, const char *user)
{
    (void)u;
    ADIT_LIST_EACH(n, &all) {
        struct demand *d = ADIT_OF(n, struct demand, node);
        if (same_name(user, caller_of(d->entry)))
            return d->iface;
    }
    return NULL;
}

static struct demand *of_iface(const struct dp_iface *i)
{
    struct adit_node *const lists[] = { &all, &leaving };
    for (size_t k = 0; k < 2; k++)
        ADIT_LIST_EACH(n, lists[k])
            if (ADIT_OF(n, struct demand, node)->iface == i)
                return ADIT_OF(n, struct demand, node);
    return NULL;
}

static void answered(void *u, struct dp_iface *i, struct ses *s, const struct ses_dialled *is)
{
    struct demand *d = of_iface(i);
    (void)u;
    if (!d)
        return;
    bool again = d->answered == s;
    d->answered = s;
    if (d->dial && d->dial->state != DIAL_CONNECTED)    /* both called at once */
        dial_hangup(d->dial, ADIT_CAUSE_ADMIN, "The other end has called meanwhile.");
    if (d->our.family && !addr_equal(&d->our, &is->our))
        (void)dp_iface_addr(i, &d->our, NULL, false);
    d->our = is->our;
    if (d->our.family)
        (void)dp_iface_addr(i, &d->our, &is->peer, true);
    apply_routes(i, d->entry, true);
    reachable(d, DEMAND_CONNECTED);
    if (!again)
        LOG_EVENT("dial", &ev_answered, ADIT_KV_S("interface", dp_iface_name(i)), ADIT_KV_S("entry", d->entry->name),
                  ADIT_KV_ADDR("address", &is->peer));
}

static void hung_up(void *u, struct dp_iface *i, struct ses *s)
{
    struct demand *d = of_iface(i);
    (void)u;
    if (!d || d->answered != s)
        return;
    if (d->our.family)
        (void)dp_iface_addr(i, &d->our, NULL, false);
    d->our = (struct adit_addr){ .family = ADIT_AF_NONE };
    apply_routes(i, d->entry, true);    /* the kernel took them with the address */
    d->answered = NULL;
    LOG_EVENT("dial", &ev_hung_up, ADIT_KV_S("interface", dp_iface_name(i)), ADIT_KV_S("entry", d->entry->name));
    if (gone(d))
        return;
    reachable(d, DEMAND_DISCONNECTED);
    if (d->persist && !stopping)
        loop_timer_set(d->persist, d->entry->c.redial_pause_ms);
}

static const struct ses_iface_ops iface_ops = { iface_for, answered, hung_up };

/* ---- the list -------------------------------------------------------------------------------- */

static void leave(struct demand *d)
{
    static const char why[] = "The entry is no longer in the phone book.";
    adit_list_del(&d->node);
    adit_list_add(&leaving, &d->node);
    d->leaving = true;
    if (d->persist)
        loop_timer_stop(d->persist);
    if (d->dial)
        dial_hangup(d->dial, ADIT_CAUSE_ADMIN, why);
    if (d->answered)
        ses_drop(d->answered, ADIT_CAUSE_ADMIN, why);
    (void)gone(d);
}

static void add(struct book_entry *e)
{
    struct demand *d = calloc(1, sizeof *d);
    struct dp_iface_cfg cfg = { .name = interface_of(e), .mtu = e->c.mtu ? e->c.mtu : 1400, .wanted = wanted, .u = d };
    if (!d || dp_iface_open(&cfg, &d->iface)) {
        log_fail("dial", ADIT_EIO, "entry '%s': its interface %s cannot be made", e->name, cfg.name);
        free(d);
        return;
    }
    d->entry = book_entry_ref(e);
    d->pause_ms = e->c.redial_pause_ms;
    d->mark = true;
    adit_list_add(&all, &d->node);
    apply_routes(d->iface, e, true);
}

static void change(struct demand *d, struct book_entry *e)
{
    d->mark = true;
    if (d->entry == e)
        return;
    apply_routes(d->iface, d->entry, false);
    apply_routes(d->iface, e, true);
    book_entry_ref(e);
    book_entry_unref(d->entry);
    d->entry = e;
    d->again_at = 0;
    d->armed = false;
    d->pause_ms = e->c.redial_pause_ms;
    if (d->state == DEMAND_UNREACHABLE && !d->dial)
        reachable(d, DEMAND_DISCONNECTED);
}

/* Of those that are new or changed: one that was hung up stays down over a reload. */
static void arm(struct demand *d)
{
    if (d->armed)
        return;
    d->armed = true;
    if (!d->entry->c.persistent) {
        loop_timer_free(d->persist);
        d->persist = NULL;
        return;
    }
    if (!d->persist)
        d->persist = loop_timer_new(persist, d);
    if (d->persist)
        loop_timer_set(d->persist, 0);
}

void demand_apply(const struct book *b)
{
    struct book_entry *e;
    stopping = false;
    current = b;
    ADIT_LIST_EACH(n, &all)
        ADIT_OF(n, struct demand, node)->mark = false;
    for (uint32_t i = 0; (e = book_nth(b, i)); i++) {
        struct demand *d = e->c.demand_dial ? named(e->name) : NULL;
        if (d && !strcmp(dp_iface_name(d->iface), interface_of(e)))
            change(d, e);
    }
    ADIT_LIST_EACH(n, &all)
        if (!ADIT_OF(n, struct demand, node)->mark)
            leave(ADIT_OF(n, struct demand, node));
    for (uint32_t i = 0; (e = book_nth(b, i)); i++)
        if (e->c.demand_dial && !named(e->name))
            add(e);
    ADIT_LIST_EACH(n, &all)
        arm(ADIT_OF(n, struct demand, node));
    ses_iface_for(adit_list_empty(&all) ? NULL : &iface_ops, NULL);
}

static void again(void *u)
{
    (void)u;
    if (!stopping)
        demand_apply(current);
}

void demand_stop(void)
{
    struct adit_node *const lists[] = { &all, &leaving };
    stopping = true;
    ses_iface_for(NULL, NULL);
    for (size_t k = 0; k < 2; k++)
        ADIT_LIST_EACH(n, lists[k]) {
            struct demand *d = ADIT_OF(n, struct demand, node);
            d->dial = NULL;
            d->answered = NULL;
            d->leaving = true;
            (void)gone(d);
        }
    loop_round_end_cancel(&at_round_end);
}

bool demand_nth(uint32_t nth, struct demand_info *out)
{
    ADIT_LIST_EACH(n, &all) {
        const struct demand *d = ADIT_OF(n, struct demand, node);
        if (nth--)
            continue;
        *out = (struct demand_info){ d->entry, dp_iface_name(d->iface), d->state, d->cause, d->text, d->dial,
                                     d->answered, d->dialled, d->refused };
        return true;
    }
    return false;
}
