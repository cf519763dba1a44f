/* doctor_way.c - the checks of the network: whether packets find their way in, through and
 * back.
 *
 * Knows:  what a packet filter, a route, an MTU must be like for tunnels.
 * Leaves: looking to doctor_net, doctor_wall and doctor_ask.
 */
#include "diagnose/doctor_checks.h"

#include <stdio.h>
#include <string.h>
#include "base/addr.h"

/* ---- packets to be thought of ------------------------------------------------------ */

static void packet(struct doctor_seen *s, const char *what, uint32_t proto, uint16_t port, const char *in,
                   const char *out)
{
    if (s->packet_count == DOCTOR_PACKETS)
        return;
    struct doctor_packet *p = &s->packets[s->packet_count++];
    *p = (struct doctor_packet){ .proto = proto, .port = port };
    snprintf(p->what, sizeof p->what, "%s", what);
    snprintf(p->in, sizeof p->in, "%s", in);
    snprintf(p->out, sizeof p->out, "%s", out);
}

static bool clear_l2tp(const struct doctor_seen *s)
{
    for (uint32_t i = 0; i < s->tunnel_count; i++)
        if (s->tunnels[i].clear && s->tunnels[i].ports)
            return true;
    return false;
}

/* The first that a client could have; family NONE: not known. */
static struct adit_addr client_address(const struct doctor_seen *s)
{
    for (uint32_t i = 0; i < s->pool_count; i++)
        if (s->pools[i].range_count && s->pools[i].ranges[0].last.family == ADIT_AF_IPV4)
            return s->pools[i].ranges[0].last;
    return (struct adit_addr){ 0 };
}

static const char *tun_name(const struct doctor_seen *s, char out[IFNAMSIZ])
{
    size_t n = strcspn(s->tun, "%");
    snprintf(out, IFNAMSIZ, "%.*s%s", (int)n, s->tun, s->tun[n] ? "0" : "");
    return out;
}

void doctor_plan_packets(struct doctor_seen *s)
{
    char tun[IFNAMSIZ];
    for (uint32_t i = 0; i < s->link_count; i++) {
        const struct doctor_link *l = &s->links[i];
        if (!doctor_is_outside(s, l))
            continue;
        if (s->pptp) {
            packet(s, "PPTP's control connection (TCP 1723)", DOCTOR_TCP, 1723, l->name, "");
            packet(s, "PPTP's packets (GRE, protocol 47)", DOCTOR_GRE, 0, l->name, "");
        }
        if (s->ipsec) {
            packet(s, "IKE (UDP 500)", DOCTOR_UDP, 500, l->name, "");
            packet(s, "IKE and ESP behind NAT (UDP 4500)", DOCTOR_UDP, 4500, l->name, "");
            packet(s, "ESP (protocol 50)", DOCTOR_ESP, 0, l->name, "");
        }
        if (clear_l2tp(s))
            packet(s, "L2TP (UDP 1701)", DOCTOR_UDP, 1701, l->name, "");
    }
    for (uint32_t i = 0; s->forward && i < s->link_count; i++) {
        const struct doctor_link *l = &s->links[i];
        if (!l->up || l->loopback || doctor_is_tun(s, l))
            continue;
        packet(s, "clients' packets", 0, 0, tun_name(s, tun), l->name);
        s->packets[s->packet_count - 1].from = client_address(s);
    }
}

/* ---- the packet filter ---------------------------------------------------------------- */

