/* rad_show.c - one authentication for people: who answered, what, with which attributes.
 *
 * Knows:  the client's side of PAP, CHAP and MS-CHAPv2, what may be shown.
 * Leaves: the form of requests and the meaning of answers to rad_auth, servers to rad_client.
 */
#include "rad_show.h"

#include <stdio.h>
#include <stdlib.h>
#include <openssl/evp.h>
#include "rad_attr.h"
#include "rad_dict.h"

#define MOST_TESTS 16u
#define RESPONSE   49u          /* the longest Value of a method here */

struct test {
    struct adit_self *self;
    uint64_t call;
    struct adit_auth_query q;
    struct adit_attrs *attrs;
    char user[RAD_USER_TEXT], name[RAD_USER_TEXT];      /* as typed; as the server is told */
    char password[RAD_PASSWORD_MAX + 1];
    char server[256];
    uint8_t challenge[16], response[RESPONSE];
};

static uint32_t tests;          /* of all instances, for the limit */

static void test_free(struct test *t)
{
    t->self->host->attr->free(t->attrs);
    bytes_wipe(t, sizeof *t);
    free(t);
    tests--;
}

/* ---- responses ------------------------------------------------------------------------ */

/* 56 bits to the eight octets of a DES key. */
static void des_key(const uint8_t in[7], uint8_t out[8])
{
    uint64_t v = 0;
    for (int i = 0; i < 7; i++)
        v = v << 8 | in[i];
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(v >> (49 - 7 * i) << 1);
}

/* DES is EDE3 with one key: that one is in OpenSSL's default provider. */
static bool des(const uint8_t key7[7], const uint8_t in[8], uint8_t out[8])
{
    uint8_t key[24], sink[16];
    int n = 0;
    des_key(key7, key);
    memcpy(key + 8, key, 8);
    memcpy(key + 16, key, 8);
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "DES-EDE3-ECB", NULL);
    EVP_CIPHER_CTX *c = cipher ? EVP_CIPHER_CTX_new() : NULL;
    bool ok = c && EVP_EncryptInit_ex2(c, cipher, key, NULL, NULL) == 1 &&
              EVP_CIPHER_CTX_set_padding(c, 0) == 1 && EVP_EncryptUpdate(c, sink, &n, in, 8) == 1 && n == 8;
    if (ok)
        memcpy(out, sink, 8);
    EVP_CIPHER_CTX_free(c);
    EVP_CIPHER_free(cipher);
    bytes_wipe(key, sizeof key);
    return ok;
}

/* RFC 2759 sections 8.1 to 8.5. */
static bool mschapv2(struct test *t)
{
    const struct adit_crypto_api *c = t->self->host->crypto;
    const char *name = strrchr(t->user, '\\');
    uint8_t hash[21] = { 0 }, digest[20];
    name = name ? name + 1 : t->user;   /* without its domain */
    c->random(t->response, 16);
    const struct adit_chunk v[] = { { t->response, 16 }, { t->challenge, 16 }, { name, strlen(name) } };
    bool ok = c->digest(ADIT_SHA1, v, 3, digest) == 0 &&
              c->nt_hash(t->password, (uint32_t)strlen(t->password), hash) == 0;
    for (int i = 0; i < 3 && ok; i++)
        ok = des(hash + 7 * i, digest, t->response + 24 + 8 * i);
    bytes_wipe(hash, sizeof hash);
    t->q.challenge_len = 16;
    t->q.response_len = 49;
    return ok;
}

static bool chap(struct test *t)
{
    const uint8_t id = (uint8_t)t->q.id;
    const struct adit_chunk v[] = { { &id, 1 }, { t->password, strlen(t->password) }, { t->challenge, 16 } };
    t->q.challenge_len = t->q.response_len = 16;
    return t->self->host->crypto->digest(ADIT_MD5, v, 3, t->response) == 0;
}

static bool respond(struct test *t)
{
    t->self->host->crypto->random(t->challenge, sizeof t->challenge);
    t->q.id = t->challenge[0];
    t->q.challenge = t->challenge;
    t->q.response = t->response;
    switch (t->q.method) {
    case ADIT_AUTH_CHAP:
        return chap(t);
    case ADIT_AUTH_MSCHAPV2:
        return mschapv2(t);
    default:
        t->q.password = (const uint8_t *)t->password;
        t->q.password_len = (uint32_t)strlen(t->password);
        return true;
    }
}

/* ---- asking ------------------------------------------------------------------------------ */

