/* trace_cmd.c - adit trace, adit capture.
 *
 * Knows:  how lines and a capture are asked for, how a line is shown, the file.
 * Leaves: what a message says, and the file's format, to the daemon.
 */
#include "adit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/addr.h"
#include "base/base64.h"

static bool number(const char *text, json_int_t *out)
{
    char *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    *out = v;
    return *text && !*end && !errno && v > 0;
}

/* --user NAME, --address ADDRESS, --session ID, and what else `more` allows (a
 * number each); the count of arguments taken, 0: it is none of them, -1: wrong. */
static int option(char **argv, const char *const *more, json_t *args)
{
    static const char *const words[] = { "--user", "--address", "--session", NULL };
    json_int_t n;
    for (int i = 0; words[i]; i++) {
        if (strcmp(argv[0], words[i]) != 0)
            continue;
        if (!argv[1] || !*argv[1])
            return -1;
        json_object_set_new(args, words[i] + 2, json_string(argv[1]));
        return 2;
    }
    for (int i = 0; more[i]; i++) {
        if (strcmp(argv[0], more[i]) != 0)
            continue;
        if (!argv[1] || !number(argv[1], &n))
            return -1;
        json_object_set_new(args, more[i] + 2, json_integer(n));
        return 2;
    }
    return 0;
}

/* The daemon's refusal of a verb that follows; true: it was one. */
static bool refused(json_t *o)
{
    const json_t *error = json_object_get(o, "error");
    if (!error)
        return false;
    error_code(json_string_value(json_object_get(error, "code")));
    complain("%s", json_string_value(json_object_get(error, "text")));
    return true;
}

/* ---- trace ---------------------------------------------------------------------------- */

static bool failed, ended;

static bool print_line(json_t *o)
{
    if (refused(o)) {
        failed = true;
        return false;
    }
    const json_t *lost = json_object_get(o, "lost");
    bool done = json_is_true(json_object_get(o, "done"));
    if (adit_options.json) {
        json_dumpf(o, stdout, JSON_COMPACT);
        putchar('\n');
    } else if (json_object_get(o, "begun")) {
        fprintf(stderr, "tracing; interrupt to end\n");
    } else if (lost) {
        if (json_integer_value(lost))
            fprintf(stderr, "adit: %lld lines were lost: this end reads too slowly\n",
                    (long long)json_integer_value(lost));
    } else {
        const char *direction = json_string_value(json_object_get(o, "direction"));
        const char *time = json_string_value(json_object_get(o, "when"));
        const char *user = json_string_value(json_object_get(o, "user"));
        char *who = show_clean(user && *user ? user : json_string_value(json_object_get(o, "peer")));
        char *text = show_clean(json_string_value(json_object_get(o, "text")));
        printf("%.12s %s %s %s %s\n", time && strlen(time) > 11 ? time + 11 : "", who ? who : "",
               direction && *direction == 'r' ? "<-" : direction && *direction == 's' ? "->" : "  ",
               json_string_value(json_object_get(o, "protocol")), text ? text : "");
        free(text);
        free(who);
    }
    ended = done;
    if (fflush(stdout) != 0)
        failed = complain("%s", strerror(errno));
    return !failed && !done;
}

static int kept(const char *id)
{
    json_t *list = ask_take("trace.kept", json_pack("{s:s}", "id", id)), *o;
    size_t i;
    if (!list || adit_options.json)
        return json_take(list);
    json_array_foreach (list, i, o) {
        const char *time = json_string_value(json_object_get(o, "when"));
        char *text = show_clean(json_string_value(json_object_get(o, "text")));
        printf("%.12s %s\n", time && strlen(time) > 11 ? time + 11 : "", text ? text : "");
        free(text);
    }
    json_decref(list);
    return 0;
}

