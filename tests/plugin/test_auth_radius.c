/* test_auth_radius.c - auth-radius against the fake host and a scripted server: each
 * method, each verdict, answers that are forged, late, twice, cut, or of another secret. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "rad_bench.h"
#include "core/crypto/crypto.h"
#include "../unit/unit.h"

#define SECRET "s3cret"

static struct adit_self *self;
static const struct adit_host *h;
static struct rad_key key;

static const char one[] = "servers: [{ host: 10.0.1.1, secret: " SECRET " }]\nnas: { identifier: gate }\n";

static void start(const char *yaml)
{
    self = fake_inst(fake_face("auth", "radius"), yaml);
    ck_assert_msg(self != NULL, "%s", fake_last_error());
    h = self->host;
    key = (struct rad_key){ h->crypto, (const uint8_t *)SECRET, strlen(SECRET) };
}

static void end(void)
{
    fake_inst_free(self);
    fake_end();
}

/* ---- the server ---------------------------------------------------------------------- */

/* A request as the server has it. */
struct request {
    struct rad_in in;
    struct adit_addr from, to;
    uint8_t bytes[RAD_MAX];
};

static void reply(const struct request *q, struct rad_out *o)
{
    uint32_t n = rad_finish(o, q->in.id);
    ck_assert_uint_gt(n, 0);
    fake_datagram(ADIT_PROTO_UDP, &q->to, &q->from, NULL, o->bytes, n);
    fake_run();
}

static struct rad_out *to(const struct request *q, uint32_t code)
{
    static struct rad_out o;
    rad_begin_answer(&o, &key, code, q->in.authenticator);
    return &o;
}

/* The next Access-Request; Status-Server is answered on the way. */
static bool next(struct request *q)
{
    const struct fake_sent *s;
    fake_run();
    while ((s = fake_sent())) {
        memcpy(q->bytes, s->data, s->len);
        ck_assert(rad_open(&q->in, q->bytes, s->len));
        ck_assert_int_eq(rad_verify_request(&q->in, &key, RAD_MA_REQUIRED), RAD_OK);
        ck_assert_uint_eq(q->bytes[20], RAD_MESSAGE_AUTHENTICATOR);
        q->from = s->our;
        q->to = s->peer;
        if (q->in.code == RAD_ACCESS_REQUEST)
            return true;
        reply(q, to(q, RAD_ACCESS_ACCEPT));
    }
    return false;
}

static void salted(struct rad_out *o, uint32_t type, const uint8_t *value, uint32_t len)
{
    uint8_t v[64] = { 0x80, 0x01, (uint8_t)len }, pad[16];
    uint32_t n = (len + 16) / 16 * 16;
    memcpy(v + 3, value, len);
    for (uint32_t i = 0; i < n; i += 16) {
        const struct adit_chunk first[] = { { SECRET, strlen(SECRET) }, { o->authenticator, 16 }, { v, 2 } };
        const struct adit_chunk later[] = { { SECRET, strlen(SECRET) }, { v + 2 + i - 16, 16 } };
        h->crypto->digest(ADIT_MD5, i ? later : first, i ? 2 : 3, pad);
        for (uint32_t k = 0; k < 16; k++)
            v[2 + i + k] ^= pad[k];
    }
    rad_put_vendor(o, RAD_VENDOR_MICROSOFT, type, v, 2 + n);
}

/* ---- the user ------------------------------------------------------------------------------ */

static struct adit_attrs *attrs;

static struct adit_auth_query query(uint32_t method, const char *user)
{
    const struct adit_addr peer = fake_addr("192.0.2.7:1701");
    const char *slash = strchr(user, '\\');
    attrs = h->attr->make();
    adit_attr_put_str(h, attrs, ADIT_ATTR_USER, user);
    adit_attr_put_str(h, attrs, ADIT_ATTR_ACCOUNT, slash ? slash + 1 : user);
    if (slash)
        adit_attr_put_str(h, attrs, ADIT_ATTR_DOMAIN, "CORP");
    adit_attr_put_str(h, attrs, ADIT_ATTR_SESSION, "s-1");
    adit_attr_put_str(h, attrs, ADIT_ATTR_PROTOCOL, "pptp");
    adit_attr_put_str(h, attrs, ADIT_ATTR_TUNNEL, "vpn");
    adit_attr_put_addr(h, attrs, ADIT_ATTR_PEER, &peer);
    adit_attr_put_u(h, attrs, ADIT_ATTR_METHOD, method);
    struct adit_auth_query q = { .size = sizeof q, .method = method, .attrs = attrs, .user = user, .id = 7 };
    return q;
}

static adit_request check(struct adit_auth_query *q)
{
    adit_request req = fake_ask(self);
    const struct adit_auth *vt = fake_face("auth", "radius")->vtable;
    vt->check(self, req, q);
    h->attr->free(attrs);       /* everything in the query is borrowed until here */
    attrs = NULL;
    return req;
}

static adit_request check_pap(const char *user)
{
    struct adit_auth_query q = query(ADIT_AUTH_PAP, user);
    q.password = (const uint8_t *)"password";
    q.password_len = 8;
    return check(&q);
}

