/* check.c - is the peer who it claims to be?
 *
 * Knows:  which secret answers which method, what an account may forbid, how
 *         long an answer takes.
 * Leaves: the computations to the host's judge.
 *
 * Whether a name exists cannot be told from the time of an answer: a PAP
 * password costs one strong hash whether there is an account or not, and the
 * others are judged against a hash of nobody.
 */
#include <stdio.h>
#include <stdlib.h>
#include "local.h"

#define PASSWORD_MAX 255u       /* PAP has one octet for the length */
#define PLACE        256u       /* bytes of "FILE:LINE" */

/* A PAP password on its way through a thread. The thread sees only what is in
 * here: accounts may change and the instance may go meanwhile. */
struct job {
    struct adit_node node;
    struct local *local;        /* NULL: it is gone, nobody wants to know */
    adit_request req;
    const struct adit_crypto_api *crypto;
    struct adit_work *work;
    bool known;                 /* there is such an account */
    bool right;                 /* what the judge said; for an account without strong hash */
    int32_t rc;
    char *name, *hash;
    uint32_t len;
    char password[PASSWORD_MAX + 1];
};

void local_answer_verdict(struct adit_self *self, uint64_t req, uint32_t verdict, uint32_t cause)
{
    const struct adit_auth_answer a = { .size = sizeof a, .verdict = verdict, .cause = cause };
    if (verdict == ADIT_VERDICT_REJECT)
        adit_count(self, LOCAL_REJECTED);
    else if (verdict == ADIT_VERDICT_NEXT)
        adit_count(self, LOCAL_UNKNOWN);
    self->host->request->done(self, req, 0, &a);
}

/* Where people find the account; "" when it came from no file. */
static const char *place_of(struct adit_self *self, const struct user *u, char out[PLACE])
{
    const struct local_conf *c = self->conf;
    out[0] = '\0';
    if (u->line)
        snprintf(out, PLACE, "%s:%u", c->file, u->line);
    return out;
}

void local_reject(struct adit_self *self, uint64_t req, const struct user *u, uint32_t cause)
{
    char place[PLACE];
    const struct adit_auth_answer a = { .size = sizeof a, .verdict = ADIT_VERDICT_REJECT, .cause = cause,
                                        .place = place_of(self, u, place) };
    adit_count(self, LOCAL_REJECTED);
    self->host->request->done(self, req, 0, &a);
}

struct adit_secret_view local_secret(const struct user *u)
{
    return (struct adit_secret_view){
        .size = sizeof(struct adit_secret_view), .clear = u->clear,
        .clear_len = u->clear ? (uint32_t)strlen(u->clear) : 0,
        .nt_hash = u->has_nt ? u->nt_hash : NULL,
    };
}

/* What of the account forbids a login with the right password. */
uint32_t local_forbids(struct adit_self *self, const struct user *u, uint32_t method)
{
    if (u->disabled)
        return ADIT_CAUSE_DISABLED;
    if (u->expiry_s && self->host->loop->wall() / 1000 >= u->expiry_s)
        return ADIT_CAUSE_EXPIRED;
    /* W20: the client is asked for a new one; a certificate is no password. */
    if (u->must_change && method != ADIT_AUTH_CHANGE && method != ADIT_AUTH_EAP_TLS)
        return ADIT_CAUSE_PASSWORD_EXPIRED;
    return ADIT_CAUSE_NONE;
}

