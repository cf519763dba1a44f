/* ike_golden.h - tests/golden/ike/NAME.hex: a captured IKEv1 exchange and what its
 * responder logged of it.
 *
 *     struct golden *g = golden_load("psk-nat");
 *     const struct golden_row *r = golden_row(g, "skeyid", 0);
 */
#ifndef IKE_GOLDEN_H
#define IKE_GOLDEN_H

#include "hex.h"

#include <stdio.h>
#include <stdlib.h>

struct golden_row {
    char key[16];               /* "i": sent by the initiator, "r": by the responder */
    uint8_t *p;                 /* of exactly its size */
    size_t len;
};
struct golden {
    char proposal[64];
    struct golden_row row[48];
    uint32_t count;
};

static const char *const golden_names[] = {
    "psk-nat", "psk-sha1", "psk-3des", "psk-ecp384", "psk-x25519", "psk-libreswan",
    "cert-rsa", "cert-ecdsa", "cert-ecdsa-sha1", "cert-rsa-libreswan", NULL,
};

static inline struct golden *golden_load(const char *name)
{
    static char line[65536];
    static uint8_t bytes[32768];
    const char *top = getenv("top_srcdir");
    char path[512];
    snprintf(path, sizeof path, "%s/tests/golden/ike/%s.hex", top ? top : "..", name);
    FILE *f = fopen(path, "r");
    ck_assert_msg(f != NULL, "%s: is top_srcdir set?", path);
    struct golden *g = calloc(1, sizeof *g);
    while (fgets(line, sizeof line, f)) {
        char *text = strchr(line, ' ');
        if (line[0] == '#' || !text)
            continue;
        *text++ = '\0';
        if (strcmp(line, "proposal") == 0) {
            snprintf(g->proposal, sizeof g->proposal, "%.*s", (int)strcspn(text, "\n"), text);
            continue;
        }
        ck_assert_uint_lt(g->count, sizeof g->row / sizeof g->row[0]);
        struct golden_row *r = &g->row[g->count++];
        snprintf(r->key, sizeof r->key, "%.15s", line);
        r->len = hex_get(bytes, sizeof bytes, text);
        r->p = malloc(r->len ? r->len : 1);
        memcpy(r->p, bytes, r->len);
    }
    fclose(f);
    return g;
}

static inline void golden_free(struct golden *g)
{
    for (uint32_t i = 0; i < g->count; i++)
        free(g->row[i].p);
    free(g);
}

static inline struct golden_row *golden_row(struct golden *g, const char *key, uint32_t nth)
{
    for (uint32_t i = 0; i < g->count; i++)
        if (strcmp(g->row[i].key, key) == 0 && nth-- == 0)
            return &g->row[i];
    return NULL;
}

#endif
