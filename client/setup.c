/* setup.c - `adit setup`: a configuration from a few answers.
 *
 * Knows:  what to ask, safe defaults, the commented file that comes of it.
 * Leaves: accounts to the users file's own writer.
 *
 * Without options on a terminal it asks what the Windows wizard asks; with
 * options it asks nothing.
 */
#include "adit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <adit/bytes.h>
#include "base/addr.h"
#include "config/conf.h"
#include "datapath/dp_nft.h"
#include "setup_dhcp.h"
#include "setup_ipsec.h"
#include "setup_radius.h"
#include "user_cmd.h"

#define SOCKET_MAX 107          /* bytes of a Unix socket's name */

static const char *const methods[] = { "mschapv2", "eap-mschapv2", "chap", "pap" };
#define DEFAULT_RANGE "10.99.0.2-10.99.0.254"
enum { MSCHAPV2 = 1, EAP_MSCHAPV2 = 2, CHAP = 4, PAP = 8 };

struct setup {
    const char *output, *interface, *listen, *socket;
    const char *internet, *admit, *nat; /* interfaces, and a list with commas */
    bool pptp, l2tp, ipsec;     /* l2tp: clear, with clear_l2tp */
    bool tunnels_given, clear_l2tp, force;
    struct setup_ipsec keys;
    struct setup_radius radius;
    char *socket_path;          /* socket made absolute */
    char *psk;                  /* wiped when written */
    struct adit_range range;
    bool have_range;
    const char *lan;            /* the interface of --lan-interface */
    char lan_found[IF_NAMESIZE];
    bool dhcp, dhcp_if_there;   /* --addresses dhcp, auto */
    struct adit_addr server, dns[2], wins[2], *routes;
    uint32_t dns_count, wins_count, route_count;
    char **users;               /* NAME:PASSWORD; wiped when written */
    uint32_t user_count;
    uint32_t auth;              /* bits, in the order of `methods` */
};

static const char usage[] =
    "usage: adit setup [options]        (without options: a wizard)\n"
    "  --output DIR           where the files go (" ADIT_CONF_DIR ")\n"
    "  --interface IF         the internet interface: listen on its address\n"
    "  --listen ADDR          listen on this address instead (default: every address)\n"
    "  --internet-interface IF  close this interface to all but tunnels (nftables): SSH too!\n"
    "  --admit LIST           what else it admits: tcp/22, udp/PORT, protocol/N, icmp-echo\n"
    "  --nat IF               clients take the host's address on this interface\n"
    "  --tunnels LIST         of pptp, l2tp-ipsec, l2tp (default: pptp,l2tp-ipsec)\n"
    "  --psk SECRET           the pre-shared key of L2TP/IPsec clients (default: one is made)\n"
    "  --psk-file FILE        the key is in this file\n"
    "  --certificate FILE --key FILE --ca FILE    L2TP/IPsec clients with certificates (PEM)\n"
    "  --addresses dhcp|auto|A-B  clients' addresses: from the LAN's DHCP server, of a range,\n"
    "                         or (auto) from the server if one answers, else 10.99.0.2-10.99.0.254\n"
    "  --lan-interface IF     the LAN with that server (default: found, when it is clear)\n"
    "  --range A-B            the same as --addresses A-B\n"    "  --server-address A     our address inside the tunnels (default: the one before the range)\n"
    "  --dns A,B              DNS servers for clients\n"
    "  --wins A,B             WINS servers for clients\n"
    "  --user NAME:PASSWORD   an account that may connect; repeatable\n"
    "  --radius A,B           RADIUS servers that know the users, and are told of sessions\n"
    "  --radius-secret-file FILE  the secret that they share with this host\n"
    "  --auth LIST            methods: mschapv2, chap, pap, eap-mschapv2 (default: mschapv2)\n"
    "  --allow-clear-l2tp     serve L2TP without IPsec: only in a network that you trust\n"
    "  --route CIDR           a network behind the server, told to clients; repeatable\n"
    "  --control-socket PATH  where adit finds the daemon\n"
    "  --force                replace files that are there\n";

/* ---- reading options -------------------------------------------------------------- */

/* The next word of a list with commas, without the blanks around it; NULL: the end. */
static char *word(char **rest)
{
    char *at = *rest;
    if (!at)
        return NULL;
    *rest = strchr(at, ',');
    if (*rest)
        *(*rest)++ = '\0';
    at += strspn(at, " ");
    for (size_t n = strlen(at); n && at[n - 1] == ' ';)
        at[--n] = '\0';
    return at;
}

/* What a client or a server can have: 0/8, 127/8 and all from 224 on are nobody's. */
static bool host_address(const struct adit_addr *a)
{
    return a->family == ADIT_AF_IPV4 && !a->port && a->ip[0] != 0 && a->ip[0] != 127 && a->ip[0] < 224;
}

