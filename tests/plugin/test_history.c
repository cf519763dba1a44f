/* test_history.c - history-sqlite against the fake host: what is written, what is answered,
 * what is removed, and every trouble that a database can have. */
#include <sys/stat.h>
#include <unistd.h>
#include <adit/plugin.h>
#include "history_disk.h"
#include "plugins/history-sqlite/hist.h"
#include "sdk/fake/fake.h"
#include "tests/unit/unit.h"

#define DAY 86400000u

static char dir[64];
static struct adit_self *self;

static const char *path(const char *name)
{
    static char out[4][160];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(out[turn], sizeof out[turn], "%s/%s", dir, name);
    return out[turn];
}

#define DB "history-sqlite/history.db"

static void begin_test(void)
{
    snprintf(dir, sizeof dir, "/tmp/adit-history-XXXXXX");
    ck_assert(mkdtemp(dir) != NULL);
    fake_begin();
    fake_state_dir(dir);
    disk_install();
    disk_fails(0);
}

static struct adit_self *make(const char *yaml)
{
    self = fake_inst(fake_face("accounting", "history"), yaml);
    ck_assert_msg(self != NULL, "%s", fake_last_error());
    fake_run();
    return self;
}

static void end_test(void)
{
    char line[128];
    disk_fails(0);
    if (self)
        fake_inst_free(self);
    self = NULL;
    fake_end();
    snprintf(line, sizeof line, "rm -rf '%s'", dir);
    ck_assert_int_eq(system(line), 0);
}

/* ---- sessions -------------------------------------------------------------------- */

static struct adit_attrs *facts(const char *session, const char *user, const char *address)
{
    const struct adit_host *h = self->host;
    struct adit_attrs *a = h->attr->make();
    struct adit_addr peer = fake_addr("192.0.2.7:4000"), our = fake_addr("192.0.2.1:1701");
    const char *at = strchr(user, '\\');
    if (session)
        adit_attr_put_str(h, a, ADIT_ATTR_SESSION, session);
    adit_attr_put_str(h, a, ADIT_ATTR_USER, user);
    adit_attr_put_str(h, a, ADIT_ATTR_ACCOUNT, at ? at + 1 : user);
    adit_attr_put_str(h, a, ADIT_ATTR_PROTOCOL, "l2tp");
    adit_attr_put_str(h, a, ADIT_ATTR_TUNNEL, "l2tp");
    adit_attr_put_addr(h, a, ADIT_ATTR_PEER, &peer);
    adit_attr_put_addr(h, a, ADIT_ATTR_OUR, &our);
    adit_attr_put_u(h, a, ADIT_ATTR_METHOD, ADIT_AUTH_MSCHAPV2);
    h->attr->put(a, ADIT_ATTR_SECURED, &(struct adit_value){ ADIT_TYPE_BOOL, 0, { .u = 1 } });
    if (address) {
        struct adit_addr inner = fake_addr(address);
        adit_attr_put_addr(h, a, inner.family == ADIT_AF_IPV4 ? ADIT_ATTR_ADDRESS :
                           ADIT_ATTR_IPV6_PREFIX, &inner);
    }
    return a;
}

static void count_in(struct adit_attrs *a, uint64_t bytes, uint64_t ms)
{
    const struct adit_host *h = self->host;
    adit_attr_put_u(h, a, ADIT_ATTR_BYTES_IN, bytes);
    adit_attr_put_u(h, a, ADIT_ATTR_BYTES_OUT, 2 * bytes);
    adit_attr_put_u(h, a, ADIT_ATTR_PACKETS_IN, bytes / 100);
    adit_attr_put_u(h, a, ADIT_ATTR_PACKETS_OUT, bytes / 50);
    adit_attr_put_u(h, a, ADIT_ATTR_DURATION, ms);
}

static void because(struct adit_attrs *a, uint32_t cause, const char *text)
{
    adit_attr_put_u(self->host, a, ADIT_ATTR_CAUSE, cause);
    adit_attr_put_str(self->host, a, ADIT_ATTR_REASON, text);
}

static void begins(const char *session, const char *user, const char *address)
{
    struct adit_attrs *a = facts(session, user, address);
    hist_vtable.begin(self, a);
    self->host->attr->free(a);
}

static void goes_on(const char *session, const char *user, uint64_t bytes, uint64_t ms)
{
    struct adit_attrs *a = facts(session, user, NULL);
    count_in(a, bytes, ms);
    hist_vtable.interim(self, a);
    self->host->attr->free(a);
}

static void ends(const char *session, const char *user, uint64_t bytes, uint64_t ms)
{
    struct adit_attrs *a = facts(session, user, NULL);
    count_in(a, bytes, ms);
    because(a, ADIT_CAUSE_PEER_HANGUP, "The peer ended the connection.");
    hist_vtable.end(self, a);
    self->host->attr->free(a);
}

static void is_refused(const char *user, uint32_t cause)
{
    struct adit_attrs *a = facts("f-1", user, NULL);
    because(a, cause, "No.");
    hist_vtable.refused(self, a);
    self->host->attr->free(a);
}

/* A whole session of an hour. */
static void whole(const char *session, const char *user, const char *address)
{
    begins(session, user, address);
    fake_advance(3600000);
    ends(session, user, 1000, 3600000);
    fake_advance(1000);
}

