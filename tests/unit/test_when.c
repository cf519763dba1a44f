/* test_when.c - moments as people write them. */
#include "../../client/when.h"

#include <string.h>
#include "unit.h"

#define NOW 1795275000          /* Saturday 2026-11-21 16:30:00 in Berlin (UTC+1) */

static void zone(const char *name)
{
    setenv("TZ", name, 1);
    tzset();
}

static const char *is(const char *text, bool end)
{
    static char out[40];
    int64_t ms;
    if (!when_parse(text, NOW, end, &ms))
        return "no";
    time_t t = (time_t)(ms / 1000);
    struct tm tm;
    localtime_r(&t, &tm);
    strftime(out, sizeof out, "%Y-%m-%d %H:%M:%S", &tm);
    return out;
}

START_TEST(people_write_times)
{
    static const struct { const char *text, *since, *until; } rows[] = {
        { "2026-11-21", "2026-11-21 00:00:00", "2026-11-22 00:00:00" },
        { "2026-11", "2026-11-01 00:00:00", "2026-12-01 00:00:00" },
        { "2026-12", "2026-12-01 00:00:00", "2027-01-01 00:00:00" },
        { "2026-11-20 14:30", "2026-11-20 14:30:00", "2026-11-20 14:30:00" },
        { "2026-11-20T14:30:05", "2026-11-20 14:30:05", "2026-11-20 14:30:05" },
        { "2026-11-20T14:30:05Z", "2026-11-20 15:30:05", "2026-11-20 15:30:05" },
        { "14:30", "2026-11-21 14:30:00", "2026-11-21 14:30:00" },
        { "now", "2026-11-21 16:30:00", "2026-11-21 16:30:01" },
        { "today", "2026-11-21 00:00:00", "2026-11-22 00:00:00" },
        { "Yesterday", "2026-11-20 00:00:00", "2026-11-21 00:00:00" },
        { "yesterday 23:59", "2026-11-20 23:59:00", "2026-11-20 23:59:00" },
        { "saturday", "2026-11-21 00:00:00", "2026-11-22 00:00:00" },
        { "sunday", "2026-11-15 00:00:00", "2026-11-16 00:00:00" },
        { "3d", "2026-11-18 16:30:00", "2026-11-18 16:30:00" },
        { "1h30m", "2026-11-21 15:00:00", "2026-11-21 15:00:00" },
        { "2w", "2026-11-07 16:30:00", "2026-11-07 16:30:00" },
        /* the clocks went back on 25 October */
        { "2026-10-25", "2026-10-25 00:00:00", "2026-10-26 00:00:00" },
    };
    zone("Europe/Berlin");
    ck_assert_str_eq(is("now", false), "2026-11-21 16:30:00");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert_str_eq(is(rows[i].text, false), rows[i].since);
        ck_assert_str_eq(is(rows[i].text, true), rows[i].until);
    }
}
END_TEST

START_TEST(what_is_no_time_is_refused)
{
    static const char *const rows[] = {
        "", " ", "tomorrow", "2026", "2026-13-01", "2026-02-30", "2026-11-21x", "2026-11-21 25:00",
        "14:60", "3", "3x", "d", "-3d", "3d4", "todayish", "2026-11-21 14", "99999999999d", "1-1-1",
        "2026-11-", "14:30 today", "12:", ":30", "yesterdayZZ", NULL
    };
    zone("UTC");
    for (int i = 0; rows[i]; i++)
        ck_assert_msg(!strcmp(is(rows[i], false), "no"), "'%s' is %s", rows[i], is(rows[i], false));
    ck_assert_str_eq(is("2024-02-29", false), "2024-02-29 00:00:00");
    ck_assert_str_eq(is("2026-02-29", false), "no");
}
END_TEST

/* Every beginning of every form, and every form with a byte changed: no crash. */
START_TEST(any_text_may_come)
{
    static const char *const rows[] = { "2026-11-20T14:30:05Z", "yesterday 14:30", "1h30m20s", "wednesday", NULL };
    char text[64];
    int64_t ms;
    for (int i = 0; rows[i]; i++)
        for (size_t n = 0; n <= strlen(rows[i]); n++)
            for (int c = 1; c < 256; c++) {
                snprintf(text, sizeof text, "%.*s%c%s", (int)n, rows[i], c, rows[i] + n);
                when_parse(text, NOW, c & 1, &ms);
                text[n + 1] = '\0';
                when_parse(text, NOW, c & 1, &ms);
            }
}
END_TEST

START_TEST(answers_are_shown_in_local_time)
{
    char out[40];
    zone("America/New_York");
    when_local("2026-11-21T15:30:05Z", out, sizeof out);
    ck_assert_str_eq(out, "2026-11-21 10:30:05");
    when_local("up", out, sizeof out);
    ck_assert_str_eq(out, "up");
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = { people_write_times, what_is_no_time_is_refused, any_text_may_come,
                                   answers_are_shown_in_local_time, NULL };
    return unit_suite("when", tests);
}

UNIT_MAIN(suite)
