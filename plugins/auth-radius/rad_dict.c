/* rad_dict.c - names, types and text of attributes.
 *
 * Knows:  what libradcli can take, and hands it no more than that.
 * Leaves: meaning to rad_attr.
 */
#include "rad_dict.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>
#include <radcli/radcli.h>

static const char text[] =
#define RAD_X(number, NAME, name, type) "ATTRIBUTE " name " " #number " " #type "\n"
    RAD_ATTR_MAP(RAD_X)
    "VENDOR Microsoft 311\nBEGIN-VENDOR Microsoft\n"
    RAD_MS_MAP(RAD_X)
    "END-VENDOR Microsoft\n"
    "VENDOR WISPr 14122\nBEGIN-VENDOR WISPr\n"
    RAD_WISPR_MAP(RAD_X)
    "END-VENDOR WISPr\n"
    "VENDOR Mikrotik 14988\nBEGIN-VENDOR Mikrotik\n"
    RAD_MIKROTIK_MAP(RAD_X)
    "END-VENDOR Mikrotik\n"
#undef RAD_X
#define RAD_X(attribute, NAME, name, number) "VALUE " attribute " " name " " #number "\n"
    RAD_VALUE_MAP(RAD_X)
#undef RAD_X
    ;

#define RAD_X(number, NAME, name, type) _Static_assert(sizeof(name) <= NAME_LENGTH + 1, name);
RAD_ATTR_MAP(RAD_X)
RAD_MS_MAP(RAD_X)
RAD_WISPR_MAP(RAD_X)
RAD_MIKROTIK_MAP(RAD_X)
#undef RAD_X

static rc_handle *dict;
static uint32_t holders;

int32_t rad_dict_hold(void)
{
    if (!dict) {
        dict = rc_new();
        if (!dict || rc_read_dictionary_from_buffer(dict, text, sizeof text - 1) != 0) {
            if (dict)
                rc_destroy(dict);
            dict = NULL;
            return ADIT_ENOMEM;
        }
    }
    holders++;
    return 0;
}

void rad_dict_drop(void)
{
    if (--holders)
        return;
    rc_destroy(dict);
    dict = NULL;
}

/* The library knows an attribute by one number, vendor and type together. */
static DICT_ATTR *find(uint32_t vendor, uint32_t type)
{
#ifdef VATTRID_SET
    return dict ? rc_dict_getattr(dict, VATTRID_SET(type, vendor)) : NULL;
#else
    return dict && vendor < 0x8000 ? rc_dict_getattr(dict, (int)(vendor << 16 | type)) : NULL;
#endif
}

bool rad_dict_known(uint32_t vendor, uint32_t type)
{
    return find(vendor, type) != NULL;
}

const char *rad_dict_name(uint32_t vendor, uint32_t type, char out[RAD_NAME_TEXT])
{
    const DICT_ATTR *d = find(vendor, type);
    if (d)
        snprintf(out, RAD_NAME_TEXT, "%s", d->name);
    else if (vendor)
        snprintf(out, RAD_NAME_TEXT, "26.%u.%u", vendor, type);
    else
        snprintf(out, RAD_NAME_TEXT, "%u", type);
    return out;
}

/* ---- text ------------------------------------------------------------------------- */

static bool tagged(uint32_t vendor, uint32_t type)
{
    return !vendor && ((type >= RAD_TUNNEL_TYPE && type <= RAD_TUNNEL_SERVER_ENDPOINT) ||
                       (type >= RAD_TUNNEL_PRIVATE_GROUP_ID && type <= RAD_TUNNEL_PREFERENCE) ||
                       type == RAD_TUNNEL_CLIENT_AUTH_ID || type == RAD_TUNNEL_SERVER_AUTH_ID);
}

/* Passwords, keys, and what computes them. */
static bool secret(uint32_t vendor, uint32_t type)
{
    if (vendor == RAD_VENDOR_MICROSOFT)
        switch (type) {
        case RAD_MS_CHAP_RESPONSE: case RAD_MS_CHAP2_RESPONSE: case RAD_MS_CHAP_CPW_1:
        case RAD_MS_CHAP_CPW_2: case RAD_MS_CHAP2_CPW: case RAD_MS_CHAP_LM_ENC_PW:
        case RAD_MS_CHAP_NT_ENC_PW: case RAD_MS_CHAP_MPPE_KEYS: case RAD_MS_MPPE_SEND_KEY:
        case RAD_MS_MPPE_RECV_KEY: case RAD_MS_OLD_ARAP_PASSWORD: case RAD_MS_NEW_ARAP_PASSWORD:
            return true;
        default:
            return false;
        }
    return !vendor && (type == RAD_USER_PASSWORD || type == RAD_CHAP_PASSWORD ||
                       type == RAD_TUNNEL_PASSWORD || type == RAD_ARAP_PASSWORD);
}

