/* test_conf.c - YAML into structs: every type, every message, drop-ins, hostile files. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <adit/host.h>
#include "base/addr.h"
#include "config/conf.h"
#include "config/conf_api.h"
#include "log/log.h"
#include "unit.h"

/* ---- a struct with everything ---- */

struct sub {
    const char *name;
    uint32_t level;
    uint32_t line;
};

struct conf {
    uint32_t on, mtu, mode, methods;
    uint64_t big, timeout, size;
    const char *name, *file, *secret;
    struct adit_addr listen, net;
    struct adit_range range;
    struct sub sub;
    struct adit_array dns, subs, names, sizes;
};

static const struct adit_word modes[] = { { "off", 0, 0 }, { "stateless", 1, 0 },
    { "stateful", 2, 0 }, { NULL, 0, 0 } };
static const struct adit_word methods[] = { { "pap", 1, 0 }, { "chap", 2, 0 },
    { "mschapv2", 4, 0 }, { "eap-mschapv2", 8, 0 }, { NULL, 0, 0 } };

// clang-format off
static const struct adit_opt sub_opts[] = {
    ADIT_OPT(STR, sub, name, "name", NULL, ADIT_OPT_REQUIRED, "The name."),
    ADIT_OPT_NUM(U32, sub, level, "level", "3", 1, 9, ADIT_OPT_RELOAD, "The level."),
    ADIT_OPT(LINE, sub, line, "line", NULL, 0, "Where it stands."),
    ADIT_OPT_END
};
static const struct adit_opt opts[] = {
    ADIT_OPT(BOOL, conf, on, "on", "yes", 0, ""),
    ADIT_OPT_NUM(U32, conf, mtu, "mtu", "1400", 576, 1500, ADIT_OPT_RELOAD, ""),
    ADIT_OPT_WORDS(ENUM, conf, mode, "mode", modes, "stateless", 0, ""),
    ADIT_OPT_WORDS(FLAGS, conf, methods, "methods", methods, "mschapv2, eap-mschapv2", 0, ""),
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
    ADIT_OPT_END
};
// clang-format on

/* ---- what was told ---- */

static char told[8192];
static int tells;

static void tell(void *u, const char *s)
{
    (void)u;
    size_t n = strlen(told);
    snprintf(told + n, sizeof told - n, "%s%s", n ? "\n" : "", s);
    tells++;
}
static const struct conf_err err = { tell, NULL };

static void quiet(void)
{
    told[0] = '\0';
    tells = 0;
}

static struct conf_doc *doc(const char *text)
{
    quiet();
    return conf_read_text("f", text, strlen(text), &err);
}

static int32_t fill(const char *text, struct conf *c, struct conf_mem **mem)
{
    struct conf_doc *d = doc(text);
    ck_assert_msg(d != NULL, "%s", told);
    int32_t rc = conf_fill(conf_root(d), opts, sizeof opts[0], NULL, sizeof *c, c, mem, &err);
    conf_free(d);               /* what was filled stands on its own */
    return rc;
}

static const char *text_of(const struct adit_addr *a)
{
    static char out[4][ADDR_TEXT];
    static int i;
    return addr_text(a, out[i++ % 4]);
}

START_TEST(defaults)
{
    struct conf c;
    struct conf_mem *m;
    ck_assert_int_eq(conf_fill(NULL, opts, sizeof opts[0], NULL, sizeof c, &c, &m, &err), 0);
    ck_assert_uint_eq(c.on, 1);
    ck_assert_uint_eq(c.mtu, 1400);
    ck_assert_uint_eq(c.mode, 1);
    ck_assert_uint_eq(c.methods, 12);
    ck_assert_uint_eq(c.big, 0);
    ck_assert_uint_eq(c.timeout, 3000);
    ck_assert_uint_eq(c.size, 65536);
    ck_assert_ptr_null(c.name);
    ck_assert_str_eq(c.file, ADIT_CONF_DIR "/users.yaml");
    ck_assert_uint_eq(c.listen.family, ADIT_AF_NONE);
    ck_assert_str_eq(text_of(&c.net), "10.0.0.0/8");
    ck_assert_ptr_null(c.sub.name);
    ck_assert_uint_eq(c.sub.level, 3);
    ck_assert_uint_eq(c.dns.count, 2);
    ck_assert_str_eq(text_of((const struct adit_addr *)c.dns.items + 1), "192.0.2.2");
    ck_assert_uint_eq(c.subs.count, 0);
    ck_assert_uint_eq(c.sizes.count, 2);
    ck_assert_uint_eq(((const uint64_t *)c.sizes.items)[1], 2048);
    conf_mem_free(m);
}
END_TEST

