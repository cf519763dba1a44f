/* dial_list.c - `adit entries`, `adit connections`, `adit interfaces`.
 *
 * Knows:  which columns, rates from two looks.
 * Leaves: the asking to libadit, a user's own phone book to own_book.c.
 */
#include "adit.h"
#include "dial_cmd.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "own_book.h"

/* ---- entries ---------------------------------------------------------------------------- */

static json_t *entry_row(const struct adit_entry *e)
{
    json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "name", e->name, "server", e->server, "type",
                          e->type, "user", e->user, "interface", e->interface, "state", e->state, "owner", e->owner);
    if (e->connection)
        json_object_set_new(o, "connection", json_integer((json_int_t)e->connection));
    return o;
}

/* An entry of the user's own; the daemon knows it while it is dialled. */
static json_t *own_row(const json_t *e, struct adit_connection *const *connections)
{
    const char *name = json_string_value(json_object_get(e, "name")), *state = "idle";
    json_t *o = json_pack("{s:s, s:s}", "name", name, "owner", "own");
    static const char *const keys[] = { "server", "type", "user", "interface" };
    for (size_t i = 0; i < 4; i++)
        if (json_object_get(e, keys[i]))
            json_object_set(o, keys[i], json_object_get(e, keys[i]));
    for (; connections && *connections; connections++)
        if (!strcmp((*connections)->entry, name)) {
            state = (*connections)->state_text;
            json_object_set_new(o, "connection", json_integer((json_int_t)(*connections)->handle));
        }
    json_object_set_new(o, "state", json_string(state));
    return o;
}

int cmd_entries(int argc, char **argv)
{
    static const struct column cols[] = {
        { "ENTRY", "name", SHOW_TEXT },   { "SERVER", "server", SHOW_TEXT },
        { "TYPE", "type", SHOW_TEXT },    { "USER", "user", SHOW_TEXT },
        { "INTERFACE", "interface", SHOW_TEXT }, { "STATE", "state", SHOW_TEXT },
        { "HANDLE", "connection", SHOW_NUMBER }, { "OWNER", "owner", SHOW_TEXT },
        { NULL, NULL, SHOW_TEXT },
    };
    struct adit_client *c = NULL;
    struct adit_entry **list = NULL;
    struct adit_connection **connections = NULL;
    size_t i;
    json_t *e;
    (void)argv;
    if (argc != 1)
        return misuse("usage: adit entries\n");
    json_t *own = own_book_take(), *rows = json_array();
    /* a user's own can be looked at without a daemon */
    int error = own ? adit_client_open(adit_options.chosen ? adit_options.socket : NULL, &c) : 0;
    if (!error && own)
        error = adit_entries(c, &list);
    if (!error && own)
        error = adit_connections(c, &connections);
    int rc = error ? dial_complain(c, error) : own ? 0 : 1;
    json_array_foreach (own, i, e)
        json_array_append_new(rows, own_row(e, connections));
    for (i = 0; list && list[i]; i++)
        if (*list[i]->owner == '\0' || !strcmp(list[i]->owner, "system"))
            json_array_append_new(rows, entry_row(list[i]));
    if (rc && !json_array_size(rows))
        json_decref(rows);
    else
        table_take(rows, cols, "No phone book has an entry: adit-phonebook(5).");
    adit_free(list);
    adit_free(connections);
    adit_client_close(c);
    json_decref(own);
    return rc;
}

/* ---- connections ---------------------------------------------------------------------------- */

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static json_t *connection_row(const struct adit_connection *k)
{
    const struct { const char *key, *value; } texts[] = {
        { "entry", k->entry }, { "state", k->state_text }, { "owner", k->owner }, { "user", k->user },
        { "server", k->server }, { "protocol", k->protocol }, { "interface", k->interface },
        { "address", k->address }, { "address6", k->address6 }, { "peer", k->peer }, { "since", k->since },
        { "method", k->method }, { "encryption", k->encryption },
    };
    const struct { const char *key; uint64_t value; } rows[] = {
        { "mtu", k->mtu },
        { "duration_ms", k->duration_ms }, { "bytes_in", k->bytes_in }, { "bytes_out", k->bytes_out },
        { "packets_in", k->packets_in }, { "packets_out", k->packets_out }, { "redials", k->redials },
    };
    json_t *o = json_pack("{s:I}", "handle", (json_int_t)k->handle);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        json_object_set_new(o, texts[i].key, json_string(texts[i].value));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        json_object_set_new(o, rows[i].key, json_integer((json_int_t)rows[i].value));
    json_t *dns = json_array();
    for (const char *const *s = k->dns; *s; s++)
        json_array_append_new(dns, json_string(*s));
    json_object_set_new(o, "dns", dns);
    if (k->error) {
        json_object_set_new(o, "ras", json_integer(k->error));
        json_object_set_new(o, "code", json_string(k->code));
        json_object_set_new(o, "text", json_string(k->text));
    }
    if (k->over)
        json_object_set_new(o, "over", json_integer((json_int_t)k->over));
    return o;
}

