/* ike_text.c - a message of ISAKMP in lines, for people.
 *
 * Knows:  what of each payload may be shown, and how it is called.
 * Leaves: formats to ike_msg, names of algorithms to ike_alg and esp.
 */
#include "ike_text.h"

#include <stdarg.h>
#include <stdio.h>
#include "ike_alg.h"

#define PROPOSALS_SHOWN 8u      /* of one SA payload */

struct text {
    char buf[IKE_TEXT_LINE];
    size_t len;
};

__attribute__((format(printf, 2, 3))) static void say(struct text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(t->buf + t->len, sizeof t->buf - t->len, fmt, ap);
    va_end(ap);
    size_t left = sizeof t->buf - t->len;
    t->len += n < 0 ? 0 : (size_t)n < left ? (size_t)n : left - 1;
}

static void say_hex(struct text *t, const uint8_t *p, size_t len)
{
    struct rd r = rd_of(p, len);
    while (rd_left(&r))
        say(t, "%02x", rd_u8(&r));
}

/* ---- proposals ------------------------------------------------------------------ */

static const char *method_name(uint32_t method)
{
    switch (method) {
    case IKE_AUTH_PSK:       return "psk";
    case IKE_AUTH_RSA:       return "rsa";
    case IKE_AUTH_ECDSA_256:
    case IKE_AUTH_ECDSA_384:
    case IKE_AUTH_ECDSA_521: return "ecdsa";
    default:                 return NULL;
    }
}

static const char *encap_name(uint32_t encap)
{
    switch (encap) {
    case IKE_ENCAP_TUNNEL:              return "tunnel";
    case IKE_ENCAP_TRANSPORT:           return "transport";
    case IKE_ENCAP_UDP_TUNNEL:
    case IKE_ENCAP_UDP_TUNNEL_DRAFT:    return "udp-tunnel";
    case IKE_ENCAP_UDP_TRANSPORT:
    case IKE_ENCAP_UDP_TRANSPORT_DRAFT: return "udp-transport";
    default:                            return NULL;
    }
}

/* A name, or the number that has none here. */
static void say_named(struct text *t, const char *sep, const char *name, const char *what, uint32_t number)
{
    if (name)
        say(t, "%s%s", sep, name);
    else
        say(t, "%s%s%u", sep, what, number);
}

static void say_phase1(struct text *t, const struct ike_transform *x)
{
    const struct ike_cipher *c = ike_cipher_of(x->cipher, x->key_bits);
    const struct ike_hash *h = ike_hash_of(x->hash);
    const struct ike_group *g = ike_group_of(x->group);
    say_named(t, "", c ? c->name : NULL, "cipher", x->cipher);
    if (!c && x->key_bits)
        say(t, "/%u", x->key_bits);
    say_named(t, "-", h ? h->name : NULL, "hash", x->hash);
    say_named(t, "-", g ? g->name : NULL, "group", x->group);
    say_named(t, " ", method_name(x->auth), "method", x->auth);
}

static void say_phase2(struct text *t, const struct ike_transform *x)
{
    const struct ike_group *g = x->group ? ike_group_of(x->group) : NULL;
    struct esp_suite s = { .cipher = x->id, .auth = (uint16_t)x->esp_auth,
                           .key_bits = (uint16_t)(x->id == ESP_3DES ? 192 : x->key_bits) };
    const char *name = esp_suite_name(&s);
    if (strcmp(name, "unknown") != 0)
        say(t, "%s", name);
    else
        say(t, "transform%u/%u-auth%u", x->id, x->key_bits, x->esp_auth);
    if (x->group)
        say_named(t, "-", g ? g->name : NULL, "group", x->group);
    say_named(t, " ", encap_name(x->encap), "encapsulation", x->encap);
}

static void say_offer(const struct ike_offer *o, void (*line)(void *u, const char *text), void *u)
{
    struct text t = { .len = 0 };
    bool isakmp = o->protocol == IKE_PROTO_ISAKMP;
    say(&t, "  proposal %u ", o->number);
    if (isakmp || o->protocol == IKE_PROTO_ESP)
        say(&t, "%s", isakmp ? "ISAKMP" : "ESP");
    else
        say(&t, "protocol %u", o->protocol);
    if (o->spi_len) {
        say(&t, " SPI ");
        say_hex(&t, o->spi, o->spi_len <= 16 ? o->spi_len : 16);
    }
    for (uint32_t i = 0; i < o->count; i++) {
        const struct ike_transform *x = &o->t[i];
        if (t.len > sizeof t.buf - 120) {
            say(&t, ", and %u more", o->count - i);
            break;
        }
        say(&t, "%s", i ? ", " : ": ");
        if (isakmp)
            say_phase1(&t, x);
        else
            say_phase2(&t, x);
        if (x->life_s)
            say(&t, " %llus", (unsigned long long)x->life_s);
        if (x->life_kb)
            say(&t, " %llukB", (unsigned long long)x->life_kb);
        if (x->odd)
            say(&t, " (and unknown attributes)");
    }
    line(u, t.buf);
}

