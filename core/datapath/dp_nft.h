/* dp_nft.h - what is asked of the host's nftables, in one table of ours.
 *
 *     struct dp_nft c = { .internet = "eth0", .admit = list, .count = n };
 *     if (dp_nft_set(&c, true)) ...            // after dp_open(); in force when it returns
 *
 * Knows:  the internet interface's set (tunnels only), NAT for clients, how nft(8)
 *         is told.
 * Leaves: filters of sessions to dp_filter: they are not in nftables.
 *
 * The table is named for our interface and is made, replaced and removed as a
 * whole, each in one transaction; no other table is touched. The undo journal has
 * it: it is gone after dp_close(), and after dp_recover() when we crashed.
 */
#ifndef DP_NFT_H
#define DP_NFT_H

#include <stdbool.h>
#include <stddef.h>
#include <adit/abi.h>

/* What is admitted beside the tunnels. */
struct dp_admit {
    uint32_t proto;             /* 0: ICMP echo requests of both versions */
    uint16_t first, last;       /* ports of TCP and UDP */
};
struct dp_nft {
    const char *internet;       /* interface that is closed but for tunnels; NULL: none */
    const char *nat;            /* interface where clients take our address; NULL: none */
    bool clear_l2tp;            /* L2TP without IPsec is served */
    const struct dp_admit *admit;
    uint32_t count;
};

/* "icmp-echo", "tcp/22", "udp/6000-6010", "protocol/89" (dp_admit.c) */
bool dp_admit_parse(const char *text, struct dp_admit *out);
bool dp_nft_interface(const char *name);        /* a name that an interface can have */
/* Nothing asked for: the table goes. `anew`: also when nothing changed, since a flush
 * of the whole ruleset by somebody else takes our table too. 0, or ADIT_E* after it was told; then what was
 * in force stays. */
int dp_nft_set(const struct dp_nft *c, bool anew);
/* One more table of ours, "aditd-NAME", with what stands between its braces; NULL: it
 * goes. In the undo journal as well. */
int dp_nft_own(const char *name, const char *body);
/* The transaction, for tests; false: it does not fit. */
bool dp_nft_text(const struct dp_nft *c, const char *table, const char *tun, char *out, size_t size);

#endif
