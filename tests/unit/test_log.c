/* test_log.c - events: text that cannot be forged, sinks, ring, taps, allowance. */
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/addr.h"
#include "log/log.h"
#include "log/log_int.h"
#include "unit.h"

ADIT_EVENT(ev_login, "ses.login.refused", ADIT_LOG_NOTICE, "Refused.", "user peer times yes raw");
ADIT_EVENT(ev_noise, "path.noise", ADIT_LOG_WARN, "Noise.", "n");
ADIT_EVENT(ev_fine, "test.fine", ADIT_LOG_DEBUG, "Detail.", "n");

static const char *line(const struct adit_kv *kv, uint32_t n)
{
    static char out[600];
    log_format(&ev_login, kv, n, out, sizeof out);
    return out;
}
#define LINE(...) line((const struct adit_kv[]){ __VA_ARGS__ },                     \
                       (uint32_t)(sizeof((const struct adit_kv[]){ __VA_ARGS__ }) / sizeof(struct adit_kv)))

START_TEST(every_type)
{
    struct adit_addr a;
    addr_parse("[2001:db8::1]:1701", &a);
    ck_assert_str_eq(LINE(ADIT_KV_S("user", "anna"), ADIT_KV_ADDR("peer", &a), ADIT_KV_U("times", UINT64_MAX),
                          ADIT_KV_I("i", INT64_MIN), ADIT_KV_BOOL("yes", 7), ADIT_KV_HEX("raw", "\x00\xff", 2)),
                     "ses.login.refused user=anna peer=[2001:db8::1]:1701 times=18446744073709551615 "
                     "i=-9223372036854775808 yes=yes raw=00ff");
    ck_assert_str_eq(LINE(ADIT_KV_S("user", ""), ADIT_KV_S("null", NULL)),
                     "ses.login.refused user=\"\" null=\"\"");
    const struct adit_kv odd = { "odd", { 99, 5, { .u = 1 } } }, nokey = { NULL, adit_value_str("x") };
    ck_assert_str_eq(line(&odd, 1), "ses.login.refused odd=?");
    ck_assert_str_eq(line(&nokey, 1), "ses.login.refused");
    ck_assert_str_eq(line(NULL, 0), "ses.login.refused");
}
END_TEST

START_TEST(hostile_text_cannot_forge)
{
    static const struct { const char *in, *out; } cases[] = {
        { "two words", "\"two words\"" },
        { "x user=root", "\"x user=root\"" },
        { "a=b", "\"a=b\"" },
        { "\"", "\"\\\"\"" },
        { "a\\", "\"a\\\\\"" },
        { "a\nb\r\tc", "\"a\\nb\\r\\tc\"" },
        { "\x1b[2J", "\"\\x1b[2J\"" },
        { "\x7f\x01", "\"\\x7f\\x01\"" },
        { "caf\xc3\xa9", "\"caf\xc3\xa9\"" },
        { "\xf0\x9f\x90\xa7", "\"\xf0\x9f\x90\xa7\"" },
        { "\xff", "\"\\xff\"" },
        { "\xc3", "\"\\xc3\"" },                        /* cut in two */
        { "\xc0\xaf", "\"\\xc0\\xaf\"" },               /* overlong */
        { "\xed\xa0\x80", "\"\\xed\\xa0\\x80\"" },      /* surrogate */
        { "\xf4\x90\x80\x80", "\"\\xf4\\x90\\x80\\x80\"" },
        { "\xc2\x85", "\"\\x85\"" },                    /* next line, of C1 */
        { "\xe2\x80\xa8", "\"\\u{2028}\"" },            /* line separator */
        { "\xe2\x80\xae", "\"\\u{202e}\"" },            /* right-to-left override */
        { "\xef\xbb\xbf", "\"\\u{feff}\"" },
        { "\xf3\xa0\x80\x81", "\"\\u{e0001}\"" },       /* invisible tag */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char want[100];
        snprintf(want, sizeof want, "ses.login.refused user=%s", cases[i].out);
        ck_assert_str_eq(LINE(ADIT_KV_S("user", cases[i].in)), want);
    }
    const struct adit_kv nul = { "user", { ADIT_TYPE_STR, 3, { .p = "a\0b" } } };
    ck_assert_str_eq(line(&nul, 1), "ses.login.refused user=\"a\\x00b\"");
}
END_TEST

