/* ike.c - ISAKMP SAs: found, begun, kept, ended; peers, calls, time.
 *
 * Knows:  which message belongs to which SA, which SA to which peer, what is
 *         due when, what is repeated.
 * Leaves: main mode to ike_main, quick mode to ike_quick, notifications to
 *         ike_info, fragments to ike_frag, limits to ike_guard.
 */
#include "ike_int.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>

#define COOKIE_BITS 10u

/* ---- small things -------------------------------------------------------------- */

void ike_host(const struct adit_addr *a, char *out, size_t len)
{
    if (!inet_ntop(a->family == ADIT_AF_IPV6 ? AF_INET6 : AF_INET, a->ip, out, (socklen_t)len))
        snprintf(out, len, "?");
}

struct adit_addr ike_our(const struct adit_path *path, bool at_4500)
{
    struct adit_addr a = path->our;
    if (!a.port)
        a.port = at_4500 ? 4500 : 500;
    return a;
}

uint64_t ike_digest_of(const struct ike *k, const uint8_t *p, size_t len)
{
    uint64_t d = (uint64_t)adit_hash_of(p, len, k->seed[0]) << 32 | adit_hash_of(p, len, k->seed[1]);
    return d ? d : 1;
}

void ike_say(struct ike_sa *sa, enum ike_say what, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    sa->k->ops->say(sa->k->u, what, sa, &sa->path->peer, text);
}

uint64_t ike_soft(struct ike *k, uint64_t hard, bool initiator)
{
    uint64_t margin = hard / 100 * k->conf.rekey_margin_pct, early = margin;
    uint32_t r;
    if (initiator && margin) {
        k->ops->random((uint8_t *)&r, sizeof r);
        early += r % margin;
    } else {
        early = margin / 2;     /* who asked first asks again first */
    }
    return hard - (early < hard / 2 ? early : hard / 2);
}

/* ---- time ------------------------------------------------------------------------ */

void ike_due(struct ike *k, uint64_t at_ms)
{
    if (at_ms && (!k->wake_at || at_ms < k->wake_at))
        k->wake_at = at_ms;
}

static void arm(struct ike *k)
{
    uint64_t now = ike_now(k);
    if (k->wake_at == k->armed_at)
        return;
    k->armed_at = k->wake_at;
    k->ops->wake(k->u, !k->wake_at ? 0 : k->wake_at > now + 1 ? k->wake_at - now : 1);
}

void ike_enter(struct ike *k) { k->depth++; }

static void peer_free(struct ike_peer *p)
{
    while (!adit_list_empty(&p->bonds))
        ike_bond_free(ADIT_OF(p->bonds.next, struct ike_bond, node));
    adit_list_del(&p->node);
    free(p->identity);
    free(p);
}

static void sa_free(struct ike_sa *sa)
{
    adit_list_del(&sa->node);
    adit_list_del(&sa->peer_node);
    ike_keys_wipe(&sa->keys);
    ike_sent_free(&sa->sent);
    ike_frag_free(sa);
    if (sa->auth)
        ike_auth_free(sa->auth);
    if (sa->path)
        sa->k->ops->drop(sa->k->u, sa->path);
    free(sa->sa_body);
    free(sa->identity);
    free(sa);
}

static void want_free(struct ike_want *w)
{
    if (w->bond && w->bond->rekey == w)
        w->bond->rekey = NULL;
    if (w->quick)
        w->quick->want = NULL;
    adit_list_del(&w->node);
    free(w->identity);
    free(w);
}

/* What calls wait for is said when nothing of ours is on the stack any more. */
static void deliver(struct ike *k)
{
    bool again = true;
    while (again) {
        again = false;
        ADIT_LIST_EACH(n, &k->wants) {
            struct ike_want *w = ADIT_OF(n, struct ike_want, node);
            if (!w->over)
                continue;
            struct ike_call c = w->call;
            struct sad_assoc *a = w->assoc;
            int32_t code = w->code;
            char why[256];
            memcpy(why, w->why, sizeof why);
            want_free(w);
            if (c.done)
                c.done(c.u, a, code, code ? why : NULL);
            again = true;
            break;              /* the list may be another one now */
        }
    }
}

static void reap(struct ike *k)
{
    ADIT_LIST_EACH(n, &k->dead_quicks)
        ike_quick_free(ADIT_OF(n, struct ike_quick, node));
    ADIT_LIST_EACH(n, &k->dead_sas)
        sa_free(ADIT_OF(n, struct ike_sa, peer_node));
    if (!k->reap_peers)
        return;                 /* a flood's half-open SAs had none */
    k->reap_peers = false;
    ADIT_LIST_EACH(n, &k->peers) {
        struct ike_peer *p = ADIT_OF(n, struct ike_peer, node);
        if (p->dead || (adit_list_empty(&p->sas) && adit_list_empty(&p->bonds)))
            peer_free(p);
    }
}

void ike_leave(struct ike *k)
{
    if (k->depth == 1) {
        deliver(k);
        while (k->reap) {
            k->reap = false;
            reap(k);
            deliver(k);
        }
        if (!k->ending)
            arm(k);
    }
    k->depth--;
}

void ike_seen(struct ike *k, const struct adit_path *path, bool sent, const uint8_t *p, size_t len)
{
    if (k->ops->seen)
        k->ops->seen(k->u, &path->peer, sent, p, len);
}

/* ---- sending ------------------------------------------------------------------------ */

struct ike_hdr ike_hdr_of(const struct ike_sa *sa, uint8_t exchange, uint8_t flags,
                          uint32_t message_id)
{
    struct ike_hdr h = { .version = 0x10, .exchange = exchange, .flags = flags,
                         .message_id = message_id };
    memcpy(h.cookie_i, sa->cookie_i, 8);
    memcpy(h.cookie_r, sa->cookie_r, 8);
    return h;
}

size_t ike_close(struct ike_sa *sa, struct ike_out *o, uint8_t *iv)
{
    size_t len = ike_out_done(o);
    if (len == 0)
        return 0;
    size_t block = sa->keys.cipher->block;
    size_t pad = (block - (len - IKE_HDR_LEN) % block) % block;
    wr_zero(&o->w, pad);
    if (!wr_ok(&o->w))
        return 0;
    len += pad;
    uint8_t *p = o->w.base;
    struct wr w = wr_of(p + 24, 4);
    wr_u32(&w, (uint32_t)len);
    p[19] |= IKE_F_ENCRYPTED;
    ike_seen(sa->k, sa->path, true, p, len);
    return ike_encrypt(sa->k->lib, &sa->keys, iv, p + IKE_HDR_LEN, len - IKE_HDR_LEN) ? len : 0;
}

bool ike_open(struct ike_sa *sa, const struct ike_keys *keys, struct ike_rx *rx, uint8_t *iv)
{
    struct ike *k = sa->k;
    size_t len = rx->hdr.length;
    if (!keys->cipher || !(rx->hdr.flags & IKE_F_ENCRYPTED) || len > sizeof k->clear ||
        len <= IKE_HDR_LEN || (len - IKE_HDR_LEN) % keys->cipher->block)
        return false;
    memcpy(k->clear, rx->bytes, len);
    if (!ike_decrypt(k->lib, keys, iv, k->clear + IKE_HDR_LEN, len - IKE_HDR_LEN) ||
        ike_msg_parse(&rx->m, k->clear, len) != IKE_MSG_OK)
        return false;
    ike_seen(k, rx->path, false, k->clear, len);
    return true;
}

