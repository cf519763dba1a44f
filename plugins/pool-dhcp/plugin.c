/* plugin.c - pool-dhcp declares itself: options, counters, events. */
#include "dhcp_pool.h"

static const struct adit_word identities[] = {
    { "user", DHCP_BY_USER, 0 }, { "session", DHCP_BY_SESSION, 0 }, { NULL, 0, 0 },
};
static const struct adit_word host_names[] = {
    { "account", DHCP_HOST_ACCOUNT, 0 }, { "peer", DHCP_HOST_PEER, 0 },
    { "none", DHCP_HOST_NONE, 0 }, { NULL, 0, 0 },
};

static const struct adit_opt opts[] = {
    ADIT_OPT(STR, dhcp_conf, interface, "interface", NULL, 0,
             "The LAN whose DHCP servers are asked, and whose address is ours towards them."),
    ADIT_OPT(ADDR, dhcp_conf, relay, "relay-address", NULL, 0,
             "Our IPv4 address towards the servers (giaddr); by default the first of the "
             "interface. Servers lease from the network that it is in."),
    ADIT_OPT(ADDR, dhcp_conf, servers, "servers", NULL, ADIT_OPT_ARRAY | ADIT_OPT_RELOAD,
             "DHCP servers, the preferred one first; by default whoever answers a broadcast."),
    ADIT_OPT(ADDR, dhcp_conf, subnet, "subnet", NULL, ADIT_OPT_RELOAD,
             "An address of the network to lease from, when it is not the one of relay-address "
             "(RFC 3527)."),
    ADIT_OPT_WORDS(ENUM, dhcp_conf, identity, "identity", identities, "user", 0,
                   "Who gets the same address again: the user, or nobody (session)."),
    ADIT_OPT(STR, dhcp_conf, client_id, "client-id", NULL, 0,
             "What client identifiers begin with; by default this host's name and the pool's."),
    ADIT_OPT_WORDS(ENUM, dhcp_conf, host_name, "host-name", host_names, "account",
                   ADIT_OPT_RELOAD,
                   "The host name that servers are told: the account's, the one that the client "
                   "gave (peer), or none."),
    ADIT_OPT(ADDR, dhcp_conf, server_address, "server-address", NULL, ADIT_OPT_RELOAD,
             "Our own address towards the clients; by default the relay address."),
    ADIT_OPT_NUM(MSEC, dhcp_conf, retry_ms, "retry", "2s", 100, 60000, ADIT_OPT_RELOAD,
                 "Wait before a message is repeated the first time; doubled each time."),
    ADIT_OPT_NUM(MSEC, dhcp_conf, timeout_ms, "timeout", "10s", 200, 600000, ADIT_OPT_RELOAD,
                 "Time in which a client must have a lease."),
    ADIT_OPT_NUM(MSEC, dhcp_conf, silent_ms, "silent-timeout", "1s", 100, 600000,
                 ADIT_OPT_RELOAD,
                 "The same, as long as no server answers or none has a free address."),
    ADIT_OPT_NUM(MSEC, dhcp_conf, offer_wait_ms, "offer-wait", "200ms", 0, 60000,
                 ADIT_OPT_RELOAD,
                 "Wait for an offer of a server further up in the list."),
    ADIT_OPT_NUM(MSEC, dhcp_conf, shortest_ms, "shortest-lease", "30s", 1000, 86400000,
                 ADIT_OPT_RELOAD, "Offers of shorter leases are refused."),
    ADIT_OPT(MSEC, dhcp_conf, keep_ms, "keep", "5m", ADIT_OPT_RELOAD,
             "After a restart of the daemon: how long leases of before wait for their users, "
             "until they are given back."),
    ADIT_OPT_END
};

#define X(var, name_, level_, sentence_, keys_)                                                  \
    const struct adit_event dhcp_ev_##var = {                                                     \
        sizeof(struct adit_event), (level_), (name_), (sentence_), (keys_) };
DHCP_EVENTS_OF(X)
#undef X

static const struct adit_event *const events[] = {
#define X(var, name, level, sentence, keys) &dhcp_ev_##var,
    DHCP_EVENTS_OF(X)
#undef X
    NULL
};

static const struct adit_counter counters[] = {
#define X(id, name, sentence) { name, sentence },
    DHCP_COUNTERS(X)
#undef X
};

static const struct adit_face faces[] = {
    { .kind = ADIT_KIND_POOL, .conf_size = sizeof(struct dhcp_conf), .name = "dhcp",
      .opts = opts, .counters = counters, .counter_count = DHCP_COUNTER_COUNT,
      .events = events, .life = &dhcp_life, .vtable = &dhcp_vtable },
};

ADIT_PLUGIN("pool-dhcp", "1.0", "BSD-2-Clause", "Leases addresses from DHCP servers", faces)
