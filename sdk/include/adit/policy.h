/* adit/policy.h - a policy engine: may this session be, and with what profile? */
#ifndef ADIT_POLICY_H
#define ADIT_POLICY_H

#include <adit/abi.h>

struct adit_attrs;
struct adit_report;

struct adit_policy_answer {
    uint32_t size;
    uint32_t grant;             /* 1 or 0 */
    uint32_t cause;             /* denied: ADIT_CAUSE_* */
    uint32_t reserved;
    const char *policy;         /* which one decided; NULL: none matched */
    const char *why;            /* a sentence */
    const struct adit_attrs *profile;   /* put over what the authenticator said; NULL: none.
                                 * Since 1.1 also where it denies: the host looks whether its
                                 * own settings could ever meet it, and names both */
    const char *place;          /* since 1.1: "FILE:LINE" of the policy, where it stands in a file
                                 * of the plugin's; NULL: in the daemon's configuration */
    uint32_t ignore_account;    /* since 1.1: the account's own address and routes do not count, whoever told them */
    uint32_t reserved2;
};

struct adit_policy {
    uint32_t size;
    uint32_t reserved;
    /* Ends in request->done() with struct adit_policy_answer. */
    void (*decide)(struct adit_self *self, uint64_t req, const struct adit_attrs *attrs);
    void (*cancel)(struct adit_self *self, uint64_t req);
    /* The dry run, at once: which policy would match and why, condition by
     * condition. May be NULL. */
    int32_t (*explain)(struct adit_self *self, const struct adit_attrs *attrs,
                       struct adit_report *r);
    /* All policies in order, for `adit policies`. May be NULL. */
    int32_t (*list)(struct adit_self *self, struct adit_report *r);
};

#endif
