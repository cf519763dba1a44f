/* table.c - a chained hash that grows with what it holds.
 *
 * Knows:  when buckets are too few, and moving what is in them.
 * Leaves: looking, which is inline.
 */
#include "base/table.h"

#include <stdlib.h>

#define FIRST_BITS 8u

static void let_go(struct table *t)
{
    if (t->h.bucket != &t->one)
        free(t->h.bucket);
}

/* Doubles the buckets; the chains are about one node long. */
static void grow(struct table *t)
{
    uint32_t bits = FIRST_BITS;
    while ((1u << bits) <= t->h.mask + 1)
        bits++;
    if (bits > 30)
        return;
    struct adit_node *b = malloc(sizeof *b << bits);
    if (!b)
        return;
    struct adit_hash fresh;
    adit_hash_init(&fresh, b, bits);
    for (uint32_t i = 0; i <= t->h.mask; i++)
        ADIT_LIST_EACH(n, &t->h.bucket[i]) {
            adit_list_del(n);
            adit_hash_add(&fresh, ADIT_OF(n, struct table_node, node)->hash, n);
        }
    let_go(t);
    t->h = fresh;
}

void table_add(struct table *t, uint32_t hash, struct table_node *n)
{
    if (!t->h.bucket)
        adit_hash_init(&t->h, &t->one, 0);
    if (t->h.count > t->h.mask)
        grow(t);
    n->hash = hash;
    adit_hash_add(&t->h, hash, &n->node);
}

void table_fini(struct table *t)
{
    for (uint32_t i = 0; t->h.bucket && i <= t->h.mask; i++)
        ADIT_LIST_EACH(n, &t->h.bucket[i])
            adit_list_del(n);
    let_go(t);
    *t = (struct table){ 0 };
}