static bool printable(const uint8_t *p, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++)
        if (p[i] < 0x20 || p[i] > 0x7e || p[i] == '"')
            return false;
    return true;
}

static void hex(const uint8_t *p, uint32_t len, char *out, size_t size)
{
    size_t n = (size_t)snprintf(out, size, "0x");
    for (uint32_t i = 0; i < len && n + 3 <= size; i++)
        n += (size_t)snprintf(out + n, size - n, "%02x", p[i]);
}

/* By the library, from a pair that it makes of a value of the right size. */
static bool by_library(const DICT_ATTR *d, uint32_t vendor, uint32_t type, const uint8_t *p,
                       uint32_t len, char *out, size_t size)
{
    char name[NAME_LENGTH + 1];
    struct rd r = rd_of(p, len);
    uint32_t number = 0;
    const void *value = p;
    int octets = (int)len;

    switch (d->type) {
    case PW_TYPE_STRING:
        if (!len || len > AUTH_STRING_LEN || !printable(p, len))
            return false;
        break;
    case PW_TYPE_INTEGER:
    case PW_TYPE_IPADDR:
        number = rd_u32(&r);
        if (!rd_done(&r))
            return false;
        value = &number;
        octets = 4;
        break;
    case PW_TYPE_IPV6ADDR:
        if (len != 16)
            return false;
        break;
    case PW_TYPE_IPV6PREFIX:
        if (len < 2 || len > 18 || p[1] > 128)
            return false;
        break;
    default:
        return false;
    }
    VALUE_PAIR *pair = rc_avpair_new(dict, (int)type, value, octets, (int)vendor);
    bool ok = pair && rc_avpair_tostr(dict, pair, name, sizeof name, out, (int)size) == 0;
    rc_avpair_free(pair);
    return ok;
}

const char *rad_dict_text(const struct rad_attr *a, char *out, size_t size)
{
    char name[RAD_NAME_TEXT], value[RAD_PAIR_TEXT - RAD_NAME_TEXT];
    const DICT_ATTR *d = find(a->vendor, a->type);
    uint8_t whole[4];
    const uint8_t *p = a->p;
    uint32_t len = a->len;

    rad_dict_name(a->vendor, a->type, name);
    if (a->bad) {
        snprintf(out, size, "%s: malformed", name);
        return out;
    }
    if (secret(a->vendor, a->type)) {
        snprintf(out, size, "%s = (not shown)", name);
        return out;
    }
    if (d && len && tagged(a->vendor, a->type) && p[0] <= 0x1f) {
        size_t n = strlen(name);
        if (p[0])
            snprintf(name + n, sizeof name - n, ":%u", p[0]);
        if (d->type == PW_TYPE_INTEGER && len == 4) {
            memcpy(whole, p, 4);
            whole[0] = 0;
            p = whole;
        } else if (d->type == PW_TYPE_STRING) {
            p++;
            len--;
        }
    }
    struct rd r = rd_of(p, len);
    time_t when = (time_t)rd_u32(&r);
    struct tm tm;
    if (d && d->type == PW_TYPE_DATE && rd_done(&r) && gmtime_r(&when, &tm))
        strftime(value, sizeof value, "%Y-%m-%dT%H:%M:%SZ", &tm);
    else if (!d || !by_library(d, a->vendor, a->type, p, len, value, sizeof value))
        hex(p, len, value, sizeof value);
    snprintf(out, size, "%s = %s", name, value);
    return out;
}

/* ---- from text ------------------------------------------------------------------------ */

/* The library looks a value's name up whatever the attribute: PPTP of one may not
 * be that of another. */
static bool named_value(const DICT_ATTR *d, const char *name, uint32_t *v)
{
    for (const DICT_VALUE *x = rc_dict_findval(dict, name); x; x = x->next)
        if (strcasecmp(x->name, name) == 0 && strcasecmp(x->attrname, d->name) == 0) {
            *v = (uint32_t)x->value;
            return true;
        }
    return false;
}

static bool number(const char *s, uint64_t max, uint64_t *v)
{
    char *end;
    if (!isdigit((unsigned char)*s))
        return false;
    errno = 0;
    unsigned long long n = strtoull(s, &end, 0);
    *v = n;
    return !*end && !errno && n <= max;
}

static bool unhex(const char *s, struct rad_pair *out)
{
    size_t n = strlen(s);
    if (n < 2 || n % 2 || n / 2 > sizeof out->value)
        return false;
    for (size_t i = 0; i < n; i += 2) {
        unsigned v;
        if (!isxdigit((unsigned char)s[i]) || !isxdigit((unsigned char)s[i + 1]) ||
            sscanf(s + i, "%2x", &v) != 1)
            return false;
        out->value[out->len++] = (uint8_t)v;
    }
    return true;
}

