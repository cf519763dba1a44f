/* pptp.h - what the files at the rim share: an instance, its connections and lines.
 *
 * A conn is a control connection with its stream; a line is a call with its
 * link and its GRE. Either may end inside any call of the host's, so they are
 * freed only by the instance's reap timer.
 */
#ifndef PPTP_H
#define PPTP_H

#include <adit/framer.h>
#include <adit/plugin.h>
#include "pptp_conf.h"
#include "pptp_ctl.h"
#include "pptp_gre.h"

/* ---- counters ------------------------------------------------------------------ */

// clang-format off
#define PPTP_COUNTERS(X)                                                                              \
    X(CONNECTIONS,    "connections",        "Control connections that were accepted.")                 \
    X(REFUSED,        "connections-refused", "Control connections above a limit, closed at once.")     \
    X(DIALLED,        "connections-dialled", "Control connections that this host began.")              \
    X(GARBAGE,        "garbage",            "Control connections closed because what came is not PPTP.") \
    X(BAD_MESSAGE,    "bad-messages",       "Control messages that are too short or of an unknown type.") \
    X(UNEXPECTED,     "unexpected-messages", "Control messages that do not fit the state.")            \
    X(START_TIMEOUT,  "start-timeouts",     "Control connections on which no start message came in time.") \
    X(ECHO_LOST,      "echo-lost",          "Control connections ended because the peer fell silent.") \
    X(CALLS,          "calls",              "Calls that were connected.")                              \
    X(CALLS_REFUSED,  "calls-refused",      "Calls that were answered with an error.")                 \
    X(GRE_BLOCKED,    "gre-blocked",        "Calls ended because no GRE packet came.")                 \
    X(RX_PACKETS,     "gre-rx",             "Data packets that were accepted.")                        \
    X(RX_BAD,         "gre-rx-bad",         "GRE packets that are not enhanced GRE of PPTP.")          \
    X(RX_UNKNOWN,     "gre-rx-unknown-call", "GRE packets of a call that does not exist.")             \
    X(RX_STRANGER,    "gre-rx-wrong-peer",  "GRE packets of a call, but from or to another address, or without its protection.")        \
    X(RX_LOST,        "gre-rx-lost",        "Data packets that never came.")                           \
    X(RX_REORDERED,   "gre-rx-reordered",   "Data packets that were put back into their order.")       \
    X(RX_LATE,        "gre-rx-late",        "Data packets that came twice or too late, dropped.")      \
    X(RX_RESTART,     "gre-rx-restarts",    "Times that a peer began to number its packets anew.")     \
    X(RX_NO_MEMORY,   "gre-rx-no-memory",   "Early data packets that could not be kept.")              \
    X(TX_PACKETS,     "gre-tx",             "Data packets that were sent.")                            \
    X(TX_ACKS,        "gre-tx-acks",        "Packets that were sent only to acknowledge.")             \
    X(TX_DROPPED,     "gre-tx-dropped",     "Data packets that could not be sent.")                    \
    X(TX_BEYOND,      "gre-tx-beyond-window", "Data packets sent although the peer's window was full.")
// clang-format on

enum pptp_count {
#define X(id, name, sentence) PPTP_N_##id,
    PPTP_COUNTERS(X)
#undef X
    PPTP_COUNTS
};

/* ---- events ---------------------------------------------------------------------- */

// clang-format off
#define PPTP_EVENTS(X)                                                                               \
    X(ctl_up,      "pptp.ctl.up", ADIT_LOG_INFO, "A control connection is up.",                       \
      "peer role host vendor firmware")                                                               \
    X(ctl_down,    "pptp.ctl.down", ADIT_LOG_INFO, "A control connection that was up has ended.",     \
      "peer cause text")                                                                              \
    X(ctl_failed,  "pptp.ctl.failed", ADIT_LOG_NOTICE, "A control connection ended before it was up.", \
      "peer cause text")                                                                              \
    X(ctl_refused, "pptp.ctl.refused", ADIT_LOG_NOTICE,                                               \
      "A control connection was closed because a limit is reached.", "peer limit value")              \
    X(ctl_garbage, "pptp.ctl.garbage", ADIT_LOG_NOTICE, "What came on a control connection is not PPTP.", \
      "peer")                                                                                         \
    X(ctl_odd,     "pptp.ctl.unexpected", ADIT_LOG_INFO,                                              \
      "A control message does not fit the state, or is malformed; it was ignored.", "peer message state") \
    X(ctl_silent,  "pptp.ctl.echo-lost", ADIT_LOG_NOTICE, "The peer no longer answers Echo-Requests.", \
      "peer")                                                                                         \
    X(ctl_move,    "pptp.ctl.move", ADIT_LOG_DEBUG, "A control connection changed its state.",        \
      "peer from to on")                                                                              \
    X(call_move,   "pptp.call.move", ADIT_LOG_DEBUG, "A call changed its state.",                     \
      "peer call peer-call from to on")                                                               \
    X(refused,     "pptp.call.refused", ADIT_LOG_NOTICE, "A call was answered with an error.",        \
      "peer message result why")                                                                      \
    X(gre_blocked, "pptp.call.gre-blocked", ADIT_LOG_WARN,                                            \
      "The control connection is up, but no GRE packet (protocol 47) came: a firewall or router "     \
      "between does not pass it.", "peer call")                                                       \
    X(message,     "pptp.message", ADIT_LOG_DEBUG, "A control message was sent or received.",         \
      "peer direction message")
