/* dial_cmd.c - `adit dial` and `adit hangup`.
 *
 * Knows:  where secrets come from, what is shown while it dials, what Ctrl-C does.
 * Leaves: dialling to libadit, a user's own phone book to own_book.c.
 */
#include "adit.h"
#include "dial_cmd.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <adit/cause.h>
#include "own_book.h"
#include "secret.h"

static const char dial_usage[] =
    "usage: adit dial ENTRY [options]\n"
    "  --user NAME             instead of the entry's\n"
    "  --password-fd N         the password is the first line of descriptor N\n"
    "  --password-file FILE    of a file that only its owner can read\n"
    "  --psk-fd N, --psk-file FILE   the same for the pre-shared key of IPsec\n"
    "  --system                the entry of the system's phone book, also when you have one of that name\n"
    "  --no-prompt             ask nobody\n"
    "  --timeout SECONDS       give up after that; default: what the entry says\n"
    "  --wait                  stay until the connection ends; Ctrl-C hangs up\n"
    "Secrets are never arguments. What is missing is asked for on the terminal.\n";

int dial_client(struct adit_client **out)
{
    int error = adit_client_open(adit_options.chosen ? adit_options.socket : NULL, out);
    return error ? dial_complain(*out, error) : 0;
}

int dial_complain(struct adit_client *c, int error)
{
    char *text = show_clean(c && *adit_client_text(c) ? adit_client_text(c) : adit_error_text(error));
    complain("error %d: %s", error, text ? text : "");
    free(text);
    return 1;
}

/* ---- what is shown ---------------------------------------------------------------------- */

struct dialling {
    struct adit_client *c;
    const char *entry;
    uint64_t handle;
    json_t *last;               /* what came last */
    uint32_t state;
    int error;
    bool rewrites;              /* the terminal's last line is ours */
};

static void set(json_t *o, const char *key, const char *value)
{
    json_t *s = *value ? json_string(value) : NULL;
    if (s)
        json_object_set_new(o, key, s);
}

static json_t *texts(const char *const *list)
{
    json_t *o = json_array();
    for (; *list; list++)
        json_array_append_new(o, json_string(*list));
    return o;
}

