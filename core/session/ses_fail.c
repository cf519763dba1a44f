/* ses_fail.c - attempts that failed: the ring of the last ones, and what is told of them.
 *
 * Knows:  which setting was at fault, where it stands, what is kept of an attempt, how
 *         many of them strangers may cause.
 * Leaves: causes and remedies to diagnose, what the answer to the client is to ppp and
 *         the tunnels.
 */
#include "session/ses_int.h"

#include <stdio.h>
#include <stdlib.h>
#include "base/addr.h"
#include "base/attr.h"
#include "config/conf.h"
#include "crypto/crypto.h"
#include "diagnose/cause.h"
#include "log/log.h"

#define FAILURES   256u         /* attempts that are remembered */
#define KEPT_ITEMS 64u          /* attributes of one */
#define KEPT_BYTES 2048u        /* of their strings */
#define ALIKE      8u           /* the last ones that a stranger's is compared with */
#define STRANGERS  30u          /* attempts a minute from before there was a call */

ADIT_EVENT(ev_refused, "session.refused", ADIT_LOG_WARN,
           "A connection attempt failed.",
           "session user tunnel peer code text setting remedy where ras");
ADIT_EVENT(ev_shut_out, "session.port-refused", ADIT_LOG_WARN,
           "A call was refused before PPP.",
           "tunnel peer code text remedy session setting where ras");

ADIT_EVENT(ev_finding, "session.finding", ADIT_LOG_NOTICE,
           "A session that ended had lost packets for a reason that has a remedy.",
           "session user code text setting where remedy");

static struct ses_failure failures[FAILURES];
static uint64_t failure_count;
static uint64_t next_number = 1;
static uint32_t boot_id;
static struct { uint64_t since_ms; uint32_t n; } strangers;

/* ---- looking ---------------------------------------------------------------------- */

const struct ses_failure *ses_failure(uint32_t nth)
{
    if (nth >= FAILURES || nth >= failure_count)
        return NULL;
    return &failures[(failure_count - 1 - nth) % FAILURES];
}

const struct ses_failure *ses_failure_find(const char *id)
{
    char *end;
    unsigned long long number = strtoull(id, &end, 10);
    const struct ses_failure *f;
    for (uint32_t nth = 0; (f = ses_failure(nth)); nth++)
        if (!strcmp(f->id, id) || (*id && !*end && f->number == number))
            return f;
    return NULL;
}

const char *ses_rung_name(uint32_t rung)
{
    static const char *const names[] = {
        [SES_RUNG_TUNNEL] = "tunnel", [SES_RUNG_PORT] = "port", [SES_RUNG_CALL] = "call",
        [SES_RUNG_LINK] = "link", [SES_RUNG_AUTH] = "authenticate", [SES_RUNG_POLICY] = "policy",
        [SES_RUNG_ADDR] = "address", [SES_RUNG_UP] = "up",
    };
    return rung < sizeof names / sizeof names[0] ? names[rung] : NULL;
}

uint64_t ses_number(char id[32])
{
    if (!boot_id)
        crypto_random(&boot_id, sizeof boot_id);
    snprintf(id, 32, "%08x-%llu", boot_id, (unsigned long long)next_number);
    return next_number++;
}

/* ---- the setting at fault ------------------------------------------------------------ */

static bool begins(const char *text, const char *with) { return !strncmp(text, with, strlen(with)); }

static void locate(struct ses_fault *f, const char *setting, const struct cause_names *names)
{
    cause_name(setting, names, f->setting, sizeof f->setting);
    f->written = conf_place_of(f->setting, f->place, sizeof f->place);
}

/* What of the account is at fault: the authenticator said where it has it from; else
 * the authenticator itself is the place to look. */
static void locate_account(struct ses_fault *f, const char *setting, const struct cause_names *names,
                           const char *account_at)
{
    char auth[sizeof f->setting];
    cause_name(setting, names, f->setting, sizeof f->setting);
    snprintf(f->place, sizeof f->place, "%s", account_at);
    f->written = *account_at != '\0';
    if (f->written)
        return;
    cause_name("auth[]", names, auth, sizeof auth);
    conf_place_of(auth, f->place, sizeof f->place);
}

