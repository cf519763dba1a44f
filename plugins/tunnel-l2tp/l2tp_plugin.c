/* l2tp_plugin.c - declares the plugin: options, counters, events. */
#include "l2tp_io.h"

#include <adit/plugin.h>

#define R ADIT_OPT_RELOAD
#define LIMIT 65000u            /* tunnel ids are 16 bits */

static const struct adit_word follow_words[] = {
    { "port", L2TP_FOLLOW_PORT, 0 },
    { "secured", L2TP_FOLLOW_SECURED, 0 },
    { "always", L2TP_FOLLOW_ALWAYS, 0 },
    { NULL, 0, 0 },
};

static const struct adit_opt peer_opts[] = {
    ADIT_OPT(PREFIX, l2tp_peer, address, "address", NULL, 0,
             "Address or network of the peer; any when it is left out."),
    ADIT_OPT(STR, l2tp_peer, host_name, "host-name", NULL, 0,
             "Host name that the peer gives; any when it is left out."),
    ADIT_OPT(STR, l2tp_peer, secret, "secret", NULL, ADIT_OPT_REQUIRED | ADIT_OPT_SECRET,
             "The tunnel secret shared with this peer."),
    ADIT_OPT_END
};

static const struct adit_opt opts[] = {
    ADIT_OPT(ADDR, l2tp_conf, listen, "listen", NULL, ADIT_OPT_ARRAY,
             "Addresses, with ports when they are not 1701; every address when it is left out."),
    ADIT_OPT(BOOL, l2tp_conf, require_security, "require-security", "yes", 0,
             "Serve only what comes through IPsec; everything else is dropped."),
    ADIT_OPT(STR, l2tp_conf, secret, "secret", NULL, ADIT_OPT_SECRET | R,
             "Tunnel secret: both ends prove that they know it."),
    ADIT_OPT_SUB(l2tp_conf, peers, "peers", l2tp_peer, peer_opts, ADIT_OPT_ARRAY | R,
             "Secrets of single peers; the first row that matches counts."),
    ADIT_OPT(STR, l2tp_conf, host_name, "host-name", NULL, R,
             "Our name for peers; the host's when it is left out."),
    ADIT_OPT_NUM(MSEC, l2tp_conf, hello_ms, "hello-interval", "60s", 0, 86400000u, R,
             "Silence until the peer is asked whether it lives; 0 never asks."),
    ADIT_OPT_NUM(MSEC, l2tp_conf, rto_ms, "retransmit-timeout", "1s", 100u, 8000u, R,
             "Wait before a control message is sent again; doubles each time."),
    ADIT_OPT_NUM(MSEC, l2tp_conf, rto_max_ms, "retransmit-max", "8s", 8000u, 60000u, R,
             "Longest such wait."),
    ADIT_OPT_NUM(U32, l2tp_conf, tries, "retransmit-count", "5", 1u, 30u, R,
             "How often a control message is sent again before the peer counts as lost."),
    ADIT_OPT_NUM(U32, l2tp_conf, window, "receive-window", "16", 1u, 512u, R,
             "Control messages that a peer may send ahead of our acknowledgement."),
    ADIT_OPT_NUM(MSEC, l2tp_conf, setup_ms, "setup-timeout", "60s", 1000u, 600000u, R,
             "Time for a tunnel or a call to be connected."),
    ADIT_OPT_NUM(MSEC, l2tp_conf, idle_ms, "idle-tunnel", "60s", 0, 86400000u, R,
             "A tunnel that never had a session is closed after this; 0 keeps it."),
    ADIT_OPT_NUM(MSEC, l2tp_conf, linger_ms, "linger", "5s", 0, 86400000u, R,
             "A tunnel is closed so long after its last session."),
    ADIT_OPT(BOOL, l2tp_conf, hide, "hide-avps", "no", R,
             "Hide attributes of control messages where there is a secret."),
    ADIT_OPT(BOOL, l2tp_conf, sequencing, "sequencing", "no", R,
             "Number data messages, and ask the peer to."),
    ADIT_OPT_NUM(U32, l2tp_conf, reorder_queue, "reorder-queue", "32", 0, 1024u, R,
             "Numbered data messages that wait for an earlier one; 0 never waits."),
    ADIT_OPT_NUM(MSEC, l2tp_conf, reorder_ms, "reorder-timeout", "50ms", 1u, 5000u, R,
             "How long they wait."),
    ADIT_OPT(BOOL, l2tp_conf, length_bit, "length-bit", "no", R,
             "Send the length field in data messages; UDP knows the length already."),
    ADIT_OPT_NUM(U32, l2tp_conf, mtu, "mtu", "1400", 576u, 16000u, R,
             "Largest packet inside PPP that is sent; less when the path takes less."),
    ADIT_OPT_WORDS(ENUM, l2tp_conf, follow, "follow", follow_words, "secured", R,
             "When a peer that proves itself by sequence numbers may change its address: only its "
             "port, also its address through the same IPsec association, or always."),
    ADIT_OPT_NUM(U32, l2tp_conf, max_tunnels, "max-tunnels", "20000", 1u, LIMIT, R,
             "Tunnels at once."),
    ADIT_OPT_NUM(U32, l2tp_conf, max_per_address, "max-tunnels-per-address", "1000", 1u, LIMIT, R,
             "Tunnels at once from one address; several clients may be behind it."),
    ADIT_OPT_NUM(U32, l2tp_conf, max_half_open, "max-half-open", "1000", 1u, LIMIT, R,
             "Tunnels at once that are being set up."),
    ADIT_OPT_NUM(U32, l2tp_conf, max_half_open_per_address, "max-half-open-per-address", "50", 1u,
             LIMIT, R, "Tunnels at once that are being set up from one address."),
    ADIT_OPT_NUM(U32, l2tp_conf, replies_per_s, "refusals-per-second", "50", 0, 100000u, R,
             "Refusals sent a second to peers that no state is kept for."),
    ADIT_OPT(BOOL, l2tp_conf, zero_id, "tunnel-id-zero", "no", R,
             "Accept peers that assign tunnel id 0 or address us with it (D-Link DIR-300)."),
    ADIT_OPT(BOOL, l2tp_conf, tie_breaker, "tie-breaker", "no", R,
             "When both ends dial each other at once, keep one tunnel."),
    ADIT_OPT_END
};

static const struct adit_counter counters[] = {
#define L2TP_X(NAME, name, text) { name, text },
    L2TP_COUNTER_MAP(L2TP_X)
#undef L2TP_X
};

static const struct adit_face faces[] = {
    { .kind = ADIT_KIND_TUNNEL,
      .conf_size = sizeof(struct l2tp_conf),
      .name = "l2tp",
      .opts = opts,
      .counters = counters,
      .counter_count = L2TP_N_COUNT,
      .events = l2tp_events,
      .life = &l2tp_life,
      .vtable = &l2tp_tunnel_vtable },
};
ADIT_PLUGIN("tunnel-l2tp", "1.0", "BSD-2-Clause", "L2TP version 2: serves and dials", faces)
