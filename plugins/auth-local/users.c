/* users.c - accounts: from options, by name, and as text.
 *
 * Knows:  what an account is and what may stand in it.
 * Leaves: reading YAML to who reads options, files to users_file.c.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>
#include <adit/bytes.h>
#include <adit/table.h>
#include "users.h"

// clang-format off
static const struct adit_word dialin_words[] = {
    { "deny", ADIT_DIALIN_DENY, 0 }, { "allow", ADIT_DIALIN_ALLOW, 0 },
    { "policy", ADIT_DIALIN_POLICY, 0 }, { NULL, 0, 0 },
};

/* dial-in is denied unless the file says otherwise: an account that somebody
 * adds for another purpose, or half fills in, must not open the network. */
static const struct adit_opt row_opts[] = {
    ADIT_OPT(STR, users_row, name, "name", NULL, ADIT_OPT_REQUIRED, "The user's name, without a domain."),
    ADIT_OPT(STR, users_row, nt_hash, "nt-hash", NULL, ADIT_OPT_SECRET, "NT hash of the password, 32 hex digits: for MS-CHAP. As good as the password itself."),
    ADIT_OPT(STR, users_row, password_hash, "password-hash", NULL, ADIT_OPT_SECRET, "Strong hash of the password ($scrypt$...): for PAP."),
    ADIT_OPT(STR, users_row, clear, "clear", NULL, ADIT_OPT_SECRET, "The password in clear: only for CHAP-MD5, which cannot do without."),
    ADIT_OPT_WORDS(ENUM, users_row, dialin, "dial-in", dialin_words, "deny", 0, "allow, deny, or policy: the policies decide."),
    ADIT_OPT(STR, users_row, groups, "groups", NULL, ADIT_OPT_ARRAY, "Groups, for conditions of policies."),
    ADIT_OPT(STR, users_row, callers, "calling-station", NULL, ADIT_OPT_ARRAY, "Where the account may call from: calling numbers, or addresses where there are none; * and ? match any. None: anywhere."),
    ADIT_OPT(ADDR, users_row, address, "address", NULL, 0, "The user's fixed address."),
    ADIT_OPT(PREFIX, users_row, ipv6_prefix, "ipv6-prefix", NULL, 0, "The IPv6 network of the user's link, 64 bits long as a rule."),
    ADIT_OPT(PREFIX, users_row, delegated_prefix, "delegated-prefix", NULL, 0, "The IPv6 network that the user's router may delegate (DHCPv6)."),
    ADIT_OPT(PREFIX, users_row, routes, "routes", NULL, ADIT_OPT_ARRAY, "Networks behind the user."),
    ADIT_OPT(STR, users_row, expires, "expires", NULL, 0, "The last day of the account (2026-12-31), a time (2026-12-31 18:00), or seconds since 1970."),
    ADIT_OPT(U32, users_row, session_limit, "session-limit", NULL, 0, "Sessions at once; 0: no limit."),
    ADIT_OPT(STR, users_row, filter[0], "filter-in", NULL, 0, "Packet filter (section `filters`) of what comes from the user."),
    ADIT_OPT(STR, users_row, filter[1], "filter-out", NULL, 0, "Packet filter of what goes to the user."),
    ADIT_OPT(BOOL, users_row, disabled, "disabled", "no", 0, "The account is switched off."),
    ADIT_OPT(BOOL, users_row, must_change, "must-change", "no", 0, "The password must be changed at the next login."),
    ADIT_OPT(STR, users_row, comment, "comment", NULL, 0, "For people."),
    ADIT_OPT(LINE, users_row, line, "line", NULL, 0, "Where it stands."),
    ADIT_OPT_END
};

const struct adit_opt users_opts[] = {
    ADIT_OPT_SUB(users_file, users, "users", users_row, row_opts, ADIT_OPT_ARRAY, "The accounts."),
    ADIT_OPT_END
};
// clang-format on

struct slot {
    struct adit_entry entry;    /* in the index, by lower-case name */
    struct user *user;
};

struct users {
    struct slot **slots;        /* in the file's order */
    uint32_t count, room;
    struct adit_table index;
};

