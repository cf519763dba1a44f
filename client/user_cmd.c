/* user_cmd.c - `adit user`: the accounts of auth-local, edited safely.
 *
 * Knows:  arguments, prompts, tables, which file is meant.
 * Leaves: the file's form and its writing to users.c, hashes to core/crypto.
 *
 * A password is typed twice on a terminal or read from standard input. It is
 * never an argument: every user of the host can read those.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <jansson.h>
#include <libsmartcols.h>
#include <adit/bytes.h>
#include "base/addr.h"
#include "config/conf.h"
#include "crypto/crypto.h"
#include "../plugins/auth-local/users.h"
#include "user_cmd.h"

bool user_cmd_json;
const char *user_cmd_config;
char user_cmd_error[USER_CMD_ERROR];
static bool in_setup;           /* who complains */

#define PASSWORD_MAX 255        /* bytes; PAP has one octet for the length */
#define LIST         64u        /* groups or routes of one command */

static const char usage[] =
    "usage: adit user list|show|add|passwd|set|del [NAME] [options]\n"
    "  list                    all accounts\n"
    "  show NAME               one account; hashes are never shown\n"
    "  add NAME                a new account, denied unless --allow or --policy says otherwise\n"
    "  passwd NAME             a new password\n"
    "  set NAME                other settings\n"
    "  del NAME                remove the account\n"
    "\n"
    "  --allow --deny --policy the dial-in property: always, never, as the policies decide\n"
    "  --group NAME            a group; repeatable, --group '' for none\n"
    "  --address A             a fixed address, '' for none\n"
    "  --ipv6-prefix NETWORK   the IPv6 network of the user's link, '' for none\n"
    "  --delegated-prefix NETWORK  what the user's router may delegate (DHCPv6), '' for none\n"
    "  --route NETWORK         a network behind the user; repeatable, '' for none\n"
    "  --calling-station TEXT  where the user may call from (* and ?); repeatable, '' for anywhere\n"
    "  --expires DATE          the last day (2026-12-31), or '2026-12-31 18:00', or '' for never\n"
    "  --session-limit N       sessions at once, 0 for any number\n"
    "  --filter-in NAME --filter-out NAME  packet filters of what comes from the user and goes to\n"
    "                          it, '' for none\n"
    "  --disabled --enabled    switch the account off and on\n"
    "  --must-change --no-must-change  the password must be changed at the next login\n"
    "  --comment TEXT          for people\n"
    "  --clear --no-clear      keep the password in clear too, which CHAP-MD5 needs\n"
    "  --password-stdin        read the password from standard input, one line\n"
    "  --no-password           add: an account that only uses certificates\n"
    "  --config DIR            the daemon's configuration (default: of the daemon that runs,\n"
    "                          else " ADIT_CONF_DIR ")\n"
    "  --file FILE             the file of accounts itself\n"
    "  --json                  JSON instead of text\n";

/* What the arguments said. */
struct args {
    const char *verb, *name;
    const char *config, *file;
    int dialin;                 /* -1: nothing */
    int disabled, must_change, clear;           /* -1: nothing */
    const char *groups[LIST], *callers[LIST];
    struct adit_addr routes[LIST];
    uint32_t group_count, caller_count, route_count;
    bool have_groups, have_callers, have_routes, have_address, have_limit, have_prefix6, have_delegated;
    struct adit_addr address, ipv6_prefix, delegated_prefix;
    const char *expires, *comment, *filter[2];
    uint32_t limit;
    bool password_stdin, no_password, json;
};

ADIT_PRINTF(1, 2) static int complain(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(user_cmd_error, sizeof user_cmd_error, fmt, ap);
    va_end(ap);
    fprintf(stderr, "adit%s: %s\n", in_setup ? "" : " user", user_cmd_error);
    return 1;
}

static int misuse(void)
{
    fputs(usage, stderr);
    return 2;
}

/* ---- arguments ------------------------------------------------------------------------- */

enum opt {
    O_ALLOW = 256, O_DENY, O_POLICY, O_GROUP, O_ADDRESS, O_PREFIX6, O_DELEGATED, O_ROUTE, O_CALLING, O_EXPIRES, O_LIMIT, O_DISABLED,
    O_ENABLED, O_MUST, O_NO_MUST, O_COMMENT, O_FILTER_IN, O_FILTER_OUT, O_CLEAR, O_NO_CLEAR, O_STDIN, O_NO_PASSWORD, O_CONFIG,
    O_FILE, O_JSON, O_HELP
};

