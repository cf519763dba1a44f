/* ike_io.c - an instance of IPsec: its ports, where each datagram goes, its life.
 *
 * Knows:  UDP 500 and 4500 and protocol 50, the non-ESP marker, how associations look
 *         to the host.
 * Leaves: negotiation to ike_*, packets and associations to sad, events to ike_say.
 */
#include "ike_inst.h"
#include "ike_text.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#define MARKER     4u           /* RFC 3948 section 2.2: where an SPI would be, zero */
#define IKE_TX_MAX 65000u
#define SAD_SOON   250u         /* ms until sad is looked at after something happened */

/* ---- clocks ------------------------------------------------------------------------- */

static uint64_t op_now(void *u)
{
    return ((struct inst *)u)->self->host->loop->now();
}

static uint64_t op_wall(void *u)
{
    return ((struct inst *)u)->self->host->loop->wall();
}

static void sad_arm(struct inst *in, uint64_t after_ms)
{
    uint64_t at = op_now(in) + after_ms;
    if (in->sad_at_ms && in->sad_at_ms <= at)
        return;
    in->sad_at_ms = at;
    in->self->host->loop->timer_set(in->sad_timer, after_ms);
}

/* Associations of clients that no tunnel used for the grace time and that were
 * silent, too. A client that dials again soon finds its own still there. */
static uint64_t unused_tick(struct inst *in)
{
    uint64_t now = op_now(in), next = 0;
    ADIT_LIST_EACH(n, &in->unused) {
        struct inst_assoc *x = ADIT_OF(n, struct inst_assoc, node);
        struct sad_assoc_view v;
        sad_assoc_view(x->a, &v);
        if (v.packets_in != x->packets_in) {
            adit_list_del(n);           /* in use: unused() comes again */
        } else if (now < x->unused_until) {
            uint64_t left = x->unused_until - now;
            next = !next || left < next ? left : next;
        } else {
            adit_list_del(n);
            ike_assoc_unused(in->ike, x->a);
            return 1;                   /* others may have ended with it */
        }
    }
    return next;
}

static void sad_fire(void *u)
{
    struct inst *in = u;
    in->sad_at_ms = 0;
    uint64_t next = sad_tick(in->sad), unused = unused_tick(in);
    if (unused && (!next || unused < next))
        next = unused;
    if (next)
        sad_arm(in, next);
}

static void ike_fire(void *u)
{
    struct inst *in = u;
    ike_tick(in->ike);
    sad_arm(in, SAD_SOON);
}

static void op_wake(void *u, uint64_t ms)
{
    struct inst *in = u;
    if (ms)
        in->self->host->loop->timer_set(in->ike_timer, ms);
    else
        in->self->host->loop->timer_stop(in->ike_timer);
}

/* ---- jobs on other threads ------------------------------------------------------------ */

struct todo {
    struct ike_job *job;
    struct inst_keep *keep;
};

static void keep_drop(struct inst_keep *k)
{
    if (--k->refs)
        return;
    ike_lib_free(k->lib);
    free(k);
}

static void todo_run(void *u)
{
    struct todo *t = u;
    t->job->run(t->job);
    OPENSSL_thread_stop();      /* what the library keeps for this thread must not outlive `lib` */
}

static void todo_done(void *u, int32_t status)
{
    struct todo *t = u;
    (void)status;               /* not run: the job has no result, which is a failure of it */
    t->job->done(t->job);
    if (t->keep->inst)
        sad_arm(t->keep->inst, SAD_SOON);
    keep_drop(t->keep);
    free(t);
}

static bool op_work(void *u, struct ike_job *j)
{
    struct inst *in = u;
    struct todo *t = malloc(sizeof *t);
    struct adit_work *w;
    if (!t)
        return false;
    *t = (struct todo){ j, in->keep };
    in->keep->refs++;
    if (in->self->host->loop->work(in->self, todo_run, todo_done, t, &w)) {
        in->keep->refs--;
        free(t);
        return false;
    }
    return true;
}

