/* access.c - the face of the policy engine: attributes in, answers and reports out.
 *
 * Knows:  attributes, requests, the policies' file, the host's clock.
 * Leaves: what is decided to policy.c.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include "access.h"

#define NAME_MAX_BYTES 256u     /* of an account or domain that we split off ourselves */
#define POL_PLACE      256u     /* "FILE:LINE" */

ADIT_EVENT(ev_loaded, "policy.file.loaded", ADIT_LOG_INFO,
           "The file of policies was read.", "file policies");
ADIT_EVENT(ev_none, "policy.none", ADIT_LOG_WARN,
           "There is no policy, so everyone is denied.", "remedy");

const struct adit_event *const access_events[] = { &ev_loaded, &ev_none, NULL };

/* What tells a file from the one that stood there before. */
struct stamp {
    uint64_t dev, ino, size;
    int64_t mtime_s, mtime_ns;
};

struct access {
    struct pol_set *set;
    void *file;                 /* what config->load() gave: the set borrows it */
    struct stamp stamp;
    uint64_t looked_ms;         /* when the file was looked at */
};

/* ---- the policies ----------------------------------------------------------------- */

static bool stamp_of(const char *path, struct stamp *out)
{
    struct stat st;
    memset(out, 0, sizeof *out);
    if (stat(path, &st) != 0)
        return false;
    *out = (struct stamp){ .dev = st.st_dev, .ino = st.st_ino, .size = (uint64_t)st.st_size,
                           .mtime_s = st.st_mtim.tv_sec, .mtime_ns = st.st_mtim.tv_nsec };
    return true;
}

static bool stamp_equal(const struct stamp *a, const struct stamp *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
           a->mtime_s == b->mtime_s && a->mtime_ns == b->mtime_ns;
}

static bool has_file(const struct access_conf *c)
{
    return c->file && c->file[0];
}

/* Puts a new set in place; the old one stays when it fails. */
static int32_t take(struct adit_self *self, const struct access_conf *c)
{
    struct access *a = self->instance;
    const struct adit_array *policies = &c->policies;
    struct pol_set *set;
    struct stamp stamp = { 0 };
    void *file = NULL;
    char err[POL_ERR];

    if (has_file(c)) {
        if (policies->count)
            return adit_fail(self, ADIT_ECONF, "both policies and file are given; the order between "
                             "them would be a guess: keep one");
        /* Looked at before it is read: a change in between is seen next time. */
        (void)stamp_of(c->file, &stamp);
        int32_t rc = self->host->config->load(self, c->file, access_file_opts,
                                              sizeof access_file_opts[0],
                                              sizeof(struct access_file), &file);
        if (rc != 0)
            return rc;
        policies = &((const struct access_file *)file)->policies;
    }
    int32_t rc = pol_set_new(policies, &set, err);
    if (rc != 0) {
        if (file)
            self->host->config->free(file);
        return has_file(c) ? adit_fail(self, rc, "%s: %s", c->file, err) : adit_fail(self, rc, "%s", err);
    }
    pol_set_free(a->set);
    if (a->file)
        self->host->config->free(a->file);
    a->set = set;
    a->file = file;
    a->stamp = stamp;
    a->looked_ms = self->host->loop->now();
    if (file)
        adit_event(self, &ev_loaded, ADIT_KV_S("file", c->file), ADIT_KV_U("policies", pol_count(set)));
    if (pol_count(set) == 0)
        adit_event(self, &ev_none, ADIT_KV_S("remedy", "write one under policies, or let adit setup "
                                             "write a configuration"));
    return 0;
}

/* Reads the file again when it changed; looks at most once a second. A file
 * that is wrong or gone leaves the policies as they were. */
static void look(struct adit_self *self)
{
    struct access *a = self->instance;
    const struct access_conf *c = self->conf;
    uint64_t now = self->host->loop->now();
    struct stamp stamp;

    if (!has_file(c) || now - a->looked_ms < 1000)
        return;
    a->looked_ms = now;
    if (!stamp_of(c->file, &stamp) || stamp_equal(&stamp, &a->stamp))
        return;
    if (take(self, c) != 0)
        a->stamp = stamp;       /* it was said once; wait for the next change */
}

/* ---- life --------------------------------------------------------------------------- */

static void destroy(struct adit_self *self)
{
    struct access *a = self->instance;
    if (!a)
        return;
    pol_set_free(a->set);
    if (a->file)
        self->host->config->free(a->file);
    free(a);
    self->instance = NULL;
}

