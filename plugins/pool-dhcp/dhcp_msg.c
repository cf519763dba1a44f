/* dhcp_msg.c - DHCP messages to bytes and back.
 *
 * Knows:  the fixed part, options and where they may stand: the options field, `file`
 *         and `sname` (option 52), in pieces (RFC 3396).
 * Leaves: what a message means for a lease to dhcp_lease.
 */
#include "dhcp_msg.h"

#define BOOTREQUEST 1
#define BOOTREPLY 2
#define HTYPE_ETHERNET 1
#define COOKIE 0x63825363u
#define BOOTP_MIN 300           /* RFC 1542 section 2.1: relays may drop what is shorter */
#define OPTION_MAX 2048         /* bytes of an option in all its pieces; more than fits a message */

enum option {
    OPT_PAD = 0, OPT_MASK = 1, OPT_DNS = 6, OPT_HOST = 12, OPT_DOMAIN = 15, OPT_STATIC = 33,
    OPT_WINS = 44, OPT_REQUESTED = 50, OPT_LEASE = 51, OPT_OVERLOAD = 52, OPT_TYPE = 53,
    OPT_SERVER = 54, OPT_WANTED = 55, OPT_MESSAGE = 56, OPT_MAX_SIZE = 57, OPT_T1 = 58, OPT_T2 = 59,
    OPT_CLIENT_ID = 61, OPT_AGENT = 82, OPT_SEARCH = 119, OPT_ROUTES = 121, OPT_MS_ROUTES = 249,
    OPT_END = 255
};
#define AGENT_LINK 5            /* sub-option of 82: link selection (RFC 3527) */

const char *dhcp_type_name(uint8_t type)
{
    static const char *const names[DHCP_TYPES] = {
        [DHCP_DISCOVER] = "DHCPDISCOVER", [DHCP_OFFER] = "DHCPOFFER", [DHCP_REQUEST] = "DHCPREQUEST",
        [DHCP_DECLINE] = "DHCPDECLINE", [DHCP_ACK] = "DHCPACK", [DHCP_NAK] = "DHCPNAK",
        [DHCP_RELEASE] = "DHCPRELEASE", [DHCP_INFORM] = "DHCPINFORM",
    };
    return type < DHCP_TYPES && names[type] ? names[type] : "?";
}

/* ---- writing ------------------------------------------------------------------ */

static void put(struct wr *w, uint8_t code, const void *p, size_t len)
{
    wr_u8(w, code);
    wr_u8(w, (uint8_t)len);
    wr_bytes(w, p, len);
}

static void put_u32(struct wr *w, uint8_t code, uint32_t v)
{
    if (!v)
        return;
    wr_u8(w, code);
    wr_u8(w, 4);
    wr_u32(w, v);
}

size_t dhcp_write(const struct dhcp_say *m, uint8_t *out, size_t size)
{
    /* RFC 3442: 121 stands before the options that it replaces */
    static const uint8_t wanted[] = { OPT_MASK, OPT_ROUTES, OPT_MS_ROUTES, OPT_STATIC, OPT_DNS,
                                      OPT_DOMAIN, OPT_SEARCH, OPT_WINS, OPT_LEASE, OPT_SERVER,
                                      OPT_T1, OPT_T2 };
    struct wr w = wr_of(out, size);
    wr_u8(&w, BOOTREQUEST);
    wr_u8(&w, HTYPE_ETHERNET);
    wr_u8(&w, sizeof m->chaddr);
    wr_u8(&w, m->giaddr ? 1 : 0);       /* hops: as if one relay had passed it on */
    wr_u32(&w, m->xid);
    wr_u16(&w, m->secs);
    wr_u16(&w, 0);              /* no broadcast: answers come to giaddr (RFC 2131 section 4.1) */
    wr_u32(&w, m->ciaddr);
    wr_zero(&w, 8);             /* yiaddr, siaddr */
    wr_u32(&w, m->giaddr);
    wr_bytes(&w, m->chaddr, sizeof m->chaddr);
    wr_zero(&w, 16 - sizeof m->chaddr + 64 + 128);
    wr_u32(&w, COOKIE);
    put(&w, OPT_TYPE, &m->type, 1);
    if (m->client_id_len)
        put(&w, OPT_CLIENT_ID, m->client_id, m->client_id_len);
    put_u32(&w, OPT_REQUESTED, m->requested);
    put_u32(&w, OPT_SERVER, m->server_id);
    /* RFC 2131 table 5: neither goes into DHCPDECLINE and DHCPRELEASE */
    if (m->type == DHCP_DISCOVER || m->type == DHCP_REQUEST) {
        wr_u8(&w, OPT_MAX_SIZE);
        wr_u8(&w, 2);
        wr_u16(&w, DHCP_HEAR);
        if (m->host && m->host[0])
            put(&w, OPT_HOST, m->host, strlen(m->host));
        put(&w, OPT_WANTED, wanted, sizeof wanted);
    }
    if (m->link) {              /* RFC 3046 section 2.1: the last one */
        wr_u8(&w, OPT_AGENT);
        wr_u8(&w, 6);
        put_u32(&w, AGENT_LINK, m->link);
    }
    wr_u8(&w, OPT_END);
    while (wr_ok(&w) && wr_len(&w) < BOOTP_MIN)
        wr_u8(&w, OPT_PAD);
    return wr_ok(&w) ? wr_len(&w) : 0;
}

