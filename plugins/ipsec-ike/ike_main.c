/* ike_main.c - main mode, both roles: pre-shared keys and signatures (RFC 2409 sections 5.1,
 * 5.4), NAT detection and the move to port 4500 (RFC 3947 sections 3, 4).
 *
 * Knows:  six messages, in which state which is taken, what is chosen, who is believed.
 * Leaves: computing to ike_crypto and ike_auth, retransmission and time to ike.c.
 */
#include "ike_int.h"

#include <stdarg.h>
#include <stdio.h>

static ike_act send_1, answer_2, take_2, send_3, take_3, send_4, take_4, keys_send_5, keys_sign,
    send_5, psk_6, verify_5, send_6, psk_up, verify_6, up, timed_out, expired;

// clang-format off
#define STATE(s) [IKE_S_##s]
#define ON(e, act, name, next) [IKE_E_##e] = { act, name, IKE_S_##next }
#define WAITS ON(TIMEOUT, timed_out, "give-up", ENDED)
/* RFC 2409 section 5, the odd messages are the initiator's; a cell left out: the
 * message is counted and dropped. What is refused ends the SA from any state. */
const struct ike_move ike_main_table[IKE_S_COUNT][IKE_E_COUNT] = {
STATE(IDLE)     = { ON(CALL,     send_1,      "send-1",             I_WAIT_2),
                    ON(MSG1,     answer_2,    "choose, send-2",     R_WAIT_3) },
STATE(I_WAIT_2) = { ON(MSG2,     take_2,      "start-dh",           I_DH),     WAITS },
STATE(I_DH)     = { ON(DONE,     send_3,      "send-3",             I_WAIT_4), WAITS },
STATE(I_WAIT_4) = { ON(MSG4,     take_4,      "start-shared",       I_SHARED), WAITS },
STATE(I_SHARED) = { ON(DONE,     keys_send_5, "keys, send-5",       I_WAIT_6),
                    ON(DONE_SIG, keys_sign,   "keys, start-sign",   I_SIGN),   WAITS },
STATE(I_SIGN)   = { ON(DONE,     send_5,      "send-5",             I_WAIT_6), WAITS },
STATE(I_WAIT_6) = { ON(MSG6_PSK, psk_up,      "check-hash, up",     UP),
                    ON(MSG6_SIG, verify_6,    "start-verify",       I_VERIFY), WAITS },
STATE(I_VERIFY) = { ON(DONE,     up,          "up",                 UP),       WAITS },
STATE(R_WAIT_3) = { ON(MSG3,     take_3,      "start-dh, shared",   R_DH),     WAITS },
STATE(R_DH)     = { ON(DONE,     send_4,      "send-4",             R_WAIT_5), WAITS },
STATE(R_WAIT_5) = { ON(MSG5_PSK, psk_6,       "find-key, check-hash, send-6, up", UP),
                    ON(MSG5_SIG, verify_5,    "start-verify, sign", R_VERIFY), WAITS },
STATE(R_VERIFY) = { ON(DONE,     send_6,      "send-6, up",         UP),       WAITS },
STATE(UP)       = { ON(EXPIRE,   expired,     "send-delete",        ENDED) },
};
#undef STATE
#undef ON
#undef WAITS
// clang-format on

const char *ike_state_name(uint32_t state)
{
    static const char *const names[] = {
        "idle",        "wait-message-2", "computing-3", "wait-message-4", "computing-5",
        "signing",     "wait-message-6", "verifying-6", "wait-message-3", "computing-4",
        "wait-message-5", "verifying-5", "established", "ended" };
    return state < IKE_S_COUNT ? names[state] : "?";
}

const char *ike_event_name(uint32_t event)
{
    static const char *const names[] = { "call",          "message-1",     "message-2",
                                         "message-3",     "message-4",     "message-5-psk",
                                         "message-5-sig", "message-6-psk", "message-6-sig",
                                         "done",          "done-sig",      "timeout",
                                         "expire" };
    return event < IKE_E_COUNT ? names[event] : "?";
}

void ike_main_step(struct ike_sa *sa, enum ike_event ev, struct ike_rx *rx)
{
    const struct ike_move *m = &ike_main_table[sa->state][ev];
    if (sa->dead)
        return;
    if (!m->name) {
        IKE_COUNT(sa->k, RX_UNEXPECTED);
        return;
    }
    if (!m->act(sa, rx) || sa->dead)
        return;
    sa->state = m->next;
    if (rx)
        sa->last_rx = rx->digest;
}

/* ---- what both roles need ------------------------------------------------------------ */

static void x_release(struct ike_work *w)
{
    struct ike_x *x = (struct ike_x *)(void *)w;
    ike_work_fini(w);
    if (x->msg)
        free(x->msg);
    bytes_wipe(x, sizeof *x);
    free(x);
}

static void x_then(struct ike_work *w)
{
    struct ike_x *x = (struct ike_x *)(void *)w;
    struct ike_sa *sa = x->sa;
    if (!w->ok && (w->steps & (IKE_DO_VERIFY | IKE_DO_SIGN))) {
        if (sa->state == IKE_S_I_VERIFY)
            ike_info_delete_sa(sa);     /* there it is established */
        else if (x->code)               /* protected: many believe nothing else */
            ike_info_notify(sa, IKE_PROTO_ISAKMP, IKE_N_AUTH_FAILED, NULL, 0, NULL, 0);
        ike_sa_fail(sa, ADIT_EAUTH, IKE_SAY_AUTH_FAILED, "%s", x->why);
    } else if (!w->ok) {
        ike_sa_fail(sa, ADIT_EPROTO, IKE_SAY_REFUSED,
                    "the peer's Diffie-Hellman value is not one of %s", sa->prop.group->name);
    } else {
        ike_main_step(sa, sa->state == IKE_S_I_SHARED && sa->method != IKE_AUTH_PSK
                              ? IKE_E_DONE_SIG : IKE_E_DONE, NULL);
    }
}

static bool work(struct ike_sa *sa, uint32_t steps)
{
    struct ike_x *x = sa->x;
    x->w.then = x_then;
    x->w.release = x_release;
    x->w.group = sa->prop.group;
    return ike_work(sa->k, &x->w, sa->auth, steps);
}