static const struct option options[] = {
    { "allow", 0, NULL, O_ALLOW },           { "deny", 0, NULL, O_DENY },
    { "policy", 0, NULL, O_POLICY },         { "group", 1, NULL, O_GROUP },
    { "address", 1, NULL, O_ADDRESS },       { "route", 1, NULL, O_ROUTE },
    { "ipv6-prefix", 1, NULL, O_PREFIX6 },   { "delegated-prefix", 1, NULL, O_DELEGATED },
    { "calling-station", 1, NULL, O_CALLING },
    { "expires", 1, NULL, O_EXPIRES },       { "session-limit", 1, NULL, O_LIMIT },
    { "disabled", 0, NULL, O_DISABLED },     { "enabled", 0, NULL, O_ENABLED },
    { "must-change", 0, NULL, O_MUST },      { "no-must-change", 0, NULL, O_NO_MUST },
    { "filter-in", 1, NULL, O_FILTER_IN },   { "filter-out", 1, NULL, O_FILTER_OUT },
    { "comment", 1, NULL, O_COMMENT },       { "clear", 0, NULL, O_CLEAR },
    { "no-clear", 0, NULL, O_NO_CLEAR },     { "password-stdin", 0, NULL, O_STDIN },
    { "no-password", 0, NULL, O_NO_PASSWORD }, { "config", 1, NULL, O_CONFIG },
    { "file", 1, NULL, O_FILE },             { "json", 0, NULL, O_JSON },
    { "help", 0, NULL, O_HELP },             { NULL, 0, NULL, 0 },
};

static int text_add(const char *option, const char *text, const char **list, uint32_t *n, bool *have)
{
    *have = true;
    if (!text[0])
        return 0;
    if (!user_text_ok(text))
        return complain("--%s: control characters are not taken", option);
    if (*n == LIST)
        return complain("--%s: at most %u", option, LIST);
    list[(*n)++] = text;
    return 0;
}

static int route_add(struct args *a, const char *text)
{
    a->have_routes = true;
    if (!text[0])
        return 0;
    if (a->route_count == LIST)
        return complain("--route: at most %u", LIST);
    if (conf_parse_prefix(text, &a->routes[a->route_count]) != 0)
        return complain("--route: '%s' is not a network like 10.1.2.0/24 (its host part is zero)", text);
    a->route_count++;
    return 0;
}

static int address_of(struct args *a, const char *text)
{
    a->have_address = true;
    memset(&a->address, 0, sizeof a->address);
    if (text[0] && (conf_parse_addr(text, &a->address) != 0 || a->address.family != ADIT_AF_IPV4 ||
                    a->address.port))
        return complain("--address: '%s' is not an IPv4 address like 10.9.0.5", text);
    return 0;
}

static int network6_of(const char *option, const char *text, struct adit_addr *net, bool *have)
{
    *have = true;
    memset(net, 0, sizeof *net);
    if (text[0] && (conf_parse_prefix(text, net) != 0 || net->family != ADIT_AF_IPV6))
        return complain("--%s: '%s' is not an IPv6 network like 2001:db8:1::/64 (its host part is zero)",
                        option, text);
    return 0;
}

static int expires_of(struct args *a, const char *text)
{
    uint64_t s;
    a->expires = text;
    if (text[0] && !user_expires_parse(text, &s))
        return complain("--expires: '%s' is not a date like 2026-12-31, a time like '2026-12-31 18:00', "
                        "or seconds since 1970", text);
    return 0;
}

static int limit_of(struct args *a, const char *text)
{
    char *end;
    errno = 0;
    unsigned long n = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno || n > UINT32_MAX)
        return complain("--session-limit: '%s' is not a number", text);
    a->have_limit = true;
    a->limit = (uint32_t)n;
    return 0;
}

