/* capture.c - frames of sessions as a pcapng file, piece by piece.
 *
 * Knows:  the blocks of pcapng (draft-ietf-opsawg-pcapng), what must not be in a file.
 * Leaves: whose frames to trace, where the file is to whoever takes the pieces.
 */
#include "diagnose/capture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <adit/bytes.h>
#include "base/addr.h"

#define BLOCK_SECTION   0x0a0d0d0au
#define BLOCK_INTERFACE 1u
#define BLOCK_STATS     5u
#define BLOCK_PACKET    6u
#define MAGIC           0x1a2b3c4du     /* written so, it says that the file is big-endian */
#define LINK_PPP_DIR    204u            /* LINKTYPE_PPP_WITH_DIR */
#define LINK_RAW        101u            /* LINKTYPE_RAW */
#define FRAME_MOST      60000u          /* bytes of one that are kept */
#define LCP             0xc021u
#define PAP             0xc023u
#define PROTO_REJECT    8u

struct capture {
    struct trace_listener *ear;
    uint64_t wanted, packets, lost;
    uint32_t interfaces;
    uint32_t tunnels;           /* number of the interface of control messages, from 1; 0: none yet */
    uint32_t head, len;         /* blocks that wait: from head on */
    uint8_t room[CAPTURE_ROOM];
};

/* ---- blocks ----------------------------------------------------------------------- */

static struct wr block_begin(struct capture *c, uint32_t type)
{
    if (c->head && CAPTURE_ROOM - c->head - c->len < CAPTURE_PIECE) {
        memmove(c->room, c->room + c->head, c->len);
        c->head = 0;
    }
    uint32_t left = CAPTURE_ROOM - c->head - c->len;
    struct wr w = wr_of(c->room + c->head + c->len, left < CAPTURE_PIECE ? left : CAPTURE_PIECE);
    wr_u32(&w, type);
    wr_u32(&w, 0);              /* the length, twice: here and at the end */
    return w;
}

static bool block_end(struct capture *c, struct wr *w)
{
    uint32_t len = (uint32_t)wr_len(w) + 4;
    wr_u32(w, len);
    if (!wr_ok(w))
        return false;
    struct wr at = wr_of(w->base + 4, 4);
    wr_u32(&at, len);
    c->len += len;
    return true;
}

static void padded(struct wr *w, const void *p, size_t len)
{
    wr_bytes(w, p, len);
    wr_zero(w, (4 - len % 4) % 4);
}

static void option(struct wr *w, uint16_t code, const void *p, size_t len)
{
    wr_u16(w, code);
    wr_u16(w, (uint16_t)len);
    padded(w, p, len);
}

static bool section(struct capture *c)
{
    static const char by[] = "Adit " ADIT_VERSION;
    struct wr w = block_begin(c, BLOCK_SECTION);
    wr_u32(&w, MAGIC);
    wr_u16(&w, 1);
    wr_u16(&w, 0);
    wr_u64(&w, UINT64_MAX);     /* of no known length */
    option(&w, 4, by, sizeof by - 1);
    wr_u32(&w, 0);
    return block_end(c, &w);
}

/* The number of the new interface, from 1; 0: there was no room. */
static uint32_t interface(struct capture *c, uint16_t link, const char *name, const char *text)
{
    struct wr w = block_begin(c, BLOCK_INTERFACE);
    wr_u16(&w, link);
    wr_u16(&w, 0);
    wr_u32(&w, 0);              /* no limit of a frame's length */
    option(&w, 2, name, strlen(name));
    option(&w, 3, text, strlen(text));
    wr_u32(&w, 0);
    return block_end(c, &w) ? ++c->interfaces : 0;
}

/* ---- frames ---------------------------------------------------------------------------- */

/* A password never reaches a file of ours. */
static void pap_mask(uint8_t *p, size_t len)
{
    struct rd r = rd_of(p, len);
    if (rd_u8(&r) != 1)
        return;
    rd_skip(&r, 3);
    rd_skip(&r, rd_u8(&r));
    (void)rd_u8(&r);
    /* where it is malformed, nobody knows where the password begins */
    size_t left = rd_ok(&r) ? rd_left(&r) : len > 4 ? len - 4 : 0;
    memset(p + (len - left), '*', left);
}

/* A Protocol-Reject brings back what we sent (RFC 1661 section 5.7). */
static void secrets_mask(uint16_t proto, uint8_t *p, size_t len)
{
    struct rd r = rd_of(p, len);
    if (proto == PAP)
        pap_mask(p, len);
    if (proto != LCP || rd_u8(&r) != PROTO_REJECT)
        return;
    rd_skip(&r, 3);
    if (rd_u16(&r) == PAP && rd_ok(&r))
        pap_mask(p + (len - rd_left(&r)), rd_left(&r));
}

