/* libadit.c - the calls of libadit.
 *
 * Knows:  which verb is asked, what becomes of its answers, who hears of them.
 * Leaves: bytes to lib_buf.c and lib_chan.c, the reading of answers to lib_read.c.
 *
 * Each question has a connection of its own to the daemon, so that an answer that is
 * late or broken spoils no other call. Followers (attempts and watchers) keep theirs;
 * to close it is to end the attempt.
 */
#include "lib_int.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#ifndef ADIT_RUN_DIR
#define ADIT_RUN_DIR "/run/adit"
#endif
#define LINES_AT_ONCE 64        /* of one follower in one dispatch */

struct adit_client {
    char *path;
    uint32_t timeout_ms;
    int ep, timer;              /* ep holds the followers' descriptors and the timer */
    struct lib_chan *chans;
    int inside;                 /* callbacks under way */
    bool closing;
    char text[1024];
};

/* ---- failures ---------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4)))
static int fail(struct adit_client *c, int error, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(c->text, sizeof c->text, fmt, ap);
    va_end(ap);
    return error;
}

/* With the number's own sentence. */
static int failed(struct adit_client *c, int error)
{
    if (!error)
        c->text[0] = '\0';
    return error ? fail(c, error, "%s", adit_error_text(error)) : 0;
}

/* The daemon said no: {"ok": false, "error": {"code", "text", "ras"}}. */
static int refused(struct adit_client *c, const json_t *reply, int not_found)
{
    const json_t *e = json_object_get(reply, "error");
    const char *code = json_string_value(json_object_get(e, "code"));
    const char *text = json_string_value(json_object_get(e, "text"));
    json_int_t ras = json_integer_value(json_object_get(e, "ras"));
    int error = ras > 0 && ras < INT16_MAX ? (int)ras : lib_code_error(code ? code : "", not_found);
    return fail(c, error, "%s", text ? text : adit_error_text(error));
}

/* ---- a client ----------------------------------------------------------------------- */

/* dial.sock beside the control socket, to be freed. */
static char *beside(const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t dir = slash ? (size_t)(slash + 1 - path) : 0;
    char *out = malloc(dir + sizeof "dial.sock");
    if (out) {
        memcpy(out, path, dir);
        strcpy(out + dir, "dial.sock");
    }
    return out;
}

static int unreachable(struct adit_client *c, int error)
{
    if (error == ADIT_RAS_ACCESS_DENIED)
        return fail(c, error, "%s: permission denied; dial as root, or let this user by the section "
                    "dial: of the daemon's configuration", c->path);
    if (error == ADIT_RAS_NO_SERVICE)
        return fail(c, error, "%s: no daemon answers there; is aditd running?", c->path);
    return fail(c, error, "%s: %s", c->path, error == ADIT_RAS_TIMEOUT ? adit_error_text(error) :
                strerror(errno));
}

static uint64_t deadline_of(uint32_t ms) { return ms ? lib_now() + ms : UINT64_MAX; }

/* Looks whether somebody listens, and where: on the control socket, or, for those
 * whom that one is closed to, beside it. */
static int find(struct adit_client *c)
{
    int error;
    struct lib_chan *ch = lib_chan_new(c->path, deadline_of(c->timeout_ms), &error);
    if (!ch && error == ADIT_RAS_ACCESS_DENIED) {
        char *other = beside(c->path);
        ch = other ? lib_chan_new(other, deadline_of(c->timeout_ms), &(int){ 0 }) : NULL;
        if (ch) {
            free(c->path);
            c->path = other;
            error = 0;
        } else {
            free(other);
        }
    }
    lib_chan_free(ch);
    return error ? unreachable(c, error) : 0;
}

int adit_client_open(const char *socket, struct adit_client **out)
{
    if (!out)
        return ADIT_RAS_INVALID_PARAMETER;
    if (!socket || !*socket)
        socket = secure_getenv("ADIT_SOCKET");
    if (!socket || !*socket)
        socket = ADIT_RUN_DIR "/control.sock";
    struct adit_client *c = *out = calloc(1, sizeof *c);
    if (!c)
        return ADIT_RAS_NOT_ENOUGH_MEMORY;
    c->timeout_ms = 30000;
    c->path = strdup(socket);
    c->ep = epoll_create1(EPOLL_CLOEXEC);
    c->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    struct epoll_event e = { .events = EPOLLIN };
    if (!c->path || c->ep < 0 || c->timer < 0 || epoll_ctl(c->ep, EPOLL_CTL_ADD, c->timer, &e)) {
        adit_client_close(c);
        *out = NULL;
        return ADIT_RAS_NOT_ENOUGH_MEMORY;
    }
    return find(c);
}