void ike_tx(struct ike_sa *sa, struct adit_path *path, const uint8_t *p, size_t len)
{
    struct ike *k = sa->k;
    sa->sent_at = ike_now(k);
    if (k->conf.mtu && len > k->conf.mtu && sa->fragments) {
        ike_frag_tx(sa, path, p, len);
        return;
    }
    IKE_COUNT(k, TX);
    k->ops->tx(k->u, path, p, len);
}

void ike_sent_stop(struct ike_sent *s) { s->retry_at = 0; }

void ike_sent_free(struct ike_sent *s)
{
    free(s->p);
    *s = (struct ike_sent){ 0 };
}

void ike_send(struct ike_sa *sa, struct ike_sent *s, struct adit_path *path, const uint8_t *p,
              size_t len, bool retry)
{
    struct ike *k = sa->k;
    ike_sent_free(s);
    if (len == 0)
        return;
    if (!(p[19] & IKE_F_ENCRYPTED))     /* else it was shown before it was closed */
        ike_seen(k, path, true, p, len);
    s->p = malloc(len);
    if (s->p) {
        memcpy(s->p, p, len);
        s->len = len;
    }
    if (retry) {
        s->rto = k->conf.rto_ms;
        s->tries = k->conf.tries;
        s->retry_at = ike_now(k) + s->rto;
        ike_due(k, s->retry_at);
    }
    ike_tx(sa, path, p, len);
}

void ike_repeat(struct ike_sa *sa, struct ike_sent *s, struct adit_path *path)
{
    uint64_t now = ike_now(sa->k);
    if (!s->p || s->repeats >= IKE_REPEATS_MAX ||
        (s->repeats && now - s->repeated_at < IKE_REPEAT_MS))
        return;
    s->repeats++;
    s->repeated_at = now;
    IKE_COUNT(sa->k, TX_AGAIN);
    ike_tx(sa, path, s->p, s->len);
}

/* True: the last try went unanswered. */
static bool sent_tick(struct ike_sa *sa, struct ike_sent *s, uint64_t now)
{
    struct ike *k = sa->k;
    if (!s->retry_at)
        return false;
    if (now >= s->retry_at) {
        if (!s->tries || !s->p) {
            s->retry_at = 0;
            return true;
        }
        s->tries--;
        s->rto = s->rto * 2 < k->conf.rto_max_ms ? s->rto * 2 : k->conf.rto_max_ms;
        s->retry_at = now + s->rto;
        IKE_COUNT(k, TX_AGAIN);
        ike_tx(sa, sa->path, s->p, s->len);
    }
    ike_due(k, s->retry_at);
    return false;
}

void ike_refuse(struct ike *k, struct adit_path *path, const struct ike_hdr *of, uint16_t type)
{
    uint8_t buf[128];
    struct ike_hdr h = { .version = 0x10, .exchange = IKE_X_INFORMATIONAL };
    if (!ike_guard_reply(k))
        return;
    memcpy(h.cookie_i, of->cookie_i, 8);
    memcpy(h.cookie_r, of->cookie_r, 8);
    k->ops->random((uint8_t *)&h.message_id, sizeof h.message_id);
    struct ike_out o = ike_out_of(buf, sizeof buf, &h);
    ike_out_begin(&o, IKE_P_NOTIFY);
    ike_out_notify(&o, IKE_PROTO_ISAKMP, type, NULL, 0, NULL, 0);
    ike_out_end(&o);
    size_t len = ike_out_done(&o);
    if (len == 0)
        return;
    ike_seen(k, path, true, buf, len);
    IKE_COUNT(k, TX);
    k->ops->tx(k->u, path, buf, len);
}

/* ---- slow work ------------------------------------------------------------------------- */

/* ANY THREAD: touches the work and what its owner left alone meanwhile. */
static void work_run(struct ike_job *j)
{
    struct ike_work *w = ADIT_OF(j, struct ike_work, job);
    struct ike_x *x = (struct ike_x *)(void *)w;        /* for signatures: main mode's */
    w->ok = true;
    if ((w->steps & IKE_DO_DH) && !w->dh) {
        w->dh = ike_dh_new(w->lib, w->group);
        if (w->dh)
            ike_dh_public(w->dh, w->our_ke);
        else
            w->ok = false;
    }
    if (w->ok && (w->steps & IKE_DO_SHARED))
        w->ok = w->dh && ike_dh_shared(w->dh, w->peer_ke, w->group->public_len, w->g_xy);
    if (w->ok && (w->steps & IKE_DO_VERIFY)) {
        x->code = ike_auth_verify(w->auth, x->method, x->certs, x->cert_count, &x->id,
                                  x->peer_hash, x->hash_len, x->peer_sig, x->peer_sig_len,
                                  x->now_s, x->want[0] ? x->want : NULL, x->identity,
                                  sizeof x->identity, x->why, sizeof x->why);
        w->ok = x->code == 0;
    }
    if (w->ok && (w->steps & IKE_DO_SIGN)) {
        x->our_sig_len = ike_auth_sign(w->auth, x->method, x->our_hash, x->hash_len, x->our_sig,
                                       sizeof x->our_sig);
        if (!x->our_sig_len) {
            w->ok = false;
            snprintf(x->why, sizeof x->why, "our private key does not sign: look at \"key\"");
        }
    }
}

static void work_done(struct ike_job *j)
{
    struct ike_work *w = ADIT_OF(j, struct ike_work, job);
    struct ike *k = w->k;
    w->out = false;
    adit_list_del(&w->node);
    if (!k) {
        w->release(w);
        return;
    }
    ike_enter(k);
    w->then(w);
    ike_leave(k);
}

bool ike_work(struct ike *k, struct ike_work *w, struct ike_auth *auth, uint32_t steps)
{
    if (w->out)
        return false;
    w->job = (struct ike_job){ work_run, work_done };
    w->k = k;
    w->lib = k->lib;
    if (!w->auth)
        w->auth = ike_auth_hold(auth);
    w->steps = steps;
    w->out = true;
    w->ok = false;              /* a job that was never run has failed */
    adit_list_add(&k->works, &w->node);
    if (k->ops->work(k->u, &w->job))
        return true;
    w->out = false;
    adit_list_del(&w->node);
    return false;
}

void ike_work_end(struct ike_work *w)
{
    if (w->out) {
        w->k = NULL;
        adit_list_del(&w->node);
    } else {
        w->release(w);
    }
}

void ike_work_fini(struct ike_work *w)
{
    if (w->dh)
        ike_dh_free(w->dh);
    if (w->auth)
        ike_auth_free(w->auth);
    bytes_wipe(w->g_xy, sizeof w->g_xy);
}

/* ---- ISAKMP SAs --------------------------------------------------------------------------- */

static uint32_t cookie_hash(const struct ike *k, const uint8_t *cookie)
{
    return adit_hash_of(cookie, 8, k->seed[0]);
}

