/* inst.c - instances: made from options, started, changed, stopped, freed.
 *
 * Knows:  the life of an instance, how long its calls take, what it last did wrong.
 * Leaves: options to core/config, answers to request.c.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "log/log.h"
#include "plugin/plug_in.h"

ADIT_EVENT(ev_slow, "plugin.call.slow", ADIT_LOG_WARN,
           "A call into a plugin kept the main loop; blocking code belongs into loop->work().",
           "instance call ms");
ADIT_EVENT(ev_state, "plugin.instance.state", ADIT_LOG_INFO, "An instance changed its state.",
           "instance state");

#define SLOW_MS 100u            /* a call that is longer than this is told */

static struct adit_node insts = { &insts, &insts };
static struct adit_host host;
static pthread_t main_thread;
static bool main_known;

/* ---- the host ---------------------------------------------------------------------- */

void plug_host(const struct adit_host *services)
{
    plug_copy(&host, sizeof host, services, services->size);
    host.abi_minor = ADIT_ABI_MINOR;
    main_thread = pthread_self();
    main_known = true;
}

const struct adit_host *plug_host_get(void) { return &host; }

bool plug_on_main(void)
{
    return !main_known || pthread_equal(main_thread, pthread_self());
}

/* ---- calls ----------------------------------------------------------------------------- */

