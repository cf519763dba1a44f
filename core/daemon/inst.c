/* inst.c - the configured instances.
 *
 * Knows:  sections and their order, what a reload adds, changes, removes.
 * Leaves: what instances do to the plugins, ports to session.
 */
#include "daemon/inst.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "log/log.h"
#include "path/path.h"
#include "plugin/plug.h"
#include "session/ses.h"

ADIT_EVENT(ev_added, "daemon.instance.added", ADIT_LOG_INFO,
           "An instance of the configuration was made.", "kind name type");
ADIT_EVENT(ev_removed, "daemon.instance.removed", ADIT_LOG_NOTICE,
           "An instance is no longer in the configuration.", "kind name");
ADIT_EVENT(ev_restart, "daemon.instance.restart", ADIT_LOG_WARN,
           "A changed option takes effect when the daemon is restarted.", "kind name option");

ADIT_EVENT(ev_no_keys, "daemon.no-keys", ADIT_LOG_WARN,
           "A tunnel requires encryption and no permitted method makes keys: its clients will be "
           "refused.", "tunnel remedy");

/* In this order they are made and started; the other way round they end. */
static const struct section {
    const char *key;
    uint32_t kind;
} sections[] = {
    { "observers", ADIT_KIND_OBSERVER },   { "auth", ADIT_KIND_AUTH },
    { "policies", ADIT_KIND_POLICY },      { "pools", ADIT_KIND_POOL },
    { "accounting", ADIT_KIND_ACCOUNTING }, { "security", ADIT_KIND_SECURITY },
    { "tunnels", ADIT_KIND_TUNNEL },
};
#define SECTIONS (sizeof sections / sizeof sections[0])

static const char *const host_keys[] = { "type", "name", NULL };

static char problems[32][256];
static uint32_t problem_count;

void inst_problem(const char *fmt, ...)
{
    va_list ap;
    if (problem_count == sizeof problems / sizeof problems[0])
        return;
    va_start(ap, fmt);
    vsnprintf(problems[problem_count++], sizeof problems[0], fmt, ap);
    va_end(ap);
}

const char *inst_problem_nth(uint32_t nth)
{
    return nth < problem_count ? problems[nth] : NULL;
}

static const char *const *keys_of(const struct section *s)
{
    return s->kind == ADIT_KIND_TUNNEL ? ses_tunnel_keys : host_keys;
}

static const char *type_of(const struct conf_node *item) { return conf_str(conf_get(item, "type")); }

static const char *name_of(const struct conf_node *item)
{
    const char *name = conf_str(conf_get(item, "name"));
    return name ? name : type_of(item);
}

/* The host's own options of a tunnel's mapping; all others are the plugin's. */
static int32_t tunnel_conf(const struct conf_node *item, struct ses_tunnel_conf *out,
                           const struct conf_err *err)
{
    struct conf_mem *mem = NULL;
    const char **skip = calloc(conf_count(item) + 1, sizeof *skip);
    uint32_t n = 0;
    for (uint32_t i = 0; skip && i < conf_count(item); i++) {
        const char *key = conf_key(item, i);
        size_t k = 0;
        while (ses_tunnel_keys[k] && strcmp(ses_tunnel_keys[k], key) != 0)
            k++;
        if (!ses_tunnel_keys[k])
            skip[n++] = key;
    }
    int32_t rc = skip ? conf_fill(item, ses_tunnel_opts, sizeof(struct adit_opt), skip, sizeof *out,
                                  out, &mem, err) : ADIT_ENOMEM;
    out->type = out->name = NULL;       /* the tree has them */
    conf_mem_free(mem);
    free(skip);
    return rc;
}

/* The type of a kind that was probably meant; NULL: none is near. */
static const char *nearest_type(uint32_t kind, const char *type)
{
    const char *known[64];
    uint32_t n = 0;
    for (struct plug_object *o = NULL; (o = plug_object_next(o));) {
        struct plug_object_info i;
        plug_object_info(o, &i);
        for (uint32_t k = 0; k < i.face_count && n < 63; k++) {
            const struct adit_face *d = plug_face_decl(plug_object_face(o, k));
            if (d->kind == kind)
                known[n++] = d->name;
        }
    }
    known[n] = NULL;
    return conf_nearest(type, known);
}

/* An entry of a list, looked at. */
struct item {
    const struct section *section;
    const struct conf_node *node;
    const char *type, *name;
    const struct plug_face *face;       /* NULL: no plugin offers it */
    struct ses_tunnel_conf tunnel;      /* of a tunnel */
};

struct inst_plan {
    uint32_t count;
    struct item item[];         /* in the order of the sections */
};

/* Whether a plugin takes its options; what it makes of them is not kept. */
static int32_t check_options(const struct item *it, const struct conf_err *err)
{
    const struct adit_face *d = plug_face_decl(it->face);
    void *conf = calloc(1, d->conf_size ? d->conf_size : 1);
    struct conf_mem *mem = NULL;
    int32_t rc = conf ? conf_fill(it->node, d->opts, plug_face_opt_size(it->face),
                                  keys_of(it->section), d->conf_size, conf, &mem, err) : ADIT_ENOMEM;
    conf_mem_free(mem);
    free(conf);
    return rc;
}

