/* test_fake.c - the fake host against a small tunnel and a small authenticator
 * that live here, well behaved and badly. */
#include "fake/fake.h"
#include "unit.h"

/* ---- a tunnel that echoes ------------------------------------------------------- */

struct toy_conf {
    struct adit_addr listen;
    uint64_t period;
    uint32_t loud;
};

static const struct adit_opt toy_opts[] = {
    ADIT_OPT(ADDR, toy_conf, listen, "listen", "10.0.0.1:1723", 0, "Where to listen."),
    ADIT_OPT(MSEC, toy_conf, period, "period", "2s", ADIT_OPT_RELOAD, "How often to tick."),
    ADIT_OPT(BOOL, toy_conf, loud, "loud", NULL, ADIT_OPT_RELOAD, "Whether to speak."),
    ADIT_OPT_END
};

ADIT_EVENT(ev_tick, "toy.timer.tick", ADIT_LOG_INFO, "The timer fired.", "n peer name");
ADIT_EVENT(ev_other, "toy.other", ADIT_LOG_INFO, "Not declared by the face.", "n");
static const struct adit_event *const toy_events[] = { &ev_tick, NULL };
static const struct adit_counter toy_counters[] = { { "rx-bytes", "Bytes from streams." } };

struct toy {
    struct adit_self *self;
    struct adit_timer *timer;
    struct adit_listener *listener;
    struct adit_stream *stream;
    struct adit_port *port;
    struct adit_path *path;
    struct adit_link *link;
    uint32_t ticks, gone, worked, posted;
    int32_t gone_code, work_status;
};

static struct toy *toy;         /* the last one */

static void toy_tick(void *u)
{
    struct toy *t = u;
    const struct toy_conf *c = t->self->conf;
    t->ticks++;
    struct adit_addr peer = fake_addr("192.0.2.7:4000");
    adit_event(t->self, &ev_tick, ADIT_KV_U("n", t->ticks), ADIT_KV_ADDR("peer", &peer),
               ADIT_KV_S("name", t->self->name));
    t->self->host->loop->timer_set(t->timer, c->period);
}

static void toy_rx(void *u, const uint8_t *data, uint32_t len)
{
    struct toy *t = u;
    adit_count_n(t->self, 0, len);
    t->self->host->stream->tx(t->stream, data, len);
}

static void toy_gone(void *u, int32_t code)
{
    struct toy *t = u;
    t->stream = NULL;
    t->gone++;
    t->gone_code = code;
}

static void toy_up(void *u)
{
    struct toy *t = u;
    t->self->host->stream->tx(t->stream, "hello", 5);
}

static const struct adit_stream_ops toy_stream_ops = { sizeof toy_stream_ops, toy_up, toy_rx,
                                                       toy_gone };

static void toy_accept(void *u, struct adit_stream *s)
{
    struct toy *t = u;
    if (t->stream)
        return;                 /* one at a time */
    t->stream = s;
    t->self->host->stream->take(s, &toy_stream_ops, t);
}

static void toy_path_rx(void *u, struct adit_path *path, struct adit_frame **v, uint32_t n)
{
    struct toy *t = u;
    if (!t->path)
        t->path = t->self->host->path->hold(path);
    if (!t->link) {
        struct adit_link_info info = { .size = sizeof info, .our = path->our, .peer = path->peer,
                                       .calling = "123", .mtu = 1400 };
        if (t->self->host->link->open(t->self, &info, t, &t->link))
            return;
        t->self->host->link->up(t->link, &info);
    }
    t->self->host->link->rx(t->link, v, n);
}

static void toy_path_gone(void *u, struct adit_path *path)
{
    struct toy *t = u;
    t->self->host->path->drop(path);
    t->path = NULL;
    t->self->host->link->down(t->link, ADIT_CAUSE_LOST_CARRIER, NULL);
    t->link = NULL;
}

static const struct adit_path_ops toy_path_ops = { sizeof toy_path_ops, toy_path_rx, toy_path_gone };

