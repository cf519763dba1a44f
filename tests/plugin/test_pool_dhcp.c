/* test_pool_dhcp.c - pool-dhcp against the fake host and scripted servers.
 *
 * Our address is that of the loopback interface: the one that every host has.
 */
#include <adit/plugin.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../../plugins/pool-dhcp/dhcp_pool.h"
#include "../../sdk/fake/fake.h"
#include "dhcp_server.h"
#include "../unit/unit.h"

#define IP(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (d))
#define US IP(127, 0, 0, 1)
#define SERVER IP(10, 0, 0, 2)
#define MANY 2000u           /* the fake host looks at each datagram that it has */
#define OTHER IP(10, 0, 0, 3)
#define RELAY "relay-address: 127.0.0.1\nservers: [10.0.0.2]\nclient-id: vpn"
#define LAN "interface: lo\nclient-id: vpn"

/* ---- the host's part --------------------------------------------------------------- */

static struct {
    uint64_t lost_lease, changed_lease;
    uint32_t lost, changed, cause, holders;
    char text[200], dns[40];
} H;

static void lease_changed(struct adit_self *self, uint64_t lease, const struct adit_attrs *attrs)
{
    const struct adit_addr *a = adit_attr_addr(self->host, attrs, ADIT_ATTR_DNS, 0);
    H.changed++;
    H.changed_lease = lease;
    snprintf(H.dns, sizeof H.dns, "%s", a ? fake_addr_text(a) : "");
}
static void lease_lost(struct adit_self *self, uint64_t lease, uint32_t cause, const char *text)
{
    (void)self;
    H.lost++;
    H.lost_lease = lease;
    H.cause = cause;
    snprintf(H.text, sizeof H.text, "%s", text ? text : "");
}
static uint32_t session_find(struct adit_self *self, const struct adit_attrs *which, uint64_t *out,
                             uint32_t n)
{
    ck_assert_ptr_nonnull(adit_attr_addr(self->host, which, ADIT_ATTR_ADDRESS, 0));
    if (n)
        *out = 1;
    return H.holders;
}
static const struct adit_lease_api lease_api = { sizeof lease_api, lease_changed, lease_lost };
static const struct adit_session_api session_api = { .size = sizeof session_api,
                                                     .find = session_find };
static struct adit_host host;
static const char *more_dns;

static struct adit_self *pool(const char *yaml)
{
    memset(&H, 0, sizeof H);
    more_dns = "\x0a\0\0\x35";
    struct adit_self *s = fake_inst(fake_face("pool", "dhcp"), yaml);
    if (!s)
        return NULL;
    host = *s->host;
    host.lease = &lease_api;
    host.session = &session_api;
    s->host = &host;
    return s;
}

static adit_request ask_with(struct adit_self *self, const char *account, const char *domain,
                             const char *address, const char *session)
{
    const struct adit_host *h = self->host;
    struct adit_attrs *a = h->attr->make();
    if (account)
        adit_attr_put_str(h, a, ADIT_ATTR_ACCOUNT, account);
    if (domain)
        adit_attr_put_str(h, a, ADIT_ATTR_DOMAIN, domain);
    adit_attr_put_str(h, a, ADIT_ATTR_SESSION, session ? session : "s1");
    adit_attr_put_str(h, a, ADIT_ATTR_PEER_HOST, "Anna's Laptop.example");
    if (address) {
        struct adit_addr at = fake_addr(address);
        adit_attr_put_addr(h, a, ADIT_ATTR_ADDRESS, &at);
    }
    const struct adit_pool_query q = { .size = sizeof q, .attrs = a };
    adit_request req = fake_ask(self);
    dhcp_vtable.lease(self, req, &q);
    h->attr->free(a);
    return req;
}

static adit_request ask(struct adit_self *self, const char *account)
{
    return ask_with(self, account, NULL, NULL, NULL);
}

/* ---- a server ------------------------------------------------------------------------ */

static struct {
    uint8_t b[DHCP_SAY];
    uint32_t len, to, xid;
    uint8_t type;
} Q;                            /* the question that was taken last */

/* The next message that the pool sent; its type, 0: none. */
static uint8_t taken(void)
{
    const struct fake_sent *m = fake_sent();
    if (!m)
        return 0;               /* the last one may be answered yet */
    ck_assert_uint_eq(m->our.port, 67);
    ck_assert_uint_le(m->len, sizeof Q.b);
    memcpy(Q.b, m->data, m->len);
    Q.len = m->len;
    Q.to = asked_u32(m->peer.ip);
    Q.xid = asked_u32(Q.b + 4);
    Q.type = *asked_option(Q.b, Q.len, 53, NULL);
    ck_assert_uint_eq(asked_u32(Q.b + 24), US);
    return Q.type;
}

static const char *client_id(void)
{
    static char text[DHCP_ID];
    uint8_t n = 0;
    const uint8_t *p = asked_option(Q.b, Q.len, 61, &n);
    ck_assert(p && n > 1 && p[0] == 0);
    snprintf(text, sizeof text, "%.*s", n - 1, (const char *)p + 1);
    return text;
}

static uint32_t lease_s = 3600;

static size_t answer(uint8_t *b, uint8_t type, uint32_t server, uint32_t address)
{
    size_t n = answer_begin(b, type, Q.xid, US, Q.b + 28, address);
    n = answer_option32(b, n, 54, server);
    if (type != DHCP_NAK) {
        n = answer_option32(b, n, 51, lease_s);
        n = answer_option32(b, n, 1, 0xffffff00);
        n = answer_option(b, n, 6, more_dns, 4);
        n = answer_option(b, n, 44, "\x0a\0\0\x61", 4);
        n = answer_option(b, n, 15, "example.org", 11);
        n = answer_option(b, n, 121, "\x18\xc0\xa8\x05\x0a\0\0\1", 8);
    }
    return answer_end(b, n);
}

static void deliver(uint32_t from, const uint8_t *b, size_t n)
{
    struct adit_addr peer = dhcp_addr(from), our = dhcp_addr(US);
    peer.port = our.port = 67;
    fake_datagram(ADIT_PROTO_UDP, &peer, &our, NULL, b, n);
}

