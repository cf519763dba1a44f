/* cond.h - conditions: what is wanted, held against what is.
 *
 *     struct cond c;
 *     if (cond_init(&c, &conf->when, "policy 'staff': when", err) != 0) ...
 *     bool all = cond_all(&c, &facts, COND_WHEN, NULL, NULL);
 *     cond_fini(&c);
 *
 * Knows:  names of conditions, patterns, what a sentence about one says.
 * Leaves: which conditions matter for what, to policy.c.
 */
#ifndef POLICY_ACCESS_COND_H
#define POLICY_ACCESS_COND_H

#include <stddef.h>
#include "policy.h"

struct cond_regex;

struct cond {
    const struct pol_when *conf;        /* borrowed */
    struct hours *hours;
    struct cond_regex *regex;   /* patterns between slashes, ready */
    uint32_t regex_count;
};

/* `where` begins a sentence about what is wrong. 0, ADIT_ECONF, ADIT_ENOMEM. */
int32_t cond_init(struct cond *c, const struct pol_when *conf, const char *where, char err[POL_ERR]);
void cond_fini(struct cond *c);

enum cond_side {
    COND_WHEN,                  /* each must match */
    COND_UNLESS,                /* none may */
    COND_PROFILE                /* each must match, or the session is refused */
};

/* Whether all are as they must be; pol_cond.matched says it of each one. `fn`
 * (NULL: none) hears all of them; facts NULL: only what they want. */
bool cond_all(const struct cond *c, const struct pol_facts *f, enum cond_side side, pol_cond_fn fn, void *u);
/* Whether there is any. */
bool cond_some(const struct pol_when *w);

/* ---- text that is cut where the room ends ---- */
struct text {
    char *at;
    size_t size, len;
};
#define TEXT_OF(buf) { (buf), sizeof(buf), 0 }
ADIT_PRINTF(2, 3) void text_add(struct text *t, const char *fmt, ...);
const char *text_sep(const struct text *t);     /* ", " behind something */
void text_addr(struct text *t, const struct adit_addr *a, bool net);

#endif
