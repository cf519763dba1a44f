/* fuzz_l2tp.c - a whole instance of tunnel-l2tp on the fake host.
 *
 * Byte 0 chooses settings. Then records: an operation, and what it needs.
 *   0 len bytes          a datagram as it is
 *   1 session len bytes  a control message with the numbers that are due
 *   2 session type flags a whole message of that type
 *   3 session flags n    a data message
 *   4 n                  n * 250 ms pass
 *   5 n                  the host hangs up the newest link, or sends on it
 *   6 n                  the peer changes its port, its address; its path goes
 *   7 n                  the host dials; options change; the instance stops, starts
 * Whatever is sent is read, so that ids and numbers are known. In the end
 * everything is given back: the fake host aborts when not.
 */
#include <stdlib.h>

#include "../../plugins/tunnel-l2tp/l2tp_data.h"
#include "../../plugins/tunnel-l2tp/l2tp_io.h"
#include "../../plugins/tunnel-l2tp/l2tp_msg.h"
#include "../../sdk/fake/fake.h"
#include "crypto/crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct peer {
    struct adit_addr me, server;
    uint16_t tunnel, ns, nr;        /* theirs; ours */
    uint16_t session[4];            /* of theirs, as we heard them */
    uint32_t sessions;
};

/* What the plugin says: well formed, always; ids are learnt. */
static void listen_to(struct peer *p)
{
    const struct fake_sent *s;
    while ((s = fake_sent())) {
        struct rd r = rd_of(s->data, s->len);
        struct l2tp_hdr h;
        struct l2tp_msg m;
        struct l2tp_fault f;
        uint8_t body[L2TP_BODY_MAX];
        if (l2tp_hdr_read(&r, &h) != L2TP_HDR_OK)
            abort();
        if (!(h.flags & L2TP_F_CONTROL))
            continue;
        size_t n = rd_left(&r);
        if (n > sizeof body)
            abort();
        rd_copy(&r, body, n);
        const struct l2tp_hide hide = { .crypto = &crypto_api,
                                        .secret = (const uint8_t *)"trustno1", .secret_len = 8 };
        if (!n)
            continue;
        if (!l2tp_msg_parse(&m, body, n, &hide, &f))
            abort();
        if (h.ns == p->nr)
            p->nr++;
        if (m.type == L2TP_SCCRP || m.type == L2TP_SCCRQ) {
            p->tunnel = m.tunnel_id;
            p->server = s->our;
            if (m.type == L2TP_SCCRQ)
                p->me = s->peer;
        }
        if (l2tp_has(&m, SESSION_ID))
            p->session[p->sessions++ & 3] = m.session_id;
    }
}

static void push(struct peer *p, const void *data, size_t len)
{
    (void)fake_datagram(ADIT_PROTO_UDP, &p->me, &p->server, NULL, data, len);
}

static void control(struct peer *p, uint16_t tunnel, uint16_t session, const void *body, size_t len)
{
    uint8_t pkt[2048];
    struct wr w = wr_of(pkt, sizeof pkt);
    wr_u16(&w, 0xc802);
    struct wr_mark m = wr_open16(&w, -2);
    wr_u16(&w, tunnel);
    wr_u16(&w, session);
    wr_u16(&w, len ? p->ns++ : p->ns);
    wr_u16(&w, p->nr);
    wr_bytes(&w, body, len);
    wr_close16(&w, m);
    push(p, pkt, wr_len(&w));
}

static struct l2tp_bytes text(const char *s)
{
    return (struct l2tp_bytes){ (const uint8_t *)s, (uint16_t)strlen(s) };
}

static void message(struct peer *p, uint8_t session, uint8_t type, uint8_t flags)
{
    uint8_t body[L2TP_BODY_MAX];
    struct l2tp_msg m = l2tp_msg_of(type % 17);
    l2tp_set(&m, SESSION_ID, session_id, (uint16_t)(session >> 2));
    if (m.type < 5) {
        l2tp_set(&m, VERSION, version, 0x0100);
        l2tp_set(&m, HOST_NAME, host_name, text("fuzz"));
        l2tp_set(&m, FRAMING_CAPS, framing_caps, 3);
        l2tp_set(&m, TUNNEL_ID, tunnel_id, (uint16_t)(session >> 2));
    }
    if (m.type == L2TP_SCCRQ)
        p->ns = p->nr = 0;
    if (flags & 1)
        l2tp_set(&m, WINDOW, window, flags >> 1);
    if (m.type == L2TP_ICRQ)
        l2tp_set(&m, SERIAL, serial, flags);
    if (m.type == L2TP_ICCN) {
        l2tp_set(&m, TX_SPEED, tx_speed, flags);
        l2tp_set(&m, FRAMING_TYPE, framing_type, 1);
        if (flags & 2)
            l2tp_set(&m, SEQUENCING, sequencing, 1);
    }
    if (m.type == L2TP_StopCCN || m.type == L2TP_CDN)
        l2tp_set(&m, RESULT, result, ((struct l2tp_result){ flags, 0, { NULL, 0 } }));
    size_t len = l2tp_msg_build(&m, body, sizeof body, NULL);
    control(p, m.type == L2TP_SCCRQ ? 0 : p->tunnel, p->session[session & 3], body, len);
}

