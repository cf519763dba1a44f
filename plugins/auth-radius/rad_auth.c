/* rad_auth.c - an authenticator that asks RADIUS servers.
 *
 * Knows:  the forms of each method in RADIUS (RFC 2865, 2548, 3579), what an answer
 *         means for a login, the keys of MPPE in it.
 * Leaves: servers to rad_client, attributes of the session to rad_attr.
 *
 * A query is written once, when it begins: what it points to is borrowed. Only a
 * password depends on the server that is asked, and waits for it.
 */
#include "rad_auth.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include "rad_attr.h"
#include "rad_dict.h"
#include "rad_show.h"

/* RFC 3579 section 2.4: what an EAP packet may take on its way to the user. It fits
 * every MRU that clients ask for. */
#define EAP_MTU 1300u
#define STATE_MAX 253u

const struct adit_event rad_ev_useless = {
    sizeof(struct adit_event), ADIT_LOG_WARN, "radius.answer.useless",
    "A server accepted a user with an answer that nothing can be done with.", "user server why remedy"
};
const struct adit_event rad_ev_busy = {
    sizeof(struct adit_event), ADIT_LOG_WARN, "radius.busy",
    "More logins wait for an answer than in-flight permits; this one was refused.", "in-flight remedy"
};
const struct adit_event rad_ev_unanswered = {
    sizeof(struct adit_event), ADIT_LOG_WARN, "radius.unanswered",
    "No server answered for a user.", "user why"
};

/* ---- asking ------------------------------------------------------------------------- */

/* CHAP-Password: identifier and response; the challenge by itself, whatever its length. */
static bool put_chap(struct rad_out *o, const struct adit_auth_query *q)
{
    uint8_t v[17] = { (uint8_t)q->id };
    if (!q->response || q->response_len != 16 || !q->challenge || !q->challenge_len)
        return false;
    memcpy(v + 1, q->response, 16);
    rad_put(o, RAD_CHAP_PASSWORD, v, sizeof v);
    rad_put(o, RAD_CHAP_CHALLENGE, q->challenge, q->challenge_len);
    return true;
}

/* RFC 2548 sections 2.1.3 and 2.3.2: identifier, flags, and the 48 octets that the two
 * versions fill each in its way. */
static bool put_mschap(struct rad_out *o, const struct adit_auth_query *q, bool v2)
{
    uint8_t v[50] = { (uint8_t)q->id };
    if (!q->response || q->response_len != 49 || !q->challenge || q->challenge_len != (v2 ? 16 : 8))
        return false;
    v[1] = v2 ? 0 : 1;          /* version 1: the NT response counts; RFC 2433 section 6 */
    memcpy(v + 2, q->response, 48);
    rad_put_vendor(o, RAD_VENDOR_MICROSOFT, RAD_MS_CHAP_CHALLENGE, q->challenge, q->challenge_len);
    rad_put_vendor(o, RAD_VENDOR_MICROSOFT, v2 ? RAD_MS_CHAP2_RESPONSE : RAD_MS_CHAP_RESPONSE, v, sizeof v);
    return true;
}

/* RFC 2548 sections 2.1.6, 2.1.8 and 2.3.4: the new password in three pieces, and the
 * proof that the old one is known. */
