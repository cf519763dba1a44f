/* l2tp_client.h - a scripted client of L2TP for tests against the fake host.
 *
 *     struct client c = client_at("192.0.2.7:1701", NULL);
 *     client_tunnel(&c);                  // SCCRQ, SCCRP, SCCCN
 *     struct session s = client_call(&c); // ICRQ, ICRP, ICCN
 *     client_send(&c, s.peer, &msg);
 *     ck_assert(client_take(&c, &msg));   // what the server says next
 */
#ifndef L2TP_CLIENT_H
#define L2TP_CLIENT_H

#include "../../plugins/tunnel-l2tp/l2tp_data.h"
#include "../../plugins/tunnel-l2tp/l2tp_msg.h"
#include "../../sdk/fake/fake.h"
#include "../unit/unit.h"
#include "crypto/crypto.h"

struct client {
    struct adit_addr me, server;
    const struct adit_security_info *security;
    const char *secret;
    uint16_t id, peer;          /* tunnel ids */
    uint16_t ns, nr;            /* next to send; next expected */
    uint16_t window;
    struct l2tp_hdr h;          /* of the last that was taken */
    uint8_t body[L2TP_BODY_MAX];
    size_t body_len;
};

struct session {
    uint16_t id, peer;
};

static inline struct client client_at(const char *me, const struct adit_security_info *security)
{
    static uint16_t next = 100;
    return (struct client){ .me = fake_addr(me), .server = fake_addr("10.0.0.1:1701"),
                            .security = security, .id = next++, .window = 8 };
}

static inline uint32_t client_raw(struct client *c, const void *p, size_t len)
{
    return fake_datagram(ADIT_PROTO_UDP, &c->me, &c->server, c->security, p, len);
}

/* A control message with any numbers. */
static inline void client_put(struct client *c, uint16_t tunnel, uint16_t session, uint16_t ns,
                              uint16_t nr, const void *body, size_t len)
{
    uint8_t pkt[2048];
    struct wr w = wr_of(pkt, sizeof pkt);
    wr_u16(&w, 0xc802);
    struct wr_mark m = wr_open16(&w, -2);
    wr_u16(&w, tunnel);
    wr_u16(&w, session);
    wr_u16(&w, ns);
    wr_u16(&w, nr);
    wr_bytes(&w, body, len);
    wr_close16(&w, m);
    ck_assert(wr_ok(&w));
    (void)client_raw(c, pkt, wr_len(&w));
}

static inline void client_send(struct client *c, uint16_t session, const struct l2tp_msg *m)
{
    uint8_t body[L2TP_BODY_MAX];
    size_t len = l2tp_msg_build(m, body, sizeof body, NULL);
    ck_assert_uint_gt(len, 0);
    client_put(c, c->peer, session, c->ns++, c->nr, body, len);
}

static inline void client_ack(struct client *c)
{
    client_put(c, c->peer, 0, c->ns, c->nr, NULL, 0);
}

/* The next datagram for this client; false: none. A ZLB has type 0. */
static inline bool client_take_any(struct client *c, struct l2tp_msg *m)
{
    struct l2tp_fault f;
    const struct fake_sent *s = fake_sent();
    const struct l2tp_hide hide = { .crypto = &crypto_api,
                                    .secret = (const uint8_t *)c->secret,
                                    .secret_len = c->secret ? (uint32_t)strlen(c->secret) : 0 };
    if (!s)
        return false;
    ck_assert_uint_eq(s->peer.port, c->me.port);
    ck_assert_mem_eq(s->peer.ip, c->me.ip, 16);
    struct rd r = rd_of(s->data, s->len);
    ck_assert_int_eq(l2tp_hdr_read(&r, &c->h), L2TP_HDR_OK);
    ck_assert(c->h.flags == 0xc802 && c->h.len == s->len);
    c->body_len = rd_left(&r);
    rd_copy(&r, c->body, c->body_len);
    *m = (struct l2tp_msg){ .has = 0 };
    if (c->body_len) {
        uint8_t copy[L2TP_BODY_MAX];
        memcpy(copy, c->body, c->body_len);
        memcpy(c->body, copy, c->body_len);
        ck_assert(l2tp_msg_parse(m, c->body, c->body_len, &hide, &f));
        if (c->h.ns == c->nr)
            c->nr++;
    }
    return true;
}

/* The next message that is no acknowledgement. */
static inline bool client_take(struct client *c, struct l2tp_msg *m)
{
    while (client_take_any(c, m))
        if (m->type)
            return true;
    return false;
}

