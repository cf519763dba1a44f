/* loop.c - clock, timers, descriptors, the end of a round, signals, threads.
 *
 * Knows:  libuv (with child.c, the only file that does).
 * Leaves: sockets to stream.c, packets to the rooms that read them.
 *
 * Everything a caller holds is one malloc block that starts with its libuv
 * handle; freeing it closes the handle, and the block goes when libuv says so.
 * That is what makes freeing in one's own callback safe.
 */
#include "loop/loop_int.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uv_loop_t main_loop;
static uv_prepare_t before_sleep;
static uv_idle_t no_sleep;              /* active while something waits for the next round's end */
static uv_async_t wake;
static bool inited;

/* the queue of this round's end */
static struct loop_idle *idle_head, **idle_tail = &idle_head;

/* what other threads asked for */
struct post {
    struct post *next;
    void (*fn)(void *u);
    void *u;
};
static pthread_mutex_t post_lock = PTHREAD_MUTEX_INITIALIZER;
static struct post *post_head, **post_tail = &post_head;
static bool post_open;

uv_loop_t *loop_uv(void)
{
    return &main_loop;
}

static void block_closed(uv_handle_t *h)
{
    free(h->data);
}

/* ---- the clock ------------------------------------------------------------------- */

uint64_t loop_now(void)
{
    return uv_now(&main_loop);
}

