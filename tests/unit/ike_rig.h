/* ike_rig.h - ends of IKE and ESP on a wire of our own, in virtual time, behind NATs or not.
 *
 *     struct rig r;
 *     rig_init(&r, &(struct rig_setup){ .psk = { "s", "s" } });
 *     r.wire = my_wire;                       // may drop, double or delay each datagram
 *     struct rig_call *c = rig_dial(&r, 0);   // end 0 calls end 1, the server
 *     rig_run(&r, 5000);
 *     ck_assert(c->a != NULL);
 *     rig_fini(&r);
 *
 * Ends 0, 2, 3 are clients, 1 is the server. With nat_clients all clients are
 * behind one NAT, which gives each its own ports; with nat_server the server is
 * behind one that forwards 500 and 4500.
 */
#ifndef IKE_RIG_H
#define IKE_RIG_H

#include "../../plugins/ipsec-ike/ike_int.h"

#ifdef RIG_FUZZ                 /* no test library: what must not be, aborts */
#include <stdio.h>
#define ck_assert(x)          ((x) ? (void)0 : abort())
#define ck_assert_msg(x, ...) ((x) ? (void)0 : abort())
#define ck_assert_uint_eq(a, b) ck_assert((a) == (b))
#define ck_assert_uint_ne(a, b) ck_assert((a) != (b))
#define ck_assert_uint_gt(a, b) ck_assert((a) > (b))
#else
#include "unit.h"
#endif

#define RIG_ENDS   4u
#define RIG_SERVER 1u
#define RIG_SEEN   65536u

struct rig;

struct rig_path {
    struct adit_path p;
    struct adit_node node;
    struct rig_end *e;
    bool at_4500;
    uint32_t refs;
};

struct rig_call {
    bool over;
    struct sad_assoc *a;
    int32_t code;
    char why[256];
    uint64_t number;
};

struct rig_end {
    struct rig *rig;
    uint32_t n;
    struct adit_addr ip;
    bool natted, gone;          /* gone: it hears and says nothing any more */
    struct ike_conf conf;
    struct ike_auth *auth;
    struct ike *ike;
    struct sad *sad;
    uint64_t counters[IKE_N_COUNT];
    struct adit_node paths;
    uint64_t wake_at, sad_at;
    uint32_t said[IKE_SAY_COUNT];
    char text[IKE_SAY_COUNT][512];
    uint32_t assocs_gone, pairs_gone[4];
    struct sad_assoc *last;     /* the association of the last datagram */
    uint32_t datagrams, lost_no_pair;
    uint8_t seen[RIG_SEEN];     /* datagram numbers */
    uint32_t not_covered;
    uint32_t ike_sent, keepalives;
    bool busy;                  /* no job is taken */
    struct rig_call call[8];
    uint32_t calls;
};

enum rig_kind { RIG_IKE, RIG_ESP, RIG_KEEPALIVE };
struct rig_pkt {
    struct adit_node node;
    uint64_t at, turn;
    struct adit_addr src, dst;
    enum rig_kind kind;
    uint32_t from;
    size_t len;
    uint8_t p[];
};

struct rig_job {
    struct adit_node node;
    struct ike_job *j;
    struct rig_end *e;
    uint64_t at;
};

/* How often a datagram arrives, and after how many ms each: at most 3 times. */
struct rig_fate {
    uint32_t copies;
    uint32_t delay[3];
};

struct rig {
    uint64_t now, turn, random;
    struct rig_end end[RIG_ENDS];
    struct adit_node wire_q, jobs;
    OSSL_LIB_CTX *lib;
    struct rig_fate (*wire)(struct rig *r, const struct rig_pkt *k, void *u);
    void *u;
    uint32_t sent;              /* IKE datagrams, in order */
    uint32_t job_ms;
    uint32_t nat_ports;         /* changes: the NAT forgot its mappings */
    uint64_t wall_ms;
    void (*tap)(struct rig *r, const struct rig_pkt *k);
};

