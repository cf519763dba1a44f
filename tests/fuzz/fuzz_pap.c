/* fuzz_pap.c - PAP, both roles (see fuzz_auth.h). */
#include "fuzz_auth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct rd r = rd_of(data, len);
    uint8_t mode = rd_u8(&r);
    struct ppp_cfg cfg = { .auth_allow = ADIT_AUTH_PAP, .user = "anna", .password = "secret" };
    fuzz_run(&cfg, PPP_PAP, mode & 1 ? ADIT_AUTH_PAP : 0, mode & 2 ? ADIT_AUTH_PAP : 0, &r);
    return 0;
}