static void reply(uint8_t type, uint32_t server, uint32_t address)
{
    uint8_t b[DHCP_ANSWER];
    deliver(server, b, answer(b, type, server, address));
}

/* The server does what it is there for. */
static const struct adit_pool_answer *get(struct adit_self *s, adit_request req, uint32_t address)
{
    int32_t status = 1;
    if (fake_sent_count())
        taken();
    if (Q.type == DHCP_DISCOVER) {
        reply(DHCP_OFFER, SERVER, address);
        ck_assert_uint_eq(taken(), DHCP_REQUEST);
    }
    reply(DHCP_ACK, SERVER, address);
    ck_assert(fake_answered(req));
    const struct adit_pool_answer *a = fake_answer(req, &status);
    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(dhcp_number(&a->address), address);
    (void)s;
    return a;
}

static int32_t refused(adit_request req, uint32_t *cause)
{
    int32_t status = 0;
    ck_assert(fake_answered(req));
    const struct adit_pool_answer *a = fake_answer(req, &status);
    *cause = a ? a->cause : 0;
    return status;
}

/* ---- tests ---------------------------------------------------------------------------------- */

START_TEST(a_lease_and_what_comes_with_it)
{
    struct adit_self *s = pool(RELAY "\nhost-name: peer\nsubnet: 10.9.0.0");
    const struct adit_host *h = s->host;
    adit_request req = ask_with(s, "Anna", "CORP", NULL, NULL);
    ck_assert_uint_eq(taken(), DHCP_DISCOVER);
    ck_assert_uint_eq(Q.to, SERVER);
    ck_assert_str_eq(client_id(), "vpn/anna@corp");
    ck_assert_uint_eq(Q.b[28] & 3, 2);          /* locally administered, one host */
    uint8_t n;
    const uint8_t *name = asked_option(Q.b, Q.len, 12, &n);
    ck_assert_msg(n == 13 && !memcmp(name, "Anna-s-Laptop", 13), "%.*s", n, (const char *)name);
    ck_assert_mem_eq(asked_option(Q.b, Q.len, 82, NULL), "\5\4\x0a\x09\0\0", 6);
    reply(DHCP_OFFER, SERVER, IP(10, 0, 0, 77));
    ck_assert_uint_eq(taken(), DHCP_REQUEST);
    reply(DHCP_ACK, SERVER, IP(10, 0, 0, 77));
    int32_t status;
    const struct adit_pool_answer *a = fake_answer(req, &status);
    ck_assert_int_eq(status, 0);
    ck_assert_str_eq(fake_addr_text(&a->address), "10.0.0.77");
    ck_assert_str_eq(fake_addr_text(adit_attr_addr(h, a->attrs, ADIT_ATTR_DNS, 0)), "10.0.0.53");
    ck_assert_str_eq(fake_addr_text(adit_attr_addr(h, a->attrs, ADIT_ATTR_WINS, 0)), "10.0.0.97");
    ck_assert_str_eq(fake_addr_text(adit_attr_addr(h, a->attrs, ADIT_ATTR_NETMASK, 0)),
                     "255.255.255.0");
    ck_assert_str_eq(fake_addr_text(adit_attr_addr(h, a->attrs, ADIT_ATTR_PUSH_ROUTE, 0)),
                     "192.168.5.0/24");
    ck_assert_str_eq(fake_addr_text(adit_attr_addr(h, a->attrs, ADIT_ATTR_SERVER_ADDRESS, 0)),
                     "127.0.0.1");
    ck_assert_str_eq(adit_attr_str(h, a->attrs, ADIT_ATTR_DNS_DOMAIN), "example.org");
    const char *text = fake_status(s);
    ck_assert_msg(strstr(text, "\"state\": \"answering\"") && strstr(text, "\"leased\": 1") &&
                  strstr(text, "\"client-id\": \"vpn/anna@corp\"") &&
                  strstr(text, "\"expires-in-ms\": 3600000"), "%s", text);
    /* renewed at T1, by the server alone */
    fake_advance(1700000);
    ck_assert_uint_eq(taken(), 0);
    fake_advance(100001);
    ck_assert_uint_eq(taken(), DHCP_REQUEST);
    ck_assert_uint_eq(asked_u32(Q.b + 12), IP(10, 0, 0, 77));
    ck_assert_ptr_null(asked_option(Q.b, Q.len, 50, NULL));
    ck_assert_ptr_null(asked_option(Q.b, Q.len, 54, NULL));
    reply(DHCP_ACK, SERVER, IP(10, 0, 0, 77));
    ck_assert_uint_eq(H.changed, 0);
    fake_advance(1800001);
    ck_assert_uint_eq(taken(), DHCP_REQUEST);
    more_dns = "\x0a\0\0\x63";
    reply(DHCP_ACK, SERVER, IP(10, 0, 0, 77));
    ck_assert_uint_eq(H.changed, 1);
    ck_assert_uint_eq(H.changed_lease, a->lease);
    ck_assert_str_eq(H.dns, "10.0.0.99");
    ck_assert_uint_eq(fake_counter(s, "renewed"), 2);
    dhcp_vtable.release(s, a->lease);
    ck_assert_uint_eq(taken(), DHCP_RELEASE);
    ck_assert_str_eq(client_id(), "vpn/anna@corp");
    dhcp_vtable.release(s, a->lease);
    ck_assert_uint_eq(taken(), 0);
    ck_assert_uint_eq(fake_counter(s, "released"), 1);
    fake_inst_free(s);
    fake_end();
}
END_TEST

