/* test_ses.c - the ladder: the order of a login, every refusal with its cause, limits,
 * what comes too late, and the way down. */
#include <stdio.h>
#include <string.h>
#include "log/log.h"
#include "ses_rig.h"
#include "session/ses_int.h"
#include "datapath/dp_guard.h"
#include "unit.h"

#define PAP "ppp: { auth: [pap], answer-timeout: 5s, half-open: 0, half-open-per-address: 0"
#define PLAIN PAP " }"

static struct stub *t, *a, *p, *l, *acc;

/* One of each kind. */
static void house(const char *yaml)
{
    rig_house(yaml);
    t = rig.tunnel;
    a = rig.auth;
    p = rig.policy;
    l = rig.pool;
    acc = rig_add(ADIT_KIND_ACCOUNTING, "acc");
}

static void put_u(struct stub *s, uint32_t id, uint64_t u)
{
    struct adit_value v = { ADIT_TYPE_U64, 0, { .u = u } };
    if (!s->attrs)
        s->attrs = plug_attr_api.make();
    plug_attr_api.del(s->attrs, id);
    ck_assert_int_eq(plug_attr_api.put(s->attrs, id, &v), 0);
}

static void put_ip(struct stub *s, uint32_t id, uint8_t last)
{
    struct adit_value v = { ADIT_TYPE_ADDR, 0, { .addr = { .family = ADIT_AF_IPV4, .prefix = 32,
                                                           .ip = { 10, 9, 9, last } } } };
    if (!s->attrs)
        s->attrs = plug_attr_api.make();
    ck_assert_int_eq(plug_attr_api.put(s->attrs, id, &v), 0);
}

static void put_str(struct stub *s, uint32_t id, const char *text)
{
    struct adit_value v = adit_value_str(text);
    if (!s->attrs)
        s->attrs = plug_attr_api.make();
    ck_assert_int_eq(plug_attr_api.put(s->attrs, id, &v), 0);
}

static uint32_t sessions(void)
{
    uint32_t n = 0;
    for (struct ses *s = ses_next(NULL); s; s = ses_next(s))
        n++;
    return n;
}

/* The counters say what a walk through all sessions says. */
static void counts_agree(void)
{
    struct ses_tunnel_info ti;
    uint32_t up = 0, all = 0;
    for (struct ses *s = ses_next(NULL); s; s = ses_next(s), all++) {
        struct ses_info i;
        ses_info(s, &i);
        up += !strcmp(i.state, "up");
    }
    ses_tunnel_info(t->tunnel, &ti);
    ck_assert_uint_eq(ses_total()->up, up);
    ck_assert_uint_eq(ses_total()->open, all);
    ck_assert_uint_eq(ti.connected, up);
    ck_assert_uint_eq(ti.used, all);
}

static void last_failure_is(uint32_t cause, const char *user)
{
    const struct ses_failure *f = ses_failure(0);
    ck_assert_ptr_nonnull(f);
    ck_assert_msg(f->cause == cause, "the cause is %u (%s), not %u", f->cause, f->text, cause);
    ck_assert_str_eq(f->user, user);
    ck_assert_str_eq(f->tunnel, "t");
    ck_assert_str_eq(f->protocol, "stub");
    ck_assert_str_ne(f->text, "");
}

/* ---- the order ---------------------------------------------------------------------------- */

START_TEST(a_login_goes_up_the_ladder_and_down_again)
{
    house(PLAIN);
    struct caller *c = rig_call(t, "CORP\\anna", 1);
    rig_run(1000);
    ck_assert(c->up);
    ck_assert_str_eq(rig.log, "check:a decide:p lease:l attach begin:acc ");
    ck_assert_uint_eq(c->address.ip[3], 2);
    ck_assert_uint_eq(rig.attached.address.ip[3], 2);
    counts_agree();

    struct ses_info i;
    ses_info(ses_next(NULL), &i);
    ck_assert_str_eq(i.user, "CORP\\anna");
    ck_assert_str_eq(i.account, "anna");
    ck_assert_str_eq(i.state, "up");
    ck_assert_str_eq(i.method, "pap");
    ck_assert_str_eq(i.policy, "p");
    ck_assert_str_eq(i.authenticator, "a");
    ck_assert_str_eq(i.pool, "l");
    ck_assert_str_eq(i.protocol, "stub");

    rig.log[0] = '\0';
    rig_run(9000);
    rig_quit(c);
    rig_run(5000);
    ck_assert_str_eq(rig.log, "end:acc detach release:l hangup down ");
    ck_assert_uint_eq(c->hangup_cause, ADIT_CAUSE_PEER_HANGUP);
    ck_assert_uint_eq(acc->ended_by, ADIT_CAUSE_PEER_HANGUP);
    /* the link waits a while for the peer to close it (RFC 1661 section 4.4, zrc) */
    ck_assert_uint_ge(acc->duration_ms, 10000);
    ck_assert_uint_lt(acc->duration_ms, 14000);
    ck_assert_uint_eq(sessions(), 0);
    ck_assert_ptr_null(ses_failure(0));         /* it was no failed attempt */
    counts_agree();
    rig_close();
}
END_TEST

START_TEST(authenticators_and_pools_are_asked_in_order)
{
    rig_open(PLAIN);
    t = rig_add(ADIT_KIND_TUNNEL, "t");
    a = rig_add(ADIT_KIND_AUTH, "a");
    struct stub *a2 = rig_add(ADIT_KIND_AUTH, "a2"), *a3 = rig_add(ADIT_KIND_AUTH, "a3");
    p = rig_add(ADIT_KIND_POLICY, "p");
    struct stub *p2 = rig_add(ADIT_KIND_POLICY, "p2");
    l = rig_add(ADIT_KIND_POOL, "l");
    struct stub *l2 = rig_add(ADIT_KIND_POOL, "l2");
    a->verdict = ADIT_VERDICT_NEXT;
    a2->status = ADIT_EIO;
    p->no_match = true;
    l->left = 0;
    struct caller *c = rig_call(t, "anna", 1);
    rig_run(1000);
    ck_assert(c->up);
    ck_assert_str_eq(rig.log, "check:a check:a2 check:a3 decide:p decide:p2 lease:l lease:l2 attach ");
    struct ses_info i;
    ses_info(ses_next(NULL), &i);
    ck_assert_str_eq(i.authenticator, "a3");
    ck_assert_str_eq(i.policy, "p2");
    ck_assert_str_eq(i.pool, "l2");
    ck_assert_uint_eq(a3->asked + p2->asked + l2->asked, 3);
    rig_close();
    ck_assert_uint_eq(l2->released, 1);
    ck_assert_uint_eq(l->released, 0);
}
END_TEST

/* A stopped instance is not asked. */
START_TEST(what_does_not_run_is_passed_over)
{
    house(PLAIN);
    struct stub *a2 = rig_add(ADIT_KIND_AUTH, "a2");
    plug_inst_stop(a->inst);
    struct caller *c = rig_call(t, "anna", 1);
    rig_run(1000);
    ck_assert(c->up);
    ck_assert_uint_eq(a->asked, 0);
    ck_assert_uint_eq(a2->asked, 1);
    plug_inst_stop(a2->inst);
    c = rig_call(t, "anna", 2);
    rig_run(1000);
    ck_assert(!c->up);
    last_failure_is(ADIT_CAUSE_AUTH_UNAVAILABLE, "");
    rig_close();
}
END_TEST

/* ---- refusals ------------------------------------------------------------------------------- */

static void nobody(void) { a->verdict = ADIT_VERDICT_NEXT; }
static void wrong(void) { a->verdict = ADIT_VERDICT_REJECT; }
static void disabled(void) { a->verdict = ADIT_VERDICT_REJECT; a->cause = ADIT_CAUSE_DISABLED; }
static void broken(void) { a->status = ADIT_EIO; }
static void unsure(void) { a->verdict = ADIT_VERDICT_ERROR; }
static void mad(void) { a->verdict = 77; }
static void mute(void) { a->silent = true; }
static void none(void) { p->no_match = true; p->cause = 0; }
static void none_says(void) { p->no_match = true; p->cause = ADIT_CAUSE_HOURS; }
static void deny(void) { p->grant = 0; }
static void hours(void) { p->grant = 0; p->cause = ADIT_CAUSE_HOURS; }
static void engine(void) { p->status = ADIT_EIO; }
static void p_mute(void) { p->silent = true; }
static void method(void) { put_u(p, ADIT_ATTR_METHODS, ADIT_AUTH_MSCHAPV2); }
static void nothing(void) { put_u(p, ADIT_ATTR_ENCRYPTION, ADIT_ENC_40); }
static void keyless(void) { put_u(p, ADIT_ATTR_ENCRYPTION, ADIT_ENC_128); }
static void no_filter(void) { put_str(p, ADIT_ATTR_FILTER_IN, "web"); }
static void no_filter_either(void) { put_str(a, ADIT_ATTR_FILTER_OUT, "web"); }
static void bad_rule(void) { put_str(a, ADIT_ATTR_FILTER_RULE, "permit in foo from any to any"); }
static void empty(void) { l->left = 0; }
static void taken(void) { l->status = ADIT_EEXIST; }
static void foreign(void) { l->status = ADIT_ENOENT; }
static void bad_pool(void) { l->status = ADIT_EIO; }
static void l_mute(void) { l->silent = true; }
static void own_cause(void) { l->status = ADIT_ENOSPC; l->cause = ADIT_CAUSE_RESOURCE; }
static void another(void) { rig.attach_fails = ADIT_EEXIST; }
static void no_memory(void) { rig.attach_fails = ADIT_ENOMEM; }

static const struct refusal {
    const char *what;
    void (*set)(void);
    uint32_t cause;
    const char *log;            /* how far it came */
} refusals[] = {
    { "no authenticator knows the user", nobody, ADIT_CAUSE_UNKNOWN_USER, "check" },
    { "the password is wrong", wrong, ADIT_CAUSE_AUTH_FAILED, "check" },
    { "the authenticator names the cause", disabled, ADIT_CAUSE_DISABLED, "check" },
    { "the authenticator fails", broken, ADIT_CAUSE_AUTH_UNAVAILABLE, "check" },
    { "the authenticator cannot tell", unsure, ADIT_CAUSE_AUTH_UNAVAILABLE, "check" },
    { "the authenticator talks nonsense", mad, ADIT_CAUSE_AUTH_UNAVAILABLE, "check" },
    { "the authenticator never answers", mute, ADIT_CAUSE_AUTH_UNAVAILABLE, "check cancel" },
    { "no policy matches", none, ADIT_CAUSE_NO_POLICY, "check decide" },
    { "no policy matches, and why", none_says, ADIT_CAUSE_HOURS, "check decide" },
    { "the policy denies", deny, ADIT_CAUSE_POLICY_DENIED, "check decide" },
    { "the policy denies, and why", hours, ADIT_CAUSE_HOURS, "check decide" },
    { "the policy engine fails", engine, ADIT_CAUSE_AUTH_UNAVAILABLE, "check decide" },
    { "the policy engine never answers", p_mute, ADIT_CAUSE_AUTH_UNAVAILABLE, "check decide cancel" },
    { "the profile permits no method that is offered", method, ADIT_CAUSE_CONFLICT, "check decide" },
    { "profile and tunnel have no encryption in common", nothing, ADIT_CAUSE_CONFLICT, "check decide" },
    { "encryption without keys", keyless, ADIT_CAUSE_ENCRYPTION, "check decide" },
    { "the profile's filter is not there", no_filter, ADIT_CAUSE_CONFLICT, "check decide" },
    { "the account's filter is not there", no_filter_either, ADIT_CAUSE_CONFLICT, "check decide" },
    { "a filter rule is none", bad_rule, ADIT_CAUSE_CONFLICT, "check decide" },
    { "the pool is empty", empty, ADIT_CAUSE_POOL_EXHAUSTED, "check decide lease" },
    { "the address is taken", taken, ADIT_CAUSE_ADDRESS_TAKEN, "check decide lease" },
    { "no pool serves it", foreign, ADIT_CAUSE_NO_POOL, "check decide lease" },
    { "the pool fails", bad_pool, ADIT_CAUSE_AUTH_UNAVAILABLE, "check decide lease" },
    { "the pool never answers", l_mute, ADIT_CAUSE_AUTH_UNAVAILABLE, "check decide lease cancel" },
    { "the pool names the cause", own_cause, ADIT_CAUSE_RESOURCE, "check decide lease" },
    { "the data path has the address", another, ADIT_CAUSE_ADDRESS_TAKEN, "check decide lease attach" },
    { "the data path has no memory", no_memory, ADIT_CAUSE_RESOURCE, "check decide lease attach" },
};
#define REFUSALS ((int)(sizeof refusals / sizeof refusals[0]))

