/* ctl.c - the control socket: one JSON object a line in, one a line out.
 *
 * Knows:  lines, verbs, who may call (the socket's mode), followers.
 * Leaves: what the verbs do to those who registered them.
 */
#include "control/ctl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <adit/bytes.h>
#include <adit/list.h>
#include "config/conf.h"
#include "log/log.h"
#include "loop/loop.h"

#define LINE_MAX_BYTES (256u * 1024)    /* of a request */
#define ANSWER_MAX_BYTES (64u * 1024 * 1024)    /* queued to a peer that reads slowly */
#define PEERS_MAX 64
#define CALLS_MAX 64u           /* of a user's that wait for their answers on one connection */

ADIT_EVENT(ev_call, "control.call", ADIT_LOG_DEBUG, "A verb was called.", "verb uid");

/* A socket, and who comes through it. */
struct door {
    const char *prefix;         /* of the verbs that answer; NULL: all */
    struct adit_listener *listener;
    char *file;
    uint32_t peers;
};
static struct door doors[2];    /* the first is the operator's */

struct ctl_peer {
    struct adit_node node;
    struct door *door;
    struct adit_stream *stream; /* NULL: gone */
    char *line;
    size_t len, cap;
    uint32_t uid, call_count;
    struct adit_node calls;
};

struct ctl_call {
    struct adit_node node;
    struct ctl_peer *peer;      /* NULL: gone, or a call from text */
    json_t *id;
    void (*gone)(void *u);
    void *gone_u;
    char **text;                /* ctl_dispatch_text(): where the reply goes */
};

struct verb {
    const char *name, *args, *sentence;
    ctl_fn fn;
};

static struct verb verbs[96];
static size_t verb_count;
static struct adit_node peers = { &peers, &peers };
static struct ctl_call *from_text;      /* the one that ctl_dispatch_text() waits for */

static void peer_free(struct ctl_peer *p);

/* Requests may hold passwords and keys. */
static void line_free(struct ctl_peer *p)
{
    if (p->line)
        bytes_wipe(p->line, p->cap);
    free(p->line);
}

/* Peers that were cut off go at the round's end: somebody may be in the middle
 * of one of their calls. */
static void reap(void *u)
{
    (void)u;
    ADIT_LIST_EACH(n, &peers) {
        struct ctl_peer *p = ADIT_OF(n, struct ctl_peer, node);
        if (!p->stream)
            peer_free(p);
    }
}

static struct loop_idle at_round_end = { .run = reap };

static void cut(struct ctl_peer *p)
{
    if (p->stream)
        loop_stream_api.close(p->stream);
    p->stream = NULL;
    loop_at_round_end(&at_round_end);
}

/* ---- answering -------------------------------------------------------------- */

static void say(struct ctl_call *c, json_t *line)
{
    char *text = json_dumps(line, JSON_COMPACT);
    json_decref(line);
    if (!text)
        return;
    if (c->text) {
        free(*c->text);         /* a follower may have said something already */
        *c->text = text;
        return;
    }
    if (c->peer && c->peer->stream) {
        size_t n = strlen(text);
        const struct adit_stream_api *api = &loop_stream_api;
        /* a long answer goes in pieces that the stream's bound admits */
        text[n] = '\n';
        for (size_t at = 0; at < n + 1;) {
            uint32_t part = (uint32_t)(n + 1 - at < 32768 ? n + 1 - at : 32768);
            if (api->tx(c->peer->stream, text + at, part)) {
                cut(c->peer);   /* it does not read */
                break;
            }
            at += part;
        }
    }
    free(text);
}

static void call_free(struct ctl_call *c)
{
    if (c == from_text)
        from_text = NULL;
    if (c->peer)
        c->peer->call_count--;
    adit_list_del(&c->node);
    json_decref(c->id);
    free(c);
}

static void answer(struct ctl_call *c, json_t *reply)
{
    if (c->id)
        json_object_set(reply, "id", c->id);
    say(c, reply);
    call_free(c);
}

void ctl_ok_take(struct ctl_call *c, json_t *result)
{
    answer(c, json_pack("{s:b, s:o}", "ok", 1, "result", result ? result : json_null()));
}

