/* test_sad.c - associations in virtual time: two ends, and a wire that takes its time. */
#include "unit.h"

#include <adit/bytes.h>
#include <string.h>

#include "sad.h"

enum {
#define X(NAME, name, text) N_##NAME,
    SAD_COUNTER_MAP(X)
#undef X
    N_COUNT
};

#define WIRE 4096u
#define NUMBERS 100000u

struct packet {
    struct adit_path from;      /* as the receiver sees it: our and peer are turned */
    uint64_t at;
    uint32_t len;
    uint8_t *data;
};

struct end {
    struct sad *sad;
    struct sad_assoc *a;
    struct end *other;
    struct adit_path path;      /* outer */
    int32_t holds;
    uint64_t counters[N_COUNT];
    uint32_t softs, pairs_gone, gones, moves, why, delivered, duplicates;
    struct adit_addr our, peer, moved_to;
    uint8_t seen[NUMBERS];
    uint8_t last[2048];
    uint32_t last_len;
    struct sad_pair *soft_pair;
    bool end_on_rx, end_on_soft, end_on_pair_gone, end_on_moved;
};

static uint64_t clock_ms;
static struct packet wire[WIRE];
static uint32_t wire_from, wire_to;
static uint64_t delay_ms;
static struct end A, B;

static uint64_t op_now(void *u) { (void)u; return clock_ms; }

static void op_rx(void *u, struct sad_assoc *a, const struct adit_addr *our,
                  const struct adit_addr *peer, struct adit_frame **v, uint32_t n)
{
    struct end *e = u;
    for (uint32_t i = 0; i < n; i++) {
        struct rd r = rd_of(v[i]->data, v[i]->len);
        uint32_t number = rd_u32(&r);
        e->delivered++;
        if (v[i]->len >= 4 && number < NUMBERS && e->seen[number]++)
            e->duplicates++;
        memcpy(e->last, v[i]->data, v[i]->len);
        e->last_len = v[i]->len;
    }
    e->our = *our;
    e->peer = *peer;
    if (e->end_on_rx)
        sad_assoc_end(a, SAD_WHY_DELETED);
}

/* A path of the other end: addresses are turned. */
static struct adit_path turned(const struct adit_path *p)
{
    struct adit_path t = *p;
    t.our = p->peer;
    t.peer = p->our;
    return t;
}

static void op_tx(void *u, struct adit_path *outer, struct adit_frame **v, uint32_t n)
{
    (void)u;
    for (uint32_t i = 0; i < n; i++) {
        struct packet *x = &wire[wire_to++ % WIRE];
        ck_assert_uint_lt(wire_to - wire_from, WIRE);
        *x = (struct packet){ turned(outer), clock_ms + delay_ms, v[i]->len, malloc(v[i]->len) };
        memcpy(x->data, v[i]->data, v[i]->len);
    }
}

static struct adit_path *op_hold(void *u, struct adit_path *path)
{
    ((struct end *)u)->holds++;
    return path;
}
static void op_drop(void *u, struct adit_path *path)
{
    ck_assert_ptr_nonnull(path);
    ((struct end *)u)->holds--;
}
static void op_soft(void *u, struct sad_pair *p)
{
    struct end *e = u;
    struct sad_pair_view v;
    sad_pair_view(p, &v);
    e->softs++;
    e->soft_pair = p;
    if (e->end_on_soft)
        sad_assoc_end(v.assoc, SAD_WHY_DEAD);
}
static void op_pair_gone(void *u, struct sad_pair *p, uint32_t why)
{
    struct end *e = u;
    struct sad_pair_view v;
    sad_pair_view(p, &v);
    e->pairs_gone++;
    e->why = why;
    if (e->end_on_pair_gone)
        sad_assoc_end(v.assoc, SAD_WHY_DEAD);
}
static void op_gone(void *u, struct sad_assoc *a)
{
    struct end *e = u;
    struct sad_assoc_view v;
    sad_assoc_view(a, &v);
    ck_assert_uint_eq(v.pairs, 0);
    e->gones++;
    if (a == e->a)
        e->a = NULL;
}
static void op_moved(void *u, struct sad_assoc *a, const struct adit_addr *from)
{
    struct end *e = u;
    e->moves++;
    e->moved_to = *from;
    if (e->end_on_moved)
        sad_assoc_end(a, SAD_WHY_DEAD);
}

static const struct sad_ops ops = {
    .now = op_now, .rx = op_rx, .tx = op_tx, .hold = op_hold, .drop = op_drop, .soft = op_soft,
    .pair_gone = op_pair_gone, .gone = op_gone, .moved = op_moved,
};

/* ---- the world ------------------------------------------------------------------------ */

static struct adit_addr ip4(uint8_t last, uint16_t port)
{
    return (struct adit_addr){ .family = ADIT_AF_IPV4, .prefix = 32, .port = port,
                               .ip = { 192, 0, 2, last } };
}
static struct adit_addr ip6(uint8_t last, uint16_t port)
{
    return (struct adit_addr){ .family = ADIT_AF_IPV6, .prefix = 128, .port = port,
                               .ip = { 0x20, 1, 0xd, 0xb8, [15] = last } };
}

