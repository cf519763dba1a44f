/* stream.c - byte streams: TCP and Unix, listening, connecting, closing politely.
 *
 * Knows:  sockets, how much may wait for a slow peer, how a close reaches it.
 * Leaves: waiting to loop.c, messages to the framer of whoever reads.
 *
 * A stream's life: [CONNECTING ->] UP -> [CLOSING ->] DEAD. The user hears of
 * it until gone() or until it calls close(); the block itself is freed at the
 * end of the round, so both may happen inside any callback.
 */
#include "loop/loop_int.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <adit/list.h>
#include "base/addr.h"
#include "log/log.h"

#define CLOSE_MS       5000     /* what is queued is sent for at most so long */
#define LINGER_MS      1000     /* the peer's own end is waited for at most so long */
#define LINGER_MAX     512      /* streams that do so at a time */
#define ACCEPT_ROUND   64       /* connections taken before others get a turn */
#define ACCEPT_WAIT_MS 100      /* out of descriptors: try again then */
#define BACKLOG        1024

ADIT_EVENT(ev_accept_paused, "loop.accept.paused", ADIT_LOG_ERROR,
           "No connection can be accepted: the process is out of descriptors or memory. "
           "Raise LimitNOFILE.", "listen error");

enum stream_state { CONNECTING, FRESH, UP, CLOSING, DEAD };

struct adit_stream {
    struct adit_node node;
    int fd;
    enum stream_state state;
    struct loop_fd *watch;
    struct loop_timer *timer;   /* CLOSING */
    struct adit_stream_ops ops;
    void *u;
    uint8_t *out;               /* queue: bytes [out_at, out_len) wait */
    uint32_t out_at, out_len, out_room, bound;
    int32_t broken;             /* told by gone() at the end of the round */
    bool shut;                  /* CLOSING: our end is said */
    bool lingers;               /* counted in `lingering` */
    struct loop_idle later;
    struct adit_addr our, peer;
};

struct listen_socket {
    struct adit_listener *of;
    int fd;
    struct loop_fd *watch;
};

struct adit_listener {
    struct adit_node node;
    struct listen_socket sockets[2];    /* family none: [::] and 0.0.0.0 */
    uint32_t count;
    uint32_t calls;
    bool dead;
    struct loop_timer *again;
    void (*accept)(void *u, struct adit_stream *s);
    void *u;
    struct adit_addr at;
    char *path;                 /* of a Unix socket */
    dev_t dev;
    ino_t ino;
};

static struct adit_node streams = { &streams, &streams };
static struct adit_node listeners = { &listeners, &listeners };
static uint32_t lingering;
static uint8_t rx_bytes[65536];         /* one reader at a time: all is on the main loop */

static int32_t errno_code(void)
{
    return loop_code(-errno);
}

/* ---- ends ---------------------------------------------------------------------------- */

static void stream_reap(void *arg)
{
    struct adit_stream *s = arg;
    adit_list_del(&s->node);
    free(s->out);
    free(s);
}

/* Takes everything but the block: callbacks of it may be on the stack, so that
 * goes at the end of the round. */
static void stream_dead(struct adit_stream *s)
{
    if (s->state == DEAD)
        return;
    s->state = DEAD;
    loop_fd_free(s->watch);
    loop_timer_free(s->timer);
    close(s->fd);
    if (s->lingers)
        lingering--;
    loop_round_end_cancel(&s->later);
    s->later.run = stream_reap;
    loop_at_round_end(&s->later);
}

static void stream_send_rest(struct adit_stream *s);

/* The last word to the user. What is queued still goes out after a polite end. */
static void stream_gone(struct adit_stream *s, int32_t code)
{
    void (*gone)(void *u, int32_t) = s->ops.gone;
    void *u = s->u;
    memset(&s->ops, 0, sizeof s->ops);
    if (code == 0 && s->out_at < s->out_len)
        stream_send_rest(s);
    else
        stream_dead(s);
    if (gone)
        gone(u, code);
}

