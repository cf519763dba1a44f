/* rad_store.h - the spool, worked by another thread: a slow disk delays no packet.
 *
 *     struct rad_store *st = rad_store_new(self, dir, limit, finished, me);
 *     rad_store_begin(st, batch);          // runs on a thread; finished(me, batch) on the main loop
 *     batch = rad_store_take(st);          // at the end: waits for it, and takes it back
 *     rad_store_now(st, batch);            // at the end: here and now
 *     rad_store_free(st);
 *
 * Knows:  threads, one batch at a time, opening the spool when it can be opened.
 * Leaves: the file to rad_spool, records and their order to rad_acct.
 *
 * Main loop only.
 */
#ifndef RAD_STORE_H
#define RAD_STORE_H

#include <adit/plugin.h>
#include "rad_spool.h"

struct rad_store;

struct rad_stored {             /* a record that was read */
    uint64_t seq;
    uint32_t rank, len;
    uint8_t *bytes;             /* freed with the batch */
};

/* What is to be done, in this order: records written and marked done, others read. */
struct rad_batch {
    struct rad_spool_add *add;  /* with p borrowed until it is finished */
    uint32_t adds;
    uint64_t *done;
    uint32_t dones;
    uint64_t after;             /* read those with higher numbers, */
    uint32_t after_add;         /* ... and higher than those of so many of `add` */
    uint32_t want;              /* how many at most */
    /* what came of it */
    int32_t written;            /* 0, or ADIT_E*: nothing of add and done happened */
    bool open;                  /* the spool could be opened: it was read */
    bool more;                  /* there are others behind what was read */
    struct rad_stored *got;
    uint32_t gots;
    struct rad_spool_info info;
    char why[256];              /* written is not 0: a sentence */
};

struct rad_batch *rad_batch_new(uint32_t adds, uint32_t dones, uint32_t want);  /* NULL: memory */
void rad_batch_free(struct rad_batch *b);       /* NULL is fine */

/* `dir` is copied. NULL: out of memory. */
struct rad_store *rad_store_new(struct adit_self *self, const char *dir, uint64_t limit,
                                void (*finished)(void *u, struct rad_batch *b), void *u);
/* One batch at a time. 0, or ADIT_E*: finished() does not come. */
int32_t rad_store_begin(struct rad_store *st, struct rad_batch *b);
struct rad_batch *rad_store_take(struct rad_store *st); /* NULL: none is under way; finished() does not come */
void rad_store_now(struct rad_store *st, struct rad_batch *b);
void rad_store_free(struct rad_store *st);      /* NULL is fine; nothing is under way: it was taken */

#endif
