/* dp_filter.h - packet filters: rules, compiled once, and what they say of a packet.
 *
 *     struct dp_filter *f;
 *     if (dp_filter_of(&conf, &f, &err) != 0) ...          // err: which rule, which option
 *     if (dp_look(pkt, &hdr, &l) && dp_filter_pass(f, &l, who)) ...
 *     dp_filter_unref(f);
 *
 * Knows:  two languages of rules and the one table that comes of them: the options
 *         of section `filters:`, and the text of RFC 6733 section 4.3.1 that
 *         NAS-Filter-Rule carries (RFC 4849); how a packet is held against it.
 * Leaves: who has which filter to dp_guard; clocks, sessions.
 *
 * The first rule that fits decides; without one the filter's default does. A
 * compiled filter never changes but for its counters, so any number of sessions
 * share it.
 *
 * What a filter cannot judge it does not pass: a transport header that is cut off,
 * headers of IPv6 without an end, the fragment that would overwrite a TCP header
 * (RFC 1858, RFC 3128, RFC 7112). Later fragments have no ports, flags and types:
 * rules that name any do not fit them, addresses and protocol decide.
 */
#ifndef DP_FILTER_H
#define DP_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <adit/abi.h>
#include "datapath/dp_pkt.h"

#define DP_FILTER_RULES 1000u   /* of one filter */
#define DP_FILTER_TEXT  512u    /* bytes of a rule as text */

struct dp_filter;

struct dp_filter *dp_filter_ref(struct dp_filter *f);
void dp_filter_unref(struct dp_filter *f);      /* NULL is fine */

/* ---- rules of the configuration ---- */

#define DP_OTHERWISE 0u         /* what the filter's default is not */
#define DP_PERMIT    1u
#define DP_DENY      2u

struct dp_rule_conf {
    uint32_t action;            /* DP_* */
    uint32_t established;       /* 1: TCP with ACK or RST */
    uint32_t fragments;         /* 1: only fragments that are not the first */
    const char *protocol;       /* a name or a number; NULL: any */
    struct adit_array from, to;         /* struct adit_addr, networks; none: any */
    struct adit_array from_ports, to_ports;     /* const char *: "80", "8000-8080" */
    struct adit_array icmp_types;       /* const char *: "8", "echo-request", "3/4" */
};
struct dp_filter_conf {
    const char *name;
    uint32_t fallback;          /* DP_PERMIT or DP_DENY: what no rule decides */
    struct adit_array rules;    /* struct dp_rule_conf */
};
extern const struct adit_opt dp_filter_opts[];  /* of one entry of section `filters:` */

/* What is wrong: with the filter (rule -1) or one of its rules, in which option. */
struct dp_filter_err {
    int32_t rule;
    const char *option;         /* NULL: with all of it */
    char text[256];
};
int32_t dp_filter_of(const struct dp_filter_conf *c, struct dp_filter **out, struct dp_filter_err *err);

/* ---- rules as text ---- */

/* Rules for both directions, as they come; NULL in *in or *out: no rule was for it.
 * When none fits, what the last one does not do is done. 0, or ADIT_EINVAL and in
 * `why` a sentence with the rule's number. */
int32_t dp_filter_read(const char *const *rules, uint32_t count, struct dp_filter **in,
                       struct dp_filter **out, char *why, size_t size);

/* ---- packets ---- */

/* What rules ask about a packet. */
struct dp_look {
    const uint8_t *p, *src, *dst;
    uint8_t version, proto;
    uint8_t flags;              /* of TCP */
    uint8_t icmp_type, icmp_code;
    bool later;                 /* a fragment that is not the first */
    bool ports;                 /* it has ports */
    bool head;                  /* the transport header is here: flags, types */
    uint16_t sport, dport;
    uint32_t l4, len;
};
/* False: nobody can judge it. */
bool dp_look(const uint8_t *p, const struct dp_hdr *h, struct dp_look *out);

/* "assigned" in a rule: whether an address (of `version`) is the session's. */
struct dp_who {
    bool (*has)(const void *u, const uint8_t *ip, unsigned version);
    const void *u;
};
/* DATA PATH. `who` may be NULL where no address is assigned. */
bool dp_filter_pass(struct dp_filter *f, const struct dp_look *l, const struct dp_who *who);
void dp_filter_unreadable(struct dp_filter *f); /* counts what dp_look() refused */

/* ---- looking at it ---- */

bool dp_filter_same(const struct dp_filter *a, const struct dp_filter *b);
uint32_t dp_filter_count(const struct dp_filter *f);    /* rules */
bool dp_filter_default(const struct dp_filter *f);      /* true: permit */
/* Rule i in the language of RFC 6733, without its direction when `dir` is NULL. */
const char *dp_filter_rule(const struct dp_filter *f, uint32_t i, const char *dir,
                           char out[DP_FILTER_TEXT]);
struct dp_filter_stat {
    uint64_t passed, dropped;   /* packets; a super-packet counts as one */
    uint64_t unreadable;        /* of those dropped: nobody could judge them */
    uint64_t no_rule;           /* that the default decided */
};
void dp_filter_stat(const struct dp_filter *f, struct dp_filter_stat *out);
uint64_t dp_filter_hits(const struct dp_filter *f, uint32_t i);
uint32_t dp_filter_last(const struct dp_filter *f);     /* rule that decided last, from 1; 0: none did */

#endif
