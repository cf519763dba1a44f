/* inst.h - the configured instances: from the lists of the configuration to
 * running plugins, and changes of them.
 *
 * Knows:  sections and their order, what a reload adds, changes, removes.
 * Leaves: what instances do.
 */
#ifndef INST_H
#define INST_H

#include "config/conf.h"

/* What a configuration asks for, looked at: every instance could be made, its
 * type is known, its options are right. Errors are told; NULL then. Types that
 * no plugin offers are errors only when `strict`. It borrows the tree. */
struct inst_plan;
struct inst_plan *inst_plan_new(const struct conf_node *root, bool strict, const struct conf_err *err);
void inst_plan_free(struct inst_plan *p);
/* Makes them all and frees them again, so that what only a plugin can see (a file
 * of accounts, ranges that overlap) is told too. For a process that does not serve. */
int32_t inst_try(const struct inst_plan *p, const struct conf_err *err);
/* Makes, changes and removes instances so that they are what the plan says;
 * starts them. Problems (one that failed to start) are kept. */
void inst_apply(const struct inst_plan *p);
void inst_stop_all(void);
/* What keeps the daemon from being all that the configuration says. */
void inst_problem(const char *fmt, ...) ADIT_PRINTF(1, 2);
const char *inst_problem_nth(uint32_t nth);     /* NULL: no more */

#endif