/* 0, or the exit status after something was said; -1 after --help. */
static int args_parse(int argc, char **argv, struct args *a)
{
    int c, rc = 0;
    *a = (struct args){ .dialin = -1, .disabled = -1, .must_change = -1, .clear = -1,
                        .json = user_cmd_json };
    optind = 0;                 /* again from the start, also when a test calls twice */
    while (rc == 0 && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case O_ALLOW:       a->dialin = ADIT_DIALIN_ALLOW; break;
        case O_DENY:        a->dialin = ADIT_DIALIN_DENY; break;
        case O_POLICY:      a->dialin = ADIT_DIALIN_POLICY; break;
        case O_GROUP:
            rc = text_add("group", optarg, a->groups, &a->group_count, &a->have_groups);
            break;
        case O_CALLING:
            rc = text_add("calling-station", optarg, a->callers, &a->caller_count, &a->have_callers);
            break;
        case O_ADDRESS:     rc = address_of(a, optarg); break;
        case O_PREFIX6:
            rc = network6_of("ipv6-prefix", optarg, &a->ipv6_prefix, &a->have_prefix6);
            break;
        case O_DELEGATED:
            rc = network6_of("delegated-prefix", optarg, &a->delegated_prefix, &a->have_delegated);
            break;
        case O_ROUTE:       rc = route_add(a, optarg); break;
        case O_EXPIRES:     rc = expires_of(a, optarg); break;
        case O_LIMIT:       rc = limit_of(a, optarg); break;
        case O_DISABLED:    a->disabled = 1; break;
        case O_ENABLED:     a->disabled = 0; break;
        case O_MUST:        a->must_change = 1; break;
        case O_NO_MUST:     a->must_change = 0; break;
        case O_COMMENT:     a->comment = optarg; break;
        case O_FILTER_IN:   a->filter[0] = optarg; break;
        case O_FILTER_OUT:  a->filter[1] = optarg; break;
        case O_CLEAR:       a->clear = 1; break;
        case O_NO_CLEAR:    a->clear = 0; break;
        case O_STDIN:       a->password_stdin = true; break;
        case O_NO_PASSWORD: a->no_password = true; break;
        case O_CONFIG:      a->config = optarg; break;
        case O_FILE:        a->file = optarg; break;
        case O_JSON:        a->json = true; break;
        case O_HELP:        fputs(usage, stdout); return -1;
        default:            return misuse();
        }
    }
    if (rc == 0 && a->comment && !user_text_ok(a->comment))
        rc = complain("--comment: control characters are not taken");
    for (int k = 0; k < 2; k++)
        if (rc == 0 && a->filter[k] && !user_text_ok(a->filter[k]))
            rc = complain("--filter-in, --filter-out: control characters are not taken");
    if (rc == 0 && optind < argc)
        a->verb = argv[optind++];
    if (rc == 0 && optind < argc)
        a->name = argv[optind++];
    if (rc == 0 && (optind < argc || !a->verb))
        rc = misuse();
    return rc;
}

/* ---- which file -------------------------------------------------------------------------- */

static void tell(void *u, const char *sentence)
{
    (void)u;
    complain("%s", sentence);
}

static const struct conf_err told = { tell, NULL };

/* A name beside the file that it stands in. */
static void beside(const char *where, const char *name, char *out, size_t size)
{
    const char *slash = strrchr(where, '/');
    if (name[0] == '/' || !slash)
        snprintf(out, size, "%s", name);
    else
        snprintf(out, size, "%.*s%s", (int)(slash + 1 - where), where, name);
}

/* The `file` of the one authenticator of type local. */
static int file_of_config(const char *config, char *out, size_t size)
{
    struct conf_doc *d = conf_read(config, &told);
    const struct conf_node *auth, *found = NULL, *name;
    uint32_t locals = 0;
    if (!d)
        return complain("the configuration tells no file; mend it, or give --file");
    auth = conf_get(conf_root(d), "auth");
    for (uint32_t i = 0; i < conf_count(auth); i++) {
        const struct conf_node *n = conf_item(auth, i);
        const char *type = conf_str(conf_get(n, "type"));
        if (type && strcmp(type, "local") == 0) {
            found = n;
            locals++;
        }
    }
    if (locals > 1) {
        conf_free(d);
        return complain("%s has %u authenticators of type local; say which file with --file", config,
                        locals);
    }
    beside(config, "users.yaml", out, size);
    if (found && (name = conf_get(found, "file")) && conf_str(name))
        beside(conf_where(name), conf_str(name), out, size);
    conf_free(d);
    return 0;
}

static int file_find(const struct args *a, char *out, size_t size)
{
    char config[4096];
    struct stat st;
    const char *dir = a->config ? a->config : user_cmd_config ? user_cmd_config : ADIT_CONF_DIR;
    if (a->file) {
        if (!a->file[0])
            return complain("--file: a name is needed");
        snprintf(out, size, "%s", a->file);
        return 0;
    }
    if (stat(dir, &st) == 0 && !S_ISDIR(st.st_mode))
        snprintf(config, sizeof config, "%s", dir);
    else
        snprintf(config, sizeof config, "%s/aditd.yaml", dir);
    if (access(config, F_OK) == 0)
        return file_of_config(config, out, size);
    if (stat(dir, &st) != 0)
        return complain("%s: %s; let adit setup write a configuration, or give --file", dir, strerror(errno));
    beside(config, "users.yaml", out, size);
    return 0;
}

