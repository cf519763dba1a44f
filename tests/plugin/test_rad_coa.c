/* test_rad_coa.c - CoA and Disconnect requests: who may ask, when, how often; what is
 * done and what is answered. */
#include <adit/plugin.h>
#include "fake/fake.h"
#include "plugins/auth-radius/rad_attr.h"
#include "plugins/auth-radius/rad_coa.h"
#include "plugins/auth-radius/rad_dict.h"
#include "tests/unit/unit.h"

/* ---- an instance that is nothing but this ---------------------------------------------------- */

static const struct rad_coa_client_conf clients[] = {
    { .network = { ADIT_AF_IPV4, 24, 0, 0, { 192, 0, 2 } }, .secret = "net" },
    { .network = { ADIT_AF_IPV4, 32, 0, 0, { 192, 0, 2, 9 } }, .secret = "host" },
    { .network = { ADIT_AF_IPV4, 30, 0, 0, { 198, 51, 100, 4 } }, .secret = "old",
      .message_authenticator = RAD_AUTO },
};

static struct conf {
    struct rad_coa_conf coa;
    struct rad_nas_conf nas;
} conf;

static struct rad_coa *coa;

static int32_t create(struct adit_self *self)
{
    rad_dict_hold();
    coa = rad_coa_new(self, &conf.coa, &conf.nas, 0);
    if (!coa)
        rad_dict_drop();
    return coa ? 0 : ADIT_ECONF;
}

static int32_t start(struct adit_self *self) { (void)self; return rad_coa_start(coa); }
static void stop(struct adit_self *self) { (void)self; rad_coa_stop(coa); }

static void destroy(struct adit_self *self)
{
    (void)self;
    rad_coa_free(coa);
    rad_dict_drop();
}

static void status(struct adit_self *self, struct adit_report *r) { (void)self; rad_coa_report(coa, r); }

static const struct adit_life life = { .size = sizeof life, .create = create, .start = start,
                                       .stop = stop, .destroy = destroy, .status = status };
static const struct adit_counter counters[] = {
#define RAD_X(NAME, name, text) { name, text },
    RAD_COA_COUNTER_MAP(RAD_X)
#undef RAD_X
};
static const struct adit_auth vtable = { .size = sizeof vtable, .methods = ADIT_AUTH_PAP };
static const struct adit_event *const events[] = { RAD_COA_EVENTS, RAD_ATTR_EVENTS, NULL };
static const struct adit_face face = {
    .kind = ADIT_KIND_AUTH, .conf_size = sizeof conf, .name = "coa", .life = &life, .vtable = &vtable,
    .counters = counters, .counter_count = RAD_COA_COUNTERS, .events = events,
};

static struct adit_self *self;
static struct adit_addr us, server;
static uint64_t one, two;

static void begin(void)
{
    fake_begin();
    conf = (struct conf){
        .coa = { .listen = { .family = ADIT_AF_IPV4, .prefix = 32, .ip = { 192, 0, 2, 1 } },
                 .clients = { clients, 3, sizeof clients[0] }, .window_ms = 300000 },
        .nas = { .identifier = "gate", .address = { ADIT_AF_IPV4, 32, 0, 0, { 192, 0, 2, 1 } } },
    };
    us = fake_addr("192.0.2.1:3799");
    server = fake_addr("192.0.2.9:40000");
    self = fake_inst_conf(&face, &conf);
    ck_assert_msg(self != NULL, "%s", fake_last_error());
    one = fake_session();
    two = fake_session();
    struct adit_addr a = fake_addr("10.9.0.2"), b = fake_addr("10.9.0.3");
    const struct adit_host *h = fake_host();
    adit_attr_put_str(h, fake_session_attrs(one), ADIT_ATTR_USER, "anna");
    adit_attr_put_addr(h, fake_session_attrs(one), ADIT_ATTR_ADDRESS, &a);
    adit_attr_put_str(h, fake_session_attrs(one), ADIT_ATTR_CALLING_STATION, "203.0.113.5");
    adit_attr_put_str(h, fake_session_attrs(two), ADIT_ATTR_USER, "anna");
    adit_attr_put_addr(h, fake_session_attrs(two), ADIT_ATTR_ADDRESS, &b);
}

static void end(void)
{
    fake_inst_free(self);
    fake_end();
}

/* ---- packets --------------------------------------------------------------------------------- */

static struct rad_key key(const char *secret)
{
    return (struct rad_key){ fake_host()->crypto, (const uint8_t *)secret, (uint32_t)strlen(secret) };
}

