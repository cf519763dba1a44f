/* test_dp.c - ports over a real TUN, in a network namespace of each test's own.
 *
 * Without the right to make one (root, or user namespaces) only the table is
 * tested. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/addr.h"
#include "datapath/dp_int.h"
#include "log/log.h"
#include "loop/loop.h"
#include "unit.h"

static struct adit_addr at(const char *text)
{
    struct adit_addr a;
    ck_assert_int_eq(addr_parse(text, &a), 0);
    return a;
}

/* ---- the table ----------------------------------------------------------------- */

START_TEST(the_longest_network_wins)
{
    enum { N = 600 };
    static struct dp_net net[N];
    static struct adit_addr want[N];
    struct dp_port *port = calloc(N, sizeof *port);
    bool in[N] = { false };
    srand(11);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < N; i++) {
            bool v6 = i % 3 == 0;
            if (in[i]) {                        /* half of them leave again */
                if (i % 2) {
                    dp_table_del(&net[i]);
                    in[i] = false;
                }
                continue;
            }
            struct adit_addr a = { .family = v6 ? ADIT_AF_IPV6 : ADIT_AF_IPV4 };
            for (int k = 0; k < 16; k++)
                a.ip[k] = v6 || k < 4 ? (uint8_t)(rand() & 3) : 0;
            a.prefix = (uint8_t)(rand() % (v6 ? 129 : 33));
            int rc = dp_table_add(&net[i], &a, &port[i]);
            ck_assert(rc == 0 || rc == ADIT_EEXIST);
            in[i] = rc == 0;
            want[i] = net[i].net;
        }
        for (int q = 0; q < 5000; q++) {
            struct adit_addr a = { .family = q % 2 ? ADIT_AF_IPV6 : ADIT_AF_IPV4 };
            for (int k = 0; k < (q % 2 ? 16 : 4); k++)
                a.ip[k] = (uint8_t)(rand() & 3);
            a.prefix = q % 2 ? 128 : 32;
            int best = -1;
            for (int i = 0; i < N; i++)
                if (in[i] && want[i].family == a.family && addr_in(&a, &want[i]) &&
                    (best < 0 || want[i].prefix > want[best].prefix))
                    best = i;
            struct dp_port *got = q % 2 ? dp_table_find6(a.ip) : dp_table_find4(a.ip);
            ck_assert_ptr_eq(got, best < 0 ? NULL : &port[best]);
        }
    }
    for (int i = 0; i < N; i++)
        dp_table_del(&net[i]);
    dp_table_fini();
    free(port);
}
END_TEST

START_TEST(a_network_has_one_port)
{
    struct dp_net a, b;
    struct dp_port *p = calloc(2, sizeof *p);
    struct adit_addr n = at("10.1.0.0/16"), same = at("10.1.2.3");
    same.prefix = 16;
    ck_assert_int_eq(dp_table_add(&a, &n, &p[0]), 0);
    ck_assert_int_eq(dp_table_add(&b, &same, &p[1]), ADIT_EEXIST);
    dp_table_del(&b);                       /* was never in: nothing happens */
    ck_assert_ptr_eq(dp_table_find4(same.ip), &p[0]);
    dp_table_del(&a);
    ck_assert_ptr_null(dp_table_find4(same.ip));
    n.prefix = 33;
    ck_assert_int_eq(dp_table_add(&a, &n, &p[0]), ADIT_EINVAL);
    dp_table_fini();
    free(p);
}
END_TEST

/* ---- a host of our own ------------------------------------------------------------ */

static bool alone;
static struct loop_timer *limit;
static char state[64];

static void timed_out(void *u) { (void)u; loop_stop(); }

static void run_ms(uint32_t ms)
{
    loop_timer_set(limit, ms);
    loop_run();
    loop_timer_stop(limit);
}

