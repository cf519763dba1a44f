/* rad_rig.h - RADIUS servers in virtual time, for tests of the client.
 *
 *     rig_begin();
 *     rig_server(0, "10.0.1.1:1812", "s3cret");
 *     struct adit_self *self = rig_start(&conf);       // an instance with a group of servers
 *     struct rig_ask *a = rig_ask("anna");
 *     rig_run(5000);                                    // milliseconds, on the fake clock
 *     ck_assert_int_eq(a->end, RAD_ANSWERED);
 *     rig_end(self);
 */
#ifndef RAD_RIG_H
#define RAD_RIG_H

#include "plugins/auth-radius/rad_client.h"
#include "sdk/fake/fake.h"
#include "unit.h"

/* What a server does with a request. */
enum rig_act {
    RIG_ANSWER, RIG_DROP, RIG_TWICE, RIG_FORGE, RIG_UNSIGNED, RIG_OTHER_PORT, RIG_OTHER_ADDRESS,
    RIG_GARBAGE, RIG_WRONG_CODE, RIG_WRONG_ID, RIG_CUT,
};

struct rig_server {
    struct adit_addr at;
    const char *secret;
    bool dead;                  /* drops everything */
    bool no_status;             /* understands no Status-Server */
    uint32_t delay_ms;
    enum rig_act act;           /* of all, or: */
    enum rig_act (*script)(uint32_t nth);       /* nth request, from 0 */
    uint32_t (*delay)(uint32_t nth);
    uint32_t code;              /* of answers; 0: Access-Accept, Accounting-Response */
    uint32_t got, status;       /* requests and Status-Servers that came */
    uint16_t last_port;
    struct adit_addr from;      /* who asked last */
};

struct rig_ask {
    struct rad_ask *ask;        /* NULL: over */
    char user[32], text[64];    /* asked for; what the answer said */
    uint32_t ends, writes, tries;
    enum rad_end end;
    uint64_t took_ms, at_ms;
    char server[32];
    uint32_t big;               /* octets of padding */
    void (*then)(struct rig_ask *a);
};

#define RIG_SERVERS 4
#define RIG_ASKS    20000

static struct rig_server rig_servers[RIG_SERVERS];
static struct rig_ask rig_asks[RIG_ASKS];
static uint32_t rig_ask_count;
static struct rad_group *rig_group;

struct rig_late {
    struct adit_node node;
    uint64_t due;
    struct adit_addr from, to;
    uint32_t len;
    uint8_t bytes[];
};
static struct adit_node rig_queue;

/* ---- the instance -------------------------------------------------------------------- */

static int32_t rig_create(struct adit_self *self)
{
    self->instance = rig_group = rad_group_new(self, self->conf, RAD_AUTH);
    return rig_group ? 0 : ADIT_ECONF;
}

static int32_t rig_life_start(struct adit_self *self) { return rad_group_start(self->instance); }

static void rig_destroy(struct adit_self *self)
{
    rad_group_free(self->instance);
    rig_group = NULL;
}

static int32_t rig_life_reload(struct adit_self *self, const void *conf)
{
    return rad_group_reload(self->instance, conf);
}

static void rig_check(struct adit_self *self, uint64_t req, const struct adit_auth_query *q)
{
    (void)self;
    (void)req;
    (void)q;
}

static const struct adit_counter rig_counters[] = {
#define RAD_X(NAME, name, text) { name, text },
    RAD_CLIENT_COUNTERS(RAD_X)
#undef RAD_X
};
static const struct adit_event *const rig_events[] = { RAD_CLIENT_EVENTS, NULL };
static const struct adit_life rig_life = { .size = sizeof rig_life, .create = rig_create, .start = rig_life_start,
                                           .reload = rig_life_reload, .destroy = rig_destroy };
static const struct adit_auth rig_vtable = { .size = sizeof rig_vtable, .methods = ADIT_AUTH_PAP,
                                             .check = rig_check };
static const struct adit_opt rig_opts[] = { ADIT_OPT_END };
static const struct adit_face rig_face = {
    .kind = ADIT_KIND_AUTH, .conf_size = sizeof(struct rad_servers_conf), .name = "radius", .opts = rig_opts,
    .counters = rig_counters, .counter_count = RAD_N_CLIENT, .events = rig_events, .life = &rig_life,
    .vtable = &rig_vtable,
};

