/* attr.c - attribute lists.
 *
 * Knows:  the attributes of adit/attr.h and those that plugins named.
 * Leaves: what they mean.
 */
#include <stdlib.h>
#include <adit/bytes.h>
#include "base/attr.h"

/* What a hostile server or a wrong plugin can make us keep for one session. */
#define ITEMS_MAX 1024u
#define VALUE_MAX 65535u

struct attr {
    uint32_t id;
    struct adit_value value;    /* STR and BYTES point to memory of its own */
};

struct adit_attrs {
    struct attr *items;
    uint32_t count, room;
};

struct known {
    uint32_t id, type;
    const char *name;
};

static const struct known known[] = {
#define ADIT_X(number, NAME, type, name, text) { number, ADIT_TYPE_##type, name },
    ADIT_ATTR_MAP(ADIT_X)
#undef ADIT_X
};

/* Attributes that plugins named, for the life of the process; number
 * ADIT_ATTR_VENDOR + index. A wrong plugin cannot fill the memory with them. */
#define VENDOR_MAX 1024
static struct known vendor[VENDOR_MAX];
static uint32_t vendors;

static const struct known *known_of(uint32_t id)
{
    if (id >= ADIT_ATTR_VENDOR)
        return id - ADIT_ATTR_VENDOR < vendors ? &vendor[id - ADIT_ATTR_VENDOR] : NULL;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].id == id)
            return &known[i];
    return NULL;
}

uint32_t attr_type(uint32_t id)
{
    const struct known *k = known_of(id);
    return k ? k->type : ADIT_TYPE_NONE;
}

static struct adit_attrs *attr_make(void)
{
    return calloc(1, sizeof(struct adit_attrs));
}

static void item_fini(struct attr *a)
{
    if (a->value.type == ADIT_TYPE_STR || a->value.type == ADIT_TYPE_BYTES) {
        void *p = (void *)(uintptr_t)a->value.v.p;
        bytes_wipe(p, a->value.len);
        free(p);
    }
}

static void attr_free(struct adit_attrs *a)
{
    if (!a)
        return;
    for (uint32_t i = 0; i < a->count; i++)
        item_fini(&a->items[i]);
    free(a->items);
    free(a);
}

static const struct adit_value *attr_get(const struct adit_attrs *a, uint32_t id, uint32_t nth)
{
    for (uint32_t i = 0; a && i < a->count; i++)
        if (a->items[i].id == id && nth-- == 0)
            return &a->items[i].value;
    return NULL;
}

/* A value as an attribute of `type` keeps it. */
static int32_t value_copy(uint32_t type, const struct adit_value *v, struct adit_value *out)
{
    *out = (struct adit_value){ .type = type };
    switch (type) {
    case ADIT_TYPE_STR:
        if (v->type != type || !v->v.p || memchr(v->v.p, 0, v->len))
            return ADIT_EINVAL;
        break;
    case ADIT_TYPE_BYTES:
        if (v->type != type || (v->len && !v->v.p))
            return ADIT_EINVAL;
        break;
    case ADIT_TYPE_BOOL:
        if (v->type != ADIT_TYPE_BOOL && v->type != ADIT_TYPE_U64)
            return ADIT_EINVAL;
        out->v.u = v->v.u != 0;
        return 0;
    case ADIT_TYPE_ADDR:
        if (v->type != type || (v->v.addr.family != ADIT_AF_IPV4 && v->v.addr.family != ADIT_AF_IPV6))
            return ADIT_EINVAL;
        out->v.addr = v->v.addr;
        return 0;
    case ADIT_TYPE_U64:
    case ADIT_TYPE_I64:
        if (v->type != type)
            return ADIT_EINVAL;
        out->v.u = v->v.u;
        return 0;
    default:
        return ADIT_EINVAL;
    }
    if (v->len > VALUE_MAX)
        return ADIT_EINVAL;
    uint8_t *p = malloc((size_t)v->len + 1);
    if (!p)
        return ADIT_ENOMEM;
    if (v->len)
        memcpy(p, v->v.p, v->len);
    p[v->len] = 0;
    out->len = v->len;
    out->v.p = p;
    return 0;
}

static int32_t attr_put(struct adit_attrs *a, uint32_t id, const struct adit_value *v)
{
    const struct known *k = known_of(id);
    if (!a || !k || !v)
        return ADIT_EINVAL;
    if (a->count == ITEMS_MAX)
        return ADIT_ENOMEM;
    if (a->count == a->room) {
        uint32_t room = a->room ? a->room * 2 : 16;
        struct attr *items = realloc(a->items, room * sizeof *items);
        if (!items)
            return ADIT_ENOMEM;
        a->items = items;
        a->room = room;
    }
    struct attr *at = &a->items[a->count];
    int32_t r = value_copy(k->type, v, &at->value);
    if (r)
        return r;
    at->id = id;
    a->count++;
    return 0;
}

