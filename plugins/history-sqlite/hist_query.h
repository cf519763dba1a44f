/* hist_query.h - questions to the database, by a connection that only reads.
 *
 *     struct hist_query q = { .what = HIST_LIST, .user = "anna", .limit = 50 };
 *     trouble = hist_query_run("/.../history.db", &q, &stop, 10000, &rows);
 *     hist_rows_free(&rows);
 */
#ifndef HIST_QUERY_H
#define HIST_QUERY_H

#include "hist_store.h"

enum hist_asked { HIST_LIST, HIST_SHOW, HIST_SUMMARY };

#define HIST_LIMIT_MAX 1000u    /* rows of one answer; more are asked for with `before` */

struct hist_query {
    enum hist_asked what;
    char user[256], session[64];
    struct adit_addr address;   /* inner or outer; family NONE: any */
    bool failed;                /* only attempts that failed */
    int64_t since, until;       /* up at any time in it; 0: open */
    int64_t now;
    int64_t before_started, before_id;  /* older than that row; 0: from the newest */
    uint32_t limit;
};

#define HIST_FIELDS 48

/* An answer. Cells stand row after row; the column says what a number means. */
struct hist_rows {
    char name[HIST_FIELDS][24];
    bool is_bool[HIST_FIELDS];
    uint32_t columns, count;
    bool more;                  /* older rows fit, too: they follow `last_*` */
    int64_t last_started, last_id;
    struct hist_field {
        uint8_t type;           /* ADIT_TYPE_STR, ADIT_TYPE_I64; NONE: not known */
        uint32_t len;
        int64_t number;         /* STR: offset into text */
    } *field;
    char *text;
    size_t text_len, text_size;
    char says[512];             /* what is wrong */
};

/* ANY THREAD. Ends early when *stop is set, or when it takes longer than `limit_ms`. */
enum hist_trouble hist_query_run(const char *path, const struct hist_query *q, const int *stop,
                                 uint64_t limit_ms, struct hist_rows *out);
void hist_rows_free(struct hist_rows *r);

#endif
