/* trace.c - what peers and we say to each other: who reads it, what is kept.
 *
 * Knows:  talks (sessions being negotiated), peers without a session, the ring of
 *         failed negotiations, listeners, and the bounds of all of them.
 * Leaves: what a line says to those who decode messages.
 *
 * Lines are kept in books: records one behind the other in one block that grows
 * to TRACE_BOOK and then loses its oldest lines. Nothing here asks the time twice
 * or formats anything that nobody wants.
 */
#include "diagnose/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <adit/bytes.h>
#include <adit/list.h>
#include "base/addr.h"
#include "loop/loop.h"

#define PEER_LINES_BURST 512u   /* lines of strangers that nobody watches: at once, */
#define PEER_LINES_PER_S 128u   /* and in a second */
#define ATTEMPT_MS 60000        /* who was silent for so long begins anew */
#define KNOWN_PEERS 8           /* addresses of the sessions that a listener has met */

/* ---- books ---------------------------------------------------------------------- */

struct record {                 /* in a book, unaligned; protocol and text follow, with their NULs */
    uint64_t wall_ms;
    uint16_t len;               /* of the whole record */
    uint8_t how;
    uint8_t text_at;            /* from the record's end */
};

struct book {
    uint8_t *p;
    uint32_t len, room;
    uint32_t lost;              /* lines that had to go */
};

static uint32_t kept_bytes;     /* of all books */

static void book_free(struct book *b)
{
    kept_bytes -= b->room;
    free(b->p);
    *b = (struct book){ 0 };
}

static bool book_grow(struct book *b, uint32_t need)
{
    uint32_t room = b->room ? b->room : 512;
    while (room < need)
        room *= 2;
    if (room > TRACE_BOOK || kept_bytes - b->room + room > TRACE_BYTES)
        return false;
    uint8_t *p = realloc(b->p, room);
    if (!p)
        return false;
    kept_bytes += room - b->room;
    b->p = p;
    b->room = room;
    return true;
}

static bool book_next(const struct book *b, uint32_t *at, struct record *r, const char **protocol,
                      const char **text)
{
    if (*at >= b->len)
        return false;
    memcpy(r, b->p + *at, sizeof *r);
    *protocol = (const char *)b->p + *at + sizeof *r;
    *text = *protocol + r->text_at;
    *at += r->len;
    return true;
}

static void book_add(struct book *b, uint64_t wall_ms, uint32_t how, const char *protocol,
                     const char *text)
{
    size_t pl = strnlen(protocol, 31), tl = strnlen(text, TRACE_TEXT - 1);
    struct record r = { .wall_ms = wall_ms, .how = (uint8_t)how, .text_at = (uint8_t)(pl + 1),
                        .len = (uint16_t)(sizeof r + pl + 1 + tl + 1) };
    if (b->len + r.len > b->room && !book_grow(b, b->len + r.len)) {
        uint32_t gone = 0;
        while (b->len - gone + r.len > b->room && gone < b->len) {
            struct record old;
            memcpy(&old, b->p + gone, sizeof old);
            gone += old.len;
            b->lost++;
        }
        if (b->len - gone + r.len > b->room) {
            b->len = 0;
            b->lost++;          /* no memory for a single line */
            return;
        }
        memmove(b->p, b->p + gone, b->len - gone);
        b->len -= gone;
    }
    struct wr w = wr_of(b->p + b->len, b->room - b->len);
    wr_bytes(&w, &r, sizeof r);
    wr_bytes(&w, protocol, pl);
    wr_u8(&w, 0);
    wr_bytes(&w, text, tl);
    wr_u8(&w, 0);
    b->len += r.len;
}

/* Two books in the order of time. */
struct both {
    const struct book *b[2];
    uint32_t at[2];
};

static bool both_next(struct both *m, struct record *r, const char **protocol, const char **text)
{
    struct record first, second;
    const char *p[2], *t[2];
    uint32_t at[2] = { m->at[0], m->at[1] };
    bool have0 = book_next(m->b[0], &at[0], &first, &p[0], &t[0]);
    bool have1 = book_next(m->b[1], &at[1], &second, &p[1], &t[1]);
    if (!have0 && !have1)
        return false;
    int take = have0 && (!have1 || first.wall_ms <= second.wall_ms) ? 0 : 1;
    m->at[take] = at[take];
    *r = take ? second : first;
    *protocol = p[take];
    *text = t[take];
    return true;
}

