/* test_ipsec.c - L2TP over IPsec over a wire of memory: both ends, and a translator
 * between them, on one fake host.
 *
 * The server is 10.0.0.1, clients are 10.0.0.2, 10.0.0.3 ...; each has an instance of
 * ipsec and one of l2tp. Nothing but IKE and ESP may be on the wire.
 */
#include "../../plugins/ipsec-ike/ike_io.h"
#include "../../sdk/fake/fake.h"
#include "../unit/unit.h"

static const struct adit_counter counters[] = {
#define IKE_X(NAME, name, text) { name, text },
    SAD_COUNTER_MAP(IKE_X)
    IKE_COUNTER_MAP(IKE_X)
#undef IKE_X
};
static struct adit_face ipsec_face = {
    .kind = ADIT_KIND_SECURITY, .conf_size = sizeof(struct ipsec_conf), .name = "ipsec",
    .counters = counters, .counter_count = IKE_N_COUNT,
};

struct end {
    struct adit_addr at;
    struct ipsec_conf conf;
    struct adit_self *ipsec, *l2tp;
};

/* ---- the wire ------------------------------------------------------------------------ */

static struct {
    bool nat;                   /* clients are seen as 198.51.100.2, ports from 40000 on */
    uint32_t loss, dup;         /* percent */
    uint64_t seed;
    bool cut;                   /* nothing passes */
    bool server_nat;            /* the server is called as 203.0.113.1, and forwarded to */
    bool no_float;              /* nothing from clients passes to port 4500 */
    bool no_esp;                /* nor any ESP */
    uint32_t ike, esp, other;
    struct { struct adit_addr inside; uint16_t port; } map[16];
    uint32_t maps;
} wire;

static uint32_t chance(void)
{
    wire.seed = wire.seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(wire.seed >> 33) % 100;
}

static bool is_server(const struct adit_addr *a) { return a->ip[0] == 10 && a->ip[3] == 1; }

static uint16_t outside(const struct adit_addr *inside)
{
    for (uint32_t i = 0; i < wire.maps; i++)
        if (!memcmp(&wire.map[i].inside, inside, sizeof *inside))
            return wire.map[i].port;
    wire.map[wire.maps].inside = *inside;
    wire.map[wire.maps].port = (uint16_t)(40000 + wire.maps);
    return wire.map[wire.maps++].port;
}

static void readdress(struct adit_addr *a, const char *address)
{
    uint16_t port = a->port;
    *a = fake_addr(address);
    a->port = port;
}

static bool translate(struct adit_addr *from, struct adit_addr *to)
{
    if (wire.server_nat && to->ip[0] == 203)
        readdress(to, "10.0.0.1");
    else if (wire.server_nat && is_server(from))
        readdress(from, "203.0.113.1");
    if (!wire.nat)
        return true;
    if (is_server(to)) {
        uint16_t port = outside(from);
        *from = fake_addr("198.51.100.2");
        from->port = port;
        return true;
    }
    for (uint32_t i = 0; i < wire.maps; i++)
        if (wire.map[i].port == to->port) {
            *to = wire.map[i].inside;
            return true;
        }
    return false;
}

/* Carries everything until nothing moves. */
static void carry(void)
{
    for (uint32_t rounds = 0; rounds < 10000; rounds++) {
        fake_run();
        const struct fake_sent *s = fake_sent();
        if (!s)
            return;
        struct adit_addr from = s->our, to = s->peer;
        uint8_t copy[4096];
        uint32_t len = s->len, protocol = s->protocol;
        ck_assert_uint_le(len, sizeof copy);
        memcpy(copy, s->data, len);
        bool esp = protocol == ADIT_PROTO_ESP || (protocol == ADIT_PROTO_UDP && from.port == 4500 &&
                                                  len > 4 && memcmp(copy, "\0\0\0\0", 4) != 0);
        if (esp)
            wire.esp++;
        else if (protocol == ADIT_PROTO_UDP && (from.port == 500 || from.port == 4500))
            wire.ike++;
        else
            wire.other++;
        if ((wire.no_esp && esp) || (wire.no_float && to.port == 4500 && !is_server(&from)))
            continue;
        if (wire.cut || chance() < wire.loss || !translate(&from, &to))
            continue;
        fake_datagram(protocol, &from, &to, NULL, copy, len);
        if (chance() < wire.dup)
            fake_datagram(protocol, &from, &to, NULL, copy, len);
    }
    ck_abort_msg("the wire never comes to rest");
}

