/* dp_tunnel.c - the smallest tunnel over the data path and the paths: for tests
 * and measurements.
 *
 *     dp_tunnel tunnel tun=a0 our=10.9.0.1 client=10.9.0.2 at=192.0.2.1:5000
 *                      peer=192.0.2.2:5000 [route=10.1.0.0/16 ...] [state=DIR]
 *                      [mtu=1400] [cmtu=1400] [forward] [proxy] [plain] [gre] [own=NAME [default] [demand]]
 *                      [pin]
 *     dp_tunnel recover DIR               # undoes what a killed one left
 *     dp_tunnel sink ADDR PORT            # takes streams, checks every byte
 *     dp_tunnel source ADDR PORT BYTES    # sends one; prints Mbit/s
 *     dp_tunnel echo ADDR PORT            # UDP: sends back
 *     dp_tunnel ask ADDR PORT SIZE COUNT  # UDP: asks and compares
 *     dp_tunnel blast ADDR PORT SIZE COUNT [SEGMENT]  # UDP with GSO, counted by `count`
 *     dp_tunnel count ADDR PORT MS        # UDP: counts datagrams until none came for MS
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "base/addr.h"
#include "datapath/dp.h"
#include "log/log.h"
#include "loop/loop.h"
#include "path/path.h"

#define HEADER 12u

static struct dp_port *port;
static struct adit_path *path;

/* ---- the tunnel ------------------------------------------------------------------- */

static void to_client(void *u, uint16_t proto, struct adit_frame **v, uint32_t n)
{
    (void)u;
    for (uint32_t i = 0; i < n; i++) {
        uint8_t *h = adit_frame_push(v[i], HEADER);
        memset(h, 0, HEADER);
        h[0] = 0x30;
        h[10] = (uint8_t)(proto >> 8);
        h[11] = (uint8_t)proto;
    }
    path_api.tx(path, v, n);
}

static void from_path(void *u, struct adit_path *p, struct adit_frame **v, uint32_t n)
{
    (void)u;
    (void)p;
    struct adit_frame *w[ADIT_VECTOR];
    uint16_t proto = 0;
    uint32_t k = 0;
    for (uint32_t i = 0; i < n && port; i++) {
        if (v[i]->len < HEADER)
            continue;
        uint16_t is = (uint16_t)(v[i]->data[10] << 8 | v[i]->data[11]);
        if (k && is != proto) {
            dp_rx(port, proto, w, k);
            k = 0;
        }
        proto = is;
        (void)adit_frame_pull(v[i], HEADER);
        w[k++] = v[i];
    }
    if (k)
        dp_rx(port, proto, w, k);
}

static void quit(void *u, int signum)
{
    (void)u;
    (void)signum;
    loop_stop();
}

static void stats(void *u, int signum)
{
    (void)u;
    (void)signum;
    static const struct dp_count none;
    const struct dp_count *c = port ? dp_count(port) : &none;
    const struct dp_total *t = dp_total();
    const struct path_stat *p = path_stat();
#define S(s, f) printf(#f "=%llu ", (unsigned long long)(s)->f)
    S(c, rx_packets); S(c, rx_bytes); S(c, tx_packets); S(c, tx_bytes); S(c, rx_spoofed); S(c, rx_bad);
    S(c, tx_too_long); S(c, tx_dropped); S(t, tun_reads); S(t, tun_read_packets); S(t, tun_writes);
    S(t, tun_write_packets); S(t, no_port); S(t, tun_errors); S(p, rx_datagrams); S(p, rx_reads);
    S(p, tx_datagrams); S(p, tx_sends); S(p, tx_dropped); S(p, tx_waits);
    printf("\n");
    fflush(stdout);
}

static struct adit_addr parse(const char *text)
{
    struct adit_addr a;
    if (addr_parse(text, &a)) {
        fprintf(stderr, "%s: no address\n", text);
        exit(2);
    }
    return a;
}

/* An interface of its own: the port is attached when a packet wants through. */
static struct dp_iface *iface;
static struct dp_attach attached;
static const struct dp_ops ops = { to_client };