/* The accounts of a file; with `missing_ok` none when it is not there. */
static struct users *file_read(const char *path, bool missing_ok)
{
    struct users_file f;
    struct conf_mem *mem = NULL;
    struct users *us = NULL;
    char err[USERS_ERR];

    if (access(path, F_OK) != 0 && errno == ENOENT) {
        if (missing_ok)
            return users_new();
        complain("%s is not there; adit user add makes it", path);
        return NULL;
    }
    struct conf_doc *d = conf_read_file(path, &told);
    if (!d)
        return NULL;
    if (conf_fill(conf_root(d), users_opts, sizeof users_opts[0], NULL, sizeof f, &f, &mem, &told) == 0 &&
        users_of_file(&f, &us, err) != 0)
        complain("%s: %s", path, err);
    conf_mem_free(mem);
    conf_free(d);
    return us;
}

/* ---- passwords ------------------------------------------------------------------------------ */

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
    interrupted = sig;
}

bool user_secret_read(int fd, const char *prompt, char *out, size_t size)
{
    struct termios was, quiet;
    struct sigaction sa = { .sa_handler = on_signal }, old[4];
    static const int sigs[4] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
    size_t n = 0;
    char c = 0;

    if (tcgetattr(fd, &was) != 0)
        return false;
    quiet = was;
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
    interrupted = 0;
    for (size_t i = 0; i < 4; i++)
        sigaction(sigs[i], &sa, &old[i]);
    bool ok = tcsetattr(fd, TCSAFLUSH, &quiet) == 0 && write(fd, prompt, strlen(prompt)) >= 0;
    while (ok && !interrupted && c != '\n') {
        ssize_t got = read(fd, &c, 1);
        if (got == 1 && c != '\n') {
            if (n < size)
                out[n] = c;
            n++;
        } else if (got <= 0) {
            ok = false;
        }
    }
    (void)tcsetattr(fd, TCSAFLUSH, &was);
    (void)!write(fd, "\n", 1);
    for (size_t i = 0; i < 4; i++)
        sigaction(sigs[i], &old[i], NULL);
    out[n < size ? n : size - 1] = '\0';
    if (interrupted)
        raise(interrupted);     /* now that the terminal echoes again */
    if (ok && n >= size)
        complain("the password is longer than %d bytes", PASSWORD_MAX);
    return ok && !interrupted && n < size;
}

static bool stdin_line(char *out, size_t size)
{
    size_t n = 0;
    for (;;) {
        char c;
        ssize_t got = read(STDIN_FILENO, &c, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0 || c == '\n')
            break;
        if (n + 1 >= size || c == '\0') {
            out[0] = '\0';
            complain("the password has a NUL byte or is longer than %d bytes", PASSWORD_MAX);
            return false;
        }
        out[n++] = c;
    }
    if (n && out[n - 1] == '\r')
        n--;
    out[n] = '\0';
    return true;
}

static bool password_read(const struct args *a, char out[PASSWORD_MAX + 1])
{
    char again[PASSWORD_MAX + 1], prompt[USERS_NAME_MAX + 64];
    if (a->password_stdin) {
        if (!stdin_line(out, PASSWORD_MAX + 1))
            return false;
    } else {
        int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
        if (fd < 0) {
            complain("there is no terminal to ask for the password; use --password-stdin");
            return false;
        }
        snprintf(prompt, sizeof prompt, "Password for %s: ", a->name);
        bool ok = user_secret_read(fd, prompt, out, PASSWORD_MAX + 1) &&
                  user_secret_read(fd, "Again: ", again, sizeof again);
        close(fd);
        if (ok && strcmp(out, again) != 0) {
            complain("the two are different; nothing was changed");
            ok = false;
        }
        bytes_wipe(again, sizeof again);
        if (!ok)
            return false;
    }
    if (!out[0]) {
        complain("the password is empty; nothing was changed");
        return false;
    }
    if (!user_text_ok(out)) {
        complain("the password must be UTF-8 without control characters");
        return false;
    }
    return true;
}

