/* mschap_crypto.c - the computations of MS-CHAP and of MPPE's first keys.
 *
 * Knows:  RFC 2433 appendix A, RFC 2759 section 8, RFC 3079; UTF-8 and UTF-16.
 * Leaves: packets, who is asked.
 */
#include "crypto/crypto_in.h"

enum { PW_CHARS = 256 };        /* RFC 2759 section 8.1: 0-to-256 Unicode characters */

/* One character; false: this is not UTF-8 (short, overlong, surrogate, too big). */
static bool utf8_next(struct rd *r, uint32_t *out)
{
    static const uint32_t least[4] = { 0, 0x80, 0x800, 0x10000 };
    uint8_t b = rd_u8(r);
    int more = b < 0x80 ? 0 : b >= 0xc2 && b < 0xe0 ? 1 : b >= 0xe0 && b < 0xf0 ? 2
               : b >= 0xf0 && b < 0xf5 ? 3 : -1;
    if (more < 0)
        return false;
    uint32_t c = more ? b & (0x3fu >> more) : b;
    for (int i = 0; i < more; i++) {
        b = rd_u8(r);
        if ((b & 0xc0) != 0x80)
            return false;
        c = c << 6 | (b & 0x3fu);
    }
    *out = c;
    return rd_ok(r) && c >= least[more] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
}

static void put_le16(struct wr *w, uint32_t v)
{
    wr_u8(w, (uint8_t)v);
    wr_u8(w, (uint8_t)(v >> 8));
}

/* Bytes written, or ADIT_EINVAL. */
static int utf16_of(const char *utf8, size_t len, uint8_t out[2 * PW_CHARS])
{
    struct rd r = rd_of(utf8, len);
    struct wr w = wr_of(out, 2 * PW_CHARS);
    while (rd_left(&r) > 0) {
        uint32_t c;
        if (!utf8_next(&r, &c))
            return ADIT_EINVAL;
        if (c >= 0x10000) {
            put_le16(&w, 0xd800 + ((c - 0x10000) >> 10));
            put_le16(&w, 0xdc00 + ((c - 0x10000) & 0x3ff));
        } else {
            put_le16(&w, c);
        }
    }
    return wr_ok(&w) ? (int)wr_len(&w) : ADIT_EINVAL;
}

