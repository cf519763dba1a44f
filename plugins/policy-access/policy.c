/* policy.c - ordered policies: who overrides whom, and why, in a sentence.
 *
 * Knows:  the order, accounts, profiles, what cannot stand together.
 * Leaves: single conditions to cond.c; attributes, requests, clocks.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <adit/attr.h>
#include <adit/auth.h>
#include <adit/cause.h>
#include "cond.h"
#include "hours.h"

/* Methods that make no keys for MPPE (RFC 3079 section 1): W15. */
#define KEYLESS (ADIT_AUTH_PAP | ADIT_AUTH_CHAP | ADIT_AUTH_EAP_MD5)

struct pol {
    const struct pol_conf *conf;
    struct cond when, unless, only;     /* only: of the profile */
};

struct pol_set {
    uint32_t count;
    struct pol pol[];
};

bool pol_matches(const struct pol_set *s, uint32_t i, const struct pol_facts *f, pol_cond_fn fn,
                 void *u)
{
    const struct pol *p = &s->pol[i];
    bool when = cond_all(&p->when, f, COND_WHEN, fn, u);
    if (!when && !fn)
        return false;
    return cond_all(&p->unless, f, COND_UNLESS, fn, u) && when;
}

void pol_wanted(const struct pol_set *s, uint32_t i, enum pol_part part, pol_cond_fn fn, void *u)
{
    const struct pol *p = &s->pol[i];
    const struct cond *c = part == POL_WHEN ? &p->when : part == POL_UNLESS ? &p->unless : &p->only;
    cond_all(c, NULL, COND_WHEN, fn, u);
}

bool pol_everyone(const struct pol_conf *c)
{
    return !cond_some(&c->when) && !cond_some(&c->unless);
}

/* ---- the set --------------------------------------------------------------------- */

static int32_t profile_check(const struct pol_conf *c, char err[POL_ERR])
{
    const struct pol_profile *p = &c->profile;
    char m[POL_TEXT], e[POL_TEXT];

    /* W15: with methods that make no keys nothing but IPsec can encrypt. */
    if (p->methods && !(p->methods & ~KEYLESS) && p->encryption &&
        !(p->encryption & ADIT_ENC_NONE) && c->when.secured != POL_YES) {
        snprintf(err, POL_ERR, "policy '%.64s': profile.methods permits only %.60s, which make no keys "
                 "for encryption, and profile.encryption [%.30s] demands it; permit mschapv2 or eap-tls, "
                 "add none to encryption, or say when.secured: yes", c->name,
                 pol_methods_text(p->methods, m), pol_encryption_text(p->encryption, e));
        return ADIT_ECONF;
    }
    if (p->address.family != ADIT_AF_NONE && p->address.family != ADIT_AF_IPV4) {
        snprintf(err, POL_ERR, "policy '%.64s': profile.address is not an IPv4 address", c->name);
        return ADIT_ECONF;
    }
    if (p->address.family != ADIT_AF_NONE && p->pool && p->pool[0]) {
        snprintf(err, POL_ERR, "policy '%.64s': profile.address and profile.pool are both given; an "
                 "address is fixed or from a pool: keep one", c->name);
        return ADIT_ECONF;
    }
    const struct { const char *option; const struct adit_array *a; } lists[] = {
        { "dns", &p->dns }, { "wins", &p->wins },
    };
    for (size_t n = 0; n < sizeof lists / sizeof lists[0]; n++) {
        if (lists[n].a->count > 2) {
            snprintf(err, POL_ERR, "policy '%.64s': profile.%s names %u servers, PPP carries two "
                     "(RFC 1877); leave the others out", c->name, lists[n].option, lists[n].a->count);
            return ADIT_ECONF;
        }
        for (uint32_t i = 0; i < lists[n].a->count; i++) {
            struct adit_addr a;
            memcpy(&a, (const char *)lists[n].a->items + (size_t)i * lists[n].a->stride, sizeof a);
            if (a.family == ADIT_AF_IPV4)
                continue;
            snprintf(err, POL_ERR, "policy '%.64s': profile.%s: item %u is not an IPv4 address",
                     c->name, lists[n].option, i + 1);
            return ADIT_ECONF;
        }
    }
    return 0;
}

static int32_t cond_ready(struct cond *c, const struct pol_when *conf, const char *policy,
                          const char *section, char err[POL_ERR])
{
    char where[100];
    snprintf(where, sizeof where, "policy '%.64s': %s", policy, section);
    return cond_init(c, conf, where, err);
}