struct ike_sa *ike_sa_new(struct ike *k, struct adit_path *path, bool at_4500, bool initiator)
{
    struct ike_sa *sa = calloc(1, sizeof *sa);
    if (!sa)
        return NULL;
    sa->k = k;
    sa->number = ++k->next_number;
    sa->initiator = initiator;
    sa->at_4500 = at_4500;
    sa->path = k->ops->hold(k->u, path);
    sa->auth = ike_auth_hold(k->auth);
    sa->since_ms = ike_now(k);
    sa->deadline_ms = sa->since_ms + k->conf.setup_ms;
    ike_due(k, sa->deadline_ms);
    adit_list_init(&sa->quicks);
    adit_list_add(&k->sas, &sa->node);
    k->sa_count++;
    return sa;
}

void ike_sa_set_cookie(struct ike_sa *sa)
{
    const uint8_t *ours = sa->initiator ? sa->cookie_i : sa->cookie_r;
    adit_hash_add(&sa->k->cookies, cookie_hash(sa->k, ours), &sa->cookie_node);
}

static bool zero8(const uint8_t *p)
{
    static const uint8_t none[8];
    return memcmp(p, none, 8) == 0;
}

static struct ike_sa *sa_find(struct ike *k, const struct ike_hdr *h)
{
    const uint8_t *both[2] = { h->cookie_r, h->cookie_i };
    for (uint32_t i = 0; i < 2; i++) {
        struct adit_node *chain = adit_hash_chain(&k->cookies, cookie_hash(k, both[i]));
        ADIT_LIST_EACH(n, chain) {
            struct ike_sa *sa = ADIT_OF(n, struct ike_sa, cookie_node);
            if (sa->initiator != (i == 1) || memcmp(sa->cookie_i, h->cookie_i, 8) != 0)
                continue;
            if (memcmp(sa->cookie_r, h->cookie_r, 8) == 0 ||
                (sa->initiator && (zero8(sa->cookie_r) || zero8(h->cookie_r))))
                return sa;
        }
    }
    return NULL;
}

static void want_go(struct ike *k, struct ike_want *w);

void ike_sa_end(struct ike_sa *sa, int32_t code, const char *why)
{
    struct ike *k = sa->k;
    bool was_up = sa->state == IKE_S_UP;
    if (sa->dead)
        return;
    sa->dead = true;
    sa->state = IKE_S_ENDED;
    ike_guard_del(sa);
    adit_hash_del(&k->cookies, &sa->cookie_node);
    k->sa_count--;
    if (sa->peer) {
        adit_list_del(&sa->peer_node);
        sa->peer->sa_count--;
        sa->peer = NULL;
        k->reap_peers = true;
    }
    if (sa->x) {
        struct ike_x *x = sa->x;
        sa->x = NULL;
        x->sa = NULL;
        ike_work_end(&x->w);
    }
    ike_sent_stop(&sa->sent);
    ADIT_LIST_EACH(n, &sa->quicks) {
        struct ike_quick *q = ADIT_OF(n, struct ike_quick, node);
        if (q->want) {
            q->want->quick = NULL;
            q->want = NULL;
        }
        ike_quick_end(q);
    }
    adit_list_add(&k->dead_sas, &sa->peer_node);        /* in ike.sas, too, until it is freed */
    k->reap = true;
    /* An SA that was up and went under a quick mode: once more with another. */
    bool again = true;
    while (again) {
        again = false;
        ADIT_LIST_EACH(n, &k->wants) {
            struct ike_want *w = ADIT_OF(n, struct ike_want, node);
            if (w->sa != sa || w->over)
                continue;
            w->sa = NULL;
            if (was_up && !w->fresh && !k->ending) {
                w->fresh = true;
                want_go(k, w);
            } else {
                ike_want_done(w, NULL, code, why);
            }
            again = true;
            break;
        }
    }
}

void ike_sa_fail(struct ike_sa *sa, int32_t code, enum ike_say say, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (sa->dead)
        return;
    if (sa->state != IKE_S_UP)
        IKE_COUNT(sa->k, FAILED);
    sa->k->ops->say(sa->k->u, say, sa, &sa->path->peer, text);
    ike_sa_end(sa, code, text);
}

void ike_sa_moved(struct ike_sa *sa, const struct ike_rx *rx)
{
    struct ike *k = sa->k;
    bool same = adit_same_host(&rx->path->peer, &sa->path->peer) &&
                rx->path->peer.port == sa->path->peer.port && rx->at_4500 == sa->at_4500;
    if (rx->path == sa->path || (sa->state == IKE_S_UP && !same && !sa->nat_there))
        return;
    struct adit_path *old = sa->path;
    sa->path = k->ops->hold(k->u, rx->path);
    sa->at_4500 = rx->at_4500;
    k->ops->drop(k->u, old);
    if (sa->peer && !same && sa->peer->encap)
        sa->peer->addr = sa->path->peer;
}

/* ---- message ids of phase 2 -------------------------------------------------------------------- */

bool ike_recent(struct ike_sa *sa, uint32_t message_id)
{
    for (uint32_t i = 0; i < IKE_RECENT; i++)
        if (sa->recent[i] == message_id)
            return true;
    return false;
}

void ike_remember(struct ike_sa *sa, uint32_t message_id)
{
    sa->recent[sa->recent_at++ % IKE_RECENT] = message_id;
}

uint32_t ike_message_id(struct ike_sa *sa)
{
    uint32_t id;
    do {
        sa->k->ops->random((uint8_t *)&id, sizeof id);
    } while (id == 0 || ike_recent(sa, id));
    ike_remember(sa, id);
    return id;
}

/* ---- peers ------------------------------------------------------------------------------------------ */

struct ike_sa *ike_peer_sa(const struct ike_peer *p)
{
    for (struct adit_node *n = p->sas.prev; n != &p->sas; n = n->prev) {
        struct ike_sa *sa = ADIT_OF(n, struct ike_sa, peer_node);
        if (sa->state == IKE_S_UP && !sa->dead)
            return sa;
    }
    return NULL;
}

void ike_peer_heard(struct ike_peer *p)
{
    p->heard_ms = ike_now(p->k);
    p->asked = 0;
    p->asked_at = 0;
}

/* Same identity AND same place: two clients behind one NAT, or two with one
 * name, are two peers (row W2). */
static struct ike_peer *peer_like(struct ike *k, const struct ike_sa *sa, const char *identity)
{
    bool encap = sa->nat_here || sa->nat_there;
    ADIT_LIST_EACH(n, &k->peers) {
        struct ike_peer *p = ADIT_OF(n, struct ike_peer, node);
        if (!p->dead && p->psk == (sa->method == IKE_AUTH_PSK) && p->encap == encap &&
            strcmp(p->identity, identity) == 0 && adit_same_host(&p->our, &sa->path->our) &&
            adit_same_host(&p->addr, &sa->path->peer) &&
            (!encap || p->addr.port == sa->path->peer.port))
            return p;
    }
    return NULL;
}

static struct ike_peer *peer_new(struct ike *k, const struct ike_sa *sa, const char *identity)
{
    struct ike_peer *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->identity = strdup(identity);
    if (!p->identity) {
        free(p);
        return NULL;
    }
    p->k = k;
    p->number = ++k->next_number;
    p->psk = sa->method == IKE_AUTH_PSK;
    p->encap = sa->nat_here || sa->nat_there;
    p->our = sa->path->our;
    p->addr = sa->path->peer;
    adit_list_init(&p->sas);
    adit_list_init(&p->bonds);
    adit_list_add(&k->peers, &p->node);
    return p;
}