START_TEST(every_type_is_filled)
{
    struct conf c;
    struct conf_mem *m;
    int32_t rc = fill("on: No\nmtu: 1500\nmode: stateful\nmethods: [pap, mschapv2]\n"
                      "big: 18446744073709551615\ntimeout: 1m30s\nsize: 10M\nname: 0123\n"
                      "file: /etc/x\nsecret: \"tr\\\"ust \\u00e9\"\nlisten: '[::1]:1701'\nnet: 2001:db8::/32\n"
                      "range: 10.9.0.2 - 10.9.0.60\nsub: { name: no }\n"
                      "dns:\n  - 10.0.0.1\n  - 10.0.0.2\n  - 10.0.0.3\n"
                      "subs:\n  - name: a\n    level: 1\n  - name: b\n"
                      "names: single\nsizes: []\n", &c, &m);
    ck_assert_msg(rc == 0, "%s", told);
    ck_assert_uint_eq(c.on, 0);
    ck_assert_uint_eq(c.mtu, 1500);
    ck_assert_uint_eq(c.mode, 2);
    ck_assert_uint_eq(c.methods, 5);
    ck_assert_uint_eq(c.big, UINT64_MAX);
    ck_assert_uint_eq(c.timeout, 90000);
    ck_assert_uint_eq(c.size, 10u << 20);
    ck_assert_str_eq(c.name, "0123");           /* nobody guesses octal */
    ck_assert_str_eq(c.file, "/etc/x");
    ck_assert_str_eq(c.secret, "tr\"ust \xc3\xa9");
    ck_assert_str_eq(text_of(&c.listen), "[::1]:1701");
    ck_assert_str_eq(text_of(&c.net), "2001:db8::/32");
    ck_assert_str_eq(text_of(&c.range.first), "10.9.0.2");
    ck_assert_str_eq(text_of(&c.range.last), "10.9.0.60");
    ck_assert_str_eq(c.sub.name, "no");         /* nor a boolean */
    ck_assert_uint_eq(c.sub.level, 3);
    ck_assert_uint_eq(c.dns.count, 3);
    ck_assert_uint_eq(c.dns.stride, sizeof(struct adit_addr));
    ck_assert_uint_eq(c.subs.count, 2);
    ck_assert_uint_eq(c.subs.stride, sizeof(struct sub));
    ck_assert_str_eq(((const struct sub *)c.subs.items)[1].name, "b");
    ck_assert_uint_eq(((const struct sub *)c.subs.items)[0].level, 1);
    ck_assert_uint_eq(c.names.count, 1);
    ck_assert_str_eq(*(const char *const *)c.names.items, "single");
    ck_assert_uint_eq(c.sizes.count, 0);        /* an empty list is no default */
    conf_mem_free(m);
}
END_TEST

/* ---- the messages, word for word ---- */

static const struct { const char *yaml, *says; } mistakes[] = {
    { "mtu: abc\n", "f:1:6: 'mtu' wants a number, not 'abc'" },
    { "mtu: -1\n", "f:1:6: 'mtu' wants a number, not '-1'" },
    { "mtu: 0x10\n", "f:1:6: 'mtu' wants a number, not '0x10'" },
    { "mtu: 20\n", "f:1:6: 'mtu' must be from 576 to 1500, not 20" },
    { "mtu: 99999999999\n", "f:1:6: 'mtu' must be from 576 to 1500, not 99999999999" },
    { "mtu: 99999999999999999999999\n", "f:1:6: 'mtu' wants a number, not '99999999999999999999999'" },
    { "timeout: 5ms\n", "f:1:10: 'timeout' must be at least 100ms, not 5ms" },
    { "timeout: 30\n", "f:1:10: 'timeout' wants a time with its unit, such as 200ms, 3s, 5m, 8h or 30d, not '30'" },
    { "size: 10X\n", "f:1:7: 'size' wants a size, such as 1500, 64k, 10M or 1G, not '10X'" },
    { "on: maybe\n", "f:1:5: 'on' wants yes or no, not 'maybe'" },
    { "mtuu: 1\n", "f:1:1: unknown option 'mtuu'; did you mean 'mtu'?" },
    { "frobnicate: 1\n", "f:1:1: unknown option 'frobnicate'" },
    { "mode: statefull\n", "f:1:7: 'mode' knows no 'statefull', only off, stateless, stateful; did you mean 'stateful'?" },
    { "mode: blue\n", "f:1:7: 'mode' knows no 'blue', only off, stateless, stateful" },
    { "methods: [pap, mschap]\n", "f:1:16: 'methods' knows no 'mschap', only pap, chap, mschapv2, eap-mschapv2; did you mean 'mschapv2'?" },
    { "listen: localhost\n", "f:1:9: 'listen' wants an address, such as 10.0.0.1, 10.0.0.1:1723 or [2001:db8::1]:1701, not 'localhost'" },
    { "listen: 10.0.0.0/8\n", "f:1:9: 'listen' wants an address, such as 10.0.0.1, 10.0.0.1:1723 or [2001:db8::1]:1701, not '10.0.0.0/8'" },
    { "net: 10.0.0.1/8\n", "f:1:6: 'net' wants a network, such as 10.0.0.0/8, not '10.0.0.1/8'" },
    { "range: 10.0.0.9-10.0.0.1\n", "f:1:8: 'range' wants a range of addresses, such as 10.9.0.2-10.9.0.60 or 10.9.0.0/24, not '10.0.0.9-10.0.0.1'" },
    { "file: ''\n", "f:1:7: 'file' wants the name of a file, not ''" },
    { "mtu:\n", "f:1:1: 'mtu' has no value; it wants a number" },
    { "mtu: [1, 2]\n", "f:1:6: 'mtu' wants one value, not a list" },
    { "mtu: {a: 1}\n", "f:1:6: 'mtu' wants one value, not a mapping" },
    { "secret: [hunter2]\n", "f:1:9: 'secret' wants one value, not a list" },
    { "names: {a: 1}\n", "f:1:8: 'names' wants a list ('- value' lines)" },
    { "sub: 5\n", "f:1:6: 'sub' wants a mapping ('name: value' lines)" },
    { "sub: { level: 5 }\n", "f:1:6: 'name' is missing: The name." },
    { "sub:\n", "f:1:1: 'name' is missing: The name." },
    { "subs:\n  - name: a\n  - level: 10\n",
      "f:3:5: 'name' is missing: The name.\nf:3:12: 'level' must be from 1 to 9, not 10" },
    { "subs:\n  - nam: a\n", "f:2:5: unknown option 'nam'; did you mean 'name'?\nf:2:5: 'name' is missing: The name." },
    { "mtu: 1\nmode: x\non: y\n",
      "f:3:5: 'on' wants yes or no, not 'y'\nf:1:6: 'mtu' must be from 576 to 1500, not 1\n"
      "f:2:7: 'mode' knows no 'x', only off, stateless, stateful" },
    { "- a\n- b\n", "f:1:1: the file must be a mapping ('name: value' lines)" },
    { "word\n", "f:1:1: the file must be a mapping ('name: value' lines)" },
    /* YAML itself */
    { "mtu: 1400\non: yes\nmtu: 1500\n", "f:3:1: 'mtu' is given twice, first in line 1" },
    { "sub: {name: a, name: b}\n", "f:1:16: 'name' is given twice, first in line 1" },
    { "sub:\n\tname: a\n", "f:2:1: a tab indents this line; YAML wants spaces" },
    { "names: [a, b\nmtu: 1\n", "f:1:8: the '[' that opens here is not closed" },
    { "name: \"open\n", "f:1:7: the quote that opens here is not closed" },
    { "name: a: b\n", "f:1:8: a value that holds ': ' needs quotes" },
    { "  mtu: 1400\n on: yes\n", "f:2:2: this line is indented differently from the lines above" },
    { "name: !secret x\n", "f:1:7: tags ('!...') mean nothing here: quote the value if it starts with '!'" },
    { "name: x\n---\nname: y\n", "f:2:1: the file holds a second document ('---')" },
    { "? [a]\n: b\n", "f:1:3: a name is wanted here, before the ':'" },
    { "name: *gone\n", "f:1:7: nothing above is anchored as '&gone'" },
    { "sub: &x\n  name: *x\n", "f:2:9: '*x' stands inside what it repeats" },
    { "name: a\xff\n", "f:1:8: the byte 0xff here is not text (the file must be UTF-8)" },
    { "name: \"a\\0b\"\n", "f:1:7: a value holds the character NUL" },
    { "name: 'a\x1b[2J'\n", "f:1:9: the byte 0x1b here is not text (the file must be UTF-8)" },
};

