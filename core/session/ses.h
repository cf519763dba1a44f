/* ses.h - sessions: the ladder link, authentication, policy, address, up.
 *
 *     ses_open(conf, cfg_err);              // section `ppp:` and friends
 *     ses_tunnel_add(inst, &tunnel_conf);   // its ports
 *       -> tunnels call ses_link_api
 *     ses_close(ADIT_CAUSE_SHUTDOWN, done, u);
 *
 * Knows:  the order of a login, ports, limits, causes; who asks whom.
 * Leaves: frames to ppp, tunnels to plugins, packets to datapath.
 */
#ifndef SES_H
#define SES_H

#include <stdbool.h>
#include <adit/host.h>
#include <adit/tunnel.h>
#include "config/conf.h"
#include "plugin/plug.h"

extern const struct adit_link_api ses_link_api;         /* what tunnels call */
extern const struct adit_session_api ses_session_api;   /* what managers of sessions call */
extern const struct adit_lease_api ses_lease_api;       /* what pools call */

/* ppp.lockout: after so many failures within a time, for a time. */
#define SES_LOCK_ACCOUNT 0x1u
#define SES_LOCK_ADDRESS 0x2u
struct ses_lock_conf {
    uint32_t failures;          /* 0: never */
    uint32_t per;               /* SES_LOCK_* */
    uint64_t within_ms, for_ms;
};

/* Section `ppp:` - what every link is offered. */
struct ses_conf {
    uint32_t auth;              /* ADIT_AUTH_* */
    uint32_t mru;
    uint32_t mtu;
    uint32_t echo_failures;
    uint64_t echo_ms;
    uint64_t auth_timeout_ms;
    uint64_t answer_timeout_ms; /* how long a plugin may take */
    uint64_t interim_ms;        /* between the reports to accountants; 0: none */
    struct adit_array dns, wins;        /* struct adit_addr */
    struct adit_array routes;           /* struct adit_addr: told to clients that ask (DHCPINFORM) */
    const char *dns_domain;
    struct adit_addr server_address, server_address6;
    uint32_t ipv6;
    uint32_t stateful;
    uint32_t half_open, half_open_per_address;
    uint32_t calls, calls_per_address;  /* in a second; 0: any number */
    struct ses_lock_conf lockout;
    const char *name;           /* ours in challenges */
    const char *tls_certificate, *tls_key, *tls_ca;
};
extern const struct adit_opt ses_opts[];

/* What the host itself knows of each tunnel instance. */
struct ses_tunnel_conf {
    const char *type, *name;    /* read by the daemon */
    uint32_t ports;
    uint32_t encryption;        /* ADIT_ENC_*; 0: by protocol */
};
extern const struct adit_opt ses_tunnel_opts[];
extern const char *const ses_tunnel_keys[];     /* their names, for plug_inst_new's skip */

/* Reads the section (NULL: defaults); again: takes the changes, sessions stay. */
int32_t ses_conf_read(const struct conf_node *ppp, const struct conf_err *err);
const struct ses_conf *ses_conf_get(void);
/* Whether a tunnel of that setting can serve anybody with the methods that a
 * section `ppp:` permits: encryption that is required needs one that makes keys. */
bool ses_conf_keys(const struct conf_node *ppp, const struct adit_tunnel *vt, uint32_t encryption);

struct ses_tunnel;
struct ses_tunnel *ses_tunnel_add(struct plug_inst *inst, const struct ses_tunnel_conf *conf);
/* New limits; from and to 0 the protocol is turned off and on. */
int32_t ses_tunnel_set(struct ses_tunnel *t, const struct ses_tunnel_conf *conf);
int32_t ses_tunnel_ports(struct ses_tunnel *t, uint32_t ports);
void ses_tunnel_del(struct ses_tunnel *t);      /* ends its sessions first */
/* An instance of another kind is about to be freed: what sessions have of it is
 * let go (an address stays with its session). */
void ses_forget(struct plug_inst *inst);
struct ses_tunnel *ses_tunnel_find(const char *name);
struct ses_tunnel *ses_tunnel_next(struct ses_tunnel *t);
struct ses_tunnel_info {
    const char *name, *protocol;
    struct plug_inst *inst;
    uint32_t ports, used, connected;
    uint64_t refused;           /* calls refused for want of a port */
};
void ses_tunnel_info(const struct ses_tunnel *t, struct ses_tunnel_info *out);

