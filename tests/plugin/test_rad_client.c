/* test_rad_client.c - who is asked, how often, how long: RADIUS servers in virtual time. */
#include <sys/stat.h>
#include <unistd.h>
#include "../unit/rad_rig.h"

#define A_AT "10.0.1.1:1812"
#define B_AT "10.0.1.2:1812"
#define MANY(v) { (v), (uint32_t)(sizeof(v) / sizeof((v)[0])), (uint32_t)sizeof((v)[0]) }
#define SERVER(name_, host_, secret_)                                                              \
    { .name = (name_), .host = (host_), .secret = (secret_), .auth_port = 1812, .acct_port = 1813, \
      .weight = 1, .timeout_ms = 2000, .tries = 3 }
#define CONF(v) { .servers = MANY(v), .dead_ms = 60000, .probe = 1 }

static const struct rad_server_conf one[] = { SERVER("a", "10.0.1.1", "sa") };
static const struct rad_server_conf two[] = { SERVER("a", "10.0.1.1", "sa"), SERVER("b", "10.0.1.2", "sb") };
static const struct rad_servers_conf one_conf = CONF(one), two_conf = CONF(two);

static struct rig_server *a_, *b_;
static struct adit_self *self;

static void begin(const struct rad_servers_conf *conf)
{
    rig_begin();
    a_ = rig_server(0, A_AT, "sa");
    b_ = rig_server(1, B_AT, "sb");
    if (conf)
        self = rig_start(conf);
}

/* After start, servers are asked by Status-Server whether they live. */
static void begin_up(const struct rad_servers_conf *conf)
{
    begin(conf);
    rig_run(100);
    a_->status = b_->status = 0;
    fake_events_forget();
}

static const char *state(const char *name)
{
    static char out[16];
    char key[40];
    const char *at = rig_report();
    snprintf(key, sizeof key, "\"name\": \"%s\"", name);
    at = strstr(at, key);
    ck_assert_ptr_nonnull(at);
    at = strstr(at, "\"state\": \"") + 10;
    snprintf(out, sizeof out, "%.*s", (int)strcspn(at, "\""), at);
    return out;
}

static uint64_t count(const char *name)
{
    return fake_counter(self, name);
}

/* ---- one server ------------------------------------------------------------------------- */

START_TEST(an_answer_comes)
{
    begin_up(&one_conf);
    a_->delay_ms = 40;
    struct rig_ask *a = rig_ask("anna");
    rig_run(1000);
    ck_assert_int_eq(a->end, RAD_ANSWERED);
    ck_assert_str_eq(a->server, "a");
    ck_assert_str_eq(a->text, "anna of sa");
    ck_assert_uint_eq(a->tries, 1);
    ck_assert_uint_eq(a->took_ms, 40);
    ck_assert_uint_eq(a_->got, 1);
    ck_assert_str_eq(state("a"), "up");
    ck_assert_ptr_nonnull(strstr(rig_report(), "\"rtt_ms\": 40"));
    ck_assert_ptr_nonnull(strstr(rig_report(), "\"in_flight\": 0"));
    rig_end(self);
}
END_TEST

START_TEST(at_the_start_a_server_is_asked_whether_it_lives)
{
    begin(&two_conf);
    ck_assert_str_eq(state("a"), "unknown");
    b_->dead = true;
    rig_run(10);
    ck_assert_str_eq(state("a"), "up");
    ck_assert_uint_eq(fake_event_count("radius.server.up"), 1);
    ck_assert_uint_eq(a_->status, 1);
    ck_assert_ptr_nonnull(strstr(rig_report(), "\"status_server\": \"yes\""));
    rig_run(20000);
    ck_assert_str_eq(state("b"), "unknown");    /* perhaps it does not understand */
    ck_assert_uint_eq(b_->status, 3);
    rig_end(self);
}
END_TEST

/* RFC 5080 section 2.2.1: 2 s, then twice as long each time, a tenth more or less. */
static uint64_t sent_at[16];
static enum rig_act note_and_drop(uint32_t nth)
{
    sent_at[nth] = fake_now();
    return RIG_DROP;
}

START_TEST(a_request_is_sent_again_with_growing_waits)
{
    static const struct rad_server_conf v[] = { { .name = "a", .host = "10.0.1.1", .secret = "sa",
        .auth_port = 1812, .timeout_ms = 2000, .tries = 6 } };
    static const struct rad_servers_conf conf = CONF(v);
    bool varies = false;
    begin_up(&conf);
    a_->script = note_and_drop;
    struct rig_ask *a = rig_ask_of(RAD_ACCESS_REQUEST, "anna", 200000, NULL);
    rig_run(200000);
    ck_assert_int_eq(a->end, RAD_SILENT);
    ck_assert_uint_eq(a_->got, 6);
    ck_assert_uint_eq(a->writes, 1);            /* the very same packet each time */
    uint64_t wait = sent_at[1] - sent_at[0];
    ck_assert_uint_ge(wait, 1800);
    ck_assert_uint_le(wait, 2200);
    for (uint32_t i = 2; i < 6; i++) {
        uint64_t next = sent_at[i] - sent_at[i - 1];
        if (wait * 19 / 10 > 17600) {
            ck_assert_uint_ge(next, 14400);
        } else {
            ck_assert_uint_ge(next, wait * 19 / 10 < 14400 ? wait * 19 / 10 : 14400);
            ck_assert_uint_le(next, wait * 21 / 10 + 1);
        }
        ck_assert_uint_le(next, 17600);         /* MRT */
        varies = varies || next != 2 * wait;
        wait = next;
    }
    ck_assert(varies);
    ck_assert_uint_eq(count("retransmissions"), 5);
    ck_assert_uint_eq(count("unanswered"), 1);
    rig_end(self);
}
END_TEST

static enum rig_act drop_two(uint32_t nth) { return nth < 2 ? RIG_DROP : RIG_ANSWER; }

