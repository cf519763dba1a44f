/* fuzz_control.c - any bytes on the control socket, in any pieces: one JSON object a
 * line comes back, and nothing is left behind.
 *
 * The first byte cuts the rest into reads. There are sessions to be listed and
 * dropped, and a plugin of each kind.
 */
#include <stdint.h>
#include "../unit/ses_rig.h"
#include "../unit/ctl_rig.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    rig_house("ppp: { auth: [pap] }");
    ctl_rig_open();
    return 0;
}

static void must(bool yes)
{
    if (!yes)
        abort();
}

/* Whole lines, each of them an object. */
static uint32_t objects(const char *out, size_t len)
{
    uint32_t n = 0;
    while (len) {
        const char *nl = memchr(out, '\n', len);
        must(nl != NULL);
        json_t *o = json_loadb(out, (size_t)(nl - out), 0, NULL);
        must(json_is_object(o));
        n += json_object_get(o, "ok") != NULL;      /* a follower's lines have none */
        json_decref(o);
        len -= (size_t)(nl - out) + 1;
        out = nl + 1;
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 2 || len > 4096)
        return 0;
    rig.log[0] = '\0';
    ses_tunnel_ports(rig.tunnel->tunnel, 8);
    if (ses_total()->up < 2) {          /* the last input dropped them */
        rig_clear();
        rig_call(rig.tunnel, "anna", 1);
        rig_call(rig.tunnel, "berta", 2);
        rig_run(1000);
    }
    uint32_t timers = rig_timers(), asked = 0;
    size_t step = data[0] ? data[0] : len;
    struct ctl_wire *w = ctl_wire_new(), *other = ctl_wire_new();
    for (size_t at = 1, last = 1; at < len; at++)   /* empty lines are no requests */
        if (data[at] == '\n') {
            asked += at != last;
            last = at + 1;
        }
    for (size_t at = 1; at < len; at += step)
        ctl_wire_rx(w, data + at, len - at < step ? len - at : step);
    uint32_t answered = objects(w->out, w->len);
    must(answered <= asked);
    rig_run(500);
    objects(w->out, w->len);
    ctl_wire_free(w);
    must(rig_timers() <= timers);       /* its followers went with it */
    ctl_wire_rx(other, "{\"verb\":\"help\"}\n", 16);
    must(objects(other->out, other->len) == 1);
    ctl_wire_free(other);
    return 0;
}
