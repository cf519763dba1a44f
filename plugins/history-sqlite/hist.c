/* hist.c - the face of the history: sessions in, one writer off the loop.
 *
 * Knows:  when is written, what is told when that fails, how it ends.
 * Leaves: records and their queue to hist_rec, the database to hist_store, verbs to
 *         hist_verb.
 *
 * One job at a time writes. While it runs the queue fills; it takes all of that too
 * before it ends, so many sessions that end at once share a transaction.
 */
#include "hist.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define BATCH      500u         /* records of one transaction */
#define AT_ONCE    BATCH        /* so many do not wait for the window */
#define CARE_MS    60000u       /* between two rounds of retention */
#define MORE_MS    500u         /* between two jobs of it, while there is much to remove */
#define CARE_STEPS 20u          /* of one job */
#define RETRY_MS   1000u        /* after a trouble, doubled up to ... */
#define RETRY_MAX  60000u
#define END_MS     3000u        /* that the last job tries */
#define END_STEP_US 200000

ADIT_EVENT(ev_opened, "history.opened", ADIT_LOG_INFO,
           "The database of the history is open; so many sessions a crash had left open.",
           "file cut");
ADIT_EVENT(ev_resumed, "history.resumed", ADIT_LOG_NOTICE,
           "The history is written again; what waited stands in it.", "file");
ADIT_EVENT(ev_aside, "history.set-aside", ADIT_LOG_ERROR,
           "The database was damaged; it was kept under another name and a new one begun.",
           "file kept remedy");
ADIT_EVENT(ev_lost, "history.lost", ADIT_LOG_WARN,
           "Records could not be kept until the database can be written.", "records remedy");

const struct adit_event *const hist_events[] = { &ev_opened, &ev_resumed, &ev_aside, &ev_lost, NULL };

static void write_now(struct hist *h);

/* ---- the job: on a thread ------------------------------------------------------------ */

/* Everything that waits, in batches, also what comes meanwhile. */
static enum hist_trouble write_queue(struct hist *h)
{
    struct hist_rec *v[BATCH];
    enum hist_trouble t = hist_store_open(h->store, h->job.wall_ms);
    while (!t) {
        pthread_mutex_lock(&h->lock);
        uint32_t n = hist_queue_take(&h->queue, v, BATCH);
        pthread_mutex_unlock(&h->lock);
        if (!n)
            break;
        t = hist_store_write(h->store, v, n, h->job.wall_ms);
        if (t) {
            pthread_mutex_lock(&h->lock);
            hist_queue_back(&h->queue, v, n);
            pthread_mutex_unlock(&h->lock);
            break;
        }
        while (n--)
            hist_rec_free(v[n]);
    }
    return t;
}

static enum hist_trouble care(struct hist *h)
{
    enum hist_trouble t = HIST_FINE;
    h->job.more = false;
    if (h->job.alive)
        t = hist_store_alive(h->store, h->job.wall_ms);
    if (h->job.care || hist_store_over(h->store, &h->job.limits))
        for (uint32_t i = 0; !t && i < CARE_STEPS; i++) {
            t = hist_store_prune(h->store, &h->job.limits, h->job.wall_ms, &h->job.more);
            if (!h->job.more)
                break;
            if (!t)
                t = write_queue(h);     /* sessions that end meanwhile do not wait for it */
        }
    return t;
}

static void run(void *u)
{
    struct hist *h = u;
    enum hist_trouble t = h->job.check ? hist_store_check(h->store, h->job.wall_ms) : HIST_FINE;
    if (!t)
        t = write_queue(h);
    if (!t && !h->job.end)
        t = care(h);
    for (uint32_t ms = 0; t && h->job.end && ms < h->job.patience_ms; ms += END_STEP_US / 1000) {
        usleep(END_STEP_US);
        t = write_queue(h);
    }
    h->job.trouble = t;
    snprintf(h->job.says, sizeof h->job.says, "%s", t ? hist_store_says(h->store) : "");
    hist_store_news(h->store, &h->job.news);
    h->job.bytes = hist_store_bytes(h->store);
    if (h->job.end) {
        hist_store_free(h->store);
        h->store = NULL;
    }
}

