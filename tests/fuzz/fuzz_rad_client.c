/* fuzz_rad_client.c - requests, answers and time in any order: every request ends once,
 * and nothing is left.
 *
 * Each octet is a step: ask, cancel, let time pass, answer well or nearly so, anything
 * as a datagram, stop and start; some take the octets after it.
 */
#include <stdlib.h>

#include "../../plugins/auth-radius/rad_client.h"
#include "../../sdk/fake/fake.h"

#define ASKS 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct one {
    struct rad_ask *ask;
    unsigned ends;
};
static struct one asks[ASKS];
static struct rad_group *group;

static int32_t create(struct adit_self *self)
{
    self->instance = group = rad_group_new(self, self->conf, RAD_AUTH);
    return group ? 0 : ADIT_ECONF;
}
static int32_t start(struct adit_self *self) { return rad_group_start(self->instance); }
static void destroy(struct adit_self *self) { rad_group_free(self->instance); }
static void check(struct adit_self *self, uint64_t req, const struct adit_auth_query *q)
{
    (void)self;
    (void)req;
    (void)q;
}

static const struct adit_counter counters[] = {
#define RAD_X(NAME, name, text) { name, text },
    RAD_CLIENT_COUNTERS(RAD_X)
#undef RAD_X
};
static const struct adit_event *const events[] = { RAD_CLIENT_EVENTS, NULL };
static const struct adit_opt opts[] = { ADIT_OPT_END };
static const struct adit_life life = { .size = sizeof life, .create = create, .start = start, .destroy = destroy };
static const struct adit_auth vtable = { .size = sizeof vtable, .methods = ADIT_AUTH_PAP, .check = check };
static const struct adit_face face = {
    .kind = ADIT_KIND_AUTH, .conf_size = sizeof(struct rad_servers_conf), .name = "radius", .opts = opts,
    .counters = counters, .counter_count = RAD_N_CLIENT, .events = events, .life = &life, .vtable = &vtable,
};

static void put(void *u, struct rad_out *o)
{
    (void)u;
    rad_put_str(o, RAD_USER_NAME, "anna");
}

static void done(void *u, enum rad_end end, const struct rad_in *in, const struct rad_how *how)
{
    struct one *x = u;
    if (!x->ask || x->ends++ || (in != NULL) != (end == RAD_ANSWERED) || (how != NULL) != (in != NULL))
        abort();
    x->ask = NULL;
}

/* To the request that was sent last, or one before it; `damage` turns a bit. */
static void answer(uint8_t which, uint8_t damage)
{
    static struct rad_out o;
    const struct fake_sent *f = fake_sent_peek(fake_sent_count() > which ? fake_sent_count() - 1 - which : 0);
    struct rad_in in;
    if (!f || !rad_open(&in, f->data, f->len))
        return;
    const char *secret = f->peer.ip[3] == 1 ? "sa" : "sb";
    const struct rad_key key = { fake_host()->crypto, (const uint8_t *)secret, 2 };
    rad_begin_answer(&o, &key, RAD_ACCESS_ACCEPT, in.authenticator);
    uint32_t n = rad_finish(&o, in.id);
    if (damage)
        o.bytes[damage % n] ^= (uint8_t)(1u << damage % 8);
    struct adit_addr peer = f->peer, our = f->our;
    (void)fake_datagram(ADIT_PROTO_UDP, &peer, &our, NULL, o.bytes, n);
}

static void step(struct rd *r)
{
    uint8_t op = rd_u8(r), arg;
    struct adit_addr a = fake_addr("10.0.1.1:1812"), our = fake_addr("10.0.0.1:32768");
    struct one *x;
    switch (op % 8) {
    case 0:
    case 1:                     /* the second octet: of which server */
        x = &asks[rd_u8(r) % ASKS];
        if (x->ask)
            break;
        x->ends = 0;
        x->ask = rad_ask(group, op & 0x80 ? RAD_ACCOUNTING_REQUEST : RAD_ACCESS_REQUEST, 15000,
                         op % 8 ? "b" : NULL, put, done, x);
        break;
    case 2:
        x = &asks[rd_u8(r) % ASKS];
        if (x->ask)
            rad_ask_cancel(x->ask);
        x->ask = NULL;
        break;
    case 3:
        fake_advance(rd_u8(r) * 100u);
        break;
    case 4:
        arg = rd_u8(r);
        answer(arg, 0);
        break;
    case 5:
        arg = rd_u8(r);
        answer(arg, rd_u8(r));
        break;
    case 6: {
        size_t n = rd_u8(r);
        const uint8_t *p = rd_bytes(r, n);
        a.ip[3] = (uint8_t)(1 + (op >> 7));
        our.port = (uint16_t)(our.port + (op >> 4 & 3u));
        if (p)
            (void)fake_datagram(ADIT_PROTO_UDP, &a, &our, NULL, p, n);
        break;
    }
    default:
        rad_group_stop(group);
        if (rad_group_start(group))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct rad_server_conf v[] = {
        { .name = "a", .host = "10.0.1.1", .secret = "sa", .auth_port = 1812, .timeout_ms = 1000, .tries = 2 },
        { .name = "b", .host = "10.0.1.2", .secret = "sb", .auth_port = 1812, .timeout_ms = 1000, .tries = 2 },
    };
    static const struct rad_servers_conf conf = { .servers = { v, 2, sizeof v[0] }, .dead_ms = 5000, .probe = 1 };
    struct rd r = rd_of(data, len < 4096 ? len : 4096);
    memset(asks, 0, sizeof asks);
    fake_begin();
    struct adit_self *self = fake_inst_conf(&face, &conf);
    if (!self)
        abort();
    while (rd_left(&r))
        step(&r);
    fake_advance(60000);
    for (int i = 0; i < ASKS; i++)
        if (asks[i].ask)
            abort();            /* its time is over */
    fake_inst_free(self);       /* looks whether something is left */
    fake_end();
    return 0;
}
