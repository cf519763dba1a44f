/* doctor_child.c - another program's word, and what nft says of the packet filter.
 *
 * Knows:  how a child is started, read and given up; whether there are rules at all.
 * Leaves: the meaning to doctor_wall.
 */
#include "diagnose/doctor_child.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "diagnose/doctor.h"

#define MOST (16u << 20)        /* bytes of a ruleset */
#define NFT_MS 3000

static int left_ms(const struct timespec *end)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t ms = (end->tv_sec - now.tv_sec) * 1000 + (end->tv_nsec - now.tv_nsec) / 1000000;
    return ms > 0 ? (int)ms : 0;
}

/* Until the child closes its end; false: it took too long, or says too much. */
static bool read_all(int fd, const struct timespec *end, char **text)
{
    size_t n = 0, room = 0;
    char *out = NULL;
    for (int left; (left = left_ms(end)) > 0 && n < MOST;) {
        struct pollfd p = { fd, POLLIN, 0 };
        if (n + 1 >= room) {
            char *more = realloc(out, room = room ? room * 2 : 4096);
            if (!more)
                break;
            out = more;
        }
        if (poll(&p, 1, left) <= 0)
            continue;
        ssize_t got = read(fd, out + n, room - n - 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            out[n] = '\0';
            *text = out;
            return true;
        }
        n += (size_t)got;
    }
    free(out);
    return false;
}

static int spawn(const char *const *paths, const char *const *argv, int out, pid_t *pid)
{
    char *const env[] = {(char *)(uintptr_t) "PATH=/usr/sbin:/sbin:/usr/bin:/bin", (char *)(uintptr_t) "LC_ALL=C",
                         NULL};
    posix_spawn_file_actions_t fa;
    int rc = posix_spawn_file_actions_init(&fa);
    if (rc)
        return rc;
    posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&fa, out, 1);
    posix_spawn_file_actions_adddup2(&fa, out, 2);
    rc = ENOENT;
    for (size_t i = 0; paths[i] && rc == ENOENT; i++)
        rc = posix_spawn(pid, paths[i], &fa, NULL, (char *const *)(uintptr_t)argv, env);
    posix_spawn_file_actions_destroy(&fa);
    return rc;
}

int doctor_child(const char *const *paths, const char *const *argv, int wait_ms, char **text)
{
    int fd[2], status = 0;
    struct timespec end;
    pid_t pid;
    *text = NULL;
    if (pipe2(fd, O_CLOEXEC))
        return -1;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += wait_ms / 1000;
    end.tv_nsec += wait_ms % 1000 * 1000000L;
    if (end.tv_nsec >= 1000000000L) {
        end.tv_sec++;
        end.tv_nsec -= 1000000000L;
    }
    int rc = spawn(paths, argv, fd[1], &pid);
    close(fd[1]);
    if (rc) {
        close(fd[0]);
        errno = rc;
        return -1;
    }
    bool ended = read_all(fd[0], &end, text);
    close(fd[0]);
    if (!ended)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (!ended && !(*text = strdup("")))
        return -1;
    return ended && WIFEXITED(status) ? WEXITSTATUS(status) : -2;
}

static int count_table(const struct nlmsghdr *h, void *u)
{
    int *n = u;
    (void)h;
    ++*n;
    return MNL_CB_OK;
}

/* The tables of nftables, as the kernel counts them: iptables makes such ones too, where
 * nft itself is not installed. -1: it does not tell. */
static int new_tables(void)
{
    char buf[8192];
    int n = 0, rc = 1;
    struct mnl_socket *nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
    if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0) {
        if (nl)
            mnl_socket_close(nl);
        return -1;
    }
    struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
    h->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE;
    h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    h->nlmsg_seq = 1;
    struct nfgenmsg *g = mnl_nlmsg_put_extra_header(h, sizeof *g);
    g->nfgen_family = NFPROTO_UNSPEC;
    ssize_t got = mnl_socket_sendto(nl, h, h->nlmsg_len);
    while (got >= 0 && rc > 0 && (got = mnl_socket_recvfrom(nl, buf, sizeof buf)) >= 0)
        rc = mnl_cb_run(buf, (size_t)got, 1, mnl_socket_get_portid(nl), count_table, &n);
    mnl_socket_close(nl);
    return got < 0 || rc < 0 ? -1 : n;
}

/* Tables of the old iptables, which nft does not show. */
static bool old_tables(void)
{
    char line[64];
    FILE *f = fopen("/proc/net/ip_tables_names", "re");
    bool any = false;
    while (f && fgets(line, sizeof line, f))
        any |= !strncmp(line, "filter", 6) || !strncmp(line, "raw", 3);
    if (f)
        fclose(f);
    return any;
}

void doctor_look_wall(struct doctor_seen *s)
{
    static const char *const paths[] = { "/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft", "/usr/local/sbin/nft", NULL };
    static const char *const argv[] = { "nft", "-j", "list", "ruleset", NULL };
    char *text;
    int rc = doctor_child(paths, argv, NFT_MS, &text), why = errno;
    s->wall_why[0] = '\0';
    s->old_tables = old_tables();
    if (rc == -1 && !s->old_tables && new_tables() == 0)
        return;                 /* there are no rules that nft could tell */
    if (rc == -1)
        snprintf(s->wall_why, sizeof s->wall_why, "nft cannot be run: %s",
                 why == ENOENT ? "it is not installed" : strerror(why));
    else if (rc)
        snprintf(s->wall_why, sizeof s->wall_why, "nft -j list ruleset: %.400s",
                 rc == -2 ? "it did not end" : *text ? text : "it failed");
    for (uint32_t i = 0; !rc && i < s->packet_count; i++)
        if (!doctor_wall_judge(text, &s->packets[i]))
            snprintf(s->wall_why, sizeof s->wall_why, "nft does not speak JSON here: %.300s", text);
    s->wall_why[strcspn(s->wall_why, "\n")] = '\0';
    free(text);
}