static int32_t create(struct adit_self *self)
{
    struct access *a = calloc(1, sizeof *a);
    if (!a)
        return adit_fail(self, ADIT_ENOMEM, "out of memory");
    self->instance = a;
    int32_t rc = take(self, self->conf);
    if (rc != 0)
        destroy(self);
    return rc;
}

static int32_t start(struct adit_self *self)
{
    (void)self;
    tzset();
    return 0;
}

static int32_t reload(struct adit_self *self, const void *conf)
{
    tzset();
    return take(self, conf);
}

/* ---- facts -------------------------------------------------------------------------- */

struct source {
    const struct adit_host *host;
    const struct adit_attrs *attrs;
    char account[NAME_MAX_BYTES], domain[NAME_MAX_BYTES];
};

static const char *nth_str(const struct source *s, uint32_t id, uint32_t nth)
{
    const struct adit_value *v = s->host->attr->get(s->attrs, id, nth);
    return v && v->type == ADIT_TYPE_STR ? v->v.p : NULL;
}

static const char *group(const void *u, uint32_t nth)
{
    return nth_str(u, ADIT_ATTR_GROUP, nth);
}

static const char *caller(const void *u, uint32_t nth)
{
    return nth_str(u, ADIT_ATTR_CALLER, nth);
}

static const char *str(const struct source *s, uint32_t id)
{
    const char *v = adit_attr_str(s->host, s->attrs, id);
    return v ? v : "";
}

/* DOMAIN\user and user@domain, for a dry run that names only the user. */
static void split(struct source *s, const char *user)
{
    const char *back = strchr(user, '\\'), *at = strrchr(user, '@');
    if (back) {
        snprintf(s->domain, sizeof s->domain, "%.*s", (int)(back - user), user);
        snprintf(s->account, sizeof s->account, "%s", back + 1);
    } else if (at) {
        snprintf(s->account, sizeof s->account, "%.*s", (int)(at - user), user);
        snprintf(s->domain, sizeof s->domain, "%s", at + 1);
    } else {
        snprintf(s->account, sizeof s->account, "%s", user);
    }
}

/* The operator writes hours as the clock on the wall shows them. */
static void clock_set(struct pol_facts *f, uint64_t now_s)
{
    time_t now = (time_t)now_s;
    struct tm tm;
    f->now_s = now_s;
    if (localtime_r(&now, &tm)) {
        f->wday = (uint32_t)(tm.tm_wday + 6) % 7;
        f->minute = (uint32_t)(tm.tm_hour * 60 + tm.tm_min);
    }
}

static void facts_of(struct adit_self *self, struct source *s, const struct adit_attrs *attrs,
                     struct pol_facts *f)
{
    const struct adit_host *h = self->host;
    const struct adit_addr *peer = adit_attr_addr(h, attrs, ADIT_ATTR_PEER, 0),
                           *our = adit_attr_addr(h, attrs, ADIT_ATTR_OUR, 0),
                           *address = adit_attr_addr(h, attrs, ADIT_ATTR_ADDRESS, 0);

    *s = (struct source){ .host = h, .attrs = attrs };
    *f = (struct pol_facts){
        .user = str(s, ADIT_ATTR_USER),
        .account = str(s, ADIT_ATTR_ACCOUNT),
        .domain = str(s, ADIT_ATTR_DOMAIN),
        .protocol = str(s, ADIT_ATTR_PROTOCOL),
        .tunnel = str(s, ADIT_ATTR_TUNNEL),
        .calling = str(s, ADIT_ATTR_CALLING_STATION),
        .called = str(s, ADIT_ATTR_CALLED_STATION),
        .name = str(s, ADIT_ATTR_PEER_HOST),
        .identity = str(s, ADIT_ATTR_PEER_IDENTITY),
        .authenticator = str(s, ADIT_ATTR_AUTHENTICATOR),
        .group = group,
        .caller = caller,
        .u = s,
        .method = (uint32_t)adit_attr_u(h, attrs, ADIT_ATTR_METHOD),
        .server_methods = (uint32_t)adit_attr_u(h, attrs, ADIT_ATTR_SERVER_METHODS),
        .dialin = (uint32_t)adit_attr_u(h, attrs, ADIT_ATTR_DIALIN),
        .expiry_s = adit_attr_u(h, attrs, ADIT_ATTR_EXPIRY),
        .secured = adit_attr_u(h, attrs, ADIT_ATTR_SECURED) != 0,
    };
    if (peer)
        f->peer = *peer;
    if (our)
        f->our = *our;
    if (address)
        f->address = *address;
    if (!f->account[0] && f->user[0]) {
        split(s, f->user);
        f->account = s->account;
        if (!f->domain[0])
            f->domain = s->domain;
    }
    uint64_t at = adit_attr_u(h, attrs, ADIT_ATTR_AT);
    clock_set(f, at ? at : h->loop->wall() / 1000);
}

