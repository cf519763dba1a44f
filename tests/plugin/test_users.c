/* test_users.c - accounts, their text, and a file that survives bad days. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../../plugins/auth-local/users.h"
#include "../unit/unit.h"

static char dir[64], path[128], err[USERS_ERR];

static void setup(void)
{
    setenv("TZ", "UTC", 1);
    snprintf(dir, sizeof dir, "/tmp/adit-users-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/users.yaml", dir);
}

static void teardown(void)
{
    char cmd[128];
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    ck_assert_int_eq(system(cmd), 0);
}

static void put_file(const char *text, mode_t mode)
{
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
    ck_assert_int_eq(chmod(path, mode), 0);
}

static const char *get_file(void)
{
    static char text[65536];
    FILE *f = fopen(path, "r");
    ck_assert_ptr_nonnull(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    return text;
}

#define STRS(...) { (const char *[]){ __VA_ARGS__ },                                     \
                    sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *), sizeof(char *) }
#define ROWS(...) { { (struct users_row[]){ __VA_ARGS__ },                               \
                    sizeof((struct users_row[]){ __VA_ARGS__ }) / sizeof(struct users_row), \
                    sizeof(struct users_row) } }

static const char nt[] = "8846f7eaee8fb117ad06bdd830b7586c";

START_TEST(dates_are_read_strictly)
{
    static const struct { const char *text; uint64_t s; } t[] = {
        { "2026-12-31", 1798761600 },       /* to the end of that day */
        { "2026-12-31 18:00", 1798740000 }, { "2024-02-29", 1709251200 },
        { "1798761600", 1798761600 },       { "1970-01-01", 86400 },
        { "2026-2-1", 0 }, { "2026-02-30", 0 }, { "2025-02-29", 0 }, { "2026-13-01", 0 },
        { "2026-00-01", 0 }, { "2026-01-00", 0 }, { "2026-12-31 ", 0 }, { " 2026-12-31", 0 },
        { "2026-12-31T18:00", 0 }, { "2026-12-31 24:00", 0 }, { "2026-12-31 18:60", 0 }, { "", 0 },
        { "0", 0 }, { "-1", 0 }, { "9999999999999", 0 }, { "31.12.2026", 0 }, { "never", 0 },
        { "2026-12-31 18:00:00", 0 }, { "1969-12-31", 0 },
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        uint64_t s = 0;
        ck_assert_msg(user_expires_parse(t[i].text, &s) == (t[i].s != 0), "'%s'", t[i].text);
        if (t[i].s)
            ck_assert_msg(s == t[i].s, "'%s' is %llu", t[i].text, (unsigned long long)s);
    }
}
END_TEST

START_TEST(names_and_hashes)
{
    char longest[USERS_NAME_MAX + 2];
    const char *why;
    uint8_t out[16];
    memset(longest, 'a', sizeof longest);
    longest[USERS_NAME_MAX + 1] = '\0';
    static const char *const good[] = { "anna", "a b", "\xc3\xa4nne", "CORP\\anna", "a@b", "#", "\"" };
    static const char *const bad[] = { "", " a", "a ", "a\tb", "a\nb", "\xff", "\xc3", "\xc0\xaf",
                                       "\xed\xa0\x80", "\xe0\x80\x80", "\xf4\x90\x80\x80", "\x7f",
                                       "\xc2\x85", "\xe2\x82" };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        ck_assert_msg(user_name_ok(good[i], &why), "%s: %s", good[i], why);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(!user_name_ok(bad[i], &why), "%zu", i);
    ck_assert(!user_name_ok(longest, &why));
    longest[USERS_NAME_MAX] = '\0';
    ck_assert(user_name_ok(longest, &why));
    ck_assert(!user_name_ok(NULL, &why));
    ck_assert(user_nt_parse(nt, out));
    ck_assert_uint_eq(out[15], 0x6c);
    for (size_t n = 0; n < 32; n++) {
        char *s = strndup(nt, n);
        ck_assert(!user_nt_parse(s, out));
        free(s);
    }
    ck_assert(!user_nt_parse("8846f7eaee8fb117ad06bdd830b7586g", out));
    ck_assert(!user_nt_parse("8846f7eaee8fb117ad06bdd830b7586c0", out));
}
END_TEST

