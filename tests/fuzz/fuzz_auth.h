/* fuzz_auth.h - feeds bytes to both roles of the authentication half.
 *
 * The input is a list of steps: an octet 0xff lets 3 s pass, 0xfe answers an
 * open query (the next octet chooses how), 0xfd says that the network speaks,
 * 0xfc a length of two octets follows; any other octet is a length itself, of a
 * packet that follows. The first octet chooses
 * what is demanded and obeyed. Invariants: one query open at a time, nothing
 * after failed(), one peer_ok() and one our_ok().
 */
#ifndef FUZZ_AUTH_H
#define FUZZ_AUTH_H

#include <adit/bytes.h>
#include <stdlib.h>
#include "crypto/crypto.h"
#include "ppp/ppp_auth.h"
#include "fuzz_show.h"

struct fuzz {
    struct ppp_auth *a;
    uint64_t now;
    uint64_t at;
    uint32_t asked, ok, our_ok, over;
    struct adit_auth_query q;
    uint8_t response[64], challenge[16];
    char user[256];
    uint8_t last_id[2];         /* of the last request and of the last response that we sent */
};

static inline void fuzz_check(int ok)
{
    if (!ok)
        abort();
}

static uint64_t fuzz_now(void *u) { return ((struct fuzz *)u)->now; }

static void fuzz_random(void *u, void *out, uint32_t len)
{
    (void)u;
    memset(out, 0x5a, len);
}

static void fuzz_timer(void *u, uint64_t ms)
{
    struct fuzz *f = u;
    f->at = ms == UINT64_MAX ? UINT64_MAX : f->now + ms;
}

static void fuzz_tx(void *u, uint16_t proto, const uint8_t *data, size_t len)
{
    struct fuzz *f = u;
    fuzz_show(proto, data, len);
    fuzz_check(!f->over && len >= 4 && len <= 1500 && (size_t)(data[2] << 8 | data[3]) == len);
    f->last_id[data[0] == 2] = data[1];
}

static void fuzz_query(void *u, const struct adit_auth_query *q)
{
    struct fuzz *f = u;
    fuzz_check(!f->over && !f->asked && q->user && strlen(q->user) < 256);
    f->asked = 1;
    f->q = *q;
    memcpy(f->user, q->user, strlen(q->user) + 1);
    f->q.user = f->user;
    fuzz_check(q->response_len <= sizeof f->response && q->challenge_len <= sizeof f->challenge);
    if (q->response)
        memcpy(f->response, q->response, q->response_len);
    if (q->challenge)
        memcpy(f->challenge, q->challenge, q->challenge_len);
    f->q.response = q->response ? f->response : NULL;
    f->q.challenge = q->challenge ? f->challenge : NULL;
    f->q.password = f->q.eap = f->q.state = NULL;
    if (q->method == ADIT_AUTH_CHANGE) {        /* judge it while the packet is there */
        struct adit_secret_view s = { sizeof s, 6, "secret", NULL };
        struct adit_auth_answer a = { .size = sizeof a };
        char out[256];
        crypto_judge_api.judge(q, &s, &a);
        (void)crypto_judge_api.new_password(q, &s, out, sizeof out);
    }
}

static void fuzz_peer_ok(void *u, const char *user, uint32_t method, const struct adit_auth_answer *k)
{
    struct fuzz *f = u;
    fuzz_check(!f->over && !f->ok && user && method && k->key_len <= 32);
    f->ok = 1;
}

static void fuzz_our_ok(void *u, uint32_t method, const struct adit_auth_answer *k)
{
    struct fuzz *f = u;
    fuzz_check(!f->over && !f->our_ok && method && k->key_len <= 32);
    f->our_ok = 1;
}

static void fuzz_failed(void *u, uint32_t cause, const char *text)
{
    struct fuzz *f = u;
    (void)text;
    fuzz_check(!f->over && cause);
    f->over = 1;
}

static void fuzz_answer(struct fuzz *f, uint8_t how)
{
    static const uint8_t request[] = { 1, 77, 0, 8, 4, 1, 2, 3 };
    static const uint32_t causes[] = { 0, ADIT_CAUSE_AUTH_FAILED, ADIT_CAUSE_PASSWORD_EXPIRED,
                                       ADIT_CAUSE_NO_PERMISSION };
    struct adit_auth_answer a = { .size = sizeof a, .verdict = how % 5u, .cause = causes[how / 5u % 4],
                                  .key_len = how, .eap = request,
                                  .eap_len = how & 0x80 ? 7 : sizeof request,
                                  .state = request, .state_len = how & 7u,
                                  .message = how & 0x40 ? "a text\n for the user" : NULL };
    f->asked = 0;
    ppp_auth_answer_take(f->a, &a);
}

static inline void fuzz_run(const struct ppp_cfg *cfg, uint16_t proto, uint32_t demand, uint32_t obey,
                            struct rd *r)
{
    struct fuzz f = { .now = 1000, .at = UINT64_MAX };
    const struct ppp_auth_ops ops = { fuzz_now, fuzz_random, fuzz_timer, fuzz_tx, fuzz_query,
                                      fuzz_peer_ok, fuzz_our_ok, fuzz_failed };
    f.a = ppp_auth_new(cfg, &ops, &f);
    fuzz_check(f.a != NULL);
    if (demand)
        ppp_auth_demand(f.a, demand);
    if (obey)
        ppp_auth_obey(f.a, obey);
    while (rd_left(r) > 0) {
        uint8_t n = rd_u8(r);
        if (n == 0xff) {
            f.now += 3000;
            if (f.at <= f.now)
                ppp_auth_tick(f.a);
        } else if (n == 0xfe) {
            fuzz_answer(&f, rd_u8(r));
        } else if (n == 0xfd) {
            ppp_auth_network(f.a);
        } else {
            size_t len = n == 0xfc ? rd_u16(r) : n;
            if (len > rd_left(r))
                len = rd_left(r);
            uint8_t *packet = malloc(len ? len : 1);    /* of exactly that size */
            fuzz_check(packet != NULL);
            rd_copy(r, packet, len);
            /* an identifier of 0 is whichever would fit */
            if (len > 1 && packet[1] == 0)
                packet[1] = f.last_id[packet[0] != 2 && packet[0] != 7];
            fuzz_show(proto, packet, len);
            ppp_auth_rx(f.a, proto, packet, len);
            free(packet);
        }
    }
    (void)ppp_auth_peer_name(f.a);
    ppp_auth_free(f.a);
}

#endif