START_TEST(each_refusal_has_its_cause)
{
    const struct refusal *r = &refusals[_i];
    house(PLAIN);
    r->set();
    struct caller *c = rig_call(t, "anna", 1);
    rig_run(60000);
    ck_assert_msg(!c->up && c->hung_up, "%s", r->what);
    ck_assert_msg(c->hangup_cause == r->cause, "%s: the tunnel hears %u, not %u", r->what,
                  c->hangup_cause, r->cause);
    last_failure_is(r->cause, "anna");
    ck_assert_str_eq(ses_failure(0)->method, "pap");
    ck_assert_ptr_null(ses_failure(1));         /* once */
    ck_assert_uint_eq(ses_total()->refused, 1);
    char expected[128], *at = expected;
    for (const char *w = r->log; *w; w++)       /* "check decide" in the log is "check:a decide:p " */
        if (!at || w == r->log || w[-1] == ' ') {
            const char *who = *w == 'd' ? ":p" : *w == 'l' ? ":l" : *w == 'a' ? "" : ":a";
            if (!strncmp(w, "cancel", 6))
                who = strstr(r->log, "lease") ? ":l" : strstr(r->log, "decide") ? ":p" : ":a";
            at += sprintf(at, "%.*s%s ", (int)strcspn(w, " "), w, who);
        }
    ck_assert_msg(!strncmp(rig.log, expected, strlen(expected)), "%s: %s", r->what, rig.log);
    ck_assert_uint_eq(acc->begun + acc->ended, 0);
    ck_assert_uint_eq(sessions(), 0);
    /* an address that was leased came back */
    ck_assert_uint_eq(l->released, strstr(r->log, "attach") != NULL);
    counts_agree();
    rig_close();
}
END_TEST

/* Reference: "the properties of the profile and of the server are in conflict: the
 * attempt is rejected". Both sides are named. */
START_TEST(profile_and_server_in_conflict_over_encryption_name_both)
{
    house(PLAIN);
    nothing();
    rig_call(t, "anna", 1);
    rig_run(1000);
    last_failure_is(ADIT_CAUSE_CONFLICT, "anna");
    ck_assert_str_eq(ses_failure(0)->text, "Policy 'p' permits encryption [40], tunnel 't' permits [none 128]: "
                                           "nothing in common.");
    rig_close();
}
END_TEST

START_TEST(profile_and_server_in_conflict_over_filters_name_both)
{
    house(PLAIN);
    no_filter();
    rig_call(t, "anna", 1);
    rig_run(1000);
    last_failure_is(ADIT_CAUSE_CONFLICT, "anna");
    ck_assert_str_eq(ses_failure(0)->text, "Policy 'p' sets filter-in 'web', and the section filters has none "
                                           "of that name.");
    plug_attr_api.del(p->attrs, ADIT_ATTR_FILTER_IN);
    no_filter_either();
    rig_call(t, "anna", 2);
    rig_run(1000);
    last_failure_is(ADIT_CAUSE_CONFLICT, "anna");
    ck_assert_str_eq(ses_failure(0)->text, "The account (authenticator 'a') sets filter-out 'web', and the "
                                           "section filters has none of that name.");
    rig_close();
}
END_TEST

START_TEST(a_policy_may_ignore_what_is_the_accounts_own)
{
    const struct adit_value route = { ADIT_TYPE_ADDR, 0, { .addr = { .family = ADIT_AF_IPV4, .prefix = 16,
                                                                     .ip = { 10, 7 } } } };
    house(PLAIN);
    put_ip(a, ADIT_ATTR_ADDRESS, 9);
    plug_attr_api.put(a->attrs, ADIT_ATTR_ROUTE, &route);
    l->status = ADIT_ENOENT;                    /* the address is of no pool */
    struct caller *c = rig_call(t, "anna", 1);
    rig_run(1000);
    ck_assert(c->up);
    ck_assert_uint_eq(c->address.ip[3], 9);
    ck_assert_uint_eq(rig.attached.route_count, 1);
    p->ignore_account = true;
    l->status = 0;
    c = rig_call(t, "bert", 2);
    rig_run(1000);
    ck_assert(c->up);
    ck_assert_uint_eq(c->address.ip[3], 2);     /* the pool's first */
    ck_assert_uint_eq(rig.attached.route_count, 0);
    rig_close();
}
END_TEST

/* Policies judge the method of the login, also when it changes the password. */
START_TEST(a_change_of_password_is_of_the_method_that_asked)
{
    house(PLAIN);
    a->silent = true;
    rig_call(t, "anna", 1);
    rig_run(1000);
    struct ses *s = ses_next(NULL);
    ck_assert_uint_eq(ses_u(s, ADIT_ATTR_METHOD), ADIT_AUTH_PAP);
    struct adit_auth_query q = { .size = sizeof q, .method = ADIT_AUTH_CHANGE, .user = "anna" };
    ses_auth_query(s, &q);
    ck_assert_uint_eq(ses_u(s, ADIT_ATTR_METHOD), ADIT_AUTH_PAP);
    struct ses_info i;
    ses_info(s, &i);
    ck_assert_str_eq(i.method, "pap");
    rig_close();
}
END_TEST

/* The authenticator has no keys to give for EAP-TLS: TLS makes them, after its
 * answer. So the lack of them refuses nobody here; with PAP it does. */
START_TEST(eap_tls_brings_keys_of_its_own)
{
    for (uint32_t m = 0; m < 2; m++) {
        house(PLAIN);
        keyless();
        a->silent = true;
        rig_call(t, "anna", 1);
        rig_run(1000);
        struct ses *s = ses_next(NULL);
        struct adit_auth_query q = { .size = sizeof q, .method = m ? ADIT_AUTH_EAP_TLS : ADIT_AUTH_PAP,
                                     .user = "anna" };
        ses_auth_query(s, &q);
        rig_answer(a);
        rig_run(100);
        /* what PPP does without them comes later */
        ck_assert_ptr_nonnull(ses_failure(0));
        ck_assert_msg(strstr(ses_failure(0)->text, "makes no keys") ? m == 0 : m == 1, "%s", ses_failure(0)->text);
        rig_close();
    }
}
END_TEST

/* What the peer is told is the policy's word: no success that ends at once. */
START_TEST(the_peer_hears_of_success_after_the_policy)
{
    house(PLAIN);
    p->silent = true;
    struct caller *c = rig_call(t, "anna", 1);
    rig_run(1000);
    struct ppp_info i;
    ppp_info(c->ppp, &i);
    ck_assert_uint_eq(i.our_method, 0);
    ck_assert_uint_eq(l->asked, 0);
    rig_answer(p);
    rig_run(1000);
    ppp_info(c->ppp, &i);
    ck_assert_uint_eq(i.our_method, ADIT_AUTH_PAP);
    ck_assert(c->up);
    rig_close();
}
END_TEST

START_TEST(the_first_cause_wins)
{
    house(PLAIN);
    /* an operator drops it; that the bearer goes too comes second */
    struct caller *c = rig_call(t, "anna", 1);
    rig_run(1000);
    ses_drop(ses_next(NULL), ADIT_CAUSE_ADMIN, NULL);
    rig_hang_up(c, ADIT_CAUSE_LOST_CARRIER);
    rig_run(1000);
    ck_assert_uint_eq(acc->ended_by, ADIT_CAUSE_ADMIN);
    /* a refused peer hangs up: that is not why */
    a->verdict = ADIT_VERDICT_REJECT;
    a->silent = true;
    c = rig_call(t, "berta", 1);
    rig_run(1000);
    rig_answer(a);
    rig_hang_up(c, ADIT_CAUSE_PEER_HANGUP);
    rig_run(1000);
    last_failure_is(ADIT_CAUSE_AUTH_FAILED, "berta");
    /* the tunnel's own cause, when nothing else was wrong */
    c = rig_call(t, "carl", 1);
    rig_run(1000);
    rig_hang_up(c, ADIT_CAUSE_GRE_BLOCKED);
    rig_run(1000);
    last_failure_is(ADIT_CAUSE_GRE_BLOCKED, "carl");
    ck_assert_uint_eq(sessions(), 0);
    rig_close();
}
END_TEST

/* ---- plugins that do not keep to it ------------------------------------------------------------ */

START_TEST(one_that_never_answers_is_passed_over_in_time)
{
    house(PLAIN);
    struct stub *a2 = rig_add(ADIT_KIND_AUTH, "a2");
    a->silent = true;
    struct caller *c = rig_call(t, "anna", 1);
    rig_run(4900);
    ck_assert_uint_eq(a2->asked, 0);
    rig_run(200);
    ck_assert_uint_eq(a2->asked, 1);
    ck_assert(c->up);
    ck_assert_uint_eq(a->cancelled, 1);
    ck_assert_uint_eq(plug_inst_stat(a->inst)->timed_out, 1);
    /* its answer comes when nobody waits */
    a->verdict = ADIT_VERDICT_REJECT;
    rig_answer(a);
    rig_run(100);
    ck_assert(c->up);
    ck_assert_uint_eq(plug_inst_stat(a->inst)->late, 1);
    ck_assert_uint_eq(plug_inst_stat(a->inst)->faults, 0);
    rig_close();
}
END_TEST

START_TEST(a_second_answer_changes_nothing)
{
    house(PLAIN);
    a->silent = p->silent = l->silent = true;
    struct caller *c = rig_call(t, "anna", 1);
    rig_run(100);
    rig_answer(a);
    a->verdict = ADIT_VERDICT_REJECT;
    rig_answer(a);
    rig_run(100);
    ck_assert_uint_eq(plug_inst_stat(a->inst)->faults, 1);
    rig_answer(p);
    p->grant = 0;
    rig_answer(p);
    rig_run(100);
    ck_assert_uint_eq(plug_inst_stat(p->inst)->faults, 1);
    rig_answer(l);
    rig_answer(l);
    rig_run(100);
    ck_assert_uint_eq(plug_inst_stat(l->inst)->faults, 1);
    ck_assert(c->up);
    ck_assert_uint_eq(c->address.ip[3], 2);
    ck_assert_uint_eq(acc->begun, 1);
    rig_close();
}
END_TEST

