/* test_resolv.c - the host's file of DNS servers: what it becomes, and that it is put back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "config/conf.h"
#include "dial/resolv.h"
#include "log/log.h"
#include "unit.h"

static char dir[] = "/tmp/resolvXXXXXX", file[64], kept[64];

static void put(const char *text)
{
    FILE *f = fopen(file, "we");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
}

static const char *now(void)
{
    static char text[512];
    FILE *f = fopen(file, "re");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    if (f)
        fclose(f);
    text[n] = '\0';
    return text;
}

static void open_it(void)
{
    struct resolv_conf c = { RESOLV_FILE, file, dir };
    ck_assert_int_eq(resolv_open(&c), 0);
}

static void setup(void)
{
    log_level(ADIT_LOG_ERROR);
    strcpy(dir, "/tmp/resolvXXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(file, sizeof file, "%s/etc", dir);
    snprintf(kept, sizeof kept, "%s/resolv.conf", dir);
    put("options edns0\nsearch lan\nnameserver 192.0.2.53\n");
    open_it();
}

static void leave(void)
{
    resolv_close();
    unlink(file);
    unlink(kept);
    rmdir(dir);
}

static uint32_t told;
static void done(void *u) { (void)u; told++; }

static struct resolv *set(const char *server, bool all, const char *const *search, uint32_t n)
{
    struct resolv_servers s = { .iface = "dial0", .count = 1, .all = all, .search = { search, n, sizeof *search } };
    struct resolv *r;
    ck_assert_int_eq(conf_parse_addr(server, &s.server[0]), 0);
    ck_assert_int_eq(resolv_set(&s, &r, done, NULL), 0);
    return r;
}

#define MARK "# Written by aditd while connections are up; what it was is put back.\n"

START_TEST(it_is_replaced_and_put_back)
{
    static const char *const search[] = { "corp.example", "example.net" };
    setup();
    struct resolv *a = set("10.0.0.1", true, search, 2);
    ck_assert_uint_eq(told, 1);
    ck_assert_str_eq(now(), MARK "search corp.example example.net\nnameserver 10.0.0.1\noptions edns0\n");
    struct stat st;
    ck_assert_int_eq(stat(file, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0644);
    /* the newer one is asked first; what is left is the other's */
    struct resolv *b = set("10.0.0.2", false, search, 0);
    ck_assert_str_eq(now(), MARK "search corp.example example.net\nnameserver 10.0.0.2\nnameserver 10.0.0.1\n"
                            "options edns0\n");
    resolv_unset(a);
    ck_assert_str_eq(now(), MARK "search lan\nnameserver 10.0.0.2\nnameserver 192.0.2.53\noptions edns0\n");
    resolv_unset(b);
    ck_assert_str_eq(now(), "options edns0\nsearch lan\nnameserver 192.0.2.53\n");
    ck_assert_int_ne(access(kept, F_OK), 0);
    leave();
}
END_TEST

START_TEST(a_crash_is_made_good_at_the_next_start)
{
    setup();
    (void)set("10.0.0.1", true, NULL, 0);
    open_it();
    ck_assert_str_eq(now(), "options edns0\nsearch lan\nnameserver 192.0.2.53\n");
    ck_assert_int_ne(access(kept, F_OK), 0);
    leave();
}
END_TEST

START_TEST(what_somebody_else_wrote_stays)
{
    setup();
    struct resolv *a = set("10.0.0.1", true, NULL, 0);
    put("nameserver 198.51.100.1\n");
    resolv_unset(a);
    ck_assert_str_eq(now(), "nameserver 198.51.100.1\n");
    ck_assert_int_ne(access(kept, F_OK), 0);
    leave();
}
END_TEST

START_TEST(a_link_is_a_link_again)
{
    char target[64], text[64] = "";
    setup();
    snprintf(target, sizeof target, "%s/target", dir);
    ck_assert_int_eq(rename(file, target), 0);
    ck_assert_int_eq(symlink("target", file), 0);
    struct resolv *a = set("10.0.0.1", false, NULL, 0);
    ck_assert_str_eq(now(), MARK "search lan\nnameserver 10.0.0.1\nnameserver 192.0.2.53\noptions edns0\n");
    resolv_unset(a);
    ck_assert_int_eq(readlink(file, text, sizeof text - 1), 6);
    ck_assert_str_eq(text, "target");
    ck_assert_str_eq(now(), "options edns0\nsearch lan\nnameserver 192.0.2.53\n");
    unlink(target);
    leave();
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = { it_is_replaced_and_put_back, a_crash_is_made_good_at_the_next_start,
                                   what_somebody_else_wrote_stays, a_link_is_a_link_again, NULL };
    return unit_suite("resolv", tests);
}

UNIT_MAIN(suite)
