/* test_dhcp_lease.c - the machine of a lease, without network and clock. */
#include "../../plugins/pool-dhcp/dhcp_lease.h"
#include <stdarg.h>
#include "../unit/unit.h"

#define IP(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (d))
#define SERVER IP(10, 0, 0, 2)
#define OTHER IP(10, 0, 0, 3)
#define MINE IP(10, 0, 0, 77)

static struct {
    char said[4096];
    uint32_t next_xid, jitter;
    bool taken, hopeless;
} W;
static struct dhcp_lease L;
static struct dhcp_times times = { .retry_ms = 2000, .timeout_ms = 10000, .collect_ms = 200,
                                   .least_s = 30 };

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *fmt, ...)
{
    size_t n = strlen(W.said);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(W.said + n, sizeof W.said - n, fmt, ap);
    va_end(ap);
}

static void send(void *u, struct dhcp_say *m, enum dhcp_to to)
{
    (void)u;
    say("%s", dhcp_type_name(m->type) + 4);
    if (m->ciaddr)
        say(" ciaddr=%u", m->ciaddr & 0xff);
    if (m->requested)
        say(" requested=%u", m->requested & 0xff);
    if (m->server_id)
        say(" server=%u", m->server_id & 0xff);
    say("%s\n", to == DHCP_TO_ONE ? " to one" : "");
}
static uint32_t xid(void *u) { (void)u; return ++W.next_xid; }
static uint32_t random_(void *u) { (void)u; return W.jitter; }
static bool is_free(void *u, uint32_t a) { (void)u; (void)a; return !W.taken; }
static bool hopeless(void *u) { (void)u; return W.hopeless; }
static void bound(void *u, bool first, bool changed)
{
    (void)u;
    say("bound%s%s\n", first ? " first" : "", !first && changed ? " changed" : "");
}
static void ended(void *u, enum dhcp_end why, const char *text)
{
    static const char *const names[] = { "silent", "refused", "conflict", "nak", "expired" };
    (void)u;
    say("ended %s%s%s\n", names[why], text[0] ? " " : "", text);
}
static void moved(void *u, enum dhcp_state from, enum dhcp_event on, enum dhcp_state to)
{
    (void)u;
    (void)from;
    (void)on;
    (void)to;
}
static const struct dhcp_lease_ops ops = {
    .send = send, .xid = xid, .random = random_, .is_free = is_free, .bound = bound,
    .ended = ended, .hopeless = hopeless, .moved = moved,
};

static void fresh(void)
{
    memset(&W, 0, sizeof W);
    W.jitter = 0;
    dhcp_lease_init(&L, &times, &ops, NULL);
}

#define SAID(want)                          \
    do {                                    \
        ck_assert_str_eq(W.said, want);     \
        W.said[0] = '\0';                   \
    } while (0)

static void hear(uint8_t type, uint32_t server, uint32_t address, uint32_t lease_s, uint64_t now)
{
    struct dhcp_heard m = { .type = type, .xid = L.xid,
                            .facts = { .address = address, .server_id = server, .lease_s = lease_s,
                                       .t1_s = lease_s / 2, .t2_s = lease_s - lease_s / 8 } };
    if (lease_s == DHCP_FOREVER)
        m.facts.t1_s = m.facts.t2_s = DHCP_FOREVER;
    if (type == DHCP_NAK)
        strcpy(m.text, "no");
    dhcp_lease_rx(&L, &m, server, server == SERVER ? 0 : 1, now);
}

/* Lets time pass, tick by tick. */
static void until(uint64_t now)
{
    while (L.due_ms <= now)
        dhcp_lease_tick(&L, L.due_ms);
}

static void get_bound(uint32_t lease_s)
{
    fresh();
    dhcp_lease_begin(&L, 0, 1000);
    hear(DHCP_OFFER, SERVER, MINE, lease_s, 1001);
    hear(DHCP_ACK, SERVER, MINE, lease_s, 1002);
    ck_assert_int_eq(L.state, DHCP_BOUND);
    W.said[0] = '\0';
}

static void cell(void *u, const char *state, const char *event, const char *action, const char *next)
{
    fprintf(u, "%-12s %-10s %-12s %s\n", state, event, action, next);
}