static void reap(struct adit_client *c)
{
    for (struct lib_chan **at = &c->chans; *at;) {
        struct lib_chan *ch = *at;
        if (ch->dead || c->closing) {
            *at = ch->next;
            lib_chan_free(ch);  /* which takes it out of ep, too */
        } else {
            at = &ch->next;
        }
    }
}

static void client_free(struct adit_client *c)
{
    reap(c);
    if (c->ep >= 0)
        close(c->ep);
    if (c->timer >= 0)
        close(c->timer);
    free(c->path);
    free(c);
}

void adit_client_close(struct adit_client *c)
{
    if (!c)
        return;
    c->closing = true;
    if (!c->inside)
        client_free(c);
}

/* The end of a time in which callbacks ran. False: the client is gone. */
static bool leave(struct adit_client *c)
{
    if (--c->inside)
        return true;
    if (c->closing) {
        client_free(c);
        return false;
    }
    reap(c);
    return true;
}

const char *adit_client_text(const struct adit_client *c) { return c ? c->text : ""; }

int adit_client_fd(const struct adit_client *c) { return c ? c->ep : -1; }

int adit_client_timeout(struct adit_client *c, uint32_t timeout_ms)
{
    if (!c || !timeout_ms)
        return ADIT_RAS_INVALID_PARAMETER;
    c->timeout_ms = timeout_ms;
    c->text[0] = '\0';
    return 0;
}

/* ---- one question, one answer -------------------------------------------------------- */

static void request(struct lib_buf *b, const char *verb)
{
    lib_buf_text(b, "{\"verb\":");
    lib_buf_string(b, verb);
    lib_buf_text(b, ",\"args\":{");
}

static void request_handle(struct lib_buf *b, const char *verb, uint64_t handle)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)handle);
    request(b, verb);
    lib_buf_text(b, "\"handle\":");
    lib_buf_text(b, text);
    lib_buf_text(b, "}}\n");
}

/* Sends the request and wipes it; then the connection, or NULL and *error. */
static struct lib_chan *send_take(struct adit_client *c, struct lib_buf *b, int *error)
{
    uint64_t deadline = deadline_of(c->timeout_ms);
    struct lib_chan *ch = NULL;
    if (b->error == ADIT_RAS_INVALID_PARAMETER)
        *error = fail(c, b->error, "a text that is not UTF-8, or a request that is too long");
    else if (b->error)
        *error = failed(c, b->error);
    else if (!(ch = lib_chan_new(c->path, deadline, error)))
        unreachable(c, *error);
    else if ((*error = lib_chan_send(ch, b, deadline)) != 0) {
        failed(c, *error);
        lib_chan_free(ch);
        ch = NULL;
    }
    lib_buf_free(b);
    return ch;
}

/* The result of an answer, to be given back with json_decref(); NULL and *error. */
static json_t *ask_take(struct adit_client *c, struct lib_buf *b, int not_found, int *error)
{
    char *line;
    size_t len;
    json_t *result = NULL;
    c->text[0] = '\0';
    struct lib_chan *ch = send_take(c, b, error);
    if (!ch)
        return NULL;
    *error = lib_chan_line(ch, deadline_of(c->timeout_ms), &line, &len);
    if (*error) {
        failed(c, *error);
    } else {
        json_t *reply = lib_parse(line, len);
        const json_t *ok = json_object_get(reply, "ok");
        if (json_is_true(ok) && json_object_get(reply, "result"))
            result = json_incref(json_object_get(reply, "result"));
        else
            *error = json_is_false(ok) ? refused(c, reply, not_found) : failed(c, ADIT_RAS_INVALID_DATA);
        json_decref(reply);
    }
    lib_chan_free(ch);
    return result;
}

