/* ike_quick.c - quick mode, both roles: pairs of ESP SAs in transport mode (RFC 2409 section 5.5,
 * RFC 2407, RFC 3193; NAT traversal of RFC 3947 section 5 and its drafts).
 *
 * Knows:  three messages (a fourth where the peer asked to commit), proposals,
 *         selectors, lifetimes, when a new pair sends.
 * Leaves: the association to sad, who is replaced when to ike.c.
 */
#include "ike_int.h"

#include <stdarg.h>
#include <stdio.h>

#define NONE 0u
#define PROPOSALS_MAX 32u       /* looked at, of one message */

static ike_q_act start_dh, send_1, take_1, take_1_pfs, answer_2, take_2, take_2_pfs, send_3, take_3,
    take_4, timed_out;

// clang-format off
#define STATE(s) [IKE_Q_##s]
#define ON(e, act, name, next) [IKE_QE_##e] = { act, name, IKE_Q_##next }
#define WAITS ON(TIMEOUT, timed_out, "give-up", ENDED)
/* A cell left out: the message is counted and dropped. */
const struct ike_q_move ike_quick_table[IKE_Q_COUNT][IKE_QE_COUNT] = {
STATE(IDLE)     = { ON(START,     send_1,     "send-1",                 I_WAIT_2),
                    ON(START_PFS, start_dh,   "start-dh",               I_DH),
                    ON(MSG1,      take_1,     "choose, receive, send-2", R_WAIT_3),
                    ON(MSG1_PFS,  take_1_pfs, "choose, start-dh, shared", R_DH) },
STATE(I_DH)     = { ON(DONE,      send_1,     "send-1",                 I_WAIT_2), WAITS },
STATE(I_WAIT_2) = { ON(MSG2,      take_2,     "send-3, up",             DONE),
                    ON(MSG2_PFS,  take_2_pfs, "start-shared",           I_SHARED), WAITS },
STATE(I_SHARED) = { ON(DONE,      send_3,     "send-3, up",             DONE),     WAITS },
STATE(R_DH)     = { ON(DONE,      answer_2,   "receive, send-2",        R_WAIT_3), WAITS },
STATE(R_WAIT_3) = { ON(MSG3,      take_3,     "up",                     DONE),     WAITS },
STATE(DONE)     = { ON(MSG4,      take_4,     "-",                      DONE) },
};
#undef STATE
#undef ON
#undef WAITS
// clang-format on

const char *ike_q_state_name(uint32_t state)
{
    static const char *const names[] = { "idle",        "computing-1",    "wait-message-2",
                                         "computing-3", "computing-2",    "wait-message-3",
                                         "done",        "ended" };
    return state < IKE_Q_COUNT ? names[state] : "?";
}

const char *ike_q_event_name(uint32_t event)
{
    static const char *const names[] = { "start",     "start-pfs", "message-1", "message-1-pfs",
                                         "message-2", "message-2-pfs", "message-3", "message-4",
                                         "done",      "timeout" };
    return event < IKE_QE_COUNT ? names[event] : "?";
}

static void q_step(struct ike_quick *q, enum ike_q_event ev, struct ike_rx *rx)
{
    const struct ike_q_move *m = &ike_quick_table[q->state][ev];
    if (q->dead)
        return;
    if (!m->name) {
        IKE_COUNT(q->sa->k, RX_UNEXPECTED);
        return;
    }
    if (!m->act(q, rx) || q->dead)
        return;
    q->state = m->next;
    if (rx)
        q->last_rx = rx->digest;
}

/* ---- life of a quick mode ---------------------------------------------------------------- */

static void q_release(struct ike_work *w)
{
    struct ike_quick *q = (struct ike_quick *)(void *)w;
    ike_work_fini(w);
    ike_sent_free(&q->sent);
    free(q->sa_body);
    bytes_wipe(q, sizeof *q);
    free(q);
}

static void q_then(struct ike_work *w)
{
    struct ike_quick *q = (struct ike_quick *)(void *)w;
    if (w->ok) {
        q_step(q, IKE_QE_DONE, NULL);
        return;
    }
    ike_say(q->sa, IKE_SAY_REFUSED, "the peer's Diffie-Hellman value is not one of %s", q->pfs->name);
    ike_quick_end(q);
}

static struct ike_quick *q_new(struct ike_sa *sa, uint32_t message_id)
{
    struct ike *k = sa->k;
    struct ike_quick *q = calloc(1, sizeof *q);
    if (!q)
        return NULL;
    q->w.then = q_then;
    q->w.release = q_release;
    q->sa = sa;
    q->message_id = message_id;
    q->deadline_ms = ike_now(k) + k->conf.setup_ms;
    ike_due(k, q->deadline_ms);
    k->ops->random(q->our_nonce, sizeof q->our_nonce);
    adit_list_add(&sa->quicks, &q->node);
    sa->quick_count++;
    if (ike_iv_of(k->lib, &sa->keys, message_id, q->iv))
        return q;
    ike_quick_end(q);
    return NULL;
}

void ike_quick_end(struct ike_quick *q)
{
    struct ike_sa *sa = q->sa;
    struct ike *k = sa->k;
    if (q->dead)
        return;
    bool unproven = q->state == IKE_Q_R_WAIT_3;
    q->dead = true;
    q->state = IKE_Q_ENDED;
    sa->quick_count--;
    adit_list_del(&q->node);
    if (q->spi_held)
        sad_spi_drop(k->sad, q->spi_in);
    q->spi_held = false;
    if (unproven && q->pair) {  /* the peer never said that it has it, too */
        struct sad_pair *p = q->pair;
        q->pair = NULL;
        sad_pair_end(p, SAD_WHY_DELETED, 0);
    }
    if (q->want)
        ike_want_done(q->want, NULL, ADIT_ECANCELED, "the negotiation ended");
    ike_sent_stop(&q->sent);
    if (q->w.out) {
        ike_work_end(&q->w);
        return;
    }
    adit_list_add(&k->dead_quicks, &q->node);
    k->reap = true;
}

void ike_quick_free(struct ike_quick *q)
{
    adit_list_del(&q->node);
    q->w.release(&q->w);
}

