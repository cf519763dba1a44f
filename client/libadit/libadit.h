/* libadit.h - dial, look at and hang up connections; the client library of Adit.
 *
 *     struct adit_client *c;
 *     struct adit_credentials who = { .size = sizeof who, .user = "anna" };
 *     struct adit_dial_options office = { .size = sizeof office, .entry = "office",
 *                                         .credentials = &who };
 *     uint64_t handle;
 *     read_password(who.password, sizeof who.password);
 *     int error = adit_client_open(NULL, &c);
 *     if (!error)
 *         error = adit_dial(c, &office, NULL, NULL, &handle);
 *     adit_credentials_wipe(&who);
 *     if (error)
 *         printf("error %d: %s\n", error, adit_client_text(c));
 *
 * The shape is that of the Remote Access Service: an entry of the phone book is
 * dialled, which gives a handle; hanging up the handle ends that connection alone.
 * A connection belongs to the daemon: it outlives the program that dialled it.
 * Each call has a manual page of its name; adit-client(3) is about all of them.
 *
 * Errors. A call returns 0, or a number of enum adit_ras: those of RAS, and the
 * numbers of Windows where RAS has none of its own. adit_error_text() has a
 * sentence for each, adit_client_text() the daemon's own of the last failure.
 *
 * Ownership. Arguments are borrowed until the call returns. What a call hands out
 * through a pointer to a pointer is the caller's and goes back with adit_free();
 * what a callback gets is borrowed until the callback returns. Strings that are
 * not known are "", never NULL; they are UTF-8, as the daemon and the servers
 * wrote them: they may hold control characters.
 *
 * Threads. The library has none. A client is used by one thread at a time; two
 * clients have nothing in common. adit_error_text(), adit_state_text() and
 * adit_version() may be called by any thread at any time.
 *
 * Compatibility. A struct begins with its size and grows at its end only: set
 * `size` in those that you fill and zero the rest; look at `size` before you read a
 * member that came later than the version that you need.
 */
#ifndef LIBADIT_H
#define LIBADIT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__) && __GNUC__ >= 4
#pragma GCC visibility push(default)
#endif

/* ---- numbers -------------------------------------------------------------------- */

enum adit_ras {
    ADIT_RAS_OK = 0,
    /* about the call itself: numbers of Windows */
    ADIT_RAS_ACCESS_DENIED = 5,
    ADIT_RAS_INVALID_HANDLE = 6,            /* no connection has this handle */
    ADIT_RAS_NOT_ENOUGH_MEMORY = 8,
    ADIT_RAS_INVALID_DATA = 13,             /* the daemon's answer makes no sense */
    ADIT_RAS_NOT_SUPPORTED = 50,            /* the daemon does not offer it */
    ADIT_RAS_INVALID_PARAMETER = 87,
    ADIT_RAS_TIMEOUT = 1460,
    /* about the phone book and the service */
    ADIT_RAS_CANNOT_OPEN_PHONEBOOK = 621,
    ADIT_RAS_CANNOT_FIND_ENTRY = 623,
    ADIT_RAS_INVALID_ENTRY = 625,           /* a setting of the entry is wrong */
    ADIT_RAS_USER_DISCONNECTION = 631,      /* it was hung up while it dialled, or later */
    ADIT_RAS_INVALID_SIZE = 632,            /* of a struct */
    ADIT_RAS_NEEDS_CREDENTIALS = 703,       /* user, password or key have to be asked for */
    ADIT_RAS_NO_SERVICE = 711,              /* no daemon answers */
    ADIT_RAS_ALREADY_DIALING = 756,
    /* why there is no connection, or none any more: the most frequent ones */
    ADIT_RAS_PORT_DISCONNECTED = 629,       /* the server ended it */
    ADIT_RAS_PORT_NOT_AVAILABLE = 633,
    ADIT_RAS_PPP_TIMEOUT = 718,
    ADIT_RAS_NO_PPP_PROTOCOLS = 720,
    ADIT_RAS_AUTHENTICATION_FAILURE = 691,
    ADIT_RAS_NO_DIALIN_PERMISSION = 649,
    ADIT_RAS_AUTH_PROTOCOL_REJECTED = 734,
    ADIT_RAS_ENCRYPTION_REQUIRED = 742,
    ADIT_RAS_IPSEC_NEGOTIATION = 789,
    ADIT_RAS_CERTIFICATE = 798,
    ADIT_RAS_GRE_BLOCKED = 806,
    ADIT_RAS_CONNECTION_INTERRUPTED = 807,
    ADIT_RAS_NO_ANSWER = 809,
    ADIT_RAS_SERVER_POLICY = 812,
    ADIT_RAS_IDLE_TIMEOUT = 828,
    ADIT_RAS_LINK_LOST = 829,
    ADIT_RAS_NAME_NOT_RESOLVED = 868
};

/* The states of a connection, in the order in which they come; a number that is
 * added later stands behind them. */