START_TEST(mistakes_are_told_with_their_place)
{
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        struct conf c;
        struct conf_mem *m = NULL;
        struct conf_doc *d = doc(mistakes[i].yaml);
        if (d)
            ck_assert_int_eq(conf_fill(conf_root(d), opts, sizeof opts[0], NULL, sizeof c, &c, &m,
                                       &err), ADIT_ECONF);
        ck_assert_ptr_null(m);
        conf_free(d);
        ck_assert_str_eq(told, mistakes[i].says);
    }
}
END_TEST

START_TEST(secrets_are_not_repeated)
{
    static const struct adit_opt number[] = {
        ADIT_OPT(U32, conf, mtu, "pin", NULL, ADIT_OPT_SECRET, ""), ADIT_OPT_END
    };
    struct conf c;
    struct conf_mem *m;
    struct conf_doc *d = doc("pin: hunter2\n");
    ck_assert_int_lt(conf_fill(conf_root(d), number, sizeof number[0], NULL, sizeof c, &c, &m, &err), 0);
    ck_assert_str_eq(told, "f:1:6: 'pin' wants a number");
    conf_free(d);
}
END_TEST

START_TEST(somebody_elses_keys)
{
    static const char *const skip[] = { "type", "ports", NULL };
    struct conf c;
    struct conf_mem *m;
    struct conf_doc *d = doc("type: pptp\nports: { max: 3 }\nmtu: 1000\n");
    ck_assert_int_eq(conf_fill(conf_root(d), opts, sizeof opts[0], skip, sizeof c, &c, &m, &err), 0);
    conf_mem_free(m);
    conf_free(d);
    d = doc("port: 5\n");
    ck_assert_int_lt(conf_fill(conf_root(d), opts, sizeof opts[0], skip, sizeof c, &c, &m, &err), 0);
    ck_assert_str_eq(told, "f:1:1: unknown option 'port'; did you mean 'ports'?");
    conf_free(d);
}
END_TEST

/* A plugin of tomorrow has longer rows, one of yesterday shorter ones. */
START_TEST(rows_of_another_size)
{
    struct long_opt { struct adit_opt o; uint64_t more[3]; };
    static const struct long_opt longer[] = {
        { ADIT_OPT(U32, conf, mtu, "mtu", "9", 0, ""), { 1, 2, 3 } },
        { ADIT_OPT(STR, conf, name, "name", "x", 0, ""), { 1, 2, 3 } },
        { ADIT_OPT_END, { 1, 2, 3 } },
    };
    struct conf c;
    struct conf_mem *m;
    ck_assert_int_eq(conf_fill(NULL, &longer[0].o, sizeof longer[0], NULL, sizeof c, &c, &m, &err), 0);
    ck_assert_uint_eq(c.mtu, 9);
    ck_assert_str_eq(c.name, "x");
    conf_mem_free(m);

    static _Alignas(8) char shorter[3][offsetof(struct adit_opt, min)];
    memcpy(shorter[0], &longer[0].o, sizeof shorter[0]);
    memcpy(shorter[1], &longer[1].o, sizeof shorter[1]);
    ck_assert_int_eq(conf_fill(NULL, (const struct adit_opt *)(const void *)shorter,
                               sizeof shorter[0], NULL, sizeof c, &c, &m, &err), 0);
    ck_assert_str_eq(c.name, "x");
    conf_mem_free(m);
}
END_TEST

