/* test_rad_acct.c - accounting over servers that are silent, forgetful or choosy, disks
 * that are full, and a daemon that dies; in virtual time. The client is played here:
 * what servers get and answer is under the test's control. */
#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <adit/plugin.h>
#include "fake/fake.h"
#include "plugins/auth-radius/rad_acct.h"
#include "plugins/auth-radius/rad_attr.h"
#include "plugins/auth-radius/rad_record.h"
#include "plugins/auth-radius/rad_share.h"
#include "tests/unit/unit.h"

/* ---- the disk ------------------------------------------------------------------------------ */

static int disk_full;

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
    if (disk_full) {
        errno = ENOSPC;
        return -1;
    }
    return syscall(SYS_pwrite64, fd, p, n, at);
}

/* ---- a server, and the client that asks it -------------------------------------------------- */

enum mode { UP, DOWN, DEAD, FORGETFUL };        /* FORGETFUL: takes it, its answer is lost */

struct seen {
    uint32_t status, at_s, delay_s;
    char session[64];
    uint8_t same[16];           /* digest of all but Acct-Delay-Time */
};

#define SEEN_MAX 20000u
/* In memory that a child shares. */
static struct world {
    uint32_t count, asked, most, flying, groups;
    struct seen seen[SEEN_MAX];
} *w;

static enum mode mode;
static uint64_t latency_ms;
static bool (*ignores)(const struct seen *s);
static void (*at_answer)(void);

struct rad_group {
    struct adit_self *self;
    struct adit_node asks;
};

struct rad_ask {
    struct adit_node node;
    struct rad_group *g;
    struct adit_timer *timer;
    rad_done done;
    void *u;
    enum rad_end end;
};

#define DUMMY { sizeof(struct adit_event), ADIT_LOG_INFO, "dummy", "", "" }
const struct adit_event rad_ev_up = DUMMY, rad_ev_dead = DUMMY, rad_ev_secret = DUMMY,
                        rad_ev_unsigned = DUMMY, rad_ev_stray = DUMMY, rad_ev_lookup = DUMMY;

static void ask_end(struct rad_ask *a, enum rad_end end)
{
    static const struct rad_in in;
    struct rad_how how = { .server = "one" };
    rad_done done = a->done;
    void *u = a->u;
    w->flying--;
    adit_list_del(&a->node);
    a->g->self->host->loop->timer_free(a->timer);
    free(a);
    if (end == RAD_ANSWERED && at_answer)
        at_answer();
    done(u, end, end == RAD_ANSWERED ? &in : NULL, end == RAD_ANSWERED ? &how : NULL);
}

static void ask_fire(void *u)
{
    struct rad_ask *a = u;
    ask_end(a, a->end);
}

struct rad_group *rad_group_new(struct adit_self *self, const struct rad_servers_conf *conf, uint32_t what)
{
    ck_assert_uint_eq(what, RAD_ACCT);
    ck_assert_uint_gt(conf->servers.count, 0);
    struct rad_group *g = calloc(1, sizeof *g);
    g->self = self;
    adit_list_init(&g->asks);
    w->groups++;
    return g;
}

int32_t rad_group_start(struct rad_group *g) { (void)g; return 0; }

void rad_group_stop(struct rad_group *g)
{
    ADIT_LIST_EACH(n, &g->asks)
        ask_end(ADIT_OF(n, struct rad_ask, node), RAD_GONE);
}

void rad_group_free(struct rad_group *g)
{
    if (!g)
        return;
    rad_group_stop(g);
    free(g);
}

int32_t rad_group_reload(struct rad_group *g, const struct rad_servers_conf *conf)
{
    ck_assert_uint_gt(conf->servers.count, 0);
    (void)g;
    w->groups++;
    return 0;
}

void rad_group_report(struct rad_group *g, struct adit_report *r) { (void)g; (void)r; }

static void look(const struct rad_out *o, struct seen *s)
{
    struct rd r = rd_of(o->bytes + RAD_HEAD, o->len - RAD_HEAD);
    uint8_t rest[RAD_MAX], digest[16];
    struct wr keep = wr_of(rest, sizeof rest);
    memset(s, 0, sizeof *s);
    while (rd_left(&r)) {
        uint8_t type = rd_u8(&r), n = rd_u8(&r);
        struct rd v = rd_sub(&r, n - 2u);
        const uint8_t *p = v.p;
        if (type == RAD_ACCT_DELAY_TIME) {
            s->delay_s = rd_u32(&v);
            continue;
        }
        wr_u8(&keep, type);
        wr_u8(&keep, n);
        wr_bytes(&keep, p, n - 2u);
        if (type == RAD_ACCT_STATUS_TYPE)
            s->status = rd_u32(&v);
        if (type == RAD_EVENT_TIMESTAMP)
            s->at_s = rd_u32(&v);
        if (type == RAD_ACCT_SESSION_ID)
            snprintf(s->session, sizeof s->session, "%.*s", n - 2, (const char *)p);
    }
    ck_assert(rd_ok(&r) && wr_ok(&keep));
    struct adit_chunk c = { rest, wr_len(&keep) };
    fake_host()->crypto->digest(ADIT_MD5, &c, 1, digest);
    memcpy(s->same, digest, 16);
}

