/* test_path.c - datagram paths over the loopback interface. */
#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/addr.h"
#include "log/log.h"
#include "loop/loop.h"
#include "path/path.h"
#include "unit.h"

static const struct adit_path_api *P = &path_api;

/* ---- an end that remembers ---- */

struct end {
    struct adit_port *port;
    struct adit_path *held, *last;
    uint32_t frames, calls, gone, most, stop_at;
    uint32_t len[4096];
    uint8_t first[4096];
    struct adit_addr our, peer;
    struct adit_path *(*hold)(struct adit_path *);
};

static void rx(void *u, struct adit_path *path, struct adit_frame **v, uint32_t n)
{
    struct end *e = u;
    ck_assert_uint_le(n, ADIT_VECTOR);
    e->calls++;
    if (n > e->most)
        e->most = n;
    for (uint32_t i = 0; i < n; i++) {
        ck_assert_uint_lt(e->frames, 4096);
        e->first[e->frames] = v[i]->len ? v[i]->data[0] : 0;
        e->len[e->frames++] = v[i]->len;
    }
    e->our = path->our;
    e->peer = path->peer;
    e->last = path;
    if (e->hold && !e->held)
        e->held = e->hold(path);
    if (e->frames >= e->stop_at)
        loop_stop();
}

static void gone(void *u, struct adit_path *path)
{
    struct end *e = u;
    e->gone++;
    if (path == e->held) {
        e->held = NULL;
        P->drop(path);
    }
    loop_stop();
}

static const struct adit_path_ops ops = { sizeof ops, rx, gone };
static struct loop_timer *limit;

static void timed_out(void *u) { (void)u; loop_stop(); }

static void run_until(struct end *e, uint32_t frames)
{
    e->stop_at = frames;
    if (e->frames >= frames)
        return;
    loop_timer_set(limit, 10000);
    loop_run();
    loop_timer_stop(limit);
}

static void setup(void)
{
    log_level(ADIT_LOG_ERROR);
    ck_assert_int_eq(loop_init(), 0);
    limit = loop_timer_new(timed_out, NULL);
}

static void teardown(void)
{
    loop_timer_free(limit);
    loop_fini();
}

static struct adit_addr at(const char *text)
{
    struct adit_addr a;
    ck_assert_int_eq(addr_parse(text, &a), 0);
    return a;
}

/* What is told of peers that fail before there is a call. */
static struct { uint32_t count, cause; struct adit_addr peer; } told;

static void tell_failed(struct adit_self *self, const struct adit_link_info *i, uint32_t cause,
                        const char *text)
{
    (void)self;
    (void)text;
    told.count++;
    told.cause = cause;
    told.peer = i->peer;
}

static const struct adit_link_api link_api = { .size = sizeof link_api, .failed = tell_failed };
static const struct adit_host host = { .size = sizeof host, .link = &link_api };
static struct adit_self tunnel = { .size = sizeof tunnel, .name = "t", .host = &host }, *binds;

static void up(struct end *e, const char *where, uint32_t flags)
{
    struct adit_addr a = at(where);
    memset(e, 0, sizeof *e);
    memset(&told, 0, sizeof told);
    ck_assert_int_eq(P->bind(binds, ADIT_PROTO_UDP, &a, flags, &ops, e, &e->port), 0);
}

/* The port was chosen by the kernel: a path to it needs its number. */
static struct adit_addr where_is(struct end *e, const char *ip, struct end *by)
{
    /* ask the kernel through a datagram of our own */
    struct adit_addr a = at(ip);
    for (uint32_t p = 1024; p < 65536; p++) {
        a.port = (uint16_t)p;
        if (path_port(ADIT_PROTO_UDP, &a) == e->port)
            return a;
    }
    (void)by;
    ck_abort();
    return a;
}

static uint8_t buf[64][2048];
static struct adit_frame frame[64];
static struct adit_frame *vec[64];

static void make(uint32_t i, uint32_t len)
{
    memset(buf[i], (int)i + 1, sizeof buf[i]);
    frame[i] = adit_frame_of(buf[i], sizeof buf[i], ADIT_ROOM, len);
    vec[i] = &frame[i];
}

