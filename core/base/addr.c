/* addr.c - addresses: text, comparison, networks.
 *
 * Knows:  struct adit_addr, its text forms, the kernel's sockaddr.
 * Leaves: name resolution (nothing here asks a server), interfaces beyond their names.
 */
#include "base/addr.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <adit/list.h>

static uint8_t addr_bits(uint8_t family)
{
    return family == ADIT_AF_IPV4 ? 32 : family == ADIT_AF_IPV6 ? 128 : 0;
}

/* ---- to text ------------------------------------------------------------------ */

const char *addr_text_host(const struct adit_addr *a, char out[ADDR_TEXT])
{
    out[0] = '\0';
    if (a->family == ADIT_AF_IPV4) {
        inet_ntop(AF_INET, a->ip, out, ADDR_TEXT);
    } else if (a->family == ADIT_AF_IPV6) {
        inet_ntop(AF_INET6, a->ip, out, ADDR_TEXT);
        if (a->zone) {
            char name[IF_NAMESIZE];
            size_t at = strlen(out);
            if (if_indextoname(a->zone, name))
                snprintf(out + at, ADDR_TEXT - at, "%%%s", name);
            else
                snprintf(out + at, ADDR_TEXT - at, "%%%u", a->zone);
        }
    } else {
        memcpy(out, "none", 5);
    }
    return out;
}

/* A host whose maker left the prefix at zero still reads as a host: only the
 * all-zero address can be a network of zero bits. */
static bool addr_is_network(const struct adit_addr *a)
{
    static const uint8_t zero[16];
    if (a->prefix >= addr_bits(a->family))
        return false;
    return a->prefix || memcmp(a->ip, zero, adit_addr_len(a->family)) == 0;
}

const char *addr_text(const struct adit_addr *a, char out[ADDR_TEXT])
{
    char host[ADDR_TEXT];
    if (a->family != ADIT_AF_IPV4 && a->family != ADIT_AF_IPV6) {
        if (a->port)
            snprintf(out, ADDR_TEXT, "*:%u", a->port);
        else
            memcpy(out, "none", 5);
        return out;
    }
    addr_text_host(a, host);
    if (a->port)
        snprintf(out, ADDR_TEXT, a->family == ADIT_AF_IPV6 ? "[%.54s]:%u" : "%.54s:%u",
                 host, a->port);
    else if (addr_is_network(a))
        snprintf(out, ADDR_TEXT, "%.58s/%u", host, a->prefix);
    else
        memcpy(out, host, strlen(host) + 1);
    return out;
}

/* ---- from text ------------------------------------------------------------------ */

/* A decimal number without sign, blanks or leading zeros; false when it is
 * none or is above `max`. */
static bool addr_number(const char *s, uint32_t max, uint32_t *out)
{
    uint32_t n = 0;
    if (!*s || (s[0] == '0' && s[1]))
        return false;
    for (; *s; s++) {
        if (*s < '0' || *s > '9')
            return false;
        n = n * 10 + (uint32_t)(*s - '0');
        if (n > max)
            return false;
    }
    *out = n;
    return true;
}

static bool addr_host(char *s, struct adit_addr *a)
{
    if (inet_pton(AF_INET, s, a->ip) == 1) {
        a->family = ADIT_AF_IPV4;
        a->prefix = 32;
        return true;
    }
    char *zone = strchr(s, '%');
    if (zone)
        *zone++ = '\0';
    if (inet_pton(AF_INET6, s, a->ip) != 1)
        return false;
    a->family = ADIT_AF_IPV6;
    a->prefix = 128;
    if (zone) {
        uint32_t index;
        if (addr_number(zone, 0x7fffffff, &index))
            a->zone = index;
        else
            a->zone = if_nametoindex(zone);
        return a->zone != 0;
    }
    return true;
}

