/* adit.h - what the subcommands of adit share.
 *
 * Knows:  the control socket, tables for people, JSON for programs.
 * Leaves: everything that happens to the daemon.
 */
#ifndef ADIT_CLIENT_H
#define ADIT_CLIENT_H

#include <stdbool.h>
#include <jansson.h>

struct adit_options {
    bool json;                  /* --json: print JSON, nothing else */
    const char *socket;         /* --socket, $ADIT_SOCKET or the default */
    bool chosen;                /* not the default */
};
extern struct adit_options adit_options;

/* One subcommand; argv[0] is its name. Returns the exit status. */
int cmd_status(int argc, char **argv);
int cmd_ports(int argc, char **argv);
int cmd_sessions(int argc, char **argv);
int cmd_drop(int argc, char **argv);
int cmd_lockouts(int argc, char **argv);
int cmd_unlock(int argc, char **argv);
int cmd_policies(int argc, char **argv);
int cmd_policy(int argc, char **argv);
int cmd_filters(int argc, char **argv);
int cmd_pools(int argc, char **argv);
int cmd_plugins(int argc, char **argv);
int cmd_history(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_ipsec(int argc, char **argv);
int cmd_radius(int argc, char **argv);
int cmd_dial(int argc, char **argv);
int cmd_hangup(int argc, char **argv);
int cmd_entries(int argc, char **argv);
int cmd_connections(int argc, char **argv);
int cmd_interfaces(int argc, char **argv);
int cmd_log(int argc, char **argv);
int cmd_trace(int argc, char **argv);
int cmd_capture(int argc, char **argv);
int cmd_reload(int argc, char **argv);
int cmd_stop(int argc, char **argv);
int cmd_setup(int argc, char **argv);

/* Calls a verb; takes args (may be NULL). NULL after the error was printed. */
json_t *ask_take(const char *verb, json_t *args);
/* The same without arguments and without a word: NULL, and `why` (of `size` bytes, 0: none)
 * says it. A daemon that hangs is not waited for: errno is ETIMEDOUT then. */
json_t *ask_quiet(const char *verb, char *why, size_t size);
/* The configuration of the daemon on the socket, to be freed; NULL: none answers. */
char *ask_config(void);
/* Calls a verb that follows: each line is given to `line` until it is false. */
int ask_follow_take(const char *verb, json_t *args, bool (*line)(json_t *o));

/* How a column of a table shows its value. */
enum shown { SHOW_TEXT, SHOW_BYTES, SHOW_MS, SHOW_NUMBER, SHOW_YES };
struct column {
    const char *title, *key;
    enum shown as;
};
/* Prints a list of objects as a table (a sentence when it is empty), and frees
 * it; with --json the list itself. */
int table_take(json_t *list, const struct column *cols, const char *empty);
/* Prints one object as "key: value" lines. */
int lines_take(json_t *o, const struct column *rows);
/* A report of a plugin, whose shape is its own, as an indented outline. */
void outline_print(json_t *o, const char *key);         /* key NULL: without a title */
int outline_take(json_t *list, const char *empty);      /* each of them; frees; with --json the list */
int json_take(json_t *o);                       /* prints JSON; frees */
void json_line(const json_t *o);                /* prints it as one line of several */
void json_line_take(json_t *o);
/* A string of the daemon's as a terminal may see it, to be freed: peers choose
 * their names, and one may hold the terminal's own commands. */
char *show_clean(const char *s);
int complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));       /* 1 */
int misuse(const char *usage);                  /* prints usage; 2 */

/* With --json a failure is told as JSON too, once, when the command is over:
 * {"ok": false, "error": {"code": ..., "text": ...}}. */
void error_code(const char *code);              /* of the daemon; else ADIT_EINVAL */
void error_tell(const char *text);              /* text: what complain() did not hear, or NULL */

#endif
