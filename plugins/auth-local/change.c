/* change.c - a user changes the password (MS-CHAPv2, RFC 2759 section 7; W20).
 *
 * Knows:  the steps: strong hash, lock, read, change, write, answer.
 * Leaves: who the user is to check.c, the file's form to users.c.
 *
 * One change at a time. The strong hash and the disk are a thread's work; the
 * file is read again under its lock, so that what `adit user` did meanwhile is
 * not undone. The user hears "yes" only when the new file is on the disk.
 */
#include <stdio.h>
#include <stdlib.h>
#include "local.h"

#define TRY_MS  50u
#define TRIES   60u             /* three seconds for somebody else's lock */

struct change {
    struct adit_node node;
    struct local *local;        /* NULL: it is gone, nobody wants to know */
    adit_request req;
    bool canceled;
    const struct adit_crypto_api *crypto;
    const struct adit_config_api *config;
    struct adit_work *work;
    struct adit_timer *timer;
    uint32_t tries;
    char *name, *path;
    struct adit_auth_answer answer;     /* what the judge said to the new password */
    char password[1024];
    uint8_t nt_hash[16];
    uint8_t old_hash[16];       /* that the peer knows */
    char hash[256];
    struct users *users;        /* with the change, until they are ours */
    char *text;
    size_t len;
    int lock;
    int32_t rc;
    char err[USERS_ERR];
};

static void step(struct local *l);

static void change_free(struct change *c)
{
    users_unlock(c->lock);
    users_free(c->users);
    users_text_free(c->text, c->len);
    free(c->name);
    free(c->path);
    bytes_wipe(c, sizeof *c);
    free(c);
}

/* The end of a change; the next one begins. */
static void finish(struct change *c, uint32_t verdict, uint32_t cause)
{
    struct local *l = c->local;
    struct adit_self *self = l->self;
    const struct user *u = verdict == ADIT_VERDICT_ACCEPT ? users_find_exact(l->users, c->name) : NULL;

    if (verdict == ADIT_VERDICT_ACCEPT) {       /* others may have changed the account meanwhile */
        cause = u ? local_forbids(self, u, ADIT_AUTH_CHANGE) : ADIT_CAUSE_AUTH_FAILED;
        if (cause != ADIT_CAUSE_NONE)
            verdict = ADIT_VERDICT_REJECT;
    }

    adit_list_del(&c->node);
    l->waiting--;
    if (c->timer)
        self->host->loop->timer_free(c->timer);
    if (c->canceled)
        self->host->request->done(self, c->req, ADIT_ECANCELED, NULL);
    else if (verdict == ADIT_VERDICT_ACCEPT)
        local_answer(self, c->req, ADIT_AUTH_CHANGE, u, &c->answer);
    else
        local_answer_verdict(self, c->req, verdict, cause);
    change_free(c);
    step(l);
}

static void failed(struct change *c)
{
    (void)adit_fail(c->local->self, c->rc, "user '%s': the new password is not kept: %s", c->name, c->err);
    finish(c, ADIT_VERDICT_ERROR, ADIT_CAUSE_AUTH_UNAVAILABLE);
}

/* ---- the disk ------------------------------------------------------------------------- */

/* As judge() takes it: of the clear text, if there is one. */
static bool old_hash(const struct change *c, const struct user *u, uint8_t out[16])
{
    if (u->clear)
        return c->crypto->nt_hash(u->clear, (uint32_t)strlen(u->clear), out) == 0;
    if (u->has_nt)
        memcpy(out, u->nt_hash, 16);
    return u->has_nt;
}

static int32_t account_change(struct change *c)     /* ON A THREAD */
{
    struct user *u = users_find_exact(c->users, c->name);
    uint8_t now[16];
    if (!u || !old_hash(c, u, now) || !bytes_equal(now, c->old_hash, sizeof now)) {
        snprintf(c->err, sizeof c->err, u ? "somebody else changed it meanwhile" :
                 "the account was removed meanwhile");
        return ADIT_ESTATE;
    }
    bytes_wipe(now, sizeof now);
    memcpy(u->nt_hash, c->nt_hash, sizeof u->nt_hash);
    u->has_nt = true;
    u->must_change = false;
    if (!user_str(&u->password_hash, c->hash) || (u->clear && !user_str(&u->clear, c->password)) ||
        !(c->text = users_text(c->users, &c->len))) {
        snprintf(c->err, sizeof c->err, "out of memory");
        return ADIT_ENOMEM;
    }
    return 0;
}