START_TEST(a_lost_packet_costs_a_wait)
{
    begin_up(&one_conf);
    a_->script = drop_two;
    struct rig_ask *a = rig_ask("anna");
    rig_run(10000);
    ck_assert_int_eq(a->end, RAD_ANSWERED);
    ck_assert_uint_eq(a->tries, 3);
    ck_assert_uint_ge(a->took_ms, 5220);
    ck_assert_uint_le(a->took_ms, 6820);
    ck_assert_str_eq(state("a"), "up");
    rig_end(self);
}
END_TEST

START_TEST(the_time_for_all_ends_it)
{
    begin_up(&two_conf);
    a_->dead = b_->dead = true;
    struct rig_ask *a = rig_ask_of(RAD_ACCESS_REQUEST, "anna", 5000, NULL);
    uint64_t began = fake_now();
    rig_run(10000);
    ck_assert_int_eq(a->end, RAD_SILENT);
    ck_assert_uint_eq(a->at_ms - began, 5000);
    rig_end(self);
}
END_TEST

START_TEST(servers_share_the_time)
{
    begin_up(&two_conf);
    a_->dead = true;
    struct rig_ask *a = rig_ask_of(RAD_ACCESS_REQUEST, "anna", 10000, NULL);
    rig_run(10000);                             /* three tries with one would take 14 s */
    ck_assert_int_eq(a->end, RAD_ANSWERED);
    ck_assert_str_eq(a->server, "b");
    ck_assert_uint_eq(a->took_ms, 5000);
    ck_assert_str_eq(state("a"), "dead");
    rig_end(self);
}
END_TEST

START_TEST(a_request_that_does_not_fit_says_so)
{
    begin_up(&one_conf);
    struct rig_ask *a = &rig_asks[rig_ask_count++];
    a->big = 5000;
    a->ask = rad_ask(rig_group, RAD_ACCESS_REQUEST, 30000, NULL, rig_write, rig_done, a);
    ck_assert_uint_eq(a->ends, 0);
    rig_run(10);
    ck_assert_int_eq(a->end, RAD_TOO_LONG);
    ck_assert_uint_eq(a_->got, 0);
    ck_assert_ptr_nonnull(strstr(rig_report(), "\"in_flight\": 0"));
    rig_end(self);
}
END_TEST

/* ---- answers that are none ------------------------------------------------------------------ */

static void dropped(enum rig_act act, const char *counter)
{
    begin_up(&one_conf);
    a_->act = act;
    struct rig_ask *a = rig_ask("anna");
    rig_run(1000);
    ck_assert_uint_eq(a->ends, 0);
    ck_assert_uint_eq(count(counter), 1);
    a_->act = RIG_ANSWER;                       /* the next try is answered well */
    rig_run(2000);
    ck_assert_int_eq(a->end, RAD_ANSWERED);
    ck_assert_uint_eq(count(counter), 1);
    rig_end(self);
}

START_TEST(answers_that_are_none_are_dropped_and_counted)
{
    dropped(RIG_FORGE, "bad-authenticators");
    dropped(RIG_UNSIGNED, "unsigned-answers");
    dropped(RIG_OTHER_PORT, "stray-datagrams");
    dropped(RIG_OTHER_ADDRESS, "stray-datagrams");
    dropped(RIG_GARBAGE, "stray-datagrams");
    dropped(RIG_WRONG_CODE, "stray-datagrams");
    dropped(RIG_WRONG_ID, "stray-datagrams");
    dropped(RIG_CUT, "stray-datagrams");
}
END_TEST

START_TEST(every_truncation_of_an_answer_is_dropped)
{
    begin_up(&one_conf);
    a_->act = RIG_DROP;
    struct rig_ask *a = rig_ask("anna");
    rig_run(10);
    /* the answer, written by hand from what was sent */
    struct rad_out o;
    struct rad_key key = { fake_host()->crypto, (const uint8_t *)"sa", 2 };
    rad_begin(&o, &key, RAD_ACCESS_REQUEST);    /* the next try shows it once more */
    rig_run(2500);
    ck_assert_uint_ge(a_->got, 2);
    for (uint32_t len = 0; len < 60; len++) {
        uint8_t bytes[60] = { RAD_ACCESS_ACCEPT, 0, 0, 60 };
        (void)fake_datagram(ADIT_PROTO_UDP, &a_->at, &a_->from, NULL, bytes, len);
    }
    ck_assert_uint_eq(a->ends, 0);
    ck_assert_uint_eq(count("stray-datagrams"), 60);
    rad_ask_cancel(a->ask);
    a->ask = NULL;
    rig_end(self);
}
END_TEST

START_TEST(a_second_answer_is_counted)
{
    begin_up(&one_conf);
    a_->act = RIG_TWICE;
    struct rig_ask *a = rig_ask("anna");
    rig_run(100);
    ck_assert_int_eq(a->end, RAD_ANSWERED);
    ck_assert_uint_eq(count("duplicate-answers"), 1);
    ck_assert_uint_eq(count("answers"), 1);
    rig_end(self);
}
END_TEST

START_TEST(a_server_may_be_known_not_to_sign)
{
    static const struct rad_server_conf v[] = { { .host = "10.0.1.1", .secret = "sa", .auth_port = 1812,
        .timeout_ms = 2000, .tries = 3, .message_authenticator = RAD_AUTO } };
    static const struct rad_servers_conf conf = CONF(v);
    begin_up(&conf);
    a_->act = RIG_UNSIGNED;
    struct rig_ask *a = rig_ask("anna");
    rig_run(100);
    ck_assert_int_eq(a->end, RAD_ANSWERED);
    ck_assert_str_eq(a->server, "10.0.1.1");    /* no name: its host is one */
    a_->act = RIG_FORGE;
    a = rig_ask("berta");
    rig_run(100);
    ck_assert_uint_eq(a->ends, 0);
    rig_end(self);
}
END_TEST

START_TEST(an_unsigned_server_is_named_with_the_remedy)
{
    begin_up(&one_conf);
    a_->act = RIG_UNSIGNED;
    (void)rig_ask("anna");
    rig_run(3000);
    ck_assert_uint_eq(fake_event_count("radius.server.unsigned"), 1);   /* once, not for each answer */
    ck_assert_ptr_nonnull(strstr(fake_last_error(), "message-authenticator: auto"));
    rig_end(self);
}
END_TEST

