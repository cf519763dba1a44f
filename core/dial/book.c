/* book.c - the phone book: what can be dialled.
 *
 * Knows:  the options of an entry, which of them go together, who may use which,
 *         whose file may hold a secret.
 * Leaves: dialling to dial; names of packet filters to the data path.
 */
#include "dial/book.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>
#include <adit/attr.h>
#include <adit/auth.h>
#include "base/addr.h"

#define ENTRIES_MAX 1000u
#define USERS_ROUTES 64u        /* of an entry of a user's own */
#define CHAIN_MAX   8u          /* entries that are dialled one over the other */

static const struct adit_word type_words[] = {
    { "automatic", BOOK_AUTOMATIC, 0 }, { "l2tp-ipsec", BOOK_L2TP_IPSEC, 0 },
    { "pptp", BOOK_PPTP, 0 }, { "l2tp", BOOK_L2TP, 0 }, { NULL, 0, 0 },
};
static const struct adit_word auth_words[] = { ADIT_AUTH_WORDS, { NULL, 0, 0 } };
static const struct adit_word enc_words[] = { ADIT_ENC_WORDS, { NULL, 0, 0 } };

#define A ADIT_OPT_ARRAY
// clang-format off
const struct adit_opt book_opts[] = {
    ADIT_OPT(STR, book_conf, name, "name", NULL, ADIT_OPT_REQUIRED, "What the entry is called."),
    ADIT_OPT(STR, book_conf, servers, "server", NULL, ADIT_OPT_REQUIRED | A, "Name or address of the server, or several; every address is tried."),
    ADIT_OPT_WORDS(ENUM, book_conf, type, "type", type_words, "automatic", 0, "The tunnel; automatic: L2TP/IPsec, then PPTP."),
    ADIT_OPT(STR, book_conf, user, "user", NULL, 0, "The user's name."),
    ADIT_OPT(STR, book_conf, domain, "domain", NULL, 0, "The logon domain, which goes before the name: DOMAIN\\user."),
    ADIT_OPT(FILE, book_conf, password_file, "password-file", NULL, 0, "A file with the password, which only its owner may read."),
    ADIT_OPT(FILE, book_conf, psk_file, "psk-file", NULL, 0, "A file with the pre-shared key of IPsec, which only its owner may read."),
    ADIT_OPT(FILE, book_conf, certificate, "certificate", NULL, 0, "The user's certificate (PEM) for EAP-TLS."),
    ADIT_OPT(FILE, book_conf, key, "key", NULL, 0, "Its private key (PEM), which only its owner may read."),
    ADIT_OPT(FILE, book_conf, ca, "ca", NULL, 0, "Authorities (PEM) that the server's certificate must lead to."),
    ADIT_OPT(STR, book_conf, server_name, "server-name", NULL, 0, "The name that the server's certificate must have."),
    ADIT_OPT_WORDS(FLAGS, book_conf, methods, "methods", auth_words, NULL, 0, "Authentication methods that are answered; by default MS-CHAPv2, and EAP-TLS with a certificate."),
    ADIT_OPT_WORDS(FLAGS, book_conf, encryption, "encryption", enc_words, NULL, 0, "MPPE strengths that are permitted; by default 128 for PPTP, none and 128 for others."),
    ADIT_OPT(STR, book_conf, dial_first, "dial-first", NULL, 0, "An entry that is dialled before, over which this one runs."),
    ADIT_OPT(STR, book_conf, before, "before", NULL, A, "A command and its arguments, run before: it brings the line up."),
    ADIT_OPT_NUM(MSEC, book_conf, timeout_ms, "timeout", "60s", 1000, 600000, 0, "How long one address and type may take to connect."),
    ADIT_OPT_NUM(U32, book_conf, redial_attempts, "redial-attempts", "0", 0, 1000, 0, "How often a dial that failed is repeated."),
    ADIT_OPT_NUM(MSEC, book_conf, redial_pause_ms, "redial-pause", "10s", 100, 86400000, 0, "The pause before it is repeated, the first time."),
    ADIT_OPT_NUM(MSEC, book_conf, redial_pause_max_ms, "redial-pause-max", "5m", 100, 86400000, 0, "The pause doubles each time, up to this."),
    ADIT_OPT(BOOL, book_conf, redial_on_drop, "redial-on-drop", "no", 0, "Dial again when the line drops, until it is back."),
    ADIT_OPT(MSEC, book_conf, idle_timeout_ms, "idle-timeout", "0", 0, "Hang up after so long without packets; 0: never."),
    ADIT_OPT(BOOL, book_conf, default_route, "default-route", "yes", 0, "Send everything through the connection; else only its routes. No, with demand-dial."),
    ADIT_OPT(PREFIX, book_conf, routes, "routes", NULL, A, "Networks that are reached through the connection."),
    ADIT_OPT(BOOL, book_conf, dns, "dns", "yes", 0, "Ask the DNS servers that the server names. No, with demand-dial."),
    ADIT_OPT(ADDR, book_conf, dns_servers, "dns-servers", NULL, A, "DNS servers that are asked instead of those."),
    ADIT_OPT(STR, book_conf, search, "search", NULL, A, "Domains that these DNS servers are asked about, and that complete short names."),
    ADIT_OPT(BOOL, book_conf, ipv6, "ipv6", "no", 0, "IPv6 inside the connection too."),
    ADIT_OPT(BOOL, book_conf, block_ipv6, "block-ipv6", "no", 0, "Let no IPv6 leave beside the connection."),
    ADIT_OPT(BOOL, book_conf, keep_routes, "keep-routes-while-down", "no", 0, "While it is dialled again, packets are dropped rather than sent another way."),
    ADIT_OPT_NUM(U32, book_conf, mtu, "mtu", "0", 0, 16384, 0, "Largest packet inside, bytes; 0: what the way outside carries."),
    ADIT_OPT(STR, book_conf, interface, "interface", NULL, 0, "Name of the interface; dial%d, or for demand-dial the entry's name."),
    ADIT_OPT(BOOL, book_conf, demand_dial, "demand-dial", "no", 0, "The interface is always there, and dialled when a packet wants through."),
    ADIT_OPT(BOOL, book_conf, persistent, "persistent", "no", 0, "Of demand-dial: dialled at the start, and again whenever it is down."),
    ADIT_OPT(STR, book_conf, dial_hours, "dial-hours", NULL, A, "Of demand-dial: when it may be dialled, for instance mon-fri 08:00-18:00."),
    ADIT_OPT(STR, book_conf, dial_filter, "dial-filter", NULL, 0, "Of demand-dial: the packet filter that says which packets it is dialled for."),
    ADIT_OPT(STR, book_conf, answer_as, "answer-as", NULL, 0, "Of demand-dial: a call that is answered and has this user's name is of this interface."),
    ADIT_OPT(STR, book_conf, filter_in, "filter-in", NULL, 0, "Packet filter of what comes from the server."),
    ADIT_OPT(STR, book_conf, filter_out, "filter-out", NULL, 0, "Packet filter of what goes to the server."),
    ADIT_OPT(U64, book_conf, rate_in, "rate-in", "0", 0, "kbit/s from the server; 0: no limit."),
    ADIT_OPT(U64, book_conf, rate_out, "rate-out", "0", 0, "kbit/s to the server; 0: no limit."),
    ADIT_OPT_END
};
// clang-format on
#undef A