struct rad_ask *rad_ask(struct rad_group *g, uint32_t code, uint64_t limit_ms, const char *only,
                        rad_write write, rad_done done, void *u)
{
    struct rad_out o;
    struct seen s;
    memset(&o, 0, sizeof o);
    o.len = RAD_HEAD;
    o.our = fake_addr("192.0.2.1");
    ck_assert_uint_eq(code, RAD_ACCOUNTING_REQUEST);
    ck_assert_ptr_null(only);
    write(u, &o);
    ck_assert(!o.full);
    look(&o, &s);
    struct rad_ask *a = calloc(1, sizeof *a);
    *a = (struct rad_ask){ .g = g, .done = done, .u = u };
    a->timer = g->self->host->loop->timer_new(g->self, ask_fire, a);
    adit_list_add(&g->asks, &a->node);
    w->asked++;
    w->flying++;
    w->most = w->flying > w->most ? w->flying : w->most;
    bool ignored = ignores && ignores(&s);
    a->end = mode == DEAD ? RAD_NO_SERVER : mode == UP && !ignored ? RAD_ANSWERED : RAD_SILENT;
    if ((mode == UP || mode == FORGETFUL) && !ignored) {
        ck_assert_uint_lt(w->count, SEEN_MAX);
        w->seen[w->count++] = s;
    }
    if (!latency_ms && a->end == RAD_ANSWERED)
        g->self->host->loop->post(g->self, ask_fire, a);
    else
        g->self->host->loop->timer_set(a->timer, a->end == RAD_ANSWERED ? latency_ms :
                                             a->end == RAD_NO_SERVER ? 0 : limit_ms);
    return a;
}

void rad_ask_cancel(struct rad_ask *a) { (void)a; }

void rad_attr_describe(struct adit_self *self, const struct rad_nas_conf *nas,
                       const struct adit_attrs *attrs, struct rad_out *o, uint32_t where)
{
    const struct adit_host *h = self->host;
    ck_assert_uint_eq(where, RAD_IN_ACCT);
    rad_put_str(o, RAD_NAS_IDENTIFIER, nas->identifier ? nas->identifier : "nas");
    rad_put_str(o, RAD_USER_NAME, adit_attr_str(h, attrs, ADIT_ATTR_USER));
    rad_put_str(o, RAD_ACCT_SESSION_ID, adit_attr_str(h, attrs, ADIT_ATTR_SESSION));
    rad_put_str(o, RAD_ACCT_MULTI_SESSION_ID, adit_attr_str(h, attrs, ADIT_ATTR_MULTI_SESSION));
}

/* ---- the world ----------------------------------------------------------------------------- */

static char dir[64];
static const struct rad_server_conf one = { .host = "192.0.2.9", .secret = "s" };
static struct rad_acct_conf conf;

static const struct adit_face face = {
    .kind = ADIT_KIND_ACCOUNTING, .conf_size = sizeof conf, .name = "radius",
    .counters = rad_acct_counters, .counter_count = RAD_N_ACCT, .events = rad_acct_events,
    .life = &rad_acct_life, .vtable = &rad_acct_vtable,
};

