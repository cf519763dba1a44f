/* test_pptp_ctl.c - the states of control connections and calls, without a host:
 * every word that the machine says goes to a transcript. */
#include <adit/cause.h>
#include <stdarg.h>
#include <stdlib.h>
#include "../../plugins/tunnel-pptp/pptp_ctl.h"
#include "../unit/unit.h"

static struct pptp_conf conf;
static uint64_t now;

struct side {
    struct pptp_ctl ctl;
    char said[8192];
    size_t len;
    uint64_t wake;              /* when the machine wants a tick; 0: never */
    uint32_t ups, downs, gones;
    int32_t open_code;          /* what call_open() answers */
    struct pptp_call call[8];
    uint32_t calls;
    struct side *other;         /* messages go there; NULL: to the transcript only */
    struct pptp_msg queue[64];
    uint32_t queued;
    struct pptp_msg last;
};

__attribute__((format(printf, 2, 3))) static void say(struct side *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    s->len += (size_t)vsnprintf(s->said + s->len, sizeof s->said - s->len, fmt, ap);
    va_end(ap);
    ck_assert_uint_lt(s->len, sizeof s->said);
}

static uint64_t op_now(void *u) { (void)u; return now; }
static const struct pptp_conf *op_conf(void *u) { (void)u; return &conf; }
static const char *op_host_name(void *u) { (void)u; return "us"; }

static void op_send(void *u, const struct pptp_msg *m)
{
    struct side *s = u;
    s->last = *m;
    say(s, "send %s\n", pptp_msg_shape(m->type)->word);
    if (s->other) {
        ck_assert_uint_lt(s->other->queued, 64);
        s->other->queue[s->other->queued++] = *m;
    }
}

static void op_wake(void *u, uint64_t after) { ((struct side *)u)->wake = now + after; }

static void op_moved(void *u, const char *from, const char *to, const char *on)
{
    say(u, "ctl %s -> %s (%s)\n", from, to, on);
}

static void op_unexpected(void *u, const struct pptp_msg *m)
{
    say(u, "unexpected %s\n", pptp_msg_shape(m->type)->word);
}

static void op_up(void *u)
{
    struct side *s = u;
    s->ups++;
    say(s, "up\n");
}

static void op_echo_lost(void *u) { say(u, "echo lost\n"); }

static void op_gone(void *u, uint32_t cause, const char *text)
{
    struct side *s = u;
    s->gones++;
    say(s, "gone %u%s%s\n", cause, text ? ": " : "", text ? text : "");
}

static int32_t op_call_open(void *u, const struct pptp_msg *rq, struct pptp_call **out)
{
    struct side *s = u;
    (void)rq;
    say(s, "call open\n");
    if (s->open_code)
        return s->open_code;
    struct pptp_call *p = &s->call[s->calls];
    memset(p, 0, sizeof *p);
    p->call_id = (uint16_t)(100 + s->calls++);
    *out = p;
    return 0;
}

static void op_call_refused(void *u, const struct pptp_msg *rq, uint8_t result, const char *why)
{
    say(u, "refused %s %u: %s\n", pptp_msg_shape(rq->type)->word, result, why);
}

static void op_call_moved(void *u, struct pptp_call *p, const char *from, const char *to,
                          const char *on)
{
    say(u, "call %u %s -> %s (%s)\n", p->call_id, from, to, on);
}

static void op_call_up(void *u, struct pptp_call *p) { say(u, "call %u up\n", p->call_id); }

static void op_call_down(void *u, struct pptp_call *p, uint32_t cause, const char *text)
{
    struct side *s = u;
    s->downs++;
    say(s, "call %u down %u%s%s\n", p->call_id, cause, text ? ": " : "", text ? text : "");
}

static void op_call_gone(void *u, struct pptp_call *p) { say(u, "call %u gone\n", p->call_id); }

static const struct pptp_ctl_ops ops = {
    .now = op_now, .conf = op_conf, .host_name = op_host_name, .send = op_send, .wake = op_wake,
    .moved = op_moved, .unexpected = op_unexpected, .up = op_up, .echo_lost = op_echo_lost,
    .gone = op_gone, .call_open = op_call_open, .call_refused = op_call_refused,
    .call_moved = op_call_moved, .call_up = op_call_up, .call_down = op_call_down,
    .call_gone = op_call_gone };

static struct side A, B;

static void setup(void)
{
    conf = (struct pptp_conf){ .vendor = "Adit", .echo_interval = 60000, .echo_timeout = 30000,
        .start_timeout = 10000, .idle_timeout = 15000, .call_timeout = 20000, .gre_timeout = 20000,
        .receive_window = 64 };
    now = 1000;
    memset(&A, 0, sizeof A);
    memset(&B, 0, sizeof B);
    pptp_ctl_init(&A.ctl, &ops, &A, PPTP_ANSWER);
    pptp_ctl_init(&B.ctl, &ops, &B, PPTP_DIAL);
}

/* The transcript since the last time. */
static void said(struct side *s, const char *want)
{
    s->said[s->len] = '\0';
    ck_assert_str_eq(s->said, want);
    s->len = 0;
    s->said[0] = '\0';
}

