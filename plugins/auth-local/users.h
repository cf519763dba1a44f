/* users.h - accounts and their file; for the plugin and for `adit user`.
 *
 *     struct users *all;
 *     users_of_file(&file, &all, err);             // what the options were read into
 *     struct user *u = users_find(all, "anna");
 *     user_str(&u->comment, "on leave");
 *     users_save("/etc/adit/users.yaml", all, err);
 *
 * Knows:  what an account is, the file's form, how it is written safely.
 * Leaves: reading YAML (the options of `users_opts` do), hashing, prompts.
 *
 * Who changes the file holds users_lock() from before he reads it until it is
 * saved.
 */
#ifndef AUTH_LOCAL_USERS_H
#define AUTH_LOCAL_USERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <adit/abi.h>
#include <adit/attr.h>

#define USERS_MAX      1000000u
#define USERS_NAME_MAX 255u     /* bytes; a RADIUS User-Name has no more */
#define USERS_ERR      512u     /* bytes of a sentence */

/* An account as the options give it. */
struct users_row {
    const char *name, *nt_hash, *password_hash, *clear;
    uint32_t dialin;            /* ADIT_DIALIN_* */
    uint32_t session_limit;
    struct adit_array groups, callers;  /* const char * */
    struct adit_addr address;
    struct adit_addr ipv6_prefix, delegated_prefix;
    struct adit_array routes;   /* struct adit_addr */
    const char *expires, *comment;
    const char *filter[2];      /* packet filters, from the user and to it */
    uint32_t disabled, must_change;
    uint32_t line;              /* where it stands */
};

struct users_file {
    struct adit_array users;    /* struct users_row */
};

extern const struct adit_opt users_opts[];      /* of struct users_file */

/* An account. Strings are its own; NULL: not given. */
struct user {
    char *name;
    char *password_hash;        /* "$scrypt$..." */
    char *clear;
    bool has_nt;
    uint8_t nt_hash[16];
    uint32_t dialin;            /* ADIT_DIALIN_* */
    uint32_t session_limit;     /* 0: none */
    char **groups;
    char **callers;             /* where it may call from, with * and ?; none: anywhere */
    uint32_t group_count, caller_count;
    struct adit_addr address;   /* family NONE: from a pool */
    struct adit_addr ipv6_prefix, delegated_prefix;     /* family NONE: none */
    struct adit_addr *routes;
    uint32_t route_count;
    char *expires;              /* as it was written */
    uint64_t expiry_s;          /* since 1970; 0: never */
    char *comment;
    char *filter[2];            /* packet filters, from the user and to it */
    bool disabled;
    bool must_change;           /* the password, at the next login */
    uint32_t line;              /* of the file that it was read from; 0: of none */
};

struct users;

/* Accounts from rows. 0; ADIT_ECONF or ADIT_ENOMEM and a sentence that names
 * account and setting. */
int32_t users_of_file(const struct users_file *f, struct users **out, char err[USERS_ERR]);
struct users *users_new(void);                  /* none; NULL: no memory */
void users_free(struct users *us);              /* wipes the secrets */
uint32_t users_count(const struct users *us);
struct user *users_at(const struct users *us, uint32_t i);
/* By name: the same name, else the only one that differs in the case of its
 * ASCII letters. NULL: none, or two such. */
struct user *users_find(const struct users *us, const char *name);
struct user *users_find_exact(const struct users *us, const char *name);
/* At the end of the file; on 0 it belongs to `us`. ADIT_EEXIST, ADIT_ENOSPC, ADIT_ENOMEM. */
int32_t users_add_take(struct users *us, struct user *u);
void users_del(struct users *us, struct user *u);       /* frees u */

struct user *user_new(const char *name);        /* dial-in is denied; NULL: no memory */
void user_free(struct user *u);                 /* NULL is fine */
/* Replaces a string, wipes the old one; NULL or "" takes it away. False: no memory. */
bool user_str(char **at, const char *text);
bool user_groups(struct user *u, const char *const *groups, uint32_t n);
bool user_callers(struct user *u, const char *const *callers, uint32_t n);
bool user_routes(struct user *u, const struct adit_addr *routes, uint32_t n);

/* What may stand in the file; false and a sentence in *err. */
bool user_name_ok(const char *name, const char **err);
bool user_text_ok(const char *text);            /* UTF-8 without control characters */
/* "2026-12-31" (to the end of that day), "2026-12-31 18:00", where the server
 * is, or seconds since 1970. False: it is none of these. */
bool user_expires_parse(const char *text, uint64_t *out);
bool user_nt_parse(const char *hex, uint8_t out[16]);   /* 32 hex digits */
/* The name of ADIT_DIALIN_*: "allow", "deny", "policy". */
const char *user_dialin_name(uint32_t dialin);

/* ---- the file ------------------------------------------------------------------ */

/* Locks the file against other writers (PATH.lock, advisory). 0 and a
 * descriptor; ADIT_EAGAIN when it is locked and `wait` is false; ADIT_EIO. */
int32_t users_lock(const char *path, bool wait, int *fd, char err[USERS_ERR]);
void users_unlock(int fd);
/* The accounts as text, to be freed with users_text_free(). */
char *users_text(const struct users *us, size_t *len);
void users_text_free(char *text, size_t len);
/* Puts text in the file's place: written beside it, synced, renamed. The block
 * of comments at its beginning, its mode and its owner are kept; a new file has
 * mode 0600. Symbolic links are refused. Any thread. On failure the old file is
 * untouched. 0, or ADIT_EIO and a sentence. */
int32_t users_save_text(const char *path, const char *text, size_t len, char err[USERS_ERR]);
int32_t users_save(const char *path, const struct users *us, char err[USERS_ERR]);

#endif
