/* filter_path.c - what a packet costs in a filter: the look at it, and rules until one fits.
 *
 *     filter_path         # ns for a packet, by the number of rules that do not fit it
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "datapath/dp_filter.h"

#define PACKETS 2000000u

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);     /* the machine is shared */
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(void)
{
    static const uint32_t counts[] = { 1, 10, 100, 1000 };
    static uint8_t p[1400] = { 0x45, 0, 5, 0x78, [8] = 64, [9] = IPPROTO_TCP, [12] = 10, 9, 0, 2, 10, 0, 0, 1,
                               4, 0, 1, 187, [32] = 0x50, 0x10 };
    char why[128];
    for (size_t n = 0; n < sizeof counts / sizeof counts[0]; n++) {
        const char **rules = calloc(counts[n], sizeof *rules);
        struct dp_filter *f, *none;
        for (uint32_t i = 0; i < counts[n]; i++)
            rules[i] = i + 1 < counts[n] ? "deny in tcp from any to 192.168.0.0/16 80,8000-8080" :
                                           "permit in tcp from any to 10.0.0.0/8 443";
        if (dp_filter_read(rules, counts[n], &f, &none, why, sizeof why))
            return fprintf(stderr, "%s\n", why), 1;
        uint32_t packets = PACKETS / counts[n] + 10000, passed = 0;
        double t = now();
        for (uint32_t i = 0; i < packets; i++) {
            struct dp_hdr h;
            struct dp_look l;
            p[21] = (uint8_t)i;         /* another port: nothing is known before */
            passed += dp_parse(p, sizeof p, &h) && dp_look(p, &h, &l) && dp_filter_pass(f, &l, NULL);
        }
        t = now() - t;
        printf("%4u rules: %7.1f ns a packet\n", counts[n], t * 1e9 / packets);
        if (passed != packets)
            return fprintf(stderr, "%u of %u passed\n", passed, packets), 1;
        dp_filter_unref(f);
        dp_filter_unref(none);
        free(rules);
    }
    return 0;
}
