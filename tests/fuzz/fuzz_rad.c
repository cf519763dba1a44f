/* fuzz_rad.c - RADIUS packets: framed, walked, verified, opened.
 *
 * A packet, from the network. What is read is written again: the same attributes.
 */
#include <stdlib.h>

#include "../../plugins/auth-radius/rad_msg.h"
#include "crypto/crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct rad_key key = { &crypto_api, (const uint8_t *)"xyzzy5461", 9 };
    static const uint8_t zeros[16];
    static struct rad_out o;
    uint8_t out[RAD_MAX];
    uint8_t *copy = malloc(len ? len : 1);
    struct rad_in in, again;
    uint32_t n = 0, v;

    if (len)
        memcpy(copy, data, len);
    if (!rad_open(&in, copy, len)) {
        free(copy);
        return 0;
    }
    rad_begin_answer(&o, &key, RAD_ACCOUNTING_RESPONSE, zeros);
    for (struct rad_attr a = { 0 }; rad_next(&in, &a);) {
        if (a.p < in.p || a.p + a.len > in.p + in.len)
            abort();
        (void)rad_u32(&a, &v);
        (void)rad_unsalt(&key, zeros, a.p, a.len, out, sizeof out);
        (void)rad_unhide(&key, zeros, a.p, a.len, out, sizeof out);
        if (a.bad || !a.len || a.len > 247)
            continue;
        if (a.vendor)
            rad_put_vendor(&o, a.vendor, a.type, a.p, a.len);
        else if (a.type != RAD_MESSAGE_AUTHENTICATOR)
            rad_put(&o, a.type, a.p, a.len);
        else
            continue;
        n++;
    }
    if (rad_gather(&in, RAD_EAP_MESSAGE, out, sizeof out) > sizeof out)
        abort();
    (void)rad_verify(&in, &key, zeros, 0);
    (void)rad_verify_request(&in, &key, RAD_MA_REQUIRED);
    /* Vendor attributes that shared one attribute take more room by themselves. */
    if (rad_finish(&o, in.id)) {
        if (!rad_open(&again, o.bytes, o.len) || rad_verify(&again, &key, zeros, 0) == RAD_BAD_AUTHENTICATOR)
            abort();
        for (struct rad_attr a = { 0 }; rad_next(&again, &a); n--)
            if (a.bad && a.vendor)
                abort();
        if (n)
            abort();
    }
    free(copy);
    return 0;
}