static int address(const char *option, const char *text, struct adit_addr *out)
{
    if (conf_parse_addr(text, out) || !host_address(out))
        return complain("%s %s: not an IPv4 address of a host, for instance 192.0.2.53", option, text);
    return 0;
}

static int addresses(const char *option, char *text, struct adit_addr *out, uint32_t *count,
                     uint32_t max)
{
    for (char *one; text && *text && (one = word(&text));) {
        if (*count == max)
            return complain("%s takes at most %u", option, max);
        if (address(option, one, &out[*count]))
            return 1;
        ++*count;
    }
    return 0;
}

static int range(struct setup *s, const char *option, const char *text)
{
    if (conf_parse_range(text, &s->range))
        return complain("%s %s: write FIRST-LAST, for instance 10.9.0.10-10.9.0.99", option, text);
    if (!host_address(&s->range.first) || !host_address(&s->range.last))
        return complain("%s %s: clients need IPv4 addresses that a host can have", option, text);
    s->have_range = true;
    return 0;
}

static int client_addresses(struct setup *s, const char *text)
{
    s->dhcp = !strcmp(text, "dhcp");
    s->dhcp_if_there = !strcmp(text, "auto");
    return s->dhcp || s->dhcp_if_there ? 0 : range(s, "--addresses", text);
}

static int tunnels(struct setup *s, char *text)
{
    s->pptp = s->l2tp = s->ipsec = false;
    s->tunnels_given = true;
    for (char *one; (one = word(&text));) {
        if (!strcmp(one, "pptp"))
            s->pptp = true;
        else if (!strcmp(one, "l2tp"))
            s->l2tp = true;
        else if (!strcmp(one, "l2tp-ipsec"))
            s->ipsec = true;
        else
            return complain("--tunnels %s: it is a list of pptp, l2tp-ipsec and l2tp", one);
    }
    return 0;
}

static int auth(struct setup *s, char *text)
{
    const size_t count = sizeof methods / sizeof methods[0];
    s->auth = 0;
    for (char *one; (one = word(&text));) {
        size_t i = 0;
        while (i < count && strcmp(methods[i], one) != 0)
            i++;
        if (i == count)
            return complain("--auth %s: it is mschapv2, chap, pap or eap-mschapv2", one);
        s->auth |= 1u << i;
    }
    return 0;
}

/* The next of a list of what is admitted; 1, 0 at its end, -1 when it is none. */
static int next_admitted(const char **list, char one[40], struct dp_admit *out)
{
    *list += strspn(*list, ", ");
    size_t n = strcspn(*list, ",");
    if (!n)
        return 0;
    snprintf(one, 40, "%.*s", (int)(n < 40 ? n : 39), *list);
    *list += n;
    return dp_admit_parse(one, out) ? 1 : -1;
}

/* Everything is closed that is not named: what is wrong here locks people out. */
static int admitted(const char *list)
{
    char one[40];
    struct dp_admit a;
    int rc;
    while ((rc = next_admitted(&list, one, &a)) > 0)
        ;
    return rc ? complain("--admit %s: it is tcp/22, udp/6000-6010, protocol/89 or icmp-echo", one) : 0;
}

static int on_interface(const char *option, const char *name)
{
    if (!dp_nft_interface(name) || !if_nametoindex(name))
        return complain("%s %s: this host has no such interface; 'ip link' lists them", option, name);
    return 0;
}

/* The port of the SSH connection that this runs in, when it is closed; 0: none. */
static unsigned ssh_closed(const struct setup *s)
{
    const char *ssh = getenv("SSH_CONNECTION"), *last = ssh ? strrchr(ssh, ' ') : NULL;
    unsigned port = last ? (unsigned)strtoul(last, NULL, 10) : 0;
    const char *at = s->admit ? s->admit : "";
    struct dp_admit a;
    char one[40];
    while (next_admitted(&at, one, &a) > 0)
        if (a.proto == 6 && port >= a.first && port <= a.last)
            return 0;
    return s->internet ? port : 0;
}

/* Takes the text, which is on the heap. */
static int user_take(struct setup *s, char *text)
{
    const char *colon = text ? strchr(text, ':') : NULL;
    char **more = NULL;
    int rc = 0;
    if (!colon || colon == text || !colon[1])
        rc = complain("--user takes NAME:PASSWORD");
    else if (!(more = reallocarray(s->users, s->user_count + 1, sizeof *more)))
        rc = complain("out of memory");
    if (rc) {
        free(text);
        return rc;
    }
    s->users = more;
    s->users[s->user_count++] = text;
    return 0;
}

