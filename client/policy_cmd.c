/* policy_cmd.c - `adit policy`: the policies of policy-access, shown, tried and edited.
 *
 * Knows:  arguments, which option is which condition or setting, what is said about it.
 * Leaves: the file's text to policy_edit.c, what a policy means to the plugin's options,
 *         decisions to the daemon.
 *
 * Options are made from the plugin's own tables: `--group` is `when.groups`,
 * `--unless-group` is `unless.groups`, `--idle-timeout` is `profile.idle-timeout`, and
 * `--permit-method` is `profile.methods`, where a condition has that name, too.
 */
#include "adit.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <adit/attr.h>
#include <adit/auth.h>
#include "base/addr.h"
#include "config/conf.h"
#include "policy_edit.h"
#include "when.h"

static const char usage[] =
    "usage: adit policy list\n"
    "       adit policy explain [facts]\n"
    "       adit policy add NAME [--grant|--deny] [conditions] [settings] [place]\n"
    "       adit policy move NAME place\n"
    "       adit policy remove NAME\n"
    "\n"
    "  conditions; all must match, of one that is repeated any\n"
    "  --user NAME --group NAME --domain NAME --protocol pptp|l2tp --tunnel NAME\n"
    "  --client-address NETWORK --called-address NETWORK --calling-station TEXT\n"
    "  --called-station TEXT --client-name TEXT --ipsec-identity TEXT --method METHOD\n"
    "  --authenticator NAME --secured[=yes|no] --hours 'mon-fri 08:00-18:00'\n"
    "  --unless-CONDITION      the same ones, none of which may match: --unless-group guests\n"
    "\n"
    "  settings of the profile\n"
    "  --permit-method METHOD --permit-hours SPAN --permit-protocol NAME\n"
    "  --permit-client-address NETWORK --permit-calling-station TEXT\n"
    "  --permit-called-station TEXT --permit-secured[=yes|no]\n"
    "  --encryption none|40|56|128 --idle-timeout TIME --session-timeout TIME\n"
    "  --session-limit N --pool NAME --address A --mtu N --dns A --wins A\n"
    "  --filter-in NAME --filter-out NAME --rate-in KBITS --rate-out KBITS\n"
    "  --route NETWORK --push-route NETWORK --dns-domain NAME\n"
    "  --ignore-account        the account's own properties are not looked at\n"
    "\n"
    "  place: --first, --last (before the default policy), --before NAME, --after NAME\n"
    "  --config FILE --engine NAME --no-reload\n"
    "\n"
    "  facts: the conditions' options, --dial-in allow|deny|policy, --at TIME,\n"
    "         --account-address A, --account-calling-station TEXT\n";

/* ---- options from tables --------------------------------------------------------------- */

enum section { WHEN, UNLESS, PROFILE, SECTIONS };
static const char *const section_keys[SECTIONS] = { "when", "unless", "profile" };

static const struct adit_opt *row_of(const struct adit_opt *table, const char *name)
{
    for (; table && table->name; table++)
        if (!strcmp(table->name, name))
            return table;
    return NULL;
}

static const struct adit_opt *policy_rows(void)
{
    return row_of(access_file_opts, "policies")->table;
}

static const struct adit_opt *section_rows(enum section s)
{
    return row_of(policy_rows(), section_keys[s])->table;
}

/* "group" is `groups`, "client-address" is `client-addresses`, "ipsec-identity" ... */
static bool names(const struct adit_opt *o, const char *word)
{
    size_t n = strlen(word);
    if (!strncmp(o->name, word, n))
        return !o->name[n] || !strcmp(o->name + n, "s") || !strcmp(o->name + n, "es");
    return n > 1 && word[n - 1] == 'y' && !strncmp(o->name, word, n - 1) && !strcmp(o->name + n - 1, "ies");
}

static const struct adit_opt *named(enum section s, const char *word)
{
    for (const struct adit_opt *o = section_rows(s); o->name; o++)
        if (names(o, word))
            return o;
    return NULL;
}

