/* two-calls.c - the two calls of the RAS documentation: the first connection gives the
 * way to a network, the second one runs over it; hanging up the second leaves the first.
 *
 *     cc -o two-calls two-calls.c $(pkg-config --cflags --libs libadit)
 *     ./two-calls line office
 *
 * Both are entries of the phone book; that `office` runs over `line` is said there
 * (dial-first: line) or follows from the routes. A user or a password that an entry
 * does not have is asked for.
 */
#include <libadit.h>

#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* One line of standard input; without echo, when somebody types it. */
static void ask(const char *what, const char *entry, int echo, char *out, size_t size)
{
    struct termios was, quiet;
    int typed = !echo && tcgetattr(STDIN_FILENO, &was) == 0;
    printf("%s for %s: ", what, entry);
    fflush(stdout);
    if (typed) {
        quiet = was;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    }
    if (!fgets(out, (int)size, stdin))
        out[0] = '\0';
    out[strcspn(out, "\n")] = '\0';
    if (typed) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
        putchar('\n');
    }
}

static void step(void *u, const struct adit_progress *p)
{
    printf("%s: %s\n", (const char *)u, p->state_text);
}

/* Dials an entry; with what was typed when it needs more than the entry says. */
static int dial(struct adit_client *c, const char *entry, uint64_t *handle)
{
    struct adit_credentials who = { .size = sizeof who };
    struct adit_dial_options o = { .size = sizeof o, .entry = entry, .credentials = &who };
    int error = adit_dial(c, &o, step, (void *)(uintptr_t)entry, handle);
    if (error == ADIT_RAS_NEEDS_CREDENTIALS) {
        ask("user", entry, 1, who.user, sizeof who.user);
        ask("password", entry, 0, who.password, sizeof who.password);
        error = adit_dial(c, &o, step, (void *)(uintptr_t)entry, handle);
        adit_credentials_wipe(&who);
    }
    if (error)
        fprintf(stderr, "%s: error %d: %s\n", entry, error, adit_client_text(c));
    return error;
}

static void show(struct adit_client *c, uint64_t handle)
{
    struct adit_connection *o;
    int error = adit_status(c, handle, &o);
    if (error) {
        printf("connection %llu: error %d: %s\n", (unsigned long long)handle, error, adit_client_text(c));
        return;
    }
    printf("connection %llu: %s is %s, %s by %s over %llu\n", (unsigned long long)handle, o->entry,
           adit_state_text(o->state), o->address, o->protocol, (unsigned long long)o->over);
    adit_free(o);
}

int main(int argc, char **argv)
{
    struct adit_client *c;
    uint64_t line, office;
    if (argc != 3) {
        fprintf(stderr, "usage: two-calls FIRST SECOND\n");
        return 2;
    }
    int error = adit_client_open(NULL, &c);
    if (error)
        fprintf(stderr, "error %d: %s\n", error, adit_client_text(c));
    if (!error)
        error = dial(c, argv[1], &line);
    if (!error && (error = dial(c, argv[2], &office)) != 0)
        adit_hangup(c, line);
    if (!error) {
        show(c, line);
        show(c, office);
        printf("hanging up %s\n", argv[2]);
        error = adit_hangup(c, office);
        show(c, office);
        show(c, line);          /* is still connected */
        adit_hangup(c, line);
    }
    adit_client_close(c);
    return error ? 1 : 0;
}
