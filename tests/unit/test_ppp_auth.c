/* test_ppp_auth.c - the authentication half against itself, in virtual time,
 * over a wire that loses and doubles; and against packets made by hand. */
#include <adit/bytes.h>
#include "crypto/crypto.h"
#include "hex.h"
#include "ppp/ppp_auth.h"
#include "tls_ctx.h"
#include "unit.h"

#define EAP_ALL (ADIT_AUTH_EAP_MD5 | ADIT_AUTH_EAP_MSCHAPV2 | ADIT_AUTH_EAP_TLS)

/* ---- a world of two ends, a wire and a clock ------------------------------------------ */

struct world;

struct end {
    struct world *w;
    struct end *other;
    struct ppp_auth *a;
    uint64_t at;                        /* of its timer */
    uint32_t asked, ok, our_ok, over, cause;
    uint32_t method, our_method;
    char user[256], text[256];
    struct adit_auth_answer keys, our_keys;
    bool free_in_callback;
    /* its authenticator */
    const char *account, *password;     /* NULL account: anyone */
    uint32_t refuse;                    /* ADIT_CAUSE_* instead of judging; 0 */
    bool silent;                        /* no answer at all */
    uint64_t answer_at;                 /* UINT64_MAX none */
    struct adit_auth_answer answer;
    char new_password[256];
    uint8_t last_challenge[16];
    uint32_t queries[10];               /* by bit of the method */
    /* relay */
    uint32_t round;
    uint8_t relay_challenge[16], packet[300];
};

struct packet {
    struct end *to;
    uint64_t at;
    uint16_t proto;
    size_t len;
    uint8_t data[1600];
};

struct world {
    uint64_t now;
    uint32_t seed, loss, dup;           /* per cent */
    uint64_t answer_ms;                 /* 0: at once, inside the query */
    struct end srv, cli;
    struct packet wire[64];
    size_t count;
    struct packet log[64];              /* everything that was sent */
    size_t logged;
    uint64_t network_at;
};

static uint32_t chance(struct world *w)
{
    w->seed = w->seed * 1664525 + 1013904223;
    return (w->seed >> 16) % 100;
}

static uint64_t op_now(void *u) { return ((struct end *)u)->w->now; }

static void op_random(void *u, void *out, uint32_t len)
{
    struct world *w = ((struct end *)u)->w;
    for (uint32_t i = 0; i < len; i++) {
        w->seed = w->seed * 1664525 + 1013904223;
        ((uint8_t *)out)[i] = (uint8_t)(w->seed >> 24);
    }
}

static void op_timer(void *u, uint64_t ms)
{
    struct end *e = u;
    e->at = ms == UINT64_MAX ? UINT64_MAX : e->w->now + ms;
}

static void op_tx(void *u, uint16_t proto, const uint8_t *data, size_t len)
{
    struct end *e = u;
    struct world *w = e->w;
    ck_assert(!e->over);
    ck_assert_uint_le(len, 1500);
    ck_assert_uint_ge(len, 4);
    ck_assert_uint_eq((size_t)(data[2] << 8 | data[3]), len);
    struct packet p = { .to = e->other, .at = w->now + 10, .proto = proto, .len = len };
    memcpy(p.data, data, len);
    if (w->logged < 64)
        w->log[w->logged++] = p;
    if (!e->other || !e->other->a)
        return;
    for (uint32_t copies = chance(w) < w->dup ? 2 : 1; copies; copies--)
        if (chance(w) >= w->loss && w->count < 64)
            w->wire[w->count++] = p;
}

static void give_answer(struct end *e)
{
    e->answer_at = UINT64_MAX;
    ppp_auth_answer_take(e->a, &e->answer);
}

/* A RADIUS server of sorts: an MD5 challenge in EAP. */
static void relay(struct end *e, const struct adit_auth_query *q)
{
    static const uint8_t state[] = "round one";
    struct adit_auth_answer *a = &e->answer;
    if (e->round++ == 0) {
        ck_assert_uint_eq(q->state_len, 0);
        ck_assert_uint_eq(q->eap[4], 1);
        struct wr w = wr_of(e->packet, sizeof e->packet);
        op_random(e, e->relay_challenge, 16);
        wr_u8(&w, 1);
        wr_u8(&w, 200);
        wr_u16(&w, 22);
        wr_u8(&w, 4);
        wr_u8(&w, 16);
        wr_bytes(&w, e->relay_challenge, 16);
        a->verdict = ADIT_VERDICT_CHALLENGE;
        a->eap = e->packet;
        a->eap_len = 22;
        a->state = state;
        a->state_len = sizeof state;
        return;
    }
    ck_assert_uint_eq(q->state_len, sizeof state);
    ck_assert_mem_eq(q->state, state, sizeof state);
    ck_assert_uint_eq(q->eap_len, 22);
    struct adit_secret_view s = { sizeof s, (uint32_t)strlen(e->password), e->password, NULL };
    struct adit_auth_query md5 = { .size = sizeof md5, .method = ADIT_AUTH_EAP_MD5, .id = q->eap[1],
        .challenge = e->relay_challenge, .challenge_len = 16, .response = q->eap + 6, .response_len = 16 };
    crypto_judge_api.judge(&md5, &s, a);
    e->packet[0] = a->verdict == ADIT_VERDICT_ACCEPT ? 3 : 4;
    e->packet[1] = q->eap[1];
    e->packet[2] = 0;
    e->packet[3] = 4;
    a->eap = e->packet;
    a->eap_len = 4;
}

static void op_query(void *u, const struct adit_auth_query *q)
{
    struct end *e = u;
    struct adit_auth_answer *a = &e->answer;
    ck_assert(!e->over);
    ck_assert_ptr_null(q->attrs);
    e->asked++;
    e->queries[__builtin_ctz(q->method)]++;
    snprintf(e->user, sizeof e->user, "%s", q->user);
    *a = (struct adit_auth_answer){ .size = sizeof *a };
    if (q->challenge_len <= 16 && q->challenge)
        memcpy(e->last_challenge, q->challenge, q->challenge_len);
    if (e->silent)
        return;
    if (q->method == ADIT_AUTH_EAP_RELAY) {
        relay(e, q);
    } else if (e->refuse && q->method != ADIT_AUTH_CHANGE) {
        a->verdict = ADIT_VERDICT_REJECT;
        a->cause = e->refuse;
    } else if (e->account && strcmp(e->account, q->user) != 0) {
        a->verdict = ADIT_VERDICT_REJECT;
        a->cause = ADIT_CAUSE_UNKNOWN_USER;
    } else {
        struct adit_secret_view s = { sizeof s, (uint32_t)strlen(e->password), e->password, NULL };
        crypto_judge_api.judge(q, &s, a);
        if (q->method == ADIT_AUTH_CHANGE)
            crypto_judge_api.new_password(q, &s, e->new_password, sizeof e->new_password);
    }
    if (e->w->answer_ms)
        e->answer_at = e->w->now + e->w->answer_ms;
    else
        give_answer(e);
}

static void callback_over(struct end *e)
{
    if (e->free_in_callback) {
        ppp_auth_free(e->a);
        e->a = NULL;
        e->at = UINT64_MAX;
    }
}

static void op_peer_ok(void *u, const char *user, uint32_t method, const struct adit_auth_answer *keys)
{
    struct end *e = u;
    ck_assert(!e->over && !e->ok);
    ck_assert_ptr_null(keys->attrs);
    ck_assert_ptr_null(keys->message);
    e->ok = 1;
    e->method = method;
    e->keys = *keys;
    snprintf(e->user, sizeof e->user, "%s", user);
    callback_over(e);
}

static void op_our_ok(void *u, uint32_t method, const struct adit_auth_answer *keys)
{
    struct end *e = u;
    ck_assert(!e->over && !e->our_ok);
    e->our_ok = 1;
    e->our_method = method;
    e->our_keys = *keys;
    callback_over(e);
}

static void op_failed(void *u, uint32_t cause, const char *text)
{
    struct end *e = u;
    ck_assert(!e->over);
    ck_assert_uint_ne(cause, 0);
    e->over = 1;
    e->cause = cause;
    snprintf(e->text, sizeof e->text, "%s", text ? text : "");
    callback_over(e);
}

static const struct ppp_auth_ops ops = { op_now, op_random, op_timer, op_tx, op_query,
                                         op_peer_ok, op_our_ok, op_failed };

static void end_init(struct end *e, struct world *w, struct end *other, const struct ppp_cfg *cfg)
{
    e->w = w;
    e->other = other;
    e->at = e->answer_at = UINT64_MAX;
    e->password = "trustno1";
    e->a = ppp_auth_new(cfg, &ops, e);
    ck_assert_ptr_nonnull(e->a);
}

static const struct ppp_cfg srv_cfg = { .our_name = "adit", .auth_timeout_ms = 60000 };
static const struct ppp_cfg cli_cfg = { .our_name = "laptop", .user = "anna", .password = "trustno1",
                                        .auth_allow = ~0u, .auth_timeout_ms = 60000 };

static void world_init(struct world *w, const struct ppp_cfg *srv, const struct ppp_cfg *cli)
{
    memset(w, 0, sizeof *w);
    w->seed = 1;
    w->now = 1000;
    end_init(&w->srv, w, &w->cli, srv ? srv : &srv_cfg);
    if (cli)
        end_init(&w->cli, w, &w->srv, cli);
}

static void world_fini(struct world *w)
{
    ppp_auth_free(w->srv.a);
    ppp_auth_free(w->cli.a);
}

static bool end_step(struct end *e)
{
    if (e->a && e->answer_at <= e->w->now) {
        give_answer(e);
        return true;
    }
    if (e->a && e->at <= e->w->now) {
        e->at = UINT64_MAX;
        ppp_auth_tick(e->a);
        return true;
    }
    return false;
}