static void setup(void)
{
    log_level(ADIT_LOG_ERROR);
    alone = unshare(geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWNET | CLONE_NEWUSER) == 0;
    ck_assert_int_eq(loop_init(), 0);
    limit = loop_timer_new(timed_out, NULL);
    snprintf(state, sizeof state, "/tmp/test_dp.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(state));
    struct dp_cfg cfg = { .tun = "tdp0", .mtu = 1400, .address = at("10.9.0.1"),
                          .address6 = at("fd09::1"), .offload = 1, .state_dir = state };
    alone = alone && access("/dev/net/tun", R_OK | W_OK) == 0 && dp_open(&cfg) == 0;
}

static void teardown(void)
{
    dp_close();
    loop_timer_free(limit);
    loop_fini();
    (void)rmdir(state);
}

#define NEEDS_TUN if (!alone) return

struct client {
    struct dp_port *port;
    uint32_t calls, n, most;
    uint16_t proto[512];
    uint32_t len[512];
    uint8_t data[512][64];
    struct client *kill;                    /* is detached when something comes */
    struct adit_frame last;
    uint8_t whole[2048];
};

static void tx(void *u, uint16_t proto, struct adit_frame **v, uint32_t n)
{
    struct client *c = u;
    ck_assert_uint_ge(n, 1);
    ck_assert_uint_le(n, ADIT_VECTOR);
    c->calls++;
    if (n > c->most)
        c->most = n;
    for (uint32_t i = 0; i < n; i++) {
        ck_assert_int_ge(v[i]->data - v[i]->room, ADIT_ROOM);
        ck_assert_int_ge(v[i]->end - (v[i]->data + v[i]->len), ADIT_ROOM);
        if (c->n == 512)
            continue;
        c->proto[c->n] = proto;
        c->len[c->n] = v[i]->len;
        memcpy(c->data[c->n++], v[i]->data, v[i]->len < 64 ? v[i]->len : 64);
        if (v[i]->len <= sizeof c->whole)
            memcpy(c->whole, v[i]->data, v[i]->len);
    }
    if (c->kill) {
        dp_detach(c->kill->port);
        c->kill->port = NULL;
        c->kill = NULL;
    }
}

static const struct dp_ops ops = { tx };

/* At most 5 s; a busy machine is slow. */
static void run_until(struct client *e, uint32_t n)
{
    for (int i = 0; i < 250 && e->n < n; i++)
        run_ms(20);
}

static void attach(struct client *c, const char *address, const char *address6, uint32_t mtu)
{
    memset(c, 0, sizeof *c);
    struct dp_attach a = { .address = at(address), .mtu = mtu, .who = address };
    if (address6)
        a.address6 = at(address6);
    ck_assert_int_eq(dp_attach(&a, &ops, c, &c->port), 0);
}

static int udp_to(const char *where)
{
    struct adit_addr a = at(where);
    struct sockaddr_storage sa;
    socklen_t len = addr_to_sa(&a, (struct sockaddr *)&sa);
    int fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, len), 0);
    return fd;
}

static struct client c[8];

START_TEST(packets_of_many_clients_become_vectors)
{
    NEEDS_TUN;
    int fd[4];
    char name[32];
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "10.9.0.%d", i + 2);
        attach(&c[i], name, NULL, 1400);
        snprintf(name, sizeof name, "10.9.0.%d:9", i + 2);
        fd[i] = udp_to(name);
    }
    for (uint8_t k = 0; k < 12; k++)            /* interleaved, as flows are */
        for (int i = 0; i < 4; i++)
            ck_assert_int_eq(send(fd[i], &k, 1, 0), 1);
    for (int i = 0; i < 4; i++)
        run_until(&c[i], 12);
    for (int i = 0; i < 4; i++) {
        ck_assert_uint_eq(c[i].n, 12);
        ck_assert_uint_eq(c[i].calls, 1);
        for (uint8_t k = 0; k < 12; k++) {
            ck_assert_uint_eq(c[i].data[k][28], k);     /* order */
            ck_assert_uint_eq(c[i].data[k][19], (unsigned)i + 2);
            ck_assert_uint_eq(c[i].proto[k], 0x0021);
        }
        ck_assert_uint_eq(dp_count(c[i].port)->tx_packets, 12);
        ck_assert_uint_eq(dp_count(c[i].port)->tx_bytes, 12 * 29);
        dp_detach(c[i].port);
    }
}
END_TEST