/* ---- who there is ------------------------------------------------------------------ */

struct trace_talk {
    struct adit_node node;
    char id[32];
    struct adit_addr peer, inner;
    char *user, *account;       /* NULL: not known yet */
    void (*wants)(void *u, uint32_t bits);
    void *u;
    uint32_t bits;
    bool up;                    /* nothing is kept any more */
    struct book book;
    uint64_t marks[TRACE_LISTENERS];
};

struct peer {                   /* without a session; a slot of a table */
    struct adit_addr addr;      /* family NONE: free */
    uint64_t last_ms;
    struct book book;
};

struct kept {                   /* a failed negotiation */
    char id[32];
    struct book book;
};

struct trace_listener {
    bool used;
    struct trace_pick pick;
    struct trace_ears ears;
    void *u;
    struct adit_addr met[KNOWN_PEERS];  /* whom the sessions that were picked came from */
    uint32_t met_count;
};

static struct adit_node talks = { &talks, &talks };
static struct peer peers[TRACE_PEERS];
static struct kept kept[TRACE_KEPT];
static uint32_t kept_next;
static struct trace_listener listeners[TRACE_LISTENERS];
static uint32_t listening, line_ears, packet_ears;
static uint64_t tokens_at;
static uint32_t tokens = PEER_LINES_BURST;

static bool same_host(const struct adit_addr *a, const struct adit_addr *b)
{
    return a->family && adit_same_host(a, b);
}

static struct peer *peer_find(const struct adit_addr *a)
{
    for (uint32_t i = 0; i < TRACE_PEERS; i++)
        if (same_host(&peers[i].addr, a))
            return &peers[i];
    return NULL;
}

/* Its own slot, or that of who was silent for longest. */
static struct peer *peer_get(const struct adit_addr *a)
{
    struct peer *p = peer_find(a);
    if (p)
        return p;
    p = &peers[0];
    for (uint32_t i = 1; i < TRACE_PEERS && p->addr.family; i++)
        if (!peers[i].addr.family || peers[i].last_ms < p->last_ms)
            p = &peers[i];
    book_free(&p->book);
    *p = (struct peer){ .addr = *a };
    return p;
}

static void peer_forget(const struct adit_addr *a)
{
    struct peer *p = peer_find(a);
    if (!p)
        return;
    book_free(&p->book);
    *p = (struct peer){ .addr = { 0 } };
}

static const struct book *peer_book(const struct adit_addr *a)
{
    static const struct book none;
    const struct peer *p = peer_find(a);
    return p ? &p->book : &none;
}

/* ---- who is meant ------------------------------------------------------------------- */

static bool meant(const struct trace_pick *p, const struct trace_talk *t)
{
    if (*p->user && (!t->user || (strcasecmp(p->user, t->user) != 0 &&
                                  strcasecmp(p->user, t->account) != 0)))
        return false;
    if (*p->session && strcmp(p->session, t->id) != 0)
        return false;
    return !p->address.family || addr_in(&t->peer, &p->address) ||
           (t->inner.family && addr_in(&t->inner, &p->address));
}

static bool has_met(const struct trace_listener *l, const struct adit_addr *peer)
{
    for (uint32_t i = 0; i < KNOWN_PEERS && i < l->met_count; i++)
        if (same_host(&l->met[i], peer))
            return true;
    return false;
}

/* A peer by itself has no name: it is meant by its address, or since one of its
 * sessions was. */
static bool peer_meant(const struct trace_listener *l, const struct adit_addr *peer)
{
    const struct trace_pick *p = &l->pick;
    if (!*p->user && !*p->session && (!p->address.family || addr_in(peer, &p->address)))
        return true;
    return has_met(l, peer);
}

static void say(const struct trace_listener *l, const struct adit_addr *peer,
                const struct trace_talk *t, const struct record *r, const char *protocol,
                const char *text)
{
    struct trace_line line = { .wall_ms = r->wall_ms, .how = r->how, .protocol = protocol,
                               .text = text, .peer = peer, .session = t ? t->id : "",
                               .user = t && t->user ? t->user : "" };
    l->ears.line(l->u, &line);
}

