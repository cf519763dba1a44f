/* hist_store.c - the database: opened, written, kept small, set aside when damaged.
 *
 * Knows:  SQLite, transactions, what each of its errors means for people.
 * Leaves: when to write to hist, the tables to hist_schema, reading to hist_query.
 *
 * WAL with synchronous=FULL: the log is on the disk when COMMIT returns, so what was
 * committed is there after a power cut, and those who read never wait for the writer.
 */
#include "hist_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BUSY_MS 2000            /* that another program may keep it locked meanwhile */
#define STEP_ROWS 500           /* that one step of retention removes */
#define STEP_PAGES "400"        /* that one step gives back to the file system */
#define FOLD_MS 60000           /* the same attempt within a minute is one row */
#define CRASH_TEXT "The server ended without warning while the session was up."

enum { P_STATE = 1, P_STARTED, P_ENDED, P_SEEN, P_CELL };

struct hist_store {
    char path[512];
    sqlite3 *db;                /* NULL: not open */
    sqlite3_stmt *insert, *update, *fold, *alive;
    int lock;                   /* -1: nobody's */
    bool opened_once;
    uint64_t page_size, bytes, used_bytes, failed;
    struct hist_news news;
    char says[768];
};

/* ---- what is wrong ----------------------------------------------------------------- */

enum hist_trouble hist_trouble_of(sqlite3 *db, int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:      return HIST_FINE;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:    return HIST_BUSY;
    case SQLITE_FULL:      return HIST_FULL;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:      return HIST_READONLY;
    case SQLITE_CANTOPEN:  return HIST_CANNOT_OPEN;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:    return HIST_CORRUPT;
    case SQLITE_INTERRUPT: return HIST_TOO_LONG;
    case SQLITE_IOERR:
        return db && sqlite3_system_errno(db) == ENOSPC ? HIST_FULL : HIST_BAD_DISK;
    default:               return HIST_OTHER;
    }
}

void hist_trouble_text(enum hist_trouble t, const char *path, const char *detail, char *out,
                       size_t size)
{
    switch (t) {
    case HIST_FINE:
        snprintf(out, size, "%s", "");
        break;
    case HIST_BUSY:
        snprintf(out, size, "another program keeps %s locked: end it, or its transaction ('fuser "
                 "-v %s' names it)", path, path);
        break;
    case HIST_TAKEN:
        snprintf(out, size, "another daemon or instance writes %s: give each a file of its own "
                 "(option file)", path);
        break;
    case HIST_FULL:
        snprintf(out, size, "no room is left on the disk of %s: free some ('df %s'), then lower "
                 "max-size", path, path);
        break;
    case HIST_READONLY:
        snprintf(out, size, "%s cannot be written (%s): see who owns it and its directory, and that "
                 "its file system is mounted read-write", path, detail);
        break;
    case HIST_CANNOT_OPEN:
        snprintf(out, size, "%s cannot be opened (%s): see that its directory exists and that the "
                 "daemon may write there", path, detail);
        break;
    case HIST_BAD_DISK:
        snprintf(out, size, "%s: reading or writing the disk failed (%s): see 'dmesg'", path, detail);
        break;
    case HIST_CORRUPT:
        snprintf(out, size, "%s is damaged (%s)", path, detail);
        break;
    case HIST_FOREIGN:
        snprintf(out, size, "%s is a database of something else: choose another file (option file)",
                 path);
        break;
    case HIST_NEWER:
        snprintf(out, size, "%s was written by a newer version of Adit (%s, this one knows %d): "
                 "install that version, or choose another file (option file)", path, detail,
                 HIST_VERSION);
        break;
    case HIST_TOO_LONG:
        snprintf(out, size, "the question took longer than it may: narrow it with --since and "
                 "--until, or raise query-time");
        break;
    case HIST_OTHER:
        snprintf(out, size, "%s: %s", path, detail);
        break;
    }
}

static enum hist_trouble wrong(struct hist_store *s, enum hist_trouble t, const char *detail)
{
    hist_trouble_text(t, s->path, detail, s->says, sizeof s->says);
    return t;
}

