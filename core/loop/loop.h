/* loop.h - the event loop: the only room that knows libuv.
 *
 *     loop_init();
 *     struct loop_timer *t = loop_timer_new(fire, me);
 *     loop_timer_set(t, 3000);
 *     loop_run();
 *
 * One main loop per process. Everything here is main-loop only, but
 * loop_post(). A handle may be freed inside its own callback.
 */
#ifndef LOOP_H
#define LOOP_H

#include <adit/abi.h>
#include <adit/host.h>

int loop_init(void);
int loop_run(void);             /* until loop_stop(); 0 */
void loop_stop(void);
void loop_fini(void);           /* closes what is left */
/* After the last loop_fini(): the threads end, and with them what libraries keep for each. */
void loop_end(void);

uint64_t loop_now(void);        /* monotonic ms, the same within one round */
uint64_t loop_wall(void);       /* ms since 1970 */

/* ---- timers ---- */
struct loop_timer;
struct loop_timer *loop_timer_new(void (*fire)(void *u), void *u);
void loop_timer_set(struct loop_timer *t, uint64_t after_ms);
void loop_timer_stop(struct loop_timer *t);
void loop_timer_free(struct loop_timer *t);

/* ---- descriptors: level triggered ----
 * LOOP_ERROR is told beside what was wanted, never wanted: the descriptor holds
 * an error (an ICMP message, its error queue) that the next read reports or
 * MSG_ERRQUEUE fetches. Take it, or ready() comes again at once. */
#define LOOP_READ  1
#define LOOP_WRITE 2
#define LOOP_ERROR 4
struct loop_fd;
struct loop_fd *loop_fd_new(int fd, void (*ready)(void *u, int events), void *u);
void loop_fd_want(struct loop_fd *f, int events);       /* 0: nothing */
void loop_fd_free(struct loop_fd *f);                   /* does not close fd */

/* ---- the end of a round ----
 * Runs once, after the callbacks of this round (before the loop sleeps again).
 * Asking twice in a round is the same as once. */
struct loop_idle {
    void (*run)(void *u);
    void *u;
    struct loop_idle *next;     /* the loop's */
    uint8_t queued;             /* the loop's */
};
void loop_at_round_end(struct loop_idle *i);
void loop_round_end_cancel(struct loop_idle *i);        /* before its owner is freed; fine when not queued */

/* ---- signals, children, threads ---- */
int loop_signal(int signum, void (*caught)(void *u, int signum), void *u);
/* Runs argv[0] (searched in PATH) with `in` on its standard input; done(status
 * as of wait(2), output) once, unless this returns an error. Output (stdout and
 * stderr together) is at most 64 KB, the rest is dropped. A child that runs
 * longer than LOOP_CHILD_MS is killed. */
#define LOOP_CHILD_MS 60000
int loop_child(const char *const argv[], const char *in, size_t in_len,
               void (*done)(void *u, int status, const char *out), void *u);
struct loop_work;
struct loop_work *loop_work(void (*run)(void *u), void (*done)(void *u, int32_t status), void *u);
void loop_work_cancel(struct loop_work *w);
int loop_post(void (*fn)(void *u), void *u);            /* ANY THREAD */

/* ---- the host's service tables that are this room's (host.h); log calls and
 * misuse name the plugin instance `self` ---- */
extern const struct adit_loop_api loop_api;
extern const struct adit_stream_api loop_stream_api;

/* A Unix stream socket that listens: the same stream handles as TCP.
 * An old socket file that nobody listens on is replaced. Mode of the file. */
int loop_unix_listen(const char *path, uint32_t mode,
                     void (*accept)(void *u, struct adit_stream *s), void *u,
                     struct adit_listener **out);
/* Bytes that a stream may queue before tx() says ADIT_ENOSPC (64 KB by default). */
#define LOOP_STREAM_BOUND 65536u
void loop_stream_bound(struct adit_stream *s, uint32_t bytes);
uint32_t loop_stream_queued(const struct adit_stream *s);
/* Where a listener listens: its port when 0 was asked for. */
void loop_listener_addr(const struct adit_listener *l, struct adit_addr *out);
/* uid and gid of the peer of a Unix stream; 0 or ADIT_E*. */
int loop_unix_peer(struct adit_stream *s, uint32_t *uid, uint32_t *gid);

#endif