struct rig_setup {
    const char *psk[RIG_ENDS];
    struct ike_auth_conf *auth[RIG_ENDS];
    const char *proposals[RIG_ENDS], *esp[RIG_ENDS];    /* separated by spaces */
    bool nat_clients, nat_server, pfs, v6;
    uint64_t ike_life_ms, esp_life_ms, dpd_ms, keepalive_ms;
    uint64_t ike_life_of[RIG_ENDS], esp_life_of[RIG_ENDS];      /* others at this end */
    uint32_t mtu, max_half_open, per_address, starts;
};

static inline uint32_t rig_random(struct rig *r)
{
    r->random = r->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(r->random >> 33);
}

static struct rig *rig_now_running;
static OSSL_LIB_CTX *rig_lib;   /* of all rigs; NULL: each has its own */

static inline void rig_op_random(void *out, uint32_t len)
{
    uint8_t *p = out;
    for (uint32_t i = 0; i < len; i++)
        p[i] = (uint8_t)rig_random(rig_now_running);
}

static inline struct adit_addr rig_ip(uint32_t host_order)
{
    struct adit_addr a = { .family = ADIT_AF_IPV4, .prefix = 32 };
    struct wr w = wr_of(a.ip, 4);
    wr_u32(&w, host_order);
    return a;
}

/* The same as an IPv6 address: 2001:db8::c000:201. */
static inline struct adit_addr rig_ip6(uint32_t low)
{
    struct adit_addr a = { .family = ADIT_AF_IPV6, .prefix = 128 };
    struct wr w = wr_of(a.ip, 16);
    wr_u32(&w, 0x20010db8);
    wr_u64(&w, 0);
    wr_u32(&w, low);
    return a;
}

#define RIG_CLIENT_NAT 0xc6336401u      /* 198.51.100.1 */
#define RIG_SERVER_NAT 0xcb007101u      /* 203.0.113.1 */
#define RIG_SERVER_IP  0xc0000201u      /* 192.0.2.1 */

static inline bool rig_same_ip(const struct adit_addr *a, const struct adit_addr *b)
{
    return memcmp(a->ip, b->ip, 16) == 0;
}

/* What others see of an end. */
static inline struct adit_addr rig_outside(struct rig_end *e, uint16_t port)
{
    struct adit_addr a = e->ip;
    a.port = port;
    if (!e->natted)
        return a;
    uint32_t outside = e->n == RIG_SERVER ? RIG_SERVER_NAT : RIG_CLIENT_NAT;
    a = a.family == ADIT_AF_IPV6 ? rig_ip6(outside) : rig_ip(outside);
    a.port = port;
    if (e->n != RIG_SERVER)
        a.port = (uint16_t)(10000 + e->rig->nat_ports * 1000 + e->n * 10 + (port == 4500));
    return a;
}

static inline struct rig_end *rig_end_at(struct rig *r, const struct adit_addr *dst, uint16_t *port)
{
    for (uint32_t i = 0; i < RIG_ENDS; i++) {
        struct rig_end *e = &r->end[i];
        for (uint16_t p = 500; e->ike && p <= 4500; p = (uint16_t)(p + 4000)) {
            struct adit_addr o = rig_outside(e, p);
            if (rig_same_ip(&o, dst) && (dst->port == 0 || o.port == dst->port)) {
                *port = p;
                return e;
            }
        }
    }
    return NULL;
}

static inline struct rig_path *rig_path_of(struct adit_path *p)
{
    return ADIT_OF(p, struct rig_path, p);
}

