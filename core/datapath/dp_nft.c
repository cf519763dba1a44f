/* dp_nft.c - what is asked of the host's nftables, in one table of ours.
 *
 * Knows:  the rules, nft(8) as a child, what it says.
 * Leaves: when they are due; the journal to dp_undo.
 *
 * nft is a child and not a library: the library is under another licence. It is
 * waited for: a few milliseconds when the daemon starts, stops or takes a change,
 * and then it is in force, or is known not to be.
 */
#include "datapath/dp_nft.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "datapath/dp_int.h"
#include "log/log.h"

ADIT_EVENT(ev_closed, "datapath.internet.closed", ADIT_LOG_NOTICE,
    "An interface admits tunnels, what network.admit names, and nothing else; SSH neither, unless it is named.",
    "interface table admitted");
ADIT_EVENT(ev_nat, "datapath.nat.on", ADIT_LOG_INFO,
    "Clients take the host's address on an interface.", "interface table");
ADIT_EVENT(ev_gone, "datapath.nftables.removed", ADIT_LOG_NOTICE,
    "Our table of nftables was removed.", "table");

#define TEXT    8192u
#define WAIT_MS 10000

static char in_force[TEXT];     /* the transaction; "": no table */

/* ---- rules ---------------------------------------------------------------------------- */

struct text {
    char *out;
    size_t size, at;
};

static void put(struct text *t, const char *fmt, ...) ADIT_PRINTF(2, 3);
static void put(struct text *t, const char *fmt, ...)
{
    va_list ap;
    if (t->at >= t->size)
        return;
    va_start(ap, fmt);
    t->at += (size_t)vsnprintf(t->out + t->at, t->size - t->at, fmt, ap);
    va_end(ap);
}

static void admit(struct text *t, const struct dp_admit *a)
{
    switch (a->proto) {
    case 0:
        put(t, "    icmp type echo-request accept\n    icmpv6 type echo-request accept\n");
        break;
    case 6:
    case 17:
        put(t, "    %s dport %u-%u accept\n", a->proto == 6 ? "tcp" : "udp", a->first, a->last);
        break;
    default:
        put(t, "    meta l4proto %u accept\n", a->proto);
    }
}

/* The interface lives on: answers to what the host or a client began, its neighbours
 * and the lease of its own address. */
static void closed(struct text *t, const struct dp_nft *c)
{
    put(t, "  chain input {\n"
           "    type filter hook input priority filter; policy accept;\n"
           "    iifname != \"%s\" accept\n"
           "    ct state established,related accept\n"
           "    tcp dport 1723 accept\n"
           "    meta l4proto { 47, 50 } accept\n"
           "    udp dport { 500, 4500 } accept\n", c->internet);
    if (c->clear_l2tp)          /* inside IPsec it never shows itself to the host */
        put(t, "    udp dport 1701 accept\n");
    put(t, "    icmpv6 type { packet-too-big, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } accept\n"
           "    udp sport 67 udp dport 68 accept\n"
           "    ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept\n");
    for (uint32_t i = 0; i < c->count; i++)
        admit(t, &c->admit[i]);
    put(t, "    counter drop\n  }\n"
           "  chain forward {\n"
           "    type filter hook forward priority filter; policy accept;\n"
           "    iifname != \"%s\" accept\n"
           "    ct state established,related accept\n"
           "    ct status dnat accept\n"
           "    counter drop\n  }\n", c->internet);
}

bool dp_nft_text(const struct dp_nft *c, const char *table, const char *tun, char *out, size_t size)
{
    struct text t = { out, size, 0 };
    /* to name it first makes sure that it is there to be deleted */
    put(&t, "table inet %s\ndelete table inet %s\n", table, table);
    if (c && (c->internet || c->nat)) {
        put(&t, "table inet %s {\n", table);
        if (c->internet)
            closed(&t, c);
        if (c->nat)
            put(&t, "  chain postrouting {\n"
                    "    type nat hook postrouting priority srcnat; policy accept;\n"
                    "    meta nfproto ipv4 iifname \"%s\" oifname \"%s\" masquerade\n  }\n", tun, c->nat);
        put(&t, "}\n");
    }
    return t.at < t.size;
}

/* ---- nft as a child ---------------------------------------------------------------------- */

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* What it says, until it closes its end; false: it took too long. */
static bool read_all(int fd, char *out, size_t size)
{
    uint64_t end = now_ms() + WAIT_MS;
    size_t n = 0;
    for (uint64_t now; (now = now_ms()) < end;) {
        struct pollfd p = { fd, POLLIN, 0 };
        char more[512];
        if (poll(&p, 1, (int)(end - now)) <= 0)
            continue;
        ssize_t got = read(fd, more, sizeof more);
        if (got <= 0) {
            out[n] = '\0';
            return true;
        }
        size_t take = (size_t)got < size - 1 - n ? (size_t)got : size - 1 - n;
        memcpy(out + n, more, take);
        n += take;
    }
    out[n] = '\0';
    return false;
}

