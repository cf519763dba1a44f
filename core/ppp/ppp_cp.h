/* ppp_cp.h - a control protocol: the automaton, its packets and its options
 * (RFC 1661 sections 5 and 6). LCP, CCP and the NCPs are this with a table.
 *
 *     static const struct cp_opt opts[] = {
 *         { 3, 4, 4, "address", judge_addr, ask_addr, nak_addr, rej_addr, 0 }, ...
 *     };
 *     cp_init(&p->ipcp, p, &ipcp_proto);
 *     cp_start(&p->ipcp);              // the link carries it, we want it
 *     cp_rx(&p->ipcp, data, len);
 *
 * Knows:  identifiers, which reply a request gets, what was asked and answered.
 * Leaves: what an option means to its table; the frame to ppp.c.
 */
#ifndef PPP_CP_H
#define PPP_CP_H

#include <adit/bytes.h>
#include "ppp/ppp_fsm.h"

struct ppp;
struct cp;

#define CP_MAX      1500        /* bytes of a control packet, either way */
#define CP_REQ_MAX  64          /* bytes of the options of our requests */
#define CP_FIRST_AGAIN_MS 500   /* what a peer that we hear for the first time has for its answer */
#define CP_ROUNDS   30          /* Naks and Rejects of one negotiation, then it failed */

enum {
    CP_CONF_REQ = 1, CP_CONF_ACK, CP_CONF_NAK, CP_CONF_REJ, CP_TERM_REQ, CP_TERM_ACK, CP_CODE_REJ
};

enum cp_verdict { CP_ACK, CP_NAK, CP_REJ };

#define CP_OPT_INSIST 1u        /* Naks of it are never turned into Rejects */

/* What an option's value is to people. Without a value: its name alone. */
enum cp_show { CP_SHOW_BYTES, CP_SHOW_NUMBER, CP_SHOW_HEX, CP_SHOW_IPV4, CP_SHOW_TEXT, CP_SHOW_AUTH,
               CP_SHOW_MPPE };

/* An option: one row a code. Members may be NULL. */
struct cp_opt {
    uint8_t code;
    uint8_t min, max;           /* bytes of the value */
    const char *name;
    /* The peer asks for it (NULL: reject): `v` is the value, NULL when its
     * length is wrong. CP_NAK: the value that we would take is in `nak`. */
    enum cp_verdict (*judge)(struct cp *c, struct rd *v, struct wr *nak);
    /* Our next request (NULL: never in it): writes the value; false: not now. */
    bool (*ask)(struct cp *c, struct wr *w);
    /* The peer would rather have `v` (NULL: of a wrong length). */
    void (*nak)(struct cp *c, struct rd *v);
    /* The peer does not know it, or will not have it; not asked for again. */
    void (*rej)(struct cp *c);
    uint32_t flags;
    enum cp_show show;
};

struct cp_proto {
    uint16_t number;
    const char *name;
    const struct cp_opt *opts;
    uint32_t opt_count;
    void (*reset)(struct cp *c);            /* a new negotiation: forget the last one */
    void (*judge_begin)(struct cp *c);      /* a request of the peer follows */
    /* Its end: appends to `nak` (whole options) what it should have asked for
     * too. Not called when it will be rejected anyway. */
    void (*judge_end)(struct cp *c, struct wr *nak);
    void (*agreed)(struct cp *c);           /* we acked what was judged last */
    void (*up)(struct cp *c);
    void (*down)(struct cp *c);
    void (*finished)(struct cp *c);         /* it failed, was closed, or was rejected */
    /* A code of its own; false: unknown. It sees Terminate-Request and
     * Code-Reject, too, before they move the automaton. */
    bool (*extra)(struct cp *c, uint8_t code, uint8_t id, struct rd *body);
};

struct cp {
    struct fsm f;
    struct ppp *p;
    const struct cp_proto *proto;
    bool started;
    bool failed;                /* it finished by itself */
    bool heard;                 /* the peer negotiates, too */
    bool answered;              /* our last request was; what comes again is a repetition */
    uint8_t id;                 /* of our last packet */
    uint8_t req_id;             /* of our last Configure-Request */
    uint8_t max_failure;
    uint8_t naks;               /* sent since the last Ack */
    uint8_t rounds;             /* Naks and Rejects received */
    uint32_t off;               /* options, by row, that the peer rejected */
    uint32_t asked;             /* options, by row, in our last request */
    uint32_t req_len;
    uint8_t req[CP_REQ_MAX];    /* the options of our last request */
    /* the reply that an action is about to send; valid within one step */
    uint8_t reply_code, reply_id;
    const uint8_t *reply;
    size_t reply_len;
};

void cp_init(struct cp *c, struct ppp *p, const struct cp_proto *proto);
void cp_start(struct cp *c);    /* Open, Up */
void cp_stop(struct cp *c);     /* Down, Close; silent: up or down is said, finished is not */
void cp_restart(struct cp *c);  /* Down, Up: negotiate again */
void cp_rx(struct cp *c, const uint8_t *data, size_t len);
/* A packet of ours: code, the next identifier, body; the identifier. */
uint8_t cp_tx(struct cp *c, uint8_t code, const void *body, size_t len);
/* The peer does not know the protocol. */
void cp_rejected(struct cp *c);
static inline bool cp_opened(const struct cp *c) { return c->f.state == FSM_OPENED; }
/* Whether an option (by row) was in our request that is being answered. */
static inline bool cp_asked(const struct cp *c, uint32_t row) { return c->asked >> row & 1; }
/* What is between the peer's text and a terminal: printable, and NUL-terminated. */
void cp_text(const uint8_t *s, size_t len, char *out, size_t size);

/* What the rows need of the link (ppp.c). */
uint64_t ppp_now(struct ppp *p);
void ppp_random(struct ppp *p, void *out, uint32_t len);
void ppp_send(struct ppp *p, uint16_t proto, const uint8_t *data, size_t len);
size_t ppp_room(struct ppp *p);             /* the longest packet that the peer takes */
bool ppp_may_reject(struct ppp *p);         /* Code- and Protocol-Rejects are rate-limited */
void ppp_bad(struct ppp *p);                /* counts what makes no sense */
const char *ppp_close_text(struct ppp *p, uint8_t *out, size_t size, size_t *len);   /* for a Terminate-Request */

#endif
