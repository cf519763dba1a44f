/* hist_store.h - the database, written by one thread at a time.
 *
 *     struct hist_store *s = hist_store_new("/var/lib/adit/history-sqlite/history.db");
 *     trouble = hist_store_open(s, wall_ms);
 *     trouble = hist_store_write(s, v, n, wall_ms);    // all of them, or none
 *     trouble = hist_store_prune(s, &limits, wall_ms, &more);      // a small step
 *     puts(hist_store_says(s));                        // what is wrong, and the remedy
 *     hist_store_free(s);
 *
 * What hist_store_write() reported as written survives a crash and a power cut.
 */
#ifndef HIST_STORE_H
#define HIST_STORE_H

#include <sqlite3.h>
#include "hist_rec.h"
#include "hist_schema.h"

/* Why nothing can be written (or read). */
enum hist_trouble {
    HIST_FINE,
    HIST_BUSY,                  /* another program keeps it locked */
    HIST_TAKEN,                 /* another daemon or instance writes it */
    HIST_FULL,
    HIST_READONLY,
    HIST_CANNOT_OPEN,
    HIST_BAD_DISK,
    HIST_CORRUPT,
    HIST_FOREIGN,               /* a database of something else */
    HIST_NEWER,                 /* of a newer version of Adit */
    HIST_TOO_LONG,              /* a query took longer than it may */
    HIST_OTHER
};

struct hist_limits {
    uint64_t keep_ms;           /* 0: for ever */
    uint64_t max_bytes;         /* 0: any */
    uint32_t max_failed;        /* 0: any */
};

struct hist_store;

struct hist_store *hist_store_new(const char *path);    /* NULL: out of memory */
void hist_store_free(struct hist_store *s);             /* closes; NULL is fine */
/* Opens, makes or migrates it, and ends the sessions that a crash left open (when it is
 * opened for the first time). Open already: nothing. A file that is damaged is set aside. */
enum hist_trouble hist_store_open(struct hist_store *s, int64_t wall_ms);
bool hist_store_is_open(const struct hist_store *s);
/* One transaction. A record that no database could take is left out, and counted. */
enum hist_trouble hist_store_write(struct hist_store *s, struct hist_rec *const *v, uint32_t n,
                                   int64_t wall_ms);
/* Somebody who read it found it damaged: if it is, it is set aside. */
enum hist_trouble hist_store_check(struct hist_store *s, int64_t wall_ms);
/* "The daemon lives": where a session is cut that nothing else tells the end of. */
enum hist_trouble hist_store_alive(struct hist_store *s, int64_t wall_ms);
/* One small step of retention; *more: another one is due. */
enum hist_trouble hist_store_prune(struct hist_store *s, const struct hist_limits *l,
                                   int64_t wall_ms, bool *more);
/* Whether a limit is passed that cannot wait for the next round. */
bool hist_store_over(const struct hist_store *s, const struct hist_limits *l);
/* The sentence of the last trouble. */
const char *hist_store_says(const struct hist_store *s);

/* What happened since the last call, to be told. */
struct hist_news {
    uint64_t written, folded, refused, pruned, cut;
    bool opened;
    char aside[512];            /* a damaged file is kept here; "": none */
};
void hist_store_news(struct hist_store *s, struct hist_news *out);
uint64_t hist_store_bytes(const struct hist_store *s);

/* Of a connection: what a result code of SQLite means, and the sentence for it. */
enum hist_trouble hist_trouble_of(sqlite3 *db, int rc);
void hist_trouble_text(enum hist_trouble t, const char *path, const char *detail, char *out,
                       size_t size);

#endif
