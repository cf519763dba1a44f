/* ses_rig.c - a loop in virtual time, a data path of nothing, stub plugins, callers. */
#include "ses_rig.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "crypto/crypto.h"
#include "datapath/dp_guard.h"
#include "log/log.h"
#include "loop/loop.h"
#include "plugin/plug_in.h"

/* Fuzz targets use the rig too, so this is not check's assertion. */
#define must(what)                                                               \
    do {                                                                          \
        if (!(what)) {                                                            \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what);     \
            abort();                                                              \
        }                                                                         \
    } while (0)

struct rig rig;

static void say(const char *fmt, ...) ADIT_PRINTF(1, 2);
static void say(const char *fmt, ...)
{
    size_t n = strlen(rig.log);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(rig.log + n, sizeof rig.log - n, fmt, ap);
    va_end(ap);
}

/* ---- core/loop, in virtual time ------------------------------------------------------ */

struct loop_timer {
    struct adit_node node;
    void (*fire)(void *u);
    void *u;
    uint64_t at;                /* UINT64_MAX: stopped */
};

static struct adit_node timers = { &timers, &timers };
static struct loop_idle *idle_head, **idle_tail = &idle_head;
static uint64_t now_ms = 1000000;
static uint32_t timer_count;

uint64_t loop_now(void) { return now_ms; }
uint64_t loop_wall(void) { return 1700000000000u + now_ms; }
uint64_t rig_now(void) { return now_ms; }
uint32_t rig_timers(void) { return timer_count; }

struct loop_timer *loop_timer_new(void (*fire)(void *u), void *u)
{
    struct loop_timer *t = calloc(1, sizeof *t);
    t->fire = fire;
    t->u = u;
    t->at = UINT64_MAX;
    adit_list_add(&timers, &t->node);
    timer_count++;
    return t;
}

void loop_timer_set(struct loop_timer *t, uint64_t after_ms) { t->at = now_ms + after_ms; }
void loop_timer_stop(struct loop_timer *t) { t->at = UINT64_MAX; }

void loop_timer_free(struct loop_timer *t)
{
    if (!t)
        return;
    adit_list_del(&t->node);
    timer_count--;
    free(t);
}

void loop_at_round_end(struct loop_idle *i)
{
    if (i->queued)
        return;
    i->queued = 1;
    i->next = NULL;
    *idle_tail = i;
    idle_tail = &i->next;
}

int loop_post(void (*fn)(void *u), void *u)
{
    fn(u);
    return 0;
}

static void round_end(void)
{
    while (idle_head) {
        struct loop_idle *i = idle_head;
        idle_head = i->next;
        if (!idle_head)
            idle_tail = &idle_head;
        i->queued = 0;
        i->run(i->u);
    }
}

/* ---- core/datapath, without packets ------------------------------------------------------ */

struct dp_iface {
    char name[16];
    struct dp_port *port;
};

struct dp_port {
    struct dp_count count;
    struct dp_attach at;
    struct dp_guard *guard;
};

void dp_port_guard(struct dp_port *p, struct dp_guard *g)
{
    if (g)
        say("guard ");
    dp_guard_free(p->guard);
    p->guard = g;
}

int dp_attach(const struct dp_attach *at, const struct dp_ops *ops, void *u, struct dp_port **out)
{
    (void)ops;
    (void)u;
    say("attach ");
    if (rig.attach_fails)
        return rig.attach_fails;
    if (at->iface && at->iface->port)
        return ADIT_EEXIST;
    *out = calloc(1, sizeof **out);
    if (at->iface)
        at->iface->port = *out;
    (*out)->at = rig.attached = *at;
    rig.last_port = *out;
    rig.ports++;
    return 0;
}

void dp_detach(struct dp_port *p)
{
    if (!p)
        return;
    say("detach ");
    if (p->at.iface)
        p->at.iface->port = NULL;
    rig.ports--;
    dp_guard_free(p->guard);
    free(p);
}

