/* dp_rule.c - how filters are written: read into a table, and written out again.
 *
 * Knows:  the options of section `filters:`, the text of RFC 6733 section 4.3.1,
 *         names of protocols, flags and types, what contradicts itself.
 * Leaves: packets to dp_filter.c.
 *
 * Text comes from RADIUS servers: it is read through one cursor that stops at its
 * NUL; numbers and lists have bounds. A rule that is not understood is an error,
 * never left out (RFC 6733: a deny rule that cannot be applied ends the session).
 */
#include "datapath/dp_rule.h"
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include "base/addr.h"

#define TEXT_MAX  4096u         /* bytes of a rule as text */
#define LIST_MAX  65535u        /* networks, ranges, types of one filter */

// clang-format off
static const struct adit_word action_words[] = {
    { "permit", DP_PERMIT, 0 }, { "deny", DP_DENY, 0 }, { NULL, 0, 0 },
};

static const struct adit_opt rule_opts[] = {
    ADIT_OPT_WORDS(ENUM, dp_rule_conf, action, "action", action_words, NULL, ADIT_OPT_RELOAD, "permit or deny; absent: what the filter's default is not."),
    ADIT_OPT(STR, dp_rule_conf, protocol, "protocol", NULL, ADIT_OPT_RELOAD, "tcp, udp, icmp, icmpv6, gre, esp ... or a number; absent: any."),
    ADIT_OPT(PREFIX, dp_rule_conf, from, "from", NULL, ADIT_OPT_ARRAY | ADIT_OPT_RELOAD, "Networks that the packet comes from."),
    ADIT_OPT(PREFIX, dp_rule_conf, to, "to", NULL, ADIT_OPT_ARRAY | ADIT_OPT_RELOAD, "Networks that it goes to."),
    ADIT_OPT(STR, dp_rule_conf, from_ports, "from-ports", NULL, ADIT_OPT_ARRAY | ADIT_OPT_RELOAD, "Ports or ranges of ports that it comes from, of tcp, udp, sctp."),
    ADIT_OPT(STR, dp_rule_conf, to_ports, "to-ports", NULL, ADIT_OPT_ARRAY | ADIT_OPT_RELOAD, "Ports or ranges of ports that it goes to."),
    ADIT_OPT(STR, dp_rule_conf, icmp_types, "icmp-types", NULL, ADIT_OPT_ARRAY | ADIT_OPT_RELOAD, "Types of icmp or icmpv6: a name, a number, a range, or TYPE/CODE."),
    ADIT_OPT(BOOL, dp_rule_conf, established, "established", NULL, ADIT_OPT_RELOAD, "Only TCP packets that do not begin a connection."),
    ADIT_OPT(BOOL, dp_rule_conf, fragments, "fragments", NULL, ADIT_OPT_RELOAD, "Only fragments that are not the first."),
    ADIT_OPT_END
};

const struct adit_opt dp_filter_opts[] = {
    ADIT_OPT(STR, dp_filter_conf, name, "name", NULL, ADIT_OPT_REQUIRED | ADIT_OPT_RELOAD, "The filter's name, for profiles, accounts and RADIUS (Filter-Id)."),
    ADIT_OPT_WORDS(ENUM, dp_filter_conf, fallback, "default", action_words, "deny", ADIT_OPT_RELOAD, "What becomes of packets that no rule fits: permit or deny."),
    ADIT_OPT_SUB(dp_filter_conf, rules, "rules", dp_rule_conf, rule_opts, ADIT_OPT_ARRAY | ADIT_OPT_RELOAD, "The rules, in order: the first that fits decides."),
    ADIT_OPT_END
};

static const struct proto { const char *name; uint16_t number; } protos[] = {
    { "icmp", 1 }, { "igmp", 2 }, { "ipip", 4 }, { "tcp", 6 }, { "udp", 17 }, { "dccp", 33 }, { "ipv6", 41 },
    { "gre", 47 }, { "esp", 50 }, { "ah", 51 }, { "icmpv6", 58 }, { "ipv6-icmp", 58 }, { "ospf", 89 },
    { "sctp", 132 }, { "udplite", 136 },
};