/* Until nothing is due any more or `ms` have passed. */
static void world_run(struct world *w, uint64_t ms)
{
    uint64_t end = w->now + ms;
    for (int turns = 0; turns < 20000; turns++) {
        bool moved = false;
        for (size_t i = 0; i < w->count; i++) {
            if (w->wire[i].at > w->now)
                continue;
            struct packet p = w->wire[i];
            memmove(&w->wire[i], &w->wire[i + 1], (w->count - i - 1) * sizeof p);
            w->count--;
            if (p.to->a)
                ppp_auth_rx(p.to->a, p.proto, p.data, p.len);
            moved = true;
            break;
        }
        if (moved || end_step(&w->srv) || end_step(&w->cli))
            continue;
        /* after its own success the server speaks of the network every 3 s */
        if (w->srv.ok && w->network_at == 0)
            w->network_at = w->now + 3000;
        if (w->network_at && w->network_at <= w->now) {
            w->network_at = w->now + 3000;
            if (w->cli.a && chance(w) >= w->loss)
                ppp_auth_network(w->cli.a);
            continue;
        }
        uint64_t next = w->network_at && !w->cli.our_ok && !w->cli.over ? w->network_at : UINT64_MAX;
        uint64_t all[4] = { w->srv.a ? w->srv.at : UINT64_MAX, w->cli.a ? w->cli.at : UINT64_MAX,
                            w->srv.a ? w->srv.answer_at : UINT64_MAX, UINT64_MAX };
        for (size_t i = 0; i < 4; i++)
            if (all[i] < next)
                next = all[i];
        for (size_t i = 0; i < w->count; i++)
            if (w->wire[i].at < next)
                next = w->wire[i].at;
        if (next == UINT64_MAX || next > end)
            return;
        w->now = next;
    }
    ck_abort_msg("the world does not come to rest");
}

static void both(struct world *w, uint32_t methods)
{
    ppp_auth_obey(w->cli.a, methods);
    ppp_auth_demand(w->srv.a, methods);
    world_run(w, 300000);
}

static SSL_CTX *srv_ctx, *cli_ctx;

static void tls_init(void)
{
    if (srv_ctx)
        return;
    struct tls_ca ca = tls_ca_new("Test CA");
    srv_ctx = tls_ctx_new(&ca, "vpn.example.org", "DNS:vpn.example.org", 86400);
    cli_ctx = tls_ctx_new(&ca, "anna", NULL, 86400);
    tls_ca_free(&ca);
}

static void tls_fini(void)
{
    SSL_CTX_free(srv_ctx);
    SSL_CTX_free(cli_ctx);
    srv_ctx = cli_ctx = NULL;
}

static const uint32_t all_methods[] = { ADIT_AUTH_PAP, ADIT_AUTH_CHAP, ADIT_AUTH_MSCHAPV1,
    ADIT_AUTH_MSCHAPV2, ADIT_AUTH_EAP_MD5, ADIT_AUTH_EAP_MSCHAPV2, ADIT_AUTH_EAP_TLS };
enum { METHODS = sizeof all_methods / sizeof all_methods[0] };

static void world_tls(struct world *w)
{
    struct ppp_cfg s = srv_cfg, c = cli_cfg;
    tls_init();
    s.tls = srv_ctx;
    c.tls = cli_ctx;
    world_init(w, &s, &c);
}

static bool has_keys(uint32_t m)
{
    return m & (ADIT_AUTH_MSCHAPV1 | ADIT_AUTH_MSCHAPV2 | ADIT_AUTH_EAP_MSCHAPV2 | ADIT_AUTH_EAP_TLS);
}

static void expect_both_ok(struct world *w, uint32_t m)
{
    ck_assert_msg(w->srv.ok && w->cli.our_ok, "method %#x: server %u (cause %u) peer %u (cause %u: %s)", m,
                  w->srv.ok, w->srv.cause, w->cli.our_ok, w->cli.cause, w->cli.text);
    ck_assert_uint_eq(w->srv.method, m);
    ck_assert_uint_eq(w->cli.our_method, m);
    ck_assert_str_eq(w->srv.user, "anna");
    ck_assert_uint_eq(w->srv.keys.key_len, has_keys(m) ? 16 : 0);
    ck_assert_uint_eq(w->cli.our_keys.key_len, has_keys(m) ? 16 : 0);
    ck_assert_mem_eq(w->srv.keys.send_key, w->cli.our_keys.recv_key, 32);
    ck_assert_mem_eq(w->srv.keys.recv_key, w->cli.our_keys.send_key, 32);
    ck_assert_mem_eq(w->srv.keys.lm_key, w->cli.our_keys.lm_key, 8);
}

/* ---- every method with itself -------------------------------------------------------------- */

START_TEST(every_method_agrees)
{
    struct world w;
    for (int i = 0; i < METHODS; i++)
        for (uint64_t wait = 0; wait <= 5000; wait += 2500) {
            world_tls(&w);
            w.answer_ms = wait;
            both(&w, all_methods[i]);
            expect_both_ok(&w, all_methods[i]);
            ck_assert_uint_eq(w.srv.asked, 1);
            world_fini(&w);
        }
    tls_fini();
}
END_TEST

START_TEST(every_method_survives_loss_and_doubling)
{
    struct world w;
    int done[METHODS] = { 0 };
    for (int i = 0; i < METHODS; i++)
        for (uint32_t seed = 1; seed <= 60; seed++) {
            world_tls(&w);
            w.seed = seed * 7919;
            w.loss = seed % 3 * 15;
            w.dup = 30;
            w.answer_ms = seed % 4 * 2000;
            both(&w, all_methods[i]);
            if (w.loss == 0 || (w.srv.ok && w.cli.our_ok)) {
                expect_both_ok(&w, all_methods[i]);
                done[i]++;
            } else {            /* so much was lost that someone gave up; never anything else */
                ck_assert(w.srv.ok || w.srv.cause == ADIT_CAUSE_AUTH_TIMEOUT);
                ck_assert(w.cli.our_ok || w.cli.cause == ADIT_CAUSE_AUTH_TIMEOUT);
            }
            ck_assert_uint_le(w.srv.asked, 1);
            world_fini(&w);
        }
    for (int i = 0; i < METHODS; i++)
        ck_assert_msg(done[i] >= 50, "method %#x: only %d of 60 came up", all_methods[i], done[i]);
    tls_fini();
}
END_TEST

START_TEST(every_method_refuses_a_wrong_password)
{
    struct world w;
    for (int i = 0; i < METHODS; i++) {
        uint32_t m = all_methods[i];
        if (m == ADIT_AUTH_EAP_TLS)
            continue;
        world_tls(&w);
        w.srv.password = "another";
        both(&w, m);
        ck_assert(!w.srv.ok && !w.cli.our_ok);
        ck_assert_uint_eq(w.cli.cause, ADIT_CAUSE_AUTH_FAILED);
        ck_assert_uint_eq(ppp_auth_refused(w.srv.a), ADIT_CAUSE_AUTH_FAILED);
        ck_assert_uint_eq(ppp_auth_refused(w.cli.a), ADIT_CAUSE_AUTH_FAILED);
        ck_assert_uint_eq(w.srv.cause, ADIT_CAUSE_AUTH_FAILED);
        world_fini(&w);
    }
    tls_fini();
}
END_TEST

START_TEST(causes_reach_the_peer)
{
    static const uint32_t causes[] = { ADIT_CAUSE_HOURS, ADIT_CAUSE_DISABLED, ADIT_CAUSE_NO_PERMISSION };
    struct world w;
    for (size_t c = 0; c < 3; c++)
        for (int i = 2; i < 6; i++) {
            if (all_methods[i] == ADIT_AUTH_EAP_MD5)
                continue;
            world_init(&w, NULL, &cli_cfg);
            w.srv.refuse = causes[c];
            both(&w, all_methods[i]);
            ck_assert_uint_eq(w.srv.cause, causes[c]);
            ck_assert_uint_eq(w.cli.cause, causes[c]);
            world_fini(&w);
        }
}
END_TEST

START_TEST(silence_ends_in_time)
{
    struct world w;
    for (int i = 0; i < METHODS; i++) {
        world_tls(&w);
        uint64_t begun = w.now;
        ppp_auth_demand(w.srv.a, all_methods[i]);
        world_run(&w, 300000);
        ck_assert_uint_eq(w.srv.cause, ADIT_CAUSE_AUTH_TIMEOUT);
        ck_assert_uint_le(w.now - begun, 60000);
        /* 10 challenges 3 s apart, or 6 EAP requests */
        if (all_methods[i] >= ADIT_AUTH_EAP_MD5)
            ck_assert_uint_eq(w.logged, 6);
        else
            ck_assert_uint_eq(w.logged, all_methods[i] == ADIT_AUTH_PAP ? 0 : 10);
        world_fini(&w);

        world_tls(&w);
        ppp_auth_obey(w.cli.a, all_methods[i]);
        world_run(&w, 300000);
        ck_assert_uint_eq(w.cli.cause, ADIT_CAUSE_AUTH_TIMEOUT);
        world_fini(&w);
    }
    tls_fini();
}
END_TEST

START_TEST(a_silent_authenticator_is_unavailable)
{
    struct world w;
    for (int i = 0; i < METHODS; i++) {
        world_tls(&w);
        w.srv.silent = true;
        both(&w, all_methods[i]);
        ck_assert_uint_eq(w.srv.cause, ADIT_CAUSE_AUTH_UNAVAILABLE);
        /* an answer after the end is ignored */
        struct adit_auth_answer late = { .size = sizeof late, .verdict = ADIT_VERDICT_ACCEPT };
        ppp_auth_answer_take(w.srv.a, &late);
        ck_assert(!w.srv.ok);
        world_fini(&w);
    }
    tls_fini();
}
END_TEST