static void pass(uint64_t ms)
{
    carry();
    for (uint64_t t = 0; t < ms; t += 100) {
        fake_advance(100);
        carry();
    }
}

/* ---- ends -------------------------------------------------------------------------------- */

static struct end end_of(const char *at, const char *psk)
{
    struct end e = { .at = fake_addr(at) };
    e.conf = (struct ipsec_conf){
        .auth = { .psk = psk }, .ike_life_ms = 86400000, .esp_life_ms = 28800000, .rekey_margin_pct = 10,
        .dpd_ms = 30000, .rto_ms = 1000, .rto_max_ms = 16000, .tries = 5, .setup_ms = 60000,
        .keepalive_ms = 20000, .grace_ms = 30000, .window = 64, .max_half_open = 1000,
        .max_half_open_per_address = 64, .starts_per_s_per_address = 32, .max_sas = 1000, .mtu = 1280,
    };
    return e;
}

static void end_up(struct end *e)
{
    char text[128];
    ipsec_face.events = ipsec_events;
    ipsec_face.life = &ipsec_life;
    ipsec_face.vtable = &ipsec_vtable;
    e->conf.listen = (struct adit_array){ &e->at, 1, sizeof e->at };
    e->ipsec = fake_inst_conf(&ipsec_face, &e->conf);
    ck_assert_msg(e->ipsec != NULL, "%s", fake_last_error());
    snprintf(text, sizeof text, "listen: %s\nhost-name: end", fake_addr_text(&e->at));
    e->l2tp = fake_inst(fake_face("tunnel", "l2tp"), text);
    ck_assert_msg(e->l2tp != NULL, "%s", fake_last_error());
    fake_secure(e->l2tp, e->ipsec);
}

static void end_down(struct end *e)
{
    fake_inst_free(e->l2tp);
    fake_inst_free(e->ipsec);
}

static void begin(void)
{
    memset(&wire, 0, sizeof wire);
    wire.seed = 7;
    fake_begin();
}

static void finish(void)
{
    carry();
    ck_assert_uint_eq(wire.other, 0);       /* nothing in the clear, ever */
    ck_assert_uint_eq(fake_troubles(), 0);
    fake_end();
}

static struct fake_link *dial(struct end *client, const struct end *server)
{
    int32_t code;
    struct adit_dial d = { .size = sizeof d, .require_security = 1, .from = client->at, .to = server->at };
    d.from.port = 1702;
    struct fake_link *l = fake_dial(client->l2tp, &d, &code);
    ck_assert_msg(code == 0, "%s", fake_last_error());
    return l;
}

static struct fake_link *answered(uint32_t nth)
{
    for (uint32_t i = 0; i < fake_links(); i++)
        if (fake_link(i)->info.role == ADIT_ROLE_ANSWER && nth-- == 0)
            return fake_link(i);
    return NULL;
}

static void talk(struct fake_link *a, struct fake_link *b)
{
    uint32_t len;
    fake_link_tx(a, "from the client", 15);
    fake_link_tx(b, "from the server", 15);
    carry();
    ck_assert_mem_eq(fake_link_rx(b, &len), "from the client", 15);
    ck_assert_uint_eq(len, 15);
    ck_assert_mem_eq(fake_link_rx(a, &len), "from the server", 15);
}

#define KEY "a key that both know"

/* ---- calls -------------------------------------------------------------------------------- */

START_TEST(a_call_through_ipsec)
{
    begin();
    struct end s = end_of("10.0.0.1", KEY), c = end_of("10.0.0.2", KEY);
    end_up(&s);
    end_up(&c);
    struct fake_link *out = dial(&c, &s);
    pass(1000);
    struct fake_link *in = answered(0);
    ck_assert(in && in->state == FAKE_LINK_UP && out->state == FAKE_LINK_UP);
    ck_assert_uint_eq(fake_event_u("l2tp.tunnel.up", "secured"), 1);
    ck_assert_uint_eq(fake_event_count("ipsec.up"), 2);
    ck_assert(in->info.security && in->info.security->identity);
    ck_assert_str_eq(in->info.security->name, "ipsec");
    ck_assert(in->info.security->overhead > 20);
    talk(out, in);
    ck_assert(strstr(fake_status(s.ipsec), "\"method\": \"psk\"") != NULL);
    ck_assert(strstr(fake_status(s.ipsec), "10.0.0.2") != NULL);
    ck_assert(wire.esp > 6 && wire.ike >= 9);
    /* who called ends the association when the tunnel goes, and the other hears it */
    fake_link_hangup(out, ADIT_CAUSE_ADMIN);
    pass(45000);
    ck_assert_uint_eq(in->state, FAKE_LINK_DOWN);
    ck_assert(strstr(fake_status(s.ipsec), "\"peers\": []") != NULL);
    end_down(&c);
    end_down(&s);
    finish();
}
END_TEST

