/* dp_tun.c - TUN devices: super-packets in, coalesced packets out.
 *
 * Knows:  /dev/net/tun, its offloads and vnet headers, reading in rounds.
 * Leaves: whom a packet is for; addresses and routes.
 */
#include "datapath/dp_int.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include "log/log.h"
#include "loop/loop.h"

#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

#define READS 64                /* of one wake-up, for fairness */
#define BIG 65536u              /* the longest super-packet */
#define MOST_MTU 9216u

/* A packet up to the interface's MTU is read to its place in the arena; what
 * is longer goes on in `big`, and its beginning is put before it. */
static uint8_t big_buf[MOST_MTU + BIG];
#define big (big_buf + MOST_MTU)

static void tun_ready(void *u, int events)
{
    struct dp_tun *t = u;
    if (events & LOOP_ERROR) {
        dp_tun_gone(t);
        return;
    }
    dp_begin(t);
    for (int i = 0; i < READS && t->fd >= 0; i++) {
        struct virtio_net_hdr vh;
        uint32_t mtu = t->mtu;  /* it may change in dp_slot(), which delivers */
        uint8_t *slot = dp_slot(mtu);
        struct iovec iov[3] = { { &vh, sizeof vh }, { slot, mtu }, { big, BIG } };
        memset(&vh, 0, sizeof vh);
        ssize_t n = t->vnet ? readv(t->fd, iov, 3) : readv(t->fd, iov + 1, 2);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            if (errno != EAGAIN) {
                dp_totals.tun_errors++;
                dp_tun_gone(t);
            }
            break;
        }
        dp_totals.tun_reads++;
        size_t len = (size_t)n;
        if (t->vnet) {
            if (len < sizeof vh) {
                dp_totals.tun_errors++;
                continue;
            }
            len -= sizeof vh;
        }
        if (len <= mtu) {
            dp_from_tun(t, &vh, slot, len, true);
        } else {
            memcpy(big - mtu, slot, mtu);
            dp_from_tun(t, &vh, big - mtu, len, false);
        }
    }
    dp_end(t);
}

/* ---- writing --------------------------------------------------------------------------- */

static void put(struct dp_tun *t, const struct iovec *iov, int n, uint32_t packets)
{
    if (t->fd < 0) {
        dp_totals.tun_errors++;
        return;
    }
    if (!t->vnet) {
        iov++;
        n--;
    }
    ssize_t done;
    do
        done = writev(t->fd, iov, n);
    while (done < 0 && errno == EINTR);
    if (done >= 0) {
        dp_totals.tun_writes++;
        dp_totals.tun_write_packets += packets;
        return;
    }
    /* EAGAIN: its queue is full; EIO: somebody set it down. The packet is lost
     * and counted, as in any full queue. */
    dp_totals.tun_errors++;
    if (errno == EBADFD)
        dp_tun_gone(t);
}

static void emit(void *u, const struct iovec *iov, int n, uint32_t packets)
{
    put(u, iov, n, packets);
}

static struct dp_tun *dirty;

static void flush_all(void *u)
{
    (void)u;
    dp_flush();
}

static struct loop_idle idle = { .run = flush_all };

void dp_tun_add(struct dp_tun *t, uint8_t *p, const struct dp_hdr *h)
{
    if (!t->dirty) {
        t->dirty = true;
        t->next = dirty;
        dirty = t;
        loop_at_round_end(&idle);
    }
    if (!dp_gro_add(t->gro, p, h)) {
        dp_gro_flush(t->gro, emit, t);
        (void)dp_gro_add(t->gro, p, h);
    }
}

void dp_tun_flush(struct dp_tun *t)
{
    if (t->gro && !dp_gro_empty(t->gro))
        dp_gro_flush(t->gro, emit, t);
}

void dp_flush(void)
{
    struct dp_tun *t;
    while ((t = dirty) != NULL) {
        dirty = t->next;
        t->dirty = false;
        dp_tun_flush(t);
    }
}

