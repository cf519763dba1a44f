/* conf_save.c - a file is replaced as a whole, or left alone.
 *
 * Knows:  modes, owners, links, full disks.
 * Leaves: what stands in it to those who edit it.
 *
 * A reader sees the old file or the new one, also when the power fails: the new
 * one is complete on disk before it gets the name.
 */
#include "config/conf_int.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* Into a new file that looks like the old one. */
static bool fill(int fd, const struct stat *old, const char *text, size_t len)
{
    if ((old->st_uid != geteuid() || old->st_gid != getegid()) &&
        fchown(fd, old->st_uid, old->st_gid) != 0)
        return false;
    return fchmod(fd, old->st_mode & 07777) == 0 && write_all(fd, text, len) && fsync(fd) == 0;
}

static void sync_folder(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd);            /* not every file system can; the rename is done */
    close(fd);
}

int32_t conf_save(const char *path, const char *text, size_t len, const struct conf_err *err)
{
    char real[PATH_MAX], fresh[PATH_MAX + 16];
    struct stat st;
    if (!realpath(path, real) || stat(real, &st) != 0)
        return conf_tell(err, "%s: %s", path, strerror(errno)), ADIT_EIO;
    if (!S_ISREG(st.st_mode))
        return conf_tell(err, "%s: is not an ordinary file", path), ADIT_EIO;
    snprintf(fresh, sizeof fresh, "%s.new-XXXXXX", real);
    int fd = mkostemp(fresh, O_CLOEXEC);
    bool ok = fd >= 0 && fill(fd, &st, text, len);
    int error = errno;
    if (fd >= 0 && close(fd) != 0 && ok) {
        ok = false;
        error = errno;
    }
    if (ok && rename(fresh, real) != 0) {
        ok = false;
        error = errno;
    }
    if (ok) {
        sync_folder(real);
        return 0;
    }
    if (fd >= 0)
        (void)unlink(fresh);
    conf_tell(err, "%s: cannot be written: %s; the old file is as it was", path, strerror(error));
    return ADIT_EIO;
}