/* The command that lets it in, in the words of who made the chain. */
static void open_it(struct doctor_out *o, const struct doctor_packet *p)
{
    const char *proto = p->proto == DOCTOR_TCP ? "tcp" : "udp";
    bool firewalld = strstr(p->chain, " firewalld ") != NULL, ufw = strstr(p->chain, "ufw") != NULL;
    bool tables = !strncmp(p->chain, "ip filter ", 10) && (strstr(p->chain, "INPUT") || strstr(p->chain, "FORWARD"));
    char chain[DOCTOR_TEXT];
    snprintf(chain, sizeof chain, "%.400s", p->chain);
    if (*p->out && firewalld)
        doctor_mend(o, "firewall-cmd --permanent --zone=trusted --add-interface=%s && firewall-cmd --reload", p->in);
    else if (*p->out && tables)
        doctor_mend(o, "iptables -I FORWARD -i %s -j ACCEPT; iptables -I FORWARD -o %s -j ACCEPT", p->in, p->in);
    else if (*p->out)
        doctor_mend(o, "nft insert rule %s iifname %s accept; nft insert rule %s oifname %s accept", chain, p->in,
                    chain, p->in);
    else if (firewalld && p->port)
        doctor_mend(o, "firewall-cmd --permanent --add-port=%u/%s && firewall-cmd --reload", p->port, proto);
    else if (firewalld)
        doctor_mend(o, "firewall-cmd --permanent --add-protocol=%s && firewall-cmd --reload",
                    p->proto == DOCTOR_GRE ? "gre" : "esp");
    else if (ufw && p->port)
        doctor_mend(o, "ufw allow %u/%s", p->port, proto);
    else if (ufw)
        doctor_mend(o, "ufw allow proto %s from any", p->proto == DOCTOR_GRE ? "gre" : "esp");
    else if (tables && p->port)
        doctor_mend(o, "iptables -I INPUT -p %s --dport %u -j ACCEPT", proto, p->port);
    else if (tables)
        doctor_mend(o, "iptables -I INPUT -p %s -j ACCEPT", p->proto == DOCTOR_GRE ? "gre" : "esp");
    else if (p->port)
        doctor_mend(o, "nft insert rule %s %s dport %u accept", chain, proto, p->port);
    else
        doctor_mend(o, "nft insert rule %s meta l4proto %u accept", chain, p->proto == DOCTOR_GRE ? 47u : 50u);
}

static void wall(const struct doctor_seen *s, struct doctor_out *o, bool through)
{
    uint32_t n = 0, bad = 0;
    for (uint32_t i = 0; i < s->packet_count; i++)
        n += (*s->packets[i].out != '\0') == through;
    if (!n) {
        doctor_say(o, DOCTOR_SKIP,
                   through ? "nothing is forwarded" : "no tunnel is served on an interface of this host");
        return;
    }
    if (*s->wall_why) {
        doctor_say(o, s->root ? DOCTOR_WARN : DOCTOR_SKIP, "the packet filter has rules that were not judged: %s",
                   s->wall_why);
        doctor_mend(o, s->root ? "apt install nftables" : "sudo adit doctor");
        return;
    }
    for (uint32_t i = 0; i < s->packet_count; i++) {
        const struct doctor_packet *p = &s->packets[i];
        bool drop = p->verdict == DOCTOR_WALL_DROP;
        if ((*p->out != '\0') != through || p->verdict == DOCTOR_WALL_PASS)
            continue;
        bad++;
        doctor_say(o, drop ? DOCTOR_FAIL : DOCTOR_WARN, "%s %s dropped on %s%s%s by %s", p->what,
                   drop ? "would be" : "may be", p->in, through ? " to " : "", p->out, p->where);
        open_it(o, p);
    }
    if (s->old_tables) {
        doctor_say(o, DOCTOR_WARN, "there are rules of the old iptables too, which were not judged");
        doctor_mend(o, "iptables-legacy-save shows them; move them: iptables-legacy-save | iptables-nft-restore");
    } else if (!bad) {
        doctor_say(o, DOCTOR_PASS,
                   through ? "nothing drops them here"
                           : "nothing drops them here; what stands between this host and the "
                             "internet cannot be seen");
    }
}

void doctor_check_firewall(const struct doctor_seen *s, struct doctor_out *o) { wall(s, o, false); }
void doctor_check_clients(const struct doctor_seen *s, struct doctor_out *o) { wall(s, o, true); }

