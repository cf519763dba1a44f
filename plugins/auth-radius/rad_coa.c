/* rad_coa.c - servers that change and end our sessions (RFC 5176).
 *
 * Knows:  who may ask, that nothing is done twice or late, which answer is due.
 * Leaves: what identifies a session and what attributes mean to rad_attr, the
 *         sessions themselves to host->session.
 *
 * A packet from an address that is not listed, with a wrong signature or at a wrong
 * time is not answered at all (RFC 5176 section 2.3, RFC 5080 section 2.2.3): whoever
 * sent it learns nothing.
 */
#include "rad_coa.h"

#include <stdio.h>
#include <stdlib.h>
#include <adit/table.h>
#include "rad_attr.h"
#include "rad_dict.h"

#define PORT     3799u
#define KEPT_MAX 4096u          /* answers that are remembered */
#define KEPT_MS  60000u         /* at least so long */
#define FEW      16u            /* sessions that need no memory of their own */

#define EV(var, name_, level_, sentence_, keys_)                                     \
    const struct adit_event var = { sizeof(struct adit_event), (level_), (name_), (sentence_), (keys_) }

EV(rad_ev_coa_unlisted, "radius.coa.unlisted", ADIT_LOG_WARN,
   "A packet came to the CoA port from an address that is not among its clients.", "peer remedy");
EV(rad_ev_coa_forged, "radius.coa.forged", ADIT_LOG_WARN,
   "A packet of a CoA client is not signed with its secret, or is no request.", "peer text remedy");
EV(rad_ev_coa_stale, "radius.coa.stale", ADIT_LOG_WARN,
   "A CoA or Disconnect request is too old, from the future, or does not say when it was made.",
   "peer seconds remedy");
EV(rad_ev_coa_done, "radius.coa.done", ADIT_LOG_NOTICE,
   "A server changed or ended sessions.", "peer request session sessions");
EV(rad_ev_coa_refused, "radius.coa.refused", ADIT_LOG_NOTICE,
   "A CoA or Disconnect request was answered with a NAK.", "peer request error text");

struct client {
    struct adit_addr network;
    struct rad_key key;
    uint8_t *secret;
    uint32_t ma;                /* RAD_MA_REQUIRED, or 0 */
};

/* A request that was answered: when it comes again, so does its answer. */
struct kept {
    struct adit_entry entry;
    struct adit_node node;      /* the oldest first */
    uint64_t until;
    uint32_t len;
    uint8_t id;
    uint8_t authenticator[16];
    uint8_t answer[];
};

struct rad_coa {
    struct adit_self *self;
    const struct rad_coa_conf *conf;
    const struct rad_nas_conf *nas;
    uint32_t counter;
    struct adit_port *port;
    struct client *clients;
    uint32_t client_count;
    struct adit_table kept;
    struct adit_node oldest;
    uint32_t kept_count;
    uint64_t seed;
};

static void count(struct rad_coa *c, enum rad_coa_counter which)
{
    adit_count(c->self, c->counter + (uint32_t)which);
}

static const struct rad_coa_client_conf *client_conf(const struct rad_coa_conf *conf, uint32_t i)
{
    return (const struct rad_coa_client_conf *)(const void *)
        ((const char *)conf->clients.items + (size_t)i * conf->clients.stride);
}

/* ---- who asks ---------------------------------------------------------------------------- */

/* The most particular network counts: one host of it may have a secret of its own. */
static const struct client *client_of(const struct rad_coa *c, const struct adit_addr *peer)
{
    const struct client *best = NULL;
    for (uint32_t i = 0; i < c->client_count; i++)
        if (adit_in_network(&c->clients[i].network, peer) &&
            (!best || c->clients[i].network.prefix > best->network.prefix))
            best = &c->clients[i];
    return best;
}

/* ---- again -------------------------------------------------------------------------------- */

static uint32_t kept_hash(const struct rad_coa *c, const uint8_t authenticator[16])
{
    return adit_hash_of(authenticator, 16, c->seed);
}

static void kept_free(struct rad_coa *c, struct kept *k)
{
    adit_table_del(&c->kept, &k->entry);
    adit_list_del(&k->node);
    c->kept_count--;
    free(k);
}

/* The authenticator is a digest of the whole request and the secret, so the same one
 * is the same request. Where it comes from is of no importance: who sends it again may
 * write any address of the client's network on it. */
