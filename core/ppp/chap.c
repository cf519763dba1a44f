/* chap.c - the Challenge Handshake Authentication Protocol, with MD5 (RFC 1994)
 * and in Microsoft's two versions (RFC 2433, RFC 2759), both roles.
 *
 * Knows:  packets, identifiers, what a duplicate or a late packet gets.
 * Leaves: MS-CHAP's texts to mschap.c, who judges.
 */
#include "crypto/crypto.h"
#include "ppp/ppp_auth_in.h"

/* ---- the authenticator ----------------------------------------------------------- */

void chap_server_start(struct ppp_auth *a)
{
    struct pa_server *s = &a->srv;
    uint8_t data[1 + 16 + PA_NAME];
    struct wr w = wr_of(data, sizeof data);
    mschap_challenge(a, s->method);     /* MD5 takes 16 bytes as well */
    wr_u8(&w, s->challenge_len);
    wr_bytes(&w, s->challenge, s->challenge_len);
    wr_bytes(&w, a->our_name, strlen(a->our_name));
    s->sends = 1;
    s->again_at = pa_now(a) + PA_AGAIN_MS;
    pa_send(a, PPP_CHAP, &s->last, &s->last_len, CHAP_CHALLENGE, s->id, data, wr_len(&w));
}

void chap_server_again(struct ppp_auth *a)
{
    struct pa_server *s = &a->srv;
    if (s->sends >= PA_SENDS) {
        pa_fail(a, ADIT_CAUSE_AUTH_TIMEOUT, NULL);
        return;
    }
    s->sends++;
    s->again_at = pa_now(a) + PA_AGAIN_MS;
    pa_tx(a, PPP_CHAP, s->last, s->last_len);
}

/* What came before gets what it got before: its answer was lost (RFC 1994
 * section 4.2). */
static bool replay(struct ppp_auth *a)
{
    if (a->srv.reply_len)
        pa_tx(a, PPP_CHAP, a->srv.reply, a->srv.reply_len);
    return a->srv.reply_len != 0;
}

/* The identifiers that may answer: the challenge's own, and after a Failure
 * also the next (RFC 2433 section 8). */
static bool expected(const struct pa_server *s, uint8_t id)
{
    return id == s->id || (s->code && id == (uint8_t)(s->id + 1));
}

static bool response(struct ppp_auth *a, uint8_t id, struct rd *r)
{
    struct pa_server *s = &a->srv;
    char user[PA_NAME + 1];
    uint8_t len = rd_u8(r), want = s->method == ADIT_AUTH_CHAP ? 16 : 49;
    const uint8_t *value = rd_bytes(r, len);
    if (!value || len != want || !pa_name(r, user))
        return false;
    bool same = s->code == CHAP_RESPONSE && id == s->id && s->value_len == len &&
                bytes_equal(value, s->value, len);
    if (s->state == PA_ASK)
        return same;
    if (s->state == PA_DONE)
        return s->code == CHAP_RESPONSE && id == s->id && replay(a);
    if (s->state != PA_WAIT)
        return false;
    if (same)
        return replay(a);
    if (s->change || !expected(s, id))
        return false;
    s->id = id;
    s->code = CHAP_RESPONSE;
    memcpy(s->value, value, len);
    s->value_len = len;
    memcpy(s->user, user, sizeof user);
    struct adit_auth_query q = {
        .id = id, .challenge = s->challenge, .challenge_len = s->challenge_len,
        .response = s->value, .response_len = len };
    pa_ask(a, s->method, &q);
    return true;
}

static bool change(struct ppp_auth *a, uint8_t code, uint8_t id, struct rd *r)
{
    struct pa_server *s = &a->srv;
    bool v1 = s->method == ADIT_AUTH_MSCHAPV1;
    if (code != (v1 ? CHAP_CHANGE_V1 : CHAP_CHANGE))
        return false;
    if (s->state == PA_ASK || s->state == PA_DONE)
        return s->code == code && id == s->id && (s->state == PA_ASK || replay(a));
    if (s->state != PA_WAIT || !s->change || !expected(s, id))
        return false;
    uint8_t id_before = s->id, code_before = s->code;
    s->id = id;
    s->code = code;
    if (mschap_change(a, r, v1))
        return true;
    s->id = id_before;
    s->code = code_before;
    return false;
}

void chap_answer(struct ppp_auth *a, const struct adit_auth_answer *answer)
{
    struct pa_server *s = &a->srv;
    struct wr w = wr_of(s->reply, sizeof s->reply);
    enum mschap_next next;
    wr_u8(&w, 0);
    wr_u8(&w, s->id);
    struct wr_mark total = wr_open16(&w, -2);
    if (s->method == ADIT_AUTH_CHAP) {
        bool ok = answer->verdict == ADIT_VERDICT_ACCEPT;
        const char *text = answer->message ? answer->message
                           : ok ? "Welcome" : adit_cause_told(pa_cause(answer));
        if (ok)
            pa_grant(a, answer);
        next = ok ? MSCHAP_ACCEPTED : MSCHAP_REFUSED;
        wr_bytes(&w, text, strnlen(text, 160));
    } else {
        next = mschap_verdict(a, answer, &w);
    }
    wr_close16(&w, total);
    s->reply[0] = next == MSCHAP_ACCEPTED ? CHAP_SUCCESS : CHAP_FAILURE;
    s->reply_len = (uint16_t)wr_len(&w);
    pa_tx(a, PPP_CHAP, s->reply, s->reply_len);
    if (next == MSCHAP_ACCEPTED)
        pa_peer_ok(a);
    else if (next == MSCHAP_REFUSED)
        pa_fail(a, pa_cause(answer), answer->message);
}

