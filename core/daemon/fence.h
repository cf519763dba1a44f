/* fence.h - the internet interface's set and NAT: options of section `network:`.
 *
 *     fence_check(node, &conf, forward, err);  // what only together is wrong
 *     fence_apply(&conf);                      // after dp_open(), and on reload
 */
#ifndef FENCE_H
#define FENCE_H

#include "config/conf.h"

struct fence_conf {
    const char *internet, *nat; /* interfaces; NULL: none */
    struct adit_array admit;    /* const char * */
};
/* Rows for a table of options whose struct has a `struct fence_conf fence`. */
#define FENCE_OPTS(conf)                                                                                    \
    ADIT_OPT(STR, conf, fence.internet, "internet-interface", NULL, ADIT_OPT_RELOAD,                          \
             "An interface that is closed to all but tunnels and what `admit` names: SSH too."),              \
    ADIT_OPT(STR, conf, fence.admit, "admit", NULL, ADIT_OPT_RELOAD | ADIT_OPT_ARRAY,                         \
             "What else the internet interface admits: tcp/22, udp/6000-6010, protocol/89, icmp-echo."),      \
    ADIT_OPT(STR, conf, fence.nat, "nat", NULL, ADIT_OPT_RELOAD,                                              \
             "An interface where clients (IPv4) take the host's address.")

int32_t fence_check(const struct conf_node *network, const struct fence_conf *c, bool forward,
                    const struct conf_err *err);
/* Copies what it needs. What is served in clear is admitted as it comes and goes. */
int32_t fence_apply(const struct fence_conf *c);
/* When the instances are there: tells what is amiss, admits what they serve. */
void fence_settle(void);
void fence_fini(void);          /* forgets; the data path removes its table itself */

#endif
