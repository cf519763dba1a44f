/* adit/pool.h - a pool of addresses. */
#ifndef ADIT_POOL_H
#define ADIT_POOL_H

#include <adit/abi.h>

struct adit_attrs;

struct adit_pool_query {
    uint32_t size;
    uint32_t reserved;
    const struct adit_attrs *attrs;     /* ADDRESS there: exactly this one is wanted */
};

struct adit_pool_answer {
    uint32_t size;
    uint32_t cause;             /* status was not 0: POOL_EXHAUSTED, ADDRESS_TAKEN, ... */
    struct adit_addr address;   /* the client's */
    const struct adit_attrs *attrs;     /* DNS, WINS, DNS_DOMAIN, SERVER_ADDRESS ...; NULL: none */
    uint64_t lease;             /* the plugin's name for it; release() gets it */
};

struct adit_pool {
    uint32_t size;
    uint32_t reserved;
    /* Ends in request->done(): 0 with an answer; ADIT_ENOSPC exhausted,
     * ADIT_EEXIST the wanted address is taken, ADIT_ENOENT not an address of
     * this pool (the next pool is asked). */
    void (*lease)(struct adit_self *self, uint64_t req, const struct adit_pool_query *q);
    void (*cancel)(struct adit_self *self, uint64_t req);
    void (*release)(struct adit_self *self, uint64_t lease);
    /* 1.1: an IPv6 network for the link to the client, beside its address: as
     * lease(), IPV6_PREFIX in the query's attrs being the one that is wanted;
     * answer->address is the network, its prefix the length. Leases of both kinds
     * have names of their own; host->lease is for those of addresses. NULL: there
     * are none. */
    void (*lease6)(struct adit_self *self, uint64_t req, const struct adit_pool_query *q);
};

#endif
