/* ike_walk.h - reads all that there is in a message of IKEv1, and writes it again.
 *
 *     ike_walk(bytes, len);            // aborts when something is inconsistent
 *
 * For tests of every truncation and for the fuzzer: the bytes should be in
 * memory of exactly their size.
 */
#ifndef IKE_WALK_H
#define IKE_WALK_H

#include "../../plugins/ipsec-ike/ike_alg.h"
#include "../../plugins/ipsec-ike/ike_msg.h"
#include "../../plugins/ipsec-ike/ike_text.h"

#include <stdlib.h>

#define walk_must(x) ((x) ? (void)0 : abort())

static bool walk_same(const struct ike_transform *a, const struct ike_transform *b)
{
    return a->number == b->number && a->id == b->id && a->cipher == b->cipher &&
           a->key_bits == b->key_bits && a->hash == b->hash && a->auth == b->auth &&
           a->group == b->group && a->encap == b->encap && a->esp_auth == b->esp_auth &&
           a->life_s == b->life_s && a->life_kb == b->life_kb && a->odd == b->odd;
}

/* What the writer can say comes back as it was. */
static void walk_rebuild_offer(const struct ike_offer *f)
{
    static uint8_t buf[IKE_MSG_MAX];
    static const struct ike_hdr h = { .exchange = IKE_X_MAIN };
    static struct ike_offer again;
    struct ike_out o = ike_out_of(buf, sizeof buf, &h);
    struct ike_msg m;
    size_t at = 0;
    bool bad, phase1 = f->protocol == IKE_PROTO_ISAKMP;
    for (uint32_t i = 0; i < f->count; i++) {
        const struct ike_transform *t = &f->t[i];
        if (t->odd || !t->number || t->life_s > UINT32_MAX || t->life_kb > UINT32_MAX ||
            (phase1 ? t->id != 1 || t->encap || t->esp_auth : t->cipher || t->hash || t->auth) ||
            ((phase1 ? t->cipher == IKE_3DES : t->id == ESP_3DES) && t->key_bits))
            return;             /* no transform that we would send */
    }
    ike_out_begin(&o, IKE_P_SA);
    if (phase1)
        ike_out_sa_phase1(&o, f->t, f->count, f->number);
    else
        ike_out_sa_esp(&o, f->t, f->count, f->number, 0x01020304);
    ike_out_end(&o);
    size_t n = ike_out_done(&o);
    if (!n)
        return;                 /* too long for a message */
    walk_must(ike_msg_parse(&m, buf, n) == IKE_MSG_OK && m.count == 1);
    walk_must(ike_offer_next(&m.p[0], &at, &again, &bad) && !bad);
    walk_must(again.count == f->count && again.number == f->number);
    walk_must(again.protocol == (phase1 ? IKE_PROTO_ISAKMP : IKE_PROTO_ESP));
    for (uint32_t i = 0; i < f->count; i++)
        walk_must(walk_same(&again.t[i], &f->t[i]));
    walk_must(!ike_offer_next(&m.p[0], &at, &again, &bad) && !bad);
}

static void walk_sa(const struct ike_payload *p)
{
    static struct ike_offer f;
    size_t at = 0;
    bool bad;
    for (uint32_t n = 0; ike_offer_next(p, &at, &f, &bad); n++) {
        walk_must(n < 65536 && !bad && at <= p->len && f.count >= 1 && f.count <= IKE_TRANSFORMS);
        for (uint32_t i = 0; i < f.count; i++) {
            (void)ike_cipher_of(f.t[i].cipher, f.t[i].key_bits);
            (void)ike_hash_of(f.t[i].hash);
            (void)ike_group_of(f.t[i].group);
        }
        walk_rebuild_offer(&f);
    }
    walk_must(at <= p->len);
}

static void walk_payload(const struct ike_payload *p)
{
    struct ike_id id;
    struct ike_notify nt;
    struct ike_delete d;
    struct ike_fragment f;
    struct ike_nat_oa oa;
    char text[80], tiny[3];
    uint16_t vid_len;
    uint32_t vid = ike_vid_of(p);
    walk_must(ike_payload_name(p->type)[0]);
    walk_must(!vid || ike_vid_bytes(vid, &vid_len));
    walk_sa(p);
    if (ike_id_read(p, &id)) {
        ike_id_text(&id, text, sizeof text);
        ike_id_text(&id, tiny, sizeof tiny);
        walk_must(strlen(text) < sizeof text && text[0] && strlen(tiny) < sizeof tiny);
        for (const char *c = text; *c; c++)
            walk_must(*c >= 0x20 && *c < 0x7f);
    }
    if (ike_notify_read(p, &nt))
        walk_must(ike_notify_name(nt.type)[0] && nt.spi_len + nt.data_len + 8 == p->len);
    if (ike_delete_read(p, &d))
        walk_must(d.spi_len * d.count + 8 == p->len);
    if (ike_fragment_read(p, &f))
        walk_must(f.len + 4 == p->len && f.number);
    if (ike_nat_oa_read(p, &oa))
        walk_must(oa.len == 4 || oa.len == 16);
}

static void walk_line(void *u, const char *text)
{
    uint32_t *lines = u;
    walk_must(++*lines <= IKE_PAYLOADS + 1 && strlen(text) < IKE_TEXT_LINE && *text);
    for (const char *c = text; *c; c++)
        walk_must(*c >= 0x20 && *c < 0x7f);
}

static void ike_walk(const uint8_t *bytes, size_t len)
{
    static struct ike_msg m;
    static uint8_t again[IKE_MSG_MAX];
    enum ike_msg_bad bad = ike_msg_parse(&m, bytes, len);
    walk_must(m.count <= IKE_PAYLOADS && m.len <= len);
    for (uint32_t i = 0; i < m.count; i++)
        walk_payload(&m.p[i]);
    if (bad)
        return;
    uint32_t lines = 0;
    ike_text(&m, walk_line, &lines);
    walk_must(lines >= 1);
    (void)ike_text_routine(&m);
    struct ike_out o = ike_out_of(again, sizeof again, &m.hdr);
    for (uint32_t i = 0; i < m.count; i++)
        ike_out_payload(&o, m.p[i].type, m.p[i].body, m.p[i].len);
    size_t n = ike_out_done(&o);
    walk_must(n && n <= m.len);
    struct wr w = wr_of(again, n);
    wr_room(&w, IKE_HDR_LEN - 4u);
    wr_u32(&w, m.len);          /* padding is not written again */
    walk_must(memcmp(again, bytes, n) == 0);
}

#endif