int addr_parse(const char *text, struct adit_addr *out)
{
    struct adit_addr a = { 0 };
    char s[ADDR_TEXT + 16];
    char *port = NULL, *prefix, *host = s;
    uint32_t n;

    memset(out, 0, sizeof *out);
    if (!text || strlen(text) >= sizeof s)
        return ADIT_EINVAL;
    memcpy(s, text, strlen(text) + 1);

    if (!strcmp(s, "none") || !strcmp(s, "any") || !strcmp(s, "*"))
        return 0;
    if (!strncmp(s, "*:", 2)) {
        if (!addr_number(s + 2, 65535, &n))
            return ADIT_EINVAL;
        out->port = (uint16_t)n;
        return 0;
    }
    if (s[0] == '[') {                          /* [v6] or [v6]:port */
        char *close = strchr(s, ']');
        if (!close || (close[1] && close[1] != ':'))
            return ADIT_EINVAL;
        port = close[1] ? close + 2 : NULL;
        *close = '\0';
        host = s + 1;
        if (!addr_host(host, &a) || a.family != ADIT_AF_IPV6)
            return ADIT_EINVAL;
    } else if ((prefix = strchr(s, '/')) != NULL) {
        *prefix++ = '\0';
        if (!addr_host(host, &a) || !addr_number(prefix, addr_bits(a.family), &n))
            return ADIT_EINVAL;
        a.prefix = (uint8_t)n;
    } else {
        char *colon = strchr(s, ':');
        if (colon && !strchr(colon + 1, ':')) { /* one colon: v4:port */
            *colon = '\0';
            port = colon + 1;
        }
        if (!addr_host(host, &a) || (port && a.family != ADIT_AF_IPV4))
            return ADIT_EINVAL;
    }
    if (port) {
        if (!addr_number(port, 65535, &n))
            return ADIT_EINVAL;
        a.port = (uint16_t)n;
    }
    *out = a;
    return 0;
}

struct adit_addr addr_ipv4(uint32_t host_order)
{
    struct adit_addr a = { .family = ADIT_AF_IPV4, .prefix = 32 };
    a.ip[0] = (uint8_t)(host_order >> 24);
    a.ip[1] = (uint8_t)(host_order >> 16);
    a.ip[2] = (uint8_t)(host_order >> 8);
    a.ip[3] = (uint8_t)host_order;
    return a;
}

uint32_t addr_u32(const struct adit_addr *a)
{
    return (uint32_t)a->ip[0] << 24 | (uint32_t)a->ip[1] << 16 | (uint32_t)a->ip[2] << 8 |
           a->ip[3];
}

/* ---- comparison -------------------------------------------------------------------- */

bool addr_equal(const struct adit_addr *a, const struct adit_addr *b)
{
    return adit_same_host(a, b) && a->port == b->port && a->prefix == b->prefix;
}

bool addr_in(const struct adit_addr *host, const struct adit_addr *net)
{
    return adit_in_network(net, host);
}

uint32_t addr_hash(const struct adit_addr *a, uint64_t seed)
{
    /* zone stays outside: one peer's packets may carry it or not */
    uint8_t key[3 + 16] = { a->family, (uint8_t)(a->port >> 8), (uint8_t)a->port };
    size_t n = adit_addr_len(a->family);
    memcpy(key + 3, a->ip, n);
    return adit_hash_of(key, 3 + n, seed);
}

/* ---- sockets ---------------------------------------------------------------------- */

uint32_t addr_to_sa(const struct adit_addr *a, struct sockaddr *sa)
{
    if (a->family == ADIT_AF_IPV6) {
        struct sockaddr_in6 s6 = { .sin6_family = AF_INET6, .sin6_port = htons(a->port),
                                   .sin6_scope_id = a->zone };
        memcpy(&s6.sin6_addr, a->ip, 16);
        memcpy(sa, &s6, sizeof s6);
        return sizeof s6;
    }
    /* family none is every IPv4 address */
    struct sockaddr_in s4 = { .sin_family = AF_INET, .sin_port = htons(a->port) };
    memcpy(&s4.sin_addr, a->ip, 4);
    memcpy(sa, &s4, sizeof s4);
    return sizeof s4;
}

void addr_of_sa(const struct sockaddr *sa, struct adit_addr *out)
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    memset(out, 0, sizeof *out);
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in s4;
        memcpy(&s4, sa, sizeof s4);
        out->family = ADIT_AF_IPV4;
        out->prefix = 32;
        out->port = ntohs(s4.sin_port);
        memcpy(out->ip, &s4.sin_addr, 4);
    } else if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 s6;
        memcpy(&s6, sa, sizeof s6);
        out->port = ntohs(s6.sin6_port);
        if (!memcmp(&s6.sin6_addr, mapped, 12)) {       /* ::ffff:a.b.c.d is an IPv4 peer */
            out->family = ADIT_AF_IPV4;
            out->prefix = 32;
            memcpy(out->ip, (const uint8_t *)&s6.sin6_addr + 12, 4);
        } else {
            out->family = ADIT_AF_IPV6;
            out->prefix = 128;
            out->zone = s6.sin6_scope_id;
            memcpy(out->ip, &s6.sin6_addr, 16);
        }
    }
}
