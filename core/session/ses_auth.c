/* ses_auth.c - the rungs AUTH and POLICY: who is it, and may it?
 *
 * Knows:  the chain of authenticators, the chain of policies, what of their
 *         answers goes on the session, conflicts between their settings.
 * Leaves: judging to the plugins, packets to ppp.
 *
 * The peer is told of success only when the policy has granted, so that it
 * hears the right error (649 instead of a success that ends at once).
 */
#include "session/ses_int.h"

#include <stdio.h>
#include <stdlib.h>
#include "base/attr.h"
#include "diagnose/cause.h"
#include "log/log.h"

ADIT_EVENT(ev_accepted, "session.accepted", ADIT_LOG_INFO,
           "A user was authenticated and a policy granted.",
           "session user method authenticator policy why");

static void ask_auth(struct ses *s, struct plug_inst *after);
static void ask_policy(struct ses *s, struct plug_inst *after);

uint32_t ses_auth_judged(void)
{
    uint32_t judged = 0;
    for (struct plug_inst *i = NULL; (i = plug_running_next(ADIT_KIND_AUTH, i));)
        judged |= ((const struct adit_auth *)plug_vtable(i))->methods;
    return judged;
}

uint32_t ses_auth_methods(void) { return ses_conf_get()->auth & ses_auth_judged(); }

/* ---- the query, copied ------------------------------------------------------------ */

static const uint8_t *copy(uint8_t **at, const uint8_t *from, uint32_t len)
{
    if (!from || !len)
        return NULL;
    uint8_t *to = *at;
    memcpy(to, from, len);
    *at += len;
    return to;
}

static struct ses_query *query_copy(const struct adit_auth_query *q)
{
    uint32_t user_len = (uint32_t)strlen(q->user) + 1;
    uint32_t block = q->encrypted_password ? 516 : 0, hash = q->encrypted_hash ? 16 : 0;
    size_t size = sizeof(struct ses_query) + user_len + q->password_len + q->challenge_len +
                  q->response_len + q->eap_len + q->state_len + block + hash;
    struct ses_query *c = calloc(1, size);
    if (!c)
        return NULL;
    uint8_t *at = c->bytes;
    c->size = size;
    c->q = *q;
    c->q.size = sizeof c->q;
    c->q.user = (const char *)copy(&at, (const uint8_t *)q->user, user_len);
    c->q.password = copy(&at, q->password, q->password_len);
    c->q.challenge = copy(&at, q->challenge, q->challenge_len);
    c->q.response = copy(&at, q->response, q->response_len);
    c->q.eap = copy(&at, q->eap, q->eap_len);
    c->q.state = copy(&at, q->state, q->state_len);
    c->q.encrypted_password = copy(&at, q->encrypted_password, block);
    c->q.encrypted_hash = copy(&at, q->encrypted_hash, hash);
    return c;
}

static void query_free(struct ses *s)
{
    if (!s->query)
        return;
    bytes_wipe(s->query, s->query->size);
    free(s->query);
    s->query = NULL;
}

void ses_asks(struct ses *s, struct plug_inst *i)
{
    s->asking = i;
    snprintf(s->asked, sizeof s->asked, "%s", plug_self(i)->name);
}

void ses_user_split(const char *user, char account[SES_NAME], char domain[SES_DOMAIN])
{
    const char *slash = strchr(user, '\\'), *at = strrchr(user, '@');
    snprintf(account, SES_NAME, "%s", slash ? slash + 1 : user);
    domain[0] = '\0';
    if (slash) {
        snprintf(domain, SES_DOMAIN, "%.*s", (int)(slash - user), user);
    } else if (at && at != user) {
        snprintf(domain, SES_DOMAIN, "%s", at + 1);
        if (at - user < SES_NAME)
            account[at - user] = '\0';
    }
}

/* ---- what is known of a login --------------------------------------------------------- */