void dp_rx(struct dp_port *p, uint16_t proto, struct adit_frame **v, uint32_t n)
{
    (void)proto;
    p->count.rx_packets += n;
    for (uint32_t i = 0; i < n; i++)
        p->count.rx_bytes += v[i]->len;
    p->count.last_rx_ms = now_ms;
}

int dp_iface_open(const struct dp_iface_cfg *cfg, struct dp_iface **out)
{
    *out = calloc(1, sizeof **out);
    snprintf((*out)->name, sizeof (*out)->name, "%s", cfg->name);
    return 0;
}

void dp_iface_close(struct dp_iface *i)
{
    must(!i || !i->port);
    free(i);
}

const char *dp_iface_name(const struct dp_iface *i) { return i->name; }

int dp_iface_route(struct dp_iface *i, const struct adit_addr *net, uint32_t metric, bool add)
{
    (void)metric;
    say("%s:%s:%u.%u ", add ? "route" : "unroute", i->name, net->ip[0], net->ip[1]);
    return 0;
}

const struct dp_count *dp_count(const struct dp_port *p) { return &p->count; }
struct dp_count *rig_count(void) { return &rig.last_port->count; }
const char *dp_tun_name(void) { return "stub0"; }

/* ---- stub plugins -------------------------------------------------------------------------- */

#define STUBS 16
static struct stub stubs[STUBS];
static uint32_t stub_count;

static struct stub *of_self(struct adit_self *self) { return self->instance; }

static int32_t create(struct adit_self *self)
{
    self->instance = &stubs[stub_count];
    return 0;
}

void rig_answer(struct stub *s)
{
    const struct adit_host *h = s->self->host;
    switch (s->self->kind) {
    case ADIT_KIND_AUTH: {
        struct adit_auth_answer a = { .size = sizeof a, .verdict = s->verdict, .cause = s->cause,
                                      .message = s->why, .attrs = s->attrs, .place = s->place };
        h->request->done(s->self, s->req, s->status, s->status ? NULL : &a);
        break;
    }
    case ADIT_KIND_POLICY: {
        struct adit_policy_answer a = { .size = sizeof a, .grant = s->grant, .cause = s->cause,
                                        .policy = s->no_match ? NULL : s->name, .why = s->why,
                                        .profile = s->attrs, .place = s->place,
                                        .ignore_account = s->ignore_account };
        if (s->no_match)
            a.grant = 0;
        h->request->done(s->self, s->req, s->status, s->status ? NULL : &a);
        break;
    }
    case ADIT_KIND_POOL: {
        struct adit_pool_answer a = { .size = sizeof a, .cause = s->cause, .attrs = s->attrs };
        int32_t status = s->status ? s->status : s->left ? 0 : ADIT_ENOSPC;
        if (s->fixed && s->wanted) {
            status = s->one_is_out ? ADIT_EEXIST : 0;
            s->one_is_out = true;
            a.lease = UINT64_MAX;
            a.address = s->one;
        } else if (!status) {
            s->left--;
            a.lease = s->first;
            a.address = (struct adit_addr){ .family = ADIT_AF_IPV4, .prefix = 32,
                .ip = { (uint8_t)(s->first >> 24), (uint8_t)(s->first >> 16),
                        (uint8_t)(s->first >> 8), (uint8_t)s->first } };
            s->first++;
        }
        h->request->done(s->self, s->req, status, &a);
        break;
    }
    }
}

static void asked(struct adit_self *self, adit_request req, const char *word)
{
    struct stub *s = of_self(self);
    say("%s:%s ", word, s->name);
    s->asked++;
    s->req = req;
    if (!s->silent)
        rig_answer(s);
}

static void check(struct adit_self *self, uint64_t req, const struct adit_auth_query *q)
{
    const struct adit_value *v = self->host->attr->get(q->attrs, ADIT_ATTR_USER, 0);
    must(!strcmp(v->v.p, q->user));
    asked(self, req, "check");
}