/* ---- the profile ---------------------------------------------------------------------- */

struct profile {
    const struct adit_host *host;
    struct adit_attrs *attrs;
    bool failed;
};

static void put_u(struct profile *p, uint32_t id, uint64_t u)
{
    if (u && adit_attr_put_u(p->host, p->attrs, id, u) != 0)
        p->failed = true;
}

static void put_str(struct profile *p, uint32_t id, const char *s)
{
    if (s && s[0] && adit_attr_put_str(p->host, p->attrs, id, s) != 0)
        p->failed = true;
}

static bool addr_equal(const struct adit_addr *a, const struct adit_addr *b)
{
    return a->family == b->family && a->prefix == b->prefix && memcmp(a->ip, b->ip, 16) == 0;
}

/* Adds an address unless it is there. */
static void put_addr(struct profile *p, uint32_t id, const struct adit_addr *a)
{
    const struct adit_addr *have;
    for (uint32_t i = 0; (have = adit_attr_addr(p->host, p->attrs, id, i)) != NULL; i++)
        if (addr_equal(have, a))
            return;
    if (adit_attr_put_addr(p->host, p->attrs, id, a) != 0)
        p->failed = true;
}

static void put_addrs(struct profile *p, uint32_t id, const struct adit_array *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        struct adit_addr a;
        memcpy(&a, (const char *)list->items + (size_t)i * list->stride, sizeof a);
        put_addr(p, id, &a);
    }
}

/* The smaller one of two limits; 0 is none. */
static uint64_t least(uint64_t a, uint64_t b)
{
    return !a || (b && b < a) ? b : a;
}

/* Networks of the profile beside those that the account has. */
static void put_beside(struct profile *p, uint32_t id, const struct adit_attrs *have,
                       const struct adit_array *networks)
{
    const struct adit_addr *a;
    for (uint32_t i = 0; networks->count && (a = adit_attr_addr(p->host, have, id, i)); i++)
        put_addr(p, id, a);
    put_addrs(p, id, networks);
}

/* The profile as attributes. They replace what the authenticator said, so
 * limits of both are joined here: the smaller one counts. */
static struct adit_attrs *profile_of(struct adit_self *self, const struct pol_conf *policy,
                                     const struct pol_facts *f, const struct adit_attrs *have)
{
    const struct adit_host *h = self->host;
    const struct pol_profile *c = &policy->profile;
    struct profile p = { h, h->attr->make(), false };
    if (!p.attrs)
        return NULL;

    put_u(&p, ADIT_ATTR_METHODS, c->methods);
    /* What came through IPsec is encrypted, whatever MPPE does. */
    put_u(&p, ADIT_ATTR_ENCRYPTION,
          c->encryption && f->secured ? c->encryption | ADIT_ENC_NONE : c->encryption);
    put_u(&p, ADIT_ATTR_IDLE_TIMEOUT, least(c->idle_ms, adit_attr_u(h, have, ADIT_ATTR_IDLE_TIMEOUT)));
    put_u(&p, ADIT_ATTR_SESSION_TIMEOUT,
          least(c->session_ms, adit_attr_u(h, have, ADIT_ATTR_SESSION_TIMEOUT)));
    put_str(&p, ADIT_ATTR_POOL, c->pool);
    if (c->address.family != ADIT_AF_NONE)
        put_addr(&p, ADIT_ATTR_ADDRESS, &c->address);
    put_u(&p, ADIT_ATTR_MTU, c->mtu);
    put_u(&p, ADIT_ATTR_SESSION_LIMIT,
          least(c->session_limit, adit_attr_u(h, have, ADIT_ATTR_SESSION_LIMIT)));
    put_str(&p, ADIT_ATTR_FILTER_IN, c->filter[0]);
    put_str(&p, ADIT_ATTR_FILTER_OUT, c->filter[1]);
    put_u(&p, ADIT_ATTR_RATE_IN, least(c->rate[0], adit_attr_u(h, have, ADIT_ATTR_RATE_IN)));
    put_u(&p, ADIT_ATTR_RATE_OUT, least(c->rate[1], adit_attr_u(h, have, ADIT_ATTR_RATE_OUT)));
    put_addrs(&p, ADIT_ATTR_DNS, &c->dns);
    put_addrs(&p, ADIT_ATTR_WINS, &c->wins);
    if (policy->ignore_account)
        put_addrs(&p, ADIT_ATTR_ROUTE, &c->routes);
    else
        put_beside(&p, ADIT_ATTR_ROUTE, have, &c->routes);
    put_beside(&p, ADIT_ATTR_PUSH_ROUTE, have, &c->push_routes);
    put_str(&p, ADIT_ATTR_DNS_DOMAIN, c->dns_domain);
    if (p.failed) {
        h->attr->free(p.attrs);
        return NULL;
    }
    return p.attrs;
}

