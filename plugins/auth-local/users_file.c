/* users_file.c - the accounts' file: locked, replaced as a whole, or left alone.
 *
 * Knows:  locks, links, modes, owners, full disks.
 * Leaves: what stands in it to users.c.
 *
 * A reader sees the old file or the new one, never half of one, also when the
 * power fails: the new one is complete on disk before it gets the name.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <adit/bytes.h>
#include "users.h"

#define HEAD_MAX 16384u         /* bytes of comments at the beginning that are kept */

static const char new_head[] =
    "# Accounts of adit. `adit user` writes this file; aditd reads it again when it changes.\n"
    "# This block of comments is kept, others are not: use `comment` of the account.\n"
    "# An NT hash is as good as the password: keep the file readable for root alone.\n";

static int32_t fail(char err[USERS_ERR], const char *what, const char *path)
{
    snprintf(err, USERS_ERR, "%.300s: %s: %s", path, what, strerror(errno));
    return ADIT_EIO;
}

int32_t users_lock(const char *path, bool wait, int *fd, char err[USERS_ERR])
{
    char name[4096];
    if ((size_t)snprintf(name, sizeof name, "%s.lock", path) >= sizeof name) {
        errno = ENAMETOOLONG;
        return fail(err, "cannot be locked", path);
    }
    /* The lock file stays: who removed it would let two in. */
    *fd = open(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600);
    if (*fd < 0)
        return fail(err, "cannot be opened to lock the accounts", name);
    while (flock(*fd, LOCK_EX | (wait ? 0 : LOCK_NB)) != 0) {
        if (errno == EINTR)
            continue;
        bool held = errno == EWOULDBLOCK;
        int32_t rc = fail(err, held ? "somebody else is changing the accounts" : "cannot be locked", name);
        close(*fd);
        *fd = -1;
        return held ? ADIT_EAGAIN : rc;
    }
    return 0;
}

void users_unlock(int fd)
{
    if (fd >= 0)
        close(fd);
}

/* The comments that the old file begins with. */
static size_t head_read(int fd, char head[HEAD_MAX])
{
    size_t have = 0, len = 0;
    ssize_t n;
    while (have < HEAD_MAX && (n = read(fd, head + have, HEAD_MAX - have)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        have += (size_t)n;
    }
    while (len < have && (head[len] == '#' || head[len] == '\n')) {
        const char *end = memchr(head + len, '\n', have - len);
        if (!end)
            break;
        len = (size_t)(end - head) + 1;
    }
    /* what was read beyond them held hashes */
    bytes_wipe(head + len, have - len);
    return len;
}

static bool write_all(int fd, const char *p, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        p += n;
        len -= (size_t)n;
    }
    return true;
}

struct place {
    int dir;
    char base[256];             /* name in the folder */
    char temp[280];
};

static int32_t place_of(const char *path, struct place *at, char err[USERS_ERR])
{
    char dir[4096];
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    int n = slash ? snprintf(dir, sizeof dir, "%.*s", slash == path ? 1 : (int)(slash - path), path)
                  : snprintf(dir, sizeof dir, ".");
    if (n < 0 || (size_t)n >= sizeof dir || !base[0] || strlen(base) >= sizeof at->base) {
        errno = base[0] ? ENAMETOOLONG : EISDIR;
        return fail(err, "is no name for a file", path);
    }
    snprintf(at->base, sizeof at->base, "%s", base);
    /* One writer at a time holds the lock, so one name is enough; what an
     * earlier crash left there is written over. */
    snprintf(at->temp, sizeof at->temp, ".%s.new", base);
    at->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return at->dir < 0 ? fail(err, "the folder cannot be opened", path) : 0;
}

static int32_t replace(const struct place *at, const char *path, const char *text, size_t len,
                       char err[USERS_ERR])
{
    char head[HEAD_MAX];
    size_t head_len = sizeof new_head - 1;
    struct stat st = { .st_mode = 0600, .st_uid = geteuid(), .st_gid = getegid() };
    bool old = true;

    memcpy(head, new_head, sizeof new_head);
    int fd = openat(at->dir, at->base, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd >= 0) {
        if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
            close(fd);
            errno = EINVAL;
            return fail(err, "is not an ordinary file", path);
        }
        head_len = head_read(fd, head);
        close(fd);
    } else if (errno == ENOENT) {
        old = false;
    } else {
        return fail(err, errno == ELOOP ? "is a symbolic link; name the file itself"
                                        : "cannot be read", path);
    }

    (void)unlinkat(at->dir, at->temp, 0);
    fd = openat(at->dir, at->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(err, "cannot be written beside the old file", path);
    bool ok = true;
    if (old && (st.st_uid != geteuid() || st.st_gid != getegid()))
        ok = fchown(fd, st.st_uid, st.st_gid) == 0;
    ok = ok && fchmod(fd, st.st_mode & 0777) == 0 && write_all(fd, head, head_len) &&
         write_all(fd, text, len) && fsync(fd) == 0;
    int error = errno;
    if (close(fd) != 0 && ok) {
        ok = false;
        error = errno;
    }
    if (ok && renameat(at->dir, at->temp, at->dir, at->base) != 0) {
        ok = false;
        error = errno;
    }
    if (!ok) {
        (void)unlinkat(at->dir, at->temp, 0);
        errno = error;
        return fail(err, "cannot be written; the old file is as it was", path);
    }
    (void)fsync(at->dir);       /* not every file system can; the rename is done */
    return 0;
}

int32_t users_save_text(const char *path, const char *text, size_t len, char err[USERS_ERR])
{
    struct place at;
    int32_t rc = place_of(path, &at, err);
    if (rc != 0)
        return rc;
    rc = replace(&at, path, text, len, err);
    close(at.dir);
    return rc;
}

int32_t users_save(const char *path, const struct users *us, char err[USERS_ERR])
{
    size_t len;
    char *text = users_text(us, &len);
    if (!text) {
        snprintf(err, USERS_ERR, "out of memory");
        return ADIT_ENOMEM;
    }
    int32_t rc = users_save_text(path, text, len, err);
    users_text_free(text, len);
    return rc;
}
