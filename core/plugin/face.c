/* face.c - what a plugin declares, checked and copied at the size of today.
 *
 * Knows:  what each kind needs, what an option table may say.
 * Leaves: what options mean to core/config.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "plugin/plug_in.h"

/* The place of a complaint and where it goes. */
struct ctx {
    const char *file;
    const struct adit_face *d;
    char *text;
    size_t size;
};

static int32_t no(const struct ctx *c, const char *fmt, ...) ADIT_PRINTF(2, 3);
static int32_t no(const struct ctx *c, const char *fmt, ...)
{
    va_list ap;
    int n = snprintf(c->text, c->size, "%s, %s '%.31s': ", c->file, plug_kind_name(c->d->kind),
                     c->d->name ? c->d->name : "");
    if (n < 0 || (size_t)n >= c->size)
        return ADIT_EABI;
    va_start(ap, fmt);
    vsnprintf(c->text + n, c->size - (size_t)n, fmt, ap);
    va_end(ap);
    return ADIT_EABI;
}

/* ---- options ---------------------------------------------------------------------- */

static uint32_t width_of(const struct adit_opt *o, uint32_t *align)
{
    *align = 8;
    if (o->flags & ADIT_OPT_ARRAY)
        return sizeof(struct adit_array);
    switch (o->type) {
    case ADIT_OPT_BOOL: case ADIT_OPT_U32: case ADIT_OPT_ENUM: case ADIT_OPT_FLAGS: case ADIT_OPT_LINE:
        *align = _Alignof(uint32_t);
        return sizeof(uint32_t);
    case ADIT_OPT_U64: case ADIT_OPT_MSEC: case ADIT_OPT_SIZE:
        *align = _Alignof(uint64_t);
        return sizeof(uint64_t);
    case ADIT_OPT_STR: case ADIT_OPT_FILE:
        *align = _Alignof(const char *);
        return sizeof(const char *);
    case ADIT_OPT_ADDR: case ADIT_OPT_PREFIX:
        *align = _Alignof(struct adit_addr);
        return sizeof(struct adit_addr);
    case ADIT_OPT_RANGE:
        *align = _Alignof(struct adit_range);
        return sizeof(struct adit_range);
    case ADIT_OPT_TABLE:
        *align = _Alignof(uint32_t);
        return o->item_size;
    default:
        return 0;
    }
}

static void row_of(struct adit_opt *out, const struct adit_opt *opts, uint32_t stride, uint32_t i)
{
    memset(out, 0, sizeof *out);
    memcpy(out, (const uint8_t *)opts + (size_t)i * stride,
           stride < sizeof *out ? stride : sizeof *out);
}

static void keep_first(void *u, const char *sentence)
{
    char *first = u;
    if (!first[0])
        snprintf(first, 256, "%s", sentence);
}

/* Whether every default can be read: the table's own rows, none of them required. */
static int32_t check_defaults(const struct ctx *c, const struct adit_opt *opts, uint32_t stride,
                              uint32_t rows, uint32_t conf_size)
{
    struct adit_opt *copy = calloc(rows + 1, sizeof *copy);
    void *conf = calloc(1, conf_size ? conf_size : 1);
    struct conf_mem *mem = NULL;
    char first[256] = "";
    struct conf_err err = { keep_first, first };
    int32_t r = ADIT_ENOMEM;
    if (copy && conf) {
        uint32_t n = 0;
        for (uint32_t i = 0; i < rows; i++) {
            row_of(&copy[n], opts, stride, i);
            copy[n].flags &= ~ADIT_OPT_REQUIRED;
            n += copy[n].type != ADIT_OPT_TABLE;
        }
        memset(&copy[n], 0, sizeof copy[n]);
        r = conf_fill(NULL, copy, sizeof *copy, NULL, conf_size, conf, &mem, &err);
        conf_mem_free(mem);
    }
    free(copy);
    free(conf);
    return r ? no(c, "a default cannot be read: %s", first) : 0;
}

