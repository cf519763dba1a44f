/* ctl_dial.c - what `adit` and libadit can ask the dialler.
 *
 * Knows:  the verbs dial.*, the shape of their JSON (adit-control(7) describes it), who
 *         may see and end which connection.
 * Leaves: dialling to dial.
 */
#include "control/ctl.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/addr.h"
#include "dial/demand.h"
#include "dial/dial_io.h"
#include "diagnose/cause.h"
#include "loop/loop.h"

#define ENTRY_MAX 65536u        /* bytes of an entry in a request */

/* ---- values -------------------------------------------------------------------------- */

static void set(json_t *o, const char *key, json_t *value_taken) { json_object_set_new(o, key, value_taken); }
static json_t *text_of(const char *s) { return ctl_text(s ? s : "", s ? strlen(s) : 0); }
static json_t *num(uint64_t v) { return json_integer((json_int_t)v); }

static json_t *host_of(const struct adit_addr *a)
{
    char text[ADDR_TEXT];
    return json_string(a->family ? addr_text_host(a, text) : "");
}

static json_t *when(uint64_t wall_ms)
{
    char text[40] = "";
    time_t t = (time_t)(wall_ms / 1000);
    struct tm tm;
    if (wall_ms && gmtime_r(&t, &tm))
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return json_string(text);
}

static const char *encryption_name(const struct dial *d)
{
    switch (d->is.encryption) {
    case ADIT_ENC_40:  return "mppe-40";
    case ADIT_ENC_56:  return "mppe-56";
    case ADIT_ENC_128: return "mppe-128";
    default:           return d->is.secured ? "ipsec" : "none";
    }
}

static json_t *dns_of(const struct dial *d)
{
    json_t *list = json_array();
    const struct book_conf *c = &d->entry->c;
    for (uint32_t i = 0; i < c->dns_servers.count; i++)
        json_array_append_new(list, host_of(book_addr(&c->dns_servers, i)));
    for (uint32_t i = 0; c->dns && !c->dns_servers.count && i < SES_DNS && d->is.dns[i].family; i++)
        json_array_append_new(list, host_of(&d->is.dns[i]));
    return list;
}

static json_t *owner_of(uint32_t uid)
{
    char buf[1024], number[16];
    struct passwd pw, *found = NULL;
    if (uid == BOOK_SYSTEM)
        return json_string("system");
    if (getpwuid_r(uid, &pw, buf, sizeof buf, &found) == 0 && found)
        return text_of(pw.pw_name);
    snprintf(number, sizeof number, "%u", uid);
    return json_string(number);
}

/* ---- who may ------------------------------------------------------------------------------ */

static bool sees(uint32_t uid, const struct dial *d) { return uid == 0 || d->owner == uid; }

static struct dial *own_by_name(uint32_t uid, const char *name)
{
    struct dial *other = NULL;
    for (struct dial *d = dial_next(NULL); d; d = dial_next(d))
        if (sees(uid, d) && !strcmp(d->entry->name, name)) {
            if (d->owner == uid)
                return d;
            other = d;
        }
    return other;
}

/* ---- what a follower hears ---------------------------------------------------------------- */

struct follower {
    struct ctl_call *call;
    struct dial_watch watch;
    struct dial *dial;          /* NULL: it is over */
    bool begins;                /* who dialled: without it the attempt ends */
};

static void said(struct follower *f)
{
    struct ctl_call *c = f->call;
    dial_unwatch(&f->watch);
    free(f);
    ctl_said(c);
}

static void connected_json(json_t *o, const struct dial *d)
{
    set(o, "interface", text_of(dial_interface(d)));
    set(o, "address", host_of(&d->is.our));
    set(o, "address6", host_of(&d->is.our6));
    set(o, "peer", host_of(&d->is.peer));
    set(o, "server", host_of(&d->server));
    set(o, "protocol", text_of(book_type_name(d->type)));
    set(o, "dns", dns_of(d));
    set(o, "method", text_of(d->method));
    set(o, "encryption", text_of(encryption_name(d)));
    set(o, "mtu", num(d->is.mtu));
    set(o, "over", num(d->over ? d->over->handle : 0));
}

