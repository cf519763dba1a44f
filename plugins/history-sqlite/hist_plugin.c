/* hist_plugin.c - history-sqlite declares itself: options, counters, events. */
#include "hist.h"

static const struct adit_opt opts[] = {
    ADIT_OPT(FILE, hist_conf, file, "file", NULL, 0,
             "The database; by default history-sqlite/NAME.db in the daemon's state-dir."),
    ADIT_OPT(MSEC, hist_conf, keep_ms, "keep", "90d", ADIT_OPT_RELOAD,
             "Sessions that ended longer ago are removed; 0: never for their age."),
    ADIT_OPT_NUM(SIZE, hist_conf, max_bytes, "max-size", "256M", 0, 0, ADIT_OPT_RELOAD,
                 "The oldest sessions are removed when the database is larger; 0: any size."),
    ADIT_OPT_NUM(U32, hist_conf, max_failed, "max-failed", "100000", 0, 0, ADIT_OPT_RELOAD,
                 "Of attempts that failed the oldest are removed when there are more; 0: any number."),
    ADIT_OPT_NUM(MSEC, hist_conf, window_ms, "window", "250ms", 0, 60000, ADIT_OPT_RELOAD,
                 "How long records may wait for others to share a write to the disk: what a power cut "
                 "can cost."),
    ADIT_OPT_NUM(U32, hist_conf, queue, "queue", "50000", 100, 10000000, ADIT_OPT_RELOAD,
                 "Records that are kept in memory while the database cannot be written."),
    ADIT_OPT_NUM(MSEC, hist_conf, query_ms, "query-time", "10s", 100, 50000, ADIT_OPT_RELOAD,
                 "The longest that one question may take."),
    ADIT_OPT_END
};

static const struct adit_counter counters[HIST_COUNTERS] = {
    [HIST_N_WRITTEN]  = { "written",  "Records that stand in the database." },
    [HIST_N_FOLDED]   = { "folded",   "Of them: failed attempts that were added to the row of the same one." },
    [HIST_N_LOST]     = { "lost",     "Records that were given up, because the queue was full." },
    [HIST_N_REFUSED]  = { "refused",  "Records that the database did not take." },
    [HIST_N_PRUNED]   = { "pruned",   "Sessions that were removed for age, size or number." },
    [HIST_N_TROUBLES] = { "troubles", "Attempts to write that failed." },
    [HIST_N_QUERIES]  = { "queries",  "Questions that were asked." },
};

static const struct adit_face faces[] = {
    { .kind = ADIT_KIND_ACCOUNTING, .conf_size = sizeof(struct hist_conf), .name = "history",
      .opts = opts, .counters = counters, .counter_count = HIST_COUNTERS,
      .events = hist_events, .life = &hist_life, .vtable = &hist_vtable },
};

ADIT_PLUGIN("history-sqlite", "1.0", "BSD-2-Clause", "Keeps sessions in an SQLite database", faces)
