/* history_cmd.c - `adit history`: sessions and failed attempts of the past.
 *
 * Knows:  which columns, paging, times as people write them.
 * Leaves: the socket to ask, the printing to show, the database to the daemon's plugin.
 */
#include "adit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "when.h"

#define PAGE 1000               /* rows that the daemon gives at once */

static const char usage[] =
    "usage: adit history [--user NAME] [--address ADDRESS] [--since TIME] [--until TIME]\n"
    "                    [--failed] [--limit NUMBER] [--before NEXT]\n"
    "       adit history show SESSION\n"
    "       adit history summary [--user NAME] [--since TIME] [--until TIME] [--limit NUMBER]\n"
    "TIME is " WHEN_FORMS "\n";

/* The name of the instance; NULL after a sentence. */
static char *instance(void)
{
    json_t *list = ask_take("instances", NULL), *o;
    char *name = NULL;
    size_t i;
    if (!list)
        return NULL;
    json_array_foreach (list, i, o)
        if (!name && !strcmp(json_string_value(json_object_get(o, "kind")), "accounting") &&
            !strcmp(json_string_value(json_object_get(o, "type")), "history"))
            name = strdup(json_string_value(json_object_get(o, "name")));
    json_decref(list);
    if (!name)
        complain("no history is kept: add '- type: history' to the section accounting, see "
                 "adit-history-sqlite(7)");
    return name;
}

static json_t *call(const char *name, const char *verb, json_t *with)
{
    return ask_take("plugin.call", json_pack("{s:s, s:s, s:s, s:O}", "kind", "accounting", "name",
                                             name, "call", verb, "with", with));
}

/* ---- arguments -------------------------------------------------------------------- */

static int set_time(json_t *with, const char *key, const char *text)
{
    int64_t ms;
    bool until = !strcmp(key, "until");
    if (!when_parse(text, time(NULL), until, &ms) || ms < 0)
        return complain("--%s %s: a time is " WHEN_FORMS, key, text);
    /* 0 is "not given" */
    json_object_set_new(with, key, json_integer((json_int_t)(ms ? ms : 1)));
    return 0;
}

static int set_limit(const char *text, long *limit)
{
    char *end;
    *limit = strtol(text, &end, 10);
    if (*end || end == text || *limit < 1 || *limit > 1000000)
        return complain("--limit %s: it is a number from 1 to 1000000", text);
    return 0;
}

/* Options from argv[i] on into `with`; 0, 1 (told), 2 (misuse). */
static int options(int argc, char **argv, int i, bool list, json_t *with, long *limit)
{
    static const char *const texts[] = { "user", "address", "before", NULL };
    static const char *const moments[] = { "since", "until", NULL };
    for (; i < argc; i++) {
        const char *name = strncmp(argv[i], "--", 2) ? "" : argv[i] + 2;
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        int rc = -1;
        if (list && !strcmp(name, "failed")) {
            json_object_set_new(with, "failed", json_true());
            continue;
        }
        if (!value)
            return misuse(usage);
        if (!strcmp(name, "limit"))
            rc = set_limit(value, limit);
        for (int n = 0; moments[n]; n++)
            if (!strcmp(name, moments[n]))
                rc = set_time(with, name, value);
        for (int n = 0; texts[n] && (list || n == 0); n++)
            if (!strcmp(name, texts[n]))
                rc = json_object_set_new(with, name, json_string(value)) ?
                     complain("--%s: it is not UTF-8", name) : 0;
        if (rc)
            return rc < 0 ? misuse(usage) : rc;
        i++;
    }
    return 0;
}

/* ---- printing ----------------------------------------------------------------------- */

/* For people in their own time; for programs as it came. */
static void times_local(json_t *row)
{
    static const char *const keys[] = { "since", "ended", "counted", "last", NULL };
    char text[40];
    for (int i = 0; keys[i]; i++) {
        const char *utc = json_string_value(json_object_get(row, keys[i]));
        if (!utc)
            continue;
        when_local(utc, text, sizeof text);
        json_object_set_new(row, keys[i], json_string(text));
    }
}

static int print_list(json_t *answer, bool failed)
{
    static const struct column sessions[] = {
        { "SINCE", "since", SHOW_TEXT },     { "USER", "user", SHOW_TEXT },
        { "TUNNEL", "tunnel", SHOW_TEXT },   { "PEER", "peer", SHOW_TEXT },
        { "ADDRESS", "address", SHOW_TEXT }, { "DURATION", "duration_ms", SHOW_MS },
        { "IN", "bytes_in", SHOW_BYTES },    { "OUT", "bytes_out", SHOW_BYTES },
        { "STATE", "state", SHOW_TEXT },     { "CODE", "code", SHOW_TEXT },
        { "SESSION", "session", SHOW_TEXT }, { NULL, NULL, SHOW_TEXT },
    };
    static const struct column attempts[] = {
        { "WHEN", "since", SHOW_TEXT },      { "USER", "user", SHOW_TEXT },
        { "TUNNEL", "tunnel", SHOW_TEXT },   { "PEER", "peer", SHOW_TEXT },
        { "TRIES", "attempts", SHOW_NUMBER }, { "CODE", "code", SHOW_TEXT },
        { "RAS", "ras", SHOW_NUMBER },       { "TEXT", "text", SHOW_TEXT },
        { NULL, NULL, SHOW_TEXT },
    };
    size_t i;
    json_t *row, *list = json_object_get(answer, "sessions");
    if (adit_options.json)
        return json_take(answer);
    json_array_foreach (list, i, row)
        times_local(row);
    int rc = table_take(json_incref(list), failed ? attempts : sessions,
                        failed ? "No attempt failed." : "No session.");
    const char *next = json_string_value(json_object_get(answer, "next"));
    if (next)
        printf("\nThere are older ones: add --before %s, or a larger --limit.\n", next);
    json_decref(answer);
    return rc;
}

