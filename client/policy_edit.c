/* policy_edit.c - a list of policies in a file, as text that people wrote.
 *
 * Knows:  where in which file a policy begins and ends, and which comments are its own.
 * Leaves: what a policy says to the plugin's options, arguments to policy_cmd.c.
 */
#include "policy_edit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "adit.h"

#define TEXT_MAX (16u << 20)    /* bytes of a file */

static void tell(void *u, const char *sentence)
{
    (void)u;
    complain("%s", sentence);
}

static const struct conf_err told = { tell, NULL };

/* ---- lines -------------------------------------------------------------------------- */

struct lines {
    const char **at;            /* where each begins, and the end of the text */
    uint32_t count;
};

static bool lines_of(const struct policy_edit *e, struct lines *l)
{
    uint32_t n = 1;
    for (size_t i = 0; i < e->len; i++)
        n += e->text[i] == '\n';
    l->at = calloc(n + 1, sizeof *l->at);
    l->count = 0;
    if (!l->at)
        return false;
    for (const char *p = e->text, *end = e->text + e->len; p < end;) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        l->at[l->count++] = p;
        p = nl ? nl + 1 : end;
    }
    l->at[l->count] = e->text + e->len;
    return true;
}

static uint32_t indent(const struct lines *l, uint32_t i)
{
    uint32_t n = 0;
    while (l->at[i] + n < l->at[i + 1] && l->at[i][n] == ' ')
        n++;
    return n;
}

static bool is_blank(const struct lines *l, uint32_t i)
{
    const char *p = l->at[i] + indent(l, i);
    return p == l->at[i + 1] || *p == '\n' || *p == '\r';
}

static bool is_comment(const struct lines *l, uint32_t i)
{
    const char *p = l->at[i] + indent(l, i);
    return p < l->at[i + 1] && *p == '#';
}

/* Behind the last line that belongs to an item whose dash stands at `dash` in line
 * `from`: what is indented further, with its comments. Blank lines behind it are not. */
static uint32_t item_end(const struct lines *l, uint32_t from, uint32_t dash, uint32_t limit)
{
    uint32_t end = from + 1;
    for (uint32_t i = from + 1; i < limit; i++) {
        if (is_blank(l, i))
            continue;
        if (indent(l, i) > dash)
            end = i + 1;
        else if (!is_comment(l, i))
            break;
    }
    return end;
}

/* ---- which file, which list ----------------------------------------------------------- */

static bool is_access(const struct conf_node *n)
{
    const char *type = conf_str(conf_get(n, "type"));
    return type && !strcmp(type, "access");
}

static const char *name_of(const struct conf_node *n)
{
    const char *name = conf_str(conf_get(n, "name"));
    return name ? name : conf_str(conf_get(n, "type"));
}

/* The engine that is meant; NULL after a sentence, or with *none when there is no
 * section at all. */
static const struct conf_node *engine_of(const struct conf_doc *d, const char *name, bool *none)
{
    const struct conf_node *list = conf_get(conf_root(d), "policies"), *found = NULL;
    uint32_t n = 0;
    *none = conf_is_empty(list);
    for (uint32_t i = 0; conf_is_seq(list) && i < conf_count(list); i++) {
        const struct conf_node *one = conf_item(list, i);
        if (!is_access(one) || (name && strcmp(name, name_of(one)) != 0))
            continue;
        found = one;
        n++;
    }
    if (n == 1)
        return found;
    if (n > 1)
        complain("%s has %u policy engines of type access; say which one with --engine NAME", conf_path(d), n);
    else if (name)
        complain("%s has no policy engine '%s' of type access", conf_path(d), name);
    else if (!*none)
        complain("%s has no policy engine of type access; add '- type: access' to the section policies",
                 conf_path(d));
    return NULL;
}

static int lock_folder(struct policy_edit *e)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(e->path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - e->path) + 1 : 1, slash ? e->path : ".");
    e->lock = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (e->lock >= 0 && flock(e->lock, LOCK_EX) != 0)
        if (errno != EINTR)
            return complain("%s: cannot be locked: %s", folder, strerror(errno));
    return e->lock < 0 ? complain("%s: %s", folder, strerror(errno)) : 0;
}

