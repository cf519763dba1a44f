/* ike_msg.h - messages of ISAKMP and the IPsec DOI as bytes (RFC 2408 section 3, 2407 section 4,
 * 2409, 3706, 3947).
 *
 *     struct ike_msg m;
 *     if (ike_msg_parse(&m, bytes, len) != IKE_MSG_OK) ...        // clear: the payload chain, too
 *     const struct ike_payload *sa = ike_msg_find(&m, IKE_P_SA, 0);
 *
 *     struct ike_out o = ike_out_of(buf, sizeof buf, &hdr);
 *     ike_out_begin(&o, IKE_P_KE);  wr_bytes(&o.w, ke, len);  ike_out_end(&o);
 *     size_t n = ike_out_done(&o);
 *
 * Knows:  every payload's format, both directions.
 * Leaves: what is encrypted how, what is allowed when.
 */
#ifndef IKE_MSG_H
#define IKE_MSG_H

#include <adit/abi.h>
#include <adit/bytes.h>

#define IKE_HDR_LEN 28u
#define IKE_MSG_MAX 16384u      /* longest message that is taken or made, whole (certificates) */
#define IKE_PAYLOADS 48u        /* most payloads of a message */

/* payload types (RFC 2408 section 3.1; RFC 3947 section 5.2; fragments as Windows and
 * others send them) */
enum ike_payload_type {
    IKE_P_NONE = 0, IKE_P_SA = 1, IKE_P_PROPOSAL = 2, IKE_P_TRANSFORM = 3, IKE_P_KE = 4, IKE_P_ID = 5,
    IKE_P_CERT = 6, IKE_P_CR = 7, IKE_P_HASH = 8, IKE_P_SIG = 9, IKE_P_NONCE = 10,
    IKE_P_NOTIFY = 11, IKE_P_DELETE = 12, IKE_P_VID = 13, IKE_P_NAT_D = 20, IKE_P_NAT_OA = 21,
    IKE_P_NAT_D_DRAFT = 130, IKE_P_NAT_OA_DRAFT = 131, IKE_P_FRAGMENT = 132
};

/* exchange types */
#define IKE_X_BASE          1u
#define IKE_X_MAIN          2u
#define IKE_X_AGGRESSIVE    4u
#define IKE_X_INFORMATIONAL 5u
#define IKE_X_QUICK         32u

#define IKE_F_ENCRYPTED 0x01u
#define IKE_F_COMMIT    0x02u
#define IKE_F_AUTH_ONLY 0x04u

/* notify types: errors below 16384 */
#define IKE_N_INVALID_PAYLOAD_TYPE 1u
#define IKE_N_DOI_NOT_SUPPORTED 2u
#define IKE_N_INVALID_COOKIE 4u
#define IKE_N_INVALID_MAJOR 5u
#define IKE_N_INVALID_EXCHANGE 7u
#define IKE_N_INVALID_MESSAGE_ID 9u
#define IKE_N_INVALID_PROTOCOL 10u
#define IKE_N_INVALID_SPI 11u
#define IKE_N_NO_PROPOSAL_CHOSEN 14u
#define IKE_N_BAD_PROPOSAL_SYNTAX 15u
#define IKE_N_PAYLOAD_MALFORMED 16u
#define IKE_N_INVALID_KE 17u
#define IKE_N_INVALID_ID 18u
#define IKE_N_INVALID_CERT 20u
#define IKE_N_CERT_UNAVAILABLE 28u
#define IKE_N_INVALID_HASH 23u
#define IKE_N_AUTH_FAILED 24u
#define IKE_N_INVALID_SIGNATURE 25u
#define IKE_N_CONNECTED 16384u
#define IKE_N_RESPONDER_LIFETIME 24576u
#define IKE_N_REPLAY_STATUS 24577u
#define IKE_N_INITIAL_CONTACT 24578u
#define IKE_N_R_U_THERE 36136u
#define IKE_N_R_U_THERE_ACK 36137u

#define IKE_PROTO_ISAKMP 1u
#define IKE_PROTO_ESP    3u

