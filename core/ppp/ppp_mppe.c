/* ppp_mppe.c - one direction of MPPE (RFC 3078).
 *
 * Knows:  coherency counts, key changes, losses; nothing here allocates.
 * Leaves: SHA-1 and RC4 to crypto, Reset-Requests to ppp_ccp.
 *
 * The first packet has count 0, in stateful mode without the FLUSHED bit, as
 * Linux and FreeBSD send and expect it (RFC 3078 section 3.1 can be read
 * otherwise). In stateless mode packet n uses the session key after n + 1
 * changes; in stateful mode the key changes before each packet whose count
 * ends in FF.
 */
#include "ppp/ppp_mppe.h"

#include <string.h>
#include <adit/bytes.h>
#include <adit/attr.h>

/* RFC 3078 section 7.3: 40 and 56 bit keys have known first bytes. */
static void salt(uint8_t key[16], uint32_t n)
{
    static const uint8_t salts[3] = { 0xd1, 0x26, 0x9e };
    memcpy(key, salts, n);
}

static void change(const struct mppe *m, uint8_t session[16])
{
    mppe_new_key(m->start, session, m->len);
    salt(session, m->salt);
}

void mppe_init(struct mppe *m, const uint8_t start[16], uint32_t enc, bool stateless)
{
    memset(m, 0, sizeof *m);
    m->len = enc == ADIT_ENC_128 ? 16 : 8;
    m->salt = enc == ADIT_ENC_128 ? 0 : enc == ADIT_ENC_56 ? 1 : 3;
    m->stateless = stateless;
    m->credit = MPPE_CREDIT;
    memcpy(m->start, start, m->len);
    mppe_key_from_sha(m->start, m->start, m->len, m->session);
    salt(m->session, m->salt);
    if (stateless)
        change(m, m->session);
    else
        rc4_init(&m->rc4, m->session, m->len);
}

void mppe_fini(struct mppe *m)
{
    bytes_wipe(m, sizeof *m);
}

void mppe_reset(struct mppe *m)
{
    m->flush = !m->stateless;
}

uint32_t mppe_seal(struct mppe *m, struct adit_frame **v, uint32_t n)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct adit_frame *f = v[i];
        uint8_t *data = f->data;
        uint32_t len = f->len;
        uint8_t *head = adit_frame_push(f, MPPE_HEAD);
        if (!head)
            continue;
        uint16_t bits = (uint16_t)(MPPE_FLAG_D | m->count);
        if (m->stateless) {
            struct rc4 r;
            mppe_step(m->start, m->session, m->len, m->salt, &r);
            bits |= MPPE_FLAG_A;
            rc4_xor(&r, data, len);
        } else {
            bool flag = (m->count & 0xff) == 0xff;
            if (flag)
                change(m, m->session);
            if (flag || m->flush) {
                rc4_init(&m->rc4, m->session, m->len);
                bits |= MPPE_FLAG_A;
                m->flush = false;
            }
            rc4_xor(&m->rc4, data, len);
        }
        head[0] = (uint8_t)(bits >> 8);
        head[1] = (uint8_t)bits;
        m->count = (uint16_t)((m->count + 1u) % MPPE_COUNTS);
        v[kept++] = f;
    }
    return kept;
}

/* Whether a plain text of `len` bytes, of which the first ones are in `b`,
 * begins a datagram: IP of a length that fits, or IPX. Nothing else is ever
 * inside (RFC 3078 section 3 leaves control protocols outside). A forged packet
 * passes once in some ten thousand. */
#define PEEK 8
static bool plausible(const uint8_t b[PEEK], uint32_t len)
{
    struct rd r = rd_of(b, len < PEEK ? len : PEEK);
    uint8_t proto = rd_u8(&r);
    if (proto == 0)
        proto = rd_u8(&r);      /* the protocol field is not compressed */
    uint32_t head = (uint32_t)(r.p - b);
    uint16_t first = rd_u16(&r), second = rd_u16(&r), third = rd_u16(&r);
    switch (proto) {
    case 0x21:                  /* version 4, 5 words of header at least; total length */
        return first >> 12 == 4 && (first >> 8 & 15) >= 5 && second >= 20 && second <= len - head;
    case 0x57:                  /* version 6; payload length */
        return rd_ok(&r) && first >> 12 == 6 && third + 40u <= len - head;
    case 0x2b:                  /* no checksum; length */
        return first == 0xffff && second >= 30 && second <= len - head;
    default:
        return false;
    }
}

/* Decrypts the first bytes with `r`; true: they make sense, and `r` stands
 * behind them. */