/* The lines since the last time hold these, in that order. */
static void traced(const char *const want[])
{
    const char *line;
    uint32_t at = 0;
    while ((line = fake_trace())) {
        ck_assert_msg(!strstr(line, KEY), "%s", line);
        if (want[at] && strstr(line, want[at]))
            at++;
    }
    ck_assert_msg(!want[at], "no line has: %s", want[at]);
}

START_TEST(what_is_said_is_shown_as_it_was_before_encryption)
{
    begin();
    struct end s = end_of("10.0.0.1", KEY), c = end_of("10.0.0.2", KEY);
    end_up(&s);
    end_up(&c);
    struct fake_link *out = dial(&c, &s);
    pass(1000);
    ck_assert_uint_eq(out->state, FAKE_LINK_UP);
    traced((const char *const[]){
        "-> IKE main mode ", "-> IKE   proposal 1 ISAKMP: aes", "<- IKE main mode ", "<- IKE main mode ",
        "KE(", "-> IKE main mode ", " ID(10.0.0.2) HASH(", "<- IKE main mode ", " ID(10.0.0.1) HASH(",
        "   IKE A peer proved itself", "-> IKE quick mode ", " ID(10.0.0.2 17/1702)", "-> IKE   proposal 1 ESP SPI ",
        "   IKE A pair of associations was negotiated.", "L2TP SCCRQ", "L2TP ICCN", NULL });
    pass(31000);                /* R-U-THERE is asked, and is no news */
    fake_trace_wants(0);
    fake_link_hangup(out, ADIT_CAUSE_ADMIN);
    pass(45000);
    while (fake_trace())
        ;
    pass(45000);
    ck_assert_ptr_null(fake_trace());       /* nobody wanted any */
    end_down(&c);
    end_down(&s);
    finish();
}
END_TEST

START_TEST(a_wrong_key_is_named)
{
    begin();
    struct end s = end_of("10.0.0.1", KEY), c = end_of("10.0.0.2", "another key");
    end_up(&s);
    end_up(&c);
    struct fake_link *out = dial(&c, &s);
    pass(120000);
    ck_assert_uint_eq(out->state, FAKE_LINK_DOWN);
    ck_assert(fake_event_count("ipsec.wrong-key") >= 1);
    ck_assert(strstr(fake_event_str("ipsec.wrong-key", "remedy"), "pre-shared key") != NULL);
    ck_assert_uint_ge(fake_failed()->count, 1);         /* who was called knows of it */
    ck_assert_uint_eq(fake_failed()->cause, ADIT_CAUSE_IPSEC_AUTH);
    ck_assert_uint_eq(fake_event_count("ipsec.call.failed"), 1);
    ck_assert_ptr_null(answered(0));
    traced((const char *const[]){ "IKE main mode", "   IKE The peer's pre-shared key is not ours.", NULL });
    end_down(&c);
    end_down(&s);
    finish();
}
END_TEST

START_TEST(W2_two_clients_behind_one_nat)
{
    begin();
    wire.nat = true;
    struct end s = end_of("10.0.0.1", KEY), c = end_of("10.0.0.2", KEY), d = end_of("10.0.0.3", KEY);
    end_up(&s);
    end_up(&c);
    end_up(&d);
    struct fake_link *one = dial(&c, &s), *two = dial(&d, &s);
    pass(2000);
    struct fake_link *in = answered(0), *in2 = answered(1);
    ck_assert(in && in2 && in->state == FAKE_LINK_UP && in2->state == FAKE_LINK_UP);
    ck_assert_uint_eq(in->info.security->encap, 1);
    ck_assert_ptr_ne(in->info.security->handle, in2->info.security->handle);
    uint32_t len;
    fake_link_tx(one, "one", 3);
    fake_link_tx(two, "two", 3);
    carry();
    const uint8_t *p = fake_link_rx(in, &len);
    bool straight = p && !memcmp(p, "one", 3);
    ck_assert_mem_eq(fake_link_rx(in2, &len), straight ? "two" : "one", 3);
    talk(straight ? one : two, in);
    talk(straight ? two : one, in2);
    /* the translator is reminded: an hour of silence */
    pass(3600000 / 4);
    talk(straight ? one : two, in);
    ck_assert(fake_counter(s.ipsec, "nat-keepalives") > 10);
    end_down(&c);
    end_down(&d);
    end_down(&s);
    finish();
}
END_TEST