#define IKE_DOI_IPSEC 1u

/* identification types (RFC 2407 section 4.6.2.1) */
#define IKE_ID_IPV4   1u
#define IKE_ID_FQDN   2u
#define IKE_ID_USER   3u        /* user@fqdn */
#define IKE_ID_IPV4_SUBNET 4u
#define IKE_ID_IPV6   5u
#define IKE_ID_IPV6_SUBNET 6u
#define IKE_ID_DER_DN 9u
#define IKE_ID_DER_GN 10u
#define IKE_ID_KEY_ID 11u

/* certificate encodings */
#define IKE_CERT_X509_SIGNATURE 4u
#define IKE_CERT_CRL 7u

struct ike_hdr {
    uint8_t cookie_i[8], cookie_r[8];
    uint8_t next, version, exchange, flags;
    uint32_t message_id;
    uint32_t length;
};

struct ike_payload {
    uint8_t type;
    const uint8_t *body;        /* behind the generic header, in the message */
    uint16_t len;
    const uint8_t *whole;       /* generic header included: what HASHes are over */
};

struct ike_msg {
    struct ike_hdr hdr;
    uint32_t count;
    struct ike_payload p[IKE_PAYLOADS];
    const uint8_t *bytes;
    uint32_t len;               /* as hdr.length: trailing bytes are cut off */
};

enum ike_msg_bad { IKE_MSG_OK, IKE_MSG_SHORT, IKE_MSG_VERSION, IKE_MSG_LENGTH, IKE_MSG_CHAIN };

/* The header alone; the length field must fit. */
enum ike_msg_bad ike_hdr_parse(struct ike_hdr *h, const uint8_t *p, size_t len);
/* Header and payload chain of a message in clear, or decrypted in place. Bytes
 * behind the last payload are padding when the encryption flag is set, an
 * error otherwise. Unknown payload types are kept as they are. */
enum ike_msg_bad ike_msg_parse(struct ike_msg *m, const uint8_t *p, size_t len);
/* The nth payload of a type; NULL: none. */
const struct ike_payload *ike_msg_find(const struct ike_msg *m, uint32_t type, uint32_t nth);

/* ---- what is inside payloads; false: malformed ---- */

/* Phase 1 and ESP transforms share a row: absent attributes are 0. */
struct ike_transform {
    uint8_t number, id;
    uint32_t cipher, key_bits, hash, auth, group;       /* phase 1; group: phase 2's too */
    uint32_t encap, esp_auth;                           /* phase 2 */
    uint64_t life_s, life_kb;                           /* 0: not named; saturated */
    bool odd;                   /* an attribute that we do not know, of a value that matters */
};
#define IKE_TRANSFORMS 64u
struct ike_offer {
    uint8_t number, protocol;
    const uint8_t *spi;
    uint8_t spi_len;
    struct ike_transform t[IKE_TRANSFORMS];
    uint32_t count;
};
/* Encapsulation modes (RFC 2407 section 4.5; RFC 3947 section 5.1; the drafts' private numbers) */
#define IKE_ENCAP_TUNNEL 1u
#define IKE_ENCAP_TRANSPORT 2u
#define IKE_ENCAP_UDP_TUNNEL 3u
#define IKE_ENCAP_UDP_TRANSPORT 4u
#define IKE_ENCAP_UDP_TUNNEL_DRAFT 61443u
#define IKE_ENCAP_UDP_TRANSPORT_DRAFT 61444u

/* Walks the proposals of an SA payload: *at begins at 0. False at the end or
 * when malformed (*bad). More transforms than fit are cut off. */
bool ike_offer_next(const struct ike_payload *sa, size_t *at, struct ike_offer *out, bool *bad);

struct ike_id {
    uint8_t type, protocol;
    uint16_t port;
    const uint8_t *data;
    uint16_t len;
};
bool ike_id_read(const struct ike_payload *p, struct ike_id *out);
/* "198.51.100.1", "vpn.example.org", "C=..., CN=...": printable, at most len. */
void ike_id_text(const struct ike_id *id, char *out, size_t len);

