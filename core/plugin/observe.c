/* observe.c - events for observers: what the log hears, they hear.
 *
 * Knows:  which instances observe, and up to which level.
 * Leaves: what events mean.
 */
#include "log/log.h"
#include "plugin/plug_in.h"

static bool tapped, telling;

static void tap(void *u, const char *source, const struct adit_event *ev, const struct adit_kv *kv,
                uint32_t n, uint64_t wall_ms)
{
    (void)u;
    /* what an observer causes is not told to observers: it would never end */
    if (telling || !plug_on_main())
        return;
    telling = true;
    for (struct plug_inst *i = NULL; (i = plug_inst_next(i));) {
        const struct adit_observer *o = &i->face->vtable.observer;
        if (i->self.kind == ADIT_KIND_OBSERVER && i->state == INST_RUNNING && ev->level <= o->level)
            PLUG_CALL(i, "event", o->event(&i->self, source, ev, kv, n, wall_ms));
    }
    telling = false;
}

void plug_observe(bool yes)
{
    if (yes && !tapped)
        tapped = log_tap(tap, &tapped) == 0;
    else if (!yes && tapped) {
        log_untap(&tapped);
        tapped = false;
    }
}
