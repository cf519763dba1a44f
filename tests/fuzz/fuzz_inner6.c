/* fuzz_inner6.c - a datagram for the router from inside a tunnel: answered well, or
 * not at all.
 *
 * The first two bytes choose the facts and the room for the answer; the checksum is
 * put right, or nothing would get further.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "session/inner6.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(bool yes)
{
    if (!yes)
        abort();
}

static uint16_t sum_of(const uint8_t *p, size_t n)
{
    uint32_t sum = p[6] + (uint32_t)(n - 40);
    for (size_t i = 8; i < n; i++)
        sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static void mend(uint8_t *p, size_t n)
{
    size_t whole = n >= 48 ? 40 + ((size_t)p[4] << 8 | p[5]) : 0;
    size_t at = n >= 48 && p[6] == 17 ? 46 : 42;
    if (whole < 48 || whole > n)
        return;
    p[at] = p[at + 1] = 0;
    uint16_t sum = (uint16_t)~sum_of(p, whole);
    p[at] = (uint8_t)(sum >> 8);
    p[at + 1] = (uint8_t)sum;
}

/* A whole datagram of the link, with a right checksum, options that end where it does. */
static void check(const uint8_t *p, size_t n)
{
    must(n >= 48 && n <= INNER6_MAX && p[0] == 0x60 && ((size_t)p[4] << 8 | p[5]) == n - 40);
    must(p[7] == 255 && p[8] == 0xfe && p[9] == 0x80 && sum_of(p, n) == 0xffff);
    if (p[6] == 17) {
        must(!memcmp(p + 40, "\x02\x23\x02\x22", 4) && ((size_t)p[44] << 8 | p[45]) == n - 40);
        must(p[48] == 2 || p[48] == 7);
        for (size_t i = 52; i < n; i += 4 + ((size_t)p[i + 2] << 8 | p[i + 3]))
            must(i + 4 <= n && i + 4 + ((size_t)p[i + 2] << 8 | p[i + 3]) <= n);
        return;
    }
    must(p[6] == 58 && (p[40] == 134 || p[40] == 136));
    for (size_t i = p[40] == 134 ? 56 : 64; i < n; i += 8u * p[i + 1])
        must(i + 8 <= n && p[i + 1] && i + 8u * p[i + 1] <= n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct adit_addr net = { .family = ADIT_AF_IPV6, .prefix = 64, .ip = { 0x20, 1, 0xd, 0xb8 } };
    char domain[300];
    if (len < 2 || len > 2000)
        return 0;
    struct inner6_facts f = { .our_ifid = 1, .peer_ifid = 2, .mtu = data[0] & 1 ? 1400 : 0,
                              .lifetime_s = data[0] & 2 ? 1800 : 100000, .dns_count = (data[0] >> 2) % 5 };
    if (data[0] & 0x10)
        f.prefix = net;
    if (data[0] & 0x20)
        f.address = net;
    if (data[0] & 0x40)
        f.delegated = net;
    if (data[0] & 0x80) {
        memset(domain, 'd', sizeof domain);
        for (size_t i = data[1] % 70 + 1; i < sizeof domain; i += data[1] % 70 + 1)
            domain[i] = '.';
        domain[data[1] + 40] = '\0';
        f.domain = domain;
    }
    size_t size = data[1] & 1 ? INNER6_MAX : (size_t)data[1] * 4;
    uint8_t *out = malloc(size ? size : 1), *in = malloc(len - 2 ? len - 2 : 1);
    must(out && in);
    memcpy(in, data + 2, len - 2);
    mend(in, len - 2);
    (void)inner6_is(in, (uint32_t)len - 2);
    struct inner6_router r;
    if (inner6_router(in, len - 2, 9, &r))
        must(r.address.family == ADIT_AF_IPV6 && r.dns_count <= INNER6_DNS);
    size_t n = inner6_answer(in, len - 2, &f, out, size);
    must(n <= size);
    if (n)
        check(out, n);
    n = inner6_advertise(&f, out, size);
    must(n <= size);
    if (n)
        check(out, n);
    free(in);
    free(out);
    return 0;
}