static void stream_broken(void *arg)
{
    struct adit_stream *s = arg;
    stream_gone(s, s->broken);
}

/* ---- sending ---------------------------------------------------------------------------- */

static void stream_want(struct adit_stream *s)
{
    int want = 0;
    if (s->state == UP || s->state == CLOSING)
        want |= LOOP_READ;
    if (s->state == CONNECTING || s->out_at < s->out_len)
        want |= LOOP_WRITE;
    loop_fd_want(s->watch, want);
}

/* Writes what the kernel takes. 0, or the code of a broken connection. */
static int32_t stream_flush(struct adit_stream *s)
{
    while (s->out_at < s->out_len) {
        ssize_t n = send(s->fd, s->out + s->out_at, s->out_len - s->out_at,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS))
            return 0;
        if (n < 0)
            return errno == EPIPE || errno == ECONNRESET ? ADIT_EIO : errno_code();
        s->out_at += (uint32_t)n;
    }
    s->out_at = s->out_len = 0;
    if (s->out_room > LOOP_STREAM_BOUND) {      /* a giant answer is not kept for life */
        free(s->out);
        s->out = NULL;
        s->out_room = 0;
    }
    return 0;
}

static int32_t stream_tx(struct adit_stream *s, const void *data, uint32_t len)
{
    if (!s || (s->state != UP && s->state != FRESH && s->state != CONNECTING))
        return ADIT_ESTATE;
    if (s->broken)
        return ADIT_EIO;
    if (!len)
        return 0;
    uint32_t queued = s->out_len - s->out_at;
    if (len > s->bound || queued > s->bound - len)
        return ADIT_ENOSPC;
    if (s->out_at && s->out_room - s->out_len < len) {
        memmove(s->out, s->out + s->out_at, queued);
        s->out_at = 0;
        s->out_len = queued;
    }
    if (s->out_room - s->out_len < len) {
        uint32_t room = s->out_room ? s->out_room : 512;
        while (room - queued < len)
            room *= 2;
        uint8_t *grown = realloc(s->out, room);
        if (!grown)
            return ADIT_ENOMEM;
        s->out = grown;
        s->out_room = room;
    }
    memcpy(s->out + s->out_len, data, len);
    s->out_len += len;
    if (s->state == CONNECTING)
        return 0;
    if (!queued) {                      /* nobody is before us: now */
        s->broken = stream_flush(s);
        if (s->broken) {                /* told later: the caller is in the middle of something */
            s->out_at = s->out_len = 0;
            loop_at_round_end(&s->later);
        }
    }
    stream_want(s);
    return 0;
}

/* ---- closing ---------------------------------------------------------------------------- */

/* A close() with unread bytes in the receive buffer sends a reset, and a reset
 * may overtake what we said last (a Stop-Control-Connection-Reply). So: flush,
 * end our side, read the rest away until the peer ends its own; each of them
 * for a short time only. */
static void stream_drain(struct adit_stream *s)
{
    static uint8_t waste[16384];        /* not rx_bytes: close() is called inside rx() */
    int32_t rc = stream_flush(s);
    if (rc < 0) {
        stream_dead(s);
        return;
    }
    if (s->out_at == s->out_len && !s->shut) {
        s->shut = true;
        shutdown(s->fd, SHUT_WR);
        if (lingering >= LINGER_MAX) {
            stream_dead(s);
            return;
        }
        s->lingers = true;
        lingering++;
        loop_timer_set(s->timer, LINGER_MS);
    }
    for (int i = 0; i < 4; i++) {       /* a peer that floods is not read for ever */
        ssize_t n = recv(s->fd, waste, sizeof waste, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
            if (s->shut || n < 0) {
                stream_dead(s);
                return;
            }
            loop_fd_want(s->watch, LOOP_WRITE); /* its end is known; ours is still to be sent */
            return;
        }
        if (n < 0)
            break;
    }
    stream_want(s);
}

static void stream_late(void *arg)
{
    stream_dead(arg);
}

