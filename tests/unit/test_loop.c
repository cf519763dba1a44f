/* test_loop.c - the loop with real sockets on loopback and short timers. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/addr.h"
#include "loop/loop.h"
#include "unit.h"

static const struct adit_stream_api *S = &loop_stream_api;

/* ---- a guard: no test of this file hangs ---- */
static struct loop_timer *guard;
static bool overdue;

static void guard_fired(void *u)
{
    (void)u;
    overdue = true;
    loop_stop();
}

static void begin(void)
{
    ck_assert_int_eq(loop_init(), 0);
    guard = loop_timer_new(guard_fired, NULL);
    loop_timer_set(guard, 25000);
}

static void run(void)
{
    ck_assert_int_eq(loop_run(), 0);
    ck_assert_msg(!overdue, "the loop was not stopped in time");
}

static void stop_cb(void *u)
{
    (void)u;
    loop_stop();
}

/* Runs the loop for a while, and for some rounds however busy the host is: an
 * accept and a read are two. */
static struct loop_timer *for_timer;
static int for_rounds;

static void for_fired(void *u)
{
    (void)u;
    if (++for_rounds < 6)
        loop_timer_set(for_timer, 1);
    else
        loop_stop();
}

static void run_for(uint64_t ms)
{
    for_rounds = 0;
    for_timer = loop_timer_new(for_fired, NULL);
    loop_timer_set(for_timer, ms);
    run();
    loop_timer_free(for_timer);
}

/* ---- timers ---- */

static char order[64];
static void note(char c)
{
    size_t n = strlen(order);
    if (n + 1 < sizeof order)
        order[n] = c;
}

static void fire_a(void *u) { (void)u; note('a'); }
static void fire_b(void *u) { (void)u; note('b'); }

struct self_free {
    struct loop_timer *t;
};
static void fire_free(void *u)
{
    struct self_free *s = u;
    note('f');
    loop_timer_free(s->t);
}

START_TEST(timers_fire_in_order_and_stop)
{
    begin();
    struct loop_timer *a = loop_timer_new(fire_a, NULL), *b = loop_timer_new(fire_b, NULL);
    struct loop_timer *c = loop_timer_new(fire_b, NULL);
    struct self_free f;
    f.t = loop_timer_new(fire_free, &f);
    loop_timer_set(f.t, 5);
    loop_timer_set(b, 10);
    loop_timer_set(a, 200);
    loop_timer_set(a, 20);              /* again: only the last counts */
    loop_timer_set(c, 15);
    loop_timer_stop(c);
    run_for(60);
    ck_assert_str_eq(order, "fba");
    loop_timer_free(a);
    loop_timer_free(b);
    loop_timer_free(c);
    loop_timer_free(NULL);
    loop_fini();
}
END_TEST

static struct loop_timer *eager;
static int eager_times;
static void fire_eager(void *u)
{
    (void)u;
    eager_times++;
    loop_timer_set(eager, 0);
}

START_TEST(a_timer_that_sets_itself_to_zero_starves_nobody)
{
    begin();
    eager = loop_timer_new(fire_eager, NULL);
    loop_timer_set(eager, 0);
    run_for(30);
    ck_assert_int_ge(eager_times, 2);
    loop_timer_free(eager);
    loop_fini();
}
END_TEST

START_TEST(thirty_thousand_timers)
{
    static struct loop_timer *t[30000];
    begin();
    for (int i = 0; i < 30000; i++) {
        t[i] = loop_timer_new(fire_a, NULL);
        loop_timer_set(t[i], 60000u + (uint64_t)i);
    }
    for (int k = 0; k < 5; k++)
        for (int i = 0; i < 30000; i++)
            loop_timer_set(t[i], 60000u + (uint64_t)(i * 7919 % 30000));
    run_for(1);
    for (int i = 0; i < 30000; i += 2)
        loop_timer_free(t[i]);
    loop_fini();                        /* the other half is its to close */
    ck_assert_str_eq(order, "");
}
END_TEST

/* ---- the end of a round ---- */

static struct loop_idle idle_x, idle_y;
static int idle_runs;