static void wanted(void *u, uint16_t proto, const uint8_t *packet, size_t len)
{
    (void)u;
    printf("wanted %04x %u %zu\n", proto, packet[0] >> 4, len);
    fflush(stdout);
    if (!port && dp_attach(&attached, &ops, NULL, &port))
        exit(1);
}

static int own(const char *name, const struct dp_cfg *cfg, bool everything)
{
    static const char *const all[] = { "0.0.0.0/0", "::/0" };
    struct dp_iface_cfg c = { .name = name, .mtu = cfg->mtu, .wanted = wanted };
    int rc = dp_iface_open(&c, &iface);
    if (!rc && cfg->address.family)
        rc = dp_iface_addr(iface, &cfg->address, &attached.address, true);
    if (!rc && cfg->address6.family)
        rc = dp_iface_addr(iface, &cfg->address6, &attached.address6, true);
    for (int i = 0; i < 2 && everything && !rc; i++) {
        struct adit_addr net = parse(all[i]);
        rc = dp_iface_route(iface, &net, 50, true);
    }
    attached.iface = iface;
    return rc;
}

static int tunnel(char **arg)
{
    struct dp_cfg cfg = { .tun = "adt0", .mtu = 1400, .offload = 1 };
    struct adit_addr routes[8], bind_at = { 0 }, peer = { 0 };
    const char *own_name = NULL;
    bool everything = false, demand = false, pin = false;
    uint32_t protocol = ADIT_PROTO_UDP;
    for (; *arg; arg++) {
        char *v = strchr(*arg, '=');
        if (v)
            *v++ = '\0';
        if (!strcmp(*arg, "tun")) cfg.tun = v;
        else if (!strcmp(*arg, "our")) cfg.address = parse(v);
        else if (!strcmp(*arg, "our6")) cfg.address6 = parse(v);
        else if (!strcmp(*arg, "client")) attached.address = parse(v);
        else if (!strcmp(*arg, "client6")) attached.address6 = parse(v);
        else if (!strcmp(*arg, "at")) bind_at = parse(v);
        else if (!strcmp(*arg, "peer")) peer = parse(v);
        else if (!strcmp(*arg, "route") && attached.route_count < 8) routes[attached.route_count++] = parse(v);
        else if (!strcmp(*arg, "state")) cfg.state_dir = v;
        else if (!strcmp(*arg, "mtu")) cfg.mtu = (uint32_t)atoi(v);
        else if (!strcmp(*arg, "cmtu")) attached.mtu = (uint32_t)atoi(v);
        else if (!strcmp(*arg, "own")) own_name = v;
        else if (!strcmp(*arg, "default")) everything = true;
        else if (!strcmp(*arg, "demand")) demand = true;
        else if (!strcmp(*arg, "pin")) pin = true;
        else if (!strcmp(*arg, "forward")) cfg.forward = 1;
        else if (!strcmp(*arg, "proxy")) cfg.proxy_arp = 1;
        else if (!strcmp(*arg, "plain")) cfg.offload = 0;
        else if (!strcmp(*arg, "gre")) protocol = ADIT_PROTO_GRE;
        else { fprintf(stderr, "%s?\n", *arg); return 2; }
    }
    static const struct adit_path_ops path_ops = { sizeof path_ops, from_path, NULL };
    struct adit_port *p;
    attached.routes = routes;
    attached.who = "test";
    log_level(ADIT_LOG_NOTICE);
    if (loop_init())
        return 1;
    dp_recover(cfg.state_dir);
    if (own_name)
        cfg.tun = NULL;
    int rc = dp_open(&cfg);
    if (rc == 0 && pin)
        rc = dp_pin(&peer, true);
    if (rc == 0 && own_name)
        rc = own(own_name, &cfg, everything);
    if (rc == 0 && !demand)
        rc = dp_attach(&attached, &ops, NULL, &port);
    if (rc == 0)
        rc = path_api.bind(NULL, protocol, &bind_at, 0, &path_ops, NULL, &p);
    if (rc == 0)
        rc = path_api.open(p, &peer, &path);
    if (rc) {
        fprintf(stderr, "%d\n", rc);
        dp_close();
        return 1;
    }
    loop_signal(SIGTERM, quit, NULL);
    loop_signal(SIGINT, quit, NULL);
    loop_signal(SIGUSR1, stats, NULL);
    printf("ready %s\n", iface ? dp_iface_name(iface) : dp_tun_name());
    fflush(stdout);
    loop_run();
    stats(NULL, 0);
    path_api.drop(path);
    path_api.unbind(p);
    dp_detach(port);
    dp_iface_close(iface);
    dp_close();
    loop_fini();
    return 0;
}

