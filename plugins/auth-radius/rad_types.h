/* rad_types.h - attributes and their named values: one list.
 *
 *     enum constants       RAD_USER_NAME, RAD_MS_CHAP2_RESPONSE, RAD_SERVICE_TYPE_FRAMED
 *     the dictionary       rad_dict.c writes it from the same rows
 *
 * Knows:  numbers, names and types of RFC 2865-2869, 2548, 3162, 4372, 4818, 4849,
 *         5176 and 6911, Microsoft's of later date, and two vendors' rate limits.
 * Leaves: what they mean to rad_attr.
 *
 * A name has at most 32 characters: that is what the library's dictionary holds.
 */
#ifndef RAD_TYPES_H
#define RAD_TYPES_H

/*    number, NAME, name, type of the dictionary */
#define RAD_ATTR_MAP(X)                                                               \
    /* RFC 2865 */                                                                    \
    X(1,   USER_NAME,                 "User-Name",                 string)            \
    X(2,   USER_PASSWORD,             "User-Password",             string)            \
    X(3,   CHAP_PASSWORD,             "CHAP-Password",             string)            \
    X(4,   NAS_IP_ADDRESS,            "NAS-IP-Address",            ipaddr)            \
    X(5,   NAS_PORT,                  "NAS-Port",                  integer)           \
    X(6,   SERVICE_TYPE,              "Service-Type",              integer)           \
    X(7,   FRAMED_PROTOCOL,           "Framed-Protocol",           integer)           \
    X(8,   FRAMED_IP_ADDRESS,         "Framed-IP-Address",         ipaddr)            \
    X(9,   FRAMED_IP_NETMASK,         "Framed-IP-Netmask",         ipaddr)            \
    X(10,  FRAMED_ROUTING,            "Framed-Routing",            integer)           \
    X(11,  FILTER_ID,                 "Filter-Id",                 string)            \
    X(12,  FRAMED_MTU,                "Framed-MTU",                integer)           \
    X(13,  FRAMED_COMPRESSION,        "Framed-Compression",        integer)           \
    X(14,  LOGIN_IP_HOST,             "Login-IP-Host",             ipaddr)            \
    X(15,  LOGIN_SERVICE,             "Login-Service",             integer)           \
    X(16,  LOGIN_TCP_PORT,            "Login-TCP-Port",            integer)           \
    X(18,  REPLY_MESSAGE,             "Reply-Message",             string)            \
    X(19,  CALLBACK_NUMBER,           "Callback-Number",           string)            \
    X(20,  CALLBACK_ID,               "Callback-Id",               string)            \
    X(22,  FRAMED_ROUTE,              "Framed-Route",              string)            \
    X(23,  FRAMED_IPX_NETWORK,        "Framed-IPX-Network",        integer)           \
    X(24,  STATE,                     "State",                     string)            \
    X(25,  CLASS,                     "Class",                     string)            \
    X(26,  VENDOR_SPECIFIC,           "Vendor-Specific",           string)            \
    X(27,  SESSION_TIMEOUT,           "Session-Timeout",           integer)           \
    X(28,  IDLE_TIMEOUT,              "Idle-Timeout",              integer)           \
    X(29,  TERMINATION_ACTION,        "Termination-Action",        integer)           \
    X(30,  CALLED_STATION_ID,         "Called-Station-Id",         string)            \
    X(31,  CALLING_STATION_ID,        "Calling-Station-Id",        string)            \
    X(32,  NAS_IDENTIFIER,            "NAS-Identifier",            string)            \
    X(33,  PROXY_STATE,               "Proxy-State",               string)            \
    X(34,  LOGIN_LAT_SERVICE,         "Login-LAT-Service",         string)            \
    X(35,  LOGIN_LAT_NODE,            "Login-LAT-Node",            string)            \
    X(36,  LOGIN_LAT_GROUP,           "Login-LAT-Group",           string)            \
    X(37,  FRAMED_APPLETALK_LINK,     "Framed-AppleTalk-Link",     integer)           \
    X(38,  FRAMED_APPLETALK_NETWORK,  "Framed-AppleTalk-Network",  integer)           \
    X(39,  FRAMED_APPLETALK_ZONE,     "Framed-AppleTalk-Zone",     string)            \
    X(60,  CHAP_CHALLENGE,            "CHAP-Challenge",            string)            \
    X(61,  NAS_PORT_TYPE,             "NAS-Port-Type",             integer)           \
    X(62,  PORT_LIMIT,                "Port-Limit",                integer)           \
    X(63,  LOGIN_LAT_PORT,            "Login-LAT-Port",            string)            \
    /* RFC 2866 */                                                                    \
    X(40,  ACCT_STATUS_TYPE,          "Acct-Status-Type",          integer)           \
    X(41,  ACCT_DELAY_TIME,           "Acct-Delay-Time",           integer)           \
    X(42,  ACCT_INPUT_OCTETS,         "Acct-Input-Octets",         integer)           \
    X(43,  ACCT_OUTPUT_OCTETS,        "Acct-Output-Octets",        integer)           \
    X(44,  ACCT_SESSION_ID,           "Acct-Session-Id",           string)            \
    X(45,  ACCT_AUTHENTIC,            "Acct-Authentic",            integer)           \
    X(46,  ACCT_SESSION_TIME,         "Acct-Session-Time",         integer)           \
    X(47,  ACCT_INPUT_PACKETS,        "Acct-Input-Packets",        integer)           \
    X(48,  ACCT_OUTPUT_PACKETS,       "Acct-Output-Packets",       integer)           \
    X(49,  ACCT_TERMINATE_CAUSE,      "Acct-Terminate-Cause",      integer)           \
    X(50,  ACCT_MULTI_SESSION_ID,     "Acct-Multi-Session-Id",     string)            \
    X(51,  ACCT_LINK_COUNT,           "Acct-Link-Count",           integer)           \
    /* RFC 2867, RFC 2868 (tagged: the first octet of the value may be a tag) */      \
    X(64,  TUNNEL_TYPE,               "Tunnel-Type",               integer)           \
    X(65,  TUNNEL_MEDIUM_TYPE,        "Tunnel-Medium-Type",        integer)           \
    X(66,  TUNNEL_CLIENT_ENDPOINT,    "Tunnel-Client-Endpoint",    string)            \
    X(67,  TUNNEL_SERVER_ENDPOINT,    "Tunnel-Server-Endpoint",    string)            \
    X(68,  ACCT_TUNNEL_CONNECTION,    "Acct-Tunnel-Connection",    string)            \
    X(69,  TUNNEL_PASSWORD,           "Tunnel-Password",           string)            \
    X(81,  TUNNEL_PRIVATE_GROUP_ID,   "Tunnel-Private-Group-ID",   string)            \
    X(82,  TUNNEL_ASSIGNMENT_ID,      "Tunnel-Assignment-ID",      string)            \
    X(83,  TUNNEL_PREFERENCE,         "Tunnel-Preference",         integer)           \
    X(86,  ACCT_TUNNEL_PACKETS_LOST,  "Acct-Tunnel-Packets-Lost",  integer)           \
    X(90,  TUNNEL_CLIENT_AUTH_ID,     "Tunnel-Client-Auth-ID",     string)            \
    X(91,  TUNNEL_SERVER_AUTH_ID,     "Tunnel-Server-Auth-ID",     string)            \
    /* RFC 2869 */                                                                    \
    X(52,  ACCT_INPUT_GIGAWORDS,      "Acct-Input-Gigawords",      integer)           \
    X(53,  ACCT_OUTPUT_GIGAWORDS,     "Acct-Output-Gigawords",     integer)           \
    X(55,  EVENT_TIMESTAMP,           "Event-Timestamp",           date)              \
    X(70,  ARAP_PASSWORD,             "ARAP-Password",             string)            \
    X(71,  ARAP_FEATURES,             "ARAP-Features",             string)            \
    X(72,  ARAP_ZONE_ACCESS,          "ARAP-Zone-Access",          integer)           \
    X(73,  ARAP_SECURITY,             "ARAP-Security",             integer)           \
    X(74,  ARAP_SECURITY_DATA,        "ARAP-Security-Data",        string)            \
    X(75,  PASSWORD_RETRY,            "Password-Retry",            integer)           \
    X(76,  PROMPT,                    "Prompt",                    integer)           \
    X(77,  CONNECT_INFO,              "Connect-Info",              string)            \
    X(78,  CONFIGURATION_TOKEN,       "Configuration-Token",       string)            \
    X(79,  EAP_MESSAGE,               "EAP-Message",               string)            \
    X(80,  MESSAGE_AUTHENTICATOR,     "Message-Authenticator",     string)            \
    X(84,  ARAP_CHALLENGE_RESPONSE,   "ARAP-Challenge-Response",   string)            \
    X(85,  ACCT_INTERIM_INTERVAL,     "Acct-Interim-Interval",     integer)           \
    X(87,  NAS_PORT_ID,               "NAS-Port-Id",               string)            \
    X(88,  FRAMED_POOL,               "Framed-Pool",               string)            \
    /* RFC 4372, RFC 4849 */                                                          \
    X(89,  CHARGEABLE_USER_IDENTITY,  "Chargeable-User-Identity",  string)            \
    X(92,  NAS_FILTER_RULE,           "NAS-Filter-Rule",           string)            \
    /* RFC 3162, RFC 4818 */                                                          \
    X(95,  NAS_IPV6_ADDRESS,          "NAS-IPv6-Address",          ipv6addr)          \
    X(96,  FRAMED_INTERFACE_ID,       "Framed-Interface-Id",       string)            \
    X(97,  FRAMED_IPV6_PREFIX,        "Framed-IPv6-Prefix",        ipv6prefix)        \
    X(98,  LOGIN_IPV6_HOST,           "Login-IPv6-Host",           ipv6addr)          \
    X(99,  FRAMED_IPV6_ROUTE,         "Framed-IPv6-Route",         string)            \
    X(100, FRAMED_IPV6_POOL,          "Framed-IPv6-Pool",          string)            \
    X(123, DELEGATED_IPV6_PREFIX,     "Delegated-IPv6-Prefix",     ipv6prefix)        \
    /* RFC 5176 */                                                                    \
    X(101, ERROR_CAUSE,               "Error-Cause",               integer)           \
    /* RFC 6911 */                                                                    \
    X(168, FRAMED_IPV6_ADDRESS,       "Framed-IPv6-Address",       ipv6addr)          \
    X(169, DNS_SERVER_IPV6_ADDRESS,   "DNS-Server-IPv6-Address",   ipv6addr)          \
    X(170, ROUTE_IPV6_INFORMATION,    "Route-IPv6-Information",    ipv6prefix)        \
    X(171, DELEGATED_IPV6_PREFIX_POOL, "Delegated-IPv6-Prefix-Pool", string)          \
    X(172, STATEFUL_IPV6_ADDRESS_POOL, "Stateful-IPv6-Address-Pool", string)