START_TEST(names_are_found_as_windows_writes_them)
{
    const struct users_file f = ROWS({ .name = "anna" }, { .name = "Bert" }, { .name = "BERT" },
                                     { .name = "Carl" });
    struct users *us;
    ck_assert_int_eq(users_of_file(&f, &us, err), 0);
    ck_assert_str_eq(users_find(us, "ANNA")->name, "anna");
    ck_assert_str_eq(users_find(us, "BERT")->name, "BERT");
    ck_assert_str_eq(users_find(us, "Bert")->name, "Bert");
    ck_assert_ptr_null(users_find(us, "bert"));         /* either */
    ck_assert_ptr_null(users_find_exact(us, "ANNA"));
    ck_assert_ptr_null(users_find(us, "dora"));
    ck_assert_ptr_null(users_find(us, ""));
    users_del(us, users_find(us, "BERT"));
    ck_assert_str_eq(users_find(us, "bert")->name, "Bert");
    ck_assert_uint_eq(users_count(us), 3);
    ck_assert_str_eq(users_at(us, 2)->name, "Carl");
    users_free(us);
}
END_TEST

START_TEST(rows_are_checked_and_named)
{
    const struct { struct users_file f; const char *says; } t[] = {
        { ROWS({ .name = "anna" }, { .name = "anna" }), "user 'anna': the name is there twice" },
        { ROWS({ .name = "" }), "account 1: a name is needed" },
        { ROWS({ .name = "a" }, { .name = NULL }), "account 2" },
        { ROWS({ .name = "a", .nt_hash = "12" }), "user 'a': nt-hash must be 32 hex digits" },
        { ROWS({ .name = "a", .password_hash = "$1$x$y" }), "password-hash is of an unknown kind" },
        { ROWS({ .name = "a", .expires = "soon" }), "expires: 'soon' is not a date" },
        { ROWS({ .name = "a", .groups = STRS("x", "") }), "groups: entry 2" },
        { ROWS({ .name = "a", .comment = "x\ny" }), "comment" },
        { ROWS({ .name = "a", .filter = { NULL, "x\ny" } }), "filter-out" },
        { ROWS({ .name = "a", .address = { .family = ADIT_AF_IPV6 } }), "address" },
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct users *us = NULL;
        ck_assert_int_eq(users_of_file(&t[i].f, &us, err), ADIT_ECONF);
        ck_assert_msg(strstr(err, t[i].says) != NULL, "'%s' lacks '%s'", err, t[i].says);
        ck_assert_ptr_null(us);
    }
}
END_TEST

START_TEST(text_holds_everything_and_quotes_it)
{
    const struct users_file f = ROWS(
        { .name = "anna", .nt_hash = nt, .password_hash = "$scrypt$x", .clear = "a\"b\\c",
          .dialin = ADIT_DIALIN_ALLOW, .groups = STRS("staff", "a, b"),
          .address = { .family = ADIT_AF_IPV4, .prefix = 32, .ip = { 10, 9, 0, 5 } },
          .routes = { (struct adit_addr[]){ { .family = ADIT_AF_IPV4, .prefix = 24, .ip = { 10, 1, 2, 0 } },
                                            { .family = ADIT_AF_IPV6, .prefix = 32, .ip = { 0x20, 1, 0xd, 0xb8 } } },
                      2, sizeof(struct adit_addr) },
          .ipv6_prefix = { .family = ADIT_AF_IPV6, .prefix = 64, .ip = { 0x20, 1, 0xd, 0xb8, 0, 1 } },
          .delegated_prefix = { .family = ADIT_AF_IPV6, .prefix = 56, .ip = { 0x20, 1, 0xd, 0xb8, 1 } },
          .expires = "2026-12-31", .session_limit = 2, .disabled = 1, .must_change = 1, .filter = { "web", "#" },
          .comment = "no: [x] #y \xe2\x80\xa8" },
        { .name = "yes", .dialin = ADIT_DIALIN_POLICY });
    struct users *us;
    size_t len;
    ck_assert_int_eq(users_of_file(&f, &us, err), 0);
    char *text = users_text(us, &len);
    ck_assert_str_eq(text,
        "users:\n"
        "  - name: \"anna\"\n"
        "    dial-in: allow\n"
        "    nt-hash: \"8846f7eaee8fb117ad06bdd830b7586c\"\n"
        "    password-hash: \"$scrypt$x\"\n"
        "    clear: \"a\\\"b\\\\c\"\n"
        "    groups: [\"staff\", \"a, b\"]\n"
        "    address: \"10.9.0.5\"\n"
        "    ipv6-prefix: \"2001:db8:1:0:0:0:0:0/64\"\n"
        "    delegated-prefix: \"2001:db8:100:0:0:0:0:0/56\"\n"
        "    routes: [\"10.1.2.0/24\", \"2001:db8:0:0:0:0:0:0/32\"]\n"
        "    expires: \"2026-12-31\"\n"
        "    session-limit: 2\n"
        "    filter-in: \"web\"\n"
        "    filter-out: \"#\"\n"
        "    disabled: yes\n"
        "    must-change: yes\n"
        "    comment: \"no: [x] #y \\u2028\"\n"
        "  - name: \"yes\"\n"
        "    dial-in: policy\n");
    ck_assert_uint_eq(len, strlen(text));
    users_text_free(text, len);
    users_free(us);
    us = users_new();
    text = users_text(us, &len);
    ck_assert_str_eq(text, "users: []\n");
    users_text_free(text, len);
    users_free(us);
}
END_TEST