/* ---- traffic that is checked -------------------------------------------------------------- */

static socklen_t where(struct sockaddr_storage *sa, char **arg)
{
    struct adit_addr a = parse(arg[0]);
    a.port = (uint16_t)atoi(arg[1]);
    memset(sa, 0, sizeof *sa);
    return addr_to_sa(&a, (struct sockaddr *)sa);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A byte of the stream by its place: no period that a lost segment could hide in. */
static uint8_t pattern(uint64_t at) { return (uint8_t)((at * 0x9e3779b97f4a7c15u) >> 53); }

static int sink(char **arg)
{
    struct sockaddr_storage sa;
    socklen_t len = where(&sa, arg);
    int one = 1, l = socket(sa.ss_family, SOCK_STREAM, 0);
    setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(l, (struct sockaddr *)&sa, len) || listen(l, 64))
        return perror("sink"), 1;
    for (;;) {
        int c = accept(l, NULL, NULL);
        if (c < 0)
            return 1;
        if (fork() == 0) {
            static uint8_t b[1 << 18];
            uint64_t at = 0;
            char verdict = 'k';
            uint64_t want = 0;
            if (recv(c, &want, sizeof want, MSG_WAITALL) != sizeof want)
                _exit(1);
            while (at < want) {
                ssize_t n = read(c, b, sizeof b);
                if (n <= 0)
                    break;
                for (ssize_t i = 0; i < n; i++)
                    if (b[i] != pattern(at + (uint64_t)i))
                        verdict = 'x';
                at += (uint64_t)n;
            }
            if (at != want)
                verdict = 'x';
            if (write(c, &verdict, 1) != 1)
                _exit(1);
            _exit(0);
        }
        close(c);
        signal(SIGCHLD, SIG_IGN);
    }
}

