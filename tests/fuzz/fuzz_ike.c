/* fuzz_ike.c - IKE as a whole: a server, a client whose messages are changed on their way, and
 * messages that are made of the input and protected with the right keys.
 *
 * Byte 0 chooses NATs, PFS, fragments. Then records: an operation, and what it needs.
 *   0 port len bytes     a datagram as it is, to the server (1: to the client)
 *   2 n                  n * 50 ms pass
 *   3                    the client calls
 *   4 at at xor          the oldest message on the wire is changed
 *   5 n                  the oldest one is lost, doubled, put behind the others
 *   6 type len bytes     a protected informational message: payloads of that type on
 *   7 type len bytes     a protected quick mode message (8: the message of an open one)
 *   9 flags type len bytes   message 5: after ID and a good HASH (flags 1), or alone
 *  10 n                  rekey, goodbye, another port, the end of a job queue, hours
 *  11 to type len bytes  a message in clear to the newest SA: payloads
 * In the end everything is given back: the rig aborts when not.
 */
#define RIG_FUZZ
#include "../unit/ike_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct rig r;

static void give(uint32_t to, uint16_t port, const uint8_t *p, size_t len)
{
    struct rig_end *e = &r.end[to];
    struct adit_addr from = rig_outside(&r.end[!to], port);
    struct adit_path *path = rig_path_get(e, port, &from, ADIT_PROTO_UDP);
    uint8_t *copy = malloc(len ? len : 1);
    memcpy(copy, p, len);
    ike_rx(e->ike, path, port == 4500, copy, len);
    free(copy);
    rig_drop(e, path);
}

static struct rig_pkt *oldest(void)
{
    ADIT_LIST_EACH(n, &r.wire_q)
        return ADIT_OF(n, struct rig_pkt, node);
    return NULL;
}

static struct ike_sa *newest(uint32_t end, uint32_t state)
{
    struct ike_sa *found = NULL;
    for (struct ike_sa *sa = NULL; (sa = ike_sa_next(r.end[end].ike, sa));)
        if (state == IKE_S_COUNT || sa->state == state)
            found = sa;
    return found;
}

/* Payloads as they are, the first of that type. */
static void chain(struct ike_out *o, uint8_t type, const uint8_t *p, size_t len)
{
    if (!o->next || !len)
        return;
    *o->next = type;
    wr_bytes(&o->w, p, len);
}

static void phase2(uint8_t exchange, bool open_one, uint8_t type, const uint8_t *p, size_t len)
{
    static uint8_t msg[IKE_MSG_MAX + 64];
    struct ike_sa *sa = newest(0, IKE_S_UP), *there = newest(1, IKE_S_UP);
    uint8_t iv[IKE_BLOCK_MAX];
    if (!sa || !there)
        return;
    uint32_t id = ike_message_id(sa);
    const uint8_t *more = NULL;
    size_t more_len = 0;
    if (!ike_iv_of(r.lib, &sa->keys, id, iv))
        return;
    if (open_one && !adit_list_empty(&there->quicks)) {
        struct ike_quick *q = ADIT_OF(there->quicks.next, struct ike_quick, node);
        id = q->message_id;
        memcpy(iv, q->iv, sizeof iv);
        if (q->initiator) {
            more = q->our_nonce;
            more_len = sizeof q->our_nonce;
        }
    }
    struct ike_out o = ike_protect_begin(sa, exchange, id, 0);
    chain(&o, type, p, len);
    size_t n = ike_protect_end(sa, &o, id, more, more_len, iv);
    memcpy(msg, sa->k->out, n);
    if (n)
        give(1, there->at_4500 ? 4500 : 500, msg, n);
}

/* The client is to have sent message 5: its keys are there. */
static void message_5(bool proof, uint8_t type, const uint8_t *p, size_t len)
{
    static uint8_t msg[IKE_MSG_MAX + 64];
    struct ike_sa *sa = newest(0, IKE_S_I_WAIT_6);
    uint8_t iv[IKE_HASH_MAX], hash[IKE_HASH_MAX];
    if (!sa || !sa->x)
        return;
    struct ike_x *x = sa->x;
    uint32_t ke = sa->prop.group->public_len;
    const struct adit_chunk c[] = { { x->w.our_ke, ke }, { x->w.peer_ke, ke } };
    const struct ike_exchange_values v = {
        .cookie_i = sa->cookie_i, .cookie_r = sa->cookie_r, .nonce_i = x->our_nonce,
        .nonce_r = x->peer_nonce, .nonce_i_len = x->our_nonce_len, .nonce_r_len = x->peer_nonce_len,
        .ke_i = x->w.our_ke, .ke_r = x->w.peer_ke, .ke_len = ke, .g_xy = x->w.g_xy,
        .g_xy_len = sa->prop.group->shared_len };
    struct ike_hdr h = ike_hdr_of(sa, IKE_X_MAIN, IKE_F_ENCRYPTED, 0);
    struct ike_out o = ike_out_of(sa->k->out, IKE_MSG_MAX, &h);
    if (!ike_digest(r.lib, sa->prop.hash, c, 2, iv) ||
        !ike_hash_phase1(r.lib, &sa->keys, true, &v, sa->sa_body, sa->sa_len, x->our_id,
                         x->our_id_len, hash))
        abort();
    if (proof) {
        ike_out_payload(&o, IKE_P_ID, x->our_id, x->our_id_len);
        ike_out_payload(&o, IKE_P_HASH, hash, sa->prop.hash->len);
    }
    chain(&o, type, p, len);
    size_t n = ike_close(sa, &o, iv);
    memcpy(msg, sa->k->out, n);
    if (n)
        give(1, 500, msg, n);
}

