/* when.c - moments as people write them, in their own time zone.
 *
 * Knows:  dates, times of day, "3d", "yesterday", names of days.
 * Leaves: what is asked about that time to the commands.
 */
#include "when.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The day of `at`, moved by `days`, at midnight; and not an hour off where the clocks
 * changed in between. */
static struct tm midnight(time_t at, int days)
{
    struct tm tm;
    localtime_r(&at, &tm);
    tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
    tm.tm_mday += days;
    tm.tm_isdst = -1;
    return tm;
}

/* "14:30" or "14:30:05"; what follows is at *rest. */
static bool clock_of(const char *s, struct tm *tm, const char **rest)
{
    int n = 0, hour, minute, second = 0;
    if (sscanf(s, "%2d:%2d%n", &hour, &minute, &n) != 2 || !n || !isdigit((unsigned char)*s))
        return false;
    s += n;
    if (sscanf(s, ":%2d%n", &second, &n) == 1)
        s += n;
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
        return false;
    tm->tm_hour = hour;
    tm->tm_min = minute;
    tm->tm_sec = second;
    *rest = s;
    return true;
}

static int days_of(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

/* "2026-11-21" or "2026-11". */
static bool date_of(const char *s, struct tm *tm, bool *month_only, const char **rest)
{
    int n = 0, year, month, day = 1;
    if (sscanf(s, "%4d-%2d%n", &year, &month, &n) != 2 || n < 6 || year < 1970 || month < 1 || month > 12)
        return false;
    s += n;
    *month_only = *s != '-';
    if (!*month_only && (sscanf(s, "-%2d%n", &day, &n) != 1 || day < 1 || day > days_of(year, month)))
        return false;
    *rest = *month_only ? s : s + n;
    *tm = (struct tm){ .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_isdst = -1 };
    return true;
}

static bool word_is(const char *s, const char *word, const char **rest)
{
    size_t n = strlen(word);
    if (strncasecmp(s, word, n) != 0 || isalnum((unsigned char)s[n]))
        return false;
    *rest = s + n;
    return true;
}

/* "mon", as in the hours of policies */
static bool day_short(const char *s, const char *day, const char **rest)
{
    char three[4] = { day[0], day[1], day[2], '\0' };
    return word_is(s, three, rest);
}

/* "today", "yesterday", "monday": the last one that has begun. */
static bool day_of(const char *s, time_t now, struct tm *tm, const char **rest)
{
    static const char *const days[] = { "sunday", "monday", "tuesday", "wednesday", "thursday",
                                        "friday", "saturday" };
    struct tm today;
    localtime_r(&now, &today);
    int back = word_is(s, "today", rest) ? 0 : word_is(s, "yesterday", rest) ? 1 : -1;
    for (int i = 0; i < 7 && back < 0; i++)
        if (word_is(s, days[i], rest) || day_short(s, days[i], rest))
            back = (today.tm_wday - i + 7) % 7;
    if (back >= 0)
        *tm = midnight(now, -back);
    return back >= 0;
}

/* "3d", "1h30m": so long ago. */
static bool ago(const char *s, time_t now, int64_t *ms)
{
    static const struct { char unit; int64_t seconds; } units[] = {
        { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 604800 }, { 'y', 31536000 },
    };
    int64_t total = 0;
    if (!isdigit((unsigned char)*s))
        return false;
    while (*s) {
        char *end;
        long n = isdigit((unsigned char)*s) ? strtol(s, &end, 10) : -1;
        size_t u = 0;
        if (n < 0 || n > 1000000000)
            return false;
        while (u < sizeof units / sizeof units[0] && units[u].unit != *end)
            u++;
        if (u == sizeof units / sizeof units[0])
            return false;
        total += n * units[u].seconds;
        s = end + 1;
    }
    *ms = total <= now ? ((int64_t)now - total) * 1000 : 0;
    return true;
}

bool when_parse(const char *s, time_t now, bool end, int64_t *ms)
{
    struct tm tm = { .tm_isdst = -1 };
    bool day = false, month = false, utc = false;
    while (isspace((unsigned char)*s))
        s++;
    if (!strcasecmp(s, "now")) {
        *ms = ((int64_t)now + end) * 1000;      /* this second has not ended */
        return true;
    }
    if (ago(s, now, ms))
        return true;
    day = date_of(s, &tm, &month, &s) || day_of(s, now, &tm, &s);
    if (day && (*s == 'T' || *s == ' '))
        s++;
    if (!day)
        tm = midnight(now, 0);
    if (clock_of(s, &tm, &s))
        end = false;
    else if (!day)
        return false;
    if (*s == 'Z' || *s == 'z') {
        utc = true;
        s++;
    }
    if (*s)
        return false;
    if (end && month)
        tm.tm_mon++;
    else if (end)
        tm.tm_mday++;
    time_t t = utc ? timegm(&tm) : mktime(&tm);
    *ms = (int64_t)t * 1000;
    return t != (time_t)-1;
}

void when_local(const char *utc, char *out, size_t size)
{
    int64_t ms;
    struct tm tm;
    if (strlen(utc) == 20 && utc[19] == 'Z' && when_parse(utc, 0, false, &ms)) {
        time_t t = (time_t)(ms / 1000);
        localtime_r(&t, &tm);
        strftime(out, size, "%Y-%m-%d %H:%M:%S", &tm);
    } else {
        snprintf(out, size, "%s", utc);
    }
}
