/* l2tp_tunnel.h - the control connection of L2TP, both roles (RFC 2661 sections 5.1, 5.7, 7.2).
 *
 *     l2tp_tunnel_init(t, env, our_id, secret, len);
 *     if (!l2tp_tunnel_accept(t, ns, nr, body, len, &fault)) ...  // we answer, or
 *     l2tp_tunnel_open(t);                                        // we call
 *     l2tp_tunnel_rx(t, ns, nr, session, body, len);
 *     l2tp_tunnel_tick(t, which);
 *     l2tp_tunnel_close(t, L2TP_STOP_SHUTDOWN, 0, ADIT_CAUSE_SHUTDOWN, NULL);
 *
 * ops->gone() is the last word: the owner may free the tunnel after that call
 * returned to him, never inside it.
 */
#ifndef L2TP_TUNNEL_H
#define L2TP_TUNNEL_H

#include <adit/table.h>
#include "l2tp_env.h"
#include "l2tp_rel.h"

/* Section 7.2.1. A tunnel that was cleaned up is "closed" for a full cycle of
 * retransmission (section 5.7), where the RFC's table says idle. */
enum l2tp_tunnel_state {
    L2TP_T_IDLE,
    L2TP_T_WAIT_CTL_REPLY,
    L2TP_T_WAIT_CTL_CONN,
    L2TP_T_ESTABLISHED,
    L2TP_T_CLOSED,
    L2TP_T_STATES
};

enum l2tp_tunnel_event {
    L2TP_TE_OPEN,               /* local open request */
    L2TP_TE_SCCRQ,              /* acceptable */
    L2TP_TE_SCCRQ_BAD,
    L2TP_TE_SCCRQ_LOSE,         /* theirs won the tie */
    L2TP_TE_SCCRP,
    L2TP_TE_SCCRP_BAD,
    L2TP_TE_SCCCN,
    L2TP_TE_SCCCN_BAD,
    L2TP_TE_STOPCCN,
    L2TP_TE_CLOSE,              /* administrative close */
    L2TP_TE_EVENTS
};

/* actions, in the order in which they are done */
#define L2TP_TA_SCCRQ 0x01u     /* send it */
#define L2TP_TA_SCCRP 0x02u
#define L2TP_TA_SCCCN 0x04u
#define L2TP_TA_OPEN  0x08u     /* tell the waiting sessions */
#define L2TP_TA_CLEAN 0x10u     /* end the sessions */
#define L2TP_TA_STOP  0x20u     /* send StopCCN */

struct l2tp_tunnel_move {
    uint8_t actions;
    uint8_t next;               /* L2TP_T_* */
    uint8_t defined;            /* 0: the cell is empty */
};
extern const struct l2tp_tunnel_move l2tp_tunnel_table[L2TP_TE_EVENTS][L2TP_T_STATES];
const char *l2tp_tunnel_state_name(uint32_t state);
const char *l2tp_tunnel_event_name(uint32_t event);

/* How a StopCCN or a CDN ends something. */
struct l2tp_end {
    uint16_t result, error;
    uint32_t cause;             /* ADIT_CAUSE_* */
    const char *text;           /* for the peer and the log; NULL: none */
};
#define L2TP_END_TEXT 160
/* Its text with the cause's code before it, as the peer is told. */
struct l2tp_bytes l2tp_end_text(const struct l2tp_end *end, char out[L2TP_END_TEXT]);

struct l2tp_tunnel {
    const struct l2tp_env *env;
    uint8_t state;              /* L2TP_T_* */
    bool dialled;               /* we opened it */
    bool challenged;            /* we sent `challenge` and want a response */
    bool answer;                /* the peer sent a challenge: `response` goes out */
    bool had_calls;
    bool over;                  /* gone() was said */
    uint16_t our_id, peer_id;
    uint8_t secret[L2TP_SECRET_MAX];
    uint32_t secret_len;
    uint8_t challenge[16], response[16];
    uint64_t tie_breaker;
    bool ties;                  /* tie_breaker goes with our SCCRQ */
    struct l2tp_rel rel;
    struct adit_node calls;
    struct adit_table by_peer;  /* calls, by the id that the peer gave them */
    uint32_t call_count;
    struct l2tp_end end;        /* of the close in progress */
    char our_host[L2TP_TEXT];   /* Host Name that we give */
    char peer_host[L2TP_TEXT], peer_vendor[L2TP_TEXT];
    uint16_t peer_firmware;
    uint64_t since_ms;          /* the state was entered */
    uint64_t heard_ms;          /* any traffic of the peer's */
    uint64_t probe_ms;          /* the Hello on its way was sent; 0: none */
    uint64_t empty_ms;          /* no session since */
};

void l2tp_tunnel_init(struct l2tp_tunnel *t, const struct l2tp_env *env, uint16_t our_id,
                      const void *secret, size_t secret_len);
void l2tp_tunnel_fini(struct l2tp_tunnel *t);

/* Reads an SCCRQ that nothing else is known about and answers it. False: no
 * state was made; f says what to refuse it with, peer_id is set if it was
 * readable. */
bool l2tp_tunnel_accept(struct l2tp_tunnel *t, uint16_t ns, uint16_t nr, uint8_t *body,
                        size_t len, struct l2tp_end *why);

/* Calls the peer: sends SCCRQ. Calls that are added wait for the tunnel. */
void l2tp_tunnel_open(struct l2tp_tunnel *t);

/* A control message with our tunnel id. */
void l2tp_tunnel_rx(struct l2tp_tunnel *t, uint16_t ns, uint16_t nr, uint16_t session,
                    uint8_t *body, size_t len);

void l2tp_tunnel_tick(struct l2tp_tunnel *t, uint32_t which);

/* Ends it with a StopCCN. `end` borrowed. */
void l2tp_tunnel_close(struct l2tp_tunnel *t, const struct l2tp_end *end);

/* The path under it is gone: nothing can be sent any more. gone() comes. */
void l2tp_tunnel_lost(struct l2tp_tunnel *t, uint32_t cause, const char *text);

/* Their SCCRQ won over ours (section 4.4.3, Tie Breaker): silently discarded;
 * the waiting calls go on in `winner`. */
void l2tp_tunnel_lose(struct l2tp_tunnel *t, struct l2tp_tunnel *winner);

/* Any datagram of the peer's, also data: it lives (rows A9, W3). */
static inline void l2tp_tunnel_heard(struct l2tp_tunnel *t, uint64_t now)
{
    t->heard_ms = now;
}

static inline bool l2tp_tunnel_half_open(const struct l2tp_tunnel *t)
{
    return t->state == L2TP_T_WAIT_CTL_CONN;
}

/* ---- for l2tp_call ---------------------------------------------------------- */

/* Sends a message to a session of the peer's (0: not known, or of the tunnel). */
void l2tp_tunnel_send(struct l2tp_tunnel *t, uint16_t session, const struct l2tp_msg *m);
/* A call came or went: how long the tunnel may stay without one. */
void l2tp_tunnel_counted(struct l2tp_tunnel *t);

#endif
