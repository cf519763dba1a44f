/* test_show.c - what adit lets through to a terminal. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../client/adit.h"
#include "unit.h"

struct adit_options adit_options;

START_TEST(names_of_peers_command_no_terminal)
{
    static const struct { const char *from, *to; } rows[] = {
        { "anna", "anna" },
        { "J\xc3\xbcrgen \xe2\x82\xac \xf0\x9f\x90\xa7", "J\xc3\xbcrgen \xe2\x82\xac \xf0\x9f\x90\xa7" },
        { "e\033[2Jvil\a", "e?[2Jvil?" },             /* erases the screen, rings */
        { "\033]0;title\007", "?]0;title?" },
        { "a\rb\nc\td\x7f", "a?b?c?d?" },
        { "\xc2\x9b" "2J", "??2J" },                  /* CSI in one character */
        { "x\xe2\x80\xae" "gpj.exe", "x???gpj.exe" }, /* turns the direction */
        { "\xe2\x81\xa6y", "???y" },
        { "\xc2", "\xc2" },                           /* cut off: no character at all */
        { "\xe2\x80", "\xe2\x80" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *s = show_clean(rows[i].from);
        ck_assert_str_eq(s, rows[i].to);
        free(s);
    }
    char *none = show_clean(NULL);
    ck_assert_str_eq(none, "");
    free(none);
}
END_TEST

/* What lines_take() prints. */
START_TEST(no_table_holds_a_command)
{
    static const struct column rows[] = { { "User", "user", SHOW_TEXT }, { NULL, NULL, SHOW_TEXT } };
    char file[] = "/tmp/test_show.XXXXXX", text[256] = "";
    int fd = mkstemp(file);
    ck_assert_int_ge(fd, 0);
    fflush(stdout);
    int was = dup(STDOUT_FILENO);
    dup2(fd, STDOUT_FILENO);
    int rc = lines_take(json_pack("{s:s}", "user", "e\033[2Jvil"), rows);
    rc |= table_take(json_pack("[{s:s}]", "user", "e\033[2Jvil"), rows, "");
    fflush(stdout);
    dup2(was, STDOUT_FILENO);
    close(was);
    ck_assert_int_eq(rc, 0);
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    close(fd);
    remove(file);
    ck_assert_int_gt(n, 20);
    ck_assert_ptr_null(strchr(text, '\033'));
    ck_assert_ptr_nonnull(strstr(text, "e?[2Jvil"));
}
END_TEST

static Suite *suite(void)
{
    return unit_suite("show", (const TTest *const[]){
        names_of_peers_command_no_terminal, no_table_holds_a_command, NULL });
}
UNIT_MAIN(suite)
