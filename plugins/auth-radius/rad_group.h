/* rad_group.h - what the files of the client share: servers, lanes, ids, asks.
 *
 * A group has servers; a server has lanes, each one UDP port or one TLS connection
 * of ours with 256 ids; an ask takes one id of one lane at a time.
 *
 *     rad_client.c   asks: who is asked next, how often, how long
 *     rad_server.c   one server: its address, its state, probing, lanes and ids
 *     rad_udp.c, rad_tls.c   how bytes get there: struct rad_transport
 */
#ifndef RAD_GROUP_H
#define RAD_GROUP_H

#include "rad_client.h"

#define RAD_MOST_SERVERS 32u    /* of a group: a bit each in rad_ask.tried */
#define RAD_MOST_ASKS    20000u /* of a group at once */
#define RAD_MOST_ADDRS   8u     /* of a name */
#define RAD_HOLD_MS      10000u /* so long the id of a request that was given up stays out of use */
#define RAD_PER_MS       32u    /* answers, and requests that move on: packets of sessions pass between them */
#define RAD_HURRY_MS     1000u  /* servers are probed at most so often when all are dead */

/* RFC 5080 section 2.2.1 */
#define RAD_MRT_MS       16000u

enum rad_state { RAD_UNKNOWN, RAD_UP, RAD_DEAD, RAD_PROBING };

/* Whether a server understands Status-Server. */
enum rad_status { RAD_STATUS_UNKNOWN, RAD_STATUS_YES, RAD_STATUS_NO };

struct rad_lane;
struct rad_server;

/* Everything here is on the main loop. What a transport calls back: rad_lane_*(). */
struct rad_transport {
    const char *name;
    uint32_t lanes;             /* most of a server's */
    bool reliable;              /* nothing is sent twice on one lane */
    /* Reads what is configured for it into server->wire; 0, or ADIT_E* after adit_fail(). */
    int32_t (*prepare)(struct rad_server *s);
    void (*fini)(struct rad_server *s);         /* NULL: nothing to do */
    /* Opens a lane: at once (lane->up), or rad_lane_up() later, or never
     * (rad_lane_gone()). NULL, or why that cannot be, which stays valid for a while. */
    const char *(*open)(struct rad_lane *l);
    void (*tx)(struct rad_lane *l, const uint8_t *p, uint32_t len);     /* may lose it */
    void (*close)(struct rad_lane *l);          /* nothing comes from it any more */
};
extern const struct rad_transport rad_udp, rad_tls;

enum rad_use { RAD_ID_FREE, RAD_ID_BUSY, RAD_ID_ANSWERED, RAD_ID_GIVEN_UP };

/* An id of a lane. It outlasts its request: a late or second answer is known by it. */
struct rad_id {
    struct adit_node node;      /* in lane->spare, or, given up, in server->held; busy: none */
    struct rad_lane *lane;
    struct rad_ask *ask;        /* BUSY */
    uint64_t held_until;        /* GIVEN_UP */
    uint8_t authenticator[16];  /* of the request */
    uint8_t number, use, code;  /* use: enum rad_use; code: of the request */
};

struct rad_lane {
    struct adit_node node;      /* in server->lanes */
    struct adit_node ready;     /* in server->ready; not when no id is spare */
    struct rad_server *server;
    void *wire;                 /* the transport's */
    bool up;                    /* may send */
    bool old;                   /* takes no more requests: the server's address is another now */
    uint32_t busy;              /* ids in use */
    uint64_t used_ms;
    struct adit_addr our, peer; /* our: where it leaves from, once that is known */
    struct adit_node spare;     /* the longest unused first */
    struct rad_id id[256];
};

struct rad_lookup;

struct rad_server {
    struct rad_group *group;
    struct rad_server_conf conf;        /* its strings are ours */
    const char *name;           /* one of them */
    uint32_t index;             /* in its group */
    uint16_t port;
    uint8_t *secret;
    struct rad_key key;
    const struct rad_transport *transport;
    void *wire;                 /* the transport's */

    /* where */
    struct adit_addr addrs[RAD_MOST_ADDRS];
    uint32_t addr_count, addr_at;       /* 0: the name is not looked up yet */
    bool is_name;
    struct rad_lookup *lookup;  /* under way */

    /* how it is */
    enum rad_state state;
    enum rad_status status;
    uint64_t since_ms, heard_ms, probed_ms;
    bool heard;                 /* something verified came, ever */
    bool doubt;                 /* a request waits longer than it should: others are preferred */
    bool trial;                 /* one ordinary request may try it */
    bool told_secret, told_unsigned;    /* people know, until it answers well */
    char why[200];              /* it is dead */
    struct rad_ask *probe;      /* Status-Server under way */
    struct rad_ask *trying;     /* the ordinary request that tries it */
    uint64_t rtt_ms8;           /* smoothed, of requests that were sent once; 1/8 ms */
    int64_t credit;             /* smooth weighted turns */
    uint64_t backoff_ms;        /* before the next connection */
    struct adit_timer *timer;   /* the next probe */
    struct adit_timer *idle;    /* lanes that are no longer needed */
    bool idle_set;