static void idle_once(void *u) { (void)u; note('e'); idle_runs++; }
static void idle_twice(void *u)
{
    (void)u;
    note('x');
    if (++idle_runs < 3)
        loop_at_round_end(&idle_x);     /* the next round, and soon */
    else
        loop_stop();
}
static void fire_ask(void *u)
{
    note('t');
    loop_at_round_end(u);
    loop_at_round_end(u);
}

START_TEST(round_end_runs_once_after_the_callbacks)
{
    begin();
    idle_x = (struct loop_idle){ .run = idle_once };
    struct loop_timer *a = loop_timer_new(fire_ask, &idle_x), *b = loop_timer_new(fire_ask, &idle_x);
    loop_timer_set(a, 1);
    loop_timer_set(b, 1);
    run_for(20);
    ck_assert_str_eq(order, "tte");
    loop_timer_free(a);
    loop_timer_free(b);
    loop_fini();
}
END_TEST

START_TEST(round_end_asked_in_a_round_end_is_the_next_one)
{
    begin();
    idle_x = (struct loop_idle){ .run = idle_twice };
    loop_at_round_end(&idle_x);
    uint64_t from = loop_wall();
    run();
    ck_assert_str_eq(order, "xxx");
    ck_assert_uint_lt(loop_wall() - from, 5000);
    loop_fini();
}
END_TEST

static void idle_cancels(void *u)
{
    note('c');
    loop_round_end_cancel(u);
}

START_TEST(round_end_can_be_taken_back)
{
    begin();
    idle_x = (struct loop_idle){ .run = idle_cancels, .u = &idle_y };
    idle_y = (struct loop_idle){ .run = idle_once };
    loop_at_round_end(&idle_x);
    loop_at_round_end(&idle_y);
    run_for(5);
    ck_assert_str_eq(order, "c");
    loop_at_round_end(&idle_y);         /* the list is whole still */
    loop_round_end_cancel(&idle_y);
    loop_round_end_cancel(&idle_y);
    loop_at_round_end(&idle_y);
    run_for(5);
    ck_assert_str_eq(order, "ce");
    loop_fini();
}
END_TEST

START_TEST(round_end_comes_also_when_the_loop_stops)
{
    begin();
    idle_x = (struct loop_idle){ .run = idle_once };
    struct loop_timer *a = loop_timer_new(fire_ask, &idle_x), *b = loop_timer_new(stop_cb, NULL);
    loop_timer_set(a, 1);
    loop_timer_set(b, 1);
    run();
    ck_assert_str_eq(order, "te");
    loop_timer_free(a);
    loop_timer_free(b);
    loop_fini();
}
END_TEST

/* ---- descriptors ---- */

static struct loop_fd *fd_a;
static int pipe_fds[2], fd_seen, fd_count;

static void fd_reads(void *u, int events)
{
    char c;
    (void)u;
    fd_seen |= events;
    fd_count++;
    if (read(pipe_fds[0], &c, 1) == 1 && c == 'q') {
        loop_fd_free(fd_a);             /* inside its own callback */
        loop_stop();
    }
}

START_TEST(descriptors_are_level_triggered)
{
    begin();
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pipe_fds), 0);
    fd_a = loop_fd_new(pipe_fds[0], fd_reads, NULL);
    ck_assert_ptr_nonnull(fd_a);
    ck_assert_int_eq(write(pipe_fds[1], "abcq", 4), 4);
    loop_fd_want(fd_a, LOOP_READ);
    run();
    ck_assert_int_eq(fd_count, 4);
    ck_assert_int_eq(fd_seen, LOOP_READ);
    loop_fini();
}
END_TEST

static int udp;
static void fd_udp(void *u, int events)
{
    char c[16];
    (void)u;
    fd_seen |= events;
    fd_count++;
    ssize_t n = recv(udp, c, sizeof c, MSG_DONTWAIT);
    if (n > 0)
        loop_stop();
}

