/* eap_md5.c - MD5-Challenge (RFC 3748 section 5.4): CHAP inside EAP.
 *
 * Knows:  its two packets.
 * Leaves: who judges. There are no keys: MPPE cannot follow.
 */
#include "crypto/crypto.h"
#include "ppp/ppp_auth_in.h"

static void server_begin(struct ppp_auth *a)
{
    struct pa_server *s = &a->srv;
    uint8_t data[2 + 16 + PA_NAME];
    struct wr w = wr_of(data, sizeof data);
    s->challenge_len = 16;
    a->ops.random(a->u, s->challenge, 16);
    wr_u8(&w, EAP_MD5);
    wr_u8(&w, 16);
    wr_bytes(&w, s->challenge, 16);
    wr_bytes(&w, a->our_name, strlen(a->our_name));
    eap_request(a, data, wr_len(&w));
}

static bool server_rx(struct ppp_auth *a, struct rd *r)
{
    struct pa_server *s = &a->srv;
    if (rd_u8(r) != 16)
        return false;
    const uint8_t *value = rd_bytes(r, 16);
    if (!value)
        return false;
    memcpy(s->value, value, 16);
    struct adit_auth_query q = { .id = s->id, .challenge = s->challenge, .challenge_len = 16,
                                 .response = s->value, .response_len = 16 };
    pa_ask(a, ADIT_AUTH_EAP_MD5, &q);
    return true;
}

static void server_answer(struct ppp_auth *a, const struct adit_auth_answer *answer)
{
    if (answer->verdict == ADIT_VERDICT_ACCEPT) {
        pa_grant(a, answer);
        eap_success(a);
    } else {
        eap_failure(a, pa_cause(answer), answer->message);
    }
}

static bool peer_rx(struct ppp_auth *a, struct rd *r)
{
    struct pa_peer *p = &a->peer;
    char name[PA_NAME + 1];
    uint8_t data[2 + 16], id = p->id, len = rd_u8(r);
    const uint8_t *value = rd_bytes(r, len);
    if (!value || len == 0 || !pa_name(r, name))
        return false;
    if (pa_is_ours(a, value, len))
        return false;
    memcpy(a->peer_name, name, sizeof name);
    struct adit_chunk c[3] = { { &id, 1 }, { a->password, strlen(a->password) }, { value, len } };
    data[0] = EAP_MD5;
    data[1] = 16;
    if (crypto_digest(ADIT_MD5, c, 3, data + 2)) {
        pa_fail(a, ADIT_CAUSE_INTERNAL, "the response cannot be computed on this host");
        return true;
    }
    p->keys = (struct adit_auth_answer){ .size = sizeof p->keys, .verdict = ADIT_VERDICT_ACCEPT };
    p->eap_ready = true;
    eap_respond(a, data, sizeof data);
    return true;
}

const struct eap_method eap_md5 = { EAP_MD5, ADIT_AUTH_EAP_MD5,
                                    server_begin, server_rx, server_answer, peer_rx };
