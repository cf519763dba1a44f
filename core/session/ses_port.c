/* ses_port.c - the settings of section `ppp:`, and the ports of each tunnel.
 *
 * Knows:  how many calls a tunnel may have, their numbers, and turning it on and off.
 * Leaves: the calls themselves to ses.c.
 */
#include "session/ses_int.h"

#include <stdio.h>
#include <stdlib.h>
#include "log/log.h"

ADIT_EVENT(ev_ports, "session.ports", ADIT_LOG_NOTICE,
           "The ports of a tunnel changed; 0 turns its protocol off.", "tunnel ports used");

static const struct adit_word auth_words[] = { ADIT_AUTH_WORDS, { NULL, 0, 0 } };
static const struct adit_word enc_words[] = { ADIT_ENC_WORDS, { NULL, 0, 0 } };

static const struct adit_word per_words[] = {
    { "account", SES_LOCK_ACCOUNT, 0 }, { "address", SES_LOCK_ADDRESS, 0 }, { NULL, 0, 0 },
};

#define R ADIT_OPT_RELOAD
#define A (ADIT_OPT_RELOAD | ADIT_OPT_ARRAY)
// clang-format off
static const struct adit_opt lock_opts[] = {
    ADIT_OPT(U32, ses_lock_conf, failures, "failures", "0", R, "Wrong passwords after which it is locked out; 0: never."),
    ADIT_OPT(MSEC, ses_lock_conf, within_ms, "within", "10m", R, "The time from the first failure on in which they count."),
    ADIT_OPT(MSEC, ses_lock_conf, for_ms, "for", "15m", R, "How long it is locked out."),
    ADIT_OPT_WORDS(FLAGS, ses_lock_conf, per, "per", per_words, "[account, address]", R, "Whose failures are counted: of each account, of each client address."),
    ADIT_OPT_END
};

const struct adit_opt ses_opts[] = {
    ADIT_OPT_WORDS(FLAGS, ses_conf, auth, "auth", auth_words, "[mschapv2]", R, "Authentication methods that clients may use."),
    ADIT_OPT_NUM(U32, ses_conf, mru, "mru", "1400", 128, 16384, R, "The largest PPP datagram that we ask clients to send, bytes."),
    ADIT_OPT_NUM(U32, ses_conf, mtu, "mtu", "1400", 128, 16384, R, "The largest PPP datagram that we send, bytes."),
    ADIT_OPT(MSEC, ses_conf, echo_ms, "echo-interval", "30s", R, "Silence after which the client is asked for a sign of life; 0: never."),
    ADIT_OPT_NUM(U32, ses_conf, echo_failures, "echo-failures", "4", 1, 100, R, "Unanswered questions after which the client is gone."),
    ADIT_OPT(MSEC, ses_conf, auth_timeout_ms, "auth-timeout", "30s", R, "Time that a client has to authenticate."),
    ADIT_OPT(MSEC, ses_conf, answer_timeout_ms, "answer-timeout", "20s", R, "Time that an authenticator, policy or pool has to answer."),
    ADIT_OPT(MSEC, ses_conf, interim_ms, "accounting-interval", "10m", R, "Time between the reports of a session that accountants get while it is up; 0: none."),
    ADIT_OPT(ADDR, ses_conf, dns, "dns", NULL, A, "DNS servers for clients; the first two count, those of the pool or profile go before."),
    ADIT_OPT(ADDR, ses_conf, wins, "wins", NULL, A, "WINS servers for clients; the first two count."),
    ADIT_OPT(PREFIX, ses_conf, routes, "routes", NULL, A, "Networks behind the server, told to clients that ask by DHCPINFORM (Windows)."),
    ADIT_OPT(STR, ses_conf, dns_domain, "dns-domain", NULL, R, "DNS suffix, told to clients that ask by DHCPINFORM."),
    ADIT_OPT(ADDR, ses_conf, server_address, "server-address", NULL, R, "Our address inside the tunnels; a pool may name another."),
    ADIT_OPT(BOOL, ses_conf, ipv6, "ipv6", "no", R, "IPv6 inside too: IPV6CP, router advertisements and DHCPv6 for sessions that have a network."),
    ADIT_OPT(ADDR, ses_conf, server_address6, "server-address6", NULL, 0, "Our inner IPv6 address; with one, IPv6 is forwarded."),
    ADIT_OPT(BOOL, ses_conf, stateful, "mppe-stateful", "no", R, "Agree to stateful MPPE, which loses data with every lost packet."),
    ADIT_OPT_NUM(U32, ses_conf, half_open, "half-open", "1024", 0, 0, R, "Calls that may wait for authentication at once; 0: any number."),
    ADIT_OPT_NUM(U32, ses_conf, half_open_per_address, "half-open-per-address", "32", 0, 0, R, "The same, of one client address."),
    ADIT_OPT(U32, ses_conf, calls, "calls-per-second", "0", R, "Calls that are taken in a second; 0: any number."),
    ADIT_OPT(U32, ses_conf, calls_per_address, "calls-per-second-per-address", "0", R, "The same, of one client address."),
    ADIT_OPT_SUB(ses_conf, lockout, "lockout", ses_lock_conf, lock_opts, R, "Who failed too often is refused for a while."),
    ADIT_OPT(STR, ses_conf, name, "name", "adit", R, "Our name in CHAP challenges."),
    ADIT_OPT(FILE, ses_conf, tls_certificate, "tls-certificate", NULL, R, "Certificate chain (PEM) for EAP-TLS."),
    ADIT_OPT(FILE, ses_conf, tls_key, "tls-key", NULL, R, "Private key (PEM) for EAP-TLS."),
    ADIT_OPT(FILE, ses_conf, tls_ca, "tls-ca", NULL, R, "Authorities (PEM) whose client certificates are accepted by EAP-TLS."),
    ADIT_OPT_END
};