/* ---- what came of it --------------------------------------------------------------------- */

static uint32_t waiting(struct hist *h)
{
    pthread_mutex_lock(&h->lock);
    uint32_t n = h->queue.count;
    pthread_mutex_unlock(&h->lock);
    return n;
}

static void tell(struct hist *h)
{
    struct adit_self *self = h->self;
    const struct hist_news *n = &h->job.news;
    adit_count_n(self, HIST_N_WRITTEN, n->written);
    adit_count_n(self, HIST_N_FOLDED, n->folded);
    adit_count_n(self, HIST_N_REFUSED, n->refused);
    adit_count_n(self, HIST_N_PRUNED, n->pruned);
    if (*n->aside)
        adit_event(self, &ev_aside, ADIT_KV_S("file", h->path), ADIT_KV_S("kept", n->aside),
                   ADIT_KV_S("remedy", "look at the disk; 'sqlite3 KEPT .recover' saves what can be read"));
    if (n->opened && (!h->bytes || n->cut))
        adit_event(self, &ev_opened, ADIT_KV_S("file", h->path), ADIT_KV_U("cut", n->cut));
    h->bytes = h->job.bytes;
    if (h->job.trouble) {
        adit_count(self, HIST_N_TROUBLES);
        if (h->job.trouble != h->trouble)       /* once, not at every retry */
            (void)adit_fail(self, ADIT_EIO, "%s; %u records wait", h->job.says, waiting(h));
    } else if (h->trouble) {
        adit_event(self, &ev_resumed, ADIT_KV_S("file", h->path));
    }
    h->trouble = h->job.trouble;
}

static void arm(struct hist *h, uint64_t ms)
{
    h->armed = true;
    h->self->host->loop->timer_set(h->write_timer, ms);
}

/* The instance is gone, and the last job did not run to its end: it was cancelled with
 * the loop, or another one was under way when the instance went. */
static void last_word(struct hist *h)
{
    h->job.end = true;
    h->job.patience_ms = 0;
    if (h->store)
        run(h);
    hist_unref(h);
}

static void done(void *u, int32_t status)
{
    struct hist *h = u;
    (void)status;               /* nobody cancels but the loop's end */
    h->writing = false;
    if (!h->self) {
        last_word(h);
        return;
    }
    tell(h);
    if (h->trouble) {
        h->retry_ms = !h->retry_ms ? RETRY_MS : h->retry_ms * 2 < RETRY_MAX ? h->retry_ms * 2 : RETRY_MAX;
        arm(h, h->retry_ms);
    } else {
        h->retry_ms = 0;
        if (h->job.more) {
            h->care_due = true;
            arm(h, MORE_MS);
        } else if (h->check_due || waiting(h)) {
            write_now(h);
        }
    }
    hist_calls_written(h, !waiting(h));
}

static void write_now(struct hist *h)
{
    struct adit_self *self = h->self;
    const struct hist_conf *c = self->conf;
    if (h->writing)
        return;
    self->host->loop->timer_stop(h->write_timer);
    h->armed = false;
    h->job.wall_ms = (int64_t)self->host->loop->wall();
    h->job.limits = (struct hist_limits){ c->keep_ms, c->max_bytes, c->max_failed };
    h->job.care = h->care_due;
    h->job.alive = h->care_due && h->up;
    h->job.check = h->check_due;
    h->care_due = h->check_due = false;
    h->writing = self->host->loop->work(self, run, done, h, NULL) == 0;
    if (!h->writing)
        arm(h, RETRY_MS);
}

static void write_fired(void *u)
{
    struct hist *h = u;
    h->armed = false;
    write_now(h);
}

