/* test_book.c - the phone book: what is taken, what is refused with which sentence,
 * what a user may ask for, whose file may hold a secret. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <adit/auth.h>
#include "dial/book.h"
#include "unit.h"

static char said[4096];

static void hear(void *u, const char *sentence)
{
    (void)u;
    snprintf(said + strlen(said), sizeof said - strlen(said), "%s\n", sentence);
}

static const struct conf_err err = { hear, NULL };
static char path[] = "/tmp/bookXXXXXX";

static struct book *read_text(const char *text)
{
    snprintf(path, sizeof path, "/tmp/bookXXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    said[0] = '\0';
    struct book *b = book_read(path, true, &err);
    unlink(path);
    return b;
}

static void refused(const char *text, const char *place, const char *sentence)
{
    char where[128];
    ck_assert_msg(read_text(text) == NULL, "%s", text);
    snprintf(where, sizeof where, "%s:%s: ", path, place);
    ck_assert_msg(strstr(said, where) != NULL, "%s: %s", where, said);
    ck_assert_msg(strstr(said, sentence) != NULL, "%s: %s", sentence, said);
}

START_TEST(an_entry_has_defaults_and_all_that_it_says)
{
    struct book *b = read_text("entries:\n"
                               "- name: office\n"
                               "  server: [vpn.example.net, 192.0.2.1]\n"
                               "  user: anna\n"
                               "  domain: HQ\n"
                               "  routes: [10.0.0.0/8, 'fd00::/16']\n"
                               "- { name: home, server: 192.0.2.7, type: pptp, dial-first: office }\n");
    ck_assert_msg(b != NULL, "%s", said);
    struct book_entry *e = book_find(b, "office");
    ck_assert_ptr_nonnull(e);
    ck_assert_uint_eq(e->owner, BOOK_SYSTEM);
    ck_assert_uint_eq(e->c.servers.count, 2);
    ck_assert_str_eq(book_word(&e->c.servers, 1), "192.0.2.1");
    ck_assert_uint_eq(e->c.type, BOOK_AUTOMATIC);
    ck_assert_uint_eq(e->c.methods, ADIT_AUTH_MSCHAPV2 | ADIT_AUTH_EAP_MSCHAPV2);
    ck_assert_uint_eq(book_addr(&e->c.routes, 1)->prefix, 16);
    ck_assert_uint_eq(e->c.redial_pause_ms, 10000);
    ck_assert(e->c.default_route && e->c.dns && !e->c.block_ipv6);
    ck_assert_uint_eq(book_nth(b, 1)->c.type, BOOK_PPTP);
    ck_assert_ptr_null(book_nth(b, 2));
    ck_assert_str_eq(book_nearest(b, "offcie"), "office");
    /* who uses an entry keeps it */
    book_entry_ref(e);
    book_free(b);
    ck_assert_str_eq(e->c.user, "anna");
    book_entry_unref(e);
}
END_TEST