struct ike_x *ike_main_x(struct ike_sa *sa)
{
    struct ike_x *x = calloc(1, sizeof *x);
    if (x) {
        x->sa = sa;
        x->w.release = x_release;
    }
    return x;
}

static struct ike_exchange_values values_of(const struct ike_sa *sa)
{
    const struct ike_x *x = sa->x;
    bool i = sa->initiator;
    return (struct ike_exchange_values){
        .cookie_i = sa->cookie_i, .cookie_r = sa->cookie_r,
        .nonce_i = i ? x->our_nonce : x->peer_nonce, .nonce_r = i ? x->peer_nonce : x->our_nonce,
        .nonce_i_len = i ? x->our_nonce_len : x->peer_nonce_len,
        .nonce_r_len = i ? x->peer_nonce_len : x->our_nonce_len,
        .ke_i = i ? x->w.our_ke : x->w.peer_ke, .ke_r = i ? x->w.peer_ke : x->w.our_ke,
        .ke_len = sa->prop.group->public_len,
        .g_xy = x->w.g_xy, .g_xy_len = sa->prop.group->shared_len,
    };
}

/* HASH_I or HASH_R: of the one whose identity it is. */
static bool hash_of(const struct ike_sa *sa, const struct ike_keys *keys, bool ours, uint8_t *out)
{
    const struct ike_x *x = sa->x;
    struct ike_exchange_values v = values_of(sa);
    return ike_hash_phase1(sa->k->lib, keys, ours == sa->initiator, &v, sa->sa_body, sa->sa_len,
                           ours ? x->our_id : x->peer_id, ours ? x->our_id_len : x->peer_id_len,
                           out);
}

static bool internal(struct ike_sa *sa)
{
    ike_sa_fail(sa, ADIT_EIO, IKE_SAY_REFUSED, "a computation failed: is the algorithm there?");
    return false;
}

static bool malformed(struct ike_sa *sa, const char *what)
{
    (void)what;                 /* unauthenticated: counted, not said */
    IKE_COUNT(sa->k, RX_BAD);
    return false;
}

static void finish(struct ike_sa *sa, size_t len, bool retry)
{
    ike_send(sa, &sa->sent, sa->path, sa->k->out, len, retry);
}

static void our_identity(struct ike_sa *sa)
{
    struct ike_x *x = sa->x;
    struct ike_id id;
    uint8_t buf[sizeof x->our_id - 4];
    struct adit_addr our = sa->path->our;
    ike_auth_our_id(sa->auth, sa->method, &our, &id, buf, sizeof buf);
    struct wr w = wr_of(x->our_id, sizeof x->our_id);
    wr_u8(&w, id.type);
    wr_u8(&w, 0);
    wr_u16(&w, 0);
    wr_bytes(&w, id.data, id.len);
    x->our_id_len = (uint32_t)wr_len(&w);
}

/* ---- vendor ids and NAT detection --------------------------------------------------------- */

static void vids_of(struct ike_sa *sa, const struct ike_msg *m)
{
    for (uint32_t i = 0; i < m->count; i++)
        if (m->p[i].type == IKE_P_VID)
            sa->vids |= ike_vid_of(&m->p[i]);
    sa->dpd = sa->vids & IKE_V_DPD;
    sa->fragments = sa->vids & IKE_V_FRAGMENTATION;
}

/* The best NAT traversal of both. Drafts -00 and -01 do not move to port 4500
 * and are not spoken. */
static const uint32_t nats[] = { IKE_V_RFC3947, IKE_V_NAT_03, IKE_V_NAT_02N, IKE_V_NAT_02 };

static uint32_t nat_of(uint32_t vids)
{
    for (uint32_t i = 0; i < sizeof nats / sizeof *nats; i++)
        if (vids & nats[i])
            return nats[i];
    return 0;
}

static void put_vid(struct ike_out *o, uint32_t one)
{
    uint16_t len;
    const uint8_t *p = ike_vid_bytes(one, &len);
    ike_out_payload(o, IKE_P_VID, p, len);
}

/* RFC 3947 section 3.2: first what we see of the peer, then of ourselves. */
static bool put_nat_d(struct ike_sa *sa, struct ike_out *o)
{
    struct adit_addr at[2] = { sa->path->peer, ike_our(sa->path, sa->at_4500) };
    uint8_t type = sa->nat == IKE_V_RFC3947 ? IKE_P_NAT_D : IKE_P_NAT_D_DRAFT;
    uint8_t hash[IKE_HASH_MAX];
    for (uint32_t i = 0; sa->nat && i < 2; i++) {
        if (!ike_nat_hash(sa->k->lib, sa->prop.hash, sa->cookie_i, sa->cookie_r, &at[i], hash))
            return false;
        /* Before the peer, not before us: Windows calls no server behind one (row W1). */
        if (i == 0 && sa->k->conf.always_encap)
            hash[0] ^= 1;
        ike_out_payload(o, type, hash, sa->prop.hash->len);
    }
    return true;
}

/* The first is over our address as the peer sees it, the others over its own. */
static bool take_nat_d(struct ike_sa *sa, const struct ike_rx *rx)
{
    struct adit_addr our = ike_our(rx->path, rx->at_4500);
    uint8_t here[IKE_HASH_MAX], there[IKE_HASH_MAX];
    uint32_t seen = 0, len = sa->prop.hash->len;
    if (!sa->nat)
        return true;
    if (!ike_nat_hash(sa->k->lib, sa->prop.hash, sa->cookie_i, sa->cookie_r, &our, here) ||
        !ike_nat_hash(sa->k->lib, sa->prop.hash, sa->cookie_i, sa->cookie_r, &rx->path->peer, there))
        return false;
    bool at_home = false, same = false;
    for (uint32_t i = 0; i < rx->m.count; i++) {
        const struct ike_payload *p = &rx->m.p[i];
        if (p->type != IKE_P_NAT_D && p->type != IKE_P_NAT_D_DRAFT)
            continue;
        if (seen++ == 0)
            at_home = p->len == len && memcmp(p->body, here, len) == 0;
        else
            same = same || (p->len == len && memcmp(p->body, there, len) == 0);
    }
    if (seen >= 2) {
        sa->nat_here = !at_home;
        sa->nat_there = !same || sa->k->conf.always_encap;
    } else {
        sa->nat = 0;            /* announced, and not done */
    }
    return true;
}