struct book {
    struct conf_doc *doc;
    uint32_t count;
    struct book_entry *entry[];
};

const char *book_type_name(uint32_t type)
{
    for (const struct adit_word *w = type_words; w->word; w++)
        if (w->value == type)
            return w->word;
    return "";
}

struct book_entry *book_entry_ref(struct book_entry *e)
{
    e->refs++;
    return e;
}

void book_entry_unref(struct book_entry *e)
{
    if (!e || --e->refs)
        return;
    conf_mem_free(e->mem);
    free(e);
}

/* ---- hours -------------------------------------------------------------------------- */

struct hours {
    uint32_t days;              /* bit 0 is Monday */
    uint32_t from, to;          /* minutes of the day; to <= from: past midnight */
};

static bool day_of(const char **s, uint32_t *out)
{
    static const char names[] = "montuewedthufrisatsun";
    for (uint32_t i = 0; i < 7; i++)
        if (strncasecmp(*s, names + i * 3, 3) == 0) {
            *s += 3;
            *out = i;
            return true;
        }
    return false;
}

static bool time_of(const char **s, uint32_t *out)
{
    unsigned h, m;
    int n = 0;
    if (sscanf(*s, "%2u:%2u%n", &h, &m, &n) != 2 || n < 4 || **s == '+' || h > 24 || m > 59 || (h == 24 && m))
        return false;
    *s += n;
    *out = h * 60 + m;
    return true;
}

