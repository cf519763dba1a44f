/* options.c - what may stand in a policy; for the plugin and for `adit policy`.
 *
 * Knows:  names, types and sentences of the options.
 * Leaves: what they mean to policy.c.
 */
#include "access.h"

// clang-format off
#define A ADIT_OPT_ARRAY

static const struct adit_word secured_words[] = {
    { "any", POL_ANY, 0 },
    { "yes", POL_YES, 0 }, { "true", POL_YES, 0 }, { "on", POL_YES, 0 },
    { "no", POL_NO, 0 }, { "false", POL_NO, 0 }, { "off", POL_NO, 0 },
    { NULL, 0, 0 },
};

static const struct adit_word permission_words[] = {
    { "deny", 0, 0 }, { "grant", 1, 0 }, { NULL, 0, 0 },
};

/* Of `when` and of `unless`. */
static const struct adit_opt when_opts[] = {
    ADIT_OPT(STR, pol_when, users, "users", NULL, A, "Names of accounts, * and ? match any letters; with a domain (DOMAIN\\name or name@domain) only in it."),
    ADIT_OPT(STR, pol_when, groups, "groups", NULL, A, "Groups of the account; one of them is enough."),
    ADIT_OPT(STR, pol_when, domains, "domains", NULL, A, "Domains of DOMAIN\\name or name@domain."),
    ADIT_OPT(STR, pol_when, protocols, "protocols", NULL, A, "Tunnel protocols: pptp, l2tp."),
    ADIT_OPT(STR, pol_when, tunnels, "tunnels", NULL, A, "Names of instances of `tunnels`."),
    ADIT_OPT(PREFIX, pol_when, clients, "client-addresses", NULL, A, "Networks that the client calls from."),
    ADIT_OPT(PREFIX, pol_when, called, "called-addresses", NULL, A, "Addresses of this server that the client called."),
    ADIT_OPT(STR, pol_when, calling, "calling-station", NULL, A, "Calling numbers, * and ? match any; where there is none it is the client's address."),
    ADIT_OPT(STR, pol_when, called_station, "called-station", NULL, A, "Called numbers; where there is none it is the address that was called."),
    ADIT_OPT(STR, pol_when, names, "client-names", NULL, A, "Host names that clients give in the tunnel; they can say what they like."),
    ADIT_OPT(STR, pol_when, identities, "ipsec-identities", NULL, A, "Whom IPsec authenticated: the subject of a certificate, or its name."),
    ADIT_OPT_WORDS(FLAGS, pol_when, methods, "methods", pol_method_words, NULL, 0, "Authentication methods that were used."),
    ADIT_OPT(STR, pol_when, authenticators, "authenticators", NULL, A, "Names of instances of `auth`: which one accepted the user."),
    ADIT_OPT_WORDS(ENUM, pol_when, secured, "secured", secured_words, "any", 0, "Whether the call came through IPsec."),
    ADIT_OPT(STR, pol_when, hours, "hours", NULL, A, "Days and times, where the server is: \"mon-fri 08:00-18:00\"."),
    ADIT_OPT_END
};

