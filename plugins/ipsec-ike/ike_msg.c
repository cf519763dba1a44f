/* ike_msg.c - messages of ISAKMP and the IPsec DOI as bytes.
 *
 * Knows:  every payload's format, both directions.
 * Leaves: what is encrypted how, what is allowed when.
 */
#include "ike_msg.h"
#include "ike_alg.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <sys/socket.h>

#define VERSION      0x10u      /* 1.0 */
#define GENERIC_LEN  4u
#define SITUATION    1u         /* SIT_IDENTITY_ONLY, the only one of transport mode */
#define KEY_IKE      1u         /* the one transform of phase 1 */
#define FRAGMENT_LAST 0x01u

/* attributes: phase 1 (RFC 2409 appendix A) */
#define A1_CIPHER 1u
#define A1_HASH 2u
#define A1_AUTH 3u
#define A1_GROUP 4u
#define A1_LIFE_TYPE 11u
#define A1_LIFE 12u
#define A1_KEY_BITS 14u
/* phase 2 (RFC 2407 section 4.5) */
#define A2_LIFE_TYPE 1u
#define A2_LIFE 2u
#define A2_GROUP 3u
#define A2_ENCAP 4u
#define A2_AUTH 5u
#define A2_KEY_BITS 6u
#define LIFE_SECONDS 1u
#define LIFE_KB      2u

/* ---- header and chain -------------------------------------------------------- */

enum ike_msg_bad ike_hdr_parse(struct ike_hdr *h, const uint8_t *p, size_t len)
{
    struct rd r = rd_of(p, len);
    rd_copy(&r, h->cookie_i, sizeof h->cookie_i);
    rd_copy(&r, h->cookie_r, sizeof h->cookie_r);
    h->next = rd_u8(&r);
    h->version = rd_u8(&r);
    h->exchange = rd_u8(&r);
    h->flags = rd_u8(&r);
    h->message_id = rd_u32(&r);
    h->length = rd_u32(&r);
    if (!rd_ok(&r))
        return IKE_MSG_SHORT;
    if (h->version != VERSION)
        return IKE_MSG_VERSION;
    if (h->length < IKE_HDR_LEN || h->length > len || h->length > IKE_MSG_MAX)
        return IKE_MSG_LENGTH;
    return IKE_MSG_OK;
}

enum ike_msg_bad ike_msg_parse(struct ike_msg *m, const uint8_t *p, size_t len)
{
    m->count = 0;
    m->bytes = p;
    m->len = 0;
    enum ike_msg_bad bad = ike_hdr_parse(&m->hdr, p, len);
    if (bad)
        return bad;
    m->len = m->hdr.length;
    struct rd r = rd_of(p, m->len);
    rd_skip(&r, IKE_HDR_LEN);
    for (uint8_t type = m->hdr.next; type != IKE_P_NONE;) {
        struct rd peek = r;
        uint8_t next = rd_u8(&peek), reserved = rd_u8(&peek);
        uint16_t whole = rd_u16(&peek);
        struct rd all = rd_sub(&r, whole < GENERIC_LEN ? SIZE_MAX : whole);
        /* Section 5.3: with something in RESERVED the message is discarded; it also
         * tells a message that was decrypted with another key. */
        if (!rd_ok(&peek) || !rd_ok(&all) || reserved || m->count == IKE_PAYLOADS)
            return IKE_MSG_CHAIN;
        size_t n;
        struct ike_payload *out = &m->p[m->count++];
        out->type = type;
        out->whole = rd_bytes(&all, GENERIC_LEN);
        out->body = rd_rest(&all, &n);
        out->len = (uint16_t)n;
        type = next;
    }
    return rd_left(&r) && !(m->hdr.flags & IKE_F_ENCRYPTED) ? IKE_MSG_CHAIN : IKE_MSG_OK;
}

const struct ike_payload *ike_msg_find(const struct ike_msg *m, uint32_t type, uint32_t nth)
{
    for (uint32_t i = 0; i < m->count; i++)
        if (m->p[i].type == type && nth-- == 0)
            return &m->p[i];
    return NULL;
}

