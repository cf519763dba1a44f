/* hist_verb.c - what `adit history` asks: list, show, summary.
 *
 * Knows:  the arguments of the verbs, the shape of the reports; one question at a time.
 * Leaves: the questions' SQL to hist_query, what people type to `adit`.
 */
#include "hist.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define LIMIT 50u               /* rows, when nothing is said */

struct hist_call {
    struct adit_node node;
    struct hist *hist;
    uint64_t number;
    uint32_t jobs;              /* of the writer that are waited for */
    struct hist_query query;
    uint64_t limit_ms;
    enum hist_trouble trouble;
    struct hist_rows rows;
};

/* ---- arguments ---------------------------------------------------------------------- */

static const struct adit_value *arg(const struct adit_kv *args, uint32_t n, const char *key)
{
    for (uint32_t i = 0; i < n; i++)
        if (!strcmp(args[i].key, key))
            return &args[i].value;
    return NULL;
}

static bool text_arg(const struct adit_kv *args, uint32_t n, const char *key, char *out, size_t size)
{
    const struct adit_value *v = arg(args, n, key);
    *out = '\0';
    if (!v)
        return true;
    if (v->type != ADIT_TYPE_STR || v->len >= size)
        return false;
    memcpy(out, v->v.p, v->len);
    out[v->len] = '\0';
    return true;
}

static bool number_arg(const struct adit_kv *args, uint32_t n, const char *key, int64_t *out)
{
    const struct adit_value *v = arg(args, n, key);
    if (v && v->type != ADIT_TYPE_I64 && v->type != ADIT_TYPE_U64)
        return false;
    *out = v ? v->v.i : *out;
    return *out >= 0;
}

static bool addr_arg(const struct adit_kv *args, uint32_t n, struct adit_addr *out)
{
    char text[INET6_ADDRSTRLEN];
    *out = (struct adit_addr){ .family = ADIT_AF_NONE };
    if (!text_arg(args, n, "address", text, sizeof text))
        return false;
    if (!*text)
        return true;
    out->family = inet_pton(AF_INET, text, out->ip) == 1 ? ADIT_AF_IPV4 :
                  inet_pton(AF_INET6, text, out->ip) == 1 ? ADIT_AF_IPV6 : ADIT_AF_NONE;
    return out->family != ADIT_AF_NONE;
}

/* "STARTED.ID": where the next page begins, as an answer gave it. */
static bool before_arg(const struct adit_kv *args, uint32_t n, struct hist_query *q)
{
    char text[64], end;
    if (!text_arg(args, n, "before", text, sizeof text))
        return false;
    return !*text || (sscanf(text, "%" SCNd64 ".%" SCNd64 "%c", &q->before_started, &q->before_id,
                             &end) == 2 && q->before_id > 0);
}

static int32_t query_of(struct adit_self *self, const struct adit_kv *args, uint32_t n,
                        struct hist_query *q)
{
    const struct adit_value *failed = arg(args, n, "failed");
    int64_t limit = LIMIT;
    if (!text_arg(args, n, "user", q->user, sizeof q->user))
        return adit_fail(self, ADIT_EINVAL, "user is a name of at most %zu bytes", sizeof q->user - 1);
    if (!text_arg(args, n, "session", q->session, sizeof q->session) ||
        (q->what == HIST_SHOW && !*q->session))
        return adit_fail(self, ADIT_EINVAL, "session is the identifier of one, as 'adit history' shows it");
    if (!addr_arg(args, n, &q->address))
        return adit_fail(self, ADIT_EINVAL, "address is an IPv4 or IPv6 address, without port");
    if (!number_arg(args, n, "since", &q->since) || !number_arg(args, n, "until", &q->until))
        return adit_fail(self, ADIT_EINVAL, "since and until are milliseconds since 1970");
    if (!before_arg(args, n, q))
        return adit_fail(self, ADIT_EINVAL, "before is what an earlier answer gave as next");
    if (!number_arg(args, n, "limit", &limit) || limit < 1 || limit > HIST_LIMIT_MAX)
        return adit_fail(self, ADIT_EINVAL, "limit is from 1 to %u", HIST_LIMIT_MAX);
    q->failed = failed && failed->type == ADIT_TYPE_BOOL && failed->v.u;
    q->limit = (uint32_t)limit;
    return 0;
}

/* ---- answers -------------------------------------------------------------------------- */

static void put_field(const struct adit_host *host, struct adit_report *r,
                      const struct hist_rows *rows, const struct hist_field *f, uint32_t column)
{
    struct adit_value v = { .type = f->type, .len = f->len };
    if (f->type == ADIT_TYPE_NONE)
        return;                 /* what is not known is left out */
    if (f->type == ADIT_TYPE_STR) {
        v.v.p = rows->text + f->number;
    } else if (rows->is_bool[column]) {
        v.type = ADIT_TYPE_BOOL;
        v.v.u = f->number != 0;
    } else {
        v.v.i = f->number;
    }
    host->report->put(r, rows->name[column], &v);
}

static void put_rows(const struct adit_host *host, struct adit_report *r, const struct hist_call *c)
{
    const struct hist_rows *rows = &c->rows;
    const struct hist_field *f = rows->field;
    bool one = c->query.what == HIST_SHOW;
    char next[64];
    if (!one)
        host->report->array(r, c->query.what == HIST_LIST ? "sessions" : "users");
    for (uint32_t n = 0; n < rows->count; n++) {
        if (!one)
            host->report->object(r, NULL);
        for (uint32_t i = 0; i < rows->columns; i++)
            put_field(host, r, rows, f++, i);
        if (!one)
            host->report->end(r);
    }
    if (one)
        return;
    host->report->end(r);
    adit_report_put_bool(host, r, "more", rows->more);
    if (rows->more && c->query.what == HIST_LIST) {
        snprintf(next, sizeof next, "%" PRId64 ".%" PRId64, rows->last_started, rows->last_id);
        adit_report_put_str(host, r, "next", next);
    }
}

