/* rad_record.c - an accounting record as it is kept and sent.
 *
 * Knows:  which attributes an accounting record has, why a session ended in RADIUS' words.
 * Leaves: what describes a session anyway to rad_attr, order and sending to rad_acct.
 */
#include "rad_record.h"

#include "rad_attr.h"
#include "rad_share.h"

/* ---- why it ended ---------------------------------------------------------------------- */

/* Acct-Terminate-Cause. Every cause has a row: 0 is a hole, which a test finds. */
static const uint8_t causes[] = {
    [ADIT_CAUSE_NONE]             = RAD_TERM_NAS_REQUEST,
    [ADIT_CAUSE_PEER_HANGUP]      = RAD_TERM_USER_REQUEST,
    [ADIT_CAUSE_ADMIN]            = RAD_TERM_ADMIN_RESET,
    [ADIT_CAUSE_LOST_CARRIER]     = RAD_TERM_LOST_CARRIER,
    [ADIT_CAUSE_ECHO_TIMEOUT]     = RAD_TERM_LOST_CARRIER,
    [ADIT_CAUSE_LCP_TIMEOUT]      = RAD_TERM_LOST_CARRIER,
    [ADIT_CAUSE_LCP_FAILED]       = RAD_TERM_PORT_ERROR,
    [ADIT_CAUSE_LOOPED]           = RAD_TERM_PORT_ERROR,
    [ADIT_CAUSE_NO_COMMON_METHOD] = RAD_TERM_USER_ERROR,
    [ADIT_CAUSE_AUTH_FAILED]      = RAD_TERM_USER_ERROR,
    [ADIT_CAUSE_UNKNOWN_USER]     = RAD_TERM_USER_ERROR,
    [ADIT_CAUSE_NO_PERMISSION]    = RAD_TERM_SERVICE_UNAVAILABLE,
    [ADIT_CAUSE_POLICY_DENIED]    = RAD_TERM_SERVICE_UNAVAILABLE,
    [ADIT_CAUSE_NO_POLICY]        = RAD_TERM_SERVICE_UNAVAILABLE,
    [ADIT_CAUSE_METHOD_REFUSED]   = RAD_TERM_SERVICE_UNAVAILABLE,
    [ADIT_CAUSE_ENCRYPTION]       = RAD_TERM_USER_ERROR,
    [ADIT_CAUSE_DISABLED]         = RAD_TERM_SERVICE_UNAVAILABLE,
    [ADIT_CAUSE_EXPIRED]          = RAD_TERM_SESSION_TIMEOUT,
    [ADIT_CAUSE_PASSWORD_EXPIRED] = RAD_TERM_USER_ERROR,
    [ADIT_CAUSE_HOURS]            = RAD_TERM_SESSION_TIMEOUT,
    [ADIT_CAUSE_SESSION_LIMIT]    = RAD_TERM_NAS_REQUEST,
    [ADIT_CAUSE_AUTH_UNAVAILABLE] = RAD_TERM_NAS_ERROR,
    [ADIT_CAUSE_AUTH_TIMEOUT]     = RAD_TERM_USER_ERROR,
    [ADIT_CAUSE_POOL_EXHAUSTED]   = RAD_TERM_NAS_REQUEST,
    [ADIT_CAUSE_NO_POOL]          = RAD_TERM_NAS_ERROR,
    [ADIT_CAUSE_ADDRESS_TAKEN]    = RAD_TERM_NAS_REQUEST,
    [ADIT_CAUSE_IPCP_FAILED]      = RAD_TERM_PORT_ERROR,
    [ADIT_CAUSE_NO_NETWORK]       = RAD_TERM_PORT_ERROR,
    [ADIT_CAUSE_PORTS_EXHAUSTED]  = RAD_TERM_NAS_REQUEST,
    [ADIT_CAUSE_PROTOCOL_OFF]     = RAD_TERM_NAS_REQUEST,
    [ADIT_CAUSE_IDLE_TIMEOUT]     = RAD_TERM_IDLE_TIMEOUT,
    [ADIT_CAUSE_SESSION_TIMEOUT]  = RAD_TERM_SESSION_TIMEOUT,
    [ADIT_CAUSE_SHUTDOWN]         = RAD_TERM_ADMIN_REBOOT,
    [ADIT_CAUSE_RESOURCE]         = RAD_TERM_NAS_ERROR,
    [ADIT_CAUSE_INTERNAL]         = RAD_TERM_NAS_ERROR,
    [ADIT_CAUSE_CLEAR_REFUSED]    = RAD_TERM_NAS_REQUEST,
    [ADIT_CAUSE_TUNNEL_AUTH]      = RAD_TERM_NAS_REQUEST,
    [ADIT_CAUSE_PROTOCOL_ERROR]   = RAD_TERM_PORT_ERROR,
    [ADIT_CAUSE_GRE_BLOCKED]      = RAD_TERM_LOST_CARRIER,
    [ADIT_CAUSE_NO_ANSWER]        = RAD_TERM_LOST_CARRIER,
    [ADIT_CAUSE_REFUSED]          = RAD_TERM_LOST_SERVICE,
    [ADIT_CAUSE_CONFLICT]         = RAD_TERM_NAS_ERROR,
    [ADIT_CAUSE_CERTIFICATE]      = RAD_TERM_USER_ERROR,
    [ADIT_CAUSE_LEASE_LOST]       = RAD_TERM_LOST_SERVICE,
    [ADIT_CAUSE_DHCP_SILENT]      = RAD_TERM_LOST_SERVICE,
    [ADIT_CAUSE_LOCKED_OUT]       = RAD_TERM_USER_ERROR,
    [ADIT_CAUSE_CRASH]            = RAD_TERM_NAS_REBOOT,
    [ADIT_CAUSE_NOT_RUNNING]      = RAD_TERM_NAS_ERROR,
    [ADIT_CAUSE_NOT_SERVING]      = RAD_TERM_NAS_ERROR,
    [ADIT_CAUSE_RADIUS_SILENT]    = RAD_TERM_NAS_ERROR,
    [ADIT_CAUSE_NO_ROUTE]         = RAD_TERM_NAS_ERROR,
    [ADIT_CAUSE_ROUTER_AS_CLIENT] = RAD_TERM_NAS_ERROR,
    [ADIT_CAUSE_FILTERED]         = RAD_TERM_NAS_REQUEST,
    [ADIT_CAUSE_IPSEC_AUTH]       = RAD_TERM_USER_ERROR,
    [ADIT_CAUSE_IPSEC_PROPOSAL]   = RAD_TERM_USER_ERROR,
    [ADIT_CAUSE_IPSEC_TIMEOUT]    = RAD_TERM_LOST_CARRIER,
    [ADIT_CAUSE_NO_SECRET]        = RAD_TERM_USER_ERROR,
    [ADIT_CAUSE_ESP_BLOCKED]      = RAD_TERM_LOST_CARRIER,
};