static struct kept *kept_find(struct rad_coa *c, const struct rad_in *in)
{
    for (struct adit_entry *e = adit_table_first(&c->kept, kept_hash(c, in->authenticator)); e;
         e = adit_table_next(&c->kept, e)) {
        struct kept *k = ADIT_OF(e, struct kept, entry);
        if (k->id == in->id && memcmp(k->authenticator, in->authenticator, 16) == 0)
            return k;
    }
    return NULL;
}

static void kept_add(struct rad_coa *c, const struct rad_in *in, const uint8_t *answer, uint32_t len)
{
    uint64_t now = c->self->host->loop->now();
    ADIT_LIST_EACH(n, &c->oldest) {
        struct kept *k = ADIT_OF(n, struct kept, node);
        if (k->until > now && c->kept_count < KEPT_MAX)
            break;
        kept_free(c, k);
    }
    struct kept *k = calloc(1, sizeof *k + len);
    if (!k)
        return;                 /* done twice, if it comes twice: most changes are the same then */
    /* As long as its Event-Timestamp would be accepted: from the window's future end
     * to its past one. */
    k->until = now + (2 * c->conf->window_ms > KEPT_MS ? 2 * c->conf->window_ms : KEPT_MS);
    k->id = in->id;
    k->len = len;
    memcpy(k->authenticator, in->authenticator, 16);
    memcpy(k->answer, answer, len);
    adit_table_add(&c->kept, kept_hash(c, in->authenticator), &k->entry);
    adit_list_add(&c->oldest, &k->node);
    c->kept_count++;
}

void rad_coa_inherit(struct rad_coa *c, struct rad_coa *from)
{
    ADIT_LIST_EACH(n, &from->oldest) {
        struct kept *k = ADIT_OF(n, struct kept, node);
        adit_table_del(&from->kept, &k->entry);
        adit_list_del(n);
        from->kept_count--;
        adit_table_add(&c->kept, kept_hash(c, k->authenticator), &k->entry);
        adit_list_add(&c->oldest, n);
        c->kept_count++;
    }
}

/* ---- what is asked ------------------------------------------------------------------------ */

/* What comes of a request. */
struct outcome {
    uint32_t error;             /* Error-Cause; 0: done */
    uint32_t sessions;          /* that it was done to */
    char session[64];           /* the first of them */
};

static uint32_t error_of(int32_t rc)
{
    switch (rc) {
    case 0:            return 0;
    case ADIT_ENOENT:  return RAD_ERROR_SESSION_NOT_FOUND;
    case ADIT_ENOSYS:  return RAD_ERROR_UNSUPPORTED_ATTRIBUTE;
    case ADIT_EINVAL:  return RAD_ERROR_INVALID_VALUE;
    case ADIT_EDENIED: return RAD_ERROR_PROHIBITED;
    default:           return RAD_ERROR_RESOURCES;
    }
}

/* What it changes, into `values`. A Disconnect-Request may change nothing (RFC 5176
 * section 3.6: only what identifies, a reason and a text). */
static uint32_t changes(struct rad_coa *c, const struct rad_in *in, struct adit_attrs *values)
{
    const struct adit_host *h = c->self->host;
    struct rad_in as_coa = *in;
    struct rad_attr a;
    uint32_t service, bad, ignored, pos = 0, id;
    const struct adit_value *v;
    if (rad_find(in, 0, RAD_SERVICE_TYPE, &a) && (!rad_u32(&a, &service) || service != RAD_SERVICE_FRAMED))
        return RAD_ERROR_UNSUPPORTED_SERVICE;   /* Authorize-Only among them: section 3.2 */
    as_coa.code = RAD_COA_REQUEST;
    rad_attr_honour(c->self, &as_coa, values, &bad, &ignored);
    h->attr->del(values, ADIT_ATTR_MESSAGE);    /* PPP has nobody to show it to */
    if (bad)
        return RAD_ERROR_INVALID_VALUE;
    if (ignored)
        return RAD_ERROR_UNSUPPORTED_ATTRIBUTE;
    if (in->code == RAD_DISCONNECT_REQUEST)
        h->attr->del(values, ADIT_ATTR_CLASS);  /* says which session was meant */
    bool any = h->attr->next(values, &pos, &id, &v);
    if (in->code == RAD_DISCONNECT_REQUEST)
        return any ? RAD_ERROR_UNSUPPORTED_ATTRIBUTE : 0;
    return any ? 0 : RAD_ERROR_MISSING_ATTRIBUTE;
}

