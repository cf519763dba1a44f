/* test_dial.c - the dialler in virtual time: every state, every failure, what is tried
 * next, pauses, one connection over another, handles. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "dial/dial.h"
#include "log/log.h"
#include "unit.h"

/* ---- a world ----------------------------------------------------------------------- */

struct vtimer {
    struct vtimer *next;
    void (*fire)(void *u);
    void *u;
    uint64_t at;                /* 0: not set */
};

/* A session, a lookup or a command that waits for the test's word. */
struct ses {
    struct ses *next;
    char what[160];
    const struct ses_dial_ops *ops;
    void (*resolved)(void *u, int32_t rc, const struct adit_addr *list, uint32_t n, const char *why);
    void (*ran)(void *u, int32_t rc, const char *why);
    void *u;
    uint32_t dropped;           /* cause + 1 */
    uint32_t mtu;
    char password[64];
};

struct dial_host { struct book_entry *e; bool up, kept; };

static struct {
    uint64_t now;
    struct vtimer *timers;
    struct ses *list;
    uint32_t hosts, made, run_out;
    int32_t call_rc, way_rc;
    struct dial_way way;
    struct book *book;
    char said[4096];
    bool slow_host;
    void (*host_done)(void *u);
    void *host_u;
} w;

static uint64_t now(void) { return w.now; }
static uint64_t wall(void) { return 1700000000000u + w.now; }
static uint32_t chance(uint32_t below) { (void)below; return 0; }

static void *timer_new(void (*fire)(void *u), void *u)
{
    struct vtimer *t = calloc(1, sizeof *t);
    *t = (struct vtimer){ w.timers, fire, u, 0 };
    return w.timers = t;
}

static void timer_set(void *p, uint64_t ms) { ((struct vtimer *)p)->at = w.now + ms + 1; }
static void timer_stop(void *p) { ((struct vtimer *)p)->at = 0; }

static void timer_free(void *p)
{
    struct vtimer **at = &w.timers;
    while (*at != p)
        at = &(*at)->next;
    *at = (*at)->next;
    free(p);
}

static struct ses *waiting(const char *what)
{
    struct ses *s = calloc(1, sizeof *s);
    snprintf(s->what, sizeof s->what, "%s", what);
    s->next = w.list;
    w.list = s;
    return s;
}

static void forget(struct ses *s)
{
    struct ses **at = &w.list;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    free(s);
}

static void *resolve(const char *name, void (*done)(void *u, int32_t rc, const struct adit_addr *list, uint32_t n,
                                                    const char *why), void *u)
{
    struct ses *s = waiting(name);
    s->resolved = done;
    s->u = u;
    return s;
}

static void *run_cmd(const struct adit_array *argv, void (*done)(void *u, int32_t rc, const char *why), void *u)
{
    struct ses *s = waiting(book_word(argv, 0));
    s->ran = done;
    s->u = u;
    return s;
}

static void cancel(void *s) { forget(s); }

static int32_t call(const struct dial_try *t, const struct ses_dial_ops *ops, void *u, struct ses **out, char *why,
                    size_t size)
{
    char text[160];
    if (w.call_rc) {
        snprintf(why, size, "no");
        return w.call_rc;
    }
    snprintf(text, sizeof text, "%s %s %u.%u", book_type_name(t->type), t->user, t->server.ip[0], t->server.ip[3]);
    *out = waiting(text);
    (*out)->ops = ops;
    (*out)->u = u;
    (*out)->mtu = t->mtu;
    snprintf((*out)->password, sizeof (*out)->password, "%s/%s", t->password, t->psk);
    return 0;
}

static void drop(struct ses *s, uint32_t cause, const char *text)
{
    (void)text;
    if (!s->dropped)
        s->dropped = cause + 1;
}

static void count(const struct ses *s, struct dial_count *out)
{
    (void)s;
    *out = (struct dial_count){ 10, 20, 1, 2 };
}

static int32_t secret(const char *path, char out[BOOK_SECRET], char *why, size_t size)
{
    if (!strstr(path, "good")) {
        snprintf(why, size, "%s: run: chmod 600", path);
        return ADIT_EDENIED;
    }
    snprintf(out, BOOK_SECRET, "from-file");
    return 0;
}