/* ---- NAT before us ------------------------------------------------------------------------ */

static bool has_link(const struct doctor_seen *s, const char *name)
{
    for (uint32_t i = 0; i < s->link_count; i++)
        if (!strcmp(s->links[i].name, name))
            return true;
    return false;
}

/* Clients come by IPv4; a server without any is called by IPv6. */
static const struct doctor_addr *outside_address(const struct doctor_seen *s, uint8_t family, bool public)
{
    for (uint32_t i = 0; i < s->addr_count; i++) {
        const struct doctor_link *l = doctor_link_of(s, s->addrs[i].index);
        const struct adit_addr *a = &s->addrs[i].addr;
        if (l && doctor_is_outside(s, l) && a->family == family && doctor_is_private(a) != public)
            return &s->addrs[i];
    }
    return NULL;
}

void doctor_check_nat(const struct doctor_seen *s, struct doctor_out *o)
{
    char text[ADDR_TEXT], ports[DOCTOR_TEXT] = "";
    if (*s->net_why) {
        doctor_say(o, DOCTOR_SKIP, "the interfaces of this host cannot be read: %s", s->net_why);
        return;
    }
    if (s->closed && !has_link(s, s->internet)) {
        doctor_say(o, DOCTOR_FAIL, "network.internet-interface is %s, and this host has no such interface", s->internet);
        doctor_mend(o, "correct it; ip link lists them");
        return;
    }
    const struct doctor_addr *good = outside_address(s, ADIT_AF_IPV4, true),
                             *first = outside_address(s, ADIT_AF_IPV4, false);
    if (!good && !first)
        good = outside_address(s, ADIT_AF_IPV6, true);
    if (good) {
        doctor_say(o, DOCTOR_PASS, "%s has %s", doctor_link_of(s, good->index)->name,
                   addr_text_host(&good->addr, text));
        return;
    }
    if (!first) {
        doctor_say(o, DOCTOR_SKIP, "the internet interface has no address");
        return;
    }
    snprintf(ports, sizeof ports, "%s%s%s", s->ipsec ? "UDP 500 and 4500" : "", s->ipsec && s->pptp ? ", " : "",
             s->pptp ? "TCP 1723 and GRE (protocol 47; 'PPTP passthrough')" : "");
    doctor_say(o, DOCTOR_WARN,
               "%s has only %s, which is not on the internet: a NAT stands before this server, unless clients "
               "come from the same network%s",
               doctor_link_of(s, first->index)->name, addr_text_host(&first->addr, text),
               s->ipsec ? "; Windows clients of L2TP/IPsec do not call a server behind NAT by themselves (error 809)"
                        : "");
    doctor_mend(o, "forward there to %s: %s%s", text, *ports ? ports : "UDP 1701",
                s->ipsec ? "; on each Windows client, as administrator: "
                           "reg add HKLM\\SYSTEM\\CurrentControlSet\\Services\\PolicyAgent /v "
                           "AssumeUDPEncapsulationContextOnSendRule "
                           "/t REG_DWORD /d 2 /f, then restart it"
                         : "");
}

/* ---- forwarding ------------------------------------------------------------------------------ */

