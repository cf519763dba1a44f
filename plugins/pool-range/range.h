/* range.h - which IPv4 addresses of a set of ranges are leased, and to whom.
 *
 *     struct range_pool *p;
 *     if (range_new(&spec, seed, &p, err) != 0) ...            // err: the sentence
 *     struct range_lease l;
 *     int32_t rc = range_lease(p, "anna", NULL, now, &l);      // any address
 *     range_release(p, l.id);
 *
 * Knows:  ranges, exclusions, leases, who had which address last.
 * Leaves: configuration, attributes, requests.
 *
 * Every operation costs the same for ten addresses and for a /8: an address
 * that nobody ever had is a bit in a chunk that is made when it is first
 * needed; only leased and remembered addresses have an entry.
 */
#ifndef POOL_RANGE_H
#define POOL_RANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <adit/abi.h>

#define RANGE_MAX_RANGES 256u           /* of `ranges`, and of `exclude` */
#define RANGE_MAX_ADDRS  (1u << 26)     /* four /8 */
#define RANGE_ERR        256u           /* bytes of a sentence */

struct range_spec {
    struct adit_array ranges;           /* struct adit_range */
    struct adit_array exclude;          /* the same; first.prefix < 31: the hosts of a network */
    struct adit_addr server;            /* family NONE: the first address of the first range */
    uint32_t remember;                  /* free addresses whose last account is kept */
};

struct range_lease {
    uint64_t id;                        /* never 0, below 2^63 */
    uint32_t addr;                      /* host byte order */
    uint64_t since;
    const char *account;                /* "" unknown; borrowed */
    bool again;                         /* the account had this address last */
};

struct range_counts {
    uint32_t size;                      /* addresses that can be leased */
    uint32_t excluded;                  /* inside the ranges, never given without being asked for */
    uint32_t leased;                    /* now, with those outside of `size` */
    uint32_t outside;                   /* of them: excluded, or of ranges that are gone */
    uint32_t free;
    uint32_t peak;
    uint32_t remembered;
};

struct range_pool;

/* 0; ADIT_ECONF or ADIT_ENOMEM with a sentence. `seed` is random. */
int32_t range_new(const struct range_spec *s, uint64_t seed, struct range_pool **out,
                  char err[RANGE_ERR]);
/* New ranges; leases stay, also those that are no longer inside. Nothing is
 * changed when it fails. */
int32_t range_reload(struct range_pool *p, const struct range_spec *s, char err[RANGE_ERR]);
void range_free(struct range_pool *p);

/* The address `wanted`, or (NULL) the one that the account had last, else one
 * that nobody had, else the least recently used. 0; ADIT_ENOSPC none is free;
 * ADIT_EEXIST the wanted one is taken; ADIT_ENOENT it is not of this pool;
 * ADIT_ENOMEM. */
int32_t range_lease(struct range_pool *p, const char *account, const uint32_t *wanted,
                    uint64_t now, struct range_lease *out);
/* False: there is no such lease (any more). */
bool range_release(struct range_pool *p, uint64_t id);

uint32_t range_server(const struct range_pool *p);      /* our own address */
/* Range number i as text, "10.9.0.2-10.9.0.60"; false: there are no more. */
bool range_text(const struct range_pool *p, uint32_t i, char out[40]);
struct range_counts range_counts(const struct range_pool *p);
/* Walks the leases, oldest first: *pos starts at NULL. False at the end. */
bool range_each(const struct range_pool *p, const void **pos, struct range_lease *out);

#endif