/* ---- decisions ------------------------------------------------------------------------ */

static void decide(struct adit_self *self, uint64_t req, const struct adit_attrs *attrs)
{
    struct access *a = self->instance;
    struct source s;
    struct pol_facts f;
    struct pol_decision d;
    struct adit_attrs *profile = NULL;
    char place[POL_PLACE] = "";

    look(self);
    facts_of(self, &s, attrs, &f);
    pol_decide(a->set, &f, &d);
    /* a method that it does not permit: the host looks whether it offers any that is */
    bool tell = d.grant || (d.policy && d.cause == ADIT_CAUSE_METHOD_REFUSED);
    if (tell && !(profile = profile_of(self, d.policy, &f, attrs))) {
        self->host->request->done(self, req, adit_fail(self, ADIT_ENOMEM, "out of memory"), NULL);
        return;
    }
    adit_count(self, d.grant ? ACCESS_GRANTED : ACCESS_DENIED);
    if (!d.policy)
        adit_count(self, ACCESS_UNMATCHED);
    if (d.policy && a->file)
        snprintf(place, sizeof place, "%s:%u", ((const struct access_conf *)self->conf)->file,
                 d.policy->line);
    const struct adit_policy_answer answer = {
        .size = sizeof answer, .grant = d.grant, .cause = d.cause,
        .policy = d.policy ? d.policy->name : NULL, .why = d.why, .profile = profile,
        .place = *place ? place : NULL,
        .ignore_account = d.policy && d.policy->ignore_account,
    };
    self->host->request->done(self, req, 0, &answer);
    if (profile)
        self->host->attr->free(profile);
}

/* ---- reports -------------------------------------------------------------------------- */

struct out {
    const struct adit_host *host;
    struct adit_report *r;
};

static void out_str(const struct out *o, const char *key, const char *s)
{
    if (s && s[0])
        adit_report_put_str(o->host, o->r, key, s);
}

static void out_u(const struct out *o, const char *key, uint64_t u)
{
    if (u)
        adit_report_put_u(o->host, o->r, key, u);
}

static void out_addrs(const struct out *o, const char *key, const struct adit_array *list)
{
    if (!list->count)
        return;
    o->host->report->array(o->r, key);
    for (uint32_t i = 0; i < list->count; i++) {
        struct adit_addr a;
        memcpy(&a, (const char *)list->items + (size_t)i * list->stride, sizeof a);
        adit_report_put_addr(o->host, o->r, NULL, &a);
    }
    o->host->report->end(o->r);
}

static void out_wanted(void *u, const struct pol_cond *c)
{
    const struct out *o = u;
    adit_report_put_str(o->host, o->r, c->name, c->wanted);
}

static void out_profile(const struct out *o, const struct access *a, uint32_t i)
{
    const struct pol_profile *p = &pol_at(a->set, i)->profile;
    char text[POL_TEXT];
    o->host->report->object(o->r, "profile");
    out_str(o, "methods", pol_methods_text(p->methods, text));
    out_str(o, "encryption", pol_encryption_text(p->encryption, text));
    pol_wanted(a->set, i, POL_ONLY, out_wanted, (void *)(uintptr_t)o);
    out_u(o, "idle-timeout", p->idle_ms);
    out_u(o, "session-timeout", p->session_ms);
    out_str(o, "pool", p->pool);
    if (p->address.family != ADIT_AF_NONE)
        adit_report_put_addr(o->host, o->r, "address", &p->address);
    out_u(o, "mtu", p->mtu);
    out_u(o, "session-limit", p->session_limit);
    out_str(o, "filter-in", p->filter[0]);
    out_str(o, "filter-out", p->filter[1]);
    out_u(o, "rate-in", p->rate[0]);
    out_u(o, "rate-out", p->rate[1]);
    out_addrs(o, "dns", &p->dns);
    out_addrs(o, "wins", &p->wins);
    out_addrs(o, "routes", &p->routes);
    out_addrs(o, "push-routes", &p->push_routes);
    out_str(o, "dns-domain", p->dns_domain);
    o->host->report->end(o->r);
}

