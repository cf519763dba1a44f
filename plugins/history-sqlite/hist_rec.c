/* hist_rec.c - records: what of a session's attributes is kept; the queue of them.
 *
 * Knows:  which attribute goes into which column, what is given up first.
 * Leaves: SQL to hist_store, threads to hist.
 */
#include "hist_rec.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXT_MAX 512u           /* of one column: peers choose some of them */
#define ADDR_TEXT (INET6_ADDRSTRLEN + 5)

static const struct {
    uint32_t attr;
    enum hist_as as;
} columns[HIST_COLS] = {
#define HIST_X(column, attr, as) { ADIT_ATTR_##attr, HIST_##as },
    HIST_COLUMNS(HIST_X)
#undef HIST_X
};

static const struct {
    const char *code;
    uint32_t ras;
} causes[] = {
#define ADIT_X(number, NAME, code, ras, mschap, text) [number] = { code, ras },
    ADIT_CAUSE_MAP(ADIT_X)
#undef ADIT_X
};
#define CAUSES (sizeof causes / sizeof causes[0])

/* Causes that a newer host has are its internal ones for this plugin. */
const char *hist_cause_code(uint32_t cause)
{
    return causes[cause < CAUSES ? cause : ADIT_CAUSE_INTERNAL].code;
}

uint32_t hist_cause_ras(uint32_t cause)
{
    return causes[cause < CAUSES ? cause : ADIT_CAUSE_INTERNAL].ras;
}

static const char *method_name(uint64_t method)
{
    static const struct adit_word words[] = { ADIT_AUTH_WORDS, { NULL, 0, 0 } };
    for (const struct adit_word *w = words; w->word; w++)
        if (w->value == method)
            return w->word;
    return NULL;
}

static const char *addr_text(const struct adit_addr *a, bool net, char out[ADDR_TEXT])
{
    if (!inet_ntop(a->family == ADIT_AF_IPV4 ? AF_INET : AF_INET6, a->ip, out, ADDR_TEXT))
        return NULL;
    if (net) {
        size_t n = strlen(out);
        snprintf(out + n, ADDR_TEXT - n, "/%u", a->prefix);
    }
    return out;
}

/* What a column holds; text that is made here stands in `made`. */
static struct hist_cell cell_of(enum hist_as as, const struct adit_value *v, char made[ADDR_TEXT])
{
    struct hist_cell c = { .given = false };
    bool number = v->type == ADIT_TYPE_U64 || v->type == ADIT_TYPE_BOOL;
    bool addr = v->type == ADIT_TYPE_ADDR && v->v.addr.family;
    switch (as) {
    case HIST_TEXT:
        if (v->type == ADIT_TYPE_STR) {
            c.text = v->v.p;
            c.len = v->len < TEXT_MAX ? v->len : TEXT_MAX;
            while (c.len && c.len < v->len && (c.text[c.len] & 0xc0) == 0x80)
                c.len--;        /* UTF-8 is not cut inside a character */
        }
        break;
    case HIST_HOST:
    case HIST_NET:
        c.text = addr ? addr_text(&v->v.addr, as == HIST_NET, made) : NULL;
        break;
    case HIST_PORT:
        c.given = addr && v->v.addr.port;
        c.number = c.given ? v->v.addr.port : 0;
        break;
    case HIST_NUMBER:
        c.given = number;
        c.number = number ? (int64_t)(v->v.u & INT64_MAX) : 0;
        break;
    case HIST_METHOD:
        c.text = number ? method_name(v->v.u) : NULL;
        break;
    case HIST_CODE:
        c.text = number && v->v.u ? hist_cause_code((uint32_t)v->v.u) : NULL;
        break;
    case HIST_RAS:
        c.given = number && v->v.u;
        c.number = c.given ? hist_cause_ras((uint32_t)v->v.u) : 0;
        break;
    }
    if (c.text) {
        c.len = as == HIST_TEXT ? c.len : (uint32_t)strlen(c.text);
        c.given = c.len != 0;
    }
    return c;
}

struct hist_rec *hist_rec_new(const struct adit_host *h, enum hist_what what,
                              const struct adit_attrs *attrs, uint64_t wall_ms)
{
    struct hist_cell cell[HIST_COLS];
    char made[HIST_COLS][ADDR_TEXT];
    size_t size = 0;
    for (int i = 0; i < HIST_COLS; i++) {
        const struct adit_value *v = h->attr->get(attrs, columns[i].attr, 0);
        cell[i] = (struct hist_cell){ .given = false };
        if (v)
            cell[i] = cell_of(columns[i].as, v, made[i]);
        size += cell[i].len;
    }
    struct hist_rec *r = malloc(sizeof *r + size);
    if (!r)
        return NULL;
    char *at = r->bytes;
    for (int i = 0; i < HIST_COLS; i++) {
        if (cell[i].text)
            cell[i].text = memcpy(at, cell[i].text, cell[i].len);
        at += cell[i].len;
    }
    memcpy(r->cell, cell, sizeof cell);
    r->node = r->of_what = (struct adit_node){ NULL, NULL };
    r->what = what;
    r->wall_ms = (int64_t)wall_ms;
    return r;
}

void hist_rec_free(struct hist_rec *r)
{
    if (!r)
        return;
    adit_list_del(&r->node);
    adit_list_del(&r->of_what);
    free(r);
}

/* ---- the queue --------------------------------------------------------------------- */

void hist_queue_init(struct hist_queue *q)
{
    adit_list_init(&q->all);
    for (int i = 0; i < HIST_WHATS; i++)
        adit_list_init(&q->what[i]);
    q->count = 0;
}

bool hist_queue_add(struct hist_queue *q, struct hist_rec *r, uint32_t most)
{
    adit_list_add(&q->all, &r->node);
    adit_list_add(&q->what[r->what], &r->of_what);
    if (++q->count <= most)
        return false;
    int least = 0;
    while (adit_list_empty(&q->what[least]))
        least++;
    hist_rec_free(ADIT_OF(q->what[least].next, struct hist_rec, of_what));
    q->count--;
    return true;
}

uint32_t hist_queue_take(struct hist_queue *q, struct hist_rec **v, uint32_t most)
{
    uint32_t n = 0;
    for (; n < most && !adit_list_empty(&q->all); n++) {
        v[n] = ADIT_OF(q->all.next, struct hist_rec, node);
        adit_list_del(&v[n]->node);
        adit_list_del(&v[n]->of_what);
    }
    q->count -= n;
    return n;
}

void hist_queue_back(struct hist_queue *q, struct hist_rec **v, uint32_t n)
{
    q->count += n;
    while (n--) {               /* adding behind the head's successor is adding before it */
        adit_list_add(q->all.next, &v[n]->node);
        adit_list_add(q->what[v[n]->what].next, &v[n]->of_what);
    }
}

void hist_queue_fini(struct hist_queue *q)
{
    while (!adit_list_empty(&q->all))
        hist_rec_free(ADIT_OF(q->all.next, struct hist_rec, node));
    q->count = 0;
}