/* Hashes for every method; the text itself only for CHAP-MD5. */
static int password_put(struct user *u, const char *password, bool clear)
{
    char hash[256];
    uint32_t len = (uint32_t)strlen(password);
    int rc;
    (void)crypto_init();        /* what is missing shows below */
    rc = crypto_api.password_hash(password, len, hash, sizeof hash);
    if (rc != 0)
        return complain("the password cannot be hashed: this host's OpenSSL lacks scrypt (%s)",
                        crypto_missing());
    u->has_nt = nt_password_hash(password, len, u->nt_hash) == 0;
    if (!u->has_nt)
        fprintf(stderr, "adit user: this host's OpenSSL lacks %s: '%s' cannot use MS-CHAP\n",
                crypto_missing(), u->name);
    bool ok = user_str(&u->password_hash, hash) && user_str(&u->clear, clear ? password : NULL);
    bytes_wipe(hash, sizeof hash);
    u->must_change = false;
    return ok ? 0 : complain("out of memory");
}

/* ---- showing ---------------------------------------------------------------------------------- */

static json_t *text_json(const char *s)
{
    return s ? json_string(s) : json_null();
}

static json_t *user_json(const struct user *u)
{
    char text[ADDR_TEXT];
    json_t *groups = json_array(), *routes = json_array(), *secrets = json_array(), *callers = json_array();
    for (uint32_t i = 0; i < u->group_count; i++)
        json_array_append_new(groups, json_string(u->groups[i]));
    for (uint32_t i = 0; i < u->caller_count; i++)
        json_array_append_new(callers, json_string(u->callers[i]));
    for (uint32_t i = 0; i < u->route_count; i++)
        json_array_append_new(routes, json_string(addr_text(&u->routes[i], text)));
    if (u->has_nt)
        json_array_append_new(secrets, json_string("nt-hash"));
    if (u->password_hash)
        json_array_append_new(secrets, json_string("password-hash"));
    if (u->clear)
        json_array_append_new(secrets, json_string("clear"));
    json_t *o = json_object();
    json_object_set_new(o, "name", json_string(u->name));
    json_object_set_new(o, "dial_in", json_string(user_dialin_name(u->dialin)));
    json_object_set_new(o, "groups", groups);
    json_object_set_new(o, "address", u->address.family == ADIT_AF_NONE ? json_null() :
                                      json_string(addr_text_host(&u->address, text)));
    json_object_set_new(o, "ipv6_prefix", u->ipv6_prefix.family == ADIT_AF_NONE ? json_null() :
                                          json_string(addr_text(&u->ipv6_prefix, text)));
    json_object_set_new(o, "delegated_prefix", u->delegated_prefix.family == ADIT_AF_NONE ? json_null() :
                                               json_string(addr_text(&u->delegated_prefix, text)));
    json_object_set_new(o, "routes", routes);
    json_object_set_new(o, "calling_station", callers);
    json_object_set_new(o, "expires", text_json(u->expires));
    json_object_set_new(o, "session_limit", json_integer(u->session_limit));
    json_object_set_new(o, "disabled", json_boolean(u->disabled));
    json_object_set_new(o, "must_change", json_boolean(u->must_change));
    json_object_set_new(o, "comment", text_json(u->comment));
    json_object_set_new(o, "filter_in", text_json(u->filter[0]));
    json_object_set_new(o, "filter_out", text_json(u->filter[1]));
    json_object_set_new(o, "secrets", secrets);     /* which there are, never what they are */
    return o;
}

static int json_print_take(json_t *o)
{
    char *text = json_dumps(o, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    json_decref(o);
    if (!text)
        return complain("out of memory");
    puts(text);
    free(text);
    return 0;
}

static const char *join(char *const *list, uint32_t n, char *out, size_t size)
{
    size_t len = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < n && len < size; i++) {
        int k = snprintf(out + len, size - len, "%s%s", i ? ", " : "", list[i]);
        len += k > 0 ? (size_t)k : 0;
    }
    return out;
}

static const char *state_of(const struct user *u)
{
    if (u->disabled)
        return "disabled";
    if (u->expiry_s && (uint64_t)time(NULL) >= u->expiry_s)
        return "expired";
    return u->must_change ? "must change" : "";
}