START_TEST(encapsulated_without_a_nat)
{
    begin();
    struct end s = end_of("10.0.0.1", KEY), c = end_of("10.0.0.2", KEY);
    s.conf.encap = IPSEC_ENCAP_ALWAYS;
    end_up(&s);
    end_up(&c);
    struct fake_link *out = dial(&c, &s);
    pass(1000);
    ck_assert(answered(0) && answered(0)->state == FAKE_LINK_UP);
    ck_assert_uint_eq(answered(0)->info.security->encap, 1);
    ck_assert_uint_eq(out->info.security->encap, 1);
    talk(out, answered(0));
    end_down(&c);
    end_down(&s);
    finish();
}
END_TEST

/* A server behind a translator: Windows stops where it would go on at port 4500. */
START_TEST(W1_the_setting_of_windows_is_named)
{
    begin();
    struct end s = end_of("10.0.0.1", KEY), c = end_of("10.0.0.2", KEY);
    wire.server_nat = wire.no_float = true;
    end_up(&s);
    end_up(&c);
    struct end outside = { .at = fake_addr("203.0.113.1") };
    dial(&c, &outside);
    pass(50000);
    fake_inst_free(c.l2tp);     /* what follows is the server's */
    fake_inst_free(c.ipsec);
    fake_events_forget();
    pass(120000);
    ck_assert_uint_eq(fake_event_count("ipsec.timeout"), 1);
    ck_assert(strstr(fake_event_str("ipsec.timeout", "remedy"),
                     "AssumeUDPEncapsulationContextOnSendRule = 2") != NULL);
    ck_assert_ptr_null(answered(0));
    end_down(&s);
    finish();
}
END_TEST

/* IPsec, and then nothing: what Windows calls 809. */
START_TEST(W1_ike_without_l2tp_is_an_event)
{
    begin();
    struct end s = end_of("10.0.0.1", KEY), c = end_of("10.0.0.2", KEY);
    wire.no_esp = true;
    end_up(&s);
    end_up(&c);
    dial(&c, &s);
    pass(1000);
    ck_assert_uint_eq(fake_event_count("ipsec.silent"), 0);
    pass(300000);
    ck_assert(fake_event_count("ipsec.silent") >= 1);
    ck_assert(strstr(fake_event_str("ipsec.silent", "remedy"), "UDP port 4500") != NULL);
    ck_assert_ptr_null(answered(0));
    end_down(&c);
    end_down(&s);
    finish();
}
END_TEST

START_TEST(the_nat_changes_its_port)
{
    begin();
    wire.nat = true;
    struct end s = end_of("10.0.0.1", KEY), c = end_of("10.0.0.2", KEY);
    end_up(&s);
    end_up(&c);
    struct fake_link *out = dial(&c, &s);
    pass(2000);
    struct fake_link *in = answered(0);
    ck_assert(in && in->state == FAKE_LINK_UP);
    for (uint32_t i = 0; i < wire.maps; i++)
        wire.map[i].port = (uint16_t)(50000 + i);
    uint32_t len;
    fake_link_tx(out, "I am elsewhere", 14);
    carry();
    ck_assert_mem_eq(fake_link_rx(in, &len), "I am elsewhere", 14);
    ck_assert_uint_eq(fake_event_count("ipsec.moved"), 1);
    talk(out, in);
    end_down(&c);
    end_down(&s);
    finish();
}
END_TEST

