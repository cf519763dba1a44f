/* path_frame.c - frames that stay: copies from a free list.
 *
 * A dropped frame keeps its bytes until the round's flush: the data path may
 * still point at them (a packet that was put into order late is handed on and
 * dropped at once).
 */
#include "path/path_int.h"
#include <stdlib.h>
#include "loop/loop.h"

#define SMALL 2048u             /* bytes of a frame of the free list, room included */
#define MOST_FREE 1024u

struct kept {
    struct adit_frame f;
    struct kept *next;
    uint32_t cap;
    uint8_t buf[];
};

static struct kept *free_list, *dropped;
static uint32_t free_count;

static struct adit_frame *keep(const struct adit_frame *f)
{
    uint32_t cap = f->len + 2 * ADIT_ROOM;
    struct kept *k = NULL;
    if (cap <= SMALL) {
        cap = SMALL;
        k = free_list;
    }
    if (k) {
        free_list = k->next;
        free_count--;
    } else if (!(k = malloc(sizeof *k + cap))) {
        return NULL;
    }
    k->cap = cap;
    k->next = NULL;
    k->f = adit_frame_of(k->buf, cap, ADIT_ROOM, f->len);
    k->f.owner = k;
    k->f.flags = f->flags;
    if (f->len)
        memcpy(k->f.data, f->data, f->len);
    return &k->f;
}

static void round_end(void *u)
{
    (void)u;
    path_flush();
}

static struct loop_idle idle = { .run = round_end };

static void drop(struct adit_frame *f)
{
    if (!f || !f->owner)        /* a borrowed frame is not the caller's to drop */
        return;
    struct kept *k = f->owner;
    f->owner = NULL;
    k->next = dropped;
    dropped = k;
    loop_at_round_end(&idle);
}

void path_frames_recycle(void)
{
    struct kept *k;
    while ((k = dropped) != NULL) {
        dropped = k->next;
        if (k->cap == SMALL && free_count < MOST_FREE) {
            k->next = free_list;
            free_list = k;
            free_count++;
        } else {
            free(k);
        }
    }
}

const struct adit_frame_api path_frame_api = { sizeof path_frame_api, keep, drop };
