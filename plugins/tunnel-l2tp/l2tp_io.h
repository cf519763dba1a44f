/* l2tp_io.h - the instance: its settings, and the face's tables. */
#ifndef L2TP_IO_H
#define L2TP_IO_H

#include "l2tp_env.h"

#include <adit/tunnel.h>

#define L2TP_PORT 1701u

/* Whom a tunnel follows when its peer's address changes. */
#define L2TP_FOLLOW_PORT    0u  /* another port of the same address */
#define L2TP_FOLLOW_SECURED 1u  /* another address through the same security association */
#define L2TP_FOLLOW_ALWAYS  2u

struct l2tp_peer {
    struct adit_addr address;   /* network; family NONE: any */
    const char *host_name;      /* NULL: any */
    const char *secret;
};

struct l2tp_conf {
    struct adit_array listen;   /* struct adit_addr */
    struct adit_array peers;    /* struct l2tp_peer */
    const char *secret;
    const char *host_name;      /* NULL: the host's */
    uint64_t hello_ms, rto_ms, rto_max_ms, setup_ms, idle_ms, linger_ms, reorder_ms;
    uint32_t require_security, hide, sequencing, length_bit, zero_id, tie_breaker;
    uint32_t tries, window, reorder_queue, mtu, follow;
    uint32_t max_tunnels, max_per_address, max_half_open, max_half_open_per_address;
    uint32_t replies_per_s;
};

extern const struct adit_life l2tp_life;
extern const struct adit_tunnel l2tp_tunnel_vtable;
extern const struct adit_event *const l2tp_events[];

#endif