static void payload(struct peer *p, uint8_t session, uint8_t flags, uint8_t ns)
{
    uint8_t pkt[64];
    struct wr w = wr_of(pkt, sizeof pkt);
    uint16_t bits = (uint16_t)((flags & 0x4b) << 8);
    wr_u16(&w, (uint16_t)(bits | 2));
    if (bits & L2TP_F_LENGTH)
        wr_u16(&w, 20);
    wr_u16(&w, p->tunnel);
    wr_u16(&w, p->session[session & 3]);
    if (bits & L2TP_F_SEQUENCE) {
        wr_u16(&w, ns);
        wr_u16(&w, 0);
    }
    if (bits & L2TP_F_OFFSET)
        wr_u16(&w, flags & 4);
    wr_zero(&w, 16);
    push(p, pkt, wr_len(&w));
}

static void host(uint8_t n)
{
    struct fake_link *l = fake_link_last();
    if (!l || l->state == FAKE_LINK_DOWN)
        return;
    if (n & 1)
        fake_link_hangup(l, n >> 1);
    else
        fake_link_tx(l, "\xff\x03\xc0\x21", 4);
}

static void peer_moves(struct peer *p, uint8_t n)
{
    if (n & 1)
        p->me.port++;
    else if (n & 2)
        p->me.ip[3]++;
    else
        fake_path_gone(NULL, &p->me);
}

static void instance(struct adit_self *s, uint8_t n)
{
    struct adit_dial d = { .size = sizeof d, .to = fake_addr("192.0.2.7") };
    switch (n & 3) {
    case 0:
        d.secret = n & 4 ? "trustno1" : NULL;
        (void)fake_dial(s, &d, NULL);
        break;
    case 1:
        fake_link_refuse(n & 4 ? ADIT_EBUSY : 0);
        break;
    case 2:
        (void)fake_stop(s);
        break;
    default:
        (void)fake_start(s);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct rd r = rd_of(data, len);
    uint8_t mode = rd_u8(&r);
    struct peer p = { .server = { 0 } };
    fake_begin();
    fake_crypto(&crypto_api, &crypto_judge_api);
    fake_ports(8);
    p.me = fake_addr("192.0.2.7:1701");
    p.server = fake_addr("10.0.0.1:1701");
    /* A struct, not YAML: reading that takes longer than all the rest. */
    const struct l2tp_conf conf = {
        .secret = mode & 64 ? "trustno1" : NULL, .host_name = "lns",
        .hello_ms = 60000, .rto_ms = 1000, .rto_max_ms = 8000, .tries = 5,
        .setup_ms = 60000, .idle_ms = 60000, .linger_ms = 5000, .window = 16,
        .zero_id = mode & 1, .hide = !!(mode & 2), .sequencing = !!(mode & 4),
        .follow = mode & 8 ? L2TP_FOLLOW_ALWAYS : L2TP_FOLLOW_PORT,
        .reorder_queue = mode & 16 ? 4 : 0, .reorder_ms = 50, .tie_breaker = !!(mode & 32),
        .mtu = 1400, .max_tunnels = 20, .max_per_address = 10, .max_half_open = 10,
        .max_half_open_per_address = 5, .replies_per_s = 10,
    };
    struct adit_self *s = fake_inst_conf(fake_face("tunnel", "l2tp"), &conf);
    if (!s)
        abort();
    for (unsigned steps = 0; rd_left(&r) > 0 && steps < 200; steps++) {
        uint8_t op = rd_u8(&r), a = rd_u8(&r), n;
        const uint8_t *b;
        switch (op & 7) {
        case 0:
            b = rd_bytes(&r, a < rd_left(&r) ? a : rd_left(&r));
            if (b)
                push(&p, b, (size_t)(r.p - b));
            break;
        case 1:
            n = rd_u8(&r);
            b = rd_bytes(&r, n < rd_left(&r) ? n : rd_left(&r));
            if (b)
                control(&p, a & 8 ? 0 : p.tunnel, p.session[a & 3], b, (size_t)(r.p - b));
            break;
        case 2:
            n = rd_u8(&r);
            message(&p, a, n, rd_u8(&r));
            break;
        case 3:
            n = rd_u8(&r);
            payload(&p, a, n, rd_u8(&r));
            break;
        case 4:
            fake_advance((uint64_t)a * 250);
            break;
        case 5:
            host(a);
            break;
        case 6:
            peer_moves(&p, a);
            break;
        default:
            instance(s, a);
        }
        listen_to(&p);
    }
    (void)fake_status(s);
    fake_inst_free(s);
    fake_end();
    return 0;
}