START_TEST(a_new_account_is_denied)
{
    struct user *u = user_new("anna");
    ck_assert_uint_eq(u->dialin, ADIT_DIALIN_DENY);
    ck_assert_str_eq(user_dialin_name(u->dialin), "deny");
    ck_assert_str_eq(user_dialin_name(77), "deny");
    user_free(u);
    user_free(NULL);
}
END_TEST

/* ---- the file ------------------------------------------------------------------------- */

START_TEST(a_new_file_is_for_its_owner_alone)
{
    umask(0);
    struct stat st;
    ck_assert_int_eq(users_save_text(path, "users: []\n", 10, err), 0);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0600);
    ck_assert_ptr_nonnull(strstr(get_file(), "\nusers: []\n"));
    ck_assert_int_eq(get_file()[0], '#');
}
END_TEST

START_TEST(head_mode_and_owner_are_kept)
{
    struct stat st;
    put_file("# of the office\n\n# ask Carl\nusers:\n  - name: x\n  # not kept\n", 0640);
    if (geteuid() == 0)
        ck_assert_int_eq(chown(path, 12, 34), 0);
    ck_assert_int_eq(users_save_text(path, "users: []\n", 10, err), 0);
    ck_assert_str_eq(get_file(), "# of the office\n\n# ask Carl\nusers: []\n");
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0640);
    if (geteuid() == 0) {
        ck_assert_uint_eq(st.st_uid, 12);
        ck_assert_uint_eq(st.st_gid, 34);
    }
    ck_assert_int_eq(users_save_text(path, "users: []\n", 10, err), 0);
    ck_assert_str_eq(get_file(), "# of the office\n\n# ask Carl\nusers: []\n");
}
END_TEST

START_TEST(a_link_is_not_followed)
{
    char other[160];
    snprintf(other, sizeof other, "%s/elsewhere", dir);
    ck_assert_int_eq(symlink(other, path), 0);
    ck_assert_int_eq(users_save_text(path, "users: []\n", 10, err), ADIT_EIO);
    ck_assert_msg(strstr(err, "symbolic link") != NULL, "%s", err);
    ck_assert_int_ne(access(other, F_OK), 0);
    /* nor the name of the new file, which somebody prepared */
    unlink(path);
    put_file("users: []\n", 0600);
    char temp[160];
    snprintf(temp, sizeof temp, "%s/.users.yaml.new", dir);
    ck_assert_int_eq(symlink(other, temp), 0);
    ck_assert_int_eq(users_save_text(path, "users: []\n", 10, err), 0);
    ck_assert_int_ne(access(other, F_OK), 0);
    /* nor a folder, nor a pipe that nobody writes to */
    ck_assert_int_eq(users_save_text(dir, "x", 1, err), ADIT_EIO);
    unlink(path);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_eq(users_save_text(path, "x", 1, err), ADIT_EIO);
    ck_assert_int_eq(users_save_text("/nonexistent/users.yaml", "x", 1, err), ADIT_EIO);
    ck_assert_int_eq(users_save_text("", "x", 1, err), ADIT_EIO);
}
END_TEST

