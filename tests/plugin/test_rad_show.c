/* test_rad_show.c - `adit radius test`: the verb of an authenticator of type radius. */
#include "../unit/rad_rig.h"
#include "crypto/crypto.h"
#include "plugins/auth-radius/rad_auth.h"

#define LIST(v) { (v), (uint32_t)(sizeof(v) / sizeof((v)[0])), (uint32_t)sizeof((v)[0]) }

static const struct rad_server_conf servers[] = {
    { .name = "a", .host = "10.0.1.1", .secret = "sa", .auth_port = 1812, .timeout_ms = 2000, .tries = 3 },
    { .name = "b", .host = "10.0.1.2", .secret = "sb", .auth_port = 1812, .timeout_ms = 2000, .tries = 3 },
};
static const struct rad_auth_conf conf = {
    .servers = { .servers = LIST(servers), .dead_ms = 30000, .probe = 1 },
    .nas = { .port_type = 5 }, .grants = 1, .limit_ms = 15000, .in_flight = 100,
};
static struct adit_self *self;
static struct rig_server *a_, *b_;

static void begin(void)
{
    rig_begin();
    a_ = rig_server(0, "10.0.1.1:1812", "sa");
    b_ = rig_server(1, "10.0.1.2:1812", "sb");
    self = fake_inst_conf(fake_face("auth", "radius"), &conf);
    ck_assert_ptr_nonnull(self);
    rig_run(10);
}

static uint64_t test(const char *user, const char *password, const char *method, const char *server)
{
    struct adit_kv kv[4] = { ADIT_KV_S("user", user), ADIT_KV_S("password", password) };
    uint32_t n = 2;
    if (method)
        kv[n++] = (struct adit_kv)ADIT_KV_S("method", method);
    if (server)
        kv[n++] = (struct adit_kv)ADIT_KV_S("server", server);
    return fake_verb_begin(self, "test", kv, n);
}

static void says(const char *text, const char *what)
{
    if (!text || !strstr(text, what))
        ck_abort_msg("'%s' does not say '%s'; %s", text ? text : "(none)", what, fake_last_error());
}

START_TEST(the_verdict_and_attributes_are_told)
{
    begin();
    a_->delay_ms = 30;
    uint64_t call = test("anna", "s3cret", "pap", NULL);
    ck_assert(!fake_verb_finished(call));
    rig_run(100);
    ck_assert(fake_verb_finished(call));
    const char *text = fake_verb_answer(call);
    says(text, "\"answer\": \"accepted\"");
    says(text, "\"login\": true");
    says(text, "\"server\": \"a\"");
    says(text, "\"took_ms\": 30");
    says(text, "\"tries\": 1");
    says(text, "\"name\": \"Reply-Message\"");
    says(text, "anna of sa");
    ck_assert_ptr_null(strstr(text, "s3cret"));
    fake_inst_free(self);
    fake_end();
}
END_TEST

START_TEST(one_server_can_be_chosen)
{
    begin();
    uint64_t call = test("anna", "x", "chap", "b");
    rig_run(100);
    says(fake_verb_answer(call), "\"server\": \"b\"");
    a_->code = RAD_ACCESS_REJECT;
    call = test("anna", "x", "pap", "a");
    rig_run(100);
    says(fake_verb_answer(call), "\"answer\": \"rejected\"");
    says(fake_verb_answer(call), "\"login\": false");
    call = test("anna", "x", "pap", "nobody");
    ck_assert(fake_verb_finished(call));
    ck_assert_ptr_null(fake_verb_answer(call));
    says(fake_last_error(), "no server is called 'nobody'");
    fake_inst_free(self);
    fake_end();
}
END_TEST

START_TEST(wrong_arguments_are_told)
{
    static const char long_one[] = "a123456789b123456789c123456789d123456789e123456789f123456789g123456789h123456789"
                                   "i123456789j123456789k123456789l123456789m123456789";
    begin();
    (void)test("", "x", NULL, NULL);
    says(fake_last_error(), "user:");
    (void)test("anna", long_one, NULL, NULL);
    says(fake_last_error(), "password:");
    (void)test("anna", "x", "eap", NULL);
    says(fake_last_error(), "method: pap, chap or mschapv2, not 'eap'");
    (void)test("anna", "x", "nonsense", NULL);
    says(fake_last_error(), "not 'nonsense'");
    (void)fake_verb_begin(self, "test", NULL, 0);
    says(fake_last_error(), "user:");
    fake_inst_free(self);
    fake_end();
}
END_TEST

