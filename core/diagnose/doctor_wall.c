/* doctor_wall.c - what the host's packet filter does with a packet that is only thought of.
 *
 * Knows:  nftables as `nft -j list ruleset` tells it: chains by hook and priority, the
 *         matches that tell tunnels apart, verdicts.
 * Leaves: asking nft, and which packets matter.
 *
 * The packet is the first one of a client that nobody knows. A match that cannot be
 * decided for such a packet (a set of addresses, a rate) is "perhaps": what is dropped
 * behind it is dropped perhaps.
 */
#include "diagnose/doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <jansson.h>
#include "base/addr.h"

#define DEPTH 16                /* chains that jump to each other */
#define HOOKED 64               /* base chains of a hook */
#define STEPS  20000000u        /* rules that are looked at for one packet */

enum fits { NO, PERHAPS, YES };
enum end { GOES_ON, RETURNS, ACCEPTED, DROPPED };

struct walk {
    const json_t *all;          /* the array "nftables" */
    struct doctor_packet *p;
    const json_t *chain;        /* whose table sets and jumps are of */
    bool doubt;                 /* it was perhaps accepted before */
    uint32_t steps;             /* rules that were looked at; chains that jump in circles end */
};

static const char *str(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

/* ---- values ------------------------------------------------------------------------- */

static int64_t number_of(const json_t *v)
{
    static const struct { const char *word; int n; } words[] = {
        { "tcp", 6 }, { "udp", 17 }, { "gre", 47 }, { "esp", 50 }, { "ah", 51 }, { "icmp", 1 }, { "ipv6-icmp", 58 },
        { "icmpv6", 58 }, { "sctp", 132 }, { "ipv4", 2 }, { "ipv6", 10 }, { "ip", 0x800 }, { "ip6", 0x86dd },
        { "isakmp", 500 }, { "l2f", 1701 }, { "l2tp", 1701 }, { "pptp", 1723 }, { "ipsec-nat-t", 4500 },
        { "domain", 53 }, { "ssh", 22 }, { "http", 80 }, { "https", 443 },
    };
    if (json_is_integer(v))
        return json_integer_value(v);
    for (size_t i = 0; json_is_string(v) && i < sizeof words / sizeof words[0]; i++)
        if (!strcmp(json_string_value(v), words[i].word))
            return words[i].n;
    if (json_is_string(v) && json_string_value(v)[0] >= '0' && json_string_value(v)[0] <= '9')
        return strtoll(json_string_value(v), NULL, 0);
    return -1;
}

static enum fits either(enum fits a, enum fits b) { return a > b ? a : b; }
static enum fits not_(enum fits f) { return f == YES ? NO : f == NO ? YES : PERHAPS; }

static enum fits is_number(const json_t *right, int64_t n)
{
    const json_t *range = json_object_get(right, "range"), *one;
    int64_t first, last;
    if (json_is_array(range)) {
        first = number_of(json_array_get(range, 0));
        last = number_of(json_array_get(range, 1));
        return first < 0 || last < 0 ? PERHAPS : n >= first && n <= last ? YES : NO;
    }
    one = json_object_get(right, "elem");
    if (one)
        right = json_object_get(one, "val");
    first = number_of(right);
    return first < 0 ? PERHAPS : first == n ? YES : NO;
}

/* "eth*" is a beginning. */
static enum fits is_name(const json_t *right, const char *name)
{
    const char *s = json_string_value(right);
    size_t n = s ? strlen(s) : 0;
    if (!n)
        return PERHAPS;
    return (s[n - 1] == '*' ? !strncmp(s, name, n - 1) : !strcmp(s, name)) ? YES : NO;
}

static bool address_of(const json_t *v, struct adit_addr *out)
{
    const json_t *prefix = json_object_get(v, "prefix");
    const char *s = json_string_value(prefix ? json_object_get(prefix, "addr") : v);
    if (!s || addr_parse(s, out))
        return false;
    if (prefix)
        out->prefix = (uint8_t)json_integer_value(json_object_get(prefix, "len"));
    return true;
}

static enum fits is_address(const json_t *right, const struct adit_addr *a)
{
    const json_t *range = json_object_get(right, "range");
    struct adit_addr net, last;
    if (!a->family)
        return PERHAPS;         /* anybody's */
    if (json_is_array(range)) {
        if (!address_of(json_array_get(range, 0), &net) || !address_of(json_array_get(range, 1), &last) ||
            net.family != a->family)
            return PERHAPS;
        uint32_t n = adit_addr_len(a->family);
        return memcmp(a->ip, net.ip, n) >= 0 && memcmp(a->ip, last.ip, n) <= 0 ? YES : NO;
    }
    return !address_of(right, &net) ? PERHAPS : adit_in_network(&net, a) ? YES : NO;
}

/* A state of connection tracking: the packet is the first. */
static enum fits is_state(const json_t *right)
{
    const char *s = json_string_value(right);
    return !s ? PERHAPS : !strcmp(s, "new") ? YES : NO;
}

/* ---- matches --------------------------------------------------------------------------- */

/* What the left side of a match is of our packet. */
enum kind { UNKNOWN, NUMBER, IN, OUT, FROM, TO, STATE, NEVER };
struct left { enum kind kind; int64_t number; };

static struct left payload(const struct walk *w, const json_t *o)
{
    const char *proto = str(o, "protocol"), *field = str(o, "field");
    int64_t of = number_of(json_object_get(o, "protocol"));
    if (!strcmp(proto, "ip") && !strcmp(field, "protocol"))
        return (struct left){ NUMBER, w->p->proto };
    if (!strcmp(proto, "ip") && !strcmp(field, "saddr"))
        return (struct left){ FROM, 0 };
    if (!strcmp(proto, "ip") && !strcmp(field, "daddr"))
        return (struct left){ TO, 0 };
    if (!strcmp(proto, "ip6") || !strcmp(proto, "icmpv6") || !strcmp(proto, "arp"))
        return (struct left){ NEVER, 0 };
    if (!strcmp(proto, "th") || !strcmp(proto, "tcp") || !strcmp(proto, "udp")) {
        if (strcmp(proto, "th") != 0 && of != w->p->proto)
            return (struct left){ NEVER, 0 };
        if (!strcmp(field, "dport"))
            return w->p->port ? (struct left){ NUMBER, w->p->port } : (struct left){ w->p->proto == DOCTOR_TCP ||
                   w->p->proto == DOCTOR_UDP || !w->p->proto ? UNKNOWN : NEVER, 0 };
        return (struct left){ UNKNOWN, 0 };
    }
    /* a header that our packet does not have */
    return (struct left){ of > 0 && of < 256 && w->p->proto && of != w->p->proto ? NEVER : UNKNOWN, 0 };
}

static struct left left_of(const struct walk *w, const json_t *o)
{
    const json_t *v;
    if ((v = json_object_get(o, "payload")))
        return payload(w, v);
    if ((v = json_object_get(o, "meta"))) {
        const char *key = str(v, "key");
        if (!strcmp(key, "iifname") || !strcmp(key, "iif"))
            return (struct left){ IN, 0 };
        if (!strcmp(key, "oifname") || !strcmp(key, "oif"))
            return (struct left){ OUT, 0 };
        if (!strcmp(key, "l4proto"))
            return (struct left){ w->p->proto ? NUMBER : UNKNOWN, w->p->proto };
        if (!strcmp(key, "nfproto"))
            return (struct left){ NUMBER, 2 };
        if (!strcmp(key, "protocol"))
            return (struct left){ NUMBER, 0x800 };
    }
    if ((v = json_object_get(o, "ct")) && !strcmp(str(v, "key"), "state"))
        return (struct left){ STATE, 0 };
    if ((v = json_object_get(o, "ct")) && !strcmp(str(v, "key"), "status"))
        return (struct left){ NEVER, 0 };       /* dnat, snat: nothing was translated yet */
    return (struct left){ UNKNOWN, 0 };
}

static enum fits one_of(const struct walk *w, struct left l, const json_t *right)
{
    switch (l.kind) {
    case NUMBER: return is_number(right, l.number);
    case IN:     return is_name(right, w->p->in);
    case OUT:    return *w->p->out ? is_name(right, w->p->out) : NO;
    case FROM:   return is_address(right, &w->p->from);
    case TO:     return is_address(right, &w->p->to);
    case STATE:  return is_state(right);
    case NEVER:  return NO;
    default:     return PERHAPS;
    }
}

static const json_t *named_set(const struct walk *w, const char *name)
{
    size_t i;
    json_t *o;
    json_array_foreach (w->all, i, o) {
        const json_t *set = json_object_get(o, "set");
        if (!set)
            set = json_object_get(o, "map");
        if (set && !strcmp(str(set, "name"), name) && !strcmp(str(set, "table"), str(w->chain, "table")) &&
            !strcmp(str(set, "family"), str(w->chain, "family")))
            return set;
    }
    return NULL;
}

static enum fits any_of(const struct walk *w, struct left l, const json_t *right)
{
    const char *name = json_string_value(right);
    const json_t *set = json_object_get(right, "set");
    if (name && name[0] == '@') {
        const json_t *named = named_set(w, name + 1);
        if (!named)
            return PERHAPS;
        set = json_object_get(named, "elem");
        if (!set)
            return json_object_get(named, "flags") ? PERHAPS : NO;      /* empty; a dynamic one fills */
    }
    if (json_is_array(right))
        set = right;
    if (!set)
        return one_of(w, l, right);
    enum fits f = NO;
    size_t i;
    json_t *o;
    if (!json_is_array(set))
        return one_of(w, l, set);
    json_array_foreach (set, i, o)
        f = either(f, one_of(w, l, o));
    return f;
}

static enum fits match(const struct walk *w, const json_t *m)
{
    struct left l = left_of(w, json_object_get(m, "left"));
    const char *op = str(m, "op");
    const json_t *right = json_object_get(m, "right");
    if (l.kind == NEVER)
        return NO;              /* also for !=: the header is not there */
    if (!strcmp(op, "==") || !strcmp(op, "in"))
        return any_of(w, l, right);
    if (!strcmp(op, "!="))
        return not_(any_of(w, l, right));
    if (l.kind == NUMBER && number_of(right) >= 0) {
        int64_t r = number_of(right);
        bool yes = !strcmp(op, "<") ? l.number < r : !strcmp(op, "<=") ? l.number <= r :
                   !strcmp(op, ">") ? l.number > r : l.number >= r;
        return yes ? YES : NO;
    }
    return PERHAPS;
}

/* ---- rules and chains -------------------------------------------------------------------- */

static enum end run_chain(struct walk *w, const json_t *chain, int depth, bool perhaps);

static const json_t *chain_named(const struct walk *w, const char *name)
{
    size_t i;
    json_t *o;
    json_array_foreach (w->all, i, o) {
        const json_t *c = json_object_get(o, "chain");
        if (c && !strcmp(str(c, "name"), name) && !strcmp(str(c, "table"), str(w->chain, "table")) &&
            !strcmp(str(c, "family"), str(w->chain, "family")))
            return c;
    }
    return NULL;
}

static enum end drops(struct walk *w, const json_t *rule, bool perhaps)
{
    if (perhaps && w->p->verdict != DOCTOR_WALL_PASS)
        return GOES_ON;         /* the first of several is told */
    snprintf(w->p->chain, sizeof w->p->chain, "%s %s %s", str(rule, "family"), str(rule, "table"), str(rule, "chain"));
    snprintf(w->p->where, sizeof w->p->where, "rule %lld of chain %.100s (table %.40s %.100s)",
             (long long)json_integer_value(json_object_get(rule, "handle")), str(rule, "chain"),
             str(rule, "family"), str(rule, "table"));
    w->p->verdict = perhaps || w->doubt ? DOCTOR_WALL_MAYBE : DOCTOR_WALL_DROP;
    return perhaps ? GOES_ON : DROPPED;
}

static enum end verdict(struct walk *w, const json_t *rule, const json_t *e, enum fits f, int depth, bool perhaps);

/* `ct state vmap { established : accept, invalid : drop }` */
static enum end vmap(struct walk *w, const json_t *rule, const json_t *v, enum fits f, int depth, bool perhaps)
{
    struct left l = left_of(w, json_object_get(v, "key"));
    const json_t *data = json_object_get(v, "data"), *set = json_object_get(data, "set"), *row;
    const char *name = json_string_value(data);
    if (name && name[0] == '@')
        set = json_object_get(named_set(w, name + 1), "elem");
    for (size_t i = 0; i < json_array_size(set); i++) {
        row = json_array_get(set, i);
        const json_t *key = json_array_get(row, 0);
        enum fits one = l.kind == NEVER ? NO : one_of(w, l, key);
        if (one == NO)
            continue;
        enum end end = verdict(w, rule, json_array_get(row, 1), one < f ? one : f, depth, perhaps);
        if (end != GOES_ON || one == YES)
            return end;
    }
    return GOES_ON;
}

static enum end verdict(struct walk *w, const json_t *rule, const json_t *e, enum fits f, int depth, bool perhaps)
{
    const json_t *to;
    if (json_object_get(e, "accept")) {
        w->doubt |= f != YES || perhaps;
        return f == YES ? ACCEPTED : GOES_ON;
    }
    if (json_object_get(e, "drop") || json_object_get(e, "reject"))
        return drops(w, rule, perhaps || f != YES);
    if (json_object_get(e, "return"))
        return f == YES ? RETURNS : GOES_ON;
    if ((to = json_object_get(e, "jump")) || (to = json_object_get(e, "goto"))) {
        const json_t *chain = chain_named(w, str(to, "target")), *was = w->chain;
        enum end end = chain && depth < DEPTH ? run_chain(w, chain, depth + 1, perhaps || f != YES) : GOES_ON;
        w->chain = was;
        if (end == RETURNS || (end == ACCEPTED && f != YES))
            end = GOES_ON;
        return json_object_get(e, "goto") && end == GOES_ON && f == YES ? RETURNS : end;
    }
    if ((to = json_object_get(e, "vmap")))
        return vmap(w, rule, to, f, depth, perhaps);
    return GOES_ON;
}

/* Statements that decide nothing; everything else may keep the packet from the verdict. */
static bool harmless(const json_t *e)
{
    static const char *const words[] = { "counter", "log", "mangle", "notrack", "comment", "nflog" };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (json_object_get(e, words[i]))
            return true;
    return false;
}

static bool is_verdict(const json_t *e)
{
    static const char *const words[] = { "accept", "drop", "reject", "return", "jump", "goto", "vmap" };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (json_object_get(e, words[i]))
            return true;
    return false;
}

static enum end run_rule(struct walk *w, const json_t *rule, int depth, bool perhaps)
{
    enum fits f = YES;
    size_t i;
    json_t *e;
    json_array_foreach (json_object_get(rule, "expr"), i, e) {
        const json_t *m = json_object_get(e, "match");
        if (m) {
            enum fits one = match(w, m);
            f = one < f ? one : f;
            if (f == NO)
                return GOES_ON;
        } else if (is_verdict(e)) {
            enum end end = verdict(w, rule, e, f, depth, perhaps);
            if (end != GOES_ON)
                return end;
        } else if (!harmless(e)) {
            f = f < PERHAPS ? f : PERHAPS;
        }
    }
    return GOES_ON;
}

static enum end run_chain(struct walk *w, const json_t *chain, int depth, bool perhaps)
{
    size_t i;
    json_t *o;
    w->chain = chain;
    json_array_foreach (w->all, i, o) {
        if (w->steps++ > STEPS)
            return RETURNS;
        const json_t *r = json_object_get(o, "rule");
        if (!r || strcmp(str(r, "chain"), str(chain, "name")) || strcmp(str(r, "table"), str(chain, "table")) ||
            strcmp(str(r, "family"), str(chain, "family")))
            continue;
        enum end end = run_rule(w, r, depth, perhaps);
        w->chain = chain;
        if (end != GOES_ON)
            return end;
    }
    return GOES_ON;
}

static bool hooked(const json_t *chain, const char *hook, const struct doctor_packet *p)
{
    const char *family = str(chain, "family");
    if (!strcmp(str(chain, "type"), "nat") || strcmp(str(chain, "hook"), hook) != 0)
        return false;
    if (!strcmp(family, "netdev"))
        return !strcmp(str(chain, "dev"), p->in);
    return !strcmp(family, "inet") || !strcmp(family, "ip");
}

static int by_priority(const void *a, const void *b)
{
    json_int_t x = json_integer_value(json_object_get(*(json_t *const *)a, "prio")),
               y = json_integer_value(json_object_get(*(json_t *const *)b, "prio"));
    return x < y ? -1 : x > y;
}

/* An accept ends a base chain, and the next one is asked; a drop ends everything. */
static bool run_hook(struct walk *w, const char *hook)
{
    const json_t *list[HOOKED];
    size_t n = 0, i;
    json_t *o;
    json_array_foreach (w->all, i, o) {
        const json_t *c = json_object_get(o, "chain");
        if (c && n < HOOKED && hooked(c, hook, w->p))
            list[n++] = c;
    }
    qsort(list, n, sizeof list[0], by_priority);
    for (i = 0; i < n; i++) {
        w->doubt = false;
        enum end end = run_chain(w, list[i], 0, false);
        if (end == DROPPED)
            return false;
        if (end != ACCEPTED && !strcmp(str(list[i], "policy"), "drop")) {
            w->p->verdict = w->doubt ? DOCTOR_WALL_MAYBE : DOCTOR_WALL_DROP;
            snprintf(w->p->chain, sizeof w->p->chain, "%s %s %s", str(list[i], "family"), str(list[i], "table"),
                     str(list[i], "name"));
            snprintf(w->p->where, sizeof w->p->where, "the policy of chain %.100s (table %.40s %.100s)",
                     str(list[i], "name"), str(list[i], "family"), str(list[i], "table"));
            return false;
        }
    }
    return true;
}

bool doctor_wall_judge(const char *ruleset, struct doctor_packet *p)
{
    json_t *root = json_loads(ruleset, 0, NULL);
    struct walk w = { json_object_get(root, "nftables"), p, NULL, false, 0 };
    bool good = json_is_array(w.all);
    p->verdict = DOCTOR_WALL_PASS;
    p->where[0] = p->chain[0] = '\0';
    if (good)
        (void)(run_hook(&w, "ingress") && run_hook(&w, "prerouting") && run_hook(&w, *p->out ? "forward" : "input"));
    json_decref(root);
    return good;
}