START_TEST(loss_and_duplication_everywhere)
{
    for (uint32_t seed = 1; seed <= 12; seed++) {
        begin();
        struct end s = end_of("10.0.0.1", KEY), c = end_of("10.0.0.2", KEY);
        end_up(&s);
        end_up(&c);
        wire.seed = seed;
        wire.loss = 15;         /* L2TP itself gives up after 31 s of bad luck */
        wire.dup = 25;
        struct fake_link *out = dial(&c, &s);
        pass(60000);
        wire.loss = wire.dup = 0;
        pass(20000);
        ck_assert_msg(out->state == FAKE_LINK_UP && answered(0) && answered(0)->state == FAKE_LINK_UP,
                      "seed %u", seed);
        talk(out, answered(0));
        end_down(&c);
        end_down(&s);
        finish();
    }
}
END_TEST

static void rekeyed_by(bool server)
{
    begin();
    struct end s = end_of("10.0.0.1", KEY), c = end_of("10.0.0.2", KEY);
    s.conf.esp_life_ms = server ? 60000 : 3600000;
    c.conf.esp_life_ms = server ? 3600000 : 60000;
    s.conf.ike_life_ms = server ? 150000 : 3600000;
    c.conf.ike_life_ms = server ? 3600000 : 150000;
    end_up(&s);
    end_up(&c);
    struct fake_link *out = dial(&c, &s);
    pass(1000);
    struct fake_link *in = answered(0);
    ck_assert(in && in->state == FAKE_LINK_UP);
    const void *handle = in->info.security->handle;
    for (uint32_t i = 0; i < 600; i++) {
        pass(1000);
        talk(out, in);
    }
    ck_assert(fake_counter(s.ipsec, "ike-rekeys") >= 9);
    ck_assert(fake_counter(s.ipsec, "ike-up") >= 4);
    ck_assert_uint_eq(fake_event_count("l2tp.tunnel.up"), 2);
    ck_assert_ptr_eq(in->info.security->handle, handle);
    end_down(&c);
    end_down(&s);
    finish();
}
START_TEST(M6_the_client_rekeys) { rekeyed_by(false); } END_TEST
START_TEST(the_server_rekeys) { rekeyed_by(true); } END_TEST

START_TEST(verbs_rekey_and_drop)
{
    begin();
    struct end s = end_of("10.0.0.1", KEY), c = end_of("10.0.0.2", KEY);
    struct adit_kv peer = ADIT_KV_S("peer", "10.0.0.2"), nobody = ADIT_KV_S("peer", "192.0.2.9");
    end_up(&s);
    end_up(&c);
    struct fake_link *out = dial(&c, &s);
    pass(1000);
    struct fake_link *in = answered(0);
    ck_assert_ptr_null(fake_verb(s.ipsec, "rekey", &nobody, 1));
    ck_assert_int_eq(fake_code(), ADIT_ENOENT);
    ck_assert_ptr_nonnull(fake_verb(s.ipsec, "rekey", &peer, 1));
    pass(3000);
    talk(out, in);
    ck_assert(strstr(fake_status(s.ipsec), "\"rekeys\": 1") != NULL);
    ck_assert_ptr_nonnull(fake_verb(s.ipsec, "drop", &peer, 1));
    pass(2000);
    ck_assert_uint_eq(in->state, FAKE_LINK_DOWN);
    pass(60000);
    ck_assert_uint_eq(out->state, FAKE_LINK_DOWN);
    end_down(&c);
    end_down(&s);
    finish();
}
END_TEST

START_TEST(W3_a_client_vanishes)
{
    begin();
    struct end s = end_of("10.0.0.1", KEY), c = end_of("10.0.0.2", KEY);
    end_up(&s);
    end_up(&c);
    dial(&c, &s);
    pass(1000);
    struct fake_link *in = answered(0);
    ck_assert(in && in->state == FAKE_LINK_UP);
    wire.cut = true;
    pass(300000);
    ck_assert_uint_eq(in->state, FAKE_LINK_DOWN);
    ck_assert(strstr(fake_status(s.ipsec), "\"peers\": []") != NULL);
    end_down(&c);
    end_down(&s);
    finish();
}
END_TEST

