/* apply.h - the host's side of one connection: its interface, routes, DNS servers.
 *
 *     apply_new(entry, NULL, &h, why, sizeof why);     // the interface is there
 *     apply_way(h, &server, &way);                     // the outer way is kept
 *     apply_up(h, &is, done, u);                       // addresses, routes, names
 *     apply_down(h, keep);
 *     apply_free(h);
 *
 * Knows:  what an entry wants of the host, and how it is taken back.
 * Leaves: rtnetlink, nftables and the undo journal to the data path, names to resolv.
 */
#ifndef APPLY_H
#define APPLY_H

#include "dial/dial.h"

/* `standing`: an interface that is there before and after, with its routes. */
int32_t apply_new(struct book_entry *e, struct dp_iface *standing, struct dial_host **out, char *why, size_t size);
struct dp_iface *apply_iface(struct dial_host *h);
const char *apply_name(struct dial_host *h);
int32_t apply_way(struct dial_host *h, const struct adit_addr *server, struct dial_way *out);
void apply_up(struct dial_host *h, const struct ses_dialled *is, void (*done)(void *u), void *u);
void apply_down(struct dial_host *h, bool keep);
void apply_free(struct dial_host *h);
/* The routes of an entry on an interface that stays. */
void apply_routes(struct dp_iface *i, const struct book_entry *e, bool add);

#endif