static void care_fired(void *u)
{
    struct hist *h = u;
    h->care_due = true;
    if (!h->trouble)
        write_now(h);
    h->self->host->loop->timer_set(h->care_timer, CARE_MS);
}

uint32_t hist_write_out(struct hist *h)
{
    uint32_t jobs = h->writing ? 2 : 1;     /* the one that runs may be past its last look */
    if (h->trouble || (!h->writing && !waiting(h)))
        return 0;
    write_now(h);
    return h->writing ? jobs : 0;
}

void hist_check_soon(struct hist *h)
{
    h->check_due = true;
    write_now(h);
}

/* ---- records ------------------------------------------------------------------------------- */

static void tell_lost(struct adit_self *self, uint32_t n)
{
    adit_count_n(self, HIST_N_LOST, n);
    if (self->host->log->allow(self, &ev_lost, 6))
        adit_event(self, &ev_lost, ADIT_KV_U("records", n),
                   ADIT_KV_S("remedy", "see the last error of the instance ('adit plugins'); raise queue"));
}

static void add(struct adit_self *self, enum hist_what what, const struct adit_attrs *attrs)
{
    struct hist *h = self->instance;
    const struct hist_conf *c = self->conf;
    struct hist_rec *r = hist_rec_new(self->host, what, attrs, self->host->loop->wall());
    if (!r) {
        tell_lost(self, 1);
        return;
    }
    pthread_mutex_lock(&h->lock);
    bool lost = hist_queue_add(&h->queue, r, c->queue);
    uint32_t n = h->queue.count;
    pthread_mutex_unlock(&h->lock);
    if (lost)
        tell_lost(self, 1);
    if (!h->serving || h->writing || h->trouble)
        return;                 /* the job takes it, or the retry */
    if (n >= AT_ONCE)
        write_now(h);
    else if (!h->armed)
        arm(h, c->window_ms);
}

static void begin(struct adit_self *self, const struct adit_attrs *attrs)
{
    struct hist *h = self->instance;
    h->up++;
    add(self, HIST_BEGIN, attrs);
}

static void interim(struct adit_self *self, const struct adit_attrs *attrs)
{
    add(self, HIST_INTERIM, attrs);
}

static void end(struct adit_self *self, const struct adit_attrs *attrs)
{
    struct hist *h = self->instance;
    h->up -= h->up != 0;
    add(self, HIST_END, attrs);
}

static void refused(struct adit_self *self, const struct adit_attrs *attrs)
{
    add(self, HIST_REFUSED, attrs);
}

static uint32_t drain(struct adit_self *self)
{
    struct hist *h = self->instance;
    uint32_t n = waiting(h);
    if (n && !h->writing && (!h->trouble || !h->armed))
        write_now(h);
    return n + h->writing;
}

const struct adit_accounting hist_vtable = {
    .size = sizeof hist_vtable, .begin = begin, .interim = interim, .end = end, .drain = drain,
    .refused = refused,
};

/* ---- life --------------------------------------------------------------------------------------- */

void hist_unref(struct hist *h)
{
    if (h->self || h->writing || h->reading)
        return;
    hist_store_free(h->store);
    hist_queue_fini(&h->queue);
    pthread_mutex_destroy(&h->lock);
    free(h);
}

/* The option, or a file below the state directory; its directory is made at start. */
static int32_t set_path(struct adit_self *self, struct hist *h)
{
    const struct hist_conf *c = self->conf;
    const char *dir = ADIT_HAS(self->host, state_dir) ? self->host->state_dir : NULL;
    int n;
    if (!c->file && !dir)
        return adit_fail(self, ADIT_ECONF, "the daemon keeps nothing (daemon.state-dir): name a file "
                         "for the history, for instance file: /var/lib/adit/history.db");
    if (c->file)
        n = snprintf(h->path, sizeof h->path, "%s", c->file);
    else
        n = snprintf(h->path, sizeof h->path, "%s/history-sqlite/%s.db", dir, self->name);
    if (n < 0 || (size_t)n >= sizeof h->path - 64)
        return adit_fail(self, ADIT_ECONF, "the path of the file is longer than %zu bytes",
                         sizeof h->path - 65);
    return 0;
}

