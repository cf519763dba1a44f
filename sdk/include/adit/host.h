/* adit/host.h - what the host does for a plugin: tables of functions.
 *
 *     uint64_t now = self->host->loop->now();
 *     if (ADIT_HAS(self->host->loop, work)) ...
 *
 * A plugin has no undefined symbol: the same object runs in the daemon and in a
 * unit test against the fake host. Every table may grow at its end.
 * Unless a line says otherwise: main loop only, arguments borrowed, results
 * `0` or ADIT_E*.
 */
#ifndef ADIT_HOST_H
#define ADIT_HOST_H

#include <adit/abi.h>
#include <adit/attr.h>
#include <adit/auth.h>
#include <adit/cause.h>
#include <adit/frame.h>

/* ---- log --------------------------------------------------------------- */

struct adit_log_api {
    uint32_t size;
    /* Reports a failure in one sentence, names the setting and the remedy, and
     * returns `code`, so that the place that knows the fact writes
     * `return adit_fail(self, ADIT_ECONF, "...")`. Becomes `last error`. */
    int32_t (*fail)(struct adit_self *self, int32_t code, const char *fmt, ...) ADIT_PRINTF(3, 4);
    /* Something declared happened. `kv_size` is sizeof(struct adit_kv). */
    void (*event)(struct adit_self *self, const struct adit_event *ev,
                  const struct adit_kv *kv, uint32_t n);
    /* For developers; free text at debug level. */
    void (*debug)(struct adit_self *self, const char *fmt, ...) ADIT_PRINTF(2, 3);
    /* The peer or the host misbehaves a thousand times a second? True at most
     * `per_minute` times a minute for this event. */
    uint32_t (*allow)(struct adit_self *self, const struct adit_event *ev, uint32_t per_minute);
};

#define adit_fail(self, code, ...) ((self)->host->log->fail((self), (code), __VA_ARGS__))
#define adit_debug(self, ...) ((self)->host->log->debug((self), __VA_ARGS__))
#define adit_event(self, ev, ...)                                                  \
    ((self)->host->log->event((self), (ev), (const struct adit_kv[]){ __VA_ARGS__ }, \
        (uint32_t)(sizeof((const struct adit_kv[]){ __VA_ARGS__ }) / sizeof(struct adit_kv))))

/* ---- loop ---------------------------------------------------------------- */

struct adit_timer;
struct adit_work;

struct adit_loop_api {
    uint32_t size;
    uint64_t (*now)(void);      /* monotonic ms, the same within one round */
    uint64_t (*wall)(void);     /* ms since 1970 */
    /* A timer, stopped. fire() may set it again or free it. */
    struct adit_timer *(*timer_new)(struct adit_self *self, void (*fire)(void *u), void *u);
    void (*timer_set)(struct adit_timer *t, uint64_t after_ms);     /* starts or restarts */
    void (*timer_stop)(struct adit_timer *t);
    void (*timer_free)(struct adit_timer *t);                       /* NULL is fine */
    /* run() on another thread, then done() on the main loop with 0, or with
     * ADIT_ECANCELED when it never ran. done() always comes, once, also after
     * destroy(): what `u` points to must not be the instance, but something
     * that outlives it and learns that it is gone. */
    int32_t (*work)(struct adit_self *self, void (*run)(void *u),
                    void (*done)(void *u, int32_t status), void *u, struct adit_work **out);
    void (*work_cancel)(struct adit_work *w);
    /* ANY THREAD: fn(u) on the main loop, soon; always, as above. */
    int32_t (*post)(struct adit_self *self, void (*fn)(void *u), void *u);
};

/* ---- streams (TCP) --------------------------------------------------------- */

struct adit_stream;
struct adit_listener;

/* What a stream says. After gone(), nothing, and the handle is invalid. */
struct adit_stream_ops {
    uint32_t size;
    void (*up)(void *u);                                    /* a connect succeeded */
    void (*rx)(void *u, const uint8_t *data, uint32_t len); /* bytes, borrowed */
    /* The end: 0 the peer closed, ADIT_EIO, ADIT_ETIMEDOUT, ADIT_EUNREACH.
     * Not called after close(). */
    void (*gone)(void *u, int32_t code);
};