/* ---- reading ------------------------------------------------------------------ */

/* Where options stand, in the order in which their pieces are put together
 * (RFC 3396 section 5). */
struct places {
    struct rd field[3];
    unsigned count;
};

/* One option after another; false at the end, or where the field is malformed. */
static bool next(struct rd *r, uint8_t *code, struct rd *value)
{
    for (;;) {
        if (!rd_left(r))
            return false;
        *code = rd_u8(r);
        if (*code == OPT_END)
            return false;
        if (*code == OPT_PAD)
            continue;
        *value = rd_sub(r, rd_u8(r));
        return rd_ok(r);
    }
}

/* A whole option: its pieces in a row. False: it is not there, or too long. */
static bool whole(const struct places *at, uint8_t code, uint8_t buf[OPTION_MAX], struct rd *out)
{
    struct wr w = wr_of(buf, OPTION_MAX);
    bool there = false;
    for (unsigned i = 0; i < at->count; i++) {
        struct rd r = at->field[i], v;
        uint8_t c;
        while (next(&r, &c, &v)) {
            size_t n;
            if (c != code)
                continue;
            const uint8_t *p = rd_rest(&v, &n);
            there = true;
            wr_bytes(&w, p, n);
        }
    }
    *out = rd_of(buf, wr_len(&w));
    return there && wr_ok(&w);
}

static bool well_formed(struct rd r)
{
    struct rd v;
    uint8_t code;
    while (next(&r, &code, &v))
        ;
    return rd_ok(&r);
}

/* An option of exactly four bytes. False: it is there and is none. */
static bool get_u32(const struct places *at, uint8_t code, uint32_t *out)
{
    uint8_t buf[OPTION_MAX];
    struct rd r;
    *out = 0;
    if (!whole(at, code, buf, &r))
        return true;
    *out = rd_u32(&r);
    return rd_done(&r);
}

/* An address that a host can have. */
static bool of_host(uint32_t a)
{
    return a >> 24 != 0 && a >> 24 != 127 && a >> 28 < 0xe;
}

static uint8_t get_addresses(const struct places *at, uint8_t code, uint32_t out[DHCP_ADDRS])
{
    uint8_t buf[OPTION_MAX], n = 0;
    struct rd r;
    if (!whole(at, code, buf, &r))
        return 0;
    while (n < DHCP_ADDRS && rd_left(&r) >= 4) {
        uint32_t a = rd_u32(&r);
        if (of_host(a))
            out[n++] = a;
    }
    return n;
}

static uint32_t mask_of(uint8_t prefix)
{
    return prefix ? 0xffffffffu << (32 - prefix) : 0;
}

/* A network that a client may be told of. The route to everywhere is the
 * client's own decision: it is not passed on. */
static void add_route(struct dhcp_facts *f, uint32_t net, uint8_t prefix)
{
    if (prefix == 0 || f->route_count >= DHCP_ROUTES || !of_host(net))
        return;
    net &= mask_of(prefix);
    for (uint8_t i = 0; i < f->route_count; i++)
        if (f->routes[i].net == net && f->routes[i].prefix == prefix)
            return;
    f->routes[f->route_count++] = (struct dhcp_route){ net, prefix };
}

