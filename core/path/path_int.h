/* path_int.h - what the files of this room share. */
#ifndef PATH_INT_H
#define PATH_INT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <adit/list.h>
#include <adit/table.h>
#include "path/path.h"

struct loop_fd;

/* of one family */
struct path_sock {
    int fd;                     /* -1: none */
    sa_family_t family;
    bool gso;                   /* UDP_SEGMENT is worth a try */
    bool any;                   /* every address: packet info tells which one was called */
    struct adit_addr our;       /* else it is this one */
    bool big;                   /* the last batch was of merged datagrams */
    struct loop_fd *watch;
    struct adit_port *port;
    struct adit_node calling;   /* paths that wait for a first answer */
};

struct adit_port {
    struct adit_node node;      /* in path_ports; not when closed */
    struct adit_self *self;
    uint32_t protocol, flags;
    struct adit_addr at;
    struct adit_path_ops ops;
    void *u;
    struct path_sock sock[2];   /* IPv4, IPv6 */
    struct path_sock ear;       /* of a port that broadcasts: answers to everybody */
    uint32_t refs;              /* whoever bound it, paths, a read under way */
    bool closed;
};

/* A security association as the host keeps it. */
struct path_assoc {
    struct adit_node node;      /* in its layer */
    struct path_layer *layer;
    struct adit_security_info info;
    struct adit_node paths;
    uint32_t refs;              /* paths */
    bool used;                  /* some path of it was held: unused() will be said */
    bool ended;
};

struct path_dial;               /* an association that a path waits for */

#define PATH_ASSOC_BITS 10u

struct path_layer {
    struct adit_node node;
    struct adit_self *self;
    const struct adit_security *sec;
    struct adit_hash assocs;    /* by handle */
    struct adit_node buckets[1u << PATH_ASSOC_BITS];
};

#define PATH_CTL (CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(uint16_t)))

struct path {
    struct adit_path pub;       /* what plugins see */
    struct adit_entry node;     /* in the table of all */
    struct adit_node in_assoc;
    struct adit_node calling;   /* opened by us and never answered */
    uint32_t refs;              /* holds */
    uint32_t busy;              /* inside a delivery */
    bool gone;
    struct adit_port *port;
    struct path_assoc *assoc;   /* NULL: clear, or not yet */
    struct path_dial *dial;     /* NULL: waits for nothing */
    bool dialled;               /* the association was begun for it */
    /* receiving: frames of this batch, as numbers + 1 */
    uint32_t first, last;
    struct path *touched;
    /* sending */
    struct sockaddr_storage to;
    socklen_t to_len;
    uint32_t ctl_len;           /* of the packet info at the front of ctl */
    _Alignas(struct cmsghdr) uint8_t ctl[PATH_CTL];
    uint32_t gso_most;          /* longer segments do not leave by GSO */
    uint64_t gso_again_ms;      /* until then */
};

/* Every address, of one family maybe: 0.0.0.0 and :: are none of a host's. */
static inline bool path_any(const struct adit_addr *a)
{
    static const uint8_t zero[16];
    return a->family == ADIT_AF_NONE || memcmp(a->ip, zero, sizeof zero) == 0;
}

/* 255.255.255.255: everybody on a network (RFC 919 section 7). */
static inline bool path_everybody(const struct adit_addr *a)
{
    return a->family == ADIT_AF_IPV4 && memcmp(a->ip, "\xff\xff\xff\xff", 4) == 0;
}

#define PATH_OF(p) ((struct path *)(void *)(p))         /* pub is first */

extern struct path_stat path_stats;
extern struct adit_node path_ports, path_layers;

/* path.c */
struct path *path_find(struct adit_port *port, struct path_assoc *assoc,
                       const struct adit_addr *our, const struct adit_addr *peer, bool make);
void path_idle(struct path *p);                 /* nobody needs it? then it goes */
void path_hand(struct path *p, struct adit_frame **v, uint32_t n);
bool path_refuses_clear(struct adit_port *port, const struct adit_addr *our,
                        const struct adit_addr *peer, uint32_t n);
void path_gone(struct path *p);                 /* tells whoever holds it */
void path_port_unref(struct adit_port *port);
/* A held path from a port to a peer. assoc NULL: clear, or for path_dial(). */
int32_t path_open(struct adit_port *port, struct path_assoc *assoc, const struct adit_addr *our,
                  const struct adit_addr *peer, struct path **out);
/* The association of a handle, with a reference; NULL: no memory. */
struct path_assoc *path_assoc_get(struct path_layer *l, const struct adit_security_info *info);
void path_assoc_unref(struct path_assoc *a);
/* A path that waited leaves under this association from now on. */
void path_secure(struct path *p, struct path_assoc *a);
void path_flush(void);

/* path_sock.c: sockets, batches in */
int32_t path_sock_open(struct path_sock *s, struct adit_port *port, sa_family_t family);
void path_sock_close(struct path_sock *s);
/* The MTU of the route to a peer (0: no route) and the address that it would be
 * sent from. To everybody: of the network that `our` is on. */
uint32_t path_route(const struct adit_addr *peer, struct adit_addr *our);

/* ICMP errors about this path count from now on, until its peer answered. */
void path_sock_errors(struct path_sock *s, struct path *p);
/* Waits a little for room in a full socket; false: not any more. */
bool path_sock_wait(const struct path_sock *s);

/* path_dial.c: paths that wait for their association */
int32_t path_dial(struct adit_port *port, const struct adit_addr *our, const struct adit_addr *peer,
                  struct adit_path **out);
void path_dial_tx(struct path *p, struct adit_frame **v, uint32_t n);
void path_dial_drop(struct path *p);            /* nobody holds it any more */
void path_dial_off(struct path_layer *l);       /* that layer ends */

/* path_tx.c: batches out */
void path_tx_prepare(struct path *p);
void path_tx_clear(struct path *p, struct adit_frame **v, uint32_t n);

/* path_frame.c */
void path_frames_recycle(void);

#endif
