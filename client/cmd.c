/* cmd.c - the subcommands that ask a daemon.
 *
 * Knows:  which verb, which columns.
 * Leaves: the socket to ask, the printing to show.
 */
#include "adit.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- status -------------------------------------------------------------------- */

int cmd_status(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        return misuse("usage: adit status\n");
    json_t *o = ask_take("status", NULL);
    if (!o || adit_options.json)
        return json_take(o);
    static const struct column tunnels[] = {
        { "TUNNEL", "name", SHOW_TEXT },   { "PROTOCOL", "protocol", SHOW_TEXT },
        { "STATE", "state", SHOW_TEXT },   { "PORTS", "ports", SHOW_NUMBER },
        { "USED", "used", SHOW_NUMBER },   { "CONNECTED", "connected", SHOW_NUMBER },
        { "REFUSED", "refused", SHOW_NUMBER }, { "ERROR", "error", SHOW_TEXT },
        { NULL, NULL, SHOW_TEXT },
    };
    static const struct column rows[] = {
        { "State", "state", SHOW_TEXT },     { "Why", "why", SHOW_TEXT },
        { "Not serving", "not_serving", SHOW_TEXT },
        { "Version", "version", SHOW_TEXT }, { "Process", "pid", SHOW_NUMBER },
        { "Up for", "uptime_ms", SHOW_MS },  { "Configuration", "config", SHOW_TEXT },
        { "Interface", "interface", SHOW_TEXT }, { "Sessions", "sessions", SHOW_NUMBER },
        { "Calls", "calls", SHOW_NUMBER },   { "Logins", "logins", SHOW_NUMBER },
        { "Refused", "refused", SHOW_NUMBER }, { NULL, NULL, SHOW_TEXT },
    };
    json_t *list = json_incref(json_object_get(o, "tunnels"));
    lines_take(o, rows);
    putchar('\n');
    return table_take(list, tunnels, "No tunnel is configured.");
}

/* ---- ports ----------------------------------------------------------------------- */

int cmd_ports(int argc, char **argv)
{
    static const char usage[] = "usage: adit ports\n"
                                "       adit ports set TUNNEL NUMBER    (0 turns it off)\n";
    static const struct column cols[] = {
        { "PORT", "port", SHOW_TEXT },  { "TUNNEL", "tunnel", SHOW_TEXT },
        { "STATE", "state", SHOW_TEXT }, { "USER", "user", SHOW_TEXT },
        { "PEER", "peer", SHOW_TEXT },  { "SESSION", "session", SHOW_NUMBER },
        { "ROLE", "role", SHOW_TEXT },
        { NULL, NULL, SHOW_TEXT },
    };
    if (argc == 4 && !strcmp(argv[1], "set")) {
        char *end;
        long n = strtol(argv[3], &end, 10);
        if (*end || end == argv[3] || n < 0)
            return complain("%s: the number of ports is 0 or more", argv[3]);
        json_t *o = ask_take("ports.set", json_pack("{s:s, s:I}", "tunnel", argv[2], "ports",
                                                    (json_int_t)n));
        if (!o || adit_options.json)
            return json_take(o);
        printf("%s has %ld ports, %lld in use\n", argv[2], n,
               (long long)json_integer_value(json_object_get(o, "used")));
        json_decref(o);
        return 0;
    }
    if (argc != 1)
        return misuse(usage);
    return table_take(ask_take("ports", NULL), cols, "No tunnel is configured.");
}

/* ---- sessions ----------------------------------------------------------------------- */

