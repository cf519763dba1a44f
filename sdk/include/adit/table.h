/* adit/table.h - a chained hash that grows with what it holds.
 *
 *     struct item { struct adit_entry entry; ... };
 *     static struct adit_table items;         // zeroed: empty; it stays where it is
 *     adit_table_add(&items, hash, &item->entry);
 *     for (struct adit_entry *e = adit_table_first(&items, hash); e; e = adit_table_next(&items, e))
 *         if (same(ADIT_OF(e, struct item, entry), key)) ...
 *
 * What a key is, is the owner's affair: only entries of the very hash are shown
 * to it, the oldest first. Adding never fails: without memory for more buckets
 * the chains just stay longer. adit_hash of adit/list.h is the fixed size.
 */
#ifndef ADIT_TABLE_H
#define ADIT_TABLE_H

#include <stdlib.h>
#include <adit/list.h>

struct adit_entry {
    struct adit_node node;      /* zeroed: in no table */
    uint32_t hash;
};

struct adit_table {
    struct adit_hash h;
    struct adit_node one;       /* the only bucket, until there is memory for more */
};

/* Doubles the buckets, 256 at least: the chains are about one entry long. */
static inline void adit_table_grow(struct adit_table *t)
{
    struct adit_hash fresh;
    uint32_t bits = 8;
    while (bits < 30 && (1u << bits) <= t->h.mask + 1)
        bits++;
    struct adit_node *b = (struct adit_node *)malloc(sizeof *b << bits);
    if (!b)
        return;
    adit_hash_init(&fresh, b, bits);
    for (uint32_t i = 0; i <= t->h.mask; i++)
        ADIT_LIST_EACH(n, &t->h.bucket[i]) {
            adit_list_del(n);
            adit_hash_add(&fresh, ADIT_OF(n, struct adit_entry, node)->hash, n);
        }
    if (t->h.bucket != &t->one)
        free(t->h.bucket);
    t->h = fresh;
}

static inline void adit_table_add(struct adit_table *t, uint32_t hash, struct adit_entry *e)
{
    if (!t->h.bucket)
        adit_hash_init(&t->h, &t->one, 0);
    if (t->h.count > t->h.mask)
        adit_table_grow(t);
    e->hash = hash;
    adit_hash_add(&t->h, hash, &e->node);
}

static inline int adit_table_has(const struct adit_entry *e)
{
    return e->node.next != NULL;
}

/* Nothing happens to an entry that is in no table. */
static inline void adit_table_del(struct adit_table *t, struct adit_entry *e)
{
    adit_hash_del(&t->h, &e->node);
}

/* The first entry of a hash in the chain of `head`, from `n` on; NULL: none. */
static inline struct adit_entry *adit_table_seek(const struct adit_node *head, struct adit_node *n,
                                                 uint32_t hash)
{
    for (; n != head; n = n->next) {
        struct adit_entry *e = ADIT_OF(n, struct adit_entry, node);
        if (e->hash == hash)
            return e;
    }
    return NULL;
}

static inline struct adit_entry *adit_table_first(const struct adit_table *t, uint32_t hash)
{
    if (!t->h.count)
        return NULL;
    const struct adit_node *head = adit_hash_chain(&t->h, hash);
    return adit_table_seek(head, head->next, hash);
}

static inline struct adit_entry *adit_table_next(const struct adit_table *t,
                                                 const struct adit_entry *e)
{
    return adit_table_seek(adit_hash_chain(&t->h, e->hash), e->node.next, e->hash);
}

/* Empties it. What was in it is in no table then, so it is freed after this. */
static inline void adit_table_fini(struct adit_table *t)
{
    for (uint32_t i = 0; t->h.bucket && i <= t->h.mask; i++)
        ADIT_LIST_EACH(n, &t->h.bucket[i])
            adit_list_del(n);
    if (t->h.bucket != &t->one)
        free(t->h.bucket);
    t->h.bucket = NULL;
    t->h.mask = t->h.count = 0;
}

#endif
