/* ppp_auth.c - the authentication half of a link: what its protocols share.
 *
 * Knows:  the two roles, which packets belong to which, the open query, the
 *         timers, the ends.
 * Leaves: packets to pap.c, chap.c and eap.c.
 */
#include "ppp/ppp_auth_in.h"

#include <stdlib.h>

/* Callbacks may end us: what they free lives until the outermost call returns. */
static void enter(struct ppp_auth *a) { a->busy++; }

void pa_drop(uint8_t **p, size_t len)
{
    if (*p)
        bytes_wipe(*p, len);
    free(*p);
    *p = NULL;
}

static void server_fini(struct pa_server *s)
{
    eap_tls_free(s->tls);
    pa_drop(&s->last, s->last_len);
    pa_drop(&s->relay_state, s->relay_state_len);
    bytes_wipe(s, sizeof *s);
}

static void peer_fini(struct pa_peer *p)
{
    eap_tls_free(p->tls);
    pa_drop(&p->last, p->last_len);
    bytes_wipe(p, sizeof *p);
}

static void destroy(struct ppp_auth *a)
{
    server_fini(&a->srv);
    peer_fini(&a->peer);
    if (a->password)
        bytes_wipe(a->password, strlen(a->password));
    if (a->new_password)
        bytes_wipe(a->new_password, strlen(a->new_password));
    free(a->password);
    free(a->new_password);
    free(a->our_name);
    free(a->user);
    free(a->tls_name);
    bytes_wipe(a, sizeof *a);
    free(a);
}

static void leave(struct ppp_auth *a)
{
    if (--a->busy)
        return;
    if (a->dead) {
        destroy(a);
        return;
    }
    if (a->over)
        return;
    uint64_t at = PA_NEVER, all[4] = { a->srv.again_at, a->srv.deadline,
                                       a->peer.again_at, a->peer.deadline };
    for (int i = 0; i < 4; i++)
        if (all[i] < at)
            at = all[i];
    uint64_t now = pa_now(a);
    a->ops.timer(a->u, at == PA_NEVER ? PA_NEVER : at > now ? at - now : 0);
}

uint64_t pa_now(struct ppp_auth *a) { return a->ops.now(a->u); }

void pa_tx(struct ppp_auth *a, uint16_t proto, const uint8_t *data, size_t len)
{
    if (!a->over && !a->dead)
        a->ops.tx(a->u, proto, data, len);
}

bool pa_name(struct rd *r, char out[PA_NAME + 1])
{
    size_t len;
    const uint8_t *p = rd_rest(r, &len);
    out[0] = '\0';
    if (!p || len > PA_NAME || memchr(p, 0, len))
        return false;
    memcpy(out, p, len);
    out[len] = '\0';
    return true;
}

void pa_send(struct ppp_auth *a, uint16_t proto, uint8_t **last, size_t *last_len,
             uint8_t code, uint8_t id, const uint8_t *data, size_t len)
{
    uint8_t *packet = malloc(len + 4);
    if (!packet) {
        pa_fail(a, ADIT_CAUSE_RESOURCE, NULL);
        return;
    }
    struct wr w = wr_of(packet, len + 4);
    wr_u8(&w, code);
    wr_u8(&w, id);
    wr_u16(&w, (uint16_t)(len + 4));
    wr_bytes(&w, data, len);
    pa_drop(last, *last_len);
    *last = packet;
    *last_len = len + 4;
    pa_tx(a, proto, packet, len + 4);
}

bool pa_is_ours(const struct ppp_auth *a, const uint8_t *challenge, size_t len)
{
    return len > 0 && len == a->srv.challenge_len && bytes_equal(challenge, a->srv.challenge, len);
}

void pa_ask(struct ppp_auth *a, uint32_t method, struct adit_auth_query *q)
{
    q->size = sizeof *q;
    q->method = method;
    q->user = a->srv.user;
    a->srv.state = PA_ASK;
    a->srv.again_at = PA_NEVER;
    a->srv.person = false;
    if (!a->over && !a->dead)
        a->ops.query(a->u, q);
}

