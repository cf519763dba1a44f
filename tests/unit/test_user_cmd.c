/* test_user_cmd.c - `adit user` as a person types it. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <jansson.h>
#include "../../client/user_cmd.h"
#include "crypto/crypto.h"
#include "unit.h"

static char dir[64], file[128], out[65536], errors[65536];

static void setup(void)
{
    setenv("TZ", "UTC", 1);
    user_cmd_json = false;
    snprintf(dir, sizeof dir, "/tmp/adit-user-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(file, sizeof file, "%s/users.yaml", dir);
}

static void teardown(void)
{
    char cmd[128];
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    ck_assert_int_eq(system(cmd), 0);
}

static void slurp(const char *name, char *to, size_t size)
{
    FILE *f = fopen(name, "r");
    ck_assert_ptr_nonnull(f);
    to[fread(to, 1, size - 1, f)] = '\0';
    fclose(f);
}

static void put_file(const char *name, const char *text)
{
    FILE *f = fopen(name, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
    chmod(name, 0600);
}

/* Runs the words of a line ('quoted ones' with blanks) in a process of its own,
 * without a terminal; `in` is its standard input. */
static int run_in(const char *in, const char *line)
{
    char names[3][160], copy[2048], *argv[40] = { (char *)(uintptr_t)"user" };
    int argc = 1, status;
    const char *const ends[] = { "in", "out", "err" };
    for (int i = 0; i < 3; i++)
        snprintf(names[i], sizeof names[i], "%s/%s", dir, ends[i]);
    put_file(names[0], in);
    snprintf(copy, sizeof copy, "%s --file %s", line, file);
    if (strstr(line, "--config") || strstr(line, "--file"))
        snprintf(copy, sizeof copy, "%s", line);
    for (char *p = copy; *p && argc < 39;) {
        char end = *p == '\'' ? '\'' : ' ';
        argv[argc++] = p += end == '\'';
        p += strcspn(p, end == '\'' ? "'" : " ");
        if (*p)
            *p++ = '\0';
        p += strspn(p, " ");
    }
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        setsid();               /* no terminal to prompt on */
        dup2(open(names[0], O_RDONLY), 0);
        dup2(open(names[1], O_WRONLY | O_CREAT | O_TRUNC, 0600), 1);
        dup2(open(names[2], O_WRONLY | O_CREAT | O_TRUNC, 0600), 2);
        int rc = user_cmd(argc, argv);
        fflush(NULL);
        _exit(rc);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFEXITED(status), "status %d", status);
    slurp(names[1], out, sizeof out);
    slurp(names[2], errors, sizeof errors);
    return WEXITSTATUS(status);
}

static int run(const char *line)
{
    return run_in("", line);
}

/* The same on a terminal of its own: each answer is typed when a prompt (": ")
 * has come. `out` is what the terminal showed. Returns waitpid()'s status. */
static int run_tty(const char *const *answers, int *echo, const char *name)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY), status, keep;
    ck_assert(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    keep = open(ptsname(master), O_RDWR | O_NOCTTY);    /* its state outlives the program */
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        setsid();
        int tty = open(ptsname(master), O_RDWR);
        ioctl(tty, TIOCSCTTY, 0);
        signal(SIGINT, SIG_DFL);        /* the test runner has a handler of its own */
        for (int fd = 0; fd < 3; fd++)
            dup2(tty, fd);
        char *argv[] = { (char *)(uintptr_t)"user", (char *)(uintptr_t)"add", (char *)(uintptr_t)name,
                         (char *)(uintptr_t)"--file", file, NULL };
        int rc = user_cmd(5, argv);
        fflush(NULL);
        _exit(rc);
    }
    size_t n = 0, seen = 0;
    for (int i = 0; i < 300; i++) {
        struct pollfd p = { master, POLLIN, 0 };
        if (poll(&p, 1, 100) > 0 && p.revents & POLLIN) {
            ssize_t got = read(master, out + n, sizeof out - 1 - n);
            n += got > 0 ? (size_t)got : 0;
        }
        out[n] = '\0';
        char *prompt = strstr(out + seen, ": ");
        if (prompt && *answers) {
            seen = (size_t)(prompt + 2 - out);
            ck_assert(write(master, *answers, strlen(*answers)) > 0);
            answers++;
        }
        if (waitpid(pid, &status, WNOHANG) == pid) {
            struct pollfd rest = { master, POLLIN, 0 };
            if (poll(&rest, 1, 0) > 0 && rest.revents & POLLIN) {
                ssize_t got = read(master, out + n, sizeof out - 1 - n);
                out[n += got > 0 ? (size_t)got : 0] = '\0';
            }
            struct termios t;
            ck_assert_int_eq(tcgetattr(keep, &t), 0);
            *echo = (t.c_lflag & ECHO) != 0;
            close(keep);
            close(master);
            return status;
        }
    }
    ck_abort_msg("no end: '%s'", out);
    return 0;
}

