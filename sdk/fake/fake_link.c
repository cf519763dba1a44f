/* fake_link.c - links and requests: what the host asks of a plugin. */
#include "fake_in.h"

struct frame_rx {
    struct adit_node node;
    uint8_t *data;
    uint32_t len;
};

struct adit_link {
    struct fake_link pub;       /* first */
    struct adit_node node;
    struct fake_self *self;
    struct adit_node frames;
    struct frame_rx *taken;
    char *text;
    void *strings[16];          /* copies that info points to: of open(), then of up() */
    uint32_t string_count;
};

struct request {
    struct adit_node node;
    adit_request id;
    struct fake_self *self;
    bool done;
    int32_t status;
    void *answer;
    void *parts[8];             /* copies that the answer points to */
    uint32_t part_count;
    struct adit_attrs *attrs;
};

static struct {
    struct adit_node links, requests;
    uint32_t count, active, ports;
    int32_t refuse;
    adit_request next;
    struct fake_failed failed;
} K;

void fake_link_begin(void)
{
    memset(&K, 0, sizeof K);
    adit_list_init(&K.links);
    adit_list_init(&K.requests);
    K.ports = UINT32_MAX;
    K.next = 0x100000001u;
}

static void frame_free(struct frame_rx *f)
{
    if (!f)
        return;
    free(f->data);
    free(f);
}

void fake_link_end(void)
{
    ADIT_LIST_EACH(n, &K.links) {
        struct adit_link *l = ADIT_OF(n, struct adit_link, node);
        ADIT_LIST_EACH(m, &l->frames)
            frame_free(ADIT_OF(m, struct frame_rx, node));
        frame_free(l->taken);
        for (uint32_t i = 0; i < l->string_count; i++)
            free(l->strings[i]);
        free(l->text);
        free(l);
    }
    ADIT_LIST_EACH(n, &K.requests) {
        struct request *r = ADIT_OF(n, struct request, node);
        for (uint32_t i = 0; i < r->part_count; i++)
            free(r->parts[i]);
        plug_attr_api.free(r->attrs);
        free(r->answer);
        free(r);
    }
}

/* ---- links: the plugin's side -------------------------------------------------------- */

static const void *keep(struct adit_link *l, const void *p, size_t n)
{
    if (!p || l->string_count == sizeof l->strings / sizeof l->strings[0])
        return NULL;
    return l->strings[l->string_count++] = fake_dup(p, n);
}

static const char *keep_str(struct adit_link *l, const char *s)
{
    return s ? keep(l, s, strlen(s) + 1) : NULL;
}

static void info_copy(struct adit_link *l, const struct adit_link_info *from)
{
    struct adit_link_info *to = &l->pub.info;
    memset(to, 0, sizeof *to);
    memcpy(to, from, from->size < sizeof *to ? from->size : sizeof *to);
    to->calling = keep_str(l, to->calling);
    to->called = keep_str(l, to->called);
    to->peer_host = keep_str(l, to->peer_host);
    to->proxy_lcp_sent = keep(l, to->proxy_lcp_sent, to->proxy_lcp_sent_len);
    to->proxy_lcp_rcvd = keep(l, to->proxy_lcp_rcvd, to->proxy_lcp_rcvd_len);
    to->proxy_name = keep_str(l, to->proxy_name);
    to->proxy_challenge = keep(l, to->proxy_challenge, to->proxy_challenge_len);
    to->proxy_response = keep(l, to->proxy_response, to->proxy_response_len);
}

static struct adit_link *link_new(struct fake_self *self, void *call)
{
    struct adit_link *l = fake_alloc(sizeof *l);
    l->self = self;
    l->pub = (struct fake_link){ .state = FAKE_LINK_OPEN, .text = "", .handle = l, .call = call,
                                 .self = &self->self };
    adit_list_init(&l->frames);
    adit_list_add(&K.links, &l->node);
    self->owned[OWN_LINK]++;
    K.count++;
    K.active++;
    return l;
}

static int32_t link_open(struct adit_self *self, const struct adit_link_info *info, void *call,
                         struct adit_link **out)
{
    struct fake_self *s = fake_self_of(self, "link->open()");
    if (!s)
        return ADIT_EINVAL;
    if (s->face->kind != ADIT_KIND_TUNNEL)
        fake_trouble("link->open(): %s is not a tunnel", s->name);
    if (!info || info->size < 8)
        fake_trouble("link->open(): info has no size");
    if (K.refuse)
        return K.refuse;
    if (K.active >= K.ports)
        return ADIT_EBUSY;
    struct adit_link *l = link_new(s, call);
    info_copy(l, info);
    *out = l;
    return 0;
}