START_TEST(a_full_disk_leaves_the_old_file)
{
    struct rlimit small = { 8192, 8192 };
    static char big[100000];
    struct stat before, after;
    put_file("# mine\nusers: []\n", 0600);
    ck_assert_int_eq(stat(path, &before), 0);
    memset(big, '#', sizeof big);
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    ck_assert_int_eq(users_save_text(path, big, sizeof big, err), ADIT_EIO);
    ck_assert_msg(strstr(err, "the old file is as it was") != NULL, "%s", err);
    ck_assert_int_eq(stat(path, &after), 0);
    ck_assert_uint_eq(before.st_ino, after.st_ino);
    ck_assert_str_eq(get_file(), "# mine\nusers: []\n");
    char temp[160];
    snprintf(temp, sizeof temp, "%s/.users.yaml.new", dir);
    ck_assert_int_ne(access(temp, F_OK), 0);
}
END_TEST

START_TEST(one_writer_at_a_time)
{
    int a, b = -1;
    ck_assert_int_eq(users_lock(path, false, &a, err), 0);
    ck_assert_int_eq(users_lock(path, false, &b, err), ADIT_EAGAIN);
    ck_assert_int_eq(b, -1);
    users_unlock(a);
    ck_assert_int_eq(users_lock(path, false, &b, err), 0);
    users_unlock(b);
    users_unlock(-1);
    char name[160];
    snprintf(name, sizeof name, "%s.lock", path);
    unlink(name);
    ck_assert_int_eq(symlink("/etc/passwd", name), 0);
    ck_assert_int_eq(users_lock(path, true, &b, err), ADIT_EIO);
}
END_TEST

/* A reader sees the old or the new file, whenever he looks. */
START_TEST(readers_never_see_half_a_file)
{
    static char one[30000], two[60000];
    memset(one, 'a', sizeof one);
    memset(two, 'b', sizeof two);
    put_file("users: []\n", 0600);
    ck_assert_int_eq(users_save_text(path, one, sizeof one, err), 0);
    pid_t pid = fork();
    if (pid == 0) {
        for (int i = 0; i < 60; i++)
            if (users_save_text(path, i & 1 ? one : two, i & 1 ? sizeof one : sizeof two, err) != 0)
                _exit(1);
        _exit(0);
    }
    int status = 0;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        const char *text = get_file();
        size_t n = strlen(text);
        ck_assert_msg(n == sizeof one || n == sizeof two, "%zu bytes", n);
        ck_assert_int_eq(text[0], text[n - 1]);
    }
    ck_assert_int_eq(status, 0);
}
END_TEST

static Suite *suite(void)
{
    static const TTest *pure[16], *file[16];
    size_t n = 0;
    pure[n++] = dates_are_read_strictly;
    pure[n++] = names_and_hashes;
    pure[n++] = names_are_found_as_windows_writes_them;
    pure[n++] = rows_are_checked_and_named;
    pure[n++] = text_holds_everything_and_quotes_it;
    pure[n++] = a_new_account_is_denied;
    n = 0;
    file[n++] = a_new_file_is_for_its_owner_alone;
    file[n++] = head_mode_and_owner_are_kept;
    file[n++] = a_link_is_not_followed;
    file[n++] = a_full_disk_leaves_the_old_file;
    file[n++] = one_writer_at_a_time;
    file[n++] = readers_never_see_half_a_file;
    Suite *s = suite_create("users");
    TCase *tc = tcase_create("accounts"), *fc = tcase_create("file");
    for (n = 0; pure[n]; n++)
        tcase_add_test(tc, pure[n]);
    for (n = 0; file[n]; n++)
        tcase_add_test(fc, file[n]);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_checked_fixture(fc, setup, teardown);
    tcase_set_timeout(fc, 60);
    suite_add_tcase(s, tc);
    suite_add_tcase(s, fc);
    return s;
}

UNIT_MAIN(suite)
