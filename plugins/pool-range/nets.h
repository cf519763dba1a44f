/* nets.h - IPv6 networks of one length out of larger ones, leased as addresses are.
 *
 *     nets_new(&networks, 64, 65536, seed, &n, err)
 *     nets_lease(n, "anna", NULL, now, &lease, &net)       // the one it had before, if it can
 *     nets_release(n, lease)
 *
 * Knows:  which part of which network has which number.
 * Leaves: which number is free, and whose it was, to range.c.
 */
#ifndef POOL_RANGE_NETS_H
#define POOL_RANGE_NETS_H

#include "range.h"

struct nets;

/* `networks`: struct adit_addr; the first part of each is left out. 0; ADIT_ECONF
 * or ADIT_ENOMEM with a sentence. */
int32_t nets_new(const struct adit_array *networks, uint32_t length, uint32_t remember, uint64_t seed,
                 struct nets **out, char err[RANGE_ERR]);
void nets_free(struct nets *n);                 /* NULL is fine */
/* As range_lease(). */
int32_t nets_lease(struct nets *n, const char *account, const struct adit_addr *wanted, uint64_t now,
                   uint64_t *lease, struct adit_addr *net);
bool nets_release(struct nets *n, uint64_t lease);
struct range_counts nets_counts(const struct nets *n);
/* As range_each(). */
bool nets_each(const struct nets *n, const void **pos, struct range_lease *out, struct adit_addr *net);

#endif