/* The row that an option without its dashes means. */
static const struct adit_opt *option_row(const char *word, enum section *s)
{
    if (!strncmp(word, "unless-", 7))
        return named(*s = UNLESS, word + 7);
    if (!strncmp(word, "permit-", 7))   /* only where a condition has the short name */
        return named(WHEN, word + 7) ? named(*s = PROFILE, word + 7) : NULL;
    const struct adit_opt *o = named(*s = WHEN, word);
    return o ? o : named(*s = PROFILE, word);
}

/* A word that takes no value unless one stands behind an equals sign. */
static bool is_yes_no(const struct adit_opt *o)
{
    return !strcmp(o->name, "secured") || o->type == ADIT_OPT_BOOL;
}

/* One argument: "--name value", "--name=value", "--flag". */
struct arg {
    char word[64];              /* without its dashes */
    const char *value;          /* NULL: none yet */
};

static bool arg_begin(const char *text, struct arg *a)
{
    size_t n;
    if (strncmp(text, "--", 2) != 0 || (n = strcspn(text + 2, "=")) == 0 || n >= sizeof a->word)
        return false;
    memcpy(a->word, text + 2, n);
    a->word[n] = '\0';
    a->value = text[2 + n] ? text + 3 + n : NULL;
    return true;
}

static int no_value(const char *word)
{
    return complain("--%s: a value is needed", word);
}

static int unknown(const char *word)
{
    complain("there is no option --%s", word);
    return misuse(usage);
}

/* ---- a policy as text ------------------------------------------------------------------------ */

#define VALUES 512u

struct given {
    const struct adit_opt *row;
    enum section section;
    const char *value;
};

struct args {
    const char *name, *config, *engine, *before, *after;
    bool first, last, reload;
    int grant;                  /* -1: nothing */
    bool ignore_account;
    struct given given[VALUES];
    uint32_t count;
};

static bool plain(const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./");
    return n && !text[n] && text[0] != '-' && text[0] != '.' && strcasecmp(text, "null") != 0;
}

static bool put_value(FILE *f, const char *text)
{
    char quoted[2048];
    if (plain(text)) {
        fputs(text, f);
        return true;
    }
    size_t n = conf_quote(text, quoted, sizeof quoted);
    fputs(quoted, f);
    return n && n < sizeof quoted;
}

