/* fake_log.c - what a plugin says: events, sentences, reports, verbs; and its files. */
#include <stdarg.h>
#include <ctype.h>
#include "fake_in.h"

struct kept_kv {
    char *key;
    char *text;
    uint64_t u;
};

struct event {
    struct adit_node node;
    char *name;
    uint32_t count;
    struct kept_kv *kv;
    uint32_t n;
    uint64_t allow_from;        /* of the minute that is counted */
    uint32_t allowed;
};

struct adit_report {
    char *text;
    size_t len, room;
    char stack[32];             /* '{' or '[' */
    uint32_t depth;
    bool comma;
};

/* A call of a verb that answers later; kept until fake_end(). */
struct call {
    struct adit_node node;
    uint64_t number;
    struct fake_self *self;
    struct adit_report report;
    bool finished, hung_up;
    int32_t status;
};

static struct {
    struct adit_node events, calls;
    struct adit_report report;
    uint64_t last_call;
    bool debug;
} G;

static void event_forget(struct event *e)
{
    for (uint32_t i = 0; i < e->n; i++) {
        free(e->kv[i].key);
        free(e->kv[i].text);
    }
    free(e->kv);
    e->kv = NULL;
    e->n = 0;
    e->count = 0;
}

void fake_log_begin(void)
{
    bool debug = G.debug;
    memset(&G, 0, sizeof G);
    G.debug = debug || getenv("FAKE_DEBUG");
    adit_list_init(&G.events);
    adit_list_init(&G.calls);
}

void fake_log_end(void)
{
    ADIT_LIST_EACH(n, &G.events) {
        struct event *e = ADIT_OF(n, struct event, node);
        event_forget(e);
        free(e->name);
        free(e);
    }
    ADIT_LIST_EACH(n, &G.calls) {
        struct call *c = ADIT_OF(n, struct call, node);
        free(c->report.text);
        free(c);
    }
    free(G.report.text);
}

void fake_show_debug(int yes) { G.debug = yes; }

/* ---- log ------------------------------------------------------------------------- */

static int32_t log_fail(struct adit_self *self, int32_t code, const char *fmt, ...)
{
    struct fake_self *s = fake_self_of(self, "log->fail()");
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (code >= 0)
        fake_trouble("log->fail(): the code %d is not an error", code);
    if (!text[0])
        fake_trouble("log->fail(): no sentence");
    fake_set_error(text);
    if (G.debug)
        fprintf(stderr, "%s: %s\n", s ? s->name : "?", text);
    return code;
}

static void log_debug(struct adit_self *self, const char *fmt, ...)
{
    struct fake_self *s = fake_self_of(self, "log->debug()");
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);      /* always formatted: sanitizers see it */
    va_end(ap);
    if (G.debug)
        fprintf(stderr, "%s: %s\n", s ? s->name : "?", text);
}

static struct event *event_of(const char *name, bool make)
{
    fake_need();
    ADIT_LIST_EACH(n, &G.events) {
        struct event *e = ADIT_OF(n, struct event, node);
        if (!strcmp(e->name, name))
            return e;
    }
    if (!make)
        return NULL;
    struct event *e = fake_alloc(sizeof *e);
    e->name = fake_strdup(name);
    adit_list_add(&G.events, &e->node);
    return e;
}

static bool has_word(const char *words, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = words; at && *at;) {
        at += strspn(at, " ");
        size_t m = strcspn(at, " ");
        if (n && m == n && !memcmp(at, word, n))
            return true;
        at += m;
    }
    return false;
}

static char *value_text(const struct adit_value *v)
{
    char text[64];
    switch (v->type) {
    case ADIT_TYPE_U64:
        snprintf(text, sizeof text, "%llu", (unsigned long long)v->v.u);
        return fake_strdup(text);
    case ADIT_TYPE_I64:
        snprintf(text, sizeof text, "%lld", (long long)v->v.i);
        return fake_strdup(text);
    case ADIT_TYPE_BOOL:
        return fake_strdup(v->v.u ? "yes" : "no");
    case ADIT_TYPE_ADDR:
        return fake_strdup(fake_addr_text(&v->v.addr));
    case ADIT_TYPE_STR: {
        char *s = fake_alloc((size_t)v->len + 1);
        if (v->len)
            memcpy(s, v->v.p, v->len);
        return s;
    }
    case ADIT_TYPE_BYTES: {
        char *s = fake_alloc((size_t)v->len * 2 + 1);
        for (uint32_t i = 0; i < v->len; i++)
            snprintf(s + (size_t)i * 2, 3, "%02x", ((const uint8_t *)v->v.p)[i]);
        return s;
    }
    default:
        return fake_strdup("");
    }
}