/* ---- servers ----------------------------------------------------------------------------- */

static inline void rig_begin(void)
{
    fake_begin();
    memset(rig_servers, 0, sizeof rig_servers);
    memset(rig_asks, 0, sizeof rig_asks);
    rig_ask_count = 0;
    adit_list_init(&rig_queue);
}

static inline struct rig_server *rig_server(uint32_t i, const char *at, const char *secret)
{
    rig_servers[i].at = fake_addr(at);
    rig_servers[i].secret = secret;
    return &rig_servers[i];
}

static inline void rig_later(uint64_t after_ms, const struct adit_addr *from, const struct adit_addr *to,
                             const void *p, uint32_t len)
{
    struct rig_late *l = calloc(1, sizeof *l + len);
    l->due = fake_now() + after_ms;
    l->from = *from;
    l->to = *to;
    l->len = len;
    memcpy(l->bytes, p, len);
    struct adit_node *after = rig_queue.prev;           /* from the end: most come in order */
    while (after != &rig_queue && ADIT_OF(after, struct rig_late, node)->due > l->due)
        after = after->prev;
    adit_list_add(after->next, &l->node);
}

static inline bool rig_is(const struct adit_addr *a, const struct adit_addr *b)
{
    return a->family == b->family && a->port == b->port && !memcmp(a->ip, b->ip, 16);
}

/* An answer as the server would write it; its length. */
static inline uint32_t rig_answer(const struct rig_server *s, const char *secret, const struct rad_in *in,
                                  uint32_t code, bool sign, uint8_t *out)
{
    static struct rad_out o;
    struct rad_key key = { fake_host()->crypto, (const uint8_t *)secret, (uint32_t)strlen(secret) };
    struct rad_attr user = { 0 };
    char text[80];
    /* rad_begin_answer() signs all but accounting */
    rad_begin_answer(&o, &key, sign ? code : RAD_ACCOUNTING_RESPONSE, in->authenticator);
    o.code = code;
    if (rad_find(in, 0, RAD_USER_NAME, &user)) {
        snprintf(text, sizeof text, "%.*s of %s", (int)user.len, (const char *)user.p, s->secret);
        rad_put_str(&o, RAD_REPLY_MESSAGE, text);
    }
    uint32_t len = rad_finish(&o, in->id);
    memcpy(out, o.bytes, len);
    return len;
}

static inline void rig_serve(struct rig_server *s, const struct fake_sent *f)
{
    uint8_t bytes[RAD_MAX];
    struct rad_in in;
    struct adit_addr from = s->at;
    ck_assert(rad_open(&in, f->data, f->len));
    s->last_port = f->our.port;
    s->from = f->our;
    bool status = in.code == RAD_STATUS_SERVER;
    uint32_t nth = status ? s->status++ : s->got++;
    if (s->dead || (status && s->no_status))
        return;
    enum rig_act act = status ? RIG_ANSWER : s->script ? s->script(nth) : s->act;
    uint32_t delay = s->delay && !status ? s->delay(nth) : s->delay_ms;
    uint32_t code = s->code ? s->code :
                    in.code == RAD_ACCOUNTING_REQUEST ? RAD_ACCOUNTING_RESPONSE : RAD_ACCESS_ACCEPT;
    if (act == RIG_DROP)
        return;
    if (act == RIG_WRONG_CODE)
        code = in.code == RAD_ACCOUNTING_REQUEST ? RAD_ACCESS_ACCEPT : RAD_ACCOUNTING_RESPONSE;
    uint32_t len = rig_answer(s, act == RIG_FORGE ? "someone else's" : s->secret, &in, code,
                              act != RIG_UNSIGNED, bytes);
    if (act == RIG_OTHER_PORT)
        from.port++;
    if (act == RIG_OTHER_ADDRESS)
        from.ip[3]++;
    if (act == RIG_GARBAGE)
        memset(bytes, 0xa5, len);
    if (act == RIG_WRONG_ID)
        bytes[1] ^= 0x80;
    if (act == RIG_CUT)
        len -= 3;
    rig_later(delay, &from, &f->our, bytes, len);
    if (act == RIG_TWICE)
        rig_later(delay + 1, &from, &f->our, bytes, len);
}