static struct ike_peer *peer_of(struct ike *k, uint64_t number)
{
    ADIT_LIST_EACH(n, &k->peers) {
        struct ike_peer *p = ADIT_OF(n, struct ike_peer, node);
        if (p->number == number)
            return p;
    }
    return NULL;
}

void ike_peer_end(struct ike_peer *p, uint32_t why, const char *text)
{
    struct ike *k = p->k;
    if (p->dead)
        return;
    p->dead = true;
    k->reap = k->reap_peers = true;
    k->ops->say(k->u, IKE_SAY_DOWN, ike_peer_sa(p), &p->addr, text);
    while (!adit_list_empty(&p->bonds)) {
        struct ike_bond *b = ADIT_OF(p->bonds.next, struct ike_bond, node);
        struct sad_assoc *a = b->assoc;
        ike_bond_free(b);
        sad_assoc_end(a, why);
    }
    while (!adit_list_empty(&p->sas))
        ike_sa_end(ADIT_OF(p->sas.next, struct ike_sa, peer_node), ADIT_EUNREACH, text);
}

/* The peer says that it knows nothing of us. An SA that came up while this one
 * was being made is no old one: both sides began at once. */
static void contact(struct ike_sa *sa, struct ike_peer *p)
{
    struct ike_sa *newest = ike_peer_sa(p);
    if (newest && newest->up_ms >= sa->since_ms)
        return;
    ike_peer_end(p, SAD_WHY_DEAD, "the peer began anew (INITIAL-CONTACT)");
}

void ike_info_contact(struct ike_sa *sa)
{
    struct ike *k = sa->k;
    ADIT_LIST_EACH(n, &k->peers) {
        struct ike_peer *p = ADIT_OF(n, struct ike_peer, node);
        if (p == sa->peer || p->dead || !sa->peer || strcmp(p->identity, sa->peer->identity) != 0 ||
            p->psk != sa->peer->psk || !adit_same_host(&p->our, &sa->peer->our) ||
            !adit_same_host(&p->addr, &sa->peer->addr) || p->addr.port != sa->peer->addr.port)
            continue;
        contact(sa, p);
        return;
    }
}

void ike_sa_up(struct ike_sa *sa, const char *identity)
{
    struct ike *k = sa->k;
    uint64_t now = ike_now(k);
    char text[64];
    struct ike_peer *p = peer_like(k, sa, identity);
    if (p && sa->initial_contact) {
        contact(sa, p);
        if (p->dead)
            p = NULL;
    }
    bool known = p && ike_peer_sa(p);
    if (!p)
        p = peer_new(k, sa, identity);
    sa->identity = p ? strdup(identity) : NULL;
    if (!sa->identity) {
        ike_sa_fail(sa, ADIT_ENOMEM, IKE_SAY_LIMIT, "out of memory");
        return;
    }
    ike_guard_del(sa);
    sa->state = IKE_S_UP;
    sa->up_ms = now;
    sa->deadline_ms = 0;
    sa->expires_ms = now + sa->life_ms;
    sa->soft_at = now + ike_soft(k, sa->life_ms, sa->initiator);
    ike_due(k, sa->soft_at);
    if (sa->auth)
        ike_auth_free(sa->auth);
    sa->auth = NULL;
    if (sa->x && !sa->x->w.out) {
        struct ike_x *x = sa->x;
        sa->x = NULL;
        x->w.release(&x->w);
    }
    sa->peer = p;
    p->addr = sa->path->peer;
    adit_list_add(&p->sas, &sa->peer_node);
    p->sa_count++;
    ike_peer_heard(p);
    if (k->conf.dpd_ms)
        ike_due(k, now + k->conf.dpd_ms);
    if (k->conf.keepalive_ms && sa->nat_here)
        ike_due(k, now + k->conf.keepalive_ms);
    IKE_COUNT(k, UP);
    ike_proposal_text(&sa->prop, text, sizeof text);
    ike_say(sa, known ? IKE_SAY_REKEYED : IKE_SAY_UP, "%s %s, %s%s%s", known ? "phase 1 with" : "phase 1,",
            known ? identity : text, known ? text : identity,
            sa->nat_there ? ", the peer is behind a NAT" : "",
            sa->nat_here ? ", we are behind a NAT" : "");
    if (sa->rekeys) {
        ADIT_LIST_EACH(n, &p->sas) {
            struct ike_sa *old = ADIT_OF(n, struct ike_sa, peer_node);
            if (old->number == sa->rekeys) {
                old->replaced = true;
                old->gone_at = now + IKE_RETIRE_MS;
                ike_due(k, old->gone_at);
            }
        }
    }
    while (p->sa_count > IKE_SAS_OF_PEER) {
        struct ike_sa *old = ADIT_OF(p->sas.next, struct ike_sa, peer_node);
        ike_info_delete_sa(old);
        ike_sa_end(old, ADIT_ECANCELED, "too many ISAKMP SAs of one peer");
    }
    bool again = true;
    while (again && !sa->dead) {
        again = false;
        ADIT_LIST_EACH(n, &k->wants) {
            struct ike_want *w = ADIT_OF(n, struct ike_want, node);
            if (w->sa == sa && !w->quick && !w->over) {
                ike_quick_start(sa, w);         /* it has a quick mode now, or is over, or freed */
                again = true;
                break;
            }
        }
    }
}

/* ---- associations ------------------------------------------------------------------------------------- */

struct ike_bond *ike_bond_of(struct ike *k, const struct sad_assoc *a)
{
    struct sad_assoc_view v;
    sad_assoc_view(a, &v);
    struct ike_peer *p = peer_of(k, v.who->owner);
    if (!p)
        return NULL;
    ADIT_LIST_EACH(n, &p->bonds) {
        struct ike_bond *b = ADIT_OF(n, struct ike_bond, node);
        if (b->assoc == a)
            return b;
    }
    return NULL;
}

struct ike_bond *ike_bond_get(struct ike_peer *p, struct sad_assoc *a)
{
    ADIT_LIST_EACH(n, &p->bonds) {
        struct ike_bond *b = ADIT_OF(n, struct ike_bond, node);
        if (b->assoc == a)
            return b;
    }
    struct ike_bond *b = p->bond_count < IKE_BONDS_MAX ? calloc(1, sizeof *b) : NULL;
    if (!b)
        return NULL;
    b->peer = p;
    b->assoc = a;
    adit_list_add(&p->bonds, &b->node);
    p->bond_count++;
    return b;
}

void ike_bond_free(struct ike_bond *b)
{
    struct ike *k = b->peer->k;
    ADIT_LIST_EACH(n, &k->wants) {
        struct ike_want *w = ADIT_OF(n, struct ike_want, node);
        if (w->bond == b) {
            struct ike_quick *q = w->quick;
            w->bond = NULL;
            want_free(w);
            if (q)
                ike_quick_end(q);
        }
    }
    adit_list_del(&b->node);
    b->peer->bond_count--;
    k->reap = k->reap_peers = true;
    free(b);
}