START_TEST(on_a_lan_everybody_is_asked)
{
    struct adit_self *s = pool(LAN);
    adit_request req = ask(s, "anna");
    ck_assert_uint_eq(taken(), DHCP_DISCOVER);
    ck_assert_uint_eq(Q.to, 0xffffffffu);
    reply(DHCP_OFFER, OTHER, IP(127, 0, 0, 9));         /* no address of a host */
    ck_assert_uint_eq(fake_counter(s, "rx-malformed"), 1);
    reply(DHCP_OFFER, OTHER, IP(10, 0, 0, 77));
    ck_assert_uint_eq(taken(), DHCP_REQUEST);
    ck_assert_uint_eq(Q.to, 0xffffffffu);
    reply(DHCP_ACK, OTHER, IP(10, 0, 0, 77));
    int32_t status;
    const struct adit_pool_answer *a = fake_answer(req, &status);
    ck_assert_int_eq(status, 0);
    /* others' questions are no nonsense */
    uint8_t other[300] = { 1, 1, 6 };
    struct adit_addr peer = fake_addr("0.0.0.0:68"), all = fake_addr("255.255.255.255:67");
    fake_datagram(ADIT_PROTO_UDP, &peer, &all, NULL, other, sizeof other);
    ck_assert_uint_eq(fake_counter(s, "rx-malformed"), 1);
    dhcp_vtable.release(s, a->lease);
    ck_assert_uint_eq(taken(), DHCP_RELEASE);
    ck_assert_uint_eq(Q.to, OTHER);
    /* an address of another network is none of this LAN */
    uint32_t cause;
    ck_assert_int_eq(refused(ask_with(s, "anna", NULL, "10.1.2.3", NULL), &cause), ADIT_ENOENT);
    fake_inst_free(s);
    fake_end();
}
END_TEST

START_TEST(identities)
{
    struct adit_self *s = pool(RELAY);
    const struct adit_pool_answer *one = get(s, ask(s, "anna"), IP(10, 0, 0, 77));
    ck_assert_str_eq(client_id(), "vpn/anna");
    uint8_t mac[6];
    memcpy(mac, Q.b + 28, 6);
    ck_assert_ptr_null(strchr((const char *)asked_option(Q.b, Q.len, 12, NULL), '\''));
    const struct adit_pool_answer *two = get(s, ask(s, "ANNA"), IP(10, 0, 0, 78));
    ck_assert_str_eq(client_id(), "vpn/anna#2");
    ck_assert_mem_ne(mac, Q.b + 28, 6);
    dhcp_vtable.release(s, one->lease);
    ck_assert_uint_eq(taken(), DHCP_RELEASE);
    get(s, ask(s, "anna"), IP(10, 0, 0, 77));
    ck_assert_str_eq(client_id(), "vpn/anna");
    ck_assert_mem_eq(mac, Q.b + 28, 6);
    dhcp_vtable.release(s, two->lease);
    /* what cannot stand in one is told apart by a digest */
    fake_sent_drop();
    get(s, ask(s, "j\xc3\xb6rg"), IP(10, 0, 0, 80));
    ck_assert_msg(!strncmp(client_id(), "vpn/j??rg~", 10), "%s", client_id());
    char first[DHCP_ID];
    snprintf(first, sizeof first, "%s", client_id());
    get(s, ask(s, "j\xc3\xa4rg"), IP(10, 0, 0, 81));
    ck_assert_str_ne(client_id(), first);
    char big[256];
    memset(big, 'x', 255);
    big[255] = '\0';
    get(s, ask_with(s, big, big, NULL, NULL), IP(10, 0, 0, 82));
    ck_assert_uint_le(strlen(client_id()), 120);
    fake_inst_free(s);
    fake_sent_drop();
    s = pool(RELAY "\nidentity: session");
    get(s, ask_with(s, "anna", NULL, NULL, "s-1"), IP(10, 0, 0, 77));
    ck_assert_str_eq(client_id(), "vpn/s-1");
    get(s, ask_with(s, "anna", NULL, NULL, "s-2"), IP(10, 0, 0, 78));
    ck_assert_str_eq(client_id(), "vpn/s-2");
    fake_inst_free(s);
    fake_end();
}
END_TEST

START_TEST(one_account_for_everybody)
{
    struct adit_self *s = pool(RELAY);
    char name[16];
    for (uint32_t i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "s-%u", i);
        get(s, ask_with(s, "vpn", NULL, NULL, name), IP(10, 1, 0, 0) + 256 + i);
    }
    ck_assert_str_eq(client_id(), "vpn/s-299");
    fake_inst_free(s);
    fake_end();
}
END_TEST

START_TEST(silence_is_noticed_and_so_is_its_end)
{
    struct adit_self *s = pool(RELAY);
    uint32_t cause;
    adit_request req = ask(s, "anna");
    fake_advance(9999);
    ck_assert(!fake_answered(req));
    fake_advance(1);
    ck_assert_int_eq(refused(req, &cause), ADIT_ETIMEDOUT);
    ck_assert_uint_eq(cause, ADIT_CAUSE_DHCP_SILENT);
    ck_assert_uint_eq(fake_event_count("dhcp.silent"), 1);
    ck_assert_str_eq(fake_event_str("dhcp.silent", "servers"), "10.0.0.2");
    /* the next one waits a second */
    fake_sent_drop();
    req = ask(s, "bert");
    ck_assert_uint_eq(taken(), DHCP_DISCOVER);
    fake_advance(1000);
    ck_assert_int_eq(refused(req, &cause), ADIT_ETIMEDOUT);
    for (int i = 0; i < 20; i++) {
        ask(s, "carl");
        fake_advance(1000);
    }
    ck_assert_uint_le(fake_event_count("dhcp.silent"), 3);
    ck_assert_ptr_nonnull(strstr(fake_status(s), "\"state\": \"silent\""));
    /* an offer that is late, because the server pinged the address: the next one waits */
    fake_sent_drop();
    req = ask(s, "dora");
    ck_assert_uint_eq(taken(), DHCP_DISCOVER);
    fake_advance(1000);
    ck_assert(fake_answered(req));
    reply(DHCP_OFFER, SERVER, IP(10, 0, 0, 77));
    ck_assert_uint_eq(taken(), 0);
    ck_assert_uint_eq(fake_event_count("dhcp.answering"), 1);
    req = ask(s, "dora");
    fake_advance(3000);
    ck_assert(!fake_answered(req));
    ck_assert_uint_eq(taken(), DHCP_DISCOVER);
    get(s, req, IP(10, 0, 0, 77));
    fake_inst_free(s);
    fake_end();
}
END_TEST