/* ---- proposals --------------------------------------------------------------------------------- */

bool ike_raw_transform(const struct ike_payload *sa, uint32_t at, uint32_t n, const uint8_t **p,
                       uint16_t *len)
{
    struct rd r = rd_of(sa->body, sa->len);
    rd_skip(&r, 8);             /* DOI, situation */
    for (uint32_t i = 0; rd_left(&r); i++) {
        rd_skip(&r, 2);
        uint16_t plen = rd_u16(&r);
        if (plen < 8)
            return false;
        struct rd prop = rd_sub(&r, plen - 4u);
        if (i != at)
            continue;
        rd_skip(&prop, 2);
        uint8_t spi_len = rd_u8(&prop);
        rd_skip(&prop, 1u + spi_len);
        for (uint32_t t = 0; rd_left(&prop); t++) {
            rd_skip(&prop, 2);
            *len = rd_u16(&prop);
            if (*len < 8)
                return false;
            *len = (uint16_t)(*len - 4u);
            *p = rd_bytes(&prop, *len);
            if (t == n)
                return *p != NULL;
        }
        return false;
    }
    return false;
}

static bool prop_of(const struct ike_transform *t, struct ike_proposal *out)
{
    out->cipher = ike_cipher_of(t->cipher, t->key_bits);
    out->hash = ike_hash_of(t->hash);
    out->group = ike_group_of(t->group);
    return out->cipher && out->hash && out->group && !t->odd;
}

static bool in_ours(const struct ike *k, const struct ike_proposal *p)
{
    for (uint32_t i = 0; i < k->conf.proposal_count; i++) {
        const struct ike_proposal *o = &k->conf.proposals[i];
        if (o->cipher == p->cipher && o->hash == p->hash && o->group == p->group)
            return true;
    }
    return false;
}

struct choice {
    struct ike_proposal prop;
    struct ike_transform t;
    uint8_t number;             /* of the proposal */
    const uint8_t *raw;
    uint16_t raw_len;
    bool xauth, other_method;   /* why nothing fits */
    char offered[256];
};

static void say_offer(struct choice *c, const struct ike_transform *t)
{
    struct ike_proposal p;
    char one[64];
    size_t have = strlen(c->offered);
    if (prop_of(t, &p))
        ike_proposal_text(&p, one, sizeof one);
    else
        snprintf(one, sizeof one, "(cipher %u/%u, hash %u, group %u)", t->cipher, t->key_bits,
                 t->hash, t->group);
    if (have + strlen(one) + 8 < sizeof c->offered)
        snprintf(c->offered + have, sizeof c->offered - have, "%s%s", have ? ", " : "", one);
}

/* The peer's order decides, ours is a set. */
static bool choose(const struct ike *k, const struct ike_auth *auth, const struct adit_addr *peer,
                   const struct ike_payload *sa, struct choice *c, bool *bad)
{
    static struct ike_offer offer;      /* large, and never needed longer than this */
    size_t at = 0;
    *bad = false;
    for (uint32_t i = 0; ike_offer_next(sa, &at, &offer, bad); i++) {
        if (offer.protocol != IKE_PROTO_ISAKMP)
            continue;
        for (uint32_t n = 0; n < offer.count; n++) {
            const struct ike_transform *t = &offer.t[n];
            bool fits = prop_of(t, &c->prop) && in_ours(k, &c->prop);
            if (fits && ike_method_ok(k, auth, peer, false, t->auth) &&
                ike_raw_transform(sa, i, n, &c->raw, &c->raw_len)) {
                c->t = *t;
                c->number = offer.number;
                return !*bad;
            }
            c->xauth = c->xauth || t->auth >= 65001;
            c->other_method = c->other_method || fits;
            say_offer(c, t);
        }
    }
    return false;
}

static uint64_t life_of(const struct ike *k, const struct ike_transform *t)
{
    uint64_t peer = t->life_s < 0xffffffffu ? t->life_s * 1000 : UINT64_MAX;
    return peer && peer < k->conf.ike_life_ms ? peer : k->conf.ike_life_ms;
}

/* ---- message 1 and 2 ------------------------------------------------------------------------------ */

static bool send_1(struct ike_sa *sa, struct ike_rx *rx)
{
    static const uint32_t methods[] = { IKE_AUTH_ECDSA_256, IKE_AUTH_ECDSA_384, IKE_AUTH_ECDSA_521,
                                        IKE_AUTH_RSA, IKE_AUTH_PSK };
    struct ike *k = sa->k;
    struct ike_transform t[IKE_TRANSFORMS];
    uint32_t n = 0, most = k->conf.proposal_offer;
    (void)rx;
    if (!most || most > k->conf.proposal_count)
        most = k->conf.proposal_count;
    for (uint32_t m = 0; m < sizeof methods / sizeof *methods; m++) {
        for (uint32_t i = 0; i < most && n < IKE_TRANSFORMS; i++) {
            const struct ike_proposal *p = &k->conf.proposals[i];
            if (!ike_method_ok(k, sa->auth, &sa->path->peer, true, methods[m]))
                break;
            t[n] = (struct ike_transform){
                .number = (uint8_t)(n + 1), .id = 1 /* KEY_IKE */, .cipher = p->cipher->id,
                .key_bits = p->cipher->id == IKE_3DES ? 0 : p->cipher->key_bits,
                .hash = p->hash->id, .auth = methods[m], .group = p->group->id,
                .life_s = k->conf.ike_life_ms / 1000 };
            n++;
        }
    }
    if (n == 0) {
        ike_sa_fail(sa, ADIT_ECONF, IKE_SAY_REFUSED,
                    "neither a pre-shared key nor a certificate is set");
        return false;
    }
    k->ops->random(sa->cookie_i, 8);
    ike_sa_set_cookie(sa);
    struct ike_hdr h = ike_hdr_of(sa, IKE_X_MAIN, 0, 0);
    struct ike_out o = ike_out_of(k->out, IKE_MSG_MAX, &h);
    ike_out_begin(&o, IKE_P_SA);
    size_t from = wr_len(&o.w);
    ike_out_sa_phase1(&o, t, n, 1);
    sa->sa_len = wr_len(&o.w) - from;
    ike_out_end(&o);
    for (uint32_t i = 0; i < sizeof nats / sizeof *nats; i++)
        put_vid(&o, nats[i]);
    put_vid(&o, IKE_V_DPD);
    put_vid(&o, IKE_V_FRAGMENTATION);
    size_t len = ike_out_done(&o);
    sa->sa_body = len ? malloc(sa->sa_len) : NULL;
    if (!sa->sa_body)
        return internal(sa);
    memcpy(sa->sa_body, k->out + from, sa->sa_len);
    finish(sa, len, true);
    return true;
}