static void forget(struct side *s)
{
    s->len = 0;
    s->said[0] = '\0';
}

static void rx(struct side *s, struct pptp_msg m) { pptp_ctl_rx(&s->ctl, &m); }

#define MSG(t, member, ...) (struct pptp_msg){ .type = (t), .u.member = { __VA_ARGS__ } }

/* Time passes; ticks come exactly when they were asked for. */
static void pass(struct side *s, uint64_t ms)
{
    uint64_t end = now + ms;
    while (s->wake && s->wake <= end) {
        now = s->wake;
        s->wake = 0;
        pptp_ctl_tick(&s->ctl);
    }
    now = end;
}

/* A server with a connection that is up. */
static void server_up(void)
{
    setup();
    pptp_ctl_start(&A.ctl);
    rx(&A, MSG(PPTP_SCCRQ, sccrq, .version = PPTP_VERSION, .framing = 3, .host_name = "pc",
               .vendor = "Microsoft Windows NT", .firmware = 2600));
    said(&A, "ctl idle -> wait-request (open)\nsend sccrp\nctl wait-request -> up (sccrq)\nup\n");
}

/* ... and with a call. */
static void server_call(uint16_t peer_call_id)
{
    server_up();
    rx(&A, MSG(PPTP_OCRQ, ocrq, .call_id = peer_call_id, .max_bps = 1000, .window = 64));
    said(&A, "call open\nsend ocrp\ncall 100 idle -> up (ocrq)\n");
    pptp_call_heard(&A.call[0]);
    said(&A, "call 100 up\n");
}

static void client_up(void)
{
    setup();
    pptp_ctl_connecting(&B.ctl);
    pptp_ctl_start(&B.ctl);
    rx(&B, MSG(PPTP_SCCRP, sccrp, .version = PPTP_VERSION, .result = 1));
    said(&B, "ctl idle -> wait-reply (open)\nsend sccrq\nctl wait-reply -> up (sccrp)\nup\n");
}

static void client_dial(uint16_t id)
{
    client_up();
    B.call[0].call_id = id;
    pptp_call_dial(&B.ctl, &B.call[0], "5551234");
    forget(&B);
}

/* ---- tables ------------------------------------------------------------------------------ */

static void cell(void *u, const char *state, const char *message, const char *action,
                 const char *next)
{
    fprintf(u, "%-16s %-8s %-14s %s\n", state, message, action, next);
}

/* The tables in words, against a file that a person can hold beside the RFC. */
START_TEST(tables_are_those_of_the_file)
{
    static char have[16384], want[16384];
    const char *dir = getenv("top_srcdir");
    char path[1024];

    FILE *f = fmemopen(have, sizeof have, "w");
    fprintf(f, "# control connection (RFC 2637 section 3.1)\n");
    pptp_ctl_table(cell, f);
    fprintf(f, "\n# call (section 3.2)\n");
    pptp_call_table(cell, f);
    fclose(f);
    snprintf(path, sizeof path, "%s/tests/golden/pptp-states.txt", dir ? dir : "..");
    f = fopen(path, "r");
    ck_assert_msg(f != NULL, "no %s", path);
    size_t n = fread(want, 1, sizeof want - 1, f);
    want[n] = '\0';
    fclose(f);
    if (getenv("WRITE_GOLDEN") && (f = fopen(path, "w")) != NULL) {
        fputs(have, f);
        fclose(f);
    }
    ck_assert_str_eq(have, want);
}
END_TEST

/* ---- control connection ---------------------------------------------------------------------- */

START_TEST(start_and_stop)
{
    server_up();
    ck_assert_uint_eq(A.last.u.sccrp.result, PPTP_START_OK);
    ck_assert_uint_eq(A.last.u.sccrp.version, 0x0100);
    ck_assert_str_eq(A.last.u.sccrp.host_name, "us");
    ck_assert_str_eq(A.last.u.sccrp.vendor, "Adit");
    ck_assert_str_eq(A.ctl.peer_vendor, "Microsoft Windows NT");
    rx(&A, MSG(PPTP_STOPRQ, stoprq, .reason = 1));
    said(&A, "send stoprp\nctl up -> gone (stoprq)\ngone 1\n");
    rx(&A, MSG(PPTP_ECHORQ, echorq, .identifier = 1));
    pptp_ctl_tick(&A.ctl);
    pptp_ctl_end(&A.ctl, 3, NULL);
    pptp_ctl_stop(&A.ctl, 1, 3);
    said(&A, "");                               /* gone is the last word */
}
END_TEST

START_TEST(version_is_checked)
{
    static const struct { uint16_t version; bool ok; } v[] = {
        { 0x0100, true }, { 0x0101, true }, { 0x01ff, true }, { 0, false }, { 0x0200, false },
        { 0x00ff, false }, { 0xffff, false } };
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        setup();
        pptp_ctl_start(&A.ctl);
        rx(&A, MSG(PPTP_SCCRQ, sccrq, .version = v[i].version));
        ck_assert_uint_eq(A.last.type, PPTP_SCCRP);
        ck_assert_uint_eq(A.last.u.sccrp.result, v[i].ok ? PPTP_START_OK : PPTP_START_VERSION);
        ck_assert_uint_eq(A.ups, v[i].ok);
        ck_assert_uint_eq(A.gones, !v[i].ok);
        setup();
        pptp_ctl_start(&B.ctl);
        rx(&B, MSG(PPTP_SCCRP, sccrp, .version = v[i].version, .result = 1));
        ck_assert_uint_eq(B.ups, v[i].ok);
        ck_assert_uint_eq(B.gones, !v[i].ok);
    }
}
END_TEST