static const struct adit_auth_answer *verdict(adit_request req, uint32_t want, uint32_t cause)
{
    int32_t status = -1;
    const struct adit_auth_answer *a = fake_answer(req, &status);
    ck_assert_ptr_nonnull(a);
    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(a->verdict, want);
    ck_assert_uint_eq(a->cause, cause);
    return a;
}

#define V_ACCEPT ADIT_VERDICT_ACCEPT, ADIT_CAUSE_NONE

static bool has(const struct request *q, uint32_t vendor, uint32_t type, const void *value, uint32_t len)
{
    struct rad_attr a;
    return rad_find(&q->in, vendor, type, &a) && a.len == len && memcmp(a.p, value, len) == 0;
}

static void put_ms_text(struct rad_out *o, uint32_t type, const char *text)
{
    char v[200];
    int n = snprintf(v, sizeof v, "%c%s", 7, text);
    rad_put_vendor(o, RAD_VENDOR_MICROSOFT, type, v, (uint32_t)n);
}

/* ---- methods ----------------------------------------------------------------------------------- */

START_TEST(pap)
{
    struct request q;
    start(one);
    adit_request req = check_pap("anna");
    ck_assert(next(&q));
    struct rad_attr a;
    uint8_t clear[16];
    ck_assert(has(&q, 0, RAD_USER_NAME, "anna", 4));
    ck_assert(rad_find(&q.in, 0, RAD_USER_PASSWORD, &a));
    ck_assert_int_eq(rad_unhide(&key, q.in.authenticator, a.p, a.len, clear, 16), 16);
    ck_assert_mem_eq(clear, "password\0\0\0\0\0\0\0\0", 16);
    ck_assert(has(&q, 0, RAD_SERVICE_TYPE, "\0\0\0\2", 4));
    ck_assert(has(&q, 0, RAD_NAS_IDENTIFIER, "gate", 4));
    ck_assert(rad_find(&q.in, 0, RAD_NAS_IP_ADDRESS, &a));
    ck_assert(has(&q, 0, RAD_ACCT_SESSION_ID, "s-1", 3));
    struct rad_out *o = to(&q, RAD_ACCESS_ACCEPT);
    rad_put_u32(o, RAD_SESSION_TIMEOUT, 60);
    rad_put_str(o, RAD_REPLY_MESSAGE, "Hello");
    reply(&q, o);
    const struct adit_auth_answer *got = verdict(req, V_ACCEPT);
    ck_assert_str_eq(got->message, "Hello");
    ck_assert_uint_eq(adit_attr_u(h, got->attrs, ADIT_ATTR_SESSION_TIMEOUT), 60000);
    ck_assert_uint_eq(adit_attr_u(h, got->attrs, ADIT_ATTR_DIALIN), ADIT_DIALIN_ALLOW);
    ck_assert_uint_eq(got->key_len, 0);
    ck_assert_uint_eq(fake_counter(self, "accepted"), 1);

    req = check_pap("anna");
    ck_assert(next(&q));
    o = to(&q, RAD_ACCESS_REJECT);
    rad_put_str(o, RAD_REPLY_MESSAGE, "Come back tomorrow");
    reply(&q, o);
    got = verdict(req, ADIT_VERDICT_REJECT, ADIT_CAUSE_AUTH_FAILED);
    ck_assert_str_eq(got->message, "Come back tomorrow");
    end();
}
END_TEST

START_TEST(pap_of_any_length)
{
    struct request q;
    static uint8_t password[200];
    start(one);
    for (uint32_t len = 0; len <= 130; len += 13) {
        struct adit_auth_query x = query(ADIT_AUTH_PAP, "anna");
        memset(password, 'p', sizeof password);
        x.password = len ? password : NULL;
        x.password_len = len;
        adit_request req = check(&x);
        if (len > 128) {
            verdict(req, ADIT_VERDICT_REJECT, ADIT_CAUSE_AUTH_FAILED);
            continue;
        }
        ck_assert(next(&q));
        reply(&q, to(&q, RAD_ACCESS_ACCEPT));
        verdict(req, V_ACCEPT);
    }
    end();
}
END_TEST

START_TEST(chap)
{
    static const uint32_t methods[] = { ADIT_AUTH_CHAP, ADIT_AUTH_EAP_MD5 };
    uint8_t challenge[20] = "challenge", response[16] = "response";
    struct request q;
    start(one);
    for (int i = 0; i < 2; i++) {
        struct adit_auth_query x = query(methods[i], "anna");
        x.challenge = challenge, x.challenge_len = sizeof challenge;
        x.response = response, x.response_len = 16;
        adit_request req = check(&x);
        ck_assert(next(&q));
        uint8_t want[17] = { 7 };
        memcpy(want + 1, response, 16);
        ck_assert(has(&q, 0, RAD_CHAP_PASSWORD, want, 17));
        ck_assert(has(&q, 0, RAD_CHAP_CHALLENGE, challenge, 20));
        reply(&q, to(&q, RAD_ACCESS_ACCEPT));
        verdict(req, V_ACCEPT);
    }
    struct adit_auth_query x = query(ADIT_AUTH_CHAP, "anna");
    x.response = response, x.response_len = 15, x.challenge = challenge, x.challenge_len = 20;
    verdict(check(&x), ADIT_VERDICT_REJECT, ADIT_CAUSE_AUTH_FAILED);
    end();
}
END_TEST

