/* doctor.c - the table of checks, and the checks of configuration, daemon and host.
 *
 * Knows:  what is wrong, how bad it is, the command that mends it.
 * Leaves: looking to the other files doctor_*.c; the network to doctor_way.c, servers and
 *         certificates to doctor_servers.c.
 */
#include "diagnose/doctor_checks.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <adit/auth.h>
#include "base/addr.h"

// clang-format off
const struct doctor_check doctor_checks[] = {
    { "configuration", "the configuration can be used", doctor_check_configuration },
    { "daemon",        "the daemon serves all that is configured", doctor_check_daemon },
    { "plugins",       "no plugin was refused", doctor_check_plugins },
    { "privileges",    "the daemon has the rights that it needs", doctor_check_privileges },
    { "tun",           "interfaces for clients can be made", doctor_check_tun },
    { "ports",         "the ports of the tunnels are free, or the daemon's", doctor_check_ports },
    { "rivals",        "no other VPN daemon answers the same clients", doctor_check_rivals },
    { "firewall",      "the host's packet filter lets the tunnels in", doctor_check_firewall },
    { "clients",       "the host's packet filter lets clients' packets through", doctor_check_clients },
    { "nat",           "the server has a public address", doctor_check_nat },
    { "forwarding",    "the kernel forwards packets of clients", doctor_check_forwarding },
    { "rp-filter",     "the kernel does not drop what comes another way than it would send", doctor_check_rp_filter },
    { "mtu",           "packets of clients fit through the internet interface", doctor_check_mtu },
    { "overlap",       "clients' addresses are nobody else's", doctor_check_overlap },
    { "return-route",  "other hosts find the way back to clients", doctor_check_return },
    { "pools",         "there are addresses left", doctor_check_pools },
    { "dhcp",          "DHCP servers answer", doctor_check_dhcp },
    { "dns",           "the DNS servers that clients are told answer", doctor_check_dns },
    { "radius",        "RADIUS servers answer and have our secret", doctor_check_radius },
    { "certificates",  "certificates are valid and fit their keys and names", doctor_check_certificates },
    { "clock",         "the clock is right", doctor_check_clock },
    { "timeouts",      "time limits go together", doctor_check_timeouts },
    { "settings",      "no setting is weak", doctor_check_settings },
};
// clang-format on
const uint32_t doctor_check_count = sizeof doctor_checks / sizeof doctor_checks[0];

const char *doctor_state_name(enum doctor_state s)
{
    static const char *const names[] = { "pass", "skip", "warn", "fail" };
    return names[s];
}

void doctor_say(struct doctor_out *o, enum doctor_state state, const char *fmt, ...)
{
    va_list ap;
    uint32_t at = o->count;
    if (at == DOCTOR_FINDS) {
        /* the worst must be among those that are told */
        for (at = 0; at < DOCTOR_FINDS && o->find[at].state >= state; at++)
            ;
        if (at == DOCTOR_FINDS)
            at = DOCTOR_FINDS - 1;
    } else {
        o->count++;
    }
    o->last = at;
    o->find[at].state = state;
    o->find[at].mend[0] = '\0';
    va_start(ap, fmt);
    vsnprintf(o->find[at].seen, sizeof o->find[at].seen, fmt, ap);
    va_end(ap);
    /* a gateway of several routes is told of once */
    for (uint32_t i = 0; i < at; i++)
        if (at + 1 == o->count && !strcmp(o->find[i].seen, o->find[at].seen)) {
            o->count--;
            o->last = i;
            return;
        }
}

void doctor_mend(struct doctor_out *o, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(o->find[o->last].mend, sizeof o->find[0].mend, fmt, ap);
    va_end(ap);
}

enum doctor_state doctor_judge(const struct doctor_check *c, const struct doctor_seen *s, struct doctor_out *o)
{
    enum doctor_state worst = DOCTOR_PASS;
    bool looked = false;
    memset(o, 0, sizeof *o);
    c->run(s, o);
    for (uint32_t i = 0; i < o->count; i++) {
        looked |= o->find[i].state != DOCTOR_SKIP;
        if (o->find[i].state > DOCTOR_SKIP && o->find[i].state > worst)
            worst = o->find[i].state;
    }
    return !looked ? DOCTOR_SKIP : worst;
}

