/* ctl_verbs.c - what `adit` can ask a daemon.
 *
 * Knows:  the verbs, and the shape of their JSON (adit-control(7) describes it).
 * Leaves: the facts to the rooms that have them.
 */
#include "control/ctl_int.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <adit/plugin.h>
#include "config/conf.h"
#include "datapath/dp.h"
#include "datapath/dp_guard.h"
#include "diagnose/cause.h"
#include "log/log.h"
#include "loop/loop.h"
#include "plugin/plug.h"
#include "session/ses.h"

#define VERB_MS 60000u          /* that a plugin's verb may take */

static struct ctl_daemon daemon_;
static uint64_t started;

/* ---- status ---------------------------------------------------------------------- */

/* A cause that hinders everybody, in one line: nobody's attempt will tell of it. */
static json_t *hindrance(uint32_t cause, const char *tunnel)
{
    char setting[128], place[256];
    const struct cause_names names = { .tunnel = tunnel };
    cause_name(cause_setting(cause), &names, setting, sizeof setting);
    conf_place_of(setting, place, sizeof place);
    return json_sprintf("%s: %s %s (%s%s%s)", cause_code(cause), cause_text(cause), cause_remedy(cause),
                        setting, *place ? ", " : "", place);
}

static json_t *tunnel_json(const struct ses_tunnel *t)
{
    struct ses_tunnel_info i;
    ses_tunnel_info(t, &i);
    json_t *o = json_object();
    set(o, "name", text_of(i.name));
    set(o, "protocol", text_of(i.protocol));
    set(o, "state", text_of(i.ports ? plug_state(i.inst) : "off"));
    set(o, "ports", num(i.ports));
    set(o, "used", num(i.used));
    set(o, "connected", num(i.connected));
    set(o, "refused", num(i.refused));
    set(o, "error", i.ports ? text_of(plug_last_error(i.inst))
                            : hindrance(ADIT_CAUSE_PROTOCOL_OFF, i.name));
    return o;
}

static bool serves(void)
{
    struct ses_tunnel_info i;
    for (struct ses_tunnel *t = NULL; (t = ses_tunnel_next(t));) {
        ses_tunnel_info(t, &i);
        if (i.ports && plug_running(i.inst))
            return true;
    }
    return false;
}

static void verb_status(struct ctl_call *c, json_t *args)
{
    (void)args;
    const struct ses_total *t = ses_total();
    json_t *o = json_object(), *why = json_array(), *tunnels = json_array();
    const char *p;
    for (uint32_t i = 0; (p = daemon_.problem(i)); i++)
        json_array_append_new(why, text_of(p));
    for (struct ses_tunnel *s = NULL; (s = ses_tunnel_next(s));)
        json_array_append_new(tunnels, tunnel_json(s));
    set(o, "state", text_of(json_array_size(why) ? "degraded" : "running"));
    set(o, "why", why);
    set(o, "serves", json_boolean(serves()));
    set(o, "not_serving", serves() ? text_of("") : hindrance(ADIT_CAUSE_NOT_SERVING, NULL));
    set(o, "version", text_of(ADIT_VERSION));
    set(o, "pid", num((uint64_t)getpid()));
    set(o, "uptime_ms", num(loop_now() - started));
    set(o, "config", text_of(daemon_.config));
    set(o, "interface", text_of(dp_tun_name()));
    set(o, "sessions", num(t->up));
    set(o, "calls", num(t->open));
    set(o, "logins", num(t->logins));
    set(o, "refused", num(t->refused));
    set(o, "tunnels", tunnels);
    ctl_ok_take(c, o);
}

static void verb_reload(struct ctl_call *c, json_t *args)
{
    char text[512] = "";
    (void)args;
    int rc = daemon_.reload(text, sizeof text);
    if (rc)
        ctl_error(c, rc, "%s", text);
    else
        ctl_ok_take(c, json_pack("{s:o}", "text", text_of(text)));
}

