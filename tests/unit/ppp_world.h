/* ppp_world.h - links in virtual time: two against each other, or one against a
 * script in hex.
 *
 *     struct world *w = world_new();
 *     w->a.cfg.auth_demand = ADIT_AUTH_MSCHAPV2;      // a answers, b dials
 *     world_up(w);
 *     world_run(w, 60000);
 *     ck_assert_str_eq(w->a.log, "lcp query auth ip+ ");
 *
 * Each side keeps a log of its events, in words. `fate` decides what becomes of
 * each frame. After DOWN nothing may come from a link: that is asserted here.
 */
#ifndef PPP_WORLD_H
#define PPP_WORLD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <adit/host.h>
#include "ppp/ppp.h"
#include "ppp_fake_auth.h"

#ifndef world_assert
#include <check.h>
#define world_assert ck_assert
#endif

#ifndef WORLD_FRAMES
#define WORLD_FRAMES 512
#define WORLD_BYTES  2200
#endif

struct world;

struct side {
    struct world *w;
    struct ppp *p;
    struct ppp_cfg cfg;
    struct ppp_net net;
    uint64_t due;               /* its timer */
    uint64_t answer_ms, net_ms; /* how long the session thinks */
    uint64_t answer_at, net_at;
    uint32_t verdict, cause_given;
    struct adit_auth_answer judged;
    bool close_on_data;         /* rx_data() closes the link */
    bool no_net;                /* never calls ppp_net_start() */
    bool down;
    uint32_t cause;
    char text[256];
    char log[4096];
    uint32_t datagrams, runs;
    uint16_t last_proto;
    uint32_t last_len;
    uint8_t last[WORLD_BYTES];
    uint32_t clear_ip;          /* IP that we put on the wire in clear */
};

struct flight {
    uint64_t at;
    uint32_t number, len;
    struct side *to;
    uint8_t data[WORLD_BYTES];
};

enum fate { DELIVER, DROP, TWICE, LATE };

struct world {
    uint64_t now;
    uint64_t seed;
    struct side a, b;           /* a answers, b dials */
    const char *secret;         /* WORLD_REAL: what the judge knows; NULL: the right one */
    bool script;                /* there is no b: frames of a are kept in `out` */
    enum fate (*fate)(struct world *w, uint32_t number, const uint8_t *data, uint32_t len);
    uint64_t arg[4];            /* of fate */
    uint32_t frames;            /* so far */
    uint32_t flying;
    struct flight fly[WORLD_FRAMES];
    uint32_t outs, looked;
    struct { uint32_t len; uint8_t data[WORLD_BYTES]; } out[WORLD_FRAMES];
};

static inline void side_log(struct side *s, const char *word)
{
    size_t n = strlen(s->log);
    if (n + strlen(word) + 2 < sizeof s->log)
        snprintf(s->log + n, sizeof s->log - n, "%s ", word);
}

static inline uint64_t world_now(void *u)
{
    return ((struct side *)u)->w->now;
}

static inline uint32_t world_draw(struct world *w)
{
    w->seed = w->seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(w->seed >> 33);
}

static inline void world_random(void *u, void *out, uint32_t len)
{
    uint8_t *b = out;
    while (len--)
        *b++ = (uint8_t)world_draw(((struct side *)u)->w);
}

static inline void world_timer(void *u, uint64_t ms)
{
    struct side *s = u;
    world_assert(!s->down || ms == UINT64_MAX);
    s->due = ms == UINT64_MAX ? UINT64_MAX : s->w->now + ms;
}

static inline void world_fly(struct world *w, struct side *to, const uint8_t *data, uint32_t len,
                             uint64_t delay)
{
    if (w->flying == WORLD_FRAMES)
        return;
    struct flight *f = &w->fly[w->flying++];
    f->at = w->now + delay;
    f->number = w->frames;
    f->to = to;
    f->len = len;
    memcpy(f->data, data, len);
}