/* What was said before it was known that it is wanted. */
static void catch_up(struct trace_listener *l, const struct trace_talk *t)
{
    static const struct book none;
    bool new_peer = !peer_meant(l, &t->peer);
    if (new_peer)
        l->met[l->met_count++ % KNOWN_PEERS] = t->peer;
    if (!l->ears.line)
        return;
    struct both m = { { new_peer ? peer_book(&t->peer) : &none, &t->book }, { 0, 0 } };
    struct record r;
    const char *protocol, *text;
    while (both_next(&m, &r, &protocol, &text))
        say(l, &t->peer, t, &r, protocol, text);
}

/* ---- talks ---------------------------------------------------------------------------- */

static uint32_t bits_of(const struct trace_talk *t)
{
    uint32_t bits = t->up ? 0 : TRACE_LINES;
    for (uint32_t i = 0; listening && i < TRACE_LISTENERS; i++) {
        const struct trace_listener *l = &listeners[i];
        if (l->used && meant(&l->pick, t))
            bits |= (l->ears.line ? TRACE_LINES : 0) | (l->ears.frames ? TRACE_FRAMES : 0);
    }
    return bits;
}

static void review(struct trace_talk *t)
{
    uint32_t bits = bits_of(t);
    if (bits == t->bits)
        return;
    t->bits = bits;
    t->wants(t->u, bits);
}

struct trace_talk *trace_talk_new(const char *id, const struct adit_addr *peer,
                                  void (*wants)(void *u, uint32_t bits), void *u)
{
    struct trace_talk *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    snprintf(t->id, sizeof t->id, "%s", id);
    t->peer = *peer;
    t->wants = wants;
    t->u = u;
    adit_list_add(&talks, &t->node);
    t->bits = bits_of(t);
    for (uint32_t i = 0; listening && i < TRACE_LISTENERS; i++)
        if (listeners[i].used && meant(&listeners[i].pick, t))
            catch_up(&listeners[i], t);
    return t;
}

uint32_t trace_talk_wants(const struct trace_talk *t) { return t ? t->bits : 0; }

/* Something about a talk changes: whom it interests only now hears what was. */
static void identify(struct trace_talk *t, void (*change)(struct trace_talk *t, const void *with),
                     const void *with)
{
    bool before[TRACE_LISTENERS];
    for (uint32_t i = 0; i < TRACE_LISTENERS; i++)
        before[i] = listeners[i].used && meant(&listeners[i].pick, t);
    change(t, with);
    for (uint32_t i = 0; listening && i < TRACE_LISTENERS; i++)
        if (listeners[i].used && !before[i] && meant(&listeners[i].pick, t))
            catch_up(&listeners[i], t);
    review(t);
}

static void change_user(struct trace_talk *t, const void *with)
{
    const char *const *names = with;
    free(t->user);
    free(t->account);
    t->user = strdup(names[0]);
    t->account = strdup(names[1]);
    if (!t->user || !t->account) {
        free(t->user);
        free(t->account);
        t->user = t->account = NULL;
    }
}

void trace_talk_user(struct trace_talk *t, const char *user, const char *account)
{
    const char *names[2] = { user, account };
    if (t && !(t->user && !strcmp(t->user, user) && !strcmp(t->account, account)))
        identify(t, change_user, names);
}

static void change_inner(struct trace_talk *t, const void *with)
{
    t->inner = *(const struct adit_addr *)with;
}

void trace_talk_inner(struct trace_talk *t, const struct adit_addr *inner)
{
    if (t)
        identify(t, change_inner, inner);
}

void trace_talk_up(struct trace_talk *t)
{
    if (!t || t->up)
        return;
    t->up = true;
    book_free(&t->book);
    peer_forget(&t->peer);
    review(t);
}