void ike_quick_gone(struct ike *k, struct sad_pair *p)
{
    ADIT_LIST_EACH(n, &k->sas) {
        struct ike_sa *sa = ADIT_OF(n, struct ike_sa, node);
        ADIT_LIST_EACH(m, &sa->quicks) {
            struct ike_quick *q = ADIT_OF(m, struct ike_quick, node);
            if (q->pair == p)
                q->pair = NULL;
        }
    }
}

/* Ends it; the peer is told (type, 0: nothing), so are the log and who wanted it. */
static bool fail(struct ike_quick *q, uint16_t type, enum ike_say say, int32_t code,
                 const char *fmt, ...) ADIT_PRINTF(5, 6);
static bool fail(struct ike_quick *q, uint16_t type, enum ike_say say, int32_t code,
                 const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (type) {
        uint8_t spi[4];
        struct wr w = wr_of(spi, sizeof spi);
        wr_u32(&w, q->spi_out);
        ike_info_notify(q->sa, IKE_PROTO_ESP, type, spi, q->spi_out ? 4 : 0, NULL, 0);
    }
    if (say == IKE_SAY_NO_PROPOSAL)
        IKE_COUNT(q->sa->k, NO_PROPOSAL);
    ike_say(q->sa, say, "%s", text);
    if (q->want)
        ike_want_done(q->want, NULL, code, text);
    ike_quick_end(q);
    return false;
}

static void bad_message(struct ike_quick *q, const char *what)
{
    fail(q, IKE_N_PAYLOAD_MALFORMED, IKE_SAY_REFUSED, ADIT_EPROTO, "quick mode: %s", what);
}

/* ---- proposals --------------------------------------------------------------------------------- */

static bool encapped(const struct ike_sa *sa) { return sa->nat_here || sa->nat_there; }

/* Transport mode, as the NAT between us wants it (RFC 3947 section 5.1). Nothing
 * said: transport mode is all that there is here. */
static bool encap_ok(const struct ike_sa *sa, uint32_t encap)
{
    if (encap == 0)
        return true;
    if (encapped(sa))
        return encap == IKE_ENCAP_UDP_TRANSPORT || encap == IKE_ENCAP_UDP_TRANSPORT_DRAFT;
    return encap == IKE_ENCAP_TRANSPORT;
}

static uint32_t key_bits_of(const struct ike_transform *t)
{
    if (t->key_bits)
        return t->key_bits;
    return t->id == ESP_3DES ? 192 : 128;
}

/* A group that is wished for: one of ours, or any that is not weak. */
static bool group_ok(const struct ike *k, const struct ike_esp_proposal *row, uint32_t id)
{
    const struct ike_group *g = ike_group_of(id);
    if (id == 0)
        return row->group == NULL;
    if (!g || !g->weak)
        return g != NULL;
    for (uint32_t i = 0; i < k->conf.proposal_count; i++)
        if (k->conf.proposals[i].group == g)
            return true;
    return row->group == g;
}

static const struct ike_esp_proposal *row_of(const struct ike *k, const struct ike_transform *t)
{
    for (uint32_t i = 0; i < k->conf.esp_count; i++) {
        const struct ike_esp_proposal *r = &k->conf.esp[i];
        if (r->suite.cipher == t->id && r->suite.key_bits == key_bits_of(t) &&
            r->suite.auth == t->esp_auth && group_ok(k, r, t->group))
            return r;
    }
    return NULL;
}

struct choice {
    const struct ike_esp_proposal *row;
    struct ike_transform t;
    uint8_t number;
    uint32_t spi;
    const uint8_t *raw;
    uint16_t raw_len;
    bool tunnel, no_pfs;
    char offered[200];
};

static void say_offer(const struct ike *k, struct choice *c, const struct ike_transform *t)
{
    struct esp_suite s = { .cipher = (uint16_t)t->id, .key_bits = (uint16_t)key_bits_of(t),
                           .auth = (uint16_t)t->esp_auth };
    size_t have = strlen(c->offered);
    const char *name = esp_suite_name(&s);
    (void)k;
    if (name && have + strlen(name) + 3 < sizeof c->offered && !strstr(c->offered, name))
        snprintf(c->offered + have, sizeof c->offered - have, "%s%s", have ? ", " : "", name);
}

/* Proposals of one number are wanted together: AH beside ESP is not served. */
static bool anded(const struct ike_payload *sa, uint32_t which, uint8_t number)
{
    static struct ike_offer o;
    size_t at = 0;
    bool bad = false;
    for (uint32_t i = 0; i < PROPOSALS_MAX && ike_offer_next(sa, &at, &o, &bad); i++)
        if (i != which && o.number == number)
            return true;
    return false;
}

static bool choose(const struct ike_sa *sa, const struct ike_payload *p, bool ke, struct choice *c,
                   bool *bad)
{
    static struct ike_offer o;
    const struct ike *k = sa->k;
    size_t at = 0;
    *bad = false;
    for (uint32_t i = 0; i < PROPOSALS_MAX && ike_offer_next(p, &at, &o, bad); i++) {
        if (o.protocol != IKE_PROTO_ESP || o.spi_len != 4 || anded(p, i, o.number))
            continue;
        struct rd r = rd_of(o.spi, 4);
        c->spi = rd_u32(&r);
        for (uint32_t n = 0; n < o.count; n++) {
            const struct ike_transform *t = &o.t[n];
            const struct ike_esp_proposal *row = t->odd ? NULL : row_of(k, t);
            if (row && encap_ok(sa, t->encap) && (t->group != 0) == ke && c->spi > 255 &&
                ike_raw_transform(p, i, n, &c->raw, &c->raw_len)) {
                c->row = row;
                c->t = *t;
                c->number = o.number;
                return !*bad;
            }
            c->tunnel = c->tunnel || t->encap == IKE_ENCAP_TUNNEL ||
                        t->encap == IKE_ENCAP_UDP_TUNNEL || t->encap == IKE_ENCAP_UDP_TUNNEL_DRAFT;
            say_offer(k, c, t);
        }
    }
    return false;
}

static uint64_t shorter(uint64_t a, uint64_t b) { return !a ? b : !b ? a : a < b ? a : b; }