START_TEST(the_table_is_figure_5)
{
    static char have[8192], want[8192];
    const char *dir = getenv("top_srcdir");
    char path[1024];
    FILE *f = fmemopen(have, sizeof have, "w");
    fprintf(f, "# RFC 2131 figure 5, edge by edge. What differs:\n"
               "# - \"Halt network\" ends the session with its lease, which goes to INIT and stays "
               "there.\n"
               "# - \"again\" and \"silent\" are section 4.1: repeated, and given up while somebody "
               "waits.\n");
    dhcp_lease_table(cell, f);
    fclose(f);
    snprintf(path, sizeof path, "%s/tests/golden/dhcp-states.txt", dir ? dir : ".");
    f = fopen(path, "r");
    ck_assert_msg(f != NULL, "no %s", path);
    size_t n = fread(want, 1, sizeof want - 1, f);
    want[n] = '\0';
    fclose(f);
    ck_assert_str_eq(have, want);
}
END_TEST

START_TEST(a_lease_from_begin_to_end)
{
    fresh();
    dhcp_lease_begin(&L, 0, 1000);
    SAID("DISCOVER\n");
    hear(DHCP_OFFER, SERVER, MINE, 3600, 1005);
    SAID("REQUEST requested=77 server=2\n");
    hear(DHCP_OFFER, OTHER, MINE + 1, 3600, 1006);      /* too late: discarded */
    hear(DHCP_ACK, SERVER, MINE, 3600, 1010);
    SAID("bound first\n");
    ck_assert_uint_eq(L.t1_ms, 1005 + 1800000);
    ck_assert_uint_eq(L.t2_ms, 1005 + 3150000);
    ck_assert_uint_eq(L.expires_ms, 1005 + 3600000);
    hear(DHCP_ACK, SERVER, MINE, 3600, 1011);
    hear(DHCP_NAK, SERVER, MINE, 3600, 1011);
    hear(DHCP_OFFER, SERVER, MINE, 3600, 1011);
    SAID("");
    /* T1: the server is asked; no answer: half of what is left to T2, again and again */
    until(1005 + 1800000);
    SAID("REQUEST ciaddr=77 to one\n");
    ck_assert_int_eq(L.state, DHCP_RENEWING);
    ck_assert_uint_eq(L.resend_ms, 1005 + 1800000 + 675000);
    until(1005 + 1800000 + 675000);
    SAID("REQUEST ciaddr=77 to one\n");
    hear(DHCP_ACK, SERVER, MINE, 3600, 2500000);
    SAID("bound\n");
    ck_assert_int_eq(L.state, DHCP_BOUND);
    /* it counts from the first request of the renewal: safe, whichever was answered */
    ck_assert_uint_eq(L.expires_ms, 1005 + 1800000 + 3600000);
    dhcp_lease_release(&L);
    SAID("RELEASE ciaddr=77 server=2 to one\n");
    ck_assert_int_eq(L.state, DHCP_INIT);
    ck_assert_uint_eq(L.due_ms, DHCP_NEVER);
}
END_TEST

START_TEST(nobody_renews)
{
    get_bound(3600);
    until(L.t2_ms - 1);
    W.said[0] = '\0';
    until(L.t2_ms);
    SAID("REQUEST ciaddr=77\n");        /* to everybody */
    ck_assert_int_eq(L.state, DHCP_REBINDING);
    until(L.expires_ms - 1);
    ck_assert_int_eq(L.state, DHCP_REBINDING);
    ck_assert_ptr_nonnull(strstr(W.said, "REQUEST ciaddr=77\n"));
    W.said[0] = '\0';
    until(L.expires_ms);
    SAID("ended expired\n");
    ck_assert_int_eq(L.state, DHCP_INIT);
}
END_TEST

START_TEST(another_server_takes_it_over_while_rebinding)
{
    get_bound(3600);
    until(L.t2_ms);
    W.said[0] = '\0';
    hear(DHCP_ACK, OTHER, MINE + 1, 3600, L.t2_ms + 5);     /* another address: no */
    ck_assert_int_eq(L.state, DHCP_REBINDING);
    hear(DHCP_ACK, OTHER, MINE, 3600, L.t2_ms + 5);
    SAID("bound\n");
    ck_assert_uint_eq(L.facts.server_id, OTHER);
    ck_assert_uint_eq(L.server_at, OTHER);
    until(L.t1_ms);
    hear(DHCP_NAK, OTHER, 0, 0, L.t1_ms + 1);
    SAID("REQUEST ciaddr=77 to one\nended nak no\n");
}
END_TEST

