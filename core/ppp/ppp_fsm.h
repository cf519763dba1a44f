/* ppp_fsm.h - the option negotiation automaton (RFC 1661 section 4).
 *
 *     fsm_init(&f, &ops, me);
 *     fsm_step(&f, FSM_OPEN);          // starting
 *     fsm_step(&f, FSM_UP);            // ops->act(FSM_SCR): the first request
 *     ...
 *     if (fsm_due(&f) <= now)
 *         fsm_expire(&f);
 *
 * Knows:  the ten states, the sixteen events, the Restart timer and counter.
 * Leaves: packets, options, clocks.
 */
#ifndef PPP_FSM_H
#define PPP_FSM_H

#include <stdbool.h>
#include <stdint.h>

#define FSM_NEVER UINT64_MAX

enum fsm_state {
    FSM_INITIAL, FSM_STARTING, FSM_CLOSED, FSM_STOPPED, FSM_CLOSING, FSM_STOPPING,
    FSM_REQ_SENT, FSM_ACK_RCVD, FSM_ACK_SENT, FSM_OPENED, FSM_STATES
};

enum fsm_event {
    FSM_UP, FSM_DOWN, FSM_OPEN, FSM_CLOSE,
    FSM_TO_PLUS, FSM_TO_MINUS,
    FSM_RCR_PLUS, FSM_RCR_MINUS, FSM_RCA, FSM_RCN,
    FSM_RTR, FSM_RTA,
    FSM_RUC, FSM_RXJ_PLUS, FSM_RXJ_MINUS,
    FSM_RXR, FSM_EVENTS
};

/* Actions; a move runs its bits from the lowest to the highest, which is the
 * order in which the RFC writes them. */
enum {
    FSM_TLS = 1 << 0,           /* This-Layer-Started */
    FSM_TLF = 1 << 1,           /* This-Layer-Finished */
    FSM_TLD = 1 << 2,           /* This-Layer-Down */
    FSM_IRC = 1 << 3,           /* Initialize-Restart-Count */
    FSM_ZRC = 1 << 4,           /* Zero-Restart-Count */
    FSM_SCR = 1 << 5,           /* Send-Configure-Request */
    FSM_SCA = 1 << 6,           /* Send-Configure-Ack */
    FSM_SCN = 1 << 7,           /* Send-Configure-Nak or -Reject */
    FSM_STR = 1 << 8,           /* Send-Terminate-Request */
    FSM_STA = 1 << 9,           /* Send-Terminate-Ack */
    FSM_SCJ = 1 << 10,          /* Send-Code-Reject */
    FSM_SER = 1 << 11,          /* Send-Echo-Reply */
    FSM_TLU = 1 << 12,          /* This-Layer-Up */
    FSM_ACTIONS = 13
};

/* A cell of the table. `can` is 0 in a cell that the RFC marks with a dash. */
struct fsm_move {
    uint16_t actions;
    uint8_t next;
    uint8_t can;
    char note;                  /* the RFC's footnote: r restart, p passive, x crossed; 0 none */
};
extern const struct fsm_move fsm_table[FSM_EVENTS][FSM_STATES];

struct fsm;
struct fsm_ops {
    uint64_t (*now)(struct fsm *f);
    /* One action; never IRC and ZRC, which the automaton does itself. */
    void (*act)(struct fsm *f, uint32_t action);
};

struct fsm {
    const struct fsm_ops *ops;
    uint64_t due_at;            /* the Restart timer; FSM_NEVER: not running */
    uint64_t restart_ms;
    uint32_t max_configure, max_terminate;
    uint32_t restarts;          /* the Restart counter */
    uint32_t moves;             /* how often it moved */
    uint8_t state;              /* enum fsm_state */
};

/* The limits are the owner's to set before the first step. */
void fsm_init(struct fsm *f, const struct fsm_ops *ops);
/* One event: moves, then runs the actions. An action may step again; what is
 * left of the outer move is then stale and not run. False: cannot happen here. */
bool fsm_step(struct fsm *f, enum fsm_event ev);
void fsm_expire(struct fsm *f);         /* the Restart timer is due: TO+ or TO- */
void fsm_hasten(struct fsm *f, uint64_t ms);    /* it is due in ms at the latest, if it runs */

const char *fsm_state_name(uint8_t state);
const char *fsm_event_name(enum fsm_event ev);
const char *fsm_action_name(uint32_t action);

#endif