/* ---- looking ------------------------------------------------------------------------ */

static const char *ask(const char *verb, const struct adit_kv *kv, uint32_t n)
{
    const char *text = fake_verb(self, verb, kv, n);
    return text ? text : "";
}
#define ASK(verb, ...) ask(verb, (const struct adit_kv[]){ __VA_ARGS__ },                        \
    (uint32_t)(sizeof((const struct adit_kv[]){ __VA_ARGS__ }) / sizeof(struct adit_kv)))
#define ALL ask("list", NULL, 0)

static int times(const char *text, const char *what)
{
    int n = 0;
    for (; (text = strstr(text, what)); text += strlen(what))
        n++;
    return n;
}
#define HAS(text, what) ck_assert_msg(strstr(text, what) != NULL, "%s is not in %s", what, text)
#define LISTED(text) times(text, "\"state\":")

/* What another program sees in the file. */
static int64_t sql(const char *file, const char *query)
{
    sqlite3 *db;
    sqlite3_stmt *st = NULL;
    int64_t n = -1;
    ck_assert_int_eq(sqlite3_open(file, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 1000);
    ck_assert_msg(sqlite3_prepare_v2(db, query, -1, &st, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
    if (sqlite3_step(st) == SQLITE_ROW)
        n = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    sqlite3_close(db);
    return n;
}
#define ROWS(where) sql(path(DB), "SELECT count(*) FROM session WHERE " where)

/* ---- what is written ------------------------------------------------------------------ */

START_TEST(a_session_is_written_from_its_begin_to_its_end)
{
    begin_test();
    make("");
    begins("ab-1", "EXAMPLE\\anna", "10.9.0.2");
    HAS(ALL, "\"state\": \"up\"");
    fake_advance(600000);
    goes_on("ab-1", "EXAMPLE\\anna", 5000, 600000);
    HAS(ASK("show", ADIT_KV_S("session", "ab-1")), "\"bytes_in\": 5000");
    fake_advance(600000);
    ends("ab-1", "EXAMPLE\\anna", 70000, 1200000);
    const char *one = ASK("show", ADIT_KV_S("session", "ab-1"));
    static const char *const parts[] = {
        "\"session\": \"ab-1\"", "\"state\": \"ended\"", "\"user\": \"EXAMPLE\\\\anna\"",
        "\"account\": \"anna\"", "\"protocol\": \"l2tp\"", "\"peer\": \"192.0.2.7\"",
        "\"peer_port\": 4000", "\"address\": \"10.9.0.2\"", "\"since\": \"2023-11-14T22:13:20Z\"",
        "\"ended\": \"2023-11-14T22:33:20Z\"", "\"duration_ms\": 1200000", "\"bytes_in\": 70000",
        "\"bytes_out\": 140000", "\"packets_in\": 700", "\"packets_out\": 1400",
        "\"code\": \"ADIT-PEER-HANGUP\"", "\"ras\": 629", "\"method\": \"mschapv2\"",
        "\"secured\": true", "\"our\": \"192.0.2.1\"", NULL
    };
    for (int i = 0; parts[i]; i++)
        HAS(one, parts[i]);
    ck_assert_int_eq(ROWS("1"), 1);
    ck_assert_uint_eq(fake_counter(self, "written"), 3);
    end_test();
}
END_TEST

START_TEST(records_share_a_transaction_within_the_window)
{
    char name[16];
    begin_test();
    make("window: 500ms");
    fake_advance(1000);
    uint32_t before = disk_syncs();
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "ab-%d", i);
        begins(name, "anna", NULL);
        ends(name, "anna", 1, 1);
    }
    fake_advance(499);
    ck_assert_int_eq(ROWS("1"), 0);
    fake_advance(1);
    ck_assert_int_eq(ROWS("state = 'ended'"), 100);
    ck_assert_uint_eq(disk_syncs() - before, 1);
    /* many do not wait */
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "cd-%d", i);
        begins(name, "anna", NULL);
    }
    fake_run();
    ck_assert_int_eq(ROWS("state = 'up'"), 500);
    end_test();
}
END_TEST

START_TEST(attempts_that_failed_are_written_and_folded)
{
    begin_test();
    make("");
    is_refused("mallory", ADIT_CAUSE_AUTH_FAILED);
    for (int i = 0; i < 5; i++) {
        fake_advance(10000);
        is_refused("mallory", ADIT_CAUSE_AUTH_FAILED);
    }
    is_refused("mallory", ADIT_CAUSE_LOCKED_OUT);
    is_refused("anna", ADIT_CAUSE_AUTH_FAILED);
    const char *text = ASK("list", ADIT_KV_BOOL("failed", 1));
    ck_assert_int_eq(LISTED(text), 3);
    HAS(text, "\"attempts\": 6");
    HAS(text, "ADIT-LOCKED-OUT");
    HAS(text, "\"ras\": 691");
    ck_assert_uint_eq(fake_counter(self, "folded"), 5);
    fake_advance(70000);
    is_refused("mallory", ADIT_CAUSE_AUTH_FAILED);
    ck_assert_int_eq(LISTED(ASK("list", ADIT_KV_BOOL("failed", 1))), 4);
    end_test();
}
END_TEST

