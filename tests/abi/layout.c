/* layout.c - the plugin interface 1.0, member by member: what stands here may
 * never move. Compiled against the frozen headers and against today's. */
#include <stdio.h>
#include <adit/plugin.h>

#if defined(__LP64__) && __LP64__
/* a struct may have grown since 1.0, a member may not have moved */
#if ADIT_ABI_MINOR > 0
#define S(type, size) _Static_assert(sizeof(struct type) >= (size), #type " has shrunk");
#else
#define S(type, size)                                                                    \
    _Static_assert(sizeof(struct type) == (size),                                         \
                   #type " has another size; before 1.0 is released: run tests/abi/freeze");
#endif
#define M(type, member, offset) \
    _Static_assert(offsetof(struct type, member) == (offset), #type "." #member " has moved");
#include "layout.h"

/* frozen for the whole of 1.x, whatever the minor version */
_Static_assert(sizeof(struct adit_addr) == 24, "adit_addr");
_Static_assert(sizeof(struct adit_range) == 48, "adit_range");
_Static_assert(sizeof(struct adit_array) == 16, "adit_array");
_Static_assert(sizeof(struct adit_value) == 32, "adit_value");
_Static_assert(sizeof(struct adit_kv) == 40, "adit_kv");
_Static_assert(sizeof(struct adit_word) == 16, "adit_word");
_Static_assert(sizeof(struct adit_chunk) == 16, "adit_chunk");
#define SKIP ""
#else
#define SKIP " # SKIP the sizes are recorded for 64-bit pointers"
#endif

/* numbers that stand in binaries */
_Static_assert(ADIT_ABI_MAJOR == 1, "major");
_Static_assert(ADIT_KIND_TUNNEL == 1 && ADIT_KIND_SECURITY == 2 && ADIT_KIND_AUTH == 3 &&
               ADIT_KIND_POOL == 4 && ADIT_KIND_POLICY == 5 && ADIT_KIND_ACCOUNTING == 6 &&
               ADIT_KIND_DATAPATH == 7 && ADIT_KIND_OBSERVER == 8, "kinds");
_Static_assert(ADIT_TYPE_NONE == 0 && ADIT_TYPE_U64 == 1 && ADIT_TYPE_I64 == 2 && ADIT_TYPE_BOOL == 3 &&
               ADIT_TYPE_STR == 4 && ADIT_TYPE_BYTES == 5 && ADIT_TYPE_ADDR == 6, "types");
_Static_assert(ADIT_OPT_BOOL == 1 && ADIT_OPT_U32 == 2 && ADIT_OPT_U64 == 3 && ADIT_OPT_MSEC == 4 &&
               ADIT_OPT_STR == 5 && ADIT_OPT_ADDR == 6 && ADIT_OPT_PREFIX == 7 &&
               ADIT_OPT_RANGE == 8 && ADIT_OPT_ENUM == 9 && ADIT_OPT_FLAGS == 10 &&
               ADIT_OPT_FILE == 11 && ADIT_OPT_TABLE == 12 && ADIT_OPT_SIZE == 13, "options");
#if ADIT_ABI_MINOR > 0
_Static_assert(ADIT_OPT_LINE == 14 && ADIT_CAUSE_NOT_RUNNING == 47 && ADIT_CAUSE_NO_SECRET == 56,
               "options and causes of 1.1");
#endif
_Static_assert(ADIT_OPT_REQUIRED == 1 && ADIT_OPT_SECRET == 2 && ADIT_OPT_RELOAD == 4 &&
               ADIT_OPT_ARRAY == 8, "flags of options");
_Static_assert(ADIT_LOG_ERROR == 1 && ADIT_LOG_DEBUG == 5, "levels");
_Static_assert(ADIT_VERDICT_REJECT == 0 && ADIT_VERDICT_ACCEPT == 1 && ADIT_VERDICT_CHALLENGE == 2 &&
               ADIT_VERDICT_NEXT == 3 && ADIT_VERDICT_ERROR == 4, "verdicts");
_Static_assert(ADIT_AUTH_PAP == 1 && ADIT_AUTH_CHAP == 2 && ADIT_AUTH_MSCHAPV1 == 4 &&
               ADIT_AUTH_MSCHAPV2 == 8 && ADIT_AUTH_EAP_MD5 == 16 && ADIT_AUTH_EAP_MSCHAPV2 == 32 &&
               ADIT_AUTH_EAP_TLS == 64 && ADIT_AUTH_EAP_RELAY == 128 && ADIT_AUTH_CHANGE == 256,
               "methods");
_Static_assert(ADIT_VECTOR == 64 && ADIT_ROOM == 64, "vectors");
_Static_assert(ADIT_EINVAL == -1 && ADIT_EAUTH == -5 && ADIT_ENOENT == -9 && ADIT_ENOSYS == -13 &&
               ADIT_ERESTART == -20, "errors");
_Static_assert(ADIT_ATTR_USER == 1 && ADIT_ATTR_ADDRESS == 21 && ADIT_ATTR_ENCRYPTION == 30 &&
               ADIT_ATTR_LEASE_POOL == 52 && ADIT_ATTR_VENDOR == 0x10000, "attributes");
_Static_assert(ADIT_CAUSE_AUTH_FAILED == 9 && ADIT_CAUSE_POOL_EXHAUSTED == 23 &&
               ADIT_CAUSE_CERTIFICATE == 42, "causes");

int main(void)
{
    puts("1..1\nok 1 - the layout of the plugin interface" SKIP);
    return 0;
}
