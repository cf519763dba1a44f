/* dial_io.h - section `dial:`, and the dialler's world: names, sessions, secrets, children.
 *
 *     struct dial_plan *p = dial_plan_new(root, err);     // NULL: errors were told
 *     dial_start(p, state_dir);                // after the instances are there
 *     dial_apply(p);                           // on reload: connections that are up stay
 *     dial_stop();                             // after the sessions have ended
 *
 * Knows:  the section, which tunnel and which security layer serve a type, threads for
 *         names.
 * Leaves: the order of a dial to dial, the host's side to apply.
 */
#ifndef DIAL_IO_H
#define DIAL_IO_H

#include "dial/dial.h"

#define DIAL_FOR_OWNER 0u       /* who may use the second socket */
#define DIAL_FOR_GROUP 1u
#define DIAL_FOR_ALL   2u

struct dial_conf {
    const char *phone_book, *socket, *group;
    uint32_t access;            /* DIAL_FOR_* */
    uint32_t user_may;          /* BOOK_MAY_* */
    uint32_t dns;               /* RESOLV_* */
    const char *resolv_conf;
};
extern const struct adit_opt dial_opts[];

struct dial_plan;
struct dial_plan *dial_plan_new(const struct conf_node *root, const struct conf_err *err);
void dial_plan_free(struct dial_plan *p);       /* NULL is fine */
const struct dial_conf *dial_plan_conf(const struct dial_plan *p);
int32_t dial_start(struct dial_plan *p, const char *state_dir);
void dial_apply(struct dial_plan *p);           /* takes what the plan holds */
void dial_stop(void);

const struct dial_conf *dial_conf_get(void);
const struct book *dial_book(void);

#endif