START_TEST(a_clock_that_stood_still_ends_it_once)
{
    get_bound(3600);
    dhcp_lease_tick(&L, L.expires_ms + 1000000);
    SAID("REQUEST ciaddr=77 to one\nREQUEST ciaddr=77\nended expired\n");
    ck_assert_uint_eq(L.due_ms, DHCP_NEVER);
}
END_TEST

START_TEST(short_leases_get_more_than_one_try)
{
    get_bound(120);
    uint64_t t1 = L.t1_ms;
    until(L.t2_ms - 1);
    int tries = 0;
    for (const char *s = W.said; (s = strstr(s, "REQUEST")); s++)
        tries++;
    ck_assert_int_ge(tries, 3);
    ck_assert_int_le(tries, 8);
    ck_assert_uint_ge(L.t2_ms, t1);
}
END_TEST

START_TEST(a_lease_for_ever_is_never_renewed)
{
    get_bound(DHCP_FOREVER);
    ck_assert_uint_eq(L.due_ms, DHCP_NEVER);
    ck_assert_uint_eq(L.expires_ms, DHCP_NEVER);
}
END_TEST

START_TEST(renewals_are_spread)
{
    fresh();
    W.jitter = 77777777;
    dhcp_lease_begin(&L, 0, 1000);
    hear(DHCP_OFFER, SERVER, MINE, 3600, 1001);
    hear(DHCP_ACK, SERVER, MINE, 3600, 1002);
    ck_assert_uint_lt(L.t1_ms, 1001 + 1800000);
    ck_assert_uint_ge(L.t1_ms, 1001 + 1800000 - 90000);
}
END_TEST

START_TEST(silence)
{
    fresh();
    dhcp_lease_begin(&L, 0, 0);
    /* RFC 2131 section 4.1: doubled; the least jitter is a quarter less */
    ck_assert_uint_eq(L.resend_ms, 1500);
    until(1500);
    ck_assert_uint_eq(L.resend_ms, 1500 + 3000);
    until(9999);
    ck_assert_int_eq(L.state, DHCP_SELECTING);
    SAID("DISCOVER\nDISCOVER\nDISCOVER\n");
    until(10000);
    SAID("ended silent\n");
    for (uint32_t jitter = 0; jitter < 3000; jitter += 7) {
        W.jitter = jitter;
        dhcp_lease_begin(&L, 500, 100000);
        ck_assert_uint_ge(L.resend_ms, 101500);
        ck_assert_uint_le(L.resend_ms, 102500);
        ck_assert_uint_eq(L.due_ms, 100500);
        until(100500);
    }
    /* silence after the offer: the answer may be what was lost */
    fresh();
    dhcp_lease_begin(&L, 0, 0);
    hear(DHCP_OFFER, SERVER, MINE, 3600, 5);
    W.said[0] = '\0';
    until(9999);
    SAID("REQUEST requested=77 server=2\nREQUEST requested=77 server=2\n");
    until(10000);
    SAID("RELEASE ciaddr=77 server=2 to one\nended silent\n");
}
END_TEST

START_TEST(the_server_answers_others)
{
    fresh();
    W.hopeless = true;
    dhcp_lease_begin(&L, 0, 0);
    until(1500);
    ck_assert_int_eq(L.state, DHCP_SELECTING);  /* one question may be lost */
    until(4500);
    SAID("DISCOVER\nDISCOVER\nended silent\n");
}
END_TEST

START_TEST(two_servers)
{
    fresh();
    dhcp_lease_begin(&L, 0, 0);
    hear(DHCP_OFFER, OTHER, MINE + 1, 3600, 10);        /* second in the list: a better one? */
    ck_assert_int_eq(L.state, DHCP_SELECTING);
    hear(DHCP_OFFER, OTHER, MINE + 2, 3600, 20);        /* not better than what there is */
    hear(DHCP_OFFER, SERVER, MINE, 3600, 30);
    SAID("DISCOVER\nREQUEST requested=77 server=2\n");
    fresh();
    dhcp_lease_begin(&L, 0, 0);
    hear(DHCP_OFFER, OTHER, MINE + 1, 3600, 10);
    until(209);
    SAID("DISCOVER\n");
    until(210);
    SAID("REQUEST requested=78 server=3\n");
    /* answers of the wrong one are none */
    hear(DHCP_ACK, SERVER, MINE + 1, 3600, 220);
    hear(DHCP_NAK, SERVER, 0, 0, 220);
    hear(DHCP_ACK, OTHER, MINE, 3600, 220);
    hear(DHCP_ACK, OTHER, MINE + 1, 0, 220);
    SAID("");
    hear(DHCP_ACK, OTHER, MINE + 1, 3600, 220);
    SAID("bound first\n");
}
END_TEST