/* Ends every session in good order (at most 3 s), then done(u). */
void ses_close_all(uint32_t cause, void (*done)(void *u), void *u);

/* ---- calls that we make (ses_dial.c) ----
 *
 * The same ladder in the peer's role: no authenticator, policy or pool is asked;
 * the server gives the address, packets pass through an interface of their own.
 */
struct ses;
struct ses_info;
struct dp_iface;

#define SES_DNS 4               /* two by IPCP, two by router advertisements */
struct ses_dialled {            /* what a connection that is up has */
    struct adit_addr our, peer; /* inner; the peer's may be NONE */
    struct adit_addr our6;      /* with its network's prefix; family NONE: no router advertised one (yet) */
    struct adit_addr link6;     /* our link-local address of IPV6CP; family NONE: no IPv6 */
    struct adit_addr server;    /* outer */
    struct adit_addr dns[SES_DNS], wins[2];     /* the first that is NONE ends the list */
    uint32_t mtu, encryption;   /* ADIT_ENC_*, one bit */
    bool secured;
    bool password_changed;      /* new_password is the password now */
    const char *method;
};

struct ses_dial_ops {
    /* It climbed to a rung: "link", "authenticate", "address". */
    void (*rung)(void *u, const char *name);
    /* Packets may pass; again when the server negotiated anew, and when IPv6 is there,
     * too. `d` is borrowed. */
    void (*up)(void *u, const struct ses_dialled *d);
    /* What it has carried, before its end is told; nothing may be done in it. NULL: nobody cares. */
    void (*total)(void *u, const struct ses_info *i);
    /* The end, once, also of one that was never up; at a round's end, so that nothing of
     * the session is on the stack. The session is not the caller's any more. */
    void (*down)(void *u, uint32_t cause, const char *text);
};

struct ses_dial {
    struct plug_inst *tunnel;   /* an instance whose kind dials */
    struct adit_dial to;
    const char *entry;          /* for the log and for `adit sessions` */
    const char *user, *password;
    const char *new_password;   /* when the server says that `password` has expired; NULL: not changed */
    uint32_t allow;             /* ADIT_AUTH_* that we answer to */
    uint32_t demand;            /* that the server has to answer to: mutual; 0: none */
    uint32_t encryption;        /* ADIT_ENC_* permitted */
    void *tls;                  /* SSL_CTX * for EAP-TLS; NULL: not offered; borrowed until down() */
    const char *tls_name;
    struct adit_addr our;       /* the address that we ask for; NONE: any */
    uint32_t mtu;               /* at most; 0: what the tunnel carries */
    bool dns, ipv6;             /* asked for */
    uint64_t idle_timeout_ms, echo_ms;  /* 0: none; the server's default */
    uint32_t echo_failures;
    struct dp_iface *iface;     /* stays the caller's, and must outlive the session */
    const struct adit_attrs *attrs;     /* filters and rates, as a profile has them; NULL: none */
    const struct ses_dial_ops *ops;
    void *u;
};
/* Everything is copied, the password is wiped with the session. ADIT_EBUSY: no port is
 * free; ADIT_ENOSYS: that tunnel cannot dial. down() comes only when it returned 0,
 * and never from inside it. ses_drop() hangs up. */
int32_t ses_dial(const struct ses_dial *d, struct ses **out);

/* ---- calls that are answered on an interface of their own ----
 *
 * A router calls, not a user: its name is that of an interface. Addresses come from
 * the pools or the account as always, routes of the account are set on the
 * interface; what else it needs is its owner's.
 */
struct ses_iface_ops {
    /* The interface of a user's name, as the caller gave it; NULL: it is a user like
     * others. One that has another connection already is refused to the caller, unless
     * that one is an earlier call of the same user, which then ends. */
    struct dp_iface *(*find)(void *u, const char *user);
    void (*up)(void *u, struct dp_iface *i, struct ses *s, const struct ses_dialled *d);
    void (*down)(void *u, struct dp_iface *i, struct ses *s);
};
void ses_iface_for(const struct ses_iface_ops *ops, void *u);   /* NULL: nobody has any */

