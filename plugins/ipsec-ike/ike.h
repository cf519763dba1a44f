/* ike.h - IKEv1, both roles: ISAKMP SAs, main mode, quick mode, informational exchanges
 * (RFC 2408, 2409, 2407, 3706, 3947). No I/O: the rim gives bytes, time and threads.
 *
 *     struct ike *ike = ike_new(&ops, u, &conf, auth, lib, sad, counters);
 *     ike_rx(ike, path, at_4500, bytes, len);         // a message, non-ESP marker taken off
 *     ike_tick(ike);                                  // when ops->wake() time has come
 *     ike_call(ike, &call);                           // we begin: phase 1, then a pair
 *
 * Files: ike.c (SAs, dispatch, retransmission), ike_main.c (main mode), ike_quick.c
 * (quick mode), ike_info.c (notify, delete, DPD), ike_frag.c, ike_guard.c (limits before
 * authentication).
 *
 * Knows:  exchanges, states, lifetimes, what is allowed when.
 * Leaves: bytes to ike_msg, computing to ike_crypto, identities to ike_auth, ESP to sad.
 */
#ifndef IKE_H
#define IKE_H

#include "ike_auth.h"
#include "ike_crypto.h"
#include "sad.h"

/* Slow computing (Diffie-Hellman, signatures), off the loop. run() may be on any
 * thread and touches nothing but the job; done() is on the loop, once, always. */
struct ike_job {
    void (*run)(struct ike_job *j);
    void (*done)(struct ike_job *j);
};

/* What the log is told; the rim makes events of them. */
enum ike_say {
    IKE_SAY_UP,                 /* phase 1 is established */
    IKE_SAY_CHILD_UP,           /* a pair of SAs is; text: transform and selectors */
    IKE_SAY_REKEYED,
    IKE_SAY_DOWN,               /* the peer is gone; text: why */
    IKE_SAY_REFUSED,            /* text: what was wrong, with which setting to look at */
    IKE_SAY_WRONG_KEY,          /* pre-shared keys differ (message 5 or 6 is not readable) */
    IKE_SAY_NO_PROPOSAL,        /* text: what was offered */
    IKE_SAY_AUTH_FAILED,        /* certificate, signature, identity; text: which check */
    IKE_SAY_TIMEOUT,            /* the peer stopped answering; text: in which exchange */
    IKE_SAY_LIMIT,              /* half-open or rate limit; text: which */
    IKE_SAY_NOTIFY,             /* the peer sent an error; text: its name */
    IKE_SAY_COUNT
};

struct ike;
struct ike_sa;

struct ike_ops {
    uint64_t (*now)(void *u);           /* monotonic ms */
    uint64_t (*wall)(void *u);          /* ms since 1970: certificates */
    void (*random)(void *out, uint32_t len);
    /* Sends a message; the rim puts the non-ESP marker before it on port 4500. One
     * byte 0xff (len 1) is a NAT keepalive: it is sent as it is, without a marker. */
    void (*tx)(void *u, struct adit_path *path, const uint8_t *p, size_t len);
    struct adit_path *(*hold)(void *u, struct adit_path *path);
    void (*drop)(void *u, struct adit_path *path);
    /* A held path from our port 500 or 4500 to a peer (its port is set); our: without
     * a port, family NONE where the route decides. NULL: no route. */
    struct adit_path *(*open)(void *u, bool at_4500, const struct adit_addr *our,
                              const struct adit_addr *peer);
    /* False: it could not be queued; done() will not come. done() never comes
     * before work() returned. */
    bool (*work)(void *u, struct ike_job *j);
    /* ike_tick() no later than in ms; 0: nothing to wait for. */
    void (*wake)(void *u, uint64_t ms);
    /* sa may be NULL (nothing is known yet); peer always; text may be NULL. */
    void (*say)(void *u, enum ike_say what, const struct ike_sa *sa, const struct adit_addr *peer,
                const char *text);
    /* The outer path that ESP to that peer leaves on: with encap the one of port
     * 4500, else protocol 50. Held for the caller; NULL: none. */
    struct adit_path *(*esp_path)(void *u, const struct sad_who *who, struct adit_path *ike);
    /* Is this our selector: a port of ours that is covered (cover() was called)? */
    bool (*covered)(void *u, uint8_t protocol, uint16_t our_port, const struct adit_addr *our);
    /* A message, header and payloads in clear, for who watches the peer; those that are
     * sent again are not told again. NULL: nobody. */
    void (*seen)(void *u, const struct adit_addr *peer, bool sent, const uint8_t *p, size_t len);
};

