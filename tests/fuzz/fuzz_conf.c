/* fuzz_conf.c - a configuration file: text to tree, tree to a struct with every type. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/addr.h"
#include "config/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct sub {
    const char *name;
    uint32_t level, pad;
    struct adit_array list;
};

struct conf {
    uint32_t on, mtu, mode, methods;
    uint64_t big, timeout, size;
    const char *name, *file, *secret;
    struct adit_addr listen, net;
    struct adit_range range;
    struct sub sub;
    struct adit_array dns, subs, names, sizes, nets, ranges;
};

static const struct adit_word words[] = { { "pap", 1, 0 }, { "chap", 2, 0 }, { "mschapv2", 4, 0 },
                                          { NULL, 0, 0 } };

// clang-format off
static const struct adit_opt sub_opts[] = {
    ADIT_OPT(STR, sub, name, "name", NULL, ADIT_OPT_REQUIRED, "The name."),
    ADIT_OPT_NUM(U32, sub, level, "level", "3", 1, 9, ADIT_OPT_RELOAD, "The level."),
    ADIT_OPT(MSEC, sub, list, "list", "1s, 2s", ADIT_OPT_ARRAY, ""),
    ADIT_OPT_END
};
static const struct adit_opt opts[] = {
    ADIT_OPT(BOOL, conf, on, "on", "yes", 0, ""),
    ADIT_OPT_NUM(U32, conf, mtu, "mtu", "1400", 576, 1500, ADIT_OPT_RELOAD, ""),
    ADIT_OPT_WORDS(ENUM, conf, mode, "mode", words, "chap", 0, ""),
    ADIT_OPT_WORDS(FLAGS, conf, methods, "methods", words, "pap, chap", 0, ""),
    ADIT_OPT(U64, conf, big, "big", NULL, 0, ""),
    ADIT_OPT_NUM(MSEC, conf, timeout, "timeout", "3s", 100, 0, ADIT_OPT_RELOAD, ""),
    ADIT_OPT(SIZE, conf, size, "size", "64k", 0, ""),
    ADIT_OPT(STR, conf, name, "name", NULL, 0, ""),
    ADIT_OPT(FILE, conf, file, "file", "users.yaml", 0, ""),
    ADIT_OPT(STR, conf, secret, "secret", NULL, ADIT_OPT_SECRET, ""),
    ADIT_OPT(ADDR, conf, listen, "listen", NULL, 0, ""),
    ADIT_OPT(PREFIX, conf, net, "net", "10.0.0.0/8", 0, ""),
    ADIT_OPT(RANGE, conf, range, "range", NULL, 0, ""),
    ADIT_OPT_SUB(conf, sub, "sub", sub, sub_opts, 0, ""),
    ADIT_OPT(ADDR, conf, dns, "dns", "192.0.2.1, 192.0.2.2", ADIT_OPT_ARRAY, ""),
    ADIT_OPT_SUB(conf, subs, "subs", sub, sub_opts, ADIT_OPT_ARRAY | ADIT_OPT_RELOAD, ""),
    ADIT_OPT(STR, conf, names, "names", NULL, ADIT_OPT_ARRAY, ""),
    ADIT_OPT(SIZE, conf, sizes, "sizes", "[1k, 2k]", ADIT_OPT_ARRAY, ""),
    ADIT_OPT(PREFIX, conf, nets, "nets", NULL, ADIT_OPT_ARRAY, ""),
    ADIT_OPT(RANGE, conf, ranges, "ranges", NULL, ADIT_OPT_ARRAY, ""),
    ADIT_OPT_END
};
// clang-format on

static int tells;

static void tell(void *u, const char *sentence)
{
    (void)u;
    if (!strlen(sentence))
        abort();
    tells++;
}

/* What was read can be written, and is read back the same. */
static void there_and_back(const char *text)
{
    const struct conf_err err = { tell, NULL };
    size_t n = conf_quote(text, NULL, 0);
    char *yaml = malloc(n + 4);
    if (!yaml || !n)
        abort();
    memcpy(yaml, "k: ", 3);
    if (conf_quote(text, yaml + 3, n + 1) != n)
        abort();
    struct conf_doc *d = conf_read_text("q", yaml, n + 3, &err);
    if (!d || !conf_str(conf_get(conf_root(d), "k")) ||
        strcmp(conf_str(conf_get(conf_root(d), "k")), text) != 0)
        abort();
    conf_free(d);
    free(yaml);
}

static void values(const uint8_t *data, size_t len)
{
    struct adit_addr a;
    struct adit_range r;
    uint64_t ms;
    char text[128], again[ADDR_TEXT];
    if (len >= sizeof text)
        return;
    memcpy(text, data, len);
    text[len] = '\0';
    conf_parse_msec(text, &ms);
    conf_parse_prefix(text, &a);
    if (conf_parse_range(text, &r) == 0 && memcmp(r.first.ip, r.last.ip, 16) > 0)
        abort();
    if (conf_parse_addr(text, &a) == 0) {
        struct adit_addr b;
        if (addr_parse(addr_text(&a, again), &b) != 0 || !addr_equal(&a, &b))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const struct conf_err err = { tell, NULL };
    struct conf c;
    struct conf_mem *mem;
    const char *name;

    values(data, len);
    tells = 0;
    struct conf_doc *d = conf_read_text("f", (const char *)data, len, &err);
    if (!d != (tells != 0))             /* refused, and why; or neither */
        abort();
    if (!d)
        return 0;
    int32_t rc = conf_fill(conf_root(d), opts, sizeof opts[0], NULL, sizeof c, &c, &mem, &err);
    if ((rc != 0) != (tells != 0) || (rc == 0) != (mem != NULL))
        abort();
    conf_free(d);
    if (rc)
        return 0;
    if (conf_diff(opts, sizeof opts[0], &c, &c, &name) != CONF_SAME)
        abort();
    if (c.name)
        there_and_back(c.name);
    conf_mem_free(mem);
    return 0;
}
