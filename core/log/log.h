/* log.h - declared events, and where they go.
 *
 *     LOG_EVENT(&ev_started, ADIT_KV_S("socket", path));
 *     return log_fail("config", ADIT_ECONF, "%s: no such file", path);
 *
 * Sinks: standard error (a line for people), syslog, journald, a file, and a ring that
 * `adit log` reads and follows.
 */
#ifndef LOG_H
#define LOG_H

#include <adit/abi.h>

enum log_target { LOG_TO_STDERR, LOG_TO_SYSLOG, LOG_TO_JOURNAL, LOG_TO_FILE };
/* `file` of SYSLOG and JOURNAL: another socket than the usual one; NULL: the
 * usual one. A target that does not open leaves the old one in place. */
int log_open(enum log_target to, const char *file);     /* reopens too */
void log_level(uint32_t level);                         /* ADIT_LOG_* */

void log_event(const char *source, const struct adit_event *ev, const struct adit_kv *kv, uint32_t n);
#define LOG_EVENT(source, ev, ...)                                                  \
    log_event((source), (ev), (const struct adit_kv[]){ __VA_ARGS__ },               \
              (uint32_t)(sizeof((const struct adit_kv[]){ __VA_ARGS__ }) / sizeof(struct adit_kv)))
const char *log_code_name(int32_t code);        /* "ADIT_ENOENT"; "0": no code of ours */
int32_t log_fail(const char *source, int32_t code, const char *fmt, ...) ADIT_PRINTF(3, 4);
void log_debug(const char *source, const char *fmt, ...) ADIT_PRINTF(2, 3);
uint32_t log_allow(const struct adit_event *ev, uint32_t per_minute);

/* One entry as the ring keeps it. `line` is key=value text. */
struct log_entry {
    uint64_t seq, wall_ms;
    uint32_t level;
    char source[32];
    char name[48];
    char line[512];
};
/* Entries with seq > after, oldest first; returns how many were written. */
uint32_t log_ring(uint64_t after, struct log_entry *out, uint32_t max);
/* Told of every event (observers, followers of `adit log`). At most 16. */
int log_tap(void (*tap)(void *u, const char *source, const struct adit_event *ev,
                        const struct adit_kv *kv, uint32_t n, uint64_t wall_ms), void *u);
void log_untap(void *u);
/* The event as one line: "name key=value ..."; values with spaces are quoted. */
size_t log_format(const struct adit_event *ev, const struct adit_kv *kv, uint32_t n,
                  char *out, size_t size);

#endif