static int route(struct setup *s, const char *text)
{
    struct adit_addr *more = reallocarray(s->routes, s->route_count + 1, sizeof *more);
    if (!more)
        return complain("out of memory");
    s->routes = more;
    if (!strchr(text, '/') || conf_parse_prefix(text, &more[s->route_count]) ||
        more[s->route_count].family != ADIT_AF_IPV4)
        return complain("--route %s: not an IPv4 network, for instance 192.168.1.0/24", text);
    s->route_count++;
    return 0;
}

static int options(struct setup *s, int argc, char **argv)
{
    enum { OUTPUT = 1, INTERFACE, LISTEN, TUNNELS, RANGE, SERVER, DNS, WINS, USER, AUTH, CLEAR,
           ROUTE, SOCKET, FORCE, PSK, PSK_FILE, CERTIFICATE, KEY, CA, INTERNET, ADMIT, NAT, RADIUS,
           RADIUS_SECRET, ADDRESSES, LAN, HELP };
    static const struct option longs[] = {
        { "output", 1, NULL, OUTPUT },   { "interface", 1, NULL, INTERFACE },
        { "listen", 1, NULL, LISTEN },   { "tunnels", 1, NULL, TUNNELS },
        { "range", 1, NULL, RANGE },     { "server-address", 1, NULL, SERVER },
        { "dns", 1, NULL, DNS },         { "wins", 1, NULL, WINS },
        { "user", 1, NULL, USER },       { "auth", 1, NULL, AUTH },
        { "allow-clear-l2tp", 0, NULL, CLEAR }, { "route", 1, NULL, ROUTE },
        { "control-socket", 1, NULL, SOCKET }, { "force", 0, NULL, FORCE },
        { "psk", 1, NULL, PSK },         { "psk-file", 1, NULL, PSK_FILE },
        { "radius", 1, NULL, RADIUS },   { "radius-secret-file", 1, NULL, RADIUS_SECRET },
        { "certificate", 1, NULL, CERTIFICATE }, { "key", 1, NULL, KEY },
        { "internet-interface", 1, NULL, INTERNET }, { "admit", 1, NULL, ADMIT },
        { "nat", 1, NULL, NAT },         { "addresses", 1, NULL, ADDRESSES },
        { "lan-interface", 1, NULL, LAN },
        { "ca", 1, NULL, CA },           { "help", 0, NULL, HELP },       { NULL, 0, NULL, 0 },
    };
    int o, rc = 0;
    optind = 1;
    while (!rc && (o = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        switch (o) {
        case OUTPUT:    s->output = optarg; break;
        case INTERFACE: s->interface = optarg; break;
        case LISTEN:    s->listen = optarg; break;
        case SOCKET:    s->socket = optarg; break;
        case CLEAR:     s->clear_l2tp = true; break;
        case FORCE:     s->force = true; break;
        case PSK:
            free(s->psk);
            s->keys.psk = s->psk = strdup(optarg);
            memset(optarg, '*', strlen(optarg));        /* ps shows it no longer */
            break;
        case PSK_FILE:  s->keys.psk_file = optarg; break;
        case RADIUS:    s->radius.servers = optarg; break;
        case RADIUS_SECRET: s->radius.secret_file = optarg; break;
        case CERTIFICATE: s->keys.certificate = optarg; break;
        case KEY:       s->keys.key = optarg; break;
        case CA:        s->keys.ca = optarg; break;
        case INTERNET:  rc = on_interface("--internet-interface", s->internet = optarg); break;
        case ADMIT:     rc = admitted(s->admit = optarg); break;
        case NAT:       rc = on_interface("--nat", s->nat = optarg); break;
        case TUNNELS:   rc = tunnels(s, optarg); break;
        case AUTH:      rc = auth(s, optarg); break;
        case USER:
            rc = user_take(s, strdup(optarg));
            memset(optarg, '*', strlen(optarg));        /* ps shows it no longer */
            break;
        case DNS:       rc = addresses("--dns", optarg, s->dns, &s->dns_count, 2); break;
        case WINS:      rc = addresses("--wins", optarg, s->wins, &s->wins_count, 2); break;
        case ADDRESSES: rc = client_addresses(s, optarg); break;
        case LAN:       s->lan = optarg; break;
        case RANGE:     rc = range(s, "--range", optarg); break;
        case SERVER:    rc = address("--server-address", optarg, &s->server); break;
        case ROUTE:     rc = route(s, optarg); break;
        case HELP:
            fputs(usage, stdout);
            exit(EXIT_SUCCESS);
        default:
            return misuse(usage);
        }
    }
    if (!rc && optind < argc)
        return misuse(usage);
    return rc;
}

/* Where --addresses dhcp and auto lead to: s->dhcp and s->lan, or a range. */
static int complete_lan(struct setup *s)
{
    const char *not_these[4] = { s->internet, NULL }, **at = not_these + (s->internet != NULL);
    char why[160] = "no interface is surely a LAN", found[ADDR_TEXT];
    struct adit_addr server;
    int answers = -1;
    if (s->nat)
        *at++ = s->nat;
    if (s->dhcp && s->lan == s->lan_found)
        return 0;               /* found out already */
    if (!s->dhcp && !s->dhcp_if_there)
        return s->lan ? complain("--lan-interface is for --addresses dhcp and auto") : 0;
    bool quiet = adit_options.json || s->dhcp_if_there;
    if (setup_lan(s->lan, not_these, quiet && !s->dhcp, s->lan_found)) {
        if (s->dhcp || s->lan)
            return 1;
    } else {
        if (!adit_options.json && s->dhcp_if_there)
            fprintf(stderr, "adit: asking for a DHCP server on %s ...\n", s->lan_found);
        answers = s->dhcp ? 1 : setup_dhcp_answers(s->lan_found, &server, why, sizeof why);
        if (answers == 0)
            snprintf(why, sizeof why, "no DHCP server answers on %s", s->lan_found);
    }
    if (answers == 1) {
        s->lan = s->lan_found;
        if (s->dhcp_if_there && !adit_options.json)
            fprintf(stderr, "adit: note: the DHCP server %s answers on %s: clients get its addresses\n",
                    addr_text_host(&server, found), s->lan);
        s->dhcp = true;
        return 0;
    }
    s->dhcp_if_there = false;
    s->lan = NULL;
    if (!adit_options.json)
        fprintf(stderr, "adit: note: %s: clients get addresses of a range\n", why);
    return s->have_range ? 0 : range(s, "--addresses", DEFAULT_RANGE);
}

/* ---- the wizard ------------------------------------------------------------------------- */

static bool gave_up;            /* end of file instead of an answer */

/* One answer, on the heap; the default when it is empty. NULL: there is none. */
static char *answer(const char *question, const char *dflt)
{
    char *line = NULL;
    size_t cap = 0;
    printf("%s%s%s%s: ", question, dflt && *dflt ? " [" : "", dflt ? dflt : "", dflt && *dflt ? "]" : "");
    fflush(stdout);
    ssize_t n = gave_up ? -1 : getline(&line, &cap, stdin);
    if (n <= 0) {
        gave_up = true;
        free(line);
        return NULL;
    }
    line[strcspn(line, "\r\n")] = '\0';
    if (!*line && dflt) {
        free(line);
        return strdup(dflt);
    }
    return line;
}

static bool yes(const char *question, bool dflt)
{
    char *a = answer(question, dflt ? "yes" : "no");
    bool y = a && (*a == 'y' || *a == 'Y');
    free(a);
    return y;
}

static void list_interfaces(void)
{
    struct ifaddrs *all, *i;
    char text[INET_ADDRSTRLEN];
    if (getifaddrs(&all))
        return;
    puts("\nInterfaces of this host:");
    for (i = all; i; i = i->ifa_next)
        if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET && !(i->ifa_flags & IFF_LOOPBACK))
            printf("  %-12s %s\n", i->ifa_name,
                   inet_ntop(AF_INET, &((struct sockaddr_in *)(void *)i->ifa_addr)->sin_addr, text,
                             sizeof text));
    freeifaddrs(all);
}

