/* fuzz_inform.c - a datagram for a DHCP server from inside a tunnel: answered well,
 * or not at all.
 *
 * The first two bytes choose the facts and the room for the answer.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "session/inform.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(bool yes)
{
    if (!yes)
        abort();
}

static uint16_t sum_of(const uint8_t *p, size_t n, uint32_t sum)
{
    for (size_t i = 0; i < n; i++)
        sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

/* An answer is a whole datagram for the client, with options that end. */
static void check(const struct inform_facts *f, const uint8_t *p, size_t n)
{
    bool type = false, ended = false;
    must(n >= 20 + 8 + 240 && n <= INFORM_MAX && p[0] == 0x45 && ((size_t)p[2] << 8 | p[3]) == n);
    must(((size_t)p[24] << 8 | p[25]) == n - 20);
    must(sum_of(p, 20, 0) == 0xffff);
    must(sum_of(p + 20, n - 20, sum_of(p + 12, 8, 17 + (uint32_t)(n - 20))) == 0xffff);
    must(!memcmp(p + 12, f->server.ip, 4) && !memcmp(p + 16, f->client.ip, 4));
    must(p[20] == 0 && p[21] == 67 && p[22] == 0 && p[23] == 68 && p[28] == 2);
    for (size_t i = 20 + 8 + 240; i < n && !ended;) {
        uint8_t code = p[i++];
        ended = code == 255;
        if (!code || ended)
            continue;
        must(i < n && i + 1 + p[i] <= n);
        type = type || (code == 53 && p[i] == 1 && p[i + 1] == 5);
        i += 1u + p[i];
    }
    must(type && ended);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct adit_addr client = { .family = ADIT_AF_IPV4, .ip = { 10, 9, 0, 2 } };
    static const struct adit_addr dns = { .family = ADIT_AF_IPV4, .ip = { 10, 9, 0, 53 } };
    struct adit_addr routes[64];
    char domain[301];
    if (len < 2 || len > 2000)
        return 0;
    struct inform_facts f = { .client = client, .server = { .family = ADIT_AF_IPV4, .ip = { 10, 9, 0, 1 } },
                              .routes = routes, .route_count = data[0] & 0x3f };
    for (uint32_t i = 0; i < f.route_count; i++)
        routes[i] = (struct adit_addr){ .family = i % 7 ? ADIT_AF_IPV4 : ADIT_AF_IPV6,
                                        .prefix = (uint8_t)(i * 5), .ip = { 172, (uint8_t)i, 3, 4 } };
    if (data[0] & 0x40)
        f.dns[0] = f.dns[1] = f.wins[1] = dns;
    if (data[0] & 0x80) {       /* longer than an option, sometimes */
        memset(domain, 'd', sizeof domain);
        domain[data[1] + 40] = '\0';
        f.domain = domain;
    }
    size_t size = data[1] & 1 ? INFORM_MAX : (size_t)data[1] * 4;
    uint8_t *out = malloc(size ? size : 1);
    (void)inform_is(data + 2, (uint32_t)len - 2);
    size_t n = inform_answer(data + 2, len - 2, &f, out, size);
    must(n <= size);
    if (n)
        check(&f, out, n);
    free(out);
    return 0;
}