/* ---- paths ------------------------------------------------------------------------------ */

/* Every address: none is named, or 0.0.0.0 or :: is. */
static bool any_host(const struct adit_addr *a)
{
    static const uint8_t zero[16];
    return a->family == ADIT_AF_NONE || !memcmp(a->ip, zero, sizeof zero);
}

/* The port of that protocol that our address is served on, or that of every address. */
static struct inst_port *port_for(struct inst *in, uint32_t protocol, bool at_4500,
                                  const struct adit_addr *our)
{
    struct inst_port *any = NULL;
    ADIT_LIST_EACH(n, &in->ports) {
        struct inst_port *p = ADIT_OF(n, struct inst_port, node);
        if (p->protocol != protocol || p->at_4500 != at_4500)
            continue;
        if (any_host(&p->at))
            any = p;
        else if (!our || any_host(our) || adit_same_host(&p->at, our))
            return p;
    }
    return any;
}

static struct adit_path *open_path(struct inst *in, struct inst_port *p, const struct adit_addr *our,
                                   const struct adit_addr *peer)
{
    struct adit_path *path = NULL;
    const struct adit_path_api *api = in->self->host->path;
    if (!p)
        return NULL;
    int32_t code = our && !any_host(our) && ADIT_HAS(api, open_from)
                       ? api->open_from(p->port, our, peer, &path)
                       : api->open(p->port, peer, &path);
    return code ? NULL : path;
}

static struct adit_path *op_open(void *u, bool at_4500, const struct adit_addr *our,
                                 const struct adit_addr *peer)
{
    struct inst *in = u;
    struct adit_addr to = *peer;
    if (!to.port)
        to.port = at_4500 ? IPSEC_NAT_PORT : IPSEC_PORT;
    return open_path(in, port_for(in, ADIT_PROTO_UDP, at_4500, our), our, &to);
}

static struct adit_path *op_hold(void *u, struct adit_path *path)
{
    return ((struct inst *)u)->self->host->path->hold(path);
}

static void op_drop(void *u, struct adit_path *path)
{
    ((struct inst *)u)->self->host->path->drop(path);
}

static struct adit_path *op_esp_path(void *u, const struct sad_who *who, struct adit_path *ike)
{
    struct inst *in = u;
    struct adit_addr our = who->our, peer = who->peer;
    if (who->encap) {
        if (ike && ike->our.port == IPSEC_NAT_PORT && adit_same_host(&ike->peer, &peer) &&
            (!peer.port || ike->peer.port == peer.port))
            return in->self->host->path->hold(ike);
        return op_open(in, true, &our, &peer);
    }
    our.port = peer.port = 0;
    return open_path(in, port_for(in, ADIT_PROTO_ESP, false, &our), &our, &peer);
}

static void op_tx(void *u, struct adit_path *path, const uint8_t *p, size_t len)
{
    struct inst *in = u;
    uint8_t buf[ADIT_ROOM + MARKER + IKE_TX_MAX + ADIT_ROOM];
    bool keepalive = len == 1 && p[0] == 0xff;
    uint32_t marker = path->our.port == IPSEC_NAT_PORT && !keepalive ? MARKER : 0;
    if (len > IKE_TX_MAX)
        return;
    struct adit_frame f = adit_frame_of(buf, sizeof buf, ADIT_ROOM, marker + len), *v = &f;
    memset(f.data, 0, marker);
    memcpy(f.data + marker, p, len);
    in->self->host->path->tx(path, &v, 1);
}

/* ---- datagrams in --------------------------------------------------------------------------- */

/* Keys that changed on disk count from the next exchange on. */
static void look_at_files(struct inst *in)
{
    if (!inst_files_changed(in))
        return;
    struct ike_conf c;
    struct ike_auth *auth;
    if (inst_settings(in->self, in->conf, &c) || !(auth = inst_keys(in->self, in->conf, in->keep->lib)))
        return;                 /* it was said; what was read before counts on */
    ike_auth_free(in->auth);
    in->auth = auth;
    ike_reload(in->ike, &c, auth);
    inst_say_keys(in);
}