static int32_t host_new(struct book_entry *e, struct dp_iface *standing, struct dial_host **out, char *why, size_t size)
{
    (void)standing;
    (void)why;
    (void)size;
    *out = calloc(1, sizeof **out);
    (*out)->e = e;
    w.hosts++;
    return 0;
}

static struct dp_iface *host_iface(struct dial_host *h) { return (struct dp_iface *)(void *)h; }
static const char *host_name(struct dial_host *h) { return h->up ? "dial0" : "down"; }

static int32_t host_way(struct dial_host *h, const struct adit_addr *server, struct dial_way *out)
{
    (void)h;
    (void)server;
    *out = w.way;
    return w.way_rc;
}

static void host_up(struct dial_host *h, const struct ses_dialled *is, void (*done)(void *u), void *u)
{
    (void)is;
    h->up = true;
    h->kept = false;
    if (w.slow_host) {
        w.host_done = done;
        w.host_u = u;
    } else {
        done(u);
    }
}

static void host_down(struct dial_host *h, bool keep)
{
    h->up = false;
    h->kept = keep;
}

static void host_free(struct dial_host *h)
{
    w.hosts--;
    free(h);
}

static uint32_t overhead(uint32_t type) { return type == BOOK_PPTP ? 40 : 100; }

static const struct dial_world world = {
    now, wall, chance, timer_new, timer_set, timer_stop, timer_free, resolve, cancel, run_cmd, cancel, call, drop,
    count, secret, host_new, host_iface, host_name, host_way, host_up, host_down, host_free, overhead,
};

static struct book_entry *find(const char *name) { return book_find(w.book, name); }

/* Time passes: what is due happens, sessions that were dropped end. */
static void pass(uint64_t ms)
{
    for (uint64_t end = w.now + ms;;) {
        struct vtimer *due = NULL;
        struct ses *s = w.list;
        while (s && !s->dropped)
            s = s->next;
        if (s) {
            const struct ses_dial_ops *ops = s->ops;
            uint32_t cause = s->dropped - 1;
            void *u = s->u;
            s->dropped = 0;
            struct ses_info i = { .bytes_in = 10, .bytes_out = 20, .packets_in = 1, .packets_out = 2 };
            ops->total(u, &i);
            ops->down(u, cause, NULL);
            forget(s);
            continue;
        }
        for (struct vtimer *t = w.timers; t; t = t->next)
            if (t->at && t->at <= end + 1 && (!due || t->at < due->at))
                due = t;
        if (!due) {
            w.now = end;
            return;
        }
        w.now = due->at - 1 > w.now ? due->at - 1 : w.now;
        due->at = 0;
        due->fire(due->u);
    }
}

static struct ses *only(const char *what)
{
    struct ses *found = NULL;
    for (struct ses *s = w.list; s; s = s->next)
        if (strstr(s->what, what))
            found = s;
    ck_assert_msg(found != NULL, "nothing waits that is '%s'; there is '%s'", what, w.list ? w.list->what : "");
    return found;
}

static void name_is(const char *name, uint8_t first, uint8_t last)
{
    struct ses *s = only(name);
    struct adit_addr a[2] = { { .family = ADIT_AF_IPV4, .prefix = 32, .ip = { 192, 0, 2, first } },
                              { .family = ADIT_AF_IPV4, .prefix = 32, .ip = { 192, 0, 2, last } } };
    void *u = s->u;
    void (*done)(void *, int32_t, const struct adit_addr *, uint32_t, const char *) = s->resolved;
    forget(s);
    if (first)
        done(u, 0, a, last ? 2 : 1, NULL);
    else
        done(u, ADIT_ENOENT, NULL, 0, "no such name");
    pass(0);
}

static void ends(const char *what, uint32_t cause)
{
    drop(only(what), cause, NULL);
    pass(0);
}

static void comes_up(const char *what, uint8_t last)
{
    struct ses *s = only(what);
    struct ses_dialled is = { .our = { .family = ADIT_AF_IPV4, .prefix = 32, .ip = { 10, 9, 0, last } }, .mtu = 1400,
                              .method = "mschapv2" };
    s->ops->rung(s->u, "link");
    s->ops->rung(s->u, "authenticate");
    s->ops->rung(s->u, "address");
    s->ops->up(s->u, &is);
    pass(0);
}

