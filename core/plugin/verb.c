/* verb.c - the verbs that instances register, and calls of them.
 *
 * Knows:  names, which call is open, that each ends once, whatever the plugin does.
 * Leaves: what is asked and answered to those who call and to the plugins.
 *
 * A call whose time was up, or that nobody listens to any more, stays as "late"
 * until the plugin finishes it, so that this is told from nonsense.
 */
#include <stdio.h>
#include <stdlib.h>
#include "log/log.h"
#include "loop/loop.h"
#include "plugin/plug_in.h"

#define OPEN_MAX 32u            /* of one instance at once */
#define LATE_MAX 256u           /* the oldest is forgotten */

struct verb_call {
    struct adit_node node;      /* in its instance's calls, oldest first */
    struct plug_inst *inst;
    uint64_t number;
    bool late;
    struct adit_report *report; /* the caller's */
    void (*done)(void *u, int32_t status);
    void *u;
    struct loop_timer *timer;
};

static uint64_t last_number;

/* ---- registering ------------------------------------------------------------------- */

static const struct plug_verb *verb_of(const struct plug_inst *i, const char *name)
{
    ADIT_LIST_EACH(n, &i->verbs) {
        const struct plug_verb *v = ADIT_OF(n, struct plug_verb, node);
        if (!strcmp(v->name, name))
            return v;
    }
    return NULL;
}

static int32_t add(struct adit_self *self, const char *name, const char *sentence, adit_verb_fn fn,
                   adit_verb_begin_fn begin)
{
    struct plug_inst *i = plug_of(self);
    if (!plug_name_ok(name) || !sentence || (!fn && !begin))
        return plug_log_api.fail(self, ADIT_EINVAL,
                         "the verb '%.40s' has no proper name, sentence or function",
                         name ? name : "");
    if (verb_of(i, name))
        return plug_log_api.fail(self, ADIT_EEXIST, "there is a verb %s already", name);
    struct plug_verb *v = calloc(1, sizeof *v);
    if (v)
        v->sentence = strdup(sentence);
    if (!v || !v->sentence) {
        free(v);
        return plug_log_api.fail(self, ADIT_ENOMEM, "out of memory");
    }
    v->fn = fn;
    v->begin = begin;
    snprintf(v->name, sizeof v->name, "%s", name);
    adit_list_add(&i->verbs, &v->node);
    return 0;
}

static int32_t api_verb(struct adit_self *self, const char *name, const char *sentence,
                        adit_verb_fn fn)
{
    return add(self, name, sentence, fn, NULL);
}

static int32_t api_verb_later(struct adit_self *self, const char *name, const char *sentence,
                              adit_verb_begin_fn begin)
{
    return add(self, name, sentence, NULL, begin);
}

void plug_verbs_free(struct plug_inst *i)
{
    ADIT_LIST_EACH(n, &i->verbs) {
        struct plug_verb *v = ADIT_OF(n, struct plug_verb, node);
        adit_list_del(n);
        free(v->sentence);
        free(v);
    }
}

const char *plug_verb_nth(const struct plug_inst *i, uint32_t nth, const char **sentence)
{
    ADIT_LIST_EACH(n, &i->verbs) {
        const struct plug_verb *v = ADIT_OF(n, struct plug_verb, node);
        if (nth-- == 0) {
            if (sentence)
                *sentence = v->sentence;
            return v->name;
        }
    }
    return NULL;
}

/* ---- calls --------------------------------------------------------------------------- */

static struct verb_call *call_of(struct plug_inst *i, uint64_t number)
{
    ADIT_LIST_EACH(n, &i->calls) {
        struct verb_call *c = ADIT_OF(n, struct verb_call, node);
        if (c->number == number)
            return c;
    }
    return NULL;
}

static void call_free(struct verb_call *c)
{
    c->inst->call_count--;
    adit_list_del(&c->node);
    loop_timer_free(c->timer);
    free(c);
}

/* Nobody waits for it any more; the plugin's finish() is still due. */
static void become_late(struct verb_call *c)
{
    struct plug_inst *i = c->inst;
    c->late = true;
    c->report = NULL;
    loop_timer_stop(c->timer);
    if (i->call_count > LATE_MAX)
        ADIT_LIST_EACH(n, &i->calls)
            if (ADIT_OF(n, struct verb_call, node)->late) {
                call_free(ADIT_OF(n, struct verb_call, node));
                break;
            }
}

