/* rad_client.h - asks RADIUS servers: which one, how often, how long.
 *
 *     struct rad_group *g = rad_group_new(self, &conf, RAD_AUTH);
 *     struct rad_ask *a = rad_ask(g, write, done, me);  // write() puts the attributes, for each server anew
 *       -> done(me, RAD_ANSWERED, &in, &how)             // verified; once, also after rad_ask_cancel() has not run
 *     rad_group_free(g);                                 // every ask ends with RAD_GONE
 *
 * Knows:  servers and their states, ids and ports, retransmission (RFC 5080
 *         section 2.2.1), fail-over, dead time, probing with Status-Server (RFC
 *         5997), UDP (rad_udp) and TLS (rad_tls, RFC 6614) as transports.
 * Leaves: what is asked and what the answer means, to rad_auth and rad_acct.
 *
 * Main loop only. 10,000 requests in flight are ordinary: an id is 8 bits of one
 * source port, so there are as many ports as are needed.
 */
#ifndef RAD_CLIENT_H
#define RAD_CLIENT_H

#include "rad_conf.h"
#include "rad_msg.h"

#define RAD_AUTH 0u             /* which port of each server is asked */
#define RAD_ACCT 1u

struct rad_group;
struct rad_ask;

/* How an answer came about: what reading it needs, and for people. */
struct rad_how {
    const struct rad_key *key;
    const uint8_t *authenticator;       /* of the request, 16 octets */
    const char *server;         /* its name */
    uint32_t tries;
    uint64_t took_ms;
};

enum rad_end {
    RAD_ANSWERED,
    RAD_SILENT,                 /* no server answered within the time for all */
    RAD_NO_SERVER,              /* every one is dead at present; or there is none of that name */
    RAD_TOO_LONG,               /* the request does not fit into a packet */
    RAD_GONE,                   /* the group is freed */
};

/* Writes a request's attributes; called for each server that is asked, since
 * hidden values depend on its secret, and not for plain retransmissions. */
typedef void (*rad_write)(void *u, struct rad_out *o);
typedef void (*rad_done)(void *u, enum rad_end end, const struct rad_in *in, const struct rad_how *how);

/* What the configuration says is copied. NULL after adit_fail(). */
struct rad_group *rad_group_new(struct adit_self *self, const struct rad_servers_conf *conf, uint32_t what);
int32_t rad_group_start(struct rad_group *g);   /* 0, or ADIT_E* after adit_fail() */
/* Other servers: those whose rows are as they were keep their state and what they are
 * asked; asks of others go on elsewhere. As it was when it fails. */
int32_t rad_group_reload(struct rad_group *g, const struct rad_servers_conf *conf);
void rad_group_stop(struct rad_group *g);       /* sockets closed, asks end with RAD_GONE */
void rad_group_free(struct rad_group *g);       /* NULL is fine */

/* `code` is RAD_ACCESS_REQUEST, RAD_ACCOUNTING_REQUEST; `limit_ms` for all tries
 * with all servers. `only` (may be NULL): that server and no other is asked, even a
 * dead one: whoever sent the challenge that this continues, since State means nothing
 * to another. NULL: out of memory, too many at once, or stopped (done is not called).
 * write() may come from inside rad_ask(), done() does not. Neither calls
 * rad_group_stop(). */
struct rad_ask *rad_ask(struct rad_group *g, uint32_t code, uint64_t limit_ms, const char *only,
                        rad_write write, rad_done done, void *u);
void rad_ask_cancel(struct rad_ask *a);         /* done() does not come any more */

/* A shared secret out of `secret` or the first line of `file`, one of which is set, to
 * be freed; `what` names it in the sentence. NULL after adit_fail(). */
uint8_t *rad_secret(struct adit_self *self, const char *what, const char *secret, const char *file,
                    uint32_t *len);

bool rad_group_has(const struct rad_group *g, const char *server);
/* For `adit radius`: one object a server: name, address, state (up, dead,
 * probing, unknown), since, round-trip, in flight, counters. */
void rad_group_report(struct rad_group *g, struct adit_report *r);

/* ---- for the faces' tables (plugin.c) ------------------------------------------------ */

/* The first counters of both faces, in this order: all servers together. */
#define RAD_CLIENT_COUNTERS(X)                                                                  \
    X(REQUESTS,   "requests",          "Requests that a server was asked.")                     \
    X(AGAIN,      "retransmissions",   "Requests sent once more, to the same server.")          \
    X(ANSWERS,    "answers",           "Answers that were verified and fitted a request.")      \
    X(SILENT,     "unanswered",        "Requests that a server left without an answer.")        \
    X(FAILOVERS,  "failovers",         "Requests that went on to another server.")              \
    X(LATE,       "late-answers",      "Answers to requests that were given up.")               \
    X(DUPLICATE,  "duplicate-answers", "Second answers to a request.")                          \
    X(FORGED,     "bad-authenticators", "Answers that the shared secret does not verify.")      \
    X(UNSIGNED,   "unsigned-answers",  "Answers without the Message-Authenticator that is demanded.") \
    X(STRAY,      "stray-datagrams",   "Datagrams from elsewhere, of no request, or not RADIUS.") \
    X(PROBES,     "probes",            "Status-Server requests.")

enum {
#define RAD_X(NAME, name, text) RAD_N_##NAME,
    RAD_CLIENT_COUNTERS(RAD_X)
#undef RAD_X
    RAD_N_CLIENT
};

/* And events of both. */
extern const struct adit_event rad_ev_up, rad_ev_dead, rad_ev_secret, rad_ev_unsigned, rad_ev_stray,
    rad_ev_lookup;
#define RAD_CLIENT_EVENTS \
    &rad_ev_up, &rad_ev_dead, &rad_ev_secret, &rad_ev_unsigned, &rad_ev_stray, &rad_ev_lookup

#endif