static void decide(struct adit_self *self, uint64_t req, const struct adit_attrs *attrs)
{
    must(self->host->attr->get(attrs, ADIT_ATTR_AUTHENTICATOR, 0) != NULL);
    asked(self, req, "decide");
}

static void lease(struct adit_self *self, uint64_t req, const struct adit_pool_query *q)
{
    const struct adit_addr *one = adit_attr_addr(self->host, q->attrs, ADIT_ATTR_ADDRESS, 0);
    of_self(self)->wanted = one != NULL;
    if (one)
        of_self(self)->one = *one;
    asked(self, req, "lease");
}

#define OF_NETS (1ull << 40)

static void lease6(struct adit_self *self, uint64_t req, const struct adit_pool_query *q)
{
    struct stub *s = of_self(self);
    struct adit_pool_answer a = { .size = sizeof a, .lease = OF_NETS,
        .address = { .family = ADIT_AF_IPV6, .prefix = 64, .ip = { 0x20, 1, 0xd, 0xb8, 0, (uint8_t)s->nets } } };
    say("lease6:%s ", s->name);
    if (adit_attr_addr(self->host, q->attrs, ADIT_ATTR_IPV6_PREFIX, 0)) {       /* none of ours */
        self->host->request->done(self, req, s->one_is_out ? ADIT_EEXIST : ADIT_ENOENT, &a);
        return;
    }
    if (s->nets)
        s->nets--;
    else
        a.address.family = 0;
    self->host->request->done(self, req, a.address.family ? 0 : ADIT_ENOSPC, &a);
}

static void cancel(struct adit_self *self, uint64_t req)
{
    struct stub *s = of_self(self);
    say("cancel:%s ", s->name);
    must(req != 0);
    s->cancelled++;
}

static void release(struct adit_self *self, uint64_t l)
{
    struct stub *s = of_self(self);
    must(l != 0);
    say("release:%s ", s->name);
    s->released++;
    if (l == UINT64_MAX)
        s->one_is_out = false;
    else if (l == OF_NETS)
        s->nets++;
    else
        s->left++;
}

static void begin(struct adit_self *self, const struct adit_attrs *attrs)
{
    struct stub *s = of_self(self);
    must(self->host->attr->get(attrs, ADIT_ATTR_ADDRESS, 0) != NULL);
    say("begin:%s ", s->name);
    s->begun++;
}

static void interim(struct adit_self *self, const struct adit_attrs *attrs)
{
    struct stub *s = of_self(self);
    must(self->host->attr->get(attrs, ADIT_ATTR_DURATION, 0) != NULL);
    say("interim:%s ", s->name);
    s->interims++;
}

static void end(struct adit_self *self, const struct adit_attrs *attrs)
{
    struct stub *s = of_self(self);
    say("end:%s ", s->name);
    s->ended++;
    s->duration_ms = adit_attr_u(self->host, attrs, ADIT_ATTR_DURATION);
    s->ended_by = adit_attr_u(self->host, attrs, ADIT_ATTR_CAUSE);
    must(!s->ended_by || *adit_attr_str(self->host, attrs, ADIT_ATTR_REASON));
}

static void refused(struct adit_self *self, const struct adit_attrs *attrs)
{
    struct stub *s = of_self(self);
    const char *user = adit_attr_str(self->host, attrs, ADIT_ATTR_USER);
    say("refused:%s ", s->name);
    s->refusals++;
    s->refused_by = adit_attr_u(self->host, attrs, ADIT_ATTR_CAUSE);
    snprintf(s->refused_user, sizeof s->refused_user, "%s", user ? user : "-");
    must(*adit_attr_str(self->host, attrs, ADIT_ATTR_REASON));
    must(adit_attr_addr(self->host, attrs, ADIT_ATTR_PEER, 0) != NULL);
    must(*adit_attr_str(self->host, attrs, ADIT_ATTR_PROTOCOL));
}

/* ---- callers: the tunnel's end of it --------------------------------------------------------- */

