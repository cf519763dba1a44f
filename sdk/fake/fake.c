/* fake.c - the fake host: the host itself, its instances, and its troubles. */
#include <arpa/inet.h>
#include <stdarg.h>
#include "crypto/crypto.h"
#include "fake_in.h"

static struct {
    bool begun;
    uint32_t troubles;
    void (*trouble)(const char *sentence);
    struct adit_node selfs;
    struct adit_host host;
    struct adit_crypto_api crypto;
    struct adit_judge_api judge;
    uint64_t random;
    int32_t code;
    char error[1024];
} F;

static const char *const owned_names[OWN_COUNT] = {
    "timer(s) not freed", "work under way", "post(s) under way", "listener(s) open",
    "stream(s) open", "port(s) bound", "path(s) held", "link(s) not down", "request(s) unanswered",
    "verb(s) not finished",
};

void fake_trouble(const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    F.troubles++;
    if (F.trouble) {
        F.trouble(text);
        return;
    }
    fflush(stdout);
    fprintf(stderr, "fake host: %s\n", text);
    abort();
}

uint32_t fake_troubles(void) { return F.troubles; }
void fake_on_trouble(void (*trouble)(const char *sentence)) { F.trouble = trouble; }

void *fake_alloc(size_t n)
{
    void *p = calloc(1, n ? n : 1);
    if (!p) {
        fprintf(stderr, "fake host: out of memory\n");
        abort();
    }
    return p;
}

void *fake_dup(const void *p, size_t n)
{
    uint8_t *copy = fake_alloc(n);
    if (n)
        memcpy(copy, p, n);
    return copy;
}

char *fake_strdup(const char *s)
{
    return s ? fake_dup(s, strlen(s) + 1) : NULL;
}

/* ---- addresses --------------------------------------------------------------- */

struct adit_addr fake_addr(const char *text)
{
    struct adit_addr a = { 0 };
    char host[64];
    const char *rest, *from = text;
    size_t n;
    if (*text == '[') {
        from = text + 1;
        n = strcspn(from, "]");
        rest = from[n] ? from + n + 1 : from + n;
    } else {
        bool v6 = strchr(text, ':') != strrchr(text, ':');
        n = strcspn(text, v6 ? "/" : ":/");
        rest = text + n;
    }
    if (n >= sizeof host)
        n = sizeof host - 1;
    memcpy(host, from, n);
    host[n] = 0;
    if (inet_pton(AF_INET, host, a.ip) == 1) {
        a.family = ADIT_AF_IPV4;
        a.prefix = 32;
    } else if (inet_pton(AF_INET6, host, a.ip) == 1) {
        a.family = ADIT_AF_IPV6;
        a.prefix = 128;
    } else {
        fake_trouble("fake_addr(\"%s\"): not an address", text);
    }
    if (*rest == ':')
        a.port = (uint16_t)strtoul(rest + 1, NULL, 10);
    else if (*rest == '/')
        a.prefix = (uint8_t)strtoul(rest + 1, NULL, 10);
    return a;
}

const char *fake_addr_text(const struct adit_addr *a)
{
    static char out[4][64];
    static unsigned turn;
    char *to = out[turn++ % 4], host[INET6_ADDRSTRLEN] = "none";
    bool v6 = a->family == ADIT_AF_IPV6;
    if (a->family)
        inet_ntop(v6 ? AF_INET6 : AF_INET, a->ip, host, sizeof host);
    if (a->port)
        snprintf(to, sizeof out[0], v6 ? "[%s]:%u" : "%s:%u", host, a->port);
    else if (a->family && a->prefix != (v6 ? 128 : 32))
        snprintf(to, sizeof out[0], "%s/%u", host, a->prefix);
    else
        snprintf(to, sizeof out[0], "%s", host);
    return to;
}

/* ---- the host ------------------------------------------------------------------ */

void fake_seed(uint64_t seed) { F.random = seed; }

static void seeded_random(void *out, uint32_t len)
{
    uint8_t *b = out;
    while (len--) {             /* splitmix64, a byte at a time */
        uint64_t z = F.random += 0x9e3779b97f4a7c15u;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        *b++ = (uint8_t)(z >> 56);
    }
}

void fake_crypto(const struct adit_crypto_api *crypto, const struct adit_judge_api *judge)
{
    fake_need();
    if (crypto)
        F.crypto = *crypto;
    F.crypto.size = sizeof F.crypto;
    F.crypto.random = seeded_random;
    if (judge)
        F.judge = *judge;
    F.judge.size = sizeof F.judge;
}