/* ---- SA ------------------------------------------------------------------------ */

/* The value of an attribute, short or of any length; what is too big for 64 bits
 * is the biggest. */
static uint64_t attr_value(struct rd *r, uint16_t type)
{
    if (type & 0x8000u)
        return rd_u16(r);
    uint64_t v = 0;
    struct rd b = rd_sub(r, rd_u16(r));
    while (rd_left(&b) > 0) {
        if (v > UINT64_MAX >> 8) {
            v = UINT64_MAX;
            break;
        }
        v = v << 8 | rd_u8(&b);
    }
    return v;
}

/* Named twice with two values: whichever is meant, it is not this transform. */
static void number(struct ike_transform *t, uint32_t *to, uint64_t v)
{
    uint32_t n = v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
    if (*to && *to != n)
        t->odd = true;
    *to = n;
}

static void lifetime(struct ike_transform *t, uint64_t *kind, uint64_t v)
{
    uint64_t *to = *kind == LIFE_SECONDS ? &t->life_s : *kind == LIFE_KB ? &t->life_kb : NULL;
    if (!to || *to || !v)
        t->odd = true;          /* a life without a type, twice, or of no time at all */
    else
        *to = v;
    *kind = 0;
}

static void attribute(struct ike_transform *t, bool phase1, uint16_t type, uint64_t v,
                      uint64_t *life)
{
    switch ((phase1 ? 0u : 0x100u) | type) {
    case A1_CIPHER:
        number(t, &t->cipher, v);
        break;
    case A1_HASH:
        number(t, &t->hash, v);
        break;
    case A1_AUTH:
        number(t, &t->auth, v);
        break;
    case A1_GROUP:
    case 0x100 | A2_GROUP:
        number(t, &t->group, v);
        break;
    case A1_KEY_BITS:
    case 0x100 | A2_KEY_BITS:
        number(t, &t->key_bits, v);
        break;
    case 0x100 | A2_ENCAP:
        number(t, &t->encap, v);
        break;
    case 0x100 | A2_AUTH:
        number(t, &t->esp_auth, v);
        break;
    case A1_LIFE_TYPE:
    case 0x100 | A2_LIFE_TYPE:
        *life = v;
        break;
    case A1_LIFE:
    case 0x100 | A2_LIFE:
        lifetime(t, life, v);
        break;
    default:
        t->odd = true;          /* a group of one's own, a PRF, extended sequence numbers ... */
    }
}

/* One transform; *next is the type of what follows it. */
static bool transform_read(struct rd *r, bool phase1, struct ike_transform *t, uint8_t *next)
{
    *t = (struct ike_transform){ .number = 0 };
    *next = rd_u8(r);
    rd_u8(r);
    uint16_t whole = rd_u16(r);
    struct rd b = rd_sub(r, whole < GENERIC_LEN ? SIZE_MAX : (size_t)whole - GENERIC_LEN);
    t->number = rd_u8(&b);
    t->id = rd_u8(&b);
    rd_u16(&b);
    uint64_t life = 0;
    while (rd_left(&b) > 0) {
        uint16_t type = rd_u16(&b);
        uint64_t v = attr_value(&b, type);
        if (rd_ok(&b))
            attribute(t, phase1, type & 0x7fffu, v, &life);
    }
    return rd_ok(&b);
}

static bool proposal_read(struct rd *r, struct ike_offer *out, uint8_t *next)
{
    *next = rd_u8(r);
    rd_u8(r);
    uint16_t whole = rd_u16(r);
    struct rd b = rd_sub(r, whole < GENERIC_LEN ? SIZE_MAX : (size_t)whole - GENERIC_LEN);
    out->number = rd_u8(&b);
    out->protocol = rd_u8(&b);
    out->spi_len = rd_u8(&b);
    uint8_t count = rd_u8(&b), follows = IKE_P_TRANSFORM;
    out->spi = rd_bytes(&b, out->spi_len);
    out->count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct ike_transform t;
        if (follows != IKE_P_TRANSFORM ||
            !transform_read(&b, out->protocol == IKE_PROTO_ISAKMP, &t, &follows))
            return false;
        if (out->count < IKE_TRANSFORMS)
            out->t[out->count++] = t;
    }
    return rd_done(&b) && count > 0 && follows == IKE_P_NONE;
}

