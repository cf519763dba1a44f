/* rad_store.c - the spool, worked by another thread.
 *
 * Knows:  threads, one batch at a time, opening the spool when it can be opened.
 * Leaves: the file to rad_spool, records and their order to rad_acct.
 */
#include "rad_store.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct rad_store {
    struct adit_self *self;
    void (*finished)(void *u, struct rad_batch *b);
    void *u;
    bool under_way;             /* work() has not said done() */
    bool gone;                  /* freed when it has */
    pthread_mutex_t lock;       /* held while a batch runs; guards what follows */
    struct rad_batch *batch;    /* NULL: taken back */
    bool ran;
    struct rad_spool *spool;
    uint64_t limit;
    char *dir;
};

struct rad_batch *rad_batch_new(uint32_t adds, uint32_t dones, uint32_t want)
{
    struct rad_batch *b = calloc(1, sizeof *b);
    if (!b)
        return NULL;
    b->add = calloc(adds + 1u, sizeof *b->add);
    b->done = calloc(dones + 1u, sizeof *b->done);
    b->got = calloc(want + 1u, sizeof *b->got);
    b->want = want;
    if (b->add && b->done && b->got)
        return b;
    rad_batch_free(b);
    return NULL;
}

void rad_batch_free(struct rad_batch *b)
{
    if (!b)
        return;
    for (uint32_t i = 0; i < b->gots; i++)
        free(b->got[i].bytes);
    free(b->add);
    free(b->done);
    free(b->got);
    free(b);
}

/* ---- on any thread, with the lock ---------------------------------------------------- */

static void read_on(struct rad_spool *s, struct rad_batch *b)
{
    uint8_t buf[RAD_SPOOL_MAX];
    struct rad_spool_rec rec;
    for (uint32_t i = 0; !b->written && i < b->after_add; i++)
        if (b->add[i].seq > b->after)
            b->after = b->add[i].seq;
    while (b->gots < b->want) {
        uint32_t len = rad_spool_read(s, b->after, &rec, buf);
        uint8_t *bytes = len ? malloc(len) : NULL;
        if (!bytes)
            break;
        memcpy(bytes, buf, len);
        b->got[b->gots++] = (struct rad_stored){ rec.seq, rec.rank, len, bytes };
        b->after = rec.seq;
    }
    b->more = rad_spool_more(s, b->after);
}

static void work_off(struct rad_store *st, struct rad_batch *b)
{
    if (!st->spool) {
        b->written = rad_spool_open(st->dir, st->limit, &st->spool, b->why, sizeof b->why);
        if (b->written)
            return;
    }
    b->open = true;
    b->written = rad_spool_write(st->spool, b->add, b->adds, b->done, b->dones);
    if (b->written)
        snprintf(b->why, sizeof b->why, "%s: %s", st->dir, rad_spool_why(st->spool));
    read_on(st->spool, b);
    rad_spool_info(st->spool, &b->info);
}

static void run(void *u)
{
    struct rad_store *st = u;
    pthread_mutex_lock(&st->lock);
    if (st->batch && !st->ran) {
        work_off(st, st->batch);
        st->ran = true;
    }
    pthread_mutex_unlock(&st->lock);
}

/* ---- on the main loop ------------------------------------------------------------------ */

static void store_free(struct rad_store *st)
{
    rad_spool_close(st->spool);
    pthread_mutex_destroy(&st->lock);
    free(st->dir);
    free(st);
}

struct rad_batch *rad_store_take(struct rad_store *st)
{
    pthread_mutex_lock(&st->lock);
    struct rad_batch *b = st->batch;
    if (b && !st->ran) {
        b->written = ADIT_ECANCELED;
        snprintf(b->why, sizeof b->why, "it was not begun");
    }
    st->batch = NULL;
    pthread_mutex_unlock(&st->lock);
    return b;
}

static void done(void *u, int32_t status)
{
    struct rad_store *st = u;
    (void)status;               /* not run at all is told by rad_store_take() */
    st->under_way = false;
    struct rad_batch *b = rad_store_take(st);
    if (st->gone)
        store_free(st);
    else if (b)
        st->finished(st->u, b);
}

struct rad_store *rad_store_new(struct adit_self *self, const char *dir, uint64_t limit,
                                void (*finished)(void *u, struct rad_batch *b), void *u)
{
    struct rad_store *st = calloc(1, sizeof *st);
    if (!st)
        return NULL;
    st->dir = strdup(dir);
    if (!st->dir) {
        free(st);
        return NULL;
    }
    pthread_mutex_init(&st->lock, NULL);
    st->self = self;
    st->limit = limit;
    st->finished = finished;
    st->u = u;
    return st;
}

int32_t rad_store_begin(struct rad_store *st, struct rad_batch *b)
{
    if (st->under_way)
        return ADIT_ESTATE;
    pthread_mutex_lock(&st->lock);
    st->batch = b;
    st->ran = false;
    pthread_mutex_unlock(&st->lock);
    st->under_way = true;
    int32_t rc = st->self->host->loop->work(st->self, run, done, st, NULL);
    if (rc) {
        st->under_way = false;
        st->batch = NULL;
    }
    return rc;
}

void rad_store_now(struct rad_store *st, struct rad_batch *b)
{
    pthread_mutex_lock(&st->lock);
    work_off(st, b);
    pthread_mutex_unlock(&st->lock);
}

void rad_store_free(struct rad_store *st)
{
    if (!st)
        return;
    /* The next start opens the spool anew, maybe before done() came. */
    rad_spool_close(st->spool);
    st->spool = NULL;
    st->gone = true;
    if (!st->under_way)
        store_free(st);
}