START_TEST(a_vector_arrives_whole_and_in_order)
{
    struct end a, b;
    up(&a, "127.0.0.1:0", 0);
    up(&b, "127.0.0.1:0", 0);
    struct adit_addr to = where_is(&b, "127.0.0.1", &a);
    struct adit_path *p;
    ck_assert_int_eq(P->open(a.port, &to, &p), 0);
    ck_assert_uint_gt(p->mtu, 1400);
    ck_assert(p->security == NULL);
    b.hold = P->hold;
    uint64_t sends = path_stat()->tx_sends;
    for (uint32_t i = 0; i < 64; i++)
        make(i, i == 63 ? 10 : 1000);
    P->tx(p, vec, 64);
    ck_assert_uint_eq(path_stat()->tx_sends - sends, 1);
    run_until(&b, 64);
    ck_assert_uint_eq(b.frames, 64);
    for (uint32_t i = 0; i < 64; i++) {
        ck_assert_uint_eq(b.first[i], i + 1);
        ck_assert_uint_eq(b.len[i], i == 63 ? 10 : 1000);
    }
    ck_assert(addr_equal(&b.our, &to));
    /* and back on the path that was held */
    for (uint32_t i = 0; i < 3; i++)
        make(i, 100 * (i + 1));
    P->tx(b.held, vec, 3);
    run_until(&a, 3);
    ck_assert_uint_eq(a.frames, 3);
    ck_assert_ptr_eq(a.last, p);            /* the same path, not another */
    P->drop(b.held);
    P->drop(p);
    P->unbind(a.port);
    P->unbind(b.port);
    ck_assert_uint_eq(path_stat()->paths, 0);
    ck_assert_uint_eq(path_stat()->held, 0);
}
END_TEST

START_TEST(sizes_of_every_kind)
{
    struct end a, b;
    up(&a, "127.0.0.1:0", 0);
    up(&b, "127.0.0.1:0", 0);
    struct adit_addr to = where_is(&b, "127.0.0.1", &a);
    struct adit_path *p;
    ck_assert_int_eq(P->open(a.port, &to, &p), 0);
    uint32_t want[64], n = 0;
    uint64_t lost = path_stat()->tx_dropped;
    srand(7);
    for (int round = 0; round < 20; round++) {
        for (uint32_t i = 0; i < 64; i++) {
            want[i] = rand() % 3 ? 1472 : 1 + (uint32_t)rand() % 1800;
            make(i, want[i]);
        }
        P->tx(p, vec, 64);
        run_until(&b, n + 64);
        ck_assert_uint_eq(b.frames, n + 64);
        for (uint32_t i = 0; i < 64; i++) {
            ck_assert_uint_eq(b.len[n + i], want[i]);
            ck_assert_uint_eq(b.first[n + i], i + 1);
        }
        n += 64;
    }
    /* empty ones are datagrams too */
    make(0, 0);
    make(1, 5);
    make(2, 0);
    P->tx(p, vec, 3);
    run_until(&b, n + 3);
    ck_assert_uint_eq(b.len[n], 0);
    ck_assert_uint_eq(b.len[n + 1], 5);
    ck_assert_uint_eq(b.len[n + 2], 0);
    ck_assert_uint_eq(path_stat()->tx_dropped, lost);
    P->drop(p);
    P->unbind(a.port);
    P->unbind(b.port);
}
END_TEST

START_TEST(too_long_is_dropped_alone)
{
    struct end a, b;
    up(&a, "127.0.0.1:0", 0);
    up(&b, "127.0.0.1:0", 0);
    struct adit_addr to = where_is(&b, "127.0.0.1", &a);
    struct adit_path *p;
    ck_assert_int_eq(P->open(a.port, &to, &p), 0);
    static uint8_t big[66000];
    make(0, 50);
    frame[1] = adit_frame_of(big, sizeof big, 0, 65900);
    vec[1] = &frame[1];
    make(2, 50);
    uint64_t before = path_stat()->tx_dropped;
    P->tx(p, vec, 3);
    run_until(&b, 2);
    ck_assert_uint_eq(b.frames, 2);
    ck_assert_uint_eq(b.first[1], 3);
    ck_assert_uint_eq(path_stat()->tx_dropped - before, 1);
    P->drop(p);
    P->unbind(a.port);
    P->unbind(b.port);
}
END_TEST

static void say(int fd, const struct adit_addr *to, const void *data, size_t len)
{
    struct sockaddr_storage sa;
    socklen_t n = addr_to_sa(to, (struct sockaddr *)&sa);
    ck_assert_int_eq(sendto(fd, data, len, 0, (struct sockaddr *)&sa, n), (ssize_t)len);
}

START_TEST(the_called_address_answers)
{
    struct end a;
    struct adit_addr any = { .family = ADIT_AF_NONE };
    memset(&a, 0, sizeof a);
    ck_assert_int_eq(P->bind(NULL, ADIT_PROTO_UDP, &any, 0, &ops, &a, &a.port), 0);
    struct adit_addr called = at("127.9.8.7");
    for (uint32_t p = 1024; p < 65536; p++) {
        called.port = (uint16_t)p;
        if (path_port(ADIT_PROTO_UDP, &called) == a.port)
            break;
    }
    a.hold = P->hold;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    say(fd, &called, "x", 1);
    run_until(&a, 1);
    ck_assert(addr_equal(&a.our, &called));
    make(0, 20);
    P->tx(a.held, vec, 1);
    struct sockaddr_in from;
    socklen_t len = sizeof from;
    char got[100];
    ck_assert_int_eq(recvfrom(fd, got, sizeof got, 0, (struct sockaddr *)&from, &len), 20);
    ck_assert_uint_eq(ntohl(from.sin_addr.s_addr), 0x7f090807);
    P->drop(a.held);
    P->unbind(a.port);
    close(fd);
}
END_TEST

