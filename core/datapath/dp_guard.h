/* dp_guard.h - what a session may send and get: its filters and its rates.
 *
 *     dp_filters_set(named, count);                // section `filters:`, also on reload
 *     struct dp_guard_conf c = { .filter = { "staff", NULL }, .kbps = { 2000, 8000 } };
 *     if (dp_guard_new(&c, &g, why, sizeof why)) ...       // before the login is accepted
 *     dp_port_guard(port, g);                      // now, or any time later
 *
 * Knows:  the filters by name, which of them a session has, who waits for its turn.
 * Leaves: rules to dp_filter, arithmetic to dp_rate, ports and packets to dp.c.
 *
 * From the client: filters, then policing with a bucket deep enough for TCP. To the
 * client: filters, then a short queue. A session without any of it has no guard,
 * and its packets meet one pointer that is NULL.
 */
#ifndef DP_GUARD_H
#define DP_GUARD_H

#include "datapath/dp_filter.h"

#define DP_IN  0                /* from the client */
#define DP_OUT 1

/* ---- the filters by name ---- */

struct dp_named {
    const char *name;
    struct dp_filter *filter;
};
/* From now on these. Sessions that have one of them get the new rules at once; a
 * filter that did not change keeps its counters; one that is left out stays with
 * the sessions that have it and takes no new ones. References are taken. */
int dp_filters_set(const struct dp_named *list, uint32_t count);
bool dp_filter_known(const char *name);

struct dp_named_info {
    const char *name;
    const struct dp_filter *filter;
    bool listed;                /* false: left out, and sessions still have it */
};
bool dp_filter_nth(uint32_t n, struct dp_named_info *out);      /* false: no more */

/* ---- of one session ---- */

struct dp_guard_conf {
    const char *filter[2];      /* DP_IN, DP_OUT; NULL or "": none */
    const char *const *rules;   /* its own rules, as text, for both directions */
    uint32_t rule_count;
    uint64_t kbps[2];           /* 0: no limit */
};
struct dp_guard;
/* *out is NULL when nothing is limited. ADIT_ENOENT: a filter is not there;
 * ADIT_EINVAL: a rule is none; `why` tells. */
int dp_guard_new(const struct dp_guard_conf *c, struct dp_guard **out, char *why, size_t size);
void dp_guard_free(struct dp_guard *g);         /* that was not put in place; NULL is fine */

#endif