static int source(char **arg)
{
    static uint8_t b[1 << 18];
    struct sockaddr_storage sa;
    socklen_t len = where(&sa, arg);
    uint64_t want = strtoull(arg[2], NULL, 10), at = 0;
    int c = socket(sa.ss_family, SOCK_STREAM, 0);
    struct timeval limit = { 20, 0 };
    setsockopt(c, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    setsockopt(c, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(c, (struct sockaddr *)&sa, len))
        return perror("connect"), 1;
    double t = now();
    if (write(c, &want, sizeof want) != sizeof want)
        return 1;
    while (at < want) {
        size_t n = want - at < sizeof b ? (size_t)(want - at) : sizeof b;
        for (size_t i = 0; i < n; i++)
            b[i] = pattern(at + i);
        for (size_t o = 0; o < n;) {
            ssize_t w = write(c, b + o, n - o);
            if (w <= 0)
                return perror("write"), 1;
            o += (size_t)w;
        }
        at += n;
    }
    char verdict = 0;
    if (read(c, &verdict, 1) != 1 || verdict != 'k')
        return fprintf(stderr, "the stream was damaged\n"), 1;
    printf("%.0f\n", (double)want * 8 / (now() - t) / 1e6);
    return 0;
}

static int echo(char **arg)
{
    static uint8_t b[65536];
    struct sockaddr_storage sa, from;
    socklen_t len = where(&sa, arg);
    int s = socket(sa.ss_family, SOCK_DGRAM, 0);
    if (bind(s, (struct sockaddr *)&sa, len))
        return perror("echo"), 1;
    for (;;) {
        len = sizeof from;
        ssize_t n = recvfrom(s, b, sizeof b, 0, (struct sockaddr *)&from, &len);
        if (n >= 0)
            (void)!sendto(s, b, (size_t)n, 0, (struct sockaddr *)&from, len);
    }
}

static int ask(char **arg)
{
    static uint8_t b[65536], r[65536];
    struct sockaddr_storage sa;
    socklen_t len = where(&sa, arg);
    size_t size = strtoul(arg[2], NULL, 10);
    int count = atoi(arg[3]), none = 0, s = socket(sa.ss_family, SOCK_DGRAM, 0);
    setsockopt(s, IPPROTO_IP, IP_MTU_DISCOVER, &none, sizeof none);
    if (connect(s, (struct sockaddr *)&sa, len))
        return perror("ask"), 1;
    for (int i = 0; i < count; i++) {
        for (size_t k = 0; k < size; k++)
            b[k] = pattern((uint64_t)i * 65536 + k);
        bool ok = false;
        for (int tries = 0; tries < 5 && !ok; tries++) {
            struct pollfd p = { s, POLLIN, 0 };
            (void)!send(s, b, size, 0);
            if (poll(&p, 1, 500) > 0)
                ok = recv(s, r, sizeof r, 0) == (ssize_t)size && memcmp(b, r, size) == 0;
        }
        if (!ok)
            return fprintf(stderr, "no answer to datagram %d\n", i), 1;
    }
    return 0;
}

static int blast(char **arg)
{
    static uint8_t b[65536];
    struct sockaddr_storage sa;
    socklen_t len = where(&sa, arg);
    size_t size = strtoul(arg[2], NULL, 10);
    int count = atoi(arg[3]), segment = arg[4] ? atoi(arg[4]) : 0;
    int s = socket(sa.ss_family, SOCK_DGRAM, 0);
    if (segment)
        setsockopt(s, SOL_UDP, UDP_SEGMENT, &segment, sizeof segment);
    if (connect(s, (struct sockaddr *)&sa, len))
        return perror("blast"), 1;
    for (int i = 0; i < count; i++) {
        (void)!send(s, b, size, 0);
        if (i % 16 == 15)
            usleep(500);
    }
    return 0;
}

static int count_datagrams(char **arg)
{
    static uint8_t b[65536];
    struct sockaddr_storage sa;
    socklen_t len = where(&sa, arg);
    int s = socket(sa.ss_family, SOCK_DGRAM, 0), big = 8 << 20, limit = atoi(arg[2]), first = 5000;
    unsigned long n = 0, bytes = 0;
    setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof big);
    if (bind(s, (struct sockaddr *)&sa, len))
        return perror("count"), 1;
    for (;;) {
        struct pollfd p = { s, POLLIN, 0 };
        if (poll(&p, 1, n ? limit : first) <= 0)
            break;
        ssize_t got = recv(s, b, sizeof b, 0);
        if (got >= 0) {
            n++;
            bytes += (unsigned long)got;
        }
    }
    printf("%lu %lu\n", n, bytes);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 2 && !strcmp(argv[1], "tunnel"))
        return tunnel(argv + 2);
    if (argc == 3 && !strcmp(argv[1], "recover")) {
        dp_recover(argv[2]);
        return 0;
    }
    if (argc == 4 && !strcmp(argv[1], "sink"))
        return sink(argv + 2);
    if (argc == 5 && !strcmp(argv[1], "source"))
        return source(argv + 2);
    if (argc == 4 && !strcmp(argv[1], "echo"))
        return echo(argv + 2);
    if (argc == 6 && !strcmp(argv[1], "ask"))
        return ask(argv + 2);
    if (argc >= 6 && !strcmp(argv[1], "blast"))
        return blast(argv + 2);
    if (argc == 5 && !strcmp(argv[1], "count"))
        return count_datagrams(argv + 2);
    fprintf(stderr, "usage: see the head of dp_tunnel.c\n");
    return 2;
}
