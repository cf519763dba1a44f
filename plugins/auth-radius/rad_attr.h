/* rad_attr.h - between what RADIUS says and what a session is: one table.
 *
 *     rad_attr_describe(self, attrs, out, RAD_IN_ACCESS);      // NAS-*, Calling-Station-Id, Tunnel-* ...
 *     rad_attr_honour(self, in, &how, attrs, &count);          // Framed-*, Session-Timeout, Filter-Id ...
 *     rad_attr_match(self, in, which, &error);                 // what a CoA identifies sessions by
 *
 * Knows:  each attribute's meaning, both ways; that table is also the manual's.
 * Leaves: bytes to rad_msg; authentication itself (CHAP, EAP, keys) to rad_auth.
 */
#ifndef RAD_ATTR_H
#define RAD_ATTR_H

#include "rad_client.h"

#define RAD_IN_ACCESS 0x1u      /* where an attribute may be sent */
#define RAD_IN_ACCT   0x2u

/* Writes what is known of a session: attributes of row A3 that are sent. */
void rad_attr_describe(struct adit_self *self, const struct rad_nas_conf *nas,
                       const struct adit_attrs *attrs, struct rad_out *o, uint32_t where);
/* Takes what an Access-Accept or CoA-Request sets into `attrs` (freshly made).
 * Values that make no sense are skipped and counted in *bad; attributes that are
 * known but cannot be honoured in *ignored. */
void rad_attr_honour(struct adit_self *self, const struct rad_in *in, const struct rad_how *how,
                     struct adit_attrs *attrs, uint32_t *bad, uint32_t *ignored);
/* What identifies sessions in a CoA or Disconnect request (RFC 5176 section 3);
 * 0, or the Error-Cause to answer with. */
uint32_t rad_attr_match(struct adit_self *self, const struct rad_nas_conf *nas,
                        const struct rad_in *in, struct adit_attrs *which);

#endif