START_TEST(what_is_wrong_is_told_with_its_place_and_the_remedy)
{
    refused("entries:\n- name: a\n  servr: x\n", "3:3", "did you mean 'server'");
    refused("entries:\n- name: a\n", "2:3", "server");
    refused("entris: []\n", "1:1", "did you mean 'entries'?");
    refused("entries: 7\n", "1:10", "wants a list");
    refused("entries:\n- { name: a, server: x }\n- { name: a, server: y }\n", "3:11", "two entries are named 'a'");
    refused("entries:\n- { name: a, server: x, dial-first: offce }\n- { name: office, server: y }\n", "2:37",
            "did you mean 'office'?");
    refused("entries:\n- { name: a, server: x, dial-first: b }\n- { name: b, server: y, dial-first: a }\n", "2:37",
            "in a circle");
    refused("entries:\n- { name: a, server: x, type: pptp, psk-file: /k }\n", "2:47", "is of IPsec");
    refused("entries:\n- { name: a, server: x, certificate: /c }\n", "2:38", "needs all three");
    refused("entries:\n- { name: a, server: x, methods: [eap-tls] }\n", "2:34", "needs certificate");
    refused("entries:\n- { name: a, server: '192.0.2.1:1723' }\n", "2:22", "no port");
    refused("entries:\n- { name: a, server: 'x y' }\n", "2:22", "a name or an address");
    refused("entries:\n- { name: a, server: x, before: [nmcli, up] }\n", "2:33", "full path");
    refused("entries:\n- { name: a, server: x, interface: this-is-much-too-long }\n", "2:36", "no interface's name");
    refused("entries:\n- { name: a, server: x, search: ['a b'] }\n", "2:33", "no domain");
    refused("entries:\n- { name: a, server: x, persistent: yes }\n", "2:37", "add demand-dial: yes");
    refused("entries:\n- { name: a, server: x, demand-dial: yes, dial-hours: [always] }\n", "2:55", "mon-fri");
    refused("entries:\n- { name: 'a b', server: x, demand-dial: yes }\n", "2:3", "add interface:");
    refused("entries:\n- { name: a, server: x, keep-routes-while-down: yes }\n", "2:49", "redial-on-drop");
    refused("entries:\n- { name: a, server: x, mtu: 200 }\n", "2:30", "below 576");
    refused("entries:\n- { name: a, server: x, user: 'D\\u', domain: E }\n", "2:46", "has a domain already");
}
END_TEST

START_TEST(no_file_is_an_empty_book_unless_it_was_named)
{
    said[0] = '\0';
    struct book *b = book_read("/nowhere/phonebook.yaml", false, &err);
    ck_assert_ptr_nonnull(b);
    ck_assert_ptr_null(book_nth(b, 0));
    book_free(b);
    ck_assert_ptr_null(book_read("/nowhere/phonebook.yaml", true, &err));
    ck_assert_msg(strstr(said, "/nowhere/phonebook.yaml") != NULL, "%s", said);
}
END_TEST

static struct book_entry *own(const char *json, uint32_t uid, uint32_t may)
{
    said[0] = '\0';
    return book_entry_text(json, strlen(json), uid, may, &err);
}

static void not_mine(const char *json, uint32_t may, const char *sentence)
{
    ck_assert_msg(own(json, 1000, may) == NULL, "%s", json);
    ck_assert_msg(strstr(said, sentence) != NULL, "%s: %s", sentence, said);
}

START_TEST(a_users_own_entry_reaches_no_further_than_the_user)
{
    static const char plain[] = "{\"name\":\"w\\u00f6rk\",\"server\":[\"vpn\"],\"default-route\":false,\"mtu\":1300}";
    struct book_entry *e = own(plain, 1000, BOOK_MAY_OWN);
    ck_assert_msg(e != NULL, "%s", said);
    ck_assert_uint_eq(e->owner, 1000);
    ck_assert_uint_eq(e->c.dns, 0);
    ck_assert_uint_eq(e->c.mtu, 1300);
    ck_assert_str_eq(e->name, "w\xc3\xb6rk");
    book_entry_unref(e);
    not_mine("{\"name\":\"a\",\"server\":\"x\"}", BOOK_MAY_OWN, "write default-route: no");
    not_mine("{\"name\":\"a\",\"server\":\"x\",\"default-route\":\"no\",\"routes\":[\"10.0.0.0/8\"]}", BOOK_MAY_OWN,
             "routes are not permitted");
    not_mine("{\"name\":\"a\",\"server\":\"x\",\"default-route\":\"no\",\"routes\":[\"0.0.0.0/1\"]}",
             BOOK_MAY_OWN | BOOK_MAY_ROUTES, "shorter than /8");
    not_mine("{\"name\":\"a\",\"server\":\"x\",\"default-route\":\"no\",\"dns-servers\":[\"192.0.2.9\"]}", BOOK_MAY_OWN,
             "DNS servers are not permitted");
    static const char *const never[] = { "\"before\":[\"/bin/true\"]", "\"password-file\":\"/etc/shadow\"",
        "\"psk-file\":\"/k\"", "\"interface\":\"eth7\"", "\"demand-dial\":\"yes\"", "\"dial-first\":\"a\"" };
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
        char json[256];
        snprintf(json, sizeof json, "{\"name\":\"a\",\"server\":\"x\",%s}", never[i]);
        not_mine(json, BOOK_MAY_ALL, "is for entries of the system's phone book");
    }
    not_mine("{\"name\":\"a\",\"servr\":\"x\"}", BOOK_MAY_ALL, "did you mean 'server'");
    ck_assert_ptr_null(own("[1", 0, BOOK_MAY_ALL));
    ck_assert_ptr_null(own("", 0, BOOK_MAY_ALL));
    /* root is asked nothing, but an interface that stays is of the file */
    e = own("{\"name\":\"a\",\"server\":\"x\",\"password-file\":\"/etc/adit/p\",\"before\":[\"/bin/true\"]}", 0, 0);
    ck_assert_msg(e != NULL, "%s", said);
    book_entry_unref(e);
    ck_assert_ptr_null(own("{\"name\":\"a\",\"server\":\"x\",\"demand-dial\":\"yes\"}", 0, BOOK_MAY_ALL));
}
END_TEST