static json_t *tried_json(const struct dial *d)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < d->tried_count; i++) {
        const struct dial_tried *t = &d->tried[i];
        json_t *o = json_object();
        set(o, "type", text_of(book_type_name(t->type)));
        set(o, "server", host_of(&t->server));
        set(o, "ras", num(cause_ras(t->cause)));
        set(o, "code", text_of(cause_code(t->cause)));
        set(o, "text", text_of(t->text));
        json_array_append_new(list, o);
    }
    return list;
}

static void cause_json(json_t *o, uint32_t cause, const char *text)
{
    set(o, "ras", num(cause_ras(cause)));
    set(o, "code", text_of(cause_code(cause)));
    set(o, "text", text_of(text && *text ? text : cause_text(cause)));
    set(o, "remedy", text_of(cause_remedy(cause)));
}

static json_t *line_of(const struct dial *d, const char *state)
{
    json_t *o = json_object();
    set(o, "handle", num(d->handle));
    set(o, "entry", text_of(d->entry->name));
    set(o, "state", text_of(state));
    return o;
}

static void hear(void *u, struct dial *d)
{
    struct follower *f = u;
    bool over = d->state == DIAL_DISCONNECTED;
    json_t *o = line_of(d, !over ? dial_state_name(d->state) : f->begins ? "failed" : "ended");
    if (d->state == DIAL_CONNECTED)
        connected_json(o, d);
    else if (d->state == DIAL_CONNECTING) {
        set(o, "server", host_of(&d->server));
        set(o, "protocol", text_of(book_type_name(d->type)));
    } else if (d->state == DIAL_WAITING || over) {
        cause_json(o, d->cause, d->text);
        set(o, "tried", tried_json(d));
    }
    ctl_say_take(f->call, o);
    if (over || (f->begins && d->state == DIAL_CONNECTED))
        said(f);
}

static void asker_gone(void *u)
{
    struct follower *f = u;
    dial_unwatch(&f->watch);
    if (f->begins)              /* it is not connected: then the call would be over */
        dial_hangup(f->dial, ADIT_CAUSE_HANGUP, "Who dialled went away before it was connected.");
    free(f);
}

static void follow(struct ctl_call *c, struct dial *d, bool begins)
{
    struct follower *f = calloc(1, sizeof *f);
    if (!f) {
        if (begins)
            dial_hangup(d, ADIT_CAUSE_RESOURCE, NULL);
        ctl_error(c, ADIT_ENOMEM, "out of memory");
        return;
    }
    *f = (struct follower){ .call = c, .dial = d, .begins = begins };
    f->watch = (struct dial_watch){ .changed = hear, .u = f };
    dial_watch(d, &f->watch);
    ctl_follow(c, asker_gone, f);
    hear(f, d);
}

/* ---- dial.begin -------------------------------------------------------------------------------- */

struct told { char text[1024]; };

static void tell(void *u, const char *sentence)
{
    struct told *t = u;
    size_t n = strlen(t->text);
    snprintf(t->text + n, sizeof t->text - n, "%s%s", n ? "\n" : "", sentence);
}

/* The entry that is meant, to be given back; NULL: the call was answered. */
static struct book_entry *entry_of(struct ctl_call *c, json_t *arg)
{
    uint32_t uid = ctl_uid(c), may = dial_conf_get()->user_may;
    if (json_is_object(arg)) {
        struct told told = { "" };
        struct conf_err err = { tell, &told };
        if (uid && !(may & BOOK_MAY_OWN)) {
            ctl_error(c, ADIT_EDENIED, "entries of one's own are not permitted to users (dial.user-may)");
            return NULL;
        }
        char *text = json_dumps(arg, JSON_COMPACT);
        struct book_entry *e = text && strlen(text) <= ENTRY_MAX ? book_entry_text(text, strlen(text), uid, may, &err) : NULL;
        if (!e)
            ctl_error(c, ADIT_ECONF, "%s", *told.text ? told.text : "the entry is too long");
        free(text);
        return e;
    }
    const char *name = json_string_value(arg);
    if (!name) {
        ctl_error(c, ADIT_EINVAL, "an entry's name, or an entry, is wanted: {\"entry\": \"office\"}");
        return NULL;
    }
    if (uid && !(may & BOOK_MAY_SYSTEM)) {
        ctl_error(c, ADIT_EDENIED, "entries of the system's phone book are not permitted to users (dial.user-may)");
        return NULL;
    }
    struct book_entry *e = book_find(dial_book(), name);
    const char *near = e ? NULL : book_nearest(dial_book(), name);
    if (e)
        return book_entry_ref(e);
    ctl_error(c, ADIT_ENOENT, near ? "no entry '%s' in the phone book; did you mean '%s'?" :
              "no entry '%s' in the phone book%s", name, near ? near : "");
    return NULL;
}

