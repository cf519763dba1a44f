/* auth-hello.c - an authenticator that knows one user, in the options:
 *
 *     auth:
 *       - type: hello
 *         user: ann
 *         password: "open sesame"
 *         group: staff
 *
 * It hands the password to the host, which judges whatever method the client
 * used (PAP, CHAP, MS-CHAP, EAP). Everybody else is the next authenticator's.
 */
#include <adit/plugin.h>

struct conf {
    const char *user, *password, *group;
};

static const struct adit_opt opts[] = {
    ADIT_OPT(STR, conf, user, "user", NULL, ADIT_OPT_REQUIRED | ADIT_OPT_RELOAD, "The user's name."),
    ADIT_OPT(STR, conf, password, "password", NULL,
             ADIT_OPT_REQUIRED | ADIT_OPT_SECRET | ADIT_OPT_RELOAD, "The user's password."),
    ADIT_OPT(STR, conf, group, "group", "guests", ADIT_OPT_RELOAD, "The user's group, for policies."),
    ADIT_OPT_END
};

enum { ACCEPTED, REJECTED };
static const struct adit_counter counters[] = {
    { "accepted", "Logins that were accepted." }, { "rejected", "Logins with a wrong password." },
};

ADIT_EVENT(ev_login, "hello.login", ADIT_LOG_INFO, "The user was judged.", "user accepted");
static const struct adit_event *const events[] = { &ev_login, NULL };

static void check(struct adit_self *self, uint64_t req, const struct adit_auth_query *q)
{
    const struct conf *c = self->conf;
    const struct adit_host *h = self->host;
    struct adit_auth_answer a = { .size = sizeof a, .verdict = ADIT_VERDICT_NEXT };
    struct adit_attrs *attrs = NULL;
    if (!strcmp(q->user, c->user)) {
        struct adit_secret_view secret = { .size = sizeof secret, .clear = c->password,
                                           .clear_len = (uint32_t)strlen(c->password) };
        h->judge->judge(q, &secret, &a);
        adit_count(self, a.verdict == ADIT_VERDICT_ACCEPT ? ACCEPTED : REJECTED);
        adit_event(self, &ev_login, ADIT_KV_S("user", q->user),
                   ADIT_KV_BOOL("accepted", a.verdict == ADIT_VERDICT_ACCEPT));
        attrs = h->attr->make();
        adit_attr_put_str(h, attrs, ADIT_ATTR_GROUP, c->group);
        a.attrs = attrs;                /* borrowed until done() returns */
    }
    h->request->done(self, req, 0, &a);
    h->attr->free(attrs);
}

static int32_t create(struct adit_self *self)
{
    const struct conf *c = self->conf;
    return *c->user ? 0 : adit_fail(self, ADIT_ECONF, "user: a name is needed");
}

static int32_t reload(struct adit_self *self, const void *conf)
{
    (void)self, (void)conf;             /* check() reads self->conf each time */
    return 0;
}

static const struct adit_life life = { .size = sizeof life, .create = create, .reload = reload };
static const struct adit_auth vtable = {
    .size = sizeof vtable, .check = check,
    .methods = ADIT_AUTH_PAP | ADIT_AUTH_CHAP | ADIT_AUTH_MSCHAPV1 | ADIT_AUTH_MSCHAPV2 |
               ADIT_AUTH_EAP_MD5 | ADIT_AUTH_EAP_MSCHAPV2,
};
static const struct adit_face faces[] = { {
    .kind = ADIT_KIND_AUTH, .name = "hello", .conf_size = sizeof(struct conf), .opts = opts,
    .counters = counters, .counter_count = 2, .events = events, .life = &life, .vtable = &vtable,
} };

ADIT_PLUGIN("auth-hello", "1.0", "BSD-2-Clause", "One user, named in the configuration.", faces)