/* An ICMP error on a datagram socket must not end the watch (libuv would). */
START_TEST(an_icmp_error_does_not_stop_the_watch)
{
    begin();
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof at;
    int peer = socket(AF_INET, SOCK_DGRAM, 0);
    udp = socket(AF_INET, SOCK_DGRAM, 0);
    ck_assert_int_eq(bind(peer, (struct sockaddr *)&at, n), 0);
    ck_assert_int_eq(getsockname(peer, (struct sockaddr *)&at, &n), 0);
    ck_assert_int_eq(connect(udp, (struct sockaddr *)&at, n), 0);
    close(peer);
    ck_assert_int_eq(send(udp, "x", 1, 0), 1);          /* comes back as port unreachable */
    fd_a = loop_fd_new(udp, fd_udp, NULL);
    loop_fd_want(fd_a, LOOP_READ);
    run_for(50);
    ck_assert_int_ge(fd_count, 1);
    ck_assert_int_le(fd_count, 5);
    ck_assert_int_eq(fd_seen & LOOP_ERROR, LOOP_ERROR);
    struct sockaddr_in our;
    n = sizeof our;
    peer = socket(AF_INET, SOCK_DGRAM, 0);
    ck_assert_int_eq(bind(peer, (struct sockaddr *)&at, sizeof at), 0);
    ck_assert_int_eq(getsockname(udp, (struct sockaddr *)&our, &n), 0);
    ck_assert_int_eq(sendto(peer, "y", 1, 0, (struct sockaddr *)&our, sizeof our), 1);
    run();
    loop_fd_free(fd_a);
    close(udp);
    close(peer);
    loop_fini();
}
END_TEST

/* ---- signals, children, threads ---- */

static int sig_seen;
static void caught(void *u, int signum)
{
    (void)u;
    sig_seen = signum;
    loop_stop();
}

START_TEST(signals)
{
    begin();
    ck_assert_int_eq(loop_signal(SIGHUP, caught, NULL), 0);
    raise(SIGHUP);
    run();
    ck_assert_int_eq(sig_seen, SIGHUP);
    ck_assert_int_lt(loop_signal(SIGKILL, caught, NULL), 0);
    loop_fini();
}
END_TEST

static int child_status, child_dones;
static char child_text[70000];

static void child_done(void *u, int status, const char *out)
{
    (void)u;
    child_dones++;
    child_status = status;
    snprintf(child_text, sizeof child_text, "%s", out);
    loop_stop();
}

static int sh(const char *script, const char *in, size_t len)
{
    const char *argv[] = { "sh", "-c", script, NULL };
    return loop_child(argv, in, len, child_done, NULL);
}

START_TEST(children)
{
    begin();
    ck_assert_int_eq(sh("cat; echo err >&2; exit 3", "hello ", 6), 0);
    run();
    ck_assert_str_eq(child_text, "hello err\n");
    ck_assert(WIFEXITED(child_status));
    ck_assert_int_eq(WEXITSTATUS(child_status), 3);

    /* standard input can be opened by name: nft does that */
    ck_assert_int_eq(sh("cat /dev/stdin", "named", 5), 0);
    run();
    ck_assert_str_eq(child_text, "named");

    ck_assert_int_eq(sh("kill -9 $$", NULL, 0), 0);
    run();
    ck_assert(WIFSIGNALED(child_status));
    ck_assert_int_eq(WTERMSIG(child_status), 9);

    /* much output is cut, not waited for */
    ck_assert_int_eq(sh("head -c 300000 /dev/zero | tr '\\0' z", NULL, 0), 0);
    run();
    ck_assert_uint_eq(strlen(child_text), 65536);

    /* much input that nobody reads */
    static char big[1000000];
    ck_assert_int_eq(sh("exit 0", big, sizeof big), 0);
    run();
    ck_assert_int_eq(child_status, 0);

    /* a grandchild that keeps the output open does not keep us */
    ck_assert_int_eq(sh("sleep 5 & echo first", NULL, 0), 0);
    run();
    ck_assert_str_eq(child_text, "first\n");

    const char *none[] = { "/nonexistent/program", NULL };
    ck_assert_int_eq(loop_child(none, NULL, 0, child_done, NULL), ADIT_ENOENT);
    ck_assert_int_eq(child_dones, 6);
    loop_fini();
}
END_TEST

START_TEST(a_child_at_the_end_is_killed_and_reported)
{
    begin();
    ck_assert_int_eq(sh("sleep 30", NULL, 0), 0);
    run_for(20);
    loop_fini();
    ck_assert_int_eq(child_dones, 1);
    ck_assert_int_eq(WTERMSIG(child_status), SIGKILL);
}
END_TEST

struct job {
    int ran;
    int32_t status;
    int dones;
};
static int jobs_left;