static struct adit_attrs *login(const struct ses *s) { return s->again ? s->again_attrs : s->attrs; }

static void login_str(struct ses *s, uint32_t id, const char *text)
{
    struct adit_value v = adit_value_str(text);
    plug_attr_api.del(login(s), id);
    plug_attr_api.put(login(s), id, &v);
}

static uint64_t attr_u(const struct adit_attrs *a, uint32_t id)
{
    const struct adit_value *v = a ? plug_attr_api.get(a, id, 0) : NULL;
    return v ? v->v.u : 0;
}

static uint64_t login_u(const struct ses *s, uint32_t id) { return attr_u(login(s), id); }

/* Begins it: what the call itself tells. */
static bool login_begin(struct ses *s)
{
    if (!s->again)
        return ses_attrs_base(s);
    struct adit_attrs *of_session = s->attrs;
    s->attrs = s->again_attrs;
    bool ok = ses_attrs_base(s);
    s->again_attrs = s->attrs;
    s->attrs = of_session;
    const struct adit_value *state = plug_attr_api.get(of_session, ADIT_ATTR_STATE, 0);
    if (ok && state)
        ok = plug_attr_api.put(s->again_attrs, ADIT_ATTR_STATE, state) == 0;
    return ok;
}

static void again_end(struct ses *s)
{
    s->again = false;
    plug_attr_api.free(s->again_attrs);
    s->again_attrs = NULL;
}

/* Nobody waits for the answer any more; the query was the plugin's until now. */
static void ask_end(struct ses *s)
{
    adit_request req = s->req;
    s->req = 0;
    if (req)
        plug_ask_cancel(req);
    query_free(s);
}

void ses_auth_leave(struct ses *s)
{
    again_end(s);
    ask_end(s);
    ses_index_user(s, false);
    bytes_wipe(&s->answer, sizeof s->answer);
}

/* ---- the answer to the peer ---------------------------------------------------------- */

static void refuse(struct ses *s, uint32_t cause, const char *text)
{
    struct adit_auth_answer a = { .size = sizeof a, .verdict = ADIT_VERDICT_REJECT,
                                  .cause = cause, .message = *s->message ? s->message : NULL };
    query_free(s);
    /* Not the cause yet: an MS-CHAP peer may try again with the right password.
     * What was refused last is what counts in the end. */
    char why[sizeof s->refused];
    snprintf(why, sizeof why, "%s", text && *text ? text : cause_text(cause));
    memcpy(s->refused, why, sizeof why);
    s->refused_cause = cause;
    ses_trace_note(s, "refused: %s: %s", cause_code(cause), s->refused);
    ppp_auth_answer(s->ppp, &a);
}

/* What a new login says of limits and the like holds from now on. What it says
 * nothing about stays, but for its own time. False: it cannot hold. */
static bool again_take(struct ses *s)
{
    static const uint32_t own[] = { ADIT_ATTR_SESSION_TIMEOUT, ADIT_ATTR_REAUTHENTICATE,
                                    ADIT_ATTR_STATE };
    static const uint32_t other[] = { ADIT_ATTR_IDLE_TIMEOUT, ADIT_ATTR_INTERIM, ADIT_ATTR_EXPIRY,
                                      ADIT_ATTR_CLASS, ADIT_ATTR_RATE_IN, ADIT_ATTR_RATE_OUT,
                                      ADIT_ATTR_FILTER_IN, ADIT_ATTR_FILTER_OUT,
                                      ADIT_ATTR_FILTER_RULE };
    struct adit_attrs *values = plug_attr_api.make();
    int32_t rc = values ? 0 : ADIT_ENOMEM;
    const struct adit_value *v;
    for (size_t i = 0; i < sizeof other / sizeof other[0] && !rc; i++)
        for (uint32_t nth = 0; !rc && (v = plug_attr_api.get(s->again_attrs, other[i], nth)); nth++)
            rc = plug_attr_api.put(values, other[i], v);
    if (!rc)
        rc = ses_revise(s, values);
    plug_attr_api.free(values);
    for (size_t i = 0; i < sizeof own / sizeof own[0] && !rc; i++) {
        plug_attr_api.del(s->attrs, own[i]);
        if ((v = plug_attr_api.get(s->again_attrs, own[i], 0)))
            plug_attr_api.put(s->attrs, own[i], v);
    }
    if (rc) {
        refuse(s, rc == ADIT_ENOMEM ? (uint32_t)ADIT_CAUSE_RESOURCE : (uint32_t)ADIT_CAUSE_CONFLICT, NULL);
        return false;
    }
    again_end(s);
    s->limit_from_ms = loop_now();
    ses_net_limits(s);
    return true;
}

