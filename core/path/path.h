/* path.h - datagram paths: sockets, batches, offloads, and whom a datagram came
 * through (host.h, struct adit_path_api).
 *
 * Knows:  UDP with GSO and GRO, raw GRE, which address was called.
 * Leaves: what the datagrams mean; the loop watches the descriptors.
 */
#ifndef PATH_H
#define PATH_H

#include <adit/host.h>

extern const struct adit_path_api path_api;
extern const struct adit_frame_api path_frame_api;

/* Called (once a round of reads) before buffers are reused: dp_flush() and the
 * tunnels' flush() hang here. */
void path_on_flush(void (*flush)(void *u), void *u);

struct path_stat {
    uint64_t rx_datagrams, rx_reads, tx_datagrams, tx_sends, tx_errors, rx_unsecured;
};
const struct path_stat *path_stat(void);

#endif
