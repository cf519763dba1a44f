/* adit/cause.h - why a call or a session ended. The first cause wins.
 *
 * Each row: number, NAME, code for people, RAS error, MS-CHAP error (0: none), sentence.
 * The remedies stand in the host's catalogue (core/diagnose).
 */
#ifndef ADIT_CAUSE_H
#define ADIT_CAUSE_H

#include <stdint.h>

#define ADIT_CAUSE_MAP(X)                                                                                            \
    X(  0, NONE,             "ADIT-NONE",             0,   0, "Nothing went wrong.")                                  \
    X(  1, PEER_HANGUP,      "ADIT-PEER-HANGUP",      629, 0, "The peer ended the connection.")                       \
    X(  2, ADMIN,            "ADIT-ADMIN",            829, 0, "An operator ended the connection.")                    \
    X(  3, LOST_CARRIER,     "ADIT-LOST-CARRIER",     629, 0, "The tunnel under the connection was lost.")            \
    X(  4, ECHO_TIMEOUT,     "ADIT-ECHO-TIMEOUT",     829, 0, "The peer no longer answers.")                          \
    X(  5, LCP_TIMEOUT,      "ADIT-LCP-TIMEOUT",      718, 0, "No PPP frame came from the peer.")                     \
    X(  6, LCP_FAILED,       "ADIT-LCP-FAILED",       720, 0, "The link options did not converge.")                   \
    X(  7, LOOPED,           "ADIT-LOOPED",           737, 0, "The link is looped back.")                             \
    X(  8, NO_COMMON_METHOD, "ADIT-NO-COMMON-METHOD", 734, 0, "No authentication method is acceptable to both ends.") \
    X(  9, AUTH_FAILED,      "ADIT-AUTH-FAILED",      691, 691, "The user name or the password is wrong.")            \
    X( 10, UNKNOWN_USER,     "ADIT-UNKNOWN-USER",     691, 691, "No authenticator knows the user.")                   \
    X( 11, NO_PERMISSION,    "ADIT-NO-PERMISSION",    649, 649, "The account has no permission to dial in.")          \
    X( 12, POLICY_DENIED,    "ADIT-POLICY-DENIED",    649, 649, "The matching policy denies.")                        \
    X( 13, NO_POLICY,        "ADIT-NO-POLICY",        649, 649, "No policy matches.")                                 \
    X( 14, METHOD_REFUSED,   "ADIT-METHOD-REFUSED",   919, 649, "The policy does not permit the authentication method.") \
    X( 15, ENCRYPTION,       "ADIT-ENCRYPTION",       742, 0, "Encryption is required and was not agreed.")           \
    X( 16, DISABLED,         "ADIT-DISABLED",         647, 647, "The account is disabled.")                           \
    X( 17, EXPIRED,          "ADIT-EXPIRED",          708, 647, "The account has expired.")                           \
    X( 18, PASSWORD_EXPIRED, "ADIT-PASSWORD-EXPIRED", 648, 648, "The password has expired.")                          \
    X( 19, HOURS,            "ADIT-HOURS",            646, 646, "Not at this time of day.")                           \
    X( 20, SESSION_LIMIT,    "ADIT-SESSION-LIMIT",    649, 649, "The account has as many sessions as it may.")        \
    X( 21, AUTH_UNAVAILABLE, "ADIT-AUTH-UNAVAILABLE", 930, 0, "No authenticator answered.")                           \
    X( 22, AUTH_TIMEOUT,     "ADIT-AUTH-TIMEOUT",     718, 0, "The peer did not authenticate in time.")               \
    X( 23, POOL_EXHAUSTED,   "ADIT-POOL-EXHAUSTED",   633, 0, "No address is free.")                                  \
    X( 24, NO_POOL,          "ADIT-NO-POOL",          633, 0, "No address pool serves the connection.")               \
    X( 25, ADDRESS_TAKEN,    "ADIT-ADDRESS-TAKEN",    633, 0, "The address is in use by another session.")            \
    X( 26, IPCP_FAILED,      "ADIT-IPCP-FAILED",      732, 0, "The peers did not agree on addresses.")                \
    X( 27, NO_NETWORK,       "ADIT-NO-NETWORK",       720, 0, "No network protocol came up.")                         \
    X( 28, PORTS_EXHAUSTED,  "ADIT-PORTS-EXHAUSTED",  633, 0, "All ports of the protocol are in use.")                \
    X( 29, PROTOCOL_OFF,     "ADIT-PROTOCOL-OFF",     633, 0, "The protocol has no ports.")                           \
    X( 30, IDLE_TIMEOUT,     "ADIT-IDLE-TIMEOUT",     828, 0, "No traffic for as long as the policy allows.")         \
    X( 31, SESSION_TIMEOUT,  "ADIT-SESSION-TIMEOUT",  828, 0, "The session was up for as long as the policy allows.") \
    X( 32, SHUTDOWN,         "ADIT-SHUTDOWN",         829, 0, "The server is stopping.")                              \
    X( 33, RESOURCE,         "ADIT-RESOURCE",         633, 0, "The server is out of memory or descriptors.")          \
    X( 34, INTERNAL,         "ADIT-INTERNAL",         720, 0, "The server made a mistake.")                           \
    X( 35, CLEAR_REFUSED,    "ADIT-CLEAR-REFUSED",    809, 0, "The call did not come through IPsec, which is required.") \
    X( 36, TUNNEL_AUTH,      "ADIT-TUNNEL-AUTH",      789, 0, "The tunnel secret is wrong.")                          \
    X( 37, PROTOCOL_ERROR,   "ADIT-PROTOCOL-ERROR",   718, 0, "The peer broke the tunnel protocol.")                  \
    X( 38, GRE_BLOCKED,      "ADIT-GRE-BLOCKED",      806, 0, "The control connection is up, no GRE packet arrived.") \
    X( 39, NO_ANSWER,        "ADIT-NO-ANSWER",        809, 0, "The peer did not answer.")                             \
    X( 40, REFUSED,          "ADIT-REFUSED",          807, 0, "The peer refused the call.")                           \
    X( 41, CONFLICT,         "ADIT-CONFLICT",         649, 649, "Settings of profile, account and server conflict.")  \
    X( 42, CERTIFICATE,      "ADIT-CERTIFICATE",      798, 0, "The certificate is not acceptable.")                \
    X( 43, LEASE_LOST,       "ADIT-LEASE-LOST",       829, 0, "The lease of the address ended.")                      \
    X( 44, DHCP_SILENT,      "ADIT-DHCP-SILENT",      633, 0, "No DHCP server answered.")                             \
    X( 45, LOCKED_OUT,       "ADIT-LOCKED-OUT",       691, 647, "Too many failures: the account or the address is locked out for a while.") \
    X( 46, CRASH,            "ADIT-CRASH",            829, 0, "The server itself ended without warning.")               \
    /* since 1.1 */                                                                                                   \
    X( 47, NOT_RUNNING,      "ADIT-NOT-RUNNING",      711, 0, "The daemon does not run.")                             \
    X( 48, NOT_SERVING,      "ADIT-NOT-SERVING",      800, 0, "The daemon runs, and no tunnel serves.")               \
    X( 49, RADIUS_SILENT,    "ADIT-RADIUS-SILENT",    930, 0, "No RADIUS server answered.")                           \
    X( 50, NO_ROUTE,         "ADIT-NO-ROUTE",         0,   0, "Packets come from networks that the session has no route to.") \
    X( 51, ROUTER_AS_CLIENT, "ADIT-ROUTER-AS-CLIENT", 0,   0, "A router is served as a single client: its account has no networks.") \
    X( 52, FILTERED,         "ADIT-FILTERED",         0,   0, "A packet filter drops packets of the session.")        \
    X( 53, IPSEC_AUTH,       "ADIT-IPSEC-AUTH",       789, 0, "The peer did not prove itself to IPsec.")              \
    X( 54, IPSEC_PROPOSAL,   "ADIT-IPSEC-PROPOSAL",   788, 0, "IPsec found no algorithms that both ends permit.")     \
    X( 55, IPSEC_TIMEOUT,    "ADIT-IPSEC-TIMEOUT",    792, 0, "The peer did not finish the negotiation of IPsec.")    \
    X( 56, NO_SECRET,        "ADIT-NO-SECRET",        691, 691, "What is stored of the password cannot answer the method.") \
    X( 57, ESP_BLOCKED,      "ADIT-ESP-BLOCKED",      809, 0, "IPsec was negotiated, and not one packet came through it.")    \
    X( 58, RESTRICTED,       "ADIT-RESTRICTED",       649, 649, "The account or the profile does not permit a call from there or of this kind.") \
    X( 59, NAME_UNKNOWN,     "ADIT-NAME-UNKNOWN",     868, 0, "The server's name could not be resolved.")             \
    X( 60, NO_CREDENTIALS,   "ADIT-NO-CREDENTIALS",   703, 0, "The user's name or the password is not given.")        \
    X( 61, HANGUP,           "ADIT-HANGUP",           631, 0, "The connection was hung up.")                          \
    X( 62, LINE_FAILED,      "ADIT-LINE-FAILED",      651, 0, "What has to be up before could not be brought up.")