static enum hist_trouble wrong_sql(struct hist_store *s, int rc)
{
    char detail[256];
    int e = s->db ? sqlite3_system_errno(s->db) : 0;
    snprintf(detail, sizeof detail, "%s%s%s", s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc),
             e ? ", " : "", e ? strerror(e) : "");
    return wrong(s, hist_trouble_of(s->db, rc), detail);
}

static enum hist_trouble wrong_file(struct hist_store *s)
{
    int e = errno;
    return wrong(s, e == EROFS || e == EACCES || e == EPERM ? HIST_READONLY :
                 e == ENOSPC || e == EDQUOT ? HIST_FULL : HIST_CANNOT_OPEN, strerror(e));
}

const char *hist_store_says(const struct hist_store *s) { return s->says; }

/* ---- opening -------------------------------------------------------------------------- */

struct hist_store *hist_store_new(const char *path)
{
    struct hist_store *s = calloc(1, sizeof *s);
    if (s) {
        snprintf(s->path, sizeof s->path, "%s", path);
        s->lock = -1;
    }
    return s;
}

static void close_db(struct hist_store *s)
{
    sqlite3_finalize(s->insert);
    sqlite3_finalize(s->update);
    sqlite3_finalize(s->fold);
    sqlite3_finalize(s->alive);
    s->insert = s->update = s->fold = s->alive = NULL;
    sqlite3_close(s->db);
    s->db = NULL;
}

void hist_store_free(struct hist_store *s)
{
    if (!s)
        return;
    close_db(s);
    if (s->lock >= 0)
        close(s->lock);
    free(s);
}

bool hist_store_is_open(const struct hist_store *s) { return s->db != NULL; }

/* Two that write would not hurt the file, but each would take the other's open sessions
 * for those of a crash. A file beside it: closing a descriptor of the database itself
 * would give up the locks of SQLite. */
static enum hist_trouble take_lock(struct hist_store *s)
{
    char name[sizeof s->path + 8];
    if (s->lock >= 0)
        return HIST_FINE;
    snprintf(name, sizeof name, "%s.lock", s->path);
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return wrong_file(s);
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        close(fd);
        return wrong(s, HIST_TAKEN, "");
    }
    s->lock = fd;
    return HIST_FINE;
}

/* Names are nobody's business: 0600, and so are the files that SQLite puts beside it. */
static enum hist_trouble make_file(struct hist_store *s)
{
    int fd = open(s->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0)
        close(fd);
    else if (errno != EEXIST)
        return wrong_file(s);
    struct stat st;
    if (lstat(s->path, &st))
        return wrong_file(s);
    return S_ISREG(st.st_mode) ? HIST_FINE : wrong(s, HIST_CANNOT_OPEN, "it is no regular file");
}

static int sql(struct hist_store *s, const char *text)
{
    return sqlite3_exec(s->db, text, NULL, NULL, NULL);
}

static int64_t number(struct hist_store *s, const char *query)
{
    sqlite3_stmt *st = NULL;
    int64_t n = 0;
    if (sqlite3_prepare_v2(s->db, query, -1, &st, NULL) == SQLITE_OK &&
        sqlite3_step(st) == SQLITE_ROW)
        n = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return n;
}

static void measure(struct hist_store *s)
{
    int64_t pages = 0, unused = 0;
    hist_pragma(s->db, "page_count", &pages);
    hist_pragma(s->db, "freelist_count", &unused);
    s->bytes = (uint64_t)pages * s->page_size;
    s->used_bytes = (uint64_t)(pages - unused) * s->page_size;
}

static enum hist_trouble whose(struct hist_store *s)
{
    int64_t app, version, objects;
    char detail[32];
    int rc = hist_pragma(s->db, "application_id", &app);
    if (rc == SQLITE_OK)
        rc = hist_pragma(s->db, "user_version", &version);
    if (rc != SQLITE_OK)
        return wrong_sql(s, rc);
    objects = number(s, "SELECT count(*) FROM sqlite_master");
    if (app != HIST_APPLICATION && (app || version || objects))
        return wrong(s, HIST_FOREIGN, "");
    snprintf(detail, sizeof detail, "schema %lld", (long long)version);
    return version > HIST_VERSION ? wrong(s, HIST_NEWER, detail) : HIST_FINE;
}