struct adit_stream_api {
    uint32_t size;
    /* Listens on an address (family NONE: every address) and port. accept()
     * gets the new stream and answers with its ops and user pointer by
     * stream->take(); a stream that is not taken is closed. */
    int32_t (*listen)(struct adit_self *self, const struct adit_addr *at,
                      void (*accept)(void *u, struct adit_stream *s), void *u,
                      struct adit_listener **out);
    void (*listen_close)(struct adit_listener *l);
    void (*take)(struct adit_stream *s, const struct adit_stream_ops *ops, void *u);
    int32_t (*connect)(struct adit_self *self, const struct adit_addr *from,
                       const struct adit_addr *to, const struct adit_stream_ops *ops, void *u,
                       struct adit_stream **out);
    /* Queues a copy. ADIT_ENOSPC when the peer has not read 64 KB: nothing of
     * `data` was queued. */
    int32_t (*tx)(struct adit_stream *s, const void *data, uint32_t len);
    /* Sends what is queued (for at most 5 s), then closes. No more calls. */
    void (*close)(struct adit_stream *s);
    void (*addrs)(struct adit_stream *s, struct adit_addr *our, struct adit_addr *peer);
};

/* ---- datagram paths -------------------------------------------------------- */

#define ADIT_PROTO_UDP 17
#define ADIT_PROTO_GRE 47
#define ADIT_PROTO_ESP 50

/* What a security association vouches for. Owned by the host, alive as long
 * as a path that names it. */
struct adit_security_info {
    uint32_t size;
    uint32_t reserved;
    const char *name;           /* of the security instance */
    const char *identity;       /* the authenticated peer; NULL unknown */
    const char *transform;      /* for people: "aes128gcm16" */
    uint32_t overhead;          /* bytes a datagram grows, at most */
    uint32_t encap;             /* 1: in UDP */
    void *handle;               /* the security plugin's */
};

/* Where datagrams come from and go to: one peer, one of our addresses, one
 * security association or none. Two clients behind one NAT have two. */
struct adit_path {
    uint32_t size;
    uint32_t protocol;          /* ADIT_PROTO_* */
    struct adit_addr our;
    struct adit_addr peer;      /* port 0 where the protocol has none */
    const struct adit_security_info *security;      /* NULL: clear */
    uint32_t mtu;               /* bytes of payload that need no fragmentation */
    uint32_t reserved;
};

struct adit_port;               /* a bound place that datagrams arrive at */

struct adit_path_ops {
    uint32_t size;
    /* DATA PATH: datagrams of one path, in order; data starts behind the IP
     * (and UDP) header. The path is borrowed: hold() it to answer later. */
    void (*rx)(void *u, struct adit_path *path, struct adit_frame **v, uint32_t n);
    /* The security association under a held path is gone, or an ICMP error
     * says that the peer is; the path takes no more datagrams. Drop it. */
    void (*gone)(void *u, struct adit_path *path);
};

#define ADIT_PATH_SECURE 0x1u   /* drop (and count) what came without security */
#define ADIT_PATH_STEADY 0x2u   /* since 1.1: ICMP errors, easily forged, end no path that we opened */
#define ADIT_PATH_BROADCAST 0x4u    /* since 1.1; UDP on one IPv4 address: 255.255.255.255 leaves on the network
                                     * of that address, and what others there say to it arrives, too */

struct adit_path_api {
    uint32_t size;
    /* Binds protocol and address (family NONE: every address). */
    int32_t (*bind)(struct adit_self *self, uint32_t protocol, const struct adit_addr *at,
                    uint32_t flags, const struct adit_path_ops *ops, void *u,
                    struct adit_port **out);
    void (*unbind)(struct adit_port *p);        /* held paths stay valid, silent */
    /* A held path to a peer, for one who calls. On a port with ADIT_PATH_SECURE
     * a security layer is asked for an association: the path is there at once,
     * has its `security` and carries datagrams as soon as there is one (the
     * first few are kept until then), and gone() says that there will be none.
     * ADIT_EDENIED: nothing is configured that could protect it. */
    int32_t (*open)(struct adit_port *p, const struct adit_addr *peer, struct adit_path **out);
    struct adit_path *(*hold)(struct adit_path *path);
    void (*drop)(struct adit_path *path);
    /* DATA PATH: sends a vector; each frame is one datagram, its data the
     * payload. Equal sizes in a row leave as one super-datagram. Frames that
     * cannot be sent are dropped and counted by the host. */
    void (*tx)(struct adit_path *path, struct adit_frame **v, uint32_t n);
    /* As open(), and names the one of our addresses that datagrams leave from:
     * the one that the peer called, on a host with several. */
    int32_t (*open_from)(struct adit_port *p, const struct adit_addr *our,
                         const struct adit_addr *peer, struct adit_path **out);
};

/* ---- security layers (adit/security.h); since 1.1 ------------------------------ */