static struct sad_who who_of(const struct end *e, bool encap)
{
    struct sad_who w = { .our = e->path.our, .peer = e->path.peer, .encap = encap,
                         .sel = { 17, e == &A ? 0 : 1701, e == &A ? 1701 : 0 },
                         .identity = "anna", .owner = 1 };
    w.our.port = 0;
    if (!encap)
        w.peer.port = 0;
    return w;
}

static void end_up(struct end *e, struct end *other, struct adit_addr our, struct adit_addr peer,
                   bool encap, uint64_t grace_ms)
{
    memset(e, 0, sizeof *e);
    e->other = other;
    e->path = (struct adit_path){ .size = sizeof e->path, .our = our, .peer = peer,
                                  .protocol = encap ? ADIT_PROTO_UDP : ADIT_PROTO_ESP };
    e->sad = sad_new(&ops, e, NULL, e->counters, grace_ms);
    struct sad_who w = who_of(e, encap);
    e->a = sad_assoc_get(e->sad, &w, &e->path);
    ck_assert_ptr_nonnull(e->a);
}

/* A is the client, B the server on 1701. */
static void world_up(bool encap, uint64_t grace_ms)
{
    clock_ms = 1000000;
    delay_ms = 20;
    wire_from = wire_to = 0;
    end_up(&A, &B, ip4(7, encap ? 4500 : 0), ip4(1, encap ? 4500 : 0), encap, grace_ms);
    end_up(&B, &A, ip4(1, encap ? 4500 : 0), ip4(7, encap ? 4500 : 0), encap, grace_ms);
}

static void world_down(void)
{
    sad_free(A.sad);
    sad_free(B.sad);
    ck_assert_int_eq(A.holds, 0);
    ck_assert_int_eq(B.holds, 0);
    for (; wire_from != wire_to; wire_from++)
        free(wire[wire_from % WIRE].data);
}

/* What is on the wire arrives, if its time has come; in one vector per end. */
static void arrive(void)
{
    while (wire_from != wire_to && wire[wire_from % WIRE].at <= clock_ms) {
        struct packet *x[ADIT_VECTOR];
        struct adit_frame f[ADIT_VECTOR], *v[ADIT_VECTOR];
        uint32_t n = 0;
        struct adit_path from = wire[wire_from % WIRE].from;
        while (n < ADIT_VECTOR && wire_from != wire_to && wire[wire_from % WIRE].at <= clock_ms &&
               memcmp(&wire[wire_from % WIRE].from, &from, sizeof from) == 0) {
            x[n] = &wire[wire_from++ % WIRE];
            f[n] = adit_frame_of(x[n]->data, x[n]->len, 0, x[n]->len);
            v[n] = &f[n];
            n++;
        }
        struct end *e = from.our.ip[from.our.family == ADIT_AF_IPV4 ? 3 : 15] == 1 ? &B : &A;
        struct adit_path *p = &e->path;
        if (memcmp(&p->peer, &from.peer, sizeof p->peer) != 0) {
            static struct adit_path strange[16];
            static uint32_t next;
            p = &strange[next++ % 16];
            *p = from;
        }
        sad_rx(e->sad, p, v, n);
        for (uint32_t i = 0; i < n; i++)
            free(x[i]->data);
    }
}

static void pass(uint64_t ms)
{
    for (uint64_t end = clock_ms + ms; clock_ms < end;) {
        clock_ms++;
        arrive();
        sad_tick(A.sad);
        sad_tick(B.sad);
    }
}

static const struct esp_suite gcm = { ESP_AES_GCM_16, 128, 0, false };

/* One pair: what A sends with, B receives with. The keys depend on the SPIs. */
static struct sad_pair_conf half(struct end *e, uint32_t spi_in, uint32_t spi_out)
{
    static uint8_t keys[4][64];
    static uint32_t next;
    uint8_t *in = keys[next++ & 3], *out = keys[next++ & 3];
    memset(in, 0, 64);
    memset(out, 0, 64);
    memcpy(in, &spi_in, 4);
    memcpy(out, &spi_out, 4);
    (void)e;
    return (struct sad_pair_conf){ .suite = gcm, .spi_in = spi_in, .spi_out = spi_out,
                                   .keymat_in = in, .keymat_out = out, .window = 64,
                                   .initiator = e == &A };
}

static struct sad_pair *add(struct end *e, uint32_t spi_in, uint32_t spi_out, bool sends)
{
    struct sad_pair_conf c = half(e, spi_in, spi_out);
    struct sad_pair *p = NULL;
    ck_assert_int_eq(sad_pair_add(e->a, &c, sends, &p), 0);
    return p;
}

static void send_len(struct end *e, uint32_t number, uint32_t len)
{
    uint8_t buf[2048];
    struct adit_frame f = adit_frame_of(buf, sizeof buf, ADIT_ROOM, len), *v = &f;
    struct adit_path inner = e->path;
    memset(f.data, 0x55, len);
    struct wr w = wr_of(f.data, 4);
    wr_u32(&w, number);
    inner.our.port = e == &A ? 50001 : 1701;
    inner.peer.port = e == &A ? 1701 : 50001;
    sad_tx(e->a, &inner, &v, 1);
}
static void send_one(struct end *e, uint32_t number) { send_len(e, number, 100); }