enum adit_cause {
#define ADIT_X(number, NAME, code, ras, mschap, text) ADIT_CAUSE_##NAME = number,
    ADIT_CAUSE_MAP(ADIT_X)
#undef ADIT_X
};

/* since 1.1: code and sentence of a cause. */
static inline const char *adit_cause_code(uint32_t cause)
{
    switch (cause) {
#define ADIT_X(number, NAME, code, ras, mschap, text) case number: return code;
    ADIT_CAUSE_MAP(ADIT_X)
#undef ADIT_X
    default: return "ADIT-INTERNAL";
    }
}

/* A cause as the other end may know it: whether it was the name or the password is told
 * to nobody. */
static inline uint32_t adit_cause_shown(uint32_t cause)
{
    return cause == ADIT_CAUSE_UNKNOWN_USER || cause == ADIT_CAUSE_NO_SECRET
               ? (uint32_t)ADIT_CAUSE_AUTH_FAILED : cause;
}

/* "CODE: sentence", as the other end may hear it. */
static inline const char *adit_cause_told(uint32_t cause)
{
    switch (adit_cause_shown(cause)) {
#define ADIT_X(number, NAME, code, ras, mschap, text) case number: return code ": " text;
    ADIT_CAUSE_MAP(ADIT_X)
#undef ADIT_X
    default: return "";
    }
}

#endif
