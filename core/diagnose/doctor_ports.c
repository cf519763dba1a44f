/* doctor_ports.c - who has the ports that are to be listened on, and who else serves VPNs.
 *
 * Knows:  /proc/net/udp and its like, which process has a socket.
 * Leaves: what is wrong with that to the checks.
 */
#include "diagnose/doctor.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TCP_LISTENS 0x0au

struct socket_row {
    struct adit_addr addr;      /* with the port; of raw sockets the protocol */
    unsigned state;
    unsigned long long inode;
};

/* "0100007F:0050" and its like of IPv6: words in the host's byte order. */
static bool addr_of(const char *hex, struct adit_addr *out)
{
    const char *colon = strchr(hex, ':');
    size_t n = colon ? (size_t)(colon - hex) : 0;
    *out = (struct adit_addr){ 0 };
    if (n != 8 && n != 32)
        return false;
    out->family = n == 8 ? ADIT_AF_IPV4 : ADIT_AF_IPV6;
    out->prefix = n == 8 ? 32 : 128;
    for (size_t i = 0; i < n / 8; i++) {
        char word[9];
        snprintf(word, sizeof word, "%.8s", hex + 8 * i);
        uint32_t v = (uint32_t)strtoul(word, NULL, 16);
        memcpy(out->ip + 4 * i, &v, 4);
    }
    out->port = (uint16_t)strtoul(colon + 1, NULL, 16);
    return true;
}

static void each_row(const char *file, void (*fn)(struct doctor_seen *s, const struct socket_row *r, void *u),
                     struct doctor_seen *s, void *u)
{
    char path[32], line[512], local[64];
    struct socket_row r;
    snprintf(path, sizeof path, "/proc/net/%s", file);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, " %*d: %63s %*s %x %*s %*s %*s %*s %*s %llu", local, &r.state, &r.inode) == 3 &&
            addr_of(local, &r.addr))
            fn(s, &r, u);
    if (f)
        fclose(f);
}

static bool is_any(const struct adit_addr *a)
{
    static const uint8_t zero[16];
    return !a->family || !memcmp(a->ip, zero, sizeof zero);
}

/* Both cannot be bound. An IPv6 socket of every address takes IPv4 too, as a rule. */
static bool clashes(const struct adit_addr *want, const struct adit_addr *has)
{
    if (want->port != has->port)
        return false;
    if (is_any(want) || is_any(has))
        return !want->family || want->family == has->family || (has->family == ADIT_AF_IPV6 && is_any(has));
    return adit_same_host(want, has);
}

struct holder { unsigned long long inode; int pid; char name[DOCTOR_NAME]; };

/* The process that has the socket, of those that we may look at. */
static void holder_of(struct holder *h)
{
    char want[48], path[300], link[64];
    snprintf(want, sizeof want, "socket:[%llu]", h->inode);
    DIR *proc = opendir("/proc");
    for (struct dirent *e; proc && !h->pid && (e = readdir(proc));) {
        if (e->d_name[0] < '1' || e->d_name[0] > '9')
            continue;
        snprintf(path, sizeof path, "/proc/%.20s/fd", e->d_name);
        DIR *fds = opendir(path);
        for (struct dirent *fd; fds && !h->pid && (fd = readdir(fds));) {
            snprintf(path, sizeof path, "/proc/%.20s/fd/%.20s", e->d_name, fd->d_name);
            ssize_t n = readlink(path, link, sizeof link - 1);
            if (n > 0 && (link[n] = '\0', !strcmp(link, want)))
                h->pid = atoi(e->d_name);
        }
        if (fds)
            closedir(fds);
    }
    if (proc)
        closedir(proc);
    snprintf(path, sizeof path, "/proc/%d/comm", h->pid);
    FILE *f = h->pid ? fopen(path, "re") : NULL;
    if (!f || !fgets(h->name, sizeof h->name, f))
        snprintf(h->name, sizeof h->name, "another process");
    h->name[strcspn(h->name, "\n")] = '\0';
    if (f)
        fclose(f);
}

static void port_row(struct doctor_seen *s, const struct socket_row *r, void *u)
{
    const uint32_t *proto = u;
    for (uint32_t i = 0; i < s->listen_count; i++) {
        struct doctor_listen *l = &s->listen[i];
        if (l->proto != *proto || !clashes(&l->addr, &r->addr) || l->ours ||
            (*proto == DOCTOR_TCP && r->state != TCP_LISTENS))
            continue;
        struct holder h = { .inode = r->inode };
        holder_of(&h);
        l->pid = h.pid;
        snprintf(l->process, sizeof l->process, "%s", h.name);
        l->ours = s->serving && h.pid == s->pid;
        l->taken = !l->ours;
    }
}