void doctor_check_forwarding(const struct doctor_seen *s, struct doctor_out *o)
{
    if (s->conf_read && !s->forward) {
        doctor_say(o, DOCTOR_WARN, "network.forward is no: clients reach this host alone");
        doctor_mend(o, "set network.forward to yes, unless that is meant");
        return;
    }
    if (s->ip_forward < 0) {
        doctor_say(o, DOCTOR_SKIP, "/proc/sys/net/ipv4/ip_forward cannot be read");
        return;
    }
    if (s->serving && !s->ip_forward) {
        doctor_say(o, DOCTOR_FAIL,
                   "net.ipv4.ip_forward is 0; something turned it off after aditd had turned it on, or forbade it");
        doctor_mend(o, "sysctl -w net.ipv4.ip_forward=1; and net.ipv4.ip_forward=1 in /etc/sysctl.d/adit.conf");
    }
    if (s->serving && s->server_address6 && !s->ip6_forward) {
        doctor_say(o, DOCTOR_FAIL, "net.ipv6.conf.all.forwarding is 0");
        doctor_mend(o, "sysctl -w net.ipv6.conf.all.forwarding=1");
    }
    for (uint32_t i = 0; s->ip_forward && i < s->link_count; i++) {
        const struct doctor_link *l = &s->links[i];
        if (!l->up || l->loopback || l->forwarding != 0)
            continue;
        doctor_say(o, DOCTOR_FAIL, "net.ipv4.conf.%s.forwarding is 0: what comes in there is not forwarded", l->name);
        doctor_mend(o, "sysctl -w net.ipv4.conf.%s.forwarding=1", l->name);
    }
    if (!o->count)
        doctor_say(o, DOCTOR_PASS, s->ip_forward ? "it is on" : "it is off; aditd turns it on when it starts");
}

/* Strict reverse path filtering drops what comes in where an answer would not leave. */
void doctor_check_rp_filter(const struct doctor_seen *s, struct doctor_out *o)
{
    static const struct adit_addr somewhere = { .family = ADIT_AF_IPV4, .prefix = 32, .ip = { 8, 8, 8, 8 } };
    const struct doctor_route *way = doctor_route_to(s, &somewhere);
    if (s->rp_all < 0) {
        doctor_say(o, DOCTOR_SKIP, "/proc/sys/net/ipv4/conf cannot be read");
        return;
    }
    for (uint32_t i = 0; i < s->link_count; i++) {
        const struct doctor_link *l = &s->links[i];
        const struct doctor_link *other = way ? doctor_link_of(s, way->index) : NULL;
        bool strict = (l->rp_filter > s->rp_all ? l->rp_filter : s->rp_all) == 1;
        if (!strict || l->loopback || !l->up)
            continue;
        if (doctor_is_tun(s, l)) {
            doctor_say(o, DOCTOR_WARN,
                       "rp_filter of %s was made strict after the daemon had made it loose: networks behind clients "
                       "may be cut off",
                       l->name);
            doctor_mend(o, "sysctl -w net.ipv4.conf.%s.rp_filter=2", l->name);
        } else if (doctor_is_outside(s, l) && way && way->index != l->index) {
            doctor_say(o, DOCTOR_FAIL,
                       "rp_filter of %s is strict, and the way to the internet leaves by %s: packets of clients that "
                       "come in by %s are dropped",
                       l->name, other ? other->name : "another interface", l->name);
            doctor_mend(o, "sysctl -w net.ipv4.conf.all.rp_filter=2 net.ipv4.conf.%s.rp_filter=2; and the same in "
                        "/etc/sysctl.d/adit.conf", l->name);
        }
    }
    if (!o->count)
        doctor_say(o, DOCTOR_PASS, "nothing of clients is dropped by it");
}

/* ---- MTU ------------------------------------------------------------------------------------- */

/* What a datagram of a client is on the wire: PPP with MPPE; L2TP without its length, or
 * enhanced GRE with both numbers; ESP with AES-CBC and SHA-1-96, in UDP. */
static uint32_t outer(uint32_t inner, bool ipsec)
{
    uint32_t ppp = inner + 4 + 4, l2tp = 20 + 8 + 6;
    if (!ipsec)
        return ppp + (l2tp > 20 + 16 ? l2tp : 20 + 16);
    uint32_t clear = 8 + 6 + inner + 4 + 2;             /* MPPE is off inside */
    return 20 + 8 + 8 + 16 + (clear + 15) / 16 * 16 + 12;
}

