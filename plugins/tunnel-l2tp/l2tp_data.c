/* l2tp_data.c - data messages of L2TP, with and without sequence numbers
 * (RFC 2661 sections 3.1, 5.3, 5.4, appendix C). DATA PATH.
 *
 * Knows:  the data header, the order of sequenced frames, how long to wait.
 * Leaves: sessions and where frames go to l2tp_io.
 */
#include "l2tp_data.h"

#include <stdlib.h>

#define RESTARTED 64u           /* so many late frames in a row: the peer counts anew */

uint32_t l2tp_data_push(struct l2tp_tx *x, struct adit_frame **v, uint32_t n)
{
    uint32_t len = l2tp_data_overhead(x), out = 0;
    uint16_t flags = (uint16_t)(2u | (x->length ? L2TP_F_LENGTH : 0u) |
                                (x->sequence ? L2TP_F_SEQUENCE : 0u));
    for (uint32_t i = 0; i < n; i++) {
        uint8_t *h = adit_frame_push(v[i], len);
        if (!h)
            continue;
        struct wr w = wr_of(h, len);
        wr_u16(&w, flags);
        if (x->length)
            wr_u16(&w, (uint16_t)v[i]->len);
        wr_u16(&w, x->tunnel);
        wr_u16(&w, x->session);
        if (x->sequence) {
            wr_u16(&w, x->ns++);
            wr_u16(&w, 0);      /* Nr is reserved in data messages */
        }
        v[out++] = v[i];
    }
    return out;
}

void l2tp_seq_init(struct l2tp_seq *q, const struct l2tp_seq_ops *ops,
                   const struct adit_frame_api *frames, void *u, uint16_t size,
                   uint32_t timeout_ms)
{
    *q = (struct l2tp_seq){ .ops = ops, .frames = frames, .u = u, .timeout_ms = timeout_ms };
    for (q->size = 1; q->size < size; q->size = (uint16_t)(q->size * 2))
        ;
    if (size == 0)
        q->size = 0;
}

void l2tp_seq_fini(struct l2tp_seq *q)
{
    if (q->closed || !q->ops)
        return;
    q->closed = true;
    for (uint32_t i = 0; i < q->batched; i++)
        if (q->kept & 1ull << i)
            q->frames->drop(q->batch[i]);
    for (uint32_t i = 0; q->slot && i < q->size; i++)
        if (q->slot[i])
            q->frames->drop(q->slot[i]);
    free(q->slot);
    q->slot = NULL;
    q->batched = q->held = 0;
    q->ops->timer(q->u, 0);
}

void l2tp_seq_flush(struct l2tp_seq *q)
{
    struct adit_frame *ours[ADIT_VECTOR];
    const struct adit_frame_api *frames = q->frames;
    uint32_t n = q->batched, m = 0;
    if (q->closed || n == 0)
        return;
    for (uint32_t i = 0; i < n; i++)        /* the receiver may reorder the vector */
        if (q->kept & 1ull << i)
            ours[m++] = q->batch[i];
    q->batched = 0;
    q->kept = 0;
    q->ops->deliver(q->u, q->batch, n);     /* may close the queue: q is not read again */
    for (uint32_t i = 0; i < m; i++)
        frames->drop(ours[i]);
}

static void give(struct l2tp_seq *q, struct adit_frame *f, bool ours)
{
    if (q->batched == ADIT_VECTOR)
        l2tp_seq_flush(q);
    if (q->closed) {
        if (ours)
            q->frames->drop(f);
        return;
    }
    if (ours)
        q->kept |= 1ull << q->batched;
    q->batch[q->batched++] = f;
}

/* Steps over the next number: its frame is given if it is there. */
static bool advance(struct l2tp_seq *q)
{
    struct adit_frame **at = q->slot ? &q->slot[q->next & (q->size - 1u)] : NULL;
    struct adit_frame *f = at ? *at : NULL;
    q->next++;
    if (!f)
        return false;
    *at = NULL;
    q->held--;
    q->reordered++;
    give(q, f, true);
    return true;
}

static bool next_is_held(const struct l2tp_seq *q)
{
    return q->held && q->slot && q->slot[q->next & (q->size - 1u)];
}

/* Gives what now is in order, and waits for what is missing. */
static void drain(struct l2tp_seq *q)
{
    uint32_t before = q->held;
    while (!q->closed && next_is_held(q))
        (void)advance(q);
    if (!q->closed && before != q->held)
        q->ops->timer(q->u, q->held ? q->timeout_ms : 0);
}

static void hold(struct l2tp_seq *q, uint16_t ns, const struct adit_frame *f)
{
    if (!q->slot)
        q->slot = calloc(q->size, sizeof *q->slot);
    struct adit_frame **at = q->slot ? &q->slot[ns & (q->size - 1u)] : NULL;
    if (at && *at) {
        q->late++;              /* twice */
        return;
    }
    struct adit_frame *k = at ? q->frames->keep(f) : NULL;
    if (!k) {
        q->lost++;
        return;
    }
    *at = k;
    if (q->held++ == 0)
        q->ops->timer(q->u, q->timeout_ms);
}

void l2tp_seq_rx(struct l2tp_seq *q, uint16_t ns, struct adit_frame *f)
{
    int32_t ahead = (int16_t)(uint16_t)(ns - q->next);
    if (q->closed)
        return;
    if (ahead < 0) {
        q->late++;
        if (++q->late_run < RESTARTED)
            return;
        while (q->held && !q->closed)       /* begin anew where the peer is */
            (void)advance(q);
        q->next = ns;
        ahead = 0;
    }
    q->late_run = 0;
    /* Further ahead than we wait for: what is missing before it is lost. */
    while (ahead > 0 && ahead >= (int32_t)q->size && q->held && !q->closed) {
        if (!advance(q))
            q->lost++;
        ahead--;
    }
    if (q->closed)
        return;
    if (ahead > 0 && ahead >= (int32_t)q->size) {
        q->lost += (uint64_t)ahead;
        q->next = ns;
        ahead = 0;
    }
    if (ahead > 0 && !next_is_held(q)) {
        hold(q, ns, f);
        return;
    }
    if (ahead > 0) {            /* stepping over the gap brought the next in line */
        drain(q);
        l2tp_seq_rx(q, ns, f);
        return;
    }
    q->next++;
    give(q, f, false);
    drain(q);
}

void l2tp_seq_tick(struct l2tp_seq *q)
{
    while (!q->closed && q->held && !next_is_held(q)) {
        q->next++;
        q->lost++;
    }
    drain(q);
    l2tp_seq_flush(q);
}
