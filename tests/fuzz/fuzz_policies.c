/* fuzz_policies.c - any text as a file of policies, and a few users before it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <adit/cause.h>
#include "config/conf.h"
#include "../../plugins/policy-access/access.h"

static void tell(void *u, const char *sentence)
{
    (void)u;
    (void)sentence;
}

static const char *group(const void *u, uint32_t nth)
{
    static const char *const groups[] = { "users", "staff" };
    (void)u;
    return nth < 2 ? groups[nth] : NULL;
}

static void heard(void *u, const struct pol_cond *c)
{
    if (strlen(c->wanted) >= POL_TEXT || strlen(c->actual) >= POL_TEXT)
        abort();
    ++*(uint32_t *)u;
}

static void decide(const struct pol_set *s)
{
    static const struct { uint32_t method, wday, minute; bool secured; } t[] = {
        { ADIT_AUTH_MSCHAPV2, 0, 540, false }, { ADIT_AUTH_PAP, 6, 1439, true }, { 0, 3, 0, false },
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        const struct pol_facts f = {
            .user = "CORP\\anna", .account = "anna", .domain = i ? "CORP" : "", .protocol = "pptp",
            .tunnel = "pptp", .calling = "192.0.2.7", .called = "10.0.0.1", .name = "PC", .identity = "",
            .authenticator = "local", .group = group, .method = t[i].method,
            .peer = { .family = ADIT_AF_IPV4, .prefix = 32, .ip = { 192, 0, 2, 7 } },
            .our = { .family = ADIT_AF_IPV6, .prefix = 128, .ip = { 0x20, 1 } },
            .dialin = (uint32_t)i, .wday = t[i].wday, .minute = t[i].minute, .secured = t[i].secured,
        };
        struct pol_decision d;
        uint32_t n = 0;
        pol_decide(s, &f, &d);
        if (strlen(d.why) >= POL_WHY || d.grant != (d.cause == ADIT_CAUSE_NONE) || (d.grant && !d.policy))
            abort();
        for (uint32_t k = 0; k < pol_count(s); k++) {
            /* the decision is the first match, whoever asks */
            bool matches = pol_matches(s, k, &f, heard, &n);
            if (matches != pol_matches(s, k, &f, NULL, NULL) || (matches && (!d.policy || k < d.index)))
                abort();
            pol_wanted(s, k, POL_WHEN, heard, &n);
            pol_wanted(s, k, POL_ONLY, heard, &n);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const struct conf_err err = { tell, NULL };
    struct access_file f;
    struct conf_mem *mem = NULL;
    struct pol_set *s = NULL;
    char text[POL_ERR];
    struct conf_doc *d = conf_read_text("policies.yaml", (const char *)data, len, &err);
    if (d && conf_fill(conf_root(d), access_file_opts, sizeof access_file_opts[0], NULL, sizeof f, &f,
                       &mem, &err) == 0 && pol_set_new(&f.policies, &s, text) == 0) {
        decide(s);
        pol_set_free(s);
    }
    conf_mem_free(mem);
    conf_free(d);
    return 0;
}
