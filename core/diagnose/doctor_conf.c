/* doctor_conf.c - what the configuration wants of the host.
 *
 * Knows:  the options that a host must live up to, of the daemon and of the plugins that
 *         come with it.
 * Leaves: whether the configuration is right to aditd --check, which has every option.
 *
 * Plugins that are not known here are not looked at: their own options say nothing to us.
 * The defaults are those of the tables in session and in the plugins (test_doctor holds
 * those of `ppp:` together).
 */
#include "diagnose/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <adit/auth.h>
#include <adit/bytes.h>
#include "base/addr.h"
#include "config/conf.h"

/* ---- reading ---------------------------------------------------------------------- */

static void ignore(void *u, const char *sentence)
{
    (void)u;
    (void)sentence;
}

static void keep(void *u, const char *sentence)
{
    struct doctor_seen *s = u;
    doctor_note(s->conf_notes, &s->conf_note_count, "", "%s", sentence);
}

/* The options of the table; the mapping's others are not asked for. What is wrong with
 * them is told by the daemon's own reading. */
static struct conf_mem *fill(const struct conf_node *n, const struct adit_opt *opts, uint32_t size, void *out)
{
    static const struct conf_err quiet = { ignore, NULL };
    struct conf_mem *mem = NULL;
    uint32_t count = conf_is_map(n) ? conf_count(n) : 0, skipped = 0;
    const char **skip = calloc(count + 1, sizeof *skip);
    memset(out, 0, size);
    for (uint32_t i = 0; skip && i < count; i++) {
        const struct adit_opt *o = opts;
        while (o->name && strcmp(o->name, conf_key(n, i)) != 0)
            o++;
        if (!o->name)
            skip[skipped++] = conf_key(n, i);
    }
    if (skip && conf_fill(count ? n : NULL, opts, sizeof *opts, skip, size, out, &mem, &quiet)) {
        /* something is wrong in it: the defaults are better than half of it */
        conf_mem_free(mem);
        mem = NULL;
        (void)conf_fill(NULL, opts, sizeof *opts, NULL, size, out, &mem, &quiet);
    }
    free(skip);
    return mem;
}

static void put(char *out, size_t size, const char *text) { snprintf(out, size, "%s", text ? text : ""); }

static const struct adit_addr *addr_nth(const struct adit_array *a, uint32_t i)
{
    return (const struct adit_addr *)(const void *)((const char *)a->items + (size_t)i * a->stride);
}

static const char *text_nth(const struct adit_array *a, uint32_t i)
{
    const char *s;
    memcpy(&s, (const char *)a->items + (size_t)i * a->stride, sizeof s);
    return s ? s : "";
}

static void listen_add(struct doctor_seen *s, uint32_t proto, const struct adit_addr *addr, uint16_t port,
                       const char *what, bool outside)
{
    if (s->listen_count == DOCTOR_LISTEN)
        return;
    struct doctor_listen *l = &s->listen[s->listen_count++];
    l->proto = proto;
    static const uint8_t every[16];
    if (addr)
        l->addr = *addr;
    if (!memcmp(l->addr.ip, every, sizeof every))
        l->addr.family = ADIT_AF_NONE;
    if (!l->addr.port)
        l->addr.port = port;
    l->outside = outside;
    put(l->what, sizeof l->what, what);
}

static void listen_all(struct doctor_seen *s, uint32_t proto, const struct adit_array *a, uint16_t port,
                       const char *what)
{
    for (uint32_t i = 0; i < a->count; i++)
        listen_add(s, proto, addr_nth(a, i), port, what, true);
    if (!a->count)
        listen_add(s, proto, NULL, port, what, true);
}

/* Who opens a FIFO waits until somebody writes. */
FILE *doctor_file(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    FILE *f = NULL;
    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
        errno = EINVAL;
    else
        f = fdopen(fd, "r");
    if (!f) {
        int error = errno;
        close(fd);
        errno = error;
    }
    return f;
}

