/* doctor.h - what is wrong with a host that serves, or is about to.
 *
 *     struct doctor_seen *s = doctor_seen_new();
 *     doctor_conf_read(s, "/etc/adit/aditd.yaml");     // what is wanted
 *     doctor_look_host(s); ...                         // what is there
 *     for (n = 0; n < doctor_check_count; n++)
 *         doctor_judge(&doctor_checks[n], s, &out);    // pass, warn, fail or skip
 *
 * Knows:  what a tunnel server needs of its host, and how to say what is missing.
 * Leaves: servers elsewhere (DNS, RADIUS, DHCP) and the daemon to who asks them; they
 *         fill in their part of doctor_seen.
 *
 * Looking and judging are apart: judging is a function of what was seen alone, so that
 * tests judge hosts that nobody has.
 */
#ifndef DOCTOR_H
#define DOCTOR_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <net/if.h>
#include <adit/abi.h>

#define DOCTOR_TEXT   512       /* a sentence */
#define DOCTOR_NAME   64
#define DOCTOR_FINDS  24        /* sentences of one check */
#define DOCTOR_LISTEN 32
#define DOCTOR_LINKS  64
#define DOCTOR_ADDRS  128
#define DOCTOR_ROUTES 512
#define DOCTOR_NEIGHS 1024
#define DOCTOR_POOLS  16
#define DOCTOR_RANGES 16
#define DOCTOR_ASKED  16        /* DNS servers, RADIUS servers, certificates */
#define DOCTOR_NOTES  24

enum doctor_state { DOCTOR_PASS, DOCTOR_SKIP, DOCTOR_WARN, DOCTOR_FAIL };
const char *doctor_state_name(enum doctor_state s);     /* "pass" "skip" "warn" "fail" */

/* ---- what is wanted: the configuration ------------------------------------------ */

#define DOCTOR_GRE 47u
#define DOCTOR_ESP 50u
#define DOCTOR_TCP 6u
#define DOCTOR_UDP 17u

/* What the configuration listens on, and who has it now. */
struct doctor_listen {
    uint32_t proto;             /* DOCTOR_TCP, DOCTOR_UDP */
    struct adit_addr addr;      /* with the port; family NONE: every address */
    char what[DOCTOR_NAME];     /* "L2TP", "IKE" */
    bool outside;               /* clients on the internet reach it */
    bool taken, ours;           /* somebody's; the daemon's own */
    bool no_address;            /* the host has no such address */
    int pid;                    /* of who has it; 0: not found */
    char process[DOCTOR_NAME];
};

struct doctor_pool {
    char name[DOCTOR_NAME], type[DOCTOR_NAME];
    struct adit_range ranges[DOCTOR_RANGES];
    struct adit_range excluded[DOCTOR_RANGES];
    uint32_t range_count, excluded_count;
    /* of type dhcp */
    char interface[IFNAMSIZ];
    struct adit_addr relay, servers[8], offered_by;
    uint32_t server_count;
    uint64_t timeout_ms;
    int answered;               /* 1 offer, 0 silent, -1 not asked: why[] says */
    char why[DOCTOR_TEXT];
    /* of the daemon */
    bool known;                 /* the daemon told the numbers below */
    uint64_t size, leased, peak;
    char state[DOCTOR_NAME], error[DOCTOR_TEXT];
};

enum doctor_answer { DOCTOR_UNASKED, DOCTOR_ANSWERED, DOCTOR_SILENT, DOCTOR_REFUSED, DOCTOR_FORGED, DOCTOR_TROUBLE };

struct doctor_dns {
    struct adit_addr server;
    char setting[DOCTOR_NAME];
    enum doctor_answer answer;
    uint32_t rcode;
    char why[DOCTOR_TEXT];
};

struct doctor_radius {
    char name[DOCTOR_NAME], host[256], instance[DOCTOR_NAME];
    uint8_t secret[256];
    uint32_t secret_len;
    struct adit_addr source;
    uint16_t port;
    bool tls, secret_read, lax;         /* lax: answers need no Message-Authenticator */
    enum doctor_answer answer;
    char why[DOCTOR_TEXT];
    char said[DOCTOR_TEXT];     /* by the daemon: "dead: ..." */
};

/* A certificate with its key, or authorities, or a list of revoked ones. */
struct doctor_cert {
    char setting[DOCTOR_NAME];  /* "security[ipsec].certificate" */
    char file[PATH_MAX], key[PATH_MAX];
    bool server;                /* clients look at its name and purpose */
    bool crl;
    char name[256];             /* that it must have; "": nobody said */
    /* seen */
    bool read, key_read, key_fits, has_name, any_name, serves;
    int64_t from_s, until_s;
    char subject[256], why[DOCTOR_TEXT];
};