const struct adit_opt ses_tunnel_opts[] = {
    ADIT_OPT(STR, ses_tunnel_conf, type, "type", NULL, ADIT_OPT_REQUIRED, "Which face: pptp, l2tp, ..."),
    ADIT_OPT(STR, ses_tunnel_conf, name, "name", NULL, 0, "Name of the instance; by default its type."),
    ADIT_OPT_NUM(U32, ses_tunnel_conf, ports, "ports", "128", 0, 0, R, "Simultaneous connections; 0 turns the protocol off."),
    ADIT_OPT_WORDS(FLAGS, ses_tunnel_conf, encryption, "encryption", enc_words, NULL, R, "MPPE strengths that are permitted; by default 128 for PPTP, none and 128 for others."),
    ADIT_OPT_END
};
// clang-format on
#undef R
#undef A

const char *const ses_tunnel_keys[] = { "type", "name", "ports", "encryption", NULL };

static struct ses_conf conf;
static struct conf_mem *conf_mem;
static struct adit_node tunnels = { &tunnels, &tunnels };

int32_t ses_conf_read(const struct conf_node *ppp, const struct conf_err *err)
{
    struct ses_conf fresh;
    struct conf_mem *mem = NULL;
    int32_t rc = conf_fill(ppp, ses_opts, sizeof(struct adit_opt), NULL, sizeof fresh, &fresh,
                           &mem, err);
    if (!rc && !fresh.auth)
        rc = conf_error(ppp, err, "ppp.auth names no method: nobody could connect; "
                                  "write for instance auth: [mschapv2]");
    if (!rc && fresh.auth & ADIT_AUTH_EAP_TLS &&
        !(fresh.tls_certificate && fresh.tls_key && fresh.tls_ca))
        rc = conf_error(ppp, err, "ppp.auth has eap-tls, which needs ppp.tls-certificate, "
                                  "ppp.tls-key and ppp.tls-ca");
    if (!rc)
        rc = ses_tls_open(&fresh);
    if (rc) {
        conf_mem_free(mem);
        return rc;
    }
    conf_mem_free(conf_mem);
    conf = fresh;
    conf_mem = mem;
    ses_lock_conf(&conf);
    return 0;
}

const struct ses_conf *ses_conf_get(void) { return &conf; }

static uint32_t permitted(const struct adit_tunnel *vt, uint32_t encryption)
{
    return encryption ? encryption : vt->encrypts ? ADIT_ENC_128 : ADIT_ENC_NONE | ADIT_ENC_128;
}

bool ses_conf_keys(const struct conf_node *ppp, const struct adit_tunnel *vt, uint32_t encryption)
{
    const uint32_t keys = ADIT_AUTH_MSCHAPV1 | ADIT_AUTH_MSCHAPV2 | ADIT_AUTH_EAP_MSCHAPV2 |
                          ADIT_AUTH_EAP_TLS | ADIT_AUTH_EAP_RELAY;
    struct ses_conf c;
    struct conf_mem *mem = NULL;
    if (conf_fill(ppp, ses_opts, sizeof(struct adit_opt), NULL, sizeof c, &c, &mem, NULL))
        return true;            /* it is wrong in another way, which is told elsewhere */
    conf_mem_free(mem);
    return permitted(vt, encryption) & ADIT_ENC_NONE || c.auth & keys;
}