START_TEST(long_values_are_cut)
{
    char big[2000];
    memset(big, 'a', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    const char *out = LINE(ADIT_KV_S("user", big), ADIT_KV_U("times", 5));
    ck_assert_uint_lt(strlen(out), 300);
    ck_assert_ptr_nonnull(strstr(out, "aaa...\" times=5"));
    out = LINE(ADIT_KV_HEX("raw", big, sizeof big), ADIT_KV_U("times", 5));
    ck_assert_ptr_nonnull(strstr(out, "6161... times=5"));
}
END_TEST

START_TEST(every_size_of_the_buffer)
{
    const struct adit_kv kv[] = { ADIT_KV_S("user", "an\nna \xc3\xa9"), ADIT_KV_U("times", 12345),
                                  ADIT_KV_HEX("raw", "xyz", 3) };
    char whole[200];
    size_t len = log_format(&ev_login, kv, 3, whole, sizeof whole);
    for (size_t size = 0; size <= len + 8; size++) {
        char *out = malloc(size ? size : 1);
        size_t n = log_format(&ev_login, kv, 3, out, size);
        if (size) {
            ck_assert_uint_lt(n, size);
            ck_assert_uint_eq(strlen(out), n);
            ck_assert(!strchr(out, '\n'));
        }
        if (size >= len + 4)
            ck_assert_str_eq(out, whole);
        else if (size > 4)
            ck_assert_str_eq(out + n - 3, "...");
        free(out);
    }
}
END_TEST

/* ---- sinks ---- */

static char dir[64], path[96];

static void make_dir(void)
{
    snprintf(dir, sizeof dir, "/tmp/adit-log-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/log", dir);
}

static void drop_dir(void)
{
    char cmd[128];
    snprintf(cmd, sizeof cmd, "rm -rf '%s'", dir);
    ck_assert_int_eq(system(cmd), 0);
}

static const char *file_text(const char *name)
{
    static char text[8192];
    FILE *f = fopen(name, "r");
    ck_assert_ptr_nonnull(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    return text;
}

START_TEST(a_file_is_written_and_reopened)
{
    char old[128];
    make_dir();
    ck_assert_int_eq(log_open(LOG_TO_FILE, path), 0);
    LOG_EVENT("session", &ev_login, ADIT_KV_S("user", "anna"));
    ck_assert_int_eq(log_fail("config", ADIT_ECONF, "%s:3:4: bad\nline", "f.yaml"), ADIT_ECONF);
    const char *text = file_text(path);
    /* "2024-03-01 12:00:00.123 notice session ses.login.refused user=anna" */
    ck_assert_int_eq(text[4], '-');
    ck_assert_int_eq(text[10], ' ');
    ck_assert_int_eq(text[19], '.');
    ck_assert_ptr_nonnull(strstr(text, " notice session ses.login.refused user=anna\n"));
    ck_assert_ptr_nonnull(strstr(text, " error  config: f.yaml:3:4: bad\\nline\n"));
    /* logrotate */
    snprintf(old, sizeof old, "%s.1", path);
    ck_assert_int_eq(rename(path, old), 0);
    LOG_EVENT("session", &ev_login, ADIT_KV_S("user", "still-old"));
    ck_assert_int_eq(log_open(LOG_TO_FILE, path), 0);
    LOG_EVENT("session", &ev_login, ADIT_KV_S("user", "new"));
    ck_assert_ptr_nonnull(strstr(file_text(old), "still-old"));
    ck_assert_ptr_null(strstr(file_text(path), "still-old"));
    ck_assert_ptr_nonnull(strstr(file_text(path), "user=new"));
    /* what does not open leaves the old one in place, and says so there */
    ck_assert_int_lt(log_open(LOG_TO_FILE, "/nonexistent/dir/log"), 0);
    ck_assert_ptr_nonnull(strstr(file_text(path), "cannot open the log /nonexistent/dir/log"));
    ck_assert_int_lt(log_open(LOG_TO_FILE, NULL), 0);
    drop_dir();
}
END_TEST

START_TEST(levels)
{
    make_dir();
    ck_assert_int_eq(log_open(LOG_TO_FILE, path), 0);
    LOG_EVENT("t", &ev_fine, ADIT_KV_U("n", 1));
    log_debug("t", "hidden %d", 1);
    log_level(ADIT_LOG_DEBUG);
    LOG_EVENT("t", &ev_fine, ADIT_KV_U("n", 2));
    log_debug("t", "shown %d", 2);
    log_level(ADIT_LOG_WARN);
    LOG_EVENT("t", &ev_login, ADIT_KV_S("user", "quiet"));
    const char *text = file_text(path);
    ck_assert_ptr_null(strstr(text, "n=1"));
    ck_assert_ptr_null(strstr(text, "hidden"));
    ck_assert_ptr_null(strstr(text, "quiet"));
    ck_assert_ptr_nonnull(strstr(text, "debug  t test.fine n=2\n"));
    ck_assert_ptr_nonnull(strstr(text, "debug  t: shown 2\n"));
    drop_dir();
}
END_TEST

static int serve(void)
{
    struct sockaddr_un sun = { .sun_family = AF_UNIX };
    snprintf(sun.sun_path, sizeof sun.sun_path, "%s", path);
    unlink(path);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof sun), 0);
    return fd;
}