/* A held path. */
static inline struct adit_path *rig_path_get(struct rig_end *e, uint16_t our_port,
                                             const struct adit_addr *peer, uint32_t protocol)
{
    ADIT_LIST_EACH(n, &e->paths) {
        struct rig_path *k = ADIT_OF(n, struct rig_path, node);
        if (k->p.protocol == protocol && k->p.our.port == our_port && rig_same_ip(&k->p.peer, peer) &&
            k->p.peer.port == peer->port) {
            k->refs++;
            return &k->p;
        }
    }
    struct rig_path *k = calloc(1, sizeof *k);
    k->e = e;
    k->refs = 1;
    k->at_4500 = our_port == 4500;
    k->p = (struct adit_path){ .size = sizeof k->p, .protocol = protocol, .our = e->ip, .peer = *peer,
                               .mtu = 1472 };
    k->p.our.port = our_port;
    adit_list_add(&e->paths, &k->node);
    return &k->p;
}

static inline struct adit_path *rig_hold(void *u, struct adit_path *path)
{
    (void)u;
    rig_path_of(path)->refs++;
    return path;
}

static inline void rig_drop(void *u, struct adit_path *path)
{
    struct rig_path *k = rig_path_of(path);
    (void)u;
    ck_assert_uint_gt(k->refs, 0);
    if (--k->refs == 0) {
        adit_list_del(&k->node);
        free(k);
    }
}

static inline void rig_put(struct rig *r, struct rig_end *from, const struct adit_path *path,
                           enum rig_kind kind, const uint8_t *p, size_t len)
{
    struct rig_fate f = { 1, { 10 } };
    struct rig_pkt *k = malloc(sizeof *k + len);
    *k = (struct rig_pkt){ .src = rig_outside(from, path->our.port), .dst = path->peer,
                           .kind = kind, .from = from->n, .len = len };
    if (path->our.port == 0)
        k->src.port = 0;
    memcpy(k->p, p, len);
    if (kind == RIG_IKE)
        r->sent++;
    if (r->tap)
        r->tap(r, k);
    if (from->gone)
        f.copies = 0;
    else if (r->wire)
        f = r->wire(r, k, r->u);
    for (uint32_t i = 0; i < f.copies; i++) {
        struct rig_pkt *c = malloc(sizeof *c + len);
        memcpy(c, k, sizeof *c + len);
        c->at = r->now + f.delay[i];
        c->turn = ++r->turn;
        adit_list_add(&r->wire_q, &c->node);
    }
    free(k);
}

static inline uint64_t rig_now(void *u) { return ((struct rig_end *)u)->rig->now; }
static inline uint64_t rig_wall(void *u)
{
    struct rig *r = ((struct rig_end *)u)->rig;
    return r->wall_ms + r->now;
}

static inline void rig_tx(void *u, struct adit_path *path, const uint8_t *p, size_t len)
{
    struct rig_end *e = u;
    ck_assert(path != NULL && len > 0);
    ck_assert_uint_eq(path->protocol, ADIT_PROTO_UDP);
    if (len == 1) {
        ck_assert_uint_eq(path->our.port, 4500);
        e->keepalives++;
        rig_put(e->rig, e, path, RIG_KEEPALIVE, p, len);
        return;
    }
    e->ike_sent++;
    rig_put(e->rig, e, path, RIG_IKE, p, len);
}

static inline struct adit_path *rig_open(void *u, bool at_4500, const struct adit_addr *our,
                                         const struct adit_addr *peer)
{
    (void)our;
    ck_assert_uint_ne(peer->port, 0);
    return rig_path_get(u, at_4500 ? 4500 : 500, peer, ADIT_PROTO_UDP);
}

static inline bool rig_work(void *u, struct ike_job *j)
{
    struct rig_end *e = u;
    if (e->busy)
        return false;
    struct rig_job *k = malloc(sizeof *k);
    *k = (struct rig_job){ .j = j, .e = e, .at = e->rig->now + e->rig->job_ms };
    adit_list_add(&e->rig->jobs, &k->node);
    return true;
}

static inline void rig_wake(void *u, uint64_t ms)
{
    struct rig_end *e = u;
    e->wake_at = ms ? e->rig->now + ms : 0;
}