int cmd_sessions(int argc, char **argv)
{
    static const char usage[] = "usage: adit sessions [list]\n"
                                "       adit sessions show ID\n"
                                "       adit sessions --failed\n"
                                "       adit sessions drop ID\n";
    static const struct column cols[] = {
        { "ID", "id", SHOW_NUMBER },         { "USER", "user", SHOW_TEXT },
        { "TUNNEL", "tunnel", SHOW_TEXT },   { "PEER", "peer", SHOW_TEXT },
        { "ADDRESS", "address", SHOW_TEXT }, { "STATE", "state", SHOW_TEXT },
        { "SINCE", "since", SHOW_TEXT },     { "IDLE", "idle_ms", SHOW_MS },
        { "IN", "bytes_in", SHOW_BYTES },    { "OUT", "bytes_out", SHOW_BYTES },
        { "ENCRYPTION", "encryption", SHOW_TEXT }, { "ROLE", "role", SHOW_TEXT },
        { NULL, NULL, SHOW_TEXT },
    };
    static const struct column failed[] = {
        { "ID", "id", SHOW_NUMBER },
        { "WHEN", "when", SHOW_TEXT },   { "USER", "user", SHOW_TEXT },
        { "TUNNEL", "tunnel", SHOW_TEXT }, { "PEER", "peer", SHOW_TEXT },
        { "CODE", "code", SHOW_TEXT },   { "RAS", "ras", SHOW_NUMBER },
        { "TEXT", "text", SHOW_TEXT },   { "SETTING", "setting", SHOW_TEXT },
        { "WHERE", "where", SHOW_TEXT }, { "REMEDY", "remedy", SHOW_TEXT },
        { NULL, NULL, SHOW_TEXT },
    };
    static const struct column rows[] = {
        { "Session", "session", SHOW_TEXT },  { "User", "user", SHOW_TEXT },
        { "State", "state", SHOW_TEXT },      { "Tunnel", "tunnel", SHOW_TEXT },
        { "Protocol", "protocol", SHOW_TEXT }, { "Role", "role", SHOW_TEXT },
        { "Entry", "entry", SHOW_TEXT },      { "Interface", "interface", SHOW_TEXT },
        { "Peer", "peer", SHOW_TEXT },
        { "Peer's name", "peer_host", SHOW_TEXT }, { "Peer says", "identification", SHOW_TEXT },
        { "Called", "called", SHOW_TEXT },    { "Address", "address", SHOW_TEXT },
        { "Our address", "server_address", SHOW_TEXT }, { "Pool", "pool", SHOW_TEXT },
        { "Authenticator", "authenticator", SHOW_TEXT }, { "Method", "method", SHOW_TEXT },
        { "Policy", "policy", SHOW_TEXT },    { "Encryption", "encryption", SHOW_TEXT },
        { "IPsec", "secured", SHOW_YES },     { "MTU", "mtu", SHOW_NUMBER },
        { "Since", "since", SHOW_TEXT },      { "Up since", "up_since", SHOW_TEXT },
        { "Idle", "idle_ms", SHOW_MS },       { "Bytes in", "bytes_in", SHOW_NUMBER },
        { "Bytes out", "bytes_out", SHOW_NUMBER }, { "Packets in", "packets_in", SHOW_NUMBER },
        { "Packets out", "packets_out", SHOW_NUMBER }, { "Spoofed", "spoofed", SHOW_NUMBER },
        { "Dropped", "dropped", SHOW_NUMBER },
        { "Filter in", "filter_in", SHOW_TEXT }, { "Filter out", "filter_out", SHOW_TEXT },
        { "Own rules", "filter_rules", SHOW_NUMBER },
        { "Filtered in", "filtered_in", SHOW_NUMBER }, { "Filtered out", "filtered_out", SHOW_NUMBER },
        { "kbit/s in", "rate_in_kbps", SHOW_NUMBER }, { "kbit/s out", "rate_out_kbps", SHOW_NUMBER },
        { "Limited in", "limited_in", SHOW_NUMBER }, { "Limited out", "limited_out", SHOW_NUMBER },
        { NULL, NULL, SHOW_TEXT },
    };
    if (argc == 1 || (argc == 2 && !strcmp(argv[1], "list")))
        return table_take(ask_take("sessions", NULL), cols, "No session.");
    if (argc == 2 && !strcmp(argv[1], "--failed"))
        return table_take(ask_take("sessions.failed", NULL), failed, "No attempt failed.");
    if (argc == 3 && !strcmp(argv[1], "show"))
        return lines_take(ask_take("sessions.show", json_pack("{s:s}", "id", argv[2])), rows);
    if (argc == 3 && !strcmp(argv[1], "drop"))
        return cmd_drop(argc - 1, argv + 1);
    return misuse(usage);
}