/* A request with "Attribute=value" lines and the time. */
static uint32_t request(struct rad_out *o, const struct rad_key *k, uint32_t code, uint8_t id, int64_t late_s,
                        const char *const lines[])
{
    char why[256];
    rad_begin(o, k, code);
    if (late_s != INT64_MAX)
        rad_put_u32(o, RAD_EVENT_TIMESTAMP, (uint32_t)((int64_t)(fake_host()->loop->wall() / 1000) - late_s));
    for (size_t i = 0; lines[i]; i++) {
        struct rad_pair p;
        ck_assert_msg(rad_dict_parse(lines[i], &p, why, sizeof why), "%s", why);
        rad_put_pair(o, &p);
    }
    return rad_finish(o, id);
}

/* The code that it was answered with, and the Error-Cause; 0: not at all. */
static uint32_t answer(const struct rad_key *k, const uint8_t authenticator[16], uint32_t *error)
{
    const struct fake_sent *sent = fake_sent();
    struct rad_in in;
    struct rad_attr a;
    *error = 0;
    if (!sent)
        return 0;
    ck_assert(rad_open(&in, sent->data, sent->len));
    ck_assert_int_eq(rad_verify(&in, k, authenticator, RAD_MA_REQUIRED), RAD_OK);
    if (rad_find(&in, 0, RAD_ERROR_CAUSE, &a))
        ck_assert(rad_u32(&a, error));
    return in.code;
}

static uint32_t say(uint32_t code, uint32_t *error, const char *const lines[])
{
    static uint8_t id;
    struct rad_key k = key("host");
    struct rad_out o;
    uint32_t n = request(&o, &k, code, ++id, 0, lines);
    ck_assert_uint_eq(fake_datagram(ADIT_PROTO_UDP, &server, &us, NULL, o.bytes, n), 1);
    uint32_t got = answer(&k, o.authenticator, error);
    ck_assert_uint_eq(fake_sent_count(), 0);
    return got;
}

#define SAY(code, ...) say((code), &error, (const char *const[]){ __VA_ARGS__, NULL })

/* ---- what is done ------------------------------------------------------------------------------ */

START_TEST(a_session_is_ended)
{
    begin();
    uint32_t error, cause;
    const char *text;
    ck_assert_uint_eq(SAY(RAD_DISCONNECT_REQUEST, "User-Name=ANNA", "Framed-IP-Address=10.9.0.3",
                          "NAS-Identifier=gate", "Acct-Terminate-Cause=6", "Reply-Message=bye"),
                      RAD_DISCONNECT_ACK);
    ck_assert(fake_session_dropped(two, &cause, &text));
    ck_assert_uint_eq(cause, ADIT_CAUSE_ADMIN);
    ck_assert(!fake_session_dropped(one, &cause, &text));
    ck_assert_int_eq(fake_event_count("radius.coa.done"), 1);
    ck_assert_str_eq(fake_event_str("radius.coa.done", "request"), "Disconnect");
    ck_assert_uint_eq(fake_counter(self, "coa-ended"), 1);
    end();
}
END_TEST

START_TEST(all_that_fit_are_ended)
{
    begin();
    uint32_t error, cause;
    const char *text;
    for (int i = 0; i < 40; i++)
        adit_attr_put_str(fake_host(), fake_session_attrs(fake_session()), ADIT_ATTR_USER, "anna");
    ck_assert_uint_eq(SAY(RAD_DISCONNECT_REQUEST, "User-Name=anna"), RAD_DISCONNECT_ACK);
    ck_assert(fake_session_dropped(one, &cause, &text));
    ck_assert(fake_session_dropped(two, &cause, &text));
    ck_assert_uint_eq(fake_counter(self, "coa-ended"), 42);
    end();
}
END_TEST

