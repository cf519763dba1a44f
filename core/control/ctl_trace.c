/* ctl_trace.c - the verbs that show what peers and we say: lines, and captured frames.
 *
 * Knows:  how followers are fed, and that one who reads slowly loses and is told so.
 * Leaves: lines and frames to diagnose, files to whoever asked.
 */
#include "control/ctl_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/addr.h"
#include "base/base64.h"
#include "diagnose/capture.h"
#include "diagnose/trace.h"
#include "loop/loop.h"
#include "session/ses.h"

#define TRACE_QUEUE   (256u * 1024)     /* bytes that a slow reader of lines may have waiting */
#define CAPTURE_QUEUE (4u * 1024 * 1024)
#define CAPTURE_MS    20u               /* between two looks at what was captured */

static uint64_t num_arg(json_t *args, const char *key)
{
    json_int_t v = json_integer_value(json_object_get(args, key));
    return v > 0 ? (uint64_t)v : 0;
}

/* A message's moment, more exact than others are told. */
static json_t *when_ms(uint64_t wall_ms)
{
    char day[32];
    time_t t = (time_t)(wall_ms / 1000);
    struct tm tm;
    if (!gmtime_r(&t, &tm))
        return json_null();
    strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &tm);
    return json_sprintf("%s.%03uZ", day, (unsigned)(wall_ms % 1000));
}

/* Who is meant: {"user": ..., "address": ..., "session": ...}. False: it was told
 * what is wrong. */
static bool pick_read(struct ctl_call *c, json_t *args, struct trace_pick *p)
{
    const char *user = str_arg(args, "user"), *address = str_arg(args, "address"),
               *session = str_arg(args, "session");
    memset(p, 0, sizeof *p);
    if (address && addr_parse(address, &p->address)) {
        ctl_error(c, ADIT_EINVAL, "'%s' is no address", address);
        return false;
    }
    if (session) {
        struct ses *s = ses_find(session);
        struct ses_info i;
        if (!s) {
            ctl_error(c, ADIT_ENOENT, "no session is '%s'; 'adit sessions' lists them", session);
            return false;
        }
        ses_info(s, &i);
        snprintf(p->session, sizeof p->session, "%s", i.id);
    }
    if (user && strlen(user) >= sizeof p->user) {
        ctl_error(c, ADIT_EINVAL, "the name is longer than any user's");
        return false;
    }
    snprintf(p->user, sizeof p->user, "%s", user ? user : "");
    return true;
}

/* ---- lines ---------------------------------------------------------------------------- */

struct watcher {
    struct ctl_call *call;
    struct trace_listener *ear;
    struct loop_timer *end;     /* NULL: until it hangs up */
    uint64_t lost;
};

static void watcher_gone(void *u)
{
    struct watcher *w = u;
    trace_deaf(w->ear);
    loop_timer_free(w->end);
    free(w);
}

static void watcher_line(void *u, const struct trace_line *l)
{
    static const char *const directions[] = { "received", "sent", "note" };
    struct watcher *w = u;
    char peer[ADDR_TEXT];
    if (ctl_queued(w->call) > TRACE_QUEUE) {
        w->lost++;
        return;
    }
    if (w->lost) {
        ctl_say_take(w->call, json_pack("{s:I}", "lost", (json_int_t)w->lost));
        w->lost = 0;
    }
    ctl_say_take(w->call, json_pack("{s:o, s:s, s:s, s:o, s:s, s:s, s:o}", "when", when_ms(l->wall_ms),
                                    "direction", directions[l->how <= TRACE_NOTE ? l->how : TRACE_NOTE],
                                    "protocol", l->protocol, "text", text_of(l->text),
                                    "peer", addr_text(l->peer, peer), "session", l->session,
                                    "user", text_of(l->user)));
}

static void watcher_end(void *u)
{
    struct watcher *w = u;
    trace_deaf(w->ear);
    w->ear = NULL;
    ctl_say_take(w->call, json_pack("{s:b, s:I}", "done", 1, "lost", (json_int_t)w->lost));
}

static void verb_trace_follow(struct ctl_call *c, json_t *args)
{
    static const struct trace_ears ears = { .line = watcher_line };
    struct trace_pick pick;
    if (!pick_read(c, args, &pick))
        return;
    struct watcher *w = calloc(1, sizeof *w);
    uint64_t seconds = num_arg(args, "seconds");
    if (!w) {
        ctl_error(c, ADIT_ENOMEM, "out of memory");
        return;
    }
    w->call = c;
    if (!trace_may_listen()) {
        free(w);
        ctl_error(c, ADIT_EBUSY, "%u others trace or capture already", TRACE_LISTENERS);
        return;
    }
    ctl_say_take(c, json_pack("{s:b}", "begun", 1));    /* before what is under way */
    w->ear = trace_listen(&pick, &ears, w);
    if (seconds && (w->end = loop_timer_new(watcher_end, w)))
        loop_timer_set(w->end, seconds * 1000);
    ctl_follow(c, watcher_gone, w);
}

