/* rad_msg.c - RADIUS packets as bytes.
 *
 * Knows:  lengths, vendor attributes, hidden values, signatures.
 * Leaves: meaning to rad_attr, names to rad_dict, who is asked to rad_client.
 */
#include "rad_msg.h"

#define VALUE_MAX  253u         /* an attribute's length octet counts two more */
#define VENDOR_MAX 247u         /* Vendor-Id, its own type and length */
#define BLOCK      16u

/* ---- digests --------------------------------------------------------------------- */

static bool md5(const struct rad_key *k, const struct adit_chunk *c, uint32_t n, uint8_t out[16])
{
    return k->crypto->digest(ADIT_MD5, c, n, out) == 0;
}

/* Of a packet whose authenticator is taken to be `auth` (RFC 2865 section 3): what
 * answers and requests without a random authenticator carry. */
static bool sign(const struct rad_key *k, const uint8_t *p, uint32_t len, const uint8_t auth[16],
                 uint8_t out[16])
{
    const struct adit_chunk c[] = {
        { p, 4 }, { auth, 16 }, { p + RAD_HEAD, len - RAD_HEAD }, { k->secret, k->secret_len },
    };
    return md5(k, c, 4, out);
}

/* Message-Authenticator (RFC 2869 section 5.14): the packet with `auth` as its
 * authenticator and its own value, `ma` octets into it, taken for zeros. */
static bool sign_whole(const struct rad_key *k, const uint8_t *p, uint32_t len,
                       const uint8_t auth[16], uint32_t ma, uint8_t out[16])
{
    static const uint8_t zeros[16];
    const struct adit_chunk c[] = {
        { p, 4 }, { auth, 16 }, { p + RAD_HEAD, ma - RAD_HEAD }, { zeros, 16 },
        { p + ma + 16, len - ma - 16 },
    };
    return k->crypto->hmac(ADIT_MD5, k->secret, k->secret_len, c, 5, out) == 0;
}

/* Requests whose authenticator is a signature rather than random (RFC 2866 section
 * 3, RFC 5176 section 2.3). */
static bool signed_request(uint32_t code)
{
    return code == RAD_ACCOUNTING_REQUEST || code == RAD_DISCONNECT_REQUEST || code == RAD_COA_REQUEST;
}

/* ---- writing ----------------------------------------------------------------------- */

static uint8_t *attribute(struct rad_out *o, uint32_t type, uint32_t len)
{
    if (o->full || len > VALUE_MAX || o->len + 2 + len > RAD_MAX) {
        o->full = true;
        return NULL;
    }
    uint8_t *p = o->bytes + o->len;
    p[0] = (uint8_t)type;
    p[1] = (uint8_t)(len + 2);
    o->len += len + 2;
    return p + 2;
}

static void begin(struct rad_out *o, const struct rad_key *key, uint32_t code, bool ma)
{
    o->key = key;
    o->code = code;
    o->len = RAD_HEAD;
    o->full = false;
    o->ma_at = 0;
    if (!ma)
        return;
    /* First of all: an attacker who may choose what follows cannot shift it into a
     * prefix of his own (draft-ietf-radext-deprecating-radius section 5.2). */
    uint8_t *p = attribute(o, RAD_MESSAGE_AUTHENTICATOR, 16);
    memset(p, 0, 16);
    o->ma_at = (uint32_t)(p - o->bytes);
}

void rad_begin(struct rad_out *o, const struct rad_key *key, uint32_t code)
{
    begin(o, key, code, code != RAD_ACCOUNTING_REQUEST);
    if (signed_request(code))
        memset(o->authenticator, 0, sizeof o->authenticator);
    else
        key->crypto->random(o->authenticator, sizeof o->authenticator);
}

void rad_begin_answer(struct rad_out *o, const struct rad_key *key, uint32_t code,
                      const uint8_t authenticator[16])
{
    begin(o, key, code, code != RAD_ACCOUNTING_RESPONSE);
    memcpy(o->authenticator, authenticator, sizeof o->authenticator);
}

