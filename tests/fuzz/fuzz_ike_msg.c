/* fuzz_ike_msg.c - messages of IKEv1: every payload read as every kind, and written again. */
#include "../unit/ike_walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);      /* an overread shows */
    if (len)
        memcpy(copy, data, len);
    ike_walk(copy, len);
    free(copy);
    return 0;
}