struct ike_notify {
    uint32_t doi;
    uint8_t protocol;
    uint16_t type;
    const uint8_t *spi, *data;
    uint8_t spi_len;
    uint16_t data_len;
};
bool ike_notify_read(const struct ike_payload *p, struct ike_notify *out);

struct ike_delete {
    uint32_t doi;
    uint8_t protocol, spi_len;
    uint16_t count;
    const uint8_t *spis;
};
bool ike_delete_read(const struct ike_payload *p, struct ike_delete *out);

struct ike_fragment {
    uint16_t id;
    uint8_t number;             /* from 1 */
    bool last;
    const uint8_t *data;
    uint16_t len;
};
bool ike_fragment_read(const struct ike_payload *p, struct ike_fragment *out);

struct ike_nat_oa {
    uint8_t type;               /* IKE_ID_IPV4 or _IPV6 */
    const uint8_t *data;
    uint16_t len;
};
bool ike_nat_oa_read(const struct ike_payload *p, struct ike_nat_oa *out);

/* ---- vendor ids that mean something ---- */

#define IKE_V_RFC3947     0x001u
#define IKE_V_NAT_03      0x002u
#define IKE_V_NAT_02N     0x004u
#define IKE_V_NAT_02      0x008u
#define IKE_V_NAT_00      0x010u
#define IKE_V_DPD         0x020u
#define IKE_V_FRAGMENTATION 0x040u
#define IKE_V_MS_NT5      0x080u        /* Windows' "MS NT5 ISAKMPOAKLEY" */
#define IKE_V_XAUTH       0x100u
#define IKE_V_UNITY       0x200u
#define IKE_V_APPLE       0x400u
/* Which of them a VID payload is; 0: another. */
uint32_t ike_vid_of(const struct ike_payload *p);
const uint8_t *ike_vid_bytes(uint32_t one, uint16_t *len);
const char *ike_vid_name(uint32_t one);         /* "DPD"; NULL: no such bit */

/* ---- building ---- */

struct ike_out {
    struct wr w;
    uint8_t *next;              /* where the type of the next payload goes */
    struct wr_mark mark;        /* of the payload that is open */
    size_t first;               /* offset of the first payload */
};
/* Begins with the header (its `next` and `length` are filled in later). */
struct ike_out ike_out_of(uint8_t *buf, size_t len, const struct ike_hdr *h);
void ike_out_begin(struct ike_out *o, uint8_t type);    /* then write its body to o->w */
void ike_out_end(struct ike_out *o);
void ike_out_payload(struct ike_out *o, uint8_t type, const void *body, size_t len);
/* The message's length, set in its header; 0: it did not fit. */
size_t ike_out_done(struct ike_out *o);

/* These write bodies: between ike_out_begin() and ike_out_end().
 * SA: DOI and situation, one proposal, its transforms: phase 1, and ESP with
 * our SPI. A transform whose number is 0 is numbered by its place. */
void ike_out_sa_phase1(struct ike_out *o, const struct ike_transform *t, uint32_t n,
                       uint8_t proposal);
void ike_out_sa_esp(struct ike_out *o, const struct ike_transform *t, uint32_t n, uint8_t proposal,
                    uint32_t spi);
void ike_out_id(struct ike_out *o, const struct ike_id *id);
void ike_out_notify(struct ike_out *o, uint8_t protocol, uint16_t type, const void *spi,
                    size_t spi_len, const void *data, size_t data_len);
void ike_out_delete(struct ike_out *o, uint8_t protocol, const void *spis, uint8_t spi_len,
                    uint16_t count);
void ike_out_fragment(struct ike_out *o, uint16_t id, uint8_t number, bool last, const void *data,
                      size_t len);
void ike_out_nat_oa(struct ike_out *o, const struct adit_addr *a);

const char *ike_exchange_name(uint32_t exchange);
const char *ike_payload_name(uint32_t type);
const char *ike_notify_name(uint32_t type);

#endif
