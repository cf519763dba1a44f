/* ctl_report.c - reports that plugins write, as JSON.
 *
 * Knows:  nesting, values. A plugin that ends more than it began, or writes a
 *         key twice, spoils only its own report.
 */
#include "control/ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <adit/host.h>
#include "base/addr.h"

#define DEPTH 16

struct adit_report {
    json_t *stack[DEPTH];
    uint32_t depth, too_deep;
};

struct adit_report *ctl_report_new(void)
{
    struct adit_report *r = calloc(1, sizeof *r);
    if (r)
        r->stack[0] = json_object();
    return r;
}

json_t *ctl_report_take(struct adit_report *r)
{
    if (!r)
        return json_null();
    json_t *root = r->stack[0];
    free(r);
    return root;
}

static void add_take(struct adit_report *r, const char *key, json_t *value)
{
    json_t *at = r->stack[r->depth];
    if (json_is_array(at))
        json_array_append_new(at, value);
    else
        json_object_set_new(at, key ? key : "", value);
}

static void nest(struct adit_report *r, const char *key, json_t *inner)
{
    if (r->depth + 1 >= DEPTH) {
        r->too_deep++;
        json_decref(inner);
        return;
    }
    add_take(r, key, inner);
    r->stack[++r->depth] = inner;
}

static void object(struct adit_report *r, const char *key) { nest(r, key, json_object()); }
static void array(struct adit_report *r, const char *key) { nest(r, key, json_array()); }

static void end(struct adit_report *r)
{
    if (r->too_deep)
        r->too_deep--;
    else if (r->depth)
        r->depth--;
}

json_t *ctl_text(const char *p, size_t len)
{
    json_t *s = json_stringn(p, len);
    if (s)
        return s;
    /* not UTF-8: bytes above 0x7f become question marks */
    char *clean = malloc(len + 1);
    if (!clean)
        return json_null();
    for (size_t i = 0; i < len; i++)
        clean[i] = (p[i] & 0x80) || !p[i] ? '?' : p[i];
    s = json_stringn(clean, len);
    free(clean);
    return s ? s : json_null();
}

static void put(struct adit_report *r, const char *key, const struct adit_value *v)
{
    char text[ADDR_TEXT];
    if (r->too_deep)
        return;
    switch (v->type) {
    case ADIT_TYPE_U64:
        add_take(r, key, json_integer((json_int_t)v->v.u));
        break;
    case ADIT_TYPE_I64:
        add_take(r, key, json_integer((json_int_t)v->v.i));
        break;
    case ADIT_TYPE_BOOL:
        add_take(r, key, json_boolean(v->v.u));
        break;
    case ADIT_TYPE_STR:
        add_take(r, key, ctl_text(v->v.p, v->len));
        break;
    case ADIT_TYPE_ADDR:
        add_take(r, key, json_string(addr_text(&v->v.addr, text)));
        break;
    case ADIT_TYPE_BYTES: {
        char *hex = malloc((size_t)v->len * 2 + 1);
        if (!hex)
            return;
        hex[0] = '\0';
        for (uint32_t i = 0; i < v->len; i++)
            snprintf(hex + 2 * i, 3, "%02x", ((const uint8_t *)v->v.p)[i]);
        add_take(r, key, json_string(hex));
        free(hex);
        break;
    }
    default:
        add_take(r, key, json_null());
    }
}

const struct adit_report_api ctl_report_api = {
    .size = sizeof ctl_report_api, .object = object, .array = array, .end = end, .put = put,
};