/* Bytes a second since the last look, where that one had the connection, too. */
static void rates(json_t *o, const struct adit_connection *k, struct adit_connection *const *before, uint64_t ms)
{
    for (; before && *before; before++)
        if ((*before)->handle == k->handle && ms && k->bytes_in >= (*before)->bytes_in &&
            k->bytes_out >= (*before)->bytes_out) {
            json_object_set_new(o, "rate_in", json_integer((json_int_t)((k->bytes_in - (*before)->bytes_in) * 1000 / ms)));
            json_object_set_new(o, "rate_out", json_integer((json_int_t)((k->bytes_out - (*before)->bytes_out) * 1000 / ms)));
        }
}

static int show(struct adit_connection *const *list, struct adit_connection *const *before, uint64_t ms, bool watch)
{
    static const struct column cols[] = {
        { "HANDLE", "handle", SHOW_NUMBER }, { "ENTRY", "entry", SHOW_TEXT },
        { "STATE", "state", SHOW_TEXT },     { "OVER", "over", SHOW_NUMBER },
        { "PROTOCOL", "protocol", SHOW_TEXT }, { "SERVER", "server", SHOW_TEXT },
        { "INTERFACE", "interface", SHOW_TEXT }, { "ADDRESS", "address", SHOW_TEXT },
        { "FOR", "duration_ms", SHOW_MS },   { "IN", "bytes_in", SHOW_BYTES },
        { "OUT", "bytes_out", SHOW_BYTES },  { "REDIALS", "redials", SHOW_NUMBER },
        { "IN/s", "rate_in", SHOW_BYTES },   { "OUT/s", "rate_out", SHOW_BYTES },
        { NULL, NULL, SHOW_TEXT },
    };
    struct column some[sizeof cols / sizeof cols[0]];
    json_t *rows = json_array();
    for (size_t i = 0; list[i]; i++) {
        json_t *o = connection_row(list[i]);
        rates(o, list[i], before, ms);
        json_array_append_new(rows, o);
    }
    if (watch && adit_options.json)
        return json_line_take(rows), 0;
    memcpy(some, cols, sizeof cols);
    if (!watch)                 /* no rates from one look */
        some[sizeof cols / sizeof cols[0] - 3].title = NULL;
    if (watch && isatty(STDOUT_FILENO))
        fputs("\033[H\033[2J", stdout);
    int rc = table_take(rows, some, "Nothing is dialled.");
    fflush(stdout);
    return rc;
}

int cmd_connections(int argc, char **argv)
{
    struct adit_client *c = NULL;
    struct adit_connection **before = NULL, **list;
    bool watch = argc == 2 && !strcmp(argv[1], "--watch");
    uint64_t at = now_ms();
    if (argc > 2 || (argc == 2 && !watch))
        return misuse("usage: adit connections [--watch]\n");
    int rc = dial_client(&c), error;
    while (!rc) {
        if ((error = adit_connections(c, &list)) != 0) {
            rc = dial_complain(c, error);
            break;
        }
        uint64_t now = now_ms();
        rc = show(list, before, now - at, watch);
        adit_free(before);
        before = list;
        at = now;
        if (!watch || ferror(stdout))
            break;
        sleep(1);
    }
    adit_free(before);
    adit_client_close(c);
    return rc;
}

/* ---- interfaces ---------------------------------------------------------------------------------- */

int cmd_interfaces(int argc, char **argv)
{
    static const struct column cols[] = {
        { "INTERFACE", "interface", SHOW_TEXT }, { "ENTRY", "entry", SHOW_TEXT },
        { "STATE", "state", SHOW_TEXT },     { "PERSISTENT", "persistent", SHOW_YES },
        { "HANDLE", "connection", SHOW_NUMBER }, { "SESSION", "session", SHOW_TEXT },
        { "DIALLED BY", "packets_dialled", SHOW_NUMBER }, { "REFUSED", "packets_refused", SHOW_NUMBER },
        { "WHY", "text", SHOW_TEXT },        { NULL, NULL, SHOW_TEXT },
    };
    struct adit_client *c = NULL;
    struct adit_interface **list;
    (void)argv;
    if (argc != 1)
        return misuse("usage: adit interfaces\n");
    int rc = dial_client(&c), error = rc ? 0 : adit_interfaces(c, &list);
    if (error)
        rc = dial_complain(c, error);
    if (!rc) {
        json_t *rows = json_array();
        for (size_t i = 0; list[i]; i++) {
            const struct adit_interface *f = list[i];
            json_t *o = json_pack("{s:s, s:s, s:s, s:b, s:s, s:s, s:s, s:I, s:I}", "interface", f->name, "entry",
                                  f->entry, "state", f->state, "persistent", (int)f->persistent, "session",
                                  f->session, "code", f->code, "text", f->text, "packets_dialled",
                                  (json_int_t)f->packets_dialled, "packets_refused", (json_int_t)f->packets_refused);
            if (f->connection)
                json_object_set_new(o, "connection", json_integer((json_int_t)f->connection));
            json_array_append_new(rows, o);
        }
        adit_free(list);
        rc = table_take(rows, cols, "No entry of the phone book has demand-dial: yes.");
    }
    adit_client_close(c);
    return rc;
}
