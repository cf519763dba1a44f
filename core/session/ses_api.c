/* ses_api.c - sessions from outside: finding, showing, changing, ending them.
 *
 * Knows:  what of a session that is up may be asked and changed, and by whom it
 *         is found without a walk.
 * Leaves: what a changed value does to ses_net.c.
 */
#include "session/ses_int.h"

#include <stdlib.h>
#include "base/attr.h"
#include "datapath/dp_guard.h"

/* ---- finding ------------------------------------------------------------------- */

struct found {
    const struct adit_attrs *which;
    uint64_t *out;
    uint32_t n, most;
};

static void look(struct ses *s, void *u)
{
    struct found *f = u;
    if (!s || s->dial || !ses_live(s) || !attr_fits(s->attrs, f->which))
        return;
    if (f->n < f->most)
        f->out[f->n] = s->number;
    f->n++;
}

static const char *str_of(const struct adit_attrs *a, uint32_t id)
{
    const struct adit_value *v = plug_attr_api.get(a, id, 0);
    return v && v->type == ADIT_TYPE_STR ? v->v.p : NULL;
}

static uint32_t api_find(struct adit_self *self, const struct adit_attrs *which, uint64_t *out,
                         uint32_t n)
{
    (void)self;
    struct found f = { which, out, 0, n };
    const char *session = str_of(which, ADIT_ATTR_SESSION),
               *user = str_of(which, ADIT_ATTR_USER), *account = str_of(which, ADIT_ATTR_ACCOUNT);
    const struct adit_value *address = plug_attr_api.get(which, ADIT_ATTR_ADDRESS, 0);
    char name[SES_NAME], domain[SES_DOMAIN];
    if (session) {
        const char *number = strchr(session, '-');
        look(number ? ses_index_find(strtoull(number + 1, NULL, 10)) : NULL, &f);
    } else if (address) {
        look(address->type == ADIT_TYPE_ADDR ? ses_index_holder(&address->v.addr) : NULL, &f);
    } else if (account) {
        ses_index_account(account, look, &f);
    } else if (user) {
        ses_user_split(user, name, domain);
        ses_index_account(name, look, &f);
    } else {
        for (struct ses *s = ses_next(NULL); s; s = ses_next(s))
            look(s, &f);
    }
    return f.n;
}

/* ---- showing, changing, ending ----------------------------------------------------- */

static const struct adit_attrs *api_attrs(struct adit_self *self, uint64_t session)
{
    (void)self;
    struct ses *s = ses_index_find(session);
    if (!s)
        return NULL;
    ses_net_count(s);
    return s->attrs;
}

/* Whether a session that is up can take other values of an attribute. */
static bool changes(uint32_t id)
{
    switch (id) {
    case ADIT_ATTR_SESSION_TIMEOUT:
    case ADIT_ATTR_IDLE_TIMEOUT:
    case ADIT_ATTR_INTERIM:
    case ADIT_ATTR_EXPIRY:
    case ADIT_ATTR_CLASS:
        return true;
    default:
        return ses_guard_is(id);
    }
}

int32_t ses_revise(struct ses *s, const struct adit_attrs *values)
{
    struct dp_guard *guard = NULL;
    bool guarded = false;
    uint32_t pos = 0, id;
    const struct adit_value *v;
    while (plug_attr_api.next(values, &pos, &id, &v)) {
        if (!changes(id))
            return ADIT_ENOSYS;
        guarded = guarded || ses_guard_is(id);
    }
    int32_t rc = guarded ? ses_guard_revised(s, values, &guard) : 0;
    if (!rc)
        rc = attr_over(s->attrs, values);       /* in place: the caller may look at them */
    if (rc) {
        dp_guard_free(guard);
        return rc;
    }
    if (guarded && s->port)
        dp_port_guard(s->port, guard);
    else
        dp_guard_free(guard);
    ses_net_limits(s);
    return 0;
}

static int32_t api_revise(struct adit_self *self, uint64_t session, const struct adit_attrs *values)
{
    (void)self;
    struct ses *s = ses_index_find(session);
    return s ? ses_revise(s, values) : ADIT_ENOENT;
}

static int32_t api_drop(struct adit_self *self, uint64_t session, uint32_t cause, const char *text)
{
    (void)self;
    struct ses *s = ses_index_find(session);
    if (!s)
        return ADIT_ENOENT;
    ses_drop(s, cause, text);
    return 0;
}

const struct adit_session_api ses_session_api = {
    .size = sizeof ses_session_api, .find = api_find, .attrs = api_attrs, .revise = api_revise,
    .drop = api_drop,
};
