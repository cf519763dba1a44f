/* policy.c - ordered policies: conditions, a permission, a profile; the decision.
 *
 * Knows:  what a condition compares, who overrides whom, why, in a sentence.
 * Leaves: attributes, requests, clocks.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <adit/attr.h>
#include <adit/auth.h>
#include <adit/bytes.h>
#include <adit/cause.h>
#include "hours.h"
#include "policy.h"

const struct adit_word pol_method_words[] = { ADIT_AUTH_WORDS, { NULL, 0, 0 } };
const struct adit_word pol_encryption_words[] = { ADIT_ENC_WORDS, { NULL, 0, 0 } };

/* Methods that make no keys for MPPE (RFC 3079 section 1): W15. */
#define KEYLESS (ADIT_AUTH_PAP | ADIT_AUTH_CHAP | ADIT_AUTH_EAP_MD5)

struct pol {
    const struct pol_conf *conf;
    struct hours *hours;        /* of when */
    struct hours *allowed;      /* of profile */
};

struct pol_set {
    uint32_t count;
    struct pol pol[];
};

/* ---- text ----------------------------------------------------------------------- */

struct text {
    char *at;
    size_t size, len;
};

#define TEXT_OF(buf) { (buf), sizeof(buf), 0 }

/* Adds; what does not fit is cut. */
ADIT_PRINTF(2, 3) static void add(struct text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(t->at + t->len, t->size - t->len, fmt, ap);
    va_end(ap);
    if (n > 0)
        t->len = t->len + (size_t)n < t->size ? t->len + (size_t)n : t->size - 1;
}

static const char *sep(const struct text *t)
{
    return t->len ? ", " : "";
}

static const char *words_text(const struct adit_word *w, uint32_t set, char out[POL_TEXT])
{
    struct text t = { out, POL_TEXT, 0 };
    out[0] = '\0';
    for (; w->word; w++)
        if (set & w->value)
            add(&t, "%s%s", sep(&t), w->word);
    return out;
}

const char *pol_methods_text(uint32_t methods, char out[POL_TEXT])
{
    return words_text(pol_method_words, methods, out);
}

const char *pol_encryption_text(uint32_t set, char out[POL_TEXT])
{
    return words_text(pol_encryption_words, set, out);
}

static const void *item(const struct adit_array *a, uint32_t i)
{
    return (const char *)a->items + (size_t)i * a->stride;
}

static const char *item_str(const struct adit_array *a, uint32_t i)
{
    const char *s;
    memcpy(&s, item(a, i), sizeof s);
    return s ? s : "";
}

static void add_list(char out[POL_TEXT], const struct adit_array *a)
{
    struct text t = { out, POL_TEXT, 0 };
    for (uint32_t i = 0; i < a->count; i++)
        add(&t, "%s%s", sep(&t), item_str(a, i));
}

static void add_addr(struct text *t, const struct adit_addr *a, bool net)
{
    struct rd r = rd_of(a->ip, sizeof a->ip);
    if (a->family == ADIT_AF_IPV4) {
        add(t, "%u.%u.%u.%u", a->ip[0], a->ip[1], a->ip[2], a->ip[3]);
    } else if (a->family == ADIT_AF_IPV6) {
        for (uint32_t i = 0; i < 8; i++)
            add(t, "%s%x", i ? ":" : "", rd_u16(&r));
    } else {
        add(t, "unknown");
        return;
    }
    if (net)
        add(t, "/%u", a->prefix);
}