static void no_proposal(struct ike *k, struct ike_rx *rx, const struct choice *c)
{
    char text[400];
    IKE_COUNT(k, FAILED);
    IKE_COUNT(k, NO_PROPOSAL);
    if (!ike_guard_reply(k))
        return;
    if (c->xauth)
        snprintf(text, sizeof text, "the peer wants XAUTH, which L2TP does not use: choose L2TP there");
    else if (c->other_method)
        snprintf(text, sizeof text, "the peer authenticates in a way that is not set up here: "
                 "look at \"psk\" and \"certificate\"");
    else
        snprintf(text, sizeof text, "nothing that is offered is allowed by \"proposals\": %s",
                 c->offered);
    k->ops->say(k->u, IKE_SAY_NO_PROPOSAL, NULL, &rx->path->peer, text);
    ike_refuse(k, rx->path, &rx->hdr, IKE_N_NO_PROPOSAL_CHOSEN);
}

void ike_main_first(struct ike *k, struct ike_rx *rx)
{
    const struct ike_hdr *h = &rx->hdr;
    struct ike_sa *sa = ike_guard_find(k, &rx->path->peer, h->cookie_i);
    if (sa) {
        IKE_COUNT(k, RX_DUP);
        if (sa->state == IKE_S_R_WAIT_3 && sa->last_rx == rx->digest)
            ike_repeat(sa, &sa->sent, rx->path);
        return;
    }
    if (k->conf.initiator_only) {
        IKE_COUNT(k, RX_UNEXPECTED);
        return;
    }
    if (!ike_guard_rate(k, &rx->path->peer))
        return;
    if (h->message_id || (h->flags & IKE_F_ENCRYPTED) ||
        ike_msg_parse(&rx->m, rx->bytes, h->length) != IKE_MSG_OK ||
        !ike_msg_find(&rx->m, IKE_P_SA, 0)) {
        IKE_COUNT(k, RX_BAD);
        return;
    }
    ike_seen(k, rx->path, false, rx->bytes, h->length);
    const struct ike_payload *p = ike_msg_find(&rx->m, IKE_P_SA, 0);
    struct choice c = { .number = 0 };
    bool bad;
    if (!choose(k, k->auth, &rx->path->peer, p, &c, &bad) || p->len > IKE_SA_BODY_MAX) {
        if (bad || p->len > IKE_SA_BODY_MAX)
            IKE_COUNT(k, RX_BAD);
        else
            no_proposal(k, rx, &c);
        return;
    }
    if (!ike_guard_admit(k, &rx->path->peer))
        return;
    sa = ike_sa_new(k, rx->path, rx->at_4500, false);
    if (!sa)
        return;
    ike_guard_add(sa);
    memcpy(sa->cookie_i, h->cookie_i, 8);
    do {
        k->ops->random(sa->cookie_r, 8);
    } while (memcmp(sa->cookie_r, "\0\0\0\0\0\0\0", 8) == 0);
    ike_sa_set_cookie(sa);
    sa->prop = c.prop;
    sa->method = c.t.auth;
    sa->life_ms = life_of(k, &c.t);
    sa->sa_body = malloc(p->len);
    if (!sa->sa_body) {
        ike_sa_end(sa, ADIT_ENOMEM, "out of memory");
        return;
    }
    memcpy(sa->sa_body, p->body, p->len);
    sa->sa_len = p->len;
    vids_of(sa, &rx->m);
    sa->nat = nat_of(sa->vids);
    struct ike_hdr out = ike_hdr_of(sa, IKE_X_MAIN, 0, 0);
    struct ike_out o = ike_out_of(k->out, IKE_MSG_MAX, &out);
    ike_out_begin(&o, IKE_P_SA);        /* the transform as it came, to the byte */
    wr_u32(&o.w, IKE_DOI_IPSEC);
    wr_u32(&o.w, 1);            /* SIT_IDENTITY_ONLY */
    wr_u8(&o.w, 0);
    wr_u8(&o.w, 0);
    struct wr_mark mark = wr_open16(&o.w, -2);
    wr_u8(&o.w, c.number);
    wr_u8(&o.w, IKE_PROTO_ISAKMP);
    wr_u8(&o.w, 0);
    wr_u8(&o.w, 1);
    wr_u8(&o.w, 0);
    wr_u8(&o.w, 0);
    wr_u16(&o.w, (uint16_t)(c.raw_len + 4u));
    wr_bytes(&o.w, c.raw, c.raw_len);
    wr_close16(&o.w, mark);
    ike_out_end(&o);
    /* At most 64 bytes, and only what the peer asked for: no answer is larger
     * than its question by more. */
    if (sa->nat)
        put_vid(&o, sa->nat);
    if (sa->dpd)
        put_vid(&o, IKE_V_DPD);
    if (sa->fragments)
        put_vid(&o, IKE_V_FRAGMENTATION);
    rx->len = ike_out_done(&o);
    ike_main_step(sa, IKE_E_MSG1, rx);
}

static bool answer_2(struct ike_sa *sa, struct ike_rx *rx)
{
    finish(sa, rx->len, false);         /* who calls asks again */
    return true;
}

