/* eap.c - the Extensible Authentication Protocol (RFC 3748), both roles.
 *
 * Knows:  Identity, Notification, Nak, which method is at work, sending again,
 *         duplicates, Success and Failure; the relay to an authenticator that
 *         speaks EAP itself.
 * Leaves: the methods' own data to eap_md5.c, eap_mschapv2.c, eap_tls.c.
 */
#include "ppp/ppp_auth_in.h"

#include <stdlib.h>

/* In the order in which they are offered when the configuration names none. */
static const struct eap_method *const methods[] = { &eap_tls, &eap_mschapv2, &eap_md5 };
enum { METHODS = sizeof methods / sizeof methods[0] };

static const struct eap_method *method_of(uint8_t type, uint32_t among)
{
    for (int i = 0; i < METHODS; i++)
        if (methods[i]->type == type && (methods[i]->bit & among))
            return methods[i];
    return NULL;
}

/* ---- the authenticator -------------------------------------------------------------- */

static void await(struct ppp_auth *a)
{
    a->srv.state = PA_WAIT;
    a->srv.sends = 1;
    a->srv.again_at = pa_now(a) + PA_AGAIN_MS;
}

void eap_request(struct ppp_auth *a, const uint8_t *data, size_t len)
{
    struct pa_server *s = &a->srv;
    await(a);
    s->id++;
    s->eap_type = len ? data[0] : 0;
    pa_send(a, PPP_EAP, &s->last, &s->last_len, EAP_REQUEST, s->id, data, len);
}

void eap_server_start(struct ppp_auth *a)
{
    static const uint8_t identity = EAP_IDENTITY;
    if (!a->tls)
        a->srv.eap_left &= ~ADIT_AUTH_EAP_TLS;
    eap_request(a, &identity, 1);
}

void eap_server_again(struct ppp_auth *a)
{
    struct pa_server *s = &a->srv;
    if (s->sends > PA_EAP_SENDS && s->person) {
        s->again_at = PA_NEVER;         /* the deadline ends it */
        return;
    }
    if (s->sends > PA_EAP_SENDS) {
        uint32_t cause = s->end_cause ? s->end_cause : a->refused;
        pa_fail(a, cause ? cause : (uint32_t)ADIT_CAUSE_AUTH_TIMEOUT, NULL);
        return;
    }
    s->sends++;
    s->again_at = pa_now(a) + PA_AGAIN_MS;
    pa_tx(a, PPP_EAP, s->last, s->last_len);
}

static void tx_end(struct ppp_auth *a, uint8_t code)
{
    uint8_t packet[4];
    struct wr w = wr_of(packet, sizeof packet);
    wr_u8(&w, code);
    wr_u8(&w, a->srv.id);
    wr_u16(&w, 4);
    pa_tx(a, PPP_EAP, packet, sizeof packet);
}

void eap_success(struct ppp_auth *a)
{
    tx_end(a, EAP_SUCCESS);
    pa_peer_ok(a);
}

void eap_failure(struct ppp_auth *a, uint32_t cause, const char *text)
{
    tx_end(a, EAP_FAILURE);
    pa_fail(a, cause, text);
}

static void begin(struct ppp_auth *a, const struct eap_method *m)
{
    a->srv.eap = m;
    a->srv.method = m->bit;
    a->srv.eap_left &= ~m->bit;
    a->srv.eap_begun = false;
    m->server_begin(a);
}

/* The authenticator behind the query gets the packet as it is. */
static void relay(struct ppp_auth *a, const uint8_t *packet, size_t len)
{
    struct pa_server *s = &a->srv;
    s->method = ADIT_AUTH_EAP_RELAY;
    struct adit_auth_query q = {
        .id = s->id, .eap = packet, .eap_len = (uint32_t)len,
        .state = s->relay_state, .state_len = (uint32_t)s->relay_state_len };
    pa_ask(a, ADIT_AUTH_EAP_RELAY, &q);
}