static int of_interface(const struct setup *s, char out[ADDR_TEXT]);

/* NAME and a password that is typed twice. */
static void ask_account(struct setup *s)
{
    char p1[256] = "", p2[256] = "", *both = NULL, *name = answer("  User name", NULL);
    fflush(stdout);
    if (!name || !user_secret_read(STDIN_FILENO, "  Password: ", p1, sizeof p1) ||
        !user_secret_read(STDIN_FILENO, "  Password again: ", p2, sizeof p2))
        gave_up = true;
    else if (strcmp(p1, p2) != 0)
        complain("the passwords differ");
    else if (strchr(name, ':'))
        complain("a name has no colon");
    else if (asprintf(&both, "%s:%s", name, p1) >= 0)
        user_take(s, both);
    bytes_wipe(p1, sizeof p1);
    bytes_wipe(p2, sizeof p2);
    free(name);
}

static const char *some(const char *a) { return a && *a ? a : NULL; }

/* What L2TP/IPsec clients prove themselves with. */
static int ask_keys(struct setup *s)
{
    for (;;) {
        char *a, psk[300] = "";
        s->keys = (struct setup_ipsec){ 0 };
        free(s->psk);
        s->psk = NULL;
        fflush(stdout);
        if (!user_secret_read(STDIN_FILENO, "Pre-shared key of L2TP clients (empty: a strong one is made): ",
                              psk, sizeof psk))
            return 1;
        if (*psk)
            s->keys.psk = s->psk = strdup(psk);
        bytes_wipe(psk, sizeof psk);
        if (!(a = answer("Server certificate for clients with certificates (PEM file; empty: none)", "")))
            return 1;
        if (*a) {
            s->keys.certificate = a;
            s->keys.key = some(answer("  Its private key (PEM file)", NULL));
            s->keys.ca = some(answer("  Authority of the clients' certificates (PEM file)", NULL));
        }
        if (gave_up || !setup_ipsec_check(&s->keys))
            return gave_up;
    }
}