static void declared(const struct fake_self *s, const struct adit_event *ev, const char *call)
{
    if (!ev || !ev->name || !ev->sentence || ev->level < ADIT_LOG_ERROR || ev->level > ADIT_LOG_DEBUG) {
        fake_trouble("%s: the event is not complete", call);
        return;
    }
    for (uint32_t i = 0; s && s->face->events && s->face->events[i]; i++)
        if (s->face->events[i] == ev || !strcmp(s->face->events[i]->name, ev->name))
            return;
    if (s)
        fake_trouble("%s: %s is not among the events of the face %s", call, ev->name, s->face->name);
}

static void log_event(struct adit_self *self, const struct adit_event *ev, const struct adit_kv *kv,
                      uint32_t n)
{
    struct fake_self *s = fake_self_of(self, "log->event()");
    declared(s, ev, "log->event()");
    struct event *e = event_of(ev->name, true);
    uint32_t count = e->count + 1;
    event_forget(e);
    e->count = count;
    e->kv = fake_alloc(n * sizeof *e->kv);
    e->n = n;
    if (G.debug)
        fprintf(stderr, "%s: %s", s ? s->name : "?", ev->name);
    for (uint32_t i = 0; i < n; i++) {
        const struct adit_value *v = &kv[i].value;
        if (!has_word(ev->keys, kv[i].key))
            fake_trouble("log->event(): %s does not declare the key %s", ev->name, kv[i].key);
        if (v->type == ADIT_TYPE_NONE || v->type > ADIT_TYPE_ADDR)
            fake_trouble("log->event(): %s: the value of %s has no type", ev->name, kv[i].key);
        e->kv[i].key = fake_strdup(kv[i].key);
        e->kv[i].text = value_text(v);
        e->kv[i].u = v->type == ADIT_TYPE_U64 || v->type == ADIT_TYPE_I64 || v->type == ADIT_TYPE_BOOL
                   ? v->v.u : 0;
        if (G.debug)
            fprintf(stderr, " %s=%s", e->kv[i].key, e->kv[i].text);
    }
    if (G.debug)
        fputc('\n', stderr);
}

static uint32_t log_allow(struct adit_self *self, const struct adit_event *ev, uint32_t per_minute)
{
    struct fake_self *s = fake_self_of(self, "log->allow()");
    declared(s, ev, "log->allow()");
    struct event *e = event_of(ev->name, true);
    uint64_t now = fake_now();
    if (!e->allow_from || now - e->allow_from >= 60000) {
        e->allow_from = now;
        e->allowed = 0;
    }
    if (e->allowed >= per_minute)
        return 0;
    e->allowed++;
    return 1;
}

const struct adit_log_api fake_log_api = {
    .size = sizeof(struct adit_log_api), .fail = log_fail, .event = log_event, .debug = log_debug,
    .allow = log_allow,
};

uint32_t fake_event_count(const char *name)
{
    const struct event *e = event_of(name, false);
    return e ? e->count : 0;
}

static const struct kept_kv *event_kv(const char *name, const char *key)
{
    const struct event *e = event_of(name, false);
    for (uint32_t i = 0; e && i < e->n; i++)
        if (!strcmp(e->kv[i].key, key))
            return &e->kv[i];
    return NULL;
}

const char *fake_event_str(const char *name, const char *key)
{
    const struct kept_kv *kv = event_kv(name, key);
    return kv ? kv->text : "";
}

uint64_t fake_event_u(const char *name, const char *key)
{
    const struct kept_kv *kv = event_kv(name, key);
    return kv ? kv->u : 0;
}

void fake_events_forget(void)
{
    fake_need();
    ADIT_LIST_EACH(n, &G.events)
        event_forget(ADIT_OF(n, struct event, node));
}

/* ---- reports ------------------------------------------------------------------------ */

static void out(struct adit_report *r, const char *s, size_t n)
{
    if (r->len + n + 1 > r->room) {
        r->room = (r->len + n + 1) * 2;
        char *text = realloc(r->text, r->room);
        if (!text)
            abort();
        r->text = text;
    }
    memcpy(r->text + r->len, s, n);
    r->len += n;
    r->text[r->len] = 0;
}

static void outs(struct adit_report *r, const char *s) { out(r, s, strlen(s)); }