START_TEST(a_wrong_table_is_told_not_obeyed)
{
    static const struct adit_opt outside[] = {
        { .name = "far", .type = ADIT_OPT_U64, .offset = 5000 }, ADIT_OPT_END
    };
    static const struct adit_opt odd[] = { { .name = "odd", .type = 99 }, ADIT_OPT_END };
    static const struct adit_opt dflt[] = {
        ADIT_OPT(U32, conf, mtu, "mtu", "many", 0, ""), ADIT_OPT_END
    };
    struct conf c;
    struct conf_mem *m;
    quiet();
    ck_assert_int_lt(conf_fill(NULL, outside, sizeof outside[0], NULL, sizeof c, &c, &m, &err), 0);
    ck_assert_int_lt(conf_fill(NULL, odd, sizeof odd[0], NULL, sizeof c, &c, &m, &err), 0);
    ck_assert_int_lt(conf_fill(NULL, dflt, sizeof dflt[0], NULL, sizeof c, &c, &m, &err), 0);
    ck_assert_str_eq(told, "the option table is wrong: 'far' does not lie in its struct\n"
                           "the option table is wrong: 'odd' does not lie in its struct\n"
                           "the default of 'mtu' is wrong: 'mtu' wants a number, not 'many'");
}
END_TEST

/* ---- the tree ---- */

START_TEST(walking_the_tree)
{
    struct conf_doc *d = doc("a: 1\nb:\n  - x\n  - y: [1, 2]\nc:\nd: \"\"\n");
    const struct conf_node *r = conf_root(d), *b = conf_get(r, "b");
    ck_assert_uint_eq(conf_count(r), 4);
    ck_assert_str_eq(conf_key(r, 2), "c");
    ck_assert_str_eq(conf_str(conf_get(r, "a")), "1");
    ck_assert_ptr_null(conf_str(b));
    ck_assert(conf_is_seq(b) && conf_is_map(conf_item(b, 1)));
    ck_assert(conf_is_empty(conf_get(r, "c")) && !conf_is_empty(conf_get(r, "d")));
    ck_assert_str_eq(conf_str(conf_get(r, "d")), "");
    ck_assert_str_eq(conf_where(conf_get(conf_item(b, 1), "y")), "f:4:8");
    ck_assert_str_eq(conf_where(conf_get(r, "c")), "f:5:1");
    ck_assert_ptr_null(conf_get(r, "nothing"));
    ck_assert_ptr_null(conf_get(b, "x"));
    ck_assert_ptr_null(conf_get(NULL, "x"));
    ck_assert_ptr_null(conf_item(b, 2));
    ck_assert_ptr_null(conf_key(b, 0));
    ck_assert_uint_eq(conf_count(NULL), 0);
    ck_assert_int_eq(conf_error(b, &err, "no %s", "good"), ADIT_ECONF);
    ck_assert_str_eq(told, "f:3:3: no good");
    conf_free(d);
    d = doc("");
    ck_assert_uint_eq(conf_count(conf_root(d)), 0);
    conf_free(d);
    d = doc("# only a comment\n");
    ck_assert_uint_eq(conf_count(conf_root(d)), 0);
    conf_free(d);
}
END_TEST

START_TEST(block_scalars_and_aliases)
{
    struct conf_doc *d = doc("a: &x { k: v, l: [1, 2] }\nb: *x\nt: |\n  one\n  two\nu: >-\n  a\n  b\n"
                             "s: &n anna\nt2: *n\n");
    const struct conf_node *r = conf_root(d);
    ck_assert_msg(d != NULL, "%s", told);
    ck_assert_str_eq(conf_str(conf_get(conf_get(r, "b"), "k")), "v");
    ck_assert_uint_eq(conf_count(conf_get(conf_get(r, "b"), "l")), 2);
    ck_assert_str_eq(conf_str(conf_get(r, "t")), "one\ntwo\n");
    ck_assert_str_eq(conf_str(conf_get(r, "u")), "a b");
    ck_assert_str_eq(conf_str(conf_get(r, "t2")), "anna");
    conf_free(d);
}
END_TEST

START_TEST(a_billion_laughs_do_not_hurt)
{
    char text[4096] = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 20; i++) {
        char line[200];
        snprintf(line, sizeof line, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n",
                 i, i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
        strcat(text, line);
    }
    ck_assert_ptr_null(doc(text));
    ck_assert_ptr_nonnull(strstr(told, "aliases repeat more than 10000 values"));
    ck_assert_int_eq(tells, 1);
}
END_TEST

START_TEST(depth_is_bounded)
{
    static char text[200001];
    memset(text, '[', sizeof text - 1);
    ck_assert_ptr_null(doc(text));
    ck_assert_str_eq(told, "f:1:33: values are nested deeper than 32 levels");
    for (size_t i = 0; i + 1 < sizeof text - 1; i += 2)
        memcpy(text + i, "- ", 2);
    ck_assert_ptr_null(doc(text));
    ck_assert_int_eq(tells, 1);
}
END_TEST

