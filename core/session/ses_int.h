/* ses_int.h - one session, as the files of this room see it. */
#ifndef SES_INT_H
#define SES_INT_H

#include <adit/list.h>
#include <adit/plugin.h>
#include <adit/table.h>
#include "datapath/dp.h"
#include "diagnose/trace.h"
#include "loop/loop.h"
#include "ppp/ppp.h"
#include "session/inform.h"
#include "session/inner6.h"
#include "session/ses.h"

#define SES_REPLY_MAX (INFORM_MAX > INNER6_MAX ? INFORM_MAX : INNER6_MAX)

enum phase { PH_IDLE, PH_LINK, PH_AUTH, PH_POLICY, PH_ADDR, PH_UP, PH_COUNT };

struct ses_tunnel {
    struct adit_node node;
    struct plug_inst *inst;
    struct ses_tunnel_conf conf;
    const char *name;           /* the instance's */
    uint32_t used, up;          /* calls; those whose session is up */
    uint64_t refused;
    bool by_protocol;           /* encryption is not configured */
    uint64_t *taken;            /* port numbers, a bit each */
    uint32_t taken_words;
};

#define SES_NAME 256            /* bytes of a user's name */
#define SES_DOMAIN 128

/* An AUTH_QUERY, copied: the chain of authenticators may take its time. */
struct ses_query {
    struct adit_auth_query q;
    size_t size;                /* of the whole block, for wiping */
    uint8_t bytes[];
};

/* The session is the link: what the tunnel holds is this. */
struct ses {
    struct adit_node node;      /* in `all` */
    struct adit_node ended;     /* in `ending`: something is to be done at the round's end */
    uint64_t number;
    char id[32];
    struct ses_tunnel *tunnel;
    struct adit_self *self;     /* the tunnel's instance */
    const struct adit_tunnel *vt;
    void *call;
    struct adit_addr our, peer;
    char peer_host[64], calling[64], called[64];
    uint32_t role, link_mtu;
    struct ses_call *dial;      /* NULL: the peer called us */
    uint32_t nas_port;          /* number of its port, from 0 */
    bool secured;
    char identity[128];

    enum phase phase;
    bool link_gone, hung_up, closing, finished, net_lost;
    bool waits, is_up;          /* how it is counted */
    uint32_t cause;
    char text[256];

    /* kept by ses_index.c */
    struct ses_group *of_peer, *of_user, *of_account;
    struct adit_node in_account;
    struct adit_entry holder, numbered, lessee;

    struct ppp *ppp;
    struct trace_talk *talk;    /* for those who watch; NULL: no memory */
    struct loop_timer *ppp_timer, *watch_timer;
    struct adit_attrs *attrs;   /* what is known; login attributes on top */

    /* the rung AUTH; a session that is up may have to authenticate once more: what
     * is known of that login is not of the session until it was accepted */
    bool again;
    struct adit_attrs *again_attrs;
    struct ses_query *query;
    struct plug_inst *asking;   /* the authenticator, policy or pool that is asked */
    adit_request req;
    struct adit_auth_answer answer;     /* accepted, waiting for the policy */
    uint8_t answer_eap[2048];
    uint32_t chain_cause;       /* what the chain will say when nobody accepts */
    char message[128];
    uint32_t refused_cause;     /* what the last answer refused with; NONE after an acceptance */
    char refused[256];          /* and why, in a sentence */
    char user[SES_NAME], account[SES_NAME], domain[SES_DOMAIN];
    uint32_t method;
    char policy[64], authenticator[64], pool[64];
    char asked[64];             /* the authenticator, policy or pool that was asked last */
    char at_fault[64];          /* the authenticator that could not tell; "" none */
    char account_at[SES_PLACE], policy_at[SES_PLACE];   /* where they stand, when a plugin said it */
    const char *fault[2];       /* settings at fault that are not those of the cause; NULL */

    /* the rung ADDRESS */
    uint32_t encryption;        /* permitted, ADIT_ENC_* */
    struct plug_inst *lease_from, *lease6_from;
    uint64_t lease, lease6;
    struct adit_attrs *leased;  /* what of `attrs` came with it */
    struct adit_addr address, server_address, dns[2], wins[2];

    /* the rung UP */
    struct dp_port *port;
    struct dp_iface *iface;     /* its own; NULL: the shared one, or not yet */
    bool iface_told;            /* of a caller: its owner heard up() */
    struct adit_addr *behind;   /* networks that were routed to it for a caller */
    uint32_t behind_count;
    struct adit_node replying;  /* a datagram of our own waits: an answer, an advertisement */
    uint16_t reply_proto;
    uint32_t reply_len;
    uint8_t reply[ADIT_ROOM + SES_REPLY_MAX + ADIT_ROOM];
    struct loop_timer *advertise_timer; /* NULL: no IPv6 */
    uint32_t advertised;
    uint32_t mtu;
    bool accounted;
    uint64_t since_wall, since_ms, up_wall, up_ms;
    uint64_t session_timeout_ms, idle_timeout_ms;
    uint64_t limit_from_ms;     /* the session's timeout counts from here */
    uint64_t interim_ms;        /* when the accountants last heard of it */
};

