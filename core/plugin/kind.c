/* kind.c - what the kinds of faces have in common, by kind.
 *
 * Knows:  names, sizes of today and of 1.0.
 * Leaves: what a kind is for.
 */
#include "plugin/plug_in.h"

#define BOTH(type, last_of_1_0) sizeof(struct type), PLUG_UPTO(type, last_of_1_0)

const struct plug_kind plug_kinds[PLUG_KIND_ROWS] = {
    /*                        name          vtable                        answer */
    [ADIT_KIND_TUNNEL]     = { "tunnel",     BOTH(adit_tunnel, reserved),  0, 0 },
    [ADIT_KIND_SECURITY]   = { "security",   BOTH(adit_security, unused),
                                             BOTH(adit_security_info, handle) },
    [ADIT_KIND_AUTH]       = { "auth",       BOTH(adit_auth, cancel),
                                             BOTH(adit_auth_answer, state) },
    [ADIT_KIND_POOL]       = { "pool",       BOTH(adit_pool, release),
                                             BOTH(adit_pool_answer, lease) },
    [ADIT_KIND_POLICY]     = { "policy",     BOTH(adit_policy, list),
                                             BOTH(adit_policy_answer, profile) },
    [ADIT_KIND_ACCOUNTING] = { "accounting", BOTH(adit_accounting, end),   0, 0 },
    [ADIT_KIND_OBSERVER]   = { "observer",   BOTH(adit_observer, event),   0, 0 },
};

const char *plug_kind_name(uint32_t kind)
{
    if (kind == ADIT_KIND_DATAPATH)
        return "datapath";
    return kind < PLUG_KIND_ROWS && plug_kinds[kind].name ? plug_kinds[kind].name : "unknown";
}

void plug_copy(void *out, uint32_t out_size, const void *from, uint32_t from_size)
{
    memset(out, 0, out_size);
    memcpy(out, from, from_size < out_size ? from_size : out_size);
    memcpy(out, &out_size, sizeof out_size);
}

bool plug_name_ok(const char *name)
{
    if (!name || name[0] < 'a' || name[0] > 'z')
        return false;
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return !name[n] && n <= PLUG_NAME_MAX;
}