/* ---- what control and diagnose see ---- */
struct ses *ses_next(struct ses *s);            /* NULL: the first */
struct ses *ses_find(const char *id);           /* "a1b2-7", or its number */
void ses_drop(struct ses *s, uint32_t cause, const char *text);
struct ses_info {
    const char *id, *user, *account, *tunnel, *protocol, *state, *policy, *authenticator, *pool,
               *peer_host, *identification, *method;
    const char *role;           /* "answer"; "dial": we called */
    const char *entry;          /* what was dialled; "" */
    const char *interface;      /* its own; "": the shared one */
    struct adit_addr peer, our, address, server_address;
    uint64_t number, since_wall, up_wall, duration_ms, idle_ms;
    uint64_t bytes_in, bytes_out, packets_in, packets_out, spoofed, dropped;
    uint64_t session_timeout_ms, idle_timeout_ms;
    const char *filter_in, *filter_out; /* NULL: none */
    uint32_t filter_rules;              /* of its own, beside them */
    uint64_t rate_in, rate_out;         /* kbit/s; 0: no limit */
    uint64_t filtered_in, filtered_out, limited_in, limited_out;    /* packets that were dropped */
    uint32_t encryption, mtu, secured, port;
};
void ses_info(const struct ses *s, struct ses_info *out);

uint32_t ses_auth_methods(void);                        /* that are enabled and that somebody can judge */
const char *ses_method_name(uint32_t method);           /* of one ADIT_AUTH_* bit; "": none */

/* ---- attempts that failed ---- */

/* How far one came: before the call (the tunnel, IPsec), the port, the call itself,
 * then the ladder. */
enum {
    SES_RUNG_TUNNEL, SES_RUNG_PORT, SES_RUNG_CALL, SES_RUNG_LINK, SES_RUNG_AUTH, SES_RUNG_POLICY,
    SES_RUNG_ADDR, SES_RUNG_UP
};
const char *ses_rung_name(uint32_t rung);       /* NULL: there are no more */

#define SES_PLACE 256           /* bytes of "FILE:LINE" */
struct ses_fault {
    char setting[128];          /* "tunnels[l2tp].ports"; "": none */
    char place[SES_PLACE];      /* where it stands */
    bool written;               /* it does; else its default holds: what is around it stands there */
};
struct ses_failure {
    uint64_t wall_ms, number;
    uint32_t cause, rung;       /* on which it failed */
    uint32_t times;             /* before a call, those that look the same are one */
    bool secured;
    bool dialled;               /* by us: no setting of the server's is at fault */
    const char *method;         /* by name; NULL: nobody tried to authenticate */
    char id[32], user[128], tunnel[32], protocol[32], text[256], policy[64], authenticator[64],
         peer_host[64];
    struct adit_addr peer, our;
    struct ses_fault fault, against;    /* against: the other side of a conflict */
    struct adit_attrs *attrs;   /* that policies were, or would have been, asked with; NULL */
};
/* The last ones, newest first. */
const struct ses_failure *ses_failure(uint32_t nth);    /* NULL: no more */
const struct ses_failure *ses_failure_find(const char *id);     /* "a1b2-7", or its number */

/* What of a session's packets is dropped for a reason that has a remedy. */
struct ses;
struct ses_finding {
    uint32_t cause;
    uint64_t packets;
    char text[256];
    struct ses_fault fault;
};
bool ses_finding(const struct ses *s, uint32_t nth, struct ses_finding *out);   /* false: no more */

/* Accounts and addresses that failed: locked, or on the way to it. */
struct ses_lockout {
    const char *what;           /* "account" "address" */
    const char *name;
    struct adit_addr peer;      /* who failed last */
    uint32_t failures;
    uint64_t since_wall, left_ms;       /* left 0: not locked yet */
};
void ses_lockouts(void (*each)(void *u, const struct ses_lockout *l), void *u);
uint32_t ses_unlock(const char *name);          /* an account or an address; how many were unlocked */

struct ses_total {
    uint64_t logins, refused;
    uint32_t open, up;
};
const struct ses_total *ses_total(void);

#endif