static void apply(struct rad_coa *c, const struct rad_in *in, const uint64_t *sessions, uint32_t n,
                  const struct adit_attrs *values, struct outcome *out)
{
    const struct adit_session_api *s = c->self->host->session;
    out->error = RAD_ERROR_SESSION_NOT_FOUND;
    for (uint32_t i = 0; i < n; i++) {
        const struct adit_attrs *attrs = s->attrs(c->self, sessions[i]);
        const char *id = attrs ? adit_attr_str(c->self->host, attrs, ADIT_ATTR_SESSION) : NULL;
        char name[sizeof out->session];
        snprintf(name, sizeof name, "%s", id ? id : "");
        /* Values fit every session or none, so the first that refuses is the first. */
        int32_t rc = in->code == RAD_COA_REQUEST
            ? s->revise(c->self, sessions[i], values)
            : s->drop(c->self, sessions[i], ADIT_CAUSE_ADMIN, "A RADIUS server asked for it.");
        if (rc == ADIT_ENOENT)
            continue;           /* it ended meanwhile */
        out->error = error_of(rc);
        if (rc)
            return;
        if (!out->sessions++)
            memcpy(out->session, name, sizeof name);
        count(c, in->code == RAD_COA_REQUEST ? RAD_COA_CHANGED : RAD_COA_ENDED);
    }
}

static void carry_out(struct rad_coa *c, const struct rad_in *in, struct outcome *out)
{
    const struct adit_host *h = c->self->host;
    struct adit_attrs *which = h->attr->make(), *values = h->attr->make();
    uint64_t few[FEW], *sessions = few;
    uint32_t n = 0;
    out->error = which && values ? rad_attr_match(c->self, c->nas, in, which) : RAD_ERROR_RESOURCES;
    if (!out->error)
        out->error = changes(c, in, values);
    if (!out->error && !ADIT_HAS(h, session))
        out->error = RAD_ERROR_UNSUPPORTED_EXTENSION;   /* a host of old */
    if (!out->error) {
        n = h->session->find(c->self, which, few, FEW);
        if (n > FEW) {
            uint32_t room = n;
            sessions = calloc(room, sizeof *sessions);
            n = sessions ? h->session->find(c->self, which, sessions, room) : 0;
            n = n < room ? n : room;
        }
        if (sessions)
            apply(c, in, sessions, n, values, out);
        else
            out->error = RAD_ERROR_RESOURCES;
    }
    if (sessions != few)
        free(sessions);
    h->attr->free(which);
    h->attr->free(values);
}

/* ---- answering ------------------------------------------------------------------------------ */

static uint32_t write_answer(const struct client *from, const struct rad_in *in, const struct outcome *out,
                             struct rad_out *o)
{
    bool coa = in->code == RAD_COA_REQUEST;
    rad_begin_answer(o, &from->key, out->error ? (coa ? RAD_COA_NAK : RAD_DISCONNECT_NAK)
                                               : (coa ? RAD_COA_ACK : RAD_DISCONNECT_ACK),
                     in->authenticator);
    if (out->error)
        rad_put_u32(o, RAD_ERROR_CAUSE, out->error);
    /* As they came, in order (RFC 5176 sections 3.1, 3.3; RFC 2865 section 5.33). */
    for (struct rad_attr a = { 0 }; rad_next(in, &a);)
        if (!a.vendor && !a.bad && (a.type == RAD_PROXY_STATE || (a.type == RAD_STATE && coa)))
            rad_put(o, a.type, a.p, a.len);
    return rad_finish(o, in->id);
}

static void send_bytes(struct rad_coa *c, struct adit_path *path, const uint8_t *p, uint32_t len)
{
    uint8_t buf[RAD_MAX + 2 * ADIT_ROOM];
    struct adit_frame f = adit_frame_of(buf, sizeof buf, ADIT_ROOM, len);
    struct adit_frame *v[] = { &f };
    memcpy(f.data, p, len);
    c->self->host->path->tx(path, v, 1);
}

static void forged(struct rad_coa *c, const struct adit_addr *peer, const char *text, const char *remedy)
{
    count(c, RAD_COA_FORGED);
    if (c->self->host->log->allow(c->self, &rad_ev_coa_forged, 6))
        adit_event(c->self, &rad_ev_coa_forged, ADIT_KV_ADDR("peer", peer), ADIT_KV_S("text", text),
                   ADIT_KV_S("remedy", remedy));
}

