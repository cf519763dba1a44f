/* fake_loop.c - virtual time: timers, work, posts. */
#include "fake_in.h"

struct adit_timer {
    struct adit_node node;
    struct fake_self *self;
    void (*fire)(void *u);
    void *u;
    uint64_t at, turn;          /* equal times fire in the order of their setting */
    bool set;
};

struct adit_work {
    struct adit_node node;
    struct fake_self *self;
    void (*run)(void *u);       /* NULL: cancelled */
    void (*done)(void *u, int32_t status);
    void *u;
};

struct post {
    struct adit_node node;
    struct fake_self *self;
    void (*fn)(void *u);
    void *u;
};

#define START_MS 1000000u       /* so that "now - an hour" is still positive ... */
#define WALL_MS  1700000000000u /* ... and the calendar says November 2023 */

static struct {
    uint64_t now, turn;
    struct adit_node timers, works, posts;
} L;

void fake_loop_begin(void)
{
    L.now = START_MS;
    L.turn = 0;
    adit_list_init(&L.timers);
    adit_list_init(&L.works);
    adit_list_init(&L.posts);
}

void fake_loop_end(void)
{
    ADIT_LIST_EACH(n, &L.timers)
        free(ADIT_OF(n, struct adit_timer, node));
    ADIT_LIST_EACH(n, &L.works)
        free(ADIT_OF(n, struct adit_work, node));
    ADIT_LIST_EACH(n, &L.posts)
        free(ADIT_OF(n, struct post, node));
}

uint64_t fake_now(void)
{
    fake_need();
    return L.now;
}

static uint64_t loop_now(void) { return L.now; }
static uint64_t loop_wall(void) { return WALL_MS + (L.now - START_MS); }

static struct adit_timer *timer_new(struct adit_self *self, void (*fire)(void *u), void *u)
{
    struct fake_self *s = fake_self_of(self, "loop->timer_new()");
    if (!s)
        return NULL;
    struct adit_timer *t = fake_alloc(sizeof *t);
    t->self = s;
    t->fire = fire;
    t->u = u;
    s->owned[OWN_TIMER]++;
    adit_list_add(&L.timers, &t->node);
    return t;
}

static void timer_set(struct adit_timer *t, uint64_t after_ms)
{
    t->at = L.now + after_ms;
    t->turn = ++L.turn;
    t->set = true;
}

static void timer_stop(struct adit_timer *t)
{
    t->set = false;
}

static void timer_free(struct adit_timer *t)
{
    if (!t)
        return;
    t->self->owned[OWN_TIMER]--;
    adit_list_del(&t->node);
    free(t);
}

static int32_t work(struct adit_self *self, void (*run)(void *u),
                    void (*done)(void *u, int32_t status), void *u, struct adit_work **out)
{
    struct fake_self *s = fake_self_of(self, "loop->work()");
    if (!s)
        return ADIT_EINVAL;
    struct adit_work *w = fake_alloc(sizeof *w);
    *w = (struct adit_work){ .self = s, .run = run, .done = done, .u = u };
    s->owned[OWN_WORK]++;
    adit_list_add(&L.works, &w->node);
    if (out)
        *out = w;
    return 0;
}

static void work_cancel(struct adit_work *w)
{
    w->run = NULL;
}

static int32_t post(struct adit_self *self, void (*fn)(void *u), void *u)
{
    struct fake_self *s = fake_self_of(self, "loop->post()");
    if (!s)
        return ADIT_EINVAL;
    struct post *p = fake_alloc(sizeof *p);
    *p = (struct post){ .self = s, .fn = fn, .u = u };
    s->owned[OWN_POST]++;
    adit_list_add(&L.posts, &p->node);
    return 0;
}

static struct adit_timer *timer_next(void)
{
    struct adit_timer *best = NULL;
    ADIT_LIST_EACH(n, &L.timers) {
        struct adit_timer *t = ADIT_OF(n, struct adit_timer, node);
        if (t->set && (!best || t->at < best->at || (t->at == best->at && t->turn < best->turn)))
            best = t;
    }
    return best;
}

uint64_t fake_next_timer(void)
{
    fake_need();
    const struct adit_timer *t = timer_next();
    return !t ? UINT64_MAX : t->at > L.now ? t->at - L.now : 0;
}

/* One thing that is due now; false: nothing. */
static bool turn(void)
{
    if (!adit_list_empty(&L.posts)) {
        struct post p = *ADIT_OF(L.posts.next, struct post, node);
        struct post *old = ADIT_OF(L.posts.next, struct post, node);
        adit_list_del(&old->node);
        free(old);
        p.self->owned[OWN_POST]--;
        p.fn(p.u);
        return true;
    }
    if (!adit_list_empty(&L.works)) {
        struct adit_work *w = ADIT_OF(L.works.next, struct adit_work, node);
        adit_list_del(&w->node);
        if (w->run)
            w->run(w->u);
        w->self->owned[OWN_WORK]--;
        w->done(w->u, w->run ? 0 : ADIT_ECANCELED);
        free(w);
        return true;
    }
    struct adit_timer *t = timer_next();
    if (!t || t->at > L.now)
        return false;
    t->set = false;
    t->fire(t->u);
    return true;
}

void fake_run(void)
{
    fake_need();
    for (uint32_t i = 0; turn(); i++)
        if (i > 1000000) {
            fake_trouble("the plugin never comes to rest: a timer or post that renews itself at once");
            return;
        }
}

void fake_advance(uint64_t ms)
{
    fake_need();
    uint64_t until = L.now + ms;
    fake_run();
    for (struct adit_timer *t; (t = timer_next()) && t->at <= until;) {
        L.now = t->at;
        fake_run();
    }
    L.now = until;
    fake_run();
}

const struct adit_loop_api fake_loop_api = {
    .size = sizeof(struct adit_loop_api), .now = loop_now, .wall = loop_wall,
    .timer_new = timer_new, .timer_set = timer_set, .timer_stop = timer_stop,
    .timer_free = timer_free, .work = work, .work_cancel = work_cancel, .post = post,
};