START_TEST(a_full_server_is_not_a_silent_one)
{
    struct adit_self *s = pool(RELAY);
    uint32_t cause;
    get(s, ask(s, "anna"), IP(10, 0, 0, 77));
    adit_request req = ask(s, "bert");
    ck_assert_uint_eq(taken(), DHCP_DISCOVER);
    /* with the second question somebody's lease is renewed before it is time */
    fake_advance(2600);
    bool probed = false;
    for (uint8_t type; (type = taken());)
        if (type == DHCP_REQUEST) {
            reply(DHCP_ACK, SERVER, IP(10, 0, 0, 77));
            probed = true;
        }
    ck_assert(probed);
    fake_advance(5500);
    ck_assert_int_eq(refused(req, &cause), ADIT_ENOSPC);
    ck_assert_uint_eq(cause, ADIT_CAUSE_POOL_EXHAUSTED);
    ck_assert_str_eq(fake_event_str("dhcp.exhausted", "account"), "bert");
    fake_sent_drop();
    req = ask(s, "carl");
    for (uint8_t type; (type = taken());)
        if (type == DHCP_REQUEST)
            reply(DHCP_ACK, SERVER, IP(10, 0, 0, 77));
    fake_advance(1000);
    ck_assert_int_eq(refused(req, &cause), ADIT_ENOSPC);
    ck_assert_ptr_nonnull(strstr(fake_status(s), "\"state\": \"exhausted\""));
    /* and now it is dead */
    fake_advance(5000);
    req = ask(s, "carl");
    fake_advance(1000);
    ck_assert_int_eq(refused(req, &cause), ADIT_ETIMEDOUT);
    ck_assert_uint_eq(cause, ADIT_CAUSE_DHCP_SILENT);
    ck_assert_uint_eq(H.lost, 0);
    fake_inst_free(s);
    fake_end();
}
END_TEST

START_TEST(a_session_lives_to_the_end_of_its_lease)
{
    struct adit_self *s = pool(RELAY);
    const struct adit_pool_answer *a = get(s, ask(s, "anna"), IP(10, 0, 0, 77));
    fake_advance(3599000);
    ck_assert_uint_eq(H.lost, 0);
    ck_assert_uint_gt(fake_sent_count(), 3);
    fake_advance(1001);
    ck_assert_uint_eq(H.lost, 1);
    ck_assert_uint_eq(H.lost_lease, a->lease);
    ck_assert_uint_eq(H.cause, ADIT_CAUSE_LEASE_LOST);
    ck_assert_ptr_nonnull(strstr(H.text, "no DHCP server renewed"));
    ck_assert_str_eq(fake_event_str("dhcp.lost", "account"), "anna");
    dhcp_vtable.release(s, a->lease);           /* does not come, and does no harm */
    /* a server that takes it */
    fake_sent_drop();
    a = get(s, ask(s, "anna"), IP(10, 0, 0, 77));
    fake_advance(1800001);
    ck_assert_uint_eq(taken(), DHCP_REQUEST);
    uint8_t b[DHCP_ANSWER];
    size_t n = answer_begin(b, DHCP_NAK, Q.xid, US, Q.b + 28, 0);
    n = answer_option32(b, n, 54, SERVER);
    n = answer_option(b, n, 56, "reserved now", 12);
    deliver(SERVER, b, answer_end(b, n));
    ck_assert_uint_eq(H.lost, 2);
    ck_assert_ptr_nonnull(strstr(H.text, "reserved now"));
    fake_inst_free(s);
    fake_end();
}
END_TEST

START_TEST(what_is_cancelled_is_given_back)
{
    struct adit_self *s = pool(RELAY);
    int32_t status;
    /* before the offer: nothing was taken */
    adit_request req = ask(s, "anna");
    ck_assert_uint_eq(taken(), DHCP_DISCOVER);
    fake_cancel(s, req);
    fake_answer(req, &status);
    ck_assert_int_eq(status, ADIT_ECANCELED);
    reply(DHCP_OFFER, SERVER, IP(10, 0, 0, 77));
    ck_assert_uint_eq(taken(), 0);
    /* between request and answer: what came is released */
    req = ask(s, "anna");
    ck_assert_uint_eq(taken(), DHCP_DISCOVER);
    reply(DHCP_OFFER, SERVER, IP(10, 0, 0, 77));
    ck_assert_uint_eq(taken(), DHCP_REQUEST);
    fake_cancel(s, req);
    ck_assert_uint_eq(taken(), 0);
    reply(DHCP_ACK, SERVER, IP(10, 0, 0, 77));
    ck_assert_uint_eq(taken(), DHCP_RELEASE);
    ck_assert_uint_eq(asked_u32(Q.b + 12), IP(10, 0, 0, 77));
    /* the answer was lost: released all the same */
    req = ask(s, "anna");
    ck_assert_uint_eq(taken(), DHCP_DISCOVER);
    reply(DHCP_OFFER, SERVER, IP(10, 0, 0, 77));
    fake_cancel(s, req);
    fake_sent_drop();
    fake_advance(10001);
    uint8_t type, last = 0;
    while ((type = taken()))
        last = type;
    ck_assert_uint_eq(last, DHCP_RELEASE);
    /* the user is back before the answer: it is his */
    req = ask(s, "anna");
    ck_assert_uint_eq(taken(), DHCP_DISCOVER);
    reply(DHCP_OFFER, SERVER, IP(10, 0, 0, 77));
    fake_cancel(s, req);
    req = ask(s, "anna");
    ck_assert(!fake_answered(req));
    ck_assert_uint_eq(taken(), DHCP_REQUEST);
    ck_assert_str_eq(client_id(), "vpn/anna");
    reply(DHCP_ACK, SERVER, IP(10, 0, 0, 77));
    fake_answer(req, &status);
    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(taken(), 0);
    fake_inst_free(s);
    ck_assert_uint_eq(taken(), DHCP_RELEASE);
    fake_end();
}
END_TEST