START_TEST(nothing_but_a_start_begins_a_connection)
{
    for (uint16_t t = 1; t < PPTP_TYPES; t++) {
        setup();
        pptp_ctl_start(&A.ctl);
        rx(&A, (struct pptp_msg){ .type = t });
        ck_assert_uint_eq(A.gones, 1);          /* SCCRQ too: version 0 */
        ck_assert_uint_eq(A.ups, 0);
    }
}
END_TEST

START_TEST(a_stranger_has_little_time)
{
    setup();
    pptp_ctl_start(&A.ctl);
    pass(&A, 9999);
    ck_assert_uint_eq(A.gones, 0);
    pass(&A, 1);
    ck_assert_uint_eq(A.gones, 1);
    setup();
    pptp_ctl_connecting(&B.ctl);                /* dialling: for stream and reply together */
    pass(&B, 6000);
    pptp_ctl_start(&B.ctl);
    pass(&B, 3999);
    ck_assert_uint_eq(B.gones, 0);
    forget(&B);
    pass(&B, 1);
    said(&B, "ctl wait-reply -> gone (start-timeout)\n"
             "gone 39: no Start-Control-Connection message came in time\n");
}
END_TEST

START_TEST(a_connection_without_a_call_is_stopped)
{
    server_up();
    pass(&A, 15000);
    said(&A, "ctl up -> wait-stop (stop)\nsend stoprq\n");
    pass(&A, 2999);
    said(&A, "");
    pass(&A, 1);
    said(&A, "ctl wait-stop -> gone (stop-timeout)\ngone 0\n");
    server_call(7);                             /* with a call it lives */
    pass(&A, 59999);
    said(&A, "");
    rx(&A, MSG(PPTP_CCRQ, ccrq, .call_id = 7));
    forget(&A);
    pass(&A, 14999);                            /* (an echo) */
    forget(&A);
    pass(&A, 1);
    said(&A, "ctl up -> wait-stop (stop)\nsend stoprq\n");
    rx(&A, MSG(PPTP_OCRQ, ocrq, .call_id = 1)); /* too late, no harm */
    rx(&A, MSG(PPTP_STOPRP, stoprp, .result = 1));
    said(&A, "ctl wait-stop -> gone (stoprp)\ngone 0\n");
}
END_TEST

START_TEST(both_stop_at_once)
{
    server_up();
    pptp_ctl_stop(&A.ctl, PPTP_STOP_SHUTDOWN, ADIT_CAUSE_SHUTDOWN);
    ck_assert_uint_eq(A.last.u.stoprq.reason, PPTP_STOP_SHUTDOWN);
    pptp_ctl_stop(&A.ctl, PPTP_STOP_SHUTDOWN, ADIT_CAUSE_SHUTDOWN);
    forget(&A);
    rx(&A, MSG(PPTP_STOPRQ, stoprq, .reason = 1));
    said(&A, "send stoprp\nctl wait-stop -> gone (stoprq)\ngone 1\n");
}
END_TEST

START_TEST(a_second_start_is_answered_and_harmless)
{
    server_call(7);
    rx(&A, MSG(PPTP_SCCRQ, sccrq, .version = PPTP_VERSION));
    said(&A, "unexpected sccrq\nsend sccrp\n");
    ck_assert_uint_eq(A.last.u.sccrp.result, PPTP_START_EXISTS);
    ck_assert_uint_eq(A.ctl.call_count, 1);
}
END_TEST

START_TEST(A8_result_0_is_success_when_dialling)
{
    for (uint8_t result = 0; result < 8; result++) {
        setup();
        pptp_ctl_start(&B.ctl);
        rx(&B, MSG(PPTP_SCCRP, sccrp, .version = PPTP_VERSION, .result = result));
        ck_assert_uint_eq(B.ups, result <= 1);
        ck_assert_uint_eq(B.gones, result > 1);
        client_dial(7);
        rx(&B, MSG(PPTP_OCRP, ocrp, .call_id = 5, .peer_call_id = 7, .result = result));
        ck_assert_int_eq(B.call[0].state == PPTP_CALL_UP, result <= 1);
        ck_assert_uint_eq(B.downs, result > 1);
    }
}
END_TEST

/* ---- echo ---------------------------------------------------------------------------------------- */