START_TEST(a_wrong_secret_is_named_with_the_remedy)
{
    static const struct rad_server_conf v[] = { SERVER("a", "10.0.1.1", "wrong") };
    static const struct rad_servers_conf conf = CONF(v);
    begin(&conf);
    a_->no_status = true;                       /* as servers are that check a signature */
    rig_run(20000);
    struct rig_ask *a = rig_ask("anna");
    rig_run(30000);
    ck_assert_int_eq(a->end, RAD_SILENT);
    ck_assert_uint_eq(fake_event_count("radius.server.secret"), 1);
    ck_assert_str_eq(fake_event_str("radius.server.secret", "server"), "a");
    ck_assert_ptr_nonnull(strstr(fake_last_error(), "signed with another secret"));
    ck_assert_ptr_nonnull(strstr(rig_report(), "signed with another secret"));
    ck_assert_str_eq(state("a"), "dead");
    /* it is mended there */
    a_->secret = "wrong";
    rig_run(120000);
    a = rig_ask("anna");
    rig_run(1000);
    ck_assert_int_eq(a->end, RAD_ANSWERED);
    ck_assert_str_eq(state("a"), "up");
    ck_assert_ptr_null(strstr(rig_report(), "another secret"));
    rig_end(self);
}
END_TEST

START_TEST(forgeries_from_elsewhere_say_nothing_about_the_secret)
{
    begin_up(&one_conf);
    a_->act = RIG_OTHER_PORT;
    struct rig_ask *a = rig_ask("anna");
    rig_run(25000);
    ck_assert_int_eq(a->end, RAD_SILENT);
    ck_assert_uint_eq(fake_event_count("radius.server.secret"), 0);
    ck_assert_uint_ge(fake_event_count("radius.stray"), 1);
    rig_end(self);
}
END_TEST

START_TEST(a_forger_does_not_keep_a_dead_server_alive)
{
    begin_up(&two_conf);
    a_->act = RIG_FORGE;
    struct rig_ask *a = rig_ask("anna");
    rig_run(20000);
    ck_assert_int_eq(a->end, RAD_ANSWERED);
    ck_assert_str_eq(a->server, "b");
    ck_assert_str_eq(state("a"), "dead");
    rig_end(self);
}
END_TEST

/* ---- two servers ------------------------------------------------------------------------------ */

START_TEST(the_next_server_is_asked_with_its_own_secret)
{
    begin_up(&two_conf);
    a_->dead = true;
    struct rig_ask *a = rig_ask("anna");
    rig_run(20000);
    ck_assert_int_eq(a->end, RAD_ANSWERED);
    ck_assert_str_eq(a->server, "b");
    ck_assert_str_eq(a->text, "anna of sb");
    ck_assert_uint_eq(a_->got, 3);
    ck_assert_uint_eq(b_->got, 1);
    ck_assert_uint_eq(a->writes, 2);            /* anew: hidden values depend on the secret */
    ck_assert_uint_eq(a->tries, 4);
    ck_assert_uint_eq(count("failovers"), 1);
    ck_assert_str_eq(state("a"), "dead");
    ck_assert_uint_eq(fake_event_count("radius.server.dead"), 1);
    ck_assert_ptr_nonnull(strstr(fake_event_str("radius.server.dead", "why"), "secret"));
    rig_end(self);
}
END_TEST

START_TEST(one_dead_server_costs_nothing_after_it_was_found_dead)
{
    begin_up(&two_conf);
    a_->dead = true;
    (void)rig_ask("first");
    rig_run(20000);
    ck_assert_str_eq(state("a"), "dead");
    a_->got = a_->status = b_->got = b_->status = 0;
    uint64_t sent = count("requests") + count("retransmissions");
    for (uint32_t i = 0; i < 1000; i++) {       /* 1000 logins in ten minutes */
        struct rig_ask *a = rig_ask("anna");
        rig_run(600);
        ck_assert_int_eq(a->end, RAD_ANSWERED);
        ck_assert_uint_eq(a->took_ms, 0);       /* not a millisecond */
        ck_assert_uint_eq(a->tries, 1);
    }
    ck_assert_uint_eq(count("requests") + count("retransmissions") - sent, 1000);       /* not a packet */
    ck_assert_uint_eq(a_->got, 0);
    ck_assert_uint_ge(a_->status, 8);           /* it is asked whether it lives, each minute */
    ck_assert_uint_le(a_->status, 12);
    ck_assert_uint_eq(b_->got, 1000);
    rig_end(self);
}
END_TEST

START_TEST(while_a_server_is_in_doubt_new_requests_go_elsewhere)
{
    begin_up(&two_conf);
    a_->dead = true;
    struct rig_ask *first = rig_ask("first");
    rig_run(2300);                              /* its first wait is over */
    struct rig_ask *a = rig_ask("anna");
    rig_run(10);
    ck_assert_int_eq(a->end, RAD_ANSWERED);
    ck_assert_str_eq(a->server, "b");
    ck_assert_uint_eq(first->ends, 0);
    a_->dead = false;                           /* it was only a packet */
    rig_run(5000);
    ck_assert_int_eq(first->end, RAD_ANSWERED);
    ck_assert_str_eq(first->server, "a");
    a = rig_ask("berta");
    rig_run(10);
    ck_assert_str_eq(a->server, "a");
    rig_end(self);
}
END_TEST

START_TEST(all_that_wait_move_on_when_a_server_is_found_dead)
{
    begin_up(&two_conf);
    a_->dead = true;
    for (uint32_t i = 0; i < 500; i++)          /* within the first wait */
        (void)rig_ask("anna");
    rig_run(1000);
    for (uint32_t i = 0; i < 500; i++)
        (void)rig_ask("berta");
    rig_run(15600);                             /* 14 s, a tenth more at most */
    ck_assert_str_eq(state("a"), "dead");
    for (uint32_t i = 0; i < 1000; i++) {
        ck_assert_int_eq(rig_asks[i].end, RAD_ANSWERED);
        ck_assert_str_eq(rig_asks[i].server, "b");
    }
    rig_end(self);
}
END_TEST

