/* ppp_show.h - control packets of PPP in one line, for people.
 *
 *     ppp_show(PPP_LCP, data, len, text, sizeof text);
 *       -> "Configure-Request id=1 mru=1400 magic=0x5c2b1a09 pfc acfc"
 *
 * Option names and kinds of values come from the tables of the protocols. Passwords,
 * responses, challenges and certificates are counted, never shown.
 */
#ifndef PPP_SHOW_H
#define PPP_SHOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

const char *ppp_show_protocol(uint16_t proto);      /* "LCP"; "PPP": none that we know */
/* A packet as it stands behind the protocol field. Always terminated, printable,
 * and cut when it does not fit; what is malformed ends with "(malformed)". */
void ppp_show(uint16_t proto, const uint8_t *data, size_t len, char *out, size_t size);
/* A keepalive: Echo-Request, Echo-Reply, Discard-Request. */
bool ppp_show_routine(uint16_t proto, const uint8_t *data, size_t len);

#endif