static const struct adit_opt profile_opts[] = {
    ADIT_OPT_WORDS(FLAGS, pol_profile, methods, "methods", pol_method_words, NULL, 0, "Authentication methods that are permitted; none named: those of the server."),
    ADIT_OPT_WORDS(FLAGS, pol_profile, encryption, "encryption", pol_encryption_words, NULL, 0, "MPPE strengths that are permitted; `none`: also without. None named: those of the server."),
    ADIT_OPT(STR, pol_profile, only.hours, "hours", NULL, A, "Days and times at which a session may begin, where the server is."),
    ADIT_OPT(STR, pol_profile, only.protocols, "protocols", NULL, A, "Tunnel protocols that are permitted."),
    ADIT_OPT(PREFIX, pol_profile, only.clients, "client-addresses", NULL, A, "Networks that the client may call from."),
    ADIT_OPT(STR, pol_profile, only.calling, "calling-station", NULL, A, "Calling numbers that are permitted."),
    ADIT_OPT(STR, pol_profile, only.called_station, "called-station", NULL, A, "Called numbers that are permitted."),
    ADIT_OPT_WORDS(ENUM, pol_profile, only.secured, "secured", secured_words, "any", 0, "Whether the call must have come through IPsec."),
    ADIT_OPT(MSEC, pol_profile, idle_ms, "idle-timeout", NULL, 0, "Time without traffic after which the session is ended; 0: never."),
    ADIT_OPT(MSEC, pol_profile, session_ms, "session-timeout", NULL, 0, "Time after which the session is ended; 0: never."),
    ADIT_OPT(STR, pol_profile, pool, "pool", NULL, 0, "The pool that the address comes from."),
    ADIT_OPT(ADDR, pol_profile, address, "address", NULL, 0, "A fixed address, for a policy that one account matches."),
    ADIT_OPT_NUM(U32, pol_profile, mtu, "mtu", NULL, 576, 16384, 0, "Inner MTU, bytes; absent: that of the server."),
    ADIT_OPT(U32, pol_profile, session_limit, "session-limit", NULL, 0, "Sessions of one account at once; the smaller one of this and the account's own counts. 0: no limit."),
    ADIT_OPT(ADDR, pol_profile, dns, "dns", NULL, A, "DNS servers that the client is told, at most two."),
    ADIT_OPT(ADDR, pol_profile, wins, "wins", NULL, A, "WINS servers that the client is told, at most two."),
    ADIT_OPT(STR, pol_profile, filter[0], "filter-in", NULL, 0, "Packet filter (section `filters`) of what comes from the client."),
    ADIT_OPT(STR, pol_profile, filter[1], "filter-out", NULL, 0, "Packet filter of what goes to the client."),
    ADIT_OPT_NUM(U32, pol_profile, rate[0], "rate-in", NULL, 0, 1000000000, 0, "kbit/s from the client at most; the smaller one of this and the account's own counts. 0: no limit."),
    ADIT_OPT_NUM(U32, pol_profile, rate[1], "rate-out", NULL, 0, 1000000000, 0, "kbit/s to the client at most."),
    ADIT_OPT(PREFIX, pol_profile, routes, "routes", NULL, A, "Networks behind the client, beside those of the account."),
    ADIT_OPT(PREFIX, pol_profile, push_routes, "push-routes", NULL, A, "IPv4 networks behind the server that clients which ask (DHCPINFORM) hear of, beside those of the account and of ppp.routes."),
    ADIT_OPT(STR, pol_profile, dns_domain, "dns-domain", NULL, 0, "The DNS suffix that clients which ask (DHCPINFORM) are told."),
    ADIT_OPT_END
};

static const struct adit_opt policy_opts[] = {
    ADIT_OPT(STR, pol_conf, name, "name", NULL, ADIT_OPT_REQUIRED, "The policy's name, in logs and in `adit policy explain`."),
    ADIT_OPT_SUB(pol_conf, when, "when", pol_when, when_opts, 0, "The conditions; all that are given must match. None: everyone."),
    ADIT_OPT_SUB(pol_conf, unless, "unless", pol_when, when_opts, 0, "Conditions of which none may match."),
    ADIT_OPT_WORDS(ENUM, pol_conf, grant, "permission", permission_words, "deny", 0, "grant or deny, where the account itself says neither."),
    ADIT_OPT(BOOL, pol_conf, ignore_account, "ignore-account", "no", 0, "The account's own allow or deny, where it may call from, its address and its routes are not looked at."),
    ADIT_OPT_SUB(pol_conf, profile, "profile", pol_profile, profile_opts, 0, "What holds for the sessions that it lets in."),
    ADIT_OPT(LINE, pol_conf, line, "line", NULL, 0, "Where it stands."),
    ADIT_OPT_END
};

const struct adit_opt access_file_opts[] = {
    ADIT_OPT_SUB(access_file, policies, "policies", pol_conf, policy_opts, ADIT_OPT_ARRAY | ADIT_OPT_REQUIRED, "The policies, in order."),
    ADIT_OPT_END
};

const struct adit_opt access_opts[] = {
    ADIT_OPT_SUB(access_conf, policies, "policies", pol_conf, policy_opts, ADIT_OPT_ARRAY | ADIT_OPT_RELOAD, "The policies, in order: the first one whose conditions all match decides."),
    ADIT_OPT(FILE, access_conf, file, "file", NULL, ADIT_OPT_RELOAD, "A file that holds `policies:`, instead of writing them here."),
    ADIT_OPT_END
};
// clang-format on