/* Page by page, until there are enough or no more. */
static int list(const char *name, json_t *with, long limit)
{
    json_t *all = NULL, *page;
    while (limit > 0) {
        json_object_set_new(with, "limit", json_integer(limit < PAGE ? limit : PAGE));
        page = call(name, "list", with);
        if (!page) {
            json_decref(all);
            return 1;
        }
        json_t *rows = json_object_get(page, "sessions");
        limit -= (long)json_array_size(rows);
        if (all) {
            json_array_extend(json_object_get(all, "sessions"), rows);
            json_object_set(page, "sessions", json_object_get(all, "sessions"));
            json_decref(all);
        }
        all = page;
        json_t *next = json_object_get(all, "next");
        if (!next)
            break;
        json_object_set(with, "before", next);
    }
    return print_list(all, json_is_true(json_object_get(with, "failed")));
}

static int show(const char *name, const char *session)
{
    static const struct column rows[] = {
        { "Session", "session", SHOW_TEXT },  { "State", "state", SHOW_TEXT },
        { "User", "user", SHOW_TEXT },        { "Tunnel", "tunnel", SHOW_TEXT },
        { "Protocol", "protocol", SHOW_TEXT }, { "Peer", "peer", SHOW_TEXT },
        { "Peer's name", "peer_host", SHOW_TEXT }, { "Peer says", "identification", SHOW_TEXT },
        { "Called", "our", SHOW_TEXT },       { "IPsec", "secured", SHOW_YES },
        { "IPsec peer", "peer_identity", SHOW_TEXT }, { "Calling number", "calling_station", SHOW_TEXT },
        { "Called number", "called_station", SHOW_TEXT }, { "Port", "nas_port", SHOW_NUMBER },
        { "Method", "method", SHOW_TEXT },    { "Authenticator", "authenticator", SHOW_TEXT },
        { "Policy", "policy", SHOW_TEXT },    { "Address", "address", SHOW_TEXT },
        { "Pool", "pool", SHOW_TEXT },        { "IPv6 address", "ipv6_address", SHOW_TEXT },
        { "IPv6 prefix", "ipv6_prefix", SHOW_TEXT }, { "Delegated", "delegated_prefix", SHOW_TEXT },
        { "Since", "since", SHOW_TEXT },      { "Ended", "ended", SHOW_TEXT },
        { "Duration", "duration_ms", SHOW_MS }, { "Counted", "counted", SHOW_TEXT },
        { "Bytes in", "bytes_in", SHOW_NUMBER }, { "Bytes out", "bytes_out", SHOW_NUMBER },
        { "Packets in", "packets_in", SHOW_NUMBER }, { "Packets out", "packets_out", SHOW_NUMBER },
        { "Attempts", "attempts", SHOW_NUMBER }, { "Bundle", "multi_session", SHOW_TEXT },
        { "Code", "code", SHOW_TEXT },        { "RAS error", "ras", SHOW_NUMBER },
        { "Why", "text", SHOW_TEXT },         { NULL, NULL, SHOW_TEXT },
    };
    json_t *with = json_pack("{s:s}", "session", session);
    json_t *o = with ? call(name, "show", with) : NULL;
    if (!with)
        return complain("%s: it is not UTF-8", session);
    json_decref(with);
    if (o && !adit_options.json)
        times_local(o);
    return lines_take(o, rows);
}

static int summary(const char *name, json_t *with, long limit)
{
    static const struct column cols[] = {
        { "USER", "user", SHOW_TEXT },       { "SESSIONS", "sessions", SHOW_NUMBER },
        { "HOURS", "hours", SHOW_TEXT },     { "IN", "bytes_in", SHOW_BYTES },
        { "OUT", "bytes_out", SHOW_BYTES },  { "FAILURES", "failures", SHOW_NUMBER },
        { "LAST", "last", SHOW_TEXT },       { NULL, NULL, SHOW_TEXT },
    };
    json_object_set_new(with, "limit", json_integer(limit < PAGE ? limit : PAGE));
    json_t *o = call(name, "summary", with), *users = json_object_get(o, "users"), *row;
    size_t i;
    if (!o || adit_options.json)
        return json_take(o);
    json_array_foreach (users, i, row) {
        double hours = (double)json_integer_value(json_object_get(row, "duration_ms")) / 3600000.0;
        json_object_set_new(row, "hours", json_sprintf("%.1f", hours));
        times_local(row);
    }
    int rc = table_take(json_incref(users), cols, "Nobody.");
    if (json_is_true(json_object_get(o, "more")))
        puts("\nThere are more users: narrow the time, or ask for more with --limit (at most 1000).");
    json_decref(o);
    return rc;
}

int cmd_history(int argc, char **argv)
{
    bool shows = argc > 1 && !strcmp(argv[1], "show"), sums = argc > 1 && !strcmp(argv[1], "summary");
    if (shows && argc != 3)
        return misuse(usage);
    long limit = sums ? PAGE : 50;
    json_t *with = json_object();
    int rc = shows ? 0 : options(argc, argv, sums ? 2 : 1, !sums, with, &limit);
    char *name = rc ? NULL : instance();
    if (name)
        rc = shows ? show(name, argv[2]) : sums ? summary(name, with, limit) : list(name, with, limit);
    else if (!rc)
        rc = 1;
    json_decref(with);
    free(name);
    return rc;
}
