/* fuzz_l2tp_msg.c - control messages of L2TP: read, printed, built, read again.
 *
 * Byte 0: 1 with the secret, 2 hide when building. Then a body.
 */
#include <stdlib.h>

#include "../../plugins/tunnel-l2tp/l2tp_msg.h"
#include "crypto/crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct rd r = rd_of(data, len);
    uint8_t mode = rd_u8(&r);
    const struct l2tp_hide hide = { .crypto = &crypto_api,
                                    .secret = (const uint8_t *)"trustno1",
                                    .secret_len = mode & 1 ? 8 : 0,
                                    .hide = mode & 2 };
    size_t n;
    const uint8_t *body = rd_rest(&r, &n);
    uint8_t *copy = malloc(n ? n : 1), *out = malloc(65536);
    struct l2tp_msg m, again;
    struct l2tp_fault f;
    char line[256];
    if (n)
        memcpy(copy, body, n);
    (void)l2tp_msg_host(copy, n);
    bool fine = l2tp_msg_parse(&m, copy, n, &hide, &f);
    if (fine != (f.error == 0) || (!fine && !f.what))
        abort();
    if (l2tp_msg_print(&m, line, sizeof line) >= sizeof line)
        abort();
    if (fine && l2tp_msg_known(m.type)) {
        m.has &= ~L2TP_HAS(RANDOM_VECTOR);
        size_t k = l2tp_msg_build(&m, out, 65536, &hide);
        if (!k)
            abort();
        if (!l2tp_msg_parse(&again, out, k, &hide, &f) ||
            (again.has & ~L2TP_HAS(RANDOM_VECTOR)) != m.has || again.type != m.type ||
            again.tunnel_id != m.tunnel_id || again.called.len != m.called.len)
            abort();
    }
    free(out);
    free(copy);
    return 0;
}