START_TEST(offers_that_cannot_be_used)
{
    fresh();
    dhcp_lease_begin(&L, 0, 0);
    hear(DHCP_OFFER, SERVER, MINE, 29, 10);
    hear(DHCP_OFFER, 0, MINE, 3600, 10);
    SAID("DISCOVER\n");
    until(209);
    SAID("");
    until(210);
    SAID("ended refused\n");
    dhcp_lease_begin(&L, 0, 0);
    hear(DHCP_OFFER, SERVER, MINE, 29, 10);
    hear(DHCP_OFFER, OTHER, MINE, 3600, 100);
    until(210);
    SAID("DISCOVER\nREQUEST requested=77 server=3\n");
}
END_TEST

START_TEST(an_offer_at_the_last_moment)
{
    fresh();
    dhcp_lease_begin(&L, 100, 0);
    hear(DHCP_OFFER, OTHER, MINE, 3600, 90);
    until(100);
    SAID("DISCOVER\nREQUEST requested=77 server=3\n");
    hear(DHCP_ACK, OTHER, MINE, 3600, 700);
    SAID("bound first\n");
}
END_TEST

START_TEST(nak_and_conflict_begin_anew_but_not_for_ever)
{
    fresh();
    dhcp_lease_begin(&L, 0, 0);
    for (int i = 0; i < 4; i++) {
        hear(DHCP_OFFER, SERVER, MINE, 3600, 10);
        hear(DHCP_NAK, SERVER, 0, 0, 20);
    }
    SAID("DISCOVER\nREQUEST requested=77 server=2\n"
         "DISCOVER\nREQUEST requested=77 server=2\n"
         "DISCOVER\nREQUEST requested=77 server=2\n"
         "DISCOVER\nREQUEST requested=77 server=2\nended refused no\n");
    fresh();
    W.taken = true;
    L.wanted = MINE;
    dhcp_lease_begin(&L, 0, 0);
    hear(DHCP_OFFER, SERVER, MINE, 3600, 10);
    hear(DHCP_ACK, SERVER, MINE, 3600, 20);
    SAID("DISCOVER requested=77\nREQUEST requested=77 server=2\nDECLINE requested=77 server=2\n"
         "DISCOVER\n");
    W.taken = false;
    hear(DHCP_OFFER, SERVER, MINE + 1, 3600, 30);
    hear(DHCP_ACK, SERVER, MINE + 1, 3600, 40);
    SAID("REQUEST requested=78 server=2\nbound first\n");
    /* no other address will do */
    fresh();
    W.taken = true;
    L.wanted = MINE;
    L.only_wanted = true;
    dhcp_lease_begin(&L, 0, 0);
    hear(DHCP_OFFER, SERVER, MINE, 3600, 10);
    hear(DHCP_ACK, SERVER, MINE, 3600, 20);
    SAID("DISCOVER requested=77\nREQUEST requested=77 server=2\nDECLINE requested=77 server=2\n"
         "ended conflict\n");
}
END_TEST

static void stored(void)
{
    const struct dhcp_facts f = { .address = MINE, .server_id = SERVER, .lease_s = 3600,
                                  .t1_s = 1800, .t2_s = 3150 };
    fresh();
    dhcp_lease_stored(&L, &f, SERVER, 500000, 900000, 1000000);
}