bool ike_offer_next(const struct ike_payload *sa, size_t *at, struct ike_offer *out, bool *bad)
{
    struct rd r = rd_of(sa->body, sa->len);
    uint8_t next;
    *bad = false;
    if (*at == 0) {
        *bad = rd_u32(&r) != IKE_DOI_IPSEC || rd_u32(&r) != SITUATION || !rd_left(&r);
    } else {
        rd_skip(&r, *at);
        if (rd_done(&r))
            return false;
    }
    *bad = *bad || !proposal_read(&r, out, &next) ||
           next != (rd_left(&r) ? IKE_P_PROPOSAL : IKE_P_NONE);
    *at = sa->len - rd_left(&r);
    return !*bad;
}

/* ---- other payloads ------------------------------------------------------------ */

static bool id_fits(uint8_t type, size_t len)
{
    switch (type) {
    case IKE_ID_IPV4:
        return len == 4;
    case IKE_ID_IPV4_SUBNET:
        return len == 8;
    case IKE_ID_IPV6:
        return len == 16;
    case IKE_ID_IPV6_SUBNET:
        return len == 32;
    default:
        return len > 0;
    }
}

bool ike_id_read(const struct ike_payload *p, struct ike_id *out)
{
    struct rd r = rd_of(p->body, p->len);
    size_t n;
    out->type = rd_u8(&r);
    out->protocol = rd_u8(&r);
    out->port = rd_u16(&r);
    out->data = rd_rest(&r, &n);
    out->len = (uint16_t)n;
    return rd_ok(&r) && id_fits(out->type, n);
}

bool ike_notify_read(const struct ike_payload *p, struct ike_notify *out)
{
    struct rd r = rd_of(p->body, p->len);
    size_t n;
    out->doi = rd_u32(&r);
    out->protocol = rd_u8(&r);
    out->spi_len = rd_u8(&r);
    out->type = rd_u16(&r);
    out->spi = rd_bytes(&r, out->spi_len);
    out->data = rd_rest(&r, &n);
    out->data_len = (uint16_t)n;
    return rd_ok(&r);
}

bool ike_delete_read(const struct ike_payload *p, struct ike_delete *out)
{
    struct rd r = rd_of(p->body, p->len);
    out->doi = rd_u32(&r);
    out->protocol = rd_u8(&r);
    out->spi_len = rd_u8(&r);
    out->count = rd_u16(&r);
    out->spis = rd_bytes(&r, (size_t)out->spi_len * out->count);
    return rd_done(&r) && out->spi_len && out->count;
}

bool ike_fragment_read(const struct ike_payload *p, struct ike_fragment *out)
{
    struct rd r = rd_of(p->body, p->len);
    size_t n;
    out->id = rd_u16(&r);
    out->number = rd_u8(&r);
    out->last = rd_u8(&r) & FRAGMENT_LAST;
    out->data = rd_rest(&r, &n);
    out->len = (uint16_t)n;
    return rd_ok(&r) && out->number && n;
}

bool ike_nat_oa_read(const struct ike_payload *p, struct ike_nat_oa *out)
{
    struct rd r = rd_of(p->body, p->len);
    size_t n;
    out->type = rd_u8(&r);
    rd_skip(&r, 3);
    out->data = rd_rest(&r, &n);
    out->len = (uint16_t)n;
    return rd_ok(&r) && (out->type == IKE_ID_IPV4 || out->type == IKE_ID_IPV6) &&
           id_fits(out->type, n);
}

/* ---- identities as text -------------------------------------------------------- */

static void text_plain(char *out, size_t len, const uint8_t *p, size_t n)
{
    struct rd r = rd_of(p, n);
    size_t at = 0;
    while (at + 1 < len && rd_left(&r) > 0) {
        uint8_t c = rd_u8(&r);
        out[at++] = c > 0x20 && c < 0x7f && c != '"' && c != '\\' ? (char)c : '?';
    }
    out[at] = '\0';
}