static bool hours_of(const char *s, struct hours *h)
{
    uint32_t a, b;
    *h = (struct hours){ 0x7f, 0, 24 * 60 };
    if (day_of(&s, &a)) {
        b = a;
        if (*s == '-' && (s++, !day_of(&s, &b)))
            return false;
        h->days = 0;
        for (uint32_t d = a;; d = (d + 1) % 7) {
            h->days |= 1u << d;
            if (d == b)
                break;
        }
        if (!*s)
            return true;
        if (*s++ != ' ')
            return false;
    }
    return time_of(&s, &h->from) && *s++ == '-' && time_of(&s, &h->to) && !*s && h->from != h->to;
}

bool book_hours_ok(const char *text)
{
    struct hours h;
    return hours_of(text, &h);
}

bool book_hours_now(const struct adit_array *hours, uint32_t wday, uint32_t minute)
{
    struct hours h;
    for (uint32_t i = 0; i < hours->count; i++) {
        if (!hours_of(book_word(hours, i), &h))
            continue;
        uint32_t yesterday = (wday + 6) % 7;
        if (h.from < h.to ? (h.days >> wday & 1) && minute >= h.from && minute < h.to
                          : ((h.days >> wday & 1) && minute >= h.from) ||
                            ((h.days >> yesterday & 1) && minute < h.to))
            return true;
    }
    return !hours->count;
}

/* ---- an entry ------------------------------------------------------------------------ */

struct check {
    const struct conf_node *node;
    const struct book_conf *c;
    const struct conf_err *err;
    int32_t rc;
};

static void wrong(struct check *k, const char *key, const char *fmt, ...) ADIT_PRINTF(3, 4);
static void wrong(struct check *k, const char *key, const char *fmt, ...)
{
    char text[512];
    const struct conf_node *at = conf_get(k->node, key);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    k->rc = conf_error(at ? at : k->node, k->err, "entry '%s': %s", k->c->name, text);
}

/* The name of an interface, or a pattern that the kernel counts. */
static bool interface_ok(const char *name)
{
    const char *p = strchr(name, '%');
    size_t n = strlen(name);
    return n > 0 && n < IFNAMSIZ && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.%") == n &&
           strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && (!p || (p[1] == 'd' && !p[2]));
}

/* A domain as resolv.conf(5) and resolvectl(1) take it. */
static bool domain_ok(const char *s)
{
    size_t n = strlen(s);
    return n > 0 && n < 254 && s[0] != '-' && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == n;
}

static void together(struct check *k)
{
    const struct book_conf *c = k->c;
    bool ipsec = c->type == BOOK_AUTOMATIC || c->type == BOOK_L2TP_IPSEC;
    int tls = (c->certificate != NULL) + (c->key != NULL) + (c->ca != NULL);
    if (c->psk_file && !ipsec)
        wrong(k, "psk-file", "psk-file is of IPsec, and type is %s", book_type_name(c->type));
    if (tls && tls < 3)
        wrong(k, c->certificate ? "certificate" : c->key ? "key" : "ca",
              "EAP-TLS needs all three: certificate, key and ca");
    if (c->methods & ADIT_AUTH_EAP_TLS && !tls)
        wrong(k, "methods", "eap-tls needs certificate, key and ca");
    if (c->methods & ADIT_AUTH_EAP_RELAY)
        wrong(k, "methods", "'eap' is of authenticators; name the method: eap-mschapv2, eap-md5 or eap-tls");
    if (c->server_name && !tls)
        wrong(k, "server-name", "server-name is of the certificate that EAP-TLS checks; give certificate, key "
                                "and ca too");
    if (c->redial_pause_max_ms < c->redial_pause_ms)
        wrong(k, "redial-pause-max", "redial-pause-max is shorter than redial-pause");
    if (c->keep_routes && !c->redial_on_drop && !c->persistent)
        wrong(k, "keep-routes-while-down", "keep-routes-while-down needs redial-on-drop: yes");
    if (c->mtu && c->mtu < 576)
        wrong(k, "mtu", "mtu %u is below 576, which every host has to take", c->mtu);
    if (c->mtu && c->ipv6 && c->mtu < 1280)
        wrong(k, "mtu", "mtu %u is below 1280, which IPv6 needs", c->mtu);
}

