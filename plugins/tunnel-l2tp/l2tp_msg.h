/* l2tp_msg.h - control messages of L2TP: bytes <-> struct (RFC 2661 sections 4, 6).
 *
 *     struct l2tp_msg m;
 *     struct l2tp_fault f;
 *     if (!l2tp_msg_parse(&m, body, len, &hide, &f))
 *         ... answer with f.error ...
 *     m = l2tp_msg_of(L2TP_ICRP);
 *     l2tp_set_u16(&m, L2TP_AVP_SESSION_ID, 17);
 *     len = l2tp_msg_build(&m, out, sizeof out, &hide);
 */
#ifndef L2TP_MSG_H
#define L2TP_MSG_H

#include <adit/bytes.h>
#include <adit/host.h>

/*    number NAME (RFC 2661 section 3.2), 1: about one session, the AVPs that must be there */
// clang-format off
#define L2TP_MSG_MAP(X)                                                                            \
    X( 1, SCCRQ,   0, L2TP_HAS(VERSION) | L2TP_HAS(HOST_NAME) | L2TP_HAS(FRAMING_CAPS) |            \
                      L2TP_HAS(TUNNEL_ID))                                                          \
    X( 2, SCCRP,   0, L2TP_HAS(VERSION) | L2TP_HAS(HOST_NAME) | L2TP_HAS(FRAMING_CAPS) |            \
                      L2TP_HAS(TUNNEL_ID))                                                          \
    X( 3, SCCCN,   0, 0)                                                                            \
    X( 4, StopCCN, 0, L2TP_HAS(TUNNEL_ID) | L2TP_HAS(RESULT))                                       \
    X( 6, HELLO,   0, 0)                                                                            \
    X( 7, OCRQ,    1, L2TP_HAS(SESSION_ID))                                                         \
    X( 8, OCRP,    1, L2TP_HAS(SESSION_ID))                                                         \
    X( 9, OCCN,    1, L2TP_HAS(TX_SPEED) | L2TP_HAS(FRAMING_TYPE))                                  \
    X(10, ICRQ,    1, L2TP_HAS(SESSION_ID) | L2TP_HAS(SERIAL))                                      \
    X(11, ICRP,    1, L2TP_HAS(SESSION_ID))                                                         \
    X(12, ICCN,    1, L2TP_HAS(TX_SPEED) | L2TP_HAS(FRAMING_TYPE))                                  \
    X(14, CDN,     1, L2TP_HAS(RESULT) | L2TP_HAS(SESSION_ID))                                      \
    X(15, WEN,     1, L2TP_HAS(CALL_ERRORS))                                                        \
    X(16, SLI,     1, L2TP_HAS(ACCM))

/* The AVPs of RFC 2661 section 4.4, and RFC 3145's reason of a disconnect.
 *    code NAME            "name"                   kind   min  max   flags        member
 * min: a shorter value is malformed; max: the most that is read, what follows
 * it is ignored (row K1). M: mandatory when we send it; H: may be hidden;
 * S: its value is not printed. */
