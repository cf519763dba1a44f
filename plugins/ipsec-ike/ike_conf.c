/* ike_conf.c - options to settings.
 *
 * Knows:  which options make which setting, when key files changed.
 * Leaves: the grammar of proposals to ike_alg, keys to ike_auth.
 */
#include "ike_inst.h"

#include <stdio.h>

const char *inst_str_at(const struct adit_array *a, uint32_t nth)
{
    const char *s;
    memcpy(&s, (const char *)a->items + (size_t)nth * a->stride, sizeof s);
    return s;
}

static int32_t too_many(struct adit_self *self, const char *option)
{
    return adit_fail(self, ADIT_ECONF, "%s has more than %u entries", option, IKE_PROPOSALS_MAX);
}

static bool have(const struct ike_conf *c, const struct ike_proposal *p)
{
    for (uint32_t i = 0; i < c->proposal_count; i++)
        if (c->proposals[i].cipher == p->cipher && c->proposals[i].hash == p->hash &&
            c->proposals[i].group == p->group)
            return true;
    return false;
}

/* Peers may combine as they like what is not weak; we offer the usual ones. */
static void all_others(struct ike_conf *out)
{
    static const char *const ciphers[] = { "aes256", "aes192", "aes128" },
                      *const hashes[] = { "sha512", "sha384", "sha256", "sha1" },
                      *const groups[] = { "ecp384", "x25519", "ecp256", "modp4096", "modp3072", "modp2048" };
    char text[64], why[128];
    struct ike_proposal p;
    out->proposal_offer = out->proposal_count;
    for (size_t c = 0; c < sizeof ciphers / sizeof ciphers[0]; c++)
        for (size_t h = 0; h < sizeof hashes / sizeof hashes[0]; h++)
            for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++) {
                snprintf(text, sizeof text, "%s-%s-%s", ciphers[c], hashes[h], groups[g]);
                if (out->proposal_count < IKE_PROPOSALS_MAX &&
                    ike_proposal_parse(text, &p, why, sizeof why) && !have(out, &p))
                    out->proposals[out->proposal_count++] = p;
            }
}

static int32_t phase1(struct adit_self *self, const struct adit_array *a, struct ike_conf *out)
{
    char why[256];
    uint32_t n = 0;
    if (a->count > IKE_PROPOSALS_MAX)
        return too_many(self, "proposals");
    for (uint32_t i = 0; i < a->count; i++)
        if (!ike_proposal_parse(inst_str_at(a, i), &out->proposals[n++], why, sizeof why))
            return adit_fail(self, ADIT_ECONF, "proposals: %s", why);
    if (!a->count)
        for (; n < IKE_PROPOSALS_MAX && ike_default_proposals[n]; n++)
            if (!ike_proposal_parse(ike_default_proposals[n], &out->proposals[n], why, sizeof why))
                return adit_fail(self, ADIT_ECONF, "%s", why);
    out->proposal_count = n;
    if (!a->count)
        all_others(out);
    return 0;
}

static int32_t phase2(struct adit_self *self, const struct adit_array *a, struct ike_conf *out)
{
    char why[256];
    uint32_t n = 0;
    if (a->count > IKE_PROPOSALS_MAX)
        return too_many(self, "esp");
    for (uint32_t i = 0; i < a->count; i++)
        if (!ike_esp_proposal_parse(inst_str_at(a, i), &out->esp[n++], why, sizeof why))
            return adit_fail(self, ADIT_ECONF, "esp: %s", why);
    if (!a->count)
        for (; n < IKE_PROPOSALS_MAX && ike_default_esp[n]; n++)
            if (!ike_esp_proposal_parse(ike_default_esp[n], &out->esp[n], why, sizeof why))
                return adit_fail(self, ADIT_ECONF, "%s", why);
    out->esp_count = n;
    return 0;
}