/* ---- tests ---------------------------------------------------------------------------------- */

START_TEST(there_and_back)
{
    for (int encap = 0; encap < 2; encap++) {
        world_up(encap, 0);
        add(&A, 0x1001, 0x2001, true);
        add(&B, 0x2001, 0x1001, false);
        send_one(&B, 1);                        /* it must not send before it was spoken to */
        ck_assert_uint_eq(B.counters[N_ESP_NO_PAIR], 1);
        send_one(&A, 2);
        pass(30);
        ck_assert_uint_eq(B.delivered, 1);
        ck_assert_uint_eq(B.last_len, 100);
        ck_assert_uint_eq(B.our.port, 1701);
        ck_assert_uint_eq(B.peer.port, 50001);
        ck_assert_mem_eq(B.our.ip, B.path.our.ip, 16);
        ck_assert_mem_eq(B.peer.ip, B.path.peer.ip, 16);
        send_one(&B, 3);
        pass(30);
        ck_assert_uint_eq(A.delivered, 1);
        ck_assert_uint_eq(A.peer.port, 1701);
        ck_assert_uint_eq(A.counters[N_ESP_RX] + B.counters[N_ESP_RX], 2);
        ck_assert_uint_eq(A.counters[N_ESP_TX] + B.counters[N_ESP_TX], 2);
        struct sad_assoc_view v;
        sad_assoc_view(B.a, &v);
        ck_assert_str_eq(v.transform, "aes128gcm16");
        ck_assert_uint_eq(v.overhead, esp_overhead(&gcm) + (encap ? 8 : 0));
        ck_assert_uint_eq(v.packets_in, 1);
        ck_assert_uint_eq(v.bytes_in, 108);
        ck_assert_uint_eq(v.pairs, 1);
        ck_assert_uint_eq(v.rekeys, 0);
        ck_assert_uint_eq(v.heard_ms, 1000020);
        world_down();
        ck_assert_uint_eq(A.gones + B.gones, 2);
        ck_assert_uint_eq(A.pairs_gone + B.pairs_gone, 2);
    }
}
END_TEST

/* The client rekeys (or the server), the old pair ends on either side at any time
 * after, and packets flow in both directions all along. */
START_TEST(rekeying_loses_no_packet)
{
    static const int32_t deletes[] = { 0, 1, 19, 20, 21, 39, 40, 41, 60, 100 };
    uint32_t runs = 0;
    for (int by_server = 0; by_server < 2; by_server++)
        for (size_t da = 0; da < 10; da++)
            for (size_t db = 0; db < 10; db++) {
                world_up(true, 0);
                struct end *i = by_server ? &B : &A, *r = i->other;
                struct sad_pair *old[2], *new_i = NULL, *new_r = NULL;
                old[0] = add(&A, 0x1001, 0x2001, true);
                old[1] = add(&B, 0x2001, 0x1001, true);
                uint32_t sent = 0;
                uint64_t t0 = clock_ms + 50;
                for (uint32_t t = 0; t < 400; t++) {
                    /* message 1 arrives: the responder has the pair and answers */
                    if (clock_ms == t0 + 20)
                        new_r = add(r, r == &B ? 0x2002 : 0x1002, r == &B ? 0x1002 : 0x2002, false);
                    /* message 2 arrives: the initiator has it, too, and sends message 3 */
                    if (clock_ms == t0 + 40)
                        new_i = add(i, i == &B ? 0x2002 : 0x1002, i == &B ? 0x1002 : 0x2002, true);
                    if (clock_ms == t0 + 60)
                        sad_pair_sends(new_r);
                    /* deletes: by the initiator from message 3 on, by the responder when it has it */
                    if (clock_ms == t0 + 40 + (uint64_t)deletes[i == &A ? da : db])
                        sad_pair_end(old[i != &A], SAD_WHY_DELETED, 60);
                    if (clock_ms == t0 + 60 + (uint64_t)deletes[i == &A ? db : da])
                        sad_pair_end(old[i == &A], SAD_WHY_DELETED, 60);
                    if (t < 300) {
                        send_one(&A, sent);
                        send_one(&B, sent++);
                    }
                    pass(1);
                }
                ck_assert_ptr_nonnull(new_i);
                ck_assert_uint_eq(A.delivered, sent);
                ck_assert_uint_eq(B.delivered, sent);
                ck_assert_uint_eq(A.duplicates + B.duplicates, 0);
                ck_assert_uint_eq(A.counters[N_ESP_NO_PAIR] + B.counters[N_ESP_NO_PAIR], 0);
                ck_assert_uint_eq(A.counters[N_ESP_NO_SA] + B.counters[N_ESP_NO_SA], 0);
                ck_assert_uint_eq(A.pairs_gone, 1);
                ck_assert_uint_eq(B.pairs_gone, 1);
                struct sad_assoc_view v;
                sad_assoc_view(A.a, &v);
                ck_assert_uint_eq(v.pairs, 1);
                ck_assert_uint_eq(v.rekeys, 1);
                ck_assert_uint_eq(v.packets_in, sent);
                ck_assert_uint_eq(v.packets_out, sent);
                world_down();
                runs++;
            }
    ck_assert_uint_eq(runs, 200);
}
END_TEST