static bool take_2(struct ike_sa *sa, struct ike_rx *rx)
{
    static struct ike_offer theirs, ours;
    struct ike *k = sa->k;
    const struct ike_payload *p = ike_msg_find(&rx->m, IKE_P_SA, 0);
    struct ike_payload mine = { .type = IKE_P_SA, .body = sa->sa_body, .len = (uint16_t)sa->sa_len };
    size_t at = 0, our_at = 0;
    bool bad = false, found = false;
    if (memcmp(rx->hdr.cookie_r, "\0\0\0\0\0\0\0", 8) == 0)
        return malformed(sa, "no cookie");
    if (!ike_offer_next(p, &at, &theirs, &bad) || theirs.count != 1 || bad)
        return malformed(sa, "SA");
    const struct ike_transform *t = &theirs.t[0];
    (void)ike_offer_next(&mine, &our_at, &ours, &bad);
    for (uint32_t i = 0; i < ours.count; i++) {
        const struct ike_transform *o = &ours.t[i];
        found = found || (o->cipher == t->cipher && o->key_bits == t->key_bits &&
                          o->hash == t->hash && o->auth == t->auth && o->group == t->group);
    }
    if (!found || !prop_of(t, &sa->prop)) {
        IKE_COUNT(k, RX_BAD);
        return false;
    }
    memcpy(sa->cookie_r, rx->hdr.cookie_r, 8);
    sa->method = t->auth;
    sa->life_ms = life_of(k, t);
    vids_of(sa, &rx->m);
    sa->nat = nat_of(sa->vids);
    if (!work(sa, IKE_DO_DH)) {
        memset(sa->cookie_r, 0, 8);
        return false;           /* asked again, it may go */
    }
    ike_sent_stop(&sa->sent);
    return true;
}

/* ---- message 3 and 4 --------------------------------------------------------------------------------- */

static bool ke_and_nonce(struct ike_sa *sa, struct ike_x *x, const struct ike_msg *m)
{
    const struct ike_payload *ke = ike_msg_find(m, IKE_P_KE, 0), *no = ike_msg_find(m, IKE_P_NONCE, 0);
    if (!ke || !no || ke->len != sa->prop.group->public_len || no->len < IKE_NONCE_MIN ||
        no->len > IKE_NONCE_MAX)
        return false;
    memcpy(x->w.peer_ke, ke->body, ke->len);
    memcpy(x->peer_nonce, no->body, no->len);
    x->peer_nonce_len = no->len;
    return true;
}

static size_t build_ke(struct ike_sa *sa)
{
    struct ike *k = sa->k;
    struct ike_x *x = sa->x;
    struct ike_hdr h = ike_hdr_of(sa, IKE_X_MAIN, 0, 0);
    struct ike_out o = ike_out_of(k->out, IKE_MSG_MAX, &h);
    k->ops->random(x->our_nonce, IKE_NONCE_LEN);
    x->our_nonce_len = IKE_NONCE_LEN;
    ike_out_payload(&o, IKE_P_KE, x->w.our_ke, sa->prop.group->public_len);
    ike_out_payload(&o, IKE_P_NONCE, x->our_nonce, x->our_nonce_len);
    if (sa->method != IKE_AUTH_PSK) {   /* Windows sends no certificate unless asked */
        const uint8_t *dn;
        size_t len;
        for (uint32_t i = 0; i < 8 && (dn = ike_auth_ca_name(sa->auth, i, &len)); i++) {
            ike_out_begin(&o, IKE_P_CR);
            wr_u8(&o.w, IKE_CERT_X509_SIGNATURE);
            wr_bytes(&o.w, dn, len);
            ike_out_end(&o);
        }
    }
    return put_nat_d(sa, &o) ? ike_out_done(&o) : 0;
}

static bool send_3(struct ike_sa *sa, struct ike_rx *rx)
{
    size_t len = build_ke(sa);
    (void)rx;
    if (len == 0)
        return internal(sa);
    finish(sa, len, true);
    return true;
}

static bool take_3(struct ike_sa *sa, struct ike_rx *rx)
{
    struct ike_x *x = ike_main_x(sa);
    if (!x)
        return false;
    vids_of(sa, &rx->m);        /* some announce DPD here */
    if (!ke_and_nonce(sa, x, &rx->m) || !take_nat_d(sa, rx)) {
        x->w.release(&x->w);
        return malformed(sa, "KE or nonce");
    }
    sa->x = x;
    if (!work(sa, IKE_DO_DH | IKE_DO_SHARED)) {
        sa->x = NULL;
        x->w.release(&x->w);
        return false;
    }
    ike_guard_proven(sa);
    ike_sent_free(&sa->sent);
    ike_sa_moved(sa, rx);
    return true;
}

static bool send_4(struct ike_sa *sa, struct ike_rx *rx)
{
    size_t len = build_ke(sa);
    (void)rx;
    if (len && sa->method != IKE_AUTH_PSK) {
        struct ike_exchange_values v = values_of(sa);
        if (!ike_keys_sig(sa->k->lib, &sa->keys, &sa->prop, &v))
            len = 0;
        else
            ike_keys_method(&sa->keys, sa->method);
    }
    if (len == 0)
        return internal(sa);
    finish(sa, len, false);
    return true;
}

static bool take_4(struct ike_sa *sa, struct ike_rx *rx)
{
    vids_of(sa, &rx->m);
    if (!ke_and_nonce(sa, sa->x, &rx->m) || !take_nat_d(sa, rx))
        return malformed(sa, "KE or nonce");
    if (!work(sa, IKE_DO_SHARED))
        return false;
    ike_sent_stop(&sa->sent);
    return true;
}

/* ---- message 5 ------------------------------------------------------------------------------------------ */

/* RFC 3947 section 4: behind a NAT, from here on by port 4500. */
static bool float_up(struct ike_sa *sa)
{
    struct ike *k = sa->k;
    if (sa->at_4500 || !(sa->nat_here || sa->nat_there))
        return true;
    struct adit_addr our = sa->path->our, peer = sa->path->peer;
    our.port = 0;
    peer.port = 4500;
    struct adit_path *path = k->ops->open(k->u, true, &our, &peer);
    if (!path)
        return false;
    k->ops->drop(k->u, sa->path);
    sa->path = path;
    sa->at_4500 = true;
    return true;
}

static bool someone_there(const struct ike_sa *sa)
{
    ADIT_LIST_EACH(n, &sa->k->sas) {
        const struct ike_sa *o = ADIT_OF(n, struct ike_sa, node);
        if (o != sa && !o->dead && o->state == IKE_S_UP &&
            memcmp(o->path->peer.ip, sa->path->peer.ip, sizeof sa->path->peer.ip) == 0)
            return true;
    }
    ADIT_LIST_EACH(n, &sa->k->peers) {
        const struct ike_peer *p = ADIT_OF(n, struct ike_peer, node);
        if (!p->dead && memcmp(p->addr.ip, sa->path->peer.ip, sizeof p->addr.ip) == 0)
            return true;
    }
    return false;
}

