/* adit/observer.h - an observer: hears of every event. */
#ifndef ADIT_OBSERVER_H
#define ADIT_OBSERVER_H

#include <adit/abi.h>

struct adit_observer {
    uint32_t size;
    uint32_t level;             /* hears events up to this level, ADIT_LOG_* */
    /* `source` is the instance or room that spoke. Must not block and must not
     * cause events of its own. */
    void (*event)(struct adit_self *self, const char *source, const struct adit_event *ev,
                  const struct adit_kv *kv, uint32_t n, uint64_t wall_ms);
};

#endif
