/* book.h - the phone book: what can be dialled.
 *
 *     struct book *b = book_read("/etc/adit/phonebook.yaml", false, err);     // NULL: errors were told
 *     struct book_entry *e = book_find(b, "office");
 *     struct book_entry *own = book_entry_text(text, len, uid, may, err);     // a user's own, inline
 *
 * Knows:  the options of an entry, which of them go together, who may use which,
 *         whose file may hold a secret.
 * Leaves: dialling to dial.
 */
#ifndef BOOK_H
#define BOOK_H

#include <stdbool.h>
#include "config/conf.h"

enum book_type { BOOK_AUTOMATIC, BOOK_L2TP_IPSEC, BOOK_PPTP, BOOK_L2TP };
const char *book_type_name(uint32_t type);

struct book_conf {
    const char *name;
    struct adit_array servers;          /* const char *: names and addresses */
    uint32_t type;                      /* enum book_type */
    const char *user, *domain, *password_file, *psk_file;
    const char *certificate, *key, *ca, *server_name;
    uint32_t methods, encryption;       /* ADIT_AUTH_*, ADIT_ENC_* */
    const char *dial_first;
    struct adit_array before;           /* const char *: a command and its arguments */
    uint64_t timeout_ms;
    uint32_t redial_attempts, redial_on_drop;
    uint64_t redial_pause_ms, redial_pause_max_ms, idle_timeout_ms;
    uint32_t default_route, dns, ipv6, block_ipv6, keep_routes, mtu;
    struct adit_array routes;           /* struct adit_addr */
    struct adit_array dns_servers;      /* struct adit_addr */
    struct adit_array search;           /* const char * */
    const char *interface;
    uint32_t demand_dial, persistent;
    struct adit_array dial_hours;       /* const char * */
    const char *dial_filter, *answer_as, *filter_in, *filter_out;
    uint64_t rate_in, rate_out;         /* kbit/s */
};
extern const struct adit_opt book_opts[];

#define BOOK_SYSTEM UINT32_MAX          /* owner of the entries of the file */

struct book_entry {
    struct book_conf c;
    uint32_t owner;                     /* a user, or BOOK_SYSTEM */
    uint32_t refs;
    struct conf_mem *mem;
    char name[64];
};
struct book_entry *book_entry_ref(struct book_entry *e);
void book_entry_unref(struct book_entry *e);    /* NULL is fine */

struct book;
/* A file that is not there is an empty book, unless it `must` be. */
struct book *book_read(const char *path, bool must, const struct conf_err *err);
void book_free(struct book *b);                 /* NULL is fine; entries that are in use stay */
struct book_entry *book_find(const struct book *b, const char *name);
struct book_entry *book_nth(const struct book *b, uint32_t nth);        /* NULL: no more */
const char *book_nearest(const struct book *b, const char *name);       /* NULL: none is near */

/* What users without privileges may ask for in entries of their own. */
#define BOOK_MAY_SYSTEM  0x1u           /* dial entries of the system's book */
#define BOOK_MAY_OWN     0x2u           /* dial entries of their own, without what follows */
#define BOOK_MAY_ROUTES  0x4u           /* single networks through the connection */
#define BOOK_MAY_DEFAULT 0x8u           /* everything through it */
#define BOOK_MAY_DNS     0x10u
#define BOOK_MAY_ALL     0xffu
/* An entry as a text, YAML or JSON. With uid 0 everything is permitted. */
struct book_entry *book_entry_text(const char *text, size_t len, uint32_t uid, uint32_t may,
                                   const struct conf_err *err);

/* A secret's file: its first line. Nobody but its owner, who is root or us, may read
 * or write it. 0, or a code and in `why` a sentence that says what to do. */
#define BOOK_SECRET 256u
int32_t book_secret(const char *path, char out[BOOK_SECRET], char *why, size_t size);

/* ---- hours: "mon-fri 08:00-18:00", "sat", "22:00-06:00" ---- */
bool book_hours_ok(const char *text);
/* Whether one of them (or there are none) holds at that minute of that day, Monday 0. */
bool book_hours_now(const struct adit_array *hours, uint32_t wday, uint32_t minute);

static inline const char *book_word(const struct adit_array *a, uint32_t i)
{
    return *(const char *const *)(const void *)((const char *)a->items + (size_t)i * a->stride);
}

static inline const struct adit_addr *book_addr(const struct adit_array *a, uint32_t i)
{
    return (const struct adit_addr *)(const void *)((const char *)a->items + (size_t)i * a->stride);
}

#endif
