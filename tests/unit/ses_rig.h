/* ses_rig.h - the rooms session, plugin and ppp as they are, on a loop in virtual
 * time and a data path of nothing: stub plugins on one side, dialling clients on
 * the other.
 *
 *     rig_house("ppp: { auth: [pap] }");       // 8 ports; accepts, grants, leases
 *     struct caller *c = rig_call(rig.tunnel, "anna", 1);
 *     rig_run(1000);
 *     ck_assert(c->up);
 *     rig_close();
 *
 *     struct ses_dial d = rig_dialled(rig.tunnel);             // the other way round
 *     ses_dial(&d, &s); rig_pick_up(rig.dialled, "secret", NULL);   // the server's end of it
 *
 * What the stubs hear stands in rig.log, in words. A stub that is called from
 * where the ladder must not call it (a tunnel's hangup inside its own rx) fails
 * the test.
 */
#ifndef SES_RIG_H
#define SES_RIG_H

#include <adit/plugin.h>
#include "datapath/dp.h"
#include "ppp/ppp.h"
#include "session/ses.h"

struct stub {
    struct plug_inst *inst;
    struct adit_self *self;
    struct ses_tunnel *tunnel;
    char name[16];
    /* what it answers */
    bool silent;                /* nothing, until rig_answer() */
    int32_t status;
    uint32_t verdict, cause, grant;
    bool ignore_account;        /* a policy that grants does not look at accounts */
    bool no_match;              /* a policy engine without a policy for this */
    const char *why;
    const char *place;          /* where the account stands, or the policy */
    struct adit_attrs *attrs;   /* with an acceptance, a grant or a lease */
    uint32_t first;             /* a pool's next address, host order; every lease takes one */
    uint32_t left;              /* addresses in it */
    uint32_t nets;              /* IPv6 networks in it: 2001:db8:N::/64 */
    /* what it saw */
    adit_request req;           /* the last */
    uint32_t asked, cancelled, released, begun, interims, ended, refusals;
    uint64_t duration_ms;       /* of the last end */
    uint64_t ended_by;          /* its cause */
    uint64_t refused_by;        /* the last refusal's cause, and whose it was */
    char refused_user[32];
    bool wanted;                /* the last lease was for one address */
    bool fixed;                 /* it leases that one, to one at a time */
    struct adit_addr one;       /* which it is */
    bool one_is_out;
};

struct caller {
    struct adit_link *link;     /* NULL: the call is over, or was never taken */
    int32_t refused;            /* what open() said */
    struct stub *tunnel;
    struct ppp *ppp;
    struct loop_timer *timer;
    const char *user;
    struct adit_link_info info;
    bool up, down;              /* its network; its PPP ended */
    uint32_t cause;             /* its PPP's */
    bool hung_up;               /* the host asked for the call's end */
    uint32_t hangup_cause;
    bool deaf;                  /* takes nothing that comes */
    bool slow_hangup;           /* hung_up is all that happens; rig_hang_up() ends the call */
    uint32_t role;              /* DIAL: it called; ANSWER: it was called */
    struct adit_dial to;        /* ANSWER: how */
    const char *password;       /* ANSWER: the right one */
    const char *as;             /* ANSWER: who it is, when it has to prove itself; NULL: it does not */
    struct adit_addr address;
    uint8_t heard[1500];        /* the last IPv6 datagram that came, and how many did */
    uint32_t heard_len, heard_count;
};

extern struct rig {
    char log[65536];
    bool in_rx;                 /* a link->rx() is on the stack */
    int32_t attach_fails;       /* what dp_attach() says */
    struct dp_attach attached;  /* the last */
    uint32_t ports;             /* of the data path that are attached now */
    struct dp_port *last_port;
    struct stub *tunnel, *auth, *policy, *pool;         /* of rig_house() */
    bool rude;                  /* tunnels end without link->down() for their calls */
    bool ipv6;                  /* callers want IPv6, too */
    bool no_ipv4;               /* callers want no IPv4 */
    uint32_t can;               /* methods that callers know, ADIT_AUTH_*; 0: all */
    const char *peer_host;      /* how callers' computers are named; NULL: not */
    bool at_once;               /* tunnels call link->down() from inside hangup() */
    int32_t dial_fails;         /* what a tunnel's dial() says */
    struct caller *dialled;     /* who was called last */
} rig;

/* The rooms, with section `ppp:` from YAML ("" defaults). */
void rig_open(const char *yaml);
void rig_house(const char *yaml);               /* with a tunnel t, an authenticator a, a policy p, a pool l */
int32_t rig_conf(const char *yaml);             /* a reload of it */
void rig_close(void);
struct stub *rig_add(uint32_t kind, const char *name);
void rig_remove(struct stub *s);
void rig_answer(struct stub *s);                /* the kept request gets its answer */

/* One that dials from 192.0.2.`host`; refused says when the host did not take it.
 * The password is right or wrong as the authenticator says. */
struct caller *rig_call(struct stub *tunnel, const char *user, uint8_t host);
/* Its PPP begins anew on the same call, as `user`. */
void rig_redial(struct caller *c, const char *user);
void rig_hang_up(struct caller *c, uint32_t cause);     /* the bearer is gone */
void rig_quit(struct caller *c);                /* Terminate-Request */
void rig_clear(void);                           /* all callers go, and are forgotten */
void rig_inject(struct caller *c, const void *frame, uint32_t len);    /* as if its PPP had sent it */
struct dp_count *rig_count(void);               /* of the last port of the data path */
void rig_traffic(struct caller *c);             /* a datagram from the client, now */

/* What the rig hears of a call of its own; words go to rig.log. */
struct ses_dial rig_dialled(struct stub *tunnel);
extern struct rig_news {
    uint32_t ups, downs, cause;
    struct ses_dialled last;
    char text[256];
} rig_news;
/* The server that was called has taken the call. `password` NULL: it asks for none. */
void rig_pick_up(struct caller *c, const char *password, const char *as);
void rig_send6(struct caller *c, const void *datagram, uint32_t len);   /* from its end, an IPv6 datagram */

void rig_run(uint64_t ms);                      /* virtual time goes by */
uint64_t rig_now(void);
uint32_t rig_timers(void);                      /* that exist */

#endif
