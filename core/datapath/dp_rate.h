/* dp_rate.h - a rate in kbit/s, as a bucket of bits.
 *
 *     dp_rate_set(&r, 2000, 250, 65536, now);      // holds 250 ms, at least 64 KB
 *     if (!dp_rate_take(&r, len, now)) ...         // too early: dropped, or asked again
 *     wait = dp_rate_wait(&r);                     // in so many ms
 *
 * Knows:  that kbit/s is bits in a millisecond; time only as it is told.
 * Leaves: what becomes of a packet that is too early.
 *
 * A packet passes when the bucket is not in debt, and may put it there: so one
 * that is larger than the bucket passes too, and what follows waits the longer.
 */
#ifndef DP_RATE_H
#define DP_RATE_H

#include <stdbool.h>
#include <stdint.h>

#define DP_RATE_MAX 1000000000u /* kbit/s: a Tbit/s */

struct dp_rate {
    uint64_t kbps;              /* 0: no limit */
    int64_t bits, depth;
    uint64_t at_ms;
};

/* A new rate, at once: what is in the bucket stays, as far as it fits. A bucket
 * that had no limit begins full. */
void dp_rate_set(struct dp_rate *r, uint64_t kbps, uint32_t depth_ms, uint32_t least_bytes, uint64_t now_ms);
bool dp_rate_take(struct dp_rate *r, uint64_t bytes, uint64_t now_ms);
/* Milliseconds from the last dp_rate_take() until one passes; 0: now. */
uint64_t dp_rate_wait(const struct dp_rate *r);

#endif
