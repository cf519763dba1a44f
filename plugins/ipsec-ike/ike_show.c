/* ike_show.c - what people see: status, and the verbs of `adit ipsec`.
 *
 * Knows:  the shape of the report, which text names which peer.
 * Leaves: the facts to ike and sad.
 */
#include "ike_inst.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

const char *inst_transform(const struct sad_assoc *a)
{
    struct sad_assoc_view v;
    struct sad_pair_view pv;
    sad_assoc_view(a, &v);
    if (v.transform && *v.transform)
        return v.transform;
    struct sad_pair *p = sad_pair_next((struct sad_assoc *)(uintptr_t)a, NULL);
    if (!p)
        return "";
    sad_pair_view(p, &pv);
    return esp_suite_name(&pv.suite);
}

/* ---- ISAKMP SAs by their peer's number ------------------------------------------------- */

struct sas {
    struct sa_row { uint64_t peer_number; const struct ike_sa *sa; bool used; } *row;
    uint32_t count;
};

static int by_number(const void *a, const void *b)
{
    const struct sa_row *x = a, *y = b;
    return (x->peer_number > y->peer_number) - (x->peer_number < y->peer_number);
}

static struct sas sas_of(struct inst *in)
{
    struct sas s = { NULL, 0 };
    struct ike_sa_view v;
    uint32_t n = 0;
    for (struct ike_sa *sa = NULL; (sa = ike_sa_next(in->ike, sa));)
        n++;
    s.row = n ? calloc(n, sizeof *s.row) : NULL;
    if (!s.row)
        return s;
    for (struct ike_sa *sa = NULL; s.count < n && (sa = ike_sa_next(in->ike, sa));) {
        ike_sa_view(sa, &v);
        s.row[s.count++] = (struct sa_row){ v.peer_number, sa, false };
    }
    qsort(s.row, s.count, sizeof *s.row, by_number);
    return s;
}

static const char *nat_of(const struct ike_sa_view *v)
{
    return v->nat_here && v->nat_there ? "both" : v->nat_here ? "here" : v->nat_there ? "there" : "none";
}

static const char *method_of(const struct ike_sa_view *v)
{
    return v->method == IKE_AUTH_PSK ? "psk" : v->method == IKE_AUTH_RSA ? "rsa" :
           v->method ? "ecdsa" : "";
}

static void cookie_text(const uint8_t c[8], char out[17])
{
    for (int i = 0; i < 8; i++)
        snprintf(out + 2 * i, 3, "%02x", c[i]);
}

static void put_left(const struct adit_host *h, struct adit_report *r, const char *key, uint64_t at,
                     uint64_t now)
{
    if (at)
        adit_report_put_u(h, r, key, at > now ? at - now : 0);
}

static void report_sa(const struct adit_host *h, struct adit_report *r, const struct ike_sa *sa,
                      uint64_t now)
{
    struct ike_sa_view v;
    char c[17];
    ike_sa_view(sa, &v);
    h->report->object(r, NULL);
    adit_report_put_u(h, r, "number", v.number);
    adit_report_put_addr(h, r, "peer", &v.peer);
    adit_report_put_addr(h, r, "our", &v.our);
    adit_report_put_str(h, r, "identity", v.identity ? v.identity : "");
    adit_report_put_str(h, r, "state", v.state);
    adit_report_put_bool(h, r, "established", v.established);
    adit_report_put_str(h, r, "role", v.initiator ? "initiator" : "responder");
    adit_report_put_str(h, r, "proposal", v.proposal);
    adit_report_put_str(h, r, "method", method_of(&v));
    adit_report_put_str(h, r, "nat", nat_of(&v));
    adit_report_put_bool(h, r, "dpd", v.dpd);
    adit_report_put_u(h, r, "age_ms", now - v.since_ms);
    put_left(h, r, "expires_in_ms", v.expires_ms, now);
    cookie_text(v.cookie_i, c);
    adit_report_put_str(h, r, "cookie_i", c);
    cookie_text(v.cookie_r, c);
    adit_report_put_str(h, r, "cookie_r", c);
    h->report->end(r);
}

