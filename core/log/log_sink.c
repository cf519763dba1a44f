/* log_sink.c - one record to where it goes.
 *
 * Knows:  the line for people, syslog's datagram (RFC 3164), journald's fields
 *         (systemd.io/JOURNAL_NATIVE_PROTOCOL).
 * Leaves: what is worth a record to log.c.
 *
 * No sink ever blocks the loop on another daemon: what a full socket does not
 * take is counted and lost. libc's syslog() would wait.
 */
#include "log/log_int.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define IDENT "aditd"
#define SYSLOG_DAEMON (3 << 3)
#define LINE_MAX_BYTES 2048

static enum log_target target = LOG_TO_STDERR;
static int sink_fd = -1;                /* STDERR: unused */
static char sink_path[PATH_MAX];
static uint64_t lost;

static const char *const level_names[] = { "-", "error", "warn", "notice", "info", "debug" };
static const int priorities[] = { 3, 3, 4, 5, 6, 7 };      /* syslog's severities */

static uint32_t level_of(const struct log_record *r)
{
    return r->level <= ADIT_LOG_DEBUG ? r->level : ADIT_LOG_DEBUG;
}

uint64_t log_lost(void)
{
    return lost;
}

/* ---- opening ----------------------------------------------------------------------------- */

static int open_socket(const char *path)
{
    struct sockaddr_un sun = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof sun.sun_path)
        return -1;
    memcpy(sun.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&sun, sizeof sun) < 0) {
        int e = errno;
        close(fd);
        errno = e;
        return -1;
    }
    return fd;
}

static int open_file(const char *path)
{
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
}

/* The old sink stays when the new one does not open: the failure itself must
 * be heard somewhere. */
int log_open(enum log_target to, const char *file)
{
    int fd = -1;
    const char *path = file;
    if (to == LOG_TO_SYSLOG && !path)
        path = "/dev/log";
    if (to == LOG_TO_JOURNAL && !path)
        path = "/run/systemd/journal/socket";
    if (to != LOG_TO_STDERR) {
        if (!path || strlen(path) >= sizeof sink_path)
            return log_fail("log", ADIT_EINVAL, "the log needs the name of its file");
        fd = to == LOG_TO_FILE ? open_file(path) : open_socket(path);
        if (fd < 0)
            return log_fail("log", errno == EACCES ? ADIT_EDENIED : ADIT_EIO,
                            "cannot open the log %s: %s", path, strerror(errno));
        memmove(sink_path, path, strlen(path) + 1);
    }
    if (sink_fd >= 0)
        close(sink_fd);
    sink_fd = fd;
    target = to;
    return 0;
}

/* ---- the line for people ---------------------------------------------------------------------- */

/* "source name key=value ..." or "source: sentence" */
static void put_message(struct log_text *t, const struct log_record *r)
{
    log_put(t, r->source, strlen(r->source));
    if (r->sentence) {
        log_put(t, ": ", 2);
        log_escape(t, r->sentence, strlen(r->sentence), SIZE_MAX, false);
        return;
    }
    log_put(t, " ", 1);
    log_put(t, r->name, strlen(r->name));
    log_pairs(t, r->kv, r->n);
}

static void sink_line(const struct log_record *r, int fd)
{
    char line[LINE_MAX_BYTES];
    struct tm tm;
    time_t s = (time_t)(r->wall_ms / 1000);
    localtime_r(&s, &tm);
    char stamp[48];
    size_t n = strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", &tm);
    n += (size_t)snprintf(stamp + n, sizeof stamp - n, ".%03u %-6s ",
                          (unsigned)(r->wall_ms % 1000), level_names[level_of(r)]);
    struct log_text t = log_text_of(line, sizeof line - 1);
    log_put(&t, stamp, n);
    put_message(&t, r);
    n = log_text_end(&t, sizeof line - 1);
    line[n++] = '\n';
    /* one write a line: several processes may share the file */
    if (write(fd, line, n) != (ssize_t)n)
        lost++;
}

/* ---- datagrams ---------------------------------------------------------------------------------- */

