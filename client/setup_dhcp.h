/* setup_dhcp.h - the part of `adit setup` about addresses from a DHCP server.
 *
 *     if (setup_lan(given, not_these, name)) return 1;
 *     answers = setup_dhcp_answers(name, &server);
 */
#ifndef SETUP_DHCP_H
#define SETUP_DHCP_H

#include <adit/abi.h>
#include <net/if.h>
#include <stdbool.h>

/* The LAN interface: the given one, or the only one that is surely a LAN, or that of
 * them which has the default route. `not_these` ends with NULL. 1 after a sentence. */
int setup_lan(const char *given, const char *const *not_these, bool quiet, char out[IF_NAMESIZE]);

/* Whether a DHCP server answers there the way the pool will ask: a DHCPDISCOVER, whose
 * offer is not taken. 1: yes; 0: nobody does; -1: it could not be asked, `why` says. */
int setup_dhcp_answers(const char *interface, struct adit_addr *server, char *why, size_t size);

#endif
