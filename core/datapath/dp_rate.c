/* dp_rate.c - a rate in kbit/s, as a bucket of bits. */
#include "datapath/dp_rate.h"

static void fill(struct dp_rate *r, uint64_t now)
{
    uint64_t ms = now > r->at_ms ? now - r->at_ms : 0;
    uint64_t lacks = (uint64_t)(r->depth - r->bits);
    r->at_ms = now;
    if (ms > lacks / r->kbps)
        r->bits = r->depth;
    else
        r->bits += (int64_t)(ms * r->kbps);
}

void dp_rate_set(struct dp_rate *r, uint64_t kbps, uint32_t depth_ms, uint32_t least_bytes, uint64_t now)
{
    bool fresh = r->kbps == 0;
    if (!fresh)
        fill(r, now);
    r->kbps = kbps < DP_RATE_MAX ? kbps : DP_RATE_MAX;
    r->at_ms = now;
    r->depth = (int64_t)(r->kbps * depth_ms);
    if (r->depth < (int64_t)least_bytes * 8)
        r->depth = (int64_t)least_bytes * 8;
    if (fresh || r->bits > r->depth)
        r->bits = r->depth;
}

bool dp_rate_take(struct dp_rate *r, uint64_t bytes, uint64_t now)
{
    if (!r->kbps)
        return true;
    fill(r, now);
    if (r->bits < 0)
        return false;
    r->bits -= (int64_t)(bytes * 8);
    return true;
}

uint64_t dp_rate_wait(const struct dp_rate *r)
{
    return r->kbps && r->bits < 0 ? ((uint64_t)-r->bits + r->kbps - 1) / r->kbps : 0;
}