void ike_bond_retire(struct ike_bond *b, uint32_t spi_in)
{
    struct ike *k = b->peer->k;
    struct ike_retire *r = NULL;
    for (uint32_t i = 0; i < sizeof b->retire / sizeof *b->retire; i++) {
        if (b->retire[i].spi_in == spi_in)
            return;
        if (!b->retire[i].spi_in)
            r = &b->retire[i];
    }
    if (!r)
        return;                 /* its hard limit ends it */
    *r = (struct ike_retire){ spi_in, ike_now(k) + IKE_RETIRE_MS };
    ike_due(k, r->at_ms);
}

static void bond_tick(struct ike_bond *b, uint64_t now)
{
    struct ike *k = b->peer->k;
    for (uint32_t i = 0; i < sizeof b->retire / sizeof *b->retire; i++) {
        struct ike_retire *r = &b->retire[i];
        if (!r->spi_in)
            continue;
        if (now < r->at_ms) {
            ike_due(k, r->at_ms);
            continue;
        }
        struct sad_pair *p = sad_pair_in(k->sad, r->spi_in);
        struct ike_sa *sa = ike_peer_sa(b->peer);
        uint32_t spi = r->spi_in;
        r->spi_in = 0;
        if (!p)
            continue;
        if (sa)
            ike_info_delete_esp(sa, &spi, 1);
        sad_pair_end(p, SAD_WHY_DELETED, IKE_LINGER_MS);
    }
    if (b->rekey_at && now >= b->rekey_at) {
        b->rekey_at = 0;
        ike_bond_rekey(b, 0, NULL);
    }
    ike_due(k, b->rekey_at);
}

bool ike_bond_rekey(struct ike_bond *b, uint32_t old_spi_in, struct ike_sa *sa)
{
    struct ike *k = b->peer->k;
    struct sad_assoc_view v;
    if (b->rekey)
        return true;
    struct ike_want *w = calloc(1, sizeof *w);
    if (!w)
        return false;
    sad_assoc_view(b->assoc, &v);
    w->number = ++k->next_number;
    w->call = (struct ike_call){ .our = b->peer->our, .peer = b->peer->addr, .sel = v.who->sel };
    w->bond = b;
    w->old_spi_in = old_spi_in;
    b->rekey = w;
    adit_list_add(&k->wants, &w->node);
    if (sa)
        w->sa = sa;             /* it will be up */
    else
        want_go(k, w);
    return true;
}

/* ---- calls ------------------------------------------------------------------------------------------------ */

void ike_want_done(struct ike_want *w, struct sad_assoc *a, int32_t code, const char *why)
{
    struct ike_quick *q = w->quick;
    w->quick = NULL;
    w->sa = NULL;
    if (q)
        q->want = NULL;
    if (w->bond) {
        struct ike_bond *b = w->bond;
        struct ike *k = b->peer->k;
        if (code) {             /* the old pair still works: try again before it ends */
            uint64_t left = 0, now = ike_now(k);
            for (struct sad_pair *p = NULL; (p = sad_pair_next(b->assoc, p));) {
                struct sad_pair_view v;
                sad_pair_view(p, &v);
                if (v.hard_at_ms > now && !v.ending && v.hard_at_ms - now > left)
                    left = v.hard_at_ms - now;
            }
            b->rekey_at = left > 10000 ? now + left / 4 : 0;
            ike_due(k, b->rekey_at);
        }
        want_free(w);
        return;
    }
    w->over = true;
    w->assoc = a;
    w->code = code;
    snprintf(w->why, sizeof w->why, "%s", why ? why : "");
}

bool ike_sa_call(struct ike *k, struct adit_path *path, bool at_4500, const char *want,
                 struct ike_sa **out)
{
    *out = NULL;
    if (k->sa_count >= k->conf.max_sas)
        return false;
    struct ike_sa *sa = ike_sa_new(k, path, at_4500, true);
    struct ike_x *x = sa ? ike_main_x(sa) : NULL;
    if (!x) {
        if (sa)
            ike_sa_end(sa, ADIT_ENOMEM, "out of memory");
        return false;
    }
    sa->x = x;
    if (want)
        snprintf(x->want, sizeof x->want, "%s", want);
    *out = sa;
    ike_main_step(sa, IKE_E_CALL, NULL);
    return true;
}

/* An SA that a want may use: up, or on its way there. */
static struct ike_sa *want_sa(struct ike *k, const struct ike_want *w)
{
    struct ike_sa *found = NULL;
    if (w->bond) {
        found = ike_peer_sa(w->bond->peer);
        if (found && !(w->fresh && found->replaced))
            return found;
    }
    ADIT_LIST_EACH(n, &k->sas) {
        struct ike_sa *sa = ADIT_OF(n, struct ike_sa, node);
        if (sa->dead || !adit_same_host(&sa->path->peer, &w->call.peer) ||
            (w->call.our.family && !adit_same_host(&sa->path->our, &w->call.our)))
            continue;
        if (w->bond) {
            if (sa->initiator && sa->state != IKE_S_UP &&
                (!w->bond->peer->encap || sa->path->peer.port == w->bond->peer->addr.port))
                return sa;
            continue;
        }
        /* who called from behind a NAT is not to be taken for who has its address */
        if (!sa->initiator && (sa->nat_there || sa->state != IKE_S_UP))
            continue;
        if (sa->state == IKE_S_UP) {
            if (!sa->replaced && (!w->identity || strcmp(w->identity, sa->identity) == 0))
                found = sa;
        } else if (sa->x && strcmp(sa->x->want, w->identity ? w->identity : "") == 0 && !found) {
            found = sa;
        }
    }
    return found;
}

static void want_go(struct ike *k, struct ike_want *w)
{
    struct ike_sa *sa = want_sa(k, w);
    if (!sa) {
        bool at_4500 = w->bond && w->bond->peer->encap;
        struct adit_addr our = w->call.our, peer = w->call.peer;
        our.port = 0;
        if (!peer.port)
            peer.port = at_4500 ? 4500 : 500;
        struct adit_path *path = k->ops->open(k->u, at_4500, &our, &peer);
        if (!path) {
            char host[64], why[128];
            ike_host(&w->call.peer, host, sizeof host);
            snprintf(why, sizeof why, "there is no route to %s", host);
            ike_want_done(w, NULL, ADIT_EUNREACH, why);
            return;
        }
        ike_sa_call(k, path, at_4500, w->bond ? w->bond->peer->identity : w->identity, &sa);
        k->ops->drop(k->u, path);
        if (!sa || sa->dead) {
            ike_want_done(w, NULL, ADIT_EBUSY, "no room for another ISAKMP SA");
            return;
        }
        w->fresh = true;
    }
    w->sa = sa;
    if (sa->state == IKE_S_UP)
        ike_quick_start(sa, w);
}

static void wake_soon(struct ike *k)
{
    k->wake_at = ike_now(k) + 1;
    arm(k);
}

static struct ike_key *key_of(const struct ike *k, const struct adit_addr *peer)
{
    ADIT_LIST_EACH(n, &k->keys)
        if (adit_same_host(&ADIT_OF(n, struct ike_key, node)->peer, peer))
            return ADIT_OF(n, struct ike_key, node);
    return NULL;
}

static void key_free(struct ike_key *key)
{
    adit_list_del(&key->node);
    bytes_wipe(key->secret, key->len);
    free(key);
}

