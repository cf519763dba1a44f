/* dp_admit.c - words about the internet interface: what it admits, its name.
 *
 * Knows:  how they are written.
 * Leaves: the rules that come of them to dp_nft.c.
 */
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include "datapath/dp_nft.h"

static bool number(const char **at, uint32_t most, uint32_t *out)
{
    char *end;
    if (**at < '0' || **at > '9')
        return false;
    unsigned long v = strtoul(*at, &end, 10);
    *at = end;
    *out = (uint32_t)v;
    return v <= most;
}

bool dp_admit_parse(const char *text, struct dp_admit *out)
{
    uint32_t a, b;
    *out = (struct dp_admit){ .proto = 0 };
    if (strcmp(text, "icmp-echo") == 0)
        return true;
    if (strncmp(text, "protocol/", 9) == 0) {
        text += 9;
        if (!number(&text, 255, &out->proto))
            return false;
        if (out->proto == 6 || out->proto == 17)        /* all of its ports */
            out->last = 65535;
        return !*text && out->proto != 0;
    }
    out->proto = strncmp(text, "tcp/", 4) == 0 ? 6 : strncmp(text, "udp/", 4) == 0 ? 17 : 0;
    if (!out->proto)
        return false;
    text += 4;
    if (!number(&text, 65535, &a))
        return false;
    b = a;
    if (*text == '-') {
        text++;
        if (!number(&text, 65535, &b))
            return false;
    }
    out->first = (uint16_t)a;
    out->last = (uint16_t)b;
    return !*text && a <= b;
}

/* As the kernel has it, without what would end a quoted name. */
bool dp_nft_interface(const char *name)
{
    size_t n = strlen(name);
    if (n == 0 || n >= IFNAMSIZ || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return false;
    for (; *name; name++)
        if (*name <= ' ' || *name == 0x7f || strchr("/\"\\*%", *name))
            return false;
    return true;
}
