/* adit/attr.h - the facts of a session, as authenticators, policies, pools and
 * accounting see them.
 *
 *     const char *user = adit_attr_str(host, attrs, ADIT_ATTR_USER);
 *     host->attr->put(attrs, ADIT_ATTR_DNS, &value);       // adds one more
 *
 * A list holds any number of values of one attribute, in order. Lists that a
 * call receives are borrowed; lists that attr->make() made are freed with
 * attr->free(). Values are copied in.
 */
#ifndef ADIT_ATTR_H
#define ADIT_ATTR_H

#include <adit/abi.h>

struct adit_attrs;              /* opaque */

/* encryption strengths (RFC 3078 section 2.1), a set */
#define ADIT_ENC_NONE 0x1u
#define ADIT_ENC_40   0x2u
#define ADIT_ENC_56   0x4u
#define ADIT_ENC_128  0x8u
/* Their names: rows for a table of struct adit_word. */
#define ADIT_ENC_WORDS                                                                         \
    { "none", ADIT_ENC_NONE, 0 }, { "40", ADIT_ENC_40, 0 }, { "56", ADIT_ENC_56, 0 },          \
    { "128", ADIT_ENC_128, 0 }

/* the account's own dial-in property */
#define ADIT_DIALIN_POLICY 0u   /* the policy decides */
#define ADIT_DIALIN_ALLOW  1u
#define ADIT_DIALIN_DENY   2u

/*      number, NAME, type, name, sentence */
#define ADIT_ATTR_MAP(X)                                                                              \
    X(  1, USER,            STR,   "user",            "The name as the peer sent it.")                \
    X(  2, ACCOUNT,         STR,   "account",         "The name without its domain.")                 \
    X(  3, DOMAIN,          STR,   "domain",          "The domain of DOMAIN\\user or user@domain.")   \
    X(  4, GROUP,           STR,   "group",           "A group of the account; any number.")          \
    X(  5, PROTOCOL,        STR,   "protocol",        "pptp, l2tp, ...")                              \
    X(  6, TUNNEL,          STR,   "tunnel",          "The name of the tunnel's instance.")           \
    X(  7, PEER,            ADDR,  "peer",            "The client's outer address and port.")         \
    X(  8, OUR,             ADDR,  "our",             "The address that the client called.")          \
    X(  9, CALLING_STATION, STR,   "calling-station", "Calling number of the call; else the peer's address.") \
    X( 10, CALLED_STATION,  STR,   "called-station",  "Called number of the call; else our address.") \
    X( 11, METHOD,          U64,   "method",          "The method used, one ADIT_AUTH_* bit.")        \
    X( 12, SESSION,         STR,   "session",         "The session's identifier, unique for ever.")   \
    X( 13, PEER_HOST,       STR,   "peer-host",       "The host name that the client gave.")          \
    X( 14, SECURED,         BOOL,  "secured",         "The call came through a security association.") \
    X( 15, PEER_IDENTITY,   STR,   "peer-identity",   "Whom the security association authenticated.") \
    X( 16, CONNECT_SPEED,   U64,   "connect-speed",   "bit/s that the client named.")                 \
    X( 20, DIALIN,          U64,   "dialin",          "ADIT_DIALIN_*: the account's own permission.") \
    X( 21, ADDRESS,         ADDR,  "address",         "The client's inner IPv4 address.")             \
    X( 22, POOL,            STR,   "pool",            "The pool to lease from.")                      \
    X( 23, SERVER_ADDRESS,  ADDR,  "server-address",  "Our inner IPv4 address.")                      \
    X( 24, ROUTE,           ADDR,  "route",           "A network behind the client; any number.")     \
    X( 25, DNS,             ADDR,  "dns",             "A DNS server for the client; the first two count.") \
    X( 26, WINS,            ADDR,  "wins",            "A WINS server for the client; the first two count.") \
    X( 27, SESSION_TIMEOUT, U64,   "session-timeout", "ms until the session is ended.")               \
    X( 28, IDLE_TIMEOUT,    U64,   "idle-timeout",    "ms without traffic until the session is ended.") \
    X( 29, METHODS,         U64,   "methods",         "The methods that the profile permits, ADIT_AUTH_*.") \
    X( 30, ENCRYPTION,      U64,   "encryption",      "The strengths that are permitted, ADIT_ENC_*.") \
    X( 31, SESSION_LIMIT,   U64,   "session-limit",   "Sessions of the account at once.")             \
    X( 32, EXPIRY,          U64,   "expiry",          "Seconds since 1970 when the account ends.")    \
    X( 33, RATE_IN,         U64,   "rate-in",         "kbit/s from the client.")                      \
    X( 34, RATE_OUT,        U64,   "rate-out",        "kbit/s to the client.")                        \
    X( 35, FILTER_IN,       STR,   "filter-in",       "Name of the packet filter from the client.")   \
    X( 36, FILTER_OUT,      STR,   "filter-out",      "Name of the packet filter to the client.")     \
    X( 37, MESSAGE,         STR,   "message",         "A text for the user.")                         \
    X( 38, MTU,             U64,   "mtu",             "Inner MTU, bytes.")                            \
    X( 39, POLICY,          STR,   "policy",          "The policy that decided.")                     \
    X( 40, CLASS,           BYTES, "class",           "RADIUS Class, given back in accounting.")      \
    X( 41, DNS_DOMAIN,      STR,   "dns-domain",      "The DNS suffix for the client.")               \
    X( 42, NETMASK,         ADDR,  "netmask",         "Netmask of the client's address.")             \
    X( 43, INTERFACE_ID,    U64,   "interface-id",    "IPv6 interface identifier of the client.")     \
    X( 44, INTERIM,         U64,   "interim",         "ms between interim accounting records.")       \
    X( 45, CAUSE,           U64,   "cause",           "ADIT_CAUSE_*: why it ended.")                  \
    X( 46, BYTES_IN,        U64,   "bytes-in",        "Bytes from the client.")                       \
    X( 47, BYTES_OUT,       U64,   "bytes-out",       "Bytes to the client.")                         \
    X( 48, PACKETS_IN,      U64,   "packets-in",      "Packets from the client.")                     \
    X( 49, PACKETS_OUT,     U64,   "packets-out",     "Packets to the client.")                       \
    X( 50, DURATION,        U64,   "duration",        "ms since the session came up.")                \
    X( 51, AUTHENTICATOR,   STR,   "authenticator",   "The instance that accepted the user.")         \
    X( 52, LEASE_POOL,      STR,   "lease-pool",      "The pool that the address came from.")      \
    X( 53, PUSH_ROUTE,      ADDR,  "push-route",      "A network behind us: clients that ask (DHCPINFORM) hear of it.") \
    X( 54, CLIENT_VERSION,  STR,   "client-version",  "What the client said it is (LCP Identification).") \
    X( 55, FILTER_RULE,     STR,   "filter-rule",     "A rule of the session's own packet filter, in order (RFC 4849).") \
    X( 56, NAS_PORT,        U64,   "nas-port",        "Number of the port that the call takes.")    \
    X( 57, MULTI_SESSION,   STR,   "multi-session",   "What sessions of one bundle share.")         \
    X( 58, IPV6_PREFIX,     ADDR,  "ipv6-prefix",     "Network of the link to the client; it is advertised.") \
    X( 59, DELEGATED_PREFIX, ADDR, "delegated-prefix", "IPv6 network that the client may delegate.") \
    X( 60, IPV6_POOL,       STR,   "ipv6-pool",       "The pool to take the IPv6 network from.")    \
    X( 61, IPV6_ADDRESS,    ADDR,  "ipv6-address",    "One IPv6 address of the client.")            \
    X( 62, STARTED,         U64,   "started",         "Seconds since 1970 when the session came up.") \
    X( 63, STATE,           BYTES, "state",           "RADIUS State, for authentication once more.") \
    X( 64, REAUTHENTICATE,  BOOL,  "reauthenticate",  "At its timeout the session is authenticated once more.") \
    X( 65, REASON,          STR,   "reason",          "Why it ended or was refused, in a sentence.") \
    X( 66, AT,              U64,   "at",              "Seconds since 1970 of which a policy is asked; absent: now.") \
    X( 67, CALLER,          STR,   "caller",          "Where the account may call from, with * and ?; any number, none: anywhere.") \
    X( 68, SERVER_METHODS,  U64,   "server-methods",  "In a dry run: the methods that the server has enabled, ADIT_AUTH_*.")

