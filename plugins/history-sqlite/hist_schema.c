/* hist_schema.c - what the tables look like, and how an older file gets there.
 *
 * Knows:  the schema, version by version; adit-history-sqlite(7) describes it for
 *         people, who read it with programs of their own.
 * Leaves: opening and writing to hist_store.
 */
#include "hist_schema.h"

#include <stdio.h>

/* Step n brings version n to n + 1. A step that was released never changes; a new
 * version is a new step at the end, and HIST_VERSION. */
const char *const hist_schema[HIST_VERSION] = {
    "CREATE TABLE session (\n"
    "  id               INTEGER PRIMARY KEY,\n"
    "  state            TEXT NOT NULL CHECK (state IN ('up', 'ended', 'cut', 'failed')),\n"
    "  started          INTEGER NOT NULL,    -- milliseconds since 1970, as all times\n"
    "  ended            INTEGER,             -- NULL: it is up\n"
    "  seen             INTEGER NOT NULL,    -- of when duration, bytes and packets are\n"
    "  attempts         INTEGER NOT NULL DEFAULT 1,\n"
    "  session          TEXT,                -- as in 'adit sessions' and the log\n"
    "  user             TEXT COLLATE NOCASE, -- as the peer sent it\n"
    "  account          TEXT COLLATE NOCASE, -- without its domain\n"
    "  domain           TEXT COLLATE NOCASE,\n"
    "  protocol         TEXT,\n"
    "  tunnel           TEXT,\n"
    "  peer             TEXT,                -- the client's outer address\n"
    "  peer_port        INTEGER,\n"
    "  our              TEXT,                -- the address that it called\n"
    "  calling_station  TEXT,\n"
    "  called_station   TEXT,\n"
    "  peer_host        TEXT,                -- the name that the client gave\n"
    "  identification   TEXT,                -- what the client said it is\n"
    "  secured          BOOLEAN,             -- it came through IPsec\n"
    "  peer_identity    TEXT,                -- whom IPsec authenticated\n"
    "  method           TEXT,\n"
    "  authenticator    TEXT,\n"
    "  policy           TEXT,\n"
    "  address          TEXT,                -- the client's inner address\n"
    "  pool             TEXT,\n"
    "  ipv6_address     TEXT,\n"
    "  ipv6_prefix      TEXT,\n"
    "  delegated_prefix TEXT,\n"
    "  nas_port         INTEGER,\n"
    "  multi_session    TEXT,\n"
    "  duration_ms      INTEGER,\n"
    "  bytes_in         INTEGER,             -- from the client\n"
    "  bytes_out        INTEGER,             -- to the client\n"
    "  packets_in       INTEGER,\n"
    "  packets_out      INTEGER,\n"
    "  code             TEXT,                -- ADIT-...: why it ended\n"
    "  ras              INTEGER,             -- the same as a RAS error number\n"
    "  text             TEXT                 -- the same in a sentence\n"
    ");\n"
    "CREATE INDEX session_time ON session (started, ended);\n"
    "CREATE INDEX session_session ON session (session);\n"
    "CREATE INDEX session_user ON session (user, started);\n"
    "CREATE INDEX session_account ON session (account, started);\n"
    "CREATE INDEX session_address ON session (address, started);\n"
    "CREATE INDEX session_peer ON session (peer, started);\n"
    "CREATE INDEX session_up ON session (started) WHERE state = 'up';\n"
    "CREATE INDEX session_failed ON session (started) WHERE state = 'failed';\n"
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;\n"
    "CREATE VIEW readable AS SELECT id, session, state, user,\n"
    "  datetime(started / 1000, 'unixepoch', 'localtime') AS started,\n"
    "  datetime(ended / 1000, 'unixepoch', 'localtime') AS ended,\n"
    "  round(duration_ms / 3600000.0, 2) AS hours, address, peer, protocol,\n"
    "  bytes_in, bytes_out, attempts, code, text FROM session ORDER BY started DESC;\n",
};

int hist_pragma(sqlite3 *db, const char *name, int64_t *out)
{
    char sql[64];
    sqlite3_stmt *st = NULL;
    snprintf(sql, sizeof sql, "PRAGMA %s", name);
    int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(st);
    *out = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    int end = sqlite3_finalize(st);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : end ? end : rc;
}

/* One step and its number in one transaction: the power may go at any point. */
static int step(sqlite3 *db, const char *sql, int version)
{
    char number[96];
    snprintf(number, sizeof number, "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
             HIST_APPLICATION, version);
    int rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, number, NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return rc;
}

int hist_migrate(sqlite3 *db, const char *const *steps, int n)
{
    int64_t version;
    int rc = hist_pragma(db, "user_version", &version);
    for (int64_t at = version; rc == SQLITE_OK && at >= 0 && at < n; at++)
        rc = step(db, steps[at], (int)at + 1);
    return rc;
}