/* ---- ports ------------------------------------------------------------------------- */

static json_t *port_json(const char *tunnel, const char *state, json_t *port_taken)
{
    json_t *o = json_object();
    set(o, "port", port_taken);
    set(o, "tunnel", text_of(tunnel));
    set(o, "state", text_of(state));
    return o;
}

/* The numbers from `at` to before `end` are free. */
static void ports_free(json_t *list, const struct ses_tunnel_info *i, uint32_t at, uint32_t end)
{
    if (at >= end)
        return;
    json_t *o = port_json(i->name, plug_running(i->inst) ? "listening" : plug_state(i->inst),
                          at + 1 < end ? json_sprintf("%s-%u..%u", i->name, at, end - 1)
                                       : json_sprintf("%s-%u", i->name, at));
    set(o, "count", num(end - at));
    json_array_append_new(list, o);
}

static int by_port(const void *a, const void *b)
{
    const struct ses_info *x = a, *y = b;
    return x->port < y->port ? -1 : x->port > y->port;
}

static void ports_of(json_t *list, const struct ses_tunnel *t)
{
    struct ses_tunnel_info i;
    ses_tunnel_info(t, &i);
    struct ses_info *used = calloc(i.used + 1, sizeof *used);
    uint32_t n = 0, at = 0;
    for (struct ses *s = ses_next(NULL); used && s; s = ses_next(s)) {
        ses_info(s, &used[n]);
        n += n < i.used && !strcmp(used[n].tunnel, i.name);
    }
    if (n)
        qsort(used, n, sizeof *used, by_port);
    for (uint32_t k = 0; k < n; k++) {
        const struct ses_info *s = &used[k];
        ports_free(list, &i, at, s->port < i.ports ? s->port : i.ports);
        at = s->port + 1;
        json_t *o = port_json(i.name, !strcmp(s->state, "up") ? "connected" : "active",
                              json_sprintf("%s-%u", i.name, s->port));
        set(o, "user", text_of(s->user));
        set(o, "peer", addr_of(&s->peer, false));
        set(o, "session", num(s->number));
        set(o, "role", text_of(s->role));
        json_array_append_new(list, o);
    }
    ports_free(list, &i, at, i.ports);
    if (!i.ports)
        json_array_append_new(list, port_json(i.name, "off", json_string(i.name)));
    free(used);
}

static void verb_ports(struct ctl_call *c, json_t *args)
{
    (void)args;
    json_t *list = json_array();
    for (struct ses_tunnel *t = NULL; (t = ses_tunnel_next(t));)
        ports_of(list, t);
    ctl_ok_take(c, list);
}

static void verb_ports_set(struct ctl_call *c, json_t *args)
{
    const char *name = str_arg(args, "tunnel");
    json_t *ports = json_object_get(args, "ports");
    struct ses_tunnel *t = name ? ses_tunnel_find(name) : NULL;
    if (!t) {
        ctl_error(c, ADIT_ENOENT, "no tunnel is named '%s'", name ? name : "");
        return;
    }
    if (!json_is_integer(ports) || json_integer_value(ports) < 0 ||
        json_integer_value(ports) > 1000000) {
        ctl_error(c, ADIT_EINVAL, "ports is a number from 0 to 1000000");
        return;
    }
    int32_t rc = ses_tunnel_ports(t, (uint32_t)json_integer_value(ports));
    if (rc) {
        struct ses_tunnel_info i;
        ses_tunnel_info(t, &i);
        ctl_error(c, rc, "%s: %s", name, plug_last_error(i.inst));
        return;
    }
    ctl_ok_take(c, tunnel_json(t));
}

/* ---- sessions ------------------------------------------------------------------------- */

static const char *encryption_name(uint32_t e)
{
    return e & ADIT_ENC_128 ? "mppe-128" : e & ADIT_ENC_56 ? "mppe-56" :
           e & ADIT_ENC_40 ? "mppe-40" : "none";
}

