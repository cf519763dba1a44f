/* cond.c - conditions: what is wanted, held against what is.
 *
 * Knows:  names of conditions, patterns, what a sentence about one says.
 * Leaves: which conditions matter for what, to policy.c.
 */
#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <adit/attr.h>
#include <adit/auth.h>
#include <adit/bytes.h>
#include "cond.h"
#include "hours.h"

#define REGEX_MAX 255u          /* bytes of one; text that it is held against has no more */
#define PLUS_MAX  8u            /* of each + glibc makes a copy of what it repeats: nested, 2^n of them */

const struct adit_word pol_method_words[] = { ADIT_AUTH_WORDS, { NULL, 0, 0 } };
const struct adit_word pol_encryption_words[] = { ADIT_ENC_WORDS, { NULL, 0, 0 } };

struct cond_regex {
    const char *pattern;        /* the list's own: found by its place in memory */
    regex_t re;
};

/* ---- text ----------------------------------------------------------------------- */

void text_add(struct text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(t->at + t->len, t->size - t->len, fmt, ap);
    va_end(ap);
    if (n > 0)
        t->len = t->len + (size_t)n < t->size ? t->len + (size_t)n : t->size - 1;
}

const char *text_sep(const struct text *t)
{
    return t->len ? ", " : "";
}

static const char *words_text(const struct adit_word *w, uint32_t set, char out[POL_TEXT])
{
    struct text t = { out, POL_TEXT, 0 };
    out[0] = '\0';
    for (; w->word; w++)
        if (set & w->value)
            text_add(&t, "%s%s", text_sep(&t), w->word);
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
        text_add(&t, "%s%s", text_sep(&t), item_str(a, i));
}

void text_addr(struct text *t, const struct adit_addr *a, bool net)
{
    struct rd r = rd_of(a->ip, sizeof a->ip);
    if (a->family == ADIT_AF_IPV4) {
        text_add(t, "%u.%u.%u.%u", a->ip[0], a->ip[1], a->ip[2], a->ip[3]);
    } else if (a->family == ADIT_AF_IPV6) {
        for (uint32_t i = 0; i < 8; i++)
            text_add(t, "%s%x", i ? ":" : "", rd_u16(&r));
    } else {
        text_add(t, "unknown");
        return;
    }
    if (net)
        text_add(t, "/%u", a->prefix);
}

/* ---- patterns -------------------------------------------------------------------- */

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

/* "/.../": a regular expression; a name may begin with a slash. */
static bool is_regex(const char *pattern)
{
    size_t n = strlen(pattern);
    return n > 2 && pattern[0] == '/' && pattern[n - 1] == '/';
}

/* Back references and repetitions by number are refused: they make expressions that
 * take minutes. */
static const char *regex_compile(const char *pattern, regex_t *re)
{
    char text[REGEX_MAX + 1];
    size_t n = strlen(pattern) - 2;
    uint32_t plus = 0;
    if (n > REGEX_MAX)
        return "the regular expression is longer than 255 bytes";
    memcpy(text, pattern + 1, n);
    text[n] = '\0';
    for (const char *p = text; *p; p++) {
        if (*p == '{')
            return "a regular expression with {} is not taken; write the repetition out";
        if (*p == '+' && ++plus > PLUS_MAX)
            return "a regular expression with more than 8 + is not taken; write * instead";
        if (*p == '\\' && *++p >= '1' && *p <= '9')
            return "a regular expression with a back reference is not taken";
        if (!*p)
            break;
    }
    return regcomp(re, text, REG_EXTENDED | REG_ICASE | REG_NOSUB) == 0 ? NULL :
           "this is no regular expression (POSIX extended)";
}

static bool pattern_match(const struct cond *c, const char *pattern, const char *text)
{
    if (!is_regex(pattern))
        return pol_glob(pattern, text);
    char cut[REGEX_MAX + 1];
    snprintf(cut, sizeof cut, "%s", text);
    for (uint32_t i = 0; i < c->regex_count; i++)
        if (c->regex[i].pattern == pattern)
            return regexec(&c->regex[i].re, cut, 0, NULL, 0) == 0;
    return false;
}

