/* fuzz_dp_tun.c - what the TUN gives: a vnet header, an MTU, a packet.
 *
 * Whatever they say, segments and fragments are whole IP packets of at most the
 * promised size with room around them, and cutting loses no payload. */
#include <netinet/in.h>
#include <stdlib.h>
#include <adit/bytes.h>
#include "datapath/dp_pkt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static uint8_t mem[1 << 20];
static struct adit_frame f[2048];

static void must(bool ok)
{
    if (!ok)
        abort();
}

static uint32_t check_frames(int n, const struct dp_arena *a)
{
    uint32_t bytes = 0;
    for (int i = 0; i < n; i++) {
        struct dp_hdr h;
        must(f[i].data - f[i].room >= ADIT_ROOM && f[i].end - (f[i].data + f[i].len) >= ADIT_ROOM);
        must(f[i].room >= mem && f[i].end <= a->at);
        must(dp_parse(f[i].data, f[i].len, &h) && h.len == f[i].len);
        bytes += h.len - h.l4;
    }
    return bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct rd r = rd_of(data, len);
    struct virtio_net_hdr vh;
    uint8_t out[1280];
    struct dp_hdr h;
    memset(&vh, 0, sizeof vh);
    vh.flags = rd_u8(&r);
    vh.gso_type = rd_u8(&r);
    vh.hdr_len = rd_u16(&r);
    vh.gso_size = rd_u16(&r);
    vh.csum_start = rd_u16(&r);
    vh.csum_offset = rd_u16(&r);
    uint32_t mtu = rd_u16(&r);
    size_t n;
    const uint8_t *rest = rd_rest(&r, &n);
    if (!rest || n > 65536)
        return 0;
    uint8_t *p = malloc(n ? n : 1);
    memcpy(p, rest, n);

    struct dp_arena a = { mem, mem + sizeof mem };
    int k = dp_seg(p, n, &vh, mtu, &a, f, 2048);
    if (k > 0) {
        uint32_t bytes = check_frames(k, &a);
        must(dp_parse(p, n, &h));
        uint32_t l4 = h.proto == IPPROTO_TCP ? (p[h.l4 + 12] >> 4) * 4u : 8u;
        must(bytes == h.len - h.l4 + (uint32_t)(k - 1) * l4);
        for (int i = 0; i < k; i++)
            must(dp_parse(f[i].data, f[i].len, &h) && dp_l4_ok(f[i].data, &h));
    }
    a = (struct dp_arena){ mem, mem + sizeof mem };
    k = dp_frag(p, n, mtu, &a, f, 2048);
    if (k > 0) {
        must(dp_parse(p, n, &h));
        must(check_frames(k, &a) == h.len - h.l4);
        for (int i = 0; i < k; i++)
            must(f[i].len <= mtu);
    }
    if (dp_parse(p, n, &h)) {
        size_t answer = dp_too_big(p, &h, mtu, out);
        must(answer <= sizeof out);
        (void)dp_mss_clamp(p, &h, mtu, vh.flags & 1);
        (void)dp_csum_finish(p, h.len, vh.csum_start, vh.csum_offset);
    }
    free(p);
    return 0;
}