static inline void rig_pump(void)
{
    fake_run();
    for (const struct fake_sent *f; (f = fake_sent());) {
        bool known = false;
        for (uint32_t i = 0; i < RIG_SERVERS && !known; i++)
            if (rig_servers[i].secret && rig_is(&rig_servers[i].at, &f->peer)) {
                rig_serve(&rig_servers[i], f);
                known = true;
            }
        ck_assert(known);
    }
    while (!adit_list_empty(&rig_queue)) {
        struct rig_late *l = ADIT_OF(rig_queue.next, struct rig_late, node);
        if (l->due > fake_now())
            break;
        adit_list_del(&l->node);
        (void)fake_datagram(ADIT_PROTO_UDP, &l->from, &l->to, NULL, l->bytes, l->len);
        free(l);
    }
    fake_run();
}

static inline void rig_run(uint64_t ms)
{
    uint64_t until = fake_now() + ms;
    for (;;) {
        rig_pump();
        while (fake_sent_count())
            rig_pump();
        if (fake_now() >= until)
            return;
        uint64_t step = until - fake_now(), timer = fake_next_timer();
        if (timer < step)
            step = timer;
        if (!adit_list_empty(&rig_queue)) {
            uint64_t due = ADIT_OF(rig_queue.next, struct rig_late, node)->due;
            uint64_t wait = due > fake_now() ? due - fake_now() : 0;
            if (wait < step)
                step = wait;
        }
        fake_advance(step ? step : 1);
    }
}

/* ---- asks ------------------------------------------------------------------------------------ */

static inline void rig_write(void *u, struct rad_out *o)
{
    struct rig_ask *a = u;
    uint8_t pad[200] = { 1 };
    a->writes++;
    rad_put_str(o, RAD_USER_NAME, a->user);
    for (uint32_t n = 0; n < a->big; n += sizeof pad)
        rad_put(o, RAD_PROXY_STATE, pad, sizeof pad);
}

static inline void rig_done(void *u, enum rad_end end, const struct rad_in *in, const struct rad_how *how)
{
    struct rig_ask *a = u;
    struct rad_attr text = { 0 };
    ck_assert_uint_eq(a->ends++, 0);
    a->ask = NULL;
    a->end = end;
    a->at_ms = fake_now();
    ck_assert_int_eq(in != NULL, end == RAD_ANSWERED);
    if (in) {
        ck_assert(rad_verify(in, how->key, how->authenticator, 0) == RAD_OK);
        snprintf(a->server, sizeof a->server, "%s", how->server);
        a->tries = how->tries;
        a->took_ms = how->took_ms;
        if (rad_find(in, 0, RAD_REPLY_MESSAGE, &text))
            snprintf(a->text, sizeof a->text, "%.*s", (int)text.len, (const char *)text.p);
    }
    if (a->then)
        a->then(a);
}

static inline struct rig_ask *rig_ask_of(uint32_t code, const char *user, uint64_t limit_ms, const char *only)
{
    struct rig_ask *a = &rig_asks[rig_ask_count++];
    ck_assert_uint_lt(rig_ask_count, RIG_ASKS);
    snprintf(a->user, sizeof a->user, "%s", user);
    a->end = (enum rad_end)-1;
    a->ask = rad_ask(rig_group, code, limit_ms, only, rig_write, rig_done, a);
    ck_assert_ptr_nonnull(a->ask);
    ck_assert_uint_eq(a->ends, 0);      /* not from inside */
    return a;
}

static inline struct rig_ask *rig_ask(const char *user)
{
    return rig_ask_of(RAD_ACCESS_REQUEST, user, 30000, NULL);
}

static inline struct adit_self *rig_start(const struct rad_servers_conf *conf)
{
    return fake_inst_conf(&rig_face, conf);
}

static inline void rig_end(struct adit_self *self)
{
    fake_inst_free(self);
    for (uint32_t i = 0; i < rig_ask_count; i++)
        ck_assert(rig_asks[i].ends == 1 || !rig_asks[i].ask);
    while (!adit_list_empty(&rig_queue)) {
        struct rig_late *l = ADIT_OF(rig_queue.next, struct rig_late, node);
        adit_list_del(&l->node);
        free(l);
    }
    fake_end();
}

static inline const char *rig_report(void)
{
    struct adit_report *r = fake_report();
    fake_host()->report->array(r, "servers");
    rad_group_report(rig_group, r);
    fake_host()->report->end(r);
    return fake_report_text(r);
}

#endif