void rad_put(struct rad_out *o, uint32_t type, const void *p, uint32_t len)
{
    if (!len)
        return;                 /* RFC 2865 section 5: there are no empty ones */
    uint8_t *at = attribute(o, type, len);
    if (at)
        memcpy(at, p, len);
}

void rad_put_u32(struct rad_out *o, uint32_t type, uint32_t v)
{
    const uint8_t b[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v };
    rad_put(o, type, b, sizeof b);
}

void rad_put_str(struct rad_out *o, uint32_t type, const char *s)
{
    if (s)
        rad_put(o, type, s, (uint32_t)strnlen(s, VALUE_MAX));
}

void rad_put_long(struct rad_out *o, uint32_t type, const void *p, uint32_t len)
{
    const uint8_t *at = p;
    while (len) {
        uint32_t part = len < VALUE_MAX ? len : VALUE_MAX;
        rad_put(o, type, at, part);
        at += part;
        len -= part;
    }
}

void rad_put_vendor(struct rad_out *o, uint32_t vendor, uint32_t type, const void *p, uint32_t len)
{
    if (!len)
        return;
    if (len > VENDOR_MAX) {
        o->full = true;
        return;
    }
    uint8_t *at = attribute(o, RAD_VENDOR_SPECIFIC, len + 6);
    if (!at)
        return;
    struct wr w = wr_of(at, len + 6);
    wr_u32(&w, vendor);
    wr_u8(&w, (uint8_t)type);
    wr_u8(&w, (uint8_t)(len + 2));
    wr_bytes(&w, p, len);
}

void rad_put_tagged(struct rad_out *o, uint32_t type, uint32_t tag, const void *p, uint32_t len)
{
    if (!len)
        return;
    uint8_t *at = attribute(o, type, len + 1);
    if (!at)
        return;
    at[0] = (uint8_t)tag;
    memcpy(at + 1, p, len);
}

/* One step of the chain that hides passwords and keys: the block's pad from what
 * stood before it. */
static bool pad_of(const struct rad_key *k, const uint8_t *before, const uint8_t *salt, uint8_t pad[BLOCK])
{
    const struct adit_chunk c[] = { { k->secret, k->secret_len }, { before, BLOCK }, { salt, salt ? 2 : 0 } };
    return md5(k, c, salt ? 3 : 2, pad);
}

void rad_put_password(struct rad_out *o, const void *p, uint32_t len)
{
    uint32_t hidden = len ? (len + BLOCK - 1) / BLOCK * BLOCK : BLOCK;
    uint8_t pad[BLOCK];
    if (len > RAD_PASSWORD_MAX) {
        o->full = true;
        return;
    }
    uint8_t *at = attribute(o, RAD_USER_PASSWORD, hidden);
    if (!at)
        return;
    memset(at, 0, hidden);
    if (len)
        memcpy(at, p, len);
    const uint8_t *before = o->authenticator;
    for (uint32_t i = 0; i < hidden; i += BLOCK) {
        if (!pad_of(o->key, before, NULL, pad)) {
            bytes_wipe(at, hidden);
            o->full = true;
            return;
        }
        for (uint32_t k = 0; k < BLOCK; k++)
            at[i + k] ^= pad[k];
        before = at + i;
    }
    bytes_wipe(pad, sizeof pad);
}

bool rad_has(const struct rad_out *o, uint32_t type)
{
    struct rd r = rd_of(o->bytes + RAD_HEAD, o->len - RAD_HEAD);
    while (rd_left(&r)) {
        uint8_t t = rd_u8(&r), n = rd_u8(&r);
        if (t == type)
            return true;
        rd_skip(&r, n - 2u);    /* ours are never shorter than two */
    }
    return false;
}