bool ses_auth_again(struct ses *s)
{
    s->again = ppp_challenge(s->ppp);
    return s->again;
}

/* A server that we dialled proved itself: it is nobody's session, and no policy is asked. */
static void accept_server(struct ses *s)
{
    ses_trace_note(s, "the server was accepted by %s", s->authenticator);
    s->refused_cause = ADIT_CAUSE_NONE;
    query_free(s);
    ppp_auth_answer(s->ppp, &s->answer);
    bytes_wipe(&s->answer, sizeof s->answer);
}

static void accept_peer(struct ses *s)
{
    LOG_EVENT("session", &ev_accepted, ADIT_KV_S("session", s->id), ADIT_KV_S("user", s->user),
              ADIT_KV_U("method", s->method), ADIT_KV_S("authenticator", s->authenticator),
              ADIT_KV_S("policy", s->policy), ADIT_KV_S("why", s->refused));
    ses_trace_note(s, "accepted by %s, policy '%s'", s->authenticator, s->policy);
    s->refused[0] = '\0';
    s->refused_cause = ADIT_CAUSE_NONE;
    if (!s->again)
        ses_index_user(s, true);
    else if (!again_take(s))
        return;
    query_free(s);
    struct adit_auth_answer a = s->answer;
    a.message = *s->message ? s->message : NULL;
    bytes_wipe(&s->answer, sizeof s->answer);
    ppp_auth_answer(s->ppp, &a);
    bytes_wipe(&a, sizeof a);
}

/* ---- the chain of authenticators -------------------------------------------------------- */

/* Who logs in is whose session it is. Who dialled stays who it is, whatever the
 * server calls itself that has to prove itself. */
static void user_take(struct ses *s, const struct adit_auth_query *q)
{
    if (s->dial)
        return;
    if (!s->again)
        ses_index_user(s, false);
    snprintf(s->user, sizeof s->user, "%s", q->user);
    ses_user_split(s->user, s->account, s->domain);
    trace_talk_user(s->talk, s->user, s->account);
    /* A change of password is one more step of the method that asked for it: that is
     * what policies judge. */
    if (q->method != ADIT_AUTH_CHANGE)
        s->method = q->method;
    else if (!s->method)
        s->method = ADIT_AUTH_MSCHAPV2;
}