static void lives(struct ike_quick *q, const struct ike_transform *t)
{
    const struct ike_conf *c = &q->sa->k->conf;
    uint64_t peer_s = t->life_s ? t->life_s : 28800;    /* RFC 2407 section 4.5: 8 hours */
    q->peer_life_ms = peer_s < 0xffffffffu ? peer_s * 1000 : 0xffffffffu * UINT64_C(1000);
    q->life_ms = shorter(q->peer_life_ms, c->esp_life_ms);
    q->short_life = q->life_ms < q->peer_life_ms;
    uint64_t peer_b = t->life_kb < UINT64_MAX / 1024 ? t->life_kb * 1024 : 0;
    q->life_bytes = shorter(peer_b, c->esp_life_bytes);
}

/* ---- selectors ------------------------------------------------------------------------------------ */

/* Whose address an ID is: of that host alone. */
static bool id_is(const struct ike_id *id, const struct adit_addr *a)
{
    size_t len = a->family == ADIT_AF_IPV6 ? 16 : 4;
    uint8_t host = a->family == ADIT_AF_IPV6 ? IKE_ID_IPV6 : IKE_ID_IPV4;
    uint8_t net = a->family == ADIT_AF_IPV6 ? IKE_ID_IPV6_SUBNET : IKE_ID_IPV4_SUBNET;
    if (id->type == host && id->len == len)
        return memcmp(id->data, a->ip, len) == 0;
    if (id->type != net || id->len != 2 * len || memcmp(id->data, a->ip, len) != 0)
        return false;
    for (size_t i = len; i < 2 * len; i++)
        if (id->data[i] != 0xff)
            return false;
    return true;
}

static bool keep_id(uint8_t *to, uint16_t *len, const struct ike_payload *p)
{
    if (p->len > sizeof ((struct ike_ids *)0)->our)
        return false;
    memcpy(to, p->body, p->len);
    *len = p->len;
    return true;
}

/* Absent: the addresses, and of them what L2TP needs. Behind a NAT the peer
 * names its private address (rows W2, W9), or, as Windows XP, its host name:
 * the selector is its outer address. Any port of its own (row M8). */
static const char *selectors(struct ike_quick *q, const struct ike_msg *m)
{
    struct ike_sa *sa = q->sa;
    const struct ike_payload *pi = ike_msg_find(m, IKE_P_ID, 0), *pr = ike_msg_find(m, IKE_P_ID, 1);
    struct ike_id peer = { 0 }, our = { 0 };
    q->sel = (struct sad_selector){ .protocol = 17, .our_port = 1701, .peer_port = 0 };
    if (pi || pr) {
        if (!pi || !pr || !ike_id_read(pi, &peer) || !ike_id_read(pr, &our) ||
            !keep_id(q->ids.peer, &q->ids.peer_len, pi) || !keep_id(q->ids.our, &q->ids.our_len, pr))
            return "the identities cannot be read";
        if ((peer.protocol && peer.protocol != 17) || (our.protocol && our.protocol != 17))
            return "the selectors are not for UDP";
        if (!sa->nat_there && !id_is(&peer, &sa->path->peer))
            return "the peer's selector is not its address";
        if (!sa->nat_here && !id_is(&our, &sa->path->our))
            return "our selector is not our address";
        if (our.port)
            q->sel.our_port = our.port;
        q->sel.peer_port = peer.port;
    }
    if (!sa->k->ops->covered(sa->k->u, q->sel.protocol, q->sel.our_port, &sa->path->our))
        return "no tunnel listens on our selector's port: L2TP has 17/1701";
    return NULL;
}

static void put_id(struct ike_out *o, const uint8_t *p, size_t len)
{
    ike_out_payload(o, IKE_P_ID, p, len);
}

/* RFC 3947 section 5.2: the initiator's address, then the responder's, as we see them. */
static void put_nat_oa(struct ike_quick *q, struct ike_out *o)
{
    struct ike_sa *sa = q->sa;
    const struct adit_addr *a[2] = { &sa->path->our, &sa->path->peer };
    uint8_t type = sa->nat == IKE_V_RFC3947 ? IKE_P_NAT_OA : IKE_P_NAT_OA_DRAFT;
    for (uint32_t i = 0; encapped(sa) && i < 2; i++) {
        ike_out_begin(o, type);
        ike_out_nat_oa(o, a[q->initiator ? i : 1 - i]);
        ike_out_end(o);
    }
}

/* Read and, as checksums inside are the tunnel's affair (row W9), of no further use. */
static bool nat_oa_ok(const struct ike_msg *m)
{
    struct ike_nat_oa oa;
    for (uint32_t i = 0; i < m->count; i++)
        if ((m->p[i].type == IKE_P_NAT_OA || m->p[i].type == IKE_P_NAT_OA_DRAFT) &&
            !ike_nat_oa_read(&m->p[i], &oa))
            return false;
    return true;
}

/* ---- a pair --------------------------------------------------------------------------------------------- */

static bool keymat(const struct ike_quick *q, uint32_t spi, uint8_t *out, size_t len)
{
    const struct ike_sa *sa = q->sa;
    const uint8_t *i = q->initiator ? q->our_nonce : q->peer_nonce;
    const uint8_t *r = q->initiator ? q->peer_nonce : q->our_nonce;
    size_t i_len = q->initiator ? sizeof q->our_nonce : q->peer_nonce_len;
    size_t r_len = q->initiator ? q->peer_nonce_len : sizeof q->our_nonce;
    return ike_keymat(sa->k->lib, &sa->keys, q->pfs ? q->w.g_xy : NULL,
                      q->pfs ? q->pfs->shared_len : 0, IKE_PROTO_ESP, spi, i, i_len, r, r_len, out,
                      len);
}

static struct sad_assoc *assoc_of(struct ike_quick *q)
{
    struct ike_sa *sa = q->sa;
    struct ike *k = sa->k;
    struct sad_who who = { .our = sa->path->our, .peer = sa->path->peer, .encap = encapped(sa),
                           .sel = q->sel, .identity = sa->peer->identity,
                           .owner = sa->peer->number };
    who.our.port = 0;
    if (!who.encap)
        who.peer.port = 0;
    struct ike_bond *b = q->want ? q->want->bond : NULL;
    if (b)
        return b->assoc;        /* another pair of that very one, wherever the peer is now */
    struct adit_path *outer = k->ops->esp_path(k->u, &who, sa->path);
    if (!outer)
        return NULL;
    struct sad_assoc *a = sad_assoc_get(k->sad, &who, outer);
    k->ops->drop(k->u, outer);
    return a;
}

