/* mschap.c - what MS-CHAP says inside CHAP packets and inside EAP.
 *
 * Knows:  challenges, the texts of Success and Failure, Change-Password, the
 *         peer's response and the proof that it expects (RFC 2433, RFC 2759).
 * Leaves: the packets round them (chap.c, eap_mschapv2.c), the arithmetic (core/crypto).
 */
#include "crypto/crypto.h"
#include "ppp/ppp_auth_in.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

void mschap_challenge(struct ppp_auth *a, uint32_t method)
{
    a->srv.challenge_len = method == ADIT_AUTH_MSCHAPV1 ? 8 : 16;
    a->ops.random(a->u, a->srv.challenge, a->srv.challenge_len);
}

static void put_text(struct wr *w, const char *text, size_t most)
{
    for (size_t i = 0; i < most && text[i]; i++)
        wr_u8(w, iscntrl((unsigned char)text[i]) ? ' ' : (uint8_t)text[i]);
}

static void put_hex(struct wr *w, const uint8_t *p, size_t n)
{
    static const char digits[] = "0123456789ABCDEF";    /* upper case: RFC 2759 section 5 */
    for (size_t i = 0; i < n; i++) {
        wr_u8(w, (uint8_t)digits[p[i] >> 4]);
        wr_u8(w, (uint8_t)digits[p[i] & 15]);
    }
}

/* The number that the peer is told; the map of causes has it. */
static unsigned mschap_error(uint32_t cause)
{
    switch (cause) {
#define ADIT_X(number, NAME, code, ras, mschap, text) case number: return mschap ? mschap : 691;
    ADIT_CAUSE_MAP(ADIT_X)
#undef ADIT_X
    default: return 691;
    }
}

enum mschap_next mschap_verdict(struct ppp_auth *a, const struct adit_auth_answer *answer,
                                struct wr *text)
{
    struct pa_server *s = &a->srv;
    bool v1 = s->challenge_len == 8, changing = s->change;
    s->change = false;
    if (answer->verdict == ADIT_VERDICT_ACCEPT) {
        pa_grant(a, answer);
        if (!v1) {
            put_text(text, "S=", 2);
            put_hex(text, answer->authenticator_response, 20);
            put_text(text, " M=", 3);
        }
        put_text(text, answer->message ? answer->message : "Welcome", 160);
        return MSCHAP_ACCEPTED;
    }
    uint32_t cause = adit_cause_shown(pa_cause(answer));
    unsigned error = mschap_error(cause);
    enum mschap_next next = MSCHAP_REFUSED;
    if (changing) {
        error = 709;            /* ERROR_CHANGING_PASSWORD */
    } else if (cause == ADIT_CAUSE_PASSWORD_EXPIRED) {
        next = MSCHAP_CHANGE;
        s->change = true;
    } else if (cause == ADIT_CAUSE_AUTH_FAILED && ++s->tries < PA_TRIES) {
        next = MSCHAP_AGAIN;
    }
    if (next != MSCHAP_REFUSED)
        pa_person(a);
    mschap_challenge(a, v1 ? ADIT_AUTH_MSCHAPV1 : ADIT_AUTH_MSCHAPV2);
    char head[32];
    snprintf(head, sizeof head, "E=%u R=%d C=", error, next == MSCHAP_AGAIN);
    put_text(text, head, sizeof head);
    put_hex(text, s->challenge, s->challenge_len);
    if (v1) {
        put_text(text, " V=2", 4);      /* RFC 2433 section 8: no M= there */
    } else {
        put_text(text, " V=3 M=", 7);
        put_text(text, answer->message ? answer->message : adit_cause_told(cause), 160);
    }
    return next;
}

/* RFC 2759 section 7: encrypted password 516, encrypted hash 16, peer challenge
 * 16, reserved 8, NT response 24, flags 2. RFC 2433 section 10 (version 2): the
 * same for the NT hash, for the LM hash, LM response 24, NT response 24, flags. */
bool mschap_change(struct ppp_auth *a, struct rd *r, bool v1)
{
    struct pa_server *s = &a->srv;
    const uint8_t *password = rd_bytes(r, 516), *hash = rd_bytes(r, 16);
    if (v1)
        rd_skip(r, 516 + 16);
    const uint8_t *value = rd_bytes(r, 48);
    rd_skip(r, 2);
    if (!rd_ok(r))
        return false;
    memcpy(s->value, value, 48);
    s->value[48] = v1 ? 1 : 0;
    s->value_len = 49;
    struct adit_auth_query q = {
        .id = s->id, .challenge = s->challenge, .challenge_len = s->challenge_len,
        .response = s->value, .response_len = 49,
        .encrypted_password = password, .encrypted_hash = hash };
    pa_ask(a, ADIT_AUTH_CHANGE, &q);
    return true;
}

/* ---- the peer's half ------------------------------------------------------------ */

static bool respond_v1(struct ppp_auth *a, const uint8_t *challenge, const uint8_t nt_hash[16],
                       uint8_t out[49])
{
    struct adit_auth_answer *k = &a->peer.keys;
    uint8_t hh[16], lm[16];
    memset(out, 0, 24);         /* RFC 2433 section 6: no LM response */
    out[48] = 1;
    if (challenge_response(challenge, nt_hash, out + 24) || hash_nt_password_hash(nt_hash, hh))
        return false;
    mppe_start_key_v1_128(hh, challenge, k->send_key);
    memcpy(k->recv_key, k->send_key, 16);
    if (lm_password_hash(a->password, strlen(a->password), lm) == 0)
        memcpy(k->lm_key, lm, 8);
    bytes_wipe(hh, sizeof hh);
    bytes_wipe(lm, sizeof lm);
    return true;
}

