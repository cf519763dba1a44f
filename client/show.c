/* show.c - tables for people, JSON for programs. */
#include "adit.h"

#include <libsmartcols.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char said[1024];         /* the first complaint */
static char code[40];
static bool printed;            /* JSON went out: it is the answer */

int complain(const char *fmt, ...)
{
    char text[sizeof said];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    fprintf(stderr, "adit: %s\n", text);
    if (!*said)
        memcpy(said, text, sizeof said);
    return 1;
}

int misuse(const char *usage)
{
    fputs(usage, stderr);
    return 2;
}

void error_code(const char *name) { snprintf(code, sizeof code, "%s", name ? name : ""); }

void error_tell(const char *text)
{
    if (printed)
        return;
    json_t *sentence = json_string(*said ? said : text && *text ? text : "wrong command line; see --help");
    json_take(json_pack("{s:b, s:{s:s, s:o}}", "ok", 0, "error", "code", *code ? code : "ADIT_EINVAL",
                        "text", sentence ? sentence : json_string("(not UTF-8)")));
}

int json_take(json_t *o)
{
    if (!o)
        return 1;
    printed = true;
    json_dumpf(o, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(o);
    return 0;
}

void json_line(const json_t *o)
{
    printed = true;
    json_dumpf(o, stdout, JSON_COMPACT);
    putchar('\n');
    fflush(stdout);
}

void json_line_take(json_t *o)
{
    json_line(o);
    json_decref(o);
}

static void bytes(json_int_t n, char *out, size_t size)
{
    static const char units[] = "kMGTP";
    double v = (double)n;
    int u = -1;
    for (; v >= 1000 && u < 4; u++)
        v /= 1000;
    if (u < 0)
        snprintf(out, size, "%lld", (long long)n);
    else
        snprintf(out, size, "%.1f%c", v, units[u]);
}

static void duration(json_int_t ms, char *out, size_t size)
{
    long long s = (long long)ms / 1000;
    if (s >= 86400)
        snprintf(out, size, "%lldd%02lldh", s / 86400, s % 86400 / 3600);
    else if (s >= 3600)
        snprintf(out, size, "%lldh%02lldm", s / 3600, s % 3600 / 60);
    else if (s >= 60)
        snprintf(out, size, "%lldm%02llds", s / 60, s % 60);
    else
        snprintf(out, size, "%lld.%llds", s, (long long)ms % 1000 / 100);
}

/* Control characters (C0, DEL, C1) and those that turn the direction of writing;
 * s is UTF-8, as all JSON is. Their bytes become question marks. */
static size_t command_len(const unsigned char *s)
{
    if (s[0] < 0x20 || s[0] == 0x7f)
        return 1;
    if (s[0] == 0xc2 && s[1] >= 0x80 && s[1] < 0xa0)
        return 2;
    if (s[0] == 0xe2 && ((s[1] == 0x80 && (s[2] >= 0xa8 && s[2] <= 0xae)) ||
                         (s[1] == 0x81 && (s[2] >= 0xa6 && s[2] <= 0xa9))))
        return 3;
    return 0;
}

char *show_clean(const char *s)
{
    char *out = strdup(s ? s : "");
    for (char *p = out; p && *p;) {
        size_t n = command_len((const unsigned char *)p);
        if (n)
            memset(p, '?', n);
        p += n ? n : 1;
    }
    return out;
}

/* A value as text, to be freed. */
static char *shown(json_t *v, enum shown as)
{
    char text[64] = "";
    if (json_is_string(v))
        return show_clean(json_string_value(v));
    if (json_is_integer(v)) {
        json_int_t n = json_integer_value(v);
        if (as == SHOW_BYTES)
            bytes(n, text, sizeof text);
        else if (as == SHOW_MS)
            duration(n, text, sizeof text);
        else
            snprintf(text, sizeof text, "%lld", (long long)n);
    } else if (json_is_boolean(v)) {
        snprintf(text, sizeof text, "%s", json_is_true(v) ? "yes" : "no");
    } else if (json_is_array(v)) {
        size_t i;
        json_t *item;
        char *all = strdup("");
        json_array_foreach (v, i, item) {
            char *one = shown(item, as), *more = NULL;
            if (!one || !all || asprintf(&more, "%s%s%s", all, i ? ", " : "", one) < 0)
                more = NULL;
            free(one);
            free(all);
            all = more;
        }
        return all;
    }
    return strdup(text);
}

int table_take(json_t *list, const struct column *cols, const char *empty)
{
    if (!list)
        return 1;
    if (adit_options.json)
        return json_take(list);
    if (json_array_size(list) == 0) {
        puts(empty);
        json_decref(list);
        return 0;
    }
    struct libscols_table *t = scols_new_table();
    for (const struct column *c = cols; c->title; c++)
        scols_table_new_column(t, c->title, 0, c->as == SHOW_TEXT || c->as == SHOW_YES ?
                               0 : SCOLS_FL_RIGHT);
    size_t i;
    json_t *o;
    json_array_foreach (list, i, o) {
        struct libscols_line *line = scols_table_new_line(t, NULL);
        for (size_t n = 0; cols[n].title; n++) {
            char *text = shown(json_object_get(o, cols[n].key), cols[n].as);
            scols_line_set_data(line, n, text ? text : "");
            free(text);
        }
    }
    if (!isatty(STDOUT_FILENO))
        scols_table_set_termforce(t, SCOLS_TERMFORCE_NEVER);
    scols_print_table(t);
    scols_unref_table(t);
    json_decref(list);
    return 0;
}

int lines_take(json_t *o, const struct column *rows)
{
    if (!o)
        return 1;
    if (adit_options.json)
        return json_take(o);
    for (const struct column *r = rows; r->title; r++) {
        char *text = shown(json_object_get(o, r->key), r->as);
        if (text && *text)
            printf("%-16s %s\n", r->title, text);
        free(text);
    }
    json_decref(o);
    return 0;
}

/* A report of a plugin, as an indented outline: its shape is the plugin's. */
static void outline(json_t *v, const char *key, int depth)
{
    size_t i;
    const char *k;
    json_t *item;
    if (json_is_object(v)) {
        if (key)
            printf("%*s%s\n", depth * 2, "", key);
        json_object_foreach (v, k, item)
            outline(item, k, key ? depth + 1 : depth);
    } else if (json_is_array(v)) {
        printf("%*s%s%s\n", depth * 2, "", key ? key : "-", json_array_size(v) ? "" : ": none");
        json_array_foreach (v, i, item) {
            if (json_is_object(item)) {
                outline(item, NULL, depth + 1);
                putchar('\n');
            } else {
                outline(item, "-", depth + 1);
            }
        }
    } else if (json_is_string(v)) {
        char *text = show_clean(json_string_value(v));
        printf("%*s%s: %s\n", depth * 2, "", key, text ? text : "");
        free(text);
    } else if (json_is_integer(v)) {
        printf("%*s%s: %lld\n", depth * 2, "", key, (long long)json_integer_value(v));
    } else if (json_is_boolean(v)) {
        printf("%*s%s: %s\n", depth * 2, "", key, json_is_true(v) ? "yes" : "no");
    }
}

void outline_print(json_t *o, const char *key)
{
    outline(o, key, 0);
}

int outline_take(json_t *list, const char *empty)
{
    size_t i;
    json_t *o;
    if (!list || adit_options.json)
        return json_take(list);
    if (!json_array_size(list))
        puts(empty);
    json_array_foreach (list, i, o)
        outline(o, NULL, 0);
    json_decref(list);
    return 0;
}
