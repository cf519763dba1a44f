/* path.h - datagram paths: sockets, batches, offloads, and whom a datagram came
 * through (host.h, struct adit_path_api).
 *
 * Knows:  UDP with GSO and GRO, raw GRE and ESP, which address was called.
 * Leaves: what the datagrams mean; the loop watches the descriptors.
 */
#ifndef PATH_H
#define PATH_H

#include <stdbool.h>
#include <adit/host.h>
#include <adit/security.h>

extern const struct adit_path_api path_api;
extern const struct adit_frame_api path_frame_api;

/* Called (once a round of reads) before buffers are reused: dp_flush() and the
 * tunnels' flush() hang here. The same pair twice is once. A frame that was
 * dropped (frame->drop) in a round keeps its bytes until these have run. */
void path_on_flush(void (*flush)(void *u), void *u);
void path_off_flush(void (*flush)(void *u), void *u);

struct path_stat {
    uint64_t rx_datagrams, rx_reads, tx_datagrams, tx_sends, tx_errors, rx_unsecured;
    uint64_t rx_bad;            /* truncated, without a source, addressed to many */
    uint64_t tx_dropped;        /* datagrams that did not leave, whatever the reason */
    uint64_t tx_waits;          /* times that a full socket was waited for */
    uint64_t paths, held;       /* now: known, and held by somebody */
};
const struct path_stat *path_stat(void);

/* ---- a security layer's place, below every port (adit/security.h) ----
 *
 *     path_security(self, &ipsec);          // cover() comes for each port
 *     path_deliver(port, self, &info, &our, &peer, v, n);     // opened datagrams
 *       -> sec->tx(self, info, path, v, n)  // what leaves on such a path
 *     path_security_end(self, info.handle); // the association is gone
 *     P->open(port, &peer, &path);          // of a port that demands security
 *       -> sec->begin(self, req, path)      // while the path waits for request->done()
 *
 * `info` is copied; associations are known by their handle. */
extern const struct adit_security_api path_security_api;
int32_t path_security(struct adit_self *self, const struct adit_security *sec);
void path_security_off(struct adit_self *self);         /* every association ends */
/* A port that demands security while there is no layer at all: whose it is;
 * NULL: none. */
const struct adit_self *path_unprotected(void);

/* How a layer is asked for an association: core/plugin's requests, unless a test
 * says otherwise. done() comes once, maybe before begin() returns. */
struct path_asks {
    int32_t (*begin)(struct adit_self *self, const struct adit_security *sec,
                     const struct adit_path *path,
                     void (*done)(void *u, int32_t status, const void *answer), void *u,
                     adit_request *req);
    void (*cancel)(adit_request req);
};
void path_asks(const struct path_asks *a);      /* NULL: core/plugin's */
/* DATA PATH: at most ADIT_VECTOR datagrams of one peer. */
void path_deliver(struct adit_port *port, struct adit_self *self,
                  const struct adit_security_info *info, const struct adit_addr *our,
                  const struct adit_addr *peer, struct adit_frame **v, uint32_t n);
void path_security_end(struct adit_self *self, const void *handle);
/* A held path through an association, for one who calls. */
int32_t path_open_secure(struct adit_port *port, struct adit_self *self,
                         const struct adit_security_info *info, const struct adit_addr *our,
                         const struct adit_addr *peer, struct adit_path **out);
/* changed(u) when a port was bound or unbound; NULL: nobody listens. */
void path_on_ports(void (*changed)(void *u), void *u);
/* A UDP port of that number takes datagrams that came without a security association. */
bool path_clear(uint16_t number);
/* The port that is bound to an address (or to every address); NULL: none. */
struct adit_port *path_port(uint32_t protocol, const struct adit_addr *at);

#endif