START_TEST(W11_A8_echo_requests_are_answered_in_every_state)
{
    server_up();
    rx(&A, MSG(PPTP_ECHORQ, echorq, .identifier = 0xfeedf00d));
    said(&A, "send echorp\n");
    ck_assert_uint_eq(A.last.u.echorp.identifier, 0xfeedf00d);
    ck_assert_uint_eq(A.last.u.echorp.result, PPTP_RESULT_OK);
    setup();
    pptp_ctl_start(&B.ctl);                     /* a server may ask before it has answered */
    forget(&B);
    rx(&B, MSG(PPTP_ECHORQ, echorq, .identifier = 2));
    said(&B, "send echorp\n");
    client_dial(7);
    rx(&B, MSG(PPTP_ECHORQ, echorq, .identifier = 3));
    said(&B, "send echorp\n");
}
END_TEST

START_TEST(A8_echo_is_sent_after_a_silence)
{
    server_call(7);
    A.call[0].heard_at = now;
    pass(&A, 30000);
    rx(&A, MSG(PPTP_SLI, sli, .peer_call_id = 100));    /* speaks: the silence begins anew */
    pass(&A, 59999);
    said(&A, "");
    pass(&A, 1);
    said(&A, "send echorq\n");
    ck_assert_uint_eq(A.last.u.echorq.identifier, 1);
    pass(&A, 1000);
    rx(&A, MSG(PPTP_ECHORP, echorp, .identifier = 1, .result = 1));
    pass(&A, 59999);
    said(&A, "");
    pass(&A, 1);
    said(&A, "send echorq\n");
    pass(&A, 29999);
    said(&A, "");
    pass(&A, 1);
    said(&A, "echo lost\nctl up -> gone (echo-timeout)\ncall 100 up -> gone (lost)\n"
             "call 100 down 4\ncall 100 gone\ngone 4\n");
}
END_TEST

/* Any message, and any GRE packet, is a sign of life. */
START_TEST(A14_echo_is_lenient)
{
    server_call(7);
    pass(&A, 60000);
    said(&A, "send echorq\n");
    rx(&A, MSG(PPTP_ECHORP, echorp, .identifier = 77, .result = 2));    /* wrong, but it lives */
    pass(&A, 60000);
    said(&A, "send echorq\n");
    A.call[0].heard_at = now + 20000;           /* GRE comes, no message does */
    pass(&A, 49999);
    ck_assert_uint_eq(A.gones, 0);
    pass(&A, 1);
    ck_assert_uint_eq(A.gones, 1);
}
END_TEST

START_TEST(echo_can_be_turned_off)
{
    setup();
    conf.echo_interval = conf.idle_timeout = 0;
    pptp_ctl_start(&A.ctl);
    rx(&A, MSG(PPTP_SCCRQ, sccrq, .version = PPTP_VERSION));
    forget(&A);
    pass(&A, 86400000);
    said(&A, "");
}
END_TEST

/* ---- calls, answering -------------------------------------------------------------------------------- */

START_TEST(a_call_is_answered_and_cleared)
{
    server_call(7);
    ck_assert_uint_eq(A.last.u.ocrp.call_id, 100);
    ck_assert_uint_eq(A.last.u.ocrp.peer_call_id, 7);
    ck_assert_uint_eq(A.last.u.ocrp.result, PPTP_OUT_CONNECTED);
    ck_assert_uint_eq(A.last.u.ocrp.speed, 1000);
    ck_assert_uint_eq(A.last.u.ocrp.window, 64);
    rx(&A, MSG(PPTP_CCRQ, ccrq, .call_id = 7));
    said(&A, "send cdn\ncall 100 up -> gone (ccrq)\ncall 100 down 1\ncall 100 gone\n");
    ck_assert_uint_eq(A.last.u.cdn.call_id, 100);       /* the PAC's, section 2.13 */
    ck_assert_uint_eq(A.last.u.cdn.result, PPTP_CDN_REQUEST);
    rx(&A, MSG(PPTP_CCRQ, ccrq, .call_id = 7));
    said(&A, "unexpected ccrq\n");
}
END_TEST

START_TEST(W10_call_id_0_is_a_call_id)
{
    server_call(0);
    ck_assert_uint_eq(A.last.u.ocrp.peer_call_id, 0);
    rx(&A, MSG(PPTP_OCRQ, ocrq, .call_id = 1));
    forget(&A);
    ck_assert_uint_eq(A.ctl.call_count, 2);
    rx(&A, MSG(PPTP_CCRQ, ccrq, .call_id = 0));
    said(&A, "send cdn\ncall 100 up -> gone (ccrq)\ncall 100 down 1\ncall 100 gone\n");
    ck_assert_uint_eq(A.ctl.call_count, 1);
    client_dial(9);                             /* and a server's may be 0 */
    rx(&B, MSG(PPTP_OCRP, ocrp, .call_id = 0, .peer_call_id = 9, .result = 1));
    ck_assert(B.call[0].peer_known && B.call[0].peer_call_id == 0);
    rx(&B, MSG(PPTP_CDN, cdn, .call_id = 0, .result = 3));
    ck_assert_uint_eq(B.downs, 1);
}
END_TEST

