/* esp_hmac.h - HMAC of many messages under one key (RFC 2104, 2403, 2404, 4868).
 *
 *     esp_hmac_init(&h, ESP_HMAC_SHA256, key);
 *     jobs[i] = (struct esp_mac){ .p = packet, .len = len };
 *     esp_hmac_run(&h, jobs, n);              // jobs[i].mac
 *
 * Knows:  digests and their states after the padded keys.
 * Leaves: how much of a MAC is an ICV to esp.c.
 */
#ifndef ESP_HMAC_H
#define ESP_HMAC_H

#include "esp_lanes.h"

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ESP_MAC_MAX 64u

/* A digest's state, whichever it is: all that OpenSSL's own have fit. */
struct esp_digest {
    _Alignas(16) uint8_t b[256];
};

struct esp_hmac {
    const struct esp_hmac_alg *alg;
    struct esp_digest inner, outer;     /* after the padded key */
    lanes_digest *lanes;                /* NULL: one message after the other */
    uint32_t inner_words[8], outer_words[8];    /* the same states, for it */
};

struct esp_mac {
    const uint8_t *p;
    uint32_t len;
    uint8_t mac[ESP_MAC_MAX];
};

/* True when the library offers the digest. */
bool esp_hmac_ok(OSSL_LIB_CTX *lib, uint16_t auth);
/* Bytes of the key, which are those of the whole MAC (RFC 2403, 2404, 4868); 0:
 * no such algorithm. */
uint32_t esp_hmac_len(uint16_t auth);
void esp_hmac_init(struct esp_hmac *h, uint16_t auth, const uint8_t *key);
/* DATA PATH: at most ADIT_VECTOR messages. */
void esp_hmac_run(const struct esp_hmac *h, struct esp_mac *jobs, uint32_t n);

#endif
