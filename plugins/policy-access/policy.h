/* policy.h - ordered policies: conditions, a permission, a profile; the decision.
 *
 *     struct pol_set *set;
 *     if (pol_set_new(&conf->policies, &set, err) != 0) ...      // err: the sentence
 *     struct pol_decision d;
 *     pol_decide(set, &facts, &d);                               // d.grant, d.cause, d.why
 *
 * Knows:  what a condition compares, who overrides whom, why, in a sentence.
 * Leaves: attributes, requests, clocks.
 *
 * The order is that of Windows: the first policy whose conditions all match
 * decides, no later one is looked at, whatever it decides. No policy: denied.
 */
#ifndef POLICY_ACCESS_POLICY_H
#define POLICY_ACCESS_POLICY_H

#include <stdbool.h>
#include <adit/abi.h>

#define POL_MAX  1000u          /* policies in a set */
#define POL_ERR  512u           /* bytes of a sentence about the configuration */
#define POL_TEXT 256u           /* bytes of a list of values */
#define POL_WHY  512u           /* bytes of the sentence of a decision */

#define POL_ANY 0u              /* `secured` */
#define POL_YES 1u
#define POL_NO  2u

/* What the option table fills in; absent is zero is "no such condition". The same
 * struct holds the conditions of `when`, those of `unless`, and what a profile
 * restricts. */
struct pol_when {
    struct adit_array users, groups, domains, protocols, tunnels;       /* const char *, patterns */
    struct adit_array clients, called;                          /* struct adit_addr, networks */
    struct adit_array calling, called_station, names, identities, authenticators;      /* patterns */
    struct adit_array hours;    /* const char * */
    uint32_t methods;           /* ADIT_AUTH_* */
    uint32_t secured;           /* POL_* */
};

/* Absent is zero is "the profile says nothing". */
struct pol_profile {
    uint32_t methods;           /* ADIT_AUTH_* */
    uint32_t encryption;        /* ADIT_ENC_* */
    uint64_t idle_ms, session_ms;
    const char *pool, *dns_domain;
    struct adit_addr address;   /* family NONE: none */
    uint32_t mtu, session_limit;
    const char *filter[2];      /* from the client, to it */
    uint32_t rate[2];           /* kbit/s */
    struct pol_when only;       /* who and when at all; not users, groups and methods */
    struct adit_array dns, wins, routes, push_routes;           /* struct adit_addr */
};

struct pol_conf {
    const char *name;
    struct pol_when when, unless;
    uint32_t grant;             /* 0 deny, 1 grant */
    uint32_t ignore_account;
    struct pol_profile profile;
    uint32_t line;              /* where it stands */
};

/* What is known of a session; "" and family NONE: unknown, which matches nothing. */
struct pol_facts {
    const char *user, *account, *domain, *protocol, *tunnel, *calling, *called, *name, *identity,
               *authenticator;
    const char *(*group)(const void *u, uint32_t nth);  /* NULL: no more */
    const char *(*caller)(const void *u, uint32_t nth); /* where the account may call from; no first: anywhere */
    const void *u;
    struct adit_addr peer, our;
    struct adit_addr address;   /* the account's own; family NONE: none */
    uint32_t method;            /* one ADIT_AUTH_* bit; 0 unknown */
    uint32_t server_methods;    /* that the server has enabled; 0 unknown */
    uint32_t dialin;            /* ADIT_DIALIN_* */
    uint64_t expiry_s;          /* since 1970; 0: never */
    uint64_t now_s;             /* since 1970 */
    uint32_t wday, minute;      /* of now, where the server is; Monday is 0 */
    bool secured;
    bool dry;                   /* a dry run: what is unknown is no reason to refuse */
};

struct pol_set;

/* Borrows the array's items. 0; ADIT_ECONF or ADIT_ENOMEM and a sentence that
 * names the policy and the setting. */
int32_t pol_set_new(const struct adit_array *policies, struct pol_set **out, char err[POL_ERR]);
void pol_set_free(struct pol_set *s);
uint32_t pol_count(const struct pol_set *s);
const struct pol_conf *pol_at(const struct pol_set *s, uint32_t i);

/* A condition of a policy, held against the facts. */
struct pol_cond {
    const char *name;           /* of the option */
    bool unless;                /* it stands in `unless` */
    bool matched;               /* it is as it must be: in `unless`, it does not match */
    char wanted[POL_TEXT];      /* what the policy wants */
    char actual[POL_TEXT];      /* what is */
    char hit[POL_TEXT];         /* what of `wanted` matched, as in "group 'staff'" */
    char why[POL_WHY];          /* why it is not as it must be, in a sentence */
};
typedef void (*pol_cond_fn)(void *u, const struct pol_cond *c);

/* What the conditions of a part of policy i want. */
enum pol_part { POL_WHEN, POL_UNLESS, POL_ONLY };       /* only: of the profile */
void pol_wanted(const struct pol_set *s, uint32_t i, enum pol_part part, pol_cond_fn fn, void *u);

/* Whether policy i matches: all conditions of `when`, none of `unless`. `fn` (NULL:
 * none) hears each one. */
bool pol_matches(const struct pol_set *s, uint32_t i, const struct pol_facts *f, pol_cond_fn fn,
                 void *u);

struct pol_decision {
    bool grant;
    uint32_t cause;             /* ADIT_CAUSE_*; NONE when granted */
    const struct pol_conf *policy;      /* that decided; NULL: none matched */
    uint32_t index;
    char why[POL_WHY];
};
void pol_decide(const struct pol_set *s, const struct pol_facts *f, struct pol_decision *d);

/* Names of a set of bits, "mschapv2, eap-tls". */
const char *pol_methods_text(uint32_t methods, char out[POL_TEXT]);
const char *pol_encryption_text(uint32_t set, char out[POL_TEXT]);
/* Whether a policy has no conditions: it decides about everyone, and none behind it
 * is ever looked at. */
bool pol_everyone(const struct pol_conf *c);
/* "*" and "?"; letters of either case are equal. */
bool pol_glob(const char *pattern, const char *text);

extern const struct adit_word pol_method_words[], pol_encryption_words[];

#endif