void doctor_tell_notes(struct doctor_out *o, enum doctor_state state, const struct doctor_note *n, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        doctor_say(o, state, "%s", n[i].seen);
        doctor_mend(o, "%s", n[i].mend);
    }
}

/* ---- configuration, daemon, plugins ------------------------------------------------------ */

void doctor_check_configuration(const struct doctor_seen *s, struct doctor_out *o)
{
    for (uint32_t i = 0; i < s->conf_note_count; i++) {
        doctor_say(o, s->conf_notes[i].mild ? DOCTOR_WARN : DOCTOR_FAIL, "%s", s->conf_notes[i].seen);
        doctor_mend(o,
                    s->conf_read ? "correct it, then: aditd --check --config '%.400s'"
                                 : "correct '%.400s'; or adit setup writes a new one",
                    s->config);
    }
    if (s->conf_note_count)
        return;
    if (!s->conf_read) {
        doctor_say(o, DOCTOR_FAIL, "there is no configuration");
        doctor_mend(o, "adit setup");
    } else if (!s->conf_checked) {
        doctor_say(o, DOCTOR_WARN, "%s can be read; more is not known: %s", s->config, s->conf_run);
        doctor_mend(o, "aditd --check --config '%.400s'", s->config);
    } else {
        doctor_say(o, DOCTOR_PASS, "%s is good", s->config);
    }
}

void doctor_check_daemon(const struct doctor_seen *s, struct doctor_out *o)
{
    if (s->hangs) {
        doctor_say(o, DOCTOR_FAIL, "%s", s->why_not);
        doctor_mend(o, "journalctl -u adit tells what it did last; systemctl restart adit ends all sessions");
        return;
    }
    if (!s->serving) {
        doctor_say(o, DOCTOR_SKIP, "it does not serve: %s", s->why_not);
        return;
    }
    if (s->elsewhere) {
        doctor_say(o, DOCTOR_FAIL,
                   "it serves in another network namespace, pid %d: what is told of the network here is not its own",
                   s->pid);
        doctor_mend(o, "nsenter --net --target %d adit doctor", s->pid);
    }
    doctor_tell_notes(o, DOCTOR_FAIL, s->degraded, s->degraded_count);
    for (uint32_t i = 0; i < o->count; i++)
        if (!*o->find[i].mend)
            snprintf(o->find[i].mend, sizeof o->find[i].mend, "adit status; adit log");
    if (!o->count)
        doctor_say(o, DOCTOR_PASS, "it serves, pid %d, %u session%s", s->pid, s->sessions, s->sessions == 1 ? "" : "s");
}

void doctor_check_plugins(const struct doctor_seen *s, struct doctor_out *o)
{
    doctor_tell_notes(o, DOCTOR_FAIL, s->refused, s->refused_count);
    if (!s->plugins_known)
        doctor_say(o, DOCTOR_SKIP, "neither the daemon nor aditd --check could be asked%s%s", *s->conf_run ? ": " : "",
                   s->conf_run);
    else if (!s->refused_count)
        doctor_say(o, DOCTOR_PASS, "none was refused");
}

/* ---- the host ------------------------------------------------------------------------------ */