static void relay_answer(struct ppp_auth *a, const struct adit_auth_answer *answer)
{
    struct pa_server *s = &a->srv;
    struct rd r = rd_of(answer->eap, answer->eap ? answer->eap_len : 0);
    uint8_t code = rd_u8(&r), id = rd_u8(&r);
    uint16_t len = rd_u16(&r);
    bool packet = rd_ok(&r) && len == answer->eap_len && len >= 4;

    switch (answer->verdict) {
    case ADIT_VERDICT_CHALLENGE: {
        if (!packet || code != EAP_REQUEST || len < 5) {
            eap_failure(a, ADIT_CAUSE_AUTH_UNAVAILABLE, "the authenticator gave no EAP request");
            return;
        }
        pa_drop(&s->relay_state, s->relay_state_len);
        s->relay_state_len = 0;
        if (answer->state && answer->state_len) {
            s->relay_state = malloc(answer->state_len);
            if (!s->relay_state) {
                eap_failure(a, ADIT_CAUSE_RESOURCE, NULL);
                return;
            }
            memcpy(s->relay_state, answer->state, answer->state_len);
            s->relay_state_len = answer->state_len;
        }
        s->id = id;
        await(a);
        /* RFC 3579 section 2.6.1: it says how long it is to be before we ask again. */
        if (answer->wait_ms) {
            uint64_t until = pa_now(a) + (answer->wait_ms < PA_WAIT_MAX ? answer->wait_ms : PA_WAIT_MAX);
            pa_person(a);
            s->again_at = until;
            if (s->deadline < until)
                s->deadline = until;
        }
        size_t rest;
        const uint8_t *data = rd_rest(&r, &rest);
        pa_send(a, PPP_EAP, &s->last, &s->last_len, code, id, data, rest);
        return;
    }
    case ADIT_VERDICT_ACCEPT:
        pa_grant(a, answer);
        if (packet && code == EAP_SUCCESS) {
            pa_tx(a, PPP_EAP, answer->eap, len);
            pa_peer_ok(a);
        } else {
            eap_success(a);
        }
        return;
    default:
        if (packet && code == EAP_FAILURE) {
            pa_tx(a, PPP_EAP, answer->eap, len);
            pa_fail(a, pa_cause(answer), answer->message);
        } else {
            eap_failure(a, pa_cause(answer), answer->message);
        }
    }
}

void eap_answer(struct ppp_auth *a, const struct adit_auth_answer *answer)
{
    if (a->srv.eap)
        a->srv.eap->server_answer(a, answer);
    else
        relay_answer(a, answer);
}

static bool identity(struct ppp_auth *a, struct rd *r, const uint8_t *packet, size_t len)
{
    struct pa_server *s = &a->srv;
    if (!pa_name(r, s->user))
        return false;
    const uint32_t local = s->eap_left & ~ADIT_AUTH_EAP_RELAY;
    if ((s->eap_left & ADIT_AUTH_EAP_RELAY) && (a->eap_first == ADIT_AUTH_EAP_RELAY || !local)) {
        relay(a, packet, len);
        return true;
    }
    const struct eap_method *m = NULL;
    for (int i = 0; i < METHODS; i++)
        if ((methods[i]->bit & local) && (!m || methods[i]->bit == a->eap_first))
            m = methods[i];
    if (m)
        begin(a, m);
    else
        eap_failure(a, ADIT_CAUSE_NO_COMMON_METHOD, NULL);
    return true;
}

/* RFC 3748 section 5.3.1: the peer names what it would rather have. M2: follow
 * it to a method that is permitted. */
static bool nak(struct ppp_auth *a, struct rd *r)
{
    struct pa_server *s = &a->srv;
    if (!s->eap || s->eap_begun)
        return false;
    while (rd_left(r) > 0) {
        const struct eap_method *m = method_of(rd_u8(r), s->eap_left);
        if (m) {
            eap_tls_free(s->tls);
            s->tls = NULL;
            begin(a, m);
            return true;
        }
    }
    eap_failure(a, ADIT_CAUSE_NO_COMMON_METHOD, "the peer refuses the EAP methods that are permitted");
    return true;
}

static bool server_rx(struct ppp_auth *a, uint8_t id, struct rd *r, const uint8_t *packet, size_t len)
{
    struct pa_server *s = &a->srv;
    if (id != s->id)
        return false;
    if (s->state == PA_ASK)
        return true;                    /* a duplicate while we ask */
    if (s->state != PA_WAIT)
        return false;
    if (s->method == ADIT_AUTH_EAP_RELAY) {
        relay(a, packet, len);
        return true;
    }
    uint8_t type = rd_u8(r);
    if (!rd_ok(r))
        return false;
    if (type == EAP_IDENTITY)
        return s->eap_type == EAP_IDENTITY && identity(a, r, packet, len);
    if (type == EAP_NAK)
        return nak(a, r);
    if (type == EAP_EXPANDED && s->eap && !s->eap_begun) {
        struct rd none = rd_of(NULL, 0);        /* an Expanded Nak: nothing of ours in it */
        return nak(a, &none);
    }
    if (!s->eap || type != s->eap_type)
        return false;
    bool begun = s->eap_begun;
    s->eap_begun = true;
    bool used = s->eap->server_rx(a, r);
    if (!used)
        s->eap_begun = begun;
    return used;
}

