/* fake_net.c - memory streams, memory datagrams, frames. */
#include "fake_in.h"

#define STALL_MAX 65536u        /* bytes that tx() queues for a peer that does not read */
#define WIRE_ROOM 0u            /* inbound frames: exactly their bytes, so that overreads show */

enum end_state { E_OFFERED, E_DIALLING, E_OPEN, E_CLOSED, E_GONE };

/* The handle of the plugin and the end of the test are one object, which lives
 * until fake_end(): a use after the end is a trouble, not a crash. */
struct adit_stream {
    struct adit_node node;
    struct fake_self *self;
    enum end_state state;
    struct adit_addr plugin, test;
    const struct adit_stream_ops *ops;
    void *u;
    uint8_t *out;
    uint32_t out_len, out_room;
    bool stalled, dialled;
};
struct fake_end {
    struct adit_stream s;
};

struct adit_listener {
    struct adit_node node;
    struct fake_self *self;
    struct adit_addr at;
    void (*accept)(void *u, struct adit_stream *s);
    void *u;
};

struct adit_port {
    struct adit_node node;
    struct fake_self *self;
    uint32_t protocol, flags;
    struct adit_addr at;
    const struct adit_path_ops *ops;
    void *u;
};

struct path {
    struct adit_path path;      /* first: the plugin's handle is ours */
    struct adit_node node;
    struct adit_port *port;     /* NULL: unbound */
    struct fake_self *self;
    uint32_t refs;              /* holds of the plugin */
    bool lent, gone;            /* lent: inside rx() or gone() */
    struct assoc *assoc;        /* NULL: clear, or security of the test's */
    struct fake_self *asks;
    adit_request asked;         /* 0: waits for no association */
    struct adit_frame *waiting[4];
    uint32_t waiting_count;
};

/* An association that an instance of the kind `security` told of. */
struct assoc {
    struct adit_node node;
    struct fake_self *self;
    struct adit_security_info info;
    bool ended;                 /* kept until fake_end(): late calls are seen */
};

struct sent {
    struct fake_sent sent;
    struct adit_node node;
    uint8_t *data;
};

struct kept {
    struct adit_frame frame;    /* first */
    struct adit_node node;
    uint8_t bytes[];
};

static struct {
    struct adit_node ends, listeners, ports, paths, sent, kept, assocs;
    uint32_t sent_count, vector, unsecured, frames_kept, mtu;
    uint32_t ephemeral;         /* the last port that nobody asked for by number */
    struct sent *taken;
} N;

void fake_net_begin(void)
{
    memset(&N, 0, sizeof N);
    N.mtu = 1472;
    N.ephemeral = 32767;
    adit_list_init(&N.ends);
    adit_list_init(&N.listeners);
    adit_list_init(&N.ports);
    adit_list_init(&N.paths);
    adit_list_init(&N.assocs);
    adit_list_init(&N.sent);
    adit_list_init(&N.kept);
}

static void sent_free(struct sent *s)
{
    if (!s)
        return;
    free(s->data);
    free(s);
}

void fake_net_end(void)
{
    ADIT_LIST_EACH(n, &N.ends) {
        struct fake_end *e = ADIT_OF(n, struct fake_end, s.node);
        free(e->s.out);
        free(e);
    }
    ADIT_LIST_EACH(n, &N.listeners)
        free(ADIT_OF(n, struct adit_listener, node));
    ADIT_LIST_EACH(n, &N.ports)
        free(ADIT_OF(n, struct adit_port, node));
    ADIT_LIST_EACH(n, &N.paths)
        free(ADIT_OF(n, struct path, node));
    ADIT_LIST_EACH(n, &N.assocs) {
        struct assoc *a = ADIT_OF(n, struct assoc, node);
        free((void *)(uintptr_t)a->info.name);
        free((void *)(uintptr_t)a->info.identity);
        free((void *)(uintptr_t)a->info.transform);
        free(a);
    }
    ADIT_LIST_EACH(n, &N.kept)
        free(ADIT_OF(n, struct kept, node));
    fake_sent_drop();
    sent_free(N.taken);
    N.taken = NULL;
}

