/* conf_place.c - where a setting of the configuration in force stands.
 *
 * Knows:  settings by name ("tunnels[l2tp].ports"), the tree that is in force.
 * Leaves: what a setting means.
 */
#include "config/conf_int.h"

#include <stdio.h>
#include <string.h>

static struct conf_doc *in_force;

void conf_in_force_take(struct conf_doc *d)
{
    if (d != in_force)
        conf_free(in_force);
    in_force = d;
}

/* "key" or "key[name]" of a setting's name. */
struct step {
    const char *key, *name;
    size_t key_len, name_len;
};

/* A name ends where "]" ends it and the next step, or nothing, begins: people put
 * dots and brackets into names. */
static const char *step_of(const char *s, struct step *out)
{
    *out = (struct step){ .key = s, .key_len = strcspn(s, ".[") };
    s += out->key_len;
    if (*s == '[') {
        const char *end = ++s;
        while (*end && !(end[0] == ']' && (end[1] == '.' || !end[1])))
            end++;
        out->name = s;
        out->name_len = (size_t)(end - s);
        s = *end ? end + 1 : end;
    }
    return *s == '.' ? s + 1 : s;
}

static bool is(const char *text, const char *word, size_t len)
{
    return text && strlen(text) == len && memcmp(text, word, len) == 0;
}

static const struct conf_entry *keyed(const struct conf_node *map, const struct step *s)
{
    for (uint32_t i = 0; conf_is_map(map) && i < map->count; i++)
        if (is(map->entries[i].key, s->key, s->key_len))
            return &map->entries[i];
    return NULL;
}

static bool is_named(const struct conf_node *item, const struct step *s)
{
    const char *name = conf_str(conf_get(item, "name"));
    return is(name ? name : conf_str(conf_get(item, "type")), s->name, s->name_len);
}

/* The entry of a list that has the name (without one: the type). `policies` are a list
 * of engines with lists of the same key in them: those are looked through, too. */
static const struct conf_node *listed(const struct conf_node *list, const struct step *s)
{
    const struct conf_node *found = NULL;
    if (conf_is_map(list))      /* a list of one */
        return is_named(list, s) ? list : NULL;
    for (uint32_t i = 0; conf_is_seq(list) && i < list->count; i++)
        if (is_named(list->entries[i].node, s))
            return list->entries[i].node;
    for (uint32_t i = 0; conf_is_seq(list) && !found && i < list->count; i++) {
        const struct conf_entry *e = keyed(list->entries[i].node, s);
        found = e ? listed(e->node, s) : NULL;
    }
    return found;
}

bool conf_place_of(const char *setting, char *out, size_t size)
{
    const struct conf_node *n = conf_root(in_force);
    struct conf_place at = { 0, 0, 0 };         /* line 0: nothing of it is written */
    struct step s;
    out[0] = '\0';
    if (!n || !*setting)
        return false;
    while (*setting && n) {
        setting = step_of(setting, &s);
        const struct conf_entry *e = keyed(n, &s);
        n = e ? e->node : NULL;
        if (!e)
            break;
        at = e->at;
        if (!s.name)
            continue;
        if ((n = listed(n, &s)))
            at = n->at;
    }
    if (at.line)
        snprintf(out, size, "%s:%u", conf_file_name(in_force, at.file), at.line);
    else
        snprintf(out, size, "%s", conf_path(in_force));
    return n != NULL;
}
