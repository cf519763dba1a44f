/* demand.h - demand-dial: interfaces that are there while nobody is connected.
 *
 *     demand_apply(book);                  // also on reload
 *     demand_begin(&ask, &d, ...);         // by hand: the same as when a packet wants through
 *     demand_stop();
 *
 * Knows:  which packets and hours dial, why an interface is unreachable, whose call is
 *         answered on which.
 * Leaves: dialling to dial, interfaces to the data path, answering to the session room.
 */
#ifndef DEMAND_H
#define DEMAND_H

#include "dial/dial.h"

enum demand_state { DEMAND_DISCONNECTED, DEMAND_CONNECTING, DEMAND_CONNECTED, DEMAND_UNREACHABLE };
const char *demand_state_name(enum demand_state s);

void demand_apply(const struct book *b);
void demand_stop(void);         /* connections and sessions are gone already */
/* As dial_begin(), of an entry with demand-dial. */
int32_t demand_begin(struct dial_ask *ask, struct dial **out, uint32_t *cause, char *why, size_t size);

struct demand_info {
    const struct book_entry *entry;
    const char *interface;
    enum demand_state state;
    uint32_t cause;             /* UNREACHABLE: why */
    const char *text;
    const struct dial *dial;    /* NULL: none of ours */
    const struct ses *answered; /* NULL: the other end has not called */
    uint64_t dialled, refused;  /* packets that dialled, and that were not let */
};
bool demand_nth(uint32_t nth, struct demand_info *out);         /* false: no more */

#endif