int32_t ike_peer_key(struct ike *k, const struct adit_addr *peer, const char *secret)
{
    size_t len = secret ? strlen(secret) : 0;
    struct ike_key *key = key_of(k, peer);
    if (!secret) {
        if (key)
            key_free(key);
        return key ? 0 : ADIT_ENOENT;
    }
    key = malloc(sizeof *key + len);
    if (!key)
        return ADIT_ENOMEM;
    key->peer = *peer;
    key->len = len;
    memcpy(key->secret, secret, len);
    key->node.next = k->keys.next;
    key->node.prev = &k->keys;
    k->keys.next->prev = &key->node;
    k->keys.next = &key->node;
    return 0;
}

bool ike_psk_nth(const struct ike_sa *sa, const struct adit_addr *peer, const struct ike_id *id, uint32_t nth,
                 struct ike_psk *out)
{
    const struct ike_key *key = key_of(sa->k, peer);
    if (!key)
        return ike_auth_psk(sa->auth, peer, id, nth, out);
    if (nth)
        return ike_auth_psk(sa->auth, peer, id, nth - 1, out);
    *out = (struct ike_psk){ key->secret, key->len, NULL };
    return true;
}

bool ike_method_ok(const struct ike *k, const struct ike_auth *auth, const struct adit_addr *peer, bool call,
                   uint32_t method)
{
    bool key = key_of(k, peer) != NULL;
    if (key && (call || method == IKE_AUTH_PSK))
        return method == IKE_AUTH_PSK;
    return method < 32 && (ike_auth_methods(auth) >> method & 1u);
}

uint64_t ike_call(struct ike *k, const struct ike_call *c)
{
    struct ike_want *w = calloc(1, sizeof *w);
    if (!w)
        return 0;
    k->depth++;
    uint64_t number = ++k->next_number;
    w->number = number;
    w->call = *c;
    w->call.want = NULL;
    adit_list_add(&k->wants, &w->node);
    w->identity = c->want ? strdup(c->want) : NULL;
    if (c->want && !w->identity)
        ike_want_done(w, NULL, ADIT_ENOMEM, "out of memory");
    else
        want_go(k, w);
    k->depth--;
    wake_soon(k);               /* done() is never said before we returned */
    return number;
}

void ike_call_cancel(struct ike *k, uint64_t call)
{
    ADIT_LIST_EACH(n, &k->wants) {
        struct ike_want *w = ADIT_OF(n, struct ike_want, node);
        if (w->number != call || w->bond)
            continue;
        struct ike_sa *sa = w->sa;
        struct ike_quick *q = w->quick;
        struct sad_assoc *a = w->over ? w->assoc : NULL;
        ike_enter(k);
        want_free(w);
        if (q)
            ike_quick_end(q);
        bool used = false;
        ADIT_LIST_EACH(m, &k->wants)
            used = used || ADIT_OF(m, struct ike_want, node)->sa == sa;
        if (sa && !used && sa->state != IKE_S_UP && !sa->rekeys)
            ike_sa_end(sa, ADIT_ECANCELED, "the call was given up");
        if (a)
            ike_assoc_unused(k, a);
        ike_leave(k);
        return;
    }
}

/* ---- from the associations ---------------------------------------------------------------------------------- */

void ike_pair_soft(struct ike *k, struct sad_pair *p)
{
    struct sad_pair_view v, o;
    sad_pair_view(p, &v);
    struct ike_bond *b = ike_bond_of(k, v.assoc);
    if (!b || v.ending)
        return;
    /* Both sides may have begun another at once: then the newest goes on, and
     * who would have had to rekey the older deletes it. */
    bool newer = false;
    for (struct sad_pair *q = NULL; (q = sad_pair_next(v.assoc, q));) {
        sad_pair_view(q, &o);
        if (q != p && !o.ending && o.sends &&
            (o.since_ms > v.since_ms || (o.since_ms == v.since_ms && o.spi_in > v.spi_in)))
            newer = true;
    }
    ike_enter(k);
    if (!newer && (v.initiator || ike_peer_sa(b->peer)))        /* who called begins phase 1 anew */
        ike_bond_rekey(b, v.spi_in, NULL);
    else if (newer && v.initiator)
        ike_bond_retire(b, v.spi_in);
    ike_leave(k);
}

void ike_pair_gone(struct ike *k, struct sad_pair *p, uint32_t why)
{
    struct sad_pair_view v;
    sad_pair_view(p, &v);
    ike_enter(k);
    ike_quick_gone(k, p);
    if (why == SAD_WHY_EXPIRED && !v.ending) {
        struct ike_bond *b = ike_bond_of(k, v.assoc);
        struct ike_sa *sa = b ? ike_peer_sa(b->peer) : NULL;
        if (sa)
            ike_info_delete_esp(sa, &v.spi_in, 1);
    }
    ike_leave(k);
}

void ike_assoc_gone(struct ike *k, struct sad_assoc *a)
{
    struct ike_bond *b = ike_bond_of(k, a);
    ike_enter(k);
    if (b)
        ike_bond_free(b);
    ADIT_LIST_EACH(n, &k->wants) {
        struct ike_want *w = ADIT_OF(n, struct ike_want, node);
        if (w->over && w->assoc == a) {         /* it went before it was said */
            w->assoc = NULL;
            w->code = ADIT_EUNREACH;
            snprintf(w->why, sizeof w->why, "the peer closed the association at once");
        }
    }
    ike_leave(k);
}

void ike_assoc_moved(struct ike *k, struct sad_assoc *a, const struct adit_addr *from)
{
    struct ike_bond *b = ike_bond_of(k, a);
    if (!b || !b->peer->encap || (adit_same_host(from, &b->peer->addr) && from->port == b->peer->addr.port))
        return;
    ike_enter(k);
    b->peer->addr = *from;
    ADIT_LIST_EACH(n, &b->peer->sas) {
        struct ike_sa *sa = ADIT_OF(n, struct ike_sa, peer_node);
        struct adit_addr our = sa->path->our;
        our.port = 0;
        struct adit_path *path = sa->at_4500 ? k->ops->open(k->u, true, &our, from) : NULL;
        if (path) {
            k->ops->drop(k->u, sa->path);
            sa->path = path;
        }
    }
    ike_leave(k);
}

/* Deletes of all pairs of an association, told once. */
static void bond_goodbye(struct ike_bond *b)
{
    struct ike_sa *sa = ike_peer_sa(b->peer);
    uint32_t spis[16], n = 0;
    for (struct sad_pair *p = NULL; sa && (p = sad_pair_next(b->assoc, p));) {
        struct sad_pair_view v;
        sad_pair_view(p, &v);
        if (v.ending)
            continue;
        spis[n++] = v.spi_in;
        if (n == 16) {
            ike_info_delete_esp(sa, spis, n);
            n = 0;
        }
    }
    if (n)
        ike_info_delete_esp(sa, spis, n);
}

void ike_assoc_unused(struct ike *k, struct sad_assoc *a)
{
    struct ike_bond *b = ike_bond_of(k, a);
    ike_enter(k);
    if (b) {
        struct ike_peer *p = b->peer;
        bond_goodbye(b);
        ike_bond_free(b);
        if (adit_list_empty(&p->bonds)) {
            while (!adit_list_empty(&p->sas)) {
                struct ike_sa *sa = ADIT_OF(p->sas.next, struct ike_sa, peer_node);
                ike_info_delete_sa(sa);
                ike_sa_end(sa, ADIT_ECANCELED, "nobody uses it any more");
            }
        }
    }
    sad_assoc_end(a, SAD_WHY_DELETED);
    ike_leave(k);
}

