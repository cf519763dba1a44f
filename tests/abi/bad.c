/* bad.c - a plugin that declares what ADIT_BAD says: each case is one that the
 * loader must refuse, but "newer", which it must take. */
#include <stdlib.h>
#include <adit/plugin.h>

static int32_t nothing(struct adit_self *self) { (void)self; return 0; }
static void check(struct adit_self *self, uint64_t req, const struct adit_auth_query *q)
{
    struct adit_auth_answer a = { .size = sizeof a, .verdict = ADIT_VERDICT_NEXT };
    (void)q;
    self->host->request->done(self, req, 0, &a);
}

static struct adit_life life = { .size = sizeof life, .create = nothing };
static struct adit_auth vt = { .size = sizeof vt, .methods = ADIT_AUTH_PAP, .check = check };

struct conf {
    uint32_t a, b;
    uint64_t wait;
    const char *s;
};
static const struct adit_word words[] = { { "one", 1, 0 }, { NULL, 0, 0 } };
static struct adit_opt opts[] = {
    ADIT_OPT(U32, conf, a, "a", "1", 0, "A number."),
    ADIT_OPT_WORDS(ENUM, conf, b, "b", words, "one", 0, "A word."),
    ADIT_OPT(MSEC, conf, wait, "wait", "2s", 0, "A time."),
    ADIT_OPT_END
};
static struct adit_opt no_end[300];
static struct adit_counter counters[2] = { { "one", "One." }, { "two", "Two." } };
static struct adit_event event = { sizeof event, ADIT_LOG_INFO, "bad.event", "It happened.", "" };
static const struct adit_event *const events[] = { &event, NULL };

static struct adit_face faces[2] = {
    { .kind = ADIT_KIND_AUTH, .conf_size = sizeof(struct conf), .name = "bad", .opts = opts,
      .counters = counters, .counter_count = 2, .events = events, .life = &life, .vtable = &vt },
    { .kind = ADIT_KIND_AUTH, .conf_size = sizeof(struct conf), .name = "bad2", .opts = opts,
      .counters = counters, .counter_count = 2, .events = events, .life = &life, .vtable = &vt },
};
static struct adit_plugin plugin = {
    .size = sizeof plugin, .abi_minor = ADIT_ABI_MINOR, .name = "bad", .version = "1", .licence = "X",
    .summary = "s", .faces = faces, .face_count = 1, .face_size = sizeof(struct adit_face),
    .opt_size = sizeof(struct adit_opt), .counter_size = sizeof(struct adit_counter),
};

/* The same as a later 1.x would declare it: every struct has grown. */
static struct { struct adit_opt o; uint64_t more[2]; } new_opts[] = {
    { ADIT_OPT(U32, conf, a, "a", "7", 0, "A number."), { 1, 2 } },
    { ADIT_OPT(STR, conf, s, "s", "text", 0, "A text."), { 1, 2 } },
    { ADIT_OPT_END, { 0, 0 } },
};
static struct { struct adit_counter c; uint64_t more; } new_counters[] = {
    { { "one", "One." }, 1 }, { { "two", "Two." }, 2 },
};
static struct { struct adit_life l; void *more[3]; } new_life;
static struct { struct adit_auth a; void *more[3]; } new_vt;
static struct { struct adit_face f; void *more; } new_faces[3];
static struct { struct adit_plugin p; uint64_t more[4]; } new_plugin;

