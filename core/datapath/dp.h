/* dp.h - the inner data path: between sessions and the host's IP stack.
 *
 *     dp_open(&cfg);                          // TUN, addresses, routes, forwarding
 *     struct dp_port *p = dp_attach(&at, &ops, me);
 *     dp_rx(p, PPP_IP, v, n);                 // from the client: checked, coalesced
 *       -> ops->tx(me, PPP_IP, v, n)          // to the client
 *     dp_detach(p);
 *
 * Knows:  TUN and its offloads, segments, coalescing, source check, MSS,
 *         routes, proxy ARP, forwarding, and undoing them.
 * Leaves: PPP, tunnels, who the client is.
 */
#ifndef DP_H
#define DP_H

#include <stdbool.h>
#include <adit/abi.h>
#include <adit/frame.h>

struct dp_cfg {
    const char *tun;            /* interface name; "adit%d" lets the kernel count; NULL: none */
    uint32_t mtu;               /* of the interface */
    struct adit_addr address;   /* our inner IPv4 address; family NONE: none */
    struct adit_addr address6;
    uint32_t forward;           /* 1: turn IP forwarding on (and back) */
    uint32_t proxy_arp;         /* 1: for clients whose address is on a LAN of ours */
    const char *state_dir;      /* the undo journal lives here */
    uint32_t offload;           /* 1: vnet headers, TSO/USO where the kernel has them */
};

/* What a session attaches with. */
struct dp_attach {
    struct adit_addr address;   /* the client's IPv4; NONE: none */
    struct adit_addr address6;  /* the client's IPv6 prefix; NONE: none */
    const struct adit_addr *routes;     /* networks behind the client */
    uint32_t route_count;
    uint32_t mtu;               /* inner, bytes: for MSS and for what is too long */
    struct dp_iface *iface;     /* NULL: the shared one; else that one, and no address or route is set */
    const char *who;            /* for the log */
};

struct dp_ops {
    /* DATA PATH: datagrams for the client, each at most mtu, with ADIT_ROOM
     * around them. proto is 0x0021 or 0x0057. */
    void (*tx)(void *u, uint16_t proto, struct adit_frame **v, uint32_t n);
};

struct dp_count {
    uint64_t rx_packets, rx_bytes;      /* from the client */
    uint64_t tx_packets, tx_bytes;      /* to the client */
    uint64_t rx_spoofed;                /* source address not the client's */
    uint64_t rx_bad, tx_too_long, tx_dropped;
    uint64_t last_rx_ms, last_tx_ms;    /* loop time; 0 never */
    /* dropped by a filter, or because the rate is used up; a super-packet is one */
    uint64_t rx_filtered, tx_filtered, rx_limited, tx_limited;
};

struct dp_port;

/* An interface of one connection: there whether a port is attached to it or not.
 * What a port attached to it sends may come from any address; what the host sends
 * into it goes to that port, whatever its destination. Addresses and routes are the
 * owner's to set, with dp_iface_addr() and dp_iface_route(); both are undone with it. */
struct dp_iface;
struct dp_iface_cfg {
    const char *name;           /* "%d" lets the kernel count */
    uint32_t mtu;
    /* A packet for it while nothing is attached; it is dropped after this. NULL: nobody cares. */
    void (*wanted)(void *u, uint16_t proto, const uint8_t *packet, size_t len);
    void *u;
};
/* Up at once, without addresses. Between dp_open() and dp_close(). Its MTU follows
 * the port that is attached. */
int dp_iface_open(const struct dp_iface_cfg *cfg, struct dp_iface **out);
void dp_iface_close(struct dp_iface *i);        /* detach its port first; NULL is fine */
const char *dp_iface_name(const struct dp_iface *i);
int dp_iface_index(const struct dp_iface *i);
int dp_iface_mtu(struct dp_iface *i, uint32_t mtu);
int dp_iface_addr(struct dp_iface *i, const struct adit_addr *our, const struct adit_addr *peer, bool add);
/* 0.0.0.0/0 is a default route. Before others of its metric; 0: the kernel's choice. */
int dp_iface_route(struct dp_iface *i, const struct adit_addr *net, uint32_t metric, bool add);

/* The way that leads to a host now is kept for it, whatever routes come later: the
 * outer address of a server, before a default route goes through the connection to
 * it. Journalled, undone by add = false and by dp_close(). As often off as on. */
int dp_pin(const struct adit_addr *host, bool add);

/* 0 or ADIT_E*, logged. cfg->tun NULL: no interface that sessions share, for a host
 * that serves nobody: there is only what dp_iface_open() makes. */
int dp_open(const struct dp_cfg *cfg);
void dp_close(void);                            /* undoes everything on the host */
/* Undoes what a crashed predecessor left; before dp_open(). */
void dp_recover(const char *state_dir);
/* ADIT_EEXIST: the address is another port's, or the interface has a port. */
int dp_attach(const struct dp_attach *at, const struct dp_ops *ops, void *u, struct dp_port **out);
void dp_detach(struct dp_port *p);              /* NULL is fine */
/* What the client is held to from now on (dp_guard.h); takes it. NULL: nothing. */
struct dp_guard;
void dp_port_guard(struct dp_port *p, struct dp_guard *g);
/* DATA PATH: from the client; the frames are borrowed until the round's end:
 * their bytes must stay until dp_flush(). */
void dp_rx(struct dp_port *p, uint16_t proto, struct adit_frame **v, uint32_t n);
/* DATA PATH: writes what was coalesced. Every reader calls it before it reuses
 * its buffers. */
void dp_flush(void);
const struct dp_count *dp_count(const struct dp_port *p);
const char *dp_tun_name(void);                  /* "" before dp_open() */
struct dp_total {
    uint64_t tun_reads, tun_writes, tun_read_packets, tun_write_packets, no_port, tun_errors;
};
const struct dp_total *dp_total(void);

#endif