START_TEST(sessions_of_a_crash_end_at_the_next_start)
{
    begin_test();
    make("");
    begins("ab-1", "anna", "10.9.0.2");
    begins("ab-2", "bert", "10.9.0.3");
    fake_advance(600000);
    goes_on("ab-1", "anna", 5000, 600000);
    fake_advance(30000);
    fake_inst_free(self);       /* no end was said: the daemon is gone */
    fake_advance(DAY);
    make("");
    ck_assert_uint_eq(fake_event_count("history.opened"), 2);
    ck_assert_uint_eq(fake_event_u("history.opened", "cut"), 2);
    const char *one = ASK("show", ADIT_KV_S("session", "ab-1"));
    HAS(one, "\"state\": \"cut\"");
    HAS(one, "\"code\": \"ADIT-CRASH\"");
    HAS(one, "\"bytes_in\": 5000");
    /* it ends where the daemon last gave a sign of life, at most a minute before */
    ck_assert_int_ge(sql(path(DB), "SELECT duration_ms FROM session WHERE session = 'ab-2'"), 570000);
    ck_assert_int_le(sql(path(DB), "SELECT duration_ms FROM session WHERE session = 'ab-2'"), 630000);
    /* were the instance alone gone, and not the session: it goes on, and ends */
    goes_on("ab-1", "anna", 6000, DAY);
    HAS(ASK("show", ADIT_KV_S("session", "ab-1")), "\"state\": \"up\"");
    ends("ab-1", "anna", 7000, DAY);
    one = ASK("show", ADIT_KV_S("session", "ab-1"));
    HAS(one, "\"state\": \"ended\"");
    HAS(one, "\"code\": \"ADIT-PEER-HANGUP\"");
    ck_assert_int_eq(ROWS("1"), 2);
    end_test();
}
END_TEST

START_TEST(what_is_heard_first_begins_a_session)
{
    begin_test();
    make("");
    fake_advance(DAY);
    goes_on("ab-1", "anna", 500, 60000);
    ends("ab-2", "bert", 900, 3600000);
    const char *text = ALL;
    ck_assert_int_eq(LISTED(text), 2);
    HAS(text, "\"since\": \"2023-11-15T22:12:20Z\"");
    HAS(text, "\"since\": \"2023-11-15T21:13:20Z\"");
    /* one that negotiates anew ends and begins with the same identifier: two rows */
    begins("ab-2", "bert", "10.9.0.9");
    ck_assert_int_eq(LISTED(ALL), 3);
    HAS(ASK("show", ADIT_KV_S("session", "ab-2")), "\"state\": \"up\"");
    end_test();
}
END_TEST

START_TEST(what_waits_is_written_at_the_end)
{
    begin_test();
    make("window: 60s");
    begins("ab-1", "anna", NULL);
    ends("ab-1", "anna", 1000, 1000);
    ck_assert_uint_eq(hist_vtable.drain(self), 2 + 1);
    fake_run();
    ck_assert_uint_eq(hist_vtable.drain(self), 0);
    ends("ab-2", "anna", 1000, 1000);
    fake_inst_free(self);       /* nobody asked before */
    self = NULL;
    ck_assert_int_eq(ROWS("state = 'ended'"), 2);
    ck_assert_int_eq(access(path(DB "-wal"), F_OK), -1);
    end_test();
}
END_TEST

START_TEST(the_file_is_its_owners_alone)
{
    struct stat st;
    begin_test();
    make("");
    ck_assert_int_eq(stat(path("history-sqlite"), &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0700);
    static const char *const files[] = { DB, DB "-wal", DB "-shm", DB ".lock", NULL };
    for (int i = 0; files[i]; i++) {
        ck_assert_int_eq(stat(path(files[i]), &st), 0);
        ck_assert_uint_eq(st.st_mode & 0777, 0600);
    }
    end_test();
}
END_TEST

/* ---- retention --------------------------------------------------------------------------- */

START_TEST(the_old_ones_are_removed)
{
    begin_test();
    make("keep: 2d");
    whole("ab-1", "anna", NULL);
    begins("ab-2", "long", NULL);
    is_refused("mallory", ADIT_CAUSE_AUTH_FAILED);
    fake_advance(DAY);
    whole("ab-3", "anna", NULL);
    ck_assert_int_eq(ROWS("1"), 4);
    fake_advance(DAY + 60000);
    ck_assert_int_eq(ROWS("1"), 2);     /* one is up, and one is young */
    ck_assert_int_eq(ROWS("session = 'ab-2'"), 1);
    ck_assert_uint_eq(fake_counter(self, "pruned"), 2);
    ck_assert_int_eq(fake_reload(self, "keep: 0"), 0);
    fake_advance(5 * (uint64_t)DAY);
    ck_assert_int_eq(ROWS("1"), 2);
    end_test();
}
END_TEST

START_TEST(failed_attempts_have_a_number)
{
    char name[16];
    begin_test();
    make("max-failed: 1000");
    whole("ab-1", "anna", NULL);
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "u%d", i);
        is_refused(name, ADIT_CAUSE_UNKNOWN_USER);
        if (i % 100 == 0)
            fake_advance(300);
    }
    fake_advance(60000);
    ck_assert_int_eq(ROWS("state = 'failed'"), 1000);
    ck_assert_int_eq(ROWS("user = 'u4999'"), 1);
    ck_assert_int_eq(ROWS("state = 'ended'"), 1);
    end_test();
}
END_TEST