int cmd_drop(int argc, char **argv)
{
    static const char usage[] = "usage: adit drop ID | --user NAME | --all\n";
    json_t *args;
    if (argc == 2 && !strcmp(argv[1], "--all"))
        args = json_pack("{s:b}", "all", 1);
    else if (argc == 3 && !strcmp(argv[1], "--user"))
        args = json_pack("{s:s}", "user", argv[2]);
    else if (argc == 2 && argv[1][0] != '-')
        args = json_pack("{s:s}", "id", argv[1]);
    else
        return misuse(usage);
    json_t *o = ask_take("drop", args);
    if (!o || adit_options.json)
        return json_take(o);
    printf("%lld dropped\n", (long long)json_integer_value(json_object_get(o, "dropped")));
    json_decref(o);
    return 0;
}

/* ---- lock-out ------------------------------------------------------------------------ */

int cmd_lockouts(int argc, char **argv)
{
    static const struct column cols[] = {
        { "WHAT", "what", SHOW_TEXT },   { "NAME", "name", SHOW_TEXT },
        { "STATE", "state", SHOW_TEXT }, { "FAILURES", "failures", SHOW_NUMBER },
        { "SINCE", "since", SHOW_TEXT }, { "LEFT", "left_ms", SHOW_MS },
        { "PEER", "peer", SHOW_TEXT },   { NULL, NULL, SHOW_TEXT },
    };
    bool all = argc == 2 && !strcmp(argv[1], "--all");
    if (argc > 2 || (argc == 2 && !all))
        return misuse("usage: adit lockouts [--all]\n");
    return table_take(ask_take("lockouts", json_pack("{s:b}", "all", all)), cols,
                      "Nobody is locked out.");
}

int cmd_unlock(int argc, char **argv)
{
    if (argc != 2 || argv[1][0] == '-')
        return misuse("usage: adit unlock NAME|ADDRESS\n");
    json_t *o = ask_take("unlock", json_pack("{s:s}", "name", argv[1]));
    if (!o || adit_options.json)
        return json_take(o);
    printf("%s is unlocked\n", argv[1]);
    json_decref(o);
    return 0;
}

/* ---- filters ------------------------------------------------------------------------------ */

int cmd_filters(int argc, char **argv)
{
    static const struct column cols[] = {
        { "FILTER", "name", SHOW_TEXT },       { "DEFAULT", "default", SHOW_TEXT },
        { "CONFIGURED", "configured", SHOW_YES }, { "RULES", "count", SHOW_NUMBER },
        { "PASSED", "passed", SHOW_NUMBER },   { "DROPPED", "dropped", SHOW_NUMBER },
        { "SESSIONS", "users", SHOW_TEXT },    { NULL, NULL, SHOW_TEXT },
    };
    static const struct column rules[] = {
        { "NUMBER", "number", SHOW_NUMBER }, { "HITS", "hits", SHOW_NUMBER },
        { "RULE", "rule", SHOW_TEXT },       { NULL, NULL, SHOW_TEXT },
    };
    if (argc > 2 || (argc == 2 && argv[1][0] == '-'))
        return misuse("usage: adit filters [NAME]\n");
    json_t *list = ask_take("filters", argc == 2 ? json_pack("{s:s}", "name", argv[1]) : NULL), *o, *s;
    size_t i, k;
    if (!list || adit_options.json)
        return json_take(list);
    json_t *first = json_incref(json_object_get(json_array_get(list, 0), "rules"));
    json_array_foreach (list, i, o) {
        json_t *users = json_array();
        json_array_foreach (json_object_get(o, "sessions"), k, s)
            json_array_append_new(users, json_sprintf("%lld %s (%s)",
                                  (long long)json_integer_value(json_object_get(s, "id")),
                                  json_string_value(json_object_get(s, "user")),
                                  json_string_value(json_object_get(s, "direction"))));
        json_object_set_new(o, "users", users);
        json_object_set_new(o, "count", json_integer((json_int_t)json_array_size(json_object_get(o, "rules"))));
    }
    int rc = table_take(list, cols, "No filter is configured.");
    if (argc == 2) {
        putchar('\n');
        rc = table_take(first, rules, "It has no rules: its default decides.");
    } else {
        json_decref(first);
    }
    return rc;
}

/* ---- pools and plugins ------------------------------------------------------------------ */