static void write_run(void *u)                      /* ON A THREAD */
{
    struct change *c = u;
    c->rc = local_read_aside(c->config, c->path, &c->users, c->err, sizeof c->err);
    if (c->rc == 0)
        c->rc = account_change(c);
    if (c->rc == 0)
        c->rc = users_save_text(c->path, c->text, c->len, c->err);
}

static void write_done(void *u, int32_t status)
{
    struct change *c = u;
    if (!c->local) {
        change_free(c);
        return;
    }
    c->work = NULL;
    if (status != 0) {
        finish(c, ADIT_VERDICT_ERROR, ADIT_CAUSE_AUTH_UNAVAILABLE);
        return;
    }
    if (c->rc != 0) {
        failed(c);
        return;
    }
    struct local *l = c->local;
    struct adit_self *self = l->self;
    const struct local_conf *conf = self->conf;
    struct local_stamp stamp;
    if (strcmp(c->path, conf->file) == 0) {     /* a reload may have named another file */
        local_stamp_of(c->path, &stamp);
        local_adopt(l, c->users, &stamp);
        c->users = NULL;
    }
    adit_count(self, LOCAL_CHANGED);
    adit_event(self, &local_ev_changed, ADIT_KV_S("account", c->name));
    finish(c, ADIT_VERDICT_ACCEPT, ADIT_CAUSE_NONE);
}

static void lock_try(void *u)
{
    struct change *c = u;
    struct adit_self *self = c->local->self;

    if (c->canceled) {
        finish(c, ADIT_VERDICT_ERROR, ADIT_CAUSE_NONE);
        return;
    }
    c->rc = users_lock(c->path, false, &c->lock, c->err);
    if (c->rc == ADIT_EAGAIN && ++c->tries < TRIES) {
        if (!c->timer)
            c->timer = self->host->loop->timer_new(self, lock_try, c);
        if (c->timer) {
            self->host->loop->timer_set(c->timer, TRY_MS);
            return;
        }
    }
    if (c->rc == 0) {
        c->rc = self->host->loop->work(self, write_run, write_done, c, &c->work);
        if (c->rc != 0)
            snprintf(c->err, sizeof c->err, "no thread takes the file");
    }
    if (c->rc != 0)
        failed(c);
}

/* ---- the strong hash ----------------------------------------------------------------------- */

static void hash_run(void *u)                       /* ON A THREAD */
{
    struct change *c = u;
    c->rc = c->crypto->password_hash(c->password, (uint32_t)strlen(c->password), c->hash,
                                     sizeof c->hash);
}

static void hash_done(void *u, int32_t status)
{
    struct change *c = u;
    if (!c->local) {
        change_free(c);
        return;
    }
    c->work = NULL;
    if (status != 0) {
        finish(c, ADIT_VERDICT_ERROR, ADIT_CAUSE_AUTH_UNAVAILABLE);
    } else if (c->rc != 0) {
        snprintf(c->err, sizeof c->err, "it cannot be hashed");
        failed(c);
    } else {
        lock_try(c);
    }
}

/* Begins the first change of the line; the one before it has ended. */
static void step(struct local *l)
{
    struct adit_self *self = l->self;
    if (adit_list_empty(&l->changes))
        return;
    struct change *c = ADIT_OF(l->changes.next, struct change, node);
    c->rc = self->host->loop->work(self, hash_run, hash_done, c, &c->work);
    if (c->rc == 0)
        return;
    snprintf(c->err, sizeof c->err, "no thread takes it");
    failed(c);                  /* which steps on by itself */
}

/* ---- begin and end ---------------------------------------------------------------------------- */