static void secret(const char *text, mode_t mode, int32_t rc, const char *expect)
{
    char file[] = "/tmp/secretXXXXXX", out[BOOK_SECRET], why[256] = "";
    int fd = mkstemp(file);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    fchmod(fd, mode);
    close(fd);
    ck_assert_int_eq(book_secret(file, out, why, sizeof why), rc);
    unlink(file);
    ck_assert_msg(strstr(rc ? why : out, expect) != NULL, "%s: %s", expect, rc ? why : out);
}

START_TEST(a_secrets_file_is_its_owners_alone)
{
    char out[BOOK_SECRET], why[256], longest[400];
    secret("trustno1\nmore\n", 0600, 0, "trustno1");
    secret("trustno1", 0400, 0, "trustno1");
    secret("trustno1\n", 0640, ADIT_EDENIED, "chmod 600");
    secret("trustno1\n", 0602, ADIT_EDENIED, "chmod 600");
    secret("\n", 0600, ADIT_ECONF, "is empty");
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    secret(longest, 0600, ADIT_ECONF, "too long");
    ck_assert_int_eq(book_secret("/nowhere", out, why, sizeof why), ADIT_ENOENT);
    ck_assert_int_eq(book_secret("/tmp", out, why, sizeof why), ADIT_EDENIED);
}
END_TEST

START_TEST(hours_of_days)
{
    const char *words[] = { "mon-fri 08:00-18:00", "sat", "sun 22:00-06:00" };
    struct adit_array a = { words, 3, sizeof words[0] };
    ck_assert(book_hours_now(&a, 0, 8 * 60) && !book_hours_now(&a, 0, 18 * 60) && !book_hours_now(&a, 1, 479));
    ck_assert(book_hours_now(&a, 5, 0) && book_hours_now(&a, 5, 1439));
    ck_assert(book_hours_now(&a, 6, 22 * 60) && !book_hours_now(&a, 6, 5 * 60));
    ck_assert(book_hours_now(&a, 0, 5 * 60 + 59) && !book_hours_now(&a, 0, 6 * 60));
    a.count = 0;
    ck_assert(book_hours_now(&a, 3, 100));
    static const char *const bad[] = { "", "mon-", "mon 8", "8-9", "25:00-26:00", "08:60-09:00", "08:00-08:00",
                                       "mon-fri08:00-09:00", "+8:00-09:00", "08:00-09:00 x", "mon-fri -1:00-09:00" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(!book_hours_ok(bad[i]), "%s", bad[i]);
    ck_assert(book_hours_ok("fri-mon") && book_hours_ok("00:00-24:00"));
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        an_entry_has_defaults_and_all_that_it_says, what_is_wrong_is_told_with_its_place_and_the_remedy,
        no_file_is_an_empty_book_unless_it_was_named, a_users_own_entry_reaches_no_further_than_the_user,
        a_secrets_file_is_its_owners_alone, hours_of_days, NULL };
    return unit_suite("book", tests);
}

UNIT_MAIN(suite)