static json_t *session_json(const struct ses *s)
{
    struct ses_info i;
    ses_info(s, &i);
    json_t *o = json_object();
    set(o, "id", num(i.number));
    set(o, "session", text_of(i.id));
    set(o, "user", text_of(i.user));
    set(o, "tunnel", text_of(i.tunnel));
    set(o, "port", num(i.port));
    set(o, "protocol", text_of(i.protocol));
    set(o, "role", text_of(i.role));
    set(o, "entry", text_of(i.entry));
    set(o, "interface", text_of(i.interface));
    set(o, "peer", addr_of(&i.peer, false));
    set(o, "address", addr_of(&i.address, true));
    set(o, "server_address", addr_of(&i.server_address, true));
    set(o, "state", text_of(i.state));
    set(o, "since", when(i.since_wall));
    set(o, "up_since", when(i.up_wall));
    set(o, "duration_ms", num(i.duration_ms));
    set(o, "idle_ms", num(i.idle_ms));
    set(o, "bytes_in", num(i.bytes_in));
    set(o, "bytes_out", num(i.bytes_out));
    set(o, "packets_in", num(i.packets_in));
    set(o, "packets_out", num(i.packets_out));
    set(o, "spoofed", num(i.spoofed));
    set(o, "dropped", num(i.dropped));
    set(o, "method", text_of(i.method));
    set(o, "encryption", text_of(encryption_name(i.encryption)));
    set(o, "secured", json_boolean(i.secured));
    set(o, "mtu", num(i.mtu));
    set(o, "policy", text_of(i.policy));
    set(o, "authenticator", text_of(i.authenticator));
    set(o, "pool", text_of(i.pool));
    set(o, "peer_host", text_of(i.peer_host));
    set(o, "identification", text_of(i.identification));
    set(o, "called", addr_of(&i.our, false));
    set(o, "session_timeout_ms", num(i.session_timeout_ms));
    set(o, "idle_timeout_ms", num(i.idle_timeout_ms));
    set(o, "filter_in", text_of(i.filter_in));
    set(o, "filter_out", text_of(i.filter_out));
    set(o, "filter_rules", num(i.filter_rules));
    set(o, "filtered_in", num(i.filtered_in));
    set(o, "filtered_out", num(i.filtered_out));
    set(o, "rate_in_kbps", num(i.rate_in));
    set(o, "rate_out_kbps", num(i.rate_out));
    set(o, "limited_in", num(i.limited_in));
    set(o, "limited_out", num(i.limited_out));
    return o;
}

static void verb_sessions(struct ctl_call *c, json_t *args)
{
    (void)args;
    json_t *list = json_array();
    for (struct ses *s = ses_next(NULL); s; s = ses_next(s))
        json_array_append_new(list, session_json(s));
    ctl_ok_take(c, list);
}

static void verb_session_show(struct ctl_call *c, json_t *args)
{
    const char *id = str_arg(args, "id");
    struct ses *s = id ? ses_find(id) : NULL;
    if (!s)
        ctl_error(c, ADIT_ENOENT, "no session '%s'; 'adit sessions' lists them", id ? id : "");
    else
        ctl_ok_take(c, session_json(s));
}

static void verb_drop(struct ctl_call *c, json_t *args)
{
    const char *id = str_arg(args, "id"), *user = str_arg(args, "user");
    bool every = json_is_true(json_object_get(args, "all"));
    uint64_t n = 0;
    if (!id && !user && !every) {
        ctl_error(c, ADIT_EINVAL, "name a session (id), a user, or all");
        return;
    }
    struct ses *only = id ? ses_find(id) : NULL;
    for (struct ses *s = ses_next(NULL), *next; s; s = next) {
        struct ses_info i;
        next = ses_next(s);
        ses_info(s, &i);
        if (every || s == only || (user && (!strcmp(i.user, user) || !strcmp(i.account, user)))) {
            ses_drop(s, ADIT_CAUSE_ADMIN, NULL);
            n++;
        }
    }
    if (!n && !every)
        ctl_error(c, ADIT_ENOENT, "no session of '%s'; 'adit sessions' lists them",
                  id ? id : user);
    else
        ctl_ok_take(c, json_pack("{s:o}", "dropped", num(n)));
}

