/* filters.c - section `filters:`: from the configuration to the data path.
 *
 * Knows:  where in the tree a filter, a rule, an option stands, for what is said
 *         about it; that names are used once.
 * Leaves: what rules mean to datapath.
 */
#include "daemon/filters.h"

#include <stdlib.h>
#include <string.h>
#include "datapath/dp_guard.h"

#define FILTERS_MAX 1000u

struct filters_plan {
    uint32_t count;
    struct dp_named *named;
    struct conf_mem **mem;      /* of their names */
};

/* The innermost node that what is wrong can be found at. */
static const struct conf_node *place(const struct conf_node *item, const struct dp_filter_err *e)
{
    const struct conf_node *at = item, *list = conf_get(item, "rules"), *option;
    if (e->rule >= 0)
        at = conf_is_seq(list) ? conf_item(list, (uint32_t)e->rule) : list;
    option = e->option ? conf_get(at, e->option) : NULL;
    return option ? option : at;
}

static int32_t read_one(struct filters_plan *p, const struct conf_node *item, const struct conf_err *err)
{
    struct dp_filter_conf c;
    struct dp_filter_err e;
    struct dp_named *to = &p->named[p->count];
    struct conf_mem *mem = NULL;
    int32_t rc = conf_fill(item, dp_filter_opts, sizeof(struct adit_opt), NULL, sizeof c, &c, &mem, err);
    if (rc)
        return rc;
    for (uint32_t i = 0; i < p->count && !rc; i++)
        if (strcmp(p->named[i].name, c.name) == 0)
            rc = conf_error(conf_get(item, "name"), err, "two filters are named '%.63s'; give one of them "
                            "another name", c.name);
    if (!rc && dp_filter_of(&c, &to->filter, &e))
        rc = conf_error(place(item, &e), err, "filter '%.63s': %s", c.name, e.text);
    if (rc) {
        conf_mem_free(mem);
        return rc;
    }
    to->name = c.name;
    p->mem[p->count++] = mem;
    return 0;
}

struct filters_plan *filters_plan_new(const struct conf_node *root, const struct conf_err *err)
{
    const struct conf_node *list = conf_get(root, "filters");
    uint32_t count = conf_is_empty(list) ? 0 : conf_count(list);
    int32_t rc = 0;
    if (count && !conf_is_seq(list)) {
        conf_error(list, err, "filters wants a list: each entry begins with '- name: ...'");
        return NULL;
    }
    if (count > FILTERS_MAX) {
        conf_error(list, err, "%u filters are given, at most %u are taken", count, FILTERS_MAX);
        return NULL;
    }
    struct filters_plan *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->named = calloc(count + 1, sizeof *p->named);
    p->mem = calloc(count + 1, sizeof(struct conf_mem *));
    if (!p->named || !p->mem)
        rc = ADIT_ENOMEM;
    for (uint32_t i = 0; i < count && rc != ADIT_ENOMEM; i++) {
        int32_t one = read_one(p, conf_item(list, i), err);
        rc = rc ? rc : one;
    }
    if (rc) {
        filters_plan_free(p);
        return NULL;
    }
    return p;
}

int32_t filters_apply(const struct filters_plan *p)
{
    return dp_filters_set(p->named, p->count);
}

void filters_plan_free(struct filters_plan *p)
{
    if (!p)
        return;
    for (uint32_t i = 0; i < p->count; i++) {
        dp_filter_unref(p->named[i].filter);
        conf_mem_free(p->mem[i]);
    }
    free(p->named);
    free(p->mem);
    free(p);
}