static inline void rig_say(void *u, enum ike_say what, const struct ike_sa *sa,
                           const struct adit_addr *peer, const char *text)
{
    struct rig_end *e = u;
    ck_assert(peer != NULL);
    (void)sa;
    e->said[what]++;
    snprintf(e->text[what], sizeof e->text[what], "%s", text ? text : "");
    if (getenv("RIG_SAY"))
        fprintf(stderr, "%8llu end %u say %u: %s\n", (unsigned long long)e->rig->now, e->n, what,
                text ? text : "");
}

static inline struct adit_path *rig_esp_path(void *u, const struct sad_who *who, struct adit_path *ike)
{
    struct rig_end *e = u;
    struct adit_addr peer = who->peer;
    (void)ike;
    return rig_path_get(e, who->encap ? 4500 : 0, &peer, who->encap ? ADIT_PROTO_UDP : 50);
}

static inline bool rig_covered(void *u, uint8_t protocol, uint16_t our_port,
                               const struct adit_addr *our)
{
    (void)our;
    return protocol == 17 && our_port == 1701 && !((struct rig_end *)u)->not_covered;
}

static const struct ike_ops rig_ops = {
    .now = rig_now, .wall = rig_wall, .random = rig_op_random, .tx = rig_tx, .hold = rig_hold,
    .drop = rig_drop, .open = rig_open, .work = rig_work, .wake = rig_wake, .say = rig_say,
    .esp_path = rig_esp_path, .covered = rig_covered,
};

/* ---- what sad tells ---- */

static inline void rig_sad_rx(void *u, struct sad_assoc *a, const struct adit_addr *our,
                              const struct adit_addr *peer, struct adit_frame **v, uint32_t n)
{
    struct rig_end *e = u;
    (void)our, (void)peer;
    e->last = a;
    for (uint32_t i = 0; i < n; i++) {
        struct rd r = rd_of(v[i]->data, v[i]->len);
        uint32_t number = rd_u32(&r);
        ck_assert(rd_ok(&r));
        e->datagrams++;
        e->seen[number % RIG_SEEN]++;
    }
}

static inline void rig_sad_tx(void *u, struct adit_path *outer, struct adit_frame **v, uint32_t n)
{
    struct rig_end *e = u;
    for (uint32_t i = 0; i < n; i++)
        rig_put(e->rig, e, outer, RIG_ESP, v[i]->data, v[i]->len);
}

static inline void rig_soft(void *u, struct sad_pair *p) { ike_pair_soft(((struct rig_end *)u)->ike, p); }
static inline void rig_pair_gone(void *u, struct sad_pair *p, uint32_t why)
{
    struct rig_end *e = u;
    e->pairs_gone[why]++;
    if (e->ike)
        ike_pair_gone(e->ike, p, why);
}
static inline void rig_gone(void *u, struct sad_assoc *a)
{
    struct rig_end *e = u;
    e->assocs_gone++;
    if (e->last == a)
        e->last = NULL;
    for (uint32_t i = 0; i < e->calls; i++)
        if (e->call[i].a == a)
            e->call[i].a = NULL;
    if (e->ike)
        ike_assoc_gone(e->ike, a);
}
static inline void rig_moved(void *u, struct sad_assoc *a, const struct adit_addr *from)
{
    ike_assoc_moved(((struct rig_end *)u)->ike, a, from);
}

static const struct sad_ops rig_sad_ops = {
    .now = rig_now, .rx = rig_sad_rx, .tx = rig_sad_tx, .hold = rig_hold, .drop = rig_drop,
    .soft = rig_soft, .pair_gone = rig_pair_gone, .gone = rig_gone, .moved = rig_moved,
};

/* ---- begin and end ---- */

