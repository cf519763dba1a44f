/* ike_int.h - what the files of IKE share with each other and with nobody else.
 *
 * An ISAKMP SA (struct ike_sa) belongs to a peer once it is established; a peer
 * has any number of them over time, and the associations (struct ike_bond) that
 * live on when they are replaced. A want is something that we are to negotiate:
 * a call's first pair, or another pair for an association.
 *
 * Nothing is freed under a caller: what ended is marked dead and freed when the
 * outermost of ike_rx, ike_tick ... returns (ike_enter, ike_leave).
 */
#ifndef IKE_INT_H
#define IKE_INT_H

#include "ike.h"

#include <stdlib.h>

#define IKE_COUNT(k, NAME) ((k)->counters[IKE_N_##NAME]++)

#define IKE_NONCE_LEN     32u
#define IKE_NONCE_MIN     8u    /* RFC 2409 section 5 */
#define IKE_NONCE_MAX     256u
#define IKE_SIG_MAX       1024u
#define IKE_SA_BODY_MAX   8192u
#define IKE_RECENT        64u   /* message ids that are remembered, an ISAKMP SA */
#define IKE_QUICKS_MAX    16u   /* quick modes under way, an ISAKMP SA */
#define IKE_BONDS_MAX     32u   /* associations of a peer */
#define IKE_SAS_OF_PEER   4u    /* ISAKMP SAs of a peer */
#define IKE_CERTS_MAX     8u
#define IKE_PSK_TRIES     16u
#define IKE_REPEATS_MAX   12u   /* repetitions of one answer */
#define IKE_REPEAT_MS     100u  /* no two of them within */
#define IKE_RETIRE_MS     5000u /* after a rekey: until the old pair is deleted */
#define IKE_LINGER_MS     10000u        /* row W8: and it goes on receiving for */
#define IKE_QUICK_KEEP_MS 60000u        /* a quick mode that ended repeats its answer for */
#define IKE_FRAGMENTS_MAX 32u
#define IKE_FRAGMENT_MS   15000u
#define IKE_TICK_MS       20u   /* two ticks are no closer */

/* ---- main mode: states and events (RFC 2409 sections 5.1, 5.4) ---- */

enum ike_state {
    IKE_S_IDLE,
    IKE_S_I_WAIT_2, IKE_S_I_DH, IKE_S_I_WAIT_4, IKE_S_I_SHARED, IKE_S_I_SIGN, IKE_S_I_WAIT_6,
    IKE_S_I_VERIFY,
    IKE_S_R_WAIT_3, IKE_S_R_DH, IKE_S_R_WAIT_5, IKE_S_R_VERIFY,
    IKE_S_UP, IKE_S_ENDED,
    IKE_S_COUNT
};
enum ike_event {
    IKE_E_CALL, IKE_E_MSG1, IKE_E_MSG2, IKE_E_MSG3, IKE_E_MSG4, IKE_E_MSG5_PSK, IKE_E_MSG5_SIG,
    IKE_E_MSG6_PSK, IKE_E_MSG6_SIG,
    IKE_E_DONE,                 /* the job is */
    IKE_E_DONE_SIG,             /* so it is, and a signature comes next */
    IKE_E_TIMEOUT, IKE_E_EXPIRE,
    IKE_E_COUNT
};

struct ike_rx;
/* False: the state stays. */
typedef bool ike_act(struct ike_sa *sa, struct ike_rx *rx);
struct ike_move {
    ike_act *act;               /* NULL: nothing but the move */
    const char *name;           /* of the action; NULL: the cell is empty */
    uint8_t next;
};
extern const struct ike_move ike_main_table[IKE_S_COUNT][IKE_E_COUNT];
const char *ike_state_name(uint32_t state);
const char *ike_event_name(uint32_t event);

/* ---- quick mode (RFC 2409 section 5.5) ---- */

enum ike_q_state {
    IKE_Q_IDLE,
    IKE_Q_I_DH, IKE_Q_I_WAIT_2, IKE_Q_I_SHARED,
    IKE_Q_R_DH, IKE_Q_R_WAIT_3,
    IKE_Q_DONE, IKE_Q_ENDED,
    IKE_Q_COUNT
};
enum ike_q_event {
    IKE_QE_START, IKE_QE_START_PFS, IKE_QE_MSG1, IKE_QE_MSG1_PFS, IKE_QE_MSG2, IKE_QE_MSG2_PFS,
    IKE_QE_MSG3, IKE_QE_MSG4, IKE_QE_DONE, IKE_QE_TIMEOUT,
    IKE_QE_COUNT
};
struct ike_quick;
typedef bool ike_q_act(struct ike_quick *q, struct ike_rx *rx);
struct ike_q_move {
    ike_q_act *act;
    const char *name;
    uint8_t next;
};
extern const struct ike_q_move ike_quick_table[IKE_Q_COUNT][IKE_QE_COUNT];
const char *ike_q_state_name(uint32_t state);
const char *ike_q_event_name(uint32_t event);