/* Sends to the daemon behind the socket; it may have been restarted. */
static void send_record(const void *p, size_t n)
{
    for (int again = 0; again < 2; again++) {
        if (sink_fd >= 0 && send(sink_fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
            return;
        if (sink_fd >= 0 && (errno == EAGAIN || errno == ENOBUFS || errno == EMSGSIZE))
            break;
        if (sink_fd >= 0)
            close(sink_fd);
        sink_fd = open_socket(sink_path);
    }
    lost++;
}

static void sink_syslog(const struct log_record *r)
{
    char line[LINE_MAX_BYTES], head[64], stamp[32];
    struct tm tm;
    time_t s = (time_t)(r->wall_ms / 1000);
    localtime_r(&s, &tm);
    /* RFC 3164 section 4.1.2: English month names whatever the locale */
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    snprintf(stamp, sizeof stamp, "%.3s %2d %02d:%02d:%02d", months + 3 * (tm.tm_mon % 12),
             tm.tm_mday % 32, tm.tm_hour % 24, tm.tm_min % 60, tm.tm_sec % 61);
    int n = snprintf(head, sizeof head, "<%d>%s " IDENT "[%d]: ",
                     SYSLOG_DAEMON | priorities[level_of(r)], stamp, (int)getpid());
    struct log_text t = log_text_of(line, sizeof line);
    log_put(&t, head, (size_t)n);
    put_message(&t, r);
    send_record(line, log_text_end(&t, sizeof line));
}

/* A field whose value has a line break is written with its length instead. */
static void put_field(struct log_text *t, const char *key, const char *value, size_t n)
{
    size_t k = strlen(key);
    size_t need = k + n + 2 + (memchr(value, '\n', n) ? 8 : 0);
    if (need > t->size - t->len) {      /* a field is there whole or not at all */
        t->full = true;
        return;
    }
    log_put(t, key, k);
    if (memchr(value, '\n', n)) {
        char le[8];
        for (unsigned i = 0; i < 8; i++)
            le[i] = (char)((uint64_t)n >> (8 * i));
        log_put(t, "\n", 1);
        log_put(t, le, 8);
    } else {
        log_put(t, "=", 1);
    }
    log_put(t, value, n);
    log_put(t, "\n", 1);
}

static void sink_journal(const struct log_record *r)
{
    char out[16384], text[LINE_MAX_BYTES], key[64];
    struct log_text m = log_text_of(text, sizeof text);
    put_message(&m, r);
    size_t n = log_text_end(&m, sizeof text);

    struct log_text t = { out, sizeof out, 0, false };
    put_field(&t, "MESSAGE", text, n);
    put_field(&t, "PRIORITY", (char[]){ (char)('0' + priorities[level_of(r)]) }, 1);
    put_field(&t, "SYSLOG_IDENTIFIER", IDENT, strlen(IDENT));
    put_field(&t, "ADIT_SOURCE", r->source, strlen(r->source));
    put_field(&t, "ADIT_EVENT", r->name, strlen(r->name));
    for (uint32_t i = 0; i < r->n; i++) {
        const struct adit_value *v = &r->kv[i].value;
        size_t k = (size_t)snprintf(key, sizeof key, "ADIT_KEY_");
        for (const char *c = r->kv[i].key; c && *c && k + 1 < sizeof key; c++)
            key[k++] = isalnum((unsigned char)*c) ? (char)toupper((unsigned char)*c) : '_';
        key[k] = '\0';
        if (v->type == ADIT_TYPE_STR) { /* as it is: journald keeps any bytes */
            put_field(&t, key, v->v.p ? v->v.p : "", v->v.p ? v->len : 0);
            continue;
        }
        struct adit_kv one = { "", *v };
        struct log_text w = log_text_of(text, sizeof text);
        log_pairs(&w, &one, 1);
        n = log_text_end(&w, sizeof text);
        put_field(&t, key, text + 1, n - 1);    /* behind its "=" */
    }
    send_record(out, t.len);
}

void log_sink(const struct log_record *r)
{
    switch (target) {
    case LOG_TO_STDERR:  sink_line(r, STDERR_FILENO); break;
    case LOG_TO_FILE:    sink_line(r, sink_fd); break;
    case LOG_TO_SYSLOG:  sink_syslog(r); break;
    case LOG_TO_JOURNAL: sink_journal(r); break;
    }
}