static void failed_at_once(struct ctl_call *c, const struct book_entry *e, uint32_t cause, const char *why)
{
    json_t *o = json_object();
    set(o, "handle", num(0));
    set(o, "entry", text_of(e->name));
    set(o, "state", text_of("failed"));
    cause_json(o, cause, why);
    set(o, "tried", json_array());
    ctl_say_take(c, o);
    ctl_said(c);
}

/* A secret that is cut would be another one. */
static bool fits(json_t *args, const char *key, size_t size)
{
    const char *s = json_string_value(json_object_get(args, key));
    return !s || strlen(s) < size;
}

static void verb_begin(struct ctl_call *c, json_t *args)
{
    char why[DIAL_TEXT] = "";
    uint32_t cause;
    struct dial *d;
    if (!fits(args, "user", sizeof d->user) || !fits(args, "password", BOOK_SECRET) || !fits(args, "psk", BOOK_SECRET)) {
        ctl_error(c, ADIT_EINVAL, "user, password or psk is too long");
        return;
    }
    struct book_entry *e = entry_of(c, json_object_get(args, "entry"));
    if (!e)
        return;
    struct dial_ask ask = {
        .entry = e, .owner = ctl_uid(c),
        .user = json_string_value(json_object_get(args, "user")),
        .password = json_string_value(json_object_get(args, "password")),
        .psk = json_string_value(json_object_get(args, "psk")),
    };
    int32_t rc = e->c.demand_dial ? demand_begin(&ask, &d, &cause, why, sizeof why)
                                  : dial_begin(&ask, &d, &cause, why, sizeof why);
    if (!rc)
        follow(c, d, true);
    else if (rc == ADIT_EEXIST)
        ctl_error(c, rc, "%s", why);
    else
        failed_at_once(c, e, cause, why);
    book_entry_unref(e);
}

/* ---- the others ------------------------------------------------------------------------------------ */

/* By handle, or by the entry's name; NULL: the call was answered. */
static struct dial *dial_arg(struct ctl_call *c, json_t *args)
{
    json_t *handle = json_object_get(args, "handle");
    const char *name = json_string_value(json_object_get(args, "entry"));
    struct dial *d = json_is_integer(handle) ? dial_find((uint64_t)json_integer_value(handle)) :
                     name ? own_by_name(ctl_uid(c), name) : NULL;
    if (d && sees(ctl_uid(c), d))
        return d;
    if (json_is_integer(handle))
        ctl_error(c, ADIT_ENOENT, "no connection has the handle %lld", (long long)json_integer_value(handle));
    else if (name)
        ctl_error(c, ADIT_ENOENT, "no connection of an entry '%s' is up", name);
    else
        ctl_error(c, ADIT_EINVAL, "a handle or an entry is wanted: {\"handle\": 7}");
    return NULL;
}

struct hangup {
    struct ctl_call *call;
    struct dial_watch watch;
    uint64_t handle;
};

static void hung_up(void *u, struct dial *d)
{
    struct hangup *h = u;
    if (d->state != DIAL_DISCONNECTED)
        return;
    dial_unwatch(&h->watch);
    ctl_ok_take(h->call, json_pack("{s:I}", "handle", (json_int_t)h->handle));
    free(h);
}

static void verb_hangup(struct ctl_call *c, json_t *args)
{
    struct dial *d = dial_arg(c, args);
    struct hangup *h = d ? calloc(1, sizeof *h) : NULL;
    if (!d)
        return;
    if (h) {                    /* the answer comes when it has ended; also into nothing */
        *h = (struct hangup){ .call = c, .handle = d->handle };
        h->watch = (struct dial_watch){ .changed = hung_up, .u = h };
        dial_watch(d, &h->watch);
    } else {
        ctl_error(c, ADIT_ENOMEM, "out of memory");
    }
    dial_hangup(d, ADIT_CAUSE_HANGUP, NULL);
}

