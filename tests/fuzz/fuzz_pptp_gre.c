/* fuzz_pptp_gre.c - GRE packets for a server with two calls, in vectors.
 *
 * 00-7f so many bytes as a datagram; 80-bf a data packet of a call, its number
 * moved on by a byte less 128; c0 milliseconds pass; c1 the host sends a vector; c2
 * what was collected so far arrives as one vector; c3 TTTTTTTT the next number.
 */
#include <stdlib.h>
#include "../../plugins/tunnel-pptp/pptp_msg.h"
#include "../../sdk/fake/fake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct {
    uint8_t bytes[ADIT_VECTOR][160];
    struct fake_bytes v[ADIT_VECTOR];
    uint32_t n;
} q;

static void arrive(const struct adit_addr *pc, const struct adit_addr *our)
{
    if (q.n)
        fake_datagrams(ADIT_PROTO_GRE, pc, our, NULL, q.v, q.n);
    q.n = 0;
}

static void push(struct fake_end *e, struct pptp_msg m)
{
    uint8_t out[PPTP_MSG_MAX];
    fake_stream_push(e, out, pptp_msg_build(out, sizeof out, &m));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct rd r = rd_of(data, len);
    struct adit_addr our = fake_addr("10.0.0.1:1723"), pc = fake_addr("192.0.2.7:4000");
    struct adit_addr our_ip = fake_addr("10.0.0.1"), pc_ip = fake_addr("192.0.2.7");
    uint32_t seq[2] = { 0 };
    uint16_t id;

    fake_begin();
    struct adit_self *self = fake_inst(fake_face("tunnel", "pptp"), "reorder-window: 8");
    struct fake_end *e = self ? fake_connect(&our, &pc) : NULL;
    if (!e)
        abort();
    push(e, (struct pptp_msg){ .type = PPTP_SCCRQ, .u.sccrq.version = 0x0100 });
    push(e, (struct pptp_msg){ .type = PPTP_OCRQ, .u.ocrq.call_id = 1 });
    push(e, (struct pptp_msg){ .type = PPTP_OCRQ, .u.ocrq.call_id = 1 + 1 });
    uint8_t reply[156 + 32];
    fake_stream_take(e, reply, sizeof reply);
    struct rd ocrp = rd_of(reply + 156 + 12, 2);
    id = rd_u16(&ocrp);
    q.n = 0;
    while (rd_left(&r) > 0) {
        uint8_t op = rd_u8(&r);
        if (op == 0xc0) {
            arrive(&pc_ip, &our_ip);
            fake_advance(rd_u8(&r));
        } else if (op == 0xc1) {
            arrive(&pc_ip, &our_ip);
            struct fake_bytes v[3] = { { "one", 3 }, { "two", 3 }, { "three", 5 } };
            for (uint32_t i = 0; i < 2; i++)
                if (fake_link(i)->state == FAKE_LINK_UP)
                    fake_link_txv(fake_link(i), v, 1 + op % 3);
        } else if (op == 0xc2) {
            arrive(&pc_ip, &our_ip);
        } else if (op == 0xc3) {
            seq[0] = rd_u32(&r);
        } else {
            struct wr w = wr_of(q.bytes[q.n], sizeof q.bytes[0]);
            if (op < 0x80) {
                size_t n = op < rd_left(&r) ? op : rd_left(&r);
                const uint8_t *p = rd_bytes(&r, n);
                wr_bytes(&w, p ? p : (const uint8_t *)"", n);
            } else {
                uint32_t which = op & 1;
                seq[which] += rd_u8(&r);
                seq[which] -= 128;
                wr_u32(&w, op & 2 ? 0x3081880b : 0x3001880b);
                wr_u16(&w, op & 4 ? 0 : 4);
                wr_u16(&w, (uint16_t)(id + which));
                wr_u32(&w, seq[which]);
                if (op & 2)
                    wr_u32(&w, rd_u8(&r));
                wr_u32(&w, seq[which]);
            }
            q.v[q.n] = (struct fake_bytes){ q.bytes[q.n], wr_len(&w) };
            if (++q.n == ADIT_VECTOR)
                arrive(&pc_ip, &our_ip);
        }
    }
    arrive(&pc_ip, &our_ip);
    fake_advance(200);                          /* nothing waits for longer than that */
    if (fake_frames_kept())
        abort();
    fake_inst_free(self);
    fake_end();
    return 0;
}
