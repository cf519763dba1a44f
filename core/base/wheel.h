/* wheel.h - a timing wheel: many lazy timers, one clock.
 *
 *     struct wheel w;
 *     wheel_init(&w, slots, 9, 10, now);      // 512 slots of 1024 ms
 *     wheel_add(&w, &s->keep, now + 60000);
 *     ...
 *     wheel_advance(&w, now, expired, me);    // from one timer of the loop
 *
 * For keep-alives of many sessions, where a second more or less is nothing:
 * adding and removing cost a list operation. An entry never fires before its
 * time and at most one tick late. Pure: the caller brings time and memory.
 */
#ifndef WHEEL_H
#define WHEEL_H

#include <stdbool.h>
#include <adit/list.h>

struct wheel_entry {
    struct adit_node node;      /* zeroed: not in a wheel */
    uint64_t tick;              /* the wheel's */
};

struct wheel {
    struct adit_node *slot;     /* the owner's: 2^slot_bits list heads */
    uint64_t mask;
    uint64_t tick;              /* all ticks up to this one have fired */
    uint32_t tick_bits;         /* a tick is 2^tick_bits ms */
    uint32_t count;
};

static inline void wheel_init(struct wheel *w, struct adit_node *slots, uint32_t slot_bits,
                              uint32_t tick_bits, uint64_t now_ms)
{
    w->slot = slots;
    w->mask = (1u << slot_bits) - 1;
    w->tick = now_ms >> tick_bits;
    w->tick_bits = tick_bits;
    w->count = 0;
    for (uint64_t i = 0; i <= w->mask; i++)
        adit_list_init(&slots[i]);
}

static inline bool wheel_has(const struct wheel_entry *e)
{
    return e->node.next != NULL;
}

static inline void wheel_del(struct wheel *w, struct wheel_entry *e)
{
    if (wheel_has(e)) {
        adit_list_del(&e->node);
        w->count--;
    }
}

/* Adds, or moves, an entry that shall fire at `at_ms` or within a tick after it. */
static inline void wheel_add(struct wheel *w, struct wheel_entry *e, uint64_t at_ms)
{
    uint64_t tick = (at_ms >> w->tick_bits) + 1;
    if (tick <= w->tick)
        tick = w->tick + 1;
    wheel_del(w, e);
    e->tick = tick;
    adit_list_add(&w->slot[tick & w->mask], &e->node);
    w->count++;
}

/* Fires what is due. expired() may add the entry again, and add or remove
 * others. Returns how many fired. */
static inline uint32_t wheel_advance(struct wheel *w, uint64_t now_ms,
                                     void (*expired)(void *u, struct wheel_entry *e), void *u)
{
    uint64_t to = now_ms >> w->tick_bits;
    uint32_t fired = 0;
    if (to <= w->tick)
        return 0;
    /* after a long sleep each slot is looked at once, not once a tick */
    uint64_t steps = to - w->tick, first = w->tick + 1;
    if (steps > w->mask + 1)
        steps = w->mask + 1;
    w->tick = to;
    for (uint64_t i = 0; i < steps; i++) {
        struct adit_node *slot = &w->slot[(first + i) & w->mask];
        struct adit_node due = { 0 };
        /* moved to a list of its own first: whatever expired() adds lands
         * behind, and whatever it removes is still in some list */
        adit_list_init(&due);
        ADIT_LIST_EACH(n, slot) {
            struct wheel_entry *e = ADIT_OF(n, struct wheel_entry, node);
            if (e->tick <= to) {
                adit_list_del(n);
                adit_list_add(&due, n);
            }
        }
        while (!adit_list_empty(&due)) {
            struct wheel_entry *e = ADIT_OF(due.next, struct wheel_entry, node);
            wheel_del(w, e);
            fired++;
            expired(u, e);
        }
    }
    return fired;
}

#endif
