/* ppp_path.c - what a frame costs in core/ppp: ns per frame of vectors of 64,
 * in clear and under MPPE with 128 bit, stateless, in and out.
 *
 *     bench/ppp_path [ms per figure]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WORLD_FRAMES 96
#define WORLD_BYTES  2200
#define world_assert(x) ((x) ? (void)0 : abort())
#include <adit/bytes.h>
#include "crypto/crypto.h"
#include "../tests/unit/ppp_world.h"

/* of this thread, so that a busy host does not count */
static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static bool keep;              /* the vector under measure: frames lie where they are */
static uint64_t received;

static void tx_link(void *u, struct adit_frame **v, uint32_t n)
{
    if (!keep)
        world_tx_link(u, v, n);
}

static void rx_data(void *u, uint16_t proto, struct adit_frame **v, uint32_t n)
{
    (void)u;
    (void)proto;
    (void)v;
    received += n;
}

static void measure(uint32_t encryption, uint32_t len, double ms)
{
    static uint8_t buf[ADIT_VECTOR][ADIT_ROOM + 2048 + ADIT_ROOM];
    struct adit_frame f[ADIT_VECTOR], *v[ADIT_VECTOR];
    struct ppp_ops ops = world_ops;
    struct world *w = world_new();
    ops.tx_link = tx_link;
    ops.rx_data = rx_data;
    keep = false;
    w->a.cfg.auth_demand = ADIT_AUTH_MSCHAPV2;
    w->a.net.encryption = w->b.net.encryption = encryption;
    w->a.p = ppp_new(&w->a.cfg, &ops, &w->a);
    w->b.p = ppp_new(&w->b.cfg, &ops, &w->b);
    ppp_up(w->a.p);
    ppp_up(w->b.p);
    world_run(w, 10000);
    keep = true;

    double tx = 0, rx = 0;
    uint64_t frames = 0;
    received = 0;
    double end = now_ns() + ms * 1e6;
    while (now_ns() < end) {
        for (uint32_t i = 0; i < ADIT_VECTOR; i++) {
            f[i] = adit_frame_of(buf[i], sizeof buf[i], ADIT_ROOM, len);
            struct wr h = wr_of(f[i].data, 4);
            wr_u16(&h, 0x4500);
            wr_u16(&h, (uint16_t)len);
            v[i] = &f[i];
        }
        double t0 = now_ns();
        ppp_tx(w->a.p, PPP_IP, v, ADIT_VECTOR);
        double t1 = now_ns();
        ppp_rx(w->b.p, v, ADIT_VECTOR);
        double t2 = now_ns();
        tx += t1 - t0;
        rx += t2 - t1;
        frames += ADIT_VECTOR;
    }
    if (received != frames)
        abort();
    printf("%-10s %5u bytes  out %8.1f ns  in %8.1f ns\n", encryption == ADIT_ENC_128 ? "mppe-128" : "clear",
           len, tx / (double)frames, rx / (double)frames);
    world_free(w);
}

int main(int argc, char **argv)
{
    double ms = argc > 1 ? atof(argv[1]) : 300;
    static const uint32_t lens[] = { 64, 1396 };
    for (size_t i = 0; i < 2; i++)
        measure(ADIT_ENC_NONE, lens[i], ms);
    for (size_t i = 0; i < 2; i++)
        measure(ADIT_ENC_128, lens[i], ms);
    return 0;
}
