/* ses.h - sessions: the ladder link, authentication, policy, address, up.
 *
 * Knows:  the order of a login, ports, limits, causes; who asks whom.
 * Leaves: frames to ppp, tunnels to plugins, packets to datapath.
 */
#ifndef SES_H
#define SES_H

#include <adit/host.h>

extern const struct adit_link_api ses_link_api;         /* what tunnels call */

#endif