static inline void rig_proposals(struct ike_conf *c, const char *p1, const char *p2)
{
    char text[512], why[256], *at, *word;
    snprintf(text, sizeof text, "%s", p1);
    c->proposal_count = c->esp_count = 0;
    for (word = strtok_r(text, " ", &at); word; word = strtok_r(NULL, " ", &at))
        ck_assert_msg(ike_proposal_parse(word, &c->proposals[c->proposal_count++], why, sizeof why),
                      "%s: %s", word, why);
    snprintf(text, sizeof text, "%s", p2);
    for (word = strtok_r(text, " ", &at); word; word = strtok_r(NULL, " ", &at))
        ck_assert_msg(ike_esp_proposal_parse(word, &c->esp[c->esp_count++], why, sizeof why),
                      "%s: %s", word, why);
}

static inline void rig_init(struct rig *r, const struct rig_setup *s)
{
    const char *no = NULL;
    memset(r, 0, sizeof *r);
    rig_now_running = r;
    r->now = 100000;
    r->wall_ms = UINT64_C(1800000000000);
    r->random = 1;
    r->job_ms = 2;
    adit_list_init(&r->wire_q);
    adit_list_init(&r->jobs);
    r->lib = rig_lib ? rig_lib : ike_lib_new(&no);
    ck_assert_msg(r->lib != NULL, "%s", no ? no : "?");
    for (uint32_t i = 0; i < RIG_ENDS; i++) {
        struct rig_end *e = &r->end[i];
        char why[256] = "";
        struct ike_auth_conf psk = { .psk = s->psk[i] };
        struct ike_auth_conf *a = s->auth[i] ? s->auth[i] : &psk;
        e->rig = r;
        e->n = i;
        adit_list_init(&e->paths);
        if (!s->auth[i] && !s->psk[i])
            continue;
        e->natted = i == RIG_SERVER ? s->nat_server : s->nat_clients;
        uint32_t ip = i == RIG_SERVER ? RIG_SERVER_IP : 0x0a000100u + i;
        e->ip = s->v6 ? rig_ip6(ip) : rig_ip(ip);
        e->auth = ike_auth_new(r->lib, a, why, sizeof why);
        ck_assert_msg(e->auth != NULL, "%s", why);
        e->conf = (struct ike_conf){
            .ike_life_ms = s->ike_life_of[i] ? s->ike_life_of[i] : s->ike_life_ms ? s->ike_life_ms : 28800000,
            .esp_life_ms = s->esp_life_of[i] ? s->esp_life_of[i] : s->esp_life_ms ? s->esp_life_ms : 3600000,
            .rekey_margin_pct = 10, .dpd_ms = s->dpd_ms, .rto_ms = 1000, .rto_max_ms = 8000,
            .tries = 5, .setup_ms = 30000, .keepalive_ms = s->keepalive_ms, .window = 64,
            .max_half_open = s->max_half_open ? s->max_half_open : 256,
            .max_half_open_per_address = s->per_address ? s->per_address : 32,
            .starts_per_s_per_address = s->starts ? s->starts : 50, .max_sas = 4096,
            .mtu = s->mtu, .pfs = s->pfs };
        rig_proposals(&e->conf, s->proposals[i] ? s->proposals[i] : "aes256-sha256-ecp256",
                      s->esp[i] ? s->esp[i] : "aes128gcm16 aes256-sha256");
        e->sad = sad_new(&rig_sad_ops, e, r->lib, e->counters, 15000);
        e->ike = ike_new(&rig_ops, e, &e->conf, e->auth, r->lib, e->sad, e->counters);
        ck_assert(e->sad && e->ike);
    }
}

static inline void rig_stop(struct rig_end *e)
{
    struct ike *k = e->ike;
    e->ike = NULL;              /* what comes from now on is for nobody */
    if (k) {
        e->ike = k;
        ike_free(k);
        e->ike = NULL;
    }
    if (e->sad)
        sad_free(e->sad);
    e->sad = NULL;
    if (e->auth)
        ike_auth_free(e->auth);
    e->auth = NULL;
    e->wake_at = e->sad_at = 0;
}