static bool sa_rekey(struct ike_sa *sa, struct ike_sa **out)
{
    struct ike *k = sa->k;
    if (!ike_sa_call(k, sa->path, sa->at_4500, sa->identity, out))
        return false;
    (*out)->rekeys = sa->number;
    return !(*out)->dead;
}

int32_t ike_rekey(struct ike *k, struct sad_assoc *a)
{
    struct ike_bond *b = ike_bond_of(k, a);
    struct ike_sa *sa = b ? ike_peer_sa(b->peer) : NULL, *fresh;
    int32_t rc = 0;
    if (!sa)
        return ADIT_ENOENT;
    ike_enter(k);
    if (!sa_rekey(sa, &fresh)) {
        rc = ADIT_EBUSY;
    } else {
        ADIT_LIST_EACH(n, &sa->peer->bonds) {
            struct ike_bond *o = ADIT_OF(n, struct ike_bond, node);
            uint32_t spi = 0;
            for (struct sad_pair *p = NULL; (p = sad_pair_next(o->assoc, p));) {
                struct sad_pair_view v;
                sad_pair_view(p, &v);
                if (v.sends && !v.ending)
                    spi = v.spi_in;
            }
            ike_bond_rekey(o, spi, fresh);
        }
    }
    ike_leave(k);
    return rc;
}

/* ---- time passes ------------------------------------------------------------------------------------------------ */

static void sa_tick(struct ike_sa *sa, uint64_t now)
{
    struct ike *k = sa->k;
    if (sent_tick(sa, &sa->sent, now) && sa->state != IKE_S_UP) {
        ike_main_timeout(sa);
        return;
    }
    if (sa->deadline_ms && now >= sa->deadline_ms) {
        ike_main_timeout(sa);
        return;
    }
    ike_due(k, sa->deadline_ms);
    ADIT_LIST_EACH(n, &sa->quicks) {
        struct ike_quick *q = ADIT_OF(n, struct ike_quick, node);
        if (sent_tick(sa, &q->sent, now) && q->state != IKE_Q_DONE)
            q->deadline_ms = now;
        ike_quick_tick(q, now);
        if (sa->dead)
            return;
    }
    ike_frag_tick(sa, now);
    if (sa->state != IKE_S_UP)
        return;
    if (sa->gone_at && now >= sa->gone_at) {
        ike_info_delete_sa(sa);
        ike_sa_end(sa, ADIT_ECANCELED, "the ISAKMP SA was replaced");
        return;
    }
    if (now >= sa->expires_ms) {
        ike_main_step(sa, IKE_E_EXPIRE, NULL);
        return;
    }
    if (sa->soft_at && now >= sa->soft_at) {
        struct ike_sa *fresh;
        uint64_t left = sa->expires_ms - now;
        sa->soft_at = left > 60000 ? now + left / 2 : 0;        /* if it comes to nothing */
        if (!sa->replaced && ike_peer_sa(sa->peer) == sa && !adit_list_empty(&sa->peer->bonds))
            sa_rekey(sa, &fresh);
        else
            sa->soft_at = 0;
    }
    ike_due(k, sa->gone_at);
    ike_due(k, sa->expires_ms);
    ike_due(k, sa->soft_at);
}

static void peer_tick(struct ike_peer *p, uint64_t now)
{
    struct ike *k = p->k;
    struct ike_sa *sa = ike_peer_sa(p);
    uint64_t heard = p->heard_ms, sent = sa ? sa->sent_at : 0;
    ADIT_LIST_EACH(n, &p->bonds) {
        struct ike_bond *b = ADIT_OF(n, struct ike_bond, node);
        struct sad_assoc_view v;
        sad_assoc_view(b->assoc, &v);
        heard = v.heard_ms > heard ? v.heard_ms : heard;
        sent = v.sent_ms > sent ? v.sent_ms : sent;
        bond_tick(b, now);
        if (p->dead)
            return;
    }
    if (!sa || sa->dead)
        return;
    if (sa->dpd && k->conf.dpd_ms) {
        if (p->asked && heard > p->asked_at)
            p->asked = 0;
        uint64_t rto = k->conf.rto_ms;
        for (uint32_t i = 1; i < p->asked && rto < k->conf.rto_max_ms; i++)
            rto *= 2;
        rto = rto < k->conf.rto_max_ms ? rto : k->conf.rto_max_ms;
        uint64_t at = p->asked ? p->asked_at + rto : heard + k->conf.dpd_ms;
        if (now >= at && p->asked > k->conf.tries) {
            IKE_COUNT(k, DPD_LOST);
            ike_peer_end(p, SAD_WHY_DEAD, "the peer does not answer (dead peer detection)");
            return;
        }
        if (now >= at) {
            p->asked++;
            p->asked_at = now;
            IKE_COUNT(k, DPD_TX);
            ike_info_ask(sa);
            at = now + rto;
        }
        ike_due(k, at);
    }
    if (sa->nat_here && k->conf.keepalive_ms) {
        sent = sa->keepalive_at > sent ? sa->keepalive_at : sent;
        if (now >= sent + k->conf.keepalive_ms) {
            static const uint8_t keepalive = 0xff;
            sa->keepalive_at = sent = now;
            k->ops->tx(k->u, sa->path, &keepalive, 1);
        }
        ike_due(k, sent + k->conf.keepalive_ms);
    }
}

void ike_tick(struct ike *k)
{
    uint64_t now = ike_now(k);
    ike_enter(k);
    k->wake_at = k->armed_at = 0;
    for (struct adit_node *n = k->sas.next; n != &k->sas; n = n->next) {
        struct ike_sa *sa = ADIT_OF(n, struct ike_sa, node);
        if (!sa->dead)          /* nothing leaves the list before ike_leave() */
            sa_tick(sa, now);
    }
    for (struct adit_node *n = k->peers.next; n != &k->peers; n = n->next) {
        struct ike_peer *p = ADIT_OF(n, struct ike_peer, node);
        if (!p->dead)
            peer_tick(p, now);
    }
    if (k->wake_at && k->wake_at < now + IKE_TICK_MS)
        k->wake_at = now + IKE_TICK_MS;
    ike_leave(k);
}

/* ---- messages ------------------------------------------------------------------------------------------------------ */