enum adit_attr {
#define ADIT_X(number, NAME, type, name, text) ADIT_ATTR_##NAME = number,
    ADIT_ATTR_MAP(ADIT_X)
#undef ADIT_X
    ADIT_ATTR_VENDOR = 0x10000  /* from here on: numbers given by attr->id() */
};

struct adit_attr_api {
    uint32_t size;
    struct adit_attrs *(*make)(void);
    void (*free)(struct adit_attrs *a);
    /* Value number `nth` (from 0) of an attribute; NULL when there is none.
     * Borrowed until the list changes. */
    const struct adit_value *(*get)(const struct adit_attrs *a, uint32_t id, uint32_t nth);
    /* Adds a value; 0, or ADIT_EINVAL (wrong type), ADIT_ENOMEM. */
    int32_t (*put)(struct adit_attrs *a, uint32_t id, const struct adit_value *v);
    /* Removes all values of an attribute. */
    void (*del)(struct adit_attrs *a, uint32_t id);
    /* Walks in order: *pos starts at 0. False at the end. */
    uint32_t (*next)(const struct adit_attrs *a, uint32_t *pos, uint32_t *id,
                     const struct adit_value **v);
    /* Number of an attribute by its name; a new vendor attribute when `type`
     * is not ADIT_TYPE_NONE and the name is unknown; 0: unknown. */
    uint32_t (*id)(const char *name, uint32_t type);
    const char *(*name)(uint32_t id);
};

#endif
