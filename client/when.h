/* when.h - moments as people write them.
 *
 *     int64_t ms;
 *     if (!when_parse("yesterday 14:30", time(NULL), false, &ms)) complain(...);
 */
#ifndef WHEN_H
#define WHEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* What when_parse() understands, for messages. */
#define WHEN_FORMS "2026-11-21, '2026-11-21 14:30', 14:30, 3d, 90m, today, yesterday, monday or now"

/* Milliseconds since 1970, in the local time zone unless a Z says UTC. `end`: a day or a
 * month that is named counts to its end. False: not understood. */
bool when_parse(const char *text, time_t now, bool end, int64_t *ms);
/* "2026-11-21T14:30:00Z" as local time, "2026-11-21 15:30:00"; other text as it is. */
void when_local(const char *utc, char *out, size_t size);

#endif