static void find_fault(const struct ses *s, uint32_t rung, const char *setting, const char *filter,
                       struct ses_fault *f)
{
    const char *pool = ses_str(s, ADIT_ATTR_POOL);
    const struct cause_names names = {
        .filter = filter,
        .tunnel = s->self->name, .policy = s->policy, .account = s->account,
        .pool = pool ? pool : *s->pool ? s->pool : s->asked,
        .auth = *s->authenticator ? s->authenticator : *s->at_fault ? s->at_fault : s->asked,
    };
    if (!*setting)
        return;
    /* Who refused before any policy was asked is the authenticator: a RADIUS server
     * has hours of its own. */
    if (rung <= SES_RUNG_AUTH && begins(setting, "policies["))
        setting = "auth[]";
    if (begins(setting, "users[")) {
        locate_account(f, setting, &names, s->account_at);
    } else if (begins(setting, "policies[") && *s->policy_at) {
        cause_name(setting, &names, f->setting, sizeof f->setting);
        snprintf(f->place, sizeof f->place, "%s", s->policy_at);
        f->written = true;
    } else {
        locate(f, setting, &names);
    }
    /* The smaller one of both counts: where the profile has none, it is the account's. */
    if (!f->written && !strcmp(setting, "policies[].profile.session-limit"))
        locate_account(f, "users[].session-limit", &names, s->account_at);
}

void ses_fault(struct ses *s, const char *setting, const char *against)
{
    s->fault[0] = setting;
    s->fault[1] = against;
}

/* ---- keeping ---------------------------------------------------------------------------- */

/* What policies look at, not more than fits; what a RADIUS server keeps with us is its own. */
static struct adit_attrs *keep(const struct adit_attrs *from)
{
    struct adit_attrs *to = plug_attr_api.make();
    uint32_t pos = 0, id, items = 0;
    size_t bytes = 0;
    const struct adit_value *v;
    while (to && plug_attr_api.next(from, &pos, &id, &v)) {
        if (id >= ADIT_ATTR_VENDOR || v->type == ADIT_TYPE_BYTES || id == ADIT_ATTR_CAUSE ||
            id == ADIT_ATTR_REASON)
            continue;
        size_t len = v->type == ADIT_TYPE_STR ? v->len : 0;
        if (items == KEPT_ITEMS || bytes + len > KEPT_BYTES)
            break;
        if (plug_attr_api.put(to, id, v))
            break;
        items++;
        bytes += len;
    }
    return to;
}

static const char *protocol_of(struct adit_self *self)
{
    const struct plug_inst *i = plug_of(self);
    if (self->kind == ADIT_KIND_TUNNEL)
        return ((const struct adit_tunnel *)plug_vtable(i))->protocol;
    return plug_face_decl(plug_inst_face(i))->name;
}

static struct ses_failure *add(struct adit_self *self, uint32_t rung, uint32_t cause, const char *text)
{
    struct ses_failure *f = &failures[failure_count++ % FAILURES];
    plug_attr_api.free(f->attrs);
    *f = (struct ses_failure){ .wall_ms = loop_wall(), .cause = cause, .rung = rung, .times = 1 };
    snprintf(f->tunnel, sizeof f->tunnel, "%s", self->name);
    snprintf(f->protocol, sizeof f->protocol, "%s", protocol_of(self));
    snprintf(f->text, sizeof f->text, "%s", text && *text ? text : cause_text(cause));
    return f;
}

static void tell_accountants(const struct adit_attrs *attrs)
{
    for (struct plug_inst *i = NULL; (i = plug_running_next(ADIT_KIND_ACCOUNTING, i));) {
        const struct adit_accounting *vt = plug_vtable(i);
        if (vt->refused)
            PLUG_CALL(i, "refused", vt->refused(plug_self(i), attrs));
    }
}

