/* path_dial.c - paths that wait for their association: calls from ports that demand
 * security.
 *
 * Knows:  which layer is asked, what was sent meanwhile, how it ended.
 * Leaves: requests and their time to core/plugin, negotiating to the layer.
 *
 * The path exists at once, so that whoever calls can do as in the clear: send
 * its first message, and send it again. The answer of the layer is taken when it
 * comes, but acts at the end of the round only: nobody's calls are nested.
 */
#include "path/path_int.h"
#include <stdlib.h>
#include "log/log.h"
#include "loop/loop.h"
#include "plugin/plug.h"

#define LIMIT_MS 60000u         /* of the request; the layer's own limits are shorter */
#define KEPT     4u             /* datagrams that wait; later ones are dropped: they come again */

struct path_dial {
    struct adit_node node;      /* in dials */
    struct path *path;          /* NULL: dropped meanwhile */
    struct path_layer *layer;
    adit_request req;
    bool answered;
    struct path_assoc *assoc;   /* answered: NULL: there is none; we hold a reference */
    struct loop_idle end;
    struct adit_frame *kept[KEPT];
    uint32_t count;
};

static struct adit_node dials = { &dials, &dials };

/* ---- asking ------------------------------------------------------------------------ */

static int32_t ask(struct adit_self *self, const struct adit_security *sec,
                   const struct adit_path *path,
                   void (*done)(void *u, int32_t status, const void *answer), void *u,
                   adit_request *req)
{
    struct plug_inst *i = plug_of(self);
    int32_t rc = plug_ask(i, LIMIT_MS, done, u, req);
    if (!rc) {
        adit_request number = *req;             /* u may be gone when begin() returns */
        PLUG_CALL(i, "begin", sec->begin(self, number, path));
    }
    return rc;
}

static const struct path_asks plug_asks = { ask, plug_ask_cancel };
static const struct path_asks *asks = &plug_asks;

void path_asks(const struct path_asks *a)
{
    asks = a ? a : &plug_asks;
}

/* ---- the end of it ------------------------------------------------------------------- */

static void dial_free(struct path_dial *d)
{
    loop_round_end_cancel(&d->end);
    for (uint32_t i = 0; i < d->count; i++)
        path_frame_api.drop(d->kept[i]);
    if (d->assoc)
        path_assoc_unref(d->assoc);
    adit_list_del(&d->node);
    free(d);
}

static void round_end(void *u)
{
    struct path_dial *d = u;
    struct path *p = d->path;
    p->dial = NULL;
    if (d->assoc && !d->assoc->ended && !p->port->closed) {
        path_secure(p, d->assoc);
        if (d->count)
            path_api.tx(&p->pub, d->kept, d->count);
    } else {
        path_stats.tx_dropped += d->count;
        path_gone(p);
    }
    dial_free(d);
}

static void done(void *u, int32_t status, const void *answer)
{
    struct path_dial *d = u;
    if (!d->path) {             /* we cancelled it */
        dial_free(d);
        return;
    }
    d->answered = true;
    if (!status && answer)
        d->assoc = path_assoc_get(d->layer, answer);
    if (d->assoc)
        d->assoc->used = true;  /* it was made for us: the layer hears when that was in vain */
    loop_at_round_end(&d->end);
}

/* ---- what the rest of the room calls ---------------------------------------------------- */

/* The path of an earlier call to that peer, whose association lives. */
static struct path *called(struct adit_port *port, const struct path *like)
{
    ADIT_LIST_EACH(n, &path_layers) {
        const struct path_layer *l = ADIT_OF(n, struct path_layer, node);
        for (uint32_t i = 0; i <= l->assocs.mask; i++)
            ADIT_LIST_EACH(m, &l->assocs.bucket[i]) {
                const struct path_assoc *a = ADIT_OF(m, struct path_assoc, node);
                ADIT_LIST_EACH(k, &a->paths) {
                    struct path *p = ADIT_OF(k, struct path, in_assoc);
                    if (p->dialled && p->refs && !p->gone && p->port == port &&
                        memcmp(&p->pub.our, &like->pub.our, sizeof p->pub.our) == 0 &&
                        memcmp(&p->pub.peer, &like->pub.peer, sizeof p->pub.peer) == 0)
                        return p;
                }
            }
    }
    return NULL;
}

static struct path_layer *who_begins(void)
{
    ADIT_LIST_EACH(n, &path_layers)
        if (ADIT_OF(n, struct path_layer, node)->sec->begin)
            return ADIT_OF(n, struct path_layer, node);
    return NULL;
}

int32_t path_dial(struct adit_port *port, const struct adit_addr *our, const struct adit_addr *peer,
                  struct adit_path **out)
{
    struct path_layer *l = who_begins();
    struct path *p, *earlier;
    if (!out)
        return ADIT_EINVAL;
    if (!l)
        return log_fail("path", ADIT_EDENIED,
                        "this call demands security and nothing is configured that could give it; "
                        "add an entry to the section security (type: ipsec), or let the call do "
                        "without (require-security: no)");
    int32_t rc = path_open(port, NULL, our, peer, &p);
    if (rc)
        return rc;
    *out = &p->pub;
    if (p->dial)                /* one more who waits */
        return 0;
    if ((earlier = called(port, p)) != NULL) {
        *out = path_api.hold(&earlier->pub);
        path_api.drop(&p->pub);
        return 0;
    }
    struct path_dial *d = calloc(1, sizeof *d);
    if (!d) {
        path_api.drop(&p->pub);
        return ADIT_ENOMEM;
    }
    d->path = p;
    d->layer = l;
    d->end = (struct loop_idle){ .run = round_end, .u = d };
    adit_list_add(&dials, &d->node);
    p->dial = d;
    p->dialled = true;
    rc = asks->begin(l->self, l->sec, &p->pub, done, d, &d->req);
    if (rc) {                   /* nobody was asked, done() will not come */
        p->dial = NULL;
        dial_free(d);
        path_api.drop(&p->pub);
    }
    return rc;
}

void path_dial_tx(struct path *p, struct adit_frame **v, uint32_t n)
{
    struct path_dial *d = p->dial;
    for (uint32_t i = 0; i < n; i++) {
        struct adit_frame *f = d->count < KEPT ? path_frame_api.keep(v[i]) : NULL;
        if (f)
            d->kept[d->count++] = f;
        else
            path_stats.tx_dropped++;
    }
}

void path_dial_drop(struct path *p)
{
    struct path_dial *d = p->dial;
    if (!d)
        return;
    p->dial = NULL;
    d->path = NULL;
    if (d->answered)
        dial_free(d);
    else
        asks->cancel(d->req);   /* done() comes, and frees it */
}

void path_dial_off(struct path_layer *l)
{
    for (bool more = true; more;) {
        more = false;
        ADIT_LIST_EACH(n, &dials) {
            struct path_dial *d = ADIT_OF(n, struct path_dial, node);
            if (d->layer != l)
                continue;
            if (!d->answered) {
                asks->cancel(d->req);
                more = true;    /* the list may have changed under us */
                break;
            }
            if (d->assoc)       /* a layer that ends takes its associations with it */
                path_assoc_unref(d->assoc);
            d->assoc = NULL;
        }
    }
}