START_TEST(soft_and_hard_limits_of_time)
{
    world_up(true, 5000);
    struct sad_pair_conf c = half(&B, 0x2001, 0x1001);
    struct sad_pair *p;
    c.soft_ms = 600;
    c.hard_ms = 1000;
    ck_assert_int_eq(sad_pair_add(B.a, &c, true, &p), 0);
    ck_assert_uint_eq(sad_tick(B.sad), 600);
    pass(599);
    ck_assert_uint_eq(B.softs, 0);
    ck_assert_uint_eq(sad_tick(B.sad), 1);
    pass(1);
    ck_assert_uint_eq(B.softs, 1);
    ck_assert_ptr_eq(B.soft_pair, p);
    ck_assert_uint_eq(sad_tick(B.sad), 400);
    pass(399);
    ck_assert_uint_eq(B.softs, 1);
    ck_assert_uint_eq(B.pairs_gone, 0);
    pass(1);
    ck_assert_uint_eq(B.pairs_gone, 1);
    ck_assert_uint_eq(B.why, SAD_WHY_EXPIRED);
    ck_assert_ptr_null(sad_pair_in(B.sad, 0x2001));
    ck_assert_uint_eq(sad_tick(B.sad), 5000);           /* the grace time */
    pass(4999);
    ck_assert_uint_eq(B.gones, 0);
    pass(1);
    ck_assert_uint_eq(B.gones, 1);
    ck_assert_uint_eq(sad_tick(B.sad), 0);
    world_down();
}
END_TEST

START_TEST(a_new_pair_within_the_grace_time)
{
    world_up(true, 500);
    struct sad_pair *p = add(&B, 0x2001, 0x1001, true);
    pass(10);
    sad_pair_end(p, SAD_WHY_DELETED, 0);
    ck_assert_uint_eq(B.pairs_gone, 1);
    pass(490);
    add(&B, 0x2002, 0x1002, true);
    pass(2000);
    ck_assert_uint_eq(B.gones, 0);
    send_one(&B, 1);
    ck_assert_uint_eq(B.counters[N_ESP_TX], 1);
    world_down();
}
END_TEST

START_TEST(limits_of_bytes)
{
    for (int in = 0; in < 2; in++) {
        world_up(true, 500);
        struct sad_pair_conf c = half(&B, 0x2001, 0x1001);
        c.soft_bytes = 1080;
        c.hard_bytes = 2160;
        ck_assert_int_eq(sad_pair_add(B.a, &c, true, NULL), 0);
        add(&A, 0x1001, 0x2001, true);
        for (uint32_t i = 1; i <= 25; i++) {
            send_one(in ? &A : &B, i);
            pass(25);
            ck_assert_uint_eq(B.softs, i >= 10);
            ck_assert_uint_eq(B.pairs_gone, i >= 20);
        }
        ck_assert_uint_eq(in ? B.delivered : A.delivered, 20);
        ck_assert_uint_eq(B.why, SAD_WHY_EXPIRED);
        ck_assert_uint_eq(B.counters[in ? N_ESP_NO_SA : N_ESP_NO_PAIR], 5);
        pass(600);
        ck_assert_uint_eq(B.gones, 1);
        world_down();
    }
}
END_TEST

/* An SA of 2^32 packets, with the help of ESP itself. */
START_TEST(limits_of_sequence_numbers)
{
    world_up(true, 500);
    add(&B, 0x2001, 0x1001, true);
    struct sad_pair_conf c = half(&A, 0x1001, 0x2001);
    struct esp_out out;
    uint8_t buf[256];
    ck_assert_int_eq(esp_out_init(&out, NULL, &c.suite, c.spi_out, c.keymat_out), 0);
    static const uint32_t seqs[] = { 7, 0xbfffffff, 0xc0000000, UINT32_MAX - 1, UINT32_MAX };
    for (uint32_t i = 0; i < 5; i++) {
        out.seq = seqs[i] - 1;
        struct adit_frame f = adit_frame_of(buf, sizeof buf, 32, 20), *v = &f;
        struct wr w = wr_of(f.data, 12);
        wr_u16(&w, 50001);
        wr_u16(&w, 1701);
        wr_u16(&w, 20);
        wr_u16(&w, 0);
        wr_u32(&w, i);
        ck_assert_uint_eq(esp_seal(&out, 17, &v, 1), 1);
        sad_rx(B.sad, &B.path, &v, 1);
        ck_assert_uint_eq(B.delivered, i + 1);
        ck_assert_uint_eq(B.softs, i >= 2);
        ck_assert_uint_eq(B.pairs_gone, i >= 4);
    }
    ck_assert_uint_eq(B.why, SAD_WHY_EXPIRED);
    esp_out_fini(&out);
    world_down();
}
END_TEST

