/* rad_attr.c - between what RADIUS says and what a session is.
 *
 * Knows:  each attribute's meaning, both ways.
 * Leaves: bytes to rad_msg, names to rad_dict, authentication to rad_auth.
 *
 * What comes in is a server's: authenticated, and still nonsense at times. A value that
 * makes no sense is skipped, and takes nothing else with it.
 */
#include "rad_attr.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "rad_dict.h"

const struct adit_event rad_ev_ignored = {
    sizeof(struct adit_event), ADIT_LOG_NOTICE, "radius.attribute.ignored",
    "A server sent an attribute that is not honoured; told once for each.", "attribute"
};
const struct adit_event rad_ev_senseless = {
    sizeof(struct adit_event), ADIT_LOG_WARN, "radius.attribute.senseless",
    "A server sent an attribute whose value makes no sense; it was skipped. Told once for each.",
    "attribute"
};

/* ---- what is sent ------------------------------------------------------------------- */

const char *rad_attr_user(const struct adit_host *h, const struct rad_nas_conf *nas,
                          const struct adit_attrs *attrs, uint32_t method, char out[RAD_USER_TEXT])
{
    const char *user = adit_attr_str(h, attrs, ADIT_ATTR_USER);
    const char *account = adit_attr_str(h, attrs, ADIT_ATTR_ACCOUNT);
    uint32_t m = method ? method : (uint32_t)adit_attr_u(h, attrs, ADIT_ATTR_METHOD);
    const char *name = user ? user : "";

    /* EAP: the name must stay the Identity (RFC 3579 section 2.1). MS-CHAPv2 computes
     * with the name, without DOMAIN\ but with @domain (RFC 2759 section 4). */
    if (nas->strip_domain && account && m != ADIT_AUTH_EAP_RELAY &&
        (strchr(name, '\\') ||
         !(m & (ADIT_AUTH_MSCHAPV2 | ADIT_AUTH_EAP_MSCHAPV2 | ADIT_AUTH_CHANGE))))
        name = account;
    snprintf(out, RAD_USER_TEXT, "%s", name);
    return out;
}

/* A description under way: what nas.send says replaces what we would. */
struct desc {
    struct rad_out *o;
    const struct adit_host *h;
    const struct adit_attrs *attrs;
    const struct rad_nas_conf *nas;
    uint32_t sent[2][8];        /* standard, Microsoft: types that nas.send has put */
};

static uint32_t *sent_word(struct desc *d, uint32_t vendor, uint32_t type)
{
    return &d->sent[vendor ? 1 : 0][type / 32 & 7];
}

static bool ours(struct desc *d, uint32_t vendor, uint32_t type)
{
    return !(*sent_word(d, vendor, type) & 1u << type % 32);
}

static void put_str(struct desc *d, uint32_t type, const char *s)
{
    if (ours(d, 0, type))
        rad_put_str(d->o, type, s);
}

static void put_u32(struct desc *d, uint32_t type, uint32_t v)
{
    if (ours(d, 0, type))
        rad_put_u32(d->o, type, v);
}

static void put_ms(struct desc *d, uint32_t type, const char *s)
{
    if (s && ours(d, RAD_VENDOR_MICROSOFT, type))
        rad_put_vendor(d->o, RAD_VENDOR_MICROSOFT, type, s, (uint32_t)strnlen(s, 200));
}

