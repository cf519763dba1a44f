/* sad.h - the associations: who is protected by which pairs of SAs (RFC 4301 section 4.4.2,
 * RFC 3193, RFC 3948).
 *
 * An association is what L2TP sees as a security handle: one peer, one set of
 * selectors, any number of SA pairs over time. Rekeying adds a pair and lets the
 * old one end; the handle stays. Two clients behind one NAT are two associations.
 *
 *     struct sad_assoc *a = sad_assoc_get(sad, &who);         // of that peer, or a new one
 *     sad_pair_add(a, &conf);                                 // a quick mode ended well
 *     sad_rx(sad, path, v, n);                                // ESP from the network
 *     sad_tx(a, inner_path, v, n);                            // datagrams for the peer
 *
 * Knows:  SPIs, which pair sends, limits of use, where the peer is now.
 * Leaves: packets' bytes to esp.h, negotiation to ike.h, sockets to ike_io.
 */
#ifndef SAD_H
#define SAD_H

#include "esp.h"

#include <adit/host.h>
#include <adit/list.h>

struct sad;
struct sad_assoc;
struct sad_pair;

/* Selectors of a transport mode pair: one protocol, our port, the peer's. */
struct sad_selector {
    uint8_t protocol;           /* 17 */
    uint16_t our_port;          /* 1701 */
    uint16_t peer_port;         /* 0: any (row M8) */
};

/* What makes an association that very peer's. */
struct sad_who {
    struct adit_addr our, peer; /* outer; the peer's port only with encap */
    bool encap;                 /* ESP in UDP (RFC 3948) */
    struct sad_selector sel;
    const char *identity;       /* authenticated; never NULL */
    uint64_t owner;             /* number of the peer in ike.h: no association is shared by two */
};

#define SAD_WHY_EXPIRED 1u      /* hard limit of seconds or bytes, or the last sequence number */
#define SAD_WHY_DELETED 2u      /* the peer, or we, deleted it */
#define SAD_WHY_DEAD    3u      /* the peer does not answer */

struct sad_ops {
    uint64_t (*now)(void *u);   /* monotonic ms */
    /* Opened datagrams of an association: data starts behind the UDP header.
     * `our` and `peer` have the ports of that header and the addresses that the
     * association began with: a path above stays the same when a NAT moves it. */
    void (*rx)(void *u, struct sad_assoc *a, const struct adit_addr *our, const struct adit_addr *peer,
               struct adit_frame **v, uint32_t n);
    /* ESP packets for the network: on this outer path. */
    void (*tx)(void *u, struct adit_path *outer, struct adit_frame **v, uint32_t n);
    struct adit_path *(*hold)(void *u, struct adit_path *path);
    void (*drop)(void *u, struct adit_path *path);
    /* A pair reached its soft limit: negotiate another. Said once a pair. */
    void (*soft)(void *u, struct sad_pair *p);
    /* A pair is about to be freed (delete notification goes out for EXPIRED). */
    void (*pair_gone)(void *u, struct sad_pair *p, uint32_t why);
    /* The last pair is gone and no other came within the grace time. */
    void (*gone)(void *u, struct sad_assoc *a);
    /* Authenticated ESP came from another address or port (NAT rebound). */
    void (*moved)(void *u, struct sad_assoc *a, const struct adit_addr *from);
};

/*    NAME "name" "sentence" */
// clang-format off
#define SAD_COUNTER_MAP(X)                                                                     \
    X(ESP_RX,       "esp-rx",            "ESP packets received, authenticated and delivered.")  \
    X(ESP_TX,       "esp-tx",            "ESP packets sent.")                                   \
    X(ESP_NO_SA,    "esp-no-sa",         "ESP packets with an SPI that is not known.")          \
    X(ESP_REPLAY,   "esp-replayed",      "ESP packets that came twice or too late.")            \
    X(ESP_BAD_ICV,  "esp-bad-icv",       "ESP packets that were changed on their way, or forged.") \
    X(ESP_BAD,      "esp-malformed",     "ESP packets that could not be read.")                 \
    X(ESP_SELECTOR, "esp-selector",      "Opened packets that are not of the agreed protocol and ports.") \
    X(ESP_NO_PAIR,  "esp-tx-no-sa",      "Datagrams dropped: no SA to send them with.")         \
    X(ESP_NO_ROOM,  "esp-tx-dropped",    "Datagrams dropped: no room, or the sequence numbers are used up.") \
    X(ESP_KEEPALIVE,"nat-keepalives",    "NAT keepalives received; ignored.")
// clang-format on

/* counters: from SAD_COUNTER_MAP's first on. Whatever ends inside a call of sad's
 * (callbacks may end anything) keeps its memory until the outermost call returns.
 * grace_ms: how long an association without pairs is kept for a new one. */
