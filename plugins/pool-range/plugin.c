/* plugin.c - pool-range declares itself: options, counters, events. */
#include "pool.h"

static const struct adit_opt opts[] = {
    ADIT_OPT(RANGE, pool_conf, ranges, "ranges", NULL, ADIT_OPT_ARRAY | ADIT_OPT_RELOAD,
             "Addresses for clients: 10.9.0.2-10.9.0.250, or a network, which is its hosts: "
             "without the first and the last address. Without any the pool has IPv6 networks only."),
    ADIT_OPT(RANGE, pool_conf, exclude, "exclude", NULL, ADIT_OPT_ARRAY | ADIT_OPT_RELOAD,
             "Addresses inside the ranges that are leased only to an account that names one."),
    ADIT_OPT(PREFIX, pool_conf, networks, "ipv6-networks", NULL, ADIT_OPT_ARRAY,
             "IPv6 networks out of which each session gets one for its link, 2001:db8:7000::/40; "
             "needs ppp.ipv6. The first part of each is left out."),
    ADIT_OPT_NUM(U32, pool_conf, network_length, "ipv6-length", "64", 48, 64, 0,
                 "Prefix length of what a session gets; a client makes its address itself in a /64 only."),
    ADIT_OPT(ADDR, pool_conf, server, "server-address", NULL, ADIT_OPT_RELOAD,
             "Our own address towards the clients, never leased; by default the first address of "
             "the first range."),
    ADIT_OPT(ADDR, pool_conf, dns, "dns", NULL, ADIT_OPT_ARRAY | ADIT_OPT_RELOAD,
             "DNS servers that clients are told, at most two."),
    ADIT_OPT(ADDR, pool_conf, wins, "wins", NULL, ADIT_OPT_ARRAY | ADIT_OPT_RELOAD,
             "WINS servers that clients are told, at most two."),
    ADIT_OPT(STR, pool_conf, dns_domain, "dns-domain", NULL, ADIT_OPT_RELOAD,
             "DNS suffix for clients."),
    ADIT_OPT_NUM(U32, pool_conf, remember, "remember", "65536", 0, 1u << 24, ADIT_OPT_RELOAD,
                 "Free addresses whose last account is kept in mind, so that it gets the same "
                 "address again."),
    ADIT_OPT_END
};

static const struct adit_counter counters[POOL_COUNTERS] = {
    [POOL_LEASED]    = { "leased",    "Addresses that were leased." },
    [POOL_AGAIN]     = { "again",     "Of them: the account had the same address before." },
    [POOL_RELEASED]  = { "released",  "Addresses that were given back." },
    [POOL_EXHAUSTED] = { "exhausted", "Requests that found no free address." },
    [POOL_NETWORKS]  = { "networks",  "IPv6 networks that were leased." },
    [POOL_TAKEN]     = { "taken",     "Requests for one certain address that was taken." },
};

static const struct adit_face faces[] = {
    { .kind = ADIT_KIND_POOL, .conf_size = sizeof(struct pool_conf), .name = "range",
      .opts = opts, .counters = counters, .counter_count = POOL_COUNTERS,
      .events = pool_events, .life = &pool_life, .vtable = &pool_vtable },
};

ADIT_PLUGIN("pool-range", "1.0", "BSD-2-Clause", "Leases addresses from ranges", faces)