static inline void rig_fini(struct rig *r)
{
    for (uint32_t i = 0; i < RIG_ENDS; i++)
        rig_stop(&r->end[i]);
    ADIT_LIST_EACH(n, &r->jobs) {       /* jobs end after their owners */
        struct rig_job *k = ADIT_OF(n, struct rig_job, node);
        k->j->run(k->j);
        k->j->done(k->j);
        free(k);
    }
    for (uint32_t i = 0; i < RIG_ENDS; i++)
        ck_assert_msg(adit_list_empty(&r->end[i].paths), "end %u leaks a path", i);
    ADIT_LIST_EACH(n, &r->wire_q)
        free(ADIT_OF(n, struct rig_pkt, node));
    if (r->lib != rig_lib)
        ike_lib_free(r->lib);
}

/* ---- calls and traffic ---- */

static inline void rig_call_done(void *u, struct sad_assoc *a, int32_t code, const char *why)
{
    struct rig_call *c = u;
    ck_assert(!c->over);
    c->over = true;
    c->a = a;
    c->code = code;
    snprintf(c->why, sizeof c->why, "%s", why ? why : "");
    ck_assert((code == 0) == (a != NULL));
}

static inline struct rig_call *rig_dial_as(struct rig *r, uint32_t n, const char *want)
{
    struct rig_end *e = &r->end[n], *to = &r->end[n == RIG_SERVER ? 0 : RIG_SERVER];
    struct rig_call *c = &e->call[e->calls++];
    struct ike_call call = { .peer = rig_outside(to, 500), .want = want,
                             .sel = { 17, 1701, 1701 }, .done = rig_call_done, .u = c };
    call.peer.port = 0;
    *c = (struct rig_call){ 0 };
    c->number = ike_call(e->ike, &call);
    ck_assert(!c->over);
    return c;
}

static inline struct rig_call *rig_dial(struct rig *r, uint32_t n) { return rig_dial_as(r, n, NULL); }

/* A numbered datagram through an association. */
static inline void rig_send(struct rig_end *e, struct sad_assoc *a, uint32_t number)
{
    uint8_t buf[512];
    struct adit_frame f = adit_frame_of(buf, sizeof buf, 128, 100), *v = &f;
    struct adit_path inner = { .size = sizeof inner, .protocol = ADIT_PROTO_UDP, .our = e->ip };
    struct sad_assoc_view view;
    sad_assoc_view(a, &view);
    inner.our.port = 1701;
    inner.peer = view.who->peer;
    inner.peer.port = view.who->sel.peer_port ? view.who->sel.peer_port : 1701;
    memset(buf, 0, sizeof buf);
    struct wr w = wr_of(f.data, 4);
    wr_u32(&w, number);
    sad_tx(a, &inner, &v, 1);
}

/* ---- time ---- */

static inline void rig_arrive(struct rig *r, struct rig_pkt *k)
{
    uint16_t port = 0;
    struct rig_end *e = rig_end_at(r, &k->dst, &port);
    if (!e || e->gone)
        return;
    if (k->dst.port == 0)
        port = 0;
    struct adit_path *path = rig_path_get(e, port, &k->src, port ? ADIT_PROTO_UDP : 50);
    uint8_t *copy = malloc(k->len ? k->len : 1);        /* exactly: a sanitizer sees a read behind it */
    memcpy(copy, k->p, k->len);
    if (k->kind == RIG_IKE) {
        ike_rx(e->ike, path, port == 4500, copy, k->len);
    } else if (k->kind == RIG_ESP) {
        uint8_t buf[2048];
        memcpy(buf + 128, k->p, k->len);
        struct adit_frame f = adit_frame_of(buf, sizeof buf, 128, k->len), *v = &f;
        sad_rx(e->sad, path, &v, 1);
    }
    free(copy);
    rig_drop(e, path);
}

