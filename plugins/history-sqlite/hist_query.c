/* hist_query.c - questions to the database.
 *
 * Knows:  the SQL of each question; values are bound, never written into it.
 * Leaves: writing to hist_store, what people type and see to hist_verb and `adit`.
 */
#include "hist_query.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#define UTC(t) "strftime('%Y-%m-%dT%H:%M:%SZ', " t " / 1000, 'unixepoch')"

/* The first two are for the next page; they are not part of the answer. */
#define SESSION_FIELDS                                                                     \
    "started, id, session, state, user, account, domain, protocol, tunnel, peer, "         \
    "peer_port, address, " UTC("started") " AS since, " UTC("ended") " AS ended, "         \
    "CASE state WHEN 'up' THEN max(:now - started, coalesce(duration_ms, 0)) ELSE duration_ms END "     \
    "AS duration_ms, bytes_in, bytes_out, packets_in, packets_out, "                       \
    "CASE state WHEN 'up' THEN " UTC("seen") " END AS counted, "                           \
    "CASE state WHEN 'failed' THEN attempts END AS attempts, code, ras, text, method, "    \
    "secured, peer_identity, authenticator, policy, pool, our, calling_station, "          \
    "called_station, peer_host, identification, ipv6_address, ipv6_prefix, "               \
    "delegated_prefix, nas_port, multi_session"

/* Who was up at any time between the two: also one that began long before. */
#define IN_TIME                                                                            \
    "(:until IS NULL OR started < :until) AND "                                            \
    "(:since IS NULL OR ended IS NULL OR ended >= :since)"

#define ADDRESS_ROOM 4096

/* ---- the sentence ------------------------------------------------------------------- */

/* The networks that an IPv6 client may have been given and that hold the address. */
static size_t prefixes(const struct adit_addr *a, char *out, size_t size)
{
    size_t at = 0;
    for (unsigned len = 40; len <= 64; len++) {
        uint8_t ip[16];
        char text[INET6_ADDRSTRLEN];
        memcpy(ip, a->ip, 16);
        for (unsigned bit = len; bit < 128; bit++)
            ip[bit / 8] &= (uint8_t)~(0x80u >> (bit % 8));
        inet_ntop(AF_INET6, ip, text, sizeof text);
        at += (size_t)snprintf(out + at, size - at, "%s%s/%u", at ? " " : "", text, len);
    }
    return at;
}

static void where(const struct hist_query *q, char *out, size_t size)
{
    /* With its domain the name is looked for as it was sent, else without any. */
    bool whole = strpbrk(q->user, "\\@") != NULL;
    snprintf(out, size, " WHERE " IN_TIME "%s%s%s%s",
             !*q->user ? "" : whole ? " AND user = :user" : " AND account = :user",
             q->address.family == ADIT_AF_IPV4 ? " AND (address = :address OR peer = :address)" :
             q->address.family == ADIT_AF_IPV6 ?
                 " AND (ipv6_address = :address OR peer = :address OR "
                 "instr(:prefixes, ' ' || ipv6_prefix || ' ') OR "
                 "instr(:prefixes, ' ' || delegated_prefix || ' '))" : "",
             q->failed ? " AND state = 'failed'" : "",
             q->before_id ? " AND (started, id) < (:before_started, :before_id)" : "");
}

static void sentence(const struct hist_query *q, char *out, size_t size)
{
    static const struct {
        const char *head, *tail;
        bool where;
    } parts[] = {
    [HIST_LIST] = { "SELECT " SESSION_FIELDS " FROM session",
                    " ORDER BY started DESC, id DESC LIMIT :limit + 1", true },
    [HIST_SHOW] = { "SELECT " SESSION_FIELDS " FROM session WHERE session = :session",
                    " ORDER BY id DESC LIMIT 1", false },
    [HIST_SUMMARY] = { "SELECT 0, 0, min(user) AS user, "
                       "count(*) FILTER (WHERE state <> 'failed') AS sessions, "
                       "sum(CASE state WHEN 'failed' THEN 0 ELSE max(0, "
                       "min(coalesce(ended, :now), coalesce(:until, :now)) - "
                       "max(started, coalesce(:since, 0))) END) AS duration_ms, "
                       "coalesce(sum(bytes_in), 0) AS bytes_in, "
                       "coalesce(sum(bytes_out), 0) AS bytes_out, "
                       "coalesce(sum(attempts) FILTER (WHERE state = 'failed'), 0) AS failures, "
                       UTC("max(started)") " AS last FROM session",
                       " GROUP BY user ORDER BY 5 DESC, 8 DESC, 3 LIMIT :limit + 1", true },
    };
    char conditions[1024] = "";
    if (parts[q->what].where)
        where(q, conditions, sizeof conditions);
    snprintf(out, size, "%s%s%s", parts[q->what].head, conditions, parts[q->what].tail);
}

/* ---- binding --------------------------------------------------------------------------- */

static void bind_text(sqlite3_stmt *st, const char *name, const char *text)
{
    int at = sqlite3_bind_parameter_index(st, name);
    if (at)
        sqlite3_bind_text(st, at, text, -1, SQLITE_TRANSIENT);
}

static void bind_number(sqlite3_stmt *st, const char *name, int64_t n, bool given)
{
    int at = sqlite3_bind_parameter_index(st, name);
    if (at && given)
        sqlite3_bind_int64(st, at, n);
}