enum adit_state {
    ADIT_STATE_OTHER = 0,                   /* see state_text */
    ADIT_STATE_PREPARING = 1,               /* what is dialled first, or a command, is under way */
    ADIT_STATE_RESOLVING = 2,               /* the server's name */
    ADIT_STATE_CONNECTING = 3,              /* the tunnel */
    ADIT_STATE_AUTHENTICATING = 4,
    ADIT_STATE_PROJECTED = 5,               /* addresses are being agreed on */
    ADIT_STATE_CONNECTED = 6,
    ADIT_STATE_FAILED = 7,                  /* the dialling ended so; `error` says why */
    ADIT_STATE_ENDED = 8,                   /* the connection is over */
    ADIT_STATE_WAITING = 9,                 /* before it is dialled again */
    ADIT_STATE_REDIALLING = 10
};

/* The sentence of an error number, of Windows, RAS or this library; a general one
 * for a number that is unknown. Static memory. Any thread. */
const char *adit_error_text(int error);
/* "connecting" of ADIT_STATE_CONNECTING. Static memory. Any thread. */
const char *adit_state_text(uint32_t state);
/* The library's version, "1.0.0". Static memory. Any thread. */
const char *adit_version(void);

/* ---- a client -------------------------------------------------------------------- */

struct adit_client;

/* Finds the daemon. `socket` is its control socket; NULL: $ADIT_SOCKET (which a
 * program with raised privileges does not look at), else the default one. Who may
 * not use that one gets dial.sock beside it, on which users without privileges may
 * dial. ADIT_RAS_NO_SERVICE: no daemon answers there; *out is a client all the
 * same, so that adit_client_text() can say more (NULL only without memory). */
int adit_client_open(const char *socket, struct adit_client **out);
/* Ends the client and the attempts that it has under way; connections stay. May be
 * called from a callback: nothing follows it. NULL is fine. */
void adit_client_close(struct adit_client *c);
/* The sentence of the client's last failure, the daemon's own where there is one;
 * "" after a call that went well. The client's, until its next call. NULL is fine. */
const char *adit_client_text(const struct adit_client *c);
/* A descriptor that becomes readable when adit_client_dispatch() has something to do:
 * for poll(2), epoll(7) or an event loop. It stays the client's, and the same. */
int adit_client_fd(const struct adit_client *c);
/* Calls the callbacks of what has come. Never waits. */
int adit_client_dispatch(struct adit_client *c);
/* How long a call waits for the daemon at most; 30 s at first. Dialling has a limit
 * of its own (struct adit_dial_options), and so has adit_wait(). */
int adit_client_timeout(struct adit_client *c, uint32_t timeout_ms);
/* Gives back what a call handed out. NULL is fine. */
void adit_free(void *p);

/* ---- the phone book ---------------------------------------------------------------- */

struct adit_entry {
    uint32_t size, reserved;
    uint64_t connection;        /* its handle; 0: none */
    const char *name;
    const char *server;
    const char *type;           /* "automatic", "l2tp-ipsec", "l2tp", "pptp" */
    const char *user;
    const char *interface;
    const char *state;          /* "idle", or that of its connection */
    const char *owner;          /* whose phone book: "system", or a user's name */
};

/* The entries of the daemon's phone book that the caller may dial, NULL behind the
 * last one. */
int adit_entries(struct adit_client *c, struct adit_entry ***out);

/* ---- dialling ---------------------------------------------------------------------- */

#define ADIT_CREDENTIAL_MAX 256

/* Each one ends with NUL; "": what the entry says. The caller wipes them. */
struct adit_credentials {
    uint32_t size, reserved;
    char user[ADIT_CREDENTIAL_MAX];         /* "anna", "DOMAIN\\anna", "anna@domain" */
    char password[ADIT_CREDENTIAL_MAX];
    char psk[ADIT_CREDENTIAL_MAX];          /* the pre-shared key of IPsec */
};

struct adit_dial_options {
    uint32_t size;
    uint32_t timeout_ms;        /* then it is given up; 0: as long as the daemon tries */
    const char *entry;          /* an entry of the daemon's phone book, or NULL and */
    const char *entry_json;     /* an entry of the caller's own: a JSON object with "name"
                                 * and the keys of adit-phonebook(5) */
    const struct adit_credentials *credentials;     /* NULL: what the entry says */
};

/* One of the tunnel types or addresses that were tried. */
struct adit_attempt {
    uint32_t size;
    int32_t error;
    const char *type, *server, *code, *text;
};