/* The first pattern of a list that a text matches; NULL: none. */
static const char *match_any(const struct cond *c, const struct adit_array *patterns, const char *text)
{
    for (uint32_t i = 0; text && text[0] && i < patterns->count; i++)
        if (pattern_match(c, item_str(patterns, i), text))
            return item_str(patterns, i);
    return NULL;
}

/* ---- conditions ------------------------------------------------------------------ */

enum outcome { ABSENT, MISSED, MATCHED };

struct row {
    const char *name, *noun;
    enum outcome (*test)(const struct row *k, const struct cond *c, const struct pol_facts *f,
                         struct pol_cond *out);
    size_t list, fact;          /* in struct pol_when, in struct pol_facts */
};

static const struct adit_array *list_of(const struct row *k, const struct pol_when *w)
{
    return (const struct adit_array *)(const void *)((const char *)w + k->list);
}

/* A text of the facts against patterns. */
static enum outcome by_text(const struct row *k, const struct cond *c, const struct pol_facts *f,
                            struct pol_cond *out)
{
    const struct adit_array *a = list_of(k, c->conf);
    const char *text = NULL;
    if (!a->count)
        return ABSENT;
    add_list(out->wanted, a);
    if (f)
        memcpy(&text, (const char *)f + k->fact, sizeof text);
    snprintf(out->actual, POL_TEXT, "%s", text && text[0] ? text : "unknown");
    const char *hit = match_any(c, a, text);
    if (hit)
        snprintf(out->hit, POL_TEXT, "%s '%s'", k->noun, hit);
    return hit ? MATCHED : MISSED;
}

/* A pattern with a domain is held against both ways of writing it, one without
 * against the name alone (W22: Windows sends DOMAIN\user). */
static bool user_match(const struct cond *c, const char *pattern, const struct pol_facts *f)
{
    char full[POL_TEXT];
    bool regex = is_regex(pattern), domain = regex || strpbrk(pattern, "\\@");
    if ((regex || !domain) && pattern_match(c, pattern, f->account))
        return true;
    if (!domain)
        return false;
    if (pattern_match(c, pattern, f->user))
        return true;
    if (!f->domain[0])
        return false;
    snprintf(full, sizeof full, "%s\\%s", f->domain, f->account);
    if (pattern_match(c, pattern, full))
        return true;
    snprintf(full, sizeof full, "%s@%s", f->account, f->domain);
    return pattern_match(c, pattern, full);
}

static enum outcome by_user(const struct row *k, const struct cond *c, const struct pol_facts *f,
                            struct pol_cond *out)
{
    const struct adit_array *a = list_of(k, c->conf);
    if (!a->count)
        return ABSENT;
    add_list(out->wanted, a);
    if (!f)
        return MISSED;
    snprintf(out->actual, POL_TEXT, "%s", f->user[0] ? f->user : f->account[0] ? f->account : "unknown");
    for (uint32_t i = 0; i < a->count; i++)
        if (user_match(c, item_str(a, i), f)) {
            snprintf(out->hit, POL_TEXT, "%s '%s'", k->noun, item_str(a, i));
            return MATCHED;
        }
    return MISSED;
}

static enum outcome by_group(const struct row *k, const struct cond *c, const struct pol_facts *f,
                             struct pol_cond *out)
{
    const struct adit_array *a = list_of(k, c->conf);
    struct text t = TEXT_OF(out->actual);
    const char *group, *hit = NULL;
    if (!a->count)
        return ABSENT;
    add_list(out->wanted, a);
    for (uint32_t i = 0; f && (group = f->group(f->u, i)) != NULL; i++) {
        text_add(&t, "%s%s", text_sep(&t), group);
        if (!hit && (hit = match_any(c, a, group)) != NULL)
            snprintf(out->hit, POL_TEXT, "%s '%s'", k->noun, group);
    }
    if (!t.len)
        text_add(&t, "no group");
    return hit ? MATCHED : MISSED;
}

