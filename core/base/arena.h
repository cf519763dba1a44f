/* arena.h - memory that dies together.
 *
 *     struct arena a;
 *     arena_init(&a, 4096);
 *     char *name = arena_str(&a, "anna");
 *     ...
 *     arena_fini(&a);
 *
 * A bump allocator for what belongs to one session or one document: nothing is
 * freed alone. Everything is wiped when it is given back, so secrets may live
 * here.
 */
#ifndef ARENA_H
#define ARENA_H

#include <stddef.h>
#include <stdint.h>
#include <adit/abi.h>

struct arena_block;

struct arena {
    struct arena_block *head;   /* the newest */
    size_t block;               /* bytes of an ordinary block */
    size_t used;                /* bytes handed out since the last reset */
};

void arena_init(struct arena *a, size_t block);         /* allocates nothing yet */
void *arena_get(struct arena *a, size_t n);             /* zeroed, aligned for anything; NULL: no memory */
char *arena_str(struct arena *a, const char *s);        /* NULL gives NULL */
char *arena_strn(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) ADIT_PRINTF(2, 3);
void arena_reset(struct arena *a);                      /* forgets all, keeps one block */
void arena_fini(struct arena *a);

#endif