/* Keys as the accounts of this host would make them. */
START_TEST(mschapv1)
{
    uint8_t challenge[8] = "chalenge", response[49] = { 0 }, nt[16], hh[16], lm[16], want[16];
    struct request q;
    start(one);
    nt_password_hash("password", 8, nt);
    hash_nt_password_hash(nt, hh);
    lm_password_hash("password", 8, lm);
    challenge_response(challenge, nt, response + 24);
    response[48] = 1;
    struct adit_auth_query x = query(ADIT_AUTH_MSCHAPV1, "anna");
    x.challenge = challenge, x.challenge_len = 8, x.response = response, x.response_len = 49;
    adit_request req = check(&x);
    ck_assert(next(&q));
    uint8_t v[50] = { 7, 1 };
    memcpy(v + 2, response, 48);
    ck_assert(has(&q, 311, RAD_MS_CHAP_RESPONSE, v, 50));
    ck_assert(has(&q, 311, RAD_MS_CHAP_CHALLENGE, challenge, 8));
    struct rad_out *o = to(&q, RAD_ACCESS_ACCEPT);
    uint8_t keys[32] = { 0 }, pad[16];
    memcpy(keys, lm, 8);
    memcpy(keys + 8, hh, 16);
    for (uint32_t i = 0; i < 32; i += 16) {
        const struct adit_chunk c[] = { { SECRET, strlen(SECRET) }, { i ? keys : q.in.authenticator, 16 } };
        h->crypto->digest(ADIT_MD5, c, 2, pad);
        for (uint32_t k = 0; k < 16; k++)
            keys[i + k] ^= pad[k];
    }
    rad_put_vendor(o, RAD_VENDOR_MICROSOFT, RAD_MS_CHAP_MPPE_KEYS, keys, 32);
    reply(&q, o);
    const struct adit_auth_answer *got = verdict(req, V_ACCEPT);
    mppe_start_key_v1_128(hh, challenge, want);
    ck_assert_uint_eq(got->key_len, 16);
    ck_assert_mem_eq(got->send_key, want, 16);
    ck_assert_mem_eq(got->recv_key, want, 16);
    ck_assert_mem_eq(got->lm_key, lm, 8);
    end();
}
END_TEST

static struct adit_auth_query query_v2(uint32_t method, const char *user)
{
    static uint8_t challenge[16] = "sixteen octets!!", response[49] = "peer challenge..";
    struct adit_auth_query x = query(method, user);
    memset(response + 24, 'r', 24);
    x.challenge = challenge, x.challenge_len = 16, x.response = response, x.response_len = 49;
    return x;
}

#define PROOF "S=000102030405060708090A0B0C0D0E0F10111213"

START_TEST(mschapv2)
{
    static const uint32_t methods[] = { ADIT_AUTH_MSCHAPV2, ADIT_AUTH_EAP_MSCHAPV2 };
    uint8_t ours[16], theirs[16];
    struct request q;
    start(one);
    memset(ours, 0x11, 16);
    memset(theirs, 0x22, 16);
    for (int i = 0; i < 2; i++) {
        struct adit_auth_query x = query_v2(methods[i], "CORP\\anna");
        uint8_t v[50] = { 7, 0 };
        memcpy(v + 2, x.response, 48);
        adit_request req = check(&x);
        ck_assert(next(&q));
        ck_assert(has(&q, 0, RAD_USER_NAME, "CORP\\anna", 9));
        ck_assert(has(&q, 311, RAD_MS_CHAP2_RESPONSE, v, 50));
        ck_assert(has(&q, 311, RAD_MS_CHAP_CHALLENGE, "sixteen octets!!", 16));
        struct rad_out *o = to(&q, RAD_ACCESS_ACCEPT);
        put_ms_text(o, RAD_MS_CHAP2_SUCCESS, PROOF " M=Welcome");
        salted(o, RAD_MS_MPPE_SEND_KEY, ours, 16);
        salted(o, RAD_MS_MPPE_RECV_KEY, theirs, 16);
        rad_put_vendor(o, 311, RAD_MS_MPPE_ENCRYPTION_POLICY, "\0\0\0\2", 4);
        rad_put_vendor(o, 311, RAD_MS_MPPE_ENCRYPTION_TYPES, "\0\0\0\4", 4);
        reply(&q, o);
        const struct adit_auth_answer *got = verdict(req, V_ACCEPT);
        ck_assert_uint_eq(got->key_len, 16);
        ck_assert_mem_eq(got->send_key, ours, 16);
        ck_assert_mem_eq(got->recv_key, theirs, 16);
        for (uint8_t k = 0; k < 20; k++)
            ck_assert_uint_eq(got->authenticator_response[k], k);
        ck_assert_uint_eq(adit_attr_u(h, got->attrs, ADIT_ATTR_ENCRYPTION), ADIT_ENC_128);
    }
    end();
}
END_TEST