START_TEST(the_file_has_a_size)
{
    char name[16];
    struct stat st;
    begin_test();
    make("max-size: 300k");
    for (int i = 0; i < 4000; i++) {
        snprintf(name, sizeof name, "ab-%d", i);
        ends(name, "anna", 1000, 1000);
        if (i % 100 == 0)
            fake_advance(1000);
    }
    fake_advance(120000);
    ck_assert_int_eq(ROWS("session = 'ab-3999'"), 1);
    ck_assert_int_eq(ROWS("session = 'ab-0'"), 0);
    ck_assert_int_gt(ROWS("1"), 400);
    fake_inst_free(self);
    self = NULL;
    ck_assert_int_eq(stat(path(DB), &st), 0);
    ck_assert_int_le(st.st_size, 310 * 1024);
    end_test();
}
END_TEST

/* ---- troubles ---------------------------------------------------------------------------------- */

/* The disk gives an error; everything that comes meanwhile stands there afterwards. */
static void trouble(int rc, const char *says, const char *remedy)
{
    begin_test();
    make("");
    whole("ab-1", "anna", NULL);
    disk_fails(rc);
    ends("ab-2", "anna", 1000, 1000);
    fake_advance(10000);
    HAS(fake_last_error(), says);
    HAS(fake_last_error(), remedy);
    HAS(fake_last_error(), path(DB));
    HAS(fake_status(self), "\"state\": \"waiting\"");
    ck_assert_uint_gt(fake_counter(self, "troubles"), 1);
    ends("ab-3", "anna", 1000, 1000);
    fake_advance(100000);
    disk_fails(0);
    ck_assert_uint_eq(fake_event_count("history.resumed"), 0);
    fake_advance(61000);
    ck_assert_uint_eq(fake_event_count("history.resumed"), 1);
    ck_assert_int_eq(ROWS("state = 'ended'"), 3);
    HAS(fake_status(self), "\"state\": \"writing\"");
    ck_assert_uint_eq(fake_counter(self, "lost"), 0);
    end_test();
}

START_TEST(a_full_disk) { trouble(SQLITE_FULL, "no room is left", "max-size"); } END_TEST
START_TEST(a_read_only_file) { trouble(SQLITE_READONLY, "cannot be written", "mounted read-write"); } END_TEST
START_TEST(a_bad_disk) { trouble(SQLITE_IOERR, "the disk failed", "dmesg"); } END_TEST
START_TEST(no_permission) { trouble(SQLITE_PERM, "cannot be written", "who owns it"); } END_TEST

