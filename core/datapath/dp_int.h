/* dp_int.h - what the files of this room share. */
#ifndef DP_INT_H
#define DP_INT_H

#include <net/if.h>
#include <stdbool.h>
#include <adit/table.h>
#include "datapath/dp.h"
#include "datapath/dp_guard.h"
#include "datapath/dp_pkt.h"
#include "datapath/dp_rate.h"

struct loop_fd;
struct loop_timer;

/* ---- the table: destination -> port (dp_table.c) ---- */

struct dp_net {
    struct adit_entry node;
    struct dp_port *port;
    struct adit_addr net;       /* host bits zero */
};

/* ADIT_EEXIST: another port has this very network; ADIT_EINVAL: it is none. */
int dp_table_add(struct dp_net *n, const struct adit_addr *net, struct dp_port *port);
void dp_table_del(struct dp_net *n);
/* The port of the longest network that holds the address (in network order); NULL. */
struct dp_port *dp_table_find4(const uint8_t ip[4]);
struct dp_port *dp_table_find6(const uint8_t ip[16]);
void dp_table_fini(void);

/* ---- TUN devices (dp_tun.c) ---- */

struct dp_tun {
    int fd;                     /* -1: gone */
    int index;
    char name[IFNAMSIZ];
    uint32_t mtu;
    bool vnet, tso, uso;
    struct dp_gro *gro;
    struct loop_fd *watch;
    struct loop_timer *again;   /* opens it anew after it was taken away */
    struct dp_iface *iface;     /* NULL: the shared one */
    struct dp_tun *next;        /* of those with something to flush */
    bool dirty;
};

int dp_tun_open(struct dp_tun *t, const char *name, uint32_t mtu, bool offload);
/* `wait`: closing blocks for milliseconds; else a thread does it. */
void dp_tun_close(struct dp_tun *t, bool wait);
void dp_tun_add(struct dp_tun *t, uint8_t *p, const struct dp_hdr *h);
void dp_tun_flush(struct dp_tun *t);
/* Writes one packet as it is. */
void dp_tun_put(struct dp_tun *t, const uint8_t *p, size_t len);

/* ---- ports (dp.c) ---- */

struct dp_port {
    struct adit_node node;
    const struct dp_ops *ops;
    void *u;
    struct dp_count count;
    struct adit_addr address, address6;
    uint32_t mtu;
    bool dead;                  /* detached; freed when nothing points at it any more */
    bool releasing;             /* what waited for its turn goes on */
    struct dp_tun *tun;
    struct dp_iface *iface;     /* whose port it is; NULL: of the shared TUN */
    struct dp_net net4, net6, net_ll;
    uint8_t ll[16];             /* its link-local address, once it was seen */
    /* packets of this round for the client: [0] IPv4, [1] IPv6; numbers + 1 */
    struct { uint32_t first, last, count, bytes; } out[2];
    bool touched;
    int proxy_index;            /* where a proxy entry was made; 0: nowhere */
    uint32_t route_count;
    struct dp_net *route_net;
    bool *route_on;
    bool address_route;
    struct dp_guard *guard;     /* NULL: nothing is filtered or limited */
    char who[64];
};

/* ---- interfaces of their own (dp_iface.c) ---- */

struct dp_iface {
    struct adit_node node;
    struct dp_tun tun;
    struct dp_port *port;       /* NULL: down */
    void (*wanted)(void *u, uint16_t proto, const uint8_t *packet, size_t len);
    void *u;
    struct adit_node settings;  /* addresses and routes, in the order in which they were set */
    bool reading;               /* its TUN is being read */
    bool dead;                  /* closed; freed after that */
};

int dp_iface_up(struct dp_iface *i);            /* its TUN is open: what the host is to know of it */
void dp_iface_bury(struct dp_iface *i);
/* DATA PATH: a packet came, and there is no port. */
void dp_iface_want(struct dp_iface *i, unsigned version, const uint8_t *d, size_t len);
void dp_pins_forget(void);                      /* they were undone */
bool dp_is_open(void);
void dp_tun_sysctl(const struct dp_tun *t, const char *family, const char *what, const char *value);

