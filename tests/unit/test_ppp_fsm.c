/* test_ppp_fsm.c - the automaton: its table beside RFC 1661 section 4.1, its
 * timer and its counter.
 *
 * tests/golden/rfc1661-4.1.txt is the RFC's figure, typed off by hand. The
 * comparison is of words, so that a person can align the columns. Footnotes:
 * r restart option, p passive option, x crossed connection.
 */
#include <string.h>

#include "ppp/ppp_fsm.h"
#include "unit.h"

/* ---- the table in the RFC's layout ---------------------------------------- */

static void print_half(char *out, size_t size, uint32_t from, uint32_t to)
{
    size_t n = (size_t)snprintf(out, size, "      | State\n      |");
    for (uint32_t s = from; s < to; s++)
        n += (size_t)snprintf(out + n, size - n, "    %u     ", s);
    n += (size_t)snprintf(out + n, size - n, "\nEvents|");
    for (uint32_t s = from; s < to; s++)
        n += (size_t)snprintf(out + n, size - n, " %s ", fsm_state_name((uint8_t)s));
    n += (size_t)snprintf(out + n, size - n, "\n------+-----\n");
    for (uint32_t e = 0; e < FSM_EVENTS; e++) {
        /* the RFC's groups */
        if (e == FSM_TO_PLUS || e == FSM_RCR_PLUS || e == FSM_RTR || e == FSM_RUC || e == FSM_RXR)
            n += (size_t)snprintf(out + n, size - n, "      |\n");
        n += (size_t)snprintf(out + n, size - n, " %s |", fsm_event_name(e));
        for (uint32_t s = from; s < to; s++) {
            const struct fsm_move *m = &fsm_table[e][s];
            if (!m->can) {
                n += (size_t)snprintf(out + n, size - n, " -");
                continue;
            }
            const char *sep = " ";
            for (uint32_t b = 0; b < FSM_ACTIONS; b++) {
                if (!(m->actions & 1u << b))
                    continue;
                n += (size_t)snprintf(out + n, size - n, "%s%s", sep, fsm_action_name(1u << b));
                sep = ",";
            }
            n += (size_t)snprintf(out + n, size - n, "%s%u", *sep == ',' ? "/" : " ", m->next);
            if (m->note)
                n += (size_t)snprintf(out + n, size - n, "%c", m->note);
        }
        n += (size_t)snprintf(out + n, size - n, "\n");
    }
    ck_assert_uint_lt(n, size);
}

/* Words with single spaces; the ruler and the bar are layout. */
static void squeeze(char *s)
{
    char *o = s;
    bool space = true;
    for (; *s; s++) {
        if (*s == '-' && (s[1] == '-' || s[-1] == '-' || s[1] == '+'))
            continue;
        if (*s == '|' || (*s == '+' && s[1] == '-')) {
            if (!space)
                *o++ = ' ';
            space = true;
            continue;
        }
        if (*s == ' ' || *s == '\n') {
            if (!space)
                *o++ = *s == '\n' ? '\n' : ' ';
            else if (*s == '\n' && o[-1] == ' ')
                o[-1] = '\n';
            space = true;
            continue;
        }
        space = false;
        *o++ = *s;
    }
    *o = 0;
}

START_TEST(table_is_the_rfcs)
{
    static char ours[16384], rfc[16384];
    const char *top = getenv("top_srcdir");
    char path[512];
    snprintf(path, sizeof path, "%s/tests/golden/rfc1661-4.1.txt", top ? top : ".");
    FILE *f = fopen(path, "r");
    ck_assert_msg(f != NULL, "cannot open %s", path);
    rfc[0] = '\n';
    size_t n = fread(rfc + 1, 1, sizeof rfc - 2, f);
    fclose(f);
    rfc[n + 1] = 0;

    ours[0] = '\n';
    print_half(ours + 1, sizeof ours - 1, 0, 6);
    n = strlen(ours);
    ours[n++] = '\n';
    print_half(ours + n, sizeof ours - n, 6, FSM_STATES);
    squeeze(rfc + 1);
    squeeze(ours + 1);
    ck_assert_str_eq(ours, rfc);
}
END_TEST

/* ---- the driver --------------------------------------------------------------- */

struct probe {
    struct fsm f;
    uint64_t now;
    char log[256];
    int close_in_tld;
};

static uint64_t now(struct fsm *f) { return ((struct probe *)f)->now; }

static void act(struct fsm *f, uint32_t action)
{
    struct probe *p = (struct probe *)f;
    size_t n = strlen(p->log);
    snprintf(p->log + n, sizeof p->log - n, "%s ", fsm_action_name(action));
    if (action == FSM_TLD && p->close_in_tld)
        fsm_step(f, FSM_CLOSE);
}

