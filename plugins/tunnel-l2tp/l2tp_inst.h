/* l2tp_inst.h - one instance: its ports, tunnels and calls, and how they are found.
 *
 * Both ids are ours, random, and unique in the instance: a data message finds
 * its call with one look at a table.
 */
#ifndef L2TP_INST_H
#define L2TP_INST_H

#include "l2tp_call.h"
#include "l2tp_data.h"
#include "l2tp_io.h"

#define L2TP_IDS 65536u
#define L2TP_HOST_BITS 10u

struct inst;

/* A bound port. */
struct inst_port {
    struct adit_node node;      /* inst->ports; in none: of a dialled tunnel */
    struct inst *inst;
    struct adit_port *port;
    bool secure;                /* what is clear is refused */
    bool serves;                /* takes tunnels of others */
};

/* An address that tunnels come from. */
struct inst_host {
    struct adit_node node;      /* inst->hosts */
    struct adit_node tunnels;
    struct adit_addr addr;      /* port 0 */
    uint32_t count, half_open;
};

struct inst_tunnel {
    struct l2tp_tunnel t;
    struct inst *inst;
    struct adit_node in_host;   /* inst_host.tunnels; later inst->dead_tunnels */
    struct adit_node in_dialled;        /* inst->dialled; in none: the peer opened it */
    struct inst_host *host;
    struct inst_port *port;
    struct adit_path *path;     /* held */
    struct adit_timer *timer[L2TP_TIMER_COUNT];
    bool owns_port;             /* bound for this dialled tunnel alone */
    bool half_open;             /* counted as such */
    bool was_up;
};

struct inst_call {
    struct l2tp_call c;
    struct inst *inst;
    struct adit_node dead;      /* inst->dead_calls */
    struct adit_link *link;     /* NULL: not opened, or down */
    struct adit_timer *timer, *seq_timer;
    struct l2tp_tx tx;
    struct l2tp_seq *seq;       /* NULL: no sequenced data came yet */
    uint64_t rx_frames, tx_frames;
};

struct inst {
    struct adit_self *self;
    const struct l2tp_conf *conf;
    struct l2tp_env env;
    struct inst_tunnel **tunnel;        /* L2TP_IDS of them */
    struct inst_call **call;
    struct adit_node ports;
    struct adit_node dialled;   /* tunnels that we opened */
    struct adit_hash hosts;
    struct adit_node buckets[1u << L2TP_HOST_BITS];
    struct adit_node dead_tunnels, dead_calls;      /* freed by the reaper, never inside a callback */
    struct adit_timer *reaper;
    uint64_t seed;
    uint32_t tunnels, half_open, calls, serial;
    uint64_t reply_at;          /* refusals: tokens as of this time */
    uint32_t reply_tokens;
    bool stopping;
};

#define L2TP_TUNNEL_OF(t_) ADIT_OF(t_, struct inst_tunnel, t)
#define L2TP_CALL_OF(c_) ADIT_OF(c_, struct inst_call, c)

/* ---- l2tp_table: who is known, who may come ------------------------------------ */

bool inst_same_security(const struct adit_security_info *a, const struct adit_security_info *b);
struct inst_host *inst_host_of(struct inst *in, const struct adit_addr *addr);

/* NULL: fine; else the limit that is reached, by its option's name. */
const char *inst_limit(struct inst *in, const struct adit_addr *from);

/* The secret for a peer; "" none. */
const char *inst_secret(const struct inst *in, const struct adit_addr *addr,
                        struct l2tp_bytes host_name);

/* A tunnel on a path, in the tables, with its timers; NULL: no memory or no id. */
struct inst_tunnel *inst_tunnel_new(struct inst *in, struct inst_port *port,
                                    struct adit_path *path, const char *secret);
struct inst_call *inst_call_new(struct inst *in, struct inst_tunnel *t);
/* It was answered: counted until it is up or gone. */
void inst_tunnel_half_open(struct inst_tunnel *t, bool yes);
/* Another path of the same peer. */
void inst_tunnel_move(struct inst_tunnel *t, struct adit_path *path);
/* Out of the tables, to be freed by the reaper. */
void inst_tunnel_gone(struct inst_tunnel *t);
void inst_call_gone(struct inst_call *c);
/* Frees what is gone. */
void inst_reap(void *u);

/* ---- l2tp_host: the machines' way to the host ------------------------------------- */

extern const struct l2tp_ops inst_ops;
extern const struct l2tp_seq_ops inst_seq_ops;
/* How a hang-up for that cause is told to the peer. */
struct l2tp_end inst_cdn_of(uint32_t cause);
/* The same in RFC 3145's numbers. */
struct l2tp_ppp_cause inst_ppp_cause_of(uint32_t cause);
/* A line, or the bytes, of a control message for those who watch the peer. */
void inst_trace(struct inst *in, const struct adit_path *path, uint32_t how, const char *line);
void inst_trace_packet(struct inst *in, const struct adit_path *path, uint32_t how,
                       const uint8_t *p, size_t len);
void inst_event_clear(struct inst *in, const struct adit_path *path);
void inst_event_limit(struct inst *in, const struct adit_path *path, const char *limit);
void inst_event_refused(struct inst *in, const struct adit_path *path, const struct l2tp_end *end);
void inst_event_moved(struct inst_tunnel *t, const struct adit_path *from);

#endif
