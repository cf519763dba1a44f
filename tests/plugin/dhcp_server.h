/* dhcp_server.h - what a server would write, for tests: bytes by hand, not by the code
 * that is tested.
 *
 *     uint8_t b[DHCP_ANSWER];
 *     size_t n = answer_begin(b, DHCP_OFFER, xid, giaddr, chaddr, address);
 *     n = answer_option(b, n, 51, "\0\0\x0e\x10", 4);
 *     n = answer_end(b, n);
 */
#ifndef DHCP_SERVER_H
#define DHCP_SERVER_H

#include "../../plugins/pool-dhcp/dhcp_msg.h"

#define DHCP_ANSWER 1500

static inline void answer_u32(uint8_t *at, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(v >> (24 - 8 * i));
}

static inline size_t answer_option(uint8_t *b, size_t n, uint8_t code, const void *p, uint8_t len)
{
    b[n++] = code;
    b[n++] = len;
    memcpy(b + n, p, len);
    return n + len;
}

static inline size_t answer_option32(uint8_t *b, size_t n, uint8_t code, uint32_t v)
{
    uint8_t four[4];
    answer_u32(four, v);
    return answer_option(b, n, code, four, 4);
}

static inline size_t answer_begin(uint8_t *b, uint8_t type, uint32_t xid, uint32_t giaddr,
                                  const uint8_t chaddr[6], uint32_t address)
{
    memset(b, 0, DHCP_ANSWER);
    b[0] = 2;
    b[1] = 1;
    b[2] = 6;
    b[3] = 1;
    answer_u32(b + 4, xid);
    answer_u32(b + 16, address);
    answer_u32(b + 24, giaddr);
    memcpy(b + 28, chaddr, 6);
    answer_u32(b + 236, 0x63825363);
    return answer_option(b, 240, 53, &type, 1);
}

static inline size_t answer_end(uint8_t *b, size_t n)
{
    b[n++] = 255;
    return n < 300 ? 300 : n;
}

/* An option of a request, or NULL. */
static inline const uint8_t *asked_option(const uint8_t *b, size_t len, uint8_t code, uint8_t *size)
{
    for (size_t n = 240; n + 1 < len && b[n] != 255;) {
        if (b[n] == 0) {
            n++;
            continue;
        }
        if (b[n] == code && n + 2 + b[n + 1] <= len) {
            if (size)
                *size = b[n + 1];
            return b + n + 2;
        }
        n += 2u + b[n + 1];
    }
    return NULL;
}

static inline uint32_t asked_u32(const uint8_t *at)
{
    return at ? (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3] : 0;
}

#endif
