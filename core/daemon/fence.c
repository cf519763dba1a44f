/* fence.c - the internet interface's set and NAT: options of section `network:`.
 *
 * Knows:  what the options say, and whether L2TP is served without IPsec.
 * Leaves: rules and nft to datapath, ports to path.
 */
#include "daemon/fence.h"

#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include "daemon/inst.h"
#include "datapath/dp_nft.h"
#include "log/log.h"
#include "loop/loop.h"
#include "path/path.h"

#define L2TP_PORT 1701u

static struct {
    char internet[IFNAMSIZ], nat[IFNAMSIZ];
    struct dp_admit *admit;
    uint32_t count;
    bool on;
} fence;

static const char *word(const struct adit_array *a, uint32_t i)
{
    const char *s;
    memcpy(&s, (const char *)a->items + (size_t)i * a->stride, sizeof s);
    return s ? s : "";
}

static int32_t check_name(const struct conf_node *network, const char *key, const char *name,
                          const struct conf_err *err)
{
    return !name || dp_nft_interface(name) ? 0 :
           conf_error(conf_get(network, key), err, "'%s' wants the name of an interface, not '%.60s'", key, name);
}

int32_t fence_check(const struct conf_node *network, const struct fence_conf *c, bool forward,
                    const struct conf_err *err)
{
    struct dp_admit a;
    const struct conf_node *list = conf_get(network, "admit");
    int32_t rc = check_name(network, "internet-interface", c->internet, err);
    int32_t nat = check_name(network, "nat", c->nat, err);
    rc = rc ? rc : nat;
    for (uint32_t i = 0; i < c->admit.count; i++)
        if (!dp_admit_parse(word(&c->admit, i), &a))
            rc = conf_error(conf_is_seq(list) ? conf_item(list, i) : list, err, "'admit' wants tcp/22, "
                            "udp/6000-6010, protocol/89 or icmp-echo, not '%.60s'", word(&c->admit, i));
    if (c->admit.count > 100)
        rc = conf_error(list, err, "'admit' takes at most 100");
    if (c->admit.count && !c->internet)
        rc = conf_error(list, err, "'admit' is of the internet interface; name it with internet-interface");
    if (c->nat && !forward)
        rc = conf_error(conf_get(network, "nat"), err, "'nat' needs packets to be forwarded, and network.forward "
                        "is no");
    return rc;
}

static int32_t set(bool anew)
{
    struct dp_nft c = { .internet = *fence.internet ? fence.internet : NULL, .nat = *fence.nat ? fence.nat : NULL,
                        .admit = fence.admit, .count = fence.count, .clear_l2tp = path_clear(L2TP_PORT) };
    return dp_nft_set(&c, anew);
}

static void look(const char *key, const char *name)
{
    if (*name && !if_nametoindex(name))
        inst_problem("network.%s names '%s', and this host has no such interface", key, name);
}

static void follow(void *u)
{
    (void)u;
    if (fence.on && set(false))
        inst_problem("the internet interface's set could not be changed; see the log");
}

void fence_settle(void)
{
    look("internet-interface", fence.internet);
    look("nat", fence.nat);
    follow(NULL);
}

static struct loop_idle at_round_end = { .run = follow };

static void ports_changed(void *u)
{
    (void)u;
    if (fence.on)
        loop_at_round_end(&at_round_end);
}

int32_t fence_apply(const struct fence_conf *c)
{
    struct dp_admit *list = calloc(c->admit.count + 1, sizeof *list);
    if (!list)
        return ADIT_ENOMEM;
    for (uint32_t i = 0; i < c->admit.count; i++)
        (void)dp_admit_parse(word(&c->admit, i), &list[i]);     /* it was checked */
    free(fence.admit);
    fence.admit = list;
    fence.count = c->admit.count;
    strncpy(fence.internet, c->internet ? c->internet : "", sizeof fence.internet - 1);
    strncpy(fence.nat, c->nat ? c->nat : "", sizeof fence.nat - 1);
    fence.on = true;
    path_on_ports(ports_changed, NULL);
    return set(true);
}

void fence_fini(void)
{
    path_on_ports(NULL, NULL);
    free(fence.admit);
    fence.admit = NULL;
    fence.on = false;
}