START_TEST(a_late_answer_counts_for_the_server_but_not_for_the_request)
{
    begin_up(&two_conf);
    a_->delay_ms = 17000;                       /* later than its tries, 12 s to 16.5 s */
    struct rig_ask *a = rig_ask("anna");
    rig_run(16950);
    ck_assert_int_eq(a->end, RAD_ANSWERED);
    ck_assert_str_eq(a->server, "b");
    ck_assert_str_eq(state("a"), "dead");
    rig_run(200);
    ck_assert_uint_eq(count("late-answers"), 1);
    ck_assert_uint_eq(a->ends, 1);
    ck_assert_str_eq(state("a"), "up");         /* it lives */
    rig_end(self);
}
END_TEST

START_TEST(both_dead_is_told_at_once)
{
    begin_up(&two_conf);
    a_->dead = b_->dead = true;
    struct rig_ask *a = rig_ask("anna");
    rig_run(40000);
    ck_assert_int_eq(a->end, RAD_SILENT);
    ck_assert_str_eq(state("a"), "dead");
    ck_assert_str_eq(state("b"), "dead");
    uint64_t sent = count("requests");
    a = rig_ask("berta");                       /* one probe each, then the end */
    uint64_t began = fake_now();
    rig_run(10000);
    ck_assert_int_eq(a->end, RAD_NO_SERVER);
    ck_assert_uint_le(a->at_ms - began, 2210);
    ck_assert_uint_eq(count("requests"), sent);
    rig_run(100);
    a = rig_ask("clara");
    rig_run(2300);
    struct rig_ask *b = rig_ask("dora");        /* just probed: not even that */
    began = fake_now();
    rig_run(0);
    ck_assert_int_eq(b->end, RAD_NO_SERVER);
    ck_assert_uint_eq(b->at_ms, began);
    rig_end(self);
}
END_TEST

START_TEST(a_server_that_comes_back_is_used_at_once)
{
    begin_up(&one_conf);
    a_->dead = true;
    (void)rig_ask("anna");
    rig_run(20000);
    ck_assert_str_eq(state("a"), "dead");
    a_->dead = false;                           /* nobody has to wait for its dead time to pass */
    struct rig_ask *a = rig_ask("berta");
    rig_run(50);
    ck_assert_int_eq(a->end, RAD_ANSWERED);
    ck_assert_str_eq(state("a"), "up");
    rig_end(self);
}
END_TEST

START_TEST(with_another_server_it_is_back_after_its_dead_time)
{
    begin_up(&two_conf);
    a_->dead = true;
    (void)rig_ask("anna");
    rig_run(16000);
    ck_assert_str_eq(state("a"), "dead");
    a_->dead = false;
    rig_run(50000);
    ck_assert_uint_eq(a_->status, 0);           /* it is left alone */
    rig_run(20000);
    ck_assert_uint_eq(a_->status, 1);
    ck_assert_str_eq(state("a"), "up");
    struct rig_ask *a = rig_ask("berta");
    rig_run(10);
    ck_assert_str_eq(a->server, "a");
    rig_end(self);
}
END_TEST

START_TEST(without_status_server_one_request_tries)
{
    begin(&two_conf);
    a_->no_status = true;
    rig_run(20000);                             /* three Status-Servers went unanswered */
    ck_assert_uint_eq(a_->status, 3);
    struct rig_ask *a = rig_ask("anna");        /* the first that is asked finds out */
    rig_run(10);
    ck_assert_str_eq(a->server, "a");
    ck_assert_str_eq(state("a"), "up");
    rig_run(30000);                             /* and whether it understands Status-Server, now that it lives */
    ck_assert_ptr_nonnull(strstr(strstr(rig_report(), "\"name\": \"a\""), "\"status_server\": \"no\""));
    a_->status = a_->got = 0;
    a_->dead = true;
    (void)rig_ask("berta");
    rig_run(20000);
    ck_assert_str_eq(state("a"), "dead");
    a_->got = 0;
    rig_run(66000);                             /* its dead time is over */
    uint64_t began = fake_now();
    struct rig_ask *tries = rig_ask("clara");   /* this one tries, with one packet */
    struct rig_ask *other = rig_ask("dora");    /* others do not wait for that */
    rig_run(10);
    ck_assert_str_eq(state("a"), "probing");
    ck_assert_str_eq(other->server, "b");
    ck_assert_uint_eq(tries->ends, 0);
    rig_run(2200);
    ck_assert_str_eq(tries->server, "b");
    ck_assert_uint_le(tries->at_ms - began, 2200);
    ck_assert_uint_eq(a_->got, 1);
    ck_assert_uint_eq(a_->status, 0);
    ck_assert_str_eq(state("a"), "dead");
    a_->dead = false;
    rig_run(66000);
    a = rig_ask("emma");
    rig_run(10);
    ck_assert_str_eq(a->server, "a");
    ck_assert_str_eq(state("a"), "up");
    rig_end(self);
}
END_TEST

START_TEST(probing_can_be_turned_off)
{
    static const struct rad_servers_conf conf = { .servers = MANY(two), .dead_ms = 60000, .probe = 0 };
    begin(&conf);
    rig_run(200000);
    ck_assert_uint_eq(a_->status + b_->status, 0);
    a_->dead = true;
    (void)rig_ask("anna");
    rig_run(20000);
    ck_assert_str_eq(state("a"), "dead");
    rig_run(66000);
    a_->dead = false;
    struct rig_ask *a = rig_ask("berta");
    rig_run(10);
    ck_assert_str_eq(a->server, "a");
    ck_assert_uint_eq(a_->status + b_->status, 0);
    rig_end(self);
}
END_TEST

