/* trace.h - what peers and we say to each other, in lines for people.
 *
 *     struct trace_talk *t = trace_talk_new("a1b2c3d4-7", &peer, wants, me);
 *     if (trace_wanted(t, TRACE_RX))               // before anything is formatted
 *         trace_line(t, TRACE_RX, "LCP", "Configure-Request id=1 mru=1400");
 *     trace_talk_user(t, "EXAMPLE\\anna", "anna"); // who it is, as soon as it is known
 *     trace_talk_up(t);                            // it went well: nothing is kept
 *     trace_talk_end(t, true);                     // it did not: kept among the last ones
 *
 * A talk is the negotiation of one session. What a peer says before there is a
 * session (IKE, tunnels) is kept by its address, and is shown with the session
 * that comes of it. Followers hear the lines as they come, and those that came
 * before it was known that they are meant.
 *
 * Nothing secret may be in a line: whoever formats sees to that (passwords,
 * responses and keys are "N bytes").
 *
 * Knows:  who reads, which lines are kept for how long, and the bounds of it.
 * Leaves: what a message says to those who read it, sockets to control.
 */
#ifndef TRACE_H
#define TRACE_H

#include <stdbool.h>
#include <adit/host.h>

#define TRACE_RX   ADIT_TRACE_RX
#define TRACE_TX   ADIT_TRACE_TX
#define TRACE_NOTE ADIT_TRACE_NOTE
#define TRACE_ROUTINE ADIT_TRACE_ROUTINE

#define TRACE_TEXT 1024         /* bytes of a line's text, with the NUL */
#define TRACE_BOOK 16384        /* bytes of lines that a talk keeps; the oldest go first */
#define TRACE_KEPT 64           /* failed negotiations that are kept */
#define TRACE_PEERS 64          /* peers whose last lines without a session are kept */
#define TRACE_BYTES (8u << 20)  /* of all that is kept together */

/* ---- what was kept ---- */

/* The lines of the failed negotiation of a session ("a1b2c3d4-7"), with those of
 * its peer before it; or, when nobody has that name, what a peer ("192.0.2.7")
 * said last without any session. A session that is being negotiated has lines,
 * too. Oldest first; text is "<- LCP Configure-Request ..." (received), "-> ..."
 * (sent) or "   ..." (a remark of our own), at most TRACE_TEXT + 16 bytes.
 * False: nothing is kept of it. */
bool trace_kept(const char *id, void (*line)(void *u, uint64_t wall_ms, const char *text), void *u);

/* ---- writing: sessions ---- */

struct trace_talk;

#define TRACE_LINES  1u         /* lines have a reader, or are kept */
#define TRACE_FRAMES 2u         /* somebody captures its frames */

/* wants(u, TRACE_* bits) comes when what is wanted changes, from inside calls of
 * this header. NULL: no memory, and fine everywhere below. */
struct trace_talk *trace_talk_new(const char *id, const struct adit_addr *peer,
                                  void (*wants)(void *u, uint32_t bits), void *u);
uint32_t trace_talk_wants(const struct trace_talk *t);
void trace_talk_user(struct trace_talk *t, const char *user, const char *account);
void trace_talk_inner(struct trace_talk *t, const struct adit_addr *inner);     /* its address in the tunnel */
void trace_talk_up(struct trace_talk *t);
void trace_talk_end(struct trace_talk *t, bool failed);         /* frees t */

bool trace_wanted(const struct trace_talk *t, uint32_t how);    /* how: TRACE_* of a line */
void trace_line(struct trace_talk *t, uint32_t how, const char *protocol, const char *text);
/* DATA PATH, with TRACE_FRAMES: frames of a PPP protocol, their data behind the
 * protocol field. */
void trace_frames(struct trace_talk *t, bool sent, uint16_t proto, struct adit_frame *const *v, uint32_t n);

/* ---- writing: peers without a session ---- */

extern const struct adit_trace_api trace_api;   /* what plugins call */
/* The same for the daemon itself; asks first. */
void trace_peer_note(const struct adit_addr *peer, const char *protocol, const char *text);

/* ---- reading ---- */

/* Who is meant. Members that are not set do not matter; none: everybody. */
struct trace_pick {
    char user[256];             /* as it logs in, or its account; case does not count; "" any */
    char session[32];           /* "" any */
    struct adit_addr address;   /* outer or in the tunnel; a network, too; family NONE: any */
};

struct trace_line {
    uint64_t wall_ms;
    uint32_t how;               /* TRACE_RX, TRACE_TX, TRACE_NOTE */
    const char *protocol, *text;
    const struct adit_addr *peer;
    const char *session, *user; /* "": none yet */
};

struct trace_frames {
    bool sent;
    uint16_t proto;
    struct adit_frame *const *v;
    uint32_t n;
    const struct adit_addr *peer;
    const char *session, *user;
    uint64_t *mark;             /* the listener's own, one for each talk; 0 at its start */
};

/* A datagram that carries control messages below a session: whole, from its IP header. */
struct trace_packet {
    bool sent;
    const uint8_t *head;        /* IP and transport */
    uint32_t head_len;
    const uint8_t *data;
    uint32_t len;
    const struct adit_addr *peer;
};

struct trace_listener;
struct trace_ears {
    void (*line)(void *u, const struct trace_line *l);          /* NULL: not interested */
    void (*frames)(void *u, const struct trace_frames *f);      /* NULL: not interested */
    void (*packet)(void *u, const struct trace_packet *p);      /* NULL: not interested */
};
#define TRACE_LISTENERS 16      /* at once */
bool trace_may_listen(void);    /* one more */
/* Lines that are kept of negotiations under way come first, at once. NULL: there
 * are too many already. */
struct trace_listener *trace_listen(const struct trace_pick *pick, const struct trace_ears *ears,
                                    void *u);
void trace_deaf(struct trace_listener *l);      /* the end; NULL is fine */

#endif