/* The first line of a file with a secret; its length. Others must not read it. */
static uint32_t secret_of(struct doctor_seen *s, const char *setting, const char *file, char *out, size_t size)
{
    struct stat st;
    FILE *f = doctor_file(file);
    out[0] = '\0';
    if (f && !fstat(fileno(f), &st) && st.st_mode & (S_IRWXG | S_IRWXO) & ~(mode_t)S_IRGRP) {
        char mend[DOCTOR_TEXT];
        snprintf(mend, sizeof mend, "chmod 600 '%.480s'", file);
        doctor_note(s->open_files, &s->open_file_count, mend, "%s: %s can be read or written by others", setting, file);
    }
    if (f && !fgets(out, (int)size, f))
        out[0] = '\0';
    if (f)
        fclose(f);
    out[strcspn(out, "\r\n")] = '\0';
    return (uint32_t)strlen(out);
}

static struct doctor_cert *cert_add(struct doctor_seen *s, const char *setting, const char *file, const char *key)
{
    if (!file || s->cert_count == DOCTOR_ASKED)
        return NULL;
    struct doctor_cert *c = &s->certs[s->cert_count++];
    put(c->setting, sizeof c->setting, setting);
    put(c->file, sizeof c->file, file);
    put(c->key, sizeof c->key, key);
    return c;
}

static void dns_add(struct doctor_seen *s, const struct adit_array *a, const char *setting)
{
    for (uint32_t i = 0; i < a->count && s->dns_count < DOCTOR_ASKED; i++) {
        uint32_t n = 0;
        while (n < s->dns_count && !adit_same_host(&s->dns[n].server, addr_nth(a, i)))
            n++;
        if (n < s->dns_count)
            continue;
        s->dns[s->dns_count].server = *addr_nth(a, i);
        put(s->dns[s->dns_count++].setting, DOCTOR_NAME, setting);
    }
}

/* ---- daemon, network, ppp ------------------------------------------------------------ */

struct base_conf { const char *socket, *state_dir; uint32_t access; };
static const struct adit_word access_words[] = {
    { "owner", 0, 0 }, { "group", 0, 0 }, { "all", 1, 0 }, { NULL, 0, 0 },
};
// clang-format off
static const struct adit_opt base_opts[] = {
    ADIT_OPT(FILE, base_conf, socket, "control-socket", ADIT_RUN_DIR "/control.sock", 0, ""),
    ADIT_OPT(FILE, base_conf, state_dir, "state-dir", ADIT_STATE_DIR, 0, ""),
    ADIT_OPT_WORDS(ENUM, base_conf, access, "control-access", access_words, "owner", 0, ""),
    ADIT_OPT_END
};

struct net_conf { const char *tun, *internet, *nat; uint32_t forward, proxy_arp; };
static const struct adit_opt net_opts[] = {
    ADIT_OPT(STR, net_conf, tun, "interface", "adit%d", 0, ""),
    ADIT_OPT(STR, net_conf, internet, "internet-interface", NULL, 0, ""),
    ADIT_OPT(STR, net_conf, nat, "nat", NULL, 0, ""),
    ADIT_OPT(BOOL, net_conf, forward, "forward", "yes", 0, ""),
    ADIT_OPT(BOOL, net_conf, proxy_arp, "proxy-arp", "yes", 0, ""),
    ADIT_OPT_END
};

struct link_conf {
    uint32_t auth, mru, mtu, echo_failures;
    uint64_t echo, auth_timeout, answer_timeout;
    struct adit_array dns;
    struct adit_addr server, server6;
    const char *certificate, *key, *ca;
};
static const struct adit_word auth_words[] = { ADIT_AUTH_WORDS, { NULL, 0, 0 } };
static const struct adit_opt link_opts[] = {
    ADIT_OPT_WORDS(FLAGS, link_conf, auth, "auth", auth_words, "[mschapv2]", 0, ""),
    ADIT_OPT(U32, link_conf, mru, "mru", "1400", 0, ""),
    ADIT_OPT(U32, link_conf, mtu, "mtu", "1400", 0, ""),
    ADIT_OPT(MSEC, link_conf, echo, "echo-interval", "30s", 0, ""),
    ADIT_OPT(U32, link_conf, echo_failures, "echo-failures", "4", 0, ""),
    ADIT_OPT(MSEC, link_conf, auth_timeout, "auth-timeout", "30s", 0, ""),
    ADIT_OPT(MSEC, link_conf, answer_timeout, "answer-timeout", "20s", 0, ""),
    ADIT_OPT(ADDR, link_conf, dns, "dns", NULL, ADIT_OPT_ARRAY, ""),
    ADIT_OPT(ADDR, link_conf, server, "server-address", NULL, 0, ""),
    ADIT_OPT(ADDR, link_conf, server6, "server-address6", NULL, 0, ""),
    ADIT_OPT(FILE, link_conf, certificate, "tls-certificate", NULL, 0, ""),
    ADIT_OPT(FILE, link_conf, key, "tls-key", NULL, 0, ""),
    ADIT_OPT(FILE, link_conf, ca, "tls-ca", NULL, 0, ""),
    ADIT_OPT_END
};
// clang-format on

