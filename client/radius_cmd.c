/* radius_cmd.c - `adit radius`: the servers, and one authentication to try them.
 *
 * Knows:  which columns, where a password may come from.
 * Leaves: the socket to ask, the printing to show.
 */
#include "adit.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <adit/bytes.h>
#include "user_cmd.h"

#define PASSWORD_MAX 128        /* what a RADIUS packet carries */

static const char usage[] =
    "usage: adit radius                       the servers, and how they are\n"
    "       adit radius counters              what was asked and answered\n"
    "       adit radius accounting            records that wait, and what became of others\n"
    "       adit radius test USER [options]   ask whether a password is the user's\n"
    "\n"
    "  --password-file FILE  its first line is the password; else it is asked for, or\n"
    "                        read from standard input where that is no terminal\n"
    "  --method M            pap, chap or mschapv2 (the default)\n"
    "  --server NAME         ask this server only, even if it is dead\n"
    "  --instance NAME       of several authenticators of type radius, this one\n";

#define NONE_CONFIGURED "no RADIUS server is configured (section auth, type radius)"

/* The instances of both kinds; NULL after a sentence. */
static json_t *instances(void)
{
    json_t *list = ask_take("instances", NULL), *mine = json_array(), *o;
    size_t i;
    json_array_foreach (list, i, o)
        if (!strcmp(json_string_value(json_object_get(o, "type")), "radius"))
            json_array_append(mine, o);
    if (list && !json_array_size(mine))
        complain(NONE_CONFIGURED);
    json_decref(list);
    if (json_array_size(mine))
        return mine;
    json_decref(mine);
    return NULL;
}

/* Every server of every instance, with that one's name. */
static json_t *servers_take(json_t *list)
{
    json_t *all = json_array(), *o, *row;
    size_t i, n;
    json_array_foreach (list, i, o)
        json_array_foreach (json_object_get(json_object_get(o, "status"), "servers"), n, row) {
            json_object_set(row, "instance", json_object_get(o, "name"));
            json_array_append(all, row);
        }
    json_decref(list);
    return all;
}

static int show_servers(void)
{
    static const struct column cols[] = {
        { "SERVER", "name", SHOW_TEXT },     { "ADDRESS", "address", SHOW_TEXT },
        { "BY", "transport", SHOW_TEXT },    { "FOR", "for", SHOW_TEXT },
        { "STATE", "state", SHOW_TEXT },     { "SINCE", "age_ms", SHOW_MS },
        { "RTT MS", "rtt_ms", SHOW_NUMBER }, { "WAITING", "in_flight", SHOW_NUMBER },
        { "ANSWERS", "answers", SHOW_NUMBER }, { "UNANSWERED", "unanswered", SHOW_NUMBER },
        { "WHY", "why", SHOW_TEXT },         { NULL, NULL, SHOW_TEXT },
    };
    json_t *list = instances();
    return list ? table_take(servers_take(list), cols, "No server.") : 1;
}

static int show_counters(void)
{
    static const struct column cols[] = {
        { "SERVER", "name", SHOW_TEXT },       { "FOR", "for", SHOW_TEXT },
        { "REQUESTS", "requests", SHOW_NUMBER }, { "AGAIN", "retransmissions", SHOW_NUMBER },
        { "ANSWERS", "answers", SHOW_NUMBER }, { "UNANSWERED", "unanswered", SHOW_NUMBER },
        { "FAILOVERS", "failovers", SHOW_NUMBER }, { "LATE", "late_answers", SHOW_NUMBER },
        { "TWICE", "duplicate_answers", SHOW_NUMBER }, { "FORGED", "bad_authenticators", SHOW_NUMBER },
        { "UNSIGNED", "unsigned_answers", SHOW_NUMBER }, { "STRAY", "stray_datagrams", SHOW_NUMBER },
        { "PROBES", "probes", SHOW_NUMBER },   { NULL, NULL, SHOW_TEXT },
    };
    json_t *list = instances();
    return list ? table_take(servers_take(list), cols, "No server.") : 1;
}

/* Accountants: what waits for a server. */
static int show_accounting(void)
{
    static const struct column cols[] = {
        { "INSTANCE", "instance", SHOW_TEXT }, { "SERVERS", "state", SHOW_TEXT },
        { "WAITING", "waiting", SHOW_NUMBER }, { "OLDEST", "oldest_ms", SHOW_MS },
        { "IN FLIGHT", "in_flight", SHOW_NUMBER }, { "SENT", "sent", SHOW_NUMBER },
        { "DROPPED", "dropped", SHOW_NUMBER }, { "GIVEN UP", "given_up", SHOW_NUMBER },
        { "BYTES", "spool_bytes", SHOW_NUMBER }, { "SPOOL", "spool", SHOW_TEXT },
        { NULL, NULL, SHOW_TEXT },
    };
    json_t *list = instances(), *rows = json_array(), *o;
    size_t i;
    json_array_foreach (list, i, o) {
        json_t *row = json_object_get(json_object_get(o, "status"), "records");
        if (!row)
            continue;
        json_object_set(row, "instance", json_object_get(o, "name"));
        json_array_append(rows, row);
    }
    if (!list) {
        json_decref(rows);
        return 1;
    }
    json_decref(list);
    return table_take(rows, cols, "No accounting: add an entry of type radius to the section accounting.");
}

/* ---- test ------------------------------------------------------------------------------- */