/* ---- filters ---------------------------------------------------------------------------- */

static json_t *filter_rules(const struct dp_filter *f)
{
    char text[DP_FILTER_TEXT];
    json_t *list = json_array();
    for (uint32_t i = 0; i < dp_filter_count(f); i++)
        json_array_append_new(list, json_pack("{s:o, s:o, s:o}", "number", num(i + 1), "rule",
                                              text_of(dp_filter_rule(f, i, NULL, text)), "hits",
                                              num(dp_filter_hits(f, i))));
    return list;
}

/* Its sessions are filled in by filter_sessions(). */
static json_t *filter_json(const struct dp_named_info *i)
{
    struct dp_filter_stat st;
    json_t *o = json_object();
    dp_filter_stat(i->filter, &st);
    set(o, "name", text_of(i->name));
    set(o, "default", text_of(dp_filter_default(i->filter) ? "permit" : "deny"));
    set(o, "configured", json_boolean(i->listed));
    set(o, "passed", num(st.passed));
    set(o, "dropped", num(st.dropped));
    set(o, "unreadable", num(st.unreadable));
    set(o, "by_default", num(st.no_rule));
    set(o, "rules", filter_rules(i->filter));
    set(o, "sessions", json_array());
    return o;
}

static void filter_session(json_t *by_name, const char *name, const struct ses_info *i, const char *direction)
{
    json_t *list = name ? json_object_get(json_object_get(by_name, name), "sessions") : NULL;
    if (list)
        json_array_append_new(list, json_pack("{s:o, s:o, s:s}", "id", num(i->number), "user",
                                              text_of(i->user), "direction", direction));
}

/* One walk through the sessions, whatever the number of filters. */
static void filter_sessions(json_t *by_name)
{
    for (struct ses *s = ses_next(NULL); s; s = ses_next(s)) {
        struct ses_info i;
        ses_info(s, &i);
        if (strcmp(i.state, "up") != 0)
            continue;
        bool both = i.filter_in && i.filter_out && !strcmp(i.filter_in, i.filter_out);
        filter_session(by_name, i.filter_in, &i, both ? "both" : "in");
        if (!both)
            filter_session(by_name, i.filter_out, &i, "out");
    }
}

static void verb_filters(struct ctl_call *c, json_t *args)
{
    const char *name = str_arg(args, "name");
    json_t *list = json_array(), *by_name = json_object();
    struct dp_named_info i;
    for (uint32_t n = 0; dp_filter_nth(n, &i); n++) {
        if (name && strcmp(name, i.name) != 0)
            continue;
        json_t *o = filter_json(&i);
        json_object_set(by_name, i.name, o);    /* a name is text of the configuration */
        json_array_append_new(list, o);
    }
    filter_sessions(by_name);
    json_decref(by_name);
    if (!name || json_array_size(list)) {
        ctl_ok_take(c, list);
        return;
    }
    json_decref(list);
    ctl_error(c, ADIT_ENOENT, "no filter is named '%s'; 'adit filters' lists them", name);
}

/* ---- lock-out ------------------------------------------------------------------------- */

struct lockout_list {
    json_t *list;
    bool all;
};

static void lockout_add(void *u, const struct ses_lockout *l)
{
    struct lockout_list *x = u;
    if (!l->left_ms && !x->all)
        return;
    json_t *o = json_object();
    set(o, "what", text_of(l->what));
    set(o, "name", text_of(l->name));
    set(o, "state", text_of(l->left_ms ? "locked" : "counting"));
    set(o, "failures", num(l->failures));
    set(o, "since", when(l->since_wall));
    set(o, "left_ms", num(l->left_ms));
    set(o, "peer", addr_of(&l->peer, true));
    json_array_append_new(x->list, o);
}