int32_t inst_settings(struct adit_self *self, const struct ipsec_conf *c, struct ike_conf *out)
{
    int32_t code;
    *out = (struct ike_conf){
        .ike_life_ms = c->ike_life_ms,
        .esp_life_ms = c->esp_life_ms,
        .esp_life_bytes = c->esp_life_bytes,
        .rekey_margin_pct = c->rekey_margin_pct,
        .dpd_ms = c->dpd_ms,
        .rto_ms = (uint32_t)c->rto_ms,
        .rto_max_ms = (uint32_t)(c->rto_max_ms > c->rto_ms ? c->rto_max_ms : c->rto_ms),
        .tries = c->tries,
        .setup_ms = c->setup_ms,
        .keepalive_ms = c->keepalive_ms,
        .window = (c->window + 63u) & ~63u,     /* whole words of the ring */
        .max_half_open = c->max_half_open,
        .max_half_open_per_address = c->max_half_open_per_address,
        .starts_per_s_per_address = c->starts_per_s_per_address,
        .max_sas = c->max_sas,
        .mtu = c->mtu,
        .pfs = c->pfs,
        .initiator_only = c->initiator_only,
        .always_encap = c->encap == IPSEC_ENCAP_ALWAYS,
    };
    for (uint32_t i = 0; i < c->listen.count; i++) {
        struct adit_addr a;
        memcpy(&a, (const char *)c->listen.items + (size_t)i * c->listen.stride, sizeof a);
        if (a.port)
            return adit_fail(self, ADIT_ECONF, "listen: addresses go without a port; IKE has 500 and "
                             "4500");
    }
    code = phase1(self, &c->proposals, out);
    return code ? code : phase2(self, &c->esp, out);
}

struct ike_auth *inst_keys(struct adit_self *self, const struct ipsec_conf *c, OSSL_LIB_CTX *lib)
{
    struct ike_auth_conf with = c->auth, *a = &with;
    char why[512] = "";
    with.none = c->initiator_only;
    if (!a->psk && !a->psk_file && !a->psks.count && !a->certificate && !c->initiator_only) {
        (void)adit_fail(self, ADIT_ECONF, "there is no key: set psk-file (or psk, or rows in psks), or "
                        "certificate with key and ca; 'adit setup' makes one");
        return NULL;
    }
    struct ike_auth *auth = ike_auth_new(lib, a, why, sizeof why);
    if (!auth)
        (void)adit_fail(self, ADIT_ECONF, "%s", why);
    return auth;
}

/* ---- files ------------------------------------------------------------------------- */

static uint32_t files_of(const struct ike_auth_conf *a, const char *out[INST_FILES])
{
    const char *const fixed[] = { a->psk_file, a->certificate, a->key, a->ca, a->crl };
    uint32_t n = 0;
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
        if (fixed[i])
            out[n++] = fixed[i];
    for (uint32_t i = 0; i < a->psks.count && n < INST_FILES; i++) {
        const struct ike_psk_conf *row = (const void *)((const char *)a->psks.items +
                                                        (size_t)i * a->psks.stride);
        if (row->secret_file)
            out[n++] = row->secret_file;
    }
    return n;
}

static bool look(struct inst *in, const struct ipsec_conf *c)
{
    struct inst_files *f = &in->files;
    const char *names[INST_FILES];
    uint32_t n = files_of(&c->auth, names);
    bool changed = n != f->count;
    for (uint32_t i = 0; i < n; i++) {
        struct stat st;
        if (stat(names[i], &st))
            memset(&st, 0, sizeof st);
        if (f->was[i].ino != st.st_ino || f->was[i].size != st.st_size ||
            f->was[i].at.tv_sec != st.st_mtim.tv_sec || f->was[i].at.tv_nsec != st.st_mtim.tv_nsec)
            changed = true;
        f->was[i].ino = st.st_ino;
        f->was[i].size = st.st_size;
        f->was[i].at = st.st_mtim;
    }
    f->count = n;
    f->looked_ms = in->self->host->loop->now();
    return changed;
}

bool inst_files_changed(struct inst *in)
{
    return in->self->host->loop->now() - in->files.looked_ms >= 1000u && look(in, in->conf);
}

void inst_files_seen(struct inst *in)
{
    (void)look(in, in->conf);
}