/* What is closed, and what clients look like outside. */
static int ask_fence(struct setup *s)
{
    char *a;
    if (s->interface && yes("Close that interface to everything but tunnels", false)) {
        s->internet = s->interface;
        do
            if (!(a = answer("  What else to admit there; without tcp/22 you cannot use SSH", "tcp/22,icmp-echo")))
                return 1;
        while (admitted(a));
        s->admit = a;
    }
    do
        if (!(a = answer("Interface where clients take this host's address (NAT; empty: none)", "")))
            return 1;
    while (*a && on_interface("nat", a));
    s->nat = *a ? a : NULL;
    return 0;
}

/* Who knows the users? */
static int ask_radius(struct setup *s)
{
    for (;;) {
        char *a = answer("RADIUS servers that know the users (with commas; empty: accounts here)", "");
        s->radius = (struct setup_radius){ 0 };
        if (!a)
            return 1;
        if (!*a)
            return 0;
        s->radius.servers = a;
        fflush(stdout);
        if (!user_secret_read(STDIN_FILENO, "  The secret that they share with this host: ", s->radius.secret,
                              sizeof s->radius.secret))
            return 1;
        if (!setup_radius_check(&s->radius))
            return 0;
    }
}

static int wizard(struct setup *s)
{
    char *a, at[ADDR_TEXT];
    puts("This writes a configuration for remote access. Enter takes the answer in brackets.");
    if (access(ADIT_CONF_DIR "/aditd.yaml", F_OK) == 0) {
        puts("There is one already: " ADIT_CONF_DIR "/aditd.yaml");
        if (!yes("Replace it and its accounts", false))
            return 1;
        s->force = true;
    }
    list_interfaces();
    for (;;) {
        if (!(a = answer("Internet interface (empty: listen on every address)", "")))
            return 1;
        s->interface = *a ? a : NULL;
        if (!s->interface || !of_interface(s, at))
            break;
    }
    if (ask_fence(s))
        return 1;
    for (;;) {
        if (!(a = answer("Serve which tunnels", "pptp,l2tp-ipsec")))
            return 1;
        if (!tunnels(s, a))
            break;
    }
    if (s->l2tp)
        s->clear_l2tp = yes("Allow L2TP without IPsec (only in a network that you trust)", false);
    if ((s->ipsec || (s->l2tp && !s->clear_l2tp)) && ask_keys(s))
        return 1;
    for (;;) {
        if (!(a = answer("Addresses for clients: FIRST-LAST, dhcp (of the LAN's server), or auto (of the "
                         "server if one answers, else " DEFAULT_RANGE ")", "auto")))
            return 1;
        if (!client_addresses(s, a) && !complete_lan(s))
            break;
    }
    for (;;) {
        if (!(a = answer("DNS servers for clients (at most two, with a comma; empty: none)", "")))
            return 1;
        s->dns_count = 0;
        if (!addresses("DNS", a, s->dns, &s->dns_count, 2))
            break;
    }
    if (ask_radius(s))
        return 1;
    while (yes(s->user_count ? "Add another account" : "Add an account that may connect",
               !s->user_count && !s->radius.servers))
        ask_account(s);
    return gave_up ? complain("nothing was written") : 0;
}

/* ---- writing ---------------------------------------------------------------------------------- */

/* The folder and those that it is in; NULL after a sentence. */
static char *make_dir(const char *path)
{
    char *part = strdup(path);
    for (char *p = part ? part + 1 : NULL; p && *p; p++)
        if (*p == '/') {
            *p = '\0';
            mkdir(part, 0755);
            *p = '/';
        }
    char *real = NULL;
    struct stat st;
    if (!part || !*part || (mkdir(part, 0700) && errno != EEXIST) || !(real = realpath(part, NULL)))
        complain("--output %s: %s", path, strerror(*path ? errno : ENOENT));
    free(part);
    if (real && !stat(real, &st) && !S_ISDIR(st.st_mode)) {
        complain("--output %s: not a folder", path);
        free(real);
        real = NULL;
    }
    return real;
}

