/* history_disk.h - a disk under SQLite that fails when it is told to, and that
 * remembers each write and sync, so that a test can see what a power cut leaves.
 *
 *     disk_install();
 *     disk_fails(SQLITE_FULL);         // every write, until disk_fails(0)
 *     disk_watch(1);
 *     ...
 *     for (op = 0; op <= disk_ops(); op++)
 *         disk_power_cut(op, seed, "/tmp/x/history.db");   // the files as they are then
 */
#ifndef HISTORY_DISK_H
#define HISTORY_DISK_H

#include <stdint.h>

/* The default file system of SQLite from now on: the host's, looked at. */
void disk_install(void);
void disk_fails(int rc);
void disk_watch(int yes);       /* 1: from now on; what was seen is forgotten. 0: no more */
uint32_t disk_ops(void);        /* writes, truncations, syncs and removals that were seen */
uint32_t disk_syncs(void);
/* Makes the database `path` (and its log) what the disk holds when the power goes before
 * operation `op`: what was synced, and of what was not, something. */
void disk_power_cut(uint32_t op, uint32_t seed, const char *path);

#endif
