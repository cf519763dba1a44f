/* dial.c - one client with an interface: dials by a tunnel plugin, PPP, TUN.
 *
 *     adit-bench-dial --plugins DIR --tunnel l2tp --to 192.0.2.1 --user u --password p
 *
 * Knows:  putting the product's own rooms together in the dialling role, as little as
 *         measuring and testing need.
 * Leaves: phone books, routes and name servers to the dialler proper.
 *
 * Prints "up ADDRESS INTERFACE MTU" when packets may pass; SIGTERM hangs up.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/ssl.h>
#include <adit/plugin.h>
#include "base/addr.h"
#include "config/conf.h"
#include "control/ctl.h"
#include "crypto/crypto.h"
#include "datapath/dp.h"
#include "log/log.h"
#include "loop/loop.h"
#include "path/path.h"
#include "plugin/plug.h"
#include "ppp/ppp.h"

static struct {
    const char *plugins, *tunnel, *user, *password, *state;
    const char *psk, *certs, *ike, *esp;        /* L2TP through IPsec */
    const char *eap_certs, *eap_name;           /* EAP-TLS */
    uint32_t methods;
    struct adit_addr to, local;
    uint32_t mtu, encryption, offload;
} opt = { .tunnel = "l2tp", .mtu = 1400, .encryption = ADIT_ENC_NONE, .offload = 1,
          .methods = ADIT_AUTH_MSCHAPV2 | ADIT_AUTH_PAP | ADIT_AUTH_CHAP, .state = "/tmp" };

static struct plug_inst *inst, *security;
static const struct adit_tunnel *vt;
static void *call;
static struct ppp *ppp;
static struct loop_timer *ppp_timer;
static struct dp_port *port;
static int status = EXIT_FAILURE;
static SSL_CTX *tls;
static char link_[1];           /* the one link: only its address counts */

/* ---- PPP ----------------------------------------------------------------------- */

static uint64_t on_now(void *u) { (void)u; return loop_now(); }
static void on_random(void *u, void *out, uint32_t len) { (void)u; crypto_random(out, len); }
static void on_tick(void *u) { (void)u; ppp_tick(ppp); }

static void on_timer(void *u, uint64_t ms)
{
    (void)u;
    if (ms == UINT64_MAX)
        loop_timer_stop(ppp_timer);
    else
        loop_timer_set(ppp_timer, ms);
}

static void on_tx_link(void *u, struct adit_frame **v, uint32_t n)
{
    (void)u;
    if (call)
        vt->tx(call, v, n);
}

static void on_rx_data(void *u, uint16_t proto, struct adit_frame **v, uint32_t n)
{
    (void)u;
    if (port)
        dp_rx(port, proto, v, n);
}

static void dp_out(void *u, uint16_t proto, struct adit_frame **v, uint32_t n)
{
    (void)u;
    ppp_tx(ppp, proto, v, n);
}

static void net_up(void)
{
    static const struct dp_ops ops = { dp_out };
    struct ppp_info info;
    char text[ADDR_TEXT];
    ppp_info(ppp, &info);
    uint32_t mtu = info.peer_mru && info.peer_mru < opt.mtu ? info.peer_mru : opt.mtu;
    struct dp_cfg cfg = { .tun = "vpn%d", .mtu = mtu, .address = info.our, .state_dir = opt.state,
                          .offload = opt.offload };
    cfg.address.prefix = 32;
    if (dp_open(&cfg)) {
        loop_stop();
        return;
    }
    /* everything that the server sends may come from anywhere */
    struct adit_addr every[] = { { .family = ADIT_AF_IPV4, .prefix = 1 },
                                 { .family = ADIT_AF_IPV4, .prefix = 1, .ip = { 128 } } };
    struct adit_addr server = info.peer;
    server.prefix = 32;
    struct dp_attach at = { .address = server, .routes = every,
                            .route_count = opt.local.family ? 2 : 0, .mtu = mtu, .who = "bench" };
    if (dp_attach(&at, &ops, NULL, &port)) {
        loop_stop();
        return;
    }
    printf("up %s %s %u\n", addr_text_host(&info.our, text), dp_tun_name(), mtu);
    for (int i = 0; i < 2; i++)
        if (info.dns[i].family)
            printf("dns %s\n", addr_text_host(&info.dns[i], text));
    fflush(stdout);
    status = EXIT_SUCCESS;
}

static void on_event(void *u, const struct ppp_event *ev)
{
    (void)u;
    if (ev->type == PPP_EV_AUTHENTICATED) {
        struct ppp_net net = { .encryption = opt.encryption, .ipv4 = 1, .want_dns = 1 };
        ppp_net_start(ppp, &net);
    } else if (ev->type == PPP_EV_NET_UP && ev->proto == PPP_IP) {
        net_up();
    } else if (ev->type == PPP_EV_DOWN) {
        fprintf(stderr, "adit-bench-dial: down: %s\n", ev->text ? ev->text : "");
        if (!port)
            status = EXIT_FAILURE;
        loop_stop();
    }
}