static void clear_text(uint32_t to, uint8_t exchange, uint8_t type, const uint8_t *p, size_t len)
{
    uint8_t msg[1024];
    struct ike_sa *sa = newest(to, IKE_S_COUNT);
    if (!sa)
        return;
    struct ike_hdr h = ike_hdr_of(sa, exchange, 0, exchange == IKE_X_MAIN ? 0 : 9);
    struct ike_out o = ike_out_of(msg, sizeof msg, &h);
    chain(&o, type, p, len);
    size_t n = ike_out_done(&o);
    if (n)
        give(to, sa->at_4500 ? 4500 : 500, msg, n);
}

static void special(uint8_t n)
{
    struct rig_end *e = &r.end[n >> 3 & 1];
    struct sad_assoc *a = sad_assoc_next(e->sad, NULL);
    switch (n & 7) {
    case 0:
        if (a)
            (void)ike_rekey(e->ike, a);
        break;
    case 1:
        if (a)
            ike_assoc_unused(e->ike, a);
        break;
    case 2:
        r.nat_ports = n >> 4 & 3;
        break;
    case 3:
        e->busy = !e->busy;
        break;
    case 4:
        if (a)
            rig_send(e, a, n);
        break;
    case 5:
        if (e->calls && !e->call[e->calls - 1].over)
            ike_call_cancel(e->ike, e->call[e->calls - 1].number);
        break;
    case 6:
        e->gone = !e->gone;
        break;
    default:
        rig_run(&r, 1800000);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const char *why;
    struct rd in = rd_of(data, len);
    uint8_t set = rd_u8(&in);
    if (!rig_lib)
        rig_lib = ike_lib_new(&why);
    rig_init(&r, &(struct rig_setup){ .psk = { "secret", "secret" }, .nat_clients = set & 1,
             .nat_server = set & 2, .pfs = set & 4, .mtu = set & 8 ? 300 : 0, .dpd_ms = 60000,
             .keepalive_ms = 20000, .esp_life_ms = set & 16 ? 120000 : 0, .max_half_open = 8,
             .per_address = 6 });
    for (uint32_t ops = 0; rd_left(&in) && ops < 200; ops++) {
        uint8_t op = rd_u8(&in) % 12, a, b;
        size_t n;
        const uint8_t *p;
        struct rig_pkt *k = oldest();
        switch (op) {
        case 0:
        case 1:
            a = rd_u8(&in);
            n = rd_u16(&in) % 2000u;
            n = n < rd_left(&in) ? n : rd_left(&in);
            p = rd_bytes(&in, n);
            if (p)
                give(op == 0, a & 1 ? 4500 : 500, p, n);
            break;
        case 2:
            rig_run(&r, 50u * rd_u8(&in));
            break;
        case 3:
            if (r.end[0].calls < 8)
                rig_dial(&r, 0);
            break;
        case 4:
            n = rd_u16(&in);
            a = rd_u8(&in);
            if (k && k->len)
                k->p[n % k->len] ^= a;
            break;
        case 5:
            a = rd_u8(&in);
            if (!k)
                break;
            if (a % 3 == 0) {
                adit_list_del(&k->node);
                free(k);
            } else if (a % 3 == 1) {
                k->at += 3000;
            } else {
                struct rig_pkt *c = malloc(sizeof *c + k->len);
                memcpy(c, k, sizeof *c + k->len);
                c->at += a;
                adit_list_add(&r.wire_q, &c->node);
            }
            break;
        case 9:
        case 11:
            b = rd_u8(&in);
            a = rd_u8(&in);
            n = rd_u8(&in);
            n = n < rd_left(&in) ? n : rd_left(&in);
            p = rd_bytes(&in, n);
            if (p && op == 9)
                message_5(b & 1, a, p, n);
            else if (p)
                clear_text(b & 1, b & 2 ? IKE_X_INFORMATIONAL : b & 4 ? IKE_X_QUICK : IKE_X_MAIN, a, p, n);
            break;
        case 10:
            special(rd_u8(&in));
            break;
        default:
            a = rd_u8(&in);
            n = rd_u16(&in) % 1500u;
            n = n < rd_left(&in) ? n : rd_left(&in);
            p = rd_bytes(&in, n);
            if (p)
                phase2(op == 6 ? IKE_X_INFORMATIONAL : IKE_X_QUICK, op == 8, a, p, n);
        }
    }
    rig_run(&r, 100);
    rig_fini(&r);
    return 0;
}