/* ---- payloads --------------------------------------------------------------------- */

static const char *cert_name(uint8_t encoding)
{
    return encoding == IKE_CERT_X509_SIGNATURE ? "X.509" : encoding == IKE_CERT_CRL ? "CRL" : NULL;
}

static void say_payload(struct text *t, const struct ike_payload *p)
{
    struct ike_id id;
    struct ike_notify n;
    struct ike_delete d;
    struct ike_fragment f;
    char name[128];
    say(t, " %s", ike_payload_name(p->type));
    switch (p->type) {
    case IKE_P_SA:
    case IKE_P_NAT_D:
    case IKE_P_NAT_D_DRAFT:
        return;
    case IKE_P_ID:
        if (!ike_id_read(p, &id))
            break;
        ike_id_text(&id, name, sizeof name);
        say(t, "(%s", name);
        if (id.protocol || id.port)
            say(t, " %u/%u", id.protocol, id.port);
        say(t, ")");
        return;
    case IKE_P_NOTIFY:
        if (!ike_notify_read(p, &n))
            break;
        say(t, "(%s", ike_notify_name(n.type));
        if (!strncmp(ike_notify_name(n.type), "an unknown", 10))
            say(t, " %u", n.type);
        say(t, ")");
        return;
    case IKE_P_DELETE:
        if (!ike_delete_read(p, &d))
            break;
        say(t, "(%s", d.protocol == IKE_PROTO_ESP ? "ESP" : "ISAKMP");
        for (struct rd r = rd_of(d.spis, (size_t)d.count * d.spi_len); rd_left(&r) && t->len < 400;) {
            const uint8_t *spi = rd_bytes(&r, d.spi_len);
            say(t, " ");
            say_hex(t, spi, d.spi_len <= 16 ? d.spi_len : 16);
        }
        say(t, ")");
        return;
    case IKE_P_FRAGMENT:
        if (!ike_fragment_read(p, &f))
            break;
        say(t, "(%u%s)", f.number, f.last ? ", the last" : "");
        return;
    case IKE_P_VID: {
        const char *vendor = ike_vid_name(ike_vid_of(p));
        if (!vendor)
            break;
        say(t, "(%s)", vendor);
        return;
    }
    case IKE_P_CERT:
    case IKE_P_CR:
        if (p->len && cert_name(p->body[0])) {
            say(t, "(%s %u bytes)", cert_name(p->body[0]), p->len - 1u);
            return;
        }
        break;
    default:
        break;
    }
    say(t, "(%u bytes)", p->len);
}

bool ike_text_routine(const struct ike_msg *m)
{
    struct ike_notify n;
    const struct ike_payload *p = ike_msg_find(m, IKE_P_NOTIFY, 0);
    return p && !ike_msg_find(m, IKE_P_NOTIFY, 1) && ike_notify_read(p, &n) &&
           (n.type == IKE_N_R_U_THERE || n.type == IKE_N_R_U_THERE_ACK);
}

void ike_text(const struct ike_msg *m, void (*line)(void *u, const char *text), void *u)
{
    static struct ike_offer offer;      /* large, and never needed longer than this */
    struct text t = { .len = 0 };
    say(&t, "%s ", ike_exchange_name(m->hdr.exchange));
    say_hex(&t, m->hdr.cookie_i, sizeof m->hdr.cookie_i);
    say(&t, ":");
    say_hex(&t, m->hdr.cookie_r, sizeof m->hdr.cookie_r);
    if (m->hdr.message_id)
        say(&t, " id=%08x", m->hdr.message_id);
    if (m->hdr.flags & IKE_F_COMMIT)
        say(&t, " commit");
    for (uint32_t i = 0; i < m->count; i++)
        say_payload(&t, &m->p[i]);
    line(u, t.buf);
    uint32_t shown = 0;
    const struct ike_payload *sa;
    for (uint32_t i = 0; (sa = ike_msg_find(m, IKE_P_SA, i)); i++) {
        size_t at = 0;
        bool bad = false;
        while (shown < PROPOSALS_SHOWN && ike_offer_next(sa, &at, &offer, &bad)) {
            say_offer(&offer, line, u);
            shown++;
        }
        if (bad)
            line(u, "  (the SA payload is malformed)");
    }
}