static void of_demand(struct check *k)
{
    const struct book_conf *c = k->c;
    static const char *const keys[] = { "persistent", "dial-hours", "dial-filter", "answer-as" };
    const bool given[] = { c->persistent != 0, c->dial_hours.count > 0, c->dial_filter != NULL, c->answer_as != NULL };
    for (size_t i = 0; i < 4 && !c->demand_dial; i++)
        if (given[i])
            wrong(k, keys[i], "%s is of demand-dial; add demand-dial: yes", keys[i]);
    if (c->demand_dial && !c->interface && !interface_ok(c->name))
        wrong(k, "interface", "its name can be no interface's; add interface: with at most 15 characters");
    if (c->demand_dial && c->interface && strchr(c->interface, '%'))
        wrong(k, "interface", "an interface that is always there has one name, without %%d");
    if (c->demand_dial && c->persistent && c->dial_filter)
        wrong(k, "dial-filter", "a persistent connection waits for no packet: take dial-filter out");
    for (uint32_t i = 0; c->demand_dial && i < c->routes.count; i++)
        if (!book_addr(&c->routes, i)->prefix)
            wrong(k, "routes", "a default route of demand-dial is default-route: yes, and is there while it is "
                               "connected");
    for (uint32_t i = 0; i < c->dial_hours.count; i++)
        if (!book_hours_ok(book_word(&c->dial_hours, i)))
            wrong(k, "dial-hours", "'dial-hours' wants for instance mon-fri 08:00-18:00, not '%.60s'",
                  book_word(&c->dial_hours, i));
}

static void values(struct check *k)
{
    const struct book_conf *c = k->c;
    if (!*c->name || strlen(c->name) >= sizeof ((struct book_entry *)0)->name)
        wrong(k, "name", "a name has 1 to %zu characters", sizeof ((struct book_entry *)0)->name - 1);
    if (!c->servers.count)
        wrong(k, "server", "names no server");
    for (uint32_t i = 0; i < c->servers.count; i++) {
        struct adit_addr a;
        const char *s = book_word(&c->servers, i);
        if (!*s || strlen(s) > 253 || strpbrk(s, " /\t\n"))
            wrong(k, "server", "'server' wants a name or an address, not '%.60s'", s);
        else if (conf_parse_addr(s, &a) == 0 && a.port)
            wrong(k, "server", "'%.60s': a server has no port here", s);
    }
    if (c->domain && c->user && strpbrk(c->user, "\\@"))
        wrong(k, "domain", "the user's name has a domain already");
    if (c->interface && !interface_ok(c->interface))
        wrong(k, "interface", "'%.60s' can be no interface's name", c->interface);
    for (uint32_t i = 0; i < c->search.count; i++)
        if (!domain_ok(book_word(&c->search, i)))
            wrong(k, "search", "'%.60s' is no domain", book_word(&c->search, i));
    if (c->before.count && book_word(&c->before, 0)[0] != '/')
        wrong(k, "before", "the command wants its full path, for instance /usr/bin/nmcli, not '%.60s'",
              book_word(&c->before, 0));
}

static struct book_entry *entry_of(const struct conf_node *n, const struct conf_err *err)
{
    struct book_entry *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->refs = 1;
    e->owner = BOOK_SYSTEM;
    struct check k = { n, &e->c, err, 0 };
    if (conf_fill(n, book_opts, sizeof(struct adit_opt), NULL, sizeof e->c, &e->c, &e->mem, err)) {
        free(e);
        return NULL;
    }
    if (e->c.demand_dial && !conf_get(n, "default-route"))
        e->c.default_route = 0;         /* of a line between networks, unless it is wanted */
    if (e->c.demand_dial && !conf_get(n, "dns"))
        e->c.dns = 0;
    values(&k);
    together(&k);
    of_demand(&k);
    snprintf(e->name, sizeof e->name, "%s", e->c.name);
    if (!e->c.methods)
        e->c.methods = ADIT_AUTH_MSCHAPV2 | ADIT_AUTH_EAP_MSCHAPV2 | (e->c.certificate ? ADIT_AUTH_EAP_TLS : 0);
    if (!k.rc)
        return e;
    book_entry_unref(e);
    return NULL;
}

