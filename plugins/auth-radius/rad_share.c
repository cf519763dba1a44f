/* rad_share.c - instances of this object that use each other's servers.
 *
 * Knows:  which instances of kind auth, type radius, there are at present.
 * Leaves: servers to rad_client.
 */
#include "rad_share.h"

static struct adit_node offers = { &offers, &offers };
static struct adit_node watchers = { &watchers, &watchers };

static void tell(void)
{
    ADIT_LIST_EACH(n, &watchers) {
        struct rad_share_watch *w = ADIT_OF(n, struct rad_share_watch, node);
        w->changed(w->u);
    }
}

void rad_share_offer(struct rad_share *s, const struct adit_self *self, const struct rad_auth_conf *conf)
{
    s->name = self->name;
    s->conf = conf;
    if (!s->node.next)
        adit_list_add(&offers, &s->node);
    tell();
}

void rad_share_end(struct rad_share *s)
{
    if (!s->node.next)
        return;
    adit_list_del(&s->node);
    tell();
}

const struct rad_auth_conf *rad_share_find(const char *name)
{
    const struct rad_auth_conf *found = NULL;
    ADIT_LIST_EACH(n, &offers) {
        const struct rad_share *s = ADIT_OF(n, struct rad_share, node);
        if (name && !strcmp(s->name, name))
            return s->conf;
        if (!name && found)
            return NULL;
        found = name ? NULL : s->conf;
    }
    return found;
}

bool rad_share_has(const char *name)
{
    ADIT_LIST_EACH(n, &offers)
        if (!strcmp(ADIT_OF(n, struct rad_share, node)->name, name))
            return true;
    return false;
}

void rad_share_watch(struct rad_share_watch *w, void (*changed)(void *u), void *u)
{
    w->changed = changed;
    w->u = u;
    if (!w->node.next)
        adit_list_add(&watchers, &w->node);
}

void rad_share_unwatch(struct rad_share_watch *w)
{
    adit_list_del(&w->node);
}
