/* service.c - the host's table `log`.
 *
 * Knows:  which instance speaks.
 * Leaves: sinks to core/log.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "log/log.h"
#include "plugin/plug_in.h"

/* ---- log ------------------------------------------------------------------------- */

static int32_t api_fail(struct adit_self *self, int32_t code, const char *fmt, ...)
{
    struct plug_inst *i = plug_of(self);
    char text[sizeof i->last_error];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    plug_set_error(i, text);
    return log_fail(i->source, code, "%s", text);
}

static void api_event(struct adit_self *self, const struct adit_event *ev, const struct adit_kv *kv,
                      uint32_t n)
{
    log_event(plug_of(self)->source, ev, kv, n);
}

static void api_debug(struct adit_self *self, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    log_debug(plug_of(self)->source, "%s", text);
}

static uint32_t api_allow(struct adit_self *self, const struct adit_event *ev, uint32_t per_minute)
{
    (void)self;
    return log_allow(ev, per_minute);
}

const struct adit_log_api plug_log_api = {
    .size = sizeof(struct adit_log_api), .fail = api_fail, .event = api_event, .debug = api_debug,
    .allow = api_allow,
};