static void read_base(struct doctor_seen *s, const struct conf_node *root)
{
    struct base_conf b;
    struct net_conf n;
    struct conf_mem *mem = fill(conf_get(root, "daemon"), base_opts, sizeof b, &b);
    put(s->socket, sizeof s->socket, b.socket);
    put(s->state_dir, sizeof s->state_dir, b.state_dir);
    s->control_all = b.access != 0;
    conf_mem_free(mem);
    mem = fill(conf_get(root, "network"), net_opts, sizeof n, &n);
    put(s->tun, sizeof s->tun, n.tun);
    put(s->internet, sizeof s->internet, n.internet);
    s->closed = n.internet != NULL;
    put(s->nat, sizeof s->nat, n.nat);
    s->forward = n.forward;
    s->proxy_arp = n.proxy_arp;
    conf_mem_free(mem);
}

static void read_link(struct doctor_seen *s, const struct conf_node *root)
{
    struct link_conf l;
    struct conf_mem *mem = fill(conf_get(root, "ppp"), link_opts, sizeof l, &l);
    s->auth = l.auth;
    s->mru = l.mru;
    s->mtu = l.mtu;
    s->echo_ms = l.echo;
    s->echo_failures = l.echo_failures;
    s->auth_timeout_ms = l.auth_timeout;
    s->answer_timeout_ms = l.answer_timeout;
    s->server_address = l.server;
    s->server_address6 = l.server6.family != 0;
    dns_add(s, &l.dns, "ppp.dns");
    (void)cert_add(s, "ppp.tls-certificate", l.certificate, l.key);
    (void)cert_add(s, "ppp.tls-ca", l.ca, NULL);
    conf_mem_free(mem);
}

/* ---- tunnels and security -------------------------------------------------------------- */

struct tunnel_conf { uint32_t ports, enc, secure; struct adit_array listen; };
static const struct adit_word enc_words[] = {
    { "none", 1, 0 }, { "40", 2, 0 }, { "56", 4, 0 }, { "128", 8, 0 }, { NULL, 0, 0 },
};
// clang-format off
static const struct adit_opt tunnel_opts[] = {
    ADIT_OPT(U32, tunnel_conf, ports, "ports", "128", 0, ""),
    ADIT_OPT_WORDS(FLAGS, tunnel_conf, enc, "encryption", enc_words, NULL, 0, ""),
    ADIT_OPT(BOOL, tunnel_conf, secure, "require-security", "yes", 0, ""),
    ADIT_OPT(ADDR, tunnel_conf, listen, "listen", NULL, ADIT_OPT_ARRAY, ""),
    ADIT_OPT_END
};