/* ---- the file -------------------------------------------------------------------------- */

/* What is dialled before must be there, and not lead back. */
static int32_t chains(const struct book *b, const struct conf_node *list, const struct conf_err *err)
{
    int32_t rc = 0;
    for (uint32_t i = 0; i < b->count; i++) {
        const struct book_entry *e = b->entry[i];
        const struct conf_node *at = conf_get(conf_item(list, i), "dial-first");
        uint32_t depth = 0;
        for (const char *first; e && (first = e->c.dial_first); depth++) {
            const char *near = book_nearest(b, first);
            e = book_find(b, first);
            if (!e && depth == 0)
                rc = near ? conf_error(at, err, "dial-first: no entry '%s'; did you mean '%s'?", first, near)
                          : conf_error(at, err, "dial-first: no entry '%s'", first);
            if (e && depth == 0 && e->c.demand_dial)    /* packets dial it, on an interface of its own */
                rc = conf_error(at, err, "dial-first: '%s' is a demand-dial entry; give it a route instead", first);
            if (depth == CHAIN_MAX) {
                rc = conf_error(at, err, "dial-first: more than %u entries one over the other, or in a circle", CHAIN_MAX);
                break;
            }
        }
    }
    return rc;
}

static int32_t entries(struct book *b, const struct conf_node *list, const struct conf_err *err)
{
    int32_t rc = 0;
    for (uint32_t i = 0; i < conf_count(list); i++) {
        const struct conf_node *n = conf_item(list, i);
        struct book_entry *e = entry_of(n, err);
        if (e && book_find(b, e->name)) {
            conf_error(conf_get(n, "name"), err, "two entries are named '%s'; give one of them another name", e->name);
            book_entry_unref(e);
            e = NULL;
        }
        if (e)
            b->entry[b->count++] = e;
        else
            rc = ADIT_ECONF;
    }
    return rc ? rc : chains(b, list, err);
}

struct book *book_read(const char *path, bool must, const struct conf_err *err)
{
    static const char *const known[] = { "entries", NULL };
    struct book *b;
    if (!must && access(path, F_OK) != 0 && errno == ENOENT)
        return calloc(1, sizeof *b);
    struct conf_doc *d = conf_read_file(path, err);
    if (!d)
        return NULL;
    const struct conf_node *root = conf_root(d), *list = conf_get(root, "entries");
    int32_t rc = 0;
    for (uint32_t i = 0; i < conf_count(root); i++)
        if (strcmp(conf_key(root, i), "entries") != 0)
            rc = conf_nearest(conf_key(root, i), known)
                     ? conf_error_key(root, i, err, "unknown section '%s'; did you mean 'entries'?", conf_key(root, i))
                     : conf_error_key(root, i, err, "unknown section '%s'; a phone book has entries:", conf_key(root, i));
    if (!conf_is_empty(list) && !conf_is_seq(list))
        rc = conf_error(list, err, "entries wants a list: each entry begins with '- name: ...'");
    else if (conf_count(list) > ENTRIES_MAX)
        rc = conf_error(list, err, "%u entries are given, at most %u are taken", conf_count(list), ENTRIES_MAX);
    b = rc ? NULL : calloc(1, sizeof *b + conf_count(list) * sizeof(struct book_entry *));
    if (b && entries(b, list, err)) {
        book_free(b);
        b = NULL;
    }
    conf_free(d);
    return b;
}

void book_free(struct book *b)
{
    for (uint32_t i = 0; b && i < b->count; i++)
        book_entry_unref(b->entry[i]);
    free(b);
}

struct book_entry *book_find(const struct book *b, const char *name)
{
    for (uint32_t i = 0; b && i < b->count; i++)
        if (strcmp(b->entry[i]->name, name) == 0)
            return b->entry[i];
    return NULL;
}

struct book_entry *book_nth(const struct book *b, uint32_t nth)
{
    return b && nth < b->count ? b->entry[nth] : NULL;
}

