/* fuzz_rad_coa.c - any attributes in a request that is signed well: it is answered or
 * not, and when it comes again nothing is done. First octet: CoA or Disconnect. */
#include <stdio.h>
#include <stdlib.h>
#include <adit/plugin.h>
#include "../../plugins/auth-radius/rad_attr.h"
#include "../../plugins/auth-radius/rad_coa.h"
#include "../../plugins/auth-radius/rad_dict.h"
#include "../../sdk/fake/fake.h"

static const struct rad_coa_client_conf one = {
    .network = { ADIT_AF_IPV4, 32, 0, 0, { 192, 0, 2, 9 } }, .secret = "s",
};
static const struct conf {
    struct rad_coa_conf coa;
    struct rad_nas_conf nas;
} conf = { .coa = { .listen = { ADIT_AF_IPV4, 32, 3799, 0, { 192, 0, 2, 1 } },
                    .clients = { &one, 1, sizeof one } },
           .nas = { .identifier = "gate" } };

static struct rad_coa *coa;

static int32_t create(struct adit_self *self)
{
    coa = rad_dict_hold() ? NULL : rad_coa_new(self, &conf.coa, &conf.nas, 0);
    return coa ? 0 : ADIT_ENOMEM;
}

static int32_t start(struct adit_self *self) { (void)self; return rad_coa_start(coa); }

static void destroy(struct adit_self *self)
{
    (void)self;
    rad_coa_free(coa);
    rad_dict_drop();
}

static const struct adit_life life = { .size = sizeof life, .create = create, .start = start,
                                       .destroy = destroy };
static const struct adit_counter counters[] = {
#define RAD_X(NAME, name, text) { name, text },
    RAD_COA_COUNTER_MAP(RAD_X)
#undef RAD_X
};
static const struct adit_event *const events[] = { RAD_COA_EVENTS, RAD_ATTR_EVENTS, NULL };
static const struct adit_face face = {
    .kind = ADIT_KIND_AUTH, .conf_size = sizeof conf, .name = "coa", .life = &life,
    .counters = counters, .counter_count = RAD_COA_COUNTERS, .events = events,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct adit_self *self;
    static struct adit_addr us, server;
    static uint64_t ended;
    if (!len || len > RAD_MAX - 100)
        return 0;
    if (!self) {
        us = fake_addr("192.0.2.1:3799");
        server = fake_addr("192.0.2.9:4000");
        self = fake_inst_conf(&face, &conf);
    }
    if (ended == fake_counter(self, "coa-ended")) {     /* there is one session, always */
        adit_attr_put_str(fake_host(), fake_session_attrs(fake_session()), ADIT_ATTR_USER, "anna");
        ended++;
    }
    struct rad_key k = { fake_host()->crypto, (const uint8_t *)"s", 1 };
    struct rad_out o;
    rad_begin(&o, &k, data[0] & 1 ? RAD_COA_REQUEST : RAD_DISCONNECT_REQUEST);
    memcpy(o.bytes + o.len, data + 1, len - 1);
    o.len += (uint32_t)len - 1;
    uint32_t n = rad_finish(&o, 1);
    uint64_t before = fake_counter(self, "coa-changed") + fake_counter(self, "coa-ended");
    for (int again = 0; again < 2; again++) {
        fake_datagram(ADIT_PROTO_UDP, &server, &us, NULL, o.bytes, n);
        const struct fake_sent *sent = fake_sent();
        struct rad_in in;
        if (sent && (!rad_open(&in, sent->data, sent->len) ||
                     rad_verify(&in, &k, o.authenticator, RAD_MA_REQUIRED) != RAD_OK || fake_sent_count())) {
            fprintf(stderr, "fuzz_rad_coa: the answer is none\n");
            abort();
        }
    }
    if (fake_counter(self, "coa-changed") + fake_counter(self, "coa-ended") > before + 1) {
        fprintf(stderr, "fuzz_rad_coa: done twice\n");
        abort();
    }
    return 0;
}