#define SAYS(text, part) ck_assert_msg(strstr(text, part) != NULL, "'%s' lacks '%s'", text, part)

static const char *yaml(void)
{
    static char text[65536];
    slurp(file, text, sizeof text);
    return text;
}

START_TEST(add_makes_a_private_file_and_a_denied_account)
{
    struct stat st;
    ck_assert_int_eq(run_in("trustno1\n", "add anna --password-stdin"), 0);
    SAYS(out, "anna: added; may not connect; --allow or --policy changes that");
    ck_assert_int_eq(stat(file, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0600);
    SAYS(yaml(), "dial-in: deny");
    SAYS(yaml(), "password-hash: \"$scrypt$");
    ck_assert_ptr_null(strstr(yaml(), "trustno1"));
    ck_assert_ptr_null(strstr(yaml(), "clear: "));

    /* the NT hash is that of RFC 2759's hand */
    uint8_t nt[16];
    char hex[33];
    ck_assert_int_eq(crypto_init(), 0);
    ck_assert_int_eq(nt_password_hash("trustno1", 8, nt), 0);
    for (int i = 0; i < 16; i++)
        snprintf(hex + 2 * i, 3, "%02x", nt[i]);
    SAYS(yaml(), hex);
    char hash[256], *at = strstr(yaml(), "$scrypt$");
    snprintf(hash, sizeof hash, "%.*s", (int)strcspn(at, "\""), at);
    ck_assert_int_eq(crypto_api.password_check("trustno1", 8, hash), 0);
    ck_assert_int_eq(crypto_api.password_check("trustno2", 8, hash), ADIT_EAUTH);

    ck_assert_int_eq(run_in("x\n", "add anna --password-stdin"), 1);
    SAYS(errors, "'anna' is there already; adit user set changes it");
}
END_TEST

START_TEST(every_setting_goes_in_and_comes_out)
{
    ck_assert_int_eq(run_in("geheim\r\n", "add anna --password-stdin --policy --group staff --group 'a b' "
                            "--calling-station 192.0.2.* --calling-station '+49 89*' --address 10.9.0.5 --route 10.1.2.0/24 --route 10.1.3.0/24 "
                            "--ipv6-prefix 2001:db8:1::/64 --delegated-prefix 2001:db8:100::/56 "
                            "--expires 2099-12-31 --session-limit 2 --disabled --must-change "
                            "--comment 'on: leave' --filter-in web --filter-out 'no mail' --clear"), 0);
    ck_assert_int_eq(run("show ANNA --json"), 0);
    json_error_t je;
    json_t *o = json_loads(out, 0, &je);
    ck_assert_msg(o != NULL, "%s: %s", je.text, out);
    ck_assert_str_eq(json_string_value(json_object_get(o, "name")), "anna");
    ck_assert_str_eq(json_string_value(json_object_get(o, "dial_in")), "policy");
    ck_assert_str_eq(json_string_value(json_array_get(json_object_get(o, "groups"), 1)), "a b");
    ck_assert_str_eq(json_string_value(json_object_get(o, "address")), "10.9.0.5");
    ck_assert_str_eq(json_string_value(json_array_get(json_object_get(o, "routes"), 1)), "10.1.3.0/24");
    ck_assert_str_eq(json_string_value(json_array_get(json_object_get(o, "calling_station"), 1)), "+49 89*");
    ck_assert_str_eq(json_string_value(json_object_get(o, "ipv6_prefix")), "2001:db8:1::/64");
    ck_assert_str_eq(json_string_value(json_object_get(o, "delegated_prefix")), "2001:db8:100::/56");
    ck_assert_str_eq(json_string_value(json_object_get(o, "expires")), "2099-12-31");
    ck_assert_int_eq(json_integer_value(json_object_get(o, "session_limit")), 2);
    ck_assert(json_is_true(json_object_get(o, "disabled")));
    ck_assert(json_is_true(json_object_get(o, "must_change")));
    ck_assert_str_eq(json_string_value(json_object_get(o, "comment")), "on: leave");
    ck_assert_str_eq(json_string_value(json_object_get(o, "filter_in")), "web");
    ck_assert_str_eq(json_string_value(json_object_get(o, "filter_out")), "no mail");
    ck_assert_uint_eq(json_array_size(json_object_get(o, "secrets")), 3);
    json_decref(o);
    ck_assert_ptr_null(strstr(out, "geheim"));
    ck_assert_ptr_null(strstr(out, "scrypt$"));
    SAYS(yaml(), "clear: \"geheim\"");

    ck_assert_int_eq(run("set anna --allow --group '' --route '' --address '' --expires '' "
                         "--ipv6-prefix '' --delegated-prefix '' --calling-station '' "
                         "--session-limit 0 --enabled --no-must-change --comment '' --filter-in '' --filter-out '' --no-clear"), 0);
    SAYS(out, "anna: changed; may connect where a policy matches");
    static const char *const gone[] = { "clear", "groups", "ipv6", "delegated", "routes", "address:", "expires", "limit",
                                        "disabled", "must-change", "comment: \"", "filter", "calling" };
    char *text = strstr(yaml(), "users:");
    for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++)
        ck_assert_msg(!strstr(text, gone[i]), "%s in %s", gone[i], text);
    ck_assert_int_eq(run("show anna"), 0);
    SAYS(out, "pap mschapv1 mschapv2 eap-mschapv2");
    ck_assert_ptr_null(strstr(out, "chap eap-md5"));
}
END_TEST