bool pol_glob(const char *pattern, const char *text)
{
    const char *star = NULL, *back = NULL;
    while (*text) {
        if (*pattern == '*') {
            star = pattern++;
            back = text;
        } else if (*pattern == '?' || strncasecmp(pattern, text, 1) == 0) {
            pattern++;
            text++;
        } else if (star) {          /* the star takes one more */
            pattern = star + 1;
            text = ++back;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

/* ---- conditions ------------------------------------------------------------------ */

enum outcome { ABSENT, MISSED, MATCHED };

/* The first pattern of a list that a text matches; NULL: none. */
static const char *glob_any(const struct adit_array *patterns, const char *text)
{
    for (uint32_t i = 0; text && i < patterns->count; i++)
        if (pol_glob(item_str(patterns, i), text))
            return item_str(patterns, i);
    return NULL;
}

static enum outcome cond_text(const struct adit_array *patterns, const char *text,
                              const char *noun, struct pol_cond *c)
{
    const char *hit = glob_any(patterns, text);
    add_list(c->wanted, patterns);
    snprintf(c->actual, POL_TEXT, "%s", text && text[0] ? text : "unknown");
    if (hit)
        snprintf(c->hit, POL_TEXT, "%s '%s'", noun, hit);
    return hit ? MATCHED : MISSED;
}

/* A pattern with a domain is held against both ways of writing it, one without
 * against the name alone (W22: Windows sends DOMAIN\user). */
static bool user_match(const char *pattern, const struct pol_facts *f)
{
    char full[POL_TEXT];
    if (!strpbrk(pattern, "\\@"))
        return pol_glob(pattern, f->account);
    if (pol_glob(pattern, f->user))
        return true;
    if (!f->domain[0])
        return false;
    snprintf(full, sizeof full, "%s\\%s", f->domain, f->account);
    if (pol_glob(pattern, full))
        return true;
    snprintf(full, sizeof full, "%s@%s", f->account, f->domain);
    return pol_glob(pattern, full);
}

static enum outcome when_users(const struct pol *p, const struct pol_facts *f, struct pol_cond *c)
{
    const struct adit_array *a = &p->conf->when.users;
    if (!a->count)
        return ABSENT;
    add_list(c->wanted, a);
    if (!f)
        return MISSED;
    snprintf(c->actual, POL_TEXT, "%s", f->user[0] ? f->user : f->account);
    for (uint32_t i = 0; i < a->count; i++)
        if (user_match(item_str(a, i), f)) {
            snprintf(c->hit, POL_TEXT, "user '%s'", item_str(a, i));
            return MATCHED;
        }
    return MISSED;
}

static enum outcome when_groups(const struct pol *p, const struct pol_facts *f, struct pol_cond *c)
{
    const struct adit_array *a = &p->conf->when.groups;
    struct text t = TEXT_OF(c->actual);
    const char *group, *hit = NULL;
    if (!a->count)
        return ABSENT;
    add_list(c->wanted, a);
    for (uint32_t i = 0; f && (group = f->group(f->u, i)) != NULL; i++) {
        add(&t, "%s%s", sep(&t), group);
        if (!hit && (hit = glob_any(a, group)) != NULL)
            snprintf(c->hit, POL_TEXT, "group '%s'", group);
    }
    if (!t.len)
        add(&t, "no group");
    return hit ? MATCHED : MISSED;
}

static enum outcome when_protocols(const struct pol *p, const struct pol_facts *f, struct pol_cond *c)
{
    const struct adit_array *a = &p->conf->when.protocols;
    return a->count ? cond_text(a, f ? f->protocol : "", "protocol", c) : ABSENT;
}

static enum outcome when_tunnels(const struct pol *p, const struct pol_facts *f, struct pol_cond *c)
{
    const struct adit_array *a = &p->conf->when.tunnels;
    return a->count ? cond_text(a, f ? f->tunnel : "", "tunnel", c) : ABSENT;
}

static enum outcome when_calling(const struct pol *p, const struct pol_facts *f, struct pol_cond *c)
{
    const struct adit_array *a = &p->conf->when.calling;
    return a->count ? cond_text(a, f ? f->calling : "", "calling station", c) : ABSENT;
}

static enum outcome cond_addr(const struct adit_array *nets, const struct adit_addr *host,
                              const char *noun, struct pol_cond *c)
{
    static const struct adit_addr none = { .family = ADIT_AF_NONE };
    struct text wanted = TEXT_OF(c->wanted), actual = TEXT_OF(c->actual), hit = TEXT_OF(c->hit);
    enum outcome out = MISSED;
    if (!nets->count)
        return ABSENT;
    add_addr(&actual, host ? host : &none, false);
    for (uint32_t i = 0; i < nets->count; i++) {
        struct adit_addr net;
        memcpy(&net, item(nets, i), sizeof net);
        add(&wanted, "%s", sep(&wanted));
        add_addr(&wanted, &net, true);
        if (host && out == MISSED && adit_in_network(&net, host)) {
            out = MATCHED;
            add(&hit, "%s ", noun);
            add_addr(&hit, &net, true);
        }
    }
    return out;
}

static enum outcome when_clients(const struct pol *p, const struct pol_facts *f, struct pol_cond *c)
{
    return cond_addr(&p->conf->when.clients, f ? &f->peer : NULL, "client address", c);
}

static enum outcome when_called(const struct pol *p, const struct pol_facts *f, struct pol_cond *c)
{
    return cond_addr(&p->conf->when.called, f ? &f->our : NULL, "called address", c);
}

static const struct hours *hours_any(const struct hours *h, uint32_t n, const struct pol_facts *f)
{
    for (uint32_t i = 0; i < n; i++)
        if (hours_match(&h[i], f->wday, f->minute))
            return &h[i];
    return NULL;
}

static enum outcome when_hours(const struct pol *p, const struct pol_facts *f, struct pol_cond *c)
{
    const struct adit_array *a = &p->conf->when.hours;
    if (!a->count)
        return ABSENT;
    add_list(c->wanted, a);
    if (!f)
        return MISSED;
    snprintf(c->actual, POL_TEXT, "%s %02u:%02u", hours_days[f->wday], f->minute / 60, f->minute % 60);
    const struct hours *hit = hours_any(p->hours, a->count, f);
    if (hit)
        snprintf(c->hit, POL_TEXT, "hours %s", item_str(a, (uint32_t)(hit - p->hours)));
    return hit ? MATCHED : MISSED;
}

static enum outcome when_methods(const struct pol *p, const struct pol_facts *f, struct pol_cond *c)
{
    uint32_t set = p->conf->when.methods;
    if (!set)
        return ABSENT;
    pol_methods_text(set, c->wanted);
    if (!f || !f->method) {
        snprintf(c->actual, POL_TEXT, "unknown");
        return MISSED;
    }
    char name[POL_TEXT];
    pol_methods_text(f->method, name);
    snprintf(c->actual, POL_TEXT, "%s", name);
    snprintf(c->hit, POL_TEXT, "method %.200s", name);
    return f->method & set ? MATCHED : MISSED;
}

static enum outcome when_secured(const struct pol *p, const struct pol_facts *f, struct pol_cond *c)
{
    uint32_t want = p->conf->when.secured;
    if (want == POL_ANY)
        return ABSENT;
    snprintf(c->wanted, POL_TEXT, "%s", want == POL_YES ? "yes" : "no");
    snprintf(c->actual, POL_TEXT, "%s", f && f->secured ? "yes" : "no");
    snprintf(c->hit, POL_TEXT, "%s", want == POL_YES ? "through IPsec" : "not through IPsec");
    return f && f->secured == (want == POL_YES) ? MATCHED : MISSED;
}

/* The order is that of the manual and of the sentences. */
static const struct {
    const char *name;
    enum outcome (*test)(const struct pol *p, const struct pol_facts *f, struct pol_cond *c);
} conditions[] = {
    { "users", when_users },
    { "groups", when_groups },
    { "protocols", when_protocols },
    { "tunnels", when_tunnels },
    { "client-addresses", when_clients },
    { "called-addresses", when_called },
    { "calling-station", when_calling },
    { "methods", when_methods },
    { "secured", when_secured },
    { "hours", when_hours },
};

bool pol_matches(const struct pol_set *s, uint32_t i, const struct pol_facts *f, pol_cond_fn fn,
                 void *u)
{
    bool all = true;
    for (size_t n = 0; n < sizeof conditions / sizeof conditions[0]; n++) {
        struct pol_cond c = { .name = conditions[n].name };
        enum outcome o = conditions[n].test(&s->pol[i], f, &c);
        if (o == ABSENT)
            continue;
        c.matched = o == MATCHED;
        all = all && c.matched;
        if (fn)
            fn(u, &c);
        else if (!all)
            return false;
    }
    return all;
}

/* ---- the set --------------------------------------------------------------------- */

static int32_t hours_compile(const struct adit_array *a, const char *policy, const char *option,
                             struct hours **out, char err[POL_ERR])
{
    if (!a->count)
        return 0;
    *out = calloc(a->count, sizeof **out);
    if (!*out) {
        snprintf(err, POL_ERR, "out of memory");
        return ADIT_ENOMEM;
    }
    for (uint32_t i = 0; i < a->count; i++) {
        const char *wrong;
        if (!hours_parse(item_str(a, i), &(*out)[i], &wrong)) {
            snprintf(err, POL_ERR, "policy '%.64s': %s: '%.64s': %s", policy, option, item_str(a, i),
                     wrong);
            return ADIT_ECONF;
        }
    }
    return 0;
}

/* An empty pattern matches nobody: somebody meant something else. */
static int32_t patterns_check(const struct pol_conf *c, char err[POL_ERR])
{
    const struct { const char *option; const struct adit_array *a; } lists[] = {
        { "users", &c->when.users },         { "groups", &c->when.groups },
        { "protocols", &c->when.protocols }, { "tunnels", &c->when.tunnels },
        { "calling-station", &c->when.calling },
    };
    for (size_t n = 0; n < sizeof lists / sizeof lists[0]; n++)
        for (uint32_t i = 0; i < lists[n].a->count; i++)
            if (!item_str(lists[n].a, i)[0]) {
                snprintf(err, POL_ERR, "policy '%.64s': when.%s has an empty entry, which matches "
                         "nothing; remove it", c->name, lists[n].option);
                return ADIT_ECONF;
            }
    return 0;
}

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
            memcpy(&a, item(lists[n].a, i), sizeof a);
            if (a.family == ADIT_AF_IPV4)
                continue;
            snprintf(err, POL_ERR, "policy '%.64s': profile.%s: item %u is not an IPv4 address",
                     c->name, lists[n].option, i + 1);
            return ADIT_ECONF;
        }
    }
    return 0;
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
        const struct pol_conf *c = item(policies, i);
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
        if ((rc = hours_compile(&c->when.hours, c->name, "when.hours", &p->hours, err)) != 0 ||
            (rc = hours_compile(&c->profile.hours, c->name, "profile.hours", &p->allowed, err)) != 0 ||
            (rc = patterns_check(c, err)) != 0 || (rc = profile_check(c, err)) != 0)
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
        free(s->pol[i].hours);
        free(s->pol[i].allowed);
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
    add(t, "; %s", why);
    d->grant = false;
    d->cause = cause;
}

