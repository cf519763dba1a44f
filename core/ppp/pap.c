/* pap.c - the Password Authentication Protocol (RFC 1334 section 2).
 *
 * Knows:  three packets, both roles.
 * Leaves: who judges; whether PAP may be used at all.
 */
#include "ppp/ppp_auth_in.h"

static bool request(struct ppp_auth *a, uint8_t id, struct rd *r)
{
    struct pa_server *s = &a->srv;
    char user[PA_NAME + 1];
    struct rd name = rd_sub(r, rd_u8(r));
    uint8_t len = rd_u8(r);
    const uint8_t *password = rd_bytes(r, len);
    if (!rd_ok(r) || !pa_name(&name, user))
        return false;
    switch (s->state) {
    case PA_WAIT:
        break;
    case PA_ASK:                /* sent again, with a new identifier: answer that one */
        s->id = id;
        return true;
    case PA_DONE:               /* RFC 1334 section 2.2.1: our Ack was lost */
        s->reply[1] = id;
        pa_tx(a, PPP_PAP, s->reply, s->reply_len);
        return true;
    default:
        return false;
    }
    s->id = id;
    memcpy(s->user, user, sizeof user);
    struct adit_auth_query q = { .id = id, .password = password, .password_len = len };
    pa_ask(a, ADIT_AUTH_PAP, &q);
    return true;
}

void pap_answer(struct ppp_auth *a, const struct adit_auth_answer *answer)
{
    struct pa_server *s = &a->srv;
    bool ok = answer->verdict == ADIT_VERDICT_ACCEPT;
    const char *text = answer->message ? answer->message : ok ? "" : adit_cause_told(pa_cause(answer));
    struct wr w = wr_of(s->reply, sizeof s->reply);
    wr_u8(&w, ok ? PAP_ACK : PAP_NAK);
    wr_u8(&w, s->id);
    struct wr_mark total = wr_open16(&w, -2);
    struct wr_mark len = wr_open8(&w, 1);
    wr_bytes(&w, text, strnlen(text, 255));
    wr_close8(&w, len);
    wr_close16(&w, total);
    s->reply_len = (uint16_t)wr_len(&w);
    pa_tx(a, PPP_PAP, s->reply, s->reply_len);
    if (ok) {
        pa_grant(a, answer);
        pa_peer_ok(a);
    } else {
        pa_fail(a, pa_cause(answer), answer->message);
    }
}

/* ---- the peer's half ------------------------------------------------------------ */

void pap_peer_again(struct ppp_auth *a)
{
    struct pa_peer *p = &a->peer;
    uint8_t data[2 * 256];
    struct wr w = wr_of(data, sizeof data);
    size_t user = strlen(a->user), password = strlen(a->password);
    if (password > 255) {
        pa_fail(a, ADIT_CAUSE_METHOD_REFUSED, "the password is too long for PAP");
        return;
    }
    wr_u8(&w, (uint8_t)user);
    wr_bytes(&w, a->user, user);
    wr_u8(&w, (uint8_t)password);
    wr_bytes(&w, a->password, password);
    p->id++;                    /* RFC 1334 section 2.2.1: changes with each request */
    pa_send(a, PPP_PAP, &p->last, &p->last_len, PAP_REQUEST, p->id, data, wr_len(&w));
    bytes_wipe(data, sizeof data);
}

void pap_peer_start(struct ppp_auth *a)
{
    a->peer.sends = 1;
    a->peer.again_at = pa_now(a) + PA_AGAIN_MS;
    pap_peer_again(a);
}

bool pap_rx(struct ppp_auth *a, uint8_t code, uint8_t id, struct rd *r)
{
    if (code == PAP_REQUEST)
        return a->srv.proto == PPP_PAP && request(a, id, r);
    if (a->peer.proto != PPP_PAP || a->peer.state != PA_WAIT || (code != PAP_ACK && code != PAP_NAK))
        return false;
    /* An answer to an earlier sending is an answer: the credentials were the same. */
    if ((uint8_t)(a->peer.id - id) >= a->peer.sends)
        return false;
    if (code == PAP_ACK) {      /* W19's like: some leave the message's length out */
        pa_our_ok(a);
        return true;
    }
    char text[PA_NAME + 1];
    struct rd message = rd_sub(r, rd_u8(r));
    a->refused = ADIT_CAUSE_AUTH_FAILED;
    pa_fail(a, ADIT_CAUSE_AUTH_FAILED, pa_name(&message, text) && text[0] ? text : NULL);
    return true;
}