static void unheard(void *u, int32_t status, const void *answer)
{
    (void)u;
    (void)answer;
    ck_assert_int_eq(status, ADIT_ECANCELED);
}

/* What a plugin never answered is remembered, so that a late answer is told from
 * nonsense: but not without an end. */
START_TEST(the_oldest_of_too_many_unanswered_is_forgotten)
{
    enum { N = 5000 };
    static adit_request req[N];
    house(PLAIN);
    for (uint32_t i = 0; i < N; i++) {
        ck_assert_int_eq(plug_ask(a->inst, 1000, unheard, NULL, &req[i]), 0);
        plug_ask_cancel(req[i]);
    }
    ck_assert_uint_eq(a->cancelled, N);
    a->req = req[0];
    rig_answer(a);
    ck_assert_uint_eq(plug_inst_stat(a->inst)->faults, 1);
    a->req = req[N - 1];
    rig_answer(a);
    a->req = req[N - 4000];
    rig_answer(a);
    ck_assert_uint_eq(plug_inst_stat(a->inst)->late, 2);
    ck_assert_uint_eq(plug_inst_stat(a->inst)->faults, 1);
    rig.log[0] = '\0';
    rig_close();
}
END_TEST

START_TEST(an_answer_after_the_hangup_is_late)
{
    struct stub **who[] = { &a, &p, &l };
    house(PLAIN);
    for (size_t n = 0; n < 3; n++) {
        struct stub *s = *who[n];
        s->silent = true;
        struct caller *c = rig_call(t, "anna", 1);
        rig_run(100);
        ck_assert_uint_eq(s->asked, n + 1 - n);
        rig_hang_up(c, ADIT_CAUSE_LOST_CARRIER);
        ck_assert_uint_eq(s->cancelled, 1);
        rig_run(100);
        ck_assert_uint_eq(sessions(), 0);
        rig_answer(s);
        rig_run(100);
        ck_assert_uint_eq(plug_inst_stat(s->inst)->late, 1);
        ck_assert_uint_eq(plug_inst_stat(s->inst)->faults, 0);
        ck_assert_uint_eq(plug_requests_open(s->inst), 0);
        counts_agree();
        s->silent = false;
        s->asked = 0;
        if (n < 2)
            (*who[n + 1])->asked = 0;
    }
    rig_close();
}
END_TEST

/* An instance goes while sessions have to do with it. */
START_TEST(an_instance_may_go_at_any_time)
{
    house(PLAIN);
    struct caller *up = rig_call(t, "anna", 1);
    rig_run(1000);
    ck_assert(up->up);
    rig_remove(l);                              /* whose lease it has */
    a->silent = true;
    struct caller *waits = rig_call(t, "berta", 2);
    rig_run(100);
    rig_remove(a);                              /* who is asked */
    rig_run(1000);
    ck_assert(!waits->up);
    last_failure_is(ADIT_CAUSE_AUTH_UNAVAILABLE, "berta");
    ck_assert(up->up);
    rig_quit(up);
    rig_run(5000);
    ck_assert_uint_eq(acc->ended, 1);
    ck_assert_uint_eq(l->released, 0);
    rig_close();
}
END_TEST

/* ---- ports and limits -------------------------------------------------------------------------- */

START_TEST(ports_run_out_and_change_while_in_use)
{
    house(PLAIN);
    struct ses_tunnel_info ti;
    ck_assert_int_eq(ses_tunnel_ports(t->tunnel, 1), 0);
    struct caller *one = rig_call(t, "anna", 1);
    struct caller *two = rig_call(t, "berta", 2);
    ck_assert_int_eq(two->refused, ADIT_EBUSY);
    last_failure_is(ADIT_CAUSE_PORTS_EXHAUSTED, "");
    ck_assert_ptr_null(ses_failure(0)->method);
    ck_assert_ptr_nonnull(strstr(ses_failure(0)->text, "All 1 ports of t"));
    ses_tunnel_info(t->tunnel, &ti);
    ck_assert_uint_eq(ti.refused, 1);
    ck_assert_int_eq(ses_tunnel_ports(t->tunnel, 2), 0);
    two = rig_call(t, "berta", 2);
    rig_run(1000);
    ck_assert(one->up && two->up);
    /* fewer than are in use: those that are up stay, nobody comes */
    ck_assert_int_eq(ses_tunnel_ports(t->tunnel, 1), 0);
    rig_run(1000);
    ck_assert(one->up && two->up);
    ck_assert_int_eq(rig_call(t, "carl", 3)->refused, ADIT_EBUSY);
    rig_quit(one);
    rig_run(5000);
    ck_assert_int_eq(rig_call(t, "carl", 3)->refused, ADIT_EBUSY);
    rig_quit(two);
    rig_run(5000);
    two = rig_call(t, "carl", 3);
    ck_assert_int_eq(two->refused, 0);
    /* 0 turns the protocol off */
    ck_assert_int_eq(ses_tunnel_ports(t->tunnel, 0), 0);
    ck_assert_str_eq(plug_state(t->inst), "stopped");
    ck_assert_int_eq(rig_call(t, "doris", 4)->refused, ADIT_EBUSY);
    last_failure_is(ADIT_CAUSE_PROTOCOL_OFF, "");
    ck_assert_int_eq(ses_tunnel_ports(t->tunnel, 2), 0);
    ck_assert_str_eq(plug_state(t->inst), "running");
    ck_assert_int_eq(rig_call(t, "doris", 4)->refused, 0);
    counts_agree();
    rig_close();
}
END_TEST

START_TEST(half_open_calls_are_limited)
{
    house("ppp: { auth: [pap], half-open: 5, half-open-per-address: 2 }");
    struct caller *c[5];
    c[0] = rig_call(t, NULL, 1);
    c[1] = rig_call(t, NULL, 1);
    ck_assert_int_eq(rig_call(t, NULL, 1)->refused, ADIT_EDENIED);
    ck_assert_ptr_nonnull(strstr(ses_failure(0)->text, "half-open-per-address"));
    c[2] = rig_call(t, NULL, 2);
    c[3] = rig_call(t, NULL, 2);
    c[4] = rig_call(t, NULL, 3);
    ck_assert_int_eq(c[4]->refused, 0);
    ck_assert_int_eq(rig_call(t, NULL, 4)->refused, ADIT_EDENIED);
    ck_assert_ptr_nonnull(strstr(ses_failure(0)->text, "(ppp.half-open)"));
    /* one that ends makes room for its address, and for all */
    rig_hang_up(c[0], ADIT_CAUSE_LOST_CARRIER);
    rig_run(0);
    c[0] = rig_call(t, "anna", 1);
    ck_assert_int_eq(c[0]->refused, 0);
    /* one that authenticated waits no more */
    rig_run(1000);
    ck_assert(c[0]->up);
    struct caller *more = rig_call(t, NULL, 1);
    ck_assert_int_eq(more->refused, 0);
    ck_assert_int_eq(rig_call(t, NULL, 1)->refused, ADIT_EDENIED);
    /* nor does one that waits for an address */
    rig_hang_up(c[2], ADIT_CAUSE_LOST_CARRIER);
    rig_hang_up(c[3], ADIT_CAUSE_LOST_CARRIER);
    l->silent = true;
    ck_assert_int_eq(rig_call(t, "carl", 4)->refused, 0);
    rig_run(1000);
    for (uint8_t i = 0; i < 2; i++)
        ck_assert_int_eq(rig_call(t, NULL, 4)->refused, 0);
    l->silent = false;
    rig_answer(l);
    /* one that begins anew waits again: one of address 1 too many is not thrown out */
    rig_redial(c[0], "berta");
    a->silent = true;
    rig_run(100);
    ck_assert_int_eq(rig_call(t, NULL, 5)->refused, ADIT_EDENIED);
    counts_agree();
    rig_close();
    ck_assert_uint_eq(ses_total()->open, 0);
}
END_TEST

START_TEST(an_account_has_as_many_sessions_as_it_may)
{
    house(PLAIN);
    put_u(p, ADIT_ATTR_SESSION_LIMIT, 2);
    struct caller *one = rig_call(t, "anna", 1), *two;
    rig_run(1000);
    two = rig_call(t, "ANNA", 2);               /* the same account */
    rig_run(1000);
    ck_assert(one->up && two->up);
    rig_call(t, "Anna", 3);
    rig_run(1000);
    last_failure_is(ADIT_CAUSE_SESSION_LIMIT, "Anna");
    ck_assert_ptr_nonnull(strstr(ses_failure(0)->text, "has 2 sessions of the 2"));
    struct caller *other = rig_call(t, "CORP\\anna", 4);        /* another domain's */
    rig_run(1000);
    ck_assert(other->up);
    rig_quit(two);
    rig_run(5000);
    two = rig_call(t, "anna", 2);
    rig_run(1000);
    ck_assert(two->up);
    rig_close();
}
END_TEST

/* Two logins of one account under way at once are two. */
START_TEST(the_session_limit_counts_logins_under_way)
{
    house(PLAIN);
    put_u(p, ADIT_ATTR_SESSION_LIMIT, 1);
    l->silent = true;
    struct caller *one = rig_call(t, "anna", 1);
    struct caller *two = rig_call(t, "anna", 2);
    rig_run(100);
    last_failure_is(ADIT_CAUSE_SESSION_LIMIT, "anna");
    ck_assert_uint_eq(l->asked, 1);
    rig_answer(l);
    rig_run(1000);
    ck_assert(one->up != two->up);
    rig_close();
}
END_TEST

/* ---- addresses ------------------------------------------------------------------------------------- */

/* The account's own address, outside every pool. M9: the same user is back before
 * its end was noticed. */
START_TEST(M9_the_same_user_takes_its_address_over)
{
    house(PLAIN);
    put_ip(a, ADIT_ATTR_ADDRESS, 7);
    l->status = ADIT_ENOENT;
    struct caller *one = rig_call(t, "anna", 1);
    rig_run(1000);
    ck_assert(one->up && l->wanted);
    ck_assert_uint_eq(one->address.ip[3], 7);
    struct caller *two = rig_call(t, "berta", 2);
    rig_run(1000);
    ck_assert(one->up && !two->up);
    last_failure_is(ADIT_CAUSE_ADDRESS_TAKEN, "berta");
    ck_assert_ptr_nonnull(strstr(ses_failure(0)->text, "10.9.9.7"));
    two = rig_call(t, "anna", 3);
    rig_run(1000);
    ck_assert(!one->up && two->up);
    ck_assert_uint_eq(one->hangup_cause, ADIT_CAUSE_LOST_CARRIER);
    ck_assert_uint_eq(two->address.ip[3], 7);
    ck_assert_uint_eq(sessions(), 1);
    rig_quit(two);
    rig_run(5000);
    two = rig_call(t, "berta", 2);              /* it is free again */
    rig_run(1000);
    ck_assert(two->up);
    rig_close();
}
END_TEST

/* The same, where a pool leases the account's address. */
START_TEST(M9_the_pool_hears_of_it_too)
{
    house(PLAIN);
    put_ip(a, ADIT_ATTR_ADDRESS, 7);
    l->fixed = true;
    struct caller *one = rig_call(t, "anna", 1);
    rig_run(1000);
    ck_assert(one->up);
    ck_assert_uint_eq(one->address.ip[3], 7);
    struct caller *two = rig_call(t, "berta", 2);
    rig_run(1000);
    ck_assert(one->up && !two->up);
    last_failure_is(ADIT_CAUSE_ADDRESS_TAKEN, "berta");
    rig.log[0] = '\0';
    two = rig_call(t, "anna", 3);
    rig_run(1000);
    ck_assert(!one->up && two->up);
    ck_assert_str_eq(rig.log, "check:a decide:p lease:l end:acc detach release:l lease:l hangup "
                     "attach begin:acc down ");
    rig_close();
    ck_assert_uint_eq(l->released, 2);
}
END_TEST

