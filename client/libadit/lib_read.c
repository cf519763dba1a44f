/* lib_read.c - the daemon's answers to structs.
 *
 * Knows:  the keys of the verbs dial.*, which kind of value each one has.
 * Leaves: lines and sockets to lib_chan.c.
 *
 * A key that is absent or null is "" or 0. A value of the wrong kind, a negative
 * number, a list that is too long make the whole answer bad: nothing of it is used.
 */
#include "lib_int.h"

#include <stdlib.h>
#include <string.h>

struct lib_chunk {
    struct lib_chunk *next;
    size_t used, size;
    _Alignas(max_align_t) char data[];
};

/* ---- memory ---------------------------------------------------------------------- */

static void *take(struct lib_arena *a, size_t n)
{
    n = (n + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    if (!a->bad && (!a->last || a->last->size - a->last->used < n)) {
        size_t size = n > 4000 ? n : 4000;
        struct lib_chunk *k = calloc(1, sizeof *k + size);
        if (k) {
            k->size = size;
            if (a->last)
                a->last->next = k;
            else
                a->first = k;
            a->last = k;
        }
        a->bad = !k;
    }
    if (a->bad)
        return NULL;
    void *p = a->last->data + a->last->used;
    a->last->used += n;
    return p;
}

static void chunks_free(struct lib_chunk *k)
{
    while (k) {
        struct lib_chunk *next = k->next;
        free(k);
        k = next;
    }
}

void lib_arena_free(struct lib_arena *a)
{
    chunks_free(a->first);
    *a = (struct lib_arena){ .first = NULL };
}

/* What is handed out is the first piece of its arena. */
void adit_free(void *p)
{
    if (p)
        chunks_free((struct lib_chunk *)(void *)((char *)p - offsetof(struct lib_chunk, data)));
}

/* ---- values ----------------------------------------------------------------------- */

struct reading {
    struct lib_arena arena;
    bool bad;
};

static const char *text(struct reading *r, const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    if (!v || json_is_null(v))
        return "";
    if (!json_is_string(v)) {
        r->bad = true;
        return "";
    }
    size_t n = json_string_length(v);
    char *copy = take(&r->arena, n + 1);
    if (!copy)
        return "";
    memcpy(copy, json_string_value(v), n);
    return copy;
}

static uint64_t number(struct reading *r, const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    if (!v || json_is_null(v))
        return 0;
    if (!json_is_integer(v) || json_integer_value(v) < 0) {
        r->bad = true;
        return 0;
    }
    return (uint64_t)json_integer_value(v);
}

static uint32_t number32(struct reading *r, const json_t *o, const char *key)
{
    uint64_t n = number(r, o, key);
    if (n > UINT32_MAX)
        r->bad = true;
    return (uint32_t)n;
}

/* A RAS number. */
static int32_t error_of(struct reading *r, const json_t *o)
{
    uint64_t n = number(r, o, "ras");
    if (n > INT16_MAX)
        r->bad = true;
    return (int32_t)(n & INT16_MAX);
}

/* A list of rows or strings: its length, and room for as many pointers and a NULL. */
static size_t list_of(struct reading *r, const json_t *v, size_t most, void *out_)
{
    void **out = out_;
    size_t n = json_is_array(v) ? json_array_size(v) : 0;
    if ((v && !json_is_null(v) && !json_is_array(v)) || n > most) {
        r->bad = true;
        n = 0;
    }
    *out = take(&r->arena, (n + 1) * sizeof(void *));
    return *out ? n : 0;
}

static const char *const *texts(struct reading *r, const json_t *o, const char *key)
{
    static const char *const none[] = { NULL };
    const json_t *v = json_object_get(o, key);
    char **list;
    size_t n = list_of(r, v, LIB_STRINGS_MAX, &list);
    for (size_t i = 0; i < n; i++) {
        const json_t *s = json_array_get(v, i);
        if (!json_is_string(s)) {
            r->bad = true;
            break;
        }
        list[i] = take(&r->arena, json_string_length(s) + 1);
        if (!list[i])
            break;
        memcpy(list[i], json_string_value(s), json_string_length(s));
    }
    return list ? (const char *const *)list : none;
}

/* Ends a reading: what it made, or nothing. */
static int done(struct reading *r, void *made, void *out_)
{
    void **out = out_;
    *out = NULL;
    if (!r->bad && !r->arena.bad) {
        *out = made;
        return 0;
    }
    lib_arena_free(&r->arena);
    return r->bad ? ADIT_RAS_INVALID_DATA : ADIT_RAS_NOT_ENOUGH_MEMORY;
}

json_t *lib_parse(const char *line, size_t len)
{
    json_t *o = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(o))
        return o;
    json_decref(o);
    return NULL;
}

/* ---- rows ------------------------------------------------------------------------- */

int lib_read_entries(const json_t *list, struct adit_entry ***out)
{
    struct reading r = { .bad = !json_is_array(list) };
    struct adit_entry **rows;
    size_t n = list_of(&r, list, LIB_LIST_MAX, &rows);
    for (size_t i = 0; i < n && !r.bad; i++) {
        const json_t *o = json_array_get(list, i);
        struct adit_entry *e = rows[i] = take(&r.arena, sizeof *e);
        if (!e)
            break;
        *e = (struct adit_entry){
            .size = sizeof *e, .connection = number(&r, o, "connection"), .name = text(&r, o, "name"),
            .server = text(&r, o, "server"), .type = text(&r, o, "type"), .user = text(&r, o, "user"),
            .interface = text(&r, o, "interface"), .state = text(&r, o, "state"),
            .owner = text(&r, o, "owner"),
        };
        r.bad = r.bad || !json_is_object(o);
    }
    return done(&r, rows, out);
}

