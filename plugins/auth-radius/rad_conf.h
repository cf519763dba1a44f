/* rad_conf.h - the options of type radius, as structs (tables: plugin.c). */
#ifndef RAD_CONF_H
#define RAD_CONF_H

#include <adit/plugin.h>

struct rad_server_conf {
    const char *name;           /* for people; absent: its host */
    const char *host;           /* an address, or a name that is looked up */
    const char *secret, *secret_file;   /* one of them; TLS: "radsec" when absent */
    uint32_t auth_port, acct_port;      /* 1812, 1813; 0: not asked for that; TLS: 2083 for both */
    uint32_t weight;            /* order weighted: its share */
    uint32_t transport;         /* RAD_UDP, RAD_TLS */
    uint32_t message_authenticator;     /* RAD_REQUIRE, RAD_AUTO */
    uint64_t timeout_ms;        /* of the first try; doubles, with jitter */
    uint32_t tries;             /* before the next server is asked */
    struct adit_addr source;
    const char *tls_name;       /* in its certificate; absent: host */
    const char *tls_ca, *tls_certificate, *tls_key;
};

#define RAD_UDP     0u
#define RAD_TLS     1u
#define RAD_REQUIRE 0u          /* Message-Authenticator in every answer */
#define RAD_AUTO    1u          /* its absence is accepted from this server */
#define RAD_ORDER   0u          /* the first that lives */
#define RAD_WEIGHTS 1u          /* shared by weight */

struct rad_servers_conf {
    struct adit_array servers;  /* struct rad_server_conf */
    uint32_t order;             /* RAD_ORDER, RAD_WEIGHTS */
    uint64_t dead_ms;           /* how long a dead server is left alone before it is probed */
    uint32_t probe;             /* 1: Status-Server; 0: an ordinary request tries */
};

struct rad_nas_conf {
    const char *identifier;     /* NAS-Identifier; absent: the host's name */
    struct adit_addr address;   /* NAS-IP(v6)-Address; absent: the source of the request */
    uint32_t port_type;         /* NAS-Port-Type; Virtual (5) */
    struct adit_array send;     /* const char *: "Attribute=value", put into every request */
    uint32_t strip_domain;      /* 1: User-Name without it, where the method allows */
};

struct rad_coa_conf {
    struct adit_addr listen;    /* UDP 3799; family NONE with port 0: off */
    struct adit_array clients;  /* struct rad_coa_client_conf */
    uint64_t window_ms;         /* how far Event-Timestamp may be off; 0: it is not demanded */
};

struct rad_coa_client_conf {
    struct adit_addr network;   /* prefix */
    const char *secret, *secret_file;
    uint32_t message_authenticator;
};

/* kind auth, type radius */
struct rad_auth_conf {
    struct rad_servers_conf servers;
    struct rad_nas_conf nas;
    struct rad_coa_conf coa;
    struct adit_array domains;  /* const char *: whose users are asked for; none: all */
    uint32_t grants;            /* 1: an accepted user is permitted, whatever policies say */
    uint64_t limit_ms;          /* for one authentication, all servers together */
    uint32_t in_flight;         /* at most, more are refused */
};

/* kind accounting, type radius: servers absent: those of the instance `like` (or the
 * only one) of kind auth */
struct rad_acct_conf {
    struct rad_servers_conf servers;
    struct rad_nas_conf nas;
    const char *like;
    uint64_t spool_size;        /* bytes on disk at most; the oldest interim records go first */
    uint64_t limit_ms;
    uint32_t on_off;            /* Accounting-On and -Off at start and stop */
};

/* What the option tables cannot say (rad_conf.c): 0, or ADIT_ECONF after adit_fail(). */
int32_t rad_conf_nas(struct adit_self *self, const struct rad_nas_conf *nas);

#endif
