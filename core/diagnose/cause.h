/* cause.h - the catalogue of causes: what people are told when a connection ends.
 *
 *     cause_code(ADIT_CAUSE_POOL_EXHAUSTED)   -> "ADIT-POOL-EXHAUSTED"
 *     cause_remedy(...)                       -> "Give the pool more addresses: ..."
 *
 * The codes, RAS numbers and sentences stand in adit/cause.h; the settings at
 * fault and the remedies here.
 */
#ifndef CAUSE_H
#define CAUSE_H

#include <stddef.h>
#include <stdint.h>

/* Whose entries of the lists an attempt met; NULL: it met none. */
struct cause_names {
    const char *tunnel, *security, *policy, *account, *pool, *auth, *filter;
};

const char *cause_code(uint32_t cause);
const char *cause_text(uint32_t cause);
const char *cause_setting(uint32_t cause);      /* "" none */
const char *cause_remedy(uint32_t cause);       /* "" none */
/* "tunnels[].ports" becomes "tunnels[l2tp].ports". */
void cause_name(const char *setting, const struct cause_names *n, char *out, size_t size);
uint32_t cause_count(void);
uint32_t cause_ras(uint32_t cause);             /* RAS error number; 0 none */
uint32_t cause_mschap(uint32_t cause);          /* MS-CHAP E= number; 0: 691 */

#endif