static int32_t toy_create(struct adit_self *self)
{
    struct toy *t = calloc(1, sizeof *t);
    if (!t)
        return adit_fail(self, ADIT_ENOMEM, "out of memory");
    t->self = self;
    self->instance = toy = t;
    return 0;
}

static int32_t toy_start(struct adit_self *self)
{
    struct toy *t = self->instance;
    const struct toy_conf *c = self->conf;
    struct adit_addr any = c->listen;
    any.family = ADIT_AF_NONE;
    if (c->period == 13)
        return adit_fail(self, ADIT_ECONF, "period: 13 ms brings bad luck");
    t->timer = self->host->loop->timer_new(self, toy_tick, t);
    self->host->loop->timer_set(t->timer, c->period);
    int32_t r = self->host->stream->listen(self, &c->listen, toy_accept, t, &t->listener);
    return r ? r : self->host->path->bind(self, ADIT_PROTO_UDP, &any, ADIT_PATH_SECURE,
                                          &toy_path_ops, t, &t->port);
}

static int32_t toy_reload(struct adit_self *self, const void *conf)
{
    (void)self; (void)conf;
    return 0;
}

static void toy_stop(struct adit_self *self)
{
    struct toy *t = self->instance;
    self->host->stream->listen_close(t->listener);
    t->listener = NULL;
}

static void toy_destroy(struct adit_self *self)
{
    struct toy *t = self->instance;
    const struct adit_host *h = self->host;
    h->loop->timer_free(t->timer);
    h->stream->close(t->stream);
    h->path->drop(t->path);
    h->path->unbind(t->port);
    if (t->link)
        h->link->down(t->link, ADIT_CAUSE_SHUTDOWN, "stopped");
    free(t);
    toy = NULL;
}

static void toy_status(struct adit_self *self, struct adit_report *r)
{
    const struct toy *t = self->instance;
    adit_report_put_u(self->host, r, "ticks", t->ticks);
    self->host->report->array(r, "names");
    adit_report_put_str(self->host, r, NULL, "a \"b\"\n");
    self->host->report->end(r);
    adit_report_put_bool(self->host, r, "up", 1);
}

static const struct adit_life toy_life = { sizeof toy_life, toy_create, toy_start, toy_reload,
                                           toy_stop, toy_destroy, toy_status };

static void toy_tx(void *call, struct adit_frame **v, uint32_t n)
{
    struct toy *t = call;
    for (uint32_t i = 0; i < n; i++) {
        uint8_t *h = adit_frame_push(v[i], 2);
        h[0] = 'T';
        h[1] = (uint8_t)i;
    }
    t->self->host->path->tx(t->path, v, n);
}

static void toy_hangup(void *call, uint32_t cause)
{
    struct toy *t = call;
    t->self->host->link->down(t->link, cause, "bye");
    t->link = NULL;
}

static int32_t toy_dial(struct adit_self *self, struct adit_link *link, const struct adit_dial *d,
                        void **call)
{
    struct toy *t = self->instance;
    t->link = link;
    *call = t;
    return self->host->stream->connect(self, &d->from, &d->to, &toy_stream_ops, t, &t->stream);
}

static const struct adit_tunnel toy_vt = { .size = sizeof toy_vt, .protocol = "toy", .tx = toy_tx,
                                           .hangup = toy_hangup, .dial = toy_dial };

static const struct adit_face toy_face = {
    .kind = ADIT_KIND_TUNNEL, .conf_size = sizeof(struct toy_conf), .name = "toy",
    .opts = toy_opts, .counters = toy_counters, .counter_count = 1, .events = toy_events,
    .life = &toy_life, .vtable = &toy_vt,
};

/* ---- troubles are collected ------------------------------------------------------------ */

static char trouble[1024];
static void on_trouble(const char *sentence) { snprintf(trouble, sizeof trouble, "%s", sentence); }
#define TROUBLE(part) do { ck_assert_msg(strstr(trouble, part), "got: %s", trouble); trouble[0] = 0; } while (0)