static void quoted(struct adit_report *r, const char *s, size_t n)
{
    outs(r, "\"");
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        char hex[8];
        if (c == '"' || c == '\\') {
            hex[0] = '\\';
            hex[1] = (char)c;
            out(r, hex, 2);
        } else if (c < 0x20) {
            snprintf(hex, sizeof hex, "\\u%04x", c);
            outs(r, hex);
        } else {
            out(r, s + i, 1);
        }
    }
    outs(r, "\"");
}

static void item(struct adit_report *r, const char *key)
{
    bool named = r->stack[r->depth - 1] == '{';
    if (named != (key != NULL))
        fake_trouble("report: %s", named ? "a member of an object without a key"
                                         : "an item of an array with a key");
    if (r->comma)
        outs(r, ", ");
    if (key) {
        quoted(r, key, strlen(key));
        outs(r, ": ");
    }
    r->comma = true;
}

static void enter(struct adit_report *r, const char *key, char what)
{
    item(r, key);
    if (r->depth == sizeof r->stack) {
        fake_trouble("report: nested deeper than %zu", sizeof r->stack);
        return;
    }
    out(r, &what, 1);
    r->stack[r->depth++] = what;
    r->comma = false;
}

static void report_object(struct adit_report *r, const char *key) { enter(r, key, '{'); }
static void report_array(struct adit_report *r, const char *key) { enter(r, key, '['); }

static void report_end(struct adit_report *r)
{
    if (r->depth < 2) {
        fake_trouble("report->end(): nothing is open");
        return;
    }
    outs(r, r->stack[--r->depth] == '{' ? "}" : "]");
    r->comma = true;
}

static void report_put(struct adit_report *r, const char *key, const struct adit_value *v)
{
    item(r, key);
    if (v->type == ADIT_TYPE_NONE) {
        outs(r, "null");
        return;
    }
    char *text = value_text(v);
    if (v->type == ADIT_TYPE_BOOL)
        outs(r, v->v.u ? "true" : "false");
    else if (v->type == ADIT_TYPE_U64 || v->type == ADIT_TYPE_I64)
        outs(r, text);
    else
        quoted(r, text, strlen(text));
    free(text);
}

const struct adit_report_api fake_report_api = {
    .size = sizeof(struct adit_report_api), .object = report_object, .array = report_array,
    .end = report_end, .put = report_put,
};

static struct adit_report *report_begin(struct adit_report *r)
{
    r->len = 0;
    r->comma = false;
    r->stack[0] = '{';
    r->depth = 1;
    outs(r, "{");
    return r;
}

struct adit_report *fake_report(void)
{
    fake_need();
    return report_begin(&G.report);
}

const char *fake_report_text(struct adit_report *r)
{
    if (r->depth != 1)
        fake_trouble("report: %u object(s) or array(s) were not ended", r->depth - 1);
    r->depth = 1;
    outs(r, "}");
    return r->text;
}

const char *fake_status(struct adit_self *self)
{
    struct fake_self *s = fake_self_of(self, "fake_status()");
    struct adit_report *r = fake_report();
    if (s && ADIT_HAS(s->face->life, status))
        s->face->life->status(self, r);
    return fake_report_text(r);
}

/* ---- verbs ---------------------------------------------------------------------------- */

static int32_t verb_add(struct adit_self *self, const char *what, const char *name,
                        const char *sentence, adit_verb_fn fn, adit_verb_begin_fn begin)
{
    struct fake_self *s = fake_self_of(self, what);
    if (!s)
        return ADIT_EINVAL;
    if (!name || !*name || !sentence || !*sentence || (!fn && !begin)) {
        fake_trouble("%s: a verb needs a name, a sentence and a function", what);
        return ADIT_EINVAL;
    }
    for (struct fake_verb *v = s->verbs; v; v = v->next)
        if (!strcmp(v->name, name)) {
            fake_trouble("%s: %s has the verb %s already", what, s->name, name);
            return ADIT_EEXIST;
        }
    struct fake_verb *v = fake_alloc(sizeof *v);
    v->name = fake_strdup(name);
    v->fn = fn;
    v->begin = begin;
    v->next = s->verbs;
    s->verbs = v;
    return 0;
}

static int32_t control_verb(struct adit_self *self, const char *name, const char *sentence,
                            adit_verb_fn fn)
{
    return verb_add(self, "control->verb()", name, sentence, fn, NULL);
}