START_TEST(unknown_senders_leave_nothing)
{
    struct end a;
    up(&a, "127.0.0.1:0", 0);
    struct adit_addr to = where_is(&a, "127.0.0.1", NULL);
    for (int i = 0; i < 200; i++) {
        int fd = socket(AF_INET, SOCK_DGRAM, 0);
        say(fd, &to, "x", 1);
        close(fd);
        if (i % 50 == 49)
            run_until(&a, (uint32_t)i + 1);
    }
    ck_assert_uint_eq(a.frames, 200);
    ck_assert_uint_eq(path_stat()->paths, 0);
    P->unbind(a.port);
}
END_TEST

/* Many peers in one batch: each hears its own, in one vector. */
START_TEST(peers_are_kept_apart)
{
    enum { PEERS = 10, EACH = 12 };
    struct end a;
    int fd[PEERS];
    up(&a, "127.0.0.1:0", 0);
    struct adit_addr to = where_is(&a, "127.0.0.1", NULL);
    for (int i = 0; i < PEERS; i++)
        fd[i] = socket(AF_INET, SOCK_DGRAM, 0);
    for (int k = 0; k < EACH; k++)
        for (int i = 0; i < PEERS; i++) {
            uint8_t b[2] = { (uint8_t)(i + 1), (uint8_t)k };
            say(fd[i], &to, b, 2);
        }
    run_until(&a, PEERS * EACH);
    ck_assert_uint_eq(a.frames, PEERS * EACH);
    ck_assert_uint_lt(a.calls, PEERS * EACH / 2);
    ck_assert_uint_eq(path_stat()->paths, 0);
    P->unbind(a.port);
    for (int i = 0; i < PEERS; i++)
        close(fd[i]);
}
END_TEST

START_TEST(clear_is_refused_where_security_is_demanded)
{
    struct end a;
    binds = &tunnel;
    up(&a, "127.0.0.1:0", ADIT_PATH_SECURE);
    binds = NULL;
    struct adit_addr to = where_is(&a, "127.0.0.1", NULL);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    for (int i = 0; i < 5; i++)
        say(fd, &to, "abc", 3);
    for (int i = 0; i < 100 && path_stat()->rx_unsecured < 5; i++) {
        loop_timer_set(limit, 50);
        loop_run();
    }
    ck_assert_uint_eq(a.frames, 0);
    ck_assert_uint_eq(path_stat()->rx_unsecured, 5);
    ck_assert_uint_ge(told.count, 1);
    ck_assert_uint_eq(told.cause, ADIT_CAUSE_CLEAR_REFUSED);
    ck_assert(adit_same_host(&told.peer, &to));
    struct adit_path *p;
    to.port = 9;
    ck_assert_int_eq(P->open(a.port, &to, &p), ADIT_EDENIED);
    P->unbind(a.port);
    close(fd);
}
END_TEST

/* ---- a security layer by hand ---- */

static struct {
    uint32_t covers, frames, unused, first;     /* first: octet of the first frame */
    const void *handle;
} layer;

static int32_t l_cover(struct adit_self *self, uint32_t protocol, const struct adit_addr *a)
{
    (void)self; (void)protocol; (void)a;
    layer.covers++;
    return 0;
}
static void l_tx(struct adit_self *self, const struct adit_security_info *info,
                 const struct adit_path *path, struct adit_frame **v, uint32_t n)
{
    (void)self; (void)path;
    if (!layer.frames)
        layer.first = v[0]->data[0];
    layer.frames += n;
    layer.handle = info->handle;
}
static void l_unused(struct adit_self *self, const struct adit_security_info *info)
{
    (void)self; (void)info;
    layer.unused++;
}

START_TEST(a_security_layer_under_a_port)
{
    static const struct adit_security sec = { .size = sizeof sec, .cover = l_cover, .tx = l_tx,
                                              .unused = l_unused };
    struct adit_self self = { .size = sizeof self, .name = "ipsec" };
    struct end a;
    char name[] = "ipsec", who[] = "anna";
    up(&a, "127.0.0.1:0", ADIT_PATH_SECURE);
    ck_assert_int_eq(path_security(&self, &sec), 0);
    ck_assert_int_eq(path_security(&self, &sec), ADIT_EEXIST);
    ck_assert_uint_eq(layer.covers, 1);
    struct adit_addr our = where_is(&a, "127.0.0.1", NULL), peer = at("192.0.2.1:1701");
    struct adit_security_info one = { .size = sizeof one, .name = name, .identity = who, .overhead = 60,
                                      .handle = &a }, two = one;
    two.handle = &our;
    /* nobody holds it: nothing stays, and nobody is told */
    make(0, 9);
    path_deliver(a.port, &self, &one, &our, &peer, vec, 1);
    ck_assert_uint_eq(a.frames, 1);
    ck_assert_uint_eq(path_stat()->paths, 0);
    ck_assert_uint_eq(layer.unused, 0);
    /* two associations of one address are two paths */
    a.hold = P->hold;
    path_deliver(a.port, &self, &one, &our, &peer, vec, 1);
    struct adit_path *first = a.held;
    a.held = NULL;
    path_deliver(a.port, &self, &two, &our, &peer, vec, 1);
    struct adit_path *second = a.held;
    ck_assert_ptr_ne(first, second);
    memset(who, 0, sizeof who);             /* the layer's own memory may go */
    ck_assert_str_eq(first->security->identity, "anna");
    P->tx(first, vec, 1);
    ck_assert_ptr_eq(layer.handle, &a);
    P->tx(second, vec, 1);
    ck_assert_ptr_eq(layer.handle, &our);
    ck_assert_uint_eq(layer.frames, 2);
    P->drop(first);
    ck_assert_uint_eq(layer.unused, 1);
    /* the association ends under a held path */
    path_security_end(&self, two.handle);
    ck_assert_uint_eq(a.gone, 1);
    ck_assert_ptr_null(a.held);
    ck_assert_uint_eq(path_stat()->paths, 0);
    ck_assert_uint_eq(layer.unused, 1);
    path_security_off(&self);
    P->unbind(a.port);
}
END_TEST