/* IPsec encrypts: what is said of MPPE is not for such a call. */
START_TEST(mppe_and_ipsec)
{
    const struct adit_value yes = { ADIT_TYPE_BOOL, 0, { .u = 1 } };
    struct request q;
    start(one);
    struct adit_auth_query x = query_v2(ADIT_AUTH_MSCHAPV2, "anna");
    h->attr->put(attrs, ADIT_ATTR_SECURED, &yes);
    adit_request req = check(&x);
    ck_assert(next(&q));
    struct rad_out *o = to(&q, RAD_ACCESS_ACCEPT);
    put_ms_text(o, RAD_MS_CHAP2_SUCCESS, PROOF);
    rad_put_vendor(o, 311, RAD_MS_MPPE_ENCRYPTION_POLICY, "\0\0\0\2", 4);
    reply(&q, o);
    ck_assert_uint_eq(adit_attr_u(h, verdict(req, V_ACCEPT)->attrs, ADIT_ATTR_ENCRYPTION), 0);
    end();
}
END_TEST

START_TEST(mschap_errors)
{
    static const struct { const char *text; uint32_t cause; const char *message; } t[] = {
        { "E=691 R=1 C=00112233445566778899AABBCCDDEEFF V=3 M=Authentication failed",
          ADIT_CAUSE_AUTH_FAILED, "Authentication failed" },
        { "E=646 R=0 V=3", ADIT_CAUSE_HOURS, NULL },
        { "E=647 R=0 V=3", ADIT_CAUSE_DISABLED, NULL },
        { "E=648 R=0 V=3 M=Your password is old", ADIT_CAUSE_PASSWORD_EXPIRED, "Your password is old" },
        { "E=649 R=0 V=3", ADIT_CAUSE_NO_PERMISSION, NULL },
        { "E=709 R=0 V=3", ADIT_CAUSE_AUTH_FAILED, NULL },
        { "E=1", ADIT_CAUSE_AUTH_FAILED, NULL },
        { "R=1 E=648", ADIT_CAUSE_PASSWORD_EXPIRED, NULL },
        { "nonsense", ADIT_CAUSE_AUTH_FAILED, NULL },
        { "E=", ADIT_CAUSE_AUTH_FAILED, NULL },
    };
    struct request q;
    start(one);
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct adit_auth_query x = query_v2(ADIT_AUTH_MSCHAPV2, "anna");
        adit_request req = check(&x);
        ck_assert(next(&q));
        struct rad_out *o = to(&q, RAD_ACCESS_REJECT);
        put_ms_text(o, RAD_MS_CHAP_ERROR, t[i].text);
        reply(&q, o);
        const struct adit_auth_answer *a = verdict(req, ADIT_VERDICT_REJECT, t[i].cause);
        if (t[i].message)
            ck_assert_str_eq(a->message, t[i].message);
        else
            ck_assert_ptr_null(a->message);
    }
    end();
}
END_TEST

/* The fields of RFC 2759 section 7 in the attributes of RFC 2548. */
START_TEST(change_of_password)
{
    static uint8_t block[516], hash[16];
    struct request q;
    start(one);
    for (uint32_t i = 0; i < sizeof block; i++)
        block[i] = (uint8_t)(i * 7);
    memset(hash, 0x5a, sizeof hash);
    struct adit_auth_query x = query_v2(ADIT_AUTH_CHANGE, "anna");
    x.encrypted_password = block, x.encrypted_hash = hash;
    adit_request req = check(&x);
    ck_assert(next(&q));
    uint8_t v[68] = { 7, 7 };
    memcpy(v + 2, hash, 16);
    memcpy(v + 18, x.response, 48);
    ck_assert(has(&q, 311, RAD_MS_CHAP2_CPW, v, 68));
    ck_assert(has(&q, 311, RAD_MS_CHAP_CHALLENGE, "sixteen octets!!", 16));
    uint8_t got[600];
    uint32_t n = 0, number = 0;
    for (struct rad_attr a = { 0 }; rad_next(&q.in, &a);)
        if (a.vendor == 311 && a.type == RAD_MS_CHAP_NT_ENC_PW) {
            ck_assert_uint_eq(a.p[0], 6);
            ck_assert_uint_eq(a.p[1], 7);
            ck_assert_uint_eq(a.p[3], ++number);
            memcpy(got + n, a.p + 4, a.len - 4);
            n += a.len - 4;
        }
    ck_assert_uint_eq(n, 516);
    ck_assert_mem_eq(got, block, 516);
    struct rad_out *o = to(&q, RAD_ACCESS_ACCEPT);
    put_ms_text(o, RAD_MS_CHAP2_SUCCESS, PROOF);
    reply(&q, o);
    verdict(req, V_ACCEPT);

    /* version 1 */
    x = query_v2(ADIT_AUTH_CHANGE, "anna");
    x.challenge_len = 8, x.encrypted_password = block, x.encrypted_hash = hash;
    req = check(&x);
    ck_assert(next(&q));
    uint8_t w[84] = { 6, 7 };
    memcpy(w + 2, hash, 16);
    memcpy(w + 34, x.response, 48);
    w[83] = 1;
    ck_assert(has(&q, 311, RAD_MS_CHAP_CPW_2, w, 84));
    o = to(&q, RAD_ACCESS_REJECT);
    put_ms_text(o, RAD_MS_CHAP_ERROR, "E=709 R=0");
    reply(&q, o);
    verdict(req, ADIT_VERDICT_REJECT, ADIT_CAUSE_AUTH_FAILED);

    x = query_v2(ADIT_AUTH_CHANGE, "anna");
    x.encrypted_hash = hash;
    verdict(check(&x), ADIT_VERDICT_REJECT, ADIT_CAUSE_AUTH_FAILED);
    end();
}
END_TEST