START_TEST(S1_a_call_id_that_the_client_reuses)
{
    server_call(7);
    rx(&A, MSG(PPTP_OCRQ, ocrq, .call_id = 7));
    said(&A, "send cdn\ncall 100 up -> gone (reused)\n"
             "call 100 down 3: the peer gave its call id to a new call\ncall 100 gone\n"
             "call open\nsend ocrp\ncall 101 idle -> up (ocrq)\n");
    ck_assert_uint_eq(A.last.u.ocrp.call_id, 101);
    rx(&A, MSG(PPTP_CCRQ, ccrq, .call_id = 7));
    rx(&A, MSG(PPTP_OCRQ, ocrq, .call_id = 7));         /* and after it was cleared */
    ck_assert_uint_eq(A.last.u.ocrp.call_id, 102);
    ck_assert_uint_eq(A.ctl.call_count, 1);
}
END_TEST

START_TEST(many_calls_on_one_connection)
{
    server_up();
    for (uint16_t i = 0; i < 8; i++)
        rx(&A, MSG(PPTP_OCRQ, ocrq, .call_id = i));
    ck_assert_uint_eq(A.ctl.call_count, 8);
    forget(&A);
    rx(&A, MSG(PPTP_CCRQ, ccrq, .call_id = 3));
    said(&A, "send cdn\ncall 103 up -> gone (ccrq)\ncall 103 down 1\ncall 103 gone\n");
    pptp_call_hangup(&A.call[5], ADIT_CAUSE_ADMIN);
    said(&A, "send cdn\ncall 105 up -> gone (hangup)\ncall 105 down 2\ncall 105 gone\n");
    ck_assert_uint_eq(A.last.u.cdn.result, PPTP_CDN_ADMIN);
    pptp_call_hangup(&A.call[5], ADIT_CAUSE_ADMIN);
    said(&A, "");
    pptp_ctl_end(&A.ctl, ADIT_CAUSE_PEER_HANGUP, "closed");     /* A8: TCP close ends all */
    ck_assert_uint_eq(A.downs, 8);
    ck_assert_uint_eq(A.ctl.call_count, 0);
    ck_assert_uint_eq(A.gones, 1);
}
END_TEST

START_TEST(refusals_have_the_words_of_the_rfc)
{
    static const struct { int32_t code; uint8_t result, error, in_result; } r[] = {
        { ADIT_EBUSY, PPTP_OUT_ERROR, PPTP_ERR_RESOURCE, PPTP_IN_ERROR },
        { ADIT_ENOMEM, PPTP_OUT_ERROR, PPTP_ERR_RESOURCE, PPTP_IN_ERROR },
        { ADIT_EDENIED, PPTP_OUT_REFUSED, PPTP_ERR_NONE, PPTP_IN_REFUSED },
        { ADIT_EIO, PPTP_OUT_ERROR, PPTP_ERR_PAC, PPTP_IN_ERROR } };
    for (size_t i = 0; i < sizeof r / sizeof r[0]; i++) {
        server_up();
        conf.incoming_calls = 1;
        A.open_code = r[i].code;
        rx(&A, MSG(PPTP_OCRQ, ocrq, .call_id = 7));
        ck_assert_uint_eq(A.last.type, PPTP_OCRP);
        ck_assert_uint_eq(A.last.u.ocrp.peer_call_id, 7);
        ck_assert_uint_eq(A.last.u.ocrp.result, r[i].result);
        ck_assert_uint_eq(A.last.u.ocrp.error, r[i].error);
        rx(&A, MSG(PPTP_ICRQ, icrq, .call_id = 8));
        ck_assert_uint_eq(A.last.type, PPTP_ICRP);
        ck_assert_uint_eq(A.last.u.icrp.peer_call_id, 8);
        ck_assert_uint_eq(A.last.u.icrp.result, r[i].in_result);
        ck_assert_uint_eq(A.last.u.icrp.error, r[i].error);
        ck_assert_uint_eq(A.ctl.call_count, 0);
        ck_assert_uint_eq(A.downs, 0);
        A.open_code = 0;                        /* and the connection goes on */
        rx(&A, MSG(PPTP_OCRQ, ocrq, .call_id = 7));
        ck_assert_uint_eq(A.ctl.call_count, 1);
    }
}
END_TEST

/* Who answers waits for the caller's first packet, for half a second. */
START_TEST(L4_the_caller_speaks_first)
{
    server_up();
    rx(&A, MSG(PPTP_OCRQ, ocrq, .call_id = 7));
    said(&A, "call open\nsend ocrp\ncall 100 idle -> up (ocrq)\n");
    pass(&A, 499);
    said(&A, "");
    pass(&A, 1);
    said(&A, "call 100 up\n");
    pptp_call_heard(&A.call[0]);
    pass(&A, 40000);
    said(&A, "");
}
END_TEST