START_TEST(syslog_gets_datagrams)
{
    char in[4096];
    make_dir();
    int fd = serve();
    ck_assert_int_eq(log_open(LOG_TO_SYSLOG, path), 0);
    LOG_EVENT("session", &ev_login, ADIT_KV_S("user", "an\nna"));
    ssize_t n = recv(fd, in, sizeof in - 1, 0);
    ck_assert_int_gt(n, 0);
    in[n] = '\0';
    char want[100];
    snprintf(want, sizeof want, " aditd[%d]: session ses.login.refused user=\"an\\nna\"", (int)getpid());
    ck_assert_int_eq(strncmp(in, "<29>", 4), 0);        /* daemon, notice */
    ck_assert_ptr_nonnull(strstr(in, want));
    /* the daemon behind the socket is restarted */
    close(fd);
    fd = serve();
    LOG_EVENT("session", &ev_login, ADIT_KV_S("user", "again"));
    n = recv(fd, in, sizeof in - 1, 0);
    ck_assert_int_gt(n, 0);
    ck_assert_uint_eq(log_lost(), 0);
    /* it is gone: lost, not waited for */
    close(fd);
    LOG_EVENT("session", &ev_login, ADIT_KV_S("user", "lost"));
    ck_assert_uint_eq(log_lost(), 1);
    drop_dir();
}
END_TEST

START_TEST(a_full_socket_never_blocks)
{
    make_dir();
    int fd = serve();
    ck_assert_int_eq(log_open(LOG_TO_SYSLOG, path), 0);
    for (int i = 0; i < 10000; i++)
        LOG_EVENT("session", &ev_login, ADIT_KV_S("user", "many"));
    ck_assert_uint_gt(log_lost(), 0);
    close(fd);
    drop_dir();
}
END_TEST