START_TEST(another_program_keeps_it_locked)
{
    sqlite3 *db;
    begin_test();
    make("");
    whole("ab-1", "anna", NULL);
    ck_assert_int_eq(sqlite3_open(path(DB), &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    ends("ab-2", "anna", 1000, 1000);
    fake_advance(500);          /* two seconds, in truth */
    HAS(fake_last_error(), "another program keeps");
    HAS(fake_last_error(), "fuser");
    sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    sqlite3_close(db);
    fake_advance(5000);
    ck_assert_int_eq(ROWS("state = 'ended'"), 2);
    end_test();
}
END_TEST

START_TEST(a_directory_that_is_not_there)
{
    char yaml[200];
    begin_test();
    snprintf(yaml, sizeof yaml, "file: %s", path("later/h.db"));
    make(yaml);
    HAS(fake_last_error(), "cannot be opened");
    begins("ab-1", "anna", NULL);
    ends("ab-1", "anna", 1000, 1000);
    ck_assert_int_eq(LISTED(ALL), 0);
    ck_assert_int_eq(mkdir(path("later"), 0700), 0);
    fake_advance(61000);
    ck_assert_int_eq(sql(path("later/h.db"), "SELECT count(*) FROM session"), 1);
    end_test();
}
END_TEST

START_TEST(a_damaged_file_is_set_aside)
{
    begin_test();
    ck_assert_int_eq(mkdir(path("history-sqlite"), 0700), 0);
    FILE *f = fopen(path(DB), "w");
    for (int i = 0; i < 2000; i++)
        fputs("this is no database ", f);
    fclose(f);
    make("");
    ck_assert_uint_eq(fake_event_count("history.set-aside"), 1);
    HAS(fake_event_str("history.set-aside", "remedy"), ".recover");
    char kept[512];
    snprintf(kept, sizeof kept, "%s", fake_event_str("history.set-aside", "kept"));
    struct stat st;
    ck_assert_int_eq(stat(kept, &st), 0);
    ck_assert_int_eq(st.st_size, 40000);
    whole("ab-1", "anna", NULL);
    ck_assert_int_eq(ROWS("state = 'ended'"), 1);
    end_test();
}
END_TEST

START_TEST(one_that_is_damaged_while_it_is_written_too)
{
    char name[16], bytes[4096];
    begin_test();
    make("");
    for (int i = 0; i < 3000; i++) {
        snprintf(name, sizeof name, "ab-%d", i);
        ends(name, "anna", 1000, 1000);
    }
    fake_advance(1000);
    fake_inst_free(self);
    FILE *f = fopen(path(DB), "r+");
    memset(bytes, 0xa5, sizeof bytes);
    fseek(f, 4096, SEEK_SET);
    for (int i = 0; i < 100; i++)
        fwrite(bytes, 1, sizeof bytes, f);
    fclose(f);
    make("");
    begins("cd-1", "bert", NULL);
    ends("cd-1", "bert", 1000, 1000);
    fake_advance(1000);
    ck_assert_uint_eq(fake_event_count("history.set-aside"), 1);
    ck_assert_int_eq(ROWS("session = 'cd-1' AND state = 'ended'"), 1);
    ck_assert_int_eq(access(fake_event_str("history.set-aside", "kept"), F_OK), 0);
    end_test();
}
END_TEST

START_TEST(a_reader_that_finds_damage_tells_the_writer)
{
    char name[16];
    begin_test();
    make("");
    for (int i = 0; i < 3000; i++) {
        snprintf(name, sizeof name, "ab-%d", i);
        ends(name, "anna", 1000, 1000);
    }
    fake_advance(1000);
    fake_inst_free(self);
    make("keep: 0\nmax-size: 0\nmax-failed: 0");
    FILE *f = fopen(path(DB), "r+");
    fseek(f, 4096 * 20, SEEK_SET);
    for (int i = 0; i < 4096 * 150; i++)
        fputc(0xa5, f);
    fclose(f);
    ck_assert_str_eq(ASK("list", ADIT_KV_I("limit", 1000)), "");
    HAS(fake_last_error(), "damaged");
    fake_advance(1000);
    ck_assert_uint_eq(fake_event_count("history.set-aside"), 1);
    ck_assert_int_eq(LISTED(ALL), 0);
    end_test();
}
END_TEST

START_TEST(somebody_elses_file_is_left_alone)
{
    begin_test();
    ck_assert_int_eq(mkdir(path("history-sqlite"), 0700), 0);
    sql(path(DB), "CREATE TABLE theirs(x)");
    make("");
    HAS(fake_last_error(), "a database of something else");
    begins("ab-1", "anna", NULL);
    fake_advance(5000);
    ck_assert_int_eq(LISTED(ALL), 0);
    ck_assert_int_eq(sql(path(DB), "SELECT count(*) FROM sqlite_master"), 1);
    end_test();
}
END_TEST

START_TEST(a_newer_file_is_left_alone)
{
    begin_test();
    make("");
    whole("ab-1", "anna", NULL);
    fake_inst_free(self);
    sql(path(DB), "PRAGMA user_version = 7");
    make("");
    HAS(fake_last_error(), "a newer version of Adit (schema 7");
    ends("ab-2", "anna", 1, 1);
    fake_advance(5000);
    ck_assert_int_eq(ROWS("1"), 1);
    end_test();
}
END_TEST

START_TEST(two_never_write_one_file)
{
    begin_test();
    make("");
    struct adit_self *first = self;
    self = fake_inst_new(fake_face("accounting", "history"), "second", "");
    fake_inst_free(self);
    char yaml[200];
    snprintf(yaml, sizeof yaml, "file: %s", path(DB));
    make(yaml);
    HAS(fake_last_error(), "another daemon or instance writes");
    ends("ab-1", "anna", 1, 1);
    fake_advance(3000);
    ck_assert_int_eq(ROWS("1"), 0);
    fake_inst_free(first);
    fake_advance(60000);        /* it takes over */
    ck_assert_int_eq(ROWS("1"), 1);
    end_test();
}
END_TEST

START_TEST(no_place_no_history)
{
    begin_test();
    fake_state_dir(NULL);
    ck_assert(fake_inst(fake_face("accounting", "history"), "") == NULL);
    HAS(fake_last_error(), "state-dir");
    self = NULL;
    end_test();
}
END_TEST

START_TEST(a_link_is_not_followed)
{
    begin_test();
    ck_assert_int_eq(mkdir(path("history-sqlite"), 0700), 0);
    ck_assert_int_eq(symlink("/etc/passwd", path(DB)), 0);
    make("");
    HAS(fake_last_error(), "it is no regular file");
    end_test();
}
END_TEST

/* ---- the queue ------------------------------------------------------------------------------------ */

START_TEST(the_queue_gives_up_the_least_important)
{
    char name[16];
    begin_test();
    make("queue: 100");
    disk_fails(SQLITE_FULL);
    begins("ab-0", "anna", NULL);
    fake_advance(1000);
    for (int i = 0; i < 60; i++) {
        snprintf(name, sizeof name, "ab-%d", i);
        goes_on(name, "anna", 1, 1);
        is_refused(name, ADIT_CAUSE_AUTH_FAILED);
    }
    for (int i = 0; i < 99; i++) {
        snprintf(name, sizeof name, "cd-%d", i);
        ends(name, "anna", 1, 1);
    }
    ck_assert_uint_eq(fake_counter(self, "lost"), 120);
    ck_assert_uint_ge(fake_event_count("history.lost"), 1);
    ends("ef-1", "anna", 1, 1);         /* instead of the begin */
    ends("ef-2", "anna", 1, 1);         /* instead of the oldest end */
    disk_fails(0);
    fake_advance(61000);
    ck_assert_int_eq(ROWS("state = 'ended'"), 100);
    ck_assert_int_eq(ROWS("session = 'cd-0'"), 0);
    ck_assert_int_eq(ROWS("session = 'ef-2'"), 1);
    ck_assert_int_eq(ROWS("state <> 'ended'"), 0);
    end_test();
}
END_TEST

START_TEST(what_comes_back_keeps_its_order)
{
    struct hist_queue q;
    struct hist_rec *v[10];
    fake_begin();
    struct adit_attrs *a = fake_host()->attr->make();
    hist_queue_init(&q);
    for (uint32_t i = 0; i < 10; i++)
        ck_assert(!hist_queue_add(&q, hist_rec_new(fake_host(), i % 2 ? HIST_END : HIST_BEGIN, a, i), 10));
    ck_assert_uint_eq(hist_queue_take(&q, v, 4), 4);
    hist_queue_back(&q, v, 4);
    ck_assert_uint_eq(q.count, 10);
    ck_assert(hist_queue_add(&q, hist_rec_new(fake_host(), HIST_END, a, 10), 10));
    ck_assert_uint_eq(hist_queue_take(&q, v, 10), 10);
    for (uint32_t i = 0; i < 10; i++) {
        ck_assert_int_eq(v[i]->wall_ms, i + 1);         /* the oldest begin is gone */
        hist_rec_free(v[i]);
    }
    hist_queue_fini(&q);
    fake_host()->attr->free(a);
    fake_end();
}
END_TEST

START_TEST(peers_choose_their_names)
{
    char name[1000];
    begin_test();
    make("");
    memset(name, 'x', sizeof name);
    memcpy(name, "\xc3\xa4", 2);
    memset(name + 510, '\xc3', 4);
    name[999] = '\0';
    is_refused(name, ADIT_CAUSE_UNKNOWN_USER);
    is_refused("'; DROP TABLE session; --", ADIT_CAUSE_UNKNOWN_USER);
    is_refused("\xff\xfe\x01", ADIT_CAUSE_UNKNOWN_USER);
    is_refused("", ADIT_CAUSE_UNKNOWN_USER);
    ck_assert_int_eq(LISTED(ALL), 4);
    ck_assert_int_eq(LISTED(ASK("list", ADIT_KV_S("user", "'; DROP TABLE session; --"))), 1);
    ck_assert_int_eq(LISTED(ASK("list", ADIT_KV_S("user", "' OR '1'='1"))), 0);
    ck_assert_int_eq(sql(path(DB), "SELECT max(length(CAST(user AS BLOB))) FROM session") <= 512, 1);
    end_test();
}
END_TEST

/* ---- questions ---------------------------------------------------------------------------------------- */

static int64_t wall(void) { return (int64_t)self->host->loop->wall(); }

START_TEST(questions_narrow)
{
    begin_test();
    make("");
    int64_t t0 = wall();
    whole("ab-1", "EXAMPLE\\anna", "10.9.0.2");
    fake_advance(3600000);
    int64_t t1 = wall();
    whole("ab-2", "bert", "10.9.0.2");
    whole("ab-3", "anna", "10.9.0.3");
    is_refused("anna", ADIT_CAUSE_AUTH_FAILED);
    ck_assert_int_eq(LISTED(ASK("list", ADIT_KV_S("user", "ANNA"))), 3);
    ck_assert_int_eq(LISTED(ASK("list", ADIT_KV_S("user", "example\\anna"))), 1);
    ck_assert_int_eq(LISTED(ASK("list", ADIT_KV_S("address", "10.9.0.2"))), 2);
    ck_assert_int_eq(LISTED(ASK("list", ADIT_KV_S("address", "192.0.2.7"))), 4);
    ck_assert_int_eq(LISTED(ASK("list", ADIT_KV_S("address", "10.9.0.9"))), 0);
    ck_assert_int_eq(LISTED(ASK("list", ADIT_KV_BOOL("failed", 1))), 1);
    ck_assert_int_eq(LISTED(ASK("list", ADIT_KV_I("since", t1))), 3);
    ck_assert_int_eq(LISTED(ASK("list", ADIT_KV_I("until", t1))), 1);
    /* who was up at that moment, with that address */
    ck_assert_int_eq(LISTED(ASK("list", ADIT_KV_S("address", "10.9.0.2"), ADIT_KV_I("since", t0 + 60000),
                                ADIT_KV_I("until", t0 + 60001))), 1);
    ck_assert_int_eq(LISTED(ASK("list", ADIT_KV_I("since", t1 - 60000), ADIT_KV_I("until", t1 - 1000))), 0);
    begins("ab-4", "carl", "2001:db8:1:2::/64");
    HAS(ASK("list", ADIT_KV_S("address", "2001:db8:1:2::beef")), "ab-4");
    ck_assert_int_eq(LISTED(ASK("list", ADIT_KV_S("address", "2001:db8:1:3::beef"))), 0);
    HAS(ASK("list", ADIT_KV_I("since", wall())), "ab-4");       /* what is up, is up now */
    fake_advance(5000);
    HAS(ASK("show", ADIT_KV_S("session", "ab-4")), "\"duration_ms\": 5000");
    end_test();
}
END_TEST

START_TEST(pages_follow_each_other)
{
    char name[16], next[64] = "", seen[64] = "";
    begin_test();
    make("");
    for (int i = 0; i < 25; i++) {      /* all in the same millisecond */
        snprintf(name, sizeof name, "ab-%02d", i);
        ends(name, "anna", 1, 0);
    }
    for (int page = 0; page < 3; page++) {
        const char *text = *next ? ASK("list", ADIT_KV_I("limit", 10), ADIT_KV_S("before", next))
                                 : ASK("list", ADIT_KV_I("limit", 10));
        ck_assert_int_eq(LISTED(text), page < 2 ? 10 : 5);
        for (int i = 0; i < 25; i++) {
            snprintf(name, sizeof name, "\"ab-%02d\"", i);
            seen[i] = (char)(seen[i] + times(text, name));
        }
        const char *at = strstr(text, "\"next\": \"");
        ck_assert(!at == (page == 2));
        if (at)
            sscanf(at, "\"next\": \"%63[^\"]", next);
    }
    for (int i = 0; i < 25; i++)
        ck_assert_int_eq(seen[i], 1);
    end_test();
}
END_TEST

START_TEST(a_summary_counts_per_user)
{
    begin_test();
    make("");
    int64_t t0 = wall();
    whole("ab-1", "anna", NULL);
    whole("ab-2", "Anna", NULL);
    whole("ab-3", "bert", NULL);
    is_refused("bert", ADIT_CAUSE_AUTH_FAILED);
    is_refused("bert", ADIT_CAUSE_AUTH_FAILED);
    const char *text = ask("summary", NULL, 0);
    HAS(text, "\"sessions\": 2");
    HAS(text, "\"duration_ms\": 7200000");
    HAS(text, "\"bytes_out\": 4000");
    HAS(text, "\"failures\": 2");
    ck_assert_int_eq(times(text, "\"user\":"), 2);
    ck_assert(strstr(text, "nna\"") < strstr(text, "\"bert\""));        /* the longest first */
    /* only what lies between the two counts */
    text = ASK("summary", ADIT_KV_I("since", t0 + 600000), ADIT_KV_I("until", t0 + 1200000));
    HAS(text, "\"duration_ms\": 600000");
    ck_assert_int_eq(times(text, "\"user\":"), 1);
    HAS(ASK("summary", ADIT_KV_S("user", "bert")), "\"sessions\": 1");
    end_test();
}
END_TEST

START_TEST(wrong_questions_are_named)
{
    begin_test();
    make("");
    char big[300];
    memset(big, 'u', sizeof big);
    big[299] = '\0';
    static const struct { const char *key, *value, *says; } texts[] = {
        { "address", "10.9.0.2:80", "IPv4 or IPv6" }, { "address", "nowhere", "IPv4 or IPv6" },
        { "before", "7", "an earlier answer" }, { "before", "7.8x", "an earlier answer" },
        { "since", "yesterday", "milliseconds" }, { "limit", "many", "from 1" },
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        ck_assert_str_eq(ASK("list", ADIT_KV_S(texts[i].key, texts[i].value)), "");
        HAS(fake_last_error(), texts[i].says);
    }
    ck_assert_str_eq(ASK("list", ADIT_KV_S("user", big)), "");
    ck_assert_str_eq(ASK("list", ADIT_KV_I("limit", 1001)), "");
    ck_assert_str_eq(ASK("list", ADIT_KV_I("limit", 0)), "");
    ck_assert_str_eq(ASK("list", ADIT_KV_I("since", -1)), "");
    ck_assert_str_eq(ask("show", NULL, 0), "");
    ck_assert_str_eq(ASK("show", ADIT_KV_S("session", "no-1")), "");
    HAS(fake_last_error(), "has no session 'no-1'");
    ck_assert_int_eq(fake_code(), ADIT_ENOENT);
    end_test();
}
END_TEST

START_TEST(whoever_hangs_up_or_waits_too_long_hurts_nobody)
{
    begin_test();
    make("");
    whole("ab-1", "anna", NULL);
    uint64_t a = fake_verb_begin(self, "list", NULL, 0), b = fake_verb_begin(self, "summary", NULL, 0);
    fake_verb_hangup(a);
    fake_run();
    ck_assert(fake_verb_finished(a) && fake_verb_finished(b));
    /* the instance goes while questions are open */
    a = fake_verb_begin(self, "list", NULL, 0);
    b = fake_verb_begin(self, "list", NULL, 0);
    fake_inst_free(self);
    self = NULL;
    ck_assert(fake_verb_finished(a) && fake_verb_finished(b));
    ck_assert(fake_verb_answer(a) == NULL);
    ck_assert_int_eq(fake_code(), ADIT_ECANCELED);
    end_test();
}
END_TEST

START_TEST(a_question_has_a_time_limit)
{
    struct hist_query q = { .what = HIST_SUMMARY, .limit = 10 };
    struct hist_rows rows;
    char name[16];
    int stop = 0;
    begin_test();
    make("");
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "u%d", i);
        ends(name, name, 1, 1);
    }
    fake_advance(1000);
    ck_assert_int_eq(hist_query_run(path(DB), &q, &stop, 0, &rows), HIST_TOO_LONG);
    HAS(rows.says, "--since");
    hist_rows_free(&rows);
    stop = 1;
    ck_assert_int_eq(hist_query_run(path(DB), &q, &stop, 60000, &rows), HIST_TOO_LONG);
    hist_rows_free(&rows);
    stop = 0;
    ck_assert_int_eq(hist_query_run(path(DB), &q, &stop, 60000, &rows), HIST_FINE);
    ck_assert_uint_eq(rows.count, 10);
    ck_assert(rows.more);
    hist_rows_free(&rows);
    end_test();
}
END_TEST