static void dispatch(struct ike *k, struct ike_rx *rx, bool whole)
{
    const struct ike_hdr *h = &rx->hdr;
    if (zero8(h->cookie_i)) {
        IKE_COUNT(k, RX_BAD);
        return;
    }
    rx->digest = ike_digest_of(k, rx->bytes, h->length);
    if (zero8(h->cookie_r)) {
        struct ike_sa *ours = sa_find(k, h);
        if (h->exchange == IKE_X_INFORMATIONAL && ours && !(h->flags & IKE_F_ENCRYPTED)) {
            ike_info_rx(ours, rx);
        } else if (ours) {
            IKE_COUNT(k, RX_UNEXPECTED);
        } else if (h->exchange == IKE_X_MAIN) {
            ike_main_first(k, rx);
        } else if (h->exchange == IKE_X_AGGRESSIVE || h->exchange == IKE_X_BASE) {
            IKE_COUNT(k, RX_EXCHANGE);
            ike_refuse(k, rx->path, h, IKE_N_INVALID_EXCHANGE);
        } else {
            IKE_COUNT(k, RX_NO_SA);
        }
        return;
    }
    struct ike_sa *sa = sa_find(k, h);
    if (!sa) {
        IKE_COUNT(k, RX_NO_SA);
        return;
    }
    if (h->next == IKE_P_FRAGMENT && !(h->flags & IKE_F_ENCRYPTED)) {
        IKE_COUNT(k, RX_FRAGMENT);
        if (!whole && ike_frag_rx(sa, rx))
            dispatch(k, rx, true);
        return;
    }
    switch (h->exchange) {
    case IKE_X_MAIN:
        ike_main_rx(sa, rx);
        break;
    case IKE_X_QUICK:
        ike_quick_rx(sa, rx);
        break;
    case IKE_X_INFORMATIONAL:
        ike_info_rx(sa, rx);
        break;
    default:
        IKE_COUNT(k, RX_EXCHANGE);
    }
}

void ike_rx(struct ike *k, struct adit_path *path, bool at_4500, uint8_t *p, size_t len)
{
    struct ike_rx rx = { .path = path, .at_4500 = at_4500, .bytes = p, .len = len };
    enum ike_msg_bad bad = ike_hdr_parse(&rx.hdr, p, len);
    IKE_COUNT(k, RX);
    ike_enter(k);
    if (bad == IKE_MSG_VERSION) {
        /* RFC 7296 section 2.5: answered with the highest version that we speak,
         * unless it is an answer (flag R) itself. */
        IKE_COUNT(k, RX_VERSION);
        if (len >= IKE_HDR_LEN && p[17] >> 4 == 2 && !(p[19] & 0x20)) {
            memcpy(rx.hdr.cookie_i, p, 8);
            memcpy(rx.hdr.cookie_r, p + 8, 8);
            ike_refuse(k, path, &rx.hdr, IKE_N_INVALID_MAJOR);
        }
    } else if (bad != IKE_MSG_OK || rx.hdr.length > IKE_MSG_MAX) {
        IKE_COUNT(k, RX_BAD);
    } else {
        path = k->ops->hold(k->u, path);
        dispatch(k, &rx, false);
        k->ops->drop(k->u, path);
    }
    ike_leave(k);
}

/* ---- life --------------------------------------------------------------------------------------------------------------- */

struct ike *ike_new(const struct ike_ops *ops, void *u, const struct ike_conf *c,
                    struct ike_auth *auth, OSSL_LIB_CTX *lib, struct sad *sad, uint64_t *counters)
{
    struct ike *k = calloc(1, sizeof *k);
    if (!k)
        return NULL;
    k->ops = ops;
    k->u = u;
    k->conf = *c;
    k->lib = lib;
    k->sad = sad;
    k->counters = counters;
    ops->random((uint8_t *)k->seed, sizeof k->seed);
    adit_list_init(&k->sas);
    adit_list_init(&k->dead_sas);
    adit_list_init(&k->dead_quicks);
    adit_list_init(&k->peers);
    adit_list_init(&k->wants);
    adit_list_init(&k->works);
    adit_list_init(&k->keys);
    struct adit_node *buckets = calloc(1u << COOKIE_BITS, sizeof *buckets);
    k->guard = ike_guard_new(k);
    if (!buckets || !k->guard) {
        free(buckets);
        ike_guard_free(k->guard);
        free(k);
        return NULL;
    }
    adit_hash_init(&k->cookies, buckets, COOKIE_BITS);
    k->auth = ike_auth_hold(auth);
    return k;
}

void ike_free(struct ike *k)
{
    if (!k)
        return;
    ike_enter(k);
    k->ending = true;
    ADIT_LIST_EACH(n, &k->peers) {
        struct ike_peer *p = ADIT_OF(n, struct ike_peer, node);
        while (!adit_list_empty(&p->bonds)) {
            struct ike_bond *b = ADIT_OF(p->bonds.next, struct ike_bond, node);
            struct sad_assoc *a = b->assoc;
            bond_goodbye(b);
            ike_bond_free(b);
            sad_assoc_end(a, SAD_WHY_DELETED);
        }
    }
    ADIT_LIST_EACH(n, &k->sas) {
        struct ike_sa *sa = ADIT_OF(n, struct ike_sa, node);
        if (sa->state == IKE_S_UP)
            ike_info_delete_sa(sa);
        ike_sa_end(sa, ADIT_ECANCELED, "the daemon ends");
    }
    while (!adit_list_empty(&k->wants)) {
        struct ike_want *w = ADIT_OF(k->wants.next, struct ike_want, node);
        if (!w->over && !w->bond)
            ike_want_done(w, NULL, ADIT_ECANCELED, "the daemon ends");
        if (w->over)
            deliver(k);
        else
            want_free(w);
    }
    ike_leave(k);
    while (!adit_list_empty(&k->peers))
        peer_free(ADIT_OF(k->peers.next, struct ike_peer, node));
    k->ops->wake(k->u, 0);
    while (!adit_list_empty(&k->keys))
        key_free(ADIT_OF(k->keys.next, struct ike_key, node));
    ike_guard_free(k->guard);
    ike_auth_free(k->auth);
    free(k->cookies.bucket);
    bytes_wipe(k->clear, sizeof k->clear);
    free(k);
}

void ike_reload(struct ike *k, const struct ike_conf *c, struct ike_auth *auth)
{
    struct ike_auth *old = k->auth;
    k->conf = *c;
    k->auth = ike_auth_hold(auth);
    ike_auth_free(old);
}

/* ---- views ----------------------------------------------------------------------------------------------------------------- */

struct ike_sa *ike_sa_next(struct ike *k, struct ike_sa *sa)
{
    struct adit_node *n = sa ? sa->node.next : k->sas.next;
    while (n != &k->sas && ADIT_OF(n, struct ike_sa, node)->dead)
        n = n->next;
    return n == &k->sas ? NULL : ADIT_OF(n, struct ike_sa, node);
}

void ike_sa_view(const struct ike_sa *sa, struct ike_sa_view *out)
{
    *out = (struct ike_sa_view){
        .number = sa->number, .peer_number = sa->peer ? sa->peer->number : 0,
        .our = ike_our(sa->path, sa->at_4500), .peer = sa->path->peer,
        .state = ike_state_name(sa->state), .identity = sa->identity, .method = sa->method,
        .initiator = sa->initiator, .nat_here = sa->nat_here, .nat_there = sa->nat_there,
        .dpd = sa->dpd, .established = sa->state == IKE_S_UP, .since_ms = sa->since_ms,
        .expires_ms = sa->expires_ms,
    };
    memcpy(out->cookie_i, sa->cookie_i, 8);
    memcpy(out->cookie_r, sa->cookie_r, 8);
    if (sa->prop.cipher)
        ike_proposal_text(&sa->prop, out->proposal, sizeof out->proposal);
    if (sa->keys.cipher) {
        out->key = sa->keys.key;
        out->key_len = sa->keys.cipher->id == IKE_3DES ? 24 : sa->keys.cipher->key_bits / 8u;
    }
}

uint32_t ike_half_open(const struct ike *k) { return ike_guard_half_open(k); }
