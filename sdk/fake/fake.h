/* fake.h - a host in memory, with a clock of its own, to test plugins with.
 *
 *     #include <adit/plugin.h>
 *     #include "fake/fake.h"
 *
 *     struct adit_self *s = fake_inst(fake_face("tunnel", "pptp"), "listen: 10.0.0.1");
 *     struct adit_addr me = fake_addr("10.0.0.1:1723"), peer = fake_addr("192.0.2.7:4000");
 *     struct fake_end *e = fake_connect(&me, &peer);       // a client connects
 *     fake_stream_push(e, sccrq, sizeof sccrq);            // ... and says something
 *     len = fake_stream_take(e, buf, sizeof buf);          // what the plugin answered
 *     fake_advance(60000);                                 // a minute passes, timers fire
 *     ck_assert_uint_eq(fake_event_count("pptp.echo.lost"), 1);
 *     fake_inst_free(s);                                   // stop, destroy: nothing may be left
 *     fake_end();
 *
 * There is one fake host per process; everything is on one thread and nothing
 * happens by itself: bytes and datagrams are delivered inside the call that
 * pushes them, timers fire inside fake_advance(), work and posts run inside
 * fake_run() or fake_advance(). Random numbers are the same in every run.
 *
 * What a plugin does against the contract (answers twice, uses a handle that
 * is gone, leaves something behind, reports an event that it did not declare,
 * writes outside its frame ...) is a trouble: the sentence is printed and the
 * process aborts, unless fake_on_trouble() said otherwise.
 *
 * Bytes reach the plugin in memory of exactly their size, so that
 * AddressSanitizer and valgrind see every read past their end.
 */
#ifndef ADIT_FAKE_H
#define ADIT_FAKE_H

#include <stdbool.h>
#include <adit/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the host ------------------------------------------------------------ */

/* A fresh host: the clock at its start, no ports limit, no events, nothing
 * bound. Called by itself the first time that anything here is used. */
void fake_begin(void);
/* Frees the host. Whatever is left is a trouble. */
void fake_end(void);
const struct adit_host *fake_host(void);
/* host->state_dir from now on, for every instance; borrowed. NULL, as at the
 * start: nothing is kept. */
void fake_state_dir(const char *path);
/* What happens on a trouble; NULL: print the sentence and abort. */
void fake_on_trouble(void (*trouble)(const char *sentence));
uint32_t fake_troubles(void);           /* how many since fake_begin() */
/* Debug text of the plugin goes to standard error (also: FAKE_DEBUG=1). */
void fake_show_debug(int yes);

/* "10.0.0.1", "10.0.0.1:1723", "[2001:db8::1]:1701", "10.0.0.0/8". Text that
 * is none of these is a trouble. */
struct adit_addr fake_addr(const char *text);
/* The same as text; in one of four static buffers. */
const char *fake_addr_text(const struct adit_addr *a);

/* ---- time ---------------------------------------------------------------- */

uint64_t fake_now(void);
/* Runs what is due now (work, posts, timers that are due) until nothing is. */
void fake_run(void);
/* Lets ms pass, step by step: timers fire in the order of their time. */
void fake_advance(uint64_t ms);
/* Milliseconds until the next timer fires; UINT64_MAX: none is set. */
uint64_t fake_next_timer(void);

/* ---- instances ------------------------------------------------------------- */

/* A face of the plugin that is linked into the test, by kind and type. */
const struct adit_face *fake_face(const char *kind, const char *type);
/* Makes an instance from YAML text ("" or NULL: all defaults) and starts it.
 * NULL when the options, create() or start() fail: see fake_code() and
 * fake_last_error(); everything is undone then, and checked. Its name is the
 * face's. */
struct adit_self *fake_inst(const struct adit_face *face, const char *yaml);
/* The same from a conf struct, which is borrowed as long as the instance lives. */
struct adit_self *fake_inst_conf(const struct adit_face *face, const void *conf);
/* Made but not started. */
struct adit_self *fake_inst_new(const struct adit_face *face, const char *name, const char *yaml);
int32_t fake_start(struct adit_self *self);
void fake_stop(struct adit_self *self);
/* New options: 0; what reload() returned; ADIT_ERESTART when an option that
 * cannot be reloaded differs (fake_last_error() names it); ADIT_ECONF when the
 * text is wrong. */
int32_t fake_reload(struct adit_self *self, const char *yaml);
/* stop(), destroy(), and the check that nothing is left: timers, work,
 * streams, listeners, ports, held paths, links, requests, kept frames. */
void fake_inst_free(struct adit_self *self);
int32_t fake_code(void);                /* of the last fake_inst...() that failed */
const char *fake_last_error(void);      /* the last sentence of log->fail(); "" none */
uint64_t fake_counter(const struct adit_self *self, const char *name);

/* ---- streams ----------------------------------------------------------------- */

struct fake_end;                /* the test's end of a stream; valid until fake_end() */

/* Somebody connects to an address that the plugin listens on. NULL: nobody
 * listens there, or the plugin did not take the stream. */