struct adit_progress {
    uint32_t size;
    uint32_t state;             /* enum adit_state */
    uint64_t handle;
    int32_t error;              /* FAILED, ENDED, WAITING: enum adit_ras; else 0 */
    uint32_t mtu;
    const char *state_text;     /* as the daemon calls it */
    const char *entry;          /* the entry's name */
    const char *server, *protocol, *interface;
    const char *address, *peer; /* inside: ours and the server's */
    const char *method, *encryption;
    const char *const *dns;     /* NULL behind the last one */
    /* FAILED, ENDED, WAITING: a code as ADIT-AUTH-FAILED, a sentence, what helps */
    const char *code, *text, *remedy;
    const struct adit_attempt *const *tried;        /* NULL behind the last one */
    const char *address6;       /* ours inside, of IPv6 */
    uint64_t over;              /* the connection over which it runs; 0: none */
};

/* One step of a connection. It may use the client, but for adit_client_dispatch(). */
typedef void (*adit_progress_fn)(void *u, const struct adit_progress *p);

/* Dials and waits until it is connected: then 0, and *handle is the connection's.
 * Else the reason: the RAS number of the failure, and nothing is left of the
 * attempt. `fn` hears each state and may be NULL. The credentials are borrowed, the
 * library's copies are wiped before it returns. */
int adit_dial(struct adit_client *c, const struct adit_dial_options *options, adit_progress_fn fn,
              void *u, uint64_t *handle);
/* Begins to dial: *handle names the attempt, and the connection when there is one (0: it
 * failed at once, of which `fn` hears like of any other failure).
 * `fn` hears of each state from adit_client_dispatch(), last of CONNECTED or FAILED. An
 * error that is returned is the only news. Ended by adit_hangup(), or with the client. */
int adit_dial_begin(struct adit_client *c, const struct adit_dial_options *options, adit_progress_fn fn,
                    void *u, uint64_t *handle);
/* Ends that connection, or that attempt, alone: one over which it runs stays, those
 * that run over it end. Returns when it has ended. */
int adit_hangup(struct adit_client *c, uint64_t handle);
/* The same of the connection of an entry. */
int adit_hangup_entry(struct adit_client *c, const char *entry);
/* Waits until the connection has ended: then 0, and *error (may be NULL) is why:
 * ADIT_RAS_USER_DISCONNECTION when it was hung up, else another RAS number, whose
 * sentence adit_client_text() has. ADIT_RAS_TIMEOUT: it has not. 0 ms: forever. */
int adit_wait(struct adit_client *c, uint64_t handle, uint32_t timeout_ms, int *error);
/* `fn` hears of what happens to the connection (ENDED last) from
 * adit_client_dispatch(). */
int adit_watch(struct adit_client *c, uint64_t handle, adit_progress_fn fn, void *u);
/* No more of that: of all watchers of this client of that handle. */
int adit_unwatch(struct adit_client *c, uint64_t handle);

/* Wipes user, password and key. */
void adit_credentials_wipe(struct adit_credentials *who);

/* ---- connections ------------------------------------------------------------------- */

struct adit_connection {
    uint32_t size;
    uint32_t state;             /* enum adit_state */
    uint64_t handle;
    uint64_t over;              /* the connection over which it runs; 0: none */
    uint64_t duration_ms, bytes_in, bytes_out, packets_in, packets_out;
    uint32_t redials;           /* since it was dialled */
    uint32_t mtu;
    const char *state_text, *entry, *user, *server, *protocol, *interface;
    const char *address, *peer, *since;
    const char *const *dns;     /* NULL behind the last one */
    const char *address6, *method, *encryption, *owner;
    const char *code, *text;    /* why it is not connected */
    int32_t error;              /* the same; 0: it is */
    uint32_t reserved;
};

/* The connections that the caller may see, NULL behind the last one. */
int adit_connections(struct adit_client *c, struct adit_connection ***out);
/* One of them. ADIT_RAS_INVALID_HANDLE: there is none. */
int adit_status(struct adit_client *c, uint64_t handle, struct adit_connection **out);

struct adit_stats {
    uint32_t size;              /* set by the caller */
    uint32_t redials;
    uint64_t duration_ms, bytes_in, bytes_out, packets_in, packets_out;
};

/* The numbers of one connection, into the caller's struct. */
int adit_statistics(struct adit_client *c, uint64_t handle, struct adit_stats *out);

/* ---- demand-dial ------------------------------------------------------------------- */

/* An interface that is there while nobody is connected. */
struct adit_interface {
    uint32_t size;
    uint32_t persistent;        /* 1: it is to be connected always */
    uint64_t connection;        /* its handle, when this side has dialled; 0: none */
    uint64_t packets_dialled;   /* packets that had it dialled */
    uint64_t packets_refused;   /* that were not let do so, by filter or hour */
    const char *name;
    const char *entry;
    const char *state;          /* "disconnected", "connecting", "connected", "unreachable" */
    const char *session;        /* when the other side has called: the session */
    const char *code, *text;    /* why it is unreachable */
};

/* The demand-dial interfaces, NULL behind the last one. */
int adit_interfaces(struct adit_client *c, struct adit_interface ***out);

#if defined(__GNUC__) && __GNUC__ >= 4
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif
