/* fuzz_libadit.c - any line of a daemon's: as each thing that the library reads.
 *
 * What comes out can be read to its ends, what does not leaves nothing behind.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "lib_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static size_t total;

static void see(const char *s) { total += strlen(s); }

static void see_all(const char *const *list)
{
    for (; *list; list++)
        see(*list);
}

static void see_connection(const struct adit_connection *c)
{
    see(c->entry), see(c->state_text), see(c->user), see(c->server), see(c->protocol);
    see(c->interface), see(c->address), see(c->peer), see(c->since), see_all(c->dns);
    if (!c->handle)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct adit_entry **entries;
    struct adit_interface **interfaces;
    struct adit_connection **list, *one;
    struct adit_progress *p;
    json_t *o = json_loadb((const char *)data, len, JSON_REJECT_DUPLICATES, NULL);
    if (!lib_read_entries(o, &entries))
        for (size_t i = 0; entries[i]; i++)
            see(entries[i]->name), see(entries[i]->server), see(entries[i]->owner);
    adit_free(entries);
    if (!lib_read_interfaces(o, &interfaces))
        for (size_t i = 0; interfaces[i]; i++)
            see(interfaces[i]->name), see(interfaces[i]->state), see(interfaces[i]->text);
    adit_free(interfaces);
    if (!lib_read_connections(o, &list))
        for (size_t i = 0; list[i]; i++)
            see_connection(list[i]);
    adit_free(list);
    if (!lib_read_connection(o, &one))
        see_connection(one);
    adit_free(one);
    if (!lib_read_progress(o, &p)) {
        see(p->state_text), see(p->text), see(p->remedy), see(p->code), see_all(p->dns);
        for (size_t i = 0; p->tried[i]; i++)
            see(p->tried[i]->type), see(p->tried[i]->text);
        if (p->state == ADIT_STATE_FAILED ? !p->error : p->error && p->state < ADIT_STATE_FAILED)
            abort();
    }
    adit_free(p);
    json_decref(o);
    return 0;
}