static int32_t check_options(const struct ctx *c, const struct adit_opt *opts, uint32_t stride,
                             uint32_t conf_size, uint32_t depth)
{
    struct adit_opt o, other;
    uint32_t rows = 0;
    if (!opts)
        return 0;
    if (depth > 4)
        return no(c, "its options are nested deeper than 4");
    for (;; rows++) {
        row_of(&o, opts, stride, rows);
        if (!o.name)
            break;
        if (rows == 256)
            return no(c, "an option table has more than 256 rows, or no end");
        if (!plug_name_ok(o.name))
            return no(c, "option '%.40s': small letters, digits and hyphens are possible in a name, "
                      "%u at most", o.name, PLUG_NAME_MAX);
        for (uint32_t i = 0; i < rows; i++) {
            row_of(&other, opts, stride, i);
            if (!strcmp(other.name, o.name))
                return no(c, "two options are named %s", o.name);
        }
        uint32_t align, width = width_of(&o, &align);
        if (o.type == ADIT_OPT_TABLE && (!o.table || !o.item_size || o.item_size > PLUG_CONF_MAX))
            return no(c, "option %s: a table without rows or size", o.name);
        if (!width)
            return no(c, "option %s is of type %u, which this daemon does not know", o.name, o.type);
        if (o.flags & ~(ADIT_OPT_REQUIRED | ADIT_OPT_SECRET | ADIT_OPT_RELOAD | ADIT_OPT_ARRAY))
            return no(c, "option %s has flags %#x, which this daemon does not know", o.name, o.flags);
        if (o.offset > conf_size || width > conf_size - o.offset || o.offset % align)
            return no(c, "option %s lies outside of its struct (offset %u, %u bytes, of %u)", o.name,
                      o.offset, width, conf_size);
        if ((o.type == ADIT_OPT_ENUM || o.type == ADIT_OPT_FLAGS) && (!o.words || !o.words[0].word))
            return no(c, "option %s has no words", o.name);
        if (!o.help || !o.help[0])
            return no(c, "option %s has no help", o.name);
        if (o.max && o.min > o.max)
            return no(c, "option %s: its least value is above its largest", o.name);
        if (o.type == ADIT_OPT_TABLE) {
            int32_t r = check_options(c, o.table, stride, o.item_size, depth + 1);
            if (r)
                return r;
        }
    }
    return check_defaults(c, opts, stride, rows, conf_size);
}

/* ---- counters, events, tables ---------------------------------------------------------- */

static int32_t check_events(const struct ctx *c)
{
    for (uint32_t i = 0; c->d->events && c->d->events[i]; i++) {
        const struct adit_event *e = c->d->events[i];
        if (i == 512)
            return no(c, "more than 512 events, or no end of the list");
        if (e->size < PLUG_EVENT_1_0 || !e->name || !e->sentence || !e->keys ||
            e->level < ADIT_LOG_ERROR || e->level > ADIT_LOG_DEBUG)
            return no(c, "event %u is not complete", i);
        size_t n = strspn(e->name, "abcdefghijklmnopqrstuvwxyz0123456789-.");
        if (!n || e->name[n] || n > 47)
            return no(c, "event '%.60s': small letters, digits, hyphens and dots are possible in a "
                      "name, 47 at most", e->name);
    }
    return 0;
}

static int32_t take_counters(const struct ctx *c, struct plug_face *f, uint32_t stride)
{
    uint32_t count = f->decl.counter_count;
    if (count > 256 || (count && !c->d->counters))
        return no(c, "it declares %u counters; 256 are possible", count);
    f->counters = calloc(count ? count : 1, sizeof *f->counters);
    if (!f->counters)
        return ADIT_ENOMEM;
    for (uint32_t i = 0; i < count; i++) {
        memcpy(&f->counters[i], (const uint8_t *)c->d->counters + (size_t)i * stride,
               stride < sizeof f->counters[i] ? stride : sizeof f->counters[i]);
        if (!plug_name_ok(f->counters[i].name) || !f->counters[i].sentence)
            return no(c, "counter %u has no proper name or no sentence", i);
        for (uint32_t j = 0; j < i; j++)
            if (!strcmp(f->counters[i].name, f->counters[j].name))
                return no(c, "two counters are named %s", f->counters[i].name);
    }
    f->decl.counters = f->counters;
    return 0;
}