void pa_grant(struct ppp_auth *a, const struct adit_auth_answer *answer)
{
    struct adit_auth_answer *g = &a->srv.granted;
    *g = *answer;
    g->size = sizeof *g;
    g->attrs = NULL;
    g->message = NULL;
    g->eap = g->state = NULL;
    g->eap_len = g->state_len = 0;
    /* W15: what proves only a password makes no key, whoever sends one along. */
    if (a->srv.method & (ADIT_AUTH_PAP | ADIT_AUTH_CHAP | ADIT_AUTH_EAP_MD5))
        g->key_len = 0;
    if (g->key_len > sizeof g->send_key)
        g->key_len = sizeof g->send_key;
}

void pa_peer_ok(struct ppp_auth *a)
{
    if (a->over || a->dead || a->srv.state == PA_DONE)
        return;
    a->srv.state = PA_DONE;
    a->srv.again_at = a->srv.deadline = PA_NEVER;
    a->refused = ADIT_CAUSE_NONE;
    eap_tls_free(a->srv.tls);
    a->srv.tls = NULL;
    a->ops.peer_ok(a->u, a->srv.user, a->srv.method, &a->srv.granted);
    bytes_wipe(&a->srv.granted, sizeof a->srv.granted);     /* whoever needs them has them */
}

void pa_our_ok(struct ppp_auth *a)
{
    if (a->over || a->dead)
        return;
    a->peer.state = PA_DONE;
    a->peer.again_at = a->peer.deadline = PA_NEVER;
    eap_tls_free(a->peer.tls);
    a->peer.tls = NULL;
    if (a->peer.said_ok)
        return;
    a->peer.said_ok = true;
    a->changed = a->peer.changing;
    a->ops.our_ok(a->u, a->peer.method, &a->peer.keys);
    bytes_wipe(&a->peer.keys, sizeof a->peer.keys);
}

void pa_fail(struct ppp_auth *a, uint32_t cause, const char *text)
{
    if (a->over || a->dead)
        return;
    a->over = true;
    a->srv.state = a->peer.state = PA_OFF;
    a->ops.timer(a->u, PA_NEVER);
    a->ops.failed(a->u, cause, text);
}

uint32_t pa_cause(const struct adit_auth_answer *answer)
{
    if (answer->verdict == ADIT_VERDICT_REJECT)
        return answer->cause ? answer->cause : (uint32_t)ADIT_CAUSE_AUTH_FAILED;
    return ADIT_CAUSE_AUTH_UNAVAILABLE;     /* ERROR, NEXT, or what makes no sense here */
}

void pa_person(struct ppp_auth *a)
{
    a->srv.person = true;
    a->srv.deadline = pa_now(a) + a->timeout_ms;
}

/* ---- the object ---------------------------------------------------------------- */

struct ppp_auth *ppp_auth_new(const struct ppp_cfg *cfg, const struct ppp_auth_ops *ops, void *u)
{
    struct ppp_auth *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    a->ops = *ops;
    a->u = u;
    a->our_name = strndup(cfg->our_name ? cfg->our_name : "", PA_NAME);
    a->user = strndup(cfg->user ? cfg->user : "", PA_NAME);
    a->password = strdup(cfg->password ? cfg->password : "");
    a->new_password = cfg->new_password ? strdup(cfg->new_password) : NULL;
    a->tls_name = strdup(cfg->tls_name ? cfg->tls_name : "");
    a->tls = cfg->tls;
    a->allow = cfg->auth_allow;
    a->eap_first = cfg->auth_eap;
    a->timeout_ms = cfg->auth_timeout_ms ? cfg->auth_timeout_ms : 30000;
    a->mtu = 1500;
    a->srv.again_at = a->srv.deadline = a->peer.again_at = a->peer.deadline = PA_NEVER;
    if (!a->our_name || !a->user || !a->password || !a->tls_name ||
        (cfg->new_password && !a->new_password)) {
        destroy(a);
        return NULL;
    }
    return a;
}