const char *book_nearest(const struct book *b, const char *name)
{
    const char *known[ENTRIES_MAX + 1];
    uint32_t n = 0;
    for (uint32_t i = 0; b && i < b->count; i++)
        known[n++] = b->entry[i]->name;
    known[n] = NULL;
    return conf_nearest(name, known);
}

/* ---- a user's own -------------------------------------------------------------------- */

static void permitted(struct check *k, uint32_t may)
{
    const struct book_conf *c = k->c;
    /* The daemon would open them with its own rights, and run them with them. */
    static const char *const never[] = { "before", "password-file", "psk-file", "certificate", "key", "ca",
                                         "interface", "demand-dial", "dial-first" };
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        if (conf_get(k->node, never[i]))
            wrong(k, never[i], "%s is for entries of the system's phone book; a program that dials passes "
                  "secrets themselves", never[i]);
    if (c->default_route && !(may & BOOK_MAY_DEFAULT))
        wrong(k, "default-route", "default-route is not permitted to users (dial.user-may); write "
                                  "default-route: no");
    if (c->routes.count && !(may & BOOK_MAY_ROUTES))
        wrong(k, "routes", "routes are not permitted to users (dial.user-may)");
    if (c->routes.count > USERS_ROUTES)
        wrong(k, "routes", "users may have %u routes at most", USERS_ROUTES);
    for (uint32_t i = 0; i < c->routes.count; i++)      /* two halves are a default route */
        if (book_addr(&c->routes, i)->prefix < 8 && !(may & BOOK_MAY_DEFAULT))
            wrong(k, "routes", "routes shorter than /8 are not permitted to users (dial.user-may)");
    if ((c->dns_servers.count || c->search.count) && !(may & BOOK_MAY_DNS))
        wrong(k, "dns-servers", "DNS servers are not permitted to users (dial.user-may)");
    if (c->block_ipv6 && !(may & BOOK_MAY_DEFAULT))
        wrong(k, "block-ipv6", "block-ipv6 is not permitted to users (dial.user-may)");
}

struct book_entry *book_entry_text(const char *text, size_t len, uint32_t uid, uint32_t may,
                                   const struct conf_err *err)
{
    struct conf_doc *d = conf_read_text("entry", text, len, err);
    if (!d)
        return NULL;
    struct book_entry *e = entry_of(conf_root(d), err);
    if (e) {
        struct check k = { conf_root(d), &e->c, err, 0 };
        e->owner = uid;
        if (uid && !(may & BOOK_MAY_DNS))
            e->c.dns = 0;
        if (uid)
            permitted(&k, may);
        if (e->c.demand_dial)
            wrong(&k, "demand-dial", "an interface that is always there is of the phone book's file");
        if (k.rc) {
            book_entry_unref(e);
            e = NULL;
        }
    }
    conf_free(d);
    return e;
}

/* ---- secrets ------------------------------------------------------------------------- */

int32_t book_secret(const char *path, char out[BOOK_SECRET], char *why, size_t size)
{
    struct stat st;
    int32_t rc = ADIT_EDENIED;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    memset(out, 0, BOOK_SECRET);
    if (fd < 0 || fstat(fd, &st)) {
        snprintf(why, size, "%s: %s", path, strerror(errno));
        rc = errno == ENOENT ? ADIT_ENOENT : ADIT_EDENIED;
    } else if (!S_ISREG(st.st_mode)) {
        snprintf(why, size, "%s is no file", path);
    } else if (st.st_uid != geteuid() && st.st_uid != 0) {
        snprintf(why, size, "%s belongs to uid %u; run: chown %u '%s'", path, (unsigned)st.st_uid,
                 (unsigned)geteuid(), path);
    } else if (st.st_mode & 077) {
        snprintf(why, size, "%s can be read or written by others; run: chmod 600 '%s'", path, path);
    } else {
        ssize_t n = read(fd, out, BOOK_SECRET - 1);
        size_t line = n > 0 ? strcspn(out, "\r\n") : 0;
        rc = 0;
        if (n < 0 || !line || line >= BOOK_SECRET - 1) {
            snprintf(why, size, "%s: its first line %s", path,
                     n < 0 ? "cannot be read" : line ? "is too long for a secret" : "is empty");
            rc = ADIT_ECONF;
            line = 0;
        }
        explicit_bzero(out + line, BOOK_SECRET - line);
    }
    if (fd >= 0)
        close(fd);
    return rc;
}