struct ike_conf {
    struct adit_array listen, proposals, esp;
    const char *psk, *psk_file, *certificate, *key, *ca, *crl, *identity;
    uint32_t initiator;
    uint64_t keepalive;
};
static const struct adit_opt ike_opts[] = {
    ADIT_OPT(ADDR, ike_conf, listen, "listen", NULL, ADIT_OPT_ARRAY, ""),
    ADIT_OPT(STR, ike_conf, psk, "psk", NULL, ADIT_OPT_SECRET, ""),
    ADIT_OPT(FILE, ike_conf, psk_file, "psk-file", NULL, 0, ""),
    ADIT_OPT(FILE, ike_conf, certificate, "certificate", NULL, 0, ""),
    ADIT_OPT(FILE, ike_conf, key, "key", NULL, 0, ""),
    ADIT_OPT(FILE, ike_conf, ca, "ca", NULL, 0, ""),
    ADIT_OPT(FILE, ike_conf, crl, "crl", NULL, 0, ""),
    ADIT_OPT(STR, ike_conf, identity, "identity", NULL, 0, ""),
    ADIT_OPT(STR, ike_conf, proposals, "proposals", NULL, ADIT_OPT_ARRAY, ""),
    ADIT_OPT(STR, ike_conf, esp, "esp", NULL, ADIT_OPT_ARRAY, ""),
    ADIT_OPT(BOOL, ike_conf, initiator, "initiator-only", "no", 0, ""),
    ADIT_OPT(MSEC, ike_conf, keepalive, "nat-keepalive", "20s", 0, ""),
    ADIT_OPT_END
};

struct psk_conf { const char *secret, *file; };
static const struct adit_opt psk_opts[] = {
    ADIT_OPT(STR, psk_conf, secret, "secret", NULL, ADIT_OPT_SECRET, ""),
    ADIT_OPT(FILE, psk_conf, file, "secret-file", NULL, 0, ""),
    ADIT_OPT_END
};
// clang-format on

static const char *type_of(const struct conf_node *n)
{
    const char *type = conf_str(conf_get(n, "type"));
    return type ? type : "";
}

static const char *name_of(const struct conf_node *n)
{
    const char *name = conf_str(conf_get(n, "name"));
    return name ? name : type_of(n);
}

static void read_tunnel(struct doctor_seen *s, const struct conf_node *n)
{
    struct tunnel_conf c;
    if (s->tunnel_count == DOCTOR_LISTEN)
        return;
    struct conf_mem *mem = fill(n, tunnel_opts, sizeof c, &c);
    struct doctor_tunnel *t = &s->tunnels[s->tunnel_count++];
    bool pptp = !strcmp(type_of(n), "pptp"), l2tp = !strcmp(type_of(n), "l2tp");
    put(t->name, sizeof t->name, name_of(n));
    put(t->type, sizeof t->type, type_of(n));
    t->ports = c.ports;
    t->none = c.enc & 1u;
    t->weak = c.enc & 6u;
    t->clear = l2tp && !c.secure;
    s->pptp |= pptp && c.ports;
    s->l2tp |= l2tp && c.ports;
    if (pptp && c.ports)
        listen_all(s, DOCTOR_TCP, &c.listen, 1723, "PPTP");
    if (l2tp && c.ports)
        listen_all(s, DOCTOR_UDP, &c.listen, 1701, "L2TP");
    conf_mem_free(mem);
}

static void psk_seen(struct doctor_seen *s, const char *secret, const char *file, const char *setting)
{
    char line[512];
    uint32_t len = secret ? (uint32_t)strlen(secret) : file ? secret_of(s, setting, file, line, sizeof line) : 0;
    bytes_wipe(line, sizeof line);
    s->psk |= secret || file;
    if (len && (!s->psk_len || len < s->psk_len))
        s->psk_len = len;
}

static void proposals(struct doctor_seen *s, const struct adit_array *a)
{
    static const char *const bad[] = { "3des", "md5", "modp1024", "modp1536" };     /* as ike_alg.c has it */
    for (uint32_t i = 0; i < a->count; i++)
        for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++)
            if (strstr(text_nth(a, i), bad[k])) {
                size_t n = strlen(s->weak_proposals);
                snprintf(s->weak_proposals + n, sizeof s->weak_proposals - n, "%s%.40s", n ? ", " : "", text_nth(a, i));
                break;
            }
}