START_TEST(super_packets_fill_vectors_for_one_message)
{
    NEEDS_TUN;
    attach(&c[0], "10.9.0.2", NULL, 1400);
    int fd = udp_to("10.9.0.2:9"), size = 1300;
    static uint8_t b[1300 * 46];
    if (setsockopt(fd, SOL_UDP, UDP_SEGMENT, &size, sizeof size))
        return;
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(send(fd, b, sizeof b, 0), sizeof b);
    run_until(&c[0], 8 * 46);
    ck_assert_uint_eq(c[0].n, 8 * 46);
    ck_assert_uint_ge(c[0].most, 40);
    ck_assert_uint_le(c[0].calls, 16);
    dp_detach(c[0].port);
}
END_TEST

/* A session may end while its packets are on their way, by its own hand or by
 * another's. */
START_TEST(detached_inside_a_delivery)
{
    NEEDS_TUN;
    for (int who = 0; who < 3; who++) {
        int fd[3];
        char name[32];
        for (int i = 0; i < 3; i++) {
            snprintf(name, sizeof name, "10.9.0.%d", i + 2);
            attach(&c[i], name, NULL, 1400);
            snprintf(name, sizeof name, "10.9.0.%d:9", i + 2);
            fd[i] = udp_to(name);
        }
        c[1].kill = &c[who];
        for (int k = 0; k < 150; k++)
            for (int i = 0; i < 3; i++)
                (void)!send(fd[i], "x", 1, 0);
        for (int i = 0; i < 3; i++)
            if (i != who)
                run_until(&c[i], 150);
        for (int i = 0; i < 3; i++) {
            if (i != who)
                ck_assert_uint_eq(c[i].n, 150);
            dp_detach(c[i].port);
            close(fd[i]);
        }
    }
    int fd = udp_to("10.9.0.1:9");
    close(fd);
}
END_TEST

START_TEST(addresses_are_not_given_twice)
{
    NEEDS_TUN;
    memset(c, 0, sizeof c);
    struct adit_addr routes[2] = { at("10.50.0.0/16"), at("10.9.0.0/24") };
    struct dp_attach a = { .address = at("10.9.0.2"), .routes = routes, .route_count = 2 };
    struct dp_port *p, *q;
    ck_assert_int_eq(dp_attach(&a, &ops, &c[0], &p), 0);
    ck_assert_int_eq(dp_attach(&a, &ops, &c[1], &q), ADIT_EEXIST);
    a.address = at("10.9.0.3");
    ck_assert_int_eq(dp_attach(&a, &ops, &c[1], &q), 0);    /* its networks stay the first one's */
    int fd = udp_to("10.50.1.1:9"), gd = udp_to("10.9.0.3:9"), hd = udp_to("10.9.0.77:9");
    (void)!send(fd, "x", 1, 0);
    (void)!send(gd, "x", 1, 0);
    (void)!send(hd, "x", 1, 0);
    run_until(&c[0], 2);
    run_until(&c[1], 1);
    ck_assert_uint_eq(c[0].n, 2);
    ck_assert_uint_eq(c[1].n, 1);
    dp_detach(p);
    dp_detach(q);
    a.address = at("10.9.0.2");
    ck_assert_int_eq(dp_attach(&a, &ops, &c[0], &p), 0);    /* free again */
    dp_detach(p);
}
END_TEST

/* ---- from the client ------------------------------------------------------------------ */

static size_t datagram4(uint8_t *p, const char *src, const char *dst, uint16_t port, size_t payload)
{
    struct adit_addr s = at(src), d = at(dst);
    memset(p, 0, 28 + payload);
    p[0] = 0x45;
    dp_put16(p + 2, (uint32_t)(28 + payload));
    p[8] = 64;
    p[9] = IPPROTO_UDP;
    memcpy(p + 12, s.ip, 4);
    memcpy(p + 16, d.ip, 4);
    dp_ip4_check(p);
    dp_put16(p + 20, 7);
    dp_put16(p + 22, port);
    dp_put16(p + 24, (uint32_t)(8 + payload));
    return 28 + payload;
}

