/* dp_undo.c - the journal of what was changed on the host.
 *
 * Knows:  sysctls, proxy entries, routes on others' interfaces and a table of nftables
 *         that outlive the process, their old values, and how to put them back, now or
 *         after a crash.
 * Leaves: what goes away with the interface by itself (its address, its routes,
 *         its own sysctls): the kernel undoes those when the process dies.
 *
 * The file has a line for each change, written before the change:
 *     owner BOOT-ID NETNS
 *     sysctl PATH OLD NEW
 *     proxy IFINDEX ADDRESS
 *     gone IFINDEX ADDRESS        (a proxy entry that was taken back)
 *     way NETWORK IFINDEX VIA     (a route; VIA "-": on the link)
 *     unway NETWORK IFINDEX VIA
 *     table NAME                  (of nftables, ours)
 *     untable NAME
 * The changes live in the kernel's memory and end with the boot; so does the
 * value of the journal. It names the boot and the network namespace and is
 * thrown away in another. That is why it reaches the page cache and not the
 * disk: a process that dies loses nothing of it, a host that dies has nothing
 * left to undo. A lock tells a crashed owner from one that lives.
 */
#include "datapath/dp_int.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/addr.h"
#include "log/log.h"

ADIT_EVENT(ev_recovered, "datapath.host.recovered", ADIT_LOG_NOTICE,
    "Settings of the host that a predecessor changed and did not put back were put back.",
    "changes");

#define VALUE 64u

struct change {
    struct adit_node node;      /* in the order of the changes */
    struct adit_entry proxy;    /* of a proxy entry, by interface and address */
    char table[DP_NFT_TABLE];   /* of nftables; "": none of these */
    struct dp_way way;          /* index 0: no route */
    char path[128];             /* of a sysctl; all of them empty: a proxy entry */
    char old[VALUE], new[VALUE];
    int index;
    struct adit_addr addr;
};

static struct adit_node changes = { &changes, &changes };
static struct adit_table proxies;
static int journal = -1;
static char journal_path[PATH_MAX];
static uint32_t lines, live;

/* ---- small files -------------------------------------------------------------------- */

static int read_word(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t n = read(fd, out, size - 1);
    close(fd);
    if (n < 0)
        return -1;
    out[n] = '\0';
    out[strcspn(out, "\n")] = '\0';
    for (char *c = out; *c; c++)        /* "1\t2" is one value */
        if (*c == '\t' || *c == ' ')
            *c = ',';
    return 0;
}

static int write_word(const char *path, const char *value)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    size_t len = strlen(value);
    ssize_t n = write(fd, value, len);
    int err = errno;
    close(fd);
    errno = err;
    return n == (ssize_t)len ? 0 : -1;
}

static void sysctl_path(const char *name, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "/proc/sys/%s", name);
}

/* ---- the journal ---------------------------------------------------------------------- */

static void owner_line(char out[160])
{
    char boot[VALUE] = "?";
    struct stat st = { 0 };
    (void)read_word("/proc/sys/kernel/random/boot_id", boot, sizeof boot);
    (void)stat("/proc/self/ns/net", &st);
    snprintf(out, 160, "owner %s %llu\n", boot, (unsigned long long)st.st_ino);
}

static int append(const char *line)
{
    size_t len = strlen(line);
    if (journal >= 0 && write(journal, line, len) == (ssize_t)len) {
        lines++;
        return 0;
    }
    return log_fail("datapath", ADIT_EIO, "%s: the journal of changes to the host cannot be written: %s",
                    journal >= 0 ? journal_path : "undo", journal >= 0 ? strerror(errno) : "not open");
}