static void verb_lockouts(struct ctl_call *c, json_t *args)
{
    struct lockout_list x = { json_array(), json_is_true(json_object_get(args, "all")) };
    ses_lockouts(lockout_add, &x);
    ctl_ok_take(c, x.list);
}

static void verb_unlock(struct ctl_call *c, json_t *args)
{
    const char *name = str_arg(args, "name");
    uint32_t n = name ? ses_unlock(name) : 0;
    if (!n)
        ctl_error(c, ADIT_ENOENT, "'%s' is not locked out; 'adit lockouts' lists who is",
                  name ? name : "");
    else
        ctl_ok_take(c, json_pack("{s:o}", "unlocked", num(n)));
}

/* ---- what plugins report ------------------------------------------------------------------ */

/* How a plugin has answered: late and faults are its own doing. */
static json_t *requests_json(const struct plug_stat *s)
{
    json_t *o = json_object();
    set(o, "asked", num(s->asked));
    set(o, "answered", num(s->answered));
    set(o, "timed_out", num(s->timed_out));
    set(o, "cancelled", num(s->cancelled));
    set(o, "late", num(s->late));
    set(o, "faults", num(s->faults));
    set(o, "slowest_ms", num(s->slowest_ms));
    return o;
}

static json_t *instance_json(struct plug_inst *i)
{
    const struct adit_face *f = plug_face_decl(plug_inst_face(i));
    struct adit_self *self = plug_self(i);
    json_t *o = json_object(), *counters = json_object();
    for (uint32_t n = 0; n < f->counter_count; n++)
        set(counters, f->counters[n].name, num(self->counters[n]));
    set(o, "name", text_of(self->name));
    set(o, "kind", text_of(plug_kind_name(self->kind)));
    set(o, "type", text_of(f->name));
    set(o, "state", text_of(plug_state(i)));
    set(o, "requests_open", num(plug_requests_open(i)));
    set(o, "requests", requests_json(plug_inst_stat(i)));
    set(o, "busy_ms", num(plug_inst_stat(i)->busy_ms));
    json_t *verbs = json_array();
    const char *sentence, *verb;
    for (uint32_t n = 0; (verb = plug_verb_nth(i, n, &sentence)); n++)
        json_array_append_new(verbs, json_pack("{s:o, s:o}", "name", text_of(verb), "sentence",
                                               text_of(sentence)));
    set(o, "verbs", verbs);
    set(o, "last_error", text_of(plug_last_error(i)));
    set(o, "counters", counters);
    if (f->life->status) {
        struct adit_report *r = ctl_report_new();
        f->life->status(self, r);
        set(o, "status", ctl_report_take(r));
    }
    return o;
}

static json_t *instances(uint32_t kind)
{
    json_t *list = json_array();
    for (struct plug_inst *i = plug_inst_next(NULL); i; i = plug_inst_next(i))
        if (!kind || plug_self(i)->kind == kind)
            json_array_append_new(list, instance_json(i));
    return list;
}

static void verb_pools(struct ctl_call *c, json_t *args)
{
    (void)args;
    ctl_ok_take(c, instances(ADIT_KIND_POOL));
}

static void verb_instances(struct ctl_call *c, json_t *args)
{
    (void)args;
    ctl_ok_take(c, instances(0));
}

