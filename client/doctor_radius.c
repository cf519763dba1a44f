/* doctor_radius.c - whether a RADIUS server answers, and has our secret.
 *
 * Knows:  which questions servers answer, and what their silence can mean.
 * Leaves: the packets to the plugin's own code.
 */
#include "doctor_ask.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "base/addr.h"
#include "crypto/crypto.h"
#include "../plugins/auth-radius/rad_msg.h"

#define USER     "adit-doctor"
#define STATUS   1u             /* identifiers of the three questions */
#define LOGIN    2u
#define UNSIGNED 3u
#define AGAIN_MS 600
#define LOGIN_MS 1300           /* so long Status-Server may go unanswered */
#define END_MS   3800           /* FreeRADIUS waits a second before it rejects */

int64_t doctor_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int trouble(struct doctor_radius *r, int fd, const char *why)
{
    r->answer = DOCTOR_TROUBLE;
    snprintf(r->why, sizeof r->why, "%s", why);
    if (fd >= 0)
        close(fd);
    return -1;
}

static int connected(struct doctor_radius *r)
{
    struct addrinfo hints = { .ai_socktype = r->tls ? SOCK_STREAM : SOCK_DGRAM }, *list = NULL;
    struct sockaddr_storage from;
    char port[8];
    snprintf(port, sizeof port, "%u", r->port);
    int rc = getaddrinfo(r->host, port, &hints, &list);
    if (rc || !list)
        return trouble(r, -1, gai_strerror(rc));
    int fd = socket(list->ai_family, list->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool bad = fd < 0;
    if (!bad && r->source.family) {
        struct adit_addr source = r->source;
        source.port = 0;
        bad = bind(fd, (struct sockaddr *)&from, addr_to_sa(&source, (struct sockaddr *)&from)) != 0;
    }
    bad = bad || (connect(fd, list->ai_addr, list->ai_addrlen) && errno != EINPROGRESS);
    freeaddrinfo(list);
    return bad ? trouble(r, fd, strerror(errno)) : fd;
}

/* ---- questions -------------------------------------------------------------------------- */

struct asking {
    struct rad_key key;
    uint8_t authenticator[UNSIGNED + 1][16];
};

static void send_signed(struct asking *a, int fd, uint32_t id)
{
    struct rad_out o;
    rad_begin(&o, &a->key, id == STATUS ? RAD_STATUS_SERVER : RAD_ACCESS_REQUEST);
    if (id == LOGIN) {
        rad_put_str(&o, RAD_USER_NAME, USER);
        rad_put_password(&o, USER, sizeof USER - 1);
    }
    rad_put_str(&o, RAD_NAS_IDENTIFIER, USER);
    uint32_t len = rad_finish(&o, (uint8_t)id);
    memcpy(a->authenticator[id], o.authenticator, 16);
    if (len)
        (void)!send(fd, o.bytes, len, 0);
}

/* Servers drop without a word what is signed with another secret. What is not signed at
 * all many still answer, and their answer shows which secret they have. */
static void send_unsigned(struct asking *a, int fd)
{
    uint8_t b[128], password[16];
    struct wr w = wr_of(b, sizeof b);
    crypto_random(a->authenticator[UNSIGNED], 16);
    crypto_random(password, sizeof password);
    wr_u8(&w, RAD_ACCESS_REQUEST);
    wr_u8(&w, UNSIGNED);
    wr_u16(&w, RAD_HEAD + 2 * (2 + sizeof USER - 1) + 2 + sizeof password);
    wr_bytes(&w, a->authenticator[UNSIGNED], 16);
    wr_u8(&w, RAD_USER_NAME);
    wr_u8(&w, 2 + sizeof USER - 1);
    wr_bytes(&w, USER, sizeof USER - 1);
    wr_u8(&w, RAD_USER_PASSWORD);
    wr_u8(&w, 2 + sizeof password);
    wr_bytes(&w, password, sizeof password);
    wr_u8(&w, RAD_NAS_IDENTIFIER);
    wr_u8(&w, 2 + sizeof USER - 1);
    wr_bytes(&w, USER, sizeof USER - 1);
    (void)!send(fd, b, wr_len(&w), 0);
}

static void heard(struct doctor_radius *r, const struct asking *a, const uint8_t *p, size_t len)
{
    struct rad_in in;
    if (!rad_open(&in, p, len) || in.id < STATUS || in.id > UNSIGNED)
        return;
    enum rad_verdict v = rad_verify(&in, &a->key, a->authenticator[in.id], 0);
    r->answer = v == RAD_OK ? DOCTOR_ANSWERED : DOCTOR_FORGED;
}

static void ask_udp(struct doctor_radius *r, int fd)
{
    struct asking a = { .key = { &crypto_api, r->secret, r->secret_len } };
    int64_t begin = doctor_now_ms(), next = 0;
    uint8_t b[RAD_MAX];
    r->answer = DOCTOR_SILENT;
    for (int64_t now; (now = doctor_now_ms() - begin) < END_MS && (r->answer == DOCTOR_SILENT);) {
        if (now >= next) {
            if (now < LOGIN_MS - 100) {
                send_signed(&a, fd, STATUS);
            } else {
                send_signed(&a, fd, LOGIN);
                send_unsigned(&a, fd);
            }
            next = next + AGAIN_MS < LOGIN_MS ? next + AGAIN_MS : next < LOGIN_MS ? LOGIN_MS : END_MS;
        }
        struct pollfd p = { fd, POLLIN, 0 };
        int64_t wait = next - (doctor_now_ms() - begin);
        if (wait > 0 && poll(&p, 1, (int)wait) <= 0)
            continue;
        ssize_t got = recv(fd, b, sizeof b, MSG_DONTWAIT);
        if (got > 0)
            heard(r, &a, b, (size_t)got);
        else if (got < 0 && errno == ECONNREFUSED)
            r->answer = DOCTOR_REFUSED;
    }
}

static void ask_tls(struct doctor_radius *r, int fd)
{
    struct pollfd p = { fd, POLLOUT, 0 };
    int e = 0;
    socklen_t len = sizeof e;
    if (poll(&p, 1, END_MS) <= 0)
        e = ETIMEDOUT;
    else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len))
        e = errno;
    r->answer = !e ? DOCTOR_ANSWERED : e == ECONNREFUSED ? DOCTOR_REFUSED : DOCTOR_TROUBLE;
    snprintf(r->why, sizeof r->why, "%s", strerror(e));
}

void doctor_ask_radius(struct doctor_radius *r)
{
    if (!r->secret_read) {
        (void)trouble(r, -1, "its secret cannot be read");
        return;
    }
    int fd = connected(r);
    if (fd < 0)
        return;
    if (r->tls)
        ask_tls(r, fd);
    else
        ask_udp(r, fd);
    close(fd);
}