static void packet(struct capture *c, uint32_t number, bool sent, const uint8_t *head,
                   size_t head_len, const uint8_t *p, size_t len, uint16_t proto)
{
    struct timespec now;
    size_t whole = head_len + len;
    if (capture_done(c))
        return;
    if (len > FRAME_MOST)
        len = FRAME_MOST;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t us = (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
    struct wr w = block_begin(c, BLOCK_PACKET);
    wr_u32(&w, number - 1);
    wr_u32(&w, (uint32_t)(us >> 32));
    wr_u32(&w, (uint32_t)us);
    wr_u32(&w, (uint32_t)(head_len + len));
    wr_u32(&w, (uint32_t)whole);
    wr_bytes(&w, head, head_len);
    uint8_t *data = w.p;
    wr_bytes(&w, p, len);
    if (wr_ok(&w))
        secrets_mask(proto, data, len);
    wr_zero(&w, (4 - (head_len + len) % 4) % 4);
    wr_u16(&w, 2);              /* epb_flags: 1 inbound, 2 outbound */
    wr_u16(&w, 4);
    wr_u32(&w, sent ? 2 : 1);
    wr_u32(&w, 0);
    if (block_end(c, &w))
        c->packets++;
    else
        c->lost++;
}

static void on_frames(void *u, const struct trace_frames *f)
{
    struct capture *c = u;
    uint8_t head[5];            /* direction, address and control field, protocol */
    if (capture_done(c))
        return;
    if (!*f->mark) {
        char text[400], peer[ADDR_TEXT];
        snprintf(text, sizeof text, "%s%s%s", f->user, *f->user ? " from " : "from ",
                 addr_text(f->peer, peer));
        *f->mark = interface(c, LINK_PPP_DIR, f->session, text);
        if (!*f->mark) {
            c->lost += f->n;
            return;
        }
    }
    struct wr w = wr_of(head, sizeof head);
    wr_u8(&w, f->sent);
    wr_u16(&w, 0xff03);
    wr_u16(&w, f->proto);
    for (uint32_t i = 0; i < f->n; i++)
        packet(c, (uint32_t)*f->mark, f->sent, head, sizeof head, f->v[i]->data, f->v[i]->len, f->proto);
}

static void on_packet(void *u, const struct trace_packet *p)
{
    struct capture *c = u;
    if (capture_done(c))
        return;
    if (!c->tunnels)
        c->tunnels = interface(c, LINK_RAW, "control", "control messages of tunnels");
    if (c->tunnels)
        packet(c, c->tunnels, p->sent, p->head, p->head_len, p->data, p->len, 0);
    else
        c->lost++;
}

/* ---- life ------------------------------------------------------------------------------- */

struct capture *capture_new(const struct trace_pick *pick, uint64_t packets)
{
    static const struct trace_ears ears = { .frames = on_frames, .packet = on_packet };
    struct capture *c = malloc(sizeof *c);
    if (!c)
        return NULL;
    memset(c, 0, offsetof(struct capture, room));
    c->wanted = packets;
    section(c);
    c->ear = trace_listen(pick, &ears, c);
    if (!c->ear) {
        free(c);
        return NULL;
    }
    return c;
}

size_t capture_take(struct capture *c, uint8_t *out, size_t size)
{
    uint32_t n = 0;
    while (n < c->len) {        /* whole blocks */
        struct rd r = rd_of(c->room + c->head + n, c->len - n);
        rd_u32(&r);
        uint32_t block = rd_u32(&r);
        if (!rd_ok(&r) || n + block > size)
            break;
        n += block;
    }
    memcpy(out, c->room + c->head, n);
    c->head += n;
    c->len -= n;
    if (!c->len)
        c->head = 0;
    return n;
}

bool capture_done(const struct capture *c) { return c->wanted && c->packets >= c->wanted; }
uint64_t capture_packets(const struct capture *c) { return c->packets; }
uint64_t capture_lost(const struct capture *c) { return c->lost; }

void capture_finish(struct capture *c)
{
    struct timespec now;
    trace_deaf(c->ear);
    c->ear = NULL;
    if (!c->interfaces)
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t us = (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
    struct wr w = block_begin(c, BLOCK_STATS);
    wr_u32(&w, 0);
    wr_u32(&w, (uint32_t)(us >> 32));
    wr_u32(&w, (uint32_t)us);
    wr_u16(&w, 5);              /* isb_ifdrop */
    wr_u16(&w, 8);
    wr_u64(&w, c->lost);
    wr_u32(&w, 0);
    block_end(c, &w);
}

void capture_free(struct capture *c)
{
    if (!c)
        return;
    trace_deaf(c->ear);
    free(c);
}