/* host->security, by the port that is bound there */
START_TEST(what_a_layer_opened_finds_its_port)
{
    static const struct adit_security sec = { .size = sizeof sec, .cover = l_cover, .tx = l_tx,
                                              .unused = l_unused };
    struct adit_self self = { .size = sizeof self, .name = "ipsec" }, other = self;
    const struct adit_security_api *S = &path_security_api;
    struct end a, own;
    up(&a, "127.0.0.1:0", ADIT_PATH_SECURE);
    struct adit_addr our = where_is(&a, "127.0.0.1", NULL), peer = at("192.0.2.1:1701"), off = our;
    struct adit_security_info one = { .size = sizeof one, .handle = &a }, two = one;
    two.handle = &own;
    make(0, 9);
    ck_assert_int_eq(S->rx(&self, &one, ADIT_PROTO_UDP, &our, &peer, vec, 1), ADIT_EINVAL);
    ck_assert_ptr_null(path_unprotected());             /* nobody's port: it has no name */
    ck_assert_int_eq(path_security(&self, &sec), 0);
    ck_assert_int_eq(S->rx(&self, &one, ADIT_PROTO_UDP, &our, &peer, vec, 1), 0);
    ck_assert_uint_eq(a.frames, 1);
    off.port ^= 1;
    ck_assert_int_eq(S->rx(&self, &one, ADIT_PROTO_UDP, &off, &peer, vec, 1), ADIT_ENOENT);
    ck_assert_int_eq(S->rx(&self, &one, ADIT_PROTO_GRE, &our, &peer, vec, 1), ADIT_ENOENT);
    ck_assert_int_eq(S->rx(&other, &one, ADIT_PROTO_UDP, &our, &peer, vec, 1), ADIT_EINVAL);
    ck_assert_int_eq(S->rx(&self, NULL, ADIT_PROTO_UDP, &our, &peer, vec, 1), ADIT_EINVAL);
    /* two clients behind one NAT, from the same port: two paths */
    a.hold = P->hold;
    ck_assert_int_eq(S->rx(&self, &one, ADIT_PROTO_UDP, &our, &peer, vec, 1), 0);
    struct adit_path *first = a.held;
    a.held = NULL;
    ck_assert_int_eq(S->rx(&self, &two, ADIT_PROTO_UDP, &our, &peer, vec, 1), 0);
    struct adit_path *second = a.held;
    ck_assert_ptr_ne(first, second);
    ck_assert_ptr_eq(first->security->handle, &a);
    ck_assert_ptr_eq(second->security->handle, &own);
    S->end(&self, &own);
    ck_assert_uint_eq(a.gone, 1);
    ck_assert_ptr_null(a.held);
    S->end(&self, &own);                                /* unknown by now */
    S->end(&other, &a);
    P->drop(first);
    ck_assert_uint_eq(layer.unused, 1);
    /* a layer's own ports are not covered, and get nothing from it */
    struct adit_addr any = at("127.0.0.1:0");
    memset(&own, 0, sizeof own);
    layer.covers = 0;
    ck_assert_int_eq(P->bind(&self, ADIT_PROTO_UDP, &any, 0, &ops, &own, &own.port), 0);
    ck_assert_uint_eq(layer.covers, 0);
    our = where_is(&own, "127.0.0.1", NULL);
    ck_assert_int_eq(S->rx(&self, &one, ADIT_PROTO_UDP, &our, &peer, vec, 1), ADIT_ENOENT);
    P->unbind(own.port);
    path_security_off(&self);
    P->unbind(a.port);
    ck_assert_uint_eq(path_stat()->paths, 0);
}
END_TEST

/* ---- calls through a security layer ---- */

static struct asked {
    uint32_t begun, cancelled;
    bool at_once;               /* the answer comes inside begin() */
    void (*done)(void *u, int32_t status, const void *answer);
    void *u;
    struct adit_addr our, peer;
    int32_t code;
} asked;
static struct adit_security_info answer_info = { .size = sizeof answer_info, .overhead = 64,
                                                 .handle = &asked };

