/* rad_acct.h - kind accounting, type radius: what plugin.c declares of it.
 *
 *     { .kind = ADIT_KIND_ACCOUNTING, .conf_size = sizeof(struct rad_acct_conf), .name = "radius",
 *       .opts = ..., .counters = rad_acct_counters, .counter_count = RAD_N_ACCT,
 *       .events = rad_acct_events, .life = &rad_acct_life, .vtable = &rad_acct_vtable },
 *
 * Knows:  records of sessions, their order, how they reach a server for certain.
 * Leaves: servers to rad_client, the disk to rad_spool, attributes to rad_attr.
 */
#ifndef RAD_ACCT_H
#define RAD_ACCT_H

#include "rad_client.h"

/* Counters of the face, behind those of rad_client. */
#define RAD_ACCT_COUNTER_MAP(X)                                                                     \
    X(RECORDS,  "records",      "Accounting records that were made: Start, Interim-Update, Stop, On, Off.") \
    X(SENT,     "records-sent", "Records that a server answered.")                                  \
    X(SPOOLED,  "records-spooled", "Records that were written to disk.")                            \
    X(DROPPED,  "records-dropped", "Records that were lost because the spool was full, or memory without one.") \
    X(GIVEN_UP, "records-given-up", "Records that servers left unanswered again and again while they answered others.") \
    X(DISK,     "spool-failures", "Times that the spool could not be written.")

enum rad_acct_counter {
    RAD_N_ACCT_FIRST = RAD_N_CLIENT - 1,
#define RAD_ACCT_X(NAME, name, text) RAD_N_##NAME,
    RAD_ACCT_COUNTER_MAP(RAD_ACCT_X)
#undef RAD_ACCT_X
    RAD_N_ACCT
};

extern const struct adit_counter rad_acct_counters[];
extern const struct adit_event *const rad_acct_events[];
extern const struct adit_life rad_acct_life;
extern const struct adit_accounting rad_acct_vtable;

/* For `adit radius`: one object: records waiting, the oldest, sent, dropped. */
void rad_acct_report(struct adit_self *self, struct adit_report *r);

#endif
