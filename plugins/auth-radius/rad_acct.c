/* rad_acct.c - accounting: every record reaches a server, in order.
 *
 * Knows:  which records wait, which may go now, what silence means.
 * Leaves: servers to rad_client, the disk to rad_store, what is in a record to rad_record.
 *
 * Records stand in three places, oldest first: the window (in memory, may be sent),
 * the disk, and `fresh` (in memory, made since, soon on disk). What is made goes
 * straight into the window when nothing stands behind it; it is sent and written at
 * the same time, and what is answered before its turn to be written never is.
 *
 * Order: a record waits for the unanswered ones of its session, Accounting-On and
 * -Off wait for all and hold all. While nobody answers, the oldest alone is tried,
 * with growing pauses. A record that a server ignores again and again while it
 * answers others holds nobody, and is given up in the end.
 */
#include "rad_acct.h"

#include <stdio.h>
#include <stdlib.h>
#include <adit/table.h>
#include "rad_dict.h"
#include "rad_record.h"
#include "rad_share.h"
#include "rad_store.h"

#define WINDOW      256u        /* records that may be in flight */
#define BATCH       1024u       /* records written at once */
#define FRESH_MAX   (4u << 20)  /* octets in memory that the disk has not taken */
#define PAUSE_MS    1000u       /* while nobody answers: doubles ... */
#define PAUSE_MAX   30000u      /* ... to this */
#define IGNORED     3u          /* times left out among others: it holds nobody */
#define IGNORED_MAX 16u         /* it is given up; after about two hours */
#define DISK_MS     5000u       /* pause after the disk failed */
#define SPOOL_MIN   (256u << 10)
#define SESSIONS    512u        /* a power of two above WINDOW */

ADIT_EVENT(ev_outage, "radius.accounting.outage", ADIT_LOG_WARN,
           "No server answers accounting requests; the records are kept and sent later.",
           "waiting directory remedy");
ADIT_EVENT(ev_resumed, "radius.accounting.resumed", ADIT_LOG_NOTICE,
           "A server answers accounting requests again; what was kept is being sent.",
           "waiting seconds server");
ADIT_EVENT(ev_dropped, "radius.accounting.dropped", ADIT_LOG_ERROR,
           "Accounting records are lost: there is no more room to keep them.",
           "stops starts interims remedy");
ADIT_EVENT(ev_given_up, "radius.accounting.given-up", ADIT_LOG_ERROR,
           "An accounting record was given up: servers answer others and not this one.",
           "status session time text");
ADIT_EVENT(ev_disk, "radius.accounting.disk", ADIT_LOG_ERROR,
           "Accounting records cannot be written to disk; a crash now loses those that no server "
           "has answered.", "text remedy");
ADIT_EVENT(ev_disk_good, "radius.accounting.disk-good", ADIT_LOG_NOTICE,
           "Accounting records are written to disk again.", "directory");
ADIT_EVENT(ev_damaged, "radius.accounting.damaged", ADIT_LOG_ERROR,
           "Part of the kept accounting records could not be read back.", "octets records directory");

const struct adit_event *const rad_acct_events[] = {
    RAD_CLIENT_EVENTS, &ev_outage, &ev_resumed, &ev_dropped, &ev_given_up, &ev_disk, &ev_disk_good,
    &ev_damaged, NULL,
};

const struct adit_counter rad_acct_counters[] = {
#define RAD_X(NAME, name, text) { name, text },
    RAD_CLIENT_COUNTERS(RAD_X)
    RAD_ACCT_COUNTER_MAP(RAD_X)
#undef RAD_X
};

enum disk { FRESH, WRITING, KEPT };     /* of a record, on disk: not, maybe, yes */

struct rec {
    struct adit_node node;
    struct acct *a;
    struct rad_ask *ask;        /* in flight */
    uint64_t seq;               /* KEPT: its number there */
    uint64_t session;           /* hash of Acct-Session-Id */
    uint64_t not_before;        /* ignored before: when it is tried again */
    uint64_t answers;           /* of the instance, when this was sent */
    uint32_t len, rank, status, at_s;
    uint32_t ignored;           /* times that others were answered and this was not */
    uint32_t silent;            /* times that it was not */
    enum disk disk;
    bool answered;              /* while WRITING: it is forgotten when that is over */
    bool probe;                 /* sent to see whether only the oldest is not answered */
    uint8_t bytes[];
};

struct bundle {                 /* sessions that share an Acct-Multi-Session-Id */
    struct adit_entry entry;
    uint32_t live, seen;
    char id[];
};

struct acct {
    struct adit_self *self;
    const struct rad_acct_conf *conf;
    struct rad_group *group;    /* NULL: whose servers are used is gone */
    struct rad_share_watch watch;
    bool running;
    struct rad_store *store;    /* NULL: nothing is kept on disk */
    struct rad_batch *batch;    /* under way; the records it writes: */
    struct rec **writing;
    struct adit_timer *timer, *disk_timer;
    char *dir;                  /* NULL: the daemon keeps no state */