void doctor_check_mtu(const struct doctor_seen *s, struct doctor_out *o)
{
    uint32_t seen = 0;
    if (!s->conf_read) {
        doctor_say(o, DOCTOR_SKIP, "there is no configuration");
        return;
    }
    uint32_t inner = s->mtu > s->mru ? s->mtu : s->mru, need = outer(inner, s->ipsec && s->l2tp);
    if (s->pptp && outer(inner, false) > need)
        need = outer(inner, false);
    for (uint32_t i = 0; i < s->link_count; i++) {
        const struct doctor_link *l = &s->links[i];
        if (!doctor_is_outside(s, l))
            continue;
        seen++;
        if (l->mtu >= need)
            continue;
        uint32_t fits = inner;
        while (fits > 576 && outer(fits, s->ipsec && s->l2tp) > l->mtu)
            fits--;
        doctor_say(o, DOCTOR_FAIL,
                   "the MTU of %s is %u; a client's packet of %u bytes (ppp.mtu, ppp.mru) needs %u: it goes in "
                   "fragments, which many networks drop",
                   l->name, l->mtu, inner, need);
        doctor_mend(o, "set ppp.mtu and ppp.mru to %u, then adit reload; or ip link set %s mtu 1500", fits / 4 * 4,
                    l->name);
    }
    if (!seen)
        doctor_say(o, DOCTOR_SKIP, "no internet interface was found");
    else if (!o->count)
        doctor_say(o, DOCTOR_PASS, "%u bytes and what goes around them (%u) fit", inner, need);
}

/* ---- whose addresses --------------------------------------------------------------------------- */

static bool in_range(const struct adit_range *r, const struct adit_addr *a)
{
    uint32_t n = adit_addr_len(a->family);
    return a->family && a->family == r->first.family && memcmp(a->ip, r->first.ip, n) >= 0 &&
           memcmp(a->ip, r->last.ip, n) <= 0;
}

static bool leased_out(const struct doctor_pool *p, const struct adit_addr *a)
{
    for (uint32_t i = 0; i < p->excluded_count; i++)
        if (in_range(&p->excluded[i], a))
            return false;
    for (uint32_t i = 0; i < p->range_count; i++)
        if (in_range(&p->ranges[i], a))
            return true;
    return false;
}

static void taken(struct doctor_out *o, const struct doctor_pool *p, const struct adit_addr *a, const char *whose)
{
    char text[ADDR_TEXT];
    doctor_say(o, DOCTOR_FAIL, "pool '%s' leases %s, which is %s", p->name, addr_text_host(a, text), whose);
    doctor_mend(o, "take it out: exclude: [%s] in the pool, then adit reload", text);
}

static void pool_overlap(const struct doctor_seen *s, const struct doctor_pool *p, struct doctor_out *o)
{
    char whose[DOCTOR_TEXT];
    for (uint32_t i = 0; i < s->addr_count; i++) {
        const struct doctor_link *l = doctor_link_of(s, s->addrs[i].index);
        if (!l || doctor_is_tun(s, l) || adit_same_host(&s->addrs[i].addr, &s->server_address) ||
            !leased_out(p, &s->addrs[i].addr))
            continue;
        snprintf(whose, sizeof whose, "this host's own, on %s", l->name);
        taken(o, p, &s->addrs[i].addr, whose);
    }
    for (uint32_t i = 0; i < s->route_count; i++)
        if (leased_out(p, &s->routes[i].via))
            taken(o, p, &s->routes[i].via, "a gateway's");
    for (uint32_t i = 0; i < s->dns_count; i++)
        if (leased_out(p, &s->dns[i].server))
            taken(o, p, &s->dns[i].server, "the DNS server that clients are told");
    for (uint32_t i = 0; i < s->neigh_count; i++) {
        const struct doctor_link *l = doctor_link_of(s, s->neighs[i].index);
        bool gateway = false;
        for (uint32_t k = 0; k < s->route_count; k++)
            gateway |= adit_same_host(&s->routes[k].via, &s->neighs[i].addr);
        if (!l || s->neighs[i].proxy || !s->neighs[i].alive || gateway || doctor_is_tun(s, l) ||
            !leased_out(p, &s->neighs[i].addr))
            continue;
        snprintf(whose, sizeof whose, "in use by another host on %s", l->name);
        taken(o, p, &s->neighs[i].addr, whose);
    }
}