static void read_security(struct doctor_seen *s, const struct conf_node *n)
{
    struct ike_conf c;
    if (strcmp(type_of(n), "ipsec") != 0)
        return;
    struct conf_mem *mem = fill(n, ike_opts, sizeof c, &c);
    const struct conf_node *psks = conf_get(n, "psks");
    s->ipsec = true;
    s->keepalive_ms = c.keepalive;
    if (!c.initiator) {
        listen_all(s, DOCTOR_UDP, &c.listen, 500, "IKE");
        for (uint32_t i = 0; i < c.listen.count || !i; i++) {
            struct adit_addr a = { 0 };
            if (c.listen.count)
                a = *addr_nth(&c.listen, i);
            a.port = 4500;
            listen_add(s, DOCTOR_UDP, &a, 4500, "IKE and ESP behind NAT", true);
        }
    }
    if (c.psk || c.psk_file)
        psk_seen(s, c.psk, c.psk_file, "security[ipsec].psk-file");
    for (uint32_t i = 0; conf_is_seq(psks) && i < conf_count(psks); i++) {
        struct psk_conf p;
        struct conf_mem *m = fill(conf_item(psks, i), psk_opts, sizeof p, &p);
        psk_seen(s, p.secret, p.file, "security[ipsec].psks");
        conf_mem_free(m);
    }
    struct doctor_cert *own = cert_add(s, "security[ipsec].certificate", c.certificate, c.key);
    if (own) {
        own->server = true;
        /* user@name and a subject are nothing that is dialled */
        put(own->name, sizeof own->name, c.identity && !strpbrk(c.identity, "@=, ") ? c.identity : "");
    }
    (void)cert_add(s, "security[ipsec].ca", c.ca, NULL);
    struct doctor_cert *crl = cert_add(s, "security[ipsec].crl", c.crl, NULL);
    if (crl)
        crl->crl = true;
    proposals(s, &c.proposals);
    proposals(s, &c.esp);
    conf_mem_free(mem);
}

/* ---- pools -------------------------------------------------------------------------------- */

struct pool_conf {
    struct adit_array ranges, exclude, dns, servers;
    struct adit_addr relay;
    const char *interface;
    uint64_t timeout;
};
// clang-format off
static const struct adit_opt range_opts[] = {
    ADIT_OPT(RANGE, pool_conf, ranges, "ranges", NULL, ADIT_OPT_ARRAY, ""),
    ADIT_OPT(RANGE, pool_conf, exclude, "exclude", NULL, ADIT_OPT_ARRAY, ""),
    ADIT_OPT(ADDR, pool_conf, dns, "dns", NULL, ADIT_OPT_ARRAY, ""),
    ADIT_OPT_END
};
static const struct adit_opt dhcp_opts[] = {
    ADIT_OPT(STR, pool_conf, interface, "interface", NULL, 0, ""),
    ADIT_OPT(ADDR, pool_conf, relay, "relay-address", NULL, 0, ""),
    ADIT_OPT(ADDR, pool_conf, servers, "servers", NULL, ADIT_OPT_ARRAY, ""),
    ADIT_OPT(MSEC, pool_conf, timeout, "timeout", "10s", 0, ""),
    ADIT_OPT_END
};
// clang-format on

static uint32_t ranges_of(const struct adit_array *a, struct adit_range out[DOCTOR_RANGES])
{
    uint32_t n = 0;
    for (; n < a->count && n < DOCTOR_RANGES; n++)
        memcpy(&out[n], (const char *)a->items + (size_t)n * a->stride, sizeof out[0]);
    return n;
}

static void read_pool(struct doctor_seen *s, const struct conf_node *n)
{
    struct pool_conf c;
    bool dhcp = !strcmp(type_of(n), "dhcp");
    if (s->pool_count == DOCTOR_POOLS)
        return;
    struct doctor_pool *p = &s->pools[s->pool_count++];
    put(p->name, sizeof p->name, name_of(n));
    put(p->type, sizeof p->type, type_of(n));
    if (!dhcp && strcmp(p->type, "range") != 0)
        return;
    struct conf_mem *mem = fill(n, dhcp ? dhcp_opts : range_opts, sizeof c, &c);
    p->range_count = ranges_of(&c.ranges, p->ranges);
    p->excluded_count = ranges_of(&c.exclude, p->excluded);
    dns_add(s, &c.dns, "pools[].dns");
    put(p->interface, sizeof p->interface, c.interface);
    p->relay = c.relay;
    for (uint32_t i = 0; i < c.servers.count && p->server_count < 8; i++)
        p->servers[p->server_count++] = *addr_nth(&c.servers, i);
    p->timeout_ms = c.timeout;
    p->answered = -1;
    if (dhcp && p->timeout_ms >= s->answer_timeout_ms)
        doctor_note(s->slow, &s->slow_count, "make the pool's timeout shorter than ppp.answer-timeout",
                    "pool '%s' waits %llu s for a DHCP server (timeout), ppp.answer-timeout is %llu s: the next pool "
                    "is never asked", p->name, (unsigned long long)p->timeout_ms / 1000,
                    (unsigned long long)s->answer_timeout_ms / 1000);
    conf_mem_free(mem);
}

