/* doctor_host.c - the host beside its network: capabilities, TUN, kernel settings, clock.
 *
 * Knows:  /proc, /dev/net/tun, adjtimex.
 * Leaves: interfaces to doctor_net, sockets to doctor_ports.
 */
#include "diagnose/doctor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

/* A number in a file of /proc; -1: none. */
static int number_in(const char *fmt, const char *name)
{
    char path[128], text[32];
    snprintf(path, sizeof path, fmt, name);
    FILE *f = fopen(path, "re");
    int n = f && fgets(text, sizeof text, f) ? atoi(text) : -1;
    if (f)
        fclose(f);
    return n;
}

/* Of the daemon what it has; of us what a daemon that we start would get. */
static void look_caps(struct doctor_seen *s)
{
    char path[64], line[256];
    unsigned long long eff = 0, bound = 0;
    bool got = false;
    snprintf(path, sizeof path, "/proc/%d/status", s->serving ? s->pid : (int)getpid());
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f)) {
        got |= sscanf(line, "CapEff: %llx", &eff) == 1;
        (void)sscanf(line, "CapBnd: %llx", &bound);
    }
    if (f)
        fclose(f);
    s->caps_known = got;
    s->caps = s->serving ? eff : s->root ? eff & bound : bound;
}

static void look_tun(struct doctor_seen *s)
{
    unsigned int features;
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    s->tun_errno = fd < 0 ? errno : ioctl(fd, TUNGETFEATURES, &features) ? errno : 0;
    if (fd >= 0)
        close(fd);
}

/* ---- the clock ------------------------------------------------------------------------ */

static void newer(struct doctor_seen *s, const char *path)
{
    struct stat st;
    if (!stat(path, &st) && st.st_mtime > s->newest_s) {
        s->newest_s = st.st_mtime;
        snprintf(s->newest, sizeof s->newest, "%s", path);
    }
}

static void newer_in(struct doctor_seen *s, const char *dir)
{
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        char path[PATH_MAX];
        if (e->d_name[0] != '.' && (size_t)snprintf(path, sizeof path, "%s/%s", dir, e->d_name) < sizeof path)
            newer(s, path);
    }
    if (d)
        closedir(d);
}

/* Without asking anybody: a clock that is before the youngest file of ours was set back,
 * or lost its battery. */
static void look_clock(struct doctor_seen *s)
{
    struct timex t = { 0 };
    int state = adjtimex(&t);
    char dir[PATH_MAX];
    s->now_s = time(NULL);
    s->synchronised = state < 0 ? -1 : state != TIME_ERROR && !(t.status & STA_UNSYNC);
    newer(s, s->config);
    newer(s, "/proc/self/exe");
    snprintf(dir, sizeof dir, "%s", s->config);
    if (strrchr(dir, '/') && (size_t)(strrchr(dir, '/') - dir) + 8 < sizeof dir) {
        strcpy(strrchr(dir, '/'), "/conf.d");
        newer_in(s, dir);
    }
    if (*s->state_dir)
        newer_in(s, s->state_dir);
}

void doctor_look_host(struct doctor_seen *s)
{
    s->root = geteuid() == 0;
    look_caps(s);
    look_tun(s);
    s->ip_forward = number_in("/proc/sys/net/ipv4/%s", "ip_forward");
    s->ip6_forward = number_in("/proc/sys/net/ipv6/conf/%s/forwarding", "all");
    s->rp_all = number_in("/proc/sys/net/ipv4/conf/%s/rp_filter", "all");
    for (uint32_t i = 0; i < s->link_count; i++) {
        s->links[i].rp_filter = number_in("/proc/sys/net/ipv4/conf/%s/rp_filter", s->links[i].name);
        s->links[i].forwarding = number_in("/proc/sys/net/ipv4/conf/%s/forwarding", s->links[i].name);
    }
    look_clock(s);
}
