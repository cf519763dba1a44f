/* rad_spool.c - a queue of records on disk.
 *
 * Knows:  the file, what a crash and a power cut leave of it, how large it may become.
 * Leaves: what is in a record.
 *
 * A frame is: magic (4), length (2), rank (1), 0 (1), number (8), the record, and a
 * CRC-32 of all that (4), numbers big-endian. Length 0 is a mark: the record of that
 * number is done. Numbers of records rise through the file.
 */
#include "rad_spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <adit/abi.h>
#include <adit/bytes.h>

#define FILE_NAME    "records"
#define FRESH_NAME   "records.new"      /* being written, not yet in its place */
#define DAMAGED_NAME "records.damaged"  /* what was found, when part of it could not be read */

#define MAGIC     0x41527331u           /* "ARs1" */
#define HEAD      16u
#define FRAME     (HEAD + 4u)           /* octets of a frame beside the record */
#define FRAME_MAX (FRAME + RAD_SPOOL_MAX)
#define BUFFER    65536u
#define SLACK     65536u                /* octets that are done and not worth the trouble */
#define SEQ_MAX   (UINT64_MAX / 2)

struct entry {
    uint64_t seq, at;           /* at: of its frame in the file */
    uint16_t len;
    uint8_t rank;
    bool live;
};

struct rad_spool {
    int dir, file;
    uint64_t end;               /* octets of the file */
    uint64_t last;              /* the highest number so far */
    struct entry *v;            /* by number; dead ones are swept out now and then */
    size_t count, room, dead;
    size_t first;               /* no entry before it is live */
    bool unsure;                /* a write was not confirmed: what the disk holds is anybody's guess */
    struct rad_spool_info info;
    char why[256];
};

static int32_t broken(struct rad_spool *s, const char *fmt, ...) ADIT_PRINTF(2, 3);
static int32_t broken(struct rad_spool *s, const char *fmt, ...)
{
    int e = errno;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(s->why, sizeof s->why, fmt, ap);
    va_end(ap);
    if (n > 0 && (size_t)n < sizeof s->why)
        snprintf(s->why + n, sizeof s->why - (size_t)n, ": %s", strerror(e));
    return ADIT_EIO;
}

/* ---- frames ------------------------------------------------------------------------- */