START_TEST(lingering)
{
    world_up(true, 1000);
    struct sad_pair *p = add(&B, 0x2001, 0x1001, true);
    add(&A, 0x1001, 0x2001, true);
    sad_pair_end(p, SAD_WHY_DELETED, 300);
    send_one(&B, 1);                            /* it sends no more */
    ck_assert_uint_eq(B.counters[N_ESP_NO_PAIR], 1);
    send_one(&A, 2);                            /* but receives */
    pass(100);
    ck_assert_uint_eq(B.delivered, 1);
    send_one(&B, 3);                            /* and is not revived by that */
    ck_assert_uint_eq(B.counters[N_ESP_NO_PAIR], 2);
    struct sad_pair_view v;
    sad_pair_view(p, &v);
    ck_assert(v.ending && !v.sends);
    sad_pair_end(p, SAD_WHY_DEAD, 5000);        /* not later than it was said first */
    pass(199);
    ck_assert_uint_eq(B.pairs_gone, 0);
    pass(1);
    ck_assert_uint_eq(B.pairs_gone, 1);
    ck_assert_uint_eq(B.why, SAD_WHY_DELETED);
    pass(999);
    ck_assert_uint_eq(B.gones, 0);
    pass(1);
    ck_assert_uint_eq(B.gones, 1);
    world_down();
}
END_TEST

/* ---- a peer that moves ---- */

START_TEST(a_moved_peer_is_followed)
{
    world_up(true, 0);
    add(&A, 0x1001, 0x2001, true);
    add(&B, 0x2001, 0x1001, true);
    send_one(&A, 1);
    pass(30);
    ck_assert_uint_eq(B.moves, 0);
    /* its NAT gives it another port, then another address */
    A.path.our.port = 61000;
    send_one(&A, 2);
    struct packet replay = wire[wire_from % WIRE];
    replay.data = memcpy(malloc(replay.len), replay.data, replay.len);
    pass(30);
    ck_assert_uint_eq(B.moves, 1);
    ck_assert_uint_eq(B.moved_to.port, 61000);
    ck_assert_uint_eq(B.peer.port, 50001);
    ck_assert_mem_eq(B.peer.ip, ip4(7, 0).ip, 16);      /* what stands above does not notice */
    struct sad_assoc_view v;
    sad_assoc_view(B.a, &v);
    ck_assert_uint_eq(v.outer->peer.port, 61000);
    send_one(&B, 3);
    pass(30);
    ck_assert_uint_eq(A.delivered, 1);

    /* a replay from elsewhere moves nothing, nor does a forgery */
    replay.from.peer = ip4(66, 6666);
    replay.at = clock_ms + 1;
    wire[wire_to++ % WIRE] = replay;
    pass(5);
    ck_assert_uint_eq(B.counters[N_ESP_REPLAY], 1);
    send_one(&A, 4);
    wire[(wire_to - 1) % WIRE].data[30] ^= 1;
    wire[(wire_to - 1) % WIRE].from.peer = ip4(66, 6666);
    pass(30);
    ck_assert_uint_eq(B.counters[N_ESP_BAD_ICV], 1);
    ck_assert_uint_eq(B.moves, 1);

    /* out of order: an authentic packet from where the peer was before comes late */
    A.path.our = ip4(9, 61001);
    send_one(&A, 5);
    A.path.our = ip4(11, 61002);
    send_one(&A, 6);
    struct packet *x = &wire[(wire_to - 2) % WIRE], *y = &wire[(wire_to - 1) % WIRE], z = *x;
    *x = *y;
    *y = z;
    pass(30);
    ck_assert_uint_eq(B.moves, 2);
    ck_assert_uint_eq(B.moved_to.ip[3], 11);
    ck_assert_uint_eq(B.seen[5], 1);
    ck_assert_uint_eq(B.seen[6], 1);
    sad_assoc_view(B.a, &v);
    ck_assert_uint_eq(v.outer->peer.port, 61002);
    world_down();
}
END_TEST

START_TEST(packets_of_a_replaced_pair_move_nothing)
{
    world_up(true, 0);
    struct sad_pair *old = add(&A, 0x1001, 0x2001, true);
    add(&B, 0x2001, 0x1001, true);
    add(&B, 0x2002, 0x1002, false);
    A.path.our.port = 61000;
    send_one(&A, 1);                            /* the new pair is there, but nobody spoke with it */
    pass(30);
    ck_assert_uint_eq(B.moves, 1);
    add(&A, 0x1002, 0x2002, true);
    A.path.our.port = 61001;
    send_one(&A, 2);
    pass(30);
    ck_assert_uint_eq(B.moves, 2);
    /* the old pair once more, from where the peer was */
    struct sad_pair *new = sad_pair_in(A.sad, 0x1002);
    sad_pair_end(new, SAD_WHY_DELETED, 0);
    A.path.our.port = 61000;
    send_one(&A, 3);
    pass(30);
    ck_assert_uint_eq(B.seen[3], 1);
    ck_assert_uint_eq(B.moves, 2);
    ck_assert_ptr_nonnull(old);
    world_down();
}
END_TEST

START_TEST(native_esp_is_not_followed)
{
    world_up(false, 0);
    add(&A, 0x1001, 0x2001, true);
    add(&B, 0x2001, 0x1001, true);
    A.path.our = ip4(9, 0);
    send_one(&A, 1);
    pass(30);
    ck_assert_uint_eq(B.delivered, 1);
    ck_assert_uint_eq(B.moves, 0);
    world_down();
}
END_TEST

