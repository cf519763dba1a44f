/* ctl.h - the control socket: one JSON object a line in, one a line out.
 *
 *     -> {"verb": "sessions.list", "args": {"failed": true}}
 *     <- {"ok": true, "result": [...]}
 *     <- {"ok": false, "error": {"code": "ADIT_ENOENT", "text": "..."}}
 *
 * A follower ("log.follow") gets one object a line until it hangs up.
 */
#ifndef CTL_H
#define CTL_H

#include <jansson.h>
#include <adit/abi.h>

struct ctl_call;                /* one request under way */
/* Answers with ctl_ok() or ctl_error(), at once or later. args is borrowed. */
typedef void (*ctl_fn)(struct ctl_call *c, json_t *args);

int ctl_open(const char *socket_path, uint32_t mode);
/* A second socket, for users: only verbs whose names begin with `prefix` answer on it. */
int ctl_open_users(const char *socket_path, uint32_t mode, const char *prefix);
void ctl_close(void);
/* `sentence` and `args_help` feed `adit --help` and the schema. */
void ctl_verb(const char *name, ctl_fn fn, const char *args_help, const char *sentence);
void ctl_ok_take(struct ctl_call *c, json_t *result);           /* takes result */
void ctl_error(struct ctl_call *c, int32_t code, const char *fmt, ...) ADIT_PRINTF(3, 4);
/* Who calls: a uid. 0 is also who may use the first socket, whoever that is. */
uint32_t ctl_uid(const struct ctl_call *c);
/* The call stays open and may say any number of lines; gone(u) when the peer left. */
void ctl_follow(struct ctl_call *c, void (*gone)(void *u), void *u);
void ctl_say_take(struct ctl_call *c, json_t *line);            /* takes line */
void ctl_said(struct ctl_call *c);      /* a follower has heard all: the call is over, gone() does not come */
uint32_t ctl_queued(const struct ctl_call *c);  /* bytes that it has not read yet */
/* Reports that plugins write: begin, pass to the plugin, take the JSON. */
struct adit_report *ctl_report_new(void);
json_t *ctl_report_take(struct adit_report *r);                 /* frees r */
json_t *ctl_text(const char *p, size_t len);   /* a string; what is not UTF-8 becomes "?" */
extern const struct adit_report_api ctl_report_api;
/* ---- the daemon's verbs (ctl_verbs.c) ---- */
struct ctl_daemon {
    const char *config;         /* file */
    int (*reload)(char *text, size_t size);     /* 0, or ADIT_E* and why */
    void (*stop)(void);
    const char *(*problem)(uint32_t nth);       /* why it is degraded; NULL: no more */
};
void ctl_verbs_open(const struct ctl_daemon *d);
void ctl_dial_verbs(void);      /* dial.*, after dial_start() (ctl_dial.c) */

/* Answers a call from text, as if it had come in on the socket (tests). Returns
 * the reply line, to be freed; verbs that answer later give NULL. */
char *ctl_dispatch_text(const char *line);

#endif