START_TEST(a_session_is_changed)
{
    begin();
    uint32_t error, times;
    ck_assert_uint_eq(SAY(RAD_COA_REQUEST, "Framed-IP-Address=10.9.0.2", "Session-Timeout=3600",
                          "Idle-Timeout=60", "Acct-Interim-Interval=120", "Class=gold",
                          "Service-Type=Framed-User"),
                      RAD_COA_ACK);
    const struct adit_host *h = fake_host();
    const struct adit_attrs *v = fake_session_revised(one, &times);
    ck_assert_ptr_nonnull(v);
    ck_assert_uint_eq(times, 1);
    ck_assert_uint_eq(adit_attr_u(h, v, ADIT_ATTR_SESSION_TIMEOUT), 3600000);
    ck_assert_uint_eq(adit_attr_u(h, v, ADIT_ATTR_IDLE_TIMEOUT), 60000);
    ck_assert_uint_eq(adit_attr_u(h, v, ADIT_ATTR_INTERIM), 120000);
    ck_assert_uint_eq(h->attr->get(v, ADIT_ATTR_CLASS, 0)->len, 4);
    ck_assert_ptr_null(h->attr->get(v, ADIT_ATTR_ADDRESS, 0));
    ck_assert_ptr_null(fake_session_revised(two, &times));
    end();
}
END_TEST

START_TEST(rates_and_filters)
{
    begin();
    uint32_t error, times;
    const struct adit_host *h = fake_host();
    ck_assert_uint_eq(SAY(RAD_COA_REQUEST, "Framed-IP-Address=10.9.0.2", "WISPr-Bandwidth-Max-Up=2000000",
                          "WISPr-Bandwidth-Max-Down=8000000", "Filter-Id=guests"),
                      RAD_COA_ACK);
    const struct adit_attrs *v = fake_session_revised(one, &times);
    ck_assert_uint_eq(adit_attr_u(h, v, ADIT_ATTR_RATE_IN), 2000);
    ck_assert_uint_eq(adit_attr_u(h, v, ADIT_ATTR_RATE_OUT), 8000);
    ck_assert(h->attr->get(v, ADIT_ATTR_FILTER_IN, 0) || h->attr->get(v, ADIT_ATTR_FILTER_OUT, 0));
    ck_assert_uint_eq(SAY(RAD_COA_REQUEST, "Framed-IP-Address=10.9.0.2", "Mikrotik-Rate-Limit=1M/4M"),
                      RAD_COA_ACK);
    v = fake_session_revised(one, &times);
    ck_assert_uint_eq(adit_attr_u(h, v, ADIT_ATTR_RATE_IN), 1000);
    ck_assert_uint_eq(adit_attr_u(h, v, ADIT_ATTR_RATE_OUT), 4000);
    end();
}
END_TEST

/* ---- what is refused ----------------------------------------------------------------------------- */

START_TEST(each_error_has_its_cause)
{
    begin();
    uint32_t error, times;
#define NAK(code, number, ...)                                                                     \
    ck_assert_uint_eq(SAY(code, __VA_ARGS__),                                                      \
                      (code) == RAD_COA_REQUEST ? RAD_COA_NAK : RAD_DISCONNECT_NAK);               \
    ck_assert_uint_eq(error, number)
    NAK(RAD_DISCONNECT_REQUEST, 503, "User-Name=nobody");
    NAK(RAD_COA_REQUEST, 503, "User-Name=nobody", "Session-Timeout=5");
    NAK(RAD_DISCONNECT_REQUEST, 402, "NAS-Identifier=gate");            /* nothing identifies */
    NAK(RAD_DISCONNECT_REQUEST, 404, "Framed-IP-Address=255.255.255.254");      /* nobody's: not everybody's */
    NAK(RAD_DISCONNECT_REQUEST, 404, "Framed-IP-Address=255.255.255.255");
    NAK(RAD_COA_REQUEST, 402, "User-Name=anna");                        /* nothing changes */
    NAK(RAD_COA_REQUEST, 403, "User-Name=anna", "NAS-Identifier=other", "Session-Timeout=5");
    NAK(RAD_COA_REQUEST, 403, "User-Name=anna", "NAS-IP-Address=192.0.2.77", "Session-Timeout=5");
    NAK(RAD_COA_REQUEST, 405, "User-Name=anna", "Service-Type=Authorize-Only", "State=0x01");
    NAK(RAD_COA_REQUEST, 401, "User-Name=anna", "Framed-MTU=1400");     /* not in a session that runs */
    NAK(RAD_DISCONNECT_REQUEST, 401, "User-Name=anna", "Session-Timeout=5");
    fake_revise_refuse(ADIT_EINVAL);
    NAK(RAD_COA_REQUEST, 407, "User-Name=anna", "Filter-Id=nowhere");
    fake_revise_refuse(ADIT_ENOSYS);
    NAK(RAD_COA_REQUEST, 401, "User-Name=anna", "Filter-Id=x");
    fake_revise_refuse(ADIT_ENOMEM);
    NAK(RAD_COA_REQUEST, 506, "User-Name=anna", "Session-Timeout=5");
    fake_revise_refuse(0);
    ck_assert_ptr_null(fake_session_revised(one, &times));
    ck_assert_uint_eq(fake_counter(self, "coa-refused"), 14);
    ck_assert_ptr_nonnull(strstr(fake_event_str("radius.coa.refused", "text"), "Resources"));
    end();
}
END_TEST

