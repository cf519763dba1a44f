/* local.c - the life of an authenticator of type `local`, and its file.
 *
 * Knows:  when the file is read, whose user a name is.
 * Leaves: checks to check.c, changes to change.c, the file's form to users.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include "local.h"

#define LOOK_MS       1000u     /* between the looks at a file that nobody asks for */
#define LARGE         (256u << 10)      /* bytes of a file that is read on a thread: 20 ms */
#define LIST_ACCOUNTS 10000u    /* that the verb lists */

ADIT_EVENT(ev_loaded, "auth.local.loaded", ADIT_LOG_INFO,
           "The file of accounts was read.", "file accounts");
ADIT_EVENT(ev_nofile, "auth.local.nofile", ADIT_LOG_WARN,
           "There is no file of accounts, so nobody is known.", "file remedy");
const struct adit_event local_ev_busy = {
    sizeof(struct adit_event), ADIT_LOG_WARN, "auth.local.busy",
    "More passwords wait to be checked than password-queue allows.", "queue remedy" };
const struct adit_event local_ev_unanswerable = {
    sizeof(struct adit_event), ADIT_LOG_NOTICE, "auth.local.unanswerable",
    "The account lacks what the authentication method needs.", "account method setting remedy" };
const struct adit_event local_ev_changed = {
    sizeof(struct adit_event), ADIT_LOG_NOTICE, "auth.local.changed",
    "A user changed the password.", "account" };

const struct adit_event *const local_events[] = {
    &ev_loaded, &ev_nofile, &local_ev_busy, &local_ev_unanswerable, &local_ev_changed, NULL
};

/* ---- the file ------------------------------------------------------------------------ */

void local_stamp_of(const char *path, struct local_stamp *out)
{
    struct stat st;
    memset(out, 0, sizeof *out);
    if (stat(path, &st) != 0)
        return;
    *out = (struct local_stamp){
        .there = true, .dev = st.st_dev, .ino = st.st_ino, .size = (uint64_t)st.st_size,
        .mtime_s = st.st_mtim.tv_sec, .mtime_ns = st.st_mtim.tv_nsec, .mode = st.st_mode,
    };
}

static bool stamp_equal(const struct local_stamp *a, const struct local_stamp *b)
{
    return a->there == b->there && a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
           a->mtime_s == b->mtime_s && a->mtime_ns == b->mtime_ns && a->mode == b->mode;
}

static int32_t read_here(struct adit_self *self, const char *path, struct users **out)
{
    void *file = NULL;
    char err[USERS_ERR];
    int32_t rc = self->host->config->load(self, path, users_opts, sizeof users_opts[0],
                                          sizeof(struct users_file), &file);
    if (rc != 0)
        return rc;
    rc = users_of_file(file, out, err);
    self->host->config->free(file);
    return rc != 0 ? adit_fail(self, rc, "%s: %s", path, err) : 0;
}

int32_t local_read_aside(const struct adit_config_api *config, const char *path, struct users **out,
                         char *why, uint32_t why_size)
{
    char err[USERS_ERR];
    void *file;
    int32_t rc = config->read(path, users_opts, sizeof users_opts[0], sizeof(struct users_file), &file,
                              why, why_size);
    if (rc != 0)
        return rc;
    rc = users_of_file(file, out, err);
    config->free(file);
    if (rc != 0)
        snprintf(why, why_size, "%.400s: %s", path, err);
    return rc;
}

/* What a thread still holds of the accounts goes there, too: many take long to wipe. */
static void wipe_run(void *u)                       /* ON A THREAD */
{
    users_free(u);
}

static void wipe_done(void *u, int32_t status)
{
    if (status != 0)
        users_free(u);
}

static void tick(void *u);

void local_adopt(struct local *l, struct users *users, const struct local_stamp *stamp)
{
    const struct adit_loop_api *loop = l->self->host->loop;
    struct users *old = l->users;

    l->users = users;
    l->adopted++;
    l->stamp = *stamp;
    l->loaded_wall = loop->wall();
    if (old && (users_count(old) < 1000 || loop->work(l->self, wipe_run, wipe_done, old, NULL) != 0))
        users_free(old);
    /* A large one is not read while somebody waits for an answer, but as soon
     * as it changed. */
    if (stamp->size >= LARGE && !l->timer)
        l->timer = loop->timer_new(l->self, tick, l);
    if (stamp->size >= LARGE && l->timer)
        loop->timer_set(l->timer, LOOK_MS);
}

static int32_t stamp_check(struct adit_self *self, const char *path, const struct local_stamp *stamp)
{
    if (!stamp->there)
        return adit_fail(self, ADIT_ENOENT, "%s is not there; add an account with adit user add, or "
                         "name another file", path);
    if (stamp->mode & (S_IWGRP | S_IWOTH))
        return adit_fail(self, ADIT_ECONF, "%s can be written by others than its owner, who could let "
                         "themselves in: chmod 600 it", path);
    return 0;
}