START_TEST(both_directions_at_once)
{
    struct world w;
    struct ppp_cfg s = srv_cfg, c = cli_cfg;
    for (int i = 0; i < METHODS - 1; i++) {
        s.user = "anna";
        s.password = "trustno1";
        s.auth_allow = ~0u;
        world_init(&w, &s, &c);
        ppp_auth_obey(w.srv.a, all_methods[i]);
        ppp_auth_obey(w.cli.a, all_methods[i]);
        ppp_auth_demand(w.srv.a, all_methods[i]);
        ppp_auth_demand(w.cli.a, all_methods[i]);
        world_run(&w, 100000);
        ck_assert_msg(w.srv.ok && w.srv.our_ok && w.cli.ok && w.cli.our_ok, "method %#x", all_methods[i]);
        world_fini(&w);
    }
}
END_TEST

START_TEST(ends_may_free_themselves_in_a_callback)
{
    struct world w;
    for (int bad = 0; bad < 2; bad++)
        for (int i = 0; i < METHODS; i++) {
            world_tls(&w);
            if (bad)
                w.srv.refuse = ADIT_CAUSE_NO_PERMISSION;
            w.srv.free_in_callback = w.cli.free_in_callback = true;
            both(&w, all_methods[i]);
            ck_assert_ptr_null(w.srv.a);
            world_fini(&w);
        }
    tls_fini();
}
END_TEST

/* ---- one end by hand -------------------------------------------------------------------------- */

static const struct packet *last(const struct world *w)
{
    ck_assert_uint_gt(w->logged, 0);
    return &w->log[w->logged - 1];
}

static bool rx(struct end *e, uint16_t proto, const void *data, size_t len)
{
    return ppp_auth_rx(e->a, proto, data, len);
}

/* code, id, length, data */
static bool say(struct end *e, uint16_t proto, uint8_t code, uint8_t id, const void *data, size_t len)
{
    uint8_t p[1600];
    struct wr w = wr_of(p, sizeof p);
    wr_u8(&w, code);
    wr_u8(&w, id);
    wr_u16(&w, (uint16_t)(len + 4));
    wr_bytes(&w, data, len);
    return rx(e, proto, p, wr_len(&w));
}

/* An MS-CHAPv2 response to a challenge. */
static bool respond(struct world *w, uint8_t id, const uint8_t *challenge, const char *user,
                    const char *password, uint8_t flags)
{
    uint8_t d[1 + 49 + 64], hash[16];
    memset(d, 0, sizeof d);
    d[0] = 49;
    memset(d + 1, 7, 16);
    nt_password_hash(password, strlen(password), hash);
    generate_nt_response(challenge, d + 1, user, hash, d + 1 + 24);
    d[49] = flags;
    memcpy(d + 50, user, strlen(user));
    return say(&w->srv, PPP_CHAP, 2, id, d, 50 + strlen(user));
}

static void challenge_of(const struct packet *p, uint8_t out[16])
{
    ck_assert_uint_eq(p->data[0], 1);
    ck_assert_uint_eq(p->data[4], 16);
    memcpy(out, p->data + 5, 16);
}

/* "C=" of a failure */
static void next_challenge(const struct packet *p, uint8_t out[16])
{
    char text[400] = "";
    ck_assert_uint_eq(p->data[0], 4);
    memcpy(text, p->data + 4, p->len - 4);
    char *c = strstr(text, "C=");
    ck_assert_ptr_nonnull(c);
    c[34] = '\0';
    ck_assert_uint_eq(hex_get(out, 16, c + 2), 16);
}

static bool failure_says(const struct packet *p, const char *text)
{
    char all[400] = "";
    memcpy(all, p->data + 4, p->len - 4);
    return p->data[0] == 4 && strstr(all, text);
}

START_TEST(mschapv2_retry_up_to_three_tries)
{
    struct world w;
    uint8_t c[16];
    world_init(&w, NULL, NULL);
    ppp_auth_demand(w.srv.a, ADIT_AUTH_MSCHAPV2);
    uint8_t id = last(&w)->data[1];
    challenge_of(last(&w), c);
    ck_assert(respond(&w, id, c, "anna", "wrong", 0));
    ck_assert(failure_says(last(&w), "E=691 R=1 C="));
    ck_assert(failure_says(last(&w), " V=3 M=ADIT-AUTH-FAILED: The user name or the password is wrong."));
    next_challenge(last(&w), c);
    size_t sent = w.logged;
    ck_assert(respond(&w, id, w.srv.last_challenge, "anna", "wrong", 0));   /* a duplicate */
    ck_assert_uint_eq(w.logged, sent + 1);
    ck_assert_uint_eq(w.srv.asked, 1);
    ck_assert(respond(&w, (uint8_t)(id + 1), c, "anna", "wrong2", 0));      /* RFC 2433: id + 1 */
    ck_assert_uint_eq(last(&w)->data[1], (uint8_t)(id + 1));
    ck_assert(failure_says(last(&w), "E=691 R=1 C="));
    next_challenge(last(&w), c);
    ck_assert(!respond(&w, (uint8_t)(id + 7), c, "anna", "trustno1", 0));   /* nobody's identifier */
    ck_assert(respond(&w, (uint8_t)(id + 2), c, "anna", "trustno1", 0));
    ck_assert_uint_eq(last(&w)->data[0], 3);
    ck_assert(w.srv.ok);
    sent = w.logged;
    ck_assert(respond(&w, (uint8_t)(id + 2), c, "anna", "trustno1", 0));    /* Success was lost */
    ck_assert_uint_eq(w.logged, sent + 1);
    ck_assert_uint_eq(w.srv.asked, 3);
    world_fini(&w);

    world_init(&w, NULL, NULL);
    ppp_auth_demand(w.srv.a, ADIT_AUTH_MSCHAPV2);
    id = last(&w)->data[1];
    challenge_of(last(&w), c);
    for (int i = 0; i < 3; i++) {
        ck_assert(!w.srv.over);
        ck_assert(respond(&w, id, c, "anna", "wrong", 0));
        next_challenge(last(&w), c);
    }
    ck_assert(failure_says(last(&w), "E=691 R=0"));
    ck_assert_uint_eq(w.srv.cause, ADIT_CAUSE_AUTH_FAILED);
    world_fini(&w);
}
END_TEST

START_TEST(W19_clients_that_never_retry_end_at_the_deadline)
{
    struct world w;
    uint8_t c[16];
    world_init(&w, NULL, NULL);
    ppp_auth_demand(w.srv.a, ADIT_AUTH_MSCHAPV2);
    challenge_of(last(&w), c);
    ck_assert(respond(&w, last(&w)->data[1], c, "anna", "wrong", 0));
    ck_assert_uint_eq(ppp_auth_refused(w.srv.a), ADIT_CAUSE_AUTH_FAILED);
    size_t sent = w.logged;
    world_run(&w, 300000);
    ck_assert_uint_eq(w.logged, sent);              /* no short timeouts meanwhile */
    ck_assert_uint_eq(w.srv.cause, ADIT_CAUSE_AUTH_FAILED);
    world_fini(&w);
}
END_TEST

START_TEST(W19_flags_of_windows_98_are_tolerated)
{
    struct world w;
    uint8_t c[16];
    world_init(&w, NULL, NULL);
    ppp_auth_demand(w.srv.a, ADIT_AUTH_MSCHAPV2);
    challenge_of(last(&w), c);
    ck_assert(respond(&w, last(&w)->data[1], c, "anna", "trustno1", 0x04));
    ck_assert(w.srv.ok);
    world_fini(&w);
}
END_TEST

START_TEST(W22_user_with_a_domain)
{
    struct world w;
    uint8_t c[16];
    world_init(&w, NULL, NULL);
    ppp_auth_demand(w.srv.a, ADIT_AUTH_MSCHAPV2);
    challenge_of(last(&w), c);
    ck_assert(respond(&w, last(&w)->data[1], c, "BIGCO\\anna", "trustno1", 0));
    ck_assert(w.srv.ok);
    ck_assert_str_eq(w.srv.user, "BIGCO\\anna");     /* as sent, for the policy */
    world_fini(&w);

    struct ppp_cfg cfg = cli_cfg;                   /* and we as such a client */
    cfg.user = "BIGCO\\anna";
    world_init(&w, NULL, &cfg);
    both(&w, ADIT_AUTH_EAP_MSCHAPV2);
    ck_assert(w.srv.ok && w.cli.our_ok);
    ck_assert_str_eq(w.srv.user, "BIGCO\\anna");
    world_fini(&w);
}
END_TEST

/* A Change-Password packet of version 3 (MS-CHAPv2) or 2 (MS-CHAPv1). */
static size_t change_packet(uint8_t *out, bool v1, const uint8_t *challenge, const char *user,
                            const char *old, const char *now)
{
    uint8_t old_hash[16], new_hash[16];
    nt_password_hash(old, strlen(old), old_hash);
    nt_password_hash(now, strlen(now), new_hash);
    struct wr w = wr_of(out, 1200);
    uint8_t *p = wr_room(&w, 516);
    new_password_encrypted(now, strlen(now), old_hash, p);
    old_hash_encrypted(new_hash, old_hash, wr_room(&w, 16));
    if (v1) {
        wr_zero(&w, 516 + 16 + 24);
        challenge_response(challenge, new_hash, wr_room(&w, 24));
        wr_u16(&w, 1);
    } else {
        uint8_t *peer = wr_room(&w, 16);
        memset(peer, 9, 16);
        wr_zero(&w, 8);
        generate_nt_response(challenge, peer, user, new_hash, wr_room(&w, 24));
        wr_u16(&w, 0);
    }
    ck_assert(wr_ok(&w));
    return wr_len(&w);
}