static struct adit_attrs *attrs_of(struct adit_self *self, const struct user *u)
{
    const struct adit_host *h = self->host;
    struct adit_attrs *a = h->attr->make();
    if (!a)
        return NULL;
    int32_t rc = adit_attr_put_u(h, a, ADIT_ATTR_DIALIN, u->dialin);
    for (uint32_t i = 0; rc == 0 && i < u->group_count; i++)
        rc = adit_attr_put_str(h, a, ADIT_ATTR_GROUP, u->groups[i]);
    for (uint32_t i = 0; rc == 0 && i < u->caller_count; i++)
        rc = adit_attr_put_str(h, a, ADIT_ATTR_CALLER, u->callers[i]);
    if (rc == 0 && u->address.family != ADIT_AF_NONE)
        rc = adit_attr_put_addr(h, a, ADIT_ATTR_ADDRESS, &u->address);
    if (rc == 0 && u->ipv6_prefix.family != ADIT_AF_NONE)
        rc = adit_attr_put_addr(h, a, ADIT_ATTR_IPV6_PREFIX, &u->ipv6_prefix);
    if (rc == 0 && u->delegated_prefix.family != ADIT_AF_NONE)
        rc = adit_attr_put_addr(h, a, ADIT_ATTR_DELEGATED_PREFIX, &u->delegated_prefix);
    for (uint32_t i = 0; rc == 0 && i < u->route_count; i++)
        rc = adit_attr_put_addr(h, a, ADIT_ATTR_ROUTE, &u->routes[i]);
    if (rc == 0 && u->expiry_s)
        rc = adit_attr_put_u(h, a, ADIT_ATTR_EXPIRY, u->expiry_s);
    if (rc == 0 && u->session_limit)
        rc = adit_attr_put_u(h, a, ADIT_ATTR_SESSION_LIMIT, u->session_limit);
    if (rc == 0 && u->filter[0])
        rc = adit_attr_put_str(h, a, ADIT_ATTR_FILTER_IN, u->filter[0]);
    if (rc == 0 && u->filter[1])
        rc = adit_attr_put_str(h, a, ADIT_ATTR_FILTER_OUT, u->filter[1]);
    if (rc != 0) {
        h->attr->free(a);
        return NULL;
    }
    return a;
}

void local_answer(struct adit_self *self, uint64_t req, uint32_t method, const struct user *u,
                  struct adit_auth_answer *a)
{
    uint32_t cause = a->verdict == ADIT_VERDICT_ACCEPT ? local_forbids(self, u, method) : a->cause;
    if (a->verdict != ADIT_VERDICT_ACCEPT || cause != ADIT_CAUSE_NONE) {
        if (u)
            local_reject(self, req, u, cause);
        else
            local_answer_verdict(self, req, ADIT_VERDICT_REJECT, cause);
    } else {
        struct adit_attrs *attrs = attrs_of(self, u);
        if (!attrs) {
            (void)adit_fail(self, ADIT_ENOMEM, "out of memory");
            local_answer_verdict(self, req, ADIT_VERDICT_ERROR, ADIT_CAUSE_RESOURCE);
        } else {
            char place[PLACE];
            a->attrs = attrs;
            a->place = place_of(self, u, place);
            adit_count(self, LOCAL_ACCEPTED);
            self->host->request->done(self, req, 0, a);
            self->host->attr->free(attrs);
        }
    }
    bytes_wipe(a, sizeof *a);
}

bool local_room(struct adit_self *self)
{
    const struct local *l = self->instance;
    const struct local_conf *c = self->conf;
    if (l->waiting < c->queue)
        return true;
    adit_count(self, LOCAL_BUSY);
    if (self->host->log->allow(self, &local_ev_busy, 6))
        adit_event(self, &local_ev_busy, ADIT_KV_U("queue", c->queue),
                   ADIT_KV_S("remedy", "raise password-queue, or let clients use mschapv2, which "
                             "needs no strong hash"));
    return false;
}

/* ---- PAP --------------------------------------------------------------------------------- */

static void job_free(struct job *j)
{
    free(j->name);
    if (j->hash)
        bytes_wipe(j->hash, strlen(j->hash));
    free(j->hash);
    bytes_wipe(j, sizeof *j);
    free(j);
}