/* What account, profile and pool say of DNS goes before what the server says. */
START_TEST(the_nearer_setting_wins)
{
    house(PAP ", dns: [10.0.0.1, 10.0.0.2], server-address: 10.0.0.254 }");
    struct ppp_info i;
    struct caller *c = rig_call(t, "anna", 1);
    rig_run(1000);
    ppp_info(c->ppp, &i);
    ck_assert_uint_eq(i.dns[0].ip[3], 1);
    ck_assert_uint_eq(i.dns[1].ip[3], 2);
    ck_assert_uint_eq(i.peer.ip[3], 254);
    put_ip(l, ADIT_ATTR_DNS, 53);
    put_ip(l, ADIT_ATTR_SERVER_ADDRESS, 1);
    c = rig_call(t, "anna", 2);
    rig_run(1000);
    ppp_info(c->ppp, &i);
    ck_assert_uint_eq(i.dns[0].ip[3], 53);
    ck_assert_uint_eq(i.dns[1].ip[3], 1);
    ck_assert_uint_eq(i.peer.ip[1], 9);
    put_ip(p, ADIT_ATTR_DNS, 54);
    c = rig_call(t, "anna", 3);
    rig_run(1000);
    ppp_info(c->ppp, &i);
    ck_assert_uint_eq(i.dns[0].ip[3], 54);
    ck_assert_uint_eq(i.dns[1].ip[3], 1);       /* the pool's is no longer asked for */
    rig_close();
}
END_TEST

/* ---- while it is up ------------------------------------------------------------------------------------ */

START_TEST(a_reload_leaves_sessions_up)
{
    house(PAP ", dns: [10.0.0.1] }");
    struct ppp_info i;
    struct caller *c = rig_call(t, "anna", 1);
    rig_run(1000);
    ck_assert(c->up);
    /* a section with an error changes nothing */
    ck_assert_int_eq(rig_conf("ppp: { auth: [] }"), ADIT_ECONF);
    ck_assert_int_eq(rig_conf("ppp: { auth: [eap-tls] }"), ADIT_ECONF);
    ck_assert_int_eq(rig_conf("ppp: { auth: [pap], mtu: 7 }"), ADIT_ECONF);
    ck_assert_uint_eq(ses_conf_get()->auth, ADIT_AUTH_PAP);
    ck_assert_int_eq(rig_conf("ppp: { auth: [chap], dns: [10.0.0.9], name: other }"), 0);
    rig_run(60000);
    ck_assert(c->up);
    ck_assert_uint_eq(sessions(), 1);
    struct caller *d = rig_call(t, "berta", 2);
    rig_run(1000);
    ck_assert(c->up && d->up);
    ppp_info(d->ppp, &i);
    ck_assert_uint_eq(i.our_method, ADIT_AUTH_CHAP);
    ck_assert_str_eq(i.peer_name, "other");
    ck_assert_uint_eq(i.dns[0].ip[3], 9);
    rig_close();
}
END_TEST

START_TEST(a_peer_that_begins_anew_may_be_somebody_else)
{
    house(PLAIN);
    put_u(p, ADIT_ATTR_SESSION_LIMIT, 1);
    struct caller *c = rig_call(t, "anna", 1);
    rig_run(1000);
    ck_assert(c->up);
    rig.log[0] = '\0';
    rig_redial(c, "berta");
    rig_run(5000);
    ck_assert(c->up);
    ck_assert_str_eq(rig.log, "end:acc detach release:l check:a decide:p lease:l attach begin:acc ");
    struct ses_info i;
    ses_info(ses_next(NULL), &i);
    ck_assert_str_eq(i.user, "berta");
    counts_agree();
    struct caller *d = rig_call(t, "anna", 2);  /* whose session is over */
    rig_run(1000);
    ck_assert(d->up);
    rig_close();
    ck_assert_uint_eq(acc->begun, 3);
    ck_assert_uint_eq(acc->ended, 3);
}
END_TEST

/* IPCP alone: the address stays, the session is another one for those who count. */
START_TEST(a_peer_may_begin_the_network_anew)
{
    house(PLAIN);
    struct caller *c = rig_call(t, "anna", 1);
    rig_run(1000);
    ck_assert(c->up);
    rig.log[0] = '\0';
    uint8_t request[] = { 0xff, 3, 0x80, 0x21, 1, 99, 0, 10, 3, 6, 10, 9, 0, 2 };
    memcpy(request + 10, c->address.ip, 4);
    rig_inject(c, request, sizeof request);
    rig_run(5000);
    ck_assert_str_eq(rig.log, "end:acc detach attach begin:acc ");
    counts_agree();
    rig.attach_fails = ADIT_EEXIST;             /* and once more, in vain */
    request[5]++;
    rig_inject(c, request, sizeof request);
    rig_run(10000);
    ck_assert(!c->up);
    ck_assert_uint_eq(c->hangup_cause, ADIT_CAUSE_ADDRESS_TAKEN);
    rig_close();
    ck_assert_uint_eq(acc->begun, 2);
    ck_assert_uint_eq(acc->ended, 2);
    ck_assert_uint_eq(l->released, 1);
}
END_TEST

START_TEST(interim_reports_come_in_between)
{
    house(PAP ", accounting-interval: 60s }");
    put_u(p, ADIT_ATTR_IDLE_TIMEOUT, 150 * 1000);
    struct caller *c = rig_call(t, "anna", 1);
    rig_run(59 * 1000);
    ck_assert_uint_eq(acc->interims, 0);
    rig_run(2 * 1000);
    ck_assert_uint_eq(acc->interims, 1);
    rig_traffic(c);
    rig_run(60 * 1000);
    ck_assert_uint_eq(acc->interims, 2);
    rig_run(120 * 1000);                        /* idle by then */
    ck_assert(!c->up);
    ck_assert_uint_eq(acc->interims, 3);
    ck_assert_uint_eq(acc->ended, 1);
    ck_assert_int_eq(rig_conf(PAP ", accounting-interval: 0 }"), 0);
    c = rig_call(t, "anna", 1);
    rig_run(140 * 1000);
    ck_assert(c->up);
    ck_assert_uint_eq(acc->interims, 3);
    rig_close();
}
END_TEST

/* ---- lock-out (A7) ---- */

#define LOCK PAP ", lockout: { failures: 3, within: 10m, for: 15m"

/* One call; whether it came up, and with what it ended otherwise. */
static uint32_t try(const char *user, uint8_t host)
{
    struct caller *c = rig_call(t, user, host);
    rig_run(1000);
    if (c->up) {
        rig_quit(c);
        rig_run(1000);
        return ADIT_CAUSE_NONE;
    }
    rig_run(10000);
    uint32_t cause = ses_failure(0)->cause;
    rig_clear();
    return cause;
}

static uint32_t listed, left_s;

static void count_one(void *u, const struct ses_lockout *one)
{
    (void)u;
    listed++;
    if (one->left_ms)
        left_s = (uint32_t)(one->left_ms / 1000);
}

static uint32_t lockouts(void)
{
    listed = left_s = 0;
    ses_lockouts(count_one, NULL);
    return listed;
}

START_TEST(A7_an_account_is_locked_out)
{
    house(LOCK ", per: [account] } }");
    a->verdict = ADIT_VERDICT_REJECT;
    a->cause = ADIT_CAUSE_AUTH_FAILED;
    ck_assert_uint_eq(try("anna", 1), ADIT_CAUSE_AUTH_FAILED);
    ck_assert_uint_eq(try("CORP\\Anna", 2), ADIT_CAUSE_AUTH_FAILED);     /* the same one */
    /* a right password starts the count again */
    a->verdict = ADIT_VERDICT_ACCEPT;
    ck_assert_uint_eq(try("anna", 3), ADIT_CAUSE_NONE);
    a->verdict = ADIT_VERDICT_REJECT;
    for (uint8_t i = 0; i < 3; i++)
        ck_assert_uint_eq(try("anna", i), ADIT_CAUSE_AUTH_FAILED);
    uint32_t asked = a->asked;
    a->verdict = ADIT_VERDICT_ACCEPT;
    ck_assert_uint_eq(try("anna@corp", 9), ADIT_CAUSE_LOCKED_OUT);      /* from anywhere */
    ck_assert_uint_eq(a->asked, asked);         /* nobody was asked */
    ck_assert_uint_eq(try("bert", 1), ADIT_CAUSE_NONE);
    ck_assert_uint_eq(lockouts(), 1);
    ck_assert_uint_gt(left_s, 800);
    /* attempts meanwhile make it no longer */
    rig_run(14 * 60 * 1000);
    ck_assert_uint_eq(try("anna", 1), ADIT_CAUSE_LOCKED_OUT);
    rig_run(60 * 1000);
    ck_assert_uint_eq(try("anna", 1), ADIT_CAUSE_NONE);
    ck_assert_uint_eq(lockouts(), 0);
    rig_close();
}
END_TEST

/* A lock-out does not tell whether there is such an account. */
START_TEST(A7_a_name_that_nobody_has_is_locked_out_like_others)
{
    house(LOCK ", per: [account] } }");
    for (int known = 0; known < 2; known++) {
        const char *name = known ? "anna" : "nobody";
        a->verdict = known ? ADIT_VERDICT_REJECT : ADIT_VERDICT_NEXT;
        a->cause = known ? ADIT_CAUSE_AUTH_FAILED : 0;
        for (uint8_t i = 0; i < 3; i++)
            ck_assert_uint_eq(try(name, i), known ? ADIT_CAUSE_AUTH_FAILED : ADIT_CAUSE_UNKNOWN_USER);
        ck_assert_uint_eq(try(name, 4), ADIT_CAUSE_LOCKED_OUT);
        ck_assert_uint_eq(try(name, 5), ADIT_CAUSE_LOCKED_OUT);
    }
    ck_assert_uint_eq(lockouts(), 2);
    rig_close();
}
END_TEST

START_TEST(A7_an_address_is_locked_out_before_ppp)
{
    char name[16];
    house(LOCK ", per: [address] } }");
    a->verdict = ADIT_VERDICT_REJECT;
    a->cause = ADIT_CAUSE_AUTH_FAILED;
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "user%d", i);
        ck_assert_uint_eq(try(name, 7), ADIT_CAUSE_AUTH_FAILED);
        if (i == 1) {                           /* one's own account does not help */
            a->verdict = ADIT_VERDICT_ACCEPT;
            ck_assert_uint_eq(try("mallory", 7), ADIT_CAUSE_NONE);
            a->verdict = ADIT_VERDICT_REJECT;
        }
    }
    struct caller *c = rig_call(t, "anna", 7);
    ck_assert_int_eq(c->refused, ADIT_EDENIED);
    ck_assert_uint_eq(ses_failure(0)->cause, ADIT_CAUSE_LOCKED_OUT);
    a->verdict = ADIT_VERDICT_ACCEPT;
    ck_assert_uint_eq(try("anna", 8), ADIT_CAUSE_NONE);
    ck_assert_uint_eq(ses_unlock("192.0.2.8"), 0);
    ck_assert_uint_eq(ses_unlock("192.0.2.7"), 1);
    ck_assert_uint_eq(ses_unlock("192.0.2.7"), 0);
    ck_assert_uint_eq(try("anna", 7), ADIT_CAUSE_NONE);
    /* other refusals are no failures */
    a->verdict = ADIT_VERDICT_REJECT;
    a->cause = ADIT_CAUSE_PASSWORD_EXPIRED;
    for (int i = 0; i < 5; i++)
        try("anna", 7);
    p->grant = 0;
    a->verdict = ADIT_VERDICT_ACCEPT;
    for (int i = 0; i < 5; i++)
        ck_assert_uint_eq(try("anna", 7), ADIT_CAUSE_POLICY_DENIED);
    ck_assert_uint_eq(lockouts(), 0);
    rig_close();
}
END_TEST

