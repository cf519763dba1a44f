/* l2tp_env.h - what every tunnel of an instance shares: settings, counters, and
 * the way outwards.
 *
 * The machines (l2tp_rel, l2tp_tunnel, l2tp_call, l2tp_data) know no host and no
 * clock: they talk through the ops below, in the daemon to l2tp_io, in tests to
 * a wire with virtual time.
 */
#ifndef L2TP_ENV_H
#define L2TP_ENV_H

#include "l2tp_msg.h"

#include <adit/frame.h>
#include <adit/host.h>
#include <adit/list.h>

/*    NAME "name" "sentence" */
// clang-format off
#define L2TP_COUNTER_MAP(X)                                                                          \
    X(RX_CONTROL,     "rx-control",        "Control messages received, acknowledgements included.")   \
    X(TX_CONTROL,     "tx-control",        "Control messages sent, acknowledgements included.")       \
    X(RX_DATA,        "rx-data",           "Data messages received for a session that is up.")        \
    X(TX_DATA,        "tx-data",           "Data messages sent.")                                     \
    X(RX_SHORT,       "rx-short",          "Datagrams too short for their header.")                   \
    X(RX_VERSION,     "rx-version",        "Datagrams of another version (L2F, L2TPv3): dropped.")    \
    X(RX_BAD_HEADER,  "rx-bad-header",     "Control messages whose header bits are not those of one.") \
    X(RX_BAD_LENGTH,  "rx-bad-length",     "Datagrams whose length field or offset passes their end.") \
    X(RX_CLEAR,       "rx-clear",          "Datagrams that came without the required security.")      \
    X(RX_NO_TUNNEL,   "rx-no-tunnel",      "Messages to a tunnel that does not exist.")               \
    X(RX_NO_SESSION,  "rx-no-session",     "Data messages to a session that is not up.")              \
    X(RX_WRONG_PATH,  "rx-wrong-path",     "Messages from an address that is not the tunnel's.")      \
    X(RX_MALFORMED,   "rx-malformed",      "Control messages that could not be read.")                \
    X(RX_UNKNOWN,     "rx-unknown-message","Control messages of an unknown, optional type.")          \
    X(RX_IGNORED_AVP, "rx-ignored-avp",    "AVPs that were unknown or malformed, and optional.")      \
    X(RX_UNEXPECTED,  "rx-unexpected",     "Control messages that do not fit the state.")             \
    X(RX_DUPLICATE,   "rx-duplicate",      "Control messages received again; acknowledged.")          \
    X(RX_EARLY,       "rx-out-of-order",   "Control messages that came early and were queued.")       \
    X(RX_BEYOND,      "rx-beyond-window",  "Control messages outside the receive window; dropped.")   \
    X(TX_AGAIN,       "tx-retransmitted",  "Control messages sent again.")                            \
    X(TX_REPLY,       "tx-stateless",      "Refusals sent without keeping state.")                    \
    X(TX_REPLY_LIMIT, "tx-stateless-limited", "Refusals not sent: too many a second.")                \
    X(TX_NO_ROOM,     "tx-no-room",        "Data frames dropped: no head room for the header.")       \
    X(TUNNELS,        "tunnels-up",        "Tunnels that were established.")                          \
    X(TUNNELS_LOST,   "tunnels-lost",      "Tunnels whose peer stopped acknowledging.")               \
    X(TUNNELS_AUTH,   "tunnels-auth-failed", "Tunnels refused: the secret is wrong or missing.")      \
    X(TUNNELS_DENIED, "tunnels-refused",   "Tunnels refused for other reasons.")                      \
    X(HALF_OPEN_LIMIT,"half-open-limited", "Tunnel requests dropped: a limit was reached.")           \
    X(MOVED,          "tunnels-moved",     "Tunnels that followed their peer to another port or address.") \
    X(CALLS,          "calls-up",          "Calls that were connected.")                              \
    X(CALLS_DENIED,   "calls-refused",     "Calls that were refused.")                                \
    X(HELLOS,         "hellos",            "Hello messages sent to silent peers.")                    \
    X(SEQ_LATE,       "seq-late",          "Sequenced data messages that came too late or twice.")    \
    X(SEQ_LOST,       "seq-lost",          "Sequenced data messages that never came.")                \
    X(SEQ_REORDERED,  "seq-reordered",     "Sequenced data messages put back into order.")            \
    X(SEQ_MISSING,    "seq-missing",       "Data messages without the sequence number that was agreed.") \
    X(WEN,            "wan-errors",        "WAN-Error-Notify messages; ignored.")                     \
    X(SLI,            "set-link-info",     "Set-Link-Info messages; ignored, framing is synchronous.")