struct fake_end *fake_connect(const struct adit_addr *to, const struct adit_addr *from);
/* The nth (from 0) connection that the plugin began, in order; NULL: not that many. */
struct fake_end *fake_dialled(uint32_t nth);
/* Answers such a connection: 0 it is up; else gone(code). */
void fake_dialled_answer(struct fake_end *e, int32_t code);
const struct adit_addr *fake_end_peer(const struct fake_end *e);    /* the plugin's address */
const struct adit_addr *fake_end_our(const struct fake_end *e);     /* the test's */

/* Bytes for the plugin, in one rx(). Nothing happens when it has closed. */
void fake_stream_push(struct fake_end *e, const void *data, size_t len);
/* The same, one byte a call. */
void fake_stream_drip(struct fake_end *e, const void *data, size_t len);
/* Takes what the plugin sent: at most `size` bytes; returns how many. */
uint32_t fake_stream_take(struct fake_end *e, void *buf, size_t size);
uint32_t fake_stream_waiting(const struct fake_end *e);     /* bytes to be taken */
/* The peer stops (1) or resumes (0) reading: tx() gives ADIT_ENOSPC after 64 KB. */
void fake_stream_stall(struct fake_end *e, int yes);
void fake_stream_close(struct fake_end *e);                 /* the peer closes: gone(0) */
void fake_stream_break(struct fake_end *e, int32_t code);   /* gone(code) */
int fake_stream_is_open(const struct fake_end *e);          /* 0: the plugin closed, or it is gone */

/* ---- datagrams ----------------------------------------------------------------- */

/* A port that was bound without a number gets the next one from 32768 on (fake_sent()
 * tells it), and the host is 10.0.0.1 or 2001:db8::1 where it has the choice.
 *
 * A datagram arrives for `our` address (255.255.255.255: for everybody's). How many ports got it: 0 when nothing
 * is bound there, or when it is clear and the port wants security. */
uint32_t fake_datagram(uint32_t protocol, const struct adit_addr *peer, const struct adit_addr *our,
                       const struct adit_security_info *security, const void *data, size_t len);
/* A vector of them on one path, in one rx(). */
struct fake_bytes {
    const void *data;
    size_t len;
};
uint32_t fake_datagrams(uint32_t protocol, const struct adit_addr *peer, const struct adit_addr *our,
                        const struct adit_security_info *security, const struct fake_bytes *v,
                        uint32_t n);
/* Instances of the kind security work as in the daemon: they hear which ports are
 * bound, host->security delivers, and what leaves on a path of an association goes
 * to its tx(). A port that demands security asks the only one when it calls, or
 * the one that is named here. */
void fake_secure(struct adit_self *tunnel, struct adit_self *security);
uint32_t fake_unsecured(void);          /* dropped because the port wants security */

/* What the plugin sent, oldest first. */
struct fake_sent {
    struct adit_path *path;     /* the very handle, for comparison */
    uint32_t protocol;
    uint32_t len;
    struct adit_addr our, peer;
    const struct adit_security_info *security;
    const uint8_t *data;
    uint32_t vector;            /* number of the tx() call: equal for frames of one vector */
};
const struct fake_sent *fake_sent(void);        /* takes it, valid until the next call; NULL: none */
const struct fake_sent *fake_sent_peek(uint32_t nth);   /* leaves it */
uint32_t fake_sent_count(void);
void fake_sent_drop(void);                      /* forgets all */
/* The association (or, security NULL, the peer) is gone: paths hear it. */
void fake_path_gone(const struct adit_security_info *security, const struct adit_addr *peer);
uint32_t fake_paths_held(void);         /* holds that were not dropped */
void fake_mtu(uint32_t mtu);            /* of paths from now on; 1472 at the start */
int fake_bound(uint32_t protocol, const struct adit_addr *our);     /* a port is bound there */
int fake_listening(const struct adit_addr *at);

/* ---- links ----------------------------------------------------------------------- */

#define FAKE_LINK_OPEN 1u
#define FAKE_LINK_UP   2u
#define FAKE_LINK_DOWN 3u

/* A call as the host saw it; valid until fake_end(). */
struct fake_link {
    uint32_t state;             /* FAKE_LINK_* */
    uint32_t cause;             /* DOWN: ADIT_CAUSE_* */
    const char *text;           /* DOWN: what down() said; "" nothing */
    struct adit_link *handle;
    void *call;                 /* what tx() and hangup() get */
    struct adit_self *self;
    struct adit_link_info info; /* of open(), then of up(); strings are copies */
    uint32_t frames;            /* that came with rx() */
};
struct fake_link *fake_link(uint32_t nth);      /* in the order of open(), ended ones too; NULL: none */
struct fake_link *fake_link_last(void);         /* NULL: none yet */
uint32_t fake_links(void);                      /* how many were ever opened */
uint32_t fake_links_active(void);               /* opened and not down */
void fake_ports(uint32_t n);                    /* that may be active at once: ADIT_EBUSY beyond */
/* What link->failed() told last, and how often it told. */
struct fake_failed {
    uint32_t count, cause;
    struct adit_addr peer;
    char text[256];
};
const struct fake_failed *fake_failed(void);
void fake_link_refuse(int32_t code);            /* what open() returns from now on; 0: as usual */
/* The oldest frame that the plugin delivered; valid until the next call; NULL: none. */
const uint8_t *fake_link_rx(struct fake_link *l, uint32_t *len);
/* The host sends PPP frames: the tunnel's tx(). */
void fake_link_tx(struct fake_link *l, const void *data, size_t len);
void fake_link_txv(struct fake_link *l, const struct fake_bytes *v, uint32_t n);
/* The host wants the end: the tunnel's hangup(). */
void fake_link_hangup(struct fake_link *l, uint32_t cause);
/* The host dials: opens the link and calls the tunnel's dial(). The link is
 * DOWN, with `*code`, when that fails. */