static enum outcome by_network(const struct row *k, const struct cond *c, const struct pol_facts *f,
                               struct pol_cond *out)
{
    const struct adit_array *nets = list_of(k, c->conf);
    struct text wanted = TEXT_OF(out->wanted), actual = TEXT_OF(out->actual), hit = TEXT_OF(out->hit);
    struct adit_addr host = { .family = ADIT_AF_NONE };
    enum outcome o = MISSED;
    if (!nets->count)
        return ABSENT;
    if (f)
        memcpy(&host, (const char *)f + k->fact, sizeof host);
    text_addr(&actual, &host, false);
    for (uint32_t i = 0; i < nets->count; i++) {
        struct adit_addr net;
        memcpy(&net, item(nets, i), sizeof net);
        text_add(&wanted, "%s", text_sep(&wanted));
        text_addr(&wanted, &net, true);
        if (f && o == MISSED && adit_in_network(&net, &host)) {
            o = MATCHED;
            text_add(&hit, "%s ", k->noun);
            text_addr(&hit, &net, true);
        }
    }
    return o;
}

static enum outcome by_hours(const struct row *k, const struct cond *c, const struct pol_facts *f,
                             struct pol_cond *out)
{
    const struct adit_array *a = list_of(k, c->conf);
    if (!a->count)
        return ABSENT;
    add_list(out->wanted, a);
    if (!f)
        return MISSED;
    snprintf(out->actual, POL_TEXT, "%s %02u:%02u", hours_days[f->wday], f->minute / 60, f->minute % 60);
    for (uint32_t i = 0; i < a->count; i++)
        if (hours_match(&c->hours[i], f->wday, f->minute)) {
            snprintf(out->hit, POL_TEXT, "%s %s", k->noun, item_str(a, i));
            return MATCHED;
        }
    return MISSED;
}

static enum outcome by_method(const struct row *k, const struct cond *c, const struct pol_facts *f,
                              struct pol_cond *out)
{
    uint32_t set = c->conf->methods;
    char name[POL_TEXT];
    if (!set)
        return ABSENT;
    pol_methods_text(set, out->wanted);
    if (!f || !f->method) {
        snprintf(out->actual, POL_TEXT, "unknown");
        return MISSED;
    }
    snprintf(out->actual, POL_TEXT, "%.200s", pol_methods_text(f->method, name));
    snprintf(out->hit, POL_TEXT, "%s %.200s", k->noun, name);
    return f->method & set ? MATCHED : MISSED;
}

static enum outcome by_secured(const struct row *k, const struct cond *c, const struct pol_facts *f,
                               struct pol_cond *out)
{
    uint32_t want = c->conf->secured;
    (void)k;
    if (want == POL_ANY)
        return ABSENT;
    snprintf(out->wanted, POL_TEXT, "%s", want == POL_YES ? "yes" : "no");
    snprintf(out->actual, POL_TEXT, "%s", f && f->secured ? "yes" : "no");
    snprintf(out->hit, POL_TEXT, "%s", want == POL_YES ? "through IPsec" : "not through IPsec");
    return f && f->secured == (want == POL_YES) ? MATCHED : MISSED;
}

/* The order is that of the manual and of the sentences. */
#define TEXTS(name, noun, list, fact)                                                    \
    { name, noun, by_text, offsetof(struct pol_when, list), offsetof(struct pol_facts, fact) }
// clang-format off
static const struct row rows[] = {
    { "users", "user", by_user, offsetof(struct pol_when, users), 0 },
    { "groups", "group", by_group, offsetof(struct pol_when, groups), 0 },
    TEXTS("domains", "domain", domains, domain),
    TEXTS("protocols", "protocol", protocols, protocol),
    TEXTS("tunnels", "tunnel", tunnels, tunnel),
    { "client-addresses", "client address", by_network, offsetof(struct pol_when, clients), offsetof(struct pol_facts, peer) },
    { "called-addresses", "called address", by_network, offsetof(struct pol_when, called), offsetof(struct pol_facts, our) },
    TEXTS("calling-station", "calling station", calling, calling),
    TEXTS("called-station", "called station", called_station, called),
    TEXTS("client-names", "client name", names, name),
    TEXTS("ipsec-identities", "IPsec identity", identities, identity),
    { "methods", "method", by_method, 0, 0 },
    TEXTS("authenticators", "authenticator", authenticators, authenticator),
    { "secured", "", by_secured, 0, 0 },
    { "hours", "hours", by_hours, offsetof(struct pol_when, hours), 0 },
};
// clang-format on
#define ROWS (sizeof rows / sizeof rows[0])

