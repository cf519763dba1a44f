/* radius.c - what an authentication costs: the whole plugin on the daemon's own loop and
 * sockets, against a RADIUS server or against one that is a child of this process.
 *
 *     adit-bench-radius --plugin .libs/auth-radius.so --respond 0 --method mschapv2
 *     adit-bench-radius --plugin .libs/auth-radius.so --server 127.0.0.1:1812 --secret s ...
 *     adit-bench-radius --plugin .libs/auth-radius.so --respond 1000 --in-flight 10000 --echo
 *
 * Knows:  a closed loop of so many logins at once, a RADIUS server that accepts everybody
 *         after a while, a stream of datagrams that is echoed by a path beside them.
 * Leaves: the plugin to itself; who runs where, and the ratios, to bench/radius-run.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <adit/plugin.h>
#include "base/addr.h"
#include "config/conf.h"
#include "control/ctl.h"
#include "crypto/crypto.h"
#include "log/log.h"
#include "loop/loop.h"
#include "path/path.h"
#include "plugin/plug.h"
#include "plugins/auth-radius/rad_msg.h"

#define ECHO_PORT 5999
#define ECHO_US   1000u         /* between two datagrams */

static struct {
    const char *plugin, *server, *secret, *user, *password, *method;
    uint32_t count, in_flight, respond_ms, ports, echo_ms;
    bool own, echo;
} opt = { .secret = "benchmark", .user = "bench", .password = "bench", .method = "mschapv2", .count = 50000,
          .in_flight = 256, .echo_ms = 4000 };