/* ---- other VPN daemons --------------------------------------------------------------------- */

static const struct rival { const char *process, *what, *unit; } rivals[] = {
    { "charon", "strongSwan", "strongswan-starter" }, { "charon-systemd", "strongSwan", "strongswan" },
    { "pluto", "Libreswan", "ipsec" },          { "racoon", "ipsec-tools", "racoon" },
    { "iked", "OpenIKED", "openiked" },         { "xl2tpd", "xl2tpd", "xl2tpd" },
    { "openl2tpd", "OpenL2TP", "openl2tpd" },   { "pptpd", "Poptop", "pptpd" },
    { "pptpctrl", "Poptop", "pptpd" },          { "accel-pppd", "accel-ppp", "accel-ppp" },
};

static bool same_net(const char *pid)
{
    char path[64], mine[64] = "", its[64] = "";
    snprintf(path, sizeof path, "/proc/%.20s/ns/net", pid);
    return readlink("/proc/self/ns/net", mine, sizeof mine - 1) > 0 && readlink(path, its, sizeof its - 1) > 0 &&
           !strcmp(mine, its);
}

static bool has_port(const struct doctor_seen *s, int pid)
{
    for (uint32_t i = 0; i < s->listen_count; i++)
        if (s->listen[i].taken && s->listen[i].pid == pid)
            return true;
    return false;
}

static void look_process(struct doctor_seen *s, const char *pid)
{
    char path[64], name[DOCTOR_NAME], mend[DOCTOR_TEXT];
    snprintf(path, sizeof path, "/proc/%.20s/comm", pid);
    FILE *f = fopen(path, "re");
    if (!f || !fgets(name, sizeof name, f))
        name[0] = '\0';
    if (f)
        fclose(f);
    name[strcspn(name, "\n")] = '\0';
    for (size_t i = 0; i < sizeof rivals / sizeof rivals[0]; i++)
        if (!strcmp(name, rivals[i].process) && same_net(pid) && !has_port(s, atoi(pid))) {
            snprintf(mend, sizeof mend, "systemctl disable --now %s", rivals[i].unit);
            doctor_note(s->rivals, &s->rival_count, mend, "%s serves VPNs here too (process %s, pid %s): both would "
                        "answer clients", rivals[i].what, name, pid);
        }
}

/* Who else reads GRE or ESP gets each packet too, and answers what it does not know. */
static void raw_row(struct doctor_seen *s, const struct socket_row *r, void *u)
{
    (void)u;
    bool gre = r->addr.port == DOCTOR_GRE && s->pptp, esp = r->addr.port == DOCTOR_ESP && s->ipsec;
    struct holder h = { .inode = r->inode };
    if (!gre && !esp)
        return;
    holder_of(&h);
    if (!h.pid || h.pid == s->pid || !strcmp(h.name, "aditd"))
        return;
    for (size_t i = 0; i < sizeof rivals / sizeof rivals[0]; i++)
        if (!strcmp(h.name, rivals[i].process))
            return;             /* told by its name */
    char mend[DOCTOR_TEXT];
    snprintf(mend, sizeof mend, "stop it, if it serves VPNs: kill %d", h.pid);
    doctor_note(s->rivals, &s->rival_count, mend, "process %s (pid %d) reads %s too", h.name, h.pid,
                gre ? "GRE" : "ESP");
}

const char *doctor_unit_of(const char *process)
{
    for (size_t i = 0; i < sizeof rivals / sizeof rivals[0]; i++)
        if (!strcmp(process, rivals[i].process))
            return rivals[i].unit;
    return NULL;
}

void doctor_look_ports(struct doctor_seen *s)
{
    uint32_t tcp = DOCTOR_TCP, udp = DOCTOR_UDP;
    each_row("tcp", port_row, s, &tcp);
    each_row("tcp6", port_row, s, &tcp);
    each_row("udp", port_row, s, &udp);
    each_row("udp6", port_row, s, &udp);
    for (uint32_t i = 0; i < s->listen_count; i++) {
        struct doctor_listen *l = &s->listen[i];
        l->no_address = !is_any(&l->addr);
        for (uint32_t k = 0; k < s->addr_count; k++)
            l->no_address &= !adit_same_host(&s->addrs[k].addr, &l->addr);
    }
    char pid[24];
    snprintf(pid, sizeof pid, "%d", s->pid);
    s->elsewhere = s->serving && s->root && !same_net(pid);
    DIR *proc = opendir("/proc");
    for (struct dirent *e; proc && (e = readdir(proc));)
        if (e->d_name[0] >= '1' && e->d_name[0] <= '9')
            look_process(s, e->d_name);
    if (proc)
        closedir(proc);
    each_row("raw", raw_row, s, NULL);
}