static void out_conditions(const struct out *o, const struct access *a, uint32_t i, enum pol_part part,
                           const char *key)
{
    o->host->report->object(o->r, key);
    pol_wanted(a->set, i, part, out_wanted, (void *)(uintptr_t)o);
    o->host->report->end(o->r);
}

static int32_t list(struct adit_self *self, struct adit_report *r)
{
    const struct access *a = self->instance;
    const struct access_conf *c = self->conf;
    struct out o = { self->host, r };

    look(self);
    out_str(&o, "file", c->file);
    o.host->report->array(r, "policies");
    for (uint32_t i = 0; i < pol_count(a->set); i++) {
        const struct pol_conf *p = pol_at(a->set, i);
        o.host->report->object(r, NULL);
        adit_report_put_u(o.host, r, "order", i + 1);
        adit_report_put_str(o.host, r, "name", p->name);
        out_conditions(&o, a, i, POL_WHEN, "when");
        out_conditions(&o, a, i, POL_UNLESS, "unless");
        adit_report_put_str(o.host, r, "permission", p->grant ? "grant" : "deny");
        adit_report_put_bool(o.host, r, "ignore-account", p->ignore_account != 0);
        out_profile(&o, a, i);
        o.host->report->end(r);
    }
    o.host->report->end(r);
    return 0;
}

static void out_condition(void *u, const struct pol_cond *c)
{
    const struct out *o = u;
    o->host->report->object(o->r, NULL);
    char name[64];
    snprintf(name, sizeof name, "%s%s", c->unless ? "unless." : "", c->name);
    adit_report_put_str(o->host, o->r, "condition", name);
    adit_report_put_bool(o->host, o->r, "matched", c->matched);
    adit_report_put_str(o->host, o->r, "wanted", c->wanted);
    adit_report_put_str(o->host, o->r, "actual", c->actual);
    out_str(o, "why", c->why);
    o->host->report->end(o->r);
}

static const char *cause_code(uint32_t cause)
{
    switch (cause) {
#define ADIT_X(number, NAME, code, ras, mschap, text) case number: return code;
    ADIT_CAUSE_MAP(ADIT_X)
#undef ADIT_X
    default: return "";
    }
}

static int32_t explain(struct adit_self *self, const struct adit_attrs *attrs, struct adit_report *r)
{
    const struct access *a = self->instance;
    struct out o = { self->host, r };
    struct source s;
    struct pol_facts f;
    struct pol_decision d;

    look(self);
    facts_of(self, &s, attrs, &f);
    f.dry = true;
    pol_decide(a->set, &f, &d);
    o.host->report->array(r, "policies");
    for (uint32_t i = 0; i < pol_count(a->set); i++) {
        o.host->report->object(r, NULL);
        adit_report_put_u(o.host, r, "order", i + 1);
        adit_report_put_str(o.host, r, "name", pol_at(a->set, i)->name);
        o.host->report->array(r, "conditions");
        bool matches = pol_matches(a->set, i, &f, out_condition, &o);
        o.host->report->end(r);
        adit_report_put_bool(o.host, r, "matches", matches);
        adit_report_put_bool(o.host, r, "decides", d.policy && d.index == i);
        o.host->report->end(r);
    }
    o.host->report->end(r);
    adit_report_put_str(o.host, r, "verdict", d.grant ? "grant" : "deny");
    out_str(&o, "policy", d.policy ? d.policy->name : NULL);
    if (!d.grant)
        adit_report_put_str(o.host, r, "cause", cause_code(d.cause));
    adit_report_put_str(o.host, r, "why", d.why);
    if (d.grant)
        out_profile(&o, a, d.index);
    return 0;
}

static void status(struct adit_self *self, struct adit_report *r)
{
    const struct access *a = self->instance;
    const struct access_conf *c = self->conf;
    struct out o = { self->host, r };
    adit_report_put_u(self->host, r, "policies", pol_count(a->set));
    out_str(&o, "file", c->file);
}

const struct adit_life access_life = {
    .size = sizeof access_life, .create = create, .start = start, .reload = reload,
    .destroy = destroy, .status = status,
};

/* decide() has always answered when it returns: there is nothing to cancel. */
const struct adit_policy access_vtable = {
    .size = sizeof access_vtable, .decide = decide, .explain = explain, .list = list,
};