// clang-format on

#define X(var, name, level, sentence, keys) extern const struct adit_event pptp_ev_##var;
PPTP_EVENTS(X)
#undef X

/* ---- an instance --------------------------------------------------------------------- */

#define PPTP_PEER_BITS 10u

struct pptp {
    struct adit_self *self;
    const struct adit_host *host;
    struct adit_listener **listener;    /* [listeners] */
    uint32_t listeners;
    struct adit_port *gre;              /* all calls' */
    struct adit_node conns, dead_conns, dead_lines;
    uint32_t conn_count, line_count;
    uint32_t answered;                  /* of the conns, not dialled */
    struct adit_hash peers;             /* how many conns an address has */
    struct adit_node peer_bucket[1u << PPTP_PEER_BITS];
    uint64_t peer_seed;
    struct pptp_line **line_of;         /* [65536], by our call id */
    uint16_t next_call_id;
    struct adit_timer *reap, *data;
    struct adit_node acks, gaps;        /* lines that wait for `data`, soonest first */
    uint64_t data_at;                   /* what `data` is set for; 0: stopped */
    char host_name[PPTP_TEXT + 1];
};

struct pptp_peer {
    struct adit_node node;              /* of pptp->peers */
    uint8_t ip[4];
    uint32_t conns;
};

struct pptp_conn {
    struct adit_node node;              /* of pptp->conns or ->dead_conns */
    struct pptp *p;
    struct pptp_ctl ctl;
    struct adit_stream *stream;         /* NULL: gone, or not yet */
    struct adit_timer *timer;
    struct adit_addr our, peer;
    struct pptp_peer *limit;            /* answered: counted there */
    struct adit_framer framer;
    uint8_t cut[PPTP_MSG_MAX];          /* the framer's */
    uint64_t rx_at, tx_at;              /* bytes of messages so far, for captures */
    bool was_up, told;                  /* told: by an event */
    /* dialled only */
    struct pptp_line *line;             /* to be called when the connection is up */
    char *host_name, *number;
};

struct pptp_line {
    struct pptp_call call;              /* its states; first */
    struct adit_node node;              /* of pptp->dead_lines */
    struct pptp *p;
    struct pptp_conn *conn;             /* NULL: over */
    struct adit_link *link;             /* NULL: down() was said */
    struct adit_addr our, peer;         /* outer */
    char *number, *calling;             /* that the peer named; NULL: none */
    struct adit_path *path;             /* held; NULL: to be opened again */
    bool learned;                       /* a packet came on it */
    uint64_t reopen_at;
    struct pptp_gre gre;
    struct pptp_gre_stat told;          /* what is in the counters already */
    struct adit_node ack_node, gap_node;
    uint64_t ack_due, gap_due;
};

static inline const struct pptp_conf *pptp_conf(const struct pptp *p) { return p->self->conf; }

/* pptp_io.c: for the declaration */
extern const struct adit_life pptp_life;
void pptp_tx(void *call, struct adit_frame **v, uint32_t n);
void pptp_hangup(void *call, uint32_t cause);
int32_t pptp_dial(struct adit_self *self, struct adit_link *link, const struct adit_dial *d,
                  void **call);

/* ---- pptp_data.c: packets of lines ------------------------------------------------------ */

extern const struct adit_path_ops pptp_path_ops;

/* Opens the line's path; its mtu is known then. */
int32_t pptp_data_open(struct pptp_line *l);
/* The call is connected: what came too early goes up. */
void pptp_data_begin(struct pptp_line *l);
/* No packet of it any more. */
void pptp_data_end(struct pptp_line *l);
void pptp_data_timer(void *u);                  /* u: struct pptp */
uint32_t pptp_data_mtu(const struct pptp_line *l);

#endif
