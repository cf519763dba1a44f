/* eap_mschapv2.c - MS-CHAPv2 inside EAP, type 26 (draft-kamath-pppext-eap-mschapv2-02).
 *
 * Knows:  OpCodes, MS-CHAPv2-ID and MS-Length, which answer follows which request.
 * Leaves: texts and proofs to mschap.c, who judges.
 */
#include "ppp/ppp_auth_in.h"

#define OP_CHALLENGE 1
#define OP_RESPONSE  2
#define OP_SUCCESS   3
#define OP_FAILURE   4
#define OP_CHANGE    7

static struct wr_mark header(struct wr *w, uint8_t op, uint8_t ms_id)
{
    wr_u8(w, EAP_MSCHAPV2);
    wr_u8(w, op);
    wr_u8(w, ms_id);
    return wr_open16(w, -2);            /* MS-Length counts from the OpCode */
}

/* The data behind a header; false: MS-Length passes the end of the packet. */
static bool data_of(struct rd *r, uint8_t *ms_id, struct rd *data)
{
    *ms_id = rd_u8(r);
    uint16_t len = rd_u16(r);
    if (len < 4)
        return false;
    *data = rd_sub(r, len - 4u);
    return rd_ok(data);
}

static void server_begin(struct ppp_auth *a)
{
    struct pa_server *s = &a->srv;
    uint8_t data[6 + 16 + PA_NAME];
    struct wr w = wr_of(data, sizeof data);
    mschap_challenge(a, ADIT_AUTH_EAP_MSCHAPV2);
    s->ms_id = (uint8_t)(s->id + 1);
    s->ms_op = OP_CHALLENGE;
    struct wr_mark len = header(&w, OP_CHALLENGE, s->ms_id);
    wr_u8(&w, 16);
    wr_bytes(&w, s->challenge, 16);
    wr_bytes(&w, a->our_name, strlen(a->our_name));
    wr_close16(&w, len);
    eap_request(a, data, wr_len(&w));
}

static bool response(struct ppp_auth *a, struct rd *r)
{
    struct pa_server *s = &a->srv;
    struct rd data;
    uint8_t ms_id;
    char user[PA_NAME + 1];
    if (!data_of(r, &ms_id, &data) || rd_u8(&data) != 49)
        return false;
    const uint8_t *value = rd_bytes(&data, 49);
    if (!value || !pa_name(&data, user))
        return false;
    s->ms_id = ms_id;
    memcpy(s->value, value, 49);
    s->value_len = 49;
    /* The hash is over this name; the identity was only for routing. */
    if (user[0])
        memcpy(s->user, user, sizeof user);
    struct adit_auth_query q = { .id = ms_id, .challenge = s->challenge, .challenge_len = 16,
                                 .response = s->value, .response_len = 49 };
    pa_ask(a, ADIT_AUTH_EAP_MSCHAPV2, &q);
    return true;
}

static bool server_rx(struct ppp_auth *a, struct rd *r)
{
    struct pa_server *s = &a->srv;
    uint8_t op = rd_u8(r), ms_id;
    if (!rd_ok(r))
        return false;
    if (s->ms_op == OP_SUCCESS) {
        /* Success-Response is the OpCode alone; what stands behind is ignored.
         * A Failure-Response says that our proof does not convince the peer. */
        if (op == OP_SUCCESS)
            eap_success(a);
        else if (op == OP_FAILURE)
            eap_failure(a, ADIT_CAUSE_AUTH_FAILED, "the peer does not trust our proof");
        else
            return false;
        return true;
    }
    if (s->ms_op == OP_FAILURE && op == OP_FAILURE) {
        eap_failure(a, s->end_cause ? s->end_cause : a->refused, NULL);
        return true;
    }
    if (s->end_cause)
        return false;                   /* the last word was said */
    if (op == OP_RESPONSE && !s->change)
        return response(a, r);
    struct rd data;
    if (op == OP_CHANGE && s->change && data_of(r, &ms_id, &data)) {
        s->ms_id = ms_id;
        return mschap_change(a, &data, false);
    }
    return false;
}

static void server_answer(struct ppp_auth *a, const struct adit_auth_answer *answer)
{
    struct pa_server *s = &a->srv;
    uint8_t data[320];
    struct wr w = wr_of(data, sizeof data);
    struct wr_mark len = header(&w, 0, s->ms_id);
    switch (mschap_verdict(a, answer, &w)) {
    case MSCHAP_ACCEPTED:
        s->ms_op = OP_SUCCESS;
        break;
    case MSCHAP_REFUSED:
        s->end_cause = pa_cause(answer);
        s->ms_op = OP_FAILURE;
        break;
    default:
        s->ms_op = OP_FAILURE;
        break;
    }
    wr_close16(&w, len);
    data[1] = s->ms_op;
    eap_request(a, data, wr_len(&w));
}

static bool peer_rx(struct ppp_auth *a, struct rd *r)
{
    struct pa_peer *p = &a->peer;
    uint8_t op = rd_u8(r), ms_id, data[6 + MSCHAP_CHANGE_LEN], change[MSCHAP_CHANGE_LEN];
    struct rd in;
    struct wr w = wr_of(data, sizeof data);
    if (!data_of(r, &ms_id, &in))
        return false;
    switch (op) {
    case OP_CHALLENGE: {
        char name[PA_NAME + 1];
        uint8_t value[49];
        if (rd_u8(&in) != 16)
            return false;
        const uint8_t *challenge = rd_bytes(&in, 16);
        if (!challenge || !pa_name(&in, name))
            return false;
        if (pa_is_ours(a, challenge, 16))
            return false;
        memcpy(a->peer_name, name, sizeof name);
        p->eap_ready = false;
        if (!mschap_respond(a, ADIT_AUTH_MSCHAPV2, challenge, value)) {
            pa_fail(a, ADIT_CAUSE_INTERNAL, "the response cannot be computed on this host");
            return true;
        }
        p->challenge_len = 16;          /* a response went out: a proof may come */
        struct wr_mark len = header(&w, OP_RESPONSE, ms_id);
        wr_u8(&w, 49);
        wr_bytes(&w, value, 49);
        wr_bytes(&w, a->user, strlen(a->user));
        wr_close16(&w, len);
        break;
    }
    case OP_SUCCESS:
        if (!p->challenge_len)
            return false;
        if (!mschap_proof_ok(a, &in)) {
            pa_fail(a, ADIT_CAUSE_AUTH_FAILED, "the server did not prove that it knows the password");
            return true;
        }
        p->eap_ready = true;
        wr_u8(&w, EAP_MSCHAPV2);
        wr_u8(&w, OP_SUCCESS);
        break;
    case OP_FAILURE: {
        char text[PA_NAME + 1];
        if (!p->challenge_len)
            return false;
        if (mschap_renew(a, in, change)) {
            struct wr_mark len = header(&w, OP_CHANGE, (uint8_t)(ms_id + 1));
            wr_bytes(&w, change, sizeof change);
            wr_close16(&w, len);
            break;
        }
        p->end_cause = mschap_failure(&in, text, sizeof text);
        a->refused = p->end_cause;
        wr_u8(&w, EAP_MSCHAPV2);
        wr_u8(&w, OP_FAILURE);
        break;
    }
    default:
        return false;
    }
    eap_respond(a, data, wr_len(&w));
    return true;
}

const struct eap_method eap_mschapv2 = { EAP_MSCHAPV2, ADIT_AUTH_EAP_MSCHAPV2,
                                         server_begin, server_rx, server_answer, peer_rx };