static inline void rig_look(struct rig *r)
{
    for (uint32_t i = 0; i < RIG_ENDS; i++) {
        struct rig_end *e = &r->end[i];
        if (!e->sad)
            continue;
        uint64_t ms = sad_tick(e->sad);
        e->sad_at = ms ? r->now + ms : 0;
    }
}

/* Everything that happens in the next ms; stops early when *until becomes true. */
static inline void rig_run_until(struct rig *r, uint64_t ms, const bool *done)
{
    uint64_t end = r->now + ms;
    while (!done || !*done) {
        struct rig_pkt *first = NULL;
        struct rig_job *job = NULL;
        uint64_t at = end;
        rig_look(r);
        ADIT_LIST_EACH(n, &r->wire_q) {
            struct rig_pkt *k = ADIT_OF(n, struct rig_pkt, node);
            if (!first || k->at < first->at || (k->at == first->at && k->turn < first->turn))
                first = k;
        }
        ADIT_LIST_EACH(n, &r->jobs) {
            struct rig_job *k = ADIT_OF(n, struct rig_job, node);
            if (!job || k->at < job->at)
                job = k;
        }
        at = first && first->at < at ? first->at : at;
        at = job && job->at < at ? job->at : at;
        for (uint32_t i = 0; i < RIG_ENDS; i++) {
            struct rig_end *e = &r->end[i];
            at = e->wake_at && e->wake_at < at ? e->wake_at : at;
            at = e->sad_at && e->sad_at < at ? e->sad_at : at;
        }
        if (at >= end)
            break;
        r->now = at > r->now ? at : r->now;
        if (first && first->at <= r->now) {
            adit_list_del(&first->node);
            rig_arrive(r, first);
            free(first);
            continue;
        }
        if (job && job->at <= r->now) {
            adit_list_del(&job->node);
            job->j->run(job->j);
            job->j->done(job->j);
            free(job);
            continue;
        }
        for (uint32_t i = 0; i < RIG_ENDS; i++) {
            struct rig_end *e = &r->end[i];
            if (e->wake_at && e->wake_at <= r->now) {
                e->wake_at = 0;
                ike_tick(e->ike);
            }
        }
    }
    if (!done || !*done)
        r->now = end;
}

static inline void rig_run(struct rig *r, uint64_t ms) { rig_run_until(r, ms, NULL); }

/* The one association of an end; NULL: none, or several. */
static inline struct sad_assoc *rig_assoc(struct rig_end *e)
{
    struct sad_assoc *a = sad_assoc_next(e->sad, NULL);
    return a && !sad_assoc_next(e->sad, a) ? a : NULL;
}

static inline uint32_t rig_pairs(struct sad_assoc *a)
{
    uint32_t n = 0;
    for (struct sad_pair *p = NULL; (p = sad_pair_next(a, p));) {
        struct sad_pair_view v;
        sad_pair_view(p, &v);
        n += !v.ending;
    }
    return n;
}

static inline uint32_t rig_sas(struct rig_end *e)
{
    uint32_t n = 0;
    for (struct ike_sa *sa = NULL; (sa = ike_sa_next(e->ike, sa));)
        n++;
    return n;
}

/* One datagram each way arrives. */
static inline void rig_talk(struct rig *r, struct rig_end *a, struct rig_end *b)
{
    uint32_t have = b->datagrams;
    ck_assert(rig_assoc(a) != NULL);
    rig_send(a, rig_assoc(a), 60000);
    rig_run(r, 100);
    ck_assert_uint_eq(b->datagrams, have + 1);
    have = a->datagrams;
    ck_assert(b->last != NULL);
    rig_send(b, b->last, 60001);
    rig_run(r, 100);
    ck_assert_uint_eq(a->datagrams, have + 1);
}

#endif