static void text_hex(char *out, size_t len, const uint8_t *p, size_t n)
{
    struct rd r = rd_of(p, n);
    size_t at = (size_t)snprintf(out, len, "0x");
    while (at + 2 < len && rd_left(&r) > 0)
        at += (size_t)snprintf(out + at, len - at, "%02x", rd_u8(&r));
}

/* As RFC 4514 escapes, in the order of the certificate, "C=DE, CN=vpn.example.org". */
#define DN_FORM                                                                              \
    ((XN_FLAG_RFC2253 & ~(unsigned long)(XN_FLAG_DN_REV | XN_FLAG_SEP_MASK)) | XN_FLAG_SEP_CPLUS_SPC)

/* False: it is no name. */
static bool text_dn(char *out, size_t len, const uint8_t *p, size_t n)
{
    struct rd all = rd_of(p, n);
    const unsigned char *at = p;
    ERR_set_mark();
    X509_NAME *name = d2i_X509_NAME(NULL, &at, (long)n);
    BIO *b = name ? BIO_new(BIO_s_mem()) : NULL;
    char *text;
    bool ok = b && at == all.end && X509_NAME_entry_count(name) > 0 &&
              X509_NAME_print_ex(b, name, 0, DN_FORM) > 0;
    if (ok) {
        long k = BIO_get_mem_data(b, &text);
        snprintf(out, len, "%.*s", (int)k, text);
        for (char *c = out; *c; c++)
            if (*c < 0x20 || *c > 0x7e)
                *c = '?';
    }
    BIO_free(b);
    X509_NAME_free(name);
    ERR_pop_to_mark();
    return ok;
}

static bool text_ip(char *out, size_t len, int family, const uint8_t *p)
{
    return inet_ntop(family, p, out, (socklen_t)len) != NULL;
}

static void text_subnet(char *out, size_t len, int family, const uint8_t *p, size_t half)
{
    struct rd r = rd_of(p, 2 * half);
    char ip[INET6_ADDRSTRLEN], mask[INET6_ADDRSTRLEN];
    text_ip(ip, sizeof ip, family, rd_bytes(&r, half));
    text_ip(mask, sizeof mask, family, rd_bytes(&r, half));
    snprintf(out, len, "%s/%s", ip, mask);
}

static bool is_plain(const uint8_t *p, size_t n)
{
    struct rd r = rd_of(p, n);
    while (rd_left(&r) > 0) {
        uint8_t c = rd_u8(&r);
        if (c <= 0x20 || c >= 0x7f)
            return false;
    }
    return true;
}

void ike_id_text(const struct ike_id *id, char *out, size_t len)
{
    char ip[INET6_ADDRSTRLEN];
    if (!len)
        return;
    out[0] = '\0';
    if (!id_fits(id->type, id->len))
        return;
    switch (id->type) {
    case IKE_ID_IPV4:
    case IKE_ID_IPV6:
        text_ip(ip, sizeof ip, id->type == IKE_ID_IPV4 ? AF_INET : AF_INET6, id->data);
        snprintf(out, len, "%s", ip);
        break;
    case IKE_ID_IPV4_SUBNET:
        text_subnet(out, len, AF_INET, id->data, 4);
        break;
    case IKE_ID_IPV6_SUBNET:
        text_subnet(out, len, AF_INET6, id->data, 16);
        break;
    case IKE_ID_FQDN:
    case IKE_ID_USER:
        text_plain(out, len, id->data, id->len);
        break;
    case IKE_ID_DER_DN:
        if (!text_dn(out, len, id->data, id->len))
            text_hex(out, len, id->data, id->len);
        break;
    default:
        if (id->type == IKE_ID_KEY_ID && is_plain(id->data, id->len))
            text_plain(out, len, id->data, id->len);
        else
            text_hex(out, len, id->data, id->len);
    }
}

/* ---- vendor ids ---------------------------------------------------------------- */

