/* good.c - a plugin with a face of every kind, built against the frozen headers
 * of 1.0: what must load in every later 1.x. Its authenticator can be told to
 * misbehave. */
#include <pthread.h>
#include <stdlib.h>
#include <adit/plugin.h>

/* ---- authenticator ----------------------------------------------------------- */

enum behave { ACCEPT, TWICE, NEVER, LATE, SIZE, EMPTY, POSITIVE, FORGED, THREAD, VERDICT, SLOW, KEYS };

static const struct adit_word behaviours[] = {
    { "accept", ACCEPT, 0 }, { "twice", TWICE, 0 }, { "never", NEVER, 0 }, { "late", LATE, 0 },
    { "size", SIZE, 0 }, { "empty", EMPTY, 0 }, { "positive", POSITIVE, 0 }, { "forged", FORGED, 0 },
    { "thread", THREAD, 0 }, { "verdict", VERDICT, 0 }, { "slow", SLOW, 0 }, { "keys", KEYS, 0 },
    { NULL, 0, 0 }
};

struct auth_conf {
    uint32_t behave;
    uint32_t limit;
    const char *greeting;
    const char *secret;
    struct adit_addr from;
    uint64_t wait;
    struct adit_array names;
    uint32_t fail_create, fail_start, fail_reload;
};

static const struct adit_opt auth_opts[] = {
    ADIT_OPT_WORDS(ENUM, auth_conf, behave, "behave", behaviours, "accept", ADIT_OPT_RELOAD,
                   "What check() does."),
    ADIT_OPT_NUM(U32, auth_conf, limit, "limit", "5", 1, 10, 0, "A number."),
    ADIT_OPT(STR, auth_conf, greeting, "greeting", "hello", ADIT_OPT_RELOAD, "What to say."),
    ADIT_OPT(STR, auth_conf, secret, "secret", NULL, ADIT_OPT_SECRET, "Nothing to show."),
    ADIT_OPT(ADDR, auth_conf, from, "from", "10.0.0.1:99", 0, "An address."),
    ADIT_OPT(MSEC, auth_conf, wait, "wait", "2s", ADIT_OPT_RELOAD, "A time."),
    ADIT_OPT(STR, auth_conf, names, "names", NULL, ADIT_OPT_ARRAY, "Some names."),
    ADIT_OPT(BOOL, auth_conf, fail_create, "fail-create", NULL, 0, "create() fails."),
    ADIT_OPT(BOOL, auth_conf, fail_start, "fail-start", NULL, ADIT_OPT_RELOAD, "start() fails."),
    ADIT_OPT(BOOL, auth_conf, fail_reload, "fail-reload", NULL, ADIT_OPT_RELOAD, "reload() fails."),
    ADIT_OPT_END
};

static const struct adit_counter auth_counters[] = {
    { "checks", "Questions that came." }, { "stops", "Calls of stop()." },
};

ADIT_EVENT(ev_checked, "good.auth.checked", ADIT_LOG_INFO, "A user was checked.", "user");
static const struct adit_event *const auth_events[] = { &ev_checked, NULL };

struct auth {
    uint64_t late[8];
    uint32_t late_count;
    struct adit_self *self;
    uint64_t threaded;
};

static int32_t say_late(struct adit_self *self, const struct adit_kv *args, uint32_t n,
                        struct adit_report *r)
{
    struct auth *a = self->instance;
    struct adit_auth_answer answer = { .size = sizeof answer, .verdict = ADIT_VERDICT_ACCEPT };
    (void)args;
    for (uint32_t i = 0; i < a->late_count; i++)
        self->host->request->done(self, a->late[i], 0, &answer);
    adit_report_put_u(self->host, r, "answered", a->late_count);
    a->late_count = 0;
    return n ? adit_fail(self, ADIT_EINVAL, "no arguments, please") : 0;
}