#define L2TP_AVP_MAP(X)                                                                            \
    X( 0, TYPE,            "Message Type",           U16,    2,    2, AF_M,               type)     \
    X( 1, RESULT,          "Result Code",            RESULT, 2, 1017, AF_M,               result)   \
    X( 2, VERSION,         "Protocol Version",       U16,    2,    2, AF_M,               version)  \
    X( 3, FRAMING_CAPS,    "Framing Capabilities",   U32,    4,    4, AF_M | AF_H,        framing_caps) \
    X( 4, BEARER_CAPS,     "Bearer Capabilities",    U32,    4,    4, AF_M | AF_H,        bearer_caps) \
    X( 5, TIE_BREAKER,     "Tie Breaker",            U64,    8,    8, 0,                  tie_breaker) \
    X( 6, FIRMWARE,        "Firmware Revision",      U16,    2,    2, AF_H,               firmware) \
    X( 7, HOST_NAME,       "Host Name",              BYTES,  1, 1017, AF_M,               host_name) \
    X( 8, VENDOR_NAME,     "Vendor Name",            BYTES,  1, 1017, AF_H,               vendor_name) \
    X( 9, TUNNEL_ID,       "Assigned Tunnel ID",     U16,    2,    2, AF_M | AF_H,        tunnel_id) \
    X(10, WINDOW,          "Receive Window Size",    U16,    2,    2, AF_M,               window)   \
    X(11, CHALLENGE,       "Challenge",              BYTES,  1, 1017, AF_M | AF_H | AF_S, challenge) \
    X(12, Q931_CAUSE,      "Q.931 Cause Code",       BYTES,  3, 1017, AF_M,               q931)     \
    X(13, RESPONSE,        "Challenge Response",     BYTES, 16,   16, AF_M | AF_H | AF_S, response) \
    X(14, SESSION_ID,      "Assigned Session ID",    U16,    2,    2, AF_M | AF_H,        session_id) \
    X(15, SERIAL,          "Call Serial Number",     U32,    4,    4, AF_M | AF_H,        serial)   \
    X(16, MIN_BPS,         "Minimum BPS",            U32,    4,    4, AF_M | AF_H,        min_bps)  \
    X(17, MAX_BPS,         "Maximum BPS",            U32,    4,    4, AF_M | AF_H,        max_bps)  \
    X(18, BEARER_TYPE,     "Bearer Type",            U32,    4,    4, AF_M | AF_H,        bearer_type) \
    X(19, FRAMING_TYPE,    "Framing Type",           U32,    4,    4, AF_M | AF_H,        framing_type) \
    X(21, CALLED,          "Called Number",          BYTES,  0, 1017, AF_M | AF_H,        called)   \
    X(22, CALLING,         "Calling Number",         BYTES,  0, 1017, AF_M | AF_H,        calling)  \
    X(23, SUB_ADDRESS,     "Sub-Address",            BYTES,  0, 1017, AF_M | AF_H,        sub_address) \
    X(24, TX_SPEED,        "(Tx) Connect Speed",     U32,    4,    4, AF_M | AF_H,        tx_speed) \
    X(25, CHANNEL_ID,      "Physical Channel ID",    U32,    4,    4, AF_H,               channel_id) \
    X(26, LCP_FIRST_RCVD,  "Initial Received LCP CONFREQ", BYTES, 0, 1017, AF_H,          lcp_first_rcvd) \
    X(27, LCP_LAST_SENT,   "Last Sent LCP CONFREQ",  BYTES,  0, 1017, AF_H,               lcp_last_sent) \
    X(28, LCP_LAST_RCVD,   "Last Received LCP CONFREQ", BYTES, 0, 1017, AF_H,             lcp_last_rcvd) \
    X(29, PROXY_TYPE,      "Proxy Authen Type",      U16,    2,    2, AF_H,               proxy_type) \
    X(30, PROXY_NAME,      "Proxy Authen Name",      BYTES,  0, 1017, AF_H,               proxy_name) \
    X(31, PROXY_CHALLENGE, "Proxy Authen Challenge", BYTES,  1, 1017, AF_H | AF_S,        proxy_challenge) \
    X(32, PROXY_ID,        "Proxy Authen ID",        U16,    2,    2, AF_H,               proxy_id) \
    X(33, PROXY_RESPONSE,  "Proxy Authen Response",  BYTES,  0, 1017, AF_H | AF_S,        proxy_response) \
    X(34, CALL_ERRORS,     "Call Errors",            BYTES, 26,   26, AF_M | AF_H,        call_errors) \
    X(35, ACCM,            "ACCM",                   BYTES, 10,   10, AF_M | AF_H,        accm)     \
    X(36, RANDOM_VECTOR,   "Random Vector",          BYTES,  1, 1017, AF_M | AF_S,        random_vector) \
    X(37, GROUP_ID,        "Private Group ID",       BYTES,  0, 1017, AF_H,               group_id) \
    X(38, RX_SPEED,        "Rx Connect Speed",       U32,    4,    4, AF_H,               rx_speed) \
    X(39, SEQUENCING,      "Sequencing Required",    FLAG,   0,    0, AF_M,               sequencing) \
    X(46, PPP_CAUSE,       "PPP Disconnect Cause",   BYTES,  5, 1017, AF_H,               ppp_cause)
// clang-format on

enum l2tp_avp_code {
#define L2TP_X(code, NAME, text, kind, min, max, flags, member) L2TP_AVP_##NAME = code,
    L2TP_AVP_MAP(L2TP_X)
#undef L2TP_X
};

#define L2TP_HAS(NAME) (1ull << L2TP_AVP_##NAME)

enum l2tp_msg_type {
#define L2TP_X(number, NAME, session, required) L2TP_##NAME = number,
    L2TP_MSG_MAP(L2TP_X)
#undef L2TP_X
};

/* general error codes (section 4.4.2) */
#define L2TP_ERR_NONE      0u
#define L2TP_ERR_NO_CC     1u
#define L2TP_ERR_LENGTH    2u
#define L2TP_ERR_RANGE     3u
#define L2TP_ERR_RESOURCES 4u
#define L2TP_ERR_SESSION   5u
#define L2TP_ERR_VENDOR    6u
#define L2TP_ERR_TRY_OTHER 7u
#define L2TP_ERR_MANDATORY 8u

