/* ppp_fsm.c - the option negotiation automaton (RFC 1661 section 4).
 *
 * Knows:  the table, the Restart timer and counter.
 * Leaves: everything that an action does.
 */
#include "ppp/ppp_fsm.h"

#define GO_(a, s, n) { (a), FSM_##s, 1, (n) }
#define GO(a, s)     GO_(a, s, 0)
#define TLS FSM_TLS
#define TLF FSM_TLF
#define TLD FSM_TLD
#define IRC FSM_IRC
#define ZRC FSM_ZRC
#define SCR FSM_SCR
#define SCA FSM_SCA
#define SCN FSM_SCN
#define STR FSM_STR
#define STA FSM_STA
#define SCJ FSM_SCJ
#define SER FSM_SER
#define TLU FSM_TLU
#define IN(s) [FSM_##s]

/* One row is one row of RFC 1661 section 4.1; a cell left out cannot happen.
 * Footnotes: r, the restart option, is not taken by Open itself (who wants to
 * renegotiate says Down, Up); p, the passive option, is not taken: the layer
 * finishes; x, a crossed connection. */
// clang-format off
const struct fsm_move fsm_table[FSM_EVENTS][FSM_STATES] = {
[FSM_UP] =        { IN(INITIAL)  = GO(0, CLOSED),         IN(STARTING) = GO(IRC|SCR, REQ_SENT) },
[FSM_DOWN] =      { IN(CLOSED)   = GO(0, INITIAL),        IN(STOPPED)  = GO(TLS, STARTING),
                    IN(CLOSING)  = GO(0, INITIAL),        IN(STOPPING) = GO(0, STARTING),
                    IN(REQ_SENT) = GO(0, STARTING),       IN(ACK_RCVD) = GO(0, STARTING),
                    IN(ACK_SENT) = GO(0, STARTING),       IN(OPENED)   = GO(TLD, STARTING) },
[FSM_OPEN] =      { IN(INITIAL)  = GO(TLS, STARTING),     IN(STARTING) = GO(0, STARTING),
                    IN(CLOSED)   = GO(IRC|SCR, REQ_SENT), IN(STOPPED)  = GO_(0, STOPPED, 'r'),
                    IN(CLOSING)  = GO_(0, STOPPING, 'r'), IN(STOPPING) = GO_(0, STOPPING, 'r'),
                    IN(REQ_SENT) = GO(0, REQ_SENT),       IN(ACK_RCVD) = GO(0, ACK_RCVD),
                    IN(ACK_SENT) = GO(0, ACK_SENT),       IN(OPENED)   = GO_(0, OPENED, 'r') },
[FSM_CLOSE] =     { IN(INITIAL)  = GO(0, INITIAL),        IN(STARTING) = GO(TLF, INITIAL),
                    IN(CLOSED)   = GO(0, CLOSED),         IN(STOPPED)  = GO(0, CLOSED),
                    IN(CLOSING)  = GO(0, CLOSING),        IN(STOPPING) = GO(0, CLOSING),
                    IN(REQ_SENT) = GO(IRC|STR, CLOSING),  IN(ACK_RCVD) = GO(IRC|STR, CLOSING),
                    IN(ACK_SENT) = GO(IRC|STR, CLOSING),  IN(OPENED)   = GO(TLD|IRC|STR, CLOSING) },

[FSM_TO_PLUS] =   { IN(CLOSING)  = GO(STR, CLOSING),      IN(STOPPING) = GO(STR, STOPPING),
                    IN(REQ_SENT) = GO(SCR, REQ_SENT),     IN(ACK_RCVD) = GO(SCR, REQ_SENT),
                    IN(ACK_SENT) = GO(SCR, ACK_SENT) },
[FSM_TO_MINUS] =  { IN(CLOSING)  = GO(TLF, CLOSED),       IN(STOPPING) = GO(TLF, STOPPED),
                    IN(REQ_SENT) = GO_(TLF, STOPPED, 'p'), IN(ACK_RCVD) = GO_(TLF, STOPPED, 'p'),
                    IN(ACK_SENT) = GO_(TLF, STOPPED, 'p') },

[FSM_RCR_PLUS] =  { IN(CLOSED)   = GO(STA, CLOSED),       IN(STOPPED)  = GO(IRC|SCR|SCA, ACK_SENT),
                    IN(CLOSING)  = GO(0, CLOSING),        IN(STOPPING) = GO(0, STOPPING),
                    IN(REQ_SENT) = GO(SCA, ACK_SENT),     IN(ACK_RCVD) = GO(SCA|TLU, OPENED),
                    IN(ACK_SENT) = GO(SCA, ACK_SENT),     IN(OPENED)   = GO(TLD|SCR|SCA, ACK_SENT) },
[FSM_RCR_MINUS] = { IN(CLOSED)   = GO(STA, CLOSED),       IN(STOPPED)  = GO(IRC|SCR|SCN, REQ_SENT),
                    IN(CLOSING)  = GO(0, CLOSING),        IN(STOPPING) = GO(0, STOPPING),
                    IN(REQ_SENT) = GO(SCN, REQ_SENT),     IN(ACK_RCVD) = GO(SCN, ACK_RCVD),
                    IN(ACK_SENT) = GO(SCN, REQ_SENT),     IN(OPENED)   = GO(TLD|SCR|SCN, REQ_SENT) },
[FSM_RCA] =       { IN(CLOSED)   = GO(STA, CLOSED),       IN(STOPPED)  = GO(STA, STOPPED),
                    IN(CLOSING)  = GO(0, CLOSING),        IN(STOPPING) = GO(0, STOPPING),
                    IN(REQ_SENT) = GO(IRC, ACK_RCVD),     IN(ACK_RCVD) = GO_(SCR, REQ_SENT, 'x'),
                    IN(ACK_SENT) = GO(IRC|TLU, OPENED),   IN(OPENED)   = GO_(TLD|SCR, REQ_SENT, 'x') },
[FSM_RCN] =       { IN(CLOSED)   = GO(STA, CLOSED),       IN(STOPPED)  = GO(STA, STOPPED),
                    IN(CLOSING)  = GO(0, CLOSING),        IN(STOPPING) = GO(0, STOPPING),
                    IN(REQ_SENT) = GO(IRC|SCR, REQ_SENT), IN(ACK_RCVD) = GO_(SCR, REQ_SENT, 'x'),
                    IN(ACK_SENT) = GO(IRC|SCR, ACK_SENT), IN(OPENED)   = GO_(TLD|SCR, REQ_SENT, 'x') },

[FSM_RTR] =       { IN(CLOSED)   = GO(STA, CLOSED),       IN(STOPPED)  = GO(STA, STOPPED),
                    IN(CLOSING)  = GO(STA, CLOSING),      IN(STOPPING) = GO(STA, STOPPING),
                    IN(REQ_SENT) = GO(STA, REQ_SENT),     IN(ACK_RCVD) = GO(STA, REQ_SENT),
                    IN(ACK_SENT) = GO(STA, REQ_SENT),     IN(OPENED)   = GO(TLD|ZRC|STA, STOPPING) },
[FSM_RTA] =       { IN(CLOSED)   = GO(0, CLOSED),         IN(STOPPED)  = GO(0, STOPPED),
                    IN(CLOSING)  = GO(TLF, CLOSED),       IN(STOPPING) = GO(TLF, STOPPED),
                    IN(REQ_SENT) = GO(0, REQ_SENT),       IN(ACK_RCVD) = GO(0, REQ_SENT),
                    IN(ACK_SENT) = GO(0, ACK_SENT),       IN(OPENED)   = GO(TLD|SCR, REQ_SENT) },

[FSM_RUC] =       { IN(CLOSED)   = GO(SCJ, CLOSED),       IN(STOPPED)  = GO(SCJ, STOPPED),
                    IN(CLOSING)  = GO(SCJ, CLOSING),      IN(STOPPING) = GO(SCJ, STOPPING),
                    IN(REQ_SENT) = GO(SCJ, REQ_SENT),     IN(ACK_RCVD) = GO(SCJ, ACK_RCVD),
                    IN(ACK_SENT) = GO(SCJ, ACK_SENT),     IN(OPENED)   = GO(SCJ, OPENED) },
[FSM_RXJ_PLUS] =  { IN(CLOSED)   = GO(0, CLOSED),         IN(STOPPED)  = GO(0, STOPPED),
                    IN(CLOSING)  = GO(0, CLOSING),        IN(STOPPING) = GO(0, STOPPING),
                    IN(REQ_SENT) = GO(0, REQ_SENT),       IN(ACK_RCVD) = GO(0, REQ_SENT),
                    IN(ACK_SENT) = GO(0, ACK_SENT),       IN(OPENED)   = GO(0, OPENED) },
[FSM_RXJ_MINUS] = { IN(CLOSED)   = GO(TLF, CLOSED),       IN(STOPPED)  = GO(TLF, STOPPED),
                    IN(CLOSING)  = GO(TLF, CLOSED),       IN(STOPPING) = GO(TLF, STOPPED),
                    IN(REQ_SENT) = GO(TLF, STOPPED),      IN(ACK_RCVD) = GO(TLF, STOPPED),
                    IN(ACK_SENT) = GO(TLF, STOPPED),      IN(OPENED)   = GO(TLD|IRC|STR, STOPPING) },

[FSM_RXR] =       { IN(CLOSED)   = GO(0, CLOSED),         IN(STOPPED)  = GO(0, STOPPED),
                    IN(CLOSING)  = GO(0, CLOSING),        IN(STOPPING) = GO(0, STOPPING),
                    IN(REQ_SENT) = GO(0, REQ_SENT),       IN(ACK_RCVD) = GO(0, ACK_RCVD),
                    IN(ACK_SENT) = GO(0, ACK_SENT),       IN(OPENED)   = GO(SER, OPENED) },
};
// clang-format on