START_TEST(in_order_a_dead_second_server_is_not_tried_by_requests)
{
    begin(&two_conf);
    b_->no_status = b_->dead = true;
    rig_run(200000);
    for (uint32_t i = 0; i < 100; i++) {
        struct rig_ask *a = rig_ask("anna");
        rig_run(1000);
        ck_assert_str_eq(a->server, "a");
    }
    ck_assert_uint_eq(b_->got, 0);
    rig_end(self);
}
END_TEST

START_TEST(weights_share)
{
    static const struct rad_server_conf v[] = {
        { .name = "a", .host = "10.0.1.1", .secret = "sa", .auth_port = 1812, .weight = 3, .timeout_ms = 2000,
          .tries = 3 },
        { .name = "b", .host = "10.0.1.2", .secret = "sb", .auth_port = 1812, .weight = 1, .timeout_ms = 2000,
          .tries = 3 },
        { .name = "c", .host = "10.0.1.3", .secret = "sc", .auth_port = 1812, .weight = 0, .timeout_ms = 2000,
          .tries = 3 },
    };
    static const struct rad_servers_conf conf = { .servers = MANY(v), .dead_ms = 60000, .probe = 1,
                                                  .order = RAD_WEIGHTS };
    begin(NULL);
    struct rig_server *c = rig_server(2, "10.0.1.3:1812", "sc");
    self = rig_start(&conf);
    rig_run(100);
    for (uint32_t i = 0; i < 400; i++)
        (void)rig_ask("anna");
    rig_run(100);
    ck_assert_uint_eq(a_->got, 300);
    ck_assert_uint_eq(b_->got, 100);
    ck_assert_uint_eq(c->got, 0);
    a_->dead = b_->dead = true;                 /* weight 0: when there is no other */
    for (uint32_t i = 0; i < 4; i++)
        (void)rig_ask("berta");
    rig_run(60000);
    for (uint32_t i = 400; i < 404; i++)
        ck_assert_str_eq(rig_asks[i].server, "c");
    rig_end(self);
}
END_TEST

START_TEST(a_continued_conversation_stays_with_its_server)
{
    begin_up(&two_conf);
    struct rig_ask *a = rig_ask_of(RAD_ACCESS_REQUEST, "anna", 30000, "b");
    rig_run(10);
    ck_assert_str_eq(a->server, "b");
    b_->dead = true;                            /* State means nothing to a */
    a = rig_ask_of(RAD_ACCESS_REQUEST, "anna", 30000, "b");
    rig_run(20000);
    ck_assert_int_eq(a->end, RAD_SILENT);
    ck_assert_uint_eq(a_->got, 0);
    ck_assert_str_eq(state("b"), "dead");
    b_->dead = false;                           /* even a dead one is asked */
    a = rig_ask_of(RAD_ACCESS_REQUEST, "anna", 30000, "b");
    rig_run(10);
    ck_assert_int_eq(a->end, RAD_ANSWERED);
    a = rig_ask_of(RAD_ACCESS_REQUEST, "anna", 30000, "nobody");
    rig_run(10);
    ck_assert_int_eq(a->end, RAD_NO_SERVER);
    ck_assert(rad_group_has(rig_group, "b") && !rad_group_has(rig_group, "nobody"));
    rig_end(self);
}
END_TEST

START_TEST(accounting_asks_the_accounting_way)
{
    begin_up(&one_conf);
    struct rig_ask *a = rig_ask_of(RAD_ACCOUNTING_REQUEST, "anna", 30000, NULL);
    rig_run(10);
    ck_assert_int_eq(a->end, RAD_ANSWERED);
    a_->act = RIG_UNSIGNED;                     /* nobody signs accounting's answers */
    a = rig_ask_of(RAD_ACCOUNTING_REQUEST, "anna", 30000, NULL);
    rig_run(10);
    ck_assert_int_eq(a->end, RAD_ANSWERED);
    rig_end(self);
}
END_TEST

/* ---- ends ------------------------------------------------------------------------------------------ */

START_TEST(cancel_at_each_point)
{
    /* before anything, waiting, while it is sent again, after fail-over, parked */
    static const uint64_t points[] = { 0, 1, 1000, 2500, 7000, 15600, 17000 };
    for (uint32_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        begin_up(&two_conf);
        a_->dead = b_->dead = true;
        struct rig_ask *a = rig_ask("anna");
        if (points[i])
            rig_run(points[i] - 1);
        ck_assert_uint_eq(a->ends, 0);
        rad_ask_cancel(a->ask);
        a->ask = NULL;
        rig_run(60000);
        ck_assert_uint_eq(a->ends, 0);
        rig_end(self);
    }
}
END_TEST

START_TEST(cancel_while_parked)
{
    begin_up(&one_conf);
    a_->dead = true;
    (void)rig_ask("anna");
    rig_run(20000);
    struct rig_ask *a = rig_ask("berta");
    rig_run(100);
    ck_assert_uint_eq(a->ends, 0);
    rad_ask_cancel(a->ask);
    a->ask = NULL;
    rig_run(10000);
    ck_assert_uint_eq(a->ends, 0);
    rig_end(self);
}
END_TEST

START_TEST(a_cancelled_trial_lets_the_next_one_try)
{
    static const struct rad_servers_conf conf = { .servers = MANY(one), .dead_ms = 60000, .probe = 0 };
    begin(&conf);
    a_->dead = true;
    (void)rig_ask("anna");
    rig_run(20000);
    ck_assert_str_eq(state("a"), "dead");
    struct rig_ask *a = rig_ask("berta"), *b = rig_ask("clara");
    rig_run(10);
    ck_assert_uint_eq(a_->got, 4);
    ck_assert_str_eq(state("a"), "probing");
    a_->dead = false;
    rad_ask_cancel(a->ask);
    a->ask = NULL;
    rig_run(10);
    ck_assert_int_eq(b->end, RAD_ANSWERED);
    rig_end(self);
}
END_TEST

START_TEST(an_answer_after_cancel_is_late)
{
    begin_up(&one_conf);
    a_->delay_ms = 100;
    struct rig_ask *a = rig_ask("anna");
    rig_run(50);
    rad_ask_cancel(a->ask);
    a->ask = NULL;
    rig_run(1000);
    ck_assert_uint_eq(count("late-answers"), 1);
    rig_end(self);
}
END_TEST

