/* dial.h - the dialler: connections that we make, from the first step to the last.
 *
 *     dial_open(&world, book);
 *     struct dial_ask ask = { .entry = e, .owner = uid, .password = "..." };
 *     struct dial *d;
 *     if (dial_begin(&ask, &d, why, sizeof why) == 0)
 *         dial_watch(d, &my_watch);        // told of every state, last of DIAL_DISCONNECTED
 *     dial_hangup(d, ADIT_CAUSE_ADMIN, NULL);
 *
 * Knows:  the order of a dial, what is tried next, when it is tried again, which
 *         connection runs over which. No I/O: everything else is the world's.
 * Leaves: names, sessions, children to dial_io.c; addresses and routes to apply.
 */
#ifndef DIAL_H
#define DIAL_H

#include <stdbool.h>
#include <adit/cause.h>
#include <adit/list.h>
#include "dial/book.h"
#include "session/ses.h"

enum dial_state {
    DIAL_PREPARING,             /* what is dialled first, the command */
    DIAL_RESOLVING,
    DIAL_CONNECTING,
    DIAL_AUTHENTICATING,
    DIAL_PROJECTED,             /* addresses are being agreed on */
    DIAL_CONNECTED,
    DIAL_WAITING,               /* before it is dialled again */
    DIAL_REDIALLING,
    DIAL_DISCONNECTED,          /* the last */
};
const char *dial_state_name(enum dial_state s);

#define DIAL_TEXT      256u
#define DIAL_ADDRESSES 16u      /* of a server */
#define DIAL_TRIED     (3u * DIAL_ADDRESSES)

/* What was tried, and why it did not do. */
struct dial_tried {
    uint32_t type;              /* BOOK_*, never AUTOMATIC */
    struct adit_addr server;
    uint32_t cause;
    char text[DIAL_TEXT];
};

struct dial_count {
    uint64_t bytes_in, bytes_out, packets_in, packets_out;
};

/* What is asked of the world for one try. Borrowed. */
struct dial_try {
    struct book_entry *entry;
    uint32_t type;
    struct adit_addr server;
    const char *user, *password, *psk;
    struct dp_iface *iface;
    uint32_t mtu;
};

struct dial;
struct dial_host;               /* the host's side of one connection: apply.h */

/* The way to a server, as apply_way() saw it. */
struct dial_way {
    struct adit_addr from;      /* our address on it */
    uint32_t mtu;               /* 0: unknown */
};

struct dial_world {
    uint64_t (*now)(void);
    uint64_t (*wall)(void);
    uint32_t (*chance)(uint32_t below);
    void *(*timer_new)(void (*fire)(void *u), void *u);
    void (*timer_set)(void *t, uint64_t after_ms);
    void (*timer_stop)(void *t);
    void (*timer_free)(void *t);
    /* done() once, not before it returns; not after the cancel. rc, and why not. */
    void *(*resolve)(const char *name, void (*done)(void *u, int32_t rc, const struct adit_addr *list,
                                                    uint32_t n, const char *why), void *u);
    void (*resolve_cancel)(void *r);
    /* Runs a command; done() as above. */
    void *(*run)(const struct adit_array *argv, void (*done)(void *u, int32_t rc, const char *why), void *u);
    void (*run_cancel)(void *r);
    /* A session; as ses_dial(). On failure a sentence in `why`. */
    int32_t (*call)(const struct dial_try *t, const struct ses_dial_ops *ops, void *u, struct ses **out,
                    char *why, size_t size);
    void (*drop)(struct ses *s, uint32_t cause, const char *text);
    void (*count)(const struct ses *s, struct dial_count *out);
    /* The secret of a file; as book_secret(). */
    int32_t (*secret)(const char *path, char out[BOOK_SECRET], char *why, size_t size);
    /* ---- the host's side (apply.h) ---- */
    int32_t (*host_new)(struct book_entry *e, struct dp_iface *standing, struct dial_host **out, char *why, size_t size);
    struct dp_iface *(*host_iface)(struct dial_host *h);
    const char *(*host_name)(struct dial_host *h);      /* of the interface */
    int32_t (*host_way)(struct dial_host *h, const struct adit_addr *server, struct dial_way *out);
    /* Addresses, routes, names; done(u) when all of it is in force, also before it returns. */
    void (*host_up)(struct dial_host *h, const struct ses_dialled *is, void (*done)(void *u), void *u);
    void (*host_down)(struct dial_host *h, bool keep);
    void (*host_free)(struct dial_host *h);
    uint32_t (*overhead)(uint32_t type);        /* bytes that a packet grows outside */
};

struct dial_watch {
    struct adit_node node;
    void (*changed)(void *u, struct dial *d);   /* may hang up, may unwatch itself */
    void *u;
};

/* Members are for reading. */
struct dial {
    struct adit_node node;
    uint64_t handle;
    struct book_entry *entry;
    uint32_t owner;             /* who dialled: a uid */
    enum dial_state state;
    bool demanded;              /* by demand.c */
    struct dial *over;          /* NULL: over no other connection of ours */
    uint32_t cause;             /* DISCONNECTED, WAITING: why */
    char text[DIAL_TEXT];
    struct dial_tried tried[DIAL_TRIED];
    uint32_t tried_count;
    uint32_t redials;           /* times that it was up and dropped */
    char user[128];
    uint32_t type;              /* of the try that is up or under way */
    struct adit_addr server;
    struct ses_dialled is;      /* CONNECTED */
    char method[32];
    uint64_t since_wall, since_ms, pause_ms;

    /* ---- the dialler's own ---- */
    char password[BOOK_SECRET], psk[BOOK_SECRET];
    struct adit_addr addrs[DIAL_ADDRESSES];
    uint32_t addr_count, server_next, at, attempts, drops, best;
    struct ses *session;
    struct dial_host *host;
    struct dp_iface *standing;
    struct adit_node watchers;
    void *timer, *lookup, *command;
    void (*next)(struct dial *d);       /* what the timer is for */
    struct dial_count before;           /* of sessions that are over */
    bool ending, started_first;
};

struct dial_ask {
    struct book_entry *entry;   /* a reference is taken */
    uint32_t owner;
    bool demanded;
    struct dp_iface *standing;  /* an interface that is always there; NULL: one of its own */
    const char *user, *password, *psk;  /* NULL: as the entry says */
};

/* `book` finds what is dialled first. */
void dial_open(const struct dial_world *w, struct book_entry *(*find)(const char *name));
void dial_close(void);          /* every connection is gone when it returns; sessions are closed already */
/* 0; or ADIT_E*, in `cause` what it comes to and in `why` a sentence. Nothing of it happens
 * before it returns, but for the first state. */
int32_t dial_begin(const struct dial_ask *ask, struct dial **out, uint32_t *cause, char *why, size_t size);
/* Ends it, those that run over it too. The end comes later: watch it. */
void dial_hangup(struct dial *d, uint32_t cause, const char *text);
void dial_watch(struct dial *d, struct dial_watch *w);
void dial_unwatch(struct dial_watch *w);        /* NULL-safe, also when it was told the end */
struct dial *dial_find(uint64_t handle);
struct dial *dial_next(struct dial *d);         /* NULL: the first */
/* The connection of an entry of that owner; BOOK_SYSTEM: anybody's. */
struct dial *dial_of(const struct book_entry *e);
const char *dial_interface(const struct dial *d);       /* "": none yet */
void dial_counted(const struct dial *d, struct dial_count *out);
/* Whether trying again cannot help: the server has judged the user. */
bool dial_is_final(uint32_t cause);

#endif