/* Most are MD5 of a text; a version follows some. `match` bytes are compared. */
static const struct {
    uint32_t bit;
    uint8_t len, match;
    const char *name;
    uint8_t bytes[20];
} vendors[] = {
    // clang-format off
    { IKE_V_RFC3947, 16, 16, "RFC 3947",
      { 0x4a, 0x13, 0x1c, 0x81, 0x07, 0x03, 0x58, 0x45, 0x5c, 0x57, 0x28, 0xf2, 0x0e, 0x95, 0x45, 0x2f } },
    { IKE_V_NAT_03, 16, 16, "NAT-T draft 03", /* "draft-ietf-ipsec-nat-t-ike-03" */
      { 0x7d, 0x94, 0x19, 0xa6, 0x53, 0x10, 0xca, 0x6f, 0x2c, 0x17, 0x9d, 0x92, 0x15, 0x52, 0x9d, 0x56 } },
    { IKE_V_NAT_02N, 16, 16, "NAT-T draft 02n", /* "draft-ietf-ipsec-nat-t-ike-02\n" */
      { 0x90, 0xcb, 0x80, 0x91, 0x3e, 0xbb, 0x69, 0x6e, 0x08, 0x63, 0x81, 0xb5, 0xec, 0x42, 0x7b, 0x1f } },
    { IKE_V_NAT_02, 16, 16, "NAT-T draft 02", /* "draft-ietf-ipsec-nat-t-ike-02" */
      { 0xcd, 0x60, 0x46, 0x43, 0x35, 0xdf, 0x21, 0xf8, 0x7c, 0xfd, 0xb2, 0xfc, 0x68, 0xb6, 0xa4, 0x48 } },
    { IKE_V_NAT_00, 16, 16, "NAT-T draft 00", /* "draft-ietf-ipsec-nat-t-ike-00" */
      { 0x44, 0x85, 0x15, 0x2d, 0x18, 0xb6, 0xbb, 0xcd, 0x0b, 0xe8, 0xa8, 0x46, 0x95, 0x79, 0xdd, 0xcc } },
    { IKE_V_DPD, 16, 14, "DPD", /* RFC 3706 section 5.1: two bytes of version at the end */
      { 0xaf, 0xca, 0xd7, 0x13, 0x68, 0xa1, 0xf1, 0xc9, 0x6b, 0x86, 0x96, 0xfc, 0x77, 0x57, 0x01, 0x00 } },
    { IKE_V_FRAGMENTATION, 20, 16, "fragmentation", /* "FRAGMENTATION", and which exchanges: main mode */
      { 0x40, 0x48, 0xb7, 0xd5, 0x6e, 0xbc, 0xe8, 0x85, 0x25, 0xe7, 0xde, 0x7f, 0x00, 0xd6, 0xc2, 0xd3,
        0x80, 0x00, 0x00, 0x00 } },
    { IKE_V_MS_NT5, 20, 16, "Windows", /* "MS NT5 ISAKMPOAKLEY", and a version */
      { 0x1e, 0x2b, 0x51, 0x69, 0x05, 0x99, 0x1c, 0x7d, 0x7c, 0x96, 0xfc, 0xbf, 0xb5, 0x87, 0xe4, 0x61,
        0x00, 0x00, 0x00, 0x09 } },
    { IKE_V_XAUTH, 8, 8, "XAUTH",
      { 0x09, 0x00, 0x26, 0x89, 0xdf, 0xd6, 0xb7, 0x12 } },
    { IKE_V_UNITY, 16, 14, "Unity",
      { 0x12, 0xf5, 0xf2, 0x8c, 0x45, 0x71, 0x68, 0xa9, 0x70, 0x2d, 0x9f, 0xe2, 0x74, 0xcc, 0x01, 0x00 } },
    { IKE_V_APPLE, 16, 16, "Apple NAT-T", /* "draft-ietf-ipsec-nat-t-ike": macOS and iOS */
      { 0x4d, 0xf3, 0x79, 0x28, 0xe9, 0xfc, 0x4f, 0xd1, 0xb3, 0x26, 0x21, 0x70, 0xd5, 0x15, 0xc6, 0x62 } },
    // clang-format on
};
#define VENDORS (sizeof vendors / sizeof vendors[0])

