/* adit/list.h - an intrusive, doubly linked list and a chained hash of it.
 *
 *     struct call { struct adit_node node; uint16_t id; };
 *     adit_list_add(&calls, &call->node);
 *     ADIT_LIST_EACH(n, &calls) {
 *         struct call *c = ADIT_OF(n, struct call, node);
 *
 * The loop variable may be removed inside the loop; others may not.
 */
#ifndef ADIT_LIST_H
#define ADIT_LIST_H

#include <stddef.h>
#include <stdint.h>

struct adit_node {
    struct adit_node *next, *prev;      /* NULL: in no list */
};

#define ADIT_OF(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

static inline void adit_list_init(struct adit_node *head)
{
    head->next = head->prev = head;
}

static inline int adit_list_empty(const struct adit_node *head)
{
    return head->next == head;
}

/* Adds at the end. */
static inline void adit_list_add(struct adit_node *head, struct adit_node *n)
{
    n->prev = head->prev;
    n->next = head;
    head->prev->next = n;
    head->prev = n;
}

/* Removes; nothing happens to a node that is in no list. */
static inline void adit_list_del(struct adit_node *n)
{
    if (!n->next)
        return;
    n->prev->next = n->next;
    n->next->prev = n->prev;
    n->next = n->prev = NULL;
}

#define ADIT_LIST_EACH(n, head)                                                  \
    for (struct adit_node *n = (head)->next, *n##_next_ = n->next; n != (head);   \
         n = n##_next_, n##_next_ = n->next)

/* ---- hash: a power of two of buckets that the owner allocates -------------- */

struct adit_hash {
    struct adit_node *bucket;
    uint32_t mask;              /* buckets - 1 */
    uint32_t count;
};

/* `buckets` holds 2^bits list heads; they live as long as the hash. */
static inline void adit_hash_init(struct adit_hash *h, struct adit_node *buckets, uint32_t bits)
{
    h->bucket = buckets;
    h->mask = (1u << bits) - 1;
    h->count = 0;
    for (uint32_t i = 0; i <= h->mask; i++)
        adit_list_init(&buckets[i]);
}

/* Mixes bytes into 32 bits; `seed` is random per process where a peer chooses
 * the bytes. */
static inline uint32_t adit_hash_of(const void *p, size_t len, uint64_t seed)
{
    const uint8_t *b = (const uint8_t *)p;
    uint64_t x = seed ^ 0x9e3779b97f4a7c15u;
    for (size_t i = 0; i < len; i++) {
        x ^= b[i];
        x *= 0xff51afd7ed558ccdu;
        x ^= x >> 32;
    }
    return (uint32_t)(x ^ (x >> 29));
}

static inline struct adit_node *adit_hash_chain(const struct adit_hash *h, uint32_t hash)
{
    return &h->bucket[hash & h->mask];
}

static inline void adit_hash_add(struct adit_hash *h, uint32_t hash, struct adit_node *n)
{
    adit_list_add(adit_hash_chain(h, hash), n);
    h->count++;
}

static inline void adit_hash_del(struct adit_hash *h, struct adit_node *n)
{
    if (n->next)
        h->count--;
    adit_list_del(n);
}

#endif