static void bind_all(sqlite3_stmt *st, const struct hist_query *q)
{
    char text[INET6_ADDRSTRLEN] = "", nets[ADDRESS_ROOM] = " ";
    if (q->address.family)
        inet_ntop(q->address.family == ADIT_AF_IPV4 ? AF_INET : AF_INET6, q->address.ip, text,
                  sizeof text);
    if (q->address.family == ADIT_AF_IPV6) {
        size_t n = prefixes(&q->address, nets + 1, sizeof nets - 2);
        memcpy(nets + 1 + n, " ", 2);
    }
    bind_text(st, ":user", q->user);
    bind_text(st, ":session", q->session);
    bind_text(st, ":address", text);
    bind_text(st, ":prefixes", nets);
    bind_number(st, ":since", q->since, q->since != 0);
    bind_number(st, ":until", q->until, q->until != 0);
    bind_number(st, ":now", q->now, true);
    bind_number(st, ":before_started", q->before_started, true);
    bind_number(st, ":before_id", q->before_id, true);
    bind_number(st, ":limit", q->limit, true);
}

/* ---- running ------------------------------------------------------------------------------ */

struct watch {
    const int *stop;
    struct timespec until;
};

/* Now and then from inside SQLite; not 0: enough. */
static int enough(void *u)
{
    const struct watch *w = u;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return __atomic_load_n(w->stop, __ATOMIC_RELAXED) || t.tv_sec > w->until.tv_sec ||
           (t.tv_sec == w->until.tv_sec && t.tv_nsec >= w->until.tv_nsec);
}

static bool add_text(struct hist_rows *r, const void *text, uint32_t len)
{
    if (r->text_len + len > r->text_size) {
        size_t size = (r->text_size ? r->text_size * 2 : 4096) + len;
        char *t = realloc(r->text, size);
        if (!t)
            return false;
        r->text = t;
        r->text_size = size;
    }
    if (len)
        memcpy(r->text + r->text_len, text, len);
    r->text_len += len;
    return true;
}

static bool add_row(struct hist_rows *r, sqlite3_stmt *st)
{
    struct hist_field *f = &r->field[(size_t)r->count * r->columns];
    for (uint32_t i = 0; i < r->columns; i++, f++) {
        int at = (int)i + 2;
        *f = (struct hist_field){ ADIT_TYPE_NONE, 0, 0 };
        if (sqlite3_column_type(st, at) == SQLITE_INTEGER) {
            f->type = ADIT_TYPE_I64;
            f->number = sqlite3_column_int64(st, at);
        } else if (sqlite3_column_type(st, at) != SQLITE_NULL) {
            const void *text = sqlite3_column_text(st, at);
            f->type = ADIT_TYPE_STR;
            f->len = (uint32_t)sqlite3_column_bytes(st, at);
            f->number = (int64_t)r->text_len;
            if (!text || !add_text(r, text, f->len))
                return false;
        }
    }
    r->last_started = sqlite3_column_int64(st, 0);
    r->last_id = sqlite3_column_int64(st, 1);
    r->count++;
    return true;
}

static int collect(sqlite3_stmt *st, uint32_t limit, struct hist_rows *r)
{
    int rc;
    r->columns = (uint32_t)sqlite3_column_count(st) - 2;
    for (uint32_t i = 0; i < r->columns && i < HIST_FIELDS; i++) {
        const char *type = sqlite3_column_decltype(st, (int)i + 2);
        snprintf(r->name[i], sizeof r->name[i], "%s", sqlite3_column_name(st, (int)i + 2));
        r->is_bool[i] = type && !strcmp(type, "BOOLEAN");
    }
    r->field = calloc((size_t)limit * r->columns, sizeof *r->field);
    if (!r->field)
        return SQLITE_NOMEM;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        if (r->count == limit) {
            r->more = true;
            return SQLITE_OK;
        }
        if (!add_row(r, st))
            return SQLITE_NOMEM;
    }
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int ask(sqlite3 *db, const struct hist_query *q, struct hist_rows *out)
{
    char text[4096];
    sqlite3_stmt *st = NULL;
    int64_t app = 0;
    /* Nothing was written yet, or it is another's: what is in it is not looked at. */
    int rc = hist_pragma(db, "application_id", &app);
    if (rc != SQLITE_OK || app != HIST_APPLICATION)
        return rc;
    sentence(q, text, sizeof text);
    rc = sqlite3_prepare_v2(db, text, -1, &st, NULL);
    if (rc == SQLITE_OK) {
        bind_all(st, q);
        rc = collect(st, q->limit, out);
    }
    sqlite3_finalize(st);
    return rc;
}

enum hist_trouble hist_query_run(const char *path, const struct hist_query *q, const int *stop,
                                 uint64_t limit_ms, struct hist_rows *out)
{
    struct watch w = { .stop = stop };
    struct stat file;
    sqlite3 *db = NULL;
    enum hist_trouble t = HIST_FINE;
    *out = (struct hist_rows){ .count = 0 };
    if (stat(path, &file))      /* nothing was written yet */
        return HIST_FINE;
    clock_gettime(CLOCK_MONOTONIC, &w.until);
    w.until.tv_sec += (time_t)(limit_ms / 1000);
    w.until.tv_nsec += (long)(limit_ms % 1000) * 1000000;
    if (w.until.tv_nsec >= 1000000000) {
        w.until.tv_sec++;
        w.until.tv_nsec -= 1000000000;
    }
    int rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_busy_timeout(db, 1000);
        sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)NULL);
        sqlite3_progress_handler(db, 1000, enough, &w);
        rc = ask(db, q, out);
    }
    t = hist_trouble_of(db, rc);
    if (t)
        hist_trouble_text(t, path, db ? sqlite3_errmsg(db) : sqlite3_errstr(rc), out->says,
                          sizeof out->says);
    sqlite3_close(db);
    return t;
}

void hist_rows_free(struct hist_rows *r)
{
    free(r->field);
    free(r->text);
    *r = (struct hist_rows){ .count = 0 };
}