static bool same(const struct adit_addr *a, const struct adit_addr *b)
{
    return adit_same_host(a, b) && a->port == b->port;
}

/* Family NONE, and 0.0.0.0 and [::] for their family, are everywhere. */
static bool everywhere(const struct adit_addr *at, uint8_t family)
{
    static const uint8_t zero[16];
    return !at->family || (at->family == family && !memcmp(at->ip, zero, sizeof zero));
}

/* Whether something bound at `at` hears `our`. */
static bool hears(const struct adit_addr *at, const struct adit_addr *our)
{
    return at->port == our->port && (everywhere(at, our->family) || adit_same_host(at, our));
}

static bool everybody(const struct adit_addr *a)
{
    return a->family == ADIT_AF_IPV4 && !memcmp(a->ip, "\xff\xff\xff\xff", 4);
}

/* What a port hears: also what everybody is told, when it asked for that. */
static bool port_hears(const struct adit_port *p, const struct adit_addr *our)
{
    return hears(&p->at, our) ||
           (p->flags & ADIT_PATH_BROADCAST && everybody(our) && p->at.port == our->port);
}

static bool overlaps(const struct adit_addr *a, const struct adit_addr *b)
{
    return a->port == b->port &&
           (everywhere(a, b->family) || everywhere(b, a->family) || adit_same_host(a, b));
}

/* ---- streams: the plugin's side -------------------------------------------------- */

static void end_over(struct adit_stream *s, enum end_state state)
{
    s->state = state;
    s->self->owned[OWN_STREAM]--;
}

static bool usable(const struct adit_stream *s, const char *call)
{
    if (s->state == E_CLOSED || s->state == E_GONE)
        fake_trouble("stream->%s(): the stream is %s", call,
                     s->state == E_CLOSED ? "closed" : "gone, its handle is invalid");
    return s->state != E_CLOSED && s->state != E_GONE;
}

static int32_t stream_listen(struct adit_self *self, const struct adit_addr *at,
                             void (*accept)(void *u, struct adit_stream *s), void *u,
                             struct adit_listener **out)
{
    struct fake_self *self_ = fake_self_of(self, "stream->listen()");
    if (!self_)
        return ADIT_EINVAL;
    ADIT_LIST_EACH(n, &N.listeners)
        if (overlaps(&ADIT_OF(n, struct adit_listener, node)->at, at))
            return ADIT_EADDRINUSE;
    struct adit_listener *l = fake_alloc(sizeof *l);
    *l = (struct adit_listener){ .self = self_, .at = *at, .accept = accept, .u = u };
    adit_list_add(&N.listeners, &l->node);
    self_->owned[OWN_LISTENER]++;
    *out = l;
    return 0;
}

static void stream_listen_close(struct adit_listener *l)
{
    if (!l)
        return;
    l->self->owned[OWN_LISTENER]--;
    adit_list_del(&l->node);
    free(l);
}

static void stream_take(struct adit_stream *s, const struct adit_stream_ops *ops, void *u)
{
    if (!usable(s, "take"))
        return;
    if (s->state == E_OFFERED)
        s->state = E_OPEN;
    s->ops = ops;
    s->u = u;
}

static struct fake_end *end_new(struct fake_self *self, const struct adit_addr *plugin,
                                const struct adit_addr *test)
{
    struct fake_end *e = fake_alloc(sizeof *e);
    e->s.self = self;
    if (plugin)
        e->s.plugin = *plugin;
    e->s.test = *test;
    adit_list_add(&N.ends, &e->s.node);
    self->owned[OWN_STREAM]++;
    return e;
}