uint64_t loop_wall(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

/* ---- timers ------------------------------------------------------------------------ */

struct loop_timer {
    uv_timer_t uv;
    void (*fire)(void *u);
    void *u;
};

static bool in_timers;

static void timer_fired(uv_timer_t *h)
{
    struct loop_timer *t = h->data;
    in_timers = true;
    t->fire(t->u);
    in_timers = false;
}

struct loop_timer *loop_timer_new(void (*fire)(void *u), void *u)
{
    struct loop_timer *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    uv_timer_init(&main_loop, &t->uv);
    t->uv.data = t;
    t->fire = fire;
    t->u = u;
    return t;
}

void loop_timer_set(struct loop_timer *t, uint64_t after_ms)
{
    /* libuv runs timers until none is due: one that sets itself to 0 would
     * keep sockets waiting for ever */
    if (!after_ms && in_timers)
        after_ms = 1;
    uv_timer_start(&t->uv, timer_fired, after_ms, 0);
}

void loop_timer_stop(struct loop_timer *t)
{
    uv_timer_stop(&t->uv);
}

void loop_timer_free(struct loop_timer *t)
{
    if (t)
        uv_close((uv_handle_t *)&t->uv, block_closed);
}

/* ---- descriptors ------------------------------------------------------------------- */

struct loop_fd {
    uv_poll_t uv;
    void (*ready)(void *u, int events);
    void *u;
    int want;
};

static void fd_ready(uv_poll_t *h, int status, int events)
{
    struct loop_fd *f = h->data;
    int ev = (events & UV_READABLE ? LOOP_READ : 0) | (events & UV_WRITABLE ? LOOP_WRITE : 0);
    if (status < 0) {
        /* libuv stops watching on EPOLLERR; but for a datagram socket that is
         * only an ICMP error or a filled error queue, and the reader takes it
         * from there. Watched again before the call: the callback may free f. */
        ev = f->want | LOOP_ERROR;
        int want = f->want;
        f->want = 0;
        loop_fd_want(f, want);
    }
    f->ready(f->u, ev);
}

struct loop_fd *loop_fd_new(int fd, void (*ready)(void *u, int events), void *u)
{
    struct loop_fd *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    if (uv_poll_init(&main_loop, &f->uv, fd) < 0) {
        free(f);
        return NULL;
    }
    f->uv.data = f;
    f->ready = ready;
    f->u = u;
    return f;
}

void loop_fd_want(struct loop_fd *f, int events)
{
    if (f->want == events)
        return;
    f->want = events;
    if (!events)
        uv_poll_stop(&f->uv);
    else
        uv_poll_start(&f->uv, (events & LOOP_READ ? UV_READABLE : 0) |
                              (events & LOOP_WRITE ? UV_WRITABLE : 0), fd_ready);
}

void loop_fd_free(struct loop_fd *f)
{
    if (f)
        uv_close((uv_handle_t *)&f->uv, block_closed);
}

/* ---- the end of a round -------------------------------------------------------------- */

/* libuv's round is: timers, idle, prepare, sleep, descriptors, posts, closing.
 * The prepare before the sleep is therefore the end of what the descriptors of
 * the last round and the timers of this one did. */
static struct loop_idle *idle_now;      /* what is still to run in this round's end */

static void round_end(void)
{
    idle_now = idle_head;
    idle_head = NULL;
    idle_tail = &idle_head;
    struct loop_idle *i;
    while ((i = idle_now) != NULL) {
        idle_now = i->next;             /* i may be freed in its run() */
        i->queued = 0;
        i->run(i->u);
    }
}

static void slept_not(uv_idle_t *h)
{
    uv_idle_stop(h);
}

static void prepare_cb(uv_prepare_t *h)
{
    (void)h;
    if (!idle_head)
        return;
    round_end();
    if (idle_head)                      /* asked again: soon, but descriptors first */
        uv_idle_start(&no_sleep, slept_not);
}

void loop_at_round_end(struct loop_idle *i)
{
    if (i->queued)
        return;
    i->queued = 1;
    i->next = NULL;
    *idle_tail = i;
    idle_tail = &i->next;
}

void loop_round_end_cancel(struct loop_idle *i)
{
    if (!i->queued)
        return;
    i->queued = 0;
    for (struct loop_idle **p = &idle_now; *p; p = &(*p)->next)
        if (*p == i) {
            *p = i->next;
            return;
        }
    for (struct loop_idle **p = &idle_head; *p; p = &(*p)->next)
        if (*p == i) {
            *p = i->next;
            if (idle_tail == &i->next)
                idle_tail = p;
            return;
        }
}

/* ---- signals ------------------------------------------------------------------------- */

struct loop_sig {
    uv_signal_t uv;
    void (*caught)(void *u, int signum);
    void *u;
};

static void sig_caught(uv_signal_t *h, int signum)
{
    struct loop_sig *s = h->data;
    s->caught(s->u, signum);
}

int loop_signal(int signum, void (*caught)(void *u, int signum), void *u)
{
    struct loop_sig *s = calloc(1, sizeof *s);
    if (!s)
        return ADIT_ENOMEM;
    if (uv_signal_init(&main_loop, &s->uv) < 0) {
        free(s);
        return ADIT_EIO;
    }
    s->uv.data = s;
    s->caught = caught;
    s->u = u;
    int rc = uv_signal_start(&s->uv, sig_caught, signum);
    if (rc < 0)
        uv_close((uv_handle_t *)&s->uv, block_closed);
    return loop_code(rc);
}

/* ---- threads ------------------------------------------------------------------------- */

struct loop_work {
    uv_work_t uv;
    struct loop_work *next, **at;       /* of works */
    void (*run)(void *u);
    void (*done)(void *u, int32_t status);
    void *u;
};

static struct loop_work *works;

static void work_run(uv_work_t *r)
{
    struct loop_work *w = r->data;
    w->run(w->u);
}

static void work_done(uv_work_t *r, int status)
{
    struct loop_work *w = r->data;
    *w->at = w->next;
    if (w->next)
        w->next->at = w->at;
    w->done(w->u, status == UV_ECANCELED ? ADIT_ECANCELED : 0);
    free(w);
}

struct loop_work *loop_work(void (*run)(void *u), void (*done)(void *u, int32_t status), void *u)
{
    struct loop_work *w = inited ? calloc(1, sizeof *w) : NULL;
    if (!w)
        return NULL;
    w->uv.data = w;
    w->run = run;
    w->done = done;
    w->u = u;
    if (uv_queue_work(&main_loop, &w->uv, work_run, work_done) < 0) {
        free(w);
        return NULL;
    }
    w->next = works;
    w->at = &works;
    if (works)
        works->at = &w->next;
    works = w;
    return w;
}

/* What already runs cannot be stopped: done(0) comes when it has ended. */
void loop_work_cancel(struct loop_work *w)
{
    if (w)
        uv_cancel((uv_req_t *)&w->uv);
}

int loop_post(void (*fn)(void *u), void *u)
{
    struct post *p = malloc(sizeof *p);
    if (!p)
        return ADIT_ENOMEM;
    *p = (struct post){ NULL, fn, u };
    pthread_mutex_lock(&post_lock);
    if (!post_open) {
        pthread_mutex_unlock(&post_lock);
        free(p);
        return ADIT_ESTATE;
    }
    *post_tail = p;
    post_tail = &p->next;
    /* inside the lock: loop_fini() closes the handle only behind it */
    uv_async_send(&wake);
    pthread_mutex_unlock(&post_lock);
    return 0;
}

static void post_run(void)
{
    pthread_mutex_lock(&post_lock);
    struct post *p = post_head;
    post_head = NULL;
    post_tail = &post_head;
    pthread_mutex_unlock(&post_lock);
    while (p) {
        struct post *next = p->next;
        p->fn(p->u);
        free(p);
        p = next;
    }
}

static void wake_cb(uv_async_t *h)
{
    (void)h;
    post_run();
}

/* ---- the loop ------------------------------------------------------------------------- */

int32_t loop_code(int e)
{
    switch (e) {
    case 0:                 return 0;
    case UV_ENOMEM:
    case UV_ENOBUFS:        return ADIT_ENOMEM;
    case UV_EINVAL:         return ADIT_EINVAL;
    case UV_EACCES:
    case UV_EPERM:          return ADIT_EDENIED;
    case UV_EADDRINUSE:     return ADIT_EADDRINUSE;
    case UV_ETIMEDOUT:      return ADIT_ETIMEDOUT;
    case UV_EHOSTUNREACH:
    case UV_ENETUNREACH:
    case UV_ECONNREFUSED:
    case UV_ENETDOWN:
    case UV_EADDRNOTAVAIL:  return ADIT_EUNREACH;
    case UV_ENOENT:         return ADIT_ENOENT;
    case UV_EEXIST:         return ADIT_EEXIST;
    case UV_EMFILE:
    case UV_ENFILE:         return ADIT_ENOSPC;
    case UV_ECANCELED:      return ADIT_ECANCELED;
    default:                return ADIT_EIO;
    }
}

int loop_init(void)
{
    if (inited)
        return ADIT_ESTATE;
    int rc = uv_loop_init(&main_loop);
    if (rc < 0)
        return loop_code(rc);
    rc = uv_async_init(&main_loop, &wake, wake_cb);
    if (rc < 0) {
        uv_loop_close(&main_loop);
        return loop_code(rc);
    }
    uv_prepare_init(&main_loop, &before_sleep);
    uv_prepare_start(&before_sleep, prepare_cb);
    uv_idle_init(&main_loop, &no_sleep);
    /* handles on the heap are told from these by their data */
    wake.data = before_sleep.data = no_sleep.data = NULL;
    signal(SIGPIPE, SIG_IGN);           /* a peer that went away is an error code */
    pthread_mutex_lock(&post_lock);
    post_open = true;
    pthread_mutex_unlock(&post_lock);
    inited = true;
    return 0;
}

int loop_run(void)
{
    if (!inited)
        return ADIT_ESTATE;
    uv_run(&main_loop, UV_RUN_DEFAULT);
    /* what the last round asked for: answers that wait to be sent in one go */
    for (int i = 0; i < 8 && idle_head; i++)
        round_end();
    return 0;
}

void loop_stop(void)
{
    uv_stop(&main_loop);
}

static void close_one(uv_handle_t *h, void *u)
{
    (void)u;
    if (uv_is_closing(h))
        return;
    /* every heap block of this file starts with its handle and is its data */
    uv_close(h, h->data ? block_closed : NULL);
}

void loop_fini(void)
{
    if (!inited)
        return;
    pthread_mutex_lock(&post_lock);
    post_open = false;
    pthread_mutex_unlock(&post_lock);
    post_run();
    loop_stream_fini();
    loop_child_fini();
    for (struct loop_work *w = works; w; w = w->next)
        uv_cancel((uv_req_t *)&w->uv);
    inited = false;                     /* no new work */
    /* Work that runs is waited for: its done() is owed. Its owner may make
     * new handles there, so again until nothing is left. */
    do {
        uv_walk(&main_loop, close_one, NULL);
        uv_run(&main_loop, UV_RUN_DEFAULT);
    } while (uv_loop_close(&main_loop) == UV_EBUSY);
    idle_head = NULL;
    idle_tail = &idle_head;
}

void loop_end(void) { uv_library_shutdown(); }

/* ---- the table for plugins ------------------------------------------------------------ */

static struct adit_timer *api_timer_new(struct adit_self *self, void (*fire)(void *u), void *u)
{
    (void)self;
    return (struct adit_timer *)loop_timer_new(fire, u);
}

static void api_timer_set(struct adit_timer *t, uint64_t after_ms)
{
    loop_timer_set((struct loop_timer *)t, after_ms);
}

static void api_timer_stop(struct adit_timer *t)
{
    loop_timer_stop((struct loop_timer *)t);
}

static void api_timer_free(struct adit_timer *t)
{
    loop_timer_free((struct loop_timer *)t);
}

static int32_t api_work(struct adit_self *self, void (*run)(void *u),
                        void (*done)(void *u, int32_t status), void *u, struct adit_work **out)
{
    (void)self;
    struct loop_work *w = loop_work(run, done, u);
    if (out)
        *out = (struct adit_work *)w;
    return w ? 0 : ADIT_ENOMEM;
}

static void api_work_cancel(struct adit_work *w)
{
    loop_work_cancel((struct loop_work *)w);
}

static int32_t api_post(struct adit_self *self, void (*fn)(void *u), void *u)
{
    (void)self;
    return loop_post(fn, u);
}

const struct adit_loop_api loop_api = {
    .size = sizeof loop_api,
    .now = loop_now,
    .wall = loop_wall,
    .timer_new = api_timer_new,
    .timer_set = api_timer_set,
    .timer_stop = api_timer_stop,
    .timer_free = api_timer_free,
    .work = api_work,
    .work_cancel = api_work_cancel,
    .post = api_post,
};
