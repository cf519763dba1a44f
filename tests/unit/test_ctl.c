/* test_ctl.c - the control socket: lines, verbs, peers that come and go in between. */
#include "ses_rig.h"
#include "ctl_rig.h"
#include "unit.h"

static void house(void)
{
    rig_house("ppp: { auth: [pap] }");
    ctl_rig_open();
    rig_call(rig.tunnel, "anna", 1);
    rig_call(rig.tunnel, "b\xff\"rta", 2);               /* a name that is no UTF-8 */
    rig_run(1000);
}

static void leave(void)
{
    ctl_rig_close();
    rig_run(0);
    rig_close();
}

static uint32_t lines(const struct ctl_wire *w)
{
    uint32_t n = 0;
    for (size_t i = 0; i < w->len; i++)
        n += w->out[i] == '\n';
    return n;
}

/* The reply to a call, as JSON. */
static json_t *call(const char *text)
{
    json_error_t e;
    char *reply = ctl_dispatch_text(text);
    ck_assert_ptr_nonnull(reply);
    json_t *o = json_loads(reply, 0, &e);
    ck_assert_msg(o != NULL, "%s: %s", reply, e.text);
    ck_assert(json_is_boolean(json_object_get(o, "ok")));
    free(reply);
    return o;
}

static json_t *result(const char *text)
{
    json_t *o = call(text), *r = json_object_get(o, "result");
    ck_assert_msg(json_is_true(json_object_get(o, "ok")), "%s", text);
    json_incref(r);
    json_decref(o);
    return r;
}

static void fails(const char *text, const char *code, const char *says)
{
    json_t *o = call(text), *e = json_object_get(o, "error");
    ck_assert_msg(json_is_false(json_object_get(o, "ok")), "%s", text);
    ck_assert_str_eq(json_string_value(json_object_get(e, "code")), code);
    ck_assert_msg(strstr(json_string_value(json_object_get(e, "text")), says) != NULL, "%s: %s", text,
                  json_string_value(json_object_get(e, "text")));
    json_decref(o);
}

static const char *const requests[] = {
    "{\"verb\": \"help\"}",
    "{\"verb\": \"status\", \"id\": 7}",
    "{\"verb\": \"reload\"}",
    "{\"verb\": \"stop\"}",
    "{\"verb\": \"ports\"}",
    "{\"verb\": \"lockouts\", \"args\": {\"all\": true}}",
    "{\"verb\": \"ports.set\", \"args\": {\"tunnel\": \"t\", \"ports\": 9}}",
    "{\"verb\": \"sessions\"}",
    "{\"verb\": \"sessions.show\", \"args\": {\"id\": \"1\"}}",
    "{\"verb\": \"sessions.failed\"}",
    "{\"verb\": \"explain\"}",
    "{\"verb\": \"explain\", \"args\": {\"attempt\": \"1\"}}",
    "{\"verb\": \"explain\", \"args\": {\"attempt\": 1}}",
    "{\"verb\": \"drop\", \"args\": {\"user\": \"nobody\"}}",
    "{\"verb\": \"policies\"}",
    "{\"verb\": \"policy.explain\", \"args\": {\"user\": \"anna\", \"group\": [\"a\", \"b\"], "
        "\"peer\": \"192.0.2.1\", \"method\": 1, \"secured\": true}}",
    "{\"verb\": \"pools\"}",
    "{\"verb\": \"plugins\"}",
    "{\"verb\": \"instances\"}",
    "{\"verb\": \"plugin.call\", \"args\": {\"kind\": \"pool\", \"name\": \"l\", \"call\": \"x\", "
        "\"with\": {\"a\": 1}}}",
    "{\"verb\": \"log\", \"args\": {\"after\": 0}}",
};
#define REQUESTS (sizeof requests / sizeof requests[0])