/* ---- EAP ------------------------------------------------------------------------------------------ */

static uint32_t eap_make(uint8_t *p, uint8_t code, uint8_t id, uint32_t len)
{
    for (uint32_t i = 4; i < len; i++)
        p[i] = (uint8_t)i;
    p[0] = code, p[1] = id, p[2] = (uint8_t)(len >> 8), p[3] = (uint8_t)len;
    return len;
}

START_TEST(eap)
{
    static const char two[] = "servers:\n  - { name: a, host: 10.0.1.1, secret: " SECRET " }\n"
                              "  - { name: b, host: 10.0.1.2, secret: " SECRET " }\n";
    uint8_t packet[1400], got[1400], first[16], second[16];
    struct request q;
    start(two);
    struct adit_auth_query x = query(ADIT_AUTH_EAP_RELAY, "CORP\\anna");
    x.eap = packet, x.eap_len = eap_make(packet, 2, 1, 14);
    adit_request req = check(&x);
    ck_assert(next(&q));
    ck_assert(has(&q, 0, RAD_EAP_MESSAGE, packet, 14));
    ck_assert(has(&q, 0, RAD_USER_NAME, "CORP\\anna", 9));
    ck_assert(has(&q, 0, RAD_FRAMED_MTU, "\0\0\5\x14", 4));
    struct rad_attr a;
    ck_assert(!rad_find(&q.in, 0, RAD_STATE, &a));
    struct adit_addr server = q.to;
    struct rad_out *o = to(&q, RAD_ACCESS_CHALLENGE);
    rad_put(o, RAD_STATE, "\0state\xff", 7);
    rad_put_u32(o, RAD_SESSION_TIMEOUT, 30);
    rad_put_long(o, RAD_EAP_MESSAGE, packet, eap_make(packet, 1, 2, 1000));     /* four fragments */
    reply(&q, o);
    const struct adit_auth_answer *c = verdict(req, ADIT_VERDICT_CHALLENGE, 0);
    ck_assert_uint_eq(c->eap_len, 1000);
    ck_assert_mem_eq(c->eap, packet, 1000);
    ck_assert_uint_eq(c->wait_ms, 30000);

    x = query(ADIT_AUTH_EAP_RELAY, "CORP\\anna");
    x.eap = packet, x.eap_len = eap_make(packet, 2, 2, 1290);
    x.state = c->state, x.state_len = c->state_len;
    req = check(&x);
    ck_assert(next(&q));
    ck_assert(has(&q, 0, RAD_STATE, "\0state\xff", 7));
    ck_assert_uint_eq(rad_gather(&q.in, RAD_EAP_MESSAGE, got, sizeof got), 1290);
    ck_assert_mem_eq(got, packet, 1290);
    ck_assert_mem_eq(&q.to, &server, sizeof server);    /* State means nothing to the other */
    o = to(&q, RAD_ACCESS_ACCEPT);
    memset(first, 1, 16);
    memset(second, 2, 16);
    salted(o, RAD_MS_MPPE_SEND_KEY, first, 16);
    salted(o, RAD_MS_MPPE_RECV_KEY, second, 16);
    rad_put_long(o, RAD_EAP_MESSAGE, packet, eap_make(packet, 3, 3, 4));
    reply(&q, o);
    c = verdict(req, V_ACCEPT);
    ck_assert_uint_eq(c->eap_len, 4);
    ck_assert_uint_eq(c->eap[0], 3);
    ck_assert_mem_eq(c->send_key, first, 16);
    ck_assert_mem_eq(c->recv_key, second, 16);
    ck_assert_uint_eq(fake_counter(self, "challenged"), 1);

    x = query(ADIT_AUTH_EAP_RELAY, "anna");
    x.eap = packet, x.eap_len = eap_make(packet, 2, 1, 9);
    req = check(&x);
    ck_assert(next(&q));
    o = to(&q, RAD_ACCESS_REJECT);
    rad_put_long(o, RAD_EAP_MESSAGE, packet, eap_make(packet, 4, 1, 4));
    reply(&q, o);
    c = verdict(req, ADIT_VERDICT_REJECT, ADIT_CAUSE_AUTH_FAILED);
    ck_assert_uint_eq(c->eap[0], 4);
    end();
}
END_TEST