/* ON A THREAD. One strong hash, whatever the account has. */
static void job_run(void *u)
{
    struct job *j = u;
    char out[256];
    if (j->hash) {
        j->rc = j->crypto->password_check(j->password, j->len, j->hash);
        return;
    }
    (void)j->crypto->password_hash(j->password, j->len, out, sizeof out);
    bytes_wipe(out, sizeof out);
    j->rc = j->right ? 0 : ADIT_EAUTH;
}

static void job_answer(struct adit_self *self, const struct job *j)
{
    if (!j->known) {
        local_answer_verdict(self, j->req, ADIT_VERDICT_NEXT, ADIT_CAUSE_UNKNOWN_USER);
        return;
    }
    /* It may have been removed while the thread was at work. */
    const struct local *l = self->instance;
    const struct user *u = users_find_exact(l->users, j->name);
    struct adit_auth_answer a = { .size = sizeof a, .verdict = ADIT_VERDICT_REJECT,
                                  .cause = ADIT_CAUSE_AUTH_FAILED };
    if (j->rc == 0 && u)
        a.verdict = ADIT_VERDICT_ACCEPT;
    if (j->rc != 0 && j->rc != ADIT_EAUTH) {
        (void)adit_fail(self, j->rc, "user '%s': password-hash cannot be checked; set the password "
                        "anew with adit user passwd", j->name);
        local_answer_verdict(self, j->req, ADIT_VERDICT_ERROR, ADIT_CAUSE_AUTH_UNAVAILABLE);
        return;
    }
    local_answer(self, j->req, ADIT_AUTH_PAP, u, &a);
}

static void job_done(void *u, int32_t status)
{
    struct job *j = u;
    if (j->local) {
        struct adit_self *self = j->local->self;
        adit_list_del(&j->node);
        j->local->waiting--;
        if (status != 0)
            self->host->request->done(self, j->req, status, NULL);
        else
            job_answer(self, j);
    }
    job_free(j);
}

static void check_pap(struct adit_self *self, uint64_t req, const struct adit_auth_query *q,
                      const struct user *u)
{
    struct local *l = self->instance;
    if (q->password_len > PASSWORD_MAX || !q->password) {
        local_answer_verdict(self, req, u ? ADIT_VERDICT_REJECT : ADIT_VERDICT_NEXT,
                             u ? ADIT_CAUSE_AUTH_FAILED : ADIT_CAUSE_UNKNOWN_USER);
        return;
    }
    if (!local_room(self)) {
        local_answer_verdict(self, req, ADIT_VERDICT_ERROR, ADIT_CAUSE_AUTH_UNAVAILABLE);
        return;
    }
    struct job *j = calloc(1, sizeof *j);
    if (!j || (u && !(j->name = strdup(u->name))) ||
        (u && u->password_hash && !(j->hash = strdup(u->password_hash)))) {
        if (j)
            job_free(j);
        (void)adit_fail(self, ADIT_ENOMEM, "out of memory");
        local_answer_verdict(self, req, ADIT_VERDICT_ERROR, ADIT_CAUSE_RESOURCE);
        return;
    }
    j->local = l;
    j->req = req;
    j->crypto = self->host->crypto;
    j->known = u != NULL;
    j->len = q->password_len;
    memcpy(j->password, q->password, j->len);
    if (u && !j->hash) {
        struct adit_secret_view s = local_secret(u);
        struct adit_auth_answer a = { .size = sizeof a };
        self->host->judge->judge(q, &s, &a);
        j->right = a.verdict == ADIT_VERDICT_ACCEPT;
        bytes_wipe(&a, sizeof a);
    }
    adit_list_add(&l->jobs, &j->node);
    l->waiting++;
    int32_t rc = self->host->loop->work(self, job_run, job_done, j, &j->work);
    if (rc != 0) {
        adit_list_del(&j->node);
        l->waiting--;
        job_free(j);
        (void)adit_fail(self, rc, "no thread takes the password");
        local_answer_verdict(self, req, ADIT_VERDICT_ERROR, ADIT_CAUSE_AUTH_UNAVAILABLE);
    }
}

