/* own_book.c - a user's own phone book, read by the client and sent along.
 *
 * Knows:  where it is, that it is YAML like the system's.
 * Leaves: what the keys mean to the daemon, which checks them and says what a user may ask for.
 */
#include "own_book.h"
#include "adit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "config/conf.h"

char *own_book_path(void)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    char *path = NULL;
    if (config && *config == '/')
        return asprintf(&path, "%s/adit/phonebook.yaml", config) < 0 ? NULL : path;
    if (home && *home == '/')
        return asprintf(&path, "%s/.config/adit/phonebook.yaml", home) < 0 ? NULL : path;
    return NULL;
}

static void tell(void *u, const char *sentence)
{
    (void)u;
    complain("%s", sentence);
}

static const struct conf_err told = { tell, NULL };

/* All scalars are text: the daemon's options have their own types. */
static json_t *json_of(const struct conf_node *n)
{
    json_t *o;
    if (conf_is_map(n)) {
        o = json_object();
        for (uint32_t i = 0; i < conf_count(n); i++)
            json_object_set_new(o, conf_key(n, i), json_of(conf_item(n, i)));
    } else if (conf_is_seq(n)) {
        o = json_array();
        for (uint32_t i = 0; i < conf_count(n); i++)
            json_array_append_new(o, json_of(conf_item(n, i)));
    } else {
        const char *text = conf_str(n);
        o = json_string(text ? text : "");
    }
    return o;
}

/* A file that is named beside the book: by its full path. */
static void full_path(json_t *entry, const char *key, const char *book)
{
    const char *name = json_string_value(json_object_get(entry, key));
    if (name && *name && *name != '/')
        json_object_set_new(entry, key, json_sprintf("%.*s%s", (int)(strrchr(book, '/') + 1 - book), book, name));
}

json_t *own_book_take(void)
{
    char *path = own_book_path();
    if (!path || (access(path, F_OK) && errno == ENOENT)) {
        free(path);
        return json_array();
    }
    json_t *list = NULL, *e;
    size_t i;
    struct conf_doc *d = conf_read_file(path, &told);
    const struct conf_node *n = d ? conf_get(conf_root(d), "entries") : NULL;
    if (d && !conf_is_empty(n) && !conf_is_seq(n))
        conf_error(n, &told, "entries wants a list: each entry begins with '- name: ...'");
    else if (d)
        list = conf_is_empty(n) ? json_array() : json_of(n);
    json_array_foreach (list, i, e)
        if (!json_is_string(json_object_get(e, "name"))) {
            conf_error(conf_item(n, (uint32_t)i), &told, "an entry without a name");
            json_decref(list);
            list = NULL;
            break;
        }
    json_array_foreach (list, i, e) {
        full_path(e, "password-file", path);
        full_path(e, "psk-file", path);
    }
    conf_free(d);
    free(path);
    return list;
}

json_t *own_book_find(json_t *book, const char *name)
{
    size_t i;
    json_t *e;
    json_array_foreach (book, i, e)
        if (!strcmp(json_string_value(json_object_get(e, "name")), name))
            return e;
    return NULL;
}