static int table_print(const struct users *us)
{
    static const char *const titles[] = { "NAME", "DIAL-IN", "GROUPS", "ADDRESS", "EXPIRES", "LIMIT",
                                          "STATE", "COMMENT" };
    struct libscols_table *t = scols_new_table();
    bool ok = t != NULL;
    for (size_t i = 0; ok && i < sizeof titles / sizeof titles[0]; i++)
        ok = scols_table_new_column(t, titles[i], 0, 0) != NULL;
    for (uint32_t i = 0; ok && i < users_count(us); i++) {
        const struct user *u = users_at(us, i);
        char groups[1024], address[ADDR_TEXT] = "", limit[16] = "";
        struct libscols_line *l = scols_table_new_line(t, NULL);
        if (u->address.family != ADIT_AF_NONE)
            addr_text_host(&u->address, address);
        if (u->session_limit)
            snprintf(limit, sizeof limit, "%u", u->session_limit);
        const char *const cells[] = {
            u->name, user_dialin_name(u->dialin), join(u->groups, u->group_count, groups, sizeof groups),
            address, u->expires ? u->expires : "", limit, state_of(u), u->comment ? u->comment : "",
        };
        for (size_t k = 0; l && k < sizeof cells / sizeof cells[0]; k++)
            ok = ok && scols_line_set_data(l, k, cells[k]) == 0;
        ok = ok && l;
    }
    if (ok)
        ok = scols_print_table(t) == 0;
    scols_unref_table(t);
    return ok ? 0 : complain("out of memory");
}

static void line_print(const char *key, const char *value)
{
    if (value && value[0])
        printf("%-15s %s\n", key, value);
}

static int user_print(const struct user *u)
{
    char text[2048], address[ADDR_TEXT];
    line_print("name", u->name);
    line_print("dial-in", user_dialin_name(u->dialin));
    line_print("groups", join(u->groups, u->group_count, text, sizeof text));
    if (u->address.family != ADIT_AF_NONE)
        line_print("address", addr_text_host(&u->address, address));
    if (u->ipv6_prefix.family != ADIT_AF_NONE)
        line_print("IPv6 prefix", addr_text(&u->ipv6_prefix, address));
    if (u->delegated_prefix.family != ADIT_AF_NONE)
        line_print("delegated prefix", addr_text(&u->delegated_prefix, address));
    for (uint32_t i = 0; i < u->route_count; i++)
        line_print(i ? "" : "routes", addr_text(&u->routes[i], address));
    line_print("calls from", join(u->callers, u->caller_count, text, sizeof text));
    line_print("expires", u->expires);
    if (u->session_limit)
        printf("%-15s %u\n", "session-limit", u->session_limit);
    line_print("state", state_of(u));
    line_print("filter-in", u->filter[0]);
    line_print("filter-out", u->filter[1]);
    line_print("comment", u->comment);
    snprintf(text, sizeof text, "%s%s%s", u->password_hash ? "pap " : "",
             u->has_nt ? "mschapv1 mschapv2 eap-mschapv2 " : "", u->clear ? "chap eap-md5 " : "");
    line_print("password for", text[0] ? text : "no method: adit user passwd");
    return 0;
}

/* ---- the verbs ----------------------------------------------------------------------------------- */

static int verb_list(const struct args *a, const char *path)
{
    struct users *us = file_read(path, false);
    int rc = 0;
    if (!us)
        return 1;
    if (a->json) {
        json_t *list = json_array();
        for (uint32_t i = 0; i < users_count(us); i++)
            json_array_append_new(list, user_json(users_at(us, i)));
        rc = json_print_take(list);
    } else if (users_count(us) == 0) {
        puts("There is no account yet: adit user add NAME");
    } else {
        rc = table_print(us);
    }
    users_free(us);
    return rc;
}

/* The account that a name means; NULL after a sentence. */
static struct user *user_named(const struct users *us, const char *name, const char *path)
{
    struct user *u = users_find(us, name);
    if (!u)
        complain("%s has no account '%s'; adit user list shows all", path, name);
    return u;
}

static int verb_show(const struct args *a, const char *path)
{
    struct users *us = file_read(path, false);
    struct user *u = us ? user_named(us, a->name, path) : NULL;
    int rc = !u ? 1 : a->json ? json_print_take(user_json(u)) : user_print(u);
    users_free(us);
    return rc;
}

