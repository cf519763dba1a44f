/* rad_auth.h - kind auth, type radius: an instance, and what plugin.c declares of it.
 *
 * Knows:  which attributes ask about each method, what an answer means for a login.
 * Leaves: servers to rad_client, attributes of the session to rad_attr.
 */
#ifndef RAD_AUTH_H
#define RAD_AUTH_H

#include <adit/table.h>
#include "rad_client.h"
#include "rad_coa.h"
#include "rad_share.h"

enum rad_auth_counter {
    RAD_AUTH_ACCEPTED, RAD_AUTH_REJECTED, RAD_AUTH_CHALLENGED, RAD_AUTH_FOREIGN, RAD_AUTH_BUSY,
    RAD_AUTH_UNANSWERED, RAD_AUTH_USELESS, RAD_AUTH_BAD, RAD_AUTH_IGNORED,
    RAD_AUTH_COUNTERS
};
/* Their numbers in the face's table: the client's come first, CoA's last. */
#define RAD_N_AUTH(which) (RAD_N_CLIENT + RAD_AUTH_##which)
#define RAD_N_COA         (RAD_N_CLIENT + RAD_AUTH_COUNTERS)
#define RAD_N_AUTH_ALL    (RAD_N_COA + RAD_COA_COUNTERS)

struct rad_auth {
    struct adit_self *self;
    struct rad_group *group;
    struct rad_coa *coa;
    struct rad_share share;
    struct adit_table queries;  /* struct query (rad_auth.c), being asked, by request */
    uint32_t waiting;
    bool running;               /* between start() and stop() */
};

extern const struct adit_life rad_auth_life;
extern const struct adit_auth rad_auth_vtable;
extern const struct adit_event rad_ev_useless, rad_ev_busy, rad_ev_unanswered;
#define RAD_AUTH_EVENTS &rad_ev_useless, &rad_ev_busy, &rad_ev_unanswered

/* Writes what asks about a login: User-Name, State, and the method's own but for
 * User-Password, which depends on the server: rad_put_password(). False: a field is
 * missing or does not fit, or RADIUS has no form for the method. */
bool rad_auth_put(const struct adit_host *h, struct rad_out *o, const char *user,
                  const struct adit_auth_query *q);
/* The last in a request: NAS-IP-Address or NAS-IPv6-Address, unless it is there already. */
void rad_auth_put_our(struct rad_out *o);
/* What an answer means. `attrs` is the caller's, freshly made; the keys in it are
 * secrets: wipe the whole. */
struct rad_judged {
    struct adit_auth_answer answer;
    struct adit_attrs *attrs;
    char message[256];
    uint8_t eap[RAD_MAX];
    uint8_t state[1 + 255 + 253];
};
void rad_auth_judge(struct adit_self *self, const struct adit_auth_query *q, const struct rad_in *in,
                    const struct rad_how *how, struct rad_judged *j);

#endif