START_TEST(many_users)
{
    size_t size = 40000u * 40;
    char *text = malloc(size), *p = text;
    for (int i = 0; i < 40000; i++)
        p += sprintf(p, "user-%d: { password: p%d }\n", i, i);
    struct conf_doc *d = conf_read_text("users", text, (size_t)(p - text), &err);
    ck_assert_ptr_nonnull(d);
    ck_assert_uint_eq(conf_count(conf_root(d)), 40000);
    ck_assert_str_eq(conf_str(conf_get(conf_get(conf_root(d), "user-39999"), "password")), "p39999");
    ck_assert_ptr_null(conf_get(conf_root(d), "user-40000"));
    conf_free(d);
    sprintf(p, "user-7: {}\n");
    quiet();
    ck_assert_ptr_null(conf_read_text("users", text, strlen(text), &err));
    ck_assert_str_eq(told, "users:40001:1: 'user-7' is given twice, first in line 8");
    free(text);
}
END_TEST

/* Every beginning of a file with everything in it is read or refused, once. */
START_TEST(every_truncation)
{
    static const char all[] = "on: yes\nsub: &s {name: 'a''b', level: 4}\nnames: [\"x\\u00e9\", y]\n"
        "subs:\n- *s\n- name: |\n    t\n  level: 3\nlisten: '[::1]:5'\ntimeout: 1h\n";
    for (size_t n = 0; n < sizeof all; n++) {
        struct conf c;
        struct conf_mem *m = NULL;
        char *cut = malloc(n ? n : 1);          /* exactly so long: for the sanitizer */
        memcpy(cut, all, n);
        if (n == sizeof all - 1 || n < sizeof all - 1) {
            quiet();
            struct conf_doc *d = conf_read_text("f", cut, n, &err);
            if (d && conf_fill(conf_root(d), opts, sizeof opts[0], NULL, sizeof c, &c, &m, &err) == 0)
                ck_assert_int_eq(tells, 0);
            else
                ck_assert_int_ge(tells, 1);
            conf_mem_free(m);
            conf_free(d);
        }
        free(cut);
    }
}
END_TEST

/* ---- files ---- */

static char dir[64], names[8][96];