START_TEST(timers_fire_in_virtual_time)
{
    struct adit_self *s = fake_inst(&toy_face, "period: 5s\n");
    ck_assert_ptr_nonnull(s);
    ck_assert_uint_eq(fake_next_timer(), 5000);
    fake_advance(4999);
    ck_assert_uint_eq(toy->ticks, 0);
    fake_advance(1);
    ck_assert_uint_eq(toy->ticks, 1);
    fake_advance(60000);
    ck_assert_uint_eq(toy->ticks, 13);
    ck_assert_uint_eq(fake_event_count("toy.timer.tick"), 13);
    ck_assert_uint_eq(fake_event_u("toy.timer.tick", "n"), 13);
    ck_assert_str_eq(fake_event_str("toy.timer.tick", "peer"), "192.0.2.7:4000");
    ck_assert_str_eq(fake_status(s), "{\"ticks\": 13, \"names\": [\"a \\\"b\\\"\\u000a\"], \"up\": true}");
    ck_assert_int_eq(fake_reload(s, "period: 1s"), 0);
    fake_advance(5000 + 3000);
    ck_assert_uint_eq(toy->ticks, 17);
    ck_assert_int_eq(fake_reload(s, "period: 1s\nlisten: 10.0.0.2:1723"), ADIT_ERESTART);
    ck_assert_str_eq(fake_last_error(), "listen");
    ck_assert_int_eq(fake_reload(s, "period: often"), ADIT_ECONF);
    fake_inst_free(s);
    fake_end();
}
END_TEST

START_TEST(streams_both_ways)
{
    struct adit_self *s = fake_inst(&toy_face, NULL);
    struct adit_addr to = fake_addr("10.0.0.1:1723"), from = fake_addr("192.0.2.7:4000");
    struct adit_addr wrong = fake_addr("10.0.0.1:1724");
    ck_assert_ptr_null(fake_connect(&wrong, &from));
    struct fake_end *e = fake_connect(&to, &from);
    ck_assert_ptr_nonnull(e);
    ck_assert_ptr_null(fake_connect(&to, &from));       /* not taken */
    fake_stream_push(e, "abc", 3);
    fake_stream_drip(e, "de", 2);
    char buf[16];
    ck_assert_uint_eq(fake_stream_waiting(e), 5);
    ck_assert_uint_eq(fake_stream_take(e, buf, 2), 2);
    ck_assert_uint_eq(fake_stream_take(e, buf + 2, sizeof buf - 2), 3);
    ck_assert_mem_eq(buf, "abcde", 5);
    ck_assert_uint_eq(fake_counter(s, "rx-bytes"), 5);
    fake_stream_stall(e, 1);
    static const uint8_t big[65536];
    ck_assert_int_eq(s->host->stream->tx(toy->stream, big, sizeof big), 0);
    ck_assert_int_eq(s->host->stream->tx(toy->stream, big, 1), ADIT_ENOSPC);
    fake_stream_break(e, ADIT_EIO);
    ck_assert_uint_eq(toy->gone, 1);
    ck_assert_int_eq(toy->gone_code, ADIT_EIO);
    ck_assert(!fake_stream_is_open(e));

    fake_on_trouble(on_trouble);
    s->host->stream->tx((struct adit_stream *)e, "x", 1);
    TROUBLE("gone");
    fake_inst_free(s);
    fake_end();
    ck_assert_str_eq(trouble, "");
}
END_TEST

START_TEST(connects_of_the_plugin)
{
    struct adit_self *s = fake_inst(&toy_face, NULL);
    struct adit_dial d = { .size = sizeof d, .to = fake_addr("198.51.100.1:1723") };
    int32_t code;
    struct fake_link *l = fake_dial(s, &d, &code);
    ck_assert_int_eq(code, 0);
    struct fake_end *e = fake_dialled(0);
    ck_assert_str_eq(fake_addr_text(fake_end_our(e)), "198.51.100.1:1723");
    fake_dialled_answer(e, 0);
    ck_assert_uint_eq(fake_stream_waiting(e), 5);
    ck_assert_uint_eq(fake_links_active(), 1);
    fake_link_hangup(l, ADIT_CAUSE_ADMIN);
    ck_assert_uint_eq(l->state, FAKE_LINK_DOWN);
    ck_assert_uint_eq(l->cause, ADIT_CAUSE_ADMIN);
    ck_assert_str_eq(l->text, "bye");
    ck_assert_ptr_null(fake_dialled(1));
    fake_inst_free(s);
    fake_end();
}
END_TEST