#define CALLERS 1024
#define BYTES   1600
static struct caller callers[CALLERS];
static uint32_t caller_count;

struct flight {
    struct adit_node node;
    struct caller *c;
    bool to_host;
    uint32_t len;
    uint8_t data[BYTES];
};
static struct adit_node air = { &air, &air };

static void fly(struct caller *c, bool to_host, struct adit_frame **v, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        struct flight *f = malloc(sizeof *f);
        must(v[i]->len <= BYTES);
        f->node = (struct adit_node){ NULL, NULL };
        f->c = c;
        f->to_host = to_host;
        f->len = v[i]->len;
        memcpy(f->data, v[i]->data, f->len);
        adit_list_add(&air, &f->node);
    }
}

static void tunnel_tx(void *call, struct adit_frame **v, uint32_t n)
{
    struct caller *c = call;
    must(c->link != NULL);
    must(!c->hung_up);
    fly(c, false, v, n);
}

static void caller_over(struct caller *c)
{
    c->link = NULL;
    if (c->ppp && !c->down)
        ppp_down(c->ppp, ADIT_CAUSE_LOST_CARRIER);
}

static void tunnel_hangup(void *call, uint32_t cause)
{
    struct caller *c = call;
    must(!rig.in_rx);           /* never from inside the tunnel's own rx() */
    must(!c->hung_up);          /* once */
    must(c->link != NULL);
    say("hangup ");
    c->hung_up = true;
    c->hangup_cause = cause;
    if (rig.at_once)
        rig_hang_up(c, ADIT_CAUSE_PEER_HANGUP);
}

static void tunnel_free(struct adit_self *self)
{
    for (uint32_t i = 0; i < caller_count; i++)
        if (callers[i].tunnel == of_self(self) && callers[i].link) {
            if (rig.rude)
                caller_over(&callers[i]);
            else
                rig_hang_up(&callers[i], ADIT_CAUSE_LOST_CARRIER);
        }
}

static int32_t tunnel_dial(struct adit_self *self, struct adit_link *link, const struct adit_dial *d,
                           void **call)
{
    must(caller_count < CALLERS);
    if (rig.dial_fails)
        return rig.dial_fails;
    struct caller *c = rig.dialled = &callers[caller_count++];
    *c = (struct caller){ .tunnel = of_self(self), .link = link, .role = ADIT_ROLE_ANSWER, .to = *d };
    *call = c;
    return 0;
}

static const struct adit_life life = { .size = sizeof life, .create = create };
static const struct adit_life tunnel_life = { .size = sizeof life, .create = create,
                                              .destroy = tunnel_free };
static const struct adit_tunnel tunnel_vt = { .size = sizeof tunnel_vt, .protocol = "stub",
                                              .tx = tunnel_tx, .hangup = tunnel_hangup,
                                              .dial = tunnel_dial };
static const struct adit_auth auth_vt = { .size = sizeof auth_vt, .check = check, .cancel = cancel,
                                          .methods = ADIT_AUTH_PAP | ADIT_AUTH_CHAP };
static const struct adit_policy policy_vt = { .size = sizeof policy_vt, .decide = decide,
                                              .cancel = cancel };
static const struct adit_pool pool_vt = { .size = sizeof pool_vt, .lease = lease, .cancel = cancel,
                                          .release = release, .lease6 = lease6 };
static const struct adit_accounting accounting_vt = { .size = sizeof accounting_vt, .begin = begin,
                                                      .interim = interim, .end = end,
                                                      .refused = refused };
static const struct adit_face faces[] = {
    { ADIT_KIND_TUNNEL, 0, "stub", NULL, NULL, 0, 0, NULL, &tunnel_life, &tunnel_vt },
    { ADIT_KIND_AUTH, 0, "stub", NULL, NULL, 0, 0, NULL, &life, &auth_vt },
    { ADIT_KIND_POLICY, 0, "stub", NULL, NULL, 0, 0, NULL, &life, &policy_vt },
    { ADIT_KIND_POOL, 0, "stub", NULL, NULL, 0, 0, NULL, &life, &pool_vt },
    { ADIT_KIND_ACCOUNTING, 0, "stub", NULL, NULL, 0, 0, NULL, &life, &accounting_vt },
};
#define FACES (sizeof faces / sizeof faces[0])
static struct plug_face *made[FACES];

