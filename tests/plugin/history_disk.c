/* history_disk.c - a VFS over the default one.
 *
 * Knows:  how a disk forgets what was not synced, and tears what it was writing.
 * Leaves: everything else to the VFS below.
 */
#include "history_disk.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTOR 512
#define IMAGE (8u << 20)

enum op_type { WRITE, TRUNCATE, SYNC, REMOVE };
enum { DATABASE, LOG, OTHER };          /* which file */

struct op {
    enum op_type type;
    int file;
    int64_t at;                 /* TRUNCATE: the size */
    uint32_t len;
    uint8_t *data;
};

static struct op *ops;
static uint32_t op_count, op_room, syncs;
static bool watching;
static int failing;

struct file {
    sqlite3_file base;
    int which;
    sqlite3_file *real;
};

static sqlite3_vfs *below, ours;

static int which_of(const char *name)
{
    size_t n = name ? strlen(name) : 0;
    return n > 4 && !strcmp(name + n - 4, "-wal") ? LOG :
           n > 3 && !strcmp(name + n - 3, ".db") ? DATABASE : OTHER;
}

static void note(enum op_type type, int file, int64_t at, const void *data, uint32_t len)
{
    syncs += type == SYNC;
    if (!watching || file == OTHER)
        return;
    if (op_count == op_room) {
        op_room = op_room ? op_room * 2 : 1024;
        ops = realloc(ops, op_room * sizeof *ops);
    }
    struct op *o = &ops[op_count++];
    *o = (struct op){ type, file, at, len, NULL };
    if (data) {
        o->data = malloc(len);
        memcpy(o->data, data, len);
    }
}

void disk_fails(int rc) { failing = rc; }
uint32_t disk_ops(void) { return op_count; }
uint32_t disk_syncs(void) { return syncs; }

void disk_watch(int yes)
{
    watching = yes != 0;
    if (!yes)
        return;
    for (uint32_t i = 0; i < op_count; i++)
        free(ops[i].data);
    free(ops);
    ops = NULL;
    op_count = op_room = 0;
}

/* ---- files ---------------------------------------------------------------------- */

static struct file *of(sqlite3_file *f) { return (struct file *)(void *)f; }
static sqlite3_file *real(sqlite3_file *f) { return of(f)->real; }
#define BELOW(f) (real(f)->pMethods)

static int f_close(sqlite3_file *f)
{
    int rc = BELOW(f)->xClose(real(f));
    free(real(f));
    return rc;
}
static int f_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at) { return BELOW(f)->xRead(real(f), p, n, at); }
static int f_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    if (failing)
        return failing;
    note(WRITE, of(f)->which, at, p, (uint32_t)n);
    return BELOW(f)->xWrite(real(f), p, n, at);
}
static int f_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    if (failing)
        return failing;
    note(TRUNCATE, of(f)->which, size, NULL, 0);
    return BELOW(f)->xTruncate(real(f), size);
}
static int f_sync(sqlite3_file *f, int flags)
{
    (void)flags;                /* what the real disk would do takes time, and is not asked */
    note(SYNC, of(f)->which, 0, NULL, 0);
    return failing;
}
static int f_size(sqlite3_file *f, sqlite3_int64 *n) { return BELOW(f)->xFileSize(real(f), n); }
static int f_lock(sqlite3_file *f, int l) { return BELOW(f)->xLock(real(f), l); }
static int f_unlock(sqlite3_file *f, int l) { return BELOW(f)->xUnlock(real(f), l); }
static int f_reserved(sqlite3_file *f, int *out) { return BELOW(f)->xCheckReservedLock(real(f), out); }
static int f_control(sqlite3_file *f, int op, void *p) { return BELOW(f)->xFileControl(real(f), op, p); }
static int f_sector(sqlite3_file *f) { return BELOW(f)->xSectorSize(real(f)); }
static int f_device(sqlite3_file *f) { return BELOW(f)->xDeviceCharacteristics(real(f)); }
static int f_map(sqlite3_file *f, int a, int b, int c, void volatile **p) { return BELOW(f)->xShmMap(real(f), a, b, c, p); }
static int f_shm_lock(sqlite3_file *f, int a, int b, int c) { return BELOW(f)->xShmLock(real(f), a, b, c); }
static void f_barrier(sqlite3_file *f) { BELOW(f)->xShmBarrier(real(f)); }
static int f_unmap(sqlite3_file *f, int del) { return BELOW(f)->xShmUnmap(real(f), del); }