static bool put_row(FILE *f, const struct args *a, enum section s, const struct adit_opt *o)
{
    bool list = (o->flags & ADIT_OPT_ARRAY) || o->type == ADIT_OPT_FLAGS, good = true;
    uint32_t n = 0;
    for (uint32_t i = 0; i < a->count; i++) {
        if (a->given[i].row != o || a->given[i].section != s)
            continue;
        if (!n)
            fprintf(f, "  %s: %s", o->name, list ? "[" : "");
        else
            fputs(", ", f);
        const char *value = a->given[i].value;
        if (o->type == ADIT_OPT_FLAGS && value[0] && !value[strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789-,")])
            fputs(value, f);    /* "mschapv2,eap-tls" are two words */
        else
            good = put_value(f, value) && good;
        n++;
    }
    if (n)
        fputs(list ? "]\n" : "\n", f);
    return good;
}

/* The mapping, not indented; NULL after a sentence. To be freed. */
static char *item_text(const struct args *a)
{
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);
    if (!f)
        return complain("out of memory"), NULL;
    fputs("name: ", f);
    bool good = put_value(f, a->name);
    fputc('\n', f);
    for (enum section s = WHEN; s < SECTIONS; s++) {
        uint32_t n = 0;
        if (s == PROFILE) {
            fprintf(f, "permission: %s\n", a->grant == 1 ? "grant" : "deny");
            if (a->ignore_account)
                fputs("ignore-account: yes\n", f);
        }
        for (uint32_t i = 0; i < a->count; i++)
            n += a->given[i].section == s;
        if (!n)
            continue;
        fprintf(f, "%s:\n", section_keys[s]);
        for (const struct adit_opt *o = section_rows(s); o->name; o++)
            good = put_row(f, a, s, o) && good;
    }
    bool failed = fclose(f) != 0;
    if (!failed && good)
        return text;
    free(text);
    complain(failed ? "out of memory" : "policy '%s': names and texts must be UTF-8, at most 2000 bytes each",
             a->name);
    return NULL;
}

static void tell(void *u, const char *sentence)
{
    (void)u;
    complain("%s", sentence);
}

/* Whether the text is a policy; what is wrong is told with the option's name. */
static int item_check(const struct args *a, const char *text, struct pol_conf *out, struct conf_mem **mem)
{
    const struct conf_err err = { tell, NULL };
    char where[128], why[POL_ERR];
    struct pol_set *set;
    snprintf(where, sizeof where, "policy '%.63s'", a->name);
    struct conf_doc *d = conf_read_text(where, text, strlen(text), &err);
    int rc = d && conf_fill(conf_root(d), policy_rows(), sizeof(struct adit_opt), NULL, sizeof *out, out, mem,
                            &err) == 0 ? 0 : 1;
    conf_free(d);
    if (rc == 0 && pol_set_new(&(struct adit_array){ out, 1, sizeof *out }, &set, why) != 0)
        rc = complain("%s", why);
    else if (rc == 0)
        pol_set_free(set);
    return rc;
}

/* ---- the place -------------------------------------------------------------------------------- */

/* A policy in place `at` of `count` others (`skip` is not among them): it must be
 * reachable, and so must those behind it. */
static int reachable(const struct policy_edit *e, const char *name, bool everyone, uint32_t at, uint32_t skip)
{
    uint32_t n = 0, count = policy_edit_count(e);
    for (uint32_t i = 0; i < count; i++) {
        const struct pol_conf *c = policy_edit_at(e, i);
        if (i == skip)
            continue;
        if (n < at && pol_everyone(c))
            return complain("policy '%s' would never be looked at behind '%s', which has no conditions and "
                            "decides about everyone; put it before (--before '%s'), or give '%s' conditions",
                            name, c->name, c->name, c->name);
        if (n >= at && everyone)
            return complain("policy '%s' has no conditions and decides about everyone: '%s' behind it would "
                            "never be looked at; give it conditions, put it last, or remove '%s'", name,
                            c->name, c->name);
        n++;
    }
    return 0;
}

/* Where a policy is to stand among the others; `skip` is itself (UINT32_MAX: it is new). */
static int place_find(const struct policy_edit *e, const struct args *a, uint32_t skip, uint32_t *at)
{
    const char *other = a->before ? a->before : a->after;
    uint32_t count = policy_edit_count(e), i;
    if (a->first + a->last + (a->before != NULL) + (a->after != NULL) > 1)
        return complain("of --first, --last, --before and --after one is enough");
    if (other) {
        if (policy_edit_find(e, other, &i) != 0)
            return 1;
        if (i == skip)
            return complain("policy '%s' cannot stand beside itself", other);
        *at = (a->after ? i + 1 : i) - (skip < i);
        return 0;
    }
    *at = a->first ? 0 : count - (skip != UINT32_MAX);
    if (!a->first && count && skip != count - 1 && pol_everyone(policy_edit_at(e, count - 1)))
        --*at;                  /* the default policy stays last */
    return 0;
}

/* ---- after a change ------------------------------------------------------------------------------ */

static bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Written, told, and taken by the daemon whose configuration it is. */
static int finish(struct policy_edit *e, const struct args *a, const char *config, const char *done,
                  const char *note)
{
    char said[PATH_MAX + 512];
    json_t *reload = NULL;
    uint32_t at = 0;
    if (policy_edit_save(e) != 0)
        return 1;
    char *running = a->reload ? ask_config() : NULL;
    bool ours = running && same_file(running, config);
    free(running);
    if (ours && !(reload = ask_take("reload", NULL)))
        return complain("policy '%s' is %s in %s, and the daemon goes on with the policies that it had", a->name,
                        done, e->path);
    while (at < policy_edit_count(e) && strcasecmp(policy_edit_at(e, at)->name, a->name) != 0)
        at++;
    bool there = at < policy_edit_count(e);
    if (adit_options.json) {
        json_t *order = json_array();
        for (uint32_t i = 0; i < policy_edit_count(e); i++)
            json_array_append_new(order, json_string(policy_edit_at(e, i)->name));
        json_decref(reload);
        return json_take(json_pack("{s:s, s:s, s:s, s:o, s:o, s:b}", "policy", a->name, "done", done, "file",
                                   e->path, "order", there ? json_integer(at + 1) : json_null(), "policies",
                                   order, "reloaded", ours));
    }
    if (there)
        snprintf(said, sizeof said, "%s: %s in %s as number %u of %u", a->name, done, e->path, at + 1,
                 policy_edit_count(e));
    else
        snprintf(said, sizeof said, "%s: %s from %s", a->name, done, e->path);
    printf("%s%s%s\n", said, note, ours ? "; the daemon has taken it" : a->reload ?
           "; no daemon runs with this configuration" : "");
    json_decref(reload);
    return 0;
}

/* ---- add, move, remove ----------------------------------------------------------------------------- */

static int args_value(struct args *a, const struct adit_opt *o, enum section s, const char *value)
{
    for (uint32_t i = 0; i < a->count; i++)
        if (a->given[i].row == o && a->given[i].section == s && !(o->flags & ADIT_OPT_ARRAY) &&
            o->type != ADIT_OPT_FLAGS)
            return complain("%s.%s is given twice; it takes one value", section_keys[s], o->name);
    if (a->count == VALUES)
        return complain("more than %u values are given; write them into the file", VALUES);
    a->given[a->count++] = (struct given){ o, s, value };
    return 0;
}

static bool flag_of(struct args *a, const char *word)
{
    if (!strcmp(word, "grant") || !strcmp(word, "deny"))
        a->grant = word[0] == 'g';
    else if (!strcmp(word, "first"))
        a->first = true;
    else if (!strcmp(word, "last"))
        a->last = true;
    else if (!strcmp(word, "no-reload"))
        a->reload = false;
    else if (!strcmp(word, "ignore-account"))
        a->ignore_account = true;
    else
        return false;
    return true;
}

static const char **text_of(struct args *a, const char *word)
{
    return !strcmp(word, "config") ? &a->config : !strcmp(word, "engine") ? &a->engine :
           !strcmp(word, "before") ? &a->before : !strcmp(word, "after") ? &a->after : NULL;
}

/* "adit policy VERB NAME options"; 0, or the exit status after something was said. */
static int args_parse(int argc, char **argv, bool settings, struct args *a)
{
    *a = (struct args){ .grant = -1, .reload = true };
    for (int i = 2; i < argc; i++) {
        struct arg one;
        enum section s;
        if (!arg_begin(argv[i], &one)) {
            if (a->name || argv[i][0] == '-')
                return complain("'%s' is one name too many", argv[i]), misuse(usage);
            a->name = argv[i];
            continue;
        }
        if (!one.value && flag_of(a, one.word))
            continue;
        const char **text = text_of(a, one.word);
        const struct adit_opt *o = text || !settings ? NULL : option_row(one.word, &s);
        if (!text && !o)
            return unknown(one.word);
        if (!one.value && o && is_yes_no(o))
            one.value = "yes";
        else if (!one.value && ++i == argc)
            return no_value(one.word);
        else if (!one.value)
            one.value = argv[i];
        if (text)
            *text = one.value;
        else if (args_value(a, o, s, one.value) != 0)
            return 1;
    }
    if (!a->name)
        return complain("name the policy"), misuse(usage);
    if (!settings && (a->grant >= 0 || a->ignore_account))
        return unknown(a->grant >= 0 ? "grant" : "ignore-account");
    return 0;
}

/* The daemon's own configuration, or the usual one, or what --config says. */
static int config_find(const struct args *a, char out[PATH_MAX])
{
    char *running = a->config ? NULL : ask_config();
    const char *dir = a->config ? a->config : running ? running : ADIT_CONF_DIR;
    struct stat st;
    bool folder = stat(dir, &st) != 0 || S_ISDIR(st.st_mode);
    int n = snprintf(out, PATH_MAX, "%s%s", dir, folder ? "/aditd.yaml" : "");
    bool guessed = !a->config && !running && adit_options.chosen;
    free(running);
    if (guessed)
        return complain("%s: no daemon answers there that could tell its configuration; name it with --config",
                        adit_options.socket);
    return n > 0 && n < PATH_MAX ? 0 : complain("%s: the name is too long", dir);
}

static int verb_add(struct policy_edit *e, const struct args *a, const char *config)
{
    struct pol_conf c;
    struct conf_mem *mem = NULL;
    uint32_t at = 0;
    if (a->grant < 0)
        return complain("policy '%s': say --grant or --deny", a->name);
    for (uint32_t i = 0; i < policy_edit_count(e); i++)
        if (!strcasecmp(policy_edit_at(e, i)->name, a->name))
            return complain("policy '%s' is there already, as number %u; remove it first, or edit %s", a->name,
                            i + 1, e->path);
    char *text = item_text(a);
    int rc = text ? item_check(a, text, &c, &mem) : 1;
    if (rc == 0)
        rc = place_find(e, a, UINT32_MAX, &at);
    if (rc == 0)
        rc = reachable(e, a->name, pol_everyone(&c), at, UINT32_MAX);
    if (rc == 0)
        rc = policy_edit_add(e, text, at);
    conf_mem_free(mem);
    free(text);
    return rc != 0 ? rc : finish(e, a, config, "added", "");
}

static int verb_move(struct policy_edit *e, const struct args *a, const char *config)
{
    uint32_t i, to;
    if (!a->first && !a->last && !a->before && !a->after)
        return complain("policy '%s': say where to: --first, --last, --before NAME or --after NAME", a->name);
    if (policy_edit_find(e, a->name, &i) != 0 || place_find(e, a, i, &to) != 0 ||
        reachable(e, a->name, pol_everyone(policy_edit_at(e, i)), to, i) != 0)
        return 1;
    if (i != to && policy_edit_move(e, i, to) != 0)
        return 1;
    return finish(e, a, config, "moved", i == to ? " (where it stood)" : "");
}

static int verb_remove(struct policy_edit *e, const struct args *a, const char *config)
{
    uint32_t i;
    if (policy_edit_find(e, a->name, &i) != 0)
        return 1;
    bool everyone = pol_everyone(policy_edit_at(e, i));
    if (policy_edit_remove(e, i) != 0)
        return 1;
    return finish(e, a, config, "removed", !policy_edit_count(e) ? "; no policy is left: everybody is denied" :
                  everyone ? "; who matches no policy is denied" : "");
}

static int edit(int argc, char **argv, bool settings,
                int (*verb)(struct policy_edit *e, const struct args *a, const char *config))
{
    struct args *a = malloc(sizeof *a);
    struct policy_edit e;
    char config[PATH_MAX];
    int rc = a ? args_parse(argc, argv, settings, a) : complain("out of memory");
    if (rc == 0)
        rc = config_find(a, config);
    if (rc == 0) {
        rc = policy_edit_open(&e, config, a->engine);
        if (rc == 0)
            rc = verb(&e, a, config);
        policy_edit_close(&e);
    }
    free(a);
    return rc;
}

/* ---- explain ------------------------------------------------------------------------------------------ */

/* Each condition's attribute; `hours` is --at. */
static const struct { const char *word, *attribute; bool many; } facts[] = {
    { "user", "user", false },                   { "group", "group", true },
    { "domain", "domain", false },               { "protocol", "protocol", false },
    { "tunnel", "tunnel", false },               { "client-address", "peer", false },
    { "called-address", "our", false },          { "calling-station", "calling-station", false },
    { "called-station", "called-station", false }, { "client-name", "peer-host", false },
    { "ipsec-identity", "peer-identity", false }, { "authenticator", "authenticator", false },
    { "account-address", "address", false },     { "account-calling-station", "caller", true },
    { "peer", "peer", false },                   { "called", "our", false },
};

static int fact_word(json_t *o, const char *word, const char *value)
{
    static const struct adit_word methods[] = { ADIT_AUTH_WORDS, { NULL, 0, 0 } },
        dialin[] = { { "policy", ADIT_DIALIN_POLICY, 0 }, { "allow", ADIT_DIALIN_ALLOW, 0 },
                     { "deny", ADIT_DIALIN_DENY, 0 }, { NULL, 0, 0 } };
    bool method = !strcmp(word, "method");
    const struct adit_word *w = method ? methods : dialin;
    while (w->word && strcmp(w->word, value) != 0)
        w++;
    if (!w->word)
        return complain(method ? "--method: '%s' is no method; one of pap, chap, mschapv1, mschapv2, eap-md5, "
                                 "eap-mschapv2, eap-tls, eap"
                               : "--dial-in: '%s' is none of allow, deny, policy", value);
    json_object_set_new(o, method ? "method" : "dialin", json_integer((json_int_t)w->value));
    return 0;
}

/* 0, 1 after a sentence, 2 after the usage. */
static int fact_put(json_t *o, const char *word, const char *value)
{
    int64_t ms;
    struct adit_addr addr;
    if (!strcmp(word, "method") || !strcmp(word, "dial-in"))
        return fact_word(o, word, value);
    if (!strcmp(word, "at")) {
        if (!when_parse(value, time(NULL), false, &ms))
            return complain("--at: '%s' is no time; for instance %s", value, WHEN_FORMS);
        json_object_set_new(o, "at", json_integer(ms / 1000));
        return 0;
    }
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
        if (strcmp(word, facts[i].word) != 0)
            continue;
        bool address = !strcmp(facts[i].attribute, "peer") || !strcmp(facts[i].attribute, "our") ||
                       !strcmp(facts[i].attribute, "address");
        if (address && conf_parse_addr(value, &addr) != 0)
            return complain("--%s: '%s' is no address", word, value);
        json_t *text = json_string(value);
        if (!text)
            return complain("--%s: the value is not UTF-8", word);
        if (!facts[i].many) {
            json_object_set_new(o, facts[i].attribute, text);
            return 0;
        }
        if (!json_object_get(o, facts[i].attribute))
            json_object_set_new(o, facts[i].attribute, json_array());
        json_array_append_new(json_object_get(o, facts[i].attribute), text);
        return 0;
    }
    return unknown(word);
}