/* A step as JSON, for programs and to be kept. */
static json_t *step_json(const struct dialling *d, const struct adit_progress *p)
{
    json_t *o = json_pack("{s:s, s:I, s:s}", "entry", d->entry, "handle", (json_int_t)p->handle, "state",
                          p->state_text);
    if (!o)
        return json_object();
    const struct { const char *key, *value; } rows[] = {
        { "server", p->server }, { "protocol", p->protocol }, { "interface", p->interface },
        { "address", p->address }, { "address6", p->address6 }, { "peer", p->peer }, { "method", p->method },
        { "encryption", p->encryption }, { "code", p->code }, { "text", p->text }, { "remedy", p->remedy },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        set(o, rows[i].key, rows[i].value);
    if (*p->dns)
        json_object_set_new(o, "dns", texts(p->dns));
    if (p->mtu)
        json_object_set_new(o, "mtu", json_integer((json_int_t)p->mtu));
    if (p->over)
        json_object_set_new(o, "over", json_integer((json_int_t)p->over));
    if (p->error)
        json_object_set_new(o, "ras", json_integer(p->error));
    if (*p->tried) {
        json_t *list = json_array();
        for (const struct adit_attempt *const *t = p->tried; *t; t++) {
            json_t *row = json_pack("{s:i}", "ras", (int)(*t)->error);
            set(row, "type", (*t)->type);
            set(row, "server", (*t)->server);
            set(row, "code", (*t)->code);
            set(row, "text", (*t)->text);
            json_array_append_new(list, row);
        }
        json_object_set_new(o, "tried", list);
    }
    return o;
}

/* A string of a step as a terminal may see it, to be freed. */
static char *clean(const json_t *o, const char *key) { return show_clean(json_string_value(json_object_get(o, key))); }

static void line_end(struct dialling *d)
{
    if (d->rewrites)
        fputs("\r\033[K", stderr);
    d->rewrites = false;
}

static void show_state(struct dialling *d)
{
    char *state = clean(d->last, "state"), *server = clean(d->last, "server"), *protocol = clean(d->last, "protocol"),
         *why = clean(d->last, "text");
    line_end(d);
    fprintf(stderr, "%s: %s", d->entry, state);
    if (*server)
        fprintf(stderr, "%s%s to %s", *protocol ? " by " : "", protocol, server);
    if (d->error)
        fprintf(stderr, ", error %d: %s", d->error, *why ? why : adit_error_text(d->error));
    d->rewrites = isatty(STDERR_FILENO) == 1;
    if (!d->rewrites)
        fputc('\n', stderr);
    fflush(stderr);
    free(state);
    free(server);
    free(protocol);
    free(why);
}

static void show_connected(struct dialling *d)
{
    char *protocol = clean(d->last, "protocol"), *server = clean(d->last, "server"),
         *address = clean(d->last, "address"), *interface = clean(d->last, "interface");
    line_end(d);
    printf("%s: connected by %s to %s, address %s on %s, handle %llu\n", d->entry, protocol, server, address,
           interface, (unsigned long long)d->handle);
    fflush(stdout);
    free(protocol);
    free(server);
    free(address);
    free(interface);
}

/* One who may be asked again is not told of a failure yet. */
static void step(void *u, const struct adit_progress *p)
{
    struct dialling *d = u;
    bool over = p->state == ADIT_STATE_FAILED || p->state == ADIT_STATE_ENDED;
    bool same = p->state == d->state;   /* a watcher begins with what is known */
    json_decref(d->last);
    d->last = step_json(d, p);
    d->state = p->state;
    d->error = p->error;
    if (p->handle)
        d->handle = p->handle;
    if (over || same)
        return;
    if (adit_options.json)
        json_line(d->last);
    else if (p->state == ADIT_STATE_CONNECTED)
        show_connected(d);
    else
        show_state(d);
}

/* A failure, with all that is known about it. Returns the exit status. */
static int show_failure(struct dialling *d)
{
    size_t i;
    json_t *t;
    line_end(d);
    if (adit_options.json) {
        json_line(d->last);
        return 1;
    }
    char *text = clean(d->last, "text"), *code = clean(d->last, "code"), *remedy = clean(d->last, "remedy");
    complain("%s: error %d: %s%s%s%s", d->entry, d->error, *text ? text : adit_error_text(d->error),
             *code ? " (" : "", code, *code ? ")" : "");
    json_t *tried = json_object_get(d->last, "tried");
    if (json_array_size(tried) > 1)
        json_array_foreach (tried, i, t) {
            char *type = clean(t, "type"), *server = clean(t, "server"), *why = clean(t, "text");
            fprintf(stderr, "  tried %s at %s: error %lld: %s\n", type, server,
                    (long long)json_integer_value(json_object_get(t, "ras")), why);
            free(type);
            free(server);
            free(why);
        }
    if (*remedy)
        fprintf(stderr, "  %s\n", remedy);
    free(text);
    free(code);
    free(remedy);
    return 1;
}

/* A refusal: no step told of it. */
static void refused(struct dialling *d, int error)
{
    json_decref(d->last);
    d->last = json_pack("{s:s, s:s, s:i}", "entry", d->entry, "state", "failed", "ras", error);
    set(d->last, "text", *adit_client_text(d->c) ? adit_client_text(d->c) : adit_error_text(error));
    d->state = ADIT_STATE_FAILED;
    d->error = error;
}

/* ---- Ctrl-C -------------------------------------------------------------------------------- */

static volatile sig_atomic_t stopped;

static void on_signal(int sig) { stopped = sig; }

static const int stopping[] = { SIGINT, SIGTERM, SIGHUP };

static sigset_t usual;          /* the mask while we wait */
static bool caught;

/* From the first step on those signals are looked at where we wait, and nowhere else:
 * a connection that is up must not be left alone between two steps. */
static void signals_catch(void)
{
    sigset_t all;
    if (caught)
        return;
    caught = true;
    sigemptyset(&all);
    for (size_t i = 0; i < 3; i++) {
        struct sigaction sa = { .sa_handler = on_signal };
        sigaction(stopping[i], &sa, NULL);
        sigaddset(&all, stopping[i]);
    }
    sigprocmask(SIG_BLOCK, &all, &usual);
}

/* They end the program again. */
static void signals_let_go(void)
{
    if (!caught)
        return;
    caught = false;
    for (size_t i = 0; i < 3; i++)
        signal(stopping[i], SIG_DFL);
    sigprocmask(SIG_SETMASK, &usual, NULL);
}

/* Until a step is the last one, or somebody stops it. */
static void run(struct dialling *d, bool to_the_end)
{
    struct pollfd p = { .fd = adit_client_fd(d->c), .events = POLLIN };
    signals_catch();
    while (!stopped && d->state != ADIT_STATE_FAILED && d->state != ADIT_STATE_ENDED &&
           (to_the_end || d->state != ADIT_STATE_CONNECTED)) {
        if (ppoll(&p, 1, NULL, &usual) > 0)
            adit_client_dispatch(d->c);
    }
}

/* The exit status. */
static int hang_up(struct dialling *d)
{
    line_end(d);
    signals_let_go();           /* who does not want to wait for the end may stop that, too */
    int error = adit_hangup(d->c, d->handle);
    if (error && error != ADIT_RAS_INVALID_HANDLE)
        dial_complain(d->c, error);
    else if (adit_options.json)
        json_line_take(json_pack("{s:s, s:I, s:s, s:i}", "entry", d->entry, "handle", (json_int_t)d->handle,
                                 "state", "ended", "ras", ADIT_RAS_USER_DISCONNECTION));
    else
        fprintf(stderr, "%s: hung up\n", d->entry);
    return 128 + stopped;
}

/* ---- dial ------------------------------------------------------------------------------------ */

struct asked {
    const char *entry, *user, *password_file, *psk_file;
    int password_fd, psk_fd;
    uint32_t timeout_ms;
    bool system, wait, prompt;
};

enum opt { O_USER = 256, O_PASSWORD_FD, O_PASSWORD_FILE, O_PSK_FD, O_PSK_FILE, O_SYSTEM, O_NO_PROMPT, O_TIMEOUT,
           O_WAIT, O_HELP };

static const struct option options[] = {
    { "user", 1, NULL, O_USER }, { "password-fd", 1, NULL, O_PASSWORD_FD },
    { "password-file", 1, NULL, O_PASSWORD_FILE }, { "psk-fd", 1, NULL, O_PSK_FD },
    { "psk-file", 1, NULL, O_PSK_FILE }, { "system", 0, NULL, O_SYSTEM },
    { "no-prompt", 0, NULL, O_NO_PROMPT }, { "timeout", 1, NULL, O_TIMEOUT },
    { "wait", 0, NULL, O_WAIT }, { "help", 0, NULL, O_HELP }, { NULL, 0, NULL, 0 },
};

static bool number_of(const char *option, const char *text, long least, long most, long *out)
{
    char *end;
    errno = 0;
    *out = strtol(text, &end, 10);
    if (*end || end == text || errno || *out < least || *out > most)
        return complain("--%s: '%s' is not a number from %ld to %ld", option, text, least, most), false;
    return true;
}

/* 0, or the exit status; -1 after --help. */
static int arguments(int argc, char **argv, struct asked *a)
{
    int c;
    long n;
    *a = (struct asked){ .password_fd = -1, .psk_fd = -1, .prompt = true };
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case O_USER:          a->user = optarg; break;
        case O_PASSWORD_FILE: a->password_file = optarg; break;
        case O_PSK_FILE:      a->psk_file = optarg; break;
        case O_SYSTEM:        a->system = true; break;
        case O_NO_PROMPT:     a->prompt = false; break;
        case O_WAIT:          a->wait = true; break;
        case O_PASSWORD_FD:
            if (!number_of("password-fd", optarg, 0, 1 << 20, &n))
                return 1;
            a->password_fd = (int)n;
            break;
        case O_PSK_FD:
            if (!number_of("psk-fd", optarg, 0, 1 << 20, &n))
                return 1;
            a->psk_fd = (int)n;
            break;
        case O_TIMEOUT:
            if (!number_of("timeout", optarg, 1, 86400, &n))
                return 1;
            a->timeout_ms = (uint32_t)n * 1000;
            break;
        case O_HELP:          fputs(dial_usage, stdout); return -1;
        default:              return misuse(dial_usage);
        }
    }
    if (argc - optind != 1)
        return misuse(dial_usage);
    a->entry = argv[optind];
    return 0;
}

