/* test_rad_spool.c - the queue on disk: order, room, damage, and a writer that dies
 * at any step. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <adit/abi.h>
#include "plugins/auth-radius/rad_spool.h"
#include "unit.h"

/* ---- the disk between us and the kernel ------------------------------------------------ */

/* Counts every call that changes something; at number `die_at` the process ends, in a
 * write after half of it. At number `fail_at` the call fails. */
static unsigned step, die_at, fail_at;
static int full;                /* nothing can be written, the rest works */

static int fails(void)
{
    if (!fail_at && !die_at)
        return 0;
    step++;
    if (step == die_at)
        _exit(9);
    if (step == fail_at) {
        errno = EIO;
        return 1;
    }
    return 0;
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
    if (die_at && step + 1 == die_at) {
        (void)!syscall(SYS_pwrite64, fd, p, n / 2, at);
        _exit(9);
    }
    if (full || fails()) {      /* a disk that becomes full in the middle */
        (void)!syscall(SYS_pwrite64, fd, p, n / 2, at);
        errno = ENOSPC;
        return -1;
    }
    return syscall(SYS_pwrite64, fd, p, n, at);
}

int fdatasync(int fd) { return fails() ? -1 : (int)syscall(SYS_fdatasync, fd); }
int fsync(int fd) { return fails() ? -1 : (int)syscall(SYS_fsync, fd); }
int ftruncate(int fd, off_t n) { return fails() ? -1 : (int)syscall(SYS_ftruncate, fd, n); }

int renameat(int a, const char *from, int b, const char *to)
{
    return fails() ? -1 : (int)syscall(SYS_renameat2, a, from, b, to, 0);
}

int unlinkat(int fd, const char *name, int flags)
{
    return fails() ? -1 : (int)syscall(SYS_unlinkat, fd, name, flags);
}

/* ---- helpers ----------------------------------------------------------------------------- */

static char dir[64], path[96];