static void put_tagged_u24(struct desc *d, uint32_t type, uint32_t v)
{
    const uint8_t b[3] = { (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v };
    if (ours(d, 0, type))
        rad_put_tagged(d->o, type, 0, b, sizeof b);
}

static void put_tagged_str(struct desc *d, uint32_t type, const char *s)
{
    if (s && ours(d, 0, type))
        rad_put_tagged(d->o, type, 0, s, (uint32_t)strnlen(s, 252));
}

static void put_send(struct desc *d)
{
    const struct adit_array *send = &d->nas->send;
    for (uint32_t i = 0; i < send->count; i++) {
        const char *const *line = (const char *const *)
            (const void *)((const char *)send->items + (size_t)i * send->stride);
        struct rad_pair p;
        char why[256];
        if (!rad_dict_parse(*line, &p, why, sizeof why))
            continue;           /* rad_conf has seen that it is right */
        rad_put_pair(d->o, &p);
        if (!p.vendor || p.vendor == RAD_VENDOR_MICROSOFT)
            *sent_word(d, p.vendor, p.type) |= 1u << p.type % 32;
    }
}

static void describe_nas(struct desc *d)
{
    const struct adit_addr *a = d->nas->address.family ? &d->nas->address : &d->o->our;
    char name[256] = "";
    if (a->family == ADIT_AF_IPV4 && ours(d, 0, RAD_NAS_IP_ADDRESS))
        rad_put(d->o, RAD_NAS_IP_ADDRESS, a->ip, 4);
    if (a->family == ADIT_AF_IPV6 && ours(d, 0, RAD_NAS_IPV6_ADDRESS))
        rad_put(d->o, RAD_NAS_IPV6_ADDRESS, a->ip, 16);
    if (!d->nas->identifier)
        (void)gethostname(name, sizeof name - 1);
    put_str(d, RAD_NAS_IDENTIFIER, d->nas->identifier ? d->nas->identifier : name);
    /* RFC 2548 section 2.6: whose clients we serve, which is what Windows' server asks for */
    if (ours(d, RAD_VENDOR_MICROSOFT, RAD_MS_RAS_VENDOR)) {
        static const uint8_t microsoft[4] = { 0, 0, 1, 0x37 };
        rad_put_vendor(d->o, RAD_VENDOR_MICROSOFT, RAD_MS_RAS_VENDOR, microsoft, 4);
    }
    snprintf(name, sizeof name, "Adit %s", d->h->version ? d->h->version : "");
    put_ms(d, RAD_MS_RAS_VERSION, name);
}

static const char *ip_text(const struct adit_addr *a, char out[INET6_ADDRSTRLEN])
{
    if (!a || !a->family)
        return NULL;
    return inet_ntop(a->family == ADIT_AF_IPV6 ? AF_INET6 : AF_INET, a->ip, out, INET6_ADDRSTRLEN);
}

static void describe_port(struct desc *d)
{
    const char *tunnel = adit_attr_str(d->h, d->attrs, ADIT_ATTR_TUNNEL);
    const struct adit_value *port = d->h->attr->get(d->attrs, ADIT_ATTR_NAS_PORT, 0);
    char id[128];
    if (port)
        put_u32(d, RAD_NAS_PORT, (uint32_t)port->v.u);
    put_u32(d, RAD_NAS_PORT_TYPE, d->nas->port_type);
    if (tunnel && port) {
        snprintf(id, sizeof id, "%.100s/%u", tunnel, (uint32_t)port->v.u);
        put_str(d, RAD_NAS_PORT_ID, id);
    }
    put_u32(d, RAD_SERVICE_TYPE, RAD_SERVICE_FRAMED);
    put_u32(d, RAD_FRAMED_PROTOCOL, RAD_FRAMED_PPP);
}

static void describe_tunnel(struct desc *d)
{
    const struct adit_host *h = d->h;
    const char *protocol = adit_attr_str(h, d->attrs, ADIT_ATTR_PROTOCOL);
    const struct adit_addr *peer = adit_attr_addr(h, d->attrs, ADIT_ATTR_PEER, 0);
    const struct adit_addr *our = adit_attr_addr(h, d->attrs, ADIT_ATTR_OUR, 0);
    uint64_t speed = adit_attr_u(h, d->attrs, ADIT_ATTR_CONNECT_SPEED);
    char ip[INET6_ADDRSTRLEN], info[64], upper[16];

    put_str(d, RAD_CALLING_STATION_ID, adit_attr_str(h, d->attrs, ADIT_ATTR_CALLING_STATION));
    put_str(d, RAD_CALLED_STATION_ID, adit_attr_str(h, d->attrs, ADIT_ATTR_CALLED_STATION));
    if (!protocol)
        return;
    if (strcmp(protocol, "pptp") == 0)
        put_tagged_u24(d, RAD_TUNNEL_TYPE, RAD_TUNNEL_PPTP);
    else if (strcmp(protocol, "l2tp") == 0)
        put_tagged_u24(d, RAD_TUNNEL_TYPE, RAD_TUNNEL_L2TP);
    if (peer && peer->family)
        put_tagged_u24(d, RAD_TUNNEL_MEDIUM_TYPE,
                       peer->family == ADIT_AF_IPV6 ? RAD_MEDIUM_IPV6 : RAD_MEDIUM_IPV4);
    put_tagged_str(d, RAD_TUNNEL_CLIENT_ENDPOINT, ip_text(peer, ip));
    put_tagged_str(d, RAD_TUNNEL_SERVER_ENDPOINT, ip_text(our, ip));
    put_tagged_str(d, RAD_TUNNEL_CLIENT_AUTH_ID, adit_attr_str(h, d->attrs, ADIT_ATTR_PEER_HOST));

    snprintf(upper, sizeof upper, "%s", protocol);
    for (char *c = upper; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    const char *over = adit_attr_u(h, d->attrs, ADIT_ATTR_SECURED) ? "/IPsec" : "";
    if (speed)
        snprintf(info, sizeof info, "%llu %s%s", (unsigned long long)speed, upper, over);
    else
        snprintf(info, sizeof info, "%s%s", upper, over);
    put_str(d, RAD_CONNECT_INFO, info);
}

void rad_attr_describe(struct adit_self *self, const struct rad_nas_conf *nas,
                       const struct adit_attrs *attrs, struct rad_out *o, uint32_t where)
{
    const struct adit_host *h = self->host;
    struct desc d = { .o = o, .h = h, .attrs = attrs, .nas = nas };
    const char *session = adit_attr_str(h, attrs, ADIT_ATTR_SESSION);
    char user[RAD_USER_TEXT];

    put_send(&d);
    describe_nas(&d);
    if (!session)
        return;
    if (where & RAD_IN_ACCT)
        put_str(&d, RAD_USER_NAME, rad_attr_user(h, nas, attrs, 0, user));
    /* In Access-Request too (RFC 2866 section 5.5), so that a server can tell which
     * session its answer became. */
    put_str(&d, RAD_ACCT_SESSION_ID, session);
    put_str(&d, RAD_ACCT_MULTI_SESSION_ID, adit_attr_str(h, attrs, ADIT_ATTR_MULTI_SESSION));
    describe_port(&d);
    describe_tunnel(&d);
    put_ms(&d, RAD_MS_RAS_CLIENT_NAME, adit_attr_str(h, attrs, ADIT_ATTR_PEER_HOST));
    put_ms(&d, RAD_MS_RAS_CLIENT_VERSION, adit_attr_str(h, attrs, ADIT_ATTR_CLIENT_VERSION));
}

/* ---- what is honoured ------------------------------------------------------------------ */

/* An answer being read. */
struct answer {
    struct adit_self *self;
    struct adit_attrs *attrs;
    struct adit_addr dns[2], wins[2];   /* primary, secondary: in whatever order they come */
    uint32_t mppe_policy, mppe_types;
    bool has_types;
    char message[256];
};

struct row;
/* False: the value makes no sense. */
typedef bool (*take)(struct answer *x, const struct rad_attr *a, const struct row *r);

struct row {
    uint32_t vendor, type;
    take take;                  /* NULL: read elsewhere, or says nothing new */
    uint32_t id;                /* ADIT_ATTR_* */
    uint32_t arg;
    bool names_session;         /* in a CoA-Request it says which session is meant */
};

static bool put(struct answer *x, uint32_t id, const struct adit_value *v)
{
    return x->self->host->attr->put(x->attrs, id, v) == 0;
}

static bool put_number(struct answer *x, uint32_t id, uint64_t u)
{
    return adit_attr_put_u(x->self->host, x->attrs, id, u) == 0;
}

static bool put_address(struct answer *x, uint32_t id, const struct adit_addr *a)
{
    return adit_attr_put_addr(x->self->host, x->attrs, id, a) == 0;
}

/* Text of a server: no control characters, and it ends. */
static bool text_of(const struct rad_attr *a, char *out, size_t size)
{
    if (!a->len || a->len >= size)
        return false;
    for (uint32_t i = 0; i < a->len; i++)
        if (a->p[i] < 0x20 || a->p[i] == 0x7f)
            return false;
    memcpy(out, a->p, a->len);
    out[a->len] = '\0';
    return true;
}

static bool take_text(struct answer *x, const struct rad_attr *a, const struct row *r)
{
    char s[256];
    return text_of(a, s, sizeof s) && adit_attr_put_str(x->self->host, x->attrs, r->id, s) == 0;
}

static bool take_bytes(struct answer *x, const struct rad_attr *a, const struct row *r)
{
    const struct adit_value v = { ADIT_TYPE_BYTES, a->len, { .p = a->p } };
    return a->len && put(x, r->id, &v);
}

/* Seconds; 0 is no limit. */
static bool take_seconds(struct answer *x, const struct rad_attr *a, const struct row *r)
{
    uint32_t v;
    return rad_u32(a, &v) && (!v || put_number(x, r->id, v * UINT64_C(1000)));
}

/* RFC 2869 section 5.16: below a minute is more than a server should ask for. */
static bool take_interim(struct answer *x, const struct rad_attr *a, const struct row *r)
{
    uint32_t v;
    return rad_u32(a, &v) && (!v || put_number(x, r->id, (v < 60 ? 60 : v) * UINT64_C(1000)));
}

static bool take_number(struct answer *x, const struct rad_attr *a, const struct row *r)
{
    uint32_t v;
    return rad_u32(a, &v) && (!v || put_number(x, r->id, v));
}

static bool take_mtu(struct answer *x, const struct rad_attr *a, const struct row *r)
{
    uint32_t v;
    return rad_u32(a, &v) && v >= 64 && v <= 65535 && put_number(x, r->id, v);
}

static struct adit_addr ipv4(const uint8_t *p)
{
    struct adit_addr a = { .family = ADIT_AF_IPV4, .prefix = 32 };
    memcpy(a.ip, p, 4);
    return a;
}

static bool host_v4(const uint8_t *p)
{
    return p[0] != 0 && p[0] != 127 && p[0] < 224;
}

/* RFC 2865 section 5.8: ...254 is one of ours, ...255 one that the user names, who may
 * have what a pool gives. */
static bool take_address(struct answer *x, const struct rad_attr *a, const struct row *r)
{
    if (a->len != 4)
        return false;
    if (a->p[0] == 255 && a->p[1] == 255 && a->p[2] == 255 && a->p[3] >= 254)
        return true;
    struct adit_addr v = ipv4(a->p);
    return host_v4(a->p) && put_address(x, r->id, &v);
}

static bool contiguous(uint32_t mask)
{
    return (~mask & (~mask + 1)) == 0;
}

static bool take_netmask(struct answer *x, const struct rad_attr *a, const struct row *r)
{
    uint32_t mask;
    if (!rad_u32(a, &mask) || !mask || !contiguous(mask))
        return false;
    struct adit_addr v = ipv4(a->p);
    return put_address(x, r->id, &v);
}

static bool take_server(struct answer *x, const struct rad_attr *a, const struct row *r)
{
    if (a->len != 4 || !host_v4(a->p))
        return false;
    (r->id == ADIT_ATTR_DNS ? x->dns : x->wins)[r->arg] = ipv4(a->p);
    return true;
}

/* An address and a length as text make a network, whatever stands behind the prefix. */
static bool network(const char *ip, unsigned long prefix, uint8_t family, struct adit_addr *out)
{
    memset(out, 0, sizeof *out);
    out->family = family;
    uint32_t octets = family == ADIT_AF_IPV6 ? 16 : 4;
    if (inet_pton(family == ADIT_AF_IPV6 ? AF_INET6 : AF_INET, ip, out->ip) != 1 || !prefix ||
        prefix > octets * 8)
        return false;
    out->prefix = (uint8_t)prefix;
    for (uint32_t i = 0; i < octets; i++) {
        uint32_t bits = prefix > i * 8 ? (uint32_t)prefix - i * 8 : 0;
        out->ip[i] = (uint8_t)(bits >= 8 ? out->ip[i] : out->ip[i] & 0xff00 >> bits);
    }
    return family == ADIT_AF_IPV6 ? out->ip[0] != 0xff : host_v4(out->ip);
}

/* "NETWORK[/PREFIX or /MASK] GATEWAY METRIC ...": the way there is the tunnel, whatever
 * gateway is named (RFC 2865 section 5.22). Without a prefix that of the old classes. */
static bool take_route(struct answer *x, const struct rad_attr *a, const struct row *r)
{
    uint8_t family = (uint8_t)r->arg;
    char s[256], *end = NULL;
    uint8_t mask[4];
    struct adit_addr v;
    if (!text_of(a, s, sizeof s))
        return false;
    char *net = s + strspn(s, " ");
    net[strcspn(net, " ")] = '\0';
    char *slash = strchr(net, '/');
    unsigned long prefix = family == ADIT_AF_IPV6 ? 128 : 0;
    if (slash) {
        *slash++ = '\0';
        if (family == ADIT_AF_IPV4 && inet_pton(AF_INET, slash, mask) == 1) {
            uint32_t m = (uint32_t)mask[0] << 24 | (uint32_t)mask[1] << 16 | (uint32_t)mask[2] << 8 | mask[3];
            if (!contiguous(m))
                return false;
            while (m) {
                prefix++;
                m <<= 1;
            }
        } else {
            if (!isdigit((unsigned char)*slash))
                return false;
            prefix = strtoul(slash, &end, 10);
            if (*end)
                return false;
        }
    } else if (family == ADIT_AF_IPV4 && inet_pton(AF_INET, net, mask) == 1) {
        prefix = mask[0] < 128 ? 8 : mask[0] < 192 ? 16 : 24;
    }
    return network(net, prefix, family, &v) && put_address(x, r->id, &v);
}

/* RFC 3162 section 2.3: reserved, length, as many octets as there are. */
static bool take_prefix6(struct answer *x, const struct rad_attr *a, const struct row *r)
{
    char text[INET6_ADDRSTRLEN];
    uint8_t ip[16] = { 0 };
    struct adit_addr v;
    if (a->len < 2 || a->len > 18 || a->p[1] > (a->len - 2) * 8)
        return false;
    memcpy(ip, a->p + 2, a->len - 2);
    return inet_ntop(AF_INET6, ip, text, sizeof text) && network(text, a->p[1], ADIT_AF_IPV6, &v) &&
           put_address(x, r->id, &v);
}

static bool take_address6(struct answer *x, const struct rad_attr *a, const struct row *r)
{
    struct adit_addr v = { .family = ADIT_AF_IPV6, .prefix = 128 };
    static const uint8_t none[16];
    if (a->len != 16 || a->p[0] == 0xff || memcmp(a->p, none, 16) == 0)
        return false;
    memcpy(v.ip, a->p, 16);
    return put_address(x, r->id, &v);
}

static bool take_interface_id(struct answer *x, const struct rad_attr *a, const struct row *r)
{
    struct rd rd = rd_of(a->p, a->len);
    uint64_t id = rd_u64(&rd);
    return rd_done(&rd) && id && put_number(x, r->id, id);
}

/* "NAME.in", "NAME.out"; NAME alone is both. */
static bool take_filter(struct answer *x, const struct rad_attr *a, const struct row *r)
{
    const struct adit_host *h = x->self->host;
    char s[256];
    (void)r;
    if (!text_of(a, s, sizeof s))
        return false;
    size_t n = strlen(s);
    bool in = n > 3 && strcmp(s + n - 3, ".in") == 0, out = n > 4 && strcmp(s + n - 4, ".out") == 0;
    if (in || out)
        s[n - (in ? 3 : 4)] = '\0';
    return (out || adit_attr_put_str(h, x->attrs, ADIT_ATTR_FILTER_IN, s) == 0) &&
           (in || adit_attr_put_str(h, x->attrs, ADIT_ATTR_FILTER_OUT, s) == 0);
}

/* Several make one text (RFC 2865 section 5.18). */
static bool take_message(struct answer *x, const struct rad_attr *a, const struct row *r)
{
    size_t n = strlen(x->message);
    (void)r;
    for (uint32_t i = 0; i < a->len && n + 1 < sizeof x->message; i++)
        x->message[n++] = a->p[i] < 0x20 || a->p[i] == 0x7f ? ' ' : (char)a->p[i];
    x->message[n] = '\0';
    return a->len != 0;
}

static bool take_termination(struct answer *x, const struct rad_attr *a, const struct row *r)
{
    const struct adit_value yes = { ADIT_TYPE_BOOL, 0, { .u = 1 } };
    uint32_t v;
    return rad_u32(a, &v) && v <= RAD_TERMINATION_REQUEST &&
           (v != RAD_TERMINATION_REQUEST || put(x, r->id, &yes));
}

static bool take_mppe_policy(struct answer *x, const struct rad_attr *a, const struct row *r)
{
    uint32_t v;
    (void)r;
    if (!rad_u32(a, &v) || v > RAD_MPPE_REQUIRED)
        return false;
    x->mppe_policy = v;
    return true;
}

static bool take_mppe_types(struct answer *x, const struct rad_attr *a, const struct row *r)
{
    (void)r;
    x->has_types = rad_u32(a, &x->mppe_types);
    return x->has_types;
}

/* bit/s to kbit/s; a limit below 1 kbit/s is 1. */
static bool put_rate(struct answer *x, uint32_t id, uint64_t bps)
{
    return !bps || put_number(x, id, bps < 1000 ? 1 : bps / 1000);
}

static bool take_bps(struct answer *x, const struct rad_attr *a, const struct row *r)
{
    uint32_t v;
    return rad_u32(a, &v) && put_rate(x, r->id, v);
}

/* A number with k, M or G behind; *s behind that. False: none. */
static bool rate_of(const char **s, uint64_t *bps)
{
    char *end;
    if (!isdigit((unsigned char)**s))
        return false;
    *bps = strtoull(*s, &end, 10);
    if (*bps > UINT32_MAX)
        return false;
    switch (*end) {
    case 'k': case 'K': *bps *= 1000; end++; break;
    case 'M': case 'm': *bps *= 1000000; end++; break;
    case 'G': case 'g': *bps *= 1000000000; end++; break;
    default: break;
    }
    *s = end;
    return true;
}

/* "rx[/tx] ...": rx is what we receive. One number is both; bursts are not for us. */
static bool take_mikrotik_rate(struct answer *x, const struct rad_attr *a, const struct row *r)
{
    char s[256];
    const char *at = s;
    uint64_t in, out;
    (void)r;
    if (!text_of(a, s, sizeof s) || !rate_of(&at, &in))
        return false;
    out = in;
    if (*at == '/' && (at++, !rate_of(&at, &out)))
        return false;
    return (!*at || *at == ' ') && put_rate(x, ADIT_ATTR_RATE_IN, in) && put_rate(x, ADIT_ATTR_RATE_OUT, out);
}

#define MS RAD_VENDOR_MICROSOFT

/* The table; man/adit-auth-radius.7 has it for people. */
static const struct row rows[] = {
    { .type = RAD_FRAMED_IP_ADDRESS, .take = take_address, .id = ADIT_ATTR_ADDRESS, .names_session = true },
    { .type = RAD_FRAMED_IP_NETMASK, .take = take_netmask, .id = ADIT_ATTR_NETMASK },
    { .type = RAD_FRAMED_POOL, .take = take_text, .id = ADIT_ATTR_POOL },
    { .type = RAD_FRAMED_ROUTE, .take = take_route, .id = ADIT_ATTR_ROUTE, .arg = ADIT_AF_IPV4 },
    { .type = RAD_FRAMED_MTU, .take = take_mtu, .id = ADIT_ATTR_MTU },
    { .type = RAD_FRAMED_INTERFACE_ID, .take = take_interface_id, .id = ADIT_ATTR_INTERFACE_ID,
      .names_session = true },
    { .type = RAD_FRAMED_IPV6_PREFIX, .take = take_prefix6, .id = ADIT_ATTR_IPV6_PREFIX, .names_session = true },
    { .type = RAD_FRAMED_IPV6_ADDRESS, .take = take_address6, .id = ADIT_ATTR_IPV6_ADDRESS,
      .names_session = true },
    { .type = RAD_FRAMED_IPV6_ROUTE, .take = take_route, .id = ADIT_ATTR_ROUTE, .arg = ADIT_AF_IPV6 },
    { .type = RAD_FRAMED_IPV6_POOL, .take = take_text, .id = ADIT_ATTR_IPV6_POOL },
    { .type = RAD_DELEGATED_IPV6_PREFIX, .take = take_prefix6, .id = ADIT_ATTR_DELEGATED_PREFIX,
      .names_session = true },
    { .type = RAD_DNS_SERVER_IPV6_ADDRESS, .take = take_address6, .id = ADIT_ATTR_DNS },
    { .type = RAD_FILTER_ID, .take = take_filter },
    { .type = RAD_NAS_FILTER_RULE },        /* they are one text: rules() */
    { .type = RAD_SESSION_TIMEOUT, .take = take_seconds, .id = ADIT_ATTR_SESSION_TIMEOUT },
    { .type = RAD_IDLE_TIMEOUT, .take = take_seconds, .id = ADIT_ATTR_IDLE_TIMEOUT },
    { .type = RAD_TERMINATION_ACTION, .take = take_termination, .id = ADIT_ATTR_REAUTHENTICATE },
    { .type = RAD_STATE, .take = take_bytes, .id = ADIT_ATTR_STATE, .names_session = true },
    { .type = RAD_CLASS, .take = take_bytes, .id = ADIT_ATTR_CLASS },
    { .type = RAD_ACCT_INTERIM_INTERVAL, .take = take_interim, .id = ADIT_ATTR_INTERIM },
    { .type = RAD_PORT_LIMIT, .take = take_number, .id = ADIT_ATTR_SESSION_LIMIT },
    { .type = RAD_REPLY_MESSAGE, .take = take_message },
    { MS, RAD_MS_PRIMARY_DNS_SERVER, take_server, ADIT_ATTR_DNS, 0, false },
    { MS, RAD_MS_SECONDARY_DNS_SERVER, take_server, ADIT_ATTR_DNS, 1, false },
    { MS, RAD_MS_PRIMARY_NBNS_SERVER, take_server, ADIT_ATTR_WINS, 0, false },
    { MS, RAD_MS_SECONDARY_NBNS_SERVER, take_server, ADIT_ATTR_WINS, 1, false },
    { MS, RAD_MS_MPPE_ENCRYPTION_POLICY, take_mppe_policy, 0, 0, false },
    { MS, RAD_MS_MPPE_ENCRYPTION_TYPES, take_mppe_types, 0, 0, false },
    { RAD_VENDOR_WISPR, RAD_WISPR_BANDWIDTH_MAX_UP, take_bps, ADIT_ATTR_RATE_IN, 0, false },
    { RAD_VENDOR_WISPR, RAD_WISPR_BANDWIDTH_MAX_DOWN, take_bps, ADIT_ATTR_RATE_OUT, 0, false },
    { RAD_VENDOR_MIKROTIK, RAD_MIKROTIK_RATE_LIMIT, take_mikrotik_rate, 0, 0, false },
    /* read elsewhere (rad_auth, rad_coa, rad_client), or nothing new */
    { .type = RAD_SERVICE_TYPE }, { .type = RAD_FRAMED_PROTOCOL }, { .type = RAD_EAP_MESSAGE },
    { .type = RAD_MESSAGE_AUTHENTICATOR }, { .type = RAD_PROXY_STATE }, { .type = RAD_EVENT_TIMESTAMP },
    { .type = RAD_USER_NAME }, { .type = RAD_ACCT_SESSION_ID }, { .type = RAD_ACCT_MULTI_SESSION_ID },
    { .type = RAD_NAS_IP_ADDRESS }, { .type = RAD_NAS_IPV6_ADDRESS }, { .type = RAD_NAS_IDENTIFIER },
    { .type = RAD_NAS_PORT }, { .type = RAD_NAS_PORT_ID }, { .type = RAD_NAS_PORT_TYPE },
    { .type = RAD_CALLING_STATION_ID }, { .type = RAD_CALLED_STATION_ID },
    { .type = RAD_CHARGEABLE_USER_IDENTITY, .names_session = true },
    { .type = RAD_ACCT_TERMINATE_CAUSE },       /* why a Disconnect-Request comes */
    { .vendor = MS, .type = RAD_MS_CHAP2_SUCCESS }, { .vendor = MS, .type = RAD_MS_CHAP_ERROR },
    { .vendor = MS, .type = RAD_MS_CHAP_DOMAIN }, { .vendor = MS, .type = RAD_MS_CHAP_MPPE_KEYS },
    { .vendor = MS, .type = RAD_MS_MPPE_SEND_KEY }, { .vendor = MS, .type = RAD_MS_MPPE_RECV_KEY },
};

static const struct row *row_of(const struct rad_attr *a)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].vendor == a->vendor && rows[i].type == a->type)
            return &rows[i];
    return NULL;
}

