/* rad_attr.h - between what RADIUS says and what a session is: one table.
 *
 *     rad_attr_describe(self, nas, attrs, &out, RAD_IN_ACCESS);   // NAS-*, Calling-Station-Id, Tunnel-* ...
 *     rad_attr_honour(self, in, attrs, &bad, &ignored);        // Framed-*, Session-Timeout, Filter-Id ...
 *     error = rad_attr_match(self, nas, in, which);            // what a CoA identifies sessions by
 *
 * Knows:  each attribute's meaning, both ways; that table is also the manual's.
 * Leaves: bytes to rad_msg; authentication itself (CHAP, EAP, keys) to rad_auth.
 */
#ifndef RAD_ATTR_H
#define RAD_ATTR_H

#include "rad_client.h"

#define RAD_IN_ACCESS 0x1u      /* where an attribute may be sent */
#define RAD_IN_ACCT   0x2u

#define RAD_USER_TEXT 254u

/* The name that a server is told (nas.strip-domain); `method`: one ADIT_AUTH_* bit,
 * 0: that of the session. */
const char *rad_attr_user(const struct adit_host *h, const struct rad_nas_conf *nas,
                          const struct adit_attrs *attrs, uint32_t method, char out[RAD_USER_TEXT]);
/* Writes what is known of a session: attributes of row A3 that are sent, and those of
 * nas.send, which replace ours. In accounting also User-Name; no session in `attrs`
 * (Accounting-On): only who we are. Event-Timestamp is the accountant's, who knows
 * when it happened. */
void rad_attr_describe(struct adit_self *self, const struct rad_nas_conf *nas,
                       const struct adit_attrs *attrs, struct rad_out *o, uint32_t where);
/* Takes what an Access-Accept or CoA-Request sets into `attrs` (freshly made); of a
 * CoA-Request not what identifies the session. Values that make no sense are skipped
 * and counted in *bad; attributes that are known but cannot be honoured, or not known,
 * in *ignored. Each of them is named once in the log. */
void rad_attr_honour(struct adit_self *self, const struct rad_in *in, struct adit_attrs *attrs,
                     uint32_t *bad, uint32_t *ignored);
/* Of an Access-Accept: a service that we cannot give and that RFC 2865 section 5.6
 * therefore makes a rejection; the sentence, or NULL. */
const char *rad_attr_refuses(const struct rad_in *in, char *out, size_t size);
/* What identifies sessions in a CoA or Disconnect request (RFC 5176 section 3);
 * 0, or the Error-Cause to answer with. */
uint32_t rad_attr_match(struct adit_self *self, const struct rad_nas_conf *nas,
                        const struct rad_in *in, struct adit_attrs *which);

/* For the faces' lists of events. */
extern const struct adit_event rad_ev_ignored, rad_ev_senseless;
#define RAD_ATTR_EVENTS &rad_ev_ignored, &rad_ev_senseless

#endif