START_TEST(silence_is_told)
{
    begin();
    a_->dead = b_->dead = true;
    uint64_t call = test("anna", "x", "pap", NULL);
    rig_run(20000);
    ck_assert(fake_verb_finished(call));
    ck_assert_ptr_null(fake_verb_answer(call));
    says(fake_last_error(), "no server answered within 15 s");
    fake_inst_free(self);
    fake_end();
}
END_TEST

/* What the server would compare: the very response of RFC 2759, and the proof back. */
START_TEST(mschapv2_is_computed_as_clients_do)
{
    for (int right = 0; right < 2; right++) {
        struct rad_attr r = { 0 }, c = { 0 };
        struct rad_out o;
        struct rad_in in;
        uint8_t hash[16], want[24], proof[20], success[1 + 42 + 1] = { 0 };     /* and the NUL of the last digit */
        begin();
        a_->dead = true;
        a_->got = 0;
        uint64_t call = test("DOM\\anna", "s3cret", NULL, "a");
        fake_run();
        const struct fake_sent *f = fake_sent();
        ck_assert_ptr_nonnull(f);
        ck_assert(rad_open(&in, f->data, f->len));
        ck_assert(rad_find(&in, RAD_VENDOR_MICROSOFT, RAD_MS_CHAP2_RESPONSE, &r) && r.len == 50);
        ck_assert(rad_find(&in, RAD_VENDOR_MICROSOFT, RAD_MS_CHAP_CHALLENGE, &c) && c.len == 16);
        nt_password_hash("s3cret", 6, hash);
        generate_nt_response(c.p, r.p + 2, "anna", hash, want);
        ck_assert_mem_eq(want, r.p + 26, 24);
        generate_authenticator_response(hash, want, r.p + 2, c.p, "anna", proof);
        success[0] = r.p[0];
        memcpy(success + 1, "S=", 2);
        for (int i = 0; i < 20; i++)
            snprintf((char *)success + 3 + 2 * i, 3, "%02X", right ? proof[i] : 0x11);
        struct rad_key key = { self->host->crypto, (const uint8_t *)"sa", 2 };
        rad_begin_answer(&o, &key, RAD_ACCESS_ACCEPT, in.authenticator);
        rad_put_vendor(&o, RAD_VENDOR_MICROSOFT, RAD_MS_CHAP2_SUCCESS, success, sizeof success - 1);
        uint32_t len = rad_finish(&o, in.id);
        (void)fake_datagram(ADIT_PROTO_UDP, &a_->at, &f->our, NULL, o.bytes, len);
        ck_assert(fake_verb_finished(call));
        says(fake_verb_answer(call), right ? "\"proof\": true" : "\"proof\": false");
        says(fake_verb_answer(call), "\"login\": true");
        fake_inst_free(self);
        fake_end();
    }
}
END_TEST

START_TEST(whoever_asked_may_go)
{
    begin();
    a_->delay_ms = 100;
    uint64_t call = test("anna", "x", "pap", NULL);
    fake_verb_hangup(call);
    rig_run(1000);
    ck_assert(fake_verb_finished(call));
    for (uint32_t i = 0; i < 16; i++)
        (void)test("anna", "x", "pap", NULL);
    (void)test("anna", "x", "pap", NULL);
    says(fake_last_error(), "too many tests");
    fake_inst_free(self);       /* the others end with the instance */
    fake_end();
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        the_verdict_and_attributes_are_told, one_server_can_be_chosen, wrong_arguments_are_told,
        silence_is_told, mschapv2_is_computed_as_clients_do, whoever_asked_may_go, NULL,
    };
    return unit_suite("rad_show", tests);
}

UNIT_MAIN(suite)
