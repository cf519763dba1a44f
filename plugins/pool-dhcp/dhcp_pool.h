/* dhcp_pool.h - what the files of pool-dhcp share: one pool and its leases. */
#ifndef DHCP_POOL_H
#define DHCP_POOL_H

#include <adit/plugin.h>
#include <adit/table.h>
#include "dhcp_lease.h"

/* The options of a pool of type `dhcp`. */
struct dhcp_conf {
    const char *interface;
    struct adit_addr relay;
    struct adit_array servers;
    struct adit_addr subnet;
    uint32_t identity, host_name;
    const char *client_id;
    struct adit_addr server_address;
    uint64_t retry_ms, timeout_ms, silent_ms, offer_wait_ms, shortest_ms, keep_ms;
};

#define DHCP_BY_USER 0u
#define DHCP_BY_SESSION 1u
#define DHCP_HOST_ACCOUNT 0u
#define DHCP_HOST_PEER 1u
#define DHCP_HOST_NONE 2u

/*      ID, name, sentence */
#define DHCP_COUNTERS(X)                                                                          \
    X(TX_DISCOVER,  "tx-discover",  "DHCPDISCOVER messages that were sent.")                      \
    X(TX_REQUEST,   "tx-request",   "DHCPREQUEST messages that were sent.")                       \
    X(TX_DECLINE,   "tx-decline",   "DHCPDECLINE messages that were sent.")                       \
    X(TX_RELEASE,   "tx-release",   "DHCPRELEASE messages that were sent.")                       \
    X(RX_OFFER,     "rx-offer",     "DHCPOFFER messages that belong to a lease.")                 \
    X(RX_ACK,       "rx-ack",       "DHCPACK messages that belong to a lease.")                   \
    X(RX_NAK,       "rx-nak",       "DHCPNAK messages that belong to a lease.")                   \
    X(RX_MALFORMED, "rx-malformed", "Datagrams that are no DHCP answer; dropped.")                \
    X(RX_STRANGER,  "rx-stranger",  "Answers of servers that are not in the list; dropped.")      \
    X(RX_UNKNOWN,   "rx-unknown",   "Answers to nothing that was asked; dropped.")                \
    X(LEASED,       "leased",       "Addresses that sessions got.")                               \
    X(AGAIN,        "again",        "Of them: leases of before a restart of the daemon.")         \
    X(RENEWED,      "renewed",      "Renewals.")                                                  \
    X(RELEASED,     "released",     "Addresses that were given back.")                            \
    X(LOST,         "lost",         "Leases that ended under a session.")                         \
    X(UNANSWERED,   "unanswered",   "Requests that no server answered.")                          \
    X(EXHAUSTED,    "exhausted",    "Requests for which servers had no address.")                 \
    X(TAKEN,        "taken",        "Addresses that were somebody else's, or not to be had.")

enum dhcp_counter {
#define X(id, name, sentence) DHCP_##id,
    DHCP_COUNTERS(X)
#undef X
    DHCP_COUNTER_COUNT
};

/*      variable, name, level, sentence, keys */
#define DHCP_EVENTS_OF(X)                                                                         \
    X(ready, "dhcp.ready", ADIT_LOG_INFO, "The pool has an address to ask servers from.",         \
      "address interface")                                                                        \
    X(waiting, "dhcp.waiting", ADIT_LOG_WARN,                                                     \
      "The pool cannot ask servers yet, or not any more.", "interface address reason remedy")     \
    X(silent, "dhcp.silent", ADIT_LOG_WARN,                                                       \
      "No server answers: sessions live on, new ones get no address here.", "servers remedy")     \
    X(exhausted, "dhcp.exhausted", ADIT_LOG_WARN,                                                 \
      "Servers answer, but offer no address.", "account remedy")                                  \
    X(answering, "dhcp.answering", ADIT_LOG_NOTICE, "Servers offer addresses again.", "server")   \
    X(refused, "dhcp.refused", ADIT_LOG_WARN,                                                     \
      "Servers answered with nothing that could be used.", "account wanted reason remedy")        \
    X(declined, "dhcp.declined", ADIT_LOG_WARN,                                                   \
      "A server leased an address that somebody else has; it was told so.",                       \
      "account address server")                                                                   \
    X(lost, "dhcp.lost", ADIT_LOG_WARN, "A lease ended under a session, which ends too.",         \
      "account address server reason")                                                            \
    X(resumed, "dhcp.resumed", ADIT_LOG_NOTICE,                                                   \
      "No server answers; a lease of before the restart is used as it is.", "account address")    \
    X(dropped, "dhcp.dropped", ADIT_LOG_NOTICE, "A datagram was dropped.", "peer reason")         \
    X(store, "dhcp.store", ADIT_LOG_WARN, "The file of leases cannot be used as it should.",      \
      "file reason")

#define X(var, name, level, sentence, keys) extern const struct adit_event dhcp_ev_##var;
DHCP_EVENTS_OF(X)
#undef X

