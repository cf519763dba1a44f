/* attr.h - attribute lists: the host's side of adit/attr.h.
 *
 *     struct adit_attrs *a = plug_attr_api.make();
 *     attr_copy(a, other);
 */
#ifndef ATTR_H
#define ATTR_H

#include <stdbool.h>
#include <adit/attr.h>

extern const struct adit_attr_api plug_attr_api;

/* Adds every value of `from` behind those of `to`; 0 or ADIT_ENOMEM. */
int32_t attr_append(struct adit_attrs *to, const struct adit_attrs *from);
/* Puts `from` over `to`: attributes that `from` has replace those of `to`. All of
 * them, or on ADIT_ENOMEM none. */
int32_t attr_over(struct adit_attrs *to, const struct adit_attrs *from);
/* The same type and value. */
bool attr_equal(const struct adit_value *a, const struct adit_value *b);
/* Whether every value of `which` is among those of `have`; addresses are compared
 * by host, names of users and accounts without regard to case. */
bool attr_fits(const struct adit_attrs *have, const struct adit_attrs *which);
/* ADIT_TYPE_* of an attribute; NONE: unknown. */
uint32_t attr_type(uint32_t id);

#endif