int lib_read_interfaces(const json_t *list, struct adit_interface ***out)
{
    struct reading r = { .bad = !json_is_array(list) };
    struct adit_interface **rows;
    size_t n = list_of(&r, list, LIB_LIST_MAX, &rows);
    for (size_t i = 0; i < n && !r.bad; i++) {
        const json_t *o = json_array_get(list, i), *persistent = json_object_get(o, "persistent");
        struct adit_interface *f = rows[i] = take(&r.arena, sizeof *f);
        if (!f)
            break;
        *f = (struct adit_interface){
            .size = sizeof *f, .persistent = json_is_true(persistent),
            .connection = number(&r, o, "connection"),
            .packets_dialled = number(&r, o, "packets_dialled"),
            .packets_refused = number(&r, o, "packets_refused"), .name = text(&r, o, "interface"),
            .entry = text(&r, o, "entry"), .state = text(&r, o, "state"),
            .session = text(&r, o, "session"), .code = text(&r, o, "code"), .text = text(&r, o, "text"),
        };
        r.bad = r.bad || !json_is_object(o) || (persistent && !json_is_boolean(persistent));
    }
    return done(&r, rows, out);
}

static void connection(struct reading *r, const json_t *o, struct adit_connection *c)
{
    *c = (struct adit_connection){
        .size = sizeof *c, .handle = number(r, o, "handle"), .over = number(r, o, "over"),
        .duration_ms = number(r, o, "duration_ms"), .bytes_in = number(r, o, "bytes_in"),
        .bytes_out = number(r, o, "bytes_out"), .packets_in = number(r, o, "packets_in"),
        .packets_out = number(r, o, "packets_out"), .redials = number32(r, o, "redials"),
        .state_text = text(r, o, "state"), .entry = text(r, o, "entry"),
        .user = text(r, o, "user"), .server = text(r, o, "server"),
        .protocol = text(r, o, "protocol"), .interface = text(r, o, "interface"),
        .address = text(r, o, "address"), .peer = text(r, o, "peer"),
        .since = text(r, o, "since"), .dns = texts(r, o, "dns"), .mtu = number32(r, o, "mtu"),
        .address6 = text(r, o, "address6"), .method = text(r, o, "method"),
        .encryption = text(r, o, "encryption"), .owner = text(r, o, "owner"),
        .code = text(r, o, "code"), .text = text(r, o, "text"), .error = error_of(r, o),
    };
    c->state = lib_state_of(c->state_text);
    r->bad = r->bad || !json_is_object(o) || !c->handle;
}

int lib_read_connection(const json_t *o, struct adit_connection **out)
{
    struct reading r = { .bad = false };
    struct adit_connection *c = take(&r.arena, sizeof *c);
    if (c)
        connection(&r, o, c);
    return done(&r, c, out);
}

int lib_read_connections(const json_t *list, struct adit_connection ***out)
{
    struct reading r = { .bad = !json_is_array(list) };
    struct adit_connection **rows;
    size_t n = list_of(&r, list, LIB_LIST_MAX, &rows);
    for (size_t i = 0; i < n && !r.bad; i++) {
        rows[i] = take(&r.arena, sizeof *rows[i]);
        if (!rows[i])
            break;
        connection(&r, json_array_get(list, i), rows[i]);
    }
    return done(&r, rows, out);
}

static const struct adit_attempt *const *attempts(struct reading *r, const json_t *o)
{
    static const struct adit_attempt *const none[] = { NULL };
    const json_t *v = json_object_get(o, "tried");
    struct adit_attempt **list;
    size_t n = list_of(r, v, LIB_STRINGS_MAX, &list);
    for (size_t i = 0; i < n; i++) {
        const json_t *row = json_array_get(v, i);
        struct adit_attempt *t = list[i] = take(&r->arena, sizeof *t);
        if (!t)
            break;
        *t = (struct adit_attempt){
            .size = sizeof *t, .error = error_of(r, row), .type = text(r, row, "type"),
            .server = text(r, row, "server"), .code = text(r, row, "code"),
            .text = text(r, row, "text"),
        };
        r->bad = r->bad || !json_is_object(row);
    }
    return list ? (const struct adit_attempt *const *)list : none;
}

int lib_read_progress(const json_t *o, struct adit_progress **out)
{
    struct reading r = { .bad = !json_is_object(o) };
    struct adit_progress *p = take(&r.arena, sizeof *p);
    if (p) {
        *p = (struct adit_progress){
            .size = sizeof *p, .handle = number(&r, o, "handle"), .error = error_of(&r, o),
            .mtu = number32(&r, o, "mtu"), .over = number(&r, o, "over"),
            .address6 = text(&r, o, "address6"),
            .state_text = text(&r, o, "state"), .entry = text(&r, o, "entry"),
            .server = text(&r, o, "server"), .protocol = text(&r, o, "protocol"),
            .interface = text(&r, o, "interface"), .address = text(&r, o, "address"),
            .peer = text(&r, o, "peer"), .method = text(&r, o, "method"),
            .encryption = text(&r, o, "encryption"), .dns = texts(&r, o, "dns"),
            .code = text(&r, o, "code"), .text = text(&r, o, "text"),
            .remedy = text(&r, o, "remedy"), .tried = attempts(&r, o),
        };
        p->state = lib_state_of(p->state_text);
        r.bad = r.bad || !p->state_text[0] || (p->state == ADIT_STATE_CONNECTED && !p->handle);
        if (p->state == ADIT_STATE_FAILED && !p->error)     /* it must not pass for success */
            p->error = ADIT_RAS_LINK_LOST;
        if (p->state != ADIT_STATE_FAILED && p->state != ADIT_STATE_ENDED && p->state != ADIT_STATE_WAITING)
            p->error = 0;
    }
    return done(&r, p, out);
}