/* The list that a verb without arguments answers with; NULL and *error. */
static json_t *list_take(struct adit_client *c, const char *verb, int *error)
{
    struct lib_buf b = { .p = NULL };
    request(&b, verb);
    lib_buf_text(&b, "}}\n");
    return ask_take(c, &b, ADIT_RAS_NOT_SUPPORTED, error);
}

int adit_entries(struct adit_client *c, struct adit_entry ***out)
{
    int error;
    if (!c || !out)
        return ADIT_RAS_INVALID_PARAMETER;
    *out = NULL;
    json_t *list = list_take(c, "dial.entries", &error);
    if (list)
        error = failed(c, lib_read_entries(list, out));
    json_decref(list);
    return error;
}

int adit_interfaces(struct adit_client *c, struct adit_interface ***out)
{
    int error;
    if (!c || !out)
        return ADIT_RAS_INVALID_PARAMETER;
    *out = NULL;
    json_t *list = list_take(c, "dial.interfaces", &error);
    if (list)
        error = failed(c, lib_read_interfaces(list, out));
    json_decref(list);
    return error;
}

int adit_connections(struct adit_client *c, struct adit_connection ***out)
{
    int error;
    if (!c || !out)
        return ADIT_RAS_INVALID_PARAMETER;
    *out = NULL;
    json_t *list = list_take(c, "dial.connections", &error);
    if (list)
        error = failed(c, lib_read_connections(list, out));
    json_decref(list);
    return error;
}

int adit_status(struct adit_client *c, uint64_t handle, struct adit_connection **out)
{
    int error;
    size_t i;
    json_t *o;
    if (!c || !out)
        return ADIT_RAS_INVALID_PARAMETER;
    *out = NULL;
    json_t *list = list_take(c, "dial.connections", &error);
    if (!list)
        return error;
    error = json_is_array(list) ? ADIT_RAS_INVALID_HANDLE : ADIT_RAS_INVALID_DATA;
    json_array_foreach (list, i, o)
        if (handle && (uint64_t)json_integer_value(json_object_get(o, "handle")) == handle) {
            error = lib_read_connection(o, out);
            break;
        }
    json_decref(list);
    return failed(c, error);
}

/* ---- structs of the caller's, of this version or another ------------------------------- */

/* Copies what they have of a struct; `first` is its size in version 1. What they have
 * beyond ours must be zero: it asks for nothing that we would not do. */
static bool struct_in(void *ours, size_t ours_size, const void *theirs, size_t first)
{
    uint32_t size;
    memcpy(&size, theirs, sizeof size);
    memset(ours, 0, ours_size);
    if (size < first || size > 65536)
        return false;
    for (size_t i = ours_size; i < size; i++)
        if (((const char *)theirs)[i])
            return false;
    memcpy(ours, theirs, size < ours_size ? size : ours_size);
    return true;
}

int adit_statistics(struct adit_client *c, uint64_t handle, struct adit_stats *out)
{
    struct adit_connection *o;
    if (!c || !out)
        return ADIT_RAS_INVALID_PARAMETER;
    uint32_t size = out->size;
    if (size < sizeof *out || size > 65536)     /* later versions: of version 1 */
        return failed(c, ADIT_RAS_INVALID_SIZE);
    int error = adit_status(c, handle, &o);
    if (error)
        return error;
    memset(out, 0, size);
    *out = (struct adit_stats){
        .size = size, .redials = o->redials, .duration_ms = o->duration_ms,
        .bytes_in = o->bytes_in, .bytes_out = o->bytes_out,
        .packets_in = o->packets_in, .packets_out = o->packets_out,
    };
    adit_free(o);
    return 0;
}

/* ---- dialling ---------------------------------------------------------------------------- */

void adit_credentials_wipe(struct adit_credentials *who)
{
    if (!who)
        return;
    explicit_bzero(who->user, sizeof who->user);
    explicit_bzero(who->password, sizeof who->password);
    explicit_bzero(who->psk, sizeof who->psk);
}

static void secret(struct lib_buf *b, const char *key, const char *value)
{
    if (!*value)
        return;
    lib_buf_text(b, key);
    if (!memchr(value, '\0', ADIT_CREDENTIAL_MAX))
        b->error = ADIT_RAS_INVALID_PARAMETER;
    else
        lib_buf_string(b, value);
}