START_TEST(a_lease_of_before)
{
    stored();
    ck_assert_uint_eq(L.due_ms, 1000000);
    dhcp_lease_begin(&L, 0, 0);
    SAID("REQUEST requested=77\n");     /* section 4.3.2: no server, no ciaddr; to everybody */
    hear(DHCP_ACK, SERVER, MINE, 3600, 5);
    SAID("bound first\n");
    /* somebody else has it */
    stored();
    dhcp_lease_begin(&L, 0, 0);
    hear(DHCP_NAK, SERVER, 0, 0, 5);
    hear(DHCP_OFFER, SERVER, MINE + 1, 3600, 6);
    hear(DHCP_ACK, SERVER, MINE + 1, 3600, 7);
    SAID("REQUEST requested=77\nDISCOVER\nREQUEST requested=78 server=2\nbound first\n");
    /* the server has forgotten it and says nothing: a third of the time, then a new one */
    stored();
    dhcp_lease_begin(&L, 0, 0);
    until(3333);
    SAID("REQUEST requested=77\nREQUEST requested=77\nDISCOVER requested=77\n");
    hear(DHCP_OFFER, SERVER, MINE + 1, 3600, 3400);
    hear(DHCP_ACK, SERVER, MINE + 1, 3600, 3500);
    SAID("REQUEST requested=78 server=2\nbound first\n");
    /* nobody is there: what was leased is leased (section 3.2 number 3) */
    stored();
    dhcp_lease_begin(&L, 0, 0);
    until(10000);
    ck_assert_ptr_nonnull(strstr(W.said, "ended silent\n"));
    ck_assert_uint_eq(L.expires_ms, 1000000);
    W.said[0] = '\0';
    dhcp_lease_resume(&L, 10000);
    SAID("bound first\n");
    until(500000);
    SAID("REQUEST ciaddr=77 to one\n");
    /* or it is given back unused */
    stored();
    dhcp_lease_release(&L);
    SAID("RELEASE ciaddr=77 server=2 to one\n");
}
END_TEST

START_TEST(a_nudge_asks_before_it_is_time)
{
    get_bound(3600);
    dhcp_lease_nudge(&L, 5000);
    SAID("REQUEST ciaddr=77 to one\n");
    dhcp_lease_nudge(&L, 6000);
    SAID("REQUEST ciaddr=77 to one\n");
    hear(DHCP_ACK, SERVER, MINE, 3600, 6001);
    SAID("bound\n");
    fresh();
    dhcp_lease_nudge(&L, 5000);
    SAID("");
}
END_TEST

/* Every message in every state: nothing but what the table has happens, and every lease
 * that was got is given back. */
START_TEST(every_loss_and_duplication)
{
    for (unsigned plan = 0; plan < 4096; plan++) {
        fresh();
        uint64_t now = 1000;
        unsigned bits = plan;
        dhcp_lease_begin(&L, 0, now);
        /* two bits a step: lost, once, twice, once with the one before again */
        for (int i = 0; i < 6; i++, bits >>= 2) {
            uint8_t type = L.state == DHCP_SELECTING ? DHCP_OFFER : DHCP_ACK;
            uint8_t before = type == DHCP_ACK ? DHCP_OFFER : DHCP_NAK;
            now += 5;
            if (bits & 3)
                hear(type, SERVER, MINE, 3600, now);
            if ((bits & 3) == 2)
                hear(type, SERVER, MINE, 3600, now);
            if ((bits & 3) == 3 && before == DHCP_OFFER)
                hear(before, SERVER, MINE, 3600, now);
            if (L.state == DHCP_INIT)
                break;
            if (L.due_ms != DHCP_NEVER && L.due_ms > now)
                now = L.due_ms;
            dhcp_lease_tick(&L, now);
        }
        bool got = strstr(W.said, "bound first") != NULL;
        bool gone = strstr(W.said, "ended") != NULL;
        ck_assert_msg(strstr(W.said, "bound first") == NULL ||
                      strstr(strstr(W.said, "bound first") + 1, "bound first") == NULL, "plan %u", plan);
        ck_assert(!gone || L.state == DHCP_INIT);
        ck_assert(gone || !got || dhcp_lease_held(&L));
    }
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        the_table_is_figure_5, a_lease_from_begin_to_end, nobody_renews,
        another_server_takes_it_over_while_rebinding, a_clock_that_stood_still_ends_it_once,
        short_leases_get_more_than_one_try, a_lease_for_ever_is_never_renewed,
        renewals_are_spread, silence, the_server_answers_others, two_servers,
        offers_that_cannot_be_used, an_offer_at_the_last_moment,
        nak_and_conflict_begin_anew_but_not_for_ever, a_lease_of_before,
        a_nudge_asks_before_it_is_time, every_loss_and_duplication, NULL,
    };
    return unit_suite("dhcp_lease", tests);
}
UNIT_MAIN(suite)