/* What was named already: a server that sends it for everybody fills no log. */
static bool named_before(const struct rad_attr *a, bool senseless)
{
    static struct {
        uint32_t vendor, type;
        bool senseless;
    } told[256];
    static uint32_t count;
    for (uint32_t i = 0; i < count; i++)
        if (told[i].vendor == a->vendor && told[i].type == a->type && told[i].senseless == senseless)
            return true;
    if (count == sizeof told / sizeof told[0])
        return true;
    told[count].vendor = a->vendor;
    told[count].type = a->type;
    told[count++].senseless = senseless;
    return false;
}

static void name(struct adit_self *self, const struct rad_attr *a, bool senseless)
{
    char text[RAD_PAIR_TEXT];
    if (named_before(a, senseless))
        return;
    rad_dict_text(a, text, sizeof text);
    if (senseless)
        adit_event(self, &rad_ev_senseless, ADIT_KV_S("attribute", text));
    else
        adit_event(self, &rad_ev_ignored, ADIT_KV_S("attribute", text));
}

/* Framed-Routing and Framed-Compression that ask for nothing are nothing to tell. */
static bool asks_nothing(const struct rad_attr *a)
{
    uint32_t v;
    return !a->vendor && (a->type == RAD_FRAMED_ROUTING || a->type == RAD_FRAMED_COMPRESSION) &&
           rad_u32(a, &v) && !v;
}