void ses_auth_query(struct ses *s, const struct adit_auth_query *q)
{
    char account[SES_NAME], domain[SES_DOMAIN];
    ask_end(s);                 /* one at a time, whatever the peer sends meanwhile */
    if (s->again && strcasecmp(q->user, s->user) != 0) {
        refuse(s, ADIT_CAUSE_AUTH_FAILED, "Somebody else answered when the user was to "
               "authenticate once more.");
        return;
    }
    user_take(s, q);
    ses_user_split(q->user, account, domain);
    s->message[0] = '\0';
    s->account_at[0] = s->policy_at[0] = s->at_fault[0] = '\0';
    ses_fault(s, NULL, NULL);
    s->chain_cause = ADIT_CAUSE_UNKNOWN_USER;
    if (!login_begin(s)) {
        refuse(s, ADIT_CAUSE_RESOURCE, NULL);
        return;
    }
    login_str(s, ADIT_ATTR_USER, q->user);
    login_str(s, ADIT_ATTR_ACCOUNT, account);
    if (*domain)
        login_str(s, ADIT_ATTR_DOMAIN, domain);
    plug_attr_api.put(login(s), ADIT_ATTR_METHOD,
                      &(struct adit_value){ ADIT_TYPE_U64, 0, { .u = s->dial ? q->method : s->method } });
    s->query = query_copy(q);
    if (!s->query) {
        refuse(s, ADIT_CAUSE_RESOURCE, NULL);
        return;
    }
    s->query->q.attrs = login(s);
    if (!s->again && !s->dial && ses_lock_is(s))    /* nobody is asked, whether there is such an account or not */
        refuse(s, ADIT_CAUSE_LOCKED_OUT, NULL);
    else
        ask_auth(s, NULL);
}

/* Nobody proved anything yet: a stranger must not learn from a method that is refused
 * that there is such an account. */
static void rejected(struct ses *s, uint32_t cause)
{
    if (s->dial) {
        refuse(s, cause, "The server did not prove who it is: no authenticator here accepts its name "
                         "and password.");
        return;
    }
    if (cause == ADIT_CAUSE_METHOD_REFUSED)
        cause = ADIT_CAUSE_NO_SECRET;
    ses_lock_failed(s, cause);
    refuse(s, cause, NULL);
}

static void auth_done(void *u, int32_t status, const void *answer)
{
    struct ses *s = u;
    const struct adit_auth_answer *a = answer;
    if (!s->req)
        return;                 /* cancelled: the session is on its way down */
    s->req = 0;
    uint32_t verdict = status || !a ? ADIT_VERDICT_ERROR : a->verdict;
    if (a && a->message)
        snprintf(s->message, sizeof s->message, "%s", a->message);
    if (a && a->place && (verdict == ADIT_VERDICT_ACCEPT || verdict == ADIT_VERDICT_REJECT))
        snprintf(s->account_at, sizeof s->account_at, "%s", a->place);
    switch (verdict) {
    case ADIT_VERDICT_ACCEPT:
        if (!s->dial)
            ses_lock_passed(s);
        if (!s->again && !s->dial)
            ses_climb(s, PH_POLICY);
        s->answer = *a;
        s->answer.attrs = NULL;
        s->answer.message = NULL;
        s->answer.place = NULL;
        s->answer.state = NULL;
        s->answer.state_len = 0;
        s->answer.eap = NULL;
        if (a->eap && a->eap_len <= sizeof s->answer_eap) {
            memcpy(s->answer_eap, a->eap, a->eap_len);
            s->answer.eap = s->answer_eap;
        } else {
            s->answer.eap_len = 0;
        }
        snprintf(s->authenticator, sizeof s->authenticator, "%s", plug_self(s->asking)->name);
        if (s->dial) {
            accept_server(s);
            break;
        }
        if (attr_over(login(s), a->attrs)) {    /* limits and filters may be among them */
            refuse(s, ADIT_CAUSE_RESOURCE, NULL);
            break;
        }
        login_str(s, ADIT_ATTR_AUTHENTICATOR, s->authenticator);
        ask_policy(s, NULL);
        break;
    case ADIT_VERDICT_CHALLENGE:
        query_free(s);
        ppp_auth_answer(s->ppp, a);
        break;
    case ADIT_VERDICT_REJECT:
        rejected(s, a->cause ? a->cause : ADIT_CAUSE_AUTH_FAILED);
        break;
    case ADIT_VERDICT_ERROR:
        s->chain_cause = a && a->cause ? a->cause : (uint32_t)ADIT_CAUSE_AUTH_UNAVAILABLE;
        memcpy(s->at_fault, s->asked, sizeof s->at_fault);
        ask_auth(s, s->asking);
        break;
    default:
        ask_auth(s, s->asking);
        break;
    }
}