static int append_change(const struct change *c, bool gone)
{
    char line[512], text[ADDR_TEXT], via[ADDR_TEXT];
    if (c->table[0])
        snprintf(line, sizeof line, "%s %s\n", gone ? "untable" : "table", c->table);
    else if (c->way.index)
        snprintf(line, sizeof line, "%s %s %d %s\n", gone ? "unway" : "way", addr_text(&c->way.net, text),
                 c->way.index, c->way.via.family ? addr_text_host(&c->way.via, via) : "-");
    else if (c->path[0])
        snprintf(line, sizeof line, "sysctl %s %s %s\n", c->path, c->old, c->new);
    else
        snprintf(line, sizeof line, "%s %d %s\n", gone ? "gone" : "proxy", c->index,
                 addr_text_host(&c->addr, text));
    return append(line);
}

/* Logins come and go; the file holds what is changed now and not its history. The
 * new one takes the old one's place when it is whole, and is locked by then. */
static void compact(void)
{
    char line[160], fresh[PATH_MAX + 4];
    if (lines < 1000 || lines < live * 4)
        return;
    snprintf(fresh, sizeof fresh, "%s.new", journal_path);
    int old = journal, rc = 0;
    uint32_t old_lines = lines;
    journal = open(fresh, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    lines = 0;
    owner_line(line);
    if (journal < 0 || flock(journal, LOCK_EX | LOCK_NB) || append(line))
        rc = -1;
    ADIT_LIST_EACH(n, &changes)
        if (!rc)
            rc = append_change(ADIT_OF(n, struct change, node), false);
    if (!rc && rename(fresh, journal_path) == 0) {
        close(old);
        return;
    }
    if (journal >= 0) {
        close(journal);
        (void)unlink(fresh);
    }
    journal = old;              /* it only grows; another thousand lines, another try */
    lines = old_lines;
}

static void undo(const struct change *c)
{
    char path[PATH_MAX], now[VALUE];
    if (c->table[0]) {
        (void)dp_nft_drop(c->table);
        return;
    }
    if (c->way.index) {
        (void)dp_host_way(&c->way, false);
        return;
    }
    if (!c->path[0]) {
        (void)dp_host_proxy(c->index, &c->addr, false);
        return;
    }
    sysctl_path(c->path, path);
    /* somebody else changed it since: it is theirs */
    if (read_word(path, now, sizeof now) == 0 && strcmp(now, c->new) == 0)
        (void)write_word(path, c->old);
}

static void forget(struct change *c)
{
    adit_list_del(&c->node);
    adit_table_del(&proxies, &c->proxy);
    live--;
    free(c);
}

static uint32_t proxy_hash(int index, const struct adit_addr *addr)
{
    struct adit_addr host = *addr;
    host.port = 0;
    return addr_hash(&host, (uint64_t)index);
}

static struct change *remember(const struct change *c)
{
    struct change *k = malloc(sizeof *k);
    if (!k)
        return NULL;
    *k = *c;
    adit_list_add(&changes, &k->node);
    if (!k->path[0] && !k->table[0] && !k->way.index)
        adit_table_add(&proxies, proxy_hash(k->index, &k->addr), &k->proxy);
    live++;
    return k;
}

static struct change *find_proxy(int index, const struct adit_addr *addr)
{
    uint32_t hash = proxy_hash(index, addr);
    for (struct adit_entry *n = adit_table_first(&proxies, hash); n; n = adit_table_next(&proxies, n)) {
        struct change *c = ADIT_OF(n, struct change, proxy);
        if (c->index == index && adit_same_host(&c->addr, addr))
            return c;
    }
    return NULL;
}

static struct change *find_table(const char *table)
{
    ADIT_LIST_EACH(n, &changes) {
        struct change *c = ADIT_OF(n, struct change, node);
        if (c->table[0] && strcmp(c->table, table) == 0)
            return c;
    }
    return NULL;
}

static struct change *find_way(const struct dp_way *w)
{
    ADIT_LIST_EACH(n, &changes) {
        struct change *c = ADIT_OF(n, struct change, node);
        if (c->way.index == w->index && c->way.index && adit_same_host(&c->way.net, &w->net) &&
            c->way.net.prefix == w->net.prefix)
            return c;
    }
    return NULL;
}

/* "192.0.2.1/32 3 198.51.100.1" */
static bool way_parse(const char *net, const char *index, const char *via, struct dp_way *w)
{
    w->index = (int)strtol(index, NULL, 10);
    return w->index > 0 && addr_parse(net, &w->net) == 0 && !w->net.port && !w->net.zone &&
           (strcmp(via, "-") == 0 || (addr_parse(via, &w->via) == 0 && w->via.family == w->net.family));
}

/* One of ours, and nothing that nft would read as more than a name. */
static bool safe_table(const char *t)
{
    return strncmp(t, "aditd-", 6) == 0 && strlen(t) < DP_NFT_TABLE &&
           t[strspn(t, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")] == '\0';
}

static bool safe_path(const char *p)
{
    return strncmp(p, "net/", 4) == 0 && !strstr(p, "..");
}

/* The changes that a journal still holds; false: it is another boot's or
 * another namespace's. */
static bool load(FILE *f)
{
    char line[512], mine[160], kind[16], a[128], b[VALUE], c[VALUE];
    bool ours = false;
    owner_line(mine);
    while (fgets(line, sizeof line, f)) {
        struct change ch = { .index = 0 };
        if (strcmp(line, mine) == 0) {
            ours = true;
            continue;
        }
        if (!ours)
            return false;
        int n = sscanf(line, "%15s %127s %63s %63s", kind, a, b, c);
        if (n == 4 && strcmp(kind, "sysctl") == 0 && safe_path(a)) {
            memcpy(ch.path, a, sizeof a);
            memcpy(ch.old, b, sizeof b);
            memcpy(ch.new, c, sizeof c);
            (void)remember(&ch);
        } else if (n == 4 && way_parse(a, b, c, &ch.way)) {
            struct change *old = find_way(&ch.way);
            if (strcmp(kind, "way") == 0 && !old)
                (void)remember(&ch);
            else if (strcmp(kind, "unway") == 0 && old)
                forget(old);
        } else if (n == 2 && safe_table(a)) {
            struct change *old = find_table(a);
            memcpy(ch.table, a, strlen(a) + 1);
            if (strcmp(kind, "table") == 0 && !old)
                (void)remember(&ch);
            else if (strcmp(kind, "untable") == 0 && old)
                forget(old);
        } else if (n == 3 && addr_parse(b, &ch.addr) == 0) {
            ch.index = (int)strtol(a, NULL, 10);
            struct change *old = find_proxy(ch.index, &ch.addr);
            if (strcmp(kind, "proxy") == 0 && !old)
                (void)remember(&ch);
            else if (strcmp(kind, "gone") == 0 && old)
                forget(old);
        }
    }
    return ours;
}

static uint32_t undo_all(void)
{
    uint32_t n = 0;
    while (!adit_list_empty(&changes)) {
        struct change *c = ADIT_OF(changes.prev, struct change, node);
        undo(c);
        forget(c);
        n++;
    }
    adit_table_fini(&proxies);
    return n;
}

static void path_of(const char *state_dir)
{
    snprintf(journal_path, sizeof journal_path, "%s/undo", state_dir);
}

void dp_recover(const char *state_dir)
{
    if (!state_dir || journal >= 0)
        return;
    path_of(state_dir);
    FILE *f = fopen(journal_path, "re");
    if (!f)
        return;
    if (flock(fileno(f), LOCK_EX | LOCK_NB) == 0) {     /* else its owner lives */
        bool ours = load(f);
        bool host = dp_host_open() == 0;
        uint32_t n = undo_all();
        if (host)
            dp_host_close();
        if (n && ours)
            LOG_EVENT("datapath", &ev_recovered, ADIT_KV_U("changes", n));
        (void)unlink(journal_path);
    }
    fclose(f);
}

int dp_undo_open(const char *state_dir)
{
    char line[160];
    if (!state_dir)
        return 0;               /* changes are refused then, see append() */
    if (mkdir(state_dir, 0700) && errno != EEXIST)
        return log_fail("datapath", ADIT_EIO, "%s: %s", state_dir, strerror(errno));
    path_of(state_dir);
    journal = open(journal_path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (journal < 0)
        return log_fail("datapath", ADIT_EIO, "%s: %s", journal_path, strerror(errno));
    if (flock(journal, LOCK_EX | LOCK_NB)) {
        close(journal);
        journal = -1;
        return log_fail("datapath", ADIT_EBUSY, "%s: another daemon uses this state directory",
                        journal_path);
    }
    lines = 0;
    owner_line(line);
    if (ftruncate(journal, 0))
        return log_fail("datapath", ADIT_EIO, "%s: %s", journal_path, strerror(errno));
    return append(line);
}

void dp_undo_close(void)
{
    (void)undo_all();
    dp_nft_forget();
    dp_pins_forget();
    if (journal < 0)
        return;
    (void)unlink(journal_path);
    close(journal);
    journal = -1;
}

/* ---- changes ---------------------------------------------------------------------------- */

int dp_sysctl_once(const char *name, const char *value)
{
    char path[PATH_MAX];
    sysctl_path(name, path);
    return write_word(path, value) ? ADIT_EIO : 0;
}

int dp_sysctl(const char *name, const char *value)
{
    char path[PATH_MAX];
    struct change c = { .index = 0 };
    sysctl_path(name, path);
    if (read_word(path, c.old, sizeof c.old))
        return errno == ENOENT ? ADIT_ENOENT : log_fail("datapath", ADIT_EIO, "%s: %s", path, strerror(errno));
    if (strcmp(c.old, value) == 0)
        return 0;
    snprintf(c.path, sizeof c.path, "%s", name);
    snprintf(c.new, sizeof c.new, "%s", value);
    int rc = append_change(&c, false);
    if (rc)
        return rc;
    if (write_word(path, value))
        return log_fail("datapath", ADIT_EDENIED, "%s: it is %s and cannot be set to %s: %s", path, c.old,
                        value, strerror(errno));
    if (!remember(&c))
        return ADIT_ENOMEM;
    return 0;
}

int dp_undo_table(const char *table, bool add)
{
    struct change c = { .index = 0 }, *old = find_table(table);
    snprintf(c.table, sizeof c.table, "%s", table);
    if (add == (old != NULL))
        return 0;
    int rc = append_change(&c, !add);
    if (!add)
        forget(old);
    else if (!rc && !remember(&c))
        rc = ADIT_ENOMEM;
    return rc;
}

int dp_undo_proxy(int index, const struct adit_addr *addr, bool add)
{
    struct change c = { .index = index, .addr = *addr }, *old = find_proxy(index, addr);
    if (!add) {
        if (!old)
            return 0;
        int rc = dp_host_proxy(index, addr, false);
        forget(old);
        (void)append_change(&c, true);
        compact();
        return rc;
    }
    if (old)
        return 0;
    int rc = append_change(&c, false);
    if (rc)
        return rc;
    rc = dp_host_proxy(index, addr, true);
    if (rc == 0 && !remember(&c))
        rc = ADIT_ENOMEM;
    return rc;
}

int dp_undo_way(const struct dp_way *w, bool add)
{
    struct change c = { .way = *w }, *old = find_way(w);
    int rc;
    if (!add) {
        if (!old)
            return 0;
        rc = dp_host_way(w, false);
        forget(old);
        (void)append_change(&c, true);
        compact();
        return rc;
    }
    if (old)
        return ADIT_EEXIST;
    rc = append_change(&c, false);
    if (!rc && (rc = dp_host_way(w, true)) != 0)
        (void)append_change(&c, true);
    if (!rc && !remember(&c))
        rc = ADIT_ENOMEM;
    return rc;
}