static bool try_open(struct rc4 *r, const uint8_t *data, uint32_t len, uint8_t peek[PEEK])
{
    uint32_t n = len < PEEK ? len : PEEK;
    memcpy(peek, data, n);
    rc4_xor(r, peek, n);
    return plausible(peek, len);
}

static void finish(struct rc4 *r, uint8_t *data, uint32_t len, const uint8_t peek[PEEK])
{
    uint32_t n = len < PEEK ? len : PEEK;
    memcpy(data, peek, n);
    rc4_xor(r, data + n, len - n);
}

static enum mppe_result undecipherable(struct mppe *m)
{
    if (++m->bad < MPPE_BAD_MAX)
        return m->stateless ? MPPE_BAD : MPPE_GAP;
    m->bad = 0;
    return MPPE_LOST;
}

static enum mppe_result open_stateless(struct mppe *m, uint16_t bits, uint8_t *data, uint32_t len)
{
    if (!(bits & MPPE_FLAG_A))
        return MPPE_BAD;        /* RFC 3078 section 3.1: always set */
    uint32_t ahead = (bits - m->count) % MPPE_COUNTS;
    if (ahead >= MPPE_COUNTS / 2) {
        /* Only what is ahead can be read, its keys are gone (L5). But when all
         * that comes seems late, half a round or more was lost. */
        return undecipherable(m) == MPPE_LOST ? MPPE_LOST : MPPE_LATE;
    }
    if (ahead > MPPE_NEAR && ahead > m->credit)
        return MPPE_BAD;        /* somebody forges: enough was spent on it this second */

    uint8_t session[16], peek[PEEK] = { 0 };
    struct rc4 r;
    memcpy(session, m->session, sizeof session);
    for (uint32_t i = 0; i < ahead; i++)
        change(m, session);
    mppe_step(m->start, session, m->len, m->salt, &r);
    if (!try_open(&r, data, len, peek)) {
        m->credit -= ahead < m->credit ? ahead : m->credit;
        return undecipherable(m);
    }
    finish(&r, data, len, peek);
    memcpy(m->session, session, sizeof session);
    m->count = (uint16_t)((m->count + ahead + 1) % MPPE_COUNTS);
    m->lost += ahead;
    m->bad = 0;
    return MPPE_OK;
}

static enum mppe_result open_stateful(struct mppe *m, uint16_t bits, uint8_t *data, uint32_t len)
{
    uint32_t count = bits % MPPE_COUNTS;
    uint32_t ahead = (count - m->count) % MPPE_COUNTS;
    bool flushed = bits & MPPE_FLAG_A;
    bool flag = (count & 0xff) == 0xff;

    if (ahead >= MPPE_COUNTS / 2 && !(m->gap && flushed))
        return MPPE_LATE;
    if (ahead > 0 && !flushed) {
        m->gap = true;          /* the stream cannot be entered but at a flushed packet */
        return MPPE_GAP;
    }

    uint8_t session[16], peek[PEEK] = { 0 };
    struct rc4 r = m->rc4;
    memcpy(session, m->session, sizeof session);
    /* the flag packets that were missed each changed the key */
    for (uint32_t c = m->count; ahead > 0 && c % MPPE_COUNTS != count; c++) {
        if ((c & 0xff) == 0xff)
            change(m, session);
    }
    if (flag)
        change(m, session);
    if (flag || flushed)
        rc4_init(&r, session, m->len);
    bool ok = try_open(&r, data, len, peek);
    if (!ok && flushed && !flag) {
        /* Linux answers a Reset-Request with a new key, where RFC 3078 keeps
         * the current one. */
        change(m, session);
        rc4_init(&r, session, m->len);
        ok = try_open(&r, data, len, peek);
    }
    if (!ok)
        return undecipherable(m);
    finish(&r, data, len, peek);
    memcpy(m->session, session, sizeof session);
    m->rc4 = r;
    m->count = (uint16_t)((count + 1) % MPPE_COUNTS);
    m->lost += ahead;
    m->gap = false;
    m->bad = 0;
    return MPPE_OK;
}

enum mppe_result mppe_open(struct mppe *m, struct adit_frame *f)
{
    struct rd h = rd_of(f->data, f->len);
    uint16_t bits = rd_u16(&h);
    if (!adit_frame_pull(f, MPPE_HEAD) || f->len == 0)
        return MPPE_BAD;
    if (!(bits & MPPE_FLAG_D) || bits & MPPE_FLAG_C)
        return MPPE_BAD;        /* not encrypted, or compressed: neither was agreed */
    return m->stateless ? open_stateless(m, bits, f->data, f->len)
                        : open_stateful(m, bits, f->data, f->len);
}