/* result codes of StopCCN */
#define L2TP_STOP_CLEAR    1u
#define L2TP_STOP_ERROR    2u
#define L2TP_STOP_EXISTS   3u
#define L2TP_STOP_DENIED   4u
#define L2TP_STOP_VERSION  5u
#define L2TP_STOP_SHUTDOWN 6u
#define L2TP_STOP_FSM      7u

/* result codes of CDN */
#define L2TP_CDN_CARRIER   1u
#define L2TP_CDN_ERROR     2u
#define L2TP_CDN_ADMIN     3u
#define L2TP_CDN_BUSY      4u
#define L2TP_CDN_NEVER     5u
#define L2TP_CDN_TIME      10u
#define L2TP_CDN_FRAMING   11u

#define L2TP_VERSION 0x0100u    /* Protocol Version AVP: 1.0 */
#define L2TP_HDR_LEN 12u        /* of a control message */
#define L2TP_BODY_MAX 1388u     /* that we build; with the header 1400 bytes */
#define L2TP_TEXT 64u           /* bytes of a name of the peer's that we keep */

/* Bytes in the message, borrowed. */
struct l2tp_bytes {
    const uint8_t *p;
    uint16_t len;
};

struct l2tp_result {
    uint16_t code, error;
    struct l2tp_bytes text;
};

struct l2tp_msg {
    uint64_t has;               /* L2TP_HAS bits of the members below that are set */
    uint16_t type;              /* L2TP_SCCRQ ... */
    struct l2tp_result result;
    uint16_t version, firmware, tunnel_id, window, session_id, proxy_type, proxy_id;
    uint32_t framing_caps, bearer_caps, serial, min_bps, max_bps, bearer_type, framing_type;
    uint32_t tx_speed, rx_speed, channel_id;
    uint64_t tie_breaker;
    struct l2tp_bytes host_name, vendor_name, challenge, q931, response, called, calling;
    struct l2tp_bytes sub_address, lcp_first_rcvd, lcp_last_sent, lcp_last_rcvd;
    struct l2tp_bytes proxy_name, proxy_challenge, proxy_response, call_errors, accm;
    struct l2tp_bytes random_vector, group_id, ppp_cause;
    uint8_t sequencing;         /* the AVP has no value */
    uint16_t ignored;           /* AVPs that were unknown or malformed, and optional */
};

/* What is wrong with a message. */
struct l2tp_fault {
    uint16_t error;             /* L2TP_ERR_*; 0: nothing */
    uint16_t avp;               /* the attribute at fault */
    const char *what;           /* for people */
};

/* The shared secret that hides AVPs (section 4.3). */
struct l2tp_hide {
    const struct adit_crypto_api *crypto;
    const uint8_t *secret;
    uint32_t secret_len;        /* 0: hidden AVPs cannot be read */
    bool hide;                  /* build: hide what may be hidden */
};

/* Reads a body (what follows the header of 12 bytes). Hidden values are
 * uncovered in place. False: f says why; m->type and what could be read are
 * set even then. */
bool l2tp_msg_parse(struct l2tp_msg *m, void *body, size_t len, const struct l2tp_hide *hide,
                    struct l2tp_fault *f);

/* The Host Name of a body that nothing is known about: it chooses the secret
 * that the rest is read with. len 0: none. */
struct l2tp_bytes l2tp_msg_host(const void *body, size_t len);

/* Writes a body; 0 when it does not fit. The first AVP is always Message Type,
 * 0x8008, unhidden (row A4). */
size_t l2tp_msg_build(const struct l2tp_msg *m, void *out, size_t max,
                      const struct l2tp_hide *hide);

/* One line for people; secrets are not in it. Returns the length. */
size_t l2tp_msg_print(const struct l2tp_msg *m, char *out, size_t size);

const char *l2tp_msg_name(uint16_t type);           /* "SCCRQ"; "?" */
bool l2tp_msg_known(uint16_t type);
bool l2tp_msg_of_session(uint16_t type);
const char *l2tp_avp_name(uint16_t code);

/* A name of the peer's as printable text, always terminated. */
void l2tp_text(char *out, size_t size, struct l2tp_bytes b);

/* Covers or uncovers a hidden value in place (section 4.3). */
bool l2tp_hide_value(const struct l2tp_hide *h, uint16_t code, struct l2tp_bytes vector,
                     uint8_t *p, size_t len, bool cover);

static inline struct l2tp_msg l2tp_msg_of(uint16_t type)
{
    struct l2tp_msg m = { .has = L2TP_HAS(TYPE), .type = type };
    return m;
}

#define l2tp_set(m, NAME, member, value) \
    ((m)->member = (value), (void)((m)->has |= L2TP_HAS(NAME)))
#define l2tp_has(m, NAME) (((m)->has & L2TP_HAS(NAME)) != 0)

#endif