    /* ids */
    struct adit_node lanes, ready, held;        /* held: the oldest first */
    uint32_t lane_count, busy;
    struct adit_node asks;      /* that wait for its answer */
    uint64_t count[RAD_N_CLIENT];
};

struct rad_group {
    struct adit_self *self;
    uint32_t what;              /* RAD_AUTH, RAD_ACCT */
    uint32_t order, probe;      /* as in struct rad_servers_conf */
    uint64_t dead_ms;
    bool running;
    bool crowded;               /* somebody waits for an id to become free */
    struct adit_timer *look;    /* those that wait for a server have another look */
    uint32_t parked_count, look_left;
    struct adit_timer *drain;   /* answers that came too many at once (rad_server.c) */
    struct adit_node late;
    uint32_t late_bytes, taken; /* taken: since drain fired */
    struct rad_server *servers[RAD_MOST_SERVERS];
    uint32_t server_count;
    struct adit_node asks;      /* all */
    struct adit_node parked;    /* those without a server for now */
    uint32_t ask_count;
    uint64_t random;
};

struct rad_ask {
    struct adit_node node;      /* in group->asks */
    struct adit_node at;        /* in server->asks or group->parked */
    struct rad_group *group;
    struct rad_server *only;
    uint32_t code;
    uint32_t tried;             /* servers, a bit each */
    uint64_t begun_ms, until_ms;
    bool parked, ending, probing;       /* probing: a Status-Server of ours */
    enum rad_end end;

    /* at one server */
    struct rad_id *id;          /* NULL: nowhere */
    uint64_t sent_ms;           /* the first time */
    uint64_t leave_ms;          /* when others get their share of the time */
    uint32_t tries, most;       /* with this server */
    uint32_t moved;             /* lanes that broke under it */
    uint64_t wait_ms;           /* RT of RFC 5080 */
    bool sent, forged;          /* forged: an answer came that its secret does not verify */
    uint8_t *packet;
    uint32_t packet_len;

    uint32_t tries_all;
    struct adit_timer *timer;
    rad_write write;
    rad_done done;
    void *u;
};

static inline uint64_t rad_now(const struct rad_group *g)
{
    return g->self->host->loop->now();
}

static inline void rad_count(struct rad_server *s, uint32_t which)
{
    s->count[which]++;
    adit_count(s->group->self, which);
}

static inline const struct adit_addr *rad_server_addr(const struct rad_server *s)
{
    return &s->addrs[s->addr_at];
}

/* ---- rad_client.c, for the others --------------------------------------------------- */

/* v, and up to a tenth less or more (RFC 5080 section 2.2.1). */
uint64_t rad_jitter(struct rad_group *g, uint64_t v);
void rad_ask_send(struct rad_ask *a);                   /* its lane is up now */
void rad_ask_answered(struct rad_ask *a, const struct rad_in *in);
/* A Status-Server, which ends as any other ask. */
struct rad_ask *rad_ask_status(struct rad_server *s, uint32_t tries, rad_done done);
/* Its lane is gone: on to another server, or to this one again. */
void rad_ask_move(struct rad_ask *a, bool same_again);
void rad_ask_leave(struct rad_ask *a, uint64_t after_ms);       /* on to another, soon */
bool rad_ask_has_other(const struct rad_ask *a);        /* servers that it could go on to */
/* Something changed for those that wait for a server. */
void rad_group_unpark(struct rad_group *g);

/* ---- rad_server.c ------------------------------------------------------------------- */

int32_t rad_server_new(struct rad_group *g, const struct rad_server_conf *conf, struct rad_server **out);
int32_t rad_server_start(struct rad_server *s);
void rad_server_stop(struct rad_server *s);
void rad_server_free(struct rad_server *s);

void rad_group_drain(void *u);          /* the timer of group->late */
bool rad_server_same(const struct rad_server *s, const struct rad_server_conf *conf);
bool rad_server_lives(const struct rad_server *s);      /* it has an address and is not dead */
/* All are dead and somebody waits: whether this one is being asked whether it lives. */
bool rad_server_hurry(struct rad_server *s);
void rad_server_heard(struct rad_server *s, bool status);
/* A request got no answer within its time; the server is dead now, if nothing else
 * came either. */
void rad_server_silent(struct rad_server *s, const struct rad_ask *a);
void rad_server_dead(struct rad_server *s, const char *why);
void rad_server_report(struct rad_server *s, struct adit_report *r);

/* An id on some lane, busy with `a`; NULL: all are in use, or no lane can be opened. */
struct rad_id *rad_id_take(struct rad_server *s, struct rad_ask *a);
void rad_id_give(struct rad_id *id, enum rad_use use);

/* ---- rad_server.c, for transports --------------------------------------------------- */

void rad_lane_up(struct rad_lane *l);
/* The connection is gone, and the lane is freed here. `why` for people; `fault`:
 * the server's or the configuration's; false: the ordinary end of an idle one. Never
 * from inside tx(). */
void rad_lane_gone(struct rad_lane *l, bool fault, const char *why);
/* Looked at now, or, when many came at once, a little later. */
void rad_lane_rx(struct rad_lane *l, const uint8_t *p, uint32_t len);
void rad_lane_stray(struct rad_lane *l, const struct adit_addr *peer);  /* not from the server */

#endif