uint32_t ike_vid_of(const struct ike_payload *p)
{
    for (size_t i = 0; i < VENDORS; i++)
        if (p->len >= vendors[i].match && memcmp(p->body, vendors[i].bytes, vendors[i].match) == 0)
            return vendors[i].bit;
    return 0;
}

const char *ike_vid_name(uint32_t one)
{
    for (size_t i = 0; i < VENDORS; i++)
        if (vendors[i].bit == one)
            return vendors[i].name;
    return NULL;
}

const uint8_t *ike_vid_bytes(uint32_t one, uint16_t *len)
{
    for (size_t i = 0; i < VENDORS; i++)
        if (vendors[i].bit == one) {
            *len = vendors[i].len;
            return vendors[i].bytes;
        }
    *len = 0;
    return NULL;
}

/* ---- building ------------------------------------------------------------------ */

struct ike_out ike_out_of(uint8_t *buf, size_t len, const struct ike_hdr *h)
{
    struct ike_out o = { .w = wr_of(buf, len) };
    wr_bytes(&o.w, h->cookie_i, sizeof h->cookie_i);
    wr_bytes(&o.w, h->cookie_r, sizeof h->cookie_r);
    o.next = wr_room(&o.w, 1);
    if (o.next)
        *o.next = IKE_P_NONE;
    wr_u8(&o.w, VERSION);
    wr_u8(&o.w, h->exchange);
    wr_u8(&o.w, h->flags);
    wr_u32(&o.w, h->message_id);
    wr_u32(&o.w, 0);
    o.first = IKE_HDR_LEN;
    return o;
}

void ike_out_begin(struct ike_out *o, uint8_t type)
{
    uint8_t *next = wr_room(&o->w, 1);
    if (next) {
        *o->next = type;
        *next = IKE_P_NONE;
        o->next = next;
    }
    wr_u8(&o->w, 0);
    o->mark = wr_open16(&o->w, -2);
}

void ike_out_end(struct ike_out *o)
{
    wr_close16(&o->w, o->mark);
}

void ike_out_payload(struct ike_out *o, uint8_t type, const void *body, size_t len)
{
    ike_out_begin(o, type);
    wr_bytes(&o->w, body, len);
    ike_out_end(o);
}

size_t ike_out_done(struct ike_out *o)
{
    if (!wr_ok(&o->w) || wr_len(&o->w) > IKE_MSG_MAX)
        return 0;
    struct wr h = wr_of(o->w.base, IKE_HDR_LEN);
    wr_room(&h, IKE_HDR_LEN - 4u);
    wr_u32(&h, (uint32_t)wr_len(&o->w));
    return wr_len(&o->w);
}

static void out_attr(struct wr *w, uint32_t type, uint64_t v)
{
    if (v <= 0xffff) {
        wr_u16(w, (uint16_t)(0x8000u | type));
        wr_u16(w, (uint16_t)v);
    } else {
        wr_u16(w, (uint16_t)type);
        wr_u16(w, 4);
        wr_u32(w, v > UINT32_MAX ? UINT32_MAX : (uint32_t)v);
    }
}

static void out_life(struct wr *w, uint32_t type_attr, uint32_t life_attr, uint32_t type, uint64_t v)
{
    if (v) {
        out_attr(w, type_attr, type);
        out_attr(w, life_attr, v);
    }
}

static void out_if(struct wr *w, uint32_t type, uint32_t v)
{
    if (v)
        out_attr(w, type, v);
}

static void out_phase1(struct wr *w, const struct ike_transform *t)
{
    out_attr(w, A1_CIPHER, t->cipher);
    if (t->cipher != IKE_3DES)
        out_if(w, A1_KEY_BITS, t->key_bits);
    out_attr(w, A1_HASH, t->hash);
    out_attr(w, A1_GROUP, t->group);
    out_attr(w, A1_AUTH, t->auth);
    out_life(w, A1_LIFE_TYPE, A1_LIFE, LIFE_SECONDS, t->life_s);
    out_life(w, A1_LIFE_TYPE, A1_LIFE, LIFE_KB, t->life_kb);
}

