/* fuzz_show.h - any packet of PPP can be shown: bounded, printable, terminated.
 *
 * For the targets that feed packets to parsers: what they read, people may read, too.
 */
#ifndef FUZZ_SHOW_H
#define FUZZ_SHOW_H

#include <stdlib.h>
#include <string.h>
#include "ppp/ppp_show.h"

static inline void fuzz_show(uint16_t proto, const uint8_t *data, size_t len)
{
    char text[1024], tiny[9];
    ppp_show(proto, data, len, text, sizeof text);
    ppp_show(proto, data, len, tiny, sizeof tiny);
    if (!memchr(text, 0, sizeof text) || !memchr(tiny, 0, sizeof tiny) || !*text ||
        strncmp(text, tiny, sizeof tiny - 1) != 0)
        abort();
    for (const char *c = text; *c; c++)
        if (*c < 0x20 || *c > 0x7e)
            abort();
    if (!*ppp_show_protocol(proto))
        abort();
    (void)ppp_show_routine(proto, data, len);
}

#endif
