/* rad_record.h - an accounting record as it is kept and sent: the attributes of an
 * Accounting-Request in a row, without what only its sending can tell.
 *
 *     len = rad_record_session(self, nas, RAD_STATUS_STOP, attrs, links, wall_s, out);
 *     if (rad_record_read(out, len, &info)) ...        // also of what a disk gave back
 *     rad_record_put(out, len, wall_s, &o);            // into a request, with Acct-Delay-Time
 *
 * Knows:  which attributes an accounting record has, why a session ended in RADIUS' words.
 * Leaves: what describes a session anyway to rad_attr, order and sending to rad_acct.
 *
 * Pure: no clock, no disk, no socket.
 */
#ifndef RAD_RECORD_H
#define RAD_RECORD_H

#include "rad_conf.h"
#include "rad_msg.h"

/* Octets of a record: a packet without its header, Message-Authenticator,
 * Acct-Delay-Time and a NAS-IPv6-Address. */
#define RAD_RECORD_MAX (RAD_MAX - RAD_HEAD - 18u - 6u - 18u)

/* Octets of the record in `out`; 0: out of memory, or it does not fit. `links`: how
 * many links the session's bundle has had; 0: it is in none. */
uint32_t rad_record_session(struct adit_self *self, const struct rad_nas_conf *nas, uint32_t status,
                            const struct adit_attrs *attrs, uint32_t links, uint64_t wall_s,
                            uint8_t out[RAD_RECORD_MAX]);
/* RAD_STATUS_ON or RAD_STATUS_OFF. */
uint32_t rad_record_nas(struct adit_self *self, const struct rad_nas_conf *nas, uint32_t status,
                        uint64_t wall_s, uint8_t out[RAD_RECORD_MAX]);

struct rad_record_info {
    uint32_t status;            /* RAD_STATUS_START ... */
    uint32_t at_s;              /* Event-Timestamp */
    const uint8_t *session;     /* Acct-Session-Id; NULL: none (On, Off) */
    uint32_t session_len;
};

/* What its owner needs to know of a record; false: it is none. */
bool rad_record_read(const uint8_t *p, uint32_t len, struct rad_record_info *out);
/* Puts a record that was read well into a request that leaves at wall_s. */
void rad_record_put(const uint8_t *p, uint32_t len, uint64_t wall_s, struct rad_out *o);
const char *rad_record_status(uint32_t status);         /* "Start" ...; for people */

/* Acct-Terminate-Cause of an ADIT_CAUSE_* (RFC 2866 section 5.10). */
uint32_t rad_record_cause(uint32_t cause);

#endif