static bool install(struct ike_quick *q, bool sends)
{
    struct ike_sa *sa = q->sa;
    struct ike *k = sa->k;
    uint8_t in[256], out[256];
    uint32_t len = esp_keymat_len(&q->suite);
    struct sad_assoc *a = len <= sizeof in ? assoc_of(q) : NULL;
    struct ike_bond *b = a ? ike_bond_get(sa->peer, a) : NULL;
    struct sad_pair_conf c = {
        .suite = q->suite, .spi_in = q->spi_in, .spi_out = q->spi_out, .keymat_in = in,
        .keymat_out = out, .window = k->conf.window, .hard_ms = q->life_ms,
        .soft_ms = ike_soft(k, q->life_ms, q->initiator), .hard_bytes = q->life_bytes,
        .soft_bytes = ike_soft(k, q->life_bytes, q->initiator), .owner = sa->number,
        .initiator = q->initiator };
    bool fine = b && keymat(q, q->spi_in, in, len) && keymat(q, q->spi_out, out, len) &&
                sad_pair_add(a, &c, sends, &q->pair) == 0;
    bytes_wipe(in, sizeof in);
    bytes_wipe(out, sizeof out);
    if (fine) {
        q->spi_held = false;
        b->ids = q->ids;
        return true;
    }
    q->pair = NULL;
    if (a && !sad_pair_next(a, NULL)) {
        if (b)
            ike_bond_free(b);
        sad_assoc_end(a, SAD_WHY_DELETED);
    }
    return false;
}

static void say_up(struct ike_quick *q)
{
    struct ike_sa *sa = q->sa;
    struct sad_pair_view v;
    struct sad_assoc_view a;
    char port[16];
    sad_pair_view(q->pair, &v);
    sad_assoc_view(v.assoc, &a);
    bool rekey = q->want ? q->want->bond != NULL : a.pairs > 1;
    IKE_COUNT(sa->k, CHILD_UP);
    if (rekey)
        IKE_COUNT(sa->k, REKEYS);
    if (q->sel.peer_port)
        snprintf(port, sizeof port, "%u", q->sel.peer_port);
    else
        snprintf(port, sizeof port, "any");
    ike_say(sa, rekey ? IKE_SAY_REKEYED : IKE_SAY_CHILD_UP, "%s%s, %u/%u - %u/%s",
            esp_suite_name(&q->suite), encapped(sa) ? " in UDP" : "", q->sel.protocol,
            q->sel.our_port, q->sel.protocol, port);
}

static void over(struct ike_quick *q)
{
    q->deadline_ms = ike_now(q->sa->k) + IKE_QUICK_KEEP_MS;
    ike_due(q->sa->k, q->deadline_ms);
    bytes_wipe(q->w.g_xy, sizeof q->w.g_xy);
}

/* ---- responder ---------------------------------------------------------------------------------------------- */

/* The proposal that was chosen, to the byte, with our SPI. */
static bool keep_answer(struct ike_quick *q, const struct choice *c)
{
    uint8_t buf[IKE_SA_BODY_MAX];
    struct wr w = wr_of(buf, sizeof buf);
    wr_u32(&w, IKE_DOI_IPSEC);
    wr_u32(&w, 1);
    wr_u16(&w, 0);
    struct wr_mark mark = wr_open16(&w, -2);
    wr_u8(&w, c->number);
    wr_u8(&w, IKE_PROTO_ESP);
    wr_u8(&w, 4);
    wr_u8(&w, 1);
    wr_u32(&w, q->spi_in);
    wr_u16(&w, 0);
    wr_u16(&w, (uint16_t)(c->raw_len + 4u));
    wr_bytes(&w, c->raw, c->raw_len);
    wr_close16(&w, mark);
    q->sa_body = wr_ok(&w) ? malloc(wr_len(&w)) : NULL;
    if (!q->sa_body)
        return false;
    q->sa_len = wr_len(&w);
    memcpy(q->sa_body, buf, q->sa_len);
    return true;
}

static bool no_proposal(struct ike_quick *q, const struct choice *c)
{
    if (c->tunnel)
        return fail(q, IKE_N_NO_PROPOSAL_CHOSEN, IKE_SAY_NO_PROPOSAL, ADIT_EDENIED,
                    "the peer wants tunnel mode: L2TP is in transport mode");
    return fail(q, IKE_N_NO_PROPOSAL_CHOSEN, IKE_SAY_NO_PROPOSAL, ADIT_EDENIED,
                "nothing that is offered is allowed by \"esp-proposals\": %s",
                c->offered[0] ? c->offered : "none of it is ESP");
}

static bool read_1(struct ike_quick *q, struct ike_rx *rx)
{
    struct ike_sa *sa = q->sa;
    const struct ike_payload *p = ike_msg_find(&rx->m, IKE_P_SA, 0);
    const struct ike_payload *no = ike_msg_find(&rx->m, IKE_P_NONCE, 0);
    const struct ike_payload *ke = ike_msg_find(&rx->m, IKE_P_KE, 0);
    struct choice c = { .row = NULL };
    bool bad;
    if (!p || !no || no->len < IKE_NONCE_MIN || no->len > IKE_NONCE_MAX || !nat_oa_ok(&rx->m)) {
        bad_message(q, "the first message is not complete");
        return false;
    }
    if (sa->nat_here || sa->nat_there) {
        if (!sa->at_4500)
            return fail(q, IKE_N_NO_PROPOSAL_CHOSEN, IKE_SAY_REFUSED, ADIT_EPROTO,
                        "the peer is behind a NAT and stays on port 500: its ESP would be lost");
    }
    if (!choose(sa, p, ke != NULL, &c, &bad)) {
        if (bad)
            bad_message(q, "the proposals cannot be read");
        else
            no_proposal(q, &c);
        return false;
    }
    q->spi_out = c.spi;
    q->suite = c.row->suite;
    lives(q, &c.t);
    const char *wrong = selectors(q, &rx->m);
    if (wrong)
        return fail(q, IKE_N_INVALID_ID, IKE_SAY_REFUSED, ADIT_EDENIED, "%s", wrong);
    if (ke) {
        q->pfs = q->w.group = ike_group_of(c.t.group);
        if (ke->len != q->pfs->public_len) {
            bad_message(q, "the Diffie-Hellman value has another size");
            return false;
        }
        memcpy(q->w.peer_ke, ke->body, ke->len);
    }
    memcpy(q->peer_nonce, no->body, no->len);
    q->peer_nonce_len = no->len;
    q->spi_in = sad_spi_new(sa->k->sad);
    q->spi_held = q->spi_in != 0;
    if (!q->spi_in || !keep_answer(q, &c))
        return fail(q, NONE, IKE_SAY_LIMIT, ADIT_ENOSPC, "no room for another pair of SAs");
    return true;
}