/* The request of an entry with its credentials; 0, or an error that was told. */
static int dial_request(struct adit_client *c, const struct adit_dial_options *o, struct lib_buf *b)
{
    struct adit_credentials who;
    json_t *own = NULL;
    if (!o->entry == !o->entry_json)
        return fail(c, ADIT_RAS_INVALID_PARAMETER, "either an entry's name or an entry is needed");
    if (o->entry_json && !(own = lib_parse(o->entry_json, strlen(o->entry_json))))
        return fail(c, ADIT_RAS_INVALID_ENTRY, "an entry is a JSON object");
    memset(&who, 0, sizeof who);
    if (o->credentials && !struct_in(&who, sizeof who, o->credentials, sizeof who)) {
        json_decref(own);
        return failed(c, ADIT_RAS_INVALID_SIZE);
    }
    request(b, "dial.begin");
    lib_buf_text(b, "\"entry\":");
    if (own)
        lib_buf_json(b, own);
    else
        lib_buf_string(b, o->entry);
    secret(b, ",\"user\":", who.user);
    secret(b, ",\"password\":", who.password);
    secret(b, ",\"psk\":", who.psk);
    lib_buf_text(b, "}}\n");
    adit_credentials_wipe(&who);
    json_decref(own);
    return 0;
}

/* Whether nothing follows this state. */
static bool is_last(const struct lib_chan *ch, uint32_t state)
{
    return state == ADIT_STATE_FAILED || state == ADIT_STATE_ENDED ||
           (state == ADIT_STATE_CONNECTED && !ch->watch);
}

/* The sentence of a failure is the client's text, too. */
static void told(struct adit_client *c, const struct adit_progress *p)
{
    c->text[0] = '\0';
    if (p->error)
        fail(c, p->error, "%s", *p->text ? p->text : adit_error_text(p->error));
}

/* What a line says: a state, or a refusal. 0, or an error that was told. */
static int line_read(struct adit_client *c, const char *line, size_t len, int not_found,
                     struct adit_progress **out)
{
    *out = NULL;
    json_t *o = lib_parse(line, len);
    int error = json_is_false(json_object_get(o, "ok")) ? refused(c, o, not_found)
                                                        : failed(c, lib_read_progress(o, out));
    json_decref(o);
    return error;
}

/* The daemon went away or makes no sense: the last thing that a follower hears. */
static void broken(struct adit_client *c, struct lib_chan *ch, int error)
{
    static const struct adit_attempt *const tried[] = { NULL };
    static const char *const dns[] = { NULL };
    uint32_t state = ch->watch ? ADIT_STATE_ENDED : ADIT_STATE_FAILED;
    char text[sizeof c->text];
    memcpy(text, c->text, sizeof text);         /* the callback's calls write there */
    struct adit_progress p = {
        .size = sizeof p, .state = state, .handle = ch->handle, .error = error,
        .state_text = adit_state_text(state), .entry = "", .server = "", .protocol = "",
        .interface = "", .address = "", .address6 = "", .peer = "", .method = "", .encryption = "",
        .dns = dns, .code = "", .text = text, .remedy = "", .tried = tried,
    };
    ch->dead = true;
    if (ch->fn)
        ch->fn(ch->u, &p);
}

static void say(struct lib_chan *ch, const struct adit_progress *p)
{
    ch->dead = is_last(ch, p->state);
    if (ch->fn)
        ch->fn(ch->u, p);
}