static bool put_change(struct rad_out *o, const struct adit_auth_query *q)
{
    enum { PIECE = 243 };
    bool v2 = q->challenge_len == 16;
    if (!q->response || q->response_len != 49 || !q->challenge || (!v2 && q->challenge_len != 8) ||
        !q->encrypted_password || !q->encrypted_hash)
        return false;
    rad_put_vendor(o, RAD_VENDOR_MICROSOFT, RAD_MS_CHAP_CHALLENGE, q->challenge, q->challenge_len);
    for (uint32_t at = 0, n = 1; at < 516; at += PIECE, n++) {
        uint8_t v[4 + PIECE] = { 6, (uint8_t)q->id, 0, (uint8_t)n };
        uint32_t len = 516 - at < PIECE ? 516 - at : PIECE;
        memcpy(v + 4, q->encrypted_password + at, len);
        rad_put_vendor(o, RAD_VENDOR_MICROSOFT, RAD_MS_CHAP_NT_ENC_PW, v, 4 + len);
        bytes_wipe(v, sizeof v);
    }
    uint8_t v[84] = { v2 ? 7 : 6, (uint8_t)q->id };
    memcpy(v + 2, q->encrypted_hash, 16);
    if (v2) {
        memcpy(v + 18, q->response, 48);
        rad_put_vendor(o, RAD_VENDOR_MICROSOFT, RAD_MS_CHAP2_CPW, v, 68);
    } else {
        memcpy(v + 34, q->response, 48);        /* behind an old LM hash, which is none */
        v[83] = 1;              /* NT response and NT hash count */
        rad_put_vendor(o, RAD_VENDOR_MICROSOFT, RAD_MS_CHAP_CPW_2, v, 84);
    }
    bytes_wipe(v, sizeof v);
    return true;
}

static bool put_eap(struct rad_out *o, const struct adit_auth_query *q)
{
    if (!q->eap || q->eap_len < 4)
        return false;
    rad_put_u32(o, RAD_FRAMED_MTU, EAP_MTU);
    rad_put_long(o, RAD_EAP_MESSAGE, q->eap, q->eap_len);
    return true;
}

/* What goes back to the server that gave it: one octet for its name's length, the name,
 * State. State means nothing to another server. */
static const uint8_t *state_of(const struct adit_auth_query *q, uint32_t *len, char server[256])
{
    struct rd r = rd_of(q->state, q->state_len);
    size_t left;
    *server = '\0';
    uint8_t n = rd_u8(&r);
    const uint8_t *name = rd_bytes(&r, n);
    if (!name)
        return NULL;
    memcpy(server, name, n);
    server[n] = '\0';
    const uint8_t *state = rd_rest(&r, &left);
    *len = (uint32_t)left;
    return state;
}

bool rad_auth_put(const struct adit_host *h, struct rad_out *o, const char *user,
                  const struct adit_auth_query *q)
{
    char server[256];
    uint32_t len;
    rad_put_str(o, RAD_USER_NAME, user);
    const uint8_t *state = state_of(q, &len, server);
    const struct adit_value *earlier = q->attrs ? h->attr->get(q->attrs, ADIT_ATTR_STATE, 0) : NULL;
    if (state && len)
        rad_put(o, RAD_STATE, state, len);
    else if (earlier && earlier->type == ADIT_TYPE_BYTES)       /* RFC 2865 section 5.24: once more */
        rad_put(o, RAD_STATE, earlier->v.p, earlier->len);
    switch (q->method) {
    case ADIT_AUTH_PAP:
        return q->password_len <= RAD_PASSWORD_MAX && (q->password || !q->password_len);
    case ADIT_AUTH_CHAP:
    case ADIT_AUTH_EAP_MD5:
        return put_chap(o, q);
    case ADIT_AUTH_MSCHAPV1:
        return put_mschap(o, q, false);
    case ADIT_AUTH_MSCHAPV2:
    case ADIT_AUTH_EAP_MSCHAPV2:
        return put_mschap(o, q, true);
    case ADIT_AUTH_CHANGE:
        return put_change(o, q);
    case ADIT_AUTH_EAP_RELAY:
        return put_eap(o, q);
    default:
        return false;
    }
}

/* ---- what an answer says -------------------------------------------------------------- */

