/* pptp_msg.h - the control messages of PPTP (RFC 2637 section 2): bytes and structs.
 *
 *     struct pptp_msg m;
 *     if (pptp_msg_parse(&m, data, len) == 0 && m.type == PPTP_OCRQ)
 *         ... m.u.ocrq.call_id ...
 *
 * A row of a table is a field of the RFC; parsing, building, printing and the
 * names all come from the rows.
 */
#ifndef PPTP_MSG_H
#define PPTP_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PPTP_COOKIE   0x1a2b3c4du
#define PPTP_VERSION  0x0100u
#define PPTP_MSG_MIN  12u       /* the header alone */
#define PPTP_MSG_MAX  220u      /* Incoming-Call-Request, the longest */

/* Control message types; section 2 in its order. */
enum pptp_type {
    PPTP_SCCRQ = 1, PPTP_SCCRP, PPTP_STOPRQ, PPTP_STOPRP, PPTP_ECHORQ, PPTP_ECHORP,
    PPTP_OCRQ, PPTP_OCRP, PPTP_ICRQ, PPTP_ICRP, PPTP_ICCN, PPTP_CCRQ, PPTP_CDN,
    PPTP_WEN, PPTP_SLI,
    PPTP_TYPES                  /* one more than the last */
};

/* Start-Control-Connection-Reply, section 2.2 */
enum { PPTP_START_OK = 1, PPTP_START_ERROR, PPTP_START_EXISTS, PPTP_START_DENIED,
       PPTP_START_VERSION };
/* Stop-Control-Connection-Request, section 2.3 */
enum { PPTP_STOP_NONE = 1, PPTP_STOP_PROTOCOL, PPTP_STOP_SHUTDOWN };
/* Stop-Control-Connection-Reply and Echo-Reply */
enum { PPTP_RESULT_OK = 1, PPTP_RESULT_ERROR };
/* Outgoing-Call-Reply, section 2.8 */
enum { PPTP_OUT_CONNECTED = 1, PPTP_OUT_ERROR, PPTP_OUT_NO_CARRIER, PPTP_OUT_BUSY,
       PPTP_OUT_NO_TONE, PPTP_OUT_TIMEOUT, PPTP_OUT_REFUSED };
/* Incoming-Call-Reply, section 2.10 */
enum { PPTP_IN_CONNECT = 1, PPTP_IN_ERROR, PPTP_IN_REFUSED };
/* Call-Disconnect-Notify, section 2.13 */
enum { PPTP_CDN_LOST = 1, PPTP_CDN_ERROR, PPTP_CDN_ADMIN, PPTP_CDN_REQUEST };
/* General error codes, section 2.16 */
enum { PPTP_ERR_NONE, PPTP_ERR_NOT_CONNECTED, PPTP_ERR_FORMAT, PPTP_ERR_VALUE,
       PPTP_ERR_RESOURCE, PPTP_ERR_CALL_ID, PPTP_ERR_PAC };

#define PPTP_TEXT 64            /* octets of a name or number on the wire */