static void hear(void *u, struct dial *d)
{
    (void)u;
    size_t n = strlen(w.said);
    snprintf(w.said + n, sizeof w.said - n, "%llu:%s ", (unsigned long long)d->handle, dial_state_name(d->state));
}

static struct dial_watch ears[8];

static struct dial *begin(const char *name)
{
    struct dial *d;
    uint32_t cause;
    char why[256];
    struct book_entry *e = find(name);
    struct dial_ask ask = { .entry = e, .password = e->c.password_file ? NULL : "pw" };
    ck_assert_msg(dial_begin(&ask, &d, &cause, why, sizeof why) == 0, "%s", why);
    struct dial_watch *ear = &ears[d->handle % 8];
    dial_unwatch(ear);
    *ear = (struct dial_watch){ .changed = hear };
    dial_watch(d, ear);
    pass(0);
    return d;
}

static void told(const char *expect)
{
    ck_assert_str_eq(w.said, expect);
    w.said[0] = '\0';
}

static void setup(void)
{
    static const char text[] =
        "entries:\n"
        "- { name: auto, server: vpn, user: anna }\n"
        "- { name: fixed, server: [192.0.2.1, 192.0.2.2], type: pptp, user: anna, domain: HQ }\n"
        "- { name: again, server: 192.0.2.1, type: pptp, user: a, redial-attempts: 2, redial-pause: 10s }\n"
        "- { name: lasting, server: vpn, type: l2tp, user: a, redial-on-drop: yes, redial-pause: 1s,\n"
        "    redial-pause-max: 3s }\n"
        "- { name: keeping, server: vpn, type: l2tp, user: a, redial-on-drop: yes, keep-routes-while-down: yes }\n"
        "- { name: isp, server: 192.0.2.9, type: pptp, user: isp, password-file: /good }\n"
        "- { name: bad-file, server: 192.0.2.9, type: pptp, user: isp, password-file: /bad }\n"
        "- { name: upper, server: 192.0.2.8, type: l2tp, user: u, dial-first: isp }\n"
        "- { name: line, server: 192.0.2.8, type: l2tp, user: u, before: [/bin/up, now] }\n"
        "- { name: named, server: vpn, type: l2tp, user: u, dial-first: isp }\n"
        "- { name: back, server: 192.0.2.9, type: pptp, user: back, redial-on-drop: yes, redial-pause: 1s,\n"
        "    password-file: /good }\n"
        "- { name: made, server: 192.0.2.8, type: l2tp, user: u, dial-first: back, before: [/bin/up] }\n"
        "- { name: nobody, server: 192.0.2.8, type: l2tp }\n";
    char path[] = "/tmp/dialXXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_eq(write(fd, text, sizeof text - 1), (ssize_t)sizeof text - 1);
    close(fd);
    memset(&w, 0, sizeof w);
    log_level(ADIT_LOG_ERROR);
    w.now = 1000;
    w.book = book_read(path, true, NULL);
    remove(path);
    ck_assert_ptr_nonnull(w.book);
    dial_open(&world, find);
}

static void done(void)
{
    dial_close();
    for (struct ses *s = w.list; s; s = s->next)
        drop(s, ADIT_CAUSE_SHUTDOWN, NULL);
    pass(0);
    ck_assert_ptr_null(dial_next(NULL));
    ck_assert_ptr_null(w.timers);
    ck_assert_ptr_null(w.list);
    ck_assert_uint_eq(w.hosts, 0);
    book_free(w.book);
}

/* ---- tests ------------------------------------------------------------------------- */

START_TEST(the_states_come_in_order)
{
    setup();
    struct dial *d = begin("auto");
    name_is("vpn", 1, 0);
    told("1:connecting ");      /* it was resolving from the first */
    ck_assert_str_eq(only("l2tp-ipsec anna 192.1")->password, "pw/");
    comes_up("l2tp-ipsec", 7);
    told("1:authenticating 1:projected 1:connected ");
    ck_assert_uint_eq(d->is.our.ip[3], 7);
    ck_assert_str_eq(d->method, "mschapv2");
    struct dial_count c;
    dial_counted(d, &c);
    ck_assert_uint_eq(c.bytes_out, 20);
    dial_hangup(d, ADIT_CAUSE_HANGUP, NULL);
    pass(0);
    told("1:disconnected ");
    ck_assert_ptr_null(dial_find(1));
    done();
}
END_TEST

