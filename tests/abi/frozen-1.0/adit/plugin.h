/* adit/plugin.h - everything that a plugin's declaration file needs. */
#ifndef ADIT_PLUGIN_H
#define ADIT_PLUGIN_H

#include <adit/abi.h>
#include <adit/accounting.h>
#include <adit/attr.h>
#include <adit/auth.h>
#include <adit/bytes.h>
#include <adit/cause.h>
#include <adit/frame.h>
#include <adit/host.h>
#include <adit/list.h>
#include <adit/observer.h>
#include <adit/policy.h>
#include <adit/pool.h>
#include <adit/security.h>
#include <adit/tunnel.h>

/* The nth value of an attribute as text, number or address; NULL or 0: none. */
static inline const char *adit_attr_str(const struct adit_host *h, const struct adit_attrs *a,
                                        uint32_t id)
{
    const struct adit_value *v = h->attr->get(a, id, 0);
    return v && v->type == ADIT_TYPE_STR ? (const char *)v->v.p : NULL;
}

static inline uint64_t adit_attr_u(const struct adit_host *h, const struct adit_attrs *a,
                                   uint32_t id)
{
    const struct adit_value *v = h->attr->get(a, id, 0);
    return v && (v->type == ADIT_TYPE_U64 || v->type == ADIT_TYPE_BOOL) ? v->v.u : 0;
}

static inline const struct adit_addr *adit_attr_addr(const struct adit_host *h,
                                                     const struct adit_attrs *a, uint32_t id,
                                                     uint32_t nth)
{
    const struct adit_value *v = h->attr->get(a, id, nth);
    return v && v->type == ADIT_TYPE_ADDR ? &v->v.addr : NULL;
}

static inline int32_t adit_attr_put_str(const struct adit_host *h, struct adit_attrs *a,
                                        uint32_t id, const char *s)
{
    struct adit_value v = adit_value_str(s);
    return h->attr->put(a, id, &v);
}

static inline int32_t adit_attr_put_u(const struct adit_host *h, struct adit_attrs *a,
                                      uint32_t id, uint64_t u)
{
    struct adit_value v = { ADIT_TYPE_U64, 0, { .u = u } };
    return h->attr->put(a, id, &v);
}

static inline int32_t adit_attr_put_addr(const struct adit_host *h, struct adit_attrs *a,
                                         uint32_t id, const struct adit_addr *addr)
{
    struct adit_value v = { ADIT_TYPE_ADDR, 0, { .addr = *addr } };
    return h->attr->put(a, id, &v);
}

static inline void adit_report_put_str(const struct adit_host *h, struct adit_report *r,
                                       const char *key, const char *s)
{
    struct adit_value v = adit_value_str(s);
    h->report->put(r, key, &v);
}

static inline void adit_report_put_u(const struct adit_host *h, struct adit_report *r,
                                     const char *key, uint64_t u)
{
    struct adit_value v = { ADIT_TYPE_U64, 0, { .u = u } };
    h->report->put(r, key, &v);
}

static inline void adit_report_put_bool(const struct adit_host *h, struct adit_report *r,
                                        const char *key, int yes)
{
    struct adit_value v = { ADIT_TYPE_BOOL, 0, { .u = !!yes } };
    h->report->put(r, key, &v);
}

static inline void adit_report_put_addr(const struct adit_host *h, struct adit_report *r,
                                        const char *key, const struct adit_addr *addr)
{
    struct adit_value v = { ADIT_TYPE_ADDR, 0, { .addr = *addr } };
    h->report->put(r, key, &v);
}

#endif