static void verb_plugins(struct ctl_call *c, json_t *args)
{
    (void)args;
    json_t *list = json_array();
    for (struct plug_object *o = NULL; (o = plug_object_next(o));) {
        struct plug_object_info i;
        plug_object_info(o, &i);
        json_t *j = json_object(), *faces = json_array(), *inst = json_array();
        set(j, "file", text_of(i.file));
        set(j, "name", text_of(i.name));
        set(j, "version", text_of(i.version));
        set(j, "licence", text_of(i.licence));
        set(j, "summary", text_of(i.summary));
        set(j, "abi", json_sprintf("%d.%u", ADIT_ABI_MAJOR, i.abi_minor));
        set(j, "state", text_of(i.refused ? "refused" : "loaded"));
        set(j, "error", text_of(i.refused));
        for (uint32_t n = 0; n < i.face_count; n++) {
            const struct plug_face *f = plug_object_face(o, n);
            const struct adit_face *d = plug_face_decl(f);
            json_array_append_new(faces, json_sprintf("%s %s", plug_kind_name(d->kind), d->name));
            for (struct plug_inst *x = plug_inst_next(NULL); x; x = plug_inst_next(x))
                if (plug_inst_face(x) == f)
                    json_array_append_new(inst, instance_json(x));
        }
        set(j, "faces", faces);
        set(j, "instances", inst);
        json_array_append_new(list, j);
    }
    ctl_ok_take(c, list);
}

/* A call of a plugin's verb that is under way. */
struct asked {
    struct ctl_call *call;
    struct plug_inst *inst;
    struct adit_report *report;
    uint64_t number;            /* 0: not yet, or it is answered already */
};

static void asked_free(struct asked *a)
{
    json_decref(ctl_report_take(a->report));
    free(a);
}

static void asked_done(void *u, int32_t status)
{
    struct asked *a = u;
    if (!status) {
        json_t *result = ctl_report_take(a->report);
        a->report = NULL;
        ctl_ok_take(a->call, result);
    } else if (status == ADIT_ETIMEDOUT) {
        ctl_error(a->call, status, "%s did not answer within %u s", plug_self(a->inst)->name,
                  VERB_MS / 1000);
    } else {
        ctl_error(a->call, status, "%s", plug_last_error(a->inst));
    }
    asked_free(a);
}

static void asked_gone(void *u)
{
    struct asked *a = u;
    plug_verb_forget(a->inst, a->number);
    asked_free(a);
}

static uint32_t kv_of(json_t *with, struct adit_kv *kv, uint32_t most)
{
    uint32_t n = 0;
    const char *key;
    json_t *v;
    json_object_foreach (with, key, v) {
        if (n == most)
            break;
        if (json_is_string(v))
            kv[n++] = (struct adit_kv)ADIT_KV_S(key, json_string_value(v));
        else if (json_is_integer(v))
            kv[n++] = (struct adit_kv)ADIT_KV_I(key, json_integer_value(v));
        else if (json_is_boolean(v))
            kv[n++] = (struct adit_kv)ADIT_KV_BOOL(key, json_is_true(v));
    }
    return n;
}

/* A verb that a plugin registered: {"kind": "pool", "name": "range", "call": "...", "with": {...}}. */
static void verb_plugin_call(struct ctl_call *c, json_t *args)
{
    const char *name = str_arg(args, "name"), *call = str_arg(args, "call"),
               *kind = str_arg(args, "kind");
    struct adit_kv kv[32];
    uint32_t n = kv_of(json_object_get(args, "with"), kv, sizeof kv / sizeof kv[0]);
    struct asked *a = calloc(1, sizeof *a);
    int32_t rc = a && (a->report = ctl_report_new()) ? ADIT_ENOENT : ADIT_ENOMEM;
    for (struct plug_inst *i = plug_inst_next(NULL); i && name && call && rc == ADIT_ENOENT;
         i = plug_inst_next(i)) {
        struct adit_self *self = plug_self(i);
        uint64_t number;
        if (strcmp(self->name, name) != 0 || (kind && strcmp(kind, plug_kind_name(self->kind)) != 0))
            continue;
        a->call = c;
        a->inst = i;
        rc = plug_verb_call(i, call, kv, n, a->report, VERB_MS, asked_done, a, &number);
        if (!rc && !number)
            return;             /* it is answered, and gone */
        if (!rc) {
            a->number = number;
            ctl_follow(c, asked_gone, a);
            return;
        }
    }
    if (rc == ADIT_ENOENT)
        ctl_error(c, rc, "no instance '%s' with the verb '%s'", name ? name : "", call ? call : "");
    else
        ctl_error(c, rc, rc == ADIT_EBUSY ? "%s answers too many others" : "%s: out of memory",
                  name ? name : "");
    if (a)
        asked_free(a);
}