/* RFC 3442: prefix length, its significant octets, router. All of it or nothing. */
static bool get_classless(const struct places *at, uint8_t code, struct dhcp_facts *f)
{
    uint8_t buf[OPTION_MAX];
    struct rd r;
    if (!whole(at, code, buf, &r))
        return false;
    while (rd_left(&r)) {
        uint8_t prefix = rd_u8(&r);
        uint32_t net = 0;
        if (prefix > 32) {
            r.bad = true;
            break;
        }
        for (unsigned i = 0; i < (prefix + 7u) / 8; i++)
            net |= (uint32_t)rd_u8(&r) << (24 - 8 * i);
        rd_skip(&r, 4);         /* the router: for our clients it is us */
        if (rd_ok(&r))
            add_route(f, net, prefix);
    }
    if (!rd_ok(&r))
        f->route_count = 0;
    return rd_ok(&r);
}

/* RFC 2132 section 5.8: destination and router, classes tell the masks. */
static void get_static(const struct places *at, struct dhcp_facts *f)
{
    uint8_t buf[OPTION_MAX];
    struct rd r;
    if (!whole(at, OPT_STATIC, buf, &r))
        return;
    while (rd_left(&r) >= 8) {
        uint32_t to = rd_u32(&r);
        uint8_t prefix = to >> 31 == 0 ? 8 : to >> 30 == 2 ? 16 : 24;
        rd_skip(&r, 4);
        if (to & ~mask_of(prefix))
            prefix = 32;        /* a host inside its class */
        add_route(f, to, prefix);
    }
}

/* A name of letters, digits, hyphens, underscores and dots; what is something
 * else is none, because people and clients are shown it. */
static bool name_ok(const char *s)
{
    size_t label = 0;
    for (; *s; s++) {
        if (*s == '.') {
            if (!label)
                return false;
            label = 0;
            continue;
        }
        if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') ||
              *s == '-' || *s == '_') || ++label > 63)
            return false;
    }
    return label != 0;
}

bool dhcp_search_first(const uint8_t *p, size_t len, char out[DHCP_NAME])
{
    size_t n = 0, limit = len;
    struct rd r = rd_of(p, len);
    while (rd_left(&r)) {
        uint8_t label = rd_u8(&r);
        if (!label) {
            out[n ? n - 1 : 0] = '\0';
            return n && name_ok(out);
        }
        if (label >> 6 == 3) {
            /* backwards only, each time further: it ends */
            size_t to = (size_t)(label & 0x3f) << 8 | rd_u8(&r);
            if (!rd_ok(&r) || to >= limit)
                break;
            limit = to;
            r = rd_of(p, len);
            rd_skip(&r, to);
            continue;
        }
        const uint8_t *text = rd_bytes(&r, label);
        if (label >> 6 || !text || n + label + 1u >= DHCP_NAME)
            break;
        memcpy(out + n, text, label);
        n += label;
        out[n++] = '.';
    }
    out[0] = '\0';
    return false;
}

static void get_domain(const struct places *at, char out[DHCP_NAME])
{
    uint8_t buf[OPTION_MAX];
    struct rd r;
    size_t n;
    out[0] = '\0';
    if (whole(at, OPT_SEARCH, buf, &r) && dhcp_search_first(r.p, rd_left(&r), out))
        return;
    out[0] = '\0';
    if (!whole(at, OPT_DOMAIN, buf, &r))
        return;
    const uint8_t *p = rd_rest(&r, &n);
    while (n && (p[n - 1] == '\0' || p[n - 1] == '.'))
        n--;                    /* some servers send the NUL too */
    if (!n || n >= DHCP_NAME || memchr(p, '\0', n))
        return;
    memcpy(out, p, n);
    out[n] = '\0';
    if (!name_ok(out))
        out[0] = '\0';
}

static void get_text(const struct places *at, char *out, size_t size)
{
    uint8_t buf[OPTION_MAX];
    struct rd r;
    size_t n = 0;
    if (whole(at, OPT_MESSAGE, buf, &r))
        while (n + 1 < size && rd_left(&r)) {
            uint8_t c = rd_u8(&r);
            if (!c)
                break;
            out[n++] = c >= ' ' && c < 0x7f ? (char)c : '?';
        }
    out[n] = '\0';
}

/* RFC 2131 section 4.4.5: half and seven eighths, unless the server says something
 * that makes sense. */