/* Finds "KEY=value\n" or the binary form in a journal datagram. */
static bool field(const char *in, size_t n, const char *key, const char *value, size_t len)
{
    size_t k = strlen(key);
    for (size_t i = 0; i + k < n; i++) {
        if ((i && in[i - 1] != '\n') || memcmp(in + i, key, k) != 0)
            continue;
        if (in[i + k] == '=')
            return i + k + 1 + len < n && !memcmp(in + i + k + 1, value, len) &&
                   in[i + k + 1 + len] == '\n';
        if (in[i + k] == '\n' && (uint8_t)in[i + k + 1] == len)
            return !memcmp(in + i + k + 9, value, len) && in[i + k + 9 + len] == '\n';
    }
    return false;
}
#define FIELD(key, value) field(in, (size_t)n, key, value, strlen(value))

START_TEST(journald_gets_fields)
{
    char in[16384];
    struct adit_addr a;
    addr_parse("10.0.0.1:1723", &a);
    make_dir();
    int fd = serve();
    ck_assert_int_eq(log_open(LOG_TO_JOURNAL, path), 0);
    LOG_EVENT("session", &ev_login, ADIT_KV_S("user", "anna"), ADIT_KV_ADDR("peer-addr", &a));
    ssize_t n = recv(fd, in, sizeof in, 0);
    ck_assert(FIELD("MESSAGE", "session ses.login.refused user=anna peer-addr=10.0.0.1:1723"));
    ck_assert(FIELD("PRIORITY", "5"));
    ck_assert(FIELD("SYSLOG_IDENTIFIER", "aditd"));
    ck_assert(FIELD("ADIT_SOURCE", "session"));
    ck_assert(FIELD("ADIT_EVENT", "ses.login.refused"));
    ck_assert(FIELD("ADIT_KEY_USER", "anna"));
    ck_assert(FIELD("ADIT_KEY_PEER_ADDR", "10.0.0.1:1723"));
    /* a name that would be another field is a value still */
    LOG_EVENT("session", &ev_login, ADIT_KV_S("user", "x\nPRIORITY=0\nMESSAGE=forged"));
    n = recv(fd, in, sizeof in, 0);
    ck_assert(FIELD("ADIT_KEY_USER", "x\nPRIORITY=0\nMESSAGE=forged"));
    ck_assert(FIELD("MESSAGE", "session ses.login.refused user=\"x\\nPRIORITY=0\\nMESSAGE=forged\""));
    LOG_EVENT("session", &ev_login, ADIT_KV_S("user", ""));
    n = recv(fd, in, sizeof in, 0);
    ck_assert(FIELD("ADIT_KEY_USER", ""));
    /* a value too large for a datagram is left out, the rest stays */
    static char big[20000];
    memset(big, 'b', sizeof big - 1);
    LOG_EVENT("session", &ev_login, ADIT_KV_S("user", big), ADIT_KV_U("times", 5));
    n = recv(fd, in, sizeof in, 0);
    ck_assert(FIELD("ADIT_EVENT", "ses.login.refused"));
    close(fd);
    drop_dir();
}
END_TEST

/* ---- ring, taps, allowance ---- */

START_TEST(the_ring_keeps_the_newest)
{
    static struct log_entry e[5000];
    make_dir();
    log_open(LOG_TO_FILE, path);
    ck_assert_uint_eq(log_ring(0, e, 5000), 0);
    LOG_EVENT("a source with blanks and a long name that is cut", &ev_login, ADIT_KV_S("user", "x\ny"));
    ck_assert_uint_eq(log_ring(0, e, 5000), 1);
    ck_assert_uint_eq(e[0].seq, 1);
    ck_assert_uint_eq(e[0].level, ADIT_LOG_NOTICE);
    ck_assert_str_eq(e[0].source, "a_source_with_blanks_and_a_long");
    ck_assert_str_eq(e[0].name, "ses.login.refused");
    ck_assert_str_eq(e[0].line, "user=\"x\\ny\"");
    for (uint32_t i = 2; i <= 5000; i++)
        LOG_EVENT("t", &ev_login, ADIT_KV_U("times", i));
    ck_assert_uint_eq(log_ring(0, e, 5000), 4096);
    ck_assert_uint_eq(e[0].seq, 5000 - 4095);
    ck_assert_uint_eq(e[4095].seq, 5000);
    ck_assert_str_eq(e[4095].line, "times=5000");
    ck_assert_uint_eq(log_ring(4990, e, 5), 5);         /* the oldest of the new ones */
    ck_assert_uint_eq(e[4].seq, 4995);
    ck_assert_uint_eq(log_ring(5000, e, 5), 0);
    ck_assert_uint_eq(log_ring(9999, e, 5), 0);
    drop_dir();
}
END_TEST