static void tell_loaded(struct adit_self *self, const char *path)
{
    const struct local *l = self->instance;
    adit_event(self, &ev_loaded, ADIT_KV_S("file", path), ADIT_KV_U("accounts", users_count(l->users)));
}

int32_t local_load(struct adit_self *self, const struct local_conf *c)
{
    struct local *l = self->instance;
    struct local_stamp stamp;
    struct users *users;

    /* Looked at before it is read: a change in between is seen next time. */
    local_stamp_of(c->file, &stamp);
    int32_t rc = stamp_check(self, c->file, &stamp);
    if (rc == 0)
        rc = read_here(self, c->file, &users);
    if (rc != 0)
        return rc;
    local_adopt(l, users, &stamp);
    tell_loaded(self, c->file);
    return 0;
}

/* ---- a large file: read on a thread ---------------------------------------------------- */

/* The thread sees only what is in here: the instance may go meanwhile. */
struct local_reading {
    struct local *local;            /* NULL: it is gone */
    const struct adit_config_api *config;
    struct adit_work *work;
    uint64_t before;                /* local.adopted when it began: others since go before these */
    struct local_stamp stamp;
    struct users *users;
    int32_t rc;
    char why[1024];
    char path[];
};

static void read_run(void *u)                       /* ON A THREAD */
{
    struct local_reading *r = u;
    r->rc = local_read_aside(r->config, r->path, &r->users, r->why, sizeof r->why);
}

static void read_done(void *u, int32_t status)
{
    struct local_reading *r = u;
    struct local *l = r->local;

    if (l) {
        l->reading = NULL;
        if (status == 0 && r->rc != 0) {
            (void)adit_fail(l->self, r->rc, "%s", r->why);
            l->stamp = r->stamp;    /* it was said once; wait for the next change */
        } else if (status == 0 && r->before == l->adopted) {
            local_adopt(l, r->users, &r->stamp);
            r->users = NULL;
            tell_loaded(l->self, r->path);
        }
    }
    users_free(r->users);
    free(r);
}

/* False: here and now, then. */
static bool read_begin(struct local *l, const char *path, const struct local_stamp *stamp)
{
    struct adit_self *self = l->self;
    const struct adit_config_api *config = self->host->config;
    size_t size = strlen(path) + 1;

    if (stamp->size < LARGE || !ADIT_HAS(config, read))
        return false;
    struct local_reading *r = calloc(1, sizeof *r + size);
    if (!r)
        return false;
    r->local = l;
    r->config = config;
    r->before = l->adopted;
    r->stamp = *stamp;
    memcpy(r->path, path, size);
    if (self->host->loop->work(self, read_run, read_done, r, &r->work) != 0) {
        free(r);
        return false;
    }
    l->reading = r;
    return true;
}

/* Reads the file again when it changed. One that is wrong or gone leaves the
 * accounts as they were. */
static void look(struct adit_self *self)
{
    struct local *l = self->instance;
    const struct local_conf *c = self->conf;
    struct local_stamp stamp;

    if (l->reading)
        return;
    local_stamp_of(c->file, &stamp);
    if (!stamp.there || stamp_equal(&stamp, &l->stamp))
        return;
    if (stamp.mode & (S_IWGRP | S_IWOTH) || !read_begin(l, c->file, &stamp)) {
        if (local_load(self, c) != 0)
            l->stamp = stamp;       /* it was said once; wait for the next change */
    }
}

static void tick(void *u)
{
    struct local *l = u;
    look(l->self);
    if (l->stamp.size >= LARGE || l->reading)
        l->self->host->loop->timer_set(l->timer, LOOK_MS);
}

/* ---- whose user ------------------------------------------------------------------------ */

static bool ours(const struct local_conf *c, const char *domain)
{
    if (!c->domains.count || !domain || !domain[0])
        return true;
    for (uint32_t i = 0; i < c->domains.count; i++) {
        const char *s;
        memcpy(&s, (const char *)c->domains.items + (size_t)i * c->domains.stride, sizeof s);
        if (s && strcasecmp(s, domain) == 0)
            return true;
    }
    return false;
}

/* W22: Windows sends DOMAIN\user. A name that is in the file as it was sent
 * (anna@example.org) goes before one without its domain. */
struct user *local_find(struct adit_self *self, const struct adit_auth_query *q)
{
    struct local *l = self->instance;
    const struct local_conf *c = self->conf;
    const char *account = adit_attr_str(self->host, q->attrs, ADIT_ATTR_ACCOUNT);
    const char *domain = adit_attr_str(self->host, q->attrs, ADIT_ATTR_DOMAIN);
    struct user *u = NULL;

    look(self);
    if (q->user && q->user[0])
        u = users_find(l->users, q->user);
    if (!u && account && account[0] && ours(c, domain))
        u = users_find(l->users, account);
    return u;
}

