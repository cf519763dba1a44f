/* hours.h - days and times of day: "mon-fri 08:00-18:00".
 *
 *     struct hours h;
 *     if (hours_parse("mon-fri 22:00-06:00", &h, &err)) ...
 *     if (hours_match(&h, 0, 23 * 60)) ...        // Monday, 23:00
 */
#ifndef POLICY_ACCESS_HOURS_H
#define POLICY_ACCESS_HOURS_H

#include <stdbool.h>
#include <stdint.h>

struct hours {
    uint8_t days;               /* bit 0 is Monday */
    uint16_t from, to;          /* minutes of the day, `to` not included; to <= from: past midnight */
};

/* Days ("mon", "mon-fri", "sat,sun", "fri-mon"), times ("08:00-18:00"), or both.
 * False, and what is wrong in *err. */
bool hours_parse(const char *text, struct hours *out, const char **err);
/* A span past midnight belongs to the day on which it begins. */
bool hours_match(const struct hours *h, uint32_t wday, uint32_t minute);
extern const char *const hours_days[7];     /* "mon" ... */

#endif