static void put_missing(json_t *o, const char *key, json_t *value_taken)
{
    if (!json_object_get(o, key))
        json_object_set(o, key, value_taken);
    json_decref(value_taken);
}

/* What a login would have: the account and the domain of DOMAIN\user or user@domain, and
 * addresses for numbers where calls have none. */
static void facts_complete(json_t *o)
{
    const char *user = json_string_value(json_object_get(o, "user"));
    if (user) {
        const char *back = strchr(user, '\\'), *at = strrchr(user, '@');
        const char *name = back ? back + 1 : user;
        put_missing(o, "account", json_stringn(name, !back && at && at != user ? (size_t)(at - name)
                                                                               : strlen(name)));
        if (back)
            put_missing(o, "domain", json_stringn(user, (size_t)(back - user)));
        else if (at && at != user)
            put_missing(o, "domain", json_string(at + 1));
    }
    static const struct { const char *address, *number; } calls[] = {
        { "peer", "calling-station" }, { "our", "called-station" },
    };
    for (size_t i = 0; i < 2; i++) {
        const char *text = json_string_value(json_object_get(o, calls[i].address));
        struct adit_addr addr;
        char host[ADDR_TEXT];
        if (text && conf_parse_addr(text, &addr) == 0)
            put_missing(o, calls[i].number, json_string(addr_text_host(&addr, host)));
    }
}