START_TEST(K10_no_gre_is_a_cause_of_its_own)
{
    server_up();
    rx(&A, MSG(PPTP_OCRQ, ocrq, .call_id = 7));
    pass(&A, 500);
    forget(&A);
    pass(&A, 19999);
    said(&A, "");
    pass(&A, 1);
    said(&A, "send cdn\ncall 100 up -> gone (no-gre)\ncall 100 down 38\ncall 100 gone\n");
    ck_assert_uint_eq(A.last.u.cdn.result, PPTP_CDN_LOST);
    client_dial(9);
    rx(&B, MSG(PPTP_OCRP, ocrp, .call_id = 5, .peer_call_id = 9, .result = 1));
    forget(&B);
    pass(&B, 20000);
    said(&B, "send ccrq\ncall 9 up -> wait-disconnect (no-gre)\ncall 9 down 38\n");
    setup();
    conf.gre_timeout = 0;                       /* off */
    pptp_ctl_start(&A.ctl);
    rx(&A, MSG(PPTP_SCCRQ, sccrq, .version = PPTP_VERSION));
    rx(&A, MSG(PPTP_OCRQ, ocrq, .call_id = 7));
    pass(&A, 59000);
    ck_assert_uint_eq(A.downs, 0);
}
END_TEST

START_TEST(W11_set_link_info_and_wan_errors_are_read)
{
    server_call(7);
    rx(&A, MSG(PPTP_SLI, sli, .peer_call_id = 100, .send_accm = 0xffffffff, .recv_accm = 1));
    ck_assert_uint_eq(A.call[0].send_accm, 0xffffffff);
    rx(&A, MSG(PPTP_SLI, sli, .peer_call_id = 7, .send_accm = 5));      /* the other side's id */
    ck_assert_uint_eq(A.call[0].send_accm, 5);
    rx(&A, MSG(PPTP_WEN, wen, .peer_call_id = 100, .crc = 0xffffffff, .buffer = 0xffffffff));
    ck_assert_uint_eq(A.call[0].wan_errors, 2ull * 0xffffffff);
    said(&A, "");
    rx(&A, MSG(PPTP_SLI, sli, .peer_call_id = 3));
    rx(&A, MSG(PPTP_WEN, wen, .peer_call_id = 3));
    said(&A, "unexpected sli\nunexpected wen\n");
}
END_TEST

START_TEST(incoming_calls_only_where_permitted)
{
    server_up();
    rx(&A, MSG(PPTP_ICRQ, icrq, .call_id = 5, .dialing = "123"));
    said(&A, "refused icrq 3: not permitted\nsend icrp\n");
    ck_assert_uint_eq(A.last.u.icrp.result, PPTP_IN_REFUSED);
    conf.incoming_calls = 1;
    rx(&A, MSG(PPTP_ICRQ, icrq, .call_id = 5));
    said(&A, "call open\nsend icrp\ncall 100 idle -> wait-connect (icrq)\n");
    ck_assert_uint_eq(A.last.u.icrp.call_id, 100);
    rx(&A, MSG(PPTP_ICCN, iccn, .peer_call_id = 100, .speed = 64000, .window = 8));
    said(&A, "call 100 wait-connect -> up (iccn)\ncall 100 up\n");
    ck_assert_uint_eq(A.call[0].peer_window, 8);
    pptp_call_hangup(&A.call[0], ADIT_CAUSE_ADMIN);     /* here we are the PNS: ask */
    said(&A, "send ccrq\ncall 100 up -> wait-disconnect (hangup)\ncall 100 down 2\n");
    ck_assert_uint_eq(A.last.u.ccrq.call_id, 100);
    rx(&A, MSG(PPTP_CDN, cdn, .call_id = 5, .result = 4));
    said(&A, "call 100 wait-disconnect -> gone (cdn)\ncall 100 gone\n");
    rx(&A, MSG(PPTP_ICRQ, icrq, .call_id = 6));         /* never connected */
    forget(&A);
    pass(&A, 15000);
    said(&A, "");
    pass(&A, 5000);
    said(&A, "send ccrq\ncall 101 wait-connect -> wait-disconnect (timeout)\n"
             "call 101 down 39: no Incoming-Call-Connected came in time\n");
    pass(&A, 3000);
    said(&A, "call 101 wait-disconnect -> gone (timeout)\ncall 101 gone\n");
}
END_TEST

START_TEST(who_was_dialled_does_not_call_back)
{
    client_dial(9);
    conf.incoming_calls = 1;
    rx(&B, MSG(PPTP_OCRQ, ocrq, .call_id = 5));
    said(&B, "refused ocrq 7: not permitted\nsend ocrp\n");
    rx(&B, MSG(PPTP_ICRQ, icrq, .call_id = 5));
    said(&B, "refused icrq 3: not permitted\nsend icrp\n");
}
END_TEST

/* ---- calls, dialling --------------------------------------------------------------------------------------- */

START_TEST(dial_and_hang_up)
{
    client_up();
    B.call[0].call_id = 9;
    pptp_call_dial(&B.ctl, &B.call[0], "5551234");
    said(&B, "call 9 idle -> wait-reply (dial)\nsend ocrq\n");
    ck_assert_uint_eq(B.last.u.ocrq.call_id, 9);
    ck_assert_str_eq(B.last.u.ocrq.phone, "5551234");
    ck_assert_uint_eq(B.last.u.ocrq.phone_len, 7);
    ck_assert_uint_eq(B.last.u.ocrq.window, 64);
    rx(&B, MSG(PPTP_OCRP, ocrp, .call_id = 5, .peer_call_id = 9, .result = 1, .speed = 77));
    said(&B, "call 9 wait-reply -> up (ocrp)\ncall 9 up\n");
    ck_assert_uint_eq(B.call[0].peer_call_id, 5);
    pptp_call_hangup(&B.call[0], ADIT_CAUSE_ADMIN);
    said(&B, "send ccrq\ncall 9 up -> wait-disconnect (hangup)\ncall 9 down 2\n");
    rx(&B, MSG(PPTP_CDN, cdn, .call_id = 5, .result = 4));
    said(&B, "call 9 wait-disconnect -> gone (cdn)\ncall 9 gone\n"
             "ctl up -> wait-stop (stop)\nsend stoprq\n");
    rx(&B, MSG(PPTP_STOPRP, stoprp, .result = 1));
    said(&B, "ctl wait-stop -> gone (stoprp)\ngone 0\n");
}
END_TEST