static bool answer_2(struct ike_quick *q, struct ike_rx *rx)
{
    struct ike_sa *sa = q->sa;
    struct ike *k = sa->k;
    (void)rx;
    /* It receives from now on; it sends when the peer said, or showed, that it
     * has it, too: no packet is lost in a rekey. */
    if (!install(q, false))
        return fail(q, IKE_N_NO_PROPOSAL_CHOSEN, IKE_SAY_REFUSED, ADIT_EIO,
                    "the pair of SAs could not be made");
    struct ike_out o = ike_protect_begin(sa, IKE_X_QUICK, q->message_id, 0);
    ike_out_payload(&o, IKE_P_SA, q->sa_body, q->sa_len);
    ike_out_payload(&o, IKE_P_NONCE, q->our_nonce, sizeof q->our_nonce);
    if (q->pfs)
        ike_out_payload(&o, IKE_P_KE, q->w.our_ke, q->pfs->public_len);
    if (q->ids.peer_len) {
        put_id(&o, q->ids.peer, q->ids.peer_len);
        put_id(&o, q->ids.our, q->ids.our_len);
    }
    put_nat_oa(q, &o);
    if (q->short_life) {        /* RFC 2407 section 4.6.3.1 */
        uint8_t spi[4], data[12];
        struct wr w = wr_of(spi, sizeof spi);
        wr_u32(&w, q->spi_in);
        w = wr_of(data, sizeof data);
        wr_u32(&w, 0x80010001); /* life type: seconds */
        wr_u32(&w, 0x00020004);
        wr_u32(&w, (uint32_t)(q->life_ms / 1000));
        ike_out_begin(&o, IKE_P_NOTIFY);
        ike_out_notify(&o, IKE_PROTO_ESP, IKE_N_RESPONDER_LIFETIME, spi, 4, data, sizeof data);
        ike_out_end(&o);
    }
    size_t len = ike_protect_end(sa, &o, q->message_id, q->peer_nonce, q->peer_nonce_len, q->iv);
    if (len == 0)
        return fail(q, NONE, IKE_SAY_REFUSED, ADIT_EIO, "the answer could not be made");
    ike_send(sa, &q->sent, sa->path, k->out, len, true);
    return true;
}

static bool take_1(struct ike_quick *q, struct ike_rx *rx)
{
    return read_1(q, rx) && answer_2(q, rx);
}

static bool take_1_pfs(struct ike_quick *q, struct ike_rx *rx)
{
    struct ike *k = q->sa->k;
    if (!read_1(q, rx))
        return false;
    if (ike_work(k, &q->w, k->auth, IKE_DO_DH | IKE_DO_SHARED))
        return true;
    return fail(q, NONE, IKE_SAY_LIMIT, ADIT_EBUSY, "too much work is waiting");
}

/* HASH(3) = prf(SKEYID_a, 0 | M-ID | Ni_b | Nr_b) */
static bool hash_3(const struct ike_quick *q, uint8_t *out)
{
    const struct ike_sa *sa = q->sa;
    uint8_t head[5];
    struct wr w = wr_of(head, sizeof head);
    wr_u8(&w, 0);
    wr_u32(&w, q->message_id);
    struct adit_chunk ours = { q->our_nonce, sizeof q->our_nonce },
                      theirs = { q->peer_nonce, q->peer_nonce_len };
    const struct adit_chunk c[] = { { head, 5 }, q->initiator ? ours : theirs,
                                    q->initiator ? theirs : ours };
    return ike_prf(sa->k->lib, sa->keys.hash, sa->keys.skeyid_a, sa->keys.hash->len, c, 3, out);
}

static bool take_3(struct ike_quick *q, struct ike_rx *rx)
{
    struct ike_sa *sa = q->sa;
    uint8_t want[IKE_HASH_MAX];
    const struct ike_payload *p = ike_msg_find(&rx->m, IKE_P_HASH, 0);
    if (!p || p->len != sa->keys.hash->len || !hash_3(q, want) ||
        !bytes_equal(p->body, want, p->len)) {
        IKE_COUNT(sa->k, RX_HASH);
        return false;
    }
    ike_sent_free(&q->sent);
    if (!q->pair) {             /* it was deleted meanwhile */
        ike_quick_end(q);
        return false;
    }
    sad_pair_sends(q->pair);
    say_up(q);
    if (q->commit) {            /* RFC 2408 section 3.1: the peer waits for CONNECTED */
        uint8_t spi[4];
        struct wr w = wr_of(spi, sizeof spi);
        wr_u32(&w, q->spi_in);
        struct ike_out o = ike_protect_begin(sa, IKE_X_QUICK, q->message_id, 0);
        ike_out_begin(&o, IKE_P_NOTIFY);
        ike_out_notify(&o, IKE_PROTO_ESP, IKE_N_CONNECTED, spi, 4, NULL, 0);
        ike_out_end(&o);
        memcpy(q->iv, rx->iv, sizeof q->iv);
        size_t len = ike_protect_end(sa, &o, q->message_id, NULL, 0, q->iv);
        ike_send(sa, &q->sent, sa->path, sa->k->out, len, false);
    }
    over(q);
    return true;
}

/* ---- initiator --------------------------------------------------------------------------------------------------- */

/* One group goes with all that is offered: phase 1's, or the first row's. */
static const struct ike_group *pfs_of(const struct ike_sa *sa)
{
    const struct ike_conf *c = &sa->k->conf;
    if (c->pfs)
        return sa->prop.group;
    return c->esp_count ? c->esp[0].group : NULL;
}