/* ID, and the proof: HASH, or certificates and SIG. */
static size_t build_auth(struct ike_sa *sa)
{
    struct ike *k = sa->k;
    struct ike_x *x = sa->x;
    struct ike_hdr h = ike_hdr_of(sa, IKE_X_MAIN, IKE_F_ENCRYPTED, 0);
    struct ike_out o = ike_out_of(k->out, IKE_MSG_MAX, &h);
    ike_out_payload(&o, IKE_P_ID, x->our_id, x->our_id_len);
    if (sa->method == IKE_AUTH_PSK) {
        uint8_t hash[IKE_HASH_MAX];
        if (!hash_of(sa, &sa->keys, true, hash))
            return 0;
        ike_out_payload(&o, IKE_P_HASH, hash, sa->prop.hash->len);
    } else {
        const uint8_t *der;
        size_t len;
        for (uint32_t i = 0; i < IKE_CERTS_MAX && (der = ike_auth_cert(sa->auth, i, &len)); i++) {
            ike_out_begin(&o, IKE_P_CERT);
            wr_u8(&o.w, IKE_CERT_X509_SIGNATURE);
            wr_bytes(&o.w, der, len);
            ike_out_end(&o);
        }
        ike_out_payload(&o, IKE_P_SIG, x->our_sig, x->our_sig_len);
    }
    if (sa->initiator && !sa->rekeys && !someone_there(sa)) {
        uint8_t spi[16];        /* RFC 2407 section 4.6.3.3: both cookies */
        memcpy(spi, sa->cookie_i, 8);
        memcpy(spi + 8, sa->cookie_r, 8);
        ike_out_begin(&o, IKE_P_NOTIFY);
        ike_out_notify(&o, IKE_PROTO_ISAKMP, IKE_N_INITIAL_CONTACT, spi, sizeof spi, NULL, 0);
        ike_out_end(&o);
    }
    return ike_close(sa, &o, sa->keys.iv);
}

static bool send_5(struct ike_sa *sa, struct ike_rx *rx)
{
    (void)rx;
    if (!float_up(sa)) {
        ike_sa_fail(sa, ADIT_EUNREACH, IKE_SAY_REFUSED, "there is a NAT, and port 4500 cannot be used");
        return false;
    }
    size_t len = build_auth(sa);
    if (len == 0)
        return internal(sa);
    finish(sa, len, true);
    return true;
}

/* The key for a peer that we call: the row of its address or of the wanted
 * identity; a row that is only of an identity is not guessed. */
static bool our_psk(struct ike_sa *sa, struct ike_psk *out)
{
    const char *want = sa->x->want;
    struct ike_id id = { .type = IKE_ID_FQDN, .data = (const uint8_t *)want,
                         .len = (uint16_t)strlen(want) };
    struct ike_psk p;
    for (uint32_t n = 0; n < IKE_PSK_TRIES &&
         ike_psk_nth(sa, &sa->path->peer, want[0] ? &id : NULL, n, &p); n++)
        if (!p.row_identity || strcmp(p.row_identity, want) == 0) {
            *out = p;
            return true;
        }
    return false;
}

static bool keys_send_5(struct ike_sa *sa, struct ike_rx *rx)
{
    struct ike_exchange_values v = values_of(sa);
    struct ike_psk psk;
    if (!our_psk(sa, &psk)) {
        ike_sa_fail(sa, ADIT_ECONF, IKE_SAY_REFUSED, "no pre-shared key is set for this peer");
        return false;
    }
    if (!ike_keys_psk(sa->k->lib, &sa->keys, &sa->prop, psk.secret, psk.len, &v))
        return internal(sa);
    our_identity(sa);
    return send_5(sa, rx);
}

static bool keys_sign(struct ike_sa *sa, struct ike_rx *rx)
{
    struct ike_x *x = sa->x;
    struct ike_exchange_values v = values_of(sa);
    (void)rx;
    our_identity(sa);
    x->method = sa->method;
    if (!ike_keys_sig(sa->k->lib, &sa->keys, &sa->prop, &v))
        return internal(sa);
    ike_keys_method(&sa->keys, sa->method);
    x->hash_len = sa->keys.auth_hash->len;
    if (!hash_of(sa, &sa->keys, true, x->our_hash))
        return internal(sa);
    if (!work(sa, IKE_DO_SIGN)) {
        ike_sa_fail(sa, ADIT_EBUSY, IKE_SAY_LIMIT, "too much work is waiting");
        return false;
    }
    return true;
}

static void notifies_of(struct ike_sa *sa, const struct ike_msg *m)
{
    struct ike_notify n;
    for (uint32_t i = 0; i < m->count; i++)
        if (m->p[i].type == IKE_P_NOTIFY && ike_notify_read(&m->p[i], &n) &&
            n.type == IKE_N_INITIAL_CONTACT)
            sa->initial_contact = true;
}

static bool take_id(struct ike_x *x, const struct ike_msg *m, struct ike_id *id)
{
    const struct ike_payload *p = ike_msg_find(m, IKE_P_ID, 0);
    if (!p || p->len > sizeof x->peer_id || !ike_id_read(p, id) || id->len == 0)
        return false;
    memcpy(x->peer_id, p->body, p->len);
    x->peer_id_len = p->len;
    return true;
}

/* Does this key open message 5 (6)? The hash is the proof. */
static bool fits(struct ike_sa *sa, const struct ike_keys *keys, struct ike_rx *rx, uint8_t *iv,
                 bool *read, char *identity, size_t len)
{
    uint8_t want[IKE_HASH_MAX];
    struct ike_id id;
    memcpy(iv, keys->iv, IKE_BLOCK_MAX);
    if (!ike_open(sa, keys, rx, iv) || !take_id(sa->x, &rx->m, &id))
        return false;
    const struct ike_payload *hash = ike_msg_find(&rx->m, IKE_P_HASH, 0);
    if (!hash || hash->len != sa->prop.hash->len || !hash_of(sa, keys, false, want))
        return false;
    *read = true;
    ike_id_text(&id, identity, len);
    return bytes_equal(hash->body, want, hash->len);
}