/* A secret from where the arguments, the user's own entry or systemd say. False: it
 * could not be had from there. */
static bool secret(const struct asked *a, json_t *own, const char *what, int fd, const char *file, char *out)
{
    char key[32];
    snprintf(key, sizeof key, "%s-file", what);
    const char *of_entry = json_string_value(json_object_get(own, key));
    bool ok = true;
    if (fd >= 0)
        ok = secret_of_fd(fd, what, out, ADIT_CREDENTIAL_MAX);
    else if (file || of_entry)
        ok = secret_of_file(file ? file : of_entry, what, out, ADIT_CREDENTIAL_MAX);
    else
        secret_of_systemd(a->entry, what, out, ADIT_CREDENTIAL_MAX);
    json_object_del(own, key);  /* it is read here, with the user's own rights */
    return ok;
}

static bool user_given(const struct asked *a, struct adit_credentials *who)
{
    size_t n = a->user ? strlen(a->user) : 0;
    if (n >= sizeof who->user)
        return complain("--user: longer than %zu bytes", sizeof who->user - 1), false;
    if (a->user)
        memcpy(who->user, a->user, n + 1);
    else
        secret_of_systemd(a->entry, "user", who->user, sizeof who->user);
    return true;
}

/* Asks for what is missing, or was wrong. False: nobody answers. */
static bool ask(const struct asked *a, const json_t *own, struct adit_credentials *who)
{
    char prompt[192];
    char *name = show_clean(a->entry);
    bool has_user = *who->user || (own && json_object_get(own, "user")), ok = a->prompt && name;
    if (ok && !has_user) {
        snprintf(prompt, sizeof prompt, "User for %.100s: ", name);
        ok = secret_typed(prompt, false, who->user, sizeof who->user);
    }
    if (ok) {
        snprintf(prompt, sizeof prompt, "Password for %.100s: ", name);
        ok = secret_typed(prompt, true, who->password, sizeof who->password);
    }
    free(name);
    return ok;
}

