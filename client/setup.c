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
#include <fcntl.h>
#include <getopt.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>
#include "base/addr.h"
#include "config/conf.h"
#include "user_cmd.h"

#define LIST 16

struct setup {
    const char *output, *interface, *listen, *socket;
    bool pptp, l2tp, clear_l2tp, force;
    struct adit_range range;
    bool have_range;
    struct adit_addr server, dns[2], wins[2], routes[LIST];
    uint32_t dns_count, wins_count, route_count;
    const char *users[LIST];    /* NAME:PASSWORD; wiped when written */
    uint32_t user_count;
    const char *auth;           /* comma-separated */
};

static const char usage[] =
    "usage: adit setup [options]        (without options: a wizard)\n"
    "  --output DIR           where the files go (" ADIT_CONF_DIR ")\n"
    "  --interface IF         the internet interface: listen on its address\n"
    "  --listen ADDR          listen on this address instead (default: every address)\n"
    "  --tunnels pptp,l2tp    what to serve (default: both)\n"
    "  --range A-B            addresses for clients\n"
    "  --server-address A     our address inside the tunnels (default: the first of the range)\n"
    "  --dns A,B              DNS servers for clients\n"
    "  --wins A,B             WINS servers for clients\n"
    "  --user NAME:PASSWORD   an account that may connect; repeatable\n"
    "  --auth LIST            methods: mschapv2, chap, pap, eap-mschapv2 (default: mschapv2)\n"
    "  --allow-clear-l2tp     serve L2TP without IPsec: only in a network that you trust\n"
    "  --route CIDR           a network behind the server, told to clients; repeatable\n"
    "  --control-socket PATH  where adit finds the daemon\n"
    "  --force                replace files that are there\n";

/* ---- reading options -------------------------------------------------------------- */

static int addresses(const char *option, char *text, struct adit_addr *out, uint32_t *count,
                     uint32_t max)
{
    char *save = NULL;
    for (char *one = strtok_r(text, ",", &save); one; one = strtok_r(NULL, ",", &save)) {
        if (*count == max)
            return complain("%s takes at most %u", option, max);
        if (conf_parse_addr(one, &out[*count]) || out[*count].port)
            return complain("%s %s: not an address, for instance 192.0.2.53", option, one);
        ++*count;
    }
    return 0;
}

static int tunnels(struct setup *s, char *text)
{
    char *save = NULL;
    s->pptp = s->l2tp = false;
    for (char *one = strtok_r(text, ",", &save); one; one = strtok_r(NULL, ",", &save)) {
        if (!strcmp(one, "pptp"))
            s->pptp = true;
        else if (!strcmp(one, "l2tp"))
            s->l2tp = true;
        else
            return complain("--tunnels %s: it is pptp, l2tp or both: pptp,l2tp", one);
    }
    return s->pptp || s->l2tp ? 0 : complain("--tunnels: name pptp, l2tp or both");
}

static int auth(struct setup *s, const char *text)
{
    static const char *const known[] = { "mschapv2", "chap", "pap", "eap-mschapv2", NULL };
    char copy[128], *save = NULL;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *one = strtok_r(copy, ",", &save); one; one = strtok_r(NULL, ",", &save)) {
        size_t i = 0;
        while (known[i] && strcmp(known[i], one) != 0)
            i++;
        if (!known[i])
            return complain("--auth %s: it is mschapv2, chap, pap or eap-mschapv2", one);
    }
    s->auth = text;
    return 0;
}

static bool has_word(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = list; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
        if (!strncmp(p, word, n) && (p[n] == ',' || !p[n]))
            return true;
    return false;
}

static int user(struct setup *s, const char *text)
{
    const char *colon = strchr(text, ':');
    if (!colon || colon == text || !colon[1])
        return complain("--user takes NAME:PASSWORD");
    if (s->user_count == LIST)
        return complain("--user: at most %d; add more with 'adit user add'", LIST);
    s->users[s->user_count++] = text;
    return 0;
}

