/* adit/bytes.h - bounded readers and writers of bytes in network order.
 *
 *     struct rd r = rd_of(data, len);
 *     uint16_t type = rd_u16(&r);
 *     if (!rd_ok(&r)) ...
 *
 * A reader never passes its end; the first short read makes it bad and all
 * later reads give zero: read straight through, ask once. A writer is the same
 * outwards, with lengths patched at close. No parser in the tree counts along
 * a uint8_t * by itself.
 */
#ifndef ADIT_BYTES_H
#define ADIT_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct rd {
    const uint8_t *p, *end;
    bool bad;
};

static inline struct rd rd_of(const void *p, size_t len)
{
    static const uint8_t nothing = 0;
    if (!p) {
        struct rd none = { &nothing, &nothing, len != 0 };
        return none;            /* C does not even allow NULL + 0 */
    }
    struct rd r = { (const uint8_t *)p, (const uint8_t *)p + len, false };
    return r;
}

static inline bool rd_ok(const struct rd *r)     { return !r->bad; }
static inline size_t rd_left(const struct rd *r) { return r->bad ? 0 : (size_t)(r->end - r->p); }
static inline bool rd_done(const struct rd *r)   { return !r->bad && r->p == r->end; }

/* The next n bytes, or NULL and a bad reader. */
static inline const uint8_t *rd_bytes(struct rd *r, size_t n)
{
    if (r->bad || (size_t)(r->end - r->p) < n) {
        r->bad = true;
        return NULL;
    }
    const uint8_t *at = r->p;
    r->p = at + n;
    return at;
}

static inline void rd_skip(struct rd *r, size_t n) { (void)rd_bytes(r, n); }

static inline uint8_t rd_u8(struct rd *r)
{
    const uint8_t *b = rd_bytes(r, 1);
    return b ? b[0] : 0;
}

static inline uint16_t rd_u16(struct rd *r)
{
    const uint8_t *b = rd_bytes(r, 2);
    return b ? (uint16_t)((uint32_t)b[0] << 8 | b[1]) : 0;
}

static inline uint32_t rd_u32(struct rd *r)
{
    const uint8_t *b = rd_bytes(r, 4);
    return b ? (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3] : 0;
}

static inline uint64_t rd_u64(struct rd *r)
{
    uint64_t hi = rd_u32(r);
    return hi << 32 | rd_u32(r);
}

/* Copies n bytes; zeroes `out` when there are fewer. */
static inline void rd_copy(struct rd *r, void *out, size_t n)
{
    const uint8_t *b = rd_bytes(r, n);
    if (b)
        memcpy(out, b, n);
    else
        memset(out, 0, n);
}

/* A reader of the next n bytes, which this one steps over. A bad outer gives
 * a bad inner. */
static inline struct rd rd_sub(struct rd *r, size_t n)
{
    const uint8_t *b = rd_bytes(r, n);
    struct rd s = { b, b ? b + n : NULL, b == NULL };
    return s;
}

/* What is left, as a view. */
static inline const uint8_t *rd_rest(struct rd *r, size_t *len)
{
    *len = rd_left(r);
    return rd_bytes(r, *len);
}

struct wr {
    uint8_t *base, *p, *end;
    bool bad;                   /* something did not fit */
};

static inline struct wr wr_of(void *p, size_t len)
{
    struct wr w = { (uint8_t *)p, (uint8_t *)p, (uint8_t *)p + len, false };
    return w;
}

static inline bool wr_ok(const struct wr *w)    { return !w->bad; }
static inline size_t wr_len(const struct wr *w) { return (size_t)(w->p - w->base); }

/* Room for n bytes to fill in, or NULL and a bad writer. */
static inline uint8_t *wr_room(struct wr *w, size_t n)
{
    if (w->bad || (size_t)(w->end - w->p) < n) {
        w->bad = true;
        return NULL;
    }
    uint8_t *at = w->p;
    w->p = at + n;
    return at;
}

static inline void wr_u8(struct wr *w, uint8_t v)
{
    uint8_t *b = wr_room(w, 1);
    if (b)
        b[0] = v;
}

static inline void wr_u16(struct wr *w, uint16_t v)
{
    uint8_t *b = wr_room(w, 2);
    if (b) {
        b[0] = (uint8_t)(v >> 8);
        b[1] = (uint8_t)v;
    }
}

static inline void wr_u32(struct wr *w, uint32_t v)
{
    wr_u16(w, (uint16_t)(v >> 16));
    wr_u16(w, (uint16_t)v);
}

static inline void wr_u64(struct wr *w, uint64_t v)
{
    wr_u32(w, (uint32_t)(v >> 32));
    wr_u32(w, (uint32_t)v);
}

static inline void wr_bytes(struct wr *w, const void *p, size_t n)
{
    uint8_t *b = wr_room(w, n);
    if (b && n)
        memcpy(b, p, n);
}

static inline void wr_zero(struct wr *w, size_t n)
{
    uint8_t *b = wr_room(w, n);
    if (b && n)
        memset(b, 0, n);
}

/* A length field to be patched: opened where it stands, it counts from `from`
 * bytes before (negative) or after its own start when it is closed. */
struct wr_mark {
    uint8_t *at;                /* NULL: the writer was bad */
    ptrdiff_t from;
};

static inline struct wr_mark wr_open16(struct wr *w, ptrdiff_t from)
{
    struct wr_mark m = { wr_room(w, 2), from };
    return m;
}

static inline void wr_close16(struct wr *w, struct wr_mark m)
{
    if (w->bad || !m.at)
        return;
    ptrdiff_t len = w->p - (m.at + m.from);
    if (len < 0 || len > 0xffff) {
        w->bad = true;
        return;
    }
    m.at[0] = (uint8_t)(len >> 8);
    m.at[1] = (uint8_t)len;
}

static inline struct wr_mark wr_open8(struct wr *w, ptrdiff_t from)
{
    struct wr_mark m = { wr_room(w, 1), from };
    return m;
}

static inline void wr_close8(struct wr *w, struct wr_mark m)
{
    if (w->bad || !m.at)
        return;
    ptrdiff_t len = w->p - (m.at + m.from);
    if (len < 0 || len > 0xff) {
        w->bad = true;
        return;
    }
    m.at[0] = (uint8_t)len;
}

/* Constant-time comparison: true when equal. */
static inline bool bytes_equal(const void *a, const void *b, size_t n)
{
    const volatile uint8_t *x = (const volatile uint8_t *)a, *y = (const volatile uint8_t *)b;
    uint8_t d = 0;
    for (size_t i = 0; i < n; i++)
        d = (uint8_t)(d | (x[i] ^ y[i]));
    return d == 0;
}

/* Wipes a secret; not optimised away. */
static inline void bytes_wipe(void *p, size_t n)
{
    volatile uint8_t *b = (volatile uint8_t *)p;
    while (n--)
        *b++ = 0;
}

#endif
