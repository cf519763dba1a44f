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
#include "plugin/plug.h"
#include "session/ses.h"

ADIT_EVENT(ev_added, "daemon.instance.added", ADIT_LOG_INFO,
           "An instance of the configuration was made.", "kind name type");
ADIT_EVENT(ev_removed, "daemon.instance.removed", ADIT_LOG_NOTICE,
           "An instance is no longer in the configuration.", "kind name");
ADIT_EVENT(ev_restart, "daemon.instance.restart", ADIT_LOG_WARN,
           "A changed option takes effect when the daemon is restarted.", "kind name option");

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
                           struct conf_mem **mem, const struct conf_err *err)
{
    const char *skip[128];
    uint32_t n = 0;
    for (uint32_t i = 0; i < conf_count(item) && n < 127; i++) {
        const char *key = conf_key(item, i);
        size_t k = 0;
        while (ses_tunnel_keys[k] && strcmp(ses_tunnel_keys[k], key) != 0)
            k++;
        if (!ses_tunnel_keys[k])
            skip[n++] = key;
    }
    skip[n] = NULL;
    return conf_fill(item, ses_tunnel_opts, sizeof(struct adit_opt), skip, sizeof *out, out, mem,
                     err);
}

static int32_t check_item(const struct section *s, const struct conf_node *item, bool strict,
                          const struct conf_err *err)
{
    const char *type = type_of(item);
    if (!type)
        return conf_error(item, err, "an entry of %s needs a type, for instance type: %s", s->key,
                          s->kind == ADIT_KIND_TUNNEL ? "pptp" :
                          s->kind == ADIT_KIND_POOL ? "range" :
                          s->kind == ADIT_KIND_POLICY ? "access" : "local");
    if (strlen(name_of(item)) > 31)
        return conf_error(item, err, "the name is longer than 31 characters");
    const struct plug_face *f = plug_face(s->kind, type);
    if (!f)
        return strict ? conf_error(item, err, "no plugin offers the %s type '%s'; is its file in "
                                   "the plugin directory?", plug_kind_name(s->kind), type) : 0;
    const struct adit_face *d = plug_face_decl(f);
    void *conf = calloc(1, d->conf_size ? d->conf_size : 1);
    struct conf_mem *mem = NULL;
    int32_t rc = conf ? conf_fill(item, d->opts, plug_face_opt_size(f), keys_of(s), d->conf_size,
                                  conf, &mem, err) : ADIT_ENOMEM;
    conf_mem_free(mem);
    free(conf);
    if (s->kind == ADIT_KIND_TUNNEL) {
        struct ses_tunnel_conf t;
        mem = NULL;
        int32_t rc2 = tunnel_conf(item, &t, &mem, err);
        conf_mem_free(mem);
        rc = rc ? rc : rc2;
    }
    return rc;
}

int32_t inst_check(const struct conf_node *root, bool strict, const struct conf_err *err)
{
    int32_t rc = 0;
    for (size_t n = 0; n < SECTIONS; n++) {
        const struct conf_node *list = conf_get(root, sections[n].key);
        for (uint32_t i = 0; i < conf_count(list); i++) {
            const struct conf_node *item = conf_item(list, i);
            int32_t one = check_item(&sections[n], item, strict, err);
            for (uint32_t j = 0; !one && j < i; j++)
                if (!strcmp(name_of(conf_item(list, j)), name_of(item)))
                    one = conf_error(item, err, "%s has two entries named '%s'; give one of them "
                                     "another name:", sections[n].key, name_of(item));
            rc = rc ? rc : one;
        }
    }
    return rc;
}

static void apply_item(const struct section *s, const struct conf_node *item)
{
    const char *type = type_of(item), *name = name_of(item), *option = NULL;
    const struct plug_face *f = plug_face(s->kind, type);
    const char *kind = plug_kind_name(s->kind);
    if (!f) {
        inst_problem("%s: no plugin offers the %s type '%s'", s->key, kind, type);
        log_fail("daemon", ADIT_ENOENT, "%s: no plugin offers the %s type '%s'; is its file in "
                 "the plugin directory?", conf_where(item), kind, type);
        return;
    }
    struct ses_tunnel_conf tc = { 0 };
    struct conf_mem *mem = NULL;
    if (s->kind == ADIT_KIND_TUNNEL)
        tunnel_conf(item, &tc, &mem, NULL);

    struct plug_inst *i = plug_inst_find(s->kind, name);
    if (i) {
        int32_t rc = plug_inst_reload(i, item, keys_of(s), &option);
        if (rc == ADIT_ERESTART)
            LOG_EVENT("daemon", &ev_restart, ADIT_KV_S("kind", kind), ADIT_KV_S("name", name),
                      ADIT_KV_S("option", option));
        else if (rc)
            inst_problem("%s '%s' did not take its changes: %s", kind, name, plug_last_error(i));
        struct ses_tunnel *t = ses_tunnel_find(name);
        if (t && s->kind == ADIT_KIND_TUNNEL && ses_tunnel_set(t, &tc))
            inst_problem("tunnel '%s' does not serve: %s", name, plug_last_error(i));
        conf_mem_free(mem);
        return;
    }
    i = plug_inst_new(f, name, item, keys_of(s));
    if (!i) {
        inst_problem("%s '%s' could not be made; see the log", kind, name);
        conf_mem_free(mem);
        return;
    }
    LOG_EVENT("daemon", &ev_added, ADIT_KV_S("kind", kind), ADIT_KV_S("name", name),
              ADIT_KV_S("type", type));
    if (s->kind == ADIT_KIND_TUNNEL) {
        ses_tunnel_add(i, &tc);
        if (tc.ports && strcmp(plug_state(i), "running") != 0)
            inst_problem("tunnel '%s' does not serve: %s", name, plug_last_error(i));
    } else if (plug_inst_start(i)) {
        inst_problem("%s '%s' does not run: %s", kind, name, plug_last_error(i));
    }
    conf_mem_free(mem);
}

static bool configured(const struct conf_node *list, const char *name)
{
    for (uint32_t i = 0; i < conf_count(list); i++)
        if (!strcmp(name_of(conf_item(list, i)), name))
            return true;
    return false;
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
    plug_inst_stop(i);
    plug_inst_free(i);
}

void inst_apply(const struct conf_node *root)
{
    problem_count = 0;
    for (size_t n = 0; n < SECTIONS; n++) {
        const struct conf_node *list = conf_get(root, sections[n].key);
        for (struct plug_inst *i = plug_inst_next(NULL), *next; i; i = next) {
            next = plug_inst_next(i);
            if (plug_self(i)->kind == sections[n].kind && !configured(list, plug_self(i)->name))
                remove_inst(i);
        }
        for (uint32_t i = 0; i < conf_count(list); i++)
            apply_item(&sections[n], conf_item(list, i));
    }
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
