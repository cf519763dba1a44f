/* child.c - a child process: input in, output and status out.
 *
 * Knows:  libuv's processes and pipes.
 * Leaves: what is run and why to the caller (core/privilege, core/datapath).
 */
#include "loop/loop_int.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHILD_OUT_MAX 65536u
#define CHILD_TAIL_MS 1000      /* a grandchild may keep the pipe open: not longer than this */

struct child {
    struct child *next, **at;
    uv_process_t process;
    uv_pipe_t in, out;
    uv_timer_t timer;
    uv_write_t write;
    uint32_t open;              /* handles whose close callback is due */
    bool exited, eof, told;
    int status;
    void (*done)(void *u, int status, const char *out);
    void *u;
    char *in_copy, *out_text;
    size_t out_len;
    char chunk[4096];
};

static struct child *children;

static void child_closed(uv_handle_t *h)
{
    struct child *c = h->data;
    if (--c->open)
        return;
    free(c->in_copy);
    free(c->out_text);
    free(c);
}

static void child_close(uv_handle_t *h)
{
    if (!uv_is_closing(h))
        uv_close(h, child_closed);
}

static void child_end(struct child *c)
{
    if (c->told)
        return;
    c->told = true;
    *c->at = c->next;
    if (c->next)
        c->next->at = c->at;
    if (c->out_text)
        c->out_text[c->out_len] = '\0';
    child_close((uv_handle_t *)&c->in);
    child_close((uv_handle_t *)&c->out);
    child_close((uv_handle_t *)&c->timer);
    child_close((uv_handle_t *)&c->process);
    /* the block lives until libuv's close callbacks */
    c->done(c->u, c->status, c->out_text ? c->out_text : "");
}

static void child_late(uv_timer_t *t)
{
    struct child *c = t->data;
    if (c->exited) {            /* somebody else holds its output open */
        child_end(c);
        return;
    }
    uv_process_kill(&c->process, SIGKILL);      /* child_exit() follows */
}

static void child_exit(uv_process_t *p, int64_t code, int sig)
{
    struct child *c = p->data;
    c->exited = true;
    c->status = sig ? sig : (int)((code & 0xff) << 8);
    if (c->eof)
        child_end(c);
    else
        uv_timer_start(&c->timer, child_late, CHILD_TAIL_MS, 0);
}

static void child_room(uv_handle_t *h, size_t hint, uv_buf_t *buf)
{
    struct child *c = h->data;
    (void)hint;
    *buf = uv_buf_init(c->chunk, sizeof c->chunk);
}

static void child_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct child *c = s->data;
    if (n < 0) {
        c->eof = true;
        uv_read_stop(s);
        if (c->exited)
            child_end(c);
        return;
    }
    size_t take = (size_t)n;
    if (take > CHILD_OUT_MAX - c->out_len)
        take = CHILD_OUT_MAX - c->out_len;
    if (!take)
        return;
    char *grown = realloc(c->out_text, c->out_len + take + 1);
    if (!grown)
        return;
    c->out_text = grown;
    memcpy(c->out_text + c->out_len, buf->base, take);
    c->out_len += take;
}

static void child_written(uv_write_t *w, int status)
{
    struct child *c = w->data;
    (void)status;               /* it need not read what it is given */
    child_close((uv_handle_t *)&c->in);
}

int loop_child(const char *const argv[], const char *in, size_t in_len,
               void (*done)(void *u, int status, const char *out), void *u)
{
    if (in_len > 16u << 20)
        return ADIT_EINVAL;
    struct child *c = calloc(1, sizeof *c);
    if (!c)
        return ADIT_ENOMEM;
    if (in_len && !(c->in_copy = malloc(in_len))) {
        free(c);
        return ADIT_ENOMEM;
    }
    if (in_len)
        memcpy(c->in_copy, in, in_len);

    /* Real pipes, not libuv's socket pairs: `nft -f -` opens /dev/stdin, which
     * a socket refuses. One for both outputs: their order is kept. */
    int give[2], take[2];
    if (pipe2(give, O_CLOEXEC) < 0) {
        free(c->in_copy);
        free(c);
        return ADIT_ENOSPC;
    }
    if (pipe2(take, O_CLOEXEC) < 0) {
        close(give[0]);
        close(give[1]);
        free(c->in_copy);
        free(c);
        return ADIT_ENOSPC;
    }
    c->done = done;
    c->u = u;
    c->process.data = c->in.data = c->out.data = c->timer.data = c->write.data = c;
    uv_pipe_init(loop_uv(), &c->in, 0);
    uv_pipe_init(loop_uv(), &c->out, 0);
    uv_timer_init(loop_uv(), &c->timer);
    c->open = 4;

    uv_stdio_container_t stdio[3] = {
        { .flags = UV_INHERIT_FD, .data.fd = give[0] },
        { .flags = UV_INHERIT_FD, .data.fd = take[1] },
        { .flags = UV_INHERIT_FD, .data.fd = take[1] },
    };
    uv_process_options_t opt = {
        .exit_cb = child_exit,
        .file = argv[0],
        .args = (char **)(uintptr_t)argv,
        .stdio = stdio,
        .stdio_count = 3,
    };
    int rc = uv_spawn(loop_uv(), &c->process, &opt);
    close(give[0]);
    close(take[1]);
    int rc_in = uv_pipe_open(&c->in, give[1]);
    int rc_out = uv_pipe_open(&c->out, take[0]);
    if (rc_in < 0)
        close(give[1]);
    if (rc_out < 0)
        close(take[0]);
    if (rc == 0 && (rc_in < 0 || rc_out < 0)) {
        uv_process_kill(&c->process, SIGKILL);
        rc = rc_in < 0 ? rc_in : rc_out;
    }
    if (rc < 0) {               /* libuv has initialised the process even so */
        child_close((uv_handle_t *)&c->in);
        child_close((uv_handle_t *)&c->out);
        child_close((uv_handle_t *)&c->timer);
        child_close((uv_handle_t *)&c->process);
        return loop_code(rc);
    }
    c->next = children;
    c->at = &children;
    if (children)
        children->at = &c->next;
    children = c;
    uv_read_start((uv_stream_t *)&c->out, child_room, child_read);
    uv_timer_start(&c->timer, child_late, LOOP_CHILD_MS, 0);
    uv_buf_t buf = uv_buf_init(c->in_copy, (unsigned)in_len);
    if (!in_len || uv_write(&c->write, (uv_stream_t *)&c->in, &buf, 1, child_written) < 0)
        child_close((uv_handle_t *)&c->in);
    return 0;
}

void loop_child_fini(void)
{
    while (children) {
        struct child *c = children;
        if (!c->exited) {
            uv_process_kill(&c->process, SIGKILL);
            c->status = SIGKILL;
        }
        child_end(c);
    }
}