extern struct dp_total dp_totals;
extern struct dp_cfg dp_conf;

/* A super-packet or packet as the TUN gave it. `slot`: it lies in the round's
 * arena with its room. */
void dp_from_tun(struct dp_tun *t, const struct virtio_net_hdr *vh, uint8_t *p, size_t len, bool slot);
/* Where the next packet may be read to, with room for `len` and ADIT_ROOM
 * before it; may deliver what is waiting. */
uint8_t *dp_slot(size_t len);
void dp_begin(struct dp_tun *t);        /* a round of reads */
void dp_end(struct dp_tun *t);          /* t may be gone after it */
void dp_tun_gone(struct dp_tun *t);

/* ---- what a session is held to (dp_guard.c) ---- */

/* A packet for the client that waits for its turn, as the TUN gave it. */
struct dp_wait {
    struct dp_wait *next;
    struct virtio_net_hdr vh;
    uint32_t len;
    uint64_t bytes;             /* that its rate is charged */
    uint8_t data[];
};

/* The guard of the port from now on: `g` (NULL: none), with what the old one kept
 * waiting. due(p) when the first that waits may go: dp_guard_next() until NULL. */
struct dp_guard *dp_guard_place(struct dp_guard *g, struct dp_guard *old, struct dp_port *p,
                                void (*due)(struct dp_port *p));
/* DATA PATH, of a port with a guard: false when the packet was dropped, or waits. */
bool dp_guard_rx(struct dp_port *p, const uint8_t *d, const struct dp_hdr *h, const struct dp_who *who);
bool dp_guard_tx(struct dp_port *p, const uint8_t *d, size_t len, const struct dp_hdr *h,
                 const struct virtio_net_hdr *vh, const struct dp_who *who);
struct dp_wait *dp_guard_next(struct dp_guard *g);      /* the caller's, to free() */

/* ---- the host (dp_host.c) ---- */

int dp_host_open(void);
void dp_host_close(void);
int dp_host_link(int index, uint32_t mtu);              /* up */
/* `peer` NULL or of family NONE: an ordinary address. */
int dp_host_addr(int index, const struct adit_addr *our, const struct adit_addr *peer, bool add);
int dp_host_route(int index, const struct adit_addr *net, const struct adit_addr *from, bool add);
/* A route, as it is kept: not only to what a port's TUN carries. */
struct dp_way {
    struct adit_addr net;
    struct adit_addr via;       /* NONE: on the link itself */
    int index;
    uint32_t metric;            /* 0: the kernel's choice */
};
/* Before others to the same network and of the same metric. */
int dp_host_way(const struct dp_way *w, bool add);
int dp_host_way_to(const struct adit_addr *host, struct dp_way *out);   /* the one that leads there now */
int dp_host_proxy(int index, const struct adit_addr *addr, bool add);
/* The interface (not `but`) in whose network the address lies; 0: none. */
int dp_host_lan(const struct adit_addr *addr, int but);

/* ---- nftables (dp_nft.c, dp_nft.h) ---- */

#define DP_NFT_TABLE 32u        /* bytes of the name of our table */
int dp_nft_drop(const char *table);     /* also one that is not there */
void dp_nft_forget(void);               /* what was in force was undone */

/* ---- the undo journal (dp_undo.c) ---- */

int dp_undo_open(const char *state_dir);
void dp_undo_close(void);       /* undoes everything, newest first */
/* Sets a file below /proc/sys, if it is not so already, after noting its value. */
int dp_sysctl(const char *path, const char *value);
int dp_sysctl_once(const char *path, const char *value);    /* goes with its interface: no note */
/* A table of nftables that is ours: notes it before it is made, forgets it when it is
 * gone. Undoing removes it. */
int dp_undo_table(const char *table, bool add);
int dp_undo_proxy(int index, const struct adit_addr *addr, bool add);   /* and does it */
int dp_undo_way(const struct dp_way *w, bool add);      /* and does it */

#endif