static void report_pair(const struct adit_host *h, struct adit_report *r, const struct sad_pair *p,
                        uint64_t now)
{
    struct sad_pair_view v;
    char spi[16];
    sad_pair_view(p, &v);
    h->report->object(r, NULL);
    snprintf(spi, sizeof spi, "0x%08x", v.spi_in);
    adit_report_put_str(h, r, "spi_in", spi);
    snprintf(spi, sizeof spi, "0x%08x", v.spi_out);
    adit_report_put_str(h, r, "spi_out", spi);
    adit_report_put_str(h, r, "transform", esp_suite_name(&v.suite));
    adit_report_put_str(h, r, "state", v.ending ? "ending" : v.sends ? "sending" : "receiving");
    adit_report_put_str(h, r, "role", v.initiator ? "initiator" : "responder");
    adit_report_put_u(h, r, "age_ms", now - v.since_ms);
    put_left(h, r, "rekey_in_ms", v.soft_at_ms, now);
    put_left(h, r, "expires_in_ms", v.hard_at_ms, now);
    adit_report_put_u(h, r, "bytes_in", v.bytes_in);
    adit_report_put_u(h, r, "bytes_out", v.bytes_out);
    h->report->end(r);
}

static void report_assoc(const struct adit_host *h, struct adit_report *r, struct sad_assoc *a,
                         struct sas *s, uint64_t now)
{
    struct sad_assoc_view v;
    struct ike_sa_view sv;
    sad_assoc_view(a, &v);
    struct sa_row key = { v.who->owner, NULL, false };
    struct sa_row *row = s->count ? bsearch(&key, s->row, s->count, sizeof key, by_number) : NULL;
    h->report->object(r, NULL);
    adit_report_put_addr(h, r, "peer", &v.who->peer);
    adit_report_put_addr(h, r, "our", &v.who->our);
    adit_report_put_str(h, r, "identity", v.who->identity);
    adit_report_put_str(h, r, "state", v.pairs ? "up" : "waiting");
    adit_report_put_str(h, r, "transform", inst_transform(a));
    adit_report_put_bool(h, r, "encap", v.who->encap);
    adit_report_put_u(h, r, "protocol", v.who->sel.protocol);
    adit_report_put_u(h, r, "our_port", v.who->sel.our_port);
    adit_report_put_u(h, r, "peer_port", v.who->sel.peer_port);
    if (row) {
        ike_sa_view(row->sa, &sv);
        row->used = true;
        adit_report_put_str(h, r, "proposal", sv.proposal);
        adit_report_put_str(h, r, "method", method_of(&sv));
        adit_report_put_str(h, r, "nat", nat_of(&sv));
    }
    adit_report_put_u(h, r, "age_ms", now - v.since_ms);
    adit_report_put_u(h, r, "rekeys", v.rekeys);
    adit_report_put_u(h, r, "bytes_in", v.bytes_in);
    adit_report_put_u(h, r, "bytes_out", v.bytes_out);
    adit_report_put_u(h, r, "packets_in", v.packets_in);
    adit_report_put_u(h, r, "packets_out", v.packets_out);
    if (v.heard_ms)
        adit_report_put_u(h, r, "silent_ms", now - v.heard_ms);
    h->report->array(r, "pairs");
    for (struct sad_pair *p = NULL; (p = sad_pair_next(a, p));)
        report_pair(h, r, p, now);
    h->report->end(r);
    h->report->end(r);
}

void inst_status(struct inst *in, struct adit_report *r)
{
    const struct adit_host *h = in->self->host;
    uint64_t now = h->loop->now(), until_s = 0;
    const char *subject = ike_auth_subject(in->auth, &until_s);
    struct sas s = sas_of(in);
    adit_report_put_u(h, r, "half_open", ike_half_open(in->ike));
    if (subject) {
        adit_report_put_str(h, r, "certificate", subject);
        adit_report_put_u(h, r, "certificate_expires_s", until_s);
    }
    adit_report_put_bool(h, r, "export_keys", in->conf->export_keys != 0);
    h->report->array(r, "peers");
    for (struct sad_assoc *a = NULL; (a = sad_assoc_next(in->sad, a));)
        report_assoc(h, r, a, &s, now);
    h->report->end(r);
    h->report->array(r, "sas");
    for (struct ike_sa *sa = NULL; (sa = ike_sa_next(in->ike, sa));)
        report_sa(h, r, sa, now);
    h->report->end(r);
    free(s.row);
}