/* ---- a message on its way through ---- */

struct ike_rx {
    struct adit_path *path;
    bool at_4500;
    uint8_t *bytes;             /* whole, ours to change */
    size_t len;
    struct ike_hdr hdr;
    struct ike_msg m;           /* once it is in clear */
    uint64_t digest;
    uint8_t iv[IKE_BLOCK_MAX];  /* quick mode: after this message */
};

/* The last message of ours in an exchange: repeated, by the clock or on demand. */
struct ike_sent {
    uint8_t *p;
    size_t len;
    uint64_t retry_at;          /* 0: not by the clock */
    uint64_t rto;
    uint32_t tries;             /* left */
    uint32_t repeats;           /* on demand */
    uint64_t repeated_at;
};

/* ---- slow work ---- */

#define IKE_DO_DH     0x1u      /* a value of ours */
#define IKE_DO_SHARED 0x2u      /* g^xy */
#define IKE_DO_VERIFY 0x4u
#define IKE_DO_SIGN   0x8u

struct ike_work {
    struct ike_job job;
    struct adit_node node;      /* in ike.works while it is out */
    struct ike *k;              /* NULL: its owner ended meanwhile */
    bool out, ok;
    void (*then)(struct ike_work *w);
    void (*release)(struct ike_work *w);        /* frees the whole that it is in */
    uint32_t steps;
    OSSL_LIB_CTX *lib;
    struct ike_auth *auth;      /* held */
    const struct ike_group *group;
    struct ike_dh *dh;
    uint8_t our_ke[IKE_PUBLIC_MAX], peer_ke[IKE_PUBLIC_MAX], g_xy[IKE_PUBLIC_MAX];
};

/* What main mode knows until it is over: from message 3 (2) on. */
struct ike_x {
    struct ike_work w;          /* first */
    struct ike_sa *sa;
    uint8_t our_nonce[IKE_NONCE_MAX], peer_nonce[IKE_NONCE_MAX];
    uint32_t our_nonce_len, peer_nonce_len;
    uint8_t our_id[512], peer_id[512];          /* payload bodies */
    uint32_t our_id_len, peer_id_len;
    char want[256];             /* the identity that must be proven; "": any */
    /* signatures */
    uint32_t method;
    uint8_t our_hash[IKE_HASH_MAX], peer_hash[IKE_HASH_MAX];
    size_t hash_len;
    uint8_t *msg;               /* the decrypted message that certs, sig and id point into */
    struct ike_cert_in certs[IKE_CERTS_MAX];
    uint32_t cert_count;
    struct ike_id id;
    const uint8_t *peer_sig;
    size_t peer_sig_len;
    uint8_t our_sig[IKE_SIG_MAX];
    size_t our_sig_len;
    uint64_t now_s;
    int32_t code;
    char identity[256], why[256];
};

/* ---- phase 2 ---- */

struct ike_ids {                /* of an association, as last agreed: payload bodies */
    uint8_t our[256], peer[256];
    uint16_t our_len, peer_len; /* 0: there were none */
};

struct ike_quick {
    struct ike_work w;          /* first */
    struct adit_node node;      /* in its SA's quicks, then in ike.dead_quicks */
    struct ike_sa *sa;
    struct ike_want *want;      /* NULL: the peer's */
    uint8_t state;
    bool initiator, commit, dead;
    uint32_t message_id;
    uint8_t iv[IKE_BLOCK_MAX];
    uint64_t last_rx;           /* digest */
    struct ike_sent sent;
    uint64_t deadline_ms;
    uint8_t our_nonce[IKE_NONCE_LEN], peer_nonce[IKE_NONCE_MAX];
    uint32_t peer_nonce_len;
    uint32_t spi_in, spi_out;
    bool spi_held;              /* reserved, in no pair yet */
    struct esp_suite suite;
    const struct ike_group *pfs;
    uint8_t *sa_body;           /* initiator: as sent; responder: as answered */
    size_t sa_len;
    uint64_t life_ms, life_bytes, peer_life_ms;
    bool short_life;            /* ours is shorter: RESPONDER-LIFETIME */
    struct ike_ids ids;
    struct sad_selector sel;
    struct sad_pair *pair;
};

