/* ike_say.c - what the log is told.
 *
 * Knows:  which event has which level, what is said how often, remedies.
 * Leaves: when, to ike_*.
 */
#include "ike_inst.h"

#include <stdio.h>

ADIT_EVENT(ev_up, "ipsec.up", ADIT_LOG_INFO, "A peer proved itself: phase 1 is established.",
           "peer identity proposal method initiator nat");
ADIT_EVENT(ev_pair, "ipsec.pair", ADIT_LOG_INFO, "A pair of associations was negotiated.",
           "peer identity transform");
ADIT_EVENT(ev_rekeyed, "ipsec.rekeyed", ADIT_LOG_INFO,
           "A pair of associations, or phase 1, was replaced by another.", "peer identity transform");
ADIT_EVENT(ev_down, "ipsec.down", ADIT_LOG_INFO, "A peer is gone.", "peer identity reason");
ADIT_EVENT(ev_refused, "ipsec.refused", ADIT_LOG_NOTICE, "A peer was refused.",
           "peer identity reason");
ADIT_EVENT(ev_wrong_key, "ipsec.wrong-key", ADIT_LOG_NOTICE,
           "The peer's pre-shared key is not ours.", "peer identity reason remedy");
ADIT_EVENT(ev_no_proposal, "ipsec.no-proposal", ADIT_LOG_NOTICE,
           "Nothing that the peer offers is allowed.", "peer identity offered remedy");
ADIT_EVENT(ev_auth, "ipsec.auth-failed", ADIT_LOG_NOTICE,
           "The peer's certificate, signature or identity is not acceptable.",
           "peer identity reason remedy");
ADIT_EVENT(ev_timeout, "ipsec.timeout", ADIT_LOG_NOTICE, "The peer stopped answering.",
           "peer identity exchange remedy");
ADIT_EVENT(ev_limit, "ipsec.limit", ADIT_LOG_WARN,
           "First messages were dropped: the limit of that option is reached.", "peer limit");
ADIT_EVENT(ev_notify, "ipsec.notify", ADIT_LOG_NOTICE, "The peer reported an error.",
           "peer identity error");
ADIT_EVENT(ev_keys, "ipsec.keys", ADIT_LOG_NOTICE, "Keys and certificates were read.",
           "certificate expires");
ADIT_EVENT(ev_silent, "ipsec.silent", ADIT_LOG_NOTICE,
           "A peer negotiated IPsec, and not one packet came through it.", "peer identity remedy");
ADIT_EVENT(ev_moved, "ipsec.moved", ADIT_LOG_INFO,
           "Authenticated packets came from another address or port: the peer is followed.",
           "identity from to");
ADIT_EVENT(ev_call, "ipsec.call.failed", ADIT_LOG_NOTICE,
           "An association that a tunnel wanted could not be had.", "peer reason");

const struct adit_event *const ipsec_events[] = {
    &ev_up, &ev_pair, &ev_rekeyed, &ev_down, &ev_refused, &ev_wrong_key, &ev_no_proposal, &ev_auth,
    &ev_timeout, &ev_limit, &ev_notify, &ev_keys, &ev_silent, &ev_moved, &ev_call, NULL
};

#define REGISTRY                                                                                 \
    "a Windows client calls a server behind a translator only when "                              \
    "HKLM\\SYSTEM\\CurrentControlSet\\Services\\PolicyAgent has "                                  \
    "AssumeUDPEncapsulationContextOnSendRule = 2 (DWORD), then restart it"

/* Of each kind: its event, under which key the text goes, how often a minute
 * (0: always: only who proved himself gets that far), what to do about it. */
static const struct kind {
    const struct adit_event *event;
    const char *key, *remedy;
    uint32_t per_minute;
} kinds[IKE_SAY_COUNT] = {
    [IKE_SAY_UP]          = { &ev_up, NULL, NULL, 0 },
    [IKE_SAY_CHILD_UP]    = { &ev_pair, "transform", NULL, 0 },
    [IKE_SAY_REKEYED]     = { &ev_rekeyed, "transform", NULL, 0 },
    [IKE_SAY_DOWN]        = { &ev_down, "reason", NULL, 0 },
    [IKE_SAY_REFUSED]     = { &ev_refused, "reason", NULL, 30 },
    [IKE_SAY_WRONG_KEY]   = { &ev_wrong_key, "reason",
                              "type the same pre-shared key into the client; ours is in psk, psk-file "
                              "or psks", 30 },
    [IKE_SAY_NO_PROPOSAL] = { &ev_no_proposal, "offered",
                              "add one that the client offers to proposals (phase 1) or esp (phase 2)",
                              30 },
    [IKE_SAY_AUTH_FAILED] = { &ev_auth, "reason", "see certificate, ca, crl and peer-identities", 30 },
    [IKE_SAY_TIMEOUT]     = { &ev_timeout, "exchange", NULL, 30 },
    [IKE_SAY_LIMIT]       = { &ev_limit, "limit", NULL, 6 },
    [IKE_SAY_NOTIFY]      = { &ev_notify, "error", NULL, 30 },
};

static const char *nat_text(const struct ike_sa_view *v)
{
    return v->nat_here && v->nat_there ? "both" : v->nat_here ? "here" : v->nat_there ? "there" : "none";
}

static const char *method_text(uint32_t method)
{
    return method == IKE_AUTH_PSK ? "psk" : method == IKE_AUTH_RSA ? "rsa" : "ecdsa";
}

void inst_say_line(struct inst *in, const struct adit_addr *peer, uint32_t how, const char *line)
{
    if (adit_trace_wants(in->self, peer, how) & ADIT_TRACE_LINES)
        in->self->host->trace->line(in->self, peer, how, "IKE", line);
}