/* ---- the others ----------------------------------------------------------------------------- */

/* Nobody of that name: as much work as for a wrong password, then the next. */
static void check_nobody(struct adit_self *self, uint64_t req, const struct adit_auth_query *q)
{
    const struct local *l = self->instance;
    const struct adit_secret_view s = { .size = sizeof s, .nt_hash = l->nobody };
    struct adit_auth_answer a = { .size = sizeof a };
    self->host->judge->judge(q, &s, &a);
    bytes_wipe(&a, sizeof a);
    local_answer_verdict(self, req, ADIT_VERDICT_NEXT, ADIT_CAUSE_UNKNOWN_USER);
}

static void unanswerable(struct adit_self *self, uint64_t req, const struct user *u,
                         const char *method, const char *setting, const char *remedy)
{
    if (self->host->log->allow(self, &local_ev_unanswerable, 30))
        adit_event(self, &local_ev_unanswerable, ADIT_KV_S("account", u->name),
                   ADIT_KV_S("method", method), ADIT_KV_S("setting", setting),
                   ADIT_KV_S("remedy", remedy));
    local_reject(self, req, u, ADIT_CAUSE_METHOD_REFUSED);
}

void local_check(struct adit_self *self, uint64_t req, const struct adit_auth_query *q)
{
    const struct user *u = local_find(self, q);

    if (q->method == ADIT_AUTH_PAP) {
        if (u && !u->password_hash && !u->has_nt && !u->clear) {
            unanswerable(self, req, u, "pap", "password-hash", "set a password: adit user passwd");
            return;
        }
        check_pap(self, req, q, u);
        return;
    }
    if (!u) {
        check_nobody(self, req, q);
        return;
    }
    switch (q->method) {
    case ADIT_AUTH_CHAP:
    case ADIT_AUTH_EAP_MD5:
        if (!u->clear) {
            unanswerable(self, req, u, q->method == ADIT_AUTH_CHAP ? "chap" : "eap-md5", "clear",
                         "adit user passwd --clear keeps the password in clear, or let the client "
                         "use mschapv2");
            return;
        }
        break;
    case ADIT_AUTH_MSCHAPV1:
    case ADIT_AUTH_MSCHAPV2:
    case ADIT_AUTH_EAP_MSCHAPV2:
    case ADIT_AUTH_CHANGE:
        if (!u->has_nt && !u->clear) {
            unanswerable(self, req, u, "mschap", "nt-hash", "set the password: adit user passwd");
            return;
        }
        if (q->method == ADIT_AUTH_CHANGE) {
            local_change(self, req, q, u);
            return;
        }
        break;
    case ADIT_AUTH_EAP_TLS:
        break;
    default:
        local_answer_verdict(self, req, ADIT_VERDICT_REJECT, ADIT_CAUSE_METHOD_REFUSED);
        return;
    }
    struct adit_secret_view s = local_secret(u);
    struct adit_auth_answer a = { .size = sizeof a };
    self->host->judge->judge(q, &s, &a);
    local_answer(self, req, q->method, u, &a);
}

void local_cancel(struct adit_self *self, uint64_t req)
{
    struct local *l = self->instance;
    ADIT_LIST_EACH(n, &l->jobs) {
        struct job *j = ADIT_OF(n, struct job, node);
        if (j->req != req)
            continue;
        self->host->loop->work_cancel(j->work);     /* done() answers */
        return;
    }
    local_change_cancel(self, req);
}

/* Everything is answered; what a thread still holds it frees when it is through. */
void local_jobs_end(struct local *l)
{
    struct adit_self *self = l->self;
    while (!adit_list_empty(&l->jobs)) {
        struct job *j = ADIT_OF(l->jobs.next, struct job, node);
        adit_list_del(&j->node);
        l->waiting--;
        j->local = NULL;
        self->host->request->done(self, j->req, ADIT_ECANCELED, NULL);
        self->host->loop->work_cancel(j->work);
    }
}
