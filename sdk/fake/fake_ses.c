/* fake_ses.c - sessions and leases, as the host manages them for plugins. */
#include "base/attr.h"
#include "fake_in.h"

struct session {
    struct adit_node node;
    uint64_t number;
    struct adit_attrs *attrs, *revised;
    uint32_t revisions, cause;
    char *text;
    bool dropped, gone;
};

struct news {
    struct fake_lease_news n;
    struct adit_node node;
    char *text;
    struct adit_attrs *attrs;
};

static struct {
    struct adit_node sessions, news;
    uint64_t last;
    struct news *taken;
    int32_t refuse;
} S;

static void news_free(struct news *n)
{
    if (!n)
        return;
    plug_attr_api.free(n->attrs);
    free(n->text);
    free(n);
}

void fake_ses_begin(void)
{
    memset(&S, 0, sizeof S);
    adit_list_init(&S.sessions);
    adit_list_init(&S.news);
}

void fake_ses_end(void)
{
    ADIT_LIST_EACH(n, &S.sessions) {
        struct session *s = ADIT_OF(n, struct session, node);
        plug_attr_api.free(s->attrs);
        plug_attr_api.free(s->revised);
        free(s->text);
        free(s);
    }
    ADIT_LIST_EACH(n, &S.news)
        news_free(ADIT_OF(n, struct news, node));
    news_free(S.taken);
    S.taken = NULL;
}

/* ---- sessions: the test's side ------------------------------------------------------- */

uint64_t fake_session(void)
{
    fake_need();
    struct session *s = fake_alloc(sizeof *s);
    char id[32];
    s->number = ++S.last;
    s->attrs = plug_attr_api.make();
    snprintf(id, sizeof id, "fa4e0000-%llu", (unsigned long long)s->number);
    struct adit_value v = adit_value_str(id);
    plug_attr_api.put(s->attrs, ADIT_ATTR_SESSION, &v);
    plug_attr_api.put(s->attrs, ADIT_ATTR_MULTI_SESSION, &v);
    adit_list_add(&S.sessions, &s->node);
    return s->number;
}

static struct session *session_of(uint64_t number, const char *call)
{
    fake_need();
    ADIT_LIST_EACH(n, &S.sessions)
        if (ADIT_OF(n, struct session, node)->number == number)
            return ADIT_OF(n, struct session, node);
    if (call)
        fake_trouble("%s: there is no session %llu", call, (unsigned long long)number);
    return NULL;
}

struct adit_attrs *fake_session_attrs(uint64_t session)
{
    struct session *s = session_of(session, "fake_session_attrs()");
    return s ? s->attrs : NULL;
}

void fake_session_gone(uint64_t session)
{
    struct session *s = session_of(session, "fake_session_gone()");
    if (s)
        s->gone = true;
}

const struct adit_attrs *fake_session_revised(uint64_t session, uint32_t *times)
{
    struct session *s = session_of(session, "fake_session_revised()");
    if (times)
        *times = s ? s->revisions : 0;
    return s ? s->revised : NULL;
}

int fake_session_dropped(uint64_t session, uint32_t *cause, const char **text)
{
    struct session *s = session_of(session, "fake_session_dropped()");
    if (!s || !s->dropped)
        return 0;
    if (cause)
        *cause = s->cause;
    if (text)
        *text = s->text ? s->text : "";
    return 1;
}

void fake_revise_refuse(int32_t code)
{
    fake_need();
    S.refuse = code;
}

/* ---- sessions: the plugin's side ------------------------------------------------------- */

static bool is_up(const struct session *s) { return s && !s->gone && !s->dropped; }

static uint32_t session_find(struct adit_self *self, const struct adit_attrs *which, uint64_t *out,
                             uint32_t n)
{
    uint32_t found = 0;
    if (!fake_self_of(self, "session->find()") || !which)
        return 0;
    ADIT_LIST_EACH(at, &S.sessions) {
        const struct session *s = ADIT_OF(at, struct session, node);
        if (!is_up(s) || !attr_fits(s->attrs, which))
            continue;
        if (found < n)
            out[found] = s->number;
        found++;
    }
    return found;
}