static void ask_auth(struct ses *s, struct plug_inst *after)
{
    uint32_t method = s->query->q.method;
    struct plug_inst *i = after;
    while ((i = plug_running_next(ADIT_KIND_AUTH, i))) {
        const struct adit_auth *vt = plug_vtable(i);
        /* a change of password is offered to whoever judged the password */
        if (!(vt->methods & method))
            continue;
        ses_asks(s, i);
        adit_request req;
        if (plug_ask(i, ses_conf_get()->answer_timeout_ms, auth_done, s, &req))
            continue;
        s->req = req;
        PLUG_CALL(i, "check", vt->check(plug_self(i), req, &s->query->q));
        return;
    }
    rejected(s, s->chain_cause);
}

/* ---- the chain of policies ------------------------------------------------------------------ */

static const char *enc_names(uint32_t set, char out[32])
{
    snprintf(out, 32, "%s%s%s%s", set & ADIT_ENC_NONE ? "none " : "", set & ADIT_ENC_40 ? "40 " : "",
             set & ADIT_ENC_56 ? "56 " : "", set & ADIT_ENC_128 ? "128 " : "");
    size_t n = strlen(out);
    if (n)
        out[n - 1] = '\0';
    return out;
}

/* "mschapv2 eap-tls" */
static const char *method_names(uint32_t set, char out[96])
{
    size_t n = 0;
    out[0] = '\0';
    for (uint32_t bit = 1; bit <= set && n < 96; bit <<= 1)
        if (set & bit && *ses_method_name(bit))
            n += (size_t)snprintf(out + n, 96 - n, "%s%s", n ? " " : "", ses_method_name(bit));
    return out;
}

/* A profile that permits only methods which the server does not offer can let nobody
 * in: that is no fault of the client's. */
static bool never_met(const struct ses *s, const struct adit_attrs *profile, char text[256])
{
    char a[96], b[96];
    uint32_t methods = (uint32_t)attr_u(profile, ADIT_ATTR_METHODS), offered = ses_auth_methods();
    if (!methods || methods & offered)
        return false;
    snprintf(text, 256, "Policy '%.60s' permits the methods [%.60s], ppp.auth offers [%.60s]: nothing in common.",
             s->policy, method_names(methods, a), method_names(offered, b));
    return true;
}

/* What profile, account and server say together; 0, or the cause with a text. */
static uint32_t settle(struct ses *s, const struct adit_attrs *given, char text[256])
{
    char a[32], b[32];
    uint64_t methods = login_u(s, ADIT_ATTR_METHODS);
    if (methods && !(methods & s->method)) {
        snprintf(text, 256, "Policy '%s' does not permit the method that was used "
                 "(profile.methods).", s->policy);
        return ADIT_CAUSE_METHOD_REFUSED;
    }
    uint32_t server = s->tunnel->conf.encryption;
    if (s->secured && s->tunnel->by_protocol)
        server = ADIT_ENC_NONE;         /* IPsec encrypts already */
    uint32_t profile = (uint32_t)login_u(s, ADIT_ATTR_ENCRYPTION);
    s->encryption = profile ? server & profile : server;
    if (!s->encryption) {
        snprintf(text, 256, "Policy '%s' permits encryption [%s], tunnel '%s' permits [%s]: "
                 "nothing in common.", s->policy, enc_names(profile, a), s->tunnel->name,
                 enc_names(server, b));
        ses_fault(s, "policies[].profile.encryption", "tunnels[].encryption");
        return ADIT_CAUSE_CONFLICT;
    }
    /* EAP-TLS makes its keys itself, after this answer */
    if (!(s->encryption & ADIT_ENC_NONE) && !s->answer.key_len && s->method != ADIT_AUTH_EAP_TLS) {
        snprintf(text, 256, "Encryption is required, and the method that was used makes no keys: "
                 "use MS-CHAPv2 or EAP-TLS.");
        return ADIT_CAUSE_ENCRYPTION;
    }
    uint64_t limit = login_u(s, ADIT_ATTR_SESSION_LIMIT);
    uint32_t have = ses_index_sessions(s);
    if (limit && have >= limit && !s->again) {
        snprintf(text, 256, "The account has %u sessions of the %llu that it may have.", have,
                 (unsigned long long)limit);
        return ADIT_CAUSE_SESSION_LIMIT;
    }
    return s->again ? (uint32_t)ADIT_CAUSE_NONE : ses_guard_check(s, given, text);
}

