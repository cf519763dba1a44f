/* ppp.h - one PPP link, both roles, no I/O (RFC 1661 and its family).
 *
 *     struct ppp *p = ppp_new(&cfg, &ops, me);
 *     ppp_up(p);                        // the bearer is up: LCP begins
 *     ppp_rx(p, v, n);                  // frames from the bearer
 *       -> ops->event(AUTH_QUERY)       // who is it? answer when known
 *     ppp_auth_answer(p, &answer, 0);
 *       -> ops->event(AUTHENTICATED)    // now the network may come up
 *     ppp_net_start(p, &net);
 *       -> ops->event(NET_UP)           // ops->rx_data() begins
 *     ppp_close(p, ADIT_CAUSE_ADMIN);   // Terminate-Request ...
 *       -> ops->event(DOWN)             // the last thing that it says
 *     ppp_free(p);
 *
 * Knows:  the protocols on the link, their timers (through ops), MPPE.
 * Leaves: who may connect, addresses, sockets, clocks.
 *
 * Callbacks may call any function of this header but ppp_free() and, inside
 * rx_data() and tx_link(), ppp_rx() and ppp_tx().
 */
#ifndef PPP_H
#define PPP_H

#include <stdbool.h>
#include <adit/abi.h>
#include <adit/attr.h>
#include <adit/auth.h>
#include <adit/cause.h>
#include <adit/frame.h>

#define PPP_IP       0x0021
#define PPP_IPX      0x002b
#define PPP_IPV6     0x0057
#define PPP_COMP     0x00fd     /* MPPE (RFC 3078 section 3) */
#define PPP_IPCP     0x8021
#define PPP_IPXCP    0x802b
#define PPP_IPV6CP   0x8057
#define PPP_CCP      0x80fd
#define PPP_LCP      0xc021
#define PPP_PAP      0xc023
#define PPP_CHAP     0xc223
#define PPP_EAP      0xc227

struct ppp;

/* What is fixed before LCP begins; copied by ppp_new(), strings and all. */
struct ppp_cfg {
    uint32_t role;              /* ADIT_ROLE_ANSWER or ADIT_ROLE_DIAL */
    uint16_t mru;               /* that we ask for; 128 ... 16384 */
    uint16_t mtu_max;           /* never send more than this, whatever the peer's MRU; counts as
                                 * an MRU does: without address, control and protocol field */
    /* What we demand of the peer (0: nothing; the dialler's usual case). MS-CHAPv2
     * first, then EAP, MS-CHAPv1, CHAP, PAP, among those in the mask. */
    uint32_t auth_demand;       /* ADIT_AUTH_* */
    uint32_t auth_eap;          /* of auth_demand's EAP bits, the method offered first */
    const char *our_name;       /* in CHAP challenges */
    /* What we accept to answer as the peer, and with what. */
    uint32_t auth_allow;        /* ADIT_AUTH_* */
    const char *user;
    const char *password;
    const char *new_password;   /* DIAL: when the server says that `password` has expired (MS-CHAPv2);
                                 * NULL: it is not changed */
    void *tls;                  /* SSL_CTX *, EAP-TLS, both roles; NULL: not offered; borrowed */
    const char *tls_name;       /* DIAL: the name that the server's certificate must have (RFC 5216
                                 * section 5.2); NULL: whoever has one of a trusted authority */
    uint64_t auth_timeout_ms;   /* from LCP up to authenticated; 0: 30 s */
    uint64_t restart_ms;        /* Restart timer; 0: 3 s (RFC 1661 section 4.6) */
    uint32_t max_configure;     /* 0: 10 */
    uint32_t max_terminate;     /* 0: 2 */
    uint32_t max_failure;       /* 0: 5 */
    uint64_t echo_ms;           /* silence until an Echo-Request; 0: none */
    uint32_t echo_failures;     /* unanswered ones until ECHO_TIMEOUT; 0: 4 */
    uint32_t no_acfc, no_pfc;   /* 1: do not ask for it */
    /* proxy LCP (RFC 2661 section 4.4.5): options of the Configure-Requests that
     * the LAC sent and received; len 0: none */
    const uint8_t *proxy_sent, *proxy_rcvd;
    uint32_t proxy_sent_len, proxy_rcvd_len;
};

/* What the network layer may agree to; given when the policy has decided. */
struct ppp_net {
    uint32_t encryption;        /* ADIT_ENC_*: permitted strengths; 0 is NONE */
    uint32_t stateful;          /* 1: stateful MPPE may be agreed to */
    uint32_t ipv4, ipv6, ipx;   /* 1: negotiate it; 0: Protocol-Reject */
    struct adit_addr our;       /* our IPv4 address */
    struct adit_addr peer;      /* the peer's: ANSWER: assigned; DIAL: NONE asks for one */
    struct adit_addr dns[2];    /* ANSWER: given on request (family NONE: rejected) */
    struct adit_addr wins[2];
    uint32_t want_dns;          /* DIAL: ask for DNS and WINS */
    uint64_t our_ifid, peer_ifid;   /* IPv6 interface identifiers (host order); 0: random */
};