static int options(struct setup *s, int argc, char **argv)
{
    enum { OUTPUT = 1, INTERFACE, LISTEN, TUNNELS, RANGE, SERVER, DNS, WINS, USER, AUTH, CLEAR,
           ROUTE, SOCKET, FORCE, HELP };
    static const struct option longs[] = {
        { "output", 1, NULL, OUTPUT },   { "interface", 1, NULL, INTERFACE },
        { "listen", 1, NULL, LISTEN },   { "tunnels", 1, NULL, TUNNELS },
        { "range", 1, NULL, RANGE },     { "server-address", 1, NULL, SERVER },
        { "dns", 1, NULL, DNS },         { "wins", 1, NULL, WINS },
        { "user", 1, NULL, USER },       { "auth", 1, NULL, AUTH },
        { "allow-clear-l2tp", 0, NULL, CLEAR }, { "route", 1, NULL, ROUTE },
        { "control-socket", 1, NULL, SOCKET }, { "force", 0, NULL, FORCE },
        { "help", 0, NULL, HELP },       { NULL, 0, NULL, 0 },
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
        case TUNNELS:   rc = tunnels(s, optarg); break;
        case AUTH:      rc = auth(s, optarg); break;
        case USER:      rc = user(s, optarg); break;
        case DNS:       rc = addresses("--dns", optarg, s->dns, &s->dns_count, 2); break;
        case WINS:      rc = addresses("--wins", optarg, s->wins, &s->wins_count, 2); break;
        case RANGE:
            if (conf_parse_range(optarg, &s->range))
                rc = complain("--range %s: write FIRST-LAST, for instance 10.9.0.10-10.9.0.99",
                              optarg);
            s->have_range = true;
            break;
        case SERVER:
            if (conf_parse_addr(optarg, &s->server) || s->server.port)
                rc = complain("--server-address %s: not an address", optarg);
            break;
        case ROUTE:
            if (s->route_count == LIST)
                rc = complain("--route: at most %d", LIST);
            else if (conf_parse_prefix(optarg, &s->routes[s->route_count]))
                rc = complain("--route %s: not a network, for instance 192.168.1.0/24", optarg);
            s->route_count++;
            break;
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

/* ---- the wizard ------------------------------------------------------------------------- */

/* One answer, on the heap for the life of the process; the default when it is empty. */
static char *answer(const char *question, const char *dflt)
{
    char *line = NULL;
    size_t cap = 0;
    printf("%s%s%s%s: ", question, dflt ? " [" : "", dflt ? dflt : "", dflt ? "]" : "");
    fflush(stdout);
    ssize_t n = getline(&line, &cap, stdin);
    if (n <= 0) {
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

static char *secret(const char *question)
{
    struct termios was, quiet;
    if (tcgetattr(STDIN_FILENO, &was))
        return answer(question, NULL);
    quiet = was;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    char *line = answer(question, NULL);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
    putchar('\n');
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

static int wizard(struct setup *s)
{
    char *a;
    puts("This writes a configuration for remote access. Enter takes the answer in brackets.");
    list_interfaces();
    if (!(a = answer("Internet interface (empty: listen on every address)", "")))
        return 1;
    s->interface = *a ? a : NULL;
    for (;;) {
        if (!(a = answer("Serve which tunnels", "pptp,l2tp")))
            return 1;
        if (!tunnels(s, a))
            break;
    }
    if (s->l2tp)
        s->clear_l2tp = yes("Allow L2TP without IPsec (only in a network that you trust)", false);
    for (;;) {
        if (!(a = answer("Addresses for clients, FIRST-LAST", "10.99.0.2-10.99.0.254")))
            return 1;
        if (!conf_parse_range(a, &s->range))
            break;
        complain("%s: write FIRST-LAST", a);
    }
    s->have_range = true;
    for (;;) {
        if (!(a = answer("DNS servers for clients (at most two, with a comma; empty: none)", "")))
            return 1;
        s->dns_count = 0;
        if (!addresses("DNS", a, s->dns, &s->dns_count, 2))
            break;
    }
    while (yes(s->user_count ? "Add another account" : "Add an account that may connect", !s->user_count)) {
        char *name = answer("  User name", NULL), *p1 = secret("  Password"),
             *p2 = secret("  Password again"), *both;
        if (!name || !p1 || !p2)
            return 1;
        if (strcmp(p1, p2) != 0)
            complain("the passwords differ");
        else if (asprintf(&both, "%s:%s", name, p1) >= 0)
            user(s, both);
    }
    return 0;
}

/* ---- writing ---------------------------------------------------------------------------------- */

static int make_dir(const char *path)
{
    char part[512];
    snprintf(part, sizeof part, "%s", path);
    for (char *p = part + 1; *p; p++)
        if (*p == '/') {
            *p = '\0';
            mkdir(part, 0755);
            *p = '/';
        }
    if (mkdir(part, 0700) && errno != EEXIST)
        return complain("%s: %s", path, strerror(errno));
    return 0;
}

static int of_interface(struct setup *s, char out[ADDR_TEXT])
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

static void write_conf(const struct setup *s, FILE *f, const char *listen, const char *dir)
{
    char a[ADDR_TEXT], b[ADDR_TEXT], auth[128];
    size_t n = 0;
    for (const char *p = s->auth; *p && n < sizeof auth - 2; p++) {
        auth[n++] = *p;
        if (*p == ',')
            auth[n++] = ' ';
    }
    auth[n] = '\0';
    fputs("# Written by 'adit setup'. aditd.yaml(5) describes every option.\n"
          "# After a change: adit reload\n\n", f);
    fputs("daemon:\n", f);
    fprintf(f, "  state-dir: \"%s/state\"\n", dir);
    if (s->socket)
        fprintf(f, "  control-socket: \"%s\"\n", s->socket);
    fputs("\nnetwork:\n  forward: yes\n  proxy-arp: yes\n", f);
    fprintf(f, "\nppp:\n  # mschapv2 is the only one with keys for MPPE; pap and chap send or keep\n"
               "  # passwords in weaker ways\n  auth: [%s]\n", auth);
    fprintf(f, "  server-address: %s\n", addr_text_host(&s->server, a));
    addr_list(f, "dns", s->dns, s->dns_count);
    addr_list(f, "wins", s->wins, s->wins_count);
    addr_list(f, "routes", s->routes, s->route_count);
    fputs("\ntunnels:\n", f);
    if (s->pptp)
        fprintf(f, "  # PPTP is kept for old clients; its encryption (MPPE) is weak, and required here\n"
                   "  - type: pptp\n    listen: [\"%s:1723\"]\n    ports: 128\n", listen);
    if (s->l2tp)
        fprintf(f, "  - type: l2tp\n    listen: [\"%s:1701\"]\n    ports: 128\n%s"
                   "    require-security: %s\n", listen,
                s->clear_l2tp ? "    # without IPsec everybody on the way can read the packets\n" :
                                "    # only calls that came through IPsec are served\n",
                s->clear_l2tp ? "no" : "yes");
    fputs("\nauth:\n  # accounts: adit user list|add|passwd|set|del\n"
          "  - type: local\n    file: users.yaml\n", f);
    fprintf(f, "\npools:\n  - type: range\n    ranges: [\"%s-%s\"]\n    server-address: %s\n",
            addr_text_host(&s->range.first, a), addr_text_host(&s->range.last, b),
            addr_text_host(&s->server, auth));
    fputs("\npolicies:\n  # The first policy whose conditions all match decides. An account's own\n"
          "  # 'dial-in: allow' or 'deny' goes before the policy's permission.\n"
          "  - type: access\n    policies:\n      - name: default\n        permission: deny\n", f);
}

/* A new file with the mode; refuses to replace one unless forced. */
static FILE *create(const char *path, bool force)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (force ? O_TRUNC : O_EXCL),
                  0600);
    if (fd < 0) {
        if (errno == EEXIST)
            complain("%s is there already; --force replaces it", path);
        else
            complain("%s: %s", path, strerror(errno));
        return NULL;
    }
    fchmod(fd, 0600);
    return fdopen(fd, "w");
}

static int write_all(struct setup *s)
{
    char dir[480], conf[512], users[512], listen[ADDR_TEXT] = "";
    struct adit_addr a;
    if (make_dir(s->output))
        return 1;
    char *real = realpath(s->output, NULL);
    if (!real)
        return complain("%s: %s", s->output, strerror(errno));
    snprintf(dir, sizeof dir, "%s", real);
    free(real);
    snprintf(conf, sizeof conf, "%s/aditd.yaml", dir);
    snprintf(users, sizeof users, "%s/users.yaml", dir);

    if (s->listen) {
        if (conf_parse_addr(s->listen, &a) || a.port)
            return complain("--listen %s: not an address", s->listen);
        addr_text_host(&a, listen);
        if (a.family == ADIT_AF_IPV6)
            return complain("--listen %s: PPTP and this wizard serve IPv4", s->listen);
    } else if (s->interface) {
        if (of_interface(s, listen))
            return 1;
    } else {
        strcpy(listen, "0.0.0.0");
    }
    if (access(users, F_OK) == 0 && !s->force && s->user_count)
        return complain("%s is there already; --force replaces it, 'adit user add' adds to it",
                        users);
    FILE *f = create(conf, s->force);
    if (!f)
        return 1;
    write_conf(s, f, listen, dir);
    bool bad = ferror(f) != 0;
    if (fclose(f) || bad)
        return complain("%s: %s", conf, strerror(errno));
    if (s->force)
        unlink(users);
    if (setup_users(users, s->users, s->user_count, has_word(s->auth, "chap")))
        return 1;
    uint64_t count = 0;
    if (s->range.first.family == ADIT_AF_IPV4)
        count = (uint64_t)addr_u32(&s->range.last) - addr_u32(&s->range.first) + 1;
    if (adit_options.json)
        return json_take(json_pack("{s:s, s:s, s:I, s:i}", "config", conf, "users", users,
                                   "addresses", (json_int_t)count, "accounts", (int)s->user_count));
    printf("%s\n%s\nwritten: %llu addresses for clients, %u account%s.\n", conf, users,
           (unsigned long long)count, s->user_count, s->user_count == 1 ? "" : "s");
    printf("Start it: aditd --config %s --foreground\n", conf);
    if (!s->user_count)
        puts("Nobody may connect yet: adit user add NAME --allow");
    return 0;
}

/* What was not said, and what does not fit together. */
static int complete(struct setup *s)
{
    if (!s->have_range)
        return complain("--range FIRST-LAST is needed: the addresses that clients get");
    if (!s->server.family) {
        if (s->range.first.family != ADIT_AF_IPV4)
            return complain("--server-address is needed with this range");
        uint32_t first = addr_u32(&s->range.first);
        /* the address before the range when it is in the same /24, else its first */
        s->server = addr_ipv4((first & 0xff) > 1 ? first - 1 : first);
    }
    if (s->l2tp && !s->clear_l2tp && !s->pptp && !adit_options.json)
        fputs("adit: note: L2TP is served through IPsec only, as it should be; without an IPsec "
              "plugin nobody can connect (--allow-clear-l2tp serves it clear)\n", stderr);
    if (s->pptp && !strstr(s->auth, "mschapv2")) {
        if (!s->l2tp)
            return complain("--auth %s has no method that makes keys, which PPTP's encryption "
                            "needs; add mschapv2", s->auth);
        if (!adit_options.json)
            fprintf(stderr, "adit: note: --auth %s has no method that makes keys, which PPTP's "
                    "encryption needs: PPTP clients will be refused\n", s->auth);
    }
    return 0;
}

int cmd_setup(int argc, char **argv)
{
    struct setup s = { .output = ADIT_CONF_DIR, .pptp = true, .l2tp = true, .auth = "mschapv2" };
    int rc;
    if (argc == 1 && isatty(STDIN_FILENO))
        rc = wizard(&s);
    else
        rc = options(&s, argc, argv);
    if (!rc)
        rc = complete(&s);
    if (!rc)
        rc = write_all(&s);
    for (uint32_t i = 0; i < s.user_count; i++)         /* passwords: out of memory, and of ps */
        explicit_bzero((char *)(uintptr_t)s.users[i], strlen(s.users[i]));
    return rc;
}
