/* conf.c - a YAML file and its drop-ins as one tree.
 *
 * Knows:  libfyaml's events, files and conf.d, merging, where each word stands.
 * Leaves: what the words mean to conf_fill.c, single values to conf_value.c.
 *
 * The tree is ours, made from parser events: so depth, size and what aliases
 * may unfold to are bounded here, duplicate keys are told with both places, and
 * a scalar is its text - YAML's own guesses ("no" a boolean, "0123" octal)
 * never happen.
 */
#include "config/conf_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <libfyaml.h>
#include <adit/bytes.h>
#include <adit/list.h>
#include "log/log.h"

#define MAX_BYTES   (64u << 20)         /* of one file */
#define MAX_DEPTH   32u
#define MAX_NODES   4000000u            /* of one document */
#define MAX_ALIASED 10000u              /* nodes that aliases of one file may add */
#define MAX_ANCHORS 1000u
#define MAX_FILES   1000u

struct conf_doc {
    struct arena arena;
    struct conf_file *files;
    uint32_t file_count, nodes;
    struct conf_node *root;
    char where[8][PATH_MAX + 32];       /* conf_where(): a few at a time may be in one sentence */
    uint32_t where_next;
};

/* ---- telling ------------------------------------------------------------------------ */

static int32_t tell_v(const struct conf_err *err, const char *where, const char *fmt, va_list ap)
{
    char text[2048];
    size_t n = 0;
    if (where)
        n = (size_t)snprintf(text, sizeof text, "%.1024s: ", where);
    vsnprintf(text + n, sizeof text - n, fmt, ap);
    if (err && err->fn)
        err->fn(err->u, text);
    else
        log_fail("config", ADIT_ECONF, "%s", text);
    return ADIT_ECONF;
}

int32_t conf_tell(const struct conf_err *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tell_v(err, NULL, fmt, ap);
    va_end(ap);
    return ADIT_ECONF;
}

static const char *where_of(const struct conf_doc *doc, struct conf_place at)
{
    struct conf_doc *d = (struct conf_doc *)(uintptr_t)doc;     /* only its scratch changes */
    char *out = d->where[d->where_next++ % 8];
    snprintf(out, sizeof d->where[0], "%s:%u:%u", d->files[at.file].path, at.line, at.col);
    return out;
}

int32_t conf_tell_at(const struct conf_doc *d, struct conf_place at, const struct conf_err *err,
                     const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tell_v(err, where_of(d, at), fmt, ap);
    va_end(ap);
    return ADIT_ECONF;
}

const char *conf_where(const struct conf_node *n)
{
    return n ? where_of(n->doc, n->at) : "";
}

const char *conf_line(const struct conf_node *n, uint32_t *line, uint32_t *col)
{
    *line = n->at.line;
    *col = n->at.col;
    return n->doc->files[n->at.file].path;
}

bool conf_equal(const struct conf_node *a, const struct conf_node *b, const struct conf_node *but)
{
    if (a == but && but)
        return true;
    if (!a || !b || a->kind != b->kind || a->count != b->count)
        return a == b;
    if (a->kind == CONF_SCALAR && strcmp(a->text, b->text) != 0)
        return false;
    for (uint32_t i = 0; i < a->count; i++) {
        const struct conf_entry *x = &a->entries[i], *y = &b->entries[i];
        if ((x->key && (!y->key || strcmp(x->key, y->key) != 0)) || !conf_equal(x->node, y->node, but))
            return false;
    }
    return true;
}

int32_t conf_error(const struct conf_node *n, const struct conf_err *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tell_v(err, n ? conf_where(n) : NULL, fmt, ap);
    va_end(ap);
    return ADIT_ECONF;
}

int32_t conf_error_key(const struct conf_node *map, uint32_t i, const struct conf_err *err,
                       const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tell_v(err, where_of(map->doc, map->entries[i].at), fmt, ap);
    va_end(ap);
    return ADIT_ECONF;
}

/* ---- the tree ------------------------------------------------------------------------- */

