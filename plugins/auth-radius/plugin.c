/* plugin.c - auth-radius declares itself: options, counters, events. */
#include "rad_acct.h"
#include "rad_attr.h"
#include "rad_auth.h"
#include "rad_coa.h"

static const struct adit_word transports[] = {
    { "udp", RAD_UDP, 0 }, { "tls", RAD_TLS, 0 }, { NULL, 0, 0 },
};
static const struct adit_word demands[] = {
    { "required", RAD_REQUIRE, 0 }, { "auto", RAD_AUTO, 0 }, { NULL, 0, 0 },
};
static const struct adit_word orders[] = {
    { "order", RAD_ORDER, 0 }, { "weights", RAD_WEIGHTS, 0 }, { NULL, 0, 0 },
};

static const struct adit_opt server_opts[] = {
    ADIT_OPT(STR, rad_server_conf, name, "name", NULL, ADIT_OPT_RELOAD,
             "What it is called in messages; by default its host."),
    ADIT_OPT(STR, rad_server_conf, host, "host", NULL, ADIT_OPT_REQUIRED | ADIT_OPT_RELOAD,
             "Its address, or a name that is looked up."),
    ADIT_OPT(STR, rad_server_conf, secret, "secret", NULL, ADIT_OPT_SECRET | ADIT_OPT_RELOAD,
             "The shared secret. Over TLS it is radsec unless it is given."),
    ADIT_OPT(FILE, rad_server_conf, secret_file, "secret-file", NULL, ADIT_OPT_RELOAD,
             "A file whose first line is the shared secret; nobody but its owner may read it."),
    ADIT_OPT_NUM(U32, rad_server_conf, auth_port, "auth-port", "1812", 0, 65535, ADIT_OPT_RELOAD,
                 "Where it is asked for authentication, often 1645 on old servers; 0: it is not. "
                 "Over TLS: 2083 unless another is given."),
    ADIT_OPT_NUM(U32, rad_server_conf, acct_port, "acct-port", "1813", 0, 65535, ADIT_OPT_RELOAD,
                 "Where it takes accounting, often 1646 on old servers; 0: it does not."),
    ADIT_OPT_NUM(U32, rad_server_conf, weight, "weight", "1", 1, 1000, ADIT_OPT_RELOAD,
                 "With order: weights, its share of the requests."),
    ADIT_OPT_WORDS(ENUM, rad_server_conf, transport, "transport", transports, "udp", ADIT_OPT_RELOAD,
                   "udp, or tls (RFC 6614)."),
    ADIT_OPT_WORDS(ENUM, rad_server_conf, message_authenticator, "message-authenticator", demands,
                   "required", ADIT_OPT_RELOAD,
                   "Whether its answers must carry a Message-Authenticator; auto accepts answers "
                   "without, which others can then forge (Blast-RADIUS)."),
    ADIT_OPT_NUM(MSEC, rad_server_conf, timeout_ms, "timeout", "2s", 50, 60000, ADIT_OPT_RELOAD,
                 "Wait for an answer to the first try; each further one waits twice as long."),
    ADIT_OPT_NUM(U32, rad_server_conf, tries, "tries", "3", 1, 10, ADIT_OPT_RELOAD,
                 "Tries before the next server is asked."),
    ADIT_OPT(ADDR, rad_server_conf, source, "source", NULL, ADIT_OPT_RELOAD,
             "Our address that requests leave from, as the server knows us."),
    ADIT_OPT(STR, rad_server_conf, tls_name, "tls-name", NULL, ADIT_OPT_RELOAD,
             "The name that its certificate must have; by default its host."),
    ADIT_OPT(FILE, rad_server_conf, tls_ca, "tls-ca", NULL, ADIT_OPT_RELOAD,
             "Certificates of the authorities that sign its own; by default those of the host."),
    ADIT_OPT(FILE, rad_server_conf, tls_certificate, "tls-certificate", NULL, ADIT_OPT_RELOAD,
             "Our certificate, with those between it and the authority."),
    ADIT_OPT(FILE, rad_server_conf, tls_key, "tls-key", NULL, ADIT_OPT_RELOAD,
             "The key of our certificate."),
    ADIT_OPT_END
};

