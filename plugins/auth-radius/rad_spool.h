/* rad_spool.h - a queue of records on disk: appended, read in order, marked done.
 *
 *     rad_spool_open("/var/lib/adit/auth-radius/main", 64u << 20, &s, why, sizeof why);
 *     struct rad_spool_add a = { .p = bytes, .len = n, .rank = RAD_SPOOL_DEAR };
 *     rad_spool_write(s, &a, 1, NULL, 0);              // on disk now; a.seq is its number
 *     len = rad_spool_read(s, 0, &rec, buf, sizeof buf);       // the oldest; then after rec.seq ...
 *     rad_spool_write(s, NULL, 0, &rec.seq, 1);        // done: it will not be read again
 *
 * Knows:  the file, what a crash and a power cut leave of it, how large it may become.
 * Leaves: what is in a record. Nothing here knows RADIUS.
 *
 * Blocks on the disk and has no lock: one thread at a time, not the main loop.
 *
 * The file is a log: records and marks that say which are done, each with a
 * checksum. It is written anew, without what is done, when that is the larger
 * part, and takes the old one's place by rename(): there is always one whole file.
 */
#ifndef RAD_SPOOL_H
#define RAD_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RAD_SPOOL_MAX 4096u     /* octets of one record */

/* What goes first when there is no room: the highest rank, in it the oldest. */
#define RAD_SPOOL_DEAR  0u
#define RAD_SPOOL_FAIR  1u
#define RAD_SPOOL_CHEAP 2u
#define RAD_SPOOL_RANKS 3u

struct rad_spool;

struct rad_spool_add {
    const void *p;
    uint32_t len;               /* 1 to RAD_SPOOL_MAX */
    uint32_t rank;
    uint64_t seq;               /* out: its number, higher than all before */
};

struct rad_spool_rec {
    uint64_t seq;
    uint32_t rank;
};

struct rad_spool_info {
    uint64_t count, bytes;      /* records that wait, and their octets in the file */
    uint64_t file_bytes, limit;
    uint64_t dropped[RAD_SPOOL_RANKS];  /* since it was opened: no room */
    uint64_t damaged;           /* octets that are no record (opening), records that read wrong */
    uint64_t torn;              /* octets at the end that were being written when all ended */
};

/* Opens the queue in a directory, which is made when it is not there, and takes
 * it for this process. `limit`: octets that the file may have; while it is written
 * anew there are two of them for a moment. 0; ADIT_EBUSY another process has it;
 * ADIT_EIO with a sentence in `why`; ADIT_ENOMEM. */
int32_t rad_spool_open(const char *dir, uint64_t limit, struct rad_spool **out, char *why,
                       size_t why_size);
void rad_spool_close(struct rad_spool *s);      /* NULL is fine */

/* Appends records and marks others done, all or nothing: it survives a power cut
 * when this returned 0. When the file is full, records are dropped. ADIT_EIO: see
 * rad_spool_why(); nothing changed, try again later. ADIT_ENOSPC: the new records
 * alone are more than the limit. Numbers that do not wait are no error. */
int32_t rad_spool_write(struct rad_spool *s, struct rad_spool_add *add, uint32_t adds,
                        const uint64_t *done, uint32_t dones);
const char *rad_spool_why(const struct rad_spool *s);

/* The oldest waiting record whose number is higher than `after`: its octets (at
 * most RAD_SPOOL_MAX) into buf. 0: there is none. One that the disk gives back
 * wrong is left out and counted. */
uint32_t rad_spool_read(struct rad_spool *s, uint64_t after, struct rad_spool_rec *rec,
                        uint8_t buf[RAD_SPOOL_MAX]);
/* Whether there is one. */
bool rad_spool_more(const struct rad_spool *s, uint64_t after);
void rad_spool_info(const struct rad_spool *s, struct rad_spool_info *out);

#endif