START_TEST(packets_from_a_client)
{
    NEEDS_TUN;
    attach(&c[0], "10.9.0.2", "fd09::2", 1400);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(777) };
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    uint8_t b[8][200];
    struct adit_frame f[8], *v[8];
    static const char *src[] = { "10.9.0.2", "10.9.0.3", "10.9.0.2", "0.0.0.0", "10.9.0.2", "10.9.0.2",
                                 "127.0.0.1", "10.9.0.2" };
    for (uint32_t i = 0; i < 8; i++) {
        size_t len = datagram4(b[i], src[i], "10.9.0.1", 777, 4);
        b[i][28] = (uint8_t)i;
        /* PPP may pad (RFC 1661 section 2) */
        f[i] = adit_frame_of(b[i], sizeof b[i], 0, len + (i == 2 ? 9 : 0));
        v[i] = &f[i];
    }
    b[4][0] = 0x65;                             /* another version */
    f[5].len = 27;                              /* cut */
    dp_rx(c[0].port, 0x0021, v, 8);
    dp_rx(c[0].port, 0x0057, v, 1);             /* IPv4 said to be IPv6 */
    dp_rx(c[0].port, 0x8021, v, 1);
    dp_flush();
    const struct dp_count *n = dp_count(c[0].port);
    ck_assert_uint_eq(n->rx_packets, 3);
    ck_assert_uint_eq(n->rx_bytes, 3 * 32);
    ck_assert_uint_eq(n->rx_spoofed, 3);
    ck_assert_uint_eq(n->rx_bad, 4);
    uint8_t got[100];
    static const uint8_t want[] = { 0, 2, 7 };
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(recv(fd, got, sizeof got, 0), 4);
        ck_assert_uint_eq(got[0], want[i]);
    }
    ck_assert_int_lt(recv(fd, got, sizeof got, 0), 0);
    dp_detach(c[0].port);
}
END_TEST

/* ---- what a session is held to ---------------------------------------------------- */

static void hold(struct client *e, const struct dp_guard_conf *conf)
{
    struct dp_guard *g;
    char why[128];
    ck_assert_msg(dp_guard_new(conf, &g, why, sizeof why) == 0, "%s", why);
    dp_port_guard(e->port, g);
}

static void send_to(const char *where, int n, size_t size)
{
    static uint8_t b[1300];
    int fd = udp_to(where);
    for (int i = 0; i < n; i++) {
        b[0] = (uint8_t)i;
        ck_assert_int_eq(send(fd, b, size, 0), (ssize_t)size);
    }
    close(fd);
}

START_TEST(filters_of_both_directions)
{
    NEEDS_TUN;
    static const char *const rules[] = {
        "deny in udp from any to any 7", "deny in ip from any to ! 10.9.0.0/24",
        "deny out udp from any to assigned 9", "deny out icmp from any to any",
    };
    attach(&c[0], "10.9.0.2", NULL, 1400);
    hold(&c[0], &(struct dp_guard_conf){ .rules = rules, .rule_count = 4 });
    send_to("10.9.0.2:9", 3, 10);
    send_to("10.9.0.2:10", 3, 10);
    run_until(&c[0], 3);
    run_ms(20);
    ck_assert_uint_eq(c[0].n, 3);
    const struct dp_count *n = dp_count(c[0].port);
    ck_assert_uint_eq(n->tx_filtered, 3);
    ck_assert_uint_eq(n->tx_packets, 3);
    uint8_t b[3][100];
    struct adit_frame f[3], *v[3];
    static const uint16_t port[] = { 7, 8, 8 };
    static const char *dst[] = { "10.9.0.1", "10.9.0.1", "10.8.0.1" };
    for (int i = 0; i < 3; i++) {
        size_t len = datagram4(b[i], "10.9.0.2", dst[i], port[i], 4);
        f[i] = adit_frame_of(b[i], sizeof b[i], 0, len);
        v[i] = &f[i];
    }
    dp_rx(c[0].port, 0x0021, v, 3);
    dp_flush();
    ck_assert_uint_eq(n->rx_filtered, 2);
    ck_assert_uint_eq(n->rx_packets, 1);
    run_ms(20);                                 /* the host says that nobody listens */
    dp_port_guard(c[0].port, NULL);
    send_to("10.9.0.2:9", 1, 10);
    run_until(&c[0], 4);
    ck_assert_uint_eq(c[0].n, 4);
    dp_detach(c[0].port);
}
END_TEST