static const struct adit_plugin *newer(void)
{
    new_life.l = life;
    new_life.l.size = sizeof new_life;
    new_vt.a = vt;
    new_vt.a.size = sizeof new_vt;
    for (int i = 0; i < 3; i++) {
        new_faces[i].f = faces[0];
        new_faces[i].f.opts = &new_opts[0].o;
        new_faces[i].f.counters = &new_counters[0].c;
        new_faces[i].f.life = &new_life.l;
        new_faces[i].f.vtable = &new_vt;
        new_faces[i].more = &new_faces;
    }
    new_faces[0].f.kind = 77;           /* a kind that 1.0 does not know */
    new_faces[1].f.name = "newer";
    new_faces[2].f.name = "newest";
    new_plugin.p = plugin;
    new_plugin.p.size = sizeof new_plugin;
    new_plugin.p.name = "newer";
    new_plugin.p.abi_minor = 9;
    new_plugin.p.faces = &new_faces[0].f;
    new_plugin.p.face_count = 3;
    new_plugin.p.face_size = sizeof new_faces[0];
    new_plugin.p.opt_size = sizeof new_opts[0];
    new_plugin.p.counter_size = sizeof new_counters[0];
    return &new_plugin.p;
}

#define BAD(name) (!strcmp(bad, name))

ADIT_EXPORT const struct adit_plugin *adit_plugin_1(void);
ADIT_EXPORT const struct adit_plugin *adit_plugin_1(void)
{
    const char *bad = getenv("ADIT_BAD");
    if (!bad)
        return &plugin;
    if (BAD("null")) return NULL;
    if (BAD("newer")) return newer();
    if (BAD("short")) plugin.size = 12;
    if (BAD("name")) plugin.name = "Bad Name/../x";
    if (BAD("no-name")) plugin.name = NULL;
    if (BAD("no-version")) plugin.version = NULL;
    if (BAD("no-faces")) plugin.face_count = 0;
    if (BAD("faces")) plugin.face_count = 100000;
    if (BAD("face-size")) plugin.face_size = 8;
    if (BAD("opt-size")) plugin.opt_size = 73;
    if (BAD("kind")) faces[0].kind = 99;
    if (BAD("reserved-kind")) faces[0].kind = ADIT_KIND_DATAPATH;
    if (BAD("two-faces")) { plugin.face_count = 2; faces[1].name = "bad"; }
    if (BAD("other-face")) faces[0].name = "good";
    if (BAD("face-name")) faces[0].name = "a_b";
    if (BAD("no-life")) faces[0].life = NULL;
    if (BAD("short-life")) life.size = 8;
    if (BAD("no-create")) life.create = NULL;
    if (BAD("no-vtable")) faces[0].vtable = NULL;
    if (BAD("short-vtable")) vt.size = 8;
    if (BAD("no-check")) vt.check = NULL;
    if (BAD("no-methods")) vt.methods = 0;
    if (BAD("offset")) opts[0].offset = 22;
    if (BAD("far-offset")) opts[0].offset = 0xfffffff0u;
    if (BAD("misaligned")) opts[0].offset = 1;
    if (BAD("type")) opts[0].type = 99;
    if (BAD("flags")) opts[0].flags = 0x80000000u;
    if (BAD("default")) opts[0].dflt = "many";
    if (BAD("enum-default")) opts[1].dflt = "two";
    if (BAD("no-words")) opts[1].words = NULL;
    if (BAD("same-option")) opts[1].name = "a";
    if (BAD("option-name")) opts[1].name = "B b";
    if (BAD("no-help")) opts[1].help = NULL;
    if (BAD("bounds")) { opts[0].min = 5; opts[0].max = 2; }
    if (BAD("no-end")) {
        for (size_t i = 0; i < 300; i++) {
            static char names[300][8];
            names[i][0] = 'a';
            names[i][1] = (char)('a' + i / 26);
            names[i][2] = (char)('a' + i % 26);
            no_end[i] = opts[0];
            no_end[i].name = names[i];
        }
        faces[0].opts = no_end;
    }
    if (BAD("loop")) {
        opts[0].type = ADIT_OPT_TABLE;
        opts[0].flags = ADIT_OPT_ARRAY;
        opts[0].offset = 0;
        opts[0].item_size = sizeof(struct conf);
        opts[0].table = opts;
    }
    if (BAD("counters")) faces[0].counter_count = 100000;
    if (BAD("same-counter")) counters[1].name = "one";
    if (BAD("event")) event.name = "Bad Event";
    if (BAD("event-level")) event.level = 0;
    return &plugin;
}
