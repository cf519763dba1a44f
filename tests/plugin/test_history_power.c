/* test_history_power.c - the daemon is killed, the power goes: no finished session that was
 * committed is missing. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <adit/plugin.h>
#include "history_disk.h"
#include "plugins/history-sqlite/hist_store.h"
#include "sdk/fake/fake.h"
#include "tests/unit/unit.h"

#define T0 1700000000000

static char dir[64];

static const char *path_of(const char *name)
{
    static char path[2][128];
    static int turn;
    if (!*dir) {
        snprintf(dir, sizeof dir, "/tmp/adit-history-XXXXXX");
        ck_assert(mkdtemp(dir) != NULL);
    }
    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/%s", dir, name);
    return path[turn];
}

static void tidy(void)
{
    char line[128];
    snprintf(line, sizeof line, "rm -rf '%s'", dir);
    ck_assert_int_eq(system(line), 0);
    *dir = '\0';
}

static struct hist_rec *rec(enum hist_what what, uint32_t n)
{
    const struct adit_host *h = fake_host();
    struct adit_attrs *a = h->attr->make();
    char text[32];
    snprintf(text, sizeof text, "feedbeef-%u", n);
    adit_attr_put_str(h, a, ADIT_ATTR_SESSION, text);
    snprintf(text, sizeof text, "user%u", n);
    adit_attr_put_str(h, a, ADIT_ATTR_USER, text);
    adit_attr_put_u(h, a, ADIT_ATTR_BYTES_IN, what == HIST_END ? n * 1000u : 0);
    adit_attr_put_u(h, a, ADIT_ATTR_DURATION, what == HIST_END ? 5000 : 0);
    struct hist_rec *r = hist_rec_new(h, what, a, T0 + n * 1000u);
    h->attr->free(a);
    return r;
}

static enum hist_trouble write_one(struct hist_store *s, enum hist_what what, uint32_t n)
{
    struct hist_rec *r = rec(what, n);
    enum hist_trouble t = hist_store_write(s, &r, 1, T0 + n * 1000u);
    hist_rec_free(r);
    return t;
}

static int64_t count(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *st = NULL;
    ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
    int rc = sqlite3_step(st);
    ck_assert_msg(rc == SQLITE_ROW, "%s: %s", sql, sqlite3_errmsg(db));
    int64_t n = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return n;
}

/* Sessions 1..n stand there as they ended, and the file is sound. */
static void holds(const char *path, uint32_t n, const char *when)
{
    sqlite3 *db;
    sqlite3_stmt *st = NULL;
    char sql[200];
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    snprintf(sql, sizeof sql, "SELECT count(*) FROM session WHERE state = 'ended' AND id <= 2000000 "
             "AND bytes_in = 1000 * CAST(substr(session, 10) AS INTEGER) AND "
             "CAST(substr(session, 10) AS INTEGER) <= %u", n);
    if (n)
        ck_assert_msg(count(db, sql) == n, "%s: %lld of %u sessions", when, (long long)count(db, sql), n);
    ck_assert_int_eq(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &st, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(st), SQLITE_ROW);
    ck_assert_msg(!strcmp((const char *)sqlite3_column_text(st, 0), "ok"), "%s: %s", when,
                  (const char *)sqlite3_column_text(st, 0));
    sqlite3_finalize(st);
    ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
}

#define SESSIONS 16u

START_TEST(no_power_cut_loses_what_was_committed)
{
    static uint32_t at[SESSIONS + 1];       /* operations that were done when it was committed */
    const struct hist_limits none = { 0, 0, 0 };
    bool more;
    fake_begin();
    disk_install();
    disk_watch(1);
    struct hist_store *s = hist_store_new(path_of("live.db"));
    for (uint32_t i = 1; i <= SESSIONS; i++) {
        ck_assert_int_eq(write_one(s, HIST_BEGIN, i), HIST_FINE);
        ck_assert_int_eq(write_one(s, HIST_END, i), HIST_FINE);
        at[i] = disk_ops();
        if (i % 4 == 0)
            ck_assert_int_eq(hist_store_prune(s, &none, T0 + i * 1000u, &more), HIST_FINE);
        if (i % 7 == 0) {      /* closed and opened: the log goes into the file */
            hist_store_free(s);
            s = hist_store_new(path_of("live.db"));
        }
    }
    hist_store_free(s);
    disk_watch(0);
    uint32_t cuts = 0;
    for (uint32_t op = 0; op <= disk_ops(); op++) {
        uint32_t n = 0;
        char when[64];
        while (n < SESSIONS && at[n + 1] <= op)
            n++;
        for (uint32_t seed = 1; seed <= 2; seed++, cuts++) {
            disk_power_cut(op, seed, path_of("after.db"));
            snprintf(when, sizeof when, "power cut at operation %u, seed %u", op, seed);
            /* the daemon starts again */
            struct hist_store *again = hist_store_new(path_of("after.db"));
            struct hist_news news;
            ck_assert_msg(hist_store_open(again, T0) == HIST_FINE, "%s: %s", when, hist_store_says(again));
            hist_store_news(again, &news);
            ck_assert_msg(!*news.aside, "%s: it was set aside", when);
            hist_store_free(again);
            holds(path_of("after.db"), n, when);
        }
    }
    printf("# %u power cuts over %u operations\n", cuts, disk_ops());
    ck_assert_uint_gt(disk_ops(), 300);
    tidy();
    fake_end();
}
END_TEST