/* ---- the schema -------------------------------------------------------------------------------------------- */

START_TEST(migration_is_step_by_step_or_not_at_all)
{
    static const char *const good[] = { "CREATE TABLE a(x)", "ALTER TABLE a ADD y", "CREATE INDEX i ON a(y)" };
    static const char *const bad[] = { "CREATE TABLE a(x)", "ALTER TABLE a ADD y",
                                       "CREATE TABLE b(x); CREATE TABLE b(x)" };
    sqlite3 *db;
    int64_t n;
    ck_assert_int_eq(sqlite3_open(":memory:", &db), SQLITE_OK);
    ck_assert_int_eq(hist_migrate(db, good, 1), SQLITE_OK);
    ck_assert_int_eq(hist_migrate(db, bad, 3), SQLITE_ERROR);
    hist_pragma(db, "user_version", &n);
    ck_assert_int_eq(n, 2);     /* the second went well; of the third nothing is there */
    ck_assert_int_eq(sqlite3_exec(db, "SELECT * FROM b", NULL, NULL, NULL), SQLITE_ERROR);
    ck_assert_int_eq(hist_migrate(db, good, 3), SQLITE_OK);
    hist_pragma(db, "user_version", &n);
    ck_assert_int_eq(n, 3);
    ck_assert_int_eq(hist_migrate(db, good, 3), SQLITE_OK);
    hist_pragma(db, "application_id", &n);
    ck_assert_int_eq(n, HIST_APPLICATION);
    sqlite3_close(db);
}
END_TEST

