/* pptp_conf.h - the options of an instance, as the host fills them in. */
#ifndef PPTP_CONF_H
#define PPTP_CONF_H

#include <adit/abi.h>

#define PPTP_PORT 1723

struct pptp_conf {
    struct adit_array listen;           /* of struct adit_addr */
    const char *host_name;              /* NULL: the host's own */
    const char *vendor;
    uint64_t echo_interval, echo_timeout;
    uint64_t start_timeout, idle_timeout, call_timeout, gre_timeout;
    uint64_t reorder_timeout;
    uint32_t reorder_window, receive_window;
    uint32_t mtu;
    uint32_t connections, connections_per_address;
    uint32_t incoming_calls;
};

#endif