START_TEST(automatic_tries_each_type_at_each_address_and_keeps_the_reasons)
{
    setup();
    struct dial *d = begin("auto");
    name_is("vpn", 1, 2);
    ends("l2tp-ipsec anna 192.1", ADIT_CAUSE_NO_ANSWER);
    ends("l2tp-ipsec anna 192.2", ADIT_CAUSE_NO_ANSWER);
    ends("pptp anna 192.1", ADIT_CAUSE_GRE_BLOCKED);
    ck_assert_uint_eq(d->tried_count, 3);
    ck_assert_uint_eq(d->tried[2].cause, ADIT_CAUSE_GRE_BLOCKED);
    ck_assert_uint_eq(d->tried[1].type, BOOK_L2TP_IPSEC);
    comes_up("pptp anna 192.2", 3);
    ck_assert_int_eq(d->state, DIAL_CONNECTED);
    ck_assert_uint_eq(d->type, BOOK_PPTP);
    done();
}
END_TEST

START_TEST(what_got_furthest_is_the_reason)
{
    setup();
    struct dial *d = begin("auto");
    uint32_t cause = 0;
    name_is("vpn", 1, 0);
    ends("l2tp-ipsec", ADIT_CAUSE_TUNNEL_AUTH);
    ck_assert_int_eq(d->state, DIAL_CONNECTING);
    drop(only("pptp"), ADIT_CAUSE_NO_ANSWER, NULL);
    cause = d->cause;
    pass(0);
    ck_assert_uint_eq(cause, ADIT_CAUSE_TUNNEL_AUTH);
    ck_assert_ptr_null(dial_next(NULL));
    done();
}
END_TEST

START_TEST(a_wrong_password_is_tried_once)
{
    setup();
    begin("auto");
    name_is("vpn", 1, 2);
    ends("l2tp-ipsec anna 192.1", ADIT_CAUSE_AUTH_FAILED);
    ck_assert_ptr_null(dial_next(NULL));
    begin("again");
    ends("pptp", ADIT_CAUSE_AUTH_FAILED);
    ck_assert_ptr_null(dial_next(NULL));
    done();
}
END_TEST

START_TEST(a_domain_goes_before_the_name)
{
    setup();
    begin("fixed");
    only("pptp HQ\\anna 192.1");
    ends("pptp", ADIT_CAUSE_REFUSED);
    only("pptp HQ\\anna 192.2");
    done();
}
END_TEST

START_TEST(attempts_have_pauses_that_grow)
{
    setup();
    begin("again");
    ends("pptp", ADIT_CAUSE_NO_ANSWER);
    told("1:connecting 1:waiting ");
    pass(9999);
    told("");
    pass(1);
    told("1:redialling 1:resolving 1:connecting ");
    ends("pptp", ADIT_CAUSE_NO_ANSWER);
    pass(19999);
    told("1:waiting ");
    pass(1);
    ends("pptp", ADIT_CAUSE_NO_ANSWER);
    told("1:redialling 1:resolving 1:connecting 1:disconnected ");
    ck_assert_ptr_null(dial_next(NULL));
    done();
}
END_TEST

START_TEST(a_try_has_a_limit)
{
    setup();
    struct dial *d = begin("fixed");
    pass(59999);
    ck_assert_uint_eq(d->tried_count, 0);
    pass(1);
    ck_assert_uint_eq(d->tried_count, 1);
    ck_assert_uint_eq(d->tried[0].cause, ADIT_CAUSE_NO_ANSWER);
    comes_up("pptp", 1);
    pass(3600000);              /* and none once it is up */
    ck_assert_int_eq(d->state, DIAL_CONNECTED);
    done();
}
END_TEST

START_TEST(a_name_that_is_unknown)
{
    setup();
    struct dial *d = begin("auto");
    uint64_t handle = d->handle;
    dial_unwatch(&ears[handle % 8]);
    name_is("vpn", 0, 0);
    ck_assert_ptr_null(dial_find(handle));
    done();
}
END_TEST