/* Keys of 32 octets, as EAP-TLS makes them; and keys that are none. */
START_TEST(keys)
{
    uint8_t packet[16], k[32];
    struct request q;
    start(one);
    memset(k, 9, sizeof k);
    for (int i = 0; i < 5; i++) {
        struct adit_auth_query x = query(ADIT_AUTH_EAP_RELAY, "anna");
        x.eap = packet, x.eap_len = eap_make(packet, 2, 1, 9);
        adit_request req = check(&x);
        ck_assert(next(&q));
        struct rad_out *o = to(&q, RAD_ACCESS_ACCEPT);
        if (i == 0)
            salted(o, RAD_MS_MPPE_SEND_KEY, k, 32);
        else if (i == 1)
            salted(o, RAD_MS_MPPE_SEND_KEY, k, 7);
        else if (i == 2)
            rad_put_vendor(o, 311, RAD_MS_MPPE_SEND_KEY, k, 17);
        else if (i == 3)
            rad_put_vendor(o, 311, RAD_MS_MPPE_SEND_KEY, k, 1);
        salted(o, RAD_MS_MPPE_RECV_KEY, k, 32);
        reply(&q, o);
        const struct adit_auth_answer *a = verdict(req, V_ACCEPT);
        ck_assert_uint_eq(a->key_len, i == 0 ? 32 : 0);
        if (i == 0)
            ck_assert_mem_eq(a->recv_key, k, 32);
    }
    end();
}
END_TEST

/* ---- answers that help nobody ------------------------------------------------------------------------- */

START_TEST(useless_answers)
{
    struct request q;
    start(one);
    /* a proof is due */
    for (int i = 0; i < 3; i++) {
        struct adit_auth_query x = query_v2(ADIT_AUTH_MSCHAPV2, "anna");
        adit_request req = check(&x);
        ck_assert(next(&q));
        struct rad_out *o = to(&q, RAD_ACCESS_ACCEPT);
        if (i)
            put_ms_text(o, RAD_MS_CHAP2_SUCCESS, i == 1 ? "S=00" : "S=0001020304050607080x0A0B0C0D0E0F10111213");
        reply(&q, o);
        ck_assert_ptr_nonnull(verdict(req, ADIT_VERDICT_REJECT, ADIT_CAUSE_AUTH_UNAVAILABLE)->message);
    }
    ck_assert_uint_eq(fake_event_count("radius.answer.useless"), 3);
    /* a service that this is not (RFC 2865 section 5.6) */
    adit_request req = check_pap("anna");
    ck_assert(next(&q));
    struct rad_out *o = to(&q, RAD_ACCESS_ACCEPT);
    rad_put_u32(o, RAD_SERVICE_TYPE, RAD_SERVICE_LOGIN);
    reply(&q, o);
    ck_assert_str_eq(verdict(req, ADIT_VERDICT_REJECT, ADIT_CAUSE_CONFLICT)->message,
                     "The RADIUS server grants a service that this is not: Service-Type = Login-User.");
    /* a challenge without EAP, and EAP without a packet */
    req = check_pap("anna");
    ck_assert(next(&q));
    reply(&q, to(&q, RAD_ACCESS_CHALLENGE));
    verdict(req, ADIT_VERDICT_REJECT, ADIT_CAUSE_AUTH_UNAVAILABLE);
    uint8_t packet[16];
    struct adit_auth_query x = query(ADIT_AUTH_EAP_RELAY, "anna");
    x.eap = packet, x.eap_len = eap_make(packet, 2, 1, 9);
    req = check(&x);
    ck_assert(next(&q));
    reply(&q, to(&q, RAD_ACCESS_CHALLENGE));
    verdict(req, ADIT_VERDICT_REJECT, ADIT_CAUSE_AUTH_UNAVAILABLE);
    ck_assert_uint_eq(fake_counter(self, "useless-answers"), 6);
    /* a state that is none: asked without */
    x = query(ADIT_AUTH_EAP_RELAY, "anna");
    x.eap = packet, x.eap_len = 9, x.state = (const uint8_t *)"\xff" "x", x.state_len = 2;
    req = check(&x);
    ck_assert(next(&q));
    struct rad_attr a;
    ck_assert(!rad_find(&q.in, 0, RAD_STATE, &a));
    reply(&q, to(&q, RAD_ACCESS_REJECT));
    verdict(req, ADIT_VERDICT_REJECT, ADIT_CAUSE_AUTH_FAILED);
    end();
}
END_TEST