static bool verified(struct rad_coa *c, const struct client *from, const struct adit_addr *peer,
                     const struct rad_in *in)
{
    if (in->code != RAD_COA_REQUEST && in->code != RAD_DISCONNECT_REQUEST) {
        forged(c, peer, "it is neither a CoA-Request nor a Disconnect-Request", "");
        return false;
    }
    switch (rad_verify_request(in, &from->key, from->ma)) {
    case RAD_OK:
        return true;
    case RAD_NO_MESSAGE_AUTHENTICATOR:
        forged(c, peer, "it has no Message-Authenticator",
               "let the server send one, or set message-authenticator: auto for it in coa.clients");
        return false;
    default:
        forged(c, peer, "it is signed with another secret",
               "set the same secret there and in coa.clients");
        return false;
    }
}

/* RFC 5176 section 6.3 */
static bool timely(struct rad_coa *c, const struct adit_addr *peer, const struct rad_in *in)
{
    struct rad_attr a;
    uint32_t at = 0;
    if (!c->conf->window_ms)
        return true;
    bool has = rad_find(in, 0, RAD_EVENT_TIMESTAMP, &a) && rad_u32(&a, &at);
    uint64_t now = c->self->host->loop->wall(), then = (uint64_t)at * 1000;
    uint64_t off = now > then ? now - then : then - now;
    /* whole seconds: what is made now may look up to one old */
    if (has && off <= c->conf->window_ms + 999)
        return true;
    count(c, RAD_COA_STALE);
    if (c->self->host->log->allow(c->self, &rad_ev_coa_stale, 6)) {
        if (has)
            adit_event(c->self, &rad_ev_coa_stale, ADIT_KV_ADDR("peer", peer),
                       ADIT_KV_U("seconds", off / 1000),
                       ADIT_KV_S("remedy", "set the clocks of both hosts by NTP"));
        else
            adit_event(c->self, &rad_ev_coa_stale, ADIT_KV_ADDR("peer", peer),
                       ADIT_KV_S("remedy", "let the server send Event-Timestamp, or set window: 0s"));
    }
    return false;
}

static void tell(struct rad_coa *c, const struct adit_addr *peer, const struct rad_in *in,
                 const struct outcome *out)
{
    const char *request = in->code == RAD_COA_REQUEST ? "CoA" : "Disconnect";
    if (!out->error) {
        adit_event(c->self, &rad_ev_coa_done, ADIT_KV_ADDR("peer", peer), ADIT_KV_S("request", request),
                   ADIT_KV_S("session", out->session), ADIT_KV_U("sessions", out->sessions));
        return;
    }
    count(c, RAD_COA_REFUSED);
    if (!c->self->host->log->allow(c->self, &rad_ev_coa_refused, 60))
        return;
    char text[RAD_PAIR_TEXT];
    const uint8_t value[4] = { 0, 0, (uint8_t)(out->error >> 8), (uint8_t)out->error };
    const struct rad_attr error = { .type = RAD_ERROR_CAUSE, .len = 4, .p = value };
    rad_dict_text(&error, text, sizeof text);
    adit_event(c->self, &rad_ev_coa_refused, ADIT_KV_ADDR("peer", peer), ADIT_KV_S("request", request),
               ADIT_KV_U("error", out->error), ADIT_KV_S("text", text));
}

static void receive(struct rad_coa *c, struct adit_path *path, const uint8_t *p, uint32_t len)
{
    struct rad_in in;
    struct rad_out o;
    struct outcome out = { 0 };
    const struct adit_addr *peer = &path->peer;
    const struct client *from = client_of(c, peer);
    if (!from) {
        count(c, RAD_COA_UNLISTED);
        if (c->self->host->log->allow(c->self, &rad_ev_coa_unlisted, 6))
            adit_event(c->self, &rad_ev_coa_unlisted, ADIT_KV_ADDR("peer", peer),
                       ADIT_KV_S("remedy", "add it to coa.clients, when it is a server of yours"));
        return;
    }
    if (!rad_open(&in, p, len)) {
        forged(c, peer, "it is no RADIUS packet", "");
        return;
    }
    if (!verified(c, from, peer, &in) || !timely(c, peer, &in))
        return;
    count(c, RAD_COA_REQUESTS);
    const struct kept *k = kept_find(c, &in);
    if (k) {
        count(c, RAD_COA_DUPLICATE);
        send_bytes(c, path, k->answer, k->len);
        return;
    }
    carry_out(c, &in, &out);
    tell(c, peer, &in, &out);
    uint32_t n = write_answer(from, &in, &out, &o);
    if (!n)
        return;                 /* the Proxy-States of a chain fill the packet */
    kept_add(c, &in, o.bytes, n);
    send_bytes(c, path, o.bytes, n);
}

