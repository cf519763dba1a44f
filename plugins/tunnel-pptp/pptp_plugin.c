/* pptp_plugin.c - tunnel-pptp declares itself: options, counters, events, face. */
#include "pptp.h"

#define X(var, name_, level_, sentence_, keys_)                                                  \
    const struct adit_event pptp_ev_##var = {                                                    \
        sizeof(struct adit_event), (level_), (name_), (sentence_), (keys_) };
PPTP_EVENTS(X)
#undef X

static const struct adit_event *const events[] = {
#define X(var, name, level, sentence, keys) &pptp_ev_##var,
    PPTP_EVENTS(X)
#undef X
    NULL
};

static const struct adit_counter counters[] = {
#define X(id, name, sentence) { name, sentence },
    PPTP_COUNTERS(X)
#undef X
};

// clang-format off
static const struct adit_opt opts[] = {
    ADIT_OPT(ADDR, pptp_conf, listen, "listen", NULL, ADIT_OPT_ARRAY,
        "Addresses and ports to listen on, IPv4; every address and port 1723 when not given."),
    ADIT_OPT(STR, pptp_conf, host_name, "host-name", NULL, 0,
        "Our name in control messages; the host's own when not given."),
    ADIT_OPT(STR, pptp_conf, vendor, "vendor", "Adit", ADIT_OPT_RELOAD,
        "Our vendor name in control messages."),
    ADIT_OPT_NUM(MSEC, pptp_conf, echo_interval, "echo-interval", "60s", 0, 86400000, ADIT_OPT_RELOAD,
        "Ask a peer for a sign of life after this long a silence; 0 never."),
    ADIT_OPT_NUM(MSEC, pptp_conf, echo_timeout, "echo-timeout", "60s", 1, 86400000, ADIT_OPT_RELOAD,
        "End the connection when nothing comes for this long after that."),
    ADIT_OPT_NUM(MSEC, pptp_conf, start_timeout, "start-timeout", "10s", 1, 3600000, ADIT_OPT_RELOAD,
        "Time for a new connection to send its first message, or, dialling, to be answered."),
    ADIT_OPT_NUM(MSEC, pptp_conf, idle_timeout, "idle-timeout", "10s", 0, 86400000, ADIT_OPT_RELOAD,
        "Close a connection that has had no call for this long; 0 never."),
    ADIT_OPT_NUM(MSEC, pptp_conf, call_timeout, "call-timeout", "30s", 1, 3600000, ADIT_OPT_RELOAD,
        "Time for a call to be answered or connected."),
    ADIT_OPT_NUM(MSEC, pptp_conf, gre_timeout, "gre-timeout", "20s", 0, 3600000, ADIT_OPT_RELOAD,
        "End a call on which no GRE packet came in this time and say that GRE is blocked; 0 never."),
    ADIT_OPT_NUM(U32, pptp_conf, mtu, "mtu", "1400", 576, 1460, ADIT_OPT_RELOAD,
        "Most bytes that a PPP frame carries, so that the packet around it needs no fragmentation."),
    ADIT_OPT_NUM(U32, pptp_conf, receive_window, "receive-window", "64", 1, 65535, ADIT_OPT_RELOAD,
        "Packets that a peer may send without an acknowledgement."),
    ADIT_OPT_NUM(U32, pptp_conf, reorder_window, "reorder-window", "32", 1, PPTP_GRE_WINDOW, ADIT_OPT_RELOAD,
        "Packets that may wait for an earlier one; rounded up to a power of two; 1: none."),
    ADIT_OPT_NUM(MSEC, pptp_conf, reorder_timeout, "reorder-timeout", "50ms", 0, 10000, ADIT_OPT_RELOAD,
        "How long they wait."),
    ADIT_OPT_NUM(U32, pptp_conf, connections, "connections", "10000", 0, 1000000, ADIT_OPT_RELOAD,
        "Most control connections that are accepted at once."),
    ADIT_OPT_NUM(U32, pptp_conf, connections_per_address, "connections-per-address", "256", 0, 1000000, ADIT_OPT_RELOAD,
        "Most of them from one address; the clients behind a NAT share one."),
    ADIT_OPT(BOOL, pptp_conf, incoming_calls, "incoming-calls", "no", ADIT_OPT_RELOAD,
        "Accept Incoming-Call-Requests of access concentrators and believe their calling numbers."),
    ADIT_OPT_END
};
// clang-format on

static const struct adit_tunnel tunnel = {
    .size = sizeof tunnel, .encrypts = 1, .protocol = "pptp",
    .tx = pptp_tx, .hangup = pptp_hangup, .dial = pptp_dial,
    .overhead = 20 + PPTP_GRE_MAX,
};

static const struct adit_face faces[] = {
    { .kind = ADIT_KIND_TUNNEL, .conf_size = sizeof(struct pptp_conf), .name = "pptp",
      .opts = opts, .counters = counters, .counter_count = PPTP_COUNTS, .events = events,
      .life = &pptp_life, .vtable = &tunnel },
};

ADIT_PLUGIN("tunnel-pptp", "1.0", "BSD-2-Clause", "PPTP (RFC 2637), serving and dialling", faces)
