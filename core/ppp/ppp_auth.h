/* ppp_auth.h - the authentication protocols of one link, both roles.
 *
 *     struct ppp_auth *a = ppp_auth_new(&cfg, &ops, me);
 *     ppp_auth_demand(a, ADIT_AUTH_MSCHAPV2);   // LCP agreed: we authenticate the peer so
 *     ppp_auth_obey(a, ADIT_AUTH_CHAP);         // LCP agreed: the peer authenticates us so
 *     ppp_auth_rx(a, PPP_CHAP, data, len);
 *
 * Knows:  PAP, CHAP, MS-CHAP, EAP packets and their order; retries.
 * Leaves: LCP, bearers, who judges a response.
 *
 * ppp_lcp negotiates; this half runs what was agreed. It is driven by ppp.c.
 */
#ifndef PPP_AUTH_H
#define PPP_AUTH_H

#include <stdbool.h>
#include <adit/auth.h>
#include "ppp/ppp.h"

struct ppp_auth;

struct ppp_auth_ops {
    uint64_t (*now)(void *u);
    void (*random)(void *u, void *out, uint32_t len);
    void (*timer)(void *u, uint64_t ms);            /* UINT64_MAX: stop */
    /* A packet (code, identifier, length ...) of PPP_PAP, PPP_CHAP or PPP_EAP. */
    void (*tx)(void *u, uint16_t proto, const uint8_t *data, size_t len);
    void (*query)(void *u, const struct adit_auth_query *q);
    /* The peer is who it claims: `user`, and the keys for MPPE (the pointers in
     * `keys` are NULL: who gave the answer has them). Once, and once more after
     * ppp_auth_again(). */
    void (*peer_ok)(void *u, const char *user, uint32_t method, const struct adit_auth_answer *keys);
    /* The peer accepted us. Once. */
    void (*our_ok)(void *u, uint32_t method, const struct adit_auth_answer *keys);
    /* The end: ADIT_CAUSE_* and a text; nothing after it. */
    void (*failed)(void *u, uint32_t cause, const char *text);
};

/* The whole runs under cfg->auth_timeout_ms, each direction; a person who was
 * asked for another password (MS-CHAP retry, change) gets that time again. */
struct ppp_auth *ppp_auth_new(const struct ppp_cfg *cfg, const struct ppp_auth_ops *ops, void *u);
void ppp_auth_free(struct ppp_auth *a);
/* `methods` one bit for PAP and CHAP kinds; for EAP all EAP bits that may be offered. */
void ppp_auth_demand(struct ppp_auth *a, uint32_t methods);
void ppp_auth_obey(struct ppp_auth *a, uint32_t methods);
/* False: the packet was of no use (malformed, unexpected, a stranger's): count it. */
bool ppp_auth_rx(struct ppp_auth *a, uint16_t proto, const uint8_t *data, size_t len);
/* The peer is challenged once more, while the network is up (RFC 1994 section 2):
 * query() and what follows come again. False: the protocol that it used has no
 * such thing, or it is not authenticated yet. */
bool ppp_auth_again(struct ppp_auth *a);
/* The answer to the open query, borrowed; with none open: ignored. */
void ppp_auth_answer_take(struct ppp_auth *a, const struct adit_auth_answer *answer);
void ppp_auth_tick(struct ppp_auth *a);
/* The largest packet that the peer takes (its MRU); EAP-TLS fragments to it. */
void ppp_auth_mtu(struct ppp_auth *a, uint16_t mtu);
/* A packet of CCP or of a network protocol came while we wait for the last word
 * of the peer: to it we are authenticated, and the EAP Success was lost (RFC 3748
 * section 4.2). Harmless at any other time. */
void ppp_auth_network(struct ppp_auth *a);
/* Why the last attempt was refused, ADIT_CAUSE_*; NONE: none was. When the peer
 * hangs up instead of trying again, this is why. */
uint32_t ppp_auth_refused(const struct ppp_auth *a);
/* The server took cfg->new_password in place of cfg->password. */
bool ppp_auth_changed(const struct ppp_auth *a);
/* Whom the peer claims to be in its own challenges; "" unknown. */
const char *ppp_auth_peer_name(const struct ppp_auth *a);

#endif