static void out_phase2(struct wr *w, const struct ike_transform *t)
{
    out_life(w, A2_LIFE_TYPE, A2_LIFE, LIFE_SECONDS, t->life_s);
    out_life(w, A2_LIFE_TYPE, A2_LIFE, LIFE_KB, t->life_kb);
    out_if(w, A2_GROUP, t->group);
    out_attr(w, A2_ENCAP, t->encap);
    out_if(w, A2_AUTH, t->esp_auth);
    if (t->id != ESP_3DES)
        out_if(w, A2_KEY_BITS, t->key_bits);
}

static void out_transforms(struct wr *w, const struct ike_transform *t, uint32_t n, bool phase1)
{
    if (n == 0 || n > 255)
        w->bad = true;
    for (uint32_t i = 0; i < n && wr_ok(w); i++) {
        wr_u8(w, i + 1 < n ? IKE_P_TRANSFORM : IKE_P_NONE);
        wr_u8(w, 0);
        struct wr_mark len = wr_open16(w, -2);
        wr_u8(w, t[i].number ? t[i].number : (uint8_t)(i + 1));
        wr_u8(w, phase1 ? KEY_IKE : t[i].id);
        wr_u16(w, 0);
        if (phase1)
            out_phase1(w, &t[i]);
        else
            out_phase2(w, &t[i]);
        wr_close16(w, len);
    }
}

static void out_sa(struct wr *w, const struct ike_transform *t, uint32_t n, uint8_t proposal,
                   uint8_t protocol, const uint32_t *spi)
{
    wr_u32(w, IKE_DOI_IPSEC);
    wr_u32(w, SITUATION);
    wr_u8(w, IKE_P_NONE);
    wr_u8(w, 0);
    struct wr_mark len = wr_open16(w, -2);
    wr_u8(w, proposal);
    wr_u8(w, protocol);
    wr_u8(w, spi ? 4 : 0);
    wr_u8(w, (uint8_t)n);
    if (spi)
        wr_u32(w, *spi);
    out_transforms(w, t, n, protocol == IKE_PROTO_ISAKMP);
    wr_close16(w, len);
}

void ike_out_sa_phase1(struct ike_out *o, const struct ike_transform *t, uint32_t n,
                       uint8_t proposal)
{
    out_sa(&o->w, t, n, proposal, IKE_PROTO_ISAKMP, NULL);
}

void ike_out_sa_esp(struct ike_out *o, const struct ike_transform *t, uint32_t n, uint8_t proposal,
                    uint32_t spi)
{
    out_sa(&o->w, t, n, proposal, IKE_PROTO_ESP, &spi);
}

void ike_out_id(struct ike_out *o, const struct ike_id *id)
{
    wr_u8(&o->w, id->type);
    wr_u8(&o->w, id->protocol);
    wr_u16(&o->w, id->port);
    wr_bytes(&o->w, id->data, id->len);
}

void ike_out_notify(struct ike_out *o, uint8_t protocol, uint16_t type, const void *spi,
                    size_t spi_len, const void *data, size_t data_len)
{
    if (spi_len > 255)
        o->w.bad = true;
    wr_u32(&o->w, IKE_DOI_IPSEC);
    wr_u8(&o->w, protocol);
    wr_u8(&o->w, (uint8_t)spi_len);
    wr_u16(&o->w, type);
    wr_bytes(&o->w, spi, spi_len);
    wr_bytes(&o->w, data, data_len);
}

void ike_out_delete(struct ike_out *o, uint8_t protocol, const void *spis, uint8_t spi_len,
                    uint16_t count)
{
    wr_u32(&o->w, IKE_DOI_IPSEC);
    wr_u8(&o->w, protocol);
    wr_u8(&o->w, spi_len);
    wr_u16(&o->w, count);
    wr_bytes(&o->w, spis, (size_t)spi_len * count);
}

void ike_out_fragment(struct ike_out *o, uint16_t id, uint8_t number_, bool last, const void *data,
                      size_t len)
{
    wr_u16(&o->w, id);
    wr_u8(&o->w, number_);
    wr_u8(&o->w, last ? FRAGMENT_LAST : 0);
    wr_bytes(&o->w, data, len);
}