static void rx_ike(struct inst_port *p, struct adit_path *path, uint8_t *data, uint32_t len)
{
    struct inst *in = p->inst;
    look_at_files(in);
    ike_rx(in->ike, path, p->at_4500, data, len);
    sad_arm(in, SAD_SOON);
}

static void rx_500(void *u, struct adit_path *path, struct adit_frame **v, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        rx_ike(u, path, v[i]->data, v[i]->len);
}

static void rx_esp(void *u, struct adit_path *path, struct adit_frame **v, uint32_t n)
{
    struct inst_port *p = u;
    if (n)
        sad_rx(p->inst->sad, path, v, n);
}

/* RFC 3948 section 2: keepalives, IKE behind a marker of zero, else ESP. */
static void rx_4500(void *u, struct adit_path *path, struct adit_frame **v, uint32_t n)
{
    struct inst_port *p = u;
    struct adit_frame *esp[ADIT_VECTOR];
    uint32_t run = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct rd r = rd_of(v[i]->data, v[i]->len);
        if (v[i]->len == 1 && v[i]->data[0] == 0xff) {
            adit_count(p->inst->self, IKE_N_ESP_KEEPALIVE);
            continue;
        }
        if (rd_u32(&r) != 0 || !rd_ok(&r)) {
            esp[run++] = v[i];
            continue;
        }
        rx_esp(p, path, esp, run);
        run = 0;
        (void)adit_frame_pull(v[i], MARKER);
        rx_ike(p, path, v[i]->data, v[i]->len);
    }
    rx_esp(p, path, esp, run);
}

/* Nothing to do: an ICMP error is easily forged, and retransmission and DPD
 * find out in their own time. Whoever holds the path gives it back then. */
static void path_gone(void *u, struct adit_path *path)
{
    (void)u;
    (void)path;
}

static const struct adit_path_ops ops_500 = { sizeof ops_500, rx_500, path_gone };
static const struct adit_path_ops ops_4500 = { sizeof ops_4500, rx_4500, path_gone };
static const struct adit_path_ops ops_esp = { sizeof ops_esp, rx_esp, path_gone };

/* ---- associations, as the host knows them ------------------------------------------------------ */

/* Its strings live as long as the association: rekeying changes no word of it. */
static struct inst_assoc *assoc_of(struct inst *in, struct sad_assoc *a)
{
    struct inst_assoc *x = sad_assoc_user(a);
    struct sad_assoc_view v;
    if (x)
        return x;
    x = calloc(1, sizeof *x);
    if (!x)
        return NULL;
    sad_assoc_view(a, &v);
    x->inst = in;
    x->a = a;
    x->info = (struct adit_security_info){
        .size = sizeof x->info,
        .name = in->self->name,
        .identity = v.who->identity,
        .transform = inst_transform(a),
        .overhead = v.overhead,
        .encap = v.who->encap,
        .handle = x,
    };
    sad_assoc_set_user(a, x);
    return x;
}

static void op_sad_rx(void *u, struct sad_assoc *a, const struct adit_addr *our,
                      const struct adit_addr *peer, struct adit_frame **v, uint32_t n)
{
    struct inst *in = u;
    struct inst_assoc *x = assoc_of(in, a);
    if (!x)
        return;
    (void)in->self->host->security->rx(in->self, &x->info, ADIT_PROTO_UDP, our, peer, v, n);
}

static void op_sad_tx(void *u, struct adit_path *outer, struct adit_frame **v, uint32_t n)
{
    ((struct inst *)u)->self->host->path->tx(outer, v, n);
}

static void op_soft(void *u, struct sad_pair *p)
{
    struct inst *in = u;
    if (in->ike)
        ike_pair_soft(in->ike, p);
}

