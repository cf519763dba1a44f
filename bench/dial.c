/* dial.c - one client with an interface: dials by a tunnel plugin, PPP, TUN.
 *
 *     adit-bench-dial --plugins DIR --tunnel l2tp --to 192.0.2.1 --user u --password p
 *
 * Knows:  the product's own rooms in the dialling role, as little as measuring and
 *         testing need: one tunnel, one session, one interface.
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
#include "session/ses.h"

static struct {
    const char *plugins, *tunnel, *user, *password, *new_password, *state;
    const char *psk, *certs, *ike, *esp;        /* L2TP through IPsec */
    const char *eap_certs, *eap_name;           /* EAP-TLS */
    uint32_t methods;
    struct adit_addr to;
    uint32_t mtu, encryption, offload;
    bool everything;
} opt = { .tunnel = "l2tp", .mtu = 1400, .encryption = ADIT_ENC_NONE, .offload = 1,
          .methods = ADIT_AUTH_MSCHAPV2 | ADIT_AUTH_PAP | ADIT_AUTH_CHAP, .state = "/tmp" };

static struct plug_inst *inst, *security;
static struct ses_tunnel *tunnel;
static struct ses *session;
static struct dp_iface *iface;
static int status = EXIT_FAILURE;
static SSL_CTX *tls;

/* ---- the session's news ------------------------------------------------------------ */

static void on_up(void *u, const struct ses_dialled *d)
{
    char text[ADDR_TEXT];
    (void)u;
    (void)dp_iface_addr(iface, &d->our, &d->peer, true);
    for (int i = 0; i < 2 && opt.everything; i++)
        (void)dp_iface_route(iface, &(struct adit_addr){ .family = ADIT_AF_IPV4, .prefix = 1,
                                                         .ip = { i ? 128 : 0 } }, 0, true);
    printf("up %s %s %u\n", addr_text_host(&d->our, text), dp_iface_name(iface), d->mtu);
    for (int i = 0; i < SES_DNS && d->dns[i].family; i++)
        printf("dns %s\n", addr_text_host(&d->dns[i], text));
    fflush(stdout);
    status = EXIT_SUCCESS;
}

static void on_down(void *u, uint32_t cause, const char *text)
{
    (void)u; (void)cause;
    fprintf(stderr, "adit-bench-dial: down: %s\n", text);
    session = NULL;
    loop_stop();
}

/* ---- main ---------------------------------------------------------------------------- */

static void flush(void *u)
{
    const struct adit_tunnel *vt = inst ? plug_vtable(inst) : NULL;
    (void)u;
    if (vt && vt->flush)
        vt->flush(plug_self(inst));
}

static void on_signal(void *u, int signum)
{
    (void)u; (void)signum;
    if (session)
        ses_drop(session, ADIT_CAUSE_ADMIN, NULL);
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

/* A section of text as the rooms read it; never freed. */
static const struct conf_node *section(const char *name, const char *text)
{
    struct conf_doc *d = conf_read_text("bench", text, strlen(text), NULL);
    return d ? conf_get(conf_root(d), name) : NULL;
}

static int dial(void)
{
    static const struct ses_dial_ops ops = { .up = on_up, .down = on_down };
    static const struct ses_tunnel_conf ports = { .ports = 1 };
    struct dp_cfg cfg = { .mtu = opt.mtu, .state_dir = opt.state, .offload = opt.offload };
    bool l2tp = !strcmp(opt.tunnel, "l2tp");
    char text[256];
    int rc;
    snprintf(text, sizeof text, "ppp: { mru: %u, mtu: %u }", opt.mtu, opt.mtu);
    if ((rc = ses_conf_read(section("ppp", text), NULL)) != 0 || (rc = dp_open(&cfg)) != 0 ||
        (rc = dp_iface_open(&(struct dp_iface_cfg){ .name = "vpn%d", .mtu = opt.mtu }, &iface)) != 0)
        return rc;
    snprintf(text, sizeof text, "x:\n  listen: [\"0.0.0.0:%s\"]\n%s", l2tp ? "1702" : "1724",
             l2tp ? "  require-security: no\n" : "");
    const struct plug_face *f = plug_face(ADIT_KIND_TUNNEL, opt.tunnel);
    if (!f)
        return log_fail("bench", ADIT_ENOENT, "no plugin offers the tunnel %s", opt.tunnel);
    inst = plug_inst_new(f, "bench", section("x", text), NULL);
    tunnel = inst ? ses_tunnel_add(inst, &ports) : NULL;
    if (!tunnel)
        return ADIT_ECONF;
    if ((opt.psk || opt.certs) && (rc = secure()) != 0)
        return rc;
    struct ses_dial d = {
        .tunnel = inst, .entry = "bench", .user = opt.user, .password = opt.password,
        .new_password = opt.new_password,
        .to = { .size = sizeof d.to, .to = opt.to, .host_name = "bench",
                .require_security = security != NULL },
        .allow = opt.methods, .encryption = opt.encryption, .tls = tls, .tls_name = opt.eap_name,
        .mtu = opt.mtu, .dns = true, .iface = iface, .ops = &ops,
    };
    if (security)
        d.to.from.port = 1701;  /* what RFC 3193 section 4 expects of an initiator */
    return ses_dial(&d, &session);
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
        { "eap-cert", 1, NULL, 'X' }, { "eap-name", 1, NULL, 'N' },
        { "new-password", 1, NULL, 'W' }, { NULL, 0, NULL, 0 },
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
        case 'a': opt.everything = true; break;
        case 'o': opt.offload = 0; break;
        case 's': opt.state = optarg; break;
        case 'K': opt.psk = optarg; break;
        case 'C': opt.certs = optarg; break;
        case 'I': opt.ike = optarg; break;
        case 'E': opt.esp = optarg; break;
        case 'M': if (!methods(optarg)) return 2; break;
        case 'X': opt.eap_certs = optarg; break;
        case 'N': opt.eap_name = optarg; break;
        case 'W': opt.new_password = optarg; break;
        case 'd': log_level(ADIT_LOG_DEBUG); break;
        default:  return 2;
        }
    }
    if (!opt.plugins || !opt.to.family || !opt.user || !opt.password) {
        fputs("usage: adit-bench-dial --plugins DIR --to ADDRESS --user NAME --password TEXT\n"
              "  [--tunnel l2tp|pptp] [--mtu N] [--mppe] [--everything] [--no-offload]\n"
              "  [--ipsec PSK | --ipsec-cert DIR] [--ike PROPOSAL] [--esp PROPOSAL]\n"
              "  [--methods LIST] [--new-password TEXT] [--eap-cert DIR --eap-name NAME]\n", stderr);
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
        .link = &ses_link_api, .frame = &path_frame_api, .attr = &plug_attr_api,
        .request = &plug_request_api, .report = &ctl_report_api, .control = &plug_control_api,
        .config = &plug_config_api, .crypto = &crypto_api, .judge = &crypto_judge_api,
        .security = &path_security_api,
    };
    plug_host(&host);
    path_on_flush(flush, NULL);
    plug_load_dir(opt.plugins);
    loop_signal(SIGTERM, on_signal, NULL);
    loop_signal(SIGINT, on_signal, NULL);
    if (dial())
        fputs("adit-bench-dial: the call could not be begun\n", stderr);
    else
        loop_run();
    if (tunnel)
        ses_tunnel_del(tunnel);
    if (security) {
        path_security_off(plug_self(security));
        plug_inst_stop(security);
        plug_inst_free(security);
    }
    dp_iface_close(iface);
    dp_close();
    return status;
}
