/* request.c - questions to plugins: exactly one end for each, whatever they do.
 *
 * Knows:  numbers with generations, time limits, what an answer of a kind may say.
 * Leaves: what is asked, to those who ask.
 *
 * A request that ended without the plugin's answer (its time was up, or nobody
 * cares any more) stays as "overdue" until the answer that is still due comes,
 * so that a late answer and a second one can be told apart.
 */
#include <stdlib.h>
#include "log/log.h"
#include "loop/loop.h"
#include "plugin/plug_in.h"

ADIT_EVENT(ev_timeout, "plugin.request.timeout", ADIT_LOG_WARN,
           "A plugin did not answer in time.", "instance ms open");

#define OVERDUE_MAX 4096u       /* of one instance; the oldest is forgotten */

enum { REQ_FREE, REQ_OPEN, REQ_OVERDUE };

struct req {
    struct adit_node node;      /* OVERDUE: of its instance */
    uint32_t index, generation; /* the number is both */
    uint32_t state;
    struct plug_inst *inst;
    void (*done)(void *u, int32_t status, const void *answer);
    void *u;
    uint64_t asked_at, limit_ms;
    struct loop_timer *timer;
    struct req *next_free;
};

static struct req **reqs;
static uint32_t req_count;
static struct req *req_free;

static adit_request number_of(const struct req *r)
{
    return (uint64_t)r->generation << 32 | r->index;
}

/* The request of a number that is open or overdue; NULL otherwise. */
static struct req *req_of(adit_request number)
{
    uint32_t index = (uint32_t)number;
    if (index >= req_count || reqs[index]->state == REQ_FREE ||
        reqs[index]->generation != (uint32_t)(number >> 32))
        return NULL;
    return reqs[index];
}

static void release(struct req *r)
{
    if (r->state == REQ_OVERDUE) {
        adit_list_del(&r->node);
        r->inst->overdue_count--;
    }
    r->state = REQ_FREE;
    r->inst = NULL;
    r->next_free = req_free;
    req_free = r;
}

static void become_overdue(struct req *r)
{
    loop_timer_stop(r->timer);
    r->state = REQ_OVERDUE;
    adit_list_add(&r->inst->overdue, &r->node);
    if (r->inst->overdue_count++ >= OVERDUE_MAX)
        release(ADIT_OF(r->inst->overdue.next, struct req, node));
}

/* Tells the plugin that nobody cares any more; its answer is still due. */
static void tell_cancel(struct plug_inst *i, adit_request number)
{
    void (*cancel)(struct adit_self *self, uint64_t req) = NULL;
    switch (i->self.kind) {
    case ADIT_KIND_AUTH:     cancel = i->face->vtable.auth.cancel; break;
    case ADIT_KIND_POOL:     cancel = i->face->vtable.pool.cancel; break;
    case ADIT_KIND_POLICY:   cancel = i->face->vtable.policy.cancel; break;
    case ADIT_KIND_SECURITY: cancel = i->face->vtable.security.cancel; break;
    default:                 break;
    }
    if (cancel)
        PLUG_CALL(i, "cancel", cancel(&i->self, number));
}

/* Ends an open request for the one who asked; the plugin hears of it first, so
 * that an asker who asks the next one meets a plugin that knows. */
static void end_early(struct req *r, int32_t status)
{
    struct plug_inst *i = r->inst;
    adit_request number = number_of(r);
    void (*done)(void *u, int32_t status, const void *answer) = r->done;
    void *u = r->u;
    if (status == ADIT_ETIMEDOUT)
        i->stat.timed_out++;
    else
        i->stat.cancelled++;
    become_overdue(r);
    tell_cancel(i, number);
    done(u, status, NULL);
}

static void fire(void *u)
{
    struct req *r = u;
    struct plug_inst *i = r->inst;
    if (log_allow(&ev_timeout, 10))
        LOG_EVENT(PLUG_ROOM, &ev_timeout, ADIT_KV_S("instance", i->source),
                  ADIT_KV_U("ms", r->limit_ms), ADIT_KV_U("open", plug_requests_open(i)));
    plug_set_error(i, "it did not answer in time");
    end_early(r, ADIT_ETIMEDOUT);
}

static struct req *req_new(void)
{
    if (req_free) {
        struct req *r = req_free;
        req_free = r->next_free;
        return r;
    }
    if ((req_count & (req_count - 1)) == 0) {
        struct req **grown = realloc(reqs, (req_count ? req_count * 2 : 1) * sizeof(struct req *));
        if (!grown)
            return NULL;
        reqs = grown;
    }
    struct req *r = calloc(1, sizeof *r);
    if (!r || !(r->timer = loop_timer_new(fire, r))) {
        free(r);
        return NULL;
    }
    r->index = req_count;
    reqs[req_count++] = r;
    return r;
}

int32_t plug_ask(struct plug_inst *i, uint64_t timeout_ms,
                 void (*done)(void *u, int32_t status, const void *answer), void *u,
                 adit_request *out)
{
    if (i->state != INST_RUNNING)
        return ADIT_ESTATE;
    struct req *r = req_new();
    if (!r)
        return ADIT_ENOMEM;
    r->generation = r->generation == UINT32_MAX ? 1 : r->generation + 1;    /* 0 is no number */
    r->state = REQ_OPEN;
    r->inst = i;
    r->done = done;
    r->u = u;
    r->asked_at = loop_now();
    r->limit_ms = timeout_ms;
    i->stat.asked++;
    if (timeout_ms)
        loop_timer_set(r->timer, timeout_ms);
    *out = number_of(r);
    return 0;
}