static int32_t stream_connect(struct adit_self *self, const struct adit_addr *from,
                              const struct adit_addr *to, const struct adit_stream_ops *ops,
                              void *u, struct adit_stream **out)
{
    struct fake_self *s = fake_self_of(self, "stream->connect()");
    if (!s || !to->family || !to->port)
        return ADIT_EINVAL;
    struct adit_addr none = fake_addr("10.0.0.1:49152");
    struct fake_end *e = end_new(s, from && from->family ? from : &none, to);
    e->s.state = E_DIALLING;
    e->s.dialled = true;
    e->s.ops = ops;
    e->s.u = u;
    *out = &e->s;
    return 0;
}

static int32_t stream_tx(struct adit_stream *s, const void *data, uint32_t len)
{
    if (!usable(s, "tx"))
        return ADIT_EINVAL;
    if (s->stalled && s->out_len + len > STALL_MAX)
        return ADIT_ENOSPC;
    if (s->out_len + len > s->out_room) {
        s->out_room = (s->out_len + len) * 2;
        uint8_t *out = realloc(s->out, s->out_room);
        if (!out)
            abort();
        s->out = out;
    }
    if (len)
        memcpy(s->out + s->out_len, data, len);
    s->out_len += len;
    return 0;
}

static void stream_close(struct adit_stream *s)
{
    if (s && usable(s, "close"))
        end_over(s, E_CLOSED);
}

static void stream_addrs(struct adit_stream *s, struct adit_addr *our, struct adit_addr *peer)
{
    if (!usable(s, "addrs"))
        return;
    if (our)
        *our = s->plugin;
    if (peer)
        *peer = s->test;
}

const struct adit_stream_api fake_stream_api = {
    .size = sizeof(struct adit_stream_api), .listen = stream_listen,
    .listen_close = stream_listen_close, .take = stream_take, .connect = stream_connect,
    .tx = stream_tx, .close = stream_close, .addrs = stream_addrs,
};

/* ---- streams: the test's side -------------------------------------------------------- */

struct fake_end *fake_connect(const struct adit_addr *to, const struct adit_addr *from)
{
    fake_need();
    ADIT_LIST_EACH(n, &N.listeners) {
        struct adit_listener *l = ADIT_OF(n, struct adit_listener, node);
        if (!hears(&l->at, to))
            continue;
        struct fake_end *e = end_new(l->self, to, from);
        l->accept(l->u, &e->s);
        if (e->s.state == E_OFFERED)
            end_over(&e->s, E_CLOSED);          /* not taken */
        if (!e->s.ops)
            return NULL;
        return e;
    }
    return NULL;
}

struct fake_end *fake_dialled(uint32_t nth)
{
    fake_need();
    ADIT_LIST_EACH(n, &N.ends) {
        struct fake_end *e = ADIT_OF(n, struct fake_end, s.node);
        if (e->s.dialled && nth-- == 0)
            return e;
    }
    return NULL;
}

static void end_gone(struct fake_end *e, int32_t code)
{
    if (e->s.state != E_OPEN && e->s.state != E_DIALLING)
        return;
    end_over(&e->s, E_GONE);
    if (ADIT_HAS(e->s.ops, gone))
        e->s.ops->gone(e->s.u, code);
}

void fake_dialled_answer(struct fake_end *e, int32_t code)
{
    if (e->s.state != E_DIALLING) {
        if (e->s.state != E_CLOSED)
            fake_trouble("fake_dialled_answer(): the connection was answered before");
        return;
    }
    if (code) {
        end_gone(e, code);
        return;
    }
    e->s.state = E_OPEN;
    if (ADIT_HAS(e->s.ops, up))
        e->s.ops->up(e->s.u);
}

const struct adit_addr *fake_end_peer(const struct fake_end *e) { return &e->s.plugin; }
const struct adit_addr *fake_end_our(const struct fake_end *e) { return &e->s.test; }

void fake_stream_push(struct fake_end *e, const void *data, size_t len)
{
    if (e->s.state != E_OPEN || !ADIT_HAS(e->s.ops, rx) || !len)
        return;
    uint8_t *copy = fake_dup(data, len);
    e->s.ops->rx(e->s.u, copy, (uint32_t)len);
    free(copy);
}