START_TEST(datagrams_links_and_paths)
{
    struct adit_self *s = fake_inst(&toy_face, NULL);
    struct adit_addr our = fake_addr("10.0.0.9:1723"), peer = fake_addr("192.0.2.7:4000");
    struct adit_security_info sec = { .size = sizeof sec, .name = "ipsec" };
    ck_assert(fake_bound(ADIT_PROTO_UDP, &our));
    ck_assert_uint_eq(fake_datagram(ADIT_PROTO_UDP, &peer, &our, NULL, "x", 1), 0);
    ck_assert_uint_eq(fake_unsecured(), 1);
    struct fake_bytes v[2] = { { "one", 3 }, { "three", 5 } };
    fake_ports(0);
    ck_assert_uint_eq(fake_datagrams(ADIT_PROTO_UDP, &peer, &our, &sec, v, 1), 1);
    ck_assert_uint_eq(fake_links(), 0);
    fake_ports(1);
    ck_assert_uint_eq(fake_datagrams(ADIT_PROTO_UDP, &peer, &our, &sec, v, 2), 1);
    struct fake_link *l = fake_link(0);
    ck_assert_ptr_nonnull(l);
    ck_assert_str_eq(l->info.calling, "123");
    ck_assert_uint_eq(l->frames, 2);
    uint32_t len;
    ck_assert_mem_eq(fake_link_rx(l, &len), "one", 3);
    ck_assert_mem_eq(fake_link_rx(l, &len), "three", 5);
    ck_assert_uint_eq(len, 5);
    ck_assert_ptr_null(fake_link_rx(l, &len));
    fake_link_txv(l, v, 2);
    ck_assert_uint_eq(fake_sent_count(), 2);
    uint32_t vector = fake_sent_peek(1)->vector;
    const struct fake_sent *x = fake_sent();
    ck_assert_uint_eq(x->vector, vector);
    ck_assert_uint_eq(x->len, 5);
    ck_assert_mem_eq(x->data, "T\0one", 5);
    ck_assert_ptr_eq(x->security, &sec);
    ck_assert_str_eq(fake_addr_text(&x->peer), "192.0.2.7:4000");
    ck_assert_uint_eq(fake_sent()->data[1], 1);
    ck_assert_ptr_null(fake_sent());
    ck_assert_uint_eq(fake_paths_held(), 1);
    fake_path_gone(&sec, NULL);
    ck_assert_uint_eq(fake_paths_held(), 0);
    ck_assert_uint_eq(l->cause, ADIT_CAUSE_LOST_CARRIER);
    fake_inst_free(s);
    fake_end();
}
END_TEST

static void worked(void *u) { ((struct toy *)u)->worked++; }
static void work_done(void *u, int32_t status) { ((struct toy *)u)->work_status = status; }
static void posted(void *u) { ((struct toy *)u)->posted++; }

START_TEST(work_and_posts)
{
    struct adit_self *s = fake_inst(&toy_face, NULL);
    struct adit_work *w;
    ck_assert_int_eq(s->host->loop->work(s, worked, work_done, toy, &w), 0);
    ck_assert_int_eq(s->host->loop->post(s, posted, toy), 0);
    ck_assert_uint_eq(toy->worked, 0);
    toy->work_status = 1;
    fake_run();
    ck_assert_uint_eq(toy->worked, 1);
    ck_assert_uint_eq(toy->posted, 1);
    ck_assert_int_eq(toy->work_status, 0);
    s->host->loop->work(s, worked, work_done, toy, &w);
    s->host->loop->work_cancel(w);
    fake_run();
    ck_assert_uint_eq(toy->worked, 1);
    ck_assert_int_eq(toy->work_status, ADIT_ECANCELED);
    fake_inst_free(s);
    fake_end();
}
END_TEST