static int prepare(struct hist_store *s, const char *text, sqlite3_stmt **out)
{
    return sqlite3_prepare_v3(s->db, text, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
}

static int prepare_all(struct hist_store *s)
{
    static const char *const names[HIST_COLS] = {
#define HIST_X(column, attr, as) #column,
        HIST_COLUMNS(HIST_X)
#undef HIST_X
    };
    char insert[2048], update[4096];
    size_t a = (size_t)snprintf(insert, sizeof insert, "INSERT INTO session(state, started, ended, seen");
    size_t b = (size_t)snprintf(update, sizeof update, "UPDATE session SET state = ?1, ended = ?3, seen = ?4");
    for (int i = 0; i < HIST_COLS; i++) {
        a += (size_t)snprintf(insert + a, sizeof insert - a, ", %s", names[i]);
        /* what is not known any more stays; why it ended is as of now */
        bool now = i >= HIST_COL_code;
        b += (size_t)snprintf(update + b, sizeof update - b, ", %s = %s?%d%s%s%s", names[i],
                              now ? "" : "coalesce(", P_CELL + i, now ? "" : ", ",
                              now ? "" : names[i], now ? "" : ")");
    }
    a += (size_t)snprintf(insert + a, sizeof insert - a, ") VALUES(?1, ?2, ?3, ?4");
    for (int i = 0; i < HIST_COLS; i++)
        a += (size_t)snprintf(insert + a, sizeof insert - a, ", ?%d", P_CELL + i);
    snprintf(insert + a, sizeof insert - a, ")");
    snprintf(update + b, sizeof update - b, " WHERE id = (SELECT id FROM session WHERE session = ?%d "
             "AND state IN ('up', 'cut') ORDER BY id DESC LIMIT 1)", P_CELL + HIST_COL_session);
    int rc = prepare(s, insert, &s->insert);
    if (rc == SQLITE_OK)
        rc = prepare(s, update, &s->update);
    if (rc == SQLITE_OK)
        rc = prepare(s, "UPDATE session SET attempts = attempts + 1, ended = ?1, seen = ?1, text = ?6 "
                     "WHERE id = (SELECT id FROM session WHERE peer IS ?2 AND started > ?1 - ?7 AND "
                     "state = 'failed' AND user IS ?3 AND code IS ?4 AND tunnel IS ?5 "
                     "ORDER BY started DESC LIMIT 1)", &s->fold);
    if (rc == SQLITE_OK)
        rc = prepare(s, "INSERT INTO meta VALUES('alive', ?1) ON CONFLICT(key) DO UPDATE "
                     "SET value = excluded.value", &s->alive);
    return rc;
}

/* Sessions that a crash left open end where they, or the daemon, were seen last. */
static int cut_open_sessions(struct hist_store *s)
{
    int rc = sql(s, "UPDATE session SET state = 'cut', code = 'ADIT-CRASH', ras = 829, "
                 "text = '" CRASH_TEXT "', "
                 "ended = max(started, seen, coalesce((SELECT value FROM meta WHERE key = 'alive'), 0)), "
                 "duration_ms = max(started, seen, coalesce((SELECT value FROM meta WHERE "
                 "key = 'alive'), 0)) - started WHERE state = 'up'");
    s->news.cut += rc == SQLITE_OK ? (uint64_t)sqlite3_changes(s->db) : 0;
    return rc;
}

static enum hist_trouble open_db(struct hist_store *s)
{
    int64_t page_size;
    enum hist_trouble t = take_lock(s);
    if (!t)
        t = make_file(s);
    if (t)
        return t;
    int rc = sqlite3_open_v2(s->path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc != SQLITE_OK)
        return wrong_sql(s, rc);
    sqlite3_extended_result_codes(s->db, 1);
    sqlite3_busy_timeout(s->db, BUSY_MS);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
    t = whose(s);
    if (t)
        return t;
    rc = sql(s, "PRAGMA trusted_schema = OFF; PRAGMA auto_vacuum = INCREMENTAL; "
             "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; "
             "PRAGMA journal_size_limit = 8388608; PRAGMA secure_delete = FAST; "
             "PRAGMA cell_size_check = ON");
    if (rc == SQLITE_OK)
        rc = hist_migrate(s->db, hist_schema, HIST_VERSION);
    if (rc == SQLITE_OK)
        rc = hist_pragma(s->db, "page_size", &page_size);
    if (rc == SQLITE_OK)
        rc = prepare_all(s);
    if (rc == SQLITE_OK && !s->opened_once)
        rc = cut_open_sessions(s);
    if (rc != SQLITE_OK)
        return wrong_sql(s, rc);
    s->page_size = (uint64_t)page_size;
    s->failed = (uint64_t)number(s, "SELECT count(*) FROM session WHERE state = 'failed'");
    s->opened_once = s->news.opened = true;
    measure(s);
    return HIST_FINE;
}

/* What is damaged is kept under another name, with its log, for 'sqlite3 FILE .recover'. */
static enum hist_trouble set_aside(struct hist_store *s, int64_t wall_ms)
{
    char stamp[32], aside[sizeof s->path + 80], from[sizeof s->path + 8], to[sizeof aside + 8];
    time_t at = (time_t)(wall_ms / 1000);
    struct tm tm;
    close_db(s);
    gmtime_r(&at, &tm);
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &tm);
    snprintf(aside, sizeof aside, "%s.damaged-%s", s->path, stamp);
    for (int i = 2; i < 100 && access(aside, F_OK) == 0; i++)
        snprintf(aside, sizeof aside, "%s.damaged-%s-%d", s->path, stamp, i);
    if (rename(s->path, aside))
        return wrong_file(s);
    snprintf(from, sizeof from, "%s-wal", s->path);
    snprintf(to, sizeof to, "%s-wal", aside);
    if (rename(from, to) && errno != ENOENT)
        return wrong_file(s);
    snprintf(from, sizeof from, "%s-shm", s->path);
    unlink(from);               /* made anew from the log */
    snprintf(s->news.aside, sizeof s->news.aside, "%.*s", (int)sizeof s->news.aside - 1, aside);
    return HIST_FINE;
}

