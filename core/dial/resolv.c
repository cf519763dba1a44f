/* resolv.c - the host's DNS servers, while connections are up that have their own.
 *
 * Knows:  systemd-resolved, resolvconf and the file, which of them a host has, how each
 *         is put back.
 * Leaves: which servers to apply.
 */
#include "dial/resolv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <adit/list.h>
#include "base/addr.h"
#include "dial/book.h"
#include "log/log.h"
#include "loop/loop.h"

ADIT_EVENT(ev_set, "dial.dns.set", ADIT_LOG_INFO, "The host asks DNS servers through a connection.",
           "interface by servers");
ADIT_EVENT(ev_back, "dial.dns.restored", ADIT_LOG_INFO, "The host's own DNS servers were put back.", "by file");
ADIT_EVENT(ev_theirs, "dial.dns.theirs", ADIT_LOG_NOTICE,
           "Somebody else wrote resolv.conf while a connection was up: it stays as it is.", "file");

#define MARK   "# Written by aditd while connections are up; what it was is put back.\n"
#define KEPT   "resolv.conf"    /* in the state directory */
#define RECORD "resolvconf."    /* ... an empty file for each record that was made */
#define MAX_FILE 65536u

struct resolv {
    struct adit_node node;      /* in all, the newest first */
    struct resolv_servers s;
    char iface[32], record[48], search[512];
    const char *words[16];
    uint32_t by;
    void (*done)(void *u);
    void *u;
    char *argv[4 + RESOLV_SERVERS + 17];
    uint32_t step;
    bool gone, running;         /* a child is owed to it */
    char text[RESOLV_SERVERS][ADDR_TEXT], domains[17][256];
};

static struct resolv_conf conf;
static char file[PATH_MAX], state_dir[PATH_MAX];
static struct adit_node all = { &all, &all };
static bool replaced, closing;
static char before[MAX_FILE];      /* what the file said before it was replaced */

static const char *const names[] = { "auto", "resolved", "resolvconf", "file", "none" };

/* ---- files ------------------------------------------------------------------------ */

/* Returns bytes, negative: errno. */
static ssize_t slurp(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t n = read(fd, out, size - 1);
    close(fd);
    out[n > 0 ? n : 0] = '\0';
    return n;
}

static int put_fd(int fd, const char *text, size_t len)
{
    int rc = fd >= 0 && write(fd, text, len) == (ssize_t)len && fsync(fd) == 0 ? 0 : -1;
    int err = errno;
    if (fd >= 0)
        close(fd);
    errno = err;
    return rc;
}

/* As a whole where its folder can be written; a file that is mounted, as in a
 * container, in place. */
static int replace(const char *path, const char *text, size_t len, bool link, mode_t mode)
{
    char fresh[PATH_MAX + 8], target[PATH_MAX];
    snprintf(fresh, sizeof fresh, "%s.aditd", path);
    (void)unlink(fresh);
    int rc;
    if (link) {
        snprintf(target, sizeof target, "%.*s", (int)len, text);
        rc = symlink(target, fresh);
    } else {
        int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
        if (fd >= 0)
            (void)fchmod(fd, mode);     /* whatever the umask */
        rc = put_fd(fd, text, len);
    }
    if (!rc && rename(fresh, path) == 0)
        return 0;
    (void)unlink(fresh);
    return link ? -1 : put_fd(open(path, O_WRONLY | O_TRUNC | O_CLOEXEC), text, len);
}

static void kept_path(char out[PATH_MAX], const char *name)
{
    snprintf(out, PATH_MAX, "%.3000s/%.200s", state_dir, name);
}

/* ---- the file ----------------------------------------------------------------------- */

static void add(char *out, size_t size, size_t *at, const char *fmt, ...) ADIT_PRINTF(4, 5);
static void add(char *out, size_t size, size_t *at, const char *fmt, ...)
{
    va_list ap;
    if (*at >= size)
        return;
    va_start(ap, fmt);
    *at += (size_t)vsnprintf(out + *at, size - *at, fmt, ap);
    va_end(ap);
}

/* Lines of a kind of what the file was. */
static void lines(const char *was, const char *kind, char *out, size_t size, size_t *at)
{
    size_t k = strlen(kind);
    for (const char *p = was; *p;) {
        size_t n = strcspn(p, "\n");
        if (strncmp(p, kind, k) == 0 && (p[k] == ' ' || p[k] == '\t'))
            add(out, size, at, "%.*s\n", (int)n, p);
        p += n + (p[n] == '\n');
    }
}