static inline void world_tx_link(void *u, struct adit_frame **v, uint32_t n)
{
    struct side *s = u;
    struct world *w = s->w;
    world_assert(!s->down);
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *d = v[i]->data;
        uint32_t len = v[i]->len;
        world_assert(len <= WORLD_BYTES);
        uint32_t at = len > 2 && d[0] == 0xff && d[1] == 3 ? 2 : 0;
        if (len > at + 2 && (d[at] == 0x21 || d[at] == 0x57 || (d[at] == 0 && (d[at + 1] == 0x21 || d[at + 1] == 0x57))))
            s->clear_ip++;
        w->frames++;
        if (w->script) {
            if (w->outs < WORLD_FRAMES) {
                w->out[w->outs].len = len;
                memcpy(w->out[w->outs++].data, d, len);
            }
            continue;
        }
        struct side *to = s == &w->a ? &w->b : &w->a;
        enum fate fate = w->fate ? w->fate(w, w->frames, d, len) : DELIVER;
        if (fate != DROP)
            world_fly(w, to, d, len, fate == LATE ? 45 : 10);
        if (fate == TWICE)
            world_fly(w, to, d, len, 10);
    }
}

static inline void world_rx_data(void *u, uint16_t proto, struct adit_frame **v, uint32_t n)
{
    struct side *s = u;
    world_assert(!s->down);
    if (s->close_on_data)
        ppp_close(s->p, ADIT_CAUSE_IDLE_TIMEOUT);
    s->runs++;
    s->datagrams += n;
    s->last_proto = proto;
    s->last_len = v[n - 1]->len;
    memcpy(s->last, v[n - 1]->data, v[n - 1]->len < WORLD_BYTES ? v[n - 1]->len : WORLD_BYTES);
}

#ifdef WORLD_REAL
#include "crypto/crypto.h"
/* With the real protocols: the user is anna, and the judge judges. */
static inline void side_judge(struct side *s, const struct adit_auth_query *q)
{
    const char *word = s->w->secret ? s->w->secret : "trustno1";
    struct adit_secret_view v = { .size = sizeof v, .clear = word, .clear_len = (uint32_t)strlen(word) };
    struct adit_auth_answer a = { .size = sizeof a };
    crypto_judge_api.judge(q, &v, &a);
    if (strcmp(q->user, "anna") != 0)
        a = (struct adit_auth_answer){ .size = sizeof a, .cause = ADIT_CAUSE_UNKNOWN_USER };
    s->judged = a;
}
#else
static inline void side_judge(struct side *s, const struct adit_auth_query *q)
{
    s->judged = (struct adit_auth_answer){ .size = sizeof s->judged, .verdict = s->verdict,
                                           .cause = s->cause_given };
    fake_keys(&s->judged, q->method, true);
}
#endif

static inline void side_answer(struct side *s)
{
    ppp_auth_answer(s->p, &s->judged);
}

static inline void world_event(void *u, const struct ppp_event *ev)
{
    struct side *s = u;
    char word[300];
    world_assert(!s->down);
    switch (ev->type) {
    case PPP_EV_LCP_UP:
        side_log(s, "lcp");
        break;
    case PPP_EV_AUTH_QUERY:
        side_log(s, "query");
        side_judge(s, ev->query);
        if (s->answer_ms)
            s->answer_at = s->w->now + s->answer_ms;
        else
            side_answer(s);
        break;
    case PPP_EV_AUTHENTICATED:
        side_log(s, "auth");
        if (s->no_net)
            break;
        if (s->net_ms)
            s->net_at = s->w->now + s->net_ms;
        else
            ppp_net_start(s->p, &s->net);
        break;
    case PPP_EV_NET_UP:
    case PPP_EV_NET_DOWN:
        snprintf(word, sizeof word, "%s%c",
                 ev->proto == PPP_IP ? "ip" : ev->proto == PPP_IPV6 ? "ipv6" : "ipx",
                 ev->type == PPP_EV_NET_UP ? '+' : '-');
        side_log(s, word);
        break;
    case PPP_EV_MPPE:
        snprintf(word, sizeof word, "mppe%s", ev->encryption == ADIT_ENC_128 ? "128"
                 : ev->encryption == ADIT_ENC_56 ? "56" : ev->encryption == ADIT_ENC_40 ? "40" : "?");
        side_log(s, word);
        break;
    case PPP_EV_PEER_INFO:
        snprintf(word, sizeof word, "info(%s)", ev->text);
        side_log(s, word);
        break;
    case PPP_EV_DOWN:
        world_assert(ev->cause != ADIT_CAUSE_NONE);
        s->down = true;
        s->cause = ev->cause;
        snprintf(s->text, sizeof s->text, "%s", ev->text ? ev->text : "");
        side_log(s, "down");
        break;
    }
}

static const struct ppp_ops world_ops = {
    world_now, world_random, world_timer, world_tx_link, world_rx_data, world_event
};