/* A link that may be used; a trouble when it is down. */
static bool alive(const struct adit_link *l, const char *call)
{
    ADIT_LIST_EACH(n, &K.links)
        if (ADIT_OF(n, struct adit_link, node) == l) {
            if (l->pub.state == FAKE_LINK_DOWN)
                fake_trouble("link->%s(): the link is down, its handle is invalid", call);
            return l->pub.state != FAKE_LINK_DOWN;
        }
    fake_trouble("link->%s(): not a link", call);
    return false;
}

static void link_up(struct adit_link *l, const struct adit_link_info *info)
{
    if (!alive(l, "up"))
        return;
    if (l->pub.state == FAKE_LINK_UP) {
        fake_trouble("link->up(): the link is up already");
        return;
    }
    if (info)
        info_copy(l, info);
    l->pub.state = FAKE_LINK_UP;
}

static void link_rx(struct adit_link *l, struct adit_frame **v, uint32_t n)
{
    if (!alive(l, "rx") || !fake_vector_ok("link->rx()", v, n))
        return;
    if (l->pub.state != FAKE_LINK_UP) {
        fake_trouble("link->rx(): the link is not up");
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        struct frame_rx *f = fake_alloc(sizeof *f);
        f->data = fake_dup(v[i]->data, v[i]->len);
        f->len = v[i]->len;
        adit_list_add(&l->frames, &f->node);
        l->pub.frames++;
    }
}

static void link_down(struct adit_link *l, uint32_t cause, const char *text)
{
    if (!alive(l, "down"))
        return;
    l->text = fake_strdup(text ? text : "");
    l->pub.text = l->text;
    l->pub.cause = cause;
    l->pub.state = FAKE_LINK_DOWN;
    l->self->owned[OWN_LINK]--;
    K.active--;
}

static void link_failed(struct adit_self *self, const struct adit_link_info *info, uint32_t cause,
                        const char *text)
{
    if (!fake_self_of(self, "link->failed()"))
        return;
    if (!info || info->size < 8 || !info->peer.family)
        fake_trouble("link->failed(): whose attempt it was is not said");
    else
        K.failed.peer = info->peer;
    K.failed.count++;
    K.failed.cause = cause;
    snprintf(K.failed.text, sizeof K.failed.text, "%s", text ? text : "");
}

const struct fake_failed *fake_failed(void) { return &K.failed; }

const struct adit_link_api fake_link_api = {
    .size = sizeof(struct adit_link_api), .open = link_open, .up = link_up, .rx = link_rx,
    .down = link_down, .failed = link_failed,
};

/* ---- links: the test's side -------------------------------------------------------------- */

struct fake_link *fake_link(uint32_t nth)
{
    fake_need();
    ADIT_LIST_EACH(n, &K.links)
        if (nth-- == 0)
            return &ADIT_OF(n, struct adit_link, node)->pub;
    return NULL;
}

struct fake_link *fake_link_last(void)
{
    fake_need();
    return K.count ? fake_link(K.count - 1) : NULL;
}

uint32_t fake_links(void) { return K.count; }
uint32_t fake_links_active(void) { return K.active; }

void fake_ports(uint32_t n)
{
    fake_need();
    K.ports = n;
}

void fake_link_refuse(int32_t code)
{
    fake_need();
    K.refuse = code;
}

const uint8_t *fake_link_rx(struct fake_link *pub, uint32_t *len)
{
    struct adit_link *l = pub->handle;
    frame_free(l->taken);
    l->taken = NULL;
    if (len)
        *len = 0;
    if (adit_list_empty(&l->frames))
        return NULL;
    l->taken = ADIT_OF(l->frames.next, struct frame_rx, node);
    adit_list_del(&l->taken->node);
    if (len)
        *len = l->taken->len;
    return l->taken->data;
}