static int32_t auth_create(struct adit_self *self)
{
    const struct auth_conf *c = self->conf;
    if (c->fail_create)
        return adit_fail(self, ADIT_ECONF, "fail-create: %s", "as you said");
    struct auth *a = calloc(1, sizeof *a);
    if (!a)
        return adit_fail(self, ADIT_ENOMEM, "out of memory");
    a->self = self;
    self->instance = a;
    return self->host->control->verb(self, "say-late", "Answers what is late.", say_late);
}

static int32_t auth_start(struct adit_self *self)
{
    const struct auth_conf *c = self->conf;
    return c->fail_start ? adit_fail(self, ADIT_EIO, "fail-start: as you said") : 0;
}

static int32_t auth_reload(struct adit_self *self, const void *conf)
{
    const struct auth_conf *c = conf;
    (void)self;
    return c->fail_reload ? ADIT_EIO : 0;       /* without a sentence: a fault of its own */
}

static void auth_stop(struct adit_self *self) { adit_count(self, 1); }

static void auth_destroy(struct adit_self *self)
{
    free(self->instance);
    self->instance = NULL;
}

static void auth_status(struct adit_self *self, struct adit_report *r)
{
    const struct auth_conf *c = self->conf;
    adit_report_put_str(self->host, r, "greeting", c->greeting);
}

static void *other_thread(void *u)
{
    struct auth *a = u;
    struct adit_auth_answer answer = { .size = sizeof answer, .verdict = ADIT_VERDICT_ACCEPT };
    a->self->host->request->done(a->self, a->threaded, 0, &answer);
    return NULL;
}

static void auth_check(struct adit_self *self, uint64_t req, const struct adit_auth_query *q)
{
    const struct auth_conf *c = self->conf;
    struct auth *a = self->instance;
    const struct adit_request_api *r = self->host->request;
    struct adit_auth_answer answer = { .size = sizeof answer, .verdict = ADIT_VERDICT_ACCEPT,
                                       .message = c->greeting };
    pthread_t t;
    adit_count(self, 0);
    adit_event(self, &ev_checked, ADIT_KV_S("user", q->user));
    switch ((enum behave)c->behave) {
    case ACCEPT:
        break;
    case TWICE:
        r->done(self, req, 0, &answer);
        break;
    case NEVER:
        return;
    case LATE:
        if (a->late_count < 8)
            a->late[a->late_count++] = req;
        return;
    case SIZE:
        answer.size = 3;
        break;
    case EMPTY:
        r->done(self, req, 0, NULL);
        return;
    case POSITIVE:
        r->done(self, req, 7, &answer);
        return;
    case FORGED:
        r->done(self, req + 1, 0, &answer);
        r->done(self, req ^ 0x100000000u, 0, &answer);
        r->done(self, 0, 0, &answer);
        r->done(self, UINT64_MAX, 0, &answer);
        break;
    case THREAD:
        a->threaded = req;
        if (!pthread_create(&t, NULL, other_thread, a))
            pthread_join(t, NULL);
        return;
    case VERDICT:
        answer.verdict = 99;
        break;
    case KEYS:
        answer.key_len = 33;
        break;
    case SLOW: {
        uint64_t until = self->host->loop->wall() + 120;
        while (self->host->loop->wall() < until)
            ;
        break;
    }
    }
    r->done(self, req, 0, &answer);
}

static void auth_cancel(struct adit_self *self, uint64_t req)
{
    const struct auth_conf *c = self->conf;
    if (c->behave != LATE && c->behave != NEVER)
        self->host->request->done(self, req, ADIT_ECANCELED, NULL);
}

static const struct adit_life auth_life = { sizeof auth_life, auth_create, auth_start, auth_reload,
                                            auth_stop, auth_destroy, auth_status };
static const struct adit_auth auth_vt = { sizeof auth_vt, ADIT_AUTH_PAP, auth_check, auth_cancel };

/* ---- the least of every other kind ---------------------------------------------- */

static int32_t nothing(struct adit_self *self) { (void)self; return 0; }
static const struct adit_life life = { .size = sizeof life, .create = nothing };