START_TEST(every_verb_answers)
{
    house();
    for (size_t i = 0; i < REQUESTS; i++)
        json_decref(call(requests[i]));
    ck_assert_uint_eq(ctl_rig_stops, 1);
    ck_assert_uint_eq(ctl_rig_reloads, 1);
    json_t *r = result("{\"verb\": \"sessions\"}");
    ck_assert_uint_eq(json_array_size(r), 2);
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(r, 0), "user")), "anna");
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(r, 1), "user")), "b?\"rta");
    json_decref(r);
    r = result("{\"verb\": \"status\"}");
    ck_assert_int_eq(json_integer_value(json_object_get(r, "sessions")), 2);
    ck_assert_str_eq(json_string_value(json_object_get(r, "state")), "degraded");
    json_decref(r);
    r = result("{\"verb\": \"drop\", \"args\": {\"user\": \"anna\"}}");
    ck_assert_int_eq(json_integer_value(json_object_get(r, "dropped")), 1);
    json_decref(r);
    rig_run(10000);
    r = result("{\"verb\": \"ports\"}");
    ck_assert_uint_eq(json_array_size(r), 3);   /* the first, one in use, the rest */
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(r, 0), "port")), "t-0");
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(r, 1), "port")), "t-1");
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(r, 1), "user")), "b?\"rta");
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(r, 2), "port")), "t-2..8");
    json_decref(r);
    leave();
}
END_TEST

START_TEST(what_is_wrong_is_told)
{
    house();
    fails("", "ADIT_EINVAL", "");
    fails("{", "ADIT_EINVAL", "");
    fails("[]", "ADIT_EINVAL", "an object with a \"verb\"");
    fails("{\"verb\": 7}", "ADIT_EINVAL", "an object with a \"verb\"");
    fails("{\"verb\": \"help\", \"verb\": \"stop\"}", "ADIT_EINVAL", "duplicate");
    fails("{\"verb\": \"sesions\"}", "ADIT_ENOENT", "did you mean 'sessions'?");
    fails("{\"verb\": \"\"}", "ADIT_ENOENT", "no verb");
    fails("{\"verb\": \"drop\"}", "ADIT_EINVAL", "name a session");
    fails("{\"verb\": \"drop\", \"args\": {\"id\": \"\"}}", "ADIT_ENOENT", "no session");
    fails("{\"verb\": \"drop\", \"args\": []}", "ADIT_EINVAL", "name a session");
    fails("{\"verb\": \"ports.set\", \"args\": {\"tunnel\": \"t\", \"ports\": -1}}", "ADIT_EINVAL", "from 0");
    fails("{\"verb\": \"ports.set\", \"args\": {\"tunnel\": \"t\", \"ports\": 1e9}}", "ADIT_EINVAL", "from 0");
    fails("{\"verb\": \"ports.set\", \"args\": {\"tunnel\": \"u\", \"ports\": 1}}", "ADIT_ENOENT", "named 'u'");
    fails("{\"verb\": \"unlock\", \"args\": {\"name\": \"anna\"}}", "ADIT_ENOENT", "is not locked out");
    fails("{\"verb\": \"unlock\"}", "ADIT_ENOENT", "is not locked out");
    fails("{\"verb\": \"policy.explain\", \"args\": {\"nonsense\": 1}}", "ADIT_EINVAL", "'nonsense'");
    ck_assert_uint_eq(ctl_rig_stops, 0);
    leave();
}
END_TEST

static const char *member(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    ck_assert_msg(s != NULL, "no %s", key);
    return s;
}