START_TEST(L6_zero_fields_of_the_reply_are_tolerated)
{
    client_dial(9);
    rx(&B, MSG(PPTP_OCRP, ocrp, .call_id = 5));         /* all else zero */
    said(&B, "call 9 wait-reply -> up (ocrp)\ncall 9 up\n");
    client_dial(9);
    B.call[1].call_id = 10;
    pptp_call_dial(&B.ctl, &B.call[1], NULL);
    forget(&B);
    rx(&B, MSG(PPTP_OCRP, ocrp, .call_id = 5));         /* of two, whose? nobody's */
    said(&B, "unexpected ocrp\n");
    rx(&B, MSG(PPTP_OCRP, ocrp, .call_id = 5, .peer_call_id = 77, .result = 1));
    said(&B, "unexpected ocrp\n");
}
END_TEST

START_TEST(a_refused_call_says_why)
{
    client_dial(9);
    rx(&B, MSG(PPTP_OCRP, ocrp, .peer_call_id = 9, .result = 2, .error = 4));
    said(&B, "call 9 wait-reply -> gone (ocrp)\n"
             "call 9 down 40: the peer answered: general-error, no-resource\ncall 9 gone\n"
             "ctl up -> wait-stop (stop)\nsend stoprq\n");
    client_dial(9);
    rx(&B, MSG(PPTP_CDN, cdn, .call_id = 0xaaaa, .result = 3));  /* before the reply: no id to match */
    ck_assert_uint_eq(B.downs, 1);
    client_dial(9);
    pass(&B, 20000);
    said(&B, "send ccrq\ncall 9 wait-reply -> wait-disconnect (timeout)\n"
             "call 9 down 39: no Outgoing-Call-Reply came in time\n");
}
END_TEST

START_TEST(a_disconnect_with_either_call_id)
{
    static const uint16_t id[] = { 5, 9 };      /* the PAC's, and what accel-ppp sends */
    for (int i = 0; i < 2; i++) {
        client_dial(9);
        rx(&B, MSG(PPTP_OCRP, ocrp, .call_id = 5, .peer_call_id = 9, .result = 1));
        forget(&B);
        rx(&B, MSG(PPTP_CDN, cdn, .call_id = id[i], .result = 1));
        said(&B, "call 9 up -> gone (cdn)\n"
                 "call 9 down 3: the peer said: lost-carrier, none\ncall 9 gone\n"
                 "ctl up -> wait-stop (stop)\nsend stoprq\n");
    }
}
END_TEST

START_TEST(A8_call_clear_request_hangs_up_a_dialled_call)
{
    client_dial(9);
    rx(&B, MSG(PPTP_OCRP, ocrp, .call_id = 5, .peer_call_id = 9, .result = 1));
    forget(&B);
    rx(&B, MSG(PPTP_CCRQ, ccrq, .call_id = 5));
    said(&B, "call 9 up -> gone (ccrq)\ncall 9 down 1\ncall 9 gone\n"
             "ctl up -> wait-stop (stop)\nsend stoprq\n");
}
END_TEST

/* ---- each against the other --------------------------------------------------------------------------------- */

static void exchange(void)
{
    while (A.queued || B.queued) {
        struct side *s = A.queued ? &A : &B;
        struct pptp_msg m = s->queue[0];
        memmove(&s->queue[0], &s->queue[1], --s->queued * sizeof m);
        pptp_ctl_rx(&s->ctl, &m);
    }
}

START_TEST(server_and_dialler_agree)
{
    setup();
    A.other = &B;
    B.other = &A;
    pptp_ctl_start(&A.ctl);
    pptp_ctl_connecting(&B.ctl);
    pptp_ctl_start(&B.ctl);
    exchange();
    ck_assert_uint_eq(A.ctl.state, PPTP_CTL_UP);
    ck_assert_uint_eq(B.ctl.state, PPTP_CTL_UP);
    B.call[0].call_id = 9;
    pptp_call_dial(&B.ctl, &B.call[0], NULL);
    exchange();
    ck_assert_uint_eq(B.call[0].peer_call_id, A.call[0].call_id);
    ck_assert_uint_eq(A.call[0].peer_call_id, B.call[0].call_id);
    pptp_call_heard(&A.call[0]);
    pptp_call_heard(&B.call[0]);
    for (int i = 0; i < 100; i++) {             /* an hour and a half of silence, kept up */
        uint64_t end = now + 54000;
        for (; now < end; now += 1000) {
            if (A.wake && A.wake <= now)
                A.wake = 0, pptp_ctl_tick(&A.ctl);
            if (B.wake && B.wake <= now)
                B.wake = 0, pptp_ctl_tick(&B.ctl);
            exchange();
            forget(&A);
            forget(&B);
        }
    }
    ck_assert_uint_eq(A.ctl.state, PPTP_CTL_UP);
    ck_assert_uint_eq(B.ctl.state, PPTP_CTL_UP);
    if (_i == 0)
        pptp_call_hangup(&B.call[0], ADIT_CAUSE_ADMIN);
    else
        pptp_call_hangup(&A.call[0], ADIT_CAUSE_ADMIN);
    exchange();
    ck_assert_uint_eq(A.downs, 1);
    ck_assert_uint_eq(B.downs, 1);
    ck_assert_uint_eq(A.gones, 1);              /* the dialler stopped it */
    ck_assert_uint_eq(B.gones, 1);
}
END_TEST

