/* adit.c - the one command for people: a table and a main. */
#include "adit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "user_cmd.h"

struct adit_options adit_options = { .socket = ADIT_RUN_DIR "/control.sock" };

static int cmd_user(int argc, char **argv);
static int cmd_users(int argc, char **argv);
static int cmd_help(int argc, char **argv);
static int cmd_version(int argc, char **argv);

static const struct command {
    const char *name;
    int (*fn)(int argc, char **argv);
    const char *text;
} commands[] = {
    { "status", cmd_status, "the daemon at a glance: running or degraded, and why" },
    { "ports", cmd_ports, "each port, its state and its user; set their number" },
    { "sessions", cmd_sessions, "sessions: list, show, drop, --failed" },
    { "explain", cmd_explain, "why an attempt failed: cause, setting, policies, remedy" },
    { "drop", cmd_drop, "end sessions" },
    { "lockouts", cmd_lockouts, "accounts and addresses that failed too often" },
    { "unlock", cmd_unlock, "unlock an account or an address" },
    { "user", cmd_user, "local accounts: add, passwd, set, del, list, show" },
    { "users", cmd_users, "all local accounts" },
    { "policies", cmd_policies, "all policies, in order" },
    { "policy", cmd_policy, "policies: add, move, remove; explain which one would decide, and why" },
    { "filters", cmd_filters, "packet filters: rules, hits, the sessions that have them" },
    { "pools", cmd_pools, "address pools: size, leased, free" },
    { "plugins", cmd_plugins, "plugin files, faces, instances, last errors" },
    { "history", cmd_history, "sessions and failed attempts of the past: list, show, summary" },
    { "ipsec", cmd_ipsec, "IPsec peers and associations; rekey, drop, export-wireshark" },
    { "radius", cmd_radius, "RADIUS servers: how they are, counters, test" },
    { "dial", cmd_dial, "connect to a server by an entry of the phone book" },
    { "hangup", cmd_hangup, "end one connection that was dialled" },
    { "entries", cmd_entries, "the phone book: yours and the system's" },
    { "connections", cmd_connections, "what is dialled: state, addresses, bytes; --watch" },
    { "interfaces", cmd_interfaces, "demand-dial interfaces: state, why one is unreachable" },
    { "log", cmd_log, "what happened; --follow" },
    { "trace", cmd_trace, "what a user's client and we say, decoded, as it is said" },
    { "capture", cmd_capture, "decrypted frames into a pcapng file, for Wireshark" },
    { "reload", cmd_reload, "read the configuration again; sessions stay" },
    { "stop", cmd_stop, "end all sessions and the daemon" },
    { "doctor", cmd_doctor, "what is wrong with this host, before and while it serves" },
    { "setup", cmd_setup, "write a configuration: a wizard, or from options" },
    { "help", cmd_help, "this text" },
    { "version", cmd_version, "the version" },
};
#define COMMANDS (sizeof commands / sizeof commands[0])

/* The accounts are a file's; which file, the daemon on the socket knows best. */
static int cmd_user(int argc, char **argv)
{
    char *config = NULL;
    bool named = false;
    for (int i = 1; i < argc; i++)
        named = named || !strncmp(argv[i], "--config", 8) || !strncmp(argv[i], "--file", 6) ||
                !strcmp(argv[i], "--help");
    if (!named && argc > 1 && !(config = ask_config()) && adit_options.chosen)
        return complain("%s: no daemon answers there that could tell its file of accounts; name it "
                        "with --config or --file", adit_options.socket);
    user_cmd_config = config;
    int rc = user_cmd(argc, argv);
    user_cmd_config = NULL;
    free(config);
    return rc;
}

static int cmd_users(int argc, char **argv)
{
    char **list = calloc((size_t)argc + 2, sizeof *list);
    if (!list)
        return complain("out of memory");
    list[0] = (char *)(uintptr_t)"user";
    list[1] = (char *)(uintptr_t)"list";
    for (int i = 1; i < argc; i++)
        list[i + 1] = argv[i];
    int rc = cmd_user(argc + 1, list);
    free(list);
    return rc;
}

static int cmd_help(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    if (adit_options.json) {
        json_t *list = json_array();
        for (size_t i = 0; i < COMMANDS; i++)
            json_array_append_new(list, json_pack("{s:s, s:s}", "command", commands[i].name, "text",
                                                  commands[i].text));
        return json_take(list);
    }
    puts("usage: adit [--socket PATH] [--json] COMMAND ...\n");
    for (size_t i = 0; i < COMMANDS; i++)
        printf("  %-11s %s\n", commands[i].name, commands[i].text);
    puts("\n--json prints JSON instead of tables, on every command.\n"
         "--socket PATH (or $ADIT_SOCKET) chooses the daemon; default " ADIT_RUN_DIR
         "/control.sock.\nSee adit(8).");
    return 0;
}

static int cmd_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    if (adit_options.json)
        return json_take(json_pack("{s:s}", "version", ADIT_VERSION));
    puts("adit " ADIT_VERSION);
    return 0;
}

/* Takes --json and --socket out of the arguments, wherever they stand. */
static int global_options(int argc, char **argv)
{
    int n = 1;
    const char *env = getenv("ADIT_SOCKET");
    if (env && *env) {
        adit_options.socket = env;
        adit_options.chosen = true;
    }
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--json")) {
            adit_options.json = true;
        } else if (!strcmp(argv[i], "--socket") && i + 1 < argc) {
            adit_options.socket = argv[++i];
            adit_options.chosen = true;
        } else if (!strncmp(argv[i], "--socket=", 9)) {
            adit_options.socket = argv[i] + 9;
            adit_options.chosen = true;
        } else {
            argv[n++] = argv[i];
        }
    }
    argv[n] = NULL;
    return n;
}

static int run(int argc, char **argv)
{
    if (argc < 2)
        return cmd_help(0, NULL), 2;
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
        return cmd_help(0, NULL);
    if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V"))
        return cmd_version(0, NULL);
    user_cmd_json = adit_options.json;
    for (size_t i = 0; i < COMMANDS; i++)
        if (!strcmp(commands[i].name, argv[1]))
            return commands[i].fn(argc - 1, argv + 1);
    complain("no command '%s'; 'adit help' lists them", argv[1]);
    return 2;
}

int main(int argc, char **argv)
{
    argc = global_options(argc, argv);
    int rc = run(argc, argv);
    if (rc && adit_options.json)
        error_tell(user_cmd_error);
    return rc;
}