    struct adit_node window, fresh, limbo;      /* limbo: answered while they are written */
    uint32_t window_count, in_flight;
    uint64_t fresh_bytes;
    bool more;                  /* the disk may have records behind the window */
    uint64_t through;           /* the highest number that came into the window */
    uint64_t *done;             /* numbers on disk that were answered */
    uint32_t dones, done_room;

    uint64_t answers;
    bool outage, probing;       /* probing: this time it is not the oldest that is tried */
    uint64_t outage_since, retry_at, pause_ms;

    bool disk_bad, loaded;
    uint64_t disk_at;           /* it is left alone until then */
    bool off;                   /* Accounting-Off was said */
    struct rad_spool_info info; /* as of the last batch */
    struct adit_table bundles;
    uint64_t seed;
};

static void pump(struct acct *a);
static void kick(struct acct *a);

static uint64_t now_ms(const struct acct *a) { return a->self->host->loop->now(); }
static uint64_t wall_s(const struct acct *a) { return a->self->host->loop->wall() / 1000; }

/* ---- whose servers ------------------------------------------------------------------------ */

static const struct rad_auth_conf *like(const struct acct *a)
{
    return a->conf->servers.servers.count ? NULL : rad_share_find(a->conf->like);
}

static const struct rad_servers_conf *servers(const struct acct *a)
{
    const struct rad_auth_conf *other = like(a);
    return a->conf->servers.servers.count ? &a->conf->servers : other ? &other->servers : NULL;
}

/* Both kinds of requests should come from one and the same NAS. */
static const struct rad_nas_conf *nas(const struct acct *a)
{
    const struct rad_nas_conf *own = &a->conf->nas;
    const struct rad_auth_conf *other = like(a);
    return other && !own->identifier && own->address.family == ADIT_AF_NONE ? &other->nas : own;
}

/* ---- records in memory ------------------------------------------------------------------- */

static struct rec *rec_new(struct acct *a, const uint8_t *bytes, uint32_t len)
{
    struct rad_record_info i;
    struct rec *r = rad_record_read(bytes, len, &i) ? calloc(1, sizeof *r + len) : NULL;
    if (!r)
        return NULL;
    r->a = a;
    r->len = len;
    r->status = i.status;
    r->at_s = i.at_s;
    r->session = i.session ? (uint64_t)adit_hash_of(i.session, i.session_len, a->seed) << 32 |
                             adit_hash_of(i.session, i.session_len, ~a->seed) : 0;
    /* A Stop tells all that its Start told; an interim record is overtaken by the next. */
    r->rank = i.status == RAD_STATUS_INTERIM ? RAD_SPOOL_CHEAP :
              i.status == RAD_STATUS_START ? RAD_SPOOL_FAIR : RAD_SPOOL_DEAR;
    memcpy(r->bytes, bytes, len);
    return r;
}

static bool holds_all(const struct rec *r)
{
    return r->status == RAD_STATUS_ON || r->status == RAD_STATUS_OFF;
}

static void window_add(struct acct *a, struct rec *r)
{
    adit_list_add(&a->window, &r->node);
    a->window_count++;
}

static void window_del(struct acct *a, struct rec *r)
{
    adit_list_del(&r->node);
    a->window_count--;
}

static void fresh_del(struct acct *a, struct rec *r)
{
    adit_list_del(&r->node);
    a->fresh_bytes -= r->len;
}

static void done_add(struct acct *a, uint64_t seq)
{
    if (a->dones == a->done_room) {
        uint32_t room = a->done_room ? a->done_room * 2 : 64;
        uint64_t *done = realloc(a->done, room * sizeof *done);
        if (!done)
            return;             /* sent once more after a restart, then */
        a->done = done;
        a->done_room = room;
    }
    a->done[a->dones++] = seq;
}

/* A record needs nothing more. */
static void finish(struct acct *a, struct rec *r)
{
    window_del(a, r);
    if (r->disk == WRITING) {
        r->answered = true;
        adit_list_add(&a->limbo, &r->node);
        return;
    }
    if (r->disk == KEPT)
        done_add(a, r->seq);
    free(r);
}

static void tell_dropped(struct acct *a, const uint64_t n[RAD_SPOOL_RANKS])
{
    uint64_t all = n[0] + n[1] + n[2];
    adit_count_n(a->self, RAD_N_DROPPED, all);
    if (all && a->self->host->log->allow(a->self, &ev_dropped, 2))
        adit_event(a->self, &ev_dropped, ADIT_KV_U("stops", n[RAD_SPOOL_DEAR]),
                   ADIT_KV_U("starts", n[RAD_SPOOL_FAIR]), ADIT_KV_U("interims", n[RAD_SPOOL_CHEAP]),
                   ADIT_KV_S("remedy", "bring a server back, or raise spool-size"));
}