START_TEST(misuse_is_a_trouble)
{
    fake_on_trouble(on_trouble);
    struct adit_self *s = fake_inst(&toy_face, NULL);
    const struct adit_host *h = s->host;
    struct adit_kv bad[] = { ADIT_KV_U("m", 1) };
    h->log->event(s, &ev_tick, bad, 1);
    TROUBLE("does not declare the key m");
    h->log->event(s, &ev_other, NULL, 0);
    TROUBLE("not among the events");
    h->log->fail(s, 0, "fine");
    TROUBLE("not an error");
    struct adit_link_info info = { .size = sizeof info };
    struct adit_link *l;
    ck_assert_int_eq(h->link->open(s, &info, NULL, &l), 0);
    h->link->rx(l, NULL, 0);
    TROUBLE("not up");
    h->link->up(l, &info);
    h->link->up(l, &info);
    TROUBLE("up already");
    h->link->down(l, 0, NULL);
    h->link->down(l, 0, NULL);
    TROUBLE("is down");
    h->frame->drop((struct adit_frame *)bad);
    TROUBLE("not a kept frame");
    h->loop->timer_new(s, toy_tick, toy);
    struct adit_frame f = adit_frame_of((uint8_t *)trouble, 1, 0, 1);
    ck_assert_ptr_nonnull(h->frame->keep(&f));
    fake_inst_free(s);
    TROUBLE("leaves behind: 1 timer(s) not freed");
    h->log->debug(s, "x");
    TROUBLE("destroyed");
    fake_end();
    TROUBLE("1 kept frame(s)");
}
END_TEST

START_TEST(failures_are_undone)
{
    ck_assert_ptr_null(fake_inst(&toy_face, "period: 13ms"));
    ck_assert_int_eq(fake_code(), ADIT_ECONF);
    ck_assert_str_eq(fake_last_error(), "period: 13 ms brings bad luck");
    ck_assert_ptr_null(fake_inst(&toy_face, "perriod: 13ms"));
    ck_assert_int_eq(fake_code(), ADIT_ECONF);
    ck_assert(strstr(fake_last_error(), "fake.yaml:1:") != NULL);
    fake_end();
}
END_TEST

START_TEST(random_is_the_same_in_every_run)
{
    uint8_t a[8], b[8];
    fake_host()->crypto->random(a, sizeof a);
    fake_begin();
    fake_host()->crypto->random(b, sizeof b);
    ck_assert_mem_eq(a, b, sizeof a);
    fake_host()->crypto->random(b, sizeof b);
    ck_assert_mem_ne(a, b, sizeof a);
    fake_end();
}
END_TEST

/* ---- an authenticator that is asked --------------------------------------------------- */

static int32_t auth_create(struct adit_self *self) { (void)self; return 0; }
static const struct adit_life auth_life = { .size = sizeof auth_life, .create = auth_create };

static void auth_check(struct adit_self *self, uint64_t req, const struct adit_auth_query *q)
{
    const struct adit_host *h = self->host;
    if (!strcmp(q->user, "never"))
        return;
    char message[16] = "welcome";
    struct adit_attrs *attrs = h->attr->make();
    adit_attr_put_str(h, attrs, ADIT_ATTR_GROUP, "staff");
    struct adit_auth_answer a = { .size = sizeof a, .verdict = ADIT_VERDICT_ACCEPT,
                                  .message = message, .attrs = attrs };
    h->request->done(self, req, 0, &a);
    memset(message, 'x', sizeof message - 1);
    h->attr->free(attrs);
    if (!strcmp(q->user, "twice"))
        h->request->done(self, req, ADIT_EAUTH, NULL);
}

static void auth_cancel(struct adit_self *self, uint64_t req)
{
    self->host->request->done(self, req, ADIT_ECANCELED, NULL);
}

static const struct adit_auth auth_vt = { sizeof auth_vt, ADIT_AUTH_PAP, auth_check, auth_cancel };
static const struct adit_face auth_face = { .kind = ADIT_KIND_AUTH, .name = "toy",
                                            .life = &auth_life, .vtable = &auth_vt };

