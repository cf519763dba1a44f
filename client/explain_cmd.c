/* explain_cmd.c - `adit explain`: why an attempt failed, on one page.
 *
 * Knows:  what is said in which order.
 * Leaves: the facts to the daemon.
 */
#include "adit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] = "usage: adit explain [ATTEMPT]\n"
                            "ATTEMPT is the ID of 'adit sessions --failed', or of a session; without it,\n"
                            "the last attempt that failed.\n";

/* "key      text"; nothing for no text. Peers choose some of it. */
static void row(const char *title, const char *text)
{
    char *clean = show_clean(text);
    if (clean && *clean)
        printf("  %-12s %s\n", title, clean);
    free(clean);
}

static void rowf(const char *title, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void rowf(const char *title, const char *fmt, ...)
{
    char *text;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) >= 0) {
        row(title, text);
        free(text);
    }
    va_end(ap);
}

static const char *str(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

static bool yes(const json_t *o, const char *key) { return json_is_true(json_object_get(o, key)); }

static long long number(const json_t *o, const char *key)
{
    return (long long)json_integer_value(json_object_get(o, key));
}

static void setting(const char *title, const json_t *o, const char *name, const char *where,
                    const char *written)
{
    const char *place = str(o, where);
    if (!*str(o, name))
        return;
    if (!*place)
        row(title, str(o, name));
    else if (yes(o, written))
        rowf(title, "%s, %s", str(o, name), place);
    else
        rowf(title, "%s is not written there; see %s", str(o, name), place);
}

static void cause(const json_t *o)
{
    if (number(o, "ras"))
        printf("%s (RAS error %lld): %s\n", str(o, "code"), number(o, "ras"), str(o, "sentence"));
    else
        printf("%s: %s\n", str(o, "code"), str(o, "sentence"));
    if (strcmp(str(o, "text"), str(o, "sentence")) != 0)
        row("Because", str(o, "text"));
    setting("Setting", o, "setting", "where", "written");
    setting("Against", o, "against", "against_where", "against_written");
    row("Remedy", str(o, "remedy"));
}

static void ladder(const json_t *list)
{
    size_t i;
    json_t *o;
    printf("  %-12s ", "Ladder");
    json_array_foreach (list, i, o) {
        const char *state = str(o, "state");
        if (!strcmp(state, "not reached"))
            break;
        printf("%s%s", i ? " > " : "", str(o, "rung"));
        if (!strcmp(state, "failed"))
            printf(" FAILED");
    }
    putchar('\n');
}

static void who(const json_t *o)
{
    const json_t *groups = json_object_get(o, "groups");
    char list[256] = "";
    size_t n = 0, i;
    json_t *group;
    row("When", str(o, "when"));
    if (number(o, "times") > 1)
        rowf("Times", "%lld, this was the last", number(o, "times"));
    row("User", str(o, "user"));
    json_array_foreach (groups, i, group)
        if (n < sizeof list)
            n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", i ? ", " : "",
                                  json_string_value(group));
    row("Groups", list);
    rowf("From", "%s%s%s%s", str(o, "peer"), *str(o, "peer_host") ? " (" : "", str(o, "peer_host"),
         *str(o, "peer_host") ? ")" : "");
    row("To", str(o, "called"));
    rowf("Tunnel", "%s (%s)%s", str(o, "tunnel"), str(o, "protocol"),
         yes(o, "secured") ? ", through IPsec" : "");
    row("Method", str(o, "method"));
    row("Known to", str(o, "authenticator"));
}

/* One policy: whether it matched, and the condition that did not. */
static void policy(const json_t *o)
{
    size_t i;
    json_t *c;
    char *name = show_clean(str(o, "name"));
    printf("  %2lld. %-16s %s%s\n", number(o, "order"), name ? name : "",
           yes(o, "matches") ? "matches" : "does not match", yes(o, "decides") ? ", decides" : "");
    free(name);
    json_array_foreach (json_object_get(o, "conditions"), i, c)
        if (!yes(c, "matched")) {
            char *wanted = show_clean(str(c, "wanted")), *actual = show_clean(str(c, "actual"));
            printf("        %s: wants %s, was %s\n", str(c, "condition"), wanted ? wanted : "",
                   actual && *actual ? actual : "not known");
            free(wanted);
            free(actual);
        }
}

static void policies(const json_t *engines)
{
    size_t i, n;
    json_t *engine, *one;
    if (json_array_size(engines))
        puts("\nPolicies, as they stand now, asked what was asked then:");
    json_array_foreach (engines, i, engine) {
        json_array_foreach (json_object_get(engine, "policies"), n, one)
            policy(one);
        row("Verdict", str(engine, "why"));
    }
}

static void negotiation(const json_t *lines)
{
    size_t i;
    json_t *o;
    if (json_array_size(lines))
        puts("\nWhat was said (<- by the peer, -> by us):");
    json_array_foreach (lines, i, o) {
        char *text = show_clean(str(o, "text"));
        printf("  %s %s\n", str(o, "when"), text ? text : "");
        free(text);
    }
}

static int attempt_take(json_t *o)
{
    printf("Attempt %lld (%s) failed.\n", number(o, "id"), str(o, "session"));
    who(o);
    ladder(json_object_get(o, "ladder"));
    putchar('\n');
    cause(o);
    policies(json_object_get(o, "policies"));
    negotiation(json_object_get(o, "negotiation"));
    json_decref(o);
    return 0;
}

static int session_take(json_t *o)
{
    size_t i;
    json_t *found;
    printf("Session %lld (%s) is %s.\n", number(o, "id"), str(o, "session"), str(o, "state"));
    who(o);
    if (!json_array_size(json_object_get(o, "findings")))
        puts("\nNothing of it is dropped for a reason that has a remedy.");
    json_array_foreach (json_object_get(o, "findings"), i, found) {
        putchar('\n');
        cause(found);
    }
    json_decref(o);
    return 0;
}

int cmd_explain(int argc, char **argv)
{
    if (argc > 2 || (argc == 2 && (argv[1][0] == '-' || !*argv[1])))
        return misuse(usage);
    json_t *o = ask_take("explain", argc == 2 ? json_pack("{s:s}", "attempt", argv[1]) : NULL);
    if (!o || adit_options.json)
        return json_take(o);
    return json_object_get(o, "findings") ? session_take(o) : attempt_take(o);
}