START_TEST(a_failed_attempt_is_explained)
{
    house();
    fails("{\"verb\": \"explain\"}", "ADIT_ENOENT", "no attempt failed");
    fails("{\"verb\": \"explain\", \"args\": {\"attempt\": 99}}", "ADIT_ENOENT", "'99'");
    rig.policy->grant = 0;
    rig.policy->cause = ADIT_CAUSE_HOURS;
    rig_call(rig.tunnel, "clara", 9);
    rig_run(60000);
    json_t *r = result("{\"verb\": \"explain\"}"), *again;
    ck_assert_str_eq(member(r, "code"), "ADIT-HOURS");
    ck_assert_int_eq(json_integer_value(json_object_get(r, "ras")), 646);
    ck_assert_int_eq(json_integer_value(json_object_get(r, "mschap")), 646);
    ck_assert_str_eq(member(r, "user"), "clara");
    ck_assert_str_eq(member(r, "peer"), "192.0.2.9");
    ck_assert_str_eq(member(r, "called"), "192.0.2.254");
    ck_assert_str_eq(member(r, "reached"), "policy");
    ck_assert_str_eq(member(r, "setting"), "policies[p].profile.hours");
    ck_assert_str_eq(member(r, "where"), "");   /* no configuration was read here */
    ck_assert_str_ne(member(r, "remedy"), "");
    json_t *ladder = json_object_get(r, "ladder");
    ck_assert_uint_eq(json_array_size(ladder), 8);
    ck_assert_str_eq(member(json_array_get(ladder, 4), "state"), "passed");
    ck_assert_str_eq(member(json_array_get(ladder, 5), "state"), "failed");
    ck_assert_str_eq(member(json_array_get(ladder, 6), "state"), "not reached");
    ck_assert_uint_eq(json_array_size(json_object_get(r, "policies")), 1);      /* its engine */
    ck_assert_uint_gt(json_array_size(json_object_get(r, "negotiation")), 4);
    char text[128];
    snprintf(text, sizeof text, "{\"verb\": \"explain\", \"args\": {\"attempt\": \"%s\"}}", member(r, "session"));
    again = result(text);
    ck_assert(json_equal(r, again));
    json_decref(again);
    snprintf(text, sizeof text, "{\"verb\": \"explain\", \"args\": {\"attempt\": %lld}}",
             (long long)json_integer_value(json_object_get(r, "id")));
    again = result(text);
    ck_assert(json_equal(r, again));
    json_decref(again);
    json_decref(r);
    /* one that is not over */
    r = result("{\"verb\": \"explain\", \"args\": {\"attempt\": 1}}");
    ck_assert_str_eq(member(r, "state"), "up");
    ck_assert_uint_eq(json_array_size(json_object_get(r, "findings")), 0);
    rig_count()->rx_spoofed = 4;
    json_decref(r);
    r = result("{\"verb\": \"explain\", \"args\": {\"attempt\": 2}}");
    json_t *found = json_array_get(json_object_get(r, "findings"), 0);
    ck_assert_str_eq(member(found, "code"), "ADIT-ROUTER-AS-CLIENT");
    ck_assert_int_eq(json_integer_value(json_object_get(found, "packets")), 4);
    json_decref(r);
    leave();
}
END_TEST

START_TEST(every_truncation_is_survived)
{
    house();
    for (size_t i = 0; i < REQUESTS; i++)
        for (size_t n = 0; n < strlen(requests[i]); n++) {
            char *cut = strndup(requests[i], n);
            json_t *o = call(cut);
            ck_assert(json_is_false(json_object_get(o, "ok")));
            json_decref(o);
            free(cut);
        }
    leave();
}
END_TEST

/* One answer a line, wherever the reads were cut. */
START_TEST(lines_are_whole_however_they_come)
{
    static const char two[] = "{\"verb\":\"status\",\"id\":1}\n\n{\"verb\":\"status\",\"id\":[2]}\n{\"verb\":";
    house();
    for (size_t at = 0; at < sizeof two; at++) {
        struct ctl_wire *w = ctl_wire_new();
        ctl_wire_rx(w, two, at);
        ctl_wire_rx(w, two + at, sizeof two - 1 - at);
        ck_assert_uint_eq(lines(w), 2);
        ck_assert_ptr_nonnull(strstr(w->out, "\"id\":1}"));
        ck_assert_ptr_nonnull(strstr(w->out, "\"id\":[2]}"));
        ctl_wire_rx(w, "\"help\"}\n", 8);
        ck_assert_uint_eq(lines(w), 3);
        ctl_wire_free(w);
    }
    leave();
}
END_TEST

START_TEST(a_line_without_an_end_is_cut_off)
{
    static char a[65536];
    house();
    memset(a, ' ', sizeof a);
    struct ctl_wire *w = ctl_wire_new(), *other = ctl_wire_new();
    for (int i = 0; i < 4; i++)
        ctl_wire_rx(w, a, sizeof a);
    ck_assert(!w->closed);
    ctl_wire_rx(w, a, 1);
    ck_assert(w->closed);
    rig_run(0);
    ctl_wire_rx(other, "{\"verb\":\"status\"}\n", 18);
    ck_assert_uint_eq(lines(other), 1);
    ctl_wire_free(w);
    ctl_wire_free(other);
    leave();
}
END_TEST