uint32_t rad_finish(struct rad_out *o, uint8_t id)
{
    static const uint8_t zeros[16];
    uint8_t *p = o->bytes;

    if (o->full)
        return 0;
    p[0] = (uint8_t)o->code;
    p[1] = id;
    p[2] = (uint8_t)(o->len >> 8);
    p[3] = (uint8_t)o->len;
    bool request = signed_request(o->code);
    const uint8_t *auth = request ? zeros : o->authenticator;
    if (o->ma_at && !sign_whole(o->key, p, o->len, auth, o->ma_at, p + o->ma_at))
        return 0;
    if (o->code == RAD_ACCESS_REQUEST || o->code == RAD_STATUS_SERVER) {
        memcpy(p + 4, o->authenticator, 16);
        return o->len;
    }
    if (!sign(o->key, p, o->len, auth, p + 4))
        return 0;
    if (request)
        memcpy(o->authenticator, p + 4, 16);    /* what the answer is verified with */
    return o->len;
}

/* ---- reading ----------------------------------------------------------------------------- */

bool rad_open(struct rad_in *in, const void *p, size_t len)
{
    struct rd r = rd_of(p, len);
    in->p = p;
    in->code = rd_u8(&r);
    in->id = rd_u8(&r);
    in->len = rd_u16(&r);
    in->authenticator = rd_bytes(&r, 16);
    /* RFC 2865 section 3: shorter than it says: dropped; what is beyond is padding. */
    if (!rd_ok(&r) || in->len < RAD_HEAD || in->len > len || in->len > RAD_MAX)
        return false;
    struct rd attrs = rd_sub(&r, in->len - RAD_HEAD);
    while (rd_left(&attrs)) {
        rd_skip(&attrs, 1);
        uint8_t octets = rd_u8(&attrs);
        if (octets < 2)
            return false;       /* would never advance */
        rd_skip(&attrs, octets - 2u);
    }
    return rd_ok(&attrs);
}

/* The next attribute of the vendor's that stands at `inner`. */
static void next_inner(const struct rad_in *in, struct rad_attr *a)
{
    uint32_t left = a->inner_end - a->inner;
    const uint8_t *p = in->p + a->inner;
    a->bad = left < 2 || p[1] < 2 || p[1] > left;
    if (a->bad) {
        a->type = 0;
        a->p = p;
        a->len = left;
        a->inner = a->inner_end;
        return;
    }
    a->type = p[0];
    a->p = p + 2;
    a->len = p[1] - 2u;
    a->inner += p[1];
}

bool rad_next(const struct rad_in *in, struct rad_attr *a)
{
    if (!a->at)
        a->at = RAD_HEAD;
    if (a->inner < a->inner_end) {
        next_inner(in, a);
        return true;
    }
    if (a->at >= in->len)
        return false;
    const uint8_t *p = in->p + a->at;
    a->vendor = 0;
    a->type = p[0];
    a->p = p + 2;
    a->len = p[1] - 2u;         /* rad_open() has seen that it fits */
    a->bad = false;
    a->at += p[1];
    if (a->type != RAD_VENDOR_SPECIFIC)
        return true;
    if (a->len < 6) {
        a->bad = true;
        return true;
    }
    struct rd r = rd_of(a->p, a->len);
    a->vendor = rd_u32(&r);
    a->inner = (uint32_t)(a->p - in->p) + 4;
    a->inner_end = a->at;
    if (!a->vendor) {           /* would be taken for one of the standard's own */
        a->bad = true;
        a->inner = a->inner_end;
        return true;
    }
    next_inner(in, a);
    return true;
}

bool rad_find(const struct rad_in *in, uint32_t vendor, uint32_t type, struct rad_attr *a)
{
    memset(a, 0, sizeof *a);
    while (rad_next(in, a))
        if (!a->bad && a->vendor == vendor && a->type == type)
            return true;
    return false;
}

bool rad_u32(const struct rad_attr *a, uint32_t *v)
{
    if (a->bad || a->len != 4)
        return false;
    struct rd r = rd_of(a->p, 4);
    *v = rd_u32(&r);
    return true;
}

uint32_t rad_gather(const struct rad_in *in, uint32_t type, uint8_t *out, uint32_t size)
{
    uint32_t len = 0;
    for (struct rad_attr a = { 0 }; rad_next(in, &a);) {
        if (a.bad || a.vendor || a.type != type)
            continue;
        if (a.len > size - len)
            return 0;
        memcpy(out + len, a.p, a.len);
        len += a.len;
    }
    return len;
}