/* A hyphen of a name may be a blank in a rule: RFC 6733 writes "echo request". */
static const struct icmp_name { const char *name; uint8_t type; } icmp_names[] = {
    { "echo-reply", 0 }, { "destination-unreachable", 3 }, { "unreachable", 3 }, { "source-quench", 4 },
    { "redirect", 5 }, { "echo-request", 8 }, { "router-advertisement", 9 }, { "router-solicitation", 10 },
    { "time-to-live-exceeded", 11 }, { "time-exceeded", 11 }, { "ip-header-bad", 12 },
    { "parameter-problem", 12 }, { "timestamp-request", 13 }, { "timestamp-reply", 14 },
    { "information-request", 15 }, { "information-reply", 16 }, { "address-mask-request", 17 },
    { "address-mask-reply", 18 }, { NULL, 0 },
}, icmp6_names[] = {
    { "destination-unreachable", 1 }, { "unreachable", 1 }, { "packet-too-big", 2 }, { "time-exceeded", 3 },
    { "parameter-problem", 4 }, { "echo-request", 128 }, { "echo-reply", 129 },
    { "router-solicitation", 133 }, { "router-advertisement", 134 }, { "neighbour-solicitation", 135 },
    { "neighbour-advertisement", 136 }, { "redirect", 137 }, { NULL, 0 },
};

static const struct { const char *name; uint8_t bit; } tcp_flags[] = {
    { "fin", 0x01 }, { "syn", 0x02 }, { "rst", 0x04 }, { "psh", 0x08 }, { "ack", 0x10 }, { "urg", 0x20 },
};
// clang-format on

/* ---- a filter in the making ------------------------------------------------------------ */

struct make {
    struct dp_filter *f;
    const char *option;         /* that is wrong */
    char *why;
    size_t size;
};

static int32_t wrong(struct make *m, const char *option, const char *fmt, ...) ADIT_PRINTF(3, 4);
static int32_t wrong(struct make *m, const char *option, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(m->why, m->size, fmt, ap);
    va_end(ap);
    m->option = option;
    return ADIT_EINVAL;
}

static int32_t no_memory(struct make *m)
{
    wrong(m, NULL, "out of memory");
    return ADIT_ENOMEM;
}

/* One more item of an array whose room doubles; NULL: no memory. */
static void *more(void *array, uint32_t count, size_t size)
{
    if (count & (count - 1))    /* room up to the next power of two */
        return array;
    void *grown = reallocarray(array, count ? 2u * count : 1, size);
    if (grown)
        memset((char *)grown + count * size, 0, (count ? count : 1) * size);
    return grown;
}

static struct dp_rule *add_rule(struct make *m)
{
    struct dp_filter *f = m->f;
    struct dp_rule *rule = more(f->rule, f->rules, sizeof *rule);
    if (!rule)
        return NULL;
    f->rule = rule;
    uint64_t *hits = more(f->hits, f->rules, sizeof *hits);
    if (!hits)
        return NULL;
    f->hits = hits;
    rule = &f->rule[f->rules++];
    rule->proto = DP_ANY_PROTO;
    return rule;
}

/* A span grows at the end of its array, while its rule is being made. */
static int32_t extend(struct make *m, const char *option, struct dp_span *s, uint32_t at)
{
    if (at >= LIST_MAX)
        return wrong(m, option, "the filter names more than %u networks, ports or types", LIST_MAX);
    if (!s->count)
        s->first = (uint16_t)at;
    s->count++;
    return 0;
}

