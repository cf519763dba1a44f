/* adit/auth.h - an authenticator: says whether a peer is who it claims to be.
 *
 * Simple ones look the user up and let the host judge:
 *
 *     static void check(struct adit_self *self, adit_request req,
 *                       const struct adit_auth_query *q)
 *     {
 *         struct adit_secret_view s = { sizeof s, ... };
 *         struct adit_auth_answer a = { sizeof a };
 *         self->host->judge->judge(q, &s, &a);
 *         self->host->request->done(self, req, 0, &a);
 *     }
 */
#ifndef ADIT_AUTH_H
#define ADIT_AUTH_H

#include <adit/abi.h>

/* Methods: bits, so that sets of them are masks. */
#define ADIT_AUTH_PAP           0x0001u
#define ADIT_AUTH_CHAP          0x0002u     /* CHAP with MD5, RFC 1994 */
#define ADIT_AUTH_MSCHAPV1      0x0004u     /* RFC 2433 */
#define ADIT_AUTH_MSCHAPV2      0x0008u     /* RFC 2759 */
#define ADIT_AUTH_EAP_MD5       0x0010u     /* judged like CHAP */
#define ADIT_AUTH_EAP_MSCHAPV2  0x0020u     /* judged like MS-CHAPv2 */
#define ADIT_AUTH_EAP_TLS       0x0040u     /* the host verified the certificate: does the user exist? */
#define ADIT_AUTH_EAP_RELAY     0x0080u     /* the authenticator speaks EAP itself */
#define ADIT_AUTH_CHANGE        0x0100u     /* MS-CHAPv2 password change, RFC 2759 section 7 */

/* Their names, as people write and read them: rows for a table of struct adit_word. */
#define ADIT_AUTH_WORDS                                                                        \
    { "pap", ADIT_AUTH_PAP, 0 }, { "chap", ADIT_AUTH_CHAP, 0 },                                \
    { "mschapv1", ADIT_AUTH_MSCHAPV1, 0 }, { "mschapv2", ADIT_AUTH_MSCHAPV2, 0 },              \
    { "eap-md5", ADIT_AUTH_EAP_MD5, 0 }, { "eap-mschapv2", ADIT_AUTH_EAP_MSCHAPV2, 0 },        \
    { "eap-tls", ADIT_AUTH_EAP_TLS, 0 }, { "eap", ADIT_AUTH_EAP_RELAY, 0 }

struct adit_attrs;

struct adit_auth_query {
    uint32_t size;
    uint32_t method;            /* exactly one ADIT_AUTH_* bit */
    const struct adit_attrs *attrs;     /* user, account, domain, protocol, peer, ... */
    const char *user;           /* as sent, NUL-terminated */
    const uint8_t *password;    /* PAP */
    uint32_t password_len;
    uint32_t id;                /* identifier octet of the CHAP or EAP packet */
    const uint8_t *challenge;   /* what we sent; MS-CHAPv1 8 bytes, MS-CHAPv2 16 */
    uint32_t challenge_len;
    uint32_t response_len;
    const uint8_t *response;    /* the Value field as on the wire: CHAP 16, MS-CHAP 49 bytes */
    const uint8_t *eap;         /* EAP_RELAY: the whole EAP packet */
    uint32_t eap_len;
    uint32_t state_len;
    const uint8_t *state;       /* what the last CHALLENGE answer carried */
    /* CHANGE: fields of the Change-Password packet (RFC 2759 section 7) */
    const uint8_t *encrypted_password;      /* 516 bytes */
    const uint8_t *encrypted_hash;          /* 16 bytes */
};

#define ADIT_VERDICT_REJECT    0u   /* wrong; the chain ends */
#define ADIT_VERDICT_ACCEPT    1u
#define ADIT_VERDICT_CHALLENGE 2u   /* EAP_RELAY: another round */
#define ADIT_VERDICT_NEXT      3u   /* not my user: ask the next authenticator */
#define ADIT_VERDICT_ERROR     4u   /* cannot tell now: ask the next; none: AUTH_UNAVAILABLE */

struct adit_auth_answer {
    uint32_t size;
    uint32_t verdict;           /* ADIT_VERDICT_* */
    uint32_t cause;             /* REJECT: ADIT_CAUSE_*; 0: AUTH_FAILED */
    uint32_t key_len;           /* bytes of the start keys; 0: no keys */
    const struct adit_attrs *attrs;     /* put on the session; NULL: none */
    const char *message;        /* for the user; NULL: none */
    /* MPPE start keys (RFC 3079), our send and receive direction */
    uint8_t send_key[32];
    uint8_t recv_key[32];
    uint8_t lm_key[8];          /* MS-CHAPv1: start key of 40 and 56 bit (both ways) */
    uint8_t authenticator_response[20]; /* MS-CHAPv2: what "S=" carries */
    const uint8_t *eap;         /* EAP_RELAY: the packet for the peer */
    uint32_t eap_len;
    uint32_t state_len;
    const uint8_t *state;       /* CHALLENGE: given back with the next query */
    uint64_t wait_ms;           /* since 1.1; CHALLENGE: how long the peer may take, for instance
                                 * to type something; 0: as long as usual */
    const char *place;          /* since 1.1; ACCEPT, REJECT: where the operator finds the account,
                                 * "FILE:LINE"; NULL: not in a file. No peer is told. */
};

/* What is known of a user's secret. */
struct adit_secret_view {
    uint32_t size;
    uint32_t clear_len;
    const char *clear;          /* NULL: not known */
    const uint8_t *nt_hash;     /* 16 bytes; NULL: not known */
};

struct adit_judge_api {
    uint32_t size;
    /* Judges the response of any method (not EAP_RELAY) against a secret:
     * fills verdict, cause, keys and authenticator_response. A method that the
     * secret cannot answer (CHAP with only an NT hash) is a REJECT with
     * METHOD_REFUSED. Constant-time. */
    void (*judge)(const struct adit_auth_query *q, const struct adit_secret_view *s,
                  struct adit_auth_answer *a);
    /* CHANGE: opens the new password with the old one; on 0, `out` holds it
     * (UTF-8, NUL-terminated, at most 255 characters): store it, wipe it. */
    int32_t (*new_password)(const struct adit_auth_query *q, const struct adit_secret_view *old,
                            char *out, uint32_t out_size);
};

/* The kind's table. */
struct adit_auth {
    uint32_t size;
    uint32_t methods;           /* ADIT_AUTH_* that check() understands */
    /* Begins a check; ends in request->done() with struct adit_auth_answer. */
    void (*check)(struct adit_self *self, uint64_t req, const struct adit_auth_query *q);
    /* The host no longer cares; done() is still due. May be NULL. */
    void (*cancel)(struct adit_self *self, uint64_t req);
};

#endif