uint32_t rad_record_cause(uint32_t cause)
{
    /* A cause of a newer host is nobody's fault but ours. */
    return cause < sizeof causes ? causes[cause] : RAD_TERM_NAS_ERROR;
}

const char *rad_record_status(uint32_t status)
{
    switch (status) {
    case RAD_STATUS_START:   return "Start";
    case RAD_STATUS_STOP:    return "Stop";
    case RAD_STATUS_INTERIM: return "Interim-Update";
    case RAD_STATUS_ON:      return "Accounting-On";
    case RAD_STATUS_OFF:     return "Accounting-Off";
    default:          return "?";
    }
}

/* ---- writing ---------------------------------------------------------------------------- */

/* A record is written as the attributes of a packet that nobody sends: it has no
 * secret, and says nothing that would need one. */
static void begin(struct rad_out *o, uint32_t status, uint64_t wall_s)
{
    memset(o, 0, offsetof(struct rad_out, bytes));
    o->code = RAD_ACCOUNTING_REQUEST;
    o->len = RAD_HEAD;
    rad_put_u32(o, RAD_ACCT_STATUS_TYPE, status);
    rad_put_u32(o, RAD_EVENT_TIMESTAMP, (uint32_t)wall_s);
}

static uint32_t finish(const struct rad_out *o, uint8_t out[RAD_RECORD_MAX])
{
    uint32_t len = o->len - RAD_HEAD;
    if (o->full || len > RAD_RECORD_MAX)
        return 0;
    memcpy(out, o->bytes + RAD_HEAD, len);
    return len;
}

/* 64 bits in two attributes (RFC 2869 section 5.1). */
static void put_octets(struct rad_out *o, uint32_t low, uint32_t high, uint64_t v)
{
    rad_put_u32(o, low, (uint32_t)v);
    rad_put_u32(o, high, (uint32_t)(v >> 32));
}