void fake_begin(void)
{
    if (F.begun)
        fake_end();
    void (*trouble)(const char *) = F.trouble;
    memset(&F, 0, sizeof F);
    F.trouble = trouble;
    F.begun = true;
    F.random = 1;
    adit_list_init(&F.selfs);
    fake_loop_begin();
    fake_net_begin();
    fake_link_begin();
    fake_log_begin();
    fake_ses_begin();
    fake_trace_begin();
    crypto_init();              /* a host that forbids MD4 or RC4 says so when they are used */
    fake_crypto(&crypto_api, &crypto_judge_api);
    F.host = (struct adit_host){
        .size = sizeof F.host, .abi_minor = ADIT_ABI_MINOR, .version = "fake",
        .log = &fake_log_api, .loop = &fake_loop_api, .stream = &fake_stream_api,
        .path = &fake_path_api, .link = &fake_link_api, .frame = &fake_frame_api,
        .attr = &plug_attr_api, .request = &fake_request_api, .report = &fake_report_api,
        .control = &fake_control_api, .config = &plug_config_api, .crypto = &F.crypto,
        .judge = &F.judge, .security = &fake_security_api,
        .session = &fake_session_api, .lease = &fake_lease_api,
        .trace = &fake_trace_api,
    };
}

void fake_need(void)
{
    if (!F.begun)
        fake_begin();
}

const struct adit_host *fake_host(void)
{
    fake_need();
    return &F.host;
}

void fake_state_dir(const char *path)
{
    fake_need();
    F.host.state_dir = path;
}

int32_t fake_code(void) { return F.code; }
void fake_set_code(int32_t code) { F.code = code; }
const char *fake_last_error(void) { return F.error; }
void fake_set_error(const char *text) { snprintf(F.error, sizeof F.error, "%s", text); }

static void self_free(struct fake_self *s)
{
    adit_list_del(&s->node);
    while (s->verbs) {
        struct fake_verb *v = s->verbs;
        s->verbs = v->next;
        free(v->name);
        free(v);
    }
    free(s->name);
    free(s->counters);
    if (s->conf)
        fake_conf_free(s->conf, s->conf_mem);
    free(s);
}

void fake_end(void)
{
    if (!F.begun)
        return;
    ADIT_LIST_EACH(n, &F.selfs) {
        struct fake_self *s = ADIT_OF(n, struct fake_self, node);
        if (!s->dead)
            fake_trouble("fake_end(): the instance %s was not freed with fake_inst_free()", s->name);
    }
    uint32_t kept = fake_frames_kept();
    if (kept)
        fake_trouble("%u kept frame(s) were not dropped", kept);
    fake_link_end();
    fake_net_end();
    fake_loop_end();
    fake_log_end();
    fake_ses_end();
    fake_trace_end();
    ADIT_LIST_EACH(n, &F.selfs)
        self_free(ADIT_OF(n, struct fake_self, node));
    F.begun = false;
}

/* ---- instances -------------------------------------------------------------------- */

struct fake_self *fake_self_of(struct adit_self *self, const char *call)
{
    fake_need();
    ADIT_LIST_EACH(n, &F.selfs) {
        struct fake_self *s = ADIT_OF(n, struct fake_self, node);
        if (&s->self != self)
            continue;
        if (s->dead) {
            fake_trouble("%s: the instance %s is destroyed", call, s->name);
            return NULL;
        }
        return s;
    }
    fake_trouble("%s: no such instance", call);
    return NULL;
}

static struct fake_self *self_new(const struct adit_face *face, const char *name)
{
    fake_need();
    F.code = 0;
    F.error[0] = 0;
    struct fake_self *s = fake_alloc(sizeof *s);
    s->face = face;
    s->name = fake_strdup(name);
    s->counters = fake_alloc(face->counter_count * sizeof *s->counters);
    s->self = (struct adit_self){ sizeof s->self, face->kind, &F.host, s->name, NULL, NULL,
                                  s->counters };
    adit_list_add(&F.selfs, &s->node);
    return s;
}

void fake_each_security(void (*fn)(struct fake_self *s, void *u), void *u)
{
    ADIT_LIST_EACH(n, &F.selfs) {
        struct fake_self *s = ADIT_OF(n, struct fake_self, node);
        if (s->face->kind == ADIT_KIND_SECURITY && s->running && !s->dead)
            fn(s, u);
    }
}

static void security_first(struct fake_self *s, void *u)
{
    struct fake_self **out = u;
    if (!*out)
        *out = s;
}

struct fake_self *fake_security_for(struct fake_self *s)
{
    struct fake_self *found = s->security;
    if (!found)
        fake_each_security(security_first, &found);
    return found;
}

void fake_secure(struct adit_self *tunnel, struct adit_self *security)
{
    struct fake_self *t = fake_self_of(tunnel, "fake_secure()");
    if (t)
        t->security = fake_self_of(security, "fake_secure()");
}

