/* adit.c - the one command for people: a table and a main. */
#include "adit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "user_cmd.h"

struct adit_options adit_options = { .socket = ADIT_RUN_DIR "/control.sock" };

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
    { "drop", cmd_drop, "end sessions" },
    { "user", user_cmd, "local accounts: add, passwd, set, del, list, show" },
    { "users", cmd_users, "all local accounts" },
    { "policies", cmd_policies, "all policies, in order" },
    { "policy", cmd_policy, "policy explain: which policy would decide, and why" },
    { "pools", cmd_pools, "address pools: size, leased, free" },
    { "plugins", cmd_plugins, "plugin files, faces, instances, last errors" },
    { "log", cmd_log, "what happened; --follow" },
    { "reload", cmd_reload, "read the configuration again; sessions stay" },
    { "stop", cmd_stop, "end all sessions and the daemon" },
    { "setup", cmd_setup, "write a configuration: a wizard, or from options" },
    { "help", cmd_help, "this text" },
    { "version", cmd_version, "the version" },
};
#define COMMANDS (sizeof commands / sizeof commands[0])

static int cmd_users(int argc, char **argv)
{
    char *list[8] = { (char *)"user", (char *)"list" };
    int n = 2;
    for (int i = 1; i < argc && n < 7; i++)
        list[n++] = argv[i];
    return user_cmd(n, list);
}

static int cmd_help(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    puts("usage: adit [--socket PATH] [--json] COMMAND ...\n");
    for (size_t i = 0; i < COMMANDS; i++)
        printf("  %-10s %s\n", commands[i].name, commands[i].text);
    puts("\n--json prints JSON instead of tables, on every command.\n"
         "--socket PATH (or $ADIT_SOCKET) chooses the daemon; default " ADIT_RUN_DIR
         "/control.sock.\nSee adit(8).");
    return 0;
}

static int cmd_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    puts("adit " ADIT_VERSION);
    return 0;
}

/* Takes --json and --socket out of the arguments, wherever they stand. */
static int global_options(int argc, char **argv)
{
    int n = 1;
    const char *env = getenv("ADIT_SOCKET");
    if (env && *env)
        adit_options.socket = env;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--json")) {
            adit_options.json = true;
        } else if (!strcmp(argv[i], "--socket") && i + 1 < argc) {
            adit_options.socket = argv[++i];
        } else if (!strncmp(argv[i], "--socket=", 9)) {
            adit_options.socket = argv[i] + 9;
        } else {
            argv[n++] = argv[i];
        }
    }
    argv[n] = NULL;
    return n;
}

int main(int argc, char **argv)
{
    argc = global_options(argc, argv);
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
