/* adit/tunnel.h - a tunnel: carries PPP frames of calls over some transport.
 * It listens and dials; it sees no user and no PPP.
 *
 * Upwards it speaks through host->link, downwards through host->stream and
 * host->path.
 */
#ifndef ADIT_TUNNEL_H
#define ADIT_TUNNEL_H

#include <adit/abi.h>
#include <adit/frame.h>

struct adit_link;

struct adit_dial {
    uint32_t size;
    uint32_t require_security;  /* 1: only through a security association */
    struct adit_addr from;      /* family NONE: any */
    struct adit_addr to;        /* port 0: the protocol's */
    const char *host_name;      /* our name for the peer; NULL: the instance's */
    const char *secret;         /* tunnel secret; NULL: none */
    const char *called;         /* number to call; NULL: none */
};

struct adit_tunnel {
    uint32_t size;
    uint32_t encrypts;          /* 1: PPP above must encrypt unless told otherwise (PPTP) */
    const char *protocol;       /* "pptp": the value of the attribute */
    /* DATA PATH: PPP frames for the peer, data from address and control field
     * (or protocol field) on, with ADIT_ROOM bytes of head room. Borrowed. */
    void (*tx)(void *call, struct adit_frame **v, uint32_t n);
    /* The host wants the call's end; link->down() follows, at once or later. */
    void (*hangup)(void *call, uint32_t cause);
    /* Calls a peer: the host opened the link (role DIAL); *call is what tx()
     * and hangup() get. link->up() or link->down() follow. NULL: cannot dial. */
    int32_t (*dial)(struct adit_self *self, struct adit_link *link, const struct adit_dial *d,
                    void **call);
    /* DATA PATH: the end of a round of reads; may be NULL. */
    void (*flush)(struct adit_self *self);
    uint32_t overhead;          /* bytes that a frame grows outside, IP header included */
    uint32_t reserved;
};

#endif