START_TEST(A7_failures_count_within_a_time_and_settings_change)
{
    house(LOCK " } }");
    a->verdict = ADIT_VERDICT_REJECT;
    a->cause = ADIT_CAUSE_AUTH_FAILED;
    try("anna", 1);
    try("anna", 2);
    rig_run(10 * 60 * 1000);
    ck_assert_uint_eq(lockouts(), 0);           /* too long ago */
    for (uint8_t i = 0; i < 3; i++)
        ck_assert_uint_eq(try("anna", i), ADIT_CAUSE_AUTH_FAILED);
    ck_assert_uint_eq(try("anna", 4), ADIT_CAUSE_LOCKED_OUT);
    ck_assert_uint_eq(lockouts(), 4);           /* the account; addresses that count */
    ck_assert_uint_eq(ses_unlock("CORP\\ANNA"), 1);
    ck_assert_uint_eq(try("anna", 4), ADIT_CAUSE_AUTH_FAILED);
    ck_assert_int_eq(rig_conf(PLAIN), 0);       /* off: forgotten */
    ck_assert_uint_eq(lockouts(), 0);
    for (uint8_t i = 0; i < 9; i++)
        ck_assert_uint_eq(try("anna", 1), ADIT_CAUSE_AUTH_FAILED);
    rig_close();
}
END_TEST

START_TEST(A7_calls_per_second)
{
    house(PAP ", calls-per-second: 5, calls-per-second-per-address: 2 }");
    a->silent = true;
    ck_assert_int_eq(rig_call(t, "anna", 1)->refused, 0);
    ck_assert_int_eq(rig_call(t, "anna", 1)->refused, 0);
    ck_assert_int_eq(rig_call(t, "anna", 1)->refused, ADIT_EDENIED);
    ck_assert_uint_eq(ses_failure(0)->cause, ADIT_CAUSE_RESOURCE);
    for (uint8_t i = 2; i < 5; i++)
        ck_assert_int_eq(rig_call(t, "anna", i)->refused, 0);
    ck_assert_int_eq(rig_call(t, "anna", 9)->refused, ADIT_EDENIED);
    rig_clear();
    rig_run(1000);
    ck_assert_int_eq(rig_call(t, "anna", 1)->refused, 0);
    rig_run(500);
    ck_assert_int_eq(rig_call(t, "anna", 1)->refused, 0);
    ck_assert_int_eq(rig_call(t, "anna", 1)->refused, 0);
    ck_assert_int_eq(rig_call(t, "anna", 1)->refused, ADIT_EDENIED);
    rig_close();
}
END_TEST

/* 100,000 invented names and sources cost a bounded amount of memory, and whoever
 * is locked out stays so. */
START_TEST(A7_invented_names_and_sources_are_forgotten)
{
    static struct ses s;
    static struct adit_self self = { .name = "t" };
    house(LOCK " } }");
    log_level(0);
    a->verdict = ADIT_VERDICT_REJECT;
    a->cause = ADIT_CAUSE_AUTH_FAILED;
    for (uint8_t i = 0; i < 4; i++)
        try("anna", 200);
    for (uint32_t i = 0; i < 100000; i++) {
        snprintf(s.account, sizeof s.account, "name%u", i);
        s.self = &self;
        s.peer = (struct adit_addr){ .family = ADIT_AF_IPV4, .prefix = 32,
                                     .ip = { 10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i } };
        ses_lock_failed(&s, ADIT_CAUSE_UNKNOWN_USER);
    }
    ck_assert_uint_eq(lockouts(), 2 * 32768);
    ck_assert_uint_gt(left_s, 0);
    ck_assert_uint_eq(ses_unlock("anna") + ses_unlock("192.0.2.200"), 2);
    /* IPv6: whoever has one address of a network has them all */
    for (uint8_t i = 0; i < 3; i++) {
        s.peer = (struct adit_addr){ .family = ADIT_AF_IPV6, .prefix = 128,
                                     .ip = { 0x20, 1, 0xd, 0xb8, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, i } };
        ses_lock_failed(&s, ADIT_CAUSE_UNKNOWN_USER);
    }
    uint32_t cause;
    const char *setting;
    s.peer.ip[15] = 99;
    ck_assert_ptr_nonnull(ses_lock_call(&s.peer, &cause, &setting));
    s.peer.ip[7] = 3;
    ck_assert_ptr_null(ses_lock_call(&s.peer, &cause, &setting));
    ck_assert_int_eq(rig_conf(PLAIN), 0);
    ck_assert_uint_eq(lockouts(), 0);
    rig_close();
}
END_TEST

/* ---- from outside ---- */

static const struct adit_session_api *S = &ses_session_api;

static struct adit_attrs *which_str(uint32_t id, const char *text)
{
    static struct adit_attrs *w;
    struct adit_value v = adit_value_str(text);
    plug_attr_api.free(w);
    w = plug_attr_api.make();
    ck_assert_int_eq(plug_attr_api.put(w, id, &v), 0);
    return w;
}

static struct adit_attrs *which_u(uint32_t id, uint64_t u)
{
    struct adit_attrs *w = which_str(ADIT_ATTR_USER, "");
    plug_attr_api.del(w, ADIT_ATTR_USER);
    ck_assert_int_eq(plug_attr_api.put(w, id, &(struct adit_value){ ADIT_TYPE_U64, 0, { .u = u } }), 0);
    return w;
}

static uint64_t u_of(uint64_t session, uint32_t id)
{
    const struct adit_value *v = plug_attr_api.get(S->attrs(NULL, session), id, 0);
    return v ? v->v.u : 0;
}

static const char *str_of(uint64_t session, uint32_t id)
{
    const struct adit_value *v = plug_attr_api.get(S->attrs(NULL, session), id, 0);
    return v ? v->v.p : "";
}

START_TEST(sessions_are_found_from_outside)
{
    uint64_t out[8];
    house(PLAIN);
    struct caller *one = rig_call(t, "CORP\\Anna", 1);
    rig_call(t, "anna", 2);
    rig_call(t, "bert", 3);
    rig_run(1000);
    l->silent = true;                           /* one that is not up cannot be found */
    rig_call(t, "anna", 4);
    rig_run(1000);
    ck_assert_uint_eq(S->find(NULL, which_str(ADIT_ATTR_ACCOUNT, "ANNA"), out, 8), 2);
    ck_assert_uint_eq(out[0], 1);
    ck_assert_uint_eq(out[1], 2);
    ck_assert_uint_eq(S->find(NULL, which_str(ADIT_ATTR_ACCOUNT, "anna"), out, 1), 2);
    ck_assert_uint_eq(S->find(NULL, which_str(ADIT_ATTR_USER, "corp\\anna"), out, 8), 1);
    ck_assert_uint_eq(out[0], 1);
    ck_assert_uint_eq(S->find(NULL, which_str(ADIT_ATTR_USER, "anna"), out, 8), 1);
    ck_assert_uint_eq(out[0], 2);
    ck_assert_uint_eq(S->find(NULL, which_str(ADIT_ATTR_USER, "carl"), out, 8), 0);
    char id[64];
    snprintf(id, sizeof id, "%s", str_of(2, ADIT_ATTR_SESSION));
    ck_assert_str_eq(str_of(2, ADIT_ATTR_MULTI_SESSION), id);
    ck_assert_uint_eq(S->find(NULL, which_str(ADIT_ATTR_SESSION, id), out, 8), 1);
    ck_assert_uint_eq(out[0], 2);
    id[0] ^= 1;                                 /* of another start of the daemon */
    ck_assert_uint_eq(S->find(NULL, which_str(ADIT_ATTR_SESSION, id), out, 8), 0);
    ck_assert_uint_eq(S->find(NULL, which_str(ADIT_ATTR_SESSION, "nonsense"), out, 8), 0);
    ck_assert_uint_eq(S->find(NULL, which_u(ADIT_ATTR_NAS_PORT, 2), out, 8), 1);
    ck_assert_uint_eq(out[0], 3);
    ck_assert_uint_eq(S->find(NULL, which_str(ADIT_ATTR_TUNNEL, "t"), out, 8), 3);
    struct adit_attrs *w = which_str(ADIT_ATTR_USER, "bert");
    struct adit_value where = *plug_attr_api.get(S->attrs(NULL, 3), ADIT_ATTR_ADDRESS, 0);
    plug_attr_api.put(w, ADIT_ATTR_ADDRESS, &where);
    ck_assert_uint_eq(S->find(NULL, w, out, 8), 1);
    ck_assert_uint_eq(out[0], 3);
    where.v.addr.ip[3] ^= 0x40;
    plug_attr_api.put(w, ADIT_ATTR_ADDRESS, &where);        /* every value has to fit */
    ck_assert_uint_eq(S->find(NULL, w, out, 8), 0);
    /* what there is about one */
    rig_traffic(one);
    ck_assert_uint_eq(u_of(1, ADIT_ATTR_NAS_PORT), 0);
    ck_assert_uint_eq(u_of(1, ADIT_ATTR_STARTED), loop_wall() / 1000 - 2);
    ck_assert_uint_gt(u_of(1, ADIT_ATTR_DURATION), 1000);
    /* ports: the lowest that is free */
    ck_assert_int_eq(S->drop(NULL, 1, ADIT_CAUSE_ADMIN, "away"), 0);
    ck_assert_ptr_null(S->attrs(NULL, 1));      /* on its way is gone */
    ck_assert_int_eq(S->drop(NULL, 1, ADIT_CAUSE_ADMIN, NULL), ADIT_ENOENT);
    l->silent = false;
    rig_run(10000);
    ck_assert_uint_eq(acc->ended_by, ADIT_CAUSE_ADMIN);
    ck_assert_uint_eq(S->find(NULL, which_str(ADIT_ATTR_USER, "corp\\anna"), out, 8), 0);
    rig_call(t, "carl", 5);
    rig_run(1000);
    ck_assert_uint_eq(S->find(NULL, which_str(ADIT_ATTR_USER, "carl"), out, 8), 1);
    ck_assert_uint_eq(u_of(out[0], ADIT_ATTR_NAS_PORT), 0);
    ck_assert_uint_eq(u_of(3, ADIT_ATTR_NAS_PORT), 2);
    rig_close();
    which_str(ADIT_ATTR_USER, "");
}
END_TEST