START_TEST(stop_ends_everything)
{
    begin_up(&two_conf);
    a_->dead = true;
    for (uint32_t i = 0; i < 600; i++)
        (void)rig_ask("anna");
    rig_run(3000);
    rad_group_stop(rig_group);
    for (uint32_t i = 0; i < 600; i++) {
        ck_assert_uint_eq(rig_asks[i].ends, 1);
        ck_assert_int_eq(rig_asks[i].end, RAD_GONE);
    }
    ck_assert_ptr_null(rad_ask(rig_group, RAD_ACCESS_REQUEST, 1000, NULL, rig_write, rig_done, NULL));
    ck_assert_int_eq(rad_group_start(rig_group), 0);    /* and again */
    a_->dead = false;
    rig_run(100);
    struct rig_ask *a = rig_ask("berta");
    rig_run(10);
    ck_assert_int_eq(a->end, RAD_ANSWERED);
    rig_end(self);
}
END_TEST

static void ask_again(struct rig_ask *a)
{
    if (rig_ask_count < 5)
        rig_ask("again")->then = ask_again;
    (void)a;
}

START_TEST(done_may_ask_again_and_cancel_others)
{
    begin_up(&one_conf);
    rig_ask("anna")->then = ask_again;
    rig_run(100);
    ck_assert_uint_eq(rig_ask_count, 5);
    for (uint32_t i = 0; i < 5; i++)
        ck_assert_int_eq(rig_asks[i].end, RAD_ANSWERED);
    rig_end(self);
}
END_TEST

/* ---- ids --------------------------------------------------------------------------------------------- */

START_TEST(ten_thousand_in_flight)
{
    begin_up(&one_conf);
    a_->delay_ms = 1000;
    for (uint32_t i = 0; i < 10000; i++) {
        char user[32];
        snprintf(user, sizeof user, "user%u", i);
        (void)rig_ask(user);
    }
    ck_assert_ptr_nonnull(strstr(rig_report(), "\"in_flight\": 10000"));
    ck_assert_ptr_nonnull(strstr(rig_report(), "\"ports\": 40"));        /* 256 ids each */
    rig_run(1000);                              /* all answers come at once: */
    rig_run(100);                               /* a few each millisecond, packets between them */
    ck_assert_uint_eq(count("answers"), 32 * 101);
    rig_run(300);
    for (uint32_t i = 0; i < 10000; i++) {
        char text[64];
        snprintf(text, sizeof text, "user%u of sa", i);
        ck_assert_int_eq(rig_asks[i].end, RAD_ANSWERED);
        ck_assert_str_eq(rig_asks[i].text, text);       /* its own answer */
        ck_assert_uint_eq(rig_asks[i].tries, 1);
    }
    rig_run(300000);                            /* ports that are no longer needed are closed */
    ck_assert_ptr_nonnull(strstr(rig_report(), "\"ports\": 1,"));
    rig_end(self);
}
END_TEST

START_TEST(more_than_there_are_ids_wait_for_one)
{
    begin_up(&one_conf);
    a_->delay_ms = 1000;
    uint32_t n = 0;
    for (; n < 17000; n++)
        (void)rig_ask("anna");
    ck_assert_ptr_nonnull(strstr(rig_report(), "\"in_flight\": 16384"));
    a_->delay_ms = 0;
    rig_run(2500);
    for (uint32_t i = 0; i < n; i++)
        ck_assert_int_eq(rig_asks[i].end, RAD_ANSWERED);
    rig_end(self);
}
END_TEST

START_TEST(more_than_the_limit_is_refused)
{
    begin_up(&one_conf);
    a_->dead = true;
    uint32_t taken = 0;
    struct rig_ask *a = &rig_asks[rig_ask_count++];
    struct rad_ask *v[20100];
    for (uint32_t i = 0; i < 20100; i++) {
        v[taken] = rad_ask(rig_group, RAD_ACCESS_REQUEST, 30000, NULL, rig_write, rig_done, a);
        taken += v[taken] != NULL;
    }
    ck_assert_uint_eq(taken, 20000);
    ck_assert_uint_eq(a_->got, 0);
    fake_sent_drop();
    a_->dead = false;
    for (uint32_t i = 0; i < taken; i += 2) {   /* those that have no id get one */
        rad_ask_cancel(v[i]);
        v[i] = NULL;
    }
    fake_advance(400);                          /* a few each millisecond */
    fake_sent_drop();
    ck_assert_ptr_nonnull(strstr(rig_report(), "\"in_flight\": 10000"));
    for (uint32_t i = 0; i < taken; i++)
        if (v[i])
            rad_ask_cancel(v[i]);
    rig_end(self);
}
END_TEST

START_TEST(ids_are_used_in_turn)
{
    begin_up(&one_conf);
    uint8_t seen[256] = { 0 };
    a_->act = RIG_DROP;
    for (uint32_t i = 0; i < 255; i++) {        /* one went to Status-Server */
        struct rig_ask *a = rig_ask("anna");
        fake_run();
        const struct fake_sent *f = fake_sent();
        ck_assert_ptr_nonnull(f);
        ck_assert_uint_eq(seen[f->data[1]]++, 0);
        rad_ask_cancel(a->ask);
        a->ask = NULL;
    }
    rig_end(self);
}
END_TEST

/* ---- addresses ------------------------------------------------------------------------------------------ */

START_TEST(ipv6)
{
    static const struct rad_server_conf v[] = { { .name = "six", .host = "2001:db8::5", .secret = "s6",
        .auth_port = 1645, .timeout_ms = 2000, .tries = 3 } };
    static const struct rad_servers_conf conf = CONF(v);
    begin(NULL);
    struct rig_server *s = rig_server(2, "[2001:db8::5]:1645", "s6");
    self = rig_start(&conf);
    struct rig_ask *a = rig_ask("anna");
    rig_run(10);
    ck_assert_int_eq(a->end, RAD_ANSWERED);
    ck_assert_uint_eq(s->got, 1);
    rig_end(self);
}
END_TEST

