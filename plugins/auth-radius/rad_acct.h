/* rad_acct.h - kind accounting, type radius: what plugin.c declares of it.
 *
 *     { .kind = ADIT_KIND_ACCOUNTING, .conf_size = sizeof(struct rad_acct_conf), .name = "radius",
 *       .opts = ..., .counters = rad_acct_counters, .counter_count = RAD_ACCT_COUNTERS,
 *       .events = rad_acct_events, .life = &rad_acct_life, .vtable = &rad_acct_vtable },
 *
 * Knows:  records of sessions, their order, how they reach a server for certain.
 * Leaves: servers to rad_client, the disk to rad_spool, attributes to rad_attr.
 */
#ifndef RAD_ACCT_H
#define RAD_ACCT_H

#include "rad_conf.h"

enum rad_acct_counter {
    RAD_ACCT_RECORDS, RAD_ACCT_SENT, RAD_ACCT_SPOOLED, RAD_ACCT_SILENT, RAD_ACCT_DROPPED,
    RAD_ACCT_GIVEN_UP, RAD_ACCT_DISK,
    RAD_ACCT_COUNTERS
};

extern const struct adit_counter rad_acct_counters[];
extern const struct adit_event *const rad_acct_events[];
extern const struct adit_life rad_acct_life;
extern const struct adit_accounting rad_acct_vtable;

/* For `adit radius`: one object: records waiting, the oldest, sent, dropped. */
void rad_acct_report(struct adit_self *self, struct adit_report *r);
/* Acct-Terminate-Cause of an ADIT_CAUSE_* (RFC 2866 section 5.10). */
uint32_t rad_acct_cause(uint32_t cause);

#endif
