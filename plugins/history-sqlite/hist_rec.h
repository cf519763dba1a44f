/* hist_rec.h - one thing to be written down: a session's begin, course or end, or an
 * attempt that failed; and the queue of what waits.
 *
 *     struct hist_rec *r = hist_rec_new(host, HIST_END, attrs, wall_ms);
 *     dropped = hist_queue_add(&q, r, 50000);         // takes it
 *     n = hist_queue_take(&q, v, 500);
 *     hist_queue_back(&q, v, n);                      // could not be written
 */
#ifndef HIST_REC_H
#define HIST_REC_H

#include <stdbool.h>
#include <adit/plugin.h>

/* In the order in which they are given up when the queue is full. */
enum hist_what { HIST_REFUSED, HIST_INTERIM, HIST_BEGIN, HIST_END, HIST_WHATS };

/* Where a column comes from, and how it is written down. */
enum hist_as { HIST_TEXT, HIST_HOST, HIST_NET, HIST_PORT, HIST_NUMBER, HIST_METHOD, HIST_CODE,
               HIST_RAS };

/*      column of table session, attribute, as */
#define HIST_COLUMNS(X)                                                      \
    X(session,          SESSION,          TEXT)                              \
    X(user,             USER,             TEXT)                              \
    X(account,          ACCOUNT,          TEXT)                              \
    X(domain,           DOMAIN,           TEXT)                              \
    X(protocol,         PROTOCOL,         TEXT)                              \
    X(tunnel,           TUNNEL,           TEXT)                              \
    X(peer,             PEER,             HOST)                              \
    X(peer_port,        PEER,             PORT)                              \
    X(our,              OUR,              HOST)                              \
    X(calling_station,  CALLING_STATION,  TEXT)                              \
    X(called_station,   CALLED_STATION,   TEXT)                              \
    X(peer_host,        PEER_HOST,        TEXT)                              \
    X(identification,   CLIENT_VERSION,   TEXT)                              \
    X(secured,          SECURED,          NUMBER)                            \
    X(peer_identity,    PEER_IDENTITY,    TEXT)                              \
    X(method,           METHOD,           METHOD)                            \
    X(authenticator,    AUTHENTICATOR,    TEXT)                              \
    X(policy,           POLICY,           TEXT)                              \
    X(address,          ADDRESS,          HOST)                              \
    X(pool,             LEASE_POOL,       TEXT)                              \
    X(ipv6_address,     IPV6_ADDRESS,     HOST)                              \
    X(ipv6_prefix,      IPV6_PREFIX,      NET)                               \
    X(delegated_prefix, DELEGATED_PREFIX, NET)                               \
    X(nas_port,         NAS_PORT,         NUMBER)                            \
    X(multi_session,    MULTI_SESSION,    TEXT)                              \
    X(duration_ms,      DURATION,         NUMBER)                            \
    X(bytes_in,         BYTES_IN,         NUMBER)                            \
    X(bytes_out,        BYTES_OUT,        NUMBER)                            \
    X(packets_in,       PACKETS_IN,       NUMBER)                            \
    X(packets_out,      PACKETS_OUT,      NUMBER)                            \
    X(code,             CAUSE,            CODE)                              \
    X(ras,              CAUSE,            RAS)                               \
    X(text,             REASON,           TEXT)

enum hist_column {
#define HIST_X(column, attr, as) HIST_COL_##column,
    HIST_COLUMNS(HIST_X)
#undef HIST_X
    HIST_COLS
};

struct hist_cell {
    const char *text;           /* NULL: a number */
    int64_t number;
    uint32_t len;
    bool given;
};

struct hist_rec {
    struct adit_node node;      /* in the order of time */
    struct adit_node of_what;   /* beside those of its kind */
    enum hist_what what;
    int64_t wall_ms;
    struct hist_cell cell[HIST_COLS];
    char bytes[];
};

/* NULL: out of memory. A copy: nothing of `attrs` is kept. */
struct hist_rec *hist_rec_new(const struct adit_host *h, enum hist_what what,
                              const struct adit_attrs *attrs, uint64_t wall_ms);
void hist_rec_free(struct hist_rec *r);
const char *hist_cause_code(uint32_t cause);
uint32_t hist_cause_ras(uint32_t cause);

struct hist_queue {
    struct adit_node all, what[HIST_WHATS];
    uint32_t count;
};

void hist_queue_init(struct hist_queue *q);
/* True: one record had to be given up (the least important one, the oldest of these). */
bool hist_queue_add(struct hist_queue *q, struct hist_rec *taken, uint32_t most);
/* The oldest ones; they are the caller's then. */
uint32_t hist_queue_take(struct hist_queue *q, struct hist_rec **v, uint32_t most);
/* Before all others again, in the same order. */
void hist_queue_back(struct hist_queue *q, struct hist_rec **v, uint32_t n);
void hist_queue_fini(struct hist_queue *q);

#endif
