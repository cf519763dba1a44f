/* ike_io.h - an instance of IPsec: what its declaration names.
 *
 * Knows:  the options, the tables of life, events and the security face.
 */
#ifndef IKE_IO_H
#define IKE_IO_H

#include "ike.h"

#include <adit/plugin.h>

#define IPSEC_ENCAP_NAT    0u
#define IPSEC_ENCAP_ALWAYS 1u

struct ipsec_conf {
    struct adit_array listen;           /* struct adit_addr, without ports */
    struct ike_auth_conf auth;
    struct adit_array proposals, esp;   /* const char * */
    uint64_t ike_life_ms, esp_life_ms, esp_life_bytes;
    uint32_t rekey_margin_pct;
    uint32_t pfs;
    uint64_t dpd_ms;
    uint64_t rto_ms, rto_max_ms;
    uint32_t tries;
    uint64_t setup_ms;
    uint64_t keepalive_ms;
    uint64_t grace_ms;
    uint32_t window;
    uint32_t max_half_open, max_half_open_per_address, starts_per_s_per_address, max_sas;
    uint32_t mtu;
    uint32_t encap;             /* IPSEC_ENCAP_* */
    uint32_t initiator_only;
    uint32_t export_keys;
};

extern const struct adit_life ipsec_life;
extern const struct adit_security ipsec_vtable;
extern const struct adit_event *const ipsec_events[];

#endif