/* Were the log not synced at each commit, the same test would see it. */
START_TEST(the_test_sees_what_is_not_synced)
{
    sqlite3 *db, *after;
    uint32_t lost = 0;
    disk_install();
    disk_watch(1);
    ck_assert_int_eq(sqlite3_open(path_of("lax.db"), &db), SQLITE_OK);
    sqlite3_exec(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; CREATE TABLE t(x)", NULL,
                 NULL, NULL);
    for (int i = 0; i < 20; i++)
        sqlite3_exec(db, "INSERT INTO t VALUES(1)", NULL, NULL, NULL);
    disk_watch(0);
    for (uint32_t seed = 1; seed <= 20; seed++) {
        sqlite3_stmt *st = NULL;
        disk_power_cut(disk_ops(), seed, path_of("after.db"));
        ck_assert_int_eq(sqlite3_open(path_of("after.db"), &after), SQLITE_OK);
        bool all = sqlite3_prepare_v2(after, "SELECT count(*) FROM t", -1, &st, NULL) == SQLITE_OK &&
                   sqlite3_step(st) == SQLITE_ROW && sqlite3_column_int64(st, 0) == 20;
        sqlite3_finalize(st);
        sqlite3_close(after);
        lost += !all;
    }
    ck_assert_uint_gt(lost, 10);
    sqlite3_close(db);
    tidy();
}
END_TEST

/* A child writes and says what was committed; it is killed in the middle of it. */
START_TEST(no_kill_loses_what_was_committed)
{
    uint32_t last = 0, rounds = 25, killed_with = 0;
    for (uint32_t round = 0; round < rounds; round++) {
        int fd[2];
        uint32_t n;
        ck_assert_int_eq(pipe(fd), 0);
        const char *path = path_of("killed.db");
        pid_t pid = fork();
        ck_assert_int_ge(pid, 0);
        if (!pid) {
            struct hist_store *s = hist_store_new(path);
            for (n = last + 1;; n++)
                if (write_one(s, HIST_BEGIN, n) || write_one(s, HIST_END, n) ||
                    write(fd[1], &n, sizeof n) != (ssize_t)sizeof n)
                    _exit(1);
        }
        close(fd[1]);
        usleep(30000 + round * 3100);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        while (read(fd[0], &n, sizeof n) == (ssize_t)sizeof n)
            last = n;
        close(fd[0]);
        /* the next start, as the daemon does it; one that was open ends as cut */
        struct hist_store *s = hist_store_new(path);
        struct hist_news news;
        ck_assert_int_eq(hist_store_open(s, T0), HIST_FINE);
        hist_store_news(s, &news);
        ck_assert(!*news.aside);
        ck_assert_uint_le(news.cut, 1);
        killed_with += news.cut != 0;
        hist_store_free(s);
        holds(path, last, "killed");
        last++;                 /* the next one may have begun, or ended unheard */
        sqlite3 *db;
        char sql[100];
        snprintf(sql, sizeof sql, "SELECT count(*) FROM session WHERE session = 'feedbeef-%u' AND state = 'ended'", last);
        ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
        if (!count(db, sql)) {
            s = hist_store_new(path);
            ck_assert_int_eq(write_one(s, HIST_END, last), HIST_FINE);
            hist_store_free(s);
        }
        sqlite3_close(db);
    }
    printf("# %u kills, %u of them with an open session, %u sessions\n", rounds, killed_with, last);
    tidy();
    fake_end();
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        no_power_cut_loses_what_was_committed, the_test_sees_what_is_not_synced,
        no_kill_loses_what_was_committed, NULL
    };
    Suite *s = suite_create("history_power");
    TCase *tc = tcase_create("history_power");
    tcase_set_timeout(tc, 60);
    for (size_t i = 0; tests[i]; i++)
        tcase_add_test(tc, tests[i]);
    suite_add_tcase(s, tc);
    return s;
}

UNIT_MAIN(suite)