struct sad *sad_new(const struct sad_ops *ops, void *u, OSSL_LIB_CTX *lib, uint64_t *counters,
                    uint64_t grace_ms);
void sad_free(struct sad *s);                   /* every association ends; gone() is said */

/* Pairs that are added from now on keep a copy of their key material (wiped with
 * them), for `adit ipsec export-wireshark`; not done unless asked for. */
void sad_keep_keys(struct sad *s, bool keep);

/* A random SPI above 255 that nobody uses, reserved until sad_pair_add() or
 * sad_spi_drop(). 0: none could be had. */
uint32_t sad_spi_new(struct sad *s);
void sad_spi_drop(struct sad *s, uint32_t spi);

/* The association of that peer (owner), of our address and selector, made when
 * there is none. `outer` is the path that its ESP leaves on, from now on. NULL: no
 * memory. */
struct sad_assoc *sad_assoc_get(struct sad *s, const struct sad_who *who, struct adit_path *outer);
void sad_assoc_end(struct sad_assoc *a, uint32_t why);         /* all its pairs, at once; gone() */

struct sad_pair_conf {
    struct esp_suite suite;
    uint32_t spi_in, spi_out;
    const uint8_t *keymat_in, *keymat_out;
    uint32_t window;
    uint64_t soft_ms, hard_ms;          /* after now; 0: no limit */
    uint64_t soft_bytes, hard_bytes;    /* either direction; 0: no limit */
    uint64_t owner;                     /* number of the ISAKMP SA that made it, for lists */
    bool initiator;
};

/* A pair that receives at once. It sends when `sends` says so or when the peer
 * first used it: a responder's new pair waits for the peer's third message or
 * first packet, so that no packet is lost in a rekey. 0 or ADIT_E*. */
int32_t sad_pair_add(struct sad_assoc *a, const struct sad_pair_conf *c, bool sends,
                     struct sad_pair **out);
void sad_pair_sends(struct sad_pair *p);
/* Removes it: the peer's delete, or ours. It goes on receiving for `linger_ms`
 * (packets that were on their way), and does not send any more. */
void sad_pair_end(struct sad_pair *p, uint32_t why, uint64_t linger_ms);

struct sad_pair *sad_pair_in(struct sad *s, uint32_t spi_in);
/* The pair of that peer's by the SPI that it receives on. */
struct sad_pair *sad_pair_out(struct sad_assoc *a, uint32_t spi_out);

/* DATA PATH: ESP packets, from the SPI on, of one outer path. */
void sad_rx(struct sad *s, struct adit_path *outer, struct adit_frame **v, uint32_t n);
/* DATA PATH: datagrams (behind the UDP header) for the peer of an association. */
void sad_tx(struct sad_assoc *a, const struct adit_path *inner, struct adit_frame **v, uint32_t n);

/* Looks after time limits, grace times, lingering; returns ms until the next
 * look (0: nothing to wait for). Limits of bytes and numbers are met where they
 * are used up; the look that belongs to them comes within 5 s. */
uint64_t sad_tick(struct sad *s);

/* ---- views ---- */

struct sad_assoc_view {
    const struct sad_who *who;
    const char *transform;      /* of the sending pair */
    uint32_t overhead;          /* what a UDP datagram grows, at most: outer UDP header and ESP */
    uint64_t since_ms, rekeys, bytes_in, bytes_out, packets_in, packets_out;
    uint64_t heard_ms;          /* the peer's last authenticated packet */
    uint64_t sent_ms;           /* our last packet: for NAT keepalives and DPD */
    uint32_t pairs;
    struct adit_path *outer;
};
void sad_assoc_view(const struct sad_assoc *a, struct sad_assoc_view *out);
struct sad_pair_view {
    struct sad_assoc *assoc;
    struct esp_suite suite;
    uint32_t spi_in, spi_out;
    uint64_t since_ms, soft_at_ms, hard_at_ms, bytes_in, bytes_out;     /* at: 0 never */
    uint64_t owner;
    bool sends, ending, initiator;
    const uint8_t *keymat_in, *keymat_out;      /* NULL: not kept (sad_keep_keys) */
};
void sad_pair_view(const struct sad_pair *p, struct sad_pair_view *out);
/* The next after `a` (NULL: the first); NULL: no more. Nothing may end meanwhile. */
struct sad_assoc *sad_assoc_next(struct sad *s, struct sad_assoc *a);
struct sad_pair *sad_pair_next(struct sad_assoc *a, struct sad_pair *p);
/* What ike_io keeps beside an association. */
void *sad_assoc_user(struct sad_assoc *a);
void sad_assoc_set_user(struct sad_assoc *a, void *user);

#endif
