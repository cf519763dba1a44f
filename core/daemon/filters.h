/* filters.h - section `filters:`: from the configuration to the data path.
 *
 *     struct filters_plan *p = filters_plan_new(root, err);    // NULL: errors were told
 *     filters_apply(p);
 *     filters_plan_free(p);
 */
#ifndef FILTERS_H
#define FILTERS_H

#include "config/conf.h"

struct filters_plan;
struct filters_plan *filters_plan_new(const struct conf_node *root, const struct conf_err *err);
int32_t filters_apply(const struct filters_plan *p);
void filters_plan_free(struct filters_plan *p);         /* NULL is fine */

#endif