/* Nothing of these is believed; the right answer that comes after them is. */
START_TEST(forged_answers)
{
    static const struct rad_key other_keys[] = { { NULL, (const uint8_t *)"other", 5 } };
    struct request q;
    start(one);
    adit_request req = check_pap("anna");
    ck_assert(next(&q));
    /* another secret */
    struct rad_key other = other_keys[0];
    other.crypto = h->crypto;
    static struct rad_out o;
    rad_begin_answer(&o, &other, RAD_ACCESS_ACCEPT, q.in.authenticator);
    reply(&q, &o);
    ck_assert(!fake_answered(req));
    /* signed rightly, without Message-Authenticator (Blast-RADIUS) */
    rad_begin_answer(&o, &key, RAD_ACCOUNTING_RESPONSE, q.in.authenticator);
    o.code = RAD_ACCESS_ACCEPT;
    reply(&q, &o);
    ck_assert(!fake_answered(req));
    /* every truncation, and one bit wrong */
    struct rad_out *good = to(&q, RAD_ACCESS_ACCEPT);
    rad_put_u32(good, RAD_SESSION_TIMEOUT, 60);
    uint32_t n = rad_finish(good, q.in.id);
    for (uint32_t len = 0; len < n; len++)
        fake_datagram(ADIT_PROTO_UDP, &q.to, &q.from, NULL, good->bytes, len);
    good->bytes[n - 1] ^= 1;
    fake_datagram(ADIT_PROTO_UDP, &q.to, &q.from, NULL, good->bytes, n);
    /* from elsewhere */
    good->bytes[n - 1] ^= 1;
    const struct adit_addr elsewhere = fake_addr("10.0.1.9:1812");
    fake_datagram(ADIT_PROTO_UDP, &elsewhere, &q.from, NULL, good->bytes, n);
    fake_run();
    ck_assert(!fake_answered(req));
    fake_datagram(ADIT_PROTO_UDP, &q.to, &q.from, NULL, good->bytes, n);
    fake_datagram(ADIT_PROTO_UDP, &q.to, &q.from, NULL, good->bytes, n);       /* twice */
    fake_run();
    verdict(req, V_ACCEPT);
    end();
}
END_TEST

/* Silence: the next authenticator is asked; what comes later hurts nobody. */
START_TEST(silence)
{
    struct request q;
    start("servers: [{ host: 10.0.1.1, secret: " SECRET ", timeout: 1s, tries: 2 }]\nlimit: 5s\n");
    adit_request req = check_pap("anna");
    ck_assert(next(&q));
    fake_advance(20000);
    verdict(req, ADIT_VERDICT_ERROR, ADIT_CAUSE_RADIUS_SILENT);
    ck_assert_uint_eq(fake_counter(self, "logins-unanswered"), 1);
    ck_assert_uint_eq(fake_event_count("radius.unanswered"), 1);
    reply(&q, to(&q, RAD_ACCESS_ACCEPT));
    end();
}
END_TEST

START_TEST(cancelled)
{
    struct request q;
    start(one);
    adit_request req = check_pap("anna"), kept = check_pap("berta");
    ck_assert(next(&q));
    fake_cancel(self, req);
    ck_assert(fake_answered(req));
    reply(&q, to(&q, RAD_ACCESS_ACCEPT));
    ck_assert(next(&q));
    reply(&q, to(&q, RAD_ACCESS_ACCEPT));
    verdict(kept, V_ACCEPT);
    req = check_pap("carla");
    end();                      /* answered at the end, whatever it waits for */
}
END_TEST

/* ---- configuration ------------------------------------------------------------------------------------- */

START_TEST(domains_and_names)
{
    struct request q;
    start("servers: [{ host: 10.0.1.1, secret: " SECRET " }]\ndomains: [corp]\ngrants: no\n"
          "nas: { strip-domain: yes, send: [\"Called-Station-Id=site-a\", \"NAS-Port-Type=Ethernet\"] }\n");
    adit_request req = check_pap("CORP\\anna");
    ck_assert(next(&q));
    ck_assert(has(&q, 0, RAD_USER_NAME, "anna", 4));
    ck_assert(has(&q, 0, RAD_CALLED_STATION_ID, "site-a", 6));
    ck_assert(has(&q, 0, RAD_NAS_PORT_TYPE, "\0\0\0\x0f", 4));
    reply(&q, to(&q, RAD_ACCESS_ACCEPT));
    ck_assert_ptr_null(h->attr->get(verdict(req, V_ACCEPT)->attrs, ADIT_ATTR_DIALIN, 0));
    req = check_pap("anna");            /* without a domain: ours */
    ck_assert(next(&q));
    reply(&q, to(&q, RAD_ACCESS_ACCEPT));
    verdict(req, V_ACCEPT);
    struct adit_auth_query x = query(ADIT_AUTH_PAP, "OTHER\\anna");
    h->attr->del(attrs, ADIT_ATTR_DOMAIN);
    adit_attr_put_str(h, attrs, ADIT_ATTR_DOMAIN, "OTHER");
    verdict(check(&x), ADIT_VERDICT_NEXT, ADIT_CAUSE_UNKNOWN_USER);
    ck_assert_uint_eq(fake_counter(self, "foreign"), 1);
    end();
}
END_TEST

START_TEST(too_many)
{
    struct request q;
    start("servers: [{ host: 10.0.1.1, secret: " SECRET " }]\nin-flight: 2\n");
    adit_request a = check_pap("a"), b = check_pap("b"), c = check_pap("c");
    verdict(c, ADIT_VERDICT_ERROR, ADIT_CAUSE_AUTH_UNAVAILABLE);
    ck_assert_uint_eq(fake_event_count("radius.busy"), 1);
    while (next(&q))
        reply(&q, to(&q, RAD_ACCESS_ACCEPT));
    verdict(a, V_ACCEPT);
    verdict(b, V_ACCEPT);
    end();
}
END_TEST