/* ---- policies ----------------------------------------------------------------------------------- */

json_t *ctl_policies(const struct adit_attrs *attrs)
{
    json_t *list = json_array();
    for (struct plug_inst *i = plug_inst_next(NULL); i; i = plug_inst_next(i)) {
        struct adit_self *self = plug_self(i);
        if (self->kind != ADIT_KIND_POLICY)
            continue;
        const struct adit_policy *vt = plug_vtable(i);
        struct adit_report *r = ctl_report_new();
        if (attrs ? vt->explain != NULL : vt->list != NULL) {
            if (attrs)
                vt->explain(self, attrs, r);
            else
                vt->list(self, r);
        }
        json_t *o = ctl_report_take(r);
        set(o, "engine", text_of(self->name));
        json_array_append_new(list, o);
    }
    return list;
}

static void verb_policies(struct ctl_call *c, json_t *args)
{
    (void)args;
    ctl_ok_take(c, ctl_policies(NULL));
}

/* Every argument is an attribute by its name: {"user": "anna", "group": ["staff"]}. */
static void verb_policy_explain(struct ctl_call *c, json_t *args)
{
    struct adit_attrs *attrs = plug_attr_api.make();
    const char *key, *bad = NULL;
    json_t *given;
    json_object_foreach (args, key, given) {
        uint32_t id = plug_attr_api.id(key, ADIT_TYPE_NONE);
        size_t n = json_is_array(given) ? json_array_size(given) : 1;
        for (size_t i = 0; i < n && !bad; i++) {
            json_t *v = json_is_array(given) ? json_array_get(given, i) : given;
            struct adit_value value = { 0 };
            int32_t rc = ADIT_EINVAL;
            if (json_is_string(v)) {
                value = adit_value_str(json_string_value(v));
                rc = plug_attr_api.put(attrs, id, &value);
                if (rc && !conf_parse_addr(json_string_value(v), &value.v.addr)) {
                    value.type = ADIT_TYPE_ADDR;
                    rc = plug_attr_api.put(attrs, id, &value);
                }
            } else if (json_is_integer(v)) {
                value.type = ADIT_TYPE_U64;
                value.v.u = (uint64_t)json_integer_value(v);
                rc = plug_attr_api.put(attrs, id, &value);
            } else if (json_is_boolean(v)) {
                value.type = ADIT_TYPE_BOOL;
                value.v.u = json_is_true(v);
                rc = plug_attr_api.put(attrs, id, &value);
            }
            if (rc)
                bad = key;
        }
    }
    /* what the server itself has enabled counts, as in a login */
    struct adit_value methods = { ADIT_TYPE_U64, 0, { .u = ses_auth_methods() } };
    if (!bad && !plug_attr_api.get(attrs, ADIT_ATTR_SERVER_METHODS, 0))
        plug_attr_api.put(attrs, ADIT_ATTR_SERVER_METHODS, &methods);
    if (bad)
        ctl_error(c, ADIT_EINVAL, "'%s' is no attribute, or its value has the wrong type", bad);
    else
        ctl_ok_take(c, ctl_policies(attrs));
    plug_attr_api.free(attrs);
}

/* ---- the log ---------------------------------------------------------------------------------------- */

static json_t *entry_json(const struct log_entry *e)
{
    static const char *const levels[] = { "", "error", "warning", "notice", "info", "debug" };
    json_t *o = json_object();
    set(o, "seq", num(e->seq));
    set(o, "when", when(e->wall_ms));
    set(o, "level", text_of(levels[e->level <= ADIT_LOG_DEBUG ? e->level : 0]));
    set(o, "source", text_of(e->source));
    set(o, "event", text_of(e->name));
    set(o, "text", text_of(e->line));
    return o;
}