#define IKE_PROPOSALS_MAX 128u

struct ike_conf {
    struct ike_proposal proposals[IKE_PROPOSALS_MAX];           /* phase 1, ours, preference for calls */
    uint32_t proposal_count;
    uint32_t proposal_offer;            /* so many of them, the first, are offered in calls; 0: all */
    struct ike_esp_proposal esp[IKE_PROPOSALS_MAX];
    uint32_t esp_count;
    uint64_t ike_life_ms, esp_life_ms;  /* hard limits that we want; what the peer offers may be shorter */
    uint64_t esp_life_bytes;            /* 0: none */
    uint32_t rekey_margin_pct;          /* soft limit: so much before the hard one (and up to as much again, random) */
    uint64_t dpd_ms;                    /* silence until R-U-THERE; 0: never asked */
    uint32_t rto_ms, rto_max_ms, tries; /* retransmission: first wait, longest, sendings after the first */
    uint64_t setup_ms;                  /* an ISAKMP SA must be established within */
    uint64_t keepalive_ms;              /* NAT keepalives, behind a NAT (RFC 3948 section 4) */
    uint32_t window;                    /* anti-replay */
    uint32_t max_half_open, max_half_open_per_address;
    uint32_t starts_per_s_per_address;  /* first messages of an address, with a burst of as many */
    uint32_t max_sas;
    uint32_t mtu;                       /* IKE messages above are fragmented where the peer can; 0: never */
    bool pfs;                           /* our quick modes ask for the phase 1 group */
    bool initiator_only;
    bool always_encap;                  /* ESP in UDP without a NAT, too: the peer hears of one before it */
};

/*    NAME "name" "sentence": after SAD_COUNTER_MAP's */
// clang-format off
#define IKE_COUNTER_MAP(X)                                                                      \
    X(RX,          "ike-rx",            "IKE messages received.")                                \
    X(TX,          "ike-tx",            "IKE messages sent, repeated ones included.")            \
    X(TX_AGAIN,    "ike-retransmitted", "IKE messages sent again.")                              \
    X(RX_DUP,      "ike-duplicates",    "IKE messages received again; the answer was repeated or they were dropped.") \
    X(RX_BAD,      "ike-malformed",     "IKE messages that could not be read.")                  \
    X(RX_NO_SA,    "ike-no-sa",         "IKE messages to an SA that is not known.")              \
    X(RX_VERSION,  "ike-version",       "IKE messages of another version (IKEv2): answered or dropped.") \
    X(RX_EXCHANGE, "ike-exchange",      "Messages of an exchange that is not served (aggressive mode).") \
    X(RX_UNEXPECTED, "ike-unexpected",  "IKE messages that do not fit the state.")               \
    X(RX_DECRYPT,  "ike-undecryptable", "Encrypted IKE messages that make no sense: another key.") \
    X(RX_HASH,     "ike-bad-hash",      "IKE messages whose hash is wrong.")                     \
    X(RX_FRAGMENT, "ike-fragments",     "IKE fragments received.")                               \
    X(LIMITED,     "ike-limited",       "First messages dropped: a limit was reached.")          \
    X(UP,          "ike-up",            "ISAKMP SAs established.")                               \
    X(FAILED,      "ike-failed",        "ISAKMP SAs that could not be established.")             \
    X(WRONG_KEY,   "ike-wrong-key",     "Of these: with another pre-shared key.")                \
    X(NO_PROPOSAL, "ike-no-proposal",   "Of these, or of quick modes: nothing offered is allowed.") \
    X(CHILD_UP,    "ike-pairs",         "SA pairs negotiated, rekeying included.")               \
    X(REKEYS,      "ike-rekeys",        "SA pairs that replaced another one.")                   \
    X(DPD_TX,      "ike-dpd-sent",      "Peers asked whether they live.")                        \
    X(DPD_LOST,    "ike-dpd-lost",      "Peers that did not answer and were given up.")