uint64_t plug_call_begin(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void plug_call_end(struct plug_inst *i, const char *what, uint64_t at)
{
    uint64_t ms = plug_call_begin() - at;
    if (ms > i->stat.busy_ms)
        i->stat.busy_ms = ms;
    if (ms >= SLOW_MS && log_allow(&ev_slow, 10))
        LOG_EVENT(PLUG_ROOM, &ev_slow, ADIT_KV_S("instance", i->source), ADIT_KV_S("call", what),
                  ADIT_KV_U("ms", ms));
}

void plug_set_error(struct plug_inst *i, const char *text)
{
    snprintf(i->last_error, sizeof i->last_error, "%s", text);
}

void plug_fault(struct plug_inst *i, const char *fmt, ...)
{
    char text[sizeof i->last_error];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    i->stat.faults++;
    plug_set_error(i, text);
    /* one that does nothing else must not fill the log */
    if (i->stat.faults <= 10 || (i->stat.faults & (i->stat.faults - 1)) == 0)
        log_fail(i->source, ADIT_EPROTO, "%s", text);
}

static void set_state(struct plug_inst *i, int state)
{
    if ((int)i->state == state)
        return;
    i->state = (__typeof__(i->state))state;
    LOG_EVENT(PLUG_ROOM, &ev_state, ADIT_KV_S("instance", i->source), ADIT_KV_S("state", plug_state(i)));
}

/* A code that a plugin returned: 0 or negative, with a sentence. */
static int32_t code_of(struct plug_inst *i, const char *call, int32_t code)
{
    if (code > 0) {
        plug_fault(i, "%s() returned %d; success is 0, failure is negative", call, code);
        code = ADIT_EINVAL;
    }
    if (code && !i->last_error[0]) {
        char text[64];
        snprintf(text, sizeof text, "%s() failed with code %d and gave no reason", call, code);
        plug_set_error(i, text);
        log_fail(i->source, code, "%s", text);
    }
    return code;
}

/* ---- making and freeing --------------------------------------------------------------------- */

static void conf_drop(void *conf, struct conf_mem *mem)
{
    conf_mem_free(mem);
    free(conf);
}

static int32_t conf_make(const struct plug_face *f, const struct conf_node *node,
                         const char *const *skip, const struct conf_err *err, void **conf,
                         struct conf_mem **mem)
{
    static const struct adit_opt none[1];
    *conf = calloc(1, f->decl.conf_size ? f->decl.conf_size : 1);
    *mem = NULL;
    if (!*conf)
        return ADIT_ENOMEM;
    int32_t r = conf_fill(node, f->decl.opts ? f->decl.opts : none,
                          f->decl.opts ? f->opt_size : (uint32_t)sizeof none[0], skip,
                          f->decl.conf_size, *conf, mem, err);
    if (r) {
        conf_drop(*conf, *mem);
        *conf = NULL;
    }
    return r;
}

static void inst_drop(struct plug_inst *i)
{
    adit_list_del(&i->node);
    plug_verbs_free(i);
    conf_drop(i->conf, i->conf_mem);
    free(i->counters);
    free(i);
}

struct plug_inst *plug_inst_new(const struct plug_face *f, const char *name,
                                const struct conf_node *conf, const char *const *skip)
{
    const char *kind = plug_kind_name(f->decl.kind);
    size_t len = strlen(name);
    if (!len || len > PLUG_NAME_MAX) {
        log_fail(PLUG_ROOM, ADIT_ECONF, "%s '%.40s': a name has 1 to %u characters", kind, name,
                 PLUG_NAME_MAX);
        return NULL;
    }
    if (plug_inst_find(f->decl.kind, name)) {
        log_fail(PLUG_ROOM, ADIT_EEXIST, "there is a %s named %s already; give one of them another "
                 "name", kind, name);
        return NULL;
    }
    struct plug_inst *i = calloc(1, sizeof *i);
    if (i)
        i->counters = calloc(f->decl.counter_count + 1, sizeof *i->counters);
    if (!i || !i->counters) {
        free(i);
        log_fail(PLUG_ROOM, ADIT_ENOMEM, "%s %s: out of memory", kind, name);
        return NULL;
    }
    i->face = f;
    adit_list_init(&i->verbs);
    adit_list_init(&i->overdue);
    adit_list_init(&i->calls);
    memcpy(i->name, name, len);
    snprintf(i->source, sizeof i->source, "%s/%s", kind, name);
    if (conf_make(f, conf, skip, NULL, &i->conf, &i->conf_mem)) {
        inst_drop(i);
        return NULL;
    }
    i->self = (struct adit_self){ sizeof i->self, f->decl.kind, &host, i->name, i->conf, NULL,
                                  i->counters };
    adit_list_add(&insts, &i->node);
    int32_t r;
    PLUG_CALL(i, "create", r = f->life.create(&i->self));
    if (code_of(i, "create", r)) {
        plug_requests_forget(i);
        inst_drop(i);
        return NULL;
    }
    return i;
}

int32_t plug_inst_start(struct plug_inst *i)
{
    const struct adit_life *life = &i->face->life;
    int32_t r = 0;
    if (i->state == INST_RUNNING)
        return 0;
    i->last_error[0] = 0;
    if (life->start)
        PLUG_CALL(i, "start", r = life->start(&i->self));
    r = code_of(i, "start", r);
    if (r && life->stop)        /* what it had begun ends, so that it can be tried again */
        PLUG_CALL(i, "stop", life->stop(&i->self));
    if (!r && i->self.kind == ADIT_KIND_OBSERVER)
        plug_observe(true);
    set_state(i, r ? INST_FAILED : INST_RUNNING);
    return r;
}

void plug_inst_stop(struct plug_inst *i)
{
    if (i->state == INST_RUNNING && i->face->life.stop)
        PLUG_CALL(i, "stop", i->face->life.stop(&i->self));
    if (i->state == INST_RUNNING || i->state == INST_FAILED)
        set_state(i, INST_STOPPED);
}

void plug_inst_free(struct plug_inst *i)
{
    if (!i)
        return;
    plug_inst_stop(i);
    plug_requests_forget(i);    /* those who asked hear of it before it is gone */
    if (i->face->life.destroy)
        PLUG_CALL(i, "destroy", i->face->life.destroy(&i->self));
    plug_requests_forget(i);
    plug_verbs_forget(i);
    inst_drop(i);
}

int32_t plug_inst_reload(struct plug_inst *i, const struct conf_node *conf,
                         const char *const *skip, const char **option)
{
    const struct plug_face *f = i->face;
    struct conf_mem *mem;
    void *new;
    const char *name = NULL;
    int32_t r = conf_make(f, conf, skip, NULL, &new, &mem);
    if (r)
        return r;
    int diff = f->decl.opts ? conf_diff(f->decl.opts, f->opt_size, i->conf, new, &name) : CONF_SAME;
    if (diff == CONF_SAME) {
        conf_drop(new, mem);
        return 0;
    }
    if (diff == CONF_RESTART || !f->life.reload) {
        if (option)
            *option = name ? name : "";
        conf_drop(new, mem);
        return ADIT_ERESTART;
    }
    PLUG_CALL(i, "reload", r = f->life.reload(&i->self, new));
    r = code_of(i, "reload", r);
    if (r) {
        conf_drop(new, mem);
        return r;
    }
    conf_drop(i->conf, i->conf_mem);
    i->conf = new;
    i->conf_mem = mem;
    i->self.conf = new;
    return 0;
}

/* ---- what there is ---------------------------------------------------------------------------- */

struct plug_inst *plug_inst_next(struct plug_inst *i)
{
    struct adit_node *n = i ? i->node.next : insts.next;
    return n == &insts ? NULL : ADIT_OF(n, struct plug_inst, node);
}

struct plug_inst *plug_inst_find(uint32_t kind, const char *name)
{
    for (struct plug_inst *i = NULL; (i = plug_inst_next(i));)
        if (i->self.kind == kind && !strcmp(i->name, name))
            return i;
    return NULL;
}

bool plug_running(const struct plug_inst *i) { return i->state == INST_RUNNING; }

struct plug_inst *plug_running_next(uint32_t kind, struct plug_inst *after)
{
    struct plug_inst *i = after;
    while ((i = plug_inst_next(i)))
        if (i->self.kind == kind && plug_running(i))
            return i;
    return NULL;
}

struct plug_inst *plug_inst_known(const struct adit_self *self)
{
    for (struct plug_inst *i = NULL; (i = plug_inst_next(i));)
        if (&i->self == self)
            return i;
    return NULL;
}

struct adit_self *plug_self(struct plug_inst *i) { return &i->self; }
struct plug_inst *plug_of(struct adit_self *self) { return ADIT_OF(self, struct plug_inst, self); }
const struct plug_face *plug_inst_face(const struct plug_inst *i) { return i->face; }
const void *plug_vtable(const struct plug_inst *i) { return &i->face->vtable; }
const char *plug_last_error(const struct plug_inst *i) { return i->last_error; }
const struct plug_stat *plug_inst_stat(const struct plug_inst *i) { return &i->stat; }

const char *plug_state(const struct plug_inst *i)
{
    static const char *const names[] = { [INST_CREATED] = "created", [INST_RUNNING] = "running",
                                         [INST_STOPPED] = "stopped", [INST_FAILED] = "failed" };
    return names[i->state];
}