struct doctor_tunnel {
    char name[DOCTOR_NAME], type[DOCTOR_NAME];
    uint32_t ports;
    bool none, weak;            /* of `encryption`: none; 40 or 56 */
    bool clear;                         /* L2TP without IPsec */
};

/* Something that was seen on the way. */
struct doctor_note {
    bool mild;                  /* at most a warning */
    char seen[DOCTOR_TEXT], mend[DOCTOR_TEXT];
};

/* ---- what is there ---------------------------------------------------------------- */

struct doctor_link {
    int index;
    char name[IFNAMSIZ];
    uint32_t mtu;
    bool up, loopback;
    int rp_filter, forwarding;  /* -1: unknown */
};

struct doctor_addr { int index; struct adit_addr addr; };

struct doctor_route {
    struct adit_addr net, via;  /* via: family NONE, on the link */
    int index;
    uint32_t table;
    bool nowhere;               /* unreachable, blackhole, prohibit */
};

struct doctor_neigh { int index; struct adit_addr addr; bool proxy, alive; };

/* What the packet filter does with packets of a kind. */
enum doctor_wall { DOCTOR_WALL_PASS, DOCTOR_WALL_MAYBE, DOCTOR_WALL_DROP };
struct doctor_packet {
    char what[DOCTOR_NAME];     /* "GRE", "UDP 500" */
    uint32_t proto;
    uint16_t port;
    char in[IFNAMSIZ], out[IFNAMSIZ];   /* out "": for this host */
    struct adit_addr from, to;  /* family NONE: anybody's */
    enum doctor_wall verdict;
    char where[DOCTOR_TEXT];    /* table, chain and rule that decided */
    char chain[DOCTOR_TEXT];    /* "inet filter input" */
};
#define DOCTOR_PACKETS 24

struct doctor_seen {
    /* the configuration */
    char config[PATH_MAX];
    bool conf_read;
    struct doctor_note conf_notes[DOCTOR_NOTES];        /* its errors */
    uint32_t conf_note_count;
    char conf_run[DOCTOR_TEXT]; /* why `aditd --check` could not be asked */
    bool conf_checked;
    char state_dir[PATH_MAX], socket[PATH_MAX];
    struct doctor_note refused[DOCTOR_NOTES];           /* plugins */
    uint32_t refused_count;
    bool plugins_known;
    char internet[IFNAMSIZ], nat[IFNAMSIZ], tun[IFNAMSIZ];
    bool closed;                /* network.internet-interface is given */
    bool forward, proxy_arp, server_address6;
    uint32_t mtu, mru;
    struct adit_addr server_address;
    uint32_t auth;              /* ADIT_AUTH_* */
    uint64_t auth_timeout_ms, answer_timeout_ms, echo_ms;
    uint32_t echo_failures;
    bool control_all;
    struct doctor_tunnel tunnels[DOCTOR_LISTEN];
    uint32_t tunnel_count;
    bool pptp, l2tp, ipsec;     /* served */
    bool psk;
    uint32_t psk_len;           /* the shortest; 0: none is known */
    char weak_proposals[DOCTOR_TEXT];
    uint64_t keepalive_ms;
    struct doctor_note open_files[DOCTOR_NOTES];        /* secrets that others can read */
    uint32_t open_file_count;
    struct doctor_note slow[DOCTOR_NOTES];      /* times of plugins that do not go together */
    uint32_t slow_count;
    struct doctor_listen listen[DOCTOR_LISTEN];
    uint32_t listen_count;
    struct doctor_pool pools[DOCTOR_POOLS];
    uint32_t pool_count;
    struct doctor_dns dns[DOCTOR_ASKED];
    uint32_t dns_count;
    struct doctor_radius radius[DOCTOR_ASKED];
    uint32_t radius_count;
    struct doctor_cert certs[DOCTOR_ASKED];
    uint32_t cert_count;

    /* the daemon */
    bool serving;               /* it answers on its socket */
    bool hangs;                 /* it takes calls there and does not answer */
    char why_not[DOCTOR_TEXT];  /* why it was not asked */
    int pid;
    struct doctor_note degraded[DOCTOR_NOTES];
    uint32_t degraded_count;
    uint32_t sessions;
    bool elsewhere;             /* in another network namespace than we are */