/* A pool may be a part of a LAN; not more than that. */
static void lan_overlap(const struct doctor_seen *s, const struct doctor_pool *p, struct doctor_out *o)
{
    char text[ADDR_TEXT], first[ADDR_TEXT], last[ADDR_TEXT];
    for (uint32_t i = 0; i < s->addr_count; i++)
        for (uint32_t k = 0; k < p->range_count; k++) {
            const struct doctor_link *l = doctor_link_of(s, s->addrs[i].index);
            const struct adit_addr *a = &s->addrs[i].addr;
            const struct adit_range *r = &p->ranges[k];
            if (!l || doctor_is_tun(s, l) || l->loopback || a->family != ADIT_AF_IPV4 || a->prefix >= 31 ||
                !a->prefix || r->first.family != ADIT_AF_IPV4)
                continue;
            uint32_t mask = 0xffffffffu << (32 - a->prefix), base = addr_u32(a) & mask, end = base | ~mask,
                     from = addr_u32(&r->first), to = addr_u32(&r->last);
            if (to < base || from > end || (from > base && to < end))
                continue;
            struct adit_addr net = addr_ipv4(base);
            net.prefix = a->prefix;
            doctor_say(
                o, DOCTOR_FAIL,
                "pool '%s' (%s-%s) overlaps the network %s of %s, and is not a part of it that is free for clients",
                p->name, addr_text_host(&r->first, first), addr_text_host(&r->last, last), addr_text(&net, text),
                l->name);
            doctor_mend(o, "give clients a network of their own (adit setup proposes one), or a part of the LAN that "
                           "nobody uses and "
                           "no DHCP server leases");
        }
}

void doctor_check_overlap(const struct doctor_seen *s, struct doctor_out *o)
{
    bool any = false;
    for (uint32_t i = 0; i < s->pool_count; i++) {
        const struct doctor_pool *p = &s->pools[i];
        any |= p->range_count != 0;
        lan_overlap(s, p, o);
        if (!o->count)
            pool_overlap(s, p, o);
        for (uint32_t k = i + 1; k < s->pool_count; k++)
            for (uint32_t a = 0; a < p->range_count; a++)
                for (uint32_t b = 0; b < s->pools[k].range_count; b++)
                    if (in_range(&p->ranges[a], &s->pools[k].ranges[b].first) ||
                        in_range(&s->pools[k].ranges[b], &p->ranges[a].first)) {
                        doctor_say(o, DOCTOR_FAIL, "pools '%s' and '%s' have the same addresses", p->name,
                                   s->pools[k].name);
                        doctor_mend(o, "take them out of one of the two");
                    }
    }
    if (!any)
        doctor_say(o, DOCTOR_SKIP, "no pool has addresses of its own");
    else if (!o->count)
        doctor_say(o, DOCTOR_PASS, "nobody else was seen to have an address of a pool%s",
                   s->cut ? "; this host knows more addresses, routes and neighbours than were looked at" : "");
}

/* ---- the way back ---------------------------------------------------------------------------------- */

/* The network of an interface that the address is a host of; NULL: none. */
static const struct doctor_addr *lan_of(const struct doctor_seen *s, const struct adit_addr *a)
{
    for (uint32_t i = 0; i < s->addr_count; i++) {
        const struct doctor_link *l = doctor_link_of(s, s->addrs[i].index);
        if (l && !l->loopback && !doctor_is_tun(s, l) && s->addrs[i].addr.prefix < adit_addr_len(a->family) * 8 - 1 &&
            adit_in_network(&s->addrs[i].addr, a))
            return &s->addrs[i];
    }
    return NULL;
}