/* "E=691 R=1 C=... V=3 M=text" (RFC 2759 section 6, RFC 2433 section 7). */
static uint32_t mschap_error(const struct rad_in *in, char *message, size_t size)
{
    static const struct { unsigned long error; uint32_t cause; } map[] = {
        { 646, ADIT_CAUSE_HOURS }, { 647, ADIT_CAUSE_DISABLED }, { 648, ADIT_CAUSE_PASSWORD_EXPIRED },
        { 649, ADIT_CAUSE_NO_PERMISSION }, { 691, ADIT_CAUSE_AUTH_FAILED }, { 709, ADIT_CAUSE_AUTH_FAILED },
    };
    struct rad_attr a;
    char text[256];
    uint32_t n = 0;
    if (!rad_find(in, RAD_VENDOR_MICROSOFT, RAD_MS_CHAP_ERROR, &a) || a.len < 2)
        return ADIT_CAUSE_NONE;
    for (uint32_t i = 1; i < a.len && n + 1 < sizeof text; i++)         /* behind the identifier */
        text[n++] = a.p[i] < 0x20 || a.p[i] == 0x7f ? ' ' : (char)a.p[i];
    text[n] = '\0';
    const char *m = strstr(text, " M="), *e = strncmp(text, "E=", 2) == 0 ? text : strstr(text, " E=");
    if (m && m[3] && !*message)
        snprintf(message, size, "%s", m + 3);
    if (!e)
        return ADIT_CAUSE_NONE;
    unsigned long error = strtoul(strchr(e, '=') + 1, NULL, 10);
    for (size_t i = 0; i < sizeof map / sizeof map[0]; i++)
        if (map[i].error == error)
            return map[i].cause;
    return ADIT_CAUSE_AUTH_FAILED;
}

static int nibble(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return tolower(c) >= 'a' && tolower(c) <= 'f' ? tolower(c) - 'a' + 10 : -1;
}

