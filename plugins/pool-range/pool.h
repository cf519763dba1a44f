/* pool.h - what the declaration and the face of pool-range share. */
#ifndef POOL_RANGE_POOL_H
#define POOL_RANGE_POOL_H

#include <adit/plugin.h>

/* The options of a pool of type `range`. */
struct pool_conf {
    struct adit_array ranges, exclude, dns, wins;
    struct adit_array networks;
    uint32_t network_length;
    struct adit_addr server;
    const char *dns_domain;
    uint32_t remember;
};

enum pool_counter {
    POOL_LEASED,
    POOL_AGAIN,
    POOL_RELEASED,
    POOL_EXHAUSTED,
    POOL_TAKEN,
    POOL_NETWORKS,
    POOL_COUNTERS
};

extern const struct adit_life pool_life;
extern const struct adit_pool pool_vtable;
extern const struct adit_event *const pool_events[];

#endif