struct stub *rig_add(uint32_t kind, const char *name)
{
    static const struct ses_tunnel_conf ports = { .ports = 8 };
    struct stub *s = &stubs[stub_count];
    size_t f = 0;
    while (faces[f].kind != kind)
        f++;
    must(stub_count < STUBS);
    *s = (struct stub){ .verdict = ADIT_VERDICT_ACCEPT, .grant = 1, .first = 0x0a090002, .left = 1000 };
    snprintf(s->name, sizeof s->name, "%s", name);
    s->inst = plug_inst_new(made[f], name, NULL, NULL);
    must(s->inst != NULL);
    s->self = plug_self(s->inst);
    stub_count++;
    if (kind == ADIT_KIND_TUNNEL)
        s->tunnel = ses_tunnel_add(s->inst, &ports);
    else
        must(plug_inst_start(s->inst) == 0);
    return s;
}

void rig_remove(struct stub *s)
{
    if (s->tunnel) {
        ses_tunnel_del(s->tunnel);
    } else {
        ses_forget(s->inst);
        plug_inst_stop(s->inst);
        plug_inst_free(s->inst);
    }
    plug_attr_api.free(s->attrs);
    s->attrs = NULL;
    s->inst = NULL;
}

/* ---- callers: the peer's end ------------------------------------------------------------------- */

static uint64_t peer_now(void *u)
{
    (void)u;
    return now_ms;
}

static void peer_random(void *u, void *out, uint32_t len)
{
    static uint32_t x = 7;
    (void)u;
    for (uint8_t *b = out; len--; b++)
        *b = (uint8_t)((x = x * 1664525 + 1013904223) >> 24);
}

static void peer_timer(void *u, uint64_t ms)
{
    struct caller *c = u;
    if (ms == UINT64_MAX)
        loop_timer_stop(c->timer);
    else
        loop_timer_set(c->timer, ms);
}

static void peer_tx(void *u, struct adit_frame **v, uint32_t n)
{
    struct caller *c = u;
    if (c->link)
        fly(c, true, v, n);
}

static void peer_data(void *u, uint16_t proto, struct adit_frame **v, uint32_t n)
{
    struct caller *c = u;
    for (uint32_t i = 0; proto == PPP_IPV6 && i < n && v[i]->len <= sizeof c->heard; i++) {
        memcpy(c->heard, v[i]->data, v[i]->len);
        c->heard_len = v[i]->len;
        c->heard_count++;
    }
}

static const struct adit_addr server_inner = { .family = ADIT_AF_IPV4, .prefix = 32, .ip = { 10, 8, 0, 1 } },
                              client_inner = { .family = ADIT_AF_IPV4, .prefix = 32, .ip = { 10, 8, 0, 9 } };

static void peer_judges(struct caller *c, const struct adit_auth_query *q)
{
    size_t len = strlen(c->password);
    bool right = q->method == ADIT_AUTH_PAP && q->password_len == len && !memcmp(q->password, c->password, len);
    struct adit_auth_answer a = { .size = sizeof a, .cause = ADIT_CAUSE_AUTH_FAILED,
                                  .verdict = right ? ADIT_VERDICT_ACCEPT : ADIT_VERDICT_REJECT };
    c->user = right ? "judged" : NULL;
    ppp_auth_answer(c->ppp, &a);
}