static void set_times(struct dhcp_facts *f)
{
    if (f->lease_s == DHCP_FOREVER) {
        f->t1_s = f->t2_s = DHCP_FOREVER;
        return;
    }
    if (!f->t2_s || f->t2_s >= f->lease_s)
        f->t2_s = f->lease_s - f->lease_s / 8;
    if (!f->t1_s || f->t1_s >= f->t2_s)
        f->t1_s = f->lease_s / 2 < f->t2_s ? f->lease_s / 2 : f->t2_s / 2;
}

const char *dhcp_read(const uint8_t *p, size_t len, struct dhcp_heard *out)
{
    uint8_t buf[OPTION_MAX];
    struct places at = { .count = 1 };
    struct dhcp_facts *f = &out->facts;
    struct rd r = rd_of(p, len), v;

    memset(out, 0, sizeof *out);
    uint8_t op = rd_u8(&r), htype = rd_u8(&r), hlen = rd_u8(&r);
    rd_skip(&r, 1);             /* hops */
    out->xid = rd_u32(&r);
    rd_skip(&r, 8);             /* secs, flags, ciaddr */
    f->address = rd_u32(&r);
    rd_skip(&r, 4);             /* siaddr */
    out->giaddr = rd_u32(&r);
    rd_copy(&r, out->chaddr, sizeof out->chaddr);
    rd_skip(&r, 16 - sizeof out->chaddr);
    struct rd sname = rd_sub(&r, 64), file = rd_sub(&r, 128);
    uint32_t cookie = rd_u32(&r);
    if (!rd_ok(&r))
        return "it is too short";
    if (op != BOOTREPLY)
        return "it is no reply";
    if (htype != HTYPE_ETHERNET || hlen != sizeof out->chaddr)
        return "its hardware address is of another kind";
    if (cookie != COOKIE)
        return "it is BOOTP, not DHCP";
    at.field[0] = r;
    if (!well_formed(r))
        return "an option passes its end";
    if (whole(&at, OPT_OVERLOAD, buf, &v)) {
        uint8_t where = rd_u8(&v);
        if (!rd_done(&v) || where < 1 || where > 3)
            return "option 52 is malformed";
        if (where & 1)
            at.field[at.count++] = file;
        if (where & 2)
            at.field[at.count++] = sname;
        for (unsigned i = 1; i < at.count; i++)
            if (!well_formed(at.field[i]))
                return "an option passes its end";
    }
    if (!whole(&at, OPT_TYPE, buf, &v))
        return "it has no message type";
    out->type = rd_u8(&v);
    if (!rd_done(&v) || out->type == 0 || out->type >= DHCP_TYPES)
        return "its message type is unknown";
    if (!get_u32(&at, OPT_SERVER, &f->server_id) || !get_u32(&at, OPT_LEASE, &f->lease_s) ||
        !get_u32(&at, OPT_T1, &f->t1_s) || !get_u32(&at, OPT_T2, &f->t2_s) ||
        !get_u32(&at, OPT_MASK, &f->mask))
        return "an option has the wrong length";
    get_text(&at, out->text, sizeof out->text);
    if (out->type != DHCP_OFFER && out->type != DHCP_ACK) {
        f->address = 0;
        return NULL;
    }
    if (!of_host(f->address))
        return "its address is none of a host";
    if (~f->mask & (~f->mask + 1))
        f->mask = 0;            /* ones, then zeros, or it is no mask */
    set_times(f);
    f->dns_count = get_addresses(&at, OPT_DNS, f->dns);
    f->wins_count = get_addresses(&at, OPT_WINS, f->wins);
    get_domain(&at, f->domain);
    /* RFC 3442: who asks for 121 ignores 33; 249 is the same before it had a number */
    if (!get_classless(&at, OPT_ROUTES, f) && !get_classless(&at, OPT_MS_ROUTES, f))
        get_static(&at, f);
    return NULL;
}

bool dhcp_facts_equal(const struct dhcp_facts *a, const struct dhcp_facts *b)
{
    if (a->address != b->address || a->mask != b->mask || a->dns_count != b->dns_count ||
        a->wins_count != b->wins_count || a->route_count != b->route_count ||
        strcmp(a->domain, b->domain) != 0 ||
        memcmp(a->dns, b->dns, a->dns_count * sizeof a->dns[0]) != 0 ||
        memcmp(a->wins, b->wins, a->wins_count * sizeof a->wins[0]) != 0)
        return false;
    for (uint8_t i = 0; i < a->route_count; i++)
        if (a->routes[i].net != b->routes[i].net || a->routes[i].prefix != b->routes[i].prefix)
            return false;
    return true;
}
