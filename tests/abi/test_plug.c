/* test_plug.c - the loader, faces, instances and requests, with plugins that
 * were built against the frozen headers of 1.0. */
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>
#include <adit/attr.h>
#include "log/log.h"
#include "loop/loop.h"
#include "plugin/plug.h"
#include "unit.h"

#ifndef MODULES
#define MODULES "tests/abi/.libs"
#endif

static char dir[64];

static void copy(const char *module, const char *as, long limit)
{
    char from[4096], to[4096], buf[65536];
    snprintf(from, sizeof from, "%s/%s.so", MODULES, module);
    snprintf(to, sizeof to, "%s/%s", dir, as);
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0700);
    ck_assert_msg(in >= 0 && out >= 0, "%s: not built", from);
    ssize_t n;
    while ((n = read(in, buf, sizeof buf)) > 0) {
        if (limit >= 0 && n > limit)
            n = limit;
        ck_assert_int_eq(write(out, buf, (size_t)n), n);
        if (limit >= 0 && !(limit -= n))
            break;
    }
    close(in);
    close(out);
    ck_assert_int_eq(chmod(to, 0755), 0);
}

static char *at(const char *name)
{
    static char path[4][4096];
    static unsigned turn;
    char *p = path[turn++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", dir, name);
    return p;
}

static void setup(void)
{
    snprintf(dir, sizeof dir, "/tmp/adit-plug-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(loop_init(), 0);
    log_level(getenv("FAKE_DEBUG") ? ADIT_LOG_DEBUG : 0);
    struct adit_host host = { .size = sizeof host, .version = "test", .log = &plug_log_api,
                              .loop = &loop_api, .attr = &plug_attr_api,
                              .request = &plug_request_api, .control = &plug_control_api };
    plug_host(&host);
}

static void teardown(void)
{
    for (struct plug_inst *i = plug_inst_next(NULL), *next; i; i = next) {
        next = plug_inst_next(i);
        plug_inst_free(i);
    }
    plug_unload_all();
    loop_fini();
    char cmd[128];
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    ck_assert_int_eq(system(cmd), 0);
}

/* Loads and compares the reason of the refusal. */
static void refused(const char *file, int32_t code, const char *part)
{
    int32_t r = plug_load_file(file);
    struct plug_object *o = NULL, *last = NULL;
    struct plug_object_info info = { 0 };
    while ((o = plug_object_next(o)))
        last = o;
    if (last)
        plug_object_info(last, &info);
    ck_assert_msg(r == code, "%s: %d instead of %d (%s)", file, r, code, info.refused);
    ck_assert_msg(info.refused && strstr(info.refused, part), "'%s' has no '%s'", info.refused, part);
    ck_assert_ptr_null(plug_face(ADIT_KIND_AUTH, "bad"));
}

START_TEST(frozen_plugin_loads)
{
    copy("good", "good.so", -1);
    ck_assert_int_eq(plug_load_dir(dir), 1);
    struct plug_object_info info;
    plug_object_info(plug_object_next(NULL), &info);
    ck_assert_str_eq(info.name, "good");
    ck_assert_str_eq(info.version, "1.0");
    ck_assert_str_eq(info.licence, "BSD-2-Clause");
    ck_assert_uint_eq(info.face_count, 7);
    ck_assert_ptr_null(info.refused);
    for (uint32_t kind = 1; kind <= ADIT_KIND_OBSERVER; kind++) {
        const struct plug_face *f = plug_face(kind, "good");
        ck_assert_msg(!f == (kind == ADIT_KIND_DATAPATH), "kind %u", kind);
        if (!f)
            continue;
        struct plug_inst *i = plug_inst_new(f, "x", NULL, NULL);
        ck_assert_ptr_nonnull(i);
        ck_assert_str_eq(plug_state(i), "created");
        ck_assert_int_eq(plug_inst_start(i), 0);
        ck_assert_str_eq(plug_state(i), "running");
        ck_assert_ptr_eq(plug_inst_find(kind, "x"), i);
        ck_assert_ptr_eq(plug_of(plug_self(i)), i);
    }
    const struct adit_observer *o = plug_vtable(plug_inst_find(ADIT_KIND_OBSERVER, "x"));
    ck_assert_uint_eq(o->level, ADIT_LOG_INFO);
    ck_assert_ptr_null(plug_face(ADIT_KIND_AUTH, "other"));
}
END_TEST

START_TEST(loads_once)
{
    copy("good", "good.so", -1);
    copy("good", "good2.so", -1);
    ck_assert_int_eq(plug_load_file(at("good.so")), 0);
    ck_assert_int_eq(plug_load_file(at("good.so")), ADIT_EEXIST);
    refused(at("good2.so"), ADIT_EEXIST, "offers already; remove one of them");
    ck_assert_ptr_nonnull(plug_face(ADIT_KIND_AUTH, "good"));
}
END_TEST

START_TEST(files_that_cannot_be_trusted)
{
    copy("bad", "ok.so", -1);
    refused("relative/ok.so", ADIT_EINVAL, "must be absolute");
    refused(at("absent.so"), ADIT_ENOENT, "no such file");
    refused(dir, ADIT_EINVAL, "not a regular file");
    chmod(at("ok.so"), 0757);
    refused(at("ok.so"), ADIT_EDENIED, "run: chmod go-w");
    chmod(at("ok.so"), 0775);
    refused(at("ok.so"), ADIT_EDENIED, "run: chmod go-w");
    chmod(at("ok.so"), 0755);
    if (!geteuid()) {
        ck_assert_int_eq(chown(at("ok.so"), 65534, 65534), 0);
        refused(at("ok.so"), ADIT_EDENIED, "belongs to uid 65534");
        ck_assert_int_eq(chown(at("ok.so"), 0, 0), 0);
    }
    chmod(dir, 0777);
    refused(at("ok.so"), ADIT_EDENIED, dir);
    chmod(dir, 0700);
    ck_assert_int_eq(symlink(at("ok.so"), at("link.so")), 0);
    ck_assert_int_eq(plug_load_file(at("link.so")), 0);
}
END_TEST

START_TEST(damaged_files)
{
    int fd = open(at("text.so"), O_WRONLY | O_CREAT, 0755);
    ck_assert_int_eq(write(fd, "#!/bin/sh\necho hello\n", 21), 21);
    close(fd);
    refused(at("text.so"), ADIT_EINVAL, "is not a shared object");
    close(open(at("empty.so"), O_WRONLY | O_CREAT, 0755));
    refused(at("empty.so"), ADIT_EINVAL, "is not a shared object");

    /* every length up to the headers, then in steps: none of them may harm */
    copy("bad", "whole.so", -1);
    struct stat st;
    ck_assert_int_eq(stat(at("whole.so"), &st), 0);
    for (long n = 1; n < st.st_size; n += n < 1200 ? 13 : 997) {
        copy("bad", "cut.so", n);
        int32_t r = plug_load_file(at("cut.so"));
        unlink(at("cut.so"));
        if (r == 0)             /* only what no segment needs was cut off */
            ck_assert_int_gt(n, st.st_size / 4);
        plug_unload_all();
    }

    copy("bad", "arch.so", -1);
    fd = open(at("arch.so"), O_WRONLY);
    ck_assert_int_eq(pwrite(fd, "\xb7\x00", 2, 18), 2);        /* e_machine: AArch64 */
    close(fd);
#ifdef __x86_64__
    refused(at("arch.so"), ADIT_EINVAL, "another processor");
#endif
}
END_TEST

START_TEST(other_interfaces)
{
    copy("other_major", "other.so", -1);
    copy("no_plugin", "none.so", -1);
    copy("undefined", "undefined.so", -1);
    refused(at("other.so"), ADIT_EABI, "built for plugin interface 2, this daemon offers 1");
    refused(at("none.so"), ADIT_EABI, "does not export adit_plugin_1");
    refused(at("undefined.so"), ADIT_EINVAL, "undefined symbol: nobody_has_this");
}
END_TEST

static const struct { const char *bad; int32_t code; const char *part; } bads[] = {
    { "null", ADIT_EABI, "declares nothing" },
    { "short", ADIT_EABI, "declares nothing" },
    { "name", ADIT_EABI, "its name is 'Bad Name/../x'" },
    { "no-name", ADIT_EABI, "its name" },
    { "no-version", ADIT_EABI, "version" },
    { "no-faces", ADIT_EABI, "0 faces" },
    { "faces", ADIT_EABI, "100000 faces" },
    { "face-size", ADIT_EABI, "nonsense" },
    { "opt-size", ADIT_EABI, "nonsense" },
    { "kind", ADIT_EABI, "offers nothing that this daemon knows" },
    { "reserved-kind", ADIT_EABI, "offers nothing" },
    { "two-faces", ADIT_EEXIST, "the auth type 'bad', which it offers already" },
    { "face-name", ADIT_EABI, "type's name" },
    { "no-life", ADIT_EABI, "life table is missing" },
    { "short-life", ADIT_EABI, "too short" },
    { "no-create", ADIT_EABI, "no create()" },
    { "no-vtable", ADIT_EABI, "table of functions is missing" },
    { "short-vtable", ADIT_EABI, "has 8 bytes" },
    { "no-check", ADIT_EABI, "lacks check, which every auth needs" },
    { "no-methods", ADIT_EABI, "lacks methods" },
    { "offset", ADIT_EABI, "outside of its struct" },
    { "far-offset", ADIT_EABI, "outside of its struct" },
    { "misaligned", ADIT_EABI, "outside of its struct" },
    { "type", ADIT_EABI, "option a is of type 99" },
    { "flags", ADIT_EABI, "option a has flags" },
    { "default", ADIT_EABI, "a default cannot be read" },
    { "enum-default", ADIT_EABI, "a default cannot be read" },
    { "no-words", ADIT_EABI, "option b has no words" },
    { "same-option", ADIT_EABI, "two options are named a" },
    { "option-name", ADIT_EABI, "option 'B b'" },
    { "no-help", ADIT_EABI, "option b has no help" },
    { "bounds", ADIT_EABI, "option a: its least value" },
    { "no-end", ADIT_EABI, "more than 256 rows" },
    { "loop", ADIT_EABI, "nested deeper" },
    { "counters", ADIT_EABI, "100000 counters" },
    { "same-counter", ADIT_EABI, "two counters are named one" },
    { "event", ADIT_EABI, "event 'Bad Event'" },
    { "event-level", ADIT_EABI, "event 0 is not complete" },
};

START_TEST(declarations_are_checked)
{
    copy("good", "good.so", -1);
    ck_assert_int_eq(plug_load_file(at("good.so")), 0);
    for (size_t i = 0; i < sizeof bads / sizeof bads[0]; i++) {
        char name[64];
        snprintf(name, sizeof name, "bad-%s.so", bads[i].bad);
        copy("bad", name, -1);
        setenv("ADIT_BAD", bads[i].bad, 1);
        refused(at(name), bads[i].code, bads[i].part);
    }
    setenv("ADIT_BAD", "other-face", 1);
    copy("bad", "bad-other.so", -1);
    refused(at("bad-other.so"), ADIT_EEXIST, "good.so offers already");
    /* nothing of that hurt the one that was there */
    struct plug_inst *i = plug_inst_new(plug_face(ADIT_KIND_AUTH, "good"), "x", NULL, NULL);
    ck_assert_ptr_nonnull(i);
}
END_TEST

START_TEST(newer_plugin_loads)
{
    copy("bad", "newer.so", -1);
    setenv("ADIT_BAD", "newer", 1);
    ck_assert_int_eq(plug_load_file(at("newer.so")), 0);
    const struct plug_face *f = plug_face(ADIT_KIND_AUTH, "newest");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(plug_face_decl(f)->counter_count, 2);
    ck_assert_str_eq(plug_face_decl(f)->counters[1].name, "two");
    struct plug_inst *i = plug_inst_new(f, "x", NULL, NULL);
    ck_assert_ptr_nonnull(i);
    struct { uint32_t a, b; uint64_t wait; const char *s; } c;
    memcpy(&c, plug_self(i)->conf, sizeof c);
    ck_assert_uint_eq(c.a, 7);
    ck_assert_str_eq(c.s, "text");
    struct plug_object_info info;
    plug_object_info(plug_object_next(NULL), &info);
    ck_assert_uint_eq(info.abi_minor, 9);
    ck_assert_uint_eq(info.face_count, 2);
}
END_TEST

/* ---- instances -------------------------------------------------------------------- */

static struct conf_doc *doc;
static char sentences[1024];

static void keep(void *u, const char *s)
{
    (void)u;
    snprintf(sentences + strlen(sentences), sizeof sentences - strlen(sentences), "%s\n", s);
}

static const struct conf_node *yaml(const char *text)
{
    struct conf_err err = { keep, NULL };
    sentences[0] = 0;
    conf_free(doc);
    doc = conf_read_text("test.yaml", text, strlen(text), &err);
    ck_assert_msg(doc != NULL, "%s", sentences);
    return conf_root(doc);
}

static const char *const skip[] = { "type", "name", NULL };

static const struct plug_face *good(void)
{
    copy("good", "good.so", -1);
    ck_assert_int_eq(plug_load_file(at("good.so")), 0);
    return plug_face(ADIT_KIND_AUTH, "good");
}

static struct plug_inst *made(const char *text)
{
    const struct plug_face *f = plug_face(ADIT_KIND_AUTH, "good");
    struct plug_inst *i = plug_inst_new(f ? f : good(), "x", yaml(text), skip);
    ck_assert_ptr_nonnull(i);
    ck_assert_int_eq(plug_inst_start(i), 0);
    return i;
}

START_TEST(instances_live)
{
    struct plug_inst *i = made("type: good\nname: x\nlimit: 7\nnames: [a, b]\n");
    const struct plug_face *f = plug_inst_face(i);
    ck_assert_str_eq(plug_self(i)->name, "x");
    ck_assert_uint_eq(plug_self(i)->kind, ADIT_KIND_AUTH);
    ck_assert_ptr_null(plug_inst_new(f, "x", NULL, NULL));              /* the name is taken */
    ck_assert_ptr_null(plug_inst_new(f, "", NULL, NULL));
    ck_assert_ptr_null(plug_inst_new(f, "y", yaml("limit: 70"), skip));
    ck_assert_ptr_null(plug_inst_new(f, "y", yaml("type: good\nlimmit: 7"), skip));
    ck_assert_ptr_null(plug_inst_new(f, "y", yaml("fail-create: yes"), skip));
    struct plug_inst *y = plug_inst_new(f, "y", yaml("fail-start: yes"), skip);
    ck_assert_ptr_nonnull(y);
    ck_assert_int_eq(plug_inst_start(y), ADIT_EIO);
    ck_assert_str_eq(plug_state(y), "failed");
    ck_assert_str_eq(plug_last_error(y), "fail-start: as you said");
    ck_assert_uint_eq(plug_self(y)->counters[1], 1);                    /* stop() came */
    const char *option = NULL;
    ck_assert_int_eq(plug_inst_reload(y, yaml("{}"), skip, &option), 0);
    ck_assert_int_eq(plug_inst_start(y), 0);
    ck_assert_str_eq(plug_last_error(y), "");
    ck_assert_ptr_eq(plug_inst_next(NULL), i);
    ck_assert_ptr_eq(plug_inst_next(i), y);
    plug_inst_stop(y);
    ck_assert_str_eq(plug_state(y), "stopped");
    ck_assert_int_eq(plug_inst_start(y), 0);
    plug_inst_free(y);
    ck_assert_ptr_null(plug_inst_find(ADIT_KIND_AUTH, "y"));
    ck_assert_ptr_null(plug_inst_next(i));
    conf_free(doc);
    doc = NULL;
}
END_TEST

START_TEST(reload_takes_differences)
{
    struct plug_inst *i = made("greeting: hello");
    const char *option = NULL;
    const void *before = plug_self(i)->conf;
    ck_assert_int_eq(plug_inst_reload(i, yaml("greeting: hello"), skip, &option), 0);
    ck_assert_ptr_eq(plug_self(i)->conf, before);
    ck_assert_int_eq(plug_inst_reload(i, yaml("greeting: hi"), skip, &option), 0);
    ck_assert_ptr_ne(plug_self(i)->conf, before);
    before = plug_self(i)->conf;
    ck_assert_int_eq(plug_inst_reload(i, yaml("greeting: hi\nlimit: 6"), skip, &option), ADIT_ERESTART);
    ck_assert_str_eq(option, "limit");
    ck_assert_int_eq(plug_inst_reload(i, yaml("greeting: hi\nlimit: 60"), skip, &option), ADIT_ECONF);
    ck_assert_int_eq(plug_inst_reload(i, yaml("greeting: hey\nfail-reload: yes"), skip, &option),
                     ADIT_EIO);
    ck_assert(strstr(plug_last_error(i), "gave no reason") != NULL);
    ck_assert_ptr_eq(plug_self(i)->conf, before);
    conf_free(doc);
    doc = NULL;
}
END_TEST

/* ---- verbs --------------------------------------------------------------------------- */

struct called {
    uint32_t ends;
    int32_t status;
};

static void called(void *u, int32_t status)
{
    struct called *a = u;
    a->ends++;
    a->status = status;
    loop_stop();
}

static uint64_t begun[512];     /* calls that later() was given */
static uint32_t begun_count;
static bool answers;            /* later() finishes at once */

static void later(struct adit_self *self, uint64_t call, const struct adit_kv *args, uint32_t n)
{
    (void)args;
    (void)n;
    begun[begun_count++ % 512] = call;
    if (answers)
        plug_control_api.finish(self, call, 0);
}

static int32_t at_once(struct adit_self *self, const struct adit_kv *args, uint32_t n,
                       struct adit_report *r)
{
    (void)args;
    (void)n;
    (void)r;
    return plug_log_api.fail(self, ADIT_EIO, "no");
}

#define THE_REPORT ((struct adit_report *)(void *)begun)        /* nobody writes into it */

START_TEST(a_verb_answers_later_and_once)
{
    struct plug_inst *i = made("{}");
    struct adit_self *self = plug_self(i);
    const struct adit_control_api *c = &plug_control_api;
    struct called a = { 0 }, b = { 0 };
    uint64_t one, two;
    ck_assert_int_eq(c->verb_later(self, "later", "Answers later.", later), 0);
    ck_assert_int_eq(plug_verb_call(i, "later", NULL, 0, THE_REPORT, 60000, called, &a, &one), 0);
    ck_assert_int_eq(plug_verb_call(i, "later", NULL, 0, THE_REPORT, 60000, called, &b, &two), 0);
    ck_assert_uint_eq(one, begun[0]);
    ck_assert_uint_ne(one, two);
    ck_assert_uint_eq(a.ends + b.ends, 0);
    ck_assert_ptr_eq(c->report(self, one), THE_REPORT);
    c->finish(self, two, ADIT_EIO);
    ck_assert_uint_eq(b.ends, 1);
    ck_assert_int_eq(b.status, ADIT_EIO);
    ck_assert_ptr_null(c->report(self, two));
    uint64_t faults = plug_inst_stat(i)->faults;
    c->finish(self, two, 0);            /* twice */
    c->finish(self, 4711, 0);           /* never asked */
    ck_assert_uint_eq(plug_inst_stat(i)->faults, faults + 2);
    c->finish(self, one, 5);            /* nonsense is an error */
    ck_assert_int_eq(a.status, ADIT_EINVAL);
    answers = true;                     /* from inside begin() */
    ck_assert_int_eq(plug_verb_call(i, "later", NULL, 0, THE_REPORT, 60000, called, &a, &one), 0);
    answers = false;
    ck_assert_uint_eq(one, 0);
    ck_assert_uint_eq(a.ends, 2);
    ck_assert_int_eq(a.status, 0);
    ck_assert_uint_eq(b.ends, 1);
    conf_free(doc);
    doc = NULL;
}
END_TEST

START_TEST(P5_a_verb_that_is_never_finished_is_contained)
{
    struct plug_inst *i = made("{}");
    struct adit_self *self = plug_self(i);
    const struct adit_control_api *c = &plug_control_api;
    struct called a = { 0 }, b = { 0 };
    uint64_t one, more;
    ck_assert_int_eq(c->verb_later(self, "later", "Answers later.", later), 0);
    ck_assert_int_eq(plug_verb_call(i, "later", NULL, 0, THE_REPORT, 20, called, &a, &one), 0);
    loop_run();
    ck_assert_uint_eq(a.ends, 1);
    ck_assert_int_eq(a.status, ADIT_ETIMEDOUT);
    ck_assert_ptr_null(c->report(self, one));
    ck_assert_uint_eq(plug_inst_stat(i)->late, 0);
    c->finish(self, one, 0);            /* late, and harmless */
    ck_assert_uint_eq(plug_inst_stat(i)->late, 1);
    ck_assert_uint_eq(a.ends, 1);
    /* whoever asked hangs up, again and again */
    for (uint32_t n = 0; n < 400; n++) {
        ck_assert_int_eq(plug_verb_call(i, "later", NULL, 0, THE_REPORT, 60000, called, &b, &more), 0);
        plug_verb_forget(i, more);
        ck_assert_ptr_null(c->report(self, more));
    }
    /* so many at once, and no more */
    uint32_t n = 0;
    while (!plug_verb_call(i, "later", NULL, 0, THE_REPORT, 60000, called, &b, &more))
        n++;
    ck_assert_uint_eq(n, 32);
    ck_assert_uint_eq(b.ends, 0);
    plug_inst_free(i);                  /* destroy() finishes none of them */
    ck_assert_uint_eq(b.ends, 32);
    ck_assert_int_eq(b.status, ADIT_ECANCELED);
    conf_free(doc);
    doc = NULL;
}
END_TEST

START_TEST(verbs_and_their_reports)
{
    struct plug_inst *i = made("{}");
    const char *sentence;
    ck_assert_str_eq(plug_verb_nth(i, 0, &sentence), "say-late");
    ck_assert_str_eq(sentence, "Answers what is late.");
    ck_assert_ptr_null(plug_verb_nth(i, 1, NULL));
    struct called a = { 0 };
    uint64_t call = 7;
    ck_assert_int_eq(plug_verb_call(i, "other", NULL, 0, NULL, 1000, called, &a, &call), ADIT_ENOENT);
    const struct adit_control_api *c = &plug_control_api;
    ck_assert_int_eq(c->verb(plug_self(i), "say-late", "Again.", at_once), ADIT_EEXIST);
    ck_assert_int_eq(c->verb(plug_self(i), "Say Late", "Again.", at_once), ADIT_EINVAL);
    ck_assert_int_eq(c->verb(plug_self(i), "other", "Again.", NULL), ADIT_EINVAL);
    ck_assert_int_eq(c->verb_later(plug_self(i), "say-late", "Again.", later), ADIT_EEXIST);
    ck_assert_int_eq(c->verb_later(plug_self(i), "other", "Again.", NULL), ADIT_EINVAL);
    ck_assert_int_eq(c->verb(plug_self(i), "now", "At once.", at_once), 0);
    ck_assert_int_eq(plug_verb_call(i, "now", NULL, 0, NULL, 1000, called, &a, &call), 0);
    ck_assert_uint_eq(call, 0);
    ck_assert_uint_eq(a.ends, 1);
    ck_assert_int_eq(a.status, ADIT_EIO);
    conf_free(doc);
    doc = NULL;
}
END_TEST

/* ---- requests ------------------------------------------------------------------------ */

struct asked {
    uint32_t ends;
    int32_t status;
    uint32_t verdict;
    char message[32];
    bool has;
};

static bool running;

static void answered(void *u, int32_t status, const void *answer)
{
    struct asked *a = u;
    const struct adit_auth_answer *x = answer;
    a->ends++;
    a->status = status;
    a->has = x != NULL;
    if (x) {
        ck_assert_uint_eq(x->size, sizeof *x);
        a->verdict = x->verdict;
        snprintf(a->message, sizeof a->message, "%s", x->message ? x->message : "");
    }
    if (running)
        loop_stop();
}

static void run(void)
{
    running = true;
    loop_run();
    running = false;
}

static adit_request ask(struct plug_inst *i, struct asked *a, uint64_t limit)
{
    const struct adit_auth *vt = plug_vtable(i);
    struct adit_auth_query q = { .size = sizeof q, .method = ADIT_AUTH_PAP, .user = "ann" };
    adit_request r;
    memset(a, 0, sizeof *a);
    ck_assert_int_eq(plug_ask(i, limit, answered, a, &r), 0);
    ck_assert_uint_ne(r, 0);
    PLUG_CALL(i, "check", vt->check(plug_self(i), r, &q));
    return r;
}

static void behave(struct plug_inst *i, const char *how)
{
    char text[64];
    const char *option;
    snprintf(text, sizeof text, "behave: %s", how);
    ck_assert_int_eq(plug_inst_reload(i, yaml(text), skip, &option), 0);
}

START_TEST(requests_end_once)
{
    static struct asked a, b;   /* b ends with the instance, after the test */
    struct plug_inst *i = made("{}");
    const struct plug_stat *s = plug_inst_stat(i);
    ask(i, &a, 1000);
    ck_assert_uint_eq(a.ends, 1);
    ck_assert_int_eq(a.status, 0);
    ck_assert_uint_eq(a.verdict, ADIT_VERDICT_ACCEPT);
    ck_assert_str_eq(a.message, "hello");
    ck_assert_uint_eq(s->answered, 1);
    ck_assert_uint_eq(plug_self(i)->counters[0], 1);

    behave(i, "twice");
    ask(i, &a, 1000);
    ck_assert_uint_eq(a.ends, 1);
    ck_assert_uint_eq(s->faults, 1);
    ck_assert(strstr(plug_last_error(i), "second answer") != NULL);

    behave(i, "never");
    ask(i, &a, 20);
    ck_assert_uint_eq(plug_requests_open(i), 1);
    run();
    ck_assert_uint_eq(a.ends, 1);
    ck_assert_int_eq(a.status, ADIT_ETIMEDOUT);
    ck_assert_uint_eq(plug_requests_open(i), 0);
    ck_assert_uint_eq(s->timed_out, 1);
    ck_assert_str_eq(plug_last_error(i), "it did not answer in time");

    /* a late answer is neither a fault nor an answer to the next request */
    behave(i, "late");
    ask(i, &a, 20);
    run();
    ask(i, &b, 0);
    uint64_t faults = s->faults;
    plug_ask_cancel(0);
    plug_ask_cancel(UINT64_MAX);
    ck_assert_uint_eq(b.ends, 0);
    ck_assert_uint_eq(s->faults, faults);
    conf_free(doc);
    doc = NULL;
}
END_TEST

START_TEST(nonsense_is_an_error)
{
    static const char *const how[] = { "size", "empty", "positive", "verdict", "keys" };
    struct asked a;
    struct plug_inst *i = made("{}");
    for (size_t n = 0; n < sizeof how / sizeof how[0]; n++) {
        behave(i, how[n]);
        ask(i, &a, 1000);
        ck_assert_msg(a.ends == 1 && a.status == ADIT_EINVAL && !a.has, "%s", how[n]);
        ck_assert_uint_eq(plug_inst_stat(i)->faults, n + 1);
        ck_assert(strstr(plug_last_error(i), "nonsense") != NULL);
    }
    behave(i, "forged");
    ask(i, &a, 1000);
    ck_assert_uint_eq(a.ends, 1);
    ck_assert_int_eq(a.status, 0);
    ck_assert_uint_eq(plug_inst_stat(i)->faults, 5 + 4);
    ck_assert_uint_eq(plug_requests_open(i), 0);
    conf_free(doc);
    doc = NULL;
}
END_TEST

START_TEST(cancel_and_end_of_the_instance)
{
    struct asked a[3];
    struct plug_inst *i = made("behave: never");
    adit_request r = ask(i, &a[0], 0);
    ask(i, &a[1], 5000);
    plug_ask_cancel(r);
    ck_assert_int_eq(a[0].status, ADIT_ECANCELED);
    plug_ask_cancel(r);
    ck_assert_uint_eq(a[0].ends, 1);
    ck_assert_uint_eq(plug_requests_open(i), 1);
    plug_inst_free(i);
    ck_assert_uint_eq(a[1].ends, 1);
    ck_assert_int_eq(a[1].status, ADIT_ECANCELED);

    /* an answer for an instance that is gone, or in the name of another one */
    i = made("behave: never");
    struct plug_inst *y = plug_inst_new(plug_inst_face(i), "y", NULL, NULL);
    plug_inst_start(y);
    r = ask(i, &a[2], 5000);
    struct adit_auth_answer answer = { .size = sizeof answer };
    struct adit_self nobody = { .size = sizeof nobody };
    plug_request_api.done(&nobody, r, 0, &answer);
    plug_request_api.done(plug_self(y), r, 0, &answer);
    ck_assert_uint_eq(a[2].ends, 0);
    ck_assert_uint_eq(plug_inst_stat(y)->faults, 1);
    plug_request_api.done(plug_self(i), r, 0, &answer);
    ck_assert_uint_eq(a[2].ends, 1);
    /* stopped instances are asked nothing */
    plug_inst_stop(y);
    ck_assert_int_eq(plug_ask(y, 0, answered, &a[0], &r), ADIT_ESTATE);
    conf_free(doc);
    doc = NULL;
}
END_TEST

START_TEST(late_answers_are_told_from_second_ones)
{
    struct asked a;
    struct adit_auth_answer answer = { .size = sizeof answer };
    struct plug_inst *i = made("behave: never");
    adit_request r = ask(i, &a, 0);
    plug_ask_cancel(r);
    plug_request_api.done(plug_self(i), r, 0, &answer);
    ck_assert_uint_eq(plug_inst_stat(i)->late, 1);
    ck_assert_uint_eq(plug_inst_stat(i)->faults, 0);
    plug_request_api.done(plug_self(i), r, 0, &answer);
    ck_assert_uint_eq(plug_inst_stat(i)->faults, 1);
    ck_assert_uint_eq(a.ends, 1);
    /* one who never answers fills no memory */
    for (int n = 0; n < 10000; n++) {
        r = ask(i, &a, 0);
        plug_ask_cancel(r);
        ck_assert_uint_eq((uint32_t)r < 5000, 1);
    }
    ck_assert_uint_eq(plug_requests_open(i), 0);
    conf_free(doc);
    doc = NULL;
}
END_TEST

START_TEST(other_threads_are_kept_out)
{
    struct asked a;
    struct plug_inst *i = made("behave: thread");
    ask(i, &a, 50);
    ck_assert_uint_eq(a.ends, 0);
    run();
    ck_assert_uint_eq(a.ends, 1);
    ck_assert_int_eq(a.status, ADIT_ETIMEDOUT);
    conf_free(doc);
    doc = NULL;
}
END_TEST

START_TEST(slow_calls_are_seen)
{
    struct asked a;
    struct plug_inst *i = made("behave: slow");
    uint32_t before = log_ring(0, (struct log_entry[64]){ { 0 } }, 64);
    log_level(ADIT_LOG_WARN);
    ask(i, &a, 1000);
    ck_assert_uint_ge(plug_inst_stat(i)->busy_ms, 100);
    static struct log_entry ring[64];
    uint32_t n = log_ring(0, ring, 64);
    ck_assert_uint_gt(n, before);
    ck_assert_str_eq(ring[n - 1].name, "plugin.call.slow");
    ck_assert(strstr(ring[n - 1].line, "auth/x") != NULL);
    conf_free(doc);
    doc = NULL;
}
END_TEST

START_TEST(observers_hear_the_log)
{
    struct asked a;
    struct plug_inst *i = made("{}");
    struct plug_inst *o = plug_inst_new(plug_face(ADIT_KIND_OBSERVER, "good"), "o", NULL, NULL);
    log_level(ADIT_LOG_INFO);
    ask(i, &a, 1000);
    ck_assert_uint_eq(plug_self(o)->counters[0], 0);
    ck_assert_int_eq(plug_inst_start(o), 0);
    uint64_t heard = plug_self(o)->counters[0];         /* that it runs */
    ask(i, &a, 1000);
    ck_assert_uint_eq(plug_self(o)->counters[0], heard + 1);
    plug_inst_stop(o);
    heard = plug_self(o)->counters[0];
    ask(i, &a, 1000);
    ck_assert_uint_eq(plug_self(o)->counters[0], heard);
    conf_free(doc);
    doc = NULL;
}
END_TEST

static void leased(void *u, int32_t status, const void *answer)
{
    const struct adit_pool_answer *x = answer;
    *(int32_t *)u = status;
    ck_assert(x && x->size == sizeof *x && x->cause == ADIT_CAUSE_POOL_EXHAUSTED && x->lease == 7);
}

START_TEST(pools_tell_the_cause_of_a_failure)
{
    good();
    struct plug_inst *i = plug_inst_new(plug_face(ADIT_KIND_POOL, "good"), "p", NULL, NULL);
    ck_assert_int_eq(plug_inst_start(i), 0);
    struct adit_pool_query q = { .size = sizeof q, .attrs = plug_attr_api.make() };
    const struct adit_pool *vt = plug_vtable(i);
    int32_t status = 1;
    adit_request r;
    ck_assert_int_eq(plug_ask(i, 1000, leased, &status, &r), 0);
    vt->lease(plug_self(i), r, &q);
    ck_assert_int_eq(status, ADIT_ENOSPC);
    plug_attr_api.free((struct adit_attrs *)(uintptr_t)q.attrs);
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = { frozen_plugin_loads, loads_once, files_that_cannot_be_trusted,
        damaged_files, other_interfaces, declarations_are_checked, newer_plugin_loads,
        instances_live, reload_takes_differences, verbs_and_their_reports, requests_end_once,
        a_verb_answers_later_and_once, P5_a_verb_that_is_never_finished_is_contained,
        nonsense_is_an_error, cancel_and_end_of_the_instance,
        late_answers_are_told_from_second_ones, other_threads_are_kept_out, slow_calls_are_seen,
        pools_tell_the_cause_of_a_failure,
        observers_hear_the_log, NULL };
    Suite *s = suite_create("plug");
    TCase *tc = tcase_create("plug");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    for (size_t i = 0; tests[i]; i++)
        tcase_add_test(tc, tests[i]);
    suite_add_tcase(s, tc);
    return s;
}
UNIT_MAIN(suite)