/* ---- RADIUS ---------------------------------------------------------------------------------- */

struct rad_conf { uint64_t limit; };
struct rad_server {
    const char *name, *host, *secret, *file, *ca, *certificate, *key;
    uint32_t port, transport, message;
    struct adit_addr source;
};
static const struct adit_word transports[] = { { "udp", 0, 0 }, { "tls", 1, 0 }, { NULL, 0, 0 } };
static const struct adit_word demands[] = { { "required", 0, 0 }, { "auto", 1, 0 }, { NULL, 0, 0 } };
// clang-format off
static const struct adit_opt rad_opts[] = {
    ADIT_OPT(MSEC, rad_conf, limit, "limit", "15s", 0, ""),
    ADIT_OPT_END
};
static const struct adit_opt server_opts[] = {
    ADIT_OPT(STR, rad_server, name, "name", NULL, 0, ""),
    ADIT_OPT(STR, rad_server, host, "host", NULL, 0, ""),
    ADIT_OPT(STR, rad_server, secret, "secret", NULL, ADIT_OPT_SECRET, ""),
    ADIT_OPT(FILE, rad_server, file, "secret-file", NULL, 0, ""),
    ADIT_OPT(U32, rad_server, port, "auth-port", "1812", 0, ""),
    ADIT_OPT_WORDS(ENUM, rad_server, transport, "transport", transports, "udp", 0, ""),
    ADIT_OPT_WORDS(ENUM, rad_server, message, "message-authenticator", demands, "required", 0, ""),
    ADIT_OPT(ADDR, rad_server, source, "source", NULL, 0, ""),
    ADIT_OPT(FILE, rad_server, ca, "tls-ca", NULL, 0, ""),
    ADIT_OPT(FILE, rad_server, certificate, "tls-certificate", NULL, 0, ""),
    ADIT_OPT(FILE, rad_server, key, "tls-key", NULL, 0, ""),
    ADIT_OPT_END
};
// clang-format on

static void read_server(struct doctor_seen *s, const char *instance, const struct conf_node *n)
{
    struct rad_server c;
    char setting[DOCTOR_NAME];
    if (s->radius_count == DOCTOR_ASKED)
        return;
    struct conf_mem *mem = fill(n, server_opts, sizeof c, &c);
    struct doctor_radius *r = &s->radius[s->radius_count];
    snprintf(setting, sizeof setting, "auth[%.20s].servers", instance);
    put(r->instance, sizeof r->instance, instance);
    put(r->host, sizeof r->host, c.host);
    put(r->name, sizeof r->name, c.name ? c.name : c.host);
    r->tls = c.transport == 1;
    r->lax = c.message == 1;
    r->source = c.source;
    r->port = (uint16_t)(r->tls && c.port == 1812 ? 2083 : c.port);
    if (c.file)
        r->secret_len = secret_of(s, setting, c.file, (char *)r->secret, sizeof r->secret);
    else if (c.secret)
        r->secret_len = (uint32_t)snprintf((char *)r->secret, sizeof r->secret, "%s", c.secret);
    if (r->secret_len >= sizeof r->secret)
        r->secret_len = sizeof r->secret - 1;
    r->secret_read = r->tls || r->secret_len;
    if (r->tls) {
        (void)cert_add(s, setting, c.certificate, c.key);
        struct stat st;
        if (c.ca && !stat(c.ca, &st) && S_ISREG(st.st_mode))        /* a folder has too many */
            (void)cert_add(s, setting, c.ca, NULL);
    }
    if (*r->host && r->port)
        s->radius_count++;      /* else it is for accounting, or wrong */
    conf_mem_free(mem);
}

