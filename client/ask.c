/* ask.c - the control socket, from the asking side. */
#include "adit.h"
#include <adit/cause.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static FILE *open_socket(bool quiet)
{
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    const char *path = adit_options.socket;
    if (strlen(path) >= sizeof sa.sun_path) {
        if (!quiet)
            complain("the socket path %s is too long", path);
        return NULL;
    }
    strcpy(sa.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof sa)) {
        int e = errno;
        error_code("ADIT_ENOENT");
        if (quiet)
            ;
        else if (e == EACCES)
            complain("%s: permission denied; run adit as root, or set daemon.control-access", path);
        else if (e == ENOENT || e == ECONNREFUSED)
            complain("%s: no daemon answers there (%s); start it: systemctl start adit, or aditd; "
                     "--socket or $ADIT_SOCKET chooses another one", path,
                     adit_cause_code(ADIT_CAUSE_NOT_RUNNING));
        else
            complain("%s: %s", path, strerror(e));
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    return fdopen(fd, "r+");
}

static bool send_take(FILE *f, const char *verb, json_t *args)
{
    json_t *o = json_pack("{s:s, s:o}", "verb", verb, "args", args ? args : json_object());
    bool ok = o && json_dumpf(o, f, JSON_COMPACT) == 0 && fputc('\n', f) != EOF && !fflush(f);
    json_decref(o);
    return ok;
}

static json_t *read_line(FILE *f)
{
    char *line = NULL;
    size_t cap = 0;
    json_t *o = getline(&line, &cap, f) > 0 ? json_loads(line, 0, NULL) : NULL;
    free(line);
    return o;
}

/* The result, or NULL after the error was printed. */
static json_t *result_take(json_t *o)
{
    json_t *result = NULL;
    if (!o)
        complain("the daemon closed the connection");
    else if (json_is_true(json_object_get(o, "ok")))
        result = json_incref(json_object_get(o, "result"));
    else {
        const json_t *error = json_object_get(o, "error");
        error_code(json_string_value(json_object_get(error, "code")));
        complain("%s", json_string_value(json_object_get(error, "text")));
    }
    json_decref(o);
    return result;
}

json_t *ask_take(const char *verb, json_t *args)
{
    FILE *f = open_socket(false);
    if (!f) {
        json_decref(args);
        return NULL;
    }
    json_t *result = NULL;
    if (send_take(f, verb, args)) {
        fseek(f, 0, SEEK_CUR);
        result = result_take(read_line(f));
    } else {
        complain("the daemon closed the connection");
    }
    fclose(f);
    return result;
}

int ask_follow_take(const char *verb, json_t *args, bool (*line)(json_t *o))
{
    FILE *f = open_socket(false);
    if (!f) {
        json_decref(args);
        return 1;
    }
    json_t *o;
    if (send_take(f, verb, args)) {
        fseek(f, 0, SEEK_CUR);
        while ((o = read_line(f))) {
            bool more = line(o);
            json_decref(o);
            if (!more)
                break;
        }
    }
    fclose(f);
    return 0;
}

/* Whoever asks without a word does not wait for a daemon that hangs. */
#define QUIET_S 1

json_t *ask_quiet(const char *verb, char *why, size_t size)
{
    const struct timeval limit = { QUIET_S, 0 };
    json_t *o = NULL;
    FILE *f = open_socket(true);
    if (!f) {
        if (size)
            snprintf(why, size, errno == EACCES ? "%.150s: permission denied" : "no daemon answers on %.150s",
                     adit_options.socket);
        errno = ENOENT;
        return NULL;
    }
    setsockopt(fileno(f), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fileno(f), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (send_take(f, verb, NULL)) {
        fseek(f, 0, SEEK_CUR);
        o = read_line(f);
    }
    fclose(f);
    json_t *result = json_is_true(json_object_get(o, "ok")) ? json_incref(json_object_get(o, "result")) : NULL;
    if (!result && size)
        snprintf(why, size, "the daemon on %.150s does not answer within %u s", adit_options.socket, QUIET_S);
    bool heard = o != NULL;
    json_decref(o);
    errno = heard ? EPROTO : ETIMEDOUT;
    return result;
}

char *ask_config(void)
{
    json_t *o = ask_quiet("status", NULL, 0);
    const char *name = json_string_value(json_object_get(o, "config"));
    char *config = name ? strdup(name) : NULL;
    json_decref(o);
    return config;
}