static const sqlite3_io_methods methods = {
    .iVersion = 2, .xClose = f_close, .xRead = f_read, .xWrite = f_write, .xTruncate = f_truncate,
    .xSync = f_sync, .xFileSize = f_size, .xLock = f_lock, .xUnlock = f_unlock,
    .xCheckReservedLock = f_reserved, .xFileControl = f_control, .xSectorSize = f_sector,
    .xDeviceCharacteristics = f_device, .xShmMap = f_map, .xShmLock = f_shm_lock,
    .xShmBarrier = f_barrier, .xShmUnmap = f_unmap,
};

static int v_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *out)
{
    (void)v;
    struct file *file = of(f);
    file->base.pMethods = NULL;
    file->which = which_of(name);
    file->real = calloc(1, (size_t)below->szOsFile);
    int rc = below->xOpen(below, name, file->real, flags, out);
    if (rc == SQLITE_OK)
        file->base.pMethods = &methods;
    else
        free(file->real);
    return rc;
}

static int v_delete(sqlite3_vfs *v, const char *name, int sync)
{
    (void)v;
    note(REMOVE, which_of(name), 0, NULL, 0);
    (void)sync;
    return below->xDelete(below, name, 0);
}

void disk_install(void)
{
    if (below)
        return;
    below = sqlite3_vfs_find(NULL);
    ours = *below;
    ours.pNext = NULL;
    ours.zName = "watched";
    ours.szOsFile = (int)sizeof(struct file);
    ours.xOpen = v_open;
    ours.xDelete = v_delete;
    sqlite3_vfs_register(&ours, 1);
}

/* ---- the power goes ----------------------------------------------------------------- */

struct image {
    uint8_t *bytes;
    int64_t size;
    bool there;
};

static uint32_t state;

static uint32_t chance(void)
{
    state = state * 1664525u + 1013904223u;
    return state >> 16;
}

static void apply(struct image *m, const struct op *o, uint32_t len)
{
    m->there = true;
    if (o->type == REMOVE) {
        m->there = false;
        memset(m->bytes, 0, (size_t)m->size);
        m->size = 0;
    } else if (o->type == TRUNCATE && o->at <= (int64_t)IMAGE) {
        if (o->at < m->size)
            memset(m->bytes + o->at, 0, (size_t)(m->size - o->at));
        m->size = o->at;
    } else if (o->type == WRITE && o->at + (int64_t)len <= (int64_t)IMAGE) {
        memcpy(m->bytes + o->at, o->data, len);
        if (o->at + (int64_t)len > m->size)
            m->size = o->at + (int64_t)len;
    }
}

static void image_at(uint32_t op, int file, struct image *m)
{
    uint32_t synced = 0;
    for (uint32_t i = 0; i < op; i++)
        if (ops[i].file == file && ops[i].type == SYNC)
            synced = i;
    for (uint32_t i = 0; i < op; i++) {
        const struct op *o = &ops[i];
        if (o->file != file)
            continue;
        if (i <= synced || chance() % 2) {
            apply(m, o, o->len);
        } else if (o->type == WRITE && o->len > SECTOR && chance() % 2) {
            apply(m, o, SECTOR * (1 + chance() % (o->len / SECTOR)));       /* torn */
        }
        m->there = m->there || o->type != REMOVE;
    }
}

static void put(const char *path, const char *suffix, const struct image *m)
{
    char name[512];
    snprintf(name, sizeof name, "%s%s", path, suffix);
    unlink(name);
    if (!m->there)
        return;
    FILE *f = fopen(name, "wb");
    if (!f || fwrite(m->bytes, 1, (size_t)m->size, f) != (size_t)m->size || fclose(f))
        abort();
}

void disk_power_cut(uint32_t op, uint32_t seed, const char *path)
{
    static uint8_t bytes[2][IMAGE];
    char shm[512];
    state = seed * 2654435761u + op;
    for (int file = DATABASE; file <= LOG; file++) {
        struct image m = { bytes[file], 0, false };
        image_at(op, file, &m);
        put(path, file == LOG ? "-wal" : "", &m);
        memset(bytes[file], 0, (size_t)m.size);
    }
    snprintf(shm, sizeof shm, "%s-shm", path);
    unlink(shm);                /* it lives in memory */
}