/* Rows for servers and for what they are told, in both faces' tables. */
#define SERVERS_ROWS(conf_)                                                                          \
    ADIT_OPT_SUB(conf_, servers.servers, "servers", rad_server_conf, server_opts,                    \
                 ADIT_OPT_ARRAY | ADIT_OPT_RELOAD, "The servers, in the order in which they are asked."), \
    ADIT_OPT_WORDS(ENUM, conf_, servers.order, "order", orders, "order", ADIT_OPT_RELOAD,            \
                   "order: the first that lives; weights: all that live, by their weight."),         \
    ADIT_OPT_NUM(MSEC, conf_, servers.dead_ms, "dead-time", "30s", 1000, 3600000, ADIT_OPT_RELOAD,   \
                 "How long a server that did not answer is left alone."),                            \
    ADIT_OPT(BOOL, conf_, servers.probe, "probe", "yes", ADIT_OPT_RELOAD,                            \
             "Whether a dead server is asked with Status-Server (RFC 5997) first; no: with a login.")

static const struct adit_opt nas_opts[] = {
    ADIT_OPT(STR, rad_nas_conf, identifier, "identifier", NULL, ADIT_OPT_RELOAD,
             "NAS-Identifier; by default the name of the host."),
    ADIT_OPT(ADDR, rad_nas_conf, address, "address", NULL, ADIT_OPT_RELOAD,
             "NAS-IP-Address or NAS-IPv6-Address; by default the address that the request leaves from."),
    ADIT_OPT_NUM(U32, rad_nas_conf, port_type, "port-type", "5", 0, 255, ADIT_OPT_RELOAD,
                 "NAS-Port-Type; 5 is Virtual."),
    ADIT_OPT(STR, rad_nas_conf, send, "send", NULL, ADIT_OPT_ARRAY | ADIT_OPT_RELOAD,
             "\"Attribute=value\": goes with every request, in place of ours where there is one."),
    ADIT_OPT(BOOL, rad_nas_conf, strip_domain, "strip-domain", "no", ADIT_OPT_RELOAD,
             "Users are named to the servers without their domain, where the method allows."),
    ADIT_OPT_END
};

static const struct adit_opt coa_client_opts[] = {
    ADIT_OPT(PREFIX, rad_coa_client_conf, network, "network", NULL, ADIT_OPT_REQUIRED | ADIT_OPT_RELOAD,
             "An address or a network that requests may come from."),
    ADIT_OPT(STR, rad_coa_client_conf, secret, "secret", NULL, ADIT_OPT_SECRET | ADIT_OPT_RELOAD,
             "The shared secret."),
    ADIT_OPT(FILE, rad_coa_client_conf, secret_file, "secret-file", NULL, ADIT_OPT_RELOAD,
             "A file whose first line is the shared secret; nobody but its owner may read it."),
    ADIT_OPT_WORDS(ENUM, rad_coa_client_conf, message_authenticator, "message-authenticator", demands,
                   "required", ADIT_OPT_RELOAD,
                   "Whether requests must carry a Message-Authenticator."),
    ADIT_OPT_END
};

static const struct adit_opt coa_opts[] = {
    ADIT_OPT(ADDR, rad_coa_conf, listen, "listen", NULL, ADIT_OPT_RELOAD,
             "Address and UDP port, 3799, that requests come to; without it there are none."),
    ADIT_OPT_SUB(rad_coa_conf, clients, "clients", rad_coa_client_conf, coa_client_opts,
                 ADIT_OPT_ARRAY | ADIT_OPT_RELOAD, "Who may send them."),
    ADIT_OPT_NUM(MSEC, rad_coa_conf, window_ms, "window", "5m", 0, 86400000, ADIT_OPT_RELOAD,
                 "How far the Event-Timestamp of a request may be off; 0: it may be missing."),
    ADIT_OPT_END
};

static const struct adit_opt auth_opts[] = {
    SERVERS_ROWS(rad_auth_conf),
    ADIT_OPT_SUB(rad_auth_conf, nas, "nas", rad_nas_conf, nas_opts, ADIT_OPT_RELOAD,
                 "What servers are told of us."),
    ADIT_OPT_SUB(rad_auth_conf, coa, "coa", rad_coa_conf, coa_opts, ADIT_OPT_RELOAD,
                 "Servers that may change and end sessions (RFC 5176)."),
    ADIT_OPT(STR, rad_auth_conf, domains, "domains", NULL, ADIT_OPT_ARRAY | ADIT_OPT_RELOAD,
             "Domains whose users are asked for; users of others are left to the next "
             "authenticator. None: all of them."),
    ADIT_OPT(BOOL, rad_auth_conf, grants, "grants", "yes", ADIT_OPT_RELOAD,
             "Whom a server accepts has the permission to dial in; no: policies decide."),
    ADIT_OPT_NUM(MSEC, rad_auth_conf, limit_ms, "limit", "15s", 100, 300000, ADIT_OPT_RELOAD,
                 "Time for one question, all servers together; less than answer-timeout of ppp."),
    ADIT_OPT_NUM(U32, rad_auth_conf, in_flight, "in-flight", "20000", 1, 1000000, ADIT_OPT_RELOAD,
                 "Logins that may wait for an answer at once."),
    ADIT_OPT_END
};