void ike_out_nat_oa(struct ike_out *o, const struct adit_addr *a)
{
    bool v4 = a->family == ADIT_AF_IPV4;
    wr_u8(&o->w, v4 ? IKE_ID_IPV4 : IKE_ID_IPV6);
    wr_zero(&o->w, 3);
    wr_bytes(&o->w, a->ip, v4 ? 4 : 16);
}

/* ---- names --------------------------------------------------------------------- */

const char *ike_exchange_name(uint32_t exchange)
{
    switch (exchange) {
    case IKE_X_BASE:
        return "base";
    case IKE_X_MAIN:
        return "main mode";
    case IKE_X_AGGRESSIVE:
        return "aggressive mode";
    case IKE_X_INFORMATIONAL:
        return "informational";
    case IKE_X_QUICK:
        return "quick mode";
    case 6:
        return "mode config";       /* XAUTH, too */
    case 33:
        return "new group mode";
    default:
        return "unknown";
    }
}

const char *ike_payload_name(uint32_t type)
{
    static const char *const names[] = {
        "none", "SA",   "proposal", "transform",  "KE",     "ID",     "CERT",
        "CR",   "HASH", "SIG",      "nonce",      "notify", "delete", "VID",
    };
    if (type < sizeof names / sizeof names[0])
        return names[type];
    switch (type) {
    case IKE_P_NAT_D:
    case IKE_P_NAT_D_DRAFT:
        return "NAT-D";
    case IKE_P_NAT_OA:
    case IKE_P_NAT_OA_DRAFT:
        return "NAT-OA";
    case IKE_P_FRAGMENT:
        return "fragment";
    default:
        return "unknown";
    }
}

const char *ike_notify_name(uint32_t type)
{
    /* RFC 2408 section 3.14.1, in order from 1 */
    static const char *const errors[] = {
        "INVALID-PAYLOAD-TYPE", "DOI-NOT-SUPPORTED",    "SITUATION-NOT-SUPPORTED",
        "INVALID-COOKIE",       "INVALID-MAJOR-VERSION", "INVALID-MINOR-VERSION",
        "INVALID-EXCHANGE-TYPE", "INVALID-FLAGS",       "INVALID-MESSAGE-ID",
        "INVALID-PROTOCOL-ID",  "INVALID-SPI",          "INVALID-TRANSFORM-ID",
        "ATTRIBUTES-NOT-SUPPORTED", "NO-PROPOSAL-CHOSEN", "BAD-PROPOSAL-SYNTAX",
        "PAYLOAD-MALFORMED",    "INVALID-KEY-INFORMATION", "INVALID-ID-INFORMATION",
        "INVALID-CERT-ENCODING", "INVALID-CERTIFICATE", "CERT-TYPE-UNSUPPORTED",
        "INVALID-CERT-AUTHORITY", "INVALID-HASH-INFORMATION", "AUTHENTICATION-FAILED",
        "INVALID-SIGNATURE",    "ADDRESS-NOTIFICATION", "NOTIFY-SA-LIFETIME",
        "CERTIFICATE-UNAVAILABLE", "UNSUPPORTED-EXCHANGE-TYPE", "UNEQUAL-PAYLOAD-LENGTHS",
    };
    if (type >= 1 && type <= sizeof errors / sizeof errors[0])
        return errors[type - 1];
    switch (type) {
    case IKE_N_CONNECTED:
        return "CONNECTED";
    case IKE_N_RESPONDER_LIFETIME:
        return "RESPONDER-LIFETIME";
    case IKE_N_REPLAY_STATUS:
        return "REPLAY-STATUS";
    case IKE_N_INITIAL_CONTACT:
        return "INITIAL-CONTACT";
    case IKE_N_R_U_THERE:
        return "R-U-THERE";
    case IKE_N_R_U_THERE_ACK:
        return "R-U-THERE-ACK";
    default:
        return type < 16384 ? "an unknown error" : "an unknown status";
    }
}