static int32_t a_begin(struct adit_self *self, const struct adit_security *sec,
                       const struct adit_path *path,
                       void (*done)(void *u, int32_t status, const void *answer), void *u,
                       adit_request *req)
{
    (void)self; (void)sec;
    if (asked.code)
        return asked.code;
    asked.begun++;
    asked.done = done;
    asked.u = u;
    asked.our = path->our;
    asked.peer = path->peer;
    ck_assert_ptr_null(path->security);
    *req = asked.begun;
    if (asked.at_once)
        done(u, 0, &answer_info);
    return 0;
}
static void a_cancel(adit_request req)
{
    ck_assert_uint_eq(req, asked.begun);
    asked.cancelled++;
    asked.done(asked.u, ADIT_ECANCELED, NULL);
}
static void l_begin(struct adit_self *self, uint64_t req, const struct adit_path *path)
{
    (void)self; (void)req; (void)path;
}

static const struct path_asks asks = { a_begin, a_cancel };
static const struct adit_security calls = { .size = sizeof calls, .cover = l_cover, .tx = l_tx,
                                            .begin = l_begin, .unused = l_unused };

/* The round ends. */
static void round_over(void)
{
    loop_timer_set(limit, 1);
    loop_run();
}

START_TEST(a_call_waits_for_its_association)
{
    for (int at_once = 0; at_once < 2; at_once++) {
        struct adit_self self = { .size = sizeof self, .name = "ipsec" };
        struct adit_addr peer = at("127.0.0.9:1701");
        struct adit_path *p, *q;
        struct end a;
        memset(&layer, 0, sizeof layer);
        asked = (struct asked){ .at_once = at_once };
        path_asks(&asks);
        ck_assert_int_eq(path_security(&self, &calls), 0);
        up(&a, "127.0.0.1:0", ADIT_PATH_SECURE);
        ck_assert_int_eq(P->open(a.port, &peer, &p), 0);
        uint32_t mtu = p->mtu;
        ck_assert_uint_eq(asked.begun, 1);
        ck_assert_uint_eq(asked.our.port, where_is(&a, "127.0.0.1", NULL).port);
        ck_assert_mem_eq(&asked.peer, &p->peer, sizeof p->peer);
        ck_assert_ptr_null(p->security);
        uint64_t dropped = path_stat()->tx_dropped;
        for (uint32_t i = 0; i < 6; i++) {
            make(i, 50 + i);
            P->tx(p, vec + i, 1);
            memset(buf[i], 0, sizeof buf[i]);           /* ours again */
        }
        ck_assert_uint_eq(layer.frames, 0);
        ck_assert_uint_eq(path_stat()->tx_dropped - dropped, 2);
        /* a second call to the same place waits for the same */
        ck_assert_int_eq(P->open(a.port, &peer, &q), 0);
        ck_assert_ptr_eq(p, q);
        ck_assert_uint_eq(asked.begun, 1);
        P->drop(q);
        if (!at_once)
            asked.done(asked.u, 0, &answer_info);
        ck_assert_ptr_null(p->security);                /* not before the round ends */
        round_over();
        ck_assert_ptr_nonnull(p->security);
        ck_assert_ptr_eq(p->security->handle, &asked);
        ck_assert_uint_eq(p->mtu, mtu - 64);
        ck_assert_uint_eq(layer.frames, 4);
        ck_assert_uint_eq(layer.first, 1);
        P->tx(p, vec, 1);
        ck_assert_uint_eq(layer.frames, 5);
        /* what comes through it is of this very path */
        make(0, 7);
        ck_assert_int_eq(path_security_api.rx(&self, &answer_info, ADIT_PROTO_UDP, &p->our, &p->peer,
                                              vec, 1), 0);
        ck_assert_ptr_eq(a.last, p);
        /* and a later call takes the association that is there */
        ck_assert_int_eq(P->open(a.port, &peer, &q), 0);
        ck_assert_ptr_eq(p, q);
        ck_assert_uint_eq(asked.begun, 1);
        P->drop(q);
        P->drop(p);
        ck_assert_uint_eq(layer.unused, 1);
        ck_assert_uint_eq(path_stat()->paths, 0);
        path_security_off(&self);
        P->unbind(a.port);
    }
}
END_TEST

