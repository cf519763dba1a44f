/* setup_ipsec.c - the IPsec part of `adit setup`.
 *
 * Knows:  how a strong key is made, who may read a file with a secret.
 * Leaves: reading certificates and keys to the daemon (aditd --check).
 */
#include "setup_ipsec.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include "adit.h"
#include "config/conf.h"

#define PSK_MAX   256u
#define PSK_SHORT 12u
#define COPY_MAX  (1u << 20)

bool setup_ipsec_given(const struct setup_ipsec *i)
{
    return i->psk || i->psk_file || i->certificate || i->key || i->ca;
}

static int check_psk(const char *psk)
{
    size_t n = strlen(psk);
    if (!n)
        return complain("--psk: the key is empty; leave the option away and one is made");
    if (n > PSK_MAX)
        return complain("--psk: the key is longer than %u bytes", PSK_MAX);
    for (const char *p = psk; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 127)
            return complain("--psk: the key has a control character");
    if (psk[0] == ' ' || psk[n - 1] == ' ')
        return complain("--psk: the key begins or ends with a space, which clients drop");
    if (n < PSK_SHORT && !adit_options.json)
        fprintf(stderr, "adit: note: a pre-shared key of %zu characters can be guessed from one "
                "recorded login; leave --psk away and a strong one is made\n", n);
    return 0;
}

int setup_ipsec_check(const struct setup_ipsec *i)
{
    if (i->psk && i->psk_file)
        return complain("--psk and --psk-file both name the key; give one of them");
    if (!i->certificate != !i->key)
        return complain("--certificate and --key belong together: the server's certificate (PEM, its "
                        "chain after it) and its private key");
    if (i->certificate && !i->ca)
        return complain("--ca FILE is needed with --certificate: the authority (PEM) that clients' "
                        "certificates must lead to");
    if (i->ca && !i->certificate)
        return complain("--ca is for certificates; give --certificate and --key too");
    return i->psk ? check_psk(i->psk) : 0;
}

FILE *setup_create(const char *path, bool force)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (force ? O_TRUNC : O_EXCL),
                  0600);
    if (fd < 0) {
        if (errno == EEXIST)
            complain("%s is there already; --force replaces it", path);
        else
            complain("%s: %s", path, strerror(errno));
        return NULL;
    }
    fchmod(fd, 0600);
    return fdopen(fd, "w");
}

/* 120 bits in letters and digits that are hard to mistake, in groups that can be typed. */
static int make_psk(char out[32])
{
    static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";   /* 32 of them */
    uint8_t r[24];
    size_t n = 0;
    if (getrandom(r, sizeof r, 0) != (ssize_t)sizeof r)
        return complain("no random bytes: %s", strerror(errno));
    for (size_t i = 0; i < sizeof r; i++) {
        if (i && i % 6 == 0)
            out[n++] = '-';
        out[n++] = letters[r[i] & 31u];
    }
    out[n] = '\0';
    explicit_bzero(r, sizeof r);
    return 0;
}

static int write_file(const char *path, const char *text, size_t len, bool force)
{
    FILE *f = setup_create(path, force);
    if (!f)
        return 1;
    bool bad = fwrite(text, 1, len, f) != len;
    if (fclose(f) || bad)
        return complain("%s: %s", path, strerror(errno));
    return 0;
}

/* The path as the configuration names it, which quotes it. */
static int named(const char *option, const char *path, char out[SETUP_FILE])
{
    char *real = realpath(path, NULL);
    if (!real)
        return complain("%s %s: %s", option, path, strerror(errno));
    int rc = 0;
    if (strlen(real) >= SETUP_FILE)
        rc = complain("%s %s: the path is too long", option, path);
    else
        strcpy(out, real);
    free(real);
    return rc;
}