static bool psk_6(struct ike_sa *sa, struct ike_rx *rx)
{
    struct ike *k = sa->k;
    struct ike_exchange_values v = values_of(sa);
    struct ike_keys keys = { 0 };
    struct ike_psk psk;
    uint8_t iv[IKE_BLOCK_MAX];
    char identity[256];
    bool found = false, read = false, any = false;
    if ((rx->hdr.length - IKE_HDR_LEN) % sa->prop.cipher->block || sa->bad >= 16)
        return malformed(sa, "length");
    for (uint32_t n = 0; !found && n < IKE_PSK_TRIES &&
         ike_psk_nth(sa, &rx->path->peer, NULL, n, &psk); n++) {
        any = true;
        if (!ike_keys_psk(k->lib, &keys, &sa->prop, psk.secret, psk.len, &v))
            break;
        found = fits(sa, &keys, rx, iv, &read, identity, sizeof identity) &&
                (!psk.row_identity || strcmp(psk.row_identity, identity) == 0);
    }
    if (!found) {
        ike_keys_wipe(&keys);
        if (read)
            IKE_COUNT(k, RX_HASH);
        else
            IKE_COUNT(k, RX_DECRYPT);
        if (sa->bad++ == 0) {
            IKE_COUNT(k, WRONG_KEY);
            sa->told = true;
            ike_say(sa, IKE_SAY_WRONG_KEY, any ? "the peer's pre-shared key is another one"
                                               : "no pre-shared key is set for this peer");
            struct ike_hdr h = ike_hdr_of(sa, IKE_X_INFORMATIONAL, 0, 0);
            ike_refuse(k, rx->path, &h, IKE_N_AUTH_FAILED);
        }
        return false;
    }
    sa->keys = keys;
    bytes_wipe(&keys, sizeof keys);
    memcpy(sa->keys.iv, iv, sizeof iv);
    notifies_of(sa, &rx->m);
    our_identity(sa);
    ike_sa_moved(sa, rx);
    size_t len = build_auth(sa);
    if (len == 0)
        return internal(sa);
    finish(sa, len, false);
    ike_sa_up(sa, identity);
    return true;
}

/* Certificates, identity, signature: kept, for a thread reads them. */
static bool take_signature(struct ike_sa *sa, struct ike_rx *rx)
{
    struct ike_x *x = sa->x;
    uint8_t iv[IKE_BLOCK_MAX];
    memcpy(iv, sa->keys.iv, sizeof iv);
    if (!ike_open(sa, &sa->keys, rx, iv)) {
        IKE_COUNT(sa->k, RX_DECRYPT);
        return false;
    }
    free(x->msg);
    x->msg = malloc(rx->hdr.length);
    if (!x->msg)
        return false;
    memcpy(x->msg, sa->k->clear, rx->hdr.length);
    x->cert_count = 0;
    const struct ike_payload *sig = NULL;
    if (ike_msg_parse(&rx->m, x->msg, rx->hdr.length) == IKE_MSG_OK)
        sig = ike_msg_find(&rx->m, IKE_P_SIG, 0);
    if (!sig || !take_id(x, &rx->m, &x->id))
        return malformed(sa, "ID or SIG");
    for (uint32_t i = 0; i < rx->m.count && x->cert_count < IKE_CERTS_MAX; i++) {
        const struct ike_payload *p = &rx->m.p[i];
        if (p->type == IKE_P_CERT && p->len > 1 && p->body[0] == IKE_CERT_X509_SIGNATURE)
            x->certs[x->cert_count++] = (struct ike_cert_in){ p->body + 1, p->len - 1u };
    }
    x->peer_sig = sig->body;
    x->peer_sig_len = sig->len;
    x->method = sa->method;
    x->hash_len = sa->keys.auth_hash->len;
    x->now_s = sa->k->ops->wall(sa->k->u) / 1000;
    if (!hash_of(sa, &sa->keys, false, x->peer_hash))
        return internal(sa);
    notifies_of(sa, &rx->m);
    memcpy(sa->keys.iv, iv, sizeof iv);
    return true;
}

static bool verify_5(struct ike_sa *sa, struct ike_rx *rx)
{
    uint8_t iv[IKE_BLOCK_MAX];
    memcpy(iv, sa->keys.iv, sizeof iv);
    if (!take_signature(sa, rx))
        return false;
    our_identity(sa);
    if (!hash_of(sa, &sa->keys, true, sa->x->our_hash))
        return internal(sa);
    if (!work(sa, IKE_DO_VERIFY | IKE_DO_SIGN)) {
        memcpy(sa->keys.iv, iv, sizeof iv);
        return false;
    }
    ike_sent_free(&sa->sent);
    ike_sa_moved(sa, rx);
    return true;
}

static bool send_6(struct ike_sa *sa, struct ike_rx *rx)
{
    size_t len = build_auth(sa);
    char identity[256];
    (void)rx;
    if (len == 0)
        return internal(sa);
    finish(sa, len, false);
    memcpy(identity, sa->x->identity, sizeof identity);
    ike_sa_up(sa, identity);
    return true;
}

/* ---- message 6 ----------------------------------------------------------------------------------------------- */

static bool psk_up(struct ike_sa *sa, struct ike_rx *rx)
{
    uint8_t iv[IKE_BLOCK_MAX];
    char identity[256];
    bool read = false;
    if (!fits(sa, &sa->keys, rx, iv, &read, identity, sizeof identity)) {
        if (read)
            IKE_COUNT(sa->k, RX_HASH);
        else
            IKE_COUNT(sa->k, RX_DECRYPT);
        return false;
    }
    if (sa->x->want[0] && strcmp(sa->x->want, identity) != 0) {
        memcpy(sa->keys.iv, iv, sizeof iv);
        ike_info_delete_sa(sa);
        ike_sa_fail(sa, ADIT_EAUTH, IKE_SAY_AUTH_FAILED, "the peer is %s, and %s is wanted",
                    identity, sa->x->want);
        return false;
    }
    memcpy(sa->keys.iv, iv, sizeof iv);
    notifies_of(sa, &rx->m);
    ike_sent_stop(&sa->sent);
    ike_sa_moved(sa, rx);
    ike_sa_up(sa, identity);
    return true;
}