int cmd_pools(int argc, char **argv)
{
    (void)argv;
    if (argc != 1)
        return misuse("usage: adit pools\n");
    json_t *list = ask_take("pools", NULL);
    if (!list || adit_options.json)
        return json_take(list);
    static const struct column cols[] = {
        { "POOL", "name", SHOW_TEXT },    { "TYPE", "type", SHOW_TEXT },
        { "STATE", "state", SHOW_TEXT },  { "RANGES", "ranges", SHOW_TEXT },
        { "SIZE", "size", SHOW_NUMBER },  { "LEASED", "leased", SHOW_NUMBER },
        { "FREE", "free", SHOW_NUMBER },  { "PEAK", "peak", SHOW_NUMBER },
        { "ERROR", "last_error", SHOW_TEXT }, { NULL, NULL, SHOW_TEXT },
    };
    size_t i;
    json_t *o;
    json_array_foreach (list, i, o)
        json_object_update_missing(o, json_object_get(o, "status"));
    return table_take(list, cols, "No pool is configured.");
}

int cmd_plugins(int argc, char **argv)
{
    static const struct column cols[] = {
        { "PLUGIN", "name", SHOW_TEXT },   { "VERSION", "version", SHOW_TEXT },
        { "ABI", "abi", SHOW_TEXT },       { "STATE", "state", SHOW_TEXT },
        { "FACES", "faces", SHOW_TEXT },   { "FILE", "file", SHOW_TEXT },
        { "ERROR", "error", SHOW_TEXT },   { NULL, NULL, SHOW_TEXT },
    };
    static const struct column inst[] = {
        { "INSTANCE", "name", SHOW_TEXT }, { "KIND", "kind", SHOW_TEXT },
        { "TYPE", "type", SHOW_TEXT },     { "STATE", "state", SHOW_TEXT },
        { "OPEN", "requests_open", SHOW_NUMBER }, { "LAST ERROR", "last_error", SHOW_TEXT },
        { NULL, NULL, SHOW_TEXT },
    };
    json_t *list = ask_take("plugins", NULL);
    if (!list)
        return 1;
    if (argc == 3 && !strcmp(argv[1], "show")) {
        size_t i;
        json_t *o, *found = NULL;
        json_array_foreach (list, i, o)
            if (!strcmp(json_string_value(json_object_get(o, "name")), argv[2]))
                found = json_pack("[O]", o);
        json_decref(list);
        if (!found)
            return complain("no plugin is named '%s'; 'adit plugins' lists them", argv[2]);
        return outline_take(found, "");
    }
    if (argc != 1) {
        json_decref(list);
        return misuse("usage: adit plugins\n       adit plugins show NAME\n");
    }
    if (adit_options.json)
        return json_take(list);
    table_take(list, cols, "No plugin file was found.");
    putchar('\n');
    return table_take(ask_take("instances", NULL), inst, "Nothing is configured.");
}

/* ---- log, reload, stop ---------------------------------------------------------------------- */

static bool print_entry(json_t *o)
{
    if (adit_options.json) {
        json_line(o);
    } else {
        printf("%s %-7s %-10s %s %s\n", json_string_value(json_object_get(o, "when")),
               json_string_value(json_object_get(o, "level")),
               json_string_value(json_object_get(o, "source")),
               json_string_value(json_object_get(o, "event")),
               json_string_value(json_object_get(o, "text")));
    }
    return fflush(stdout) == 0;
}

int cmd_log(int argc, char **argv)
{
    if (argc == 2 && (!strcmp(argv[1], "-f") || !strcmp(argv[1], "--follow")))
        return ask_follow_take("log.follow", NULL, print_entry);
    if (argc != 1)
        return misuse("usage: adit log [--follow]\n");
    json_t *list = ask_take("log", NULL), *o;
    size_t i;
    if (!list || adit_options.json)
        return json_take(list);
    json_array_foreach (list, i, o)
        print_entry(o);
    json_decref(list);
    return 0;
}

static int simple(int argc, const char *verb, const char *usage, const char *text)
{
    if (argc != 1)
        return misuse(usage);
    json_t *o = ask_take(verb, NULL);
    if (!o || adit_options.json)
        return json_take(o);
    const char *said = json_string_value(json_object_get(o, "text"));
    puts(said ? said : text);
    json_decref(o);
    return 0;
}

int cmd_reload(int argc, char **argv)
{
    (void)argv;
    return simple(argc, "reload", "usage: adit reload\n", "reloaded");
}

int cmd_stop(int argc, char **argv)
{
    (void)argv;
    return simple(argc, "stop", "usage: adit stop\n", "stopping");
}
