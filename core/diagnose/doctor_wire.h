/* doctor_wire.h - the few bytes that the doctor says and hears itself.
 *
 *     struct rd udp;
 *     if (doctor_wire_ip4(p, len, 17, &ip, &udp)) ...      // what is in an IPv4 packet
 *
 * Knows:  IPv4 (RFC 791), an echo (RFC 792), one question of DNS (RFC 1035).
 * Leaves: sockets. What is heard comes from anybody.
 */
#ifndef DOCTOR_WIRE_H
#define DOCTOR_WIRE_H

#include <adit/abi.h>
#include <adit/bytes.h>

struct doctor_ip4 { uint8_t from[4], to[4]; };
/* A whole packet of that protocol: who it is of and for, what it carries. */
bool doctor_wire_ip4(const uint8_t *p, size_t len, uint8_t proto, struct doctor_ip4 *ip, struct rd *inner);

#define DOCTOR_PING 40u         /* bytes of a ping with its IPv4 header */
void doctor_wire_ping(const struct adit_addr *from, const struct adit_addr *to, uint16_t id, uint8_t out[DOCTOR_PING]);
/* The answer of `from` to `to` to a ping of that number. */
bool doctor_wire_pong(const uint8_t *p, size_t len, const struct adit_addr *from, const struct adit_addr *to,
                      uint16_t id);

#define DOCTOR_DNS 17u          /* bytes of the question: the name servers of the root */
void doctor_wire_dns(uint16_t id, uint8_t out[DOCTOR_DNS]);
/* An answer to a question of that number, whatever it says. */
bool doctor_wire_dns_answer(const uint8_t *p, size_t len, uint16_t id, uint32_t *rcode);

#endif
