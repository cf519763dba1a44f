/* esp_packets.c - prints packets that esp.c sealed, for tests/golden/esp-scapy.py to open. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp.h"

static void hex(const uint8_t *p, size_t n, char end)
{
    while (n--)
        printf("%02x", *p++);
    putchar(end);
}

static void print(const struct esp_suite *s)
{
    static const uint32_t lens[] = { 8, 9, 10, 23, 64, 1400 };
    uint8_t keymat[128], payload[1400], buf[2 * ADIT_ROOM + 1400];
    struct esp_out o;
    for (uint32_t i = 0; i < sizeof keymat; i++)
        keymat[i] = (uint8_t)(i * 7 + 1);
    memset(payload, 0x55, sizeof payload);
    memcpy(payload, "\x06\xa5\x06\xa5\0\0\0\0", 8);      /* from 1701 to 1701 */
    if (esp_out_init(&o, NULL, s, 0x1234567, keymat))
        return;
    for (uint32_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        payload[4] = (uint8_t)(lens[i] >> 8);
        payload[5] = (uint8_t)lens[i];
        memcpy(buf + ADIT_ROOM, payload, lens[i]);
        struct adit_frame f = adit_frame_of(buf, sizeof buf, ADIT_ROOM, lens[i]), *v = &f;
        if (esp_seal(&o, 17, &v, 1) != 1)
            exit(EXIT_FAILURE);
        printf("%s ", esp_suite_name(s));
        hex(keymat, esp_keymat_len(s), ' ');
        printf("%08x %08x ", o.spi, o.seq);
        hex(payload, lens[i], ' ');
        hex(f.data, f.len, '\n');
    }
    esp_out_fini(&o);
}

int main(void)
{
    for (uint16_t bits = 128; bits <= 256; bits = (uint16_t)(bits + 64)) {
        print(&(struct esp_suite){ ESP_AES_GCM_16, bits, 0, false });
        for (uint16_t auth = ESP_HMAC_MD5; auth <= ESP_HMAC_SHA512; auth++) {
            print(&(struct esp_suite){ ESP_AES_CBC, bits, auth, false });
            if (bits == 192)
                print(&(struct esp_suite){ ESP_3DES, bits, auth, false });
        }
    }
    return 0;
}