static void answer(struct adit_self *self, struct hist_call *c)
{
    const struct adit_host *host = self->host;
    struct adit_report *r = host->control->report(self, c->number);
    int32_t rc = 0;
    if (c->trouble)
        rc = adit_fail(self, c->trouble == HIST_TOO_LONG ? ADIT_ETIMEDOUT : ADIT_EIO, "%s",
                       c->rows.says);
    else if (c->query.what == HIST_SHOW && !c->rows.count)
        rc = adit_fail(self, ADIT_ENOENT, "the history has no session '%s'", c->query.session);
    else if (r)
        put_rows(host, r, c);
    host->control->finish(self, c->number, rc);
}

/* ---- one after the other ------------------------------------------------------------------ */

static void calls_next(struct hist *h);

static void ask(void *u)
{
    struct hist_call *c = u;
    c->trouble = hist_query_run(c->hist->path, &c->query, &c->hist->stop, c->limit_ms, &c->rows);
}

static void asked(void *u, int32_t status)
{
    struct hist_call *c = u;
    struct hist *h = c->hist;
    (void)status;               /* nobody cancels but the loop's end */
    h->reading = NULL;
    if (h->self) {
        answer(h->self, c);
        if (c->trouble == HIST_CORRUPT)
            hist_check_soon(h);
        calls_next(h);
    }
    hist_rows_free(&c->rows);
    free(c);
    hist_unref(h);
}

/* The oldest one whose turn it is. */
static void calls_next(struct hist *h)
{
    if (h->reading || adit_list_empty(&h->calls))
        return;
    struct hist_call *c = ADIT_OF(h->calls.next, struct hist_call, node);
    struct adit_self *self = h->self;
    if (c->jobs)
        return;
    adit_list_del(&c->node);
    c->query.now = (int64_t)self->host->loop->wall();
    c->limit_ms = ((const struct hist_conf *)self->conf)->query_ms;
    h->reading = c;
    if (self->host->loop->work(self, ask, asked, c, NULL)) {
        h->reading = NULL;
        self->host->control->finish(self, c->number, adit_fail(self, ADIT_ENOMEM, "out of memory"));
        free(c);
    }
}

void hist_calls_written(struct hist *h, bool all)
{
    ADIT_LIST_EACH(n, &h->calls) {
        struct hist_call *c = ADIT_OF(n, struct hist_call, node);
        c->jobs = all || h->trouble ? 0 : c->jobs - (c->jobs != 0);
    }
    calls_next(h);
}

void hist_calls_end(struct hist *h)
{
    struct adit_self *self = h->self;
    __atomic_store_n(&h->stop, 1, __ATOMIC_RELAXED);
    if (h->reading || !adit_list_empty(&h->calls))
        (void)adit_fail(self, ADIT_ECANCELED, "the history is being closed");
    if (h->reading)
        self->host->control->finish(self, h->reading->number, ADIT_ECANCELED);
    while (!adit_list_empty(&h->calls)) {
        struct hist_call *c = ADIT_OF(h->calls.next, struct hist_call, node);
        adit_list_del(&c->node);
        self->host->control->finish(self, c->number, ADIT_ECANCELED);
        free(c);
    }
}

/* ---- the verbs -------------------------------------------------------------------------------- */

static void begin(struct adit_self *self, uint64_t number, const struct adit_kv *args, uint32_t n,
                  enum hist_asked what)
{
    struct hist *h = self->instance;
    struct hist_query q = { .what = what };
    int32_t rc = query_of(self, args, n, &q);
    struct hist_call *c = rc ? NULL : calloc(1, sizeof *c);
    if (!c) {
        rc = rc ? rc : adit_fail(self, ADIT_ENOMEM, "out of memory");
        self->host->control->finish(self, number, rc);
        return;
    }
    c->hist = h;
    c->number = number;
    c->query = q;
    adit_count(self, HIST_N_QUERIES);
    /* Whoever asks sees what happened before he did. */
    c->jobs = hist_write_out(h);
    adit_list_add(&h->calls, &c->node);
    calls_next(h);
}

static void list(struct adit_self *self, uint64_t call, const struct adit_kv *args, uint32_t n)
{
    begin(self, call, args, n, HIST_LIST);
}

static void show(struct adit_self *self, uint64_t call, const struct adit_kv *args, uint32_t n)
{
    begin(self, call, args, n, HIST_SHOW);
}

static void summary(struct adit_self *self, uint64_t call, const struct adit_kv *args, uint32_t n)
{
    begin(self, call, args, n, HIST_SUMMARY);
}

int32_t hist_verbs_register(struct adit_self *self)
{
    const struct adit_control_api *control = self->host->control;
    if (!ADIT_HAS(control, verb_later))
        return adit_fail(self, ADIT_ENOSYS, "this daemon is older than the plugin: it has no verbs "
                         "that answer later (interface 1.1)");
    int32_t rc = control->verb_later(self, "list", "Sessions and failed attempts, newest first.", list);
    if (!rc)
        rc = control->verb_later(self, "show", "One session.", show);
    if (!rc)
        rc = control->verb_later(self, "summary", "Per user: sessions, time, bytes, failures.", summary);
    return rc;
}