START_TEST(W20_expired_password_is_changed)
{
    struct world w;
    uint8_t c[16], change[1200];
    world_init(&w, NULL, NULL);
    w.srv.refuse = ADIT_CAUSE_PASSWORD_EXPIRED;
    ppp_auth_demand(w.srv.a, ADIT_AUTH_MSCHAPV2);
    uint8_t id = last(&w)->data[1];
    challenge_of(last(&w), c);
    ck_assert(respond(&w, id, c, "anna", "trustno1", 0));
    ck_assert(failure_says(last(&w), "E=648 R=0 C="));
    next_challenge(last(&w), c);
    size_t len = change_packet(change, false, c, "anna", "trustno1", "trust.no.2");
    ck_assert_uint_eq(len + 4, 586);                /* RFC 2759 section 7 */
    for (size_t n = 0; n < len; n++)                /* every truncation */
        ck_assert(!say(&w.srv, PPP_CHAP, 7, (uint8_t)(id + 1), change, n));
    ck_assert(!w.srv.over && !w.srv.ok);
    ck_assert(say(&w.srv, PPP_CHAP, 7, (uint8_t)(id + 1), change, len));
    ck_assert(w.srv.ok);
    ck_assert_str_eq(w.srv.new_password, "trust.no.2");
    ck_assert_uint_eq(w.srv.keys.key_len, 16);
    ck_assert_uint_eq(last(&w)->data[0], 3);
    size_t sent = w.logged;
    ck_assert(say(&w.srv, PPP_CHAP, 7, (uint8_t)(id + 1), change, len));    /* lost Success */
    ck_assert_uint_eq(w.logged, sent + 1);
    ck_assert_uint_eq(w.srv.asked, 2);
    world_fini(&w);

    world_init(&w, NULL, NULL);                     /* MS-CHAPv1, packet version 2 */
    w.srv.refuse = ADIT_CAUSE_PASSWORD_EXPIRED;
    ppp_auth_demand(w.srv.a, ADIT_AUTH_MSCHAPV1);
    id = last(&w)->data[1];
    uint8_t v[1 + 49 + 4], hash[16];
    memset(v, 0, sizeof v);
    v[0] = 49;
    nt_password_hash("trustno1", 8, hash);
    challenge_response(last(&w)->data + 5, hash, v + 25);
    v[49] = 1;
    memcpy(v + 50, "anna", 4);
    ck_assert(say(&w.srv, PPP_CHAP, 2, id, v, sizeof v));
    ck_assert(failure_says(last(&w), "E=648 R=0 C="));
    ck_assert(failure_says(last(&w), " V=2"));
    memset(c, 0, 16);
    hex_get(c, 8, (const char *)last(&w)->data + 4 + 12);
    len = change_packet(change, true, c, "anna", "trustno1", "trust.no.2");
    ck_assert(say(&w.srv, PPP_CHAP, 6, (uint8_t)(id + 1), change, len));
    ck_assert(w.srv.ok);
    ck_assert_str_eq(w.srv.new_password, "trust.no.2");
    world_fini(&w);
}
END_TEST

START_TEST(W20_a_bad_change_is_709)
{
    struct world w;
    uint8_t c[16], change[1200];
    world_init(&w, NULL, NULL);
    w.srv.refuse = ADIT_CAUSE_PASSWORD_EXPIRED;
    ppp_auth_demand(w.srv.a, ADIT_AUTH_MSCHAPV2);
    uint8_t id = last(&w)->data[1];
    challenge_of(last(&w), c);
    respond(&w, id, c, "anna", "trustno1", 0);
    next_challenge(last(&w), c);
    size_t len = change_packet(change, false, c, "anna", "not the old one", "trust.no.2");
    ck_assert(!say(&w.srv, PPP_CHAP, 6, (uint8_t)(id + 1), change, len));   /* version 1's code */
    ck_assert(say(&w.srv, PPP_CHAP, 7, (uint8_t)(id + 1), change, len));
    ck_assert(failure_says(last(&w), "E=709 R=0"));
    ck_assert(w.srv.over);
    world_fini(&w);

    struct world x;                                 /* the client without a new one: a clear code */
    world_init(&x, NULL, &cli_cfg);
    x.srv.refuse = ADIT_CAUSE_PASSWORD_EXPIRED;
    ppp_auth_obey(x.cli.a, ADIT_AUTH_MSCHAPV2);
    ppp_auth_demand(x.srv.a, ADIT_AUTH_MSCHAPV2);
    world_run(&x, 200000);
    ck_assert_uint_eq(x.cli.cause, ADIT_CAUSE_PASSWORD_EXPIRED);
    ck_assert_uint_eq(x.srv.cause, ADIT_CAUSE_PASSWORD_EXPIRED);
    world_fini(&x);
}
END_TEST

START_TEST(W15_keys_only_where_a_method_makes_them)
{
    /* an authenticator that sends keys with everything */
    static const uint32_t without[] = { ADIT_AUTH_PAP, ADIT_AUTH_CHAP, ADIT_AUTH_EAP_MD5 };
    struct world w;
    for (int i = 0; i < 3; i++) {
        world_init(&w, NULL, &cli_cfg);
        w.srv.silent = true;
        ppp_auth_obey(w.cli.a, without[i]);
        ppp_auth_demand(w.srv.a, without[i]);
        world_run(&w, 1000);
        struct adit_auth_answer a = { .size = sizeof a, .verdict = ADIT_VERDICT_ACCEPT, .key_len = 16 };
        ck_assert_uint_eq(w.srv.asked, 1);
        ppp_auth_answer_take(w.srv.a, &a);
        ck_assert(w.srv.ok);
        ck_assert_uint_eq(w.srv.keys.key_len, 0);
        world_fini(&w);
    }
}
END_TEST

START_TEST(a_late_answer_goes_to_the_newest_request)
{
    static const uint8_t req[] = "\4anna\10trustno1";
    struct world w;
    world_init(&w, NULL, NULL);
    w.answer_ms = 10000;
    ppp_auth_demand(w.srv.a, ADIT_AUTH_PAP);
    for (uint8_t id = 1; id <= 3; id++) {
        ck_assert(say(&w.srv, PPP_PAP, 1, id, req, sizeof req - 1));
        world_run(&w, 3000);
    }
    ck_assert_uint_eq(w.srv.asked, 1);
    world_run(&w, 20000);
    ck_assert(w.srv.ok);
    ck_assert_uint_eq(last(&w)->data[1], 3);
    ck_assert_uint_eq(last(&w)->data[0], 2);
    ck_assert(say(&w.srv, PPP_PAP, 1, 4, req, sizeof req - 1));     /* the Ack was lost */
    ck_assert_uint_eq(last(&w)->data[1], 4);
    ck_assert_uint_eq(w.srv.asked, 1);
    world_fini(&w);
}
END_TEST

START_TEST(names_are_bounded)
{
    uint8_t d[800];
    struct world w;
    /* CVE-2020-8597: a name longer than any buffer */
    static const struct { uint32_t method; uint16_t proto; uint8_t code; const char *head; size_t len; } kinds[] = {
        { ADIT_AUTH_MSCHAPV2, PPP_CHAP, 2, "\x31", 1 + 49 },
        { ADIT_AUTH_CHAP, PPP_CHAP, 2, "\x10", 1 + 16 },
        { ADIT_AUTH_EAP_MD5, PPP_EAP, 2, "\x01", 1 },
    };
    for (size_t i = 0; i < 3; i++) {
        world_init(&w, NULL, NULL);
        ppp_auth_demand(w.srv.a, kinds[i].method);
        uint8_t id = last(&w)->data[1];
        memset(d, 'x', sizeof d);
        d[0] = (uint8_t)kinds[i].head[0];
        ck_assert(!say(&w.srv, kinds[i].proto, 2, id, d, kinds[i].len + 256));
        ck_assert(!say(&w.srv, kinds[i].proto, 2, id, d, 800));
        d[kinds[i].len + 3] = '\0';
        ck_assert(!say(&w.srv, kinds[i].proto, 2, id, d, kinds[i].len + 10));
        ck_assert_uint_eq(w.srv.asked, 0);
        d[kinds[i].len + 3] = 'x';
        ck_assert(say(&w.srv, kinds[i].proto, 2, id, d, kinds[i].len + 255));
        world_fini(&w);
    }
    world_init(&w, NULL, NULL);
    ppp_auth_demand(w.srv.a, ADIT_AUTH_PAP);
    ck_assert(!say(&w.srv, PPP_PAP, 1, 1, "\4an\0a\1x", 7));
    ck_assert(!say(&w.srv, PPP_PAP, 1, 1, "\xff" "anna\1x", 7));
    ck_assert_uint_eq(w.srv.asked, 0);
    world_fini(&w);
    /* as the peer: the server's name in a challenge */
    world_init(&w, NULL, &cli_cfg);
    ppp_auth_obey(w.cli.a, ADIT_AUTH_CHAP);
    memset(d, 'x', sizeof d);
    d[0] = 16;
    ck_assert(!say(&w.cli, PPP_CHAP, 1, 1, d, 17 + 256));
    ck_assert(say(&w.cli, PPP_CHAP, 1, 1, d, 17 + 255));
    ck_assert_uint_eq(strlen(ppp_auth_peer_name(w.cli.a)), 255);
    world_fini(&w);
}
END_TEST

START_TEST(every_truncation_of_every_message)
{
    struct world w, v;
    for (int i = 0; i < METHODS; i++) {
        world_tls(&w);
        both(&w, all_methods[i]);
        expect_both_ok(&w, all_methods[i]);
        for (size_t k = 0; k < w.logged; k++) {
            const struct packet *p = &w.log[k];
            for (size_t n = 0; n < p->len; n++) {
                /* to a machine that is in the middle of it, as it was sent and
                 * with a length that fits */
                for (int patched = 0; patched < 2; patched++) {
                    uint8_t *cut = malloc(n ? n : 1);
                    memcpy(cut, p->data, n);
                    world_tls(&v);
                    v.srv.account = "anna";         /* half a name is another user */
                    ppp_auth_obey(v.cli.a, all_methods[i]);
                    ppp_auth_demand(v.srv.a, all_methods[i]);
                    struct end *to = p->to == &w.srv ? &v.srv : &v.cli;
                    if (patched && n >= 4) {
                        cut[2] = (uint8_t)(n >> 8);
                        cut[3] = (uint8_t)n;
                        cut[1] = v.logged ? v.log[0].data[1] : 0;
                    }
                    bool used = rx(to, p->proto, cut, n);
                    if (!patched || n < 4)
                        ck_assert(!used);
                    /* an Ack needs no text: one that lost it still is an Ack */
                    ck_assert_msg(!to->ok && (!to->our_ok || (p->proto == PPP_PAP && p->data[0] == 2)),
                                  "method %#x packet %zu cut to %zu", all_methods[i], k, n);
                    world_fini(&v);
                    free(cut);
                    if (n < 4 || n > 600)
                        break;
                }
                if (n > 64)
                    n += 12;
            }
        }
        world_fini(&w);
    }
    tls_fini();
}
END_TEST