int adit_dial(struct adit_client *c, const struct adit_dial_options *options, adit_progress_fn fn,
              void *u, uint64_t *handle)
{
    struct adit_dial_options o;
    struct lib_buf b = { .p = NULL };
    char *line;
    size_t len;
    if (handle)
        *handle = 0;
    if (!c || !options || !handle)
        return ADIT_RAS_INVALID_PARAMETER;
    c->text[0] = '\0';
    if (!struct_in(&o, sizeof o, options, sizeof o))
        return failed(c, ADIT_RAS_INVALID_SIZE);
    int error = dial_request(c, &o, &b);
    struct lib_chan *ch = error ? NULL : send_take(c, &b, &error);
    if (!ch)
        return error;
    uint64_t deadline = deadline_of(o.timeout_ms);
    ch->fn = fn;
    ch->u = u;
    c->inside++;
    while (!ch->dead && !c->closing) {
        struct adit_progress *p;
        error = lib_chan_line(ch, deadline, &line, &len);
        if (error) {
            failed(c, error);
            break;
        }
        error = line_read(c, line, len, ADIT_RAS_CANNOT_FIND_ENTRY, &p);
        if (error)
            break;
        lib_chan_next(ch);
        if (p->state == ADIT_STATE_CONNECTED)
            *handle = p->handle;
        error = p->state == ADIT_STATE_ENDED && !p->error ? ADIT_RAS_USER_DISCONNECTION : p->error;
        say(ch, p);
        if (!c->closing)
            told(c, p);
        adit_free(p);
    }
    if (c->closing && !*handle)
        error = ADIT_RAS_USER_DISCONNECTION;
    lib_chan_free(ch);          /* an attempt that is not over ends with it */
    leave(c);
    return error;
}

/* A follower whose first line was read: from here on it is the client's. */
static int follow_take(struct adit_client *c, struct lib_chan *ch, bool watch, uint64_t deadline,
                       adit_progress_fn fn, void *u)
{
    struct epoll_event e = { .events = EPOLLIN };
    if (epoll_ctl(c->ep, EPOLL_CTL_ADD, ch->fd, &e)) {
        lib_chan_free(ch);
        return failed(c, ADIT_RAS_NOT_ENOUGH_MEMORY);
    }
    ch->watch = watch;
    ch->deadline = deadline;
    ch->fn = fn;
    ch->u = u;
    ch->next = c->chans;
    c->chans = ch;
    return 0;
}

/* The descriptor becomes readable at the next deadline of an attempt; now, when there
 * are lines that were read and not told. */
static void alarm_set(const struct adit_client *c, bool now)
{
    uint64_t at = UINT64_MAX;
    for (const struct lib_chan *ch = c->chans; ch; ch = ch->next)
        if (!ch->dead && ch->deadline < at)
            at = ch->deadline;
    struct itimerspec t = { .it_value = { 0, 0 } };
    if (now)
        t.it_value.tv_nsec = 1;
    else if (at != UINT64_MAX)
        t.it_value = (struct timespec){ (time_t)(at / 1000), (long)(at % 1000 * 1000000 + 1) };
    timerfd_settime(c->timer, TFD_TIMER_ABSTIME, &t, NULL);
}

int adit_dial_begin(struct adit_client *c, const struct adit_dial_options *options, adit_progress_fn fn,
                    void *u, uint64_t *handle)
{
    struct adit_dial_options o;
    struct lib_buf b = { .p = NULL };
    struct adit_progress *p;
    char *line;
    size_t len;
    if (handle)
        *handle = 0;
    if (!c || !options || !handle)
        return ADIT_RAS_INVALID_PARAMETER;
    c->text[0] = '\0';
    if (!struct_in(&o, sizeof o, options, sizeof o))
        return failed(c, ADIT_RAS_INVALID_SIZE);
    int error = dial_request(c, &o, &b);
    struct lib_chan *ch = error ? NULL : send_take(c, &b, &error);
    if (!ch)
        return error;
    uint64_t deadline = deadline_of(o.timeout_ms), soon = deadline_of(c->timeout_ms);
    error = lib_chan_line(ch, soon < deadline ? soon : deadline, &line, &len);
    if (error)
        failed(c, error);
    else
        error = line_read(c, line, len, ADIT_RAS_CANNOT_FIND_ENTRY, &p);
    if (error) {
        lib_chan_free(ch);
        return error;
    }
    ch->handle = p->handle;
    adit_free(p);
    error = follow_take(c, ch, false, deadline, fn, u);
    if (!error) {
        *handle = ch->handle;
        alarm_set(c, true);     /* the line is still to be told */
    }
    return error;
}

