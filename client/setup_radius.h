/* setup_radius.h - what `adit setup` writes of RADIUS servers.
 *
 *     struct setup_radius r = { .servers = "10.0.0.20,10.0.0.21", .secret_file = "..." };
 *     setup_radius_check(&r);
 *     setup_radius_files(&r, dir, force);     // takes the secret, or writes it
 *     setup_radius_section(&r, conf);         // a row of auth:
 */
#ifndef SETUP_RADIUS_H
#define SETUP_RADIUS_H

#include "setup_ipsec.h"

struct setup_radius {
    const char *servers;        /* addresses or names, with commas; NULL: no RADIUS */
    const char *secret_file;
    char secret[256];           /* typed in: written to a file; wiped by whoever gave it */
    char secret_at[SETUP_FILE]; /* filled by setup_radius_files() */
};

/* 0, or 1 after a sentence. */
int setup_radius_check(const struct setup_radius *r);
int setup_radius_files(struct setup_radius *r, const char *dir, bool force);
/* False: a file's name is no text that YAML can hold. */
bool setup_radius_section(const struct setup_radius *r, FILE *f);

#endif