enum hist_trouble hist_store_open(struct hist_store *s, int64_t wall_ms)
{
    if (s->db)
        return HIST_FINE;
    enum hist_trouble t = open_db(s);
    if (t == HIST_CORRUPT) {
        t = set_aside(s, wall_ms);
        if (!t)
            t = open_db(s);
    }
    if (t)
        close_db(s);
    return t;
}

/* Rolled back. FINE: it was damaged, and a new file is open in its place. */
static enum hist_trouble failed(struct hist_store *s, int rc, int64_t wall_ms)
{
    enum hist_trouble t = wrong_sql(s, rc);
    if (!sqlite3_get_autocommit(s->db))
        sql(s, "ROLLBACK");
    if (t == HIST_CORRUPT && set_aside(s, wall_ms) == HIST_FINE && !hist_store_open(s, wall_ms))
        return HIST_FINE;
    /* The file may have been removed or moved: looked for anew the next time. */
    if (t != HIST_BUSY && t != HIST_FULL)
        close_db(s);
    return t;
}

enum hist_trouble hist_store_check(struct hist_store *s, int64_t wall_ms)
{
    sqlite3_stmt *st = NULL;
    if (!s->db)
        return HIST_FINE;
    int rc = sqlite3_prepare_v2(s->db, "PRAGMA quick_check(1)", -1, &st, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(st);
    const char *said = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(st, 0) : NULL;
    if (said && strcmp(said, "ok") != 0)
        rc = SQLITE_CORRUPT;
    sqlite3_finalize(st);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? HIST_FINE : failed(s, rc, wall_ms);
}

/* ---- writing -------------------------------------------------------------------------------- */

static void bind_cell(sqlite3_stmt *st, int at, const struct hist_cell *c)
{
    if (c->given && c->text)
        sqlite3_bind_text(st, at, c->text, (int)c->len, SQLITE_STATIC);
    else if (c->given)
        sqlite3_bind_int64(st, at, c->number);
    else
        sqlite3_bind_null(st, at);
}

static int run(sqlite3_stmt *st)
{
    int rc = sqlite3_step(st);
    sqlite3_reset(st);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int put_row(sqlite3_stmt *st, const struct hist_rec *r, const char *state, int64_t started)
{
    sqlite3_bind_text(st, P_STATE, state, -1, SQLITE_STATIC);
    if (started >= 0)
        sqlite3_bind_int64(st, P_STARTED, started);
    if (r->what == HIST_END || r->what == HIST_REFUSED)
        sqlite3_bind_int64(st, P_ENDED, r->wall_ms);
    else
        sqlite3_bind_null(st, P_ENDED);
    sqlite3_bind_int64(st, P_SEEN, r->wall_ms);
    for (int i = 0; i < HIST_COLS; i++)
        bind_cell(st, P_CELL + i, &r->cell[i]);
    return run(st);
}

static int put_refused(struct hist_store *s, const struct hist_rec *r)
{
    sqlite3_bind_int64(s->fold, 1, r->wall_ms);
    bind_cell(s->fold, 2, &r->cell[HIST_COL_peer]);
    bind_cell(s->fold, 3, &r->cell[HIST_COL_user]);
    bind_cell(s->fold, 4, &r->cell[HIST_COL_code]);
    bind_cell(s->fold, 5, &r->cell[HIST_COL_tunnel]);
    bind_cell(s->fold, 6, &r->cell[HIST_COL_text]);
    sqlite3_bind_int64(s->fold, 7, FOLD_MS);
    int rc = run(s->fold);
    if (rc != SQLITE_OK || sqlite3_changes(s->db)) {
        s->news.folded += rc == SQLITE_OK;
        return rc;
    }
    rc = put_row(s->insert, r, "failed", r->wall_ms);
    s->failed += rc == SQLITE_OK;
    return rc;
}

/* A session that is unknown is begun by whatever is heard of it first: its beginning may
 * stand in a file that was set aside, or have been given up when there was no room. */
static int put_session(struct hist_store *s, const struct hist_rec *r)
{
    const char *state = r->what == HIST_END ? "ended" : "up";
    if (r->what != HIST_BEGIN) {
        int rc = put_row(s->update, r, state, -1);
        if (rc != SQLITE_OK || sqlite3_changes(s->db))
            return rc;
    }
    return put_row(s->insert, r, state, r->wall_ms - r->cell[HIST_COL_duration_ms].number);
}

static int say_alive(struct hist_store *s, int64_t wall_ms)
{
    sqlite3_bind_int64(s->alive, 1, wall_ms);
    return run(s->alive);
}

static bool its_own_fault(int rc)
{
    int kind = rc & 0xff;
    return kind == SQLITE_CONSTRAINT || kind == SQLITE_TOOBIG || kind == SQLITE_MISMATCH;
}

static int write_all(struct hist_store *s, struct hist_rec *const *v, uint32_t n, int64_t wall_ms)
{
    int rc = sql(s, "BEGIN IMMEDIATE");
    for (uint32_t i = 0; i < n && rc == SQLITE_OK; i++) {
        rc = v[i]->what == HIST_REFUSED ? put_refused(s, v[i]) : put_session(s, v[i]);
        if (its_own_fault(rc)) {
            s->news.refused++;
            rc = SQLITE_OK;
        }
    }
    if (rc == SQLITE_OK)
        rc = say_alive(s, wall_ms);
    return rc == SQLITE_OK ? sql(s, "COMMIT") : rc;
}

enum hist_trouble hist_store_write(struct hist_store *s, struct hist_rec *const *v, uint32_t n,
                                   int64_t wall_ms)
{
    for (int again = 0;; again++) {
        enum hist_trouble t = hist_store_open(s, wall_ms);
        if (t)
            return t;
        struct hist_news before = s->news;
        uint64_t failed_before = s->failed;
        int rc = write_all(s, v, n, wall_ms);
        if (rc == SQLITE_OK) {
            s->news.written += n - (s->news.refused - before.refused);
            measure(s);
            return HIST_FINE;
        }
        s->news.folded = before.folded;
        s->news.refused = before.refused;
        s->failed = failed_before;
        t = failed(s, rc, wall_ms);
        if (t || again)
            return t ? t : HIST_CORRUPT;
    }
}

enum hist_trouble hist_store_alive(struct hist_store *s, int64_t wall_ms)
{
    enum hist_trouble t = hist_store_open(s, wall_ms);
    int rc = t ? SQLITE_OK : say_alive(s, wall_ms);
    return t || rc == SQLITE_OK ? t : failed(s, rc, wall_ms);
}

/* ---- keeping it small --------------------------------------------------------------------------- */

static int removed(struct hist_store *s, const char *text, int64_t a, int64_t rows, uint64_t *n)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(s->db, text, -1, &st, NULL);
    *n = 0;
    if (rc == SQLITE_OK) {
        sqlite3_bind_int64(st, 1, a);
        sqlite3_bind_int64(st, 2, rows);
        rc = run(st);
        *n = rc == SQLITE_OK ? (uint64_t)sqlite3_changes(s->db) : 0;
    }
    sqlite3_finalize(st);
    return rc;
}

bool hist_store_over(const struct hist_store *s, const struct hist_limits *l)
{
    return (l->max_bytes && s->used_bytes > l->max_bytes) ||
           (l->max_failed && s->failed > (uint64_t)l->max_failed + l->max_failed / 10);
}

static int prune(struct hist_store *s, const struct hist_limits *l, int64_t wall_ms, uint64_t *n)
{
    int rc = SQLITE_OK;
    *n = 0;
    if (l->keep_ms && wall_ms > (int64_t)l->keep_ms)
        rc = removed(s, "DELETE FROM session WHERE id IN (SELECT id FROM session WHERE started < ?1 "
                     "AND ended < ?1 ORDER BY started LIMIT ?2)", wall_ms - (int64_t)l->keep_ms,
                     STEP_ROWS, n);
    if (rc == SQLITE_OK && !*n && l->max_failed && s->failed > l->max_failed)
        rc = removed(s, "DELETE FROM session WHERE id IN (SELECT id FROM session WHERE "
                     "state = 'failed' ORDER BY started LIMIT min(?1, ?2))",
                     (int64_t)(s->failed - l->max_failed), STEP_ROWS, n);
    if (rc == SQLITE_OK && !*n && l->max_bytes && s->used_bytes > l->max_bytes)
        rc = removed(s, "DELETE FROM session WHERE id IN (SELECT id FROM session WHERE "
                     "state <> ?1 AND state <> 'up' ORDER BY started LIMIT ?2)", 0, STEP_ROWS, n);
    return rc;
}

enum hist_trouble hist_store_prune(struct hist_store *s, const struct hist_limits *l,
                                   int64_t wall_ms, bool *more)
{
    uint64_t n;
    *more = false;
    enum hist_trouble t = hist_store_open(s, wall_ms);
    if (t)
        return t;
    int rc = prune(s, l, wall_ms, &n);
    if (rc == SQLITE_OK && n)
        s->failed = (uint64_t)number(s, "SELECT count(*) FROM session WHERE state = 'failed'");
    if (rc == SQLITE_OK)
        measure(s);
    /* A tenth may stay free, to be filled again. */
    uint64_t before = s->bytes;
    bool slack = s->bytes - s->used_bytes > s->bytes / 10 + 64 * s->page_size ||
                 (l->max_bytes && s->bytes > l->max_bytes && s->bytes > s->used_bytes);
    if (rc == SQLITE_OK && !n && slack) {
        rc = sql(s, "PRAGMA incremental_vacuum(" STEP_PAGES ")");
        measure(s);
    }
    if (rc != SQLITE_OK)
        return failed(s, rc, wall_ms);
    s->news.pruned += n;
    *more = n || s->bytes < before;
    return HIST_FINE;
}

void hist_store_news(struct hist_store *s, struct hist_news *out)
{
    *out = s->news;
    s->news = (struct hist_news){ 0 };
}

uint64_t hist_store_bytes(const struct hist_store *s) { return s->bytes; }