static struct adit_addr told;
static void write_tells(void *u, struct rad_out *o)
{
    told = o->our;
    rig_write(u, o);
}

START_TEST(a_source_address_is_used_and_told)
{
    static struct rad_server_conf v[] = { SERVER("a", "10.0.1.1", "sa") };
    static const struct rad_servers_conf conf = CONF(v);
    v[0].source = fake_addr("10.0.0.9");
    begin_up(&conf);
    struct rig_ask *a = &rig_asks[rig_ask_count++];
    a->ask = rad_ask(rig_group, RAD_ACCESS_REQUEST, 30000, NULL, write_tells, rig_done, a);
    rig_run(10);
    ck_assert_int_eq(a->end, RAD_ANSWERED);
    ck_assert_int_eq(a_->from.ip[3], 9);
    ck_assert_int_eq(told.ip[3], 9);            /* NAS-IP-Address */
    rig_end(self);
}
END_TEST

START_TEST(names_are_looked_up_on_a_thread)
{
    static const struct rad_server_conf v[] = { { .name = "here", .host = "localhost", .secret = "sl",
        .auth_port = 1812, .timeout_ms = 2000, .tries = 3 } };
    static struct rad_servers_conf conf = CONF(v);
    begin(NULL);
    struct rig_server *s = rig_server(2, "127.0.0.1:1812", "sl");
    struct rig_server *s6 = rig_server(3, "[::1]:1812", "sl");
    self = rig_start(&conf);
    struct rig_ask *a = rig_ask("anna");        /* it waits for the address */
    ck_assert_uint_eq(a->writes, 0);
    rig_run(10);
    ck_assert_int_eq(a->end, RAD_ANSWERED);
    ck_assert_uint_eq(s->got + s6->got, 1);
    s->dead = s6->dead = true;
    a = rig_ask("anna");
    rig_run(20000);
    ck_assert_int_eq(a->end, RAD_SILENT);
    s->dead = s6->dead = false;
    rig_run(70000);                             /* looked up again */
    ck_assert_str_eq(state("here"), "up");
    rig_end(self);
}
END_TEST

START_TEST(a_name_that_is_none_is_a_dead_server)
{
    static const struct rad_server_conf v[] = {
        { .name = "none", .host = "no.such.host.invalid", .secret = "x", .auth_port = 1812, .timeout_ms = 2000,
          .tries = 3 },
        SERVER("a", "10.0.1.1", "sa") };
    static const struct rad_servers_conf conf = CONF(v);
    begin(&conf);
    struct rig_ask *a = rig_ask("anna");
    rig_run(100);
    ck_assert_int_eq(a->end, RAD_ANSWERED);
    ck_assert_str_eq(a->server, "a");
    ck_assert_str_eq(state("none"), "dead");
    ck_assert_uint_eq(fake_event_count("radius.server.lookup"), 1);
    ck_assert_ptr_nonnull(strstr(rig_report(), "cannot be looked up"));
    rig_end(self);
}
END_TEST

START_TEST(stop_while_a_name_is_looked_up)
{
    static const struct rad_server_conf v[] = { { .host = "localhost", .secret = "sl", .auth_port = 1812,
        .timeout_ms = 2000, .tries = 3 } };
    static const struct rad_servers_conf conf = CONF(v);
    begin(&conf);
    struct rig_ask *a = rig_ask("anna");
    rad_group_stop(rig_group);
    ck_assert_int_eq(a->end, RAD_GONE);
    fake_run();                                 /* the thread comes back to nobody */
    rig_end(self);
}
END_TEST

/* ---- the configuration ---------------------------------------------------------------------------------------- */

static void refused(const struct rad_server_conf *v, uint32_t n, const char *sentence)
{
    struct rad_servers_conf conf = { .servers = { v, n, sizeof *v }, .dead_ms = 60000, .probe = 1 };
    rig_begin();
    ck_assert_ptr_null(rig_start(&conf));
    ck_assert_int_eq(fake_code(), ADIT_ECONF);
    if (!strstr(fake_last_error(), sentence))
        ck_abort_msg("'%s' does not say '%s'", fake_last_error(), sentence);
    fake_end();
}

START_TEST(wrong_configurations_are_refused_with_a_sentence)
{
    struct rad_server_conf v[2] = { SERVER("a", "10.0.1.1", "sa"), SERVER("a", "10.0.1.2", "sb") };
    refused(v, 2, "two are called a");
    v[0].secret = NULL;
    refused(v, 1, "there is no secret");
    v[0].secret = "x";
    v[0].secret_file = "/nonexistent";
    refused(v, 1, "both set");
    v[0].secret = NULL;
    refused(v, 1, "No such file");
    v[0].secret_file = NULL;
    v[0].secret = "";
    refused(v, 1, "empty");
    v[0].secret = "x";
    v[0].host = NULL;
    refused(v, 1, "no host");
    v[0].host = "10.0.1.1";
    v[0].auth_port = 0;
    refused(v, 1, "none is asked for authentication");
    v[0].auth_port = 1812;
    v[0].source = fake_addr("2001:db8::9");
    refused(v, 1, "different families");
}
END_TEST

START_TEST(a_secret_file_is_its_owners_alone)
{
    char name[] = "/tmp/rad-secret-XXXXXX";
    int fd = mkstemp(name);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, "sa\n", 3), 3);
    close(fd);
    struct rad_server_conf v[] = { { .name = "a", .host = "10.0.1.1", .secret_file = name, .auth_port = 1812,
        .timeout_ms = 2000, .tries = 3 } };
    struct rad_servers_conf conf = CONF(v);
    begin_up(&conf);
    struct rig_ask *a = rig_ask("anna");
    rig_run(10);
    ck_assert_int_eq(a->end, RAD_ANSWERED);
    rig_end(self);
    ck_assert_int_eq(chmod(name, 0644), 0);
    refused(v, 1, "others than its owner");
    unlink(name);
}
END_TEST