void fake_stream_drip(struct fake_end *e, const void *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        fake_stream_push(e, (const uint8_t *)data + i, 1);
}

uint32_t fake_stream_take(struct fake_end *e, void *buf, size_t size)
{
    uint32_t n = size < e->s.out_len ? (uint32_t)size : e->s.out_len;
    if (n)
        memcpy(buf, e->s.out, n);
    if (n < e->s.out_len)
        memmove(e->s.out, e->s.out + n, e->s.out_len - n);
    e->s.out_len -= n;
    return n;
}

uint32_t fake_stream_waiting(const struct fake_end *e) { return e->s.out_len; }
void fake_stream_stall(struct fake_end *e, int yes) { e->s.stalled = yes; }
void fake_stream_close(struct fake_end *e) { end_gone(e, 0); }
void fake_stream_break(struct fake_end *e, int32_t code) { end_gone(e, code); }
int fake_stream_is_open(const struct fake_end *e)
{
    return e->s.state == E_OPEN || e->s.state == E_DIALLING;
}

int fake_listening(const struct adit_addr *at)
{
    fake_need();
    ADIT_LIST_EACH(n, &N.listeners)
        if (hears(&ADIT_OF(n, struct adit_listener, node)->at, at))
            return 1;
    return 0;
}

/* ---- frames ------------------------------------------------------------------------------ */

static struct adit_frame *frame_keep(const struct adit_frame *f)
{
    struct kept *k = fake_alloc(sizeof *k + f->len + 2 * ADIT_ROOM);
    k->frame = adit_frame_of(k->bytes, f->len + 2 * (size_t)ADIT_ROOM, ADIT_ROOM, f->len);
    if (f->len)
        memcpy(k->frame.data, f->data, f->len);
    k->frame.owner = k;
    adit_list_add(&N.kept, &k->node);
    N.frames_kept++;
    return &k->frame;
}

static void frame_drop(struct adit_frame *f)
{
    if (!f)
        return;
    ADIT_LIST_EACH(n, &N.kept) {
        struct kept *k = ADIT_OF(n, struct kept, node);
        if (&k->frame == f) {
            adit_list_del(n);
            free(k);
            N.frames_kept--;
            return;
        }
    }
    fake_trouble("frame->drop(): not a kept frame, or dropped before");
}

const struct adit_frame_api fake_frame_api = {
    .size = sizeof(struct adit_frame_api), .keep = frame_keep, .drop = frame_drop,
};

uint32_t fake_frames_kept(void) { return N.frames_kept; }

void fake_vector_init(struct fake_vector *x, const struct fake_bytes *v, uint32_t n, uint32_t room)
{
    if (n > ADIT_VECTOR) {
        fake_trouble("a vector has at most %d frames, not %u", ADIT_VECTOR, n);
        n = ADIT_VECTOR;
    }
    x->n = n;
    for (uint32_t i = 0; i < n; i++) {
        size_t size = v[i].len + 2 * (size_t)room;
        x->buf[i] = fake_alloc(size);
        if (v[i].len)
            memcpy(x->buf[i] + room, v[i].data, v[i].len);
        x->f[i] = adit_frame_of(x->buf[i], size, room, v[i].len);
        x->v[i] = &x->f[i];
    }
}

void fake_vector_fini(struct fake_vector *x)
{
    for (uint32_t i = 0; i < x->n; i++)
        free(x->buf[i]);
}

bool fake_vector_ok(const char *call, struct adit_frame **v, uint32_t n)
{
    if (n > ADIT_VECTOR) {
        fake_trouble("%s: a vector has at most %d frames, not %u", call, ADIT_VECTOR, n);
        return false;
    }
    for (uint32_t i = 0; i < n; i++)
        if (!v[i] || !v[i]->data || v[i]->data < v[i]->room || v[i]->data > v[i]->end ||
            (size_t)(v[i]->end - v[i]->data) < v[i]->len) {
            fake_trouble("%s: frame %u of %u reaches outside its buffer", call, i, n);
            return false;
        }
    return true;
}