static int32_t add_net(struct make *m, const char *option, struct dp_rule_side *s, const struct adit_addr *a)
{
    struct dp_filter *f = m->f;
    struct dp_rule_net *net = more(f->net, f->nets, sizeof *net);
    if (!net)
        return no_memory(m);
    f->net = net;
    int32_t rc = extend(m, option, &s->nets, f->nets);
    if (rc)
        return rc;
    net = &f->net[f->nets++];
    uint8_t ip[16] = { 0 }, mask[16] = { 0 };
    net->version = a->family == ADIT_AF_IPV4 ? 4 : 6;
    net->bits = a->prefix;
    for (uint32_t i = 0; i < (net->version == 4 ? 4u : 16u); i++) {
        uint32_t left = net->bits > i * 8 ? net->bits - i * 8 : 0;
        mask[i] = (uint8_t)(left >= 8 ? 0xffu : 0xff00u >> left);
        ip[i] = a->ip[i] & mask[i];
    }
    memcpy(net->net, ip, 16);
    memcpy(net->mask, mask, 16);
    return 0;
}

static int32_t add_range(struct make *m, const char *option, struct dp_span *s, uint32_t first, uint32_t last)
{
    struct dp_filter *f = m->f;
    struct dp_rule_range *range = more(f->range, f->ranges, sizeof *range);
    if (!range)
        return no_memory(m);
    f->range = range;
    int32_t rc = extend(m, option, s, f->ranges);
    if (!rc)
        f->range[f->ranges++] = (struct dp_rule_range){ (uint16_t)first, (uint16_t)last };
    return rc;
}

static int32_t add_type(struct make *m, const char *option, struct dp_span *s, struct dp_rule_icmp type)
{
    struct dp_filter *f = m->f;
    struct dp_rule_icmp *t = more(f->type, f->types, sizeof *t);
    if (!t)
        return no_memory(m);
    f->type = t;
    int32_t rc = extend(m, option, s, f->types);
    if (!rc)
        f->type[f->types++] = type;
    return rc;
}

/* ---- words of both languages -------------------------------------------------------------- */

static bool end_of_word(char c) { return c == '\0' || c == ' ' || c == '\t' || c == ','; }

static bool number(const char **at, uint32_t most, uint32_t *out)
{
    const char *s = *at;
    uint32_t v = 0;
    if (*s < '0' || *s > '9')
        return false;
    for (; *s >= '0' && *s <= '9'; s++) {
        v = v * 10 + (uint32_t)(*s - '0');
        if (v > most)
            return false;
    }
    *at = s;
    *out = v;
    return true;
}

/* "80" or "8000-8080" */
static bool range(const char **at, uint32_t most, uint32_t *first, uint32_t *last)
{
    if (!number(at, most, first))
        return false;
    *last = *first;
    if (**at != '-')
        return true;
    ++*at;
    return number(at, most, last) && *last >= *first;
}

static bool name_of_type(const char **at, const struct icmp_name *names, uint32_t *type)
{
    for (; names->name; names++) {
        const char *s = *at, *n = names->name;
        for (; *n && (*s == *n || (*s >= 'A' && *s <= 'Z' && (*s | 32) == *n) || (*n == '-' && *s == ' ')); s++)
            n++;
        if (*n || !end_of_word(*s))
            continue;
        *at = s;
        *type = names->type;
        return true;
    }
    return false;
}

/* "8", "3-5", "3/4", "echo-request" */
static bool icmp_type(const char **at, uint32_t proto, struct dp_rule_icmp *out)
{
    uint32_t first, last, code = 0;
    bool any = true;
    if (name_of_type(at, proto == IPPROTO_ICMPV6 ? icmp6_names : icmp_names, &first)) {
        last = first;
    } else if (!range(at, 255, &first, &last)) {
        return false;
    }
    if (**at == '/' && first == last) {
        ++*at;
        any = false;
        if (!number(at, 255, &code))
            return false;
    }
    *out = (struct dp_rule_icmp){ (uint8_t)first, (uint8_t)last, (uint8_t)code, any };
    return end_of_word(**at);
}