static void stream_send_rest(struct adit_stream *s)
{
    s->state = CLOSING;
    loop_round_end_cancel(&s->later);
    s->timer = loop_timer_new(stream_late, s);
    if (!s->timer) {
        stream_dead(s);
        return;
    }
    loop_timer_set(s->timer, CLOSE_MS);
    stream_drain(s);
}

static void stream_close(struct adit_stream *s)
{
    if (!s || s->state == CLOSING || s->state == DEAD)
        return;
    memset(&s->ops, 0, sizeof s->ops);
    if (s->state == CONNECTING || s->broken)
        stream_dead(s);
    else
        stream_send_rest(s);
}

/* ---- the descriptor speaks ----------------------------------------------------------------- */

static int32_t gone_code(int e)
{
    return e == ECONNRESET || e == EPIPE ? ADIT_EIO : loop_code(-e);
}

static void stream_names(struct adit_stream *s)
{
    struct sockaddr_storage ss;
    socklen_t n = sizeof ss;
    if (getsockname(s->fd, (struct sockaddr *)&ss, &n) == 0)
        addr_of_sa((struct sockaddr *)&ss, &s->our);
    n = sizeof ss;
    if (getpeername(s->fd, (struct sockaddr *)&ss, &n) == 0)
        addr_of_sa((struct sockaddr *)&ss, &s->peer);
}

static void stream_connected(struct adit_stream *s)
{
    int e = 0;
    socklen_t n = sizeof e;
    getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &e, &n);
    if (e == EINPROGRESS || e == EALREADY)
        return;
    if (e) {
        stream_gone(s, gone_code(e));
        return;
    }
    s->state = UP;
    stream_names(s);
    int32_t rc = stream_flush(s);
    if (rc < 0) {
        stream_gone(s, rc);
        return;
    }
    stream_want(s);
    if (s->ops.up)
        s->ops.up(s->u);
}

static void stream_read(struct adit_stream *s)
{
    ssize_t n = recv(s->fd, rx_bytes, sizeof rx_bytes, MSG_DONTWAIT);
    if (n < 0) {
        if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
            stream_gone(s, gone_code(errno));
        return;
    }
    if (n == 0)
        stream_gone(s, 0);
    else if (s->ops.rx)
        s->ops.rx(s->u, rx_bytes, (uint32_t)n);
}

static void stream_ready(void *arg, int events)
{
    struct adit_stream *s = arg;
    if (s->state == CONNECTING) {
        stream_connected(s);
    } else if (s->state == CLOSING) {
        stream_drain(s);
    } else if (s->state == UP && !s->broken) {
        if (events & LOOP_WRITE) {
            int32_t rc = stream_flush(s);
            if (rc < 0)
                stream_gone(s, rc);
            else
                stream_want(s);
        }
        if (s->state == UP && (events & (LOOP_READ | LOOP_ERROR)))
            stream_read(s);
    }
}

/* ---- making ---------------------------------------------------------------------------------- */

static struct adit_stream *stream_new(int fd, enum stream_state state)
{
    struct adit_stream *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->fd = fd;
    s->state = state;
    s->bound = LOOP_STREAM_BOUND;
    s->later.run = stream_broken;
    s->later.u = s;
    s->watch = loop_fd_new(fd, stream_ready, s);
    if (!s->watch) {
        free(s);
        return NULL;
    }
    adit_list_add(&streams, &s->node);
    return s;
}

/* A plugin built with fewer members leaves the others out. */
static void stream_ops(struct adit_stream *s, const struct adit_stream_ops *ops, void *u)
{
    memset(&s->ops, 0, sizeof s->ops);
    memcpy(&s->ops, ops, ops->size < sizeof s->ops ? ops->size : sizeof s->ops);
    s->u = u;
}

static void stream_take(struct adit_stream *s, const struct adit_stream_ops *ops, void *u)
{
    if (!s || s->state != FRESH || !ops)
        return;
    stream_ops(s, ops, u);
    s->state = UP;
    stream_want(s);
}