/* What the file becomes; 0: it does not fit. */
static size_t text_of(const struct resolv_servers *const *s, uint32_t n, const char *was, char *out, size_t size)
{
    char text[ADDR_TEXT];
    bool only = false, search = false;
    size_t at = 0;
    add(out, size, &at, "%s", MARK);
    for (uint32_t i = 0; i < n; i++) {
        only |= s[i]->all;
        for (uint32_t k = 0; k < s[i]->search.count; k++, search = true)
            add(out, size, &at, "%s%s", search ? " " : "search ", book_word(&s[i]->search, k));
    }
    if (search)
        add(out, size, &at, "\n");
    else {
        lines(was, "search", out, size, &at);
        lines(was, "domain", out, size, &at);
    }
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < s[i]->count; k++)
            add(out, size, &at, "nameserver %s\n", addr_text_host(&s[i]->server[k], text));
    if (!only)                  /* the others know what ours do not */
        lines(was, "nameserver", out, size, &at);
    lines(was, "options", out, size, &at);
    return at < size ? at : 0;
}

static void restore(void)
{
    char path[PATH_MAX], now[256];
    static char whole[MAX_FILE + 8];
    kept_path(path, KEPT);
    ssize_t n = slurp(path, whole, sizeof whole);
    replaced = false;
    if (n < 5)
        return;
    if (slurp(file, now, sizeof now) < 0 || strncmp(now, MARK, strlen(MARK)) != 0)
        LOG_EVENT("dial", &ev_theirs, ADIT_KV_S("file", file));
    else if (replace(file, whole + 5, (size_t)n - 5, strncmp(whole, "link ", 5) == 0, 0644)) {
        log_fail("dial", ADIT_EIO, "%s cannot be put back: %s; it is in %s", file, strerror(errno), path);
        return;                 /* what is kept there is all that is left of it */
    } else
        LOG_EVENT("dial", &ev_back, ADIT_KV_S("by", "file"), ADIT_KV_S("file", file));
    (void)unlink(path);
}

/* What the file is, kept on disk before it is changed. */
static int32_t keep(void)
{
    char path[PATH_MAX], target[PATH_MAX];
    static char whole[MAX_FILE + 8];
    struct stat st;
    int len;
    kept_path(path, KEPT);
    before[0] = '\0';
    if (slurp(file, before, sizeof before) == (ssize_t)sizeof before - 1)
        return log_fail("dial", ADIT_ENOSPC, "%s is longer than %u bytes: it stays as it is", file, MAX_FILE);
    if (strncmp(before, MARK, strlen(MARK)) == 0 && access(path, F_OK) == 0) {
        replaced = true;        /* it could not be put back: what it was is kept already */
        return 0;
    }
    if (lstat(file, &st) == 0 && S_ISLNK(st.st_mode)) {
        ssize_t n = readlink(file, target, sizeof target - 1);
        len = snprintf(whole, sizeof whole, "link %.*s", (int)(n > 0 ? n : 0), target);
    } else {
        len = snprintf(whole, sizeof whole, "file %s", before);
    }
    if (put_fd(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), whole, (size_t)len))
        return log_fail("dial", ADIT_EIO, "%s: %s", path, strerror(errno));
    return 0;
}

/* The file as the connections that are up want it. */
static int32_t rewrite(void)
{
    const struct resolv_servers *list[64];
    static char text[MAX_FILE];
    char path[PATH_MAX];
    uint32_t n = 0;
    ADIT_LIST_EACH(x, &all) {
        const struct resolv *r = ADIT_OF(x, struct resolv, node);
        if (r->by == RESOLV_FILE && n < 64)
            list[n++] = &r->s;
    }
    if (!n) {
        if (replaced)
            restore();
        return 0;
    }
    if (!*state_dir)
        return log_fail("dial", ADIT_ECONF, "%s cannot be changed: without daemon.state-dir nothing could be put "
                        "back", file);
    int32_t rc = replaced ? 0 : keep();
    if (rc)
        return rc;
    size_t len = text_of(list, n, before, text, sizeof text);
    if (len && replace(file, text, len, false, 0644) == 0) {
        replaced = true;
        return 0;
    }
    rc = log_fail("dial", ADIT_EIO, "%s cannot be written: %s", file, strerror(errno));
    kept_path(path, KEPT);
    if (!replaced)
        (void)unlink(path);
    return rc;
}