void doctor_check_privileges(const struct doctor_seen *s, struct doctor_out *o)
{
    static const struct { unsigned cap; const char *name, *what; } rows[] = {
        { CAP_NET_ADMIN, "CAP_NET_ADMIN", "interfaces, addresses and routes" },
        { CAP_NET_RAW, "CAP_NET_RAW", "GRE and ESP" },
        { CAP_NET_BIND_SERVICE, "CAP_NET_BIND_SERVICE", "ports below 1024" },
    };
    if (!s->caps_known) {
        doctor_say(o, DOCTOR_SKIP, "they could not be read");
        return;
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (!(s->caps >> rows[i].cap & 1)) {
            doctor_say(o, DOCTOR_FAIL, "%s lacks %s, which is needed for %s",
                       s->serving ? "the daemon" : "a process started here", rows[i].name, rows[i].what);
            doctor_mend(o, "start aditd as root, or by systemctl start adit; in a container add the capability "
                        "(docker run --cap-add=%s)", rows[i].name + 4);
        }
    if (!o->count)
        doctor_say(o, DOCTOR_PASS, "the capabilities that aditd needs are there");
    if (!s->root) {
        doctor_say(o, DOCTOR_WARN, "you are not root: some checks see less");
        doctor_mend(o, "sudo adit doctor");
    }
}

void doctor_check_tun(const struct doctor_seen *s, struct doctor_out *o)
{
    if (!s->tun_errno) {
        doctor_say(o, DOCTOR_PASS, "/dev/net/tun works");
    } else if (s->tun_errno == EACCES && !s->root) {
        doctor_say(o, DOCTOR_SKIP, "only root may open /dev/net/tun here");
    } else {
        doctor_say(o, DOCTOR_FAIL, "/dev/net/tun cannot be used: %s", strerror(s->tun_errno));
        doctor_mend(o, s->tun_errno == ENOENT || s->tun_errno == ENODEV
                           ? "modprobe tun; in a container give it the device (docker run --device=/dev/net/tun)"
                           : "give the daemon the device: docker run --device=/dev/net/tun, or "
                             "DeviceAllow=/dev/net/tun rw in its unit");
    }
}

void doctor_check_ports(const struct doctor_seen *s, struct doctor_out *o)
{
    char text[ADDR_TEXT], list[DOCTOR_TEXT] = "";
    for (uint32_t i = 0; i < s->listen_count; i++) {
        const struct doctor_listen *l = &s->listen[i];
        const char *proto = l->proto == DOCTOR_TCP ? "TCP" : "UDP", *unit = doctor_unit_of(l->process);
        size_t n = strlen(list);
        if (l->taken && !l->pid && !s->root) {
            doctor_say(o, DOCTOR_SKIP, "%s %u (%s) is in use; by whom, only root can see", proto, l->addr.port, l->what);
        } else if (l->taken && !strcmp(l->process, "aditd")) {
            doctor_say(o, DOCTOR_FAIL, "%s %u (%s) is taken by another aditd (pid %d), which was not asked: %s", proto,
                       l->addr.port, l->what, l->pid, s->serving ? "it is not the one on the socket" : s->why_not);
            doctor_mend(o, "name its socket: adit --socket PATH doctor; or end it: kill %d", l->pid);
        } else if (l->taken && l->pid) {
            doctor_say(o, DOCTOR_FAIL, "%s %u (%s) is taken by %s (pid %d)", proto, l->addr.port, l->what, l->process,
                       l->pid);
            if (unit)
                doctor_mend(o, "systemctl disable --now %s", unit);
            else
                doctor_mend(o, "stop it: systemctl status %d names its service; or kill %d", l->pid, l->pid);
        } else if (l->taken) {
            doctor_say(o, DOCTOR_FAIL, "%s %u (%s) is taken, by the kernel or a process that cannot be seen from here",
                       proto, l->addr.port, l->what);
            doctor_mend(o, "look for it where it runs (containers, wireguard, in-kernel L2TP): ss -aunp; ss -ltnp");
        } else if (l->no_address) {
            doctor_say(o, DOCTOR_FAIL, "%s is to be listened on (%s), and no interface has that address",
                       addr_text(&l->addr, text), l->what);
            doctor_mend(o, "correct 'listen' of the configuration, or: ip address add %s dev INTERFACE",
                        addr_text_host(&l->addr, text));
        } else if (s->serving && !l->ours && s->root) {
            doctor_say(o, DOCTOR_FAIL, "%s %u (%s) is not listened on", proto, l->addr.port, l->what);
            doctor_mend(o, "adit status tells why; after a change of the configuration: systemctl restart adit");
        } else if (n < sizeof list) {
            snprintf(list + n, sizeof list - n, "%s%s %u", n ? ", " : "", proto, l->addr.port);
        }
    }
    if (*list)
        doctor_say(o, DOCTOR_PASS, "%s: %s", s->serving ? "the daemon's" : "free", list);
    if (!s->listen_count)
        doctor_say(o, DOCTOR_SKIP, "no tunnel is configured");
}

void doctor_check_rivals(const struct doctor_seen *s, struct doctor_out *o)
{
    doctor_tell_notes(o, DOCTOR_WARN, s->rivals, s->rival_count);
    if (!s->rival_count)
        doctor_say(o, DOCTOR_PASS, "none runs here");
}

/* ---- clock and times --------------------------------------------------------------------------- */

void doctor_check_clock(const struct doctor_seen *s, struct doctor_out *o)
{
    char now[40], then[40];
    if (s->newest_s > s->now_s + 60) {
        doctor_time_text(s->now_s, now, sizeof now);
        doctor_time_text(s->newest_s, then, sizeof then);
        doctor_say(o, DOCTOR_FAIL, "it is %s, and %s was written %s: the clock was set back, or lost its time", now,
                   s->newest, then);
        doctor_mend(o, "set it: timedatectl set-ntp true; or date -s 'YEAR-MONTH-DAY HOUR:MINUTE'");
    } else if (s->synchronised == 0) {
        doctor_say(o, DOCTOR_WARN,
                   "no time server keeps the clock: hours of policies, expiry of accounts and certificates go by it");
        doctor_mend(o, "apt install systemd-timesyncd && timedatectl set-ntp true");
    } else {
        doctor_say(o, DOCTOR_PASS,
                   s->synchronised > 0 ? "a time server keeps it" : "it is not before any file of ours");
    }
}

void doctor_check_timeouts(const struct doctor_seen *s, struct doctor_out *o)
{
    if (!s->conf_read) {
        doctor_say(o, DOCTOR_SKIP, "there is no configuration");
        return;
    }
    if (s->auth_timeout_ms <= s->answer_timeout_ms) {
        doctor_say(o, DOCTOR_WARN, "ppp.auth-timeout (%llu s) is not longer than ppp.answer-timeout (%llu s): a slow "
                   "authenticator is cut off", (unsigned long long)s->auth_timeout_ms / 1000,
                   (unsigned long long)s->answer_timeout_ms / 1000);
        doctor_mend(o, "set ppp.auth-timeout to %llus", (unsigned long long)s->answer_timeout_ms / 1000 + 10);
    }
    doctor_tell_notes(o, DOCTOR_WARN, s->slow, s->slow_count);
    if (!s->echo_ms) {
        doctor_say(o, DOCTOR_WARN, "ppp.echo-interval is 0: clients that vanish keep their port and address");
        doctor_mend(o, "set ppp.echo-interval to 30s");
    } else if (s->echo_ms * s->echo_failures > 600000) {
        doctor_say(o, DOCTOR_WARN, "clients that vanish are noticed after %llu minutes (ppp.echo-interval times "
                   "ppp.echo-failures): their ports and addresses are taken so long",
                   (unsigned long long)(s->echo_ms * s->echo_failures / 60000));
        doctor_mend(o, "set ppp.echo-interval to 30s and ppp.echo-failures to 4");
    }
    if (s->ipsec && !s->keepalive_ms) {
        doctor_say(o, DOCTOR_WARN, "nat-keepalive is 0: translators before us forget clients that are quiet");
        doctor_mend(o, "set nat-keepalive of the section security to 20s");
    }
    if (!o->count)
        doctor_say(o, DOCTOR_PASS, "they go together");
}

/* ---- weak settings -------------------------------------------------------------------------------- */

static void weak_methods(const struct doctor_seen *s, struct doctor_out *o)
{
    static const struct { uint32_t bit; const char *name, *why; } rows[] = {
        { ADIT_AUTH_PAP, "pap", "sends passwords as they are" },
        { ADIT_AUTH_CHAP, "chap", "needs passwords in clear on the server and makes no keys for encryption" },
        { ADIT_AUTH_EAP_MD5, "eap-md5", "needs passwords in clear on the server and makes no keys for encryption" },
        { ADIT_AUTH_MSCHAPV1, "mschapv1", "can be broken in seconds" },
    };
    bool clear = s->pptp;
    for (uint32_t i = 0; i < s->tunnel_count; i++)
        clear |= s->tunnels[i].clear && s->tunnels[i].ports;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (s->auth & rows[i].bit && clear) {
            doctor_say(o, DOCTOR_WARN, "ppp.auth has %s, which %s, and tunnels without IPsec are served", rows[i].name,
                       rows[i].why);
            doctor_mend(o, "take %s out of ppp.auth, or serve L2TP/IPsec only", rows[i].name);
        }
}

static void weak_tunnels(const struct doctor_seen *s, struct doctor_out *o)
{
    for (uint32_t i = 0; i < s->tunnel_count; i++) {
        const struct doctor_tunnel *t = &s->tunnels[i];
        if (!t->ports)
            continue;
        if (t->clear) {
            doctor_say(o, DOCTOR_WARN,
                       "tunnel '%s' serves L2TP without IPsec: whoever is on the way can read and change "
                       "packets, and MPPE is all that protects them",
                       t->name);
            doctor_mend(o, "set require-security: yes, and add an entry of type ipsec to the section security");
        }
        if (!strcmp(t->type, "pptp") && t->none) {
            doctor_say(o, DOCTOR_WARN, "tunnel '%s' permits PPTP without encryption (MPPE is not required)", t->name);
            doctor_mend(o, "take 'none' out of its encryption");
        }
        if (t->weak) {
            doctor_say(o, DOCTOR_WARN, "tunnel '%s' permits MPPE with 40 or 56 bits, which anybody can break", t->name);
            doctor_mend(o, "set its encryption to 128");
        }
    }
}

void doctor_check_settings(const struct doctor_seen *s, struct doctor_out *o)
{
    if (!s->conf_read) {
        doctor_say(o, DOCTOR_SKIP, "there is no configuration");
        return;
    }
    weak_methods(s, o);
    weak_tunnels(s, o);
    if (*s->weak_proposals) {
        doctor_say(o, DOCTOR_WARN, "IPsec permits weak algorithms: %s", s->weak_proposals);
        doctor_mend(o, "take them out of 'proposals' and 'esp', unless clients know nothing better");
    }
    if (s->psk && s->psk_len && s->psk_len < 20) {
        doctor_say(o, DOCTOR_WARN, "a pre-shared key has %u characters: who listens can try all likely ones",
                   s->psk_len);
        doctor_mend(o, "make one: head -c 24 /dev/urandom | base64; or use certificates");
    }
    for (uint32_t i = 0; i < s->radius_count; i++)
        if (s->radius[i].lax && !s->radius[i].tls) {
            doctor_say(o, DOCTOR_WARN,
                       "answers of RADIUS server %s need no Message-Authenticator: who is on the way can "
                       "forge them (CVE-2024-3596)",
                       s->radius[i].name);
            doctor_mend(o, "update the server, then set message-authenticator: required");
        }
    if (s->control_all) {
        doctor_say(o, DOCTOR_WARN,
                   "daemon.control-access is all: everybody on this host may end sessions and stop the daemon");
        doctor_mend(o, "set daemon.control-access to owner or group");
    }
    doctor_tell_notes(o, DOCTOR_WARN, s->open_files, s->open_file_count);
    if (!o->count)
        doctor_say(o, DOCTOR_PASS, "none was found");
}

void doctor_time_text(int64_t t, char *out, size_t size)
{
    struct tm tm;
    time_t at = (time_t)t;
    if (!gmtime_r(&at, &tm) || !strftime(out, size, "%Y-%m-%d %H:%M UTC", &tm))
        snprintf(out, size, "an unreadable time");
}