START_TEST(values_change_in_a_running_session)
{
    house(PAP ", accounting-interval: 0 }");
    put_u(p, ADIT_ATTR_SESSION_TIMEOUT, 3600 * 1000);
    struct caller *c = rig_call(t, "anna", 1);
    rig_run(1000);
    ck_assert_int_eq(S->revise(NULL, 1, which_u(ADIT_ATTR_INTERIM, 60000)), 0);
    ck_assert_int_eq(S->revise(NULL, 2, which_u(ADIT_ATTR_INTERIM, 60000)), ADIT_ENOENT);
    ck_assert_int_eq(S->revise(NULL, 1, which_u(ADIT_ATTR_MTU, 1000)), ADIT_ENOSYS);
    rig_run(130 * 1000);
    ck_assert_uint_eq(acc->interims, 2);
    /* all or nothing */
    struct adit_attrs *w = which_u(ADIT_ATTR_SESSION_TIMEOUT, 1000);
    plug_attr_api.put(w, ADIT_ATTR_MTU, &(struct adit_value){ ADIT_TYPE_U64, 0, { .u = 1000 } });
    ck_assert_int_eq(S->revise(NULL, 1, w), ADIT_ENOSYS);
    rig_run(1000);
    ck_assert(c->up);
    /* from the begin, not from now */
    ck_assert_int_eq(S->revise(NULL, 1, which_u(ADIT_ATTR_SESSION_TIMEOUT, 200 * 1000)), 0);
    rig_run(60 * 1000);
    ck_assert(c->up);
    rig_run(10 * 1000);
    ck_assert(!c->up);
    ck_assert_uint_eq(acc->ended_by, ADIT_CAUSE_SESSION_TIMEOUT);
    ck_assert_uint_eq(acc->duration_ms / 1000, 200);
    /* one that is over already */
    c = rig_call(t, "anna", 1);
    rig_run(60 * 1000);
    ck_assert_int_eq(S->revise(NULL, 2, which_u(ADIT_ATTR_SESSION_TIMEOUT, 1000)), 0);
    ck_assert(c->up);                           /* not inside the call */
    rig_run(1);
    ck_assert_ptr_null(S->attrs(NULL, 2));
    rig_run(1000);
    ck_assert(!c->up);
    /* idle, and the account's end */
    c = rig_call(t, "anna", 1);
    rig_run(1000);
    ck_assert_int_eq(S->revise(NULL, 3, which_u(ADIT_ATTR_IDLE_TIMEOUT, 30 * 1000)), 0);
    rig_run(31 * 1000);
    ck_assert_uint_eq(acc->ended_by, ADIT_CAUSE_IDLE_TIMEOUT);
    c = rig_call(t, "anna", 1);
    rig_run(1000);
    ck_assert_int_eq(S->revise(NULL, 4, which_u(ADIT_ATTR_EXPIRY, loop_wall() / 1000 + 1800)), 0);
    rig_run(1790 * 1000);
    ck_assert(c->up);
    rig_run(20 * 1000);
    ck_assert(!c->up);
    ck_assert_uint_eq(acc->ended_by, ADIT_CAUSE_EXPIRED);
    rig_close();
    which_str(ADIT_ATTR_USER, "");
}
END_TEST

static struct adit_attrs *lease_attrs(uint8_t dns, uint8_t net)
{
    struct adit_attrs *w = plug_attr_api.make();
    struct adit_value v = { ADIT_TYPE_ADDR, 0, { .addr = { .family = ADIT_AF_IPV4, .prefix = 32,
                                                           .ip = { 10, 9, 9, dns } } } };
    plug_attr_api.put(w, ADIT_ATTR_DNS, &v);
    v.v.addr.ip[3] = net;
    plug_attr_api.put(w, ADIT_ATTR_PUSH_ROUTE, &v);
    return w;
}

START_TEST(leases_change_and_are_lost)
{
    house(PLAIN);
    l->attrs = lease_attrs(53, 100);
    put_ip(p, ADIT_ATTR_PUSH_ROUTE, 99);
    struct caller *c = rig_call(t, "anna", 1);
    rig_run(1000);
    const struct adit_attrs *a1 = S->attrs(NULL, 1);
    ck_assert_uint_eq(plug_attr_api.get(a1, ADIT_ATTR_DNS, 0)->v.addr.ip[3], 53);
    ck_assert_uint_eq(plug_attr_api.get(a1, ADIT_ATTR_PUSH_ROUTE, 0)->v.addr.ip[3], 99);
    ck_assert_uint_eq(plug_attr_api.get(a1, ADIT_ATTR_PUSH_ROUTE, 1)->v.addr.ip[3], 100);
    struct ses *s = ses_index_find(1);
    struct adit_attrs *w = lease_attrs(54, 101);
    ses_lease_api.changed(l->self, s->lease, w);
    ses_lease_api.changed(l->self, s->lease + 1, w);        /* nobody's */
    ses_lease_api.changed(a->self, s->lease, w);
    plug_attr_api.free(w);
    ck_assert_ptr_eq(S->attrs(NULL, 1), a1);
    ck_assert_uint_eq(plug_attr_api.get(a1, ADIT_ATTR_DNS, 0)->v.addr.ip[3], 54);
    ck_assert_ptr_null(plug_attr_api.get(a1, ADIT_ATTR_DNS, 1));
    ck_assert_uint_eq(s->dns[0].ip[3], 54);
    ck_assert_uint_eq(plug_attr_api.get(a1, ADIT_ATTR_PUSH_ROUTE, 0)->v.addr.ip[3], 99);
    ck_assert_uint_eq(plug_attr_api.get(a1, ADIT_ATTR_PUSH_ROUTE, 1)->v.addr.ip[3], 101);
    ck_assert_ptr_null(plug_attr_api.get(a1, ADIT_ATTR_PUSH_ROUTE, 2));
    ck_assert(c->up);
    ses_lease_api.lost(l->self, s->lease, 0, "The server gave it to somebody else.");
    ses_lease_api.lost(l->self, s->lease, 0, NULL);         /* nobody's any more */
    rig_run(10000);
    ck_assert(!c->up);
    ck_assert_uint_eq(acc->ended_by, ADIT_CAUSE_LEASE_LOST);
    ck_assert_uint_eq(l->released, 0);
    rig_close();
}
END_TEST

/* RADIUS Termination-Action: at its time the user proves once more who it is. */
START_TEST(at_its_timeout_a_session_authenticates_once_more)
{
    struct adit_value yes = { ADIT_TYPE_BOOL, 0, { .u = 1 } }, state = { ADIT_TYPE_BYTES, 3, { .p = "abc" } };
    house("ppp: { auth: [chap], answer-timeout: 5s, accounting-interval: 0 }");
    put_u(a, ADIT_ATTR_SESSION_TIMEOUT, 600 * 1000);
    plug_attr_api.put(a->attrs, ADIT_ATTR_REAUTHENTICATE, &yes);
    plug_attr_api.put(a->attrs, ADIT_ATTR_STATE, &state);
    put_u(p, ADIT_ATTR_IDLE_TIMEOUT, 3600 * 1000);
    struct caller *c = rig_call(t, "anna", 1);
    rig_run(1000);
    ck_assert(c->up);
    ck_assert_uint_eq(a->asked, 1);
    const struct adit_attrs *mine = S->attrs(NULL, 1);
    rig_run(590 * 1000);
    ck_assert_uint_eq(a->asked, 1);
    put_u(a, ADIT_ATTR_SESSION_TIMEOUT, 300 * 1000);
    put_u(a, ADIT_ATTR_INTERIM, 60 * 1000);
    a->silent = true;
    rig_run(10 * 1000);
    ck_assert_uint_eq(a->asked, 2);
    ck_assert(c->up);                           /* traffic goes on meanwhile */
    ck_assert_ptr_eq(S->attrs(NULL, 1), mine);
    ck_assert_uint_eq(u_of(1, ADIT_ATTR_SESSION_TIMEOUT), 600 * 1000);
    const struct ses *s = ses_index_find(1);
    ck_assert_mem_eq(plug_attr_api.get(s->query->q.attrs, ADIT_ATTR_STATE, 0)->v.p, "abc", 3);
    a->silent = false;
    rig_answer(a);
    rig_run(1000);
    ck_assert(c->up);
    ck_assert_uint_eq(p->asked, 2);             /* and the policies were asked */
    ck_assert_uint_eq(acc->begun, 1);
    ck_assert_uint_eq(u_of(1, ADIT_ATTR_SESSION_TIMEOUT), 300 * 1000);
    ck_assert(plug_attr_api.get(mine, ADIT_ATTR_ADDRESS, 0) != NULL);
    rig_run(120 * 1000);
    ck_assert_uint_eq(acc->interims, 3);        /* the first one was due */
    uint64_t found;
    ck_assert_uint_eq(S->find(NULL, which_str(ADIT_ATTR_ACCOUNT, "anna"), &found, 1), 1);
    /* its time counts anew; another acceptance, then a refusal */
    rig_run(170 * 1000);
    ck_assert_uint_eq(a->asked, 2);
    rig_run(15 * 1000);
    ck_assert_uint_eq(a->asked, 3);
    ck_assert(c->up);
    a->verdict = ADIT_VERDICT_REJECT;
    a->cause = ADIT_CAUSE_AUTH_FAILED;
    rig_run(310 * 1000);
    ck_assert(!c->up);
    ck_assert_uint_eq(acc->ended_by, ADIT_CAUSE_AUTH_FAILED);
    ck_assert_uint_eq(acc->ended, 1);
    ck_assert_uint_eq(sessions(), 0);
    /* one that ends while it is asked */
    a->verdict = ADIT_VERDICT_ACCEPT;
    c = rig_call(t, "anna", 1);
    rig_run(1000);
    ck_assert(c->up);
    a->silent = true;
    rig_run(301 * 1000);
    rig_hang_up(c, ADIT_CAUSE_LOST_CARRIER);
    rig_run(1000);
    ck_assert_uint_eq(acc->ended_by, ADIT_CAUSE_LOST_CARRIER);
    ck_assert_uint_eq(a->cancelled, 1);
    rig_close();
    /* one whose method cannot be asked again */
    house(PLAIN);
    put_u(a, ADIT_ATTR_SESSION_TIMEOUT, 600 * 1000);
    plug_attr_api.put(a->attrs, ADIT_ATTR_REAUTHENTICATE, &yes);
    c = rig_call(t, "anna", 1);
    rig_run(610 * 1000);
    ck_assert(!c->up);
    ck_assert_uint_eq(acc->ended_by, ADIT_CAUSE_SESSION_TIMEOUT);
    rig_close();
    which_str(ADIT_ATTR_USER, "");
}
END_TEST

START_TEST(the_session_timeout_ends_it)
{
    house(PLAIN);
    put_u(p, ADIT_ATTR_SESSION_TIMEOUT, 3600 * 1000);
    struct caller *c = rig_call(t, "anna", 1);
    rig_run(1000);
    for (int i = 0; i < 59; i++) {
        rig_run(60 * 1000);
        rig_traffic(c);
    }
    ck_assert(c->up);
    rig_run(60 * 1000);
    ck_assert(!c->up);
    ck_assert_uint_eq(c->hangup_cause, ADIT_CAUSE_SESSION_TIMEOUT);
    ck_assert_uint_eq(acc->ended_by, ADIT_CAUSE_SESSION_TIMEOUT);
    ck_assert_uint_eq(acc->duration_ms / 1000, 3600);
    ck_assert_uint_eq(sessions(), 0);
    rig_close();
}
END_TEST