/* What is the account's own, and nothing to a policy that does not look at accounts. */
static void forget_account(struct ses *s)
{
    static const uint32_t own[] = { ADIT_ATTR_ADDRESS, ADIT_ATTR_NETMASK, ADIT_ATTR_ROUTE,
                                    ADIT_ATTR_IPV6_PREFIX, ADIT_ATTR_DELEGATED_PREFIX,
                                    ADIT_ATTR_IPV6_ADDRESS, ADIT_ATTR_CALLER };
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        plug_attr_api.del(login(s), own[i]);
}

static void policy_done(void *u, int32_t status, const void *answer)
{
    struct ses *s = u;
    const struct adit_policy_answer *a = answer;
    if (!s->req)
        return;
    s->req = 0;
    if (status || !a) {
        s->chain_cause = ADIT_CAUSE_AUTH_UNAVAILABLE;
        ask_policy(s, s->asking);
        return;
    }
    if (!a->policy && !a->grant) {      /* this engine has none that matches */
        if (a->cause && s->chain_cause == ADIT_CAUSE_NO_POLICY)
            s->chain_cause = a->cause;
        snprintf(s->refused, sizeof s->refused, "%s", a->why ? a->why : "");
        ask_policy(s, s->asking);
        return;
    }
    snprintf(s->policy, sizeof s->policy, "%s", a->policy ? a->policy : "");
    snprintf(s->policy_at, sizeof s->policy_at, "%s", a->place ? a->place : "");
    char text[256] = "";
    if ((a->grant || a->cause == ADIT_CAUSE_METHOD_REFUSED) && never_met(s, a->profile, text)) {
        ses_fault(s, "policies[].profile.methods", "ppp.auth");
        refuse(s, ADIT_CAUSE_CONFLICT, text);
        return;
    }
    if (!a->grant) {
        refuse(s, a->cause ? a->cause : ADIT_CAUSE_POLICY_DENIED, a->why);
        return;
    }
    login_str(s, ADIT_ATTR_POLICY, s->policy);
    if (ADIT_HAS(a, ignore_account) && a->ignore_account)
        forget_account(s);
    if (attr_over(login(s), a->profile)) {
        refuse(s, ADIT_CAUSE_RESOURCE, NULL);
        return;
    }
    uint32_t cause = settle(s, a->profile, text);
    if (cause) {
        refuse(s, cause, text);
        return;
    }
    snprintf(s->refused, sizeof s->refused, "%s", a->why ? a->why : "");
    accept_peer(s);
}

static void ask_policy(struct ses *s, struct plug_inst *after)
{
    struct plug_inst *i = after;
    if (!after) {
        s->chain_cause = ADIT_CAUSE_NO_POLICY;
        s->policy[0] = '\0';
        s->refused[0] = '\0';
    }
    while ((i = plug_running_next(ADIT_KIND_POLICY, i))) {
        const struct adit_policy *vt = plug_vtable(i);
        ses_asks(s, i);
        adit_request req;
        if (plug_ask(i, ses_conf_get()->answer_timeout_ms, policy_done, s, &req))
            continue;
        s->req = req;
        PLUG_CALL(i, "decide", vt->decide(plug_self(i), req, login(s)));
        return;
    }
    refuse(s, s->chain_cause, s->refused);
}