START_TEST(an_attribute_without_sense)
{
    begin();
    struct rad_key k = key("host");
    struct rad_out o;
    uint32_t error, times;
    rad_begin(&o, &k, RAD_COA_REQUEST);
    rad_put_u32(&o, RAD_EVENT_TIMESTAMP, (uint32_t)(fake_host()->loop->wall() / 1000));
    rad_put_str(&o, RAD_USER_NAME, "anna");
    rad_put(&o, RAD_SESSION_TIMEOUT, "abc", 3);
    uint32_t n = rad_finish(&o, 9);
    fake_datagram(ADIT_PROTO_UDP, &server, &us, NULL, o.bytes, n);
    ck_assert_uint_eq(answer(&k, o.authenticator, &error), RAD_COA_NAK);
    ck_assert_uint_eq(error, 407);
    ck_assert_ptr_null(fake_session_revised(one, &times));
    end();
}
END_TEST

START_TEST(state_and_proxy_state_come_back_in_order)
{
    begin();
    struct rad_key k = key("host");
    struct rad_out o;
    struct rad_in in;
    const char *const lines[] = { "Proxy-State=one", "User-Name=anna", "Proxy-State=two", "State=s",
                                  "Session-Timeout=77", NULL };
    uint32_t n = request(&o, &k, RAD_COA_REQUEST, 1, 0, lines);
    fake_datagram(ADIT_PROTO_UDP, &server, &us, NULL, o.bytes, n);
    const struct fake_sent *sent = fake_sent();
    ck_assert_ptr_nonnull(sent);
    ck_assert(rad_open(&in, sent->data, sent->len));
    ck_assert_uint_eq(in.code, RAD_COA_ACK);
    char all[64] = "";
    for (struct rad_attr a = { 0 }; rad_next(&in, &a);)
        if (a.type != RAD_MESSAGE_AUTHENTICATOR)
            snprintf(all + strlen(all), sizeof all - strlen(all), "%u:%.*s ", a.type, (int)a.len,
                     (const char *)a.p);
    ck_assert_str_eq(all, "33:one 33:two 24:s ");
    end();
}
END_TEST

/* ---- who, when, how often -------------------------------------------------------------------------- */

static void silent(const struct adit_addr *from, const struct rad_out *o, uint32_t n, const char *counter)
{
    uint64_t before = fake_counter(self, counter);
    fake_datagram(ADIT_PROTO_UDP, from, &us, NULL, o->bytes, n);
    ck_assert_uint_eq(fake_sent_count(), 0);
    ck_assert_uint_eq(fake_counter(self, counter), before + 1);
}

START_TEST(others_get_no_answer)
{
    begin();
    struct rad_out o;
    struct rad_key k = key("host"), net = key("net"), old = key("old");
    const char *const lines[] = { "User-Name=anna", NULL };
    struct adit_addr stranger = fake_addr("203.0.113.1:4000"), neighbour = fake_addr("192.0.2.10:4000"),
                     plain = fake_addr("198.51.100.7:4000"), beyond = fake_addr("198.51.100.8:4000");
    uint32_t n = request(&o, &k, RAD_DISCONNECT_REQUEST, 1, 0, lines), error;
    silent(&stranger, &o, n, "coa-unlisted");
    silent(&beyond, &o, n, "coa-unlisted");
    silent(&neighbour, &o, n, "coa-forged");            /* its secret is the network's */
    o.bytes[25] ^= 1;
    silent(&server, &o, n, "coa-forged");
    o.bytes[25] ^= 1;
    for (uint32_t k2 = 0; k2 < n; k2++) {
        struct rad_out cut = o;
        uint64_t done = fake_counter(self, "coa-ended");
        fake_datagram(ADIT_PROTO_UDP, &server, &us, NULL, cut.bytes, k2);
        ck_assert_uint_eq(fake_sent_count(), 0);
        ck_assert_uint_eq(fake_counter(self, "coa-ended"), done);
    }
    n = request(&o, &net, RAD_DISCONNECT_REQUEST, 1, 0, lines);
    silent(&server, &o, n, "coa-forged");               /* and a host's is its own */
    n = request(&o, &k, RAD_ACCESS_REQUEST, 1, 0, lines);
    silent(&server, &o, n, "coa-forged");
    /* Without Message-Authenticator: only from who is configured so. */
    memset(&o, 0, sizeof o);
    for (int i = 0; i < 2; i++) {
        rad_begin(&o, i ? &old : &k, RAD_DISCONNECT_REQUEST);
        o.len = RAD_HEAD;
        o.ma_at = 0;
        rad_put_u32(&o, RAD_EVENT_TIMESTAMP, (uint32_t)(fake_host()->loop->wall() / 1000));
        rad_put_str(&o, RAD_USER_NAME, "anna");
        n = rad_finish(&o, 7);
        if (!i)
            silent(&server, &o, n, "coa-forged");
    }
    fake_datagram(ADIT_PROTO_UDP, &plain, &us, NULL, o.bytes, n);
    ck_assert_uint_eq(answer(&old, o.authenticator, &error), RAD_DISCONNECT_ACK);
    end();
}
END_TEST

