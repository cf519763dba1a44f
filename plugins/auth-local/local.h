/* local.h - what the files of auth-local share. */
#ifndef AUTH_LOCAL_H
#define AUTH_LOCAL_H

#include <stdbool.h>
#include <adit/plugin.h>
#include "users.h"

/* The options of an authenticator of type `local`. */
struct local_conf {
    const char *file;
    struct adit_array domains;      /* const char *; none: every domain is ours */
    uint32_t queue;
    uint32_t change;
};

enum local_counter {
    LOCAL_ACCEPTED,
    LOCAL_REJECTED,
    LOCAL_UNKNOWN,
    LOCAL_BUSY,
    LOCAL_CHANGED,
    LOCAL_COUNTERS
};

/* What tells a file from the one that stood there before. */
struct local_stamp {
    bool there;
    uint64_t dev, ino, size;
    int64_t mtime_s, mtime_ns;
    uint32_t mode;
};

struct local_reading;

struct local {
    struct adit_self *self;
    struct users *users;
    uint64_t adopted;               /* how many times `users` were put there */
    struct local_stamp stamp;
    struct local_reading *reading;  /* a large file on a thread; NULL: none */
    struct adit_timer *timer;       /* looks at a large file */
    uint64_t loaded_wall;           /* when it was read; 0: never */
    uint8_t nobody[16];             /* NT hash of an account that does not exist */
    struct adit_node jobs;          /* passwords being checked on a thread */
    struct adit_node changes;       /* passwords being changed; the first is at work */
    uint32_t waiting;               /* jobs and changes */
};

/* ---- the accounts (local.c) -------------------------------------------------------- */

/* Reads the file; the accounts stay as they were when it fails. */
int32_t local_load(struct adit_self *self, const struct local_conf *c);
/* ANY THREAD: reads it into a table of its own; the first sentence of trouble in `why`. */
int32_t local_read_aside(const struct adit_config_api *config, const char *path, struct users **out,
                         char *why, uint32_t why_size);
void local_stamp_of(const char *path, struct local_stamp *out);
/* These are the accounts from now on. */
void local_adopt(struct local *l, struct users *users, const struct local_stamp *stamp);
/* The account of a query; NULL: not one of ours. */
struct user *local_find(struct adit_self *self, const struct adit_auth_query *q);

/* ---- checks (check.c) ---------------------------------------------------------------- */

void local_check(struct adit_self *self, uint64_t req, const struct adit_auth_query *q);
void local_cancel(struct adit_self *self, uint64_t req);
void local_jobs_end(struct local *l);
/* Answers: who was accepted is still looked at as an account. Wipes `a`. */
void local_answer(struct adit_self *self, uint64_t req, uint32_t method, const struct user *u,
                  struct adit_auth_answer *a);
void local_answer_verdict(struct adit_self *self, uint64_t req, uint32_t verdict, uint32_t cause);
void local_reject(struct adit_self *self, uint64_t req, const struct user *u, uint32_t cause);
/* What of the account forbids a login with the right password; NONE: nothing. */
uint32_t local_forbids(struct adit_self *self, const struct user *u, uint32_t method);
/* Room for one more on a thread? Says so when there is none. */
bool local_room(struct adit_self *self);
struct adit_secret_view local_secret(const struct user *u);

/* ---- password changes (change.c) -------------------------------------------------------- */

void local_change(struct adit_self *self, uint64_t req, const struct adit_auth_query *q,
                  const struct user *u);
void local_change_cancel(struct adit_self *self, uint64_t req);
void local_changes_end(struct local *l);

extern const struct adit_life local_life;
extern const struct adit_auth local_vtable;
extern const struct adit_event *const local_events[];
extern const struct adit_event local_ev_busy, local_ev_unanswerable, local_ev_changed;

#endif