static json_t *entries(uint64_t after, uint64_t *last, uint32_t max)
{
    struct log_entry *e = calloc(max, sizeof *e);
    json_t *list = json_array();
    uint32_t n = e ? log_ring(after, e, max) : 0;
    for (uint32_t i = 0; i < n; i++) {
        json_array_append_new(list, entry_json(&e[i]));
        *last = e[i].seq;
    }
    free(e);
    return list;
}

static void verb_log(struct ctl_call *c, json_t *args)
{
    uint64_t last = (uint64_t)json_integer_value(json_object_get(args, "after"));
    ctl_ok_take(c, entries(last, &last, 4096));
}

/* A follower is fed from the ring by a timer: events come in bursts, and an
 * event that is caused by sending one must not feed itself. */
struct follower {
    struct ctl_call *call;
    struct loop_timer *timer;
    uint64_t last;
};

static void follower_gone(void *u)
{
    struct follower *f = u;
    loop_timer_free(f->timer);
    free(f);
}

static void follower_feed(void *u)
{
    struct follower *f = u;
    json_t *list = entries(f->last, &f->last, 256);
    size_t i;
    json_t *e;
    loop_timer_set(f->timer, 200);
    json_array_foreach (list, i, e)
        ctl_say_take(f->call, json_incref(e));
    json_decref(list);
}

static void verb_log_follow(struct ctl_call *c, json_t *args)
{
    struct follower *f = calloc(1, sizeof *f);
    if (!f) {
        ctl_error(c, ADIT_ENOMEM, "out of memory");
        return;
    }
    f->call = c;
    f->last = (uint64_t)json_integer_value(json_object_get(args, "after"));
    f->timer = loop_timer_new(follower_feed, f);
    ctl_follow(c, follower_gone, f);
    loop_timer_set(f->timer, 0);
}

static void verb_stop(struct ctl_call *c, json_t *args)
{
    (void)args;
    ctl_ok_take(c, json_object());
    daemon_.stop();
}

void ctl_verbs_open(const struct ctl_daemon *d)
{
    daemon_ = *d;
    started = loop_now();
    ctl_verb("status", verb_status, "", "The daemon at a glance: running or degraded and why.");
    ctl_verb("reload", verb_reload, "", "Reads the configuration again; sessions stay.");
    ctl_verb("stop", verb_stop, "", "Ends all sessions and the daemon.");
    ctl_verb("ports", verb_ports, "", "Each port: listening, active or connected, and its user.");
    ctl_verb("ports.set", verb_ports_set, "tunnel ports",
             "Sets the number of ports of a tunnel; 0 turns its protocol off.");
    ctl_verb("sessions", verb_sessions, "", "All sessions.");
    ctl_verb("sessions.show", verb_session_show, "id", "One session.");
    ctl_explain_open();
    ctl_verb("drop", verb_drop, "id | user | all", "Ends sessions.");
    ctl_verb("lockouts", verb_lockouts, "all", "Accounts and addresses that failed too often.");
    ctl_verb("unlock", verb_unlock, "name", "Unlocks an account or an address.");
    ctl_verb("policies", verb_policies, "", "All policies, in order.");
    ctl_verb("policy.explain", verb_policy_explain, "attributes by name",
             "Which policy would decide, and why.");
    ctl_verb("filters", verb_filters, "name", "Packet filters: rules, hits, sessions; all, or one.");
    ctl_verb("pools", verb_pools, "", "Address pools: size, leased, free.");
    ctl_verb("plugins", verb_plugins, "", "Plugin files, their faces and instances.");
    ctl_verb("instances", verb_instances, "", "Configured instances of all kinds.");
    ctl_verb("plugin.call", verb_plugin_call, "kind name call with",
             "A verb that a plugin offers.");
    ctl_verb("log", verb_log, "after", "What the log ring has after a sequence number.");
    ctl_verb("log.follow", verb_log_follow, "after", "The same, and what comes, until hang-up.");
    ctl_trace_open();
}