static inline struct adit_addr world_ip(uint32_t ip)
{
    struct adit_addr a = { .family = ADIT_AF_IPV4, .prefix = 32,
        .ip = { (uint8_t)(ip >> 24), (uint8_t)(ip >> 16), (uint8_t)(ip >> 8), (uint8_t)ip } };
    return a;
}

/* a answers and demands nothing yet; b dials and does whatever it is asked. */
static inline struct world *world_new(void)
{
    struct world *w = calloc(1, sizeof *w);
    world_assert(w != NULL);
    w->seed = 0x1234567;
    w->now = 1000;
    for (int i = 0; i < 2; i++) {
        struct side *s = i ? &w->b : &w->a;
        s->w = w;
        s->due = s->answer_at = s->net_at = UINT64_MAX;
        s->cfg = (struct ppp_cfg){ .role = i ? ADIT_ROLE_DIAL : ADIT_ROLE_ANSWER, .mru = 1400,
                                   .mtu_max = 1500 };
        s->verdict = ADIT_VERDICT_ACCEPT;
        s->net = (struct ppp_net){ .encryption = ADIT_ENC_NONE, .ipv4 = 1 };
    }
    w->a.net.our = world_ip(0x0a090001);
    w->a.net.peer = world_ip(0x0a090007);
    w->a.net.dns[0] = world_ip(0x0a090035);
    w->b.net.want_dns = 1;
    w->b.cfg.auth_allow = 0xff;
    w->b.cfg.user = "anna";
    w->b.cfg.password = "trustno1";
    return w;
}

static inline void world_up(struct world *w)
{
    w->a.p = ppp_new(&w->a.cfg, &world_ops, &w->a);
    world_assert(w->a.p != NULL);
    if (!w->script) {
        w->b.p = ppp_new(&w->b.cfg, &world_ops, &w->b);
        world_assert(w->b.p != NULL);
    }
    ppp_up(w->a.p);
    if (!w->script)
        ppp_up(w->b.p);
}

static inline void side_rx(struct side *s, const uint8_t *data, uint32_t len)
{
    /* exactly as long as it is, so that a sanitizer sees a look behind it */
    uint8_t *buf = malloc(2 * ADIT_ROOM + len);
    world_assert(buf != NULL);
    if (len)
        memcpy(buf + ADIT_ROOM, data, len);
    struct adit_frame f = adit_frame_of(buf, ADIT_ROOM + len, ADIT_ROOM, len);
    struct adit_frame *v = &f;
    ppp_rx(s->p, &v, 1);
    free(buf);
}

static inline bool side_due(struct side *s, uint64_t *t)
{
    uint64_t at = s->due;
    if (s->answer_at < at)
        at = s->answer_at;
    if (s->net_at < at)
        at = s->net_at;
    if (at < *t)
        *t = at;
    return true;
}

static inline void side_fire(struct side *s)
{
    uint64_t now = s->w->now;
    if (s->answer_at <= now) {
        s->answer_at = UINT64_MAX;
        side_answer(s);
    }
    if (s->net_at <= now) {
        s->net_at = UINT64_MAX;
        ppp_net_start(s->p, &s->net);
    }
    if (s->due <= now) {
        s->due = UINT64_MAX;
        ppp_tick(s->p);
    }
}

/* Runs until `until` (absolute), or until nothing can happen any more. */
static inline void world_run(struct world *w, uint64_t until)
{
    for (uint32_t guard = 0; guard < 200000; guard++) {
        uint64_t t = UINT64_MAX;
        uint32_t first = UINT32_MAX;
        for (uint32_t i = 0; i < w->flying; i++) {
            if (w->fly[i].at < t) {
                t = w->fly[i].at;
                first = i;
            }
        }
        uint64_t timers = UINT64_MAX;
        side_due(&w->a, &timers);
        side_due(&w->b, &timers);
        uint64_t next = timers < t ? timers : t;
        if (next == UINT64_MAX || next > until)
            break;
        if (next > w->now)
            w->now = next;
        if (t <= timers) {
            static struct flight f;
            f = w->fly[first];
            w->flying--;
            memmove(&w->fly[first], &w->fly[first + 1], (w->flying - first) * sizeof w->fly[0]);
            side_rx(f.to, f.data, f.len);
        } else {
            if (w->a.p)
                side_fire(&w->a);
            if (w->b.p)
                side_fire(&w->b);
        }
    }
    if (until != UINT64_MAX && w->now < until)
        w->now = until;
}

static inline void world_free(struct world *w)
{
    ppp_free(w->a.p);
    ppp_free(w->b.p);
    free(w);
}

#endif
