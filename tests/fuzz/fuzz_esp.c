/* fuzz_esp.c - a sender and a receiver of ESP, and what can happen between them.
 *
 * Octet 0: the suite; octet 1: the window in words. Then steps: 0x00 a packet of
 * the length that follows arrives, 0x01 it is lost, 0x02 it comes twice, 0x03 it
 * comes changed (where and how follow), 0x04 it comes late, behind the next,
 * 0x05 numbers are skipped (the next two octets tell how many); any other octet is
 * the length of a forgery that follows.
 *
 * Invariant: what was sealed opens once, as what it was; all else does not.
 */
#include <stdlib.h>
#include <string.h>

#include <adit/bytes.h>
#include "esp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define MOST 255

static struct esp_in in;
static struct esp_stat stat;

static void check(bool ok)
{
    if (!ok)
        abort();
}

/* Opens a copy of exactly those bytes; its payload's length or -1. */
static int opened(const uint8_t *p, size_t len)
{
    uint8_t *copy = malloc(len + 1);
    check(copy != NULL);
    if (len)
        memcpy(copy, p, len);
    struct adit_frame f = adit_frame_of(copy, len, 0, len), *v = &f;
    int got = -1;
    if (esp_open(&in, 0, &v, 1, &stat)) {
        check(v == &f && f.data + f.len <= copy + len);
        got = (int)f.len;
        for (uint32_t i = 0; i < f.len; i++)
            check(f.data[i] == 0x33);
    }
    free(copy);
    return got;
}

struct packet {
    uint8_t buf[2 * ADIT_ROOM + MOST];
    struct adit_frame f;
    uint8_t len;
};

static bool seal(struct esp_out *out, struct packet *p, uint8_t len)
{
    memset(p->buf, 0x33, sizeof p->buf);
    p->f = adit_frame_of(p->buf, sizeof p->buf, ADIT_ROOM, len);
    p->len = len;
    struct adit_frame *v = &p->f;
    return esp_seal(out, 17, &v, 1) == 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct esp_suite suites[] = {
        { ESP_AES_GCM_16, 128, 0, false }, { ESP_AES_CBC, 256, ESP_HMAC_SHA256, false },
        { ESP_3DES, 192, ESP_HMAC_SHA1, false }, { ESP_AES_CBC, 128, ESP_HMAC_SHA256, true },
        { ESP_AES_GCM_16, 256, 0, false }, { ESP_AES_CBC, 192, ESP_HMAC_SHA512, false },
    };
    struct rd r = rd_of(data, len < 4096 ? len : 4096);
    uint8_t keymat[128], how = rd_u8(&r);
    struct esp_out out;
    struct packet p, q;
    memset(keymat, 0x5a, sizeof keymat);
    stat = (struct esp_stat){ 0 };
    const struct esp_suite *s = &suites[how % 6];
    check(esp_out_init(&out, NULL, s, 0x10000, keymat) == 0);
    check(esp_in_init(&in, NULL, s, 0x10000, keymat, rd_u8(&r) * 64u + 64u) == 0);
    while (rd_left(&r) > 0) {
        uint8_t step = rd_u8(&r);
        if (step == 5) {
            uint32_t skip = rd_u16(&r);
            out.seq = out.seq > UINT32_MAX - skip ? UINT32_MAX : out.seq + skip;
            continue;
        }
        if (step > 5) {
            size_t n = step < rd_left(&r) ? step : rd_left(&r);
            check(opened(rd_bytes(&r, n), n) < 0);
            continue;
        }
        if (!seal(&out, &p, rd_u8(&r)))
            break;
        uint32_t at, top = in.top;
        uint8_t bits;
        switch (step) {
        case 0:
            check(opened(p.f.data, p.f.len) == p.len);
            break;
        case 1:
            break;
        case 2:
            check(opened(p.f.data, p.f.len) == p.len);
            check(opened(p.f.data, p.f.len) < 0);
            break;
        case 3:
            at = rd_u16(&r) % p.f.len;
            bits = rd_u8(&r);
            p.f.data[at] ^= bits;
            check((opened(p.f.data, p.f.len) < 0) == (bits != 0));
            check(in.top == (bits ? top : out.seq));
            break;
        default:
            if (!seal(&out, &q, 3))
                break;
            check(opened(q.f.data, q.f.len) == 3);
            check(opened(p.f.data, p.f.len) == p.len);
            check(opened(q.f.data, q.f.len) < 0);
        }
    }
    esp_out_fini(&out);
    esp_in_fini(&in);
    return 0;
}