static void build_ids(struct ike_quick *q)
{
    const struct ike_sa *sa = q->sa;
    const struct ike_bond *b = q->want->bond;
    if (b) {                    /* as they were agreed on, a private address among them */
        q->ids = b->ids;
        return;
    }
    const struct adit_addr *a[2] = { &sa->path->our, &sa->path->peer };
    uint8_t *to[2] = { q->ids.our, q->ids.peer };
    uint16_t *len[2] = { &q->ids.our_len, &q->ids.peer_len };
    uint16_t port[2] = { q->sel.our_port, q->sel.peer_port };
    for (uint32_t i = 0; i < 2; i++) {
        struct wr w = wr_of(to[i], sizeof q->ids.our);
        bool v6 = a[i]->family == ADIT_AF_IPV6;
        wr_u8(&w, v6 ? IKE_ID_IPV6 : IKE_ID_IPV4);
        wr_u8(&w, q->sel.protocol);
        wr_u16(&w, port[i]);
        wr_bytes(&w, a[i]->ip, v6 ? 16 : 4);
        *len[i] = (uint16_t)wr_len(&w);
    }
}

void ike_quick_start(struct ike_sa *sa, struct ike_want *want)
{
    struct ike *k = sa->k;
    struct ike_quick *q = sa->quick_count < IKE_QUICKS_MAX ? q_new(sa, ike_message_id(sa)) : NULL;
    if (!q) {
        ike_want_done(want, NULL, ADIT_EBUSY, "too many quick modes at once");
        return;
    }
    q->initiator = true;
    q->want = want;
    q->sel = want->call.sel;
    want->quick = q;
    want->sa = sa;
    q->spi_in = sad_spi_new(k->sad);
    q->spi_held = q->spi_in != 0;
    if (!q->spi_in) {
        fail(q, NONE, IKE_SAY_LIMIT, ADIT_ENOSPC, "no SPI is free");
        return;
    }
    build_ids(q);
    q->pfs = q->w.group = pfs_of(sa);
    q_step(q, q->pfs ? IKE_QE_START_PFS : IKE_QE_START, NULL);
}

static bool start_dh(struct ike_quick *q, struct ike_rx *rx)
{
    (void)rx;
    if (ike_work(q->sa->k, &q->w, q->sa->k->auth, IKE_DO_DH))
        return true;
    return fail(q, NONE, IKE_SAY_LIMIT, ADIT_EBUSY, "too much work is waiting");
}

static bool send_1(struct ike_quick *q, struct ike_rx *rx)
{
    struct ike_sa *sa = q->sa;
    struct ike *k = sa->k;
    struct ike_transform t[IKE_TRANSFORMS];
    uint32_t n = 0, encap = IKE_ENCAP_TRANSPORT;
    (void)rx;
    if (encapped(sa))
        encap = sa->nat == IKE_V_RFC3947 ? IKE_ENCAP_UDP_TRANSPORT : IKE_ENCAP_UDP_TRANSPORT_DRAFT;
    for (uint32_t i = 0; i < k->conf.esp_count && n < IKE_TRANSFORMS; i++) {
        const struct ike_esp_proposal *r = &k->conf.esp[i];
        if (!k->conf.pfs && r->group != q->pfs)
            continue;
        t[n] = (struct ike_transform){
            .number = (uint8_t)(n + 1), .id = (uint8_t)r->suite.cipher,
            .key_bits = r->suite.cipher == ESP_3DES ? 0 : r->suite.key_bits,
            .esp_auth = r->suite.auth, .encap = encap, .group = q->pfs ? q->pfs->id : 0,
            .life_s = k->conf.esp_life_ms / 1000, .life_kb = k->conf.esp_life_bytes / 1024 };
        n++;
    }
    if (n == 0)
        return fail(q, NONE, IKE_SAY_REFUSED, ADIT_ECONF, "no ESP proposal is set");
    struct ike_out o = ike_protect_begin(sa, IKE_X_QUICK, q->message_id, 0);
    ike_out_begin(&o, IKE_P_SA);
    size_t from = wr_len(&o.w);
    ike_out_sa_esp(&o, t, n, 1, q->spi_in);
    q->sa_len = wr_len(&o.w) - from;
    ike_out_end(&o);
    q->sa_body = wr_ok(&o.w) ? malloc(q->sa_len) : NULL;
    if (!q->sa_body)
        return fail(q, NONE, IKE_SAY_LIMIT, ADIT_ENOMEM, "out of memory");
    memcpy(q->sa_body, &k->out[from], q->sa_len);
    ike_out_payload(&o, IKE_P_NONCE, q->our_nonce, sizeof q->our_nonce);
    if (q->pfs)
        ike_out_payload(&o, IKE_P_KE, q->w.our_ke, q->pfs->public_len);
    if (q->ids.our_len) {
        put_id(&o, q->ids.our, q->ids.our_len);
        put_id(&o, q->ids.peer, q->ids.peer_len);
    }
    put_nat_oa(q, &o);
    size_t len = ike_protect_end(sa, &o, q->message_id, NULL, 0, q->iv);
    if (len == 0)
        return fail(q, NONE, IKE_SAY_REFUSED, ADIT_EIO, "the proposal could not be made");
    ike_send(sa, &q->sent, sa->path, k->out, len, true);
    return true;
}

/* What the peer chose must be one of ours, as it was. */
static const struct ike_esp_proposal *chosen(struct ike_quick *q, const struct ike_payload *p,
                                             struct ike_transform *out)
{
    static struct ike_offer theirs, ours;
    struct ike_payload mine = { .type = IKE_P_SA, .body = q->sa_body, .len = (uint16_t)q->sa_len };
    size_t at = 0, our_at = 0;
    bool bad = false;
    if (!ike_offer_next(p, &at, &theirs, &bad) || bad || theirs.count != 1 ||
        theirs.protocol != IKE_PROTO_ESP || theirs.spi_len != 4)
        return NULL;
    struct rd r = rd_of(theirs.spi, 4);
    q->spi_out = rd_u32(&r);
    *out = theirs.t[0];
    (void)ike_offer_next(&mine, &our_at, &ours, &bad);
    for (uint32_t i = 0; i < ours.count && q->spi_out > 255; i++) {
        const struct ike_transform *o = &ours.t[i];
        if (o->id == out->id && o->key_bits == out->key_bits && o->esp_auth == out->esp_auth &&
            o->group == out->group && (o->encap == out->encap || out->encap == 0)) {
            const struct ike_conf *c = &q->sa->k->conf;
            for (uint32_t n = 0; n < c->esp_count; n++)
                if (c->esp[n].suite.cipher == o->id && c->esp[n].suite.auth == o->esp_auth &&
                    c->esp[n].suite.key_bits == key_bits_of(o) &&
                    (c->pfs || c->esp[n].group == q->pfs))
                    return &c->esp[n];
        }
    }
    return NULL;
}