int32_t pol_set_new(const struct adit_array *policies, struct pol_set **out, char err[POL_ERR])
{
    if (policies->count > POL_MAX) {
        snprintf(err, POL_ERR, "%u policies are given, at most %u are taken", policies->count, POL_MAX);
        return ADIT_ECONF;
    }
    struct pol_set *s = calloc(1, sizeof *s + policies->count * sizeof s->pol[0]);
    if (!s) {
        snprintf(err, POL_ERR, "out of memory");
        return ADIT_ENOMEM;
    }
    for (uint32_t i = 0; i < policies->count; i++) {
        const struct pol_conf *c = (const struct pol_conf *)(const void *)
                                   ((const char *)policies->items + (size_t)i * policies->stride);
        struct pol *p = &s->pol[i];
        int32_t rc = ADIT_ECONF;
        p->conf = c;
        s->count = i + 1;
        if (!c->name || !c->name[0] || strlen(c->name) > 63) {
            snprintf(err, POL_ERR, "policy %u: the name must have 1 to 63 bytes", i + 1);
            goto bad;
        }
        for (uint32_t k = 0; k < i; k++)
            if (strcasecmp(c->name, s->pol[k].conf->name) == 0) {
                snprintf(err, POL_ERR, "policies %u and %u are both named '%.64s'; each needs a name "
                         "of its own", k + 1, i + 1, c->name);
                goto bad;
            }
        if ((rc = cond_ready(&p->when, &c->when, c->name, "when", err)) != 0 ||
            (rc = cond_ready(&p->unless, &c->unless, c->name, "unless", err)) != 0 ||
            (rc = cond_ready(&p->only, &c->profile.only, c->name, "profile", err)) != 0 ||
            (rc = profile_check(c, err)) != 0)
            goto bad;
        continue;
    bad:
        pol_set_free(s);
        return rc;
    }
    *out = s;
    return 0;
}

void pol_set_free(struct pol_set *s)
{
    if (!s)
        return;
    for (uint32_t i = 0; i < s->count; i++) {
        cond_fini(&s->pol[i].when);
        cond_fini(&s->pol[i].unless);
        cond_fini(&s->pol[i].only);
    }
    free(s);
}

uint32_t pol_count(const struct pol_set *s)
{
    return s->count;
}

const struct pol_conf *pol_at(const struct pol_set *s, uint32_t i)
{
    return s->pol[i].conf;
}

/* ---- the decision ---------------------------------------------------------------- */

ADIT_PRINTF(4, 5) static void deny(struct pol_decision *d, struct text *t, uint32_t cause,
                                   const char *fmt, ...)
{
    char why[POL_WHY];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    text_add(t, "; %s", why);
    d->grant = false;
    d->cause = cause;
}

static void hit_add(void *u, const struct pol_cond *c)
{
    struct text *t = u;
    if (c->hit[0])
        text_add(t, "%s%s", text_sep(t), c->hit);
}

/* The account's own permission, then the policy's. */
static void permission(const struct pol_facts *f, struct pol_decision *d, struct text *t)
{
    const struct pol_conf *c = d->policy;
    uint32_t dialin = c->ignore_account ? ADIT_DIALIN_POLICY : f->dialin;

    if (c->ignore_account)
        text_add(t, "; the account's dial-in property is not looked at");
    if (dialin == ADIT_DIALIN_DENY)
        deny(d, t, ADIT_CAUSE_NO_PERMISSION, "the account's dial-in property denies: set it to allow "
             "or to policy");
    else if (dialin == ADIT_DIALIN_ALLOW)
        text_add(t, "; the account's dial-in property allows, the policy's permission (%s) does not count",
            c->grant ? "grant" : "deny");
    else if (!c->grant)
        deny(d, t, ADIT_CAUSE_POLICY_DENIED, "permission deny");
    else
        text_add(t, "; permission grant");
}

/* The first restriction that does not hold; in a dry run only of what is known. */
struct restriction {
    bool dry;
    struct pol_cond first;      /* name NULL: all hold */
};

static void restricted(void *u, const struct pol_cond *c)
{
    struct restriction *r = u;
    if (!c->matched && !r->first.name && !(r->dry && !strcmp(c->actual, "unknown")))
        r->first = *c;
}

/* The account's own restriction: numbers, or addresses, that it may call from. */
static bool caller_ok(const struct pol_facts *f, char may[POL_TEXT])
{
    struct text t = { may, POL_TEXT, 0 };
    const char *from;
    may[0] = '\0';
    for (uint32_t i = 0; f->caller && (from = f->caller(f->u, i)) != NULL; i++) {
        if (pol_glob(from, f->calling))
            return true;
        text_add(&t, "%s%s", text_sep(&t), from);
    }
    return !t.len || (f->dry && !f->calling[0]);
}