static void make(void)
{
    step = die_at = fail_at = 0;
    strcpy(dir, access("/dev/shm", W_OK) ? "/tmp/adit-spool.XXXXXX" : "/dev/shm/adit-spool.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    strcat(dir, "/a/b");
    snprintf(path, sizeof path, "%s/records", dir);
}

static void clean(void)
{
    char cmd[128];
    step = die_at = fail_at = 0;
    *strstr(dir, "/a/b") = '\0';
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    ck_assert_int_eq(system(cmd), 0);
}

static struct rad_spool *opened(uint64_t limit)
{
    char why[256] = "";
    struct rad_spool *s = NULL;
    int32_t rc = rad_spool_open(dir, limit, &s, why, sizeof why);
    ck_assert_msg(rc == 0, "%d: %s", rc, why);
    return s;
}

static uint64_t put(struct rad_spool *s, uint32_t rank, const char *text)
{
    struct rad_spool_add a = { .p = text, .len = (uint32_t)strlen(text), .rank = rank };
    return rad_spool_write(s, &a, 1, NULL, 0) ? 0 : a.seq;
}

/* All that waits, separated by spaces. */
static const char *all(struct rad_spool *s)
{
    static char out[1 << 16];
    uint8_t buf[RAD_SPOOL_MAX];
    struct rad_spool_rec rec = { 0 };
    size_t n = 0;
    out[0] = '\0';
    for (uint32_t len; (len = rad_spool_read(s, rec.seq, &rec, buf)) && n < sizeof out - len - 2;)
        n += (size_t)snprintf(out + n, sizeof out - n, "%s%.*s", n ? " " : "", (int)len, (char *)buf);
    return out;
}

static size_t slurp(uint8_t *buf, size_t size)
{
    int fd = open(path, O_RDONLY);
    ck_assert_int_ge(fd, 0);
    ssize_t n = read(fd, buf, size);
    close(fd);
    ck_assert_int_ge((int)n, 0);
    return (size_t)n;
}

static void spill(const uint8_t *buf, size_t n)
{
    int fd = open(path, O_WRONLY | O_TRUNC | O_CREAT, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq((int)write(fd, buf, n), (int)n);
    close(fd);
}

/* ---- the tests --------------------------------------------------------------------------- */

START_TEST(records_come_back_in_order)
{
    make();
    struct rad_spool *s = opened(1 << 20);
    ck_assert_str_eq(all(s), "");
    uint64_t one = put(s, 0, "one"), two = put(s, 1, "two");
    ck_assert_uint_gt(two, one);
    put(s, 2, "three");
    ck_assert_str_eq(all(s), "one two three");
    rad_spool_close(s);
    s = opened(1 << 20);
    ck_assert_str_eq(all(s), "one two three");
    ck_assert_int_eq(rad_spool_write(s, NULL, 0, &two, 1), 0);
    ck_assert_str_eq(all(s), "one three");
    ck_assert(rad_spool_more(s, one));
    rad_spool_close(s);
    s = opened(1 << 20);
    ck_assert_str_eq(all(s), "one three");
    put(s, 0, "four");
    ck_assert_str_eq(all(s), "one three four");
    rad_spool_close(s);
    clean();
}
END_TEST

START_TEST(an_empty_queue_is_an_empty_file)
{
    make();
    struct rad_spool *s = opened(1 << 20);
    struct rad_spool_info i;
    uint64_t seq[2] = { put(s, 0, "a"), put(s, 0, "b") };
    rad_spool_write(s, NULL, 0, seq, 2);
    rad_spool_info(s, &i);
    ck_assert_uint_eq(i.count, 0);
    ck_assert_uint_eq(i.bytes, 0);
    ck_assert_uint_eq(i.file_bytes, 0);
    ck_assert(!rad_spool_more(s, 0));
    ck_assert_uint_gt(put(s, 0, "c"), seq[1]);
    ck_assert_str_eq(all(s), "c");
    rad_spool_close(s);
    clean();
}
END_TEST

START_TEST(numbers_that_do_not_wait_are_no_error)
{
    make();
    struct rad_spool *s = opened(1 << 20);
    uint64_t none[] = { 0, 5, UINT64_MAX };
    put(s, 0, "a");
    ck_assert_int_eq(rad_spool_write(s, NULL, 0, none, 3), 0);
    ck_assert_int_eq(rad_spool_write(s, NULL, 0, NULL, 0), 0);
    struct rad_spool_add bad = { .p = "x", .len = 0 };
    ck_assert_int_eq(rad_spool_write(s, &bad, 1, NULL, 0), ADIT_EINVAL);
    bad.len = RAD_SPOOL_MAX + 1;
    ck_assert_int_eq(rad_spool_write(s, &bad, 1, NULL, 0), ADIT_EINVAL);
    ck_assert_str_eq(all(s), "a");
    rad_spool_close(s);
    clean();
}
END_TEST

START_TEST(two_cannot_have_it)
{
    make();
    struct rad_spool *s = opened(1 << 20), *other = NULL;
    char why[256];
    ck_assert_int_eq(rad_spool_open(dir, 1 << 20, &other, why, sizeof why), ADIT_EBUSY);
    ck_assert_ptr_nonnull(strstr(why, "another process"));
    rad_spool_close(s);
    rad_spool_close(opened(1 << 20));
    clean();
}
END_TEST

START_TEST(the_cheapest_go_first_when_it_is_full)
{
    make();
    struct rad_spool *s = opened(4096);
    struct rad_spool_info i;
    char text[101];
    memset(text, 'x', 100);
    text[100] = '\0';
    /* 120 octets each: 4096 hold 34 */
    for (int k = 0; k < 200; k++) {
        text[0] = (char)('A' + k % 3);
        ck_assert_uint_ne(put(s, (uint32_t)(k % 3), text), 0);
        rad_spool_info(s, &i);
        ck_assert_uint_le(i.file_bytes, 4096);
    }
    /* What is left is of rank 0, and the newest of the others. */
    const char *left = all(s);
    size_t a = 0, c = 0;
    for (const char *p = left; p && *p; p = strchr(p, ' ') ? strchr(p, ' ') + 1 : NULL) {
        a += *p == 'A';
        c += *p == 'C';
    }
    ck_assert_uint_gt(a, 15);
    ck_assert_uint_gt(i.dropped[RAD_SPOOL_CHEAP], 60);
    ck_assert_uint_gt(i.dropped[RAD_SPOOL_FAIR], 50);
    ck_assert_uint_gt(i.dropped[RAD_SPOOL_DEAR], 20);
    ck_assert_uint_eq(i.dropped[0] + i.dropped[1] + i.dropped[2] + i.count, 200);
    ck_assert_uint_le(c, 3);
    rad_spool_close(s);
    s = opened(4096);
    rad_spool_info(s, &i);
    ck_assert_uint_eq(i.damaged, 0);
    rad_spool_close(s);
    clean();
}
END_TEST

START_TEST(a_dear_record_goes_only_when_no_other_is_left)
{
    make();
    struct rad_spool *s = opened(4096);
    struct rad_spool_info i;
    char text[101];
    memset(text, 'x', 100);
    text[100] = '\0';
    for (int k = 0; k < 100; k++) {
        put(s, k % 10 ? RAD_SPOOL_CHEAP : RAD_SPOOL_DEAR, text);
        rad_spool_info(s, &i);
        if (i.dropped[RAD_SPOOL_CHEAP] < 60)
            ck_assert_uint_eq(i.dropped[RAD_SPOOL_DEAR], 0);
    }
    ck_assert_uint_eq(i.dropped[RAD_SPOOL_DEAR], 0);
    struct rad_spool_add huge = { .p = text, .len = 100 }, many[64];
    for (int k = 0; k < 64; k++)
        many[k] = huge;
    ck_assert_int_eq(rad_spool_write(s, many, 64, NULL, 0), ADIT_ENOSPC);
    rad_spool_info(s, &i);
    ck_assert_uint_eq(i.dropped[RAD_SPOOL_DEAR], 0);
    rad_spool_close(s);
    clean();
}
END_TEST

START_TEST(a_full_one_is_worked_off_without_being_written_anew_each_time)
{
    make();
    enum { LIMIT = 1 << 20 };
    struct rad_spool *s = opened(LIMIT);
    struct rad_spool_info i;
    struct rad_spool_add a[64];
    char text[200];
    memset(text, 'y', sizeof text);
    for (int k = 0; k < 64; k++)
        a[k] = (struct rad_spool_add){ .p = text, .len = sizeof text, .rank = RAD_SPOOL_DEAR };
    do {
        ck_assert_int_eq(rad_spool_write(s, a, 64, NULL, 0), 0);
        rad_spool_info(s, &i);
    } while (!i.dropped[0]);
    struct stat before, after;
    int anew = 0;
    uint8_t buf[RAD_SPOOL_MAX];
    struct rad_spool_rec rec = { 0 };
    stat(path, &before);
    while (rad_spool_read(s, rec.seq, &rec, buf)) {
        ck_assert_int_eq(rad_spool_write(s, NULL, 0, &rec.seq, 1), 0);
        stat(path, &after);
        anew += after.st_ino != before.st_ino;
        before = after;
    }
    rad_spool_info(s, &i);
    ck_assert_uint_eq(i.count, 0);
    ck_assert_int_le(anew, 12);
    rad_spool_close(s);
    clean();
}
END_TEST

/* Whatever of the file is there: what is read is a beginning of what was written. */
START_TEST(every_truncation)
{
    static uint8_t whole[8192];
    make();
    struct rad_spool *s = opened(1 << 20);
    put(s, 0, "alpha");
    uint64_t two = put(s, 1, "beta");
    put(s, 0, "gamma");
    rad_spool_write(s, NULL, 0, &two, 1);
    put(s, 2, "delta");
    rad_spool_close(s);
    size_t n = slurp(whole, sizeof whole);
    static const char *const may[] = { "", "alpha", "alpha beta", "alpha beta gamma", "alpha gamma",
                                       "alpha gamma delta" };
    size_t at = 0;
    for (size_t k = 0; k <= n; k++) {
        struct rad_spool_info i;
        spill(whole, k);
        s = opened(1 << 20);
        const char *have = all(s);
        while (at < 5 && strcmp(have, may[at]))
            at++;
        ck_assert_str_eq(have, may[at]);
        rad_spool_info(s, &i);
        ck_assert_uint_eq(i.damaged, 0);
        ck_assert_uint_eq(i.file_bytes + i.torn, k);
        put(s, 0, "new");       /* and goes on */
        rad_spool_close(s);
        s = opened(1 << 20);
        rad_spool_info(s, &i);
        ck_assert_uint_eq(i.damaged + i.torn, 0);
        have = all(s);
        ck_assert_str_eq(have + strlen(have) - 3, "new");
        rad_spool_close(s);
    }
    ck_assert_uint_eq(at, 5);
    clean();
}
END_TEST

/* One octet is wrong: no more than one record is lost, and the file is kept. */
START_TEST(every_flipped_octet)
{
    static uint8_t whole[8192];
    make();
    struct rad_spool *s = opened(1 << 20);
    put(s, 0, "alpha");
    put(s, 1, "beta");
    put(s, 0, "gamma");
    rad_spool_close(s);
    size_t n = slurp(whole, sizeof whole);
    for (size_t k = 0; k < n; k++) {
        struct rad_spool_info i;
        char kept[128];
        struct stat st;
        whole[k] ^= 0x41;
        spill(whole, n);
        whole[k] ^= 0x41;
        s = opened(1 << 20);
        rad_spool_info(s, &i);
        ck_assert_uint_eq(i.count, 2);
        ck_assert_uint_gt(i.damaged + i.torn, 0);
        snprintf(kept, sizeof kept, "%s/records.damaged", dir);
        ck_assert_int_eq(stat(kept, &st) == 0, i.damaged != 0);
        rad_spool_close(s);
        unlink(kept);
        s = opened(1 << 20);
        rad_spool_info(s, &i);
        ck_assert_uint_eq(i.count, 2);
        ck_assert_uint_eq(i.damaged + i.torn, 0);
        rad_spool_close(s);
    }
    clean();
}
END_TEST

START_TEST(somebody_elses_file_is_kept)
{
    static uint8_t junk[20000];
    char kept[128];
    make();
    rad_spool_close(opened(1 << 20));
    memset(junk, 'j', sizeof junk);
    spill(junk, sizeof junk);
    struct rad_spool *s = opened(1 << 20);
    ck_assert_str_eq(all(s), "");
    put(s, 0, "new");
    rad_spool_close(s);
    snprintf(kept, sizeof kept, "%s/records.damaged", dir);
    struct stat st;
    ck_assert_int_eq(stat(kept, &st), 0);
    ck_assert_int_eq((int)st.st_size, sizeof junk);
    /* nor is a link followed, or a directory opened */
    unlink(path);
    ck_assert_int_eq(symlink("/etc/hostname", path), 0);
    char why[256];
    ck_assert_int_eq(rad_spool_open(dir, 1 << 20, &s, why, sizeof why), ADIT_EIO);
    unlink(path);
    mkdir(path, 0700);
    ck_assert_int_eq(rad_spool_open(dir, 1 << 20, &s, why, sizeof why), ADIT_EIO);
    clean();
}
END_TEST

/* ---- a writer that dies, a disk that fails, at any step ------------------------------------ */

#define OLD 6

/* What the writer is about: half of the old ones are done, new ones come, in a file
 * that is small enough to be written anew on the way. It tells through a pipe what
 * was confirmed. Returns false when a step failed. */
static void work(struct rad_spool *s, uint64_t first, int out)
{
    char text[401];
    memset(text, '.', 400);
    text[400] = '\0';
    for (int k = 0; k < 12; k++) {
        uint64_t done = first + (uint64_t)k;
        struct rad_spool_add a = { .p = text, .len = 400, .rank = RAD_SPOOL_DEAR };
        text[0] = (char)('a' + k);
        int32_t rc = rad_spool_write(s, &a, 1, k < OLD / 2 ? &done : NULL, k < OLD / 2);
        char said = (char)(rc ? '!' : 'a' + k);
        (void)!write(out, &said, 1);
    }
}

static struct rad_spool *prepared(uint64_t *first)
{
    char text[401];
    memset(text, '.', 400);
    text[400] = '\0';
    make();
    struct rad_spool *s = opened(1 << 20);
    for (int k = 0; k < OLD; k++) {
        text[0] = (char)('A' + k);
        uint64_t seq = put(s, RAD_SPOOL_DEAR, text);
        if (!k)
            *first = seq;
    }
    return s;
}

/* The first letters of what waits. */
static void letters(struct rad_spool *s, char *out)
{
    uint8_t buf[RAD_SPOOL_MAX];
    struct rad_spool_rec rec = { 0 };
    while (rad_spool_read(s, rec.seq, &rec, buf))
        *out++ = (char)buf[0];
    *out = '\0';
}

/* Confirmed is kept, in order and once; what is more is at most the one that was
 * under way, and old ones whose mark was. */
static void judge(const char *said, const char *have, unsigned at)
{
    char old[OLD + 1] = "", fresh[64] = "";
    size_t n = strcspn(have, "abcdefghijkl");
    ck_assert_msg(n <= OLD, "step %u: %s", at, have);
    memcpy(old, have, n);
    old[n] = '\0';
    snprintf(fresh, sizeof fresh, "%s", have + n);
    char sure[64] = "";
    size_t k = 0;
    for (const char *p = said; *p; p++)
        if (*p != '!')
            sure[k++] = *p;
    sure[k] = '\0';
    /* every new one that was confirmed, in order, among what is there */
    const char *f = fresh;
    for (const char *p = sure; *p; p++) {
        f = strchr(f, *p);
        ck_assert_msg(f != NULL, "step %u: %s was confirmed, %s is there", at, sure, have);
        f++;
    }
    ck_assert_msg(strlen(fresh) <= strlen(sure) + 1 || strchr(said, '!'), "step %u: %s, %s", at, sure, have);
    for (const char *p = fresh; *p && p[1]; p++)
        ck_assert_msg(*p < p[1], "step %u: order or twice: %s", at, have);
    for (const char *p = old; *p && p[1]; p++)
        ck_assert_msg(*p < p[1], "step %u: order or twice: %s", at, have);
    ck_assert_msg(strstr(old, "DEF") != NULL, "step %u: %s", at, have);
    for (int m = 0; m < OLD / 2; m++)
        ck_assert_msg(!strchr(sure, 'a' + m) || !strchr(old, 'A' + m), "step %u: %s was done: %s", at, sure,
                      have);
}

static unsigned try_at(unsigned die, unsigned fail)
{
    uint64_t first = 0;
    int fd[2], status = 0;
    char said[64] = "", have[64] = "";
    struct rad_spool *s = prepared(&first);
    rad_spool_close(s);
    ck_assert_int_eq(pipe(fd), 0);
    pid_t pid = fork();
    if (!pid) {
        s = opened(1 << 20);
        step = 0;
        die_at = die;
        fail_at = fail;
        work(s, first, fd[1]);
        _exit(step >= die && step >= fail ? 1 : 0);
    }
    close(fd[1]);
    ssize_t n = read(fd[0], said, sizeof said - 1), m = n;
    while (m > 0 && n < (ssize_t)sizeof said - 1) {
        m = read(fd[0], said + n, sizeof said - 1 - (size_t)n);
        n += m > 0 ? m : 0;
    }
    close(fd[0]);
    waitpid(pid, &status, 0);
    s = opened(1 << 20);
    letters(s, have);
    judge(said, have, die + fail);
    struct rad_spool_info i;
    rad_spool_info(s, &i);
    ck_assert_uint_eq(i.damaged, 0);
    put(s, 0, "z");
    letters(s, have);
    ck_assert_ptr_nonnull(strchr(have, 'z'));
    rad_spool_close(s);
    clean();
    /* 0: the step was never reached */
    return WIFEXITED(status) && WEXITSTATUS(status) != 0;
}

START_TEST(a_writer_killed_at_each_step)
{
    unsigned k = 1;
    while (try_at(k, 0))
        k++;
    ck_assert_uint_gt(k, 20);
}
END_TEST

START_TEST(a_disk_that_fails_at_each_step)
{
    unsigned k = 1;
    while (try_at(0, k))
        k++;
    ck_assert_uint_gt(k, 20);
}
END_TEST

/* The same while the file is written anew: half of it is done. */
static int anew(unsigned die, unsigned fail)
{
    make();
    struct rad_spool *s = opened(1 << 20);
    char text[1001];
    uint64_t seq[200];
    memset(text, '-', 1000);
    text[1000] = '\0';
    for (int k = 0; k < 200; k++) {
        text[0] = (char)('0' + k / 100);
        text[1] = (char)('0' + k / 10 % 10);
        text[2] = (char)('0' + k % 10);
        seq[k] = put(s, RAD_SPOOL_DEAR, text);
    }
    pid_t pid = fork();
    if (!pid) {
        step = 0;
        die_at = die;
        fail_at = fail;
        int32_t rc = rad_spool_write(s, NULL, 0, seq, 199);
        (void)rc;
        put(s, RAD_SPOOL_DEAR, "new");
        _exit(step >= die && step >= fail ? 1 : 0);
    }
    int status;
    waitpid(pid, &status, 0);
    rad_spool_close(s);
    s = opened(1 << 20);
    struct rad_spool_info i;
    rad_spool_info(s, &i);
    ck_assert_uint_eq(i.damaged, 0);
    uint8_t buf[RAD_SPOOL_MAX];
    struct rad_spool_rec rec;
    ck_assert(i.count >= 1 && i.count <= 201);  /* marks that were written when it died count */
    ck_assert_uint_gt(rad_spool_read(s, seq[198], &rec, buf), 0);
    ck_assert_int_eq(memcmp(buf, "199", 3), 0);
    if (!die && !fail) {
        ck_assert_uint_eq(i.count, 2);
        ck_assert_uint_lt(i.file_bytes, 4000);
    }
    rad_spool_close(s);
    clean();
    return WEXITSTATUS(status) != 0;
}

START_TEST(killed_or_failing_while_it_is_written_anew)
{
    unsigned k = 1, n = 1;
    (void)anew(0, 0);
    while (anew(k, 0))
        k++;
    while (anew(0, n))
        n++;
    ck_assert_uint_ge(k, 6);
    ck_assert_uint_ge(n, 6);
}
END_TEST

/* All that waits is done while the disk is full: the room comes back. */
START_TEST(an_emptied_queue_needs_no_room)
{
    make();
    struct rad_spool *s = opened(1 << 20);
    uint64_t seq[2] = { put(s, 0, "a"), put(s, 0, "b") };
    full = 1;
    ck_assert_int_eq(rad_spool_write(s, NULL, 0, seq, 1), ADIT_EIO);
    ck_assert_ptr_nonnull(strstr(rad_spool_why(s), "No space"));
    ck_assert_str_eq(all(s), "a b");
    ck_assert_int_eq(rad_spool_write(s, NULL, 0, seq, 2), 0);
    full = 0;
    ck_assert_str_eq(all(s), "");
    rad_spool_close(s);
    clean();
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        records_come_back_in_order, an_empty_queue_is_an_empty_file,
        numbers_that_do_not_wait_are_no_error, two_cannot_have_it,
        the_cheapest_go_first_when_it_is_full, a_dear_record_goes_only_when_no_other_is_left,
        a_full_one_is_worked_off_without_being_written_anew_each_time, every_truncation,
        every_flipped_octet, somebody_elses_file_is_kept, a_writer_killed_at_each_step,
        a_disk_that_fails_at_each_step, killed_or_failing_while_it_is_written_anew,
        an_emptied_queue_needs_no_room, NULL,
    };
    return unit_suite("rad_spool", tests);
}

UNIT_MAIN(suite)
