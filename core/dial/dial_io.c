/* dial_io.c - section `dial:`, and the dialler's world: names, sessions, secrets, children.
 *
 * Knows:  the section, which tunnel and which security layer serve a type, threads for
 *         names.
 * Leaves: the order of a dial to dial, the host's side to apply.
 */
#include "dial/dial_io.h"

#include <errno.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "base/addr.h"
#include "base/attr.h"
#include "datapath/dp.h"
#include "dial/apply.h"
#include "dial/demand.h"
#include "dial/resolv.h"
#include "log/log.h"
#include "loop/loop.h"
#include "plugin/plug.h"

static const struct adit_word access_words[] = {
    { "owner", DIAL_FOR_OWNER, 0 }, { "group", DIAL_FOR_GROUP, 0 }, { "all", DIAL_FOR_ALL, 0 }, { NULL, 0, 0 },
};
static const struct adit_word may_words[] = {
    { "system-entries", BOOK_MAY_SYSTEM, 0 }, { "own-entries", BOOK_MAY_OWN, 0 }, { "routes", BOOK_MAY_ROUTES, 0 },
    { "default-route", BOOK_MAY_DEFAULT, 0 }, { "dns", BOOK_MAY_DNS, 0 }, { NULL, 0, 0 },
};
static const struct adit_word dns_words[] = {
    { "auto", RESOLV_AUTO, 0 }, { "resolved", RESOLV_RESOLVED, 0 }, { "resolvconf", RESOLV_RESOLVCONF, 0 },
    { "file", RESOLV_FILE, 0 }, { "none", RESOLV_NONE, 0 }, { NULL, 0, 0 },
};

#define R ADIT_OPT_RELOAD
// clang-format off
const struct adit_opt dial_opts[] = {
    ADIT_OPT(FILE, dial_conf, phone_book, "phone-book", ADIT_CONF_DIR "/phonebook.yaml", R, "The phone book: entries that can be dialled."),
    ADIT_OPT(FILE, dial_conf, socket, "socket", NULL, 0, "The socket on which users without privileges dial; dial.sock beside the control socket."),
    ADIT_OPT_WORDS(ENUM, dial_conf, access, "access", access_words, "group", 0, "Who may use that socket: its owner (root), a group, or all."),
    ADIT_OPT(STR, dial_conf, group, "group", "adit", 0, "The group, with access: group; one that is not there has no members."),
    ADIT_OPT_WORDS(FLAGS, dial_conf, user_may, "user-may", may_words, "[system-entries, own-entries, routes, default-route, dns]", R, "What users without privileges may ask for."),
    ADIT_OPT_WORDS(ENUM, dial_conf, dns, "dns", dns_words, "auto", 0, "How DNS servers of connections are asked: by systemd-resolved, resolvconf, or the file."),
    ADIT_OPT(FILE, dial_conf, resolv_conf, "resolv-conf", "/etc/resolv.conf", 0, "That file."),
    ADIT_OPT_END
};
// clang-format on
#undef R

/* ---- the plan ----------------------------------------------------------------------- */

struct dial_plan {
    struct dial_conf c;
    struct conf_mem *mem;
    struct book *book;
};

static struct dial_plan *in_force;

/* Packet filters are named in another file. */
static int32_t check_filters(const struct book *b, const struct conf_node *root, const struct conf_err *err)
{
    const struct conf_node *list = conf_get(root, "filters");
    struct book_entry *e;
    int32_t rc = 0;
    for (uint32_t i = 0; (e = book_nth(b, i)); i++) {
        const char *const names[] = { e->c.dial_filter, e->c.filter_in, e->c.filter_out };
        static const char *const keys[] = { "dial-filter", "filter-in", "filter-out" };
        for (size_t k = 0; k < 3; k++) {
            bool found = !names[k];
            for (uint32_t f = 0; !found && f < conf_count(list); f++) {
                const char *name = conf_str(conf_get(conf_item(list, f), "name"));
                found = name && !strcmp(name, names[k]);
            }
            if (!found)
                rc = conf_error(list ? list : root, err, "entry '%s' of the phone book: %s: no filter is named "
                                "'%.60s'", e->name, keys[k], names[k]);
        }
    }
    return rc;
}