START_TEST(the_idle_timeout_counts_from_the_last_packet)
{
    house(PLAIN);
    put_u(a, ADIT_ATTR_IDLE_TIMEOUT, 600 * 1000);
    struct caller *c = rig_call(t, "anna", 1);
    struct ses_info i;
    rig_run(1000);
    for (int n = 0; n < 5; n++) {
        rig_run(500 * 1000);
        rig_traffic(c);
        rig_run(0);
        ck_assert(c->up);
    }
    ses_info(ses_next(NULL), &i);
    ck_assert_uint_eq(i.idle_ms, 0);
    ck_assert_uint_eq(i.packets_in, 5);
    rig_run(599 * 1000);
    ck_assert(c->up);
    rig_run(2 * 1000);
    ck_assert(!c->up);
    ck_assert_uint_eq(acc->ended_by, ADIT_CAUSE_IDLE_TIMEOUT);
    rig_close();
}
END_TEST

/* The callers of the rig answer in no time at all: that too is an answer. */
START_TEST(one_that_falls_silent_is_noticed)
{
    house(PAP ", echo-interval: 10s, echo-failures: 3 }");
    struct caller *c = rig_call(t, "anna", 1);
    rig_run(1000);
    rig_run(300 * 1000);
    ck_assert_msg(c->up, "%u", c->hangup_cause);
    c->deaf = true;
    rig_run(120 * 1000);
    ck_assert(c->hung_up);
    ck_assert_uint_eq(c->hangup_cause, ADIT_CAUSE_ECHO_TIMEOUT);
    rig_close();
}
END_TEST

START_TEST(one_that_says_nothing_is_let_go)
{
    house(PLAIN);
    struct caller *c = rig_call(t, NULL, 1);
    rig_run(120 * 1000);
    ck_assert(c->hung_up);
    ck_assert_uint_eq(c->hangup_cause, ADIT_CAUSE_LCP_TIMEOUT);
    last_failure_is(ADIT_CAUSE_LCP_TIMEOUT, "");
    ck_assert_ptr_null(ses_failure(0)->method);
    rig_close();
}
END_TEST

/* Each begin has its end, on every accountant, however it ended. */
START_TEST(accounting_begins_and_ends_in_pairs)
{
    house(PLAIN);
    struct stub *acc2 = rig_add(ADIT_KIND_ACCOUNTING, "acc2");
    struct caller *c[6];
    for (uint8_t i = 0; i < 6; i++)
        c[i] = rig_call(t, "anna", i);
    rig_run(1000);
    ck_assert_uint_eq(acc->begun, 6);
    ck_assert_uint_eq(acc2->begun, 6);
    rig_quit(c[0]);
    rig_hang_up(c[1], ADIT_CAUSE_LOST_CARRIER);
    ses_drop(ses_next(ses_next(ses_next(NULL))), ADIT_CAUSE_ADMIN, NULL);
    rig_run(10000);
    ck_assert_uint_eq(acc->ended, 3);
    ck_assert_uint_eq(acc2->ended, 3);
    a->verdict = ADIT_VERDICT_REJECT;
    ck_assert_uint_eq(acc->refusals, 0);
    rig_call(t, "berta", 9);
    rig_run(1000);
    ck_assert_uint_eq(acc->ended, 3);
    ck_assert_uint_eq(acc->refusals, 1);
    ck_assert_uint_eq(acc2->refusals, 1);
    ck_assert_uint_eq(acc->refused_by, ADIT_CAUSE_AUTH_FAILED);
    ck_assert_str_eq(acc->refused_user, "berta");
    counts_agree();
    ses_tunnel_ports(t->tunnel, 0);
    rig_call(t, "carl", 10);
    ck_assert_uint_eq(acc->refusals, 2);
    ck_assert_uint_eq(acc->refused_by, ADIT_CAUSE_PROTOCOL_OFF);
    ck_assert_str_eq(acc->refused_user, "-");
    rig_run(10000);
    rig_close();
    ck_assert_uint_eq(acc->ended, 6);
    ck_assert_uint_eq(acc2->ended, 6);
}
END_TEST

/* ---- the way down ------------------------------------------------------------------------------------ */

/* Everything that may end a session inside the tunnel's rx(): the tunnel is told
 * later. The rig fails when it is not. */
START_TEST(nothing_is_hung_up_from_inside_a_receive)
{
    for (int at_once = 0; at_once < 2; at_once++) {
        if (!at_once)
            house(PLAIN);
        rig.at_once = at_once;
        a->verdict = ADIT_VERDICT_REJECT;       /* ends by the client's own packet */
        struct caller *c = rig_call(t, "anna", 1);
        rig_run(1000);
        ck_assert(c->hung_up);
        ck_assert_ptr_null(c->link);
        a->verdict = ADIT_VERDICT_ACCEPT;
        c = rig_call(t, "anna", 1);
        rig_run(1000);
        rig_quit(c);                            /* Terminate-Request */
        rig_run(5000);
        ck_assert(c->hung_up);
        ck_assert_ptr_null(c->link);
        ck_assert_uint_eq(sessions(), 0);
        counts_agree();
    }
    rig_close();
}
END_TEST

/* A tunnel may take its time; the session is there, ending, until it says down. */
START_TEST(a_slow_hangup_keeps_the_port)
{
    house(PLAIN);
    struct caller *c[4];
    struct ses_info i;
    for (uint8_t n = 0; n < 4; n++)
        c[n] = rig_call(t, "anna", n);
    rig_run(1000);
    for (uint8_t n = 0; n < 4; n++) {
        c[n]->slow_hangup = true;
        rig_quit(c[n]);
    }
    rig_run(10000);
    ck_assert_uint_eq(sessions(), 4);
    ses_info(ses_next(NULL), &i);
    ck_assert_str_eq(i.state, "ending");
    ck_assert_uint_eq(ses_total()->up, 0);
    counts_agree();
    rig_hang_up(c[2], ADIT_CAUSE_PEER_HANGUP);
    rig_hang_up(c[0], ADIT_CAUSE_PEER_HANGUP);
    rig_run(0);
    ck_assert_uint_eq(sessions(), 2);
    counts_agree();
    rig_close();
}
END_TEST

static void count(void *u) { ++*(int *)u; }

START_TEST(closing_waits_for_everybody_but_not_for_ever)
{
    house(PLAIN);
    int done = 0;
    struct caller *c = rig_call(t, "anna", 1), *d = rig_call(t, "berta", 2);
    rig_run(1000);
    d->deaf = true;                             /* never acknowledges */
    ses_close_all(ADIT_CAUSE_SHUTDOWN, count, &done);
    ck_assert_int_eq(rig_call(t, "carl", 3)->refused, ADIT_EBUSY);
    last_failure_is(ADIT_CAUSE_SHUTDOWN, "");
    rig_run(1000);
    ck_assert_uint_eq(c->hangup_cause, ADIT_CAUSE_SHUTDOWN);
    ck_assert_int_eq(done, 0);
    rig_run(2100);
    ck_assert_int_eq(done, 1);
    ck_assert_uint_eq(sessions(), 0);
    ses_close_all(ADIT_CAUSE_SHUTDOWN, count, &done);   /* nobody is there: at once */
    ck_assert_int_eq(done, 2);
    rig_close();
}
END_TEST

START_TEST(a_tunnel_taken_away_takes_its_sessions)
{
    house(PLAIN);
    struct stub *t2 = rig_add(ADIT_KIND_TUNNEL, "t2");
    a->silent = true;
    struct caller *waits = rig_call(t2, "anna", 1);
    rig_run(100);
    a->silent = false;
    struct caller *up = rig_call(t2, "berta", 2), *other = rig_call(t, "carl", 3);
    struct caller *slow = rig_call(t2, "doris", 4);
    rig_run(1000);
    slow->slow_hangup = true;
    rig_quit(slow);
    rig_run(5000);
    ck_assert(up->up && other->up && slow->hung_up);
    rig.rude = _i;              /* it does not even say down */
    rig_remove(t2);
    ck_assert_uint_eq(sessions(), 1);
    ck_assert(waits->link == NULL && up->link == NULL && slow->link == NULL);
    rig.rude = false;
    ck_assert_uint_eq(acc->begun - acc->ended, 1);
    rig_run(1000);
    ck_assert(other->up);
    counts_agree();
    rig_close();
}
END_TEST

START_TEST(the_ring_keeps_the_last_failures)
{
    house(PLAIN);
    char name[16];
    a->verdict = ADIT_VERDICT_REJECT;
    ck_assert_ptr_null(ses_failure(0));
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "user%d", i);
        rig_call(t, name, 1);
        rig_run(100);
        ck_assert_str_eq(ses_failure(0)->user, name);
    }
    ck_assert_uint_eq(ses_total()->refused, 300);
    for (uint32_t n = 0; n < 256; n++) {
        snprintf(name, sizeof name, "user%u", 299 - n);
        ck_assert_str_eq(ses_failure(n)->user, name);
    }
    ck_assert_ptr_null(ses_failure(256));
    rig_close();
}
END_TEST

/* Sessions are found by number and by name; a name that is neither is nobody's. */
START_TEST(sessions_are_found)
{
    house(PLAIN);
    rig_call(t, "anna", 1);
    rig_call(t, "berta", 2);
    rig_run(1000);
    struct ses *s = ses_next(ses_next(NULL));
    struct ses_info i;
    char number[24];
    ses_info(s, &i);
    snprintf(number, sizeof number, "%llu", (unsigned long long)i.number);
    ck_assert_ptr_eq(ses_find(i.id), s);
    ck_assert_ptr_eq(ses_find(number), s);
    ck_assert_ptr_null(ses_find(""));
    ck_assert_ptr_null(ses_find("2x"));
    ck_assert_ptr_null(ses_find("99"));
    rig_close();
}
END_TEST

/* Who set what is told; what is there is put in place. */
START_TEST(filters_and_rates_come_with_the_login)
{
    struct dp_filter *web;
    struct dp_filter_err err;
    house(PLAIN);
    put_str(p, ADIT_ATTR_FILTER_IN, "web");
    rig_call(t, "anna", 1);
    rig_run(60000);
    ck_assert_str_eq(ses_failure(0)->text, "Policy 'p' sets filter-in 'web', and the section filters has "
                     "none of that name.");
    ck_assert_int_eq(dp_filter_of(&(struct dp_filter_conf){ .name = "web" }, &web, &err), 0);
    ck_assert_int_eq(dp_filters_set(&(struct dp_named){ "web", web }, 1), 0);
    dp_filter_unref(web);
    put_str(a, ADIT_ATTR_FILTER_OUT, "mail");
    rig_call(t, "anna", 2);
    rig_run(60000);
    ck_assert_str_eq(ses_failure(0)->text, "The account (authenticator 'a') sets filter-out 'mail', and the "
                     "section filters has none of that name.");
    plug_attr_api.del(a->attrs, ADIT_ATTR_FILTER_OUT);
    put_str(a, ADIT_ATTR_FILTER_RULE, "deny in tcp from any to any 25");
    put_u(p, ADIT_ATTR_RATE_OUT, 2000);
    rig.log[0] = '\0';
    struct caller *c = rig_call(t, "anna", 3);
    rig_run(1000);
    ck_assert(c->up);
    ck_assert_str_eq(rig.log, "check:a decide:p lease:l attach guard begin:acc ");
    struct ses_info i;
    ses_info(ses_next(NULL), &i);
    ck_assert_str_eq(i.filter_in, "web");
    ck_assert_ptr_null(i.filter_out);
    ck_assert_uint_eq(i.filter_rules, 1);
    ck_assert_uint_eq(i.rate_out, 2000);
    /* other values while it is up: all, or nothing of them */
    rig.log[0] = '\0';
    ck_assert_int_eq(S->revise(NULL, i.number, which_str(ADIT_ATTR_FILTER_OUT, "nosuch")), ADIT_EINVAL);
    ck_assert_int_eq(S->revise(NULL, i.number, which_str(ADIT_ATTR_FILTER_RULE, "permit in foo")), ADIT_EINVAL);
    struct adit_attrs *w = which_str(ADIT_ATTR_FILTER_IN, "");
    plug_attr_api.put(w, ADIT_ATTR_MTU, &(struct adit_value){ ADIT_TYPE_U64, 0, { .u = 1000 } });
    ck_assert_int_eq(S->revise(NULL, i.number, w), ADIT_ENOSYS);
    ck_assert_str_eq(rig.log, "");
    ck_assert_int_eq(S->revise(NULL, i.number, which_str(ADIT_ATTR_FILTER_OUT, "web")), 0);
    ck_assert_int_eq(S->revise(NULL, i.number, which_u(ADIT_ATTR_RATE_IN, 512)), 0);
    ck_assert_str_eq(rig.log, "guard guard ");
    ses_info(ses_next(NULL), &i);
    ck_assert_str_eq(i.filter_in, "web");
    ck_assert_str_eq(i.filter_out, "web");
    ck_assert_uint_eq(i.rate_in, 512);
    ck_assert_uint_eq(i.rate_out, 2000);
    ck_assert_uint_eq(i.filter_rules, 1);
    ck_assert_int_eq(S->revise(NULL, i.number, which_str(ADIT_ATTR_FILTER_IN, "")), 0);   /* none */
    rig_close();
    which_str(ADIT_ATTR_USER, "");
    ck_assert_int_eq(dp_filters_set(NULL, 0), 0);
}
END_TEST

