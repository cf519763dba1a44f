/* rad_msg.h - RADIUS packets as bytes (RFC 2865 section 3): written in order,
 * read attribute by attribute, signed and verified.
 *
 *     struct rad_out o;
 *     rad_begin(&o, &key, RAD_ACCESS_REQUEST);         // Message-Authenticator is first in it
 *     rad_put(&o, RAD_USER_NAME, user, strlen(user));
 *     rad_put_vendor(&o, RAD_VENDOR_MICROSOFT, RAD_MS_CHAP2_RESPONSE, v, 50);
 *     len = rad_finish(&o, id);                        // 0: it did not fit
 *
 *     struct rad_in in;
 *     if (!rad_open(&in, data, len)) ...               // length and frame of every attribute
 *     if (rad_verify(&in, &key, o.authenticator, RAD_MA_REQUIRED) != RAD_OK) ...
 *     for (struct rad_attr a = { 0 }; rad_next(&in, &a);) ...
 *
 * Knows:  the bytes: lengths, vendor attributes, hidden values, signatures.
 * Leaves: what attributes mean (rad_attr), names (rad_dict), who is asked (rad_client).
 *
 * Pure: no clock, no socket; digests come from the host's table.
 */
#ifndef RAD_MSG_H
#define RAD_MSG_H

#include <stdbool.h>
#include <adit/plugin.h>

#define RAD_MAX  4096u          /* octets of a packet, RFC 2865 section 3 */
#define RAD_HEAD 20u
#define RAD_PASSWORD_MAX 128u   /* RFC 2865 section 5.2 */

enum rad_code {
    RAD_ACCESS_REQUEST = 1, RAD_ACCESS_ACCEPT = 2, RAD_ACCESS_REJECT = 3,
    RAD_ACCOUNTING_REQUEST = 4, RAD_ACCOUNTING_RESPONSE = 5, RAD_ACCESS_CHALLENGE = 11,
    RAD_STATUS_SERVER = 12,
    RAD_DISCONNECT_REQUEST = 40, RAD_DISCONNECT_ACK = 41, RAD_DISCONNECT_NAK = 42,
    RAD_COA_REQUEST = 43, RAD_COA_ACK = 44, RAD_COA_NAK = 45,
};

/* Attribute types by the standards' names; the whole list: rad_types.h. */
#include "rad_types.h"

/* A shared secret and the digests: what signs and hides. Borrowed. */
struct rad_key {
    const struct adit_crypto_api *crypto;
    const uint8_t *secret;
    uint32_t secret_len;
};

/* ---- writing --------------------------------------------------------------------- */

struct rad_out {
    const struct rad_key *key;
    uint32_t code, len;
    uint32_t ma_at;             /* of Message-Authenticator's value; 0: none */
    bool full;                  /* something did not fit (or MD5 is forbidden): rad_finish() gives 0 */
    uint8_t authenticator[16];  /* requests: made by rad_begin() (Access, Status) or rad_finish() */
    struct adit_addr our;       /* where it leaves from; family NONE: not known */
    uint8_t bytes[RAD_MAX];
};

/* A request. Access-Request, Status-Server, CoA and Disconnect begin with
 * Message-Authenticator; Access-Request and Status-Server get a random
 * authenticator, the others' is a signature. */
void rad_begin(struct rad_out *o, const struct rad_key *key, uint32_t code);
/* An answer to a request whose authenticator is given (CoA-ACK ...). */
void rad_begin_answer(struct rad_out *o, const struct rad_key *key, uint32_t code,
                      const uint8_t authenticator[16]);
void rad_put(struct rad_out *o, uint32_t type, const void *p, uint32_t len);    /* at most 253 octets */
void rad_put_u32(struct rad_out *o, uint32_t type, uint32_t v);
void rad_put_str(struct rad_out *o, uint32_t type, const char *s);      /* cut at 253; "" and NULL: nothing */
/* As many attributes of this type as the value needs (EAP-Message, RFC 3579). */
void rad_put_long(struct rad_out *o, uint32_t type, const void *p, uint32_t len);
void rad_put_vendor(struct rad_out *o, uint32_t vendor, uint32_t type, const void *p, uint32_t len);
void rad_put_tagged(struct rad_out *o, uint32_t type, uint32_t tag, const void *p, uint32_t len);
void rad_put_password(struct rad_out *o, const void *p, uint32_t len);  /* User-Password, section 5.2 */
/* Whether something of a type was written already. */
bool rad_has(const struct rad_out *o, uint32_t type);
/* Signs; the packet stands in o->bytes. May be called again with another id (a
 * retransmission to another server begins anew instead: the key differs).
 * Octets; 0: it did not fit, or this host forbids MD5. */
uint32_t rad_finish(struct rad_out *o, uint8_t id);

/* ---- reading --------------------------------------------------------------------- */

struct rad_in {
    const uint8_t *p;
    uint32_t len;               /* by the length field, at most what was received */
    uint8_t code, id;
    const uint8_t *authenticator;       /* 16 octets */
};

/* One attribute, or one inside a vendor's: a malformed one is skipped and told
 * by `bad`, it never hides the ones after it. */
struct rad_attr {
    uint32_t vendor;            /* 0: none */
    uint32_t type;
    uint32_t len;
    const uint8_t *p;
    bool bad;                   /* its length is wrong: only counted */
    uint32_t at, inner, inner_end;      /* where the walk stands */
};

/* Header, length field, and the frame of every attribute. False: not a RADIUS
 * packet. What is inside an attribute is rad_next()'s affair. */
bool rad_open(struct rad_in *in, const void *p, size_t len);
bool rad_next(const struct rad_in *in, struct rad_attr *a);
/* The first of a type; false: none. */
bool rad_find(const struct rad_in *in, uint32_t vendor, uint32_t type, struct rad_attr *a);
bool rad_u32(const struct rad_attr *a, uint32_t *v);            /* false: not 4 octets */
/* All values of a type in a row (EAP-Message); octets, at most `size`; 0: none or too long. */
uint32_t rad_gather(const struct rad_in *in, uint32_t type, uint8_t *out, uint32_t size);

enum rad_verdict { RAD_OK, RAD_BAD_AUTHENTICATOR, RAD_BAD_MESSAGE_AUTHENTICATOR, RAD_NO_MESSAGE_AUTHENTICATOR };
#define RAD_MA_REQUIRED 1u      /* else its absence is fine (but beside EAP-Message), a wrong one never */

/* An answer to the request with that authenticator (RFC 2865 section 3, RFC 2869
 * section 5.14). Constant time. RAD_BAD_AUTHENTICATOR is told before what is wrong
 * with the Message-Authenticator. */
enum rad_verdict rad_verify(const struct rad_in *in, const struct rad_key *key,
                            const uint8_t request_authenticator[16], uint32_t ma);
/* A request that came to us: accounting, CoA, Disconnect (RFC 5176 section 3). */
enum rad_verdict rad_verify_request(const struct rad_in *in, const struct rad_key *key, uint32_t ma);

/* Opens a value that was hidden with salt (RFC 2548 section 2.4.2, RFC 2868 section
 * 3.5), or MS-CHAP-MPPE-Keys (as User-Password). Octets of the value; -1: wrong. */
int32_t rad_unsalt(const struct rad_key *key, const uint8_t request_authenticator[16],
                   const uint8_t *p, uint32_t len, uint8_t *out, uint32_t size);
int32_t rad_unhide(const struct rad_key *key, const uint8_t request_authenticator[16],
                   const uint8_t *p, uint32_t len, uint8_t *out, uint32_t size);

#endif