static int of_interface(const struct setup *s, char out[ADDR_TEXT])
{
    struct ifaddrs *all, *i;
    bool found = false;
    if (getifaddrs(&all))
        return complain("the interfaces of this host cannot be read: %s", strerror(errno));
    for (i = all; i && !found; i = i->ifa_next)
        if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET && !strcmp(i->ifa_name, s->interface))
            found = inet_ntop(AF_INET, &((struct sockaddr_in *)(void *)i->ifa_addr)->sin_addr, out,
                              ADDR_TEXT) != NULL;
    freeifaddrs(all);
    return found ? 0 : complain("--interface %s: no such interface, or it has no IPv4 address; "
                                "'ip -4 addr' lists them", s->interface);
}

static void addr_list(FILE *f, const char *key, const struct adit_addr *a, uint32_t n)
{
    char text[ADDR_TEXT];
    if (!n)
        return;
    fprintf(f, "  %s: [", key);
    for (uint32_t i = 0; i < n; i++)
        fprintf(f, "%s%s", i ? ", " : "", addr_text(&a[i], text));
    fputs("]\n", f);
}

/* "  key: value" with the value quoted as YAML wants it; false: it cannot be. */
static bool put_path(FILE *f, const char *key, const char *path)
{
    char quoted[8192];
    size_t n = conf_quote(path, quoted, sizeof quoted);
    fprintf(f, "  %s: %s\n", key, quoted);
    return n != 0 && n < sizeof quoted;
}

static const char *auth_text(const struct setup *s, char out[64])
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (s->auth & 1u << i)
            n += (size_t)snprintf(out + n, 64 - n, "%s%s", n ? ", " : "", methods[i]);
    return out;
}

static bool write_conf(const struct setup *s, FILE *f, const char *listen, const char *state)
{
    char a[ADDR_TEXT], b[ADDR_TEXT], c[ADDR_TEXT], auth[64];
    fputs("# Written by 'adit setup'. aditd.yaml(5) describes every option.\n"
          "# After a change: adit reload\n\n", f);
    fputs("daemon:\n", f);
    bool good = put_path(f, "state-dir", state);
    if (s->socket)
        good = put_path(f, "control-socket", s->socket) && good;
    fputs("\nnetwork:\n  forward: yes\n  proxy-arp: yes\n", f);
    if (s->internet) {
        fputs("  # admits tunnels and what 'admit' names, and nothing else: SSH only as tcp/22\n", f);
        good = put_path(f, "internet-interface", s->internet) && good;
        fprintf(f, "  admit: [%s]\n", s->admit ? s->admit : "");
    }
    if (s->nat) {
        fputs("  # clients take this host's address there\n", f);
        good = put_path(f, "nat", s->nat) && good;
    }
    fprintf(f, "\nppp:\n  # mschapv2 and eap-mschapv2 make the keys that MPPE needs; pap and chap send\n"
               "  # or keep passwords in weaker ways\n  auth: [%s]\n", auth_text(s, auth));
    if (s->server.family)
        fprintf(f, "  server-address: %s\n", addr_text_host(&s->server, a));
    addr_list(f, "dns", s->dns, s->dns_count);
    addr_list(f, "wins", s->wins, s->wins_count);
    addr_list(f, "routes", s->routes, s->route_count);
    fputs("\ntunnels:\n", f);
    if (s->pptp)
        fprintf(f, "  # PPTP is kept for old clients; its encryption (MPPE) is weak, and required here\n"
                   "  - type: pptp\n    listen: [\"%s:1723\"]\n    ports: 128\n", listen);
    if (s->l2tp || s->ipsec)
        fprintf(f, "  - type: l2tp\n    listen: [\"%s:1701\"]\n    ports: 128\n%s"
                   "    require-security: %s\n", listen,
                s->clear_l2tp ? "    # without IPsec everybody on the way can read the packets\n" :
                                "    # only calls that came through IPsec are served\n",
                s->clear_l2tp ? "no" : "yes");
    if (s->ipsec)
        good = setup_ipsec_section(&s->keys, f, listen) && good;
    fputs("\nauth:\n  # accounts: adit user list|add|passwd|set|del\n"
          "  - type: local\n    file: users.yaml\n", f);
    if (s->radius.servers)
        good = setup_radius_section(&s->radius, f) && good;
    if (s->dhcp) {
        fputs("\npools:\n  # clients are hosts of the LAN: its DHCP server gives them addresses\n"
              "  - type: dhcp\n", f);
        good = put_path(f, "  interface", s->lan) && good;
        if (s->server.family)
            fprintf(f, "    server-address: %s\n", addr_text_host(&s->server, c));
    } else {
        fprintf(f, "\npools:\n  - type: range\n    ranges: [\"%s-%s\"]\n    server-address: %s\n",
                addr_text_host(&s->range.first, a), addr_text_host(&s->range.last, b),
                addr_text_host(&s->server, c));
    }
    fputs("\npolicies:\n  # The first policy whose conditions all match decides. An account's own\n"
          "  # 'dial-in: allow' or 'deny' goes before the policy's permission.\n"
          "  - type: access\n    policies:\n      - name: default\n        permission: deny\n", f);
    return good;
}