START_TEST(a_line_that_drops_is_dialled_again)
{
    setup();
    struct dial *d = begin("lasting");
    name_is("vpn", 1, 0);
    comes_up("l2tp", 1);
    w.said[0] = '\0';
    pass(1000);
    ends("l2tp", ADIT_CAUSE_ECHO_TIMEOUT);
    ck_assert(!d->host->up && !d->host->kept);
    pass(1000);
    told("1:waiting 1:redialling 1:resolving ");
    name_is("vpn", 5, 0);       /* the name is asked anew: it moved */
    only("l2tp a 192.5");
    /* the server has not noticed yet: no reason to give up */
    ends("l2tp", ADIT_CAUSE_SESSION_LIMIT);
    pass(2000);
    name_is("vpn", 0, 0);
    pass(3000);
    name_is("vpn", 5, 0);
    comes_up("l2tp", 9);
    ck_assert_int_eq(d->state, DIAL_CONNECTED);
    ck_assert_uint_eq(d->redials, 1);
    struct dial_count c;
    dial_counted(d, &c);
    ck_assert_uint_eq(c.packets_in, 3);
    /* up for a minute: the next pause is a short one; a password that is wrong now ends it */
    pass(60000);
    ends("l2tp", ADIT_CAUSE_PEER_HANGUP);
    pass(1000);
    name_is("vpn", 5, 0);
    ends("l2tp", ADIT_CAUSE_AUTH_FAILED);
    ck_assert_ptr_null(dial_next(NULL));
    done();
}
END_TEST

START_TEST(routes_are_kept_while_it_is_down_if_asked)
{
    setup();
    struct dial *d = begin("keeping");
    name_is("vpn", 1, 0);
    comes_up("l2tp", 1);
    ends("l2tp", ADIT_CAUSE_ECHO_TIMEOUT);
    ck_assert(d->host->kept);
    pass(10000);                /* names lie behind the lost connection: nobody is asked */
    ends("l2tp a 192.1", ADIT_CAUSE_NO_ANSWER);
    ck_assert(d->host->kept);
    dial_hangup(d, ADIT_CAUSE_HANGUP, NULL);
    pass(0);
    ck_assert_uint_eq(w.hosts, 0);
    done();
}
END_TEST

START_TEST(idle_is_no_drop)
{
    setup();
    begin("lasting");
    name_is("vpn", 1, 0);
    comes_up("l2tp", 1);
    ends("l2tp", ADIT_CAUSE_IDLE_TIMEOUT);
    ck_assert_ptr_null(dial_next(NULL));
    done();
}
END_TEST

START_TEST(one_is_dialled_first_and_stays)
{
    setup();
    struct dial *d = begin("upper"), *isp;
    ck_assert_int_eq(d->state, DIAL_PREPARING);
    isp = d->over;
    ck_assert(isp && isp->handle == 2);
    ck_assert_str_eq(only("pptp isp 192.9")->password, "from-file/");
    comes_up("pptp", 1);
    comes_up("l2tp u 192.8", 2);
    ck_assert_int_eq(d->state, DIAL_CONNECTED);
    /* hanging up the upper one leaves the lower one up */
    dial_hangup(d, ADIT_CAUSE_HANGUP, NULL);
    pass(0);
    ck_assert_int_eq(isp->state, DIAL_CONNECTED);
    /* dialled again it runs over the one that is there; hanging that up ends it, with a cause */
    d = begin("upper");
    ck_assert(d->over == isp && d->handle == 3);
    comes_up("l2tp u", 2);
    dial_hangup(isp, ADIT_CAUSE_HANGUP, NULL);
    ck_assert_uint_eq(d->cause, ADIT_CAUSE_LOST_CARRIER);
    pass(0);
    ck_assert_ptr_null(dial_next(NULL));
    done();
}
END_TEST

START_TEST(the_first_one_fails)
{
    setup();
    begin("upper");
    w.said[0] = '\0';
    ends("pptp isp", ADIT_CAUSE_AUTH_FAILED);
    told("1:disconnected ");
    /* hung up while the first one is dialled: that one is not wanted any more */
    struct dial *d = begin("upper");
    dial_hangup(d, ADIT_CAUSE_HANGUP, NULL);
    pass(0);
    ck_assert_ptr_null(dial_next(NULL));
    done();
}
END_TEST

START_TEST(the_lower_one_drops)
{
    setup();
    struct dial *d = begin("upper"), *isp = d->over;
    comes_up("pptp isp", 1);
    comes_up("l2tp u", 2);
    uint64_t upper = d->handle, lower = isp->handle;
    ends("pptp isp", ADIT_CAUSE_LOST_CARRIER);
    ck_assert_ptr_null(dial_find(upper));
    ck_assert_ptr_null(dial_find(lower));
    done();
}
END_TEST