/* ---- the peer ------------------------------------------------------------------------ */

void eap_respond(struct ppp_auth *a, const uint8_t *data, size_t len)
{
    struct pa_peer *p = &a->peer;
    pa_send(a, PPP_EAP, &p->last, &p->last_len, EAP_RESPONSE, p->id, data, len);
}

static void say_nak(struct ppp_auth *a)
{
    uint8_t data[1 + METHODS + 1];
    struct wr w = wr_of(data, sizeof data);
    wr_u8(&w, EAP_NAK);
    for (int i = 0; i < METHODS; i++)
        if (a->peer.methods & methods[i]->bit)
            wr_u8(&w, methods[i]->type);
    if (wr_len(&w) == 1)
        wr_u8(&w, 0);                   /* none */
    eap_respond(a, data, wr_len(&w));
}

static bool peer_request(struct ppp_auth *a, uint8_t id, struct rd *r)
{
    struct pa_peer *p = &a->peer;
    uint8_t type = rd_u8(r);
    if (!rd_ok(r) || type == 0 || type == EAP_NAK)
        return false;
    if (p->last && id == p->id && type == p->eap_type) {        /* RFC 3748 section 4.1 */
        pa_tx(a, PPP_EAP, p->last, p->last_len);
        return true;
    }
    if (p->state != PA_WAIT)
        return false;
    uint8_t id_before = p->id, type_before = p->eap_type;
    p->id = id;
    p->eap_type = type;
    if (type == EAP_IDENTITY) {
        uint8_t data[1 + PA_NAME];
        struct wr w = wr_of(data, sizeof data);
        wr_u8(&w, EAP_IDENTITY);
        wr_bytes(&w, a->user, strlen(a->user));
        eap_respond(a, data, wr_len(&w));
        return true;
    }
    if (type == EAP_NOTIFICATION) {
        uint8_t data = EAP_NOTIFICATION;
        eap_respond(a, &data, 1);
        return true;
    }
    const struct eap_method *m = method_of(type, p->methods);
    if (!p->eap && !m) {
        say_nak(a);
        return true;
    }
    /* One method in a conversation (RFC 3748 section 2.1). */
    if (m && (!p->eap || p->eap == m) && m->peer_rx(a, r)) {
        p->eap = m;
        p->method = m->bit;
        return true;
    }
    p->id = id_before;
    p->eap_type = type_before;
    return false;
}

static bool peer_end(struct ppp_auth *a, uint8_t code, uint8_t id)
{
    struct pa_peer *p = &a->peer;
    /* The identifier of our response; some servers count one on. */
    if (p->state != PA_WAIT || !p->last || (id != p->id && id != (uint8_t)(p->id + 1)))
        return false;
    if (code == EAP_SUCCESS) {
        /* Not before the method says so: a Success out of the blue is what an
         * attacker without the secret can send. */
        if (!p->eap_ready)
            return false;
        pa_our_ok(a);
        return true;
    }
    uint32_t cause = p->end_cause;
    if (!cause)
        cause = p->eap || p->eap_type == EAP_IDENTITY ? ADIT_CAUSE_AUTH_FAILED
                                                      : ADIT_CAUSE_NO_COMMON_METHOD;
    a->refused = cause;
    pa_fail(a, cause, NULL);
    return true;
}

bool eap_rx(struct ppp_auth *a, uint8_t code, uint8_t id, struct rd *r,
            const uint8_t *packet, size_t len)
{
    switch (code) {
    case EAP_RESPONSE:
        return a->srv.proto == PPP_EAP && server_rx(a, id, r, packet, len);
    case EAP_REQUEST:
        return a->peer.proto == PPP_EAP && peer_request(a, id, r);
    case EAP_SUCCESS:
    case EAP_FAILURE:
        return a->peer.proto == PPP_EAP && peer_end(a, code, id);
    default:
        return false;
    }
}
