/* ctl_explain.c - attempts that failed, and why; sessions that lose packets.
 *
 * Knows:  what of an attempt is told, in which shape.
 * Leaves: what was kept to session and to diagnose/trace, conditions to the policies' engines.
 */
#include "control/ctl_int.h"

#include <stdio.h>
#include "diagnose/cause.h"
#include "diagnose/trace.h"
#include "plugin/plug.h"
#include "session/ses.h"

static void set_fault(json_t *o, const char *setting, const char *where, const char *written,
                      const struct ses_fault *f)
{
    set(o, setting, text_of(f->setting));
    set(o, where, text_of(f->place));
    set(o, written, json_boolean(f->written));
}

static void set_cause(json_t *o, uint32_t cause, const struct ses_fault *f)
{
    set(o, "code", text_of(cause_code(cause)));
    set(o, "ras", num(cause_ras(cause)));
    set(o, "sentence", text_of(cause_text(cause)));
    set_fault(o, "setting", "where", "written", f);
    set(o, "remedy", text_of(cause_remedy(cause)));
}

static json_t *failure_json(const struct ses_failure *f)
{
    json_t *o = json_object();
    set(o, "id", num(f->number));
    set(o, "session", text_of(f->id));
    set(o, "when", when(f->wall_ms));
    set(o, "times", num(f->times));
    set(o, "user", text_of(f->user));
    set(o, "tunnel", text_of(f->tunnel));
    set(o, "protocol", text_of(f->protocol));
    set(o, "role", text_of(f->dialled ? "dial" : "answer"));
    set(o, "method", text_of(f->method));
    set(o, "peer", addr_of(&f->peer, true));
    set(o, "reached", text_of(ses_rung_name(f->rung)));
    set_cause(o, f->cause, &f->fault);
    set(o, "text", text_of(f->text));
    set(o, "policy", text_of(f->policy));
    return o;
}

static void verb_failures(struct ctl_call *c, json_t *args)
{
    (void)args;
    json_t *list = json_array();
    const struct ses_failure *f;
    for (uint32_t i = 0; (f = ses_failure(i)); i++)
        json_array_append_new(list, failure_json(f));
    ctl_ok_take(c, list);
}

/* Each rung: passed, failed, or not reached. */
static json_t *ladder(uint32_t failed)
{
    json_t *list = json_array();
    const char *name;
    for (uint32_t i = 0; (name = ses_rung_name(i)); i++)
        json_array_append_new(list, json_pack("{s:s, s:s}", "rung", name, "state",
                                              i < failed ? "passed" : i == failed ? "failed" : "not reached"));
    return list;
}

/* As it was asked then, at the time it was then; the policies are those of today. */
static json_t *policies_then(const struct ses_failure *f)
{
    struct adit_value at = { ADIT_TYPE_U64, 0, { .u = f->wall_ms / 1000 } };
    if (!f->attrs || f->rung < SES_RUNG_POLICY)
        return json_array();
    plug_attr_api.del(f->attrs, ADIT_ATTR_AT);
    plug_attr_api.put(f->attrs, ADIT_ATTR_AT, &at);
    return ctl_policies(f->attrs);
}

static json_t *groups(const struct adit_attrs *a)
{
    json_t *list = json_array();
    const struct adit_value *v;
    for (uint32_t nth = 0; a && (v = plug_attr_api.get(a, ADIT_ATTR_GROUP, nth)); nth++)
        json_array_append_new(list, text_of(v->v.p));
    return list;
}

static void one_line(void *u, uint64_t wall_ms, const char *text)
{
    json_array_append_new(u, json_pack("{s:o, s:o}", "when", when(wall_ms), "text", text_of(text)));
}

/* What was said. Who never got a session has the last lines of its address. */
static json_t *negotiation(const struct ses_failure *f)
{
    char peer[ADDR_TEXT];
    json_t *list = json_array();
    if (!trace_kept(f->id, one_line, list) && f->rung < SES_RUNG_CALL)
        trace_kept(addr_text_host(&f->peer, peer), one_line, list);
    return list;
}

static json_t *attempt_json(const struct ses_failure *f)
{
    json_t *o = failure_json(f);
    set(o, "called", addr_of(&f->our, true));
    set(o, "peer_host", text_of(f->peer_host));
    set(o, "secured", json_boolean(f->secured));
    set(o, "authenticator", text_of(f->authenticator));
    set(o, "groups", groups(f->attrs));
    set(o, "ladder", ladder(f->rung));
    set_fault(o, "against", "against_where", "against_written", &f->against);
    set(o, "mschap", num(cause_mschap(f->cause)));
    set(o, "policies", policies_then(f));
    set(o, "negotiation", negotiation(f));
    return o;
}

/* One that is not over: how far it is, and what of its packets does not pass. */
static json_t *session_findings(const struct ses *s)
{
    struct ses_info i;
    struct ses_finding found;
    ses_info(s, &i);
    json_t *o = json_object(), *list = json_array();
    set(o, "id", num(i.number));
    set(o, "session", text_of(i.id));
    set(o, "when", when(i.since_wall));
    set(o, "user", text_of(i.user));
    set(o, "tunnel", text_of(i.tunnel));
    set(o, "protocol", text_of(i.protocol));
    set(o, "peer", addr_of(&i.peer, true));
    set(o, "state", text_of(i.state));
    for (uint32_t n = 0; ses_finding(s, n, &found); n++) {
        json_t *one = json_object();
        set_cause(one, found.cause, &found.fault);
        set(one, "text", text_of(found.text));
        set(one, "packets", num(found.packets));
        json_array_append_new(list, one);
    }
    set(o, "findings", list);
    return o;
}

static void verb_explain(struct ctl_call *c, json_t *args)
{
    const json_t *given = json_object_get(args, "attempt");
    char number[24];
    const char *id = json_string_value(given);
    if (json_is_integer(given)) {
        snprintf(number, sizeof number, "%lld", (long long)json_integer_value(given));
        id = number;
    }
    const struct ses_failure *f = id ? ses_failure_find(id) : ses_failure(0);
    const struct ses *s = id && !f ? ses_find(id) : NULL;
    if (f)
        ctl_ok_take(c, attempt_json(f));
    else if (s)
        ctl_ok_take(c, session_findings(s));
    else if (id)
        ctl_error(c, ADIT_ENOENT, "neither a failed attempt nor a session is '%s': 'adit sessions --failed' "
                  "lists the last 256 attempts, 'adit history show' knows of sessions that ended", id);
    else
        ctl_error(c, ADIT_ENOENT, "no attempt failed since the daemon was started");
}

void ctl_explain_open(void)
{
    ctl_verb("sessions.failed", verb_failures, "", "The last failed attempts, with remedies.");
    ctl_verb("explain", verb_explain, "attempt",
             "Why an attempt failed (without: the last one), or what a session loses.");
}