START_TEST(strangers_packets_are_of_no_use)
{
    struct world w;
    world_init(&w, NULL, &cli_cfg);
    ck_assert(!say(&w.srv, PPP_CHAP, 2, 1, "\x10", 1));     /* nothing was agreed */
    ck_assert(!say(&w.srv, PPP_EAP, 1, 1, "\1", 1));
    ck_assert(!say(&w.srv, PPP_LCP, 1, 1, "\1", 1));
    ppp_auth_obey(w.cli.a, ADIT_AUTH_MSCHAPV2);
    ck_assert(!say(&w.cli, PPP_CHAP, 3, 1, "S=", 2));       /* Success before a challenge */
    ck_assert(!say(&w.cli, PPP_CHAP, 4, 1, "E=691", 5));
    ck_assert(!say(&w.cli, PPP_CHAP, 1, 1, "\x08" "12345678", 9));  /* version 1's challenge */
    ck_assert(!say(&w.cli, PPP_CHAP, 9, 1, "", 0));
    ck_assert(!say(&w.cli, PPP_PAP, 2, 1, "\0", 1));
    ck_assert(!w.cli.our_ok && !w.cli.over);
    world_fini(&w);
    world_init(&w, NULL, &cli_cfg);
    ppp_auth_obey(w.cli.a, ADIT_AUTH_EAP_MSCHAPV2);
    ck_assert(!say(&w.cli, PPP_EAP, 3, 1, "", 0));          /* EAP Success out of the blue */
    ck_assert(say(&w.cli, PPP_EAP, 1, 5, "\1", 1));
    ck_assert(!say(&w.cli, PPP_EAP, 3, 5, "", 0));
    ppp_auth_network(w.cli.a);
    ck_assert(!w.cli.our_ok && !w.cli.over);
    world_fini(&w);
}
END_TEST

START_TEST(our_own_challenge_is_not_answered)
{
    static const uint32_t kinds[] = { ADIT_AUTH_CHAP, ADIT_AUTH_MSCHAPV1, ADIT_AUTH_MSCHAPV2 };
    struct world w;
    for (size_t i = 0; i < 3; i++) {
        world_init(&w, NULL, &cli_cfg);
        ppp_auth_obey(w.cli.a, kinds[i]);
        ppp_auth_demand(w.cli.a, kinds[i]);
        struct packet p = *last(&w);
        ck_assert(!rx(&w.cli, PPP_CHAP, p.data, p.len));
        ck_assert_uint_eq(w.logged, 1);
        world_fini(&w);
    }
    /* nor in another protocol: MS-CHAPv2 in EAP computes the same */
    world_init(&w, NULL, &cli_cfg);
    ppp_auth_obey(w.cli.a, ADIT_AUTH_EAP_MSCHAPV2);
    ppp_auth_demand(w.cli.a, ADIT_AUTH_MSCHAPV2);
    uint8_t packet[4 + 1 + 4 + 1 + 16] = { 1, 9, 0, sizeof packet, 26, 1, 9, 0, 21, 16 };
    struct packet p = *last(&w);
    memcpy(packet + 10, p.data + 5, 16);
    ck_assert(!rx(&w.cli, PPP_EAP, packet, sizeof packet));
    ck_assert_uint_eq(w.logged, 1);
    packet[10] ^= 1;
    ck_assert(rx(&w.cli, PPP_EAP, packet, sizeof packet));
    world_fini(&w);
}
END_TEST

START_TEST(a_password_leaves_only_as_allowed)
{
    struct world w;
    struct ppp_cfg cfg = cli_cfg;
    cfg.auth_allow = ADIT_AUTH_MSCHAPV2;
    for (int i = 0; i < METHODS; i++) {
        world_init(&w, NULL, &cfg);
        ppp_auth_obey(w.cli.a, all_methods[i]);
        if (all_methods[i] == ADIT_AUTH_MSCHAPV2) {
            ck_assert(!w.cli.over);
        } else {
            ck_assert_uint_eq(w.cli.cause, ADIT_CAUSE_NO_COMMON_METHOD);
            ck_assert_uint_eq(w.logged, 0);
        }
        world_fini(&w);
    }
}
END_TEST

START_TEST(a_server_without_the_password_is_found_out)
{
    struct world w;
    uint8_t d[64];
    world_init(&w, NULL, &cli_cfg);
    ppp_auth_obey(w.cli.a, ADIT_AUTH_MSCHAPV2);
    d[0] = 16;
    memset(d + 1, 3, 16);
    ck_assert(say(&w.cli, PPP_CHAP, 1, 8, d, 17));
    ck_assert_uint_eq(last(&w)->data[0], 2);
    ck_assert(say(&w.cli, PPP_CHAP, 3, 8, "S=407A5589115FD0D6209F510FE9C04566932CDA56 M=hello", 50));
    ck_assert(!w.cli.our_ok);
    ck_assert_uint_eq(w.cli.cause, ADIT_CAUSE_AUTH_FAILED);
    ck_assert_str_ne(w.cli.text, "");
    world_fini(&w);

    static const char *const bad[] = { "", "S", "S=", "S=407A", "M=hello", "S=ZZ7A5589115FD0D6209F510FE9C04566932CDA56" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        world_init(&w, NULL, &cli_cfg);
        ppp_auth_obey(w.cli.a, ADIT_AUTH_MSCHAPV2);
        say(&w.cli, PPP_CHAP, 1, 8, d, 17);
        ck_assert(say(&w.cli, PPP_CHAP, 3, 8, bad[i], strlen(bad[i])));
        ck_assert(w.cli.over && !w.cli.our_ok);
        world_fini(&w);
    }
    /* the same inside EAP */
    world_init(&w, NULL, &cli_cfg);
    ppp_auth_obey(w.cli.a, ADIT_AUTH_EAP_MSCHAPV2);
    hex_get(d, 64, "1a 01 05 0015 10 01010101010101010101010101010101");
    ck_assert(say(&w.cli, PPP_EAP, 1, 8, d, 22));
    const char *s = "\x1a\x03\x05\0\x2eS=407A5589115FD0D6209F510FE9C04566932CDA56";
    ck_assert(say(&w.cli, PPP_EAP, 1, 9, s, 5 + 42));
    ck_assert(w.cli.over && !w.cli.our_ok);
    world_fini(&w);
}
END_TEST

START_TEST(a_challenge_later_on_is_answered)
{
    struct world w;
    uint8_t d[17];
    world_init(&w, NULL, &cli_cfg);
    both(&w, ADIT_AUTH_CHAP);
    expect_both_ok(&w, ADIT_AUTH_CHAP);
    d[0] = 16;
    memset(d + 1, 3, 16);
    ck_assert(say(&w.cli, PPP_CHAP, 1, 99, d, 17));
    ck_assert_uint_eq(last(&w)->data[0], 2);
    ck_assert_uint_eq(last(&w)->data[1], 99);
    ck_assert(say(&w.cli, PPP_CHAP, 3, 99, "", 0));
    ck_assert(!w.cli.over);
    memset(d + 1, 4, 16);
    ck_assert(say(&w.cli, PPP_CHAP, 1, 100, d, 17));
    ck_assert(say(&w.cli, PPP_CHAP, 4, 100, "no", 2));
    ck_assert(w.cli.over);
    world_fini(&w);
}
END_TEST

/* The authenticator asks once more, the network is up meanwhile. */
START_TEST(a_peer_is_challenged_once_more)
{
    static const uint32_t methods[] = { ADIT_AUTH_CHAP, ADIT_AUTH_MSCHAPV1, ADIT_AUTH_MSCHAPV2 };
    for (size_t i = 0; i < 3; i++) {
        struct world w;
        world_init(&w, NULL, &cli_cfg);
        ck_assert(!ppp_auth_again(w.srv.a));
        both(&w, methods[i]);
        expect_both_ok(&w, methods[i]);
        for (int n = 0; n < 3; n++) {
            uint32_t asked = w.srv.asked;
            w.srv.ok = 0;
            ck_assert(ppp_auth_again(w.srv.a));
            ck_assert(!ppp_auth_again(w.srv.a));        /* one at a time */
            world_run(&w, 1000);
            ck_assert_uint_eq(w.srv.asked, asked + 1);
            ck_assert_uint_eq(w.srv.ok, 1);
            ck_assert(!w.srv.over && !w.cli.over);
        }
        /* the account was disabled meanwhile */
        w.srv.refuse = ADIT_CAUSE_DISABLED;
        ck_assert(ppp_auth_again(w.srv.a));
        world_run(&w, 100000);
        ck_assert_uint_eq(w.srv.cause, ADIT_CAUSE_DISABLED);
        ck_assert(w.srv.over && w.cli.over);
        world_fini(&w);
    }
    struct world w;
    world_init(&w, NULL, &cli_cfg);
    both(&w, ADIT_AUTH_PAP);
    expect_both_ok(&w, ADIT_AUTH_PAP);
    ck_assert(!ppp_auth_again(w.srv.a));
    world_fini(&w);
}
END_TEST

/* Exact bytes, the random numbers known. */
static void fixed_random(void *u, void *out, uint32_t len)
{
    (void)u;
    memset(out, 0x22, len);
}