void dp_tun_put(struct dp_tun *t, const uint8_t *p, size_t len)
{
    struct virtio_net_hdr vh;
    memset(&vh, 0, sizeof vh);
    struct iovec iov[2] = { { &vh, sizeof vh }, { (uint8_t *)(uintptr_t)p, len } };
    put(t, iov, 2, 1);
}

/* ---- opening and closing ------------------------------------------------------------------ */

static int attach_queue(int fd, struct ifreq *r, const char *name, bool offload)
{
    /* a name is free only a moment after its last owner died */
    for (int tries = 0;; tries++) {
        memset(r, 0, sizeof *r);
        snprintf(r->ifr_name, sizeof r->ifr_name, "%s", name);
        /* one queue: IFF_MULTI_QUEUE brings 256 of them with a scheduler each and
         * a table of flows, a tenth of the CPU time for nothing */
        r->ifr_flags = (short)(IFF_TUN | IFF_NO_PI | (offload ? IFF_VNET_HDR : 0));
        if (ioctl(fd, TUNSETIFF, r) == 0)
            return 0;
        if (errno != EBUSY || tries == 50)
            return -1;
        nanosleep(&(struct timespec){ 0, 20000000 }, NULL);
    }
}

/* The most that this kernel takes, from everything downwards. */
static void set_offload(struct dp_tun *t)
{
    static const unsigned long tso = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
    t->tso = t->uso = false;
    if (!t->vnet)
        return;
    if (ioctl(t->fd, TUNSETOFFLOAD, tso | TUN_F_USO4 | TUN_F_USO6) == 0)
        t->tso = t->uso = true;
    else if (ioctl(t->fd, TUNSETOFFLOAD, tso) == 0)
        t->tso = true;
    else
        (void)ioctl(t->fd, TUNSETOFFLOAD, (unsigned long)TUN_F_CSUM);
}

int dp_tun_open(struct dp_tun *t, const char *name, uint32_t mtu, bool offload)
{
    struct ifreq r;
    t->fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (t->fd < 0)
        return log_fail("datapath", errno == EACCES || errno == EPERM ? ADIT_EDENIED : ADIT_EIO,
                        "/dev/net/tun: %s; the kernel needs the tun driver (modprobe tun), a container "
                        "needs the device", strerror(errno));
    t->vnet = offload;
    t->mtu = mtu > MOST_MTU ? MOST_MTU : mtu;
    int rc = 0;
    if (attach_queue(t->fd, &r, name, offload))
        rc = log_fail("datapath", errno == EPERM ? ADIT_EDENIED : ADIT_EIO,
                      "the interface %s cannot be made: %s%s", name, strerror(errno),
                      errno == EPERM ? " (CAP_NET_ADMIN is needed)" : "");
    if (!rc) {
        snprintf(t->name, sizeof t->name, "%s", r.ifr_name);
        t->index = (int)if_nametoindex(t->name);
        set_offload(t);
        t->gro = dp_gro_new(t->tso, t->uso);
        t->watch = loop_fd_new(t->fd, tun_ready, t);
        if (!t->gro || !t->watch)
            rc = ADIT_ENOMEM;
    }
    if (rc) {
        dp_tun_close(t, true);
        return rc;
    }
    loop_fd_want(t->watch, LOOP_READ);
    return 0;
}

static void close_late(void *u)
{
    close((int)(intptr_t)u);
}

static void closed(void *u, int32_t status)
{
    if (status)                 /* it never ran */
        close_late(u);
}

void dp_tun_close(struct dp_tun *t, bool wait)
{
    if (t->watch)
        loop_fd_free(t->watch);
    t->watch = NULL;
    if (t->gro && t->fd >= 0)
        dp_tun_flush(t);
    for (struct dp_tun **p = &dirty; *p; p = &(*p)->next)
        if (*p == t) {
            *p = t->next;
            break;
        }
    t->dirty = false;
    dp_gro_free(t->gro);
    t->gro = NULL;
    if (t->again)
        loop_timer_free(t->again);
    t->again = NULL;
    int fd = t->fd;
    t->fd = -1;
    if (fd < 0)
        return;
    /* taking an interface down waits for the whole kernel: 15 ms and more */
    if (wait || !loop_work(close_late, closed, (void *)(intptr_t)fd))
        close(fd);
}
