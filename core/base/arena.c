/* arena.c - memory that dies together. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <adit/bytes.h>

struct arena_block {
    struct arena_block *next;
    size_t size, used;          /* of data */
    _Alignas(max_align_t) uint8_t data[];
};

void arena_init(struct arena *a, size_t block)
{
    *a = (struct arena){ .block = block < 256 ? 256 : block };
}

void *arena_get(struct arena *a, size_t n)
{
    const size_t align = _Alignof(max_align_t);
    if (n > SIZE_MAX / 2)
        return NULL;
    n = (n + align - 1) & ~(align - 1);
    if (!n)
        n = align;
    struct arena_block *b = a->head;
    if (!b || b->size - b->used < n) {
        size_t size = n > a->block ? n : a->block;
        struct arena_block *fresh = malloc(sizeof *fresh + size);
        if (!fresh)
            return NULL;
        fresh->size = size;
        fresh->used = 0;
        if (b && size > a->block) {             /* a giant goes behind: the head has room yet */
            fresh->next = b->next;
            b->next = fresh;
        } else {
            fresh->next = b;
            a->head = fresh;
        }
        b = fresh;
    }
    void *p = b->data + b->used;
    b->used += n;
    a->used += n;
    return memset(p, 0, n);
}

char *arena_strn(struct arena *a, const char *s, size_t n)
{
    char *p = arena_get(a, n + 1);
    if (p && n)
        memcpy(p, s, n);
    return p;
}

char *arena_str(struct arena *a, const char *s)
{
    return s ? arena_strn(a, s, strlen(s)) : NULL;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *p = n < 0 ? NULL : arena_get(a, (size_t)n + 1);
    if (p) {
        va_start(ap, fmt);
        vsnprintf(p, (size_t)n + 1, fmt, ap);
        va_end(ap);
    }
    return p;
}

void arena_reset(struct arena *a)
{
    struct arena_block *keep = NULL;
    for (struct arena_block *b = a->head, *next; b; b = next) {
        next = b->next;
        bytes_wipe(b->data, b->used);
        if (!keep && b->size == a->block) {
            keep = b;
            b->used = 0;
            b->next = NULL;
        } else {
            free(b);
        }
    }
    a->head = keep;
    a->used = 0;
}

void arena_fini(struct arena *a)
{
    arena_reset(a);
    free(a->head);
    a->head = NULL;
}