static void keep(const struct trace_talk *t)
{
    struct both m = { { peer_book(&t->peer), &t->book }, { 0, 0 } };
    struct record r;
    const char *protocol, *text;
    if (!m.b[0]->len && !m.b[1]->len)
        return;                 /* nothing was said */
    struct kept *k = &kept[kept_next++ % TRACE_KEPT];
    book_free(&k->book);
    snprintf(k->id, sizeof k->id, "%s", t->id);
    k->book.lost = m.b[0]->lost + m.b[1]->lost;
    while (both_next(&m, &r, &protocol, &text))
        book_add(&k->book, r.wall_ms, r.how, protocol, text);
    peer_forget(&t->peer);      /* the next attempt has its own */
}

void trace_talk_end(struct trace_talk *t, bool failed)
{
    if (!t)
        return;
    if (failed && !t->up)
        keep(t);
    adit_list_del(&t->node);
    book_free(&t->book);
    free(t->user);
    free(t->account);
    free(t);
}

bool trace_wanted(const struct trace_talk *t, uint32_t how)
{
    if (!t || !(t->bits & TRACE_LINES))
        return false;
    return !(how & TRACE_ROUTINE) || line_ears;
}

void trace_line(struct trace_talk *t, uint32_t how, const char *protocol, const char *text)
{
    if (!trace_wanted(t, how))
        return;
    struct record r = { .wall_ms = loop_wall(), .how = (uint8_t)(how & ~TRACE_ROUTINE) };
    if (!t->up && !(how & TRACE_ROUTINE))
        book_add(&t->book, r.wall_ms, r.how, protocol, text);
    for (uint32_t i = 0; line_ears && i < TRACE_LISTENERS; i++) {
        const struct trace_listener *l = &listeners[i];
        if (l->used && l->ears.line && meant(&l->pick, t))
            say(l, &t->peer, t, &r, protocol, text);
    }
}

void trace_frames(struct trace_talk *t, bool sent, uint16_t proto, struct adit_frame *const *v, uint32_t n)
{
    if (!t || !(t->bits & TRACE_FRAMES))
        return;
    for (uint32_t i = 0; i < TRACE_LISTENERS; i++) {
        const struct trace_listener *l = &listeners[i];
        if (!l->used || !l->ears.frames || !meant(&l->pick, t))
            continue;
        struct trace_frames f = { sent, proto, v, n, &t->peer, t->id, t->user ? t->user : "",
                                  &t->marks[i] };
        l->ears.frames(l->u, &f);
    }
}

/* ---- peers without a session (adit_trace_api) --------------------------------------- */

/* A stranger's lines cost memory and time; so many are spent on those that nobody watches. */
static bool token(bool take)
{
    uint64_t now = loop_now(), gained = (now - tokens_at) * PEER_LINES_PER_S / 1000;
    if (gained) {
        tokens = gained > PEER_LINES_BURST - tokens ? PEER_LINES_BURST : tokens + (uint32_t)gained;
        tokens_at = now;
    }
    if (!tokens)
        return false;
    tokens -= take;
    return true;
}

static bool heard(const struct adit_addr *peer)
{
    for (uint32_t i = 0; line_ears && i < TRACE_LISTENERS; i++)
        if (listeners[i].used && listeners[i].ears.line && peer_meant(&listeners[i], peer))
            return true;
    return false;
}

static uint32_t api_wanted(struct adit_self *self, const struct adit_addr *peer, uint32_t how)
{
    (void)self;
    bool lines = (!(how & ADIT_TRACE_ROUTINE) && token(false)) || heard(peer), packets = false;
    for (uint32_t i = 0; packet_ears && i < TRACE_LISTENERS && !packets; i++)
        packets = listeners[i].used && listeners[i].ears.packet && peer_meant(&listeners[i], peer);
    return (lines ? ADIT_TRACE_LINES : 0) | (packets ? ADIT_TRACE_PACKETS : 0);
}