/* ---- datagram paths: the plugin's side ------------------------------------------------------- */

/* ---- security layers ------------------------------------------------------------------------- */

static struct assoc *assoc_of(const struct fake_self *self, const void *handle)
{
    ADIT_LIST_EACH(n, &N.assocs) {
        struct assoc *a = ADIT_OF(n, struct assoc, node);
        if (!a->ended && a->self == self && a->info.handle == handle)
            return a;
    }
    return NULL;
}

static struct assoc *assoc_get(struct fake_self *self, const struct adit_security_info *info)
{
    struct assoc *a = assoc_of(self, info->handle);
    if (a)
        return a;
    a = fake_alloc(sizeof *a);
    a->self = self;
    a->info = *info;
    a->info.name = fake_strdup(info->name);
    a->info.identity = fake_strdup(info->identity);
    a->info.transform = fake_strdup(info->transform);
    adit_list_add(&N.assocs, &a->node);
    return a;
}

static const struct adit_security *layer_of(const struct fake_self *s)
{
    return s->face->vtable;
}

/* Nobody holds a path of it any more: the layer hears that, and the handle is new
 * when it comes again. */
static void assoc_idle(struct assoc *a)
{
    if (a->ended)
        return;
    ADIT_LIST_EACH(n, &N.paths)
        if (ADIT_OF(n, struct path, node)->assoc == a && ADIT_OF(n, struct path, node)->refs)
            return;
    a->ended = true;
    if (!a->self->dead && ADIT_HAS(layer_of(a->self), unused))
        layer_of(a->self)->unused(&a->self->self, &a->info);
}

void fake_net_cover(struct fake_self *security)
{
    ADIT_LIST_EACH(n, &N.ports) {
        const struct adit_port *p = ADIT_OF(n, struct adit_port, node);
        if (ADIT_HAS(layer_of(security), cover))
            (void)layer_of(security)->cover(&security->self, p->protocol, &p->at);
    }
}

static void cover_one(struct fake_self *security, void *u)
{
    const struct adit_port *p = u;
    if (ADIT_HAS(layer_of(security), cover))
        (void)layer_of(security)->cover(&security->self, p->protocol, &p->at);
}

static int32_t path_bind(struct adit_self *self, uint32_t protocol, const struct adit_addr *at,
                         uint32_t flags, const struct adit_path_ops *ops, void *u,
                         struct adit_port **out)
{
    struct fake_self *s = fake_self_of(self, "path->bind()");
    if (!s || !ADIT_HAS(ops, rx) ||
        (flags & ADIT_PATH_BROADCAST && (protocol != ADIT_PROTO_UDP || at->family != ADIT_AF_IPV4 ||
                                         everywhere(at, ADIT_AF_IPV4))))
        return ADIT_EINVAL;
    if (at->port)               /* raw protocols may be shared, as in the kernel */
        ADIT_LIST_EACH(n, &N.ports) {
            struct adit_port *p = ADIT_OF(n, struct adit_port, node);
            if (p->protocol == protocol && overlaps(&p->at, at))
                return ADIT_EADDRINUSE;
        }
    struct adit_port *p = fake_alloc(sizeof *p);
    *p = (struct adit_port){ .self = s, .protocol = protocol, .flags = flags, .at = *at,
                             .ops = ops, .u = u };
    if (protocol == ADIT_PROTO_UDP && !p->at.port) {
        N.ephemeral = N.ephemeral < 60999 ? N.ephemeral + 1 : 32768;
        p->at.port = (uint16_t)N.ephemeral;
    }
    adit_list_add(&N.ports, &p->node);
    s->owned[OWN_PORT]++;
    *out = p;
    fake_each_security(cover_one, p);
    return 0;
}

