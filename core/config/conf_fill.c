/* conf_fill.c - a mapping into a struct, as a table of options says.
 *
 * Knows:  the option types of adit/abi.h, defaults, bounds, what each mistake
 *         is called.
 * Leaves: YAML to conf.c, the writing of single values to conf_value.c.
 *
 * The table may come from a plugin that was built with a shorter struct
 * adit_opt: rows are read through a stride and copied into one of today's size.
 */
#include "config/conf_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include "base/addr.h"
#include "log/log.h"

#define MAX_ITEMS  1000000u
#define MAX_TABLES 16u          /* nesting of tables */
#define MAX_ROWS   1000u

ADIT_EVENT(ev_exposed, "config.file.exposed", ADIT_LOG_WARN,
           "A file that holds a secret can be read or written by everybody: chmod o-rw it.",
           "file option mode");

struct conf_mem {
    struct arena arena;
};

struct filler {
    struct arena *arena;
    const struct conf_err *err;
    uint32_t opt_size;
    uint32_t depth;
    bool failed;
    const struct conf_node *map;        /* that is being read; NULL: none */
};

/* What is said about one option: where, and with which value. */
struct at {
    const struct conf_node *node;       /* NULL: a default */
    const struct adit_opt *o;
    const char *text;                   /* of a scalar */
};

/* Row number i in today's shape; false at the end. */
static bool row(const struct adit_opt *opts, uint32_t opt_size, uint32_t i, struct adit_opt *out)
{
    memset(out, 0, sizeof *out);
    if (!opts || i >= MAX_ROWS || opt_size < offsetof(struct adit_opt, dflt))
        return false;
    memcpy(out, (const char *)opts + (size_t)i * opt_size,
           opt_size < sizeof *out ? opt_size : sizeof *out);
    return out->name != NULL;
}

/* Bytes and alignment of one value; 0: an unknown type. */
static uint32_t value_size(const struct adit_opt *o)
{
    switch (o->type) {
    case ADIT_OPT_BOOL:
    case ADIT_OPT_U32:
    case ADIT_OPT_ENUM:
    case ADIT_OPT_FLAGS:
    case ADIT_OPT_LINE:   return sizeof(uint32_t);
    case ADIT_OPT_U64:
    case ADIT_OPT_MSEC:
    case ADIT_OPT_SIZE:   return sizeof(uint64_t);
    case ADIT_OPT_STR:
    case ADIT_OPT_FILE:   return sizeof(char *);
    case ADIT_OPT_ADDR:
    case ADIT_OPT_PREFIX: return sizeof(struct adit_addr);
    case ADIT_OPT_RANGE:  return sizeof(struct adit_range);
    case ADIT_OPT_TABLE:  return o->item_size;
    default:              return 0;
    }
}

static const char *wanted(const struct adit_opt *o)
{
    switch (o->type) {
    case ADIT_OPT_BOOL:   return "yes or no";
    case ADIT_OPT_U32:
    case ADIT_OPT_U64:    return "a number";
    case ADIT_OPT_MSEC:   return "a time with its unit, such as 200ms, 3s, 5m, 8h or 30d";
    case ADIT_OPT_SIZE:   return "a size, such as 1500, 64k, 10M or 1G";
    case ADIT_OPT_ADDR:   return "an address, such as 10.0.0.1, 10.0.0.1:1723 or [2001:db8::1]:1701";
    case ADIT_OPT_PREFIX: return "a network, such as 10.0.0.0/8";
    case ADIT_OPT_RANGE:  return "a range of addresses, such as 10.9.0.2-10.9.0.60 or 10.9.0.0/24";
    case ADIT_OPT_FILE:   return "the name of a file";
    case ADIT_OPT_TABLE:  return "a mapping ('name: value' lines)";
    default:              return "a value";
    }
}

/* ---- telling ---------------------------------------------------------------------------- */

static void say(struct filler *f, const struct at *a, const char *fmt, ...) ADIT_PRINTF(3, 4);
static void say(struct filler *f, const struct at *a, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    f->failed = true;
    if (a->node)
        conf_error(a->node, f->err, "%s", text);
    else
        conf_tell(f->err, "the default of '%s' is wrong: %s", a->o->name, text);
}

/* "'mtu' wants a number, not 'abc'"; a secret is not repeated. */
static void say_wrong(struct filler *f, const struct at *a)
{
    if (a->o->flags & ADIT_OPT_SECRET)
        say(f, a, "'%s' wants %s", a->o->name, wanted(a->o));
    else
        say(f, a, "'%s' wants %s, not '%.200s'", a->o->name, wanted(a->o), a->text);
}