START_TEST(a_call_that_gets_no_association_is_gone)
{
    struct adit_self self = { .size = sizeof self, .name = "ipsec" };
    struct adit_addr peer = at("127.0.0.9:1701");
    struct adit_path *q;
    struct end a;
    asked = (struct asked){ 0 };
    path_asks(&asks);
    ck_assert_int_eq(path_security(&self, &calls), 0);
    up(&a, "127.0.0.1:0", ADIT_PATH_SECURE);
    ck_assert_int_eq(P->open(a.port, &peer, &a.held), 0);
    make(0, 50);
    P->tx(a.held, vec, 1);
    asked.done(asked.u, ADIT_ETIMEDOUT, NULL);
    ck_assert_uint_eq(a.gone, 0);
    /* whoever calls again at once gets an attempt of his own when this one is over */
    round_over();
    ck_assert_uint_eq(a.gone, 1);
    ck_assert_ptr_null(a.held);
    round_over();
    ck_assert_uint_eq(a.gone, 1);
    ck_assert_uint_eq(path_stat()->paths, 0);

    /* a failed one that is still held does not stand in the way of the next */
    ck_assert_int_eq(P->open(a.port, &peer, &q), 0);
    asked.done(asked.u, ADIT_EAUTH, NULL);
    round_over();
    ck_assert_uint_eq(a.gone, 2);
    P->tx(q, vec, 1);
    ck_assert_int_eq(P->open(a.port, &peer, &a.held), 0);
    ck_assert_ptr_ne(q, a.held);
    ck_assert_uint_eq(asked.begun, 3);
    P->drop(q);

    /* dropped first: cancelled, and nobody hears of it */
    P->drop(a.held);
    a.held = NULL;
    ck_assert_uint_eq(asked.cancelled, 1);
    round_over();
    ck_assert_uint_eq(a.gone, 2);
    ck_assert_uint_eq(path_stat()->paths, 0);

    /* dropped between the answer and the end of the round: the layer may end it */
    layer.unused = 0;
    ck_assert_int_eq(P->open(a.port, &peer, &q), 0);
    asked.done(asked.u, 0, &answer_info);
    P->drop(q);
    ck_assert_uint_eq(layer.unused, 1);
    ck_assert_uint_eq(asked.cancelled, 1);

    /* the association ends before the round does */
    ck_assert_int_eq(P->open(a.port, &peer, &a.held), 0);
    asked.done(asked.u, 0, &answer_info);
    path_security_end(&self, answer_info.handle);
    round_over();
    ck_assert_uint_eq(a.gone, 3);

    /* the layer could not even be asked */
    asked.code = ADIT_ESTATE;
    ck_assert_int_eq(P->open(a.port, &peer, &q), ADIT_ESTATE);
    asked.code = 0;
    ck_assert_uint_eq(path_stat()->paths, 0);

    /* the layer ends under two calls, one of them answered */
    struct adit_path *r;
    struct adit_addr other = at("127.0.0.10:1701");
    ck_assert_int_eq(P->open(a.port, &other, &r), 0);
    asked.done(asked.u, 0, &answer_info);
    ck_assert_int_eq(P->open(a.port, &peer, &q), 0);
    path_security_off(&self);
    ck_assert_uint_eq(asked.cancelled, 2);
    round_over();
    ck_assert_uint_eq(a.gone, 5);
    P->drop(q);
    P->drop(r);
    ck_assert_uint_eq(path_stat()->paths, 0);

    /* a port that closes meanwhile */
    ck_assert_int_eq(path_security(&self, &calls), 0);
    ck_assert_int_eq(P->open(a.port, &peer, &q), 0);
    P->unbind(a.port);
    asked.done(asked.u, 0, &answer_info);
    round_over();
    ck_assert_uint_eq(a.gone, 5);
    P->drop(q);
    path_security_off(&self);
    ck_assert_uint_eq(path_stat()->paths, 0);
    ck_assert_uint_eq(path_stat()->held, 0);
}
END_TEST

START_TEST(a_call_that_nobody_takes_is_gone)
{
    struct end a;
    up(&a, "127.0.0.1:0", 0);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof sa;
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, len), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
    close(fd);                              /* a port where nobody listens */
    struct adit_addr to;
    addr_of_sa((struct sockaddr *)&sa, &to);
    ck_assert_int_eq(P->open(a.port, &to, &a.held), 0);
    make(0, 30);
    P->tx(a.held, vec, 1);
    loop_timer_set(limit, 2000);
    loop_run();
    ck_assert_uint_eq(a.gone, 1);
    ck_assert_uint_eq(path_stat()->paths, 0);
    P->unbind(a.port);
}
END_TEST

START_TEST(ports_in_use_and_addresses_of_others)
{
    struct end a, b;
    up(&a, "127.0.0.1:0", 0);
    struct adit_addr same = where_is(&a, "127.0.0.1", NULL), other = at("192.0.2.77:1701");
    ck_assert_int_eq(P->bind(NULL, ADIT_PROTO_UDP, &same, 0, &ops, &b, &b.port), ADIT_EADDRINUSE);
    ck_assert_int_eq(P->bind(NULL, ADIT_PROTO_UDP, &other, 0, &ops, &b, &b.port), ADIT_EUNREACH);
    ck_assert_int_eq(P->bind(NULL, 99, &same, 0, &ops, &b, &b.port), ADIT_EINVAL);
    P->unbind(a.port);
}
END_TEST