/* RFC 4849: all of them in a row are one text, whose rules end with NUL. */
static void rules(struct answer *x, const struct rad_in *in)
{
    char text[RAD_MAX + 1];
    uint32_t n = rad_gather(in, RAD_NAS_FILTER_RULE, (uint8_t *)text, RAD_MAX);
    text[n] = '\0';
    for (uint32_t at = 0; at < n; at += (uint32_t)strlen(text + at) + 1)
        if (text[at])
            (void)adit_attr_put_str(x->self->host, x->attrs, ADIT_ATTR_FILTER_RULE, text + at);
}

/* RFC 2548 sections 2.4.4 and 2.4.5; Windows' servers use 8 for 56 bit. */
static void encryption(struct answer *x)
{
    uint32_t set = 0;
    if (!x->mppe_policy)
        return;
    if (x->mppe_types & RAD_MPPE_TYPE_40)
        set |= ADIT_ENC_40;
    if (x->mppe_types & RAD_MPPE_TYPE_128)
        set |= ADIT_ENC_128;
    if (x->mppe_types & 8)
        set |= ADIT_ENC_56;
    if (!x->has_types)
        set = ADIT_ENC_40 | ADIT_ENC_56 | ADIT_ENC_128;
    if (x->mppe_policy == RAD_MPPE_ALLOWED || !set)
        set |= ADIT_ENC_NONE;
    put_number(x, ADIT_ATTR_ENCRYPTION, set);
}