struct dial_plan *dial_plan_new(const struct conf_node *root, const struct conf_err *err)
{
    const struct conf_node *n = conf_get(root, "dial");
    struct dial_plan *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    if (!conf_fill(n, dial_opts, sizeof(struct adit_opt), NULL, sizeof p->c, &p->c, &p->mem, err))
        p->book = book_read(p->c.phone_book, conf_get(n, "phone-book") != NULL, err);
    if (p->book && !check_filters(p->book, root, err))
        return p;
    dial_plan_free(p);
    return NULL;
}

void dial_plan_free(struct dial_plan *p)
{
    if (!p)
        return;
    book_free(p->book);
    conf_mem_free(p->mem);
    free(p);
}

const struct dial_conf *dial_plan_conf(const struct dial_plan *p) { return &p->c; }
const struct dial_conf *dial_conf_get(void) { return &in_force->c; }
const struct book *dial_book(void) { return in_force ? in_force->book : NULL; }
static struct book_entry *find(const char *name) { return book_find(dial_book(), name); }

/* ---- clocks --------------------------------------------------------------------------- */

static uint32_t chance(uint32_t below)
{
    uint32_t r = 0;
    (void)!getrandom(&r, sizeof r, GRND_NONBLOCK);
    return below ? r % below : 0;
}

static void *timer_new(void (*fire)(void *u), void *u) { return loop_timer_new(fire, u); }
static void timer_set(void *t, uint64_t after_ms) { loop_timer_set(t, after_ms); }
static void timer_stop(void *t) { loop_timer_stop(t); }
static void timer_free(void *t) { loop_timer_free(t); }

/* ---- names, on a thread ------------------------------------------------------------------ */

#define LOOKUPS_MAX 2u          /* at once: the threads are also of keys and passwords */

struct lookup {
    struct adit_node node;      /* while it waits for a thread */
    char name[256];
    void (*done)(void *u, int32_t rc, const struct adit_addr *list, uint32_t n, const char *why);
    void *u;
    bool cancelled;
    int error;
    uint32_t count;
    struct adit_addr addr[DIAL_ADDRESSES];
};

static struct adit_node lookups = { &lookups, &lookups };
static uint32_t looking;

static void lookup_run(void *u)
{
    struct lookup *l = u;
    struct addrinfo *list = NULL, hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM,
                                            .ai_flags = AI_ADDRCONFIG };
    l->error = getaddrinfo(l->name, NULL, &hints, &list);
    for (struct addrinfo *a = list; a && l->count < DIAL_ADDRESSES; a = a->ai_next) {
        addr_of_sa(a->ai_addr, &l->addr[l->count]);
        l->addr[l->count].port = 0;
        l->count += l->addr[l->count].family != ADIT_AF_NONE;
    }
    if (list)
        freeaddrinfo(list);
}

static void lookup_done(void *u, int32_t status);

static bool lookup_start(struct lookup *l)
{
    bool ok = loop_work(lookup_run, lookup_done, l) != NULL;
    looking += ok;
    return ok;
}

static void lookup_done(void *u, int32_t status)
{
    struct lookup *l = u;
    looking--;
    while (looking < LOOKUPS_MAX && !adit_list_empty(&lookups)) {
        struct lookup *next = ADIT_OF(lookups.next, struct lookup, node);
        adit_list_del(&next->node);
        if (!lookup_start(next)) {
            next->done(next->u, ADIT_ENOMEM, NULL, 0, "no thread can be had");
            free(next);
        }
    }
    if (!l->cancelled)
        l->done(l->u, status || l->error || !l->count ? ADIT_ENOENT : 0, l->addr, l->count,
                l->error ? gai_strerror(l->error) : "it has no address");
    free(l);
}

static void *resolve(const char *name, void (*done)(void *u, int32_t rc, const struct adit_addr *list, uint32_t n,
                                                    const char *why), void *u)
{
    struct lookup *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    snprintf(l->name, sizeof l->name, "%s", name);
    l->done = done;
    l->u = u;
    if (looking >= LOOKUPS_MAX)
        adit_list_add(&lookups, &l->node);
    else if (!lookup_start(l)) {
        free(l);
        return NULL;
    }
    return l;
}