void plug_ask_cancel(adit_request number)
{
    struct req *r = req_of(number);
    if (r && r->state == REQ_OPEN)
        end_early(r, ADIT_ECANCELED);
}

void plug_requests_forget(struct plug_inst *i)
{
    for (uint32_t n = 0; n < req_count; n++)
        if (reqs[n]->inst == i && reqs[n]->state == REQ_OPEN)
            end_early(reqs[n], ADIT_ECANCELED);
    while (!adit_list_empty(&i->overdue))
        release(ADIT_OF(i->overdue.next, struct req, node));
}

void plug_requests_fini(void)
{
    for (uint32_t n = 0; n < req_count; n++) {
        loop_timer_free(reqs[n]->timer);
        free(reqs[n]);
    }
    free(reqs);
    reqs = NULL;
    req_count = 0;
    req_free = NULL;
}

uint32_t plug_requests_open(const struct plug_inst *i)
{
    return (uint32_t)(i->stat.asked - i->stat.answered - i->stat.timed_out - i->stat.cancelled);
}

/* ---- answers ------------------------------------------------------------------------------ */

union answer {
    uint32_t size;
    struct adit_auth_answer auth;
    struct adit_pool_answer pool;
    struct adit_policy_answer policy;
    struct adit_security_info security;
};

/* What is wrong with an answer; NULL: nothing. `out` is of today's size. */
static const char *nonsense(uint32_t kind, int32_t status, const void *answer, union answer *out)
{
    const struct plug_kind *k = &plug_kinds[kind];
    uint32_t size;
    if (!k->answer)
        return "plugins of this kind are asked nothing";
    memcpy(&size, answer, sizeof size);
    if (size < k->answer_1_0 || size > PLUG_STRIDE_MAX)
        return "its size is wrong";
    plug_copy(out, k->answer, answer, size);
    switch (kind) {
    case ADIT_KIND_AUTH:
        if (out->auth.verdict > ADIT_VERDICT_ERROR)
            return "there is no such verdict";
        if (out->auth.key_len > sizeof out->auth.send_key)
            return "its keys are too long";
        if ((out->auth.eap_len && !out->auth.eap) || out->auth.eap_len > 65535)
            return "its EAP packet is missing or too long";
        if ((out->auth.state_len && !out->auth.state) || out->auth.state_len > 65535)
            return "its state is missing or too long";
        break;
    case ADIT_KIND_POOL:
        if (!status && out->pool.address.family != ADIT_AF_IPV4 &&
            out->pool.address.family != ADIT_AF_IPV6)
            return "it leases no address";
        break;
    case ADIT_KIND_POLICY:
        if (out->policy.grant > 1)
            return "it neither grants nor denies";
        break;
    default:
        break;
    }
    return NULL;
}

static void answer_in(struct plug_inst *i, struct req *r, int32_t status, const void *answer)
{
    union answer copy;
    const char *wrong = NULL;
    uint64_t took = loop_now() - r->asked_at;
    void (*done)(void *u, int32_t status, const void *answer) = r->done;
    void *u = r->u;
    loop_timer_stop(r->timer);
    release(r);
    i->stat.answered++;
    if (took > i->stat.slowest_ms)
        i->stat.slowest_ms = took;
    if (status > 0)
        wrong = "its status is neither success nor an error";
    else if (!status && !answer)
        wrong = "it is empty";
    else if (answer)
        wrong = nonsense(i->self.kind, status, answer, &copy);
    if (wrong) {
        plug_fault(i, "the answer is nonsense: %s", wrong);
        done(u, status < 0 ? status : ADIT_EINVAL, NULL);
    } else {
        done(u, status, answer ? &copy : NULL);
    }
}

static void off_main(void *u)
{
    (void)u;
    log_fail(PLUG_ROOM, ADIT_EINVAL, "a plugin answered a request from another thread; the answer is "
             "lost: loop->post() is the way to the main loop");
}

static void request_done(struct adit_self *self, adit_request number, int32_t status,
                         const void *answer)
{
    if (!plug_on_main()) {      /* nothing here may be touched from another thread */
        loop_post(off_main, NULL);
        return;
    }
    struct plug_inst *i = plug_inst_known(self);
    struct req *r = req_of(number);
    if (!i) {
        log_fail(PLUG_ROOM, ADIT_EINVAL, "a plugin answered for an instance that does not exist");
        return;
    }
    if (!r || r->inst != i) {
        plug_fault(i, "it answered request %llx, which is not open: a second answer, or one that was "
                   "never asked", (unsigned long long)number);
        return;
    }
    if (r->state == REQ_OVERDUE) {
        i->stat.late++;
        release(r);
        return;
    }
    answer_in(i, r, status, answer);
}

const struct adit_request_api plug_request_api = {
    .size = sizeof(struct adit_request_api), .done = request_done,
};