void rad_attr_honour(struct adit_self *self, const struct rad_in *in, struct adit_attrs *attrs,
                     uint32_t *bad, uint32_t *ignored)
{
    struct answer x = { .self = self, .attrs = attrs };
    bool coa = in->code == RAD_COA_REQUEST;

    *bad = *ignored = 0;
    for (struct rad_attr a = { 0 }; rad_next(in, &a);) {
        const struct row *r = a.bad ? NULL : row_of(&a);
        if (r && (!r->take || (coa && r->names_session)))
            continue;
        if (a.bad || (r && !r->take(&x, &a, r))) {
            ++*bad;
            name(self, &a, true);
        } else if (!r && !asks_nothing(&a)) {
            ++*ignored;
            name(self, &a, false);
        }
    }
    for (uint32_t i = 0; i < 2; i++) {
        if (x.dns[i].family)
            (void)put_address(&x, ADIT_ATTR_DNS, &x.dns[i]);
        if (x.wins[i].family)
            (void)put_address(&x, ADIT_ATTR_WINS, &x.wins[i]);
    }
    if (*x.message)
        (void)adit_attr_put_str(self->host, attrs, ADIT_ATTR_MESSAGE, x.message);
    rules(&x, in);
    encryption(&x);
}

const char *rad_attr_refuses(const struct rad_in *in, char *out, size_t size)
{
    char text[RAD_PAIR_TEXT];
    struct rad_attr a;
    uint32_t v;
    bool other = (rad_find(in, 0, RAD_SERVICE_TYPE, &a) && (!rad_u32(&a, &v) || v != RAD_SERVICE_FRAMED)) ||
                 (rad_find(in, 0, RAD_FRAMED_PROTOCOL, &a) && (!rad_u32(&a, &v) || v != RAD_FRAMED_PPP));
    if (!other)
        return NULL;
    snprintf(out, size, "The RADIUS server grants a service that this is not: %s.",
             rad_dict_text(&a, text, sizeof text));
    return out;
}

