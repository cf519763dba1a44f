/* judge.c - judges a peer's response against what is known of the secret.
 *
 * Knows:  PAP, CHAP, MS-CHAPv1 and v2 (in PPP or in EAP), password change;
 *         which of them the clear password or its NT hash can answer.
 * Leaves: packets, accounts, who may try again.
 *
 * Hostile: every field of the query came from a peer. The secret's length and
 * content decide no branch that the peer could time but "is there one".
 */
#include "crypto/crypto_in.h"

static void refuse(struct adit_auth_answer *a, uint32_t cause)
{
    a->verdict = ADIT_VERDICT_REJECT;
    a->cause = cause;
}

static void accept(struct adit_auth_answer *a)
{
    a->verdict = ADIT_VERDICT_ACCEPT;
    a->cause = ADIT_CAUSE_NONE;
}

/* The NT hash, known or made from the clear text; false: neither. */
static bool nt_hash_of(const struct adit_secret_view *s, uint8_t out[16])
{
    if (s->clear)
        return nt_password_hash(s->clear, s->clear_len, out) == 0;
    if (s->nt_hash)
        memcpy(out, s->nt_hash, 16);
    return s->nt_hash != NULL;
}

static bool same(const void *a, size_t a_len, const void *b, size_t b_len)
{
    uint8_t x[32], y[32];
    struct adit_chunk ca = { a, a_len }, cb = { b, b_len };
    return crypto_digest(ADIT_SHA256, &ca, 1, x) == 0 && crypto_digest(ADIT_SHA256, &cb, 1, y) == 0 &&
           bytes_equal(x, y, sizeof x);
}

static void judge_pap(const struct adit_auth_query *q, const struct adit_secret_view *s,
                      struct adit_auth_answer *a)
{
    const char *given = q->password ? (const char *)q->password : "";
    uint32_t len = q->password ? q->password_len : 0;
    bool ok = false;
    if (s->clear) {
        ok = same(given, len, s->clear, s->clear_len);
    } else if (s->nt_hash) {
        uint8_t hash[16];
        ok = nt_password_hash(given, len, hash) == 0 && bytes_equal(hash, s->nt_hash, 16);
        bytes_wipe(hash, sizeof hash);
    } else {
        refuse(a, ADIT_CAUSE_METHOD_REFUSED);
        return;
    }
    if (ok)
        accept(a);
    else
        refuse(a, ADIT_CAUSE_AUTH_FAILED);
}

static void judge_md5(const struct adit_auth_query *q, const struct adit_secret_view *s,
                      struct adit_auth_answer *a)
{
    uint8_t id = (uint8_t)q->id, md5[16];
    if (!s->clear) {                    /* RFC 1994 section 2.2: the secret in clear */
        refuse(a, ADIT_CAUSE_METHOD_REFUSED);
        return;
    }
    struct adit_chunk c[3] = { { &id, 1 }, { s->clear, s->clear_len },
                               { q->challenge, q->challenge_len } };
    if (q->response && q->response_len == 16 && q->challenge && q->challenge_len > 0 &&
        crypto_digest(ADIT_MD5, c, 3, md5) == 0 && bytes_equal(md5, q->response, 16))
        accept(a);
    else
        refuse(a, ADIT_CAUSE_AUTH_FAILED);
    bytes_wipe(md5, sizeof md5);
}

/* MS-CHAPv1 value: LM response 24, NT response 24, flag "use NT". */
static void judge_v1(const struct adit_auth_query *q, const struct adit_secret_view *s,
                     const uint8_t nt_hash[16], struct adit_auth_answer *a)
{
    static const uint8_t none[24];
    uint8_t want[24], hh[16];
    if (!q->response || q->response_len != 49 || !q->challenge || q->challenge_len != 8) {
        refuse(a, ADIT_CAUSE_AUTH_FAILED);
        return;
    }
    /* RFC 2433 section 6 deprecates the LM response, which is broken in
     * seconds. W19: a wrong flag beside a real NT response is tolerated. */
    if (bytes_equal(q->response + 24, none, 24)) {
        refuse(a, ADIT_CAUSE_METHOD_REFUSED);
        return;
    }
    if (challenge_response(q->challenge, nt_hash, want) == 0 &&
        bytes_equal(want, q->response + 24, 24) && hash_nt_password_hash(nt_hash, hh) == 0) {
        accept(a);
        mppe_start_key_v1_128(hh, q->challenge, a->send_key);
        memcpy(a->recv_key, a->send_key, 16);
        a->key_len = 16;
        uint8_t lm[16];
        if (s->clear && lm_password_hash(s->clear, s->clear_len, lm) == 0)
            memcpy(a->lm_key, lm, 8);
        bytes_wipe(lm, sizeof lm);
        bytes_wipe(hh, sizeof hh);
    } else {
        refuse(a, ADIT_CAUSE_AUTH_FAILED);
    }
    bytes_wipe(want, sizeof want);
}