static void attr_del(struct adit_attrs *a, uint32_t id)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; a && i < a->count; i++) {
        if (a->items[i].id == id)
            item_fini(&a->items[i]);
        else
            a->items[kept++] = a->items[i];
    }
    if (a)
        a->count = kept;
}

static uint32_t attr_next(const struct adit_attrs *a, uint32_t *pos, uint32_t *id,
                          const struct adit_value **v)
{
    if (!a || *pos >= a->count)
        return 0;
    *id = a->items[*pos].id;
    *v = &a->items[*pos].value;
    ++*pos;
    return 1;
}

static uint32_t attr_id(const char *name, uint32_t type)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (!strcmp(known[i].name, name))
            return known[i].id;
    for (uint32_t i = 0; i < vendors; i++)
        if (!strcmp(vendor[i].name, name))
            return vendor[i].id;
    if (type == ADIT_TYPE_NONE || type > ADIT_TYPE_ADDR || !*name || vendors == VENDOR_MAX)
        return 0;
    char *copy = strdup(name);
    if (!copy)
        return 0;
    vendor[vendors] = (struct known){ ADIT_ATTR_VENDOR + vendors, type, copy };
    return vendor[vendors++].id;
}

static const char *attr_name(uint32_t id)
{
    const struct known *k = known_of(id);
    return k ? k->name : NULL;
}

int32_t attr_append(struct adit_attrs *to, const struct adit_attrs *from)
{
    for (uint32_t i = 0; from && i < from->count; i++) {
        int32_t r = attr_put(to, from->items[i].id, &from->items[i].value);
        if (r)
            return r;
    }
    return 0;
}

/* Room for what is added behind what stays, before anything goes. */
static int32_t room_for(struct adit_attrs *to, const struct adit_attrs *from)
{
    uint32_t all = from->count;
    for (uint32_t i = 0; i < to->count; i++)
        all += attr_get(from, to->items[i].id, 0) == NULL;
    if (all > ITEMS_MAX)
        return ADIT_ENOMEM;
    if (all <= to->room)
        return 0;
    struct attr *items = realloc(to->items, all * sizeof *items);
    if (!items)
        return ADIT_ENOMEM;
    to->items = items;
    to->room = all;
    return 0;
}

int32_t attr_over(struct adit_attrs *to, const struct adit_attrs *from)
{
    struct adit_attrs fresh = { .count = 0 };
    if (to == from || !from || !from->count)
        return 0;
    int32_t rc = attr_append(&fresh, from);
    if (!rc)
        rc = room_for(to, &fresh);
    for (uint32_t i = 0; i < fresh.count && rc; i++)
        item_fini(&fresh.items[i]);
    for (uint32_t i = 0; i < fresh.count && !rc; i++)
        attr_del(to, fresh.items[i].id);
    for (uint32_t i = 0; i < fresh.count && !rc; i++)
        to->items[to->count++] = fresh.items[i];
    free(fresh.items);
    return rc;
}

bool attr_equal(const struct adit_value *a, const struct adit_value *b)
{
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case ADIT_TYPE_STR:
    case ADIT_TYPE_BYTES:
        return a->len == b->len && (!a->len || memcmp(a->v.p, b->v.p, a->len) == 0);
    case ADIT_TYPE_ADDR:
        return adit_same_host(&a->v.addr, &b->v.addr) && a->v.addr.prefix == b->v.addr.prefix &&
               a->v.addr.port == b->v.addr.port;
    default:
        return a->v.u == b->v.u;
    }
}

static bool same_for(uint32_t id, const struct adit_value *a, const struct adit_value *b)
{
    if (a->type == ADIT_TYPE_ADDR && b->type == ADIT_TYPE_ADDR)
        return adit_same_host(&a->v.addr, &b->v.addr);
    if (a->type == ADIT_TYPE_STR && (id == ADIT_ATTR_USER || id == ADIT_ATTR_ACCOUNT))
        return b->type == ADIT_TYPE_STR && a->len == b->len && !strncasecmp(a->v.p, b->v.p, a->len);
    return attr_equal(a, b);
}

bool attr_fits(const struct adit_attrs *have, const struct adit_attrs *which)
{
    const struct adit_value *mine;
    for (uint32_t i = 0; i < which->count; i++) {
        bool found = false;
        for (uint32_t nth = 0; !found && (mine = attr_get(have, which->items[i].id, nth)); nth++)
            found = same_for(which->items[i].id, mine, &which->items[i].value);
        if (!found)
            return false;
    }
    return true;
}

const struct adit_attr_api plug_attr_api = {
    .size = sizeof(struct adit_attr_api), .make = attr_make, .free = attr_free, .get = attr_get,
    .put = attr_put, .del = attr_del, .next = attr_next, .id = attr_id, .name = attr_name,
};