static void op_pair_gone(void *u, struct sad_pair *p, uint32_t why)
{
    struct inst *in = u;
    if (in->ike)
        ike_pair_gone(in->ike, p, why);
}

static void op_gone(void *u, struct sad_assoc *a)
{
    struct inst *in = u;
    struct inst_assoc *x = sad_assoc_user(a);
    struct sad_assoc_view v;
    sad_assoc_view(a, &v);
    if (!v.packets_in && !in->stopping)
        inst_say_silent(in, a);
    if (x) {
        sad_assoc_set_user(a, NULL);
        adit_list_del(&x->node);
        in->self->host->security->end(in->self, x);
        free(x);
    }
    if (in->ike)
        ike_assoc_gone(in->ike, a);
}

static void op_moved(void *u, struct sad_assoc *a, const struct adit_addr *from)
{
    struct inst *in = u;
    inst_say_moved(in, a, from);
    if (in->ike)
        ike_assoc_moved(in->ike, a, from);
}

static bool op_covered(void *u, uint8_t protocol, uint16_t our_port, const struct adit_addr *our)
{
    struct inst *in = u;
    ADIT_LIST_EACH(n, &in->covers) {
        const struct inst_cover *c = ADIT_OF(n, struct inst_cover, node);
        if (c->protocol == protocol && c->at.port == our_port &&
            (any_host(&c->at) || !our || adit_same_host(&c->at, our)))
            return true;
    }
    return false;
}

static void op_say(void *u, enum ike_say what, const struct ike_sa *sa, const struct adit_addr *peer,
                   const char *text)
{
    inst_say(u, what, sa, peer, text);
}

struct watched {
    struct inst *in;
    const struct adit_addr *peer;
    uint32_t how;
};

static void seen_line(void *u, const char *text)
{
    const struct watched *w = u;
    inst_say_line(w->in, w->peer, w->how, text);
}

static void op_seen(void *u, const struct adit_addr *peer, bool sent, const uint8_t *p, size_t len)
{
    struct inst *in = u;
    struct ike_msg m;
    struct watched w = { in, peer, sent ? ADIT_TRACE_TX : ADIT_TRACE_RX };
    if (!(adit_trace_wants(in->self, peer, w.how) & ADIT_TRACE_LINES) ||
        ike_msg_parse(&m, p, len) != IKE_MSG_OK)
        return;
    if (ike_text_routine(&m))
        w.how |= ADIT_TRACE_ROUTINE;
    ike_text(&m, seen_line, &w);
}

static const struct ike_ops ike_ops_ = {
    .now = op_now,   .wall = op_wall, .random = NULL,    .tx = op_tx,           .hold = op_hold,
    .drop = op_drop, .open = op_open, .work = op_work,   .wake = op_wake,       .say = op_say,
    .esp_path = op_esp_path,          .covered = op_covered,
    .seen = op_seen,
};
static const struct sad_ops sad_ops_ = {
    .now = op_now, .rx = op_sad_rx, .tx = op_sad_tx, .hold = op_hold, .drop = op_drop,
    .soft = op_soft, .pair_gone = op_pair_gone, .gone = op_gone, .moved = op_moved,
};

/* ---- the host's calls ----------------------------------------------------------------------------- */

static int32_t face_cover(struct adit_self *self, uint32_t protocol, const struct adit_addr *at)
{
    struct inst *in = self->instance;
    if (protocol != ADIT_PROTO_UDP || at->port == IPSEC_PORT || at->port == IPSEC_NAT_PORT)
        return 0;               /* L2TP's kind; our own are not for us */
    ADIT_LIST_EACH(n, &in->covers) {
        const struct inst_cover *c = ADIT_OF(n, struct inst_cover, node);
        if (c->protocol == protocol && c->at.port == at->port && adit_same_host(&c->at, at))
            return 0;
    }
    struct inst_cover *c = calloc(1, sizeof *c);
    if (!c)
        return ADIT_ENOMEM;
    c->protocol = protocol;
    c->at = *at;
    adit_list_add(&in->covers, &c->node);
    return 0;
}

