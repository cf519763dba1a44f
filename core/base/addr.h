/* addr.h - addresses: text, comparison, networks. */
#ifndef ADDR_H
#define ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <adit/abi.h>

#define ADDR_TEXT 64            /* bytes that any address needs as text */

/* "10.0.0.1", "10.0.0.1:1723", "[2001:db8::1]:1701", "10.0.0.0/8", "none". */
const char *addr_text(const struct adit_addr *a, char out[ADDR_TEXT]);
const char *addr_text_host(const struct adit_addr *a, char out[ADDR_TEXT]);    /* without port and prefix */
int addr_parse(const char *text, struct adit_addr *out);   /* all forms above; 0 or ADIT_EINVAL */
struct adit_addr addr_ipv4(uint32_t host_order);
uint32_t addr_u32(const struct adit_addr *a);               /* IPv4, host byte order */
bool addr_equal(const struct adit_addr *a, const struct adit_addr *b);
bool addr_in(const struct adit_addr *host, const struct adit_addr *net);
uint32_t addr_hash(const struct adit_addr *a, uint64_t seed);

struct sockaddr;
uint32_t addr_to_sa(const struct adit_addr *a, struct sockaddr *sa /* sockaddr_storage */);
void addr_of_sa(const struct sockaddr *sa, struct adit_addr *out);

#endif