/* UTF-8 and a NUL; ADIT_EINVAL: half a pair, a NUL inside, or no room. */
static int utf8_of(const uint8_t *utf16, size_t len, char *out, size_t size)
{
    struct rd r = rd_of(utf16, len);
    struct wr w = wr_of(out, size);
    while (rd_left(&r) > 0) {
        uint32_t c = rd_u8(&r);
        c |= (uint32_t)rd_u8(&r) << 8;
        if (c >= 0xd800 && c < 0xdc00) {
            uint32_t lo = rd_u8(&r);
            lo |= (uint32_t)rd_u8(&r) << 8;
            if (lo < 0xdc00 || lo > 0xdfff)
                return ADIT_EINVAL;
            c = 0x10000 + ((c - 0xd800) << 10) + (lo - 0xdc00);
        } else if ((c >= 0xdc00 && c <= 0xdfff) || c == 0) {
            return ADIT_EINVAL;
        }
        if (c < 0x80) {
            wr_u8(&w, (uint8_t)c);
        } else if (c < 0x800) {
            wr_u8(&w, (uint8_t)(0xc0 | c >> 6));
            wr_u8(&w, (uint8_t)(0x80 | (c & 0x3f)));
        } else {
            if (c >= 0x10000) {
                wr_u8(&w, (uint8_t)(0xf0 | c >> 18));
                wr_u8(&w, (uint8_t)(0x80 | (c >> 12 & 0x3f)));
            } else {
                wr_u8(&w, (uint8_t)(0xe0 | c >> 12));
            }
            wr_u8(&w, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
            wr_u8(&w, (uint8_t)(0x80 | (c & 0x3f)));
        }
    }
    wr_u8(&w, 0);
    return rd_ok(&r) && wr_ok(&w) ? 0 : ADIT_EINVAL;
}

static int digest(uint32_t algorithm, uint8_t *out, uint32_t n, const struct adit_chunk *c)
{
    return crypto_digest(algorithm, c, n, out);
}
#define DIGEST(algorithm, out, ...)                                                  \
    digest((algorithm), (out), sizeof((struct adit_chunk[]){ __VA_ARGS__ }) / sizeof(struct adit_chunk), \
           (const struct adit_chunk[]){ __VA_ARGS__ })

/* DesEncrypt: 8 bytes under a key of 7, each 7 bits followed by a parity bit
 * that DES ignores. */
static int des(const uint8_t clear[8], const uint8_t key7[7], uint8_t out[8])
{
    EVP_CIPHER *alg = crypto_des();
    if (!alg)
        return ADIT_ENOSYS;
    uint64_t k = 0;
    uint8_t key[8];
    for (int i = 0; i < 7; i++)
        k = k << 8 | key7[i];
    for (int i = 0; i < 8; i++)
        key[i] = (uint8_t)(k >> (49 - 7 * i) << 1);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (!ctx)
        return ADIT_ENOMEM;
    int n = 0;
    bool ok = EVP_EncryptInit_ex2(ctx, alg, key, NULL, NULL) &&
              EVP_CIPHER_CTX_set_padding(ctx, 0) && EVP_EncryptUpdate(ctx, out, &n, clear, 8) &&
              n == 8;
    EVP_CIPHER_CTX_free(ctx);
    bytes_wipe(key, sizeof key);
    bytes_wipe(&k, sizeof k);
    return ok ? 0 : ADIT_EIO;
}

int nt_password_hash(const char *utf8, size_t len, uint8_t out[16])
{
    uint8_t wide[2 * PW_CHARS];
    int n = utf16_of(utf8, len, wide);
    int rc = n < 0 ? n : DIGEST(ADIT_MD4, out, { wide, (uint64_t)n });
    bytes_wipe(wide, sizeof wide);
    return rc;
}

int hash_nt_password_hash(const uint8_t nt_hash[16], uint8_t out[16])
{
    return DIGEST(ADIT_MD4, out, { nt_hash, 16 });
}

/* ASCII only: what other characters become depended on the OEM code page of a
 * client of 1998. */
int lm_password_hash(const char *utf8, size_t len, uint8_t out[16])
{
    static const uint8_t text[8] = { 'K', 'G', 'S', '!', '@', '#', '$', '%' };
    uint8_t pw[14] = { 0 };
    if (len > sizeof pw)
        return ADIT_EINVAL;
    for (size_t i = 0; i < len; i++) {
        char c = utf8[i];
        if (c & 0x80)
            return ADIT_EINVAL;
        pw[i] = (uint8_t)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    }
    int rc = des(text, pw, out);
    if (rc == 0)
        rc = des(text, pw + 7, out + 8);
    bytes_wipe(pw, sizeof pw);
    return rc;
}

int challenge_response(const uint8_t challenge[8], const uint8_t hash[16], uint8_t out[24])
{
    uint8_t key[21] = { 0 };
    memcpy(key, hash, 16);
    int rc = des(challenge, key, out);
    if (rc == 0)
        rc = des(challenge, key + 7, out + 8);
    if (rc == 0)
        rc = des(challenge, key + 14, out + 16);
    bytes_wipe(key, sizeof key);
    return rc;
}

int challenge_hash(const uint8_t peer[16], const uint8_t auth[16], const char *user, uint8_t out[8])
{
    /* W22: clients send DOMAIN\user and hash user. Here, so that no caller forgets. */
    const char *slash = strrchr(user, '\\');
    uint8_t sha[20];
    if (slash)
        user = slash + 1;
    int rc = DIGEST(ADIT_SHA1, sha, { peer, 16 }, { auth, 16 }, { user, strlen(user) });
    if (rc == 0)
        memcpy(out, sha, 8);
    return rc;
}

int generate_nt_response(const uint8_t auth[16], const uint8_t peer[16], const char *user,
                         const uint8_t nt_hash[16], uint8_t out[24])
{
    uint8_t challenge[8];
    int rc = challenge_hash(peer, auth, user, challenge);
    return rc ? rc : challenge_response(challenge, nt_hash, out);
}

int generate_authenticator_response(const uint8_t nt_hash[16], const uint8_t nt_response[24],
                                    const uint8_t peer[16], const uint8_t auth[16],
                                    const char *user, uint8_t out[20])
{
    static const char magic1[] = "Magic server to client signing constant";
    static const char magic2[] = "Pad to make it do more than one iteration";
    uint8_t hash_hash[16], sha[20], challenge[8];
    int rc = hash_nt_password_hash(nt_hash, hash_hash);
    if (rc == 0)
        rc = DIGEST(ADIT_SHA1, sha, { hash_hash, 16 }, { nt_response, 24 },
                    { magic1, sizeof magic1 - 1 });
    if (rc == 0)
        rc = challenge_hash(peer, auth, user, challenge);
    if (rc == 0)
        rc = DIGEST(ADIT_SHA1, out, { sha, 20 }, { challenge, 8 }, { magic2, sizeof magic2 - 1 });
    bytes_wipe(hash_hash, sizeof hash_hash);
    return rc;
}

/* ---- password change -------------------------------------------------------- */

int new_password_encrypted(const char *utf8, size_t len, const uint8_t old_hash[16], uint8_t out[516])
{
    uint8_t wide[2 * PW_CHARS];
    struct rc4 rc4;
    int n = utf16_of(utf8, len, wide);
    if (n < 0)
        return n;
    crypto_random(out, 512);
    memcpy(out + 512 - n, wide, (size_t)n);
    out[512] = (uint8_t)n;
    out[513] = (uint8_t)(n >> 8);
    out[514] = out[515] = 0;
    rc4_init(&rc4, old_hash, 16);
    rc4_xor(&rc4, out, 516);
    bytes_wipe(wide, sizeof wide);
    bytes_wipe(&rc4, sizeof rc4);
    return 0;
}

int new_password_decrypt(const uint8_t in[516], const uint8_t old_hash[16], char *out, size_t size)
{
    uint8_t block[516];
    struct rc4 rc4;
    memcpy(block, in, sizeof block);
    rc4_init(&rc4, old_hash, 16);
    rc4_xor(&rc4, block, sizeof block);
    uint32_t n = block[512] | (uint32_t)block[513] << 8 | (uint32_t)block[514] << 16 |
                 (uint32_t)block[515] << 24;
    int rc = ADIT_EAUTH;        /* a wrong old password makes noise of it */
    if (n <= 512 && n % 2 == 0)
        rc = utf8_of(block + 512 - n, n, out, size);
    bytes_wipe(block, sizeof block);
    bytes_wipe(&rc4, sizeof rc4);
    return rc;
}

int old_hash_encrypted(const uint8_t new_hash[16], const uint8_t old_hash[16], uint8_t out[16])
{
    int rc = des(old_hash, new_hash, out);
    return rc ? rc : des(old_hash + 8, new_hash + 7, out + 8);
}

/* ---- MPPE start keys (RFC 3079) ---------------------------------------------- */

void mppe_start_key_v1_128(const uint8_t hash_hash[16], const uint8_t challenge[8], uint8_t out[16])
{
    uint8_t sha[20] = { 0 };
    DIGEST(ADIT_SHA1, sha, { hash_hash, 16 }, { hash_hash, 16 }, { challenge, 8 });
    memcpy(out, sha, 16);
    bytes_wipe(sha, sizeof sha);
}

void mppe_master_key(const uint8_t hash_hash[16], const uint8_t nt_response[24], uint8_t out[16])
{
    static const char magic[] = "This is the MPPE Master Key";
    uint8_t sha[20] = { 0 };
    DIGEST(ADIT_SHA1, sha, { hash_hash, 16 }, { nt_response, 24 }, { magic, sizeof magic - 1 });
    memcpy(out, sha, 16);
    bytes_wipe(sha, sizeof sha);
}

void mppe_asymmetric_start_key(const uint8_t master[16], uint8_t *out, uint32_t len,
                               bool is_send, bool is_server)
{
    static const char client_sends[] =
        "On the client side, this is the send key; "
        "on the server side, it is the receive key.";
    static const char server_sends[] =
        "On the client side, this is the receive key; "
        "on the server side, it is the send key.";
    const char *magic = is_send == is_server ? server_sends : client_sends;
    uint8_t pad1[40], pad2[40], sha[20] = { 0 };
    memset(pad1, 0, sizeof pad1);
    memset(pad2, 0xf2, sizeof pad2);
    DIGEST(ADIT_SHA1, sha, { master, 16 }, { pad1, 40 }, { magic, strlen(magic) }, { pad2, 40 });
    memcpy(out, sha, len < 16 ? len : 16);
    bytes_wipe(sha, sizeof sha);
}
