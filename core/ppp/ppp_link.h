/* ppp_link.h - what the files of one link share; nobody outside core/ppp reads it.
 *
 * Knows:  the members. ppp.c owns the phases and the outlets, ppp_path.c the
 *         data path, each protocol's file its own struct.
 */
#ifndef PPP_LINK_H
#define PPP_LINK_H

#include "ppp/ppp.h"
#include "ppp/ppp_auth.h"
#include "ppp/ppp_cp.h"
#include "ppp/ppp_mppe.h"

#define PPP_NEVER UINT64_MAX

/* ---- LCP (ppp_lcp.c) ---------------------------------------------------------- */

enum { LCP_PROTO_REJ = 8, LCP_ECHO_REQ, LCP_ECHO_REP, LCP_DISCARD, LCP_IDENT, LCP_TIME_LEFT };

/* Windows says in a Terminate-Request why: its magic number, this, the RAS error. */
#define LCP_RAS_MARK 0x003ccd74u

struct lcp_opts {               /* what one side's Configure-Request says */
    uint16_t mru;
    uint32_t magic;
    uint32_t auth;              /* ADIT_AUTH_*: how that side wants the other to authenticate */
    bool pfc, acfc;
};

struct lcp {
    struct cp cp;
    struct lcp_opts our;        /* what we ask for */
    struct lcp_opts cand;       /* the peer's request being judged */
    struct lcp_opts peer;       /* and the one that we acked */
    uint32_t refused;           /* methods that the peer will not be authenticated with */
    uint32_t loops;             /* magic numbers that were our own */
    bool unmet;                 /* the peer asked for a method that we would not do */
    bool mru_off;               /* the peer has its own mind about our MRU */
    uint64_t echo_at;           /* when to look at the silence; PPP_NEVER: no echoes */
    uint32_t echo_open;         /* Echo-Requests since the last frame */
    uint64_t echo_sent_at;      /* the last of them */
    bool echo_off;              /* the peer does not know Echo-Request */
};

extern const struct cp_proto lcp_proto;
void lcp_init(struct ppp *p);
/* The options of the LAC (RFC 2661 section 4.4.5) are ours, too: true: open. */
bool lcp_proxy(struct ppp *p);
void lcp_protocol_reject(struct ppp *p, uint16_t proto, const uint8_t *data, size_t len);
uint32_t lcp_ras_error(const uint8_t *data, size_t len);       /* of a Terminate-Request; 0: none */
void lcp_echo(struct ppp *p);                   /* echo_at is due */
uint32_t lcp_auth_first(uint32_t mask);         /* the choice of a set that is offered first */

/* ---- CCP (ppp_ccp.c) ----------------------------------------------------------- */

enum { CCP_RESET_REQ = 14, CCP_RESET_ACK };

/* Supported Bits (RFC 3078 section 2.1); D, 0x10, is obsolete */
#define MPPE_H 0x01000000u      /* stateless */
#define MPPE_M 0x00000080u      /* 56 bit */
#define MPPE_S 0x00000040u      /* 128 bit */
#define MPPE_L 0x00000020u      /* 40 bit */
#define MPPE_C 0x00000001u      /* MPPC */

struct ccp {
    struct cp cp;
    uint32_t permitted;         /* ADIT_ENC_* that we have keys for and may use */
    bool stateful;              /* permitted, too */
    uint32_t want;              /* MPPE bits that we ask for */
    uint32_t cand, peer;        /* the peer's request: judged, acked; MPPE bits */
    uint64_t reset_at;          /* of the last Reset-Request */
};

extern const struct cp_proto ccp_proto;
uint32_t ccp_enc_of(uint32_t mppe_bits);        /* the one ADIT_ENC_* of them; 0: not exactly one */
void ccp_resync(struct ppp *p);                 /* the receiver of MPPE lost its place */

/* ---- NCPs ------------------------------------------------------------------------ */

#define IPCP_ADDRS 5            /* rows of ipcp: address, two DNS, two NBNS */

struct ipcp {
    struct cp cp;
    uint32_t our[IPCP_ADDRS];   /* what we ask for: our address, then servers (DIAL) */
    uint32_t give[IPCP_ADDRS];  /* what the peer is to ask for; 0: it is rejected */
    uint32_t cand, peer;        /* the peer's address: judged, acked; 0: not asked for */
    bool refused;               /* the peer wanted another one */
};
extern const struct cp_proto ipcp_proto;

struct ipv6cp {
    struct cp cp;
    uint64_t our, give, cand, peer;
    bool fixed;                 /* `our` was given, not drawn */
};
extern const struct cp_proto ipv6cp_proto;

struct ipxcp {
    struct cp cp;
    uint8_t node[6];            /* that the peer gets when it asks with zeros */
};
extern const struct cp_proto ipxcp_proto;

/* ---- the link --------------------------------------------------------------------- */

enum ppp_phase { PH_DEAD, PH_ESTABLISH, PH_AUTHENTICATE, PH_NETWORK, PH_TERMINATE };