static int32_t no_face(const struct item *it, const struct conf_err *err)
{
    const char *kind = plug_kind_name(it->section->kind);
    const char *near = nearest_type(it->section->kind, it->type);
    const struct conf_node *at = conf_get(it->node, "type");
    return near ? conf_error(at, err, "no plugin offers the %s type '%s'; did you mean '%s'?", kind,
                             it->type, near)
                : conf_error(at, err, "no plugin offers the %s type '%s'; is its file in the plugin "
                             "directory?", kind, it->type);
}

static int32_t look(struct item *it, bool strict, const struct conf_err *err)
{
    const struct section *s = it->section;
    it->type = type_of(it->node);
    if (!it->type)
        return conf_error(it->node, err, "an entry of %s needs a type, for instance type: %s", s->key,
                          s->kind == ADIT_KIND_TUNNEL ? "pptp" :
                          s->kind == ADIT_KIND_POOL ? "range" :
                          s->kind == ADIT_KIND_POLICY ? "access" : "local");
    it->name = name_of(it->node);
    if (strlen(it->name) > 31)
        return conf_error(it->node, err, "the name is longer than 31 characters");
    it->face = plug_face(s->kind, it->type);
    if (!it->face)
        return strict ? no_face(it, err) : 0;
    int32_t rc = check_options(it, err);
    if (s->kind == ADIT_KIND_TUNNEL) {
        int32_t host = tunnel_conf(it->node, &it->tunnel, err);
        rc = rc ? rc : host;
    }
    return rc;
}

/* The entry of a section that has the name, among the first `count`; NULL: none. */
static const struct item *named(const struct inst_plan *p, uint32_t count, const struct section *s,
                                const char *name)
{
    for (uint32_t i = 0; i < count; i++)
        if (p->item[i].section == s && p->item[i].name && !strcmp(p->item[i].name, name))
            return &p->item[i];
    return NULL;
}

/* Encryption that is required needs a method that makes keys (row W15): refused
 * when it leaves nobody to serve, told when another tunnel still can. */
static int32_t check_keys(const struct inst_plan *p, const struct conf_node *ppp,
                          const struct conf_err *err)
{
    const char *bad = NULL;
    uint32_t good = 0;
    for (const struct item *it = p->item; it < p->item + p->count; it++) {
        if (it->section->kind != ADIT_KIND_TUNNEL || !it->face || !it->tunnel.ports)
            continue;
        if (ses_conf_keys(ppp, plug_face_vtable(it->face), it->tunnel.encryption))
            good++;
        else
            bad = it->name;
    }
    if (!bad)
        return 0;
    if (good) {
        LOG_EVENT("daemon", &ev_no_keys, ADIT_KV_S("tunnel", bad),
                  ADIT_KV_S("remedy", "add mschapv2 to ppp.auth"));
        return 0;
    }
    const struct conf_node *at = conf_get(ppp, "auth");
    return conf_error(at ? at : ppp, err, "ppp.auth has no method that makes keys, which tunnel '%s' "
                      "needs for its encryption (MPPE): add mschapv2, or permit 'none' in its "
                      "encryption", bad);
}

struct inst_plan *inst_plan_new(const struct conf_node *root, bool strict, const struct conf_err *err)
{
    uint32_t most = 0;
    int32_t rc = 0;
    for (size_t n = 0; n < SECTIONS; n++)
        most += conf_count(conf_get(root, sections[n].key));
    struct inst_plan *p = calloc(1, sizeof *p + most * sizeof p->item[0]);
    if (!p)
        return NULL;
    for (size_t n = 0; n < SECTIONS; n++) {
        const struct section *s = &sections[n];
        const struct conf_node *list = conf_get(root, s->key);
        if (!conf_is_empty(list) && !conf_is_seq(list)) {
            rc = conf_error(list, err, "%s wants a list: each entry begins with '- type: ...'", s->key);
            continue;
        }
        for (uint32_t i = 0; i < conf_count(list); i++, p->count++) {
            struct item *it = &p->item[p->count];
            it->section = s;
            it->node = conf_item(list, i);
            int32_t one = look(it, strict, err);
            if (!one && named(p, p->count, s, it->name))
                one = conf_error(it->node, err, "%s has two entries named '%s'; give one of them "
                                 "another name:", s->key, it->name);
            rc = rc ? rc : one;
        }
    }
    if (!rc)
        rc = check_keys(p, conf_get(root, "ppp"), err);
    if (rc) {
        free(p);
        return NULL;
    }
    return p;
}

void inst_plan_free(struct inst_plan *p) { free(p); }

