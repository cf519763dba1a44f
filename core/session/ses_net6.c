/* ses_net6.c - the rung UP, its IPv6 side: networks of the client, advertisements.
 *
 * Knows:  which IPv6 networks are a session's, when it hears of them.
 * Leaves: the bytes to inner6, packets to datapath; IPV6CP is ppp's.
 */
#include "session/ses_int.h"

#define ADVERTISE_MS 600000u    /* RFC 4861 section 6.2.1: MaxRtrAdvInterval */
#define SOON_MS      16000u     /* section 6.2.4: the first ones come faster */
#define LIFETIME_S   (3 * ADVERTISE_MS / 1000)
#define LEAST_MTU    1280u      /* RFC 8200 section 5: IPv6 needs it */

static const struct adit_addr *v6(const struct ses *s, uint32_t id)
{
    const struct adit_addr *a = ses_address(s, id, 0);
    return a && a->family == ADIT_AF_IPV6 ? a : NULL;
}

bool ses_net6_wanted(const struct ses *s)
{
    return s->mtu >= LEAST_MTU && ses_conf_get()->ipv6 &&
           (v6(s, ADIT_ATTR_IPV6_PREFIX) || v6(s, ADIT_ATTR_IPV6_ADDRESS) || v6(s, ADIT_ATTR_DELEGATED_PREFIX));
}

/* The link's network, or the one address, is the port's; the others are networks
 * behind the client. */
uint32_t ses_net6_attach(const struct ses *s, struct dp_attach *at, struct adit_addr *routes, uint32_t n,
                         uint32_t room)
{
    const uint32_t ids[] = { ADIT_ATTR_IPV6_PREFIX, ADIT_ATTR_IPV6_ADDRESS, ADIT_ATTR_DELEGATED_PREFIX };
    if (!ses_net6_wanted(s))
        return n;
    for (uint32_t i = 0; i < 3; i++) {
        const struct adit_addr *a = v6(s, ids[i]);
        if (!a)
            continue;
        struct adit_addr net = *a;
        net.port = 0;
        if (ids[i] == ADIT_ATTR_IPV6_ADDRESS)
            net.prefix = 128;
        if (!at->address6.family && ids[i] != ADIT_ATTR_DELEGATED_PREFIX)
            at->address6 = net;
        else if (n < room)
            routes[n++] = net;
    }
    if (!at->address6.family) { /* only a network to delegate: the link's own addresses do */
        at->address6 = *v6(s, ADIT_ATTR_DELEGATED_PREFIX);
        at->address6.prefix = 128;
    }
    return n;
}

static void facts_of(const struct ses *s, struct inner6_facts *f)
{
    struct ppp_info p;
    const struct adit_addr *a;
    const struct ses_conf *c = ses_conf_get();
    ppp_info(s->ppp, &p);
    *f = (struct inner6_facts){ .our_ifid = p.our_ifid, .peer_ifid = p.peer_ifid, .mtu = s->mtu,
                                .lifetime_s = LIFETIME_S, .domain = ses_str(s, ADIT_ATTR_DNS_DOMAIN) };
    if (!f->domain)
        f->domain = c->dns_domain;
    if ((a = v6(s, ADIT_ATTR_IPV6_PREFIX)))
        f->prefix = *a;
    if ((a = v6(s, ADIT_ATTR_IPV6_ADDRESS)))
        f->address = *a;
    if ((a = v6(s, ADIT_ATTR_DELEGATED_PREFIX)))
        f->delegated = *a;
    for (uint32_t i = 0; f->dns_count < INNER6_DNS && (a = ses_address(s, ADIT_ATTR_DNS, i)); i++)
        if (a->family == ADIT_AF_IPV6)
            f->dns[f->dns_count++] = *a;
    for (uint32_t i = 0; f->dns_count < INNER6_DNS && i < c->dns.count; i++) {
        a = (const struct adit_addr *)(const void *)((const char *)c->dns.items + i * c->dns.stride);
        if (a->family == ADIT_AF_IPV6)
            f->dns[f->dns_count++] = *a;
    }
}

static void advertise(void *u)
{
    struct ses *s = u;
    struct inner6_facts f;
    if (!s->port || s->finished || s->closing)
        return;
    uint8_t *room = ses_reply_room(s);
    facts_of(s, &f);
    size_t n = room ? inner6_advertise(&f, room, SES_REPLY_MAX) : 0;
    if (n)
        ses_reply(s, PPP_IPV6, n);
    loop_timer_set(s->advertise_timer, s->advertised++ < 2 ? SOON_MS : ADVERTISE_MS);
}

void ses_net6_up(struct ses *s)
{
    struct ppp_info p;
    if (s->dial) {
        ses_dial_up6(s);
        return;
    }
    ppp_info(s->ppp, &p);
    if (!p.ipv6_up || !s->port || !ses_net6_wanted(s))
        return;
    if (!s->advertise_timer && !(s->advertise_timer = loop_timer_new(advertise, s)))
        return;
    s->advertised = 0;
    loop_timer_set(s->advertise_timer, 1);      /* not from inside the negotiation's last frame */
}

void ses_net6_down(struct ses *s)
{
    if (s->dial)
        ses_dial_down6(s);
    if (s->advertise_timer)
        loop_timer_stop(s->advertise_timer);
}

bool ses_net6_answer(struct ses *s, const struct adit_frame *f)
{
    struct inner6_facts facts;
    if (s->dial)
        return ses_dial_rx6(s, f);
    if (!inner6_is(f->data, f->len) || !ses_net6_wanted(s))
        return false;
    uint8_t *room = ses_reply_room(s);
    if (!room)
        return true;            /* another answer is on its way: it asks again */
    facts_of(s, &facts);
    size_t n = inner6_answer(f->data, f->len, &facts, room, SES_REPLY_MAX);
    if (n)
        ses_reply(s, PPP_IPV6, n);
    return n != 0;
}
