/* pptp_ctl.h - a control connection and its calls (RFC 2637 section 3): states, no I/O.
 *
 *     pptp_ctl_init(&c, &ops, me, PPTP_ANSWER);
 *     pptp_ctl_start(&c);                 // the stream is up
 *     pptp_ctl_rx(&c, &msg);              // each message
 *     pptp_ctl_tick(&c);                  // when the time that wake() named has come
 *
 * One machine for both ends of the connection, and for both ends of a call:
 * whoever answers an Outgoing-Call-Request is the PAC of that call, whoever
 * answers an Incoming-Call-Request or sends an Outgoing-Call-Request is its PNS.
 */
#ifndef PPTP_CTL_H
#define PPTP_CTL_H

#include <adit/list.h>
#include <stdbool.h>
#include "pptp_conf.h"
#include "pptp_msg.h"

enum pptp_role { PPTP_ANSWER, PPTP_DIAL };

enum pptp_ctl_state {
    PPTP_CTL_IDLE,              /* no stream yet (dialling: it connects) */
    PPTP_CTL_WAIT_REQUEST,      /* answering: SCCRQ must come */
    PPTP_CTL_WAIT_REPLY,        /* dialling: SCCRP must come */
    PPTP_CTL_UP,
    PPTP_CTL_WAIT_STOP,         /* we sent Stop-Control-Connection-Request */
    PPTP_CTL_GONE,
    PPTP_CTL_STATES
};

enum pptp_call_state {
    PPTP_CALL_IDLE,
    PPTP_CALL_WAIT_REPLY,       /* PNS: OCRQ sent */
    PPTP_CALL_WAIT_CONNECT,     /* PNS: ICRP sent */
    PPTP_CALL_UP,
    PPTP_CALL_WAIT_CDN,         /* PNS: Call-Clear-Request sent; the link is down already */
    PPTP_CALL_GONE,
    PPTP_CALL_STATES
};

struct pptp_ctl;

struct pptp_call {
    struct adit_node node;      /* of ctl->calls */
    struct pptp_ctl *ctl;       /* NULL: gone */
    uint8_t state;              /* enum pptp_call_state */
    bool pns;                   /* we are its PNS */
    bool peer_known;            /* peer_call_id is; 0 is an id like others (quirk W10) */
    bool begun;                 /* call_up() was said: PPP speaks */
    bool heard;                 /* a GRE packet of it came */
    uint16_t call_id;           /* ours: where the peer sends GRE to */
    uint16_t peer_call_id;
    uint16_t peer_window;       /* packets; 0: it named none */
    uint64_t speed_bps;
    uint64_t due;               /* when to look at it; 0: not */
    uint64_t heard_at;          /* ms: the last GRE packet */
    uint32_t send_accm, recv_accm;      /* of Set-Link-Info */
    uint64_t wan_errors;        /* of WAN-Error-Notify, all kinds */
};

/* What the machine asks of the world. None of these may free the ctl or a call
 * before the machine has returned. */
struct pptp_ctl_ops {
    uint64_t (*now)(void *u);
    const struct pptp_conf *(*conf)(void *u);
    const char *(*host_name)(void *u);
    void (*send)(void *u, const struct pptp_msg *m);
    void (*wake)(void *u, uint64_t after_ms);           /* pptp_ctl_tick() then; one timer */
    void (*moved)(void *u, const char *from, const char *to, const char *on);
    void (*unexpected)(void *u, const struct pptp_msg *m);      /* a message that does not fit */
    void (*up)(void *u);                                /* the connection is up (dialling: call now) */
    void (*echo_lost)(void *u);
    void (*gone)(void *u, uint32_t cause, const char *text);    /* the last word */
    /* A peer wants a call (OCRQ, ICRQ): make it, with its own call_id, and take
     * a port. 0, or the host's ADIT_E*. */
    int32_t (*call_open)(void *u, const struct pptp_msg *rq, struct pptp_call **out);
    void (*call_refused)(void *u, const struct pptp_msg *rq, uint8_t result, const char *why);
    void (*call_moved)(void *u, struct pptp_call *call, const char *from, const char *to,
                       const char *on);
    void (*call_up)(void *u, struct pptp_call *call);
    void (*call_down)(void *u, struct pptp_call *call, uint32_t cause, const char *text);
    void (*call_gone)(void *u, struct pptp_call *call);         /* the last word about it */
};