struct ike_retire {
    uint32_t spi_in;            /* 0: free */
    uint64_t at_ms;
};
/* One association of a peer. */
struct ike_bond {
    struct adit_node node;
    struct ike_peer *peer;
    struct sad_assoc *assoc;
    struct ike_ids ids;
    struct ike_want *rekey;     /* under way */
    uint64_t rekey_at;          /* another attempt; 0: none */
    struct ike_retire retire[8];
};

struct ike_peer {
    struct adit_node node;      /* in ike.peers */
    struct ike *k;
    uint64_t number;
    char *identity;
    bool psk, encap;
    struct adit_addr our, addr; /* the peer's with the port when in UDP */
    struct adit_node sas, bonds;
    uint32_t sa_count, bond_count;
    uint64_t heard_ms;          /* IKE; ESP tells sad */
    uint64_t asked_at;          /* the last R-U-THERE that is not answered; 0: none */
    uint32_t asked;             /* how many of them */
    bool dead;
};

struct ike_want {
    struct adit_node node;      /* in ike.wants */
    uint64_t number;
    struct ike_call call;
    char *identity;             /* call.want */
    struct ike_bond *bond;      /* another pair of this; NULL: a call */
    uint32_t old_spi_in;        /* the pair that is replaced; 0: none */
    struct ike_sa *sa;          /* waited for */
    struct ike_quick *quick;
    bool over;                  /* done() is due at the next tick */
    bool fresh;                 /* a failed old SA was tried: make a new one */
    int32_t code;
    struct sad_assoc *assoc;
    char why[256];
};

/* ---- phase 1 ---- */

struct ike_reasm;

struct ike_sa {
    struct ike *k;
    struct adit_node node;      /* in ike.sas, then ike.dead_sas */
    struct adit_node cookie_node, half_node, peer_node;
    uint64_t number;
    struct ike_peer *peer;
    uint8_t cookie_i[8], cookie_r[8];
    bool initiator, dead, half, at_4500;
    bool nat_here, nat_there, dpd, fragments;
    bool replaced;              /* a newer one of ours took over */
    bool told;                  /* wrong key was said */
    uint8_t state;
    uint32_t vids;              /* of the peer */
    uint32_t nat;               /* IKE_V_* of the NAT traversal spoken; 0: none */
    uint8_t bad;                /* undecryptable first messages */
    uint16_t hint;              /* an unauthenticated notify, for our call's diagnosis */
    struct adit_path *path;     /* held */
    struct ike_proposal prop;
    uint32_t method;
    struct ike_auth *auth;      /* held, while main mode goes on */
    struct ike_keys keys;
    uint8_t *sa_body;           /* SAi_b */
    size_t sa_len;
    struct ike_x *x;
    struct ike_sent sent;
    uint64_t last_rx;           /* digest of the last message taken */
    char *identity;
    uint64_t life_ms;
    uint64_t since_ms, up_ms, deadline_ms, soft_at, expires_ms, gone_at;
    uint64_t keepalive_at, sent_at;
    uint32_t dpd_out, dpd_in;
    bool dpd_in_seen, initial_contact;
    uint64_t rekeys;            /* number of the SA that this one replaces; 0: none */
    struct adit_node quicks;
    uint32_t quick_count;
    uint32_t recent[IKE_RECENT];
    uint32_t recent_at;
    struct ike_reasm *reasm;
};

struct ike_guard;

struct ike {
    const struct ike_ops *ops;
    void *u;
    struct ike_conf conf;
    struct ike_auth *auth;
    OSSL_LIB_CTX *lib;
    struct sad *sad;
    uint64_t *counters;
    uint64_t seed[2];
    struct adit_node sas, dead_sas, dead_quicks, peers, wants, works;
    struct adit_node keys;      /* struct ike_key, the newest first */
    uint32_t sa_count;
    struct adit_hash cookies;   /* by our cookie */
    struct ike_guard *guard;
    uint64_t next_number;
    uint32_t depth;
    bool ending, reap, reap_peers;      /* something ended: what is left wants a look */
    uint64_t wake_at, armed_at;
    size_t reasm_bytes;
    uint8_t in[IKE_MSG_MAX], out[IKE_MSG_MAX + 64], clear[IKE_MSG_MAX];
};

