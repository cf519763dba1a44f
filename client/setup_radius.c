/* setup_radius.c - what `adit setup` writes of RADIUS servers.
 *
 * Knows:  names of servers, where their secret stands.
 * Leaves: asking people to setup.c.
 */
#include "setup_radius.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include "adit.h"
#include "config/conf.h"

/* The next name of a list with commas; its length, 0 at the end. */
static size_t next(const char **at)
{
    *at += strspn(*at, ", ");
    return strcspn(*at, ", ");
}

int setup_radius_check(const struct setup_radius *r)
{
    const char *at = r->servers;
    if (!at)
        return r->secret_file ? complain("--radius-secret-file is the secret of --radius; name that too") : 0;
    if (!r->secret_file && !*r->secret)
        return complain("--radius needs --radius-secret-file: a file with the secret shared with the server");
    size_t n = next(&at);
    if (!n)
        return complain("--radius takes an address or a name, several with commas");
    for (; n; at += n, n = next(&at))
        for (size_t i = 0; i < n; i++)
            if (!isalnum((unsigned char)at[i]) && !strchr("-.:", at[i]))
                return complain("--radius %.*s: not an address or a name", (int)n, at);
    return 0;
}

int setup_radius_files(struct setup_radius *r, const char *dir, bool force)
{
    if (r->secret_file)
        return setup_secret_file("--radius-secret-file", r->secret_file, dir, "radius.secret", force,
                                 r->secret_at);
    if ((size_t)snprintf(r->secret_at, SETUP_FILE, "%s/radius.secret", dir) >= SETUP_FILE)
        return complain("%s: the path is too long", dir);
    FILE *f = setup_create(r->secret_at, force);
    if (!f)
        return 1;
    bool bad = fprintf(f, "%s\n", r->secret) < 0;
    if (fclose(f) || bad)
        return complain("%s: %s", r->secret_at, strerror(errno));
    return 0;
}

bool setup_radius_section(const struct setup_radius *r, FILE *f)
{
    char quoted[2 * SETUP_FILE + 16];
    size_t len = conf_quote(r->secret_at, quoted, sizeof quoted);
    const char *at = r->servers;
    fputs("  # whom these servers accept may connect: adit radius test NAME tries it;\n"
          "  # adit-auth-radius(7) has what to set up there\n"
          "  - type: radius\n    servers:\n", f);
    for (size_t n = next(&at); n; at += n, n = next(&at))
        fprintf(f, "      - host: \"%.*s\"\n        secret-file: %s\n", (int)n, at, quoted);
    fputs("\naccounting:\n  # tells them of every session; kept on disk while none answers\n"
          "  - type: radius\n", f);
    return len != 0 && len < sizeof quoted;
}