START_TEST(what_is_beyond_the_rate_waits_its_turn)
{
    NEEDS_TUN;
    enum { N = 12, BYTES = 1028 };
    attach(&c[0], "10.9.0.2", NULL, 1400);
    hold(&c[0], &(struct dp_guard_conf){ .kbps = { 0, 80 } });  /* 10 bytes a ms */
    send_to("10.9.0.2:9", N, BYTES - 28);
    run_ms(1);
    uint64_t begun = loop_now();
    run_until(&c[0], N);
    ck_assert_uint_eq(c[0].n, N);
    for (uint8_t k = 0; k < N; k++)
        ck_assert_uint_eq(c[0].data[k][28], k);         /* in order */
    /* the bucket holds 3000 bytes, and the last one may put it in debt */
    ck_assert_uint_ge(loop_now() - begun + 30, (N * BYTES - 3000 - BYTES) / 10);
    ck_assert_uint_eq(dp_count(c[0].port)->tx_limited, 0);
    /* the queue is short: what does not fit is dropped */
    hold(&c[0], &(struct dp_guard_conf){ .kbps = { 0, 8 } });
    send_to("10.9.0.2:9", 100, BYTES - 28);
    run_ms(20);
    ck_assert_uint_gt(dp_count(c[0].port)->tx_limited, 50);
    /* another rate counts at once for those that wait, and none lets all of them go */
    uint32_t waits = 100 - (uint32_t)dp_count(c[0].port)->tx_limited;
    hold(&c[0], &(struct dp_guard_conf){ .kbps = { 0, 80 } });
    run_until(&c[0], N + 6);
    dp_port_guard(c[0].port, NULL);
    run_until(&c[0], N + waits);
    ck_assert_uint_eq(c[0].n, N + waits);
    dp_port_guard(c[0].port, NULL);
    /* one that is larger than bucket and queue passes too */
    hold(&c[0], &(struct dp_guard_conf){ .kbps = { 0, 800 } });
    int fd = udp_to("10.9.0.2:9"), size = 1300;
    static uint8_t b[1300 * 46];
    if (setsockopt(fd, SOL_UDP, UDP_SEGMENT, &size, sizeof size) == 0 && send(fd, b, sizeof b, 0) > 0) {
        (void)!send(fd, b, sizeof b, 0);
        c[0].n = 0;
        run_until(&c[0], 92);
        ck_assert_uint_eq(c[0].n, 92);
    }
    close(fd);
    dp_detach(c[0].port);
}
END_TEST

START_TEST(whoever_waits_may_go_away)
{
    NEEDS_TUN;
    for (int i = 0; i < 2; i++) {
        char name[32];
        snprintf(name, sizeof name, "10.9.0.%d", i + 2);
        attach(&c[i], name, NULL, 1400);
        hold(&c[i], &(struct dp_guard_conf){ .kbps = { 0, 80 } });
        snprintf(name, sizeof name, "10.9.0.%d:9", i + 2);
        send_to(name, 8, 1000);
    }
    run_ms(5);
    dp_detach(c[1].port);               /* with a queue */
    c[0].kill = &c[0];                  /* and from inside the delivery of one */
    run_until(&c[0], 5);
    ck_assert_ptr_null(c[0].port);
    run_ms(300);
}
END_TEST

START_TEST(a_client_is_policed)
{
    NEEDS_TUN;
    attach(&c[0], "10.9.0.2", NULL, 1400);
    hold(&c[0], &(struct dp_guard_conf){ .kbps = { 8, 0 } });
    uint8_t b[1100];
    size_t len = datagram4(b, "10.9.0.2", "10.9.0.1", 777, 1000);
    uint64_t begun = loop_now();
    for (int i = 0; i < 1000; i++) {
        struct adit_frame f = adit_frame_of(b, sizeof b, 0, len), *v = &f;
        dp_rx(c[0].port, 0x0021, &v, 1);
        dp_flush();
    }
    const struct dp_count *n = dp_count(c[0].port);
    ck_assert_uint_eq(n->rx_limited + n->rx_packets, 1000);
    ck_assert_uint_ge(n->rx_bytes, 65536);
    ck_assert_uint_le(n->rx_bytes, 65536 + len + (loop_now() - begun));
    dp_detach(c[0].port);
}
END_TEST