START_TEST(requests_end_once)
{
    fake_on_trouble(on_trouble);
    struct adit_self *s = fake_inst(&auth_face, NULL);
    struct adit_auth_query q = { .size = sizeof q, .method = ADIT_AUTH_PAP, .user = "ann" };
    adit_request r = fake_ask(s);
    int32_t status;
    ck_assert_ptr_null(fake_answer(r, &status));
    ck_assert_int_eq(status, ADIT_EAGAIN);
    auth_check(s, r, &q);
    const struct adit_auth_answer *a = fake_answer(r, &status);
    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(a->verdict, ADIT_VERDICT_ACCEPT);
    ck_assert_str_eq(a->message, "welcome");
    ck_assert_str_eq(adit_attr_str(fake_host(), a->attrs, ADIT_ATTR_GROUP), "staff");
    q.user = "twice";
    auth_check(s, fake_ask(s), &q);
    TROUBLE("a second time");
    s->host->request->done(s, 4711, 0, a);
    TROUBLE("never asked");
    q.user = "never";
    r = fake_ask(s);
    auth_check(s, r, &q);
    ck_assert_uint_eq(fake_requests_open(s), 1);
    fake_cancel(s, r);
    fake_answer(r, &status);
    ck_assert_int_eq(status, ADIT_ECANCELED);
    auth_check(s, fake_ask(s), &q);
    fake_inst_free(s);
    TROUBLE("1 request(s) unanswered");
    fake_end();
}
END_TEST

START_TEST(cryptography_is_the_daemons)
{
    uint8_t out[16];
    struct adit_chunk c[2] = { { "ab", 2 }, { "c", 1 } };
    ck_assert_int_eq(fake_host()->crypto->digest(ADIT_MD5, c, 2, out), 0);
    ck_assert_mem_eq(out, "\x90\x01\x50\x98\x3c\xd2\x4f\xb0\xd6\x96\x3f\x7d\x28\xe1\x7f\x72", 16);
    struct adit_auth_query q = { .size = sizeof q, .method = ADIT_AUTH_PAP, .user = "ann",
                                 .password = (const uint8_t *)"secret", .password_len = 6 };
    struct adit_secret_view s = { .size = sizeof s, .clear = "secret", .clear_len = 6 };
    struct adit_auth_answer a = { .size = sizeof a };
    fake_host()->judge->judge(&q, &s, &a);
    ck_assert_uint_eq(a.verdict, ADIT_VERDICT_ACCEPT);
    q.password_len = 5;
    fake_host()->judge->judge(&q, &s, &a);
    ck_assert_uint_eq(a.verdict, ADIT_VERDICT_REJECT);
    fake_end();
}
END_TEST

/* ---- verbs that answer later, broadcasts, a directory to keep things in ---------------- */

static uint64_t toy_call;

static void toy_later(struct adit_self *self, uint64_t call, const struct adit_kv *args, uint32_t n)
{
    (void)args;
    toy_call = call;
    if (n)                      /* at once */
        self->host->control->finish(self, call, adit_fail(self, ADIT_EIO, "no"));
}

static struct adit_timer *toy_late;

static void toy_late_fire(void *u)
{
    struct adit_self *self = u;
    struct adit_report *r = self->host->control->report(self, toy_call);
    if (r)
        adit_report_put_u(self->host, r, "answer", 42);
    self->host->loop->timer_free(toy_late);
    self->host->control->finish(self, toy_call, 0);
}

static void toy_slow(struct adit_self *self, uint64_t call, const struct adit_kv *args, uint32_t n)
{
    toy_later(self, call, args, 0);
    (void)n;
    toy_late = self->host->loop->timer_new(self, toy_late_fire, self);
    self->host->loop->timer_set(toy_late, 5000);
}