/* The disk takes nothing and memory is bounded: as in the spool, the cheapest goes. */
static void fresh_bound(struct acct *a)
{
    uint64_t n[RAD_SPOOL_RANKS] = { 0 };
    if (a->fresh_bytes <= FRESH_MAX)
        return;
    for (uint32_t rank = RAD_SPOOL_RANKS; rank-- > 0;)
        ADIT_LIST_EACH(node, &a->fresh) {
            struct rec *r = ADIT_OF(node, struct rec, node);
            /* Some at once: the list is long. */
            if (a->fresh_bytes <= FRESH_MAX - FRESH_MAX / 8)
                break;
            if (r->rank != rank || r->disk != FRESH)
                continue;
            fresh_del(a, r);
            free(r);
            n[rank]++;
        }
    tell_dropped(a, n);
}

static uint64_t waiting(const struct acct *a)
{
    uint64_t n = a->info.count > a->dones ? a->info.count - a->dones : 0;
    ADIT_LIST_EACH(node, &a->window)
        n += ADIT_OF(node, struct rec, node)->disk != KEPT;
    ADIT_LIST_EACH(node, &a->fresh)
        n++;
    return n;
}

static struct rec *front(const struct acct *a)
{
    return adit_list_empty(&a->window) ? NULL : ADIT_OF(a->window.next, struct rec, node);
}

/* ---- sending -------------------------------------------------------------------------------- */

static void give_up(struct acct *a, struct rec *r, const char *why)
{
    struct rad_record_info i;
    char session[256] = "";
    rad_record_read(r->bytes, r->len, &i);
    if (i.session)
        snprintf(session, sizeof session, "%.*s", (int)i.session_len, (const char *)i.session);
    adit_count(a->self, RAD_N_GIVEN_UP);
    if (a->self->host->log->allow(a->self, &ev_given_up, 10))
        adit_event(a->self, &ev_given_up, ADIT_KV_S("status", rad_record_status(r->status)),
                   ADIT_KV_S("session", session), ADIT_KV_U("time", r->at_s), ADIT_KV_S("text", why));
    finish(a, r);
}

/* Wakes pump() at a time, at the latest. */
static void wake(struct acct *a, uint64_t at)
{
    uint64_t now = now_ms(a);
    a->self->host->loop->timer_set(a->timer, at > now ? at - now : 0);
}

static void pause_now(struct acct *a)
{
    uint8_t jitter;
    if (!a->outage) {
        a->outage = true;
        a->outage_since = now_ms(a);
        a->pause_ms = PAUSE_MS;
        adit_event(a->self, &ev_outage, ADIT_KV_U("waiting", waiting(a)), ADIT_KV_S("directory", a->dir),
                   ADIT_KV_S("remedy", "see 'adit radius'; look at the servers' accounting port, "
                             "shared secret and log"));
    } else if (now_ms(a) >= a->retry_at) {
        a->pause_ms = a->pause_ms * 2 < PAUSE_MAX ? a->pause_ms * 2 : PAUSE_MAX;
    } else {
        return;                 /* another of the same round */
    }
    a->self->host->crypto->random(&jitter, 1);
    a->retry_at = now_ms(a) + a->pause_ms * (90 + jitter % 21) / 100;
    wake(a, a->retry_at);
}

static void resume(struct acct *a, const char *server)
{
    if (!a->outage)
        return;
    a->outage = false;
    adit_event(a->self, &ev_resumed, ADIT_KV_U("waiting", waiting(a)),
               ADIT_KV_U("seconds", (now_ms(a) - a->outage_since) / 1000), ADIT_KV_S("server", server));
}

static void on_answer(struct acct *a, struct rec *r, const struct rad_how *how)
{
    bool probe = r->probe;
    a->answers++;
    adit_count(a->self, RAD_N_SENT);
    resume(a, how->server);
    finish(a, r);
    struct rec *first = front(a);
    if (!probe || !first || first->ask)
        return;
    first->ignored++;           /* while it was silence for this one, time and again */
    if (holds_all(first) && first->ignored >= IGNORED)
        give_up(a, first, "the server answers other records and not this: set on-off: no");
}

/* Silence: nobody answers at all, or nobody answers this one. */
static void on_silence(struct acct *a, struct rec *r)
{
    r->silent++;
    if (a->answers == r->answers) {
        pause_now(a);
        return;
    }
    r->ignored++;
    if (r->ignored >= IGNORED_MAX) {
        give_up(a, r, "servers answer others and not this one; their log may tell why");
        return;
    }
    r->not_before = now_ms(a) + (r->ignored < 9 ? 1000ull << r->ignored : 600000u);
}