const char *ses_method_name(uint32_t method)
{
    for (const struct adit_word *w = auth_words; w->word; w++)
        if (w->value == method)
            return w->word;
    return "";
}

/* Turns the tunnel on or off as its number of ports says. */
static int32_t follow(struct ses_tunnel *t)
{
    if (t->conf.ports)
        return plug_inst_start(t->inst);        /* nothing happens to one that runs */
    plug_inst_stop(t->inst);
    return 0;
}

static void take(struct ses_tunnel *t, const struct ses_tunnel_conf *c)
{
    const struct adit_tunnel *vt = plug_vtable(t->inst);
    t->conf = *c;
    t->conf.type = t->conf.name = NULL;         /* the caller's memory */
    t->by_protocol = !t->conf.encryption;
    t->conf.encryption = permitted(vt, t->conf.encryption);
}

struct ses_tunnel *ses_tunnel_add(struct plug_inst *inst, const struct ses_tunnel_conf *c)
{
    struct ses_tunnel *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->inst = inst;
    t->name = plug_self(inst)->name;
    take(t, c);
    adit_list_add(&tunnels, &t->node);
    follow(t);                  /* a failure is shown by `adit status`; the rest runs on */
    return t;
}

int32_t ses_tunnel_set(struct ses_tunnel *t, const struct ses_tunnel_conf *c)
{
    if (c->ports != t->conf.ports)
        LOG_EVENT("session", &ev_ports, ADIT_KV_S("tunnel", t->name),
                  ADIT_KV_U("ports", c->ports), ADIT_KV_U("used", t->used));
    take(t, c);
    return follow(t);
}

int32_t ses_tunnel_ports(struct ses_tunnel *t, uint32_t ports)
{
    struct ses_tunnel_conf c = t->conf;
    c.encryption = t->by_protocol ? 0 : c.encryption;
    c.ports = ports;
    return ses_tunnel_set(t, &c);
}

void ses_tunnel_del(struct ses_tunnel *t)
{
    ses_end_tunnel(t);
    plug_inst_stop(t->inst);
    plug_inst_free(t->inst);    /* ends its calls: link->down() for each */
    ses_reap(t);
    adit_list_del(&t->node);
    free(t->taken);
    free(t);
}

struct ses_tunnel *ses_tunnel_next(struct ses_tunnel *t)
{
    struct adit_node *n = t ? t->node.next : tunnels.next;
    return n == &tunnels ? NULL : ADIT_OF(n, struct ses_tunnel, node);
}

struct ses_tunnel *ses_tunnel_of(const struct plug_inst *inst)
{
    struct ses_tunnel *t = NULL;
    while ((t = ses_tunnel_next(t)) && t->inst != inst)
        ;
    return t;
}

struct ses_tunnel *ses_tunnel_find(const char *name)
{
    for (struct ses_tunnel *t = ses_tunnel_next(NULL); t; t = ses_tunnel_next(t))
        if (!strcmp(t->name, name))
            return t;
    return NULL;
}

void ses_tunnel_info(const struct ses_tunnel *t, struct ses_tunnel_info *out)
{
    const struct adit_tunnel *vt = plug_vtable(t->inst);
    *out = (struct ses_tunnel_info){ .name = t->name, .protocol = vt->protocol, .inst = t->inst,
                                     .ports = t->conf.ports, .used = t->used, .connected = t->up,
                                     .refused = t->refused };
}

/* ---- numbers of ports ---------------------------------------------------------------- */

bool ses_port_take(struct ses *s)
{
    struct ses_tunnel *t = s->tunnel;
    uint32_t w = 0;
    while (w < t->taken_words && t->taken[w] == UINT64_MAX)
        w++;
    if (w == t->taken_words) {
        uint32_t words = w ? w * 2 : 2;
        uint64_t *grown = realloc(t->taken, words * sizeof *grown);
        if (!grown)
            return false;
        memset(grown + w, 0, (words - w) * sizeof *grown);
        t->taken = grown;
        t->taken_words = words;
    }
    uint32_t bit = (uint32_t)__builtin_ctzll(~t->taken[w]);
    t->taken[w] |= (uint64_t)1 << bit;
    s->nas_port = w * 64 + bit;
    t->used++;
    return true;
}

void ses_port_give(struct ses *s)
{
    struct ses_tunnel *t = s->tunnel;
    t->taken[s->nas_port / 64] &= ~((uint64_t)1 << s->nas_port % 64);
    t->used--;
}