/* Whether the library's parser may have it: it asks nobody and finds no fault. */
static const char *unfit(const DICT_ATTR *d, char *value)
{
    uint8_t ip[16];
    uint64_t bits;
    char *slash;
    switch (d->type) {
    case PW_TYPE_STRING:
        if (!*value || strlen(value) > sizeof ((struct rad_pair *)0)->value || strpbrk(value, "\"\r\n"))
            return "text of 1 to 253 octets, without quotes in it, or octets as 0x...";
        return NULL;
    case PW_TYPE_IPADDR:
        return inet_pton(AF_INET, value, ip) == 1 ? NULL : "an IPv4 address";
    case PW_TYPE_IPV6ADDR:
        return inet_pton(AF_INET6, value, ip) == 1 ? NULL : "an IPv6 address";
    case PW_TYPE_IPV6PREFIX:
        slash = strchr(value, '/');
        if (!slash)
            return "an IPv6 network, 2001:db8::/64";
        *slash = '\0';
        bool ok = inet_pton(AF_INET6, value, ip) == 1 && number(slash + 1, 128, &bits);
        *slash = '/';
        return ok ? NULL : "an IPv6 network, 2001:db8::/64";
    default:
        return "a value of another kind";
    }
}

static bool parse_by_library(const DICT_ATTR *d, const char *value, struct rad_pair *out)
{
    char line[NAME_LENGTH + sizeof out->value + 8];
    VALUE_PAIR *pair = NULL;
    char *raw;
    unsigned n;
    uint32_t v;

    snprintf(line, sizeof line, "%s=\"%s\"", d->name, value);
    if (rc_avpair_parse(dict, line, &pair) != 0 || !pair)
        return false;
    bool ok = false;
    if (rc_avpair_get_uint32(pair, &v) == 0) {
        struct wr w = wr_of(out->value, 4);
        wr_u32(&w, v);
        out->len = 4;
        ok = true;
    } else if (rc_avpair_get_raw(pair, &raw, &n) == 0 && n <= sizeof out->value) {
        memcpy(out->value, raw, n);
        out->len = n;
        ok = true;
    }
    rc_avpair_free(pair);
    return ok;
}

bool rad_dict_parse(const char *line, struct rad_pair *out, char *why, size_t why_size)
{
    char name[NAME_LENGTH + 1], value[512];
    const char *eq = strchr(line, '=');
    size_t n = eq ? (size_t)(eq - line) : 0;
    const char *wanted = NULL;

    out->len = 0;
    while (n && isspace((unsigned char)line[n - 1]))
        n--;
    if (!eq || !n || n >= sizeof name) {
        snprintf(why, why_size, "'%s': write Attribute=value", line);
        return false;
    }
    memcpy(name, line, n);
    name[n] = '\0';
    for (eq++; isspace((unsigned char)*eq); eq++)
        ;
    n = strlen(eq);
    while (n && isspace((unsigned char)eq[n - 1]))
        n--;
    if (n >= 2 && eq[0] == '"' && eq[n - 1] == '"') {
        eq++;
        n -= 2;
    }
    const DICT_ATTR *d = rc_dict_findattr(dict, name);
    if (!d || n >= sizeof value) {
        snprintf(why, why_size, d ? "'%s': the value is too long" :
                 "'%s': the dictionary knows no such attribute", name);
        return false;
    }
    memcpy(value, eq, n);
    value[n] = '\0';
    out->vendor = (uint32_t)VENDOR(d->value);
    out->type = (uint32_t)ATTRID(d->value);

    uint64_t v = 0;
    uint32_t of_name = 0;
    if (d->type == PW_TYPE_INTEGER || d->type == PW_TYPE_DATE) {
        uint64_t max = tagged(out->vendor, out->type) ? 0xffffff : 0xffffffff;
        if (number(value, max, &v) || (named_value(d, value, &of_name) && (v = of_name) <= max)) {
            struct wr w = wr_of(out->value, 4);
            wr_u32(&w, (uint32_t)v);
            out->len = 4;
            return true;
        }
        wanted = "a number, or the name of one of its values";
    } else if (d->type == PW_TYPE_STRING && strncmp(value, "0x", 2) == 0) {
        if (unhex(value + 2, out))
            return true;
        wanted = "octets as 0x..., two digits each, at most 253";
    } else {
        wanted = unfit(d, value);
        if (!wanted && parse_by_library(d, value, out)) {
            if (d->type == PW_TYPE_STRING && tagged(out->vendor, out->type) &&
                out->len < sizeof out->value) {
                memmove(out->value + 1, out->value, out->len++);
                out->value[0] = 0;      /* no tag */
            }
            return true;
        }
    }
    snprintf(why, why_size, "%s: '%s' is not %s", d->name, value, wanted ? wanted : "a value that it can have");
    return false;
}

void rad_put_pair(struct rad_out *o, const struct rad_pair *p)
{
    if (p->vendor)
        rad_put_vendor(o, p->vendor, p->type, p->value, p->len);
    else
        rad_put(o, p->type, p->value, p->len);
}