START_TEST(lists_are_for_people_or_programs)
{
    ck_assert_int_eq(run("list"), 1);
    SAYS(errors, "is not there; adit user add makes it");
    ck_assert_int_eq(run("add carl --no-password --allow --comment cert"), 0);
    ck_assert_int_eq(run_in("x", "add bert --password-stdin --disabled"), 0);
    ck_assert_int_eq(run("list"), 0);
    SAYS(out, "NAME");
    SAYS(out, "carl");
    SAYS(out, "disabled");
    ck_assert_ptr_null(strstr(out, "scrypt"));
    ck_assert_int_eq(run("list --json"), 0);
    json_t *list = json_loads(out, 0, NULL);
    ck_assert_uint_eq(json_array_size(list), 2);
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(list, 0), "name")), "carl");
    ck_assert_uint_eq(json_array_size(json_object_get(json_array_get(list, 0), "secrets")), 0);
    json_decref(list);
    ck_assert_int_eq(run("show carl"), 0);
    SAYS(out, "no method");
    user_cmd_json = true;
    ck_assert_int_eq(run("list"), 0);
    ck_assert_int_eq(out[0], '[');
}
END_TEST

START_TEST(passwords_change_and_accounts_go)
{
    ck_assert_int_eq(run_in("one\n", "add anna --password-stdin --clear --must-change"), 0);
    SAYS(yaml(), "must-change: yes");
    ck_assert_int_eq(run_in("two\nrest\n", "passwd anna --password-stdin"), 0);
    SAYS(yaml(), "clear: \"two\"");                 /* it was kept in clear before */
    ck_assert_ptr_null(strstr(yaml(), "must-change"));
    ck_assert_int_eq(run_in("three", "passwd anna --password-stdin --no-clear"), 0);
    ck_assert_ptr_null(strstr(yaml(), "clear:"));
    ck_assert_int_eq(run("set anna --clear"), 1);
    SAYS(errors, "adit user passwd anna --clear");
    ck_assert_int_eq(run("del ANNA"), 1);
    SAYS(errors, "did you mean 'anna'?");
    ck_assert_int_eq(run("del anna"), 0);
    SAYS(yaml(), "users: []");
    ck_assert_int_eq(run("del anna"), 1);
    SAYS(errors, "has no account 'anna'");
    ck_assert_int_eq(run("list"), 0);
    SAYS(out, "There is no account yet");
}
END_TEST

