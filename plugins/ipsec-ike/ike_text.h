/* ike_text.h - a message of ISAKMP in lines, for people.
 *
 *     ike_text(&m, line, u);
 *       -> "main mode d41f5b6a0c7e2f10:0000000000000000 SA VID(DPD) VID(16 bytes)"
 *       -> "  proposal 1 ISAKMP: aes256-sha256-modp2048 psk 28800s, 3des-sha1-modp1024 psk"
 *
 * Keys, nonces, hashes, signatures and certificates are counted, never shown.
 */
#ifndef IKE_TEXT_H
#define IKE_TEXT_H

#include "ike_msg.h"

#define IKE_TEXT_LINE 512       /* bytes of a line, with the NUL */

/* A message in clear, or decrypted. At most IKE_PAYLOADS + 1 lines, each printable. */
void ike_text(const struct ike_msg *m, void (*line)(void *u, const char *text), void *u);
/* Whether it only asks or says that the peer lives (RFC 3706). */
bool ike_text_routine(const struct ike_msg *m);

#endif