/* Profile and server, and profile and account, that cannot both be had. */
static bool conflicts(const struct pol_facts *f, struct pol_decision *d, struct text *t)
{
    const struct pol_profile *p = &d->policy->profile;
    char a[POL_TEXT], b[POL_TEXT];
    if (p->methods && f->server_methods && !(p->methods & f->server_methods)) {
        deny(d, t, ADIT_CAUSE_CONFLICT, "profile.methods permits %s, the server enables %s (ppp.auth): "
             "nothing in common",
             pol_methods_text(p->methods, a), pol_methods_text(f->server_methods, b));
        return true;
    }
    if (p->address.family != ADIT_AF_NONE && f->address.family != ADIT_AF_NONE &&
        !d->policy->ignore_account && !adit_same_host(&p->address, &f->address)) {
        struct text of_profile = TEXT_OF(a), of_account = TEXT_OF(b);
        text_addr(&of_profile, &p->address, false);
        text_addr(&of_account, &f->address, false);
        deny(d, t, ADIT_CAUSE_CONFLICT, "profile.address is %s, the account's own address is %s: take "
             "one of them away", a, b);
        return true;
    }
    return false;
}

/* What holds for everyone whom the policy lets in, also for an account that
 * is allowed by itself. */
static void constraints(const struct pol_set *s, const struct pol_facts *f, struct pol_decision *d,
                        struct text *t)
{
    const struct pol_profile *p = &d->policy->profile;
    struct restriction r = { .dry = f->dry };
    char a[POL_TEXT], b[POL_TEXT];

    if (f->expiry_s && f->now_s >= f->expiry_s) {
        deny(d, t, ADIT_CAUSE_EXPIRED, "the account has expired");
        return;
    }
    if (!d->policy->ignore_account && !caller_ok(f, a)) {
        deny(d, t, ADIT_CAUSE_RESTRICTED, "the account may call only from %.200s, it called from %.100s", a,
             f->calling[0] ? f->calling : "somewhere unknown");
        return;
    }
    cond_all(&s->pol[d->index].only, f, COND_PROFILE, restricted, &r);
    if (r.first.name) {
        bool hours = !strcmp(r.first.name, "hours");
        deny(d, t, hours ? ADIT_CAUSE_HOURS : ADIT_CAUSE_RESTRICTED, "%s", r.first.why);
        return;
    }
    if (conflicts(f, d, t))
        return;
    if (!f->method && f->dry)
        return;
    if (p->methods && !(p->methods & f->method)) {
        deny(d, t, ADIT_CAUSE_METHOD_REFUSED, "profile.methods permits %s, the client used %s",
             pol_methods_text(p->methods, a), f->method ? pol_methods_text(f->method, b) : "none");
        return;
    }
    if (p->encryption && !(p->encryption & ADIT_ENC_NONE) && f->method & KEYLESS && !f->secured)
        deny(d, t, ADIT_CAUSE_CONFLICT, "profile.encryption [%s] demands encryption, and the method %s "
             "makes no keys for it: permit mschapv2 or eap-tls, or add none to encryption",
             pol_encryption_text(p->encryption, a), pol_methods_text(f->method, b));
}

struct missed {
    struct text *t;
    uint32_t count;
};

static void miss_add(void *u, const struct pol_cond *c)
{
    struct missed *m = u;
    if (!c->matched)
        text_add(m->t, "%s%s%s", m->count++ ? ", " : "", c->unless ? "unless." : "", c->name);
}

/* Which conditions failed, by name; the values are for `adit policy explain`. */
static void none_matches(const struct pol_set *s, const struct pol_facts *f, struct text *t)
{
    text_add(t, "none of the %u policies matches; denied", s->count);
    for (uint32_t i = 0; i < s->count && i < 4; i++) {
        struct missed m = { t, 0 };
        text_add(t, "%s'%s' fails at ", i ? ", " : " (", s->pol[i].conf->name);
        pol_matches(s, i, f, miss_add, &m);
    }
    text_add(t, s->count > 4 ? ", ...)" : ")");
}

void pol_decide(const struct pol_set *s, const struct pol_facts *f, struct pol_decision *d)
{
    *d = (struct pol_decision){ .grant = true };
    struct text t = TEXT_OF(d->why);

    while (d->index < s->count && !pol_matches(s, d->index, f, NULL, NULL))
        d->index++;
    if (d->index == s->count) {
        d->grant = false;
        d->cause = ADIT_CAUSE_NO_POLICY;
        if (s->count)
            none_matches(s, f, &t);
        else
            text_add(&t, "there is no policy; everyone is denied");
        return;
    }
    d->policy = s->pol[d->index].conf;

    char hits[POL_TEXT] = "";
    struct text h = TEXT_OF(hits);
    pol_matches(s, d->index, f, hit_add, &h);
    if (h.len)
        text_add(&t, "policy '%s' matches: %s", d->policy->name, hits);
    else
        text_add(&t, pol_everyone(d->policy) ? "policy '%s' matches everyone" : "policy '%s' matches",
                 d->policy->name);
    permission(f, d, &t);
    if (d->grant)
        constraints(s, f, d, &t);
}
