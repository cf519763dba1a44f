/* adit/security.h - a security layer: protects the datagrams of paths (IPsec).
 *
 * It binds the ports that it needs itself (path->bind(): UDP 500 and 4500, ESP),
 * hands what it opened in with host->security->rx(), under a handle, and seals
 * what leaves on a path that has its handle.
 */
#ifndef ADIT_SECURITY_H
#define ADIT_SECURITY_H

#include <adit/abi.h>
#include <adit/frame.h>
#include <adit/host.h>

struct adit_security {
    uint32_t size;
    uint32_t reserved;
    /* A port was bound: protocol and address that this layer shall cover. */
    int32_t (*cover)(struct adit_self *self, uint32_t protocol, const struct adit_addr *at);
    /* DATA PATH: seals a vector for the association and sends it. */
    void (*tx)(struct adit_self *self, const struct adit_security_info *info,
               const struct adit_path *path, struct adit_frame **v, uint32_t n);
    /* Begins an association with the peer of a path, for one who dials; ends in
     * request->done() with a struct adit_security_info, which may name an
     * association that exists already. path->our and path->peer are what the
     * datagrams will have: addresses, and ports of the protocol inside. */
    void (*begin)(struct adit_self *self, uint64_t req, const struct adit_path *path);
    void (*cancel)(struct adit_self *self, uint64_t req);
    /* A path no longer uses the association. */
    void (*unused)(struct adit_self *self, const struct adit_security_info *info);
    /* 1.1: whoever calls that peer (an address) from now on proves itself with this key, which
     * goes before those of the configuration; NULL: with those again. Copied; as often NULL
     * as given. May be absent: then the configuration's keys are all that there are. */
    int32_t (*peer_key)(struct adit_self *self, const struct adit_addr *peer, const char *key);
};

#endif