static struct conf_node *node_new(struct conf_doc *d, enum conf_kind kind, struct conf_place at)
{
    if (d->nodes >= MAX_NODES)
        return NULL;
    struct conf_node *n = arena_get(&d->arena, sizeof *n);
    if (!n)
        return NULL;
    d->nodes++;
    n->doc = d;
    n->kind = kind;
    n->at = at;
    return n;
}

static uint32_t key_hash(const char *key)
{
    return adit_hash_of(key, strlen(key), 0);
}

static void index_put(struct conf_node *map, uint32_t i)
{
    uint32_t mask = map->index_size - 1, h = key_hash(map->entries[i].key);
    while (map->index[h & mask])
        h++;
    map->index[h & mask] = i + 1;
}

/* A file of users may hold one mapping of many thousands. */
static bool index_grow(struct conf_node *map)
{
    uint32_t size = map->room * 2;
    uint32_t *index = arena_get(&map->doc->arena, size * sizeof *index);
    if (!index)
        return false;
    map->index = index;
    map->index_size = size;
    for (uint32_t i = 0; i < map->count; i++)
        index_put(map, i);
    return true;
}

static bool node_add(struct conf_node *in, const char *key, struct conf_place at,
                     struct conf_node *n)
{
    if (in->count == in->room) {
        uint32_t room = in->room ? in->room * 2 : 8;
        struct conf_entry *e = arena_get(&in->doc->arena, room * sizeof *e);
        if (!e)
            return false;
        if (in->count)
            memcpy(e, in->entries, in->count * sizeof *e);
        in->entries = e;
        in->room = room;
        if (in->kind == CONF_MAP && room > 16 && !index_grow(in))
            return false;
    }
    in->entries[in->count] = (struct conf_entry){ key, at, n };
    in->count++;
    if (in->index)
        index_put(in, in->count - 1);
    return true;
}

const struct conf_entry *conf_entry(const struct conf_node *map, const char *key)
{
    if (!map || map->kind != CONF_MAP)
        return NULL;
    if (map->index) {
        uint32_t mask = map->index_size - 1;
        for (uint32_t h = key_hash(key); map->index[h & mask]; h++) {
            const struct conf_entry *e = &map->entries[map->index[h & mask] - 1];
            if (!strcmp(e->key, key))
                return e;
        }
        return NULL;
    }
    for (uint32_t i = 0; i < map->count; i++)
        if (!strcmp(map->entries[i].key, key))
            return &map->entries[i];
    return NULL;
}

const struct conf_node *conf_root(const struct conf_doc *d)
{
    return d ? d->root : NULL;
}

const struct conf_node *conf_get(const struct conf_node *n, const char *key)
{
    const struct conf_entry *e = conf_entry(n, key);
    return e ? e->node : NULL;
}

uint32_t conf_count(const struct conf_node *n)
{
    return n ? n->count : 0;
}

const struct conf_node *conf_item(const struct conf_node *n, uint32_t i)
{
    return n && i < n->count ? n->entries[i].node : NULL;
}

const char *conf_key(const struct conf_node *n, uint32_t i)
{
    return n && n->kind == CONF_MAP && i < n->count ? n->entries[i].key : NULL;
}

const char *conf_str(const struct conf_node *n)
{
    return n && n->kind == CONF_SCALAR ? n->text : NULL;
}

bool conf_is_seq(const struct conf_node *n) { return n && n->kind == CONF_SEQ; }
bool conf_is_map(const struct conf_node *n) { return n && n->kind == CONF_MAP; }
bool conf_is_empty(const struct conf_node *n) { return !n || n->kind == CONF_EMPTY; }

struct conf_file *conf_file(const struct conf_node *n)
{
    return &n->doc->files[n->at.file];
}

const char *conf_file_name(const struct conf_doc *d, uint32_t file) { return d->files[file].path; }

void conf_hush(struct conf_doc *d)
{
    for (uint32_t i = 0; i < d->file_count; i++)
        d->files[i].told = true;
}

const char *conf_path(const struct conf_doc *d)
{
    return d && d->file_count ? d->files[0].path : "";
}

/* ---- events to tree ---------------------------------------------------------------------- */

