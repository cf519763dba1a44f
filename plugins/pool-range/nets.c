/* nets.c - IPv6 networks of one length out of larger ones.
 *
 * Knows:  which part of which network has which number.
 * Leaves: which number is free, and whose it was, to range.c.
 *
 * The parts are numbered through, as if each were an IPv4 address, and leased as
 * such: 0 and each network's first part are nobody's.
 */
#include "nets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <adit/bytes.h>

#define MOST_NETS  16u
#define MOST_PARTS (1u << 22)   /* of one network: what is beyond is left alone */

struct nets {
    struct range_pool *range;
    uint32_t length, count;
    struct { uint64_t high; uint32_t first, parts; } net[MOST_NETS];
};

static uint64_t high_of(const struct adit_addr *a)
{
    struct rd r = rd_of(a->ip, 8);
    return rd_u64(&r);
}

static struct adit_addr v4(uint32_t number)
{
    struct adit_addr a = { .family = ADIT_AF_IPV4, .prefix = 32 };
    struct wr w = wr_of(a.ip, 4);
    wr_u32(&w, number);
    return a;
}

static struct adit_addr part(const struct nets *n, uint32_t number)
{
    struct adit_addr a = { .family = ADIT_AF_IPV6, .prefix = (uint8_t)n->length };
    for (uint32_t i = 0; i < n->count; i++)
        if (number - n->net[i].first < n->net[i].parts) {
            struct wr w = wr_of(a.ip, 8);
            wr_u64(&w, n->net[i].high + ((uint64_t)(number - n->net[i].first) << (64 - n->length)));
        }
    return a;
}

/* 0: it is a part of none. */
static uint32_t number_of(const struct nets *n, const struct adit_addr *a)
{
    uint64_t high = high_of(a);
    if (a->family != ADIT_AF_IPV6 || a->prefix != n->length)
        return 0;
    for (uint32_t i = 0; i < n->count; i++) {
        uint64_t at = (high - n->net[i].high) >> (64 - n->length);
        if (high >= n->net[i].high && at < n->net[i].parts)
            return n->net[i].first + (uint32_t)at;
    }
    return 0;
}

static int32_t take(struct nets *n, const struct adit_addr *a, uint32_t *next, char err[RANGE_ERR])
{
    uint32_t bits = n->length - a->prefix;
    if (a->family != ADIT_AF_IPV6 || a->prefix >= n->length || !a->prefix) {
        snprintf(err, RANGE_ERR, "ipv6-networks: item %u is no IPv6 network that is larger than a /%u (ipv6-length)",
                 n->count + 1, n->length);
        return ADIT_ECONF;
    }
    uint64_t high = high_of(a) & ~0ull << (64 - a->prefix);
    for (uint32_t i = 0; i < n->count; i++) {
        uint64_t end = n->net[i].high + ((uint64_t)n->net[i].parts << (64 - n->length)) - 1;
        if (high <= end && (high | ~(~0ull << (64 - a->prefix))) >= n->net[i].high) {
            snprintf(err, RANGE_ERR, "ipv6-networks: items %u and %u overlap", i + 1, n->count + 1);
            return ADIT_ECONF;
        }
    }
    n->net[n->count].high = high;
    n->net[n->count].parts = bits >= 22 ? MOST_PARTS : 1u << bits;
    n->net[n->count].first = *next;
    *next += n->net[n->count++].parts;
    return 0;
}

int32_t nets_new(const struct adit_array *networks, uint32_t length, uint32_t remember, uint64_t seed,
                 struct nets **out, char err[RANGE_ERR])
{
    struct adit_range ranges[MOST_NETS];
    uint32_t next = 1;
    int32_t rc = 0;
    if (networks->count > MOST_NETS) {
        snprintf(err, RANGE_ERR, "ipv6-networks: there may be %u of them", MOST_NETS);
        return ADIT_ECONF;
    }
    struct nets *n = calloc(1, sizeof *n);
    if (!n) {
        snprintf(err, RANGE_ERR, "out of memory");
        return ADIT_ENOMEM;
    }
    n->length = length;
    for (uint32_t i = 0; !rc && i < networks->count; i++) {
        struct adit_addr a;
        memcpy(&a, (const char *)networks->items + (size_t)i * networks->stride, sizeof a);
        rc = take(n, &a, &next, err);
    }
    for (uint32_t i = 0; i < n->count; i++)
        ranges[i] = (struct adit_range){ v4(n->net[i].first + 1), v4(n->net[i].first + n->net[i].parts - 1) };
    struct range_spec spec = { .ranges = { ranges, n->count, sizeof ranges[0] }, .server = v4(0),
                               .remember = remember };
    if (!rc)
        rc = range_new(&spec, seed, &n->range, err);
    if (rc) {
        nets_free(n);
        return rc;
    }
    *out = n;
    return 0;
}

void nets_free(struct nets *n)
{
    if (!n)
        return;
    range_free(n->range);
    free(n);
}

int32_t nets_lease(struct nets *n, const char *account, const struct adit_addr *wanted, uint64_t now,
                   uint64_t *lease, struct adit_addr *net)
{
    struct range_lease l;
    uint32_t number = wanted ? number_of(n, wanted) : 0;
    if (wanted && !number)
        return ADIT_ENOENT;
    int32_t rc = range_lease(n->range, account, wanted ? &number : NULL, now, &l);
    if (rc)
        return rc;
    *lease = l.id;
    *net = part(n, l.addr);
    return 0;
}

bool nets_release(struct nets *n, uint64_t lease) { return range_release(n->range, lease); }

struct range_counts nets_counts(const struct nets *n) { return range_counts(n->range); }

bool nets_each(const struct nets *n, const void **pos, struct range_lease *out, struct adit_addr *net)
{
    if (!range_each(n->range, pos, out))
        return false;
    *net = part(n, out->addr);
    return true;
}