static void why_of(struct pol_cond *c, enum cond_side side)
{
    switch (side) {
    case COND_WHEN:
        snprintf(c->why, sizeof c->why, "when.%s wants %.200s, it is %.200s", c->name, c->wanted, c->actual);
        break;
    case COND_UNLESS:
        snprintf(c->why, sizeof c->why, "unless.%s excludes %.200s, it is %.200s", c->name, c->wanted,
                 c->actual);
        break;
    case COND_PROFILE:
        snprintf(c->why, sizeof c->why, "profile.%s permits %.200s, it is %.200s", c->name, c->wanted,
                 c->actual);
        break;
    }
}

bool cond_all(const struct cond *c, const struct pol_facts *f, enum cond_side side, pol_cond_fn fn, void *u)
{
    bool all = true;
    for (size_t n = 0; n < ROWS; n++) {
        struct pol_cond one = { .name = rows[n].name, .unless = side == COND_UNLESS };
        enum outcome o = rows[n].test(&rows[n], c, f, &one);
        if (o == ABSENT)
            continue;
        one.matched = (o == MATCHED) == (side != COND_UNLESS);
        all = all && one.matched;
        if (!fn && !all)
            return false;
        if (fn) {
            if (!one.matched)
                why_of(&one, side);
            if (side == COND_UNLESS)
                one.hit[0] = '\0';
            fn(u, &one);
        }
    }
    return all;
}

bool cond_some(const struct pol_when *w)
{
    for (size_t n = 0; n < ROWS; n++)
        if (rows[n].test != by_method && rows[n].test != by_secured && list_of(&rows[n], w)->count)
            return true;
    return w->methods || w->secured != POL_ANY;
}

/* ---- made ready -------------------------------------------------------------------- */

static int32_t no_memory(char err[POL_ERR])
{
    snprintf(err, POL_ERR, "out of memory");
    return ADIT_ENOMEM;
}

static int32_t hours_ready(struct cond *c, const char *where, char err[POL_ERR])
{
    const struct adit_array *a = &c->conf->hours;
    const char *wrong;
    if (!a->count)
        return 0;
    c->hours = calloc(a->count, sizeof *c->hours);
    if (!c->hours)
        return no_memory(err);
    for (uint32_t i = 0; i < a->count; i++)
        if (!hours_parse(item_str(a, i), &c->hours[i], &wrong)) {
            snprintf(err, POL_ERR, "%.100s.hours: '%.64s': %s", where, item_str(a, i), wrong);
            return ADIT_ECONF;
        }
    return 0;
}

static bool has_patterns(const struct row *k)
{
    return k->test == by_text || k->test == by_user || k->test == by_group;
}

/* An empty pattern matches nobody: somebody meant something else. */
static int32_t patterns_ready(struct cond *c, const struct row *k, const char *where, char err[POL_ERR])
{
    const struct adit_array *a = list_of(k, c->conf);
    for (uint32_t i = 0; i < a->count; i++) {
        const char *pattern = item_str(a, i);
        if (!pattern[0]) {
            snprintf(err, POL_ERR, "%.100s.%s has an empty entry, which matches nothing; remove it",
                     where, k->name);
            return ADIT_ECONF;
        }
        if (!is_regex(pattern))
            continue;
        struct cond_regex *more = reallocarray(c->regex, c->regex_count + 1, sizeof *more);
        if (!more)
            return no_memory(err);
        c->regex = more;
        const char *wrong = regex_compile(pattern, &more[c->regex_count].re);
        if (wrong) {
            snprintf(err, POL_ERR, "%.100s.%s: '%.64s': %s", where, k->name, pattern, wrong);
            return ADIT_ECONF;
        }
        more[c->regex_count++].pattern = pattern;
    }
    return 0;
}

int32_t cond_init(struct cond *c, const struct pol_when *conf, const char *where, char err[POL_ERR])
{
    *c = (struct cond){ .conf = conf };
    int32_t rc = hours_ready(c, where, err);
    for (size_t n = 0; n < ROWS && rc == 0; n++)
        if (has_patterns(&rows[n]))
            rc = patterns_ready(c, &rows[n], where, err);
    if (rc != 0)
        cond_fini(c);
    return rc;
}

void cond_fini(struct cond *c)
{
    for (uint32_t i = 0; i < c->regex_count; i++)
        regfree(&c->regex[i].re);
    free(c->regex);
    free(c->hours);
    *c = (struct cond){ .conf = c->conf };
}
