/* fuzz_dp_rx.c - packets of clients, one behind the other, each with its length:
 * what is coalesced and cut again is what came.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <adit/bytes.h>
#include "datapath/dp_pkt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { MOST = 256 };
static struct { uint8_t *p, *copy; uint32_t len; } packet[MOST];
static uint32_t packets, out_packets;

static void must(bool ok)
{
    if (!ok)
        abort();
}

/* Some packet that went in is this one, but for the numbering of datagrams that
 * may not be fragmented (RFC 6864) and the two names of a zero checksum. */
static bool came_in(const uint8_t *p, uint32_t len)
{
    struct dp_hdr h;
    must(dp_parse(p, len, &h));
    uint32_t check = h.l4 + (h.proto == IPPROTO_TCP ? 16u : 6u);
    for (uint32_t i = 0; i < packets; i++) {
        const uint8_t *c = packet[i].copy;
        if (packet[i].len < len)
            continue;
        uint32_t k = 0;
        for (; k < len; k++) {
            bool free_to_differ = (h.version == 4 && ((k >= 4 && k < 6) || (k >= 10 && k < 12))) ||
                                  k == check || k == check + 1;
            if (p[k] != c[k] && !free_to_differ)
                break;
        }
        if (k == len)
            return true;
    }
    return false;
}

static void emit(void *u, const struct iovec *iov, int n, uint32_t count)
{
    static uint8_t whole[66000], mem[1 << 20];
    static struct adit_frame f[2048];
    struct virtio_net_hdr vh;
    size_t len = 0;
    (void)u;
    must(n >= 2 && n <= 128 && iov[0].iov_len == sizeof vh);
    memcpy(&vh, iov[0].iov_base, sizeof vh);
    for (int i = 1; i < n; i++) {
        must(len + iov[i].iov_len <= 65535);
        memcpy(whole + len, iov[i].iov_base, iov[i].iov_len);
        len += iov[i].iov_len;
    }
    out_packets += count;
    struct dp_hdr h;
    must(dp_parse(whole, len, &h) && h.len == len);
    if (count == 1) {
        must(vh.gso_type == 0 && vh.flags == 0);
        return;
    }
    struct dp_arena a = { mem, mem + sizeof mem };
    int k = dp_seg(whole, len, &vh, 0, &a, f, 2048);
    must(k == (int)count);
    for (int i = 0; i < k; i++)
        must(came_in(f[i].data, f[i].len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct rd r = rd_of(data, len);
    uint8_t mode = rd_u8(&r);
    struct dp_gro *g = dp_gro_new(mode & 1, mode & 2);
    uint32_t took = 0;
    must(g != NULL);
    packets = out_packets = 0;
    while (rd_left(&r) > 2 && packets < MOST) {
        uint32_t n = rd_u16(&r);
        if (n > rd_left(&r))
            n = (uint32_t)rd_left(&r);
        const uint8_t *p = rd_bytes(&r, n);
        struct dp_hdr h;
        packet[packets].p = malloc(n ? n : 1);
        packet[packets].copy = malloc(n ? n : 1);
        packet[packets].len = n;
        memcpy(packet[packets].p, p, n);
        if (dp_parse(packet[packets].p, n, &h)) {
            (void)dp_mss_clamp(packet[packets].p, &h, 1400, true);
            if (mode & 4 && h.len > h.l4 + 20u)     /* let checksums be right more often */
                (void)dp_csum_finish(packet[packets].p, h.len, h.l4, h.proto == IPPROTO_TCP ? 16 : 6);
            memcpy(packet[packets].copy, packet[packets].p, n);
            took += dp_gro_add(g, packet[packets].p, &h);
        }
        packets++;
    }
    dp_gro_flush(g, emit, NULL);
    must(out_packets == took && dp_gro_empty(g));
    for (uint32_t i = 0; i < packets; i++) {
        free(packet[i].p);
        free(packet[i].copy);
    }
    dp_gro_free(g);
    return 0;
}