/* Every message in every state, with ids that fit and that do not: whatever
 * happens, a call goes down once and gone is said once. */
#define RANDOM(n) (x ^= x << 13, x ^= x >> 17, x ^= x << 5, x % (n))
START_TEST(property_any_messages_in_any_order)
{
    uint32_t x = 123456789u + (uint32_t)_i * 7u;
    for (int round = 0; round < 200; round++) {
        setup();
        conf.incoming_calls = 1;
        struct side *s = RANDOM(2) ? &A : &B;
        pptp_ctl_start(&s->ctl);
        rx(s, s == &A ? MSG(PPTP_SCCRQ, sccrq, .version = PPTP_VERSION) :
                        MSG(PPTP_SCCRP, sccrp, .version = PPTP_VERSION, .result = 1));
        if (s == &B) {
            s->call[s->calls].call_id = 100;
            pptp_call_dial(&s->ctl, &s->call[s->calls++], NULL);
        }
        uint32_t opened = s->calls;
        for (int i = 0; i < 40; i++) {
            struct pptp_msg m = { .type = (uint16_t)(1 + RANDOM(PPTP_TYPES - 1)) };
            uint16_t a = (uint16_t)(RANDOM(2) ? 100 + RANDOM(4) : RANDOM(4));
            uint16_t b = (uint16_t)(RANDOM(2) ? 100 + RANDOM(4) : RANDOM(4));
            m.u.ocrp.call_id = a;               /* the first fields of all call messages */
            m.u.ocrp.peer_call_id = b;
            m.u.ocrp.result = (uint8_t)RANDOM(4);
            if (m.type == PPTP_STOPRQ && RANDOM(4))
                m.type = PPTP_ECHORQ;
            s->open_code = s->calls >= 8 ? ADIT_EBUSY : 0;
            rx(s, m);
            uint32_t k = RANDOM(12);
            if (k < s->calls && RANDOM(3) == 0)
                pptp_call_hangup(&s->call[k], ADIT_CAUSE_ADMIN);
            if (k < s->calls && s->call[k].ctl && RANDOM(3) == 0)
                pptp_call_heard(&s->call[k]);
            pass(s, RANDOM(8000));
            forget(s);
            opened = s->calls;
        }
        pptp_ctl_end(&s->ctl, ADIT_CAUSE_LOST_CARRIER, NULL);
        ck_assert_uint_eq(s->gones, 1);
        ck_assert_uint_eq(s->downs, opened);
        ck_assert_uint_eq(s->ctl.call_count, 0);
        ck_assert(adit_list_empty(&s->ctl.calls));
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = unit_suite("pptp_ctl", (const TTest *const[]){
        tables_are_those_of_the_file, start_and_stop, version_is_checked,
        nothing_but_a_start_begins_a_connection, a_stranger_has_little_time,
        a_connection_without_a_call_is_stopped, both_stop_at_once,
        a_second_start_is_answered_and_harmless, A8_result_0_is_success_when_dialling,
        W11_A8_echo_requests_are_answered_in_every_state, A8_echo_is_sent_after_a_silence,
        A14_echo_is_lenient, echo_can_be_turned_off, a_call_is_answered_and_cleared,
        W10_call_id_0_is_a_call_id, S1_a_call_id_that_the_client_reuses,
        many_calls_on_one_connection, refusals_have_the_words_of_the_rfc,
        L4_the_caller_speaks_first, K10_no_gre_is_a_cause_of_its_own,
        W11_set_link_info_and_wan_errors_are_read, incoming_calls_only_where_permitted,
        who_was_dialled_does_not_call_back, dial_and_hang_up,
        L6_zero_fields_of_the_reply_are_tolerated, a_refused_call_says_why,
        a_disconnect_with_either_call_id, A8_call_clear_request_hangs_up_a_dialled_call, NULL });
    TCase *tc = tcase_create("both");
    tcase_set_timeout(tc, 30);
    tcase_add_loop_test(tc, server_and_dialler_agree, 0, 2);
    tcase_add_loop_test(tc, property_any_messages_in_any_order, 0, 10);
    suite_add_tcase(s, tc);
    return s;
}
UNIT_MAIN(suite)