static void face_tx(struct adit_self *self, const struct adit_security_info *info,
                    const struct adit_path *path, struct adit_frame **v, uint32_t n)
{
    const struct inst_assoc *x = info->handle;
    (void)self;
    sad_tx(x->a, path, v, n);
}

static void call_done(void *u, struct sad_assoc *a, int32_t code, const char *why)
{
    struct inst_call *c = u;
    struct inst *in = c->inst;
    struct inst_assoc *x = a ? assoc_of(in, a) : NULL;
    adit_list_del(&c->node);
    c->ended = true;
    if (x) {
        x->begun = true;
        adit_list_del(&x->node);
        in->self->host->request->done(in->self, c->req, 0, &x->info);
    } else {
        inst_say_call_failed(in, &c->peer, why);
        in->self->host->request->done(in->self, c->req, code ? code : ADIT_ENOMEM, NULL);
    }
    if (!c->beginning)
        free(c);
}

static void face_begin(struct adit_self *self, uint64_t req, const struct adit_path *path)
{
    struct inst *in = self->instance;
    struct inst_call *c = in->stopping ? NULL : calloc(1, sizeof *c);
    if (!c) {
        self->host->request->done(self, req, in->stopping ? ADIT_EDENIED : ADIT_ENOMEM, NULL);
        return;
    }
    struct ike_call call = {
        .our = path->our,
        .peer = path->peer,
        .sel = { (uint8_t)path->protocol, path->our.port, path->peer.port },
        .done = call_done,
        .u = c,
    };
    call.our.port = call.peer.port = 0;
    if (any_host(&call.our))
        call.our = (struct adit_addr){ .family = ADIT_AF_NONE };
    *c = (struct inst_call){ .inst = in, .req = req, .peer = path->peer, .beginning = true };
    adit_list_add(&in->calls, &c->node);
    c->number = ike_call(in->ike, &call);
    c->beginning = false;
    sad_arm(in, SAD_SOON);
    if (c->ended)
        free(c);
}

static void face_cancel(struct adit_self *self, uint64_t req)
{
    struct inst *in = self->instance;
    ADIT_LIST_EACH(n, &in->calls) {
        struct inst_call *c = ADIT_OF(n, struct inst_call, node);
        if (c->req != req || c->beginning)
            continue;
        ike_call_cancel(in->ike, c->number);
        adit_list_del(&c->node);
        self->host->request->done(self, req, ADIT_ECANCELED, NULL);
        free(c);
        return;
    }
}

static void face_unused(struct adit_self *self, const struct adit_security_info *info)
{
    struct inst *in = self->instance;
    struct inst_assoc *x = info->handle;
    struct sad_assoc_view v;
    if (!in->ike)
        return;
    sad_arm(in, SAD_SOON);
    if (x->begun || !in->conf->grace_ms) {      /* who called hangs up */
        ike_assoc_unused(in->ike, x->a);
        return;
    }
    sad_assoc_view(x->a, &v);
    x->packets_in = v.packets_in;
    x->unused_until = op_now(in) + in->conf->grace_ms;
    adit_list_del(&x->node);
    adit_list_add(&in->unused, &x->node);
}

static int32_t face_peer_key(struct adit_self *self, const struct adit_addr *peer, const char *key)
{
    struct inst *in = self->instance;
    return in->ike && !in->stopping ? ike_peer_key(in->ike, peer, key) : ADIT_ESTATE;
}

const struct adit_security ipsec_vtable = {
    .size = sizeof ipsec_vtable,
    .cover = face_cover,
    .tx = face_tx,
    .begin = face_begin,
    .cancel = face_cancel,
    .unused = face_unused,
    .peer_key = face_peer_key,
};

/* ---- ports ------------------------------------------------------------------------------------------- */