void ses_failed(struct ses *s, enum phase reached)
{
    char peer[ADDR_TEXT];
    if (!s->dial && (s->method || ses_attrs_base(s))) {         /* else nothing was put there yet */
        ses_put_u(s, ADIT_ATTR_CAUSE, s->cause);
        ses_put_str(s, ADIT_ATTR_REASON, s->text);
        if (*s->policy)
            ses_put_str(s, ADIT_ATTR_POLICY, s->policy);
        tell_accountants(s->attrs);
    }
    _Static_assert(SES_RUNG_CALL + PH_UP == SES_RUNG_UP, "the ladder's rungs follow those of a call");
    struct ses_failure *f = add(s->self, SES_RUNG_CALL + reached, s->cause, s->text);
    f->number = s->number;
    f->peer = s->peer;
    f->our = s->our;
    f->secured = s->secured;
    f->dialled = s->dial != NULL;
    f->attrs = s->dial ? NULL : keep(s->attrs);
    if (s->method)
        f->method = ses_method_name(s->method);
    snprintf(f->id, sizeof f->id, "%s", s->id);
    snprintf(f->user, sizeof f->user, "%.127s", s->user);
    snprintf(f->policy, sizeof f->policy, "%s", s->policy);
    snprintf(f->authenticator, sizeof f->authenticator, "%s", s->authenticator);
    snprintf(f->peer_host, sizeof f->peer_host, "%s", s->peer_host);
    if (!s->dial)
        find_fault(s, f->rung, s->fault[0] ? s->fault[0] : cause_setting(s->cause),
                   NULL, &f->fault);
    if (s->fault[1] && !s->dial)
        find_fault(s, f->rung, s->fault[1], NULL, &f->against);
    if (log_allow(&ev_refused, 600))
        LOG_EVENT("session", &ev_refused, ADIT_KV_S("session", s->id), ADIT_KV_S("user", s->user),
                  ADIT_KV_S("tunnel", s->self->name),
                  ADIT_KV_S("peer", addr_text_host(&s->peer, peer)),
                  ADIT_KV_S("code", cause_code(s->cause)), ADIT_KV_S("text", s->text),
                  ADIT_KV_S("setting", f->fault.setting), ADIT_KV_S("remedy", cause_remedy(s->cause)),
                  ADIT_KV_S("where", f->fault.place), ADIT_KV_U("ras", cause_ras(s->cause)));
}

/* Of one that never became a session. */
static void failed_early(struct adit_self *self, uint32_t rung, const struct adit_link_info *i,
                         uint32_t cause, const char *text, const char *setting)
{
    char peer[ADDR_TEXT], line[300];
    bool tunnel = self->kind == ADIT_KIND_TUNNEL;
    const struct cause_names names = { .tunnel = tunnel ? self->name : NULL,
                                       .security = tunnel ? NULL : self->name };
    struct ses_failure *f = add(self, rung, cause, text);
    struct adit_attrs *attrs = plug_attr_api.make();
    const struct adit_host *h = self->host;
    snprintf(line, sizeof line, "refused: %s: %s", cause_code(cause), f->text);
    trace_peer_note(&i->peer, "session", line);
    f->number = ses_number(f->id);
    f->peer = i->peer;
    f->our = i->our;
    f->secured = i->security != NULL;
    snprintf(f->peer_host, sizeof f->peer_host, "%s", i->peer_host ? i->peer_host : "");
    if (!setting)
        setting = cause_setting(cause);
    if (*setting)
        locate(&f->fault, setting, &names);
    if (attrs) {
        adit_attr_put_str(h, attrs, ADIT_ATTR_SESSION, f->id);
        adit_attr_put_str(h, attrs, ADIT_ATTR_PROTOCOL, f->protocol);
        adit_attr_put_str(h, attrs, ADIT_ATTR_TUNNEL, self->name);
        adit_attr_put_addr(h, attrs, ADIT_ATTR_PEER, &i->peer);
        adit_attr_put_addr(h, attrs, ADIT_ATTR_OUR, &i->our);
        adit_attr_put_u(h, attrs, ADIT_ATTR_CAUSE, cause);
        adit_attr_put_str(h, attrs, ADIT_ATTR_REASON, f->text);
        tell_accountants(attrs);
        plug_attr_api.free(attrs);
    }
    if (log_allow(&ev_shut_out, 60))
        LOG_EVENT("session", &ev_shut_out, ADIT_KV_S("tunnel", self->name),
                  ADIT_KV_S("peer", addr_text_host(&i->peer, peer)),
                  ADIT_KV_S("code", cause_code(cause)), ADIT_KV_S("text", f->text),
                  ADIT_KV_S("remedy", cause_remedy(cause)), ADIT_KV_S("session", f->id),
                  ADIT_KV_S("setting", f->fault.setting), ADIT_KV_S("where", f->fault.place),
                  ADIT_KV_U("ras", cause_ras(cause)));
}