/* Nothing goes past the line: no name is asked for and no command run without it. */
START_TEST(the_lower_one_drops_before_there_is_a_session)
{
    setup();
    begin("named");
    comes_up("pptp isp", 1);
    only("vpn");
    ends("pptp isp", ADIT_CAUSE_LOST_CARRIER);
    ck_assert_ptr_null(w.list);
    ck_assert_ptr_null(dial_next(NULL));
    done();

    setup();
    struct dial *d = begin("made");
    comes_up("pptp back", 1);
    only("/bin/up");
    ends("pptp back", ADIT_CAUSE_LOST_CARRIER);
    ck_assert_ptr_null(w.list);
    ck_assert_int_eq(d->state, DIAL_PREPARING);
    pass(2000);
    comes_up("pptp back", 1);
    struct ses *s = only("/bin/up");
    void (*ran)(void *, int32_t, const char *) = s->ran;
    void *u = s->u;
    forget(s);
    ran(u, 0, NULL);
    pass(0);
    comes_up("l2tp u", 2);
    ck_assert_int_eq(d->state, DIAL_CONNECTED);
    done();
}
END_TEST

START_TEST(a_name_that_does_not_fit_is_no_other_name)
{
    char user[200], why[256];
    struct dial *d;
    uint32_t cause;
    setup();
    memset(user, 'u', sizeof user - 1);
    user[sizeof user - 1] = '\0';
    struct dial_ask ask = { .entry = find("fixed"), .user = user, .password = "pw" };
    ck_assert_int_eq(dial_begin(&ask, &d, &cause, why, sizeof why), ADIT_EINVAL);
    ck_assert_uint_eq(cause, ADIT_CAUSE_NO_CREDENTIALS);
    done();
}
END_TEST

START_TEST(two_handles_and_what_is_below_is_seen)
{
    setup();
    struct dial *a = begin("isp"), *b;
    comes_up("pptp isp", 33);
    w.way = (struct dial_way){ { .family = ADIT_AF_IPV4, .prefix = 32, .ip = { 10, 9, 0, 33 } }, 1400 };
    b = begin("fixed");
    ck_assert_ptr_eq(b->over, a);
    ck_assert_uint_eq(only("HQ")->mtu, 1360);
    comes_up("HQ", 34);
    ck_assert_uint_ne(a->handle, b->handle);
    dial_hangup(b, ADIT_CAUSE_HANGUP, NULL);
    pass(0);
    ck_assert_int_eq(a->state, DIAL_CONNECTED);
    b = begin("fixed");
    ck_assert_uint_eq(b->handle, 3);
    done();
}
END_TEST

START_TEST(a_command_brings_the_line_up)
{
    setup();
    struct dial *d = begin("line");
    struct ses *s = only("/bin/up");
    void (*ran)(void *, int32_t, const char *) = s->ran;
    void *u = s->u;
    forget(s);
    ran(u, 0, NULL);
    pass(0);
    comes_up("l2tp u", 1);
    ck_assert_int_eq(d->state, DIAL_CONNECTED);
    dial_hangup(d, ADIT_CAUSE_HANGUP, NULL);
    pass(0);
    begin("line");
    s = only("/bin/up");
    u = s->u;
    forget(s);
    ran(u, ADIT_EIO, "exit status 1");
    pass(0);
    ck_assert_ptr_null(dial_next(NULL));
    d = begin("line");          /* hung up while it runs */
    dial_hangup(d, ADIT_CAUSE_HANGUP, NULL);
    pass(0);
    done();
}
END_TEST

START_TEST(hung_up_at_every_step)
{
    for (uint32_t step = 0; step < 5; step++) {
        setup();
        struct dial *d = begin("auto");
        w.slow_host = step == 4;
        if (step > 0)
            name_is("vpn", 1, 2);
        if (step == 2)
            only("l2tp-ipsec")->ops->rung(d, "authenticate");
        if (step >= 3)
            comes_up("l2tp-ipsec", 1);
        dial_hangup(d, ADIT_CAUSE_HANGUP, NULL);
        dial_hangup(d, ADIT_CAUSE_ADMIN, NULL);
        if (step == 4)
            w.host_done(w.host_u);
        ck_assert_uint_eq(d->cause, ADIT_CAUSE_HANGUP);
        pass(0);
        ck_assert_ptr_null(dial_next(NULL));
        done();
    }
}
END_TEST