// clang-format on

enum l2tp_counter {
#define L2TP_X(NAME, name, text) L2TP_N_##NAME,
    L2TP_COUNTER_MAP(L2TP_X)
#undef L2TP_X
    L2TP_N_COUNT
};

#define L2TP_SECRET_MAX 128u

struct l2tp_tunnel;
struct l2tp_call;

enum l2tp_timer { L2TP_TIMER_REL, L2TP_TIMER_HOUSE, L2TP_TIMER_COUNT };

struct l2tp_ops {
    uint64_t (*now)(struct l2tp_tunnel *t);
    /* A whole datagram for the peer, borrowed. */
    void (*tx)(struct l2tp_tunnel *t, const uint8_t *p, size_t len);
    /* l2tp_tunnel_tick() after ms; 0 stops. */
    void (*timer)(struct l2tp_tunnel *t, uint32_t which, uint32_t ms);
    void (*call_timer)(struct l2tp_call *c, uint32_t ms);
    /* A state was left; for the log. `c` NULL: of the tunnel. */
    void (*moved)(struct l2tp_tunnel *t, struct l2tp_call *c, const char *from, const char *on,
                  const char *to);
    /* A control message, for the log. */
    void (*trace)(struct l2tp_tunnel *t, bool sent, const struct l2tp_msg *m);
    /* The tunnel is established. */
    void (*up)(struct l2tp_tunnel *t);
    /* A call comes in: memory for it, with our_id set, in no list. NULL: none. */
    struct l2tp_call *(*call_new)(struct l2tp_tunnel *t);
    /* The call of the tunnel's with that id of ours; NULL: none. */
    struct l2tp_call *(*call_at)(struct l2tp_tunnel *t, uint16_t our_id);
    /* Takes a port for it: 0, or ADIT_EBUSY, ADIT_EDENIED, ADIT_ENOMEM, and the
     * call is forgotten by call_free(). */
    int32_t (*call_open)(struct l2tp_call *c);
    /* Connected; m is the message that did it. */
    void (*call_up)(struct l2tp_call *c, const struct l2tp_msg *m);
    /* It ended (had been opened or dialled); last word. call_free() follows. */
    void (*call_down)(struct l2tp_call *c, uint32_t cause, const char *text);
    void (*call_free)(struct l2tp_call *c);
    /* The tunnel has ended, its calls before it; it still answers what comes late. */
    void (*closed)(struct l2tp_tunnel *t, uint32_t cause, const char *text);
    /* Nothing is expected any more: forget it. Last word. */
    void (*gone)(struct l2tp_tunnel *t);
};

struct l2tp_env {
    const struct l2tp_ops *ops;
    const struct adit_crypto_api *crypto;
    uint64_t *counters;         /* L2TP_N_COUNT of them */
    char host_name[L2TP_TEXT];
    uint32_t rto_ms, rto_max_ms, tries;     /* first wait, longest wait, sendings after the first */
    uint32_t hello_ms;          /* silence until a Hello; 0: never */
    uint32_t setup_ms;          /* for a tunnel or a call to get up */
    uint32_t idle_ms;           /* a tunnel that never had a session; 0: for ever */
    uint32_t linger_ms;         /* a tunnel whose last session ended */
    uint16_t window;            /* that we offer */
    bool hide;                  /* hide AVPs where there is a secret */
    bool zero_id;               /* a peer may assign tunnel id 0 (row K3) */
    bool sequencing;            /* ask for sequence numbers on data, and send them */
};

#define l2tp_count(env, NAME) ((env)->counters[L2TP_N_##NAME]++)
#define l2tp_count_n(env, NAME, n) ((env)->counters[L2TP_N_##NAME] += (n))

/* How long the peer may go on sending one message again: 1+2+4+8+8+8 = 31 s
 * (section 5.8). State is kept for as long. */
static inline uint32_t l2tp_cycle_ms(const struct l2tp_env *e)
{
    uint64_t sum = 0, ms = e->rto_ms;
    for (uint32_t i = 0; i <= e->tries; i++) {
        sum += ms;
        ms = ms * 2 < e->rto_max_ms ? ms * 2 : e->rto_max_ms;
    }
    return sum < UINT32_MAX ? (uint32_t)sum : UINT32_MAX;
}

#endif