static void on_done(void *u, enum rad_end end, const struct rad_in *in, const struct rad_how *how)
{
    struct rec *r = u;
    struct acct *a = r->a;
    (void)in;                   /* verified, and says nothing more (RFC 2866 section 4.2) */
    r->ask = NULL;
    a->in_flight--;
    switch (end) {
    case RAD_ANSWERED:  on_answer(a, r, how); break;
    case RAD_SILENT:    on_silence(a, r); break;
    case RAD_NO_SERVER: pause_now(a); break;
    case RAD_TOO_LONG:  give_up(a, r, "it does not fit into a packet"); break;
    case RAD_GONE:      return;         /* with other servers, or after the next start */
    }
    pump(a);
    kick(a);
}

static void put_record(void *u, struct rad_out *o)
{
    const struct rec *r = u;
    rad_record_put(r->bytes, r->len, wall_s(r->a), o);
}

static bool send_rec(struct acct *a, struct rec *r, bool probe)
{
    r->probe = probe;
    r->answers = a->answers;
    r->ask = rad_ask(a->group, RAD_ACCOUNTING_REQUEST, a->conf->limit_ms, NULL, put_record, on_done, r);
    a->in_flight += r->ask != NULL;
    return r->ask != NULL;
}

/* Sessions that have an unanswered record further to the front. */
struct busy {
    uint64_t slot[SESSIONS];
};

static bool busy(const struct busy *b, uint64_t session)
{
    for (uint64_t i = session; b->slot[i % SESSIONS]; i++)
        if (b->slot[i % SESSIONS] == (session | 1))
            return true;
    return false;
}

static void busy_add(struct busy *b, uint64_t session)
{
    uint64_t i = session;
    while (b->slot[i % SESSIONS] && b->slot[i % SESSIONS] != (session | 1))
        i++;
    b->slot[i % SESSIONS] = session | 1;
}

/* Sends what may go now. `probe`: nobody answers, the oldest may be why: another. */
static void pump_with(struct acct *a, bool probe)
{
    struct busy sessions = { { 0 } };
    struct rec *other = NULL;
    uint64_t now = now_ms(a), next = UINT64_MAX;
    uint32_t most = a->outage ? 1 : WINDOW;
    bool first = true;          /* nobody further to the front waits */
    ADIT_LIST_EACH(node, &a->window) {
        struct rec *r = ADIT_OF(node, struct rec, node);
        bool held = holds_all(r) ? !first : busy(&sessions, r->session);
        bool waits = r->ignored < IGNORED;      /* ... and lets others wait */
        if (a->in_flight >= most)
            return;
        if (r->ask || (held && waits)) {
            ;
        } else if (probe) {
            if (r != front(a) && !holds_all(r) && (!other || r->silent < other->silent))
                other = r;
        } else if (r->not_before > now) {
            next = r->not_before < next ? r->not_before : next;
        } else if (!send_rec(a, r, false)) {
            next = now + PAUSE_MS;
            break;
        }
        if (!waits)
            continue;
        first = false;
        if (holds_all(r) && !probe)
            break;
        busy_add(&sessions, r->session);
    }
    if (other && !send_rec(a, other, true))
        next = now + PAUSE_MS;
    if (next != UINT64_MAX)
        wake(a, next);
}

static void pump(struct acct *a)
{
    if (!a->running || !a->group || (a->outage && now_ms(a) < a->retry_at))
        return;
    const struct rec *r = front(a);
    /* When it was silence for the oldest a few times, every other time somebody else
     * is tried: maybe only this one is not answered. */
    a->probing = a->outage && r && r->silent > 3 && !a->probing && r != ADIT_OF(a->window.prev, struct rec, node);
    pump_with(a, a->probing);
}

static void on_timer(void *u)
{
    pump(u);
}

/* ---- the disk ---------------------------------------------------------------------------- */

/* What was read may still be here, when the disk comes late. */
static bool known(const struct acct *a, uint64_t seq)
{
    ADIT_LIST_EACH(node, &a->window)
        if (ADIT_OF(node, struct rec, node)->seq == seq)
            return true;
    for (uint32_t i = 0; i < a->dones; i++)
        if (a->done[i] == seq)
            return true;
    return false;
}

static void tell_disk(struct acct *a, const struct rad_batch *b)
{
    if (b->open && !a->loaded) {
        a->loaded = true;
        if (b->info.damaged)
            adit_event(a->self, &ev_damaged, ADIT_KV_U("octets", b->info.damaged),
                       ADIT_KV_S("directory", a->dir));
    } else if (b->open && b->info.damaged > a->info.damaged) {
        adit_event(a->self, &ev_damaged, ADIT_KV_U("records", b->info.damaged - a->info.damaged),
                   ADIT_KV_S("directory", a->dir));
    }
    if (b->open) {
        uint64_t n[RAD_SPOOL_RANKS];
        for (uint32_t i = 0; i < RAD_SPOOL_RANKS; i++)
            n[i] = b->info.dropped[i] - a->info.dropped[i];
        tell_dropped(a, n);
        a->info = b->info;
    }
    if (b->written) {
        adit_count(a->self, RAD_N_DISK);
        if (!a->disk_bad)
            adit_event(a->self, &ev_disk, ADIT_KV_S("text", b->why),
                       ADIT_KV_S("remedy", "see that the directory daemon.state-dir exists, may be "
                                 "written and has room"));
    } else if (a->disk_bad) {
        adit_event(a->self, &ev_disk_good, ADIT_KV_S("directory", a->dir));
    }
    a->disk_bad = b->written != 0;
}