START_TEST(conflicts_are_declined)
{
    struct adit_self *s = pool(RELAY);
    const struct adit_pool_answer *a = get(s, ask(s, "anna"), IP(10, 0, 0, 77));
    adit_request req = ask(s, "bert");
    ck_assert_uint_eq(taken(), DHCP_DISCOVER);
    reply(DHCP_OFFER, SERVER, IP(10, 0, 0, 77));
    ck_assert_uint_eq(taken(), DHCP_REQUEST);
    reply(DHCP_ACK, SERVER, IP(10, 0, 0, 77));
    ck_assert_uint_eq(taken(), DHCP_DECLINE);
    ck_assert_uint_eq(asked_u32(asked_option(Q.b, Q.len, 50, NULL)), IP(10, 0, 0, 77));
    ck_assert_uint_eq(asked_u32(Q.b + 12), 0);
    ck_assert_str_eq(fake_event_str("dhcp.declined", "account"), "bert");
    get(s, req, IP(10, 0, 0, 78));
    /* a session that has its address from somewhere else */
    H.holders = 1;
    req = ask(s, "carl");
    for (int i = 0; i < 4; i++) {
        ck_assert_uint_eq(taken(), DHCP_DISCOVER);
        reply(DHCP_OFFER, SERVER, IP(10, 0, 0, 80));
        ck_assert_uint_eq(taken(), DHCP_REQUEST);
        reply(DHCP_ACK, SERVER, IP(10, 0, 0, 80));
        ck_assert_uint_eq(taken(), DHCP_DECLINE);
    }
    uint32_t cause;
    ck_assert_int_eq(refused(req, &cause), ADIT_EEXIST);
    H.holders = 0;
    (void)a;
    fake_inst_free(s);
    fake_end();
}
END_TEST

static struct adit_request_api requests;
static const struct adit_request_api *its_requests;
static adit_request asked_again;

/* The old session makes room, and the pool is asked once more from inside its answer. */
static void done_and_again(struct adit_self *self, adit_request req, int32_t status, const void *answer)
{
    its_requests->done(self, req, status, answer);
    if (status != ADIT_EEXIST || asked_again)
        return;
    H.holders = 0;
    asked_again = ask_with(self, "carl", NULL, "10.0.0.80", NULL);
}

START_TEST(who_is_refused_may_ask_again_at_once)
{
    struct adit_self *s = pool(RELAY);
    uint32_t cause;
    its_requests = host.request;
    requests = *its_requests;
    requests.done = done_and_again;
    host.request = &requests;
    asked_again = 0;
    H.holders = 1;
    adit_request req = ask_with(s, "carl", NULL, "10.0.0.80", NULL);
    ck_assert_uint_eq(taken(), DHCP_DISCOVER);
    reply(DHCP_OFFER, SERVER, IP(10, 0, 0, 80));
    ck_assert_uint_eq(taken(), DHCP_REQUEST);
    reply(DHCP_ACK, SERVER, IP(10, 0, 0, 80));
    ck_assert_uint_eq(taken(), DHCP_DECLINE);
    ck_assert_int_eq(refused(req, &cause), ADIT_EEXIST);
    ck_assert(asked_again);
    get(s, asked_again, IP(10, 0, 0, 80));
    fake_inst_free(s);
    fake_end();
}
END_TEST

START_TEST(an_account_has_its_address)
{
    struct adit_self *s = pool(RELAY);
    uint32_t cause;
    adit_request req = ask_with(s, "anna", NULL, "10.0.0.50", NULL);
    ck_assert_uint_eq(taken(), DHCP_DISCOVER);
    ck_assert_uint_eq(asked_u32(asked_option(Q.b, Q.len, 50, NULL)), IP(10, 0, 0, 50));
    const struct adit_pool_answer *a = get(s, req, IP(10, 0, 0, 50));
    (void)a;
    ck_assert_int_eq(refused(ask_with(s, "bert", NULL, "10.0.0.50", NULL), &cause), ADIT_EEXIST);
    ck_assert_uint_eq(cause, ADIT_CAUSE_ADDRESS_TAKEN);
    req = ask_with(s, "carl", NULL, "10.0.0.51", NULL);
    ck_assert_uint_eq(taken(), DHCP_DISCOVER);
    reply(DHCP_OFFER, SERVER, IP(10, 0, 0, 99));
    ck_assert_uint_eq(taken(), 0);
    fake_advance(200);
    ck_assert_int_eq(refused(req, &cause), ADIT_EEXIST);
    ck_assert_str_eq(fake_event_str("dhcp.refused", "account"), "carl");
    /* of another network than these servers have: a matter for other pools */
    req = ask_with(s, "dora", NULL, "10.7.0.1", NULL);
    ck_assert_uint_eq(taken(), DHCP_DISCOVER);
    reply(DHCP_OFFER, SERVER, IP(10, 0, 0, 99));
    fake_advance(200);
    ck_assert_int_eq(refused(req, &cause), ADIT_ENOENT);
    fake_inst_free(s);
    fake_end();
}
END_TEST

START_TEST(hostile_datagrams_change_nothing)
{
    struct adit_self *s = pool(RELAY);
    uint8_t b[DHCP_ANSWER], c[DHCP_ANSWER];
    adit_request req = ask(s, "anna");
    ck_assert_uint_eq(taken(), DHCP_DISCOVER);
    size_t n = answer(b, DHCP_OFFER, SERVER, IP(10, 0, 0, 77));
    memcpy(c, b, sizeof c);
    c[7] ^= 1;                                  /* xid */
    deliver(SERVER, c, n);
    memcpy(c, b, sizeof c);
    c[30] ^= 1;                                 /* chaddr */
    deliver(SERVER, c, n);
    memcpy(c, b, sizeof c);
    c[27] ^= 1;                                 /* giaddr */
    deliver(SERVER, c, n);
    ck_assert_uint_eq(fake_counter(s, "rx-unknown"), 3);
    deliver(OTHER, b, n);                       /* a server that was not asked */
    ck_assert_uint_eq(fake_counter(s, "rx-stranger"), 1);
    for (size_t len = 0; len < n; len += 3)
        deliver(SERVER, b, len < 240 ? len : 100);
    c[0] = 1;
    deliver(SERVER, c, n);
    ck_assert_uint_gt(fake_counter(s, "rx-malformed"), 90);
    ck_assert_uint_le(fake_event_count("dhcp.dropped"), 12);
    ck_assert_uint_eq(taken(), 0);
    ck_assert(!fake_answered(req));
    reply(DHCP_OFFER, SERVER, IP(10, 0, 0, 77));
    ck_assert_uint_eq(taken(), DHCP_REQUEST);
    reply(DHCP_ACK, SERVER, IP(10, 0, 0, 77));
    reply(DHCP_ACK, SERVER, IP(10, 0, 0, 77));  /* twice */
    reply(DHCP_NAK, SERVER, 0);
    ck_assert(fake_answered(req));
    ck_assert_uint_eq(H.lost, 0);
    fake_inst_free(s);
    fake_end();
}
END_TEST