static uint64_t clock_us(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static uint64_t now_us(void) { return clock_us(CLOCK_MONOTONIC); }

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void stay_on(unsigned cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    (void)sched_setaffinity(0, sizeof set, &set);       /* one core is enough for everybody then */
}

/* ---- a server that accepts everybody ------------------------------------------------- */

struct due {
    uint64_t at_us;
    struct sockaddr_in to;
    uint32_t len;
    uint8_t bytes[512];
};

/* RFC 2548 section 2.4.2: the key's length, the key, zeros; hidden with a salt. */
static void put_key(struct rad_out *o, const struct rad_key *k, const uint8_t request[16], uint32_t type)
{
    uint8_t v[2 + 48] = { 0x80, (uint8_t)type, 16 }, digest[16];
    for (uint32_t at = 0; at < 48; at += 16) {
        const struct adit_chunk first[] = { { k->secret, k->secret_len }, { request, 16 }, { v, 2 } },
                                next[] = { { k->secret, k->secret_len }, { v + 2 + at - 16, 16 } };
        (void)crypto_digest(ADIT_MD5, at ? next : first, at ? 2 : 3, digest);
        for (int i = 0; i < 16; i++)
            v[2 + at + (uint32_t)i] ^= digest[i];
    }
    rad_put_vendor(o, RAD_VENDOR_MICROSOFT, type, v, sizeof v);
}

static uint32_t accept_all(const uint8_t *p, size_t len, const struct rad_key *k, uint8_t *out)
{
    static const char success[] = "\1S=0123456789ABCDEF0123456789ABCDEF01234567";
    static struct rad_out o;
    struct rad_attr a;
    struct rad_in in;
    if (!rad_open(&in, p, len))
        return 0;
    rad_begin_answer(&o, k, RAD_ACCESS_ACCEPT, in.authenticator);
    rad_put_u32(&o, RAD_SERVICE_TYPE, 2);
    rad_put_u32(&o, RAD_FRAMED_PROTOCOL, 1);
    rad_put_u32(&o, RAD_SESSION_TIMEOUT, 3600);
    if (rad_find(&in, RAD_VENDOR_MICROSOFT, RAD_MS_CHAP2_RESPONSE, &a)) {
        rad_put_vendor(&o, RAD_VENDOR_MICROSOFT, RAD_MS_CHAP2_SUCCESS, success, sizeof success - 1);
        put_key(&o, k, in.authenticator, RAD_MS_MPPE_SEND_KEY);
        put_key(&o, k, in.authenticator, RAD_MS_MPPE_RECV_KEY);
    }
    uint32_t n = rad_finish(&o, in.id);
    if (n > sizeof ((struct due *)0)->bytes)
        return 0;
    memcpy(out, o.bytes, n);
    return n;
}

static void respond(int fd)
{
    enum { ROOM = 65536 };
    static struct due ring[ROOM];
    static struct mmsghdr m[64];
    static struct iovec iov[64];
    static struct sockaddr_in from[64];
    static uint8_t buf[64][RAD_MAX];
    const struct rad_key k = { &crypto_api, (const uint8_t *)opt.secret, (uint32_t)strlen(opt.secret) };
    uint32_t first = 0, last = 0;
    for (;;) {
        uint64_t now = now_us();
        while (first != last && ring[first % ROOM].at_us <= now) {
            struct due *d = &ring[first++ % ROOM];
            (void)!sendto(fd, d->bytes, d->len, 0, (struct sockaddr *)&d->to, sizeof d->to);
        }
        uint64_t wait = first == last ? 1000000 : ring[first % ROOM].at_us - now;
        struct timespec t = { (time_t)(wait / 1000000), (long)(wait % 1000000) * 1000 };
        struct pollfd p = { fd, POLLIN, 0 };
        if (ppoll(&p, 1, &t, NULL) <= 0)
            continue;
        for (int i = 0; i < 64; i++) {
            iov[i] = (struct iovec){ buf[i], sizeof buf[i] };
            m[i].msg_hdr = (struct msghdr){ .msg_name = &from[i], .msg_namelen = sizeof from[i], .msg_iov = &iov[i],
                                            .msg_iovlen = 1 };
        }
        int n = recvmmsg(fd, m, 64, MSG_DONTWAIT, NULL);
        now = now_us();
        for (int i = 0; i < n && last - first < ROOM; i++) {
            struct due *d = &ring[last % ROOM];
            d->at_us = now + opt.respond_ms * 1000u;
            d->to = from[i];
            d->len = accept_all(buf[i], m[i].msg_len, &k, d->bytes);
            last += d->len > 0;
        }
    }
}

static pid_t child(void (*fn)(int fd), int fd)
{
    pid_t pid = fork();
    if (pid)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    stay_on(1);
    fn(fd);
    _exit(0);
}

static int udp_socket(uint16_t *port)
{
    struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                              .sin_port = htons(*port) };
    socklen_t len = sizeof sa;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), big = 16 << 20;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof big);
    if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof sa) || getsockname(fd, (struct sockaddr *)&sa, &len)) {
        perror("adit-bench-radius: socket");
        exit(1);
    }
    *port = ntohs(sa.sin_port);
    return fd;
}

/* ---- datagrams that pass beside ---------------------------------------------------------- */

/* When each came back, by the kernel's clock: whether this process ran then does not count. */
static void ping(int out)
{
    uint16_t port = 0;
    int fd = udp_socket(&port), on = 1;
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                              .sin_port = htons(ECHO_PORT) };
    (void)setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    uint32_t most = opt.echo_ms * 1000u / ECHO_US, got = 0;
    uint32_t *us = calloc(most, sizeof *us);
    uint64_t begin = clock_us(CLOCK_REALTIME), next = begin, until = begin + opt.echo_ms * 1000u;
    while (us && clock_us(CLOCK_REALTIME) < until + 200000u && got < most) {
        uint64_t now = clock_us(CLOCK_REALTIME);
        if (now >= next && now < until) {
            (void)!sendto(fd, &now, sizeof now, 0, (struct sockaddr *)&to, sizeof to);
            next += ECHO_US;
        }
        uint64_t sent;
        uint8_t ctl[128];
        struct iovec iov = { &sent, sizeof sent };
        struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = ctl, .msg_controllen = sizeof ctl };
        struct timespec t = { 0, 200000 };
        struct pollfd p = { fd, POLLIN, 0 };
        if (ppoll(&p, 1, &t, NULL) <= 0 || recvmsg(fd, &m, MSG_DONTWAIT) != sizeof sent)
            continue;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
            if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
                struct timespec at;
                memcpy(&at, CMSG_DATA(c), sizeof at);
                us[got++] = (uint32_t)((uint64_t)at.tv_sec * 1000000u + (uint64_t)at.tv_nsec / 1000u - sent);
            }
    }
    if (!us || !got)
        return;
    qsort(us, got, sizeof *us, by_size);
    uint32_t v[5] = { most - got, us[got / 2], us[got * 95 / 100], us[got * 99 / 100], us[got - 1] };
    (void)!write(out, v, sizeof v);
}

