/* ctl_int.h - between the files of this room: values as JSON, arguments. */
#ifndef CTL_INT_H
#define CTL_INT_H

#include <string.h>
#include <time.h>
#include <adit/attr.h>
#include "base/addr.h"
#include "control/ctl.h"

/* A string that a peer may have chosen. */
static inline json_t *text_of(const char *s)
{
    return ctl_text(s ? s : "", s ? strlen(s) : 0);
}

static inline json_t *addr_of(const struct adit_addr *a, bool host_only)
{
    char text[ADDR_TEXT];
    if (!a->family)
        return json_null();
    return json_string(host_only ? addr_text_host(a, text) : addr_text(a, text));
}

static inline json_t *when(uint64_t wall_ms)
{
    char text[40];
    time_t t = (time_t)(wall_ms / 1000);
    struct tm tm;
    if (!wall_ms || !gmtime_r(&t, &tm))
        return json_null();
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return json_string(text);
}

static inline json_t *num(uint64_t v) { return json_integer((json_int_t)v); }

static inline void set(json_t *o, const char *key, json_t *value_taken)
{
    json_object_set_new(o, key, value_taken);
}

static inline const char *str_arg(json_t *args, const char *key)
{
    return json_string_value(json_object_get(args, key));
}

/* What the engines of policies say: with attributes, of a session that has them. */
json_t *ctl_policies(const struct adit_attrs *attrs);   /* ctl_verbs.c */
void ctl_explain_open(void);                            /* ctl_explain.c: its verbs */
void ctl_trace_open(void);                              /* ctl_trace.c: its verbs */

#endif