/* ---- verbs ------------------------------------------------------------------------------- */

static const char *arg(const struct adit_kv *args, uint32_t n, const char *key)
{
    for (uint32_t i = 0; i < n; i++)
        if (!strcmp(args[i].key, key) && args[i].value.type == ADIT_TYPE_STR)
            return args[i].value.v.p;
    return NULL;
}

/* An address without or with its port, as `adit ipsec` prints it. */
static bool addr_is(const struct adit_addr *a, const char *text)
{
    char host[INET6_ADDRSTRLEN], whole[INET6_ADDRSTRLEN + 10];
    if (!inet_ntop(a->family == ADIT_AF_IPV6 ? AF_INET6 : AF_INET, a->ip, host, sizeof host))
        return false;
    snprintf(whole, sizeof whole, a->family == ADIT_AF_IPV6 ? "[%s]:%u" : "%s:%u", host, a->port);
    return !strcasecmp(text, host) || !strcasecmp(text, whole);
}

static bool assoc_is(const struct sad_assoc *a, const char *peer)
{
    struct sad_assoc_view v;
    sad_assoc_view(a, &v);
    return !strcmp(v.who->identity, peer) || addr_is(&v.who->peer, peer) ||
           (v.outer && addr_is(&v.outer->peer, peer));
}

static int32_t no_peer(struct adit_self *self, const char *peer)
{
    return adit_fail(self, ADIT_ENOENT, "no peer '%s'; 'adit ipsec' lists identities and addresses",
                     peer ? peer : "");
}

static int32_t verb_rekey(struct adit_self *self, const struct adit_kv *args, uint32_t n,
                          struct adit_report *r)
{
    struct inst *in = self->instance;
    const char *peer = arg(args, n, "peer");
    uint32_t done = 0;
    int32_t code = 0;
    for (struct sad_assoc *a = NULL; peer && (a = sad_assoc_next(in->sad, a));)
        if (assoc_is(a, peer)) {
            int32_t one = ike_rekey(in->ike, a);
            done += one == 0;
            code = code ? code : one;
        }
    if (code && !done)
        return adit_fail(self, code, "%s cannot be rekeyed now: its phase 1 is gone, or is being "
                         "negotiated", peer);
    if (!done)
        return no_peer(self, peer);
    adit_report_put_u(self->host, r, "rekeyed", done);
    return 0;
}

static int32_t verb_drop(struct adit_self *self, const struct adit_kv *args, uint32_t n,
                         struct adit_report *r)
{
    struct inst *in = self->instance;
    const char *peer = arg(args, n, "peer");
    uint32_t done = 0;
    for (bool again = peer != NULL; again;) {
        again = false;
        for (struct sad_assoc *a = NULL; (a = sad_assoc_next(in->sad, a));)
            if (assoc_is(a, peer)) {
                ike_assoc_unused(in->ike, a);   /* the peer hears deletes; a is gone */
                done++;
                again = true;                   /* the list has changed */
                break;
            }
    }
    if (!done)
        return no_peer(self, peer);
    adit_report_put_u(self->host, r, "dropped", done);
    return 0;
}

/* ---- keys for a capture ------------------------------------------------------------------- */

static void hex(const uint8_t *p, size_t n, char *out)
{
    for (size_t i = 0; i < n; i++)
        snprintf(out + 2 * i, 3, "%02x", p[i]);
    out[2 * n] = '\0';
}

static const char *shark_cipher(const struct esp_suite *s)
{
    return s->cipher == ESP_AES_GCM_16 ? "AES-GCM with 16 octet ICV [RFC4106]" :
           s->cipher == ESP_AES_CBC ? "AES-CBC [RFC3602]" : "TripleDES-CBC [RFC2451]";
}

static const char *shark_auth(const struct esp_suite *s)
{
    switch (s->auth) {
    case ESP_HMAC_MD5:    return "HMAC-MD5-96 [RFC2403]";
    case ESP_HMAC_SHA1:   return "HMAC-SHA-1-96 [RFC2404]";
    case ESP_HMAC_SHA256: return s->trunc96 ? "HMAC-SHA-256-96 [draft-ietf-ipsec-ciph-sha-256-00]"
                                            : "HMAC-SHA-256-128 [RFC4868]";
    case ESP_HMAC_SHA384: return "HMAC-SHA-384-192 [RFC4868]";
    case ESP_HMAC_SHA512: return "HMAC-SHA-512-256 [RFC4868]";
    default:              return "NULL";
    }
}