/* ---- which session --------------------------------------------------------------------------- */

static bool is_us(const struct rad_nas_conf *nas, const struct rad_attr *a)
{
    char name_[256] = "";
    switch (a->type) {
    case RAD_NAS_IP_ADDRESS:
        return nas->address.family != ADIT_AF_IPV4 || (a->len == 4 && memcmp(a->p, nas->address.ip, 4) == 0);
    case RAD_NAS_IPV6_ADDRESS:
        return nas->address.family != ADIT_AF_IPV6 || (a->len == 16 && memcmp(a->p, nas->address.ip, 16) == 0);
    case RAD_NAS_IDENTIFIER:
        if (!nas->identifier)
            (void)gethostname(name_, sizeof name_ - 1);
        const char *ours_ = nas->identifier ? nas->identifier : name_;
        return a->len == strlen(ours_) && memcmp(a->p, ours_, a->len) == 0;
    default:
        return true;
    }
}

/* What we send as NAS-Port-Id: the tunnel's name and the port. */
static bool port_id(struct answer *x, const char *s)
{
    const char *slash = strrchr(s, '/');
    char tunnel[128], *end;
    if (!slash || slash == s || (size_t)(slash - s) >= sizeof tunnel || !isdigit((unsigned char)slash[1]))
        return false;
    unsigned long port = strtoul(slash + 1, &end, 10);
    snprintf(tunnel, sizeof tunnel, "%.*s", (int)(slash - s), s);
    return !*end && adit_attr_put_str(x->self->host, x->attrs, ADIT_ATTR_TUNNEL, tunnel) == 0 &&
           put_number(x, ADIT_ATTR_NAS_PORT, port);
}

