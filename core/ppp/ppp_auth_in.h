/* ppp_auth_in.h - what the files of the authentication half share.
 *
 *   ppp_auth.c   the object: both roles, timers, the open query, the ends
 *   pap.c        RFC 1334 section 2
 *   chap.c       RFC 1994, 2433, 2759: packets and order
 *   mschap.c     MS-CHAP's texts and proofs, for chap.c and for eap_mschapv2.c
 *   eap.c        RFC 3748: the layer and its methods' table; relay
 *   eap_md5.c eap_mschapv2.c eap_tls.c       the methods
 */
#ifndef PPP_AUTH_IN_H
#define PPP_AUTH_IN_H

#include <adit/bytes.h>
#include "ppp/ppp_auth.h"

#define PA_NEVER UINT64_MAX
#define PA_AGAIN_MS 3000        /* between two sendings of a packet */
#define PA_SENDS 10             /* of a challenge, a response, a PAP request */
#define PA_WAIT_MAX 300000      /* that an authenticator may grant a person */
#define PA_EAP_SENDS 5          /* RFC 3748 section 4.3: 3-5 retransmissions */
#define PA_TRIES 3              /* passwords in one MS-CHAP conversation */
#define PA_NAME 255             /* longest name */

#define PA_EAP_METHODS (ADIT_AUTH_EAP_MD5 | ADIT_AUTH_EAP_MSCHAPV2 | ADIT_AUTH_EAP_TLS | \
                        ADIT_AUTH_EAP_RELAY)

enum pa_state {
    PA_OFF,                     /* this direction was not agreed */
    PA_WAIT,                    /* for the peer's next packet */
    PA_ASK,                     /* server: a query is open */
    PA_DONE                     /* authenticated */
};

struct eap_method;
struct eap_tls;

/* We authenticate the peer. */
struct pa_server {
    enum pa_state state;
    uint16_t proto;             /* PPP_PAP, PPP_CHAP, PPP_EAP */
    uint32_t method;            /* the one bit at work */
    uint64_t again_at, deadline;
    uint8_t id;                 /* of the request that is open */
    uint8_t sends, tries;
    uint8_t code;               /* CHAP: of the packet that was judged; 0 none yet */
    bool person;                /* someone types: short timeouts do not end it (RFC 2759 section 6) */
    bool change;                /* E=648 was said: a Change-Password packet may come */
    uint8_t challenge[16];
    uint8_t challenge_len;
    uint8_t value_len;
    uint8_t value[49];          /* of the response that was judged */
    uint16_t reply_len;
    uint8_t reply[320];         /* CHAP, PAP: what a duplicate gets again */
    char user[PA_NAME + 1];
    struct adit_auth_answer granted;    /* keys; pointers NULL */
    /* EAP */
    uint32_t eap_left;          /* methods that may still be offered */
    uint8_t eap_type;           /* of the open request */
    uint8_t ms_id, ms_op;       /* MS-CHAPv2-ID; the OpCode that was sent last */
    bool eap_begun;             /* the method had a response: no Nak any more */
    const struct eap_method *eap;
    struct eap_tls *tls;
    uint8_t *last;              /* the open request, to be sent again */
    size_t last_len;
    uint8_t *relay_state;       /* what the authenticator wants back */
    size_t relay_state_len;
    uint32_t end_cause;         /* a method that says farewell first: why */
};

/* The peer authenticates us. */
struct pa_peer {
    enum pa_state state;
    uint16_t proto;
    uint32_t methods;           /* that we accept, of those agreed */
    uint32_t method;            /* the one at work */
    uint64_t again_at, deadline;
    uint8_t id;                 /* of the request that we answered */
    uint8_t sends;
    bool said_ok;               /* our_ok() was called */
    uint8_t challenge_len;
    uint8_t challenge[255];
    uint8_t proof[20];          /* MS-CHAPv2: what S= must be */
    bool changing;              /* our answer was a Change-Password packet */
    struct adit_auth_answer keys;
    uint8_t *last;              /* our response, to be sent again */
    size_t last_len;
    /* EAP */
    uint8_t eap_type;           /* of the request that we answered */
    bool eap_ready;             /* the method allows a Success */
    const struct eap_method *eap;
    struct eap_tls *tls;
    uint32_t end_cause;         /* why, when a Failure comes */
};

struct ppp_auth {
    struct ppp_auth_ops ops;
    void *u;
    char *our_name, *user, *password, *tls_name;        /* "" none */
    char *new_password;         /* NULL: none, or it is `password` already */
    bool changed;
    void *tls;
    uint32_t allow, eap_first;
    uint64_t timeout_ms;
    uint16_t mtu;
    bool over;                  /* failed() was said: nothing after it */
    bool dead;                  /* ppp_auth_free() came from inside a callback */
    uint32_t busy;
    uint32_t refused;
    struct pa_server srv;
    struct pa_peer peer;
    char peer_name[PA_NAME + 1];
};

/* ---- ppp_auth.c ------------------------------------------------------------- */

uint64_t pa_now(struct ppp_auth *a);
void pa_tx(struct ppp_auth *a, uint16_t proto, const uint8_t *data, size_t len);
/* The rest of a packet as a name: false when it is too long or has a NUL. */
bool pa_name(struct rd *r, char out[PA_NAME + 1]);
/* The challenge that we ourselves sent: whoever answers it for a peer does that
 * peer's homework, in whatever protocol it comes. */