START_TEST(golden_packets)
{
    struct world w;
    struct ppp_auth_ops fixed = ops;
    fixed.random = fixed_random;
    world_init(&w, NULL, NULL);
    ppp_auth_free(w.srv.a);
    w.srv.a = ppp_auth_new(&srv_cfg, &fixed, &w.srv);
    ppp_auth_demand(w.srv.a, ADIT_AUTH_MSCHAPV2);           /* RFC 2759 section 3 */
    hex_eq(last(&w)->data, last(&w)->len,
           "01 22 0019 10 22222222222222222222222222222222 61646974");
    w.srv.refuse = ADIT_CAUSE_NO_PERMISSION;
    uint8_t c[16];
    memset(c, 0x22, 16);
    respond(&w, 0x22, c, "anna", "trustno1", 0);
    ck_assert_uint_eq(last(&w)->data[0], 4);
    ck_assert_int_eq(memcmp(last(&w)->data + 4, "E=649 R=0 C=22222222222222222222222222222222 "
                            "V=3 M=ADIT-NO-PERMISSION: The account has no permission to dial in.", last(&w)->len - 4), 0);
    world_fini(&w);

    world_init(&w, NULL, NULL);                             /* RFC 2759 section 9.2, as we answer it */
    uint8_t d[64];
    hex_get(d, sizeof d, "31 21402324255E262A28295F2B3A337C7E 0000000000000000"
            "82309ECD8D708B5EA08FAA3981CD83544233114A3D85D6DF 00 55736572");
    struct adit_secret_view s = { sizeof s, 10, "clientPass", NULL };
    hex_get(c, 16, "5B5D7C7D7B3F2F3E3C2C602132262628");
    struct adit_auth_query q = { .size = sizeof q, .method = ADIT_AUTH_MSCHAPV2, .user = "User",
        .challenge = c, .challenge_len = 16, .response = d + 1, .response_len = 49 };
    struct adit_auth_answer a = { .size = sizeof a };
    crypto_judge_api.judge(&q, &s, &a);
    w.srv.silent = true;
    ppp_auth_demand(w.srv.a, ADIT_AUTH_MSCHAPV2);
    ck_assert(say(&w.srv, PPP_CHAP, 2, last(&w)->data[1], d, 54));
    ppp_auth_answer_take(w.srv.a, &a);
    ck_assert_uint_eq(last(&w)->data[0], 3);
    ck_assert_int_eq(memcmp(last(&w)->data + 4, "S=407A5589115FD0D6209F510FE9C04566932CDA56 M=Welcome",
                            last(&w)->len - 4), 0);
    world_fini(&w);

    struct ppp_cfg cfg = cli_cfg;                           /* RFC 1334 section 2.2.1 */
    world_init(&w, NULL, &cfg);
    ppp_auth_free(w.cli.a);
    w.cli.a = ppp_auth_new(&cfg, &fixed, &w.cli);
    ppp_auth_obey(w.cli.a, ADIT_AUTH_PAP);
    hex_eq(last(&w)->data, last(&w)->len, "01 23 0012 04 616e6e61 08 74727573746e6f31");
    world_fini(&w);
}
END_TEST

/* ---- EAP ------------------------------------------------------------------------------------- */

START_TEST(M2_the_peers_nak_is_followed)
{
    struct world w;
    struct ppp_cfg s = srv_cfg, c = cli_cfg;
    tls_init();
    s.tls = srv_ctx;
    s.auth_eap = ADIT_AUTH_EAP_TLS;
    c.auth_allow = ADIT_AUTH_EAP_MSCHAPV2;                  /* macOS: not TLS but type 26 */
    world_init(&w, &s, &c);
    both(&w, EAP_ALL);
    expect_both_ok(&w, ADIT_AUTH_EAP_MSCHAPV2);
    world_fini(&w);

    s.auth_eap = ADIT_AUTH_EAP_MD5;
    world_init(&w, &s, &c);
    both(&w, EAP_ALL);
    expect_both_ok(&w, ADIT_AUTH_EAP_MSCHAPV2);
    world_fini(&w);

    /* not to a method that is not permitted */
    world_init(&w, &s, &c);
    ppp_auth_obey(w.cli.a, ADIT_AUTH_EAP_MSCHAPV2);
    ppp_auth_demand(w.srv.a, ADIT_AUTH_EAP_MD5 | ADIT_AUTH_EAP_TLS);
    world_run(&w, 100000);
    ck_assert_uint_eq(w.srv.cause, ADIT_CAUSE_NO_COMMON_METHOD);
    ck_assert_uint_eq(w.cli.cause, ADIT_CAUSE_NO_COMMON_METHOD);
    ck_assert_uint_eq(w.srv.asked, 0);
    world_fini(&w);

    /* and not back and forth: each method is offered once, none after its first response */
    world_init(&w, &s, NULL);
    ppp_auth_demand(w.srv.a, ADIT_AUTH_EAP_MD5 | ADIT_AUTH_EAP_MSCHAPV2);
    ck_assert(say(&w.srv, PPP_EAP, 2, last(&w)->data[1], "\1anna", 5));
    ck_assert_uint_eq(last(&w)->data[4], 4);
    ck_assert(say(&w.srv, PPP_EAP, 2, last(&w)->data[1], "\3\x1a", 2));
    ck_assert_uint_eq(last(&w)->data[4], 26);
    ck_assert(say(&w.srv, PPP_EAP, 2, last(&w)->data[1], "\3\4", 2));
    ck_assert_uint_eq(w.srv.cause, ADIT_CAUSE_NO_COMMON_METHOD);
    world_fini(&w);
    tls_fini();
}
END_TEST

START_TEST(the_configured_method_is_offered_first)
{
    static const struct { uint32_t bit; uint8_t type; } kinds[] = {
        { ADIT_AUTH_EAP_MD5, 4 }, { ADIT_AUTH_EAP_TLS, 13 }, { ADIT_AUTH_EAP_MSCHAPV2, 26 }, { 0, 13 } };
    struct world w;
    struct ppp_cfg s = srv_cfg;
    tls_init();
    s.tls = srv_ctx;
    for (size_t i = 0; i < 4; i++) {
        s.auth_eap = kinds[i].bit;
        world_init(&w, &s, NULL);
        ppp_auth_demand(w.srv.a, EAP_ALL);
        ck_assert_uint_eq(last(&w)->data[4], 1);
        ck_assert(say(&w.srv, PPP_EAP, 2, last(&w)->data[1], "\1anna", 5));
        ck_assert_uint_eq(last(&w)->data[4], kinds[i].type);
        world_fini(&w);
    }
    tls_fini();
}
END_TEST

START_TEST(eap_peer_manners)
{
    struct world w;
    world_init(&w, NULL, &cli_cfg);
    ppp_auth_obey(w.cli.a, ADIT_AUTH_EAP_MD5 | ADIT_AUTH_EAP_MSCHAPV2);
    ck_assert(say(&w.cli, PPP_EAP, 1, 1, "\2Mind the gap", 13));
    hex_eq(last(&w)->data, last(&w)->len, "02 01 0005 02");
    ck_assert(say(&w.cli, PPP_EAP, 1, 2, "\1", 1));
    hex_eq(last(&w)->data, last(&w)->len, "02 02 0009 01 616e6e61");
    ck_assert(say(&w.cli, PPP_EAP, 1, 3, "\x15\x20", 2));   /* TTLS: what we have instead */
    hex_eq(last(&w)->data, last(&w)->len, "02 03 0007 03 1a 04");
    size_t sent = w.logged;
    ck_assert(say(&w.cli, PPP_EAP, 1, 3, "\x15\x20", 2));   /* a duplicate */
    ck_assert_uint_eq(w.logged, sent + 1);
    ck_assert_mem_eq(w.log[sent].data, w.log[sent - 1].data, 7);
    ck_assert(say(&w.cli, PPP_EAP, 1, 4, "\4\2ab", 4));
    ck_assert_uint_eq(last(&w)->data[4], 4);
    ck_assert(!say(&w.cli, PPP_EAP, 1, 5, "\x1a\1\1\0\5\x10", 6)); /* one method only */
    ck_assert(say(&w.cli, PPP_EAP, 3, 4, "", 0));
    ck_assert(w.cli.our_ok);
    world_fini(&w);
}
END_TEST

/* The other side of W20: we are the peer, the server says that our password has
 * expired, and we have another. Also where packets are lost. */
START_TEST(an_expired_password_of_ours_is_changed)
{
    static const uint32_t methods[] = { ADIT_AUTH_MSCHAPV2, ADIT_AUTH_EAP_MSCHAPV2 };
    struct world w;
    struct ppp_cfg cfg = cli_cfg;
    cfg.new_password = "trust.no.2";
    for (uint32_t i = 0; i < 2; i++)
        for (uint32_t loss = 0; loss < 40; loss += 10) {
            world_init(&w, NULL, &cfg);
            w.loss = loss;
            w.srv.refuse = ADIT_CAUSE_PASSWORD_EXPIRED;
            both(&w, methods[i]);
            if (loss && !(w.srv.ok && w.cli.our_ok)) {
                world_fini(&w);
                continue;
            }
            ck_assert(w.srv.ok && w.cli.our_ok);
            ck_assert_str_eq(w.srv.new_password, "trust.no.2");
            ck_assert(ppp_auth_changed(w.cli.a));
            ck_assert_mem_eq(w.srv.keys.send_key, w.cli.our_keys.recv_key, 16);
            ck_assert_mem_eq(w.srv.keys.recv_key, w.cli.our_keys.send_key, 16);
            world_fini(&w);

            world_init(&w, NULL, &cfg);     /* nobody asks for it: the old one stays */
            both(&w, methods[i]);
            ck_assert(w.srv.ok && w.cli.our_ok && !ppp_auth_changed(w.cli.a));
            world_fini(&w);

            world_init(&w, NULL, NULL);     /* and without a new one it has expired */
            end_init(&w.cli, &w, &w.srv, &cli_cfg);
            w.srv.refuse = ADIT_CAUSE_PASSWORD_EXPIRED;
            ppp_auth_obey(w.cli.a, methods[i]);
            ppp_auth_demand(w.srv.a, methods[i]);
            world_run(&w, 300000);
            ck_assert(!w.srv.ok && !w.cli.our_ok);
            ck_assert_uint_eq(w.cli.cause, ADIT_CAUSE_PASSWORD_EXPIRED);
            world_fini(&w);
        }
}
END_TEST