/* One run of the authentication protocols. It may end inside its own callback,
 * so that it is freed when the stack is empty. */
struct auth_run {
    struct ppp *p;
    struct ppp_auth *a;
    struct auth_run *next;      /* of those to be freed */
};

/* A network control packet that came before its time: the peer may be faster
 * than our policy, and its restart timer is seconds. */
#define HELD_MAX 96
enum { HELD_CCP, HELD_IPCP, HELD_IPV6CP, HELD_IPXCP, HELD_COUNT };
struct held {
    uint8_t len;
    uint8_t data[HELD_MAX];
};

/* Start keys of MPPE, from the authentication (RFC 3079). */
struct ppp_keys {
    bool have, lm;              /* lm: 40 and 56 bit have a key of their own (MS-CHAPv1) */
    bool brief;                 /* an authenticator gave less than 128 bit take */
    uint8_t send[16], recv[16], lm_key[8];
};

/* data protocols, as bits */
#define NET_IP   1u
#define NET_IPV6 2u
#define NET_IPX  4u

struct ppp {
    struct ppp_cfg cfg;
    struct ppp_ops ops;
    void *u;
    struct ppp_stat stat;

    /* the data path reads these; ppp_gate() writes them */
    uint32_t pass_clear;        /* NET_*: datagrams that may pass in clear */
    uint32_t pass_mppe;         /* NET_*: inside MPPE */
    bool mppe_rx_on, mppe_tx_on;
    bool dead;                  /* DOWN was said */
    uint32_t watch;             /* PPP_WATCH_* */
    ppp_seen_fn *seen;
    bool touched;               /* something happened that may move the timer */
    uint16_t tx_max;            /* bytes of a datagram */
    uint8_t head_len;           /* bytes of `head` */
    uint8_t head[4];            /* address and control field, unless compressed */
    bool pfc;
    uint64_t heard_at;
    struct mppe rx_mppe, tx_mppe;

    enum ppp_phase phase;
    uint32_t depth;             /* calls into the link on the stack */
    bool up;
    bool heard;                 /* any PPP frame came */
    uint32_t cause;
    char text[160];
    uint64_t armed_at;          /* what ops->timer knows */
    uint64_t phase_due;         /* when the phase has taken too long */

    struct lcp lcp;
    struct ccp ccp;
    struct ipcp ipcp;
    struct ipv6cp ipv6cp;
    struct ipxcp ipxcp;

    bool lcp_came_up;           /* authentication is to begin */
    struct auth_run *auth, *auth_gone;
    uint64_t auth_due;          /* its timer */
    uint64_t auth_end;          /* when it has taken too long */
    uint32_t demand, obey;      /* still running */
    bool authenticated;
    uint32_t method, our_method;
    bool password_changed;
    char user[256], peer_name[256], identification[256];
    struct ppp_keys keys_in, keys_out;      /* the peer proved itself; we did */

    struct ppp_net net;
    bool net_on;                /* ppp_net_start() was called */
    bool ncps_on;               /* the NCPs began */
    bool net_was_up;            /* NET_UP was said since ppp_net_start() */
    uint64_t ncps_due;          /* when they begin without waiting for CCP any longer */
    bool required;              /* no datagram in clear */
    bool mppe_was_on;           /* never fall back to clear again */
    uint32_t net_said;          /* NET_*: NET_UP was said */
    struct held held[HELD_COUNT];

    uint64_t rej_at;            /* the bucket of Rejects */
    uint32_t rej_left;
};

/* The keys of the direction in which a server usually asks: the caller's. */
static inline const struct ppp_keys *ppp_keys_of(const struct ppp *p)
{
    bool ours = p->cfg.role == ADIT_ROLE_DIAL ? p->keys_out.have : !p->keys_in.have;
    return ours ? &p->keys_out : &p->keys_in;
}

/* ppp.c */
void ppp_cause(struct ppp *p, uint32_t cause, const char *text);
uint32_t ppp_refusal(struct ppp *p, uint32_t cause);
void ppp_end(struct ppp *p, uint32_t cause, const char *text);     /* ppp_close() with a text */
void ppp_say(struct ppp *p, const struct ppp_event *ev);
void ppp_finish(struct ppp *p);                         /* LCP is finished */
void ppp_lcp_up(struct ppp *p);
void ppp_lcp_down(struct ppp *p);
void ppp_ccp_changed(struct ppp *p);                    /* up or down */
void ppp_ccp_failed(struct ppp *p, const char *text);
void ppp_ncp_changed(struct ppp *p);                    /* an NCP is up, down or failed */
void ppp_ncp_wake(struct ppp *p, uint32_t net);         /* a datagram came, it is not open */
void ppp_proto_rejected(struct ppp *p, uint16_t proto); /* by the peer */
void ppp_rx_control(struct ppp *p, uint16_t proto, const uint8_t *data, size_t len);
void ppp_enter(struct ppp *p);
void ppp_leave(struct ppp *p);
void ppp_work(struct ppp *p);                           /* what waits for a shallow stack */

#endif
