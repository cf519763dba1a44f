/* dp_rule.h - a compiled filter, as its reader (dp_rule.c) and the data path
 * (dp_filter.c) share it. No struct has padding: filters are compared as bytes. */
#ifndef DP_RULE_H
#define DP_RULE_H

#include "datapath/dp_filter.h"

#define DP_ANY_PROTO 256u

struct dp_span {                /* of nets, ranges or types of the filter */
    uint16_t first, count;
};

struct dp_rule_side {
    struct dp_span nets, ports; /* no nets and not assigned: any address */
    uint8_t assigned;           /* the session's own addresses too */
    uint8_t not;                /* all others */
};

#define DP_RULE_ESTABLISHED 1u  /* ACK or RST */
#define DP_RULE_LATER       2u  /* a fragment that is not the first */

struct dp_rule {
    uint16_t proto;             /* DP_ANY_PROTO: any */
    uint8_t permit;
    uint8_t is;                 /* DP_RULE_* */
    struct dp_rule_side src, dst;
    struct dp_span icmp;
    uint8_t tcp_mask, tcp_want; /* flags that are looked at, and how they must be */
    uint8_t ip_with, ip_without;        /* bits of dp_ip_options */
    uint8_t tcp_with, tcp_without;      /* bits of dp_tcp_options */
};

struct dp_rule_net {            /* in network order; IPv4 in the first half */
    uint64_t net[2], mask[2];
    uint32_t version, bits;
};

struct dp_rule_range {
    uint16_t first, last;
};

struct dp_rule_icmp {
    uint8_t first, last;
    uint8_t code, any_code;
};

struct dp_filter {
    uint32_t refs;
    uint32_t rules, nets, ranges, types;
    bool permit;                /* the default */
    struct dp_rule *rule;
    uint64_t *hits;             /* of each rule */
    struct dp_rule_net *net;
    struct dp_rule_range *range;
    struct dp_rule_icmp *type;
    struct dp_filter_stat stat;
    uint32_t last;
};

/* An option of a header: its name in rules, and its kinds on the wire. */
struct dp_option_name {
    const char *name;
    uint8_t kind, last;
};
extern const struct dp_option_name dp_ip_options[4], dp_tcp_options[5];

/* Protocols with ports in their first four bytes. */
bool dp_has_ports(uint32_t proto);
struct dp_filter *dp_filter_new(bool permit);

#endif