struct pptp_sccrq {
    uint16_t version;
    uint32_t framing, bearer;
    uint16_t max_channels, firmware;
    char host_name[PPTP_TEXT + 1], vendor[PPTP_TEXT + 1];
};
struct pptp_sccrp {
    uint16_t version;
    uint8_t result, error;
    uint32_t framing, bearer;
    uint16_t max_channels, firmware;
    char host_name[PPTP_TEXT + 1], vendor[PPTP_TEXT + 1];
};
struct pptp_stoprq { uint8_t reason; };
struct pptp_stoprp { uint8_t result, error; };
struct pptp_echorq { uint32_t identifier; };
struct pptp_echorp { uint32_t identifier; uint8_t result, error; };
struct pptp_ocrq {
    uint16_t call_id, serial;
    uint32_t min_bps, max_bps, bearer, framing;
    uint16_t window, delay, phone_len;
    char phone[PPTP_TEXT + 1], subaddress[PPTP_TEXT + 1];
};
struct pptp_ocrp {
    uint16_t call_id, peer_call_id;
    uint8_t result, error;
    uint16_t cause;
    uint32_t speed;
    uint16_t window, delay;
    uint32_t channel;
};
struct pptp_icrq {
    uint16_t call_id, serial;
    uint32_t bearer, channel;
    uint16_t dialed_len, dialing_len;
    char dialed[PPTP_TEXT + 1], dialing[PPTP_TEXT + 1], subaddress[PPTP_TEXT + 1];
};
struct pptp_icrp {
    uint16_t call_id, peer_call_id;
    uint8_t result, error;
    uint16_t window, delay;
};
struct pptp_iccn {
    uint16_t peer_call_id;
    uint32_t speed;
    uint16_t window, delay;
    uint32_t framing;
};
struct pptp_ccrq { uint16_t call_id; };
struct pptp_cdn {
    uint16_t call_id;
    uint8_t result, error;
    uint16_t cause;
    char statistics[2 * PPTP_TEXT + 1];
};
struct pptp_wen {
    uint16_t peer_call_id;
    uint32_t crc, framing, hardware, buffer, timeouts, alignment;
};
struct pptp_sli {
    uint16_t peer_call_id;
    uint32_t send_accm, recv_accm;
};

struct pptp_msg {
    uint16_t type;              /* enum pptp_type */
    union {
        struct pptp_sccrq sccrq;
        struct pptp_sccrp sccrp;
        struct pptp_stoprq stoprq;
        struct pptp_stoprp stoprp;
        struct pptp_echorq echorq;
        struct pptp_echorp echorp;
        struct pptp_ocrq ocrq;
        struct pptp_ocrp ocrp;
        struct pptp_icrq icrq;
        struct pptp_icrp icrp;
        struct pptp_iccn iccn;
        struct pptp_ccrq ccrq;
        struct pptp_cdn cdn;
        struct pptp_wen wen;
        struct pptp_sli sli;
    } u;
};

/* A field: where it is in the struct and how many octets it has on the wire. */
struct pptp_field {
    const char *name;           /* NULL: reserved, zero on the wire */
    uint16_t offset;            /* in the message's struct */
    uint8_t octets;
    uint8_t kind;               /* enum pptp_kind */
    const char *const *words;   /* of its values; NULL: a number */
};
enum pptp_kind { PPTP_F_NUMBER, PPTP_F_TEXT, PPTP_F_RESERVED };

/* A message: its names and its rows. */
struct pptp_shape {
    const char *name;           /* "Outgoing-Call-Request" */
    const char *word;           /* "ocrq" */
    uint16_t octets;            /* the whole message */
    uint16_t count;
    const struct pptp_field *fields;
};

/* NULL: no such type. */
const struct pptp_shape *pptp_msg_shape(uint16_t type);
const char *pptp_msg_name(uint16_t type);       /* "?" for others */

/* How long is the control message that begins here? For the framer: 0 more is
 * needed, negative it is none (length, cookie). */
int32_t pptp_msg_measure(const uint8_t *p, uint32_t have);

enum { PPTP_PARSE_OK = 0, PPTP_PARSE_SHORT = -1, PPTP_PARSE_TYPE = -2, PPTP_PARSE_COOKIE = -3 };
/* Reads a message. What is longer than its type needs is tolerated and not
 * read; what is shorter, is not a control message or has an unknown type is not. */
int pptp_msg_parse(struct pptp_msg *m, const uint8_t *data, size_t len);
/* Writes a message; its length, 0 when it does not fit or has no such type. */
size_t pptp_msg_build(uint8_t *out, size_t size, const struct pptp_msg *m);
/* One line for a person: "Outgoing-Call-Request call_id=7 ...". Always
 * terminated, cut when it does not fit; returns out. */
char *pptp_msg_print(char *out, size_t size, const struct pptp_msg *m);

/* Text of a peer for people: what is not printable ASCII becomes '?'. */
char *pptp_text_clean(char *out, size_t size, const char *text);

const char *pptp_word_start(uint8_t result);
const char *pptp_word_out(uint8_t result);
const char *pptp_word_cdn(uint8_t result);
const char *pptp_word_error(uint8_t error);

#endif