/* What add and set share. */
static int settings_put(const struct args *a, struct user *u)
{
    bool ok = true;
    if (a->dialin >= 0)
        u->dialin = (uint32_t)a->dialin;
    if (a->disabled >= 0)
        u->disabled = a->disabled;
    if (a->must_change >= 0)
        u->must_change = a->must_change;
    if (a->have_address)
        u->address = a->address;
    if (a->have_prefix6)
        u->ipv6_prefix = a->ipv6_prefix;
    if (a->have_delegated)
        u->delegated_prefix = a->delegated_prefix;
    if (a->have_limit)
        u->session_limit = a->limit;
    if (a->have_groups)
        ok = ok && user_groups(u, a->groups, a->group_count);
    if (a->have_callers)
        ok = ok && user_callers(u, a->callers, a->caller_count);
    if (a->have_routes)
        ok = ok && user_routes(u, a->routes, a->route_count);
    if (a->comment)
        ok = ok && user_str(&u->comment, a->comment);
    for (int k = 0; k < 2; k++)
        if (a->filter[k])
            ok = ok && user_str(&u->filter[k], a->filter[k]);
    if (a->expires) {
        ok = ok && user_str(&u->expires, a->expires);
        u->expiry_s = 0;
        if (u->expires)
            (void)user_expires_parse(u->expires, &u->expiry_s);
    }
    return ok ? 0 : complain("out of memory");
}

static const char *consequence(const struct user *u)
{
    if (u->disabled)
        return "the account is disabled; --enabled switches it on";
    if (u->dialin == ADIT_DIALIN_ALLOW)
        return "may connect where a policy matches";
    if (u->dialin == ADIT_DIALIN_POLICY)
        return "the policies decide";
    return "may not connect; --allow or --policy changes that";
}

/* Two accounts of one fixed address would throw each other out. */
static void warn_address(const struct users *us, const struct user *u)
{
    for (uint32_t i = 0; i < users_count(us); i++) {
        const struct user *o = users_at(us, i);
        if (o != u && u->address.family != ADIT_AF_NONE && adit_same_host(&o->address, &u->address))
            fprintf(stderr, "adit user: '%s' has the same address; only one of them can be connected\n",
                    o->name);
    }
}

/* What was done, for when it is on the disk. */
#define SAID 512

static int change_add(const struct args *a, struct users *us, const char *password, char said[SAID])
{
    struct user *u = user_new(a->name);
    int rc = u ? 0 : complain("out of memory");
    if (rc == 0 && password[0])
        rc = password_put(u, password, a->clear == 1);
    if (rc == 0)
        rc = settings_put(a, u);
    if (rc == 0) {
        int32_t code = users_add_take(us, u);
        if (code != 0)
            rc = complain(code == ADIT_EEXIST ? "'%s' is there already; adit user set changes it" :
                          code == ADIT_ENOSPC ? "no room for '%s'" : "out of memory for '%s'", a->name);
    }
    if (rc != 0) {
        user_free(u);
        return rc;
    }
    warn_address(us, u);
    snprintf(said, SAID, "%s: added; %s", u->name, consequence(u));
    return 0;
}

static int change_passwd(const struct args *a, struct users *us, const char *path,
                         const char *password, char said[SAID])
{
    struct user *u = user_named(us, a->name, path);
    if (!u)
        return 1;
    bool clear = a->clear >= 0 ? a->clear == 1 : u->clear != NULL;
    int rc = password_put(u, password, clear);
    if (rc == 0 && a->must_change >= 0)
        u->must_change = a->must_change;
    if (rc == 0)
        snprintf(said, SAID, "%s: the password is changed", u->name);
    return rc;
}

static int change_set(const struct args *a, struct users *us, const char *path, char said[SAID])
{
    struct user *u = user_named(us, a->name, path);
    if (!u)
        return 1;
    if (a->clear == 1 && !u->clear)
        return complain("the clear text cannot be had from a hash; adit user passwd %s --clear keeps it",
                        u->name);
    if (a->clear == 0 && !user_str(&u->clear, NULL))
        return complain("out of memory");
    int rc = settings_put(a, u);
    if (rc != 0)
        return rc;
    warn_address(us, u);
    snprintf(said, SAID, "%s: changed; %s", u->name, consequence(u));
    return 0;
}

static int change_del(const struct args *a, struct users *us, const char *path, char said[SAID])
{
    /* exactly this name: what is removed cannot be had back */
    struct user *u = users_find_exact(us, a->name);
    if (!u) {
        struct user *like = users_find(us, a->name);
        return like ? complain("%s has no account '%s'; did you mean '%s'?", path, a->name, like->name)
                    : complain("%s has no account '%s'; adit user list shows all", path, a->name);
    }
    users_del(us, u);
    snprintf(said, SAID, "%s: removed", a->name);
    return 0;
}

