/* rad_udp.c - lanes over UDP (RFC 2865): one source port each.
 *
 * Knows:  ports and paths of the host, whose datagrams count.
 * Leaves: everything inside a datagram to rad_server.
 */
#include "rad_group.h"

#include <stdlib.h>

struct udp {
    struct adit_port *port;
    struct adit_path *path;
};

/* Answers count from the very address and port that was asked (RFC 2865 section 3
 * demands the address, and the port is where servers answer from). */
static bool is_server(const struct rad_lane *l, const struct adit_addr *peer)
{
    return peer->port == l->peer.port && adit_same_host(peer, &l->peer);
}

static void rx(void *u, struct adit_path *path, struct adit_frame **v, uint32_t n)
{
    struct rad_lane *l = u;
    for (uint32_t i = 0; i < n; i++)
        if (is_server(l, &path->peer))
            rad_lane_rx(l, v[i]->data, v[i]->len);
        else
            rad_lane_stray(l, &path->peer);
}

static const struct adit_path_ops ops = { .size = sizeof ops, .rx = rx };

static void udp_close(struct rad_lane *l)
{
    struct udp *w = l->wire;
    const struct adit_path_api *api = l->server->group->self->host->path;
    api->drop(w->path);
    api->unbind(w->port);
    free(w);
    l->wire = NULL;
}

/* ICMP errors are easily forged, and a server that starts again answers the next try:
 * the port is steady. */
static const char *udp_open(struct rad_lane *l)
{
    struct adit_self *self = l->server->group->self;
    const struct adit_path_api *api = self->host->path;
    struct adit_addr at = l->server->conf.source;
    struct udp *w = calloc(1, sizeof *w);
    if (!w)
        return "out of memory";
    if (!at.family)
        at.family = l->peer.family;     /* every address of that family */
    at.port = 0;
    if (api->bind(self, ADIT_PROTO_UDP, &at, ADIT_PATH_STEADY, &ops, l, &w->port)) {
        free(w);
        return l->server->conf.source.family ? "no port can be opened at its source: has this host that address?"
                                             : "no port can be opened to ask it from";
    }
    if (api->open(w->port, &l->peer, &w->path)) {
        api->unbind(w->port);
        free(w);
        return "there is no route to it from here";
    }
    l->wire = w;
    l->our = w->path->our;
    l->up = true;
    return NULL;
}

static void udp_tx(struct rad_lane *l, const uint8_t *p, uint32_t len)
{
    static uint8_t buf[ADIT_ROOM + RAD_MAX + ADIT_ROOM];
    struct udp *w = l->wire;
    struct adit_frame f = adit_frame_of(buf, sizeof buf, ADIT_ROOM, len), *v = &f;
    memcpy(f.data, p, len);
    l->server->group->self->host->path->tx(w->path, &v, 1);
}

const struct rad_transport rad_udp = {
    .name = "udp", .lanes = 64, .open = udp_open, .tx = udp_tx, .close = udp_close,
};