void ppp_auth_free(struct ppp_auth *a)
{
    if (!a)
        return;
    a->dead = true;
    if (!a->busy)
        destroy(a);
}

void ppp_auth_demand(struct ppp_auth *a, uint32_t methods)
{
    struct pa_server *s = &a->srv;
    if (a->over)
        return;
    enter(a);
    server_fini(s);
    s->state = PA_WAIT;
    s->again_at = PA_NEVER;
    s->deadline = pa_now(a) + a->timeout_ms;
    a->ops.random(a->u, &s->id, 1);
    if (methods & PA_EAP_METHODS) {
        s->proto = PPP_EAP;
        s->eap_left = methods & PA_EAP_METHODS;
        eap_server_start(a);
    } else if (methods & (ADIT_AUTH_MSCHAPV2 | ADIT_AUTH_MSCHAPV1 | ADIT_AUTH_CHAP)) {
        s->proto = PPP_CHAP;
        s->method = methods & ADIT_AUTH_MSCHAPV2 ? ADIT_AUTH_MSCHAPV2
                    : methods & ADIT_AUTH_MSCHAPV1 ? ADIT_AUTH_MSCHAPV1 : ADIT_AUTH_CHAP;
        chap_server_start(a);
    } else if (methods & ADIT_AUTH_PAP) {
        s->proto = PPP_PAP;     /* the peer speaks first */
        s->method = ADIT_AUTH_PAP;
    } else {
        pa_fail(a, ADIT_CAUSE_NO_COMMON_METHOD, NULL);
    }
    leave(a);
}

void ppp_auth_obey(struct ppp_auth *a, uint32_t methods)
{
    struct pa_peer *p = &a->peer;
    if (a->over)
        return;
    enter(a);
    peer_fini(p);
    p->state = PA_WAIT;
    p->again_at = PA_NEVER;
    p->deadline = pa_now(a) + a->timeout_ms;
    a->ops.random(a->u, &p->id, 1);
    /* Whatever LCP agreed: a password leaves this host only in a way that the
     * configuration allows. */
    p->methods = methods & a->allow;
    if (!a->tls)
        p->methods &= ~ADIT_AUTH_EAP_TLS;
    if (p->methods & (ADIT_AUTH_EAP_MD5 | ADIT_AUTH_EAP_MSCHAPV2 | ADIT_AUTH_EAP_TLS)) {
        p->proto = PPP_EAP;
    } else if (p->methods & (ADIT_AUTH_MSCHAPV2 | ADIT_AUTH_MSCHAPV1 | ADIT_AUTH_CHAP)) {
        p->proto = PPP_CHAP;
        p->method = p->methods & ADIT_AUTH_MSCHAPV2 ? ADIT_AUTH_MSCHAPV2
                    : p->methods & ADIT_AUTH_MSCHAPV1 ? ADIT_AUTH_MSCHAPV1 : ADIT_AUTH_CHAP;
    } else if (p->methods & ADIT_AUTH_PAP) {
        p->proto = PPP_PAP;
        p->method = ADIT_AUTH_PAP;
        pap_peer_start(a);
    } else {
        pa_fail(a, ADIT_CAUSE_NO_COMMON_METHOD, NULL);
    }
    leave(a);
}

bool ppp_auth_again(struct ppp_auth *a)
{
    struct pa_server *s = &a->srv;
    if (a->over || s->state != PA_DONE || s->proto != PPP_CHAP)
        return false;
    uint32_t method = s->method;
    uint8_t id = (uint8_t)(s->id + 1);  /* it must change (RFC 1994 section 4.1) */
    enter(a);
    server_fini(s);
    s->state = PA_WAIT;
    s->proto = PPP_CHAP;
    s->method = method;
    s->id = id;
    s->deadline = pa_now(a) + a->timeout_ms;
    chap_server_start(a);
    leave(a);
    return true;
}