START_TEST(link_local_addresses_are_learnt)
{
    NEEDS_TUN;
    attach(&c[0], "10.9.0.2", "fd09:0:0:1::/64", 1400);
    uint8_t b[100] = { 0x60, 0, 0, 0, 0, 8, 58, 255 };
    b[40] = 133;                                /* router solicitation, near enough */
    struct adit_frame f = adit_frame_of(b, sizeof b, 0, 48), *v[1] = { &f };
    struct { const char *src; uint64_t spoofed; } step[] = {
        { "fe80::5", 0 }, { "fe80::6", 1 }, { "fe80::5", 1 }, { "fd09:0:0:1::77", 1 },
        { "fd09:0:0:2::77", 2 }, { "::", 3 },
    };
    for (size_t i = 0; i < sizeof step / sizeof step[0]; i++) {
        struct adit_addr s = at(step[i].src), d = at("ff02::2");
        memcpy(b + 8, s.ip, 16);
        memcpy(b + 24, d.ip, 16);
        dp_rx(c[0].port, 0x0057, v, 1);
        ck_assert_uint_eq(dp_count(c[0].port)->rx_spoofed, step[i].spoofed);
    }
    dp_flush();
    struct adit_addr ll = at("fe80::5");
    ck_assert_ptr_eq(dp_table_find6(ll.ip), c[0].port);
    dp_detach(c[0].port);
    ck_assert_ptr_null(dp_table_find6(ll.ip));
}
END_TEST

START_TEST(too_long_with_df_is_answered)
{
    NEEDS_TUN;
    attach(&c[0], "10.9.0.2", "fd09::2", 1300);
    int fd = udp_to("10.9.0.2:9"), df = IP_PMTUDISC_DO;
    setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &df, sizeof df);
    static uint8_t b[1350];
    ck_assert_int_eq(send(fd, b, 1350, 0), 1350);
    for (int i = 0; i < 250 && !dp_count(c[0].port)->tx_too_long; i++)
        run_ms(20);
    ck_assert_uint_eq(c[0].n, 0);
    ck_assert_uint_eq(dp_count(c[0].port)->tx_too_long, 1);
    int mtu = 0;
    socklen_t len = sizeof mtu;
    for (int i = 0; i < 250 && mtu != 1300; i++) {      /* on a busy host the kernel takes it in late */
        run_ms(20);
        (void)!send(fd, b, 1350, 0);            /* the error comes with it */
        ck_assert_int_eq(getsockopt(fd, IPPROTO_IP, IP_MTU, &mtu, &len), 0);
    }
    ck_assert_int_eq(mtu, 1300);
    int fd6 = udp_to("[fd09::2]:9");
    if (fd6 >= 0 && send(fd6, b, 1340, 0) == 1340) {
        mtu = 0;
        for (int i = 0; i < 250 && mtu != 1300; i++) {
            run_ms(20);
            ck_assert_int_eq(getsockopt(fd6, IPPROTO_IPV6, IPV6_MTU, &mtu, &len), 0);
        }
        ck_assert_int_eq(mtu, 1300);
    }
    dp_detach(c[0].port);
}
END_TEST

/* Both ways: a SYN from the host to the client, and from the client. */
START_TEST(mss_both_ways)
{
    NEEDS_TUN;
    attach(&c[0], "10.9.0.2", NULL, 1200);
    struct adit_addr a = at("10.9.0.2:80");
    struct sockaddr_storage sa;
    socklen_t len = addr_to_sa(&a, (struct sockaddr *)&sa);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    (void)!connect(fd, (struct sockaddr *)&sa, len);
    run_until(&c[0], 1);
    ck_assert_uint_ge(c[0].n, 1);
    struct dp_hdr h;
    ck_assert(dp_parse(c[0].whole, c[0].len[0], &h));
    ck_assert(dp_l4_ok(c[0].whole, &h));        /* the kernel left it to us */
    ck_assert_uint_eq(c[0].whole[40], 2);
    ck_assert_uint_eq(dp_get16(c[0].whole + 42), 1160);
    close(fd);
    dp_detach(c[0].port);
}
END_TEST