static void path_unbind(struct adit_port *p)
{
    if (!p)
        return;
    ADIT_LIST_EACH(n, &N.paths) {
        struct path *x = ADIT_OF(n, struct path, node);
        if (x->port == p)
            x->port = NULL;
    }
    p->self->owned[OWN_PORT]--;
    adit_list_del(&p->node);
    free(p);
}

static struct path *path_of(struct adit_port *port, const struct adit_addr *our,
                            const struct adit_addr *peer, const struct adit_security_info *security)
{
    ADIT_LIST_EACH(n, &N.paths) {
        struct path *x = ADIT_OF(n, struct path, node);
        if (x->port == port && x->refs && !x->gone && x->path.security == security &&
            same(&x->path.our, our) && same(&x->path.peer, peer))
            return x;
    }
    struct path *x = fake_alloc(sizeof *x);
    x->path = (struct adit_path){ .size = sizeof x->path, .protocol = port->protocol, .our = *our,
                                  .peer = *peer, .security = security, .mtu = N.mtu };
    x->port = port;
    x->self = port->self;
    adit_list_add(&N.paths, &x->node);
    return x;
}

static struct path *path_ours(struct adit_path *path, const char *call)
{
    ADIT_LIST_EACH(n, &N.paths) {
        struct path *x = ADIT_OF(n, struct path, node);
        if (&x->path != path)
            continue;
        if (x->refs || x->lent)
            return x;
        fake_trouble("path->%s(): the path is not held", call);
        return NULL;
    }
    fake_trouble("path->%s(): not a path", call);
    return NULL;
}

static struct adit_path *path_hold(struct adit_path *path)
{
    struct path *x = path_ours(path, "hold");
    if (!x)
        return NULL;
    x->refs++;
    x->self->owned[OWN_PATH]++;
    return path;
}

static void path_drop(struct adit_path *path)
{
    if (!path)
        return;
    struct path *x = path_ours(path, "drop");
    if (!x)
        return;
    if (!x->refs) {
        fake_trouble("path->drop(): the path was not held");
        return;
    }
    x->refs--;
    x->self->owned[OWN_PATH]--;
    if (!x->refs && x->asked) {
        adit_request asked = x->asked;
        while (x->waiting_count)
            fake_frame_api.drop(x->waiting[--x->waiting_count]);
        x->asked = 0;
        fake_cancel(&x->asks->self, asked);
    }
    if (!x->refs && x->assoc)
        assoc_idle(x->assoc);
}

static int32_t path_open_from(struct adit_port *p, const struct adit_addr *from,
                              const struct adit_addr *peer, struct adit_path **out)
{
    struct adit_addr our = fake_addr(peer->family == ADIT_AF_IPV6 ? "2001:db8::1" : "10.0.0.1");
    if (from && from->family)
        our = *from;
    else if (p->at.family && !everywhere(&p->at, p->at.family))
        our = p->at;
    our.port = p->at.port;
    if (!peer->family)
        return ADIT_EINVAL;
    if (everybody(peer) && !(p->flags & ADIT_PATH_BROADCAST))
        return ADIT_EDENIED;
    struct fake_self *layer = p->flags & ADIT_PATH_SECURE ? fake_security_for(p->self) : NULL;
    if (p->flags & ADIT_PATH_SECURE && !layer)
        return ADIT_EDENIED;
    struct path *x = path_of(p, &our, peer, NULL);
    x->refs++;
    x->self->owned[OWN_PATH]++;
    *out = &x->path;
    if (layer && !x->asked) {
        x->asks = layer;
        x->asked = fake_ask(&layer->self);
        layer_of(layer)->begin(&layer->self, x->asked, &x->path);
    }
    return 0;
}