// clang-format on

enum ike_counter {
#define IKE_X(NAME, name, text) IKE_N_##NAME,
    SAD_COUNTER_MAP(IKE_X)
    IKE_COUNTER_MAP(IKE_X)
#undef IKE_X
    IKE_N_COUNT
};

/* All borrowed for its life but `c` (copied) and `auth` (held). */
struct ike *ike_new(const struct ike_ops *ops, void *u, const struct ike_conf *c,
                    struct ike_auth *auth, OSSL_LIB_CTX *lib, struct sad *sad, uint64_t *counters);
/* Says goodbye to every peer (delete payloads, once), ends everything. Jobs that
 * are out are waited for by nobody: their done() may come later and touches
 * nothing of ike's; `lib` outlives them, `auth` is held by each. */
void ike_free(struct ike *k);
/* New settings and keys: for exchanges from now on. */
void ike_reload(struct ike *k, const struct ike_conf *c, struct ike_auth *auth);

/* A message from the network; borrowed, changed in place. */
void ike_rx(struct ike *k, struct adit_path *path, bool at_4500, uint8_t *p, size_t len);
void ike_tick(struct ike *k);

/* ---- we begin ---- */

struct ike_call {
    struct adit_addr our, peer;         /* outer, without ports */
    struct sad_selector sel;
    const char *want;                   /* identity that the peer must prove; NULL: any that fits its key */
    /* The end of it, once: the association, or NULL with a code and a sentence. */
    void (*done)(void *u, struct sad_assoc *a, int32_t code, const char *why);
    void *u;
};
/* Uses an established SA with that peer, or makes one. A number for ike_call_cancel(). */
uint64_t ike_call(struct ike *k, const struct ike_call *c);
void ike_call_cancel(struct ike *k, uint64_t call);     /* done() does not come any more */
/* A key for a peer that is called, before those of the configuration; the last one
 * given counts. NULL: one that was given is taken back. */
int32_t ike_peer_key(struct ike *k, const struct adit_addr *peer, const char *key);

/* ---- from sad, through the rim (struct sad_ops) ---- */

void ike_pair_soft(struct ike *k, struct sad_pair *p);          /* negotiate another */
void ike_pair_gone(struct ike *k, struct sad_pair *p, uint32_t why);
void ike_assoc_gone(struct ike *k, struct sad_assoc *a);
void ike_assoc_moved(struct ike *k, struct sad_assoc *a, const struct adit_addr *from);
/* Nobody uses the association any more (the host's unused()): a delete goes out
 * for its pairs, and for the ISAKMP SA when it was the last. */
void ike_assoc_unused(struct ike *k, struct sad_assoc *a);
/* Rekey now, for `adit ipsec rekey`: phase 1 and every pair. */
int32_t ike_rekey(struct ike *k, struct sad_assoc *a);

/* ---- views: for status, `adit ipsec`, the log ---- */

struct ike_sa_view {
    uint64_t number, peer_number;
    uint8_t cookie_i[8], cookie_r[8];
    struct adit_addr our, peer;
    const char *state;                  /* of the state table */
    const char *identity;               /* NULL: not known yet */
    char proposal[48];
    uint32_t method;                    /* IKE_AUTH_* */
    bool initiator, nat_here, nat_there, dpd, established;
    uint64_t since_ms, expires_ms;
    const uint8_t *key;                 /* of the cipher, for the Wireshark table only */
    uint32_t key_len;
};
struct ike_sa *ike_sa_next(struct ike *k, struct ike_sa *sa);   /* NULL: the first */
void ike_sa_view(const struct ike_sa *sa, struct ike_sa_view *out);
uint32_t ike_half_open(const struct ike *k);

#endif
