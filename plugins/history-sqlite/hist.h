/* hist.h - what the files of history-sqlite's rim share. */
#ifndef HIST_H
#define HIST_H

#include <pthread.h>
#include "hist_query.h"

/* The options of an accountant of type `history`. */
struct hist_conf {
    const char *file;
    uint64_t keep_ms, max_bytes, window_ms, query_ms;
    uint32_t max_failed, queue;
};

enum hist_counter {
    HIST_N_WRITTEN, HIST_N_FOLDED, HIST_N_LOST, HIST_N_REFUSED, HIST_N_PRUNED, HIST_N_TROUBLES,
    HIST_N_QUERIES, HIST_COUNTERS
};

/* What threads may be working on; outlives the instance. */
struct hist {
    struct adit_self *self;     /* NULL: the instance is gone */
    char path[512];
    struct adit_timer *write_timer, *care_timer;

    /* under the lock: what a job takes while others add to it */
    pthread_mutex_t lock;
    struct hist_queue queue;

    /* a job's while `writing`, else the main loop's */
    struct hist_store *store;
    struct {
        int64_t wall_ms;
        struct hist_limits limits;
        bool care;              /* retention is due */
        bool alive;             /* sessions are up: a sign of life is due */
        bool check;             /* a reader found it damaged */
        bool end;               /* the last one: the database is closed ... */
        uint32_t patience_ms;   /* ... and it tries for so long */
        /* how it went */
        enum hist_trouble trouble;
        char says[768];
        struct hist_news news;
        uint64_t bytes;
        bool more;              /* retention has more to do */
    } job;

    /* the main loop's */
    bool writing, serving, armed;
    bool care_due, check_due;
    enum hist_trouble trouble;  /* FINE: it writes */
    uint64_t retry_ms, bytes;
    uint64_t up;                /* sessions that began here and did not end */
    struct adit_node calls;     /* verbs that wait for an answer, oldest first */
    struct hist_call *reading;
    int stop;                   /* the reader ends early */
};

extern const struct adit_life hist_life;
extern const struct adit_accounting hist_vtable;
extern const struct adit_event *const hist_events[];

/* hist.c, for the verbs: all that is known is written now. So many jobs end until it
 * stands in the file (or cannot); 0: it does. */
uint32_t hist_write_out(struct hist *h);
void hist_check_soon(struct hist *h);           /* a reader found it damaged */
void hist_unref(struct hist *h);                /* frees what no thread and no instance needs */

/* hist_verb.c */
int32_t hist_verbs_register(struct adit_self *self);
void hist_calls_written(struct hist *h, bool all);      /* a job ended; nothing waits any more */
void hist_calls_end(struct hist *h);            /* the instance goes */

#endif