static void rx(void *u, struct adit_path *path, struct adit_frame **v, uint32_t n)
{
    struct rad_coa *c = u;
    for (uint32_t i = 0; i < n && c->port; i++)
        receive(c, path, v[i]->data, v[i]->len);
}

static void path_gone(void *u, struct adit_path *path)
{
    (void)u;                    /* none is held */
    (void)path;
}

static const struct adit_path_ops path_ops = { .size = sizeof path_ops, .rx = rx, .gone = path_gone };

/* ---- life ------------------------------------------------------------------------------------- */

void rad_coa_free(struct rad_coa *c)
{
    if (!c)
        return;
    rad_coa_stop(c);
    for (uint32_t i = 0; i < c->client_count; i++) {
        bytes_wipe(c->clients[i].secret, c->clients[i].key.secret_len);
        free(c->clients[i].secret);
    }
    ADIT_LIST_EACH(n, &c->oldest)
        kept_free(c, ADIT_OF(n, struct kept, node));
    adit_table_fini(&c->kept);
    free(c->clients);
    free(c);
}

struct rad_coa *rad_coa_new(struct adit_self *self, const struct rad_coa_conf *conf,
                            const struct rad_nas_conf *nas, uint32_t counter)
{
    struct rad_coa *c = calloc(1, sizeof *c);
    if (c)
        c->clients = calloc(conf->clients.count + 1u, sizeof *c->clients);
    if (!c || !c->clients) {
        free(c);
        (void)adit_fail(self, ADIT_ENOMEM, "out of memory");
        return NULL;
    }
    c->self = self;
    c->conf = conf;
    c->nas = nas;
    c->counter = counter;
    adit_list_init(&c->oldest);
    self->host->crypto->random(&c->seed, sizeof c->seed);
    for (uint32_t i = 0; i < conf->clients.count; i++) {
        const struct rad_coa_client_conf *cc = client_conf(conf, i);
        struct client *k = &c->clients[i];
        k->network = cc->network;
        k->ma = cc->message_authenticator == RAD_REQUIRE ? RAD_MA_REQUIRED : 0;
        k->secret = rad_secret(self, "coa.clients", cc->secret, cc->secret_file, &k->key.secret_len);
        if (!k->secret) {
            rad_coa_free(c);
            return NULL;
        }
        k->key.crypto = self->host->crypto;
        k->key.secret = k->secret;
        c->client_count = i + 1;
    }
    if ((conf->listen.family || conf->listen.port) && !c->client_count) {
        (void)adit_fail(self, ADIT_ECONF, "coa.listen is set, but coa.clients is empty: nobody could ask; "
                        "name the servers that may");
        rad_coa_free(c);
        return NULL;
    }
    return c;
}

int32_t rad_coa_start(struct rad_coa *c)
{
    struct adit_addr at = c->conf->listen;
    if (c->port || (!at.family && !at.port))
        return 0;
    if (!at.port)
        at.port = PORT;
    int32_t rc = c->self->host->path->bind(c->self, ADIT_PROTO_UDP, &at, 0, &path_ops, c, &c->port);
    if (rc)
        return adit_fail(c->self, rc, "coa.listen: UDP port %u cannot be bound; does another program "
                         "have it?", at.port);
    return 0;
}

void rad_coa_stop(struct rad_coa *c)
{
    struct adit_port *port = c->port;
    c->port = NULL;
    if (port)
        c->self->host->path->unbind(port);
}

void rad_coa_report(struct rad_coa *c, struct adit_report *r)
{
    static const char *const names[] = {
#define RAD_X(NAME, name, text) name,
        RAD_COA_COUNTER_MAP(RAD_X)
#undef RAD_X
    };
    const struct adit_host *h = c->self->host;
    adit_report_put_bool(h, r, "listening", c->port != NULL);
    adit_report_put_u(h, r, "port", c->conf->listen.port ? c->conf->listen.port : PORT);
    adit_report_put_u(h, r, "clients", c->client_count);
    for (uint32_t i = 0; i < RAD_COA_COUNTERS; i++)
        adit_report_put_u(h, r, names[i], c->self->counters[c->counter + i]);
}