/* What an instance leaves behind, in one sentence. */
static void reckon(struct fake_self *s)
{
    char text[512] = "";
    size_t at = 0;
    for (int i = 0; i < OWN_COUNT; i++)
        if (s->owned[i] && at < sizeof text)
            at += (size_t)snprintf(text + at, sizeof text - at, "%s%d %s", at ? ", " : "",
                                   s->owned[i], owned_names[i]);
    if (at)
        fake_trouble("the instance %s leaves behind: %s", s->name, text);
}

static void self_end(struct fake_self *s)
{
    const struct adit_life *life = s->face->life;
    if (ADIT_HAS(life, destroy))
        life->destroy(&s->self);
    fake_run();                 /* done() of work comes also after destroy() */
    reckon(s);
    s->dead = true;
    s->self.instance = NULL;
}

static struct adit_self *self_create(struct fake_self *s)
{
    const struct adit_life *life = s->face->life;
    F.code = life->create(&s->self);
    if (F.code > 0)
        fake_trouble("create() returned %d; success is 0, failure is negative", F.code);
    if (!F.code)
        return &s->self;
    if (!F.error[0])
        fake_trouble("create() returned %d without a sentence of adit_fail()", F.code);
    fake_run();
    reckon(s);                  /* no destroy() after a create() that failed */
    s->dead = true;
    return NULL;
}

int32_t fake_start(struct adit_self *self)
{
    struct fake_self *s = fake_self_of(self, "fake_start()");
    F.error[0] = 0;
    F.code = s && ADIT_HAS(s->face->life, start) ? s->face->life->start(self) : 0;
    if (s && !F.code) {
        s->running = true;
        if (s->face->kind == ADIT_KIND_SECURITY)
            fake_net_cover(s);
    }
    if (F.code && !F.error[0])
        fake_trouble("start() returned %d without a sentence of adit_fail()", F.code);
    return F.code;
}

void fake_stop(struct adit_self *self)
{
    struct fake_self *s = fake_self_of(self, "fake_stop()");
    if (s && ADIT_HAS(s->face->life, stop))
        s->face->life->stop(self);
}

void fake_inst_free(struct adit_self *self)
{
    struct fake_self *s = fake_self_of(self, "fake_inst_free()");
    if (!s)
        return;
    fake_stop(self);
    self_end(s);
}

static struct adit_self *started(struct adit_self *self)
{
    if (!self)
        return NULL;
    if (!fake_start(self))
        return self;
    int32_t code = F.code;
    char error[sizeof F.error];
    memcpy(error, F.error, sizeof error);
    fake_stop(self);            /* as the daemon does */
    self_end((struct fake_self *)self);
    memcpy(F.error, error, sizeof error);
    F.code = code;
    return NULL;
}

struct adit_self *fake_inst_conf(const struct adit_face *face, const void *conf)
{
    struct fake_self *s = self_new(face, face->name);
    s->self.conf = conf;
    return started(self_create(s));
}

struct adit_self *fake_inst_new(const struct adit_face *face, const char *name, const char *yaml)
{
    struct fake_self *s = self_new(face, name);
    s->conf = fake_conf_new(face, yaml, &s->conf_mem);
    s->self.conf = s->conf;
    if (s->conf)
        return self_create(s);
    s->dead = true;
    return NULL;
}

struct adit_self *fake_inst(const struct adit_face *face, const char *yaml)
{
    return started(fake_inst_new(face, face->name, yaml));
}

int32_t fake_reload(struct adit_self *self, const char *yaml)
{
    struct fake_self *s = fake_self_of(self, "fake_reload()");
    if (!s)
        return ADIT_EINVAL;
    F.code = 0;
    F.error[0] = 0;
    void *mem, *conf = fake_conf_new(s->face, yaml, &mem);
    if (!conf)
        return F.code;
    F.code = s->conf ? fake_conf_diff(s->face, s->conf, conf) : 1;
    if (!F.code) {              /* as in the daemon: the old conf stays */
        fake_conf_free(conf, mem);
        return 0;
    }
    if (F.code > 0)
        F.code = ADIT_HAS(s->face->life, reload) ? s->face->life->reload(self, conf) : ADIT_ERESTART;
    if (F.code) {
        fake_conf_free(conf, mem);
        return F.code;
    }
    if (s->conf)
        fake_conf_free(s->conf, s->conf_mem);
    s->conf = conf;
    s->conf_mem = mem;
    s->self.conf = conf;
    return 0;
}

uint64_t fake_counter(const struct adit_self *self, const char *name)
{
    const struct fake_self *s = (const struct fake_self *)self;
    for (uint32_t i = 0; i < s->face->counter_count; i++)
        if (!strcmp(s->face->counters[i].name, name))
            return s->counters[i];
    fake_trouble("fake_counter(): %s has no counter %s", s->name, name);
    return 0;
}