START_TEST(one_that_does_not_read_is_cut_off)
{
    house();
    struct ctl_wire *w = ctl_wire_new();
    w->takes = 100;
    ctl_wire_rx(w, "{\"verb\":\"help\"}\n{\"verb\":\"help\"}\n", 32);
    ck_assert(w->closed);
    rig_run(0);
    ctl_wire_free(w);
    leave();
}
END_TEST

START_TEST(a_follower_is_fed_until_it_leaves)
{
    house();
    uint32_t before = rig_timers();
    struct ctl_wire *w = ctl_wire_new(), *both = ctl_wire_new();
    ctl_wire_rx(w, "{\"verb\":\"log.follow\"}\n", 22);
    ctl_wire_rx(both, "{\"verb\":\"log.follow\"}\n{\"verb\":\"log.follow\"}\n", 44);
    ck_assert_uint_eq(rig_timers(), before + 3);
    ck_assert_int_eq(rig_conf("ppp: { auth: [] }"), ADIT_ECONF);        /* an event */
    rig_run(500);
    ck_assert_uint_ge(lines(w), 1);
    ck_assert_ptr_nonnull(strstr(w->out, "names no method"));
    ck_assert_uint_eq(lines(both), 2 * lines(w));
    ctl_wire_rx(w, "{\"verb\":\"status\"}\n", 18);         /* and asks on the same line */
    ck_assert_ptr_nonnull(strstr(w->out, "uptime_ms"));
    ctl_wire_free(both);
    ck_assert_uint_eq(rig_timers(), before + 1);
    ctl_wire_free(w);
    ck_assert_uint_eq(rig_timers(), before);
    leave();
}
END_TEST

/* ---- traces and captures ---- */

static void ask(struct ctl_wire *w, const char *line)
{
    ctl_wire_rx(w, line, strlen(line));
}

START_TEST(a_login_is_traced)
{
    house();
    uint32_t before = rig_timers();
    struct ctl_wire *w = ctl_wire_new(), *other = ctl_wire_new(), *gone = ctl_wire_new();
    ask(w, "{\"verb\":\"trace.follow\",\"args\":{\"user\":\"carl\"}}\n");
    ask(other, "{\"verb\":\"trace.follow\",\"args\":{\"address\":\"203.0.113.1\",\"seconds\":5}}\n");
    ask(gone, "{\"verb\":\"trace.follow\"}\n");
    ctl_wire_free(gone);        /* hangs up before anything is said */
    ck_assert_str_eq(w->out, "{\"begun\":true}\n");
    struct caller *c = rig_call(rig.tunnel, "carl", 3);
    rig_run(1000);
    static const char *const want[] = {
        "\"direction\":\"note\",\"protocol\":\"session\",\"text\":\"call on t\"",
        "\"direction\":\"sent\",\"protocol\":\"LCP\",\"text\":\"Configure-Request id=1",
        "\"direction\":\"received\",\"protocol\":\"LCP\",\"text\":\"Configure-Ack",
        "\"protocol\":\"PAP\",\"text\":\"Authenticate-Request id=", " name=\\\"carl\\\" password not shown\"",
        "\"text\":\"accepted by a, policy 'p'\"", "\"direction\":\"sent\",\"protocol\":\"PAP\",\"text\":\"Authenticate-Ack",
        "\"protocol\":\"IPCP\",\"text\":\"Configure-Ack", "\"text\":\"up: carl has 10.",
    };
    const char *at = w->out;
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        at = strstr(at, want[i]);
        ck_assert_msg(at != NULL, "not there, or too early: %s\n%s", want[i], w->out);
    }
    ck_assert_ptr_null(strstr(w->out, "anna"));
    uint32_t n = lines(w);
    w->queued = 1 << 20;        /* it does not read */
    rig_quit(c);
    rig_run(100);
    ck_assert_uint_eq(lines(w), n);
    w->queued = 0;
    rig_call(rig.tunnel, "carl", 3);
    rig_run(1000);
    ck_assert_ptr_nonnull(strstr(w->out, "{\"lost\":"));
    ck_assert_uint_eq(lines(other), 1);
    rig_run(5000);
    ck_assert_str_eq(other->out, "{\"begun\":true}\n{\"done\":true,\"lost\":0}\n");
    ctl_wire_free(w);
    ctl_wire_free(other);
    rig_clear();
    rig_run(1000);
    ck_assert_uint_le(rig_timers(), before);
    leave();
}
END_TEST