START_TEST(wrong_arguments_are_explained_and_change_nothing)
{
    static const struct { const char *line; int rc; const char *says; } t[] = {
        { "", 2, "usage: adit user" },
        { "frob", 2, "no command 'frob'" },
        { "add", 2, "usage" }, { "list anna", 2, "usage" }, { "add a b", 2, "usage" },
        { "add anna --password secret", 2, "usage" },
        { "add anna --address 10.9.0.300", 1, "--address: '10.9.0.300' is not an IPv4 address" },
        { "add anna --address ::1", 1, "IPv4" },
        { "add anna --route 10.1.2.3/24", 1, "its host part is zero" },
        { "add anna --ipv6-prefix 10.1.2.0/24", 1, "is not an IPv6 network" },
        { "add anna --delegated-prefix 2001:db8::1/56", 1, "its host part is zero" },
        { "add anna --expires tomorrow", 1, "'tomorrow' is not a date like 2026-12-31" },
        { "add anna --session-limit -1", 1, "is not a number" },
        { "add anna --session-limit 4294967296", 1, "is not a number" },
        { "add anna", 1, "there is no terminal to ask for the password; use --password-stdin" },
        { "add anna --password-stdin", 1, "the password is empty" },
        { "add ' x' --no-password", 1, "must not begin or end with a blank" },
        { "set anna --no-password", 1, "--no-password is for" },
        { "add anna --no-password --clear", 1, "goes with neither" },
        { "set anna --allow", 1, "is not there; adit user add makes it" },
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        int rc = run(t[i].line);
        ck_assert_msg(rc == t[i].rc, "%s: %d %s", t[i].line, rc, errors);
        ck_assert_msg(strstr(errors, t[i].says) != NULL, "%s: '%s' lacks '%s'", t[i].line, errors, t[i].says);
        ck_assert_msg(access(file, F_OK) != 0, "%s", t[i].line);
    }
    char longest[400];
    memset(longest, 'x', 300);
    longest[300] = '\0';
    ck_assert_int_eq(run_in(longest, "add anna --password-stdin"), 1);
    SAYS(errors, "longer than 255");
    ck_assert_int_eq(run_in("a\tb\n", "add anna --password-stdin"), 1);
    SAYS(errors, "control characters");
    ck_assert_int_eq(run_in("a\xff\n", "add anna --password-stdin"), 1);
    ck_assert_int_eq(run("--help"), 0);
    SAYS(out, "--session-limit N");
}
END_TEST

START_TEST(the_configuration_names_the_file)
{
    char config[160], line[512];
    snprintf(config, sizeof config, "%s/aditd.yaml", dir);
    snprintf(line, sizeof line, "add anna --no-password --config %s", dir);
    ck_assert_int_eq(run(line), 0);                 /* no configuration yet: beside it */
    SAYS(yaml(), "anna");

    put_file(config, "auth:\n  - type: radius\n  - type: local\n    file: other.yaml\n");
    snprintf(file, sizeof file, "%s/other.yaml", dir);
    ck_assert_int_eq(run(line), 0);
    SAYS(yaml(), "anna");
    snprintf(line, sizeof line, "list --config %s", config);
    ck_assert_int_eq(run(line), 0);
    SAYS(out, "anna");

    put_file(config, "auth:\n  - type: local\n  - type: local\n    file: other.yaml\n");
    ck_assert_int_eq(run(line), 1);
    SAYS(errors, "2 authenticators of type local; say which file with --file");
    put_file(config, "auth: [\n");
    ck_assert_int_eq(run(line), 1);
    SAYS(errors, "aditd.yaml:");
    ck_assert_int_eq(run("list --config /nonexistent"), 1);
    SAYS(errors, "adit setup");
}
END_TEST