static void peer_event(void *u, const struct ppp_event *ev)
{
    struct ppp_net net = { .encryption = ADIT_ENC_NONE, .ipv4 = !rig.no_ipv4, .ipv6 = rig.ipv6, .want_dns = 1 };
    struct caller *c = u;
    struct ppp_info i;
    if (c->role == ADIT_ROLE_ANSWER) {
        net.our = server_inner;
        net.peer = client_inner;
        net.dns[0] = server_inner;
    }
    switch (ev->type) {
    case PPP_EV_AUTH_QUERY:
        peer_judges(c, ev->query);
        break;
    case PPP_EV_AUTHENTICATED:
        ppp_net_start(c->ppp, &net);
        break;
    case PPP_EV_NET_UP:
        if (ev->proto != PPP_IP)
            break;
        ppp_info(c->ppp, &i);
        c->address = i.our;
        c->up = true;
        break;
    case PPP_EV_DOWN:
        c->up = false;
        c->down = true;
        c->cause = ev->cause;
        break;
    default:
        break;
    }
}

static const struct ppp_ops peer_ops = { peer_now, peer_random, peer_timer, peer_tx, peer_data,
                                         peer_event };

static void peer_tick(void *u)
{
    struct caller *c = u;
    if (!c->down)
        ppp_tick(c->ppp);
}

static void peer_begin(struct caller *c, const char *user)
{
    struct ppp_cfg cfg = { .role = ADIT_ROLE_DIAL, .mru = 1400, .mtu_max = 1400,
                           .auth_allow = rig.can ? rig.can : 0xff,
                           .user = user, .password = "secret" };
    c->user = user;
    c->up = c->down = false;
    c->ppp = ppp_new(&cfg, &peer_ops, c);
    ppp_up(c->ppp);
}

struct caller *rig_call(struct stub *tunnel, const char *user, uint8_t host)
{
    must(caller_count < CALLERS);
    struct caller *c = &callers[caller_count++];
    *c = (struct caller){ .tunnel = tunnel };
    c->info = (struct adit_link_info){ .size = sizeof c->info, .role = ADIT_ROLE_ANSWER,
        .our = { .family = ADIT_AF_IPV4, .prefix = 32, .ip = { 192, 0, 2, 254 } },
        .peer = { .family = ADIT_AF_IPV4, .prefix = 32, .port = (uint16_t)(1000 + caller_count),
                  .ip = { 192, 0, 2, host } },
        .peer_host = rig.peer_host };
    c->refused = ses_link_api.open(tunnel->self, &c->info, c, &c->link);
    if (c->refused)
        return c;
    c->timer = loop_timer_new(peer_tick, c);
    ses_link_api.up(c->link, &c->info);
    if (user)
        peer_begin(c, user);
    return c;
}

/* ---- servers: calls that the host makes ------------------------------------------------------------ */

struct rig_news rig_news;

static void news_rung(void *u, const char *name) { (void)u; say("rung:%s ", name); }

static void news_up(void *u, const struct ses_dialled *d)
{
    (void)u;
    say("up ");
    rig_news.ups++;
    rig_news.last = *d;
}

static void news_down(void *u, uint32_t cause, const char *text)
{
    (void)u;
    must(!rig.in_rx);
    say("over ");
    rig_news.downs++;
    rig_news.cause = cause;
    snprintf(rig_news.text, sizeof rig_news.text, "%s", text);
}

struct ses_dial rig_dialled(struct stub *tunnel)
{
    static const struct ses_dial_ops news = { .rung = news_rung, .up = news_up, .down = news_down };
    memset(&rig_news, 0, sizeof rig_news);
    return (struct ses_dial){
        .tunnel = tunnel->inst, .entry = "work", .user = "anna", .password = "secret",
        .to = { .size = sizeof (struct adit_dial),
                .to = { .family = ADIT_AF_IPV4, .prefix = 32, .ip = { 192, 0, 2, 77 } } },
        .allow = ADIT_AUTH_PAP, .encryption = ADIT_ENC_NONE, .dns = true, .ipv6 = rig.ipv6, .ops = &news,
    };
}