/* RESPONDER-LIFETIME: the peer's is shorter. */
static void peer_life(struct ike_quick *q, const struct ike_msg *m)
{
    for (uint32_t i = 0; i < m->count; i++) {
        struct ike_notify n;
        uint32_t type = 0;
        if (m->p[i].type != IKE_P_NOTIFY || !ike_notify_read(&m->p[i], &n) ||
            n.type != IKE_N_RESPONDER_LIFETIME)
            continue;
        struct rd r = rd_of(n.data, n.data_len);
        while (rd_left(&r)) {
            uint16_t attr = rd_u16(&r);
            uint64_t value = rd_u16(&r);
            if (!(attr & 0x8000u)) {
                struct rd v = rd_sub(&r, (size_t)value);
                value = 0;
                while (rd_left(&v))
                    value = value < UINT64_C(1) << 40 ? value << 8 | rd_u8(&v) : (rd_skip(&v, 1), value);
            }
            if ((attr & 0x7fffu) == 1)
                type = (uint32_t)value;
            else if ((attr & 0x7fffu) == 2 && type == 1 && value)
                q->life_ms = shorter(q->life_ms, value * 1000);
            else if ((attr & 0x7fffu) == 2 && type == 2 && value)
                q->life_bytes = shorter(q->life_bytes, value * 1024);
        }
    }
}

static bool read_2(struct ike_quick *q, struct ike_rx *rx)
{
    struct ike_sa *sa = q->sa;
    const struct ike_payload *p = ike_msg_find(&rx->m, IKE_P_SA, 0);
    const struct ike_payload *no = ike_msg_find(&rx->m, IKE_P_NONCE, 0);
    const struct ike_payload *ke = ike_msg_find(&rx->m, IKE_P_KE, 0);
    struct ike_transform t;
    if (!p || !no || no->len < IKE_NONCE_MIN || no->len > IKE_NONCE_MAX || (q->pfs && !ke) ||
        (ke && q->pfs && ke->len != q->pfs->public_len) || !nat_oa_ok(&rx->m)) {
        bad_message(q, "the peer's answer is not complete");
        return false;
    }
    const struct ike_esp_proposal *row = chosen(q, p, &t);
    if (!row)
        return fail(q, IKE_N_BAD_PROPOSAL_SYNTAX, IKE_SAY_NO_PROPOSAL, ADIT_EPROTO,
                    "the peer chose what was not offered");
    const struct ike_payload *pi = ike_msg_find(&rx->m, IKE_P_ID, 0), *pr = ike_msg_find(&rx->m, IKE_P_ID, 1);
    struct ike_id our, peer;
    if (pi && pr && ike_id_read(pi, &our) && ike_id_read(pr, &peer) &&
        (our.port != q->sel.our_port || (peer.port && peer.port != q->sel.peer_port && q->sel.peer_port)) &&
        !q->want->bond)
        return fail(q, IKE_N_INVALID_ID, IKE_SAY_REFUSED, ADIT_EPROTO,
                    "the peer chose other selectors than were offered");
    q->suite = row->suite;
    lives(q, &t);
    peer_life(q, &rx->m);
    memcpy(q->peer_nonce, no->body, no->len);
    q->peer_nonce_len = no->len;
    if (ke && q->pfs)
        memcpy(q->w.peer_ke, ke->body, ke->len);
    memcpy(q->iv, rx->iv, sizeof q->iv);
    (void)sa;
    return true;
}

/* The pair that was replaced, and what else we made for it before: where both
 * sides rekey at once, each takes its own away. */
static void retire(struct ike_quick *q, struct ike_want *w)
{
    struct sad_pair_view v;
    for (struct sad_pair *p = NULL; (p = sad_pair_next(w->bond->assoc, p));) {
        sad_pair_view(p, &v);
        if (p != q->pair && !v.ending && (v.spi_in == w->old_spi_in || v.initiator))
            ike_bond_retire(w->bond, v.spi_in);
    }
}

/* Whether a pair that is replaced still sends. Then the new one waits for the
 * peer's first packet, or for the end of the old: many peers have it only when
 * they have worked through the third message, and packets would overtake that. */
static bool replaces(const struct ike_want *w)
{
    struct sad_pair_view v;
    for (struct sad_pair *p = NULL; w && w->bond && (p = sad_pair_next(w->bond->assoc, p));) {
        sad_pair_view(p, &v);
        if (v.sends && !v.ending)
            return true;
    }
    return false;
}

static bool send_3(struct ike_quick *q, struct ike_rx *rx)
{
    struct ike_sa *sa = q->sa;
    struct ike *k = sa->k;
    uint8_t hash[IKE_HASH_MAX];
    struct sad_pair_view v;
    (void)rx;
    struct ike_hdr h = ike_hdr_of(sa, IKE_X_QUICK, IKE_F_ENCRYPTED, q->message_id);
    struct ike_out o = ike_out_of(k->out, IKE_MSG_MAX, &h);
    size_t len = 0;
    if (hash_3(q, hash)) {
        ike_out_payload(&o, IKE_P_HASH, hash, sa->keys.hash->len);
        len = ike_close(sa, &o, q->iv);
    }
    if (len == 0 || !install(q, !replaces(q->want)))
        return fail(q, NONE, IKE_SAY_REFUSED, ADIT_EIO, "the pair of SAs could not be made");
    ike_send(sa, &q->sent, sa->path, k->out, len, false);
    say_up(q);
    sad_pair_view(q->pair, &v);
    struct ike_want *w = q->want;
    if (w) {
        if (w->bond)
            retire(q, w);
        ike_want_done(w, v.assoc, 0, NULL);
    }
    over(q);
    return true;
}

static bool take_2(struct ike_quick *q, struct ike_rx *rx)
{
    return read_2(q, rx) && send_3(q, rx);
}

static bool take_2_pfs(struct ike_quick *q, struct ike_rx *rx)
{
    if (!read_2(q, rx))
        return false;
    ike_sent_stop(&q->sent);
    if (ike_work(q->sa->k, &q->w, q->sa->k->auth, IKE_DO_SHARED))
        return true;
    return fail(q, NONE, IKE_SAY_LIMIT, ADIT_EBUSY, "too much work is waiting");
}