START_TEST(a_broken_file_is_not_written_over)
{
    static const char *const broken[] = {
        "users:\n  - nme: anna\n", "users: 5\n", "users:\n  - name: anna\n    nt-hash: 12\n", "[",
        "users:\n  - name: a\n  - name: a\n", "users:\n  - name: a\n    expires: 2026-02-30\n",
        "users:\n  - name: \"a\\0b\"\n", "\xff\xfe",
    };
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        put_file(file, broken[i]);
        ck_assert_int_eq(run("add bert --no-password"), 1);
        ck_assert_int_ne(errors[0], '\0');
        ck_assert_str_eq(yaml(), broken[i]);
    }
    put_file(file, "users:\n  - nme: anna\n");
    run("list");
    SAYS(errors, "users.yaml:2:5: unknown option 'nme'; did you mean 'name'?");
}
END_TEST

START_TEST(hands_and_tools_agree)
{
    put_file(file, "# ours\nusers:\n  - name: 0123\n    dial-in: allow\n    groups: staff\n    expires: 2026-12-31\n"
                   "  - {name: 'yes', comment: \"# no \\\"comment\\\"\"}\n");
    ck_assert_int_eq(run("add third --no-password"), 0);
    ck_assert_str_eq(yaml(), "# ours\nusers:\n"
        "  - name: \"0123\"\n    dial-in: allow\n    groups: [\"staff\"]\n    expires: \"2026-12-31\"\n"
        "  - name: \"yes\"\n    dial-in: deny\n    comment: \"# no \\\"comment\\\"\"\n"
        "  - name: \"third\"\n    dial-in: deny\n");
    char *before = strdup(yaml());
    ck_assert_int_eq(run("set third"), 0);
    ck_assert_str_eq(yaml(), before);
    free(before);
}
END_TEST

START_TEST(a_terminal_is_asked_twice_and_shows_nothing)
{
    const char *const same[] = { "geheim\n", "geheim\n", NULL }, *const other[] = { "geheim\n", "gehiem\n", NULL },
               *const stop[] = { "gehe\x03", NULL };
    int echo = 0, status = run_tty(same, &echo, "anna");
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    SAYS(out, "Password for anna: ");
    SAYS(out, "Again: ");
    SAYS(out, "anna: added");
    ck_assert_ptr_null(strstr(out, "geheim"));
    ck_assert(echo);
    SAYS(yaml(), "anna");
    status = run_tty(other, &echo, "bert");
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    SAYS(out, "the two are different; nothing was changed");
    ck_assert(echo);
    status = run_tty(stop, &echo, "carl");      /* Ctrl-C: the terminal echoes again */
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
    ck_assert(echo);
    ck_assert_ptr_null(strstr(yaml(), "bert"));
    ck_assert_ptr_null(strstr(yaml(), "carl"));
}
END_TEST

START_TEST(setup_makes_accounts_that_may_connect)
{
    const char *const good[] = { "anna:trust:no1", "bert:x" }, *const twice[] = { "a:b", "a:c" },
               *const none[] = { "anna" }, *const empty[] = { "anna:" };
    ck_assert_int_eq(setup_users(file, none, 1, false), 1);
    ck_assert_int_eq(setup_users(file, empty, 1, false), 1);
    ck_assert_int_eq(setup_users(file, twice, 2, false), 1);
    ck_assert_int_ne(access(file, F_OK), 0);
    ck_assert_int_eq(setup_users(file, good, 2, true), 0);
    SAYS(yaml(), "clear: \"trust:no1\"");
    SAYS(yaml(), "dial-in: allow");
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("user_cmd");
    TCase *tc = tcase_create("user_cmd");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, add_makes_a_private_file_and_a_denied_account);
    tcase_add_test(tc, every_setting_goes_in_and_comes_out);
    tcase_add_test(tc, lists_are_for_people_or_programs);
    tcase_add_test(tc, passwords_change_and_accounts_go);
    tcase_add_test(tc, wrong_arguments_are_explained_and_change_nothing);
    tcase_add_test(tc, the_configuration_names_the_file);
    tcase_add_test(tc, a_broken_file_is_not_written_over);
    tcase_add_test(tc, hands_and_tools_agree);
    tcase_add_test(tc, a_terminal_is_asked_twice_and_shows_nothing);
    tcase_add_test(tc, setup_makes_accounts_that_may_connect);
    suite_add_tcase(s, tc);
    return s;
}

UNIT_MAIN(suite)
