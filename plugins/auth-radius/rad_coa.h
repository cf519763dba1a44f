/* rad_coa.h - servers that change and end our sessions: CoA-Request and
 * Disconnect-Request (RFC 5176).
 *
 *     me->coa = rad_coa_new(self, &conf->coa, &conf->nas, MY_COA_COUNTERS);
 *     rc = rad_coa_start(me->coa);                     // bound, when it is configured
 *     rad_coa_stop(me->coa); rad_coa_free(me->coa);
 *
 * Knows:  who may ask, that nothing is done twice or late, which answer is due.
 * Leaves: what identifies a session and what attributes mean to rad_attr, the
 *         sessions themselves to host->session.
 */
#ifndef RAD_COA_H
#define RAD_COA_H

#include "rad_conf.h"

/* Counters of the face that has it: rows for its table, in this order. */
#define RAD_COA_COUNTER_MAP(X)                                                                     \
    X(REQUESTS,  "coa-requests",  "CoA and Disconnect requests that came from a listed client.")   \
    X(UNLISTED,  "coa-unlisted",  "Packets to the CoA port from an address that is not listed.")   \
    X(FORGED,    "coa-forged",    "Of a listed client, but signed wrongly, not at all, or malformed.") \
    X(STALE,     "coa-stale",     "Requests whose Event-Timestamp was too old, too new or missing.") \
    X(DUPLICATE, "coa-duplicates", "Requests that came again and were given the same answer.")     \
    X(CHANGED,   "coa-changed",   "Sessions that were changed.")                                   \
    X(ENDED,     "coa-ended",     "Sessions that were ended by a Disconnect-Request.")             \
    X(REFUSED,   "coa-refused",   "Requests that were answered with a NAK.")

enum rad_coa_counter {
#define RAD_COA_X(NAME, name, text) RAD_COA_##NAME,
    RAD_COA_COUNTER_MAP(RAD_COA_X)
#undef RAD_COA_X
    RAD_COA_COUNTERS
};

extern const struct adit_event rad_ev_coa_unlisted, rad_ev_coa_forged, rad_ev_coa_stale,
                               rad_ev_coa_done, rad_ev_coa_refused;
/* For the face's list of events. */
#define RAD_COA_EVENTS \
    &rad_ev_coa_unlisted, &rad_ev_coa_forged, &rad_ev_coa_stale, &rad_ev_coa_done, &rad_ev_coa_refused

struct rad_coa;

/* `counter`: the number of the first of RAD_COA_COUNTERS in the face's table. The
 * confs are borrowed. NULL: after adit_fail(). */
struct rad_coa *rad_coa_new(struct adit_self *self, const struct rad_coa_conf *conf,
                            const struct rad_nas_conf *nas, uint32_t counter);
int32_t rad_coa_start(struct rad_coa *c);       /* 0, or ADIT_E* after adit_fail(); without `listen`: 0 */
void rad_coa_stop(struct rad_coa *c);
void rad_coa_free(struct rad_coa *c);           /* NULL is fine */
/* After a reload: what `from` has done is not done again by `c`, which has done nothing yet. */
void rad_coa_inherit(struct rad_coa *c, struct rad_coa *from);
/* For `adit radius`: where it listens, clients, counters. */
void rad_coa_report(struct rad_coa *c, struct adit_report *r);

#endif