/* ---- one scalar -------------------------------------------------------------------------- */

static bool bounded(struct filler *f, const struct at *a, uint64_t v)
{
    const struct adit_opt *o = a->o;
    if (v >= o->min && (!o->max || v <= o->max))
        return true;
    bool ms = o->type == ADIT_OPT_MSEC;
    const char *unit = ms ? "ms" : "";
    if (o->max)
        say(f, a, "'%s' must be from %llu%s to %llu%s, not %s", o->name, (unsigned long long)o->min,
            unit, (unsigned long long)o->max, unit, a->text);
    else
        say(f, a, "'%s' must be at least %llu%s, not %s", o->name, (unsigned long long)o->min, unit,
            a->text);
    return false;
}

static bool word(struct filler *f, const struct at *a, const char *text, uint32_t *out)
{
    char list[512] = "";
    const char *known[64];
    size_t n = 0, at = 0;
    for (const struct adit_word *w = a->o->words; w && w->word && n < 63; w++) {
        if (!strcasecmp(w->word, text)) {
            *out = w->value;
            return true;
        }
        known[n++] = w->word;
        at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", n > 1 ? ", " : "", w->word);
        if (at >= sizeof list)
            at = sizeof list - 1;
    }
    known[n] = NULL;
    const char *near = conf_nearest(text, known);
    say(f, a, "'%s' knows no '%.100s', only %s%s%s%s", a->o->name, text, list,
        near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    return false;
}

/* Words separated by commas or blanks, as one default writes them. */
static bool flag_words(struct filler *f, const struct at *a, uint32_t *out)
{
    char one[100];
    const char *s = a->text;
    *out = 0;
    for (;;) {
        s += strspn(s, ", []");
        size_t n = strcspn(s, ", []");
        if (!n)
            return true;
        uint32_t v;
        snprintf(one, sizeof one, "%.*s", (int)(n < sizeof one ? n : sizeof one - 1), s);
        if (!word(f, a, one, &v))
            return false;
        *out |= v;
        s += n;
    }
}

/* Relative names are beside the file that names them. */
static const char *file_name(struct filler *f, const struct at *a)
{
    const char *dir = ADIT_CONF_DIR "/";
    size_t n = strlen(dir);
    if (!*a->text) {
        say_wrong(f, a);
        return NULL;
    }
    if (a->text[0] == '/')
        return arena_str(f->arena, a->text);
    /* a default is beside the document, also when a drop-in leaves it out */
    const struct conf_node *by = a->node ? a->node : f->map ? conf_root(f->map->doc) : NULL;
    if (by && conf_file(by)->mode) {
        const char *path = conf_file(by)->path, *slash = strrchr(path, '/');
        dir = path;
        n = slash ? (size_t)(slash + 1 - path) : 0;
    }
    char *full = arena_printf(f->arena, "%.*s%s", (int)n, dir, a->text);
    if (full && full[0] != '/') {       /* aditd --config aditd.yaml */
        char *cwd = realpath(".", NULL);
        if (cwd)
            full = arena_printf(f->arena, "%s/%s", cwd, full);
        free(cwd);
    }
    return full;
}

static void fill_scalar(struct filler *f, const struct at *a, void *out)
{
    struct adit_addr addr;
    struct adit_range range;
    uint64_t u = 0;
    uint32_t w = 0;
    const char *s;
    bool ok = true;
    switch (a->o->type) {
    case ADIT_OPT_BOOL:
        ok = conf_parse_bool(a->text, &w);
        memcpy(out, &w, sizeof w);
        break;
    case ADIT_OPT_U32:
        ok = conf_parse_u64(a->text, &u);
        if (ok && u > UINT32_MAX && !(a->o->max && a->o->max <= UINT32_MAX))
            ok = false;
        if (ok && bounded(f, a, u)) {
            w = (uint32_t)u;
            memcpy(out, &w, sizeof w);
        }
        break;
    case ADIT_OPT_U64:
    case ADIT_OPT_MSEC:
    case ADIT_OPT_SIZE:
        ok = a->o->type == ADIT_OPT_U64 ? conf_parse_u64(a->text, &u) :
             a->o->type == ADIT_OPT_SIZE ? conf_parse_size(a->text, &u) :
             conf_parse_msec(a->text, &u) == 0;
        if (ok && bounded(f, a, u))
            memcpy(out, &u, sizeof u);
        break;
    case ADIT_OPT_STR:
    case ADIT_OPT_FILE:
        s = a->o->type == ADIT_OPT_STR ? arena_str(f->arena, a->text) : file_name(f, a);
        if (!s)
            f->failed = true;
        memcpy(out, &s, sizeof s);
        break;
    case ADIT_OPT_ADDR:
        ok = conf_parse_addr(a->text, &addr) == 0;
        memcpy(out, &addr, sizeof addr);
        break;
    case ADIT_OPT_PREFIX:
        ok = conf_parse_prefix(a->text, &addr) == 0;
        memcpy(out, &addr, sizeof addr);
        break;
    case ADIT_OPT_RANGE:
        ok = conf_parse_range(a->text, &range) == 0;
        memcpy(out, &range, sizeof range);
        break;
    case ADIT_OPT_ENUM:
        if (word(f, a, a->text, &w))
            memcpy(out, &w, sizeof w);
        break;
    case ADIT_OPT_FLAGS:
        if (flag_words(f, a, &w))
            memcpy(out, &w, sizeof w);
        break;
    default:
        break;
    }
    if (!ok)
        say_wrong(f, a);
}

/* ---- one option --------------------------------------------------------------------------- */

static void fill_map(struct filler *f, const struct conf_node *n, const struct adit_opt *opts,
                     const char *const *skip, uint32_t size, void *out);

/* One value from its node. */
static void fill_node(struct filler *f, const struct adit_opt *o, const struct conf_node *n, void *out)
{
    struct at a = { n, o, n->kind == CONF_SCALAR ? n->text : "" };
    if (o->type == ADIT_OPT_TABLE) {
        if (n->kind != CONF_MAP && n->kind != CONF_EMPTY)
            say(f, &a, "'%s' wants %s", o->name, wanted(o));
        else
            fill_map(f, n, o->table, NULL, o->item_size, out);
        return;
    }
    if (o->type == ADIT_OPT_FLAGS && n->kind == CONF_SEQ) {
        uint32_t all = 0, w;
        for (uint32_t i = 0; i < n->count; i++) {
            const struct conf_node *item = n->entries[i].node;
            struct at b = { item, o, item->text };
            if (item->kind != CONF_SCALAR)
                say(f, &b, "'%s' is a list of words", o->name);
            else if (word(f, &b, item->text, &w))
                all |= w;
        }
        memcpy(out, &all, sizeof all);
        return;
    }
    if (n->kind == CONF_EMPTY)
        say(f, &a, "'%s' has no value; it wants %s", o->name, wanted(o));
    else if (n->kind != CONF_SCALAR)
        say(f, &a, "'%s' wants one value, not a %s", o->name,
            n->kind == CONF_SEQ ? "list" : "mapping");
    else
        fill_scalar(f, &a, out);
}

static void fill_array(struct filler *f, const struct adit_opt *o, const struct conf_node *n,
                       struct adit_array *out)
{
    uint32_t stride = value_size(o), count = n->kind == CONF_SEQ ? n->count : 1;
    if (n->kind == CONF_EMPTY || !count)
        return;
    if (n->kind == CONF_MAP && o->type != ADIT_OPT_TABLE) {
        struct at a = { n, o, "" };
        say(f, &a, "'%s' wants a list ('- value' lines)", o->name);
        return;
    }
    if (count > MAX_ITEMS) {
        struct at a = { n, o, "" };
        say(f, &a, "'%s' has more than %u items", o->name, MAX_ITEMS);
        return;
    }
    char *items = arena_get(f->arena, (size_t)count * stride);
    if (!items) {
        f->failed = true;
        return;
    }
    /* one value where a list may be is a list of one */
    for (uint32_t i = 0; i < count; i++)
        fill_node(f, o, n->kind == CONF_SEQ ? n->entries[i].node : n, items + (size_t)i * stride);
    *out = (struct adit_array){ items, count, stride };
}

/* "a, b" or "[a, b]" */
static void default_array(struct filler *f, const struct adit_opt *o, struct adit_array *out)
{
    uint32_t stride = value_size(o), count = 0;
    const char *s = o->dflt;
    for (const char *p = s;;) {
        p += strspn(p, " ,[]");
        if (!*p)
            break;
        count++;
        p += strcspn(p, ",]");
    }
    if (!count)
        return;
    char *items = arena_get(f->arena, (size_t)count * stride);
    for (uint32_t i = 0; items && i < count; i++) {
        s += strspn(s, " ,[]");
        size_t n = strcspn(s, ",]"), k = n;
        while (k && s[k - 1] == ' ')
            k--;
        char *one = arena_strn(f->arena, s, k);
        if (one) {
            struct at a = { NULL, o, one };
            fill_scalar(f, &a, items + (size_t)i * stride);
        } else {
            f->failed = true;
        }
        s += n;
    }
    if (!items)
        f->failed = true;
    else
        *out = (struct adit_array){ items, count, stride };
}

static void fill_default(struct filler *f, const struct adit_opt *o, void *out)
{
    if (o->flags & ADIT_OPT_ARRAY) {
        if (o->dflt && o->type != ADIT_OPT_TABLE)
            default_array(f, o, out);
    } else if (o->type == ADIT_OPT_TABLE) {
        /* defaults inside; what is required there is so only when it is given */
        fill_map(f, NULL, o->table, NULL, o->item_size, out);
    } else if (o->dflt) {
        struct at a = { NULL, o, o->dflt };
        fill_scalar(f, &a, out);
    }
}

/* Whoever can read the file can read the secret. Told once a file. */
static void check_exposed(const struct conf_node *n, const struct adit_opt *o)
{
    struct conf_file *file = conf_file(n);
    if (file->told || !S_ISREG(file->mode) || !(file->mode & 06))
        return;
    char mode[8];
    file->told = true;
    snprintf(mode, sizeof mode, "%04o", (unsigned)file->mode & 07777);
    LOG_EVENT("config", &ev_exposed, ADIT_KV_S("file", file->path), ADIT_KV_S("option", o->name),
              ADIT_KV_S("mode", mode));
}

static void check_secret(const struct conf_node *n, const struct adit_opt *o)
{
    if (n->kind == CONF_SCALAR)
        check_exposed(n, o);
    for (uint32_t i = 0; n->kind == CONF_SEQ && i < n->count; i++)
        check_secret(n->entries[i].node, o);
}

/* ---- a mapping ------------------------------------------------------------------------------- */

static bool skipped(const char *const *skip, const char *key)
{
    for (; skip && *skip; skip++)
        if (!strcmp(*skip, key))
            return true;
    return false;
}

static void unknown_keys(struct filler *f, const struct conf_node *n, const struct adit_opt *opts,
                         const char *const *skip)
{
    struct adit_opt o;
    for (uint32_t k = 0; k < n->count; k++) {
        const struct conf_entry *e = &n->entries[k];
        const char *known[256];
        uint32_t count = 0;
        bool found = skipped(skip, e->key);
        for (uint32_t i = 0; !found && row(opts, f->opt_size, i, &o); i++) {
            if (o.type == ADIT_OPT_LINE)
                continue;
            found = !strcmp(o.name, e->key);
            if (count < 200)
                known[count++] = o.name;
        }
        if (found)
            continue;
        for (uint32_t i = 0; skip && skip[i] && count < 255; i++)
            known[count++] = skip[i];
        known[count] = NULL;
        const char *near = conf_nearest(e->key, known);
        f->failed = true;
        conf_tell_at(n->doc, e->at, f->err, near ? "unknown option '%.100s'; did you mean '%s'?" :
                     "unknown option '%.100s'%s", e->key, near ? near : "");
    }
}

static void fill_map(struct filler *f, const struct conf_node *n, const struct adit_opt *opts,
                     const char *const *skip, uint32_t size, void *out)
{
    struct adit_opt o;
    if (f->depth == MAX_TABLES) {
        f->failed = true;
        conf_tell(f->err, "tables of options are nested deeper than %u levels", MAX_TABLES);
        return;
    }
    f->depth++;
    const struct conf_node *outer = f->map;
    if (n)
        f->map = n;
    if (n && n->kind == CONF_MAP)
        unknown_keys(f, n, opts, skip);
    for (uint32_t i = 0; row(opts, f->opt_size, i, &o); i++) {
        bool array = o.flags & ADIT_OPT_ARRAY;
        uint32_t bytes = array ? (uint32_t)sizeof(struct adit_array) : value_size(&o);
        if (!value_size(&o) || bytes > size || o.offset > size - bytes) {
            f->failed = true;
            conf_tell(f->err, "the option table is wrong: '%s' does not lie in its struct", o.name);
            continue;
        }
        char *at = (char *)out + o.offset;
        if (o.type == ADIT_OPT_LINE) {
            uint32_t line = n ? n->at.line : 0;
            memcpy(at, &line, sizeof line);
            continue;
        }
        const struct conf_entry *e = conf_entry(n, o.name);
        if (!e) {
            if (n && (o.flags & ADIT_OPT_REQUIRED)) {
                f->failed = true;
                conf_error(n, f->err, "'%s' is missing: %s", o.name, o.help ? o.help : wanted(&o));
            } else {
                fill_default(f, &o, at);
            }
            continue;
        }
        if (o.flags & ADIT_OPT_SECRET)
            check_secret(e->node, &o);
        if (array)
            fill_array(f, &o, e->node, (struct adit_array *)(void *)at);
        else
            fill_node(f, &o, e->node, at);
    }
    f->map = outer;
    f->depth--;
}

int32_t conf_fill(const struct conf_node *n, const struct adit_opt *opts, uint32_t opt_size,
                  const char *const *skip, uint32_t conf_size, void *out,
                  struct conf_mem **mem, const struct conf_err *err)
{
    *mem = NULL;
    memset(out, 0, conf_size);
    if (n && n->kind != CONF_MAP && n->kind != CONF_EMPTY)
        return conf_error(n, err, "a mapping ('name: value' lines) is wanted here");
    struct conf_mem *m = calloc(1, sizeof *m);
    if (!m)
        return conf_tell(err, "out of memory");
    arena_init(&m->arena, 1024);
    struct filler f = { .arena = &m->arena, .err = err, .opt_size = opt_size };
    fill_map(&f, n, opts, skip, conf_size, out);
    if (f.failed) {
        conf_mem_free(m);
        memset(out, 0, conf_size);
        return ADIT_ECONF;
    }
    *mem = m;
    return 0;
}

void conf_mem_free(struct conf_mem *m)
{
    if (!m)
        return;
    arena_fini(&m->arena);
    free(m);
}

/* ---- the difference ------------------------------------------------------------------------------ */

static int diff_table(const struct adit_opt *opts, uint32_t opt_size, uint32_t inherited,
                      const char *a, const char *b, const char **name, uint32_t depth);

static bool same_text(const char *a, const char *b)
{
    const char *x, *y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x == y || (x && y && !strcmp(x, y));
}

static bool same_addr(const char *a, const char *b)
{
    struct adit_addr x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return addr_equal(&x, &y);
}

static bool same_value(const struct adit_opt *o, const char *a, const char *b)
{
    switch (o->type) {
    case ADIT_OPT_STR:
    case ADIT_OPT_FILE:   return same_text(a, b);
    case ADIT_OPT_ADDR:
    case ADIT_OPT_PREFIX: return same_addr(a, b);
    case ADIT_OPT_LINE:   return true;          /* it moved, it did not change */
    case ADIT_OPT_RANGE:  return same_addr(a, b) && same_addr(a + sizeof(struct adit_addr),
                                                              b + sizeof(struct adit_addr));
    default:              return memcmp(a, b, value_size(o)) == 0;
    }
}

static bool same_array(const struct adit_opt *o, uint32_t opt_size, const char *a, const char *b,
                       uint32_t depth)
{
    struct adit_array x, y;
    const char *name = NULL;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    if (x.count != y.count)
        return false;
    for (uint32_t i = 0; i < x.count; i++) {
        const char *p = (const char *)x.items + (size_t)i * x.stride;
        const char *q = (const char *)y.items + (size_t)i * y.stride;
        if (o->type == ADIT_OPT_TABLE ? diff_table(o->table, opt_size, 0, p, q, &name, depth) :
                                        !same_value(o, p, q))
            return false;
    }
    return true;
}

/* `inherited`: RELOAD of the table that these rows are in. */
static int diff_table(const struct adit_opt *opts, uint32_t opt_size, uint32_t inherited,
                      const char *a, const char *b, const char **name, uint32_t depth)
{
    struct adit_opt o;
    int result = CONF_SAME;
    if (depth == MAX_TABLES)
        return CONF_SAME;
    for (uint32_t i = 0; row(opts, opt_size, i, &o); i++) {
        uint32_t reload = (o.flags | inherited) & ADIT_OPT_RELOAD;
        const char *p = a + o.offset, *q = b + o.offset, *inner = NULL;
        int d;
        if (o.flags & ADIT_OPT_ARRAY)
            d = same_array(&o, opt_size, p, q, depth + 1) ? CONF_SAME : reload ? CONF_RELOADABLE :
                                                                                CONF_RESTART;
        else if (o.type == ADIT_OPT_TABLE)
            d = diff_table(o.table, opt_size, reload, p, q, &inner, depth + 1);
        else
            d = same_value(&o, p, q) ? CONF_SAME : reload ? CONF_RELOADABLE : CONF_RESTART;
        if (d > result) {       /* the first of the graver kind is named */
            result = d;
            *name = inner ? inner : o.name;
        }
    }
    return result;
}

int conf_diff(const struct adit_opt *opts, uint32_t opt_size, const void *a, const void *b,
              const char **name)
{
    const char *none = NULL;
    return diff_table(opts, opt_size, 0, a, b, name ? name : &none, 0);
}