/* Dials; asks when the entry says too little, and again when it was mistyped. */
static void dial(struct dialling *d, const struct asked *a, json_t *own, struct adit_credentials *who)
{
    char *inline_entry = own ? json_dumps(own, JSON_COMPACT) : NULL;
    struct adit_dial_options o = { .size = sizeof o, .timeout_ms = a->timeout_ms, .credentials = who,
                                   .entry = own ? NULL : a->entry, .entry_json = inline_entry };
    for (int typed = 0; typed <= 3; typed++) {
        d->state = ADIT_STATE_OTHER;
        int error = adit_dial_begin(d->c, &o, step, d, &d->handle);
        if (error)
            refused(d, error);
        else
            run(d, false);
        bool again = d->error == ADIT_RAS_NEEDS_CREDENTIALS ||
                     (d->error == ADIT_RAS_AUTHENTICATION_FAILURE && typed);
        if (stopped || d->state != ADIT_STATE_FAILED || !again)
            break;
        line_end(d);
        signals_let_go();
        if (typed && !adit_options.json)
            fprintf(stderr, "%s: %s\n", d->entry, adit_error_text(d->error));
        if (typed == 3 || !ask(a, own, who))
            break;
    }
    free(inline_entry);
}

/* The exit status of a connection that is up. */
static int stay(struct dialling *d)
{
    int error = adit_watch(d->c, d->handle, step, d);
    if (error)
        refused(d, error);
    else
        run(d, true);
    if (stopped)
        return hang_up(d);
    if (d->error && d->error != ADIT_RAS_USER_DISCONNECTION)
        return show_failure(d);
    line_end(d);
    if (adit_options.json)
        json_line(d->last);
    else
        fprintf(stderr, "%s: hung up\n", d->entry);
    return 0;
}

int cmd_dial(int argc, char **argv)
{
    struct adit_credentials who = { .size = sizeof who };
    struct dialling d = { .error = 0 };
    struct asked a;
    int rc = arguments(argc, argv, &a);
    if (rc)
        return rc < 0 ? 0 : rc;
    json_t *book = a.system ? json_array() : own_book_take(), *own = own_book_find(book, a.entry);
    char *name = show_clean(a.entry);
    d.entry = name;
    if (!book || !name || !user_given(&a, &who) ||
        !secret(&a, own, "password", a.password_fd, a.password_file, who.password) ||
        !secret(&a, own, "psk", a.psk_fd, a.psk_file, who.psk))
        rc = 1;
    if (!rc)
        rc = dial_client(&d.c);
    if (!rc) {
        dial(&d, &a, own, &who);
        adit_credentials_wipe(&who);
        rc = stopped ? hang_up(&d) : d.state != ADIT_STATE_CONNECTED ? show_failure(&d) : a.wait ? stay(&d) : 0;
    }
    adit_credentials_wipe(&who);
    adit_client_close(d.c);
    json_decref(d.last);
    json_decref(book);
    free(name);
    return rc;
}

/* ---- hangup ------------------------------------------------------------------------------------ */

int cmd_hangup(int argc, char **argv)
{
    struct adit_client *c = NULL;
    if (argc != 2 || argv[1][0] == '-')
        return misuse("usage: adit hangup ENTRY|HANDLE\n");
    if (dial_client(&c)) {
        adit_client_close(c);
        return 1;
    }
    char *end;
    errno = 0;
    unsigned long long handle = isdigit((unsigned char)argv[1][0]) ? strtoull(argv[1], &end, 10) : 0;
    int error = ADIT_RAS_INVALID_HANDLE;
    if (handle && !*end && !errno)
        error = adit_hangup(c, handle);
    if (error == ADIT_RAS_INVALID_HANDLE)
        error = adit_hangup_entry(c, argv[1]);
    int rc = error ? dial_complain(c, error) : 0;
    if (!error && adit_options.json)
        rc = json_take(json_pack("{s:b, s:s}", "ok", 1, "ended", argv[1]));
    else if (!error)
        printf("%s: hung up\n", argv[1]);
    adit_client_close(c);
    return rc;
}