static void read_auth(struct doctor_seen *s, const struct conf_node *n)
{
    struct rad_conf c;
    const struct conf_node *servers = conf_get(n, "servers");
    if (strcmp(type_of(n), "radius") != 0)
        return;
    struct conf_mem *mem = fill(n, rad_opts, sizeof c, &c);
    if (c.limit >= s->answer_timeout_ms)
        doctor_note(s->slow, &s->slow_count, "make 'limit' of the authenticator shorter than ppp.answer-timeout",
                    "auth '%s' asks RADIUS servers for %llu s (limit), ppp.answer-timeout is %llu s: a login ends "
                    "before their answer", name_of(n), (unsigned long long)c.limit / 1000,
                    (unsigned long long)s->answer_timeout_ms / 1000);
    struct adit_addr coa;
    const char *at = conf_str(conf_get(conf_get(n, "coa"), "listen"));
    if (at && !conf_parse_addr(at, &coa) && coa.family)
        listen_add(s, DOCTOR_UDP, &coa, 3799, "RADIUS CoA", false);
    for (uint32_t i = 0; conf_is_seq(servers) && i < conf_count(servers); i++)
        read_server(s, name_of(n), conf_item(servers, i));
    conf_mem_free(mem);
}

struct file_conf { const char *file; };
static const struct adit_opt file_opts[] = {
    ADIT_OPT(FILE, file_conf, file, "file", "users.yaml", 0, ""),
    ADIT_OPT_END
};

static void read_local(struct doctor_seen *s, const struct conf_node *n)
{
    struct file_conf c;
    struct stat st;
    if (strcmp(type_of(n), "local") != 0)
        return;
    struct conf_mem *mem = fill(n, file_opts, sizeof c, &c);
    if (c.file && !stat(c.file, &st) && st.st_mode & S_IRWXO) {
        char mend[DOCTOR_TEXT];
        snprintf(mend, sizeof mend, "chmod 600 '%.480s'", c.file);
        doctor_note(s->open_files, &s->open_file_count, mend, "the accounts in %s can be read or written by everybody",
                    c.file);
    }
    conf_mem_free(mem);
}

/* ---- all of it ------------------------------------------------------------------------------ */

static void each(struct doctor_seen *s, const struct conf_node *root, const char *section,
                 void (*fn)(struct doctor_seen *s, const struct conf_node *n))
{
    const struct conf_node *list = conf_get(root, section);
    for (uint32_t i = 0; conf_is_seq(list) && i < conf_count(list); i++)
        if (conf_is_map(conf_item(list, i)))
            fn(s, conf_item(list, i));
}

void doctor_conf_read(struct doctor_seen *s, const char *path)
{
    struct conf_err err = { keep, s };
    put(s->config, sizeof s->config, path);
    struct conf_doc *d = conf_read(path, &err);
    if (!d)
        return;
    const struct conf_node *root = conf_root(d);
    s->conf_read = true;
    read_base(s, root);
    read_link(s, root);
    each(s, root, "tunnels", read_tunnel);
    each(s, root, "security", read_security);
    each(s, root, "pools", read_pool);
    each(s, root, "auth", read_auth);
    each(s, root, "auth", read_local);
    conf_free(d);
}

/* ---- what was seen, as a whole ------------------------------------------------------------------ */

void doctor_note(struct doctor_note *list, uint32_t *count, const char *mend, const char *fmt, ...)
{
    va_list ap;
    if (*count == DOCTOR_NOTES)
        return;
    struct doctor_note *n = &list[(*count)++];
    va_start(ap, fmt);
    vsnprintf(n->seen, sizeof n->seen, fmt, ap);
    va_end(ap);
    put(n->mend, sizeof n->mend, mend);
}

struct doctor_seen *doctor_seen_new(void)
{
    struct doctor_seen *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->ip_forward = s->ip6_forward = s->rp_all = s->synchronised = s->back = -1;
    put(s->back_why, sizeof s->back_why, "it was not tried");
    put(s->wall_why, sizeof s->wall_why, "it was not read");
    return s;
}

void doctor_seen_free(struct doctor_seen *s)
{
    if (s)
        bytes_wipe(s, sizeof *s);
    free(s);
}