static void write_test(void *u, struct rad_out *o)
{
    struct test *t = u;
    const struct adit_host *h = t->self->host;
    const struct rad_auth_conf *c = t->self->conf;
    if (t->q.method == ADIT_AUTH_PAP)
        rad_put_password(o, t->q.password, t->q.password_len);
    if (!rad_auth_put(h, o, t->name, &t->q))
        o->full = true;
    rad_attr_describe(t->self, &c->nas, t->attrs, o, RAD_IN_ACCESS);
    rad_auth_put_our(o);
}

/* ---- telling ------------------------------------------------------------------------------- */

static void put_attributes(const struct adit_host *h, struct adit_report *r, const struct rad_in *in)
{
    char text[RAD_PAIR_TEXT];
    h->report->array(r, "attributes");
    for (struct rad_attr a = { 0 }; rad_next(in, &a);) {
        rad_dict_text(&a, text, sizeof text);
        char *value = strstr(text, " = ");
        if (value)
            *value = '\0';
        h->report->object(r, NULL);
        adit_report_put_str(h, r, "name", text);
        adit_report_put_str(h, r, "value", value ? value + 3 : "");
        h->report->end(r);
    }
    h->report->end(r);
}

/* The server knows the password: it proved it (RFC 2759 section 5). */
static bool proof_fits(const struct test *t, const struct adit_auth_answer *a)
{
    const struct adit_secret_view s = { .size = sizeof s, .clear = t->password,
                                        .clear_len = (uint32_t)strlen(t->password) };
    struct adit_auth_answer mine = { .size = sizeof mine };
    t->self->host->judge->judge(&t->q, &s, &mine);
    bool fits = bytes_equal(mine.authenticator_response, a->authenticator_response,
                            sizeof mine.authenticator_response);
    bytes_wipe(&mine, sizeof mine);
    return fits;
}

static const char *verdict_name(uint32_t code)
{
    return code == RAD_ACCESS_ACCEPT ? "accepted" : code == RAD_ACCESS_CHALLENGE ? "challenged" : "rejected";
}

static void put_answer(struct test *t, struct adit_report *r, const struct rad_in *in, const struct rad_how *how)
{
    static struct rad_judged j;         /* main loop only; wiped after use */
    const struct adit_host *h = t->self->host;
    adit_report_put_str(h, r, "user", t->user);
    adit_report_put_str(h, r, "answer", verdict_name(in->code));
    adit_report_put_str(h, r, "server", how->server);
    adit_report_put_u(h, r, "took_ms", how->took_ms);
    adit_report_put_u(h, r, "tries", how->tries);
    j.attrs = h->attr->make();
    if (j.attrs) {
        rad_auth_judge(t->self, &t->q, in, how, &j);
        adit_report_put_bool(h, r, "login", j.answer.verdict == ADIT_VERDICT_ACCEPT);
        if (j.answer.message)
            adit_report_put_str(h, r, "message", j.answer.message);
        if (j.answer.verdict == ADIT_VERDICT_ACCEPT && t->q.method == ADIT_AUTH_MSCHAPV2) {
            adit_report_put_bool(h, r, "proof", proof_fits(t, &j.answer));
            adit_report_put_bool(h, r, "keys", j.answer.key_len != 0);
        }
    }
    h->attr->free(j.attrs);
    bytes_wipe(&j, sizeof j);
    put_attributes(h, r, in);
}

static int32_t unanswered(const struct test *t, enum rad_end end)
{
    const struct rad_auth_conf *c = t->self->conf;
    switch (end) {
    case RAD_NO_SERVER:
        return adit_fail(t->self, ADIT_EUNREACH, "every server is dead: 'adit radius' says why");
    case RAD_TOO_LONG:
        return adit_fail(t->self, ADIT_EINVAL, "that does not fit into a RADIUS packet");
    case RAD_GONE:
        return adit_fail(t->self, ADIT_ECANCELED, "the servers are being stopped");
    default:
        return adit_fail(t->self, ADIT_ETIMEDOUT, "no server answered within %llu s: 'adit radius' says more",
                         (unsigned long long)(c->limit_ms + 999) / 1000);
    }
}

static void tested(void *u, enum rad_end end, const struct rad_in *in, const struct rad_how *how)
{
    struct test *t = u;
    const struct adit_control_api *c = t->self->host->control;
    struct adit_report *r = c->report(t->self, t->call);
    int32_t code = end == RAD_ANSWERED ? 0 : unanswered(t, end);
    if (!code && r)
        put_answer(t, r, in, how);
    c->finish(t->self, t->call, code);
    test_free(t);
}

/* ---- the verb --------------------------------------------------------------------------------- */

static const char *arg(const struct adit_kv *args, uint32_t n, const char *key)
{
    for (uint32_t i = 0; i < n; i++)
        if (!strcmp(args[i].key, key) && args[i].value.type == ADIT_TYPE_STR)
            return args[i].value.v.p;
    return NULL;
}