enum pptp_timer {
    PPTP_T_START,               /* SCCRQ or SCCRP, or the stream itself, must come */
    PPTP_T_ECHO,                /* is the peer silent? */
    PPTP_T_REPLY,               /* something must come after our Echo-Request */
    PPTP_T_IDLE,                /* a call must come */
    PPTP_T_STOP,                /* Stop-Control-Connection-Reply must come */
    PPTP_TIMERS
};

struct pptp_ctl {
    const struct pptp_ctl_ops *ops;
    void *u;
    uint8_t role;               /* enum pptp_role */
    uint8_t state;              /* enum pptp_ctl_state */
    bool told;                  /* gone() was said */
    uint32_t echo_id;
    uint64_t rx_at;             /* when the peer last said something */
    uint64_t due[PPTP_TIMERS];  /* 0: not running */
    uint64_t wake_at;           /* what wake() was last asked for; 0: nothing */
    uint32_t call_count;
    struct adit_node calls;
    uint16_t peer_version;
    uint16_t peer_firmware;
    char peer_host[PPTP_TEXT + 1], peer_vendor[PPTP_TEXT + 1];  /* clean text */
};

void pptp_ctl_init(struct pptp_ctl *c, const struct pptp_ctl_ops *ops, void *u, enum pptp_role role);
/* Dialling: the stream begins to connect; it has start-timeout to get there and
 * to SCCRP. */
void pptp_ctl_connecting(struct pptp_ctl *c);
void pptp_ctl_start(struct pptp_ctl *c);
void pptp_ctl_rx(struct pptp_ctl *c, const struct pptp_msg *m);
void pptp_ctl_tick(struct pptp_ctl *c);
/* Ends the calls, says Stop, waits for the answer. */
void pptp_ctl_stop(struct pptp_ctl *c, uint8_t reason, uint32_t cause);
/* At once: the stream is lost, or must be. `text` may be NULL. */
void pptp_ctl_end(struct pptp_ctl *c, uint32_t cause, const char *text);
/* The table in words, for the test that holds it beside the RFC. */
void pptp_ctl_table(void (*cell)(void *u, const char *state, const char *message,
                                 const char *action, const char *next), void *u);
const char *pptp_ctl_state_name(uint8_t state);

/* ---- calls: pptp_call.c --------------------------------------------------------- */

/* A message of a call, on a connection that is up. */
void pptp_call_rx(struct pptp_ctl *c, const struct pptp_msg *m);
/* Calls the peer; the connection is up, call->call_id is given. */
void pptp_call_dial(struct pptp_ctl *c, struct pptp_call *call, const char *number);
/* The host wants its end: the link is down when this returns. */
void pptp_call_hangup(struct pptp_call *call, uint32_t cause);
/* The connection under it is lost: no message any more. */
void pptp_call_lost(struct pptp_call *call, uint32_t cause, const char *text);
/* The first GRE packet of the call came. */
void pptp_call_heard(struct pptp_call *call);
void pptp_call_tick(struct pptp_call *call, uint64_t now);
void pptp_call_table(void (*cell)(void *u, const char *state, const char *message,
                                  const char *action, const char *next), void *u);
const char *pptp_call_state_name(uint8_t state);

/* ---- between the two ------------------------------------------------------------- */

void pptp_ctl_settle(struct pptp_ctl *c);       /* names the next time to wake() */
void pptp_ctl_set(struct pptp_ctl *c, enum pptp_timer t, uint64_t after_ms);
void pptp_ctl_call_gone(struct pptp_ctl *c, struct pptp_call *call);

#endif