static void echo_rx(void *u, struct adit_path *path, struct adit_frame **v, uint32_t n)
{
    (void)u;
    path_api.hold(path);
    path_api.tx(path, v, n);
    path_api.drop(path);
}

/* ---- logins -------------------------------------------------------------------------------- */

static struct adit_self *self;
static struct plug_inst *inst;
static struct adit_attrs *attrs;
static const struct adit_auth *vt;
static struct adit_auth_query query;
static uint8_t challenge[16], response[49];
static uint32_t begun, ended, accepted;
static uint64_t *began_at;
static uint32_t *took;
static uint32_t took_count;

static void login_begin(void);
static struct loop_timer *more;

static void login_done(void *u, int32_t status, const void *answer)
{
    const struct adit_auth_answer *a = answer;
    uint32_t i = (uint32_t)(uintptr_t)u;
    took[took_count++] = (uint32_t)(now_us() - began_at[i]);
    accepted += status == 0 && a && a->verdict == ADIT_VERDICT_ACCEPT;
    if (++ended == opt.count)
        loop_stop();
    else if (begun < opt.count)
        login_begin();
}

static void login_begin(void)
{
    adit_request req;
    uint32_t i = begun++;
    began_at[i] = now_us();
    if (plug_ask(inst, 120000, login_done, (void *)(uintptr_t)i, &req)) {
        fputs("adit-bench-radius: out of memory\n", stderr);
        exit(1);
    }
    vt->check(self, req, &query);
}

/* Not all within one round, as they would not come. */
static void begin_more(void *u)
{
    (void)u;
    for (uint32_t n = 0; n < 100 && begun < opt.count && begun - ended < opt.in_flight; n++)
        login_begin();
    if (begun < opt.count && begun - ended < opt.in_flight)
        loop_timer_set(more, 1);
}

static void prepare_query(void)
{
    const struct adit_host *h = plug_host_get();
    struct adit_addr peer = { .family = ADIT_AF_IPV4, .prefix = 32, .ip = { 192, 0, 2, 7 } };
    uint8_t hash[16];
    attrs = h->attr->make();
    adit_attr_put_str(h, attrs, ADIT_ATTR_USER, opt.user);
    adit_attr_put_str(h, attrs, ADIT_ATTR_ACCOUNT, opt.user);
    adit_attr_put_str(h, attrs, ADIT_ATTR_PROTOCOL, "l2tp");
    adit_attr_put_str(h, attrs, ADIT_ATTR_CALLING_STATION, "192.0.2.7");
    adit_attr_put_str(h, attrs, ADIT_ATTR_SESSION, "bench-1");
    adit_attr_put_addr(h, attrs, ADIT_ATTR_PEER, &peer);
    query = (struct adit_auth_query){ .size = sizeof query, .attrs = attrs, .user = opt.user, .id = 1 };
    crypto_random(challenge, sizeof challenge);
    if (!strcmp(opt.method, "pap")) {
        query.method = ADIT_AUTH_PAP;
        query.password = (const uint8_t *)opt.password;
        query.password_len = (uint32_t)strlen(opt.password);
        return;
    }
    query.method = ADIT_AUTH_MSCHAPV2;
    crypto_random(response, 16);
    nt_password_hash(opt.password, strlen(opt.password), hash);
    generate_nt_response(challenge, response, opt.user, hash, response + 24);
    query.challenge = challenge;
    query.challenge_len = sizeof challenge;
    query.response = response;
    query.response_len = sizeof response;
}