START_TEST(a_refusal_is_kept)
{
    house();
    rig.auth->verdict = ADIT_VERDICT_REJECT;
    rig_call(rig.tunnel, "carl", 3);
    rig_run(1000);
    char text[128];
    json_t *failed = result("{\"verb\":\"sessions.failed\"}");
    ck_assert_uint_ge(json_array_size(failed), 1);
    json_decref(failed);
    const char *id = NULL;
    struct ses *s = ses_next(NULL);
    ck_assert_ptr_nonnull(s);
    struct ses_info i;
    ses_info(s, &i);
    id = i.id;                  /* boot-number; carl's was the third call */
    snprintf(text, sizeof text, "{\"verb\":\"trace.kept\",\"args\":{\"id\":\"%.8s-3\"}}", id);
    json_t *r = result(text), *l;
    size_t n, refused = 0, ended = 0;
    json_array_foreach (r, n, l) {
        refused += strstr(json_string_value(json_object_get(l, "text")), "session refused: ADIT-") != NULL;
        ended += strstr(json_string_value(json_object_get(l, "text")), "session ended: ADIT-") != NULL;
    }
    ck_assert_uint_eq(refused, 1);
    ck_assert_uint_eq(ended, 1);
    json_decref(r);
    r = result("{\"verb\":\"trace.kept\",\"args\":{\"id\":\"3\"}}");    /* by its number, too */
    ck_assert_uint_gt(json_array_size(r), 5);
    json_decref(r);
    fails("{\"verb\":\"trace.kept\",\"args\":{\"id\":\"nobody\"}}", "ADIT_ENOENT", "nothing is kept of 'nobody'");
    fails("{\"verb\":\"trace.kept\"}", "ADIT_ENOENT", "nothing is kept");
    fails("{\"verb\":\"trace.follow\",\"args\":{\"address\":\"anna\"}}", "ADIT_EINVAL", "no address");
    fails("{\"verb\":\"trace.follow\",\"args\":{\"session\":\"99\"}}", "ADIT_ENOENT", "adit sessions");
    fails("{\"verb\":\"capture.follow\",\"args\":{\"session\":\"99\"}}", "ADIT_ENOENT", "adit sessions");
    leave();
}
END_TEST

START_TEST(frames_are_captured)
{
    house();
    uint32_t before = rig_timers();
    struct ctl_wire *w = ctl_wire_new(), *slow = ctl_wire_new(), *gone = ctl_wire_new();
    ask(w, "{\"verb\":\"capture.follow\",\"args\":{\"packets\":6}}\n");
    ask(slow, "{\"verb\":\"capture.follow\",\"args\":{\"seconds\":2}}\n");
    ask(gone, "{\"verb\":\"capture.follow\"}\n");
    slow->queued = 1 << 30;
    rig_run(100);
    /* the head of the file is there before any frame */
    ck_assert_int_eq(strncmp(w->out, "{\"data\":\"Cg0NCg", 15), 0);
    ck_assert_uint_eq(lines(w), 1);
    rig_call(rig.tunnel, "carl", 3);
    rig_run(1000);
    ck_assert_ptr_nonnull(strstr(w->out, "{\"done\":true,\"packets\":6,\"lost\":0}\n"));
    ck_assert_uint_eq(lines(slow), 0);
    rig_run(4000);
    ck_assert_uint_eq(lines(slow), 0);
    slow->queued = 0;           /* it reads at last: what there is, and the end */
    rig_run(100);
    ck_assert_ptr_nonnull(strstr(slow->out, "{\"done\":true,\"packets\":"));
    ctl_wire_free(gone);
    ctl_wire_free(slow);
    ctl_wire_free(w);
    rig_clear();
    rig_run(1000);
    ck_assert_uint_le(rig_timers(), before);
    leave();
}
END_TEST

START_TEST(more_than_64_are_not_taken)
{
    struct ctl_wire *w[66];
    house();
    for (int i = 0; i < 66; i++)
        w[i] = ctl_wire_new();
    ck_assert(!w[63]->closed && w[64]->closed && w[65]->closed);
    ctl_wire_free(w[0]);
    w[0] = ctl_wire_new();
    ck_assert(!w[0]->closed);
    for (int i = 0; i < 66; i++)
        ctl_wire_free(w[i]);
    leave();
}
END_TEST