/* Everything that writes: the password first (it may take a while to type),
 * then lock, read, change, save. */
static int verb_change(const struct args *a, const char *path)
{
    bool add = strcmp(a->verb, "add") == 0, passwd = strcmp(a->verb, "passwd") == 0;
    char password[PASSWORD_MAX + 1] = "", said[SAID] = "", err[USERS_ERR];
    int lock, rc;

    if (((add && !a->no_password) || passwd) && !password_read(a, password)) {
        bytes_wipe(password, sizeof password);
        return 1;
    }
    if (users_lock(path, true, &lock, err) != 0) {
        bytes_wipe(password, sizeof password);
        return complain("%s", err);
    }
    struct users *us = file_read(path, add);
    if (!us)
        rc = 1;
    else if (add)
        rc = change_add(a, us, password, said);
    else if (passwd)
        rc = change_passwd(a, us, path, password, said);
    else if (strcmp(a->verb, "set") == 0)
        rc = change_set(a, us, path, said);
    else
        rc = change_del(a, us, path, said);
    bytes_wipe(password, sizeof password);
    if (rc == 0 && users_save(path, us, err) != 0)
        rc = complain("nothing was changed: %s", err);
    if (rc == 0 && a->json)
        rc = json_print_take(json_pack("{s:s, s:s}", "name", a->name, "text", said));
    else if (rc == 0)
        puts(said);
    users_free(us);
    users_unlock(lock);
    return rc;
}

int user_cmd(int argc, char **argv)
{
    static const struct {
        const char *verb;
        bool named;
        int (*fn)(const struct args *a, const char *path);
    } verbs[] = {
        { "list", false, verb_list },  { "show", true, verb_show },   { "add", true, verb_change },
        { "passwd", true, verb_change }, { "set", true, verb_change }, { "del", true, verb_change },
    };
    struct args a;
    char path[4096];
    const char *why;
    int rc = args_parse(argc, argv, &a);
    if (rc != 0)
        return rc < 0 ? 0 : rc;
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(a.verb, verbs[i].verb) != 0)
            continue;
        if (verbs[i].named != (a.name != NULL))
            return misuse();
        if (a.name && !user_name_ok(a.name, &why))
            return complain("%s", why);
        if (a.no_password && strcmp(a.verb, "add") != 0)
            return complain("--no-password is for adit user add");
        if (a.no_password && (a.password_stdin || a.clear == 1))
            return complain("--no-password goes with neither --password-stdin nor --clear");
        rc = file_find(&a, path, sizeof path);
        return rc != 0 ? rc : verbs[i].fn(&a, path);
    }
    complain("no command '%s'", a.verb);
    return misuse();
}

/* ---- adit setup ------------------------------------------------------------------------------------- */

int setup_users(const char *file, const char *const *users, uint32_t count, bool clear)
{
    char err[USERS_ERR], name[USERS_NAME_MAX + 1];
    struct users *us = users_new();
    in_setup = true;
    int lock = -1, rc = us ? 0 : complain("out of memory");

    for (uint32_t i = 0; rc == 0 && i < count; i++) {
        const char *colon = strchr(users[i], ':'), *password = colon ? colon + 1 : "", *why;
        size_t len = colon ? (size_t)(colon - users[i]) : 0;
        struct user *u;
        if (!colon || len >= sizeof name || !password[0]) {
            rc = complain("--user: NAME:PASSWORD is needed");
            break;
        }
        memcpy(name, users[i], len);
        name[len] = '\0';
        if (!user_name_ok(name, &why))
            rc = complain("--user: %s", why);
        else if (!user_text_ok(password) || strlen(password) > PASSWORD_MAX)
            rc = complain("--user: the password of '%s' must be UTF-8 without control characters, at most "
                          "%d bytes", name, PASSWORD_MAX);
        else if (!(u = user_new(name)))
            rc = complain("out of memory");
        else if ((rc = password_put(u, password, clear)) != 0) {
            user_free(u);
        } else {
            u->dialin = ADIT_DIALIN_ALLOW;
            if (users_add_take(us, u) != 0) {
                rc = complain("--user: '%s' is given twice", name);
                user_free(u);
            }
        }
    }
    if (rc == 0 && users_lock(file, true, &lock, err) != 0)
        rc = complain("%s", err);
    if (rc == 0 && users_save(file, us, err) != 0)
        rc = complain("%s", err);
    users_unlock(lock);
    users_free(us);
    return rc;
}