/* The view for people is there, and the indexes do what they are for. */
static void uses(const char *query, const char *index)
{
    sqlite3 *db;
    sqlite3_stmt *st = NULL;
    char plan[1024] = "", text[512];
    ck_assert_int_eq(sqlite3_open(path(DB), &db), SQLITE_OK);
    snprintf(text, sizeof text, "EXPLAIN QUERY PLAN %s", query);
    ck_assert_int_eq(sqlite3_prepare_v2(db, text, -1, &st, NULL), SQLITE_OK);
    while (sqlite3_step(st) == SQLITE_ROW)
        strncat(plan, (const char *)sqlite3_column_text(st, 3), sizeof plan - strlen(plan) - 1);
    sqlite3_finalize(st);
    sqlite3_close(db);
    HAS(plan, index);
}

START_TEST(the_indexes_are_used)
{
    begin_test();
    make("");
    whole("ab-1", "anna", NULL);
    ck_assert_int_eq(sql(path(DB), "SELECT count(*) FROM readable WHERE hours = 1.0 AND started LIKE '20%'"), 1);
    uses("SELECT * FROM session WHERE started < 5 AND (ended IS NULL OR ended >= 3) "
         "ORDER BY started DESC, id DESC LIMIT 9", "session_time");
    uses("SELECT * FROM session WHERE account = 'anna' ORDER BY started DESC, id DESC LIMIT 9", "session_account");
    uses("SELECT * FROM session WHERE address = 'x' OR peer = 'x'", "session_peer");
    uses("SELECT id FROM session WHERE session = 'x' AND state IN ('up', 'cut') ORDER BY id DESC LIMIT 1", "session_session");
    uses("UPDATE session SET state = 'cut' WHERE state = 'up'", "session_up");
    uses("SELECT count(*) FROM session WHERE state = 'failed'", "session_failed");
    end_test();
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        a_session_is_written_from_its_begin_to_its_end, records_share_a_transaction_within_the_window,
        attempts_that_failed_are_written_and_folded, sessions_of_a_crash_end_at_the_next_start,
        what_is_heard_first_begins_a_session, what_waits_is_written_at_the_end,
        the_file_is_its_owners_alone, the_old_ones_are_removed, failed_attempts_have_a_number,
        the_file_has_a_size, a_full_disk, a_read_only_file, a_bad_disk, no_permission,
        another_program_keeps_it_locked, a_directory_that_is_not_there, a_damaged_file_is_set_aside,
        one_that_is_damaged_while_it_is_written_too, a_reader_that_finds_damage_tells_the_writer,
        somebody_elses_file_is_left_alone, a_newer_file_is_left_alone, two_never_write_one_file,
        no_place_no_history, a_link_is_not_followed, the_queue_gives_up_the_least_important,
        what_comes_back_keeps_its_order, peers_choose_their_names, questions_narrow,
        pages_follow_each_other, a_summary_counts_per_user, wrong_questions_are_named,
        whoever_hangs_up_or_waits_too_long_hurts_nobody, a_question_has_a_time_limit,
        migration_is_step_by_step_or_not_at_all, the_indexes_are_used, NULL
    };
    return unit_suite("history", tests);
}

UNIT_MAIN(suite)