static int listen_text(const struct setup *s, char out[ADDR_TEXT])
{
    struct adit_addr a;
    char host[ADDR_TEXT - 2];
    strcpy(out, "0.0.0.0");
    if (!s->listen)
        return s->interface ? of_interface(s, out) : 0;
    if (conf_parse_addr(s->listen, &a) || !a.family || a.port)
        return complain("--listen %s: not an address", s->listen);
    if (a.family == ADIT_AF_IPV6 && s->pptp)
        return complain("--listen %s: PPTP is IPv4 only; with --tunnels l2tp-ipsec it can be IPv6", s->listen);
    snprintf(host, sizeof host, "%s", addr_text_host(&a, out));
    if (a.family == ADIT_AF_IPV6)
        snprintf(out, ADDR_TEXT, "[%s]", host);
    return 0;
}

/* Addresses that clients can get: the server's own is none of them. */
static uint64_t client_count(const struct setup *s)
{
    uint32_t first = addr_u32(&s->range.first), last = addr_u32(&s->range.last),
             ours = addr_u32(&s->server);
    if (s->dhcp)
        return 0;               /* the server knows */
    return (uint64_t)last - first + 1 - (ours >= first && ours <= last);
}

/* The accounts first: what is wrong with them is found before anything is replaced.
 * A file of accounts that is there stays, unless it is to be replaced. */
static int write_files(struct setup *s, const char *conf, const char *users, const char *state,
                       const char *listen, const char *dir)
{
    bool have_users = access(users, F_OK) == 0;
    if (have_users && !s->force && s->user_count)
        return complain("%s is there already; --force replaces it, 'adit user add' adds to it",
                        users);
    if (access(conf, F_OK) == 0 && !s->force)
        return complain("%s is there already; --force replaces it", conf);
    if ((!have_users || s->force) &&
        setup_users(users, (const char *const *)s->users, s->user_count, (s->auth & CHAP) != 0))
        return 1;
    if ((s->ipsec && setup_ipsec_files(&s->keys, dir, s->force)) ||
        (s->radius.servers && setup_radius_files(&s->radius, dir, s->force))) {
        if (!have_users)
            unlink(users);
        return 1;
    }
    FILE *f = setup_create(conf, s->force);
    bool good = f && write_conf(s, f, listen, state);
    if (f && !good)
        complain("the name of a file is no text that YAML can hold");
    bool bad = f && ferror(f);
    if (f && (fclose(f) || bad)) {
        complain("%s: %s", conf, strerror(errno));
        good = false;
    }
    if (!good) {
        if (f)
            unlink(conf);
        if (!have_users)
            unlink(users);
    }
    return !good;
}

static int write_all(struct setup *s)
{
    char listen[ADDR_TEXT];
    char *dir = NULL, *conf = NULL, *users = NULL, *state = NULL;
    if (listen_text(s, listen) || !(dir = make_dir(s->output)))
        return 1;
    int rc = asprintf(&conf, "%s/aditd.yaml", dir) < 0 || asprintf(&users, "%s/users.yaml", dir) < 0 ||
             asprintf(&state, "%s/state", dir) < 0 ? complain("out of memory") :
             write_files(s, conf, users, state, listen, dir);
    uint64_t count = client_count(s);
    if (!rc && adit_options.json) {
        json_t *o = json_pack("{s:s, s:s, s:I, s:i}", "config", conf, "users", users,
                              "addresses", (json_int_t)count, "accounts", (int)s->user_count);
        if (s->dhcp) {
            json_object_del(o, "addresses");
            json_object_set_new(o, "dhcp", json_string(s->lan));
        }
        if (*s->keys.psk_at)
            json_object_set_new(o, "psk_file", json_string(s->keys.psk_at));
        if (*s->keys.generated)
            json_object_set_new(o, "psk", json_string(s->keys.generated));
        rc = json_take(o);
    } else if (!rc) {
        if (s->dhcp)
            printf("%s\n%s\nwritten: addresses for clients from the DHCP server on %s, %u account%s.\n",
                   conf, users, s->lan, s->user_count, s->user_count == 1 ? "" : "s");
        else
            printf("%s\n%s\nwritten: %llu address%s for clients, %u account%s.\n", conf, users,
                   (unsigned long long)count, count == 1 ? "" : "es", s->user_count,
                   s->user_count == 1 ? "" : "s");
        if (*s->keys.generated)
            printf("Pre-shared key for L2TP/IPsec clients: %s\n(kept in %s)\n", s->keys.generated,
                   s->keys.psk_at);
        if (s->internet)
            printf("%s will admit tunnels%s%s and nothing else, as soon as the daemon runs.\n", s->internet,
                   s->admit && *s->admit ? ", " : "", s->admit ? s->admit : "");
        printf("Look at the host first: adit doctor --config %s\n"
               "Start it: aditd --config %s --foreground\n", conf, conf);
        if (!s->user_count && !s->radius.servers)
            puts("Nobody may connect yet: adit user add NAME --allow");
    }
    free(dir);
    free(conf);
    free(users);
    free(state);
    return rc;
}