void fake_link_txv(struct fake_link *pub, const struct fake_bytes *v, uint32_t n)
{
    const struct adit_tunnel *vt = pub->handle->self->face->vtable;
    if (pub->state == FAKE_LINK_DOWN) {
        fake_trouble("fake_link_tx(): the test sends on a link that is down");
        return;
    }
    struct fake_vector f;
    fake_vector_init(&f, v, n, ADIT_ROOM);
    vt->tx(pub->call, f.v, f.n);
    fake_vector_fini(&f);
    if (ADIT_HAS(vt, flush))
        vt->flush(pub->self);
}

void fake_link_tx(struct fake_link *l, const void *data, size_t len)
{
    struct fake_bytes one = { data, len };
    fake_link_txv(l, &one, 1);
}

void fake_link_hangup(struct fake_link *l, uint32_t cause)
{
    const struct adit_tunnel *vt = l->handle->self->face->vtable;
    if (l->state == FAKE_LINK_DOWN)
        fake_trouble("fake_link_hangup(): the link is down");
    else
        vt->hangup(l->call, cause);
}

struct fake_link *fake_dial(struct adit_self *self, const struct adit_dial *d, int32_t *code)
{
    struct fake_self *s = fake_self_of(self, "fake_dial()");
    const struct adit_tunnel *vt = s ? s->face->vtable : NULL;
    if (!s || s->face->kind != ADIT_KIND_TUNNEL || !ADIT_HAS(vt, dial)) {
        fake_trouble("fake_dial(): not a tunnel that dials");
        return NULL;
    }
    struct adit_link *l = link_new(s, NULL);
    l->pub.info.size = sizeof l->pub.info;
    l->pub.info.role = ADIT_ROLE_DIAL;
    l->pub.info.peer = d->to;
    void *call = NULL;
    int32_t r = vt->dial(self, l, d, &call);
    if (code)
        *code = r;
    if (!r) {
        l->pub.call = call;
    } else if (l->pub.state == FAKE_LINK_DOWN) {
        fake_trouble("dial() returned %d and called link->down() too; one of them is enough", r);
    } else {
        l->pub.state = FAKE_LINK_DOWN;
        s->owned[OWN_LINK]--;
        K.active--;
    }
    return &l->pub;
}

/* ---- requests -------------------------------------------------------------------------------- */

static struct request *request_of(adit_request id)
{
    ADIT_LIST_EACH(n, &K.requests) {
        struct request *r = ADIT_OF(n, struct request, node);
        if (r->id == id)
            return r;
    }
    return NULL;
}

adit_request fake_ask(struct adit_self *self)
{
    struct fake_self *s = fake_self_of(self, "fake_ask()");
    if (!s)
        return 0;
    struct request *r = fake_alloc(sizeof *r);
    r->id = K.next++;
    r->self = s;
    s->owned[OWN_REQUEST]++;
    adit_list_add(&K.requests, &r->node);
    return r->id;
}

void fake_cancel(struct adit_self *self, adit_request req)
{
    struct fake_self *s = fake_self_of(self, "fake_cancel()");
    const struct request *r = request_of(req);
    if (!s || !r || r->done)
        return;
    const void *vt = s->face->vtable;
    void (*cancel)(struct adit_self *self, uint64_t req) = NULL;
    switch (s->face->kind) {
    case ADIT_KIND_AUTH:
        if (ADIT_HAS((const struct adit_auth *)vt, cancel))
            cancel = ((const struct adit_auth *)vt)->cancel;
        break;
    case ADIT_KIND_POOL:
        if (ADIT_HAS((const struct adit_pool *)vt, cancel))
            cancel = ((const struct adit_pool *)vt)->cancel;
        break;
    case ADIT_KIND_POLICY:
        if (ADIT_HAS((const struct adit_policy *)vt, cancel))
            cancel = ((const struct adit_policy *)vt)->cancel;
        break;
    case ADIT_KIND_SECURITY:
        if (ADIT_HAS((const struct adit_security *)vt, cancel))
            cancel = ((const struct adit_security *)vt)->cancel;
        break;
    default:
        break;
    }
    if (cancel)
        cancel(self, req);
}

static const void *part(struct request *r, const void *p, size_t n)
{
    if (!p || r->part_count == sizeof r->parts / sizeof r->parts[0])
        return NULL;
    return r->parts[r->part_count++] = fake_dup(p, n);
}

static const char *part_str(struct request *r, const char *s)
{
    return s ? part(r, s, strlen(s) + 1) : NULL;
}