/* What the batch did to one record that it had to write. */
static void written(struct acct *a, struct rec *r, const struct rad_batch *b, uint32_t i)
{
    r->disk = b->written ? FRESH : KEPT;
    if (!b->written)
        r->seq = b->add[i].seq;
    if (r->answered) {
        adit_list_del(&r->node);
        if (!b->written)
            done_add(a, r->seq);
        free(r);
    } else if (i >= b->after_add && !b->written) {
        fresh_del(a, r);        /* it comes back when it is its turn */
        free(r);
    } else if (!b->written && r->seq > a->through) {
        a->through = r->seq;
    }
}

/* Takes what was read into the window. */
static void refill(struct acct *a, const struct rad_batch *b)
{
    a->more = b->more;
    for (uint32_t i = 0; i < b->gots; i++) {
        const struct rad_stored *s = &b->got[i];
        struct rad_record_info info;
        struct rec *r = NULL;
        if (known(a, s->seq)) {
            ;
        } else if (!rad_record_read(s->bytes, s->len, &info)) {
            /* Whole, and no record of ours: somebody wrote into the file. */
            adit_event(a->self, &ev_damaged, ADIT_KV_U("records", 1), ADIT_KV_S("directory", a->dir));
            done_add(a, s->seq);
        } else if ((r = rec_new(a, s->bytes, s->len))) {
            r->disk = KEPT;
            r->seq = s->seq;
            window_add(a, r);
        } else {
            a->more = true;     /* out of memory: it is read again */
            return;
        }
        if (s->seq > a->through)
            a->through = s->seq;
    }
}

/* Nothing on disk stands between the window and what was made since: it moves up. */
static void advance(struct acct *a)
{
    ADIT_LIST_EACH(node, &a->fresh) {
        struct rec *r = ADIT_OF(node, struct rec, node);
        if (a->more || a->batch || a->window_count >= WINDOW)
            return;
        fresh_del(a, r);
        window_add(a, r);
    }
}

static void batch_end(struct acct *a, struct rad_batch *b)
{
    struct rec **writing = a->writing;
    a->batch = NULL;
    a->writing = NULL;
    if (b->written != ADIT_ECANCELED)
        tell_disk(a, b);
    if (!b->written)
        adit_count_n(a->self, RAD_N_SPOOLED, b->adds);
    for (uint32_t i = 0; i < b->adds; i++)
        written(a, writing[i], b, i);
    for (uint32_t i = 0; b->written && i < b->dones; i++)
        done_add(a, b->done[i]);
    if (b->written != ADIT_ECANCELED)
        refill(a, b);
    advance(a);
    fresh_bound(a);
    free(writing);
    rad_batch_free(b);
}

static uint32_t count_fresh(const struct adit_node *list)
{
    uint32_t n = 0;
    ADIT_LIST_EACH(node, list)
        n += ADIT_OF(node, struct rec, node)->disk == FRESH;
    return n;
}

static void collect(struct acct *a, struct adit_node *list, uint32_t most)
{
    struct rad_batch *b = a->batch;
    ADIT_LIST_EACH(node, list) {
        struct rec *r = ADIT_OF(node, struct rec, node);
        if (r->disk != FRESH || b->adds == most)
            continue;
        r->disk = WRITING;
        a->writing[b->adds] = r;
        b->add[b->adds++] = (struct rad_spool_add){ .p = r->bytes, .len = r->len, .rank = r->rank };
    }
}

/* What the disk is to do next. False: nothing, or out of memory. */
static bool batch_begin(struct acct *a)
{
    /* Half the window at a time: not a visit to the disk for each record. */
    uint32_t want = a->more && a->window_count <= WINDOW / 2 ? WINDOW - a->window_count : 0;
    uint32_t fresh = count_fresh(&a->window) + count_fresh(&a->fresh);
    uint32_t adds = fresh < BATCH ? fresh : BATCH;
    if (!adds && !a->dones && !want)
        return false;
    struct rad_batch *b = rad_batch_new(adds, a->dones, want);
    struct rec **writing = calloc(adds + 1u, sizeof *writing);
    if (!b || !writing) {
        rad_batch_free(b);
        free(writing);
        return false;
    }
    a->batch = b;
    a->writing = writing;
    b->after = a->through;
    collect(a, &a->window, adds);
    b->after_add = b->adds;
    collect(a, &a->fresh, adds);
    if (a->dones)
        memcpy(b->done, a->done, a->dones * sizeof *a->done);
    b->dones = a->dones;
    a->dones = 0;
    return true;
}