static int spawn(int in, int out, pid_t *pid)
{
    static const char *const paths[] = { "/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft", "/usr/local/sbin/nft" };
    char *const argv[] = { (char *)(uintptr_t)"nft", (char *)(uintptr_t)"-f", (char *)(uintptr_t)"-", NULL };
    char *const env[] = { (char *)(uintptr_t)"PATH=/usr/sbin:/sbin:/usr/bin:/bin", NULL };
    posix_spawn_file_actions_t fa;
    int rc = posix_spawn_file_actions_init(&fa);
    if (rc)
        return rc;
    posix_spawn_file_actions_adddup2(&fa, in, 0);
    posix_spawn_file_actions_adddup2(&fa, out, 1);
    posix_spawn_file_actions_adddup2(&fa, out, 2);
    rc = ENOENT;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0] && rc == ENOENT; i++)
        rc = posix_spawn(pid, paths[i], &fa, NULL, argv, env);
    posix_spawn_file_actions_destroy(&fa);
    return rc;
}

static int nft(const char *text)
{
    int give[2], take[2], status = 0;
    char said[512];
    pid_t pid;
    if (pipe2(give, O_CLOEXEC))
        return log_fail("datapath", ADIT_EIO, "nft: %s", strerror(errno));
    if (pipe2(take, O_CLOEXEC)) {
        close(give[0]);
        close(give[1]);
        return log_fail("datapath", ADIT_EIO, "nft: %s", strerror(errno));
    }
    int rc = spawn(give[0], take[1], &pid);
    close(give[0]);
    close(take[1]);
    /* less than a pipe holds: this does not wait */
    bool told = !rc && write(give[1], text, strlen(text)) == (ssize_t)strlen(text);
    close(give[1]);
    bool ended = rc || read_all(take[0], said, sizeof said);
    close(take[0]);
    if (rc)
        return log_fail("datapath", rc == ENOENT ? ADIT_ENOENT : ADIT_EIO, "nft cannot be run: %s; "
                        "network.internet-interface, network.nat and block-ipv6 need the package nftables",
                        strerror(rc));
    if (!ended)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (told && ended && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    said[strcspn(said, "\n")] = '\0';
    return log_fail("datapath", ADIT_EIO, "nft did not take our table: %s", ended ? said : "it did not end");
}

int dp_nft_drop(const char *table)
{
    char text[256];
    return dp_nft_text(NULL, table, "", text, sizeof text) ? nft(text) : ADIT_EINVAL;
}

int dp_nft_own(const char *name, const char *body)
{
    char table[DP_NFT_TABLE], text[2048];
    struct text t = { text, sizeof text, 0 };
    if (snprintf(table, sizeof table, "aditd-%s", name) >= (int)sizeof table)
        return ADIT_EINVAL;
    put(&t, "table inet %s\ndelete table inet %s\n", table, table);
    if (body)
        put(&t, "table inet %s {\n%s}\n", table, body);
    if (t.at >= t.size)
        return ADIT_EINVAL;
    int rc = body ? dp_undo_table(table, true) : 0;
    if (!rc)
        rc = nft(text);
    if (!body || rc)
        (void)dp_undo_table(table, false);
    return rc;
}

/* ---- in force ------------------------------------------------------------------------------ */

/* Named for our interface: every daemon of a host has its own. */
static void table_name(char out[DP_NFT_TABLE])
{
    snprintf(out, DP_NFT_TABLE, "aditd-%s", dp_tun_name());
    for (char *c = out; *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
              strchr("-_.", *c)))
            *c = '_';
}

static void tell(const struct dp_nft *c, const char *table)
{
    char list[256] = "tunnels";
    struct text t = { list, sizeof list, strlen(list) };
    for (uint32_t i = 0; i < c->count; i++) {
        const struct dp_admit *a = &c->admit[i];
        if (!a->proto)
            put(&t, " icmp-echo");
        else if (a->proto == 6 || a->proto == 17)
            put(&t, " %s/%u-%u", a->proto == 6 ? "tcp" : "udp", a->first, a->last);
        else
            put(&t, " protocol/%u", a->proto);
    }
    if (c->internet)
        LOG_EVENT("datapath", &ev_closed, ADIT_KV_S("interface", c->internet), ADIT_KV_S("table", table),
                  ADIT_KV_S("admitted", list));
    if (c->nat)
        LOG_EVENT("datapath", &ev_nat, ADIT_KV_S("interface", c->nat), ADIT_KV_S("table", table));
}

int dp_nft_set(const struct dp_nft *c, bool anew)
{
    static char text[TEXT];
    char table[DP_NFT_TABLE];
    bool any = c->internet || c->nat;
    table_name(table);
    if (!dp_nft_text(c, table, dp_tun_name(), text, sizeof text))
        return log_fail("datapath", ADIT_ECONF, "network.admit is too long");
    if (!any && !*in_force)
        return 0;
    if (any && !anew && strcmp(text, in_force) == 0)
        return 0;
    int rc = any ? dp_undo_table(table, true) : 0;
    if (!rc)
        rc = nft(text);
    if (rc) {
        if (!*in_force)
            (void)dp_undo_table(table, false);
        return rc;
    }
    if (!any)
        (void)dp_undo_table(table, false);
    snprintf(in_force, sizeof in_force, "%s", any ? text : "");
    if (any)
        tell(c, table);
    else
        LOG_EVENT("datapath", &ev_gone, ADIT_KV_S("table", table));
    return 0;
}

void dp_nft_forget(void) { *in_force = '\0'; }