struct fake_link *fake_dial(struct adit_self *self, const struct adit_dial *d, int32_t *code);

/* ---- sessions, for those that manage them ------------------------------------------- */

/* A session that is up, and its number. What is known of it is the test's to write;
 * SESSION and MULTI_SESSION stand there already. */
uint64_t fake_session(void);
struct adit_attrs *fake_session_attrs(uint64_t session);
void fake_session_gone(uint64_t session);       /* it ended otherwise */
/* The values of the last revise() that succeeded, and how many did; NULL: none. */
const struct adit_attrs *fake_session_revised(uint64_t session, uint32_t *times);
int fake_session_dropped(uint64_t session, uint32_t *cause, const char **text);
void fake_revise_refuse(int32_t code);          /* what revise() says from now on; 0: as usual */

/* What a pool told of a lease. */
struct fake_lease_news {
    struct adit_self *self;
    uint64_t lease;
    bool lost;                  /* else it changed */
    uint32_t cause;
    const char *text;           /* "" none */
    const struct adit_attrs *attrs;
};
const struct fake_lease_news *fake_lease_news(void);    /* takes the oldest, valid until the next call; NULL: none */

/* ---- traces ------------------------------------------------------------------------- */

/* Takes the oldest line that plugins said of their peers: "<- PPTP Echo-Request ...",
 * "-> " sent, "   " a remark; valid until the next call; NULL: none. The last 4096 wait. */
const char *fake_trace(void);
uint32_t fake_trace_packets(void);      /* how many messages were given to captures */
void fake_trace_wants(uint32_t bits);   /* what wanted() says from now on; both ADIT_TRACE_* at the start */

/* ---- requests ----------------------------------------------------------------------- */

/* A number for check(), lease(), decide() ... The answer is checked when it
 * comes; a second one, or one to a number that was never given, is a trouble. */
adit_request fake_ask(struct adit_self *self);
/* The host no longer cares: the vtable's cancel(). The answer is still due. */
void fake_cancel(struct adit_self *self, adit_request req);
int fake_answered(adit_request req);
/* The answer: a deep copy, valid until fake_end(), of the size of this SDK; NULL
 * when there is none (yet). */
const void *fake_answer(adit_request req, int32_t *status);
uint32_t fake_requests_open(const struct adit_self *self);

/* ---- reports, verbs, events --------------------------------------------------------- */

/* A report to hand to a plugin's list() or explain(), and its JSON text, which
 * is valid until the next one is begun. */
struct adit_report *fake_report(void);
const char *fake_report_text(struct adit_report *r);
/* life->status() as JSON text; "{}" where there is none. */
const char *fake_status(struct adit_self *self);
/* Calls a verb by name; JSON text, or NULL and fake_code(). One that answers later
 * has a minute of the host's clock for it. */
const char *fake_verb(struct adit_self *self, const char *name, const struct adit_kv *args, uint32_t n);
/* The same in steps, for a test that has to do something meanwhile: the call's number ... */
uint64_t fake_verb_begin(struct adit_self *self, const char *name, const struct adit_kv *args, uint32_t n);
int fake_verb_finished(uint64_t call);
/* ... and, finished, its JSON text, or NULL and fake_code(); valid until fake_end(). */
const char *fake_verb_answer(uint64_t call);
void fake_verb_hangup(uint64_t call);   /* whoever asked has gone: report() gives NULL */

uint32_t fake_event_count(const char *name);    /* since the start or fake_events_forget() */
/* A value of the last such event, as text or number; "" or 0: it carried none. */
const char *fake_event_str(const char *name, const char *key);
uint64_t fake_event_u(const char *name, const char *key);
void fake_events_forget(void);

/* ---- services of other hands ----------------------------------------------------------- */

/* Other cryptography or another judge than the daemon's own, which plugins get
 * by default. random() stays the fake's. NULL: as it is. */
void fake_crypto(const struct adit_crypto_api *crypto, const struct adit_judge_api *judge);
void fake_seed(uint64_t seed);          /* of random() */
/* Frames: keep() that were not dropped. */
uint32_t fake_frames_kept(void);

#ifdef __cplusplus
}
#endif
#endif