static char *state_dir(void)
{
    static char dir[64];
    snprintf(dir, sizeof dir, "/tmp/adit-dhcp-test.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    fake_begin();
    fake_state_dir(dir);
    return dir;
}

static void clean(const char *dir)
{
    char cmd[128];
    snprintf(cmd, sizeof cmd, "rm -rf '%s'", dir);
    ck_assert_int_eq(system(cmd), 0);
}

/* The daemon is killed: what the file says is all that is left. */
static void killed(struct adit_self *s, const char *dir)
{
    char path[160], kept[8192];
    snprintf(path, sizeof path, "%s/pool-dhcp/dhcp.leases", dir);
    FILE *f = fopen(path, "r");
    ck_assert_ptr_nonnull(f);
    size_t n = fread(kept, 1, sizeof kept, f);
    fclose(f);
    fake_inst_free(s);
    fake_sent_drop();
    f = fopen(path, "w");
    fwrite(kept, 1, n, f);
    fclose(f);
}

START_TEST(after_a_restart_users_get_what_they_had)
{
    char *dir = state_dir();
    struct adit_self *s = pool(RELAY);
    int32_t status;
    get(s, ask(s, "anna"), IP(10, 0, 0, 77));
    get(s, ask(s, "bert"), IP(10, 0, 0, 78));
    const struct adit_pool_answer *gone = get(s, ask(s, "carl"), IP(10, 0, 0, 79));
    get(s, ask(s, "dora"), IP(10, 0, 0, 80));
    dhcp_vtable.release(s, gone->lease);
    killed(s, dir);
    s = pool(RELAY);
    ck_assert_ptr_nonnull(strstr(fake_status(s), "\"waiting\": 3"));
    ck_assert_uint_eq(taken(), 0);
    /* INIT-REBOOT (RFC 2131 section 4.3.2) */
    adit_request req = ask(s, "anna");
    ck_assert_uint_eq(taken(), DHCP_REQUEST);
    ck_assert_uint_eq(asked_u32(asked_option(Q.b, Q.len, 50, NULL)), IP(10, 0, 0, 77));
    ck_assert_ptr_null(asked_option(Q.b, Q.len, 54, NULL));
    ck_assert_uint_eq(asked_u32(Q.b + 12), 0);
    reply(DHCP_ACK, SERVER, IP(10, 0, 0, 77));
    fake_answer(req, &status);
    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(fake_counter(s, "again"), 1);
    /* the server has given it to somebody else */
    req = ask(s, "bert");
    ck_assert_uint_eq(taken(), DHCP_REQUEST);
    reply(DHCP_NAK, SERVER, 0);
    get(s, req, IP(10, 0, 0, 90));
    /* who does not come gets nothing kept for ever */
    fake_advance(5 * 60000 + 1000);
    ck_assert_uint_eq(taken(), DHCP_RELEASE);
    ck_assert_str_eq(client_id(), "vpn/dora");
    ck_assert_uint_eq(asked_u32(Q.b + 12), IP(10, 0, 0, 80));
    ck_assert_uint_eq(taken(), 0);
    ck_assert_ptr_nonnull(strstr(fake_status(s), "\"waiting\": 0"));
    fake_inst_free(s);
    s = pool(RELAY);            /* a good end leaves nothing */
    ck_assert_ptr_nonnull(strstr(fake_status(s), "\"waiting\": 0"));
    fake_inst_free(s);
    fake_end();
    clean(dir);
}
END_TEST

START_TEST(after_a_restart_somebody_else_has_it)
{
    char *dir = state_dir();
    struct adit_self *s = pool(RELAY);
    get(s, ask(s, "anna"), IP(10, 0, 0, 77));
    killed(s, dir);
    s = pool(RELAY);
    adit_request anna = ask(s, "anna");
    ck_assert_uint_eq(taken(), DHCP_REQUEST);
    const uint32_t hers = Q.xid;
    uint8_t chaddr[6];
    memcpy(chaddr, Q.b + 28, sizeof chaddr);
    /* the server, without its memory, gives it to him before it answers her */
    get(s, ask(s, "bert"), IP(10, 0, 0, 77));
    ck_assert(!fake_answered(anna));
    Q.xid = hers;
    memcpy(Q.b + 28, chaddr, sizeof chaddr);
    reply(DHCP_NAK, SERVER, 0);
    get(s, anna, IP(10, 0, 0, 78));
    fake_inst_free(s);
    fake_end();
    clean(dir);
}
END_TEST

START_TEST(after_a_restart_without_a_server)
{
    char *dir = state_dir();
    struct adit_self *s = pool(RELAY);
    int32_t status;
    get(s, ask(s, "anna"), IP(10, 0, 0, 77));
    killed(s, dir);
    s = pool(RELAY);
    adit_request req = ask(s, "anna");
    fake_advance(10001);
    const struct adit_pool_answer *a = fake_answer(req, &status);
    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(dhcp_number(&a->address), IP(10, 0, 0, 77));
    ck_assert_str_eq(fake_addr_text(adit_attr_addr(s->host, a->attrs, ADIT_ATTR_DNS, 0)), "10.0.0.53");
    ck_assert_str_eq(fake_addr_text(adit_attr_addr(s->host, a->attrs, ADIT_ATTR_PUSH_ROUTE, 0)),
                     "192.168.5.0/24");
    ck_assert_str_eq(adit_attr_str(s->host, a->attrs, ADIT_ATTR_DNS_DOMAIN), "example.org");
    ck_assert_uint_eq(fake_event_count("dhcp.resumed"), 1);
    fake_advance(3600000);
    ck_assert_uint_eq(H.lost, 1);
    fake_inst_free(s);
    /* identifiers that nobody will ever have again are given back at once */
    fake_sent_drop();
    s = pool(RELAY "\nidentity: session");
    get(s, ask(s, "anna"), IP(10, 0, 0, 77));
    killed(s, dir);
    s = pool(RELAY "\nidentity: session");
    fake_advance(1000);
    ck_assert_uint_eq(taken(), DHCP_RELEASE);
    fake_inst_free(s);
    fake_end();
    clean(dir);
}
END_TEST

START_TEST(a_file_of_nonsense)
{
    char *dir = state_dir(), path[160];
    snprintf(path, sizeof path, "%s/pool-dhcp", dir);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/pool-dhcp/dhcp.leases", dir);
    FILE *f = fopen(path, "w");
    fputs("+ \n- \n\n+ 00 1 2 3\n+ zz 167772237 1 1 3600 1 2 99999999999 0 - - - -\n"
          "+ 0041 167772237 1 1 3600 1 2 999999999999999999999 0 - - - -\n"
          "+ 0041 167772237 1 1 3600 1 2 4000000000 0 1,2,3,4,5 - - -\n"
          "+ 0041 167772237 1 1 3600 1 2 4000000000 0 - - 1/33 -\n"
          "+ 0042 167772237 1 1 3600 1 2 4000000000 0 - - - example.org\n"
          "+ 0043 167772238 1 1 3600 1 2 4000000000 0 1,2 3 167772160/8 -\n- 0043\n", f);
    for (int i = 0; i < 20000; i++)
        fputc('x', f);
    fclose(f);
    struct adit_self *s = pool(RELAY);
    ck_assert_ptr_nonnull(s);
    ck_assert_uint_eq(fake_event_count("dhcp.store"), 1);
    const char *text = fake_status(s);
    ck_assert_msg(strstr(text, "\"waiting\": 1") && strstr(text, "\"client-id\": \"B\""), "%s", text);
    ck_assert_ptr_nonnull(strstr(text, "\"expires-in-ms\": 3600000"));  /* the clock was wrong */
    fake_inst_free(s);
    fake_end();
    clean(dir);
}
END_TEST

/* What a full disk cuts off does not take the next line with it. */
START_TEST(a_full_disk_costs_one_line)
{
    char *dir = state_dir(), path[160];
    struct rlimit was, little;
    struct stat st;
    struct adit_self *s = pool(RELAY);
    snprintf(path, sizeof path, "%s/pool-dhcp/dhcp.leases", dir);
    get(s, ask(s, "anna"), IP(10, 0, 0, 77));
    ck_assert_int_eq(stat(path, &st), 0);
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &was), 0);
    little = was;
    little.rlim_cur = (rlim_t)st.st_size + 20;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &little), 0);
    get(s, ask(s, "bert"), IP(10, 0, 0, 78));
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &was), 0);
    ck_assert_uint_eq(fake_event_count("dhcp.store"), 1);
    get(s, ask(s, "carl"), IP(10, 0, 0, 79));
    killed(s, dir);
    s = pool(RELAY);
    ck_assert_ptr_nonnull(strstr(fake_status(s), "\"waiting\": 2"));
    fake_inst_free(s);
    fake_end();
    clean(dir);
}
END_TEST

