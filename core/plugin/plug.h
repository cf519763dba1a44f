/* plug.h - plugins: loading, the registry of faces, instances, requests.
 *
 *     plug_load_dir("/usr/lib/adit/plugins");
 *     struct plug_face *f = plug_face(ADIT_KIND_AUTH, "local");
 *     struct plug_inst *i = plug_inst_new(f, "local", node);
 *     plug_inst_start(i);
 *     plug_ask(i, timeout_ms, done, me, &req);  auth->check(plug_self(i), req, &q);
 *
 * Knows:  the ABI, libltdl, what each instance last did wrong.
 * Leaves: what the kinds are for.
 */
#ifndef PLUG_H
#define PLUG_H

#include <stdbool.h>
#include <adit/host.h>
#include <adit/tunnel.h>
#include <adit/auth.h>
#include <adit/pool.h>
#include <adit/policy.h>
#include <adit/accounting.h>
#include <adit/observer.h>
#include <adit/security.h>
#include "config/conf.h"

/* The tables that other rooms fill in; NULL members are services that this
 * process does not have. Copied. */
void plug_host(const struct adit_host *services);
const struct adit_host *plug_host_get(void);

struct plug_object;             /* one shared object */
struct plug_face;
struct plug_inst;

/* Loads every NAME.so of a folder, in name order. Refusals are logged with a
 * full sentence and kept for `adit plugins`; returns how many were loaded. */
int plug_load_dir(const char *dir);
int plug_load_file(const char *path);                   /* 0 or ADIT_E* */
struct plug_object *plug_object_next(struct plug_object *o);    /* NULL: the first */
struct plug_object_info {
    const char *file, *name, *version, *licence, *summary;
    uint32_t abi_minor;
    const char *refused;        /* NULL: loaded */
    uint32_t face_count;
};
void plug_object_info(const struct plug_object *o, struct plug_object_info *out);
/* Forgets what was loaded; no instance may be left, the loop still runs. The
 * objects stay mapped. */
void plug_unload_all(void);
const struct plug_face *plug_object_face(const struct plug_object *o, uint32_t i);

const struct plug_face *plug_face(uint32_t kind, const char *type);     /* NULL: none offers it */
const struct adit_face *plug_face_decl(const struct plug_face *f);      /* normalised copy */
const void *plug_face_vtable(const struct plug_face *f);                /* normalised copy, full size of today */
uint32_t plug_face_opt_size(const struct plug_face *f);                 /* stride of its option table */
const char *plug_kind_name(uint32_t kind);              /* "tunnel" "auth" ... */

/* An instance from its configuration mapping; keys of `skip` are the host's
 * own. Errors are told; NULL then. */
struct plug_inst *plug_inst_new(const struct plug_face *f, const char *name,
                                const struct conf_node *conf, const char *const *skip);
int32_t plug_inst_start(struct plug_inst *i);
void plug_inst_stop(struct plug_inst *i);
void plug_inst_free(struct plug_inst *i);
/* Applies a new mapping: 0; ADIT_ERESTART with `*option` when an option cannot
 * change while it runs (nothing changed then); ADIT_ECONF. */
int32_t plug_inst_reload(struct plug_inst *i, const struct conf_node *conf,
                         const char *const *skip, const char **option);
struct plug_inst *plug_inst_next(struct plug_inst *i);  /* NULL: the first; in configuration order */
struct plug_inst *plug_inst_find(uint32_t kind, const char *name);
/* The next running one of a kind; NULL: the first, and no more. */
struct plug_inst *plug_running_next(uint32_t kind, struct plug_inst *after);
bool plug_running(const struct plug_inst *i);
struct adit_self *plug_self(struct plug_inst *i);
struct plug_inst *plug_of(struct adit_self *self);
const struct plug_face *plug_inst_face(const struct plug_inst *i);
const void *plug_vtable(const struct plug_inst *i);     /* struct adit_tunnel *, ... of full size */
const char *plug_state(const struct plug_inst *i);      /* "created" "running" "stopped" "failed" */
const char *plug_last_error(const struct plug_inst *i); /* "" none */
void plug_set_error(struct plug_inst *i, const char *text);
uint32_t plug_requests_open(const struct plug_inst *i);

/* A request: done(u, status, answer) comes exactly once: the plugin's answer
 * (checked, of full size, valid during the call), ADIT_ETIMEDOUT, or ADIT_ECANCELED. */
int32_t plug_ask(struct plug_inst *i, uint64_t timeout_ms,
                 void (*done)(void *u, int32_t status, const void *answer), void *u,
                 adit_request *out);
void plug_ask_cancel(adit_request req);                 /* done(ADIT_ECANCELED) comes at once */

/* Calls a verb that an instance registered. It writes into `report`, which stays
 * the caller's; then done(u, status) comes once, before this returns (`*call` is 0
 * then) or later: 0; ADIT_E* of the plugin's, its sentence in plug_last_error();
 * ADIT_ETIMEDOUT; ADIT_ECANCELED when the instance ends. Here: 0, ADIT_ENOENT there
 * is no such verb, ADIT_EBUSY too many calls wait for this instance, ADIT_ENOMEM. */
int32_t plug_verb_call(struct plug_inst *i, const char *verb, const struct adit_kv *args, uint32_t n,
                       struct adit_report *report, uint64_t timeout_ms,
                       void (*done)(void *u, int32_t status), void *u, uint64_t *call);
/* Whoever called has gone: the report is not written any more, done() does not come. */
void plug_verb_forget(struct plug_inst *i, uint64_t call);
/* The nth verb's name and sentence; NULL: not that many. */
const char *plug_verb_nth(const struct plug_inst *i, uint32_t nth, const char **sentence);

/* How an instance has behaved. */
struct plug_stat {
    uint64_t asked, answered, timed_out, cancelled;
    uint64_t late;              /* answers that came after the end of their request */
    uint64_t faults;            /* second answers, answers to nothing, nonsense */
    uint64_t slowest_ms;        /* the answer that took longest */
    uint64_t busy_ms;           /* the call that kept the main loop longest */
};
const struct plug_stat *plug_inst_stat(const struct plug_inst *i);

/* A call into a plugin on the main loop, timed: it must not keep the loop.
 *     PLUG_CALL(i, "check", vt->check(plug_self(i), req, &q)); */
#define PLUG_CALL(i, what, ...)                                                   \
    do {                                                                           \
        uint64_t plug_at_ = plug_call_begin();                                     \
        __VA_ARGS__;                                                               \
        plug_call_end((i), (what), plug_at_);                                      \
    } while (0)
uint64_t plug_call_begin(void);
void plug_call_end(struct plug_inst *i, const char *what, uint64_t at);

extern const struct adit_request_api plug_request_api;
extern const struct adit_control_api plug_control_api;
extern const struct adit_log_api plug_log_api;          /* over log.h */
extern const struct adit_config_api plug_config_api;    /* core/config/conf_api.c */
extern const struct adit_attr_api plug_attr_api;        /* core/base/attr.c */

#endif
