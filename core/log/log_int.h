/* log_int.h - between the files of this room, and its tests. */
#ifndef LOG_INT_H
#define LOG_INT_H

#include <stdbool.h>
#include "log/log.h"

/* Text that grows in a buffer and says when it does not fit. */
struct log_text {
    char *out;
    size_t size, len;
    bool full;
};
struct log_text log_text_of(char *out, size_t size);
size_t log_text_end(struct log_text *t, size_t size);   /* terminates; the length */
void log_put(struct log_text *t, const char *s, size_t n);      /* whole or not at all */
/* At most `left` bytes of text; the rest becomes "...". */
void log_escape(struct log_text *t, const char *s, size_t n, size_t left, bool quotes);
void log_pairs(struct log_text *t, const struct adit_kv *kv, uint32_t n);

/* One event on its way to a sink. */
struct log_record {
    uint64_t wall_ms;
    uint32_t level, n;
    const char *name;
    const char *sentence;       /* of a failure or debug text; NULL: the pairs are the text */
    const struct adit_kv *kv;
    char source[32];
};
void log_sink(const struct log_record *r);
uint64_t log_lost(void);        /* records that the sink did not take */

uint32_t log_allow_at(const struct adit_event *ev, uint32_t per_minute, uint64_t now_ms);

#endif