/* A pre-shared key that came with a call (ike_peer_key()). */
struct ike_key {
    struct adit_node node;
    struct adit_addr peer;
    size_t len;
    uint8_t secret[];
};

/* ---- ike.c ---- */

/* As ike_auth_psk(), a key that came with a call to that peer first. */
bool ike_psk_nth(const struct ike_sa *sa, const struct adit_addr *peer, const struct ike_id *id, uint32_t nth,
                 struct ike_psk *out);
/* Whether a peer and we may prove ourselves by that method; `call`: it is us who begin. */
bool ike_method_ok(const struct ike *k, const struct ike_auth *auth, const struct adit_addr *peer, bool call,
                   uint32_t method);

static inline uint64_t ike_now(const struct ike *k) { return k->ops->now(k->u); }
void ike_enter(struct ike *k);
void ike_leave(struct ike *k);
/* Something is due at that time. */
void ike_due(struct ike *k, uint64_t at_ms);
uint64_t ike_digest_of(const struct ike *k, const uint8_t *p, size_t len);
void ike_say(struct ike_sa *sa, enum ike_say what, const char *fmt, ...) ADIT_PRINTF(3, 4);

struct ike_hdr ike_hdr_of(const struct ike_sa *sa, uint8_t exchange, uint8_t flags,
                          uint32_t message_id);
/* Pads and encrypts what o holds; its length, 0: it did not work. */
size_t ike_close(struct ike_sa *sa, struct ike_out *o, uint8_t *iv);
/* Decrypts rx into k->clear and parses it there; iv moves on. False: it makes no sense. */
/* For who watches the peer: a message in clear. */
void ike_seen(struct ike *k, const struct adit_path *path, bool sent, const uint8_t *p, size_t len);
bool ike_open(struct ike_sa *sa, const struct ike_keys *keys, struct ike_rx *rx, uint8_t *iv);
void ike_tx(struct ike_sa *sa, struct adit_path *path, const uint8_t *p, size_t len);
/* Sends and keeps; by the clock again until something else is sent. */
void ike_send(struct ike_sa *sa, struct ike_sent *s, struct adit_path *path, const uint8_t *p,
              size_t len, bool retry);
void ike_sent_stop(struct ike_sent *s);
void ike_sent_free(struct ike_sent *s);
/* The peer asked again. */
void ike_repeat(struct ike_sa *sa, struct ike_sent *s, struct adit_path *path);
/* An error in clear, to one who may not be there: rate-limited. */
void ike_refuse(struct ike *k, struct adit_path *path, const struct ike_hdr *of, uint16_t type);

bool ike_work(struct ike *k, struct ike_work *w, struct ike_auth *auth, uint32_t steps);
void ike_work_end(struct ike_work *w);          /* its owner is gone */
void ike_work_fini(struct ike_work *w);         /* for release() */

struct ike_sa *ike_sa_new(struct ike *k, struct adit_path *path, bool at_4500, bool initiator);
void ike_sa_set_cookie(struct ike_sa *sa);      /* ours is known: it can be found */
/* Ends it; its wants fail with the sentence. */
void ike_sa_end(struct ike_sa *sa, int32_t code, const char *why);
void ike_sa_fail(struct ike_sa *sa, int32_t code, enum ike_say say, const char *fmt, ...)
    ADIT_PRINTF(4, 5);
void ike_sa_up(struct ike_sa *sa, const char *identity);
void ike_sa_moved(struct ike_sa *sa, const struct ike_rx *rx);
bool ike_sa_call(struct ike *k, struct adit_path *path, bool at_4500, const char *want,
                 struct ike_sa **out);
struct ike_sa *ike_peer_sa(const struct ike_peer *p);   /* the newest that is up; NULL */
void ike_peer_heard(struct ike_peer *p);
void ike_peer_end(struct ike_peer *p, uint32_t why, const char *text);
struct ike_bond *ike_bond_of(struct ike *k, const struct sad_assoc *a);
struct ike_bond *ike_bond_get(struct ike_peer *p, struct sad_assoc *a);
void ike_bond_free(struct ike_bond *b);
/* The pair is deleted a little later. */
void ike_bond_retire(struct ike_bond *b, uint32_t spi_in);
bool ike_bond_rekey(struct ike_bond *b, uint32_t old_spi_in, struct ike_sa *sa);
void ike_want_done(struct ike_want *w, struct sad_assoc *a, int32_t code, const char *why);
bool ike_recent(struct ike_sa *sa, uint32_t message_id);        /* seen before? */
void ike_remember(struct ike_sa *sa, uint32_t message_id);
uint32_t ike_message_id(struct ike_sa *sa);
uint64_t ike_soft(struct ike *k, uint64_t hard, bool initiator);
void ike_host(const struct adit_addr *a, char *out, size_t len);        /* text, no port */
struct adit_addr ike_our(const struct adit_path *path, bool at_4500);