static void api_line(struct adit_self *self, const struct adit_addr *peer, uint32_t how,
                     const char *protocol, const char *text)
{
    (void)self;
    struct record r = { .wall_ms = loop_wall(), .how = (uint8_t)(how & ~ADIT_TRACE_ROUTINE) };
    if (!(how & ADIT_TRACE_ROUTINE) && token(true)) {
        struct peer *p = peer_get(peer);
        if (loop_now() - p->last_ms > ATTEMPT_MS)
            book_free(&p->book);
        p->last_ms = loop_now();
        book_add(&p->book, r.wall_ms, r.how, protocol, text);
    }
    for (uint32_t i = 0; line_ears && i < TRACE_LISTENERS; i++)
        if (listeners[i].used && listeners[i].ears.line && peer_meant(&listeners[i], peer))
            say(&listeners[i], peer, NULL, &r, protocol, text);
}

void trace_peer_note(const struct adit_addr *peer, const char *protocol, const char *text)
{
    if (api_wanted(NULL, peer, TRACE_NOTE) & ADIT_TRACE_LINES)
        api_line(NULL, peer, TRACE_NOTE, protocol, text);
}

/* RFC 1071 */
static uint32_t sum(uint32_t s, const uint8_t *p, size_t len)
{
    struct rd r = rd_of(p, len);
    while (rd_left(&r) > 1)
        s += rd_u16(&r);
    if (rd_left(&r))
        s += (uint32_t)rd_u8(&r) << 8;
    return s;
}

static uint16_t folded(uint32_t s)
{
    while (s >> 16)
        s = (s & 0xffff) + (s >> 16);
    return (uint16_t)~s;
}

/* The headers that the datagram had, or would have had outside of IPsec. */
static size_t head_write(uint8_t *out, size_t size, uint32_t protocol, const struct adit_addr *from,
                         const struct adit_addr *to, uint64_t at, const uint8_t *data, uint32_t len)
{
    bool v4 = from->family == ADIT_AF_IPV4;
    size_t addr_len = v4 ? 4 : 16;
    uint32_t transport = (protocol == ADIT_PROTO_UDP ? 8 : 20) + len;
    struct wr w = wr_of(out, size);
    if (v4) {
        wr_u16(&w, 0x4500);
        wr_u16(&w, (uint16_t)(20 + transport));
        wr_u32(&w, 0);          /* identification, no fragment */
        wr_u8(&w, 64);
        wr_u8(&w, (uint8_t)protocol);
        wr_u16(&w, 0);
    } else {
        wr_u32(&w, 0x60000000);
        wr_u16(&w, (uint16_t)transport);
        wr_u8(&w, (uint8_t)protocol);
        wr_u8(&w, 64);
    }
    uint8_t *addrs = w.p;
    wr_bytes(&w, from->ip, addr_len);
    wr_bytes(&w, to->ip, addr_len);
    if (v4) {
        struct wr check = wr_of(out + 10, 2);
        wr_u16(&check, folded(sum(0, out, wr_len(&w))));
    }
    uint8_t *top = w.p;
    wr_u16(&w, from->port);
    wr_u16(&w, to->port);
    if (protocol == ADIT_PROTO_UDP) {
        wr_u16(&w, (uint16_t)transport);
    } else {
        wr_u32(&w, (uint32_t)at + 1);
        wr_u32(&w, 0);
        wr_u16(&w, 0x5008);     /* five words; PSH */
        wr_u16(&w, 0xffff);
    }
    uint8_t *check_at = w.p;
    wr_u16(&w, 0);
    if (protocol != ADIT_PROTO_UDP)
        wr_u16(&w, 0);          /* no urgent data */
    if (!wr_ok(&w))
        return 0;
    uint32_t s = sum(protocol + transport, addrs, 2 * addr_len);
    s = sum(s, top, (size_t)(w.p - top));
    uint16_t c = folded(sum(s, data, len));
    struct wr check = wr_of(check_at, 2);
    wr_u16(&check, c ? c : 0xffff);
    return wr_len(&w);
}

static void api_packet(struct adit_self *self, uint32_t how, uint32_t protocol,
                       const struct adit_addr *our, const struct adit_addr *peer, uint64_t at,
                       const void *data, uint32_t len)
{
    (void)self;
    uint8_t head[60];
    bool sent = (how & ~ADIT_TRACE_ROUTINE) == ADIT_TRACE_TX;
    if (!packet_ears || len > 65000 || our->family != peer->family ||
        (protocol != ADIT_PROTO_UDP && protocol != 6))
        return;
    size_t n = head_write(head, sizeof head, protocol, sent ? our : peer, sent ? peer : our, at,
                          data, len);
    struct trace_packet p = { sent, head, (uint32_t)n, data, len, peer };
    for (uint32_t i = 0; n && i < TRACE_LISTENERS; i++)
        if (listeners[i].used && listeners[i].ears.packet && peer_meant(&listeners[i], peer))
            listeners[i].ears.packet(listeners[i].u, &p);
}