int cmd_trace(int argc, char **argv)
{
    static const char usage[] = "usage: adit trace USER|ADDRESS [--seconds N]\n"
                                "       adit trace --user NAME | --address ADDRESS | --session ID "
                                "| --all [--seconds N]\n"
                                "       adit trace --kept SESSION|ADDRESS\n";
    static const char *const more[] = { "--seconds", NULL };
    if (argc == 3 && !strcmp(argv[1], "--kept"))
        return kept(argv[2]);
    json_t *args = json_object();
    bool meant = false, bad = false;
    for (int i = 1; i < argc && !bad;) {
        struct adit_addr a;
        int n = option(argv + i, more, args);
        bool who = n == 2 && strcmp(argv[i], "--seconds") != 0;
        bad = n < 0;
        if (n == 0 && !strcmp(argv[i], "--all")) {
            who = true;
            n = 1;
        } else if (n == 0) {
            bad = argv[i][0] == '-' || meant;
            json_object_set_new(args, addr_parse(argv[i], &a) ? "user" : "address",
                                json_string(argv[i]));
            who = true;
            n = 1;
        }
        meant = meant || who;
        i += n > 0 ? n : 1;
    }
    if (bad || !meant) {
        json_decref(args);
        return misuse(usage);
    }
    failed = ended = false;
    if (ask_follow_take("trace.follow", args, print_line) || failed)
        return 1;
    return ended ? 0 : complain("the daemon ended before the trace did");
}

/* ---- capture ----------------------------------------------------------------------------- */

static struct {
    const char *name;
    int fd;
    json_int_t packets, lost;
    bool said, ended;
} file;

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signum)
{
    (void)signum;
    interrupted = 1;
}

static bool write_all(const uint8_t *p, size_t len)
{
    while (len) {
        ssize_t n = write(file.fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        p += n;
        len -= (size_t)n;
    }
    return true;
}

static bool take_piece(json_t *o)
{
    static uint8_t piece[1 << 17];
    if (refused(o)) {
        failed = true;
        return false;
    }
    const char *data = json_string_value(json_object_get(o, "data"));
    file.packets = json_integer_value(json_object_get(o, "packets"));
    file.lost = json_integer_value(json_object_get(o, "lost"));
    if (data) {
        long n = base64_read(data, piece, sizeof piece);
        if (n < 0 || !write_all(piece, (size_t)n)) {
            complain("%s: %s", file.name, n < 0 ? "the daemon sent nonsense" : strerror(errno));
            failed = true;
            return false;
        }
        if (!file.said && !adit_options.json)
            fprintf(stderr, "capturing into %s; interrupt to end\n", file.name);
        file.said = true;
    }
    file.ended = json_is_true(json_object_get(o, "done"));
    return !file.ended && !interrupted;
}

/* FILE, or "-" for a pipe into Wireshark. What users send and receive is in it: it
 * is for nobody else's eyes. */
static bool file_open(void)
{
    if (!strcmp(file.name, "-")) {
        file.fd = STDOUT_FILENO;
        return true;
    }
    file.fd = open(file.name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file.fd >= 0 && !fchmod(file.fd, 0600))
        return true;
    int e = errno;
    if (file.fd >= 0)
        close(file.fd);
    complain("%s: %s", file.name, strerror(e));
    return false;
}

int cmd_capture(int argc, char **argv)
{
    static const char usage[] = "usage: adit capture FILE [--user NAME | --address ADDRESS | --session ID]\n"
                                "                    [--seconds N] [--packets N]\n";
    static const char *const more[] = { "--seconds", "--packets", NULL };
    json_t *args = json_object();
    bool bad = false;
    memset(&file, 0, sizeof file);
    for (int i = 1; i < argc && !bad;) {
        int n = option(argv + i, more, args);
        bad = n < 0 || (n == 0 && ((argv[i][0] == '-' && argv[i][1]) || file.name));
        if (n == 0)
            file.name = argv[i];
        i += n > 0 ? n : 1;
    }
    if (bad || !file.name) {
        json_decref(args);
        return misuse(usage);
    }
    if (!file_open()) {
        json_decref(args);
        return 1;
    }
    /* the file ends with a whole piece: the read is interrupted, never a write */
    struct sigaction sa = { .sa_handler = on_interrupt };
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    failed = false;
    int rc = ask_follow_take("capture.follow", args, take_piece);
    if (close(file.fd) && !failed) {
        complain("%s: %s", file.name, strerror(errno));
        failed = true;
    }
    if (rc || failed)
        return 1;
    if (!file.ended && !interrupted)
        return complain("the daemon ended before the capture did; %lld frames are in %s",
                        (long long)file.packets, file.name);
    if (!strcmp(file.name, "-"))
        return 0;               /* the capture itself is what stdout is for */
    if (adit_options.json)
        return json_take(json_pack("{s:s, s:I, s:I}", "file", file.name, "packets", file.packets,
                                   "lost", file.lost));
    printf("%lld frames are in %s\n", (long long)file.packets, file.name);
    if (file.lost)
        printf("%lld more came faster than they could be taken, and are not\n", (long long)file.lost);
    return 0;
}