static int32_t bind_failed(struct inst *in, int32_t code, const struct inst_port *p)
{
    if (p->protocol == ADIT_PROTO_ESP)
        return adit_fail(in->self, code, "no raw socket for IP protocol 50 (ESP): start aditd as root or "
                         "from its unit (CAP_NET_RAW)");
    if (code == ADIT_EADDRINUSE)
        return adit_fail(in->self, code, "UDP port %u is taken by another IKE daemon; stop it: systemctl "
                         "disable --now strongswan-starter strongswan ipsec", p->at.port);
    if (code == ADIT_EDENIED)
        return adit_fail(in->self, code, "UDP port %u could not be bound: start aditd as root or from its "
                         "unit (CAP_NET_BIND_SERVICE)", p->at.port);
    return adit_fail(in->self, code, "UDP port %u could not be bound; see listen: is the address one of "
                     "this host?", p->at.port);
}

static int32_t bind_one(struct inst *in, const struct adit_addr *at, uint32_t protocol, uint16_t port,
                        const struct adit_path_ops *ops)
{
    struct inst_port *p = calloc(1, sizeof *p);
    if (!p)
        return adit_fail(in->self, ADIT_ENOMEM, "no memory for a port");
    p->inst = in;
    p->at = *at;
    p->at.port = port;
    p->protocol = protocol;
    p->at_4500 = port == IPSEC_NAT_PORT;
    int32_t code = in->self->host->path->bind(in->self, protocol, &p->at, ADIT_PATH_STEADY, ops, p, &p->port);
    if (code) {
        code = bind_failed(in, code, p);
        free(p);
        return code;
    }
    adit_list_add(&in->ports, &p->node);
    return 0;
}

static int32_t bind_at(struct inst *in, const struct adit_addr *at)
{
    int32_t code = bind_one(in, at, ADIT_PROTO_UDP, IPSEC_PORT, &ops_500);
    code = code ? code : bind_one(in, at, ADIT_PROTO_UDP, IPSEC_NAT_PORT, &ops_4500);
    return code ? code : bind_one(in, at, ADIT_PROTO_ESP, 0, &ops_esp);
}

static void unbind_all(struct inst *in)
{
    ADIT_LIST_EACH(n, &in->ports) {
        struct inst_port *p = ADIT_OF(n, struct inst_port, node);
        adit_list_del(n);
        in->self->host->path->unbind(p->port);
        free(p);
    }
}

/* ---- life --------------------------------------------------------------------------------------------- */

static void instance_free(struct inst *in)
{
    if (!in)
        return;
    const struct adit_loop_api *loop = in->self->host->loop;
    loop->timer_free(in->ike_timer);
    loop->timer_free(in->sad_timer);
    ADIT_LIST_EACH(n, &in->covers) {
        adit_list_del(n);
        free(ADIT_OF(n, struct inst_cover, node));
    }
    ike_auth_free(in->auth);
    if (in->keep) {
        in->keep->inst = NULL;
        keep_drop(in->keep);
    }
    free(in);
}

static struct inst_keep *keep_new(struct inst *in)
{
    const char *why = "no memory";
    struct inst_keep *k = calloc(1, sizeof *k);
    if (k)
        k->lib = ike_lib_new(&why);
    if (!k || !k->lib) {
        (void)adit_fail(in->self, ADIT_ENOSYS, "OpenSSL: %s", why);
        free(k);
        return NULL;
    }
    k->inst = in;
    k->refs = 1;
    return k;
}

static int32_t engine_new(struct inst *in, const struct ike_conf *c)
{
    in->ops = ike_ops_;
    in->ops.random = in->self->host->crypto->random;
    in->sad = sad_new(&sad_ops_, in, in->keep->lib, in->self->counters, in->conf->grace_ms);
    if (in->sad && in->conf->export_keys)
        sad_keep_keys(in->sad, true);
    if (in->sad)
        in->ike = ike_new(&in->ops, in, c, in->auth, in->keep->lib, in->sad, in->self->counters);
    if (in->ike)
        return 0;
    if (in->sad)
        sad_free(in->sad);
    return adit_fail(in->self, ADIT_ENOMEM, "no memory for the instance");
}

