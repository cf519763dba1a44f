/* setup_ipsec.h - what `adit setup` writes for IPsec: keys in files, a section.
 *
 *     struct setup_ipsec i = { .psk = "...", ... };
 *     setup_ipsec_check(&i);                  // does it fit together?
 *     setup_ipsec_files(&i, dir, force);      // makes or takes the key files
 *     setup_ipsec_section(&i, conf, listen);
 */
#ifndef SETUP_IPSEC_H
#define SETUP_IPSEC_H

#include <stdbool.h>
#include <stdio.h>

#define SETUP_FILE 512

struct setup_ipsec {
    const char *psk;            /* wiped by whoever gave it */
    const char *psk_file, *certificate, *key, *ca;
    /* filled by setup_ipsec_files(): as the configuration names them; "" none */
    char psk_at[SETUP_FILE], certificate_at[SETUP_FILE], key_at[SETUP_FILE], ca_at[SETUP_FILE];
    char generated[32];         /* a key that was made; "" none */
};

/* Something to prove ourselves with was given. */
bool setup_ipsec_given(const struct setup_ipsec *i);
/* 0, or 1 after a sentence. */
int setup_ipsec_check(const struct setup_ipsec *i);
/* Without a key or certificate a strong key is made. 0, or 1 after a sentence. */
int setup_ipsec_files(struct setup_ipsec *i, const char *dir, bool force);
/* False: a file's name is no text that YAML can hold. */
bool setup_ipsec_section(const struct setup_ipsec *i, FILE *f, const char *listen);
/* A file with a secret, for the configuration: itself when nobody but its owner, who
 * is us, can read it; else a copy, `name` in `dir`. 0, or 1 after a sentence. */
int setup_secret_file(const char *option, const char *path, const char *dir, const char *name,
                      bool force, char out[SETUP_FILE]);
/* A new file, mode 0600; NULL after a sentence. */
FILE *setup_create(const char *path, bool force);

#endif