/* `auth`: what the signature takes for the authenticator. */
static enum rad_verdict verify_whole(const struct rad_in *in, const struct rad_key *key,
                                     const uint8_t auth[16], uint32_t ma)
{
    uint8_t want[16];
    uint32_t at = 0;
    for (struct rad_attr a = { 0 }; rad_next(in, &a);) {
        if (a.vendor || a.bad)
            continue;
        if (a.type == RAD_EAP_MESSAGE)
            ma |= RAD_MA_REQUIRED;      /* RFC 3579 section 3.2 */
        if (a.type != RAD_MESSAGE_AUTHENTICATOR)
            continue;
        if (a.len != 16 || at)
            return RAD_BAD_MESSAGE_AUTHENTICATOR;
        at = (uint32_t)(a.p - in->p);
    }
    if (!at)
        return ma & RAD_MA_REQUIRED ? RAD_NO_MESSAGE_AUTHENTICATOR : RAD_OK;
    if (!sign_whole(key, in->p, in->len, auth, at, want) || !bytes_equal(want, in->p + at, 16))
        return RAD_BAD_MESSAGE_AUTHENTICATOR;
    return RAD_OK;
}

enum rad_verdict rad_verify(const struct rad_in *in, const struct rad_key *key,
                            const uint8_t request_authenticator[16], uint32_t ma)
{
    uint8_t want[16];
    if (!sign(key, in->p, in->len, request_authenticator, want) ||
        !bytes_equal(want, in->authenticator, 16))
        return RAD_BAD_AUTHENTICATOR;
    return verify_whole(in, key, request_authenticator, ma);
}

enum rad_verdict rad_verify_request(const struct rad_in *in, const struct rad_key *key, uint32_t ma)
{
    static const uint8_t zeros[16];
    uint8_t want[16];
    if (!signed_request(in->code))
        return verify_whole(in, key, in->authenticator, ma);
    if (!sign(key, in->p, in->len, zeros, want) || !bytes_equal(want, in->authenticator, 16))
        return RAD_BAD_AUTHENTICATOR;
    return verify_whole(in, key, zeros, ma);
}

/* ---- hidden values -------------------------------------------------------------------------- */

static bool unhide(const struct rad_key *k, const uint8_t *auth, const uint8_t *salt,
                   const uint8_t *p, uint32_t len, uint8_t *out)
{
    uint8_t pad[BLOCK];
    const uint8_t *before = auth;
    for (uint32_t i = 0; i < len; i += BLOCK) {
        if (!pad_of(k, before, i ? NULL : salt, pad))
            return false;
        for (uint32_t b = 0; b < BLOCK; b++)
            out[i + b] = p[i + b] ^ pad[b];
        before = p + i;
    }
    bytes_wipe(pad, sizeof pad);
    return true;
}

int32_t rad_unhide(const struct rad_key *key, const uint8_t request_authenticator[16],
                   const uint8_t *p, uint32_t len, uint8_t *out, uint32_t size)
{
    if (!len || len % BLOCK || len > size)
        return -1;
    return unhide(key, request_authenticator, NULL, p, len, out) ? (int32_t)len : -1;
}

int32_t rad_unsalt(const struct rad_key *key, const uint8_t request_authenticator[16],
                   const uint8_t *p, uint32_t len, uint8_t *out, uint32_t size)
{
    uint8_t plain[VALUE_MAX + BLOCK];
    int32_t rc = -1;

    /* salt of 2 octets; then, hidden: length octet, value, padding */
    if (len < 2 + BLOCK || (len - 2) % BLOCK || len - 2 > sizeof plain)
        return -1;
    if (unhide(key, request_authenticator, p, p + 2, len - 2, plain) &&
        plain[0] <= len - 3 && plain[0] <= size) {
        rc = plain[0];
        memcpy(out, plain + 1, plain[0]);
    }
    bytes_wipe(plain, sizeof plain);
    return rc;
}