int32_t inst_try(const struct inst_plan *p, const struct conf_err *err)
{
    int32_t rc = 0;
    for (const struct item *it = p->item; it < p->item + p->count; it++)
        if (it->face && !plug_inst_new(it->face, it->name, it->node, keys_of(it->section)))
            rc = conf_error(it->node, err, "%s '%s' cannot be made; why, is said above",
                            plug_kind_name(it->section->kind), it->name);
    for (struct plug_inst *i; (i = plug_inst_next(NULL));)
        plug_inst_free(i);
    return rc;
}

static void change(const struct item *it, struct plug_inst *i)
{
    const char *kind = plug_kind_name(it->section->kind), *option = NULL;
    int32_t rc = plug_inst_reload(i, it->node, keys_of(it->section), &option);
    if (rc == ADIT_ERESTART)
        LOG_EVENT("daemon", &ev_restart, ADIT_KV_S("kind", kind), ADIT_KV_S("name", it->name),
                  ADIT_KV_S("option", option));
    else if (rc)
        inst_problem("%s '%s' did not take its changes: %s", kind, it->name, plug_last_error(i));
    if (it->section->kind != ADIT_KIND_TUNNEL)
        return;
    struct ses_tunnel *t = ses_tunnel_find(it->name);
    if (t && ses_tunnel_set(t, &it->tunnel))
        inst_problem("tunnel '%s' does not serve: %s", it->name, plug_last_error(i));
}

static void make(const struct item *it)
{
    const char *kind = plug_kind_name(it->section->kind);
    struct plug_inst *i = plug_inst_new(it->face, it->name, it->node, keys_of(it->section));
    if (!i) {
        inst_problem("%s '%s' could not be made; see the log", kind, it->name);
        return;
    }
    LOG_EVENT("daemon", &ev_added, ADIT_KV_S("kind", kind), ADIT_KV_S("name", it->name),
              ADIT_KV_S("type", it->type));
    if (it->section->kind == ADIT_KIND_TUNNEL) {
        ses_tunnel_add(i, &it->tunnel);
        if (it->tunnel.ports && !plug_running(i))
            inst_problem("tunnel '%s' does not serve: %s", it->name, plug_last_error(i));
    } else if (plug_inst_start(i)) {
        inst_problem("%s '%s' does not run: %s", kind, it->name, plug_last_error(i));
    } else if (it->section->kind == ADIT_KIND_SECURITY &&
               path_security(plug_self(i), plug_vtable(i))) {
        inst_problem("%s '%s' does not protect: out of memory", kind, it->name);
    }
}

static void apply(const struct item *it)
{
    const struct section *s = it->section;
    struct plug_inst *i = plug_inst_find(s->kind, it->name);
    if (!it->face) {
        const char *kind = plug_kind_name(s->kind);
        inst_problem("%s: no plugin offers the %s type '%s'", s->key, kind, it->type);
        log_fail("daemon", ADIT_ENOENT, "%s: no plugin offers the %s type '%s'; is its file in "
                 "the plugin directory?", conf_where(it->node), kind, it->type);
    } else if (i) {
        change(it, i);
    } else {
        make(it);
    }
}

static void remove_inst(struct plug_inst *i)
{
    struct adit_self *self = plug_self(i);
    struct ses_tunnel *t = self->kind == ADIT_KIND_TUNNEL ? ses_tunnel_find(self->name) : NULL;
    LOG_EVENT("daemon", &ev_removed, ADIT_KV_S("kind", plug_kind_name(self->kind)),
              ADIT_KV_S("name", self->name));
    if (t) {
        ses_tunnel_del(t);      /* frees the instance */
        return;
    }
    ses_forget(i);
    path_security_off(self);    /* paths hear it while the instance still runs */
    plug_inst_stop(i);
    plug_inst_free(i);
}

void inst_apply(const struct inst_plan *p)
{
    uint32_t at = 0;
    problem_count = 0;
    for (const struct section *s = sections; s < sections + SECTIONS; s++) {
        for (struct plug_inst *i = plug_inst_next(NULL), *next; i; i = next) {
            next = plug_inst_next(i);
            if (plug_self(i)->kind != s->kind)
                continue;
            /* the same name with another type is another instance */
            const struct item *it = named(p, p->count, s, plug_self(i)->name);
            if (!it || it->face != plug_inst_face(i))
                remove_inst(i);
        }
        for (; at < p->count && p->item[at].section == s; at++)
            apply(&p->item[at]);
    }
    const struct adit_self *bare = path_unprotected();
    if (bare)
        inst_problem("tunnel '%s' demands security and nothing is configured that gives it: nobody "
                     "can connect. Add an entry to the section security (type: ipsec), or set "
                     "require-security: no", bare->name);
}

void inst_stop_all(void)
{
    for (size_t n = SECTIONS; n-- > 0;)
        for (struct plug_inst *i = plug_inst_next(NULL), *next; i; i = next) {
            next = plug_inst_next(i);
            if (plug_self(i)->kind == sections[n].kind)
                remove_inst(i);
        }
}