void ctl_error(struct ctl_call *c, int32_t code, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    const char *name = log_code_name(code);
    answer(c, json_pack("{s:b, s:{s:s, s:o}}", "ok", 0, "error", "code",
                        *name == '0' ? "ADIT_EINVAL" : name, "text", ctl_text(text, strlen(text))));
}

void ctl_follow(struct ctl_call *c, void (*gone)(void *u), void *u)
{
    c->gone = gone;
    c->gone_u = u;
}

void ctl_say_take(struct ctl_call *c, json_t *line) { say(c, line); }
void ctl_said(struct ctl_call *c) { call_free(c); }

uint32_t ctl_uid(const struct ctl_call *c)
{
    return c->peer && c->peer->door->prefix ? c->peer->uid : 0;
}

uint32_t ctl_queued(const struct ctl_call *c)
{
    return c->peer && c->peer->stream ? loop_stream_queued(c->peer->stream) : 0;
}

/* ---- calling ------------------------------------------------------------------ */

void ctl_verb(const char *name, ctl_fn fn, const char *args, const char *sentence)
{
    if (verb_count < sizeof verbs / sizeof verbs[0])
        verbs[verb_count++] = (struct verb){ name, args, sentence, fn };
}

static bool answers(const struct ctl_call *c, const char *verb)
{
    const char *prefix = c->peer ? c->peer->door->prefix : NULL;
    return !prefix || strncmp(verb, prefix, strlen(prefix)) == 0;
}

static void dispatch(struct ctl_call *c, const char *line, size_t len)
{
    json_error_t e;
    json_t *o = json_loadb(line, len, JSON_REJECT_DUPLICATES, &e);
    const char *name = json_string_value(json_object_get(o, "verb"));
    if (!name) {
        ctl_error(c, ADIT_EINVAL, "%s", o ? "a request is an object with a \"verb\"" : e.text);
        json_decref(o);
        return;
    }
    c->id = json_incref(json_object_get(o, "id"));
    LOG_EVENT("control", &ev_call, ADIT_KV_S("verb", name),
              ADIT_KV_U("uid", c->peer ? c->peer->uid : 0));
    const char *known[sizeof verbs / sizeof verbs[0] + 1];
    size_t i;
    for (i = 0; i < verb_count && strcmp(verbs[i].name, name) != 0; i++)
        known[i] = verbs[i].name;
    if (!answers(c, name)) {
        ctl_error(c, ADIT_EDENIED, "'%s' is not for users: on this socket only %s* answers", name,
                  c->peer->door->prefix);
    } else if (i < verb_count) {
        json_t *args = json_object_get(o, "args");
        json_t *none = json_object();
        verbs[i].fn(c, json_is_object(args) ? args : none);
        json_decref(none);
    } else {
        known[i] = NULL;
        const char *near = conf_nearest(name, known);
        ctl_error(c, ADIT_ENOENT, near ? "no verb '%s'; did you mean '%s'?" : "no verb '%s'%s",
                  name, near ? near : "");
    }
    json_decref(o);
}

static void verb_help(struct ctl_call *c, json_t *args)
{
    (void)args;
    json_t *list = json_array();
    for (size_t i = 0; i < verb_count; i++)
        json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "verb", verbs[i].name, "args",
                                              verbs[i].args, "text", verbs[i].sentence));
    ctl_ok_take(c, list);
}

char *ctl_dispatch_text(const char *line)
{
    char *reply = NULL;
    struct ctl_call *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->text = &reply;
    from_text = c;
    dispatch(c, line, strlen(line));
    if (from_text)
        from_text->text = NULL; /* it is answered later, into nothing */
    from_text = NULL;
    return reply;
}

/* ---- connections ---------------------------------------------------------------- */

static void peer_free(struct ctl_peer *p)
{
    adit_list_del(&p->node);
    p->door->peers--;
    ADIT_LIST_EACH(n, &p->calls) {
        struct ctl_call *c = ADIT_OF(n, struct ctl_call, node);
        adit_list_del(&c->node);
        c->peer = NULL;
        if (c->gone) {          /* a follower is done; others answer into nothing */
            c->gone(c->gone_u);
            call_free(c);
        }
    }
    line_free(p);
    free(p);
}

