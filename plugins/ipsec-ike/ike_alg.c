/* ike_alg.c - the algorithms of IKEv1 and the proposals made of them.
 *
 * Knows:  numbers, names, sizes; which are weak.
 * Leaves: computing to ike_crypto and esp, bytes to ike_msg.
 */
#include "ike_alg.h"

#include <stdio.h>
#include <string.h>

// clang-format off
static const struct ike_cipher ciphers[] = {
    { IKE_AES_CBC, 256, "aes256", "AES-256-CBC",  16, false },
    { IKE_AES_CBC, 192, "aes192", "AES-192-CBC",  16, false },
    { IKE_AES_CBC, 128, "aes128", "AES-128-CBC",  16, false },
    { IKE_3DES,    192, "3des",   "DES-EDE3-CBC",  8, true  },
};
static const struct ike_hash hashes[] = {
    { IKE_SHA512, "sha512", "SHA512", 64, false },
    { IKE_SHA384, "sha384", "SHA384", 48, false },
    { IKE_SHA256, "sha256", "SHA256", 32, false },
    { IKE_SHA1,   "sha1",   "SHA1",   20, false },
    { IKE_MD5,    "md5",    "MD5",    16, true  },
};
static const struct ike_group groups[] = {
    { 31, "x25519",   IKE_X25519,  32,  32, false },
    { 20, "ecp384",   IKE_ECP,     96,  48, false },
    { 19, "ecp256",   IKE_ECP,     64,  32, false },
    { 16, "modp4096", IKE_MODP,   512, 512, false },
    { 15, "modp3072", IKE_MODP,   384, 384, false },
    { 14, "modp2048", IKE_MODP,   256, 256, false },
    {  5, "modp1536", IKE_MODP,   192, 192, true  },
    {  2, "modp1024", IKE_MODP,   128, 128, true  },
};
static const struct esp_word {
    const char *name;
    uint16_t cipher, key_bits;
    bool whole;                 /* authenticates by itself */
} esp_ciphers[] = {
    { "aes256gcm16", ESP_AES_GCM_16, 256, true  },
    { "aes192gcm16", ESP_AES_GCM_16, 192, true  },
    { "aes128gcm16", ESP_AES_GCM_16, 128, true  },
    { "aes256",      ESP_AES_CBC,    256, false },
    { "aes192",      ESP_AES_CBC,    192, false },
    { "aes128",      ESP_AES_CBC,    128, false },
    { "3des",        ESP_3DES,       192, false },
};
static const struct esp_auth {
    const char *name;
    uint16_t id;
    bool trunc96;
} esp_auths[] = {
    { "sha512",    ESP_HMAC_SHA512, false },
    { "sha384",    ESP_HMAC_SHA384, false },
    { "sha256",    ESP_HMAC_SHA256, false },
    { "sha256_96", ESP_HMAC_SHA256, true  },    /* row A11 */
    { "sha1",      ESP_HMAC_SHA1,   false },
    { "md5",       ESP_HMAC_MD5,    false },
};
// clang-format on
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Few enough that message 1 of a call stays in one datagram, also with two
 * authentication methods. */
const char *const ike_default_proposals[] = {
    "aes256-sha384-ecp384",
    "aes256-sha256-x25519",
    "aes256-sha256-ecp256",
    "aes128-sha256-x25519",
    "aes128-sha256-ecp256",
    "aes256-sha512-modp4096",
    "aes256-sha256-modp4096",
    "aes256-sha256-modp3072",
    "aes128-sha256-modp3072",
    "aes256-sha512-modp2048",   /* M5 */
    "aes256-sha384-modp2048",
    "aes256-sha256-modp2048",   /* M5, most others */
    "aes192-sha256-modp2048",
    "aes128-sha256-modp2048",
    "aes256-sha1-ecp384",       /* W4 */
    "aes256-sha1-ecp256",
    "aes128-sha1-ecp256",       /* W4 */
    "aes256-sha1-modp2048",     /* W4, M5 */
    "aes192-sha1-modp2048",
    "aes128-sha1-modp2048",
    NULL,
};
const char *const ike_default_esp[] = {
    "aes256gcm16",
    "aes192gcm16",
    "aes128gcm16",
    "aes256-sha512",
    "aes256-sha384",
    "aes256-sha256",
    "aes192-sha512",
    "aes192-sha384",
    "aes192-sha256",
    "aes128-sha512",
    "aes128-sha384",
    "aes128-sha256",
    "aes256-sha1",              /* W7, M5 */
    "aes192-sha1",
    "aes128-sha1",              /* W7 */
    NULL,
};

const struct ike_cipher *ike_cipher_of(uint32_t id, uint32_t key_bits)
{
    for (size_t i = 0; i < COUNT(ciphers); i++) {
        const struct ike_cipher *c = &ciphers[i];
        bool fixed = c->id == IKE_3DES && key_bits == 0;
        if (c->id == id && (c->key_bits == key_bits || fixed))
            return c;
    }
    return NULL;
}

const struct ike_hash *ike_hash_of(uint32_t id)
{
    for (size_t i = 0; i < COUNT(hashes); i++)
        if (hashes[i].id == id)
            return &hashes[i];
    return NULL;
}

