/* ppp_fake_auth.c - an authentication of three packets, for tests of the link.
 *
 * Behind core/ppp/ppp_auth.h: the side that obeys says who it is (code 1) every
 * second, the side that demands asks its query and says yes (2) or no (3).
 * Keys are fixed; PAP and CHAP with MD5 make none, as in life.
 */
#include <stdlib.h>
#include <string.h>

#include "ppp_fake_auth.h"

struct ppp_auth {
    const struct ppp_cfg *cfg;
    const struct ppp_auth_ops *ops;
    void *u;
    uint32_t demand, obey, tries;
    uint16_t proto;
    bool asked, over, done;   /* over: the peer is who it says; done: it believes us */
};

static uint16_t proto_of(uint32_t m)
{
    return m & ADIT_AUTH_PAP ? PPP_PAP
         : m & (ADIT_AUTH_CHAP | ADIT_AUTH_MSCHAPV1 | ADIT_AUTH_MSCHAPV2) ? PPP_CHAP : PPP_EAP;
}

uint32_t fake_key_len = 16;

void fake_keys(struct adit_auth_answer *a, uint32_t method, bool server)
{
    a->size = sizeof *a;
    if (method & (ADIT_AUTH_PAP | ADIT_AUTH_CHAP))
        return;
    a->key_len = fake_key_len;
    memset(server ? a->send_key : a->recv_key, 0x5e, 16);
    memset(server ? a->recv_key : a->send_key, 0xc1, 16);
    memset(a->lm_key, 0x17, 8);
}

struct ppp_auth *ppp_auth_new(const struct ppp_cfg *cfg, const struct ppp_auth_ops *ops, void *u)
{
    struct ppp_auth *a = calloc(1, sizeof *a);
    if (a) {
        a->cfg = cfg;
        a->ops = ops;
        a->u = u;
    }
    return a;
}

void ppp_auth_free(struct ppp_auth *a)
{
    free(a);
}

static void say(struct ppp_auth *a, uint16_t proto, uint8_t code)
{
    uint8_t b[4] = { code, 1, 0, 4 };
    a->ops->tx(a->u, proto, b, sizeof b);
}

void ppp_auth_demand(struct ppp_auth *a, uint32_t methods)
{
    a->demand = methods & -methods;     /* of EAP's: the lowest */
    a->ops->timer(a->u, 1000);
}

void ppp_auth_obey(struct ppp_auth *a, uint32_t methods)
{
    a->obey = methods & -methods;
    ppp_auth_tick(a);
}

bool ppp_auth_again(struct ppp_auth *a)
{
    (void)a;
    return false;
}

void ppp_auth_tick(struct ppp_auth *a)
{
    if (a->obey && !a->done) {
        if (++a->tries > 60) {
            a->ops->failed(a->u, ADIT_CAUSE_AUTH_TIMEOUT, NULL);
            return;
        }
        a->ops->timer(a->u, 1000);
        say(a, proto_of(a->obey), 1);
    }
}

bool ppp_auth_rx(struct ppp_auth *a, uint16_t proto, const uint8_t *data, size_t len)
{
    struct rd r = rd_of(data, len);
    uint8_t code = rd_u8(&r);
    if (!rd_ok(&r))
        return false;
    if (code == 1 && a->demand && proto == proto_of(a->demand)) {
        if (a->over) {
            say(a, proto, 2);
        } else if (!a->asked) {
            struct adit_auth_query q = { .size = sizeof q, .method = a->demand, .user = "anna" };
            a->asked = true;
            a->proto = proto;
            a->ops->query(a->u, &q);
        }
    } else if (code == 2 && a->obey && proto == proto_of(a->obey) && !a->done) {
        struct adit_auth_answer keys = { 0 };
        fake_keys(&keys, a->obey, false);
        a->done = true;
        a->ops->our_ok(a->u, a->obey, &keys);
    } else if (code == 3 && a->obey && proto == proto_of(a->obey)) {
        a->ops->failed(a->u, ADIT_CAUSE_AUTH_FAILED, "the server said no");
    }
    return code >= 1 && code <= 3;
}

void ppp_auth_answer_take(struct ppp_auth *a, const struct adit_auth_answer *answer)
{
    if (!a->asked || a->over)
        return;
    if (answer->verdict == ADIT_VERDICT_ACCEPT) {
        a->over = true;
        say(a, a->proto, 2);
        a->ops->peer_ok(a->u, "anna", a->demand, answer);
    } else {
        say(a, a->proto, 3);
        a->ops->failed(a->u, answer->cause ? answer->cause : ADIT_CAUSE_AUTH_FAILED, NULL);
    }
}

void ppp_auth_mtu(struct ppp_auth *a, uint16_t mtu)
{
    (void)a;
    (void)mtu;
}

const char *ppp_auth_peer_name(const struct ppp_auth *a)
{
    (void)a;
    return "server";
}

void ppp_auth_network(struct ppp_auth *a)
{
    (void)a;
}

bool ppp_auth_changed(const struct ppp_auth *a)
{
    (void)a;
    return false;
}

uint32_t ppp_auth_refused(const struct ppp_auth *a)
{
    (void)a;
    return ADIT_CAUSE_NONE;
}