static void tunnel_tx(void *call, struct adit_frame **v, uint32_t n) { (void)call; (void)v; (void)n; }
static void tunnel_hangup(void *call, uint32_t cause) { (void)call; (void)cause; }
static const struct adit_tunnel tunnel_vt = { .size = sizeof tunnel_vt, .protocol = "good",
                                              .tx = tunnel_tx, .hangup = tunnel_hangup };

static int32_t security_cover(struct adit_self *self, uint32_t protocol, const struct adit_addr *at)
{
    (void)self; (void)protocol; (void)at;
    return 0;
}
static void security_tx(struct adit_self *self, const struct adit_security_info *info,
                        const struct adit_path *path, struct adit_frame **v, uint32_t n)
{
    (void)self; (void)info; (void)path; (void)v; (void)n;
}
static const struct adit_security security_vt = { .size = sizeof security_vt,
                                                  .cover = security_cover, .tx = security_tx };

static void pool_lease(struct adit_self *self, uint64_t req, const struct adit_pool_query *q)
{
    struct adit_pool_answer a = { .size = sizeof a, .cause = ADIT_CAUSE_POOL_EXHAUSTED, .lease = 7 };
    const struct adit_addr *wanted = adit_attr_addr(self->host, q->attrs, ADIT_ATTR_ADDRESS, 0);
    if (wanted)
        a.address = *wanted;
    self->host->request->done(self, req, wanted ? 0 : ADIT_ENOSPC, &a);
}
static void pool_release(struct adit_self *self, uint64_t lease) { (void)self; (void)lease; }
static const struct adit_pool pool_vt = { .size = sizeof pool_vt, .lease = pool_lease,
                                          .release = pool_release };

static void policy_decide(struct adit_self *self, uint64_t req, const struct adit_attrs *attrs)
{
    struct adit_policy_answer a = { .size = sizeof a, .grant = 1, .policy = "all", .why = "It may." };
    (void)attrs;
    self->host->request->done(self, req, 0, &a);
}
static const struct adit_policy policy_vt = { .size = sizeof policy_vt, .decide = policy_decide };

static void account(struct adit_self *self, const struct adit_attrs *attrs) { (void)self; (void)attrs; }
static const struct adit_accounting accounting_vt = { .size = sizeof accounting_vt, .begin = account,
                                                      .interim = account, .end = account };

static void observe(struct adit_self *self, const char *source, const struct adit_event *ev,
                    const struct adit_kv *kv, uint32_t n, uint64_t wall_ms)
{
    (void)kv; (void)n; (void)wall_ms;
    adit_count(self, 0);
    /* against the rules: an event of its own */
    if (strcmp(ev->name, "good.auth.checked") != 0 && strcmp(source, "observer/o") != 0)
        adit_event(self, &ev_checked, ADIT_KV_S("user", "observer"));
}
static const struct adit_observer observer_vt = { .size = sizeof observer_vt,
                                                  .level = ADIT_LOG_INFO, .event = observe };

static const struct adit_face faces[] = {
    { .kind = ADIT_KIND_AUTH, .conf_size = sizeof(struct auth_conf), .name = "good",
      .opts = auth_opts, .counters = auth_counters, .counter_count = 2, .events = auth_events,
      .life = &auth_life, .vtable = &auth_vt },
    { .kind = ADIT_KIND_TUNNEL, .name = "good", .life = &life, .vtable = &tunnel_vt },
    { .kind = ADIT_KIND_SECURITY, .name = "good", .life = &life, .vtable = &security_vt },
    { .kind = ADIT_KIND_POOL, .name = "good", .life = &life, .vtable = &pool_vt },
    { .kind = ADIT_KIND_POLICY, .name = "good", .life = &life, .vtable = &policy_vt },
    { .kind = ADIT_KIND_ACCOUNTING, .name = "good", .life = &life, .vtable = &accounting_vt },
    { .kind = ADIT_KIND_OBSERVER, .name = "good", .counters = auth_counters, .counter_count = 2,
      .events = auth_events, .life = &life, .vtable = &observer_vt },
};

ADIT_PLUGIN("good", "1.0", "BSD-2-Clause", "Offers a face of every kind.", faces)