/* the ladder (ses.c) */
void ses_climb(struct ses *s, enum phase to);
void ses_end(struct ses *s, uint32_t cause, const char *text);
bool ses_attrs_base(struct ses *s);             /* only what the call itself tells */
bool ses_may_begin(const struct ses_tunnel *t); /* a port is free, and we are not stopping */
struct ses *ses_new(struct ses_tunnel *t, const struct adit_link_info *i, void *call);   /* NULL: no memory */
void ses_undial(struct ses *s);                 /* its call was never begun: nobody hears of it */
void ses_end_tunnel(struct ses_tunnel *t);      /* all its sessions, now */
void ses_reap(struct ses_tunnel *t);            /* after its instance is gone */

/* counting and finding (ses_index.c) */
void ses_index_wait(struct ses *s, bool waits);         /* for authentication */
uint32_t ses_index_waiting(const struct adit_addr *peer);       /* of one address; NULL: of all */
void ses_index_user(struct ses *s, bool in);            /* one of its account's sessions, or not */
uint32_t ses_index_sessions(const struct ses *s);       /* that its account has beside it */
void ses_index_address(struct ses *s, bool has);        /* s->address is its own, or no longer */
struct ses *ses_index_holder(const struct adit_addr *a);        /* NULL: nobody */
void ses_index_lease(struct ses *s, bool has);          /* s->lease is its own, or no longer */
struct ses *ses_index_lessee(const struct plug_inst *pool, uint64_t lease);     /* NULL: nobody */
void ses_index_up(struct ses *s, bool up);              /* it can be found by number and account, or not */
struct ses *ses_index_find(uint64_t number);            /* one that is up; NULL: it is gone */
/* Those of an account that are up, whatever its domain. */
void ses_index_account(const char *account, void (*each)(struct ses *s, void *u), void *u);
bool ses_live(const struct ses *s);                     /* up, and not on its way down */

/* attempts that failed (ses_fail.c) */
uint64_t ses_number(char id[32]);               /* the next number, and its identifier */
void ses_failed(struct ses *s, enum phase reached);
void ses_failed_call(struct adit_self *self, const struct adit_link_info *i, uint32_t cause,
                     const char *text, const char *setting);    /* setting NULL: the cause's */
/* Before there was a call; false: too many of them. */
bool ses_failed_tunnel(struct adit_self *self, const struct adit_link_info *i, uint32_t cause,
                       const char *text);
void ses_findings_tell(const struct ses *s);    /* what it lost, into the log */
/* What is at fault, when it is not what the cause names ("tunnels[].ports"); with a
 * conflict, the other side too. */
void ses_fault(struct ses *s, const char *setting, const char *against);

/* lock-out (ses_lock.c) */
/* Why a call of this address is not taken; NULL: it is. */
const char *ses_lock_call(const struct adit_addr *peer, uint32_t *cause, const char **setting);
bool ses_lock_is(struct ses *s);                        /* its account or address is locked out */
void ses_lock_failed(struct ses *s, uint32_t cause);    /* an authenticator refused */
void ses_lock_passed(struct ses *s);                    /* and accepted */
void ses_lock_conf(const struct ses_conf *c);           /* settings changed */

/* ports (ses_port.c) */
struct ses_tunnel *ses_tunnel_of(const struct plug_inst *inst);  /* NULL: it is none of a tunnel */
bool ses_port_take(struct ses *s);                      /* the lowest number that is free; false: no memory */
void ses_port_give(struct ses *s);

/* authentication and policy (ses_auth.c) */
void ses_auth_query(struct ses *s, const struct adit_auth_query *q);
void ses_auth_leave(struct ses *s);
bool ses_auth_again(struct ses *s);             /* once more; false: its method cannot */
void ses_asks(struct ses *s, struct plug_inst *i);      /* it is the one that is asked now */
uint32_t ses_auth_judged(void);                 /* that somebody can judge */
/* DOMAIN\user and user@domain (W22): the name without its domain, and the domain. */
void ses_user_split(const char *user, char account[SES_NAME], char domain[SES_DOMAIN]);
void *ses_tls_context(void);                    /* SSL_CTX *, or NULL; ses_tls.c */
int32_t ses_tls_open(const struct ses_conf *c);

/* addresses (ses_addr.c) */
void ses_addr_enter(struct ses *s);
void ses_addr_known(struct ses *s);             /* everything that IPCP and IPV6CP need */
void ses_addr_leave(struct ses *s);
void ses_addr_forget(struct ses *s);            /* its lease is not its own any more */

/* the IPv6 network, after the address (ses_addr6.c) */
void ses_addr6_enter(struct ses *s);            /* ends in ses_addr_known() */
void ses_addr6_leave(struct ses *s);