static int text_read(struct policy_edit *e)
{
    struct stat st;
    int fd = open(e->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    bool ok = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size < (off_t)TEXT_MAX;
    e->text = ok ? malloc((size_t)st.st_size + 1) : NULL;
    e->len = 0;
    while (e->text && e->len < (size_t)st.st_size) {
        ssize_t n = read(fd, e->text + e->len, (size_t)st.st_size - e->len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        e->len += (size_t)n;
    }
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (!e->text)
        return complain("%s: %s", e->path, fd < 0 ? strerror(error) : "cannot be read");
    e->text[e->len] = '\0';
    return 0;
}

/* Where the policies stand in a document: an item of a section, or the root of a file of
 * its own. */
static const struct conf_node *holder_of(const struct policy_edit *e, const struct conf_doc *d)
{
    const struct conf_node *root = conf_root(d), *list = conf_get(root, "policies");
    if (e->of_file)
        return root;
    for (uint32_t i = 0; conf_is_seq(list) && i < conf_count(list); i++) {
        const struct conf_node *one = conf_item(list, i);
        if (is_access(one) && !strcmp(name_of(one), e->engine))
            return one;
    }
    return NULL;
}

/* What the policies of a text say, and whether all of it is right. */
static int understand(const struct conf_node *holder, struct access_file *f, struct conf_mem **mem)
{
    static const char *const others[] = { "type", "name", "file", NULL };
    struct pol_set *set;
    char err[POL_ERR];
    memset(f, 0, sizeof *f);
    *mem = NULL;
    if (!holder || conf_is_empty(conf_get(holder, "policies")))
        return 0;
    if (conf_fill(holder, access_file_opts, sizeof access_file_opts[0], others, sizeof *f, f, mem, &told))
        return 1;
    if (pol_set_new(&f->policies, &set, err) != 0)
        return complain("%s", err);
    pol_set_free(set);
    return 0;
}

int policy_edit_open(struct policy_edit *e, const char *config, const char *engine)
{
    bool none;
    uint32_t line, col;
    *e = (struct policy_edit){ .lock = -1 };
    struct conf_doc *d = conf_read(config, &told);
    if (!d)
        return 1;
    const struct conf_node *found = engine_of(d, engine, &none);
    const struct conf_node *file = conf_get(found, "file");
    const char *path = found ? conf_line(found, &line, &col) : config;
    snprintf(e->engine, sizeof e->engine, "%s", found ? name_of(found) : engine ? engine : "access");
    if (conf_str(file) && conf_str(file)[0]) {
        const char *name = conf_str(file), *slash = strrchr(path = conf_line(file, &line, &col), '/');
        e->of_file = true;
        snprintf(e->path, sizeof e->path, "%.*s%s", name[0] == '/' || !slash ? 0 : (int)(slash - path) + 1,
                 path, name);
    } else {
        snprintf(e->path, sizeof e->path, "%s", path);
    }
    conf_free(d);
    if ((!found && (!none || engine)) || lock_folder(e) != 0 || text_read(e) != 0)
        return 1;
    e->doc = conf_read_text(e->path, e->text, e->len, &told);
    if (!e->doc)
        return 1;
    e->holder = holder_of(e, e->doc);
    if (found && !e->holder)
        return complain("%s: the policies are not where they were; try again", e->path);
    e->list = conf_get(e->holder, "policies");
    return understand(e->holder, &e->conf, &e->mem);
}

void policy_edit_close(struct policy_edit *e)
{
    conf_mem_free(e->mem);
    conf_free(e->doc);
    free(e->text);
    if (e->lock >= 0)
        close(e->lock);
    *e = (struct policy_edit){ .lock = -1 };
}

uint32_t policy_edit_count(const struct policy_edit *e)
{
    return e->conf.policies.count;
}

const struct pol_conf *policy_edit_at(const struct policy_edit *e, uint32_t i)
{
    return (const struct pol_conf *)(const void *)
           ((const char *)e->conf.policies.items + (size_t)i * e->conf.policies.stride);
}

int policy_edit_find(const struct policy_edit *e, const char *name, uint32_t *at)
{
    for (*at = 0; *at < policy_edit_count(e); ++*at)
        if (!strcasecmp(policy_edit_at(e, *at)->name, name))
            return 0;
    return complain("%s has no policy '%s'; adit policy list shows all", e->path, name);
}

/* ---- where they stand ------------------------------------------------------------------ */

struct block {
    uint32_t head, dash, end;   /* lines: of its comments, of its dash, behind it */
};

struct place {
    struct lines lines;
    struct block *blocks;
    uint32_t count, dash;       /* column of the dashes */
    bool apart;                 /* blank lines stand between them */
};

static void place_free(struct place *p)
{
    free(p->lines.at);
    free(p->blocks);
}

static int odd(const struct policy_edit *e, uint32_t line)
{
    return complain("%s:%u: the policies are written in a form that this command does not edit; write each "
                    "one as '- name: ...' on lines of its own", e->path, line);
}

static int place_of(const struct policy_edit *e, struct place *p)
{
    *p = (struct place){ .count = policy_edit_count(e) };
    if (!lines_of(e, &p->lines) || !(p->blocks = calloc(p->count + 1, sizeof *p->blocks)))
        return complain("out of memory");
    const struct lines *l = &p->lines;
    for (uint32_t i = 0; i < p->count; i++) {
        uint32_t line, col;
        conf_line(conf_item(e->list, i), &line, &col);
        struct block *b = &p->blocks[i];
        b->dash = line - 1;
        uint32_t at = indent(l, b->dash);
        if (b->dash >= l->count || l->at[b->dash][at] != '-' || at + 2 > col - 1 ||
            strspn(l->at[b->dash] + at + 1, " ") != col - 2 - at || (i && at != p->dash))
            return odd(e, line);
        p->dash = at;
        for (b->head = b->dash; b->head > 0 && is_comment(l, b->head - 1);)
            b->head--;
        if (i && b->head < p->blocks[i - 1].dash + 1)
            return odd(e, line);
    }
    for (uint32_t i = 0; i < p->count; i++) {
        struct block *b = &p->blocks[i];
        b->end = item_end(l, b->dash, p->dash, i + 1 < p->count ? p->blocks[i + 1].head : l->count);
        p->apart = p->apart || (i && is_blank(l, b->head - 1));
    }
    return 0;
}

/* The line of the holder's key `policies`, from the line on which the holder begins. */
static int key_line(const struct policy_edit *e, const struct lines *l, uint32_t *line)
{
    uint32_t from, col;
    conf_line(e->holder, &from, &col);
    for (*line = from - 1; *line < l->count; ++*line) {
        const char *p = l->at[*line] + col - 1;
        bool first = *line == from - 1;
        if (p + 9 <= l->at[*line + 1] && !strncmp(p, "policies:", 9) &&
            strspn(l->at[*line], first ? " -" : " ") == col - 1)
            return 0;
    }
    return odd(e, from);
}

/* ---- changes ----------------------------------------------------------------------------- */

/* One more text that is made of pieces of the old one. */
struct fresh {
    FILE *f;
    char *text;
    size_t len;
};

static bool fresh_begin(struct fresh *n)
{
    *n = (struct fresh){ NULL, NULL, 0 };
    n->f = open_memstream(&n->text, &n->len);
    return n->f != NULL;
}

static void fresh_lines(struct fresh *n, const struct lines *l, uint32_t from, uint32_t to)
{
    if (from >= to)
        return;
    fwrite(l->at[from], 1, (size_t)(l->at[to] - l->at[from]), n->f);
    if (l->at[to][-1] != '\n')
        fputc('\n', n->f);
}

/* The fresh text takes the place of the old one if it says what is meant: the policies
 * `from` (numbers of old ones; UINT32_MAX: new), and nothing else is another. */
static int fresh_take(struct policy_edit *e, struct fresh *n, const uint32_t *from, uint32_t count)
{
    struct access_file f = { 0 };
    struct conf_mem *mem = NULL;
    bool failed = ferror(n->f);
    failed = fclose(n->f) != 0 || failed || !n->text;
    struct conf_doc *d = failed ? NULL : conf_read_text(e->path, n->text, n->len, &told);
    const struct conf_node *holder = d ? holder_of(e, d) : NULL, *list = conf_get(holder, "policies");
    int rc = failed ? complain("out of memory") : d ? understand(holder, &f, &mem) : 1;
    bool same = rc == 0 && f.policies.count == count;
    for (uint32_t i = 0; same && i < count; i++)
        same = from[i] == UINT32_MAX ||
               conf_equal(conf_item(e->list, from[i]), conf_item(list, i), NULL);
    if (same && e->holder)
        same = conf_equal(conf_root(e->doc), conf_root(d), e->list ? e->list : e->holder);
    if (rc == 0 && !same)
        rc = odd(e, 1);
    if (rc != 0) {
        conf_mem_free(mem);
        conf_free(d);
        free(n->text);
        return rc;
    }
    conf_mem_free(e->mem);
    conf_free(e->doc);
    free(e->text);
    e->text = n->text;
    e->len = n->len;
    e->doc = d;
    e->mem = mem;
    e->conf = f;
    e->holder = holder;
    e->list = list;
    return 0;
}

static void put_item(FILE *f, const char *item, uint32_t dash)
{
    bool first = true;
    for (const char *p = item; *p; first = false) {
        size_t n = strcspn(p, "\n");
        fprintf(f, "%*s%s%.*s\n", (int)dash, "", first ? "- " : "  ", (int)n, p);
        p += n + (p[n] == '\n');
    }
}

/* The first one of a list that is empty, absent, or "[]". */
static int add_first(const struct policy_edit *e, const struct lines *l, struct fresh *n, const char *item)
{
    uint32_t line = 0, col = 0, first = 0;
    if (!e->holder) {           /* there is no section, and no file of its own */
        fresh_lines(n, l, 0, l->count);
        fputs("\npolicies:\n  - type: access\n    policies:\n", n->f);
        put_item(n->f, item, 6);
        return 0;
    }
    conf_line(e->holder, &first, &col);
    if (!conf_count(e->holder))
        first = col = 1;        /* an empty file */
    else if (l->at[first - 1][col - 1] == '{')
        return odd(e, first);
    if (!e->list) {             /* behind the other keys */
        uint32_t dash = indent(l, first - 1);
        line = e->of_file ? l->count : item_end(l, first - 1, dash, l->count);
        fresh_lines(n, l, 0, line);
        fprintf(n->f, "%*spolicies:\n", (int)col - 1, "");
        put_item(n->f, item, col + 1);
        fresh_lines(n, l, line, l->count);
        return 0;
    }
    if (key_line(e, l, &line) != 0)
        return 1;
    const char *p = l->at[line] + col - 1 + strlen("policies:");
    fwrite(l->at[0], 1, (size_t)(p - l->at[0]), n->f);
    const char *value = p + strspn(p, " ");
    if (*value == '[') {
        value += 1 + strspn(value + 1, " ");
        if (*value++ != ']')
            return odd(e, line + 1);
    } else {
        value = p;              /* nothing, or a comment */
    }
    fwrite(value, 1, (size_t)(l->at[line + 1] - value), n->f);
    if (l->at[line + 1][-1] != '\n')
        fputc('\n', n->f);
    put_item(n->f, item, col + 1);
    fresh_lines(n, l, line + 1, l->count);
    return 0;
}

static void add_among(const struct place *p, struct fresh *n, const char *item, uint32_t at)
{
    const struct lines *l = &p->lines;
    uint32_t line = at < p->count ? p->blocks[at].head : p->blocks[p->count - 1].end;
    fresh_lines(n, l, 0, line);
    if (at == p->count && p->apart)
        fputc('\n', n->f);
    put_item(n->f, item, p->dash);
    if (at < p->count && p->apart)
        fputc('\n', n->f);
    fresh_lines(n, l, line, l->count);
}

int policy_edit_add(struct policy_edit *e, const char *item, uint32_t at)
{
    struct place p;
    struct fresh n;
    uint32_t count = policy_edit_count(e), *from = calloc(count + 1, sizeof *from);
    int rc = place_of(e, &p);
    if (rc == 0 && (!from || !fresh_begin(&n)))
        rc = complain("out of memory");
    if (rc == 0) {
        for (uint32_t i = 0; i <= count; i++)
            from[i] = i == at ? UINT32_MAX : i < at ? i : i - 1;
        rc = count ? (add_among(&p, &n, item, at), 0) : add_first(e, &p.lines, &n, item);
        if (rc == 0) {
            rc = fresh_take(e, &n, from, count + 1);
        } else {
            fclose(n.f);
            free(n.text);
        }
    }
    free(from);
    place_free(&p);
    return rc;
}

/* The lines before and behind a policy that is taken out: of the blank ones on both
 * sides, those behind go. */
static uint32_t behind(const struct place *p, uint32_t i)
{
    const struct block *b = &p->blocks[i];
    uint32_t end = b->end;
    if (b->head > 0 && !is_blank(&p->lines, b->head - 1) && i > 0)
        return end;
    while (i + 1 < p->count && end < p->lines.count && is_blank(&p->lines, end))
        end++;
    return end;
}

int policy_edit_remove(struct policy_edit *e, uint32_t i)
{
    struct place p;
    struct fresh n = { NULL, NULL, 0 };
    uint32_t count = policy_edit_count(e), line = 0, col, *from = calloc(count, sizeof *from);
    int rc = place_of(e, &p);
    if (rc == 0 && count == 1)
        rc = key_line(e, &p.lines, &line);
    if (rc == 0 && (!from || !fresh_begin(&n)))
        rc = complain("out of memory");
    if (rc == 0) {
        const struct lines *l = &p.lines;
        for (uint32_t k = 0; k + 1 < count; k++)
            from[k] = k < i ? k : k + 1;
        uint32_t head = p.blocks[i].head;
        while (count > 1 && i + 1 == count && head > 0 && is_blank(l, head - 1))
            head--;             /* what parted the last one from the others */
        if (count == 1) {       /* the key needs a value */
            conf_line(e->holder, &head, &col);
            size_t key = col - 1 + strlen("policies:");
            fwrite(l->at[0], 1, (size_t)(l->at[line] - l->at[0]) + key, n.f);
            fputs(" []", n.f);
            fwrite(l->at[line] + key, 1, (size_t)(l->at[line + 1] - l->at[line]) - key, n.f);
            fresh_lines(&n, l, line + 1, p.blocks[i].head);
        } else {
            fresh_lines(&n, l, 0, head);
        }
        fresh_lines(&n, l, behind(&p, i), l->count);
        rc = fresh_take(e, &n, from, count - 1);
    }
    free(from);
    place_free(&p);
    return rc;
}

/* The policies in their new order, each with its comments, where policies stood: what
 * stands between two of them stays between two. */
int policy_edit_move(struct policy_edit *e, uint32_t i, uint32_t to)
{
    struct place p;
    struct fresh n;
    uint32_t count = policy_edit_count(e), *from = calloc(count, sizeof *from);
    int rc = place_of(e, &p);
    if (rc == 0 && (!from || !fresh_begin(&n)))
        rc = complain("out of memory");
    if (rc == 0) {
        const struct lines *l = &p.lines;
        for (uint32_t k = 0; k < count; k++)
            from[k] = k == to ? i : i < to ? (k >= i && k < to ? k + 1 : k)
                                           : (k > to && k <= i ? k - 1 : k);
        uint32_t at = 0;
        for (uint32_t k = 0; k < count; k++) {
            fresh_lines(&n, l, at, p.blocks[k].head);
            fresh_lines(&n, l, p.blocks[from[k]].head, p.blocks[from[k]].end);
            at = p.blocks[k].end;
        }
        fresh_lines(&n, l, at, l->count);
        rc = fresh_take(e, &n, from, count);
    }
    free(from);
    place_free(&p);
    return rc;
}

int policy_edit_save(struct policy_edit *e)
{
    return conf_save(e->path, e->text, e->len, &told) == 0 ? 0 : 1;
}