static const struct adit_attrs *session_attrs(struct adit_self *self, uint64_t session)
{
    struct session *s = fake_self_of(self, "session->attrs()") ? session_of(session, NULL) : NULL;
    return is_up(s) ? s->attrs : NULL;
}

static bool changes(uint32_t id)
{
    static const uint32_t ids[] = {
        ADIT_ATTR_SESSION_TIMEOUT, ADIT_ATTR_IDLE_TIMEOUT, ADIT_ATTR_INTERIM, ADIT_ATTR_RATE_IN,
        ADIT_ATTR_RATE_OUT, ADIT_ATTR_FILTER_IN, ADIT_ATTR_FILTER_OUT, ADIT_ATTR_FILTER_RULE,
        ADIT_ATTR_CLASS, ADIT_ATTR_EXPIRY,
    };
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        if (ids[i] == id)
            return true;
    return false;
}

static int32_t session_revise(struct adit_self *self, uint64_t session, const struct adit_attrs *values)
{
    struct session *s = fake_self_of(self, "session->revise()") ? session_of(session, NULL) : NULL;
    uint32_t pos = 0, id;
    const struct adit_value *v;
    if (!is_up(s))
        return ADIT_ENOENT;
    while (plug_attr_api.next(values, &pos, &id, &v))
        if (!changes(id))
            return ADIT_ENOSYS;
    if (S.refuse)
        return S.refuse;
    plug_attr_api.free(s->revised);
    s->revised = plug_attr_api.make();
    attr_append(s->revised, values);
    s->revisions++;
    return attr_over(s->attrs, values);
}

static int32_t session_drop(struct adit_self *self, uint64_t session, uint32_t cause, const char *text)
{
    struct session *s = fake_self_of(self, "session->drop()") ? session_of(session, NULL) : NULL;
    if (!is_up(s))
        return ADIT_ENOENT;
    s->dropped = true;
    s->cause = cause;
    s->text = fake_strdup(text);
    return 0;
}

const struct adit_session_api fake_session_api = {
    .size = sizeof(struct adit_session_api), .find = session_find, .attrs = session_attrs,
    .revise = session_revise, .drop = session_drop,
};

/* ---- leases ------------------------------------------------------------------------------ */

static void tell(struct adit_self *self, const char *call, uint64_t lease, bool lost, uint32_t cause,
                 const char *text, const struct adit_attrs *attrs)
{
    struct fake_self *s = fake_self_of(self, call);
    if (!s)
        return;
    if (s->face->kind != ADIT_KIND_POOL)
        fake_trouble("%s: the instance %s is no pool", call, s->name);
    struct news *n = fake_alloc(sizeof *n);
    n->text = fake_strdup(text);
    n->attrs = plug_attr_api.make();
    if (attrs)
        attr_append(n->attrs, attrs);
    n->n = (struct fake_lease_news){ self, lease, lost, cause, n->text ? n->text : "", n->attrs };
    adit_list_add(&S.news, &n->node);
}

static void lease_changed(struct adit_self *self, uint64_t lease, const struct adit_attrs *attrs)
{
    tell(self, "lease->changed()", lease, false, 0, NULL, attrs);
}

static void lease_lost(struct adit_self *self, uint64_t lease, uint32_t cause, const char *text)
{
    tell(self, "lease->lost()", lease, true, cause, text, NULL);
}

const struct adit_lease_api fake_lease_api = {
    .size = sizeof(struct adit_lease_api), .changed = lease_changed, .lost = lease_lost,
};

const struct fake_lease_news *fake_lease_news(void)
{
    fake_need();
    news_free(S.taken);
    S.taken = NULL;
    if (adit_list_empty(&S.news))
        return NULL;
    S.taken = ADIT_OF(S.news.next, struct news, node);
    adit_list_del(&S.taken->node);
    return &S.taken->n;
}