/* ---- resolvectl, resolvconf ---------------------------------------------------------------- */

static void record(const char *of, bool made)
{
    char name[300], path[PATH_MAX];
    if (!*state_dir)
        return;
    snprintf(name, sizeof name, RECORD "%s", of);
    kept_path(path, name);
    if (!made)
        (void)unlink(path);
    else
        (void)put_fd(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600), "", 0);
}

static void nothing(void *u, int status, const char *out)
{
    (void)u;
    (void)status;
    (void)out;
}

static void finished(struct resolv *r)
{
    char list[RESOLV_SERVERS * ADDR_TEXT] = "", text[ADDR_TEXT];
    size_t at = 0;
    for (uint32_t i = 0; i < r->s.count; i++)
        add(list, sizeof list, &at, "%s%s", i ? " " : "", addr_text_host(&r->s.server[i], text));
    LOG_EVENT("dial", &ev_set, ADIT_KV_S("interface", r->iface), ADIT_KV_S("by", names[r->by]), ADIT_KV_S("servers", list));
    r->done(r->u);
}

static void step(struct resolv *r);
static void take_back(const struct resolv *r);

static void stepped(void *u, int status, const char *out)
{
    struct resolv *r = u;
    r->running = false;
    if (r->gone) {              /* what it set while it was being taken back */
        take_back(r);
        free(r);
        return;
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        log_fail("dial", ADIT_EIO, "%s %s: %.200s", r->argv[0], r->argv[1], out && *out ? out : "it failed");
    step(r);
}

static char *word(const char *s) { return (char *)(uintptr_t)s; }

static uint32_t domains(struct resolv *r, uint32_t n)
{
    for (uint32_t i = 0; i < r->s.search.count && i < 16; i++) {
        snprintf(r->domains[i], sizeof r->domains[i], "%s", book_word(&r->s.search, i));
        r->argv[n++] = r->domains[i];
    }
    if (r->s.all)               /* every name */
        r->argv[n++] = word("~.");
    if (n == 3)                 /* none: takes old ones away */
        r->argv[n++] = word("");
    return n;
}

static void step(struct resolv *r)
{
    char in[1024] = "";
    size_t at = 0;
    uint32_t n = 3;
    bool last = false;
    r->argv[0] = word("resolvectl");
    r->argv[2] = r->iface;
    if (r->by == RESOLV_RESOLVCONF) {
        last = r->step > 0;
        r->argv[0] = word("resolvconf");
        r->argv[1] = word("-a");
        r->argv[2] = r->record;
        for (uint32_t i = 0; i < r->s.search.count; i++)
            add(in, sizeof in, &at, "%s%s", i ? " " : "search ", book_word(&r->s.search, i));
        add(in, sizeof in, &at, "%s", at ? "\n" : "");
        for (uint32_t i = 0; i < r->s.count; i++)
            add(in, sizeof in, &at, "nameserver %s\n", r->text[i]);
        if (at >= sizeof in)
            at = 0;
    } else if (r->step == 0) {
        r->argv[1] = word("dns");
        for (uint32_t i = 0; i < r->s.count; i++)
            r->argv[n++] = r->text[i];
    } else if (r->step == 1) {
        r->argv[1] = word("domain");
        n = domains(r, n);
    } else if (r->step == 2) {
        r->argv[1] = word("default-route");
        r->argv[n++] = word(r->s.all ? "yes" : "no");
    } else {
        last = true;
    }
    r->argv[n] = NULL;
    r->step++;
    r->running = !last && loop_child((const char *const *)(void *)r->argv, at ? in : NULL, at, stepped, r) == 0;
    if (!last && !r->running)
        log_fail("dial", ADIT_ENOENT, "%s cannot be run: DNS servers of the connection are not asked", r->argv[0]);
    if (!r->running)
        finished(r);
}

/* Whether it can be counted on to be done: when the daemon ends, it is waited for. */
static bool put_back(const char *const argv[])
{
    pid_t pid;
    int status = 0;
    if (!closing)
        return loop_child(argv, NULL, 0, nothing, NULL) == 0;
    if (posix_spawnp(&pid, argv[0], NULL, NULL, (char *const *)(uintptr_t)argv, environ))
        return false;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status);
}