void rig_pick_up(struct caller *c, const char *password, const char *as)
{
    struct ppp_cfg cfg = { .role = ADIT_ROLE_ANSWER, .mru = 1400, .mtu_max = 1400,
                           .auth_demand = password ? ADIT_AUTH_PAP : 0,
                           .auth_allow = as ? ADIT_AUTH_PAP : 0, .user = as, .password = "proof" };
    c->password = password;
    c->as = as;
    c->up = c->down = false;
    if (!c->timer)
        c->timer = loop_timer_new(peer_tick, c);
    if (!c->ppp) {
        c->info = (struct adit_link_info){ .size = sizeof c->info, .role = ADIT_ROLE_DIAL, .peer = c->to.to,
            .our = { .family = ADIT_AF_IPV4, .prefix = 32, .ip = { 192, 0, 2, 1 } } };
        ses_link_api.up(c->link, &c->info);
    }
    ppp_free(c->ppp);           /* picked up once more: it begins anew on the same call */
    c->ppp = ppp_new(&cfg, &peer_ops, c);
    ppp_up(c->ppp);
}

void rig_redial(struct caller *c, const char *user)
{
    ppp_free(c->ppp);
    peer_begin(c, user);
}

void rig_hang_up(struct caller *c, uint32_t cause)
{
    struct adit_link *l = c->link;
    c->link = NULL;
    say("down ");
    ses_link_api.down(l, cause, NULL);
    caller_over(c);
}

void rig_quit(struct caller *c) { ppp_close(c->ppp, ADIT_CAUSE_PEER_HANGUP); }

static struct adit_frame frame_in(uint8_t *buf, size_t size, const uint8_t *data, uint32_t len)
{
    memcpy(buf + ADIT_ROOM, data, len);
    return adit_frame_of(buf, size, ADIT_ROOM, len);
}

void rig_inject(struct caller *c, const void *frame, uint32_t len)
{
    uint8_t buf[ADIT_ROOM + BYTES + ADIT_ROOM];
    struct adit_frame f = frame_in(buf, sizeof buf, frame, len), *v = &f;
    fly(c, true, &v, 1);
}

void rig_send6(struct caller *c, const void *datagram, uint32_t len)
{
    uint8_t buf[ADIT_ROOM + BYTES + ADIT_ROOM];
    struct adit_frame f = frame_in(buf, sizeof buf, datagram, len), *v = &f;
    ppp_tx(c->ppp, PPP_IPV6, &v, 1);
}

void rig_traffic(struct caller *c)
{
    uint8_t buf[ADIT_ROOM + 64 + ADIT_ROOM], ip[28] = { 0x45, 0, 0, 28, [8] = 64, [9] = 1 };
    memcpy(ip + 12, c->address.ip, 4);
    struct adit_frame f = frame_in(buf, sizeof buf, ip, sizeof ip), *v = &f;
    ppp_tx(c->ppp, PPP_IP, &v, 1);
}

static void deliver(struct flight *f)
{
    uint8_t buf[ADIT_ROOM + BYTES + ADIT_ROOM];
    struct adit_frame frame = frame_in(buf, sizeof buf, f->data, f->len), *v = &frame;
    struct caller *c = f->c;
    if (f->to_host && c->link) {
        rig.in_rx = true;
        ses_link_api.rx(c->link, &v, 1);
        rig.in_rx = false;
    } else if (!f->to_host && c->ppp && !c->down && !c->deaf) {
        ppp_rx(c->ppp, &v, 1);
    }
}

/* Whom the host hung up on; unless it is slow, its end of the call follows. */
static bool hang_ups(void)
{
    bool any = false;
    for (uint32_t i = 0; i < caller_count; i++)
        if (callers[i].hung_up && callers[i].link && !callers[i].slow_hangup) {
            rig_hang_up(&callers[i], ADIT_CAUSE_PEER_HANGUP);
            any = true;
        }
    return any;
}

static struct loop_timer *next_timer(void)
{
    struct loop_timer *first = NULL;
    ADIT_LIST_EACH(n, &timers) {
        struct loop_timer *t = ADIT_OF(n, struct loop_timer, node);
        if (t->at != UINT64_MAX && (!first || t->at < first->at))
            first = t;
    }
    return first;
}

