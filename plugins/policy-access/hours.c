/* hours.c - days and times of day.
 *
 * Knows:  the text form, days of the week, spans past midnight.
 * Leaves: clocks and time zones.
 */
#include <string.h>
#include <strings.h>
#include "hours.h"

const char *const hours_days[7] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool day_read(const char **at, uint32_t *day)
{
    for (*day = 0; *day < 7; ++*day)
        if (strncasecmp(*at, hours_days[*day], 3) == 0 && !is_letter((*at)[3])) {
            *at += 3;
            return true;
        }
    return false;
}

/* "mon-fri,sun" */
static bool days_read(const char **at, uint8_t *days)
{
    for (*days = 0;; ++*at) {
        uint32_t from, to;
        if (!day_read(at, &from))
            return false;
        to = from;
        if (**at == '-') {
            ++*at;
            if (!day_read(at, &to))
                return false;
        }
        for (uint32_t d = from;; d = (d + 1) % 7) {
            *days = (uint8_t)(*days | 1u << d);
            if (d == to)
                break;
        }
        if (**at != ',')
            return true;
    }
}

static bool two_digits(const char **at, uint32_t *out)
{
    const char *s = *at;
    if (s[0] < '0' || s[0] > '9' || s[1] < '0' || s[1] > '9')
        return false;
    *out = (uint32_t)(s[0] - '0') * 10 + (uint32_t)(s[1] - '0');
    *at += 2;
    return true;
}

/* "08:00"; "24:00" is the end of the day. */
static bool time_read(const char **at, uint16_t *out)
{
    uint32_t h, m;
    if (!two_digits(at, &h) || *(*at)++ != ':' || !two_digits(at, &m))
        return false;
    if (m > 59 || h > 24 || (h == 24 && m != 0))
        return false;
    *out = (uint16_t)(h * 60 + m);
    return true;
}

bool hours_parse(const char *text, struct hours *out, const char **err)
{
    const char *at = text;
    *out = (struct hours){ .days = 0x7f, .from = 0, .to = 1440 };
    *err = "write days, times or both, like 'mon-fri 08:00-18:00' or 'sat,sun'";
    while (*at == ' ')
        at++;
    if (*at == '\0')
        return false;
    if (is_letter(*at)) {
        if (!days_read(&at, &out->days)) {
            *err = "the days are mon tue wed thu fri sat sun, like 'mon-fri' or 'sat,sun'";
            return false;
        }
        if (*at != '\0' && *at != ' ')
            return false;
        while (*at == ' ')
            at++;
        if (*at == '\0')
            return true;
    }
    if (!time_read(&at, &out->from) || *at++ != '-' || !time_read(&at, &out->to)) {
        *err = "a time is two digits, a colon and two digits, like '08:00-18:00'; the day ends "
               "at 24:00";
        return false;
    }
    while (*at == ' ')
        at++;
    if (*at != '\0')
        return false;
    if (out->from == out->to || out->from == 1440) {
        *err = "the span is empty; the whole day is 00:00-24:00";
        return false;
    }
    return true;
}

bool hours_match(const struct hours *h, uint32_t wday, uint32_t minute)
{
    bool today = h->days >> wday & 1, yesterday = h->days >> ((wday + 6) % 7) & 1;
    if (h->from < h->to)
        return today && minute >= h->from && minute < h->to;
    return (today && minute >= h->from) || (yesterday && minute < h->to);
}
