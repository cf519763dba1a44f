/* capture.h - frames of sessions as a pcapng file, piece by piece.
 *
 *     struct capture *c = capture_new(&pick, 0);
 *     while ((n = capture_take(c, piece, sizeof piece)) > 0)
 *         write(fd, piece, n);
 *     capture_finish(c);                  // then take the rest
 *     capture_free(c);
 *
 * Each session is an interface of its own, with PPP frames as they are before MPPE
 * seals and after it opens them (LINKTYPE_PPP_WITH_DIR); the control messages of
 * tunnels are on one more, as IP packets (LINKTYPE_RAW), without the IPsec below.
 * The password of a PAP request is overwritten with asterisks.
 */
#ifndef CAPTURE_H
#define CAPTURE_H

#include "diagnose/trace.h"

#define CAPTURE_ROOM (1u << 20) /* bytes that wait to be taken; frames beyond are lost, and counted */

struct capture;

/* `packets`: so many, then it is done; 0: any number. NULL: no memory, or too many
 * are listening already. */
struct capture *capture_new(const struct trace_pick *pick, uint64_t packets);
/* Whole blocks of pcapng; 0: nothing waits. `size` at least CAPTURE_PIECE. */
#define CAPTURE_PIECE 65536u
size_t capture_take(struct capture *c, uint8_t *out, size_t size);
bool capture_done(const struct capture *c);         /* it has as many packets as were wanted */
uint64_t capture_packets(const struct capture *c);
uint64_t capture_lost(const struct capture *c);
void capture_finish(struct capture *c);             /* no more frames; how many were lost is written */
void capture_free(struct capture *c);               /* NULL is fine */

#endif