static void fire(void *u)
{
    struct verb_call *c = u;
    void (*done)(void *u, int32_t status) = c->done;
    void *whose = c->u;
    plug_fault(c->inst, "it did not finish a verb in time");
    become_late(c);
    done(whose, ADIT_ETIMEDOUT);
}

static uint32_t open_calls(const struct plug_inst *i)
{
    uint32_t n = 0;
    ADIT_LIST_EACH(at, &i->calls)
        n += !ADIT_OF(at, struct verb_call, node)->late;
    return n;
}

static int32_t status_of(struct plug_inst *i, int32_t status)
{
    if (status <= 0)
        return status;
    plug_fault(i, "a verb's status is neither success nor an error");
    return ADIT_EINVAL;
}

int32_t plug_verb_call(struct plug_inst *i, const char *verb, const struct adit_kv *args, uint32_t n,
                       struct adit_report *report, uint64_t timeout_ms,
                       void (*done)(void *u, int32_t status), void *u, uint64_t *call)
{
    const struct plug_verb *v = verb_of(i, verb);
    *call = 0;
    if (!v)
        return ADIT_ENOENT;
    if (v->fn) {
        int32_t r;
        PLUG_CALL(i, "verb", r = v->fn(&i->self, args, n, report));
        done(u, status_of(i, r));
        return 0;
    }
    if (open_calls(i) >= OPEN_MAX)
        return ADIT_EBUSY;
    struct verb_call *c = calloc(1, sizeof *c);
    if (!c || !(c->timer = loop_timer_new(fire, c))) {
        free(c);
        return ADIT_ENOMEM;
    }
    uint64_t number = ++last_number;
    c->inst = i;
    c->number = number;
    c->report = report;
    c->done = done;
    c->u = u;
    adit_list_add(&i->calls, &c->node);
    i->call_count++;
    loop_timer_set(c->timer, timeout_ms);
    PLUG_CALL(i, "verb", v->begin(&i->self, number, args, n));
    if (call_of(i, number))
        *call = number;         /* else it is answered already */
    return 0;
}

void plug_verb_forget(struct plug_inst *i, uint64_t number)
{
    struct verb_call *c = call_of(i, number);
    if (c && !c->late)
        become_late(c);
}

void plug_verbs_forget(struct plug_inst *i)
{
    while (!adit_list_empty(&i->calls)) {
        struct verb_call *c = ADIT_OF(i->calls.next, struct verb_call, node);
        void (*done)(void *u, int32_t status) = c->done;
        void *u = c->u;
        bool late = c->late;
        call_free(c);
        if (!late) {
            plug_fault(i, "it ended without finishing a verb");
            done(u, ADIT_ECANCELED);
        }
    }
}

static void off_main(void *u)
{
    (void)u;
    log_fail(PLUG_ROOM, ADIT_EINVAL, "a plugin answered a verb from another thread; the answer is "
             "lost: loop->post() is the way to the main loop");
}

static struct adit_report *api_report(struct adit_self *self, uint64_t number)
{
    if (!plug_on_main()) {
        loop_post(off_main, NULL);
        return NULL;
    }
    struct plug_inst *i = plug_inst_known(self);
    struct verb_call *c = i ? call_of(i, number) : NULL;
    return c ? c->report : NULL;
}

static void api_finish(struct adit_self *self, uint64_t number, int32_t status)
{
    if (!plug_on_main()) {      /* nothing here may be touched from another thread */
        loop_post(off_main, NULL);
        return;
    }
    struct plug_inst *i = plug_inst_known(self);
    struct verb_call *c = i ? call_of(i, number) : NULL;
    if (!i) {
        log_fail(PLUG_ROOM, ADIT_EINVAL, "a plugin answered for an instance that does not exist");
        return;
    }
    if (!c) {
        plug_fault(i, "it finished the call %llu of a verb, which is not open",
                   (unsigned long long)number);
        return;
    }
    void (*done)(void *u, int32_t status) = c->done;
    void *u = c->u;
    bool late = c->late;
    call_free(c);
    if (late)
        i->stat.late++;
    else
        done(u, status_of(i, status));
}

const struct adit_control_api plug_control_api = {
    .size = sizeof(struct adit_control_api), .verb = api_verb, .verb_later = api_verb_later,
    .report = api_report, .finish = api_finish,
};