/* Rekeying after a move: the same association, on the path that the peer has now. */
START_TEST(an_association_is_known_by_its_owner)
{
    world_up(true, 0);
    struct sad_who w = who_of(&B, true);
    struct adit_path other = B.path;
    other.peer = ip4(200, 1234);
    w.peer = other.peer;
    ck_assert_ptr_eq(sad_assoc_get(B.sad, &w, &other), B.a);
    struct sad_assoc_view v;
    sad_assoc_view(B.a, &v);
    ck_assert_ptr_eq(v.outer, &other);
    ck_assert_int_eq(B.holds, 1);
    ck_assert_uint_eq(v.who->peer.ip[3], 7);
    w.owner = 2;                                /* another peer behind the same address */
    struct sad_assoc *second = sad_assoc_get(B.sad, &w, &other);
    ck_assert_ptr_ne(second, B.a);
    w.owner = 1;
    w.sel.peer_port = 5;
    ck_assert_ptr_ne(sad_assoc_get(B.sad, &w, &other), B.a);
    uint32_t n = 0;
    for (struct sad_assoc *a = NULL; (a = sad_assoc_next(B.sad, a));)
        n++;
    ck_assert_uint_eq(n, 3);
    sad_assoc_set_user(second, &w);
    ck_assert_ptr_eq(sad_assoc_user(second), &w);
    world_down();
    ck_assert_uint_eq(B.gones, 3);
}
END_TEST

/* Two clients behind one NAT, in one vector, from the same port inside. */
START_TEST(two_behind_one_nat)
{
    world_up(true, 0);
    struct sad_who w = who_of(&B, true);
    w.owner = 2;
    w.peer.port = 1025;
    struct adit_path second = B.path;
    second.peer.port = 1025;
    struct sad_assoc *a2 = sad_assoc_get(B.sad, &w, &second);
    struct sad_pair_conf c = half(&B, 0x2009, 0x1009), d = half(&A, 0x1009, 0x2009);
    struct sad_pair *p2;
    ck_assert_int_eq(sad_pair_add(a2, &c, false, &p2), 0);
    struct esp_out out;
    ck_assert_int_eq(esp_out_init(&out, NULL, &d.suite, d.spi_out, d.keymat_out), 0);
    add(&B, 0x2001, 0x1001, false);
    add(&A, 0x1001, 0x2001, true);
    send_one(&A, 1);
    pass(30);
    uint8_t buf[256];
    struct adit_frame f = adit_frame_of(buf, sizeof buf, 32, 20), *v = &f;
    struct wr r = wr_of(f.data, 12);
    wr_u16(&r, 50001);
    wr_u16(&r, 1701);
    wr_u16(&r, 20);
    wr_u16(&r, 0);
    wr_u32(&r, 2);
    ck_assert_uint_eq(esp_seal(&out, 17, &v, 1), 1);
    sad_rx(B.sad, &second, &v, 1);
    ck_assert_uint_eq(B.delivered, 2);
    ck_assert_uint_eq(B.moves, 0);
    /* each hears its own */
    struct sad_assoc_view v1, v2;
    sad_assoc_view(B.a, &v1);
    sad_assoc_view(a2, &v2);
    ck_assert_uint_eq(v1.packets_in, 1);
    ck_assert_uint_eq(v2.packets_in, 1);
    ck_assert_uint_eq(v1.outer->peer.port, 4500);
    ck_assert_uint_eq(v2.outer->peer.port, 1025);
    send_one(&B, 3);
    pass(30);
    ck_assert_uint_eq(A.delivered, 1);
    esp_out_fini(&out);
    world_down();
}
END_TEST

/* ---- the UDP header inside ---- */

/* B gets an authentic packet with these bytes inside. */
static void inject(struct esp_out *out, const uint8_t *p, uint32_t len, uint8_t next)
{
    uint8_t buf[512];
    struct adit_frame f = adit_frame_of(buf, sizeof buf, ADIT_ROOM, len), *v = &f;
    memcpy(f.data, p, len);
    ck_assert_uint_eq(esp_seal(out, next, &v, 1), 1);
    uint8_t *exact = malloc(f.len);
    memcpy(exact, f.data, f.len);
    f = adit_frame_of(exact, f.len, 0, f.len);
    sad_rx(B.sad, &B.path, &v, 1);
    free(exact);
}

static void udp(uint8_t *p, uint16_t from, uint16_t to, uint16_t len, uint16_t sum)
{
    struct wr w = wr_of(p, 8);
    wr_u16(&w, from);
    wr_u16(&w, to);
    wr_u16(&w, len);
    wr_u16(&w, sum);
}