static const struct ppp_ops ppp_ops = { on_now, on_random, on_timer, on_tx_link, on_rx_data,
                                        on_event };

/* ---- the link, as the tunnel sees it ---------------------------------------------- */

static int32_t link_open(struct adit_self *self, const struct adit_link_info *i, void *c,
                         struct adit_link **out)
{
    (void)self; (void)i; (void)c; (void)out;
    return ADIT_EDENIED;        /* nobody may call us */
}

static void link_up(struct adit_link *l, const struct adit_link_info *i)
{
    (void)l;
    struct ppp_cfg cfg = { .role = ADIT_ROLE_DIAL, .mru = (uint16_t)opt.mtu,
                           .mtu_max = (uint16_t)(i->mtu && i->mtu < opt.mtu ? i->mtu : opt.mtu),
                           .auth_allow = opt.methods, .tls = tls, .tls_name = opt.eap_name,
                           .user = opt.user, .password = opt.password, .our_name = opt.user };
    ppp = ppp_new(&cfg, &ppp_ops, NULL);
    if (ppp)
        ppp_up(ppp);
}

static void link_rx(struct adit_link *l, struct adit_frame **v, uint32_t n)
{
    (void)l;
    if (ppp)
        ppp_rx(ppp, v, n);
}

static void link_down(struct adit_link *l, uint32_t cause, const char *text)
{
    (void)l; (void)cause;
    fprintf(stderr, "adit-bench-dial: the tunnel ended: %s\n", text ? text : "");
    call = NULL;
    loop_stop();
}

static const struct adit_link_api link_api = { .size = sizeof link_api, .open = link_open, .up = link_up,
                                               .rx = link_rx, .down = link_down };

/* ---- main ---------------------------------------------------------------------------- */

static void flush(void *u)
{
    (void)u;
    if (vt && vt->flush)
        vt->flush(plug_self(inst));
}

static void on_signal(void *u, int signum)
{
    (void)u; (void)signum;
    if (ppp)
        ppp_close(ppp, ADIT_CAUSE_ADMIN);
    else
        loop_stop();
}

/* What protects the call: an instance of IPsec of our own. */
static int secure(void)
{
    char text[2048];
    int n = snprintf(text, sizeof text, "x:\n  max-peers: 16\n");
    if (opt.psk)
        n += snprintf(text + n, sizeof text - (size_t)n, "  psk: \"%s\"\n", opt.psk);
    else
        n += snprintf(text + n, sizeof text - (size_t)n, "  certificate: %s/client.crt\n"
                      "  key: %s/client.key\n  ca: %s/ca.crt\n", opt.certs, opt.certs, opt.certs);
    if (opt.ike)
        n += snprintf(text + n, sizeof text - (size_t)n, "  proposals: [%s]\n", opt.ike);
    if (opt.esp)
        n += snprintf(text + n, sizeof text - (size_t)n, "  esp: [%s]\n", opt.esp);
    struct conf_doc *d = conf_read_text("bench", text, (size_t)n, NULL);
    const struct plug_face *f = plug_face(ADIT_KIND_SECURITY, "ipsec");
    if (!d || !f)
        return log_fail("bench", ADIT_ENOENT, "no plugin offers IPsec");
    security = plug_inst_new(f, "ipsec", conf_get(conf_root(d), "x"), NULL);
    if (!security || plug_inst_start(security))
        return ADIT_ECONF;
    return path_security(plug_self(security), plug_vtable(security));
}

static int dial(void)
{
    char text[256];
    int rc;
    const char *listen = "0.0.0.0";
    snprintf(text, sizeof text, "x:\n  listen: [\"%s:%s\"]\n%s", listen,
             strcmp(opt.tunnel, "l2tp") ? "1724" : "1702",
             strcmp(opt.tunnel, "l2tp") ? "" : "  require-security: no\n");
    struct conf_doc *d = conf_read_text("bench", text, strlen(text), NULL);
    const struct plug_face *f = plug_face(ADIT_KIND_TUNNEL, opt.tunnel);
    if (!d || !f)
        return log_fail("bench", ADIT_ENOENT, "no plugin offers the tunnel %s", opt.tunnel);
    inst = plug_inst_new(f, "bench", conf_get(conf_root(d), "x"), NULL);
    if (!inst || plug_inst_start(inst))
        return ADIT_ECONF;
    vt = plug_vtable(inst);
    if ((opt.psk || opt.certs) && (rc = secure()) != 0)
        return rc;
    struct adit_dial to = { .size = sizeof to, .to = opt.to, .host_name = "bench",
                            .require_security = security != NULL };
    if (security)
        to.from.port = 1701;    /* what RFC 3193 section 4 expects of an initiator */
    return vt->dial(plug_self(inst), (struct adit_link *)(void *)link_, &to, &call);
}

/* "eap-md5,chap" */
static bool methods(char *list)
{
    static const struct adit_word words[] = { ADIT_AUTH_WORDS, { NULL, 0, 0 } };
    opt.methods = 0;
    for (char *save, *one = strtok_r(list, ",", &save); one; one = strtok_r(NULL, ",", &save)) {
        const struct adit_word *w = words;
        while (w->word && strcmp(w->word, one))
            w++;
        if (!w->word)
            return false;
        opt.methods |= w->value;
    }
    return opt.methods != 0;
}