static void put_counts(struct adit_self *self, struct rad_out *o, const struct adit_attrs *a)
{
    const struct adit_host *h = self->host;
    /* "Input" is what came from the user (RFC 2866 section 5.3). */
    put_octets(o, RAD_ACCT_INPUT_OCTETS, RAD_ACCT_INPUT_GIGAWORDS, adit_attr_u(h, a, ADIT_ATTR_BYTES_IN));
    put_octets(o, RAD_ACCT_OUTPUT_OCTETS, RAD_ACCT_OUTPUT_GIGAWORDS,
               adit_attr_u(h, a, ADIT_ATTR_BYTES_OUT));
    rad_put_u32(o, RAD_ACCT_INPUT_PACKETS, (uint32_t)adit_attr_u(h, a, ADIT_ATTR_PACKETS_IN));
    rad_put_u32(o, RAD_ACCT_OUTPUT_PACKETS, (uint32_t)adit_attr_u(h, a, ADIT_ATTR_PACKETS_OUT));
    rad_put_u32(o, RAD_ACCT_SESSION_TIME, (uint32_t)(adit_attr_u(h, a, ADIT_ATTR_DURATION) / 1000));
}

static void put_v4(struct adit_self *self, struct rad_out *o, uint32_t type, const struct adit_attrs *a,
                   uint32_t id)
{
    const struct adit_addr *v = adit_attr_addr(self->host, a, id, 0);
    if (v && v->family == ADIT_AF_IPV4 && !rad_has(o, type))
        rad_put(o, type, v->ip, 4);
}

/* RFC 3162 section 2.3: reserved, length, then the octets that the length needs. */
static void put_prefixes(struct adit_self *self, struct rad_out *o, uint32_t type,
                         const struct adit_attrs *a, uint32_t id)
{
    const struct adit_addr *v;
    if (rad_has(o, type))
        return;
    for (uint32_t i = 0; (v = adit_attr_addr(self->host, a, id, i)); i++) {
        uint8_t b[18] = { 0, v->prefix };
        uint32_t n = (v->prefix + 7u) / 8u;
        if (v->family != ADIT_AF_IPV6 || n > 16)
            continue;
        memcpy(b + 2, v->ip, n);
        rad_put(o, type, b, 2 + n);
    }
}

/* Class goes back as it came, all of them (RFC 2865 section 5.25); last, since a
 * record without one of many is worth more than none. */
static void put_class(struct adit_self *self, struct rad_out *o, const struct adit_attrs *a)
{
    const struct adit_value *v;
    if (rad_has(o, RAD_CLASS))
        return;
    for (uint32_t i = 0; (v = self->host->attr->get(a, ADIT_ATTR_CLASS, i)); i++)
        if (v->len && v->len <= 253 && o->len - RAD_HEAD + 2 + v->len <= RAD_RECORD_MAX)
            rad_put(o, RAD_CLASS, v->v.p, v->len);
}

static uint32_t authentic(struct adit_self *self, const struct adit_attrs *a)
{
    const char *by = adit_attr_str(self->host, a, ADIT_ATTR_AUTHENTICATOR);
    return by && rad_share_has(by) ? RAD_AUTHENTIC_RADIUS : RAD_AUTHENTIC_LOCAL;
}

uint32_t rad_record_session(struct adit_self *self, const struct rad_nas_conf *nas, uint32_t status,
                            const struct adit_attrs *attrs, uint32_t links, uint64_t wall_s,
                            uint8_t out[RAD_RECORD_MAX])
{
    const struct adit_host *h = self->host;
    struct rad_out o;
    begin(&o, status, wall_s);
    rad_attr_describe(self, nas, attrs, &o, RAD_IN_ACCT);
    if (links)
        rad_put_u32(&o, RAD_ACCT_LINK_COUNT, links);
    rad_put_u32(&o, RAD_ACCT_AUTHENTIC, authentic(self, attrs));
    put_v4(self, &o, RAD_FRAMED_IP_ADDRESS, attrs, ADIT_ATTR_ADDRESS);
    put_prefixes(self, &o, RAD_FRAMED_IPV6_PREFIX, attrs, ADIT_ATTR_IPV6_PREFIX);
    put_prefixes(self, &o, RAD_DELEGATED_IPV6_PREFIX, attrs, ADIT_ATTR_DELEGATED_PREFIX);
    const struct adit_addr *v6 = adit_attr_addr(h, attrs, ADIT_ATTR_IPV6_ADDRESS, 0);
    if (v6 && v6->family == ADIT_AF_IPV6 && !rad_has(&o, RAD_FRAMED_IPV6_ADDRESS))
        rad_put(&o, RAD_FRAMED_IPV6_ADDRESS, v6->ip, 16);
    if (status != RAD_STATUS_START)
        put_counts(self, &o, attrs);
    if (status == RAD_STATUS_STOP)
        rad_put_u32(&o, RAD_ACCT_TERMINATE_CAUSE,
                    rad_record_cause((uint32_t)adit_attr_u(h, attrs, ADIT_ATTR_CAUSE)));
    put_class(self, &o, attrs);
    return finish(&o, out);
}

