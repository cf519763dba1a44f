/* inst.h - the configured instances: from the lists of the configuration to
 * running plugins, and changes of them.
 *
 * Knows:  sections and their order, what a reload adds, changes, removes.
 * Leaves: what instances do.
 */
#ifndef INST_H
#define INST_H

#include "config/conf.h"

/* Whether every instance of a configuration could be made: its type is known,
 * its options are right. Errors are told. Types that no plugin offers are
 * errors only when `strict`. */
int32_t inst_check(const struct conf_node *root, bool strict, const struct conf_err *err);
/* Makes, changes and removes instances so that they are what the configuration
 * says; starts them. Problems (one that failed to start) are kept. */
void inst_apply(const struct conf_node *root);
void inst_stop_all(void);
/* What keeps the daemon from being all that the configuration says. */
void inst_problem(const char *fmt, ...) ADIT_PRINTF(1, 2);
const char *inst_problem_nth(uint32_t nth);     /* NULL: no more */

#endif
