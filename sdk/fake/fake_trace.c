/* fake_trace.c - what plugins say for traces and captures.
 *
 * Knows:  the lines, in order, and how they must look.
 * Leaves: who is meant and what is kept to the daemon.
 */
#include "fake_in.h"

#define LINES_MOST 4096u        /* that wait; the oldest go */

struct line {
    struct adit_node node;
    char text[];
};

static struct {
    struct adit_node lines;
    uint32_t waiting, packets, wants;
    struct line *taken;
} T;

void fake_trace_begin(void)
{
    memset(&T, 0, sizeof T);
    adit_list_init(&T.lines);
    T.wants = ADIT_TRACE_LINES | ADIT_TRACE_PACKETS;
}

static struct line *oldest(void)
{
    struct line *l = adit_list_empty(&T.lines) ? NULL : ADIT_OF(T.lines.next, struct line, node);
    if (l) {
        adit_list_del(&l->node);
        T.waiting--;
    }
    return l;
}

void fake_trace_end(void)
{
    struct line *l;
    while ((l = oldest()))
        free(l);
    free(T.taken);
    T.taken = NULL;
}

const char *fake_trace(void)
{
    fake_need();
    free(T.taken);
    T.taken = oldest();
    return T.taken ? T.taken->text : NULL;
}

void fake_trace_wants(uint32_t bits)
{
    fake_need();
    T.wants = bits;
}

uint32_t fake_trace_packets(void)
{
    fake_need();
    return T.packets;
}

/* ---- the plugin's side ----------------------------------------------------------------- */

static bool how_ok(const char *call, const struct adit_addr *peer, uint32_t how)
{
    if (!peer->family || (how & ~ADIT_TRACE_ROUTINE) > ADIT_TRACE_NOTE) {
        fake_trouble("%s: a line of nobody, or of an unknown kind (%u)", call, how);
        return false;
    }
    return true;
}

static uint32_t trace_wanted(struct adit_self *self, const struct adit_addr *peer, uint32_t how)
{
    if (!fake_self_of(self, "trace->wanted()") || !how_ok("trace->wanted()", peer, how))
        return 0;
    return T.wants;
}

static void trace_line(struct adit_self *self, const struct adit_addr *peer, uint32_t how,
                       const char *protocol, const char *text)
{
    static const char *const arrows[] = { "<-", "->", "  " };
    if (!fake_self_of(self, "trace->line()") || !how_ok("trace->line()", peer, how))
        return;
    for (const char *c = text; *c; c++) {
        if ((uint8_t)*c < 0x20 || *c == 0x7f) {
            fake_trouble("trace->line(): a control character in a line of %s", protocol);
            return;
        }
    }
    size_t size = strlen(protocol) + strlen(text) + 8;
    struct line *l = fake_alloc(sizeof *l + size);
    snprintf(l->text, size, "%s %s %s", arrows[how & ~ADIT_TRACE_ROUTINE], protocol, text);
    if (T.waiting == LINES_MOST)
        free(oldest());
    adit_list_add(&T.lines, &l->node);
    T.waiting++;
}

static void trace_packet(struct adit_self *self, uint32_t how, uint32_t protocol,
                         const struct adit_addr *our, const struct adit_addr *peer, uint64_t at,
                         const void *data, uint32_t len)
{
    (void)at;
    if (!fake_self_of(self, "trace->packet()") || !how_ok("trace->packet()", peer, how))
        return;
    if ((protocol != 6 && protocol != ADIT_PROTO_UDP) || our->family != peer->family || !data || !len)
        fake_trouble("trace->packet(): %u bytes of protocol %u", len, protocol);
    else
        T.packets++;
}

const struct adit_trace_api fake_trace_api = {
    .size = sizeof(struct adit_trace_api), .wanted = trace_wanted, .line = trace_line,
    .packet = trace_packet,
};
