/* fuzz_rad_spool.c - any file as the spool of accounting records: opened, read, added
 * to, marked, opened again. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../../plugins/auth-radius/rad_record.h"
#include "../../plugins/auth-radius/rad_spool.h"

static char dir[64], path[96];

static void gone(void)
{
    static const char *const names[] = { "records", "records.new", "records.damaged" };
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
    rmdir(dir);
}

static void must(bool yes, const char *what)
{
    if (!yes) {
        fprintf(stderr, "fuzz_rad_spool: %s\n", what);
        abort();
    }
}

static struct rad_spool *opened(void)
{
    char why[256];
    struct rad_spool *s = NULL;
    must(rad_spool_open(dir, 1 << 20, &s, why, sizeof why) == 0, why);
    return s;
}

/* Reads all of it; how many there were. */
static uint64_t read_all(struct rad_spool *s, uint64_t seq[2])
{
    uint8_t buf[RAD_SPOOL_MAX];
    struct rad_spool_rec rec = { 0 };
    uint64_t n = 0, last = 0;
    for (uint32_t len; (len = rad_spool_read(s, rec.seq, &rec, buf)); n++) {
        struct rad_record_info i;
        struct rad_out o;
        must(len <= RAD_SPOOL_MAX && rec.seq > last && rec.rank < RAD_SPOOL_RANKS, "a record is none");
        last = rec.seq;
        if (n < 2)
            seq[n] = rec.seq;
        memset(&o, 0, sizeof o);
        o.len = RAD_HEAD;
        if (rad_record_read(buf, len, &i))
            rad_record_put(buf, len, 1700000000, &o);
        must(o.len <= RAD_MAX, "a packet that is too long");
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint64_t seq[2] = { 0 };
    struct rad_spool_info i;
    if (!*dir) {
        strcpy(dir, access("/dev/shm", W_OK) ? "/tmp/adit-fuzz.XXXXXX" : "/dev/shm/adit-fuzz.XXXXXX");
        must(mkdtemp(dir) != NULL, "no directory");
        atexit(gone);
    }
    snprintf(path, sizeof path, "%s/records", dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    must(fd >= 0 && write(fd, data, len) == (ssize_t)len, "no file");
    close(fd);
    struct rad_spool *s = opened();
    uint64_t n = read_all(s, seq);
    rad_spool_info(s, &i);
    must(i.count == n, "the count is wrong");
    struct rad_spool_add a = { .p = "new", .len = 3 };
    must(rad_spool_write(s, &a, 1, seq, n < 2 ? (uint32_t)n : 2) == 0, "it cannot be written");
    rad_spool_close(s);
    s = opened();
    rad_spool_info(s, &i);
    must(i.count == n + 1 - (n < 2 ? n : 2) && !i.damaged && !i.torn, "it is not whole after a write");
    must(read_all(s, seq) == i.count, "the count is wrong after a write");
    rad_spool_close(s);
    return 0;
}
