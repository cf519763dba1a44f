/* fuzz_pptp_ctl.c - a control connection of PPTP, the whole plugin behind it.
 *
 * The first byte says who: bit 0 dials. Then: 00-e7 so many bytes of the stream;
 * e8 a second client; f0 seconds pass; f1 the host hangs up a call; f2 the peer
 * closes; f3 a GRE packet; f4 the host sends; f5 the peer stops reading;
 * f8 TYPE LEN a message with a right header and LEN bytes of its fields.
 */
#include <stdlib.h>
#include "../../plugins/tunnel-pptp/pptp.h"
#include "../../sdk/fake/fake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void message(struct fake_end *e, struct rd *r)
{
    uint8_t type = rd_u8(r), n = rd_u8(r), out[256] = { 0 };
    const struct pptp_shape *s = pptp_msg_shape(type);
    struct rd fields = rd_sub(r, n < rd_left(r) ? n : rd_left(r));
    uint16_t octets = s ? s->octets : 16;
    struct wr w = wr_of(out, sizeof out);

    wr_u16(&w, octets);
    wr_u16(&w, 1);
    wr_u32(&w, PPTP_COOKIE);
    wr_u16(&w, type);
    wr_u16(&w, 0);
    size_t have = rd_left(&fields);
    const uint8_t *p = rd_bytes(&fields, have);
    if (p)
        wr_bytes(&w, p, have < octets - PPTP_MSG_MIN ? have : octets - PPTP_MSG_MIN);
    fake_stream_push(e, out, octets);
}

/* Of the calls that live, one by a number. */
static struct fake_link *living(uint8_t nth)
{
    uint32_t n = fake_links();
    for (uint32_t i = 0; i < n; i++) {
        struct fake_link *l = fake_link((nth + i) % n);
        if (l->state != FAKE_LINK_DOWN && l->call)
            return l;
    }
    return NULL;
}

static void datagram(const struct adit_addr *peer, const struct adit_addr *our, uint16_t id,
                     uint32_t seq)
{
    uint8_t out[16];
    struct wr w = wr_of(out, sizeof out);
    wr_u32(&w, 0x3001880b);
    wr_u16(&w, 4);
    wr_u16(&w, id);
    wr_u32(&w, seq);
    wr_u32(&w, 0xff03c021);
    fake_datagram(ADIT_PROTO_GRE, peer, our, NULL, out, sizeof out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct rd r = rd_of(data, len);
    bool dials = rd_u8(&r) & 1;
    struct adit_addr our = fake_addr("10.0.0.1:1723"), pc = fake_addr("192.0.2.7:4000");
    struct adit_addr our_ip = fake_addr("10.0.0.1"), pc_ip = fake_addr("192.0.2.7");

    fake_begin();
    fake_ports(5);
    struct adit_self *self = fake_inst(fake_face("tunnel", "pptp"), "incoming-calls: yes");
    if (!self)
        abort();
    struct fake_end *e;
    if (dials) {
        struct adit_dial d = { .size = sizeof d, .from = our_ip, .to = pc };
        fake_dial(self, &d, NULL);
        e = fake_dialled(0);
        fake_dialled_answer(e, 0);
    } else {
        e = fake_connect(&our, &pc);
    }
    while (rd_left(&r) > 0) {
        uint8_t op = rd_u8(&r);
        struct fake_link *l = NULL;
        switch (op) {
        case 0xe8: {
            struct fake_end *other = dials ? NULL : fake_connect(&our, &pc);
            e = other ? other : e;
            break;
        }
        case 0xf0:
            fake_advance(rd_u8(&r) * 500u);
            break;
        case 0xf1:
            if ((l = living(rd_u8(&r))) != NULL)
                fake_link_hangup(l, rd_u8(&r) % 43u);
            break;
        case 0xf2:
            fake_stream_break(e, rd_u8(&r) & 1 ? ADIT_EIO : 0);
            break;
        case 0xf3:
            if ((l = living(rd_u8(&r))) != NULL) {
                const struct pptp_line *line = l->call;
                datagram(&pc_ip, &our_ip, line->call.call_id, rd_u8(&r));
            }
            break;
        case 0xf4:
            if ((l = living(rd_u8(&r))) != NULL)
                fake_link_tx(l, "\xff\x03\xc0\x21", 4);
            break;
        case 0xf5:
            fake_stream_stall(e, 1);
            break;
        case 0xf8:
            message(e, &r);
            break;
        default: {
            size_t n = op < rd_left(&r) ? op : rd_left(&r);
            const uint8_t *p = rd_bytes(&r, n);
            if (n && p)
                fake_stream_push(e, p, n);
        }
        }
    }
    fake_inst_free(self);                       /* whatever is left is a trouble: abort */
    if (fake_frames_kept() || fake_links_active())
        abort();
    fake_end();
    return 0;
}
