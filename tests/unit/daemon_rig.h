/* daemon_rig.h - a daemon that answers as a test has written it, on a socket.
 *
 *     struct daemon_rig r = { .text = "{\"ok\":true,\"result\":[]}\n" };
 *     daemon_rig_start(&r);
 *     adit_client_open(r.path, &c);
 *     ...
 *     daemon_rig_stop(&r);
 *
 * Each connection has a thread of its own; only what is asked last is kept.
 */
#ifndef DAEMON_RIG_H
#define DAEMON_RIG_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct daemon_rig {
    const char *name;           /* of the socket; NULL: control.sock */
    const char *text;           /* what is answered; len 0: all of it */
    size_t len;
    size_t step;                /* bytes at once; 0: all */
    bool hang;                  /* stays open until the asker has gone */
    /* instead of text: by what was asked */
    const char *(*answer)(const char *request);
    char dir[64], path[108];
    char request[16384];
    atomic_uint asked, left;    /* requests; askers that went away first */
    atomic_uint open;
    int listener;
    pthread_t thread;
};

struct daemon_call {
    struct daemon_rig *r;
    int fd;
};

/* False: the asker has gone. */
static bool daemon_send(int fd, const char *p, size_t len, size_t step)
{
    while (len) {
        size_t n = step && step < len ? step : len;
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        p += sent;
        len -= (size_t)sent;
    }
    return true;
}

static void *daemon_serve(void *u)
{
    struct daemon_call k = *(struct daemon_call *)u;
    struct daemon_rig *r = k.r;
    char line[sizeof r->request];
    size_t n = 0;
    ssize_t got;
    free(u);
    while (n < sizeof line - 1 && (got = recv(k.fd, line + n, sizeof line - 1 - n, 0)) > 0) {
        n += (size_t)got;
        if (line[n - 1] == '\n')
            break;
    }
    line[n] = '\0';
    if (n) {
        const char *text = r->answer ? r->answer(line) : r->text;
        memcpy(r->request, line, n + 1);
        r->asked++;
        size_t len = r->len ? r->len : strlen(text);
        char *mine = malloc(len + 1);           /* the asker may go on, and its text go, before send() is back */
        memcpy(mine, text, len);
        bool there = daemon_send(k.fd, mine, len, r->step);
        free(mine);
        if (r->hang) {
            while (there && recv(k.fd, line, sizeof line, 0) > 0)
                ;
            r->left++;
        }
    }
    close(k.fd);
    r->open--;
    return NULL;
}

static void *daemon_accept(void *u)
{
    struct daemon_rig *r = u;
    int fd;
    while ((fd = accept(r->listener, NULL, NULL)) >= 0) {
        struct daemon_call *k = malloc(sizeof *k);
        pthread_t t;
        *k = (struct daemon_call){ r, fd };
        r->open++;
        if (pthread_create(&t, NULL, daemon_serve, k) == 0)
            pthread_detach(t);
    }
    return NULL;
}

static inline void daemon_rig_start(struct daemon_rig *r)
{
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    if (!*r->dir) {
        strcpy(r->dir, "/tmp/libadit-XXXXXX");
        if (!mkdtemp(r->dir))
            abort();
        chmod(r->dir, 0755);
    }
    snprintf(r->path, sizeof r->path, "%s/%s", r->dir, r->name ? r->name : "control.sock");
    strcpy(sa.sun_path, r->path);
    r->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(r->listener, (struct sockaddr *)&sa, sizeof sa) || listen(r->listener, 64) ||
        chmod(r->path, 0666) || pthread_create(&r->thread, NULL, daemon_accept, r))
        abort();
}

static inline void daemon_rig_stop(struct daemon_rig *r)
{
    shutdown(r->listener, SHUT_RDWR);
    pthread_join(r->thread, NULL);
    close(r->listener);
    for (int i = 0; r->open && i < 1000; i++)
        usleep(1000);
    remove(r->path);
    remove(r->dir);
}

#endif