START_TEST(old_and_early_ones_get_no_answer)
{
    begin();
    struct rad_out o;
    struct rad_key k = key("host");
    const char *const lines[] = { "User-Name=anna", "Session-Timeout=9", NULL };
    uint32_t error;
    static const int64_t bad[] = { 302, 86400, -302, INT64_MAX }, good[] = { 0, 299, -299 };
    for (size_t i = 0; i < 4; i++) {
        uint32_t n = request(&o, &k, RAD_COA_REQUEST, (uint8_t)i, bad[i], lines);
        silent(&server, &o, n, "coa-stale");
    }
    for (size_t i = 0; i < 3; i++) {
        uint32_t n = request(&o, &k, RAD_COA_REQUEST, (uint8_t)(10 + i), good[i], lines);
        fake_datagram(ADIT_PROTO_UDP, &server, &us, NULL, o.bytes, n);
        ck_assert_uint_eq(answer(&k, o.authenticator, &error), RAD_COA_ACK);
    }
    fake_inst_free(self);
    conf.coa.window_ms = 0;
    self = fake_inst_conf(&face, &conf);
    uint32_t n = request(&o, &k, RAD_COA_REQUEST, 77, INT64_MAX, lines);
    fake_datagram(ADIT_PROTO_UDP, &server, &us, NULL, o.bytes, n);
    ck_assert_uint_eq(answer(&k, o.authenticator, &error), RAD_COA_ACK);
    end();
}
END_TEST

START_TEST(the_same_again_is_answered_the_same_and_not_done)
{
    begin();
    struct rad_out o;
    struct rad_key k = key("host");
    const char *const lines[] = { "User-Name=anna", "Session-Timeout=9", NULL };
    uint32_t n = request(&o, &k, RAD_COA_REQUEST, 5, 0, lines), times;
    uint8_t first[RAD_MAX];
    fake_datagram(ADIT_PROTO_UDP, &server, &us, NULL, o.bytes, n);
    const struct fake_sent *sent = fake_sent();
    ck_assert_ptr_nonnull(sent);
    uint32_t len = sent->len;
    memcpy(first, sent->data, len);
    struct adit_addr other_port = server;
    other_port.port = 50000;
    for (int i = 0; i < 3; i++) {
        fake_advance(100000);   /* replayed as long as its time would be accepted, from any port */
        fake_datagram(ADIT_PROTO_UDP, i ? &other_port : &server, &us, NULL, o.bytes, n);
        sent = fake_sent();
        ck_assert_msg(sent || i == 2, "%d", i);
        if (sent) {
            ck_assert_uint_eq(sent->len, len);
            ck_assert_mem_eq(sent->data, first, len);
        }
    }
    ck_assert_ptr_nonnull(fake_session_revised(one, &times));
    ck_assert_uint_eq(times, 1);
    ck_assert_uint_ge(fake_counter(self, "coa-duplicates"), 2);
    /* another with that id is another */
    const char *const more[] = { "User-Name=anna", "Session-Timeout=10", NULL };
    n = request(&o, &k, RAD_COA_REQUEST, 5, 0, more);
    fake_datagram(ADIT_PROTO_UDP, &server, &us, NULL, o.bytes, n);
    fake_session_revised(one, &times);
    ck_assert_uint_eq(times, 2);
    end();
}
END_TEST

