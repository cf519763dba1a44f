/* ses_trace.c - a session as those see it who watch its negotiation or capture its frames.
 *
 * Knows:  when a session is a talk, which of its frames are shown.
 * Leaves: what a packet says to ppp_show, who watches and what is kept to diagnose.
 */
#include "session/ses_int.h"

#include <stdarg.h>
#include <stdio.h>
#include "base/addr.h"
#include "ppp/ppp_show.h"

/* What PPP shows of its frames. Lines are of control protocols alone (RFC 1661
 * section 2: those from 8000 on), whatever else may come with them. */
static void seen(void *u, bool sent, uint16_t proto, struct adit_frame *const *v, uint32_t n)
{
    struct ses *s = u;
    char text[TRACE_TEXT];
    for (uint32_t i = 0; proto & 0x8000u && i < n; i++) {
        uint32_t how = (sent ? TRACE_TX : TRACE_RX) |
                       (ppp_show_routine(proto, v[i]->data, v[i]->len) ? TRACE_ROUTINE : 0);
        if (!trace_wanted(s->talk, how))
            continue;
        ppp_show(proto, v[i]->data, v[i]->len, text, sizeof text);
        trace_line(s->talk, how, ppp_show_protocol(proto), text);
    }
    trace_frames(s->talk, sent, proto, v, n);
}

static void wants(void *u, uint32_t bits)
{
    struct ses *s = u;
    if (s->ppp)
        ppp_watch(s->ppp, (bits ? PPP_WATCH_CONTROL : 0) | (bits & TRACE_FRAMES ? PPP_WATCH_DATA : 0),
                  seen);
}

void ses_trace_open(struct ses *s)
{
    s->talk = trace_talk_new(s->id, &s->peer, wants, s);
}

void ses_trace_ppp(struct ses *s)
{
    wants(s, trace_talk_wants(s->talk));
}

void ses_trace_up(struct ses *s)
{
    char address[ADDR_TEXT];
    ses_trace_note(s, "up: %s has %s", s->user, addr_text_host(&s->address, address));
    trace_talk_up(s->talk);
}

void ses_trace_close(struct ses *s)
{
    trace_talk_end(s->talk, !s->up_wall);
    s->talk = NULL;
}

void ses_trace_note(struct ses *s, const char *fmt, ...)
{
    char text[TRACE_TEXT];
    va_list ap;
    if (!trace_wanted(s->talk, TRACE_NOTE))
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    trace_line(s->talk, TRACE_NOTE, "session", text);
}