static void hit_add(void *u, const struct pol_cond *c)
{
    struct text *t = u;
    add(t, "%s%s", sep(t), c->hit);
}

/* The account's own permission, then the policy's. */
static void permission(const struct pol_facts *f, struct pol_decision *d, struct text *t)
{
    const struct pol_conf *c = d->policy;
    uint32_t dialin = c->ignore_account ? ADIT_DIALIN_POLICY : f->dialin;

    if (c->ignore_account)
        add(t, "; the account's dial-in property is not looked at");
    if (dialin == ADIT_DIALIN_DENY)
        deny(d, t, ADIT_CAUSE_NO_PERMISSION, "the account's dial-in property denies: set it to allow "
             "or to policy");
    else if (dialin == ADIT_DIALIN_ALLOW)
        add(t, "; the account's dial-in property allows, the policy's permission (%s) does not count",
            c->grant ? "grant" : "deny");
    else if (!c->grant)
        deny(d, t, ADIT_CAUSE_POLICY_DENIED, "permission deny");
    else
        add(t, "; permission grant");
}

/* What holds for everyone whom the policy lets in, also for an account that
 * is allowed by itself. */
static void constraints(const struct pol_set *s, const struct pol_facts *f, struct pol_decision *d,
                        struct text *t)
{
    const struct pol_profile *p = &d->policy->profile;
    char a[POL_TEXT], b[POL_TEXT];

    if (f->expiry_s && f->now_s >= f->expiry_s) {
        deny(d, t, ADIT_CAUSE_EXPIRED, "the account has expired");
        return;
    }
    if (p->hours.count && !hours_any(s->pol[d->index].allowed, p->hours.count, f)) {
        add_list(memset(a, 0, sizeof a), &p->hours);
        deny(d, t, ADIT_CAUSE_HOURS, "profile.hours permits %s, it is %s %02u:%02u", a,
             hours_days[f->wday], f->minute / 60, f->minute % 60);
        return;
    }
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
            add(&t, "none of the %u policies matches; denied", s->count);
        else
            add(&t, "there is no policy; everyone is denied");
        return;
    }
    d->policy = s->pol[d->index].conf;

    char hits[POL_TEXT] = "";
    struct text h = TEXT_OF(hits);
    pol_matches(s, d->index, f, hit_add, &h);
    if (h.len)
        add(&t, "policy '%s' matches: %s", d->policy->name, hits);
    else
        add(&t, "policy '%s' matches everyone", d->policy->name);
    permission(f, d, &t);
    if (d->grant)
        constraints(s, f, d, &t);
}