void fake_net_answered(adit_request req, int32_t status, const struct adit_security_info *info)
{
    ADIT_LIST_EACH(n, &N.paths) {
        struct path *x = ADIT_OF(n, struct path, node);
        if (x->asked != req)
            continue;
        x->asked = 0;
        if (!status && info) {
            x->assoc = assoc_get(x->asks, info);
            x->path.security = &x->assoc->info;
            if (x->waiting_count)
                fake_path_api.tx(&x->path, x->waiting, x->waiting_count);
        } else if (x->port && ADIT_HAS(x->port->ops, gone)) {
            x->gone = true;
            x->lent = true;
            x->port->ops->gone(x->port->u, &x->path);
            x->lent = false;
        }
        while (x->waiting_count)
            fake_frame_api.drop(x->waiting[--x->waiting_count]);
        return;
    }
}

static int32_t path_open(struct adit_port *p, const struct adit_addr *peer, struct adit_path **out)
{
    return path_open_from(p, NULL, peer, out);
}

static void path_tx(struct adit_path *path, struct adit_frame **v, uint32_t n)
{
    struct path *x = path_ours(path, "tx");
    if (!x || !fake_vector_ok("path->tx()", v, n) || x->gone)
        return;
    if (x->asked) {
        for (uint32_t i = 0; i < n && x->waiting_count < 4; i++)
            x->waiting[x->waiting_count++] = fake_frame_api.keep(v[i]);
        return;
    }
    if (x->assoc) {
        layer_of(x->assoc->self)->tx(&x->assoc->self->self, &x->assoc->info, path, v, n);
        return;
    }
    N.vector++;
    for (uint32_t i = 0; i < n; i++) {
        struct sent *s = fake_alloc(sizeof *s);
        s->data = fake_dup(v[i]->data, v[i]->len);
        s->sent = (struct fake_sent){ .path = path, .protocol = path->protocol, .len = v[i]->len,
                                      .our = path->our, .peer = path->peer,
                                      .security = path->security, .data = s->data,
                                      .vector = N.vector };
        adit_list_add(&N.sent, &s->node);
        N.sent_count++;
        if (v[i]->data - v[i]->room >= 8)       /* a lower layer writes its header there */
            memset(v[i]->data - 8, 0xdd, 8);
    }
}

const struct adit_path_api fake_path_api = {
    .size = sizeof(struct adit_path_api), .bind = path_bind, .unbind = path_unbind,
    .open = path_open, .hold = path_hold, .drop = path_drop, .tx = path_tx,
    .open_from = path_open_from,
};

static int32_t security_rx(struct adit_self *self, const struct adit_security_info *info,
                           uint32_t protocol, const struct adit_addr *our,
                           const struct adit_addr *peer, struct adit_frame **v, uint32_t n)
{
    struct fake_self *s = fake_self_of(self, "security->rx()");
    if (!s || !info || !fake_vector_ok("security->rx()", v, n))
        return ADIT_EINVAL;
    ADIT_LIST_EACH(at, &N.ports) {
        struct adit_port *p = ADIT_OF(at, struct adit_port, node);
        if (p->protocol != protocol || p->self == s || !hears(&p->at, our))
            continue;
        struct assoc *a = assoc_get(s, info);
        struct path *x = path_of(p, our, peer, &a->info);
        x->assoc = a;
        x->lent = true;
        p->ops->rx(p->u, &x->path, v, n);
        x->lent = false;
        return 0;
    }
    return ADIT_ENOENT;
}

static void security_end(struct adit_self *self, const void *handle)
{
    struct fake_self *s = fake_self_of(self, "security->end()");
    struct assoc *a = s ? assoc_of(s, handle) : NULL;
    if (!a)
        return;
    a->ended = true;
    fake_path_gone(&a->info, NULL);
}

const struct adit_security_api fake_security_api = {
    .size = sizeof(struct adit_security_api), .rx = security_rx, .end = security_end,
};

/* ---- datagram paths: the test's side ------------------------------------------------------------ */