static const struct adit_opt acct_opts[] = {
    SERVERS_ROWS(rad_acct_conf),
    ADIT_OPT_SUB(rad_acct_conf, nas, "nas", rad_nas_conf, nas_opts, ADIT_OPT_RELOAD,
                 "What servers are told of us; by default as the authenticator tells them."),
    ADIT_OPT(STR, rad_acct_conf, like, "like", NULL, ADIT_OPT_RELOAD,
             "Without servers: the authenticator of type radius whose servers are told; by default "
             "the only one."),
    ADIT_OPT_NUM(SIZE, rad_acct_conf, spool_size, "spool-size", "64M", 0, UINT64_C(1) << 40, 0,
                 "Room on disk for records that no server has taken yet, 256k at least; 0: they are "
                 "kept in memory alone. When it is full, interim records go first, the oldest."),
    ADIT_OPT_NUM(MSEC, rad_acct_conf, limit_ms, "limit", "30s", 100, 300000, ADIT_OPT_RELOAD,
                 "Time for one record, all servers together; then it waits for its next turn."),
    ADIT_OPT(BOOL, rad_acct_conf, on_off, "on-off", "yes", ADIT_OPT_RELOAD,
             "Whether Accounting-On and Accounting-Off tell servers that we start and stop."),
    ADIT_OPT_END
};

static const struct adit_counter auth_counters[RAD_N_AUTH_ALL] = {
#define RAD_X(NAME, name, text) [RAD_N_##NAME] = { name, text },
    RAD_CLIENT_COUNTERS(RAD_X)
#undef RAD_X
    [RAD_N_AUTH(ACCEPTED)]   = { "accepted",   "Users that a server accepted." },
    [RAD_N_AUTH(REJECTED)]   = { "rejected",   "Users that a server rejected, or whose question no packet carries." },
    [RAD_N_AUTH(CHALLENGED)] = { "challenged", "Rounds of EAP." },
    [RAD_N_AUTH(FOREIGN)]    = { "foreign",    "Users of a domain that is not in domains." },
    [RAD_N_AUTH(BUSY)]       = { "busy",       "Logins that found in-flight reached." },
    [RAD_N_AUTH(UNANSWERED)] = { "logins-unanswered", "Logins that no server answered." },
    [RAD_N_AUTH(USELESS)]    = { "useless-answers", "Answers that nothing could be done with." },
    [RAD_N_AUTH(BAD)]        = { "senseless-attributes", "Attributes whose value made no sense." },
    [RAD_N_AUTH(IGNORED)]    = { "ignored-attributes", "Attributes that are not honoured." },
#define RAD_X(NAME, name, text) [RAD_N_COA + RAD_COA_##NAME] = { name, text },
    RAD_COA_COUNTER_MAP(RAD_X)
#undef RAD_X
};

static const struct adit_event *const auth_events[] = {
    RAD_CLIENT_EVENTS, RAD_ATTR_EVENTS, RAD_AUTH_EVENTS, RAD_COA_EVENTS, NULL
};

static const struct adit_face faces[] = {
    { .kind = ADIT_KIND_AUTH, .conf_size = sizeof(struct rad_auth_conf), .name = "radius",
      .opts = auth_opts, .counters = auth_counters, .counter_count = RAD_N_AUTH_ALL,
      .events = auth_events, .life = &rad_auth_life, .vtable = &rad_auth_vtable },
    { .kind = ADIT_KIND_ACCOUNTING, .conf_size = sizeof(struct rad_acct_conf), .name = "radius",
      .opts = acct_opts, .counters = rad_acct_counters, .counter_count = RAD_N_ACCT,
      .events = rad_acct_events, .life = &rad_acct_life, .vtable = &rad_acct_vtable },
};

ADIT_PLUGIN("auth-radius", "1.0", "BSD-2-Clause", "Asks RADIUS servers", faces)