START_TEST(what_was_changed_is_put_back)
{
    NEEDS_TUN;
    dp_close();
    char path[96], value[8] = "";
    snprintf(path, sizeof path, "%s/undo", state);
    ck_assert_int_ne(access(path, F_OK), 0);
    ck_assert_uint_eq(if_nametoindex("tdp0"), 0);
    int fd = open("/proc/sys/net/ipv4/ip_forward", O_RDWR);
    if (fd < 0)
        return;                                 /* read-only in a container */
    (void)!write(fd, "0", 1);
    struct dp_cfg cfg = { .tun = "tdp0", .mtu = 1400, .address = at("10.9.0.1"), .forward = 1,
                          .state_dir = state };
    ck_assert_int_eq(dp_open(&cfg), 0);
    ck_assert_int_eq(access(path, F_OK), 0);
    ck_assert_int_eq(pread(fd, value, 1, 0), 1);
    ck_assert_int_eq(value[0], '1');
    ck_assert_int_eq(dp_open(&cfg), ADIT_ESTATE);
    dp_close();
    ck_assert_int_eq(pread(fd, value, 1, 0), 1);
    ck_assert_int_eq(value[0], '0');
    close(fd);
}
END_TEST

START_TEST(a_journal_is_hostile_until_read)
{
    NEEDS_TUN;
    dp_close();
    char path[96], boot[64] = "", text[1024];
    struct stat st;
    ck_assert_int_eq(stat("/proc/self/ns/net", &st), 0);
    int b = open("/proc/sys/kernel/random/boot_id", O_RDONLY);
    ck_assert_int_gt(read(b, boot, sizeof boot - 1), 30);
    boot[strcspn(boot, "\n")] = '\0';
    close(b);
    snprintf(path, sizeof path, "%s/undo", state);
    int victim = open("/tmp/test_dp.victim", O_RDWR | O_CREAT, 0600);
    (void)!write(victim, "new", 3);
    snprintf(text, sizeof text,
             "owner %s %llu\n"
             "sysctl ../../tmp/test_dp.victim old new\n"
             "sysctl net/../../../tmp/test_dp.victim old new\n"
             "sysctl kernel/panic 0 0\nsysctl net/ipv4\nproxy x\nproxy 1 nonsense\n"
             "table mine\ntable aditd-x;delete\nuntable aditd-y\n"
             "gone 99 10.0.0.1\n\n\nsysctl net/ipv4/ip_forward %0300d 1\n", boot,
             (unsigned long long)st.st_ino, 7);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    ck_assert_int_gt(write(fd, text, strlen(text)), 0);
    close(fd);
    dp_recover(state);
    char value[4] = "";
    ck_assert_int_eq(pread(victim, value, 3, 0), 3);
    ck_assert_str_eq(value, "new");
    ck_assert_int_ne(access(path, F_OK), 0);
    close(victim);
    (void)unlink("/tmp/test_dp.victim");
}
END_TEST

START_TEST(without_an_interface)
{
    dp_close();
    struct dp_attach a = { .address = at("10.9.0.2") };
    struct dp_port *p;
    ck_assert_int_eq(dp_attach(&a, &ops, &c[0], &p), ADIT_ESTATE);
    ck_assert_str_eq(dp_tun_name(), "");
    dp_detach(NULL);
    dp_flush();
    dp_recover(NULL);
    dp_recover("/nonexistent");
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        packets_of_many_clients_become_vectors, super_packets_fill_vectors_for_one_message,
        detached_inside_a_delivery, addresses_are_not_given_twice, packets_from_a_client,
        filters_of_both_directions, what_is_beyond_the_rate_waits_its_turn, whoever_waits_may_go_away,
        a_client_is_policed,
        link_local_addresses_are_learnt, too_long_with_df_is_answered, mss_both_ways,
        what_was_changed_is_put_back, a_journal_is_hostile_until_read, without_an_interface, NULL
    };
    const TTest *const pure[] = { the_longest_network_wins, a_network_has_one_port, NULL };
    Suite *s = unit_suite("dp", pure);
    TCase *tc = tcase_create("tun");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 30);
    for (size_t i = 0; tests[i]; i++)
        tcase_add_test(tc, tests[i]);
    suite_add_tcase(s, tc);
    return s;
}

UNIT_MAIN(suite)