void ses_failed_call(struct adit_self *self, const struct adit_link_info *i, uint32_t cause,
                     const char *text, const char *setting)
{
    failed_early(self, SES_RUNG_PORT, i, cause, text, setting);
}

/* One of the last that looks the same: a client that tries again and again, or a
 * stranger who wants the ring for himself. */
static struct ses_failure *alike(const struct adit_self *self, const struct adit_addr *peer,
                                 uint32_t cause)
{
    for (uint32_t nth = 0; nth < ALIKE && nth < failure_count; nth++) {
        struct ses_failure *f = &failures[(failure_count - 1 - nth) % FAILURES];
        if (f->rung == SES_RUNG_TUNNEL && f->cause == cause && !strcmp(f->tunnel, self->name) &&
            adit_same_host(&f->peer, peer))
            return f;
    }
    return NULL;
}

bool ses_failed_tunnel(struct adit_self *self, const struct adit_link_info *i, uint32_t cause,
                       const char *text)
{
    struct ses_failure *f = alike(self, &i->peer, cause);
    uint64_t now = loop_now();
    if (f) {
        f->times++;
        f->wall_ms = loop_wall();
        return true;
    }
    if (now - strangers.since_ms >= 60000) {
        strangers.since_ms = now;
        strangers.n = 0;
    }
    if (strangers.n >= STRANGERS)
        return false;
    strangers.n++;
    failed_early(self, SES_RUNG_TUNNEL, i, cause, text, NULL);
    return true;
}

/* ---- sessions that lose packets ------------------------------------------------------------ */

/* Packets from addresses that are not the session's: a router behind which we know of
 * no network, or not of that one. */
static bool strays(const struct ses *s, const struct dp_count *c, struct ses_finding *out)
{
    bool router = ses_address(s, ADIT_ATTR_ROUTE, 0) != NULL;
    if (!c->rx_spoofed)
        return false;
    out->cause = router ? ADIT_CAUSE_NO_ROUTE : ADIT_CAUSE_ROUTER_AS_CLIENT;
    out->packets = c->rx_spoofed;
    snprintf(out->text, sizeof out->text, "%llu packets from the client were dropped: they came from "
             "addresses that are neither its own nor of a network behind it.",
             (unsigned long long)out->packets);
    find_fault(s, SES_RUNG_UP, cause_setting(out->cause), NULL, &out->fault);
    return true;
}

static bool filtered(const struct ses *s, uint64_t packets, uint32_t id, const char *direction,
                     struct ses_finding *out)
{
    const char *filter = ses_str(s, id);
    if (!packets)
        return false;
    out->cause = ADIT_CAUSE_FILTERED;
    out->packets = packets;
    snprintf(out->text, sizeof out->text, "%llu packets %s the client were dropped by %s%.64s.",
             (unsigned long long)packets, direction, filter ? "the filter " : "rules of the session's own",
             filter ? filter : "");
    if (filter)
        find_fault(s, SES_RUNG_UP, "filters[]", filter, &out->fault);
    else                        /* only a RADIUS server sends such */
        find_fault(s, SES_RUNG_UP, "auth[]", NULL, &out->fault);
    return true;
}

bool ses_finding(const struct ses *s, uint32_t nth, struct ses_finding *out)
{
    memset(out, 0, sizeof *out);
    if (!s->port)
        return false;
    const struct dp_count *c = dp_count(s->port);
    if (strays(s, c, out) && nth-- == 0)
        return true;
    if (filtered(s, c->rx_filtered, ADIT_ATTR_FILTER_IN, "from", out) && nth-- == 0)
        return true;
    return filtered(s, c->tx_filtered, ADIT_ATTR_FILTER_OUT, "to", out) && nth == 0;
}

void ses_findings_tell(const struct ses *s)
{
    struct ses_finding f;
    for (uint32_t nth = 0; ses_finding(s, nth, &f) && log_allow(&ev_finding, 60); nth++)
        LOG_EVENT("session", &ev_finding, ADIT_KV_S("session", s->id), ADIT_KV_S("user", s->user),
                  ADIT_KV_S("code", cause_code(f.cause)), ADIT_KV_S("text", f.text),
                  ADIT_KV_S("setting", f.fault.setting), ADIT_KV_S("where", f.fault.place),
                  ADIT_KV_S("remedy", cause_remedy(f.cause)));
}