static void job_run(void *u)
{
    struct job *j = u;
    usleep(2000);
    j->ran = 1;
}

static void job_done(void *u, int32_t status)
{
    struct job *j = u;
    j->status = status;
    j->dones++;
    if (--jobs_left == 0)
        loop_stop();
}

START_TEST(work_is_done_once_each_cancelled_or_not)
{
    static struct job jobs[60];
    struct loop_work *w[60];
    begin();
    jobs_left = 60;
    for (int i = 0; i < 60; i++)
        ck_assert_ptr_nonnull(w[i] = loop_work(job_run, job_done, &jobs[i]));
    for (int i = 0; i < 60; i += 2)
        loop_work_cancel(w[i]);
    run();
    int never = 0;
    for (int i = 0; i < 60; i++) {
        ck_assert_int_eq(jobs[i].dones, 1);
        ck_assert_int_eq(jobs[i].status == ADIT_ECANCELED, !jobs[i].ran);
        never += !jobs[i].ran;
        if (i % 2)
            ck_assert_int_eq(jobs[i].status, 0);
    }
    ck_assert_int_ge(never, 20);
    loop_fini();
}
END_TEST

START_TEST(work_that_is_left_at_the_end_is_done_too)
{
    static struct job jobs[20];
    begin();
    jobs_left = 1000;
    for (int i = 0; i < 20; i++)
        loop_work(job_run, job_done, &jobs[i]);
    loop_fini();
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(jobs[i].dones, 1);
    ck_assert_ptr_null(loop_work(job_run, job_done, &jobs[0]));
}
END_TEST

static int posts;
static void posted(void *u)
{
    (void)u;
    if (++posts == 4 * 1000)
        loop_stop();
}
static void *poster(void *u)
{
    (void)u;
    for (int i = 0; i < 1000; i++)
        loop_post(posted, NULL);
    return NULL;
}

START_TEST(posts_from_threads)
{
    pthread_t t[4];
    begin();
    for (int i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, poster, NULL);
    run();
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    loop_post(posted, NULL);
    loop_fini();
    ck_assert_int_eq(posts, 4001);      /* what was asked for is done */
    ck_assert_int_eq(loop_post(posted, NULL), ADIT_ESTATE);
}
END_TEST

/* ---- streams ---- */

struct end {
    struct adit_stream *s;
    char text[256];
    size_t bytes;
    int ups, gones;
    int32_t code;
    bool echo, close_in_rx, stop_at_gone, stop_at_rx, stop_at_up;
};

static void end_up(void *u)
{
    struct end *e = u;
    e->ups++;
    if (e->stop_at_up)
        loop_stop();
}

static void end_rx(void *u, const uint8_t *data, uint32_t len)
{
    struct end *e = u;
    size_t room = sizeof e->text - 1 - strlen(e->text);
    ck_assert_msg(!e->gones, "bytes after the end");
    strncat(e->text, (const char *)data, len < room ? len : room);
    e->bytes += len;
    if (e->echo)
        S->tx(e->s, data, len);
    if (e->close_in_rx) {
        S->close(e->s);
        e->s = NULL;
    }
    if (e->stop_at_rx)
        loop_stop();
}

static void end_gone(void *u, int32_t code)
{
    struct end *e = u;
    e->gones++;
    e->code = code;
    e->s = NULL;
    if (e->stop_at_gone)
        loop_stop();
}

static const struct adit_stream_ops end_ops = { sizeof end_ops, end_up, end_rx, end_gone };

static struct end server;
static int accepts;
static bool refuse;

static void on_accept(void *u, struct adit_stream *s)
{
    (void)u;
    accepts++;
    if (refuse)
        return;
    server.s = s;
    S->take(s, &end_ops, &server);
}

static struct adit_listener *listen_at(const char *text, struct adit_addr *at)
{
    struct adit_listener *l;
    ck_assert_int_eq(addr_parse(text, at), 0);
    ck_assert_int_eq(S->listen(NULL, at, on_accept, NULL, &l), 0);
    loop_listener_addr(l, at);
    return l;
}

