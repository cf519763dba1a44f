/* rad_bench.h - what the tests of auth-radius's files share: an instance that is
 * nothing but its events, and packets. */
#ifndef RAD_BENCH_H
#define RAD_BENCH_H

#include "../../plugins/auth-radius/rad_attr.h"
#include "../../plugins/auth-radius/rad_dict.h"
#include "../../sdk/fake/fake.h"

static int32_t bench_create(struct adit_self *self)
{
    (void)self;
    return 0;
}

static const struct adit_life bench_life = { .size = sizeof bench_life, .create = bench_create };
static const struct adit_auth bench_vtable = { .size = sizeof bench_vtable, .methods = ADIT_AUTH_PAP };
static const struct adit_event *const bench_events[] = { RAD_ATTR_EVENTS, NULL };
static const struct adit_face bench_face = {
    .kind = ADIT_KIND_AUTH, .conf_size = 4, .name = "bench", .life = &bench_life,
    .vtable = &bench_vtable, .events = bench_events,
};

static inline struct adit_self *bench_self(void)
{
    static const uint32_t conf;
    return fake_inst_conf(&bench_face, &conf);
}

/* An answer that is finished and opened. */
static inline void bench_in(struct rad_out *o, struct rad_in *in)
{
    uint32_t n = rad_finish(o, 1);
    if (!n || !rad_open(in, o->bytes, n))
        abort();
}

/* Every attribute of a request, one a line. */
static inline const char *bench_text(const struct rad_out *o)
{
    static char all[8192];
    static uint8_t copy[RAD_MAX];
    struct rad_in in = { .p = copy, .len = o->len };
    size_t n = 0;
    memcpy(copy, o->bytes, o->len);
    all[0] = '\0';
    for (struct rad_attr a = { 0 }; rad_next(&in, &a);) {
        char line[RAD_PAIR_TEXT];
        n += (size_t)snprintf(all + n, sizeof all - n, "%s\n", rad_dict_text(&a, line, sizeof line));
    }
    return all;
}

#endif