static int32_t create(struct adit_self *self)
{
    struct hist *h = calloc(1, sizeof *h);
    const struct adit_loop_api *loop = self->host->loop;
    if (!h)
        return adit_fail(self, ADIT_ENOMEM, "out of memory");
    hist_queue_init(&h->queue);
    adit_list_init(&h->calls);
    pthread_mutex_init(&h->lock, NULL);
    int32_t rc = set_path(self, h);
    if (!rc && !sqlite3_threadsafe())
        rc = adit_fail(self, ADIT_ENOSYS, "this host's SQLite was built for one thread: install one "
                       "with SQLITE_THREADSAFE");
    if (!rc && !(h->store = hist_store_new(h->path)))
        rc = adit_fail(self, ADIT_ENOMEM, "out of memory");
    if (rc) {
        hist_unref(h);
        return rc;
    }
    h->self = self;
    h->write_timer = loop->timer_new(self, write_fired, h);
    h->care_timer = loop->timer_new(self, care_fired, h);
    self->instance = h;
    rc = hist_verbs_register(self);
    if (!rc && (!h->write_timer || !h->care_timer))
        rc = adit_fail(self, ADIT_ENOMEM, "out of memory");
    if (rc) {
        loop->timer_free(h->write_timer);
        loop->timer_free(h->care_timer);
        self->instance = h->self = NULL;
        hist_unref(h);
    }
    return rc;
}

static int32_t start(struct adit_self *self)
{
    struct hist *h = self->instance;
    const struct hist_conf *c = self->conf;
    if (!c->file) {
        char dir[sizeof h->path];
        snprintf(dir, sizeof dir, "%s", h->path);
        *strrchr(dir, '/') = '\0';
        mkdir(dir, 0700);       /* a failure shows when the file is opened */
    }
    h->serving = true;
    h->care_due = true;         /* opens it, and begins with what is too old */
    write_now(h);
    self->host->loop->timer_set(h->care_timer, CARE_MS);
    return 0;
}

static void stop(struct adit_self *self)
{
    struct hist *h = self->instance;
    h->serving = false;
    self->host->loop->timer_stop(h->care_timer);
}

/* The last job writes what waits and closes the file; nobody waits for it. */
static void destroy(struct adit_self *self)
{
    struct hist *h = self->instance;
    const struct adit_loop_api *loop = self->host->loop;
    uint32_t n = waiting(h);
    if (h->trouble && n)
        tell_lost(self, n);     /* said now: the last attempt has nobody to tell */
    hist_calls_end(h);
    loop->timer_free(h->write_timer);
    loop->timer_free(h->care_timer);
    if (!h->writing) {
        h->job.end = true;
        h->job.check = false;
        h->job.patience_ms = h->trouble ? 0 : END_MS;
        h->job.wall_ms = (int64_t)loop->wall();
        h->writing = loop->work(self, run, done, h, NULL) == 0;
        if (!h->writing)
            run(h);
    }
    self->instance = h->self = NULL;
    hist_unref(h);
}

static int32_t reload(struct adit_self *self, const void *conf)
{
    (void)self;
    (void)conf;
    return 0;                   /* they are looked at when they matter */
}

static void status(struct adit_self *self, struct adit_report *r)
{
    struct hist *h = self->instance;
    const struct adit_host *host = self->host;
    adit_report_put_str(host, r, "file", h->path);
    adit_report_put_str(host, r, "state", h->trouble ? "waiting" : "writing");
    adit_report_put_u(host, r, "bytes", h->bytes);
    adit_report_put_u(host, r, "queued", waiting(h));
}

const struct adit_life hist_life = {
    .size = sizeof hist_life, .create = create, .start = start, .reload = reload, .stop = stop,
    .destroy = destroy, .status = status,
};