static bool verify_6(struct ike_sa *sa, struct ike_rx *rx)
{
    uint8_t iv[IKE_BLOCK_MAX];
    memcpy(iv, sa->keys.iv, sizeof iv);
    if (!take_signature(sa, rx))
        return false;
    if (!work(sa, IKE_DO_VERIFY)) {
        memcpy(sa->keys.iv, iv, sizeof iv);
        return false;
    }
    ike_sent_stop(&sa->sent);
    ike_sa_moved(sa, rx);
    return true;
}

static bool up(struct ike_sa *sa, struct ike_rx *rx)
{
    char identity[256];
    (void)rx;
    memcpy(identity, sa->x->identity, sizeof identity);
    ike_sa_up(sa, identity);
    return true;
}

/* ---- messages, time --------------------------------------------------------------------------------------------- */

static bool clear_read(struct ike_sa *sa, struct ike_rx *rx)
{
    if (ike_msg_parse(&rx->m, rx->bytes, rx->hdr.length) != IKE_MSG_OK)
        return false;
    ike_seen(sa->k, rx->path, false, rx->bytes, rx->hdr.length);
    return true;
}

void ike_main_rx(struct ike_sa *sa, struct ike_rx *rx)
{
    struct ike *k = sa->k;
    bool psk = sa->method == IKE_AUTH_PSK, busy = sa->x && sa->x->w.out;
    if (rx->digest == sa->last_rx) {
        IKE_COUNT(k, RX_DUP);
        if (!sa->initiator && !busy)
            ike_repeat(sa, &sa->sent, sa->state == IKE_S_UP ? sa->path : rx->path);
        return;
    }
    if (busy || sa->state == IKE_S_UP) {
        IKE_COUNT(k, RX_UNEXPECTED);
        return;
    }
    if (rx->hdr.message_id) {
        IKE_COUNT(k, RX_BAD);
    } else if (rx->hdr.flags & IKE_F_ENCRYPTED) {
        if (sa->initiator)
            ike_main_step(sa, psk ? IKE_E_MSG6_PSK : IKE_E_MSG6_SIG, rx);
        else
            ike_main_step(sa, psk ? IKE_E_MSG5_PSK : IKE_E_MSG5_SIG, rx);
    } else if (!clear_read(sa, rx)) {
        IKE_COUNT(k, RX_BAD);
    } else if (ike_msg_find(&rx->m, IKE_P_KE, 0)) {
        ike_main_step(sa, sa->initiator ? IKE_E_MSG4 : IKE_E_MSG3, rx);
    } else if (ike_msg_find(&rx->m, IKE_P_SA, 0) && sa->initiator) {
        ike_main_step(sa, IKE_E_MSG2, rx);
    } else {
        IKE_COUNT(k, RX_UNEXPECTED);
    }
}

void ike_main_timeout(struct ike_sa *sa) { ike_main_step(sa, IKE_E_TIMEOUT, NULL); }

static bool timed_out(struct ike_sa *sa, struct ike_rx *rx)
{
    char host[64];
    uint32_t port = sa->path->peer.port;
    const char *hint = sa->hint ? ike_notify_name(sa->hint) : "";
    (void)rx;
    ike_host(&sa->path->peer, host, sizeof host);
    switch (sa->state) {
    case IKE_S_I_WAIT_2:
        if (sa->hint == IKE_N_NO_PROPOSAL_CHOSEN) {
            IKE_COUNT(sa->k, NO_PROPOSAL);
            ike_sa_fail(sa, ADIT_EDENIED, IKE_SAY_NO_PROPOSAL,
                        "%s allows nothing of what we offer (%s): look at \"proposals\", and at "
                        "whether both use a pre-shared key or both certificates", host, hint);
        } else if (sa->hint) {
            ike_sa_fail(sa, ADIT_EDENIED, IKE_SAY_REFUSED, "%s refused phase 1: %s", host, hint);
        } else {
            ike_sa_fail(sa, ADIT_ETIMEDOUT, IKE_SAY_TIMEOUT,
                        "%s does not answer on UDP port %u: is the address right, does it serve "
                        "L2TP/IPsec, is the port open?", host, port);
        }
        break;
    case IKE_S_I_WAIT_6:
        if (sa->method == IKE_AUTH_PSK &&
            (sa->hint == IKE_N_AUTH_FAILED || sa->hint == IKE_N_PAYLOAD_MALFORMED ||
             sa->hint == IKE_N_INVALID_HASH || sa->hint == IKE_N_INVALID_PAYLOAD_TYPE)) {
            IKE_COUNT(sa->k, WRONG_KEY);
            ike_sa_fail(sa, ADIT_EAUTH, IKE_SAY_WRONG_KEY,
                        "%s cannot read what we say (%s): its pre-shared key is another one", host,
                        hint);
        } else if (sa->hint) {
            ike_sa_fail(sa, ADIT_EAUTH, IKE_SAY_AUTH_FAILED, "%s does not accept who we are: %s",
                        host, hint);
        } else {
            ike_sa_fail(sa, ADIT_ETIMEDOUT, IKE_SAY_TIMEOUT,
                        "%s answers no longer, on UDP port %u, when we say who we are: %s%s", host,
                        port, sa->method == IKE_AUTH_PSK ? "its pre-shared key is another one"
                                                         : "it does not accept our certificate",
                        port == 4500 ? ", or port 4500 is not open" : "");
        }
        break;
    case IKE_S_R_WAIT_3:        /* invented sources come here: not a word */
        IKE_COUNT(sa->k, FAILED);
        ike_sa_end(sa, ADIT_ETIMEDOUT, "message 3 did not come");
        break;
    default:
        if (sa->told) {         /* wrong key: that was said */
            IKE_COUNT(sa->k, FAILED);
            ike_sa_end(sa, ADIT_EAUTH, "the pre-shared keys differ");
        } else {
            ike_sa_fail(sa, ADIT_ETIMEDOUT, IKE_SAY_TIMEOUT,
                        "%s stopped answering in main mode (%s)", host, ike_state_name(sa->state));
        }
    }
    return true;
}

static bool expired(struct ike_sa *sa, struct ike_rx *rx)
{
    (void)rx;
    ike_info_delete_sa(sa);
    ike_sa_end(sa, ADIT_ETIMEDOUT, "the ISAKMP SA's lifetime is over");
    return true;
}
