/* doctor_cmd.c - `adit doctor`: looks, asks the daemon and others, judges, prints.
 *
 * Knows:  the order of looking, what waits for what, the daemon's own knowledge.
 * Leaves: looking and judging to core/diagnose, RADIUS and DHCP to doctor_*.c.
 *
 * What waits for others does so in threads of its own; the whole ends within LIMIT_MS.
 */
#include "adit.h"

#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "crypto/crypto.h"
#include "diagnose/doctor.h"
#include "diagnose/doctor_child.h"
#include "doctor_ask.h"

#define LIMIT_MS 4800
#define CHECK_MS 4000           /* that aditd --check may take */
#define JOBS     (3 * DOCTOR_ASKED + 8)

static const char usage[] =
    "usage: adit doctor [--config FILE] [--name NAME] [CHECK ...]\n"
    "\n"
    "  --config FILE  the configuration; else that of the running daemon, else\n"
    "                 " ADIT_CONF_DIR "/aditd.yaml\n"
    "  --name NAME    the name or address that clients dial, which the certificate\n"
    "                 must have\n"
    "  CHECK ...      print these checks only\n"
    "\n"
    "Checks:";

static int wrong_use(void)
{
    fputs(usage, stderr);
    for (uint32_t i = 0; i < doctor_check_count; i++)
        fprintf(stderr, "%s%s", i % 6 ? " " : "\n  ", doctor_checks[i].name);
    return misuse("\n");
}

/* ---- the daemon ------------------------------------------------------------------------- */

