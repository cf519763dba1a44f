/* esp.h - one ESP security association, either direction (RFC 4303; RFC 4106, 3602, 2404,
 * 4868 for the transforms).
 *
 *     esp_out_init(&out, lib, &suite, spi, keymat);
 *     n = esp_seal(&out, 17, v, n);            // frames grew on both sides
 *     esp_in_init(&in, lib, &suite, spi, keymat, 64);
 *     n = esp_open(&in, 17, v, n, &stat);      // v now holds the good ones, in order
 *
 * Knows:  the packet format, ciphers, the anti-replay window, how much was used.
 * Leaves: whose association it is, addresses, clocks.
 */
#ifndef ESP_H
#define ESP_H

#include <adit/frame.h>
#include <openssl/evp.h>
#include <stdbool.h>

/* ESP transform identifiers (RFC 2407 section 4.4.4 and IANA) */
#define ESP_3DES     3u
#define ESP_AES_CBC  12u
#define ESP_AES_GCM_16 20u

/* authentication algorithms (RFC 2407 section 4.5 and IANA); 0 with GCM */
#define ESP_HMAC_MD5     1u
#define ESP_HMAC_SHA1    2u
#define ESP_HMAC_SHA256  5u
#define ESP_HMAC_SHA384  6u
#define ESP_HMAC_SHA512  7u

struct esp_suite {
    uint16_t cipher;            /* ESP_* transform */
    uint16_t key_bits;          /* of the cipher: 128, 192, 256; 192 for 3DES */
    uint16_t auth;              /* ESP_HMAC_*; 0: the cipher authenticates */
    bool trunc96;               /* HMAC-SHA-256 cut to 96 bits (row A11) */
};

/* True when this library offers it. */
bool esp_suite_ok(OSSL_LIB_CTX *lib, const struct esp_suite *s);
/* Bytes of key material of one direction: cipher key (and GCM's salt), then the HMAC key. */
uint32_t esp_keymat_len(const struct esp_suite *s);
/* Most bytes that a datagram grows: header, IV, padding, trailer, ICV. */
uint32_t esp_overhead(const struct esp_suite *s);
/* "aes128gcm16", "aes256-sha256": as the configuration writes it. Static text. */
const char *esp_suite_name(const struct esp_suite *s);

#define ESP_WINDOW_MAX 4096u

struct esp_out {
    uint32_t spi;
    uint32_t seq;               /* last one sent; UINT32_MAX: used up */
    uint64_t bytes, packets;
    struct esp_key *key;
};

struct esp_in {
    uint32_t spi;
    uint32_t top;               /* highest sequence number that was authenticated */
    uint32_t window;            /* a multiple of 64 up to ESP_WINDOW_MAX; 0: no check */
    uint64_t *seen;             /* ring of window bits */
    uint64_t bytes, packets;
    struct esp_key *key;
};

/* What became of packets that are not in the vector any more. */
struct esp_stat {
    uint32_t replayed, bad_icv, malformed, other;   /* other: next header is not the wanted one */
};

/* 0; ADIT_ENOSYS: the library has no such algorithm; ADIT_ENOMEM. `keymat`
 * has esp_keymat_len() bytes and is the caller's to wipe. */
int32_t esp_out_init(struct esp_out *o, OSSL_LIB_CTX *lib, const struct esp_suite *s, uint32_t spi,
                     const uint8_t *keymat);
int32_t esp_in_init(struct esp_in *i, OSSL_LIB_CTX *lib, const struct esp_suite *s, uint32_t spi,
                    const uint8_t *keymat, uint32_t window);
void esp_out_fini(struct esp_out *o);           /* wipes */
void esp_in_fini(struct esp_in *i);

/* DATA PATH: each frame's data becomes one ESP packet around it. Returns how
 * many are left in v, from the front: frames without room, or after the last
 * sequence number, are not sent. */
uint32_t esp_seal(struct esp_out *o, uint8_t next_header, struct adit_frame **v, uint32_t n);
/* DATA PATH: frames are ESP packets (from the SPI on) of this association. What
 * is good is opened in place and moved to the front of v, in order; a zero
 * next_header wanted takes any. Dummy packets (next header 59) are taken out,
 * uncounted. */
uint32_t esp_open(struct esp_in *i, uint8_t next_header, struct adit_frame **v, uint32_t n,
                  struct esp_stat *stat);

#endif