static int32_t create(struct adit_self *self)
{
    struct ike_conf c;
    int32_t code = inst_settings(self, self->conf, &c);
    if (code)
        return code;
    if (!ADIT_HAS(self->host, security))
        return adit_fail(self, ADIT_EABI, "this host has no place for a security layer; it needs the "
                         "plugin interface 1.1");
    struct inst *in = calloc(1, sizeof *in);
    if (!in)
        return adit_fail(self, ADIT_ENOMEM, "no memory for the instance");
    in->self = self;
    in->conf = self->conf;
    adit_list_init(&in->ports);
    adit_list_init(&in->covers);
    adit_list_init(&in->calls);
    adit_list_init(&in->unused);
    in->ike_timer = self->host->loop->timer_new(self, ike_fire, in);
    in->sad_timer = self->host->loop->timer_new(self, sad_fire, in);
    in->keep = keep_new(in);
    in->auth = in->keep ? inst_keys(self, in->conf, in->keep->lib) : NULL;
    code = !in->keep ? ADIT_ENOSYS : !in->auth ? ADIT_ECONF :
           !in->ike_timer || !in->sad_timer ? ADIT_ENOMEM : 0;
    if (!code)
        code = engine_new(in, &c);
    if (!code)
        code = inst_verbs(self);
    if (code) {
        instance_free(in);
        return code;
    }
    inst_files_seen(in);
    self->instance = in;
    return 0;
}

static int32_t start(struct adit_self *self)
{
    static const struct adit_addr every = { .family = ADIT_AF_NONE };
    struct inst *in = self->instance;
    const struct adit_array *listen = &in->conf->listen;
    int32_t code = 0;
    in->stopping = false;
    if (!adit_list_empty(&in->ports))
        return 0;               /* stop() left them bound, for what is up */
    if (!listen->count)
        code = bind_at(in, &every);
    for (uint32_t i = 0; i < listen->count && !code; i++)
        code = bind_at(in, (const void *)((const char *)listen->items + (size_t)i * listen->stride));
    if (code)
        unbind_all(in);
    else
        inst_say_keys(in);
    return code;
}

static int32_t reload(struct adit_self *self, const void *conf)
{
    struct inst *in = self->instance;
    struct ike_conf c;
    int32_t code = inst_settings(self, conf, &c);
    if (code)
        return code;
    struct ike_auth *auth = inst_keys(self, conf, in->keep->lib);
    if (!auth)
        return ADIT_ECONF;
    ike_auth_free(in->auth);
    in->auth = auth;
    in->conf = conf;
    inst_files_seen(in);
    ike_reload(in->ike, &c, auth);
    inst_say_keys(in);
    return 0;
}

static void stop(struct adit_self *self)
{
    ((struct inst *)self->instance)->stopping = true;
}

static void destroy(struct adit_self *self)
{
    struct inst *in = self->instance;
    if (!in)
        return;
    in->stopping = true;
    while (!adit_list_empty(&in->calls))
        face_cancel(self, ADIT_OF(in->calls.next, struct inst_call, node)->req);
    struct ike *ike = in->ike;
    in->ike = NULL;             /* what ends now is not told to it */
    ike_free(ike);              /* says goodbye, while there are paths */
    sad_free(in->sad);
    unbind_all(in);
    instance_free(in);
    self->instance = NULL;
}

static void status(struct adit_self *self, struct adit_report *r)
{
    if (self->instance)
        inst_status(self->instance, r);
}

const struct adit_life ipsec_life = {
    .size = sizeof ipsec_life,
    .create = create,
    .start = start,
    .reload = reload,
    .stop = stop,
    .destroy = destroy,
    .status = status,
};