static void disk_later(struct acct *a)
{
    a->disk_at = now_ms(a) + DISK_MS;
    a->self->host->loop->timer_set(a->disk_timer, DISK_MS);
}

static void on_batch(void *u, struct rad_batch *b)
{
    struct acct *a = u;
    bool good = !b->written;
    batch_end(a, b);
    if (!good)
        disk_later(a);
    kick(a);
    pump(a);
}

/* Gives the disk its work, when it has none. */
static void kick(struct acct *a)
{
    if (a->batch)
        return;
    advance(a);
    if (!a->store || now_ms(a) < a->disk_at || !batch_begin(a) || !rad_store_begin(a->store, a->batch))
        return;
    a->batch->written = ADIT_ECANCELED;
    snprintf(a->batch->why, sizeof a->batch->why, "no thread takes the work");
    batch_end(a, a->batch);
    disk_later(a);
}

static void on_disk_timer(void *u)
{
    struct acct *a = u;
    kick(a);
    pump(a);
}

/* ---- making records --------------------------------------------------------------------------- */

static void lost(struct acct *a, uint32_t status)
{
    uint64_t n[RAD_SPOOL_RANKS] = { 0 };
    n[status == RAD_STATUS_INTERIM ? RAD_SPOOL_CHEAP : status == RAD_STATUS_START ? RAD_SPOOL_FAIR :
      RAD_SPOOL_DEAR] = 1;
    tell_dropped(a, n);
}

static void take_record(struct acct *a, uint32_t status, const uint8_t *bytes, uint32_t len)
{
    struct rec *r = len ? rec_new(a, bytes, len) : NULL;
    adit_count(a->self, RAD_N_RECORDS);
    if (!r) {
        lost(a, status);
        return;
    }
    if (!a->more && adit_list_empty(&a->fresh) && a->window_count < WINDOW) {
        window_add(a, r);
    } else {
        adit_list_add(&a->fresh, &r->node);
        a->fresh_bytes += r->len;
        fresh_bound(a);
    }
    pump(a);
    kick(a);
}

static void take_nas(struct acct *a, uint32_t status)
{
    uint8_t bytes[RAD_RECORD_MAX];
    uint32_t len = rad_record_nas(a->self, nas(a), status, wall_s(a), bytes);
    take_record(a, status, bytes, len);
}

/* How many links the session's bundle has had by now (RFC 2866 section 5.11). */
static uint32_t links(struct acct *a, uint32_t status, const struct adit_attrs *attrs)
{
    const char *id = adit_attr_str(a->self->host, attrs, ADIT_ATTR_MULTI_SESSION);
    if (!id || !*id)
        return 0;
    uint32_t hash = adit_hash_of(id, strlen(id), a->seed);
    struct bundle *b = NULL;
    for (struct adit_entry *e = adit_table_first(&a->bundles, hash); e && !b;
         e = adit_table_next(&a->bundles, e)) {
        struct bundle *at = ADIT_OF(e, struct bundle, entry);
        b = strcmp(at->id, id) ? NULL : at;
    }
    if (!b) {
        b = calloc(1, sizeof *b + strlen(id) + 1);
        if (!b)
            return 0;
        memcpy(b->id, id, strlen(id));
        adit_table_add(&a->bundles, hash, &b->entry);
    }
    if (status == RAD_STATUS_START || !b->live) {
        b->live++;
        b->seen++;
    }
    uint32_t seen = b->seen;
    if (status == RAD_STATUS_STOP && !--b->live) {
        adit_table_del(&a->bundles, &b->entry);
        free(b);
    }
    return seen;
}

static void take_session(struct adit_self *self, uint32_t status, const struct adit_attrs *attrs)
{
    struct acct *a = self->instance;
    uint8_t bytes[RAD_RECORD_MAX];
    if (!a->running)
        return;
    uint32_t n = links(a, status, attrs);
    take_record(a, status, bytes, rad_record_session(self, nas(a), status, attrs, n, wall_s(a), bytes));
}

static void account_begin(struct adit_self *self, const struct adit_attrs *attrs)
{
    take_session(self, RAD_STATUS_START, attrs);
}

static void account_interim(struct adit_self *self, const struct adit_attrs *attrs)
{
    take_session(self, RAD_STATUS_INTERIM, attrs);
}

static void account_end(struct adit_self *self, const struct adit_attrs *attrs)
{
    take_session(self, RAD_STATUS_STOP, attrs);
}

/* ---- life ------------------------------------------------------------------------------------ */