static const struct adit_attrs *part_attrs(struct request *r, const struct adit_attrs *from)
{
    uint32_t pos = 0, id;
    const struct adit_value *v;
    if (!from)
        return NULL;
    r->attrs = plug_attr_api.make();
    while (plug_attr_api.next(from, &pos, &id, &v))
        plug_attr_api.put(r->attrs, id, v);
    return r->attrs;
}

/* The plugin's answer at the size of today, with everything that it points to. */
static void answer_copy(struct request *r, uint32_t kind, const void *answer)
{
    static const size_t sizes[] = {
        [ADIT_KIND_SECURITY] = sizeof(struct adit_security_info),
        [ADIT_KIND_AUTH] = sizeof(struct adit_auth_answer),
        [ADIT_KIND_POOL] = sizeof(struct adit_pool_answer),
        [ADIT_KIND_POLICY] = sizeof(struct adit_policy_answer),
    };
    size_t want = kind < sizeof sizes / sizeof sizes[0] ? sizes[kind] : 0;
    uint32_t size;
    memcpy(&size, answer, sizeof size);
    if (!want) {
        fake_trouble("request->done(): plugins of kind %u answer nothing", kind);
        return;
    }
    if (size < 8 || size > 65536) {
        fake_trouble("request->done(): the answer's size is %u", size);
        return;
    }
    r->answer = fake_alloc(want);
    memcpy(r->answer, answer, size < want ? size : want);
    if (kind == ADIT_KIND_AUTH) {
        struct adit_auth_answer *a = r->answer;
        if (a->verdict > ADIT_VERDICT_ERROR)
            fake_trouble("request->done(): verdict %u does not exist", a->verdict);
        if (a->key_len > sizeof a->send_key)
            fake_trouble("request->done(): key_len is %u", a->key_len);
        a->attrs = part_attrs(r, a->attrs);
        a->message = part_str(r, a->message);
        a->place = part_str(r, a->place);
        a->eap = part(r, a->eap, a->eap_len);
        a->state = part(r, a->state, a->state_len);
    } else if (kind == ADIT_KIND_POOL) {
        struct adit_pool_answer *a = r->answer;
        if (!r->status && !a->address.family)
            fake_trouble("request->done(): a lease without an address");
        a->attrs = part_attrs(r, a->attrs);
    } else if (kind == ADIT_KIND_POLICY) {
        struct adit_policy_answer *a = r->answer;
        if (a->grant > 1)
            fake_trouble("request->done(): grant is %u", a->grant);
        a->policy = part_str(r, a->policy);
        a->why = part_str(r, a->why);
        a->profile = part_attrs(r, a->profile);
        a->place = part_str(r, a->place);
    } else {
        struct adit_security_info *a = r->answer;
        a->name = part_str(r, a->name);
        a->identity = part_str(r, a->identity);
        a->transform = part_str(r, a->transform);
    }
}

static void request_done(struct adit_self *self, adit_request req, int32_t status,
                         const void *answer)
{
    struct fake_self *s = fake_self_of(self, "request->done()");
    struct request *r = request_of(req);
    if (!s)
        return;
    if (!r || r->self != s) {
        fake_trouble("request->done(): %s answers request %llu, which it was never asked", s->name,
                     (unsigned long long)req);
        return;
    }
    if (r->done) {
        fake_trouble("request->done(): %s answers request %llu a second time", s->name,
                     (unsigned long long)req);
        return;
    }
    if (status > 0)
        fake_trouble("request->done(): status %d; success is 0, failure is negative", status);
    if (!status && !answer)
        fake_trouble("request->done(): success without an answer");
    r->done = true;
    r->status = status;
    s->owned[OWN_REQUEST]--;
    if (answer)
        answer_copy(r, s->face->kind, answer);
    if (s->face->kind == ADIT_KIND_SECURITY)
        fake_net_answered(req, status, r->answer);
}

const struct adit_request_api fake_request_api = {
    .size = sizeof(struct adit_request_api), .done = request_done,
};

int fake_answered(adit_request req)
{
    const struct request *r = request_of(req);
    return r && r->done;
}

const void *fake_answer(adit_request req, int32_t *status)
{
    const struct request *r = request_of(req);
    if (status)
        *status = r && r->done ? r->status : ADIT_EAGAIN;
    return r ? r->answer : NULL;
}

uint32_t fake_requests_open(const struct adit_self *self)
{
    return (uint32_t)((const struct fake_self *)self)->owned[OWN_REQUEST];
}
