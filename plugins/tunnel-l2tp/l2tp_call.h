/* l2tp_call.h - incoming calls of L2TP, as LNS and as LAC (RFC 2661 section 7.4).
 *
 *     l2tp_call_init(c, t, our_id);          // then
 *     l2tp_call_open(c);                     // LAC: waits for the tunnel, sends ICRQ, or
 *     l2tp_call_rx(t, session, &m, &fault);  // LNS: an ICRQ makes one by ops->call_new()
 *     l2tp_call_close(c, &end);
 */
#ifndef L2TP_CALL_H
#define L2TP_CALL_H

#include "l2tp_tunnel.h"

enum l2tp_call_state {
    L2TP_C_IDLE,
    L2TP_C_WAIT_TUNNEL,
    L2TP_C_WAIT_REPLY,
    L2TP_C_WAIT_CONNECT,
    L2TP_C_ESTABLISHED,
    L2TP_C_CLOSED,              /* the RFC's idle, of a call that was */
    L2TP_C_STATES
};

enum l2tp_call_event {
    L2TP_CE_OPEN,               /* LAC: ready to indicate an incoming call */
    L2TP_CE_TUNNEL,             /* the tunnel is open */
    L2TP_CE_ICRQ,
    L2TP_CE_ICRQ_BAD,
    L2TP_CE_ICRP,
    L2TP_CE_ICRP_BAD,
    L2TP_CE_ICCN,
    L2TP_CE_ICCN_BAD,
    L2TP_CE_CDN,
    L2TP_CE_CLOSE,              /* local close request, or bearer line drop */
    L2TP_CE_EVENTS
};

#define L2TP_CA_TUNNEL 0x01u    /* initiate local tunnel open */
#define L2TP_CA_ICRQ   0x02u
#define L2TP_CA_ICRP   0x04u
#define L2TP_CA_ICCN   0x08u
#define L2TP_CA_UP     0x10u    /* prepare for data */
#define L2TP_CA_CDN    0x20u
#define L2TP_CA_CLEAN  0x40u

struct l2tp_call_move {
    uint8_t actions;
    uint8_t next;
    uint8_t defined;
};
/* section 7.4.1 (LAC) and 7.4.2 (LNS) */
extern const struct l2tp_call_move l2tp_lac_table[L2TP_CE_EVENTS][L2TP_C_STATES];
extern const struct l2tp_call_move l2tp_lns_table[L2TP_CE_EVENTS][L2TP_C_STATES];
const char *l2tp_call_state_name(uint32_t state);
const char *l2tp_call_event_name(uint32_t event);

/* Why PPP ended, for whoever runs the other end of the tunnel (RFC 3145). */
struct l2tp_ppp_cause {
    uint16_t code;              /* Disconnect Code; 0: nothing to tell */
    uint16_t proto;             /* the PPP protocol that it is about; 0: of none */
    uint8_t direction;          /* 0 of both, 1 the peer, 2 we */
};

struct l2tp_call {
    struct adit_node node;      /* in tunnel->calls */
    struct adit_entry by_peer;  /* in tunnel->by_peer, once the peer gave it an id */
    struct l2tp_tunnel *t;
    uint8_t state;              /* L2TP_C_* */
    bool lac;
    bool opened;                /* ops->call_open() succeeded, or we dial: call_down() is owed */
    bool sequenced;             /* Sequencing Required, by either */
    uint16_t our_id, peer_id;
    uint32_t serial, bearer_type, framing_type;
    uint32_t tx_bps, rx_bps;    /* as the LAC named them */
    char calling[L2TP_TEXT], called[L2TP_TEXT];
    struct l2tp_end end;
    struct l2tp_ppp_cause ppp;  /* goes with our CDN; the owner's */
    const struct l2tp_msg *m;   /* the message in hand */
    uint64_t since_ms;
};

void l2tp_call_init(struct l2tp_call *c, struct l2tp_tunnel *t, uint16_t our_id);

/* LAC: places the call, at once or when the tunnel is up. */
void l2tp_call_open(struct l2tp_call *c);
void l2tp_call_tunnel_up(struct l2tp_call *c);

/* A message about a session: header session id, the message, and what is wrong
 * with it (error 0: nothing). False: the fault cannot be pinned to a session,
 * the tunnel has to answer. */
bool l2tp_call_rx(struct l2tp_tunnel *t, uint16_t session, const struct l2tp_msg *m,
                  const struct l2tp_fault *f);

/* Ends it with a CDN. */
void l2tp_call_close(struct l2tp_call *c, const struct l2tp_end *end);
/* Ends it without: the tunnel is gone. */
void l2tp_call_lost(struct l2tp_call *c, uint32_t cause, const char *text);

/* It was not connected in time. */
void l2tp_call_tick(struct l2tp_call *c);

#endif