/* client.crt, client.key and ca.crt of a folder. */
static bool eap_certificates(const char *dir)
{
    char crt[512], key[512], ca[512];
    snprintf(crt, sizeof crt, "%s/client.crt", dir);
    snprintf(key, sizeof key, "%s/client.key", dir);
    snprintf(ca, sizeof ca, "%s/ca.crt", dir);
    tls = SSL_CTX_new(TLS_method());
    if (!tls || SSL_CTX_use_certificate_chain_file(tls, crt) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_load_verify_file(tls, ca) != 1)
        return false;
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return true;
}

int main(int argc, char **argv)
{
    static const struct option longs[] = {
        { "plugins", 1, NULL, 'P' }, { "tunnel", 1, NULL, 't' },   { "to", 1, NULL, 'T' },
        { "user", 1, NULL, 'u' },    { "password", 1, NULL, 'p' }, { "mtu", 1, NULL, 'm' },
        { "mppe", 0, NULL, 'e' },    { "everything", 0, NULL, 'a' }, { "no-offload", 0, NULL, 'o' },
        { "state", 1, NULL, 's' },   { "debug", 0, NULL, 'd' },
        { "ipsec", 1, NULL, 'K' },   { "ipsec-cert", 1, NULL, 'C' }, { "ike", 1, NULL, 'I' },
        { "esp", 1, NULL, 'E' },     { "methods", 1, NULL, 'M' },
        { "eap-cert", 1, NULL, 'X' }, { "eap-name", 1, NULL, 'N' }, { NULL, 0, NULL, 0 },
    };
    log_level(ADIT_LOG_WARN);
    for (int o; (o = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        switch (o) {
        case 'P': opt.plugins = optarg; break;
        case 't': opt.tunnel = optarg; break;
        case 'T': if (addr_parse(optarg, &opt.to)) return 2; break;
        case 'u': opt.user = optarg; break;
        case 'p': opt.password = optarg; break;
        case 'm': opt.mtu = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 'e': opt.encryption = ADIT_ENC_128; break;
        case 'a': opt.local.family = ADIT_AF_IPV4; break;
        case 'o': opt.offload = 0; break;
        case 's': opt.state = optarg; break;
        case 'K': opt.psk = optarg; break;
        case 'C': opt.certs = optarg; break;
        case 'I': opt.ike = optarg; break;
        case 'E': opt.esp = optarg; break;
        case 'M': if (!methods(optarg)) return 2; break;
        case 'X': opt.eap_certs = optarg; break;
        case 'N': opt.eap_name = optarg; break;
        case 'd': log_level(ADIT_LOG_DEBUG); break;
        default:  return 2;
        }
    }
    if (!opt.plugins || !opt.to.family || !opt.user || !opt.password) {
        fputs("usage: adit-bench-dial --plugins DIR --to ADDRESS --user NAME --password TEXT\n"
              "  [--tunnel l2tp|pptp] [--mtu N] [--mppe] [--everything] [--no-offload]\n"
              "  [--ipsec PSK | --ipsec-cert DIR] [--ike PROPOSAL] [--esp PROPOSAL]\n"
              "  [--methods LIST] [--eap-cert DIR --eap-name NAME]\n", stderr);
        return 2;
    }
    log_open(LOG_TO_STDERR, NULL);
    if (loop_init() || crypto_init())
        return EXIT_FAILURE;
    if (opt.eap_certs && !eap_certificates(opt.eap_certs)) {
        fputs("adit-bench-dial: --eap-cert: client.crt, client.key, ca.crt\n", stderr);
        return 2;
    }
    static struct adit_host host;
    host = (struct adit_host){
        .size = sizeof host, .abi_minor = ADIT_ABI_MINOR, .version = "bench",
        .log = &plug_log_api, .loop = &loop_api, .stream = &loop_stream_api, .path = &path_api,
        .link = &link_api, .frame = &path_frame_api, .attr = &plug_attr_api,
        .request = &plug_request_api, .report = &ctl_report_api, .control = &plug_control_api,
        .config = &plug_config_api, .crypto = &crypto_api, .judge = &crypto_judge_api,
        .security = &path_security_api,
    };
    plug_host(&host);
    path_on_flush(flush, NULL);
    plug_load_dir(opt.plugins);
    ppp_timer = loop_timer_new(on_tick, NULL);
    loop_signal(SIGTERM, on_signal, NULL);
    loop_signal(SIGINT, on_signal, NULL);
    if (dial()) {
        fputs("adit-bench-dial: the call could not be begun\n", stderr);
        return EXIT_FAILURE;
    }
    loop_run();
    if (inst) {
        plug_inst_stop(inst);
        plug_inst_free(inst);
    }
    if (security) {
        path_security_off(plug_self(security));
        plug_inst_stop(security);
        plug_inst_free(security);
    }
    dp_close();
    return status;
}