void rig_run(uint64_t ms)
{
    uint64_t until = now_ms + ms;
    for (;;) {
        round_end();
        if (!adit_list_empty(&air)) {
            struct flight *f = ADIT_OF(air.next, struct flight, node);
            adit_list_del(&f->node);
            deliver(f);
            free(f);
            continue;
        }
        if (hang_ups())
            continue;
        struct loop_timer *t = next_timer();
        if (!t || t->at > until)
            break;
        if (t->at > now_ms)
            now_ms = t->at;
        t->at = UINT64_MAX;
        t->fire(t->u);
    }
    now_ms = until;
}

/* ---- beginning and ending ---------------------------------------------------------------------- */

int32_t rig_conf(const char *yaml)
{
    struct conf_doc *d = conf_read_text("rig", yaml, strlen(yaml), NULL);
    must(d != NULL);
    int32_t rc = ses_conf_read(conf_get(conf_root(d), "ppp"), NULL);
    conf_free(d);
    return rc;
}

void rig_open(const char *yaml)
{
    static struct adit_host host;
    static struct plug_object object = { .file = (char *)"rig", .name = (char *)"rig" };
    static const struct adit_plugin plugin = { .size = sizeof plugin, .name = "rig",
        .opt_size = sizeof(struct adit_opt), .counter_size = sizeof(struct adit_counter) };
    char text[256] = "";
    must(crypto_init() == 0);
    log_level(ADIT_LOG_ERROR);
    log_open(0, NULL);
    host = (struct adit_host){ .size = sizeof host, .abi_minor = ADIT_ABI_MINOR, .version = "rig",
        .log = &plug_log_api, .link = &ses_link_api, .attr = &plug_attr_api,
        .request = &plug_request_api, .control = &plug_control_api };
    plug_host(&host);
    for (size_t i = 0; i < FACES; i++)
        must(plug_face_new(&object, &plugin, &faces[i], &made[i], text, sizeof text) == 0);
    must(rig_conf(yaml) == 0);
}

void rig_house(const char *yaml)
{
    rig_open(yaml);
    rig.tunnel = rig_add(ADIT_KIND_TUNNEL, "t");
    rig.auth = rig_add(ADIT_KIND_AUTH, "a");
    rig.policy = rig_add(ADIT_KIND_POLICY, "p");
    rig.pool = rig_add(ADIT_KIND_POOL, "l");
}

void rig_clear(void)
{
    for (uint32_t i = 0; i < caller_count; i++) {
        if (callers[i].link)
            rig_hang_up(&callers[i], ADIT_CAUSE_LOST_CARRIER);
        ppp_free(callers[i].ppp);
        loop_timer_free(callers[i].timer);
    }
    while (!adit_list_empty(&air)) {
        struct flight *f = ADIT_OF(air.next, struct flight, node);
        adit_list_del(&f->node);
        free(f);
    }
    caller_count = 0;
    rig_run(0);
}

static void all_gone(void *u) { *(bool *)u = true; }

void rig_close(void)
{
    bool done = false;
    for (uint32_t i = 0; i < caller_count; i++)
        callers[i].slow_hangup = false;
    rig_run(0);
    ses_close_all(ADIT_CAUSE_SHUTDOWN, all_gone, &done);
    rig_run(10000);
    must(done);
    must(ses_next(NULL) == NULL);
    must(rig.ports == 0);
    for (uint32_t i = 0; i < stub_count; i++)
        if (stubs[i].inst)
            rig_remove(&stubs[i]);
    for (uint32_t i = 0; i < caller_count; i++)
        must(callers[i].link == NULL);
    rig_clear();
    plug_requests_fini();
    must(timer_count == 0);          /* nothing was left behind */
    for (size_t i = 0; i < FACES; i++)
        plug_face_free(made[i]);
    crypto_fini();
}