/* -1: it identifies nothing; 0: it does; else an Error-Cause. */
static int32_t identify(struct answer *x, const struct rad_nas_conf *nas, const struct rad_attr *a)
{
    static const struct { uint32_t type, id; } texts[] = {
        { RAD_ACCT_SESSION_ID, ADIT_ATTR_SESSION },
        { RAD_ACCT_MULTI_SESSION_ID, ADIT_ATTR_MULTI_SESSION },
        { RAD_CALLING_STATION_ID, ADIT_ATTR_CALLING_STATION },
        { RAD_CALLED_STATION_ID, ADIT_ATTR_CALLED_STATION },
        { RAD_USER_NAME, ADIT_ATTR_USER },
    };
    const struct adit_host *h = x->self->host;
    char s[256];
    uint32_t v;
    bool ok;

    if (a->vendor)
        return -1;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (a->type != texts[i].type)
            continue;
        uint32_t id = texts[i].id;
        ok = text_of(a, s, sizeof s);
        /* the name that the server was told may lack its domain */
        if (ok && id == ADIT_ATTR_USER && nas->strip_domain && !strpbrk(s, "\\@"))
            id = ADIT_ATTR_ACCOUNT;
        return ok && adit_attr_put_str(h, x->attrs, id, s) == 0 ? 0 : RAD_ERROR_INVALID_REQUEST;
    }
    switch (a->type) {
    case RAD_NAS_PORT:
        ok = rad_u32(a, &v) && put_number(x, ADIT_ATTR_NAS_PORT, v);
        break;
    case RAD_NAS_PORT_ID:
        ok = text_of(a, s, sizeof s) && port_id(x, s);
        break;
    case RAD_FRAMED_IP_ADDRESS:         /* 255.255.255.254 and .255 are nobody's, and would fit everybody */
        ok = take_address(x, a, row_of(a)) && h->attr->get(x->attrs, ADIT_ATTR_ADDRESS, 0);
        break;
    case RAD_FRAMED_INTERFACE_ID:
    case RAD_FRAMED_IPV6_PREFIX:
    case RAD_FRAMED_IPV6_ADDRESS:
    case RAD_DELEGATED_IPV6_PREFIX: {
        const struct row *r = row_of(a);
        ok = r->take(x, a, r);
        break;
    }
    case RAD_CHARGEABLE_USER_IDENTITY:
        return RAD_ERROR_UNSUPPORTED_ATTRIBUTE;
    default:
        return -1;
    }
    return ok ? 0 : RAD_ERROR_INVALID_REQUEST;
}

uint32_t rad_attr_match(struct adit_self *self, const struct rad_nas_conf *nas,
                        const struct rad_in *in, struct adit_attrs *which)
{
    struct answer x = { .self = self, .attrs = which };
    bool any = false;
    for (struct rad_attr a = { 0 }; rad_next(in, &a);) {
        if (a.bad)
            return RAD_ERROR_INVALID_REQUEST;
        if (!a.vendor && !is_us(nas, &a))
            return RAD_ERROR_NAS_MISMATCH;
        int32_t rc = identify(&x, nas, &a);
        if (rc > 0)
            return (uint32_t)rc;
        any = any || rc == 0;
    }
    return any ? 0 : RAD_ERROR_MISSING_ATTRIBUTE;
}