static const char *put(const char *name, const char *text, mode_t mode)
{
    static int i;
    char *path = names[i++ % 8];
    snprintf(path, sizeof names[0], "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
    chmod(path, mode);
    return path;
}

static void make_dir(void)
{
    snprintf(dir, sizeof dir, "/tmp/adit-conf-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    char sub[96];
    snprintf(sub, sizeof sub, "%s/conf.d", dir);
    mkdir(sub, 0700);
}

static void drop_dir(void)
{
    char cmd[128];
    snprintf(cmd, sizeof cmd, "rm -rf '%s'", dir);
    ck_assert_int_eq(system(cmd), 0);
}

START_TEST(drop_ins_are_merged_in_name_order)
{
    make_dir();
    const char *path = put("aditd.yaml", "ppp: { mtu: 1400, echo: 10s }\ntunnels:\n  - type: pptp\nempty:\n"
                           "gone: { a: 1 }\n", 0600);
    put("conf.d/20-b.yaml", "ppp: { mtu: 1300 }\ntunnels:\n  - type: l2tp\n", 0600);
    put("conf.d/10-a.yaml", "ppp: { mtu: 1200, mru: 1 }\nempty: { now: full }\nppp2:\ntunnels:\n", 0600);
    put("conf.d/30-none.yaml", "", 0600);
    put("conf.d/notes.txt", "][", 0600);
    put("conf.d/.hidden.yaml", "][", 0600);
    quiet();
    struct conf_doc *d = conf_read(path, &err);
    ck_assert_msg(d != NULL, "%s", told);
    const struct conf_node *r = conf_root(d), *ppp = conf_get(r, "ppp"), *t = conf_get(r, "tunnels");
    ck_assert_str_eq(conf_path(d), path);
    ck_assert_str_eq(conf_str(conf_get(ppp, "mtu")), "1300");
    ck_assert_str_eq(conf_str(conf_get(ppp, "mru")), "1");
    ck_assert_str_eq(conf_str(conf_get(ppp, "echo")), "10s");
    ck_assert_uint_eq(conf_count(t), 2);
    ck_assert_str_eq(conf_str(conf_get(conf_item(t, 1), "type")), "l2tp");
    ck_assert_str_eq(conf_str(conf_get(conf_get(r, "empty"), "now")), "full");
    char where[128];
    snprintf(where, sizeof where, "%s/conf.d/20-b.yaml:1:13", dir);
    ck_assert_str_eq(conf_where(conf_get(ppp, "mtu")), where);
    conf_free(d);
    /* a plugin's file has no drop-ins */
    d = conf_read_file(path, &err);
    ck_assert_str_eq(conf_str(conf_get(conf_get(conf_root(d), "ppp"), "mtu")), "1400");
    conf_free(d);

    put("conf.d/40-bad.yaml", "tunnels: { a: 1 }\n", 0600);
    put("conf.d/50-worse.yaml", "a: [\n", 0600);
    quiet();
    ck_assert_ptr_null(conf_read(path, &err));
    ck_assert_int_eq(tells, 2);         /* all of them are told */
    ck_assert_ptr_nonnull(strstr(told, "40-bad.yaml:1:1: 'tunnels' is a mapping here and a list in"));
    ck_assert_ptr_nonnull(strstr(told, "50-worse.yaml:1:4: the '[' that opens here is not closed"));
    drop_dir();
}
END_TEST

START_TEST(files_that_are_not_there)
{
    make_dir();
    char path[96];
    snprintf(path, sizeof path, "%s/none.yaml", dir);
    quiet();
    ck_assert_ptr_null(conf_read(path, &err));
    ck_assert_int_eq(tells, 1);
    ck_assert_ptr_nonnull(strstr(told, "none.yaml: No such file or directory"));
    quiet();
    ck_assert_ptr_null(conf_read(dir, &err));
    ck_assert_ptr_nonnull(strstr(told, ": Is a directory"));
    drop_dir();
}
END_TEST

START_TEST(file_names_are_beside_the_file_that_names_them)
{
    struct conf c;
    struct conf_mem *m;
    char want[128];
    make_dir();
    const char *path = put("aditd.yaml", "mtu: 1000\n", 0600);
    put("conf.d/a.yaml", "file: keys/users.yaml\n", 0600);
    struct conf_doc *d = conf_read(path, &err);
    ck_assert_int_eq(conf_fill(conf_root(d), opts, sizeof opts[0], NULL, sizeof c, &c, &m, &err), 0);
    snprintf(want, sizeof want, "%s/conf.d/keys/users.yaml", dir);
    ck_assert_str_eq(c.file, want);
    conf_mem_free(m);
    conf_free(d);
    put("conf.d/a.yaml", "mtu: 1001\n", 0600);     /* the default: beside the document */
    d = conf_read(path, &err);
    ck_assert_int_eq(conf_fill(conf_root(d), opts, sizeof opts[0], NULL, sizeof c, &c, &m, &err), 0);
    snprintf(want, sizeof want, "%s/users.yaml", dir);
    ck_assert_str_eq(c.file, want);
    conf_mem_free(m);
    conf_free(d);
    put("conf.d/a.yaml", "file: keys\n", 0600);
    ck_assert_int_eq(chdir(dir), 0);
    d = conf_read("aditd.yaml", &err);
    ck_assert_ptr_nonnull(d);
    ck_assert_int_eq(conf_fill(conf_root(d), opts, sizeof opts[0], NULL, sizeof c, &c, &m, &err), 0);
    ck_assert_msg(c.file[0] == '/', "%s", c.file);
    conf_mem_free(m);
    conf_free(d);
    drop_dir();
}
END_TEST

static int exposed;
static void tap(void *u, const char *source, const struct adit_event *ev, const struct adit_kv *kv,
                uint32_t n, uint64_t wall_ms)
{
    (void)u; (void)source; (void)kv; (void)n; (void)wall_ms;
    exposed += !strcmp(ev->name, "config.file.exposed");
}

START_TEST(an_open_file_with_a_secret_is_warned_of)
{
    struct conf c;
    struct conf_mem *m;
    make_dir();
    log_level(0);
    log_tap(tap, NULL);
    static const struct { mode_t mode; const char *text; int want; } cases[] = {
        { 0644, "secret: x\n", 1 }, { 0640, "secret: x\n", 0 }, { 0644, "mtu: 1000\n", 0 },
        { 0602, "secret: x\n", 1 },
    };
    for (int i = 0; i < 4; i++) {
        exposed = 0;
        struct conf_doc *d = conf_read(put("aditd.yaml", cases[i].text, cases[i].mode), &err);
        for (int k = 0; k < 2; k++) {
            ck_assert_int_eq(conf_fill(conf_root(d), opts, sizeof opts[0], NULL, sizeof c, &c, &m,
                                       &err), 0);
            conf_mem_free(m);
        }
        ck_assert_int_eq(exposed, cases[i].want);       /* once a file */
        conf_free(d);
    }
    log_untap(NULL);
    drop_dir();
}
END_TEST

/* ---- differences ---- */

static int diff(const char *a, const char *b, const char **name)
{
    struct conf x, y;
    struct conf_mem *m, *n;
    *name = "";
    ck_assert_int_eq(fill(a, &x, &m), 0);
    ck_assert_int_eq(fill(b, &y, &n), 0);
    int d = conf_diff(opts, sizeof opts[0], &x, &y, name);
    conf_mem_free(m);
    conf_mem_free(n);
    return d;
}

START_TEST(differences)
{
    const char *name;
    ck_assert_int_eq(diff("name: a\n", "name: a\n", &name), CONF_SAME);
    ck_assert_int_eq(diff("mtu: 1000\n", "mtu: 1001\n", &name), CONF_RELOADABLE);
    ck_assert_str_eq(name, "mtu");
    ck_assert_int_eq(diff("mtu: 1000\nname: a\n", "mtu: 1001\nname: b\n", &name), CONF_RESTART);
    ck_assert_str_eq(name, "name");
    ck_assert_int_eq(diff("", "name: b\n", &name), CONF_RESTART);
    ck_assert_int_eq(diff("range: 10.0.0.1-10.0.0.2\n", "range: 10.0.0.1-10.0.0.3\n", &name), CONF_RESTART);
    ck_assert_str_eq(name, "range");
    ck_assert_int_eq(diff("dns: [10.0.0.1]\n", "dns: [10.0.0.1, 10.0.0.2]\n", &name), CONF_RESTART);
    ck_assert_int_eq(diff("names: [a, b]\n", "names: [a, c]\n", &name), CONF_RESTART);
    ck_assert_int_eq(diff("names: [a, b]\n", "names: [a, b]\n", &name), CONF_SAME);
    /* in a table each row speaks for itself, a list is reloaded as a whole */
    ck_assert_int_eq(diff("sub: {name: a}\n", "sub: {name: a, level: 4}\n", &name), CONF_RELOADABLE);
    ck_assert_str_eq(name, "level");
    ck_assert_int_eq(diff("sub: {name: a}\n", "sub: {name: b}\n", &name), CONF_RESTART);
    ck_assert_int_eq(diff("subs: [{name: a}]\n", "subs: [{name: b}]\n", &name), CONF_RELOADABLE);
    ck_assert_str_eq(name, "subs");
}
END_TEST

/* ---- values ---- */

START_TEST(values)
{
    struct adit_addr a;
    struct adit_range r;
    uint64_t ms;
    static const struct { const char *text; uint64_t ms; } times[] = {
        { "0", 0 }, { "200ms", 200 }, { "3s", 3000 }, { "5m", 300000 }, { "8h", 28800000 },
        { "30d", 2592000000u }, { "1h30m", 5400000 }, { "1w", 604800000 },
    };
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        ck_assert_int_eq(conf_parse_msec(times[i].text, &ms), 0);
        ck_assert_uint_eq(ms, times[i].ms);
    }
    static const char *const bad[] = { "", "5", "s", "3 s", "3s ", "-3s", "3x", "1.5s", "3sm",
        "99999999999999999999s", "18446744073709551615s", "3S" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(conf_parse_msec(bad[i], &ms) == ADIT_EINVAL, "%s", bad[i]);
    ck_assert_int_eq(conf_parse_msec(NULL, &ms), ADIT_EINVAL);

    ck_assert_int_eq(conf_parse_addr("10.0.0.1/8", &a), ADIT_EINVAL);
    ck_assert_int_eq(conf_parse_addr("*:1723", &a), 0);
    ck_assert_int_eq(conf_parse_prefix("10.0.0.1", &a), 0);
    ck_assert_uint_eq(a.prefix, 32);
    ck_assert_int_eq(conf_parse_prefix("0.0.0.0/0", &a), 0);
    ck_assert_int_eq(conf_parse_prefix("10.0.0.1:5", &a), ADIT_EINVAL);
    ck_assert_int_eq(conf_parse_prefix("none", &a), ADIT_EINVAL);
    ck_assert_int_eq(conf_parse_prefix("2001:db8::1/64", &a), ADIT_EINVAL);

    static const struct { const char *text, *first, *last; } ranges[] = {
        { "10.9.0.2-10.9.0.60", "10.9.0.2", "10.9.0.60" }, { "10.9.0.2", "10.9.0.2", "10.9.0.2" },
        { "10.9.0.0/24", "10.9.0.1", "10.9.0.254" }, { "10.9.0.0/30", "10.9.0.1", "10.9.0.2" },
        { "10.9.0.0/31", "10.9.0.0", "10.9.0.1" }, { "10.0.0.0/8", "10.0.0.1", "10.255.255.254" },
        { "2001:db8::/120", "2001:db8::", "2001:db8::ff" },
        { "2001:db8::1-2001:db8::f", "2001:db8::1", "2001:db8::f" },
    };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        ck_assert_int_eq(conf_parse_range(ranges[i].text, &r), 0);
        char first[ADDR_TEXT], last[ADDR_TEXT];
        ck_assert_str_eq(addr_text_host(&r.first, first), ranges[i].first);
        ck_assert_str_eq(addr_text_host(&r.last, last), ranges[i].last);
        const char *slash = strchr(ranges[i].text, '/');
        ck_assert_uint_eq(r.first.prefix, slash ? (unsigned)atoi(slash + 1) :
                          r.first.family == ADIT_AF_IPV4 ? 32u : 128u);
        ck_assert_uint_eq(r.last.prefix, r.first.prefix);
    }
    static const char *const none[] = { "", "-", "10.0.0.1-", "-10.0.0.1", "10.0.0.2-10.0.0.1",
        "10.0.0.1-::1", "10.0.0.1:5-10.0.0.9", "none", "none-none", "10.0.0.1-10.0.0.2-10.0.0.3" };
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        ck_assert_msg(conf_parse_range(none[i], &r) == ADIT_EINVAL, "%s", none[i]);
}
END_TEST

START_TEST(nearest_words)
{
    static const char *const known[] = { "listen", "ports", "echo-interval", "mschapv2", "on", NULL };
    ck_assert_str_eq(conf_nearest("lisen", known), "listen");
    ck_assert_str_eq(conf_nearest("Listen", known), "listen");
    ck_assert_str_eq(conf_nearest("lsiten", known), "listen");
    ck_assert_str_eq(conf_nearest("echo", known), "echo-interval");
    ck_assert_str_eq(conf_nearest("echo_interval", known), "echo-interval");
    ck_assert_str_eq(conf_nearest("port", known), "ports");
    ck_assert_str_eq(conf_nearest("mschap", known), "mschapv2");
    ck_assert_ptr_null(conf_nearest("xyzzy", known));
    ck_assert_ptr_null(conf_nearest("", known));
    ck_assert_ptr_null(conf_nearest("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", known));
}
END_TEST

START_TEST(quoting_there_and_back)
{
    static const char *const texts[] = { "", "anna", "no", "0123", "a: b", "- x", "#x", "'", "\"\\",
        "two\nlines\r\n", "\ttab ", "\x01\x1b[2J\x7f", "caf\xc3\xa9", "\xe2\x82\xac \xf0\x9f\x90\xa7",
        "\xe2\x80\xa8", "{{", "*x", "&y", "!tag", "%d", "@", "`", "~", "\xef\xbb\xbfx", "\xc2\x80\xc2\x85" };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char quoted[256], yaml[300];
        size_t n = conf_quote(texts[i], quoted, sizeof quoted);
        ck_assert_uint_eq(n, strlen(quoted));
        snprintf(yaml, sizeof yaml, "k: %s\n", quoted);
        struct conf_doc *d = doc(yaml);
        ck_assert_msg(d != NULL, "%s: %s", yaml, told);
        ck_assert_str_eq(conf_str(conf_get(conf_root(d), "k")), texts[i]);
        conf_free(d);
    }
    char out[8];
    ck_assert_uint_eq(conf_quote("abcdef", out, sizeof out), 8);        /* with its NUL one too long */
    ck_assert_str_eq(out, "");
    ck_assert_uint_eq(conf_quote("abcde", out, sizeof out), 7);
    ck_assert_str_eq(out, "\"abcde\"");
    ck_assert_uint_eq(conf_quote("\xff", out, sizeof out), 0);
    ck_assert_uint_eq(conf_quote("\xe2\x82", out, sizeof out), 0);
    ck_assert_uint_eq(conf_quote("\xed\xa0\x80", out, sizeof out), 0);
    ck_assert_uint_eq(conf_quote("x", NULL, 0), 3);
}
END_TEST