/* CONNECTED, where we asked for it or not: nobody waits for it here. */
static bool take_4(struct ike_quick *q, struct ike_rx *rx)
{
    (void)q, (void)rx;
    return true;
}

void ike_quick_refused(struct ike_sa *sa, const struct ike_notify *n)
{
    struct ike_quick *mine = NULL;
    struct rd r = rd_of(n->spi, n->spi_len);
    uint32_t spi = n->spi_len == 4 ? rd_u32(&r) : 0, waiting = 0;
    ADIT_LIST_EACH(m, &sa->quicks) {
        struct ike_quick *q = ADIT_OF(m, struct ike_quick, node);
        if (q->state != IKE_Q_I_WAIT_2)
            continue;
        waiting++;
        if (!mine || q->spi_in == spi)
            mine = q;
    }
    /* Whose it is stands in its SPI, if the peer names ours; if not, and one waits alone, its. */
    if (mine && (mine->spi_in == spi || waiting == 1))
        fail(mine, NONE, n->type == IKE_N_NO_PROPOSAL_CHOSEN ? IKE_SAY_NO_PROPOSAL : IKE_SAY_REFUSED,
             ADIT_EDENIED, "the peer refused quick mode: %s", ike_notify_name(n->type));
}

/* ---- messages, time -------------------------------------------------------------------------------------------------- */

static struct ike_quick *q_find(struct ike_sa *sa, uint32_t message_id)
{
    ADIT_LIST_EACH(n, &sa->quicks) {
        struct ike_quick *q = ADIT_OF(n, struct ike_quick, node);
        if (q->message_id == message_id)
            return q;
    }
    return NULL;
}

static void rx_next(struct ike_quick *q, struct ike_rx *rx)
{
    struct ike_sa *sa = q->sa;
    struct ike *k = sa->k;
    if (rx->digest == q->last_rx) {
        IKE_COUNT(k, RX_DUP);
        if (!q->w.out)
            ike_repeat(sa, &q->sent, sa->path);
        return;
    }
    if (q->w.out) {
        IKE_COUNT(k, RX_UNEXPECTED);
        return;
    }
    memcpy(rx->iv, q->iv, sizeof rx->iv);
    if (!ike_open(sa, &sa->keys, rx, rx->iv)) {
        IKE_COUNT(k, RX_DECRYPT);
        return;
    }
    if (q->state == IKE_Q_I_WAIT_2 &&
        !ike_protect_check(sa, rx, q->our_nonce, sizeof q->our_nonce)) {
        IKE_COUNT(k, RX_HASH);
        return;
    }
    ike_sa_moved(sa, rx);
    ike_peer_heard(sa->peer);
    if (q->state == IKE_Q_I_WAIT_2)
        q_step(q, q->pfs ? IKE_QE_MSG2_PFS : IKE_QE_MSG2, rx);
    else if (q->initiator)
        q_step(q, IKE_QE_MSG4, rx);
    else
        q_step(q, IKE_QE_MSG3, rx);
}

void ike_quick_rx(struct ike_sa *sa, struct ike_rx *rx)
{
    struct ike *k = sa->k;
    uint32_t id = rx->hdr.message_id;
    if (!(rx->hdr.flags & IKE_F_ENCRYPTED) || id == 0) {
        IKE_COUNT(k, RX_BAD);
        return;
    }
    if (sa->state != IKE_S_UP) {
        IKE_COUNT(k, RX_UNEXPECTED);
        return;
    }
    struct ike_quick *q = q_find(sa, id);
    if (q) {
        rx_next(q, rx);
        return;
    }
    if (ike_recent(sa, id)) {
        IKE_COUNT(k, RX_DUP);
        return;
    }
    if (!ike_iv_of(k->lib, &sa->keys, id, rx->iv) || !ike_open(sa, &sa->keys, rx, rx->iv)) {
        IKE_COUNT(k, RX_DECRYPT);
        return;
    }
    if (!ike_protect_check(sa, rx, NULL, 0)) {
        IKE_COUNT(k, RX_HASH);
        return;
    }
    if (sa->quick_count >= IKE_QUICKS_MAX) {
        IKE_COUNT(k, LIMITED);
        return;
    }
    ike_remember(sa, id);
    ike_sa_moved(sa, rx);
    ike_peer_heard(sa->peer);
    q = q_new(sa, id);
    if (!q)
        return;
    memcpy(q->iv, rx->iv, sizeof q->iv);
    q->commit = rx->hdr.flags & IKE_F_COMMIT;
    q_step(q, ike_msg_find(&rx->m, IKE_P_KE, 0) ? IKE_QE_MSG1_PFS : IKE_QE_MSG1, rx);
}

void ike_quick_tick(struct ike_quick *q, uint64_t now)
{
    if (now < q->deadline_ms) {
        ike_due(q->sa->k, q->deadline_ms);
        return;
    }
    if (q->state == IKE_Q_DONE)
        ike_quick_end(q);
    else
        q_step(q, IKE_QE_TIMEOUT, NULL);
}

static bool timed_out(struct ike_quick *q, struct ike_rx *rx)
{
    struct ike_sa *sa = q->sa;
    struct sad_pair_view v;
    (void)rx;
    if (q->state == IKE_Q_R_WAIT_3 && q->pair) {
        sad_pair_view(q->pair, &v);
        if (v.bytes_in || v.sends) {    /* the third message was lost, the peer uses the pair */
            sad_pair_sends(q->pair);
            q->pair = NULL;
            ike_quick_end(q);
            return false;
        }
        uint32_t spi = q->spi_in;
        ike_info_delete_esp(sa, &spi, 1);
    }
    struct ike_want *w = q->want;
    if (w && !w->bond && !w->fresh) {   /* the peer may have forgotten this SA: begin anew */
        ike_say(sa, IKE_SAY_TIMEOUT, "quick mode is not answered: phase 1 begins anew");
        w->quick = NULL;
        q->want = NULL;
        ike_quick_end(q);
        ike_sa_end(sa, ADIT_ETIMEDOUT, "quick mode is not answered");
        return false;
    }
    char host[64];
    ike_host(&sa->path->peer, host, sizeof host);
    return fail(q, NONE, IKE_SAY_TIMEOUT, ADIT_ETIMEDOUT, "%s stopped answering in quick mode (%s)",
                host, ike_q_state_name(q->state));
}