static void verb_watch(struct ctl_call *c, json_t *args)
{
    struct dial *d = dial_arg(c, args);
    if (d)
        follow(c, d, false);
}

static void verb_entries(struct ctl_call *c, json_t *args)
{
    json_t *list = json_array();
    struct book_entry *e;
    (void)args;
    bool system = ctl_uid(c) == 0 || dial_conf_get()->user_may & BOOK_MAY_SYSTEM;
    for (uint32_t i = 0; system && (e = book_nth(dial_book(), i)); i++) {
        const struct dial *d = dial_of(e);
        json_t *o = json_object();
        set(o, "name", text_of(e->name));
        set(o, "server", text_of(book_word(&e->c.servers, 0)));
        set(o, "type", text_of(book_type_name(e->c.type)));
        set(o, "user", text_of(e->c.user));
        set(o, "interface", text_of(d ? dial_interface(d) : e->c.interface));
        set(o, "state", text_of(d ? dial_state_name(d->state) : "idle"));
        set(o, "owner", owner_of(e->owner));
        set(o, "demand_dial", json_boolean(e->c.demand_dial));
        set(o, "connection", num(d && sees(ctl_uid(c), d) ? d->handle : 0));
        json_array_append_new(list, o);
    }
    ctl_ok_take(c, list);
}

static void verb_connections(struct ctl_call *c, json_t *args)
{
    json_t *list = json_array();
    (void)args;
    for (struct dial *d = dial_next(NULL); d; d = dial_next(d)) {
        struct dial_count n;
        if (!sees(ctl_uid(c), d))
            continue;
        dial_counted(d, &n);
        json_t *o = line_of(d, dial_state_name(d->state));
        connected_json(o, d);
        set(o, "user", text_of(d->user));
        set(o, "owner", owner_of(d->owner));
        set(o, "since", when(d->since_wall));
        set(o, "duration_ms", num(d->since_ms ? loop_now() - d->since_ms : 0));
        set(o, "bytes_in", num(n.bytes_in));
        set(o, "bytes_out", num(n.bytes_out));
        set(o, "packets_in", num(n.packets_in));
        set(o, "packets_out", num(n.packets_out));
        set(o, "redials", num(d->redials));
        if (d->cause)
            cause_json(o, d->cause, d->text);
        json_array_append_new(list, o);
    }
    ctl_ok_take(c, list);
}

static void verb_interfaces(struct ctl_call *c, json_t *args)
{
    json_t *list = json_array();
    struct demand_info i;
    (void)args;
    for (uint32_t n = 0; demand_nth(n, &i); n++) {
        struct ses_info s = { .number = 0 };
        json_t *o = json_object();
        if (i.answered)
            ses_info(i.answered, &s);
        set(o, "interface", text_of(i.interface));
        set(o, "entry", text_of(i.entry->name));
        set(o, "state", text_of(demand_state_name(i.state)));
        set(o, "persistent", json_boolean(i.entry->c.persistent));
        set(o, "connection", num(i.dial && sees(ctl_uid(c), i.dial) ? i.dial->handle : 0));
        set(o, "session", text_of(i.answered ? s.id : ""));
        set(o, "code", text_of(i.cause ? cause_code(i.cause) : ""));
        set(o, "text", text_of(i.text));
        set(o, "packets_dialled", num(i.dialled));
        set(o, "packets_refused", num(i.refused));
        json_array_append_new(list, o);
    }
    ctl_ok_take(c, list);
}

void ctl_dial_verbs(void)
{
    ctl_verb("dial.entries", verb_entries, "", "The phone book, and what is up of it.");
    ctl_verb("dial.begin", verb_begin, "entry [user] [password] [psk]",
             "Dials; tells each state until it is connected or failed.");
    ctl_verb("dial.hangup", verb_hangup, "handle|entry", "Ends a connection; answers when it has ended.");
    ctl_verb("dial.connections", verb_connections, "", "The connections that were dialled.");
    ctl_verb("dial.watch", verb_watch, "handle|entry", "Tells what happens to a connection until it has ended.");
    ctl_verb("dial.interfaces", verb_interfaces, "", "The demand-dial interfaces and their states.");
}