static void stop_now(void *u)
{
    (void)u;
    loop_stop();
}

static double idle[5], loaded[5];

/* Echoes for a while; the child's five numbers. */
static void echo_take(int fd, double out[5])
{
    uint32_t v[5] = { 0 };
    if (read(fd, v, sizeof v) != sizeof v)
        fputs("adit-bench-radius: no datagram came back\n", stderr);
    for (int i = 0; i < 5; i++)
        out[i] = v[i];
}

static void print_json(uint64_t wall_us, uint64_t cpu_us)
{
    qsort(took, took_count, sizeof *took, by_size);
    printf("{\"method\": \"%s\", \"logins\": %u, \"accepted\": %u, \"in_flight\": %u, \"seconds\": %.3f, "
           "\"per_second\": %.0f, \"cpu_us_each\": %.2f, \"took_us_p50\": %u, \"took_us_p99\": %u", opt.method, ended,
           accepted, opt.in_flight, (double)wall_us / 1e6, ended * 1e6 / (double)wall_us,
           (double)cpu_us / ended, took[took_count / 2], took[took_count * 99ull / 100]);
    if (opt.echo)
        for (int k = 0; k < 2; k++) {
            const double *v = k ? loaded : idle;
            printf(", \"%s\": {\"lost\": %.0f, \"p50_us\": %.0f, \"p95_us\": %.0f, \"p99_us\": %.0f, \"max_us\": %.0f}",
                   k ? "loaded" : "idle", v[0], v[1], v[2], v[3], v[4]);
        }
    printf("}\n");
}

static const char usage[] =
    "usage: adit-bench-radius --plugin FILE [--respond MS | --server ADDRESS:PORT] [options]\n"
    "  --secret S --user U --password P --method pap|mschapv2\n"
    "  --count N --in-flight N     logins in all, and at once\n"
    "  --echo                      datagrams pass beside them: how long they take, and without logins\n";