START_TEST(reload_takes_another_key)
{
    begin();
    struct end s = end_of("10.0.0.1", KEY), c = end_of("10.0.0.2", KEY), d = end_of("10.0.0.3", "new key");
    struct ipsec_conf next;
    end_up(&s);
    end_up(&c);
    end_up(&d);
    struct fake_link *out = dial(&c, &s);
    pass(1000);
    next = s.conf;
    next.auth.psk = "new key";
    ck_assert_int_eq(ipsec_life.reload(s.ipsec, &next), 0);
    talk(out, answered(0));
    dial(&d, &s);
    pass(2000);
    ck_assert(answered(1) && answered(1)->state == FAKE_LINK_UP);
    next.auth.psk = NULL;
    ck_assert_int_lt(ipsec_life.reload(s.ipsec, &next), 0);
    next.auth.psk = "new key";
    end_down(&c);
    end_down(&d);
    end_down(&s);
    finish();
}
END_TEST

/* ---- beginning and end ------------------------------------------------------------------------ */

START_TEST(what_is_wrong_is_said)
{
    begin();
    struct end s = end_of("10.0.0.1", NULL);
    ipsec_face.events = ipsec_events;
    ipsec_face.life = &ipsec_life;
    ipsec_face.vtable = &ipsec_vtable;
    s.conf.listen = (struct adit_array){ &s.at, 1, sizeof s.at };
    ck_assert_ptr_null(fake_inst_conf(&ipsec_face, &s.conf));
    ck_assert(strstr(fake_last_error(), "psk-file") != NULL);
    s.conf.auth.psk = KEY;
    s.at.port = 500;
    ck_assert_ptr_null(fake_inst_conf(&ipsec_face, &s.conf));
    ck_assert(strstr(fake_last_error(), "without a port") != NULL);
    s.at.port = 0;
    const char *bad[] = { "aes256-sha999-modp2048" };
    s.conf.proposals = (struct adit_array){ bad, 1, sizeof bad[0] };
    ck_assert_ptr_null(fake_inst_conf(&ipsec_face, &s.conf));
    ck_assert(strstr(fake_last_error(), "proposals") != NULL);
    s.conf.proposals.count = 0;
    struct adit_self *one = fake_inst_conf(&ipsec_face, &s.conf);
    ck_assert_ptr_nonnull(one);
    ck_assert_ptr_null(fake_inst_conf(&ipsec_face, &s.conf));
    ck_assert(strstr(fake_last_error(), "another IKE daemon") != NULL);
    fake_inst_free(one);
    finish();
}
END_TEST

START_TEST(garbage_on_every_port)
{
    begin();
    struct end s = end_of("10.0.0.1", KEY), c = end_of("10.0.0.2", KEY);
    end_up(&s);
    end_up(&c);
    struct fake_link *out = dial(&c, &s);
    pass(1000);
    struct adit_addr at[] = { fake_addr("10.0.0.1:500"), fake_addr("10.0.0.1:4500"), fake_addr("10.0.0.1") };
    struct adit_addr from = fake_addr("192.0.2.66:4500");
    uint8_t junk[2000];
    for (uint32_t i = 0; i < 3000; i++) {
        for (size_t n = 0; n < sizeof junk; n++)
            junk[n] = (uint8_t)(chance() + chance());
        if (i % 3 == 0)
            memset(junk, 0, 4);
        uint32_t len = i % 5 == 0 ? i % 40 : i % 1999;
        fake_datagram(i % 3 == 2 ? ADIT_PROTO_ESP : ADIT_PROTO_UDP, &from, &at[i % 3], NULL, junk, len);
    }
    uint8_t keepalive = 0xff;
    fake_datagram(ADIT_PROTO_UDP, &from, &at[1], NULL, &keepalive, 1);
    ck_assert_uint_eq(fake_counter(s.ipsec, "nat-keepalives"), 1);
    fake_sent_drop();
    talk(out, answered(0));
    end_down(&c);
    end_down(&s);
    finish();
}
END_TEST

static Suite *suite(void)
{
    return unit_suite("ipsec", (const TTest *const[]){
        a_call_through_ipsec, what_is_said_is_shown_as_it_was_before_encryption, a_wrong_key_is_named, W2_two_clients_behind_one_nat,
        encapsulated_without_a_nat, W1_the_setting_of_windows_is_named, W1_ike_without_l2tp_is_an_event,
        the_nat_changes_its_port, loss_and_duplication_everywhere, M6_the_client_rekeys,
        the_server_rekeys, verbs_rekey_and_drop, W3_a_client_vanishes, reload_takes_another_key,
        what_is_wrong_is_said, garbage_on_every_port, NULL });
}
UNIT_MAIN(suite)