/* A name or a number; DP_ANY_PROTO for "ip". */
static bool protocol(const char *word, uint16_t *out)
{
    uint32_t v;
    if (!strcasecmp(word, "ip")) {
        *out = DP_ANY_PROTO;
        return true;
    }
    for (size_t i = 0; i < sizeof protos / sizeof protos[0]; i++)
        if (!strcasecmp(word, protos[i].name)) {
            *out = protos[i].number;
            return true;
        }
    if (!number(&word, 255, &v) || *word)
        return false;
    *out = (uint16_t)v;
    return true;
}

/* What both languages refuse: rules that could never fit a packet. */
static int32_t check_rule(struct make *m, const struct dp_rule *r)
{
    bool any = r->proto == DP_ANY_PROTO;
    if ((r->src.ports.count || r->dst.ports.count) && !any && !dp_has_ports(r->proto))
        return wrong(m, "protocol", "ports need protocol tcp, udp, sctp, or any");
    if (r->icmp.count && r->proto != IPPROTO_ICMP && r->proto != IPPROTO_ICMPV6)
        return wrong(m, "protocol", "ICMP types need protocol icmp or icmpv6");
    bool tcp = r->is & DP_RULE_ESTABLISHED || r->tcp_mask || r->tcp_with || r->tcp_without;
    if (tcp && r->proto != IPPROTO_TCP && !any)
        return wrong(m, "protocol", "flags of TCP need protocol tcp");
    if ((r->is & DP_RULE_LATER) && (r->src.ports.count || r->dst.ports.count || r->icmp.count || tcp))
        return wrong(m, NULL, "later fragments have no ports, flags or ICMP types");
    if (!r->src.nets.count || !r->dst.nets.count || r->src.not || r->dst.not)
        return 0;
    for (uint32_t i = 0; i < r->src.nets.count; i++)
        for (uint32_t k = 0; k < r->dst.nets.count; k++)
            if (m->f->net[r->src.nets.first + i].version == m->f->net[r->dst.nets.first + k].version)
                return 0;
    return r->src.assigned || r->dst.assigned ? 0 :
           wrong(m, "to", "its source is IPv%u and its destination is not: no packet is both",
                 m->f->net[r->src.nets.first].version);
}

/* ---- the configuration ----------------------------------------------------------------------- */

static const void *item(const struct adit_array *a, uint32_t i)
{
    return (const char *)a->items + (size_t)i * a->stride;
}

static const char *item_str(const struct adit_array *a, uint32_t i)
{
    const char *s;
    memcpy(&s, item(a, i), sizeof s);
    return s ? s : "";
}