static uint32_t crc32_of(const uint8_t *p, size_t len)
{
    static const uint32_t half[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
        0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    uint32_t c = 0xffffffffu;
    while (len--) {
        c ^= *p++;
        c = c >> 4 ^ half[c & 15];
        c = c >> 4 ^ half[c & 15];
    }
    return ~c;
}

static void frame_write(struct wr *w, uint64_t seq, uint32_t rank, const void *p, uint32_t len)
{
    size_t from = wr_len(w);
    wr_u32(w, MAGIC);
    wr_u16(w, (uint16_t)len);
    wr_u8(w, (uint8_t)rank);
    wr_u8(w, 0);
    wr_u64(w, seq);
    wr_bytes(w, p, len);
    if (wr_ok(w))
        wr_u32(w, crc32_of(w->base + from, wr_len(w) - from));
}

struct frame {
    uint64_t seq;
    uint32_t len, rank;
    const uint8_t *p;
};

/* Octets of the frame that begins at p; 0: none does. `effort` counts what the
 * checksum cost. */
static uint32_t frame_read(const uint8_t *p, size_t n, struct frame *f, uint64_t *effort)
{
    struct rd r = rd_of(p, n);
    if (rd_u32(&r) != MAGIC)
        return 0;
    f->len = rd_u16(&r);
    f->rank = rd_u8(&r);
    uint8_t zero = rd_u8(&r);
    f->seq = rd_u64(&r);
    if (f->len > RAD_SPOOL_MAX || f->rank >= RAD_SPOOL_RANKS || zero)
        return 0;
    f->p = rd_bytes(&r, f->len);
    uint32_t crc = rd_u32(&r);
    if (!rd_ok(&r))
        return 0;
    *effort += HEAD + f->len;
    return crc == crc32_of(p, HEAD + f->len) ? FRAME + f->len : 0;
}

/* ---- the index ---------------------------------------------------------------------- */

/* Where the first entry with a number above `after` stands, live or not. */
static size_t place(const struct rad_spool *s, uint64_t after)
{
    size_t low = s->first, high = s->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (s->v[mid].seq > after)
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}

static void sweep(struct rad_spool *s)
{
    size_t kept = 0;
    for (size_t i = s->first; i < s->count; i++)
        if (s->v[i].live)
            s->v[kept++] = s->v[i];
    s->count = kept;
    s->first = s->dead = 0;
}

static int32_t make_room(struct rad_spool *s, size_t more)
{
    if (s->dead > s->count / 2)
        sweep(s);
    if (s->count + more <= s->room)
        return 0;
    size_t room = s->room ? s->room : 64;
    while (room < s->count + more)
        room *= 2;
    struct entry *v = realloc(s->v, room * sizeof *v);
    if (!v)
        return ADIT_ENOMEM;
    s->v = v;
    s->room = room;
    return 0;
}

static void live(struct rad_spool *s, uint64_t seq, uint64_t at, uint32_t len, uint32_t rank)
{
    s->v[s->count++] = (struct entry){ seq, at, (uint16_t)len, (uint8_t)rank, true };
    s->last = seq;
    s->info.count++;
    s->info.bytes += FRAME + len;
}

static void dead(struct rad_spool *s, struct entry *e)
{
    e->live = false;
    s->dead++;
    s->info.count--;
    s->info.bytes -= FRAME + e->len;
    while (s->first < s->count && !s->v[s->first].live)
        s->first++;
}

static void done_by_number(struct rad_spool *s, uint64_t seq)
{
    size_t i = seq ? place(s, seq - 1) : s->count;
    if (i < s->count && s->v[i].seq == seq && s->v[i].live)
        dead(s, &s->v[i]);
}

/* ---- writing anew --------------------------------------------------------------------- */

static bool write_all(int fd, const uint8_t *p, size_t n, uint64_t at)
{
    while (n) {
        ssize_t k = pwrite(fd, p, n, (off_t)at);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0) {
            if (!k)
                errno = ENOSPC;
            return false;
        }
        p += k;
        n -= (size_t)k;
        at += (uint64_t)k;
    }
    return true;
}

/* Fewer octets than asked for only at the file's end; -1: errno. */
static ssize_t read_all(int fd, uint8_t *p, size_t n, uint64_t at)
{
    size_t have = 0;
    while (have < n) {
        ssize_t k = pread(fd, p + have, n - have, (off_t)(at + have));
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return -1;
        if (!k)
            break;
        have += (size_t)k;
    }
    return (ssize_t)have;
}

/* The record of an entry as its frame, checked once more: disks forget. */
static bool frame_load(const struct rad_spool *s, const struct entry *e, uint8_t *buf, struct frame *f)
{
    uint64_t effort = 0;
    size_t n = FRAME + e->len;
    return read_all(s->file, buf, n, e->at) == (ssize_t)n && frame_read(buf, n, f, &effort) == n &&
           f->seq == e->seq;
}

/* Copies what is live into `fd`; where each stands is noted in at[], 0 for one that
 * cannot be read any more. */
static int32_t copy_live(struct rad_spool *s, int fd, uint64_t *at, uint64_t *end)
{
    uint8_t *buf = malloc(BUFFER + FRAME_MAX);
    size_t used = 0;
    uint64_t written = 0;
    bool good = buf != NULL;
    for (size_t i = s->first; good && i < s->count; i++) {
        struct frame f;
        at[i] = UINT64_MAX;
        if (!s->v[i].live || !frame_load(s, &s->v[i], buf + used, &f))
            continue;
        at[i] = written + used;
        used += FRAME + f.len;
        if (used >= BUFFER) {
            good = write_all(fd, buf, used, written);
            written += used;
            used = 0;
        }
    }
    good = good && write_all(fd, buf, used, written) && fsync(fd) == 0;
    int32_t rc = good ? 0 : buf ? broken(s, "writing the spool anew") : ADIT_ENOMEM;
    free(buf);
    *end = written + used;
    return rc;
}