static void begin(void)
{
    w = mmap(NULL, sizeof *w, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(w != MAP_FAILED);
    strcpy(dir, access("/dev/shm", W_OK) ? "/tmp/adit-acct.XXXXXX" : "/dev/shm/adit-acct.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    fake_begin();
    fake_state_dir(dir);
    mode = UP;
    latency_ms = 5;
    ignores = NULL;
    at_answer = NULL;
    disk_full = 0;
    conf = (struct rad_acct_conf){ .servers = { .servers = { &one, 1, sizeof one } },
                                   .spool_size = 1 << 20, .limit_ms = 10000, .on_off = 0 };
}

static void end(void)
{
    char cmd[96];
    fake_end();
    munmap(w, sizeof *w);
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    ck_assert_int_eq(system(cmd), 0);
}

static struct adit_self *inst(void)
{
    struct adit_self *s = fake_inst_conf(&face, &conf);
    ck_assert_msg(s != NULL, "%s", fake_last_error());
    fake_run();                 /* the spool is open */
    return s;
}

static struct adit_attrs *session(int n)
{
    const struct adit_host *h = fake_host();
    struct adit_attrs *a = h->attr->make();
    struct adit_addr addr = fake_addr("10.9.0.2");
    char id[32];
    snprintf(id, sizeof id, "s%05d", n);
    adit_attr_put_str(h, a, ADIT_ATTR_USER, "anna");
    adit_attr_put_str(h, a, ADIT_ATTR_SESSION, id);
    adit_attr_put_addr(h, a, ADIT_ATTR_ADDRESS, &addr);
    return a;
}

static void tell(struct adit_self *s, uint32_t status, int n)
{
    struct adit_attrs *a = session(n);
    const struct adit_host *h = fake_host();
    adit_attr_put_u(h, a, ADIT_ATTR_BYTES_IN, (5ull << 32) + 7);
    adit_attr_put_u(h, a, ADIT_ATTR_BYTES_OUT, 9);
    adit_attr_put_u(h, a, ADIT_ATTR_DURATION, 61500);
    adit_attr_put_u(h, a, ADIT_ATTR_CAUSE, ADIT_CAUSE_IDLE_TIMEOUT);
    (status == RAD_STATUS_START ? rad_acct_vtable.begin :
     status == RAD_STATUS_STOP ? rad_acct_vtable.end : rad_acct_vtable.interim)(s, a);
    h->attr->free(a);
}

/* How often a server took the record of a session; what came again was the same. */
static uint32_t taken(const char *id, uint32_t status, uint32_t *again)
{
    const struct seen *first = NULL;
    uint32_t n = 0;
    for (uint32_t i = 0; i < w->count; i++) {
        const struct seen *s = &w->seen[i];
        if (s->status != status || strcmp(s->session, id))
            continue;
        bool same = first && first->at_s == s->at_s;
        if (same)
            ck_assert_mem_eq(first->same, s->same, 16);
        if (same && again)
            ++*again;
        n += !same;
        first = s;
    }
    return n;
}

static uint32_t position(const char *id, uint32_t status, bool last)
{
    uint32_t at = UINT32_MAX;
    for (uint32_t i = 0; i < w->count; i++)
        if (w->seen[i].status == status && !strcmp(w->seen[i].session, id) && (at == UINT32_MAX || last))
            at = i;
    return at;
}

/* One Start and one Stop of each, in order. `again`: how often something came twice. */
static uint32_t judge(int from, int to)
{
    uint32_t again = 0;
    for (int n = from; n < to; n++) {
        char id[32];
        snprintf(id, sizeof id, "s%05d", n);
        ck_assert_msg(taken(id, RAD_STATUS_START, &again) == 1, "Start of %s", id);
        ck_assert_msg(taken(id, RAD_STATUS_STOP, &again) == 1, "Stop of %s: %u", id,
                      taken(id, RAD_STATUS_STOP, NULL));
        taken(id, RAD_STATUS_INTERIM, &again);
        ck_assert_uint_lt(position(id, RAD_STATUS_START, true), position(id, RAD_STATUS_STOP, false));
        uint32_t interim = position(id, RAD_STATUS_INTERIM, false);
        if (interim != UINT32_MAX) {
            ck_assert_uint_lt(position(id, RAD_STATUS_START, true), interim);
            ck_assert_uint_lt(position(id, RAD_STATUS_INTERIM, true), position(id, RAD_STATUS_STOP, false));
        }
    }
    return again;
}

/* ---- what a record is ------------------------------------------------------------------------ */

static const uint8_t *find(const uint8_t *p, uint32_t len, uint8_t type, uint32_t *n)
{
    for (uint32_t i = 0; i + 2 <= len; i += p[i + 1])
        if (p[i] == type) {
            *n = p[i + 1] - 2u;
            return p + i + 2;
        }
    return NULL;
}

static uint32_t number(const uint8_t *p, uint32_t len, uint8_t type)
{
    uint32_t n = 0;
    const uint8_t *v = find(p, len, type, &n);
    ck_assert_msg(v && n == 4, "attribute %u", type);
    return (uint32_t)v[0] << 24 | (uint32_t)v[1] << 16 | (uint32_t)v[2] << 8 | v[3];
}

START_TEST(a_stop_says_all)
{
    begin();
    struct adit_self *s = inst();
    struct adit_attrs *a = session(1);
    const struct adit_host *h = fake_host();
    struct adit_value class = { ADIT_TYPE_BYTES, 3, { .p = "\0\1\2" } };
    uint8_t b[RAD_RECORD_MAX];
    uint32_t n;
    adit_attr_put_u(h, a, ADIT_ATTR_BYTES_IN, (5ull << 32) + 7);
    adit_attr_put_u(h, a, ADIT_ATTR_BYTES_OUT, 9);
    adit_attr_put_u(h, a, ADIT_ATTR_PACKETS_IN, 3);
    adit_attr_put_u(h, a, ADIT_ATTR_PACKETS_OUT, 4);
    adit_attr_put_u(h, a, ADIT_ATTR_DURATION, 61999);
    adit_attr_put_u(h, a, ADIT_ATTR_CAUSE, ADIT_CAUSE_PEER_HANGUP);
    adit_attr_put_str(h, a, ADIT_ATTR_MULTI_SESSION, "m1");
    adit_attr_put_str(h, a, ADIT_ATTR_AUTHENTICATOR, "main");
    h->attr->put(a, ADIT_ATTR_CLASS, &class);
    h->attr->put(a, ADIT_ATTR_CLASS, &class);
    uint32_t len = rad_record_session(s, &conf.nas, RAD_STATUS_STOP, a, 2, 1700000000, b);
    ck_assert_uint_gt(len, 0);
    ck_assert_uint_eq(number(b, len, RAD_ACCT_STATUS_TYPE), 2);
    ck_assert_uint_eq(number(b, len, RAD_EVENT_TIMESTAMP), 1700000000);
    ck_assert_uint_eq(number(b, len, RAD_ACCT_INPUT_OCTETS), 7);
    ck_assert_uint_eq(number(b, len, RAD_ACCT_INPUT_GIGAWORDS), 5);
    ck_assert_uint_eq(number(b, len, RAD_ACCT_OUTPUT_OCTETS), 9);
    ck_assert_uint_eq(number(b, len, RAD_ACCT_OUTPUT_GIGAWORDS), 0);
    ck_assert_uint_eq(number(b, len, RAD_ACCT_INPUT_PACKETS), 3);
    ck_assert_uint_eq(number(b, len, RAD_ACCT_OUTPUT_PACKETS), 4);
    ck_assert_uint_eq(number(b, len, RAD_ACCT_SESSION_TIME), 61);
    ck_assert_uint_eq(number(b, len, RAD_ACCT_TERMINATE_CAUSE), RAD_TERM_USER_REQUEST);
    ck_assert_uint_eq(number(b, len, RAD_ACCT_LINK_COUNT), 2);
    ck_assert_uint_eq(number(b, len, RAD_ACCT_AUTHENTIC), RAD_AUTHENTIC_LOCAL);
    ck_assert_mem_eq(find(b, len, RAD_FRAMED_IP_ADDRESS, &n), "\12\11\0\2", 4);
    ck_assert_mem_eq(find(b, len, RAD_ACCT_SESSION_ID, &n), "s00001", 6);
    ck_assert_mem_eq(find(b, len, RAD_ACCT_MULTI_SESSION_ID, &n), "m1", 2);
    ck_assert_mem_eq(b + len - 10, "\31\5\0\1\2\31\5\0\1\2", 10);
    struct rad_share share = { 0 };
    struct rad_auth_conf auth = { .grants = 1 };
    struct adit_self other = { .name = "main" };
    rad_share_offer(&share, &other, &auth);
    len = rad_record_session(s, &conf.nas, RAD_STATUS_START, a, 0, 1700000000, b);
    ck_assert_uint_eq(number(b, len, RAD_ACCT_AUTHENTIC), RAD_AUTHENTIC_RADIUS);
    ck_assert_ptr_null(find(b, len, RAD_ACCT_SESSION_TIME, &n));
    ck_assert_ptr_null(find(b, len, RAD_ACCT_LINK_COUNT, &n));
    rad_share_end(&share);
    h->attr->free(a);
    fake_inst_free(s);
    end();
}
END_TEST

START_TEST(every_cause_has_its_terminate_cause)
{
#define ADIT_X(number, NAME, code, ras, mschap, text)                                     \
    ck_assert_msg(rad_record_cause(ADIT_CAUSE_##NAME) >= 1 && rad_record_cause(ADIT_CAUSE_##NAME) <= 18, \
                  "ADIT_CAUSE_" #NAME " has no Acct-Terminate-Cause");
    ADIT_CAUSE_MAP(ADIT_X)
#undef ADIT_X
    ck_assert_uint_eq(rad_record_cause(60000), RAD_TERM_NAS_ERROR);
}
END_TEST

/* A disk may give back anything. */
START_TEST(every_truncation_of_a_record)
{
    begin();
    struct adit_self *s = inst();
    struct adit_attrs *a = session(1);
    uint8_t b[RAD_RECORD_MAX];
    uint32_t len = rad_record_session(s, &conf.nas, RAD_STATUS_STOP, a, 2, 1700000000, b);
    struct rad_record_info i;
    ck_assert(rad_record_read(b, len, &i));
    ck_assert_uint_eq(i.session_len, 6);
    for (uint32_t n = 0; n < len; n++) {
        uint8_t *exact = malloc(n + !n);
        struct rad_out o;
        memcpy(exact, b, n);
        memset(&o, 0, sizeof o);
        o.len = RAD_HEAD;
        rad_record_read(exact, n, &i);
        rad_record_put(exact, n, 1700000009, &o);
        free(exact);
    }
    uint8_t bad[] = { RAD_ACCT_STATUS_TYPE, 6, 0, 0, 0, 2, 0, 0 };
    ck_assert(!rad_record_read(bad, 6, &i));            /* no session */
    ck_assert(!rad_record_read(bad, 8, &i));            /* an attribute of no length */
    bad[5] = RAD_STATUS_ON;
    ck_assert(rad_record_read(bad, 6, &i));
    fake_host()->attr->free(a);
    fake_inst_free(s);
    end();
}
END_TEST

/* ---- order -------------------------------------------------------------------------------- */

START_TEST(start_interim_stop)
{
    begin();
    struct adit_self *s = inst();
    tell(s, RAD_STATUS_START, 1);
    tell(s, RAD_STATUS_INTERIM, 1);
    tell(s, RAD_STATUS_STOP, 1);
    ck_assert_uint_eq(w->flying, 1);    /* its Interim waits for its Start */
    tell(s, RAD_STATUS_START, 2);
    ck_assert_uint_eq(w->flying, 2);    /* others do not */
    fake_advance(100);
    tell(s, RAD_STATUS_STOP, 2);
    fake_advance(100);
    ck_assert_uint_eq(w->count, 5);
    ck_assert_uint_eq(judge(1, 3), 0);
    ck_assert_uint_eq(w->seen[0].delay_s, 0);
    ck_assert_uint_eq(fake_counter(s, "records"), 5);
    ck_assert_uint_eq(fake_counter(s, "records-sent"), 5);
    ck_assert_ptr_nonnull(strstr(fake_status(s), "\"waiting\": 0,"));
    fake_inst_free(s);
    end();
}
END_TEST

START_TEST(on_holds_all_and_off_waits_for_all)
{
    begin();
    conf.on_off = 1;
    latency_ms = 50;
    struct adit_self *s = inst();
    tell(s, RAD_STATUS_START, 1);
    fake_run();
    ck_assert_uint_eq(w->count, 1);
    ck_assert_uint_eq(w->seen[0].status, RAD_STATUS_ON);
    ck_assert_str_eq(w->seen[0].session, "00000000");
    fake_advance(500);
    ck_assert_uint_eq(w->count, 2);
    tell(s, RAD_STATUS_STOP, 1);
    ck_assert_uint_eq(rad_acct_vtable.drain(s), 2);
    ck_assert_uint_eq(rad_acct_vtable.drain(s), 2);
    ck_assert_uint_eq(w->count, 3);
    fake_advance(500);
    ck_assert_uint_eq(rad_acct_vtable.drain(s), 0);
    ck_assert_uint_eq(w->count, 4);
    ck_assert_uint_eq(w->seen[3].status, RAD_STATUS_OFF);
    fake_inst_free(s);
    ck_assert_uint_eq(w->count, 4);
    s = inst();                 /* and nothing of it is left */
    fake_advance(500);
    ck_assert_uint_eq(w->count, 5);
    ck_assert_uint_eq(w->seen[4].status, RAD_STATUS_ON);
    fake_inst_free(s);
    end();
}
END_TEST

START_TEST(a_thousand_sessions_end_at_once)
{
    begin();
    struct adit_self *s = inst();
    for (int n = 0; n < 1000; n++)
        tell(s, RAD_STATUS_START, n);
    fake_advance(3000);
    ck_assert_uint_eq(w->count, 1000);
    for (int n = 0; n < 1000; n++)
        tell(s, RAD_STATUS_STOP, n);
    ck_assert_uint_le(w->most, 256);
    fake_advance(3000);
    ck_assert_uint_eq(w->count, 2000);
    ck_assert_uint_eq(judge(0, 1000), 0);
    ck_assert_uint_le(w->most, 256);
    ck_assert_ptr_nonnull(strstr(fake_status(s), "\"spool_bytes\": 0,"));
    fake_inst_free(s);
    end();
}
END_TEST

/* ---- silence ------------------------------------------------------------------------------- */

START_TEST(an_outage_of_hours)
{
    for (int how = DOWN; how <= DEAD; how++) {
        begin();
        struct adit_self *s = inst();
        for (int n = 0; n < 50; n++)
            tell(s, RAD_STATUS_START, n);
        fake_advance(1000);
        ck_assert_uint_eq(w->count, 50);
        mode = (enum mode)how;
        uint32_t asked = w->asked;
        for (int m = 0; m < 36; m++) {          /* six hours */
            fake_advance(600000);
            for (int n = 0; n < 50; n++)
                tell(s, RAD_STATUS_INTERIM, n);
        }
        for (int n = 0; n < 50; n++)
            tell(s, RAD_STATUS_STOP, n);
        fake_advance(1000);
        /* nobody was bothered: one try each half minute */
        ck_assert_uint_lt(w->asked - asked, 50 + 6 * 3600 / 25);
        ck_assert_int_eq(fake_event_count("radius.accounting.outage"), 1);
        ck_assert_ptr_nonnull(strstr(fake_status(s), "\"state\": \"silent\""));
        ck_assert_uint_eq(w->count, 50);
        mode = UP;
        fake_advance(120000);
        ck_assert_int_eq(fake_event_count("radius.accounting.resumed"), 1);
        ck_assert_uint_eq(w->count, 50 + 36 * 50 + 50);
        ck_assert_uint_eq(judge(0, 50), 0);
        ck_assert_uint_gt(w->seen[60].delay_s, 5 * 3600);       /* late, and it says so */
        ck_assert_uint_eq(fake_counter(s, "records-dropped"), 0);
        fake_inst_free(s);
        end();
    }
}
END_TEST

START_TEST(an_answer_is_lost)
{
    begin();
    struct adit_self *s = inst();
    mode = FORGETFUL;
    tell(s, RAD_STATUS_START, 1);
    fake_advance(10500);
    mode = UP;
    fake_advance(60000);
    tell(s, RAD_STATUS_STOP, 1);
    fake_advance(1000);
    ck_assert_uint_eq(judge(1, 2), 1);          /* the same again, as the server can tell */
    fake_inst_free(s);
    end();
}
END_TEST

static bool start_of_3(const struct seen *s)
{
    return s->status == RAD_STATUS_START && !strcmp(s->session, "s00003");
}

START_TEST(one_that_is_ignored_holds_nobody_for_ever)
{
    begin();
    struct adit_self *s = inst();
    ignores = start_of_3;
    for (int n = 0; n < 10; n++)
        tell(s, RAD_STATUS_START, n);
    fake_advance(30000);
    for (int n = 0; n < 10; n++)
        tell(s, RAD_STATUS_STOP, n);
    for (int k = 0; k < 36; k++) {      /* five minutes each: others are answered meanwhile */
        fake_advance(290000);
        tell(s, RAD_STATUS_START, 100 + k);
        fake_advance(10000);
        tell(s, RAD_STATUS_STOP, 100 + k);
    }
    fake_advance(1000);
    ck_assert_uint_eq(judge(0, 3), 0);
    ck_assert_uint_eq(judge(4, 10), 0);
    ck_assert_uint_eq(judge(100, 136), 0);
    ck_assert_uint_eq(taken("s00003", RAD_STATUS_STOP, NULL), 1);
    ck_assert_uint_eq(taken("s00003", RAD_STATUS_START, NULL), 0);
    ck_assert_int_eq(fake_event_count("radius.accounting.given-up"), 1);
    ck_assert_str_eq(fake_event_str("radius.accounting.given-up", "session"), "s00003");
    ck_assert_ptr_nonnull(strstr(fake_status(s), "\"waiting\": 0,"));
    fake_inst_free(s);
    end();
}
END_TEST

static bool on_and_off(const struct seen *s)
{
    return s->status == RAD_STATUS_ON || s->status == RAD_STATUS_OFF;
}

START_TEST(a_server_that_knows_no_on)
{
    begin();
    conf.on_off = 1;
    ignores = on_and_off;
    struct adit_self *s = inst();
    for (int n = 1; n < 9; n++) {
        tell(s, RAD_STATUS_START, n);
        tell(s, RAD_STATUS_STOP, n);
    }
    fake_advance(300000);
    ck_assert_uint_eq(judge(1, 9), 0);
    ck_assert_int_eq(fake_event_count("radius.accounting.given-up"), 1);
    ck_assert_ptr_nonnull(strstr(fake_event_str("radius.accounting.given-up", "text"), "on-off"));
    fake_inst_free(s);
    end();
}
END_TEST

/* While nobody answers, On is not overtaken: it would close what began after it. */
START_TEST(on_is_not_given_up_in_an_outage)
{
    begin();
    conf.on_off = 1;
    mode = DOWN;
    struct adit_self *s = inst();
    tell(s, RAD_STATUS_START, 1);
    fake_advance(30000);
    mode = UP;
    fake_advance(60000);
    ck_assert_uint_eq(w->count, 2);
    ck_assert_uint_eq(w->seen[0].status, RAD_STATUS_ON);
    fake_inst_free(s);
    end();
}
END_TEST

/* ---- restarts ------------------------------------------------------------------------------- */

START_TEST(a_restart_with_a_full_spool)
{
    begin();
    conf.on_off = 1;
    struct adit_self *s = inst();
    fake_advance(100);
    mode = DOWN;
    for (int n = 0; n < 1000; n++) {
        tell(s, RAD_STATUS_START, n);
        tell(s, RAD_STATUS_STOP, n);
        if (n % 100 == 0)
            fake_advance(1000);
    }
    fake_inst_free(s);          /* at once: nothing had time to be written */
    ck_assert_uint_eq(w->count, 1);
    fake_advance(3600000);
    mode = UP;
    s = inst();
    tell(s, RAD_STATUS_START, 5000);
    tell(s, RAD_STATUS_STOP, 5000);
    fake_advance(60000);
    ck_assert_uint_eq(judge(0, 1000), 0);
    ck_assert_uint_eq(judge(5000, 5001), 0);
    /* On, the old ones, Off of the end, On of the beginning, the new one */
    ck_assert_uint_eq(w->count, 1 + 2000 + 1 + 1 + 2);
    ck_assert_uint_eq(w->seen[2001].status, RAD_STATUS_OFF);
    ck_assert_uint_eq(w->seen[2002].status, RAD_STATUS_ON);
    ck_assert_uint_eq(fake_counter(s, "records-dropped"), 0);
    fake_inst_free(s);
    end();
}
END_TEST

/* Killed without a word, again and again, at a time that differs. */
START_TEST(killed_at_any_time)
{
    begin();
    enum { RUNS = 12, EACH = 20 };
    for (int run = 0; run < RUNS; run++) {
        pid_t pid = fork();
        if (!pid) {
            mode = run % 3 ? UP : DOWN;
            latency_ms = 3;
            struct adit_self *s = inst();
            for (int n = 0; n < EACH; n++) {
                tell(s, RAD_STATUS_START, run * EACH + n);
                fake_advance((uint64_t)(run % 5));
                tell(s, RAD_STATUS_STOP, run * EACH + n);
                fake_run();     /* the disk has it */
            }
            fake_advance((uint64_t)run);
            _exit(0);
        }
        int status;
        waitpid(pid, &status, 0);
        ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        fake_advance(1000);     /* the clock of the next one is later */
    }
    w->flying = 0;
    struct adit_self *s = inst();
    fake_advance(60000);
    judge(0, RUNS * EACH);      /* twice only as the very same */
    fake_inst_free(s);
    end();
}
END_TEST

static void die(void) { _exit(0); }

/* The server answered, and we die before that is noted: it comes again, and a server
 * can tell that it is the same. */
START_TEST(killed_between_answer_and_mark)
{
    begin();
    pid_t pid = fork();
    if (!pid) {
        struct adit_self *s = inst();
        at_answer = die;
        tell(s, RAD_STATUS_START, 1);
        fake_advance(1000);
        _exit(1);
    }
    int status;
    waitpid(pid, &status, 0);
    ck_assert_int_eq(WEXITSTATUS(status), 0);
    ck_assert_uint_eq(w->count, 1);
    w->flying = 0;
    fake_advance(7000);
    struct adit_self *s = inst();
    fake_advance(1000);
    ck_assert_uint_eq(w->count, 2);
    uint32_t again = 0;
    ck_assert_uint_eq(taken("s00001", RAD_STATUS_START, &again), 1);
    ck_assert_uint_eq(again, 1);
    ck_assert_uint_eq(w->seen[1].delay_s, w->seen[0].delay_s + 7);
    fake_inst_free(s);
    end();
}
END_TEST

START_TEST(what_is_answered_first_is_never_written)
{
    begin();
    struct adit_self *s = inst();
    fake_run();
    latency_ms = 0;
    disk_full = 1;              /* it would be told */
    for (int n = 0; n < 10; n++) {
        /* no work runs before the answer: the first batch is under way all the time */
        tell(s, RAD_STATUS_START, n);
    }
    disk_full = 0;
    fake_advance(10);
    ck_assert_uint_eq(w->count, 10);
    ck_assert_uint_le(fake_counter(s, "records-spooled"), 1);
    fake_inst_free(s);
    end();
}
END_TEST

/* ---- disks ---------------------------------------------------------------------------------- */

START_TEST(a_directory_that_cannot_be_made)
{
    begin();
    fake_state_dir("/proc/self/nowhere");
    struct adit_self *s = inst();
    tell(s, RAD_STATUS_START, 1);
    fake_advance(1000);
    ck_assert_int_eq(fake_event_count("radius.accounting.disk"), 1);
    ck_assert_ptr_nonnull(strstr(fake_event_str("radius.accounting.disk", "text"), "/proc/self/nowhere"));
    mode = DOWN;
    for (int n = 2; n < 2000; n++)
        tell(s, RAD_STATUS_START, n);
    tell(s, RAD_STATUS_STOP, 1);
    fake_advance(60000);
    mode = UP;
    for (int n = 2; n < 2000; n++)
        tell(s, RAD_STATUS_STOP, n);
    fake_advance(120000);
    ck_assert_uint_eq(judge(1, 2000), 0);
    ck_assert_int_eq(fake_event_count("radius.accounting.disk"), 1);    /* once, not each time */
    fake_inst_free(s);
    /* without any directory */
    fake_state_dir(NULL);
    s = inst();
    tell(s, RAD_STATUS_START, 3000);
    tell(s, RAD_STATUS_STOP, 3000);
    fake_advance(1000);
    ck_assert_uint_eq(judge(3000, 3001), 0);
    ck_assert_int_eq(fake_event_count("radius.accounting.disk"), 2);
    fake_inst_free(s);
    /* or as it is wanted */
    fake_state_dir(dir);
    conf.spool_size = 0;
    s = inst();
    fake_advance(60000);
    ck_assert_int_eq(fake_event_count("radius.accounting.disk"), 2);
    ck_assert_uint_eq(fake_counter(s, "spool-failures"), 0);
    fake_inst_free(s);
    conf.spool_size = 1000;
    ck_assert_ptr_null(fake_inst_conf(&face, &conf));
    ck_assert_ptr_nonnull(strstr(fake_last_error(), "spool-size"));
    end();
}
END_TEST

START_TEST(a_disk_that_is_full_for_a_while)
{
    begin();
    struct adit_self *s = inst();
    mode = DOWN;
    for (int n = 0; n < 300; n++)
        tell(s, RAD_STATUS_START, n);
    fake_advance(1000);
    disk_full = 1;
    for (int n = 300; n < 600; n++)
        tell(s, RAD_STATUS_START, n);
    fake_advance(60000);
    ck_assert_int_eq(fake_event_count("radius.accounting.disk"), 1);
    ck_assert_ptr_nonnull(strstr(fake_status(s), "cannot be written"));
    disk_full = 0;
    for (int n = 0; n < 600; n++)
        tell(s, RAD_STATUS_STOP, n);
    fake_advance(60000);
    ck_assert_int_eq(fake_event_count("radius.accounting.disk-good"), 1);
    fake_inst_free(s);
    mode = UP;
    s = inst();
    fake_advance(60000);
    ck_assert_uint_eq(judge(0, 600), 0);
    fake_inst_free(s);
    end();
}
END_TEST

START_TEST(memory_is_bounded_without_a_disk)
{
    begin();
    fake_state_dir(NULL);
    struct adit_self *s = inst();
    mode = DOWN;
    for (int k = 0; k < 6; k++)
        for (int n = 0; n < 10000; n++)
            tell(s, k ? RAD_STATUS_INTERIM : RAD_STATUS_START, n);
    ck_assert_uint_gt(fake_counter(s, "records-dropped"), 0);
    ck_assert_uint_gt(fake_event_u("radius.accounting.dropped", "interims"), 0);
    ck_assert_uint_eq(fake_event_u("radius.accounting.dropped", "starts"), 0);
    fake_inst_free(s);          /* the rest is lost, and told */
    ck_assert_uint_gt(fake_event_u("radius.accounting.dropped", "starts"), 0);
    end();
}
END_TEST

START_TEST(interims_go_first_when_the_spool_is_full)
{
    begin();
    conf.spool_size = 256 << 10;
    struct adit_self *s = inst();
    for (int n = 0; n < 300; n++)
        tell(s, RAD_STATUS_START, n);
    fake_advance(1000);
    mode = DOWN;
    for (int k = 0; k < 20; k++) {
        for (int n = 0; n < 300; n++)
            tell(s, RAD_STATUS_INTERIM, n);
        fake_advance(600000);
    }
    for (int n = 0; n < 300; n++)
        tell(s, RAD_STATUS_STOP, n);
    fake_advance(1000);
    ck_assert_uint_gt(fake_counter(s, "records-dropped"), 0);
    ck_assert_uint_eq(fake_event_u("radius.accounting.dropped", "stops"), 0);
    mode = UP;
    fake_advance(120000);
    ck_assert_uint_eq(judge(0, 300), 0);
    fake_inst_free(s);
    end();
}
END_TEST

/* Somebody wrote into the file what is whole, and no record. */
START_TEST(a_spool_of_something_else)
{
    begin();
    char path[128], cmd[256];
    mode = DOWN;
    struct adit_self *s = inst();
    tell(s, RAD_STATUS_START, 1);
    fake_inst_free(s);
    snprintf(path, sizeof path, "%s/auth-radius/accounting-radius/records", dir);
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq((int)(st.st_mode & 0777), 0600);
    snprintf(cmd, sizeof cmd, "head -c 100000 /dev/zero > %s", path);
    ck_assert_int_eq(system(cmd), 0);
    mode = UP;
    s = inst();
    tell(s, RAD_STATUS_STOP, 1);
    fake_advance(1000);
    ck_assert_uint_eq(w->count, 1);
    fake_inst_free(s);
    end();
}
END_TEST

/* ---- servers of another instance -------------------------------------------------------------- */

START_TEST(servers_of_the_authenticator)
{
    begin();
    struct rad_share a = { 0 }, b = { 0 };
    struct adit_self main_ = { .name = "main" }, other = { .name = "other" };
    struct rad_auth_conf auth = { .servers = { .servers = { &one, 1, sizeof one } },
                                  .nas = { .identifier = "gate" } };
    conf.servers.servers.count = 0;
    ck_assert_ptr_null(fake_inst_conf(&face, &conf));
    ck_assert_int_eq(fake_code(), ADIT_ECONF);
    ck_assert_ptr_nonnull(strstr(fake_last_error(), "servers"));
    rad_share_offer(&a, &main_, &auth);
    struct adit_self *s = inst();
    uint32_t groups = w->groups;
    tell(s, RAD_STATUS_START, 1);
    fake_advance(100);
    ck_assert_uint_eq(w->count, 1);
    rad_share_offer(&a, &main_, &auth); /* reloaded */
    ck_assert_uint_eq(w->groups, groups + 1);
    rad_share_offer(&b, &other, &auth); /* whose now? nobody's */
    tell(s, RAD_STATUS_STOP, 1);
    fake_advance(1000);
    ck_assert_uint_eq(w->count, 1);
    ck_assert_ptr_nonnull(strstr(fake_status(s), "no servers"));
    rad_share_end(&a);
    fake_advance(1000);
    ck_assert_uint_eq(judge(1, 2), 0);
    fake_inst_free(s);
    conf.like = "main";
    ck_assert_ptr_null(fake_inst_conf(&face, &conf));
    ck_assert_ptr_nonnull(strstr(fake_last_error(), "main"));
    rad_share_end(&b);
    end();
}
END_TEST

START_TEST(links_of_a_bundle_are_counted)
{
    begin();
    struct adit_self *s = inst();
    const struct adit_host *h = fake_host();
    struct adit_attrs *a[2] = { session(1), session(2) };
    for (int n = 0; n < 2; n++) {
        adit_attr_put_str(h, a[n], ADIT_ATTR_MULTI_SESSION, "bundle");
        rad_acct_vtable.begin(s, a[n]);
    }
    rad_acct_vtable.end(s, a[0]);
    rad_acct_vtable.end(s, a[1]);
    rad_acct_vtable.begin(s, a[0]);     /* another of that name; never ends */
    fake_advance(1000);
    ck_assert_uint_eq(w->count, 5);
    for (int n = 0; n < 2; n++)
        h->attr->free(a[n]);
    fake_inst_free(s);
    end();
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        a_stop_says_all, every_cause_has_its_terminate_cause, every_truncation_of_a_record,
        start_interim_stop, on_holds_all_and_off_waits_for_all, a_thousand_sessions_end_at_once,
        an_outage_of_hours, an_answer_is_lost, one_that_is_ignored_holds_nobody_for_ever,
        a_server_that_knows_no_on, on_is_not_given_up_in_an_outage, a_restart_with_a_full_spool,
        killed_at_any_time, killed_between_answer_and_mark, what_is_answered_first_is_never_written,
        a_directory_that_cannot_be_made, a_disk_that_is_full_for_a_while,
        memory_is_bounded_without_a_disk, interims_go_first_when_the_spool_is_full,
        a_spool_of_something_else, servers_of_the_authenticator, links_of_a_bundle_are_counted, NULL,
    };
    return unit_suite("rad_acct", tests);
}

UNIT_MAIN(suite)
