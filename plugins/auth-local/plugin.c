/* plugin.c - auth-local declares itself: options, counters, events. */
#include "local.h"

static const struct adit_opt opts[] = {
    ADIT_OPT(FILE, local_conf, file, "file", "users.yaml", ADIT_OPT_RELOAD,
             "The file of accounts."),
    ADIT_OPT(STR, local_conf, domains, "domains", NULL, ADIT_OPT_ARRAY | ADIT_OPT_RELOAD,
             "Domains whose users are in the file; users of others are left to the next "
             "authenticator. None: the domain is not looked at."),
    ADIT_OPT_NUM(U32, local_conf, queue, "password-queue", "64", 1, 4096, ADIT_OPT_RELOAD,
                 "Passwords that may wait for their strong hash at once, about 50 ms of "
                 "processor time each."),
    ADIT_OPT(BOOL, local_conf, change, "password-change", "yes", ADIT_OPT_RELOAD,
             "Users may change their password with MS-CHAPv2."),
    ADIT_OPT_END
};

static const struct adit_counter counters[LOCAL_COUNTERS] = {
    [LOCAL_ACCEPTED] = { "accepted", "Users who are who they claim to be." },
    [LOCAL_REJECTED] = { "rejected", "Users of the file who were refused." },
    [LOCAL_UNKNOWN]  = { "unknown",  "Users who are not in the file, or of a foreign domain." },
    [LOCAL_BUSY]     = { "busy",     "Queries that found password-queue full." },
    [LOCAL_CHANGED]  = { "changed",  "Passwords that users changed." },
};

static const struct adit_face faces[] = {
    { .kind = ADIT_KIND_AUTH, .conf_size = sizeof(struct local_conf), .name = "local",
      .opts = opts, .counters = counters, .counter_count = LOCAL_COUNTERS,
      .events = local_events, .life = &local_life, .vtable = &local_vtable },
};

ADIT_PLUGIN("auth-local", "1.0", "BSD-2-Clause", "Accounts in a file", faces)