    /* the host */
    bool root;
    uint64_t caps;              /* effective: of the daemon while it serves, else what we may give it */
    bool caps_known;
    int tun_errno;              /* of opening /dev/net/tun; 0 it works */
    struct doctor_link links[DOCTOR_LINKS];
    uint32_t link_count;
    struct doctor_addr addrs[DOCTOR_ADDRS];
    uint32_t addr_count;
    struct doctor_route routes[DOCTOR_ROUTES];
    uint32_t route_count;
    struct doctor_neigh neighs[DOCTOR_NEIGHS];
    uint32_t neigh_count;
    bool cut;                   /* there is more than fits above */
    char net_why[DOCTOR_TEXT];  /* interfaces could not be read */
    int ip_forward, ip6_forward;        /* -1: unknown */
    int rp_all;                 /* conf.all.rp_filter */
    struct doctor_note rivals[DOCTOR_NOTES];    /* other VPN daemons */
    uint32_t rival_count;
    struct doctor_packet packets[DOCTOR_PACKETS];
    uint32_t packet_count;
    bool old_tables;            /* iptables-legacy has rules, which nft does not show */
    char wall_why[DOCTOR_TEXT]; /* why the packet filter could not be read; "": it could */
    int64_t now_s, newest_s;    /* the clock; the youngest of the files below */
    char newest[PATH_MAX];
    int synchronised;           /* by the kernel's word; -1 it does not tell */
    /* the way back: a ping from a client's address, and one from our own */
    struct adit_addr back_to, back_from;
    int back;                   /* 1 both are answered, 0 only ours, -1 not told: back_why */
    char back_why[DOCTOR_TEXT];
};

/* ---- judging ------------------------------------------------------------------------ */

struct doctor_find {
    enum doctor_state state;
    char seen[DOCTOR_TEXT], mend[DOCTOR_TEXT];  /* mend "": nothing to do */
};
struct doctor_out {
    struct doctor_find find[DOCTOR_FINDS];
    uint32_t count, last;       /* last: the one that was said last */
};

struct doctor_check {
    const char *name;           /* what people type: "ports" */
    const char *sentence;       /* what it finds out */
    void (*run)(const struct doctor_seen *s, struct doctor_out *o);
};
extern const struct doctor_check doctor_checks[];
extern const uint32_t doctor_check_count;

/* The worst of what the check found, which stands in `o` (at least one sentence). */
enum doctor_state doctor_judge(const struct doctor_check *c, const struct doctor_seen *s, struct doctor_out *o);

/* What a table of nftables (nft -j list ruleset) does with the packet: fills in verdict,
 * where and chain. False: it is no such text. */
bool doctor_wall_judge(const char *ruleset, struct doctor_packet *p);

/* ---- looking -------------------------------------------------------------------------- */

struct doctor_seen *doctor_seen_new(void);      /* nothing seen yet; NULL: no memory */
void doctor_seen_free(struct doctor_seen *s);   /* wipes secrets */
void doctor_note(struct doctor_note *list, uint32_t *count, const char *mend, const char *fmt, ...) ADIT_PRINTF(4, 5);

void doctor_conf_read(struct doctor_seen *s, const char *path);
void doctor_look_host(struct doctor_seen *s);   /* capabilities, TUN, kernel settings, clock; after look_net */
void doctor_look_net(struct doctor_seen *s);    /* interfaces, addresses, routes, neighbours */
void doctor_look_ports(struct doctor_seen *s);  /* after the daemon was asked for its pid */
/* The unit of systemd that a VPN daemon comes in; NULL: it is none that is known. */
const char *doctor_unit_of(const char *process);
void doctor_look_certs(struct doctor_seen *s);
FILE *doctor_file(const char *path);            /* to read; NULL, errno: also where it is no ordinary file */
/* What is to be tried, from what is known so far. */
void doctor_plan_packets(struct doctor_seen *s);
void doctor_plan_back(struct doctor_seen *s);           /* back_to.family NONE then: nothing */
/* These wait for others, a few seconds at most; each may run in a thread of its own. */
void doctor_look_wall(struct doctor_seen *s);
void doctor_look_back(struct doctor_seen *s);
void doctor_ask_dns(struct doctor_dns *d);

/* ---- of interfaces, for looking and judging --------------------------------------------- */

const struct doctor_link *doctor_link_of(const struct doctor_seen *s, int index);
/* Clients come in there: named by the configuration, or has an address that it listens
 * on, or the default route. */
bool doctor_is_outside(const struct doctor_seen *s, const struct doctor_link *l);
bool doctor_is_tun(const struct doctor_seen *s, const struct doctor_link *l);
bool doctor_is_private(const struct adit_addr *a);      /* not on the internet */
/* The route that a packet takes (of table main); NULL: none. */
const struct doctor_route *doctor_route_to(const struct doctor_seen *s, const struct adit_addr *to);

#endif