/* Takes a message of that type or fails. */
static inline void client_want(struct client *c, uint16_t type, struct l2tp_msg *m)
{
    ck_assert_msg(client_take(c, m), "no %s came", l2tp_msg_name(type));
    ck_assert_str_eq(l2tp_msg_name(m->type), l2tp_msg_name(type));
}

static inline struct l2tp_bytes bytes_of_text(const char *s)
{
    return (struct l2tp_bytes){ (const uint8_t *)s, (uint16_t)strlen(s) };
}

static inline struct l2tp_msg sccrq_of(const struct client *c)
{
    struct l2tp_msg m = l2tp_msg_of(L2TP_SCCRQ);
    l2tp_set(&m, VERSION, version, 0x0100);
    l2tp_set(&m, FRAMING_CAPS, framing_caps, 3);
    l2tp_set(&m, HOST_NAME, host_name, bytes_of_text("client"));
    l2tp_set(&m, TUNNEL_ID, tunnel_id, c->id);
    l2tp_set(&m, WINDOW, window, c->window);
    return m;
}

static inline struct l2tp_msg icrq_of(uint16_t id)
{
    struct l2tp_msg m = l2tp_msg_of(L2TP_ICRQ);
    l2tp_set(&m, SESSION_ID, session_id, id);
    l2tp_set(&m, SERIAL, serial, id);
    return m;
}

static inline struct l2tp_msg iccn_of(void)
{
    struct l2tp_msg m = l2tp_msg_of(L2TP_ICCN);
    l2tp_set(&m, TX_SPEED, tx_speed, 100000000);
    l2tp_set(&m, FRAMING_TYPE, framing_type, 1);
    return m;
}

static inline struct l2tp_msg cdn_of(uint16_t id, uint16_t result)
{
    struct l2tp_msg m = l2tp_msg_of(L2TP_CDN);
    l2tp_set(&m, RESULT, result, ((struct l2tp_result){ result, 0, { NULL, 0 } }));
    l2tp_set(&m, SESSION_ID, session_id, id);
    return m;
}

static inline struct l2tp_msg stop_of(uint16_t id, uint16_t result)
{
    struct l2tp_msg m = l2tp_msg_of(L2TP_StopCCN);
    l2tp_set(&m, TUNNEL_ID, tunnel_id, id);
    l2tp_set(&m, RESULT, result, ((struct l2tp_result){ result, 0, { NULL, 0 } }));
    return m;
}

static inline void client_tunnel(struct client *c)
{
    struct l2tp_msg m = sccrq_of(c);
    client_send(c, 0, &m);
    client_want(c, L2TP_SCCRP, &m);
    c->peer = m.tunnel_id;
    m = l2tp_msg_of(L2TP_SCCCN);
    client_send(c, 0, &m);
    ck_assert(client_take_any(c, &m) && m.type == 0);
}

static inline struct session client_call(struct client *c)
{
    static uint16_t next = 500;
    struct session s = { next++, 0 };
    struct l2tp_msg m = icrq_of(s.id);
    client_send(c, 0, &m);
    client_want(c, L2TP_ICRP, &m);
    s.peer = m.session_id;
    m = iccn_of();
    client_send(c, s.peer, &m);
    ck_assert(client_take_any(c, &m) && m.type == 0);
    return s;
}

/* A data message: flags beside the version, and what they ask for. */
static inline size_t data_of(uint8_t *out, size_t size, uint16_t flags, uint16_t tunnel,
                             uint16_t session, uint16_t ns, const void *ppp, size_t len)
{
    struct wr w = wr_of(out, size);
    struct wr_mark m = { NULL, 0 };
    wr_u16(&w, flags | 2u);
    if (flags & L2TP_F_LENGTH)
        m = wr_open16(&w, -2);
    wr_u16(&w, tunnel);
    wr_u16(&w, session);
    if (flags & L2TP_F_SEQUENCE) {
        wr_u16(&w, ns);
        wr_u16(&w, 0);
    }
    if (flags & L2TP_F_OFFSET) {
        wr_u16(&w, 3);
        wr_zero(&w, 3);
    }
    wr_bytes(&w, ppp, len);
    if (m.at)
        wr_close16(&w, m);
    ck_assert(wr_ok(&w));
    return wr_len(&w);
}

static inline void client_data(struct client *c, uint16_t flags, uint16_t session, uint16_t ns,
                               const char *ppp)
{
    uint8_t pkt[2048];
    (void)client_raw(c, pkt, data_of(pkt, sizeof pkt, flags, c->peer, session, ns, ppp, strlen(ppp)));
}

#endif