/* A line of Wireshark's table esp_sa. */
static void put_esp(const struct adit_host *h, struct adit_report *r, const struct esp_suite *s,
                    const struct adit_addr *from, const struct adit_addr *to, uint32_t spi,
                    const uint8_t *keymat)
{
    char a[INET6_ADDRSTRLEN] = "", b[INET6_ADDRSTRLEN] = "", key[2 * 128 + 1], auth[2 * 128 + 1], line[1024];
    int family = from->family == ADIT_AF_IPV6 ? AF_INET6 : AF_INET;
    size_t whole = esp_keymat_len(s);
    size_t n = s->key_bits / 8u + (s->cipher == ESP_AES_GCM_16 ? 4u : 0);     /* the salt is with it */
    if (whole > 128 || n > whole)
        return;
    hex(keymat, n, key);
    hex(keymat + n, whole - n, auth);
    inet_ntop(family, from->ip, a, sizeof a);
    inet_ntop(family, to->ip, b, sizeof b);
    snprintf(line, sizeof line, "\"%s\",\"%s\",\"%s\",\"0x%08x\",\"%s\",\"0x%s\",\"%s\",\"%s%s\"",
             family == AF_INET6 ? "IPv6" : "IPv4", a, b, spi, shark_cipher(s), key, shark_auth(s),
             *auth ? "0x" : "", auth);
    adit_report_put_str(h, r, NULL, line);
    bytes_wipe(key, sizeof key);
    bytes_wipe(auth, sizeof auth);
    bytes_wipe(line, sizeof line);
}

static int32_t verb_export(struct adit_self *self, const struct adit_kv *args, uint32_t n,
                           struct adit_report *r)
{
    struct inst *in = self->instance;
    const struct adit_host *h = self->host;
    struct sad_assoc_view v;
    struct sad_pair_view p;
    struct ike_sa_view s;
    char line[2 * 8 + 1 + 2 * IKE_KEY_MAX + 2];
    (void)args;
    (void)n;
    if (!in->conf->export_keys)
        return adit_fail(self, ADIT_EDENIED, "keys are not kept: set export-keys: yes in the section "
                         "security, restart the daemon, and connect again");
    h->report->array(r, "esp_sa");
    for (struct sad_assoc *a = NULL; (a = sad_assoc_next(in->sad, a));) {
        sad_assoc_view(a, &v);
        for (struct sad_pair *x = NULL; (x = sad_pair_next(a, x));) {
            sad_pair_view(x, &p);
            if (!p.keymat_in || !p.keymat_out)
                continue;
            put_esp(h, r, &p.suite, &v.who->peer, &v.who->our, p.spi_in, p.keymat_in);
            put_esp(h, r, &p.suite, &v.who->our, &v.who->peer, p.spi_out, p.keymat_out);
        }
    }
    h->report->end(r);
    h->report->array(r, "ikev1_decryption_table");
    for (struct ike_sa *sa = NULL; (sa = ike_sa_next(in->ike, sa));) {
        ike_sa_view(sa, &s);
        if (!s.key || !s.key_len || s.key_len > IKE_KEY_MAX)
            continue;
        hex(s.cookie_i, 8, line);
        line[16] = ',';
        hex(s.key, s.key_len, line + 17);
        adit_report_put_str(h, r, NULL, line);
    }
    h->report->end(r);
    bytes_wipe(line, sizeof line);
    return 0;
}

int32_t inst_verbs(struct adit_self *self)
{
    const struct adit_control_api *c = self->host->control;
    int32_t code = c->verb(self, "rekey", "Negotiates phase 1 and every pair of a peer anew.",
                           verb_rekey);
    code = code ? code : c->verb(self, "drop", "Ends the associations of a peer.", verb_drop);
    code = code ? code : c->verb(self, "export-keys", "Keys of what is up, as Wireshark's tables.",
                                 verb_export);
    return code;
}