void fsm_init(struct fsm *f, const struct fsm_ops *ops)
{
    f->ops = ops;
    f->state = FSM_INITIAL;
    f->due_at = FSM_NEVER;
    f->restarts = 0;
}

/* The states in which the Restart timer runs are those with a TO event. */
static bool timed(uint8_t state)
{
    return fsm_table[FSM_TO_PLUS][state].can;
}

static void arm(struct fsm *f)
{
    f->due_at = f->ops->now(f) + f->restart_ms;
}

bool fsm_step(struct fsm *f, enum fsm_event ev)
{
    const struct fsm_move *m = &fsm_table[ev][f->state];
    if (!m->can)
        return false;

    uint32_t me = ++f->moves;
    f->state = m->next;
    if (!timed(f->state))
        f->due_at = FSM_NEVER;
    for (uint32_t bit = 0; bit < FSM_ACTIONS && f->moves == me; bit++) {
        uint32_t action = m->actions & (1u << bit);
        switch (action) {
        case 0:
            continue;
        case FSM_IRC:
            f->restarts = m->actions & FSM_STR ? f->max_terminate : f->max_configure;
            continue;
        case FSM_ZRC:           /* one period more, for the peer's repetitions */
            f->restarts = 0;
            arm(f);
            continue;
        case FSM_SCR:
        case FSM_STR:
            f->restarts -= f->restarts > 0;
            arm(f);
            break;
        default:
            break;
        }
        f->ops->act(f, action);
    }
    return true;
}