static void resolve_cancel(void *r)
{
    struct lookup *l = r;
    l->cancelled = true;
    if (l->node.next) {         /* no thread has it */
        adit_list_del(&l->node);
        free(l);
    }
}

/* ---- commands ---------------------------------------------------------------------------- */

struct command {
    void (*done)(void *u, int32_t rc, const char *why);
    void *u;
    bool cancelled;
};

static void command_done(void *u, int status, const char *out)
{
    struct command *c = u;
    char why[256];
    bool ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    size_t n = out ? strlen(out) : 0;
    const char *last = out ? out : "";
    while (n && last[n - 1] == '\n')
        n--;
    for (size_t i = n; i > 0; i--)      /* its last line */
        if (last[i - 1] == '\n') {
            last += i;
            n -= i;
            break;
        }
    snprintf(why, sizeof why, "%s %d%s%.*s", WIFEXITED(status) ? "exit status" : "signal",
             WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status), n ? ": " : "", (int)(n < 160 ? n : 160), last);
    if (!c->cancelled)
        c->done(c->u, ok ? 0 : ADIT_EIO, why);
    free(c);
}

static void *run(const struct adit_array *words, void (*done)(void *u, int32_t rc, const char *why), void *u)
{
    struct command *c = calloc(1, sizeof *c);
    const char **argv = calloc(words->count + 1, sizeof *argv);
    for (uint32_t i = 0; argv && i < words->count; i++)
        argv[i] = book_word(words, i);
    if (c && argv) {
        c->done = done;
        c->u = u;
        if (loop_child(argv, NULL, 0, command_done, c) == 0) {
            free(argv);
            return c;
        }
    }
    free(argv);
    free(c);
    return NULL;
}

/* What runs is left to end by itself: it may be half way through with the line. */
static void run_cancel(void *r) { ((struct command *)r)->cancelled = true; }

/* ---- calls ---------------------------------------------------------------------------------- */

static struct plug_inst *tunnel_of(uint32_t type)
{
    const char *protocol = type == BOOK_PPTP ? "pptp" : "l2tp";
    for (struct plug_inst *i = NULL; (i = plug_running_next(ADIT_KIND_TUNNEL, i));) {
        const struct adit_tunnel *vt = plug_vtable(i);
        if (vt->dial && !strcmp(vt->protocol, protocol))
            return i;
    }
    return NULL;
}

/* IP, UDP, ESP with the longest padding and check value that is offered, and PPP. */
#define IPSEC_BYTES 80u
#define PPP_BYTES   8u          /* with MPPE */

static uint32_t overhead(uint32_t type)
{
    struct plug_inst *i = tunnel_of(type);
    const struct adit_tunnel *vt = i ? plug_vtable(i) : NULL;
    uint32_t bytes = vt && vt->overhead ? vt->overhead : 60;
    return bytes + PPP_BYTES + (type == BOOK_L2TP_IPSEC ? IPSEC_BYTES : 0);
}

/* One call under way: what lives as long as its session. */
struct io_call {
    struct adit_node node;      /* in secured */
    const struct ses_dial_ops *ops;
    void *u;
    SSL_CTX *tls;
    struct plug_inst *security; /* that has the key; NULL: none has */
    struct adit_addr server;
    char psk[BOOK_SECRET];
};

/* IPsec has one key for each server: who brings another one would take it from the
 * calls that are under way there, whosever they are. */
static struct adit_node secured = { &secured, &secured };

static bool another_key(const struct adit_addr *server, const char *psk)
{
    ADIT_LIST_EACH(n, &secured) {
        const struct io_call *c = ADIT_OF(n, struct io_call, node);
        if (adit_same_host(&c->server, server) && strcmp(c->psk, psk) != 0)
            return true;
    }
    return false;
}

static void peer_key(struct io_call *c, const char *key)
{
    for (struct plug_inst *i = NULL; c->security && (i = plug_running_next(ADIT_KIND_SECURITY, i));)
        if (i == c->security) { /* a reload may have taken it away */
            const struct adit_security *vt = plug_vtable(i);
            if (vt->peer_key)
                (void)vt->peer_key(plug_self(i), &c->server, key);
            return;
        }
}

static void call_free(struct io_call *c)
{
    SSL_CTX_free(c->tls);
    adit_list_del(&c->node);
    explicit_bzero(c->psk, sizeof c->psk);
    free(c);
}

