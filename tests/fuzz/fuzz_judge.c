/* fuzz_judge.c - the judge: every field of the query comes from a peer, the
 * text of a stored hash from a file.
 *
 * Input: method (bit number), flags of what is there, lengths, then the fields.
 */
#include <adit/bytes.h>
#include <stdlib.h>
#include "crypto/crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t nt[16] = { 1, 2, 3 };
    struct rd r = rd_of(data, len);
    uint8_t bit = rd_u8(&r), have = rd_u8(&r);
    struct adit_auth_query q = { .size = sizeof q, .method = 1u << (bit % 10), .id = rd_u8(&r) };
    char user[64], out[256];
    uint8_t n = rd_u8(&r) % 64;
    struct rd name = rd_sub(&r, n < rd_left(&r) ? n : rd_left(&r));
    size_t name_len = rd_left(&name);
    rd_copy(&name, user, name_len);
    user[name_len] = '\0';
    q.user = have & 1 ? user : NULL;
    q.challenge_len = rd_u8(&r);
    q.challenge = rd_bytes(&r, q.challenge_len);
    q.response_len = rd_u8(&r);
    q.response = rd_bytes(&r, q.response_len);
    if (have & 2) {
        q.encrypted_password = rd_bytes(&r, 516);
        q.encrypted_hash = rd_bytes(&r, 16);
    }
    size_t rest;
    q.password = rd_rest(&r, &rest);
    q.password_len = (uint32_t)rest;
    struct adit_secret_view s = { .size = sizeof s };
    if (have & 4) {
        s.clear = "secret";
        s.clear_len = 6;
    }
    if (have & 8)
        s.nt_hash = nt;
    struct adit_auth_answer a = { .size = sizeof a };
    crypto_judge_api.judge(&q, &s, &a);
    if (a.verdict > ADIT_VERDICT_ACCEPT || a.key_len > 32 || (a.verdict == ADIT_VERDICT_REJECT && !a.cause))
        abort();
    (void)crypto_judge_api.new_password(&q, &s, out, sizeof out);
    if (have & 16 && q.password && rest < 100) {        /* and as a stored text */
        char text[128];
        memcpy(text, q.password, rest);
        text[rest] = '\0';
        /* a valid one would cost 50 ms a run: only what the reader refuses */
        if (!strstr(text, "$ln=1") || rest < 40)
            (void)password_check("x", 1, text);
    }
    return 0;
}