/* The socket as an absolute path: adit and aditd run in other directories. */
static int complete_socket(struct setup *s)
{
    char *dir = NULL, *path = NULL;
    if (!s->socket)
        return 0;
    if (s->socket[0] != '/') {
        if (!s->socket[0] || !(dir = realpath(".", NULL)) || asprintf(&path, "%s/%s", dir, s->socket) < 0)
            path = NULL;
        free(dir);
        if (!path)
            return complain("--control-socket %s: not a path", s->socket);
        s->socket = s->socket_path = path;
    }
    if (strlen(s->socket) > SOCKET_MAX)
        return complain("--control-socket %s: a socket's path has at most %d bytes", s->socket, SOCKET_MAX);
    return 0;
}

/* Which tunnels: L2TP goes through IPsec unless clear was asked for. */
static int complete_tunnels(struct setup *s)
{
    bool keys = setup_ipsec_given(&s->keys);
    if (!s->tunnels_given) {
        s->pptp = true;
        s->l2tp = s->clear_l2tp;
        s->ipsec = !s->clear_l2tp || keys;
    }
    if (s->clear_l2tp && !s->l2tp) {
        s->clear_l2tp = false;
        if (!adit_options.json)
            fputs("adit: note: --allow-clear-l2tp does nothing: --tunnels has no l2tp\n", stderr);
    }
    if (s->l2tp && (!s->clear_l2tp || keys))
        s->ipsec = true;
    if (keys && !s->ipsec)
        return complain("keys and certificates are for L2TP/IPsec; add l2tp-ipsec to --tunnels");
    return setup_ipsec_check(&s->keys);
}

/* What was not said, and what does not fit together. */
static int complete(struct setup *s)
{
    char text[64];
    if (complete_tunnels(s))
        return 1;
    if (complete_lan(s))
        return 1;
    if (!s->have_range && !s->dhcp)
        return complain("--addresses is needed: where clients get theirs from; FIRST-LAST, dhcp or auto");
    if (!s->server.family && !s->dhcp) {
        uint32_t first = addr_u32(&s->range.first);
        /* the address before the range when it is in the same /24, else its first */
        s->server = addr_ipv4((first & 0xff) > 1 ? first - 1 : first);
    }
    if (!s->dhcp && !client_count(s))
        return complain("--range: its only address is the server's own; none is left for clients");
    if (s->pptp && !(s->auth & (MSCHAPV2 | EAP_MSCHAPV2))) {
        if (!s->l2tp && !s->ipsec)
            return complain("--auth %s has no method that makes keys, which PPTP's encryption "
                            "needs; add mschapv2", auth_text(s, text));
        if (!adit_options.json)
            fprintf(stderr, "adit: note: --auth %s has no method that makes keys, which PPTP's "
                    "encryption needs: PPTP clients will be refused\n", auth_text(s, text));
    }
    if (setup_radius_check(&s->radius))
        return 1;
    if (s->admit && *s->admit && !s->internet)
        return complain("--admit is what --internet-interface admits; name that too");
    unsigned ssh = ssh_closed(s);
    if (ssh && !adit_options.json)
        fprintf(stderr, "adit: note: --internet-interface %s closes port %u, through which you are logged in by "
                "SSH; if that is where you come from, add --admit tcp/%u\n", s->internet, ssh, ssh);
    return complete_socket(s);
}

int cmd_setup(int argc, char **argv)
{
    struct setup s = { .output = ADIT_CONF_DIR, .auth = MSCHAPV2 };
    int rc;
    if (argc == 1 && isatty(STDIN_FILENO))
        rc = wizard(&s);
    else
        rc = options(&s, argc, argv);
    if (!rc)
        rc = complete(&s);
    if (!rc)
        rc = write_all(&s);
    for (uint32_t i = 0; i < s.user_count; i++) {       /* passwords: out of memory */
        bytes_wipe(s.users[i], strlen(s.users[i]));
        free(s.users[i]);
    }
    if (s.psk)
        bytes_wipe(s.psk, strlen(s.psk));
    bytes_wipe(s.keys.generated, sizeof s.keys.generated);
    bytes_wipe(s.radius.secret, sizeof s.radius.secret);
    free(s.socket_path);
    free(s.psk);
    free(s.users);
    free(s.routes);
    return rc;
}
