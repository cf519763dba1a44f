/* test_auth_local.c - auth-local against the fake host, with real cryptography. */
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <adit/plugin.h>
#include "../../plugins/auth-local/local.h"
#include "../../sdk/fake/fake.h"
#include "crypto/crypto.h"
#include "../unit/unit.h"

static char dir[64], path[128], yaml[256];

static void setup(void)
{
    setenv("TZ", "UTC", 1);
    snprintf(dir, sizeof dir, "/tmp/adit-local-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/users.yaml", dir);
    snprintf(yaml, sizeof yaml, "file: %s\n", path);
    ck_assert_int_eq(crypto_init(), 0);
}

static void teardown(void)
{
    char cmd[128];
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    ck_assert_int_eq(system(cmd), 0);
    crypto_fini();
}

static void put_file(const char *text)
{
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
    ck_assert_int_eq(chmod(path, 0600), 0);
}

static const char *get_file(void)
{
    static char text[65536];
    FILE *f = fopen(path, "r");
    ck_assert_ptr_nonnull(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    return text;
}

static const char *hex_nt(const char *password)
{
    static char out[40];
    uint8_t h[16];
    ck_assert_int_eq(nt_password_hash(password, strlen(password), h), 0);
    for (int i = 0; i < 16; i++)
        snprintf(out + 2 * i, 3, "%02x", h[i]);
    return out;
}

static const char *strong(const char *password)
{
    static char out[256];
    ck_assert_int_eq(crypto_api.password_hash(password, (uint32_t)strlen(password), out, sizeof out), 0);
    return out;
}

/* Everything that the tests need, once: anna has all, bert an NT hash, carl a
 * strong one, dora is disabled, emil expired, fred must change, gina none. */
static void put_accounts(void)
{
    static char text[4096];
    size_t n = (size_t)snprintf(text, sizeof text,
        "users:\n"
        "  - name: anna\n    dial-in: policy\n    groups: [staff, admins]\n    calling-station: \"192.0.2.*\"\n    address: 10.9.0.5\n"
        "    routes: [10.1.0.0/16]\n    ipv6-prefix: 2001:db8:1::/64\n"
        "    delegated-prefix: 2001:db8:100::/56\n    expires: 2099-12-31\n    session-limit: 2\n    filter-in: web\n"
        "    nt-hash: \"%s\"\n    clear: secret-a\n", hex_nt("secret-a"));
    n += (size_t)snprintf(text + n, sizeof text - n, "  - name: bert\n    nt-hash: \"%s\"\n", hex_nt("secret-b"));
    n += (size_t)snprintf(text + n, sizeof text - n, "  - name: carl\n    password-hash: \"%s\"\n", strong("secret-c"));
    n += (size_t)snprintf(text + n, sizeof text - n, "  - name: dora\n    disabled: yes\n    nt-hash: \"%s\"\n", hex_nt("secret-d"));
    n += (size_t)snprintf(text + n, sizeof text - n, "  - name: emil\n    expires: 1000000000\n    nt-hash: \"%s\"\n", hex_nt("secret-e"));
    n += (size_t)snprintf(text + n, sizeof text - n, "  - name: fred\n    must-change: yes\n    dial-in: allow\n    nt-hash: \"%s\"\n", hex_nt("secret-f"));
    snprintf(text + n, sizeof text - n, "  - name: gina\n  - name: hans@example.org\n    dial-in: allow\n");
    put_file(text);
}

static struct adit_self *local(const char *more)
{
    char text[512];
    snprintf(text, sizeof text, "%s%s", yaml, more);
    struct adit_self *s = fake_inst(fake_face("auth", "local"), text);
    ck_assert_msg(s != NULL, "%s", fake_last_error());
    return s;
}

static adit_request begin(struct adit_self *s, struct adit_auth_query *q, const char *user)
{
    const struct adit_host *h = s->host;
    struct adit_attrs *a = h->attr->make();
    char account[256], domain[256] = "";
    const char *back = strchr(user, '\\'), *at = strrchr(user, '@');
    snprintf(account, sizeof account, "%s", back ? back + 1 : user);
    if (back)
        snprintf(domain, sizeof domain, "%.*s", (int)(back - user), user);
    else if (at) {
        snprintf(account, sizeof account, "%.*s", (int)(at - user), user);
        snprintf(domain, sizeof domain, "%s", at + 1);
    }
    adit_attr_put_str(h, a, ADIT_ATTR_USER, user);
    adit_attr_put_str(h, a, ADIT_ATTR_ACCOUNT, account);
    if (domain[0])
        adit_attr_put_str(h, a, ADIT_ATTR_DOMAIN, domain);
    q->size = sizeof *q;
    q->user = user;
    q->attrs = a;
    adit_request req = fake_ask(s);
    local_vtable.check(s, req, q);
    h->attr->free(a);
    return req;
}

static const struct adit_auth_answer *answer(adit_request req)
{
    int32_t status = -1;
    ck_assert(fake_answered(req));
    const struct adit_auth_answer *a = fake_answer(req, &status);
    ck_assert_int_eq(status, 0);
    return a;
}

static const struct adit_auth_answer *pap(struct adit_self *s, const char *user, const char *password)
{
    struct adit_auth_query q = { .method = ADIT_AUTH_PAP, .password = (const uint8_t *)password,
                                 .password_len = (uint32_t)strlen(password) };
    adit_request req = begin(s, &q, user);
    fake_run();
    return answer(req);
}

static const uint8_t challenge[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };

/* `name` is what the response is made with: without a domain (W22). */
static const struct adit_auth_answer *mschap(struct adit_self *s, const char *user, const char *name,
                                             const char *password, uint32_t method)
{
    uint8_t value[49] = { 0 }, nt[16];
    for (uint8_t i = 0; i < 16; i++)
        value[i] = (uint8_t)(0xa0 + i);
    nt_password_hash(password, strlen(password), nt);
    if (method == ADIT_AUTH_MSCHAPV1)
        challenge_response(challenge, nt, value + 24);
    else
        generate_nt_response(challenge, value, name, nt, value + 24);
    if (method == ADIT_AUTH_MSCHAPV1)
        value[48] = 1;
    struct adit_auth_query q = { .method = method, .challenge = challenge,
                                 .challenge_len = method == ADIT_AUTH_MSCHAPV1 ? 8 : 16,
                                 .response = value, .response_len = sizeof value };
    return answer(begin(s, &q, user));
}

static const struct adit_auth_answer *chap(struct adit_self *s, const char *user, const char *password,
                                           uint32_t method)
{
    uint8_t id = 7, md5[16];
    struct adit_chunk c[] = { { &id, 1 }, { password, strlen(password) }, { challenge, 16 } };
    crypto_digest(ADIT_MD5, c, 3, md5);
    struct adit_auth_query q = { .method = method, .id = id, .challenge = challenge, .challenge_len = 16,
                                 .response = md5, .response_len = 16 };
    return answer(begin(s, &q, user));
}

#define IS(a, verdict_, cause_) do {                                                 \
        const struct adit_auth_answer *a_ = (a);                                      \
        ck_assert_uint_eq(a_->verdict, ADIT_VERDICT_##verdict_);                      \
        if (ADIT_VERDICT_##verdict_ == ADIT_VERDICT_REJECT)                           \
            ck_assert_uint_eq(a_->cause, ADIT_CAUSE_##cause_);                        \
    } while (0)

START_TEST(every_method_of_an_account_with_everything)
{
    put_accounts();
    struct adit_self *s = local("");
    const struct adit_host *h = s->host;
    const struct adit_auth_answer *a = mschap(s, "anna", "anna", "secret-a", ADIT_AUTH_MSCHAPV2);
    IS(a, ACCEPT, NONE);
    ck_assert_uint_eq(a->key_len, 16);
    ck_assert_uint_eq(adit_attr_u(h, a->attrs, ADIT_ATTR_DIALIN), ADIT_DIALIN_POLICY);
    ck_assert_ptr_nonnull(h->attr->get(a->attrs, ADIT_ATTR_DIALIN, 0));
    ck_assert_str_eq((const char *)h->attr->get(a->attrs, ADIT_ATTR_GROUP, 1)->v.p, "admins");
    ck_assert_str_eq((const char *)h->attr->get(a->attrs, ADIT_ATTR_CALLER, 0)->v.p, "192.0.2.*");
    ck_assert_str_eq(fake_addr_text(adit_attr_addr(h, a->attrs, ADIT_ATTR_ADDRESS, 0)), "10.9.0.5");
    ck_assert_str_eq(fake_addr_text(adit_attr_addr(h, a->attrs, ADIT_ATTR_ROUTE, 0)), "10.1.0.0/16");
    ck_assert_str_eq(fake_addr_text(adit_attr_addr(h, a->attrs, ADIT_ATTR_IPV6_PREFIX, 0)), "2001:db8:1::/64");
    ck_assert_str_eq(fake_addr_text(adit_attr_addr(h, a->attrs, ADIT_ATTR_DELEGATED_PREFIX, 0)),
                     "2001:db8:100::/56");
    ck_assert_uint_eq(adit_attr_u(h, a->attrs, ADIT_ATTR_EXPIRY), 4102444800u);
    ck_assert_uint_eq(adit_attr_u(h, a->attrs, ADIT_ATTR_SESSION_LIMIT), 2);
    ck_assert_str_eq(adit_attr_str(h, a->attrs, ADIT_ATTR_FILTER_IN), "web");
    ck_assert_ptr_null(adit_attr_str(h, a->attrs, ADIT_ATTR_FILTER_OUT));

    IS(mschap(s, "anna", "anna", "wrong", ADIT_AUTH_MSCHAPV2), REJECT, AUTH_FAILED);
    IS(mschap(s, "anna", "anna", "secret-a", ADIT_AUTH_MSCHAPV1), ACCEPT, NONE);
    IS(mschap(s, "anna", "anna", "wrong", ADIT_AUTH_MSCHAPV1), REJECT, AUTH_FAILED);
    IS(mschap(s, "anna", "anna", "secret-a", ADIT_AUTH_EAP_MSCHAPV2), ACCEPT, NONE);
    IS(chap(s, "anna", "secret-a", ADIT_AUTH_CHAP), ACCEPT, NONE);
    IS(chap(s, "anna", "secret-b", ADIT_AUTH_CHAP), REJECT, AUTH_FAILED);
    IS(chap(s, "anna", "secret-a", ADIT_AUTH_EAP_MD5), ACCEPT, NONE);
    IS(pap(s, "anna", "secret-a"), ACCEPT, NONE);
    IS(pap(s, "anna", "secret-"), REJECT, AUTH_FAILED);
    IS(pap(s, "anna", ""), REJECT, AUTH_FAILED);
    struct adit_auth_query q = { .method = ADIT_AUTH_EAP_TLS };
    IS(answer(begin(s, &q, "anna")), ACCEPT, NONE);
    q.method = ADIT_AUTH_EAP_RELAY;
    IS(answer(begin(s, &q, "anna")), REJECT, METHOD_REFUSED);
    ck_assert_uint_eq(fake_counter(s, "accepted"), 7);
    fake_inst_free(s);
    fake_end();
}
END_TEST

START_TEST(W22_domains_are_stripped_or_foreign)
{
    put_accounts();
    struct adit_self *s = local("");
    IS(mschap(s, "CORP\\anna", "anna", "secret-a", ADIT_AUTH_MSCHAPV2), ACCEPT, NONE);
    IS(mschap(s, "ANNA", "ANNA", "secret-a", ADIT_AUTH_MSCHAPV2), ACCEPT, NONE);
    ck_assert_int_eq(fake_reload(s, "domains: [corp, example.com]\n"), ADIT_ENOENT);  /* its file */
    char text[300];
    snprintf(text, sizeof text, "%sdomains: [corp, example.com]\n", yaml);
    ck_assert_int_eq(fake_reload(s, text), 0);
    IS(mschap(s, "CORP\\anna", "anna", "secret-a", ADIT_AUTH_MSCHAPV2), ACCEPT, NONE);
    IS(pap(s, "anna@example.com", "secret-a"), ACCEPT, NONE);
    IS(pap(s, "OTHER\\anna", "secret-a"), NEXT, NONE);
    IS(pap(s, "anna", "secret-a"), ACCEPT, NONE);
    struct adit_auth_query q = { .method = ADIT_AUTH_EAP_TLS };
    IS(answer(begin(s, &q, "hans@example.org")), ACCEPT, NONE);     /* as it stands in the file */
    IS(answer(begin(s, &q, "hans@example.net")), NEXT, NONE);
    fake_inst_free(s);
    fake_end();
}
END_TEST

START_TEST(unknown_users_are_left_to_the_next_at_the_same_cost)
{
    put_accounts();
    struct adit_self *s = local("");
    IS(mschap(s, "nobody", "nobody", "x", ADIT_AUTH_MSCHAPV2), NEXT, NONE);
    IS(mschap(s, "nobody", "nobody", "x", ADIT_AUTH_MSCHAPV1), NEXT, NONE);
    IS(chap(s, "nobody", "x", ADIT_AUTH_CHAP), NEXT, NONE);
    IS(mschap(s, "", "", "", ADIT_AUTH_MSCHAPV2), NEXT, NONE);
    /* PAP: a strong hash on a thread, with an account or without, with such a
     * hash or without: never answered at once */
    static const char *const users[] = { "nobody", "bert", "carl", "anna" };
    for (size_t i = 0; i < 4; i++) {
        struct adit_auth_query q = { .method = ADIT_AUTH_PAP, .password = (const uint8_t *)"x",
                                     .password_len = 1 };
        adit_request req = begin(s, &q, users[i]);
        ck_assert(!fake_answered(req));
        fake_run();
        ck_assert_uint_eq(answer(req)->verdict, i ? ADIT_VERDICT_REJECT : ADIT_VERDICT_NEXT);
    }
    ck_assert_uint_eq(fake_counter(s, "unknown"), 5);
    fake_inst_free(s);
    fake_end();
}
END_TEST

/* The operator is told the account's line. */
static void is_at(const struct adit_auth_answer *a, const char *user)
{
    char place[160], entry[64];
    const char *text = get_file();
    snprintf(entry, sizeof entry, "- name: %s\n", user);
    const char *at = strstr(text, entry);
    uint32_t line = 1;
    for (const char *s = text; s < at; s++)
        line += *s == '\n';
    snprintf(place, sizeof place, "%s:%u", path, line);
    ck_assert_str_eq(a->place, place);
}

START_TEST(what_an_account_lacks_is_named)
{
    put_accounts();
    struct adit_self *s = local("");
    IS(chap(s, "bert", "secret-b", ADIT_AUTH_CHAP), REJECT, METHOD_REFUSED);
    ck_assert_str_eq(fake_event_str("auth.local.unanswerable", "account"), "bert");
    ck_assert_str_eq(fake_event_str("auth.local.unanswerable", "setting"), "clear");
    ck_assert_ptr_nonnull(strstr(fake_event_str("auth.local.unanswerable", "remedy"), "--clear"));
    IS(mschap(s, "carl", "carl", "secret-c", ADIT_AUTH_MSCHAPV2), REJECT, METHOD_REFUSED);
    ck_assert_str_eq(fake_event_str("auth.local.unanswerable", "setting"), "nt-hash");
    IS(pap(s, "gina", "x"), REJECT, METHOD_REFUSED);
    ck_assert_str_eq(fake_event_str("auth.local.unanswerable", "setting"), "password-hash");
    IS(pap(s, "bert", "secret-b"), ACCEPT, NONE);
    IS(pap(s, "carl", "secret-c"), ACCEPT, NONE);
    IS(pap(s, "carl", "secret-d"), REJECT, AUTH_FAILED);
    IS(mschap(s, "bert", "bert", "secret-b", ADIT_AUTH_MSCHAPV2), ACCEPT, NONE);
    is_at(mschap(s, "bert", "bert", "secret-b", ADIT_AUTH_MSCHAPV2), "bert");
    is_at(mschap(s, "bert", "bert", "wrong", ADIT_AUTH_MSCHAPV2), "bert");
    is_at(pap(s, "gina", "x"), "gina");         /* nothing is stored of a password */
    fake_inst_free(s);
    fake_end();
}
END_TEST

START_TEST(states_of_an_account_are_told_to_who_knows_the_password)
{
    static const struct { const char *user, *password; uint32_t cause; } t[] = {
        { "dora", "secret-d", ADIT_CAUSE_DISABLED }, { "emil", "secret-e", ADIT_CAUSE_EXPIRED },
        { "fred", "secret-f", ADIT_CAUSE_PASSWORD_EXPIRED },
    };
    put_accounts();
    struct adit_self *s = local("");
    for (size_t i = 0; i < 3; i++) {
        const struct adit_auth_answer *a = mschap(s, t[i].user, t[i].user, t[i].password, ADIT_AUTH_MSCHAPV2);
        ck_assert_uint_eq(a->verdict, ADIT_VERDICT_REJECT);
        ck_assert_uint_eq(a->cause, t[i].cause);
        ck_assert_uint_eq(a->key_len, 0);
        is_at(a, t[i].user);
        a = mschap(s, t[i].user, t[i].user, "wrong", ADIT_AUTH_MSCHAPV2);
        ck_assert_uint_eq(a->cause, ADIT_CAUSE_AUTH_FAILED);
        a = pap(s, t[i].user, t[i].password);
        ck_assert_uint_eq(a->cause, t[i].cause);
        a = pap(s, t[i].user, "wrong");
        ck_assert_uint_eq(a->cause, ADIT_CAUSE_AUTH_FAILED);
    }
    fake_inst_free(s);
    fake_end();
}
END_TEST

/* The default is deny: an account of a name alone gets nowhere. */
START_TEST(accounts_are_denied_by_default)
{
    put_accounts();
    struct adit_self *s = local("");
    const struct adit_auth_answer *a = mschap(s, "bert", "bert", "secret-b", ADIT_AUTH_MSCHAPV2);
    ck_assert_uint_eq(adit_attr_u(s->host, a->attrs, ADIT_ATTR_DIALIN), ADIT_DIALIN_DENY);
    fake_inst_free(s);
    fake_end();
}
END_TEST

START_TEST(the_file_is_read_again_when_it_changes)
{
    struct adit_self *s = local("");
    struct adit_auth_query q = { .method = ADIT_AUTH_EAP_TLS };
    ck_assert_uint_eq(fake_event_count("auth.local.nofile"), 1);
    IS(answer(begin(s, &q, "anna")), NEXT, NONE);
    put_file("users:\n  - name: anna\n");
    IS(answer(begin(s, &q, "anna")), ACCEPT, NONE);
    put_file("users:\n  - name: bert\n");
    IS(answer(begin(s, &q, "bert")), ACCEPT, NONE);
    IS(answer(begin(s, &q, "anna")), NEXT, NONE);

    static const char *const broken[] = {
        "users:\n  - nam: carl\n", "[", "users:\n  - name: carl\n    nt-hash: xyz\n",
        "users:\n  - name: carl\n  - name: carl\n",
    };
    for (size_t i = 0; i < 4; i++) {
        put_file(broken[i]);
        IS(answer(begin(s, &q, "bert")), ACCEPT, NONE);
        IS(answer(begin(s, &q, "carl")), NEXT, NONE);
        ck_assert_msg(strstr(fake_last_error(), path) != NULL, "%s", fake_last_error());
    }
    put_file("users:\n  - name: carl\n");
    chmod(path, 0666);
    IS(answer(begin(s, &q, "carl")), NEXT, NONE);
    ck_assert_ptr_nonnull(strstr(fake_last_error(), "chmod 600"));
    chmod(path, 0600);
    IS(answer(begin(s, &q, "carl")), ACCEPT, NONE);
    unlink(path);
    IS(answer(begin(s, &q, "carl")), ACCEPT, NONE);
    const char *status = fake_status(s);
    ck_assert_msg(strstr(status, path) && strstr(status, "\"accounts\": 1"), "%s", status);
    fake_inst_free(s);

    put_file("users: [");
    ck_assert_ptr_null(fake_inst(fake_face("auth", "local"), yaml));
    fake_end();
}
END_TEST

/* A file of many accounts, the last of them `name`. */
static void put_many(const char *name)
{
    FILE *f = fopen(path, "w");
    fputs("users:\n", f);
    for (int i = 0; i < 6000; i++)
        fprintf(f, "  - name: user%04d\n    comment: \"some words to make it long\"\n", i);
    fprintf(f, "  - name: %s\n", name);
    fclose(f);
    ck_assert_int_eq(chmod(path, 0600), 0);
}

START_TEST(a_large_file_is_read_on_a_thread)
{
    put_many("anna");
    struct adit_self *s = local("");
    struct adit_auth_query q = { .method = ADIT_AUTH_EAP_TLS };
    IS(answer(begin(s, &q, "anna")), ACCEPT, NONE);
    /* nobody has to ask for it to be seen */
    put_many("bert");
    fake_advance(1000);
    IS(answer(begin(s, &q, "bert")), ACCEPT, NONE);
    IS(answer(begin(s, &q, "anna")), NEXT, NONE);
    ck_assert_uint_eq(fake_event_count("auth.local.loaded"), 2);
    /* one that is wrong is told once and changes nothing */
    FILE *f = fopen(path, "a");
    fputs("  - nam: carl\n", f);
    fclose(f);
    fake_advance(3000);
    ck_assert_msg(strstr(fake_last_error(), path) && strstr(fake_last_error(), "did you mean 'name'"),
                  "%s", fake_last_error());
    IS(answer(begin(s, &q, "bert")), ACCEPT, NONE);
    /* readable for its owner only, whatever its length */
    put_many("carl");
    chmod(path, 0622);
    fake_advance(1000);
    IS(answer(begin(s, &q, "carl")), NEXT, NONE);
    ck_assert_ptr_nonnull(strstr(fake_last_error(), "chmod 600"));
    chmod(path, 0600);
    fake_advance(1000);
    IS(answer(begin(s, &q, "carl")), ACCEPT, NONE);
    /* small again: read when it is asked for, as ever */
    put_file("users:\n  - name: dora\n");
    fake_advance(1000);
    IS(answer(begin(s, &q, "dora")), ACCEPT, NONE);
    fake_inst_free(s);

    /* the end comes while the thread reads */
    put_file("users:\n  - name: anna\n");
    s = local("");
    put_many("bert");
    fake_advance(1000);
    IS(answer(begin(s, &q, "bert")), NEXT, NONE);       /* it has begun, and nobody waits for it */
    fake_inst_free(s);
    fake_run();
    fake_end();
}
END_TEST

START_TEST(the_queue_is_bounded)
{
    put_accounts();
    struct adit_self *s = local("password-queue: 2\n");
    struct adit_auth_query q = { .method = ADIT_AUTH_PAP, .password = (const uint8_t *)"secret-b",
                                 .password_len = 8 };
    adit_request a = begin(s, &q, "bert"), b = begin(s, &q, "bert"), c = begin(s, &q, "bert");
    IS(answer(c), ERROR, NONE);
    ck_assert_uint_eq(fake_event_count("auth.local.busy"), 1);
    fake_run();
    IS(answer(a), ACCEPT, NONE);
    IS(answer(b), ACCEPT, NONE);
    IS(pap(s, "bert", "secret-b"), ACCEPT, NONE);
    fake_inst_free(s);
    fake_end();
}
END_TEST

START_TEST(cancelled_or_ended_checks_answer_once)
{
    put_accounts();
    struct adit_self *s = local("");
    struct adit_auth_query q = { .method = ADIT_AUTH_PAP, .password = (const uint8_t *)"secret-b",
                                 .password_len = 8 };
    int32_t status = 0;
    adit_request a = begin(s, &q, "bert"), b = begin(s, &q, "bert");
    fake_cancel(s, a);
    fake_cancel(s, 12345);
    fake_run();
    ck_assert(fake_answered(a));
    fake_answer(a, &status);
    ck_assert_int_eq(status, ADIT_ECANCELED);
    IS(answer(b), ACCEPT, NONE);
    b = begin(s, &q, "bert");
    q.password_len = 300;
    IS(answer(begin(s, &q, "bert")), REJECT, AUTH_FAILED);
    /* the account goes while its password is checked */
    put_file("users: []\n");
    fake_advance(1000);
    IS(answer(b), ACCEPT, NONE);        /* it ran before the file was looked at */
    q.password_len = 8;
    put_accounts();
    fake_advance(1000);
    struct adit_auth_query tls = { .method = ADIT_AUTH_EAP_TLS };
    b = begin(s, &q, "bert");
    put_file("users: []\n");
    ck_assert_int_eq(local_life.reload(s, s->conf), 0);
    IS(answer(begin(s, &tls, "bert")), NEXT, NONE);
    fake_run();
    IS(answer(b), REJECT, AUTH_FAILED);
    put_accounts();
    fake_advance(1000);
    b = begin(s, &q, "bert");
    fake_inst_free(s);                  /* with a password under way */
    fake_answer(b, &status);
    ck_assert_int_eq(status, ADIT_ECANCELED);
    fake_end();
}
END_TEST

/* ---- password change (W20) ------------------------------------------------------------- */

struct change_query {
    struct adit_auth_query q;
    uint8_t encrypted[516], hash[16], value[49];
};

/* RFC 2759 sections 8.9 to 8.12, from the client's side. */
static void change_make(struct change_query *c, const char *user, const char *old, const char *new)
{
    uint8_t old_nt[16], new_nt[16];
    struct rc4 rc4;
    uint32_t n = (uint32_t)strlen(new);
    memset(c, 0, sizeof *c);
    nt_password_hash(old, strlen(old), old_nt);
    nt_password_hash(new, n, new_nt);
    for (uint32_t i = 0; i < 512; i++)
        c->encrypted[i] = (uint8_t)(i * 7);
    for (uint32_t i = 0; i < n; i++) {
        c->encrypted[512 - 2 * n + 2 * i] = (uint8_t)new[i];
        c->encrypted[512 - 2 * n + 2 * i + 1] = 0;
    }
    c->encrypted[512] = (uint8_t)(2 * n);
    c->encrypted[513] = (uint8_t)(2 * n >> 8);
    rc4_init(&rc4, old_nt, 16);
    rc4_xor(&rc4, c->encrypted, 516);
    ck_assert_int_eq(old_hash_encrypted(new_nt, old_nt, c->hash), 0);
    for (uint8_t i = 0; i < 16; i++)
        c->value[i] = (uint8_t)(0xb0 + i);
    generate_nt_response(challenge, c->value, user, new_nt, c->value + 24);
    c->q = (struct adit_auth_query){ .method = ADIT_AUTH_CHANGE, .challenge = challenge,
                                     .challenge_len = 16, .response = c->value, .response_len = 49,
                                     .encrypted_password = c->encrypted, .encrypted_hash = c->hash };
}

START_TEST(W20_a_password_is_changed_and_kept)
{
    struct change_query c;
    put_accounts();
    struct adit_self *s = local("");
    IS(mschap(s, "fred", "fred", "secret-f", ADIT_AUTH_MSCHAPV2), REJECT, PASSWORD_EXPIRED);
    change_make(&c, "fred", "secret-f", "new-one");
    adit_request req = begin(s, &c.q, "CORP\\fred");
    memset(&c, 0xee, sizeof c);         /* it was borrowed */
    ck_assert(!fake_answered(req));
    fake_run();
    const struct adit_auth_answer *a = answer(req);
    IS(a, ACCEPT, NONE);
    ck_assert_uint_eq(a->key_len, 16);
    ck_assert_uint_eq(adit_attr_u(s->host, a->attrs, ADIT_ATTR_DIALIN), ADIT_DIALIN_ALLOW);
    ck_assert_str_eq(fake_event_str("auth.local.changed", "account"), "fred");
    ck_assert_ptr_nonnull(strstr(get_file(), hex_nt("new-one")));
    ck_assert_ptr_null(strstr(get_file(), "must-change"));
    ck_assert_ptr_null(strstr(get_file(), "new-one"));
    IS(mschap(s, "fred", "fred", "new-one", ADIT_AUTH_MSCHAPV2), ACCEPT, NONE);
    IS(mschap(s, "fred", "fred", "secret-f", ADIT_AUTH_MSCHAPV2), REJECT, AUTH_FAILED);
    IS(pap(s, "fred", "new-one"), ACCEPT, NONE);

    /* who keeps the clear text keeps the new one */
    change_make(&c, "anna", "secret-a", "clear-new");
    req = begin(s, &c.q, "anna");
    fake_run();
    IS(answer(req), ACCEPT, NONE);
    ck_assert_ptr_nonnull(strstr(get_file(), "clear: \"clear-new\""));
    IS(chap(s, "anna", "clear-new", ADIT_AUTH_CHAP), ACCEPT, NONE);
    fake_inst_free(s);
    s = local("");                      /* and after a restart */
    IS(mschap(s, "fred", "fred", "new-one", ADIT_AUTH_MSCHAPV2), ACCEPT, NONE);
    fake_inst_free(s);
    fake_end();
}
END_TEST

START_TEST(changes_that_are_refused_change_nothing)
{
    struct change_query c;
    put_accounts();
    char *before = strdup(get_file());
    struct adit_self *s = local("");
    change_make(&c, "fred", "wrong", "new");
    IS(answer(begin(s, &c.q, "fred")), REJECT, AUTH_FAILED);
    change_make(&c, "fred", "secret-f", "");
    IS(answer(begin(s, &c.q, "fred")), REJECT, AUTH_FAILED);
    change_make(&c, "fred", "secret-f", "a\tb");
    IS(answer(begin(s, &c.q, "fred")), REJECT, AUTH_FAILED);
    change_make(&c, "dora", "secret-d", "new");
    IS(answer(begin(s, &c.q, "dora")), REJECT, DISABLED);
    change_make(&c, "dora", "wrong", "new");
    IS(answer(begin(s, &c.q, "dora")), REJECT, AUTH_FAILED);
    change_make(&c, "emil", "secret-e", "new");
    IS(answer(begin(s, &c.q, "emil")), REJECT, EXPIRED);
    change_make(&c, "carl", "secret-c", "new");
    IS(answer(begin(s, &c.q, "carl")), REJECT, METHOD_REFUSED);
    change_make(&c, "nobody", "x", "new");
    IS(answer(begin(s, &c.q, "nobody")), NEXT, NONE);
    for (uint32_t n = 0; n < 49; n++) {
        change_make(&c, "fred", "secret-f", "new");
        c.q.response_len = n;
        IS(answer(begin(s, &c.q, "fred")), REJECT, AUTH_FAILED);
    }
    char text[300];
    snprintf(text, sizeof text, "%spassword-change: no\n", yaml);
    ck_assert_int_eq(fake_reload(s, text), 0);
    change_make(&c, "fred", "secret-f", "new");
    IS(answer(begin(s, &c.q, "fred")), REJECT, METHOD_REFUSED);
    ck_assert_str_eq(get_file(), before);
    free(before);
    fake_inst_free(s);
    fake_end();
}
END_TEST

START_TEST(changes_wait_for_each_other_and_for_adit_user)
{
    struct change_query c;
    char err[USERS_ERR];
    int lock;
    put_accounts();
    struct adit_self *s = local("");
    change_make(&c, "fred", "secret-f", "one");
    adit_request a = begin(s, &c.q, "fred");
    change_make(&c, "bert", "secret-b", "two");
    adit_request b = begin(s, &c.q, "bert");
    fake_run();
    IS(answer(a), ACCEPT, NONE);
    IS(answer(b), ACCEPT, NONE);
    IS(mschap(s, "fred", "fred", "one", ADIT_AUTH_MSCHAPV2), ACCEPT, NONE);
    IS(mschap(s, "bert", "bert", "two", ADIT_AUTH_MSCHAPV2), ACCEPT, NONE);

    /* somebody else writes: it waits, and what he wrote stays */
    ck_assert_int_eq(users_lock(path, false, &lock, err), 0);
    change_make(&c, "fred", "one", "three");
    a = begin(s, &c.q, "fred");
    fake_run();
    ck_assert(!fake_answered(a));
    char more[8192];
    snprintf(more, sizeof more, "%s  - name: zoe\n", strstr(get_file(), "users:"));
    put_file(more);
    users_unlock(lock);
    fake_advance(60);
    IS(answer(a), ACCEPT, NONE);
    ck_assert_ptr_nonnull(strstr(get_file(), "zoe"));

    /* the same account: what he wrote goes before */
    ck_assert_int_eq(users_lock(path, false, &lock, err), 0);
    change_make(&c, "bert", "two", "mine");
    b = begin(s, &c.q, "bert");
    fake_run();
    snprintf(more, sizeof more, "%s", get_file());
    char *at = strstr(more, hex_nt("two"));
    ck_assert_ptr_nonnull(at);
    memcpy(at, hex_nt("his"), 32);
    put_file(more);
    users_unlock(lock);
    fake_advance(60);
    IS(answer(b), ERROR, NONE);
    ck_assert_msg(strstr(fake_last_error(), "somebody else changed it") != NULL, "%s", fake_last_error());
    ck_assert_ptr_nonnull(strstr(get_file(), hex_nt("his")));
    fake_advance(1000);
    IS(mschap(s, "bert", "bert", "his", ADIT_AUTH_MSCHAPV2), ACCEPT, NONE);
    change_make(&c, "bert", "his", "two");
    b = begin(s, &c.q, "bert");
    fake_run();
    IS(answer(b), ACCEPT, NONE);

    /* he never ends: three seconds */
    ck_assert_int_eq(users_lock(path, false, &lock, err), 0);
    change_make(&c, "fred", "three", "four");
    a = begin(s, &c.q, "fred");
    change_make(&c, "bert", "two", "five");
    b = begin(s, &c.q, "bert");
    fake_advance(3500);
    IS(answer(a), ERROR, NONE);
    ck_assert_msg(strstr(fake_last_error(), "somebody else is changing") != NULL, "%s", fake_last_error());
    users_unlock(lock);
    fake_advance(100);
    IS(answer(b), ACCEPT, NONE);
    IS(mschap(s, "fred", "fred", "three", ADIT_AUTH_MSCHAPV2), ACCEPT, NONE);

    /* cancelled: at work, waiting for its turn, waiting for the lock */
    int32_t status;
    ck_assert_int_eq(users_lock(path, false, &lock, err), 0);
    change_make(&c, "fred", "three", "six");
    a = begin(s, &c.q, "fred");
    b = begin(s, &c.q, "fred");
    adit_request d = begin(s, &c.q, "fred");
    fake_cancel(s, b);
    fake_answer(b, &status);
    ck_assert_int_eq(status, ADIT_ECANCELED);
    fake_run();
    fake_cancel(s, a);
    fake_advance(60);
    fake_answer(a, &status);
    ck_assert_int_eq(status, ADIT_ECANCELED);
    ck_assert(!fake_answered(d));
    fake_inst_free(s);                  /* with one under way */
    fake_answer(d, &status);
    ck_assert_int_eq(status, ADIT_ECANCELED);
    users_unlock(lock);
    fake_end();
}
END_TEST

START_TEST(a_full_disk_keeps_the_old_password)
{
    struct change_query c;
    struct rlimit small = { 200, 200 };
    put_accounts();
    char *before = strdup(get_file());
    struct adit_self *s = local("");
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    change_make(&c, "fred", "secret-f", "new");
    adit_request a = begin(s, &c.q, "fred");
    fake_run();
    IS(answer(a), ERROR, NONE);
    ck_assert_msg(strstr(fake_last_error(), "user 'fred': the new password is not kept") != NULL, "%s",
                  fake_last_error());
    ck_assert_str_eq(get_file(), before);
    IS(mschap(s, "fred", "fred", "secret-f", ADIT_AUTH_MSCHAPV2), REJECT, PASSWORD_EXPIRED);
    free(before);
    fake_inst_free(s);
    fake_end();
}
END_TEST

START_TEST(the_verb_lists_accounts_without_secrets)
{
    put_accounts();
    struct adit_self *s = local("");
    const char *text = fake_verb(s, "accounts", NULL, 0);
    ck_assert_ptr_nonnull(text);
    ck_assert_msg(strstr(text, "\"name\": \"anna\"") && strstr(text, "\"dial-in\": \"deny\"") &&
                  strstr(text, "10.1.0.0/16"), "%s", text);
    ck_assert_ptr_null(strstr(text, "secret-a"));
    ck_assert_ptr_null(strstr(text, "scrypt"));
    ck_assert_ptr_null(strstr(text, hex_nt("secret-b")));
    fake_inst_free(s);
    fake_end();
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("auth-local");
    TCase *tc = tcase_create("auth-local");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, every_method_of_an_account_with_everything);
    tcase_add_test(tc, W22_domains_are_stripped_or_foreign);
    tcase_add_test(tc, unknown_users_are_left_to_the_next_at_the_same_cost);
    tcase_add_test(tc, what_an_account_lacks_is_named);
    tcase_add_test(tc, states_of_an_account_are_told_to_who_knows_the_password);
    tcase_add_test(tc, accounts_are_denied_by_default);
    tcase_add_test(tc, the_file_is_read_again_when_it_changes);
    tcase_add_test(tc, a_large_file_is_read_on_a_thread);
    tcase_add_test(tc, the_queue_is_bounded);
    tcase_add_test(tc, cancelled_or_ended_checks_answer_once);
    tcase_add_test(tc, W20_a_password_is_changed_and_kept);
    tcase_add_test(tc, changes_that_are_refused_change_nothing);
    tcase_add_test(tc, changes_wait_for_each_other_and_for_adit_user);
    tcase_add_test(tc, a_full_disk_keeps_the_old_password);
    tcase_add_test(tc, the_verb_lists_accounts_without_secrets);
    suite_add_tcase(s, tc);
    return s;
}

UNIT_MAIN(suite)