static int copy(const char *option, int from, const struct stat *st, const char *path, bool force)
{
    if (st->st_size > (off_t)COPY_MAX)
        return complain("%s: this is no key, it is too long", option);
    size_t n = (size_t)st->st_size;
    char *text = malloc(n + 1);
    int rc = text && read(from, text, n) == (ssize_t)n ? write_file(path, text, n, force) :
             complain("%s: it cannot be read", option);
    if (text)
        explicit_bzero(text, n);
    free(text);
    return rc;
}

int setup_secret_file(const char *option, const char *path, const char *dir, const char *name,
                      bool force, char out[SETUP_FILE])
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;
    if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode)) {
        rc = complain("%s %s: %s", option, path, fd < 0 ? strerror(errno) : "not a file");
    } else if (st.st_uid == geteuid() && !(st.st_mode & 077)) {
        rc = named(option, path, out);
    } else if ((size_t)snprintf(out, SETUP_FILE, "%s/%s", dir, name) >= SETUP_FILE) {
        rc = complain("%s: the path is too long", dir);
    } else {
        rc = copy(option, fd, &st, out, force);
        if (!rc && !adit_options.json)
            fprintf(stderr, "adit: note: others can read %s, or it is not yours; the configuration "
                    "uses a copy, %s\n", path, out);
    }
    if (fd >= 0)
        close(fd);
    return rc;
}

static bool ours_alone(const char *path)
{
    struct stat st;
    return !lstat(path, &st) && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
           !(st.st_mode & 077) && st.st_size > 0;
}

static int take_psk(struct setup_ipsec *i, const char *dir, bool force)
{
    char line[PSK_MAX + 2];
    if (i->psk_file)
        return setup_secret_file("--psk-file", i->psk_file, dir, "ipsec.psk", force, i->psk_at);
    if (!i->psk && i->certificate)
        return 0;
    if ((size_t)snprintf(i->psk_at, SETUP_FILE, "%s/ipsec.psk", dir) >= SETUP_FILE)
        return complain("%s: the path is too long", dir);
    if (!i->psk && ours_alone(i->psk_at))
        return 0;               /* clients that have the key keep working */
    if (!i->psk && make_psk(i->generated))
        return 1;
    int n = snprintf(line, sizeof line, "%s\n", i->psk ? i->psk : i->generated);
    int rc = write_file(i->psk_at, line, (size_t)n, force);
    explicit_bzero(line, sizeof line);
    return rc;
}

int setup_ipsec_files(struct setup_ipsec *i, const char *dir, bool force)
{
    int rc = take_psk(i, dir, force);
    if (!rc && i->certificate) {
        rc = named("--certificate", i->certificate, i->certificate_at);
        rc = rc ? rc : setup_secret_file("--key", i->key, dir, "ipsec.key", force, i->key_at);
        rc = rc ? rc : named("--ca", i->ca, i->ca_at);
    }
    return rc;
}

bool setup_ipsec_section(const struct setup_ipsec *i, FILE *f, const char *listen)
{
    char quoted[2 * SETUP_FILE + 16];
    bool good = true;
    static const struct { const char *key; size_t at; } rows[] = {
        { "psk-file", offsetof(struct setup_ipsec, psk_at) },
        { "certificate", offsetof(struct setup_ipsec, certificate_at) },
        { "key", offsetof(struct setup_ipsec, key_at) },
        { "ca", offsetof(struct setup_ipsec, ca_at) },
    };
    fputs("\nsecurity:\n  # IPsec under L2TP: clients prove that they know the key, or show a certificate.\n"
          "  # adit-ipsec-ike(7) tells what to type into each client.\n  - type: ipsec\n", f);
    if (strcmp(listen, "0.0.0.0") != 0)
        fprintf(f, "    listen: [\"%s\"]\n", listen);
    for (size_t n = 0; n < sizeof rows / sizeof rows[0]; n++) {
        const char *path = (const char *)i + rows[n].at;
        if (!*path)
            continue;
        size_t len = conf_quote(path, quoted, sizeof quoted);
        fprintf(f, "    %s: %s\n", rows[n].key, quoted);
        good = good && len && len < sizeof quoted;
    }
    return good;
}
