/* dhcp_lease.h - the states of one lease, as the client of RFC 2131 figure 5. No I/O.
 *
 *     dhcp_lease_init(&l, &times, &ops, u);
 *     dhcp_lease_begin(&l, now);                  // ops->send(DHCPDISCOVER)
 *     dhcp_lease_rx(&l, &heard, from, rank, now); // ops->bound(), ops->ended() ...
 *     dhcp_lease_tick(&l, now);                   // when l.due_ms is there
 *
 * Clocks are monotonic milliseconds; DHCP_NEVER is none.
 */
#ifndef DHCP_LEASE_H
#define DHCP_LEASE_H

#include "dhcp_msg.h"

#define DHCP_NEVER UINT64_MAX
#define DHCP_NO_RANK UINT32_MAX         /* an offer that is not wanted */

enum dhcp_state {
    DHCP_INIT, DHCP_SELECTING, DHCP_REQUESTING, DHCP_BOUND, DHCP_RENEWING, DHCP_REBINDING,
    DHCP_INIT_REBOOT, DHCP_REBOOTING, DHCP_STATES
};

enum dhcp_event {
    DHCP_EV_BEGIN,              /* somebody wants it */
    DHCP_EV_OFFER, DHCP_EV_ACK, DHCP_EV_NAK,
    DHCP_EV_CHOSEN,             /* offers were collected for long enough */
    DHCP_EV_CONFLICT,           /* an ACK whose address somebody else has */
    DHCP_EV_AGAIN,              /* no answer: say it again */
    DHCP_EV_SILENT,             /* no answer, and no more time for one */
    DHCP_EV_T1, DHCP_EV_T2, DHCP_EV_EXPIRED,
    DHCP_EVENTS
};

enum dhcp_end {
    DHCP_END_SILENT,            /* nobody answered */
    DHCP_END_REFUSED,           /* answers, but none that could be used */
    DHCP_END_CONFLICT,          /* every address that was offered is somebody else's */
    DHCP_END_NAK,               /* the server took a lease that was used */
    DHCP_END_EXPIRED,
};

enum dhcp_to {
    DHCP_TO_ALL,                /* every server */
    DHCP_TO_ONE,                /* the one that the lease is of */
};

struct dhcp_lease_ops {
    /* Type, xid, secs, ciaddr, requested and server_id are filled in. */
    void (*send)(void *u, struct dhcp_say *m, enum dhcp_to to);
    uint32_t (*xid)(void *u);           /* a fresh one, under which answers find this lease */
    uint32_t (*random)(void *u);
    bool (*is_free)(void *u, uint32_t address);         /* no other of ours has it */
    /* An address, or a renewal: `changed`, what comes with it is different. */
    void (*bound)(void *u, bool first, bool changed);
    /* It is in DHCP_INIT again and stays there. `text`: of the server, or "". */
    void (*ended)(void *u, enum dhcp_end why, const char *text);
    /* An offer is waited for, and asking once more is of no use: the server answers
     * others. */
    bool (*hopeless)(void *u);
    void (*moved)(void *u, enum dhcp_state from, enum dhcp_event on, enum dhcp_state to);
};

/* What is set for all leases. */
struct dhcp_times {
    uint64_t retry_ms;          /* before the first message is repeated; doubled each time */
    uint64_t timeout_ms;        /* a lease must be there by then */
    uint64_t collect_ms;        /* for better offers */
    uint32_t least_s;           /* shorter leases are refused */
};

struct dhcp_lease {
    enum dhcp_state state;
    uint32_t xid;
    uint32_t wanted;            /* the address to ask for; 0: any */
    bool only_wanted;           /* no other will do */
    uint32_t server_at;         /* where the server of facts.server_id answered from */
    uint32_t rank;              /* of the best offer */
    uint8_t tries, restarts;
    bool refused;               /* something came that could not be used */
    uint64_t began_ms, deadline_ms;
    uint64_t sent_ms;           /* the DHCPREQUEST that is answered next: leases count from it */
    uint64_t resend_ms;
    uint64_t until_ms;          /* SELECTING: offers are collected; REBOOTING: the old lease is asked for */
    uint64_t t1_ms, t2_ms;
    uint64_t expires_ms;        /* 0: there is no lease */
    uint64_t due_ms;            /* when to tick */
    struct dhcp_facts facts;    /* of the lease; SELECTING: of the best offer */
    const struct dhcp_times *times;
    const struct dhcp_lease_ops *ops;
    void *u;
};

void dhcp_lease_init(struct dhcp_lease *l, const struct dhcp_times *t,
                     const struct dhcp_lease_ops *ops, void *u);
/* A lease of an earlier life: INIT-REBOOT. */
void dhcp_lease_stored(struct dhcp_lease *l, const struct dhcp_facts *f, uint32_t server_at,
                       uint64_t t1_ms, uint64_t t2_ms, uint64_t expires_ms);
/* From INIT or INIT-REBOOT; an answer is due within times->timeout_ms, or `quick_ms`
 * when that is not 0. */
void dhcp_lease_begin(struct dhcp_lease *l, uint64_t quick_ms, uint64_t now);
/* What a server said, with this lease's xid. rank: of an offer, 0 is taken at once. */
void dhcp_lease_rx(struct dhcp_lease *l, const struct dhcp_heard *m, uint32_t from, uint32_t rank,
                   uint64_t now);
void dhcp_lease_tick(struct dhcp_lease *l, uint64_t now);
/* Uses a stored lease as it is: nobody answers who could confirm it (section 3.2). */
void dhcp_lease_resume(struct dhcp_lease *l, uint64_t now);
/* Asks for a renewal, or asks again, before it is time: somebody wants to know
 * whether the server is there. */
void dhcp_lease_nudge(struct dhcp_lease *l, uint64_t now);
/* Gives it back, whatever there is of it: INIT, silently. */
void dhcp_lease_release(struct dhcp_lease *l);

static inline bool dhcp_lease_held(const struct dhcp_lease *l)
{
    return l->state == DHCP_BOUND || l->state == DHCP_RENEWING || l->state == DHCP_REBINDING;
}

const char *dhcp_state_name(enum dhcp_state s);
const char *dhcp_event_name(enum dhcp_event e);
/* The table in words, cell by cell. */
void dhcp_lease_table(void (*cell)(void *u, const char *state, const char *event,
                                   const char *action, const char *next), void *u);

#endif
