/* lib_chan.c - one connection to the daemon: lines out and in.
 *
 * Knows:  the socket, how long to wait, how long a line may be.
 * Leaves: what lines say to lib_read.c.
 */
#include "lib_int.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

uint64_t lib_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Milliseconds that are left, for poll(): -1 without end. */
static int left(uint64_t deadline)
{
    uint64_t now = lib_now();
    if (deadline == UINT64_MAX)
        return -1;
    return deadline <= now ? 0 : deadline - now > 1000000 ? 1000000 : (int)(deadline - now);
}

/* False: the time is over. */
static bool wait_for(int fd, short what, uint64_t deadline)
{
    struct pollfd p = { .fd = fd, .events = what };
    for (;;) {
        int ms = left(deadline), n = poll(&p, 1, ms);
        if (n > 0)
            return true;
        if ((n < 0 && errno != EINTR) || (n == 0 && ms >= 0 && left(deadline) == 0))
            return false;
    }
}

struct lib_chan *lib_chan_new(const char *path, uint64_t deadline, int *error)
{
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    struct lib_chan *ch = calloc(1, sizeof *ch);
    *error = ADIT_RAS_NOT_ENOUGH_MEMORY;
    if (!ch)
        return NULL;
    ch->fd = -1;
    if (strlen(path) >= sizeof sa.sun_path) {
        errno = ENAMETOOLONG;
        *error = ADIT_RAS_INVALID_PARAMETER;
        goto fail;
    }
    strcpy(sa.sun_path, path);
    ch->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (ch->fd < 0)
        goto fail;
    /* a daemon that does not accept: its queue may be full */
    int ms = left(deadline);
    if (ms >= 0) {
        struct timeval t = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 + 1 };
        setsockopt(ch->fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
    }
    int rc;
    do
        rc = connect(ch->fd, (struct sockaddr *)&sa, sizeof sa);
    while (rc && errno == EINTR);
    if (rc) {
        *error = errno == EACCES || errno == EPERM ? ADIT_RAS_ACCESS_DENIED :
                 errno == EAGAIN ? ADIT_RAS_TIMEOUT : ADIT_RAS_NO_SERVICE;
        goto fail;
    }
    if (fcntl(ch->fd, F_SETFL, O_NONBLOCK))
        goto fail;
    *error = 0;
    return ch;
fail:;
    int e = errno;
    lib_chan_free(ch);
    errno = e;
    return NULL;
}

void lib_chan_free(struct lib_chan *ch)
{
    if (!ch)
        return;
    if (ch->fd >= 0)
        close(ch->fd);
    free(ch->buf);
    free(ch);
}

int lib_chan_send(struct lib_chan *ch, const struct lib_buf *b, uint64_t deadline)
{
    if (b->error)
        return b->error;
    for (size_t at = 0; at < b->len;) {
        ssize_t n = send(ch->fd, b->p + at, b->len - at, MSG_NOSIGNAL);
        if (n > 0)
            at += (size_t)n;
        else if (n < 0 && errno == EAGAIN) {
            if (!wait_for(ch->fd, POLLOUT, deadline))
                return ADIT_RAS_TIMEOUT;
        } else if (n < 0 && errno != EINTR) {
            return ADIT_RAS_NO_SERVICE;
        }
    }
    return 0;
}

/* 1: something came; 0: nothing yet; else -error. */
static int fill(struct lib_chan *ch)
{
    if (ch->cap - ch->len < 4096) {
        size_t cap = ch->cap ? ch->cap * 2 : 8192;
        if (ch->len >= LIB_LINE_MAX)
            return -ADIT_RAS_INVALID_DATA;
        char *grown = realloc(ch->buf, cap);
        if (!grown)
            return -ADIT_RAS_NOT_ENOUGH_MEMORY;
        ch->buf = grown;
        ch->cap = cap;
    }
    ssize_t n = recv(ch->fd, ch->buf + ch->len, ch->cap - ch->len, 0);
    if (n > 0) {
        ch->len += (size_t)n;
        return 1;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    return -ADIT_RAS_NO_SERVICE;
}

int lib_chan_line(struct lib_chan *ch, uint64_t deadline, char **line, size_t *len)
{
    *line = NULL;
    for (;;) {
        char *nl = ch->len > ch->seen ? memchr(ch->buf + ch->seen, '\n', ch->len - ch->seen) : NULL;
        if (nl) {
            ch->seen = (size_t)(nl - ch->buf);
            *line = ch->buf;
            *len = ch->seen;
            return 0;
        }
        ch->seen = ch->len;
        int rc = fill(ch);
        if (rc < 0)
            return -rc;
        if (rc == 0 && deadline == 0)
            return 0;
        if (rc == 0 && !wait_for(ch->fd, POLLIN, deadline))
            return ADIT_RAS_TIMEOUT;
    }
}

void lib_chan_next(struct lib_chan *ch)
{
    size_t n = ch->seen + 1;
    memmove(ch->buf, ch->buf + n, ch->len - n);
    ch->len -= n;
    ch->seen = 0;
}