/* Vendor 311: RFC 2548; from 34 on Microsoft's own [MS-RNAP]. */
#define RAD_MS_MAP(X)                                                                 \
    X(1,   MS_CHAP_RESPONSE,          "MS-CHAP-Response",          string)            \
    X(2,   MS_CHAP_ERROR,             "MS-CHAP-Error",             string)            \
    X(3,   MS_CHAP_CPW_1,             "MS-CHAP-CPW-1",             string)            \
    X(4,   MS_CHAP_CPW_2,             "MS-CHAP-CPW-2",             string)            \
    X(5,   MS_CHAP_LM_ENC_PW,         "MS-CHAP-LM-Enc-PW",         string)            \
    X(6,   MS_CHAP_NT_ENC_PW,         "MS-CHAP-NT-Enc-PW",         string)            \
    X(7,   MS_MPPE_ENCRYPTION_POLICY, "MS-MPPE-Encryption-Policy", integer)           \
    X(8,   MS_MPPE_ENCRYPTION_TYPES,  "MS-MPPE-Encryption-Types",  integer)           \
    X(9,   MS_RAS_VENDOR,             "MS-RAS-Vendor",             integer)           \
    X(10,  MS_CHAP_DOMAIN,            "MS-CHAP-Domain",            string)            \
    X(11,  MS_CHAP_CHALLENGE,         "MS-CHAP-Challenge",         string)            \
    X(12,  MS_CHAP_MPPE_KEYS,         "MS-CHAP-MPPE-Keys",         string)            \
    X(13,  MS_BAP_USAGE,              "MS-BAP-Usage",              integer)           \
    X(14,  MS_LINK_UTILIZATION_THRESHOLD, "MS-Link-Utilization-Threshold", integer)   \
    X(15,  MS_LINK_DROP_TIME_LIMIT,   "MS-Link-Drop-Time-Limit",   integer)           \
    X(16,  MS_MPPE_SEND_KEY,          "MS-MPPE-Send-Key",          string)            \
    X(17,  MS_MPPE_RECV_KEY,          "MS-MPPE-Recv-Key",          string)            \
    X(18,  MS_RAS_VERSION,            "MS-RAS-Version",            string)            \
    X(19,  MS_OLD_ARAP_PASSWORD,      "MS-Old-ARAP-Password",      string)            \
    X(20,  MS_NEW_ARAP_PASSWORD,      "MS-New-ARAP-Password",      string)            \
    X(21,  MS_ARAP_PW_CHANGE_REASON,  "MS-ARAP-PW-Change-Reason",  integer)           \
    X(22,  MS_FILTER,                 "MS-Filter",                 string)            \
    X(23,  MS_ACCT_AUTH_TYPE,         "MS-Acct-Auth-Type",         integer)           \
    X(24,  MS_ACCT_EAP_TYPE,          "MS-Acct-EAP-Type",          integer)           \
    X(25,  MS_CHAP2_RESPONSE,         "MS-CHAP2-Response",         string)            \
    X(26,  MS_CHAP2_SUCCESS,          "MS-CHAP2-Success",          string)            \
    X(27,  MS_CHAP2_CPW,              "MS-CHAP2-CPW",              string)            \
    X(28,  MS_PRIMARY_DNS_SERVER,     "MS-Primary-DNS-Server",     ipaddr)            \
    X(29,  MS_SECONDARY_DNS_SERVER,   "MS-Secondary-DNS-Server",   ipaddr)            \
    X(30,  MS_PRIMARY_NBNS_SERVER,    "MS-Primary-NBNS-Server",    ipaddr)            \
    X(31,  MS_SECONDARY_NBNS_SERVER,  "MS-Secondary-NBNS-Server",  ipaddr)            \
    X(33,  MS_ARAP_CHALLENGE,         "MS-ARAP-Challenge",         string)            \
    X(34,  MS_RAS_CLIENT_NAME,        "MS-RAS-Client-Name",        string)            \
    X(35,  MS_RAS_CLIENT_VERSION,     "MS-RAS-Client-Version",     string)            \
    X(36,  MS_QUARANTINE_IPFILTER,    "MS-Quarantine-IPFilter",    string)            \
    X(37,  MS_QUARANTINE_SESSION_TIMEOUT, "MS-Quarantine-Session-Timeout", integer)   \
    X(40,  MS_USER_SECURITY_IDENTITY, "MS-User-Security-Identity", string)            \
    X(41,  MS_IDENTITY_TYPE,          "MS-Identity-Type",          integer)           \
    X(42,  MS_SERVICE_CLASS,          "MS-Service-Class",          string)            \
    X(44,  MS_QUARANTINE_USER_CLASS,  "MS-Quarantine-User-Class",  string)            \
    X(45,  MS_QUARANTINE_STATE,       "MS-Quarantine-State",       integer)           \
    X(46,  MS_QUARANTINE_GRACE_TIME,  "MS-Quarantine-Grace-Time",  integer)           \
    X(47,  MS_NETWORK_ACCESS_SERVER_TYPE, "MS-Network-Access-Server-Type", integer)   \
    X(48,  MS_AFW_ZONE,               "MS-AFW-Zone",               integer)           \
    X(49,  MS_AFW_PROTECTION_LEVEL,   "MS-AFW-Protection-Level",   integer)           \
    X(50,  MS_MACHINE_NAME,           "MS-Machine-Name",           string)            \
    X(51,  MS_IPV6_FILTER,            "MS-IPv6-Filter",            string)            \
    X(52,  MS_IPV4_REMEDIATION_SERVERS, "MS-IPv4-Remediation-Servers", string)        \
    X(53,  MS_IPV6_REMEDIATION_SERVERS, "MS-IPv6-Remediation-Servers", string)        \
    X(54,  MS_RNAP_NOT_QUARANTINE_CAPABLE, "MS-RNAP-Not-Quarantine-Capable", integer) \
    X(55,  MS_QUARANTINE_SOH,         "MS-Quarantine-SOH",         string)            \
    X(56,  MS_RAS_CORRELATION,        "MS-RAS-Correlation",        string)            \
    X(57,  MS_EXTENDED_QUARANTINE_STATE, "MS-Extended-Quarantine-State", integer)     \
    X(58,  HCAP_USER_GROUPS,          "HCAP-User-Groups",          string)            \
    X(59,  HCAP_LOCATION_GROUP_NAME,  "HCAP-Location-Group-Name",  string)            \
    X(60,  HCAP_USER_NAME,            "HCAP-User-Name",            string)            \
    X(61,  MS_USER_IPV4_ADDRESS,      "MS-User-IPv4-Address",      ipaddr)            \
    X(62,  MS_USER_IPV6_ADDRESS,      "MS-User-IPv6-Address",      ipv6addr)          \
    X(63,  MS_TSG_DEVICE_REDIRECTION, "MS-TSG-Device-Redirection", integer)