int main(int argc, char **argv)
{
    static const struct option longs[] = {
        { "plugin", 1, NULL, 'x' }, { "respond", 1, NULL, 'r' }, { "server", 1, NULL, 's' }, { "secret", 1, NULL, 'k' },
        { "user", 1, NULL, 'u' }, { "password", 1, NULL, 'p' }, { "method", 1, NULL, 'm' }, { "count", 1, NULL, 'n' },
        { "in-flight", 1, NULL, 'f' }, { "echo", 0, NULL, 'e' }, { 0 },
    };
    char conf[1024], at[64] = "127.0.0.1";
    uint16_t port = 0;
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;)
        switch (c) {
        case 'x': opt.plugin = optarg; break;
        case 'r': opt.own = true; opt.respond_ms = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 's': opt.server = optarg; break;
        case 'k': opt.secret = optarg; break;
        case 'u': opt.user = optarg; break;
        case 'p': opt.password = optarg; break;
        case 'm': opt.method = optarg; break;
        case 'n': opt.count = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 'f': opt.in_flight = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 'e': opt.echo = true; break;
        default:  return fputs(usage, stderr), 2;
        }
    if (!opt.plugin || opt.own == (opt.server != NULL) || !opt.count || !opt.in_flight)
        return fputs(usage, stderr), 2;
    if (crypto_init())
        return fputs("adit-bench-radius: no cryptography\n", stderr), 1;
    if (opt.own) {
        int fd = udp_socket(&port);
        if (child(respond, fd) < 0)
            return 1;
        close(fd);
    } else {
        const char *colon = strrchr(opt.server, ':');
        snprintf(at, sizeof at, "%.*s", colon ? (int)(colon - opt.server) : 60, opt.server);
        port = (uint16_t)(colon ? strtoul(colon + 1, NULL, 10) : 1812);
    }
    struct adit_host host = {
        .size = sizeof host, .abi_minor = ADIT_ABI_MINOR, .version = "bench", .log = &plug_log_api, .loop = &loop_api,
        .stream = &loop_stream_api, .path = &path_api, .frame = &path_frame_api, .attr = &plug_attr_api,
        .request = &plug_request_api, .report = &ctl_report_api, .control = &plug_control_api,
        .config = &plug_config_api, .crypto = &crypto_api, .judge = &crypto_judge_api,
    };
    stay_on(0);
    log_level(ADIT_LOG_WARN);
    if (loop_init())
        return 1;
    plug_host(&host);
    snprintf(conf, sizeof conf, "servers: [{ host: %s, auth-port: %u, secret: \"%s\", message-authenticator: auto, "
             "timeout: 5s }]\nlimit: 60s\nin-flight: 20000\n", at, port, opt.secret);
    struct conf_doc *d = conf_read_text("bench", conf, strlen(conf), NULL);
    const struct plug_face *f = plug_load_file(opt.plugin) ? NULL : plug_face(ADIT_KIND_AUTH, "radius");
    inst = f && d ? plug_inst_new(f, "radius", conf_root(d), NULL) : NULL;
    if (!inst || plug_inst_start(inst))
        return fputs("adit-bench-radius: the plugin does not start\n", stderr), 1;
    self = plug_self(inst);
    vt = plug_vtable(inst);
    began_at = calloc(opt.count, sizeof *began_at);
    took = calloc(opt.count, sizeof *took);
    if (!began_at || !took)
        return 1;
    prepare_query();

    int pipes[2][2];
    struct adit_port *echo_port = NULL;
    static const struct adit_path_ops echo_ops = { .size = sizeof echo_ops, .rx = echo_rx };
    struct adit_addr echo_at = { .family = ADIT_AF_IPV4, .prefix = 32, .port = ECHO_PORT, .ip = { 127, 0, 0, 1 } };
    struct loop_timer *until = loop_timer_new(stop_now, NULL);
    more = loop_timer_new(begin_more, NULL);
    if (opt.echo && path_api.bind(self, ADIT_PROTO_UDP, &echo_at, 0, &echo_ops, NULL, &echo_port))
        return fputs("adit-bench-radius: no port for echoes\n", stderr), 1;
    if (opt.echo) {             /* nothing else happens */
        if (pipe(pipes[0]) || pipe(pipes[1]) || child(ping, pipes[0][1]) < 0)
            return 1;
        loop_timer_set(until, opt.echo_ms + 500);
        loop_run();
        echo_take(pipes[0][0], idle);
    }
    struct rusage before, after;
    if (opt.echo && child(ping, pipes[1][1]) < 0)
        return 1;
    getrusage(RUSAGE_SELF, &before);
    uint64_t begin = now_us();
    begin_more(NULL);
    loop_run();
    uint64_t wall = now_us() - begin;
    getrusage(RUSAGE_SELF, &after);
    uint64_t cpu = (uint64_t)(after.ru_utime.tv_sec + after.ru_stime.tv_sec - before.ru_utime.tv_sec -
                              before.ru_stime.tv_sec) * 1000000u + (uint64_t)(after.ru_utime.tv_usec +
                   after.ru_stime.tv_usec - before.ru_utime.tv_usec - before.ru_stime.tv_usec);
    if (opt.echo) {
        loop_timer_set(until, wall / 1000 > opt.echo_ms + 500 ? 10 : opt.echo_ms + 500);    /* it may not be done */
        loop_run();
        echo_take(pipes[1][0], loaded);
    }
    print_json(wall, cpu);
    plug_inst_free(inst);
    return accepted == opt.count ? 0 : 1;
}