START_TEST(wrong_configurations)
{
    static const struct { const char *yaml, *says; } t[] = {
        { "", "servers" }, { "servers: []\n", "servers" },
        { "servers: [{ host: 10.0.1.1 }]\n", "secret" },
        { "servers: [{ host: 10.0.1.1, secret: \"\" }]\n", "secret" },
        { "servers: [{ host: 10.0.1.1, secret: x, secret-file: /x }]\n", "secret" },
        { "servers: [{ host: 10.0.1.1, secret-file: /nowhere/at/all }]\n", "secret-file" },
        { "servers: [{ secret: x }]\n", "host" },
        { "servers: [{ host: 10.0.1.1, secret: x, auth-port: 0 }]\n", "authentication" },
        { "servers: [{ host: 10.0.1.1, secret: x, auth-port: 70000 }]\n", "auth-port" },
        { "servers: [{ host: 10.0.1.1, secret: x, transport: sctp }]\n", "transport" },
        { "servers: [{ host: 10.0.1.1, secret: x }]\nnas: { send: [\"x\"] }\n", "Attribute=value" },
        { "servers: [{ host: 10.0.1.1, secret: x }]\nnas: { send: [\"No-Such=1\"] }\n", "No-Such" },
        { "servers: [{ host: 10.0.1.1, secret: x }]\nnas: { send: [\"User-Name=x\"] }\n", "User-Name" },
        { "servers: [{ host: 10.0.1.1, secret: x }]\nnas: { send: [\"MS-CHAP2-Response=x\"] }\n", "MS-CHAP2" },
        { "servers: [{ host: 10.0.1.1, secret: x }]\nlimit: 0s\n", "limit" },
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        ck_assert_msg(!fake_inst(fake_face("auth", "radius"), t[i].yaml), "%s", t[i].yaml);
        ck_assert_msg(strstr(fake_last_error(), t[i].says), "%s: %s", t[i].yaml, fake_last_error());
    }
    fake_end();
}
END_TEST

START_TEST(reloaded)
{
    struct request q;
    start(one);
    adit_request req = check_pap("anna");
    ck_assert(next(&q));
    ck_assert_int_eq(fake_reload(self, "servers: [{ host: 10.0.1.1, secret: " SECRET " }]\n"
                                 "nas: { send: [\"x\"] }\n"), ADIT_ECONF);
    reply(&q, to(&q, RAD_ACCESS_ACCEPT));
    verdict(req, V_ACCEPT);
    req = check_pap("berta");
    ck_assert(next(&q));
    /* the server is another one: what was under way is asked there */
    ck_assert_int_eq(fake_reload(self, "servers: [{ host: 10.0.1.2, secret: " SECRET " }]\nnas: { identifier: new }\n"), 0);
    ck_assert(next(&q));
    const struct adit_addr there = fake_addr("10.0.1.2:1812");
    ck_assert_mem_eq(&q.to, &there, sizeof there);
    reply(&q, to(&q, RAD_ACCESS_ACCEPT));
    verdict(req, V_ACCEPT);
    req = check_pap("carla");
    ck_assert(next(&q));
    ck_assert(has(&q, 0, RAD_NAS_IDENTIFIER, "new", 3));
    reply(&q, to(&q, RAD_ACCESS_ACCEPT));
    verdict(req, V_ACCEPT);
    ck_assert_ptr_nonnull(strstr(fake_status(self), "10.0.1.2"));
    ck_assert_ptr_null(strstr(fake_status(self), SECRET));
    end();
}
END_TEST

/* The CoA port goes with the configuration, and a port that stays is no conflict. */
START_TEST(coa_port)
{
    static const char coa[] = "servers: [{ host: 10.0.1.1, secret: x }]\n"
        "coa: { listen: \"10.0.0.1:3799\", clients: [{ network: 10.0.1.0/24, secret: y }] }\n";
    const struct adit_addr at = fake_addr("10.0.0.1:3799");
    start(coa);
    ck_assert(fake_bound(ADIT_PROTO_UDP, &at));
    ck_assert_int_eq(fake_reload(self, "servers: [{ host: 10.0.1.1, secret: x }]\n"
        "coa: { listen: \"10.0.0.1:3799\", clients: [{ network: 10.0.2.0/24, secret: y }] }\n"), 0);
    ck_assert(fake_bound(ADIT_PROTO_UDP, &at));
    ck_assert_int_eq(fake_reload(self, "servers: [{ host: 10.0.1.1, secret: x }]\n"
        "coa: { listen: \"10.0.0.1:3799\" }\n"), ADIT_ECONF);
    ck_assert(fake_bound(ADIT_PROTO_UDP, &at));
    ck_assert_int_eq(fake_reload(self, "servers: [{ host: 10.0.1.1, secret: x }]\n"), 0);
    ck_assert(!fake_bound(ADIT_PROTO_UDP, &at));
    end();
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = { pap, pap_of_any_length, chap, mschapv1, mschapv2, mppe_and_ipsec,
        mschap_errors, change_of_password, eap, keys, useless_answers, forged_answers, silence,
        cancelled, domains_and_names, too_many, wrong_configurations, reloaded, coa_port, NULL };
    return unit_suite("auth_radius", tests);
}

UNIT_MAIN(suite)