/* MS-CHAP2-Success: identifier, "S=" and 40 digits (RFC 2548 section 2.3.3). */
static bool mschap_success(const struct rad_in *in, uint8_t out[20])
{
    struct rad_attr a;
    if (!rad_find(in, RAD_VENDOR_MICROSOFT, RAD_MS_CHAP2_SUCCESS, &a) || a.len < 43 ||
        a.p[1] != 'S' || a.p[2] != '=')
        return false;
    for (uint32_t i = 0; i < 20; i++) {
        int high = nibble(a.p[3 + 2 * i]), low = nibble(a.p[4 + 2 * i]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* RFC 2548 section 2.4.1, for MS-CHAPv1: LM key of 8, hash of the NT hash, padding. The
 * start key is made as a server of accounts makes it (RFC 3079 section 2.4). */
static void keys_v1(struct adit_self *self, const struct adit_auth_query *q, const struct rad_in *in,
                    const struct rad_how *how, struct adit_auth_answer *out)
{
    static const uint8_t none[16];
    struct rad_attr a;
    uint8_t clear[32], start[20];
    if (!rad_find(in, RAD_VENDOR_MICROSOFT, RAD_MS_CHAP_MPPE_KEYS, &a) ||
        rad_unhide(how->key, how->authenticator, a.p, a.len, clear, sizeof clear) != 32)
        return;
    const uint8_t *hash = clear + 8;
    const struct adit_chunk c[] = { { hash, 16 }, { hash, 16 }, { q->challenge, 8 } };
    if (memcmp(hash, none, 16) != 0 && q->challenge_len == 8 &&
        self->host->crypto->digest(ADIT_SHA1, c, 3, start) == 0) {
        memcpy(out->send_key, start, 16);
        memcpy(out->recv_key, start, 16);
        memcpy(out->lm_key, clear, 8);
        out->key_len = 16;
    }
    bytes_wipe(clear, sizeof clear);
    bytes_wipe(start, sizeof start);
}

static int32_t salted_key(const struct rad_in *in, const struct rad_how *how, uint32_t type, uint8_t out[32])
{
    struct rad_attr a;
    return rad_find(in, RAD_VENDOR_MICROSOFT, type, &a) ?
           rad_unsalt(how->key, how->authenticator, a.p, a.len, out, 32) : -1;
}

static void keys(struct adit_self *self, const struct adit_auth_query *q, const struct rad_in *in,
                 const struct rad_how *how, struct adit_auth_answer *out)
{
    int32_t send = salted_key(in, how, RAD_MS_MPPE_SEND_KEY, out->send_key);
    int32_t recv = salted_key(in, how, RAD_MS_MPPE_RECV_KEY, out->recv_key);
    int32_t n = send < recv ? send : recv;
    if (n >= 8) {
        out->key_len = (uint32_t)n;
        return;
    }
    bytes_wipe(out->send_key, sizeof out->send_key);
    bytes_wipe(out->recv_key, sizeof out->recv_key);
    if (q->method == ADIT_AUTH_MSCHAPV1 || (q->method == ADIT_AUTH_CHANGE && q->challenge_len == 8))
        keys_v1(self, q, in, how, out);
}

static void refuse(struct rad_judged *j, uint32_t cause)
{
    j->answer.verdict = ADIT_VERDICT_REJECT;
    j->answer.cause = cause;
}

/* The server means well and says nothing that helps: people must hear why. */
static void useless(struct adit_self *self, const struct adit_auth_query *q, const struct rad_how *how,
                    struct rad_judged *j, uint32_t cause, const char *why, const char *remedy)
{
    adit_count(self, RAD_N_AUTH(USELESS));
    if (self->host->log->allow(self, &rad_ev_useless, 30))
        adit_event(self, &rad_ev_useless, ADIT_KV_S("user", q->user), ADIT_KV_S("server", how->server),
                   ADIT_KV_S("why", why), ADIT_KV_S("remedy", remedy));
    snprintf(j->message, sizeof j->message, "%s", why);
    refuse(j, cause);
}

static bool proves_itself(const struct adit_auth_query *q)
{
    return q->method == ADIT_AUTH_MSCHAPV2 || q->method == ADIT_AUTH_EAP_MSCHAPV2 ||
           (q->method == ADIT_AUTH_CHANGE && q->challenge_len == 16);
}

static void accepted(struct adit_self *self, const struct adit_auth_query *q, const struct rad_in *in,
                     const struct rad_how *how, struct rad_judged *j)
{
    const struct adit_host *h = self->host;
    const struct rad_auth_conf *c = self->conf;
    char why[512];

    if (rad_attr_refuses(in, why, sizeof why)) {
        useless(self, q, how, j, ADIT_CAUSE_CONFLICT, why,
                "answer with Service-Type = Framed-User and Framed-Protocol = PPP, or without them");
        return;
    }
    if (proves_itself(q) && !mschap_success(in, j->answer.authenticator_response)) {
        useless(self, q, how, j, ADIT_CAUSE_AUTH_UNAVAILABLE,
                "The RADIUS server accepted without MS-CHAP2-Success, which the client demands.",
                "let the server's MS-CHAP module judge the user; nothing else knows that proof");
        return;
    }
    j->answer.verdict = ADIT_VERDICT_ACCEPT;
    keys(self, q, in, how, &j->answer);
    if (c->grants)
        (void)adit_attr_put_u(h, j->attrs, ADIT_ATTR_DIALIN, ADIT_DIALIN_ALLOW);
    j->answer.attrs = j->attrs;
}

static void challenged(struct adit_self *self, const struct adit_auth_query *q, const struct rad_in *in,
                       const struct rad_how *how, struct rad_judged *j)
{
    struct rad_attr a;
    uint32_t seconds;
    size_t n = strnlen(how->server, 255);
    if (q->method != ADIT_AUTH_EAP_RELAY) {
        useless(self, q, how, j, ADIT_CAUSE_AUTH_UNAVAILABLE,
                "The RADIUS server asks the user something, which only EAP can carry.",
                "let clients use EAP, or let the server accept or reject at once");
        return;
    }
    if (!j->answer.eap_len) {
        useless(self, q, how, j, ADIT_CAUSE_AUTH_UNAVAILABLE,
                "The RADIUS server's challenge carries no EAP.", "look at the server's EAP module");
        return;
    }
    j->answer.verdict = ADIT_VERDICT_CHALLENGE;
    struct wr w = wr_of(j->state, sizeof j->state);
    wr_u8(&w, (uint8_t)n);
    wr_bytes(&w, how->server, n);
    if (rad_find(in, 0, RAD_STATE, &a) && a.len <= STATE_MAX)
        wr_bytes(&w, a.p, a.len);
    j->answer.state = j->state;
    j->answer.state_len = (uint32_t)wr_len(&w);
    if (rad_find(in, 0, RAD_SESSION_TIMEOUT, &a) && rad_u32(&a, &seconds))
        j->answer.wait_ms = seconds * UINT64_C(1000);
}

void rad_auth_judge(struct adit_self *self, const struct adit_auth_query *q, const struct rad_in *in,
                    const struct rad_how *how, struct rad_judged *j)
{
    const struct adit_host *h = self->host;
    uint32_t bad = 0, ignored = 0;

    j->answer = (struct adit_auth_answer){ .size = sizeof j->answer };
    j->message[0] = '\0';
    rad_attr_honour(self, in, j->attrs, &bad, &ignored);
    adit_count_n(self, RAD_N_AUTH(BAD), bad);
    adit_count_n(self, RAD_N_AUTH(IGNORED), ignored);
    const char *text = adit_attr_str(h, j->attrs, ADIT_ATTR_MESSAGE);
    if (text)
        snprintf(j->message, sizeof j->message, "%s", text);
    if (q->method == ADIT_AUTH_EAP_RELAY) {
        j->answer.eap_len = rad_gather(in, RAD_EAP_MESSAGE, j->eap, sizeof j->eap);
        j->answer.eap = j->answer.eap_len ? j->eap : NULL;
    }
    switch (in->code) {
    case RAD_ACCESS_ACCEPT:
        accepted(self, q, in, how, j);
        break;
    case RAD_ACCESS_CHALLENGE:
        challenged(self, q, in, how, j);
        break;
    default: {
        uint32_t cause = mschap_error(in, j->message, sizeof j->message);
        refuse(j, cause ? cause : (uint32_t)ADIT_CAUSE_AUTH_FAILED);
        break;
    }
    }
    if (*j->message)
        j->answer.message = j->message;
}

/* ---- a query ------------------------------------------------------------------------------ */

struct query {
    struct adit_entry of_req;   /* in me->queries */
    struct rad_auth *me;
    struct rad_ask *ask;
    adit_request req;
    struct adit_auth_query q;   /* what reading the answer needs: method, challenge */
    bool secured, hides;        /* hides: a password goes along */
    char user[RAD_USER_TEXT];
    char server[256];           /* the only one to ask; "" any */
    uint8_t challenge[64];
    uint8_t password[RAD_PASSWORD_MAX];
    uint32_t password_len;
    uint32_t len;
    uint8_t attrs[];            /* as they stand in the packet, but for the password */
};

static uint32_t hash_of(adit_request req) { return adit_hash_of(&req, sizeof req, 0); }

static void query_end(struct query *x)
{
    adit_table_del(&x->me->queries, &x->of_req);
    x->me->waiting--;
    bytes_wipe(x, sizeof *x + x->len);
    free(x);
}

static void answer(struct adit_self *self, adit_request req, uint32_t verdict, uint32_t cause)
{
    const struct adit_auth_answer a = { .size = sizeof a, .verdict = verdict, .cause = cause };
    self->host->request->done(self, req, 0, &a);
}

/* Known only when it is written: which of our addresses this server sees. */
void rad_auth_put_our(struct rad_out *o)
{
    if (o->our.family == ADIT_AF_IPV4 && !rad_has(o, RAD_NAS_IP_ADDRESS))
        rad_put(o, RAD_NAS_IP_ADDRESS, o->our.ip, 4);
    else if (o->our.family == ADIT_AF_IPV6 && !rad_has(o, RAD_NAS_IPV6_ADDRESS))
        rad_put(o, RAD_NAS_IPV6_ADDRESS, o->our.ip, 16);
}

static void write_query(void *u, struct rad_out *o)
{
    const struct query *x = u;
    struct rd r = rd_of(x->attrs, x->len);
    if (x->hides)
        rad_put_password(o, x->password, x->password_len);
    while (rd_left(&r)) {
        uint8_t type = rd_u8(&r), n = rd_u8(&r);
        const uint8_t *v = rd_bytes(&r, n - 2u);
        if (v)
            rad_put(o, type, v, n - 2u);
    }
    rad_auth_put_our(o);
}

static void unanswered(struct query *x, enum rad_end end)
{
    struct adit_self *self = x->me->self;
    const char *why = end == RAD_TOO_LONG ? "the request does not fit into a packet" :
                      end == RAD_NO_SERVER ? "every server is dead" :
                      end == RAD_GONE ? "the servers are being stopped" : "no server answered in time";
    adit_count(self, RAD_N_AUTH(UNANSWERED));
    if (end != RAD_GONE && self->host->log->allow(self, &rad_ev_unanswered, 30))
        adit_event(self, &rad_ev_unanswered, ADIT_KV_S("user", x->user), ADIT_KV_S("why", why));
    answer(self, x->req, ADIT_VERDICT_ERROR,
           end == RAD_TOO_LONG || end == RAD_GONE ? ADIT_CAUSE_AUTH_UNAVAILABLE : ADIT_CAUSE_RADIUS_SILENT);
}

static void count(struct adit_self *self, uint32_t verdict)
{
    if (verdict == ADIT_VERDICT_ACCEPT)
        adit_count(self, RAD_N_AUTH(ACCEPTED));
    else if (verdict == ADIT_VERDICT_CHALLENGE)
        adit_count(self, RAD_N_AUTH(CHALLENGED));
    else
        adit_count(self, RAD_N_AUTH(REJECTED));
}

static void asked(void *u, enum rad_end end, const struct rad_in *in, const struct rad_how *how)
{
    static struct rad_judged j;         /* main loop only; wiped after use */
    struct query *x = u;
    struct adit_self *self = x->me->self;
    const struct adit_host *h = self->host;

    j.attrs = end == RAD_ANSWERED ? h->attr->make() : NULL;
    if (end != RAD_ANSWERED) {
        unanswered(x, end);
    } else if (!j.attrs) {
        (void)adit_fail(self, ADIT_ENOMEM, "out of memory");
        answer(self, x->req, ADIT_VERDICT_ERROR, ADIT_CAUSE_RESOURCE);
    } else {
        rad_auth_judge(self, &x->q, in, how, &j);
        if (x->secured)         /* IPsec encrypts: what is said of MPPE concerns calls without it */
            h->attr->del(j.attrs, ADIT_ATTR_ENCRYPTION);
        count(self, j.answer.verdict);
        h->request->done(self, x->req, 0, &j.answer);
    }
    h->attr->free(j.attrs);
    bytes_wipe(&j, sizeof j);
    query_end(x);
}

/* False: it cannot be asked. */
static bool ask(struct query *x)
{
    const struct rad_auth_conf *c = x->me->self->conf;
    const char *only = *x->server && rad_group_has(x->me->group, x->server) ? x->server : NULL;
    x->ask = rad_ask(x->me->group, RAD_ACCESS_REQUEST, c->limit_ms, only, write_query, asked, x);
    return x->ask != NULL;
}

static struct query *query_new(struct rad_auth *me, adit_request req, const struct adit_auth_query *q)
{
    static struct rad_out o;    /* main loop only; wiped after use */
    struct adit_self *self = me->self;
    const struct adit_host *h = self->host;
    const struct rad_auth_conf *c = self->conf;
    char user[RAD_USER_TEXT];
    uint32_t state_len;
    struct query *x = NULL;

    memset(&o, 0, offsetof(struct rad_out, bytes));
    o.len = RAD_HEAD;
    rad_attr_user(h, &c->nas, q->attrs, q->method, user);
    if (rad_auth_put(h, &o, user, q)) {
        rad_attr_describe(self, &c->nas, q->attrs, &o, RAD_IN_ACCESS);
        uint32_t len = o.len - RAD_HEAD;
        if (!o.full && (x = calloc(1, sizeof *x + len))) {
            x->len = len;
            memcpy(x->attrs, o.bytes + RAD_HEAD, len);
        }
    }
    bytes_wipe(&o, sizeof o);
    if (!x)
        return NULL;
    x->me = me;
    x->req = req;
    x->q = (struct adit_auth_query){ .size = sizeof x->q, .method = q->method, .user = x->user };
    snprintf(x->user, sizeof x->user, "%s", q->user ? q->user : "");
    x->secured = adit_attr_u(h, q->attrs, ADIT_ATTR_SECURED);
    (void)state_of(q, &state_len, x->server);
    if (q->challenge && q->challenge_len <= sizeof x->challenge) {
        memcpy(x->challenge, q->challenge, q->challenge_len);
        x->q.challenge = x->challenge;
        x->q.challenge_len = q->challenge_len;
    }
    x->hides = q->method == ADIT_AUTH_PAP;
    if (x->hides && q->password_len) {
        memcpy(x->password, q->password, q->password_len);
        x->password_len = q->password_len;
    }
    adit_table_add(&me->queries, hash_of(req), &x->of_req);
    me->waiting++;
    return x;
}

/* Whose users are asked for; without a domain: ours. */
static bool foreign(struct adit_self *self, const struct adit_auth_query *q)
{
    const struct rad_auth_conf *c = self->conf;
    const char *domain = adit_attr_str(self->host, q->attrs, ADIT_ATTR_DOMAIN);
    if (!c->domains.count || !domain || !*domain)
        return false;
    for (uint32_t i = 0; i < c->domains.count; i++) {
        const char *const *one = (const char *const *)
            (const void *)((const char *)c->domains.items + (size_t)i * c->domains.stride);
        if (strcasecmp(*one, domain) == 0)
            return false;
    }
    return true;
}

static void check(struct adit_self *self, uint64_t req, const struct adit_auth_query *q)
{
    struct rad_auth *me = self->instance;
    const struct rad_auth_conf *c = self->conf;

    if (foreign(self, q)) {
        adit_count(self, RAD_N_AUTH(FOREIGN));
        answer(self, req, ADIT_VERDICT_NEXT, ADIT_CAUSE_UNKNOWN_USER);
        return;
    }
    if (me->waiting >= c->in_flight) {
        adit_count(self, RAD_N_AUTH(BUSY));
        if (self->host->log->allow(self, &rad_ev_busy, 6))
            adit_event(self, &rad_ev_busy, ADIT_KV_U("in-flight", c->in_flight),
                       ADIT_KV_S("remedy", "find out why the servers are slow, or raise in-flight"));
        answer(self, req, ADIT_VERDICT_ERROR, ADIT_CAUSE_AUTH_UNAVAILABLE);
        return;
    }
    /* A password, name or packet that RADIUS cannot carry is nobody's. */
    struct query *x = query_new(me, req, q);
    if (!x) {
        adit_count(self, RAD_N_AUTH(REJECTED));
        answer(self, req, ADIT_VERDICT_REJECT, ADIT_CAUSE_AUTH_FAILED);
        return;
    }
    if (!ask(x)) {
        unanswered(x, RAD_NO_SERVER);
        query_end(x);
    }
}

static void cancel(struct adit_self *self, uint64_t req)
{
    struct rad_auth *me = self->instance;
    const uint32_t hash = hash_of(req);
    for (struct adit_entry *e = adit_table_first(&me->queries, hash); e; e = adit_table_next(&me->queries, e)) {
        struct query *x = ADIT_OF(e, struct query, of_req);
        if (x->req != req)
            continue;
        rad_ask_cancel(x->ask);
        query_end(x);
        self->host->request->done(self, req, ADIT_ECANCELED, NULL);
        return;
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

static void destroy(struct adit_self *self)
{
    struct rad_auth *me = self->instance;
    if (!me)
        return;
    rad_share_end(&me->share);
    rad_coa_free(me->coa);
    rad_group_free(me->group);
    adit_table_fini(&me->queries);
    rad_dict_drop();
    free(me);
    self->instance = NULL;
}

static int32_t create(struct adit_self *self)
{
    const struct rad_auth_conf *c = self->conf;
    struct rad_auth *me = calloc(1, sizeof *me);
    int32_t rc = me ? rad_dict_hold() : ADIT_ENOMEM;
    if (rc != 0) {
        free(me);
        return adit_fail(self, ADIT_ENOMEM, "out of memory");
    }
    me->self = self;
    self->instance = me;
    rc = rad_conf_nas(self, &c->nas);
    if (rc == 0 && !(me->group = rad_group_new(self, &c->servers, RAD_AUTH)))
        rc = ADIT_ECONF;        /* it has said why */
    if (rc == 0 && !(me->coa = rad_coa_new(self, &c->coa, &c->nas, RAD_N_COA)))
        rc = ADIT_ECONF;
    rc = rc ? rc : rad_show_verbs(self);
    if (rc != 0) {
        destroy(self);
        return rc;
    }
    rad_share_offer(&me->share, self, c);
    return 0;
}

static int32_t start(struct adit_self *self)
{
    struct rad_auth *me = self->instance;
    int32_t rc = rad_group_start(me->group);
    if (rc == 0)
        rc = rad_coa_start(me->coa);
    me->running = rc == 0;
    return rc;
}

static void stop(struct adit_self *self)
{
    struct rad_auth *me = self->instance;
    me->running = false;
    rad_coa_stop(me->coa);
    rad_group_stop(me->group);
}

static int32_t reload(struct adit_self *self, const void *conf)
{
    struct rad_auth *me = self->instance;
    const struct rad_auth_conf *c = conf;
    int32_t rc = rad_conf_nas(self, &c->nas);
    if (rc != 0)
        return rc;
    struct rad_coa *fresh = rad_coa_new(self, &c->coa, &c->nas, RAD_N_COA);
    if (!fresh)
        return ADIT_ECONF;
    /* One port is often that of both. */
    rad_coa_stop(me->coa);
    rc = me->running ? rad_coa_start(fresh) : 0;
    if (rc == 0)
        rc = rad_group_reload(me->group, &c->servers);
    if (rc != 0) {
        rad_coa_free(fresh);
        if (me->running)
            (void)rad_coa_start(me->coa);
        return rc;
    }
    rad_coa_inherit(fresh, me->coa);
    rad_coa_free(me->coa);
    me->coa = fresh;
    rad_share_offer(&me->share, self, c);
    return 0;
}

static void status(struct adit_self *self, struct adit_report *r)
{
    const struct rad_auth *me = self->instance;
    const struct adit_host *h = self->host;
    adit_report_put_u(h, r, "waiting", me->waiting);
    h->report->array(r, "servers");
    rad_group_report(me->group, r);
    h->report->end(r);
    h->report->object(r, "coa");
    rad_coa_report(me->coa, r);
    h->report->end(r);
}

const struct adit_life rad_auth_life = {
    .size = sizeof rad_auth_life, .create = create, .start = start, .reload = reload,
    .stop = stop, .destroy = destroy, .status = status,
};

const struct adit_auth rad_auth_vtable = {
    .size = sizeof rad_auth_vtable,
    .methods = ADIT_AUTH_PAP | ADIT_AUTH_CHAP | ADIT_AUTH_MSCHAPV1 | ADIT_AUTH_MSCHAPV2 |
               ADIT_AUTH_EAP_MD5 | ADIT_AUTH_EAP_MSCHAPV2 | ADIT_AUTH_EAP_RELAY | ADIT_AUTH_CHANGE,
    .check = check, .cancel = cancel,
};