bool pa_is_ours(const struct ppp_auth *a, const uint8_t *challenge, size_t len);
/* Opens the query; q->size, method and user are filled in. */
void pa_ask(struct ppp_auth *a, uint32_t method, struct adit_auth_query *q);
/* Keeps the keys of an accepting answer. */
void pa_grant(struct ppp_auth *a, const struct adit_auth_answer *answer);
void pa_peer_ok(struct ppp_auth *a);
void pa_our_ok(struct ppp_auth *a);
void pa_fail(struct ppp_auth *a, uint32_t cause, const char *text);
/* Why an answer that does not accept refuses. */
uint32_t pa_cause(const struct adit_auth_answer *answer);
/* The time starts again: a person types. */
void pa_person(struct ppp_auth *a);
/* Wipes and frees *p. */
void pa_drop(uint8_t **p, size_t len);
/* A packet of code, identifier, length and data: kept in *last, sent. */
void pa_send(struct ppp_auth *a, uint16_t proto, uint8_t **last, size_t *last_len,
             uint8_t code, uint8_t id, const uint8_t *data, size_t len);

/* ---- pap.c, chap.c ------------------------------------------------------------ */

void pap_peer_start(struct ppp_auth *a);
bool pap_rx(struct ppp_auth *a, uint8_t code, uint8_t id, struct rd *r);
void pap_answer(struct ppp_auth *a, const struct adit_auth_answer *answer);
void pap_peer_again(struct ppp_auth *a);

void chap_server_start(struct ppp_auth *a);
bool chap_rx(struct ppp_auth *a, uint8_t code, uint8_t id, struct rd *r);
void chap_answer(struct ppp_auth *a, const struct adit_auth_answer *answer);
void chap_server_again(struct ppp_auth *a);

/* ---- mschap.c ------------------------------------------------------------------- */

enum mschap_next {
    MSCHAP_ACCEPTED,            /* text is "S=..." (version 2) */
    MSCHAP_AGAIN,               /* text is "E=691 R=1 ...", another response may come */
    MSCHAP_CHANGE,              /* text is "E=648 ...", a Change-Password packet may come */
    MSCHAP_REFUSED              /* text is "E=...", the end */
};

/* The challenge of the method at work, new. */
void mschap_challenge(struct ppp_auth *a, uint32_t method);
/* What an answer means, and the text for the peer: sets srv.challenge, tries, change. */
enum mschap_next mschap_verdict(struct ppp_auth *a, const struct adit_auth_answer *answer,
                                struct wr *text);
/* The fields of a Change-Password packet (RFC 2759 section 7); false: its size
 * is wrong. Asks. */
bool mschap_change(struct ppp_auth *a, struct rd *r, bool v1);
/* The peer's half: the 49 bytes that answer srv's challenge, the proof to
 * expect and the keys. False: cannot be computed here. */
bool mschap_respond(struct ppp_auth *a, uint32_t method, const uint8_t *challenge, uint8_t out[49]);
/* "S=..." holds the right proof (version 2; any text for version 1). */
bool mschap_proof_ok(struct ppp_auth *a, struct rd *text);
/* The cause that "E=..." names; `message` gets M=. */
uint32_t mschap_failure(struct rd *text, char *message, size_t size);

#define MSCHAP_CHANGE_LEN 582   /* the fields of a Change-Password packet (RFC 2759 section 7) */
/* A Failure that says that the password has expired, and we have a new one: the
 * packet that changes it. The new one is `password` from then on. */
bool mschap_renew(struct ppp_auth *a, struct rd text, uint8_t out[MSCHAP_CHANGE_LEN]);

/* ---- eap.c ------------------------------------------------------------------------ */

#define PAP_REQUEST 1
#define PAP_ACK     2
#define PAP_NAK     3

#define CHAP_CHALLENGE 1
#define CHAP_RESPONSE  2
#define CHAP_SUCCESS   3
#define CHAP_FAILURE   4
#define CHAP_CHANGE_V1 6        /* RFC 2433 section 10 */
#define CHAP_CHANGE    7        /* RFC 2759 section 7 */

#define EAP_REQUEST  1
#define EAP_RESPONSE 2
#define EAP_SUCCESS  3
#define EAP_FAILURE  4
#define EAP_IDENTITY     1
#define EAP_NOTIFICATION 2
#define EAP_NAK          3
#define EAP_MD5          4
#define EAP_TLS         13
#define EAP_MSCHAPV2    26
#define EAP_EXPANDED   254

#define EAP_F_LENGTH 0x80       /* EAP-TLS (RFC 5216 section 3.1) */
#define EAP_F_MORE   0x40
#define EAP_F_START  0x20

/* A method; the readers stand behind the type octet. */
struct eap_method {
    uint8_t type;
    uint32_t bit;               /* ADIT_AUTH_EAP_* */
    void (*server_begin)(struct ppp_auth *a);
    bool (*server_rx)(struct ppp_auth *a, struct rd *r);
    void (*server_answer)(struct ppp_auth *a, const struct adit_auth_answer *answer);
    bool (*peer_rx)(struct ppp_auth *a, struct rd *r);
};
extern const struct eap_method eap_md5, eap_mschapv2, eap_tls;

void eap_server_start(struct ppp_auth *a);
bool eap_rx(struct ppp_auth *a, uint8_t code, uint8_t id, struct rd *r,
            const uint8_t *packet, size_t len);
void eap_answer(struct ppp_auth *a, const struct adit_auth_answer *answer);
void eap_server_again(struct ppp_auth *a);

/* For the methods: `data` begins with the type octet. */
void eap_request(struct ppp_auth *a, const uint8_t *data, size_t len);
void eap_respond(struct ppp_auth *a, const uint8_t *data, size_t len);
void eap_success(struct ppp_auth *a);
void eap_failure(struct ppp_auth *a, uint32_t cause, const char *text);

void eap_tls_free(struct eap_tls *t);   /* NULL is fine */

#endif
