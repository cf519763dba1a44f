/* fuzz_dhcp.c - what DHCP servers say, to the reader and to the machine of a lease.
 *
 * Input: steps of a byte each: 0 a datagram (length in two bytes, then itself), 1 time
 * passes (tenths of a second in two bytes), 2 asked for, 3 given back, 4 a nudge, 5 a
 * lease of before, 6 the offer's rank (a byte) from now on, 7 the address is somebody's.
 */
#include <stdint.h>
#include <stdlib.h>
#include "../../plugins/pool-dhcp/dhcp_lease.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(bool yes)
{
    if (!yes)
        abort();
}

static struct {
    uint32_t xid, rank, seed, steps;
    bool free, got;
    uint64_t now;
} W;

static void send(void *u, struct dhcp_say *m, enum dhcp_to to)
{
    uint8_t b[DHCP_SAY];
    struct dhcp_heard h;
    const struct dhcp_lease *l = u;
    must(m->type == DHCP_DISCOVER || m->type == DHCP_REQUEST || m->type == DHCP_DECLINE ||
         m->type == DHCP_RELEASE);
    must(to == DHCP_TO_ALL || to == DHCP_TO_ONE);
    must(m->type == DHCP_DISCOVER || m->requested || m->ciaddr);
    m->giaddr = 1;
    size_t n = dhcp_write(m, b, sizeof b);
    must(n >= 300);
    must(dhcp_read(b, n, &h) != NULL);      /* a question is no answer */
    must(l->xid == m->xid);
    must(++W.steps < 200000);
}
static uint32_t xid(void *u) { (void)u; return ++W.xid; }
static uint32_t random_(void *u) { (void)u; return W.seed = W.seed * 1664525u + 1013904223u; }
static bool is_free(void *u, uint32_t a) { (void)u; must(a != 0); return W.free; }
static bool hopeless(void *u) { (void)u; return W.rank & 1; }
static void bound(void *u, bool first, bool changed)
{
    const struct dhcp_lease *l = u;
    (void)changed;
    must(first != W.got);
    must(l->facts.address != 0 && l->facts.lease_s != 0 && l->expires_ms >= l->t2_ms);
    W.got = true;
}
static void ended(void *u, enum dhcp_end why, const char *text)
{
    must(text != NULL);
    must(W.got == (why == DHCP_END_NAK || why == DHCP_END_EXPIRED));
    must(((const struct dhcp_lease *)u)->state == DHCP_INIT);
    W.got = false;
}
static void moved(void *u, enum dhcp_state from, enum dhcp_event on, enum dhcp_state to)
{
    (void)u;
    must(from != to && *dhcp_state_name(from) && *dhcp_event_name(on) && *dhcp_state_name(to));
}

static void check(const struct dhcp_facts *f)
{
    must(f->dns_count <= DHCP_ADDRS && f->wins_count <= DHCP_ADDRS && f->route_count <= DHCP_ROUTES);
    must(memchr(f->domain, '\0', sizeof f->domain) != NULL);
    for (uint8_t i = 0; i < f->route_count; i++)
        must(f->routes[i].prefix >= 1 && f->routes[i].prefix <= 32);
    must(dhcp_facts_equal(f, f));
    must(f->t1_s <= f->t2_s && f->t2_s <= f->lease_s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct dhcp_lease_ops ops = {
        .send = send, .xid = xid, .random = random_, .is_free = is_free, .bound = bound,
        .ended = ended, .hopeless = hopeless, .moved = moved,
    };
    static const struct dhcp_times times = { 2000, 10000, 200, 30 };
    struct rd r = rd_of(data, len);
    struct dhcp_lease l;
    char name[DHCP_NAME];

    memset(&W, 0, sizeof W);
    W.free = true;
    W.now = 1000;
    (void)dhcp_search_first(data, len, name);
    dhcp_lease_init(&l, &times, &ops, &l);
    while (rd_left(&r)) {
        switch (rd_u8(&r)) {
        case 0: {
            struct dhcp_heard h;
            size_t want = rd_u16(&r), left = rd_left(&r), n = want < left ? want : left;
            const uint8_t *p = rd_bytes(&r, n);
            if (!p || dhcp_read(p, n, &h))
                break;
            if (h.type == DHCP_OFFER || h.type == DHCP_ACK)
                check(&h.facts);
            dhcp_lease_rx(&l, &h, 7, W.rank & 0x80 ? DHCP_NO_RANK : W.rank, W.now);
            break;
        }
        case 1:
            W.now += 100u * rd_u16(&r);
            dhcp_lease_tick(&l, W.now);
            break;
        case 2:
            if (l.state == DHCP_INIT || l.state == DHCP_INIT_REBOOT)
                dhcp_lease_begin(&l, 0, W.now);
            break;
        case 3:
            dhcp_lease_release(&l);
            W.got = false;
            break;
        case 4:
            dhcp_lease_nudge(&l, W.now);
            break;
        case 5:
            if (l.state == DHCP_INIT) {
                const struct dhcp_facts f = { .address = 0x0a00004d, .server_id = 7, .lease_s = 3600 };
                dhcp_lease_stored(&l, &f, 7, W.now + 1, W.now + 2, W.now + 3600000);
            }
            break;
        case 6:
            W.rank = rd_u8(&r);
            break;
        case 7:
            W.free = !W.free;
            break;
        default:
            break;
        }
        must(l.state < DHCP_STATES && dhcp_lease_held(&l) == W.got);
        must(l.state != DHCP_INIT || l.due_ms == DHCP_NEVER);
    }
    return 0;
}