/* For instances of the kind `security`: what they opened goes up here. */
struct adit_security_api {
    uint32_t size;
    /* DATA PATH: datagrams that the peer of an association sent to one of our
     * addresses; data starts behind the UDP header, whose ports are those of
     * `our` and `peer`. `info` is copied when its handle is seen first; that
     * handle names the association from then on, until end(). Addresses of one
     * association should stay what they were when a NAT moves it: a path is
     * known by them. ADIT_ENOENT: nobody is bound there. */
    int32_t (*rx)(struct adit_self *self, const struct adit_security_info *info, uint32_t protocol,
                  const struct adit_addr *our, const struct adit_addr *peer,
                  struct adit_frame **v, uint32_t n);
    /* The association is gone: its paths hear it, before this returns; unused()
     * does not come any more. A handle that was never seen is fine. */
    void (*end)(struct adit_self *self, const void *handle);
};

/* ---- sessions, from outside; since 1.1 ------------------------------------------ */

/* For whoever manages sessions on somebody's behalf (RFC 5176). A session is
 * known by its number, which is never used again. */
struct adit_session_api {
    uint32_t size;
    /* The sessions that are up and that every value in `which` fits: strings and
     * numbers are equal, addresses are of the same host (user and account: case
     * does not count). At most n numbers into `out`; returns how many there are. */
    uint32_t (*find)(struct adit_self *self, const struct adit_attrs *which, uint64_t *out,
                     uint32_t n);
    /* What is known of it, counters as of now; NULL: it is gone. Borrowed until
     * the plugin returns to the loop. */
    const struct adit_attrs *(*attrs)(struct adit_self *self, uint64_t session);
    /* Other values for a session that is up, at once: SESSION_TIMEOUT (from its
     * begin, or since it authenticated once more), IDLE_TIMEOUT, INTERIM, RATE_IN,
     * RATE_OUT, FILTER_IN, FILTER_OUT, FILTER_RULE, CLASS, EXPIRY. Values replace
     * those of the same attribute. All or nothing: ADIT_ENOENT it is gone;
     * ADIT_ENOSYS an attribute that cannot change in a running session; ADIT_EINVAL
     * a filter that does not exist or a rule that is none. */
    int32_t (*revise)(struct adit_self *self, uint64_t session, const struct adit_attrs *values);
    /* Ends it in good order. ADIT_ENOENT. */
    int32_t (*drop)(struct adit_self *self, uint64_t session, uint32_t cause, const char *text);
};

/* ---- leases; since 1.1 ----------------------------------------------------------- */

/* For pools: news of a lease that was answered with and not yet released. */
struct adit_lease_api {
    uint32_t size;
    /* What comes with the address changed: attrs replace those of the answer
     * (what a client already negotiated stays; DHCPINFORM tells the new ones). */
    void (*changed)(struct adit_self *self, uint64_t lease, const struct adit_attrs *attrs);
    /* The address may not be used any more: the session ends with the cause
     * (0: LEASE_LOST), text for people or NULL. release() does not come. */
    void (*lost)(struct adit_self *self, uint64_t lease, uint32_t cause, const char *text);
};

/* ---- traces; since 1.1 ----------------------------------------------------------- */

/* Control messages for people: what a peer without a session says and hears is shown
 * to whoever watches it, kept while it negotiates, and part of the explanation when
 * nothing comes of it. Sessions and PPP are the host's own business.
 *
 *     uint32_t wants = adit_trace_wants(self, &peer, ADIT_TRACE_RX);
 *     if (wants & ADIT_TRACE_LINES)
 *         ... print the message, then host->trace->line() ...
 */
#define ADIT_TRACE_RX 0u        /* the peer said it */
#define ADIT_TRACE_TX 1u        /* we did */
#define ADIT_TRACE_NOTE 2u      /* a remark: what came of it */
#define ADIT_TRACE_ROUTINE 0x10u        /* with one of them: of no interest afterwards (a keepalive) */

#define ADIT_TRACE_LINES   1u
#define ADIT_TRACE_PACKETS 2u

struct adit_trace_api {
    uint32_t size;
    /* What of ADIT_TRACE_LINES and ADIT_TRACE_PACKETS has a reader: cheap, and to be
     * asked before anything is formatted. Strangers can cause any number of messages:
     * when there are too many and nobody watches, the answer is 0. */
    uint32_t (*wanted)(struct adit_self *self, const struct adit_addr *peer, uint32_t how);
    /* One message in one line, the protocol's name apart: "IKE", "main mode SA VID".
     * Never anything secret: a key, a password, a response is "16 bytes". */
    void (*line)(struct adit_self *self, const struct adit_addr *peer, uint32_t how,
                 const char *protocol, const char *text);
    /* The same message as bytes, for captures: the payload of UDP, or (protocol 6) a
     * piece of a TCP stream that begins `at` bytes behind the start of its direction. */
    void (*packet)(struct adit_self *self, uint32_t how, uint32_t protocol,
                   const struct adit_addr *our, const struct adit_addr *peer, uint64_t at,
                   const void *data, uint32_t len);
};