/* ---- the peer ---------------------------------------------------------------------- */

static bool md5_respond(struct ppp_auth *a, uint8_t id, const uint8_t *challenge, size_t len,
                        uint8_t out[16])
{
    struct adit_chunk c[3] = { { &id, 1 }, { a->password, strlen(a->password) }, { challenge, len } };
    a->peer.keys = (struct adit_auth_answer){ .size = sizeof a->peer.keys,
                                              .verdict = ADIT_VERDICT_ACCEPT };
    return crypto_digest(ADIT_MD5, c, 3, out) == 0;
}

static bool challenge(struct ppp_auth *a, uint8_t id, struct rd *r)
{
    struct pa_peer *p = &a->peer;
    char name[PA_NAME + 1];
    uint8_t len = rd_u8(r);
    const uint8_t *value = rd_bytes(r, len);
    if (p->state == PA_OFF || !value || len == 0 || !pa_name(r, name))
        return false;
    if ((p->method == ADIT_AUTH_MSCHAPV1 && len != 8) || (p->method == ADIT_AUTH_MSCHAPV2 && len != 16))
        return false;
    if (pa_is_ours(a, value, len))
        return false;
    memcpy(a->peer_name, name, sizeof name);
    if (p->last && id == p->id && len == p->challenge_len && bytes_equal(value, p->challenge, len)) {
        pa_tx(a, PPP_CHAP, p->last, p->last_len);
        return true;
    }
    uint8_t data[1 + 49 + PA_NAME], answer[49];
    uint8_t size = p->method == ADIT_AUTH_CHAP ? 16 : 49;
    if (!(p->method == ADIT_AUTH_CHAP ? md5_respond(a, id, value, len, answer)
                                      : mschap_respond(a, p->method, value, answer))) {
        pa_fail(a, ADIT_CAUSE_INTERNAL, "the response cannot be computed on this host");
        return true;
    }
    p->id = id;
    p->challenge_len = len;
    memcpy(p->challenge, value, len);
    struct wr w = wr_of(data, sizeof data);
    wr_u8(&w, size);
    wr_bytes(&w, answer, size);
    wr_bytes(&w, a->user, strlen(a->user));
    /* A challenge later on (RFC 1994 section 2) is answered without a timer:
     * the network is up meanwhile. */
    p->sends = 1;
    p->again_at = p->said_ok ? PA_NEVER : pa_now(a) + PA_AGAIN_MS;
    p->state = PA_WAIT;
    pa_send(a, PPP_CHAP, &p->last, &p->last_len, CHAP_RESPONSE, id, data, wr_len(&w));
    return true;
}

static bool result(struct ppp_auth *a, uint8_t code, uint8_t id, struct rd *r)
{
    struct pa_peer *p = &a->peer;
    if (p->state != PA_WAIT || !p->last || id != p->id)
        return false;
    if (code == CHAP_SUCCESS) {
        if (p->method == ADIT_AUTH_MSCHAPV2 && !mschap_proof_ok(a, r))
            pa_fail(a, ADIT_CAUSE_AUTH_FAILED, "the server did not prove that it knows the password");
        else
            pa_our_ok(a);
        return true;
    }
    uint8_t change[MSCHAP_CHANGE_LEN];
    if (p->method == ADIT_AUTH_MSCHAPV2 && mschap_renew(a, *r, change)) {
        p->id = (uint8_t)(id + 1);      /* RFC 2759 section 7 */
        p->sends = 1;
        p->again_at = p->said_ok ? PA_NEVER : pa_now(a) + PA_AGAIN_MS;
        pa_send(a, PPP_CHAP, &p->last, &p->last_len, CHAP_CHANGE, p->id, change, sizeof change);
        return true;
    }
    char text[PA_NAME + 1] = "";
    uint32_t cause = ADIT_CAUSE_AUTH_FAILED;
    if (p->method == ADIT_AUTH_CHAP)
        pa_name(r, text);
    else
        cause = mschap_failure(r, text, sizeof text);
    a->refused = cause;
    pa_fail(a, cause, text[0] ? text : NULL);
    return true;
}

bool chap_rx(struct ppp_auth *a, uint8_t code, uint8_t id, struct rd *r)
{
    switch (code) {
    case CHAP_RESPONSE:
        return a->srv.proto == PPP_CHAP && response(a, id, r);
    case CHAP_CHANGE:
    case CHAP_CHANGE_V1:
        return a->srv.proto == PPP_CHAP && change(a, code, id, r);
    case CHAP_CHALLENGE:
        return a->peer.proto == PPP_CHAP && challenge(a, id, r);
    case CHAP_SUCCESS:
    case CHAP_FAILURE:
        return a->peer.proto == PPP_CHAP && result(a, code, id, r);
    default:
        return false;
    }
}
