/* resolv.h - the host's DNS servers, while connections are up that have their own.
 *
 *     resolv_open(&conf);                  // puts back what a crashed predecessor left
 *     struct resolv *r;
 *     resolv_set(&servers, &r, done, u);   // done(u) once, when names are asked there
 *     resolv_unset(r);
 *
 * Knows:  systemd-resolved, resolvconf and the file, which of them a host has, how each
 *         is put back.
 * Leaves: which servers to apply.
 *
 * The file is replaced as a whole, and what it was is kept in the state directory: it
 * is put back when the last connection ends, or at the next start, also after a crash
 * of the host. Who writes it in between keeps it.
 */
#ifndef RESOLV_H
#define RESOLV_H

#include <stdbool.h>
#include <stddef.h>
#include <adit/abi.h>

#define RESOLV_AUTO       0u
#define RESOLV_RESOLVED   1u
#define RESOLV_RESOLVCONF 2u
#define RESOLV_FILE       3u
#define RESOLV_NONE       4u

struct resolv_conf {
    uint32_t how;               /* RESOLV_* */
    const char *file;           /* "/etc/resolv.conf" */
    const char *state_dir;      /* NULL: nothing can be kept, so the file stays as it is */
};
int32_t resolv_open(const struct resolv_conf *c);
void resolv_close(void);        /* puts everything back, waiting for it */

#define RESOLV_SERVERS 8u
struct resolv_servers {
    const char *iface;
    struct adit_addr server[RESOLV_SERVERS];
    uint32_t count;
    struct adit_array search;   /* const char * */
    bool all;                   /* asked about every name; else about `search` where that can be done */
};
struct resolv;
int32_t resolv_set(const struct resolv_servers *s, struct resolv **out, void (*done)(void *u), void *u);
void resolv_unset(struct resolv *r);    /* NULL is fine; done() does not come any more */

#endif
