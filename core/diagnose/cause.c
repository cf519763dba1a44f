/* cause.c - the catalogue of causes.
 *
 * Knows:  every ADIT_CAUSE_*: its code, sentence, setting and remedy.
 * Leaves: finding out which one it was, to those who saw it.
 */
#include "diagnose/cause.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <adit/cause.h>

static const struct row {
    const char *code, *text;
    uint32_t ras, mschap;
} rows[] = {
#define ADIT_X(number, NAME, code, ras, mschap, text) [number] = { code, text, ras, mschap },
    ADIT_CAUSE_MAP(ADIT_X)
#undef ADIT_X
};

// clang-format off
static const struct { const char *setting, *remedy; } remedies[] = {
[ADIT_CAUSE_PEER_HANGUP]      = { "", "The client hung up: see its own message; 'adit trace' shows its last words." },
[ADIT_CAUSE_ADMIN]            = { "", "Connect again, or ask who ended it." },
[ADIT_CAUSE_LOST_CARRIER]     = { "", "Look for a lost network at the client, or for a restart of it." },
[ADIT_CAUSE_ECHO_TIMEOUT]     = { "ppp.echo-interval", "Look for a lost network or a sleeping client; raise ppp.echo-failures for clients that sleep." },
[ADIT_CAUSE_LCP_TIMEOUT]      = { "", "The tunnel came up but no PPP frame passed: look for a firewall or NAT that drops GRE (PPTP) or UDP 1701 (L2TP)." },
[ADIT_CAUSE_LCP_FAILED]       = { "ppp", "Trace the negotiation; the client insists on an option that is not offered." },
[ADIT_CAUSE_LOOPED]           = { "", "The client's frames are our own: look for a device that reflects packets." },
[ADIT_CAUSE_NO_COMMON_METHOD] = { "ppp.auth", "Add the client's method to ppp.auth, or choose MS-CHAPv2 in the client." },
[ADIT_CAUSE_AUTH_FAILED]      = { "users[]", "Type the password again; set it with 'adit user passwd NAME'." },
[ADIT_CAUSE_UNKNOWN_USER]     = { "auth", "Make the account with 'adit user add NAME', or see the order of the authenticators." },
[ADIT_CAUSE_NO_PERMISSION]    = { "users[].dial-in", "Permit it with 'adit user set NAME --allow' (or --policy)." },
[ADIT_CAUSE_POLICY_DENIED]    = { "policies[].permission", "See which policy decides and why: 'adit policy explain --user NAME'." },
[ADIT_CAUSE_NO_POLICY]        = { "policies", "Add a policy that the connection matches: 'adit policy explain --user NAME' shows what fails." },
[ADIT_CAUSE_METHOD_REFUSED]   = { "policies[].profile.methods", "Add the method to the policy's profile, or choose another in the client." },
[ADIT_CAUSE_ENCRYPTION]       = { "tunnels[].encryption", "Turn on encryption (MPPE) in the client with MS-CHAPv2; or permit 'none' in tunnels[].encryption and the profile." },
[ADIT_CAUSE_DISABLED]         = { "users[].disabled", "Enable the account: 'adit user set NAME --enabled'." },
[ADIT_CAUSE_EXPIRED]          = { "users[].expires", "Prolong the account: 'adit user set NAME --expires DATE'." },
[ADIT_CAUSE_PASSWORD_EXPIRED] = { "users[].must-change", "The user has to change the password: a client with MS-CHAPv2 asks for it." },
[ADIT_CAUSE_HOURS]            = { "policies[].profile.hours", "Connect within the hours that the policy names." },
[ADIT_CAUSE_SESSION_LIMIT]    = { "policies[].profile.session-limit", "End the other session ('adit drop'), or raise the limit of the account or profile." },
[ADIT_CAUSE_AUTH_UNAVAILABLE] = { "auth[]", "See 'adit plugins' for the authenticator's last error, and the log: its file, its server, its settings." },
[ADIT_CAUSE_AUTH_TIMEOUT]     = { "ppp.auth-timeout", "The client sent no credentials in time." },
[ADIT_CAUSE_POOL_EXHAUSTED]   = { "pools[].ranges", "Give the pool more addresses, or end idle sessions: 'adit pools', 'adit sessions'." },
[ADIT_CAUSE_NO_POOL]          = { "pools", "Configure a pool, or correct the pool's name in the profile or account." },
[ADIT_CAUSE_ADDRESS_TAKEN]    = { "users[].address", "Another session has the address: end it, or give the account another." },
[ADIT_CAUSE_IPCP_FAILED]      = { "pools", "The client insists on an address of its own; let it ask the server for one." },
[ADIT_CAUSE_NO_NETWORK]       = { "ppp.ipv6", "Turn on IPv4 (TCP/IP) in the client's connection; IPv6 and IPX alone are not served." },
[ADIT_CAUSE_PORTS_EXHAUSTED]  = { "tunnels[].ports", "Raise the ports of the tunnel: 'adit ports set NAME NUMBER'." },
[ADIT_CAUSE_PROTOCOL_OFF]     = { "tunnels[].ports", "The tunnel has 0 ports; turn it on with 'adit ports set NAME NUMBER'." },
[ADIT_CAUSE_IDLE_TIMEOUT]     = { "policies[].profile.idle-timeout", "Connect again, or raise the idle timeout of the profile." },
[ADIT_CAUSE_SESSION_TIMEOUT]  = { "policies[].profile.session-timeout", "Connect again, or raise the session timeout of the profile." },
[ADIT_CAUSE_SHUTDOWN]         = { "", "Connect again when the server runs." },
[ADIT_CAUSE_RESOURCE]         = { "", "Look at memory and descriptors of the host." },
[ADIT_CAUSE_INTERNAL]         = { "", "Please report it with the log." },
[ADIT_CAUSE_CLEAR_REFUSED]    = { "tunnels[].require-security", "Use L2TP with IPsec in the client; or, for a closed network, set require-security: no." },
[ADIT_CAUSE_TUNNEL_AUTH]      = { "tunnels[].secret", "Give both ends the same tunnel secret." },
[ADIT_CAUSE_PROTOCOL_ERROR]   = { "", "Trace the tunnel; the peer sends what the protocol does not allow." },
[ADIT_CAUSE_GRE_BLOCKED]      = { "", "Let IP protocol 47 (GRE) pass on every firewall and NAT between client and server." },
[ADIT_CAUSE_NO_ANSWER]        = { "", "See that the server's address is right and that nothing blocks UDP 500, 1701, 4500 or TCP 1723." },
[ADIT_CAUSE_REFUSED]          = { "", "See the server's log for its reason." },
[ADIT_CAUSE_CONFLICT]         = { "policies[].profile", "Make the profile agree with the account and the server's settings." },
[ADIT_CAUSE_RESTRICTED]       = { "policies[].profile", "Call from where the profile and the account permit it, or change calling-station and the like: the reason names which." },
[ADIT_CAUSE_CERTIFICATE]      = { "ppp.tls-ca", "Give the client a certificate of the authority that ppp.tls-ca names." },
[ADIT_CAUSE_LEASE_LOST]       = { "pools[]", "The DHCP server took the address back or did not renew it: see its log and 'adit pools'." },
[ADIT_CAUSE_DHCP_SILENT]      = { "pools[].interface", "See that a DHCP server answers there, or add a pool of type range after it." },
[ADIT_CAUSE_LOCKED_OUT]       = { "ppp.lockout", "Wait, or unlock it: 'adit unlock NAME|ADDRESS'." },
[ADIT_CAUSE_CRASH]            = { "", "Look for a power cut, or for a crash in the system's journal, and report that one." },
[ADIT_CAUSE_NOT_RUNNING]      = { "", "Start it: 'systemctl start adit', or aditd; why it ended stands in its log." },
[ADIT_CAUSE_NOT_SERVING]      = { "tunnels", "Add a tunnel (type: pptp or l2tp) with ports, or turn one on: 'adit ports set NAME NUMBER'." },
[ADIT_CAUSE_RADIUS_SILENT]    = { "auth[].servers", "See 'adit radius': address, port and secret of the server; it must know us as a client, and firewalls must let UDP 1812 through." },
[ADIT_CAUSE_NO_ROUTE]         = { "users[].routes", "Name the networks behind the client: 'adit user set NAME --route NETWORK', or routes of its policy's profile." },
[ADIT_CAUSE_ROUTER_AS_CLIENT] = { "users[].routes", "If it is to be a router, give its account the networks behind it: 'adit user set NAME --route NETWORK'; else turn off routing at the client." },
[ADIT_CAUSE_FILTERED]         = { "filters[]", "See what the filter drops: 'adit filters NAME'; permit it there, or name another filter in the profile or account." },
[ADIT_CAUSE_IPSEC_AUTH]       = { "security[]", "Type the same pre-shared key into the client, or see ca, crl and peer-identities." },
[ADIT_CAUSE_IPSEC_PROPOSAL]   = { "security[].proposals", "Add what the client offers to proposals (phase 1) or esp (phase 2): the text names it." },
[ADIT_CAUSE_IPSEC_TIMEOUT]    = { "", "Let UDP 500 and 4500 through every firewall on the way; behind a translator Windows needs AssumeUDPEncapsulationContextOnSendRule." },
[ADIT_CAUSE_NO_SECRET]        = { "users[]", "Set the password again ('adit user passwd NAME'; with CHAP: --clear), or choose MS-CHAPv2 in the client." },
[ADIT_CAUSE_ESP_BLOCKED]      = { "", "Let IP protocol 50 (ESP) and UDP port 4500 through every firewall on the way." },
[ADIT_CAUSE_NAME_UNKNOWN]     = { "entries[].server", "Look for a slip in the server's name, and whether this host can resolve any name: 'getent hosts NAME'." },
[ADIT_CAUSE_NO_CREDENTIALS]   = { "entries[].password-file", "Give user and password when dialling, or in the entry: user and password-file." },
[ADIT_CAUSE_HANGUP]           = { "", "Dial again: 'adit dial ENTRY'." },
[ADIT_CAUSE_LINE_FAILED]      = { "entries[].before", "Run the command, or dial the entry that dial-first names, by itself and see what it says." },
};
// clang-format on

