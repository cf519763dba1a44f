/* esp_path.c - what a packet costs in plugins/ipsec-ike/esp: ns per packet of vectors of
 * 64, sealed and opened.
 *
 *     bench/esp_path [ms per figure [bytes]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "esp.h"

/* of this thread, so that a busy host does not count */
static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void measure(const struct esp_suite *s, uint32_t len, double ms)
{
    static uint8_t buf[ADIT_VECTOR][ADIT_ROOM + 2048 + ADIT_ROOM];
    struct adit_frame f[ADIT_VECTOR], *v[ADIT_VECTOR];
    struct esp_out o;
    struct esp_in in;
    struct esp_stat stat = { 0 };
    uint8_t keymat[128];
    double out = 0, back = 0;
    uint64_t packets = 0;
    memset(keymat, 0x31, sizeof keymat);
    if (esp_out_init(&o, NULL, s, 4711, keymat) || esp_in_init(&in, NULL, s, 4711, keymat, 1024))
        abort();
    for (double end = now_ns() + ms * 1e6; now_ns() < end; packets += ADIT_VECTOR) {
        for (uint32_t i = 0; i < ADIT_VECTOR; i++) {
            f[i] = adit_frame_of(buf[i], sizeof buf[i], ADIT_ROOM, len);
            v[i] = &f[i];
        }
        double t0 = now_ns();
        if (esp_seal(&o, 17, v, ADIT_VECTOR) != ADIT_VECTOR)
            abort();
        double t1 = now_ns();
        if (esp_open(&in, 17, v, ADIT_VECTOR, &stat) != ADIT_VECTOR)
            abort();
        double t2 = now_ns();
        out += t1 - t0;
        back += t2 - t1;
    }
    printf("%-16s %5u bytes  out %8.1f ns  in %8.1f ns\n", esp_suite_name(s), len,
           out / (double)packets, back / (double)packets);
    fflush(stdout);
    esp_out_fini(&o);
    esp_in_fini(&in);
}

int main(int argc, char **argv)
{
    double ms = argc > 1 ? atof(argv[1]) : 200;
    uint32_t len = argc > 2 ? (uint32_t)atoi(argv[2]) : 1400;
    static const struct esp_suite suites[] = {
        { ESP_AES_GCM_16, 128, 0, false },
        { ESP_AES_GCM_16, 256, 0, false },
        { ESP_AES_CBC, 128, ESP_HMAC_SHA1, false },
        { ESP_AES_CBC, 256, ESP_HMAC_SHA1, false },
        { ESP_AES_CBC, 128, ESP_HMAC_SHA256, false },
        { ESP_AES_CBC, 256, ESP_HMAC_SHA256, false },
        { ESP_AES_CBC, 256, ESP_HMAC_SHA512, false },
        { ESP_3DES, 192, ESP_HMAC_SHA1, false },
    };
    if (len > 2000)
        return 2;
    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++)
        measure(&suites[i], len, ms);
    return 0;
}