START_TEST(a_held_path_outlives_its_port)
{
    struct end a;
    up(&a, "127.0.0.1:0", 0);
    struct adit_addr to = at("127.0.0.1:9");
    struct adit_path *p;
    ck_assert_int_eq(P->open(a.port, &to, &p), 0);
    P->unbind(a.port);
    make(0, 10);
    uint64_t before = path_stat()->tx_dropped;
    P->tx(p, vec, 1);
    ck_assert_uint_eq(path_stat()->tx_dropped - before, 1);
    P->drop(p);
    ck_assert_uint_eq(path_stat()->paths, 0);
}
END_TEST

START_TEST(ipv6_paths)
{
    struct end a, b;
    struct adit_addr l = at("[::1]:0");
    memset(&a, 0, sizeof a);
    if (P->bind(NULL, ADIT_PROTO_UDP, &l, 0, &ops, &a, &a.port))
        return;                             /* a host without IPv6 */
    up(&b, "[::1]:0", 0);
    struct adit_addr to = where_is(&b, "::1", &a);
    struct adit_path *p;
    ck_assert_int_eq(P->open(a.port, &to, &p), 0);
    for (uint32_t i = 0; i < 64; i++)
        make(i, 1200);
    P->tx(p, vec, 64);
    run_until(&b, 64);
    ck_assert_uint_eq(b.frames, 64);
    ck_assert_uint_eq(b.most, 64);
    ck_assert(addr_equal(&b.our, &to));
    P->drop(p);
    P->unbind(a.port);
    P->unbind(b.port);
}
END_TEST

START_TEST(raw_gre)
{
    if (geteuid() != 0)
        return;                             /* raw sockets need CAP_NET_RAW */
    struct end a, b;
    struct adit_addr l = at("127.0.0.1"), m = at("127.0.0.2");
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    if (P->bind(NULL, ADIT_PROTO_GRE, &l, 0, &ops, &a, &a.port))
        return;
    ck_assert_int_eq(P->bind(NULL, ADIT_PROTO_GRE, &m, 0, &ops, &b, &b.port), 0);
    struct adit_path *p;
    ck_assert_int_eq(P->open(a.port, &m, &p), 0);
    for (uint32_t i = 0; i < 64; i++)
        make(i, 100 + i);
    P->tx(p, vec, 64);
    run_until(&b, 64);
    ck_assert_uint_eq(b.frames, 64);
    for (uint32_t i = 0; i < 64; i++) {
        ck_assert_uint_eq(b.len[i], 100 + i);
        ck_assert_uint_eq(b.first[i], i + 1);
    }
    ck_assert(adit_same_host(&b.our, &m));
    ck_assert(adit_same_host(&b.peer, &l));
    P->drop(p);
    P->unbind(a.port);
    P->unbind(b.port);
}
END_TEST

START_TEST(raw_esp_of_both_families)
{
    if (geteuid() != 0)
        return;
    static const struct { const char *our, *peer; } rows[] = { { "127.0.0.1", "127.0.0.2" },
                                                               { "::1", "::1" } };
    for (int k = 0; k < 2; k++) {
        struct end a;
        struct adit_addr l = at(rows[k].our), m = at(rows[k].peer), none = { 0 };
        memset(&a, 0, sizeof a);
        if (P->bind(NULL, ADIT_PROTO_ESP, &none, 0, &ops, &a, &a.port))
            return;
        struct adit_path *p;
        if (P->open_from(a.port, &l, &m, &p)) {         /* no IPv6 here */
            P->unbind(a.port);
            continue;
        }
        ck_assert_uint_eq(p->our.port + p->peer.port, 0);
        for (uint32_t i = 0; i < 64; i++)
            make(i, 100 + i);
        P->tx(p, vec, 64);
        run_until(&a, 64);
        ck_assert_uint_eq(a.frames, 64);
        for (uint32_t i = 0; i < 64; i++) {
            ck_assert_uint_eq(a.len[i], 100 + i);
            ck_assert_uint_eq(a.first[i], i + 1);
        }
        ck_assert(adit_same_host(&a.our, &m));
        ck_assert(adit_same_host(&a.peer, &l));
        ck_assert_uint_eq(a.our.port + a.peer.port, 0);
        P->drop(p);
        P->unbind(a.port);
    }
}
END_TEST

/* ---- frames that stay ---- */

static uint8_t *watched;
static uint32_t flushes;
static void at_flush(void *u)
{
    (void)u;
    flushes++;
    if (watched)
        ck_assert_uint_eq(watched[0], 7);   /* dropped, and still there */
    loop_stop();
}

START_TEST(dropped_frames_keep_their_bytes_until_the_flush)
{
    const struct adit_frame_api *F = &path_frame_api;
    uint8_t b[3000];
    memset(b, 7, sizeof b);
    path_on_flush(at_flush, NULL);
    path_on_flush(at_flush, NULL);
    for (uint32_t len = 0; len <= 3000; len += 1500) {
        struct adit_frame f = adit_frame_of(b, sizeof b, 0, len), *k = F->keep(&f);
        ck_assert_uint_eq(k->len, len);
        ck_assert_int_ge(k->data - k->room, ADIT_ROOM);
        ck_assert_int_ge(k->end - (k->data + k->len), ADIT_ROOM);
        ck_assert_int_eq(memcmp(k->data, b, len), 0);
        watched = len ? k->data : NULL;
        flushes = 0;
        F->drop(k);
        loop_timer_set(limit, 1000);
        loop_run();
        ck_assert_uint_eq(flushes, 1);
        F->drop(&f);                        /* borrowed: nothing happens */
    }
    path_off_flush(at_flush, NULL);
}
END_TEST