/* A plain blocking socket to an address. */
static int dial(const struct adit_addr *to)
{
    struct sockaddr_storage ss = { 0 };
    socklen_t n = addr_to_sa(to, (struct sockaddr *)&ss);
    int fd = socket(to->family == ADIT_AF_IPV6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
    ck_assert_int_ge(fd, 0);
    if (connect(fd, (struct sockaddr *)&ss, n) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

START_TEST(connect_talk_close)
{
    struct adit_addr at, our, peer;
    struct end client = { .stop_at_rx = true };
    begin();
    struct adit_listener *l = listen_at("127.0.0.1", &at);
    server.echo = true;
    ck_assert_int_eq(S->connect(NULL, NULL, &at, &end_ops, &client, &client.s), 0);
    ck_assert_int_eq(S->tx(client.s, "early ", 6), 0);  /* before it is up */
    run();
    ck_assert_int_eq(client.ups, 1);
    ck_assert_int_eq(server.ups, 0);
    ck_assert_str_eq(client.text, "early ");
    S->addrs(client.s, &our, &peer);
    ck_assert(addr_equal(&peer, &at));
    struct adit_addr s_our, s_peer;
    S->addrs(server.s, &s_our, &s_peer);
    ck_assert(addr_equal(&s_peer, &our) && addr_equal(&s_our, &at));
    ck_assert_int_eq(S->tx(client.s, "bye", 3), 0);
    S->close(client.s);
    server.stop_at_gone = true;
    run();
    ck_assert_str_eq(server.text, "early bye");
    ck_assert_int_eq(server.gones, 1);
    ck_assert_int_eq(server.code, 0);
    ck_assert_int_eq(client.gones, 0);
    S->listen_close(l);
    ck_assert_int_eq(dial(&at), -1);
    loop_fini();
}
END_TEST

START_TEST(options_of_the_sockets)
{
    struct adit_addr at;
    begin();
    struct adit_listener *l = listen_at("127.0.0.1", &at);
    int fd = dial(&at);
    run_for(10);
    ck_assert_int_eq(accepts, 1);
    /* the server's descriptor is the highest but one: look at all of them */
    int nodelay = 0, found = 0;
    for (int i = 3; i < 64; i++) {
        struct sockaddr_storage ss;
        socklen_t n = sizeof ss;
        if (i != fd && getpeername(i, (struct sockaddr *)&ss, &n) == 0 && ss.ss_family == AF_INET) {
            n = sizeof nodelay;
            found++;
            ck_assert_int_eq(getsockopt(i, IPPROTO_TCP, TCP_NODELAY, &nodelay, &n), 0);
            ck_assert_int_ne(nodelay, 0);
            ck_assert_int_ne(fcntl(i, F_GETFD) & FD_CLOEXEC, 0);
        }
    }
    ck_assert_int_eq(found, 1);
    close(fd);
    S->listen_close(l);
    /* the port of a connection in TIME_WAIT can be listened on at once */
    ck_assert_int_eq(S->listen(NULL, &at, on_accept, NULL, &l), 0);
    loop_fini();
}
END_TEST

START_TEST(family_none_is_both)
{
    struct adit_addr at, to;
    begin();
    listen_at("none", &at);
    ck_assert_uint_ne(at.port, 0);
    addr_parse("127.0.0.1", &to);
    to.port = at.port;
    int a = dial(&to);
    ck_assert_int_ge(a, 0);
    addr_parse("::1", &to);
    to.port = at.port;
    int six = socket(AF_INET6, SOCK_STREAM, 0), want = 1;
    if (six >= 0 && access("/proc/net/if_inet6", R_OK) == 0) {
        int b = dial(&to);
        if (b >= 0)
            want = 2;
        else
            ck_assert_int_eq(errno, EADDRNOTAVAIL);
    }
    run_for(20);
    ck_assert_int_eq(accepts, want);
    struct adit_addr our;
    S->addrs(server.s, &our, NULL);
    ck_assert_uint_eq(our.family, want == 2 ? ADIT_AF_IPV6 : ADIT_AF_IPV4);
    close(a);
    loop_fini();
}
END_TEST

START_TEST(an_address_in_use_is_said)
{
    struct adit_addr at;
    struct adit_listener *l;
    begin();
    listen_at("127.0.0.1", &at);
    ck_assert_int_eq(S->listen(NULL, &at, on_accept, NULL, &l), ADIT_EADDRINUSE);
    ck_assert_ptr_null(l);
    addr_parse("192.0.2.1:1723", &at);
    ck_assert_int_eq(S->listen(NULL, &at, on_accept, NULL, &l), ADIT_EUNREACH);
    loop_fini();
}
END_TEST

START_TEST(nobody_there)
{
    struct adit_addr at, from;
    struct end client = { .stop_at_gone = true };
    begin();
    struct adit_listener *l = listen_at("127.0.0.1", &at);
    S->listen_close(l);
    int rc = S->connect(NULL, NULL, &at, &end_ops, &client, &client.s);
    if (rc == 0) {
        run();
        ck_assert_int_eq(client.gones, 1);
        rc = client.code;
    }
    ck_assert_int_eq(rc, ADIT_EUNREACH);
    addr_parse("192.0.2.1", &from);
    ck_assert_int_eq(S->connect(NULL, &from, &at, &end_ops, &client, &client.s), ADIT_EUNREACH);
    at.port = 0;
    ck_assert_int_eq(S->connect(NULL, NULL, &at, &end_ops, &client, &client.s), ADIT_EINVAL);
    loop_fini();
}
END_TEST

START_TEST(an_untaken_stream_is_closed)
{
    struct adit_addr at;
    char c;
    begin();
    listen_at("127.0.0.1", &at);
    refuse = true;
    int fd = dial(&at);
    run_for(20);
    ck_assert_int_eq(accepts, 1);
    ck_assert_int_eq(recv(fd, &c, 1, MSG_DONTWAIT), 0);
    close(fd);
    loop_fini();
}
END_TEST

START_TEST(a_slow_reader_is_bounded)
{
    static uint8_t chunk[4096];
    struct adit_addr at;
    begin();
    listen_at("127.0.0.1", &at);
    int fd = dial(&at);
    run_for(10);
    int rc = 0, sent = 0;
    for (; rc == 0 && sent < 100000; sent++)
        rc = S->tx(server.s, chunk, sizeof chunk);
    ck_assert_int_eq(rc, ADIT_ENOSPC);
    ck_assert_uint_le(loop_stream_queued(server.s), 65536);
    ck_assert_uint_gt(loop_stream_queued(server.s), 65536 - 4096);
    /* nothing of the refused one was queued: what arrives is whole */
    size_t want = (size_t)(sent - 1) * sizeof chunk, got = 0;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    for (int i = 0; i < 2000 && got < want; i++) {
        ssize_t n;
        uint8_t in[65536];
        while ((n = recv(fd, in, sizeof in, 0)) > 0)
            got += (size_t)n;
        run_for(1);
    }
    ck_assert_uint_eq(got, want);
    ck_assert_uint_eq(loop_stream_queued(server.s), 0);
    ck_assert_int_eq(S->tx(server.s, "x", 1), 0);
    /* the bound is the owner's to set */
    static uint8_t big[300000];
    ck_assert_int_eq(S->tx(server.s, big, sizeof big), ADIT_ENOSPC);
    loop_stream_bound(server.s, 1u << 20);
    ck_assert_int_eq(S->tx(server.s, big, sizeof big), 0);
    close(fd);
    run_for(20);
    ck_assert_int_eq(server.gones, 1);
    loop_fini();
}
END_TEST

START_TEST(a_reset_is_told_once)
{
    struct adit_addr at;
    struct linger hard = { 1, 0 };
    begin();
    listen_at("127.0.0.1", &at);
    int fd = dial(&at);
    run_for(10);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(fd);
    /* written to before the loop saw the reset */
    S->tx(server.s, "x", 1);
    S->tx(server.s, "y", 1);
    server.stop_at_gone = true;
    run();
    ck_assert_int_eq(server.gones, 1);
    ck_assert_int_eq(server.code, ADIT_EIO);
    run_for(10);
    ck_assert_int_eq(server.gones, 1);
    loop_fini();
}
END_TEST

START_TEST(the_last_word_arrives_before_the_end)
{
    static uint8_t chunk[60000];
    struct adit_addr at;
    char in[65536];
    begin();
    listen_at("127.0.0.1", &at);
    int fd = dial(&at);
    run_for(10);
    /* bytes that we never read would turn our close into a reset */
    ck_assert_int_eq(send(fd, chunk, sizeof chunk, 0), sizeof chunk);
    ck_assert_int_eq(S->tx(server.s, chunk, sizeof chunk), 0);
    S->close(server.s);
    ck_assert_int_eq(S->tx(server.s, "x", 1), ADIT_ESTATE);
    run_for(20);
    size_t got = 0;
    ssize_t n;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    while ((n = recv(fd, in, sizeof in, 0)) > 0)
        got += (size_t)n;
    ck_assert_uint_eq(got, sizeof chunk);
    ck_assert_int_eq(n, 0);             /* an end, not a reset */
    close(fd);
    run_for(20);
    ck_assert_int_eq(server.gones, 0);
    loop_fini();
}
END_TEST

START_TEST(a_half_closed_peer_still_gets_its_answer)
{
    struct adit_addr at;
    char in[16];
    begin();
    listen_at("127.0.0.1", &at);
    server.echo = true;
    server.stop_at_gone = true;
    int fd = dial(&at);
    ck_assert_int_eq(send(fd, "ping", 4, 0), 4);
    shutdown(fd, SHUT_WR);
    run();
    ck_assert_int_eq(recv(fd, in, sizeof in, 0), 4);
    ck_assert_int_eq(recv(fd, in, sizeof in, 0), 0);
    ck_assert_int_eq(server.code, 0);
    close(fd);
    loop_fini();
}
END_TEST

START_TEST(closing_inside_rx_is_the_last_call)
{
    struct adit_addr at;
    begin();
    listen_at("127.0.0.1", &at);
    server.close_in_rx = true;
    int fd = dial(&at);
    ck_assert_int_eq(send(fd, "abc", 3, 0), 3);
    run_for(20);
    send(fd, "def", 3, MSG_NOSIGNAL);
    run_for(20);
    ck_assert_str_eq(server.text, "abc");
    ck_assert_int_eq(server.gones, 0);
    close(fd);
    loop_fini();
}
END_TEST

static struct adit_listener *self_closing;
static void accept_closes(void *u, struct adit_stream *s)
{
    on_accept(u, s);
    S->listen_close(self_closing);
}

START_TEST(a_listener_closed_in_its_own_accept)
{
    struct adit_addr at;
    begin();
    addr_parse("127.0.0.1", &at);
    ck_assert_int_eq(S->listen(NULL, &at, accept_closes, NULL, &self_closing), 0);
    loop_listener_addr(self_closing, &at);
    int a = dial(&at), b = dial(&at);
    run_for(20);
    ck_assert_int_eq(accepts, 1);
    close(a);
    close(b);
    loop_fini();
}
END_TEST

START_TEST(out_of_descriptors_does_not_spin)
{
    struct adit_addr at;
    struct rlimit old, tight;
    begin();
    listen_at("127.0.0.1", &at);
    int fd = dial(&at);
    getrlimit(RLIMIT_NOFILE, &old);
    tight = old;
    tight.rlim_cur = 3;
    setrlimit(RLIMIT_NOFILE, &tight);
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    run_for(250);
    getrusage(RUSAGE_SELF, &after);
    ck_assert_int_eq(accepts, 0);
    long us = (after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000000 +
              (after.ru_utime.tv_usec - before.ru_utime.tv_usec) +
              (after.ru_stime.tv_sec - before.ru_stime.tv_sec) * 1000000 +
              (after.ru_stime.tv_usec - before.ru_stime.tv_usec);
    ck_assert_int_lt(us, 120000);
    setrlimit(RLIMIT_NOFILE, &old);
    run_for(250);
    ck_assert_int_eq(accepts, 1);
    close(fd);
    loop_fini();
}
END_TEST

START_TEST(many_connections_come_and_go)
{
    struct adit_addr at;
    begin();
    listen_at("127.0.0.1", &at);
    refuse = true;
    for (int round = 0; round < 5; round++) {
        int fd[100];
        for (int i = 0; i < 100; i++)
            fd[i] = dial(&at);
        run_for(10);
        for (int i = 0; i < 100; i++)
            close(fd[i]);
        run_for(10);
    }
    ck_assert_int_eq(accepts, 500);
    /* no descriptor is left behind */
    int open_fds = 0;
    for (int i = 3; i < 256; i++)
        open_fds += fcntl(i, F_GETFD) >= 0;
    ck_assert_int_lt(open_fds, 20);
    loop_fini();
}
END_TEST

/* ---- Unix ---- */

static int dial_unix(const char *path)
{
    struct sockaddr_un sun = { .sun_family = AF_UNIX };
    snprintf(sun.sun_path, sizeof sun.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&sun, sizeof sun) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

START_TEST(unix_sockets)
{
    char dir[] = "/tmp/adit-loop-XXXXXX", path[64], file[64], in[8];
    struct adit_listener *l, *second;
    struct stat st;
    uint32_t uid, gid;
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/s", dir);
    snprintf(file, sizeof file, "%s/file", dir);
    begin();
    ck_assert_int_eq(loop_unix_listen(path, 0600, on_accept, NULL, &l), 0);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
    server.echo = true;
    int fd = dial_unix(path);
    ck_assert_int_eq(send(fd, "ping", 4, 0), 4);
    run_for(20);
    ck_assert_int_eq(loop_unix_peer(server.s, &uid, &gid), 0);
    ck_assert_uint_eq(uid, getuid());
    ck_assert_int_eq(recv(fd, in, sizeof in, 0), 4);
    /* somebody listens: refused, and the socket stays theirs */
    ck_assert_int_eq(loop_unix_listen(path, 0600, on_accept, NULL, &second), ADIT_EADDRINUSE);
    ck_assert_int_eq(stat(path, &st), 0);
    close(fd);
    S->listen_close(l);
    ck_assert_int_lt(stat(path, &st), 0);

    /* left behind by a crash: replaced */
    struct sockaddr_un sun = { .sun_family = AF_UNIX };
    snprintf(sun.sun_path, sizeof sun.sun_path, "%s", path);
    int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(dead, (struct sockaddr *)&sun, sizeof sun), 0);
    close(dead);
    ck_assert_int_eq(loop_unix_listen(path, 0660, on_accept, NULL, &l), 0);
    fd = dial_unix(path);
    ck_assert_int_ge(fd, 0);
    close(fd);

    /* an ordinary file is nobody's to remove */
    close(open(file, O_CREAT | O_WRONLY, 0600));
    ck_assert_int_eq(loop_unix_listen(file, 0660, on_accept, NULL, &second), ADIT_EEXIST);
    ck_assert_int_eq(stat(file, &st), 0);
    char lengthy[200];
    memset(lengthy, 'x', sizeof lengthy);
    lengthy[0] = '/';
    lengthy[199] = '\0';
    ck_assert_int_eq(loop_unix_listen(lengthy, 0660, on_accept, NULL, &second), ADIT_EINVAL);
    loop_fini();                        /* removes the socket file */
    ck_assert_int_lt(stat(path, &st), 0);
    unlink(file);
    rmdir(dir);
}
END_TEST

START_TEST(the_loop_can_begin_again)
{
    for (int i = 0; i < 3; i++) {
        begin();
        ck_assert_int_eq(loop_init(), ADIT_ESTATE);
        run_for(1);
        loop_fini();
        loop_fini();
    }
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = { timers_fire_in_order_and_stop,
        a_timer_that_sets_itself_to_zero_starves_nobody, thirty_thousand_timers,
        round_end_runs_once_after_the_callbacks, round_end_asked_in_a_round_end_is_the_next_one,
        round_end_can_be_taken_back, round_end_comes_also_when_the_loop_stops,
        descriptors_are_level_triggered, an_icmp_error_does_not_stop_the_watch, signals, children,
        a_child_at_the_end_is_killed_and_reported, work_is_done_once_each_cancelled_or_not,
        work_that_is_left_at_the_end_is_done_too, posts_from_threads, connect_talk_close,
        options_of_the_sockets, family_none_is_both, an_address_in_use_is_said, nobody_there,
        an_untaken_stream_is_closed, a_slow_reader_is_bounded, a_reset_is_told_once,
        the_last_word_arrives_before_the_end, a_half_closed_peer_still_gets_its_answer,
        closing_inside_rx_is_the_last_call, a_listener_closed_in_its_own_accept,
        out_of_descriptors_does_not_spin, many_connections_come_and_go, unix_sockets,
        the_loop_can_begin_again, NULL };
    return unit_suite("loop", tests);
}
UNIT_MAIN(suite)