/* from outside (ses_api.c) */
int32_t ses_revise(struct ses *s, const struct adit_attrs *values);

/* calls that we make (ses_dial.c); of a session with `dial` */
void ses_dial_cfg(struct ses *s, struct ppp_cfg *cfg);
void ses_dial_begun(struct ses *s);             /* PPP took the configuration */
bool ses_dial_attrs(struct ses *s);             /* what the dialler set, into its attributes */
void ses_dial_network(struct ses *s);           /* authenticated: the network may begin */
void ses_dial_addresses(struct ses *s);
void ses_dial_rung(struct ses *s, const char *name);
void ses_dial_up(struct ses *s);
struct ses_bye {                /* the last word to whoever dialled; ops NULL: none is due */
    const struct ses_dial_ops *ops;
    void *u;
    uint32_t cause;
    char text[256];
};
void ses_dial_bye(struct ses *s, struct ses_bye *bye);  /* of any session; once */
void ses_dial_up6(struct ses *s);
void ses_dial_down6(struct ses *s);
bool ses_dial_rx6(struct ses *s, const struct adit_frame *f);   /* DATA PATH: it was for us */
const char *ses_dial_entry(const struct ses *s);                /* "" of one that we did not dial */
struct dp_iface *ses_dial_iface(const struct ses *s);
void ses_dial_free(struct ses *s);

/* interfaces of their own (ses_iface.c) */
bool ses_iface_pick(struct ses *s);             /* before the port; false: the session is on its way down */
void ses_iface_facts(const struct ses *s, struct ses_dialled *d);
void ses_iface_up(struct ses *s, const struct dp_attach *at);   /* of a caller */
void ses_iface_down(struct ses *s);             /* after the port; also without one */

/* up (ses_net.c) */
void ses_net_enter(struct ses *s);
void ses_net_leave(struct ses *s);
void ses_net_count(struct ses *s);              /* counters of now into its attributes */
void ses_net_limits(struct ses *s);             /* its limits changed: they count from now on */
void ses_net_version(struct ses *s);            /* the client said what it is */
void ses_net_rx(struct ses *s, uint16_t proto, struct adit_frame **v, uint32_t n);  /* DATA PATH */
/* A datagram of ours to the client: written into the room, sent at the round's end,
 * since none may be sent from inside a receive. NULL: one waits already. */
uint8_t *ses_reply_room(struct ses *s);
void ses_reply(struct ses *s, uint16_t proto, size_t len);

/* up, IPv6 (ses_net6.c) */
bool ses_net6_wanted(const struct ses *s);      /* the session has IPv6 networks */
uint32_t ses_net6_attach(const struct ses *s, struct dp_attach *at, struct adit_addr *routes, uint32_t n,
                         uint32_t room);        /* adds them; the number of routes */
void ses_net6_up(struct ses *s);                /* IPV6CP and the port may both be there now */
void ses_net6_down(struct ses *s);
bool ses_net6_answer(struct ses *s, const struct adit_frame *f);        /* DATA PATH: it was for us */

/* filters and rates (ses_guard.c) */
struct dp_guard;
/* What a list of attributes holds a session to; *out NULL: nothing. ADIT_ENOENT: a
 * filter that is not there; ADIT_EINVAL: a rule that is none; `why` tells. Put in
 * place with dp_port_guard(). */
int32_t ses_guard_of(const struct adit_attrs *a, struct dp_guard **out, char *why, size_t size);
/* Whether the login's can be had; else the cause, and a text that names who set what. */
uint32_t ses_guard_check(struct ses *s, const struct adit_attrs *profile, char text[256]);
bool ses_guard_is(uint32_t id);         /* an attribute of filters and rates */
/* The session's with other values; ADIT_EINVAL: they cannot be had, why was told. */
int32_t ses_guard_revised(const struct ses *s, const struct adit_attrs *values, struct dp_guard **out);
bool ses_guard_enter(struct ses *s);            /* false: the session is on its way down */

/* for those who watch (ses_trace.c) */
void ses_trace_open(struct ses *s);             /* its number and its peer are known */
void ses_trace_ppp(struct ses *s);              /* its link is there */
void ses_trace_up(struct ses *s);
void ses_trace_close(struct ses *s);            /* the last word: kept if it never came up */
void ses_trace_note(struct ses *s, const char *fmt, ...) ADIT_PRINTF(2, 3);    /* a remark of ours */

/* attributes of the session, by type */
const char *ses_str(const struct ses *s, uint32_t id);
uint64_t ses_u(const struct ses *s, uint32_t id);
const struct adit_addr *ses_address(const struct ses *s, uint32_t id, uint32_t nth);
void ses_put_str(struct ses *s, uint32_t id, const char *v);
void ses_put_u(struct ses *s, uint32_t id, uint64_t v);
void ses_put_addr(struct ses *s, uint32_t id, const struct adit_addr *v);

#endif