/* Somebody of the LAN: a DNS server of clients, a gateway, a neighbour. Where the only
 * network is the one that clients come from, the gateway to the internet. */
void doctor_plan_back(struct doctor_seen *s)
{
    struct adit_addr from = client_address(s), best = { 0 };
    if (!from.family || *s->nat || lan_of(s, &from))
        return;
    for (int outside = 0; outside <= 1 && !best.family; outside++) {
        for (uint32_t i = 0; i < s->dns_count && !best.family; i++) {
            const struct doctor_route *r = doctor_route_to(s, &s->dns[i].server);
            const struct doctor_link *l = r ? doctor_link_of(s, r->index) : NULL;
            if (l && (!outside || doctor_is_private(&s->dns[i].server)) && doctor_is_outside(s, l) == (outside != 0) &&
                !doctor_is_tun(s, l))
                best = s->dns[i].server;
        }
        for (uint32_t i = 0; i < s->route_count && !best.family; i++) {
            const struct doctor_link *l = doctor_link_of(s, s->routes[i].index);
            if (l && s->routes[i].via.family == ADIT_AF_IPV4 && doctor_is_outside(s, l) == (outside != 0) &&
                !doctor_is_tun(s, l) && (!outside || doctor_is_private(&s->routes[i].via)))
                best = s->routes[i].via;
        }
        for (uint32_t i = 0; i < s->neigh_count && !best.family && !outside; i++) {
            const struct doctor_link *l = doctor_link_of(s, s->neighs[i].index);
            if (l && s->neighs[i].alive && !s->neighs[i].proxy && !doctor_is_outside(s, l) && !doctor_is_tun(s, l) &&
                !l->loopback)
                best = s->neighs[i].addr;
        }
    }
    s->back_to = best;
    s->back_to.port = 0;
    s->back_from = from;
    if (!best.family)
        snprintf(s->back_why, sizeof s->back_why, "no host of a LAN is known that could be asked");
}

/* The smallest network that has them all. */
static const char *cover(const struct adit_range *r, char out[ADDR_TEXT])
{
    uint32_t from = addr_u32(&r->first), to = addr_u32(&r->last), prefix = 32;
    while (prefix && (from ^ to) >> (32 - prefix))
        prefix--;
    struct adit_addr net = addr_ipv4(prefix ? from & 0xffffffffu << (32 - prefix) : 0);
    net.prefix = (uint8_t)prefix;
    return addr_text(&net, out);
}

/* As the host there knows us. */
static const char *our_address(const struct doctor_seen *s, const struct adit_addr *to, char out[ADDR_TEXT])
{
    const struct doctor_route *r = doctor_route_to(s, to);
    for (uint32_t i = 0; r && i < s->addr_count; i++)
        if (s->addrs[i].index == r->index && s->addrs[i].addr.family == ADIT_AF_IPV4)
            return addr_text_host(&s->addrs[i].addr, out);
    return strcpy(out, "ADDRESS-OF-THIS-HOST");
}