START_TEST(the_same_again_is_not_done_whoever_seems_to_send_it)
{
    begin();
    struct rad_out o;
    struct rad_key k = key("net");
    struct adit_addr first = fake_addr("192.0.2.20:4000"), other = fake_addr("192.0.2.21:4000");
    const char *const lines[] = { "User-Name=anna", "Session-Timeout=9", NULL };
    uint32_t n = request(&o, &k, RAD_COA_REQUEST, 5, 0, lines), times, error;
    fake_datagram(ADIT_PROTO_UDP, &first, &us, NULL, o.bytes, n);
    ck_assert_uint_eq(answer(&k, o.authenticator, &error), RAD_COA_ACK);
    fake_datagram(ADIT_PROTO_UDP, &other, &us, NULL, o.bytes, n);
    ck_assert_uint_eq(answer(&k, o.authenticator, &error), RAD_COA_ACK);
    ck_assert_ptr_nonnull(fake_session_revised(one, &times));
    ck_assert_uint_eq(times, 1);
    ck_assert_uint_eq(fake_counter(self, "coa-duplicates"), 1);
    end();
}
END_TEST

START_TEST(the_same_again_is_not_done_after_a_reload)
{
    begin();
    struct rad_out o;
    struct rad_key k = key("host");
    const char *const lines[] = { "User-Name=anna", "Session-Timeout=9", NULL };
    uint32_t n = request(&o, &k, RAD_COA_REQUEST, 5, 0, lines), times, error;
    fake_datagram(ADIT_PROTO_UDP, &server, &us, NULL, o.bytes, n);
    ck_assert_uint_eq(answer(&k, o.authenticator, &error), RAD_COA_ACK);
    struct rad_coa *fresh = rad_coa_new(self, &conf.coa, &conf.nas, 0);
    ck_assert_ptr_nonnull(fresh);
    rad_coa_stop(coa);
    rad_coa_inherit(fresh, coa);
    rad_coa_free(coa);
    coa = fresh;
    ck_assert_int_eq(rad_coa_start(coa), 0);
    fake_datagram(ADIT_PROTO_UDP, &server, &us, NULL, o.bytes, n);
    ck_assert_uint_eq(answer(&k, o.authenticator, &error), RAD_COA_ACK);
    ck_assert_ptr_nonnull(fake_session_revised(one, &times));
    ck_assert_uint_eq(times, 1);
    ck_assert_uint_eq(fake_counter(self, "coa-duplicates"), 1);
    end();
}
END_TEST

START_TEST(memory_of_answers_is_bounded)
{
    begin();
    struct rad_out o;
    struct rad_key k = key("host");
    for (uint32_t i = 0; i < 6000; i++) {
        char line[64];
        const char *const lines[] = { "User-Name=nobody", line, NULL };
        snprintf(line, sizeof line, "Session-Timeout=%u", i + 1);
        uint32_t n = request(&o, &k, RAD_COA_REQUEST, (uint8_t)i, 0, lines);
        fake_datagram(ADIT_PROTO_UDP, &server, &us, NULL, o.bytes, n);
        fake_sent_drop();
    }
    ck_assert_uint_eq(fake_counter(self, "coa-refused"), 6000);
    end();
}
END_TEST

START_TEST(it_may_be_off_and_must_make_sense)
{
    begin();
    ck_assert_ptr_nonnull(strstr(fake_status(self), "\"listening\": true"));
    fake_inst_free(self);
    conf.coa.listen = (struct adit_addr){ 0 };
    self = fake_inst_conf(&face, &conf);
    ck_assert_ptr_nonnull(self);
    ck_assert(!fake_bound(ADIT_PROTO_UDP, &us));
    fake_inst_free(self);
    conf.coa.listen.port = 3799;
    conf.coa.clients.count = 0;
    ck_assert_ptr_null(fake_inst_conf(&face, &conf));
    ck_assert_ptr_nonnull(strstr(fake_last_error(), "coa.clients"));
    fake_end();
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        a_session_is_ended, all_that_fit_are_ended, a_session_is_changed, rates_and_filters,
        each_error_has_its_cause, an_attribute_without_sense, state_and_proxy_state_come_back_in_order,
        others_get_no_answer, old_and_early_ones_get_no_answer,
        the_same_again_is_answered_the_same_and_not_done, the_same_again_is_not_done_whoever_seems_to_send_it,
        the_same_again_is_not_done_after_a_reload, memory_of_answers_is_bounded,
        it_may_be_off_and_must_make_sense, NULL,
    };
    return unit_suite("rad_coa", tests);
}

UNIT_MAIN(suite)