/* ---- the table for plugins ---- */

static char failure[512];
static int32_t fake_fail(struct adit_self *self, int32_t code, const char *fmt, ...)
{
    va_list ap;
    (void)self;
    va_start(ap, fmt);
    vsnprintf(failure, sizeof failure, fmt, ap);
    va_end(ap);
    return code;
}

START_TEST(lines_are_told_and_written_by_nobody)
{
    struct conf a, b;
    struct conf_mem *mem, *other;
    const char *name = NULL;
    ck_assert_int_eq(fill("mtu: 1400\nsubs:\n  - name: a\n\n  - { name: b,\n      level: 2 }\n", &a, &mem), 0);
    const struct sub *subs = a.subs.items;
    ck_assert_uint_eq(subs[0].line, 3);
    ck_assert_uint_eq(subs[1].line, 5);
    ck_assert_uint_eq(a.sub.line, 0);           /* it is not there */
    ck_assert_int_eq(fill("mtu: 1400\nsubs:\n\n  - name: a\n  - { name: b, level: 2 }\n", &b, &other), 0);
    ck_assert_int_eq(conf_diff(opts, sizeof opts[0], &a, &b, &name), CONF_SAME);
    conf_mem_free(other);
    conf_mem_free(mem);
    ck_assert_int_eq(fill("mtu: 1400\nsubs: [ { name: a, line: 7 } ]\n", &a, &mem), ADIT_ECONF);
    ck_assert_ptr_nonnull(strstr(told, "unknown option 'line'"));
}
END_TEST

