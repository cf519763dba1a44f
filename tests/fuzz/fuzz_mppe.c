/* fuzz_mppe.c - a sender and a receiver of MPPE, and forgeries between them.
 *
 * Octet 0: strength (low 2 bits), stateless (4). Then steps: 0x00 a packet
 * arrives, 0x01 it is lost, 0x02 the receiver's Reset-Request arrives, 0x03 it
 * arrives twice; any other octet is the length of a forgery that follows.
 *
 * Invariant: until the first forgery that passed, what is sealed and arrives in
 * order opens, and is what was sealed.
 */
#include <stdlib.h>
#include <string.h>

#include <adit/attr.h>
#include <adit/bytes.h>
#include "ppp/ppp_mppe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define LEN 30

static void check(bool ok)
{
    if (!ok)
        abort();
}

static struct adit_frame packet(uint8_t *buf, size_t size)
{
    memset(buf, 0x33, size);
    struct adit_frame f = adit_frame_of(buf, size, ADIT_ROOM, LEN);
    struct wr w = wr_of(f.data, 6);
    wr_u16(&w, 0x0021);
    wr_u16(&w, 0x4500);
    wr_u16(&w, LEN - 2);
    return f;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct rd r = rd_of(data, len < 8192 ? len : 8192);
    uint8_t how = rd_u8(&r);
    static const uint32_t strengths[] = { ADIT_ENC_40, ADIT_ENC_56, ADIT_ENC_128, ADIT_ENC_128 };
    uint8_t start[16] = "0123456789abcdef";
    struct mppe tx, rx;
    bool stateless = how & 4, honest = true, gap = false;
    mppe_init(&tx, start, strengths[how & 3], stateless);
    mppe_init(&rx, start, strengths[how & 3], stateless);
    uint32_t lost = 0;
    uint64_t now = 0;
    while (rd_left(&r) > 0) {
        mppe_credit(&rx, now += 1000);
        uint8_t step = rd_u8(&r), buf[ADIT_ROOM + LEN + ADIT_ROOM];
        if (step > 3) {
            size_t n = step < rd_left(&r) ? step : rd_left(&r);
            uint8_t *copy = malloc(n + 1);
            check(copy != NULL);
            if (n)
                memcpy(copy, rd_bytes(&r, n), n);
            struct adit_frame f = adit_frame_of(copy, n, 0, n);
            enum mppe_result got = mppe_open(&rx, &f);
            check(f.data + f.len <= copy + n);
            honest = honest && got != MPPE_OK;
            if (!stateless && got == MPPE_GAP)
                gap = true;     /* it may be a number ahead: the receiver waits for a flush */
            free(copy);
            continue;
        }
        if (step == 2) {
            mppe_reset(&tx);
            continue;
        }
        bool flushes = stateless || tx.flush || (tx.count & 0xff) == 0xff;
        struct adit_frame f = packet(buf, sizeof buf), *v = &f;
        check(mppe_seal(&tx, &v, 1) == 1);
        if (step == 1) {
            lost++;
            gap = true;
            continue;
        }
        struct adit_frame again = f;
        uint8_t copy[sizeof buf];
        memcpy(copy, buf, sizeof buf);
        again.data = copy + (f.data - buf);
        again.room = copy;
        again.end = copy + sizeof copy;
        enum mppe_result got = mppe_open(&rx, &f);
        if (honest && lost < 2000 && (!gap || flushes)) {
            check(got == MPPE_OK && f.len == LEN && f.data[1] == 0x21 && f.data[LEN - 1] == 0x33);
            gap = false;
            lost = 0;
        }
        if (step == 3)
            check(mppe_open(&rx, &again) != MPPE_OK || !honest || rx.gap || got != MPPE_OK);
    }
    mppe_fini(&tx);
    mppe_fini(&rx);
    return 0;
}