static const char *text(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

static uint64_t number(const json_t *o, const char *key)
{
    json_int_t v = json_integer_value(json_object_get(o, key));
    return v > 0 ? (uint64_t)v : 0;
}

static bool same_file(const char *a, const char *b)
{
    char *x = realpath(a, NULL), *y = realpath(b, NULL);
    bool same = x && y && !strcmp(x, y);
    free(x);
    free(y);
    return same;
}

static void ask_status(struct doctor_seen *s)
{
    char why[256];
    json_t *o = ask_quiet("status", why, sizeof why), *line;
    size_t i;
    if (!o) {
        s->hangs = errno == ETIMEDOUT;
        snprintf(s->why_not, sizeof s->why_not, "%s", why);
    } else if (!same_file(text(o, "config"), s->config)) {
        snprintf(s->why_not, sizeof s->why_not, "the daemon on %.100s has another configuration, %.300s",
                 adit_options.socket, text(o, "config"));
    } else {
        s->serving = true;
        s->pid = (int)number(o, "pid");
        s->sessions = (uint32_t)number(o, "sessions");
        snprintf(s->tun, sizeof s->tun, "%s", text(o, "interface"));
        json_array_foreach (json_object_get(o, "why"), i, line)
            doctor_note(s->degraded, &s->degraded_count, "", "%s", json_string_value(line));
    }
    json_decref(o);
}

static void ask_pools(struct doctor_seen *s)
{
    json_t *list = ask_quiet("pools", NULL, 0), *o;
    size_t i;
    json_array_foreach (list, i, o) {
        const json_t *status = json_object_get(o, "status");
        for (uint32_t k = 0; k < s->pool_count; k++) {
            struct doctor_pool *p = &s->pools[k];
            if (strcmp(p->name, text(o, "name")) != 0)
                continue;
            p->known = true;
            p->size = number(status, "size");
            p->leased = number(status, "leased");
            p->peak = number(status, "peak");
            snprintf(p->state, sizeof p->state, "%s", text(status, "state"));
            snprintf(p->error, sizeof p->error, "%s", text(o, "last_error"));
        }
    }
    json_decref(list);
}

static void ask_plugins(struct doctor_seen *s)
{
    json_t *list = ask_quiet("plugins", NULL, 0), *o;
    size_t i;
    s->plugins_known = json_is_array(list);
    json_array_foreach (list, i, o)
        if (!strcmp(text(o, "state"), "refused"))
            doctor_note(s->refused, &s->refused_count,
                        "do what it says, or take the file away; then: systemctl restart adit", "%s: %s",
                        text(o, "file"), text(o, "error"));
    json_decref(list);
}

/* What the daemon thinks of each RADIUS server. */
static void ask_instances(struct doctor_seen *s)
{
    json_t *list = s->radius_count ? ask_quiet("instances", NULL, 0) : NULL, *o, *row;
    size_t i, n;
    json_array_foreach (list, i, o)
        json_array_foreach (json_object_get(json_object_get(o, "status"), "servers"), n, row)
            for (uint32_t k = 0; k < s->radius_count && !strcmp(text(o, "kind"), "auth"); k++) {
                struct doctor_radius *r = &s->radius[k];
                bool dead = !strcmp(text(row, "state"), "dead") || !strcmp(text(row, "state"), "probing");
                if (!strcmp(r->instance, text(o, "name")) && !strcmp(r->name, text(row, "name")) && dead)
                    snprintf(r->said, sizeof r->said, "dead (%s)", text(row, "why"));
            }
    json_decref(list);
}

/* ---- aditd --check ------------------------------------------------------------------------- */

/* Beside this program first: that is the one it came with. */
static void check_paths(char beside[PATH_MAX], char sbin[PATH_MAX])
{
    char dir[PATH_MAX / 2];
    ssize_t n = readlink("/proc/self/exe", dir, sizeof dir - 1);
    dir[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(dir, '/');
    if (slash)
        *slash = '\0';
    snprintf(beside, PATH_MAX, "%s/aditd", dir);
    snprintf(sbin, PATH_MAX, "%s/../sbin/aditd", dir);
}

/* What stands behind date, time, level and source in a line of the log; an event, which has
 * keys instead of a sentence, is told behind its level. */
static const char *sentence_of(const char *line, bool *mild)
{
    const char *at = line;
    *mild = false;
    for (int word = 0; word < 3 && strchr("0123456789", line[0]); word++) {
        *mild = word == 2 && !strncmp(at, "warn", 4);
        at += strcspn(at, " ");
        at += strspn(at, " ");
    }
    const char *colon = strstr(at, ": ");
    return at != line && colon && colon < at + strcspn(at, "=") ? colon + 2 : at;
}

static void check_line(struct doctor_seen *s, const char *line)
{
    uint32_t had = s->conf_note_count;
    bool mild;
    const char *sentence = sentence_of(line, &mild);
    /* how long a plugin took says something of the host's load, nothing of the configuration */
    if (!*line || strstr(line, "the configuration is good") || strstr(line, "plugin.call.slow"))
        return;
    if (strstr(line, " plugin: ")) {
        if (!s->serving)        /* else it has told what it loaded */
            doctor_note(s->refused, &s->refused_count, "do what it says, or take the file away", "%s", sentence);
        return;
    }
    doctor_note(s->conf_notes, &s->conf_note_count, "", "%s", sentence);
    if (s->conf_note_count > had)
        s->conf_notes[had].mild = mild;
}

static void check_config(struct doctor_seen *s)
{
    char beside[PATH_MAX], sbin[PATH_MAX], *said, *save = NULL;
    check_paths(beside, sbin);
    const char *const paths[] = { beside, sbin, "/usr/sbin/aditd", "/usr/local/sbin/aditd", NULL };
    const char *const argv[] = { "aditd", "--check", "--config", s->config, NULL };
    int rc = doctor_child(paths, argv, CHECK_MS, &said);
    s->conf_checked = rc >= 0;
    if (rc == -1)
        snprintf(s->conf_run, sizeof s->conf_run, "aditd cannot be run: %s",
                 errno == ENOENT ? "it is not installed" : strerror(errno));
    else if (rc == -2)
        snprintf(s->conf_run, sizeof s->conf_run, "aditd --check did not end");
    s->plugins_known |= rc >= 0;
    for (char *line = rc >= 0 ? strtok_r(said, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save))
        check_line(s, line);
    if (rc > 0 && !s->conf_note_count && !s->refused_count)
        doctor_note(s->conf_notes, &s->conf_note_count, "", "aditd --check refuses it, and does not say why");
    free(said);
}

/* ---- what waits, in threads ------------------------------------------------------------------ */

struct job {
    pthread_t thread;
    void (*run)(struct job *j);
    struct doctor_seen *seen;
    const char *what;           /* for the terminal */
    uint32_t nth;
    struct doctor_radius *radius;       /* its own: a name may be looked up for long */
    bool begun;
};

static void run_wall(struct job *j) { doctor_look_wall(j->seen); }
static void run_back(struct job *j) { doctor_look_back(j->seen); }
static void run_check(struct job *j) { check_config(j->seen); }
static void run_dns(struct job *j) { doctor_ask_dns(&j->seen->dns[j->nth]); }
static void run_dhcp(struct job *j) { doctor_ask_dhcp(&j->seen->pools[j->nth]); }
static void run_radius(struct job *j) { doctor_ask_radius(j->radius); }

static void *job_main(void *u)
{
    struct job *j = u;
    j->run(j);
    return NULL;
}

static struct job *job(struct job *list, uint32_t *count, struct doctor_seen *s, void (*run)(struct job *),
                       const char *what, uint32_t nth)
{
    struct job *j = &list[(*count)++];
    *j = (struct job){ .run = run, .seen = s, .what = what, .nth = nth };
    return j;
}

static void begin(struct job *list, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        list[i].begun = pthread_create(&list[i].thread, NULL, job_main, &list[i]) == 0;
}

static void progress(const char *what)
{
    if (!adit_options.json && isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r\033[K%s%s", what, *what ? " ..." : "");
        fflush(stderr);
    }
}

/* All but RADIUS end by themselves in time; a name that is looked up may not. True: one
 * of them still runs. */
static bool finish(struct job *list, uint32_t count, int64_t end_ms)
{
    bool late = false;
    for (uint32_t i = 0; i < count; i++) {
        struct job *j = &list[i];
        if (!j->begun)
            continue;
        progress(j->what);
        if (!j->radius) {
            pthread_join(j->thread, NULL);
            continue;
        }
        struct timespec at;
        int64_t left = end_ms - doctor_now_ms();
        left = left > 0 ? left : 0;
        clock_gettime(CLOCK_REALTIME, &at);
        at.tv_sec += (time_t)(left / 1000);
        at.tv_nsec += (long)(left % 1000) * 1000000;
        at.tv_sec += at.tv_nsec / 1000000000;
        at.tv_nsec %= 1000000000;
        struct doctor_radius *r = &j->seen->radius[j->nth];
        if (pthread_timedjoin_np(j->thread, NULL, &at) == 0) {
            *r = *j->radius;
            explicit_bzero(j->radius, sizeof *j->radius);
            free(j->radius);
        } else {
            r->answer = DOCTOR_TROUBLE;
            snprintf(r->why, sizeof r->why, "its name is not found out in time");
            late = true;
        }
    }
    progress("");
    return late;
}

static void look(struct doctor_seen *s)
{
    struct job *list = calloc(JOBS, sizeof *list);
    uint32_t n = 0;
    int64_t end = doctor_now_ms() + LIMIT_MS;
    if (!list)
        return;
    progress("looking at this host");
    doctor_look_net(s);
    ask_status(s);
    doctor_plan_packets(s);
    doctor_plan_back(s);
    (void)crypto_init();
    if (s->serving) {
        ask_pools(s);
        ask_plugins(s);
        ask_instances(s);
    }
    if (s->packet_count)
        job(list, &n, s, run_wall, "reading the packet filter", 0);
    if (s->back_to.family)
        job(list, &n, s, run_back, "looking for the way back to clients", 0);
    if (s->conf_read)
        job(list, &n, s, run_check, "reading the configuration and the plugins", 0);
    for (uint32_t i = 0; i < s->dns_count; i++)
        job(list, &n, s, run_dns, "asking DNS servers", i);
    for (uint32_t i = 0; i < s->pool_count; i++)
        if (!strcmp(s->pools[i].type, "dhcp"))
            job(list, &n, s, run_dhcp, "asking DHCP servers", i);
    for (uint32_t i = 0; i < s->radius_count; i++) {
        struct doctor_radius *own = malloc(sizeof *own);
        if (!own)
            continue;
        *own = s->radius[i];
        job(list, &n, s, run_radius, "asking RADIUS servers", i)->radius = own;
    }
    begin(list, n);
    doctor_look_host(s);
    doctor_look_ports(s);
    doctor_look_certs(s);
    if (!finish(list, n, end))
        free(list);             /* else a thread still reads it */
}

/* ---- printing ---------------------------------------------------------------------------------- */

struct tally { uint32_t of[DOCTOR_FAIL + 1]; };

static json_t *check_json(const struct doctor_check *c, enum doctor_state state, const struct doctor_out *o)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < o->count; i++)
        json_array_append_new(list, json_pack("{s:s, s:s#, s:s#}", "state", doctor_state_name(o->find[i].state), "seen",
                                              o->find[i].seen, (int)strnlen(o->find[i].seen, DOCTOR_TEXT), "remedy",
                                              o->find[i].mend, (int)strnlen(o->find[i].mend, DOCTOR_TEXT)));
    return json_pack("{s:s, s:s, s:s, s:o}", "check", c->name, "what", c->sentence, "state", doctor_state_name(state),
                     "findings", list);
}

static void check_print(const struct doctor_check *c, const struct doctor_out *o)
{
    bool colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
    static const char *const colours[] = { "\033[32m", "\033[2m", "\033[33m", "\033[1;31m" };
    static const char *const words[] = { "pass", "skip", "WARN", "FAIL" };
    for (uint32_t i = 0; i < o->count; i++) {
        const struct doctor_find *f = &o->find[i];
        char *seen = show_clean(f->seen), *mend = show_clean(f->mend);
        printf("%s%s%s  %-13s  %s\n", colour ? colours[f->state] : "", words[f->state], colour ? "\033[0m" : "",
               i ? "" : c->name, seen ? seen : "");
        if (mend && *mend)
            printf("%21s-> %s\n", "", mend);
        free(seen);
        free(mend);
    }
}

static bool chosen(const char *name, int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        if (!strcmp(argv[i], name))
            return true;
    return !argc;
}

static int tell(const struct doctor_seen *s, int argc, char **argv)
{
    static struct doctor_out out;
    struct tally n = { { 0 } };
    json_t *list = json_array();
    for (uint32_t i = 0; i < doctor_check_count; i++) {
        const struct doctor_check *c = &doctor_checks[i];
        if (!chosen(c->name, argc, argv))
            continue;
        enum doctor_state state = doctor_judge(c, s, &out);
        n.of[state]++;
        if (adit_options.json)
            json_array_append_new(list, check_json(c, state, &out));
        else
            check_print(c, &out);
    }
    uint32_t failed = n.of[DOCTOR_FAIL], warned = n.of[DOCTOR_WARN];
    const char *worst = doctor_state_name(failed ? DOCTOR_FAIL : warned ? DOCTOR_WARN : DOCTOR_PASS);
    if (adit_options.json) {
        json_t *o = json_pack("{s:s, s:b, s:s, s:i, s:i, s:i, s:i, s:o}", "state", worst, "serving", s->serving, "config", s->config, "passed", (int)n.of[DOCTOR_PASS], "warned",
                              (int)warned, "failed", (int)failed, "skipped", (int)n.of[DOCTOR_SKIP], "checks", list);
        (void)json_take(o);
    } else {
        json_decref(list);
        printf("\n%u passed, %u warned, %u failed, %u skipped (%s, %s)\n", n.of[DOCTOR_PASS], warned, failed,
               n.of[DOCTOR_SKIP], s->config, s->serving ? "the daemon serves" : "no daemon was asked");
    }
    return failed ? 1 : 0;
}

/* ---- the command ----------------------------------------------------------------------------------- */

static bool known_check(const char *name)
{
    for (uint32_t i = 0; i < doctor_check_count; i++)
        if (!strcmp(doctor_checks[i].name, name))
            return true;
    return false;
}

int cmd_doctor(int argc, char **argv)
{
    static const struct option options[] = {
        { "config", required_argument, NULL, 'c' }, { "name", required_argument, NULL, 'n' }, { 0 },
    };
    const char *config = NULL, *name = NULL;
    int c;
    while ((c = getopt_long(argc, argv, "c:n:", options, NULL)) != -1)
        switch (c) {
        case 'c': config = optarg; break;
        case 'n': name = optarg; break;
        default:  return wrong_use();
        }
    for (int i = optind; i < argc; i++)
        if (!known_check(argv[i]))
            return wrong_use();
    struct doctor_seen *s = doctor_seen_new();
    if (!s)
        return complain("out of memory");
    char *its = config ? NULL : ask_config();
    doctor_conf_read(s, config ? config : its ? its : ADIT_CONF_DIR "/aditd.yaml");
    if (!adit_options.chosen && !its && *s->socket)
        adit_options.socket = s->socket;        /* the configuration's own daemon */
    free(its);
    for (uint32_t i = 0; name && i < s->cert_count; i++)
        if (s->certs[i].server)
            snprintf(s->certs[i].name, sizeof s->certs[i].name, "%s", name);
    look(s);
    int rc = tell(s, argc - optind, argv + optind);
    doctor_seen_free(s);
    return rc;
}