#define adit_trace_wants(self, peer, how)                                          \
    (ADIT_HAS((self)->host, trace) ? (self)->host->trace->wanted((self), (peer), (how)) : 0u)

/* ---- links ----------------------------------------------------------------- */

struct adit_link;               /* a call as the host sees it: one port */

#define ADIT_ROLE_ANSWER 0u
#define ADIT_ROLE_DIAL   1u

struct adit_link_info {
    uint32_t size;
    uint32_t role;              /* ADIT_ROLE_* */
    struct adit_addr our;       /* outer */
    struct adit_addr peer;
    const char *calling;        /* calling number; NULL: the peer's address */
    const char *called;         /* called number; NULL: our address */
    const char *peer_host;      /* host name that the peer gave; NULL: none */
    const struct adit_security_info *security;      /* NULL: clear */
    uint32_t mtu;               /* largest PPP datagram, counted as an MRU is; 0: any */
    uint32_t reserved;
    uint64_t speed_bps;         /* what the peer named */
    /* proxy LCP (RFC 2661 section 4.4.5): options of the last Configure-Requests
     * sent and received by the LAC; len 0: none */
    const uint8_t *proxy_lcp_sent, *proxy_lcp_rcvd;
    uint32_t proxy_lcp_sent_len, proxy_lcp_rcvd_len;
    /* proxy authentication: type 0 none, else one ADIT_AUTH_* bit */
    uint32_t proxy_auth;
    uint32_t proxy_id;
    const char *proxy_name;
    const uint8_t *proxy_challenge, *proxy_response;
    uint32_t proxy_challenge_len, proxy_response_len;
};

/* A call's life: open (a port is taken, `active`) -> up (PPP begins) ->
 * rx ... -> down (the last call; the link is gone). The host may ask for the
 * end with the tunnel's hangup(); down() answers that too, once. */
struct adit_link_api {
    uint32_t size;
    /* Takes a port. ADIT_EBUSY: none free; ADIT_EDENIED: the host refuses the
     * peer (its limit), ADIT_ENOMEM. `call` is what tx() and hangup() get. */
    int32_t (*open)(struct adit_self *self, const struct adit_link_info *info, void *call,
                    struct adit_link **out);
    /* The call is connected. `info` again: what is known by now. */
    void (*up)(struct adit_link *l, const struct adit_link_info *info);
    /* DATA PATH: PPP frames from the peer, in order, without flag bytes or FCS;
     * with or without address and control field. */
    void (*rx)(struct adit_link *l, struct adit_frame **v, uint32_t n);
    /* The call ended; text may be NULL. hangup() does not come any more. */
    void (*down)(struct adit_link *l, uint32_t cause, const char *text);
    /* since 1.1: a peer failed before there was a call to open: it is listed among the
     * attempts that failed. Of security layers, too. A stranger can cause any number:
     * those that look like the last one are counted with it, and there is a limit. */
    void (*failed)(struct adit_self *self, const struct adit_link_info *info, uint32_t cause,
                   const char *text);
};

/* ---- requests, reports ------------------------------------------------------ */

/* A question that the host asks a plugin: a number, so that a late or second
 * answer hurts nobody. */
typedef uint64_t adit_request;

struct adit_request_api {
    uint32_t size;
    /* The answer: status 0 with the kind's answer struct; or ADIT_E* with NULL,
     * or with an answer that only tells the cause. What the answer points to is
     * borrowed until done() returns. */
    void (*done)(struct adit_self *self, adit_request req, int32_t status, const void *answer);
};

/* Writes an answer for a person or a program: nested objects and arrays.
 * Keys are NULL inside arrays. */
struct adit_report_api {
    uint32_t size;
    void (*object)(struct adit_report *r, const char *key);
    void (*array)(struct adit_report *r, const char *key);
    void (*end)(struct adit_report *r);         /* of the innermost object or array */
    void (*put)(struct adit_report *r, const char *key, const struct adit_value *v);
};

/* A verb of the control socket, `NAME` below the instance's own kind and name:
 * args in, report out. 0, or ADIT_E* after adit_fail(). */