uint32_t fake_datagrams(uint32_t protocol, const struct adit_addr *peer, const struct adit_addr *our,
                        const struct adit_security_info *security, const struct fake_bytes *v,
                        uint32_t n)
{
    fake_need();
    struct adit_port *to[16];
    uint32_t ports = 0, heard = 0;
    ADIT_LIST_EACH(at, &N.ports) {
        struct adit_port *p = ADIT_OF(at, struct adit_port, node);
        if (p->protocol != protocol || !port_hears(p, our) || ports == 16)
            continue;
        if ((p->flags & ADIT_PATH_SECURE) && !security)
            N.unsecured += n;
        else
            to[ports++] = p;
    }
    for (uint32_t i = 0; i < ports; i++) {
        bool bound = false;     /* an earlier one may have unbound it */
        ADIT_LIST_EACH(at, &N.ports)
            bound |= ADIT_OF(at, struct adit_port, node) == to[i];
        if (!bound)
            continue;
        struct path *x = path_of(to[i], everybody(our) ? &to[i]->at : our, peer, security);
        struct adit_self *self = &to[i]->self->self;
        const struct adit_face *face = to[i]->self->face;
        struct fake_vector f;
        fake_vector_init(&f, v, n, WIRE_ROOM);
        x->lent = true;
        to[i]->ops->rx(to[i]->u, &x->path, f.v, f.n);
        x->lent = false;
        fake_vector_fini(&f);
        heard++;
        const struct adit_tunnel *vt = face->vtable;
        if (face->kind == ADIT_KIND_TUNNEL && ADIT_HAS(vt, flush))
            vt->flush(self);
    }
    return heard;
}

uint32_t fake_datagram(uint32_t protocol, const struct adit_addr *peer, const struct adit_addr *our,
                       const struct adit_security_info *security, const void *data, size_t len)
{
    struct fake_bytes one = { data, len };
    return fake_datagrams(protocol, peer, our, security, &one, 1);
}

uint32_t fake_unsecured(void) { return N.unsecured; }

const struct fake_sent *fake_sent(void)
{
    fake_need();
    sent_free(N.taken);
    N.taken = NULL;
    if (adit_list_empty(&N.sent))
        return NULL;
    N.taken = ADIT_OF(N.sent.next, struct sent, node);
    adit_list_del(&N.taken->node);
    N.sent_count--;
    return &N.taken->sent;
}

const struct fake_sent *fake_sent_peek(uint32_t nth)
{
    fake_need();
    ADIT_LIST_EACH(n, &N.sent)
        if (nth-- == 0)
            return &ADIT_OF(n, struct sent, node)->sent;
    return NULL;
}

uint32_t fake_sent_count(void) { return N.sent_count; }

void fake_sent_drop(void)
{
    fake_need();
    ADIT_LIST_EACH(n, &N.sent) {
        adit_list_del(n);
        sent_free(ADIT_OF(n, struct sent, node));
    }
    N.sent_count = 0;
}

void fake_path_gone(const struct adit_security_info *security, const struct adit_addr *peer)
{
    fake_need();
    for (bool again = true; again;) {
        again = false;
        ADIT_LIST_EACH(n, &N.paths) {
            struct path *x = ADIT_OF(n, struct path, node);
            if (!x->refs || x->gone || (security ? x->path.security != security
                                                 : !peer || !same(&x->path.peer, peer)))
                continue;
            x->gone = true;
            if (x->port && ADIT_HAS(x->port->ops, gone)) {
                x->lent = true;
                x->port->ops->gone(x->port->u, &x->path);
                x->lent = false;
            }
            again = true;       /* the list may have changed */
            break;
        }
    }
}

uint32_t fake_paths_held(void)
{
    fake_need();
    uint32_t held = 0;
    ADIT_LIST_EACH(n, &N.paths)
        held += ADIT_OF(n, struct path, node)->refs;
    return held;
}

void fake_mtu(uint32_t mtu)
{
    fake_need();
    N.mtu = mtu;
}

int fake_bound(uint32_t protocol, const struct adit_addr *our)
{
    fake_need();
    ADIT_LIST_EACH(n, &N.ports) {
        struct adit_port *p = ADIT_OF(n, struct adit_port, node);
        if (p->protocol == protocol && hears(&p->at, our))
            return 1;
    }
    return 0;
}
