/* history_path.c - what history-sqlite writes and answers in a second.
 *
 *     history_path [SESSIONS] [FILE]      100000, in the current directory
 *
 * The disk counts: each transaction waits for it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "fake/fake.h"
#include "plugins/history-sqlite/hist_query.h"

#define T0 1700000000000

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct hist_rec *rec(enum hist_what what, uint32_t n)
{
    const struct adit_host *h = fake_host();
    struct adit_attrs *a = h->attr->make();
    struct adit_addr peer = fake_addr("192.0.2.7:4000"), inner = fake_addr("10.9.0.0");
    char text[32];
    snprintf(text, sizeof text, "feedbeef-%u", n);
    adit_attr_put_str(h, a, ADIT_ATTR_SESSION, text);
    snprintf(text, sizeof text, "user%u", n % 2000);
    adit_attr_put_str(h, a, ADIT_ATTR_USER, text);
    adit_attr_put_str(h, a, ADIT_ATTR_ACCOUNT, text);
    adit_attr_put_str(h, a, ADIT_ATTR_PROTOCOL, "l2tp");
    adit_attr_put_str(h, a, ADIT_ATTR_TUNNEL, "office");
    adit_attr_put_str(h, a, ADIT_ATTR_POLICY, "employees");
    peer.ip[3] = (uint8_t)n;
    peer.ip[2] = (uint8_t)(n >> 8);
    inner.ip[3] = (uint8_t)(n * 7);
    inner.ip[2] = (uint8_t)(n * 7 >> 8);
    adit_attr_put_addr(h, a, ADIT_ATTR_PEER, &peer);
    adit_attr_put_addr(h, a, ADIT_ATTR_ADDRESS, &inner);
    adit_attr_put_u(h, a, ADIT_ATTR_METHOD, ADIT_AUTH_MSCHAPV2);
    if (what == HIST_END) {
        adit_attr_put_u(h, a, ADIT_ATTR_BYTES_IN, n);
        adit_attr_put_u(h, a, ADIT_ATTR_DURATION, 3600000);
        adit_attr_put_u(h, a, ADIT_ATTR_CAUSE, ADIT_CAUSE_PEER_HANGUP);
        adit_attr_put_str(h, a, ADIT_ATTR_REASON, "The peer ended the connection.");
    }
    /* begun a second after each other, an hour long */
    uint64_t at = (uint64_t)T0 + n * 1000u + (what == HIST_END ? 3600000u : 0);
    struct hist_rec *r = hist_rec_new(h, what, a, at);
    h->attr->free(a);
    return r;
}

/* `n` sessions, each a begin and an end, `batch` records a transaction. */
static double fill(struct hist_store *s, uint32_t from, uint32_t n, uint32_t batch)
{
    struct hist_rec *v[500];
    double spent = 0;
    uint32_t records = n * 2, written = 0;
    while (written < records) {
        uint32_t count = 0;
        for (; count < batch && written < records; count++, written++)
            v[count] = rec(written % 2 ? HIST_END : HIST_BEGIN, from + written / 2);
        double at = now_s();
        if (hist_store_write(s, v, count, T0)) {
            fprintf(stderr, "%s\n", hist_store_says(s));
            exit(EXIT_FAILURE);
        }
        spent += now_s() - at;
        while (count--)
            hist_rec_free(v[count]);
    }
    return spent;
}

static void ask(const char *path, const char *what, struct hist_query q)
{
    struct hist_rows rows;
    int stop = 0;
    double best = 1e9;
    q.now = T0 + 1000000000;
    q.limit = q.limit ? q.limit : 50;
    for (int i = 0; i < 5; i++) {
        double at = now_s();
        if (hist_query_run(path, &q, &stop, 60000, &rows)) {
            fprintf(stderr, "%s\n", rows.says);
            exit(EXIT_FAILURE);
        }
        double spent = now_s() - at;
        best = spent < best ? spent : best;
        if (i < 4)
            hist_rows_free(&rows);
    }
    printf("%-44s %8.2f ms, %u rows\n", what, best * 1000, rows.count);
    hist_rows_free(&rows);
}

int main(int argc, char **argv)
{
    uint32_t n = argc > 1 ? (uint32_t)atoi(argv[1]) : 100000;
    const char *path = argc > 2 ? argv[2] : "history-bench.db";
    const struct hist_limits limits = { 3600000, 0, 0 };
    bool more = true;
    uint32_t steps = 0;
    if (n < 1000)
        return EXIT_FAILURE;
    fake_begin();
    struct hist_store *s = hist_store_new(path);
    double spent = fill(s, 0, n, 500);
    printf("%-44s %8.0f records/s (%u sessions in %.1f s)\n", "written, 500 records a transaction",
           2 * n / spent, n, spent);
    spent = fill(s, n, 100, 2);
    printf("%-44s %8.0f sessions/s\n", "written, each session its own transaction", 100 / spent);
    printf("%-44s %8.0f bytes\n", "a session takes", (double)hist_store_bytes(s) / n);
    ask(path, "the newest 50", (struct hist_query){ .what = HIST_LIST });
    ask(path, "the newest 1000", (struct hist_query){ .what = HIST_LIST, .limit = 1000 });
    ask(path, "of one user", (struct hist_query){ .what = HIST_LIST, .user = "USER17" });
    struct adit_addr a = fake_addr("10.9.0.7");
    ask(path, "of one address", (struct hist_query){ .what = HIST_LIST, .address = a });
    ask(path, "of one address at one moment, long ago",
        (struct hist_query){ .what = HIST_LIST, .address = a, .since = T0 + 1800000, .until = T0 + 1801000 });
    ask(path, "of an hour, long ago",
        (struct hist_query){ .what = HIST_LIST, .since = T0 + 3600000, .until = T0 + 7200000, .limit = 1000 });
    ask(path, "failed ones (there are none)", (struct hist_query){ .what = HIST_LIST, .failed = true });
    ask(path, "one session", (struct hist_query){ .what = HIST_SHOW, .session = "feedbeef-777" });
    ask(path, "summary of all users", (struct hist_query){ .what = HIST_SUMMARY, .limit = 1000 });
    double at = now_s();
    for (; more && steps < 40; steps++)
        if (hist_store_prune(s, &limits, T0 + 1000000000, &more))
            return EXIT_FAILURE;
    printf("%-44s %8.2f ms\n", "a step of retention (500 sessions)", (now_s() - at) * 1000 / steps);
    hist_store_free(s);
    fake_end();
    unlink(path);
    char lock[600];
    snprintf(lock, sizeof lock, "%s.lock", path);
    unlink(lock);
    return EXIT_SUCCESS;
}