/* Tells what one follower has to say. True: there may be more. */
static bool follower_feed(struct adit_client *c, struct lib_chan *ch)
{
    for (int n = 0; !ch->dead && !c->closing; n++) {
        struct adit_progress *p;
        char *line;
        size_t len;
        if (n == LINES_AT_ONCE)
            return true;
        int error = lib_chan_line(ch, 0, &line, &len);
        if (!error && !line) {
            if (lib_now() < ch->deadline)
                break;
            error = ADIT_RAS_TIMEOUT;
        }
        if (error)
            failed(c, error);
        else
            error = line_read(c, line, len, ADIT_RAS_INVALID_HANDLE, &p);
        if (error) {
            broken(c, ch, error);
            break;
        }
        lib_chan_next(ch);
        told(c, p);
        say(ch, p);
        adit_free(p);
    }
    return false;
}

int adit_client_dispatch(struct adit_client *c)
{
    bool more = false;
    if (!c || c->inside)
        return ADIT_RAS_INVALID_PARAMETER;
    c->text[0] = '\0';
    c->inside++;
    for (struct lib_chan *ch = c->chans; ch && !c->closing; ch = ch->next)
        more = follower_feed(c, ch) || more;
    if (leave(c))
        alarm_set(c, more);
    return 0;
}

/* ---- the end of a connection ---------------------------------------------------------------- */

static int hangup_take(struct adit_client *c, struct lib_buf *b, int not_found)
{
    int error;
    json_t *result = ask_take(c, b, not_found, &error);
    json_decref(result);
    return error;
}

int adit_hangup(struct adit_client *c, uint64_t handle)
{
    struct lib_buf b = { .p = NULL };
    if (!c)
        return ADIT_RAS_INVALID_PARAMETER;
    request_handle(&b, "dial.hangup", handle);
    return hangup_take(c, &b, ADIT_RAS_INVALID_HANDLE);
}

int adit_hangup_entry(struct adit_client *c, const char *entry)
{
    struct lib_buf b = { .p = NULL };
    if (!c || !entry)
        return ADIT_RAS_INVALID_PARAMETER;
    request(&b, "dial.hangup");
    lib_buf_text(&b, "\"entry\":");
    lib_buf_string(&b, entry);
    lib_buf_text(&b, "}}\n");
    return hangup_take(c, &b, ADIT_RAS_CANNOT_FIND_ENTRY);
}

/* Begins to follow a connection; NULL and *error. */
static struct lib_chan *watch_take(struct adit_client *c, uint64_t handle, int *error)
{
    struct lib_buf b = { .p = NULL };
    c->text[0] = '\0';
    request_handle(&b, "dial.watch", handle);
    struct lib_chan *ch = send_take(c, &b, error);
    if (ch) {
        ch->watch = true;
        ch->handle = handle;
    }
    return ch;
}

int adit_wait(struct adit_client *c, uint64_t handle, uint32_t timeout_ms, int *error)
{
    struct adit_progress *p;
    char *line;
    size_t len;
    int rc;
    bool over = false;
    if (error)
        *error = 0;
    if (!c)
        return ADIT_RAS_INVALID_PARAMETER;
    uint64_t deadline = deadline_of(timeout_ms);
    struct lib_chan *ch = watch_take(c, handle, &rc);
    if (!ch)
        return rc;
    while (!over) {
        rc = lib_chan_line(ch, deadline, &line, &len);
        if (rc) {
            failed(c, rc);
            break;
        }
        if ((rc = line_read(c, line, len, ADIT_RAS_INVALID_HANDLE, &p)) != 0)
            break;
        lib_chan_next(ch);
        over = is_last(ch, p->state);
        if (over && error)
            *error = p->error;
        told(c, p);
        adit_free(p);
    }
    lib_chan_free(ch);
    return rc;
}

int adit_watch(struct adit_client *c, uint64_t handle, adit_progress_fn fn, void *u)
{
    int error;
    if (!c)
        return ADIT_RAS_INVALID_PARAMETER;
    struct lib_chan *ch = watch_take(c, handle, &error);
    return ch ? follow_take(c, ch, true, UINT64_MAX, fn, u) : error;
}

int adit_unwatch(struct adit_client *c, uint64_t handle)
{
    int error = ADIT_RAS_INVALID_HANDLE;
    if (!c)
        return ADIT_RAS_INVALID_PARAMETER;
    for (struct lib_chan *ch = c->chans; ch; ch = ch->next)
        if (ch->watch && !ch->dead && ch->handle == handle) {
            ch->dead = true;
            error = 0;
        }
    if (!c->inside)
        reap(c);
    return failed(c, error);
}