static bool respond_v2(struct ppp_auth *a, const uint8_t *challenge, const uint8_t nt_hash[16],
                       uint8_t out[49])
{
    struct adit_auth_answer *k = &a->peer.keys;
    uint8_t hh[16], master[16];
    memset(out, 0, 49);
    a->ops.random(a->u, out, 16);
    if (generate_nt_response(challenge, out, a->user, nt_hash, out + 24) ||
        generate_authenticator_response(nt_hash, out + 24, out, challenge, a->user, a->peer.proof) ||
        hash_nt_password_hash(nt_hash, hh))
        return false;
    mppe_master_key(hh, out + 24, master);
    mppe_asymmetric_start_key(master, k->send_key, 16, true, false);
    mppe_asymmetric_start_key(master, k->recv_key, 16, false, false);
    bytes_wipe(hh, sizeof hh);
    bytes_wipe(master, sizeof master);
    return true;
}

bool mschap_respond(struct ppp_auth *a, uint32_t method, const uint8_t *challenge, uint8_t out[49])
{
    uint8_t nt_hash[16];
    struct adit_auth_answer *k = &a->peer.keys;
    memset(k, 0, sizeof *k);
    k->size = sizeof *k;
    k->verdict = ADIT_VERDICT_ACCEPT;
    k->key_len = 16;
    bool ok = nt_password_hash(a->password, strlen(a->password), nt_hash) == 0 &&
              (method == ADIT_AUTH_MSCHAPV1 ? respond_v1(a, challenge, nt_hash, out)
                                            : respond_v2(a, challenge, nt_hash, out));
    bytes_wipe(nt_hash, sizeof nt_hash);
    return ok;
}

static int hex_digit(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool mschap_proof_ok(struct ppp_auth *a, struct rd *text)
{
    uint8_t got[20];
    if (rd_u8(text) != 'S' || rd_u8(text) != '=')
        return false;
    for (int i = 0; i < 20; i++) {
        int hi = hex_digit(rd_u8(text)), lo = hex_digit(rd_u8(text));
        if (hi < 0 || lo < 0)
            return false;
        got[i] = (uint8_t)(hi << 4 | lo);
    }
    return rd_ok(text) && bytes_equal(got, a->peer.proof, 20);
}

#define FAILURE_TEXT 256

static unsigned long failure_text(struct rd *text, char copy[FAILURE_TEXT])
{
    size_t len = rd_left(text) < FAILURE_TEXT - 1 ? rd_left(text) : FAILURE_TEXT - 1;
    rd_copy(text, copy, len);
    copy[len] = '\0';
    const char *e = strstr(copy, "E=");
    return e ? strtoul(e + 2, NULL, 10) : 0;
}

uint32_t mschap_failure(struct rd *text, char *message, size_t size)
{
    char copy[FAILURE_TEXT];
    unsigned long error = failure_text(text, copy);
    const char *m = strstr(copy, "M=");
    snprintf(message, size, "%s", m ? m + 2 : "");
    switch (error) {
    case 646: return ADIT_CAUSE_HOURS;
    case 647: return ADIT_CAUSE_DISABLED;
    case 648:
    case 709: return ADIT_CAUSE_PASSWORD_EXPIRED;
    case 649: return ADIT_CAUSE_NO_PERMISSION;
    default:  return ADIT_CAUSE_AUTH_FAILED;
    }
}

/* The challenge that a Failure brings for the next attempt. */
static bool failure_challenge(const char *text, uint8_t out[16])
{
    const char *c = strstr(text, "C=");
    for (size_t i = 0; c && i < 16; i++) {
        int hi = hex_digit((uint8_t)c[2 + 2 * i]), lo = hi < 0 ? -1 : hex_digit((uint8_t)c[3 + 2 * i]);
        if (lo < 0)
            return false;
        out[i] = (uint8_t)(hi << 4 | lo);
    }
    return c != NULL;
}

bool mschap_renew(struct ppp_auth *a, struct rd text, uint8_t out[MSCHAP_CHANGE_LEN])
{
    char copy[FAILURE_TEXT];
    uint8_t challenge[16], old_hash[16], new_hash[16], value[49];
    if (!a->new_password || failure_text(&text, copy) != 648 || !failure_challenge(copy, challenge) ||
        pa_is_ours(a, challenge, 16))
        return false;
    bool ok = nt_password_hash(a->password, strlen(a->password), old_hash) == 0 &&
              nt_password_hash(a->new_password, strlen(a->new_password), new_hash) == 0 &&
              new_password_encrypted(a->new_password, strlen(a->new_password), old_hash, out) == 0 &&
              old_hash_encrypted(new_hash, old_hash, out + 516) == 0;
    bytes_wipe(old_hash, sizeof old_hash);
    bytes_wipe(new_hash, sizeof new_hash);
    if (!ok)
        return false;
    bytes_wipe(a->password, strlen(a->password));
    free(a->password);
    a->password = a->new_password;
    a->new_password = NULL;
    if (!mschap_respond(a, ADIT_AUTH_MSCHAPV2, challenge, value))
        return false;
    memcpy(out + 532, value, 48);       /* peer challenge, reserved, NT response */
    out[580] = out[581] = 0;            /* flags */
    a->peer.changing = true;
    return true;
}
