/* secret.c - names and secrets from descriptors, files, systemd, a terminal.
 *
 * Knows:  who may have been able to read a file, one line of it.
 * Leaves: what the secret is for to dial_cmd.c.
 */
#include "secret.h"
#include "adit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "user_cmd.h"

/* One line, octet by octet: what follows it in a pipe is somebody else's. */
bool secret_of_fd(int fd, const char *what, char *out, size_t size)
{
    size_t n = 0;
    const char *bad = NULL;
    while (!bad) {
        char c;
        ssize_t got = read(fd, &c, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            bad = strerror(errno);
        if (got <= 0 || c == '\n')
            break;
        if (!c || n + 1 >= size)
            bad = c ? "the line is too long" : "there is a NUL in it";
        else
            out[n++] = c;
    }
    if (n && out[n - 1] == '\r')
        n--;
    out[n] = '\0';
    if (!bad && !n)
        bad = "the line is empty";
    if (bad) {
        explicit_bzero(out, size);
        complain("%s: %s", what, bad);
    }
    return !bad;
}

bool secret_of_file(const char *path, const char *what, char *out, size_t size)
{
    struct stat st;
    bool ok = false;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st))
        complain("%s: %s: %s", what, path, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        complain("%s: %s is no file; for a pipe there is --%s-fd", what, path, what);
    else if (st.st_uid != geteuid() && st.st_uid != 0)
        complain("%s: %s belongs to somebody else (uid %u), who could change it", what, path,
                 (unsigned)st.st_uid);
    else if (st.st_mode & 077)
        complain("%s: %s can be read or written by others; run: chmod 600 '%s'", what, path, path);
    else
        ok = secret_of_fd(fd, path, out, size);
    if (fd >= 0)
        close(fd);
    return ok;
}

bool secret_of_systemd(const char *entry, const char *what, char *out, size_t size)
{
    const char *dir = getenv("CREDENTIALS_DIRECTORY");
    char path[4096];
    for (int i = 0; dir && *dir == '/' && i < 2; i++) {
        if (i == 0 && (strchr(entry, '/') || entry[0] == '.'))
            continue;
        int n = i ? snprintf(path, sizeof path, "%s/%s", dir, what)
                  : snprintf(path, sizeof path, "%s/%s.%s", dir, entry, what);
        int fd = n > 0 && (size_t)n < sizeof path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
        if (fd >= 0) {          /* systemd has made it for this service alone */
            bool ok = secret_of_fd(fd, path, out, size);
            close(fd);
            return ok;
        }
    }
    return false;
}

bool secret_typed(const char *prompt, bool hidden, char *out, size_t size)
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    bool ok = false;
    if (fd < 0)
        return false;
    if (hidden) {
        ok = user_secret_read(fd, prompt, out, size);
    } else {
        FILE *f = fdopen(fd, "r");
        if (f && write(fd, prompt, strlen(prompt)) >= 0 && fgets(out, (int)size, f)) {
            out[strcspn(out, "\r\n")] = '\0';
            ok = *out != '\0';
        }
        if (f) {
            fclose(f);
            return ok;
        }
    }
    close(fd);
    return ok;
}