static void peer_rx(void *u, const uint8_t *data, uint32_t len)
{
    struct ctl_peer *p = u;
    if (!p->stream || !len)
        return;
    if (p->len + len > LINE_MAX_BYTES) {
        cut(p);
        return;
    }
    if (p->len + len > p->cap) {
        size_t cap = (p->len + len) * 2;
        char *grown = malloc(cap);
        if (!grown) {
            cut(p);             /* a line with a hole is nobody's request */
            return;
        }
        if (p->len)
            memcpy(grown, p->line, p->len);
        line_free(p);
        p->line = grown;
        p->cap = cap;
    }
    memcpy(p->line + p->len, data, len);
    p->len += len;
    char *nl;
    while (p->stream && (nl = memchr(p->line, '\n', p->len))) {
        size_t n = (size_t)(nl - p->line);
        struct ctl_call *c = calloc(1, sizeof *c);
        if (c && n) {
            c->peer = p;
            adit_list_add(&p->calls, &c->node);
            if (++p->call_count > CALLS_MAX && p->door->prefix)
                ctl_error(c, ADIT_EBUSY, "%u requests wait for their answers on this connection, and no more", CALLS_MAX);
            else
                dispatch(c, p->line, n);
        } else {
            free(c);
        }
        p->len -= n + 1;
        memmove(p->line, nl + 1, p->len);
        bytes_wipe(p->line + p->len, n + 1);
    }
}

static void peer_gone(void *u, int32_t code)
{
    struct ctl_peer *p = u;
    (void)code;
    p->stream = NULL;
    peer_free(p);
}

static const struct adit_stream_ops peer_ops = { .size = sizeof peer_ops, .rx = peer_rx,
                                                 .gone = peer_gone };

static void accepted(void *u, struct adit_stream *stream)
{
    struct door *door = u;
    uint32_t gid, uid, same = 0;
    if (loop_unix_peer(stream, &uid, &gid))
        uid = UINT32_MAX;
    ADIT_LIST_EACH(n, &peers)
        same += ADIT_OF(n, struct ctl_peer, node)->door == door && ADIT_OF(n, struct ctl_peer, node)->uid == uid;
    /* one user may not keep the others out */
    if (door->peers >= PEERS_MAX || (door->prefix && uid && same >= PEERS_MAX / 4))
        return;                 /* not taken: closed */
    struct ctl_peer *p = calloc(1, sizeof *p);
    if (!p)
        return;
    p->stream = stream;
    p->door = door;
    p->uid = uid;
    adit_list_init(&p->calls);
    adit_list_add(&peers, &p->node);
    door->peers++;
    loop_stream_api.take(stream, &peer_ops, p);
    loop_stream_bound(stream, ANSWER_MAX_BYTES);
}

static int door_open(struct door *d, const char *path, uint32_t mode, const char *prefix)
{
    d->prefix = prefix;
    int rc = loop_unix_listen(path, mode, accepted, d, &d->listener);
    if (!rc)
        d->file = strdup(path);
    return rc;
}

int ctl_open(const char *path, uint32_t mode)
{
    ctl_verb("help", verb_help, "", "Lists the verbs.");
    return door_open(&doors[0], path, mode, NULL);
}

int ctl_open_users(const char *path, uint32_t mode, const char *prefix)
{
    return door_open(&doors[1], path, mode, prefix);
}

void ctl_close(void)
{
    for (size_t i = 0; i < sizeof doors / sizeof doors[0]; i++) {
        struct door *d = &doors[i];
        if (d->listener)
            loop_stream_api.listen_close(d->listener);
        if (d->file)
            remove(d->file);
        free(d->file);
        d->listener = NULL;
        d->file = NULL;
    }
    ADIT_LIST_EACH(n, &peers) {
        struct ctl_peer *p = ADIT_OF(n, struct ctl_peer, node);
        cut(p);
        peer_free(p);
    }
    verb_count = 0;
}