/* Below the daemon's directory; an instance may be named as no file can. */
static char *spool_dir(struct adit_self *self)
{
    const char *base = self->host->state_dir;
    size_t size = strlen(base) + 3 * strlen(self->name) + 32;
    char *dir = malloc(size);
    if (!dir)
        return NULL;
    size_t n = (size_t)snprintf(dir, size, "%s/auth-radius/accounting-", base);
    for (const char *p = self->name; *p; p++)
        n += (size_t)snprintf(dir + n, size - n, *p == '/' || *p == '%' ? "%%%02X" : "%c", (unsigned char)*p);
    return dir;
}

/* The servers as they are configured now. */
static int32_t regroup(struct acct *a)
{
    const struct rad_servers_conf *s = servers(a);
    int32_t rc = 0;
    if (s && a->group) {
        rc = rad_group_reload(a->group, s);
    } else if (s) {
        a->group = rad_group_new(a->self, s, RAD_ACCT);
        rc = a->group ? rad_group_start(a->group) : ADIT_ECONF;
    }
    if (!s || (rc && !a->running)) {
        rad_group_free(a->group);
        a->group = NULL;
    }
    if (a->outage)
        wake(a, a->retry_at = now_ms(a));
    pump(a);
    return rc;
}

static void servers_changed(void *u)
{
    struct acct *a = u;
    if (!a->conf->servers.servers.count)
        (void)regroup(a);       /* why it failed was said */
}

/* Everything that is in memory; what is not on disk either, is lost. */
static void forget(struct acct *a)
{
    struct adit_node *const lists[] = { &a->window, &a->fresh, &a->limbo };
    uint64_t n[RAD_SPOOL_RANKS] = { 0 };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        ADIT_LIST_EACH(node, lists[i]) {
            struct rec *r = ADIT_OF(node, struct rec, node);
            n[r->rank] += r->disk == FRESH && !r->answered;
            adit_list_del(node);
            free(r);
        }
    tell_dropped(a, n);
    a->window_count = 0;
    a->fresh_bytes = 0;
    a->dones = 0;
}

/* What nobody has answered is on disk when this returns. */
static void flush(struct acct *a, struct rad_store *store)
{
    struct rad_batch *b = rad_store_take(store);
    if (b)
        batch_end(a, b);
    a->more = false;            /* nothing is read any more */
    for (int32_t rc = 0; !rc && batch_begin(a);) {
        rad_store_now(store, a->batch);
        rc = a->batch->written;
        batch_end(a, a->batch);
        a->more = false;
    }
}

static void stop(struct adit_self *self)
{
    struct acct *a = self->instance;
    struct rad_store *store = a->store;
    rad_share_unwatch(&a->watch);
    if (a->running && a->conf->on_off && !a->off)
        take_nas(a, RAD_STATUS_OFF);    /* nobody waits for its answer: it is kept */
    a->running = false;
    a->store = NULL;
    self->host->loop->timer_stop(a->timer);
    self->host->loop->timer_stop(a->disk_timer);
    rad_group_free(a->group);
    a->group = NULL;
    if (store)
        flush(a, store);
    rad_store_free(store);
    forget(a);
}

static int32_t start(struct adit_self *self)
{
    struct acct *a = self->instance;
    if (!servers(a) && a->conf->like)
        return adit_fail(self, ADIT_ECONF, "like: the section auth has no instance '%s' of type radius; "
                         "name one that is there, or give servers here", a->conf->like);
    if (!servers(a))
        return adit_fail(self, ADIT_ECONF, "servers: none are given, and the section auth has not just "
                         "one instance of type radius whose servers could be used; give servers, or "
                         "such an instance's name in like");
    int32_t rc = regroup(a);
    if (rc)
        return rc;
    if (a->dir) {
        a->store = rad_store_new(self, a->dir, a->conf->spool_size, on_batch, a);
        if (!a->store)
            return adit_fail(self, ADIT_ENOMEM, "out of memory");
    } else if (a->conf->spool_size) {
        adit_event(self, &ev_disk, ADIT_KV_S("text", "the daemon has no directory for what it keeps"),
                   ADIT_KV_S("remedy", "set daemon.state-dir"));
    }
    rad_share_watch(&a->watch, servers_changed, a);
    a->running = true;
    a->more = a->store != NULL; /* what the last run left */
    a->outage = a->disk_bad = a->loaded = a->off = false;
    a->disk_at = a->through = 0;
    memset(&a->info, 0, sizeof a->info);
    if (a->conf->on_off)
        take_nas(a, RAD_STATUS_ON);
    kick(a);
    return 0;
}

static int32_t reload(struct adit_self *self, const void *conf)
{
    struct acct *a = self->instance;
    const struct rad_acct_conf *old = a->conf, *c = conf;
    int32_t rc = rad_conf_nas(self, &c->nas);
    if (rc)
        return rc;
    a->conf = conf;
    if (!a->running)
        return 0;               /* start() looks */
    rc = servers(a) ? regroup(a) : adit_fail(self, ADIT_ECONF, "servers: none are given any more");
    if (rc)
        a->conf = old;
    return rc;
}