void fsm_hasten(struct fsm *f, uint64_t ms)
{
    uint64_t at = f->ops->now(f) + ms;
    if (f->due_at != FSM_NEVER && f->due_at > at)
        f->due_at = at;
}

void fsm_expire(struct fsm *f)
{
    f->due_at = FSM_NEVER;
    fsm_step(f, f->restarts > 0 ? FSM_TO_PLUS : FSM_TO_MINUS);
}

const char *fsm_state_name(uint8_t state)
{
    static const char *const names[FSM_STATES] = {
        "Initial", "Starting", "Closed", "Stopped", "Closing", "Stopping",
        "Req-Sent", "Ack-Rcvd", "Ack-Sent", "Opened" };
    return state < FSM_STATES ? names[state] : "?";
}

const char *fsm_event_name(enum fsm_event ev)
{
    static const char *const names[FSM_EVENTS] = {
        "Up", "Down", "Open", "Close", "TO+", "TO-", "RCR+", "RCR-", "RCA", "RCN",
        "RTR", "RTA", "RUC", "RXJ+", "RXJ-", "RXR" };
    return (uint32_t)ev < FSM_EVENTS ? names[ev] : "?";
}

const char *fsm_action_name(uint32_t action)
{
    static const char *const names[FSM_ACTIONS] = {
        "tls", "tlf", "tld", "irc", "zrc", "scr", "sca", "scn", "str", "sta", "scj", "ser", "tlu" };
    for (uint32_t i = 0; i < FSM_ACTIONS; i++) {
        if (action == 1u << i)
            return names[i];
    }
    return "?";
}