/* The first line of a file. */
static bool password_line(int fd, const char *what, char *out, size_t size)
{
    size_t n = 0;
    char c = 0;
    ssize_t got;
    while ((got = read(fd, &c, 1)) != 0 && c != '\n') {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 || n + 1 >= size || !c) {
            complain(got < 0 ? "%s: it cannot be read" : "%s: the password is longer than 128 bytes, or no text",
                     what);
            return false;
        }
        out[n++] = c;
    }
    if (n && out[n - 1] == '\r')
        n--;
    out[n] = '\0';
    return true;
}

static bool password_read(const char *file, const char *user, char *out, size_t size)
{
    char prompt[300];
    int fd = file ? open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY) :
             isatty(STDIN_FILENO) ? open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY) : STDIN_FILENO;
    if (fd < 0) {
        complain("%s: %s", file ? file : "/dev/tty", strerror(errno));
        return false;
    }
    bool ok;
    if (!file && fd != STDIN_FILENO) {
        snprintf(prompt, sizeof prompt, "Password of %.200s: ", user);
        ok = user_secret_read(fd, prompt, out, size);
    } else {
        ok = password_line(fd, file ? file : "standard input", out, size);
    }
    if (fd != STDIN_FILENO)
        close(fd);
    return ok;
}

/* Of the authenticators the one that is meant; NULL after a sentence. */
static const char *instance_of(json_t *list, const char *want)
{
    const char *name = NULL;
    size_t i;
    json_t *o;
    json_array_foreach (list, i, o) {
        const char *one = json_string_value(json_object_get(o, "name"));
        if (strcmp(json_string_value(json_object_get(o, "kind")), "auth") || (want && strcmp(one, want)))
            continue;
        if (name) {
            complain("there are several authenticators of type radius: name one with --instance");
            return NULL;
        }
        name = one;
    }
    if (!name && want)
        complain("no authenticator of type radius is called '%s'", want);
    else if (!name)
        complain(NONE_CONFIGURED);
    return name;
}

static int verdict_take(json_t *o)
{
    static const struct column rows[] = {
        { "Server", "server", SHOW_TEXT },   { "Milliseconds", "took_ms", SHOW_NUMBER },
        { "Tries", "tries", SHOW_NUMBER },   { "Message", "message", SHOW_TEXT },
        { "Server's proof", "proof", SHOW_YES }, { "MPPE keys", "keys", SHOW_YES },
        { NULL, NULL, SHOW_TEXT },
    };
    static const struct column cols[] = {
        { "ATTRIBUTE", "name", SHOW_TEXT }, { "VALUE", "value", SHOW_TEXT }, { NULL, NULL, SHOW_TEXT },
    };
    bool login = json_is_true(json_object_get(o, "login"));
    bool proof = !json_is_false(json_object_get(o, "proof"));
    if (adit_options.json) {
        json_take(o);
        return !login || !proof;
    }
    char *user = show_clean(json_string_value(json_object_get(o, "user")));
    const char *answer = json_string_value(json_object_get(o, "answer"));
    printf("%s: %s%s\n", user ? user : "", answer, login || strcmp(answer, "accepted") ? "" :
           ", but a login would fail");
    if (!proof)
        puts("The server's proof (MS-CHAP2-Success) is wrong: it does not know this password, and clients "
             "will hang up.");
    free(user);
    json_t *attributes = json_incref(json_object_get(o, "attributes"));
    lines_take(o, rows);
    putchar('\n');
    table_take(attributes, cols, "The answer has no attributes.");
    return !login || !proof;
}

static int test(int argc, char **argv)
{
    static const struct option options[] = {
        { "password-file", required_argument, NULL, 'f' }, { "method", required_argument, NULL, 'm' },
        { "server", required_argument, NULL, 's' }, { "instance", required_argument, NULL, 'i' }, { 0 },
    };
    const char *file = NULL, *method = NULL, *server = NULL, *want = NULL;
    char password[PASSWORD_MAX + 1];
    int c;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
        switch (c) {
        case 'f': file = optarg; break;
        case 'm': method = optarg; break;
        case 's': server = optarg; break;
        case 'i': want = optarg; break;
        default:  return misuse(usage);
        }
    if (optind + 1 != argc)
        return misuse(usage);
    const char *user = argv[optind];
    json_t *list = instances();
    const char *name = list ? instance_of(list, want) : NULL;
    int rc = 1;
    if (name && password_read(file, user, password, sizeof password)) {
        json_t *with = json_pack("{s:s, s:s}", "user", user, "password", password);
        if (method && with)
            json_object_set_new(with, "method", json_string(method));
        if (server && with)
            json_object_set_new(with, "server", json_string(server));
        json_t *o = with ? ask_take("plugin.call", json_pack("{s:s, s:s, s:s, s:o}", "kind", "auth", "name", name,
                                                             "call", "test", "with", with)) : NULL;
        if (!with)
            complain("user and password must be UTF-8");
        rc = o ? verdict_take(o) : 1;
    }
    bytes_wipe(password, sizeof password);
    json_decref(list);
    return rc;
}

int cmd_radius(int argc, char **argv)
{
    if (argc == 1)
        return show_servers();
    if (argc == 2 && !strcmp(argv[1], "counters"))
        return show_counters();
    if (argc == 2 && !strcmp(argv[1], "accounting"))
        return show_accounting();
    if (argc >= 2 && !strcmp(argv[1], "test"))
        return test(argc - 1, argv + 1);
    return misuse(usage);
}