uint32_t rad_record_nas(struct adit_self *self, const struct rad_nas_conf *nas, uint32_t status,
                        uint64_t wall_s, uint8_t out[RAD_RECORD_MAX])
{
    struct rad_out o;
    struct adit_attrs *none = self->host->attr->make();
    if (!none)
        return 0;
    begin(&o, status, wall_s);
    rad_attr_describe(self, nas, none, &o, RAD_IN_ACCT);
    self->host->attr->free(none);
    if (!rad_has(&o, RAD_ACCT_SESSION_ID)) {
        /* Required in every record (RFC 2866 section 5.5). */
        rad_put_str(&o, RAD_ACCT_SESSION_ID, "00000000");
    }
    return finish(&o, out);
}

/* ---- reading ---------------------------------------------------------------------------- */

bool rad_record_read(const uint8_t *p, uint32_t len, struct rad_record_info *out)
{
    struct rd r = rd_of(p, len);
    *out = (struct rad_record_info){ 0 };
    if (!len || len > RAD_RECORD_MAX)
        return false;
    while (rd_left(&r) > 0) {
        uint8_t type = rd_u8(&r), n = rd_u8(&r);
        if (n < 3)
            return false;       /* RFC 2865 section 5: no attribute without a value */
        struct rd v = rd_sub(&r, n - 2u);
        const uint8_t *at = v.p;
        switch (type) {
        case RAD_ACCT_STATUS_TYPE: out->status = rd_u32(&v); break;
        case RAD_EVENT_TIMESTAMP:  out->at_s = rd_u32(&v); break;
        case RAD_ACCT_SESSION_ID:
            out->session = at;
            out->session_len = n - 2u;
            continue;
        default:
            continue;
        }
        if (!rd_done(&v))
            return false;
    }
    if (out->status == RAD_STATUS_ON || out->status == RAD_STATUS_OFF)
        out->session = NULL;
    return rd_ok(&r) && (out->status == RAD_STATUS_ON || out->status == RAD_STATUS_OFF ||
        ((out->status == RAD_STATUS_START || out->status == RAD_STATUS_STOP || out->status == RAD_STATUS_INTERIM) &&
         out->session));
}

void rad_record_put(const uint8_t *p, uint32_t len, uint64_t wall_s, struct rad_out *o)
{
    struct rad_record_info info;
    struct rd r = rd_of(p, len);
    bool named = false;
    rad_record_read(p, len, &info);
    while (rd_left(&r) > 0) {
        uint8_t type = rd_u8(&r), n = rd_u8(&r);
        const uint8_t *v = rd_bytes(&r, n < 2 ? rd_left(&r) + 1 : n - 2u);
        if (!v)
            break;
        rad_put(o, type, v, n - 2u);
        named |= type == RAD_NAS_IP_ADDRESS || type == RAD_NAS_IPV6_ADDRESS;
    }
    /* How late it is: nothing when it is sent at once; less than nothing is a clock
     * that was set (RFC 2866 section 5.2). */
    rad_put_u32(o, RAD_ACCT_DELAY_TIME, wall_s > info.at_s ? (uint32_t)(wall_s - info.at_s) : 0);
    if (!named && o->our.family == ADIT_AF_IPV4)
        rad_put(o, RAD_NAS_IP_ADDRESS, o->our.ip, 4);
    if (!named && o->our.family == ADIT_AF_IPV6)
        rad_put(o, RAD_NAS_IPV6_ADDRESS, o->our.ip, 16);
}