/* The names of methods that people write are the names that they read. */
START_TEST(methods_have_one_name)
{
    static const struct adit_word words[] = { ADIT_AUTH_WORDS, { NULL, 0, 0 } };
    for (const struct adit_word *w = words; w->word; w++) {
        ck_assert_str_eq(ses_method_name((uint32_t)w->value), w->word);
        ck_assert_uint_eq(w->value & (w->value - 1), 0);
    }
    ck_assert_str_eq(ses_method_name(0), "");
    ck_assert_str_eq(ses_method_name(ADIT_AUTH_PAP | ADIT_AUTH_CHAP), "");
}
END_TEST

/* ---- IPv6 inside ------------------------------------------------------------------- */

START_TEST(S9_a_session_with_ipv6_networks_hears_of_them)
{
    const struct adit_value prefix = { ADIT_TYPE_ADDR, 0, { .addr = { .family = ADIT_AF_IPV6, .prefix = 64,
                                       .ip = { 0x20, 1, 0xd, 0xb8, 0, 1 } } } },
        delegated = { ADIT_TYPE_ADDR, 0, { .addr = { .family = ADIT_AF_IPV6, .prefix = 56,
                      .ip = { 0x20, 1, 0xd, 0xb8, 1 } } } };
    rig_house("ppp: { auth: [pap], ipv6: yes, mtu: 1400, dns: [\"10.0.0.53\", \"2001:db8::53\"] }");
    rig.ipv6 = true;
    rig.auth->attrs = plug_attr_api.make();
    plug_attr_api.put(rig.auth->attrs, ADIT_ATTR_IPV6_PREFIX, &prefix);
    plug_attr_api.put(rig.auth->attrs, ADIT_ATTR_DELEGATED_PREFIX, &delegated);
    struct caller *c = rig_call(rig.tunnel, "anna", 1);
    rig_run(100);
    ck_assert(c->up);
    ck_assert_uint_eq(rig.attached.address6.prefix, 64);
    ck_assert_uint_eq(rig.attached.route_count, 1);
    ck_assert_uint_eq(c->heard_count, 1);
    ck_assert_uint_eq(c->heard[40], 134);       /* a router advertisement */
    ck_assert_ptr_nonnull(memmem(c->heard, c->heard_len, prefix.v.addr.ip, 16));
    ck_assert_ptr_nonnull(memmem(c->heard, c->heard_len, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x53", 16));
    rig_run(40000);
    ck_assert_uint_eq(c->heard_count, 3);
    rig_run(1800000);
    ck_assert_uint_eq(c->heard_count, 6);

    /* a router solicitation is answered, and goes no further */
    uint8_t rs[4 + 48] = { 0xff, 3, 0, 0x57, 0x60, 0, 0, 0, 0, 8, 58, 255, 0xfe, 0x80, [27] = 9,
                           0xff, 2, [43] = 2, 0x85, 0, 0x7d, 0x2e };
    rig_inject(c, rs, sizeof rs);
    rig_run(10);
    ck_assert_uint_eq(c->heard_count, 7);
    rig_close();
}
END_TEST

START_TEST(S9_a_session_without_networks_hears_nothing)
{
    rig_house("ppp: { auth: [pap], ipv6: yes }");
    rig.ipv6 = true;
    struct caller *c = rig_call(rig.tunnel, "anna", 1);
    rig_run(60000);
    ck_assert(c->up);
    ck_assert_uint_eq(c->heard_count, 0);
    ck_assert_uint_eq(rig.attached.address6.family, ADIT_AF_NONE);
    rig_close();
}
END_TEST

START_TEST(S9_a_pool_gives_the_network_that_nobody_names)
{
    rig_house("ppp: { auth: [pap], ipv6: yes, mtu: 1400 }");
    struct stub *six = rig_add(ADIT_KIND_POOL, "six");
    rig.ipv6 = true;
    six->nets = 1;
    struct caller *c = rig_call(rig.tunnel, "anna", 1);
    rig_run(100);
    ck_assert(c->up);
    ck_assert_ptr_nonnull(strstr(rig.log, "lease6:l lease6:six attach"));
    ck_assert_uint_eq(rig.attached.address6.prefix, 64);
    ck_assert_uint_eq(rig.attached.address6.ip[5], 1);
    ck_assert_uint_eq(c->heard_count, 1);

    struct caller *d = rig_call(rig.tunnel, "bert", 2);     /* none is left: it goes without */
    rig_run(100);
    ck_assert(d->up);
    ck_assert_uint_eq(rig.attached.address6.family, ADIT_AF_NONE);
    rig_quit(c);
    rig_run(10000);
    ck_assert_uint_eq(six->nets, 1);

    rig.auth->attrs = plug_attr_api.make();                 /* the pool that RADIUS names (RFC 3162) */
    struct adit_value name = adit_value_str("l");
    plug_attr_api.put(rig.auth->attrs, ADIT_ATTR_IPV6_POOL, &name);
    rig.log[0] = '\0';
    struct caller *e = rig_call(rig.tunnel, "carl", 3);
    rig_run(100);
    ck_assert(e->up);
    ck_assert_ptr_nonnull(strstr(rig.log, "lease6:l attach"));
    ck_assert_uint_eq(rig.attached.address6.family, ADIT_AF_NONE);
    rig_close();
    ck_assert_uint_eq(six->released, 1);
}
END_TEST

/* An account's own network: the same user takes it over (M9), somebody else's lease of
 * it leaves IPv4. */
START_TEST(S9_an_own_network_is_taken_over_or_gone_without)
{
    const struct adit_value prefix = { ADIT_TYPE_ADDR, 0, { .addr = { .family = ADIT_AF_IPV6, .prefix = 64,
                                       .ip = { 0x20, 1, 0xd, 0xb8, 0, 1 } } } };
    rig_house("ppp: { auth: [pap], ipv6: yes, mtu: 1400 }");
    rig.ipv6 = true;
    rig.auth->attrs = plug_attr_api.make();
    plug_attr_api.put(rig.auth->attrs, ADIT_ATTR_IPV6_PREFIX, &prefix);
    struct caller *c = rig_call(rig.tunnel, "anna", 1);
    rig_run(100);
    ck_assert(c->up);
    ck_assert_uint_eq(rig.attached.address6.prefix, 64);
    struct caller *d = rig_call(rig.tunnel, "anna", 2);
    rig_run(100);
    ck_assert(d->up);
    ck_assert(c->hung_up);
    ck_assert_uint_eq(c->hangup_cause, ADIT_CAUSE_LOST_CARRIER);
    ck_assert_uint_eq(rig.attached.address6.prefix, 64);

    rig.pool->one_is_out = true;
    struct caller *e = rig_call(rig.tunnel, "bert", 3);
    rig_run(100);
    ck_assert(e->up);
    ck_assert(!d->hung_up);
    ck_assert_uint_eq(rig.attached.address6.family, ADIT_AF_NONE);
    rig_close();
}
END_TEST

static Suite *suite(void)
{
    Suite *s = unit_suite("ses", (const TTest *const[]){
        a_login_goes_up_the_ladder_and_down_again, authenticators_and_pools_are_asked_in_order,
        what_does_not_run_is_passed_over, a_change_of_password_is_of_the_method_that_asked,
        profile_and_server_in_conflict_over_encryption_name_both,
        profile_and_server_in_conflict_over_filters_name_both, a_policy_may_ignore_what_is_the_accounts_own,
        eap_tls_brings_keys_of_its_own,
        the_peer_hears_of_success_after_the_policy,
        the_first_cause_wins, one_that_never_answers_is_passed_over_in_time,
        a_second_answer_changes_nothing, the_oldest_of_too_many_unanswered_is_forgotten, an_answer_after_the_hangup_is_late,
        an_instance_may_go_at_any_time, ports_run_out_and_change_while_in_use,
        half_open_calls_are_limited, an_account_has_as_many_sessions_as_it_may,
        the_session_limit_counts_logins_under_way, M9_the_same_user_takes_its_address_over,
        M9_the_pool_hears_of_it_too, the_nearer_setting_wins, a_reload_leaves_sessions_up,
        a_peer_that_begins_anew_may_be_somebody_else, the_session_timeout_ends_it,
        A7_an_account_is_locked_out, A7_a_name_that_nobody_has_is_locked_out_like_others,
        A7_an_address_is_locked_out_before_ppp, A7_failures_count_within_a_time_and_settings_change,
        A7_calls_per_second, A7_invented_names_and_sources_are_forgotten,
        at_its_timeout_a_session_authenticates_once_more, sessions_are_found_from_outside, values_change_in_a_running_session, leases_change_and_are_lost,
        the_idle_timeout_counts_from_the_last_packet, one_that_falls_silent_is_noticed,
        one_that_says_nothing_is_let_go, accounting_begins_and_ends_in_pairs,
        nothing_is_hung_up_from_inside_a_receive, a_slow_hangup_keeps_the_port,
        closing_waits_for_everybody_but_not_for_ever, interim_reports_come_in_between,
        a_peer_may_begin_the_network_anew, filters_and_rates_come_with_the_login,
        the_ring_keeps_the_last_failures, sessions_are_found, methods_have_one_name,
        S9_a_session_with_ipv6_networks_hears_of_them, S9_a_session_without_networks_hears_nothing,
        S9_a_pool_gives_the_network_that_nobody_names, S9_an_own_network_is_taken_over_or_gone_without, NULL });
    TCase *tc = tcase_create("refusals");
    tcase_add_loop_test(tc, each_refusal_has_its_cause, 0, REFUSALS);
    tcase_add_loop_test(tc, a_tunnel_taken_away_takes_its_sessions, 0, 2);
    suite_add_tcase(s, tc);
    return s;
}
UNIT_MAIN(suite)
