/* rad_share.h - instances of this object that use each other's servers.
 *
 *     rad_share_offer(&me->share, self, conf);         // auth: create(), reload() with the new conf
 *     rad_share_end(&me->share);                       // auth: destroy(), reload() that failed later
 *     conf = rad_share_find("main");                   // accounting: servers and NAS of that one
 *
 * Knows:  which instances of kind auth, type radius, there are at present.
 * Leaves: servers to rad_client.
 *
 * Main loop only. The daemon makes authenticators before accountants.
 */
#ifndef RAD_SHARE_H
#define RAD_SHARE_H

#include <adit/list.h>
#include "rad_conf.h"

struct rad_share {              /* zeroed: not offered */
    struct adit_node node;
    const char *name;
    const struct rad_auth_conf *conf;
};

struct rad_share_watch {        /* zeroed: does not watch */
    struct adit_node node;
    void (*changed)(void *u);
    void *u;
};

/* An instance of kind auth and what it is configured with, which is borrowed until
 * it offers something else or ends. Watchers hear it. */
void rad_share_offer(struct rad_share *s, const struct adit_self *self, const struct rad_auth_conf *conf);
void rad_share_end(struct rad_share *s);
/* By name; NULL: the only one. NULL: there is none, or no name and several. */
const struct rad_auth_conf *rad_share_find(const char *name);
bool rad_share_has(const char *name);
/* changed() after each offer and each end, until unwatch: look again. */
void rad_share_watch(struct rad_share_watch *w, void (*changed)(void *u), void *u);
void rad_share_unwatch(struct rad_share_watch *w);

#endif