/* The members that a kind cannot do without; NULL: all are there. */
static const char *missing(const struct plug_face *f)
{
    switch (f->decl.kind) {
    case ADIT_KIND_TUNNEL:
        return !f->vtable.tunnel.protocol ? "protocol" : !f->vtable.tunnel.tx ? "tx" :
               !f->vtable.tunnel.hangup ? "hangup" : NULL;
    case ADIT_KIND_SECURITY:
        return !f->vtable.security.cover ? "cover" : !f->vtable.security.tx ? "tx" : NULL;
    case ADIT_KIND_AUTH:
        return !f->vtable.auth.methods ? "methods" : !f->vtable.auth.check ? "check" : NULL;
    case ADIT_KIND_POOL:
        return !f->vtable.pool.lease ? "lease" : !f->vtable.pool.release ? "release" : NULL;
    case ADIT_KIND_POLICY:
        return !f->vtable.policy.decide ? "decide" : NULL;
    case ADIT_KIND_ACCOUNTING:
        return !f->vtable.accounting.begin ? "begin" : !f->vtable.accounting.interim ? "interim" :
               !f->vtable.accounting.end ? "end" : NULL;
    case ADIT_KIND_OBSERVER:
        return !f->vtable.observer.event ? "event" : NULL;
    default:
        return "kind";
    }
}

static int32_t take_tables(const struct ctx *c, struct plug_face *f)
{
    const struct plug_kind *k = &plug_kinds[c->d->kind];
    uint32_t size;
    if (!c->d->life || c->d->life->size < PLUG_LIFE_1_0 || c->d->life->size > PLUG_STRIDE_MAX)
        return no(c, "its life table is missing or too short");
    plug_copy(&f->life, sizeof f->life, c->d->life, c->d->life->size);
    if (!f->life.create)
        return no(c, "its life table has no create()");
    if (!c->d->vtable)
        return no(c, "its table of functions is missing");
    memcpy(&size, c->d->vtable, sizeof size);
    if (size < k->size_1_0 || size > PLUG_STRIDE_MAX)
        return no(c, "its table of functions has %u bytes; %u are the least", size, k->size_1_0);
    plug_copy(&f->vtable, k->size, c->d->vtable, size);
    const char *m = missing(f);
    if (m)
        return no(c, "its table of functions lacks %s, which every %s needs", m, k->name);
    f->decl.life = &f->life;
    f->decl.vtable = &f->vtable;
    return 0;
}

int32_t plug_face_new(struct plug_object *o, const struct adit_plugin *p, const struct adit_face *d,
                      struct plug_face **out, char *text, size_t size)
{
    struct ctx c = { o->file, d, text, size };
    if (!plug_name_ok(d->name))
        return no(&c, "small letters, digits and hyphens are possible in a type's name, %u at most",
                  PLUG_NAME_MAX);
    if (d->conf_size > PLUG_CONF_MAX)
        return no(&c, "its options take %u bytes; %u are possible", d->conf_size, PLUG_CONF_MAX);
    struct plug_face *f = calloc(1, sizeof *f);
    if (!f)
        return no(&c, "out of memory");
    f->object = o;
    f->decl = *d;
    f->opt_size = p->opt_size;
    int32_t r = take_tables(&c, f);
    if (!r)
        r = check_options(&c, d->opts, p->opt_size, d->conf_size, 0);
    if (!r)
        r = take_counters(&c, f, p->counter_size);
    if (!r)
        r = check_events(&c);
    if (r) {
        plug_face_free(f);
        return r;
    }
    *out = f;
    return 0;
}

void plug_face_free(struct plug_face *f)
{
    if (!f)
        return;
    free(f->counters);
    free(f);
}

const struct adit_face *plug_face_decl(const struct plug_face *f) { return &f->decl; }
const void *plug_face_vtable(const struct plug_face *f) { return &f->vtable; }
uint32_t plug_face_opt_size(const struct plug_face *f) { return f->opt_size; }
