/* fuzz_chap.c - CHAP and MS-CHAP, both roles (see fuzz_auth.h). */
#include "fuzz_auth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint32_t kinds[4] = { ADIT_AUTH_MSCHAPV2, ADIT_AUTH_MSCHAPV1, ADIT_AUTH_CHAP, 0 };
    struct rd r = rd_of(data, len);
    uint8_t mode = rd_u8(&r);
    struct ppp_cfg cfg = { .auth_allow = ~0u, .user = "anna", .password = "secret", .our_name = "adit" };
    fuzz_run(&cfg, PPP_CHAP, kinds[mode & 3], kinds[mode >> 2 & 3], &r);
    return 0;
}