static const char *str(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

static void print_clean(const char *format, const char *text)
{
    char *clean = show_clean(text);
    printf(format, clean ? clean : "");
    free(clean);
}

/* ---- what is shown ------------------------------------------------------------------------------- */

static void explain_policy(json_t *p)
{
    size_t i;
    json_t *c;
    bool decides = json_is_true(json_object_get(p, "decides"));
    printf("%s%2lld ", decides ? "=> " : "   ", (long long)json_integer_value(json_object_get(p, "order")));
    print_clean("%s", str(p, "name"));
    puts(decides ? ": matches, and decides" : json_is_true(json_object_get(p, "matches")) ?
         ": matches, but one before it decides" : ": does not match");
    json_array_foreach (json_object_get(p, "conditions"), i, c) {
        bool matched = json_is_true(json_object_get(c, "matched"));
        printf("        %s ", matched ? "ok" : "no");
        if (matched) {
            print_clean("%s: ", str(c, "condition"));
            print_clean("%s, ", str(c, "wanted"));
            print_clean("it is %s\n", str(c, "actual"));
        } else {
            print_clean("%s\n", str(c, "why"));
        }
    }
}

/* One engine's answer, for people; an engine of another kind shows what it has. */
static void explain_print(json_t *o)
{
    size_t i;
    json_t *p, *profile = json_object_get(o, "profile");
    if (!*str(o, "verdict")) {
        outline_print(o, NULL);
        return;
    }
    json_array_foreach (json_object_get(o, "policies"), i, p)
        explain_policy(p);
    printf("\n%s", strcmp(str(o, "verdict"), "grant") != 0 ? "denied" : "granted");
    if (*str(o, "cause"))
        printf(" (%s)", str(o, "cause"));
    print_clean(": %s\n", str(o, "why"));
    if (json_object_size(profile))
        outline_print(profile, "profile");
}

#define NO_ENGINE "No policy engine is configured: everybody is denied."

static int explain(int argc, char **argv)
{
    json_t *o = json_object();
    int rc = 0;
    for (int i = 2; i < argc && rc == 0; i++) {
        struct arg one;
        if (!arg_begin(argv[i], &one)) {
            rc = misuse(usage);
        } else if (!strcmp(one.word, "secured")) {
            bool no = one.value && !strcmp(one.value, "no");
            if (one.value && !no && strcmp(one.value, "yes") != 0)
                rc = complain("--secured: '%s' is neither yes nor no", one.value);
            json_object_set_new(o, "secured", json_boolean(!no));
        } else {
            if (!one.value && i + 1 < argc)
                one.value = argv[++i];
            rc = one.value ? fact_put(o, one.word, one.value) : no_value(one.word);
        }
    }
    if (rc != 0) {
        json_decref(o);
        return rc;
    }
    facts_complete(o);
    json_t *list = ask_take("policy.explain", o), *one;
    size_t i;
    if (!list || adit_options.json || !json_array_size(list))
        return outline_take(list, NO_ENGINE);
    json_array_foreach (list, i, one)
        explain_print(one);
    json_decref(list);
    return 0;
}

/* ---- the commands ------------------------------------------------------------------------------------- */

int cmd_policies(int argc, char **argv)
{
    (void)argv;
    if (argc != 1)
        return misuse("usage: adit policies\n");
    return outline_take(ask_take("policies", NULL), NO_ENGINE);
}

int cmd_policy(int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "";
    if (argc == 2 && !strcmp(verb, "list"))
        return cmd_policies(1, argv);
    if (!strcmp(verb, "explain"))
        return explain(argc, argv);
    if (!strcmp(verb, "add"))
        return edit(argc, argv, true, verb_add);
    if (!strcmp(verb, "move"))
        return edit(argc, argv, false, verb_move);
    if (!strcmp(verb, "remove"))
        return edit(argc, argv, false, verb_remove);
    if (!strcmp(verb, "--help")) {
        fputs(usage, stdout);
        return 0;
    }
    return misuse(usage);
}