static void range_back(const struct doctor_seen *s, const struct adit_range *r, struct doctor_out *o)
{
    char first[ADDR_TEXT], last[ADDR_TEXT], text[ADDR_TEXT], to[ADDR_TEXT];
    const struct adit_addr *a = &r->last;
    const struct doctor_addr *lan = lan_of(s, a);
    const struct doctor_route *way = doctor_route_to(s, a);
    const struct doctor_link *l = lan ? doctor_link_of(s, lan->index) : way ? doctor_link_of(s, way->index) : NULL;
    addr_text_host(&r->first, first);
    addr_text_host(a, last);
    if (lan && !s->proxy_arp) {
        doctor_say(
            o, DOCTOR_FAIL,
            "%s-%s are addresses of the LAN on %s, and network.proxy-arp is no: nobody answers there for clients",
            first, last, l->name);
        doctor_mend(o, "set network.proxy-arp to yes, then systemctl restart adit");
    } else if (lan) {
        doctor_say(o, DOCTOR_PASS, "%s-%s: the LAN on %s finds clients by proxy ARP", first, last, l->name);
    } else if (way && way->net.prefix && (way->nowhere || (l && !doctor_is_tun(s, l)))) {
        doctor_say(o, DOCTOR_FAIL, "%s-%s are routed %s%s (%s): another network has these addresses", first, last,
                   way->nowhere ? "nowhere" : "to ", way->nowhere || !l ? "" : l->name, addr_text(&way->net, text));
        doctor_mend(o, "take the route away: ip route del %s; or give the pool other addresses", text);
    } else if (*s->nat) {
        doctor_say(o, DOCTOR_PASS, "%s-%s: clients have this host's address on %s (network.nat)", first, last, s->nat);
    } else if (s->back == 1) {
        doctor_say(o, DOCTOR_PASS, "%s answers a client's address", addr_text_host(&s->back_to, to));
    } else if (s->back == 0) {
        doctor_say(o, DOCTOR_FAIL, "%s answers us, but not %s, an address of clients: it has no route back",
                   addr_text_host(&s->back_to, to), addr_text_host(&s->back_from, text));
        doctor_mend(o,
                    "on the router of that network: ip route add %s via %s; or give clients addresses of the LAN "
                    "itself; or set "
                    "network.nat to the interface there",
                    cover(r, last), our_address(s, &s->back_to, first));
    } else {
        doctor_say(o, DOCTOR_WARN, "whether other hosts have a route to %s-%s is not known: %s", first, last,
                   s->back_why);
        doctor_mend(o,
                    "on the router of the LAN: ip route add %s via ADDRESS-OF-THIS-HOST; or set network.nat to the "
                    "interface there",
                    cover(r, last));
    }
}

void doctor_check_return(const struct doctor_seen *s, struct doctor_out *o)
{
    char text[ADDR_TEXT];
    if (*s->net_why) {
        doctor_say(o, DOCTOR_SKIP, "the interfaces of this host cannot be read: %s", s->net_why);
        return;
    }
    if (*s->nat && !has_link(s, s->nat)) {
        doctor_say(o, DOCTOR_FAIL, "network.nat is %s, and this host has no such interface", s->nat);
        doctor_mend(o, "correct it; ip link lists them");
        return;
    }
    for (uint32_t i = 0; i < s->pool_count; i++) {
        const struct doctor_pool *p = &s->pools[i];
        for (uint32_t k = 0; s->forward && k < p->range_count; k++)
            if (p->ranges[k].first.family == ADIT_AF_IPV4)
                range_back(s, &p->ranges[k], o);
        if (s->forward && *p->interface && !s->proxy_arp) {
            doctor_say(o, DOCTOR_FAIL,
                       "pool '%s' leases addresses of the LAN on %s, and network.proxy-arp is no: nobody answers there "
                       "for clients",
                       p->name, p->interface);
            doctor_mend(o, "set network.proxy-arp to yes, then systemctl restart adit");
        } else if (s->forward && *p->interface) {
            doctor_say(o, DOCTOR_PASS, "pool '%s': the LAN on %s finds clients by proxy ARP", p->name, p->interface);
        } else if (s->forward && p->relay.family) {
            doctor_say(o, DOCTOR_SKIP, "pool '%s': which addresses the servers lease for %s is theirs to know", p->name,
                       addr_text_host(&p->relay, text));
        }
    }
    if (!o->count)
        doctor_say(o, DOCTOR_SKIP,
                   s->forward ? "no pool is configured" : "nothing is forwarded (network.forward is no)");
}