/* A Failure without a challenge that can be answered is the end. */
START_TEST(a_change_needs_a_challenge)
{
    static const char *const texts[] = { "E=648 R=0", "E=648 R=0 C=00112233445566778899AABBCCDDEE",
        "E=648 R=0 C=00112233445566778899AABBCCDDEEFG V=3", "E=648 R=0 C=", "E=691 R=1 C=00112233445566778899AABBCCDDEEFF" };
    struct ppp_cfg cfg = cli_cfg;
    cfg.new_password = "trust.no.2";
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct world w;
        uint8_t challenge[17] = { 16, 1, 2, 3 };
        world_init(&w, NULL, &cfg);
        ppp_auth_obey(w.cli.a, ADIT_AUTH_MSCHAPV2);
        ck_assert(say(&w.cli, PPP_CHAP, 1, 7, challenge, sizeof challenge));
        ck_assert(say(&w.cli, PPP_CHAP, 4, 7, texts[i], strlen(texts[i])));
        ck_assert(w.cli.over && !ppp_auth_changed(w.cli.a));
        ck_assert_uint_eq(last(&w)->data[0], 2);
        world_fini(&w);
    }
}
END_TEST

START_TEST(eap_mschapv2_retries_and_changes)
{
    struct world w;
    uint8_t d[1300], c[16], id, hash[16];
    world_init(&w, NULL, NULL);
    ppp_auth_demand(w.srv.a, ADIT_AUTH_EAP_MSCHAPV2);
    ck_assert(say(&w.srv, PPP_EAP, 2, last(&w)->data[1], "\1anna", 5));
    memcpy(c, last(&w)->data + 10, 16);
    static const char *const words[] = { "wrong", "trustno1" };
    for (int i = 0; i < 2; i++) {
        w.srv.refuse = i ? ADIT_CAUSE_PASSWORD_EXPIRED : 0;
        hex_get(d, 6, "1a 02 07 003a 31");
        memset(d + 6, 0, 49);
        nt_password_hash(words[i], strlen(words[i]), hash);
        generate_nt_response(c, d + 6, "anna", hash, d + 6 + 24);
        memcpy(d + 55, "anna", 4);
        ck_assert(say(&w.srv, PPP_EAP, 2, last(&w)->data[1], d, 59));
        const struct packet *p = last(&w);
        ck_assert_uint_eq(p->data[5], 4);                   /* Failure-Request */
        ck_assert_int_eq(memcmp(p->data + 9, i ? "E=648 R=0 C=" : "E=691 R=1 C=", 12), 0);
        hex_get(c, 16, (const char *)p->data + 9 + 12);
    }
    id = last(&w)->data[1];
    hex_get(d, 5, "1a 07 08 024a");
    size_t len = 5 + change_packet(d + 5, false, c, "anna", "trustno1", "trust.no.2");
    for (size_t n = 0; n < len; n++)
        ck_assert(!say(&w.srv, PPP_EAP, 2, id, d, n));
    ck_assert(say(&w.srv, PPP_EAP, 2, id, d, len));
    ck_assert_uint_eq(last(&w)->data[5], 3);
    ck_assert(!w.srv.ok);
    ck_assert(say(&w.srv, PPP_EAP, 2, last(&w)->data[1], "\x1a\3", 2));
    ck_assert(w.srv.ok);
    ck_assert_str_eq(w.srv.new_password, "trust.no.2");
    ck_assert_uint_eq(last(&w)->data[0], 3);
    world_fini(&w);
}
END_TEST

/* RFC 3579 section 2.6.1: the authenticator says how long a person may take. */
START_TEST(eap_relay_waits_for_a_person)
{
    static const uint64_t waits[] = { 0, 60000, 3600000 };
    static const uint64_t gives_up[] = { 0, 60000, 300000 };
    struct world w;
    for (int i = 0; i < 3; i++) {
        world_init(&w, NULL, &cli_cfg);
        w.srv.silent = true;
        ppp_auth_obey(w.cli.a, ADIT_AUTH_EAP_MD5);
        ppp_auth_demand(w.srv.a, ADIT_AUTH_EAP_RELAY);
        world_run(&w, 1000);
        ck_assert_uint_eq(w.srv.asked, 1);
        w.loss = 100;           /* and then nothing is heard of it */
        struct adit_auth_answer a = { .size = sizeof a, .verdict = ADIT_VERDICT_CHALLENGE,
                                      .eap = (const uint8_t *)"\1\2\0\5\6", .eap_len = 5, .wait_ms = waits[i] };
        ppp_auth_answer_take(w.srv.a, &a);
        world_run(&w, gives_up[i] ? gives_up[i] - 2000 : 10000);
        ck_assert(!w.srv.over);
        world_run(&w, 400000);
        ck_assert(w.srv.over);
        ck_assert_uint_eq(w.srv.cause, ADIT_CAUSE_AUTH_TIMEOUT);
        world_fini(&w);
    }
}
END_TEST

START_TEST(eap_is_relayed)
{
    struct world w;
    for (int i = 0; i < 3; i++) {
        struct ppp_cfg s = srv_cfg;
        s.auth_eap = ADIT_AUTH_EAP_RELAY;
        world_init(&w, &s, &cli_cfg);
        w.answer_ms = i == 1 ? 4000 : 0;
        w.srv.password = i == 2 ? "another" : "trustno1";
        ppp_auth_obey(w.cli.a, ADIT_AUTH_EAP_MD5);
        ppp_auth_demand(w.srv.a, ADIT_AUTH_EAP_RELAY | ADIT_AUTH_EAP_MD5);
        world_run(&w, 100000);
        ck_assert_uint_eq(w.srv.asked, 2);
        ck_assert_uint_eq(w.srv.ok, i != 2);
        ck_assert_uint_eq(w.cli.our_ok, i != 2);
        if (i != 2) {
            ck_assert_uint_eq(w.srv.method, ADIT_AUTH_EAP_RELAY);
            ck_assert_str_eq(w.srv.user, "anna");
        }
        world_fini(&w);
    }
    /* an authenticator that answers nonsense */
    world_init(&w, NULL, &cli_cfg);
    w.srv.silent = true;
    ppp_auth_obey(w.cli.a, ADIT_AUTH_EAP_MD5);
    ppp_auth_demand(w.srv.a, ADIT_AUTH_EAP_RELAY);
    world_run(&w, 1000);
    struct adit_auth_answer a = { .size = sizeof a, .verdict = ADIT_VERDICT_CHALLENGE,
                                  .eap = (const uint8_t *)"\1\2\0\x40\4", .eap_len = 5 };
    ppp_auth_answer_take(w.srv.a, &a);
    ck_assert_uint_eq(w.srv.cause, ADIT_CAUSE_AUTH_UNAVAILABLE);
    world_fini(&w);
}
END_TEST

/* ---- EAP-TLS ------------------------------------------------------------------------------------- */

static void tls_world(struct world *w, SSL_CTX *s_ctx, SSL_CTX *c_ctx, const char *user)
{
    struct ppp_cfg s = srv_cfg, c = cli_cfg;
    s.tls = s_ctx;
    c.tls = c_ctx;
    if (user)
        c.user = user;
    world_init(w, &s, &c);
    w->srv.account = NULL;
}

START_TEST(tls_versions_and_fragments)
{
    static const uint16_t mtus[] = { 64, 100, 300, 576, 1400, 1500 };
    struct world w;
    tls_init();
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++)
        for (size_t i = 0; i < sizeof mtus / sizeof mtus[0]; i++) {
            SSL_CTX_set_max_proto_version(srv_ctx, version);
            tls_world(&w, srv_ctx, cli_ctx, NULL);
            ppp_auth_mtu(w.srv.a, mtus[i]);
            ppp_auth_mtu(w.cli.a, mtus[(i + 2) % 6]);
            both(&w, ADIT_AUTH_EAP_TLS);
            expect_both_ok(&w, ADIT_AUTH_EAP_TLS);
            for (size_t k = 0; k < w.logged; k++)
                ck_assert_uint_le(w.log[k].len, w.log[k].to == &w.cli ? mtus[i] : mtus[(i + 2) % 6]);
            world_fini(&w);
        }
    tls_fini();
}
END_TEST

START_TEST(tls_keys_follow_the_rfcs)
{
    /* expect_both_ok() compares the ends; here that they change each time */
    struct world w, v;
    tls_init();
    tls_world(&w, srv_ctx, cli_ctx, NULL);
    both(&w, ADIT_AUTH_EAP_TLS);
    tls_world(&v, srv_ctx, cli_ctx, NULL);
    both(&v, ADIT_AUTH_EAP_TLS);
    expect_both_ok(&v, ADIT_AUTH_EAP_TLS);
    ck_assert_mem_ne(w.srv.keys.send_key, v.srv.keys.send_key, 16);
    ck_assert_mem_ne(w.srv.keys.send_key, w.srv.keys.recv_key, 16);
    world_fini(&w);
    world_fini(&v);
    tls_fini();
}
END_TEST