START_TEST(thousands_of_leases)
{
    char *dir = state_dir();
    struct adit_self *s = pool(RELAY);
    static uint64_t leases[MANY];
    char name[16];
    for (uint32_t i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "u%u", i);
        leases[i] = get(s, ask(s, name), IP(10, 1, 0, 0) + i)->lease;
    }
    ck_assert_uint_eq(fake_counter(s, "leased"), MANY);
    /* they began together and are renewed over a while */
    fake_advance(1800000 - 45000);
    uint32_t early = fake_sent_count();
    ck_assert_uint_gt(early, MANY / 5);
    ck_assert_uint_lt(early, MANY * 4 / 5);
    fake_advance(45000 + 1);
    ck_assert_uint_eq(fake_sent_count(), MANY);
    while (taken())
        reply(DHCP_ACK, SERVER, asked_u32(Q.b + 12));
    ck_assert_uint_eq(fake_counter(s, "renewed"), MANY);
    struct stat st;
    char path[160];
    snprintf(path, sizeof path, "%s/pool-dhcp/dhcp.leases", dir);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_lt(st.st_size, 4 * MANY * 160);
    for (uint32_t i = 0; i < MANY; i++)
        dhcp_vtable.release(s, leases[i]);
    ck_assert_uint_eq(fake_counter(s, "released"), MANY);
    fake_sent_drop();
    fake_inst_free(s);
    fake_end();
    clean(dir);
}
END_TEST

