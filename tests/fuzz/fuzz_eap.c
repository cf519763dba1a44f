/* fuzz_eap.c - EAP and its methods, both roles (see fuzz_auth.h). */
#include "fuzz_auth.h"
#include "../unit/tls_ctx.h"

static SSL_CTX *ctx;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint32_t kinds[8] = {
        0, ADIT_AUTH_EAP_MD5, ADIT_AUTH_EAP_MSCHAPV2, ADIT_AUTH_EAP_TLS, ADIT_AUTH_EAP_RELAY,
        ADIT_AUTH_EAP_MD5 | ADIT_AUTH_EAP_MSCHAPV2, ADIT_AUTH_EAP_TLS | ADIT_AUTH_EAP_MSCHAPV2,
        0xf0 };
    if (!ctx) {
        struct tls_ca ca = tls_ca_new("fuzz");
        ctx = tls_ctx_new(&ca, "anna", NULL, 86400);
        tls_ca_free(&ca);
    }
    struct rd r = rd_of(data, len);
    uint8_t mode = rd_u8(&r);
    struct ppp_cfg cfg = { .auth_allow = ~0u, .user = "anna", .password = "secret",
                           .our_name = "adit", .tls = ctx };
    fuzz_run(&cfg, PPP_EAP, kinds[mode & 7], kinds[mode >> 3 & 7], &r);
    return 0;
}