START_TEST(verbs_answer_later)
{
    fake_on_trouble(on_trouble);
    struct adit_self *s = fake_inst(&auth_face, NULL);
    const struct adit_control_api *c = s->host->control;
    struct adit_kv now[] = { ADIT_KV_U("now", 1) };
    ck_assert_int_eq(c->verb_later(s, "later", "Answers later.", toy_later), 0);
    ck_assert_int_eq(c->verb_later(s, "slow", "Answers in 5 s.", toy_slow), 0);
    ck_assert_str_eq(fake_verb(s, "slow", NULL, 0), "{\"answer\": 42}");
    ck_assert_ptr_null(fake_verb(s, "later", now, 1));
    ck_assert_int_eq(fake_code(), ADIT_EIO);
    ck_assert_str_eq(fake_last_error(), "no");
    uint64_t one = fake_verb_begin(s, "later", NULL, 0), two = fake_verb_begin(s, "slow", NULL, 0);
    ck_assert_int_eq(fake_verb_finished(one), 0);
    ck_assert_ptr_nonnull(c->report(s, one));
    fake_verb_hangup(one);
    ck_assert_ptr_null(c->report(s, one));
    c->finish(s, one, 0);
    ck_assert_str_eq(fake_verb_answer(one), "{}");
    c->finish(s, one, 0);
    TROUBLE("is finished");
    c->finish(s, 4711, 0);
    TROUBLE("there is no call 4711");
    ck_assert_ptr_null(fake_verb_answer(two));
    TROUBLE("not finished");
    fake_advance(5000);
    ck_assert_str_eq(fake_verb_answer(two), "{\"answer\": 42}");
    fake_verb_begin(s, "later", NULL, 0);
    fake_inst_free(s);
    TROUBLE("1 verb(s) not finished");
    fake_end();
}
END_TEST

static uint32_t heard;

static void hear(void *u, struct adit_path *path, struct adit_frame **v, uint32_t n)
{
    (void)u;
    (void)v;
    heard += n;
    ck_assert_str_eq(fake_addr_text(&path->our), "10.0.0.1:68");
}

START_TEST(broadcasts_and_a_state_dir)
{
    static const struct adit_path_ops ops = { .size = sizeof ops, .rx = hear };
    struct adit_self *s = fake_inst(&auth_face, NULL);
    const struct adit_path_api *p = s->host->path;
    struct adit_addr here = fake_addr("10.0.0.1:68"), any = fake_addr("0.0.0.0:68"),
                     all = fake_addr("255.255.255.255:67"), server = fake_addr("10.0.0.2:67"),
                     us = fake_addr("255.255.255.255:68");
    struct adit_port *port;
    struct adit_path *path;
    ck_assert_ptr_null(s->host->state_dir);
    fake_state_dir("/nowhere");
    ck_assert_str_eq(s->host->state_dir, "/nowhere");
    ck_assert_int_eq(p->bind(s, ADIT_PROTO_UDP, &any, ADIT_PATH_BROADCAST, &ops, s, &port), ADIT_EINVAL);
    ck_assert_int_eq(p->bind(s, ADIT_PROTO_UDP, &here, 0, &ops, s, &port), 0);
    ck_assert_int_eq(p->open(port, &all, &path), ADIT_EDENIED);
    ck_assert_uint_eq(fake_datagram(ADIT_PROTO_UDP, &server, &us, NULL, "x", 1), 0);
    p->unbind(port);
    ck_assert_int_eq(p->bind(s, ADIT_PROTO_UDP, &here, ADIT_PATH_BROADCAST, &ops, s, &port), 0);
    ck_assert_int_eq(p->open(port, &all, &path), 0);
    struct adit_frame f = adit_frame_of((uint8_t *)trouble, 3, 0, 3), *v[] = { &f };
    p->tx(path, v, 1);
    const struct fake_sent *sent = fake_sent();
    ck_assert_str_eq(fake_addr_text(&sent->peer), "255.255.255.255:67");
    ck_assert_str_eq(fake_addr_text(&sent->our), "10.0.0.1:68");
    ck_assert_uint_eq(fake_datagram(ADIT_PROTO_UDP, &server, &us, NULL, "x", 1), 1);
    ck_assert_uint_eq(fake_datagram(ADIT_PROTO_UDP, &server, &here, NULL, "x", 1), 1);
    ck_assert_uint_eq(heard, 2);
    p->drop(path);
    p->unbind(port);
    fake_inst_free(s);
    fake_end();
}
END_TEST