/* A peer called and will not get as far as a call: people look for it there. */
static void tell_failed(struct inst *in, uint32_t cause, const struct adit_addr *peer, const char *text)
{
    struct adit_link_info i = { .size = sizeof i, .role = ADIT_ROLE_ANSWER, .peer = *peer };
    if (ADIT_HAS(in->self->host->link, failed))
        in->self->host->link->failed(in->self, &i, cause, text);
}

static uint32_t cause_of(enum ike_say what, bool established)
{
    switch (what) {
    case IKE_SAY_WRONG_KEY:
    case IKE_SAY_AUTH_FAILED: return ADIT_CAUSE_IPSEC_AUTH;
    case IKE_SAY_NO_PROPOSAL: return ADIT_CAUSE_IPSEC_PROPOSAL;
    case IKE_SAY_REFUSED:     return ADIT_CAUSE_PROTOCOL_ERROR;
    case IKE_SAY_TIMEOUT:     return established ? ADIT_CAUSE_NONE : ADIT_CAUSE_IPSEC_TIMEOUT;
    default:                  return ADIT_CAUSE_NONE;
    }
}

void inst_say(struct inst *in, enum ike_say what, const struct ike_sa *sa,
              const struct adit_addr *peer, const char *text)
{
    struct adit_self *self = in->self;
    struct ike_sa_view v = { .established = false };
    struct adit_kv kv[8];
    uint32_t n = 0;
    if (what >= IKE_SAY_COUNT)
        return;
    const struct kind *k = &kinds[what];
    char line[600];
    if (sa)
        ike_sa_view(sa, &v);
    snprintf(line, sizeof line, "%s%s%s", k->event->sentence, text ? " " : "", text ? text : "");
    inst_say_line(in, peer, ADIT_TRACE_NOTE, line);
    uint32_t cause = v.initiator ? (uint32_t)ADIT_CAUSE_NONE : cause_of(what, v.established);
    if (cause != ADIT_CAUSE_NONE)
        tell_failed(in, cause, peer, text);
    if (k->per_minute && !v.established && !self->host->log->allow(self, k->event, k->per_minute))
        return;
    kv[n++] = (struct adit_kv)ADIT_KV_ADDR("peer", peer);
    if (v.identity && what != IKE_SAY_LIMIT)
        kv[n++] = (struct adit_kv)ADIT_KV_S("identity", v.identity);
    if (k->key && text)
        kv[n++] = (struct adit_kv)ADIT_KV_S(k->key, text);
    if (what == IKE_SAY_UP) {
        kv[n++] = (struct adit_kv)ADIT_KV_S("proposal", v.proposal);
        kv[n++] = (struct adit_kv)ADIT_KV_S("method", method_text(v.method));
        kv[n++] = (struct adit_kv)ADIT_KV_BOOL("initiator", v.initiator);
        kv[n++] = (struct adit_kv)ADIT_KV_S("nat", nat_text(&v));
    }
    if (k->remedy)
        kv[n++] = (struct adit_kv)ADIT_KV_S("remedy", k->remedy);
    /* Row W1: it goes silent when it sees that the server is behind a NAT. */
    if (what == IKE_SAY_TIMEOUT && sa && v.nat_here && !v.established && !v.initiator)
        kv[n++] = (struct adit_kv)ADIT_KV_S("remedy", REGISTRY);
    self->host->log->event(self, k->event, kv, n);
}

void inst_say_keys(struct inst *in)
{
    uint64_t until_s = 0;
    const char *subject = in->auth ? ike_auth_subject(in->auth, &until_s) : NULL;
    adit_event(in->self, &ev_keys, ADIT_KV_S("certificate", subject ? subject : "none"),
               ADIT_KV_U("expires", until_s));
}

void inst_say_silent(struct inst *in, const struct sad_assoc *a)
{
    struct sad_assoc_view v;
    sad_assoc_view(a, &v);
    inst_say_line(in, &v.who->peer, ADIT_TRACE_NOTE, ev_silent.sentence);
    tell_failed(in, ADIT_CAUSE_ESP_BLOCKED, &v.who->peer, NULL);
    if (in->self->host->log->allow(in->self, &ev_silent, 6))
        adit_event(in->self, &ev_silent, ADIT_KV_ADDR("peer", &v.who->peer),
                   ADIT_KV_S("identity", v.who->identity),
                   ADIT_KV_S("remedy", v.who->encap
                                 ? "let UDP port 4500 through every firewall on the way"
                                 : "let IP protocol 50 (ESP) and UDP port 4500 through every firewall "
                                   "on the way"));
}

void inst_say_moved(struct inst *in, const struct sad_assoc *a, const struct adit_addr *from)
{
    struct sad_assoc_view v;
    sad_assoc_view(a, &v);
    inst_say_line(in, from, ADIT_TRACE_NOTE, ev_moved.sentence);
    adit_event(in->self, &ev_moved, ADIT_KV_S("identity", v.who->identity),
               ADIT_KV_ADDR("from", &v.who->peer), ADIT_KV_ADDR("to", from));
}

void inst_say_call_failed(struct inst *in, const struct adit_addr *peer, const char *why)
{
    char line[300];
    snprintf(line, sizeof line, "%s %s", ev_call.sentence, why ? why : "");
    inst_say_line(in, peer, ADIT_TRACE_NOTE, line);
    adit_event(in->self, &ev_call, ADIT_KV_ADDR("peer", peer), ADIT_KV_S("reason", why ? why : ""));
}