static void resolvconf_back(const char *name)
{
    const char *const argv[] = { "resolvconf", "-d", name, NULL };
    if (put_back(argv))
        record(name, false);
}

/* ---- which ---------------------------------------------------------------------------------- */

static bool runs(const char *name)
{
    static const char *const dirs[] = { "/usr/sbin", "/sbin", "/usr/bin", "/bin" };
    char path[64];
    for (size_t i = 0; i < sizeof dirs / sizeof dirs[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", dirs[i], name);
        if (access(path, X_OK) == 0)
            return true;
    }
    return false;
}

static uint32_t which(void)
{
    char real[PATH_MAX];
    if (conf.how != RESOLV_AUTO)
        return conf.how;
    if (realpath(file, real) && strncmp(real, "/run/systemd/resolve/", 21) == 0 && runs("resolvectl"))
        return RESOLV_RESOLVED;
    return runs("resolvconf") ? RESOLV_RESOLVCONF : RESOLV_FILE;
}

int32_t resolv_open(const struct resolv_conf *c)
{
    conf = *c;
    snprintf(file, sizeof file, "%s", c->file);
    snprintf(state_dir, sizeof state_dir, "%s", c->state_dir ? c->state_dir : "");
    replaced = false;
    closing = false;
    if (!*state_dir)
        return 0;
    restore();
    DIR *d = opendir(state_dir);
    for (const struct dirent *e; d && (e = readdir(d));)
        if (strncmp(e->d_name, RECORD, strlen(RECORD)) == 0)
            resolvconf_back(e->d_name + strlen(RECORD));
    if (d)
        closedir(d);
    return 0;
}

void resolv_close(void)
{
    closing = true;
    ADIT_LIST_EACH(n, &all)
        resolv_unset(ADIT_OF(n, struct resolv, node));
}

static void copy(struct resolv *r, const struct resolv_servers *s)
{
    size_t at = 0;
    r->s = *s;
    snprintf(r->iface, sizeof r->iface, "%s", s->iface);
    snprintf(r->record, sizeof r->record, "%s.aditd", r->iface);
    r->s.iface = r->iface;
    r->s.search = (struct adit_array){ r->words, 0, sizeof r->words[0] };
    for (uint32_t i = 0; i < s->search.count && i < 16; i++) {
        size_t n = strlen(book_word(&s->search, i)) + 1;
        if (at + n > sizeof r->search)
            break;
        r->words[r->s.search.count++] = memcpy(r->search + at, book_word(&s->search, i), n);
        at += n;
    }
    for (uint32_t i = 0; i < s->count; i++)
        addr_text_host(&s->server[i], r->text[i]);
}

int32_t resolv_set(const struct resolv_servers *s, struct resolv **out, void (*done)(void *u), void *u)
{
    struct resolv *r = calloc(1, sizeof *r);
    *out = r;
    if (!r)
        return ADIT_ENOMEM;
    copy(r, s);
    r->by = which();
    r->done = done;
    r->u = u;
    r->node.next = all.next;    /* the newest is asked first */
    r->node.prev = &all;
    all.next->prev = &r->node;
    all.next = &r->node;
    if (r->by == RESOLV_FILE) {
        (void)rewrite();        /* the connection is up, whatever comes of it */
        finished(r);
    } else if (r->by == RESOLV_NONE) {
        done(u);
    } else {
        if (r->by == RESOLV_RESOLVCONF)
            record(r->record, true);
        step(r);
    }
    return 0;
}

static void take_back(const struct resolv *r)
{
    ADIT_LIST_EACH(n, &all)     /* an interface that stays has others meanwhile */
        if (r->by != RESOLV_FILE && !strcmp(ADIT_OF(n, struct resolv, node)->iface, r->iface))
            return;
    if (r->by == RESOLV_RESOLVED) {
        const char *const argv[] = { "resolvectl", "revert", r->iface, NULL };
        (void)put_back(argv);
    } else if (r->by == RESOLV_RESOLVCONF) {
        resolvconf_back(r->record);
    } else if (r->by == RESOLV_FILE) {
        (void)rewrite();
    }
}

void resolv_unset(struct resolv *r)
{
    if (!r)
        return;
    r->gone = true;
    adit_list_del(&r->node);
    if (!r->running || closing)         /* else stepped() does */
        take_back(r);
    if (!r->running)
        free(r);
}