static const struct fsm_ops ops = { now, act };

static void probe(struct probe *p)
{
    memset(p, 0, sizeof *p);
    p->f.restart_ms = 3000;
    p->f.max_configure = 10;
    p->f.max_terminate = 2;
    fsm_init(&p->f, &ops);
}

START_TEST(restart_counter_bounds_requests)
{
    struct probe p;
    probe(&p);
    fsm_step(&p.f, FSM_OPEN);
    fsm_step(&p.f, FSM_UP);
    uint32_t sent = 1;
    while (p.f.due_at != FSM_NEVER) {
        p.now = p.f.due_at;
        p.log[0] = 0;
        fsm_expire(&p.f);
        sent += strstr(p.log, "scr") != NULL;
        ck_assert_uint_le(sent, 10);
    }
    ck_assert_uint_eq(sent, 10);
    ck_assert_uint_eq(p.now, 30000);
    ck_assert_uint_eq(p.f.state, FSM_STOPPED);
    ck_assert_str_eq(p.log, "tlf ");
}
END_TEST

START_TEST(restart_counter_bounds_terminations)
{
    struct probe p;
    probe(&p);
    fsm_step(&p.f, FSM_OPEN);
    fsm_step(&p.f, FSM_UP);
    fsm_step(&p.f, FSM_CLOSE);
    fsm_expire(&p.f);
    fsm_expire(&p.f);
    ck_assert_str_eq(p.log, "tls scr str str tlf ");
    ck_assert_uint_eq(p.f.state, FSM_CLOSED);
}
END_TEST

START_TEST(who_is_asked_to_leave_lingers_one_period)
{
    struct probe p;
    probe(&p);
    fsm_step(&p.f, FSM_OPEN);
    fsm_step(&p.f, FSM_UP);
    fsm_step(&p.f, FSM_RCR_PLUS);
    fsm_step(&p.f, FSM_RCA);
    ck_assert_uint_eq(p.f.state, FSM_OPENED);
    ck_assert_uint_eq(p.f.due_at, FSM_NEVER);
    p.now = 100;
    fsm_step(&p.f, FSM_RTR);
    ck_assert_uint_eq(p.f.due_at, 3100);
    fsm_step(&p.f, FSM_RTR);            /* a repetition is answered, and winds nothing up */
    ck_assert_uint_eq(p.f.due_at, 3100);
    fsm_expire(&p.f);
    ck_assert_str_eq(p.log, "tls scr sca tlu tld sta sta tlf ");
}
END_TEST

START_TEST(nested_step_makes_the_outer_one_stale)
{
    struct probe p;
    probe(&p);
    fsm_step(&p.f, FSM_OPEN);
    fsm_step(&p.f, FSM_UP);
    fsm_step(&p.f, FSM_RCR_PLUS);
    fsm_step(&p.f, FSM_RCA);
    p.log[0] = 0;
    p.close_in_tld = 1;
    fsm_step(&p.f, FSM_RCR_PLUS);       /* tld,scr,sca: but the listener closes */
    ck_assert_str_eq(p.log, "tld str ");
    ck_assert_uint_eq(p.f.state, FSM_CLOSING);
}
END_TEST

START_TEST(timer_runs_where_a_timeout_can_happen)
{
    for (uint8_t s = 0; s < FSM_STATES; s++) {
        ck_assert_int_eq(fsm_table[FSM_TO_PLUS][s].can, fsm_table[FSM_TO_MINUS][s].can);
        for (uint32_t e = 0; e < FSM_EVENTS; e++) {
            struct probe p;
            probe(&p);
            p.f.state = s;
            p.f.due_at = fsm_table[FSM_TO_PLUS][s].can ? 1 : FSM_NEVER;
            p.f.restarts = 1;
            if (e == FSM_TO_PLUS || e == FSM_TO_MINUS)
                continue;
            fsm_step(&p.f, e);
            ck_assert_int_eq(p.f.due_at != FSM_NEVER, fsm_table[FSM_TO_PLUS][p.f.state].can);
        }
    }
}
END_TEST

static Suite *suite(void)
{
    return unit_suite("ppp_fsm", (const TTest *const[]){
        table_is_the_rfcs, restart_counter_bounds_requests, restart_counter_bounds_terminations,
        who_is_asked_to_leave_lingers_one_period, nested_step_makes_the_outer_one_stale,
        timer_runs_where_a_timeout_can_happen, NULL });
}
UNIT_MAIN(suite)