/* Everybody on the network of the bound address: out, and what is answered to
 * everybody or to us alone. */
START_TEST(broadcasts_leave_and_answers_arrive)
{
    struct end a, b;
    struct adit_addr everybody = at("255.255.255.255:0"), one = at("127.0.0.1:0");
    struct adit_path *to, *clear;
    up(&b, "127.0.0.1:0", 0);
    everybody.port = where_is(&b, "127.0.0.1", NULL).port;
    ck_assert_int_eq(P->open(b.port, &everybody, &clear), ADIT_EDENIED);
    one.port = everybody.port;
    P->unbind(b.port);
    up(&a, "127.0.0.1:0", ADIT_PATH_BROADCAST);
    struct adit_addr ours = where_is(&a, "127.0.0.1", NULL);
    ck_assert_int_eq(P->open(a.port, &everybody, &to), 0);
    ck_assert_uint_gt(to->mtu, 0);
    /* a server as others write them */
    int fd = socket(AF_INET, SOCK_DGRAM, 0), yes = 1;
    struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(everybody.port) }, from,
        everyone = { .sin_family = AF_INET, .sin_port = htons(ours.port),
                     .sin_addr.s_addr = htonl(INADDR_BROADCAST) };
    socklen_t len = sizeof from;
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&here, sizeof here), 0);
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &yes, sizeof yes), 0);
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3), 0);
    make(0, 300);
    P->tx(to, vec, 1);
    ck_assert_int_eq(recvfrom(fd, buf[1], sizeof buf[1], 0, (struct sockaddr *)&from, &len), 300);
    ck_assert_uint_eq(from.sin_addr.s_addr, inet_addr("127.0.0.1"));
    ck_assert_uint_eq(ntohs(from.sin_port), ours.port);
    ck_assert_int_eq(sendto(fd, buf[1], 200, 0, (struct sockaddr *)&everyone, sizeof everyone), 200);
    run_until(&a, 1);
    ck_assert_uint_eq(a.len[0], 200);
    ck_assert(adit_same_host(&a.our, &ours));
    ck_assert_uint_eq(a.peer.port, everybody.port);
    ck_assert_int_eq(sendto(fd, buf[1], 100, 0, (struct sockaddr *)&from, len), 100);
    run_until(&a, 2);
    ck_assert_uint_eq(a.len[1], 100);
    ck_assert_uint_eq(a.frames, 2);             /* and nothing that we said ourselves */
    close(fd);
    P->drop(to);
    P->unbind(a.port);
    /* it takes one address of IPv4 */
    struct adit_addr any = at("0.0.0.0:0"), six = at("[::1]:0"), none = at("192.0.2.1:0");
    const uint32_t flag = ADIT_PATH_BROADCAST;
    ck_assert_int_eq(P->bind(NULL, ADIT_PROTO_UDP, &any, flag, &ops, &a, &a.port), ADIT_EINVAL);
    ck_assert_int_eq(P->bind(NULL, ADIT_PROTO_UDP, &six, flag, &ops, &a, &a.port), ADIT_EINVAL);
    ck_assert_int_eq(P->bind(NULL, ADIT_PROTO_ESP, &one, flag, &ops, &a, &a.port), ADIT_EINVAL);
    ck_assert_int_eq(P->bind(NULL, ADIT_PROTO_UDP, &none, flag, &ops, &a, &a.port), ADIT_EUNREACH);
    ck_assert_uint_eq(path_stat()->paths, 0);
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        a_vector_arrives_whole_and_in_order, sizes_of_every_kind, too_long_is_dropped_alone,
        the_called_address_answers, unknown_senders_leave_nothing, peers_are_kept_apart,
        clear_is_refused_where_security_is_demanded, a_security_layer_under_a_port,
        what_a_layer_opened_finds_its_port, a_call_waits_for_its_association,
        a_call_that_gets_no_association_is_gone,
        a_call_that_nobody_takes_is_gone, ports_in_use_and_addresses_of_others,
        a_held_path_outlives_its_port, ipv6_paths, raw_gre, raw_esp_of_both_families,
        dropped_frames_keep_their_bytes_until_the_flush, broadcasts_leave_and_answers_arrive, NULL
    };
    Suite *s = suite_create("path");
    TCase *tc = tcase_create("path");
    tcase_add_checked_fixture(tc, setup, teardown);
    for (size_t i = 0; tests[i]; i++)
        tcase_add_test(tc, tests[i]);
    suite_add_tcase(s, tc);
    return s;
}

UNIT_MAIN(suite)