/* ---- life --------------------------------------------------------------------------------- */

static void destroy(struct adit_self *self)
{
    struct local *l = self->instance;
    if (!l)
        return;
    local_jobs_end(l);
    local_changes_end(l);
    if (l->reading) {
        l->reading->local = NULL;
        self->host->loop->work_cancel(l->reading->work);    /* done() frees it */
    }
    if (l->timer)
        self->host->loop->timer_free(l->timer);
    users_free(l->users);
    bytes_wipe(l, sizeof *l);
    free(l);
    self->instance = NULL;
}

static void out_addr_list(struct adit_self *self, struct adit_report *r, const struct user *u)
{
    if (!u->route_count)
        return;
    self->host->report->array(r, "routes");
    for (uint32_t i = 0; i < u->route_count; i++)
        adit_report_put_addr(self->host, r, NULL, &u->routes[i]);
    self->host->report->end(r);
}

/* The accounts as the daemon knows them; never a hash. */
static int32_t verb_accounts(struct adit_self *self, const struct adit_kv *args, uint32_t n,
                             struct adit_report *r)
{
    const struct adit_host *h = self->host;
    const struct local *l = self->instance;
    uint32_t i = 0;
    (void)args;
    (void)n;
    look(self);
    h->report->array(r, "accounts");
    for (; i < users_count(l->users) && i < LIST_ACCOUNTS; i++) {
        const struct user *u = users_at(l->users, i);
        h->report->object(r, NULL);
        adit_report_put_str(h, r, "name", u->name);
        adit_report_put_str(h, r, "dial-in", user_dialin_name(u->dialin));
        h->report->array(r, "groups");
        for (uint32_t k = 0; k < u->group_count; k++)
            adit_report_put_str(h, r, NULL, u->groups[k]);
        h->report->end(r);
        if (u->address.family != ADIT_AF_NONE)
            adit_report_put_addr(h, r, "address", &u->address);
        out_addr_list(self, r, u);
        if (u->expires)
            adit_report_put_str(h, r, "expires", u->expires);
        if (u->session_limit)
            adit_report_put_u(h, r, "session-limit", u->session_limit);
        adit_report_put_bool(h, r, "disabled", u->disabled);
        adit_report_put_bool(h, r, "must-change", u->must_change);
        h->report->end(r);
    }
    h->report->end(r);
    adit_report_put_bool(h, r, "complete", i == users_count(l->users));
    return 0;
}

static int32_t create(struct adit_self *self)
{
    const struct local_conf *c = self->conf;
    struct local *l = calloc(1, sizeof *l);
    struct local_stamp stamp;

    if (!l || !(l->users = users_new())) {
        free(l);
        return adit_fail(self, ADIT_ENOMEM, "out of memory");
    }
    l->self = self;
    adit_list_init(&l->jobs);
    adit_list_init(&l->changes);
    self->instance = l;
    self->host->crypto->random(l->nobody, sizeof l->nobody);

    /* A server is often started before its first account is added: it is
     * enough that the file comes. */
    local_stamp_of(c->file, &stamp);
    if (!stamp.there) {
        adit_event(self, &ev_nofile, ADIT_KV_S("file", c->file),
                   ADIT_KV_S("remedy", "add an account with adit user add"));
    } else {
        int32_t rc = local_load(self, c);
        if (rc != 0) {
            destroy(self);
            return rc;
        }
    }
    if (ADIT_HAS(self->host->control, verb)) {
        int32_t rc = self->host->control->verb(self, "accounts", "The accounts of the file, without "
                                               "their secrets.", verb_accounts);
        if (rc != 0) {
            destroy(self);
            return rc;
        }
    }
    return 0;
}

static int32_t reload(struct adit_self *self, const void *conf)
{
    return local_load(self, conf);
}

static void status(struct adit_self *self, struct adit_report *r)
{
    const struct adit_host *h = self->host;
    const struct local *l = self->instance;
    const struct local_conf *c = self->conf;
    adit_report_put_str(h, r, "file", c->file);
    adit_report_put_u(h, r, "accounts", users_count(l->users));
    adit_report_put_u(h, r, "loaded", l->loaded_wall);
    adit_report_put_u(h, r, "waiting", l->waiting);
}

const struct adit_life local_life = {
    .size = sizeof local_life, .create = create, .reload = reload, .destroy = destroy,
    .status = status,
};

const struct adit_auth local_vtable = {
    .size = sizeof local_vtable,
    .methods = ADIT_AUTH_PAP | ADIT_AUTH_CHAP | ADIT_AUTH_MSCHAPV1 | ADIT_AUTH_MSCHAPV2 |
               ADIT_AUTH_EAP_MD5 | ADIT_AUTH_EAP_MSCHAPV2 | ADIT_AUTH_EAP_TLS | ADIT_AUTH_CHANGE,
    .check = local_check, .cancel = local_cancel,
};