/* Judges the change and copies what is needed of it; NULL: answered. */
static struct change *change_new(struct adit_self *self, uint64_t req, const struct adit_auth_query *q,
                                 const struct user *u)
{
    const struct local_conf *conf = self->conf;
    const struct adit_secret_view s = local_secret(u);
    struct change *c = calloc(1, sizeof *c);

    if (!c || !(c->name = strdup(u->name)) || !(c->path = strdup(conf->file))) {
        if (c) {
            c->lock = -1;
            change_free(c);
        }
        (void)adit_fail(self, ADIT_ENOMEM, "out of memory");
        local_answer_verdict(self, req, ADIT_VERDICT_ERROR, ADIT_CAUSE_RESOURCE);
        return NULL;
    }
    c->lock = -1;
    c->local = self->instance;
    c->req = req;
    c->crypto = self->host->crypto;
    c->config = self->host->config;
    c->answer.size = sizeof c->answer;
    self->host->judge->judge(q, &s, &c->answer);
    bool right = c->answer.verdict == ADIT_VERDICT_ACCEPT &&
                 self->host->judge->new_password(q, &s, c->password, sizeof c->password) == 0;
    /* What the file cannot hold (an empty password, control characters) is
     * refused like a wrong one: MS-CHAP has no room for a reason. */
    right = right && c->password[0] && old_hash(c, u, c->old_hash) && user_text_ok(c->password) &&
            self->host->crypto->nt_hash(c->password, (uint32_t)strlen(c->password), c->nt_hash) == 0;
    uint32_t cause = right ? local_forbids(self, u, ADIT_AUTH_CHANGE) :
                     c->answer.verdict == ADIT_VERDICT_ACCEPT ? ADIT_CAUSE_AUTH_FAILED : c->answer.cause;
    if (!right || cause != ADIT_CAUSE_NONE) {
        change_free(c);
        local_reject(self, req, u, cause);
        return NULL;
    }
    return c;
}

void local_change(struct adit_self *self, uint64_t req, const struct adit_auth_query *q,
                  const struct user *u)
{
    struct local *l = self->instance;
    const struct local_conf *conf = self->conf;

    if (!conf->change || !ADIT_HAS(self->host->judge, new_password) ||
        !ADIT_HAS(self->host->config, read)) {
        local_answer_verdict(self, req, ADIT_VERDICT_REJECT, ADIT_CAUSE_METHOD_REFUSED);
        return;
    }
    if (!local_room(self)) {
        local_answer_verdict(self, req, ADIT_VERDICT_ERROR, ADIT_CAUSE_AUTH_UNAVAILABLE);
        return;
    }
    struct change *c = change_new(self, req, q, u);
    if (!c)
        return;
    bool idle = adit_list_empty(&l->changes);
    adit_list_add(&l->changes, &c->node);
    l->waiting++;
    if (idle)
        step(l);
}

/* Too late to undo a file that is being written; early enough for the rest. */
void local_change_cancel(struct adit_self *self, uint64_t req)
{
    struct local *l = self->instance;
    ADIT_LIST_EACH(n, &l->changes) {
        struct change *c = ADIT_OF(n, struct change, node);
        if (c->req != req)
            continue;
        c->canceled = true;
        if (c->work)
            self->host->loop->work_cancel(c->work);
        else if (!c->timer)
            finish(c, ADIT_VERDICT_ERROR, ADIT_CAUSE_NONE);
        return;
    }
}

void local_changes_end(struct local *l)
{
    struct adit_self *self = l->self;
    while (!adit_list_empty(&l->changes)) {
        struct change *c = ADIT_OF(l->changes.next, struct change, node);
        adit_list_del(&c->node);
        l->waiting--;
        c->local = NULL;
        if (c->timer)
            self->host->loop->timer_free(c->timer);
        c->timer = NULL;
        self->host->request->done(self, c->req, ADIT_ECANCELED, NULL);
        if (c->work)
            self->host->loop->work_cancel(c->work);     /* done() frees it */
        else
            change_free(c);
    }
}