/* As the host tells authenticators of a login: DOMAIN\user, user@domain. */
static bool describe(struct test *t)
{
    const struct adit_host *h = t->self->host;
    char account[RAD_USER_TEXT], *back, *at;
    const char *domain = NULL;
    snprintf(account, sizeof account, "%s", t->user);
    char *name = account;
    if ((back = strchr(account, '\\'))) {
        *back = '\0';
        domain = account;
        name = back + 1;
    } else if ((at = strrchr(account, '@'))) {
        *at = '\0';
        domain = at + 1;
    }
    t->attrs = h->attr->make();
    return t->attrs && !adit_attr_put_str(h, t->attrs, ADIT_ATTR_USER, t->user) &&
           !adit_attr_put_str(h, t->attrs, ADIT_ATTR_ACCOUNT, name) &&
           (!domain || !adit_attr_put_str(h, t->attrs, ADIT_ATTR_DOMAIN, domain)) &&
           !adit_attr_put_str(h, t->attrs, ADIT_ATTR_CALLING_STATION, "adit radius test") &&
           !adit_attr_put_u(h, t->attrs, ADIT_ATTR_METHOD, t->q.method);
}

static int32_t read_args(struct test *t, const struct adit_kv *args, uint32_t n)
{
    static const struct adit_word methods[] = { ADIT_AUTH_WORDS, { NULL, 0, 0 } };
    struct rad_auth *me = t->self->instance;
    const char *user = arg(args, n, "user"), *password = arg(args, n, "password"),
               *method = arg(args, n, "method"), *server = arg(args, n, "server");
    if (!user || !*user || strlen(user) >= sizeof t->user)
        return adit_fail(t->self, ADIT_EINVAL, "user: a name of at most %zu bytes", sizeof t->user - 1);
    if (!password || strlen(password) >= sizeof t->password)
        return adit_fail(t->self, ADIT_EINVAL, "password: at most %u bytes", RAD_PASSWORD_MAX);
    snprintf(t->user, sizeof t->user, "%s", user);
    snprintf(t->password, sizeof t->password, "%s", password);
    t->q.user = t->user;
    t->q.method = ADIT_AUTH_MSCHAPV2;
    if (method) {
        const struct adit_word *w = methods;
        while (w->word && strcmp(w->word, method))
            w++;
        t->q.method = w->value;
    }
    if (!(t->q.method & (ADIT_AUTH_PAP | ADIT_AUTH_CHAP | ADIT_AUTH_MSCHAPV2)))
        return adit_fail(t->self, ADIT_EINVAL, "method: pap, chap or mschapv2, not '%s'", method);
    if (server && (strlen(server) >= sizeof t->server || !rad_group_has(me->group, server)))
        return adit_fail(t->self, ADIT_ENOENT, "no server is called '%s'; 'adit radius' lists them", server);
    snprintf(t->server, sizeof t->server, "%s", server ? server : "");
    return 0;
}

static int32_t ask(struct test *t)
{
    struct rad_auth *me = t->self->instance;
    const struct rad_auth_conf *c = t->self->conf;
    if (!describe(t))
        return adit_fail(t->self, ADIT_ENOMEM, "out of memory");
    t->q.attrs = t->attrs;
    rad_attr_user(t->self->host, &c->nas, t->attrs, t->q.method, t->name);
    if (!respond(t))
        return adit_fail(t->self, ADIT_ENOSYS, "this host's OpenSSL lacks what %s needs",
                         t->q.method == ADIT_AUTH_CHAP ? "CHAP" : "MS-CHAP");
    if (!rad_ask(me->group, RAD_ACCESS_REQUEST, c->limit_ms, *t->server ? t->server : NULL, write_test, tested, t))
        return adit_fail(t->self, ADIT_EBUSY, "the servers are not asked now: too much waits, or they are stopped");
    return 0;
}

static void begin(struct adit_self *self, uint64_t call, const struct adit_kv *args, uint32_t n)
{
    struct test *t = tests < MOST_TESTS ? calloc(1, sizeof *t) : NULL;
    if (!t) {
        self->host->control->finish(self, call, adit_fail(self, ADIT_EBUSY, "too many tests at once"));
        return;
    }
    tests++;
    t->self = self;
    t->call = call;
    t->q.size = sizeof t->q;
    int32_t code = read_args(t, args, n);
    code = code ? code : ask(t);
    if (code) {
        self->host->control->finish(self, call, code);
        test_free(t);
    }
}

int32_t rad_show_verbs(struct adit_self *self)
{
    const struct adit_control_api *c = self->host->control;
    if (!ADIT_HAS(c, verb_later))
        return 0;
    return c->verb_later(self, "test", "Asks the servers whether a password is a user's.", begin);
}