START_TEST(reload_keeps_what_stays)
{
    static const struct rad_server_conf v[] = { SERVER("b", "10.0.1.2", "sb"), SERVER("c", "10.0.1.3", "sc") };
    static const struct rad_servers_conf conf = CONF(v);
    begin_up(&two_conf);
    struct rig_server *c = rig_server(2, "10.0.1.3:1812", "sc");
    a_->dead = true;
    b_->delay_ms = 3000;
    struct rig_ask *from_a = rig_ask("anna"), *at_b = rig_ask_of(RAD_ACCESS_REQUEST, "berta", 30000, "b"),
                   *only_a = rig_ask_of(RAD_ACCESS_REQUEST, "clara", 30000, "a");
    rig_run(1000);
    ck_assert_int_eq(rad_group_reload(rig_group, &conf), 0);
    rig_run(100);
    ck_assert_int_eq(only_a->end, RAD_NO_SERVER);
    ck_assert_uint_eq(from_a->ends, 0);
    rig_run(5000);
    ck_assert_int_eq(from_a->end, RAD_ANSWERED);
    ck_assert_str_eq(from_a->server, "b");
    ck_assert_int_eq(at_b->end, RAD_ANSWERED);
    ck_assert_uint_eq(at_b->took_ms, 3000);     /* nobody disturbed it */
    ck_assert_uint_eq(c->status, 1);
    struct rad_servers_conf none = { .dead_ms = 1 };
    ck_assert_int_ne(rad_group_reload(rig_group, &none), 0);
    ck_assert(rad_group_has(rig_group, "b"));   /* as it was */
    rig_end(self);
}
END_TEST

/* ---- weather ----------------------------------------------------------------------------------------------------- */

static uint64_t dice_state;
static uint32_t dice(uint32_t n)
{
    dice_state = dice_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(dice_state >> 33) % n;
}

static enum rig_act bad_weather(uint32_t nth)
{
    (void)nth;
    uint32_t d = dice(100);
    return d < 25 ? RIG_DROP : d < 35 ? RIG_TWICE : d < 40 ? RIG_FORGE : d < 43 ? RIG_OTHER_PORT :
           d < 46 ? RIG_GARBAGE : d < 49 ? RIG_WRONG_ID : d < 52 ? RIG_CUT : RIG_ANSWER;
}

static uint32_t bad_delay(uint32_t nth)
{
    (void)nth;
    return dice(10) ? dice(300) : dice(9000);   /* reordered, and some later than their try */
}

START_TEST(loss_duplication_delay_and_reordering)
{
    for (uint64_t seed = 1; seed <= 8; seed++) {
        uint32_t answered = 0;
        dice_state = seed;
        begin_up(&two_conf);
        a_->script = b_->script = bad_weather;
        a_->delay = b_->delay = bad_delay;
        for (uint32_t i = 0; i < 600; i++) {
            char user[32];
            snprintf(user, sizeof user, "user%u", i);
            struct rig_ask *a = rig_ask(user);
            rig_run(dice(80));
            if (!dice(20) && a->ask) {
                rad_ask_cancel(a->ask);
                a->ask = NULL;
                a->ends = 1;
                a->end = RAD_GONE;
            }
            if (!dice(100))
                a_->dead = !a_->dead;
            if (!dice(200))
                b_->dead = !b_->dead;
        }
        a_->dead = b_->dead = false;
        rig_run(120000);
        for (uint32_t i = 0; i < rig_ask_count; i++) {
            struct rig_ask *a = &rig_asks[i];
            char text[64];
            ck_assert_uint_eq(a->ends, 1);
            if (a->end != RAD_ANSWERED)
                continue;
            answered++;
            snprintf(text, sizeof text, "user%u of s%s", i, a->server);
            ck_assert_str_eq(a->text, text);
        }
        ck_assert_uint_ge(answered, 400);
        ck_assert_ptr_null(strstr(rig_report(), "\"in_flight\": 1"));
        rig_end(self);
    }
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        an_answer_comes, at_the_start_a_server_is_asked_whether_it_lives,
        a_request_is_sent_again_with_growing_waits, a_lost_packet_costs_a_wait, the_time_for_all_ends_it,
        servers_share_the_time,
        a_request_that_does_not_fit_says_so, answers_that_are_none_are_dropped_and_counted,
        every_truncation_of_an_answer_is_dropped, a_second_answer_is_counted,
        a_server_may_be_known_not_to_sign, an_unsigned_server_is_named_with_the_remedy,
        a_wrong_secret_is_named_with_the_remedy, forgeries_from_elsewhere_say_nothing_about_the_secret,
        a_forger_does_not_keep_a_dead_server_alive, the_next_server_is_asked_with_its_own_secret,
        one_dead_server_costs_nothing_after_it_was_found_dead,
        while_a_server_is_in_doubt_new_requests_go_elsewhere,
        all_that_wait_move_on_when_a_server_is_found_dead,
        a_late_answer_counts_for_the_server_but_not_for_the_request, both_dead_is_told_at_once,
        a_server_that_comes_back_is_used_at_once, with_another_server_it_is_back_after_its_dead_time,
        without_status_server_one_request_tries, probing_can_be_turned_off,
        in_order_a_dead_second_server_is_not_tried_by_requests, weights_share,
        a_continued_conversation_stays_with_its_server, accounting_asks_the_accounting_way,
        cancel_at_each_point, cancel_while_parked, a_cancelled_trial_lets_the_next_one_try,
        an_answer_after_cancel_is_late, stop_ends_everything, done_may_ask_again_and_cancel_others,
        ten_thousand_in_flight, more_than_there_are_ids_wait_for_one, more_than_the_limit_is_refused,
        ids_are_used_in_turn, ipv6, a_source_address_is_used_and_told, names_are_looked_up_on_a_thread,
        a_name_that_is_none_is_a_dead_server, stop_while_a_name_is_looked_up,
        wrong_configurations_are_refused_with_a_sentence, a_secret_file_is_its_owners_alone,
        reload_keeps_what_stays, loss_duplication_delay_and_reordering,
        NULL,
    };
    return unit_suite("rad_client", tests);
}

UNIT_MAIN(suite)