typedef int32_t (*adit_verb_fn)(struct adit_self *self, const struct adit_kv *args, uint32_t n,
                                struct adit_report *r);

/* The same for a verb that answers later, in the call of that number. */
typedef void (*adit_verb_begin_fn)(struct adit_self *self, uint64_t call,
                                   const struct adit_kv *args, uint32_t n);

struct adit_control_api {
    uint32_t size;
    int32_t (*verb)(struct adit_self *self, const char *name, const char *sentence,
                    adit_verb_fn fn);
    /* 1.1: a verb whose answer takes time. begin() gets a number; what it
     * answers is written into report(call), now or later, and ends with
     * finish(call, 0), or with finish(call, ADIT_E*) after adit_fail(). report()
     * gives NULL when whoever asked has gone; finish() is due all the same,
     * once for each begin(), at destroy() at the latest. */
    int32_t (*verb_later)(struct adit_self *self, const char *name, const char *sentence,
                          adit_verb_begin_fn begin);
    struct adit_report *(*report)(struct adit_self *self, uint64_t call);
    void (*finish)(struct adit_self *self, uint64_t call, int32_t status);
};

/* ---- files of a plugin's own ------------------------------------------------ */

struct adit_config_api {
    uint32_t size;
    /* Reads a YAML file into a struct described by options, with the same
     * checks and messages as the daemon's own configuration. *out is the
     * host's: give it back with free(). */
    int32_t (*load)(struct adit_self *self, const char *path, const struct adit_opt *opts,
                    uint32_t opt_size, uint32_t conf_size, void **out);
    void (*free)(void *conf);           /* ANY THREAD */
    /* 1.1, ANY THREAD: the same inside run() of work(), for files that take
     * long. Nothing is told; the first sentence is in `why`, "" when it went well. */
    int32_t (*read)(const char *path, const struct adit_opt *opts, uint32_t opt_size,
                    uint32_t conf_size, void **out, char *why, uint32_t why_size);
};

/* ---- cryptography ------------------------------------------------------------ */

#define ADIT_MD4    1           /* 16 bytes */
#define ADIT_MD5    2           /* 16 */
#define ADIT_SHA1   3           /* 20 */
#define ADIT_SHA256 4           /* 32 */
#define ADIT_SHA512 5           /* 64 */

/* A piece of memory. Frozen. */
struct adit_chunk {
    const void *p;
    uint64_t len;
};

struct adit_crypto_api {
    uint32_t size;
    /* ANY THREAD: the digest of the chunks in a row. ADIT_ENOSYS when this host
     * forbids the algorithm. */
    int32_t (*digest)(uint32_t algorithm, const struct adit_chunk *c, uint32_t n, uint8_t *out);
    int32_t (*hmac)(uint32_t algorithm, const void *key, uint32_t key_len,
                    const struct adit_chunk *c, uint32_t n, uint8_t *out);
    void (*random)(void *out, uint32_t len);
    /* NT password hash (RFC 2759 section 8.3) of UTF-8 text: 16 bytes. */
    int32_t (*nt_hash)(const char *password, uint32_t len, uint8_t out[16]);
    /* Strong hash of a password, as text to store ("$scrypt$..."), and its
     * check: 0 equal, ADIT_EAUTH. Slow (0.1 s and more): call them in work(). */
    int32_t (*password_hash)(const char *password, uint32_t len, char *out, uint32_t out_size);
    int32_t (*password_check)(const char *password, uint32_t len, const char *hash);
};

/* ---- the host ---------------------------------------------------------------- */

struct adit_host {
    uint32_t size;
    uint32_t abi_minor;
    const char *version;
    const struct adit_log_api *log;
    const struct adit_loop_api *loop;
    const struct adit_stream_api *stream;
    const struct adit_path_api *path;
    const struct adit_link_api *link;
    const struct adit_frame_api *frame;
    const struct adit_attr_api *attr;
    const struct adit_request_api *request;
    const struct adit_report_api *report;
    const struct adit_control_api *control;
    const struct adit_config_api *config;
    const struct adit_crypto_api *crypto;
    const struct adit_judge_api *judge;
    const struct adit_security_api *security;   /* since 1.1 */
    const struct adit_session_api *session;     /* since 1.1 */
    const struct adit_lease_api *lease;         /* since 1.1 */
    const char *state_dir;      /* since 1.1: what must survive a restart is kept below it, in
                                 * a directory with the plugin's name; NULL: nothing is kept */
    const struct adit_trace_api *trace;         /* since 1.1 */
};

#endif