START_TEST(it_is_connected_when_the_host_is_ready)
{
    setup();
    w.slow_host = true;
    struct dial *d = begin("fixed");
    comes_up("pptp", 1);
    ck_assert_int_eq(d->state, DIAL_PROJECTED);
    w.host_done(w.host_u);
    ck_assert_int_eq(d->state, DIAL_CONNECTED);
    done();
}
END_TEST

START_TEST(no_credentials)
{
    setup();
    struct dial *d;
    uint32_t cause;
    char why[256];
    struct dial_ask ask = { .entry = find("nobody"), .password = "x" };
    ck_assert_int_eq(dial_begin(&ask, &d, &cause, why, sizeof why), ADIT_ENOENT);
    ck_assert_uint_eq(cause, ADIT_CAUSE_NO_CREDENTIALS);
    ask = (struct dial_ask){ .entry = find("auto") };
    ck_assert_int_eq(dial_begin(&ask, &d, &cause, why, sizeof why), ADIT_ENOENT);
    ck_assert_msg(strstr(why, "the password") != NULL, "%s", why);
    ask = (struct dial_ask){ .entry = find("bad-file") };
    ck_assert_int_eq(dial_begin(&ask, &d, &cause, why, sizeof why), ADIT_EDENIED);
    ck_assert_msg(strstr(why, "chmod 600") != NULL, "%s", why);
    done();
}
END_TEST

START_TEST(an_entry_is_dialled_once)
{
    setup();
    struct dial *d;
    uint32_t cause;
    char why[256];
    begin("fixed");
    struct dial_ask ask = { .entry = find("fixed"), .password = "x" };
    ck_assert_int_eq(dial_begin(&ask, &d, &cause, why, sizeof why), ADIT_EEXIST);
    ck_assert_msg(strstr(why, "being dialled already") != NULL, "%s", why);
    done();
}
END_TEST

START_TEST(what_the_host_refuses)
{
    static const struct { int32_t rc; uint32_t cause; } rows[] = {
        { ADIT_EBUSY, ADIT_CAUSE_PORTS_EXHAUSTED }, { ADIT_ENOSYS, ADIT_CAUSE_PROTOCOL_OFF },
        { ADIT_EUNREACH, ADIT_CAUSE_NO_ANSWER }, { ADIT_ENOMEM, ADIT_CAUSE_RESOURCE },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        setup();
        w.call_rc = rows[i].rc;
        struct dial *d = begin("again");
        ck_assert_int_eq(d->state, DIAL_WAITING);
        ck_assert_uint_eq(d->cause, rows[i].cause);
        done();
    }
    setup();
    w.way_rc = ADIT_ENOENT;
    ck_assert_uint_eq(begin("again")->cause, ADIT_CAUSE_NO_ANSWER);
    done();
}
END_TEST

/* A daemon that does not wait for its sessions. */
START_TEST(the_end_of_a_session_comes_after_the_dialler_is_closed)
{
    setup();
    begin("fixed");
    dial_close();
    ck_assert_uint_eq(w.hosts, 0);
    drop(only("pptp"), ADIT_CAUSE_SHUTDOWN, NULL);
    done();
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        the_states_come_in_order, automatic_tries_each_type_at_each_address_and_keeps_the_reasons,
        what_got_furthest_is_the_reason, a_wrong_password_is_tried_once, a_domain_goes_before_the_name,
        attempts_have_pauses_that_grow, a_try_has_a_limit, a_name_that_is_unknown,
        a_line_that_drops_is_dialled_again, routes_are_kept_while_it_is_down_if_asked, idle_is_no_drop,
        one_is_dialled_first_and_stays, the_first_one_fails, the_lower_one_drops,
        the_lower_one_drops_before_there_is_a_session, a_name_that_does_not_fit_is_no_other_name,
        two_handles_and_what_is_below_is_seen, a_command_brings_the_line_up, hung_up_at_every_step,
        it_is_connected_when_the_host_is_ready, no_credentials, an_entry_is_dialled_once, what_the_host_refuses,
        the_end_of_a_session_comes_after_the_dialler_is_closed, NULL };
    return unit_suite("dial", tests);
}

UNIT_MAIN(suite)