bool ppp_auth_rx(struct ppp_auth *a, uint16_t proto, const uint8_t *data, size_t len)
{
    struct rd r = rd_of(data, len);
    uint8_t code = rd_u8(&r), id = rd_u8(&r);
    uint16_t total = rd_u16(&r);
    if (a->over || !rd_ok(&r) || total < 4)
        return false;
    struct rd body = rd_sub(&r, total - 4u);    /* what follows is padding */
    if (!rd_ok(&body))
        return false;
    bool used = false;
    enter(a);
    if (proto == PPP_PAP)
        used = pap_rx(a, code, id, &body);
    else if (proto == PPP_CHAP)
        used = chap_rx(a, code, id, &body);
    else if (proto == PPP_EAP)
        used = eap_rx(a, code, id, &body, data, total);
    leave(a);
    return used;
}

void ppp_auth_answer_take(struct ppp_auth *a, const struct adit_auth_answer *answer)
{
    if (a->over || a->srv.state != PA_ASK)
        return;
    enter(a);
    a->srv.state = PA_WAIT;
    if (answer->verdict != ADIT_VERDICT_ACCEPT && answer->verdict != ADIT_VERDICT_CHALLENGE)
        a->refused = pa_cause(answer);
    if (a->srv.proto == PPP_PAP)
        pap_answer(a, answer);
    else if (a->srv.proto == PPP_CHAP)
        chap_answer(a, answer);
    else
        eap_answer(a, answer);
    leave(a);
}

void ppp_auth_tick(struct ppp_auth *a)
{
    if (a->over)
        return;
    enter(a);
    uint64_t now = pa_now(a);
    if (a->srv.deadline <= now) {
        pa_fail(a, a->srv.state == PA_ASK ? (uint32_t)ADIT_CAUSE_AUTH_UNAVAILABLE
                   : a->refused ? a->refused : (uint32_t)ADIT_CAUSE_AUTH_TIMEOUT, NULL);
    } else if (a->peer.deadline <= now) {
        pa_fail(a, a->peer.end_cause ? a->peer.end_cause : (uint32_t)ADIT_CAUSE_AUTH_TIMEOUT, NULL);
    }
    if (!a->over && a->srv.again_at <= now) {
        if (a->srv.proto == PPP_CHAP)
            chap_server_again(a);
        else
            eap_server_again(a);
    }
    if (!a->over && a->peer.again_at <= now) {
        if (a->peer.sends >= PA_SENDS) {
            a->peer.again_at = PA_NEVER;
            pa_fail(a, ADIT_CAUSE_AUTH_TIMEOUT, NULL);
        } else {
            a->peer.sends++;
            a->peer.again_at = now + PA_AGAIN_MS;
            if (a->peer.proto == PPP_PAP)
                pap_peer_again(a);
            else
                pa_tx(a, a->peer.proto, a->peer.last, a->peer.last_len);
        }
    }
    leave(a);
}

void ppp_auth_mtu(struct ppp_auth *a, uint16_t mtu) { a->mtu = mtu < 64 ? 64 : mtu; }

void ppp_auth_network(struct ppp_auth *a)
{
    if (a->over || a->peer.proto != PPP_EAP || a->peer.state != PA_WAIT || !a->peer.eap_ready)
        return;
    enter(a);
    pa_our_ok(a);
    leave(a);
}

uint32_t ppp_auth_refused(const struct ppp_auth *a) { return a->refused; }

bool ppp_auth_changed(const struct ppp_auth *a) { return a->changed; }

const char *ppp_auth_peer_name(const struct ppp_auth *a) { return a->peer_name; }
