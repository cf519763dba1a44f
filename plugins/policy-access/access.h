/* access.h - what the declaration and the face of policy-access share. */
#ifndef POLICY_ACCESS_H
#define POLICY_ACCESS_H

#include <adit/plugin.h>
#include "policy.h"

/* The options of an engine of type `access`. */
struct access_conf {
    struct adit_array policies;     /* struct pol_conf */
    const char *file;               /* NULL: the policies are given above */
};

/* What the file holds. */
struct access_file {
    struct adit_array policies;
};

enum access_counter {
    ACCESS_GRANTED,
    ACCESS_DENIED,
    ACCESS_UNMATCHED,
    ACCESS_COUNTERS
};

extern const struct adit_opt access_opts[];      /* of struct access_conf */
extern const struct adit_opt access_file_opts[]; /* of struct access_file */
extern const struct adit_life access_life;
extern const struct adit_policy access_vtable;
extern const struct adit_event *const access_events[];

#endif