START_TEST(the_header_inside_is_checked)
{
    world_up(true, 0);
    add(&B, 0x2001, 0x1001, true);
    struct sad_pair_conf c = half(&A, 0x1001, 0x2001);
    struct esp_out out;
    uint8_t p[64] = { 0 };
    ck_assert_int_eq(esp_out_init(&out, NULL, &c.suite, c.spi_out, c.keymat_out), 0);
    static const struct { uint16_t from, to, len; uint32_t whole; uint32_t which; } rows[] = {
        { 50001, 1701, 20, 20, N_ESP_RX }, { 1701, 1701, 8, 8, N_ESP_RX },
        { 50001, 1701, 20, 60, N_ESP_RX },      /* longer: traffic flow confidentiality */
        { 50001, 1701, 21, 20, N_ESP_BAD }, { 50001, 1701, 7, 20, N_ESP_BAD },
        { 50001, 1701, 0, 20, N_ESP_BAD }, { 50001, 1701, 8, 7, N_ESP_BAD },
        { 50001, 1701, 8, 0, N_ESP_BAD },
        { 50001, 1702, 20, 20, N_ESP_SELECTOR }, { 50001, 53, 20, 20, N_ESP_SELECTOR },
        { 0, 1701, 20, 20, N_ESP_SELECTOR },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t before[N_COUNT];
        memcpy(before, B.counters, sizeof before);
        udp(p, rows[i].from, rows[i].to, rows[i].len, 0);
        inject(&out, p, rows[i].whole, 17);
        before[rows[i].which]++;
        ck_assert_mem_eq(before, B.counters, sizeof before);
        if (rows[i].which == N_ESP_RX) {
            ck_assert_uint_eq(B.last_len, rows[i].len - 8u);
            ck_assert_uint_eq(B.peer.port, rows[i].from);
        }
    }
    udp(p, 50001, 1701, 20, 0);
    inject(&out, p, 20, 6);                     /* not UDP at all */
    ck_assert_uint_eq(B.counters[N_ESP_SELECTOR], 4);
    inject(&out, p, 20, 59);                    /* a dummy */
    ck_assert_uint_eq(B.delivered, 3);
    /* nonsense in clear */
    struct adit_frame f = adit_frame_of(p, 3, 0, 3), *v = &f;
    sad_rx(B.sad, &B.path, &v, 1);
    f = adit_frame_of(p, 40, 0, 40);
    p[0] = 0x77;
    sad_rx(B.sad, &B.path, &v, 1);
    ck_assert_uint_eq(B.counters[N_ESP_NO_SA], 1);
    ck_assert_uint_eq(B.counters[N_ESP_BAD], 6);
    esp_out_fini(&out);
    world_down();
}
END_TEST

