/* esp_lanes.h - eight messages at once: SHA-1, SHA-256 and AES-CBC in the lanes of vector
 * registers, for vectors of packets under one key.
 *
 *     lanes_digest *sha256 = esp_lanes_sha256();
 *     if (sha256)
 *         sha256(&state, p, step, blocks);
 *
 * Each lane goes its own way through memory: p[i] advances by step[i] after a block
 * (0: a lane that only keeps company). NULL: this processor has not what it takes, or
 * has something that is as fast for one message.
 */
#ifndef ESP_LANES_H
#define ESP_LANES_H

#include <stddef.h>
#include <stdint.h>

#define LANES 8u

/* A digest's words, one row of lanes each; `words` of them are used. */
struct lanes_state {
    _Alignas(32) uint32_t w[8][LANES];
};

/* Whole blocks of 64 bytes into the states; p is moved on. */
typedef void lanes_digest(struct lanes_state *s, const uint8_t *p[LANES],
                          const size_t step[LANES], size_t blocks);

struct lanes_aes {
    _Alignas(16) uint8_t round[15][16];
    uint32_t rounds;
};

/* Encrypts blocks of 16 bytes in place; chain is the ciphertext of the block
 * before, of each lane. */
typedef void lanes_cbc(const struct lanes_aes *k, uint8_t *p[LANES], const size_t step[LANES],
                       uint8_t chain[LANES][16], size_t blocks);

lanes_digest *esp_lanes_sha1(void);
lanes_digest *esp_lanes_sha256(void);
lanes_cbc *esp_lanes_cbc(void);
/* The round keys of a key of 128, 192 or 256 bits (FIPS 197 section 5.2); only
 * where esp_lanes_cbc() is not NULL. */
void esp_lanes_aes(struct lanes_aes *k, const uint8_t *key, uint32_t bits);

#endif
