/* plugin.c - policy-access declares itself: counters, events. */
#include "access.h"

// clang-format off
static const struct adit_counter counters[ACCESS_COUNTERS] = {
    [ACCESS_GRANTED]   = { "granted",   "Sessions that a policy let in." },
    [ACCESS_DENIED]    = { "denied",    "Sessions that were denied, by a policy, the account or a profile." },
    [ACCESS_UNMATCHED] = { "unmatched", "Of them: no policy matched." },
};
// clang-format on

static const struct adit_face faces[] = {
    { .kind = ADIT_KIND_POLICY, .conf_size = sizeof(struct access_conf), .name = "access",
      .opts = access_opts, .counters = counters, .counter_count = ACCESS_COUNTERS,
      .events = access_events, .life = &access_life, .vtable = &access_vtable },
};

ADIT_PLUGIN("policy-access", "1.0", "BSD-2-Clause",
            "Ordered remote access policies: conditions, a permission, a profile", faces)