const struct ike_group *ike_group_of(uint32_t id)
{
    for (size_t i = 0; i < COUNT(groups); i++)
        if (groups[i].id == id)
            return &groups[i];
    return NULL;
}

/* ---- words ------------------------------------------------------------------- */

struct word {
    const char *p;
    size_t len;
};

static bool word_is(struct word w, const char *name)
{
    return strlen(name) == w.len && memcmp(w.p, name, w.len) == 0;
}

/* The next word, up to a hyphen. False: no more. */
static bool word_next(const char **at, struct word *out)
{
    if (!*at)
        return false;
    const char *p = *at, *end = strchr(p, '-');
    *out = (struct word){ p, end ? (size_t)(end - p) : strlen(p) };
    *at = end ? end + 1 : NULL;
    return true;
}

static const struct ike_cipher *cipher_word(struct word w)
{
    for (size_t i = 0; i < COUNT(ciphers); i++)
        if (word_is(w, ciphers[i].name))
            return &ciphers[i];
    return NULL;
}

static const struct ike_hash *hash_word(struct word w)
{
    for (size_t i = 0; i < COUNT(hashes); i++)
        if (word_is(w, hashes[i].name))
            return &hashes[i];
    return NULL;
}

static const struct ike_group *group_word(struct word w)
{
    for (size_t i = 0; i < COUNT(groups); i++)
        if (word_is(w, groups[i].name))
            return &groups[i];
    return NULL;
}

static const struct esp_word *esp_cipher_word(struct word w)
{
    for (size_t i = 0; i < COUNT(esp_ciphers); i++)
        if (word_is(w, esp_ciphers[i].name))
            return &esp_ciphers[i];
    return NULL;
}

static const struct esp_auth *esp_auth_word(struct word w)
{
    for (size_t i = 0; i < COUNT(esp_auths); i++)
        if (word_is(w, esp_auths[i].name))
            return &esp_auths[i];
    return NULL;
}

/* ---- proposals --------------------------------------------------------------- */

static bool refuse(char *why, size_t why_len, const char *text, const char *what)
{
    snprintf(why, why_len, "\"%.64s\": %s", text, what);
    return false;
}

#define IKE_CIPHERS "aes256, aes192, aes128 or 3des"
#define GROUPS "x25519, ecp384, ecp256, modp4096, modp3072, modp2048, modp1536 or modp1024"

bool ike_proposal_parse(const char *text, struct ike_proposal *out, char *why, size_t why_len)
{
    const char *at = text;
    struct word w;
    *out = (struct ike_proposal){ NULL, NULL, NULL };
    if (!word_next(&at, &w) || !(out->cipher = cipher_word(w)))
        return refuse(why, why_len, text, "a proposal begins with a cipher: " IKE_CIPHERS);
    if (!word_next(&at, &w) || !(out->hash = hash_word(w)))
        return refuse(why, why_len, text,
                      "behind the cipher stands a hash: sha512, sha384, sha256, sha1 or md5");
    if (!word_next(&at, &w) || !(out->group = group_word(w)))
        return refuse(why, why_len, text, "behind the hash stands a group: " GROUPS);
    if (at)
        return refuse(why, why_len, text, "nothing stands behind the group");
    return true;
}

bool ike_esp_proposal_parse(const char *text, struct ike_esp_proposal *out, char *why,
                            size_t why_len)
{
    const char *at = text;
    struct word w;
    *out = (struct ike_esp_proposal){ .group = NULL };
    const struct esp_word *c = word_next(&at, &w) ? esp_cipher_word(w) : NULL;
    if (!c)
        return refuse(why, why_len, text,
                      "an ESP proposal begins with a cipher: aes256gcm16, aes192gcm16, "
                      "aes128gcm16, " IKE_CIPHERS);
    out->suite.cipher = c->cipher;
    out->suite.key_bits = c->key_bits;
    if (!c->whole) {
        const struct esp_auth *a = word_next(&at, &w) ? esp_auth_word(w) : NULL;
        if (!a)
            return refuse(why, why_len, text,
                          "behind this cipher stands an authentication: sha512, sha384, sha256, "
                          "sha256_96, sha1 or md5");
        out->suite.auth = a->id;
        out->suite.trunc96 = a->trunc96;
    }
    if (word_next(&at, &w) && !(out->group = group_word(w)))
        return refuse(why, why_len, text,
                      c->whole ? "behind this cipher stands nothing, or a group: " GROUPS
                               : "at the end stands nothing, or a group: " GROUPS);
    if (at)
        return refuse(why, why_len, text, "nothing stands behind the group");
    return true;
}

bool ike_proposal_weak(const struct ike_proposal *p)
{
    return p->cipher->weak || p->hash->weak || p->group->weak;
}

bool ike_esp_proposal_weak(const struct ike_esp_proposal *p)
{
    return p->suite.cipher == ESP_3DES || p->suite.auth == ESP_HMAC_MD5 ||
           (p->group && p->group->weak);
}

void ike_proposal_text(const struct ike_proposal *p, char *out, size_t len)
{
    snprintf(out, len, "%s-%s-%s", p->cipher->name, p->hash->name, p->group->name);
}
