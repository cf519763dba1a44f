/* ctl_rig.h - the control socket without a socket: bytes in, bytes out.
 *
 *     ctl_rig_open();                          // after rig_open(): the verbs
 *     struct ctl_wire *w = ctl_wire_new();     // somebody connects
 *     ctl_wire_rx(w, "{\"verb\": \"status\"}\n", 18);
 *     ... w->out, w->len ...
 *     ctl_wire_free(w);                        // and hangs up
 *     ctl_rig_close();
 *
 * Beside ses_rig.c it is the rest of core/loop that core/control needs.
 */
#ifndef CTL_RIG_H
#define CTL_RIG_H

#include <stdlib.h>
#include <string.h>
#include "control/ctl.h"
#include "loop/loop.h"

struct adit_stream {
    struct adit_stream_ops ops;
    void *u;
    bool closed;                /* by the host */
    uint32_t queued;            /* bytes that its reader has not read, as the test says */
    uint32_t takes;             /* bytes that it still takes; then its reader is slow */
    char *out;
    size_t len;
};
#define ctl_wire adit_stream

static void (*ctl_rig_accept)(void *u, struct adit_stream *s);
static void *ctl_rig_door;
static uint32_t ctl_rig_stops, ctl_rig_reloads;
static char ctl_rig_listener;

static void ctl_rig_take(struct adit_stream *s, const struct adit_stream_ops *ops, void *u)
{
    s->ops = *ops;
    s->u = u;
}

static int32_t ctl_rig_tx(struct adit_stream *s, const void *data, uint32_t len)
{
    if (s->closed)
        abort();
    if (s->takes < len)
        return ADIT_ENOSPC;
    s->takes -= len;
    s->out = realloc(s->out, s->len + len + 1);
    memcpy(s->out + s->len, data, len);
    s->len += len;
    s->out[s->len] = '\0';
    return 0;
}

static void ctl_rig_shut(struct adit_stream *s)
{
    if (s->closed)
        abort();
    s->closed = true;
}

static void ctl_rig_unlisten(struct adit_listener *l) { (void)l; }

const struct adit_stream_api loop_stream_api = {
    .size = sizeof loop_stream_api, .take = ctl_rig_take, .tx = ctl_rig_tx, .close = ctl_rig_shut,
    .listen_close = ctl_rig_unlisten,
};

void loop_stream_bound(struct adit_stream *s, uint32_t bytes)
{
    (void)s;
    (void)bytes;
}

uint32_t loop_stream_queued(const struct adit_stream *s) { return s->queued; }

int loop_unix_peer(struct adit_stream *s, uint32_t *uid, uint32_t *gid)
{
    (void)s;
    *uid = *gid = 0;
    return 0;
}

int loop_unix_listen(const char *path, uint32_t mode, void (*accept)(void *u, struct adit_stream *s),
                     void *u, struct adit_listener **out)
{
    (void)path;
    (void)mode;
    ctl_rig_accept = accept;
    ctl_rig_door = u;
    *out = (struct adit_listener *)(void *)&ctl_rig_listener;
    return 0;
}

static int ctl_rig_reload(char *text, size_t size)
{
    ctl_rig_reloads++;
    if (size)
        *text = '\0';
    return 0;
}

static void ctl_rig_stop(void) { ctl_rig_stops++; }

static const char *ctl_rig_problem(uint32_t nth) { return nth ? NULL : "a problem"; }

static inline void ctl_rig_open(void)
{
    static const struct ctl_daemon d = { "rig.yaml", ctl_rig_reload, ctl_rig_stop, ctl_rig_problem };
    ctl_open("/nowhere/rig.sock", 0600);
    ctl_verbs_open(&d);
}

static inline void ctl_rig_close(void) { ctl_close(); }

static inline struct ctl_wire *ctl_wire_new(void)
{
    struct ctl_wire *w = calloc(1, sizeof *w);
    w->takes = UINT32_MAX;
    ctl_rig_accept(ctl_rig_door, w);
    if (!w->ops.rx)             /* not taken */
        w->closed = true;
    return w;
}

/* In memory of exactly that size, so that a sanitizer sees a look behind it. */
static inline void ctl_wire_rx(struct ctl_wire *w, const void *data, size_t len)
{
    if (w->closed)
        return;
    uint8_t *copy = malloc(len ? len : 1);
    memcpy(copy, data, len);
    w->ops.rx(w->u, copy, (uint32_t)len);
    free(copy);
}

static inline void ctl_wire_free(struct ctl_wire *w)
{
    if (!w->closed)
        w->ops.gone(w->u, 0);
    free(w->out);
    free(w);
}

#endif