enum ppp_event_type {
    PPP_EV_LCP_UP,              /* the link is agreed; authentication begins */
    PPP_EV_AUTH_QUERY,          /* `query`: answer with ppp_auth_answer(), now or later */
    /* Both directions done (or none was demanded). Comes again, after NET_DOWNs,
     * LCP_UP and AUTH_QUERY, when the peer negotiates the link anew: it may be
     * somebody else by then, and the network waits for ppp_net_start() again. */
    PPP_EV_AUTHENTICATED,
    PPP_EV_NET_UP,              /* datagrams of `proto` (PPP_IP, PPP_IPV6, PPP_IPX) may pass now */
    PPP_EV_NET_DOWN,            /* it went down again: `proto` */
    PPP_EV_MPPE,                /* encryption agreed or re-keyed: `encryption` */
    PPP_EV_PEER_INFO,           /* LCP Identification or Time-Remaining: `text` */
    PPP_EV_DOWN                 /* finished: `cause`, `text`; nothing comes after it */
};

struct ppp_event {
    enum ppp_event_type type;
    const struct adit_auth_query *query;    /* attrs NULL: the session adds them */
    uint16_t proto;
    uint32_t encryption;        /* ADIT_ENC_* one bit */
    uint32_t cause;             /* ADIT_CAUSE_* */
    const char *text;           /* NULL: none */
};

struct ppp_ops {
    uint64_t (*now)(void *u);                               /* monotonic ms */
    void (*random)(void *u, void *out, uint32_t len);
    /* One timer: ppp_tick() after `ms`; again: replaces it; UINT64_MAX: stop. */
    void (*timer)(void *u, uint64_t ms);
    /* DATA PATH: frames for the bearer, address and control field on unless
     * compressed. Borrowed until return. */
    void (*tx_link)(void *u, struct adit_frame **v, uint32_t n);
    /* DATA PATH: datagrams of PPP_IP or PPP_IPV6 (PPP_IPX where it was wanted)
     * for the network. */
    void (*rx_data)(void *u, uint16_t proto, struct adit_frame **v, uint32_t n);
    void (*event)(void *u, const struct ppp_event *ev);
};

/* What was agreed so far; 0 where nothing. */
struct ppp_info {
    uint16_t mru, peer_mru;     /* peer_mru: the longest datagram that we may send, MPPE allowed for */
    uint32_t magic, peer_magic;
    uint32_t method;            /* ADIT_AUTH_* that authenticated the peer */
    uint32_t our_method;        /* that authenticated us */
    uint32_t password_changed;  /* 1: new_password is the password now */
    uint32_t encryption;        /* ADIT_ENC_* in force, one bit; 0: none */
    uint32_t stateless;         /* 1: MPPE key changes with every packet */
    uint32_t acfc, pfc;         /* we may compress them when sending */
    struct adit_addr our, peer, dns[2], wins[2];
    uint64_t our_ifid, peer_ifid;
    uint32_t ipv4_up, ipv6_up;
    char user[256];             /* whom the peer authenticated as; "" none */
    char peer_name[256];        /* the peer's name in its challenges; "" none */
    char identification[256];   /* texts of LCP Identification, joined by "; " */
};

struct ppp_stat {
    uint64_t rx_frames, rx_bad, rx_rejected_proto, rx_clear_dropped, tx_clear_dropped,
             rx_mppe_lost, rx_mppe_bad, tx_too_long, lcp_echo_sent, lcp_echo_answered;
};

struct ppp *ppp_new(const struct ppp_cfg *cfg, const struct ppp_ops *ops, void *u);
void ppp_free(struct ppp *p);                   /* silent, at any time; NULL is fine */

void ppp_up(struct ppp *p);                     /* the bearer is up */
void ppp_down(struct ppp *p, uint32_t cause);   /* the bearer is gone: DOWN follows at once */
/* Ends the link in good order: DOWN follows within max_terminate restarts. */
void ppp_close(struct ppp *p, uint32_t cause);

/* The answer to the open AUTH_QUERY. REJECT: `answer->cause` picks the error
 * that the peer is told (691, 649, 648 ...), then the link closes with it (an
 * MS-CHAP or CHAP peer may retry first where the RFC allows). */
void ppp_auth_answer(struct ppp *p, const struct adit_auth_answer *answer);
/* The peer is to authenticate once more while its network is up: AUTH_QUERY comes,
 * and nothing after an acceptance; a refusal ends the link. False: with the method
 * that it used (PAP, EAP) it cannot be asked. */
bool ppp_challenge(struct ppp *p);
/* CCP and the NCPs begin. Encryption without NONE permitted: no network
 * protocol comes up and no datagram passes in clear before MPPE is open. */
void ppp_net_start(struct ppp *p, const struct ppp_net *net);

/* What a link shows to whoever looks: frames as they came, and as they go. `v` is
 * read only; data begins behind the protocol field: before MPPE seals it, after it
 * was opened. Data that may not pass is not shown. */
#define PPP_WATCH_CONTROL 0x1u  /* LCP, authentication, NCPs, and protocols that nobody knows */
#define PPP_WATCH_DATA    0x2u  /* DATA PATH */
typedef void ppp_seen_fn(void *u, bool sent, uint16_t proto, struct adit_frame *const *v, uint32_t n);
void ppp_watch(struct ppp *p, uint32_t what, ppp_seen_fn *seen);

void ppp_tick(struct ppp *p);
/* DATA PATH: frames from the bearer; changed in place. */
void ppp_rx(struct ppp *p, struct adit_frame **v, uint32_t n);
/* DATA PATH: datagrams of `proto` for the peer, with ADIT_ROOM around them. */
void ppp_tx(struct ppp *p, uint16_t proto, struct adit_frame **v, uint32_t n);

void ppp_info(const struct ppp *p, struct ppp_info *out);
const struct ppp_stat *ppp_stat(const struct ppp *p);
const char *ppp_phase_name(const struct ppp *p);    /* "dead" "establish" "authenticate" "network" "terminate" */

#endif