/* ---- ike_main.c ---- */

struct ike_x *ike_main_x(struct ike_sa *sa);
void ike_main_step(struct ike_sa *sa, enum ike_event ev, struct ike_rx *rx);
void ike_main_first(struct ike *k, struct ike_rx *rx);
void ike_main_rx(struct ike_sa *sa, struct ike_rx *rx);
void ike_main_timeout(struct ike_sa *sa);
/* The transform `n` of the proposal `at` (both counted from 0) as it came. */
bool ike_raw_transform(const struct ike_payload *sa, uint32_t at, uint32_t n, const uint8_t **p,
                       uint16_t *len);

/* ---- ike_quick.c ---- */

void ike_quick_rx(struct ike_sa *sa, struct ike_rx *rx);
void ike_quick_start(struct ike_sa *sa, struct ike_want *want);
void ike_quick_tick(struct ike_quick *q, uint64_t now);
void ike_quick_end(struct ike_quick *q);
void ike_quick_free(struct ike_quick *q);
void ike_quick_gone(struct ike *k, struct sad_pair *p);
/* The peer says, protected, that it does not want what we asked for. */
void ike_quick_refused(struct ike_sa *sa, const struct ike_notify *n);

/* ---- ike_info.c ---- */

void ike_info_rx(struct ike_sa *sa, struct ike_rx *rx);
/* Starts a protected message of a first HASH payload; payloads are added to o. */
struct ike_out ike_protect_begin(struct ike_sa *sa, uint8_t exchange, uint32_t message_id,
                                 uint8_t flags);
/* Fills in HASH = prf(SKEYID_a, M-ID [| more] | payloads), closes. */
size_t ike_protect_end(struct ike_sa *sa, struct ike_out *o, uint32_t message_id,
                       const void *more, size_t more_len, uint8_t *iv);
/* Is the first payload the HASH of what follows? */
bool ike_protect_check(struct ike_sa *sa, const struct ike_rx *rx, const void *more,
                       size_t more_len);
void ike_info_notify(struct ike_sa *sa, uint8_t protocol, uint16_t type, const void *spi,
                     size_t spi_len, const void *data, size_t data_len);
void ike_info_delete_esp(struct ike_sa *sa, const uint32_t *spis, uint32_t n);
void ike_info_delete_sa(struct ike_sa *sa);
void ike_info_ask(struct ike_sa *sa);           /* R-U-THERE */
void ike_info_contact(struct ike_sa *sa);       /* INITIAL-CONTACT was said */

/* ---- ike_frag.c ---- */

/* Takes a fragment; true: rx is the whole message now (in k->in). */
bool ike_frag_rx(struct ike_sa *sa, struct ike_rx *rx);
/* Sends in pieces that fit the mtu. */
void ike_frag_tx(struct ike_sa *sa, struct adit_path *path, const uint8_t *p, size_t len);
void ike_frag_tick(struct ike_sa *sa, uint64_t now);
void ike_frag_free(struct ike_sa *sa);

/* ---- ike_guard.c ---- */

struct ike_guard *ike_guard_new(struct ike *k);
void ike_guard_free(struct ike_guard *g);
/* First messages of that source: one more in this second? */
bool ike_guard_rate(struct ike *k, const struct adit_addr *peer);
/* May a new half-open SA of that source begin? Makes room by ending the oldest. */
bool ike_guard_admit(struct ike *k, const struct adit_addr *peer);
void ike_guard_add(struct ike_sa *sa);          /* it is half-open */
void ike_guard_proven(struct ike_sa *sa);       /* it showed our cookie: not evicted any more */
void ike_guard_del(struct ike_sa *sa);
/* The half-open SA that this first message began already; NULL: none. */
struct ike_sa *ike_guard_find(struct ike *k, const struct adit_addr *peer, const uint8_t *cookie_i);
bool ike_guard_reply(struct ike *k);            /* may another error in clear go out now? */
uint32_t ike_guard_half_open(const struct ike *k);

#endif