/* Row W9: Windows behind a NAT sends checksums of its private address. */
START_TEST(W9_wrong_checksums_behind_a_nat)
{
    for (int encap = 0; encap < 2; encap++) {
        world_up(encap, 0);
        add(&B, 0x2001, 0x1001, true);
        struct sad_pair_conf c = half(&A, 0x1001, 0x2001);
        struct esp_out out;
        uint8_t p[64] = { 0 };
        ck_assert_int_eq(esp_out_init(&out, NULL, &c.suite, c.spi_out, c.keymat_out), 0);
        udp(p, 50001, 1701, 21, 0);
        p[20] = 0x80;
        inject(&out, p, 21, 17);                /* none */
        ck_assert_uint_eq(B.delivered, 1);
        /* 192.0.2.7 -> 192.0.2.1, 17, 21; 50001 -> 1701, 21; 0x8000 */
        uint32_t sum = 0xc000 + 0x0207 + 0xc000 + 0x0201 + 17 + 21 + 50001 + 1701 + 21 + 0x8000;
        sum = (sum & 0xffff) + (sum >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        udp(p, 50001, 1701, 21, (uint16_t)~sum);
        inject(&out, p, 21, 17);                /* right */
        ck_assert_uint_eq(B.delivered, 2);
        udp(p, 50001, 1701, 21, (uint16_t)(~sum ^ 1u));
        inject(&out, p, 21, 17);                /* wrong */
        ck_assert_uint_eq(B.delivered, encap ? 3 : 2);
        ck_assert_uint_eq(B.counters[N_ESP_BAD], encap ? 0 : 1);
        esp_out_fini(&out);
        world_down();
    }
}
END_TEST

START_TEST(ipv6_has_checksums)
{
    clock_ms = 1000000;
    delay_ms = 20;
    wire_from = wire_to = 0;
    for (int encap = 0; encap < 2; encap++) {
        end_up(&A, &B, ip6(7, encap ? 4500 : 0), ip6(1, encap ? 4500 : 0), encap, 0);
        end_up(&B, &A, ip6(1, encap ? 4500 : 0), ip6(7, encap ? 4500 : 0), encap, 0);
        add(&A, 0x1001, 0x2001, true);
        add(&B, 0x2001, 0x1001, true);
        for (uint32_t len = 4; len < 100; len++) {
            send_len(&A, len, len);
            send_len(&B, len, len);
        }
        pass(30);
        ck_assert_uint_eq(A.delivered, 96);
        ck_assert_uint_eq(B.delivered, 96);
        struct sad_pair_conf c = half(&A, 0x1001, 0x2001);
        struct esp_out out;
        uint8_t p[64] = { 0 };
        ck_assert_int_eq(esp_out_init(&out, NULL, &c.suite, c.spi_out, c.keymat_out), 0);
        out.seq = 1000;
        udp(p, 50001, 1701, 20, 0);
        inject(&out, p, 20, 17);
        udp(p, 50001, 1701, 20, 0x1234);
        inject(&out, p, 20, 17);
        /* none is wrong; one that is wrong is a NAT's work, when there is one */
        ck_assert_uint_eq(B.counters[N_ESP_BAD], encap ? 1 : 2);
        esp_out_fini(&out);
        world_down();
    }
}
END_TEST

START_TEST(what_is_not_agreed_does_not_leave)
{
    world_up(true, 0);
    add(&B, 0x2001, 0x1001, true);
    uint8_t buf[256];
    struct adit_frame f = adit_frame_of(buf, sizeof buf, ADIT_ROOM, 20), *v = &f;
    struct adit_path inner = B.path;
    inner.our.port = 1702;
    inner.peer.port = 50001;
    sad_tx(B.a, &inner, &v, 1);
    ck_assert_uint_eq(B.counters[N_ESP_NO_PAIR], 1);
    inner.our.port = 1701;
    f = adit_frame_of(buf, sizeof buf, 7, 20);          /* no room for the UDP header */
    sad_tx(B.a, &inner, &v, 1);
    f = adit_frame_of(buf, sizeof buf, 23, 20);         /* nor for ESP's */
    sad_tx(B.a, &inner, &v, 1);
    ck_assert_uint_eq(B.counters[N_ESP_NO_ROOM], 2);
    f = adit_frame_of(buf, sizeof buf, 24, 20);
    sad_tx(B.a, &inner, &v, 1);
    ck_assert_uint_eq(B.counters[N_ESP_TX], 1);
    world_down();
}
END_TEST

/* ---- numbers, and ends inside of calls ---- */

START_TEST(numbers_are_reserved)
{
    world_up(true, 0);
    uint32_t spi = sad_spi_new(B.sad), other = sad_spi_new(B.sad);
    ck_assert_uint_gt(spi, 255);
    ck_assert_uint_gt(other, 255);
    ck_assert_uint_ne(spi, other);
    ck_assert_ptr_null(sad_pair_in(B.sad, spi));
    struct sad_pair *p = add(&B, spi, 0x1001, true);
    ck_assert_ptr_eq(sad_pair_in(B.sad, spi), p);
    ck_assert_ptr_eq(sad_pair_out(B.a, 0x1001), p);
    ck_assert_ptr_null(sad_pair_out(B.a, 0x1002));
    sad_spi_drop(B.sad, spi);                   /* a pair's: nothing happens */
    ck_assert_ptr_eq(sad_pair_in(B.sad, spi), p);
    struct sad_pair_conf c = half(&B, spi, 5000);
    ck_assert_int_eq(sad_pair_add(B.a, &c, true, NULL), ADIT_EEXIST);
    sad_spi_drop(B.sad, other);
    sad_spi_drop(B.sad, other);
    c = half(&B, other, 5000);
    c.suite.auth = ESP_HMAC_SHA1;
    ck_assert_int_eq(sad_pair_add(B.a, &c, true, NULL), ADIT_ENOSYS);
    sad_spi_new(B.sad);                         /* one is left at the end */
    world_down();
}
END_TEST

START_TEST(ends_inside_of_calls)
{
    for (int how = 0; how < 5; how++) {
        world_up(true, 0);
        struct sad_pair_conf c = half(&B, 0x2001, 0x1001);
        c.soft_bytes = 300;
        c.hard_bytes = how == 3 ? 400 : 0;
        ck_assert_int_eq(sad_pair_add(B.a, &c, true, NULL), 0);
        add(&B, 0x2002, 0x1002, true);
        add(&A, 0x1001, 0x2001, true);
        B.end_on_rx = how == 0;
        B.end_on_soft = how == 1;
        B.end_on_moved = how == 2;
        B.end_on_pair_gone = how >= 3;
        if (how == 2)
            A.path.our.port = 9;
        for (uint32_t i = 0; i < 20; i++)
            send_one(&A, i);
        pass(30);
        if (how == 4) {
            ck_assert_uint_eq(B.gones, 0);
            sad_assoc_end(B.a, SAD_WHY_DELETED);
        }
        ck_assert_uint_eq(B.gones, 1);
        ck_assert_uint_eq(B.pairs_gone, 2);
        ck_assert_ptr_null(B.a);
        if (how == 2)
            ck_assert_uint_eq(B.delivered, 0);
        world_down();
        ck_assert_uint_eq(B.gones, 1);
    }
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        there_and_back, rekeying_loses_no_packet, soft_and_hard_limits_of_time,
        a_new_pair_within_the_grace_time, limits_of_bytes, limits_of_sequence_numbers, lingering,
        a_moved_peer_is_followed, packets_of_a_replaced_pair_move_nothing,
        native_esp_is_not_followed, an_association_is_known_by_its_owner, two_behind_one_nat,
        the_header_inside_is_checked, W9_wrong_checksums_behind_a_nat, ipv6_has_checksums,
        what_is_not_agreed_does_not_leave, numbers_are_reserved, ends_inside_of_calls, NULL
    };
    return unit_suite("sad", tests);
}
UNIT_MAIN(suite)