/* Vendor 14122, which most servers know: bit/s. */
#define RAD_WISPR_MAP(X)                                                              \
    X(5,   WISPR_BANDWIDTH_MIN_UP,    "WISPr-Bandwidth-Min-Up",    integer)           \
    X(6,   WISPR_BANDWIDTH_MIN_DOWN,  "WISPr-Bandwidth-Min-Down",  integer)           \
    X(7,   WISPR_BANDWIDTH_MAX_UP,    "WISPr-Bandwidth-Max-Up",    integer)           \
    X(8,   WISPR_BANDWIDTH_MAX_DOWN,  "WISPr-Bandwidth-Max-Down",  integer)

/* Vendor 14988: "rx[/tx]" as the server sees them, e.g. "2M/10M". */
#define RAD_MIKROTIK_MAP(X)                                                           \
    X(8,   MIKROTIK_RATE_LIMIT,       "Mikrotik-Rate-Limit",       string)

enum {
#define RAD_X(number, NAME, name, type) RAD_##NAME = number,
    RAD_ATTR_MAP(RAD_X)
    RAD_MS_MAP(RAD_X)
    RAD_WISPR_MAP(RAD_X)
    RAD_MIKROTIK_MAP(RAD_X)
#undef RAD_X
};

/*    attribute, NAME, name, number */
#define RAD_VALUE_MAP(X)                                                              \
    X("Service-Type",     SERVICE_LOGIN,            "Login-User",            1)       \
    X("Service-Type",     SERVICE_FRAMED,           "Framed-User",           2)       \
    X("Service-Type",     SERVICE_CALLBACK_LOGIN,   "Callback-Login-User",   3)       \
    X("Service-Type",     SERVICE_CALLBACK_FRAMED,  "Callback-Framed-User",  4)       \
    X("Service-Type",     SERVICE_OUTBOUND,         "Outbound-User",         5)       \
    X("Service-Type",     SERVICE_ADMINISTRATIVE,   "Administrative-User",   6)       \
    X("Service-Type",     SERVICE_NAS_PROMPT,       "NAS-Prompt-User",       7)       \
    X("Service-Type",     SERVICE_AUTHENTICATE_ONLY, "Authenticate-Only",    8)       \
    X("Service-Type",     SERVICE_CALLBACK_NAS_PROMPT, "Callback-NAS-Prompt", 9)      \
    X("Service-Type",     SERVICE_CALL_CHECK,       "Call-Check",            10)      \
    X("Service-Type",     SERVICE_CALLBACK_ADMIN,   "Callback-Administrative", 11)    \
    X("Service-Type",     SERVICE_AUTHORIZE_ONLY,   "Authorize-Only",        17)      \
    X("Framed-Protocol",  FRAMED_PPP,               "PPP",                   1)       \
    X("Framed-Protocol",  FRAMED_SLIP,              "SLIP",                  2)       \
    X("Framed-Protocol",  FRAMED_ARAP,              "ARAP",                  3)       \
    X("Framed-Protocol",  FRAMED_GANDALF,           "Gandalf-SLML",          4)       \
    X("Framed-Protocol",  FRAMED_XYLOGICS,          "Xylogics-IPX-SLIP",     5)       \
    X("Framed-Protocol",  FRAMED_X75,               "X.75-Synchronous",      6)       \
    X("Framed-Routing",   ROUTING_NONE,             "None",                  0)       \
    X("Framed-Routing",   ROUTING_BROADCAST,        "Broadcast",             1)       \
    X("Framed-Routing",   ROUTING_LISTEN,           "Listen",                2)       \
    X("Framed-Routing",   ROUTING_BOTH,             "Broadcast-Listen",      3)       \
    X("Framed-Compression", COMPRESSION_NONE,       "None",                  0)       \
    X("Framed-Compression", COMPRESSION_VJ,         "Van-Jacobson-TCP-IP",   1)       \
    X("Framed-Compression", COMPRESSION_IPX,        "IPX-Header-Compression", 2)      \
    X("Framed-Compression", COMPRESSION_STAC,       "Stac-LZS",              3)       \
    X("Termination-Action", TERMINATION_DEFAULT,    "Default",               0)       \
    X("Termination-Action", TERMINATION_REQUEST,    "RADIUS-Request",        1)       \
    X("NAS-Port-Type",    PORT_ASYNC,               "Async",                 0)       \
    X("NAS-Port-Type",    PORT_SYNC,                "Sync",                  1)       \
    X("NAS-Port-Type",    PORT_ISDN,                "ISDN",                  2)       \
    X("NAS-Port-Type",    PORT_ISDN_V120,           "ISDN-V120",             3)       \
    X("NAS-Port-Type",    PORT_ISDN_V110,           "ISDN-V110",             4)       \
    X("NAS-Port-Type",    PORT_VIRTUAL,             "Virtual",               5)       \
    X("NAS-Port-Type",    PORT_ETHERNET,            "Ethernet",              15)      \
    X("NAS-Port-Type",    PORT_XDSL,                "xDSL",                  16)      \
    X("NAS-Port-Type",    PORT_CABLE,               "Cable",                 17)      \
    X("NAS-Port-Type",    PORT_WIRELESS,            "Wireless-Other",        18)      \
    X("NAS-Port-Type",    PORT_IEEE_80211,          "Wireless-802.11",       19)      \
    X("Acct-Status-Type", STATUS_START,             "Start",                 1)       \
    X("Acct-Status-Type", STATUS_STOP,              "Stop",                  2)       \
    X("Acct-Status-Type", STATUS_INTERIM,           "Interim-Update",        3)       \
    X("Acct-Status-Type", STATUS_ON,                "Accounting-On",         7)       \
    X("Acct-Status-Type", STATUS_OFF,               "Accounting-Off",        8)       \
    X("Acct-Status-Type", STATUS_TUNNEL_START,      "Tunnel-Start",          9)       \
    X("Acct-Status-Type", STATUS_TUNNEL_STOP,       "Tunnel-Stop",           10)      \
    X("Acct-Status-Type", STATUS_TUNNEL_REJECT,     "Tunnel-Reject",         11)      \
    X("Acct-Status-Type", STATUS_LINK_START,        "Tunnel-Link-Start",     12)      \
    X("Acct-Status-Type", STATUS_LINK_STOP,         "Tunnel-Link-Stop",      13)      \
    X("Acct-Status-Type", STATUS_LINK_REJECT,       "Tunnel-Link-Reject",    14)      \
    X("Acct-Status-Type", STATUS_FAILED,            "Failed",                15)      \
    X("Acct-Authentic",   AUTHENTIC_RADIUS,         "RADIUS",                1)       \
    X("Acct-Authentic",   AUTHENTIC_LOCAL,          "Local",                 2)       \
    X("Acct-Authentic",   AUTHENTIC_REMOTE,         "Remote",                3)       \
    X("Acct-Terminate-Cause", TERM_USER_REQUEST,    "User-Request",          1)       \
    X("Acct-Terminate-Cause", TERM_LOST_CARRIER,    "Lost-Carrier",          2)       \
    X("Acct-Terminate-Cause", TERM_LOST_SERVICE,    "Lost-Service",          3)       \
    X("Acct-Terminate-Cause", TERM_IDLE_TIMEOUT,    "Idle-Timeout",          4)       \
    X("Acct-Terminate-Cause", TERM_SESSION_TIMEOUT, "Session-Timeout",       5)       \
    X("Acct-Terminate-Cause", TERM_ADMIN_RESET,     "Admin-Reset",           6)       \
    X("Acct-Terminate-Cause", TERM_ADMIN_REBOOT,    "Admin-Reboot",          7)       \
    X("Acct-Terminate-Cause", TERM_PORT_ERROR,      "Port-Error",            8)       \
    X("Acct-Terminate-Cause", TERM_NAS_ERROR,       "NAS-Error",             9)       \
    X("Acct-Terminate-Cause", TERM_NAS_REQUEST,     "NAS-Request",           10)      \
    X("Acct-Terminate-Cause", TERM_NAS_REBOOT,      "NAS-Reboot",            11)      \
    X("Acct-Terminate-Cause", TERM_PORT_UNNEEDED,   "Port-Unneeded",         12)      \
    X("Acct-Terminate-Cause", TERM_PORT_PREEMPTED,  "Port-Preempted",        13)      \
    X("Acct-Terminate-Cause", TERM_PORT_SUSPENDED,  "Port-Suspended",        14)      \
    X("Acct-Terminate-Cause", TERM_SERVICE_UNAVAILABLE, "Service-Unavailable", 15)    \
    X("Acct-Terminate-Cause", TERM_CALLBACK,        "Callback",              16)      \
    X("Acct-Terminate-Cause", TERM_USER_ERROR,      "User-Error",            17)      \
    X("Acct-Terminate-Cause", TERM_HOST_REQUEST,    "Host-Request",          18)      \
    X("Tunnel-Type",      TUNNEL_PPTP,              "PPTP",                  1)       \
    X("Tunnel-Type",      TUNNEL_L2F,               "L2F",                   2)       \
    X("Tunnel-Type",      TUNNEL_L2TP,              "L2TP",                  3)       \
    X("Tunnel-Type",      TUNNEL_ATMP,              "ATMP",                  4)       \
    X("Tunnel-Type",      TUNNEL_VTP,               "VTP",                   5)       \
    X("Tunnel-Type",      TUNNEL_AH,                "AH",                    6)       \
    X("Tunnel-Type",      TUNNEL_IP,                "IP",                    7)       \
    X("Tunnel-Type",      TUNNEL_MIN_IP,            "MIN-IP",                8)       \
    X("Tunnel-Type",      TUNNEL_ESP,               "ESP",                   9)       \
    X("Tunnel-Type",      TUNNEL_GRE,               "GRE",                   10)      \
    X("Tunnel-Type",      TUNNEL_DVS,               "DVS",                   11)      \
    X("Tunnel-Type",      TUNNEL_IP_IN_IP,          "IP-in-IP",              12)      \
    X("Tunnel-Type",      TUNNEL_VLAN,              "VLAN",                  13)      \
    X("Tunnel-Medium-Type", MEDIUM_IPV4,            "IPv4",                  1)       \
    X("Tunnel-Medium-Type", MEDIUM_IPV6,            "IPv6",                  2)       \
    X("Tunnel-Medium-Type", MEDIUM_IEEE_802,        "IEEE-802",              6)       \
    X("Prompt",           PROMPT_NO_ECHO,           "No-Echo",               0)       \
    X("Prompt",           PROMPT_ECHO,              "Echo",                  1)       \
    X("Error-Cause",      ERROR_RESIDUAL_REMOVED,   "Residual-Context-Removed", 201)  \
    X("Error-Cause",      ERROR_INVALID_EAP,        "Invalid-EAP-Packet",    202)     \
    X("Error-Cause",      ERROR_UNSUPPORTED_ATTRIBUTE, "Unsupported-Attribute", 401)  \
    X("Error-Cause",      ERROR_MISSING_ATTRIBUTE,  "Missing-Attribute",     402)     \
    X("Error-Cause",      ERROR_NAS_MISMATCH,       "NAS-Identification-Mismatch", 403) \
    X("Error-Cause",      ERROR_INVALID_REQUEST,    "Invalid-Request",       404)     \
    X("Error-Cause",      ERROR_UNSUPPORTED_SERVICE, "Unsupported-Service",  405)     \
    X("Error-Cause",      ERROR_UNSUPPORTED_EXTENSION, "Unsupported-Extension", 406)  \
    X("Error-Cause",      ERROR_INVALID_VALUE,      "Invalid-Attribute-Value", 407)   \
    X("Error-Cause",      ERROR_PROHIBITED,         "Administratively-Prohibited", 501) \
    X("Error-Cause",      ERROR_NOT_ROUTABLE,       "Proxy-Request-Not-Routable", 502) \
    X("Error-Cause",      ERROR_SESSION_NOT_FOUND,  "Session-Context-Not-Found", 503) \
    X("Error-Cause",      ERROR_NOT_REMOVABLE,      "Session-Context-Not-Removable", 504) \
    X("Error-Cause",      ERROR_PROXY_PROCESSING,   "Proxy-Processing-Error", 505)    \
    X("Error-Cause",      ERROR_RESOURCES,          "Resources-Unavailable", 506)     \
    X("Error-Cause",      ERROR_REQUEST_INITIATED,  "Request-Initiated",     507)     \
    X("Error-Cause",      ERROR_MULTIPLE_SESSIONS,  "Multiple-Session-Unsupported", 508) \
    X("MS-MPPE-Encryption-Policy", MPPE_ALLOWED,    "Encryption-Allowed",    1)       \
    X("MS-MPPE-Encryption-Policy", MPPE_REQUIRED,   "Encryption-Required",   2)       \
    X("MS-MPPE-Encryption-Types", MPPE_TYPE_40,     "RC4-40bit-Allowed",     2)       \
    X("MS-MPPE-Encryption-Types", MPPE_TYPE_128,    "RC4-128bit-Allowed",    4)       \
    X("MS-MPPE-Encryption-Types", MPPE_TYPE_40_128, "RC4-40or128-bit-Allowed", 6)     \
    X("MS-BAP-Usage",     BAP_NOT_ALLOWED,          "Not-Allowed",           0)       \
    X("MS-BAP-Usage",     BAP_ALLOWED,              "Allowed",               1)       \
    X("MS-BAP-Usage",     BAP_REQUIRED,             "Required",              2)       \
    X("MS-Acct-Auth-Type", MS_AUTH_PAP,             "PAP",                   1)       \
    X("MS-Acct-Auth-Type", MS_AUTH_CHAP,            "CHAP",                  2)       \
    X("MS-Acct-Auth-Type", MS_AUTH_MSCHAPV1,        "MS-CHAP-1",             3)       \
    X("MS-Acct-Auth-Type", MS_AUTH_MSCHAPV2,        "MS-CHAP-2",             4)       \
    X("MS-Acct-Auth-Type", MS_AUTH_EAP,             "EAP",                   5)       \
    X("MS-Acct-EAP-Type", MS_EAP_MD5,               "MD5",                   4)       \
    X("MS-Acct-EAP-Type", MS_EAP_OTP,               "OTP",                   5)       \
    X("MS-Acct-EAP-Type", MS_EAP_GENERIC_TOKEN,     "Generic-Token-Card",    6)       \
    X("MS-Acct-EAP-Type", MS_EAP_TLS,               "TLS",                   13)      \
    X("MS-ARAP-PW-Change-Reason", ARAP_JUST_CHANGE, "Just-Change-Password",  1)       \
    X("MS-ARAP-PW-Change-Reason", ARAP_EXPIRED,     "Expired-Password",      2)       \
    X("MS-ARAP-PW-Change-Reason", ARAP_ADMIN,       "Admin-Requires-Password-Change", 3) \
    X("MS-ARAP-PW-Change-Reason", ARAP_TOO_SHORT,   "Password-Too-Short",    4)       \
    X("MS-Quarantine-State", QUARANTINE_FULL,       "Full-Access",           0)       \
    X("MS-Quarantine-State", QUARANTINE_QUARANTINE, "Quarantine",            1)       \
    X("MS-Quarantine-State", QUARANTINE_PROBATION,  "Probation",             2)

enum {
#define RAD_X(attribute, NAME, name, number) RAD_##NAME = number,
    RAD_VALUE_MAP(RAD_X)
#undef RAD_X
};

#define RAD_VENDOR_MICROSOFT 311u
#define RAD_VENDOR_WISPR     14122u
#define RAD_VENDOR_MIKROTIK  14988u

#endif
