/* ses_guard.c - filters and rates of a session, from its attributes.
 *
 * Knows:  which attributes are meant, who set them, what is told when they cannot be.
 * Leaves: rules, rates and packets to datapath.
 */
#include "session/ses_int.h"

#include <stdio.h>
#include <stdlib.h>
#include "base/attr.h"
#include "datapath/dp_guard.h"
#include "log/log.h"

static const struct {
    uint32_t filter, rate;
    const char *option;
    const char *of_policy, *of_account;
} sides[] = {
    [DP_IN]  = { ADIT_ATTR_FILTER_IN, ADIT_ATTR_RATE_IN, "filter-in",
                 "policies[].profile.filter-in", "users[].filter-in" },
    [DP_OUT] = { ADIT_ATTR_FILTER_OUT, ADIT_ATTR_RATE_OUT, "filter-out",
                 "policies[].profile.filter-out", "users[].filter-out" },
};

static const char *str_of(const struct adit_attrs *a, uint32_t id, uint32_t nth)
{
    const struct adit_value *v = plug_attr_api.get(a, id, nth);
    return v && v->type == ADIT_TYPE_STR ? v->v.p : NULL;
}

int32_t ses_guard_of(const struct adit_attrs *a, struct dp_guard **out, char *why, size_t size)
{
    struct dp_guard_conf c = { .rule_count = 0 };
    *out = NULL;
    for (int k = 0; k < 2; k++) {
        const struct adit_value *rate = plug_attr_api.get(a, sides[k].rate, 0);
        c.filter[k] = str_of(a, sides[k].filter, 0);
        c.kbps[k] = rate ? rate->v.u : 0;
    }
    while (str_of(a, ADIT_ATTR_FILTER_RULE, c.rule_count))
        c.rule_count++;
    const char **rules = c.rule_count ? calloc(c.rule_count, sizeof *rules) : NULL;
    if (c.rule_count && !rules) {
        snprintf(why, size, "out of memory");
        return ADIT_ENOMEM;
    }
    for (uint32_t i = 0; i < c.rule_count; i++)
        rules[i] = str_of(a, ADIT_ATTR_FILTER_RULE, i);
    c.rules = rules;
    int32_t rc = dp_guard_new(&c, out, why, size);
    free(rules);
    return rc;
}

bool ses_guard_is(uint32_t id)
{
    for (int k = 0; k < 2; k++)
        if (id == sides[k].filter || id == sides[k].rate)
            return true;
    return id == ADIT_ATTR_FILTER_RULE;
}

int32_t ses_guard_revised(const struct ses *s, const struct adit_attrs *values, struct dp_guard **out)
{
    char why[200];
    struct adit_attrs *all = plug_attr_api.make();
    int32_t rc = all ? attr_append(all, s->attrs) : ADIT_ENOMEM;
    *out = NULL;
    if (!rc)
        rc = attr_over(all, values);
    if (!rc)
        rc = ses_guard_of(all, out, why, sizeof why);
    else
        snprintf(why, sizeof why, "out of memory");
    plug_attr_api.free(all);
    if (!rc || rc == ADIT_ENOMEM)
        return rc;
    return log_fail("session", ADIT_EINVAL, "session %s stays as it is: %s", s->id, why);
}

/* "Policy 'staff' sets filter-in 'web'": who said it. */
static const char *said_by(const struct ses *s, const struct adit_attrs *profile, uint32_t id, char out[128])
{
    if (profile && plug_attr_api.get(profile, id, 0))
        snprintf(out, 128, "Policy '%.63s'", s->policy);
    else
        snprintf(out, 128, "The account (authenticator '%.63s')", s->authenticator);
    return out;
}

uint32_t ses_guard_check(struct ses *s, const struct adit_attrs *profile, char text[256])
{
    char who[128], why[200];
    struct dp_guard *g;
    for (int k = 0; k < 2; k++) {
        const char *name = ses_str(s, sides[k].filter);
        if (!name || !*name || dp_filter_known(name))
            continue;
        snprintf(text, 256, "%s sets %s '%.63s', and the section filters has none of that name.",
                 said_by(s, profile, sides[k].filter, who), sides[k].option, name);
        ses_fault(s, profile && plug_attr_api.get(profile, sides[k].filter, 0) ? sides[k].of_policy :
                     sides[k].of_account, "filters");
        return ADIT_CAUSE_CONFLICT;
    }
    int32_t rc = ses_guard_of(s->attrs, &g, why, sizeof why);
    dp_guard_free(g);
    if (rc == ADIT_ENOMEM)
        return ADIT_CAUSE_RESOURCE;
    if (rc) {
        snprintf(text, 256, "%s sets rules of a packet filter that cannot be applied: %.100s.",
                 said_by(s, profile, ADIT_ATTR_FILTER_RULE, who), why);
        return ADIT_CAUSE_CONFLICT;
    }
    return ADIT_CAUSE_NONE;
}

bool ses_guard_enter(struct ses *s)
{
    struct dp_guard *g;
    char why[200], text[256];
    int32_t rc = ses_guard_of(s->attrs, &g, why, sizeof why);
    if (rc) {                   /* a reload took the filter away since the policy granted */
        snprintf(text, sizeof text, "The session cannot be filtered: %s.", why);
        ses_drop(s, rc == ADIT_ENOMEM ? ADIT_CAUSE_RESOURCE : ADIT_CAUSE_CONFLICT, text);
        return false;
    }
    dp_port_guard(s->port, g);
    return true;
}