START_TEST(a_plugins_own_file)
{
    static const struct adit_log_api log = { .size = sizeof log, .fail = fake_fail };
    static const struct adit_host host = { .size = sizeof host, .log = &log };
    struct adit_self self = { .size = sizeof self, .host = &host };
    void *out;
    make_dir();
    const char *path = put("users.yaml", "name: anna\nsubs: [{name: a}]\n", 0600);
    put("conf.d/x.yaml", "name: bert\n", 0600);
    ck_assert_int_eq(plug_config_api.load(&self, path, opts, sizeof opts[0], sizeof(struct conf), &out), 0);
    struct conf *c = out;
    ck_assert_str_eq(c->name, "anna");
    ck_assert_uint_eq(c->subs.count, 1);
    plug_config_api.free(out);
    plug_config_api.free(NULL);
    /* for threads: the same without a word */
    char why[200] = "?";
    ck_assert_int_eq(plug_config_api.read(path, opts, sizeof opts[0], sizeof(struct conf), &out, why,
                                          sizeof why), 0);
    ck_assert_str_eq(why, "");
    ck_assert_str_eq(((struct conf *)out)->name, "anna");
    plug_config_api.free(out);
    put("users.yaml", "nam: anna\n", 0600);
    failure[0] = '\0';
    ck_assert_int_eq(plug_config_api.read(path, opts, sizeof opts[0], sizeof(struct conf), &out, why,
                                          sizeof why), ADIT_ECONF);
    ck_assert_ptr_null(out);
    ck_assert_ptr_nonnull(strstr(why, "users.yaml:1:1: unknown option 'nam'; did you mean 'name'?"));
    ck_assert_str_eq(failure, "");
    ck_assert_int_eq(plug_config_api.load(&self, path, opts, sizeof opts[0], sizeof(struct conf), &out),
                     ADIT_ECONF);
    ck_assert_ptr_null(out);
    ck_assert_ptr_nonnull(strstr(failure, "users.yaml:1:1: unknown option 'nam'; did you mean 'name'?"));
    ck_assert_int_eq(plug_config_api.load(&self, "/nonexistent", opts, sizeof opts[0],
                                          sizeof(struct conf), &out), ADIT_ECONF);
    drop_dir();
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = { defaults, every_type_is_filled, mistakes_are_told_with_their_place,
        secrets_are_not_repeated, somebody_elses_keys, rows_of_another_size,
        a_wrong_table_is_told_not_obeyed, walking_the_tree, block_scalars_and_aliases,
        a_billion_laughs_do_not_hurt, depth_is_bounded, many_users, every_truncation,
        lines_are_told_and_written_by_nobody, drop_ins_are_merged_in_name_order, files_that_are_not_there,
        file_names_are_beside_the_file_that_names_them, an_open_file_with_a_secret_is_warned_of,
        differences, values, nearest_words, quoting_there_and_back, a_plugins_own_file, NULL };
    return unit_suite("conf", tests);
}
UNIT_MAIN(suite)