START_TEST(tls_certificate_names_the_user)
{
    static const struct { const char *cn, *san, *user, *becomes; } rows[] = {
        { "anna", NULL, "anna", "anna" },
        { "anna", NULL, "ANNA", "ANNA" },
        { "anna", NULL, "BIGCO\\anna", "BIGCO\\anna" },
        { "anna", NULL, "bert", NULL },
        { "anna", NULL, "BIGCO\\bert", NULL },
        { "anna", NULL, "ann", NULL },
        { "Anna Example", "otherName:1.3.6.1.4.1.311.20.2.3;UTF8:anna@example.org", "anna@example.org", "anna@example.org" },
        { "Anna Example", "otherName:1.3.6.1.4.1.311.20.2.3;UTF8:anna@example.org", "anna", NULL },
        { "Anna Example", "otherName:1.3.6.1.4.1.311.20.2.3;UTF8:anna@example.org", "bert@example.org", NULL },
        { "Anna Example", "email:anna@example.org", "anna@example.org", "anna@example.org" },
        { NULL, "DNS:laptop.example.org", "host/laptop.example.org", "host/laptop.example.org" },
        { NULL, "DNS:laptop.example.org", "host/desktop.example.org", NULL },
        { "anna", "otherName:1.3.6.1.4.1.311.20.2.3;UTF8:anna@example.org", "@example.org", "anna@example.org" },
        { "anna", NULL, "", "anna" },
        { NULL, "DNS:laptop.example.org", "", NULL },
    };
    struct world w;
    struct tls_ca ca = tls_ca_new("Test CA");
    SSL_CTX *s = tls_ctx_new(&ca, "vpn", NULL, 86400);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        SSL_CTX *c = tls_ctx_new(&ca, rows[i].cn, rows[i].san, 86400);
        tls_world(&w, s, c, rows[i].user);
        both(&w, ADIT_AUTH_EAP_TLS);
        if (rows[i].becomes) {
            ck_assert_msg(w.srv.ok && w.cli.our_ok, "row %zu: cause %u %s", i, w.srv.cause, w.srv.text);
            ck_assert_str_eq(w.srv.user, rows[i].becomes);
        } else {
            ck_assert_msg(w.srv.cause == ADIT_CAUSE_CERTIFICATE, "row %zu: cause %u", i, w.srv.cause);
            ck_assert_uint_eq(w.srv.asked, 0);
            ck_assert(!w.cli.our_ok);
        }
        world_fini(&w);
        SSL_CTX_free(c);
    }
    SSL_CTX_free(s);
    tls_ca_free(&ca);
}
END_TEST

START_TEST(tls_bad_certificates)
{
    struct world w;
    struct tls_ca ca = tls_ca_new("Test CA"), evil = tls_ca_new("Evil CA");
    SSL_CTX *s = tls_ctx_new(&ca, "vpn", NULL, 86400), *good = tls_ctx_new(&ca, "anna", NULL, 86400);
    SSL_CTX *expired = tls_ctx_new(&ca, "anna", NULL, -60), *foreign = tls_ctx_new(&evil, "anna", NULL, 86400);
    SSL_CTX *none = SSL_CTX_new(TLS_method());
    X509_STORE_add_cert(SSL_CTX_get_cert_store(none), ca.cert);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(foreign), ca.cert);  /* trusts us, not the reverse */
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        SSL_CTX *peers[] = { expired, foreign, none };
        SSL_CTX_set_max_proto_version(s, version);
        for (size_t i = 0; i < 3; i++) {
            tls_world(&w, s, peers[i], NULL);
            both(&w, ADIT_AUTH_EAP_TLS);
            ck_assert_msg(w.srv.cause == ADIT_CAUSE_CERTIFICATE, "%zu: %u %s", i, w.srv.cause, w.srv.text);
            ck_assert_msg(w.cli.cause == ADIT_CAUSE_CERTIFICATE || w.cli.cause == ADIT_CAUSE_AUTH_FAILED,
                          "%zu: %u %s", i, w.cli.cause, w.cli.text);
            ck_assert_uint_eq(w.srv.asked, 0);
            world_fini(&w);
        }
        /* a server that the peer does not trust */
        SSL_CTX *bad = tls_ctx_new(&evil, "vpn", NULL, 86400);
        SSL_CTX_set_max_proto_version(bad, version);
        tls_world(&w, bad, good, NULL);
        both(&w, ADIT_AUTH_EAP_TLS);
        ck_assert_uint_eq(w.cli.cause, ADIT_CAUSE_CERTIFICATE);
        ck_assert_uint_eq(w.srv.cause, ADIT_CAUSE_CERTIFICATE);
        world_fini(&w);
        SSL_CTX_free(bad);
        /* a user that nobody knows: the certificate is good */
        tls_world(&w, s, good, NULL);
        w.srv.refuse = ADIT_CAUSE_UNKNOWN_USER;
        both(&w, ADIT_AUTH_EAP_TLS);
        ck_assert_uint_eq(w.srv.cause, ADIT_CAUSE_UNKNOWN_USER);
        ck_assert(!w.cli.our_ok && w.cli.over);
        world_fini(&w);
    }
    SSL_CTX_free(s);
    SSL_CTX_free(good);
    SSL_CTX_free(expired);
    SSL_CTX_free(foreign);
    SSL_CTX_free(none);
    tls_ca_free(&ca);
    tls_ca_free(&evil);
}
END_TEST

START_TEST(tls_server_must_have_the_name_that_was_called)
{
    static const struct { const char *cn, *san, *name; bool fine; } rows[] = {
        { "vpn", "DNS:vpn.example.org", "vpn.example.org", true },
        { "vpn", "DNS:vpn.example.org", "VPN.Example.ORG", true },
        { "vpn", "DNS:*.example.org", "vpn.example.org", true },
        { "vpn", "DNS:v*.example.org", "vpn.example.org", false },
        { "vpn", "DNS:vpn.example.org", "mail.example.org", false },
        { "vpn.example.org", "DNS:other.example.org", "vpn.example.org", false },
        { "anna", NULL, "vpn.example.org", false },     /* another client of the same authority */
        { "anna", NULL, NULL, true },
    };
    struct tls_ca ca = tls_ca_new("Test CA");
    SSL_CTX *c = tls_ctx_new(&ca, "anna", NULL, 86400);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ppp_cfg s_cfg = srv_cfg, c_cfg = cli_cfg;
        struct world w;
        s_cfg.tls = tls_ctx_new(&ca, rows[i].cn, rows[i].san, 86400);
        s_cfg.tls_name = "nobody";      /* of no effect on this side */
        c_cfg.tls = c;
        c_cfg.tls_name = rows[i].name;
        world_init(&w, &s_cfg, &c_cfg);
        both(&w, ADIT_AUTH_EAP_TLS);
        ck_assert_msg((w.cli.our_ok != 0) == rows[i].fine, "row %zu: %u %s", i, w.cli.cause, w.cli.text);
        if (!rows[i].fine)
            ck_assert_uint_eq(w.cli.cause, ADIT_CAUSE_CERTIFICATE);
        world_fini(&w);
        SSL_CTX_free(s_cfg.tls);
    }
    SSL_CTX_free(c);
    tls_ca_free(&ca);
}
END_TEST

START_TEST(tls_limits)
{
    static const struct { const char *name, *hex; } rows[] = {
        { "longer than any flight", "0d c0 00010001 16" },
        { "a length that does not fit", "0d 80 00000005 16 03 01" },
        { "more than announced", "0d c0 00000002 16 03 01" },
        { "an empty fragment", "0d 40" },
        { "cut", "0d 80 0000" },
        { "nothing", "0d" },
    };
    struct world w;
    tls_init();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t d[32];
        tls_world(&w, srv_ctx, NULL, NULL);
        ppp_auth_demand(w.srv.a, ADIT_AUTH_EAP_TLS);
        say(&w.srv, PPP_EAP, 2, last(&w)->data[1], "\1anna", 5);
        hex_eq(last(&w)->data + 4, 2u, "0d 20");
        size_t n = hex_get(d, sizeof d, rows[i].hex);
        ck_assert_msg(!say(&w.srv, PPP_EAP, 2, last(&w)->data[1], d, n), "%s", rows[i].name);
        ck_assert(!w.srv.over);
        world_fini(&w);
    }
    /* 64 KB of fragments and not one more */
    uint8_t big[1400] = { 13, 0x40 };
    tls_world(&w, srv_ctx, NULL, NULL);
    ppp_auth_demand(w.srv.a, ADIT_AUTH_EAP_TLS);
    say(&w.srv, PPP_EAP, 2, last(&w)->data[1], "\1anna", 5);
    size_t sum = 0;
    uint8_t id = last(&w)->data[1];
    while (say(&w.srv, PPP_EAP, 2, id, big, sizeof big)) {
        sum += sizeof big - 2;
        w.logged = 0;
        id++;
    }
    ck_assert_uint_le(sum, 64 * 1024);
    ck_assert_uint_gt(sum, 60 * 1024);
    world_fini(&w);
    tls_fini();
}
END_TEST

static Suite *suite(void)
{
    return unit_suite("ppp_auth", (const TTest *const[]){
        every_method_agrees, every_method_survives_loss_and_doubling,
        every_method_refuses_a_wrong_password, causes_reach_the_peer, silence_ends_in_time,
        a_silent_authenticator_is_unavailable, both_directions_at_once,
        ends_may_free_themselves_in_a_callback, mschapv2_retry_up_to_three_tries,
        W19_clients_that_never_retry_end_at_the_deadline, W19_flags_of_windows_98_are_tolerated,
        W22_user_with_a_domain, W20_expired_password_is_changed, W20_a_bad_change_is_709,
        W15_keys_only_where_a_method_makes_them, a_late_answer_goes_to_the_newest_request,
        names_are_bounded, every_truncation_of_every_message, strangers_packets_are_of_no_use,
        our_own_challenge_is_not_answered, a_password_leaves_only_as_allowed,
        a_server_without_the_password_is_found_out, a_challenge_later_on_is_answered, a_peer_is_challenged_once_more,
        golden_packets, M2_the_peers_nak_is_followed, the_configured_method_is_offered_first,
        eap_peer_manners, eap_mschapv2_retries_and_changes, an_expired_password_of_ours_is_changed,
        a_change_needs_a_challenge, eap_is_relayed,
        eap_relay_waits_for_a_person,
        tls_versions_and_fragments, tls_keys_follow_the_rfcs, tls_certificate_names_the_user,
        tls_server_must_have_the_name_that_was_called, tls_bad_certificates, tls_limits, NULL });
}
UNIT_MAIN(suite)