static int tapped, inner;
static void tap_a(void *u, const char *source, const struct adit_event *ev, const struct adit_kv *kv,
                  uint32_t n, uint64_t wall_ms)
{
    (void)wall_ms; (void)kv; (void)n;
    if (ev == &ev_noise)
        inner++;
    if (ev == &ev_login) {
        tapped++;
        ck_assert_str_eq(source, "session");
        LOG_EVENT("tap", &ev_noise, ADIT_KV_U("n", 1));     /* not heard by taps: no circle */
        if (tapped == 3)
            log_untap(u);
    }
}

START_TEST(taps_hear_all_levels)
{
    int me[20];
    make_dir();
    log_open(LOG_TO_FILE, path);
    log_level(ADIT_LOG_ERROR);
    ck_assert_int_eq(log_tap(tap_a, &me[0]), 0);
    for (int i = 0; i < 5; i++)
        LOG_EVENT("session", &ev_login, ADIT_KV_U("times", 1));
    ck_assert_int_eq(tapped, 3);
    ck_assert_int_eq(inner, 0);
    for (int i = 0; i < 16; i++)
        ck_assert_int_eq(log_tap(tap_a, &me[i]), 0);
    ck_assert_int_eq(log_tap(tap_a, &me[16]), ADIT_ENOSPC);
    log_untap(&me[5]);
    ck_assert_int_eq(log_tap(tap_a, &me[16]), 0);
    drop_dir();
}
END_TEST

static char heard[512];
static void tap_text(void *u, const char *source, const struct adit_event *ev, const struct adit_kv *kv,
                     uint32_t n, uint64_t wall_ms)
{
    (void)u; (void)source; (void)wall_ms;
    log_format(ev, kv, n, heard, sizeof heard);
}

START_TEST(noisy_events_have_an_allowance)
{
    make_dir();
    log_open(LOG_TO_FILE, path);
    log_tap(tap_text, NULL);
    uint32_t given = 0;
    for (int i = 0; i < 1000; i++)
        given += log_allow_at(&ev_noise, 10, 1000 + (uint64_t)i);
    ck_assert_uint_eq(given, 10);
    ck_assert_uint_eq(log_allow_at(&ev_login, 10, 2000), 1);    /* another event has its own */
    ck_assert_uint_eq(log_allow_at(&ev_noise, 10, 60999), 0);
    ck_assert_str_eq(heard, "");
    ck_assert_uint_eq(log_allow_at(&ev_noise, 10, 61000), 1);
    ck_assert_str_eq(heard, "log.suppressed event=path.noise times=991");
    ck_assert_uint_eq(log_allow_at(&ev_fine, 0, 0), 0);
    ck_assert_uint_eq(log_allow(&ev_fine, 1), 1);
    /* more events than the table holds: still an answer */
    static struct adit_event many[3000];
    given = 0;
    for (int i = 0; i < 3000; i++)
        given += log_allow_at(&many[i], 1, 5000);
    ck_assert_uint_ge(given, 900);
    drop_dir();
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = { every_type, hostile_text_cannot_forge, long_values_are_cut,
        every_size_of_the_buffer, a_file_is_written_and_reopened, levels, syslog_gets_datagrams,
        a_full_socket_never_blocks, journald_gets_fields, the_ring_keeps_the_newest,
        taps_hear_all_levels, noisy_events_have_an_allowance, NULL };
    return unit_suite("log", tests);
}
UNIT_MAIN(suite)