const char *user_dialin_name(uint32_t dialin)
{
    for (const struct adit_word *w = dialin_words; w->word; w++)
        if (w->value == dialin)
            return w->word;
    return "deny";
}

/* ---- what may stand in an account ------------------------------------------------- */

/* The bytes of the UTF-8 character at p (RFC 3629), 0: none. */
static uint32_t utf8_len(const uint8_t *p)
{
    uint32_t n = p[0] < 0x80 ? 1 : p[0] >= 0xc2 && p[0] < 0xe0 ? 2 :
                 p[0] >= 0xe0 && p[0] < 0xf0 ? 3 : p[0] >= 0xf0 && p[0] < 0xf5 ? 4 : 0;
    for (uint32_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return n;
}

bool user_text_ok(const char *text)
{
    const uint8_t *p = (const uint8_t *)text;
    while (*p) {
        uint32_t n = utf8_len(p);
        /* C0, DEL and C1 controls: they would lie to who looks at a list */
        if (n == 0 || *p < 0x20 || *p == 0x7f || (n == 2 && p[0] == 0xc2 && p[1] < 0xa0))
            return false;
        for (; n; n--)
            p++;
    }
    return true;
}

bool user_name_ok(const char *name, const char **err)
{
    *err = NULL;
    if (!name || !name[0])
        *err = "a name is needed";
    else if (strlen(name) > USERS_NAME_MAX)
        *err = "the name is longer than 255 bytes";
    else if (!user_text_ok(name))
        *err = "the name must be UTF-8 without control characters";
    else if (name[0] == ' ' || name[strlen(name) - 1] == ' ')
        *err = "the name must not begin or end with a blank";
    return *err == NULL;
}

static bool digits_read(const char **at, uint32_t n, uint32_t *out)
{
    for (*out = 0; n; n--, ++*at) {
        if (**at < '0' || **at > '9')
            return false;
        *out = *out * 10 + (uint32_t)(**at - '0');
    }
    return true;
}

bool user_expires_parse(const char *text, uint64_t *out)
{
    uint32_t y, m, d, hour = 0, minute = 0;
    const char *at = text;
    size_t digits = strspn(text, "0123456789");

    if (digits > 0 && text[digits] == '\0') {
        *out = digits <= 12 ? strtoull(text, NULL, 10) : 0;
        return *out != 0;
    }
    if (!digits_read(&at, 4, &y) || *at++ != '-' || !digits_read(&at, 2, &m) || *at++ != '-' ||
        !digits_read(&at, 2, &d) || y < 1970 || m < 1 || m > 12 || d < 1 || d > 31)
        return false;
    bool day = *at == '\0';
    if (!day && (*at++ != ' ' || !digits_read(&at, 2, &hour) || *at++ != ':' ||
                 !digits_read(&at, 2, &minute) || *at != '\0' || hour > 23 || minute > 59))
        return false;
    struct tm tm = { .tm_year = (int)y - 1900, .tm_mon = (int)m - 1, .tm_mday = (int)d,
                     .tm_hour = 12, .tm_isdst = -1 };
    /* At noon no change of the clocks can move the day: 30 February does. */
    if (mktime(&tm) == (time_t)-1 || tm.tm_mday != (int)d || tm.tm_mon != (int)m - 1)
        return false;
    tm = (struct tm){ .tm_year = (int)y - 1900, .tm_mon = (int)m - 1, .tm_mday = (int)d + (day ? 1 : 0),
                      .tm_hour = (int)hour, .tm_min = (int)minute, .tm_isdst = -1 };
    time_t t = mktime(&tm);
    if (t <= 0)
        return false;
    *out = (uint64_t)t;
    return true;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 :
           c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool user_nt_parse(const char *hex, uint8_t out[16])
{
    if (strlen(hex) != 32)
        return false;
    for (size_t i = 0; i < 16; i++) {
        int hi = hex_digit(hex[2 * i]), lo = hex_digit(hex[2 * i + 1]);
        if (hi < 0 || lo < 0)
            return false;
        out[i] = (uint8_t)(hi << 4 | lo);
    }
    return true;
}

/* ---- one account ------------------------------------------------------------------- */

static void wipe_free(char *s)
{
    if (s)
        bytes_wipe(s, strlen(s));
    free(s);
}

bool user_str(char **at, const char *text)
{
    char *copy = NULL;
    if (text && text[0] && !(copy = strdup(text)))
        return false;
    wipe_free(*at);
    *at = copy;
    return true;
}

static void texts_free(char **texts, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        free(texts[i]);
    free(texts);
}

static bool texts_set(char ***at, uint32_t *count, const char *const *texts, uint32_t n)
{
    char **copy = NULL;
    if (n && !(copy = calloc(n, sizeof *copy)))
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (!(copy[i] = strdup(texts[i]))) {
            texts_free(copy, n);
            return false;
        }
    texts_free(*at, *count);
    *at = copy;
    *count = n;
    return true;
}

bool user_groups(struct user *u, const char *const *groups, uint32_t n)
{
    return texts_set(&u->groups, &u->group_count, groups, n);
}

bool user_callers(struct user *u, const char *const *callers, uint32_t n)
{
    return texts_set(&u->callers, &u->caller_count, callers, n);
}

bool user_routes(struct user *u, const struct adit_addr *routes, uint32_t n)
{
    struct adit_addr *copy = NULL;
    if (n && !(copy = calloc(n, sizeof *copy)))
        return false;
    for (uint32_t i = 0; i < n; i++)
        copy[i] = routes[i];
    free(u->routes);
    u->routes = copy;
    u->route_count = n;
    return true;
}

struct user *user_new(const char *name)
{
    struct user *u = calloc(1, sizeof *u);
    if (u && !(u->name = strdup(name))) {
        free(u);
        return NULL;
    }
    if (u)
        u->dialin = ADIT_DIALIN_DENY;
    return u;
}

void user_free(struct user *u)
{
    if (!u)
        return;
    free(u->name);
    wipe_free(u->password_hash);
    wipe_free(u->clear);
    texts_free(u->groups, u->group_count);
    texts_free(u->callers, u->caller_count);
    free(u->routes);
    free(u->expires);
    free(u->comment);
    free(u->filter[0]);
    free(u->filter[1]);
    bytes_wipe(u, sizeof *u);
    free(u);
}

/* ---- all accounts ------------------------------------------------------------------- */

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

/* Which chain is decided by the names of our own file: no seed is needed. */
static uint32_t name_hash(const char *name)
{
    char text[USERS_NAME_MAX];
    size_t n = 0;
    for (; name[n] && n < sizeof text; n++)
        text[n] = lower(name[n]);
    return adit_hash_of(text, n, 0);
}

struct users *users_new(void)
{
    return calloc(1, sizeof(struct users));
}

void users_free(struct users *us)
{
    if (!us)
        return;
    adit_table_fini(&us->index);
    for (uint32_t i = 0; i < us->count; i++) {
        user_free(us->slots[i]->user);
        free(us->slots[i]);
    }
    free(us->slots);
    free(us);
}

uint32_t users_count(const struct users *us)
{
    return us->count;
}

struct user *users_at(const struct users *us, uint32_t i)
{
    return us->slots[i]->user;
}

struct user *users_find_exact(const struct users *us, const char *name)
{
    const struct adit_entry *e = adit_table_first(&us->index, name_hash(name));
    for (; e; e = adit_table_next(&us->index, e)) {
        struct user *u = ADIT_OF(e, struct slot, entry)->user;
        if (strcmp(u->name, name) == 0)
            return u;
    }
    return NULL;
}

struct user *users_find(const struct users *us, const char *name)
{
    struct user *found = users_find_exact(us, name);
    if (found)
        return found;
    const struct adit_entry *e = adit_table_first(&us->index, name_hash(name));
    for (; e; e = adit_table_next(&us->index, e)) {
        struct user *u = ADIT_OF(e, struct slot, entry)->user;
        if (strcasecmp(u->name, name) != 0)
            continue;
        if (found)
            return NULL;        /* Anna and ANNA: anna could be either */
        found = u;
    }
    return found;
}

static bool room_make(struct users *us)
{
    if (us->count < us->room)
        return true;
    uint32_t room = us->room ? us->room * 2 : 16;
    struct slot **slots = realloc(us->slots, room * sizeof(struct slot *));
    if (!slots)
        return false;
    us->slots = slots;
    us->room = room;
    return true;
}

int32_t users_add_take(struct users *us, struct user *u)
{
    if (users_find_exact(us, u->name))
        return ADIT_EEXIST;
    if (us->count == USERS_MAX)
        return ADIT_ENOSPC;
    struct slot *slot = calloc(1, sizeof *slot);
    if (!slot || !room_make(us)) {
        free(slot);
        return ADIT_ENOMEM;
    }
    slot->user = u;
    us->slots[us->count++] = slot;
    adit_table_add(&us->index, name_hash(u->name), &slot->entry);
    return 0;
}

void users_del(struct users *us, struct user *u)
{
    for (uint32_t i = 0; i < us->count; i++) {
        struct slot *slot = us->slots[i];
        if (slot->user != u)
            continue;
        adit_table_del(&us->index, &slot->entry);
        us->count--;
        memmove(&us->slots[i], &us->slots[i + 1], (us->count - i) * sizeof us->slots[0]);
        user_free(u);
        free(slot);
        return;
    }
}

/* ---- from options -------------------------------------------------------------------- */

ADIT_PRINTF(3, 4) static int32_t wrong(char err[USERS_ERR], const char *name, const char *fmt, ...)
{
    va_list ap;
    int n = snprintf(err, USERS_ERR, "user '%.64s': ", name);
    va_start(ap, fmt);
    vsnprintf(err + n, USERS_ERR - (size_t)n, fmt, ap);
    va_end(ap);
    return ADIT_ECONF;
}

static bool given(const char *s)
{
    return s && s[0];
}

static const void *item(const struct adit_array *a, uint32_t i)
{
    return (const char *)a->items + (size_t)i * a->stride;
}

static int32_t row_fill(const struct users_row *r, struct user *u, char err[USERS_ERR])
{
    if (given(r->nt_hash)) {
        if (!user_nt_parse(r->nt_hash, u->nt_hash))
            return wrong(err, r->name, "nt-hash must be 32 hex digits; set the password anew with "
                         "adit user passwd");
        u->has_nt = true;
    }
    if (given(r->password_hash) && strncmp(r->password_hash, "$scrypt$", 8) != 0)
        return wrong(err, r->name, "password-hash is of an unknown kind; set the password anew with "
                     "adit user passwd");
    if (given(r->expires) && !user_expires_parse(r->expires, &u->expiry_s))
        return wrong(err, r->name, "expires: '%.40s' is not a date like 2026-12-31, a time like "
                     "'2026-12-31 18:00', or seconds since 1970", r->expires);
    if (r->address.family != ADIT_AF_NONE && r->address.family != ADIT_AF_IPV4)
        return wrong(err, r->name, "address: an IPv4 address is needed");
    if (r->ipv6_prefix.family == ADIT_AF_IPV4 || r->delegated_prefix.family == ADIT_AF_IPV4)
        return wrong(err, r->name, "ipv6-prefix and delegated-prefix: an IPv6 network is needed");
    if ((given(r->comment) && !user_text_ok(r->comment)) || (given(r->clear) && !user_text_ok(r->clear)))
        return wrong(err, r->name, "comment and clear must be without control characters");
    for (int k = 0; k < 2; k++)
        if (given(r->filter[k]) && !user_text_ok(r->filter[k]))
            return wrong(err, r->name, "filter-in and filter-out must be without control characters");
    u->dialin = r->dialin;
    u->session_limit = r->session_limit;
    u->address = r->address;
    u->ipv6_prefix = r->ipv6_prefix;
    u->delegated_prefix = r->delegated_prefix;
    u->disabled = r->disabled != 0;
    u->must_change = r->must_change != 0;
    u->line = r->line;
    bool ok = user_str(&u->password_hash, r->password_hash) && user_str(&u->clear, r->clear) &&
              user_str(&u->expires, r->expires) && user_str(&u->comment, r->comment) &&
              user_str(&u->filter[0], r->filter[0]) && user_str(&u->filter[1], r->filter[1]);

    const struct {
        const char *option;
        const struct adit_array *from;
        bool (*set)(struct user *u, const char *const *texts, uint32_t n);
    } lists[] = {
        { "groups", &r->groups, user_groups }, { "calling-station", &r->callers, user_callers },
    };
    for (size_t k = 0; ok && k < sizeof lists / sizeof lists[0]; k++) {
        uint32_t n = lists[k].from->count;
        const char **texts = n ? calloc(n, sizeof *texts) : NULL;
        ok = !n || texts;
        for (uint32_t i = 0; ok && i < n; i++) {
            memcpy(&texts[i], item(lists[k].from, i), sizeof texts[i]);
            if (!given(texts[i]) || !user_text_ok(texts[i])) {
                free(texts);
                return wrong(err, r->name, "%s: entry %u is empty or has control characters",
                             lists[k].option, i + 1);
            }
        }
        ok = ok && lists[k].set(u, texts, n);
        free(texts);
    }
    if (ok && r->routes.count) {
        struct adit_addr *routes = calloc(r->routes.count, sizeof *routes);
        ok = routes != NULL;
        for (uint32_t i = 0; ok && i < r->routes.count; i++)
            memcpy(&routes[i], item(&r->routes, i), sizeof routes[i]);
        ok = ok && user_routes(u, routes, r->routes.count);
        free(routes);
    }
    if (!ok) {
        snprintf(err, USERS_ERR, "out of memory");
        return ADIT_ENOMEM;
    }
    return 0;
}

int32_t users_of_file(const struct users_file *f, struct users **out, char err[USERS_ERR])
{
    struct users *us = users_new();
    int32_t rc = us ? 0 : ADIT_ENOMEM;
    snprintf(err, USERS_ERR, "out of memory");
    for (uint32_t i = 0; rc == 0 && i < f->users.count; i++) {
        const struct users_row *r = item(&f->users, i);
        const char *why;
        struct user *u = NULL;
        if (!user_name_ok(r->name, &why)) {
            snprintf(err, USERS_ERR, "account %u: %s", i + 1, why);
            rc = ADIT_ECONF;
        } else if (!(u = user_new(r->name))) {
            rc = ADIT_ENOMEM;
        } else if ((rc = row_fill(r, u, err)) == 0 && (rc = users_add_take(us, u)) != 0) {
            if (rc == ADIT_EEXIST)
                rc = wrong(err, r->name, "the name is there twice; remove one of them");
            else if (rc == ADIT_ENOSPC)
                snprintf(err, USERS_ERR, "more than %u accounts", USERS_MAX);
        }
        if (rc != 0)
            user_free(u);
    }
    if (rc != 0) {
        users_free(us);
        return rc;
    }
    *out = us;
    return 0;
}

/* ---- to text --------------------------------------------------------------------------- */

/* Text that grows. Its old copies held secrets: they are wiped. */
struct text {
    char *p;
    size_t len, size;
    bool failed;
};

static void put_bytes(struct text *t, const char *s, size_t n)
{
    if (t->failed)
        return;
    if (n >= t->size - t->len) {
        size_t size = (t->len + n + 4096) * 2;
        char *p = malloc(size);
        if (!p) {
            t->failed = true;
            return;
        }
        if (t->p) {
            memcpy(p, t->p, t->len);
            bytes_wipe(t->p, t->len);
            free(t->p);
        }
        t->p = p;
        t->size = size;
    }
    memcpy(t->p + t->len, s, n);
    t->len += n;
    t->p[t->len] = '\0';
}

static void put(struct text *t, const char *s)
{
    put_bytes(t, s, strlen(s));
}

/* Always in double quotes: no text can be taken for something else of YAML. */
static void put_quoted(struct text *t, const char *s)
{
    /* line ends of YAML 1.1 and the byte order mark */
    static const struct { const char *raw, *escape; } special[] = {
        { "\xe2\x80\xa8", "\\u2028" }, { "\xe2\x80\xa9", "\\u2029" }, { "\xef\xbb\xbf", "\\ufeff" },
    };
    put(t, "\"");
    while (*s) {
        size_t i = 0, n = sizeof special / sizeof special[0];
        while (i < n && strncmp(s, special[i].raw, 3) != 0)
            i++;
        if (i < n) {
            put(t, special[i].escape);
            s += 3;
            continue;
        }
        if (*s == '"' || *s == '\\')
            put(t, "\\");
        put_bytes(t, s++, 1);
    }
    put(t, "\"");
}

static void put_field(struct text *t, const char *key, const char *value)
{
    if (!value || !value[0])
        return;
    put(t, "    ");
    put(t, key);
    put(t, ": ");
    put_quoted(t, value);
    put(t, "\n");
}

static void put_addr(struct text *t, const struct adit_addr *a, bool net)
{
    char s[64];
    struct rd r = rd_of(a->ip, sizeof a->ip);
    if (a->family == ADIT_AF_IPV4) {
        snprintf(s, sizeof s, "%u.%u.%u.%u", a->ip[0], a->ip[1], a->ip[2], a->ip[3]);
        put(t, s);
    } else {
        for (uint32_t i = 0; i < 8; i++) {
            snprintf(s, sizeof s, "%s%x", i ? ":" : "", rd_u16(&r));
            put(t, s);
        }
    }
    if (net) {
        snprintf(s, sizeof s, "/%u", a->prefix);
        put(t, s);
    }
}

static void put_network(struct text *t, const char *field, const struct adit_addr *net)
{
    if (net->family == ADIT_AF_NONE)
        return;
    put(t, "    ");
    put(t, field);
    put(t, ": \"");
    put_addr(t, net, true);
    put(t, "\"\n");
}

static void put_texts(struct text *t, const char *field, char *const *texts, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        put(t, i ? ", " : "    ");
        if (!i) {
            put(t, field);
            put(t, ": [");
        }
        put_quoted(t, texts[i]);
    }
    put(t, n ? "]\n" : "");
}

static void put_user(struct text *t, const struct user *u)
{
    char s[48];
    put(t, "  - name: ");
    put_quoted(t, u->name);
    put(t, "\n    dial-in: ");
    put(t, user_dialin_name(u->dialin));
    put(t, "\n");
    if (u->has_nt) {
        for (size_t i = 0; i < 16; i++)
            snprintf(s + 2 * i, 3, "%02x", u->nt_hash[i]);
        put_field(t, "nt-hash", s);
        bytes_wipe(s, sizeof s);
    }
    put_field(t, "password-hash", u->password_hash);
    put_field(t, "clear", u->clear);
    put_texts(t, "groups", u->groups, u->group_count);
    put_texts(t, "calling-station", u->callers, u->caller_count);
    if (u->address.family != ADIT_AF_NONE) {
        put(t, "    address: \"");
        put_addr(t, &u->address, false);
        put(t, "\"\n");
    }
    put_network(t, "ipv6-prefix", &u->ipv6_prefix);
    put_network(t, "delegated-prefix", &u->delegated_prefix);
    if (u->route_count) {
        put(t, "    routes: [");
        for (uint32_t i = 0; i < u->route_count; i++) {
            put(t, i ? ", \"" : "\"");
            put_addr(t, &u->routes[i], true);
            put(t, "\"");
        }
        put(t, "]\n");
    }
    put_field(t, "expires", u->expires);
    if (u->session_limit) {
        snprintf(s, sizeof s, "    session-limit: %u\n", u->session_limit);
        put(t, s);
    }
    put_field(t, "filter-in", u->filter[0]);
    put_field(t, "filter-out", u->filter[1]);
    if (u->disabled)
        put(t, "    disabled: yes\n");
    if (u->must_change)
        put(t, "    must-change: yes\n");
    put_field(t, "comment", u->comment);
}

char *users_text(const struct users *us, size_t *len)
{
    struct text t = { NULL, 0, 0, false };
    put(&t, us->count ? "users:\n" : "users: []\n");
    for (uint32_t i = 0; i < us->count; i++)
        put_user(&t, users_at(us, i));
    if (t.failed) {
        users_text_free(t.p, t.len);
        return NULL;
    }
    *len = t.len;
    return t.p;
}

void users_text_free(char *text, size_t len)
{
    if (text)
        bytes_wipe(text, len);
    free(text);
}