static void on_rung(void *u, const char *name)
{
    struct io_call *c = u;
    c->ops->rung(c->u, name);
}

static void on_up(void *u, const struct ses_dialled *d)
{
    struct io_call *c = u;
    c->ops->up(c->u, d);
}

static void on_total(void *u, const struct ses_info *i)
{
    struct io_call *c = u;
    c->ops->total(c->u, i);
}

static void on_down(void *u, uint32_t cause, const char *text)
{
    struct io_call *c = u;
    peer_key(c, NULL);
    c->ops->down(c->u, cause, text);
    call_free(c);
}

static const struct ses_dial_ops call_ops = { .rung = on_rung, .up = on_up, .total = on_total, .down = on_down };

static SSL_CTX *tls_failed(SSL_CTX *ctx, const char *key, const char *path, char *why, size_t size)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    snprintf(why, size, "%s: %s cannot be used: %s", key, path, reason ? reason : "unknown reason");
    ERR_clear_error();
    SSL_CTX_free(ctx);
    return NULL;
}

static SSL_CTX *tls_of(const struct book_conf *c, char *why, size_t size)
{
    struct stat st;
    if (stat(c->key, &st) == 0 && (st.st_mode & 077)) {
        snprintf(why, size, "%s can be read or written by others; run: chmod 600 '%s'", c->key, c->key);
        return NULL;
    }
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    if (!ctx)
        return NULL;
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    if (SSL_CTX_use_certificate_chain_file(ctx, c->certificate) != 1)
        return tls_failed(ctx, "certificate", c->certificate, why, size);
    if (SSL_CTX_use_PrivateKey_file(ctx, c->key, SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(ctx) != 1)
        return tls_failed(ctx, "key", c->key, why, size);
    if (SSL_CTX_load_verify_locations(ctx, c->ca, NULL) != 1)
        return tls_failed(ctx, "ca", c->ca, why, size);
    return ctx;
}

/* The layer that takes the key; false: there is none. */
static bool secure(struct io_call *c, const char *psk)
{
    if (!*psk)
        return true;
    for (struct plug_inst *i = NULL; (i = plug_running_next(ADIT_KIND_SECURITY, i));) {
        const struct adit_security *vt = plug_vtable(i);
        if (vt->begin && vt->peer_key && vt->peer_key(plug_self(i), &c->server, psk) == 0) {
            c->security = i;
            return true;
        }
    }
    return false;
}

static int32_t put_str(struct adit_attrs *a, uint32_t id, const char *s)
{
    struct adit_value v = adit_value_str(s);
    return s ? plug_attr_api.put(a, id, &v) : 0;
}

static int32_t put_rate(struct adit_attrs *a, uint32_t id, uint64_t kbps)
{
    struct adit_value v = { ADIT_TYPE_U64, 0, { .u = kbps } };
    return kbps ? plug_attr_api.put(a, id, &v) : 0;
}

static int32_t attrs_of(const struct book_conf *c, struct adit_attrs **out)
{
    struct adit_attrs *a = plug_attr_api.make();
    *out = a;
    if (!a)
        return ADIT_ENOMEM;
    return put_str(a, ADIT_ATTR_FILTER_IN, c->filter_in) || put_str(a, ADIT_ATTR_FILTER_OUT, c->filter_out) ||
           put_rate(a, ADIT_ATTR_RATE_IN, c->rate_in) || put_rate(a, ADIT_ATTR_RATE_OUT, c->rate_out)
           ? ADIT_ENOMEM : 0;
}

static uint32_t encryption_of(const struct book_conf *c, uint32_t type)
{
    return c->encryption ? c->encryption : type == BOOK_PPTP ? ADIT_ENC_128 : ADIT_ENC_NONE | ADIT_ENC_128;
}

static int32_t place(const struct dial_try *t, struct plug_inst *tunnel, struct io_call *io, struct ses **out)
{
    const struct book_conf *c = &t->entry->c;
    struct adit_attrs *attrs = NULL;
    int32_t rc = attrs_of(c, &attrs);
    struct ses_dial d = {
        .tunnel = tunnel,
        .to = { .size = sizeof d.to, .require_security = t->type == BOOK_L2TP_IPSEC, .to = t->server },
        .entry = t->entry->name, .user = t->user, .password = t->password,
        .allow = c->methods, .encryption = encryption_of(c, t->type),
        .tls = io->tls, .tls_name = c->server_name, .mtu = t->mtu,
        .dns = c->dns && !c->dns_servers.count, .ipv6 = c->ipv6,
        .idle_timeout_ms = c->idle_timeout_ms, .iface = t->iface, .attrs = attrs,
        .ops = &call_ops, .u = io,
    };
    if (!rc)
        rc = ses_dial(&d, out);
    if (attrs)
        plug_attr_api.free(attrs);
    return rc;
}

static int32_t call(const struct dial_try *t, const struct ses_dial_ops *ops, void *u, struct ses **out, char *why,
                    size_t size)
{
    struct plug_inst *tunnel = tunnel_of(t->type);
    if (!tunnel) {
        snprintf(why, size, "No tunnel of aditd.yaml can dial %s; add to tunnels: - type: %s",
                 book_type_name(t->type), t->type == BOOK_PPTP ? "pptp" : "l2tp");
        return ADIT_ENOSYS;
    }
    if (t->type == BOOK_L2TP_IPSEC && another_key(&t->server, t->psk)) {
        snprintf(why, size, "Another connection to this server is there or being made with another pre-shared key.");
        return ADIT_EEXIST;
    }
    struct io_call *io = calloc(1, sizeof *io);
    if (!io)
        return ADIT_ENOMEM;
    *io = (struct io_call){ .ops = ops, .u = u, .server = t->server };
    if (t->entry->c.certificate && !(io->tls = tls_of(&t->entry->c, why, size))) {
        call_free(io);
        return ADIT_EAUTH;
    }
    if (t->type == BOOK_L2TP_IPSEC && !secure(io, t->psk)) {
        snprintf(why, size, "Nothing here can use the pre-shared key; add to security: - type: ipsec");
        call_free(io);
        return ADIT_ENOSYS;
    }
    if (t->type == BOOK_L2TP_IPSEC) {
        snprintf(io->psk, sizeof io->psk, "%s", t->psk);
        adit_list_add(&secured, &io->node);
    }
    int32_t rc = place(t, tunnel, io, out);
    if (rc) {
        snprintf(why, size, rc == ADIT_EBUSY ? "No port of tunnel %s is free." : "Tunnel %s did not call: %s",
                 plug_self(tunnel)->name, plug_last_error(tunnel));
        peer_key(io, NULL);
        call_free(io);
    }
    return rc;
}

static void count(const struct ses *s, struct dial_count *out)
{
    struct ses_info i;
    ses_info(s, &i);
    *out = (struct dial_count){ i.bytes_in, i.bytes_out, i.packets_in, i.packets_out };
}

static const struct dial_world world = {
    .now = loop_now, .wall = loop_wall, .chance = chance,
    .timer_new = timer_new, .timer_set = timer_set, .timer_stop = timer_stop, .timer_free = timer_free,
    .resolve = resolve, .resolve_cancel = resolve_cancel, .run = run, .run_cancel = run_cancel,
    .call = call, .drop = ses_drop, .count = count, .secret = book_secret,
    .host_new = apply_new, .host_iface = apply_iface, .host_name = apply_name, .host_way = apply_way,
    .host_up = apply_up, .host_down = apply_down, .host_free = apply_free, .overhead = overhead,
};

/* ---- its life ---------------------------------------------------------------------------------- */

int32_t dial_start(struct dial_plan *p, const char *state_dir)
{
    struct resolv_conf rc = { p->c.dns, p->c.resolv_conf, state_dir };
    resolv_open(&rc);
    dial_open(&world, find);
    dial_apply(p);
    return in_force ? 0 : ADIT_ENOMEM;
}

void dial_apply(struct dial_plan *p)
{
    struct dial_plan *old = in_force, *fresh = calloc(1, sizeof *fresh);
    if (!fresh)
        return;
    *fresh = *p;
    p->mem = NULL;
    p->book = NULL;
    in_force = fresh;
    demand_apply(fresh->book);
    dial_plan_free(old);
}

void dial_stop(void)
{
    dial_close();
    demand_stop();
    resolv_close();
    dial_plan_free(in_force);
    in_force = NULL;
}