START_TEST(what_cannot_serve_says_why)
{
    ck_assert_ptr_null(pool(""));
    ck_assert_ptr_nonnull(strstr(fake_last_error(), "neither interface nor relay-address"));
    ck_assert_ptr_null(pool("relay-address: 2001:db8::1"));
    ck_assert_ptr_nonnull(strstr(fake_last_error(), "IPv4"));
    ck_assert_ptr_null(pool("relay-address: 127.0.0.1\nservers: [1.1.1.1, 1.1.1.2, 1.1.1.3, 1.1.1.4, "
                            "1.1.1.5, 1.1.1.6, 1.1.1.7, 1.1.1.8, 1.1.1.9]"));
    ck_assert_ptr_nonnull(strstr(fake_last_error(), "at most 8"));
    ck_assert_ptr_null(pool(RELAY "\nsilent-timeout: 11s"));
    /* an interface that is not there yet: it serves, and says so */
    struct adit_self *s = pool("interface: nosuch0");
    ck_assert_ptr_nonnull(s);
    ck_assert_uint_eq(fake_event_count("dhcp.waiting"), 1);
    ck_assert_str_eq(fake_event_str("dhcp.waiting", "reason"), "this host has no such interface");
    fake_advance(60000);
    ck_assert_uint_eq(fake_event_count("dhcp.waiting"), 1);
    uint32_t cause;
    ck_assert_int_eq(refused(ask(s, "anna"), &cause), ADIT_EUNREACH);
    ck_assert_uint_eq(cause, ADIT_CAUSE_DHCP_SILENT);
    ck_assert_ptr_nonnull(strstr(fake_status(s), "\"state\": \"waiting\""));
    fake_stop(s);
    ck_assert_int_eq(refused(ask(s, "anna"), &cause), ADIT_ESTATE);
    fake_inst_free(s);
    /* a DHCP server runs on this host */
    struct adit_self *first = pool(RELAY);
    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_null(fake_inst(fake_face("pool", "dhcp"), LAN));
    ck_assert_int_eq(fake_code(), ADIT_EADDRINUSE);
    ck_assert_ptr_nonnull(strstr(fake_last_error(), "a DHCP server or relay runs on this host"));
    fake_inst_free(first);
    fake_end();
}
END_TEST

START_TEST(reload_takes_other_servers)
{
    struct adit_self *s = pool(RELAY);
    get(s, ask(s, "anna"), IP(10, 0, 0, 77));
    ck_assert_int_eq(fake_reload(s, "relay-address: 127.0.0.1\nservers: [10.0.0.3:1067, 10.0.0.2]\n"
                                 "client-id: vpn\nshortest-lease: 2h"), 0);
    ask(s, "bert");
    ck_assert_uint_eq(taken(), DHCP_DISCOVER);
    ck_assert_uint_eq(Q.to, OTHER);
    reply(DHCP_OFFER, SERVER, IP(10, 0, 0, 78));        /* too short now */
    ck_assert_uint_eq(taken(), DHCP_DISCOVER);          /* the second copy */
    ck_assert_uint_eq(Q.to, SERVER);
    ck_assert_uint_eq(taken(), 0);
    ck_assert_int_eq(fake_reload(s, "relay-address: 127.0.0.1\nclient-id: other"), ADIT_ERESTART);
    ck_assert_int_eq(fake_reload(s, "relay-address: 127.0.0.1\nclient-id: vpn\n"
                                 "servers: [\"::1\"]"), ADIT_ECONF);
    ck_assert_int_eq(fake_reload(s, "relay-address: 127.0.0.1\nclient-id: vpn"), 0);
    ask(s, "carl");
    ck_assert_uint_eq(taken(), DHCP_DISCOVER);
    ck_assert_uint_eq(Q.to, 0xffffffffu);
    fake_inst_free(s);
    fake_end();
}
END_TEST

/* Every message of an exchange lost, doubled or in the wrong order, over and over: every
 * request is answered once, and at the end the server has nothing of ours. */
START_TEST(every_loss_duplication_and_reordering)
{
    struct adit_self *s = pool(RELAY);
    uint64_t seed = 1;
    uint8_t late[DHCP_ANSWER];
    size_t late_len = 0;
    uint32_t got = 0;
    for (uint32_t round = 0; round < 600; round++) {
        adit_request req = ask(s, "anna");
        int32_t status = 1;
        uint64_t lease = 0;
        for (int i = 0; i < 40 && !fake_answered(req); i++) {
            while (taken() && !fake_answered(req)) {
                uint8_t b[DHCP_ANSWER];
                seed = seed * 6364136223846793005u + 1442695040888963407u;
                unsigned dice = (unsigned)(seed >> 60);
                if (Q.type == DHCP_RELEASE || dice < 4)
                    continue;                   /* lost */
                size_t n = answer(b, Q.type == DHCP_DISCOVER ? DHCP_OFFER :
                                  dice == 5 ? DHCP_NAK : DHCP_ACK, SERVER, IP(10, 0, 0, 77));
                if (dice == 6 && late_len)
                    deliver(SERVER, late, late_len);
                if (dice == 7) {
                    memcpy(late, b, n);
                    late_len = n;
                    continue;
                }
                deliver(SERVER, b, n);
                if (dice > 12)
                    deliver(SERVER, b, n);
            }
            if (!fake_answered(req))
                fake_advance(500);
        }
        ck_assert(fake_answered(req));
        const struct adit_pool_answer *a = fake_answer(req, &status);
        if (status == 0) {
            got++;
            lease = a->lease;
            dhcp_vtable.release(s, lease);
        }
    }
    ck_assert_uint_gt(got, 400);
    ck_assert_uint_eq(H.lost, 0);
    ck_assert_uint_eq(fake_counter(s, "leased"), got);
    ck_assert_uint_eq(fake_counter(s, "released"), got);
    fake_advance(20000);
    fake_sent_drop();
    ck_assert_ptr_nonnull(strstr(fake_status(s), "\"leases\": []"));
    fake_inst_free(s);
    fake_end();
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        a_lease_and_what_comes_with_it, on_a_lan_everybody_is_asked, identities,
        one_account_for_everybody, silence_is_noticed_and_so_is_its_end,
        a_full_server_is_not_a_silent_one, a_session_lives_to_the_end_of_its_lease,
        what_is_cancelled_is_given_back, conflicts_are_declined,
        who_is_refused_may_ask_again_at_once, an_account_has_its_address,
        hostile_datagrams_change_nothing, after_a_restart_users_get_what_they_had,
        after_a_restart_somebody_else_has_it, after_a_restart_without_a_server, a_file_of_nonsense, a_full_disk_costs_one_line,
        thousands_of_leases,
        what_cannot_serve_says_why, reload_takes_other_servers,
        every_loss_duplication_and_reordering, NULL,
    };
    return unit_suite("pool-dhcp", tests);
}
UNIT_MAIN(suite)