const struct adit_trace_api trace_api = {
    .size = sizeof trace_api, .wanted = api_wanted, .line = api_line, .packet = api_packet,
};

/* ---- reading -------------------------------------------------------------------------- */

static void review_all(void)
{
    ADIT_LIST_EACH(n, &talks)
        review(ADIT_OF(n, struct trace_talk, node));
}

bool trace_may_listen(void) { return listening < TRACE_LISTENERS; }

struct trace_listener *trace_listen(const struct trace_pick *pick, const struct trace_ears *ears,
                                    void *u)
{
    uint32_t i = 0;
    while (i < TRACE_LISTENERS && listeners[i].used)
        i++;
    if (i == TRACE_LISTENERS)
        return NULL;
    struct trace_listener *l = &listeners[i];
    *l = (struct trace_listener){ .used = true, .pick = *pick, .ears = *ears, .u = u };
    listening++;
    line_ears += ears->line != NULL;
    packet_ears += ears->packet != NULL;
    for (uint32_t k = 0; k < TRACE_PEERS && ears->line; k++) {
        const struct peer *p = &peers[k];
        struct both m = { { &p->book, &p->book }, { 0, p->book.len } };
        struct record r;
        const char *protocol, *text;
        if (!p->addr.family || !peer_meant(l, &p->addr))
            continue;
        while (both_next(&m, &r, &protocol, &text))
            say(l, &p->addr, NULL, &r, protocol, text);
    }
    ADIT_LIST_EACH(n, &talks) {
        struct trace_talk *t = ADIT_OF(n, struct trace_talk, node);
        t->marks[i] = 0;
        if (meant(&l->pick, t))
            catch_up(l, t);
    }
    review_all();
    return l;
}

void trace_deaf(struct trace_listener *l)
{
    if (!l || !l->used)
        return;
    listening--;
    line_ears -= l->ears.line != NULL;
    packet_ears -= l->ears.packet != NULL;
    l->used = false;
    review_all();
}

static void tell(const struct both *of, void (*line)(void *u, uint64_t wall_ms, const char *text), void *u)
{
    static const char *const arrows[] = { "<- ", "-> ", "   " };
    struct both m = *of;
    struct record r;
    const char *protocol, *text;
    char out[TRACE_TEXT + 16];
    uint32_t lost = m.b[0]->lost + m.b[1]->lost;
    for (bool first = true; both_next(&m, &r, &protocol, &text); first = false) {
        if (first && lost) {
            snprintf(out, sizeof out, "   (%u lines before these were not kept)", lost);
            line(u, r.wall_ms, out);
        }
        snprintf(out, sizeof out, "%s%.10s %s", arrows[r.how < 3 ? r.how : 2], protocol, text);
        line(u, r.wall_ms, out);
    }
}

bool trace_kept(const char *id, void (*line)(void *u, uint64_t wall_ms, const char *text), void *u)
{
    static const struct book none;
    struct adit_addr peer;
    for (uint32_t i = 0; i < TRACE_KEPT; i++) {
        if (strcmp(kept[i].id, id) != 0 || !*id)
            continue;
        tell(&(struct both){ { &kept[i].book, &none }, { 0, 0 } }, line, u);
        return true;
    }
    ADIT_LIST_EACH(n, &talks) {
        const struct trace_talk *t = ADIT_OF(n, struct trace_talk, node);
        if (strcmp(t->id, id) != 0 || t->up)
            continue;
        tell(&(struct both){ { peer_book(&t->peer), &t->book }, { 0, 0 } }, line, u);
        return true;
    }
    if (addr_parse(id, &peer) || !peer_book(&peer)->len)
        return false;
    tell(&(struct both){ { peer_book(&peer), &none }, { 0, 0 } }, line, u);
    return true;
}