struct anchor {
    const char *name;
    struct conf_node *node;
};

struct reader {
    struct conf_doc *doc;
    const struct conf_err *err;
    uint32_t file;
    const char *text;
    size_t len;
    bool failed;
    struct conf_node *root;
    uint32_t documents;
    /* what is open, outermost first */
    struct open {
        struct conf_node *node;
        const char *key;        /* MAP: read, waits for its value */
        struct conf_place key_at;
    } stack[MAX_DEPTH];
    uint32_t depth;
    struct conf_place last;     /* of the last token that had one */
    struct anchor *anchors;
    uint32_t anchor_count, aliased;
};

#define READER_FAIL(r, at, ...)                                                 \
    ((r)->failed = true, (void)conf_tell_at((r)->doc, (at), (r)->err, __VA_ARGS__))

static void no_memory(struct reader *r)
{
    READER_FAIL(r, r->last, "the file holds more than this program reads");
}

/* Sentences for people in place of the parser's own. */
static const char *plain_words(const char *msg)
{
    static const struct { const char *theirs, *ours; } words[] = {
        { "tab character may not be used as indentation",
          "a tab indents this line; YAML wants spaces" },
        { "invalid nested block mapping on the same line",
          "a value that holds ': ' needs quotes" },
        { "invalid mapping in plain multiline",
          "this line is indented differently from the lines above" },
        { "double-quoted scalar without closing quote", "the quote that opens here is not closed" },
        { "single-quoted scalar without closing quote", "the quote that opens here is not closed" },
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (!strcmp(msg, words[i].theirs))
            return words[i].ours;
    return msg;
}

/* The parser sees the lack of a bracket at the end of the file; the reader of
 * the message wants to know which one. */
static void told_by_parser(struct reader *r, const struct fy_diag_error *e)
{
    struct conf_place at = { r->file, e->line > 0 ? (uint32_t)e->line : 1,
                             e->column > 0 ? (uint32_t)e->column : 1 };
    const char *open = NULL;
    if (strstr(e->msg, "without closing quote") && at.col > 1)
        at.col--;               /* it points behind the quote */
    if (strstr(e->msg, "without a closing"))
        for (uint32_t i = r->depth; i-- > 0 && !open;) {
            const struct conf_node *n = r->stack[i].node;
            if (n->text) {              /* opened by a bracket, see open_one() */
                open = n->text;
                at = n->at;
            }
        }
    if (open)
        READER_FAIL(r, at, "the '%s' that opens here is not closed", open);
    else
        READER_FAIL(r, at, "%s", plain_words(e->msg));
}

static struct conf_place place(struct reader *r, struct fy_token *t, size_t *offset)
{
    const struct fy_mark *m = t ? fy_token_start_mark(t) : NULL;
    if (m && m->line >= 0 && m->column >= 0)
        r->last = (struct conf_place){ r->file, (uint32_t)m->line + 1, (uint32_t)m->column + 1 };
    if (offset)
        *offset = m ? m->input_pos : SIZE_MAX;
    return r->last;
}

/* A node is complete enough to be put where it belongs. */
static void put(struct reader *r, struct conf_node *n)
{
    if (!n) {
        no_memory(r);
        return;
    }
    if (!r->depth) {
        if (!r->root)
            r->root = n;
        return;
    }
    struct open *o = &r->stack[r->depth - 1];
    if (o->node->kind == CONF_SEQ) {
        if (!node_add(o->node, NULL, n->at, n))
            no_memory(r);
        return;
    }
    if (!o->key) {
        if (n->kind != CONF_SCALAR) {
            READER_FAIL(r, n->at, "a name is wanted here, before the ':'");
            return;
        }
        const struct conf_entry *twice = conf_entry(o->node, n->text);
        if (twice) {
            READER_FAIL(r, n->at, "'%s' is given twice, first in line %u", n->text, twice->at.line);
            return;
        }
        o->key = n->text;
        o->key_at = n->at;
        return;
    }
    if (n->kind == CONF_EMPTY)
        n->at = o->key_at;      /* an empty value stands nowhere */
    if (!node_add(o->node, o->key, o->key_at, n))
        no_memory(r);
    o->key = NULL;
}

static void anchor_put(struct reader *r, struct fy_token *t, struct conf_node *n)
{
    size_t len;
    const char *name = t ? fy_token_get_text(t, &len) : NULL;
    if (!name || !n || r->failed)
        return;
    if (!r->anchors)
        r->anchors = arena_get(&r->doc->arena, MAX_ANCHORS * sizeof *r->anchors);
    char *copy = arena_strn(&r->doc->arena, name, len);
    if (!r->anchors || !copy || r->anchor_count == MAX_ANCHORS) {
        no_memory(r);
        return;
    }
    r->anchors[r->anchor_count++] = (struct anchor){ copy, n };
}

/* A copy, so that what is merged into one place does not change the other.
 * Bounded in all, so that aliases of aliases do not unfold without end. */
static struct conf_node *unfold(struct reader *r, const struct conf_node *from)
{
    if (++r->aliased > MAX_ALIASED)
        return NULL;
    struct conf_node *n = node_new(r->doc, from->kind, from->at);
    if (!n)
        return NULL;
    n->text = from->text;
    for (uint32_t i = 0; i < from->count; i++) {
        const struct conf_entry *e = &from->entries[i];
        struct conf_node *c = unfold(r, e->node);
        if (!c || !node_add(n, e->key, e->at, c))
            return NULL;
    }
    return n;
}

static void alias(struct reader *r, struct fy_token *t)
{
    size_t len;
    const char *name = fy_token_get_text(t, &len);
    struct conf_place at = place(r, t, NULL);
    const struct conf_node *target = NULL;
    at.col -= at.col > 1;       /* the parser points behind the '*' */
    for (uint32_t i = r->anchor_count; name && i-- > 0 && !target;)
        if (strlen(r->anchors[i].name) == len && !memcmp(r->anchors[i].name, name, len))
            target = r->anchors[i].node;        /* the latest of the name */
    if (!target) {
        READER_FAIL(r, at, "nothing above is anchored as '&%.*s'", name ? (int)len : 0, name ? name : "");
        return;
    }
    for (uint32_t i = 0; i < r->depth; i++)
        if (r->stack[i].node == target) {
            READER_FAIL(r, at, "'*%.*s' stands inside what it repeats", (int)len, name);
            return;
        }
    struct conf_node *n = unfold(r, target);
    if (!n)
        READER_FAIL(r, at, "aliases repeat more than %u values", MAX_ALIASED);
    else
        put(r, n);
}

static void scalar(struct reader *r, struct fy_event *e)
{
    struct fy_token *t = fy_event_get_token(e);
    size_t len = 0;
    struct conf_place at = place(r, t, NULL);
    const char *text = t ? fy_token_get_text(t, &len) : NULL;
    enum fy_scalar_style style = t ? fy_token_scalar_style(t) : FYSS_PLAIN;
    bool plain = style == FYSS_PLAIN;
    if ((style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED) && at.col > 1)
        at.col--;               /* the parser points behind the quote */
    struct conf_node *n = node_new(r->doc, plain && !len ? CONF_EMPTY : CONF_SCALAR, at);
    if (text && len && memchr(text, 0, len)) {
        READER_FAIL(r, at, "a value holds the character NUL");
        return;
    }
    if (n && n->kind == CONF_SCALAR && !(n->text = arena_strn(&r->doc->arena, text, len)))
        n = NULL;
    /* put() first: whoever repeats an anchor repeats a whole value */
    put(r, n);
    anchor_put(r, fy_event_get_anchor_token(e), n);
}

static void open_one(struct reader *r, struct fy_event *e, enum conf_kind kind)
{
    size_t offset;
    struct conf_place at = place(r, fy_event_get_token(e), &offset);
    if (r->depth == MAX_DEPTH) {
        READER_FAIL(r, at, "values are nested deeper than %u levels", MAX_DEPTH);
        return;
    }
    struct conf_node *n = node_new(r->doc, kind, at);
    put(r, n);
    anchor_put(r, fy_event_get_anchor_token(e), n);
    if (r->failed)
        return;
    if (offset < r->len && (r->text[offset] == '[' || r->text[offset] == '{'))
        n->text = r->text[offset] == '[' ? "[" : "{";
    r->stack[r->depth++] = (struct open){ .node = n };
}

static void event(struct reader *r, struct fy_event *e)
{
    if (fy_event_get_tag_token(e)) {
        READER_FAIL(r, place(r, fy_event_get_tag_token(e), NULL),
                    "tags ('!...') mean nothing here: quote the value if it starts with '!'");
        return;
    }
    switch (e->type) {
    case FYET_DOCUMENT_START:
        if (r->documents++)
            READER_FAIL(r, place(r, fy_event_get_token(e), NULL),
                        "the file holds a second document ('---')");
        break;
    case FYET_MAPPING_START:
        open_one(r, e, CONF_MAP);
        break;
    case FYET_SEQUENCE_START:
        open_one(r, e, CONF_SEQ);
        break;
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_END:
        if (r->depth)
            r->depth--;
        break;
    case FYET_SCALAR:
        scalar(r, e);
        break;
    case FYET_ALIAS:
        alias(r, fy_event_get_token(e));
        break;
    default:
        break;
    }
}

/* ---- text to events ------------------------------------------------------------------------- */

/* Length of the UTF-8 character at s; 0: none, or one that YAML does not allow. */
static size_t utf8(const uint8_t *s, size_t n)
{
    uint32_t c;
    size_t len = s[0] < 0x80 ? 1 : (s[0] & 0xe0) == 0xc0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 :
                 (s[0] & 0xf8) == 0xf0 ? 4 : 0;
    if (len == 1)
        return s[0] >= 0x20 || s[0] == '\t' || s[0] == '\n' || s[0] == '\r' ? s[0] != 0x7f : 0;
    if (!len || len > n)
        return 0;
    c = s[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (s[i] & 0x3fu);
    }
    if (c < (len == 2 ? 0x80u : len == 3 ? 0x800u : 0x10000u) || c > 0x10ffff ||
        (c >= 0xd800 && c < 0xe000) || (c >= 0x80 && c < 0xa0 && c != 0x85))
        return 0;
    return len;
}

/* The parser takes bytes that are no UTF-8 for nothing at all. */
static bool text_ok(struct reader *r)
{
    struct conf_place at = { r->file, 1, 1 };
    for (size_t i = 0; i < r->len;) {
        size_t n = utf8((const uint8_t *)r->text + i, r->len - i);
        if (!n) {
            READER_FAIL(r, at, "the byte 0x%02x here is not text (the file must be UTF-8)",
                        (uint8_t)r->text[i]);
            return false;
        }
        at.col++;
        if (r->text[i] == '\n') {
            at.line++;
            at.col = 1;
        }
        i += n;
    }
    return true;
}

/* One file's tree; *root is NULL when it holds nothing. */
static bool parse(struct conf_doc *d, uint32_t file, const char *text, size_t len,
                  const struct conf_err *err, struct conf_node **root)
{
    struct reader r = { .doc = d, .err = err, .file = file, .text = text, .len = len,
                        .last = { file, 1, 1 } };
    *root = NULL;
    if (!text_ok(&r))
        return false;
    if (!len)
        return true;

    /* libfyaml 0.7 looks at memory of its own that it never set when a text
     * ends inside a block scalar's header; with a last line end it does not. */
    char *ended = NULL;
    if (text[len - 1] != '\n') {
        ended = malloc(len + 1);
        if (!ended) {
            no_memory(&r);
            return false;
        }
        memcpy(ended, text, len);
        ended[len] = '\n';
        r.text = text = ended;
        r.len = ++len;
    }

    struct fy_diag_cfg dc;
    fy_diag_cfg_default(&dc);
    dc.fp = NULL;
    struct fy_diag *diag = fy_diag_create(&dc);
    struct fy_parser *p = NULL;
    if (diag) {
        fy_diag_set_collect_errors(diag, true);
        p = fy_parser_create(&(struct fy_parse_cfg){
            .flags = FYPCF_JSON_NONE | FYPCF_DISABLE_MMAP_OPT, .diag = diag });
    }
    if (!p || fy_parser_set_string(p, text, len) != 0) {
        no_memory(&r);
    } else {
        struct fy_event *e;
        while (!r.failed && (e = fy_parser_parse(p)) != NULL) {
            event(&r, e);
            fy_parser_event_free(p, e);
        }
        if (!r.failed && fy_parser_get_stream_error(p)) {
            void *it = NULL;
            const struct fy_diag_error *first = fy_diag_errors_iterate(diag, &it);
            if (first)          /* what it says after the first follows from it */
                told_by_parser(&r, first);
            else
                READER_FAIL(&r, r.last, "this is not YAML");
        }
    }
    if (p)
        fy_parser_destroy(p);
    if (diag)
        fy_diag_destroy(diag);  /* unref alone keeps what was collected */
    if (ended)
        bytes_wipe(ended, len);
    free(ended);
    *root = r.root;
    return !r.failed;
}

/* ---- files ------------------------------------------------------------------------------------- */

static struct conf_doc *doc_new(void)
{
    struct conf_doc *d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    arena_init(&d->arena, 16384);
    d->files = arena_get(&d->arena, (MAX_FILES + 1) * sizeof *d->files);
    if (!d->files) {
        free(d);
        return NULL;
    }
    return d;
}

void conf_free(struct conf_doc *d)
{
    if (!d)
        return;
    arena_fini(&d->arena);
    free(d);
}

/* The whole of a file, NUL behind it; NULL: told. */
static char *slurp(const char *path, struct conf_file *f, size_t *len, const struct conf_err *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) < 0) {
        conf_tell(err, "%s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    f->mode = st.st_mode;
    f->owner = st.st_uid;
    size_t room = st.st_size > 0 && st.st_size <= MAX_BYTES ? (size_t)st.st_size + 1 : 65536, n = 0;
    char *text = malloc(room);
    ssize_t got = -1;
    while (text && (got = read(fd, text + n, room - n)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            break;
        n += (size_t)got;
        if (n > MAX_BYTES) {
            errno = EFBIG;
            got = -1;
            break;
        }
        if (n == room) {
            char *grown = realloc(text, room * 2);
            if (!grown) {
                free(text);
                text = NULL;
                break;
            }
            text = grown;
            room *= 2;
        }
    }
    if (!text || got < 0) {
        conf_tell(err, "%s: %s", path, strerror(text ? errno : ENOMEM));
        free(text);
        text = NULL;
    }
    close(fd);
    *len = n;
    return text;
}

/* Mappings key by key, the later wins; sequences one behind the other. */
static bool merge(struct conf_node *into, struct conf_node *from, const struct conf_err *err)
{
    bool ok = true;
    if (into->kind == CONF_SEQ) {
        for (uint32_t i = 0; i < from->count && ok; i++)
            ok = node_add(into, NULL, from->entries[i].at, from->entries[i].node);
        return ok;
    }
    for (uint32_t i = 0; i < from->count; i++) {
        struct conf_entry *theirs = &from->entries[i];
        struct conf_entry *ours = (struct conf_entry *)(uintptr_t)conf_entry(into, theirs->key);
        if (!ours) {
            ok &= node_add(into, theirs->key, theirs->at, theirs->node);
        } else if (theirs->node->kind == CONF_EMPTY) {
            continue;
        } else if (ours->node->kind == theirs->node->kind && theirs->node->kind != CONF_SCALAR) {
            ok &= merge(ours->node, theirs->node, err);
        } else if (ours->node->kind == CONF_EMPTY || theirs->node->kind == CONF_SCALAR ||
                   ours->node->kind == CONF_SCALAR) {
            ours->at = theirs->at;
            ours->node = theirs->node;
        } else {
            conf_tell_at(into->doc, theirs->at, err, "'%s' is a %s here and a %s in %s",
                         theirs->key, theirs->node->kind == CONF_MAP ? "mapping" : "list",
                         ours->node->kind == CONF_MAP ? "mapping" : "list",
                         conf_where(ours->node));
            ok = false;
        }
    }
    return ok;
}

/* Parses text as file number file_count and merges it into the tree. */
static bool add_text(struct conf_doc *d, const char *path, const char *text, size_t len,
                     const struct conf_err *err)
{
    uint32_t file = d->file_count;
    struct conf_node *root;
    d->files[file].path = arena_str(&d->arena, path);
    if (!d->files[file].path)
        return false;
    d->file_count++;
    if (!parse(d, file, text, len, err, &root))
        return false;
    if (!root || root->kind == CONF_EMPTY)
        return true;
    if (root->kind != CONF_MAP) {
        conf_error(root, err, "the file must be a mapping ('name: value' lines)");
        return false;
    }
    if (d->root->count == 0)
        d->root->at = root->at;
    return merge(d->root, root, err);
}

static bool add_file(struct conf_doc *d, const char *path, const struct conf_err *err)
{
    size_t len;
    char *text = slurp(path, &d->files[d->file_count], &len, err);
    if (!text)
        return false;
    bool ok = add_text(d, path, text, len, err);
    bytes_wipe(text, len);
    free(text);
    return ok;
}

static int drop_in(const struct dirent *e)
{
    size_t n = strlen(e->d_name);
    return e->d_name[0] != '.' && n > 5 && !strcmp(e->d_name + n - 5, ".yaml");
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);  /* not the locale's order */
}

static bool add_drop_ins(struct conf_doc *d, const char *path, const struct conf_err *err)
{
    char dir[PATH_MAX], file[PATH_MAX + 272];
    const char *slash = strrchr(path, '/');
    struct dirent **names;
    bool ok = true;
    if (snprintf(dir, sizeof dir, "%.*sconf.d", slash ? (int)(slash + 1 - path) : 0, path) >=
        (int)sizeof dir)
        return true;
    int n = scandir(dir, &names, drop_in, by_name);
    if (n < 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            return true;
        conf_tell(err, "%s: %s", dir, strerror(errno));
        return false;
    }
    for (int i = 0; i < n; i++) {
        snprintf(file, sizeof file, "%s/%s", dir, names[i]->d_name);
        if (d->file_count >= MAX_FILES) {
            conf_tell(err, "%s: more than %u files", dir, MAX_FILES);
            ok = false;
        } else {
            ok &= add_file(d, file, err);
        }
        free(names[i]);
    }
    free(names);
    return ok;
}

static struct conf_doc *doc_begin(const struct conf_err *err)
{
    struct conf_doc *d = doc_new();
    if (d && !(d->root = node_new(d, CONF_MAP, (struct conf_place){ 0, 1, 1 }))) {
        conf_free(d);
        d = NULL;
    }
    if (!d)
        conf_tell(err, "out of memory");
    return d;
}

static struct conf_doc *doc_end(struct conf_doc *d, bool ok)
{
    if (ok)
        return d;
    conf_free(d);
    return NULL;
}

struct conf_doc *conf_read(const char *path, const struct conf_err *err)
{
    struct conf_doc *d = doc_begin(err);
    if (!d)
        return NULL;
    bool ok = add_file(d, path, err);
    if (d->file_count || ok)            /* the drop-ins' errors too, when the file is there */
        ok = add_drop_ins(d, path, err) && ok;
    return doc_end(d, ok);
}

struct conf_doc *conf_read_file(const char *path, const struct conf_err *err)
{
    struct conf_doc *d = doc_begin(err);
    return d ? doc_end(d, add_file(d, path, err)) : NULL;
}

struct conf_doc *conf_read_text(const char *name, const char *text, size_t len,
                                const struct conf_err *err)
{
    struct conf_doc *d = doc_begin(err);
    if (!d)
        return NULL;
    if (len > MAX_BYTES) {
        conf_tell(err, "%s: %s", name, strerror(EFBIG));
        return doc_end(d, false);
    }
    return doc_end(d, add_text(d, name, text, len, err));
}