START_TEST(sessions_and_leases)
{
    static const struct adit_pool pool_vt = { .size = sizeof pool_vt };
    const struct adit_face pool_face = { .kind = ADIT_KIND_POOL, .name = "toy", .life = &auth_life,
                                         .vtable = &pool_vt };
    fake_on_trouble(on_trouble);
    struct adit_self *s = fake_inst(&auth_face, NULL), *pool = fake_inst(&pool_face, NULL);
    const struct adit_host *h = s->host;
    uint64_t one = fake_session(), two = fake_session(), out[2];
    adit_attr_put_str(h, fake_session_attrs(one), ADIT_ATTR_USER, "Anna");
    adit_attr_put_str(h, fake_session_attrs(two), ADIT_ATTR_USER, "anna");
    struct adit_attrs *w = h->attr->make();
    adit_attr_put_str(h, w, ADIT_ATTR_USER, "anna");
    ck_assert_uint_eq(h->session->find(s, w, out, 2), 2);
    ck_assert_uint_eq(out[0], one);
    ck_assert_ptr_eq(h->session->attrs(s, one), fake_session_attrs(one));
    ck_assert_int_eq(h->session->revise(s, one, w), ADIT_ENOSYS);
    h->attr->del(w, ADIT_ATTR_USER);
    adit_attr_put_u(h, w, ADIT_ATTR_IDLE_TIMEOUT, 60000);
    uint32_t times, cause;
    const char *text;
    fake_revise_refuse(ADIT_EINVAL);
    ck_assert_int_eq(h->session->revise(s, one, w), ADIT_EINVAL);
    fake_revise_refuse(0);
    ck_assert_ptr_null(fake_session_revised(one, &times));
    ck_assert_int_eq(h->session->revise(s, one, w), 0);
    ck_assert_uint_eq(adit_attr_u(h, fake_session_revised(one, &times), ADIT_ATTR_IDLE_TIMEOUT), 60000);
    ck_assert_uint_eq(times, 1);
    ck_assert_uint_eq(adit_attr_u(h, h->session->attrs(s, one), ADIT_ATTR_IDLE_TIMEOUT), 60000);
    ck_assert_int_eq(fake_session_dropped(one, &cause, &text), 0);
    ck_assert_int_eq(h->session->drop(s, one, ADIT_CAUSE_ADMIN, "away"), 0);
    ck_assert_int_eq(h->session->drop(s, one, ADIT_CAUSE_ADMIN, "away"), ADIT_ENOENT);
    ck_assert_int_eq(fake_session_dropped(one, &cause, &text), 1);
    ck_assert_uint_eq(cause, ADIT_CAUSE_ADMIN);
    ck_assert_str_eq(text, "away");
    fake_session_gone(two);
    ck_assert_ptr_null(h->session->attrs(s, two));
    /* leases */
    ck_assert_ptr_null(fake_lease_news());
    h->lease->changed(pool, 7, w);
    h->lease->lost(pool, 7, 0, "gone");
    const struct fake_lease_news *n = fake_lease_news();
    ck_assert_uint_eq(n->lease, 7);
    ck_assert(!n->lost);
    ck_assert_uint_eq(adit_attr_u(h, n->attrs, ADIT_ATTR_IDLE_TIMEOUT), 60000);
    n = fake_lease_news();
    ck_assert(n->lost);
    ck_assert_str_eq(n->text, "gone");
    ck_assert_ptr_null(fake_lease_news());
    h->lease->lost(s, 7, 0, NULL);
    TROUBLE("is no pool");
    h->attr->free(w);
    fake_inst_free(pool);
    fake_inst_free(s);
    fake_end();
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = { timers_fire_in_virtual_time, streams_both_ways,
        connects_of_the_plugin, datagrams_links_and_paths, work_and_posts, misuse_is_a_trouble,
        failures_are_undone, random_is_the_same_in_every_run, requests_end_once,
        cryptography_is_the_daemons, verbs_answer_later, broadcasts_and_a_state_dir, sessions_and_leases,
        NULL };
    return unit_suite("fake", tests);
}
UNIT_MAIN(suite)