/* Closing the socket ends those who are connected, followers too. */
START_TEST(closing_ends_everybody)
{
    house();
    struct ctl_wire *w = ctl_wire_new(), *v = ctl_wire_new();
    ctl_wire_rx(w, "{\"verb\":\"log.follow\"}\n{\"ve", 26);
    leave();
    ck_assert(w->closed && v->closed);
    ctl_wire_free(w);
    ctl_wire_free(v);
}
END_TEST

/* ---- verbs of plugins that answer later ---- */

static uint64_t later_call;

static void later(struct adit_self *self, uint64_t call, const struct adit_kv *args, uint32_t n)
{
    (void)self;
    (void)args;
    ck_assert_uint_eq(n, 1);
    later_call = call;
}

static const char later_line[] =
    "{\"verb\": \"plugin.call\", \"args\": {\"kind\": \"auth\", \"name\": \"a\", \"call\": \"later\","
    " \"with\": {\"user\": \"anna\"}}, \"id\": 7}\n";

START_TEST(a_plugin_answers_later)
{
    house();
    const struct adit_control_api *c = rig.auth->self->host->control;
    struct adit_self *self = rig.auth->self;
    uint32_t before = rig_timers();
    ck_assert_int_eq(c->verb_later(self, "later", "Answers later.", later), 0);
    struct ctl_wire *w = ctl_wire_new(), *v = ctl_wire_new();
    ctl_wire_rx(w, later_line, sizeof later_line - 1);
    ck_assert_uint_eq(lines(w), 0);
    struct adit_report *r = c->report(self, later_call);
    ck_assert_ptr_nonnull(r);
    struct adit_value number = { ADIT_TYPE_U64, 0, { .u = 42 } };
    ctl_report_api.put(r, "answer", &number);
    c->finish(self, later_call, 0);
    ck_assert_ptr_nonnull(strstr(w->out, "\"answer\":42"));
    ck_assert_ptr_nonnull(strstr(w->out, "\"id\":7"));
    /* an error of the plugin's */
    ctl_wire_rx(w, later_line, sizeof later_line - 1);
    c->finish(self, later_call, adit_fail(self, ADIT_EUNREACH, "nobody is there"));
    ck_assert_ptr_nonnull(strstr(w->out, "nobody is there"));
    ck_assert_uint_eq(lines(w), 2);
    /* P5: one that never finishes */
    ctl_wire_rx(w, later_line, sizeof later_line - 1);
    rig_run(59000);
    ck_assert_uint_eq(lines(w), 2);
    rig_run(2000);
    ck_assert_uint_eq(lines(w), 3);
    ck_assert_ptr_nonnull(strstr(w->out, "a did not answer within 60 s"));
    c->finish(self, later_call, 0);
    /* whoever asked hangs up */
    ctl_wire_rx(v, later_line, sizeof later_line - 1);
    ctl_wire_free(v);
    ck_assert_ptr_null(c->report(self, later_call));
    c->finish(self, later_call, 0);
    /* nobody can hear it: an answer to text that comes later */
    ck_assert_ptr_null(ctl_dispatch_text(later_line));
    c->finish(self, later_call, 0);
    ck_assert_uint_eq(rig_timers(), before);
    /* the instance ends first */
    ctl_wire_rx(w, later_line, sizeof later_line - 1);
    rig_remove(rig.auth);
    rig.auth = NULL;
    ck_assert_uint_eq(lines(w), 4);
    ck_assert_ptr_nonnull(strstr(w->out, "ADIT_ECANCELED"));
    ctl_wire_free(w);
    leave();
}
END_TEST

static Suite *suite(void)
{
    return unit_suite("ctl", (const TTest *const[]){
        every_verb_answers, what_is_wrong_is_told, a_failed_attempt_is_explained, every_truncation_is_survived,
        lines_are_whole_however_they_come, a_line_without_an_end_is_cut_off,
        one_that_does_not_read_is_cut_off, a_follower_is_fed_until_it_leaves,
        a_login_is_traced, a_refusal_is_kept, frames_are_captured,
        more_than_64_are_not_taken, closing_ends_everybody, a_plugin_answers_later, NULL });
}
UNIT_MAIN(suite)