/* ---- what was kept ----------------------------------------------------------------------- */

static void kept_add(void *u, uint64_t wall_ms, const char *text)
{
    json_array_append_new(u, json_pack("{s:o, s:o}", "when", when_ms(wall_ms), "text", text_of(text)));
}

static void verb_trace_kept(struct ctl_call *c, json_t *args)
{
    const char *id = str_arg(args, "id");
    const struct ses_failure *f = id ? ses_failure_find(id) : NULL;     /* by its number, too */
    json_t *list = json_array();
    if (id && trace_kept(f ? f->id : id, kept_add, list)) {
        ctl_ok_take(c, list);
        return;
    }
    json_decref(list);
    ctl_error(c, ADIT_ENOENT, "nothing is kept of '%s': only the last %u failed attempts are, by "
              "session or by the peer's address", id ? id : "", TRACE_KEPT);
}

/* ---- frames --------------------------------------------------------------------------------- */

struct catcher {
    struct ctl_call *call;
    struct capture *capture;
    struct loop_timer *look;
    uint64_t until_ms;          /* 0: until it hangs up */
};

static void catcher_gone(void *u)
{
    struct catcher *x = u;
    capture_free(x->capture);
    loop_timer_free(x->look);
    free(x);
}

/* All that waits, as far as the reader takes it; false: it does not now. */
static bool catcher_feed(struct catcher *x)
{
    static uint8_t piece[CAPTURE_PIECE];
    static char text[BASE64_LEN(CAPTURE_PIECE)];
    for (;;) {
        size_t n = ctl_queued(x->call) > CAPTURE_QUEUE ? 0 : capture_take(x->capture, piece, sizeof piece);
        if (!n)
            return ctl_queued(x->call) <= CAPTURE_QUEUE;
        base64_write(piece, n, text);
        ctl_say_take(x->call, json_pack("{s:s, s:I, s:I}", "data", text, "packets",
                                        (json_int_t)capture_packets(x->capture), "lost",
                                        (json_int_t)capture_lost(x->capture)));
    }
}

static void catcher_look(void *u)
{
    struct catcher *x = u;
    bool over = capture_done(x->capture) || (x->until_ms && loop_now() >= x->until_ms);
    bool taken = catcher_feed(x);
    if (!over || !taken) {
        loop_timer_set(x->look, CAPTURE_MS);
        return;
    }
    capture_finish(x->capture);
    catcher_feed(x);
    ctl_say_take(x->call, json_pack("{s:b, s:I, s:I}", "done", 1, "packets",
                                    (json_int_t)capture_packets(x->capture), "lost",
                                    (json_int_t)capture_lost(x->capture)));
}

static void verb_capture_follow(struct ctl_call *c, json_t *args)
{
    struct trace_pick pick;
    if (!pick_read(c, args, &pick))
        return;
    struct catcher *x = calloc(1, sizeof *x);
    if (x)
        x->look = loop_timer_new(catcher_look, x);
    if (x && x->look)
        x->capture = capture_new(&pick, num_arg(args, "packets"));
    if (!x || !x->capture) {
        if (x)
            catcher_gone(x);
        ctl_error(c, ADIT_EBUSY, "no memory, or %u others trace or capture already", TRACE_LISTENERS);
        return;
    }
    uint64_t seconds = num_arg(args, "seconds");
    x->call = c;
    x->until_ms = seconds ? loop_now() + seconds * 1000 : 0;
    ctl_follow(c, catcher_gone, x);
    loop_timer_set(x->look, 0); /* the file's head goes out at once: it has begun */
}

void ctl_trace_open(void)
{
    ctl_verb("trace.follow", verb_trace_follow, "user | address | session, seconds",
             "What peers and we say, decoded, as it is said, until hang-up.");
    ctl_verb("trace.kept", verb_trace_kept, "id",
             "What was said in a failed attempt: a session, or a peer without one.");
    ctl_verb("capture.follow", verb_capture_follow, "user | address | session, packets, seconds",
             "Decrypted frames as pcapng, in pieces, until hang-up.");
}