static int32_t conf_nets(struct make *m, const char *option, const struct adit_array *list, uint32_t proto,
                         struct dp_rule_side *s)
{
    for (uint32_t i = 0; i < list->count; i++) {
        struct adit_addr a;
        memcpy(&a, item(list, i), sizeof a);
        if (proto == (a.family == ADIT_AF_IPV4 ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
            return wrong(m, option, "protocol %s is that of the other version of IP; %s is meant",
                         proto == IPPROTO_ICMP ? "icmp" : "icmpv6", proto == IPPROTO_ICMP ? "icmpv6" : "icmp");
        int32_t rc = add_net(m, option, s, &a);
        if (rc)
            return rc;
    }
    return 0;
}

static int32_t conf_ports(struct make *m, const char *option, const struct adit_array *list, struct dp_span *s)
{
    for (uint32_t i = 0; i < list->count; i++) {
        const char *text = item_str(list, i), *at = text;
        uint32_t first, last;
        if (!range(&at, 65535, &first, &last) || *at)
            return wrong(m, option, "'%s' wants ports such as 80 or 8000-8080, at most 65535, not '%.60s'", option,
                         text);
        int32_t rc = add_range(m, option, s, first, last);
        if (rc)
            return rc;
    }
    return 0;
}

static int32_t conf_rule(struct make *m, const struct dp_rule_conf *c)
{
    struct dp_rule *r = add_rule(m);
    if (!r)
        return no_memory(m);
    r->permit = c->action == DP_OTHERWISE ? !m->f->permit : c->action == DP_PERMIT;
    if (c->protocol && !protocol(c->protocol, &r->proto))
        return wrong(m, "protocol", "no protocol is named '%.60s'; its number (0-255) is understood too",
                     c->protocol);
    int32_t rc = conf_nets(m, "from", &c->from, r->proto, &r->src);
    if (!rc)
        rc = conf_nets(m, "to", &c->to, r->proto, &r->dst);
    if (!rc)
        rc = conf_ports(m, "from-ports", &c->from_ports, &r->src.ports);
    if (!rc)
        rc = conf_ports(m, "to-ports", &c->to_ports, &r->dst.ports);
    for (uint32_t i = 0; !rc && i < c->icmp_types.count; i++) {
        const char *text = item_str(&c->icmp_types, i), *at = text;
        struct dp_rule_icmp type;
        if (!icmp_type(&at, r->proto, &type) || *at)
            rc = wrong(m, "icmp-types", "'icmp-types' wants a type such as echo-request, 8, 3/4 or 11-12, not "
                       "'%.60s'", text);
        else
            rc = add_type(m, "icmp-types", &r->icmp, type);
    }
    r->is = (uint8_t)((c->established ? DP_RULE_ESTABLISHED : 0) | (c->fragments ? DP_RULE_LATER : 0));
    return rc ? rc : check_rule(m, r);
}

int32_t dp_filter_of(const struct dp_filter_conf *c, struct dp_filter **out, struct dp_filter_err *err)
{
    struct make m = { .f = dp_filter_new(c->fallback == DP_PERMIT), .why = err->text, .size = sizeof err->text };
    int32_t rc = 0;
    err->rule = -1;
    *err->text = '\0';
    if (!m.f)
        rc = no_memory(&m);
    else if (!c->name || !*c->name || strlen(c->name) > 63)
        rc = wrong(&m, "name", "the name must have 1 to 63 bytes");
    else if (c->rules.count > DP_FILTER_RULES)
        rc = wrong(&m, "rules", "%u rules are given, at most %u are taken", c->rules.count, DP_FILTER_RULES);
    for (uint32_t i = 0; !rc && i < c->rules.count; i++) {
        rc = conf_rule(&m, item(&c->rules, i));
        if (rc)
            err->rule = (int32_t)i;
    }
    err->option = m.option;
    if (rc) {
        dp_filter_unref(m.f);
        m.f = NULL;
    }
    *out = m.f;
    return rc;
}

/* ---- rules as text ------------------------------------------------------------------------------ */

static void blanks(const char **at)
{
    *at += strspn(*at, " \t");
}

/* The next word, when it is this one. */
static bool word(const char **at, const char *w)
{
    size_t n = strlen(w);
    blanks(at);
    if (strncasecmp(*at, w, n) != 0 || !end_of_word((*at)[n]) || (*at)[n] == ',')
        return false;
    *at += n;
    return true;
}

/* The next word, for a sentence or for a table. */
static const char *next_word(const char **at, char out[64])
{
    blanks(at);
    size_t n = strcspn(*at, " \t");
    snprintf(out, 64, "%.*s", (int)(n < 63 ? n : 63), *at);
    *at += n;
    return out;
}

/* "any", or "[!] assigned", or "[!] ADDRESS[/BITS]"; several with commas are ours. */
static int32_t text_address(struct make *m, const char **at, struct dp_rule_side *s)
{
    char one[64];
    blanks(at);
    if (**at == '!') {
        s->not = 1;
        ++*at;
        blanks(at);
    }
    if (word(at, "any"))
        return s->not ? wrong(m, NULL, "'! any' fits nothing") : 0;
    for (;;) {
        struct adit_addr a;
        size_t n = strcspn(*at, " \t,");
        snprintf(one, sizeof one, "%.*s", (int)(n < sizeof one ? n : sizeof one - 1), *at);
        *at += n;
        if (!strcasecmp(one, "assigned")) {
            s->assigned = 1;
        } else {
            /* bits beyond the mask are an error (RFC 6733) */
            int32_t rc = addr_parse(one, &a) || a.family == ADIT_AF_NONE || a.port || a.zone ?
                         wrong(m, NULL, "'%.60s' is no address", one) : add_net(m, NULL, s, &a);
            if (rc)
                return rc;
            const struct dp_rule_net *net = &m->f->net[m->f->nets - 1];
            if (memcmp(net->net, a.ip, net->version == 4 ? 4 : 16) != 0)
                return wrong(m, NULL, "'%.60s' has bits beyond its mask", one);
        }
        if (**at != ',')
            return 0;
        ++*at;
    }
}

static int32_t text_ports(struct make *m, const char **at, struct dp_span *s)
{
    blanks(at);
    if (**at < '0' || **at > '9')
        return 0;
    for (;;) {
        uint32_t first, last;
        if (!range(at, 65535, &first, &last) || !end_of_word(**at))
            return wrong(m, NULL, "ports are such as 80,443,8000-8080, at most 65535");
        int32_t rc = add_range(m, NULL, s, first, last);
        if (rc || **at != ',')
            return rc;
        ++*at;
    }
}

/* "syn,!ack": names of a table, each as wanted or not wanted. */
static int32_t text_spec(struct make *m, const char **at, const char *what, uint32_t (*bit)(const char *),
                         uint8_t *with, uint8_t *without)
{
    blanks(at);
    for (;;) {
        char one[16];
        bool not = **at == '!';
        *at += not;
        size_t n = strcspn(*at, " \t,");
        snprintf(one, sizeof one, "%.*s", (int)(n < sizeof one ? n : sizeof one - 1), *at);
        *at += n;
        uint32_t b = bit(one);
        if (!b)
            return wrong(m, NULL, "%s knows no '%s'", what, one);
        if (not)
            *without = (uint8_t)(*without | b);
        else
            *with = (uint8_t)(*with | b);
        if (*with & *without)
            return wrong(m, NULL, "%s wants '%s' and does not want it", what, one);
        if (**at != ',')
            return 0;
        ++*at;
    }
}

static uint32_t option_bit(const struct dp_option_name *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (!strcasecmp(names[i].name, name))
            return 1u << i;
    return 0;
}

static uint32_t ip_option_bit(const char *name) { return option_bit(dp_ip_options, 4, name); }
static uint32_t tcp_option_bit(const char *name) { return option_bit(dp_tcp_options, 5, name); }

static uint32_t tcp_flag_bit(const char *name)
{
    for (size_t i = 0; i < sizeof tcp_flags / sizeof tcp_flags[0]; i++)
        if (!strcasecmp(tcp_flags[i].name, name))
            return tcp_flags[i].bit;
    return 0;
}

static int32_t text_types(struct make *m, const char **at, struct dp_rule *r)
{
    blanks(at);
    for (;;) {
        struct dp_rule_icmp type;
        if (!icmp_type(at, r->proto, &type))
            return wrong(m, NULL, "icmptypes wants types such as 8, 3-5 or echo request");
        int32_t rc = add_type(m, NULL, &r->icmp, type);
        if (rc || **at != ',')
            return rc;
        ++*at;
        blanks(at);
    }
}

static int32_t text_options(struct make *m, const char **at, struct dp_rule *r)
{
    char one[64];
    for (blanks(at); **at; blanks(at)) {
        int32_t rc = 0;
        if (word(at, "frag"))
            r->is |= DP_RULE_LATER;
        else if (word(at, "established"))
            r->is |= DP_RULE_ESTABLISHED;
        else if (word(at, "setup")) {
            r->tcp_mask |= DP_TCP_SYN | DP_TCP_ACK;
            r->tcp_want |= DP_TCP_SYN;
        } else if (word(at, "tcpflags")) {
            uint8_t with = r->tcp_want, without = (uint8_t)(r->tcp_mask & ~r->tcp_want);
            rc = text_spec(m, at, "tcpflags", tcp_flag_bit, &with, &without);
            r->tcp_mask = with | without;
            r->tcp_want = with;
        } else if (word(at, "icmptypes"))
            rc = text_types(m, at, r);
        else if (word(at, "ipoptions"))
            rc = text_spec(m, at, "ipoptions", ip_option_bit, &r->ip_with, &r->ip_without);
        else if (word(at, "tcpoptions"))
            rc = text_spec(m, at, "tcpoptions", tcp_option_bit, &r->tcp_with, &r->tcp_without);
        else
            rc = wrong(m, NULL, "no option is named '%s'", next_word(at, one));
        if (rc)
            return rc;
    }
    return 0;
}

/* Behind action and direction. */
static int32_t text_rule(struct make *m, const char *at, bool permit)
{
    char one[64];
    struct dp_rule *r = add_rule(m);
    if (!r)
        return no_memory(m);
    r->permit = permit;
    if (!protocol(next_word(&at, one), &r->proto))
        return wrong(m, NULL, "no protocol is named '%s'", one);
    if (!word(&at, "from"))
        return wrong(m, NULL, "'from' is missing behind the protocol");
    int32_t rc = text_address(m, &at, &r->src);
    if (!rc)
        rc = text_ports(m, &at, &r->src.ports);
    if (!rc && !word(&at, "to"))
        rc = wrong(m, NULL, "'to' is missing behind the source");
    if (!rc)
        rc = text_address(m, &at, &r->dst);
    if (!rc)
        rc = text_ports(m, &at, &r->dst.ports);
    if (!rc)
        rc = text_options(m, &at, r);
    return rc ? rc : check_rule(m, r);
}

static int32_t text_line(const char *rule, struct dp_filter *f[2], struct make *m)
{
    bool permit = word(&rule, "permit");
    if (!permit && !word(&rule, "deny"))
        return wrong(m, NULL, "it begins with neither permit nor deny");
    bool out = word(&rule, "out");
    if (!out && !word(&rule, "in"))
        return wrong(m, NULL, "'in' or 'out' is missing behind the action");
    if (!f[out] && !(f[out] = dp_filter_new(false)))
        return no_memory(m);
    m->f = f[out];
    if (m->f->rules == DP_FILTER_RULES)
        return wrong(m, NULL, "there are more than %u rules", DP_FILTER_RULES);
    m->f->permit = !permit;     /* what the last rule does not do */
    return text_rule(m, rule, permit);
}

int32_t dp_filter_read(const char *const *rules, uint32_t count, struct dp_filter **in,
                       struct dp_filter **out, char *why, size_t size)
{
    struct dp_filter *f[2] = { NULL, NULL };
    char text[200] = "";
    struct make m = { .why = text, .size = sizeof text };
    int32_t rc = 0;
    for (uint32_t i = 0; !rc && i < count; i++) {
        rc = strlen(rules[i]) > TEXT_MAX ? wrong(&m, NULL, "it is longer than %u bytes", TEXT_MAX) :
             text_line(rules[i], f, &m);
        if (rc)
            snprintf(why, size, "rule %u ('%.100s'): %s", i + 1, rules[i], text);
    }
    if (rc) {
        dp_filter_unref(f[0]);
        dp_filter_unref(f[1]);
        f[0] = f[1] = NULL;
    }
    *in = f[0];
    *out = f[1];
    return rc;
}

/* ---- writing ---------------------------------------------------------------------------------------- */

struct line {
    char *out;
    size_t at;
};

static void put(struct line *l, const char *fmt, ...) ADIT_PRINTF(2, 3);
static void put(struct line *l, const char *fmt, ...)
{
    va_list ap;
    if (l->at >= DP_FILTER_TEXT - 1)
        return;
    va_start(ap, fmt);
    l->at += (size_t)vsnprintf(l->out + l->at, DP_FILTER_TEXT - l->at, fmt, ap);
    va_end(ap);
    if (l->at >= DP_FILTER_TEXT)        /* cut, and seen to be */
        memcpy(l->out + DP_FILTER_TEXT - 4, "...", 4);
}

static void put_side(struct line *l, const struct dp_filter *f, const struct dp_rule_side *s)
{
    char text[ADDR_TEXT];
    const char *comma = "";
    put(l, "%s", s->not ? "! " : "");
    if (!s->nets.count && !s->assigned)
        put(l, "any");
    if (s->assigned) {
        put(l, "assigned");
        comma = ",";
    }
    for (uint32_t i = 0; i < s->nets.count; i++) {
        const struct dp_rule_net *n = &f->net[s->nets.first + i];
        struct adit_addr a = { .family = n->version == 4 ? ADIT_AF_IPV4 : ADIT_AF_IPV6,
                               .prefix = (uint8_t)n->bits };
        memcpy(a.ip, n->net, n->version == 4 ? 4 : 16);
        bool host = n->bits == (n->version == 4 ? 32 : 128);
        put(l, "%s%s", comma, host ? addr_text_host(&a, text) : addr_text(&a, text));
        comma = ",";
    }
    for (uint32_t i = 0; i < s->ports.count; i++) {
        const struct dp_rule_range *r = &f->range[s->ports.first + i];
        put(l, "%s%u", i ? "," : " ", r->first);
        if (r->last != r->first)
            put(l, "-%u", r->last);
    }
}

static void put_options(struct line *l, const char *what, const struct dp_option_name *names, size_t count,
                        uint32_t with, uint32_t without)
{
    const char *sep = "";
    if (with || without)
        put(l, " %s ", what);
    for (size_t i = 0; i < count; i++)
        if ((with | without) & 1u << i) {
            put(l, "%s%s%s", sep, without & 1u << i ? "!" : "", names[i].name);
            sep = ",";
        }
}

const char *dp_filter_rule(const struct dp_filter *f, uint32_t i, const char *dir, char out[DP_FILTER_TEXT])
{
    const struct dp_rule *r = &f->rule[i];
    struct line l = { out, 0 };
    const char *sep = " tcpflags ";
    size_t p = 0;
    put(&l, "%s %s%s", r->permit ? "permit" : "deny", dir ? dir : "", dir ? " " : "");
    while (p < sizeof protos / sizeof protos[0] && protos[p].number != r->proto)
        p++;
    if (r->proto == DP_ANY_PROTO)
        put(&l, "ip from ");
    else if (p < sizeof protos / sizeof protos[0])
        put(&l, "%s from ", protos[p].name);
    else
        put(&l, "%u from ", r->proto);
    put_side(&l, f, &r->src);
    put(&l, " to ");
    put_side(&l, f, &r->dst);
    for (uint32_t k = 0; k < r->icmp.count; k++) {
        const struct dp_rule_icmp *t = &f->type[r->icmp.first + k];
        put(&l, "%s%u", k ? "," : " icmptypes ", t->first);
        if (t->last != t->first)
            put(&l, "-%u", t->last);
        if (!t->any_code)
            put(&l, "/%u", t->code);
    }
    if (r->is & DP_RULE_ESTABLISHED)
        put(&l, " established");
    if (r->is & DP_RULE_LATER)
        put(&l, " frag");
    for (size_t k = 0; k < sizeof tcp_flags / sizeof tcp_flags[0]; k++)
        if (r->tcp_mask & tcp_flags[k].bit) {
            put(&l, "%s%s%s", sep, r->tcp_want & tcp_flags[k].bit ? "" : "!", tcp_flags[k].name);
            sep = ",";
        }
    put_options(&l, "ipoptions", dp_ip_options, 4, r->ip_with, r->ip_without);
    put_options(&l, "tcpoptions", dp_tcp_options, 5, r->tcp_with, r->tcp_without);
    return out;
}
