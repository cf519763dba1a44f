/* priv.c - the list of privileges: three capabilities.
 *
 * NET_ADMIN: TUN, addresses, routes, forwarding; also of a child (nft), which as root
 * gets what the bounding set has. NET_RAW: GRE.
 * NET_BIND_SERVICE: ports 1701 and 1723 when a reload turns a tunnel on.
 */
#include "privilege/priv.h"

#include <cap-ng.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include "log/log.h"

int priv_drop(void)
{
    struct rlimit none = { 0, 0 };
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (geteuid() != 0)
        return 0;               /* the service manager gave what it gave */
    capng_clear(CAPNG_SELECT_BOTH);
    capng_updatev(CAPNG_ADD, (capng_type_t)(CAPNG_EFFECTIVE | CAPNG_PERMITTED), CAP_NET_ADMIN, CAP_NET_RAW,
                  CAP_NET_BIND_SERVICE, -1);
    capng_update(CAPNG_ADD, CAPNG_BOUNDING_SET, CAP_NET_ADMIN);
    if (capng_apply(CAPNG_SELECT_BOTH))
        return log_fail("privilege", ADIT_EDENIED,
                        "capabilities cannot be given up; start aditd as root or from its unit");
    return 0;
}