static const struct row *row(uint32_t cause)
{
    return &rows[cause < sizeof rows / sizeof rows[0] && rows[cause].code ? cause : ADIT_CAUSE_INTERNAL];
}

const char *cause_code(uint32_t cause) { return row(cause)->code; }
const char *cause_text(uint32_t cause) { return row(cause)->text; }
uint32_t cause_ras(uint32_t cause) { return row(cause)->ras; }
uint32_t cause_mschap(uint32_t cause) { return row(cause)->mschap; }

uint32_t cause_count(void) { return sizeof rows / sizeof rows[0]; }

const char *cause_setting(uint32_t cause)
{
    const char *s = cause < sizeof remedies / sizeof remedies[0] ? remedies[cause].setting : NULL;
    return s ? s : "";
}

const char *cause_remedy(uint32_t cause)
{
    const char *s = cause < sizeof remedies / sizeof remedies[0] ? remedies[cause].remedy : NULL;
    return s ? s : "";
}

/* The name of the list's entry at fault. */
static const char *entry_of(const char *list, size_t len, const struct cause_names *n)
{
    const struct { const char *list, *name; } lists[] = {
        { "tunnels", n->tunnel }, { "policies", n->policy }, { "users", n->account },
        { "pools", n->pool },     { "auth", n->auth },       { "filters", n->filter },
        { "security", n->security },
    };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        if (strlen(lists[i].list) == len && !memcmp(lists[i].list, list, len))
            return lists[i].name ? lists[i].name : "";
    return "";
}

void cause_name(const char *setting, const struct cause_names *n, char *out, size_t size)
{
    const char *gap = strstr(setting, "[]");
    size_t len = gap ? (size_t)(gap - setting) : 0;
    if (gap)
        snprintf(out, size, "%.*s[%s%s", (int)len, setting, entry_of(setting, len, n), gap + 1);
    else
        snprintf(out, size, "%s", setting);
}
