/* rad_show.h - the verbs of an authenticator, for `adit radius test`.
 *
 * Knows:  what people are told of one authentication that they asked for.
 * Leaves: the list of servers to life->status(), asking and judging to rad_auth.
 */
#ifndef RAD_SHOW_H
#define RAD_SHOW_H

#include "rad_auth.h"

/* In create(); 0, or ADIT_E*. What is asked ends with the group. */
int32_t rad_show_verbs(struct adit_self *self);

#endif
