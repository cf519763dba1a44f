/* table.h - a chained hash that grows with what it holds.
 *
 *     struct item { struct table_node node; ... };
 *     static struct table items;              // zeroed: empty
 *     table_add(&items, hash, &item->node);
 *     for (struct table_node *n = table_first(&items, hash); n; n = table_next(&items, n))
 *         if (same(ADIT_OF(n, struct item, node), key)) ...
 *
 * Knows:  buckets and when there are too few. Adding never fails: without
 *         memory the chains just stay longer.
 * Leaves: what a key is; only nodes of the very hash are shown to the caller.
 */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>
#include <adit/list.h>

struct table_node {
    struct adit_node node;      /* zeroed: in no table */
    uint32_t hash;
};

struct table {
    struct adit_hash h;
    struct adit_node one;       /* the only bucket, until there is memory for more */
};                              /* it stays where it is */

void table_add(struct table *t, uint32_t hash, struct table_node *n);
void table_fini(struct table *t);               /* what is still in it is let go */

static inline bool table_has(const struct table_node *n)
{
    return n->node.next != NULL;
}

/* Nothing happens to a node that is in no table. */
static inline void table_del(struct table *t, struct table_node *n)
{
    adit_hash_del(&t->h, &n->node);
}

/* The next node of this hash in the chain of `head`, from `n` on; NULL: none. */
static inline struct table_node *table_seek(const struct adit_node *head, struct adit_node *n,
                                            uint32_t hash)
{
    for (; n != head; n = n->next) {
        struct table_node *t = ADIT_OF(n, struct table_node, node);
        if (t->hash == hash)
            return t;
    }
    return NULL;
}

static inline struct table_node *table_first(const struct table *t, uint32_t hash)
{
    if (!t->h.count)
        return NULL;
    const struct adit_node *head = adit_hash_chain(&t->h, hash);
    return table_seek(head, head->next, hash);
}

static inline struct table_node *table_next(const struct table *t, const struct table_node *n)
{
    return table_seek(adit_hash_chain(&t->h, n->hash), n->node.next, n->hash);
}

#endif