/* MS-CHAPv2 value: peer challenge 16, reserved 8, NT response 24, flags, which
 * must be zero and which W19 says are not: nobody needs them. */
static void judge_v2(const struct adit_auth_query *q, const uint8_t nt_hash[16],
                     struct adit_auth_answer *a)
{
    uint8_t want[24], hh[16], master[16];
    const char *user = q->user ? q->user : "";
    if (!q->response || q->response_len != 49 || !q->challenge || q->challenge_len != 16) {
        refuse(a, ADIT_CAUSE_AUTH_FAILED);
        return;
    }
    const uint8_t *peer = q->response, *nt_response = q->response + 24;
    if (generate_nt_response(q->challenge, peer, user, nt_hash, want) == 0 &&
        bytes_equal(want, nt_response, 24) && hash_nt_password_hash(nt_hash, hh) == 0 &&
        generate_authenticator_response(nt_hash, nt_response, peer, q->challenge, user,
                                        a->authenticator_response) == 0) {
        accept(a);
        mppe_master_key(hh, nt_response, master);
        mppe_asymmetric_start_key(master, a->send_key, 16, true, true);
        mppe_asymmetric_start_key(master, a->recv_key, 16, false, true);
        a->key_len = 16;
        bytes_wipe(master, sizeof master);
        bytes_wipe(hh, sizeof hh);
    } else {
        refuse(a, ADIT_CAUSE_AUTH_FAILED);
    }
    bytes_wipe(want, sizeof want);
}

static int32_t new_password(const struct adit_auth_query *q, const struct adit_secret_view *old,
                            char *out, uint32_t out_size)
{
    uint8_t old_hash[16], hash[16], want[16];
    if (q->method != ADIT_AUTH_CHANGE || !q->encrypted_password || !q->encrypted_hash || !out_size)
        return ADIT_EINVAL;
    if (!nt_hash_of(old, old_hash))
        return ADIT_EAUTH;
    int32_t rc = new_password_decrypt(q->encrypted_password, old_hash, out,
                                      out_size < 256 ? out_size : 256);
    /* Only who knows both could have made the second field (RFC 2759 section 8.12). */
    if (rc == 0)
        rc = nt_password_hash(out, strlen(out), hash);
    if (rc == 0)
        rc = old_hash_encrypted(hash, old_hash, want);
    if (rc == 0 && !bytes_equal(want, q->encrypted_hash, 16))
        rc = ADIT_EAUTH;
    if (rc)
        bytes_wipe(out, out_size < 256 ? out_size : 256);
    bytes_wipe(old_hash, sizeof old_hash);
    bytes_wipe(hash, sizeof hash);
    return rc;
}

/* The response of a Change-Password packet is made with the new password. */
static void judge_change(const struct adit_auth_query *q, const struct adit_secret_view *s,
                         struct adit_auth_answer *a)
{
    char text[256];
    uint8_t hash[16];
    if (new_password(q, s, text, sizeof text) == 0 &&
        nt_password_hash(text, strlen(text), hash) == 0) {
        struct adit_secret_view now = { sizeof now, (uint32_t)strlen(text), text, NULL };
        if (q->challenge_len == 8)
            judge_v1(q, &now, hash, a);
        else
            judge_v2(q, hash, a);
    } else {
        refuse(a, ADIT_CAUSE_AUTH_FAILED);
    }
    bytes_wipe(text, sizeof text);
    bytes_wipe(hash, sizeof hash);
}

static void judge(const struct adit_auth_query *q, const struct adit_secret_view *s,
                  struct adit_auth_answer *a)
{
    uint8_t nt_hash[16];
    refuse(a, ADIT_CAUSE_AUTH_FAILED);
    a->key_len = 0;
    switch (q->method) {
    case ADIT_AUTH_PAP:
        judge_pap(q, s, a);
        return;
    case ADIT_AUTH_CHAP:
    case ADIT_AUTH_EAP_MD5:
        judge_md5(q, s, a);
        return;
    case ADIT_AUTH_EAP_TLS:             /* the certificate was the proof: the user exists */
        accept(a);
        return;
    case ADIT_AUTH_CHANGE:
        judge_change(q, s, a);
        return;
    case ADIT_AUTH_MSCHAPV1:
    case ADIT_AUTH_MSCHAPV2:
    case ADIT_AUTH_EAP_MSCHAPV2:
        break;
    default:
        refuse(a, ADIT_CAUSE_METHOD_REFUSED);
        return;
    }
    if (!nt_hash_of(s, nt_hash))
        refuse(a, ADIT_CAUSE_METHOD_REFUSED);
    else if (q->method == ADIT_AUTH_MSCHAPV1)
        judge_v1(q, s, nt_hash, a);
    else
        judge_v2(q, nt_hash, a);
    bytes_wipe(nt_hash, sizeof nt_hash);
}

const struct adit_judge_api crypto_judge_api = { sizeof crypto_judge_api, judge, new_password };