/* A new file of what is live takes the old one's place. When this fails the old one
 * stays as it is. */
static int32_t write_anew(struct rad_spool *s)
{
    uint64_t end = 0, *at = malloc((s->count + 1) * sizeof *at);
    int fd = openat(s->dir, FRESH_NAME, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    int32_t rc = !at ? ADIT_ENOMEM : fd < 0 ? broken(s, "opening " FRESH_NAME) :
                 copy_live(s, fd, at, &end);
    if (!rc && renameat(s->dir, FRESH_NAME, s->dir, FILE_NAME))
        rc = broken(s, "renaming " FRESH_NAME);
    if (rc) {
        if (fd >= 0) {
            close(fd);
            unlinkat(s->dir, FRESH_NAME, 0);
        }
        free(at);
        return rc;
    }
    close(s->file);
    s->file = fd;
    s->end = end;
    for (size_t i = s->first; i < s->count; i++) {
        if (s->v[i].live && at[i] == UINT64_MAX) {
            s->info.damaged++;
            dead(s, &s->v[i]);
        }
        s->v[i].at = at[i];
    }
    free(at);
    sweep(s);
    /* The new name is in the directory; until this is on disk a power cut brings the
     * old file back, which holds all of it, too. */
    s->unsure = fsync(s->dir) != 0;
    return s->unsure ? broken(s, "writing the directory") : 0;
}

/* ---- room --------------------------------------------------------------------------- */

/* What waits may take seven eighths of the file: the rest is for marks, so that a
 * full one can be worked off without being written anew each time. When it is too
 * much, records are dropped until a quarter is free. False: `need` is too much. */
static bool drop(struct rad_spool *s, uint64_t need)
{
    uint64_t most = s->info.limit - s->info.limit / 8;
    if (s->info.bytes + need <= most)
        return true;
    most -= s->info.limit / 8;
    if (need > most)
        return false;
    for (uint32_t rank = RAD_SPOOL_RANKS; rank-- > 0;)
        for (size_t i = s->first; i < s->count && s->info.bytes + need > most; i++)
            if (s->v[i].live && s->v[i].rank == rank) {
                dead(s, &s->v[i]);
                s->info.dropped[rank]++;
            }
    return true;
}

/* Whether nothing waits beside what is done now. */
static bool all_done(const struct rad_spool *s, const uint64_t *done, uint32_t dones)
{
    if (s->info.count > dones)
        return false;
    for (size_t i = s->first; i < s->count; i++) {
        uint32_t k = 0;
        while (s->v[i].live && k < dones && done[k] != s->v[i].seq)
            k++;
        if (s->v[i].live && k == dones)
            return false;
    }
    return true;
}

/* An empty file needs no marks, and no room on a disk that is full. */
static int32_t empty(struct rad_spool *s)
{
    if (s->end && ftruncate(s->file, 0))
        return broken(s, "emptying " FILE_NAME);
    s->end = 0;
    for (size_t i = s->first; i < s->count; i++)
        if (s->v[i].live)
            dead(s, &s->v[i]);
    sweep(s);
    return 0;
}

static int32_t prepare(struct rad_spool *s, uint64_t need, uint32_t adds)
{
    bool full = s->end + need > s->info.limit;
    uint64_t waste = s->end - s->info.bytes;
    if (!full && !s->unsure && waste <= s->info.bytes + SLACK)
        return 0;
    if (full && adds && !drop(s, need)) {
        snprintf(s->why, sizeof s->why, "the spool's size is too small for the records that come");
        return ADIT_ENOSPC;
    }
    int32_t rc = write_anew(s);
    /* Tidying up can wait, as long as the file has room and is known to be whole. */
    return rc && !full && !s->unsure ? 0 : rc;
}

int32_t rad_spool_write(struct rad_spool *s, struct rad_spool_add *add, uint32_t adds,
                        const uint64_t *done, uint32_t dones)
{
    size_t need = 0;
    for (uint32_t i = 0; i < adds; i++) {
        if (!add[i].len || add[i].len > RAD_SPOOL_MAX || add[i].rank >= RAD_SPOOL_RANKS)
            return ADIT_EINVAL;
        need += FRAME + add[i].len;
    }
    if (!adds && !dones)
        return 0;
    int32_t rc = make_room(s, adds);
    if (!rc && !s->unsure && all_done(s, done, dones)) {
        rc = empty(s);
        dones = 0;
    }
    need += (size_t)dones * FRAME;
    if (!rc)
        rc = prepare(s, need, adds);
    uint8_t *buf = rc ? NULL : malloc(need + 1);
    if (!buf)
        return rc ? rc : ADIT_ENOMEM;
    struct wr w = wr_of(buf, need);
    for (uint32_t i = 0; i < dones; i++)
        frame_write(&w, done[i], 0, NULL, 0);
    for (uint32_t i = 0; i < adds; i++)
        frame_write(&w, s->last + 1 + i, add[i].rank, add[i].p, add[i].len);
    if (!write_all(s->file, buf, need, s->end)) {
        rc = broken(s, "writing " FILE_NAME);
        /* Half a frame in the way would be taken for damage later. */
        s->unsure = ftruncate(s->file, (off_t)s->end) != 0;
    } else if (fdatasync(s->file)) {
        rc = broken(s, "writing " FILE_NAME);
        s->unsure = true;       /* the kernel has forgotten which pages it could not write */
    }
    free(buf);
    if (rc)
        return rc;
    for (uint32_t i = 0; i < dones; i++)
        done_by_number(s, done[i]);
    uint64_t at = s->end + (uint64_t)dones * FRAME;
    for (uint32_t i = 0; i < adds; i++) {
        add[i].seq = s->last + 1;
        live(s, add[i].seq, at, add[i].len, add[i].rank);
        at += FRAME + add[i].len;
    }
    s->end = at;
    return 0;
}

/* ---- reading ------------------------------------------------------------------------ */

bool rad_spool_more(const struct rad_spool *s, uint64_t after)
{
    size_t i = place(s, after);
    while (i < s->count && !s->v[i].live)
        i++;
    return i < s->count;
}

uint32_t rad_spool_read(struct rad_spool *s, uint64_t after, struct rad_spool_rec *rec,
                        uint8_t buf[RAD_SPOOL_MAX])
{
    uint8_t bytes[FRAME_MAX];
    struct frame f;
    for (size_t i = place(s, after); i < s->count; i++) {
        struct entry *e = &s->v[i];
        if (!e->live)
            continue;
        if (!frame_load(s, e, bytes, &f)) {
            s->info.damaged++;
            dead(s, e);
            continue;
        }
        *rec = (struct rad_spool_rec){ e->seq, e->rank };
        memcpy(buf, f.p, f.len);
        return f.len;
    }
    return 0;
}

void rad_spool_info(const struct rad_spool *s, struct rad_spool_info *out)
{
    *out = s->info;
    out->file_bytes = s->end;
}

const char *rad_spool_why(const struct rad_spool *s) { return s->why; }

/* ---- opening ------------------------------------------------------------------------ */

/* Takes a frame that was found at `at`. Numbers that do not rise were written twice:
 * the second time after a write that was not confirmed. */
static int32_t found(struct rad_spool *s, const struct frame *f, uint64_t at)
{
    if (!f->len) {
        done_by_number(s, f->seq);
        return 0;
    }
    if (f->seq <= s->last || f->seq > SEQ_MAX)
        return 0;
    int32_t rc = make_room(s, 1);
    if (!rc)
        live(s, f->seq, at, f->len, f->rank);
    return rc;
}

/* Reads the whole file. What is no frame is stepped over, octet by octet: damage in
 * the middle costs no more than what it hit. */
static int32_t scan(struct rad_spool *s, uint64_t size)
{
    uint8_t *buf = malloc(BUFFER);
    uint64_t at = 0, good_end = 0, effort = 0;  /* at: of buf[0] */
    size_t n = 0, pos = 0;
    bool over = false;
    int32_t rc = buf ? 0 : ADIT_ENOMEM;
    while (!rc) {
        if (n - pos < FRAME_MAX && !over) {
            memmove(buf, buf + pos, n - pos);
            at += pos;
            n -= pos;
            pos = 0;
            ssize_t k = read_all(s->file, buf + n, BUFFER - n, at + n);
            if (k < 0) {
                rc = broken(s, "reading " FILE_NAME);
                break;
            }
            over = n + (size_t)k < BUFFER;
            n += (size_t)k;
        }
        if (pos == n)
            break;
        struct frame f;
        /* A file that is made to look like frames everywhere is not worth hours. */
        uint32_t len = effort > size * 16 + BUFFER ? 0 : frame_read(buf + pos, n - pos, &f, &effort);
        if (!len) {
            pos++;
            continue;
        }
        rc = found(s, &f, at + pos);
        s->info.damaged += at + pos - good_end;
        pos += len;
        good_end = at + pos;
    }
    free(buf);
    s->end = good_end;
    s->info.torn = at + n > good_end ? at + n - good_end : 0;
    return rc;
}

static int32_t load(struct rad_spool *s)
{
    struct stat st;
    unlinkat(s->dir, FRESH_NAME, 0);
    s->file = openat(s->dir, FILE_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (s->file < 0 || fstat(s->file, &st))
        return broken(s, "opening " FILE_NAME);
    if (!S_ISREG(st.st_mode)) {
        errno = EINVAL;
        return broken(s, FILE_NAME " is no regular file");
    }
    if (!st.st_size && fsync(s->dir))
        return broken(s, "writing the directory");
    int32_t rc = scan(s, (uint64_t)st.st_size);
    if (rc)
        return rc;
    /* A write that was cut off is no damage; but what is as long may as well be
     * somebody else's. */
    if (s->info.damaged || s->info.torn > FRAME_MAX) {
        unlinkat(s->dir, DAMAGED_NAME, 0);
        if (linkat(s->dir, FILE_NAME, s->dir, DAMAGED_NAME, 0))
            return broken(s, "keeping the damaged file");
        return write_anew(s);
    }
    if (s->info.torn && (ftruncate(s->file, (off_t)s->end) || fdatasync(s->file)))
        return broken(s, "cutting " FILE_NAME " to what is whole");
    return 0;
}

static int make_dirs(const char *dir)
{
    char path[4096];
    size_t n = strlen(dir);
    if (n >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    for (size_t i = 1; i <= n; i++)
        if (dir[i] == '/' || i == n) {
            memcpy(path, dir, i);
            path[i] = '\0';
            if (mkdir(path, 0700) && errno != EEXIST)
                return -1;
        }
    return 0;
}

int32_t rad_spool_open(const char *dir, uint64_t limit, struct rad_spool **out, char *why,
                       size_t why_size)
{
    struct rad_spool *s = calloc(1, sizeof *s);
    if (!s) {
        snprintf(why, why_size, "out of memory");
        return ADIT_ENOMEM;
    }
    s->dir = s->file = -1;
    s->info.limit = limit;
    int32_t rc = make_dirs(dir) ? broken(s, "making %s", dir) : 0;
    if (!rc && (s->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        rc = broken(s, "opening %s", dir);
    if (!rc && flock(s->dir, LOCK_EX | LOCK_NB)) {
        broken(s, "another process has %s", dir);
        rc = ADIT_EBUSY;
    }
    if (!rc)
        rc = load(s);
    if (!rc) {
        *out = s;
        return 0;
    }
    snprintf(why, why_size, "%s", rc == ADIT_ENOMEM ? "out of memory" : s->why);
    rad_spool_close(s);
    return rc;
}

void rad_spool_close(struct rad_spool *s)
{
    if (!s)
        return;
    if (s->file >= 0)
        close(s->file);
    if (s->dir >= 0)
        close(s->dir);
    free(s->v);
    free(s);
}