static int32_t stream_connect(struct adit_self *self, const struct adit_addr *from,
                              const struct adit_addr *to, const struct adit_stream_ops *ops,
                              void *u, struct adit_stream **out)
{
    struct sockaddr_storage ss = { 0 };
    char text[ADDR_TEXT];
    int one = 1;

    *out = NULL;
    if (!ops || !to || to->family == ADIT_AF_NONE || !to->port)
        return ADIT_EINVAL;
    int fd = socket(to->family == ADIT_AF_IPV6 ? AF_INET6 : AF_INET,
                    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno_code();
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (from && from->family != ADIT_AF_NONE) {
        if (from->port)
            setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        else
            setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
        uint32_t len = addr_to_sa(from, (struct sockaddr *)&ss);
        if (bind(fd, (struct sockaddr *)&ss, len) < 0) {
            int32_t code = errno_code();
            const char *why = strerror(errno);
            close(fd);
            if (self)
                adit_fail(self, code, "cannot call from %s: %s", addr_text(from, text), why);
            else
                log_fail("loop", code, "cannot call from %s: %s", addr_text(from, text), why);
            return code;
        }
    }
    uint32_t len = addr_to_sa(to, (struct sockaddr *)&ss);
    if (connect(fd, (struct sockaddr *)&ss, len) < 0 && errno != EINPROGRESS && errno != EINTR) {
        int32_t code = errno_code();
        close(fd);
        return code;
    }
    struct adit_stream *s = stream_new(fd, CONNECTING);
    if (!s) {
        close(fd);
        return ADIT_ENOMEM;
    }
    stream_ops(s, ops, u);
    s->peer = *to;
    stream_want(s);
    *out = s;
    return 0;
}

static void stream_addrs(struct adit_stream *s, struct adit_addr *our, struct adit_addr *peer)
{
    if (our)
        *our = s->our;
    if (peer)
        *peer = s->peer;
}

void loop_stream_bound(struct adit_stream *s, uint32_t bytes)
{
    s->bound = bytes < INT32_MAX ? bytes : INT32_MAX;
}

uint32_t loop_stream_queued(const struct adit_stream *s)
{
    return s->out_len - s->out_at;
}

int loop_unix_peer(struct adit_stream *s, uint32_t *uid, uint32_t *gid)
{
    struct ucred c;
    socklen_t n = sizeof c;
    if (getsockopt(s->fd, SOL_SOCKET, SO_PEERCRED, &c, &n) < 0)
        return errno_code();
    *uid = c.uid;
    *gid = c.gid;
    return 0;
}

/* ---- listening -------------------------------------------------------------------------------- */

static void listener_free(struct adit_listener *l)
{
    free(l->path);
    free(l);
}

static void listener_close(struct adit_listener *l)
{
    struct stat st;
    if (!l || l->dead)
        return;
    l->dead = true;
    adit_list_del(&l->node);
    for (uint32_t i = 0; i < l->count; i++) {
        loop_fd_free(l->sockets[i].watch);
        close(l->sockets[i].fd);
    }
    loop_timer_free(l->again);
    /* a newer process may have put its own socket there */
    if (l->path && lstat(l->path, &st) == 0 && st.st_dev == l->dev && st.st_ino == l->ino)
        unlink(l->path);
    if (!l->calls)
        listener_free(l);
}

static void listener_again(void *arg)
{
    struct adit_listener *l = arg;
    for (uint32_t i = 0; i < l->count; i++)
        loop_fd_want(l->sockets[i].watch, LOOP_READ);
}

/* Out of descriptors: the connection stays in the backlog, and a level
 * triggered loop would spin on it. Look again a little later. */
static void listener_pause(struct adit_listener *l, int e)
{
    for (uint32_t i = 0; i < l->count; i++)
        loop_fd_want(l->sockets[i].watch, 0);
    loop_timer_set(l->again, ACCEPT_WAIT_MS);
    if (log_allow(&ev_accept_paused, 2)) {
        char text[ADDR_TEXT];
        LOG_EVENT("loop", &ev_accept_paused,
                  ADIT_KV_S("listen", l->path ? l->path : addr_text(&l->at, text)),
                  ADIT_KV_S("error", strerror(e)));
    }
}

static void listener_ready(void *arg, int events)
{
    struct listen_socket *ls = arg;
    struct adit_listener *l = ls->of;
    int one = 1;
    (void)events;
    l->calls++;
    for (int i = 0; i < ACCEPT_ROUND && !l->dead; i++) {
        int fd = accept4(ls->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                listener_pause(l, errno);
            else if (errno != EAGAIN && errno != EWOULDBLOCK)
                continue;       /* that connection died in the backlog */
            break;
        }
        if (!l->path)
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct adit_stream *s = stream_new(fd, FRESH);
        if (!s) {
            close(fd);
            listener_pause(l, ENOMEM);
            break;
        }
        stream_names(s);
        l->accept(l->u, s);
        if (s->state == FRESH)
            stream_close(s);
    }
    if (--l->calls == 0 && l->dead)
        listener_free(l);
}

static int listener_socket(struct adit_listener *l, int fd)
{
    struct listen_socket *ls = &l->sockets[l->count];
    *ls = (struct listen_socket){ l, fd, loop_fd_new(fd, listener_ready, ls) };
    if (!ls->watch)
        return -ENOMEM;
    loop_fd_want(ls->watch, LOOP_READ);
    l->count++;
    return 0;
}

/* One bound and listening socket; its number or -errno. */
static int tcp_socket(const struct adit_addr *at)
{
    struct sockaddr_storage ss = { 0 };
    int one = 1;
    int fd = socket(at->family == ADIT_AF_IPV6 ? AF_INET6 : AF_INET,
                    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    /* IPv4 has its own socket beside this one, whatever bindv6only says */
    if (at->family == ADIT_AF_IPV6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    uint32_t len = addr_to_sa(at, (struct sockaddr *)&ss);
    if (bind(fd, (struct sockaddr *)&ss, len) < 0 || listen(fd, BACKLOG) < 0) {
        int e = errno;
        close(fd);
        return -e;
    }
    return fd;
}

static struct adit_listener *listener_new(void (*accept)(void *u, struct adit_stream *s), void *u)
{
    struct adit_listener *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->accept = accept;
    l->u = u;
    l->again = loop_timer_new(listener_again, l);
    if (!l->again) {
        free(l);
        return NULL;
    }
    adit_list_add(&listeners, &l->node);
    return l;
}

static int32_t listen_fail(struct adit_self *self, const char *where, int e)
{
    int32_t code = loop_code(-e);
    const char *hint = e == EADDRINUSE ? " (another server has it)" :
                       e == EACCES ? " (it needs root or CAP_NET_BIND_SERVICE)" :
                       e == EADDRNOTAVAIL ? " (no interface has this address)" : "";
    if (self)
        return adit_fail(self, code, "cannot listen on %s: %s%s", where, strerror(e), hint);
    return log_fail("loop", code, "cannot listen on %s: %s%s", where, strerror(e), hint);
}

static int32_t stream_listen(struct adit_self *self, const struct adit_addr *at,
                             void (*accept)(void *u, struct adit_stream *s), void *u,
                             struct adit_listener **out)
{
    char text[ADDR_TEXT];
    *out = NULL;
    if (!at || !accept)
        return ADIT_EINVAL;
    struct adit_listener *l = listener_new(accept, u);
    if (!l)
        return ADIT_ENOMEM;
    l->at = *at;
    struct adit_addr v4 = *at, v6 = *at;
    v4.family = ADIT_AF_IPV4;
    v6.family = ADIT_AF_IPV6;
    const struct adit_addr *first = at->family == ADIT_AF_NONE ? &v4 : at;
    int fd = tcp_socket(first);
    int rc = fd < 0 ? fd : listener_socket(l, fd);
    if (rc < 0 && fd >= 0)
        close(fd);
    if (rc == 0) {
        struct sockaddr_storage ss;
        socklen_t n = sizeof ss;
        struct adit_addr bound = *first;
        if (getsockname(fd, (struct sockaddr *)&ss, &n) == 0)
            addr_of_sa((struct sockaddr *)&ss, &bound);
        l->at.port = bound.port;
    }
    if (rc == 0 && at->family == ADIT_AF_NONE) {
        v6.port = l->at.port;
        fd = tcp_socket(&v6);
        /* a host without IPv6 listens without it */
        if (fd < 0)
            rc = fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL ? 0 : fd;
        else if ((rc = listener_socket(l, fd)) < 0)
            close(fd);
    }
    if (rc < 0) {
        listener_close(l);
        return listen_fail(self, addr_text(at, text), -rc);
    }
    *out = l;
    return 0;
}

void loop_listener_addr(const struct adit_listener *l, struct adit_addr *out)
{
    *out = l->at;
}

/* Whether somebody answers at the path: 0 nobody, or what stands in the way. */
static int unix_taken(const struct sockaddr_un *sun)
{
    struct stat st;
    if (lstat(sun->sun_path, &st) < 0)
        return errno == ENOENT ? 0 : errno;
    if (!S_ISSOCK(st.st_mode))
        return EEXIST;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    int rc = connect(fd, (const struct sockaddr *)sun, sizeof *sun) < 0 ? errno : 0;
    close(fd);
    if (rc == ECONNREFUSED)
        return unlink(sun->sun_path) < 0 ? errno : 0;
    return rc == ENOENT ? 0 : EADDRINUSE;
}

int loop_unix_listen(const char *path, uint32_t mode,
                     void (*accept)(void *u, struct adit_stream *s), void *u,
                     struct adit_listener **out)
{
    struct sockaddr_un sun = { .sun_family = AF_UNIX };
    struct stat st;

    *out = NULL;
    if (strlen(path) >= sizeof sun.sun_path)
        return log_fail("loop", ADIT_EINVAL, "cannot listen on %s: the path is longer than %zu bytes",
                        path, sizeof sun.sun_path - 1);
    memcpy(sun.sun_path, path, strlen(path) + 1);
    int e = unix_taken(&sun);
    if (e)
        return listen_fail(NULL, path, e);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return listen_fail(NULL, path, errno);
    /* The mode before listen(): until then nobody can connect. */
    if (bind(fd, (struct sockaddr *)&sun, sizeof sun) < 0) {
        e = errno;
        close(fd);
        return listen_fail(NULL, path, e);
    }
    struct adit_listener *l = NULL;
    if (chmod(path, (mode_t)mode & 0777) < 0 || lstat(path, &st) < 0 || listen(fd, BACKLOG) < 0)
        e = errno;
    else if (!(l = listener_new(accept, u)) || !(l->path = strdup(path)) ||
             listener_socket(l, fd) < 0)
        e = ENOMEM;
    if (e) {
        if (l)
            listener_close(l);
        close(fd);
        unlink(path);
        return listen_fail(NULL, path, e);
    }
    l->dev = st.st_dev;
    l->ino = st.st_ino;
    *out = l;
    return 0;
}

void loop_stream_fini(void)
{
    ADIT_LIST_EACH(n, &listeners)
        listener_close(ADIT_OF(n, struct adit_listener, node));
    ADIT_LIST_EACH(n, &streams) {
        struct adit_stream *s = ADIT_OF(n, struct adit_stream, node);
        stream_dead(s);
        loop_round_end_cancel(&s->later);
        stream_reap(s);
    }
}

const struct adit_stream_api loop_stream_api = {
    .size = sizeof loop_stream_api,
    .listen = stream_listen,
    .listen_close = listener_close,
    .take = stream_take,
    .connect = stream_connect,
    .tx = stream_tx,
    .close = stream_close,
    .addrs = stream_addrs,
};