static void destroy(struct adit_self *self)
{
    struct acct *a = self->instance;
    if (!a)
        return;
    stop(self);
    for (uint32_t i = 0; a->bundles.h.bucket && i <= a->bundles.h.mask; i++)
        ADIT_LIST_EACH(node, &a->bundles.h.bucket[i]) {
            struct bundle *b = ADIT_OF(ADIT_OF(node, struct adit_entry, node), struct bundle, entry);
            adit_table_del(&a->bundles, &b->entry);
            free(b);
        }
    adit_table_fini(&a->bundles);
    self->host->loop->timer_free(a->timer);
    self->host->loop->timer_free(a->disk_timer);
    free(a->done);
    free(a->dir);
    free(a);
    rad_dict_drop();
    self->instance = NULL;
}

static int32_t create(struct adit_self *self)
{
    const struct rad_acct_conf *conf = self->conf;
    if (conf->spool_size && conf->spool_size < SPOOL_MIN)
        return adit_fail(self, ADIT_ECONF, "spool-size: less than %u KB has no room for what one moment may "
                         "bring; 0 keeps records in memory alone", SPOOL_MIN >> 10);
    struct acct *a = calloc(1, sizeof *a);
    if (!a || rad_dict_hold()) {        /* nas.send speaks its language */
        free(a);
        return adit_fail(self, ADIT_ENOMEM, "out of memory");
    }
    self->instance = a;
    a->self = self;
    a->conf = conf;
    adit_list_init(&a->window);
    adit_list_init(&a->fresh);
    adit_list_init(&a->limbo);
    self->host->crypto->random(&a->seed, sizeof a->seed);
    a->timer = self->host->loop->timer_new(self, on_timer, a);
    a->disk_timer = self->host->loop->timer_new(self, on_disk_timer, a);
    bool keeps = conf->spool_size && ADIT_HAS(self->host, state_dir);
    a->dir = keeps ? spool_dir(self) : NULL;
    int32_t rc = a->timer && a->disk_timer && (a->dir || !keeps)
        ? rad_conf_nas(self, &conf->nas) : adit_fail(self, ADIT_ENOMEM, "out of memory");
    if (rc)
        destroy(self);
    return rc;
}

/* The daemon's last seconds: every session has ended. */
static uint32_t drain(struct adit_self *self)
{
    struct acct *a = self->instance;
    if (!a->running)
        return 0;
    if (a->conf->on_off && !a->off) {
        a->off = true;
        take_nas(a, RAD_STATUS_OFF);
    }
    uint64_t n = a->outage ? 0 : waiting(a);
    return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

/* ---- telling ------------------------------------------------------------------------------------ */

void rad_acct_report(struct adit_self *self, struct adit_report *r)
{
    const struct acct *a = self->instance;
    const struct adit_host *h = self->host;
    const struct adit_node *first = adit_list_empty(&a->window) ? a->fresh.next : a->window.next;
    uint64_t now = wall_s(a);
    adit_report_put_str(h, r, "state", a->outage ? "silent" : a->group ? "answering" : "no servers");
    adit_report_put_u(h, r, "waiting", waiting(a));
    if (first != &a->fresh) {
        uint32_t at = ADIT_OF(first, struct rec, node)->at_s;
        adit_report_put_u(h, r, "oldest_ms", now > at ? (now - at) * 1000 : 0);
    }
    adit_report_put_u(h, r, "in_flight", a->in_flight);
    adit_report_put_u(h, r, "sent", self->counters[RAD_N_SENT]);
    adit_report_put_u(h, r, "dropped", self->counters[RAD_N_DROPPED]);
    adit_report_put_u(h, r, "given_up", self->counters[RAD_N_GIVEN_UP]);
    adit_report_put_u(h, r, "spool_bytes", a->info.file_bytes);
    adit_report_put_u(h, r, "spool_size", a->conf->spool_size);
    adit_report_put_str(h, r, "spool", !a->dir ? "none" : a->disk_bad ? "cannot be written" : a->dir);
}

static void status(struct adit_self *self, struct adit_report *r)
{
    struct acct *a = self->instance;
    self->host->report->object(r, "records");
    rad_acct_report(self, r);
    self->host->report->end(r);
    self->host->report->array(r, "servers");
    if (a->group)
        rad_group_report(a->group, r);
    self->host->report->end(r);
}

const struct adit_life rad_acct_life = {
    .size = sizeof rad_acct_life, .create = create, .start = start, .reload = reload, .stop = stop,
    .destroy = destroy, .status = status,
};

const struct adit_accounting rad_acct_vtable = {
    .size = sizeof rad_acct_vtable, .begin = account_begin, .interim = account_interim,
    .end = account_end, .drain = drain,
};