#define DHCP_SERVERS 8u         /* of one pool */
#define DHCP_PATHS 16u          /* that are kept open */
#define DHCP_LATE 8u
#define DHCP_ACCOUNT 64         /* bytes of a name that people are shown */

struct dhcp_pool;

/* One lease and whose it is. It is used (a session has it), asked for (`req`), or
 * neither: kept from before our restart, or an answer is awaited that nobody wants
 * any more. */
struct dhcp_own {
    struct dhcp_lease m;        /* the machine */
    struct dhcp_pool *pool;
    struct adit_node node;      /* of all */
    struct adit_entry by_xid, by_key, by_address, by_id, by_req;
    uint64_t id;                /* the host's name for it */
    adit_request req;           /* 0: nobody waits */
    bool used, stored;
    bool elsewhere;             /* servers lease from another network than the wanted one */
    uint32_t busy;              /* inside its machine: it is not freed there */
    bool dead;
    uint32_t slot;              /* in the heap, from 1; 0: not there */
    uint64_t due_ms, keep_until_ms;
    uint64_t since_ms;          /* wall clock */
    uint8_t chaddr[6], client_id_len;
    uint8_t client_id[DHCP_ID];
    char host[DHCP_HOST], account[DHCP_ACCOUNT];
};

enum dhcp_mood {
    DHCP_ANSWERING,
    DHCP_SILENT,                /* the last who asked heard nothing */
    DHCP_FULL,                  /* ... while others were answered */
};

struct dhcp_path {
    uint32_t to;
    struct adit_path *path;
};

struct dhcp_pool {
    struct adit_self *self;
    struct dhcp_times times;
    bool serving;
    char prefix[DHCP_ACCOUNT];  /* of client identifiers */
    uint64_t seed;
    /* leases */
    struct adit_node all;
    struct adit_table by_xid, by_key, by_address, by_id, by_req;
    uint64_t last_id;
    uint32_t count, used, peak;
    enum dhcp_mood mood;
    uint64_t heard_ms;          /* when a server said anything to us; 0: never */
    uint64_t probe_id, probe_ms;
    uint32_t late[DHCP_LATE], late_next;        /* of exchanges that were given up */
    /* dhcp_io.c */
    uint32_t giaddr, mask;      /* ours, 0: not yet; its network, on an interface */
    bool bad_told, broadcasts;
    struct adit_port *port;
    uint32_t servers[DHCP_SERVERS];
    uint16_t server_ports[DHCP_SERVERS];
    uint32_t server_count;      /* 0: broadcast */
    struct dhcp_path paths[DHCP_PATHS];
    uint32_t path_next;
    struct adit_timer *timer, *watch;
    struct dhcp_own **heap;
    uint32_t heap_count, heap_room;
    /* dhcp_store.c */
    char *store_path;
    int store_fd;
    uint32_t store_lines;       /* in the file */
    bool store_told;
};

extern const struct adit_life dhcp_life;
extern const struct adit_pool dhcp_vtable;

/* Host byte order to the SDK's and back; 0 where it is no IPv4 address. */
struct adit_addr dhcp_addr(uint32_t a);
uint32_t dhcp_number(const struct adit_addr *a);

/* dhcp_io.c: the network and the clock */
int32_t dhcp_io_conf(struct dhcp_pool *p, const struct dhcp_conf *c);
int32_t dhcp_io_start(struct dhcp_pool *p);
void dhcp_io_free(struct dhcp_pool *p);
void dhcp_io_send(struct dhcp_own *o, struct dhcp_say *m, enum dhcp_to to);
/* Room in the clock for so many leases. */
bool dhcp_io_room(struct dhcp_pool *p, uint32_t leases);
/* Sets or moves an own's place in time; DHCP_NEVER takes it out. */
void dhcp_io_due(struct dhcp_own *o, uint64_t due_ms);
/* Whether this host has the address itself. */
bool dhcp_io_is_ours(uint32_t address);

/* dhcp_pool.c: whose leases they are */
/* A message of a server that may talk to us; rank is its place in the list. */
void dhcp_pool_rx(struct dhcp_pool *p, const struct dhcp_heard *m, uint32_t from, uint32_t rank);
void dhcp_pool_due(struct dhcp_own *o, uint64_t now);
/* A lease of our life before: NULL without memory, or when it is here already. */
struct dhcp_own *dhcp_pool_stored(struct dhcp_pool *p, const uint8_t *client_id, uint8_t len);
/* The same, when a later line says that it is not. */
void dhcp_pool_forget(struct dhcp_pool *p, const uint8_t *client_id, uint8_t len);
/* All are read: their times count. */
void dhcp_pool_loaded(struct dhcp_pool *p);

/* dhcp_store.c: what survives us */
void dhcp_store_open(struct dhcp_pool *p);
void dhcp_store_put(struct dhcp_own *o);
void dhcp_store_del(struct dhcp_own *o);
void dhcp_store_close(struct dhcp_pool *p);

#endif