static int32_t control_verb_later(struct adit_self *self, const char *name, const char *sentence,
                                  adit_verb_begin_fn begin)
{
    return verb_add(self, "control->verb_later()", name, sentence, NULL, begin);
}

static struct call *call_of(uint64_t number, const char *what)
{
    ADIT_LIST_EACH(n, &G.calls)
        if (ADIT_OF(n, struct call, node)->number == number)
            return ADIT_OF(n, struct call, node);
    fake_trouble("%s: there is no call %llu", what, (unsigned long long)number);
    return NULL;
}

static struct adit_report *control_report(struct adit_self *self, uint64_t number)
{
    struct fake_self *s = fake_self_of(self, "control->report()");
    struct call *c = call_of(number, "control->report()");
    if (c && (c->finished || c->self != s)) {
        fake_trouble("control->report(): the call %llu is %s", (unsigned long long)number,
                     c->finished ? "finished" : "another instance's");
        return NULL;
    }
    return !c || c->hung_up ? NULL : &c->report;
}

static void control_finish(struct adit_self *self, uint64_t number, int32_t status)
{
    struct fake_self *s = fake_self_of(self, "control->finish()");
    struct call *c = call_of(number, "control->finish()");
    if (!c)
        return;
    if (c->finished || c->self != s) {
        fake_trouble("control->finish(): the call %llu is %s", (unsigned long long)number,
                     c->finished ? "finished" : "another instance's");
        return;
    }
    if (status > 0)
        fake_trouble("control->finish(): the status %d is neither success nor an error", status);
    if (status && !fake_last_error()[0])
        fake_trouble("control->finish(): %d without a sentence of adit_fail()", status);
    c->finished = true;
    c->status = status;
    c->self->owned[OWN_CALL]--;
    (void)fake_report_text(&c->report);
}

const struct adit_control_api fake_control_api = {
    .size = sizeof(struct adit_control_api), .verb = control_verb, .verb_later = control_verb_later,
    .report = control_report, .finish = control_finish,
};

static struct fake_verb *verb_of(struct fake_self *s, const char *name)
{
    for (struct fake_verb *v = s ? s->verbs : NULL; v; v = v->next)
        if (!strcmp(v->name, name))
            return v;
    fake_trouble("there is no verb %s", name);
    return NULL;
}

uint64_t fake_verb_begin(struct adit_self *self, const char *name, const struct adit_kv *args, uint32_t n)
{
    struct fake_self *s = fake_self_of(self, "fake_verb_begin()");
    struct fake_verb *v = verb_of(s, name);
    if (!v || !v->begin) {
        if (v)
            fake_trouble("fake_verb_begin(): the verb %s answers at once", name);
        return 0;
    }
    struct call *c = fake_alloc(sizeof *c);
    c->number = ++G.last_call;
    c->self = s;
    report_begin(&c->report);
    adit_list_add(&G.calls, &c->node);
    s->owned[OWN_CALL]++;
    fake_set_error("");
    v->begin(self, c->number, args, n);
    return c->number;
}

int fake_verb_finished(uint64_t call)
{
    const struct call *c = call_of(call, "fake_verb_finished()");
    return c && c->finished;
}

const char *fake_verb_answer(uint64_t call)
{
    struct call *c = call_of(call, "fake_verb_answer()");
    if (!c || !c->finished) {
        fake_trouble("fake_verb_answer(): it is not finished");
        return NULL;
    }
    fake_set_code(c->status);
    return c->status ? NULL : c->report.text;
}

void fake_verb_hangup(uint64_t call)
{
    struct call *c = call_of(call, "fake_verb_hangup()");
    if (c)
        c->hung_up = true;
}

const char *fake_verb(struct adit_self *self, const char *name, const struct adit_kv *args, uint32_t n)
{
    struct fake_verb *v = verb_of(fake_self_of(self, "fake_verb()"), name);
    if (!v)
        return NULL;
    if (v->begin) {
        uint64_t call = fake_verb_begin(self, name, args, n), until = fake_now() + 60000;
        fake_run();
        while (!fake_verb_finished(call) && fake_now() < until && fake_next_timer() <= until - fake_now())
            fake_advance(fake_next_timer());
        return fake_verb_answer(call);
    }
    struct adit_report *r = fake_report();
    fake_set_error("");
    int32_t code = v->fn(self, args, n, r);
    fake_set_code(code);
    if (code && !fake_last_error()[0])
        fake_trouble("the verb %s returned %d without a sentence of adit_fail()", name, code);
    return code ? NULL : fake_report_text(r);
}
